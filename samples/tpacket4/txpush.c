// SPDX-License-Identifier: GPL-2.0
/* Transmits test packets, from frames that are filled in advance */

#include "common.h"

static struct options opt = { .program = "txpush" };
static struct stats stats;
static struct port port;
static struct run run;

static unsigned int batch(void)
{
	if (opt.packets && opt.packets - port.next_seq < opt.batch)
		return opt.packets - port.next_seq;
	return opt.batch;
}

static bool transmit(void)
{
	struct port *ports[] = { &port };

	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, port.next_seq)) {
		__u64 before = port.next_seq;

		port_generate(&port, batch());
		port.ops->tx_kick(&port);
		if (port.next_seq == before)
			ports_wait(ports, 1);
		else
			tp4_backoff_reset(&port.backoff);
	}
	if (!port_drain_tx(&port))
		return false;
	run_end(&run);
	return true;
}

static bool check_all(struct port *far, struct checker *checker)
{
	bool any = false;
	unsigned int nr;

	while ((nr = port_rx(far, far->opt->batch))) {
		test_check(checker, far->segs, nr);
		far->ops->rx_release(far, far->segs, nr);
		any = true;
	}
	return any;
}

static bool transmit_by_turns(void)
{
	struct checker checker = { .stats = &stats, .size = opt.size };
	struct stats far_stats = {};
	struct options far_opt;
	double began = 0;
	struct port far;
	bool sent = true;

	far_open(&far, &far_opt, &opt, ROLE_RX, &far_stats);
	checker.dst = opt.dst;
	checker.src = port.mac;

	run_begin(&run, &opt, &stats);
	while (sent && run_goes_on(&run, port.next_seq)) {
		run_part_begin(&run);
		port_generate(&port, batch());
		sent = port_drain_tx(&port);
		run_part_end(&run);
		check_all(&far, &checker);
	}
	run_end(&run);

	while (stats.good < port.next_seq) {
		if (check_all(&far, &checker))
			began = 0;
		else if (!patience_left(&began))
			break;
	}
	stats.drops += far.ops->drops(&far);
	port_close(&far);
	if (sent && stats.good == port.next_seq)
		return true;

	warnx("%llu packets were sent, %llu received unharmed",
	      (unsigned long long)port.next_seq,
	      (unsigned long long)stats.good);
	return false;
}

int main(int argc, char **argv)
{
	bool ok;
	int i;

	options_parse(&opt, argc, argv);
	pin_to_cpu(opt.cpu[0]);
	port_open(&port, ops_of_version(opt.version), &opt, opt.interface,
		  ROLE_TX, &stats, NULL);

	ok = opt.turns ? transmit_by_turns() : transmit();
	port_close(&port);
	for (i = 0; i < MAX_ERRNO_SEEN; i++)
		ok = ok && !stats.errors[i];
	return run_report(&run, stats.tx_packets, stats.tx_bytes,
			  !ok || test_failed(&stats));
}

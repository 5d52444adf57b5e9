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

static void check_all(struct port *far, struct checker *checker)
{
	unsigned int nr;

	while ((nr = port_rx(far, far->opt->batch))) {
		test_check(checker, far->segs, nr);
		far->ops->rx_release(far, far->segs, nr);
	}
}

static bool transmit_by_turns(struct v4_pool *pool)
{
	struct checker checker = { .stats = &stats, .size = opt.size };
	struct patience patience = {};
	struct stats far_stats = {};
	struct options far_opt;
	struct port far;
	bool sent = true;

	far_open(&far, &far_opt, &opt, ROLE_RX, &far_stats, pool);
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

	while (stats.good < port.next_seq &&
	       patience_left(&patience, test_seen(&stats)))
		check_all(&far, &checker);
	far_close(&far, &stats);
	if (sent && stats.good == port.next_seq)
		return true;

	warnx("%llu packets were sent, %llu received unharmed",
	      (unsigned long long)port.next_seq,
	      (unsigned long long)stats.good);
	return false;
}

int main(int argc, char **argv)
{
	struct v4_pool *pools[2];
	bool ok;
	int i;

	options_parse(&opt, argc, argv);
	pin_to_cpu(opt.cpu[0]);
	ends_open_buffer(&opt, ROLE_TX, ROLE_RX, pools);
	port_open(&port, ops_of_version(opt.version), &opt, opt.interface,
		  ROLE_TX, &stats, pools[0]);

	ok = opt.turns ? transmit_by_turns(pools[1]) : transmit();
	port_close(&port);
	/* Losses are what a receiver that is too slow makes of any sender. */
	for (i = 0; i < MAX_ERRNO_SEEN; i++)
		ok = ok && (i == ENOBUFS || !stats.errors[i]);
	return run_report(&run, stats.tx_packets, stats.tx_bytes,
			  !ok || test_failed(&stats) ||
			  errors_failed(&opt, &stats));
}

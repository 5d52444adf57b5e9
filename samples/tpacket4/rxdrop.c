// SPDX-License-Identifier: GPL-2.0
/* Receives packets and drops them, without touching their data */

#include "common.h"

static struct options opt = { .program = "rxdrop" };
static struct stats stats;
static struct checker checker = { .stats = &stats };
static struct port port;
static struct run run;

static void receive(void)
{
	struct port *ports[] = { &port };

	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, stats.rx_packets)) {
		unsigned int nr = opt.batch;

		if (opt.packets && nr > opt.packets - stats.rx_packets)
			nr = opt.packets - stats.rx_packets;
		nr = port_rx(&port, nr);
		if (!nr) {
			ports_wait(ports, 1);
			continue;
		}
		if (opt.verify)
			test_check(&checker, port.segs, nr);
		port.ops->rx_release(&port, port.segs, nr);
	}
	run_end(&run);
}

static void receive_all(void)
{
	unsigned int nr;

	while ((nr = port_rx(&port, opt.batch))) {
		run_part_end(&run);
		test_check(&checker, port.segs, nr);
		run_part_begin(&run);
		port.ops->rx_release(&port, port.segs, nr);
	}
}

/* Returns the number of packets sent. */
static __u64 receive_by_turns(struct v4_pool *pool, __u64 *packets,
			      __u64 *bytes)
{
	struct patience patience = {};
	struct stats far_stats = {};
	struct options far_opt;
	struct port far;

	far_open(&far, &far_opt, &opt, ROLE_TX, &far_stats, pool);
	checker.dst = opt.dst;
	checker.src = far.mac;

	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, far.next_seq)) {
		bool sent;

		run_part_begin(&run);
		sent = far_send(&far);
		receive_all();
		run_part_end(&run);
		if (!sent)
			break;
	}
	run_end(&run);

	/* The last ones are checked too, but V3's timer is not our subject. */
	*packets = stats.rx_packets - stats.foreign;
	*bytes = stats.rx_bytes;
	while (stats.rx_packets - stats.foreign < far.next_seq &&
	       patience_left(&patience, test_seen(&stats)))
		receive_all();

	far_close(&far, &stats);
	return far.next_seq;
}

int main(int argc, char **argv)
{
	struct v4_pool *pools[2];
	__u64 packets, bytes;
	bool failed = false;

	options_parse(&opt, argc, argv);
	pin_to_cpu(opt.cpu[0]);
	ends_open_buffer(&opt, ROLE_RX, ROLE_TX, pools);
	port_open(&port, ops_of_version(opt.version), &opt, opt.interface,
		  ROLE_RX, &stats, pools[0]);
	warnx("%s: ready", opt.interface);

	if (opt.turns) {
		__u64 sent = receive_by_turns(pools[1], &packets, &bytes);

		if (stats.good != sent) {
			warnx("%llu packets were sent, %llu received unharmed",
			      (unsigned long long)sent,
			      (unsigned long long)stats.good);
			failed = true;
		}
	} else {
		receive();
		packets = stats.rx_packets;
		bytes = stats.rx_bytes;
	}

	stats.drops += port.ops->drops(&port);
	port_close(&port);
	if (test_failed(&stats) || errors_failed(&opt, &stats) ||
	    (opt.verify && stats.drops))
		failed = true;
	return run_report(&run, packets, bytes, failed);
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Sends each packet back with its MAC addresses swapped, or forwards packets
 * between two interfaces
 */

#include <signal.h>

#include <sys/prctl.h>
#include <sys/wait.h>

#include "common.h"

/**
 * struct end - a port that packets come in at, and the one they go out of
 * @port: in
 * @out: out; often the same
 * @checker: looks at what comes in
 * @checking: whether it does
 * @swap: swap MAC addresses
 * @only_ours: drop what are not test packets, lest they go round for ever
 * @in_packet: the segment that comes next does not begin a packet
 * @swapped: the same, for swapping
 * @ours: the packet at hand is a test packet
 */
struct end {
	struct port *port;
	struct port *out;
	struct checker checker;
	bool checking;
	bool swap;
	bool only_ours;
	bool in_packet;
	bool swapped;
	bool ours;
};

#define ROLES		(ROLE_RX | ROLE_FWD)
#define ROLES_OUTSTANDING (ROLES | ROLE_TX)
#define FAR_ROLES	(ROLE_RX | ROLE_FWD)
#define FAR_ROLES_TURNS	(ROLE_RX | ROLE_TX)

static struct options opt = { .program = "l2fwd" };
static struct stats stats;
static struct run run = { .opt = &opt };

static void swap_addresses(struct end *end, unsigned int nr)
{
	struct seg *segs = end->port->segs;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		unsigned char mac[ETH_ALEN];

		if (!end->swapped && segs[i].len >= ETH_HLEN) {
			memcpy(mac, segs[i].data, ETH_ALEN);
			memcpy(segs[i].data, segs[i].data + ETH_ALEN, ETH_ALEN);
			memcpy(segs[i].data + ETH_ALEN, mac, ETH_ALEN);
		}
		end->swapped = segs[i].more;
	}
}

/* Is this segment of a test packet? To be asked once for each. */
static bool of_ours(struct end *end, const struct seg *seg)
{
	if (!end->in_packet) {
		end->ours = test_is_ours(seg);
		/* Or the checker does. */
		if (!end->checking)
			end->port->stats->foreign += !end->ours;
	}
	end->in_packet = seg->more;
	return end->ours;
}

/* Frames must be released in their order, so this goes by runs of one kind. */
static void forward_ours(struct end *end, unsigned int nr)
{
	struct port *port = end->port;
	const struct seg *segs = port->segs;
	bool ours = of_ours(end, segs);
	unsigned int first = 0;
	unsigned int i;

	for (i = 1; i <= nr; i++) {
		bool next = i < nr && of_ours(end, &segs[i]);

		if (i < nr && next == ours)
			continue;
		if (ours)
			port_forward(port, end->out, segs + first, i - first);
		else
			port->ops->rx_release(port, segs + first, i - first);
		first = i;
		ours = next;
	}
}

static void forward_segs(struct end *end, unsigned int nr)
{
	if (end->checking) {
		run_part_end(&run);
		test_check(&end->checker, end->port->segs, nr);
		run_part_begin(&run);
	}
	if (end->swap)
		swap_addresses(end, nr);
	if (end->only_ours)
		forward_ours(end, nr);
	else
		port_forward(end->port, end->out, end->port->segs, nr);
}

/* One batch from in to out; returns the number of segments. */
static unsigned int end_forward(struct end *end)
{
	unsigned int total = 0;
	unsigned int nr;

	/* V3 gives no more than a block at a time, but one send() will do. */
	do {
		nr = port_rx(end->port, opt.batch - total);
		if (nr)
			forward_segs(end, nr);
		total += nr;
	} while (nr && total < opt.batch);

	if (end->out->ops->tx_pending(end->out))
		end->out->ops->tx_kick(end->out);
	return total;
}

/* One batch, checked and kept back; returns the number of segments. */
static unsigned int end_receive(struct end *end)
{
	unsigned int nr = port_rx(end->port, opt.batch);

	if (nr) {
		test_check(&end->checker, end->port->segs, nr);
		end->port->ops->rx_release(end->port, end->port->segs, nr);
	}
	return nr;
}

/* Swap and send back, or --out: until it is told to stop. */
static bool forward(struct end *ends, unsigned int nr)
{
	struct port *ports[2];
	unsigned int i;
	bool ok = true;

	for (i = 0; i < nr; i++) {
		ends[i].checking = opt.verify;
		ports[i] = ends[i].port;
	}

	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, stats.rx_packets)) {
		unsigned int any = 0;

		for (i = 0; i < nr; i++)
			any += end_forward(&ends[i]);
		if (!any)
			ports_wait(ports, nr);
	}
	for (i = 0; i < nr; i++)
		ok &= port_drain_tx(ports[i]);
	run_end(&run);
	return ok;
}

/* The far end sends, and checks what comes back. */
static bool forward_by_turns(struct end *end, struct v4_pool *pool,
			     __u64 *packets, __u64 *bytes)
{
	struct patience patience = {};
	struct stats far_stats = {};
	struct options far_opt;
	struct port far;
	struct end back = {
		.port = &far,
		.checker = {
			.stats = &stats,
			.size = opt.size,
			.dst = far.mac,
			.src = opt.dst,
		},
	};
	bool sent = true;

	far_open(&far, &far_opt, &opt, FAR_ROLES_TURNS, &far_stats, pool);
	end->only_ours = true;

	run_begin(&run, &opt, &stats);
	while (sent && run_goes_on(&run, far.next_seq)) {
		run_part_begin(&run);
		sent = far_send(&far);
		/* V3 may release more at once than the far end has room for. */
		while (end_forward(end)) {
			run_part_end(&run);
			while (end_receive(&back))
				;
			run_part_begin(&run);
		}
		run_part_end(&run);
	}
	run_end(&run);

	*packets = stats.tx_packets;
	*bytes = stats.tx_bytes;
	while (stats.good < far.next_seq &&
	       patience_left(&patience, test_seen(&stats))) {
		end_forward(end);
		end_receive(&back);
	}

	far_close(&far, &stats);
	if (sent && stats.good == far.next_seq)
		return true;

	warnx("%llu packets were sent, %llu came back unharmed",
	      (unsigned long long)far.next_seq, (unsigned long long)stats.good);
	return false;
}

/* --outstanding */

static void end_init(struct end *end, struct port *port, bool far,
		     const unsigned char *near_mac)
{
	end->port = port;
	end->out = port;
	end->swap = true;
	end->only_ours = true;
	end->checking = true;
	end->checker.stats = port->stats;
	end->checker.size = opt.size;
	end->checker.modulo = opt.outstanding;
	/* Generated at the near end, swapped at each end. */
	end->checker.dst = far ? opt.dst : near_mac;
	end->checker.src = far ? near_mac : opt.dst;
}

static void generate_outstanding(struct port *port)
{
	unsigned int nr = opt.outstanding;

	while (nr) {
		unsigned int n = nr < opt.batch ? nr : opt.batch;

		port_generate(port, n);
		if (!port_drain_tx(port))
			errx(1, "%s: cannot send the packets that are to go round",
			     port->interface);
		nr -= n;
	}
}

static bool all_back(__u64 held)
{
	if (held == opt.outstanding && !test_failed(&stats))
		return true;

	warnx("%u packets went round, %llu of them are there at the end",
	      opt.outstanding, (unsigned long long)held);
	return false;
}

static bool outstanding_by_turns(struct end *near_end, struct v4_pool *pool,
				 __u64 *hops)
{
	struct port far, *ports[2] = { near_end->port, &far };
	struct patience patience = {};
	struct options far_opt;
	struct end far_end = {};

	far_open(&far, &far_opt, &opt, FAR_ROLES, &stats, pool);
	end_init(near_end, near_end->port, false, near_end->port->mac);
	end_init(&far_end, &far, true, near_end->port->mac);
	generate_outstanding(near_end->port);

	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, stats.good)) {
		unsigned int nr;

		run_part_begin(&run);
		nr = end_forward(&far_end);
		nr += end_forward(near_end);
		if (!nr)
			ports_wait(ports, 2);
		run_part_end(&run);
		if (!patience_left(&patience, test_seen(&stats)))
			break;
	}
	run_end(&run);

	*hops = stats.good;
	while (stats.good - *hops < opt.outstanding &&
	       patience_left(&patience, test_seen(&stats))) {
		end_receive(&far_end);
		end_receive(near_end);
	}
	far_close(&far, &stats);
	return all_back(stats.good - *hops);
}

/* What the two processes of --veth share. */
struct shared {
	unsigned char near_mac[ETH_ALEN];
	bool ready;
	bool stop;
	__u64 held[2];
	struct stats stats;	/* the far end's */
};

static bool load_flag(const bool *flag)
{
	return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static __u64 held_together(struct shared *shared)
{
	return __atomic_load_n(&shared->held[0], __ATOMIC_ACQUIRE) +
	       __atomic_load_n(&shared->held[1], __ATOMIC_ACQUIRE);
}

/* After the stop, both ends keep what they get until all packets are there. */
static void hold(struct shared *shared, struct end *end, unsigned int which)
{
	const struct stats *mine = end->port->stats;
	struct patience patience = {};
	struct port *out = end->out;
	__u64 before = mine->good;

	/* What was not checked on the way goes on wherever it was. */
	end->checker.resync = !end->checking;
	while (held_together(shared) < opt.outstanding &&
	       patience_left(&patience, test_seen(mine))) {
		if (!end_receive(end))
			tp4_backoff_wait(&end->port->backoff);
		if (out->ops->tx_pending(out))
			out->ops->tx_kick(out);
		__atomic_store_n(&shared->held[which], mine->good - before,
				 __ATOMIC_RELEASE);
	}
}

static noreturn void far_process(struct shared *shared, struct v4_pool *pool,
				 pid_t parent)
{
	struct port port, *ports[] = { &port };
	struct options far_opt;
	struct end end = {};

	/* Ctrl-C is for the parent; we end with it, whatever its end. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
	pin_to_cpu(opt.cpu[1]);

	far_open(&port, &far_opt, &opt, FAR_ROLES, &shared->stats, pool);
	/* The MAC address will be there before the first packet. */
	end_init(&end, &port, true, shared->near_mac);
	end.checking = opt.verify;
	__atomic_store_n(&shared->ready, true, __ATOMIC_RELEASE);

	while (!load_flag(&shared->stop))
		if (!end_forward(&end))
			ports_wait(ports, 1);
	hold(shared, &end, 1);
	far_close(&port, &shared->stats);
	_exit(0);
}

static void stats_add(struct stats *to, const struct stats *from)
{
	const __u64 *src = (const __u64 *)from;
	__u64 *dst = (__u64 *)to;
	unsigned int i;

	/* All members are counters. */
	for (i = 0; i < sizeof(*to) / sizeof(*dst); i++)
		dst[i] += src[i];
}

static bool outstanding_by_two(struct end *end, __u64 *hops)
{
	struct port *ports[] = { end->port };
	unsigned int look_at_clock = 1000;
	struct patience patience = {};
	struct v4_pool *pools[2];
	struct shared *shared;
	pid_t pid, parent;
	int status = 0;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		errx(1, "out of memory");

	/* The packet buffer may be for both, rings are for one process. */
	ends_open_buffer(&opt, ROLES_OUTSTANDING, FAR_ROLES, pools);
	parent = getpid();
	pid = fork();
	if (pid < 0)
		errx(1, "fork(): %s", strerror(errno));
	if (!pid)
		far_process(shared, pools[1], parent);

	port_open(end->port, ops_of_version(opt.version), &opt, opt.interface,
		  ROLES_OUTSTANDING, &stats, pools[0]);
	end_init(end, end->port, false, end->port->mac);
	end->checking = opt.verify;
	memcpy(shared->near_mac, end->port->mac, ETH_ALEN);
	while (!load_flag(&shared->ready)) {
		tp4_backoff_wait(&end->port->backoff);
		if (waitpid(pid, &status, WNOHANG) == pid)
			errx(1, "%s: the other process failed", opt.veth);
	}

	generate_outstanding(end->port);
	run_begin(&run, &opt, &stats);
	while (run_goes_on(&run, 2 * (stats.rx_packets - stats.foreign))) {
		if (!end_forward(end))
			ports_wait(ports, 1);
		if (!--look_at_clock) {
			look_at_clock = 1000;
			if (!patience_left(&patience,
					   stats.rx_packets - stats.foreign))
				break;
		}
	}
	run_end(&run);
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELEASE);
	hold(shared, end, 0);
	if (waitpid(pid, &status, 0) < 0 || status)
		errx(1, "%s: the other process failed", opt.veth);
	stats_add(&stats, &shared->stats);
	*hops = stats.rx_packets - stats.foreign - held_together(shared);
	return all_back(held_together(shared));
}

int main(int argc, char **argv)
{
	struct v4_pool *pools[2];
	struct port port, out;
	struct end ends[2] = {
		{ .port = &port, .out = &port },
		{ .port = &out, .out = &port },
	};
	__u64 packets, bytes;
	bool ok;

	options_parse(&opt, argc, argv);
	pin_to_cpu(opt.cpu[0]);
	for (int i = 0; i < 2; i++)
		ends[i].checker.stats = &stats;
	if (!opt.veth) {
		unsigned int roles = opt.outstanding ? ROLES_OUTSTANDING : ROLES;

		ends_open_buffer(&opt, roles,
				 opt.outstanding ? FAR_ROLES : FAR_ROLES_TURNS,
				 pools);
		port_open(&port, ops_of_version(opt.version), &opt,
			  opt.interface, roles, &stats, pools[0]);
	}

	if (opt.out) {
		/* One packet buffer for both: frames move between the rings. */
		port_open(&out, port.ops, &opt, opt.out, ROLES, &stats,
			  opt.version == TPACKET_V4 ? v4_pool_of(&port) : NULL);
		ends[0].out = &out;
		warnx("%s, %s: ready", opt.interface, opt.out);
		ok = forward(ends, 2);
		packets = stats.tx_packets;
		bytes = stats.tx_bytes;
		stats.drops += out.ops->drops(&out);
		port_close(&out);
	} else if (opt.veth) {
		ok = outstanding_by_two(&ends[0], &packets);
		bytes = packets * opt.size;
	} else if (opt.outstanding) {
		ok = outstanding_by_turns(&ends[0], pools[1], &packets);
		bytes = packets * opt.size;
	} else if (opt.turns) {
		ends[0].swap = true;
		ok = forward_by_turns(&ends[0], pools[1], &packets, &bytes);
	} else {
		ends[0].swap = true;
		warnx("%s: ready", opt.interface);
		ok = forward(ends, 1);
		packets = stats.tx_packets;
		bytes = stats.tx_bytes;
	}
	stats.drops += port.ops->drops(&port);
	port_close(&port);
	return run_report(&run, packets, bytes, !ok || test_failed(&stats) ||
			  errors_failed(&opt, &stats));
}

// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: tp4bench --row ROW [OPTION...]
 *
 * Measures one row of a table, in one mode, and prints a line of JSON. One
 * process plays both ends by turns. See "lab/bench --help" for the rows.
 */

#include <getopt.h>
#include <poll.h>
#include <unistd.h>

#include "bench.h"

/* What a round took. */
struct round {
	__u64 ns;		/* all that is measured */
	__u64 reader_ns;	/* rxdrop: of it, the time in user space */
	__u64 cpu_ns;		/* without sleeping */
	__u64 waits;		/* times that we had to sleep */
	__u64 packets;
};

const char *const mode_names[] = {
	[NONE] = "none",
	[V2] = "V2",
	[V3] = "V3",
	[V4] = "V4",
	[V4_ZC] = "V4+ZC",
	[XDP_GENERIC] = "XDP-generic",
	[XDP_DRIVER] = "XDP-driver",
	[XDP_ZC] = "XDP+ZC",
	[XDP_JUST_DROP] = "XDP_DROP",
};

#define NR_MODES	(sizeof(mode_names) / sizeof(*mode_names))

static struct end *ends[2 * MAX_PAIRS];
static unsigned int nr_ends;
char bench_command[512];
static struct check checks[2 * MAX_PAIRS];
static bool checking;

/*
 * Where a profiler looks (lab/bench.d/profile): all that is executed between
 * calls of the two is what is measured.
 */
__attribute__((noinline)) void bench_mark_begin(void)
{
	asm volatile("" ::: "memory");
}

__attribute__((noinline)) void bench_mark_end(void)
{
	asm volatile("" ::: "memory");
}

static __u64 begin(const struct options *opt)
{
	if (!checking)
		bench_mark_begin();
	return now_ns(opt);
}

static __u64 end_of(const struct options *opt, __u64 began)
{
	__u64 ns = now_ns(opt) - began;

	if (!checking)
		bench_mark_end();
	return ns;
}

const struct end_ops *ops_of(enum mode mode)
{
	switch (mode) {
	case V2:
		return &v2_ops;
	case V3:
		return &v3_ops;
	case V4:
	case V4_ZC:
		return &v4_ops;
	case XDP_GENERIC:
	case XDP_DRIVER:
	case XDP_ZC:
		return &xdp_ops;
	default:
		errx(2, "this row needs a mode");
	}
}

/* Time is over when nothing moves. */
#define PATIENCE	300

/* Sleeps until there may be something to receive. */
static void wait_for_ends(void)
{
	struct pollfd p[2 * MAX_PAIRS];
	unsigned int i, n = 0;

	for (i = 0; i < nr_ends; i++)
		if ((ends[i]->roles & ROLE_RX))
			p[n++] = (struct pollfd) {
				.fd = ends[i]->ops->fd(ends[i]),
				.events = POLLIN,
			};
	poll(p, n, 100);
}

/* Untimed: what is still on its way. */
static __u64 receive_rest(struct end *end, __u64 nr)
{
	struct pollfd p = { .fd = end->ops->fd(end), .events = POLLIN };
	unsigned int idle = 0;
	__u64 got = 0;

	while (got < nr && idle < PATIENCE) {
		unsigned int n = end->ops->rx(end);

		got += n;
		idle = n ? 0 : idle + 1;
		if (!n)
			poll(&p, 1, 100);
	}
	return got;
}

static void drain_tx(struct end *end)
{
	unsigned int idle = 0;

	while (end->ops->pending(end)) {
		end->ops->kick(end);
		if (++idle > PATIENCE)
			errx(1, "%s: packets do not come back", end->interface);
		if (idle > 10)
			usleep(1000);
	}
}

static struct round rxdrop(const struct options *opt)
{
	struct round r = {};
	__u64 began, n;

	checks[0].next = 0;
	if (!checking)
		bench_mark_begin();
	r.ns = pktgen_run(opt->packets);
	if (!checking)
		bench_mark_end();
	r.packets = opt->packets;
	if (!ends[0])
		return r;

	n = ends[0]->rx_packets;
	began = begin(opt);
	while (ends[0]->ops->rx(ends[0]))
		;
	r.reader_ns = end_of(opt, began);
	n = ends[0]->rx_packets - n;
	/* V3 keeps some back. They cost as much as those before them. */
	if (n && n < opt->packets)
		r.reader_ns = r.reader_ns * opt->packets / n;
	r.ns += r.reader_ns;
	receive_rest(ends[0], opt->packets - n);
	return r;
}

static struct round txpush(const struct options *opt)
{
	struct round r = { .packets = opt->packets };
	__u64 began, cpu_began;
	__u64 left = opt->packets;

	wait_for_tick();
	cpu_began = cpu_ns();
	began = begin(opt);
	while (left)
		left -= ends[0]->ops->tx(ends[0], left < opt->batch ? left :
					 opt->batch);
	r.ns = end_of(opt, began);
	r.cpu_ns = cpu_ns() - cpu_began;
	drain_tx(ends[0]);
	ends[0]->tx_packets += opt->packets;
	return r;
}

/* The pairs of ends take turns, a batch each. */
static struct round tx_to_rx(const struct options *opt)
{
	__u64 left[MAX_PAIRS], n[MAX_PAIRS], each = opt->packets / opt->pairs;
	struct round r = { .packets = each * opt->pairs };
	__u64 began, cpu_began, more = each;
	unsigned int i;

	for (i = 0; i < opt->pairs; i++) {
		left[i] = each;
		n[i] = ends[2 * i + 1]->rx_packets;
	}
	wait_for_tick();
	cpu_began = cpu_ns();
	began = begin(opt);
	while (more) {
		more = 0;
		for (i = 0; i < opt->pairs; i++) {
			struct end *from = ends[2 * i], *to = ends[2 * i + 1];

			left[i] -= from->ops->tx(from, left[i] < opt->batch ?
						 left[i] : opt->batch);
			while (to->ops->rx(to))
				;
			more |= left[i];
		}
	}
	r.ns = end_of(opt, began);
	r.cpu_ns = cpu_ns() - cpu_began;
	for (i = 0; i < opt->pairs; i++) {
		struct end *from = ends[2 * i], *to = ends[2 * i + 1];

		drain_tx(from);
		from->tx_packets += each;
		receive_rest(to, each - (to->rx_packets - n[i]));
	}
	return r;
}

/* Each hop counts. */
static struct round l2fwd(const struct options *opt)
{
	struct round r = {};
	__u64 began, cpu_began;
	unsigned int idle = 0;

	wait_for_tick();
	cpu_began = cpu_ns();
	began = begin(opt);
	while (r.packets < opt->packets) {
		unsigned int n = ends[1]->ops->forward(ends[1]);

		n += ends[0]->ops->forward(ends[0]);
		r.packets += n;
		if (n) {
			idle = 0;
			continue;
		}
		/* V3 shows packets when a block is full, or its time is over. */
		r.waits++;
		if (++idle > PATIENCE)
			errx(1, "l2fwd: the packets have got lost");
		wait_for_ends();
	}
	r.ns = end_of(opt, began);
	r.cpu_ns = cpu_ns() - cpu_began;
	return r;
}

static void open_ends(const struct options *opt, const char *a,
		      unsigned int a_roles, const char *b, unsigned int b_roles)
{
	const struct end_ops *ops = ops_of(opt->mode);
	struct end *first = ops->open(opt, a, a_roles, NULL);

	ends[nr_ends++] = first;
	if (b)
		ends[nr_ends++] = ops->open(opt, b, b_roles,
					    opt->mode == V4_ZC ? first : NULL);
}

static void set_checks(bool on)
{
	unsigned int i;

	checking = on;
	for (i = 0; i < nr_ends; i++)
		ends[i]->check = on ? &checks[i] : NULL;
}

static bool is(const struct options *opt, const char *row)
{
	return !strcmp(opt->row, row);
}

static double per_packet(__u64 ns, __u64 packets)
{
	return (double)ns / packets;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_result(const struct options *opt, const struct round *r,
			 __u64 drops, __u64 bad, long long doorbells)
{
	double cost[MAX_ROUNDS], cpu[MAX_ROUNDS], reader[MAX_ROUNDS];
	__u64 waits = 0, packets = 0, good = 0;
	unsigned int i, n = opt->rounds;
	size_t memory = 0;

	for (i = 0; i < n; i++) {
		cost[i] = per_packet(r[i].ns, r[i].packets);
		cpu[i] = per_packet(r[i].cpu_ns, r[i].packets);
		reader[i] = per_packet(r[i].reader_ns, r[i].packets);
		waits += r[i].waits;
		packets += r[i].packets;
	}
	for (i = 0; i < nr_ends; i++) {
		memory += ends[i]->memory;
		good += checks[i].good;
	}
	qsort(cost, n, sizeof(*cost), compare);
	qsort(cpu, n, sizeof(*cpu), compare);
	qsort(reader, n, sizeof(*reader), compare);
	printf("{\"row\": \"%s\", \"mode\": \"%s\", \"size\": %u, ",
	       opt->as ? opt->as : opt->row, mode_names[opt->mode], opt->size);
	printf("\"batch\": %u, \"frames\": %u, \"block\": %u, ", opt->batch,
	       opt->frames, opt->mode == V3 ? opt->block : 0);
	printf("\"total\": %.3f, \"min\": %.3f, \"max\": %.3f, ", cost[n / 2],
	       cost[0], cost[n - 1]);
	printf("\"reader\": %.3f, \"cpu\": %.3f, \"waits\": %llu, ",
	       reader[n / 2], cpu[n / 2], (unsigned long long)waits);
	if (doorbells >= 0)
		printf("\"doorbells\": %.4f, ", (double)doorbells / packets);
	printf("\"packets\": %llu, \"memory\": %zu, ",
	       (unsigned long long)packets, memory);
	printf("\"verified\": %llu, \"drops\": %llu, \"bad\": %llu, ",
	       (unsigned long long)good,
	       (unsigned long long)drops, (unsigned long long)bad);
	printf("\"sockets\": %u, \"buffer\": %u, ", opt->pairs, opt->buffer);
	printf("\"outstanding\": %u, \"near\": \"%s\", \"command\": \"%s\"}\n",
	       is(opt, "l2fwd") ? opt->outstanding : 0, opt->near, bench_command);
}

static int measure(const struct options *opt)
{
	struct round (*run)(const struct options *opt);
	struct round rounds[MAX_ROUNDS];
	__u64 sent = 0, drops = 0, bad = 0, expected = 0;
	unsigned int i, nr;
	long long doorbells;
	int status = 0;

	if (is(opt, "rxdrop")) {
		run = rxdrop;
		if (opt->mode != NONE)
			open_ends(opt, opt->near, ROLE_RX, NULL, 0);
		checks[0].pktgen = true;
		pktgen_setup(opt);
	} else if (is(opt, "txpush")) {
		run = txpush;
		open_ends(opt, opt->near, ROLE_TX, NULL, 0);
		sent = interface_packets(opt->near, true);
	} else if (is(opt, "tx-rx")) {
		run = tx_to_rx;
		open_ends(opt, opt->near, ROLE_TX, opt->far, ROLE_RX);
		for (i = 1; i < opt->pairs; i++) {
			static char names[MAX_PAIRS][2][32];

			snprintf(names[i][0], 32, "%.8s%u", opt->near, i);
			snprintf(names[i][1], 32, "%.8s%u", opt->far, i);
			open_ends(opt, names[i][0], ROLE_TX, names[i][1],
				  ROLE_RX);
		}
	} else if (is(opt, "l2fwd")) {
		run = l2fwd;
		open_ends(opt, opt->near, ROLE_RX | ROLE_TX, opt->far,
			  ROLE_RX | ROLE_TX);
		checks[0].modulo = opt->outstanding;
		checks[1].modulo = opt->outstanding;
		ends[0]->check = &checks[0];
		nr = ends[0]->ops->tx(ends[0], opt->outstanding);
		if (nr != opt->outstanding)
			errx(1, "%s: only %u packets sent", opt->near, nr);
	} else {
		errx(2, "no such row: %s", opt->row);
	}

	/* Before and after what is measured, each packet is looked at. */
	set_checks(true);
	expected += run(opt).packets;
	set_checks(false);
	doorbells = interface_doorbells(opt->near);
	for (i = 0; i < opt->rounds; i++) {
		rounds[i] = run(opt);
		expected += rounds[i].packets;
	}
	if (doorbells >= 0)
		doorbells = interface_doorbells(opt->near) - doorbells;
	/* Sequence numbers go on from whatever comes next. */
	if (!is(opt, "l2fwd")) {
		set_checks(true);
		expected += run(opt).packets;
	}

	for (i = 0; i < nr_ends; i++) {
		bad += checks[i].bad;
		drops += ends[i]->ops->drops(ends[i]);
		bad += ends[i]->errors;
	}
	if (is(opt, "txpush") && interface_packets(opt->near, true) - sent != expected) {
		warnx("txpush: %llu packets, but the device has sent %llu",
		      (unsigned long long)expected,
		      (unsigned long long)interface_packets(opt->near, true) - sent);
		bad++;
	}
	if (is(opt, "rxdrop") && ends[0] && ends[0]->rx_packets != expected) {
		warnx("rxdrop: %llu packets sent, %llu received",
		      (unsigned long long)expected,
		      (unsigned long long)ends[0]->rx_packets);
		bad++;
	}
	for (i = 1; is(opt, "tx-rx") && i < nr_ends; i += 2)
		if (ends[i]->rx_packets != expected / opt->pairs) {
			warnx("tx-rx: %llu packets sent, %s received %llu",
			      (unsigned long long)expected / opt->pairs,
			      ends[i]->interface,
			      (unsigned long long)ends[i]->rx_packets);
			bad++;
		}
	for (i = 0; i < nr_ends; i++)
		if ((ends[i]->roles & ROLE_RX) &&
		    ends[i]->rx_bytes != ends[i]->rx_packets * opt->size) {
			warnx("%s: %llu bytes received", ends[i]->interface,
			      (unsigned long long)ends[i]->rx_bytes);
			bad++;
		}
	print_result(opt, rounds, drops, bad, doorbells);
	if (drops || bad)
		status = 1;
	if (is(opt, "rxdrop"))
		pktgen_reset();
	/* The second end of a pair may use the first one's buffer. */
	while (nr_ends--)
		ends[nr_ends]->ops->close(ends[nr_ends]);
	return status;
}

static unsigned int number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || n > 1U << 30)
		errx(2, "what is '%s'? A number is needed", text);
	return n;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "row", required_argument, NULL, 'r' },
		{ "mode", required_argument, NULL, 'm' },
		{ "near", required_argument, NULL, 'n' },
		{ "far", required_argument, NULL, 'f' },
		{ "size", required_argument, NULL, 's' },
		{ "batch", required_argument, NULL, 'b' },
		{ "frames", required_argument, NULL, 'F' },
		{ "block", required_argument, NULL, 'B' },
		{ "retire", required_argument, NULL, 'T' },
		{ "outstanding", required_argument, NULL, 'o' },
		{ "packets", required_argument, NULL, 'p' },
		{ "rounds", required_argument, NULL, 'R' },
		{ "tsc", no_argument, NULL, 't' },
		{ "qdisc", no_argument, NULL, 'q' },
		{ "nic", no_argument, NULL, 'N' },
		{ "as", required_argument, NULL, 'a' },
		{ "sockets", required_argument, NULL, 'S' },
		{ "buffer", required_argument, NULL, 'u' },
		{ }
	};
	struct options opt = {
		.size = 64,
		.batch = 64,
		.frames = 4096,
		.block = 128 * 1024,
		.retire = 100,
		.outstanding = 64,
		.packets = 4096,
		.rounds = 3,
		.pairs = 1,
	};
	size_t len = 0;
	unsigned int i;
	int c;

	for (i = 0; i < (unsigned int)argc && len < sizeof(bench_command); i++)
		len += snprintf(bench_command + len, sizeof(bench_command) - len, "%s%s",
				i ? " " : "", i ? argv[i] : "tp4bench");

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			opt.row = optarg;
			break;
		case 'm':
			for (i = 0; i < NR_MODES; i++)
				if (!strcmp(optarg, mode_names[i]))
					break;
			if (i == NR_MODES)
				errx(2, "no such mode: %s", optarg);
			opt.mode = i;
			break;
		case 'n':
			opt.near = optarg;
			break;
		case 'f':
			opt.far = optarg;
			break;
		case 's':
			opt.size = number(optarg);
			break;
		case 'b':
			opt.batch = number(optarg);
			break;
		case 'F':
			opt.frames = number(optarg);
			break;
		case 'B':
			opt.block = number(optarg);
			break;
		case 'T':
			opt.retire = number(optarg);
			break;
		case 'o':
			opt.outstanding = number(optarg);
			break;
		case 'p':
			opt.packets = number(optarg);
			break;
		case 'R':
			opt.rounds = number(optarg);
			break;
		case 't':
			opt.tsc = true;
			break;
		case 'q':
			opt.qdisc = true;
			break;
		case 'S':
			opt.pairs = number(optarg);
			break;
		case 'u':
			opt.buffer = number(optarg);
			break;
		case 'a':
			opt.as = optarg;
			break;
		case 'N':
			opt.nic = true;
			break;
		default:
			return 2;
		}
	}
	if (!opt.row || !opt.near || opt.batch < 1 || opt.batch > MAX_BATCH ||
	    opt.rounds < 1 || opt.rounds > MAX_ROUNDS || opt.size < 64 ||
	    opt.size > MAX_SIZE || opt.pairs < 1 || opt.pairs > MAX_PAIRS)
		errx(2, "see lab/bench --help");
	if (is(&opt, "copy")) {
		printf("{\"row\": \"copy\", \"mode\": \"none\", \"size\": %u, \"total\": %.3f, \"command\": \"%s\"}\n",
		       opt.size, copy_cost(&opt, opt.size), bench_command);
		return 0;
	}
	if (is(&opt, "latency"))
		return latency_measure(&opt);
	if (is(&opt, "setup"))
		return setup_measure(&opt);
	return opt.nic ? nic_measure(&opt) : measure(&opt);
}

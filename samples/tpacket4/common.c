// SPDX-License-Identifier: GPL-2.0
/* Options, ports, test packets and statistics of the TPACKET_V4 samples */

#define _GNU_SOURCE

#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include <netinet/ether.h>
#include <sys/ioctl.h>

#include "common.h"

/* How long a port may make no progress before we give up, in seconds. */
#define PATIENCE	2.0

#define SEND_BUFFER	(4 * 1024 * 1024)

static bool stop_flag;

void *xcalloc(size_t nr, size_t size)
{
	void *mem = calloc(nr, size);

	if (!mem)
		errx(1, "out of memory");
	return mem;
}

static const char *errno_name(int err)
{
	static char number[16];
	const char *name = NULL;

#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 32)
	name = strerrorname_np(err);
#endif
#endif
	if (name)
		return name;
	snprintf(number, sizeof(number), "%d", err);
	return number;
}

static double time_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/*
 * Where a system call is slow, or the clock is one (User Mode Linux), reading
 * the time for each batch would be what we measure.
 */
__u64 cycles_now(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return time_now() * 1e9;
#endif
}

void pin_to_cpu(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set))
		errx(1, "cannot run on CPU %d: %s", cpu, strerror(errno));
}

bool stop_requested(void)
{
	return __atomic_load_n(&stop_flag, __ATOMIC_RELAXED);
}

static void on_signal(int signum)
{
	(void)signum;
	__atomic_store_n(&stop_flag, true, __ATOMIC_RELAXED);
}

/*
 * MAP_POPULATE does this, but where the page table is that of a host (User Mode
 * Linux) each page still costs a fault, which would be most of a short run.
 * To be used before packets flow, as it writes what it reads.
 */
void prefault(void *map, size_t len)
{
	size_t page = sysconf(_SC_PAGESIZE);
	unsigned char *byte;

	for (byte = map; len >= page; len -= page, byte += page)
		__atomic_fetch_or(byte, 0, __ATOMIC_RELAXED);
}

/* Options */

enum {
	OPT_DST = 256,
	OPT_BLOCK,
	OPT_CPU,
	OPT_TURNS,
	OPT_OUT,
	OPT_VETH,
	OPT_OUTSTANDING,
	OPT_FAR,
	OPT_SHARED_BUFFER,
	OPT_TWO_BUFFERS,
};

static const struct option long_options[] = {
	{ "interface", required_argument, NULL, 'i' },
	{ "version", required_argument, NULL, 'v' },
	{ "zerocopy", required_argument, NULL, 'z' },
	{ "batch", required_argument, NULL, 'b' },
	{ "frames", required_argument, NULL, 'f' },
	{ "size", required_argument, NULL, 's' },
	{ "duration", required_argument, NULL, 'd' },
	{ "packets", required_argument, NULL, 'n' },
	{ "poll", no_argument, NULL, 'p' },
	{ "verify", no_argument, NULL, 'c' },
	{ "json", no_argument, NULL, 'j' },
	{ "qdisc-bypass", no_argument, NULL, 'q' },
	{ "help", no_argument, NULL, 'h' },
	{ "dst", required_argument, NULL, OPT_DST },
	{ "block", required_argument, NULL, OPT_BLOCK },
	{ "cpu", required_argument, NULL, OPT_CPU },
	{ "turns", required_argument, NULL, OPT_TURNS },
	{ "out", required_argument, NULL, OPT_OUT },
	{ "veth", required_argument, NULL, OPT_VETH },
	{ "outstanding", required_argument, NULL, OPT_OUTSTANDING },
	{ "far", required_argument, NULL, OPT_FAR },
	{ "shared-buffer", no_argument, NULL, OPT_SHARED_BUFFER },
	{ "two-buffers", no_argument, NULL, OPT_TWO_BUFFERS },
	{ }
};

static const char short_options[] = "i:v:z:b:f:s:d:n:pcjqh";

static const char help_rxdrop[] =
	"Receives packets and drops them.\n";

static const char help_txpush[] =
	"Transmits test packets.\n";

static const char help_l2fwd[] =
	"Sends each packet back with its MAC addresses swapped, or forwards\n"
	"packets between two interfaces.\n";

static const char help_options[] =
	"  -i, --interface NAME    network interface; required\n"
	"  -v, --version 2|3|4     TPACKET version (4)\n"
	"  -z, --zerocopy QUEUE    V4: zero copy on this queue pair of the device\n"
	"  -b, --batch N           packets at a time (64)\n"
	"  -f, --frames N          frames of each ring, a power of two (2048)\n"
	"  -s, --size BYTES        size of test packets, without FCS (64)\n"
	"  -d, --duration SECONDS  stop after this time\n"
	"  -n, --packets N         stop after so many packets; without -d and -n:\n"
	"                          go on until SIGINT or SIGTERM\n"
	"  -p, --poll              wait with poll(), do not spin\n"
	"  -c, --verify            check sequence number, length and contents of each\n"
	"                          packet, and fail when one is missing\n"
	"  -j, --json              print the summary as one line of JSON\n"
	"  -q, --qdisc-bypass      transmit directly, past the queueing discipline\n"
	"      --dst MAC           destination of test packets (02:00:00:00:00:01)\n"
	"      --block BYTES       V3: size of a receive block (chosen)\n"
	"      --cpu N             run on this CPU\n";

static const char help_turns[] =
	"      --turns PEER        play the other end, on interface PEER, in this very\n"
	"                          thread and by turns: for machines with one CPU. Each\n"
	"                          packet that arrives at the end of its way is checked,\n"
	"                          which is not part of the time\n";

static const char help_l2fwd_options[] =
	"      --out NAME          forward both ways between the two interfaces, and\n"
	"                          change nothing\n"
	"      --veth PEER         two processes, the other one on PEER, the other end\n"
	"                          of the interface, send packets to and fro; --cpu\n"
	"                          takes two numbers then, as in 2,3\n"
	"      --outstanding N     so many packets go to and fro (1), with --turns or\n"
	"                          --veth\n";

static const char help_far[] =
	"      --far 2|3|4|same    what the other end uses: V2, V3, V4 in copy mode, or\n"
	"                          the same as this end (%s)\n"
	"      --shared-buffer     with zero copy at both ends (--far same): one packet\n"
	"                          buffer for the two, so that the kernel swaps frames\n"
	"                          and copies nothing; this is what they have anyway\n"
	"      --two-buffers       with zero copy at both ends: a packet buffer for each,\n"
	"                          so that the kernel copies each packet once\n";

static const char help_end[] =
	"  -h, --help              this text\n"
	"\n"
	"A line of rates is printed each second, a summary at the end. Exit status: 0,\n"
	"1 when something failed or a packet was not as it should be, 2 for wrong usage.\n"
	"ENOBUFS among the errors counts packets that were lost: in zero copy because the\n"
	"receiver had no frame for them, in copy mode because the device or its queueing\n"
	"discipline refused them. With --verify or --turns, that is a failure.\n"
	"Packet sockets need CAP_NET_RAW, zero copy CAP_NET_ADMIN.\n";

static bool is_l2fwd(const struct options *opt)
{
	return !strcmp(opt->program, "l2fwd");
}

static void print_help(const struct options *opt)
{
	const char *what = help_rxdrop;

	if (is_l2fwd(opt))
		what = help_l2fwd;
	else if (!strcmp(opt->program, "txpush"))
		what = help_txpush;

	printf("Usage: %s --interface NAME [OPTION]...\n%s\n%s%s%s",
	       opt->program, what, help_options, help_turns,
	       is_l2fwd(opt) ? help_l2fwd_options : "");
	printf(help_far, is_l2fwd(opt) ?
	       "2; same with --outstanding or\n"
	       "                          --veth" : "2");
	fputs(help_end, stdout);
}

#define usage(fmt, ...)	errx(2, fmt "; see --help", ##__VA_ARGS__)

static __u64 parse_number(const char *name, const char *arg, __u64 min,
			  __u64 max)
{
	unsigned long long value;
	char *end;

	errno = 0;
	value = strtoull(arg, &end, 0);
	if (errno || end == arg || *end || strchr(arg, '-') || value < min ||
	    value > max)
		usage("--%s %s: a number from %llu to %llu is needed", name,
		      arg, (unsigned long long)min, (unsigned long long)max);
	return value;
}

static double parse_seconds(const char *arg)
{
	double value;
	char *end;

	value = strtod(arg, &end);
	if (end == arg || *end || !(value > 0 && value < 1e9))
		usage("--duration %s: a number of seconds is needed", arg);
	return value;
}

static void parse_mac(unsigned char *mac, const char *arg)
{
	struct ether_addr addr;

	if (!ether_aton_r(arg, &addr))
		usage("--dst %s: a MAC address such as 02:00:00:00:00:01 is needed",
		      arg);
	memcpy(mac, &addr, ETH_ALEN);
}

static void parse_cpus(struct options *opt, char *arg)
{
	char *second = strchr(arg, ',');

	if (second) {
		*second++ = '\0';
		opt->cpu[1] = parse_number("cpu", second, 0, CPU_SETSIZE - 1);
	}
	opt->cpu[0] = parse_number("cpu", arg, 0, CPU_SETSIZE - 1);
}

static int parse_far(const char *arg)
{
	if (!strcmp(arg, "same"))
		return FAR_SAME;
	if (strlen(arg) == 1 && *arg >= '2' && *arg <= '4')
		return *arg - '1';
	usage("--far %s: 2, 3, 4 or same is needed", arg);
}

static void parse_l2fwd_option(struct options *opt, int c, const char *arg)
{
	switch (c) {
	case OPT_OUT:
		opt->out = arg;
		break;
	case OPT_VETH:
		opt->veth = arg;
		break;
	case OPT_OUTSTANDING:
		opt->outstanding = parse_number("outstanding", arg, 1, 1 << 16);
		break;
	}
}

static void parse_option(struct options *opt, int c, char *arg)
{
	switch (c) {
	case 'i':
		opt->interface = arg;
		break;
	case 'v':
		/* TPACKET_V1 is 0. */
		opt->version = parse_number("version", arg, 2, 4) - 1;
		break;
	case 'z':
		opt->zerocopy = parse_number("zerocopy", arg, 0, 1 << 16);
		break;
	case 'b':
		opt->batch = parse_number("batch", arg, 1, 1 << 16);
		break;
	case 'f':
		opt->frames = parse_number("frames", arg, 2, 1 << 20);
		break;
	case 's':
		opt->size = parse_number("size", arg, TEST_MIN_SIZE,
					 TEST_MAX_SIZE);
		break;
	case 'd':
		opt->duration = parse_seconds(arg);
		break;
	case 'n':
		opt->packets = parse_number("packets", arg, 1, UINT64_MAX);
		break;
	case 'p':
		opt->poll = true;
		break;
	case 'c':
		opt->verify = true;
		break;
	case 'j':
		opt->json = true;
		break;
	case 'q':
		opt->qdisc_bypass = true;
		break;
	case OPT_DST:
		parse_mac(opt->dst, arg);
		break;
	case OPT_BLOCK:
		opt->block = parse_number("block", arg, 4096, 1 << 30);
		break;
	case OPT_CPU:
		parse_cpus(opt, arg);
		break;
	case OPT_TURNS:
		opt->turns = arg;
		break;
	case OPT_FAR:
		opt->far = parse_far(arg);
		break;
	case OPT_SHARED_BUFFER:
		opt->shared_buffer = true;
		break;
	case OPT_TWO_BUFFERS:
		opt->two_buffers = true;
		break;
	default:
		if (!is_l2fwd(opt))
			usage("this option is for l2fwd");
		parse_l2fwd_option(opt, c, arg);
	}
}

static void check_options(const struct options *opt)
{
	if (!opt->interface)
		usage("--interface is missing");
	if (opt->zerocopy >= 0 && opt->version != TPACKET_V4)
		usage("--zerocopy needs --version 4");
	if (opt->frames & (opt->frames - 1))
		usage("--frames %u: a power of two is needed", opt->frames);
	if (opt->batch > opt->frames)
		usage("--batch %u is more than the ring's %u frames",
		      opt->batch, opt->frames);
	if (opt->block & (opt->block - 1))
		usage("--block %u: a power of two is needed", opt->block);
	if (opt->block && opt->version != TPACKET_V3)
		usage("--block needs --version 3");
	if (opt->out && (opt->veth || opt->turns))
		usage("--out goes neither with --veth nor with --turns");
	if (opt->veth && opt->turns)
		usage("--veth is two processes, --turns is one: use either");
	if (opt->outstanding && !opt->veth && !opt->turns)
		usage("--outstanding needs --veth or --turns");
	if (opt->outstanding > opt->frames / 2)
		usage("--outstanding %u needs --frames %u or more",
		      opt->outstanding, opt->outstanding * 2);
	if (opt->cpu[1] >= 0 && !opt->veth)
		usage("--cpu takes two CPUs only with --veth");
	if (opt->far != FAR_DEFAULT && !opt->veth && !opt->turns)
		usage("--far needs --turns%s", is_l2fwd(opt) ? " or --veth" : "");
	if (opt->shared_buffer && opt->two_buffers)
		usage("--shared-buffer and --two-buffers: use either");
}

/* Once the defaults are known. */
static void check_buffers(const struct options *opt)
{
	bool both = opt->zerocopy >= 0 && opt->far == FAR_SAME;

	if ((opt->shared_buffer || opt->two_buffers) && !both)
		usage("%s needs zero copy at both ends: --zerocopy, and --far same",
		      opt->shared_buffer ? "--shared-buffer" : "--two-buffers");
}

static void complete_options(struct options *opt)
{
	if (opt->veth && !opt->outstanding)
		opt->outstanding = 1;
	if (opt->far == FAR_DEFAULT && opt->outstanding)
		opt->far = FAR_SAME;
	if (opt->far == FAR_DEFAULT && opt->turns)
		opt->far = TPACKET_V2;
	check_buffers(opt);
	opt->shared_buffer = opt->zerocopy >= 0 && opt->far == FAR_SAME &&
			     !opt->two_buffers;
}

void options_parse(struct options *opt, int argc, char **argv)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int c;

	opt->version = TPACKET_V4;
	opt->zerocopy = -1;
	opt->far = FAR_DEFAULT;
	opt->batch = 64;
	opt->frames = 2048;
	opt->size = 64;
	opt->cpu[0] = -1;
	opt->cpu[1] = -1;
	parse_mac(opt->dst, "02:00:00:00:00:01");

	while ((c = getopt_long(argc, argv, short_options, long_options,
				NULL)) != -1) {
		if (c == 'h') {
			print_help(opt);
			exit(0);
		}
		if (c == '?')
			exit(2);
		parse_option(opt, c, optarg);
	}
	if (optind < argc)
		usage("%s: not an option", argv[optind]);
	check_options(opt);
	complete_options(opt);

	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

/*
 * To be asked again and again. What others send is no progress: it may go on for
 * ever.
 */
bool patience_left(struct patience *patience, __u64 seen)
{
	double now;

	if (patience->seen != seen) {
		patience->seen = seen;
		patience->began = 0;
		return true;
	}
	now = time_now();
	if (!patience->began)
		patience->began = now;
	return now - patience->began < PATIENCE;
}

/* Ports */

const struct port_ops *ops_of_version(int version)
{
	switch (version) {
	case TPACKET_V2:
		return &ring_v2_ops;
	case TPACKET_V3:
		return &ring_v3_ops;
	default:
		return &ring_v4_ops;
	}
}

static const char *hint(const struct options *opt, const char *call, int err)
{
	bool zerocopy = strstr(call, "ZEROCOPY");

	if ((strstr(call, "TPACKET_V4") && err == EINVAL) ||
	    (strstr(call, "MEMREG") && err == ENOPROTOOPT))
		return "this kernel has no AF_PACKET V4; rebuild it with CONFIG_TPACKET_V4=y";
	if (err == EPERM && zerocopy)
		return "zero copy needs CAP_NET_ADMIN: run as root";
	if (err == EPERM)
		return "packet sockets need CAP_NET_RAW: run as root, or setcap cap_net_raw+ep";
	if (err == EAFNOSUPPORT)
		return "this kernel has no packet sockets; rebuild it with CONFIG_PACKET=y";
	if (err == ENODEV)
		return "no such interface; 'ip link' lists what there is";
	if (err == ENETDOWN)
		return "the interface is down; 'ip link set NAME up' brings it up";
	if (err == ENOMEM && strstr(call, "MEMREG"))
		return "raise RLIMIT_MEMLOCK (ulimit -l), or use fewer --frames";
	if (err == ENOMEM)
		return "not enough memory for the rings; use fewer --frames";
	if (err == EOPNOTSUPP && zerocopy)
		return "the driver has no zero copy; leave out --zerocopy";
	if (err == EBUSY && zerocopy)
		return "this queue pair is held by somebody else, or generic XDP is on";
	if (err == EINVAL && zerocopy)
		return "no such queue pair, at the device or its peer; see 'ethtool -l NAME'";
	if (err == EINVAL && strstr(call, "_RING") &&
	    opt->version == TPACKET_V3)
		return "the kernel does not take this --block, --frames or --size";
	return NULL;
}

void interface_fail(const struct options *opt, const char *interface,
		    const char *call, int err)
{
	const char *text = hint(opt, call, err);

	errx(1, "%s: %s: %s%s%s", interface, call, strerror(err),
	     text ? ": " : "", text ? text : "");
}

void port_fail(const struct port *port, const char *call, int err)
{
	interface_fail(port->opt, port->interface, call, err);
}

static void port_look_up(struct port *port)
{
	struct ifreq ifr = {};
	int fd;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		port_fail(port, "socket(AF_UNIX)", errno);
	if (strlen(port->interface) >= sizeof(ifr.ifr_name))
		port_fail(port, "if_nametoindex()", ENODEV);
	memcpy(ifr.ifr_name, port->interface, strlen(port->interface));
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		port_fail(port, "ioctl(SIOCGIFHWADDR)", errno);
	memcpy(port->mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	if (ioctl(fd, SIOCGIFMTU, &ifr))
		port_fail(port, "ioctl(SIOCGIFMTU)", errno);
	port->mtu = ifr.ifr_mtu;
	close(fd);
}

static void port_bind(struct port *port)
{
	struct sockaddr_ll ll = {
		.sll_family = PF_PACKET,
		.sll_ifindex = if_nametoindex(port->interface),
	};

	/* Protocol 0 again: a sender is not offered what is received. */
	if (port->roles & ROLE_RX)
		ll.sll_protocol = htons(ETH_P_ALL);
	/* What PACKET_ZEROCOPY has to say, it says now. */
	if (bind(port->fd, (struct sockaddr *)&ll, sizeof(ll)))
		port_fail(port, port->opt->zerocopy >= 0 ?
			  "bind() with PACKET_ZEROCOPY" : "bind()", errno);
}

void port_open(struct port *port, const struct port_ops *ops,
	       const struct options *opt, const char *interface,
	       unsigned int roles, struct stats *stats, struct v4_pool *pool)
{
	int size = SEND_BUFFER;
	unsigned int segs;

	memset(port, 0, sizeof(*port));
	port->ops = ops;
	port->opt = opt;
	port->interface = interface;
	port->roles = roles;
	port->stats = stats;
	port->frames = opt->frames;
	port->backoff.yield = true;
	port_look_up(port);

	/* V4 has an errno in each descriptor; V2 and V3 would stay silent. */
	if ((roles & ROLE_TX) && ops != &ring_v4_ops &&
	    opt->size > port->mtu + ETH_HLEN)
		errx(1, "%s: --size %u is more than the MTU of %u bytes allows",
		     interface, opt->size, port->mtu);

	segs = opt->size / TP4_FRAME_SIZE_DEFAULT + 1;
	if (ops == &ring_v4_ops && segs > opt->frames)
		errx(1, "%s: --size %u needs --frames %u or more", interface,
		     opt->size, segs);
	port->nr_segs = opt->batch * segs;
	port->segs = xcalloc(port->nr_segs, sizeof(*port->segs));

	ops->open(port, pool);

	/* Without CAP_NET_ADMIN what net.core.wmem_max allows must do. */
	if (setsockopt(port->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size,
		       sizeof(size)))
		setsockopt(port->fd, SOL_SOCKET, SO_SNDBUF, &size,
			   sizeof(size));
	port_bind(port);
}

void port_close(struct port *port)
{
	port->ops->close(port);
	free(port->segs);
}

void port_error(struct port *port, int err, __u64 nr)
{
	if (err < 0 || err >= MAX_ERRNO_SEEN)
		err = 0;
	port->stats->errors[err] += nr;
}

/* Up to nr segments into port->segs. */
unsigned int port_rx(struct port *port, unsigned int nr)
{
	struct stats *stats = port->stats;
	unsigned int i;

	if (nr > port->nr_segs)
		nr = port->nr_segs;
	nr = port->ops->rx(port, port->segs, nr);
	for (i = 0; i < nr; i++) {
		stats->rx_bytes += port->segs[i].len;
		stats->rx_packets += !port->segs[i].more;
	}
	if (nr)
		tp4_backoff_reset(&port->backoff);
	return nr;
}

/* Segments that port_rx() left in from->segs, in their order, go out of to. */
void port_forward(struct port *from, struct port *to, const struct seg *segs,
		  unsigned int nr)
{
	unsigned int done = from->ops->forward(from, to, segs, nr);
	struct patience patience = {};

	/* TX is full: what comes in now waits, or is dropped, in RX. */
	while (done < nr) {
		unsigned int n;

		to->ops->tx_kick(to);
		n = from->ops->forward(from, to, segs + done, nr - done);
		done += n;
		if (!n)
			tp4_backoff_wait(&to->backoff);
		if (patience_left(&patience, done))
			continue;
		from->ops->rx_release(from, segs + done, nr - done);
		port_error(to, ENOBUFS, nr - done);
		return;
	}
}

static void port_poll_error(struct port *port)
{
	socklen_t len = sizeof(int);
	int err = 0;

	getsockopt(port->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err)
		port_error(port, err, 1);
}

/* Nothing to do on any of these ports. */
void ports_wait(struct port **ports, unsigned int nr)
{
	struct pollfd fds[2];
	bool pending = false;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		fds[i].fd = ports[i]->fd;
		fds[i].events = POLLIN;
		pending |= ports[i]->ops->tx_pending(ports[i]);
	}

	/* Completions would wake us for each one, so look after a while. */
	if (!ports[0]->opt->poll || pending) {
		tp4_backoff_wait(&ports[0]->backoff);
		return;
	}

	/* Not for ever: somebody has to print the rates. */
	if (poll(fds, nr, 100) <= 0)
		return;
	for (i = 0; i < nr; i++)
		if (fds[i].revents & POLLERR)
			port_poll_error(ports[i]);
}

/* Waits until all that was submitted has come back. */
bool port_drain_tx(struct port *port)
{
	unsigned int pending = port->ops->tx_pending(port);
	struct patience patience = {};

	while (pending) {
		unsigned int before = pending;

		port->ops->tx_kick(port);
		pending = port->ops->tx_pending(port);
		if (pending != before)
			continue;
		tp4_backoff_wait(&port->backoff);
		if (!patience_left(&patience, pending)) {
			warnx("%s: %u frames were submitted but never completed",
			      port->interface, pending);
			return false;
		}
	}
	return true;
}

/* The two ends */

/* With zero copy at both, they have one packet buffer unless told otherwise. */
void ends_open_buffer(const struct options *opt, unsigned int roles,
		      unsigned int far_roles, struct v4_pool *pools[2])
{
	const unsigned int both[] = { roles, far_roles };

	pools[0] = NULL;
	pools[1] = NULL;
	if (opt->shared_buffer)
		v4_pools_share(opt, both, pools);
}

/* Of a far end that is not what is measured: no less than V2 is good at. */
#define FAR_FRAMES	1024

/*
 * The far end of --turns and --veth. With V2, whatever is at the near end, it
 * costs all of them the same and holds nothing back.
 */
void far_open(struct port *far, struct options *far_opt,
	      const struct options *opt, unsigned int roles,
	      struct stats *stats, struct v4_pool *pool)
{
	*far_opt = *opt;
	if (opt->far != FAR_SAME) {
		far_opt->version = opt->far;
		far_opt->zerocopy = -1;
		far_opt->qdisc_bypass = true;
		if (opt->turns)
			far_opt->poll = false;
		if (far_opt->frames < FAR_FRAMES)
			far_opt->frames = FAR_FRAMES;
	}
	port_open(far, ops_of_version(far_opt->version), far_opt,
		  opt->turns ? opt->turns : opt->veth, roles, stats, pool);
}

/* What went wrong at the far end is told with what went wrong at the near one. */
void far_close(struct port *far, struct stats *stats)
{
	struct stats *far_stats = far->stats;
	int i;

	stats->drops += far->ops->drops(far);
	port_close(far);
	if (far_stats == stats)
		return;
	stats->bad_frames += far_stats->bad_frames;
	for (i = 0; i < MAX_ERRNO_SEEN; i++)
		stats->errors[i] += far_stats->errors[i];
}

/* Sends one batch, or what is missing from --packets. */
bool far_send(struct port *far)
{
	unsigned int nr = far->opt->batch;

	if (far->opt->packets && nr > far->opt->packets - far->next_seq)
		nr = far->opt->packets - far->next_seq;
	port_generate(far, nr);
	return port_drain_tx(far);
}

/* Test packets */

#define PAYLOAD		(ETH_HLEN + sizeof(struct test_header))
#define TAIL		sizeof(__u64)

/* What test packets of one kind have between header and tail. */
static const unsigned char *test_payload(bool full, __u64 seq, __u32 size)
{
	static __u64 fixed[TEST_MAX_SIZE / sizeof(__u64) + 1];
	static __u64 varying[TEST_MAX_SIZE / sizeof(__u64) + 1];
	const __u64 odd = 0x9e3779b97f4a7c15ULL;
	unsigned int nr = size / sizeof(__u64) + 1;
	unsigned int i;

	if (full) {
		for (i = 0; i < nr; i++)
			varying[i] = (seq + i) * odd ^ seq;
		return (unsigned char *)varying;
	}

	if (!fixed[0])
		for (i = 0; i < TEST_MAX_SIZE / sizeof(__u64) + 1; i++)
			fixed[i] = (i + 1) * odd;
	return (unsigned char *)fixed;
}

static void test_build(const struct port *port, unsigned char *packet,
		       __u64 seq)
{
	__u32 size = port->opt->size;
	struct test_header header = {
		.magic = htonl(TEST_MAGIC),
		.full = port->opt->verify,
		.size = size,
		.seq = seq,
	};
	__u16 type = htons(TEST_ETHERTYPE);

	memcpy(packet, port->opt->dst, ETH_ALEN);
	memcpy(packet + ETH_ALEN, port->mac, ETH_ALEN);
	memcpy(packet + 2 * ETH_ALEN, &type, sizeof(type));
	memcpy(packet + ETH_HLEN, &header, sizeof(header));
	memcpy(packet + PAYLOAD, test_payload(header.full, seq, size),
	       size - PAYLOAD - TAIL);
	memcpy(packet + size - TAIL, &seq, TAIL);
}

/* Returns the number of segments that the packet takes. */
static unsigned int test_write(const struct port *port, struct seg *segs,
			       __u64 seq)
{
	static unsigned char packet[TEST_MAX_SIZE];
	unsigned int pos = 0;
	unsigned int i = 0;

	/* The frame has it already, but for the sequence number. */
	if (segs->filled && !port->opt->verify) {
		memcpy(segs->data + ETH_HLEN + offsetof(struct test_header, seq),
		       &seq, sizeof(seq));
		memcpy(segs->data + segs->len - TAIL, &seq, TAIL);
		return 1;
	}

	if (!segs->more) {
		test_build(port, segs->data, seq);
		return 1;
	}

	test_build(port, packet, seq);
	do {
		memcpy(segs[i].data, packet + pos, segs[i].len);
		pos += segs[i].len;
	} while (segs[i++].more);
	return i;
}

/* Submits up to nr test packets; tx_pending() tells that they are. */
void port_generate(struct port *port, unsigned int nr)
{
	unsigned int i = 0;

	nr = port->ops->tx_reserve(port, port->segs, nr);
	while (i < nr) {
		i += test_write(port, &port->segs[i], port->next_seq);
		if (++port->next_seq == port->seq_modulo)
			port->next_seq = 0;
	}
	if (nr)
		port->ops->tx_submit(port, port->segs, nr);
}

bool test_is_ours(const struct seg *seg)
{
	struct test_header header;
	__u16 type;

	if (seg->len < TEST_MIN_SIZE)
		return false;
	memcpy(&type, seg->data + 2 * ETH_ALEN, sizeof(type));
	memcpy(&header, seg->data + ETH_HLEN, sizeof(header));
	return type == htons(TEST_ETHERTYPE) &&
	       header.magic == htonl(TEST_MAGIC);
}

static void test_begin(struct checker *checker, const struct seg *seg)
{
	struct test_header header;

	checker->pos = 0;
	checker->bad = false;
	checker->is_foreign = !test_is_ours(seg);
	if (checker->is_foreign)
		return;

	memcpy(&header, seg->data + ETH_HLEN, sizeof(header));
	checker->seq = header.seq;
	checker->total = header.size;
	checker->full = header.full;
	if (checker->dst && memcmp(seg->data, checker->dst, ETH_ALEN))
		checker->bad = true;
	if (checker->src &&
	    memcmp(seg->data + ETH_ALEN, checker->src, ETH_ALEN))
		checker->bad = true;
}

/* Compares what lies in both [pos, pos + len) and [from, to). */
static bool test_same(const unsigned char *data, __u32 pos, __u32 len,
		      const void *expected, __u32 from, __u32 to)
{
	__u32 begin = pos > from ? pos : from;
	__u32 end = pos + len < to ? pos + len : to;

	if (begin >= end)
		return true;
	return !memcmp(data + (begin - pos),
		       (const unsigned char *)expected + (begin - from),
		       end - begin);
}

static void test_compare(struct checker *checker, const struct seg *seg)
{
	__u32 tail = checker->total - TAIL;

	if (checker->total < TEST_MIN_SIZE) {
		checker->bad = true;
		return;
	}
	if (!test_same(seg->data, checker->pos, seg->len,
		       test_payload(checker->full, checker->seq, checker->total),
		       PAYLOAD, tail) ||
	    !test_same(seg->data, checker->pos, seg->len, &checker->seq, tail,
		       checker->total))
		checker->bad = true;
}

static void test_end(struct checker *checker)
{
	struct stats *stats = checker->stats;

	if (checker->is_foreign) {
		stats->foreign++;
		return;
	}

	if (checker->resync) {
		checker->next_seq = checker->seq;
		checker->resync = false;
	}
	if (checker->seq < checker->next_seq) {
		stats->reordered++;
	} else {
		stats->lost += checker->seq - checker->next_seq;
		checker->next_seq = checker->seq + 1;
	}
	if (checker->next_seq == checker->modulo)
		checker->next_seq = 0;

	if (checker->pos != checker->total ||
	    (checker->size && checker->pos != checker->size))
		stats->bad_length++;
	else if (checker->bad)
		stats->corrupt++;
	else
		stats->good++;
}

/* A packet may go on in the segments of the next call. */
void test_check(struct checker *checker, const struct seg *segs,
		unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		const struct seg *seg = &segs[i];

		if (!checker->pos)
			test_begin(checker, seg);
		if (!checker->is_foreign)
			test_compare(checker, seg);
		checker->pos += seg->len;
		if (seg->more)
			continue;
		if (seg->wire_len > seg->len)
			checker->bad = true;
		test_end(checker);
		checker->pos = 0;
	}
}

/* How many test packets were looked at, whatever they were like. */
__u64 test_seen(const struct stats *stats)
{
	return stats->good + stats->corrupt + stats->bad_length;
}

/* Tests whether the stream is as expected; foreign packets do not matter. */
bool test_failed(const struct stats *stats)
{
	return stats->lost || stats->reordered || stats->corrupt ||
	       stats->bad_length || stats->bad_frames;
}

/* Tests whether a packet was refused or lost where none may be. */
bool errors_failed(const struct options *opt, const struct stats *stats)
{
	int i;

	if (!opt->verify && !opt->turns)
		return false;
	for (i = 0; i < MAX_ERRNO_SEEN; i++)
		if (stats->errors[i])
			return true;
	return false;
}

/* Runs */

#define CALIBRATION	0.01	/* seconds */

void run_begin(struct run *run, const struct options *opt,
	       const struct stats *stats)
{
	__u64 cycles;
	double began;

	memset(run, 0, sizeof(*run));
	run->opt = opt;
	run->stats = stats;

	began = time_now();
	cycles = cycles_now();
	while (time_now() - began < CALIBRATION)
		tp4_cpu_relax();
	run->began = time_now();
	run->cycles_began = cycles_now();
	run->cycles_looked = run->cycles_began;
	run->cycles_per_second = (run->cycles_began - cycles) /
				 (run->began - began);
	run->line_time = run->began;
}

static void run_line(struct run *run, double now)
{
	const struct stats *stats = run->stats;
	double t = now - run->line_time;

	fprintf(run->opt->json ? stderr : stdout,
		"%6.0f s  rx %9.4f Mpps %8.3f Gbit/s  tx %9.4f Mpps %8.3f Gbit/s\n",
		now - run->began, (stats->rx_packets - run->line_rx) / t / 1e6,
		(stats->rx_bytes - run->line_rx_bytes) * 8 / t / 1e9,
		(stats->tx_packets - run->line_tx) / t / 1e6,
		(stats->tx_bytes - run->line_tx_bytes) * 8 / t / 1e9);
	fflush(stdout);
	run->line_time = now;
	run->line_rx = stats->rx_packets;
	run->line_tx = stats->tx_packets;
	run->line_rx_bytes = stats->rx_bytes;
	run->line_tx_bytes = stats->tx_bytes;
}

/* To be asked once a batch; packets is what --packets counts. */
bool run_goes_on(struct run *run, __u64 packets)
{
	__u64 cycles = cycles_now();
	double now;

	if (stop_requested())
		return false;
	if (run->opt->packets && packets >= run->opt->packets)
		return false;
	if (run->counted && run->opt->duration &&
	    run->counted >= run->opt->duration * run->cycles_per_second)
		return false;
	if (cycles - run->cycles_looked < run->cycles_per_second / 1000)
		return true;

	run->cycles_looked = cycles;
	now = run->began +
	      (cycles - run->cycles_began) / run->cycles_per_second;
	if (now - run->line_time >= 1)
		run_line(run, now);
	return !run->opt->duration || run->counted ||
	       now - run->began < run->opt->duration;
}

void run_end(struct run *run)
{
	__u64 cycles = cycles_now() - run->cycles_began;

	run->seconds = time_now() - run->began;
	if (run->counted)
		run->seconds *= (double)run->counted / cycles;
}

static int far_version(const struct options *opt)
{
	return opt->far == FAR_SAME ? opt->version : opt->far;
}

static bool far_zerocopy(const struct options *opt)
{
	return opt->far == FAR_SAME && opt->zerocopy >= 0;
}

static void report_json(const struct run *run, __u64 packets, __u64 bytes,
			double mpps, bool failed)
{
	const struct options *opt = run->opt;
	const struct stats *stats = run->stats;
	const char *comma = "";
	int i;

	printf("{\"program\": \"%s\", \"version\": %d, \"zerocopy\": %s, ",
	       opt->program, opt->version + 1,
	       opt->zerocopy >= 0 ? "true" : "false");
	printf("\"interface\": \"%s\", \"outstanding\": %u, \"size\": %u, ",
	       opt->interface, opt->outstanding, opt->size);
	printf("\"batch\": %u, \"frames\": %u, \"poll\": %s, \"turns\": %s, ",
	       opt->batch, opt->frames, opt->poll ? "true" : "false",
	       opt->turns ? "true" : "false");
	if (opt->far != FAR_DEFAULT)
		printf("\"far\": {\"version\": %d, \"zerocopy\": %s, \"shared_buffer\": %s}, ",
		       far_version(opt) + 1, far_zerocopy(opt) ? "true" : "false",
		       opt->shared_buffer ? "true" : "false");
	printf("\"packets\": %llu, \"bytes\": %llu, \"seconds\": %.6f, ",
	       (unsigned long long)packets, (unsigned long long)bytes,
	       run->seconds);
	printf("\"mpps\": %.6f, \"drops\": %llu, \"errors\": {", mpps,
	       (unsigned long long)stats->drops);
	for (i = 0; i < MAX_ERRNO_SEEN; i++) {
		if (!stats->errors[i])
			continue;
		printf("%s\"%s\": %llu", comma, errno_name(i),
		       (unsigned long long)stats->errors[i]);
		comma = ", ";
	}
	printf("}, \"checked\": {\"good\": %llu, \"lost\": %llu, ",
	       (unsigned long long)stats->good,
	       (unsigned long long)stats->lost);
	printf("\"reordered\": %llu, \"corrupt\": %llu, \"bad_length\": %llu, ",
	       (unsigned long long)stats->reordered,
	       (unsigned long long)stats->corrupt,
	       (unsigned long long)stats->bad_length);
	printf("\"bad_frames\": %llu, \"foreign\": %llu}, \"ok\": %s}\n",
	       (unsigned long long)stats->bad_frames,
	       (unsigned long long)stats->foreign, failed ? "false" : "true");
}

static void report_text(const struct run *run, __u64 packets, __u64 bytes,
			double mpps)
{
	const struct options *opt = run->opt;
	const struct stats *stats = run->stats;
	int i;

	printf("%s %s V%d%s: %llu packets, %llu bytes in %.3f s: %.4f Mpps, %.3f Gbit/s\n",
	       opt->program, opt->interface, opt->version + 1,
	       opt->zerocopy >= 0 ? " zero copy" : "",
	       (unsigned long long)packets, (unsigned long long)bytes,
	       run->seconds, mpps,
	       run->seconds ? bytes * 8 / run->seconds / 1e9 : 0);
	if (opt->far != FAR_DEFAULT)
		printf("  far end: V%d%s%s\n", far_version(opt) + 1,
		       far_zerocopy(opt) ? " zero copy" : "",
		       !far_zerocopy(opt) ? "" : opt->shared_buffer ?
		       ", one packet buffer for both ends" :
		       ", a packet buffer for each end");
	printf("  dropped by the kernel: %llu; errors:",
	       (unsigned long long)stats->drops);
	for (i = 0; i < MAX_ERRNO_SEEN; i++)
		if (stats->errors[i])
			printf(" %s %llu", errno_name(i),
			       (unsigned long long)stats->errors[i]);
	for (i = 0; i < MAX_ERRNO_SEEN && !stats->errors[i]; i++)
		;
	puts(i == MAX_ERRNO_SEEN ? " none" : "");

	if (!opt->verify && !opt->turns && !opt->veth)
		return;
	printf("  checked: %llu good, %llu lost, %llu out of order, ",
	       (unsigned long long)stats->good,
	       (unsigned long long)stats->lost,
	       (unsigned long long)stats->reordered);
	printf("%llu corrupt, %llu of wrong length, %llu not ours\n",
	       (unsigned long long)stats->corrupt,
	       (unsigned long long)stats->bad_length,
	       (unsigned long long)stats->foreign);
	if (opt->verify && opt->zerocopy >= 0)
		printf("  frames lost, or with two owners: %llu\n",
		       (unsigned long long)stats->bad_frames);
}

/* Prints the summary; returns the exit status. */
int run_report(const struct run *run, __u64 packets, __u64 bytes,
	       bool failed)
{
	double mpps = run->seconds ? packets / run->seconds / 1e6 : 0;

	if (run->opt->json)
		report_json(run, packets, bytes, mpps, failed);
	else
		report_text(run, packets, bytes, mpps);
	fflush(stdout);
	return failed;
}

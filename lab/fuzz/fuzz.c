// SPDX-License-Identifier: GPL-2.0
/*
 * A fuzzer of the API of TPACKET_V4, guided by what its inputs reach.
 *
 * An input is a text: a call a line, with small numbers as arguments. It is run
 * against a veth pair in a network namespace of its own; then all that it has
 * opened is closed. New inputs are made of old ones: lines are added, removed,
 * copied, also from another one, and their numbers changed. Numbers that are
 * about frames are mostly at a limit of those that the input has registered. An
 * input that reaches what none before has reached joins the corpus, and is the
 * more often a base of new ones the more it has reached. That is, if the kernel
 * has KCOV, code of packet sockets or veth; and in any kernel, behaviour: an
 * errno of a call in a state of its socket, an errno in a descriptor of a kind,
 * a counter of PACKET_STATISTICS.
 *
 * What is a failure: a splat in the kernel's log, pages that stay pinned, and a
 * changed byte beside a packet buffer. The input is printed then.
 *
 * The same seed and corpus give the same inputs, as long as they reach the same;
 * what timers and other CPUs do may differ.
 */

#include <fcntl.h>
#include <dirent.h>
#include <getopt.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/kcov.h>

#include "tp4_xdp.h"

#define SLOTS		4	/* sockets that an input can name */
#define MAX_ARGS	6
#define MAX_CALLS	32
#define MAX_CORPUS	2048
#define FRAMES		32	/* most frames of a packet buffer */
#define BUF_MAX		(FRAMES * 4096)
#define GUARD		0xa5

#define KCOV_WORDS	(128 << 10)
#define MAP_BITS	18

struct call {
	unsigned int op;
	unsigned int args[MAX_ARGS];
};

struct input {
	unsigned int nr;
	struct call calls[MAX_CALLS];
	/* in the corpus: what was new, and how many were made of it */
	unsigned int reached;
	unsigned int used;
};

/* ---- what inputs work on --------------------------------------------------- */

struct slot {
	int fd;
	bool xsk;
	__u8 *area;		/* guard page, buffer, guard page */
	void *map;
	size_t map_len;
	void *status;
	unsigned int rx_nr;
	unsigned int tx_nr;
	unsigned int rx_at;
	unsigned int tx_at;
	/* what PACKET_MEMREG was given, and whose frames each ring has */
	unsigned int frame_size;
	unsigned int frame_nr;
	unsigned int frames_of[2];
	/* as far as can be told from here */
	bool v4;
	bool bound;
	bool zerocopy;
};

static struct slot slots[SLOTS];
static struct tp4_xsk xsk;
static int ifindex[2];
static int plain[2];		/* senders, one on each end */
static int progs[8];
static bool dirty_links, dirty_xdp, dirty_channels;
static const char *const names[] = { "tp4a", "tp4b" };

static void close_slot(struct slot *s)
{
	if (s->map)
		munmap(s->map, s->map_len);
	if (s->status)
		munmap(s->status, TP4_PAGE);
	if (s->xsk)
		tp4_xsk_close(&xsk);
	else if (s->fd >= 0)
		close(s->fd);
	/* The buffer stays: it is checked, and used again. */
	s->fd = -1;
	s->xsk = false;
	s->map = NULL;
	s->status = NULL;
	s->rx_nr = 0;
	s->tx_nr = 0;
	s->rx_at = 0;
	s->tx_at = 0;
	s->v4 = false;
	s->bound = false;
	s->zerocopy = false;
}

static __u8 *buffer(struct slot *s)
{
	return s->area + TP4_PAGE;
}

static bool guards_ok(const struct slot *s)
{
	size_t i;

	for (i = 0; i < TP4_PAGE; i++)
		if (s->area[i] != GUARD ||
		    s->area[TP4_PAGE + BUF_MAX + i] != GUARD)
			return false;
	return true;
}

/* A number that is mostly harmless, sometimes at a limit. */
static const unsigned int odd[] = {
	0, 1, 2, 3, 4, 5, 8, 12, 14, 15, 16, 20, 23, 26, 60, 64, 100, 255, 256, 257,
	1023, 1024, 1500, 1518, 1774, 1775, 2034, 2047, 2048, 2049, 4095, 4096, 4097,
	65535, 65536, 1 << 20, (1 << 20) + 1, 1 << 21, 1U << 31, ~0U - 1, ~0U,
};

static bool set_int(int fd, int level, int opt, int value)
{
	return !setsockopt(fd, level, opt, &value, sizeof(value));
}

static void op_socket(struct slot *s, const unsigned int *a)
{
	static const int types[] = { SOCK_RAW, SOCK_DGRAM };
	struct timeval soon = { .tv_usec = 5000 };

	close_slot(s);
	s->fd = socket(AF_PACKET, types[a[1] % 8 == 7] | SOCK_CLOEXEC,
		       a[2] % 8 == 7 ? htons(ETH_P_IP) :
		       a[2] % 2 ? htons(ETH_P_ALL) : 0);
	setsockopt(s->fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
}

static void op_version(struct slot *s, const unsigned int *a)
{
	if (set_int(s->fd, SOL_PACKET, PACKET_VERSION, a[1]))
		s->v4 = a[1] == TPACKET_V4;
}

static void op_memreg(struct slot *s, const unsigned int *a)
{
	struct tpacket_memreg_req req = {
		.addr = (unsigned long)buffer(s) + (a[4] % 16 == 15 ? a[4] : 0),
		.frame_size = a[2],
		.data_headroom = a[3],
	};

	req.len = (__u64)a[1] * (a[2] ?: TP4_FRAME_SIZE_DEFAULT);
	/* Never beyond what is ours, or what would take all memory. */
	if (req.len > BUF_MAX && req.len < 1ULL << 36)
		req.len = BUF_MAX;
	if (setsockopt(s->fd, SOL_PACKET, PACKET_MEMREG, &req, sizeof(req)))
		return;
	s->frame_size = a[2] ?: TP4_FRAME_SIZE_DEFAULT;
	s->frame_nr = req.len / s->frame_size;
}

static void set_ring(struct slot *s, const unsigned int *a, int opt,
		     unsigned int *nr)
{
	struct tpacket_req4 req = {
		.mr_fd = slots[a[1] % SLOTS].fd,
		/* A large ring takes memory and time. */
		.desc_nr = a[2] > 1024 && a[2] <= 1 << 20 ? 1024 : a[2],
	};

	if (!setsockopt(s->fd, SOL_PACKET, opt, &req, sizeof(req))) {
		*nr = req.desc_nr;
		s->frames_of[opt == PACKET_TX_RING] = a[1] % SLOTS;
		s->rx_at = 0;
		s->tx_at = 0;
	}
}

static void op_rx_ring(struct slot *s, const unsigned int *a)
{
	set_ring(s, a, PACKET_RX_RING, &s->rx_nr);
}

static void op_tx_ring(struct slot *s, const unsigned int *a)
{
	set_ring(s, a, PACKET_TX_RING, &s->tx_nr);
}

static void op_mmap(struct slot *s, const unsigned int *a)
{
	size_t len = (s->rx_nr + s->tx_nr) * sizeof(struct tpacket4_desc);
	void *map;

	len = (len + TP4_PAGE - 1) & ~(TP4_PAGE - 1);
	if (a[1] % 8 == 7)
		len += TP4_PAGE;
	map = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   a[1] % 16 == 15 ? MAP_PRIVATE : MAP_SHARED, s->fd, 0);
	if (map == MAP_FAILED)
		return;
	if (s->map || a[1] % 8 == 7) {
		/* There must not be a second one. */
		munmap(map, len);
		return;
	}
	s->map = map;
	s->map_len = len;
}

static void op_status(struct slot *s, const unsigned int *a)
{
	void *map = mmap(NULL, TP4_PAGE << (a[1] % 8 == 7),
			 PROT_READ | (a[1] % 16 == 15 ? PROT_WRITE : 0),
			 MAP_SHARED, s->fd, TP4_PGOFF_STATUS);

	if (map == MAP_FAILED)
		return;
	if (s->status)
		munmap(map, TP4_PAGE);
	else
		s->status = map;
}

static void op_munmap(struct slot *s, const unsigned int *a)
{
	if (s->map)
		munmap(s->map, s->map_len);
	s->map = NULL;
}

static void op_bind(struct slot *s, const unsigned int *a)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = a[2] % 8 == 7 ? htons(a[2]) :
				a[2] % 2 ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = a[1] % 8 == 7 ? a[1] : ifindex[a[1] % 2],
	};

	if (!bind(s->fd, (struct sockaddr *)&ll, sizeof(ll)))
		s->bound = true;
}

static void op_zerocopy(struct slot *s, const unsigned int *a)
{
	if (set_int(s->fd, SOL_PACKET, PACKET_ZEROCOPY, (int)a[1] - 1))
		s->zerocopy = a[1];
}

/* Options that are an int */
static void op_option(struct slot *s, const unsigned int *a)
{
	set_int(s->fd, SOL_PACKET, a[1] % 32, a[2]);
}

/* Options of any content */
static void op_bytes(struct slot *s, const unsigned int *a)
{
	__u32 data[16];
	unsigned int i;

	for (i = 0; i < 16; i++)
		data[i] = a[3 + i % 3];
	setsockopt(s->fd, SOL_PACKET, a[1] % 32, data, a[2] % 65);
}

static void op_getsockopt(struct slot *s, const unsigned int *a)
{
	__u8 data[256];
	socklen_t len = a[2] % 257;

	getsockopt(s->fd, SOL_PACKET, a[1] % 32, data, &len);
}

static struct tpacket4_desc *ring_of(struct slot *s, bool tx, unsigned int *nr)
{
	struct tpacket4_desc *ring = s->map;
	size_t room = s->map_len / sizeof(*ring);

	*nr = tx ? s->tx_nr : s->rx_nr;
	if (!ring || !*nr || s->rx_nr + s->tx_nr > room)
		return NULL;
	return tx ? ring + s->rx_nr : ring;
}

/* Empty frames for receiving, in order */
static void op_give(struct slot *s, const unsigned int *a)
{
	struct tpacket4_desc *ring;
	unsigned int nr, i;

	ring = ring_of(s, false, &nr);
	for (i = 0; ring && i < a[1] % 65; i++)
		tp4_raw_give(&ring[s->rx_at++ % nr], (a[2] + i) % FRAMES, 0, 0,
			     TP4_DESC_KERNEL);
}

/* Packets to send, of so many frames each */
static void op_queue(struct slot *s, const unsigned int *a)
{
	struct tpacket4_desc *ring;
	unsigned int nr, i;

	ring = ring_of(s, true, &nr);
	for (i = 0; ring && i < a[1] % 65; i++) {
		bool more = (i + 1) % (a[4] % 4 + 1);

		tp4_raw_give(&ring[s->tx_at++ % nr], (a[2] + i) % FRAMES,
			     a[3] % 4097, a[5] % 4097, TP4_DESC_KERNEL |
			     (more ? TP4_PKT_CONT : 0) |
			     (a[4] & 16 ? TP4_PKT_KEEP : 0));
	}
}

static __u64 wide(unsigned int idx)
{
	return idx > 1U << 30 ? (__u64)idx << 32 | idx : idx;
}

/* Any descriptor in any slot */
static void op_desc(struct slot *s, const unsigned int *a)
{
	struct tpacket4_desc *ring;
	unsigned int nr;

	ring = ring_of(s, a[1] & 1, &nr);
	if (!ring)
		return;
	tp4_count(TP4_TALLY_BAD, 1);
	tp4_raw_give(&ring[(a[1] / 2) % nr], wide(a[2]), a[3], a[4], a[5]);
	ring[(a[1] / 2) % nr].flags = a[5];
}

/* Any descriptor in the slot that is next */
static void op_put(struct slot *s, const unsigned int *a)
{
	unsigned int *at = a[1] & 1 ? &s->tx_at : &s->rx_at, nr;
	struct tpacket4_desc *ring;

	ring = ring_of(s, a[1] & 1, &nr);
	if (!ring)
		return;
	tp4_count(TP4_TALLY_BAD, 1);
	tp4_raw_give(&ring[(*at)++ % nr], wide(a[2]), a[3], a[4], a[5]);
}

/* One field of a descriptor that was given a moment ago */
static void op_field(struct slot *s, const unsigned int *a)
{
	unsigned int back = a[1] / 2 % 8 + 1, at, nr;
	struct tpacket4_desc *d;

	d = ring_of(s, a[1] & 1, &nr);
	at = a[1] & 1 ? s->tx_at : s->rx_at;
	if (!d || at < back)
		return;
	tp4_count(TP4_TALLY_BAD, 1);
	d += (at - back) % nr;
	switch (a[2] % 4) {
	case 0:
		d->idx = wide(a[3]);
		break;
	case 1:
		d->len = a[3];
		break;
	case 2:
		d->offset = a[3];
		break;
	case 3:
		d->flags = a[3] | TP4_DESC_KERNEL;
	}
}

static void op_send(struct slot *s, const unsigned int *a)
{
	struct sockaddr_ll to = {
		.sll_family = AF_PACKET, .sll_ifindex = ifindex[0],
	};
	bool addressed = a[2] % 16 == 15;
	__u8 byte = 0;

	sendto(s->fd, a[2] % 16 >= 14 ? &byte : NULL, a[2] % 16 >= 14,
	       (a[1] & 1 ? 0 : MSG_DONTWAIT) | MSG_NOSIGNAL,
	       addressed ? (void *)&to : NULL, addressed ? sizeof(to) : 0);
}

static void op_recv(struct slot *s, const unsigned int *a)
{
	__u8 data[64];

	recv(s->fd, data, sizeof(data),
	     MSG_DONTWAIT | (a[1] & 1 ? MSG_ERRQUEUE : 0));
}

static void op_poll(struct slot *s, const unsigned int *a)
{
	struct pollfd p = { .fd = s->fd, .events = a[1] };

	poll(&p, 1, 0);
}

static void op_close(struct slot *s, const unsigned int *a)
{
	close_slot(s);
}

/* The socket only: the mappings hold it */
static void op_close_fd(struct slot *s, const unsigned int *a)
{
	if (s->xsk)
		return;
	close(s->fd);
	s->fd = -1;
}

static void op_dup(struct slot *s, const unsigned int *a)
{
	struct slot *to = &slots[a[1] % SLOTS];

	if (to == s || s->xsk)
		return;
	close_slot(to);
	to->fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 0);
}

static void op_link(struct slot *s, const unsigned int *a)
{
	dirty_links = true;
	tp4_link_flags(ifindex[a[1] % 2], a[2] & 1 ? IFF_UP : 0, IFF_UP);
}

static void op_mtu(struct slot *s, const unsigned int *a)
{
	dirty_links = true;
	tp4_link_mtu(ifindex[a[1] % 2], a[2]);
}

static void op_channels(struct slot *s, const unsigned int *a)
{
	dirty_channels = true;
	tp4_channels(names[a[1] % 2], a[2] % 4, a[3] % 4);
}

static void op_gro(struct slot *s, const unsigned int *a)
{
	tp4_ethtool_set(names[a[1] % 2], ETHTOOL_SGRO, a[2] & 1);
}

static void op_xdp(struct slot *s, const unsigned int *a)
{
	unsigned int nr = a[2] % 8;

	dirty_xdp = true;
	tp4_link_xdp(ifindex[a[1] % 2], nr ? progs[nr] : -1,
		     a[3] % 8 == 7 ? XDP_FLAGS_SKB_MODE : 0);
}

static void op_xsk(struct slot *s, const unsigned int *a)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++)
		if (slots[i].xsk)
			return;
	close_slot(s);
	if (tp4_xsk_open(&xsk))
		return;
	s->xsk = true;
	s->fd = xsk.fd;
	tp4_xsk_bind(&xsk, ifindex[a[1] % 2], a[2] % 3,
		     a[3] & 1 ? XDP_COPY : 0);
}

static void op_fork(struct slot *s, const unsigned int *a)
{
	pid_t child = fork();

	if (!child) {
		/* What a child has must not keep, or undo, anything. */
		if (a[1] & 1)
			op_send(s, a);
		if (a[1] & 2)
			op_zerocopy(s, a);
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
}

static void op_filter(struct slot *s, const unsigned int *a)
{
	struct sock_filter insn = BPF_STMT(BPF_RET | BPF_K, a[2]);
	struct sock_fprog prog = { .len = 1, .filter = &insn };

	if (a[1] & 1)
		setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			   sizeof(prog));
	else
		set_int(s->fd, SOL_SOCKET, SO_DETACH_FILTER, 0);
}

static void op_sndbuf(struct slot *s, const unsigned int *a)
{
	set_int(s->fd, SOL_SOCKET, SO_SNDBUF, a[1]);
}

static void op_busy_poll(struct slot *s, const unsigned int *a)
{
	set_int(s->fd, SOL_SOCKET, SO_BUSY_POLL, a[1] % 100);
}

static void op_fanout(struct slot *s, const unsigned int *a)
{
	set_int(s->fd, SOL_PACKET, PACKET_FANOUT,
		(a[1] % 2) | (a[2] % 9) << 16 | (a[3] & 0xf000) << 16);
}

/* Packets from the other end's, or this end's, stack */
static void op_traffic(struct slot *s, const unsigned int *a)
{
	__u8 data[9000];
	unsigned int i;
	size_t len = a[3] % sizeof(data);

	if (len < ETH_HLEN)
		len = ETH_HLEN;
	tp4_pkt_fill(data, len, a[2]);
	for (i = 0; i <= a[2] % 32; i++)
		send(plain[a[1] % 2], data, len, MSG_DONTWAIT);
}

static void op_sockopt(struct slot *s, const unsigned int *a)
{
	set_int(s->fd, SOL_SOCKET, a[1] % 80, a[2]);
}

static void op_membership(struct slot *s, const unsigned int *a)
{
	struct packet_mreq req = {
		.mr_ifindex = ifindex[a[1] % 2], .mr_type = a[2] % 5,
	};

	setsockopt(s->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP + a[3] % 2, &req,
		   sizeof(req));
}

struct op {
	const char *name;
	void (*run)(struct slot *s, const unsigned int *a);
	unsigned int weight;
	unsigned int args;	/* that it looks at, beside the socket */
	/*
	 * What these are, a letter each: the number of a frame, a length or an
	 * offset in one, flags, one of the four; or any number
	 */
	const char *kinds;
};

/* The first argument is the socket. */
static const struct op ops[] = {
	{ "socket", op_socket, 6, 2 },
	{ "version", op_version, 6, 1 },
	{ "memreg", op_memreg, 6, 4 },
	{ "rx_ring", op_rx_ring, 6, 2 },
	{ "tx_ring", op_tx_ring, 6, 2 },
	{ "mmap", op_mmap, 5, 1 },
	{ "status", op_status, 1, 1 },
	{ "munmap", op_munmap, 2, 0 },
	{ "bind", op_bind, 6, 2 },
	{ "zerocopy", op_zerocopy, 6, 1 },
	{ "option", op_option, 3, 2 },
	{ "bytes", op_bytes, 2, 5 },
	{ "getsockopt", op_getsockopt, 2, 2 },
	{ "give", op_give, 6, 2, ".i" },
	{ "queue", op_queue, 6, 5, ".il.o" },
	{ "desc", op_desc, 6, 5, ".ilof" },
	{ "put", op_put, 6, 5, ".ilof" },
	{ "field", op_field, 4, 3, "..v" },
	{ "send", op_send, 8, 2 },
	{ "recv", op_recv, 1, 1 },
	{ "poll", op_poll, 2, 1 },
	{ "close", op_close, 3, 0 },
	{ "close_fd", op_close_fd, 1, 0 },
	{ "dup", op_dup, 1, 1 },
	{ "link", op_link, 2, 2 },
	{ "mtu", op_mtu, 1, 2 },
	{ "channels", op_channels, 1, 3 },
	{ "gro", op_gro, 1, 2 },
	{ "xdp", op_xdp, 2, 3 },
	{ "xsk", op_xsk, 1, 3 },
	{ "fork", op_fork, 1, 2 },
	{ "filter", op_filter, 2, 2 },
	{ "sndbuf", op_sndbuf, 1, 1 },
	{ "busy_poll", op_busy_poll, 1, 1 },
	{ "fanout", op_fanout, 2, 3 },
	{ "traffic", op_traffic, 8, 3 },
	{ "sockopt", op_sockopt, 1, 2 },
	{ "membership", op_membership, 1, 3 },
};

#define OPS	(sizeof(ops) / sizeof(ops[0]))

/* ---- random numbers --------------------------------------------------------- */

static __u64 state;

/* xorshift64* */
static unsigned int rnd(unsigned int below)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned int)((state * 2685821657736338717ULL) >> 33) % below;
}

static unsigned int any_op(void)
{
	unsigned int all = 0, i, at;

	for (i = 0; i < OPS; i++)
		all += ops[i].weight;
	at = rnd(all);
	for (i = 0; at >= ops[i].weight; i++)
		at -= ops[i].weight;
	return i;
}

static unsigned int op_nr(void (*run)(struct slot *s, const unsigned int *a))
{
	unsigned int i;

	for (i = 0; ops[i].run != run; i++)
		;
	return i;
}

static unsigned int any_arg(void)
{
	if (rnd(3))
		return rnd(8);
	return odd[rnd(sizeof(odd) / sizeof(odd[0]))];
}

/* ---- inputs ------------------------------------------------------------------ */

static struct input *corpus[MAX_CORPUS];
static unsigned int corpus_nr;

static void print_input(FILE *f, const struct input *in)
{
	unsigned int i, j;

	for (i = 0; i < in->nr; i++) {
		const struct call *c = &in->calls[i];

		fputs(ops[c->op].name, f);
		for (j = 0; j < MAX_ARGS; j++)
			fprintf(f, " %u", c->args[j]);
		fputc('\n', f);
	}
}

static bool read_input(const char *path, struct input *in)
{
	char line[256], name[32];
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	in->nr = 0;
	while (in->nr < MAX_CALLS && fgets(line, sizeof(line), f)) {
		struct call *c = &in->calls[in->nr];
		unsigned int i;

		memset(c, 0, sizeof(*c));
		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%31s %u %u %u %u %u %u", name, &c->args[0],
			   &c->args[1], &c->args[2], &c->args[3], &c->args[4],
			   &c->args[5]) < 1)
			continue;
		for (i = 0; i < OPS && strcmp(ops[i].name, name); i++)
			;
		if (i == OPS) {
			fprintf(stderr, "%s: there is no call %s\n", path, name);
			fclose(f);
			return false;
		}
		c->op = i;
		in->nr++;
	}
	fclose(f);
	return in->nr;
}

static void insert_call(struct input *in, unsigned int at,
			const struct call *c)
{
	if (in->nr == MAX_CALLS)
		return;
	memmove(&in->calls[at + 1], &in->calls[at],
		(in->nr - at) * sizeof(*c));
	in->calls[at] = *c;
	in->nr++;
}

static void remove_call(struct input *in, unsigned int at)
{
	if (in->nr < 2)
		return;
	in->nr--;
	memmove(&in->calls[at], &in->calls[at + 1],
		(in->nr - at) * sizeof(in->calls[0]));
}

/* ---- mutation ---------------------------------------------------------------- */

/* The frames that an input has registered before a call */
struct frames {
	unsigned int nr;
	unsigned int size;
	unsigned int headroom;
};

static struct frames frames_before(const struct input *in, unsigned int at)
{
	struct frames f = { 16, TP4_FRAME_SIZE_DEFAULT, 0 };
	unsigned int i;

	for (i = 0; i < at && i < in->nr; i++) {
		const struct call *c = &in->calls[i];

		if (ops[c->op].run != op_memreg)
			continue;
		f.nr = c->args[1];
		f.size = c->args[2] ?: TP4_FRAME_SIZE_DEFAULT;
		f.headroom = c->args[3];
	}
	return f;
}

static unsigned int any_frame(const struct frames *f)
{
	const unsigned int limits[] = {
		0, 1, f->nr / 2, f->nr - 1, f->nr - 1, f->nr, f->nr + 1,
		FRAMES, 0xffff, ~0U,
	};

	return limits[rnd(sizeof(limits) / sizeof(limits[0]))];
}

/* A length or an offset, the other one of which is known */
static unsigned int any_place(const struct frames *f, unsigned int other)
{
	const unsigned int limits[] = {
		0, 1, ETH_HLEN, 60, f->headroom, f->size / 2,
		f->size - f->headroom, f->size - f->headroom + 1,
		f->size - other, f->size - other + 1, f->size - other + 1,
		f->size - 1, f->size, f->size, f->size + 1,
		0xffff, 0x10000 - other, ~0U,
	};

	return limits[rnd(sizeof(limits) / sizeof(limits[0]))];
}

static unsigned int any_flags(void)
{
	static const unsigned int flags[] = {
		TP4_PKT_CONT, TP4_PKT_KEEP, TP4_DESC_SEEN, 2,
	};
	unsigned int all = rnd(8) ? TP4_DESC_KERNEL : 0;

	while (!rnd(3))
		all ^= flags[rnd(sizeof(flags) / sizeof(flags[0]))];
	return rnd(16) ? all : rnd(256);
}

/* An argument of a call that is in, or comes into, an input at some place */
static unsigned int arg_of(const struct input *in, unsigned int at,
			   const struct call *c, unsigned int nr)
{
	const char *kinds = ops[c->op].kinds, *other;
	unsigned int field = c->args[2] % 4;
	struct frames f;
	char kind = '.';

	if (kinds)
		kind = kinds[nr - 1];
	if (kind == '.' || !rnd(6))
		return any_arg();
	if (kind == 'v')
		kind = "ilof"[field];
	f = frames_before(in, at);
	switch (kind) {
	case 'i':
		return any_frame(&f);
	case 'l':
	case 'o':
		other = strchr(kinds, kind == 'l' ? 'o' : 'l');
		return any_place(&f, other ? c->args[other - kinds + 1] :
				     ETH_HLEN << rnd(8));
	default:
		return any_flags();
	}
}

/* The socket of one of the calls before, for descriptors one that has its rings */
static unsigned int any_socket(const struct input *in, unsigned int at,
			       bool mapped)
{
	unsigned int found = 0, nr = rnd(SLOTS), i;

	if (!rnd(6))
		return nr;
	for (i = 0; i < at; i++)
		if ((!mapped || ops[in->calls[i].op].run == op_mmap) &&
		    !rnd(++found))
			nr = in->calls[i].args[0];
	return nr;
}

/* A call to come into an input at some place */
static void any_call(const struct input *in, unsigned int at, struct call *c)
{
	unsigned int i;

	memset(c, 0, sizeof(*c));
	c->op = any_op();
	c->args[0] = any_socket(in, at, ops[c->op].kinds);
	for (i = 1; i <= ops[c->op].args; i++)
		c->args[i] = arg_of(in, at, c, i);
}

static void mutate_arg(struct input *in, unsigned int at)
{
	struct call *c = &in->calls[at];
	unsigned int nr;

	if (!ops[c->op].args || !rnd(5)) {
		c->args[0] = rnd(SLOTS);
		return;
	}
	nr = 1 + rnd(ops[c->op].args);
	switch (rnd(4)) {
	case 0:
		c->args[nr] ^= 1U << rnd(13);
		break;
	case 1:
		c->args[nr] += rnd(2) ? 1 : -1;
		break;
	default:
		c->args[nr] = arg_of(in, at, c, nr);
	}
}

/* A field of a descriptor, or all of them, if the input has any */
static void mutate_desc(struct input *in)
{
	unsigned int first = rnd(in->nr), i, at, nr;
	bool all = rnd(2);

	for (i = 0; i < in->nr; i++) {
		struct call *c = &in->calls[at = (first + i) % in->nr];
		const char *kinds = ops[c->op].kinds;

		if (!kinds)
			continue;
		do
			nr = rnd(ops[c->op].args);
		while (kinds[nr] == '.');
		c->args[nr + 1] = arg_of(in, at, c, nr + 1);
		for (nr = 0; all && nr < ops[c->op].args; nr++)
			if (kinds[nr] != '.')
				c->args[nr + 1] = arg_of(in, at, c, nr + 1);
		return;
	}
	mutate_arg(in, first);
}

static void mutate(struct input *in)
{
	const struct input *other;
	struct call c;
	unsigned int at, to;

	at = rnd(in->nr);
	switch (rnd(15)) {
	case 0:
	case 1:
	case 2:
		at = rnd(in->nr + 1);
		any_call(in, at, &c);
		insert_call(in, at, &c);
		/* What nobody is told of is not looked at. */
		if (ops[c.op].kinds && rnd(2)) {
			c = (struct call){ .op = op_nr(op_send),
					   .args = { c.args[0] } };
			insert_call(in, at + 1, &c);
		}
		break;
	case 3:
	case 4:
		remove_call(in, at);
		break;
	case 5:
		c = in->calls[at];
		insert_call(in, rnd(in->nr + 1), &c);
		break;
	case 6:
		to = rnd(in->nr);
		c = in->calls[at];
		in->calls[at] = in->calls[to];
		in->calls[to] = c;
		break;
	case 7:
		/* A few calls of another one */
		other = corpus[rnd(corpus_nr)];
		at = rnd(in->nr + 1);
		to = rnd(other->nr);
		do
			insert_call(in, at++, &other->calls[to++]);
		while (to < other->nr && at <= in->nr && rnd(3));
		break;
	case 8:
		/* The end of another one, after this or in place of its end */
		other = corpus[rnd(corpus_nr)];
		if (rnd(2))
			in->nr = at + 1;
		for (at = rnd(other->nr); at < other->nr; at++)
			insert_call(in, in->nr, &other->calls[at]);
		break;
	case 9:
	case 10:
	case 11:
	case 12:
		mutate_desc(in);
		break;
	default:
		mutate_arg(in, at);
	}
}

/* What has reached more is used more often, until it has been for long. */
static unsigned int energy(unsigned int nr)
{
	unsigned int reached = corpus[nr]->reached;

	return 1 + 64 * (reached < 16 ? reached : 16) / (8 + corpus[nr]->used);
}

static struct input *choose(void)
{
	unsigned int all = 0, i, at;

	/* New ones lead further. */
	if (!rnd(4))
		return corpus[corpus_nr - 1 -
			      rnd(corpus_nr < 16 ? corpus_nr : 16)];
	for (i = 0; i < corpus_nr; i++)
		all += energy(i);
	at = rnd(all);
	for (i = 0; at >= energy(i); i++)
		at -= energy(i);
	return corpus[i];
}

static void make_input(struct input *in)
{
	struct input *base = choose();
	unsigned int n = 1 + rnd(1 + rnd(6));

	base->used++;
	*in = *base;
	while (n--)
		mutate(in);
}

/* ---- coverage ---------------------------------------------------------------- */

static unsigned long *cover;
static int kcov = -1;
static unsigned long map[1 << MAP_BITS];
static unsigned int covered;

struct range {
	unsigned long start;
	unsigned long end;
};

/* Where code is that counts: what the fuzzer is for. */
static struct range *ranges;
static size_t ranges_nr;

static bool counts_as_ours(const char *name)
{
	static const char *const prefixes[] = {
		"tp4", "packet_", "tpacket_", "veth_", "__packet", "fanout_",
		"__fanout", "prb_", "register_prot_hook", "__unregister_prot",
	};
	unsigned int i;

	for (i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
			return true;
	return false;
}

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static void read_symbols(void)
{
	static struct {
		unsigned long addr;
		bool ours;
	} *syms;
	size_t n = 0, room = 0, i, j;
	unsigned long addr;
	char line[512], name[256], type;
	FILE *f = fopen("/proc/kallsyms", "re");

	if (!f)
		return;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx %c %255s", &addr, &type, name) != 3 ||
		    (type != 't' && type != 'T'))
			continue;
		if (n == room) {
			room = room ? 2 * room : 1 << 16;
			syms = realloc(syms, room * sizeof(*syms));
			ranges = realloc(ranges, room * sizeof(*ranges));
			if (!syms || !ranges)
				abort();
		}
		syms[n].addr = addr;
		syms[n++].ours = counts_as_ours(name);
	}
	fclose(f);
	/* Sorted by address, but for a few at the end. */
	for (i = 0; i < n; i++) {
		if (!syms[i].ours)
			continue;
		ranges[ranges_nr].start = syms[i].addr;
		ranges[ranges_nr].end = ~0UL;
		for (j = i + 1; j < n && j < i + 64; j++)
			if (syms[j].addr > syms[i].addr &&
			    syms[j].addr < ranges[ranges_nr].end)
				ranges[ranges_nr].end = syms[j].addr;
		ranges_nr++;
	}
	free(syms);
	qsort(ranges, ranges_nr, sizeof(*ranges), by_start);
}

static bool is_ours(unsigned long pc)
{
	size_t low = 0, high = ranges_nr;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (ranges[mid].end <= pc)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ranges_nr && ranges[low].start <= pc;
}

static void open_kcov(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0)
		return;
	if (ioctl(kcov, KCOV_INIT_TRACE, KCOV_WORDS))
		goto err;
	cover = mmap(NULL, KCOV_WORDS * sizeof(*cover), PROT_READ | PROT_WRITE,
		     MAP_SHARED, kcov, 0);
	if (cover == MAP_FAILED)
		goto err;
	read_symbols();
	if (ranges_nr)
		return;
err:
	close(kcov);
	kcov = -1;
}

/* The number of places that nothing has reached before. */
static unsigned int new_cover(void)
{
	unsigned long i, n, pc, at;
	unsigned int new = 0;

	if (kcov < 0)
		return 0;
	n = __atomic_load_n(&cover[0], __ATOMIC_RELAXED);
	for (i = 0; i < n && i < KCOV_WORDS - 1; i++) {
		pc = cover[i + 1];
		at = (pc * 0x9e3779b97f4a7c15UL) >> (64 - MAP_BITS);
		while (map[at] && map[at] != pc)
			at = (at + 1) & ((1 << MAP_BITS) - 1);
		if (map[at])
			continue;
		map[at] = pc;
		if (is_ours(pc))
			new++;
	}
	covered += new;
	return new;
}

/* ---- behaviour ---------------------------------------------------------------- */

#define BEHAVIOUR_BITS	16

static unsigned char behaviour[1 << BEHAVIOUR_BITS];
static unsigned int behaviours, new_behaviours, new_kinds;

/* Returns 1 if nothing has behaved in this way before. */
static unsigned int behaved(unsigned int what, unsigned int a, unsigned int b)
{
	__u64 h = ((__u64)what << 48 | (__u64)a << 24 | b) + 1;

	h = (h * 0x9e3779b97f4a7c15ULL) >> (64 - BEHAVIOUR_BITS);
	if (behaviour[h])
		return 0;
	behaviour[h] = 1;
	behaviours++;
	new_behaviours++;
	return 1;
}

/* What user space knows of a socket */
static unsigned int state_of(const struct slot *s)
{
	return s->xsk | (s->fd >= 0) << 1 | !!s->map << 2 |
	       !!s->status << 3 | !!s->rx_nr << 4 | !!s->tx_nr << 5 |
	       s->bound << 6 | s->zerocopy << 7 | s->v4 << 8;
}

static void run_call(const struct call *c)
{
	struct slot *s = &slots[c->args[0] % SLOTS];
	unsigned int before = state_of(s);

	errno = 0;
	ops[c->op].run(s, c->args);
	behaved(c->op, before, errno);
}

/* What a descriptor asks for, by the limits of its frame */
static unsigned int kind_of(const struct slot *s, bool tx,
			    const struct tpacket4_desc *d)
{
	const struct slot *frames = &slots[s->frames_of[tx]];
	__u64 end = (__u64)d->offset + d->len;

	return (d->idx >= frames->frame_nr ? 2 : d->idx + 1 == frames->frame_nr) |
	       (end >= frames->frame_size) << 2 |
	       (end > frames->frame_size) << 3 |
	       (d->len > frames->frame_size) << 4 | !d->len << 5;
}

/* What an input has left: counters and descriptors, before it is cleaned up. */
static void look_at_slot(struct slot *s)
{
	struct tpacket_stats_v4 st = {};
	socklen_t len = sizeof(st);
	const struct tpacket4_desc *ring;
	unsigned int nr, i, tx;
	const __u64 *counter;

	if (!s->v4 || s->fd < 0)
		return;
	if (!getsockopt(s->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len)) {
		counter = &st.rx_no_frame;
		for (i = 0; counter + i < (const __u64 *)(&st + 1); i++)
			if (counter[i])
				behaved(100 + i, s->zerocopy, 0);
	}
	for (tx = 0; tx < 2; tx++) {
		ring = ring_of(s, tx, &nr);
		for (i = 0; ring && i < nr && i < 64; i++) {
			behaved(200 + tx, ring[i].error,
				(ring[i].flags | s->zerocopy << 8) & 0x1ff);
			/* Rare, and what the kernel has to get right */
			if (!(ring[i].flags & TP4_DESC_KERNEL) &&
			    behaved(210 + tx, ring[i].error,
				    kind_of(s, tx, &ring[i])))
				new_kinds++;
		}
	}
}

/* ---- execution --------------------------------------------------------------- */

static int kmsg;
static bool verbose;
static unsigned long executions, calls;

static void nothing(int sig)
{
}

static void reset(void)
{
	unsigned int i;

	for (i = 0; i < SLOTS; i++) {
		close_slot(&slots[i]);
		slots[i].frame_size = 0;
		slots[i].frame_nr = 0;
	}
	for (i = 0; i < 2; i++) {
		if (dirty_xdp) {
			tp4_link_xdp(ifindex[i], -1, 0);
			tp4_link_xdp(ifindex[i], -1, XDP_FLAGS_SKB_MODE);
		}
		if (dirty_links) {
			tp4_link_mtu(ifindex[i], 1500);
			tp4_link_up(ifindex[i]);
		}
		if (dirty_channels)
			tp4_channels(names[i], 2, 2);
	}
	dirty_xdp = false;
	dirty_links = false;
	dirty_channels = false;
}

static unsigned int execute(const struct input *in)
{
	/* What blocks is interrupted. */
	struct itimerval limit = { .it_value.tv_sec = 1,
				   .it_interval.tv_usec = 100000 };
	static const struct itimerval none;
	unsigned int i;

	if (verbose) {
		printf("# execution %lu\n", executions);
		print_input(stdout, in);
		fflush(stdout);
	}
	setitimer(ITIMER_REAL, &limit, NULL);
	if (kcov >= 0) {
		ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC);
		__atomic_store_n(&cover[0], 0, __ATOMIC_RELAXED);
	}
	new_behaviours = 0;
	new_kinds = 0;
	for (i = 0; i < in->nr; i++)
		run_call(&in->calls[i]);
	for (i = 0; i < SLOTS; i++)
		look_at_slot(&slots[i]);
	reset();
	if (kcov >= 0)
		ioctl(kcov, KCOV_DISABLE, 0);
	setitimer(ITIMER_REAL, &none, NULL);
	executions++;
	calls += in->nr;
	return new_cover() + new_behaviours + 8 * new_kinds;
}

/* Has the kernel complained? lab/boot asks, too, but not after which input. */
static bool splat(void)
{
	static const char *const signs[] = {
		"WARNING: ", "BUG: ", "BUG at ", "KASAN: ", "UBSAN: ", "Oops",
		"general protection", "possible recursive", "INFO: ",
		"corrupt",
	};
	char line[2048];
	bool found = false;
	unsigned int i;
	ssize_t n;

	while ((n = read(kmsg, line, sizeof(line) - 1)) > 0 ||
	       (n < 0 && errno == EPIPE)) {
		if (n < 0)
			continue;
		line[n] = 0;
		for (i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
			if (strstr(line, signs[i]))
				found = true;
	}
	return found;
}

static void failed(const char *why, const struct input *in)
{
	printf("FAILED: %s, execution %lu:\n", why, executions);
	print_input(stdout, in);
	fflush(stdout);
	exit(1);
}

/* Pages are unpinned before a call returns, or soon after. */
static bool pins_ok(void)
{
	unsigned long long end = tp4_now_ms() + 10000;

	while (tp4_pinned()) {
		if (tp4_now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

/* What was run since pins were counted last. */
#define PINS_EVERY	32
static struct input recent[PINS_EVERY];

static void check(const struct input *in)
{
	unsigned int i, n;

	if (splat())
		failed("the kernel complained", in);
	for (i = 0; i < SLOTS; i++)
		if (!guards_ok(&slots[i]))
			failed("a byte beside a packet buffer has changed", in);
	n = executions % PINS_EVERY;
	recent[n] = *in;
	if (!n && !pins_ok()) {
		for (i = 1; i < PINS_EVERY; i++) {
			puts("# one of these:");
			print_input(stdout, &recent[i]);
		}
		failed("pages stay pinned after this or one before it", in);
	}
}

static void add_to_corpus(const struct input *in, unsigned int reached)
{
	if (corpus_nr == MAX_CORPUS)
		return;
	corpus[corpus_nr] = malloc(sizeof(*in));
	if (!corpus[corpus_nr])
		abort();
	*corpus[corpus_nr] = *in;
	corpus[corpus_nr]->reached = reached;
	corpus[corpus_nr++]->used = 0;
}

static void keep(const struct input *in, const char *dir, unsigned int nr)
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/found-%04u", dir, nr);
	f = fopen(path, "we");
	if (!f)
		return;
	print_input(f, in);
	fclose(f);
}

static int visible(const struct dirent *d)
{
	return d->d_name[0] != '.';
}

static int read_corpus(const char *dir)
{
	struct dirent **list;
	struct input in;
	char path[4096];
	int n, i;

	n = scandir(dir, &list, visible, alphasort);
	for (i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, list[i]->d_name);
		if (!read_input(path, &in)) {
			fprintf(stderr, "%s: cannot be read\n", path);
			return -1;
		}
		add_to_corpus(&in, 0);
		free(list[i]);
	}
	return n;
}

static bool set_up(void)
{
	struct tp4_netcfg cfg = { .queues = 2 };
	struct tp4_net net;
	unsigned int i;

	if (tp4_net_new(&net, &cfg))
		return false;
	ifindex[0] = net.a;
	ifindex[1] = net.b;
	for (i = 0; i < 2; i++) {
		/*
		 * Queue 0, and not the one of a hash whose key is another one
		 * in each guest: the same seed is to reach the same.
		 */
		plain[i] = tp4_plain_open(ifindex[i], 0);
		if (plain[i] < 0 ||
		    !set_int(plain[i], SOL_PACKET, PACKET_QDISC_BYPASS, 1))
			return false;
	}
	progs[1] = tp4_prog_const(XDP_PASS);
	progs[2] = tp4_prog_const(XDP_DROP);
	progs[3] = tp4_prog_const(XDP_TX);
	progs[4] = tp4_prog_const(XDP_PASS_TO_KERNEL);
	progs[5] = tp4_prog_redirect(ifindex[0]);
	progs[6] = tp4_prog_const(XDP_ABORTED);
	progs[7] = tp4_prog_const(TP4_XDP_INVALID);
	for (i = 1; i < 8; i++)
		if (progs[i] < 0)
			return false;
	for (i = 0; i < SLOTS; i++) {
		slots[i].fd = -1;
		slots[i].area = mmap(NULL, BUF_MAX + 2 * TP4_PAGE,
				     PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (slots[i].area == MAP_FAILED)
			return false;
		memset(slots[i].area, GUARD, BUF_MAX + 2 * TP4_PAGE);
	}
	kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (kmsg < 0)
		return false;
	lseek(kmsg, 0, SEEK_END);
	/* Most calls are meant to fail, and the helpers would say so. */
	return freopen("/dev/null", "w", stderr);
}

static void usage(void)
{
	puts("fuzz [-s SEED] [-n EXECUTIONS] [-t SECONDS] [-o DIR] [-v] [-1] CORPUS\n"
	     "  -s  the same seed makes the same inputs (1)\n"
	     "  -n  inputs to make, beside those of the corpus (1000)\n"
	     "  -t  stop after so many seconds\n"
	     "  -o  write inputs that reach something new there\n"
	     "  -v  print each input before it is run, for those that end the kernel\n"
	     "  -1  run the one input CORPUS, a file");
}

int main(int argc, char **argv)
{
	static const struct sigaction act = { .sa_handler = nothing };
	unsigned long nr = 1000, i;
	unsigned int seed = 1, from_corpus, found = 0, seconds = 0, reached;
	unsigned long long start;
	const char *dir = NULL;
	bool one = false;
	struct input in;
	int opt;

	while ((opt = getopt(argc, argv, "s:n:t:o:v1h")) != -1) {
		switch (opt) {
		case 's':
			seed = strtoul(optarg, NULL, 0);
			break;
		case 'n':
			nr = strtoul(optarg, NULL, 0);
			break;
		case 't':
			seconds = strtoul(optarg, NULL, 0);
			break;
		case 'o':
			dir = optarg;
			break;
		case 'v':
			verbose = true;
			break;
		case '1':
			one = true;
			break;
		default:
			usage();
			return opt == 'h' ? 0 : 2;
		}
	}
	if (optind + 1 != argc) {
		usage();
		return 2;
	}
	state = seed * 0x9e3779b97f4a7c15ULL + 1;
	if (one) {
		if (!read_input(argv[optind], &in))
			return 2;
		add_to_corpus(&in, 0);
		nr = 0;
	} else if (read_corpus(argv[optind]) <= 0) {
		fprintf(stderr, "%s: no corpus\n", argv[optind]);
		return 2;
	}
	sigaction(SIGALRM, &act, NULL);
	signal(SIGPIPE, SIG_IGN);
	if (!set_up()) {
		puts("FAILED: cannot set up");
		return 2;
	}
	open_kcov();
	start = tp4_now_ms();

	from_corpus = corpus_nr;
	for (i = 0; i < from_corpus; i++) {
		corpus[i]->reached = execute(corpus[i]);
		check(corpus[i]);
	}
	printf("corpus: %u inputs, code: %u%s, behaviours: %u\n", from_corpus,
	       covered, kcov < 0 ? " (no KCOV)" : "", behaviours);
	fflush(stdout);
	for (i = 0; i < nr; i++) {
		if (seconds && tp4_now_ms() - start > 1000ULL * seconds)
			break;
		make_input(&in);
		reached = execute(&in);
		if (reached) {
			add_to_corpus(&in, reached);
			if (dir)
				keep(&in, dir, found);
			found++;
		}
		check(&in);
	}
	if (!pins_ok())
		failed("pages stay pinned", &in);
	printf("executions: %lu, calls: %lu, code: %u, behaviours: %u, new inputs: %u, seconds: %llu\n",
	       executions, calls, covered, behaviours, found,
	       (tp4_now_ms() - start) / 1000);
	return 0;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 in zero copy, and XDP: a program on the queue pair that a socket
 * holds decides for each packet, is obeyed, and every packet is counted, at
 * the socket and wherever it went.
 *
 * tp4a sends to tp4b, where the programs are. What they redirect goes to tp4c,
 * so tp4d receives it.
 */

#include <fcntl.h>
#include <sched.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <linux/ip.h>
#include <linux/udp.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"
#include "tp4_xdp.h"

#define RING		256
#define WINDOW		64	/* packets under way */
#define MAX_PKT		4096
#define HEADROOM	256	/* XDP_PACKET_HEADROOM */
#define LENGTH_MAX	ETH_FRAME_LEN
#define COUNTS		(XDP_PASS_TO_KERNEL + 1)
#define LONG_RUN	20000

/* sizeof(struct xdp_frame), which programs cannot have */
#define FRAME_RESERVED	40

/* Where a packet may come out */
enum sink {
	NONE,
	USER,			/* the socket with the program */
	BACK,			/* where it came from */
	STACK,			/* the stack of the device with the program */
	OTHER,			/* the device behind the redirection */
};

FIXTURE(zc_xdp) {
	struct tp4_net net;
	int c;
	int d;
	struct tp4 a;		/* unless it is the stack that sends */
	struct tp4 b;
	int plain_a;		/* all that the stack gets to see */
	int plain_b;
	int plain_d;
	int pass_d;		/* redirection to tp4c wants a program on tp4d */
	bool stack;
	bool shared;
	bool counting;		/* there is a program on tp4b */
	enum sink redirected;	/* where XDP_REDIRECT leads to */
	unsigned int window;
	__u32 seq;		/* of the next packet */
	__u64 want[COUNTS];	/* what PACKET_STATISTICS should say, by action */
	__u64 want_errors;
	__u8 pkt[MAX_PKT];
};

/* How packets get into the frames of tp4b's socket */
FIXTURE_VARIANT(zc_xdp) {
	bool stack;
	bool shared;
	unsigned int frame_size;
};

/* frames are swapped */
FIXTURE_VARIANT_ADD(zc_xdp, shared) {
	.shared = true,
	.frame_size = 2048,
};

FIXTURE_VARIANT_ADD(zc_xdp, shared_page_frames) {
	.shared = true,
	.frame_size = 4096,
};

/* copied */
FIXTURE_VARIANT_ADD(zc_xdp, two_buffers) {
	.frame_size = 2048,
};

/* copied from an skb */
FIXTURE_VARIANT_ADD(zc_xdp, stack) {
	.stack = true,
	.frame_size = 2048,
};

/* Every protocol, but not what is sent here */
static int open_all(int ifindex)
{
	int one = 1;
	int fd;

	fd = tp4_plain_open(ifindex, ETH_P_ALL);
	if (fd >= 0 && setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
				  sizeof(one))) {
		close(fd);
		return -errno;
	}
	return fd;
}

static int open_b(struct _test_data_zc_xdp *self, unsigned int rx_nr)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.b, .mode = &tp4_zc, .rx_nr = rx_nr,
		.tx_nr = RING, .frame_size = self->a.frame_size,
	};

	memset(self->want, 0, sizeof(self->want));
	self->want_errors = 0;
	if (self->shared) {
		cfg.share = &self->a;
		cfg.first = 2 * RING;
	}
	return tp4_open(&self->b, &cfg);
}

FIXTURE_SETUP(zc_xdp)
{
	struct tp4_netcfg netcfg = {};
	struct tp4_cfg cfg = {
		.mode = &tp4_zc, .rx_nr = RING, .tx_nr = RING,
		.frames = 4 * RING, .frame_size = variant->frame_size,
	};

	self->stack = variant->stack;
	self->shared = variant->shared;
	self->window = WINDOW;
	self->redirected = OTHER;
	ASSERT_EQ(0, tp4_net_new(&self->net, &netcfg));
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	self->c = if_nametoindex("tp4c");
	self->d = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(self->c));
	ASSERT_EQ(0, tp4_link_up(self->d));
	self->pass_d = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, self->pass_d);
	ASSERT_EQ(0, tp4_link_xdp(self->d, self->pass_d, 0));

	self->plain_a = open_all(self->net.a);
	ASSERT_LE(0, self->plain_a);
	self->plain_b = open_all(self->net.b);
	ASSERT_LE(0, self->plain_b);
	self->plain_d = open_all(self->d);
	ASSERT_LE(0, self->plain_d);

	self->a.frame_size = variant->frame_size;
	if (!variant->stack) {
		cfg.ifindex = self->net.a;
		ASSERT_EQ(0, tp4_open(&self->a, &cfg));
	}
	ASSERT_EQ(0, open_b(self, RING));
}

FIXTURE_TEARDOWN(zc_xdp)
{
	EXPECT_TRUE(tp4_guards_ok(&self->b));
	tp4_close(&self->b);
	if (!self->stack) {
		EXPECT_TRUE(tp4_guards_ok(&self->a));
		tp4_close(&self->a);
	}
	close(self->plain_a);
	close(self->plain_b);
	close(self->plain_d);
	close(self->pass_d);
}

/* Sending */

static size_t length_of(__u32 seq)
{
	return ETH_HLEN + (seq * 7919ULL) % (LENGTH_MAX - ETH_HLEN + 1);
}

/*
 * A frame is swapped if there is room for a program in front of the packet, so
 * both kinds come.
 */
static __u16 offset_of(__u32 seq)
{
	return seq % 4 ? HEADROOM + seq % 200 : seq % HEADROOM;
}

static int queue_at(struct tp4 *t, const __u8 *data, size_t len, __u16 offset,
		    __u8 flags)
{
	unsigned int frame;

	if (!tp4_tx_room(t))
		return -EAGAIN;
	frame = t->free[--t->free_nr];
	memcpy(tp4_frame(t, frame) + offset, data, len);
	tp4_tx_give(t, frame, len, offset, flags);
	return 0;
}

/*
 * All that is queued goes, and comes back without an error. NAPI on another CPU that
 * was still at work may have taken some of it before the call, which does not count it.
 */
static int send_queued(struct tp4 *t, size_t bytes)
{
	ssize_t sent;
	int ret;

	sent = tp4_kick(t, 0);
	ret = tp4_complete(t);
	if (ret)
		return ret;
	if (tp4q_num_held(&t->txq))
		return -EINPROGRESS;
	return sent >= 0 && sent <= (ssize_t)bytes ? 0 : -EIO;
}

/* The next @n packets of the test */
static int send_some(struct _test_data_zc_xdp *self, unsigned int n)
{
	size_t len, bytes = 0;
	__u8 pkt[MAX_PKT];
	int ret;

	for (; n; n--, self->seq++) {
		len = length_of(self->seq);
		bytes += len;
		tp4_pkt_fill(pkt, len, self->seq);
		ret = self->stack ?
		      tp4_plain_send(self->plain_a, pkt, len) :
		      queue_at(&self->a, pkt, len, offset_of(self->seq), 0);
		if (ret)
			return ret;
	}
	return self->stack ? 0 : send_queued(&self->a, bytes);
}

/* Packet number self->seq, of @len bytes, that begins at @offset of its frame */
static int send_one(struct _test_data_zc_xdp *self, size_t len, __u16 offset)
{
	__u8 pkt[MAX_PKT];
	int ret;

	tp4_pkt_fill(pkt, len, self->seq);
	if (self->stack)
		return tp4_plain_send(self->plain_a, pkt, len);
	ret = queue_at(&self->a, pkt, len, offset, 0);
	return ret ? ret : send_queued(&self->a, len);
}

/* Receiving */

static enum sink sink_of(const struct _test_data_zc_xdp *self, __u32 action)
{
	switch (action) {
	case XDP_PASS:
		return USER;
	case XDP_TX:
		return BACK;
	case XDP_REDIRECT:
		return self->redirected;
	case XDP_PASS_TO_KERNEL:
		return STACK;
	default:
		return NONE;
	}
}

static struct tp4 *sink_socket(struct _test_data_zc_xdp *self, enum sink sink)
{
	if (sink == USER)
		return &self->b;
	return sink == BACK && !self->stack ? &self->a : NULL;
}

static int sink_fd(const struct _test_data_zc_xdp *self, enum sink sink)
{
	if (sink == BACK)
		return self->plain_a;
	return sink == STACK ? self->plain_b : self->plain_d;
}

/* The length of what comes there next */
static int sink_recv(struct _test_data_zc_xdp *self, enum sink sink)
{
	struct tp4 *t = sink_socket(self, sink);

	return t ? tp4_recv_wait(t, self->pkt, MAX_PKT) :
		   tp4_plain_recv(sink_fd(self, sink), self->pkt, MAX_PKT);
}

/* Nothing is there that was not expected */
static void expect_silence(struct __test_metadata *_metadata,
			   struct _test_data_zc_xdp *self)
{
	EXPECT_EQ(0, tp4_recv(&self->b, self->pkt, MAX_PKT));
	if (!self->stack)
		EXPECT_EQ(0, tp4_recv(&self->a, self->pkt, MAX_PKT));
	EXPECT_EQ(-1, recv(self->plain_a, self->pkt, MAX_PKT, MSG_DONTWAIT));
	EXPECT_EQ(-1, recv(self->plain_b, self->pkt, MAX_PKT, MSG_DONTWAIT));
	EXPECT_EQ(-1, recv(self->plain_d, self->pkt, MAX_PKT, MSG_DONTWAIT));
}

static int read_counts(int fd, __u64 *counts, __u64 *errors)
{
	struct tpacket_stats_v4 st;
	int ret;

	ret = tp4_stats(fd, &st);
	if (ret)
		return ret;
	counts[XDP_ABORTED] = st.xdp_aborted;
	counts[XDP_DROP] = st.xdp_drop;
	counts[XDP_PASS] = st.xdp_pass;
	counts[XDP_TX] = st.xdp_tx;
	counts[XDP_REDIRECT] = st.xdp_redirect;
	counts[XDP_PASS_TO_KERNEL] = st.xdp_pass_to_kernel;
	*errors = st.xdp_errors;
	return 0;
}

/* With the stack as the sender, nobody tells when the receiver's NAPI is done */
static void expect_counts(struct __test_metadata *_metadata,
			  struct _test_data_zc_xdp *self)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	__u64 counts[COUNTS], errors;
	unsigned int i;

	do {
		ASSERT_EQ(0, read_counts(self->b.fd, counts, &errors));
		if (!memcmp(counts, self->want, sizeof(counts)) &&
		    errors == self->want_errors)
			return;
		sched_yield();
	} while (tp4_now_ms() < end);
	for (i = 0; i < COUNTS; i++)
		EXPECT_EQ(self->want[i], counts[i]) TH_LOG("action %u", i);
	EXPECT_EQ(self->want_errors, errors);
}

static void count(struct _test_data_zc_xdp *self, __u32 action)
{
	if (self->counting)
		self->want[action < COUNTS ? action : XDP_ABORTED]++;
}

/* Each packet comes out where its verdict says, and nowhere else */
static void run(struct __test_metadata *_metadata,
		struct _test_data_zc_xdp *self, const __u32 *verdicts,
		__u32 total)
{
	__u32 end = self->seq + total;
	__u32 seq, action;
	unsigned int n;
	enum sink sink;
	int ret;

	for (seq = self->seq; seq != end;) {
		n = end - seq < self->window ? end - seq : self->window;
		ASSERT_EQ(0, send_some(self, n));
		for (; seq != self->seq; seq++) {
			action = verdicts[seq % TP4_VERDICTS];
			count(self, action);
			sink = sink_of(self, action);
			if (sink == NONE)
				continue;
			ret = sink_recv(self, sink);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, seq,
							  length_of(seq)))
				TH_LOG("packet %u, action %u: %d", seq, action,
				       ret);
		}
	}
	expect_counts(_metadata, self);
	expect_silence(_metadata, self);
}

static void run_all(struct __test_metadata *_metadata,
		    struct _test_data_zc_xdp *self, __u32 action, __u32 total)
{
	__u32 verdicts[TP4_VERDICTS];
	unsigned int i;

	for (i = 0; i < TP4_VERDICTS; i++)
		verdicts[i] = action;
	run(_metadata, self, verdicts, total);
}

/* Replaces what is there; the device keeps the program, its file goes */
static void attach(struct __test_metadata *_metadata,
		   struct _test_data_zc_xdp *self, int prog)
{
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, 0));
	close(prog);
	self->counting = true;
}

static void detach(struct __test_metadata *_metadata,
		   struct _test_data_zc_xdp *self)
{
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, -1, 0));
	self->counting = false;
}

static int verdict_map(const __u32 *verdicts)
{
	unsigned int i;
	int map, ret;

	map = tp4_map_create(BPF_MAP_TYPE_ARRAY, sizeof(__u32), TP4_VERDICTS);
	for (i = 0; map >= 0 && i < TP4_VERDICTS; i++) {
		ret = tp4_map_set_u32(map, i, verdicts[i]);
		if (ret) {
			close(map);
			return ret;
		}
	}
	return map;
}

static int redirect_map(int type, __u32 value)
{
	int map, ret;

	map = tp4_map_create(type, sizeof(__u32), 1);
	if (map < 0)
		return map;
	ret = tp4_map_set_u32(map, 0, value);
	if (!ret)
		return map;
	close(map);
	return ret;
}

/* The tests */

TEST_F(zc_xdp, each_verdict)
{
	static const __u32 actions[] = {
		XDP_PASS, XDP_DROP, XDP_ABORTED, XDP_TX, XDP_REDIRECT,
		XDP_PASS_TO_KERNEL, TP4_XDP_INVALID, 255, 0x10002, 0xffffffff,
	};
	__u32 total = tp4_scaled(2000, 100);
	size_t i;

	/* Without a program nothing is counted */
	run_all(_metadata, self, XDP_PASS, total);
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		attach(_metadata, self, actions[i] == XDP_REDIRECT ?
					tp4_prog_redirect(self->c) :
					tp4_prog_const(actions[i]));
		run_all(_metadata, self, actions[i], total);
	}
	detach(_metadata, self);
	run_all(_metadata, self, XDP_PASS, total);
}

TEST_F(zc_xdp, verdicts_mixed)
{
	__u32 verdicts[TP4_VERDICTS] = {
		XDP_PASS, XDP_DROP, XDP_TX, XDP_PASS_TO_KERNEL,
		XDP_REDIRECT, XDP_ABORTED, TP4_XDP_INVALID, 0xffffffff,
		XDP_PASS, XDP_REDIRECT, XDP_DROP, XDP_TX,
		XDP_TX, XDP_PASS, XDP_PASS_TO_KERNEL, XDP_PASS,
	};
	unsigned int i, round;
	int map, devmap;
	__u32 first;

	map = verdict_map(verdicts);
	ASSERT_LE(0, map);
	devmap = redirect_map(BPF_MAP_TYPE_DEVMAP, self->c);
	ASSERT_LE(0, devmap);
	attach(_metadata, self, tp4_prog_verdicts(map, devmap));
	run(_metadata, self, verdicts, tp4_scaled(LONG_RUN, 1000));

	/* Next to one another in every order */
	for (round = 0; round < TP4_VERDICTS; round++) {
		first = verdicts[0];
		for (i = 0; i < TP4_VERDICTS; i++) {
			if (i < TP4_VERDICTS - 1)
				verdicts[i] = verdicts[i + 1];
			else
				verdicts[i] = first;
			if (i % (round + 2) == 1) {
				__u32 tmp = verdicts[i];

				verdicts[i] = verdicts[i - 1];
				verdicts[i - 1] = tmp;
			}
		}
		for (i = 0; i < TP4_VERDICTS; i++)
			ASSERT_EQ(0, tp4_map_set_u32(map, i, verdicts[i]));
		run(_metadata, self, verdicts, tp4_scaled(2000, 160));
	}
	close(devmap);
	close(map);
}

TEST_F(zc_xdp, redirect_to_another_cpu)
{
	static const __u32 verdicts[TP4_VERDICTS] = {
		XDP_REDIRECT, XDP_PASS, XDP_REDIRECT, XDP_DROP,
		XDP_REDIRECT, XDP_REDIRECT, XDP_TX, XDP_REDIRECT,
		XDP_PASS, XDP_REDIRECT, XDP_DROP, XDP_REDIRECT,
		XDP_TX, XDP_REDIRECT, XDP_REDIRECT, XDP_REDIRECT,
	};
	int map, cpumap;

	self->redirected = STACK;
	map = verdict_map(verdicts);
	ASSERT_LE(0, map);
	cpumap = redirect_map(BPF_MAP_TYPE_CPUMAP, 2 * WINDOW);
	ASSERT_LE(0, cpumap);
	attach(_metadata, self, tp4_prog_verdicts(map, cpumap));
	run(_metadata, self, verdicts, tp4_scaled(LONG_RUN, 1000));
	close(cpumap);
	close(map);
}

/* A device whose peer is held by a socket, and has no program */
TEST_F(zc_xdp, redirect_to_a_socket)
{
	struct tp4_cfg cfg = {
		.ifindex = self->d, .mode = &tp4_zc, .rx_nr = RING,
	};
	unsigned int i;
	struct tp4 d;
	int ret;

	ASSERT_EQ(0, tp4_link_xdp(self->d, -1, 0));
	ASSERT_EQ(0, tp4_open(&d, &cfg));
	attach(_metadata, self, tp4_prog_redirect(self->c));
	self->redirected = NONE;
	run_all(_metadata, self, XDP_REDIRECT, WINDOW);
	for (i = 0; i < WINDOW; i++) {
		ret = tp4_recv_wait(&d, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
	}
	EXPECT_EQ(0, tp4_recv(&d, self->pkt, MAX_PKT));
	EXPECT_TRUE(tp4_guards_ok(&d));
	tp4_close(&d);
}

/*
 * An AF_XDP socket takes only what comes from its own queue, which it cannot
 * share with ours. So it is reached by way of another device.
 */
TEST_F(zc_xdp, redirect_to_an_af_xdp_socket)
{
	struct tp4_xsk x;
	unsigned int i;
	int map, prog;
	int ret;

	ASSERT_EQ(0, tp4_xsk_open(&x));
	ASSERT_EQ(0, tp4_xsk_bind(&x, self->d, 0, XDP_COPY));
	map = redirect_map(BPF_MAP_TYPE_XSKMAP, x.fd);
	ASSERT_LE(0, map);

	/* Not from here */
	attach(_metadata, self, tp4_prog_redirect_map(map));
	self->redirected = NONE;
	self->want_errors = WINDOW;
	run_all(_metadata, self, XDP_REDIRECT, WINDOW);
	EXPECT_EQ(0, tp4_xsk_recv(&x, self->pkt, MAX_PKT));

	/* but from there */
	prog = tp4_prog_redirect_map(map);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->d, prog, 0));
	attach(_metadata, self, tp4_prog_redirect(self->c));
	self->window = 16;
	for (i = 0; i < WINDOW; i++) {
		if (!(i % 16))
			run_all(_metadata, self, XDP_REDIRECT, 16);
		ret = tp4_xsk_recv_wait(&x, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, WINDOW + i,
						  length_of(WINDOW + i)));
	}
	EXPECT_EQ(0, tp4_xsk_recv(&x, self->pkt, MAX_PKT));
	close(prog);
	close(map);
	tp4_xsk_close(&x);
}

/* What cannot be done is counted, as what it was and as an error */
TEST_F(zc_xdp, actions_that_fail)
{
	static const struct tp4_adjust longer = {
		.helper = BPF_FUNC_xdp_adjust_tail,
		.delta = 21,
		.failed = XDP_ABORTED,
		.done = XDP_TX,
	};
	__u32 n = 3 * WINDOW;
	int map;

	self->redirected = NONE;
	/* No such device */
	attach(_metadata, self, tp4_prog_redirect(99999));
	self->want_errors += n;
	run_all(_metadata, self, XDP_REDIRECT, n);

	/* An empty map: the program asks for XDP_ABORTED in this case */
	map = tp4_map_create(BPF_MAP_TYPE_DEVMAP, sizeof(__u32), 1);
	ASSERT_LE(0, map);
	attach(_metadata, self, tp4_prog_redirect_map(map));
	run_all(_metadata, self, XDP_ABORTED, n);
	close(map);

	/* Too long for the peer, which takes MTU + 18 */
	attach(_metadata, self, tp4_prog_adjust(&longer));
	ASSERT_EQ(0, send_one(self, 1498, HEADROOM));
	self->want[XDP_TX]++;
	self->want_errors++;
	expect_counts(_metadata, self);
	expect_silence(_metadata, self);

	/* After all that nothing is wrong */
	attach(_metadata, self, tp4_prog_const(XDP_PASS));
	run_all(_metadata, self, XDP_PASS, n);
}

/* adjust_head, adjust_tail, adjust_meta */

struct adjusted {
	struct tp4_adjust adjust;
	int head;		/* bytes more in front */
	int tail;		/* and behind */
};

/* Packet number self->seq of @len bytes, as the program has left it */
static bool adjusted_ok(const struct _test_data_zc_xdp *self,
			const struct adjusted *c, const __u8 *data, int ret,
			size_t len)
{
	bool meta = c->adjust.helper == BPF_FUNC_xdp_adjust_meta;
	int skip = c->head < 0 ? -c->head : 0;
	int more = c->head > 0 ? c->head : 0;
	int same = len - skip + (c->tail < 0 ? c->tail : 0);
	__u8 pkt[MAX_PKT];
	int i;

	if (ret != (int)len + c->head + c->tail) {
		fprintf(stderr, "# expected %zu%+d%+d bytes, seen %d\n", len,
			c->head, c->tail, ret);
		return false;
	}
	tp4_pkt_fill(pkt, len, self->seq);
	if (c->adjust.mark && !meta) {
		if (memcmp(data, tp4_mark, TP4_MARK_LEN)) {
			fprintf(stderr, "# what the program wrote is not there\n");
			return false;
		}
		/* It may have overwritten the packet's first bytes */
		if (more < TP4_MARK_LEN)
			memcpy(pkt + skip, data + more, TP4_MARK_LEN - more);
	}
	if (memcmp(data + more, pkt + skip, same)) {
		fprintf(stderr, "# not the bytes that were sent\n");
		return false;
	}
	for (i = 0; i < c->tail; i++) {
		if (data[more + same + i]) {
			fprintf(stderr, "# not zeroes behind the packet\n");
			return false;
		}
	}
	return true;
}

#define HEAD(d)	{ .helper = BPF_FUNC_xdp_adjust_head, .delta = (d),	\
		  .failed = XDP_DROP, .done = XDP_PASS, .mark = true }
#define TAIL(d)	{ .helper = BPF_FUNC_xdp_adjust_tail, .delta = (d),	\
		  .failed = XDP_DROP, .done = XDP_PASS }
#define META(d)	{ .helper = BPF_FUNC_xdp_adjust_meta, .delta = (d),	\
		  .failed = XDP_DROP, .done = XDP_PASS, .mark = true }

TEST_F(zc_xdp, adjust)
{
	/* Which offset a program finds: that of the sender if frames are swapped */
	__u16 offset = self->shared ? HEADROOM + 44 : HEADROOM;
	int most = offset - FRAME_RESERVED;
	const struct adjusted cases[] = {
		{ HEAD(0), 0, 0 },
		{ HEAD(-4), 4, 0 },
		{ HEAD(-14), 14, 0 },
		{ HEAD(-most), most, 0 },
		{ HEAD(1), -1, 0 },
		{ HEAD(4), -4, 0 },
		{ HEAD(60), -60, 0 },
		{ HEAD(100 - ETH_HLEN), ETH_HLEN - 100, 0 },
		{ TAIL(0), 0, 0 },
		{ TAIL(-1), 0, -1 },
		{ TAIL(ETH_HLEN - 100), 0, ETH_HLEN - 100 },
		{ TAIL(1), 0, 1 },
		{ TAIL(100), 0, 100 },
		{ TAIL(1000), 0, 1000 },
		{ META(-4), 0, 0 },
		{ META(-32), 0, 0 },
	};
	const size_t lens[] = { 100, 101, 500 };
	struct tpacket4_desc d;
	unsigned int i, k;
	const __u8 *data;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct adjusted *c = &cases[i];

		attach(_metadata, self, tp4_prog_adjust(&c->adjust));
		for (k = 0; k < ARRAY_SIZE(lens); k++, self->seq++) {
			ASSERT_EQ(0, send_one(self, lens[k], offset));
			ASSERT_EQ(POLLIN, tp4_poll(self->b.fd, POLLIN,
						   TP4_WAIT_MS))
				TH_LOG("case %u", i);
			ASSERT_TRUE(tp4_rx_next(&self->b, &d));
			EXPECT_EQ(0, d.error);
			EXPECT_EQ(0, d.flags);
			EXPECT_EQ(offset - c->head, d.offset)
				TH_LOG("case %u", i);
			ASSERT_LT(d.idx, self->b.frames);
			data = tp4_frame(&self->b, d.idx) + d.offset;
			EXPECT_TRUE(adjusted_ok(self, c, data, d.len, lens[k]))
				TH_LOG("case %u", i);
			/* In front of the data, where it is nobody's business */
			if (c->adjust.helper == BPF_FUNC_xdp_adjust_meta)
				EXPECT_EQ(0, memcmp(data + c->adjust.delta,
						    tp4_mark, TP4_MARK_LEN));
			tp4_rx_give(&self->b, d.idx);
			count(self, XDP_PASS);
		}
		expect_counts(_metadata, self);
	}
	expect_silence(_metadata, self);
}

/* A byte beyond what is the packet's, or the frame's, and the helper says no */
TEST_F(zc_xdp, adjust_too_far)
{
	__u16 offset = self->shared ? HEADROOM + 44 : HEADROOM;
	const struct tp4_adjust cases[] = {
		HEAD(-(offset - FRAME_RESERVED) - 1),
		HEAD(-offset),
		HEAD(-offset - 1),
		HEAD(-0x7fffffff),
		HEAD(100 - ETH_HLEN + 1),
		HEAD(100),
		HEAD(0x7fffffff),
		TAIL(ETH_HLEN - 100 - 1),
		TAIL(-100),
		TAIL(-0x7fffffff),
		TAIL(self->b.frame_size - offset - 100 + 1),
		TAIL(self->b.frame_size),
		TAIL(0x7fffffff),
		META(4),
		META(-offset),
		META(-260),
	};
	const struct tp4_adjust last =
		TAIL(self->b.frame_size - offset - 100);
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		attach(_metadata, self, tp4_prog_adjust(&cases[i]));
		ASSERT_EQ(0, send_one(self, 100, offset));
		count(self, XDP_DROP);
		expect_counts(_metadata, self);
		if (_metadata->exit_code != KSFT_PASS)
			TH_LOG("case %u", i);
		self->seq++;
	}
	expect_silence(_metadata, self);

	/* To the very end of the frame, unless an skb's own end may be there */
	if (self->b.frame_size != TP4_PAGE) {
		attach(_metadata, self, tp4_prog_adjust(&last));
		ASSERT_EQ(0, send_one(self, 100, offset));
		EXPECT_EQ(self->b.frame_size - offset, sink_recv(self, USER));
		count(self, XDP_PASS);
		expect_counts(_metadata, self);
	}
}

/* What leaves the socket's frames leaves them as the program wants it to be */
TEST_F(zc_xdp, adjust_and_send_on)
{
	static const __u32 actions[] = { XDP_TX, XDP_REDIRECT,
					 XDP_PASS_TO_KERNEL };
	static const struct adjusted cases[] = {
		{ HEAD(0), 0, 0 },
		{ HEAD(-4), 4, 0 },
		{ HEAD(-18), 18, 0 },
		{ HEAD(4), -4, 0 },
		{ TAIL(-10), 0, -10 },
		{ TAIL(20), 0, 20 },
		{ META(-4), 0, 0 },
		{ META(-32), 0, 0 },
	};
	unsigned int i, k;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		for (k = 0; k < ARRAY_SIZE(actions); k++, self->seq++) {
			struct adjusted c = cases[i];

			c.adjust.done = actions[k];
			c.adjust.ifindex = self->c;
			attach(_metadata, self, tp4_prog_adjust(&c.adjust));
			ASSERT_EQ(0, send_one(self, 200, HEADROOM));
			ret = sink_recv(self, sink_of(self, actions[k]));
			ASSERT_TRUE(adjusted_ok(self, &c, self->pkt, ret, 200))
				TH_LOG("case %u, action %u", i, actions[k]);
			count(self, actions[k]);
			expect_counts(_metadata, self);
		}
	}
	expect_silence(_metadata, self);
}

static int send_two_frames(struct _test_data_zc_xdp *self, size_t len)
{
	size_t first = len - len / 3;
	__u8 pkt[MAX_PKT];
	int ret;

	tp4_pkt_fill(pkt, len, self->seq);
	ret = queue_at(&self->a, pkt, first, HEADROOM, TP4_PKT_CONT);
	if (ret)
		return ret;
	ret = queue_at(&self->a, pkt + first, len - first, HEADROOM, 0);
	return ret ? ret : send_queued(&self->a, len);
}

/* A program sees a packet in one piece or not at all */
TEST_F(zc_xdp, multi_frame)
{
	static const size_t lens[] = { 20, 1000, LENGTH_MAX };
	unsigned int i, n = tp4_scaled(1000, 300);
	int ret;

	if (self->stack)
		SKIP(return, "the stack keeps to the MTU");

	attach(_metadata, self, tp4_prog_const(XDP_PASS));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, send_two_frames(self, lens[i % ARRAY_SIZE(lens)]));
		if (self->shared) {
			self->want_errors++;
		} else {
			/* The copy is in one piece */
			ret = sink_recv(self, USER);
			EXPECT_TRUE(ret > 0 &&
				    tp4_pkt_ok(self->pkt, ret, self->seq,
					       lens[i % ARRAY_SIZE(lens)]));
			count(self, XDP_PASS);
		}
		self->seq++;
		/* Between others, too */
		if (i % 3)
			run_all(_metadata, self, XDP_PASS, i % 3);
	}
	run_all(_metadata, self, XDP_PASS, n);

	/* It was the program's fault */
	detach(_metadata, self);
	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		ASSERT_EQ(0, send_two_frames(self, lens[i]));
		ret = sink_recv(self, USER);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, self->seq,
						  lens[i]));
		self->seq++;
	}
	expect_counts(_metadata, self);
	expect_silence(_metadata, self);
}

static int attach_errno(struct _test_data_zc_xdp *self)
{
	int prog = tp4_prog_const(XDP_PASS);
	int ret;

	if (prog < 0)
		return prog;
	ret = tp4_link_xdp(self->net.b, prog, 0);
	close(prog);
	return ret;
}

/* A packet as long as the MTU lets it be */
static void expect_longest(struct __test_metadata *_metadata,
			   struct _test_data_zc_xdp *self, unsigned int mtu)
{
	size_t len = mtu + ETH_HLEN;
	int ret;

	ASSERT_EQ(0, send_one(self, len, offset_of(0)));
	ret = sink_recv(self, USER);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, self->seq, len));
	self->seq++;
	count(self, XDP_PASS);
	expect_counts(_metadata, self);
}

/* What the stack sends has to fit into a frame while there is a program */
TEST_F(zc_xdp, mtu)
{
	unsigned int mtu = 2048 - HEADROOM - ETH_HLEN - 4;

	ASSERT_EQ(0, tp4_link_mtu(self->net.b, 3000));
	if (self->b.frame_size == TP4_PAGE) {
		/* As much as veth gives to a program, and it is one piece */
		ASSERT_EQ(0, tp4_link_mtu(self->net.a, 3000));
		attach(_metadata, self, tp4_prog_const(XDP_PASS));
		expect_longest(_metadata, self, 3000);
		return;
	}

	/* The program comes last */
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, mtu + 1));
	EXPECT_EQ(-ERANGE, attach_errno(self));
	run_all(_metadata, self, XDP_PASS, WINDOW);
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, mtu));
	attach(_metadata, self, tp4_prog_const(XDP_PASS));
	expect_longest(_metadata, self, mtu);

	/* The MTU comes last */
	EXPECT_EQ(-EINVAL, tp4_link_mtu(self->net.a, mtu + 1));
	EXPECT_EQ(-EINVAL, tp4_link_mtu(self->net.a, 3000));
	EXPECT_EQ(0, tp4_link_mtu(self->net.a, mtu - 1));
	EXPECT_EQ(0, tp4_link_mtu(self->net.a, mtu));
	expect_longest(_metadata, self, mtu);

	/* The socket comes last: until then only veth's own limit counts */
	tp4_close(&self->b);
	EXPECT_EQ(0, tp4_link_mtu(self->net.a, mtu + 1));
	detach(_metadata, self);
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, mtu + 1));
	attach(_metadata, self, tp4_prog_const(XDP_PASS));
	EXPECT_EQ(-EINVAL, open_b(self, RING));
	tp4_close(&self->b);
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, mtu));
	ASSERT_EQ(0, open_b(self, RING));
	EXPECT_EQ(-EINVAL, tp4_link_mtu(self->net.a, mtu + 1));
	expect_longest(_metadata, self, mtu);

	/* Without the program it does not matter */
	detach(_metadata, self);
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, 3000));
	/* What ours sends here is in one frame, what the stack sends need not */
	expect_longest(_metadata, self, self->stack ? 3000 : mtu + 1);
}

/*
 * A program that can do with packets in pieces may have a larger MTU, but for a
 * socket's packets, which it sees whole or not at all.
 */
TEST_F(zc_xdp, mtu_of_a_program_for_pieces)
{
	unsigned int mtu = self->b.frame_size - HEADROOM - ETH_HLEN - 4;
	int prog = tp4_prog_const_frags(XDP_PASS);

	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_mtu(self->net.b, 9000));
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, 9000));
	EXPECT_EQ(-ERANGE, tp4_link_xdp(self->net.b, prog, 0));
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, mtu));
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, 0));
	EXPECT_EQ(-EINVAL, tp4_link_mtu(self->net.a, mtu + 1));
	self->counting = true;
	expect_longest(_metadata, self, mtu);

	/* Without a socket it is as it was */
	tp4_close(&self->b);
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, 9000));
	EXPECT_EQ(-EINVAL, open_b(self, RING));
	detach(_metadata, self);
	EXPECT_EQ(-ERANGE, attach_errno(self));
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, 0));
	close(prog);
}

/* Every frame of the buffers is somewhere, and none is in two places */
static void expect_whole(struct __test_metadata *_metadata,
			 struct _test_data_zc_xdp *self, unsigned int rx_nr)
{
	struct tp4 *sockets[] = { &self->b, self->shared ? &self->a : NULL };
	__u8 seen[4 * RING] = {};
	unsigned int i, k, nr = 0;
	struct tpacket4_desc d;

	for (i = 0; i < ARRAY_SIZE(sockets); i++) {
		struct tp4 *t = sockets[i];

		if (!t)
			continue;
		ASSERT_EQ(0, tp4_set_queue(t->fd, -1));
		while (tp4_rx_next(t, &d)) {
			EXPECT_EQ(ECANCELED, d.error);
			ASSERT_LT(d.idx, t->frames);
			seen[d.idx]++;
			nr++;
		}
		EXPECT_EQ(0, tp4q_num_held(&t->rxq));
		EXPECT_EQ(0, tp4q_num_held(&t->txq));
		for (k = 0; k < t->free_nr; k++) {
			seen[t->free[k]]++;
			nr++;
		}
	}
	EXPECT_EQ(rx_nr + RING + (self->shared ? 2 * RING : 0), nr);
	for (i = 0; i < ARRAY_SIZE(seen); i++)
		EXPECT_GE(1, seen[i]) TH_LOG("frame %u", i);
}

/* Frames of packets that user space does not get are empty ones again */
TEST_F(zc_xdp, few_frames)
{
	__u32 verdicts[TP4_VERDICTS] = {
		XDP_DROP, XDP_DROP, XDP_TX, XDP_PASS_TO_KERNEL,
		XDP_REDIRECT, XDP_ABORTED, XDP_REDIRECT, XDP_TX,
		XDP_DROP, TP4_XDP_INVALID, XDP_DROP, XDP_DROP,
		XDP_TX, XDP_PASS_TO_KERNEL, XDP_PASS_TO_KERNEL, XDP_DROP,
	};
	__u32 total = tp4_scaled(LONG_RUN, 1000);
	struct tpacket4_desc kept[7];
	struct tpacket_stats_v4 st;
	unsigned int i;
	int map, devmap;

	tp4_close(&self->b);
	ASSERT_EQ(0, open_b(self, 8));
	map = verdict_map(verdicts);
	ASSERT_LE(0, map);
	devmap = redirect_map(BPF_MAP_TYPE_DEVMAP, self->c);
	ASSERT_LE(0, devmap);
	attach(_metadata, self, tp4_prog_verdicts(map, devmap));
	self->window = 8;
	run(_metadata, self, verdicts, total);

	/* User space keeps all frames but one; that one will do */
	for (i = 0; i < TP4_VERDICTS; i++)
		ASSERT_EQ(0, tp4_map_set_u32(map, i, XDP_PASS));
	ASSERT_EQ(0, send_some(self, ARRAY_SIZE(kept)));
	for (i = 0; i < ARRAY_SIZE(kept); i++) {
		ASSERT_EQ(POLLIN, tp4_poll(self->b.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&self->b, &kept[i]));
		count(self, XDP_PASS);
	}
	/* Some with, some without it in between that do go to user space */
	verdicts[7] = XDP_PASS;
	verdicts[8] = XDP_PASS;
	for (i = 0; i < TP4_VERDICTS; i++)
		ASSERT_EQ(0, tp4_map_set_u32(map, i, verdicts[i]));
	self->window = 1;
	run(_metadata, self, verdicts, total / 8);
	for (i = 0; i < ARRAY_SIZE(kept); i++)
		tp4_rx_give(&self->b, kept[i].idx);
	self->window = 8;
	run(_metadata, self, verdicts, total / 8);

	ASSERT_EQ(0, tp4_stats(self->b.fd, &st));
	EXPECT_EQ(0, st.rx_no_frame);
	EXPECT_EQ(0, st.tp_drops);
	expect_whole(_metadata, self, 8);
	close(devmap);
	close(map);
}

/* With a program, too, frames are swapped where they can be */
TEST_F(zc_xdp, swapped_or_copied)
{
	__u32 i, n = tp4_scaled(1000, 100);
	unsigned long long swapped = 0, copied = 0;

	for (i = 0; i < n; i++) {
		if (self->shared && offset_of(i) >= HEADROOM)
			swapped++;
		else
			copied += length_of(i);
	}
	attach(_metadata, self, tp4_prog_const(XDP_DROP));
	run_all(_metadata, self, XDP_DROP, n);
	EXPECT_EQ(n, tp4_ethtool_stat("tp4b", "rx_queue_0_tp4_packets"));
	EXPECT_EQ(swapped, tp4_ethtool_stat("tp4b", "rx_queue_0_tp4_swapped"));
	EXPECT_EQ(copied,
		  tp4_ethtool_stat("tp4b", "rx_queue_0_tp4_copied_bytes"));
}

/* XDP_TX to a socket that has given no frame: it is dropped there */
TEST_F(zc_xdp, back_without_frames)
{
	struct tpacket4_desc d[RING];
	struct tpacket_stats_v4 st;
	unsigned int i;

	if (self->stack)
		SKIP(return, "the stack always has room");
	self->redirected = NONE;
	attach(_metadata, self, tp4_prog_const(XDP_TX));
	for (i = 0; i < RING; i++) {
		if (!(i % WINDOW))
			ASSERT_EQ(0, send_some(self, WINDOW));
		/* One at a time, for all that NAPI has promised. */
		while (!tp4_rx_next(&self->a, &d[i]))
			ASSERT_EQ(POLLIN, tp4_poll(self->a.fd, POLLIN,
						   TP4_WAIT_MS));
		count(self, XDP_TX);
	}
	ASSERT_EQ(0, send_some(self, WINDOW));
	self->want[XDP_TX] += WINDOW;
	expect_counts(_metadata, self);
	/* Not in order with the former: another device's NAPI */
	do {
		ASSERT_EQ(0, tp4_stats(self->a.fd, &st));
	} while (st.rx_no_frame < WINDOW);
	EXPECT_EQ(WINDOW, st.rx_no_frame);
	EXPECT_EQ(0, tp4_recv(&self->a, self->pkt, MAX_PKT));
	for (i = 0; i < RING; i++)
		tp4_rx_give(&self->a, d[i].idx);
	run_all(_metadata, self, XDP_TX, WINDOW);
}

/* Sends, with what it goes through being changed all the time */
struct toggler {
	int ifindex;
	int progs[3];		/* the last: none */
	bool link;
	unsigned int turns;
	unsigned int sent;	/* windows, told by the sender */
	bool stop;
	int ret;
	pthread_t thread;
};

static int toggle(struct toggler *t, int *link, int prog)
{
	if (!t->link)
		return tp4_link_xdp(t->ifindex, prog, 0);
	if (prog < 0) {
		close(*link);
		*link = -1;
		return 0;
	}
	if (*link >= 0)
		return tp4_xdp_link_update(*link, prog);
	*link = tp4_xdp_link(t->ifindex, prog, 0);
	return *link < 0 ? *link : 0;
}

static void *toggler_run(void *arg)
{
	struct toggler *t = arg;
	unsigned int sent;
	int link = -1;

	while (!t->ret && !__atomic_load_n(&t->stop, __ATOMIC_RELAXED)) {
		t->ret = toggle(t, &link, t->progs[t->turns % 3]);
		/* A whole window goes through each of them */
		sent = __atomic_load_n(&t->sent, __ATOMIC_RELAXED);
		while (__atomic_load_n(&t->sent, __ATOMIC_RELAXED) < sent + 2 &&
		       !__atomic_load_n(&t->stop, __ATOMIC_RELAXED))
			sched_yield();
		__atomic_fetch_add(&t->turns, 1, __ATOMIC_RELAXED);
	}
	if (link >= 0)
		close(link);
	return NULL;
}

/* Nothing is lost that a program has not dropped */
static void toggle_under_traffic(struct __test_metadata *_metadata,
				 struct _test_data_zc_xdp *self, bool by_link)
{
	__u32 verdicts[TP4_VERDICTS] = {};
	unsigned int turns = tp4_scaled(300, 30);
	struct toggler t = {
		.ifindex = self->net.b, .link = by_link,
	};
	__u32 marked = 0, arrived = 0, seq, first, i;
	struct tpacket_stats_v4 st;
	int map, devmap, ret;

	for (i = 0; i < TP4_VERDICTS; i++)
		verdicts[i] = i % 5 == 3 ? XDP_DROP : XDP_PASS;
	map = verdict_map(verdicts);
	ASSERT_LE(0, map);
	t.progs[0] = tp4_prog_const(XDP_PASS);
	devmap = redirect_map(BPF_MAP_TYPE_DEVMAP, self->c);
	ASSERT_LE(0, devmap);
	t.progs[1] = tp4_prog_verdicts(map, devmap);
	t.progs[2] = -1;
	ASSERT_LE(0, t.progs[0]);
	ASSERT_LE(0, t.progs[1]);
	ASSERT_EQ(0, pthread_create(&t.thread, NULL, toggler_run, &t));

	do {
		first = self->seq;
		ASSERT_EQ(0, send_some(self, 32));
		for (seq = first; seq != self->seq;) {
			ret = sink_recv(self, USER);
			ASSERT_LT(0, ret);
			/* Those that may be missing may be missing */
			while (seq != tp4_pkt_seq(self->pkt) &&
			       verdicts[seq % TP4_VERDICTS] == XDP_DROP) {
				marked++;
				seq++;
			}
			ASSERT_TRUE(tp4_pkt_ok(self->pkt, ret, seq,
					       length_of(seq)));
			if (verdicts[seq % TP4_VERDICTS] == XDP_DROP) {
				marked++;
				arrived++;
			}
			seq++;
		}
		__atomic_fetch_add(&t.sent, 1, __ATOMIC_RELAXED);
		sched_yield();
	} while (__atomic_load_n(&t.turns, __ATOMIC_RELAXED) < turns &&
		 !__atomic_load_n(&t.ret, __ATOMIC_RELAXED));

	__atomic_store_n(&t.stop, true, __ATOMIC_RELAXED);
	pthread_join(t.thread, NULL);
	EXPECT_EQ(0, t.ret);
	ASSERT_EQ(0, tp4_stats(self->b.fd, &st));
	EXPECT_EQ(marked, arrived + st.xdp_drop);
	/* Each kind of program was in force for a while */
	EXPECT_LT(0, st.xdp_drop);
	EXPECT_LT(0, arrived);
	EXPECT_LT(0, st.xdp_pass);
	EXPECT_LT(st.xdp_pass + st.xdp_drop, self->seq);
	EXPECT_EQ(0, st.xdp_aborted);
	EXPECT_EQ(0, st.xdp_errors);
	EXPECT_EQ(self->seq - st.xdp_drop, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);
	expect_whole(_metadata, self, RING);
	close(t.progs[0]);
	close(t.progs[1]);
	close(devmap);
	close(map);
}

TEST_F(zc_xdp, replace_under_traffic)
{
	toggle_under_traffic(_metadata, self, false);
}

TEST_F(zc_xdp, replace_link_under_traffic)
{
	toggle_under_traffic(_metadata, self, true);
}

static int send_from_b(struct _test_data_zc_xdp *self, unsigned int n)
{
	size_t len, bytes = 0;
	__u8 pkt[MAX_PKT];
	int ret;

	for (; n; n--, self->seq++) {
		len = length_of(self->seq);
		bytes += len;
		tp4_pkt_fill(pkt, len, self->seq);
		ret = queue_at(&self->b, pkt, len, HEADROOM, 0);
		if (ret)
			return ret;
	}
	return send_queued(&self->b, bytes);
}

/* A program is about what its device receives, not about what it sends */
TEST_F(zc_xdp, program_on_the_sender)
{
	__u64 counts[COUNTS], errors;
	int prog[3];
	__u32 i;
	int ret;

	prog[0] = tp4_prog_const(XDP_DROP);
	prog[1] = tp4_prog_const(XDP_TX);
	prog[2] = tp4_prog_const(XDP_PASS_TO_KERNEL);
	for (i = 0; i < 3; i++)
		ASSERT_LE(0, prog[i]);

	ASSERT_EQ(0, tp4_link_xdp(self->net.a, prog[0], 0));
	run_all(_metadata, self, XDP_PASS, 10 * WINDOW);
	ASSERT_EQ(0, send_from_b(self, WINDOW));
	expect_silence(_metadata, self);
	if (self->stack) {
		EXPECT_EQ(WINDOW,
			  tp4_ethtool_stat("tp4a", "rx_queue_0_xdp_drops"));
	} else {
		ASSERT_EQ(0, read_counts(self->a.fd, counts, &errors));
		EXPECT_EQ(WINDOW, counts[XDP_DROP]);
		EXPECT_EQ(0, errors);
	}

	ASSERT_EQ(0, tp4_link_xdp(self->net.a, prog[1], 0));
	ASSERT_EQ(0, send_from_b(self, WINDOW));
	for (i = self->seq - WINDOW; i != self->seq; i++) {
		ret = sink_recv(self, USER);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
	}
	expect_silence(_metadata, self);

	/* If tp4a has no socket in zero copy, this is XDP_PASS */
	ASSERT_EQ(0, tp4_link_xdp(self->net.a, prog[2], 0));
	ASSERT_EQ(0, send_from_b(self, WINDOW));
	for (i = self->seq - WINDOW; i != self->seq; i++) {
		ret = tp4_plain_recv(self->plain_a, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
	}
	expect_silence(_metadata, self);
	for (i = 0; i < 3; i++)
		close(prog[i]);
}

/* A program that was there first, and that stays when the socket leaves */
TEST_F(zc_xdp, program_before_and_after)
{
	struct tpacket4_desc d[RING + 1];
	__u32 i, first;
	int ret;

	tp4_close(&self->b);
	attach(_metadata, self, tp4_prog_const(XDP_DROP));
	ASSERT_EQ(0, open_b(self, RING));
	run_all(_metadata, self, XDP_DROP, 2 * WINDOW);

	attach(_metadata, self, tp4_prog_const(XDP_PASS_TO_KERNEL));
	run_all(_metadata, self, XDP_PASS_TO_KERNEL, WINDOW);

	/* In copy mode the stack gets all, and the socket what the stack gets */
	ASSERT_EQ(0, tp4_set_queue(self->b.fd, -1));
	for (i = 0; tp4_rx_next(&self->b, &d[i]); i++)
		EXPECT_EQ(ECANCELED, d[i].error);
	ASSERT_EQ(RING, i);
	while (i--)
		tp4_rx_give(&self->b, d[i].idx);
	first = self->seq;
	ASSERT_EQ(0, send_some(self, WINDOW));
	for (i = first; i != self->seq; i++) {
		ret = sink_recv(self, STACK);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
		ret = sink_recv(self, USER);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
	}
	self->counting = false;
	expect_counts(_metadata, self);
	expect_silence(_metadata, self);
}

/* UDP and the stack's finished copy */

static int mac_of(const char *dev, __u8 *mac)
{
	struct ifreq ifr = {};
	int fd, ret = 0;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	if (ioctl(fd, SIOCGIFHWADDR, &ifr))
		ret = -errno;
	memcpy(mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	close(fd);
	return ret;
}

#define UDP_PORT	4444

#define UDP_HLEN	(ETH_HLEN + sizeof(struct iphdr) + sizeof(struct udphdr))
#define UDP_PAYLOAD	600
#define UDP_LEN		(UDP_HLEN + UDP_PAYLOAD)

static void udp_fill(__u8 *p, const __u8 *mac, __u32 seq)
{
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.tot_len = htons(UDP_LEN - ETH_HLEN),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(0xc0000201),
		.daddr = htonl(0xc0000202),
	};
	const struct udphdr udp = {
		.source = htons(UDP_PORT),
		.dest = htons(UDP_PORT),
		.len = htons(sizeof(udp) + UDP_PAYLOAD),
	};
	struct ethhdr eth = {
		.h_source = { 2 },
		.h_proto = htons(ETH_P_IP),
	};
	__u16 words[sizeof(ip) / 2];
	unsigned int i;
	__u32 sum = 0;

	memcpy(eth.h_dest, mac, ETH_ALEN);
	memcpy(words, &ip, sizeof(words));
	for (i = 0; i < ARRAY_SIZE(words); i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = ~(sum + (sum >> 16));
	memcpy(p, &eth, sizeof(eth));
	memcpy(p + ETH_HLEN, &ip, sizeof(ip));
	memcpy(p + ETH_HLEN + sizeof(ip), &udp, sizeof(udp));
	tp4_pkt_fill(p + UDP_HLEN, UDP_PAYLOAD, seq);
}

static int udp_socket(void)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(UDP_PORT),
		.sin_addr.s_addr = htonl(0xc0000202),
	};
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof(sin))) {
		close(fd);
		return -errno;
	}
	return fd;
}

TEST_F(zc_xdp, to_the_kernels_udp)
{
	__u8 mac[ETH_ALEN], p[UDP_LEN];
	__u32 i, n = 32;
	int udp, raw;

	ASSERT_EQ(0, mac_of("tp4b", mac));
	ASSERT_EQ(0, tp4_addr4_add(self->net.b, "192.0.2.2", 24));
	udp = udp_socket();
	ASSERT_LE(0, udp);
	raw = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);
	ASSERT_LE(0, raw);
	attach(_metadata, self, tp4_prog_const(XDP_PASS_TO_KERNEL));

	for (i = 0; i < n; i++) {
		udp_fill(p, mac, i);
		if (self->stack) {
			ASSERT_EQ(0, tp4_plain_send(self->plain_a, p, UDP_LEN));
		} else {
			ASSERT_EQ(0, queue_at(&self->a, p, UDP_LEN,
					      offset_of(i), 0));
			ASSERT_EQ(0, send_queued(&self->a, UDP_LEN));
		}
		count(self, XDP_PASS_TO_KERNEL);
	}
	expect_counts(_metadata, self);
	/* The packets that wait there have nothing to do with our memory */
	if (!self->stack)
		memset(self->a.buf, 0xff, self->a.buf_len);
	memset(self->b.buf, 0xff, self->b.buf_len);

	for (i = 0; i < n; i++) {
		ASSERT_EQ(POLLIN, tp4_poll(udp, POLLIN, TP4_WAIT_MS));
		EXPECT_EQ(UDP_PAYLOAD, recv(udp, self->pkt, MAX_PKT, 0));
		EXPECT_TRUE(tp4_pkt_ok(self->pkt, UDP_PAYLOAD, i, UDP_PAYLOAD));
		udp_fill(p, mac, i);
		ASSERT_EQ(POLLIN, tp4_poll(raw, POLLIN, TP4_WAIT_MS));
		EXPECT_EQ(UDP_LEN - ETH_HLEN, recv(raw, self->pkt, MAX_PKT, 0));
		EXPECT_EQ(0, memcmp(self->pkt, p + ETH_HLEN,
				    UDP_LEN - ETH_HLEN));
		EXPECT_EQ(UDP_LEN, sink_recv(self, STACK));
		EXPECT_EQ(0, memcmp(self->pkt, p, UDP_LEN));
	}
	EXPECT_EQ(-1, recv(udp, self->pkt, MAX_PKT, MSG_DONTWAIT));
	expect_silence(_metadata, self);
	close(udp);
	close(raw);
}

/*
 * Where no socket is in zero copy, XDP_PASS_TO_KERNEL means XDP_PASS, for each
 * of those who run XDP programs.
 */
FIXTURE(zc_xdp_stack) {
	struct tp4_net net;
	int plain_a;
	int plain_b;
	__u8 pkt[MAX_PKT];
};

FIXTURE_SETUP(zc_xdp_stack)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->plain_a = tp4_plain_open(self->net.a, TP4_ETH_P);
	ASSERT_LE(0, self->plain_a);
	self->plain_b = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->plain_b);
}

FIXTURE_TEARDOWN(zc_xdp_stack)
{
	close(self->plain_a);
	close(self->plain_b);
}

static void expect_passed(struct __test_metadata *_metadata,
			  struct _test_data_zc_xdp_stack *self, __u32 n)
{
	__u32 i;
	int ret;

	for (i = 0; i < n; i++) {
		if (!(i % WINDOW)) {
			__u32 k;

			for (k = i; k < n && k < i + WINDOW; k++) {
				tp4_pkt_fill(self->pkt, length_of(k), k);
				ASSERT_EQ(0, tp4_plain_send(self->plain_a,
							    self->pkt,
							    length_of(k)));
			}
		}
		ret = tp4_plain_recv(self->plain_b, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i,
						  length_of(i)));
	}
	EXPECT_EQ(-1, recv(self->plain_b, self->pkt, MAX_PKT, MSG_DONTWAIT));
}

TEST_F(zc_xdp_stack, native)
{
	int prog = tp4_prog_const(XDP_PASS_TO_KERNEL);

	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, XDP_FLAGS_DRV_MODE));
	expect_passed(_metadata, self, 500);
	EXPECT_EQ(0, tp4_ethtool_stat("tp4b", "rx_queue_0_xdp_drops"));
	close(prog);
}

TEST_F(zc_xdp_stack, generic)
{
	int prog = tp4_prog_const(XDP_PASS_TO_KERNEL);

	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, XDP_FLAGS_SKB_MODE));
	expect_passed(_metadata, self, 500);
	close(prog);
}

/* Programs of the entries of maps that packets are redirected to */
TEST_F(zc_xdp_stack, of_a_cpumap)
{
	struct bpf_cpumap_val value = { .qsize = 2 * WINDOW };
	int map, prog;

	map = tp4_map_create(BPF_MAP_TYPE_CPUMAP, sizeof(value), 1);
	ASSERT_LE(0, map);
	value.bpf_prog.fd = tp4_prog_const_for(XDP_PASS_TO_KERNEL,
					       BPF_XDP_CPUMAP);
	ASSERT_LE(0, value.bpf_prog.fd);
	ASSERT_EQ(0, tp4_map_set(map, 0, &value));
	prog = tp4_prog_redirect_map(map);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, XDP_FLAGS_DRV_MODE));
	expect_passed(_metadata, self, 500);
	close(value.bpf_prog.fd);
	close(prog);
	close(map);
}

TEST_F(zc_xdp_stack, of_a_devmap)
{
	struct bpf_devmap_val value = {};
	struct tp4_net second;
	int map, prog, pass;
	struct tp4_netcfg cfg = {};

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	second.a = if_nametoindex("tp4c");
	second.b = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(second.a));
	ASSERT_EQ(0, tp4_link_up(second.b));
	pass = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, pass);
	ASSERT_EQ(0, tp4_link_xdp(second.b, pass, XDP_FLAGS_DRV_MODE));

	map = tp4_map_create(BPF_MAP_TYPE_DEVMAP, sizeof(value), 1);
	ASSERT_LE(0, map);
	value.ifindex = second.a;
	value.bpf_prog.fd = tp4_prog_const_for(XDP_PASS_TO_KERNEL,
					       BPF_XDP_DEVMAP);
	ASSERT_LE(0, value.bpf_prog.fd);
	ASSERT_EQ(0, tp4_map_set(map, 0, &value));
	prog = tp4_prog_redirect_map(map);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, XDP_FLAGS_DRV_MODE));

	/* Passed means sent, here */
	close(self->plain_b);
	self->plain_b = tp4_plain_open(second.b, TP4_ETH_P);
	ASSERT_LE(0, self->plain_b);
	expect_passed(_metadata, self, 500);
	close(value.bpf_prog.fd);
	close(prog);
	close(pass);
	close(map);
}

/* Whoever tests a program wants to know what it returns, not what it means */
TEST_F(zc_xdp_stack, test_run)
{
	static const __u32 actions[] = {
		XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_TX, XDP_REDIRECT,
		XDP_PASS_TO_KERNEL, TP4_XDP_INVALID, 255,
	};
	unsigned int i;
	int prog;

	EXPECT_EQ(5, XDP_PASS_TO_KERNEL);
	tp4_pkt_fill(self->pkt, 100, 0);
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		prog = tp4_prog_const(actions[i]);
		ASSERT_LE(0, prog);
		EXPECT_EQ(actions[i], tp4_prog_test_run(prog, self->pkt, 100));
		close(prog);
	}
}

/* Unless it is to be done */
TEST_F(zc_xdp_stack, live_run)
{
	int prog = tp4_prog_const(XDP_PASS_TO_KERNEL);
	__u32 i;
	int ret;

	ASSERT_LE(0, prog);
	tp4_pkt_fill(self->pkt, 100, 7);
	ASSERT_EQ(0, tp4_prog_live_run(prog, self->net.b, self->pkt, 100, 50));
	for (i = 0; i < 50; i++) {
		ret = tp4_plain_recv(self->plain_b, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 7, 100));
	}
	EXPECT_EQ(-1, recv(self->plain_b, self->pkt, MAX_PKT, MSG_DONTWAIT));
	close(prog);
}

TEST_HARNESS_MAIN

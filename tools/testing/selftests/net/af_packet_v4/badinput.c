// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: what user space may write into its rings, by mistake or by
 * design. A bad descriptor comes back with its errno and costs its packet;
 * those behind it go out, and nothing else happens.
 */

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define FRAMES		1024
#define RING		512
#define SIZE		2048
#define MAX_PKT		16384

FIXTURE(badinput) {
	struct tp4_net net;
	struct tp4 t;		/* on a */
	int in;			/* plain, receives on b what t sends */
	int out;		/* plain, sends on b what t receives */
	__u8 pkt[MAX_PKT];
	__u32 seq;		/* of the next good packet */
};

FIXTURE_VARIANT(badinput) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(badinput, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(badinput, copy_direct) {
	.mode = &tp4_copy_direct,
};

static int open_with(struct _test_data_badinput *self,
		     const struct tp4_mode *mode, unsigned int nr)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = mode, .rx_nr = nr, .tx_nr = nr,
		.frames = FRAMES, .frame_size = SIZE, .ignore_outgoing = true,
	};

	return tp4_open(&self->t, &cfg);
}

FIXTURE_SETUP(badinput)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	ASSERT_EQ(0, open_with(self, variant->mode, RING));
}

FIXTURE_TEARDOWN(badinput)
{
	int i, ret;

	/* After all that the ring still works, and nobody wrote elsewhere */
	for (i = 0; i < 3; i++) {
		tp4_pkt_fill(self->pkt, 300, 1000000 + i);
		EXPECT_EQ(0, tp4_send(&self->t, self->pkt, 300, 0));
		ret = tp4_plain_recv(self->in, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 1000000 + i,
						  300));
		tp4_pkt_fill(self->pkt, 400, 2000000 + i);
		EXPECT_EQ(0, tp4_plain_send(self->out, self->pkt, 400));
		ret = tp4_recv_wait(&self->t, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 2000000 + i,
						  400));
	}
	EXPECT_TRUE(tp4_guards_ok(&self->t));
	tp4_close(&self->t);
	close(self->in);
	close(self->out);
}

/* One descriptor to send, and what should become of it */
struct entry {
	__u64 idx;
	__u32 len;
	__u16 offset;
	__u8 flags;
	__u8 error;
};

/* A descriptor that is bad whatever stands beside it */
static const struct entry bad_entries[] = {
	/* no such frame, also none modulo 2^32, or when multiplied by 2048 */
	{ FRAMES, 100, 0, 0, EBADF },
	{ FRAMES + 1, 100, 0, 0, EBADF },
	{ 0x7fffffff, 100, 0, 0, EBADF },
	{ 0x80000000, 100, 0, 0, EBADF },
	{ 0xffffffff, 100, 0, 0, EBADF },
	{ 0x100000000ULL, 100, 0, 0, EBADF },
	{ 0x100000001ULL, 100, 0, 0, EBADF },
	{ 1ULL << 52, 100, 0, 0, EBADF },
	{ 1ULL << 53, 100, 0, 0, EBADF },
	{ (1ULL << 53) + 1, 100, 0, 0, EBADF },
	{ 0x7fffffffffffffffULL, 100, 0, 0, EBADF },
	{ 0x8000000000000000ULL, 100, 0, 0, EBADF },
	{ ~0ULL, 100, 0, 0, EBADF },
	/* not within the frame, also not modulo 2^32 or 2^16 */
	{ 500, SIZE + 1, 0, 0, EBADF },
	{ 501, SIZE, 1, 0, EBADF },
	{ 502, 1, SIZE, 0, EBADF },
	{ 503, 1, SIZE + 1, 0, EBADF },
	{ 504, 1, 0xffff, 0, EBADF },
	{ 505, 100, SIZE - 99, 0, EBADF },
	{ 506, 0xffff, 0, 0, EBADF },
	{ 507, 0x10000, 0, 0, EBADF },
	{ 508, 0x10064, 0, 0, EBADF },
	{ 509, 0x7fffffff, 0, 0, EBADF },
	{ 510, 0x80000000, 0, 0, EBADF },
	{ 511, 0x80000064, 0, 0, EBADF },
	{ 512, 0xffffffff, 0, 0, EBADF },
	{ 513, 0xffffffff, 1, 0, EBADF },
	{ 514, 0xffff0001, 0xffff, 0, EBADF },
	{ 515, 0xfffff801, SIZE - 1, 0, EBADF },
	/* nothing to send */
	{ 516, 0, 0, 0, EINVAL },
	{ 517, 0, 100, 0, EINVAL },
	{ 518, 0, SIZE, 0, EINVAL },
	/* flags that mean nothing yet */
	{ 519, 100, 0, 0x02, EINVAL },
	{ 520, 100, 0, 0x08, EINVAL },
	{ 521, 100, 0, 0x10, EINVAL },
	{ 522, 100, 0, 0x20, EINVAL },
	{ 523, 100, 0, 0x40, EINVAL },
	{ 524, 100, 0, 0x7a, EINVAL },
};

/* A descriptor that is bad as a packet of its own */
static const struct entry bad_packets[] = {
	{ 600, 1, 0, 0, EINVAL },
	{ 601, 13, 0, 0, EINVAL },
	{ 602, 13, SIZE - 13, 0, EINVAL },
	{ 603, ETH_FRAME_LEN + 1, 0, 0, EMSGSIZE },
	{ 604, ETH_FRAME_LEN + 4, 0, 0, EMSGSIZE },
	{ 605, ETH_FRAME_LEN + 5, 0, 0, EMSGSIZE },
	{ 606, SIZE, 0, 0, EMSGSIZE },
};

/* Puts a good packet into @frame and describes it */
static struct entry good(struct _test_data_badinput *self, __u64 frame, __u32 len,
			 __u16 offset)
{
	struct entry e = { frame, len, offset, 0, 0 };

	tp4_pkt_fill(tp4_frame(&self->t, frame) + offset, len, self->seq++);
	return e;
}

/*
 * Gives all of @e, sends, and takes all back: each must be there, once, with
 * its error. Completions name frames, not slots, so they are looked up.
 */
static void run(struct __test_metadata *_metadata,
		struct _test_data_badinput *self, const struct entry *e, size_t n)
{
	bool seen[RING] = {};
	struct tpacket4_desc d;
	size_t i, k, sent = 0;
	ssize_t ret;

	ASSERT_LE(n, RING);
	for (i = 0; i < n; i++) {
		tp4_tx_give(&self->t, e[i].idx, e[i].len, e[i].offset,
			    e[i].flags);
		if (!e[i].error)
			sent += e[i].len;
	}
	ret = tp4_kick(&self->t, 0);
	EXPECT_EQ(sent, ret);
	for (k = 0; k < n; k++) {
		ASSERT_TRUE(tp4_tx_next(&self->t, &d))
			TH_LOG("%zu of %zu came back", k, n);
		for (i = 0; i < n; i++)
			if (!seen[i] && e[i].idx == d.idx &&
			    e[i].len == d.len && e[i].offset == d.offset)
				break;
		ASSERT_LT(i, n)
			TH_LOG("nobody gave idx %#llx len %u offset %u",
			       (unsigned long long)d.idx, d.len, d.offset);
		seen[i] = true;
		EXPECT_EQ(e[i].error, d.error)
			TH_LOG("entry %zu: idx %#llx len %u offset %u flags %#x",
			       i, (unsigned long long)d.idx, d.len, d.offset,
			       e[i].flags);
		EXPECT_EQ(0, d.flags & TP4_DESC_KERNEL);
		if (!e[i].error)
			EXPECT_EQ(e[i].flags, d.flags);
	}
	EXPECT_EQ(0, tp4q_num_held(&self->t.txq));
}

/* The good packets, all of them, in order, and no other */
static void expect_sent(struct __test_metadata *_metadata,
			struct _test_data_badinput *self, __u32 seq, size_t len)
{
	int ret = tp4_plain_recv(self->in, self->pkt, MAX_PKT);

	ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, seq, len));
}

static void expect_nothing_sent(struct __test_metadata *_metadata,
				struct _test_data_badinput *self)
{
	ASSERT_EQ(0, tp4_sync(self->net.a, self->net.b));
	EXPECT_EQ(-1, recv(self->in, self->pkt, MAX_PKT, MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
}

TEST_F(badinput, tx_each_between_good_ones)
{
	struct tpacket_stats_v4 st;
	struct entry e[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_entries); i++) {
		e[0] = good(self, 0, 100, 0);
		e[1] = bad_entries[i];
		e[2] = good(self, 2, 1514, 534);
		run(_metadata, self, e, 3);
		expect_sent(_metadata, self, 2 * i, 100);
		expect_sent(_metadata, self, 2 * i + 1, 1514);
	}
	expect_nothing_sent(_metadata, self);
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(ARRAY_SIZE(bad_entries), st.tx_invalid_desc);
	EXPECT_EQ(0, st.tx_errors);
}

TEST_F(badinput, tx_each_bad_packet_between_good_ones)
{
	struct tpacket_stats_v4 st;
	struct entry e[3];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad_packets); i++) {
		tp4_pkt_fill(tp4_frame(&self->t, bad_packets[i].idx), SIZE,
			     9999);
		e[0] = good(self, 0, 100, 0);
		e[1] = bad_packets[i];
		e[2] = good(self, 2, 14, 2034);
		run(_metadata, self, e, 3);
		expect_sent(_metadata, self, 2 * i, 100);
		expect_sent(_metadata, self, 2 * i + 1, 14);
	}
	expect_nothing_sent(_metadata, self);
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.tx_invalid_desc);
	EXPECT_EQ(ARRAY_SIZE(bad_packets), st.tx_errors);
}

/* First, last, next to one another, and nothing good at all */
TEST_F(badinput, tx_all_in_one_send)
{
	struct entry e[2 * ARRAY_SIZE(bad_entries) +
		       2 * ARRAY_SIZE(bad_packets)];
	size_t i, n = 0, nr_good = 0;

	for (i = 0; i < ARRAY_SIZE(bad_entries); i++) {
		e[n++] = bad_entries[i];
		if (i % 3)
			e[n++] = good(self, nr_good++, 60, 7);
	}
	for (i = 0; i < ARRAY_SIZE(bad_packets); i++) {
		e[n++] = bad_packets[i];
		if (i % 2)
			e[n++] = good(self, nr_good++, 60, 7);
	}
	run(_metadata, self, e, n);
	for (i = 0; i < nr_good; i++)
		expect_sent(_metadata, self, i, 60);
	run(_metadata, self, bad_entries, ARRAY_SIZE(bad_entries));
	run(_metadata, self, bad_packets, ARRAY_SIZE(bad_packets));
	expect_nothing_sent(_metadata, self);
}

/* As often as it takes for each to have stood in each slot of the ring */
TEST_F(badinput, tx_at_every_slot)
{
	struct entry e[3];
	size_t i, k = 0;

	tp4_close(&self->t);
	ASSERT_EQ(0, open_with(self, variant->mode, 4));
	for (i = 0; i < tp4_scaled(4 * 4 * ARRAY_SIZE(bad_entries), 200);
	     i++) {
		e[0] = bad_entries[i % ARRAY_SIZE(bad_entries)];
		e[1] = good(self, 1, 100 + i % 1000, 3);
		e[2] = bad_packets[i % ARRAY_SIZE(bad_packets)];
		/* 3, then 2 of 4 slots: the start wanders */
		run(_metadata, self, e, i % 2 ? 3 : 2);
		expect_sent(_metadata, self, k++, 100 + i % 1000);
	}
}

/* The bad one costs its packet, be it the first, middle or last frame */
TEST_F(badinput, tx_multi_frame)
{
	struct entry e[5];
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(bad_entries); i++) {
		for (k = 0; k < 3; k++) {
			size_t f;

			e[0] = good(self, 0, 64, 0);
			for (f = 0; f < 3; f++) {
				e[1 + f] = (struct entry) {
					10 + f, 100, 0,
					f < 2 ? TP4_PKT_CONT : 0, ECANCELED,
				};
			}
			e[1 + k] = bad_entries[i];
			if (k < 2)
				e[1 + k].flags |= TP4_PKT_CONT;
			e[4] = good(self, 4, 65, 0);
			run(_metadata, self, e, 5);
			expect_sent(_metadata, self, self->seq - 2, 64);
			expect_sent(_metadata, self, self->seq - 1, 65);
		}
	}
	expect_nothing_sent(_metadata, self);
}

/* Two bad ones in a packet have an errno each */
TEST_F(badinput, tx_multi_frame_two_bad)
{
	struct entry e[] = {
		{ 10, 100, 0, TP4_PKT_CONT, ECANCELED },
		{ FRAMES, 100, 0, TP4_PKT_CONT, EBADF },
		{ 11, 100, 0, TP4_PKT_CONT, ECANCELED },
		{ 12, 0, 0, TP4_PKT_CONT, EINVAL },
		{ 13, 100, 0, 0, ECANCELED },
		{ 14, 0, 0, 0, 0 },
	};

	e[5] = good(self, 14, 1000, 0);
	run(_metadata, self, e, ARRAY_SIZE(e));
	expect_sent(_metadata, self, 0, 1000);
	expect_nothing_sent(_metadata, self);
}

/* What is wrong with the packet as a whole is said on every frame */
TEST_F(badinput, tx_multi_frame_bad_sum)
{
	struct entry too_short[] = {
		{ 10, 6, 0, TP4_PKT_CONT, EINVAL },
		{ 11, 7, 0, 0, EINVAL },
		{ 12, 0, 0, 0, 0 },
	};
	struct entry too_long[] = {
		{ 10, 1000, 0, TP4_PKT_CONT, EMSGSIZE },
		{ 11, 500, 0, TP4_PKT_CONT, EMSGSIZE },
		{ 12, 15, 0, 0, EMSGSIZE },
		{ 13, 0, 0, 0, 0 },
	};

	memset(tp4_frame(&self->t, 10), 0, 3 * SIZE);
	too_short[2] = good(self, 12, 77, 0);
	run(_metadata, self, too_short, ARRAY_SIZE(too_short));
	expect_sent(_metadata, self, 0, 77);
	memset(tp4_frame(&self->t, 10), 0, 3 * SIZE);
	too_long[3] = good(self, 13, 78, 0);
	run(_metadata, self, too_long, ARRAY_SIZE(too_long));
	expect_sent(_metadata, self, 1, 78);
	expect_nothing_sent(_metadata, self);
}

/* Only a VLAN tag makes room for four bytes more */
TEST_F(badinput, tx_vlan_length)
{
	static const __u8 tag[] = { 0x81, 0, 0, 5 };
	struct entry e[] = {
		{ 10, ETH_FRAME_LEN + 4, 0, 0, 0 },
		{ 11, ETH_FRAME_LEN + 5, 0, 0, EMSGSIZE },
		{ 12, 15, 0, 0, 0 },
	};
	int i;

	for (i = 10; i < 12; i++) {
		tp4_pkt_fill(tp4_frame(&self->t, i), SIZE, 1);
		/* the inner type is the tests' own, so that it is received */
		memcpy(tp4_frame(&self->t, i) + 16,
		       tp4_frame(&self->t, i) + 12, 2);
		memcpy(tp4_frame(&self->t, i) + 12, tag, sizeof(tag));
	}
	e[2] = good(self, 12, 15, 0);
	run(_metadata, self, e, ARRAY_SIZE(e));
	/* The plain socket has the tag as metadata, not as bytes */
	EXPECT_EQ(ETH_FRAME_LEN, tp4_plain_recv(self->in, self->pkt, MAX_PKT));
	expect_sent(_metadata, self, 0, 15);
	expect_nothing_sent(_metadata, self);
}

/* A packet whose end is not there yet waits for it, and so do those behind */
TEST_F(badinput, tx_unfinished_packet)
{
	struct tpacket4_desc d;
	struct tp4 *t = &self->t;
	int i;

	for (i = 0; i < 50; i++) {
		tp4_pkt_fill(tp4_frame(t, 0), 60, 10 * i);
		tp4_tx_give(t, 0, 60, 0, 0);
		tp4_pkt_fill(self->pkt, 300, 10 * i + 1);
		memcpy(tp4_frame(t, 1), self->pkt, 100);
		memcpy(tp4_frame(t, 2), self->pkt + 100, 100);
		memcpy(tp4_frame(t, 3), self->pkt + 200, 100);
		tp4_tx_give(t, 1, 100, 0, TP4_PKT_CONT);
		tp4_tx_give(t, 2, 100, 0, TP4_PKT_CONT);
		EXPECT_EQ(60, tp4_kick(t, 0));
		ASSERT_TRUE(tp4_tx_next(t, &d));
		EXPECT_EQ(0, d.idx);
		EXPECT_EQ(0, d.error);
		EXPECT_FALSE(tp4_tx_next(t, &d));
		expect_sent(_metadata, self, 10 * i, 60);
		/* Asking again does not help */
		EXPECT_EQ(0, tp4_kick(t, 0));
		EXPECT_EQ(0, tp4_kick(t, MSG_DONTWAIT));
		EXPECT_FALSE(tp4_tx_next(t, &d));
		expect_nothing_sent(_metadata, self);

		tp4_tx_give(t, 3, 100, 0, 0);
		EXPECT_EQ(300, tp4_kick(t, 0));
		EXPECT_EQ(0, tp4_complete(t));
		EXPECT_EQ(0, tp4q_num_held(&t->txq));
		expect_sent(_metadata, self, 10 * i + 1, 300);
	}
}

/* The bad one may be seen before the packet's end is there */
TEST_F(badinput, tx_unfinished_bad_packet)
{
	struct tpacket4_desc d;
	struct tp4 *t = &self->t;
	unsigned int n = 0;
	__u8 error[3] = {};

	tp4_tx_give(t, 1, 100, 0, TP4_PKT_CONT);
	tp4_tx_give(t, FRAMES, 100, 0, TP4_PKT_CONT);
	EXPECT_EQ(0, tp4_kick(t, 0));
	tp4_tx_give(t, 3, 100, 0, 0);
	tp4_pkt_fill(tp4_frame(t, 4), 100, 5);
	tp4_tx_give(t, 4, 100, 0, 0);
	EXPECT_EQ(100, tp4_kick(t, 0));
	while (tp4_tx_next(t, &d)) {
		if (d.idx == 1)
			error[0] = d.error;
		else if (d.idx == FRAMES)
			error[1] = d.error;
		else if (d.idx == 3)
			error[2] = d.error;
		else
			EXPECT_EQ(0, d.error);
		n++;
	}
	EXPECT_EQ(4, n);
	EXPECT_EQ(ECANCELED, error[0]);
	EXPECT_EQ(EBADF, error[1]);
	EXPECT_EQ(ECANCELED, error[2]);
	expect_sent(_metadata, self, 5, 100);
	expect_nothing_sent(_metadata, self);
}

/* As many frames as a packet may have, and one more */
TEST_F(badinput, tx_longest_chain)
{
	struct entry *e;
	size_t i, n;

	e = calloc(RING, sizeof(*e));
	ASSERT_NE(NULL, e);
	for (n = 256; n <= 257; n++) {
		tp4_pkt_fill(self->pkt, 5 * n, n);
		for (i = 0; i < n; i++) {
			memcpy(tp4_frame(&self->t, i), self->pkt + 5 * i, 5);
			e[i] = (struct entry) {
				i, 5, 0, i < n - 1 ? TP4_PKT_CONT : 0,
				n > 256 ? EMSGSIZE : 0,
			};
		}
		self->seq = 77;
		e[n] = good(self, n, 60, 0);
		run(_metadata, self, e, n + 1);
		if (n == 256)
			expect_sent(_metadata, self, n, 5 * n);
		expect_sent(_metadata, self, 77, 60);
	}
	expect_nothing_sent(_metadata, self);
	free(e);
}

/* A ring full of CONT has no room for the packet's end: it must not jam */
TEST_F(badinput, tx_chain_that_cannot_end)
{
	struct entry e[17];
	size_t i, round;

	tp4_close(&self->t);
	ASSERT_EQ(0, open_with(self, variant->mode, 16));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 16; i++)
			e[i] = (struct entry) { i, 10, 0, TP4_PKT_CONT,
						EMSGSIZE };
		run(_metadata, self, e, 16);
		/* Its end is still its own, the next packet is another */
		e[0] = (struct entry) { 1, 10, 0, TP4_PKT_CONT, EMSGSIZE };
		e[1] = (struct entry) { 2, 10, 0, 0, EMSGSIZE };
		e[2] = good(self, 3, 60, 0);
		run(_metadata, self, e, 3);
		expect_sent(_metadata, self, round, 60);
		/* 16 that end with the 16th are a packet like others */
		tp4_pkt_fill(self->pkt, 160, round);
		for (i = 0; i < 16; i++) {
			memcpy(tp4_frame(&self->t, i), self->pkt + 10 * i, 10);
			e[i] = (struct entry) {
				i, 10, 0, i < 15 ? TP4_PKT_CONT : 0, 0,
			};
		}
		run(_metadata, self, e, 16);
		expect_sent(_metadata, self, round, 160);
	}
}

/* TP4_PKT_KEEP asks for what copy mode does anyway */
TEST_F(badinput, tx_keep)
{
	struct entry e[2];

	e[0] = good(self, 40, 60, 0);
	e[0].flags = TP4_PKT_KEEP;
	e[1] = good(self, 41, 61, 0);
	run(_metadata, self, e, 2);
	expect_sent(_metadata, self, 0, 60);
	expect_sent(_metadata, self, 1, 61);
}

/* One frame in several descriptors: sent as often */
TEST_F(badinput, tx_same_frame_many_times)
{
	struct tpacket4_desc d;
	int i;

	tp4_pkt_fill(tp4_frame(&self->t, 9), 500, 1);
	for (i = 0; i < 20; i++)
		tp4_tx_give(&self->t, 9, 500, 0, 0);
	EXPECT_EQ(20 * 500, tp4_kick(&self->t, 0));
	for (i = 0; i < 20; i++) {
		ASSERT_TRUE(tp4_tx_next(&self->t, &d));
		EXPECT_EQ(9, d.idx);
		EXPECT_EQ(0, d.error);
		expect_sent(_metadata, self, 1, 500);
	}
}

/* The kernel goes by order: behind a gap nothing is looked at */
TEST_F(badinput, tx_gap)
{
	struct tpacket4_desc *tx = self->t.tx;
	struct tpacket4_desc d;

	tp4_pkt_fill(tp4_frame(&self->t, 1), 60, 1);
	tp4_pkt_fill(tp4_frame(&self->t, 2), 60, 2);
	tp4_raw_give(&tx[1], 2, 60, 0, TP4_DESC_KERNEL);
	EXPECT_EQ(0, tp4_kick(&self->t, 0));
	EXPECT_FALSE(tp4_desc_get(&tx[1], &d));
	expect_nothing_sent(_metadata, self);
	tp4_raw_give(&tx[0], 1, 60, 0, TP4_DESC_KERNEL);
	EXPECT_EQ(120, tp4_kick(&self->t, 0));
	expect_sent(_metadata, self, 1, 60);
	expect_sent(_metadata, self, 2, 60);
	/* The books of the helper do not know of these two */
	self->t.txq.avail_idx = 2;
	self->t.txq.last_used_idx = 2;
}

/* Taken back before send(): not sent */
TEST_F(badinput, tx_taken_back)
{
	struct tpacket4_desc *tx = self->t.tx;

	tp4_pkt_fill(tp4_frame(&self->t, 1), 60, 1);
	tp4_raw_give(&tx[0], 1, 60, 0, TP4_DESC_KERNEL);
	tp4_raw_give(&tx[0], 1, 60, 0, 0);
	EXPECT_EQ(0, tp4_kick(&self->t, 0));
	expect_nothing_sent(_metadata, self);
}

/*
 * An unfinished packet's slots still say KERNEL. Writing over them, or over
 * the whole ring, sends none of them twice and none from elsewhere.
 */
TEST_F(badinput, tx_overwrite_what_the_kernel_holds)
{
	struct tpacket4_desc *tx = self->t.tx;
	struct tpacket4_desc d;
	int i, back = 0;

	for (i = 0; i < 3; i++) {
		tp4_pkt_fill(tp4_frame(&self->t, i), 60, i);
		tp4_tx_give(&self->t, i, 60, 0, TP4_PKT_CONT);
	}
	EXPECT_EQ(0, tp4_kick(&self->t, 0));
	/* The kernel has its copy of these three: too late */
	for (i = 0; i < 3; i++)
		tp4_raw_give(&tx[i], ~0ULL, ~0U, 0xffff, TP4_DESC_KERNEL);
	memcpy(tp4_frame(&self->t, 3), "end", 3);
	tp4_tx_give(&self->t, 3, 3, 0, 0);
	EXPECT_EQ(183, tp4_kick(&self->t, 0));
	while (tp4_tx_next(&self->t, &d)) {
		EXPECT_EQ(0, d.error);
		EXPECT_EQ(back, d.idx);
		back++;
	}
	EXPECT_EQ(4, back);
	EXPECT_EQ(183, tp4_plain_recv(self->in, self->pkt, MAX_PKT));
	expect_nothing_sent(_metadata, self);
}

/* Receiving */

static void send_in(struct __test_metadata *_metadata,
		    struct _test_data_badinput *self, __u32 seq, size_t len)
{
	tp4_pkt_fill(self->pkt, len, seq);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, len));
}

/* A ring of @nr, nothing given yet */
static void open_empty(struct __test_metadata *_metadata,
		       struct _test_data_badinput *self, unsigned int nr)
{
	struct tp4 *t = &self->t;

	ASSERT_EQ(0, munmap(t->map, t->map_len));
	ASSERT_EQ(0, tp4_ring(t->fd, PACKET_RX_RING, t->mr_fd, nr));
	t->rx_nr = nr;
	ASSERT_EQ(0, tp4_map(t));
}

static const __u64 bad_idx[] = {
	FRAMES, FRAMES + 1, 0x7fffffff, 0x80000000, 0xffffffff,
	0x100000000ULL, 0x100000001ULL, 1ULL << 52, 1ULL << 53,
	(1ULL << 53) + 1, 0x7fffffffffffffffULL, 0x8000000000000000ULL, ~0ULL,
};

TEST_F(badinput, rx_bad_frame_numbers)
{
	struct tpacket_stats_v4 st;
	struct tpacket4_desc d;
	size_t i, bad = 0, ok = 0;

	open_empty(_metadata, self, 64);
	for (i = 0; i < ARRAY_SIZE(bad_idx); i++) {
		tp4_rx_give(&self->t, bad_idx[i]);
		tp4_rx_give(&self->t, i);
	}
	for (i = 0; i < ARRAY_SIZE(bad_idx); i++)
		send_in(_metadata, self, i, 100 + i);
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	/* The last one of tp4_sync() had no frame any more */
	for (i = 0; i < 2 * ARRAY_SIZE(bad_idx); i++) {
		ASSERT_TRUE(tp4_rx_next(&self->t, &d));
		if (d.error) {
			EXPECT_EQ(EBADF, d.error);
			EXPECT_EQ(0, d.len);
			EXPECT_EQ(bad_idx[bad], d.idx);
			bad++;
			continue;
		}
		ASSERT_LT(d.idx, FRAMES);
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&self->t, d.idx) + d.offset,
				       d.len, ok, 100 + ok));
		ok++;
	}
	EXPECT_EQ(ARRAY_SIZE(bad_idx), bad);
	EXPECT_EQ(ARRAY_SIZE(bad_idx), ok);
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(ARRAY_SIZE(bad_idx), st.rx_invalid_desc);
	EXPECT_EQ(ARRAY_SIZE(bad_idx) + 1, st.tp_packets);
	EXPECT_EQ(1, st.tp_drops);
	for (i = 0; i < 64; i++)
		tp4_rx_give(&self->t, i);
}

/* Nothing but nonsense on the ring: the packet is lost, the ring is not */
TEST_F(badinput, rx_all_bad)
{
	struct tpacket_stats_v4 st;
	struct tpacket4_desc d;
	unsigned int i, round;

	open_empty(_metadata, self, 8);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 8; i++)
			tp4_rx_give(&self->t, bad_idx[i]);
		send_in(_metadata, self, 1, 100);
		ASSERT_EQ(POLLIN, tp4_poll(self->t.fd, POLLIN, TP4_WAIT_MS));
		for (i = 0; i < 8; i++) {
			ASSERT_TRUE(tp4_rx_next(&self->t, &d));
			EXPECT_EQ(EBADF, d.error);
			EXPECT_EQ(0, d.len);
			EXPECT_EQ(bad_idx[i], d.idx);
		}
		ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
		EXPECT_EQ(1, st.tp_packets);
		EXPECT_EQ(1, st.tp_drops);
		EXPECT_EQ(round + 1, st.rx_no_frame);
		EXPECT_EQ(8 * (round + 1), st.rx_invalid_desc);
	}
	for (i = 0; i < 8; i++)
		tp4_rx_give(&self->t, i);
}

/* Hundreds of bad ones cost packets, not the machine; then it goes on */
TEST_F(badinput, rx_very_many_bad)
{
	struct tpacket4_desc d;
	unsigned int i, sent, bad = 0, ok = 0;

	open_empty(_metadata, self, RING);
	for (i = 0; i < RING - 1; i++)
		tp4_rx_give(&self->t, ~0ULL - i);
	tp4_rx_give(&self->t, 3);
	for (sent = 0; sent < RING && !ok; sent++) {
		send_in(_metadata, self, sent, 100);
		ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
		while (tp4_rx_next(&self->t, &d)) {
			if (d.error)
				bad++;
			else
				ok++;
		}
	}
	EXPECT_EQ(RING - 1, bad);
	EXPECT_EQ(1, ok);
	for (i = 0; i < RING; i++)
		tp4_rx_give(&self->t, i);
}

/* The frames of one packet stay together, the bad ones come before or after */
TEST_F(badinput, rx_multi_frame_amid_bad)
{
	struct tpacket4_desc d;
	unsigned int i, bad = 0;
	bool inside = false;
	size_t len = 0;

	ASSERT_EQ(0, tp4_link_mtu(self->net.a, 9000));
	ASSERT_EQ(0, tp4_link_mtu(self->net.b, 9000));
	open_empty(_metadata, self, 16);
	for (i = 0; i < 8; i++) {
		tp4_rx_give(&self->t, FRAMES + i);
		tp4_rx_give(&self->t, i);
	}
	send_in(_metadata, self, 5, 8000);
	ASSERT_EQ(POLLIN, tp4_poll(self->t.fd, POLLIN, TP4_WAIT_MS));
	while (tp4_rx_next(&self->t, &d)) {
		if (d.error) {
			EXPECT_FALSE(inside);
			EXPECT_EQ(EBADF, d.error);
			bad++;
			continue;
		}
		memcpy(self->pkt + len, tp4_frame(&self->t, d.idx) + d.offset,
		       d.len);
		len += d.len;
		inside = d.flags & TP4_PKT_CONT;
	}
	EXPECT_FALSE(inside);
	EXPECT_TRUE(tp4_pkt_ok(self->pkt, len, 5, 8000));
	EXPECT_LE(3, bad);
	/* Start again for what follows */
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, 1500));
	ASSERT_EQ(0, tp4_link_mtu(self->net.b, 1500));
	open_empty(_metadata, self, 16);
	for (i = 0; i < 16; i++)
		tp4_rx_give(&self->t, i);
}

/* On RX only the frame's number is the user's to say */
TEST_F(badinput, rx_other_fields_are_ignored)
{
	static const struct {
		__u32 len;
		__u16 offset;
		__u8 flags;
	} junk[] = {
		{ ~0U, 0, 0 }, { 0, 0xffff, 0 }, { 1, SIZE, 0 },
		{ 0, 0, TP4_PKT_CONT }, { 0, 0, 0x7f }, { 0, 0, 0x02 },
		{ ~0U, 0xffff, 0xff },
	};
	struct tpacket4_desc d;
	size_t i;

	open_empty(_metadata, self, 8);
	for (i = 0; i < ARRAY_SIZE(junk); i++) {
		tp4_raw_give(&self->t.rx[i], 10 + i, junk[i].len,
			     junk[i].offset, junk[i].flags | TP4_DESC_KERNEL);
		send_in(_metadata, self, i, 200);
		ASSERT_EQ(POLLIN, tp4_poll(self->t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_desc_get(&self->t.rx[i], &d));
		EXPECT_EQ(10 + i, d.idx);
		EXPECT_EQ(0, d.error);
		EXPECT_EQ(0, d.flags);
		EXPECT_EQ(0, d.offset);
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&self->t, d.idx), d.len, i,
				       200));
	}
	open_empty(_metadata, self, 8);
	for (i = 0; i < 8; i++)
		tp4_rx_give(&self->t, i);
}

/* Behind a gap nothing is looked at, as on TX */
TEST_F(badinput, rx_gap)
{
	struct tpacket_stats_v4 st;
	struct tpacket4_desc d;
	unsigned int i;

	open_empty(_metadata, self, 8);
	for (i = 1; i < 8; i++)
		tp4_raw_give(&self->t.rx[i], i, 0, 0, TP4_DESC_KERNEL);
	send_in(_metadata, self, 1, 100);
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	for (i = 1; i < 8; i++)
		EXPECT_FALSE(tp4_desc_get(&self->t.rx[i], &d));
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(2, st.tp_drops);
	tp4_raw_give(&self->t.rx[0], 0, 0, 0, TP4_DESC_KERNEL);
	for (i = 0; i < 8; i++)
		send_in(_metadata, self, 10 + i, 100);
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(tp4_desc_get(&self->t.rx[i], &d));
		EXPECT_EQ(i, d.idx);
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&self->t, i) + d.offset,
				       d.len, 10 + i, 100));
	}
	for (i = 0; i < 8; i++)
		tp4_rx_give(&self->t, i);
}

/* A slot that is given again while the kernel holds it is held once */
TEST_F(badinput, rx_given_twice)
{
	struct tpacket_stats_v4 st;
	struct tpacket4_desc d;
	unsigned int i, round;

	open_empty(_metadata, self, 4);
	for (round = 0; round < 10; round++) {
		for (i = 0; i < 4; i++)
			tp4_raw_give(&self->t.rx[i], i, 0, 0, TP4_DESC_KERNEL);
		send_in(_metadata, self, 1, 100);
		ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
		/* Two are filled. The other two, given a second time: */
		for (i = 2; i < 4; i++)
			tp4_raw_give(&self->t.rx[i], i, 0, 0, TP4_DESC_KERNEL);
		for (i = 0; i < 5; i++)
			send_in(_metadata, self, 10 + i, 100);
		ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
		for (i = 2; i < 4; i++) {
			ASSERT_TRUE(tp4_desc_get(&self->t.rx[i], &d));
			EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&self->t, d.idx) +
					       d.offset, d.len, 8 + i, 100));
		}
		ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
		EXPECT_EQ(8, st.tp_packets);
		EXPECT_EQ(4, st.tp_drops);
	}
	for (i = 0; i < 4; i++)
		tp4_rx_give(&self->t, i);
}

/* One frame on all slots: the user's own confusion, and nobody else's */
TEST_F(badinput, rx_same_frame_on_all_slots)
{
	struct tpacket4_desc d;
	unsigned int i;

	open_empty(_metadata, self, 8);
	for (i = 0; i < 8; i++)
		tp4_rx_give(&self->t, 7);
	for (i = 0; i < 8; i++)
		send_in(_metadata, self, i, 100);
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	for (i = 0; i < 8; i++) {
		ASSERT_TRUE(tp4_rx_next(&self->t, &d));
		EXPECT_EQ(7, d.idx);
		EXPECT_EQ(0, d.error);
		EXPECT_EQ(100, d.len);
		/* The last one that came is what is there */
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&self->t, 7) + d.offset, 100,
				       7, 100));
	}
	for (i = 0; i < 8; i++)
		tp4_rx_give(&self->t, i);
}

/* Anything, in any order: nothing breaks */

static __u32 prng(__u32 *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 17;
	*x ^= *x << 5;
	return *x;
}

static void random_desc(struct tpacket4_desc *slot, __u32 *x)
{
	static const __u32 lens[] = {
		0, 1, 13, 14, 60, 1514, 1515, SIZE, SIZE + 1, 0x80000000, ~0U,
	};
	static const __u16 offsets[] = { 0, 1, 534, SIZE - 1, SIZE, 0xffff };
	__u64 idx;

	switch (prng(x) % 8) {
	case 0:
		idx = ((__u64)prng(x) << 32) | prng(x);
		break;
	case 1:
		idx = FRAMES - 1 + prng(x) % 3;
		break;
	default:
		idx = prng(x) % FRAMES;
	}
	tp4_count(TP4_TALLY_BAD, 1);
	tp4_raw_give(slot, idx, lens[prng(x) % ARRAY_SIZE(lens)],
		     offsets[prng(x) % ARRAY_SIZE(offsets)],
		     prng(x) % 4 ? (prng(x) & TP4_PKT_CONT) | TP4_DESC_KERNEL :
				   prng(x));
}

struct scribbler {
	struct tp4 *t;
	bool stop;
	__u32 seed;
};

static void *scribble(void *arg)
{
	struct scribbler *s = arg;
	__u32 x = s->seed;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		random_desc(&s->t->tx[prng(&x) % s->t->tx_nr], &x);
		random_desc(&s->t->rx[prng(&x) % s->t->rx_nr], &x);
		if (!(x % 64))
			sched_yield();
	}
	return NULL;
}

/* Whatever was sent was a packet: no shorter and no longer than may be */
static void drain_checked(struct __test_metadata *_metadata, int fd, __u8 *pkt)
{
	ssize_t len;

	while ((len = recv(fd, pkt, MAX_PKT, MSG_DONTWAIT)) >= 0) {
		ASSERT_LE(ETH_HLEN, len);
		ASSERT_GE(ETH_FRAME_LEN, len);
	}
}

static void start_again(struct __test_metadata *_metadata,
			struct _test_data_badinput *self,
			const struct tp4_mode *mode)
{
	EXPECT_TRUE(tp4_guards_ok(&self->t));
	tp4_close(&self->t);
	EXPECT_TRUE(tp4_pins_balanced());
	close(self->in);
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
	ASSERT_EQ(0, open_with(self, mode, RING));
}

TEST_F(badinput, random_descriptors)
{
	unsigned int i, k, n = tp4_scaled(20000, 1000);
	__u32 x = 4711;
	int all;

	tp4_close(&self->t);
	ASSERT_EQ(0, open_with(self, variant->mode, 64));
	all = tp4_plain_open(self->net.b, ETH_P_ALL);
	ASSERT_LE(0, all);
	for (i = 0; i < n; i++) {
		for (k = 0; k < 16; k++) {
			random_desc(&self->t.tx[prng(&x) % 64], &x);
			random_desc(&self->t.rx[prng(&x) % 64], &x);
		}
		tp4_kick(&self->t, MSG_DONTWAIT);
		send_in(_metadata, self, i, ETH_HLEN + i % 1500);
		if (!(i % 64))
			drain_checked(_metadata, all, self->pkt);
	}
	drain_checked(_metadata, all, self->pkt);
	close(all);
	start_again(_metadata, self, variant->mode);
}

/* The same while the kernel is reading them */
TEST_F(badinput, descriptors_change_under_the_kernel)
{
	unsigned int i, n = tp4_scaled(20000, 1000);
	struct scribbler s = { .t = &self->t, .seed = 99 };
	pthread_t thread;
	int all;

	tp4_close(&self->t);
	ASSERT_EQ(0, open_with(self, variant->mode, 16));
	all = tp4_plain_open(self->net.b, ETH_P_ALL);
	ASSERT_LE(0, all);
	ASSERT_EQ(0, pthread_create(&thread, NULL, scribble, &s));
	for (i = 0; i < n; i++) {
		tp4_kick(&self->t, MSG_DONTWAIT);
		send_in(_metadata, self, i, ETH_HLEN + i % 1500);
		if (!(i % 64))
			drain_checked(_metadata, all, self->pkt);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	drain_checked(_metadata, all, self->pkt);
	close(all);
	start_again(_metadata, self, variant->mode);
}

TEST_HARNESS_MAIN

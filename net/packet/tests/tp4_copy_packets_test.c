// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of packets on their way from one ring to another
 *
 * Two sockets of a virtual device: with one packet buffer frames change hands,
 * with two the bytes are copied. What user space of both has, the kernel has
 * not, and the other way round.
 */

#include <linux/etherdevice.h>
#include <linux/prandom.h>

#include "tp4_test.h"

#define TP4_PAIR_BYTES	(TP4_TEST_FRAME_NR << TP4_TEST_FRAME_SHIFT)

/**
 * struct tp4_pair - two sockets
 * @test: the test
 * @rx: ring of the one that receives
 * @tx: ring of the one that sends
 * @st: what became of packets
 * @before: packet buffer of @tx, as it was
 */
struct tp4_pair {
	struct kunit *test;
	struct tp4_test *rx;
	struct tp4_test *tx;
	struct tp4_copy_stats st;
	u8 *before;
};

KUNIT_ARRAY_PARAM_DESC(tp4_start, tp4_test_starts, name);

static u32 tp4_first(struct kunit *test)
{
	const struct tp4_test_start *start = test->param_value;

	return start->first;
}

KUNIT_DEFINE_ACTION_WRAPPER(tp4_kvfree, kvfree, const void *);

static struct tp4_pair *tp4_pair_new(struct kunit *test, u32 rx_nr, u32 tx_nr,
				     u32 first, bool shared)
{
	struct tp4_pair *pair;

	pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pair);
	pair->test = test;
	pair->rx = tp4_test_new(test, TP4_TEST_RX, rx_nr, rx_nr, first);
	pair->tx = tp4_test_new(test, TP4_TEST_TX, tx_nr, tx_nr, first + 7);
	pair->before = kvmalloc(TP4_PAIR_BYTES, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pair->before);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tp4_kvfree,
							   pair->before));
	if (shared) {
		pair->rx->q.umem = &pair->tx->umem;
		pair->rx->arr->frames = pair->tx->arr->frames;
	}
	memset(pair->rx->umem.addr, TP4_TEST_POISON, TP4_PAIR_BYTES);
	memset(pair->tx->umem.addr, TP4_TEST_POISON, TP4_PAIR_BYTES);
	return pair;
}

/* Frames of other sizes, so that few bytes have many boundaries. */
static void tp4_pair_geometry(struct tp4_test *t, u32 shift, u32 headroom)
{
	t->arr->frame_shift = shift;
	t->arr->frame_nr = TP4_PAIR_BYTES >> shift;
	t->arr->headroom = headroom;
}

static u8 *tp4_pair_frame(const struct tp4_test *t, u64 idx)
{
	return t->arr->frames + (idx << t->arr->frame_shift);
}

/* Byte @i of a packet. */
static u8 tp4_pair_byte(u32 seed, u32 i)
{
	return seed * 31 + i * 7 + 1;
}

/* A packet of @len bytes in frames from @idx on, at @offset and with at most
 * @max bytes each. Returns the number of frames.
 */
static u32 tp4_pair_send(struct tp4_test *t, u32 seed, u64 idx, u32 offset,
			 u32 len, u32 max, u8 flags)
{
	u32 i, n, part, pos;
	u8 *data;

	for (n = 0, pos = 0; pos < len; n++, pos += part) {
		part = min(len - pos, max);
		data = tp4_pair_frame(t, idx + n) + offset;
		for (i = 0; i < part; i++)
			data[i] = tp4_pair_byte(seed, pos + i);
		tp4_put(t, .idx = idx + n, .len = part, .offset = offset,
			.flags = flags | (pos + part < len ? TP4_PKT_CONT : 0));
	}
	return n;
}

/* As NAPI does it. */
static u32 tp4_pair_poll(struct tp4_pair *pair, u32 max_len, u32 budget)
{
	u32 taken;

	tp4a_populate(pair->rx->arr);
	tp4a_populate(pair->tx->arr);
	taken = tp4a_copy_packets(pair->rx->arr, pair->tx->arr, max_len, budget,
				  &pair->st);
	tp4_flush(pair->rx->arr);
	tp4_flush(pair->tx->arr);
	return taken;
}

/* The frame behind @d has these bytes of a packet, and nothing else was written
 * to it.
 */
static void tp4_pair_expect_bytes(struct tp4_test *t,
				  const struct tpacket4_desc *d, u32 seed,
				  u32 pos)
{
	const u8 *frame = tp4_pair_frame(t, d->idx);
	u32 size = 1 << t->arr->frame_shift;
	struct kunit *test = t->test;
	u32 i;
	u8 want;

	KUNIT_ASSERT_LE(test, d->offset + d->len, size);
	for (i = 0; i < size; i++) {
		want = TP4_TEST_POISON;
		if (i >= d->offset && i < d->offset + d->len)
			want = tp4_pair_byte(seed, pos + i - d->offset);
		if (frame[i] != want)
			break;
	}
	KUNIT_ASSERT_EQ_MSG(test, i, size, "packet %u from byte %u: is %x",
			    seed, pos, frame[i]);
}

/* User space receives a packet that was copied: each frame but the last one is
 * full.
 */
static void tp4_pair_expect_copy(struct tp4_pair *pair, u32 seed, u32 len)
{
	struct tp4_packet_array *a = pair->rx->arr;
	u32 size = 1 << a->frame_shift;
	struct kunit *test = pair->test;
	struct tpacket4_desc d;
	u32 pos, part;

	for (pos = 0; pos < len; pos += part) {
		part = min(len - pos, size - a->headroom);
		KUNIT_ASSERT_TRUE_MSG(test, tp4_test_get(pair->rx, &d),
				      "packet %u from byte %u", seed, pos);
		KUNIT_ASSERT_EQ(test, d.len, part);
		KUNIT_ASSERT_EQ(test, d.offset, a->headroom);
		KUNIT_ASSERT_EQ(test, d.error, 0);
		KUNIT_ASSERT_EQ(test, d.flags,
				pos + part < len ? TP4_PKT_CONT : 0);
		tp4_pair_expect_bytes(pair->rx, &d, seed, pos);
		memset(tp4_pair_frame(pair->rx, d.idx), TP4_TEST_POISON, size);
	}
}

/* The sender gets @n frames back, which are those from @idx on. */
static void tp4_pair_expect_sent(struct tp4_pair *pair, int line, u64 idx,
				 u32 n, u8 error)
{
	struct kunit *test = pair->test;
	struct tpacket4_desc d;
	u32 i;

	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_TRUE_MSG(test, tp4_test_get(pair->tx, &d),
				      "line %d, frame %u", line, i);
		KUNIT_ASSERT_EQ_MSG(test, d.error, error, "line %d, frame %u",
				    line, i);
		KUNIT_ASSERT_EQ_MSG(test, d.idx, idx + i, "line %d, frame %u",
				    line, i);
	}
}

#define tp4_expect_sent(pair, idx, n, error) \
	tp4_pair_expect_sent(pair, __LINE__, idx, n, error)

/* Frames go round between two sockets that share a packet buffer, and not a
 * byte in it changes.
 */
static void tp4_pair_swap(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_new(test, 16, 8, tp4_first(test),
					     true);
	u64 theirs[4], ours[4], id_rx[16], id_tx[16];
	u32 round, n, i, in = 0;
	struct tpacket4_desc d;
	u64 frames = 0;
	u64 bytes = 0;

	for (i = 0; i < 16; i++) {
		id_rx[i] = i;
		id_tx[i] = 16 + i;
	}
	for (i = 0; i < TP4_PAIR_BYTES; i++)
		((u8 *)pair->tx->arr->frames)[i] = tp4_pair_byte(i >> 11, i);
	memcpy(pair->before, pair->tx->arr->frames, TP4_PAIR_BYTES);

	for (round = 0; round < 100; round++) {
		n = round % 4 + 1;
		for (i = 0; i < n; i++) {
			theirs[i] = id_rx[(in + i) % 16];
			tp4_put(pair->rx, .idx = theirs[i], .len = 5,
				.offset = 6, .flags = TP4_PKT_CONT);
			ours[i] = id_tx[(in + i) % 16];
			tp4_put(pair->tx, .idx = ours[i], .len = 20 + 3 * i,
				.offset = round * n + i,
				.flags = i + 1 < n ? TP4_PKT_CONT : 0);
			bytes += 20 + 3 * i;
		}
		KUNIT_ASSERT_EQ(test, tp4_pair_poll(pair, 1000, 64), 1);
		for (i = 0; i < n; i++) {
			tp4_expect_back(pair->rx, .idx = ours[i],
					.len = 20 + 3 * i,
					.offset = round * n + i,
					.flags = i + 1 < n ? TP4_PKT_CONT : 0);
			id_rx[(in + i) % 16] = ours[i];

			KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->tx, &d));
			KUNIT_EXPECT_EQ(test, d.idx, theirs[i]);
			KUNIT_EXPECT_EQ(test, d.error, 0);
			KUNIT_EXPECT_EQ(test, d.flags,
					i + 1 < n ? TP4_PKT_CONT : 0);
			id_tx[(in + i) % 16] = theirs[i];
		}
		tp4_expect_idle(pair->rx);
		tp4_expect_idle(pair->tx);
		in += n;
		frames += n;
	}

	KUNIT_EXPECT_TRUE(test, !memcmp(pair->before, pair->tx->arr->frames,
					TP4_PAIR_BYTES));
	KUNIT_EXPECT_EQ(test, pair->st.packets, 100);
	KUNIT_EXPECT_EQ(test, pair->st.bytes, bytes);
	KUNIT_EXPECT_EQ(test, pair->st.swapped, frames);
	KUNIT_EXPECT_EQ(test, pair->st.copied, 0);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 0);
	KUNIT_EXPECT_EQ(test, pair->st.errors, 0);
	KUNIT_EXPECT_EQ(test, pair->rx->q.stats.packets, 100);
	KUNIT_EXPECT_EQ(test, pair->rx->q.stats.bytes, bytes);
	KUNIT_EXPECT_EQ(test, pair->tx->q.stats.packets, 100);
}

/* One frame of a packet that its sender wants back is enough: the packet is
 * copied, and the sender's frames are the sender's.
 */
static void tp4_pair_keep(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_new(test, 8, 8, tp4_first(test), true);
	struct tpacket4_desc d;
	u32 n, keep, i, k;
	u64 copied = 0;
	u8 *data, flags;

	tp4_pair_geometry(pair->rx, TP4_TEST_FRAME_SHIFT, 300);
	for (n = 1; n <= 3; n++) {
		for (keep = 0; keep < 1 << n; keep++) {
			for (i = 0; i < n; i++) {
				tp4_put(pair->rx, .idx = i);
				data = tp4_pair_frame(pair->tx, 20 + i) + 400;
				for (k = 0; k < 40; k++)
					data[k] = tp4_pair_byte(9, 40 * i + k);
				flags = keep & BIT(i) ? TP4_PKT_KEEP : 0;
				if (i + 1 < n)
					flags |= TP4_PKT_CONT;
				tp4_put(pair->tx, .idx = 20 + i, .len = 40,
					.offset = 400, .flags = flags);
			}
			KUNIT_ASSERT_EQ(test, tp4_pair_poll(pair, 1000, 64), 1);
			if (!keep) {
				/* They come home the next time. */
				for (i = 0; i < n; i++) {
					tp4_test_get(pair->rx, &d);
					KUNIT_EXPECT_EQ(test, d.idx, 20 + i);
					KUNIT_EXPECT_EQ(test, d.offset, 400);
					memset(tp4_pair_frame(pair->tx, d.idx),
					       TP4_TEST_POISON,
					       TP4_TEST_FRAME_SIZE);
				}
				tp4_expect_sent(pair, 0, n, 0);
				continue;
			}
			copied += 40 * n;
			tp4_pair_expect_copy(pair, 9, 40 * n);
			for (i = 0; i < n; i++) {
				tp4_test_get(pair->tx, &d);
				KUNIT_EXPECT_EQ(test, d.idx, 20 + i);
				KUNIT_EXPECT_EQ(test, d.error, 0);
				KUNIT_EXPECT_EQ(test, !(d.flags & TP4_PKT_KEEP),
						!(keep & BIT(i)));
				d.len = 40;
				d.offset = 400;
				tp4_pair_expect_bytes(pair->tx, &d, 9, 40 * i);
				memset(tp4_pair_frame(pair->tx, d.idx),
				       TP4_TEST_POISON, TP4_TEST_FRAME_SIZE);
			}
			/* One frame was enough for all. */
			KUNIT_EXPECT_EQ(test, pair->rx->arr->end -
					      pair->rx->arr->start, n - 1);
			/* None of the others is there the next time. */
			tp4a_rewind(pair->rx->arr, false);
			pair->rx->prod = pair->rx->q.tail;
			memset(pair->rx->q.ring, 0,
			       8 * sizeof(*pair->rx->q.ring));
		}
	}
	KUNIT_EXPECT_EQ(test, pair->st.packets, 2 + 4 + 8);
	KUNIT_EXPECT_EQ(test, pair->st.swapped, 1 + 2 + 3);
	KUNIT_EXPECT_EQ(test, pair->st.copied, copied);
}

/* Packets of one frame, and amid them each kind of packet that takes longer: all
 * in order, whoever deals with them.
 */
static void tp4_pair_mixed(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_new(test, 16, 16, tp4_first(test),
					     true);
	static const struct {
		u32 len;
		u8 flags;
		u8 error;
		/* the frame that comes back */
		u64 back;
	} packets[] = {
		{ 60, 0, 0, 0 }, { 61, 0, 0, 1 }, { 62, TP4_PKT_KEEP, 0, 22 },
		{ 63, 0, 0, 3 }, { 64, TP4_PKT_CONT, 0, 4 }, { 65, 0, 0, 5 },
		{ 66, 0, 0, 6 }, { 1001, 0, EMSGSIZE, 27 }, { 68, 0, 0, 7 },
		{ 13, 0, EINVAL, 29 }, { 14, 0, 0, 8 }, { 1000, 0, 0, 9 },
	};
	struct tp4_packet_array *to = pair->rx->arr;
	struct tpacket4_desc d;
	u32 i;

	for (i = 0; i < 10; i++)
		tp4_put(pair->rx, .idx = i);
	for (i = 0; i < ARRAY_SIZE(packets); i++)
		tp4_put(pair->tx, .idx = 20 + i, .len = packets[i].len,
			.offset = i, .flags = packets[i].flags);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 64), 9);

	for (i = 0; i < ARRAY_SIZE(packets); i++) {
		KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->tx, &d));
		KUNIT_EXPECT_EQ_MSG(test, d.idx, packets[i].back, "%u", i);
		KUNIT_EXPECT_EQ_MSG(test, d.error, packets[i].error, "%u", i);
		if (packets[i].flags & TP4_PKT_KEEP)
			tp4_expect_back(pair->rx, .idx = 2,
					.len = packets[i].len,
					.offset = to->headroom);
		else if (!packets[i].error)
			tp4_expect_back(pair->rx, .idx = 20 + i,
					.len = packets[i].len, .offset = i,
					.flags = packets[i].flags);
	}
	tp4_expect_idle(pair->rx);
	tp4_expect_idle(pair->tx);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 9);
	KUNIT_EXPECT_EQ(test, pair->st.swapped, 9);
	KUNIT_EXPECT_EQ(test, pair->st.copied, 62);
	KUNIT_EXPECT_EQ(test, pair->st.bytes, 60 + 61 + 62 + 63 + 64 + 65 + 66 +
					      68 + 14 + 1000);
	KUNIT_EXPECT_EQ(test, pair->st.errors, 2);
}

/* A program needs room in front of what it sees. */
static void tp4_pair_swap_for_program(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_new(test, 8, 8, tp4_first(test), true);
	struct tp4_packet_array *to = pair->rx->arr;
	static struct bpf_prog *const any = (struct bpf_prog *)8;
	u32 i;

	for (i = 0; i < 5; i++)
		tp4_put(pair->rx, .idx = i);
	for (i = 0; i < 5; i++)
		tp4_put(pair->tx, .idx = 20 + i, .len = 60,
			.offset = XDP_PACKET_HEADROOM - !(i & 1),
			.flags = i == 3 ? TP4_PKT_CONT : 0);
	tp4a_populate(to);
	tp4a_populate(pair->tx->arr);
	rcu_assign_pointer(to->xdp_prog, any);
	KUNIT_EXPECT_EQ(test, tp4a_copy_packets(to, pair->tx->arr, 1000, 64,
						&pair->st), 4);
	rcu_assign_pointer(to->xdp_prog, NULL);
	tp4_flush(to);
	tp4_flush(pair->tx->arr);

	tp4_expect_back(pair->rx, .idx = 0, .len = 60,
			.offset = XDP_PACKET_HEADROOM);
	tp4_expect_back(pair->rx, .idx = 21, .len = 60,
			.offset = XDP_PACKET_HEADROOM);
	tp4_expect_back(pair->rx, .idx = 2, .len = 60,
			.offset = XDP_PACKET_HEADROOM);
	/* In one piece, now. */
	tp4_expect_back(pair->rx, .idx = 3, .len = 120,
			.offset = XDP_PACKET_HEADROOM);
	tp4_expect_idle(pair->rx);
	KUNIT_EXPECT_EQ(test, pair->st.swapped, 1);
	KUNIT_EXPECT_EQ(test, pair->st.copied, 240);
}

struct tp4_split_case {
	const char *name;
	bool keep;
	/* log2 of the size of frames */
	u32 from;
	u32 to;
};

static const struct tp4_split_case tp4_split_cases[] = {
	{ "to small frames", false, 7, 4 },
	{ "to frames of the same size", false, 6, 6 },
	{ "to large frames", false, 5, 8 },
	{ "to the same buffer", true, 6, 6 },
};

KUNIT_ARRAY_PARAM_DESC(tp4_split, tp4_split_cases, name);

/* Each length of packet, in frames with each number of bytes, to frames with
 * room for each number of bytes.
 */
static void tp4_pair_splits(struct kunit *test)
{
	static const u32 lens[] = {
		14, 15, 16, 17, 18, 19, 20, 31, 32, 33, 47, 48, 49, 63, 64, 65,
		100, 127, 128, 129,
	};
	const struct tp4_split_case *c = test->param_value;
	u32 i, k, piece, room, len, n, nr, offset;
	u64 packets = 0, bytes = 0;
	struct tp4_pair *pair;

	/* The receiver's frames from 0 on, the sender's from 256 on. */
	pair = tp4_pair_new(test, 256, 256, U32_MAX - 1000, c->keep);
	for (room = 1; room <= 1 << c->to; room++) {
		/* Of a size or about, in large frames. */
		if (c->to > 6 && room % 8 > 2)
			continue;
		tp4_pair_geometry(pair->rx, c->to, (1 << c->to) - room);
		tp4_pair_geometry(pair->tx, c->from, 3);
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			len = lens[i];
			for (piece = 1; piece <= min(len, 1U << c->from);
			     piece++) {
				if (piece > 33 && piece % 5)
					continue;
				nr = DIV_ROUND_UP(len, room);
				for (k = 0; k < nr; k++)
					tp4_put(pair->rx, .idx = k);
				offset = (len + room) % ((1 << c->from) -
							 piece + 1);
				n = tp4_pair_send(pair->tx, packets, 256,
						  offset, len, piece,
						  c->keep ? TP4_PKT_KEEP : 0);
				KUNIT_ASSERT_EQ(test,
						tp4_pair_poll(pair, len, 1), 1);
				tp4_pair_expect_copy(pair, packets, len);
				tp4_expect_sent(pair, 256, n, 0);
				tp4_expect_idle(pair->rx);
				tp4_expect_idle(pair->tx);
				packets++;
				bytes += len;
			}
		}
	}
	KUNIT_EXPECT_EQ(test, pair->st.packets, packets);
	KUNIT_EXPECT_EQ(test, pair->st.bytes, bytes);
	KUNIT_EXPECT_EQ(test, pair->st.copied, bytes);
	KUNIT_EXPECT_EQ(test, pair->st.swapped, 0);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 0);
	KUNIT_EXPECT_EQ(test, pair->st.errors, 0);
}

/* With one buffer and with two. */
struct tp4_pair_case {
	const char *name;
	bool shared;
};

static const struct tp4_pair_case tp4_pair_cases[] = {
	{ "one buffer", true },
	{ "two buffers", false },
};

KUNIT_ARRAY_PARAM_DESC(tp4_pair, tp4_pair_cases, name);

static struct tp4_pair *tp4_pair_param(struct kunit *test, u32 nr)
{
	const struct tp4_pair_case *c = test->param_value;

	return tp4_pair_new(test, nr, nr, U32_MAX - 3, c->shared);
}

/* Frames that a packet of the sender needs at the receiver, which has room for
 * 64 bytes in each: as many as the sender, if they are swapped.
 */
static u32 tp4_pair_needs(const struct kunit *test, u32 len, u32 frames)
{
	const struct tp4_pair_case *c = test->param_value;

	return c->shared ? frames : DIV_ROUND_UP(len, 64);
}

/* Too long and too short ones, whatever number of frames they have, amid
 * others. They cost the receiver no frame, and nobody else a packet.
 */
static void tp4_pair_bad_lengths(struct kunit *test)
{
	static const struct {
		u32 len;
		u32 max;
		u8 error;
	} packets[] = {
		{ 13, 64, EINVAL }, { 14, 64 }, { 13, 7, EINVAL }, { 14, 7 },
		{ 1, 64, EINVAL }, { 100, 100 }, { 101, 101, EMSGSIZE },
		{ 100, 50 }, { 101, 50, EMSGSIZE }, { 101, 100, EMSGSIZE },
		{ 100, 99 }, { 2000, 2000, EMSGSIZE }, { 13, 1, EINVAL },
	};
	u32 nr[ARRAY_SIZE(packets)], i, k, frames;
	struct tp4_pair *pair = tp4_pair_param(test, 64);
	struct tpacket4_desc d;
	u32 needed = 0;
	u32 good = 0;
	u32 idx = 20;

	tp4_pair_geometry(pair->rx, 11, 2048 - 64);
	for (i = 0; i < ARRAY_SIZE(packets); i++) {
		nr[i] = tp4_pair_send(pair->tx, i, idx, 0, packets[i].len,
				      packets[i].max, 0);
		idx += nr[i];
		if (packets[i].error)
			continue;
		good++;
		needed += tp4_pair_needs(test, packets[i].len, nr[i]);
	}
	for (i = 0; i < needed; i++)
		tp4_put(pair->rx, .idx = i);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 100, 64), good);

	for (i = 0; i < ARRAY_SIZE(packets); i++) {
		for (k = 0; k < nr[i]; k++) {
			KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->tx, &d));
			KUNIT_EXPECT_EQ_MSG(test, d.error, packets[i].error,
					    "packet %u, frame %u", i, k);
		}
		if (packets[i].error)
			continue;
		frames = tp4_pair_needs(test, packets[i].len, nr[i]);
		for (k = 0; k < frames; k++) {
			KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->rx, &d));
			KUNIT_EXPECT_EQ(test, d.flags,
					k + 1 < frames ? TP4_PKT_CONT : 0);
			KUNIT_EXPECT_EQ(test, d.error, 0);
		}
	}
	tp4_expect_idle(pair->rx);
	tp4_expect_idle(pair->tx);
	KUNIT_EXPECT_EQ(test, pair->rx->arr->start, pair->rx->arr->end);
	KUNIT_EXPECT_EQ(test, pair->st.packets, good);
	KUNIT_EXPECT_EQ(test, pair->st.errors, ARRAY_SIZE(packets) - good);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 0);
	KUNIT_EXPECT_EQ(test, pair->tx->q.stats.failed,
			ARRAY_SIZE(packets) - good);
}

/* A packet for which there are not enough frames is dropped and takes none; a
 * shorter one behind it may have them.
 */
static void tp4_pair_no_frame(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_param(test, 16);
	struct tpacket4_desc d;
	u32 i;

	tp4_pair_geometry(pair->rx, 11, 2048 - 64);
	for (i = 0; i < 3; i++)
		tp4_put(pair->rx, .idx = i);
	tp4_pair_send(pair->tx, 0, 20, 0, 60, 64, 0);	/* leaves two */
	tp4_pair_send(pair->tx, 1, 21, 0, 190, 64, 0);	/* needs three */
	tp4_pair_send(pair->tx, 2, 24, 0, 60, 64, 0);	/* leaves one */
	tp4_pair_send(pair->tx, 3, 25, 0, 128, 64, 0);	/* needs two */
	tp4_pair_send(pair->tx, 4, 27, 0, 60, 64, 0);	/* leaves none */
	tp4_pair_send(pair->tx, 5, 28, 0, 60, 64, 0);	/* needs one */
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 64), 6);

	for (i = 0; i < 9; i++) {
		KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->tx, &d));
		KUNIT_EXPECT_EQ_MSG(test, d.error,
				    i == 0 || i == 4 || i == 7 ? 0 : ENOBUFS,
				    "frame %u", i);
		if (d.error)
			KUNIT_EXPECT_EQ(test, d.idx, 20 + i);
	}
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->rx, &d));
		KUNIT_EXPECT_EQ(test, d.len, 60);
		KUNIT_EXPECT_EQ(test, d.flags, 0);
		tp4_pair_expect_bytes(pair->rx, &d, 2 * i, 0);
	}
	tp4_expect_idle(pair->rx);
	tp4_expect_idle(pair->tx);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 3);
	KUNIT_EXPECT_EQ(test, pair->st.bytes, 180);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 3);
	KUNIT_EXPECT_EQ(test, pair->st.errors, 0);
	KUNIT_EXPECT_EQ(test, pair->rx->q.stats.no_frame, 3);
	KUNIT_EXPECT_EQ(test, pair->tx->q.stats.no_frame, 0);
	KUNIT_EXPECT_EQ(test, pair->tx->q.stats.failed, 3);
}

/* An array that is smaller than the ring: no packet is dropped as long as there
 * are frames on the ring, but for one that is too large for the array.
 */
static void tp4_pair_refill(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_param(test, 64);
	struct tp4_test *rx = pair->rx;
	u32 elems, len, n, k, back, budget;
	struct tpacket4_desc d;

	tp4_pair_geometry(pair->tx, 11, 0);
	for (elems = 1; elems <= 32; elems *= 2) {
		tp4_test_end_array(rx, tp4a_destroy);
		tp4_test_add_array(rx, TP4_TEST_RX, elems);
		tp4_pair_geometry(rx, 11, 2048 - 64);
		for (n = 1; n <= 5; n++) {
			memset(&pair->st, 0, sizeof(pair->st));
			for (k = 0; k < 60; k++)
				tp4_put(rx, .idx = k);
			len = n * 64;
			for (k = 0; k < 60 / n; k++)
				tp4_pair_send(pair->tx, k, 0, 0, len, 64, 0);
			back = rx->q.tail;
			budget = 60 / n + 5;
			KUNIT_ASSERT_EQ(test,
					tp4_pair_poll(pair, len, budget),
					60 / n);
			back = rx->q.tail - back;
			if (n > elems) {
				KUNIT_ASSERT_EQ(test, pair->st.no_frame,
						60 / n);
				KUNIT_ASSERT_EQ(test, back, 0);
			} else {
				KUNIT_ASSERT_EQ(test, pair->st.packets, 60 / n);
				KUNIT_ASSERT_EQ(test, pair->st.no_frame, 0);
				KUNIT_ASSERT_EQ(test, back, 60 / n * n);
				/* What is in the array comes last. */
				KUNIT_ASSERT_LT(test, pair->st.flushed, back);
				KUNIT_ASSERT_GE(test,
						pair->st.flushed + elems, back);
			}
			for (k = 0; k < back; k++) {
				KUNIT_ASSERT_TRUE(test, tp4_test_get(rx, &d));
				KUNIT_ASSERT_EQ(test, d.error, 0);
				KUNIT_ASSERT_EQ(test, d.len, 64);
				KUNIT_ASSERT_EQ(test, d.flags,
						(k + 1) % n ? TP4_PKT_CONT : 0);
			}
			tp4_expect_idle(rx);
			for (k = 0; k < 60 / n * n; k++) {
				KUNIT_ASSERT_TRUE(test,
						  tp4_test_get(pair->tx, &d));
				KUNIT_ASSERT_EQ(test, d.error,
						n > elems ? ENOBUFS : 0);
			}
			/* None of the others is there the next time. */
			tp4a_rewind(rx->arr, false);
			rx->prod = rx->q.tail;
			memset(rx->q.ring, 0,
			       tp4q_nr(&rx->q) * sizeof(*rx->q.ring));
		}
	}
}

/* NAPI has looked for frames and for packets; before it comes to these, the receiver
 * gives frames. Who has done so before the packet was sent must not lose it.
 */
static void tp4_pair_late_frames(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_param(test, 16);
	struct tpacket4_desc d;
	u32 i;

	tp4a_populate(pair->rx->arr);
	for (i = 0; i < 4; i++)
		tp4_put(pair->rx, .idx = i);
	for (i = 0; i < 4; i++)
		tp4_pair_send(pair->tx, i, 20 + i, 0, 60, 64, 0);
	tp4a_populate(pair->tx->arr);
	KUNIT_EXPECT_EQ(test, tp4a_copy_packets(pair->rx->arr, pair->tx->arr,
						1000, 64, &pair->st), 4);
	tp4a_flush(pair->rx->arr);
	tp4a_flush(pair->tx->arr);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 4);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 0);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->rx, &d));
		KUNIT_EXPECT_EQ(test, d.len, 60);
		KUNIT_ASSERT_TRUE(test, tp4_test_get(pair->tx, &d));
		KUNIT_EXPECT_EQ(test, d.error, 0);
	}
	tp4_expect_idle(pair->rx);
	tp4_expect_idle(pair->tx);
}

/* Dropped packets count, or a receiver without frames would let its sender keep
 * the CPU.
 */
static void tp4_pair_budget(struct kunit *test)
{
	struct tp4_pair *pair = tp4_pair_param(test, 16);
	u32 i;

	for (i = 0; i < 4; i++)
		tp4_put(pair->rx, .idx = i);
	for (i = 0; i < 10; i++)
		tp4_pair_send(pair->tx, i, 20 + i, 0, 60, 64, 0);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 0), 0);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 0);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 1), 1);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 1);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 5), 5);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 4);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 2);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 5), 4);
	KUNIT_EXPECT_EQ(test, pair->st.packets, 4);
	KUNIT_EXPECT_EQ(test, pair->st.no_frame, 6);
	KUNIT_EXPECT_EQ(test, tp4_pair_poll(pair, 1000, 5), 0);
	pair->rx->cons += 4;
	pair->tx->cons += 10;
	tp4_expect_idle(pair->rx);
	tp4_expect_idle(pair->tx);
}

static struct kunit_case tp4_copy_packets_cases[] = {
	KUNIT_CASE_PARAM(tp4_pair_swap, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_keep, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_mixed, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_swap_for_program, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_splits, tp4_split_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_bad_lengths, tp4_pair_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_no_frame, tp4_pair_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_late_frames, tp4_pair_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_refill, tp4_pair_gen_params),
	KUNIT_CASE_PARAM(tp4_pair_budget, tp4_pair_gen_params),
	{}
};

static struct kunit_suite tp4_copy_packets_suite = {
	.name = "tp4_copy_packets",
	.test_cases = tp4_copy_packets_cases,
};

/* Both ends do what they like. */
struct tp4_ends_case {
	const char *name;
	bool shared;
	u32 rx_nr;
	u32 tx_nr;
	/* entries of the arrays, if they are smaller */
	u32 elems;
	u32 first;
	/* log2 of the size of the receiver's frames; the sender's have 256 */
	u32 rx_shift;
	/* of 100 frames, or packets */
	u32 cont;
	u32 keep;
	u32 bad;
};

static const struct tp4_ends_case tp4_ends_cases[] = {
	{ "one buffer", true, 16, 16, 0, 0, 8, 20, 0, 0 },
	{ "one buffer, past 2^32", true, 32, 32, 0, U32_MAX - 2000, 8, 40, 20,
	  5 },
	{ "one buffer, small arrays", true, 32, 32, 4, 0, 8, 30, 20, 5 },
	{ "one buffer, few frames", true, 4, 16, 0, 0, 8, 30, 20, 5 },
	{ "one buffer, a slow sender", true, 32, 4, 0, 0, 8, 30, 20, 5 },
	{ "one buffer, all kept", true, 16, 16, 0, 0, 8, 30, 100, 5 },
	{ "one buffer, mostly bad", true, 16, 16, 0, 0, 8, 30, 20, 80 },
	{ "two buffers", false, 16, 16, 0, 0, 8, 20, 20, 0 },
	{ "two buffers, past 2^32", false, 32, 32, 0, U32_MAX - 2000, 8, 40,
	  20, 5 },
	{ "two buffers, small frames", false, 32, 16, 0, 0, 5, 40, 0, 5 },
	{ "two buffers, small arrays", false, 32, 16, 4, U32_MAX - 2000, 7, 30,
	  0, 5 },
	{ "two buffers, large frames", false, 16, 32, 0, 0, 11, 60, 0, 5 },
	{ "two buffers, few frames", false, 4, 16, 0, 0, 7, 30, 0, 5 },
	{ "rings of 1", true, 1, 1, 0, 0, 8, 0, 10, 10 },
};

KUNIT_ARRAY_PARAM_DESC(tp4_ends, tp4_ends_cases, name);

#define TP4_ENDS_STEPS		20000
#define TP4_ENDS_FRAMES		64
#define TP4_ENDS_SHIFT		8
#define TP4_ENDS_MAX_LEN	600

enum tp4_end {
	TP4_END_KERNEL,
	TP4_END_RX,
	TP4_END_TX,
};

struct tp4_ends_packet {
	u32 seed;
	u32 len;
	u32 nr;
	bool good;
};

/**
 * struct tp4_ends - what must be where
 * @pair: what is tested
 * @c: how it is tested
 * @rnd: random numbers, the same each time
 * @rx_frames: who has the receiver's frames, or all frames if there is one
 *	buffer
 * @tx_frames: who has the sender's, or @rx_frames
 * @frames: memory for these
 * @packet: that is being queued
 * @sent: packets that were queued and have not come back, oldest first
 * @sent_in: number of packets queued
 * @sent_out: number of packets that have come back
 * @back: frames of the oldest of them that have come back
 * @arrived: seeds of packets that came back without an error
 * @arrived_nr: their number
 * @got: number of packets received; each one must be the next of @arrived
 * @seed: of the next packet
 * @dropped: packets that came back with ENOBUFS
 * @bad: packets that came back with another error
 */
struct tp4_ends {
	struct tp4_pair *pair;
	const struct tp4_ends_case *c;
	struct rnd_state rnd;
	u8 *rx_frames;
	u8 *tx_frames;
	u8 frames[2][TP4_TEST_FRAME_NR];
	struct tp4_ends_packet packet;
	struct tp4_ends_packet sent[64];
	u32 sent_in;
	u32 sent_out;
	u32 back;
	struct tp4_ends_packet arrived[64];
	u32 arrived_nr;
	u32 got;
	u32 seed;
	u64 dropped;
	u64 bad;
};

static u32 tp4_ends_random(struct tp4_ends *m, u32 below)
{
	return prandom_u32_state(&m->rnd) % below;
}

static bool tp4_ends_chance(struct tp4_ends *m, u32 percent)
{
	return tp4_ends_random(m, 100) < percent;
}

/* A frame that one end has, or U32_MAX if there is none. */
static u32 tp4_ends_take(struct tp4_ends *m, u8 *frames, enum tp4_end end)
{
	u32 start = tp4_ends_random(m, TP4_ENDS_FRAMES);
	u32 i, idx;

	for (i = 0; i < TP4_ENDS_FRAMES; i++) {
		idx = (start + i) % TP4_ENDS_FRAMES;
		if (frames[idx] == end) {
			frames[idx] = TP4_END_KERNEL;
			return idx;
		}
	}
	return U32_MAX;
}

static void tp4_ends_give(struct tp4_ends *m, u8 *frames, u64 idx,
			  enum tp4_end end)
{
	struct kunit *test = m->pair->test;

	KUNIT_ASSERT_LT(test, idx, TP4_ENDS_FRAMES);
	KUNIT_ASSERT_EQ_MSG(test, frames[idx], TP4_END_KERNEL,
			    "frame %llu is with two", idx);
	frames[idx] = end;
}

static void tp4_ends_rx_put(struct tp4_ends *m)
{
	struct tp4_test *rx = m->pair->rx;
	u32 idx;

	if (rx->prod - rx->cons == m->c->rx_nr)
		return;
	idx = tp4_ends_take(m, m->rx_frames, TP4_END_RX);
	if (idx != U32_MAX)
		tp4_put(rx, .idx = idx, .len = tp4_ends_random(m, 1000));
}

/* One more frame of a packet; its last one, if @eop. */
static void tp4_ends_tx_put(struct tp4_ends *m, bool eop)
{
	struct tp4_ends_packet *pkt = &m->packet;
	struct tp4_test *tx = m->pair->tx;
	u32 i, idx, len, offset;
	u8 flags = 0;
	u8 *data;

	if (tx->prod - tx->cons == m->c->tx_nr ||
	    m->sent_in - m->sent_out == ARRAY_SIZE(m->sent))
		return;
	idx = tp4_ends_take(m, m->tx_frames, TP4_END_TX);
	if (idx == U32_MAX)
		return;

	if (!pkt->nr) {
		pkt->seed = m->seed++;
		pkt->len = 0;
		pkt->good = !tp4_ends_chance(m, m->c->bad);
	}
	pkt->nr++;
	/* No more than there is room for, nor too long by mistake. */
	if (pkt->nr == m->pair->tx->arr->frames_max ||
	    (pkt->good && pkt->len > 400))
		eop = true;
	if (!eop && tp4_ends_chance(m, m->c->cont))
		flags |= TP4_PKT_CONT;
	if (tp4_ends_chance(m, m->c->keep))
		flags |= TP4_PKT_KEEP;
	/* A bad one is too short, or too long. */
	if (!pkt->good)
		len = pkt->nr == 1 && !(flags & TP4_PKT_CONT) ?
		      1 + tp4_ends_random(m, 13) : 256;
	else
		len = 14 + tp4_ends_random(m, 100);
	offset = tp4_ends_random(m, 256 - len + 1);
	data = tp4_pair_frame(tx, idx) + offset;
	for (i = 0; i < len; i++)
		data[i] = tp4_pair_byte(pkt->seed, pkt->len + i);
	pkt->len += len;
	tp4_put(tx, .idx = idx, .len = len, .offset = offset, .flags = flags);

	if (!(flags & TP4_PKT_CONT)) {
		pkt->good = pkt->len >= 14 && pkt->len <= TP4_ENDS_MAX_LEN;
		m->sent[m->sent_in++ % ARRAY_SIZE(m->sent)] = *pkt;
		pkt->nr = 0;
	}
}

static void tp4_ends_poll(struct tp4_ends *m)
{
	struct tp4_packet_array *rx = m->pair->rx->arr;
	struct tp4_packet_array *tx = m->pair->tx->arr;

	if (tp4_ends_random(m, 4))
		tp4a_populate(rx);
	if (tp4_ends_random(m, 4))
		tp4a_populate(tx);
	tp4a_copy_packets(rx, tx, TP4_ENDS_MAX_LEN, tp4_ends_random(m, 10),
			  &m->pair->st);
	/* What arrives comes before word of it. */
	tp4_flush(rx);
	tp4_flush(tx);
}

/* The sender looks at what comes back. */
static bool tp4_ends_tx_get(struct tp4_ends *m)
{
	struct kunit *test = m->pair->test;
	struct tp4_ends_packet *pkt;
	struct tpacket4_desc d;

	if (m->arrived_nr - m->got == ARRAY_SIZE(m->arrived) ||
	    !tp4_test_get(m->pair->tx, &d))
		return false;
	tp4_ends_give(m, m->tx_frames, d.idx, TP4_END_TX);
	if (d.error == ECANCELED)
		return true;

	KUNIT_ASSERT_NE(test, m->sent_in, m->sent_out);
	pkt = &m->sent[m->sent_out % ARRAY_SIZE(m->sent)];
	m->back++;
	KUNIT_ASSERT_EQ(test, !(d.flags & TP4_PKT_CONT), m->back == pkt->nr);
	if (!pkt->good)
		KUNIT_ASSERT_EQ(test, d.error,
				pkt->len < 14 ? EINVAL : EMSGSIZE);
	else if (d.error)
		KUNIT_ASSERT_EQ(test, d.error, ENOBUFS);
	if (d.flags & TP4_PKT_CONT)
		return true;

	m->back = 0;
	m->sent_out++;
	if (!pkt->good)
		m->bad++;
	else if (d.error)
		m->dropped++;
	else
		m->arrived[m->arrived_nr++ % ARRAY_SIZE(m->arrived)] = *pkt;
	return true;
}

/* The receiver looks for a whole packet, which the sender has heard of. */
static bool tp4_ends_rx_get(struct tp4_ends *m)
{
	struct kunit *test = m->pair->test;
	struct tp4_ends_packet *pkt;
	struct tpacket4_desc d;
	u32 i, pos = 0;
	u8 *data;

	if (m->got == m->arrived_nr)
		return false;
	pkt = &m->arrived[m->got % ARRAY_SIZE(m->arrived)];
	do {
		KUNIT_ASSERT_TRUE_MSG(test, tp4_test_get(m->pair->rx, &d),
				      "packet %u from byte %u", pkt->seed, pos);
		KUNIT_ASSERT_EQ(test, d.error, 0);
		KUNIT_ASSERT_GT(test, d.len, 0);
		KUNIT_ASSERT_LE(test, d.offset + d.len, 1 << m->c->rx_shift);
		tp4_ends_give(m, m->rx_frames, d.idx, TP4_END_RX);
		data = tp4_pair_frame(m->pair->rx, d.idx) + d.offset;
		for (i = 0; i < d.len; i++)
			if (data[i] != tp4_pair_byte(pkt->seed, pos + i))
				break;
		KUNIT_ASSERT_EQ_MSG(test, i, d.len, "packet %u from byte %u",
				    pkt->seed, pos);
		pos += d.len;
	} while (d.flags & TP4_PKT_CONT);
	KUNIT_ASSERT_EQ(test, pos, pkt->len);
	m->got++;
	return true;
}

static void tp4_ends_check(struct tp4_ends *m)
{
	const struct tp4_test *t[] = { m->pair->rx, m->pair->tx };
	struct kunit *test = m->pair->test;
	u32 i, held;

	for (i = 0; i < ARRAY_SIZE(t); i++) {
		held = t[i]->arr->gathered - t[i]->arr->start;
		KUNIT_ASSERT_EQ(test, t[i]->q.head - t[i]->q.tail, held);
		KUNIT_ASSERT_LE(test, held, t[i]->prod - t[i]->cons);
	}
}

/* What the kernel has comes back when a driver goes: from the array, and from
 * the ring, as the core does it.
 */
static void tp4_ends_drain(struct tp4_ends *m, struct tp4_test *t, u8 *frames,
			   enum tp4_end end)
{
	struct kunit *test = m->pair->test;
	struct tpacket4_desc d;

	tp4_test_end_array(t, tp4a_free);
	while (tp4q_take(&t->q, &d))
		tp4q_answer(&t->q, &d, ECANCELED);
	while (tp4_test_get(t, &d)) {
		KUNIT_EXPECT_EQ(test, d.error, ECANCELED);
		tp4_ends_give(m, frames, d.idx, end);
	}
	KUNIT_EXPECT_EQ(test, t->cons, t->prod);
}

static void tp4_copy_model(struct kunit *test)
{
	const struct tp4_ends_case *c = test->param_value;
	const struct tp4_copy_stats *st;
	u32 i, n, step, nr = 0;
	struct tp4_ends *m;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	m->c = c;
	m->pair = tp4_pair_new(test, c->rx_nr, c->tx_nr, c->first, c->shared);
	if (c->elems) {
		tp4_test_end_array(m->pair->rx, tp4a_destroy);
		tp4_test_add_array(m->pair->rx, TP4_TEST_RX, c->elems);
		tp4_test_end_array(m->pair->tx, tp4a_destroy);
		tp4_test_add_array(m->pair->tx, TP4_TEST_TX, c->elems);
	}
	tp4_pair_geometry(m->pair->tx, TP4_ENDS_SHIFT, 0);
	tp4_pair_geometry(m->pair->rx, c->rx_shift, 7);
	prandom_seed_state(&m->rnd, c - tp4_ends_cases + 1);
	m->rx_frames = m->frames[0];
	m->tx_frames = m->frames[!c->shared];
	memset(m->tx_frames, TP4_END_TX, TP4_ENDS_FRAMES);
	memset(m->rx_frames, TP4_END_RX, TP4_ENDS_FRAMES / (1 + c->shared));

	for (step = 0; step < TP4_ENDS_STEPS; step++) {
		n = 1 + tp4_ends_random(m, 8);
		switch (tp4_ends_random(m, 5)) {
		case 0:
			while (n--)
				tp4_ends_rx_put(m);
			break;
		case 1:
			while (n--)
				tp4_ends_tx_put(m, false);
			break;
		case 2:
			tp4_ends_poll(m);
			break;
		case 3:
			while (n-- && tp4_ends_tx_get(m))
				;
			break;
		case 4:
			while (n-- && tp4_ends_rx_get(m))
				;
			break;
		}
		tp4_ends_check(m);
	}

	while (tp4_ends_tx_get(m) || tp4_ends_rx_get(m))
		;
	tp4_expect_idle(m->pair->rx);
	tp4_ends_drain(m, m->pair->rx, m->rx_frames, TP4_END_RX);
	tp4_ends_drain(m, m->pair->tx, m->tx_frames, TP4_END_TX);
	for (i = 0; i < TP4_ENDS_FRAMES; i++) {
		KUNIT_EXPECT_NE_MSG(test, m->rx_frames[i], TP4_END_KERNEL,
				    "frame %u of the receiver is lost", i);
		KUNIT_EXPECT_NE_MSG(test, m->tx_frames[i], TP4_END_KERNEL,
				    "frame %u of the sender is lost", i);
		nr += m->rx_frames[i] == TP4_END_RX;
	}
	KUNIT_EXPECT_EQ(test, nr, TP4_ENDS_FRAMES / (1 + c->shared));

	st = &m->pair->st;
	KUNIT_EXPECT_EQ(test, st->packets, m->got);
	KUNIT_EXPECT_EQ(test, st->no_frame, m->dropped);
	KUNIT_EXPECT_EQ(test, st->errors, m->bad);
	KUNIT_EXPECT_EQ(test, m->pair->rx->q.stats.no_frame, m->dropped);
	/* It was not for nothing. */
	KUNIT_EXPECT_GT(test, m->got, 100);
	KUNIT_EXPECT_EQ(test, st->errors > 0, c->bad > 0);
	KUNIT_EXPECT_EQ(test, st->swapped > 0, c->shared && c->keep < 100);
	KUNIT_EXPECT_EQ(test, st->copied > 0, !c->shared || c->keep > 0);
}

static struct kunit_case tp4_copy_model_cases[] = {
	KUNIT_CASE_PARAM(tp4_copy_model, tp4_ends_gen_params),
	{}
};

static struct kunit_suite tp4_copy_model_suite = {
	.name = "tp4_copy_model",
	.test_cases = tp4_copy_model_cases,
};

kunit_test_suites(&tp4_copy_packets_suite, &tp4_copy_model_suite);

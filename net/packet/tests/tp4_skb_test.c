// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of packets between frames and skbs
 *
 * The other end of a virtual device is no socket: what is in frames is what is,
 * or will be, on the wire, and skbs are as a device receives them.
 */

#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>

#include "tp4_test.h"

/* Frames of 64 bytes, so that few bytes of a packet have many boundaries. */
#define TP4_FROM_SHIFT	6
#define TP4_FROM_SIZE	BIT(TP4_FROM_SHIFT)
#define TP4_FROM_NR	256
#define TP4_FROM_FRAMES	(TP4_TEST_FRAME_NR * \
			 (TP4_TEST_FRAME_SIZE / TP4_FROM_SIZE))

KUNIT_ARRAY_PARAM_DESC(tp4_wire, tp4_test_wires, name);

static struct tp4_test *tp4_from_new(struct kunit *test, u32 nr)
{
	struct tp4_test *t;

	t = tp4_test_new(test, TP4_TEST_RX, nr, nr, U32_MAX - 100);
	t->arr->frame_shift = TP4_FROM_SHIFT;
	t->arr->frame_nr = TP4_FROM_FRAMES;
	t->arr->headroom = 0;
	memset(t->umem.addr, TP4_TEST_POISON,
	       TP4_TEST_FRAME_NR << TP4_TEST_FRAME_SHIFT);
	return t;
}

/* User space gives @n frames, from @idx on, and the array has them. */
static void tp4_from_put(struct tp4_test *t, u32 idx, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		tp4_put(t, .idx = (idx + i) % TP4_FROM_FRAMES);
	tp4a_populate(t->arr);
}

/* As a driver has it: data at the link header. */
static struct sk_buff *tp4_from_packet(struct kunit *test,
				       const struct tp4_test_packet *p)
{
	struct sk_buff *skb = tp4_test_packet_skb(test, p);

	__skb_push(skb, skb->data - skb_mac_header(skb));
	return skb;
}

/* With frames that have room for 1 to 64 bytes, the tag and the checksum lie at
 * each place of a frame and across each boundary. The skb is the caller's, and
 * as it was.
 */
static void tp4_from_skb_wire(struct kunit *test)
{
	static const u32 lens[] = { 14, 15, 16, 17, 20, 21, 47, 60, 61, 64 };
	static const u16 sums[][2] = {
		{ 0, 0 }, { 0, 11 }, { 11, 0 }, { 12, 0 }, { 14, 0 },
		{ 14, 1 }, { 13, 2 }, { 15, 6 }, { 14, 16 }, { 34, 6 },
	};
	const struct tp4_test_wire *c = test->param_value;
	struct tp4_test *t = tp4_from_new(test, TP4_FROM_NR);
	u8 bytes[TP4_TEST_PACKET_MAX];
	struct tp4_copy_stats st = {};
	u32 i, k, room, len, n, idx;
	u8 wire[TP4_TEST_WIRE_MAX];
	struct tp4_test_packet p;
	struct sk_buff *skb;
	u64 packets = 0;
	u64 total = 0;

	for (room = 1, idx = 0; room <= TP4_FROM_SIZE; room++) {
		t->arr->headroom = TP4_FROM_SIZE - room;
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			tp4_test_packet_as(c, &p, lens[i]);
			for (k = 0; k < ARRAY_SIZE(sums); k++) {
				p.sum_start = sums[k][0];
				p.sum_offset = sums[k][1];
				len = tp4_test_packet_wire(&p, wire);
				n = DIV_ROUND_UP(len, room);
				tp4_from_put(t, idx, n);
				idx += n;
				skb = tp4_from_packet(test, &p);

				KUNIT_ASSERT_TRUE(test,
						  tp4a_from_skb(t->arr, skb,
								&st));
				KUNIT_ASSERT_EQ(test, tp4_flush(t->arr), n);
				tp4_test_packet_expect(t, &p);
				tp4_expect_idle(t);

				KUNIT_ASSERT_EQ(test, skb->len, p.len);
				KUNIT_ASSERT_EQ(test,
						refcount_read(&skb->users), 1);
				KUNIT_ASSERT_EQ(test,
						skb_copy_bits(skb, 0, bytes,
							      p.len), 0);
				KUNIT_ASSERT_MEMEQ(test, bytes, p.bytes, p.len);
				kfree_skb(skb);
				packets++;
				total += len;
			}
		}
	}
	KUNIT_EXPECT_EQ(test, st.packets, packets);
	KUNIT_EXPECT_EQ(test, st.bytes, total);
	KUNIT_EXPECT_EQ(test, st.copied, total);
	KUNIT_EXPECT_EQ(test, st.swapped, 0);
	KUNIT_EXPECT_EQ(test, st.no_frame, 0);
	KUNIT_EXPECT_EQ(test, st.errors, 0);
	KUNIT_EXPECT_EQ(test, t->q.stats.packets, packets);
	KUNIT_EXPECT_EQ(test, t->q.stats.bytes, total);
}

/* Several before user space is told, and what is left of the frames. */
static void tp4_from_skb_batch(struct kunit *test)
{
	struct tp4_test *t = tp4_from_new(test, 16);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p[4];
	struct tp4_frame_set set;
	struct sk_buff *skb;
	u32 i;

	tp4_from_put(t, 100, 8);
	for (i = 0; i < 4; i++) {
		tp4_test_packet_init(&p[i], 60 + i);
		p[i].bytes[0] = i;
		if (i == 2)
			p[i].proto = ETH_P_8021Q;
		skb = tp4_from_packet(test, &p[i]);
		KUNIT_EXPECT_TRUE(test, tp4a_from_skb(t->arr, skb, &st));
		kfree_skb(skb);
		tp4_expect_idle(t);
	}
	/* With the tag, 66 bytes. */
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);
	for (i = 0; i < 4; i++)
		tp4_test_packet_expect(t, &p[i]);
	tp4_expect_idle(t);
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &set));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&set), 105);
	KUNIT_EXPECT_EQ(test, st.packets, 4);
	KUNIT_EXPECT_EQ(test, st.bytes, 60 + 61 + 66 + 63);
}

/* All frames of a packet or none; the tag counts. */
static void tp4_from_skb_no_frame(struct kunit *test)
{
	struct tp4_test *t = tp4_from_new(test, 16);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p;
	struct sk_buff *skb;
	u32 tag, n;
	u64 no_frame = 0;

	t->arr->headroom = TP4_FROM_SIZE - 20;
	for (tag = 0; tag < 2; tag++) {
		for (n = 0; n < 4 + tag; n++) {
			tp4_from_put(t, 0, n);
			tp4_test_packet_init(&p, 61 + 16 * tag);
			p.proto = tag ? ETH_P_8021Q : 0;
			skb = tp4_from_packet(test, &p);
			KUNIT_EXPECT_FALSE(test,
					   tp4a_from_skb(t->arr, skb, &st));
			KUNIT_EXPECT_EQ(test, refcount_read(&skb->users), 1);
			kfree_skb(skb);
			KUNIT_EXPECT_EQ(test, st.no_frame, ++no_frame);
			KUNIT_EXPECT_EQ(test, t->q.stats.no_frame, no_frame);
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
			tp4_expect_idle(t);

			/* Those that did not suffice do for another. */
			if (!n)
				continue;
			tp4_test_packet_init(&p, 20 * n);
			skb = tp4_from_packet(test, &p);
			KUNIT_EXPECT_TRUE(test,
					  tp4a_from_skb(t->arr, skb, &st));
			kfree_skb(skb);
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n);
			tp4_test_packet_expect(t, &p);
			tp4_expect_idle(t);
		}
		/* One more byte was too much. */
		tp4_from_put(t, 0, 4);
		tp4_test_packet_init(&p, 60 + 16 * tag);
		p.proto = tag ? ETH_P_8021Q : 0;
		skb = tp4_from_packet(test, &p);
		KUNIT_EXPECT_TRUE(test, tp4a_from_skb(t->arr, skb, &st));
		kfree_skb(skb);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 3 + tag);
		tp4_test_packet_expect(t, &p);
		tp4a_rewind(t->arr, false);
		t->prod = t->q.tail;
		memset(t->q.ring, 0, 16 * sizeof(*t->q.ring));
	}
	KUNIT_EXPECT_EQ(test, st.packets, 4 + 5);
	KUNIT_EXPECT_EQ(test, st.errors, 0);
}

/* An array that is smaller than the ring: no packet is dropped as long as there
 * are frames on the ring.
 */
static void tp4_from_skb_refill(struct kunit *test)
{
	struct tp4_test *t = tp4_from_new(test, 64);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p;
	struct sk_buff *skb;
	u32 i, n;

	tp4_test_end_array(t, tp4a_destroy);
	tp4_test_add_array(t, TP4_TEST_RX, 4);
	t->arr->frame_shift = TP4_FROM_SHIFT;
	t->arr->frame_nr = TP4_FROM_FRAMES;
	t->arr->headroom = TP4_FROM_SIZE - 20;
	for (n = 1; n <= 4; n++) {
		memset(&st, 0, sizeof(st));
		tp4_from_put(t, 100, 60 / n * n);
		tp4_test_packet_init(&p, 20 * n);
		for (i = 0; i < 60 / n; i++) {
			skb = tp4_from_packet(test, &p);
			KUNIT_ASSERT_TRUE(test,
					  tp4a_from_skb(t->arr, skb, &st));
			kfree_skb(skb);
		}
		i = tp4_flush(t->arr);
		KUNIT_EXPECT_GT(test, i, 0);
		KUNIT_EXPECT_EQ(test, st.flushed + i, 60 / n * n);
		KUNIT_EXPECT_EQ(test, st.packets, 60 / n);
		KUNIT_EXPECT_EQ(test, st.no_frame, 0);
		for (i = 0; i < 60 / n; i++)
			tp4_test_packet_expect(t, &p);
		tp4_expect_idle(t);

		skb = tp4_from_packet(test, &p);
		KUNIT_EXPECT_FALSE(test, tp4a_from_skb(t->arr, skb, &st));
		kfree_skb(skb);
		KUNIT_EXPECT_EQ(test, st.no_frame, 1);
	}
}

/* Bytes that the kernel cannot read. */
static void tp4_from_skb_unreadable(struct kunit *test)
{
	struct tp4_test *t = tp4_from_new(test, 16);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p;
	struct sk_buff *skb;

	if (!IS_ENABLED(CONFIG_PAGE_POOL))
		kunit_skip(test, "no skb is unreadable without page pools");

	tp4_from_put(t, 0, 8);
	tp4_test_packet_init(&p, 60);
	p.layout = TP4_TEST_PAGES;
	skb = tp4_from_packet(test, &p);
	skb->unreadable = true;
	KUNIT_EXPECT_FALSE(test, tp4a_from_skb(t->arr, skb, &st));
	KUNIT_EXPECT_EQ(test, st.no_frame, 1);
	KUNIT_EXPECT_EQ(test, st.packets, 0);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
	tp4_expect_idle(t);
	skb->unreadable = false;
	KUNIT_EXPECT_TRUE(test, tp4a_from_skb(t->arr, skb, &st));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
	tp4_test_packet_expect(t, &p);
	kfree_skb(skb);
}

static u8 tp4_large_byte(u32 i)
{
	return i * 7 + i / 251;
}

/* What GRO, or a device with large segments, comes up with: 64 KiB in pages. */
static void tp4_from_skb_large(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX, 64, 64, 9);
	u32 room = TP4_TEST_FRAME_SIZE - t->arr->headroom;
	static const u32 lens[] = { 1500, 9000, 65535, 65549 };
	struct tp4_copy_stats st = {};
	u32 i, k, pos, len, n;
	struct tpacket4_desc d;
	struct sk_buff *skb;
	int err;
	u8 *data;

	data = kunit_kmalloc(test, 70000, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, data);
	for (i = 0; i < 70000; i++)
		data[i] = tp4_large_byte(i);
	for (k = 0; k < ARRAY_SIZE(lens); k++) {
		len = lens[k];
		n = DIV_ROUND_UP(len, room);
		skb = alloc_skb_with_frags(100, len - 100, 0, &err, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, skb);
		skb_put(skb, 100);
		skb->data_len = len - 100;
		skb->len = len;
		KUNIT_ASSERT_EQ(test, skb_store_bits(skb, 0, data, len), 0);
		skb_reset_mac_header(skb);

		for (i = 0; i < n; i++)
			tp4_put(t, .idx = i);
		tp4a_populate(t->arr);
		KUNIT_ASSERT_TRUE(test, tp4a_from_skb(t->arr, skb, &st));
		kfree_skb(skb);
		KUNIT_ASSERT_EQ(test, tp4_flush(t->arr), n);
		for (i = 0, pos = 0; i < n; i++, pos += room) {
			KUNIT_ASSERT_TRUE(test, tp4_test_get(t, &d));
			KUNIT_ASSERT_EQ(test, d.len, min(len - pos, room));
			KUNIT_ASSERT_EQ(test, d.offset, t->arr->headroom);
			KUNIT_ASSERT_MEMEQ(test, t->umem.addr + d.offset +
						 d.idx * TP4_TEST_FRAME_SIZE,
					   data + pos, d.len);
		}
		tp4_expect_idle(t);
	}
}

/* At once if it is the packet alone that goes into a frame, and not at all if not:
 * then the array is as it was, for tp4a_from_skb().
 */
static void tp4_deliver_skb(struct kunit *test)
{
	const struct tp4_test_wire *c = test->param_value;
	struct tp4_test *t = tp4_from_new(test, TP4_FROM_NR);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p;
	struct sk_buff *skb;
	bool plain = !c->proto && !c->sum;
	u64 packets = 0;
	u64 total = 0;
	u32 room, len;

	for (room = 40; room <= TP4_FROM_SIZE; room++) {
		t->arr->headroom = TP4_FROM_SIZE - room;
		for (len = 38; len <= 60; len++) {
			tp4_put(t, .idx = len);
			tp4_test_packet_as(c, &p, len);
			skb = tp4_from_packet(test, &p);
			if (tp4a_deliver_skb(t->arr, skb, &st)) {
				KUNIT_ASSERT_TRUE(test, plain && len <= room);
				packets++;
				total += len;
			} else {
				KUNIT_ASSERT_FALSE(test, plain && len <= room);
				KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
				tp4_expect_idle(t);
				KUNIT_ASSERT_EQ(test, st.packets, packets);
				/* A tag takes more frames than one. */
				tp4_from_put(t, 100, 1);
				KUNIT_ASSERT_TRUE(test,
						  tp4a_from_skb(t->arr, skb,
								&st));
				packets++;
				total += len + (c->proto ? VLAN_HLEN : 0);
				tp4_flush(t->arr);
			}
			KUNIT_ASSERT_EQ(test, refcount_read(&skb->users), 1);
			kfree_skb(skb);
			tp4_test_packet_expect(t, &p);
			tp4_expect_idle(t);
			/* What was not needed */
			tp4a_populate(t->arr);
			if (t->arr->curr == t->arr->end)
				continue;
			tp4_test_packet_init(&p, 14);
			skb = tp4_from_packet(test, &p);
			KUNIT_ASSERT_TRUE(test, tp4a_deliver_skb(t->arr, skb,
								 &st));
			packets++;
			total += 14;
			kfree_skb(skb);
			tp4_test_packet_expect(t, &p);
			tp4_expect_idle(t);
		}
	}
	KUNIT_EXPECT_EQ(test, st.packets, packets);
	KUNIT_EXPECT_EQ(test, st.bytes, total);
	KUNIT_EXPECT_EQ(test, st.copied, total);
	KUNIT_EXPECT_EQ(test, st.no_frame, 0);
	KUNIT_EXPECT_EQ(test, t->q.stats.packets, packets);
	KUNIT_EXPECT_EQ(test, t->q.stats.bytes, total);
}

static void tp4_deliver_skb_not(struct tp4_test *t, struct sk_buff *skb,
				int line)
{
	struct tp4_copy_stats st = {};

	KUNIT_EXPECT_FALSE_MSG(t->test, tp4a_deliver_skb(t->arr, skb, &st),
			       "line %d", line);
	KUNIT_EXPECT_EQ_MSG(t->test, st.packets, 0, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(t->test, st.no_frame, 0, "line %d", line);
	KUNIT_EXPECT_EQ_MSG(t->test, t->q.stats.no_frame, 0, "line %d", line);
}

/* It is for the caller to find another way, and to count what is lost. */
static void tp4_deliver_skb_refused(struct kunit *test)
{
	struct tp4_test *t = tp4_from_new(test, 16);
	struct tp4_copy_stats st = {};
	struct tp4_test_packet p[2];
	struct sk_buff *skb;

	tp4_test_packet_init(&p[0], 60);
	tp4_test_packet_init(&p[1], 61);
	skb = tp4_from_packet(test, &p[1]);

	/* No frame, and an invalid one, which is answered. */
	tp4_deliver_skb_not(t, skb, __LINE__);
	tp4_expect_idle(t);
	tp4_put(t, .idx = TP4_FROM_FRAMES);
	tp4_deliver_skb_not(t, skb, __LINE__);
	KUNIT_EXPECT_EQ(test, tp4a_flush(t->arr), 1);
	tp4_expect_back(t, .idx = TP4_FROM_FRAMES, .error = EBADF);

	/* A program has to see it. */
	tp4_from_put(t, 0, 3);
	rcu_assign_pointer(t->arr->xdp_prog, (struct bpf_prog *)1);
	tp4_deliver_skb_not(t, skb, __LINE__);
	rcu_assign_pointer(t->arr->xdp_prog, NULL);

	/* The kernel cannot read it. */
	if (IS_ENABLED(CONFIG_PAGE_POOL)) {
		skb->unreadable = true;
		tp4_deliver_skb_not(t, skb, __LINE__);
		skb->unreadable = false;
	}

	/* It would overtake another one. */
	swap(p[0], p[1]);
	KUNIT_EXPECT_TRUE(test, tp4a_from_skb(t->arr, skb, &st));
	kfree_skb(skb);
	skb = tp4_from_packet(test, &p[1]);
	tp4_deliver_skb_not(t, skb, __LINE__);
	tp4_expect_idle(t);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
	tp4_test_packet_expect(t, &p[0]);
	KUNIT_EXPECT_TRUE(test, tp4a_deliver_skb(t->arr, skb, &st));
	tp4_test_packet_expect(t, &p[1]);
	tp4_expect_idle(t);
	kfree_skb(skb);
}

static struct kunit_case tp4_from_skb_cases[] = {
	KUNIT_CASE_PARAM(tp4_from_skb_wire, tp4_wire_gen_params),
	KUNIT_CASE(tp4_from_skb_batch),
	KUNIT_CASE(tp4_from_skb_no_frame),
	KUNIT_CASE(tp4_from_skb_refill),
	KUNIT_CASE(tp4_from_skb_unreadable),
	KUNIT_CASE(tp4_from_skb_large),
	KUNIT_CASE_PARAM(tp4_deliver_skb, tp4_wire_gen_params),
	KUNIT_CASE(tp4_deliver_skb_refused),
	{}
};

static struct kunit_suite tp4_from_skb_suite = {
	.name = "tp4_from_skb",
	.test_cases = tp4_from_skb_cases,
};

/**
 * struct tp4_to_test - a socket that sends, and a device that receives
 * @t: ring
 * @dev: the device
 * @st: what became of packets
 * @data: a large packet
 * @copy: room for another
 */
struct tp4_to_test {
	struct tp4_test *t;
	struct net_device *dev;
	struct tp4_copy_stats st;
	u8 *data;
	u8 *copy;
};

#define TP4_TO_MAX	(TP4_TEST_FRAME_NR << TP4_TEST_FRAME_SHIFT)

static const u8 tp4_to_addr[ETH_ALEN] = { 2, 3, 5, 7, 11, 13 };

KUNIT_DEFINE_ACTION_WRAPPER(tp4_free_netdev, free_netdev, struct net_device *);
KUNIT_DEFINE_ACTION_WRAPPER(tp4_kvfree, kvfree, const void *);

static u8 *tp4_to_alloc(struct kunit *test)
{
	u8 *mem = kvmalloc(TP4_TO_MAX, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tp4_kvfree,
							   mem));
	return mem;
}

static struct tp4_to_test *tp4_to_new(struct kunit *test)
{
	struct tp4_to_test *s;
	u32 i;

	s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	s->t = tp4_test_new(test, TP4_TEST_TX, 64, 64, U32_MAX - 9);
	s->data = tp4_to_alloc(test);
	s->copy = tp4_to_alloc(test);
	for (i = 0; i < TP4_TO_MAX; i++)
		s->data[i] = tp4_large_byte(i);
	/* No VLAN tag, which would not stay there. */
	ether_addr_copy(s->data, tp4_to_addr);
	s->data[12] = 0x88;
	s->data[13] = 0xb5;
	s->dev = alloc_etherdev(0);
	KUNIT_ASSERT_NOT_NULL(test, s->dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_free_netdev,
							   s->dev));
	eth_hw_addr_set(s->dev, tp4_to_addr);
	return s;
}

/* Frames from 0 on, each with up to @max bytes at its end. */
static void tp4_to_put(struct tp4_to_test *s, u32 len, u32 max)
{
	u32 idx, part, pos;

	for (idx = 0, pos = 0; pos < len; idx++, pos += part) {
		part = min(len - pos, max);
		memcpy(s->t->umem.addr + (idx + 1) * TP4_TEST_FRAME_SIZE - part,
		       s->data + pos, part);
		tp4_put(s->t, .idx = idx, .len = part,
			.offset = TP4_TEST_FRAME_SIZE - part,
			.flags = pos + part < len ? TP4_PKT_CONT : 0);
	}
	tp4a_populate(s->t->arr);
}

static struct sk_buff *tp4_to_take(struct tp4_to_test *s, u32 max_len)
{
	struct sk_buff *skb;

	local_bh_disable();
	skb = tp4a_to_skb(s->t->arr, s->dev, max_len, &s->st);
	local_bh_enable();
	return skb;
}

static void tp4_to_expect_back(struct tp4_to_test *s, u32 n, u8 error)
{
	struct kunit *test = s->t->test;
	struct tpacket4_desc d;

	while (n--) {
		KUNIT_ASSERT_TRUE(test, tp4_test_get(s->t, &d));
		KUNIT_ASSERT_EQ(test, d.error, error);
	}
}

/* A packet of @len bytes arrives; its frames are overwritten before it is
 * looked at.
 */
static void tp4_to_check(struct tp4_to_test *s, u32 len, u32 max)
{
	u32 n = DIV_ROUND_UP(len, max);
	struct kunit *test = s->t->test;
	struct sk_buff *skb;

	tp4_to_put(s, len, max);
	skb = tp4_to_take(s, len);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(skb));
	KUNIT_ASSERT_NULL(test, tp4_to_take(s, len));
	KUNIT_ASSERT_EQ(test, tp4_flush(s->t->arr), n);
	tp4_to_expect_back(s, n, 0);
	tp4_expect_idle(s->t);
	memset(s->t->umem.addr, TP4_TEST_POISON, n * TP4_TEST_FRAME_SIZE);

	/* As eth_type_trans() leaves it. */
	KUNIT_ASSERT_EQ(test, skb->len, len - ETH_HLEN);
	KUNIT_ASSERT_EQ(test, skb->data - skb_mac_header(skb), ETH_HLEN);
	KUNIT_ASSERT_PTR_EQ(test, skb->dev, s->dev);
	KUNIT_ASSERT_EQ(test, ntohs(skb->protocol), 0x88b5);
	KUNIT_ASSERT_EQ(test, (int)skb->pkt_type, PACKET_HOST);
	KUNIT_ASSERT_EQ(test, (int)skb->ip_summed, CHECKSUM_NONE);
	KUNIT_ASSERT_FALSE(test, skb_vlan_tag_present(skb));
	/* Room for a program, and the network header aligned. */
	KUNIT_ASSERT_GE(test, skb_headroom(skb), XDP_PACKET_HEADROOM);
	KUNIT_ASSERT_TRUE(test, IS_ALIGNED((unsigned long)skb->data -
					   ETH_HLEN - NET_IP_ALIGN, 4));
	KUNIT_ASSERT_EQ(test, refcount_read(&skb->users), 1);
	KUNIT_ASSERT_GE(test, skb->truesize, len);

	__skb_push(skb, ETH_HLEN);
	KUNIT_ASSERT_EQ(test, skb_copy_bits(skb, 0, s->copy, len), 0);
	KUNIT_ASSERT_MEMEQ_MSG(test, s->copy, s->data, len, "len %u, max %u",
			       len, max);
	/* All that is there is the packet. */
	KUNIT_ASSERT_EQ(test, skb->len, skb_headlen(skb) + skb->data_len);
	KUNIT_ASSERT_EQ(test, skb_pagelen(skb), len);
	kfree_skb(skb);
}

/* Each length that is about what fits into something. */
static void tp4_to_skb_lengths(struct kunit *test)
{
	static const u32 about[] = {
		20, 60, 64, 128, 1514, 2048, 4096, 8192, 16384, 65535, 65536,
		PAGE_SIZE, 2 * PAGE_SIZE,
		SKB_WITH_OVERHEAD(PAGE_SIZE),
		SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM),
		SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM -
				  NET_IP_ALIGN),
		PAGE_SIZE - XDP_PACKET_HEADROOM,
		PAGE_SIZE - XDP_PACKET_HEADROOM - NET_IP_ALIGN,
	};
	struct tp4_to_test *s = tp4_to_new(test);
	u64 packets = 0, bytes = 0;
	u32 i, len;

	for (i = 0; i < ARRAY_SIZE(about); i++) {
		for (len = about[i] - 6; len <= about[i] + 6; len++) {
			tp4_to_check(s, len, TP4_TEST_FRAME_SIZE);
			packets++;
			bytes += len;
		}
	}
	KUNIT_EXPECT_EQ(test, s->st.packets, packets);
	KUNIT_EXPECT_EQ(test, s->st.bytes, bytes);
	KUNIT_EXPECT_EQ(test, s->st.copied, bytes);
	KUNIT_EXPECT_EQ(test, s->st.swapped, 0);
	KUNIT_EXPECT_EQ(test, s->st.errors, 0);
	KUNIT_EXPECT_EQ(test, s->st.no_frame, 0);
}

/* In up to 64 frames, the boundaries of which lie anywhere in the skb. */
static void tp4_to_skb_frames(struct kunit *test)
{
	static const u32 lens[] = { 14, 60, 64, 1514, 4000, 9014, 65535 };
	struct tp4_to_test *s = tp4_to_new(test);
	u32 i, max;

	for (i = 0; i < ARRAY_SIZE(lens); i++)
		for (max = 1; max <= TP4_TEST_FRAME_SIZE; max += 1 + max / 4)
			if (lens[i] <= 64 * max)
				tp4_to_check(s, lens[i], max);
}

/* Who is it for, and what is it? */
static void tp4_to_skb_type(struct kunit *test)
{
	static const struct {
		u8 to[ETH_ALEN];
		u8 proto[2];
		u8 pkt_type;
		u16 protocol;
	} cases[] = {
		{ { 2, 3, 5, 7, 11, 13 }, { 0x08, 0x00 }, PACKET_HOST,
		  ETH_P_IP },
		{ { 2, 3, 5, 7, 11, 14 }, { 0x86, 0xdd }, PACKET_OTHERHOST,
		  ETH_P_IPV6 },
		{ { 3, 3, 5, 7, 11, 13 }, { 0x08, 0x06 }, PACKET_MULTICAST,
		  ETH_P_ARP },
		{ { 255, 255, 255, 255, 255, 255 }, { 0x81, 0x00 },
		  PACKET_BROADCAST, ETH_P_8021Q },
		{ { 2, 3, 5, 7, 11, 13 }, { 0x00, 0x30 }, PACKET_HOST,
		  ETH_P_802_2 },
	};
	struct tp4_to_test *s = tp4_to_new(test);
	struct sk_buff *skb;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memcpy(s->data, cases[i].to, ETH_ALEN);
		memcpy(s->data + 12, cases[i].proto, 2);
		tp4_to_put(s, 60, i & 1 ? 13 : 60);
		skb = tp4_to_take(s, 1514);
		KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(skb));
		KUNIT_EXPECT_EQ(test, (int)skb->pkt_type, cases[i].pkt_type);
		KUNIT_EXPECT_EQ(test, ntohs(skb->protocol), cases[i].protocol);
		kfree_skb(skb);
		tp4_flush(s->t->arr);
		tp4_to_expect_back(s, i & 1 ? 5 : 1, 0);
	}
}

/* Too short and too long ones are passed over; so is one that there is no
 * memory for, but then somebody may want to know.
 */
static void tp4_to_skb_bad_lengths(struct kunit *test)
{
	struct tp4_to_test *s = tp4_to_new(test);
	struct sk_buff *skb;

	tp4_to_put(s, 13, 100);
	tp4_to_put(s, 13, 5);
	tp4_to_put(s, 14, 5);
	tp4_to_put(s, 1, 1);
	tp4_to_put(s, 101, 101);
	tp4_to_put(s, 101, 50);
	tp4_to_put(s, 100, 50);
	tp4_to_put(s, 12, 12);
	skb = tp4_to_take(s, 100);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(skb));
	KUNIT_EXPECT_EQ(test, skb->len, 0);
	kfree_skb(skb);
	skb = tp4_to_take(s, 100);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(skb));
	KUNIT_EXPECT_EQ(test, skb->len, 100 - ETH_HLEN);
	kfree_skb(skb);
	KUNIT_EXPECT_NULL(test, tp4_to_take(s, 100));

	KUNIT_EXPECT_EQ(test, tp4_flush(s->t->arr), 15);
	tp4_to_expect_back(s, 4, EINVAL);
	tp4_to_expect_back(s, 3, 0);
	tp4_to_expect_back(s, 1, EINVAL);
	tp4_to_expect_back(s, 4, EMSGSIZE);
	tp4_to_expect_back(s, 2, 0);
	tp4_to_expect_back(s, 1, EINVAL);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, s->st.packets, 2);
	KUNIT_EXPECT_EQ(test, s->st.bytes, 114);
	KUNIT_EXPECT_EQ(test, s->st.errors, 6);
	KUNIT_EXPECT_EQ(test, s->t->q.stats.failed, 6);

	if (60 * TP4_TEST_FRAME_SIZE < (MAX_SKB_FRAGS + 1) * PAGE_SIZE)
		return;
	/* More than an skb can have. */
	tp4_to_put(s, 60 * TP4_TEST_FRAME_SIZE, TP4_TEST_FRAME_SIZE);
	tp4_to_put(s, 60, 60);
	skb = tp4_to_take(s, U32_MAX);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(skb), -ENOBUFS);
	KUNIT_EXPECT_EQ(test, s->st.errors, 7);
	KUNIT_EXPECT_EQ(test, s->st.packets, 2);
	skb = tp4_to_take(s, U32_MAX);
	KUNIT_ASSERT_FALSE(test, IS_ERR_OR_NULL(skb));
	KUNIT_EXPECT_EQ(test, skb->len, 60 - ETH_HLEN);
	kfree_skb(skb);
	KUNIT_EXPECT_EQ(test, tp4_flush(s->t->arr), 61);
	tp4_to_expect_back(s, 60, ENOBUFS);
	tp4_to_expect_back(s, 1, 0);
	tp4_expect_idle(s->t);
}

static struct kunit_case tp4_to_skb_cases[] = {
	KUNIT_CASE(tp4_to_skb_lengths),
	KUNIT_CASE(tp4_to_skb_frames),
	KUNIT_CASE(tp4_to_skb_type),
	KUNIT_CASE(tp4_to_skb_bad_lengths),
	{}
};

static struct kunit_suite tp4_to_skb_suite = {
	.name = "tp4_to_skb",
	.test_cases = tp4_to_skb_cases,
};

kunit_test_suites(&tp4_from_skb_suite, &tp4_to_skb_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of ordered packet arrays and of frame sets
 */

#include <linux/bpf.h>

#include "tp4_test.h"

KUNIT_ARRAY_PARAM_DESC(tp4_start, tp4_test_starts, name);

static u32 tp4_first(struct kunit *test)
{
	const struct tp4_test_start *start = test->param_value;

	return start->first;
}

static void tp4_array_new(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	struct tp4_packet_array *a;

	t->q.headroom = 123;

	a = tp4a_rx_new(&t->q, 16, NULL);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_PTR_EQ(test, a->queue_opaque, (void *)&t->q);
	KUNIT_EXPECT_NULL(test, a->dev);
	KUNIT_EXPECT_EQ(test, a->direction, DMA_FROM_DEVICE);
	KUNIT_EXPECT_EQ(test, a->validation, TP4_VALIDATION_IDX);
	KUNIT_EXPECT_PTR_EQ(test, a->frames, t->umem.addr);
	KUNIT_EXPECT_EQ(test, a->frame_nr, TP4_TEST_FRAME_NR);
	KUNIT_EXPECT_EQ(test, a->frame_shift, TP4_TEST_FRAME_SHIFT);
	KUNIT_EXPECT_EQ(test, a->headroom, XDP_PACKET_HEADROOM);
	KUNIT_EXPECT_EQ(test, a->mask, 15);
	tp4a_free(a);

	t->q.headroom = XDP_PACKET_HEADROOM + 1;
	a = tp4a_rx_new(&t->q, 16, NULL);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_EQ(test, a->headroom, XDP_PACKET_HEADROOM + 1);
	tp4a_free(a);

	a = tp4a_tx_new(&t->q, 1, NULL);
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_EXPECT_NULL(test, a->dev);
	KUNIT_EXPECT_EQ(test, a->direction, DMA_TO_DEVICE);
	KUNIT_EXPECT_EQ(test, a->validation, TP4_VALIDATION_DESC);
	KUNIT_EXPECT_EQ(test, a->frames_max, 1);
	KUNIT_EXPECT_EQ(test, a->mask, 0);
	tp4a_free(a);

	tp4a_free(NULL);
}

static void tp4_array_new_bad_size(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	static const size_t sizes[] = {
		0, 3, 6, 7, 9, 1000, U32_MAX, SIZE_MAX,
		/* The mask has 32 bits. */
		(size_t)1 << (BITS_PER_LONG - 1),
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		KUNIT_EXPECT_NULL_MSG(test, tp4a_rx_new(&t->q, sizes[i], NULL),
				      "%zu", sizes[i]);
		KUNIT_EXPECT_NULL_MSG(test, tp4a_tx_new(&t->q, sizes[i], NULL),
				      "%zu", sizes[i]);
	}
}

static void tp4_array_empty(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, 0);
	struct tp4_frame_set p;

	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
	KUNIT_EXPECT_EQ(test, t->q.head, 0);
	KUNIT_EXPECT_EQ(test, t->q.tail, 0);
}

/* Packets of 1 to 4 frames through an array of 4 on a ring of 8: they lie
 * across the end of the ring, of the array, and of the indices.
 */
static void tp4_array_packets(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 4, first);
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 i, n, round;

	for (round = 0; round < 40; round++) {
		n = round % 4 + 1;
		tp4_test_put_packet(t, round, n);
		KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
		tp4a_populate(t->arr);
		tp4_expect_packet(t, round, n);
		KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
		tp4_expect_idle(t);

		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n);
		for (i = 0; i < n; i++) {
			d = tp4_test_frame(round, n, i);
			tp4_test_expect_desc(t, __LINE__, &d);
		}
		tp4_expect_idle(t);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
	}
	KUNIT_EXPECT_EQ(test, t->q.head, first + 100);
	KUNIT_EXPECT_EQ(test, t->q.tail, first + 100);
	KUNIT_EXPECT_EQ(test, t->arr->start, first + 101);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* What was taken from the ring is in kernel memory. */
static void tp4_array_keeps_snapshot(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, 0);
	struct tpacket4_desc d;
	u32 i;

	tp4_test_put_packet(t, 10, 3);
	tp4_test_put_packet(t, 20, 2);
	tp4a_populate(t->arr);
	memset(t->q.ring, 0xff, 8 * sizeof(*t->q.ring));
	tp4_expect_packet(t, 10, 3);
	memset(t->q.ring, 0xff, 8 * sizeof(*t->q.ring));
	tp4_expect_packet(t, 20, 2);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);

	for (i = 0; i < 3; i++) {
		d = tp4_test_frame(10, 3, i);
		tp4_test_expect_desc(t, __LINE__, &d);
	}
	for (i = 0; i < 2; i++) {
		d = tp4_test_frame(20, 2, i);
		tp4_test_expect_desc(t, __LINE__, &d);
	}
	tp4_expect_idle(t);
}

/* A ring that is larger than the array: what does not fit waits its turn. */
static void tp4_array_full(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 16, 4, first);
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < 16; i++)
		tp4_test_put_packet(t, i, 1);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.head - first, 4);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.head - first, 4);

	/* Taken, but not flushed: still no room. */
	for (i = 0; i < 4; i++)
		tp4_expect_packet(t, i, 1);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	tp4a_populate(t->arr);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));

	for (i = 4; i < 16; i++) {
		if (i % 4 == 0) {
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 4);
			tp4a_populate(t->arr);
			KUNIT_EXPECT_EQ(test, t->q.head - first, i + 4);
		}
		tp4_expect_packet(t, i, 1);
	}
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 4);
	for (i = 0; i < 16; i++)
		tp4_expect_back(t, .idx = i, .len = 100);
	tp4_expect_idle(t);
}

/* The smallest array, and the smallest ring. */
static void tp4_array_of_one(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 1, 1, first);
	u32 i;

	for (i = 0; i < 5; i++) {
		tp4_test_put_packet(t, i, 1);
		tp4a_populate(t->arr);
		tp4a_populate(t->arr);
		tp4_expect_packet(t, i, 1);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
		tp4_expect_back(t, .idx = i, .len = 100);
		tp4_expect_idle(t);
	}

	/* No packet of two frames gets through. */
	tp4_put(t, .idx = 7, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 7, .len = 60, .error = EMSGSIZE,
			.flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 8, .len = 60);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 8, .len = 60, .error = EMSGSIZE);
	tp4_test_put_packet(t, 9, 1);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 9, 1);
}

/* Each number of packets, flushed in each two parts. */
static void tp4_array_flush_parts(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	u32 i, n, part;

	for (n = 1; n <= 8; n++) {
		for (part = 0; part <= n; part++) {
			for (i = 0; i < n; i++)
				tp4_test_put_packet(t, i, 1);
			tp4a_populate(t->arr);
			for (i = 0; i < part; i++)
				tp4_expect_packet(t, i, 1);
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), part);
			for (i = 0; i < part; i++)
				tp4_expect_back(t, .idx = i, .len = 100);
			tp4_expect_idle(t);

			for (i = part; i < n; i++)
				tp4_expect_packet(t, i, 1);
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n - part);
			for (i = part; i < n; i++)
				tp4_expect_back(t, .idx = i, .len = 100);
			tp4_expect_idle(t);
		}
	}
}

/* A packet goes back whole, however much of it was taken. */
static void tp4_array_flush_whole_packets(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	static const int want[] = { 0, 1, 0, 0, 3, 1, 0, 2 };
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 10, 1);
	tp4_test_put_packet(t, 20, 3);
	tp4_test_put_packet(t, 30, 1);
	tp4_test_put_packet(t, 40, 2);
	tp4a_populate(t->arr);
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_EQ_MSG(test, tp4_flush(t->arr), want[i],
				    "%u frames taken", i);
		KUNIT_EXPECT_EQ(test, tp4a_next_frame(t->arr, &p), i < 7);
	}
}

static void tp4_array_put_back(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;

	tp4_test_put_packet(t, 10, 2);
	tp4_test_put_packet(t, 20, 3);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 2);

	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	/* Its place, not where it is now, counts. */
	KUNIT_EXPECT_TRUE(test, tp4f_next_frame(&p));
	tp4a_put_back(t->arr, &p);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	tp4_expect_packet(t, 20, 3);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 3);

	tp4_test_put_packet(t, 30, 2);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 31);
	tp4a_put_back(t->arr, &p);
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 31);
	KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
}

/* By frames, and then what is left of the packet. */
static void tp4_array_frames(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 10, 5);
	tp4a_populate(t->arr);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		KUNIT_EXPECT_PTR_EQ(test, p.pkt_arr, t->arr);
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 1);
		KUNIT_EXPECT_TRUE(test, tp4f_is_last_frame(&p));
		KUNIT_EXPECT_FALSE(test, tp4f_next_frame(&p));
		KUNIT_EXPECT_FALSE(test, tp4f_prev_frame(&p));
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 10 + i);
	}
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 2);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 13);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);
}

/* Taking many at once stops at the end, and gives back whole packets only. */
static void tp4_array_take_frames(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;

	tp4_test_put_packet(t, 10, 5);
	tp4_test_put_packet(t, 20, 2);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, tp4a_take_frames(t->arr, 0), 0);
	KUNIT_EXPECT_EQ(test, tp4a_take_frames(t->arr, 3), 3);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
	KUNIT_ASSERT_TRUE(test, tp4a_peek_packet(t->arr, 0, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 13);
	KUNIT_EXPECT_EQ(test, tp4a_take_frames(t->arr, 3), 3);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);
	KUNIT_EXPECT_EQ(test, tp4a_take_frames(t->arr, U32_MAX), 1);
	KUNIT_EXPECT_EQ(test, tp4a_take_frames(t->arr, U32_MAX), 0);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
}

/* A packet whose end is missing waits for it, outside of the array. */
static void tp4_array_unfinished(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 10, 1);
	for (i = 0; i < 4; i++) {
		d = tp4_test_frame(20, 5, i);
		tp4_test_put_desc(t, &d);
		tp4a_populate(t->arr);
		if (!i)
			tp4_expect_packet(t, 10, 1);
		KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), i ? 0 : 1);
		if (!i)
			tp4_expect_back(t, .idx = 10, .len = 100);
		tp4_expect_idle(t);
	}
	d = tp4_test_frame(20, 5, 4);
	tp4_test_put_desc(t, &d);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 20, 5);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* The array has no room for the end of a packet until others are flushed. */
static void tp4_array_unfinished_no_room(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 4, first);
	struct tp4_frame_set p;

	tp4_test_put_packet(t, 10, 2);
	tp4_test_put_packet(t, 20, 4);
	tp4_test_put_packet(t, 30, 1);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 2);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	tp4a_populate(t->arr);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));

	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 20, 4);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 4);

	tp4a_populate(t->arr);
	tp4_expect_packet(t, 30, 1);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* Each frame of a packet is the bad one in turn: it comes back with its errno,
 * the others with ECANCELED. The packets before and behind are not concerned.
 */
static void tp4_array_bad_frame(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 bad, i, n;

	for (n = 1; n <= 6; n++) {
		for (bad = 0; bad < n; bad++) {
			tp4_test_put_packet(t, 10, 1);
			for (i = 0; i < n; i++) {
				d = tp4_test_frame(20, n, i);
				if (i == bad)
					d.len = 0;
				tp4_test_put_desc(t, &d);
			}
			tp4_test_put_packet(t, 30, 1);
			tp4a_populate(t->arr);

			for (i = 0; i < n; i++) {
				d = tp4_test_frame(20, n, i);
				d.error = ECANCELED;
				if (i == bad) {
					d.len = 0;
					d.error = EINVAL;
				}
				tp4_test_expect_desc(t, __LINE__, &d);
			}
			tp4_expect_idle(t);

			tp4_expect_packet(t, 10, 1);
			tp4_expect_packet(t, 30, 1);
			KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
			tp4_expect_back(t, .idx = 10, .len = 100);
			tp4_expect_back(t, .idx = 30, .len = 100);
			tp4_expect_idle(t);
		}
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 1 + 2 + 3 + 4 + 5 + 6);
}

/* Several bad frames in a packet: each has its own errno. */
static void tp4_array_bad_frames(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, 0);
	struct tp4_frame_set p;

	tp4_put(t, .idx = 1, .len = 60, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 1000, .len = 60, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 2, .len = 60, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 3, .len = 60, .flags = TP4_PKT_CONT | 0x40);
	tp4_put(t, .idx = 4, .len = 5000, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 5, .len = 60, .flags = TP4_PKT_KEEP);
	tp4_put(t, .idx = 6, .len = 60);
	tp4a_populate(t->arr);

	tp4_expect_back(t, .idx = 1, .len = 60, .flags = TP4_PKT_CONT,
			.error = ECANCELED);
	tp4_expect_back(t, .idx = 1000, .len = 60, .flags = TP4_PKT_CONT,
			.error = EBADF);
	tp4_expect_back(t, .idx = 2, .len = 60, .flags = TP4_PKT_CONT,
			.error = ECANCELED);
	tp4_expect_back(t, .idx = 3, .len = 60, .flags = TP4_PKT_CONT,
			.error = EINVAL);
	tp4_expect_back(t, .idx = 4, .len = 5000, .flags = TP4_PKT_CONT,
			.error = EBADF);
	tp4_expect_back(t, .idx = 5, .len = 60, .flags = TP4_PKT_KEEP,
			.error = ECANCELED);
	tp4_expect_idle(t);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 3);

	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 6);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
}

/* A packet that is bad already still needs its end, however late it comes. */
static void tp4_array_bad_unfinished(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;

	tp4_put(t, .idx = 1, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_idle(t);
	tp4_put(t, .idx = 2, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 1, .len = 60, .flags = TP4_PKT_CONT,
			.error = ECANCELED);
	tp4_expect_back(t, .idx = 2, .flags = TP4_PKT_CONT, .error = EINVAL);
	tp4_expect_idle(t);

	tp4_put(t, .idx = 3, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 3, .len = 60, .flags = TP4_PKT_CONT,
			.error = ECANCELED);
	tp4_put(t, .idx = 4, .len = 60);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 4, .len = 60, .error = ECANCELED);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));

	/* And that was that. */
	tp4_test_put_packet(t, 10, 3);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 3);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 3);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 1);
}

/* Answers overtake packets that are with the kernel, in the oldest slots; those
 * then take what is left.
 */
static void tp4_array_bad_behind_held(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	u32 i;

	tp4_test_put_packet(t, 10, 1);
	tp4_test_put_packet(t, 20, 1);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 1);
	for (i = 0; i < 30; i++) {
		tp4_put(t, .idx = 1000 + i, .len = 60);
		tp4a_populate(t->arr);
		tp4_expect_back(t, .idx = 1000 + i, .len = 60, .error = EBADF);
		tp4_expect_idle(t);
		KUNIT_EXPECT_EQ(test, t->q.head - t->q.tail, 2);
	}
	tp4_expect_packet(t, 20, 1);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	tp4_expect_back(t, .idx = 10, .len = 100);
	tp4_expect_back(t, .idx = 20, .len = 100);
	tp4_expect_idle(t);
}

/* The limit of frames: of the array, or what its owner made of it. */
static void tp4_array_frames_max(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 32, 8, first);
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 i, max, n;
	u64 long_ones = 0;

	KUNIT_EXPECT_EQ(test, t->arr->frames_max, 8);
	for (max = 1; max <= 8; max++) {
		t->arr->frames_max = max;

		tp4_test_put_packet(t, 10, max);
		tp4a_populate(t->arr);
		tp4_expect_packet(t, 10, max);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), max);
		for (i = 0; i < max; i++) {
			d = tp4_test_frame(10, max, i);
			tp4_test_expect_desc(t, __LINE__, &d);
		}
		tp4_expect_idle(t);
		KUNIT_EXPECT_EQ(test, t->q.stats.too_long, long_ones);

		for (n = max + 1; n < 3 * max + 2; n++) {
			tp4_test_put_packet(t, 20, n);
			tp4_test_put_packet(t, 60, 1);
			tp4a_populate(t->arr);
			for (i = 0; i < n; i++) {
				d = tp4_test_frame(20, n, i);
				d.error = EMSGSIZE;
				tp4_test_expect_desc(t, __LINE__, &d);
			}
			tp4_expect_idle(t);
			KUNIT_EXPECT_EQ(test, t->q.stats.too_long, ++long_ones);

			tp4_expect_packet(t, 60, 1);
			KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
			tp4_expect_back(t, .idx = 60, .len = 100);
		}
	}
	/* No descriptor was wrong by itself. */
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* Too many frames, and a bad one: the packet is bad up to the limit, and too
 * large behind that; the bad frame has its own errno in any case.
 */
static void tp4_array_frames_max_and_bad(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 16, 4, 0);
	struct tpacket4_desc d;
	u32 bad, i;

	for (bad = 0; bad < 6; bad++) {
		for (i = 0; i < 6; i++) {
			d = tp4_test_frame(20, 6, i);
			if (i == bad)
				d.idx = 1000;
			tp4_test_put_desc(t, &d);
		}
		tp4_test_put_packet(t, 60, 1);
		tp4a_populate(t->arr);
		for (i = 0; i < 6; i++) {
			d = tp4_test_frame(20, 6, i);
			d.error = bad < 4 ? ECANCELED : EMSGSIZE;
			if (i == bad) {
				d.idx = 1000;
				d.error = EBADF;
			}
			tp4_test_expect_desc(t, __LINE__, &d);
		}
		tp4_expect_idle(t);
		tp4_expect_packet(t, 60, 1);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
		tp4_expect_back(t, .idx = 60, .len = 100);
	}
}

/* A packet as long as the ring could never end, whatever the array has room
 * for: all slots would be held, and none left for its last frame.
 */
static void tp4_array_long_as_ring(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 32, first);
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 10, 8);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 8);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 8);
	t->cons = t->prod;

	for (i = 0; i < 8; i++)
		tp4_put(t, .idx = i, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	for (i = 0; i < 8; i++)
		tp4_expect_back(t, .idx = i, .len = 60, .error = EMSGSIZE,
				.flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 8, .len = 60);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 8, .len = 60, .error = EMSGSIZE);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, t->q.stats.too_long, 1);
}

/* Nothing but bad ones, more than the array has room for. */
static void tp4_array_all_bad(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 16, 2, first);
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < 16; i++)
		tp4_put(t, .idx = 100 + i, .len = 60);
	tp4a_populate(t->arr);
	for (i = 0; i < 16; i++)
		tp4_expect_back(t, .idx = 100 + i, .len = 60, .error = EBADF);
	tp4_expect_idle(t);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 16);
	KUNIT_EXPECT_EQ(test, t->q.head, first + 16);
	KUNIT_EXPECT_EQ(test, t->q.tail, first + 16);
}

/* A ring full of rubbish costs little at a time, and user space is told. */
static void tp4_array_populate_ends(struct kunit *test)
{
	u32 i, before, nr = 1 << 10;
	struct tp4_test *t;

	t = tp4_test_new(test, TP4_TEST_TX, nr, 8, 0);
	for (i = 0; i < nr; i++)
		t->q.ring[i].desc = (struct tpacket4_desc) {
			.idx = U64_MAX,
			.flags = TP4_DESC_KERNEL,
		};

	for (i = 0; i < nr; i += 64) {
		before = t->q.head;
		tp4a_populate(t->arr);
		KUNIT_ASSERT_EQ(test, t->q.head - before, 64);
		KUNIT_ASSERT_EQ(test, t->q.head, t->q.tail);
		KUNIT_EXPECT_EQ(test, tp4a_flush(t->arr), 64);
		KUNIT_EXPECT_EQ(test, tp4a_flush(t->arr), 0);
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, nr);
}

static struct kunit_case tp4_array_cases[] = {
	KUNIT_CASE(tp4_array_new),
	KUNIT_CASE(tp4_array_new_bad_size),
	KUNIT_CASE(tp4_array_empty),
	KUNIT_CASE_PARAM(tp4_array_packets, tp4_start_gen_params),
	KUNIT_CASE(tp4_array_keeps_snapshot),
	KUNIT_CASE_PARAM(tp4_array_full, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_of_one, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_flush_parts, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_flush_whole_packets, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_put_back, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_frames, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_take_frames, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_unfinished, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_unfinished_no_room, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_bad_frame, tp4_start_gen_params),
	KUNIT_CASE(tp4_array_bad_frames),
	KUNIT_CASE_PARAM(tp4_array_bad_unfinished, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_bad_behind_held, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_frames_max, tp4_start_gen_params),
	KUNIT_CASE(tp4_array_frames_max_and_bad),
	KUNIT_CASE_PARAM(tp4_array_long_as_ring, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_array_all_bad, tp4_start_gen_params),
	KUNIT_CASE(tp4_array_populate_ends),
	{}
};

static struct kunit_suite tp4_array_suite = {
	.name = "tp4_array",
	.test_cases = tp4_array_cases,
};

/* Forth and back over a packet of each length, at each place of the array. */
static void tp4_frame_set_walk(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;
	u32 i, n, round;

	for (round = 0; round < 64; round++) {
		n = round % 8 + 1;
		tp4_test_put_packet(t, round % 32, n);
		tp4a_populate(t->arr);
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_PTR_EQ(test, p.pkt_arr, t->arr);
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), n);
		KUNIT_EXPECT_FALSE(test, tp4f_prev_frame(&p));

		for (i = 0; i < n; i++) {
			KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p),
					round % 32 + i);
			KUNIT_EXPECT_EQ(test, tp4f_is_last_frame(&p),
					i == n - 1);
			KUNIT_EXPECT_EQ(test, tp4f_next_frame(&p), i < n - 1);
		}
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p),
				round % 32 + n - 1);
		for (i = n; i-- > 0; ) {
			KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p),
					round % 32 + i);
			KUNIT_EXPECT_EQ(test, tp4f_prev_frame(&p), i > 0);
		}
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), round % 32);

		while (tp4f_next_frame(&p))
			;
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), n);
		tp4f_first_frame(&p);
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), round % 32);
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), n);

		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n);
		t->cons = t->prod;
	}
}

static void tp4_frame_set_get(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 4, 4, 3);
	u8 *base = t->umem.addr;
	struct tp4_frame_set p;

	tp4_put(t, .idx = 0, .len = 1, .offset = 2047, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 63, .len = 2048, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 5, .len = 60, .offset = 100);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));

	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 0);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_len(&p), 1);
	KUNIT_EXPECT_EQ(test, tp4f_get_data_offset(&p), 2047);
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_frame(&p), (void *)base);
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_data(&p), (void *)(base + 2047));

	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 63);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_len(&p), 2048);
	KUNIT_EXPECT_EQ(test, tp4f_get_data_offset(&p), 0);
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_frame(&p),
			    (void *)(base + 63 * 2048));
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_data(&p),
			    (void *)(base + 63 * 2048));

	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 5);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_len(&p), 60);
	KUNIT_EXPECT_EQ(test, tp4f_get_data_offset(&p), 100);
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_frame(&p),
			    (void *)(base + 5 * 2048));
	KUNIT_EXPECT_PTR_EQ(test, tp4f_get_data(&p),
			    (void *)(base + 5 * 2048 + 100));
}

/* Bytes are counted in more bits than frames. */
static void tp4_frame_set_get_large(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 4, 4, 0);
	u8 *base = t->umem.addr;
	struct tp4_frame_set p;
	size_t pos;

	if (BITS_PER_LONG == 64) {
		t->arr->frame_nr = 1U << 31;
		t->arr->frame_shift = 12;
	} else {
		t->arr->frame_nr = 1U << 19;
	}
	pos = (size_t)(t->arr->frame_nr - 1) << t->arr->frame_shift;

	tp4_put(t, .idx = t->arr->frame_nr - 1, .len = 60, .offset = 1000);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, (u8 *)tp4f_get_frame(&p) - base, pos);
	KUNIT_EXPECT_EQ(test, (u8 *)tp4f_get_data(&p) - base, pos + 1000);
}

/* The error of one frame, of a packet, and of none else. */
static void tp4_frame_set_error(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	static const u8 want[] = {
		0, 0, ENOBUFS, U8_MAX, ENETDOWN, ENETDOWN, ENETDOWN, 0,
	};
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 10, 1);
	tp4_test_put_packet(t, 11, 3);
	tp4_test_put_packet(t, 14, 3);
	tp4_test_put_packet(t, 17, 1);
	tp4a_populate(t->arr);

	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&p));
	tp4f_set_error(&p, ENOBUFS);
	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&p));
	tp4f_set_error(&p, U8_MAX);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&p));
	tp4f_set_packet_error(&p, ENETDOWN);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 15);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 8);

	for (i = 0; i < 8; i++) {
		if (i >= 1 && i < 4)
			d = tp4_test_frame(11, 3, i - 1);
		else if (i >= 4 && i < 7)
			d = tp4_test_frame(14, 3, i - 4);
		else
			d = tp4_test_frame(10 + i, 1, 0);
		d.error = want[i];
		tp4_test_expect_desc(t, __LINE__, &d);
	}
}

/* Receiving: single frames become packets of 1 to 3 frames. */
static void tp4_frame_set_describe(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX, 8, 8, first);
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < 8; i++)
		tp4_put(t, .idx = 20 + i, .len = 9, .offset = 9, .error = 9,
			.flags = TP4_PKT_CONT | TP4_PKT_KEEP);
	tp4a_populate(t->arr);
	for (i = 0; i < 7; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 20 + i);
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_len(&p), 0);
		KUNIT_EXPECT_EQ(test, tp4f_get_data_offset(&p), 0);
		/* What it overwrites. */
		tp4f_set_error(&p, EIO);
		tp4f_set_frame(&p, U32_MAX, U16_MAX, false);
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_len(&p), U32_MAX);
		KUNIT_EXPECT_EQ(test, tp4f_get_data_offset(&p), U16_MAX);
		tp4f_set_frame(&p, 1000 + i, 100 + i,
			       i == 0 || i == 2 || i == 5);
	}

	/* The packet from frame 6 on is not complete. */
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 6);
	for (i = 0; i < 6; i++)
		tp4_expect_back(t, .idx = 20 + i, .len = 1000 + i,
				.offset = 100 + i,
				.flags = i == 0 || i == 2 || i == 5 ?
					 0 : TP4_PKT_CONT);
	tp4_expect_idle(t);

	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	tp4f_set_frame(&p, 1007, 107, true);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	tp4_expect_back(t, .idx = 26, .len = 1006, .offset = 106,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(t, .idx = 27, .len = 1007, .offset = 107);
	tp4_expect_idle(t);
}

static struct kunit_case tp4_frame_set_cases[] = {
	KUNIT_CASE_PARAM(tp4_frame_set_walk, tp4_start_gen_params),
	KUNIT_CASE(tp4_frame_set_get),
	KUNIT_CASE(tp4_frame_set_get_large),
	KUNIT_CASE_PARAM(tp4_frame_set_error, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_frame_set_describe, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_frame_set_suite = {
	.name = "tp4_frame_set",
	.test_cases = tp4_frame_set_cases,
};

kunit_test_suites(&tp4_array_suite, &tp4_frame_set_suite);

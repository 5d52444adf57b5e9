// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of the array that copy mode receives into
 *
 * It is entered by many CPUs: frames are reserved in order, and released in
 * whatever order the copies are finished.
 */

#include "tp4_test.h"

KUNIT_ARRAY_PARAM_DESC(tp4_start, tp4_test_starts, name);

static struct tp4_test *tp4_rx_new(struct kunit *test, u32 nr)
{
	const struct tp4_test_start *start = test->param_value;

	return tp4_test_new(test, TP4_TEST_RX_COPY, nr, nr,
			    start ? start->first : 0);
}

static void tp4_rx_put(struct tp4_test *t, u32 idx, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		tp4_put(t, .idx = idx + i);
}

/* As tp4_rcv() does it; length and offset tell the frames apart. */
static void tp4_rx_fill(struct tp4_frame_set *p, u32 mark)
{
	u32 i = 0;

	do {
		tp4f_set_frame(p, mark + i, mark + 100 + i,
			       tp4f_is_last_frame(p));
		i++;
	} while (tp4f_next_frame(p));
}

/* The next packet that user space finds has frames @idx and on. */
static void tp4_rx_expect(struct tp4_test *t, u32 idx, u32 n, u32 mark)
{
	u32 i;

	for (i = 0; i < n; i++)
		tp4_expect_back(t, .idx = idx + i, .len = mark + i,
				.offset = mark + 100 + i,
				.flags = i + 1 < n ? TP4_PKT_CONT : 0);
}

static void tp4_rx_empty(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p;
	u32 n;

	for (n = 1; n < 10; n++)
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, n, &p));
	tp4_expect_idle(t);
}

/* Packets of 1 to 8 frames, until all have gone round several times. */
static void tp4_rx_packets(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p;
	u32 i, n, round;

	for (round = 0; round < 64; round++) {
		n = round % 8 + 1;
		tp4_rx_put(t, round % 32, n);
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, n, &p));
		KUNIT_EXPECT_PTR_EQ(test, p.pkt_arr, t->arr);
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), n);
		for (i = 0; i < n; i++) {
			KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p),
					round % 32 + i);
			KUNIT_EXPECT_EQ(test, tp4f_next_frame(&p), i + 1 < n);
		}
		tp4f_first_frame(&p);
		tp4_expect_idle(t);
		tp4_rx_fill(&p, round);
		tp4_expect_idle(t);
		tp4a_release(&p);
		tp4_rx_expect(t, round % 32, n, round);
		tp4_expect_idle(t);
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* All frames of a packet or none; those that did not suffice stay. */
static void tp4_rx_all_or_none(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p, p2;
	u32 given, n;

	for (given = 0; given < 8; given++) {
		tp4_rx_put(t, 10, given);
		for (n = given + 1; n < 12; n++)
			KUNIT_EXPECT_FALSE_MSG(test,
					       tp4a_reserve(t->arr, n, &p),
					       "%u of %u", n, given);
		tp4_expect_idle(t);
		if (!given)
			continue;
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, given, &p));
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 10);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &p2));
		tp4_rx_fill(&p, given);
		tp4a_release(&p);
		tp4_rx_expect(t, 10, given, given);
	}

	/* One is missing, and then it comes. */
	tp4_rx_put(t, 20, 3);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 4, &p));
	tp4_rx_put(t, 23, 1);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 4, &p));
	tp4_rx_fill(&p, 7);
	tp4a_release(&p);
	tp4_rx_expect(t, 20, 4, 7);
}

/* All slots are with packets and look as if they were there to be taken. */
static void tp4_rx_not_twice(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p[8], more;
	u32 i;

	tp4_rx_put(t, 10, 8);
	for (i = 0; i < 8; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p[i]));
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p[i]), 10 + i);
	}
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_FALSE(test, tp4q_user_owns(&t->q, i));
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	}

	/* Released, but user space has not given it again. */
	tp4_rx_fill(&p[0], 0);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	tp4a_release(&p[0]);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	tp4_rx_expect(t, 10, 1, 0);

	/* Given again: this one and no other. */
	tp4_rx_put(t, 30, 1);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &more));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&more), 30);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &p[0]));
}

/* The copies of three packets are finished in each order. */
static void tp4_rx_release_order(struct kunit *test)
{
	static const u32 orders[][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
		{ 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	static const u32 pos[] = { 0, 1, 4, 6 };
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p[3];
	u32 i, k, o, seen;
	bool done[3];

	for (o = 0; o < ARRAY_SIZE(orders); o++) {
		tp4_rx_put(t, 10, 6);
		for (k = 0; k < 3; k++) {
			KUNIT_ASSERT_TRUE(test,
					  tp4a_reserve(t->arr,
						       pos[k + 1] - pos[k],
						       &p[k]));
			tp4_rx_fill(&p[k], 20 * k);
			done[k] = false;
		}
		seen = 0;
		for (i = 0; i < 3; i++) {
			k = orders[o][i];
			tp4a_release(&p[k]);
			done[k] = true;
			/* User space sees what has no gap before it. */
			for (; seen < 3 && done[seen]; seen++)
				tp4_rx_expect(t, 10 + pos[seen],
					      pos[seen + 1] - pos[seen],
					      20 * seen);
			tp4_expect_idle(t);
		}
		KUNIT_EXPECT_EQ(test, seen, 3);
	}
}

/* A program that does not wait for its turn: gives a slot again whose older
 * neighbours are still with packets. It gets what it asked for later, and the
 * packets are not touched.
 */
static void tp4_rx_given_out_of_order(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 4);
	u32 first = t->prod;
	union tp4_slot *s = &t->q.ring[(first + 2) & 3];
	struct tp4_frame_set p[4], more;
	u32 i;

	tp4_rx_put(t, 10, 4);
	for (i = 0; i < 4; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p[i]));
		tp4_rx_fill(&p[i], i);
	}
	tp4a_release(&p[2]);
	s->desc = (struct tpacket4_desc) {
		.idx = 33,
		.flags = TP4_DESC_KERNEL,
	};
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));

	tp4a_release(&p[0]);
	tp4a_release(&p[1]);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	tp4_rx_expect(t, 10, 1, 0);
	tp4_rx_expect(t, 11, 1, 1);
	tp4_rx_put(t, 20, 2);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 3, &more));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&more), 20);
	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&more));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&more), 21);
	KUNIT_ASSERT_TRUE(test, tp4f_next_frame(&more));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&more), 33);

	/* Only slot 3 is still with the packet that it was with. */
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	tp4a_release(&p[3]);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	KUNIT_EXPECT_TRUE(test, tp4q_user_owns(&t->q, first + 3));
	KUNIT_EXPECT_FALSE(test, tp4q_user_owns(&t->q, first + 2));
}

/* A frame is read when a packet needs it, and not before. What was read cannot
 * change any more, even if there were too few.
 */
static void tp4_rx_read_once(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	u32 i, slot, first = t->prod;
	struct tp4_frame_set p;
	u64 idx;

	tp4_rx_put(t, 0, 3);
	KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 4, &p));
	for (i = 0; i < 3; i++)
		t->q.ring[(first + i) & 7].idx = U64_MAX;
	KUNIT_EXPECT_FALSE(test, tp4a_reserve_one(t->arr, &slot, &idx));
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p));
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), i);
		tp4_rx_fill(&p, i);
		tp4a_release(&p);
		tp4_rx_expect(t, i, 1, i);
	}

	tp4_rx_put(t, 3, 3);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 3);
	KUNIT_EXPECT_EQ(test, t->arr->end - first, 4);
	t->q.ring[(first + 4) & 7].idx = 10;
	KUNIT_ASSERT_TRUE(test, tp4a_reserve_one(t->arr, &slot, &idx));
	KUNIT_EXPECT_EQ(test, idx, 10);
	KUNIT_EXPECT_EQ(test, slot, first + 4);
	KUNIT_EXPECT_EQ(test, t->arr->end - first, 5);
	t->q.ring[(first + 5) & 7].idx = U64_MAX;
	KUNIT_EXPECT_FALSE(test, tp4a_reserve_one(t->arr, &slot, &idx));
	KUNIT_EXPECT_EQ(test, t->arr->end - first, 5);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* User space writes to slots that are with packets. */
static void tp4_rx_scribble(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p, more;
	u32 i;

	tp4_rx_put(t, 10, 8);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 8, &p));
	for (i = 0; i < 8; i++) {
		memset(t->q.ring, i & 1 ? 0x00 : 0xff, 8 * sizeof(*t->q.ring));
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
	}
	tp4_rx_fill(&p, 5);
	tp4a_release(&p);
	tp4_rx_expect(t, 10, 8, 5);
}

/* Without a good frame before it, a bad one is answered where it is. */
static void tp4_rx_bad_only(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < 20; i++) {
		tp4_put(t, .idx = 1000 + i, .len = 60, .flags = TP4_PKT_CONT);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &p));
		KUNIT_EXPECT_EQ(test, t->q.stats.invalid, i + 1);
		tp4_expect_back(t, .idx = 1000 + i, .error = EBADF);
		tp4_expect_idle(t);
	}
	tp4_rx_put(t, 10, 1);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 10);
}

/* One bad frame at each place among good ones, with a packet of each size: the
 * bad one comes back once, each good one is there once, and a packet's frames
 * are in a row.
 */
static void tp4_rx_bad_amid(struct kunit *test)
{
	u32 bad, i, n, got, back, left, want_more;
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set p;
	struct tpacket4_desc d;
	u8 seen[8];

	for (n = 1; n <= 7; n++) {
		for (bad = 0; bad < 8; bad++) {
			memset(seen, 0, sizeof(seen));
			for (i = 0; i < 8; i++)
				tp4_put(t, .idx = i == bad ? 1000 : i);

			left = 7;
			while (left >= n) {
				KUNIT_ASSERT_TRUE(test,
						  tp4a_reserve(t->arr, n, &p));
				tp4_rx_fill(&p, 0);
				tp4a_release(&p);
				left -= n;
			}
			KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, n, &p));
			if (left) {
				KUNIT_ASSERT_TRUE(test,
						  tp4a_reserve(t->arr, left,
							       &p));
				tp4_rx_fill(&p, 0);
				tp4a_release(&p);
			}

			got = 0;
			back = 0;
			want_more = 0;
			while (tp4_test_get(t, &d)) {
				back++;
				if (d.error) {
					KUNIT_EXPECT_EQ(test, d.error, EBADF);
					KUNIT_EXPECT_EQ(test, d.idx, 1000);
					KUNIT_EXPECT_EQ(test, d.len, 0);
					KUNIT_EXPECT_EQ(test, d.flags, 0);
					KUNIT_EXPECT_EQ(test, want_more, 0);
					continue;
				}
				KUNIT_ASSERT_LT(test, d.idx, 8);
				seen[d.idx]++;
				got++;
				want_more = d.flags & TP4_PKT_CONT;
			}
			KUNIT_EXPECT_EQ_MSG(test, back, 8,
					    "bad at %u, packets of %u", bad,
					    n);
			KUNIT_EXPECT_EQ(test, got, 7);
			for (i = 0; i < 8; i++)
				KUNIT_EXPECT_EQ_MSG(test, seen[i], i != bad,
						    "frame %u, bad %u", i,
						    bad);
		}
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 7 * 8);
}

/* The answer passes neither a packet that is being copied nor its frames. */
static void tp4_rx_bad_behind_held(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 8);
	struct tp4_frame_set held, p;

	tp4_rx_put(t, 10, 2);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 2, &held));
	tp4_put(t, .idx = 1000);
	tp4_put(t, .idx = 12);
	tp4_put(t, .idx = 1001);
	tp4_put(t, .idx = 13);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 2, &p));
	tp4_expect_idle(t);
	tp4_rx_fill(&p, 50);
	tp4a_release(&p);
	tp4_expect_idle(t);
	tp4_rx_fill(&held, 20);
	tp4a_release(&held);
	tp4_rx_expect(t, 10, 2, 20);
	tp4_expect_back(t, .idx = 1000, .error = EBADF);
	tp4_expect_back(t, .idx = 1001, .error = EBADF);
	tp4_rx_expect(t, 12, 2, 50);
	tp4_expect_idle(t);
}

/* What a ring full of bad descriptors costs one packet is limited; all of them
 * are answered in the end, and then it works.
 */
static void tp4_rx_bad_limit(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 1024);
	u32 i, calls, limit = 0, now;
	struct tp4_frame_set p;
	u64 before;

	for (i = 0; i < 1024; i++)
		tp4_put(t, .idx = 1000 + i);
	for (calls = 0; t->q.stats.invalid < 1024 && calls < 1024; calls++) {
		before = t->q.stats.invalid;
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &p));
		now = t->q.stats.invalid - before;
		KUNIT_ASSERT_GT(test, now, 0);
		if (!limit)
			limit = now;
		KUNIT_EXPECT_LE(test, now, limit);
	}
	KUNIT_EXPECT_LE(test, limit, 128);
	for (i = 0; i < 1024; i++)
		tp4_expect_back(t, .idx = 1000 + i, .error = EBADF);
	tp4_expect_idle(t);

	/* A good one behind as many as one packet puts up with. */
	for (i = 0; i < limit; i++)
		tp4_put(t, .idx = 1000 + i);
	tp4_rx_put(t, 10, 1);
	KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 10);
	for (i = 0; i < limit; i++)
		tp4_expect_back(t, .idx = 1000 + i, .error = EBADF);
	tp4_expect_idle(t);
}

/* A ring of one slot. */
static void tp4_rx_of_one(struct kunit *test)
{
	struct tp4_test *t = tp4_rx_new(test, 1);
	struct tp4_frame_set p, more;
	u32 i;

	for (i = 0; i < 10; i++) {
		tp4_rx_put(t, i, 1);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 2, &more));
		KUNIT_ASSERT_TRUE(test, tp4a_reserve(t->arr, 1, &p));
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
		tp4_rx_fill(&p, i);
		tp4a_release(&p);
		tp4_rx_expect(t, i, 1, i);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));

		tp4_put(t, .idx = U64_MAX - i);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &more));
		tp4_expect_back(t, .idx = U64_MAX - i, .error = EBADF);
	}
}

static struct kunit_case tp4_rx_array_cases[] = {
	KUNIT_CASE_PARAM(tp4_rx_empty, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_packets, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_all_or_none, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_not_twice, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_release_order, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_given_out_of_order, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_read_once, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_scribble, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_bad_only, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_bad_amid, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_bad_behind_held, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_bad_limit, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_rx_of_one, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_rx_array_suite = {
	.name = "tp4_rx_array",
	.test_cases = tp4_rx_array_cases,
};

kunit_test_suite(tp4_rx_array_suite);

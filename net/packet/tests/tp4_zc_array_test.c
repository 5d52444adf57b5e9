// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of arrays that come and go
 *
 * A ring changes hands between copy mode and drivers: what an array holds then
 * is on the ring again as if it had never been taken, or goes back to user
 * space with an error. And what the ring tells of its state meanwhile.
 */

#include "tp4_test.h"

KUNIT_ARRAY_PARAM_DESC(tp4_start, tp4_test_starts, name);

static u32 tp4_first(struct kunit *test)
{
	const struct tp4_test_start *start = test->param_value;

	return start->first;
}

/* Packets of 1 to 3 frames, each with an error or without, in all combinations
 * of three.
 */
static void tp4_zc_give_counts(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 16, 0, 0);
	struct tpacket4_desc items[16] = {};
	u32 k, packet, n, i, choice;
	struct tp4_given given;
	u32 failed;
	u64 bytes;

	for (k = 0; k < 6 * 6 * 6; k++) {
		choice = k;
		failed = 0;
		bytes = 0;
		i = 0;
		for (packet = 0; packet < 3; packet++) {
			bool error = choice % 2;

			for (n = choice / 2 % 3; n != U32_MAX; n--, i++) {
				items[i] = (struct tpacket4_desc) {
					.len = 1 << (2 * i),
					.error = error ? EIO : 0,
					.flags = TP4_PKT_KEEP |
						 (n ? TP4_PKT_CONT : 0),
				};
				if (!error)
					bytes += items[i].len;
			}
			failed += error;
			choice /= 6;
		}

		given = tp4q_give(&t->q, k, items, 15, 0, i);
		KUNIT_EXPECT_EQ_MSG(test, given.packets, 3, "case %u", k);
		KUNIT_EXPECT_EQ_MSG(test, given.failed, failed, "case %u", k);
		KUNIT_EXPECT_EQ_MSG(test, given.bytes, bytes, "case %u", k);
	}

	/* The sum has more than 32 bits. */
	for (i = 0; i < 16; i++)
		items[i] = (struct tpacket4_desc) { .len = U32_MAX };
	given = tp4q_give(&t->q, 0, items, 15, 0, 16);
	KUNIT_EXPECT_EQ(test, given.packets, 16);
	KUNIT_EXPECT_EQ(test, given.failed, 0);
	KUNIT_EXPECT_EQ(test, given.bytes, 16ULL * U32_MAX);
}

/* What tp4a_flush() gives is counted, what it does not give is not. */
static void tp4_zc_flush_counts(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 16, 16, 0);
	struct tp4_frame_set p;
	u32 i;

	tp4_test_put_packet(t, 0, 3);
	tp4_test_put_packet(t, 10, 2);
	tp4_test_put_packet(t, 20, 1);
	tp4_put(t, .idx = 1000, .len = 60);
	tp4a_populate(t->arr);
	for (i = 0; i < 3; i++) {
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		if (i == 1)
			tp4f_set_packet_error(&p, ENOBUFS);
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.packets, 0);
	tp4a_put_back(t->arr, &p);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 5);
	KUNIT_EXPECT_EQ(test, t->q.stats.packets, 2);
	KUNIT_EXPECT_EQ(test, t->q.stats.failed, 1);
	KUNIT_EXPECT_EQ(test, t->q.stats.bytes, 100 + 101 + 102);

	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
	KUNIT_EXPECT_EQ(test, t->q.stats.packets, 3);
	KUNIT_EXPECT_EQ(test, t->q.stats.failed, 1);
	KUNIT_EXPECT_EQ(test, t->q.stats.bytes, 100 + 101 + 102 + 100);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 1);
}

/* User space scribbles over the slots that are held. */
static void tp4_zc_restore(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, first);
	struct tpacket4_desc d[5], again;
	u32 i;

	for (i = 0; i < 5; i++)
		tp4_put(t, .idx = U64_MAX - i, .len = U32_MAX - i,
			.offset = U16_MAX - i, .error = 200 + i,
			.flags = 0x7f - i);
	for (i = 0; i < 5; i++) {
		KUNIT_ASSERT_TRUE(test, tp4q_take(&t->q, &d[i]));
		d[i].flags &= ~TP4_DESC_KERNEL;
	}
	memset(t->q.ring, 0, 8 * sizeof(*t->q.ring));

	for (i = 1; i < 5; i++)
		tp4q_restore(&t->q, first + i, &d[i]);
	t->q.head = first + 1;
	for (i = 1; i < 5; i++) {
		KUNIT_ASSERT_TRUE(test, tp4q_take(&t->q, &again));
		d[i].flags |= TP4_DESC_KERNEL;
		KUNIT_EXPECT_MEMEQ(test, &again, &d[i], sizeof(again));
	}
	KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &again));

	/* None but those. */
	memset(&again, 0, sizeof(again));
	for (i = 5; i <= 8; i++)
		KUNIT_EXPECT_MEMEQ(test, &t->q.ring[(first + i) & 7].desc,
				   &again, sizeof(again));
}

static void tp4_zc_idle(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 4, 4, first);
	struct tp4_queue *q = &t->q;
	u32 i;

	KUNIT_EXPECT_TRUE(test, tp4q_idle(q));
	tp4a_populate(t->arr);
	KUNIT_EXPECT_TRUE(test, tp4q_idle(q));
	for (i = 0; i < 10; i++) {
		/* Queued, taken, taken out of the array, sent, seen. */
		tp4_test_put_packet(t, i, i % 4 + 1);
		KUNIT_EXPECT_FALSE_MSG(test, tp4q_idle(q), "%u", i);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_FALSE_MSG(test, tp4q_idle(q), "%u", i);
		tp4_expect_packet(t, i, i % 4 + 1);
		KUNIT_EXPECT_FALSE_MSG(test, tp4q_idle(q), "%u", i);
		tp4_flush(t->arr);
		KUNIT_EXPECT_TRUE_MSG(test, tp4q_idle(q), "%u", i);
		t->cons = t->prod;
	}

	/* The kernel cannot do a thing about a packet that has no end. */
	for (i = 0; i < 3; i++) {
		tp4_put(t, .idx = i, .len = 60, .flags = TP4_PKT_CONT);
		KUNIT_EXPECT_FALSE_MSG(test, tp4q_idle(q), "%u", i);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_TRUE_MSG(test, tp4q_idle(q), "%u", i);
		KUNIT_EXPECT_EQ(test, q->partial, i + 1);
	}
	tp4_put(t, .idx = 3, .len = 60);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(q));
	tp4a_populate(t->arr);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(q));
	KUNIT_EXPECT_EQ(test, q->partial, 0);
	t->arr->curr = t->arr->end;
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 4);
	KUNIT_EXPECT_TRUE(test, tp4q_idle(q));
	t->cons = t->prod;

	/* A whole packet and such a one. */
	tp4_test_put_packet(t, 10, 2);
	tp4_put(t, .idx = 20, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, q->partial, 1);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(q));
	tp4_expect_packet(t, 10, 2);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(q));
	tp4_flush(t->arr);
	KUNIT_EXPECT_TRUE(test, tp4q_idle(q));
	KUNIT_EXPECT_EQ(test, q->partial, 1);

	/* A bad one ends it. */
	tp4_put(t, .idx = 1000, .len = 60, .flags = TP4_PKT_CONT);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(q));
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, q->partial, 0);
	KUNIT_EXPECT_TRUE(test, tp4q_idle(q));
}

static struct kunit_case tp4_zc_queue_cases[] = {
	KUNIT_CASE(tp4_zc_give_counts),
	KUNIT_CASE(tp4_zc_flush_counts),
	KUNIT_CASE_PARAM(tp4_zc_restore, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_idle, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_zc_queue_suite = {
	.name = "tp4_zc_queue",
	.test_cases = tp4_zc_queue_cases,
};

/* What tp4a_free() tells, as a driver or the core has it. */
static const struct {
	u8 cancel_error;
	u8 error;
} tp4_zc_reasons[] = {
	{ 0, ECANCELED },
	{ ECANCELED, ECANCELED },
	{ ENETDOWN, ENETDOWN },
};

/* Empty frames: waiting, taken, and with a packet that was not flushed, whole
 * or not. Whatever there was in them, they are empty.
 */
static void tp4_zc_free_rx(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_frame_set p;
	struct tp4_test *t;
	u32 i, k;

	for (k = 0; k < ARRAY_SIZE(tp4_zc_reasons); k++) {
		t = tp4_test_new(test, TP4_TEST_RX, 16, 8, first);
		t->q.cancel_error = tp4_zc_reasons[k].cancel_error;
		for (i = 0; i < 12; i++)
			tp4_put(t, .idx = 20 + i, .len = 7, .offset = 7,
				.flags = TP4_PKT_CONT | TP4_PKT_KEEP);
		tp4a_populate(t->arr);
		for (i = 0; i < 4; i++) {
			KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
			tp4f_set_frame(&p, 100 + i, 50 + i, i != 3);
			if (i == 0)
				KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
			if (i == 1)
				tp4f_set_error(&p, EIO);
		}
		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		tp4_expect_back(t, .idx = 20, .len = 100, .offset = 50);
		tp4_expect_idle(t);

		tp4_test_end_array(t, tp4a_free);
		for (i = 1; i < 8; i++)
			tp4_expect_back(t, .idx = 20 + i,
					.error = tp4_zc_reasons[k].error);
		tp4_expect_idle(t);
		KUNIT_EXPECT_EQ(test, t->q.head, first + 8);
		KUNIT_EXPECT_EQ(test, t->q.tail, first + 8);
		KUNIT_EXPECT_EQ(test, t->q.gather_error, 0);

		/* What was not taken is there for another array. */
		tp4_test_add_array(t, TP4_TEST_RX, 4);
		tp4a_populate(t->arr);
		for (i = 8; i < 12; i++) {
			KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
			KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 20 + i);
		}
		KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
	}
}

/* Packets that wait, that were taken out of the array, that have an error of
 * their own, and one whose end is missing: its rest comes back, too.
 */
static void tp4_zc_free_tx(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_frame_set p;
	struct tp4_test *t;
	u32 i, k;
	u8 error;

	for (k = 0; k < ARRAY_SIZE(tp4_zc_reasons); k++) {
		t = tp4_test_new(test, TP4_TEST_TX, 16, 8, first);
		t->q.cancel_error = tp4_zc_reasons[k].cancel_error;
		error = tp4_zc_reasons[k].error;
		for (i = 0; i < 11; i++)
			tp4_put(t, .idx = i, .len = 60 + i, .offset = 7 * i,
				.flags = i == 0 || i == 2 || i == 5 || i == 9 ?
					 TP4_PKT_KEEP : TP4_PKT_CONT);
		tp4a_populate(t->arr);
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		tp4f_set_packet_error(&p, ENOBUFS);
		KUNIT_EXPECT_EQ(test, t->q.partial, 2);
		tp4_expect_idle(t);

		tp4_test_end_array(t, tp4a_free);
		for (i = 0; i < 8; i++)
			tp4_expect_back(t, .idx = i, .len = 60 + i,
					.offset = 7 * i, .error = error,
					.flags = i == 0 || i == 2 || i == 5 ?
						 TP4_PKT_KEEP : TP4_PKT_CONT);
		tp4_expect_idle(t);
		KUNIT_EXPECT_EQ(test, t->q.head, first + 8);
		KUNIT_EXPECT_EQ(test, t->q.tail, first + 8);
		KUNIT_EXPECT_EQ(test, t->q.partial, 0);

		tp4_test_add_array(t, TP4_TEST_TX, 8);
		tp4a_populate(t->arr);
		tp4_expect_back(t, .idx = 8, .len = 68, .offset = 56,
				.error = error, .flags = TP4_PKT_CONT);
		tp4_expect_back(t, .idx = 9, .len = 69, .offset = 63,
				.error = error, .flags = TP4_PKT_KEEP);
		tp4_expect_idle(t);
		KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_EQ(test, t->q.partial, 1);
		tp4_put(t, .idx = 11, .len = 60);
		tp4a_populate(t->arr);
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 2);
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 10);
		KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
		KUNIT_EXPECT_EQ(test, t->q.stats.too_long, 0);
	}
}

/* Nothing held: nothing comes back, and what is on the ring stays. */
static void tp4_zc_free_empty(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);

	tp4_test_end_array(t, tp4a_free);
	tp4_expect_idle(t);

	tp4_test_add_array(t, TP4_TEST_TX, 8);
	tp4_test_put_packet(t, 0, 2);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 0, 2);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	t->cons += 2;
	tp4_test_put_packet(t, 10, 3);
	tp4_test_end_array(t, tp4a_free);
	tp4_expect_idle(t);
	KUNIT_EXPECT_EQ(test, t->q.head, first + 2);
	KUNIT_EXPECT_EQ(test, t->q.tail, first + 2);

	tp4_test_add_array(t, TP4_TEST_TX, 8);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 3);
}

/* The ring keeps what the array held; nobody is there to look at it. */
static void tp4_zc_destroy(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	size_t size = 8 * sizeof(*t->q.ring);
	struct tp4_queue before;
	void *ring;

	tp4_test_put_packet(t, 10, 1);
	tp4_test_put_packet(t, 20, 2);
	tp4_test_put_packet(t, 30, 2);
	tp4_put(t, .idx = 40, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 1);
	ring = kunit_kmalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring);
	memcpy(ring, t->q.ring, size);
	before = t->q;

	tp4_test_end_array(t, tp4a_destroy);
	KUNIT_EXPECT_MEMEQ(test, t->q.ring, ring, size);
	KUNIT_EXPECT_MEMEQ(test, &t->q, &before, sizeof(before));
	tp4_expect_idle(t);

	tp4a_destroy(NULL);
}

enum tp4_zc_change {
	TP4_CHANGE_FREE,
	TP4_CHANGE_DESTROY,
	TP4_CHANGE_REWIND,
	TP4_CHANGES,
};

/* Another array, of another size, on a ring that the kernel holds nothing of
 * but, maybe, a packet whose end is missing.
 */
static void tp4_zc_change(struct tp4_test *t, enum tp4_zc_change how, u32 elems)
{
	if (how == TP4_CHANGE_REWIND)
		tp4a_rewind(t->arr, false);
	tp4_test_end_array(t, how == TP4_CHANGE_FREE ? tp4a_free :
						       tp4a_destroy);
	tp4_test_add_array(t, TP4_TEST_TX, elems);
}

/* A packet was found to be bad before the array goes: all the rest of it comes
 * back, too, with the error that it would have had.
 */
static void tp4_zc_rest_of_bad(struct kunit *test)
{
	enum tp4_zc_change how;
	struct tp4_test *t;
	u32 i, n;

	for (how = 0; how < TP4_CHANGES; how++) {
		t = tp4_test_new(test, TP4_TEST_TX, 16, 8, tp4_first(test));
		t->q.cancel_error = ENETDOWN;
		for (n = 0; n < 5; n++) {
			tp4_put(t, .idx = 1, .len = 60, .flags = TP4_PKT_CONT);
			tp4_put(t, .idx = 99, .len = 60, .flags = TP4_PKT_CONT);
			tp4a_populate(t->arr);
			tp4_expect_back(t, .idx = 1, .len = 60,
					.error = ECANCELED,
					.flags = TP4_PKT_CONT);
			tp4_expect_back(t, .idx = 99, .len = 60, .error = EBADF,
					.flags = TP4_PKT_CONT);

			tp4_zc_change(t, how, 4);
			tp4_zc_change(t, how, 8);
			for (i = 0; i < n; i++) {
				tp4_put(t, .idx = 2 + i, .len = 60,
					.flags = TP4_PKT_CONT);
				tp4a_populate(t->arr);
				tp4_expect_back(t, .idx = 2 + i, .len = 60,
						.error = ECANCELED,
						.flags = TP4_PKT_CONT);
			}
			tp4_zc_change(t, how, 16);
			tp4_put(t, .idx = 10, .len = 60);
			tp4_test_put_packet(t, 20, 2);
			tp4a_populate(t->arr);
			tp4_expect_back(t, .idx = 10, .len = 60,
					.error = ECANCELED);
			tp4_expect_idle(t);
			tp4_expect_packet(t, 20, 2);
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
			t->cons = t->prod;
		}
		KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 5);
	}
}

/* The same for a packet of too many frames. It is counted once, though another
 * array could have taken it.
 */
static void tp4_zc_rest_of_long(struct kunit *test)
{
	enum tp4_zc_change how;
	struct tp4_test *t;
	u32 i;

	for (how = 0; how < TP4_CHANGES; how++) {
		t = tp4_test_new(test, TP4_TEST_TX, 16, 4, tp4_first(test));
		t->q.cancel_error = ENETDOWN;
		for (i = 0; i < 4; i++)
			tp4_put(t, .idx = i, .len = 60, .flags = TP4_PKT_CONT);
		tp4a_populate(t->arr);
		tp4_zc_change(t, how, 16);
		for (i = 4; i < 8; i++)
			tp4_put(t, .idx = i, .len = 60, .flags = TP4_PKT_CONT);
		tp4a_populate(t->arr);
		tp4_zc_change(t, how, 8);
		tp4_put(t, .idx = 8, .len = 60);
		tp4_test_put_packet(t, 20, 4);
		tp4a_populate(t->arr);

		for (i = 0; i < 9; i++)
			tp4_expect_back(t, .idx = i, .len = 60,
					.error = EMSGSIZE,
					.flags = i < 8 ? TP4_PKT_CONT : 0);
		tp4_expect_idle(t);
		tp4_expect_packet(t, 20, 4);
		KUNIT_EXPECT_EQ(test, t->q.stats.too_long, 1);
		KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
	}
}

static void tp4_zc_expect_rewound(struct tp4_test *t,
				  const struct tp4_packet_array *a,
				  u32 slot, u32 at)
{
	struct kunit *test = t->test;

	KUNIT_EXPECT_EQ(test, t->q.head, slot);
	KUNIT_EXPECT_EQ(test, t->q.tail, slot);
	KUNIT_EXPECT_EQ(test, t->q.partial, 0);
	KUNIT_EXPECT_EQ(test, a->start, at);
	KUNIT_EXPECT_EQ(test, a->curr, at);
	KUNIT_EXPECT_EQ(test, a->end, at);
	KUNIT_EXPECT_EQ(test, a->gathered, at);
}

/* The ring is as user space has left it, whatever was taken: into a small array
 * or a large one, out of it, of a packet without an end; and whatever has been
 * written to slots that are the kernel's. The same array or another finds it
 * all.
 */
static void tp4_zc_rewind_tx(struct kunit *test)
{
	u32 first = tp4_first(test);
	size_t size = 8 * sizeof(union tp4_slot);
	struct tp4_frame_set p;
	struct tp4_test *t;
	u32 k, elems, i;
	void *ring;

	ring = kunit_kmalloc(test, size, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, ring);
	for (k = 0; k < 4 * 4 * 2 * 2; k++) {
		elems = 2 << (k % 4);
		t = tp4_test_new(test, TP4_TEST_TX, 8, elems, first);
		/* The oldest slot held is another than the first. */
		tp4_test_put_packet(t, 0, 1);
		tp4a_populate(t->arr);
		tp4_expect_packet(t, 0, 1);
		tp4_flush(t->arr);
		t->cons++;

		tp4_test_put_packet(t, 10, 1);
		tp4_test_put_packet(t, 20, 2);
		tp4_test_put_packet(t, 30, 2);
		for (i = 40; i < 42; i++)
			tp4_put(t, .idx = i, .len = 60,
				.flags = TP4_PKT_CONT | TP4_PKT_KEEP);
		memcpy(ring, t->q.ring, size);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_EQ(test, t->q.head - first, 1 + min(elems, 7));
		for (i = 0; i < k / 4 % 4; i++)
			tp4a_next_packet(t->arr, &p);
		for (i = t->q.tail; k / 32 && i != t->q.head; i++)
			t->q.ring[i & 7].desc = (struct tpacket4_desc) {};

		tp4a_rewind(t->arr, false);
		KUNIT_EXPECT_MEMEQ(test, t->q.ring, ring, size);
		tp4_zc_expect_rewound(t, t->arr, first + 1, 0);
		tp4_expect_idle(t);

		if (k / 16 % 2) {
			tp4_test_end_array(t, tp4a_destroy);
			tp4_test_add_array(t, TP4_TEST_TX, elems);
		}
		for (i = 0; i < 3; i++) {
			tp4a_populate(t->arr);
			tp4_expect_packet(t, 10 + 10 * i, i ? 2 : 1);
			tp4_flush(t->arr);
		}
		t->cons += 5;
		tp4_put(t, .idx = 42, .len = 60);
		tp4a_populate(t->arr);
		if (elems < 3) {
			/* Now it is too long. */
			tp4_expect_back(t, .idx = 40, .len = 60,
					.error = EMSGSIZE,
					.flags = TP4_PKT_CONT | TP4_PKT_KEEP);
			continue;
		}
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 3);
		KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 40);
		KUNIT_EXPECT_EQ(test, tp4f_item(&p)->flags,
				TP4_PKT_CONT | TP4_PKT_KEEP);
	}
}

/* What was done to them in the array is forgotten. */
static void tp4_zc_rewind_described(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tpacket4_desc want = { .idx = 3, .len = 60, .offset = 9 };
	struct tp4_frame_set p;
	struct tp4_test *t;

	t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	tp4_put(t, .idx = 3, .len = 60, .offset = 9);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	tp4f_set_packet_error(&p, ENOBUFS);
	tp4a_rewind(t->arr, false);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &want, sizeof(want));

	t = tp4_test_new(test, TP4_TEST_RX, 8, 8, first);
	want = (struct tpacket4_desc) { .idx = 3 };
	tp4_put(t, .idx = 3, .len = 60, .offset = 9);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	tp4f_set_frame(&p, 100, 200, false);
	tp4a_rewind(t->arr, false);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &want, sizeof(want));
}

/* Answers went into the oldest slots, so what is held is not where it came
 * from; it goes into the slots that are held.
 */
static void tp4_zc_rewind_answered(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_frame_set p;

	tp4_test_put_packet(t, 10, 2);
	tp4_put(t, .idx = 1000, .len = 60);
	tp4_test_put_packet(t, 20, 1);
	tp4_put(t, .idx = 30, .len = 60, .flags = TP4_PKT_CONT);
	tp4_put(t, .idx = 31, .len = 0);
	tp4_put(t, .idx = 40, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_expect_back(t, .idx = 1000, .len = 60, .error = EBADF);
	tp4_expect_back(t, .idx = 30, .len = 60, .error = ECANCELED,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(t, .idx = 31, .error = EINVAL);
	tp4_expect_idle(t);

	tp4a_rewind(t->arr, false);
	tp4_zc_expect_rewound(t, t->arr, first + 3, 0);
	tp4_expect_idle(t);
	tp4_test_end_array(t, tp4a_destroy);
	tp4_test_add_array(t, TP4_TEST_TX, 4);
	tp4_put(t, .idx = 41, .len = 60);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 10, 2);
	tp4_expect_packet(t, 20, 1);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 3);
	tp4a_populate(t->arr);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 2);
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 40);
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 2);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 2);
}

static void tp4_zc_copy_packet(struct tp4_test *t, u32 n)
{
	struct tp4_frame_set p;

	KUNIT_ASSERT_TRUE(t->test, tp4a_reserve(t->arr, n, &p));
	do {
		tp4f_set_frame(&p, 60, 9, tp4f_is_last_frame(&p));
	} while (tp4f_next_frame(&p));
	tp4a_release(&p);
}

/* Copy mode has read ahead; a driver goes on behind the last packet, and copy
 * mode behind the driver's last one. Round and round.
 */
static void tp4_zc_rewind_copy(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX_COPY, 32, 32,
					  first);
	struct tp4_packet_array *copy = t->arr;
	struct tp4_frame_set p;
	u32 put = 0, got = 0;
	u32 round, i, n, want;

	for (round = 0; round < 100; round++) {
		while (t->prod - t->cons < 32)
			tp4_put(t, .idx = put++ % TP4_TEST_FRAME_NR);

		/* Up to all that there are. */
		n = round % 11;
		for (i = 0; i < n; i++)
			tp4_zc_copy_packet(t, i % 3 + 1);
		if (round % 5 == 4)
			while (tp4a_reserve(t->arr, 1, &p))
				tp4a_release(&p);
		tp4a_rewind(copy, true);
		want = t->q.tail;
		tp4_zc_expect_rewound(t, copy, want, want);
		while (t->cons != want) {
			struct tpacket4_desc d;

			KUNIT_ASSERT_TRUE(test, tp4_test_get(t, &d));
			KUNIT_ASSERT_EQ(test, d.idx,
					got++ % TP4_TEST_FRAME_NR);
			KUNIT_ASSERT_EQ(test, d.error, 0);
		}
		tp4_expect_idle(t);

		tp4_test_add_array(t, TP4_TEST_RX, 32);
		tp4a_populate(t->arr);
		n = round % 7;
		for (i = 0; i < n && tp4a_next_frame(t->arr, &p); i++)
			tp4f_set_frame(&p, 70, 9, true);
		n = i;
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n);
		tp4_test_end_array(t, tp4a_free);
		for (i = 0; t->cons != t->prod; i++) {
			tp4_expect_back(t, .idx = got++ % TP4_TEST_FRAME_NR,
					.len = i < n ? 70 : 0,
					.offset = i < n ? 9 : 0,
					.error = i < n ? 0 : ECANCELED);
		}

		t->arr = copy;
		tp4a_reset(copy, true);
		tp4_zc_expect_rewound(t, copy, t->prod, t->prod);
		KUNIT_EXPECT_FALSE(test, tp4a_reserve(t->arr, 1, &p));
	}
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
}

/* Marks what comes back; returns the number. */
static u32 tp4_zc_see(struct tp4_test *t, u32 bad, u32 *seen)
{
	struct kunit *test = t->test;
	struct tpacket4_desc d;
	u32 i, n = 0;

	while (tp4_test_get(t, &d)) {
		i = d.idx % 1000;
		KUNIT_ASSERT_LT(test, i, 8);
		KUNIT_EXPECT_EQ_MSG(test, d.idx, bad & BIT(i) ? 1000 + i : i,
				    "bad %x", bad);
		KUNIT_EXPECT_EQ_MSG(test, d.error, bad & BIT(i) ? EBADF : 0,
				    "bad %x", bad);
		KUNIT_EXPECT_FALSE_MSG(test, *seen & BIT(i),
				       "bad %x: %u came back twice", bad, i);
		*seen |= BIT(i);
		n++;
	}
	return n;
}

/* Any of eight descriptors are bad, and copy mode has answered those that it
 * has come across in slots of others; up to all the good ones are with packets.
 * Whatever copy mode leaves, a driver finds once; nothing is there in between.
 */
static void tp4_zc_rewind_copy_bad(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX_COPY, 8, 8, first);
	struct tp4_packet_array *copy = t->arr;
	u32 bad, good, used, seen, i, n;
	struct tp4_frame_set p;

	for (bad = 0; bad < 256; bad++) {
		good = 8 - hweight8(bad);
		for (used = 0; used <= good; used++) {
			for (i = 0; i < 8; i++)
				tp4_put(t, .idx = bad & BIT(i) ? 1000 + i : i);
			for (i = 0; i < used; i++)
				tp4_zc_copy_packet(t, 1);
			tp4a_rewind(copy, true);
			seen = 0;
			n = tp4_zc_see(t, bad, &seen);
			KUNIT_ASSERT_GE(test, n, used);
			tp4_zc_expect_rewound(t, copy, t->cons, t->cons);
			for (i = t->cons; i != t->prod; i++)
				KUNIT_EXPECT_FALSE(test,
						   tp4q_user_owns(&t->q, i));

			tp4_test_add_array(t, TP4_TEST_RX, 8);
			tp4a_populate(t->arr);
			for (i = used; i < good; i++) {
				KUNIT_ASSERT_TRUE(test,
						  tp4a_next_frame(t->arr, &p));
				tp4f_set_frame(&p, 60, 9, true);
			}
			KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), good - used);
			n += tp4_zc_see(t, bad, &seen);
			KUNIT_ASSERT_EQ(test, n, 8);
			tp4_test_end_array(t, tp4a_destroy);

			t->arr = copy;
			tp4a_reset(copy, true);
		}
	}
}

/* A driver that was there for a while: copy mode goes on, in each slot. */
static void tp4_zc_reset_copy(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX_COPY, 8, 8, first);
	struct tp4_packet_array *copy = t->arr;
	u32 i, n;

	for (n = 0; n < 17; n++) {
		for (i = 0; i < 8; i++)
			tp4_put(t, .idx = i);
		tp4_zc_copy_packet(t, 3);
		tp4a_rewind(copy, true);
		t->cons += 3;
		for (i = 0; i < 3; i++)
			tp4_put(t, .idx = 8 + i);

		tp4_test_add_array(t, TP4_TEST_RX, 1);
		for (i = 0; i < n % 8; i++) {
			tp4a_populate(t->arr);
			t->arr->curr = t->arr->end;
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
			tp4_expect_back(t, .idx = 3 + i);
		}
		tp4_test_end_array(t, tp4a_destroy);

		t->arr = copy;
		tp4a_reset(copy, true);
		for (i = n % 8; i < 8; i++) {
			tp4_expect_idle(t);
			tp4_zc_copy_packet(t, 1);
			tp4_expect_back(t, .idx = 3 + i, .len = 60,
					.offset = 9);
		}
		KUNIT_EXPECT_EQ(test, t->cons, t->prod);
	}
}

/* The rest of a bad packet, and a packet that is not whole, from copy mode to a
 * driver and back again.
 */
static void tp4_zc_reset_tx(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	struct tp4_packet_array *copy = t->arr;
	struct tp4_frame_set p;

	tp4_put(t, .idx = 10, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(copy);
	KUNIT_EXPECT_EQ(test, t->q.partial, 1);
	tp4a_rewind(copy, false);
	KUNIT_EXPECT_FALSE(test, tp4q_idle(&t->q));

	tp4_test_add_array(t, TP4_TEST_TX, 4);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.partial, 1);
	tp4_expect_idle(t);
	tp4_put(t, .idx = 11, .len = 60, .flags = TP4_PKT_CONT);
	tp4a_populate(t->arr);
	tp4_test_end_array(t, tp4a_free);
	tp4_expect_back(t, .idx = 10, .len = 60, .error = ECANCELED,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(t, .idx = 11, .len = 60, .error = ECANCELED,
			.flags = TP4_PKT_CONT);
	tp4_expect_idle(t);

	t->arr = copy;
	tp4a_reset(copy, false);
	tp4_zc_expect_rewound(t, copy, first + 2, 0);
	tp4_put(t, .idx = 12, .len = 60);
	tp4_test_put_packet(t, 20, 1);
	tp4a_populate(copy);
	tp4_expect_back(t, .idx = 12, .len = 60, .error = ECANCELED);
	tp4_expect_packet(t, 20, 1);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(copy, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(copy), 1);
}

/* A device has packets for a while: they are looked at when it gets them, and
 * taken when it is done.
 */
static void tp4_zc_peek(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8, first);
	u32 put = 0, posted = 0, done = 0;
	struct tpacket4_desc d;
	struct tp4_frame_set p;
	u32 with_device = 0;
	u32 i, n;

	KUNIT_EXPECT_FALSE(test, tp4a_peek_packet(t->arr, 0, &p));
	while (done < 100) {
		for (; t->prod - t->cons + put % 3 + 1 <= 8; put++)
			tp4_test_put_packet(t, put % 50, put % 3 + 1);
		tp4a_populate(t->arr);
		for (; tp4a_peek_packet(t->arr, with_device, &p); posted++) {
			n = posted % 3 + 1;
			KUNIT_ASSERT_EQ(test, tp4f_num_frames(&p), n);
			for (i = 0; i < n; i++) {
				d = tp4_test_frame(posted % 50, n, i);
				KUNIT_ASSERT_MEMEQ(test, tp4f_item(&p), &d,
						   sizeof(d));
				tp4f_next_frame(&p);
			}
			with_device += n;
		}
		KUNIT_ASSERT_EQ(test, posted, put);
		KUNIT_ASSERT_EQ(test, with_device,
				t->arr->end - t->arr->curr);

		/* It is done with one or two. */
		for (i = 0; i < done % 2 + 1 && with_device; i++, done++) {
			n = done % 3 + 1;
			tp4_expect_packet(t, done % 50, n);
			with_device -= n;
			KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), n);
			t->cons += n;
		}
	}
}

/* Takes @n frames and describes them; the packet of the last one goes on. */
static void tp4_zc_take_part(struct tp4_test *t, u32 n)
{
	struct tp4_frame_set p;

	while (n--) {
		KUNIT_ASSERT_TRUE(t->test, tp4a_next_frame(t->arr, &p));
		tp4f_set_frame(&p, 1000 + n, 256, false);
		tp4f_set_error(&p, EIO);
	}
}

static void tp4_zc_expect_order(struct tp4_test *t, const u32 *idx, u32 n)
{
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < n; i++) {
		KUNIT_ASSERT_TRUE(t->test, tp4a_peek_packet(t->arr, i, &p));
		KUNIT_EXPECT_EQ(t->test, tp4f_num_frames(&p), 1);
		KUNIT_EXPECT_EQ(t->test, tp4f_get_frame_id(&p), idx[i]);
		KUNIT_EXPECT_EQ(t->test, tp4f_get_frame_len(&p), 0);
		KUNIT_EXPECT_EQ(t->test, tp4f_item(&p)->error, 0);
	}
	KUNIT_EXPECT_FALSE(t->test, tp4a_peek_packet(t->arr, n, &p));
}

/* The device leaves a frame out: at the start of a packet, within one, at its
 * end, and when it is the only one.
 */
static void tp4_zc_skip(struct kunit *test)
{
	static const u32 order[4][4] = {
		{ 1, 2, 3, 0 }, { 2, 3, 1 }, { 3, 2 }, { 3 },
	};
	u32 first = tp4_first(test);
	struct tp4_frame_set p;
	struct tp4_test *t;
	u32 taken, i, k;

	for (taken = 0; taken < 4; taken++) {
		/* Full, so there is no room but that which it makes. */
		t = tp4_test_new(test, TP4_TEST_RX, 4, 4, first);
		for (i = 0; i < 4; i++)
			tp4_put(t, .idx = i);
		tp4a_populate(t->arr);
		tp4_zc_take_part(t, taken);
		tp4a_skip_frame(t->arr);
		tp4_zc_expect_order(t, order[taken], 4 - taken);

		/* The packet ends with the next frame. */
		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		tp4f_set_frame(&p, 7, 256, true);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), taken + 1);
		for (k = taken, i = 0; k--; i++)
			tp4_expect_back(t, .idx = i, .len = 1000 + k,
					.offset = 256, .error = EIO,
					.flags = TP4_PKT_CONT);
		tp4_expect_back(t, .idx = order[taken][0], .len = 7,
				.offset = 256);
		tp4_expect_idle(t);
		tp4_zc_expect_order(t, order[taken] + 1, 3 - taken);
	}
}

/* The device is stopped within a packet. */
static void tp4_zc_untake(struct kunit *test)
{
	static const u32 order[] = { 1, 2, 3, 4 };
	u32 first = tp4_first(test);
	struct tp4_frame_set p;
	struct tp4_test *t;
	u32 taken, i;

	for (taken = 0; taken < 5; taken++) {
		t = tp4_test_new(test, TP4_TEST_RX, 8, 8, first);
		for (i = 0; i < 5; i++)
			tp4_put(t, .idx = i);
		tp4a_populate(t->arr);
		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		tp4f_set_frame(&p, 60, 256, true);
		tp4_zc_take_part(t, taken);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 1);
		tp4_expect_back(t, .idx = 0, .len = 60, .offset = 256);
		tp4a_untake(t->arr);
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 0);
		tp4_zc_expect_order(t, order, 4);
		tp4a_untake(t->arr);
		tp4_zc_expect_order(t, order, 4);
	}
}

static struct kunit_case tp4_zc_array_cases[] = {
	KUNIT_CASE_PARAM(tp4_zc_skip, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_untake, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_free_rx, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_free_tx, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_free_empty, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_destroy, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rest_of_bad, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rest_of_long, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rewind_tx, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rewind_described, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rewind_answered, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rewind_copy, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_rewind_copy_bad, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_reset_copy, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_reset_tx, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_zc_peek, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_zc_array_suite = {
	.name = "tp4_zc_array",
	.test_cases = tp4_zc_array_cases,
};

/* While NAPI runs, user space need not call send(). */
static void tp4_status_kick(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 8, 8,
					  tp4_first(test));
	struct tpacket4_status status = { .rx_flags = U32_MAX };
	u32 i;

	t->q.status = &status;
	for (i = 0; i < 3; i++) {
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		KUNIT_EXPECT_EQ(test, status.tx_flags, TP4_STATUS_TX_KICK);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		KUNIT_EXPECT_EQ(test, status.tx_flags, TP4_STATUS_TX_KICK);
		tp4a_tx_busy(t->arr);
		KUNIT_EXPECT_EQ(test, status.tx_flags, 0);
		tp4a_tx_busy(t->arr);
		KUNIT_EXPECT_EQ(test, status.tx_flags, 0);
	}
	/* Nothing else does. */
	tp4_test_put_packet(t, 0, 1);
	tp4a_populate(t->arr);
	tp4_expect_packet(t, 0, 1);
	tp4_flush(t->arr);
	KUNIT_EXPECT_EQ(test, status.tx_flags, 0);
	KUNIT_EXPECT_EQ(test, status.rx_flags, U32_MAX);
}

/* Is there something to do? With a status page, it also says that send() is
 * needed, true or not: NAPI goes on and clears it again.
 */
static void tp4_status_idle(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tpacket4_status status = {};
	struct tp4_test *t;
	u32 k;

	for (k = 0; k < 2; k++) {
		t = tp4_test_new(test, TP4_TEST_TX, 8, 4, first);
		if (k)
			t->q.status = &status;
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));

		/* On the ring; in the array; taken out of it; gone. */
		tp4_test_put_packet(t, 0, 2);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_populate(t->arr);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		/* As for a device that has it, and as for one that has not */
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 2));
		tp4_expect_packet(t, 0, 2);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		tp4_flush(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		t->cons = t->prod;

		/* The device has two frames of four, and a packet of four has
		 * begun: there is no room for the rest.
		 */
		tp4_test_put_packet(t, 0, 2);
		tp4_test_put_packet(t, 2, 4);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 2));
		tp4_expect_packet(t, 0, 2);
		tp4_flush(t->arr);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_populate(t->arr);
		tp4_expect_packet(t, 2, 4);
		tp4_flush(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		t->cons = t->prod;

		/* What can be done for a packet is done if its end is missing,
		 * until there is more of it.
		 */
		tp4_put(t, .idx = 3, .len = 60, .flags = TP4_PKT_CONT);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_populate(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		tp4_put(t, .idx = 4, .len = 60, .flags = TP4_PKT_CONT);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_populate(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		tp4_put(t, .idx = 5, .len = 60);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));

		/* More than the array has room for. */
		tp4_test_put_packet(t, 10, 4);
		tp4a_populate(t->arr);
		t->arr->curr = t->arr->end;
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 3);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_populate(t->arr);
		t->arr->curr = t->arr->end;
		KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), 4);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));

		/* Nothing is left of a bad one. */
		t->cons = t->prod;
		tp4_put(t, .idx = 1000, .len = 60, .flags = TP4_PKT_CONT);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_tx_idle(t->arr, 0));
		tp4_put(t, .idx = 1, .len = 60);
		KUNIT_EXPECT_FALSE(test, tp4a_tx_idle(t->arr, 0));
		tp4a_tx_busy(t->arr);
	}
	KUNIT_EXPECT_EQ(test, status.tx_flags, 0);
}

/* Has a device that runs out of frames to be told of new ones? */
static void tp4_status_rx_kick(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tpacket4_status status = { .tx_flags = U32_MAX };
	struct tp4_test *t;
	u32 k;

	for (k = 0; k < 2; k++) {
		t = tp4_test_new(test, TP4_TEST_RX, 8, 4, first);
		if (k)
			t->q.status = &status;
		KUNIT_EXPECT_TRUE(test, tp4a_rx_idle(t->arr, false));
		KUNIT_EXPECT_FALSE(test, t->q.wants_frames);
		KUNIT_EXPECT_EQ(test, status.rx_flags, 0);
		KUNIT_EXPECT_TRUE(test, tp4a_rx_idle(t->arr, true));
		KUNIT_EXPECT_TRUE(test, t->q.wants_frames);
		KUNIT_EXPECT_EQ(test, status.rx_flags,
				k ? TP4_STATUS_RX_KICK : 0);

		/* It is about to stop, and there is one. */
		tp4_put(t, .idx = 3);
		KUNIT_EXPECT_FALSE(test, tp4a_rx_idle(t->arr, true));
		/* That is of no interest to one that has enough. */
		KUNIT_EXPECT_TRUE(test, tp4a_rx_idle(t->arr, false));
		KUNIT_EXPECT_FALSE(test, t->q.wants_frames);
		KUNIT_EXPECT_EQ(test, status.rx_flags, 0);
		tp4a_populate(t->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_rx_idle(t->arr, true));
		KUNIT_EXPECT_EQ(test, status.tx_flags, U32_MAX);

		/* Nobody waits behind its back. */
		tp4_test_end_array(t, tp4a_free);
		KUNIT_EXPECT_FALSE(test, t->q.wants_frames);
		KUNIT_EXPECT_EQ(test, status.rx_flags, 0);
		tp4_expect_back(t, .idx = 3, .error = ECANCELED);
	}
}

static struct kunit_case tp4_status_cases[] = {
	KUNIT_CASE_PARAM(tp4_status_rx_kick, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_status_kick, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_status_idle, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_status_suite = {
	.name = "tp4_status",
	.test_cases = tp4_status_cases,
};

kunit_test_suites(&tp4_zc_queue_suite, &tp4_zc_array_suite,
		  &tp4_status_suite);

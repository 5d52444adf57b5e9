// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of the ring and of validation
 */

#include "tp4_test.h"

KUNIT_ARRAY_PARAM_DESC(tp4_start, tp4_test_starts, name);

static u32 tp4_first(struct kunit *test)
{
	const struct tp4_test_start *start = test->param_value;

	return start->first;
}

static void tp4_queue_zeroed(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	struct tpacket4_desc d;
	u32 i;

	KUNIT_EXPECT_EQ(test, tp4q_nr(&t->q), 8);
	for (i = 0; i < 8; i++) {
		KUNIT_EXPECT_TRUE(test, tp4q_user_owns(&t->q, i));
		KUNIT_EXPECT_FALSE(test, tp4q_read(&t->q, i, &d));
	}
	KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &d));
	KUNIT_EXPECT_EQ(test, t->q.head, 0);
}

/* One bit decides whose slot it is, and no other does. */
static void tp4_queue_owner_bit(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	struct tpacket4_desc d;
	unsigned int flags;

	for (flags = 0; flags < 256; flags++) {
		t->q.ring[3].desc = (struct tpacket4_desc) {
			.idx = U64_MAX,
			.len = U32_MAX,
			.offset = U16_MAX,
			.error = U8_MAX,
			.flags = flags,
		};
		KUNIT_EXPECT_EQ_MSG(test, tp4q_read(&t->q, 3, &d),
				    flags >= TP4_DESC_KERNEL, "flags %#x",
				    flags);
		KUNIT_EXPECT_EQ_MSG(test, tp4q_user_owns(&t->q, 3),
				    flags < TP4_DESC_KERNEL, "flags %#x",
				    flags);
		KUNIT_EXPECT_EQ_MSG(test, tp4q_user_seen(&t->q, 3),
				    flags >= TP4_DESC_SEEN, "flags %#x",
				    flags);
	}
}

static void tp4_queue_read(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	const struct tpacket4_desc want = {
		.idx = 0x0123456789abcdefULL,
		.len = 0x89abcdef,
		.offset = 0x4567,
		.error = 0x32,
		.flags = TP4_DESC_KERNEL | 0x51,
	};
	struct tpacket4_desc d = {};
	u32 i;

	for (i = 0; i < 8; i++)
		t->q.ring[i].idx = i;
	t->q.ring[5].desc = want;

	/* 5 and all that is 5 when the ring has gone round. */
	for (i = 5; i < 40; i += 8) {
		memset(&d, 0, sizeof(d));
		KUNIT_EXPECT_TRUE(test, tp4q_read(&t->q, i, &d));
		KUNIT_EXPECT_MEMEQ(test, &d, &want, sizeof(d));
	}
	KUNIT_EXPECT_TRUE(test, tp4q_read(&t->q, U32_MAX - 2, &d));
	KUNIT_EXPECT_FALSE(test, tp4q_read(&t->q, 4, &d));
	KUNIT_EXPECT_FALSE(test, tp4q_read(&t->q, 6, &d));

	/* Reading takes nothing. */
	KUNIT_EXPECT_MEMEQ(test, &t->q.ring[5].desc, &want, sizeof(want));
	KUNIT_EXPECT_EQ(test, t->q.head, 0);
}

/* A slot that is held looks as if it were there to be taken. */
static void tp4_queue_take_once(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, first);
	struct tpacket4_desc d;
	u32 i;

	for (i = 0; i < 8; i++)
		tp4_put(t, .idx = i);
	for (i = 0; i < 8; i++) {
		KUNIT_ASSERT_TRUE_MSG(test, tp4q_take(&t->q, &d), "slot %u", i);
		KUNIT_EXPECT_EQ(test, d.idx, i);
	}
	KUNIT_EXPECT_FALSE(test, tp4q_user_owns(&t->q, t->q.head));
	KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &d));
	KUNIT_EXPECT_EQ(test, t->q.head - t->q.tail, 8);

	/* One is given back, and is user space's: still nothing to take. */
	d = (struct tpacket4_desc) { .idx = 40 };
	tp4q_answer(&t->q, &d, 0);
	KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &d));
	tp4_expect_back(t, .idx = 40);
	tp4_expect_idle(t);

	tp4_put(t, .idx = 41);
	KUNIT_EXPECT_TRUE(test, tp4q_take(&t->q, &d));
	KUNIT_EXPECT_EQ(test, d.idx, 41);
	KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &d));
}

/* Three times round, each time with another number of slots under way. */
static void tp4_queue_rounds(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, first);
	struct tpacket4_desc items[8];
	u32 in = 0, out = 0;
	u32 i, n;

	for (n = 1; out < 24; n = n % 8 + 1) {
		for (i = 0; i < n; i++)
			tp4_put(t, .idx = in + i, .len = n);
		for (i = 0; i < n; i++) {
			KUNIT_ASSERT_TRUE(test, tp4q_take(&t->q, &items[i]));
			KUNIT_EXPECT_EQ(test, items[i].idx, in + i);
			KUNIT_EXPECT_EQ(test, items[i].len, n);
			items[i].offset = in + i;
		}
		KUNIT_EXPECT_FALSE(test, tp4q_take(&t->q, &items[0]));
		tp4_expect_idle(t);
		tp4q_give(&t->q, t->q.tail, items, 7, 0, n);
		t->q.tail += n;
		for (i = 0; i < n; i++)
			tp4_expect_back(t, .idx = in + i, .len = n,
					.offset = in + i);
		tp4_expect_idle(t);
		in += n;
		out += n;
	}
	KUNIT_EXPECT_EQ(test, t->q.head, first + in);
	KUNIT_EXPECT_EQ(test, t->q.tail, first + in);
}

/* Batches of each size, into each slot, from each place of an array that is
 * smaller or larger than the ring: all slots of the batch, and no others.
 */
static void tp4_queue_give(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	static const u32 sizes[] = { 4, 8, 32 };
	u32 first = tp4_first(test);
	struct tpacket4_desc *items;
	u32 i, j, k, n, size;

	items = kunit_kcalloc(test, 32, sizeof(*items), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, items);

	for (k = 0; k < ARRAY_SIZE(sizes) * 8 * 8; k++) {
		size = sizes[k / 64];
		n = k % 8 + 1;
		if (n > size)
			continue;
		for (i = 0; i < size; i++)
			items[i] = (struct tpacket4_desc) {
				.idx = 100 + i,
				.len = 200 + i,
				.offset = 300 + i,
				.error = i,
				.flags = TP4_DESC_KERNEL | (i & 7),
			};
		for (i = 0; i < 8; i++)
			t->q.ring[i].desc = (struct tpacket4_desc) {
				.idx = i,
				.flags = TP4_DESC_KERNEL,
			};

		tp4q_give(&t->q, first + k / 8, items, size - 1, first + k, n);

		for (j = 0; j < 8; j++) {
			const struct tpacket4_desc *s =
				&t->q.ring[(first + k / 8 + j) & 7].desc;

			i = (first + k + j) & (size - 1);
			if (j >= n) {
				KUNIT_EXPECT_EQ(test, s->flags,
						TP4_DESC_KERNEL);
				KUNIT_EXPECT_EQ(test, s->idx,
						(first + k / 8 + j) & 7);
				continue;
			}
			KUNIT_EXPECT_EQ(test, s->idx, 100 + i);
			KUNIT_EXPECT_EQ(test, s->len, 200 + i);
			KUNIT_EXPECT_EQ(test, s->offset, 300 + i);
			KUNIT_EXPECT_EQ(test, s->error, i);
			KUNIT_EXPECT_EQ(test, s->flags, i & 7);
		}
	}
}

/* The items are the ring's own slots, one further down. Only when the last slot
 * is written first does each item arrive before it is overwritten; so the first
 * slot, which user space looks at, is written when all others are.
 */
static void tp4_queue_give_first_slot_last(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, 0);
	u32 first = tp4_first(test);
	u32 i;

	for (i = 0; i < 8; i++)
		t->q.ring[(first + i) & 7].desc = (struct tpacket4_desc) {
			.idx = i,
			.len = i,
			.offset = i,
		};
	tp4q_give(&t->q, first + 1, &t->q.ring[0].desc, 7, first, 6);
	for (i = 0; i < 8; i++) {
		const union tp4_slot *s = &t->q.ring[(first + i) & 7];
		u32 want = i && i < 7 ? i - 1 : i;

		KUNIT_EXPECT_EQ_MSG(test, s->idx, want, "slot %u", i);
		KUNIT_EXPECT_EQ_MSG(test, s->len, want, "slot %u", i);
		KUNIT_EXPECT_EQ_MSG(test, s->desc.offset, want, "slot %u", i);
	}
}

/* An answer goes into the oldest slot, whichever the descriptor came from. */
static void tp4_queue_answer(struct kunit *test)
{
	u32 first = tp4_first(test);
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_QUEUE, 8, 0, first);
	struct tpacket4_desc d[4];
	u32 i;

	for (i = 0; i < 4; i++)
		tp4_put(t, .idx = i, .len = i, .offset = i,
			.flags = TP4_PKT_KEEP);
	for (i = 0; i < 4; i++)
		KUNIT_ASSERT_TRUE(test, tp4q_take(&t->q, &d[i]));

	for (i = 4; i-- > 0; ) {
		const struct tpacket4_desc before = d[i];

		tp4q_answer(&t->q, &d[i], 10 + i);
		KUNIT_EXPECT_MEMEQ(test, &d[i], &before, sizeof(before));
		tp4_expect_back(t, .idx = i, .len = i, .offset = i,
				.error = 10 + i, .flags = TP4_PKT_KEEP);
		tp4_expect_idle(t);
	}
	KUNIT_EXPECT_EQ(test, t->q.tail, first + 4);
	KUNIT_EXPECT_EQ(test, t->q.head, first + 4);
}

static struct kunit_case tp4_queue_cases[] = {
	KUNIT_CASE(tp4_queue_zeroed),
	KUNIT_CASE(tp4_queue_owner_bit),
	KUNIT_CASE(tp4_queue_read),
	KUNIT_CASE_PARAM(tp4_queue_take_once, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_queue_rounds, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_queue_give, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_queue_give_first_slot_last, tp4_start_gen_params),
	KUNIT_CASE_PARAM(tp4_queue_answer, tp4_start_gen_params),
	{}
};

static struct kunit_suite tp4_queue_suite = {
	.name = "tp4_queue",
	.test_cases = tp4_queue_cases,
};

/* Validation: 64 frames of 2048 bytes. */
struct tp4_desc_case {
	const char *name;
	struct tpacket4_desc d;
	int rx;
	int tx;
};

#define NR	TP4_TEST_FRAME_NR
#define SIZE	TP4_TEST_FRAME_SIZE

static const struct tp4_desc_case tp4_desc_cases[] = {
	/* idx */
	{ "idx 0", { .idx = 0, .len = 60 }, 0, 0 },
	{ "idx 1", { .idx = 1, .len = 60 }, 0, 0 },
	{ "idx of the last frame", { .idx = NR - 1, .len = 60 }, 0, 0 },
	{ "idx one too large", { .idx = NR, .len = 60 }, EBADF, EBADF },
	{ "idx two too large", { .idx = NR + 1, .len = 60 }, EBADF, EBADF },
	{ "idx 2^31 - 1", { .idx = S32_MAX, .len = 60 }, EBADF, EBADF },
	{ "idx 2^31", { .idx = 1ULL << 31, .len = 60 }, EBADF, EBADF },
	{ "idx 2^32 - 1", { .idx = U32_MAX, .len = 60 }, EBADF, EBADF },
	{ "idx 2^32", { .idx = 1ULL << 32, .len = 60 }, EBADF, EBADF },
	{ "idx 2^32 + 1", { .idx = (1ULL << 32) + 1, .len = 60 }, EBADF, EBADF },
	{ "idx 2^53, byte 0 if shifted", { .idx = 1ULL << 53, .len = 60 },
	  EBADF, EBADF },
	{ "idx 2^63", { .idx = 1ULL << 63, .len = 60 }, EBADF, EBADF },
	{ "idx 2^64 - 1", { .idx = U64_MAX, .len = 60 }, EBADF, EBADF },

	/* len */
	{ "len 0", { .len = 0 }, 0, EINVAL },
	{ "len 1", { .len = 1 }, 0, 0 },
	{ "len of a frame less 1", { .len = SIZE - 1 }, 0, 0 },
	{ "len of a frame", { .len = SIZE }, 0, 0 },
	{ "len of a frame and 1", { .len = SIZE + 1 }, 0, EBADF },
	{ "len 2^16", { .len = 1U << 16 }, 0, EBADF },
	{ "len 2^31", { .len = 1U << 31 }, 0, EBADF },
	{ "len 2^32 - 1", { .len = U32_MAX }, 0, EBADF },

	/* offset, and len with it */
	{ "offset 1, to the end", { .len = SIZE - 1, .offset = 1 }, 0, 0 },
	{ "offset 1, past the end", { .len = SIZE, .offset = 1 }, 0, EBADF },
	{ "offset of the last byte", { .len = 1, .offset = SIZE - 1 }, 0, 0 },
	{ "offset of the last byte, 2 bytes",
	  { .len = 2, .offset = SIZE - 1 }, 0, EBADF },
	{ "offset of the end", { .len = 1, .offset = SIZE }, 0, EBADF },
	{ "offset of the end, nothing there",
	  { .len = 0, .offset = SIZE }, 0, EINVAL },
	{ "offset past the end, nothing there",
	  { .len = 0, .offset = SIZE + 1 }, 0, EBADF },
	{ "offset 2^15", { .len = 1, .offset = 1U << 15 }, 0, EBADF },
	{ "offset 2^16 - 1", { .len = 1, .offset = U16_MAX }, 0, EBADF },
	{ "offset and len add up to 2^16", { .len = 1, .offset = U16_MAX },
	  0, EBADF },
	{ "offset and len add up to 2^32",
	  { .len = U32_MAX - 59, .offset = 60 }, 0, EBADF },
	{ "offset and len add up to 2^32 + 100",
	  { .len = U32_MAX, .offset = 101 }, 0, EBADF },

	/* error is the kernel's to write */
	{ "error 1", { .len = 60, .error = 1 }, 0, 0 },
	{ "error 255", { .len = 60, .error = U8_MAX }, 0, 0 },

	/* flags */
	{ "KEEP", { .len = 60, .flags = TP4_PKT_KEEP }, 0, 0 },
	{ "flag 0x02", { .len = 60, .flags = 0x02 }, 0, EINVAL },
	{ "flag 0x08", { .len = 60, .flags = 0x08 }, 0, EINVAL },
	{ "flag 0x10", { .len = 60, .flags = 0x10 }, 0, EINVAL },
	{ "flag 0x20", { .len = 60, .flags = 0x20 }, 0, EINVAL },
	{ "flag 0x40", { .len = 60, .flags = 0x40 }, 0, EINVAL },
	{ "flags 0x7e", { .len = 60, .flags = 0x7e }, 0, EINVAL },
	{ "flag 0x40 beside KEEP",
	  { .len = 60, .flags = 0x40 | TP4_PKT_KEEP }, 0, EINVAL },

	/* EBADF, what would be an access out of bounds, comes first */
	{ "all wrong", { .idx = NR, .len = U32_MAX, .offset = U16_MAX,
			 .error = U8_MAX, .flags = 0x7e }, EBADF, EBADF },
	{ "bad idx, nothing there", { .idx = NR }, EBADF, EBADF },
	{ "len too large and an unknown flag",
	  { .len = SIZE + 1, .flags = 0x40 }, 0, EBADF },
};

KUNIT_ARRAY_PARAM_DESC(tp4_desc, tp4_desc_cases, name);

static void tp4_validation_check(struct kunit *test)
{
	const struct tp4_desc_case *c = test->param_value;

	KUNIT_EXPECT_EQ(test, tp4_check_idx(&c->d, NR), -c->rx);
	KUNIT_EXPECT_EQ(test, tp4_check_desc(&c->d, NR, SIZE), -c->tx);
}

/* Between two good ones, in a TX array. */
static void tp4_validation_tx(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 4, 4, 0);
	const struct tp4_desc_case *c = test->param_value;
	struct tpacket4_desc back = c->d;
	struct tp4_frame_set p;

	back.error = c->tx;
	back.flags &= TP4_PKT_KEEP;

	tp4_test_put_packet(t, 40, 1);
	tp4_test_put_desc(t, &c->d);
	tp4_test_put_packet(t, 50, 1);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, c->tx ? 1 : 0);
	if (c->tx)
		tp4_test_expect_desc(t, __LINE__, &back);
	tp4_expect_idle(t);

	tp4_expect_packet(t, 40, 1);
	if (!c->tx) {
		KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
		KUNIT_EXPECT_EQ(test, tp4f_num_frames(&p), 1);
		KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &back, sizeof(back));
	}
	tp4_expect_packet(t, 50, 1);
	KUNIT_EXPECT_FALSE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4_flush(t->arr), c->tx ? 2 : 3);

	tp4_expect_back(t, .idx = 40, .len = 100);
	if (!c->tx)
		tp4_test_expect_desc(t, __LINE__, &back);
	tp4_expect_back(t, .idx = 50, .len = 100);
	tp4_expect_idle(t);
}

/* In an RX array only idx counts, and nothing else gets in. */
static void tp4_validation_rx(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX, 4, 4, 0);
	const struct tp4_desc_case *c = test->param_value;
	struct tp4_frame_set p;

	tp4_put(t, .idx = 40);
	tp4_test_put_desc(t, &c->d);
	tp4_put(t, .idx = 50);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, c->rx ? 1 : 0);
	if (c->rx)
		tp4_expect_back(t, .idx = c->d.idx, .error = c->rx);
	tp4_expect_idle(t);

	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 40);
	if (!c->rx) {
		const struct tpacket4_desc want = { .idx = c->d.idx };

		KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
		KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &want, sizeof(want));
	}
	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(t->arr, &p));
	KUNIT_EXPECT_EQ(test, tp4f_get_frame_id(&p), 50);
	KUNIT_EXPECT_FALSE(test, tp4a_next_frame(t->arr, &p));
}

/* In an array that copy mode receives into. */
static void tp4_validation_rx_copy(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX_COPY, 4, 4, 0);
	const struct tp4_desc_case *c = test->param_value;
	const struct tpacket4_desc want = {
		.idx = c->d.idx,
		.flags = TP4_DESC_KERNEL,
	};
	struct tp4_frame_set p;

	tp4_test_put_desc(t, &c->d);
	KUNIT_ASSERT_EQ(test, tp4a_reserve(t->arr, 1, &p), !c->rx);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, c->rx ? 1 : 0);
	if (c->rx)
		tp4_expect_back(t, .idx = c->d.idx, .error = c->rx);
	else
		KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &want, sizeof(want));
	tp4_expect_idle(t);
}

/* A trusted source is not checked. */
static void tp4_validation_none(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_TX, 4, 4, 0);
	const struct tp4_desc_case *c = test->param_value;
	struct tpacket4_desc want = c->d;
	struct tp4_frame_set p;

	want.error = 0;
	want.flags &= TP4_PKT_KEEP;
	t->arr->validation = TP4_VALIDATION_NONE;

	tp4_test_put_desc(t, &c->d);
	tp4a_populate(t->arr);
	KUNIT_EXPECT_EQ(test, t->q.stats.invalid, 0);
	KUNIT_ASSERT_TRUE(test, tp4a_next_packet(t->arr, &p));
	KUNIT_EXPECT_MEMEQ(test, tp4f_item(&p), &want, sizeof(want));
	tp4_expect_idle(t);
}

/* Each number and size of frames that there can be has its own boundaries. */
static void tp4_validation_geometry(struct kunit *test)
{
	static const u32 nrs[] = { 1, 2, 3, 1000, S32_MAX, 1U << 31 };
	static const u32 sizes[] = { 2048, 4096, 16384, 65536 };
	struct tpacket4_desc d = { .len = 60 };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		d.idx = nrs[i] - 1;
		KUNIT_EXPECT_EQ(test, tp4_check_idx(&d, nrs[i]), 0);
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, nrs[i], 2048), 0);
		d.idx = nrs[i];
		KUNIT_EXPECT_EQ(test, tp4_check_idx(&d, nrs[i]), -EBADF);
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, nrs[i], 2048), -EBADF);
	}

	d.idx = 0;
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		d.offset = 0;
		d.len = sizes[i];
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, 1, sizes[i]), 0);
		d.len = sizes[i] + 1;
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, 1, sizes[i]), -EBADF);
		d.offset = 100;
		d.len = sizes[i] - 100;
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, 1, sizes[i]), 0);
		d.offset = 101;
		KUNIT_EXPECT_EQ(test, tp4_check_desc(&d, 1, sizes[i]), -EBADF);
	}
}

static struct kunit_case tp4_validation_cases[] = {
	KUNIT_CASE_PARAM(tp4_validation_check, tp4_desc_gen_params),
	KUNIT_CASE_PARAM(tp4_validation_tx, tp4_desc_gen_params),
	KUNIT_CASE_PARAM(tp4_validation_rx, tp4_desc_gen_params),
	KUNIT_CASE_PARAM(tp4_validation_rx_copy, tp4_desc_gen_params),
	KUNIT_CASE_PARAM(tp4_validation_none, tp4_desc_gen_params),
	KUNIT_CASE(tp4_validation_geometry),
	{}
};

static struct kunit_suite tp4_validation_suite = {
	.name = "tp4_validation",
	.test_cases = tp4_validation_cases,
};

kunit_test_suites(&tp4_queue_suite, &tp4_validation_suite);

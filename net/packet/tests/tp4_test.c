// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: what the KUnit tests share
 */

#include <linux/mm.h>

#include "tp4_test.h"

/* Each test that takes these goes over the end of a ring; some of them take
 * the indices over the end of what 32 bits, signed or not, can hold.
 */
const struct tp4_test_start tp4_test_starts[TP4_TEST_STARTS] = {
	{ "from slot 0", 0 },
	{ "from slot 5", 5 },
	{ "past 2^31", (1U << 31) - 3 },
	{ "past 2^32", U32_MAX - 4 },
	{ "from the last before 2^32", U32_MAX },
};

static void tp4_test_free_array(void *arr)
{
	tp4a_free(arr);
}

static void tp4_test_free_mem(void *mem)
{
	kvfree(mem);
}

static void *tp4_test_alloc(struct kunit *test, size_t size)
{
	void *mem = kvzalloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_test_free_mem,
							   mem));
	return mem;
}

/**
 * tp4_test_new - a ring of @nr zeroed slots and an array of @elems on it
 * @test: the test; frees it
 * @kind: of array
 * @nr: slots, a power of two
 * @elems: array entries, a power of two
 * @first: what all free-running indices begin with
 *
 * Return: the ring; the test has failed if there is no memory.
 */
struct tp4_test *tp4_test_new(struct kunit *test, enum tp4_test_kind kind,
			      u32 nr, u32 elems, u32 first)
{
	struct tp4_packet_array *a = NULL;
	struct tp4_test *t;

	t = tp4_test_alloc(test, sizeof(*t));
	t->test = test;
	t->umem.frame_nr = TP4_TEST_FRAME_NR;
	t->umem.frame_shift = TP4_TEST_FRAME_SHIFT;
	t->umem.addr = tp4_test_alloc(test, TP4_TEST_FRAME_NR <<
					    TP4_TEST_FRAME_SHIFT);
	t->q.umem = &t->umem;
	t->q.mask = nr - 1;
	t->q.ring = tp4_test_alloc(test, nr * sizeof(*t->q.ring));
	t->q.head = first;
	t->q.tail = first;
	t->prod = first;
	t->cons = first;

	switch (kind) {
	case TP4_TEST_QUEUE:
		return t;
	case TP4_TEST_TX:
		a = tp4a_tx_new(&t->q, elems, NULL);
		break;
	case TP4_TEST_RX:
	case TP4_TEST_RX_COPY:
		a = tp4a_rx_new(&t->q, elems, NULL);
		break;
	}
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_test_free_array,
							   a));
	/* Item i of an ordered array is not slot i: see that nobody relies on
	 * it.
	 */
	if (kind != TP4_TEST_RX_COPY)
		first++;
	a->start = first;
	a->curr = first;
	a->end = first;
	a->gathered = first;
	t->arr = a;
	return t;
}

/**
 * tp4_test_put_desc - user space gives a descriptor to the kernel
 * @t: ring
 * @d: the descriptor; TP4_DESC_KERNEL is added
 */
void tp4_test_put_desc(struct tp4_test *t, const struct tpacket4_desc *d)
{
	union tp4_slot *s = &t->q.ring[t->prod & t->q.mask];
	union tp4_slot copy = { .desc = *d };

	KUNIT_ASSERT_LE_MSG(t->test, t->prod - t->cons, t->q.mask,
			    "slot %u is still to be looked at", t->prod);
	KUNIT_ASSERT_TRUE_MSG(t->test, tp4q_user_owns(&t->q, t->prod),
			      "slot %u is the kernel's", t->prod);

	copy.desc.flags |= TP4_DESC_KERNEL;
	s->idx = copy.idx;
	s->len = copy.len;
	/* (A) pairs with (B) in tp4q_read() */
	smp_store_release(&s->owner, copy.owner);
	t->prod++;
}

/**
 * tp4_test_put_packet - user space gives a packet to the kernel
 * @t: ring
 * @idx: its first frame; the others are those behind it
 * @n: number of frames
 */
void tp4_test_put_packet(struct tp4_test *t, u32 idx, u32 n)
{
	struct tpacket4_desc d;
	u32 i;

	for (i = 0; i < n; i++) {
		d = tp4_test_frame(idx, n, i);
		tp4_test_put_desc(t, &d);
	}
}

/**
 * tp4_test_get - user space looks for a descriptor to come back
 * @t: ring
 * @d: set to it
 *
 * Return: false if there is none.
 */
bool tp4_test_get(struct tp4_test *t, struct tpacket4_desc *d)
{
	union tp4_slot *s = &t->q.ring[t->cons & t->q.mask];
	union tp4_slot copy;

	if (t->cons == t->prod)
		return false;
	/* (D) pairs with (C) in tp4q_give() */
	copy.owner = smp_load_acquire(&s->owner);
	if (copy.desc.flags & TP4_DESC_KERNEL)
		return false;
	copy.idx = s->idx;
	copy.len = s->len;
	*d = copy.desc;
	t->cons++;
	return true;
}

/**
 * tp4_test_expect_desc - see tp4_expect_back()
 * @t: ring
 * @line: of the caller
 * @want: what must come back
 */
void tp4_test_expect_desc(struct tp4_test *t, int line,
			  const struct tpacket4_desc *want)
{
	u32 slot = t->cons & t->q.mask;
	struct tpacket4_desc d;

	KUNIT_ASSERT_TRUE_MSG(t->test, tp4_test_get(t, &d),
			      "line %d: nothing came back in slot %u", line,
			      slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.idx, want->idx, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.len, want->len, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.offset, want->offset,
			    "line %d, slot %u", line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.error, want->error, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.flags, want->flags, "line %d, slot %u",
			    line, slot);
}

/**
 * tp4_test_expect_idle - see tp4_expect_idle()
 * @t: ring
 * @line: of the caller
 */
void tp4_test_expect_idle(struct tp4_test *t, int line)
{
	struct tpacket4_desc d;

	KUNIT_EXPECT_FALSE_MSG(t->test, tp4_test_get(t, &d),
			       "line %d: slot %u came back: frame %llu, error %u",
			       line, (t->cons - 1) & t->q.mask, d.idx,
			       d.error);
}

/**
 * tp4_test_expect_packet - see tp4_expect_packet()
 * @t: ring
 * @line: of the caller
 * @idx: the packet's first frame
 * @n: its number of frames
 */
void tp4_test_expect_packet(struct tp4_test *t, int line, u32 idx, u32 n)
{
	struct tpacket4_desc want;
	struct tp4_frame_set p;
	u32 i;

	KUNIT_ASSERT_TRUE_MSG(t->test, tp4a_next_packet(t->arr, &p),
			      "line %d: no packet", line);
	KUNIT_ASSERT_EQ_MSG(t->test, tp4f_num_frames(&p), n, "line %d", line);
	for (i = 0; i < n; i++) {
		want = tp4_test_frame(idx, n, i);
		KUNIT_EXPECT_MEMEQ_MSG(t->test, tp4f_item(&p), &want,
				       sizeof(want), "line %d: frame %u", line,
				       i);
		KUNIT_EXPECT_EQ_MSG(t->test, tp4f_next_frame(&p), i + 1 < n,
				    "line %d: behind frame %u", line, i);
	}
}

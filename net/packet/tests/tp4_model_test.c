// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of packet arrays against a model
 *
 * Random sequences of what user space and the kernel can do. The model is
 * written from the user API, not from the code: it knows packets, not indices.
 * After each step everything that can be seen must be what it says. The array
 * may be replaced by another at any time, as when a socket enters zero copy.
 */

#include <linux/prandom.h>

#include "tp4_test.h"

#define TP4_MODEL_STEPS	20000

/* More than there can be in any list of the model; a power of two. */
#define TP4_MODEL_LIST	256

struct tp4_model_case {
	const char *name;
	enum tp4_test_kind kind;
	u32 nr;
	u32 elems;
	u32 frames_max;
	u32 first;
	/* of 100 descriptors */
	u32 bad;
	u32 cont;
	/* the array is replaced from time to time */
	bool change;
};

struct tp4_list {
	struct tpacket4_desc d[TP4_MODEL_LIST];
	u32 in;
	u32 out;
};

/**
 * struct tp4_model - what must be where
 * @t: what is tested
 * @c: how it is tested
 * @rnd: random numbers, the same each time
 * @published: given by user space and not taken by the kernel
 * @packet: taken, the end of this packet is missing
 * @held: whole packets in the array
 * @taken: number of @held, from the oldest on, that were taken out of the array
 * @back: given back, and not seen by user space
 * @broken: errno for the rest of the packet, or 0
 * @invalid: descriptors that failed validation
 * @too_long: packets of too many frames
 * @given: descriptors that user space gave, ever
 * @returned: descriptors that it got back
 * @sent: packets taken out of the array
 * @changes: arrays that came back to nothing, or to the ring
 * @ending: packets that are received now have one frame
 * @user: frames that user space has
 */
struct tp4_model {
	struct tp4_test *t;
	const struct tp4_model_case *c;
	struct rnd_state rnd;
	struct tp4_list published;
	struct tp4_list packet;
	struct tp4_list held;
	u32 taken;
	struct tp4_list back;
	u8 broken;
	u64 invalid;
	u64 too_long;
	u64 given;
	u64 returned;
	u64 sent;
	u64 changes;
	bool ending;
	bool user[TP4_TEST_FRAME_NR];
};

static u32 tp4_list_len(const struct tp4_list *l)
{
	return l->in - l->out;
}

static struct tpacket4_desc *tp4_list_at(struct tp4_list *l, u32 i)
{
	return &l->d[(l->out + i) % TP4_MODEL_LIST];
}

static void tp4_list_push(struct tp4_list *l, const struct tpacket4_desc *d)
{
	l->d[l->in++ % TP4_MODEL_LIST] = *d;
}

static struct tpacket4_desc *tp4_list_pop(struct tp4_list *l)
{
	return &l->d[l->out++ % TP4_MODEL_LIST];
}

/* Moves the oldest one, with @error unless that is 0. */
static void tp4_list_move(struct tp4_list *to, struct tp4_list *from, u8 error)
{
	struct tpacket4_desc d = *tp4_list_pop(from);

	if (error)
		d.error = error;
	tp4_list_push(to, &d);
}

/* Back to where it came from: it is the oldest one there, again. */
static void tp4_list_unmove(struct tp4_list *to, struct tp4_list *from)
{
	to->out--;
	from->in--;
	*tp4_list_at(to, 0) = from->d[from->in % TP4_MODEL_LIST];
}

static u32 tp4_model_random(struct tp4_model *m, u32 below)
{
	return prandom_u32_state(&m->rnd) % below;
}

static bool tp4_model_chance(struct tp4_model *m, u32 percent)
{
	return tp4_model_random(m, 100) < percent;
}

/* A frame that user space has, or TP4_TEST_FRAME_NR if there is none. */
static u32 tp4_model_frame(struct tp4_model *m)
{
	u32 start = tp4_model_random(m, TP4_TEST_FRAME_NR);
	u32 i, idx;

	for (i = 0; i < TP4_TEST_FRAME_NR; i++) {
		idx = (start + i) % TP4_TEST_FRAME_NR;
		if (m->user[idx])
			return idx;
	}
	return TP4_TEST_FRAME_NR;
}

static void tp4_model_publish(struct tp4_model *m, bool is_eop)
{
	struct tpacket4_desc d = {
		.idx = tp4_model_frame(m),
		.len = 1 + tp4_model_random(m, TP4_TEST_FRAME_SIZE),
		.error = tp4_model_random(m, 256),
		.flags = tp4_model_chance(m, 50) ? TP4_PKT_KEEP : 0,
	};

	d.offset = tp4_model_random(m, TP4_TEST_FRAME_SIZE - d.len + 1);
	if (!is_eop && tp4_model_chance(m, m->c->cont))
		d.flags |= TP4_PKT_CONT;
	if (tp4_model_chance(m, m->c->bad)) {
		switch (tp4_model_random(m, 5)) {
		case 0:
			d.idx = TP4_TEST_FRAME_NR +
				((u64)tp4_model_random(m, 1000) << 30);
			break;
		case 1:
			d.len = 0;
			break;
		case 2:
			d.len = TP4_TEST_FRAME_SIZE + 1 - d.offset;
			break;
		case 3:
			d.offset = U16_MAX - tp4_model_random(m, 3);
			break;
		case 4:
			d.flags |= 0x08 << tp4_model_random(m, 4);
			d.flags &= ~TP4_DESC_KERNEL;
			d.flags |= 0x02;
			break;
		}
	}

	tp4_test_put_desc(m->t, &d);
	tp4_list_push(&m->published, &d);
	m->given++;
	if (d.idx < TP4_TEST_FRAME_NR)
		m->user[d.idx] = false;
}

static int tp4_model_error(const struct tp4_model *m,
			   const struct tpacket4_desc *d)
{
	if (d->idx >= TP4_TEST_FRAME_NR)
		return -EBADF;
	if (m->c->kind == TP4_TEST_RX)
		return 0;
	if ((u64)d->len + d->offset > TP4_TEST_FRAME_SIZE)
		return -EBADF;
	if (!d->len)
		return -EINVAL;
	if (d->flags & ~(TP4_PKT_KEEP | TP4_PKT_CONT))
		return -EINVAL;
	return 0;
}

/* The kernel takes the oldest descriptor. */
static void tp4_model_take(struct tp4_model *m)
{
	struct tpacket4_desc d = *tp4_list_pop(&m->published);
	u8 error = -tp4_model_error(m, &d);
	bool is_eop;

	d.error = 0;
	d.flags &= TP4_PKT_KEEP | TP4_PKT_CONT;
	if (m->c->kind == TP4_TEST_RX) {
		d.len = 0;
		d.offset = 0;
		d.flags = 0;
	}
	is_eop = !(d.flags & TP4_PKT_CONT);
	if (error)
		m->invalid++;

	tp4_list_push(&m->packet, &d);
	if (error || m->broken) {
		while (tp4_list_len(&m->packet) > 1)
			tp4_list_move(&m->back, &m->packet, ECANCELED);
		tp4_list_move(&m->back, &m->packet,
			      error ? error : m->broken);
		if (!m->broken)
			m->broken = ECANCELED;
	} else if (is_eop) {
		while (tp4_list_len(&m->packet))
			tp4_list_move(&m->held, &m->packet, 0);
	} else if (tp4_list_len(&m->packet) == m->c->frames_max) {
		while (tp4_list_len(&m->packet))
			tp4_list_move(&m->back, &m->packet, EMSGSIZE);
		m->broken = EMSGSIZE;
		m->too_long++;
	}
	if (is_eop)
		m->broken = 0;
}

static void tp4_model_populate(struct tp4_model *m)
{
	u32 before = m->t->q.head;
	u32 n = 0;

	while (n < m->c->nr && tp4_list_len(&m->published) &&
	       tp4_list_len(&m->held) + tp4_list_len(&m->packet) <
	       m->c->elems) {
		tp4_model_take(m);
		n++;
	}
	tp4a_populate(m->t->arr);
	KUNIT_ASSERT_EQ(m->t->test, m->t->q.head - before, n);
}

/* The kernel takes a packet, or a frame, out of the array, and maybe puts it
 * back; finds out that it cannot send it; or receives into it.
 */
static void tp4_model_next(struct tp4_model *m, bool frame)
{
	struct kunit *test = m->t->test;
	struct tpacket4_desc *d;
	struct tp4_frame_set p;
	u32 i, n = 0;
	bool ok;

	ok = frame ? tp4a_next_frame(m->t->arr, &p) :
		     tp4a_next_packet(m->t->arr, &p);
	KUNIT_ASSERT_EQ(test, ok, m->taken < tp4_list_len(&m->held));
	if (!ok)
		return;

	do {
		d = tp4_list_at(&m->held, m->taken + n++);
	} while (!frame && (d->flags & TP4_PKT_CONT));
	KUNIT_ASSERT_EQ(test, tp4f_num_frames(&p), n);
	for (i = 0; i < n; i++) {
		d = tp4_list_at(&m->held, m->taken + i);
		KUNIT_ASSERT_MEMEQ(test, tp4f_item(&p), d, sizeof(*d));
		KUNIT_ASSERT_EQ(test, tp4f_next_frame(&p), i + 1 < n);
	}

	if (tp4_model_chance(m, 10)) {
		tp4a_put_back(m->t->arr, &p);
		return;
	}

	tp4f_first_frame(&p);
	if (m->c->kind == TP4_TEST_RX) {
		d = tp4_list_at(&m->held, m->taken);
		d->len = tp4_model_random(m, TP4_TEST_FRAME_SIZE);
		d->offset = tp4_model_random(m, TP4_TEST_FRAME_SIZE);
		/* As a driver does, it ends before there is no frame left. */
		d->flags = !m->ending && m->taken + 1 < m->c->nr &&
			   m->taken + 1 < m->c->elems &&
			   tp4_model_chance(m, m->c->cont) ? TP4_PKT_CONT : 0;
		tp4f_set_frame(&p, d->len, d->offset, !d->flags);
	} else if (tp4_model_chance(m, 10)) {
		for (i = 0; i < n; i++)
			tp4_list_at(&m->held, m->taken + i)->error = ENOBUFS;
		tp4f_set_packet_error(&p, ENOBUFS);
	}
	m->taken += n;
	m->sent++;
}

/* All that was not taken out of the array can be looked at, and stays there. */
static void tp4_model_peek(struct tp4_model *m)
{
	u32 there = tp4_list_len(&m->held) - m->taken;
	struct kunit *test = m->t->test;
	struct tpacket4_desc *d;
	struct tp4_frame_set p;
	u32 skip = 0;

	while (skip < there) {
		KUNIT_ASSERT_TRUE(test, tp4a_peek_packet(m->t->arr, skip, &p));
		do {
			d = tp4_list_at(&m->held, m->taken + skip++);
			KUNIT_ASSERT_MEMEQ(test, tp4f_item(&p), d, sizeof(*d));
			KUNIT_ASSERT_EQ(test, tp4f_next_frame(&p),
					!!(d->flags & TP4_PKT_CONT));
		} while (d->flags & TP4_PKT_CONT);
	}
	KUNIT_ASSERT_FALSE(test, tp4a_peek_packet(m->t->arr, skip, &p));
}

static void tp4_model_flush(struct tp4_model *m)
{
	u32 i, n = m->taken;

	while (n && (tp4_list_at(&m->held, n - 1)->flags & TP4_PKT_CONT))
		n--;
	KUNIT_ASSERT_EQ(m->t->test, tp4_flush(m->t->arr), n);
	for (i = 0; i < n; i++)
		tp4_list_move(&m->back, &m->held, 0);
	m->taken -= n;
}

/* Another array. All that this one holds is on the ring again, or goes back to
 * user space; so does then the rest of a packet whose end is missing.
 */
static void tp4_model_change(struct tp4_model *m)
{
	u8 error = tp4_model_chance(m, 50) ? ENETDOWN : 0;
	u32 size = m->t->arr->mask + 1;
	struct tpacket4_desc *d;

	m->changes++;
	m->taken = 0;
	if (tp4_model_chance(m, 50)) {
		while (tp4_list_len(&m->packet))
			tp4_list_unmove(&m->published, &m->packet);
		while (tp4_list_len(&m->held))
			tp4_list_unmove(&m->published, &m->held);
		tp4a_rewind(m->t->arr, false);
		if (tp4_model_chance(m, 30))
			return;
		tp4_test_end_array(m->t, tp4a_destroy);
	} else {
		m->t->q.cancel_error = error;
		error = error ?: ECANCELED;
		if (tp4_list_len(&m->packet))
			m->broken = error;
		while (tp4_list_len(&m->packet))
			tp4_list_move(&m->held, &m->packet, 0);
		while (tp4_list_len(&m->held)) {
			d = tp4_list_at(&m->held, 0);
			if (m->c->kind == TP4_TEST_RX)
				*d = (struct tpacket4_desc) { .idx = d->idx };
			tp4_list_move(&m->back, &m->held, error);
		}
		tp4_test_end_array(m->t, tp4a_free);
	}
	tp4_test_add_array(m->t, m->c->kind, size);
	m->t->arr->frames_max = m->c->frames_max;
}

/* User space looks at one slot. */
static bool tp4_model_get(struct tp4_model *m)
{
	struct kunit *test = m->t->test;
	struct tpacket4_desc d, *want;
	bool ok;

	ok = tp4_test_get(m->t, &d);
	KUNIT_ASSERT_EQ(test, ok, tp4_list_len(&m->back) > 0);
	if (!ok)
		return false;

	want = tp4_list_pop(&m->back);
	KUNIT_ASSERT_MEMEQ(test, &d, want, sizeof(d));
	m->returned++;
	if (d.idx < TP4_TEST_FRAME_NR) {
		KUNIT_ASSERT_FALSE(test, m->user[d.idx]);
		m->user[d.idx] = true;
	}
	return true;
}

static void tp4_model_check(struct tp4_model *m)
{
	u32 held = tp4_list_len(&m->held) + tp4_list_len(&m->packet);
	const struct tp4_packet_array *a = m->t->arr;
	const struct tp4_queue *q = &m->t->q;
	bool idle = !tp4_list_len(&m->published) && !tp4_list_len(&m->held);
	struct kunit *test = m->t->test;

	KUNIT_ASSERT_LE(test, held, m->c->nr);
	KUNIT_ASSERT_EQ(test, q->head - q->tail, held);
	KUNIT_ASSERT_EQ(test, a->gathered - a->start, held);
	KUNIT_ASSERT_EQ(test, a->end - a->start, tp4_list_len(&m->held));
	KUNIT_ASSERT_EQ(test, a->curr - a->start, m->taken);
	KUNIT_ASSERT_EQ(test, q->partial, tp4_list_len(&m->packet));
	KUNIT_ASSERT_EQ(test, tp4q_idle(q), idle);
	KUNIT_ASSERT_EQ(test, q->stats.invalid, m->invalid);
	KUNIT_ASSERT_EQ(test, q->stats.too_long, m->too_long);
	/* None is lost. */
	KUNIT_ASSERT_EQ(test, m->given, m->returned + held +
					tp4_list_len(&m->published) +
					tp4_list_len(&m->back));
}

static const struct tp4_model_case tp4_model_cases[] = {
	{ "TX", TP4_TEST_TX, 32, 32, 32, 0, 5, 40 },
	{ "TX, past 2^32", TP4_TEST_TX, 32, 32, 32, U32_MAX - 5000, 5, 40 },
	{ "TX, small array", TP4_TEST_TX, 32, 4, 4, 7, 5, 40 },
	{ "TX, large array", TP4_TEST_TX, 8, 32, 8, 7, 5, 60 },
	{ "TX, array of 1", TP4_TEST_TX, 16, 1, 1, 0, 10, 10 },
	{ "TX, ring of 1", TP4_TEST_TX, 1, 8, 1, 0, 10, 50 },
	{ "TX, few frames a packet", TP4_TEST_TX, 32, 16, 3, 0, 2, 60 },
	{ "TX, mostly bad", TP4_TEST_TX, 32, 8, 8, 0, 90, 40 },
	{ "TX, all good", TP4_TEST_TX, 64, 64, 64, U32_MAX, 0, 30 },
	{ "TX, long packets", TP4_TEST_TX, 64, 32, 32, 0, 1, 95 },
	{ "RX", TP4_TEST_RX, 32, 32, 32, 0, 20, 30 },
	{ "RX, past 2^32", TP4_TEST_RX, 64, 64, 64, U32_MAX - 5000, 20, 30 },
	{ "RX, small array", TP4_TEST_RX, 32, 8, 8, 0, 20, 10 },
	{ "RX, large array", TP4_TEST_RX, 4, 32, 32, 0, 20, 10 },
	{ "RX, ring of 1", TP4_TEST_RX, 1, 1, 1, 0, 20, 0 },
	{ "TX, arrays change", TP4_TEST_TX, 32, 32, 32, U32_MAX - 5000, 5, 60,
	  true },
	{ "TX, small arrays change", TP4_TEST_TX, 32, 8, 8, 0, 5, 60, true },
	{ "TX, large arrays change", TP4_TEST_TX, 4, 32, 4, 3, 10, 50, true },
	{ "TX, arrays change, few frames a packet", TP4_TEST_TX, 32, 16, 3, 0,
	  2, 60, true },
	{ "RX, arrays change", TP4_TEST_RX, 32, 32, 32, U32_MAX - 5000, 10, 30,
	  true },
	{ "RX, small arrays change", TP4_TEST_RX, 32, 4, 4, 0, 10, 30, true },
};

KUNIT_ARRAY_PARAM_DESC(tp4_model, tp4_model_cases, name);

static void tp4_model_ordered(struct kunit *test)
{
	const struct tp4_model_case *c = test->param_value;
	struct tp4_model *m;
	u32 i, n, step;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	m->t = tp4_test_new(test, c->kind, c->nr, c->elems, c->first);
	m->t->arr->frames_max = c->frames_max;
	m->c = c;
	prandom_seed_state(&m->rnd, c - tp4_model_cases + 1);
	memset(m->user, true, sizeof(m->user));

	for (step = 0; step < TP4_MODEL_STEPS; step++) {
		n = 1 + tp4_model_random(m, 8);
		switch (tp4_model_random(m, 7)) {
		case 0:
			while (n-- && m->t->prod - m->t->cons < c->nr)
				tp4_model_publish(m, false);
			break;
		case 1:
			tp4_model_populate(m);
			break;
		case 2:
			while (n--)
				tp4_model_next(m, c->kind == TP4_TEST_RX);
			break;
		case 3:
			tp4_model_next(m, true);
			break;
		case 4:
			tp4_model_flush(m);
			break;
		case 5:
			while (n-- && tp4_model_get(m))
				;
			break;
		case 6:
			tp4_model_peek(m);
			break;
		}
		if (c->change && tp4_model_chance(m, 3))
			tp4_model_change(m);
		tp4_model_check(m);
	}

	/* To the end: a last frame for the packet that has none. */
	m->ending = true;
	for (i = 0; i < 4 * c->nr + 4 || tp4_list_len(&m->held); i++) {
		KUNIT_ASSERT_LT(test, i, 10000);
		while (tp4_model_get(m))
			;
		if (i < c->nr && m->t->prod - m->t->cons < c->nr)
			tp4_model_publish(m, true);
		tp4_model_populate(m);
		tp4_model_next(m, c->kind == TP4_TEST_RX);
		tp4_model_flush(m);
		tp4_model_check(m);
	}
	while (tp4_model_get(m))
		;
	tp4_model_check(m);

	KUNIT_EXPECT_EQ(test, m->given, m->returned);
	for (i = 0; i < TP4_TEST_FRAME_NR; i++)
		KUNIT_EXPECT_TRUE_MSG(test, m->user[i], "frame %u is lost", i);
	/* It was not for nothing. */
	KUNIT_EXPECT_GT(test, m->sent, 100);
	KUNIT_EXPECT_EQ(test, m->invalid > 0, c->bad > 0);
	KUNIT_EXPECT_EQ(test, m->changes > 100, c->change);
}

/* Where a frame is, for the array that copy mode receives into. */
enum tp4_where {
	TP4_USER,
	TP4_GIVEN,
	TP4_RESERVED,
};

struct tp4_rx_case {
	const char *name;
	u32 nr;
	u32 first;
	u32 bad;
	/* packets that are being copied at the same time, and their frames */
	u32 packets;
	u32 frames;
};

#define TP4_RX_PACKETS	16

struct tp4_rx_packet {
	struct tp4_frame_set p;
	bool simple;
	bool released;
	u32 seen;
	u64 idx[8];
	u32 len[8];
};

/**
 * struct tp4_rx_model - what must be where
 * @t: what is tested
 * @c: how it is tested
 * @rnd: random numbers, the same each time
 * @where: the frames
 * @given: good frames that can be reserved
 * @bad: bad descriptors that are under way
 * @serial: number for the next bad descriptor
 * @simple: packets that tp4a_reserve_one() had a frame for
 * @packets: being copied, or not yet seen whole by user space; in order
 * @in: next of @packets
 * @out: oldest of @packets
 */
struct tp4_rx_model {
	struct tp4_test *t;
	const struct tp4_rx_case *c;
	struct rnd_state rnd;
	enum tp4_where where[TP4_TEST_FRAME_NR];
	u32 given;
	u32 bad;
	u32 serial;
	u32 simple;
	struct tp4_rx_packet packets[TP4_RX_PACKETS];
	u32 in;
	u32 out;
};

static const struct tp4_rx_case tp4_rx_cases[] = {
	{ "one CPU", 32, 0, 0, 1, 1 },
	{ "one CPU, past 2^32", 32, U32_MAX - 3000, 5, 1, 4 },
	{ "many CPUs", 32, 0, 5, 8, 4 },
	{ "many CPUs, past 2^32", 64, U32_MAX - 3000, 5, 16, 8 },
	{ "many CPUs, all good", 64, U32_MAX, 0, 16, 8 },
	{ "many CPUs, mostly bad", 32, 1, 80, 8, 2 },
	{ "small ring", 4, 0, 20, 4, 4 },
	{ "ring of 1", 1, 0, 20, 1, 1 },
};

KUNIT_ARRAY_PARAM_DESC(tp4_rx, tp4_rx_cases, name);

static u32 tp4_rx_random(struct tp4_rx_model *m, u32 below)
{
	return prandom_u32_state(&m->rnd) % below;
}

static void tp4_rx_publish(struct tp4_rx_model *m)
{
	u32 i, start = tp4_rx_random(m, TP4_TEST_FRAME_NR);

	if (tp4_rx_random(m, 100) < m->c->bad) {
		tp4_put(m->t, .idx = TP4_TEST_FRAME_NR + m->serial++);
		m->bad++;
		return;
	}
	for (i = start; i < start + TP4_TEST_FRAME_NR; i++) {
		if (m->where[i % TP4_TEST_FRAME_NR] != TP4_USER)
			continue;
		tp4_put(m->t, .idx = i % TP4_TEST_FRAME_NR,
			.len = tp4_rx_random(m, U32_MAX),
			.offset = tp4_rx_random(m, U16_MAX),
			.flags = tp4_rx_random(m, TP4_DESC_KERNEL));
		m->where[i % TP4_TEST_FRAME_NR] = TP4_GIVEN;
		m->given++;
		return;
	}
	KUNIT_FAIL_AND_ABORT(m->t->test, "no frame left of %u, ring of %u",
			     TP4_TEST_FRAME_NR, m->c->nr);
}

/* The simple way for one frame, if it is one; else the other. */
static bool tp4_rx_reserve_any(struct tp4_rx_model *m, u32 n,
			       struct tp4_rx_packet *pkt)
{
	struct tp4_packet_array *a = m->t->arr;
	u32 slot, curr = a->curr, end = a->end;
	u64 idx;

	pkt->simple = n == 1 && tp4_rx_random(m, 2) &&
		      tp4a_reserve_one(a, &slot, &idx);
	if (!pkt->simple) {
		KUNIT_ASSERT_EQ(m->t->test, a->curr, curr);
		KUNIT_ASSERT_EQ(m->t->test, a->end, end);
		return tp4a_reserve(a, n, &pkt->p);
	}
	m->simple++;
	KUNIT_ASSERT_EQ(m->t->test, slot, curr);
	KUNIT_ASSERT_EQ(m->t->test, a->curr, curr + 1);
	/* For those who look at frame sets here; copy mode needs none. */
	tp4a_item(a, slot)->idx = idx;
	pkt->p = (struct tp4_frame_set) {
		.pkt_arr = a,
		.start = slot,
		.curr = slot,
		.end = slot + 1,
	};
	return true;
}

static void tp4_rx_reserve(struct tp4_rx_model *m)
{
	struct tp4_rx_packet *pkt = &m->packets[m->in % TP4_RX_PACKETS];
	u32 n = 1 + tp4_rx_random(m, m->c->frames);
	struct kunit *test = m->t->test;
	u32 i = 0;
	u64 idx;
	bool ok;

	if (m->in - m->out == m->c->packets)
		return;

	ok = tp4_rx_reserve_any(m, n, pkt);
	KUNIT_ASSERT_EQ(test, ok, n <= m->given);
	if (!ok)
		return;

	KUNIT_ASSERT_EQ(test, tp4f_num_frames(&pkt->p), n);
	do {
		idx = tp4f_get_frame_id(&pkt->p);
		KUNIT_ASSERT_LT(test, idx, TP4_TEST_FRAME_NR);
		KUNIT_ASSERT_EQ_MSG(test, m->where[idx], TP4_GIVEN,
				    "frame %llu", idx);
		m->where[idx] = TP4_RESERVED;
		pkt->idx[i] = idx;
		pkt->len[i] = tp4_rx_random(m, TP4_TEST_FRAME_SIZE);
		i++;
	} while (tp4f_next_frame(&pkt->p));
	KUNIT_ASSERT_EQ(test, i, n);
	m->given -= n;
	pkt->released = false;
	pkt->seen = 0;
	m->in++;
}

/* Any of those that are being copied. */
static void tp4_rx_release(struct tp4_rx_model *m)
{
	u32 n = m->in - m->out;
	struct tp4_rx_packet *pkt;
	u32 i = 0;

	if (!n)
		return;
	pkt = &m->packets[(m->out + tp4_rx_random(m, n)) % TP4_RX_PACKETS];
	if (pkt->released)
		return;

	pkt->released = true;
	if (pkt->simple) {
		tp4a_release_one(m->t->arr, pkt->p.start,
				 &(struct tpacket4_desc) {
			.idx = pkt->idx[0],
			.len = pkt->len[0],
			.offset = pkt->idx[0],
		});
		return;
	}
	tp4f_first_frame(&pkt->p);
	do {
		tp4f_set_frame(&pkt->p, pkt->len[i], pkt->idx[i],
			       tp4f_is_last_frame(&pkt->p));
		i++;
	} while (tp4f_next_frame(&pkt->p));
	tp4a_release(&pkt->p);
}

/* User space looks at one slot: it finds the next frame of the oldest packet,
 * if that was released; or a bad descriptor, between packets.
 */
static bool tp4_rx_get(struct tp4_rx_model *m)
{
	struct tp4_rx_packet *pkt = NULL;
	struct kunit *test = m->t->test;
	struct tpacket4_desc d;
	bool ok, last;

	if (m->in != m->out)
		pkt = &m->packets[m->out % TP4_RX_PACKETS];

	ok = tp4_test_get(m->t, &d);
	if (pkt && pkt->seen)
		KUNIT_ASSERT_TRUE(test, ok);
	if (!ok)
		return false;
	if (d.error) {
		KUNIT_ASSERT_EQ(test, d.error, EBADF);
		KUNIT_ASSERT_EQ(test, d.len, 0);
		KUNIT_ASSERT_EQ(test, d.flags, 0);
		KUNIT_ASSERT_GE(test, d.idx, TP4_TEST_FRAME_NR);
		KUNIT_ASSERT_TRUE(test, !pkt || !pkt->seen);
		KUNIT_ASSERT_GT(test, m->bad, 0);
		m->bad--;
		return true;
	}

	KUNIT_ASSERT_NOT_NULL(test, pkt);
	KUNIT_ASSERT_TRUE(test, pkt->released);
	last = pkt->seen + 1 == tp4f_num_frames(&pkt->p);
	KUNIT_ASSERT_EQ(test, d.idx, pkt->idx[pkt->seen]);
	KUNIT_ASSERT_EQ(test, d.len, pkt->len[pkt->seen]);
	KUNIT_ASSERT_EQ(test, d.offset, pkt->idx[pkt->seen]);
	KUNIT_ASSERT_EQ(test, d.flags, last ? 0 : TP4_PKT_CONT);
	KUNIT_ASSERT_EQ(test, m->where[d.idx], TP4_RESERVED);
	m->where[d.idx] = TP4_USER;
	pkt->seen++;
	if (last)
		m->out++;
	return true;
}

static void tp4_model_rx_copy(struct kunit *test)
{
	const struct tp4_rx_case *c = test->param_value;
	struct tp4_rx_packet *pkt;
	struct tp4_rx_model *m;
	u32 i, n, step;

	m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, m);
	m->t = tp4_test_new(test, TP4_TEST_RX_COPY, c->nr, c->nr, c->first);
	m->c = c;
	prandom_seed_state(&m->rnd, c - tp4_rx_cases + 1);

	for (step = 0; step < TP4_MODEL_STEPS; step++) {
		n = 1 + tp4_rx_random(m, 8);
		switch (tp4_rx_random(m, 4)) {
		case 0:
			while (n-- && m->t->prod - m->t->cons < c->nr)
				tp4_rx_publish(m);
			break;
		case 1:
			while (n--)
				tp4_rx_reserve(m);
			break;
		case 2:
			while (n--)
				tp4_rx_release(m);
			break;
		case 3:
			while (n-- && tp4_rx_get(m))
				;
			break;
		}
		/* A packet that was released, with no other before it, is
		 * there to be seen once what was bad before it is.
		 */
		while (m->in != m->out &&
		       m->packets[m->out % TP4_RX_PACKETS].released &&
		       tp4_rx_random(m, 2))
			KUNIT_ASSERT_TRUE(test, tp4_rx_get(m));
	}
	KUNIT_EXPECT_GT(test, m->in, 100);
	KUNIT_EXPECT_GT(test, m->simple, 10);
	KUNIT_EXPECT_EQ(test, m->t->q.stats.invalid > 0, c->bad > 0);

	/* To the end: all that was given comes back. */
	while (m->out != m->in) {
		pkt = &m->packets[m->out % TP4_RX_PACKETS];
		while (!pkt->released)
			tp4_rx_release(m);
		KUNIT_ASSERT_TRUE(test, tp4_rx_get(m));
	}
	for (i = 0; m->given || m->bad; i++) {
		KUNIT_ASSERT_LT(test, i, 10 * c->nr);
		tp4_rx_reserve(m);
		while (m->out != m->in) {
			pkt = &m->packets[m->out % TP4_RX_PACKETS];
			while (!pkt->released)
				tp4_rx_release(m);
			KUNIT_ASSERT_TRUE(test, tp4_rx_get(m));
		}
		while (tp4_rx_get(m))
			;
	}
	KUNIT_EXPECT_EQ(test, m->t->prod, m->t->cons);
	KUNIT_EXPECT_EQ(test, m->t->q.stats.invalid, m->serial);
	for (i = 0; i < TP4_TEST_FRAME_NR; i++)
		KUNIT_EXPECT_EQ_MSG(test, m->where[i], TP4_USER, "frame %u", i);
}

static struct kunit_case tp4_model_test_cases[] = {
	KUNIT_CASE_PARAM(tp4_model_ordered, tp4_model_gen_params),
	KUNIT_CASE_PARAM(tp4_model_rx_copy, tp4_rx_gen_params),
	{}
};

static struct kunit_suite tp4_model_suite = {
	.name = "tp4_model",
	.test_cases = tp4_model_test_cases,
};

kunit_test_suite(tp4_model_suite);

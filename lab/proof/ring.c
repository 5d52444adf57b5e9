// SPDX-License-Identifier: GPL-2.0
/*
 * The ring and the packet arrays, whatever user space writes meanwhile.
 *
 * These are inductive proofs. Each begins in any state that fulfils
 * the invariant, not only in those that were seen to be reached, lets the kernel
 * take one step, and shows that the invariant holds again: so it holds after any
 * number of steps. Indices are free-running and may be about to wrap.
 *
 * User space: a read of a ring returns anything, each time. So a field that was
 * checked and is read a second time is another one.
 */

#include "tp4_array.c"

unsigned int proof_page_shift = 12;

#define assert(x)	__CPROVER_assert(x, #x)
#define assume(x)	__CPROVER_assume(x)

struct tpacket4_desc nondet_desc(void);
union tp4_slot nondet_slot(void);
u64 nondet_u64(void);
u32 nondet_u32(void);
u8 nondet_u8(void);
bool nondet_bool(void);

static union tp4_slot ring[PROOF_NR];
static struct tp4_queue q;
static struct tp4_umem umem;
static struct tp4_packet_array store;
static struct tp4_packet_array *arr;

/* One frame, whichever, that is counted: taken from and given to user space. */
static u64 the_frame;
static int taken, given;

/* Reads of a slot's fields, where they are counted. */
static unsigned int reads[PROOF_NR][3];
static u64 read_idx[PROOF_NR];
static bool counting;

/* User space gives one descriptor only, and no more. */
static bool one_gift, gave_it;
static bool concurrent;

static bool in_ring(const volatile void *p)
{
	return __CPROVER_same_object((void *)p, ring);
}

static u32 slot_of(const volatile void *p)
{
	return __CPROVER_POINTER_OFFSET((void *)p) / sizeof(union tp4_slot);
}

static u32 offset_of(const volatile void *p)
{
	return __CPROVER_POINTER_OFFSET((void *)p) % sizeof(union tp4_slot);
}

/* In a concurrent array, the mark in the item says who has the slot. */
static bool kernel_holds(u32 slot)
{
	if (concurrent)
		return tp4a_item(arr, slot)->flags & TP4_DESC_KERNEL;
	return ((slot - q.tail) & q.mask) < q.head - q.tail;
}

/* Whole fields, or the length with the owner word: nothing is torn, or mixed up. */
static void check_access(u32 offset, size_t size)
{
#ifdef CONFIG_64BIT
	assert(((offset == 0 || offset == 8) && size == 8) ||
	       (offset == 12 && size == 4));
#else
	assert((offset == 0 && size == 8) || (offset == 8 && size == 4) ||
	       (offset == 12 && size == 4));
#endif
}

void proof_read(const volatile void *p, size_t size)
{
	u32 slot, offset;

	if (!in_ring(p))
		return;
	slot = slot_of(p);
	offset = offset_of(p);
	assert(slot <= q.mask);
	check_access(offset, size);
	ring[slot] = nondet_slot();
	if (one_gift && offset + size == 16 &&
	    (ring[slot].desc.flags & TP4_DESC_KERNEL)) {
		assume(!gave_it);
		gave_it = true;
	}
	if (counting) {
		reads[slot][0] += offset == 0;
		reads[slot][1] += offset == 8;
		reads[slot][2] += offset + size == 16;
		if (offset == 0)
			read_idx[slot] = ring[slot].idx;
	}
	/* Here, a descriptor that was read was taken. */
	if (concurrent && offset == 0 && ring[slot].idx == the_frame)
		taken++;
}

void proof_wrote(const volatile void *p, size_t size)
{
	u32 slot, offset;

	if (!in_ring(p))
		return;
	slot = slot_of(p);
	offset = offset_of(p);
	assert(slot <= q.mask);
	check_access(offset, size);
	/* Never a slot that user space owns. */
	assert(kernel_holds(slot));
	if (offset == 0 && ring[slot].idx == the_frame)
		given++;
}

static u32 any_nr(void)
{
	u32 nr = nondet_u32();

	assume(is_power_of_2(nr) && nr <= PROOF_NR);
	return nr;
}

static void any_queue(void)
{
	q.ring = ring;
	q.mask = any_nr() - 1;
	q.head = nondet_u32();
	q.tail = nondet_u32();
	q.umem = &umem;
	q.status = NULL;
	q.gather_error = nondet_u8();
	q.cancel_error = nondet_u8();
	q.partial = nondet_u32();
	the_frame = nondet_u64();
	taken = 0;
	given = 0;
	/* The invariant */
	assume(q.head - q.tail <= tp4q_nr(&q));
}

/* ---- the queue by itself ---------------------------------------------------- */

/* tp4q_take(): no slot twice, each field read once, only if user space gave it. */
void proof_take(void)
{
	struct tpacket4_desc d = nondet_desc(), before = d;
	u32 head, held, i;
	bool took;

	any_queue();
	counting = true;
	head = q.head;
	held = q.head - q.tail;
	if (held == tp4q_nr(&q))
		assert(kernel_holds(head & q.mask));
	else
		assert(!kernel_holds(head & q.mask));
	took = tp4q_take(&q, &d);
	assert(q.head == head + took);
	assert(q.head - q.tail == held + took);
	assert(q.head - q.tail <= tp4q_nr(&q));
	if (held == tp4q_nr(&q))
		assert(!took);
	if (took)
		assert(d.flags & TP4_DESC_KERNEL);
	else
		assert(d.idx == before.idx && d.len == before.len &&
		       d.flags == before.flags);
	for (i = 0; i < PROOF_NR; i++) {
		bool me = i == (head & q.mask);

		assert(reads[i][2] <= me);
		assert(reads[i][1] == reads[i][2]);
		assert(reads[i][0] == (took && me));
		assert(reads[i][2] >= (took && me));
	}
}

/* tp4q_give(): user space's slots stay as they are, the first word comes last. */
void proof_give(void)
{
	struct tpacket4_desc items[PROOF_NR];
	union tp4_slot before[PROOF_NR];
	struct tp4_given g;
	u32 n = nondet_u32();
	u32 first = nondet_u32();
	u32 mask = any_nr() - 1;
	u32 i, tail, packets = 0, failed = 0;
	u64 bytes = 0;

	any_queue();
	assume(n >= 1 && n <= q.head - q.tail && n <= mask + 1);
	for (i = 0; i < PROOF_NR; i++) {
		items[i] = nondet_desc();
		ring[i].desc = nondet_desc();
		before[i] = ring[i];
	}
	tail = q.tail;
	g = tp4q_give(&q, tail, items, mask, first, n);
	tp4q_advance_tail(&q, n);
	assert(q.head - q.tail <= tp4q_nr(&q));
	/* In tp4q_give()'s order: to show that sums commute is hard. */
	for (i = PROOF_NR; i--;) {
		const struct tpacket4_desc *d = &items[(first + i) & mask];

		if (i >= n)
			continue;
		if (!(d->flags & TP4_PKT_CONT)) {
			packets++;
			failed += !!d->error;
		}
		bytes += d->error ? 0 : d->len;
	}
	assert(g.packets == packets && g.failed == failed && g.bytes == bytes);
	for (i = 0; i < PROOF_NR; i++) {
		u32 behind = (i - tail) & q.mask;
		const struct tpacket4_desc *d = &items[(first + behind) & mask];

		if (i > q.mask)
			continue;
		if (behind >= n) {
			assert(ring[i].idx == before[i].idx &&
			       ring[i].len == before[i].len &&
			       ring[i].owner == before[i].owner);
			continue;
		}
		assert(!(ring[i].desc.flags & TP4_DESC_KERNEL));
		assert(ring[i].idx == d->idx && ring[i].len == d->len);
		assert(ring[i].desc.offset == d->offset &&
		       ring[i].desc.error == d->error);
	}
}

/* tp4q_answer(): one slot, the oldest that is held. */
void proof_answer(void)
{
	struct tpacket4_desc d = nondet_desc();
	u8 error = nondet_u8();
	u32 tail, held;

	any_queue();
	held = q.head - q.tail;
	tail = q.tail;
	assume(held >= 1);
	tp4q_answer(&q, &d, error);
	assert(q.tail == tail + 1 && q.head - q.tail == held - 1);
	assert(ring[tail & q.mask].desc.error == error);
	assert(!(ring[tail & q.mask].desc.flags & TP4_DESC_KERNEL));
	assert(given == (d.idx == the_frame));
}

/* ---- ordered arrays: zero copy, and transmission in copy mode --------------- */

static bool item_ok(u32 i)
{
	const struct tpacket4_desc *d = tp4a_item(arr, i);

	if (d->flags & TP4_DESC_KERNEL)
		return false;
	if (d->idx >= arr->frame_nr)
		return false;
	return arr->validation != TP4_VALIDATION_DESC ||
	       (u64)d->offset + d->len <= 1ULL << arr->frame_shift;
}

/* What is between start and curr has been filled in by a driver. */
static bool ordered_ok(void)
{
	u32 all = arr->gathered - arr->start;
	u32 i;

	if (all > arr->mask + 1 || all != q.head - q.tail ||
	    all > tp4q_nr(&q))
		return false;
	if (arr->end - arr->start > all ||
	    arr->curr - arr->start > arr->end - arr->start)
		return false;
	if (arr->gathered - arr->end >= arr->frames_max)
		return false;
	for (i = 0; i < PROOF_NR; i++) {
		u32 at = arr->start + i;

		if (i >= all)
			break;
		if (!item_ok(at))
			return false;
		/* Whole packets, then one without its end. */
		if (at - arr->start >= arr->end - arr->start &&
		    !(tp4a_item(arr, at)->flags & TP4_PKT_CONT))
			return false;
	}
	if (arr->end != arr->start && arr->end != arr->curr &&
	    (tp4a_item(arr, arr->end - 1)->flags & TP4_PKT_CONT))
		return false;
	/* Once a packet is bad, nothing is gathered of it. */
	return !q.gather_error || arr->gathered == arr->end;
}

static u32 frames_in_array(u32 first, u32 last)
{
	u32 i, n = 0;

	for (i = 0; i < PROOF_NR; i++)
		if (i < last - first &&
		    tp4a_item(arr, first + i)->idx == the_frame)
			n++;
	return n;
}

static void any_array(u32 nr)
{
	u32 i;

	arr = &store;
	arr->queue_opaque = &q;
	arr->dev = NULL;
	arr->dma = NULL;
	arr->direction = DMA_BIDIRECTIONAL;
	arr->validation = nondet_bool() ? TP4_VALIDATION_IDX :
					  TP4_VALIDATION_DESC;
	arr->frames = NULL;
	arr->frame_nr = nondet_u32();
	arr->frame_shift = nondet_u32();
	assume(arr->frame_shift >= 11 && arr->frame_shift <= 16);
	arr->mask = nr - 1;
	arr->frames_max = min(nr, tp4q_nr(&q));
	arr->start = nondet_u32();
	arr->curr = nondet_u32();
	arr->end = nondet_u32();
	arr->gathered = nondet_u32();
	arr->answered = nondet_u32();
	arr->xdp_prog = NULL;
	for (i = 0; i < PROOF_NR; i++)
		arr->items[i] = nondet_desc();
}

static void any_ordered(void)
{
	any_queue();
	any_array(any_nr());
	assume(ordered_ok());
}

/* What it takes from user space is in the array, or given back. */
static void conserved(u32 before)
{
	assert(frames_in_array(arr->start, arr->gathered) + given ==
	       before + taken);
}

/* tp4a_populate(), one turn of its loop. */
void proof_populate(void)
{
	struct tpacket4_desc d;
	u32 before, held;
	u32 end;

	any_ordered();
	before = frames_in_array(arr->start, arr->gathered);
	held = q.head - q.tail;
	end = arr->end;
	if (!(arr->gathered - arr->start <= arr->mask && tp4q_take(&q, &d)))
		return;
	taken = d.idx == the_frame;
	assert(q.head - q.tail == held + 1);
	tp4a_add(arr, &d);
	assert(ordered_ok());
	conserved(before);
	/* A packet that is handed out is as it was checked. */
	if (arr->end != end)
		assert(item_ok(arr->end - 1));
}

/* tp4a_add_plain(): what it adds was read once, is good, and is what was read. */
void proof_add_plain(void)
{
	u32 start, curr, end, gathered, head, tail, before, n, i;

	any_ordered();
	counting = true;
	start = arr->start;
	curr = arr->curr;
	end = arr->end;
	gathered = arr->gathered;
	head = q.head;
	tail = q.tail;
	before = frames_in_array(start, gathered);
	tp4a_add_plain(arr);
	n = arr->end - end;
	/* All that was added is an item_ok(), and there was room for it. */
	assert(ordered_ok());
	assert(arr->start == start && arr->curr == curr);
	assert(q.head == head + n && q.tail == tail && !given);
	assert(frames_in_array(start, gathered) == before);
	if (n)
		assert(end == gathered && !q.gather_error);
	for (i = 0; i < PROOF_NR; i++) {
		const struct tpacket4_desc *d = tp4a_item(arr, end + i);

		if (i >= n)
			break;
		assert(d->idx == read_idx[(head + i) & q.mask]);
		assert(!d->flags && !d->error);
		assert(!d->len == (arr->validation == TP4_VALIDATION_IDX));
	}
	for (i = 0; i < PROOF_NR; i++) {
		assert(reads[i][0] <= 1 && reads[i][2] <= 1);
		assert(reads[i][1] == reads[i][2]);
	}
}

/* tp4a_add_plain() by what proof_add_plain() has shown of it. */
void proof_step_plain(struct tp4_packet_array *a)
{
	u32 n = nondet_u32();
	u32 i;

	/* What that began with. */
	assert(ordered_ok());
	if (q.gather_error || a->gathered != a->end)
		return;
	assume(n <= PROOF_NR);
	for (i = 0; i < n; i++)
		*tp4a_item(a, a->end + i) = nondet_desc();
	a->end += n;
	a->gathered += n;
	q.head += n;
	assume(ordered_ok());
}

/*
 * tp4a_populate() itself: no more than there is room for, one step at a time.
 */
void proof_populate_all(void)
{
	u32 start, curr;

	any_ordered();
	one_gift = true;
	start = arr->start;
	curr = arr->curr;
	assume(arr->answered <= TP4_INVALID_MAX);
	tp4a_populate(arr);
	assert(ordered_ok());
	assert(arr->start == start && arr->curr == curr);
	assert(q.partial == arr->gathered - arr->end);
}

/* tp4a_next_packet(), tp4a_next_frame(), tp4a_put_back(): within the array. */
void proof_next_packet(void)
{
	struct tp4_frame_set p;
	u32 curr;

	any_ordered();
	curr = arr->curr;
	if (nondet_bool()) {
		if (!tp4a_next_packet(arr, &p)) {
			assert(arr->curr == arr->end);
			return;
		}
		assert(!(tp4a_item(arr, p.end - 1)->flags & TP4_PKT_CONT));
	} else {
		if (!tp4a_next_frame(arr, &p)) {
			assert(arr->curr == arr->end);
			return;
		}
		assert(p.end - p.start == 1);
	}
	assert(p.start == curr && p.curr == curr && arr->curr == p.end);
	assert(p.end - p.start >= 1 && p.end - p.start <= arr->end - curr);
	assert(tp4f_num_frames(&p) == p.end - p.start);
	if (nondet_bool()) {
		tp4a_put_back(arr, &p);
		assert(arr->curr == curr);
	}
}

/* tp4a_take_frames(): no more than there are. */
void proof_take_frames(void)
{
	u32 curr, n, taken;

	any_ordered();
	curr = arr->curr;
	n = nondet_u32();
	taken = tp4a_take_frames(arr, n);
	assert(taken <= n && taken <= arr->end - curr);
	assert(taken == n || arr->curr == arr->end);
	assert(arr->curr == curr + taken);
	assert(ordered_ok());
}

/* A program lets some of the packets pass; those lie at the front then. */
u32 tp4_xdp_run(struct tp4_packet_array *a, u32 n)
{
	u32 keep = nondet_u32();

	assume(keep <= n);
	return keep;
}

/* tp4a_flush(): gives what was taken out, or keeps it as empty frames. */
void proof_flush(void)
{
	u32 before, held, start, all;
	int n;

	any_ordered();
	/* XDP is for arrays that receive. */
	if (arr->validation == TP4_VALIDATION_IDX && nondet_bool())
		arr->xdp_prog = malloc(1);
	/* Empty frames have no end to wait for. */
	if (arr->validation == TP4_VALIDATION_IDX)
		assume(arr->gathered == arr->end);
	assume(arr->answered <= TP4_INVALID_MAX);
	before = frames_in_array(arr->start, arr->gathered);
	held = q.head - q.tail;
	n = arr->answered;
	start = arr->start;
	all = tp4a_flush(arr);
	assert(all >= n);
	assert(held - (q.head - q.tail) == all - n);
	assert(ordered_ok());
	/* Whole packets only */
	if (arr->start != start)
		assert(!(tp4a_item(arr, arr->start - 1)->flags & TP4_PKT_CONT) ||
		       arr->xdp_prog);
	conserved(before);
}

/* tp4a_free(): all goes back, once. */
void proof_free(void)
{
	struct tp4_packet_array copy;
	u32 before;

	any_ordered();
	before = frames_in_array(arr->start, arr->gathered);
	copy = *arr;
	tp4a_free(arr);
	assert(q.head == q.tail);
	assert(given == before);
}

/* tp4a_rewind(): as if nothing had been taken; where user space owns, no write. */
void proof_rewind(void)
{
	u32 tail;

	any_ordered();
	tail = q.tail;
	/* tp4q_restore() comes before the indices move. */
	tp4a_rewind(arr, false);
	assert(q.head == tail && q.tail == tail && !q.partial);
	assert(arr->start == arr->gathered && ordered_ok());
}

/* ---- concurrent arrays: reception in copy mode ------------------------------ */

/*
 * Item i is slot i. From curr on, up to end, they are marked and empty; before
 * curr, a marked one is with some CPU, in any order.
 */
static bool concurrent_ok(void)
{
	u32 i;

	if (arr->end - arr->curr > tp4q_nr(&q) || arr->start != arr->curr)
		return false;
	for (i = 0; i < PROOF_NR; i++) {
		struct tpacket4_desc *d = tp4a_item(arr, arr->curr + i);

		if (i > q.mask)
			break;
		if (i < arr->end - arr->curr &&
		    !(d->flags & TP4_DESC_KERNEL))
			return false;
		if ((d->flags & TP4_DESC_KERNEL) && d->idx >= arr->frame_nr)
			return false;
	}
	return true;
}

static u32 frames_marked(void)
{
	u32 i, n = 0;

	for (i = 0; i < PROOF_NR; i++)
		if (i <= q.mask && arr->items[i].idx == the_frame &&
		    (arr->items[i].flags & TP4_DESC_KERNEL))
			n++;
	return n;
}

static void any_concurrent(void)
{
	any_queue();
	any_array(tp4q_nr(&q));
	arr->validation = TP4_VALIDATION_IDX;
	concurrent = true;
	/* What is no frame cannot be lost; and it may be left on the ring. */
	assume(the_frame < arr->frame_nr);
	assume(concurrent_ok());
}

/* tp4a_reserve(): frames that nobody else has, and that are there. */
void proof_reserve(void)
{
	bool was_marked[PROOF_NR];
	u32 n = nondet_u32();
	struct tp4_frame_set p;
	u32 before, curr, end, i, invalid;
	bool got;

	any_concurrent();
	assume(n >= 1 && n <= tp4q_nr(&q));
	q.stats.invalid = 0;
	before = frames_marked();
	curr = arr->curr;
	end = arr->end;
	for (i = 0; i < PROOF_NR; i++)
		was_marked[i] = arr->items[i].flags & TP4_DESC_KERNEL;
	got = tp4a_reserve(arr, n, &p);
	if (!got)
		p.end = arr->curr;
	/* What was reserved is still marked. */
	assert(frames_marked() + given == before + taken);
	assert(concurrent_ok());
	if (!got)
		return;
	invalid = q.stats.invalid;
	assert(p.start == curr + invalid && p.end == p.start + n);
	assert(arr->curr == p.end);
	for (i = 0; i < PROOF_NR; i++) {
		u32 at = p.start + i;

		if (i >= n)
			break;
		assert(tp4a_item(arr, at)->flags & TP4_DESC_KERNEL);
		assert(tp4a_item(arr, at)->idx < arr->frame_nr);
	}
	/* One that was marked behind the end is with another CPU. */
	for (i = 0; i < PROOF_NR; i++) {
		u32 at = end + i;

		if (i < arr->end - end && i < tp4q_nr(&q) - (end - curr) &&
		    !invalid)
			assert(!was_marked[at & q.mask]);
	}
}

/* tp4a_release(): in the slots of the packet, and in no other. */
void proof_release(void)
{
	struct tp4_frame_set p;
	u32 before, i, mine = 0;

	any_concurrent();
	p.pkt_arr = arr;
	p.start = nondet_u32();
	p.curr = p.start;
	p.end = nondet_u32();
	assume(p.end - p.start >= 1 && p.end - p.start <= tp4q_nr(&q));
	/* Reserved: marked, and before curr. */
	assume(arr->curr - p.start <= tp4q_nr(&q));
	assume(arr->end - p.start <= tp4q_nr(&q));
	assume(arr->curr - p.start >= p.end - p.start);
	for (i = 0; i < PROOF_NR; i++)
		if (i < p.end - p.start)
			assume(tp4a_item(arr, p.start + i)->flags &
			       TP4_DESC_KERNEL);
	before = frames_marked();
	tp4a_release(&p);
	assert(concurrent_ok());
	assert(frames_marked() + given == before);
	for (i = 0; i < PROOF_NR; i++)
		if (i < p.end - p.start)
			mine += !(tp4a_item(arr, p.start + i)->flags &
				  TP4_DESC_KERNEL);
	assert(mine == p.end - p.start);
}

/*
 * tp4a_reserve_one(): the same of one frame, which is in registers. The item does not
 * say which one it is, so the proof writes it there.
 */
void proof_reserve_one(void)
{
	bool was_marked[PROOF_NR];
	u32 before, curr, slot, i;
	bool got;
	u64 idx;

	any_concurrent();
	before = frames_marked();
	curr = arr->curr;
	for (i = 0; i < PROOF_NR; i++)
		was_marked[i] = arr->items[i].flags & TP4_DESC_KERNEL;
	got = tp4a_reserve_one(arr, &slot, &idx);
	if (!got) {
		assert(!taken && !given && arr->curr == curr);
		assert(frames_marked() == before);
		assert(concurrent_ok());
		return;
	}
	assert(slot == curr && arr->curr == curr + 1 && arr->end == arr->curr);
	assert(idx < arr->frame_nr);
	assert(!was_marked[slot & q.mask]);
	assert(tp4a_item(arr, slot)->flags & TP4_DESC_KERNEL);
	tp4a_item(arr, slot)->idx = idx;
	assert(frames_marked() + given == before + taken);
	assert(concurrent_ok());
}

/* tp4a_release_one(): in this slot, and in no other. */
void proof_release_one(void)
{
	struct tpacket4_desc d = nondet_desc();
	u32 slot = nondet_u32();
	u32 before;

	any_concurrent();
	assume(arr->curr - slot >= 1 && arr->curr - slot <= tp4q_nr(&q));
	assume(arr->end - slot <= tp4q_nr(&q));
	assume(tp4a_item(arr, slot)->flags & TP4_DESC_KERNEL);
	assume(tp4a_item(arr, slot)->idx == d.idx);
	before = frames_marked();
	tp4a_release_one(arr, slot, &d);
	assert(concurrent_ok());
	assert(frames_marked() + given == before);
	assert(!(tp4a_item(arr, slot)->flags & TP4_DESC_KERNEL));
	assert(ring[slot & q.mask].idx == d.idx);
	assert(!(ring[slot & q.mask].desc.flags & TP4_DESC_KERNEL));
}

// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: packet arrays
 *
 * The part of include/linux/tpacket4.h that knows where frames come from and
 * where they go to. Today this is always the ring of a V4 socket; only
 * tp4a_populate() and tp4a_flush() would learn of another source or sink.
 *
 * Two kinds of array use the same structure:
 *
 * An ordered array has one owner at a time. Frames enter it at @end and leave
 * it at @start; in the ring, they leave through the oldest slot held, so it
 * does not matter which slots they came from, and an invalid descriptor can be
 * answered at once without leaving a hole.
 *
 * A concurrent array is what copy mode receives into, from any number of CPUs.
 * It is as large as its ring and item i is slot i. tp4a_reserve() hands out
 * frames under the caller's lock, tp4a_release() takes them back, in any
 * order, without it.
 */

#include <linux/bug.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/tpacket4.h>

#include "tp4_internal.h"

/* Frames that tp4a_reserve() reads ahead, to visit a cache line once. */
#define TP4_RX_AHEAD	16

/* Invalid descriptors that one received packet puts up with: what a hostile
 * ring can cost the CPU that receives.
 */
#define TP4_RX_INVALID	64

static struct tp4_packet_array *tp4a_new(struct tp4_queue *q, size_t elems,
					 struct device *dev,
					 enum dma_data_direction direction,
					 enum tp4_validation validation)
{
	struct tp4_packet_array *a;

	if (!is_power_of_2(elems) || elems > BIT(31))
		return NULL;

	a = kvzalloc(struct_size(a, items, elems), GFP_KERNEL_ACCOUNT);
	if (!a)
		return NULL;

	a->queue_opaque = q;
	a->dev = dev;
	a->direction = direction;
	a->validation = validation;
	a->frames = q->umem->addr;
	a->frame_nr = q->umem->frame_nr;
	a->frame_shift = q->umem->frame_shift;
	a->headroom = q->headroom;
	/* A longer packet could never be whole on the ring. */
	a->frames_max = min_t(size_t, elems, tp4q_nr(q));
	a->mask = elems - 1;
	return a;
}

/**
 * tp4a_rx_new - make a packet array for receiving (paper: Figure 6)
 * @rx_opaque: the RX queue that frames come from and packets go to
 * @elems: number of frames that the array can hold, a power of two
 * @dev: device that will write the frames by DMA, or NULL
 *
 * Context: process, may sleep.
 * Return: the array, to be freed with tp4a_free(); NULL if @elems is no power
 * of two or there is no memory.
 */
struct tp4_packet_array *tp4a_rx_new(void *rx_opaque, size_t elems,
				     struct device *dev)
{
	return tp4a_new(rx_opaque, elems, dev, DMA_FROM_DEVICE,
			TP4_VALIDATION_IDX);
}
EXPORT_SYMBOL_GPL(tp4a_rx_new);

/**
 * tp4a_tx_new - make a packet array for sending (paper: Figure 6)
 * @tx_opaque: the TX queue that packets come from and completions go to
 * @elems: number of frames that the array can hold, a power of two, and the
 *	most frames that a packet may have
 * @dev: device that will read the frames by DMA, or NULL
 *
 * Context: process, may sleep.
 * Return: the array, to be freed with tp4a_free(); NULL if @elems is no power
 * of two or there is no memory.
 */
struct tp4_packet_array *tp4a_tx_new(void *tx_opaque, size_t elems,
				     struct device *dev)
{
	return tp4a_new(tx_opaque, elems, dev, DMA_TO_DEVICE,
			TP4_VALIDATION_DESC);
}
EXPORT_SYMBOL_GPL(tp4a_tx_new);

/**
 * tp4a_free - free a packet array
 * @a: the array, or NULL; what it holds is forgotten
 *
 * Context: process.
 */
void tp4a_free(struct tp4_packet_array *a)
{
	kvfree(a);
}
EXPORT_SYMBOL_GPL(tp4a_free);

static int tp4a_check(const struct tp4_packet_array *a,
		      const struct tpacket4_desc *d)
{
	switch (a->validation) {
	case TP4_VALIDATION_IDX:
		return tp4_check_idx(d, a->frame_nr);
	case TP4_VALIDATION_DESC:
		return tp4_check_desc(d, a->frame_nr, 1U << a->frame_shift);
	case TP4_VALIDATION_NONE:
		break;
	}
	return 0;
}

/* The packet that is being gathered will not be sent: what there is of it goes
 * back now, the rest as it comes.
 */
static void tp4a_cancel_gathered(struct tp4_packet_array *a, u8 error)
{
	u32 i;

	for (i = a->end; i != a->gathered; i++)
		tp4q_answer(a->queue_opaque, tp4a_item(a, i), error);
	a->gathered = a->end;
	a->gather_error = error;
}

static void tp4a_add(struct tp4_packet_array *a, struct tpacket4_desc *d)
{
	struct tp4_queue *q = a->queue_opaque;
	int error = -tp4a_check(a, d);
	bool is_eop;

	if (a->validation == TP4_VALIDATION_IDX)
		*d = (struct tpacket4_desc) { .idx = d->idx };
	d->flags &= TP4_PKT_KEEP | TP4_PKT_CONT;
	d->error = 0;
	is_eop = !(d->flags & TP4_PKT_CONT);

	if (!error && !a->gather_error) {
		if (is_eop || a->gathered + 1 - a->end < a->frames_max) {
			*tp4a_item(a, a->gathered++) = *d;
			if (is_eop)
				a->end = a->gathered;
			return;
		}
		error = EMSGSIZE;
	}

	if (error == EMSGSIZE)
		q->too_long++;
	else if (error)
		q->invalid++;
	if (!a->gather_error)
		tp4a_cancel_gathered(a, error == EMSGSIZE ? EMSGSIZE :
							    ECANCELED);
	tp4q_answer(q, d, error ?: a->gather_error);
	if (is_eop)
		a->gather_error = 0;
}

/**
 * tp4a_populate - fill an array with what user space has queued
 * @a: the array
 *
 * Takes descriptors as long as there are any and the array has room, and checks
 * them as the array's &enum tp4_validation says. An invalid one is answered at
 * once with EBADF or EINVAL. On TX it costs its packet: the packet's other
 * frames come back with ECANCELED, those of a packet of more than
 * &tp4_packet_array.frames_max frames with EMSGSIZE. A packet whose last frame
 * is not there yet is not handed out.
 *
 * Context: any; the caller is the array's owner.
 */
void tp4a_populate(struct tp4_packet_array *a)
{
	struct tp4_queue *q = a->queue_opaque;
	struct tpacket4_desc d;
	u32 n = tp4q_nr(q);

	/* Each slot once: invalid ones take no room in the array, and a second
	 * thread could write new ones for ever.
	 */
	while (a->gathered - a->start <= a->mask && n-- && tp4q_take(q, &d))
		tp4a_add(a, &d);
}
EXPORT_SYMBOL_GPL(tp4a_populate);

/**
 * tp4a_flush - give to user space what has been taken out of an array
 * @a: the array
 *
 * Gives back the frames that tp4a_next_packet() and tp4a_next_frame() returned,
 * with the lengths and errors set since, up to the end of the last whole
 * packet. User space finds them all at once.
 *
 * Context: any; the caller is the array's owner.
 * Return: number of frames given back.
 */
int tp4a_flush(struct tp4_packet_array *a)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 n = a->curr - a->start;

	while (n && (tp4a_item(a, a->start + n - 1)->flags & TP4_PKT_CONT))
		n--;
	if (!n)
		return 0;

	tp4q_give(q, q->tail, a->items, a->mask, a->start, n);
	tp4q_advance_tail(q, n);
	a->start += n;
	return n;
}
EXPORT_SYMBOL_GPL(tp4a_flush);

/*
 * Concurrent arrays: item i is slot i. TP4_DESC_KERNEL in the item, which user
 * space cannot see, marks a slot that the kernel holds, from tp4a_fill() to
 * tp4a_release():
 *
 *	tp4a_release()			tp4a_fill()
 *
 *	tp4q_give()
 *	STORE.rel mark = 0 (E)	->	LOAD.acq mark (F)
 *					tp4q_read()
 *
 * (E) pairs with (F): without it tp4a_fill() could see the mark gone and the
 * slot's flag from before tp4q_give(), and take the frame a second time.
 */

/* Is there, after reading more from the ring, room for @n frames? */
static bool tp4a_fill(struct tp4_packet_array *a, u32 n)
{
	struct tp4_queue *q = a->queue_opaque;
	unsigned int invalid = 0;
	struct tpacket4_desc d;

	while (a->end - a->curr < n + TP4_RX_AHEAD) {
		struct tpacket4_desc *item = tp4a_item(a, a->end);

		/* (F) pairs with (E) in tp4a_release() */
		if (smp_load_acquire(&item->flags) & TP4_DESC_KERNEL)
			break;
		if (!tp4q_read(q, a->end, &d))
			break;

		if (likely(!tp4a_check(a, &d))) {
			*item = (struct tpacket4_desc) {
				.idx = d.idx,
				.flags = TP4_DESC_KERNEL,
			};
			a->end++;
			continue;
		}

		if (invalid++ == TP4_RX_INVALID)
			break;
		q->invalid++;
		/* Answer in the oldest slot that is not with a packet; the
		 * frame that was given there moves here. One empty frame is
		 * as good as another.
		 */
		d = (struct tpacket4_desc) { .idx = d.idx, .error = EBADF };
		*item = *tp4a_item(a, a->curr);
		item->flags = TP4_DESC_KERNEL;
		tp4q_give(q, a->curr, &d, 0, 0, 1);
		/* (E) pairs with (F): another CPU holds the lock by then */
		smp_store_release(&tp4a_item(a, a->curr)->flags, 0);
		a->start = a->curr + 1;
		WRITE_ONCE(a->curr, a->start);
		a->end++;
	}

	return a->end - a->curr >= n;
}

/**
 * tp4a_reserve - get empty frames for a packet, all or none
 * @a: concurrent array
 * @n: number of frames, at least 1
 * @p: set to the frames, the first one being current
 *
 * Context: any; the caller holds the lock of the array.
 * Return: false if user space has not given that many.
 */
bool tp4a_reserve(struct tp4_packet_array *a, u32 n, struct tp4_frame_set *p)
{
	if (a->end - a->curr < n && !tp4a_fill(a, n))
		return false;

	p->pkt_arr = a;
	p->start = a->curr;
	p->curr = a->curr;
	p->end = a->curr + n;
	a->start = p->end;
	/* tp4_rx_room() looks at it without the lock. */
	WRITE_ONCE(a->curr, p->end);
	return true;
}

/**
 * tp4a_release - give a packet to user space
 * @p: frames from tp4a_reserve(), described with tp4f_set_frame()
 *
 * The packet's first frame is handed over last: user space finds it whole.
 *
 * Context: any. Needs no lock.
 */
void tp4a_release(const struct tp4_frame_set *p)
{
	struct tp4_packet_array *a = p->pkt_arr;
	u32 i;

	tp4q_give(a->queue_opaque, p->start, a->items, a->mask, p->start,
		  p->end - p->start);

	for (i = p->start; i != p->end; i++)
		/* (E) pairs with (F) in tp4a_fill() */
		smp_store_release(&tp4a_item(a, i)->flags, 0);
}

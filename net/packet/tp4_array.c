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

#include <linux/bpf.h>
#include <linux/bug.h>
#include <linux/dma-mapping.h>
#include <linux/export.h>
#include <linux/log2.h>
#include <linux/minmax.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/tpacket4.h>
#include <trace/events/tpacket4.h>

#include "tp4_internal.h"

/* Invalid descriptors that one received packet, or one call of tp4a_populate(),
 * puts up with: what a hostile ring can cost the CPU that receives or sends.
 */
#define TP4_INVALID_MAX	64

static struct tp4_packet_array *tp4a_new(struct tp4_queue *q, size_t elems,
					 struct device *dev,
					 enum dma_data_direction direction,
					 enum tp4_validation validation)
{
	struct tp4_packet_array *a;
	const dma_addr_t *dma;

	if (!is_power_of_2(elems) || elems > BIT(31))
		return NULL;

	a = kvzalloc(struct_size(a, items, elems), GFP_KERNEL_ACCOUNT);
	if (!a)
		return NULL;

	if (dev) {
		dma = tp4_umem_map(q->umem, dev);
		if (!dma) {
			kvfree(a);
			return NULL;
		}
		a->dma = dma;
	}

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
 * The array's headroom is what the socket asks for, and at least
 * XDP_PACKET_HEADROOM.
 *
 * Context: process, may sleep.
 * Return: the array, to be freed with tp4a_free(); NULL if @elems is no power
 * of two, there is no memory or the packet buffer cannot be mapped for @dev.
 */
struct tp4_packet_array *tp4a_rx_new(void *rx_opaque, size_t elems,
				     struct device *dev)
{
	struct tp4_packet_array *a;

	a = tp4a_new(rx_opaque, elems, dev, DMA_FROM_DEVICE,
		     TP4_VALIDATION_IDX);
	if (a)
		a->headroom = max_t(u32, a->headroom, XDP_PACKET_HEADROOM);
	return a;
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
 * of two, there is no memory or the packet buffer cannot be mapped for @dev.
 */
struct tp4_packet_array *tp4a_tx_new(void *tx_opaque, size_t elems,
				     struct device *dev)
{
	return tp4a_new(tx_opaque, elems, dev, DMA_TO_DEVICE,
			TP4_VALIDATION_DESC);
}
EXPORT_SYMBOL_GPL(tp4a_tx_new);

/* Frees an array that user space expects nothing from. */
void tp4a_destroy(struct tp4_packet_array *a)
{
	struct tp4_queue *q;

	if (!a)
		return;
	q = a->queue_opaque;
	if (a->dev)
		tp4_umem_unmap(q->umem, a->dev);
	kvfree(a);
}

/**
 * tp4a_free - free a packet array
 * @a: the array, or NULL
 *
 * What the array holds goes back to user space, with an errno that tells why:
 * frames that were to receive, empty, and packets that were not flushed. The
 * device must be done with them.
 *
 * Context: process, may sleep.
 */
void tp4a_free(struct tp4_packet_array *a)
{
	struct tp4_queue *q;
	u32 i, n;

	if (!a)
		return;

	q = a->queue_opaque;
	n = a->gathered - a->start;
	for (i = a->start; i != a->gathered; i++) {
		struct tpacket4_desc *d = tp4a_item(a, i);

		if (a->validation == TP4_VALIDATION_IDX)
			*d = (struct tpacket4_desc) { .idx = d->idx };
		d->error = q->cancel_error ?: ECANCELED;
	}
	if (n) {
		tp4q_give(q, q->tail, a->items, a->mask, a->start, n);
		tp4q_advance_tail(q, n);
	}
	/* The end of a packet may still come. */
	if (a->gathered != a->end)
		q->gather_error = q->cancel_error ?: ECANCELED;
	WRITE_ONCE(q->partial, 0);
	if (a->validation == TP4_VALIDATION_IDX)
		tp4a_rx_idle(a, false);
	tp4a_destroy(a);
}
EXPORT_SYMBOL_GPL(tp4a_free);

/* Un-takes what an array holds, so that another array finds it on the ring as
 * if this one had never been. The caller owns an array that is ordered, or keeps
 * all others from one that is concurrent.
 */
void tp4a_rewind(struct tp4_packet_array *a, bool concurrent)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 first = concurrent ? a->curr : a->start;
	u32 last = concurrent ? a->end : a->gathered;
	u32 slot = concurrent ? a->curr : q->tail;
	u32 i;

	for (i = first; i != last; i++) {
		struct tpacket4_desc *d = tp4a_item(a, i);

		d->flags &= ~TP4_DESC_KERNEL;
		tp4q_restore(q, slot + (i - first), d);
	}
	WRITE_ONCE(q->head, slot);
	WRITE_ONCE(q->tail, slot);
	WRITE_ONCE(q->partial, 0);
	tp4a_reset(a, concurrent);
}

/* Lets an empty array go on where the ring is. */
void tp4a_reset(struct tp4_packet_array *a, bool concurrent)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 at = concurrent ? q->tail : 0;

	a->start = at;
	/* tp4_rx_room() looks at it without a lock. */
	WRITE_ONCE(a->curr, at);
	a->end = at;
	a->gathered = at;
}

static void tp4a_sync_for_device(const struct tp4_packet_array *a, u32 first,
				 u32 n)
{
	struct tp4_frame_set p = { .pkt_arr = (struct tp4_packet_array *)a };

	if (!dma_dev_need_sync(a->dev))
		return;
	for (p.curr = first; p.curr != first + n; p.curr++)
		dma_sync_single_for_device(a->dev, tp4f_get_dma(&p),
					   1U << a->frame_shift, a->direction);
}

static void tp4a_sync_for_cpu(const struct tp4_packet_array *a, u32 first,
			      u32 n)
{
	struct tp4_frame_set p = { .pkt_arr = (struct tp4_packet_array *)a };

	if (!dma_dev_need_sync(a->dev))
		return;
	for (p.curr = first; p.curr != first + n; p.curr++)
		dma_sync_single_for_cpu(a->dev, tp4f_get_dma(&p),
					1U << a->frame_shift, a->direction);
}

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

static void tp4_invalid(struct tp4_queue *q, const struct tpacket4_desc *d,
			int error)
{
	tp4_stat_add(&q->stats.invalid, 1);
	trace_tp4_invalid_desc(d->idx, d->len, d->offset, d->flags, error);
}

/* The packet that is being gathered will not be sent: what there is of it goes
 * back now, the rest as it comes.
 */
static void tp4a_cancel_gathered(struct tp4_packet_array *a, u8 error)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 i;

	for (i = a->end; i != a->gathered; i++)
		tp4q_answer(q, tp4a_item(a, i), error);
	a->answered += a->gathered - a->end;
	a->gathered = a->end;
	q->gather_error = error;
}

static void tp4a_add(struct tp4_packet_array *a, struct tpacket4_desc *d)
{
	struct tp4_queue *q = a->queue_opaque;
	int error = -tp4a_check(a, d);
	bool is_eop;

	if (unlikely(error))
		tp4_invalid(q, d, error);
	if (a->validation == TP4_VALIDATION_IDX)
		*d = (struct tpacket4_desc) { .idx = d->idx };
	d->flags &= TP4_PKT_KEEP | TP4_PKT_CONT;
	d->error = 0;
	is_eop = !(d->flags & TP4_PKT_CONT);

	if (!error && !q->gather_error) {
		if (is_eop || a->gathered + 1 - a->end < a->frames_max) {
			*tp4a_item(a, a->gathered++) = *d;
			if (is_eop)
				a->end = a->gathered;
			return;
		}
		tp4_stat_add(&q->stats.too_long, 1);
		error = EMSGSIZE;
	}

	if (!q->gather_error)
		tp4a_cancel_gathered(a, error == EMSGSIZE ? EMSGSIZE :
							    ECANCELED);
	tp4q_answer(q, d, error ?: q->gather_error);
	a->answered++;
	if (is_eop)
		q->gather_error = 0;
}

/* Adds packets of one frame, as long as there is nothing but those. */
static void tp4a_add_plain(struct tp4_packet_array *a)
{
	u32 room = a->mask + 1 - (a->gathered - a->start);
	struct tp4_queue *q = a->queue_opaque;

	if (unlikely(q->gather_error || a->gathered != a->end))
		return;
	if (a->validation == TP4_VALIDATION_IDX)
		a->end += tp4q_take_plain(q, a->items, a->mask, a->end, room,
					  a->frame_nr, 0);
	else if (a->validation == TP4_VALIDATION_DESC)
		a->end += tp4q_take_plain(q, a->items, a->mask, a->end, room,
					  a->frame_nr, 1U << a->frame_shift);
	a->gathered = a->end;
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
 * is not there yet is not handed out. After a number of descriptors that had to be
 * answered, the rest is left for the next call.
 *
 * Context: any; the caller is the array's owner.
 */
void tp4a_populate(struct tp4_packet_array *a)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 limit = a->answered + TP4_INVALID_MAX;
	struct tpacket4_desc d;
	u32 first = a->end;

	/* Invalid ones take no room in the array, and a second thread could
	 * write new ones for ever.
	 */
	for (;;) {
		tp4a_add_plain(a);
		if (a->gathered - a->start > a->mask ||
		    (s32)(limit - a->answered) <= 0 || !tp4q_take(q, &d))
			break;
		tp4a_add(a, &d);
	}

	/* tp4q_idle() looks at it from anywhere. Who waits in send() does not
	 * wait for a packet without its end: user space is to be told.
	 */
	if (unlikely(q->partial != a->gathered - a->end)) {
		WRITE_ONCE(q->partial, a->gathered - a->end);
		a->answered++;
	}
	if (a->dma)
		tp4a_sync_for_device(a, first, a->gathered - first);
}
EXPORT_SYMBOL_GPL(tp4a_populate);

/* What a program has kept from user space is empty frames again. They go to
 * the array's end, where there is room for them, as they held room before.
 */
static void tp4a_recycle(struct tp4_packet_array *a, u32 first, u32 n)
{
	u32 i;

	if (a->dma)
		tp4a_sync_for_device(a, first, n);
	for (i = first; i != first + n; i++) {
		u64 idx = tp4a_item(a, i)->idx;

		*tp4a_item(a, a->end++) = (struct tpacket4_desc) { .idx = idx };
	}
	a->gathered = a->end;
}

/**
 * tp4a_skip_frame - leave out the next frame
 * @a: packet array for receiving, with a frame that was not taken
 *
 * For a device that has used up the frame's turn, but not the frame. It becomes
 * an empty frame at the array's end. Frame sets of what was taken and not flushed
 * are void.
 *
 * Context: any; the caller is the array's owner.
 */
void tp4a_skip_frame(struct tp4_packet_array *a)
{
	u64 idx = tp4a_item(a, a->curr)->idx;
	u32 i;

	/* What was taken moves up, so there is room at the end. */
	for (i = a->curr++; i != a->start; i--)
		*tp4a_item(a, i) = *tp4a_item(a, i - 1);
	a->start++;
	*tp4a_item(a, a->end++) = (struct tpacket4_desc) { .idx = idx };
	a->gathered = a->end;
}
EXPORT_SYMBOL_GPL(tp4a_skip_frame);

/**
 * tp4a_untake - undo all that was taken since the last tp4a_flush()
 * @a: packet array for receiving
 *
 * For a device that was stopped in the middle of a packet, the beginning of which
 * is still in the array. Its frames are empty again, and the next to be taken.
 *
 * Context: any; the caller is the array's owner.
 */
void tp4a_untake(struct tp4_packet_array *a)
{
	u32 i;

	for (i = a->start; i != a->curr; i++) {
		u64 idx = tp4a_item(a, i)->idx;

		*tp4a_item(a, i) = (struct tpacket4_desc) { .idx = idx };
	}
	a->curr = a->start;
}
EXPORT_SYMBOL_GPL(tp4a_untake);

/**
 * tp4a_flush - give to user space what has been taken out of an array
 * @a: the array
 *
 * Gives back the frames that tp4a_next_packet(), tp4a_next_frame() and the like
 * have taken, with the lengths and errors set since, up to the end of the last whole
 * packet. User space finds them all at once.
 *
 * If the array has an XDP program, it decides for each packet first. Frames of
 * packets that do not go to user space become empty frames at the end of the
 * array.
 *
 * Context: any; the caller is the array's owner. NAPI, if the array has an XDP
 * program.
 * Return: number of frames given back, and of what else tp4a_populate() has done
 * since the last call that user space may be waiting for: invalid descriptors
 * that it has answered, and packets whose end is missing that it has begun to
 * take. If it is not 0, user space is to be told.
 */
int tp4a_flush(struct tp4_packet_array *a)
{
	struct tp4_queue *q = a->queue_opaque;
	u32 n = a->curr - a->start;
	u32 answered = a->answered;
	struct tp4_given given;
	u32 keep;

	a->answered = 0;
	while (n && (tp4a_item(a, a->start + n - 1)->flags & TP4_PKT_CONT))
		n--;
	if (!n)
		return answered;

	if (a->dma && a->direction == DMA_FROM_DEVICE)
		tp4a_sync_for_cpu(a, a->start, n);

	keep = rcu_access_pointer(a->xdp_prog) ? tp4_xdp_run(a, n) : n;
	if (likely(keep)) {
		given = tp4q_give(q, q->tail, a->items, a->mask, a->start,
				  keep);
		tp4_stat_add(&q->stats.packets, given.packets);
		tp4_stat_add(&q->stats.bytes, given.bytes);
		if (unlikely(given.failed))
			tp4_stat_add(&q->stats.failed, given.failed);
		tp4q_advance_tail(q, keep);
	}
	if (keep != n)
		tp4a_recycle(a, a->start + keep, n - keep);
	a->start += n;
	return keep + answered;
}
EXPORT_SYMBOL_GPL(tp4a_flush);

/**
 * tp4a_tx_busy - let user space send without a system call
 * @a: packet array for sending
 *
 * To be called by NAPI before tp4a_populate().
 */
void tp4a_tx_busy(struct tp4_packet_array *a)
{
	struct tp4_queue *q = a->queue_opaque;

	if (q->status && q->status->tx_flags)
		WRITE_ONCE(q->status->tx_flags, 0);
}
EXPORT_SYMBOL_GPL(tp4a_tx_busy);

/**
 * tp4a_tx_idle - from now on, user space has to call send()
 * @a: packet array for sending
 * @posted: number of frames, from the next one that would be taken, that the
 *	device has been given; 0 for devices that are done with them at once
 *
 * To be called by NAPI when it is about to stop:
 *
 *	kernel				user space
 *
 *	STORE TP4_STATUS_TX_KICK	publish packets
 *	full barrier (G)	<->	full barrier (H)
 *	LOAD next slot			LOAD TP4_STATUS_TX_KICK
 *
 * (G) pairs with (H): at least one of both sees what the other has done.
 *
 * Context: the caller is the array's owner, or nobody is.
 * Return: true if there is nothing to send that the device does not have, or
 * nothing can be done about it before the device is done with some of that, as
 * the array is full; false if NAPI has to go on.
 */
bool tp4a_tx_idle(struct tp4_packet_array *a, u32 posted)
{
	struct tp4_queue *q = a->queue_opaque;

	if (q->status) {
		WRITE_ONCE(q->status->tx_flags, TP4_STATUS_TX_KICK);
		smp_mb();	/* (G) */
	}
	/* A packet without its end leaves room: the device has what fills it. */
	return a->end - a->curr == posted &&
	       (a->gathered - a->start > a->mask || tp4q_is_taken(q));
}
EXPORT_SYMBOL_GPL(tp4a_tx_idle);

/**
 * tp4a_rx_idle - from now on, user space has to tell of new empty frames
 * @a: packet array for receiving
 * @wants_frames: the device has room for more frames than user space has given
 *
 * To be called by NAPI when it is about to stop, by drivers of devices that have
 * frames for a while. A device with few frames left may never cause an interrupt
 * again, so poll() then gets NAPI going if there are new ones, as send() does if
 * there are packets.
 * The barriers are those of tp4a_tx_idle().
 *
 * For a program that only looks at its ring, a driver calls its NAPI from time
 * to time while @wants_frames lasts.
 *
 * Context: the caller is the array's owner, or nobody is.
 * Return: true if there is no frame that the device could have; false if NAPI has
 * to go on.
 */
bool tp4a_rx_idle(struct tp4_packet_array *a, bool wants_frames)
{
	u32 flags = wants_frames ? TP4_STATUS_RX_KICK : 0;
	struct tp4_queue *q = a->queue_opaque;

	if (q->wants_frames != wants_frames)
		WRITE_ONCE(q->wants_frames, wants_frames);
	if (q->status && q->status->rx_flags != flags)
		WRITE_ONCE(q->status->rx_flags, flags);
	if (!wants_frames)
		return true;
	smp_mb();	/* (G) */
	return tp4q_is_taken(q);
}
EXPORT_SYMBOL_GPL(tp4a_rx_idle);

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

	while (a->end - a->curr < n) {
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

		if (invalid++ == TP4_INVALID_MAX)
			break;
		tp4_invalid(q, &d, EBADF);
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

/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_PACKET V4: the descriptor ring that the kernel shares with user space
 *
 * A ring of desc_nr slots of 16 bytes (paper: Figure 3). The flag
 * TP4_DESC_KERNEL says whose slot it is, and a zeroed ring is user space's.
 * Both sides walk the ring in order and keep their indices to themselves: the
 * kernel never reads an index that user space could write.
 *
 * The flag shares the last 32 bits of a descriptor, the owner word, with
 * offset and error. This word hands the slot over:
 *
 *	user space			kernel
 *
 *	STORE idx, len
 *	STORE.rel owner (A)	->	LOAD.acq owner (B)	tp4q_read()
 *					LOAD idx, len
 *					use the frame
 *					STORE idx, len
 *	LOAD.acq owner (D)	<-	STORE.rel owner (C)	tp4q_give()
 *	LOAD idx, len
 *	use the frame
 *
 * (A) pairs with (B): without it the kernel could see the flag before the
 * descriptor and the packet that it announces. (C) pairs with (D): without it
 * user space could see its slot back before the kernel has written the packet
 * (RX) or is done with reading it (TX).
 *
 * A batch is handed over with one release: its slots are written last to
 * first, and only the first one's owner word is stored with release. As the
 * other side goes through the ring in order, it sees none of the batch before
 * that word, and all of it behind it. The cache line that the other side looks
 * at changes hands once per batch, not once per descriptor.
 *
 * A slot that the kernel has taken still shows TP4_DESC_KERNEL. What keeps a
 * wrapped index from taking it twice is kernel memory: for queues with one
 * user at a time the count of held slots, tp4_queue.head - tp4_queue.tail; for
 * copy mode receive, which many CPUs enter, a mark in the array's item, see
 * (E) and (F) in tp4_array.c.
 *
 * Everything in a slot may change at any time. Each field is read once, into
 * kernel memory, and only this copy is checked and used.
 *
 * Where 64 bits are read and written at once, the length goes with the owner word:
 * two accesses for a slot instead of three. The other side need not do so: who
 * sees an owner word sees a length that is at least as new, as (A) and (C) order
 * them.
 */

#ifndef _TP4_QUEUE_H
#define _TP4_QUEUE_H

#include <linux/build_bug.h>
#include <linux/compiler.h>
#include <linux/errno.h>
#include <linux/if_packet.h>
#include <linux/prefetch.h>
#include <linux/types.h>
#include <asm/barrier.h>

struct tp4_umem;

/* XDP_ABORTED to XDP_PASS_TO_KERNEL */
#define TP4_XDP_ACTIONS		6

/* A slot, with the 32 bits that hand it over as one. */
union tp4_slot {
	struct tpacket4_desc desc;
	struct {
		u64 idx;
		union {
			struct {
				u32 len;
				u32 owner;
			};
			u64 len_owner;
		};
	};
};

/* Constants: the bits of fields of struct tpacket4_desc, as they are in len_owner. */
#define TP4_SLOT_BITS(...)						\
	(((const union tp4_slot) { .desc = { __VA_ARGS__ } }).len_owner)

/* The slot is the kernel's. */
#define TP4_SLOT_KERNEL		TP4_SLOT_BITS(.flags = TP4_DESC_KERNEL)
/* It is no whole packet, or has an error. */
#define TP4_SLOT_OTHER		TP4_SLOT_BITS(.error = 0xff,		\
					      .flags = TP4_PKT_CONT)
/* It is not just a packet. */
#define TP4_SLOT_NOT_PLAIN	TP4_SLOT_BITS(.error = 0xff, .flags = 0xff)

/* What is read now is written by tp4q_give(): so a cache line comes from the other
 * CPU for writing, once, and this many slots before it is read. Nothing comes of
 * what is beyond the end of the ring.
 */
#define TP4_SLOTS_AHEAD		32

static_assert(sizeof(union tp4_slot) == 16);
static_assert(offsetof(union tp4_slot, owner) ==
	      offsetof(struct tpacket4_desc, offset));

/**
 * struct tp4_queue_stats - counters of a queue
 * @invalid: descriptors that failed validation
 * @too_long: packets of more frames than an array takes
 * @packets: packets given to user space by tp4a_flush()
 * @bytes: bytes of those that have no error
 * @failed: those that have one
 * @no_frame: packets dropped as user space had given too few frames
 * @xdp: packets by XDP action
 * @xdp_errors: packets that a program could not see, or whose action failed
 *
 * Written by the owner of the array. Who reads them meanwhile gets each one as
 * it was at some time; on 32-bit machines its halves may not match.
 */
struct tp4_queue_stats {
	u64 invalid;
	u64 too_long;
	u64 packets;
	u64 bytes;
	u64 failed;
	u64 no_frame;
	u64 xdp[TP4_XDP_ACTIONS];
	u64 xdp_errors;
};

static inline void tp4_stat_add(u64 *stat, u64 n)
{
	WRITE_ONCE(*stat, *stat + n);
}

/**
 * struct tp4_queue - the kernel's side of a ring
 * @ring: shared with user space
 * @mask: number of slots, a power of two, minus one
 * @head: next slot to take from user space
 * @tail: oldest slot that the kernel holds: the next to give back
 * @umem: packet buffer that the descriptors refer to
 * @headroom: bytes that received data leaves free at the start of a frame
 * @gather_error: errno for the rest of the packet being gathered, or 0: that a
 *	packet is bad must outlive the array that has found it out
 * @cancel_error: errno for what tp4a_free() gives back
 * @partial: slots held for a packet whose end is missing
 * @wants_frames: poll() has to tell the driver of new frames
 * @status: page that user space can map; NULL in tests
 * @stats: see there
 *
 * @head and @tail are free-running. Serialised by the owner of the packet array
 * that sits on the queue, and read by anyone. Copy mode receive uses neither,
 * see tp4a_reserve().
 */
struct tp4_queue {
	union tp4_slot *ring;
	u32 mask;
	u32 head;
	u32 tail;
	struct tp4_umem *umem;
	u32 headroom;
	u8 gather_error;
	u8 cancel_error;
	u32 partial;
	bool wants_frames;
	struct tpacket4_status *status;
	struct tp4_queue_stats stats;
};

static inline u32 tp4q_nr(const struct tp4_queue *q)
{
	return q->mask + 1;
}

#define TP4_TX_FLAGS	(TP4_PKT_CONT | TP4_PKT_KEEP | TP4_DESC_KERNEL)

/**
 * tp4_check_idx - check a descriptor that gives the kernel an empty frame
 * @d: snapshot of the descriptor
 * @frame_nr: number of frames in the packet buffer
 *
 * Return: 0, or -EBADF if there is no such frame.
 */
static inline int tp4_check_idx(const struct tpacket4_desc *d, u32 frame_nr)
{
	return d->idx < frame_nr ? 0 : -EBADF;
}

/**
 * tp4_check_desc - check a descriptor that gives the kernel a frame to send
 * @d: snapshot of the descriptor
 * @frame_nr: number of frames in the packet buffer
 * @frame_size: size of a frame in bytes
 *
 * Return: 0; -EBADF if there is no such frame, or the data is not within it;
 * -EINVAL if there is no data, or an unknown flag is set.
 */
static inline int tp4_check_desc(const struct tpacket4_desc *d, u32 frame_nr,
				 u32 frame_size)
{
	if (d->idx >= frame_nr)
		return -EBADF;
	/* In this order nothing can wrap. */
	if (d->len > frame_size || d->offset > frame_size - d->len)
		return -EBADF;
	if (!d->len || (d->flags & ~TP4_TX_FLAGS))
		return -EINVAL;
	return 0;
}

/* Reads the length and the owner word; what is read then is behind them. */
static inline void tp4q_load_owner(const union tp4_slot *s,
				   union tp4_slot *copy)
{
#ifdef CONFIG_64BIT
	/* (B) pairs with (A) in user space */
	copy->len_owner = smp_load_acquire(&s->len_owner);
#else
	/* (B), too */
	copy->owner = smp_load_acquire(&s->owner);
	copy->len = READ_ONCE(s->len);
#endif
}

/* Writes a slot that the kernel holds; nobody looks at it yet. */
static inline void tp4q_store(union tp4_slot *s, const union tp4_slot *copy)
{
	WRITE_ONCE(s->idx, copy->idx);
#ifdef CONFIG_64BIT
	WRITE_ONCE(s->len_owner, copy->len_owner);
#else
	WRITE_ONCE(s->len, copy->len);
	WRITE_ONCE(s->owner, copy->owner);
#endif
}

/* The same, and hands over this slot and all that was written before. */
static inline void tp4q_store_release(union tp4_slot *s,
				      const union tp4_slot *copy)
{
	WRITE_ONCE(s->idx, copy->idx);
#ifdef CONFIG_64BIT
	/* (C) pairs with (D) in user space */
	smp_store_release(&s->len_owner, copy->len_owner);
#else
	WRITE_ONCE(s->len, copy->len);
	/* (C), too */
	smp_store_release(&s->owner, copy->owner);
#endif
}

/* Takes a snapshot of a slot, if it is the kernel's. */
static inline bool tp4q_load(const union tp4_slot *s, union tp4_slot *copy)
{
	tp4q_load_owner(s, copy);
	if (!(copy->len_owner & TP4_SLOT_KERNEL))
		return false;

	copy->idx = READ_ONCE(s->idx);
	return true;
}

/**
 * tp4q_read - take a snapshot of a slot, if it is the kernel's
 * @q: queue
 * @slot: free-running slot number
 * @d: set to the descriptor
 *
 * Return: false if the slot is user space's.
 */
static inline bool tp4q_read(const struct tp4_queue *q, u32 slot,
			     struct tpacket4_desc *d)
{
	union tp4_slot copy;

	if (!tp4q_load(&q->ring[slot & q->mask], &copy))
		return false;
	*d = copy.desc;
	return true;
}

/**
 * tp4q_take - take the next descriptor from user space
 * @q: queue
 * @d: set to the descriptor
 *
 * Return: false if there is none, or if the kernel holds all slots.
 */
static inline bool tp4q_take(struct tp4_queue *q, struct tpacket4_desc *d)
{
	if (q->head - q->tail > q->mask || !tp4q_read(q, q->head, d))
		return false;
	/* tp4q_idle() looks at it from anywhere. */
	WRITE_ONCE(q->head, q->head + 1);
	return true;
}

/**
 * tp4q_take_plain - take descriptors of the plainest kind, many at once
 * @q: queue
 * @items: where they go
 * @mask: number of @items, a power of two, minus one
 * @first: free-running number of the first item
 * @max: how many there is room for in @items
 * @frame_nr: number of frames in the packet buffer
 * @frame_size: size of a frame in bytes, to check what is to be sent; 0 for
 *	empty frames
 *
 * tp4q_take() and the check in one, for most of what user space gives. Stops at
 * the first one that is invalid, is not a packet of its own, or has a flag: it is
 * left on the ring, for whoever knows what to do with it.
 *
 * Return: how many; fewer than @max also if there are no more.
 */
static __always_inline u32 tp4q_take_plain(struct tp4_queue *q,
					   struct tpacket4_desc *items,
					   u32 mask, u32 first, u32 max,
					   u32 frame_nr, u32 frame_size)
{
	/* The compiler cannot know that the items are not the queue itself. */
	const union tp4_slot *ring = q->ring;
	u32 ring_mask = q->mask;
	u32 head = q->head;
	u32 room, n;

	room = tp4q_nr(q) - (head - q->tail);
	if (max > room)
		max = room;
	for (n = 0; n < max; n++) {
		const union tp4_slot *s = &ring[(head + n) & ring_mask];
		union tp4_slot d;

		prefetchw(s + TP4_SLOTS_AHEAD);
		if (!tp4q_load(s, &d))
			break;
		if (!frame_size) {
			if (unlikely(tp4_check_idx(&d.desc, frame_nr)))
				break;
			d.len_owner = 0;
		} else {
			d.len_owner &= ~TP4_SLOT_KERNEL;
			if (unlikely(d.len_owner & TP4_SLOT_NOT_PLAIN) ||
			    unlikely(tp4_check_desc(&d.desc, frame_nr,
						    frame_size)))
				break;
		}
		items[(first + n) & mask] = d.desc;
	}
	/* tp4q_idle() looks at it from anywhere. */
	if (n)
		WRITE_ONCE(q->head, head + n);
	return n;
}

/* What tp4q_give() has given: packets, bytes of those without an error, and the
 * number of those with one.
 */
struct tp4_given {
	u32 packets;
	u32 failed;
	u64 bytes;
};

/* Notes one that is no whole packet, or has an error. Do its bytes count? */
static inline bool tp4_given_other(struct tp4_given *given,
				   const struct tpacket4_desc *d)
{
	if (d->flags & TP4_PKT_CONT)
		given->packets--;
	else
		given->failed++;
	return !d->error;
}

/**
 * tp4q_give - give descriptors to user space
 * @q: queue
 * @slot: free-running number of the first slot to write
 * @items: array of descriptors, their flags without TP4_DESC_KERNEL
 * @mask: number of @items, a power of two, minus one
 * @first: free-running number of the first item
 * @n: how many, from 1 to the number of slots
 *
 * The slots must be held by the kernel, and @slot be what user space looks at
 * before the others.
 *
 * Return: what was given.
 */
static inline struct tp4_given tp4q_give(struct tp4_queue *q, u32 slot,
					 const struct tpacket4_desc *items,
					 u32 mask, u32 first, u32 n)
{
	struct tp4_given given = { .packets = n };
	/* The compiler cannot know that the slots are not the queue itself. */
	union tp4_slot *ring = q->ring;
	u32 ring_mask = q->mask;

	while (n--) {
		union tp4_slot *s = &ring[(slot + n) & ring_mask];
		union tp4_slot copy = { .desc = items[(first + n) & mask] };

		copy.len_owner &= ~TP4_SLOT_KERNEL;
		if (likely(!(copy.len_owner & TP4_SLOT_OTHER)) ||
		    tp4_given_other(&given, &copy.desc))
			given.bytes += copy.len;
		if (n)
			tp4q_store(s, &copy);
		else
			tp4q_store_release(s, &copy);
	}
	return given;
}

/* The tail is read without a lock by poll() and send(). */
static inline void tp4q_advance_tail(struct tp4_queue *q, u32 n)
{
	/* Pairs with tp4_zc_sent(): what was given has been counted. */
	smp_store_release(&q->tail, q->tail + n);
}

/**
 * tp4q_answer - give one descriptor back with an error, at once
 * @q: queue
 * @d: the descriptor; goes into the oldest slot held, whichever it came from
 * @error: positive errno, as user space will find it
 */
static inline void tp4q_answer(struct tp4_queue *q,
			       const struct tpacket4_desc *d, u8 error)
{
	struct tpacket4_desc answer = *d;

	answer.error = error;
	tp4q_give(q, q->tail, &answer, 0, 0, 1);
	tp4q_advance_tail(q, 1);
}

/**
 * tp4q_user_seen - has user space nothing to find in a slot?
 * @q: queue
 * @slot: free-running number of a slot that was given to user space
 *
 * Return: true if user space has given the slot back, or marked it as seen.
 */
static inline bool tp4q_user_seen(const struct tp4_queue *q, u32 slot)
{
	union tp4_slot copy;

	copy.owner = READ_ONCE(q->ring[slot & q->mask].owner);
	return copy.desc.flags & (TP4_DESC_KERNEL | TP4_DESC_SEEN);
}

/**
 * tp4q_user_owns - is a slot user space's at this moment?
 * @q: queue
 * @slot: free-running slot number
 *
 * A hint for poll(); nothing is read behind it, so there is no barrier.
 *
 * Return: true if the slot does not show TP4_DESC_KERNEL.
 */
static inline bool tp4q_user_owns(const struct tp4_queue *q, u32 slot)
{
	union tp4_slot copy;

	copy.owner = READ_ONCE(q->ring[slot & q->mask].owner);
	return !(copy.desc.flags & TP4_DESC_KERNEL);
}

/**
 * tp4q_restore - write a descriptor that the kernel holds into its slot again
 * @q: queue
 * @slot: free-running slot number
 * @d: the descriptor, without TP4_DESC_KERNEL
 *
 * Goes with moving @head back: the slot is as if it had not been taken. User
 * space does not look at what is there.
 */
static inline void tp4q_restore(struct tp4_queue *q, u32 slot,
				const struct tpacket4_desc *d)
{
	union tp4_slot *s = &q->ring[slot & q->mask];
	union tp4_slot copy = { .desc = *d };

	copy.desc.flags |= TP4_DESC_KERNEL;
	tp4q_store(s, &copy);
}

/**
 * tp4q_idle - is there nothing for the kernel to do?
 * @q: queue that is not used by copy mode receive
 *
 * In any context: what it says may be over by the time that the caller acts on it.
 *
 * Return: true if user space has queued no packet that has not come back.
 */
static inline bool tp4q_idle(const struct tp4_queue *q)
{
	u32 head = READ_ONCE(q->head);

	if (head - READ_ONCE(q->tail) != READ_ONCE(q->partial) ||
	    !tp4q_user_owns(q, head))
		return false;
	/* Not because it was taken, with others, and is back already: pairs with
	 * the release of the slot, before which the head has moved.
	 */
	smp_rmb();
	return READ_ONCE(q->head) == head;
}

/* Has the kernel taken all that user space has queued? For the array's owner. */
static inline bool tp4q_is_taken(const struct tp4_queue *q)
{
	return q->head - q->tail > q->mask || tp4q_user_owns(q, q->head);
}

#endif /* _TP4_QUEUE_H */

// SPDX-License-Identifier: GPL-2.0
/*
 * The ring of TPACKET_V4: the kernel's own headers, and the user's. A packet
 * array takes what frames there are long before they are filled, as drivers in
 * zero copy do; copy mode takes a frame when there is a packet for it.
 */

#include <linux/types.h>
#include <linux/compiler.h>

#include "../../../include/linux/tpacket4.h"
#include "../../../net/packet/tp4_queue.h"

/* The user's header uses the compiler's atomics. */
#include "trace_atomics.h"
#include "tpacket4_user.h"

#include "rings.h"

#define HEADROOM	256

/* What each side keeps to itself; no cache line has some of both. */
static struct {
	struct tp4_queue q;
	union {
		struct tp4_packet_array array;
		unsigned char space[sizeof(struct tp4_packet_array) +
				    RING_NR * sizeof(struct tpacket4_desc)];
	};
} SIDE kernel;

static struct {
	struct tpacket4_queue q;
} SIDE user;

static void v4_init(unsigned int frames)
{
	__u64 idx[RING_NR];
	unsigned int i;

	memset(&kernel, 0, sizeof(kernel));
	kernel.q.ring = ring_alloc(RING_NR * sizeof(*kernel.q.ring));
	kernel.q.mask = RING_NR - 1;
	kernel.array.mask = RING_NR - 1;
	kernel.array.frame_nr = RING_NR;
	kernel.array.headroom = HEADROOM;
	tp4q_init(&user.q, (struct tpacket4_desc *)kernel.q.ring, RING_NR);
	for (i = 0; i < frames; i++)
		idx[i] = i;
	tp4q_enqueue_frames(&user.q, idx, frames);
}

/* What tp4a_populate() does, a driver, and tp4a_flush() */
static inline unsigned int give(uint32_t *next, unsigned int min,
				unsigned int max, unsigned int ahead)
{
	struct tp4_packet_array *a = &kernel.array;
	struct tp4_queue *q = &kernel.q;
	struct tp4_given given;
	struct tp4_frame_set p;
	unsigned int i, n;

	n = a->end - a->curr;
	if (n < max)
		a->end += tp4q_take_plain(q, a->items, a->mask, a->end,
					  ahead - n, a->frame_nr, 0);
	n = a->end - a->curr;
	if (n < min)
		return 0;
	if (n > max)
		n = max;
	for (i = 0; i < n && tp4a_next_frame(a, &p); i++)
		tp4f_set_frame(&p, (*next)++, a->headroom, true);
	given = tp4q_give(q, q->tail, a->items, a->mask, a->start, n);
	tp4_stat_add(&q->stats.packets, given.packets);
	tp4_stat_add(&q->stats.bytes, given.bytes);
	tp4q_advance_tail(q, n);
	a->start += n;
	return n;
}

static unsigned int v4_kernel(uint32_t *next, unsigned int min,
			      unsigned int max)
{
	return give(next, min, max, RING_NR / 2);
}

static unsigned int v4_copy_kernel(uint32_t *next, unsigned int min,
				   unsigned int max)
{
	return give(next, min, max, max);
}

static unsigned int v4_user(uint32_t *len, unsigned int n)
{
	unsigned int i;

	n = tp4q_peek(&user.q, n);
	for (i = 0; i < n; i++)
		len[i] = tp4q_peeked(&user.q, i)->len;
	tp4q_recycle(&user.q, n);
	return n;
}

const struct ring_ops v4_ring = {
	.name = "V4",
	.init = v4_init,
	.kernel = v4_kernel,
	.user = v4_user,
};

const struct ring_ops v4_copy_ring = {
	.name = "V4-copy",
	.init = v4_init,
	.kernel = v4_copy_kernel,
	.user = v4_user,
};

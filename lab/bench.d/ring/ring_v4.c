// SPDX-License-Identifier: GPL-2.0
/*
 * The ring of TPACKET_V4: the kernel's own header, and the user's. A packet
 * array takes what frames there are long before they are filled, as drivers in
 * zero copy do; copy mode takes a frame when there is a packet for it.
 */

#include <linux/types.h>
#include <linux/compiler.h>

#include "../../../net/packet/tp4_queue.h"

/* The user's header uses the compiler's atomics. */
#ifdef MODEL
#define __atomic_load_n(p, order) \
	({ trace_read(p); __atomic_load_n(p, order); })
#define __atomic_store_n(p, v, order) \
	do { trace_write(p); __atomic_store_n(p, v, order); } while (0)
#endif
#include "tpacket4_user.h"

#include "rings.h"

static struct tp4_queue kernel __attribute__((__aligned__(128)));
static struct tpacket4_desc held[RING_NR];
static u32 array_curr;
static u32 array_end;
static struct tpacket4_queue user __attribute__((__aligned__(128)));

static void v4_init(unsigned int frames)
{
	__u64 idx[RING_NR];
	unsigned int i;

	memset(&kernel, 0, sizeof(kernel));
	array_curr = 0;
	array_end = 0;
	kernel.ring = ring_alloc(RING_NR * sizeof(*kernel.ring));
	kernel.mask = RING_NR - 1;
	tp4q_init(&user, (struct tpacket4_desc *)kernel.ring, RING_NR);
	for (i = 0; i < frames; i++)
		idx[i] = i;
	tp4q_enqueue_frames(&user, idx, frames);
}

static inline unsigned int give(uint32_t *next, unsigned int min,
				unsigned int max, unsigned int ahead)
{
	unsigned int i, n;

	if (array_end - array_curr < max)
		array_end += tp4q_take_plain(&kernel, held, RING_NR - 1,
					     array_end,
					     ahead - (array_end - array_curr),
					     RING_NR, 0);
	n = array_end - array_curr;
	if (n < min)
		return 0;
	if (n > max)
		n = max;
	for (i = 0; i < n; i++) {
		union tp4_slot *d;

		d = (union tp4_slot *)&held[(array_curr + i) & (RING_NR - 1)];
		d->len = (*next)++;
		d->owner = 0;
	}
	tp4q_give(&kernel, kernel.tail, held, RING_NR - 1, array_curr, n);
	tp4q_advance_tail(&kernel, n);
	array_curr += n;
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
	struct tpacket4_desc d[MAX_BATCH];
	unsigned int i;

	n = tp4q_dequeue_batch(&user, d, n);
	for (i = 0; i < n; i++)
		len[i] = d[i].len;
	tp4q_enqueue_batch(&user, d, n);
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

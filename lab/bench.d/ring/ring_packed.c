// SPDX-License-Identifier: GPL-2.0
/*
 * A packed virtqueue (virtio 1.1): one ring, in which two flags say whose a
 * descriptor is; what they mean changes each time round. "User" is the driver,
 * "kernel" the device. Buffers are used in order.
 */

#include <string.h>

#include <linux/types.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#include "rings.h"

#define AVAIL	(1 << 7)
#define USED	(1 << 15)

struct desc {
	u64 addr;
	u32 len;
	u16 id;
	u16 flags;
};

/* The device's */
static struct {
	struct desc *ring;
	u32 next;		/* to take; free-running */
	u32 done;		/* to give back */
	u16 id[MAX_BATCH];
	u32 nr;
} SIDE kernel;

/* The driver's */
static struct {
	struct desc *ring;
	u32 next;		/* to make available; free-running */
	u32 used;		/* to look at */
	u64 addr[RING_NR];
} SIDE user;

/* Is it an even time round? */
static bool wrap(u32 i)
{
	return !(i / RING_NR % 2);
}

static void make_available(u32 i, u16 id)
{
	struct desc *d = &user.ring[i % RING_NR];

	WRITE_ONCE(d->addr, user.addr[id]);
	WRITE_ONCE(d->len, 2048);
	WRITE_ONCE(d->id, id);
	smp_store_release(&d->flags, wrap(i) ? AVAIL : USED);
}

static void packed_init(unsigned int frames)
{
	unsigned int i;

	memset(&kernel, 0, sizeof(kernel));
	memset(&user, 0, sizeof(user));
	kernel.ring = ring_alloc(RING_NR * sizeof(*kernel.ring));
	user.ring = kernel.ring;
	for (i = 0; i < frames; i++) {
		user.addr[i] = i * 2048;
		make_available(user.next++, i);
	}
}

static unsigned int packed_kernel(uint32_t *next, unsigned int min,
				  unsigned int max)
{
	unsigned int i, n;

	while (kernel.nr < max) {
		struct desc *d = &kernel.ring[kernel.next % RING_NR];
		u16 flags = smp_load_acquire(&d->flags);

		if (!!(flags & AVAIL) != wrap(kernel.next) ||
		    !!(flags & USED) == wrap(kernel.next) ||
		    kernel.next - kernel.done == RING_NR)
			break;
		kernel.id[kernel.nr++] = READ_ONCE(d->id);
		kernel.next++;
	}
	n = kernel.nr;
	if (n < min)
		return 0;
	/* The first one is shown last, and the others with it. */
	for (i = n; i-- > 0;) {
		struct desc *d = &kernel.ring[(kernel.done + i) % RING_NR];

		WRITE_ONCE(d->id, kernel.id[i]);
		WRITE_ONCE(d->len, *next + i);
		smp_store_release(&d->flags, wrap(kernel.done + i) ?
				  AVAIL | USED : 0);
	}
	*next += n;
	kernel.done += n;
	kernel.nr = 0;
	return n;
}

static unsigned int packed_user(uint32_t *len, unsigned int n)
{
	u16 id[MAX_BATCH];
	unsigned int i, got;

	for (got = 0; got < n; got++) {
		struct desc *d = &user.ring[user.used % RING_NR];
		u16 flags = smp_load_acquire(&d->flags);

		if (!!(flags & AVAIL) != !!(flags & USED) ||
		    !!(flags & USED) != wrap(user.used))
			break;
		len[got] = READ_ONCE(d->len);
		id[got] = READ_ONCE(d->id);
		user.used++;
	}
	for (i = got; i-- > 0;)
		make_available(user.next + i, id[i]);
	user.next += got;
	return got;
}

const struct ring_ops packed_ring = {
	.name = "packed",
	.init = packed_init,
	.kernel = packed_kernel,
	.user = packed_user,
};

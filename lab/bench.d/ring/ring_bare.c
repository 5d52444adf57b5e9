// SPDX-License-Identifier: GPL-2.0
/*
 * Index rings, and nothing else: one for empty frames, one for packets, each
 * with a producer and a consumer in cache lines of their own. Both sides keep a
 * copy of the other's index, and look again only when that is used up. Nothing is
 * checked and no frame is looked up: what index rings could be at best.
 */

#include <string.h>

#include <linux/types.h>
#include <linux/compiler.h>
#include <asm/barrier.h>

#include "rings.h"

struct shared {
	u32 producer __attribute__((__aligned__(64)));
	u32 consumer __attribute__((__aligned__(64)));
} __attribute__((__aligned__(128)));

struct desc {
	u64 addr;
	u32 len;
	u32 options;
};

/* One side of one ring */
struct side {
	u32 cached_prod;
	u32 cached_cons;
	struct shared *shared;
	void *ring;
};

struct sides {
	struct side fill;
	struct side rx;
} SIDE;

static struct sides kernel;
static struct sides user;

/* How many there are to be taken, up to @n */
static u32 cons_peek(struct side *s, u32 n)
{
	u32 there = s->cached_prod - s->cached_cons;

	if (there < n) {
		s->cached_prod = smp_load_acquire(&s->shared->producer);
		there = s->cached_prod - s->cached_cons;
	}
	return there < n ? there : n;
}

static void cons_release(struct side *s, u32 n)
{
	s->cached_cons += n;
	smp_store_release(&s->shared->consumer, s->cached_cons);
}

/* Is there room for @n? */
static bool prod_reserve(struct side *s, u32 n)
{
	if (RING_NR - (s->cached_prod - s->cached_cons) >= n)
		return true;
	s->cached_cons = smp_load_acquire(&s->shared->consumer);
	return RING_NR - (s->cached_prod - s->cached_cons) >= n;
}

static void prod_submit(struct side *s, u32 n)
{
	s->cached_prod += n;
	smp_store_release(&s->shared->producer, s->cached_prod);
}

static void put_addr(struct side *s, u32 i, u64 addr)
{
	u64 *ring = s->ring;

	WRITE_ONCE(ring[(s->cached_prod + i) & (RING_NR - 1)], addr);
}

static u64 get_addr(struct side *s, u32 i)
{
	u64 *ring = s->ring;

	return READ_ONCE(ring[(s->cached_cons + i) & (RING_NR - 1)]);
}

static void bare_init(unsigned int frames)
{
	unsigned int i;

	memset(&kernel, 0, sizeof(kernel));
	memset(&user, 0, sizeof(user));
	kernel.fill.shared = ring_alloc(sizeof(struct shared));
	kernel.fill.ring = ring_alloc(RING_NR * sizeof(u64));
	kernel.rx.shared = ring_alloc(sizeof(struct shared));
	kernel.rx.ring = ring_alloc(RING_NR * sizeof(struct desc));
	user = kernel;
	for (i = 0; i < frames; i++)
		put_addr(&user.fill, i, i * 2048);
	prod_submit(&user.fill, frames);
}

static unsigned int bare_kernel(uint32_t *next, unsigned int min,
				 unsigned int max)
{
	struct desc *ring = kernel.rx.ring;
	unsigned int i, n;

	n = cons_peek(&kernel.fill, max);
	if (n < min || !prod_reserve(&kernel.rx, n))
		return 0;
	for (i = 0; i < n; i++) {
		struct desc *d;

		d = &ring[(kernel.rx.cached_prod + i) & (RING_NR - 1)];
		WRITE_ONCE(d->addr, get_addr(&kernel.fill, i));
		WRITE_ONCE(d->len, (*next)++);
		WRITE_ONCE(d->options, 0);
	}
	cons_release(&kernel.fill, n);
	prod_submit(&kernel.rx, n);
	return n;
}

static unsigned int bare_user(uint32_t *len, unsigned int n)
{
	struct desc *ring = user.rx.ring;
	unsigned int i;

	n = cons_peek(&user.rx, n);
	if (!n || !prod_reserve(&user.fill, n))
		return 0;
	for (i = 0; i < n; i++) {
		struct desc *d;

		d = &ring[(user.rx.cached_cons + i) & (RING_NR - 1)];
		len[i] = READ_ONCE(d->len);
		put_addr(&user.fill, i, READ_ONCE(d->addr));
	}
	prod_submit(&user.fill, n);
	cons_release(&user.rx, n);
	return n;
}

const struct ring_ops bare_ring = {
	.name = "bare",
	.init = bare_init,
	.kernel = bare_kernel,
	.user = bare_user,
};

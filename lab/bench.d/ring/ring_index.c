// SPDX-License-Identifier: GPL-2.0
/*
 * The index rings of AF_XDP: one for empty frames, one for packets, each with a
 * producer and a consumer in cache lines of their own. Both sides keep a copy of
 * the other's index, and look again only when that is used up.
 *
 * User space's side is libxdp's own header. The kernel's is what a driver in zero
 * copy calls for each packet, from net/xdp/xsk_queue.h, net/xdp/xsk_buff_pool.c,
 * net/xdp/xsk.c and include/net/xdp_sock_drv.h, under the names that it has
 * there: frames are aligned, packets of one frame, and need no sync for DMA.
 */

#include <err.h>
#include <string.h>

#include <linux/types.h>
#include <linux/compiler.h>
#include <linux/if_xdp.h>
#include <asm/barrier.h>

#include "rings.h"

/* As networking/af_xdp.rst has it: as large as both that frames come from. */
#define FILL_NR			(2 * RING_NR)
#define CHUNK_SHIFT		11
#define XDP_PACKET_HEADROOM	256
#define XDP_FLAGS_HAS_FRAGS	1

/* ---- the kernel's side ------------------------------------------------------ */

struct xdp_ring {
	u32 producer __attribute__((__aligned__(64)));
	u32 pad1 __attribute__((__aligned__(64)));
	u32 consumer __attribute__((__aligned__(64)));
	u32 pad2 __attribute__((__aligned__(64)));
	u32 flags;
	u32 pad3 __attribute__((__aligned__(64)));
};

struct xdp_rxtx_ring {
	struct xdp_ring ptrs;
	struct xdp_desc desc[] __attribute__((__aligned__(64)));
};

struct xdp_umem_ring {
	struct xdp_ring ptrs;
	u64 desc[] __attribute__((__aligned__(64)));
};

struct xsk_queue {
	u32 ring_mask;
	u32 nentries;
	u32 cached_prod;
	u32 cached_cons;
	struct xdp_ring *ring;
	u64 invalid_descs;
	u64 queue_empty_descs;
};

struct xdp_buff {
	unsigned char *data;
	unsigned char *data_end;
	unsigned char *data_meta;
	unsigned char *data_hard_start;
	void *rxq;
	void *txq;
	u32 frame_sz;
	u32 flags;
};

struct xsk_buff_pool;

struct xdp_buff_xsk {
	struct xdp_buff xdp;
	u8 cb[24];
	u64 dma;
	u64 frame_dma;
	struct xsk_buff_pool *pool;
	void *list_node[2];
};

struct xsk_buff_pool {
	struct xsk_queue *fq;
	struct xdp_buff_xsk *heads;
	unsigned char *addrs;
	u64 addrs_cnt;
	u64 chunk_mask;
	u32 chunk_shift;
	u32 free_heads_cnt;
	bool unaligned;
};

static struct {
	struct xsk_queue fq;
	struct xsk_queue rx;
	struct xsk_buff_pool pool;
	/* The driver's: what i40e has in rx_bi_zc */
	u32 posted;
	u32 cleaned;
	struct xdp_buff *bufs[RING_NR];
} SIDE kernel;

static struct xdp_buff_xsk SIDE heads[RING_NR];

static u32 xskq_cons_nb_entries(struct xsk_queue *q, u32 max)
{
	u32 entries = q->cached_prod - q->cached_cons;

	if (entries >= max)
		return max;
	q->cached_prod = smp_load_acquire(&q->ring->producer);
	entries = q->cached_prod - q->cached_cons;
	return entries >= max ? max : entries;
}

static inline bool xp_check_aligned(struct xsk_buff_pool *pool, u64 *addr)
{
	*addr &= pool->chunk_mask;
	return *addr < pool->addrs_cnt;
}

static u32 xp_alloc_new_from_fq(struct xsk_buff_pool *pool,
				struct xdp_buff **xdp, u32 max)
{
	struct xdp_umem_ring *ring = (struct xdp_umem_ring *)pool->fq->ring;
	u32 i, cached_cons, nb_entries;

	if (max > pool->free_heads_cnt)
		max = pool->free_heads_cnt;
	max = xskq_cons_nb_entries(pool->fq, max);

	cached_cons = pool->fq->cached_cons;
	nb_entries = max;
	i = max;
	while (i--) {
		u64 addr;

		addr = READ_ONCE(ring->desc[cached_cons++ &
					    pool->fq->ring_mask]);
		if (unlikely(!xp_check_aligned(pool, &addr))) {
			pool->fq->invalid_descs++;
			nb_entries--;
			continue;
		}
		*xdp++ = &pool->heads[addr >> pool->chunk_shift].xdp;
	}
	pool->fq->cached_cons += max;
	return nb_entries;
}

static inline void xsk_buff_set_size(struct xdp_buff *xdp, u32 size)
{
	xdp->data = xdp->data_hard_start + XDP_PACKET_HEADROOM;
	xdp->data_meta = xdp->data;
	xdp->data_end = xdp->data + size;
	xdp->flags = 0;
}

static inline u32 xskq_prod_nb_free(struct xsk_queue *q, u32 max)
{
	u32 free_entries = q->nentries - (q->cached_prod - q->cached_cons);

	if (free_entries >= max)
		return max;
	q->cached_cons = READ_ONCE(q->ring->consumer);
	free_entries = q->nentries - (q->cached_prod - q->cached_cons);
	return free_entries >= max ? max : free_entries;
}

static inline bool xskq_prod_reserve_desc(struct xsk_queue *q, u64 addr,
					  u32 len, u32 flags)
{
	struct xdp_rxtx_ring *ring = (struct xdp_rxtx_ring *)q->ring;
	u32 idx;

	if (!xskq_prod_nb_free(q, 1))
		return false;
	idx = q->cached_prod++ & q->ring_mask;
	WRITE_ONCE(ring->desc[idx].addr, addr);
	WRITE_ONCE(ring->desc[idx].len, len);
	WRITE_ONCE(ring->desc[idx].options, flags);
	return true;
}

/* xsk_rcv_zc(), __xsk_rcv_zc(), xp_get_handle(), xp_release() */
static inline bool xsk_rcv_zc(struct xsk_queue *rx, struct xdp_buff *xdp,
			      u32 len)
{
	struct xdp_buff_xsk *xskb = (struct xdp_buff_xsk *)xdp;

	return !(xdp->flags & XDP_FLAGS_HAS_FRAGS) &&
	       xskq_prod_reserve_desc(rx, xdp->data - xskb->pool->addrs, len,
				      0) &&
	       !xskb->pool->unaligned;
}

static void xsk_flush(struct xsk_queue *rx, struct xsk_queue *fq)
{
	smp_store_release(&rx->ring->producer, rx->cached_prod);
	smp_store_release(&fq->ring->consumer, fq->cached_cons);
}

/* As i40e does, up to the end of its ring and from there. */
static void refill(u32 n)
{
	u32 at = kernel.posted & (RING_NR - 1), first = RING_NR - at, done;

	if (first > n)
		first = n;
	done = xp_alloc_new_from_fq(&kernel.pool, &kernel.bufs[at], first);
	if (done == first && n > first)
		done += xp_alloc_new_from_fq(&kernel.pool, kernel.bufs,
					     n - first);
	kernel.posted += done;
}

static unsigned int index_kernel(uint32_t *next, unsigned int min,
				 unsigned int max)
{
	unsigned int i, n;

	/* As many as V4's packet array has */
	if (kernel.posted - kernel.cleaned < max)
		refill(RING_NR / 2 - (kernel.posted - kernel.cleaned));
	n = kernel.posted - kernel.cleaned;
	if (n < min)
		return 0;
	if (n > max)
		n = max;
	for (i = 0; i < n; i++) {
		struct xdp_buff *xdp;

		xdp = kernel.bufs[kernel.cleaned++ & (RING_NR - 1)];
		xsk_buff_set_size(xdp, (*next)++);
		if (!xsk_rcv_zc(&kernel.rx, xdp, xdp->data_end - xdp->data))
			errx(1, "index: the RX ring is full");
	}
	xsk_flush(&kernel.rx, &kernel.fq);
	return n;
}

/* ---- user space's side ------------------------------------------------------ */

/* libxdp uses the compiler's atomics. */
#include "trace_atomics.h"
#include <xdp/xsk.h>

static struct {
	struct xsk_ring_prod fill;
	struct xsk_ring_cons rx;
} SIDE user;

static unsigned int index_user(uint32_t *len, unsigned int n)
{
	u32 from, to, i;

	n = xsk_ring_cons__peek(&user.rx, n, &from);
	if (!n)
		return 0;
	if (!xsk_ring_prod__reserve(&user.fill, n, &to))
		errx(1, "index: the fill ring is full");
	for (i = 0; i < n; i++) {
		const struct xdp_desc *d;

		d = xsk_ring_cons__rx_desc(&user.rx, from + i);
		len[i] = READ_ONCE(d->len);
		WRITE_ONCE(*xsk_ring_prod__fill_addr(&user.fill, to + i),
			   READ_ONCE(d->addr));
	}
	/* In this order a packet for each frame has room. */
	xsk_ring_cons__release(&user.rx, n);
	xsk_ring_prod__submit(&user.fill, n);
	return n;
}

static void queue_init(struct xsk_queue *q, unsigned int nr, unsigned int entry)
{
	q->ring = ring_alloc(sizeof(*q->ring) + nr * entry);
	q->nentries = nr;
	q->ring_mask = nr - 1;
}

static void index_init(unsigned int frames)
{
	static unsigned char buffer[1];
	unsigned int i;
	u32 at = 0;

	memset(&kernel, 0, sizeof(kernel));
	memset(&user, 0, sizeof(user));
	queue_init(&kernel.fq, FILL_NR, sizeof(u64));
	queue_init(&kernel.rx, RING_NR, sizeof(struct xdp_desc));
	kernel.pool.fq = &kernel.fq;
	kernel.pool.heads = heads;
	/* Nobody looks into a frame. */
	kernel.pool.addrs = buffer;
	kernel.pool.addrs_cnt = RING_NR << CHUNK_SHIFT;
	kernel.pool.chunk_mask = ~((1ULL << CHUNK_SHIFT) - 1);
	kernel.pool.chunk_shift = CHUNK_SHIFT;
	kernel.pool.free_heads_cnt = RING_NR;
	for (i = 0; i < RING_NR; i++) {
		heads[i].pool = &kernel.pool;
		heads[i].xdp.data_hard_start = kernel.pool.addrs +
					       (i << CHUNK_SHIFT);
	}

	user.fill.producer = &kernel.fq.ring->producer;
	user.fill.consumer = &kernel.fq.ring->consumer;
	user.fill.ring = ((struct xdp_umem_ring *)kernel.fq.ring)->desc;
	user.fill.mask = FILL_NR - 1;
	user.fill.size = FILL_NR;
	user.fill.cached_cons = FILL_NR;
	user.rx.producer = &kernel.rx.ring->producer;
	user.rx.consumer = &kernel.rx.ring->consumer;
	user.rx.ring = ((struct xdp_rxtx_ring *)kernel.rx.ring)->desc;
	user.rx.mask = RING_NR - 1;
	user.rx.size = RING_NR;

	xsk_ring_prod__reserve(&user.fill, frames, &at);
	for (i = 0; i < frames; i++)
		*xsk_ring_prod__fill_addr(&user.fill, at + i) =
			(u64)i << CHUNK_SHIFT;
	xsk_ring_prod__submit(&user.fill, frames);
}

const struct ring_ops index_ring = {
	.name = "index",
	.init = index_init,
	.kernel = index_kernel,
	.user = index_user,
};

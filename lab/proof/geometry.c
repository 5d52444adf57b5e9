// SPDX-License-Identifier: GPL-2.0
/*
 * What is accepted lies within the buffer and within one frame, and nothing
 * wraps: for all descriptors, all requests and all page sizes.
 */

#include "tp4_queue.h"
#include "tp4_internal.h"

#include "extracted.h"

unsigned int proof_page_shift;

/* No ring here. */
void proof_read(const volatile void *p, size_t size)
{
}

void proof_wrote(const volatile void *p, size_t size)
{
}

#define assert(x)	__CPROVER_assert(x, #x)
#define assume(x)	__CPROVER_assume(x)

struct tpacket4_desc nondet_desc(void);
struct tpacket_memreg_req nondet_req(void);
u64 nondet_u64(void);
u32 nondet_u32(void);
bool nondet_bool(void);

/* 4 KiB to 64 KiB */
static void any_page_size(void)
{
	proof_page_shift = nondet_u32();
	assume(proof_page_shift >= 12 && proof_page_shift <= 16);
}

/* A packet buffer as PACKET_MEMREG lets it be, see proof_memreg(). */
static void any_geometry(u32 *frame_nr, u32 *shift)
{
	any_page_size();
	*frame_nr = nondet_u32();
	*shift = nondet_u32();
	assume(*frame_nr > 0 && *frame_nr <= TP4_FRAME_NR_MAX);
	assume(*shift >= 11 && *shift <= min(PAGE_SHIFT, 16));
}

/* tp4_check_idx() accepts what is a frame, and nothing else. */
void proof_check_idx(void)
{
	struct tpacket4_desc d = nondet_desc();
	u32 frame_nr, shift;
	int err;

	any_geometry(&frame_nr, &shift);
	err = tp4_check_idx(&d, frame_nr);
	assert(err == 0 || err == -EBADF);
	assert((err == 0) == (d.idx < frame_nr));
}

/* tp4_check_desc() accepts data within a frame, and nothing else. */
void proof_check_desc(void)
{
	struct tpacket4_desc d = nondet_desc();
	u32 frame_nr, shift;
	bool within, known;
	int err;

	any_geometry(&frame_nr, &shift);
	err = tp4_check_desc(&d, frame_nr, 1U << shift);
	within = d.idx < frame_nr &&
		 (u64)d.offset + (u64)d.len <= (u64)1 << shift;
	known = !(d.flags & ~(TP4_PKT_CONT | TP4_PKT_KEEP | TP4_DESC_KERNEL));
	assert(err == 0 || err == -EBADF || err == -EINVAL);
	assert((err == -EBADF) == !within);
	assert((err == 0) == (within && d.len > 0 && known));
}

/* An array of one item on a buffer that is really there. */
static struct tp4_packet_array *any_array(struct tp4_frame_set *p,
					  struct tpacket4_desc d)
{
	struct tp4_packet_array *a;
	u32 frame_nr, shift;

	any_geometry(&frame_nr, &shift);
	a = malloc(sizeof(*a));
	assume(a);
	a->frame_nr = frame_nr;
	a->frame_shift = shift;
	a->mask = 0;
	a->items[0] = d;
	a->dma = NULL;
	a->frames = NULL;
	p->pkt_arr = a;
	p->start = nondet_u32();
	p->curr = p->start;
	p->end = p->start + 1;
	return a;
}

/* tp4f_get_frame(), tp4f_get_data(): each byte that may be touched is there. */
void proof_frame_address(void)
{
	struct tpacket4_desc d = nondet_desc();
	struct tp4_packet_array *a;
	struct tp4_frame_set p;
	char *frame, *data;

	a = any_array(&p, d);
	a->frames = malloc((size_t)a->frame_nr << a->frame_shift);
	assume(a->frames);
	if (nondet_bool()) {
		/* TX */
		if (tp4_check_desc(&d, a->frame_nr, 1U << a->frame_shift))
			return;
		data = tp4f_get_data(&p);
		assert(__CPROVER_r_ok(data, d.len));
		assert(__CPROVER_r_ok(data + d.len - 1, 1));
	} else if (tp4_check_idx(&d, a->frame_nr)) {
		return;
	}
	frame = tp4f_get_frame(&p);
	assert(__CPROVER_same_object(frame, a->frames));
	assert(__CPROVER_w_ok(frame, 1U << a->frame_shift));
	/* Frame idx, and no other. */
	assert(frame - (char *)a->frames ==
	       (long)((u64)d.idx << a->frame_shift));
}

/* tp4f_get_dma(): the address is on the frame's page, and the frame ends there. */
void proof_frame_dma(void)
{
	struct tpacket4_desc d = nondet_desc();
	struct tp4_packet_array *a;
	struct tp4_frame_set p;
	u64 pos, npages;
	dma_addr_t *dma;
	dma_addr_t at;

	a = any_array(&p, d);
	if (tp4_check_idx(&d, a->frame_nr))
		return;
	npages = (((u64)a->frame_nr << a->frame_shift) + PAGE_SIZE - 1) >>
		 PAGE_SHIFT;
	dma = malloc(npages * sizeof(*dma));
	assume(dma);
	pos = (u64)d.idx << a->frame_shift;
	assume(PAGE_ALIGNED(dma[pos >> PAGE_SHIFT]));
	a->dma = dma;
	at = tp4f_get_dma(&p);
	assert((at & PAGE_MASK) == dma[pos >> PAGE_SHIFT]);
	assert((at & ~PAGE_MASK) == (pos & ~PAGE_MASK));
	assert((at & ~PAGE_MASK) + (1UL << a->frame_shift) <= PAGE_SIZE);
}

/* PACKET_MEMREG: a request that is accepted is a geometry as assumed above. */
void proof_memreg(void)
{
	struct tpacket_memreg_req req = nondet_req();
	long frame_nr;
	u32 shift;

	any_page_size();
	frame_nr = tp4_umem_check(&req);
	if (frame_nr < 0) {
		assert(frame_nr == -EINVAL);
		return;
	}
	assert(frame_nr > 0 && frame_nr <= TP4_FRAME_NR_MAX);
	assert(req.frame_size >= 2048 && req.frame_size <= PAGE_SIZE);
	assert(req.frame_size <= 1 << 16);
	assert(is_power_of_2(req.frame_size));
	shift = ilog2(req.frame_size);
	assert(1U << shift == req.frame_size);
	assert((u64)frame_nr << shift == req.len);
	/* What the kernel computes with is size_t, unsigned long. */
	assert((u64)((size_t)(frame_nr - 1) << shift) + req.frame_size ==
	       req.len);
	assert((unsigned long)req.addr == req.addr && !(req.addr % PAGE_SIZE));
	assert(req.addr + req.len > req.addr);
	assert((u64)PAGE_ALIGN((unsigned long)req.len) >= req.len);
	assert((u64)req.data_headroom + VLAN_ETH_FRAME_LEN <= req.frame_size);
}

/* The pages that are pinned are those of the buffer. */
void proof_memreg_pages(void)
{
	struct tpacket_memreg_req req = nondet_req();
	unsigned long npages;
	u64 end;

	any_page_size();
	if (tp4_umem_check(&req) < 0)
		return;
	npages = PAGE_ALIGN(req.len) >> PAGE_SHIFT;
	end = (u64)npages << PAGE_SHIFT;
	assert(end >= req.len && end - req.len < PAGE_SIZE);
	/* tp4_umem_pin() goes up to here */
	assert(req.addr + end > req.addr && req.addr + end <= ULONG_MAX);
}

/* PACKET_RESERVE and data_headroom leave room for a frame, in arrays too. */
void proof_headroom(void)
{
	struct tp4_packet_array *a;
	struct tpacket4_desc d = nondet_desc();
	struct tp4_umem umem;
	struct tp4_frame_set p;
	struct tp4_ring ring;
	u32 frame_nr, reserve;

	a = any_array(&p, d);
	umem.frame_shift = a->frame_shift;
	umem.data_headroom = nondet_u32();
	reserve = nondet_u32();
	/* see proof_memreg() */
	assume(umem.data_headroom <=
	       tp4_umem_frame_size(&umem) - VLAN_ETH_FRAME_LEN);
	ring.q.umem = &umem;
	ring.arr = a;
	if (tp4_ring_set_headroom(&ring, reserve)) {
		assert(reserve > tp4_umem_frame_size(&umem) -
				 VLAN_ETH_FRAME_LEN);
		return;
	}
	assert(ring.q.headroom >= reserve);
	assert(ring.q.headroom >= umem.data_headroom);
	assert(a->headroom == ring.q.headroom);
	if (nondet_bool())
		/* tp4a_rx_new() */
		a->headroom = max_t(u32, a->headroom, XDP_PACKET_HEADROOM);
	assert((u64)a->headroom + tp4a_max_len(a) == (u64)1 << a->frame_shift);
	assert(tp4a_max_len(a) >= VLAN_ETH_FRAME_LEN);
	assert(a->headroom <= (u16)~0);
}

/* ---- the area that user space maps: tp4_rings_new() ------------------------ */

static struct tp4_ring *proof_rx, *proof_tx;
static size_t proof_area_size;

static struct tp4_ring *any_ring(void)
{
	struct tp4_ring *ring;
	u32 nr = nondet_u32();

	/* tp4_set_ring() */
	assume(is_power_of_2(nr) && nr <= TP4_DESC_NR_MAX);
	if (nondet_bool())
		return NULL;
	ring = malloc(sizeof(*ring));
	assume(ring);
	ring->q.mask = nr - 1;
	ring->q.ring = NULL;
	return ring;
}

static int tp4_ring_renew(struct tp4_sock *tp4, struct tp4_ring **new,
			  const struct tp4_ring *old,
			  const struct tpacket_req4 *req, bool tx)
{
	*new = any_ring();
	if (tx)
		proof_tx = *new;
	else
		proof_rx = *new;
	return 0;
}

static int tp4_ring_headroom_stub(struct tp4_ring *ring, u32 reserve)
{
	return 0;
}

static void tp4_rings_free(struct tp4_rings *rings)
{
}

static void *tp4_area_new(size_t size)
{
	proof_area_size = size;
	return malloc(size);
}

#define tp4_ring_set_headroom	tp4_ring_headroom_stub
#include "extracted-rings.h"
#undef tp4_ring_set_headroom

void proof_ring_area(void)
{
	struct tp4_sock tp4 = {};
	struct packet_sock po = { .tp4 = &tp4 };
	struct tp4_rings new = {};
	u64 rx = 0, tx = 0;

	any_page_size();
	if (tp4_rings_new(&po, &new, NULL, nondet_bool()))
		return;
	if (!proof_rx && !proof_tx) {
		assert(!new.area);
		return;
	}
	if (proof_rx) {
		rx = ((u64)proof_rx->q.mask + 1) * sizeof(union tp4_slot);
		assert(proof_rx->q.ring == new.area);
		assert(__CPROVER_w_ok(proof_rx->q.ring, rx));
	}
	if (proof_tx) {
		tx = ((u64)proof_tx->q.mask + 1) * sizeof(union tp4_slot);
		/* Right behind the other, and apart from it. */
		assert((char *)proof_tx->q.ring == (char *)new.area + rx);
		assert(__CPROVER_w_ok(proof_tx->q.ring, tx));
	}
	assert(PAGE_ALIGNED(proof_area_size) && proof_area_size >= rx + tx &&
	       proof_area_size - (rx + tx) < PAGE_SIZE);
	/* What tp4_mmap() compares with is what was allocated. */
	assert(tp4_area_size(&new) == proof_area_size);
}

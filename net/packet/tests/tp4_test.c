// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: what the KUnit tests share
 */

#include <linux/etherdevice.h>
#include <linux/gfp.h>
#include <linux/if_vlan.h>
#include <linux/mm.h>
#include <linux/skbuff.h>

#include "tp4_test.h"

/* Each test that takes these goes over the end of a ring; some of them take
 * the indices over the end of what 32 bits, signed or not, can hold.
 */
const struct tp4_test_start tp4_test_starts[TP4_TEST_STARTS] = {
	{ "from slot 0", 0 },
	{ "from slot 5", 5 },
	{ "past 2^31", (1U << 31) - 3 },
	{ "past 2^32", U32_MAX - 4 },
	{ "from the last before 2^32", U32_MAX },
};

const struct tp4_test_wire tp4_test_wires[TP4_TEST_WIRES] = {
	{ "linear", TP4_TEST_LINEAR },
	{ "linear, sum", TP4_TEST_LINEAR, 0, true },
	{ "linear, tag", TP4_TEST_LINEAR, ETH_P_8021Q },
	{ "linear, tag, sum", TP4_TEST_LINEAR, ETH_P_8021Q, true },
	{ "linear, 802.1ad tag", TP4_TEST_LINEAR, ETH_P_8021AD },
	{ "linear, GSO", TP4_TEST_LINEAR, 0, true, true },
	{ "linear, tag, GSO", TP4_TEST_LINEAR, ETH_P_8021Q, true, true },
	{ "pages", TP4_TEST_PAGES },
	{ "pages, sum", TP4_TEST_PAGES, 0, true },
	{ "pages, tag", TP4_TEST_PAGES, ETH_P_8021Q },
	{ "pages, tag, sum", TP4_TEST_PAGES, ETH_P_8021Q, true },
	{ "list", TP4_TEST_LIST },
	{ "list, sum", TP4_TEST_LIST, 0, true },
	{ "list, tag, sum", TP4_TEST_LIST, ETH_P_8021Q, true },
	{ "outgoing", TP4_TEST_OUTGOING },
	{ "outgoing, tag, sum", TP4_TEST_OUTGOING, ETH_P_8021Q, true },
};

static void tp4_test_free_array(void *arr)
{
	tp4a_destroy(arr);
}

static void tp4_test_free_mem(void *mem)
{
	kvfree(mem);
}

static void *tp4_test_alloc(struct kunit *test, size_t size)
{
	void *mem = kvzalloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_test_free_mem,
							   mem));
	return mem;
}

/**
 * tp4_test_new - a ring of @nr zeroed slots and an array of @elems on it
 * @test: the test; frees it
 * @kind: of array
 * @nr: slots, a power of two
 * @elems: array entries, a power of two
 * @first: what all free-running indices begin with
 *
 * Return: the ring; the test has failed if there is no memory.
 */
struct tp4_test *tp4_test_new(struct kunit *test, enum tp4_test_kind kind,
			      u32 nr, u32 elems, u32 first)
{
	struct tp4_test *t;

	t = tp4_test_alloc(test, sizeof(*t));
	t->test = test;
	t->umem.frame_nr = TP4_TEST_FRAME_NR;
	t->umem.frame_shift = TP4_TEST_FRAME_SHIFT;
	t->umem.addr = tp4_test_alloc(test, TP4_TEST_FRAME_NR <<
					    TP4_TEST_FRAME_SHIFT);
	t->q.umem = &t->umem;
	t->q.mask = nr - 1;
	t->q.ring = tp4_test_alloc(test, nr * sizeof(*t->q.ring));
	t->q.head = first;
	t->q.tail = first;
	t->prod = first;
	t->cons = first;

	if (kind != TP4_TEST_QUEUE)
		tp4_test_add_array(t, kind, elems);
	return t;
}

/**
 * tp4_test_add_array - put an array on a ring
 * @t: ring; nobody else holds any of its slots
 * @kind: of array
 * @elems: array entries, a power of two
 *
 * It becomes the ring's array, and is destroyed with it.
 */
void tp4_test_add_array(struct tp4_test *t, enum tp4_test_kind kind, u32 elems)
{
	struct tp4_packet_array *a = NULL;
	struct kunit *test = t->test;
	u32 first = t->q.tail;

	switch (kind) {
	case TP4_TEST_QUEUE:
		break;
	case TP4_TEST_TX:
		a = tp4a_tx_new(&t->q, elems, NULL);
		break;
	case TP4_TEST_RX:
	case TP4_TEST_RX_COPY:
		a = tp4a_rx_new(&t->q, elems, NULL);
		break;
	}
	KUNIT_ASSERT_NOT_NULL(test, a);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_test_free_array,
							   a));
	/* Item i of an ordered array is not slot i: see that nobody relies on
	 * it.
	 */
	if (kind != TP4_TEST_RX_COPY)
		first++;
	else
		a->headroom = t->q.headroom;
	a->start = first;
	a->curr = first;
	a->end = first;
	a->gathered = first;
	t->arr = a;
}

/**
 * tp4_test_end_array - take a ring's array away
 * @t: ring
 * @end: what becomes of the array: tp4a_free() or tp4a_destroy()
 */
void tp4_test_end_array(struct tp4_test *t,
			void (*end)(struct tp4_packet_array *a))
{
	kunit_remove_action(t->test, tp4_test_free_array, t->arr);
	end(t->arr);
	t->arr = NULL;
}

/**
 * tp4_test_put_desc - user space gives a descriptor to the kernel
 * @t: ring
 * @d: the descriptor; TP4_DESC_KERNEL is added
 */
void tp4_test_put_desc(struct tp4_test *t, const struct tpacket4_desc *d)
{
	union tp4_slot *s = &t->q.ring[t->prod & t->q.mask];
	union tp4_slot copy = { .desc = *d };

	KUNIT_ASSERT_LE_MSG(t->test, t->prod - t->cons, t->q.mask,
			    "slot %u is still to be looked at", t->prod);
	KUNIT_ASSERT_TRUE_MSG(t->test, tp4q_user_owns(&t->q, t->prod),
			      "slot %u is the kernel's", t->prod);

	copy.desc.flags |= TP4_DESC_KERNEL;
	s->idx = copy.idx;
	s->len = copy.len;
	/* (A) pairs with (B) in tp4q_read() */
	smp_store_release(&s->owner, copy.owner);
	t->prod++;
}

/**
 * tp4_test_put_packet - user space gives a packet to the kernel
 * @t: ring
 * @idx: its first frame; the others are those behind it
 * @n: number of frames
 */
void tp4_test_put_packet(struct tp4_test *t, u32 idx, u32 n)
{
	struct tpacket4_desc d;
	u32 i;

	for (i = 0; i < n; i++) {
		d = tp4_test_frame(idx, n, i);
		tp4_test_put_desc(t, &d);
	}
}

/**
 * tp4_test_get - user space looks for a descriptor to come back
 * @t: ring
 * @d: set to it
 *
 * Return: false if there is none.
 */
bool tp4_test_get(struct tp4_test *t, struct tpacket4_desc *d)
{
	union tp4_slot *s = &t->q.ring[t->cons & t->q.mask];
	union tp4_slot copy;

	if (t->cons == t->prod)
		return false;
	/* (D) pairs with (C) in tp4q_give() */
	copy.owner = smp_load_acquire(&s->owner);
	if (copy.desc.flags & TP4_DESC_KERNEL)
		return false;
	copy.idx = s->idx;
	copy.len = s->len;
	*d = copy.desc;
	t->cons++;
	return true;
}

/**
 * tp4_test_expect_desc - see tp4_expect_back()
 * @t: ring
 * @line: of the caller
 * @want: what must come back
 */
void tp4_test_expect_desc(struct tp4_test *t, int line,
			  const struct tpacket4_desc *want)
{
	u32 slot = t->cons & t->q.mask;
	struct tpacket4_desc d;

	KUNIT_ASSERT_TRUE_MSG(t->test, tp4_test_get(t, &d),
			      "line %d: nothing came back in slot %u", line,
			      slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.idx, want->idx, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.len, want->len, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.offset, want->offset,
			    "line %d, slot %u", line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.error, want->error, "line %d, slot %u",
			    line, slot);
	KUNIT_EXPECT_EQ_MSG(t->test, d.flags, want->flags, "line %d, slot %u",
			    line, slot);
}

/**
 * tp4_test_expect_idle - see tp4_expect_idle()
 * @t: ring
 * @line: of the caller
 */
void tp4_test_expect_idle(struct tp4_test *t, int line)
{
	struct tpacket4_desc d;

	KUNIT_EXPECT_FALSE_MSG(t->test, tp4_test_get(t, &d),
			       "line %d: slot %u came back: frame %llu, error %u",
			       line, (t->cons - 1) & t->q.mask, d.idx,
			       d.error);
}

/**
 * tp4_test_expect_packet - see tp4_expect_packet()
 * @t: ring
 * @line: of the caller
 * @idx: the packet's first frame
 * @n: its number of frames
 */
void tp4_test_expect_packet(struct tp4_test *t, int line, u32 idx, u32 n)
{
	struct tpacket4_desc want;
	struct tp4_frame_set p;
	u32 i;

	KUNIT_ASSERT_TRUE_MSG(t->test, tp4a_next_packet(t->arr, &p),
			      "line %d: no packet", line);
	KUNIT_ASSERT_EQ_MSG(t->test, tp4f_num_frames(&p), n, "line %d", line);
	for (i = 0; i < n; i++) {
		want = tp4_test_frame(idx, n, i);
		KUNIT_EXPECT_MEMEQ_MSG(t->test, tp4f_item(&p), &want,
				       sizeof(want), "line %d: frame %u", line,
				       i);
		KUNIT_EXPECT_EQ_MSG(t->test, tp4f_next_frame(&p), i + 1 < n,
				    "line %d: behind frame %u", line, i);
	}
}

/**
 * tp4_test_packet_init - a packet of @len bytes that can be told from zeroes
 * @p: set up; no tag, no checksum, linear
 * @len: of the packet
 */
void tp4_test_packet_init(struct tp4_test_packet *p, u32 len)
{
	u32 i;

	memset(p, 0, sizeof(*p));
	p->len = len;
	p->snaplen = -1;
	for (i = 0; i < len; i++)
		p->bytes[i] = i * 7 + 1;
}

/**
 * tp4_test_packet_skb - an skb with a packet, as the layers above see it
 * @test: the test; does not free it
 * @p: the packet; all behind the first 20 bytes is in two fragments, or in
 *	another skb, as its layout says
 *
 * Return: the skb, data behind the link header unless it goes out.
 */
struct sk_buff *tp4_test_packet_skb(struct kunit *test,
				    const struct tp4_test_packet *p)
{
	u32 linear = p->len;
	struct sk_buff *skb, *more;
	struct page *page;
	u32 rest, half;

	if (p->layout == TP4_TEST_PAGES || p->layout == TP4_TEST_LIST)
		linear = min(linear, 20);
	rest = p->len - linear;
	half = rest / 2;

	skb = alloc_skb(64 + linear, GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, skb);
	skb_reserve(skb, 64);
	skb_put_data(skb, p->bytes, linear);
	if (rest && p->layout == TP4_TEST_PAGES) {
		page = alloc_page(GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, page);
		memcpy(page_address(page) + 100, p->bytes + linear, rest);
		get_page(page);
		skb_add_rx_frag(skb, 0, page, 100, half, half);
		skb_add_rx_frag(skb, 1, page, 100 + half, rest - half,
				rest - half);
	} else if (rest) {
		more = alloc_skb(rest, GFP_KERNEL);
		KUNIT_ASSERT_NOT_NULL(test, more);
		skb_put_data(more, p->bytes + linear, rest);
		skb_shinfo(skb)->frag_list = more;
		skb->len += rest;
		skb->data_len += rest;
		skb->truesize += more->truesize;
	}

	skb_reset_mac_header(skb);
	if (p->proto)
		__vlan_hwaccel_put_tag(skb, htons(p->proto), p->tci);
	if (p->sum) {
		skb->ip_summed = CHECKSUM_PARTIAL;
		skb->csum_start = skb_headroom(skb) + p->sum_start;
		skb->csum_offset = p->sum_offset;
	}
	if (p->gso) {
		skb_shinfo(skb)->gso_size = 100;
		skb_shinfo(skb)->gso_type = SKB_GSO_TCPV4;
	}
	if (p->layout != TP4_TEST_OUTGOING)
		__skb_pull(skb, ETH_HLEN);
	return skb;
}

/**
 * tp4_test_packet_as - a packet of a kind
 * @c: the kind
 * @p: set up
 * @len: of the packet
 */
void tp4_test_packet_as(const struct tp4_test_wire *c,
			struct tp4_test_packet *p, u32 len)
{
	tp4_test_packet_init(p, len);
	p->layout = c->layout;
	p->proto = c->proto;
	p->tci = 0xb123;
	p->sum = c->sum;
	p->gso = c->gso;
}

/* RFC 1071, byte by byte. */
static u16 tp4_test_packet_sum(const struct tp4_test_packet *p)
{
	u32 i, sum = 0;

	for (i = p->sum_start; i < p->len; i++)
		sum += (i - p->sum_start) & 1 ? p->bytes[i] : p->bytes[i] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum ^= 0xffff;
	return sum ? sum : 0xffff;
}

/**
 * tp4_test_packet_wire - what a packet is on the wire
 * @p: the packet
 * @wire: TP4_TEST_WIRE_MAX bytes to be set
 *
 * A checksum has no place in MAC addresses.
 *
 * Return: its length.
 */
u32 tp4_test_packet_wire(const struct tp4_test_packet *p, u8 *wire)
{
	u32 pos = p->sum_start + p->sum_offset;
	u32 len = p->len;
	u16 sum;

	memcpy(wire, p->bytes, len);
	if (p->sum && !p->gso && pos >= 2 * ETH_ALEN && pos + 2 <= len) {
		sum = tp4_test_packet_sum(p);
		wire[pos] = sum >> 8;
		wire[pos + 1] = sum;
	}
	if (p->snaplen >= 0 && p->snaplen < len)
		len = p->snaplen;
	if (p->proto && len > 2 * ETH_ALEN) {
		memmove(wire + 16, wire + 12, len - 12);
		wire[12] = p->proto >> 8;
		wire[13] = p->proto;
		wire[14] = p->tci >> 8;
		wire[15] = p->tci;
		len += 4;
	}
	return len;
}

/**
 * tp4_test_packet_expect - user space gets a packet as it is on the wire
 * @t: ring
 * @p: the packet
 *
 * Around the data of a frame nothing may have been written; afterwards, all of
 * it is poison again.
 */
void tp4_test_packet_expect(struct tp4_test *t,
			    const struct tp4_test_packet *p)
{
	u32 size = 1 << t->arr->frame_shift;
	u32 headroom = t->arr->headroom;
	struct kunit *test = t->test;
	u8 wire[TP4_TEST_WIRE_MAX];
	struct tpacket4_desc d;
	u32 i, len, pos, part;
	u8 *frame, want;

	len = tp4_test_packet_wire(p, wire);
	for (pos = 0; pos < len; pos += part) {
		part = min(len - pos, size - headroom);
		KUNIT_ASSERT_TRUE_MSG(test, tp4_test_get(t, &d),
				      "len %u, headroom %u, byte %u", p->len,
				      headroom, pos);
		KUNIT_ASSERT_EQ_MSG(test, d.len, part,
				    "len %u, headroom %u, byte %u", p->len,
				    headroom, pos);
		KUNIT_ASSERT_EQ(test, d.offset, headroom);
		KUNIT_ASSERT_EQ(test, d.error, 0);
		KUNIT_ASSERT_EQ(test, d.flags,
				pos + part < len ? TP4_PKT_CONT : 0);

		frame = t->arr->frames + d.idx * size;
		for (i = 0; i < size; i++) {
			want = TP4_TEST_POISON;
			if (i >= headroom && i < headroom + part)
				want = wire[pos + i - headroom];
			if (frame[i] != want)
				break;
		}
		KUNIT_ASSERT_EQ_MSG(test, i, size,
				    "len %u, headroom %u, byte %u, sum at %u + %u: %x",
				    p->len, headroom, pos, p->sum_start,
				    p->sum_offset, frame[i]);
		memset(frame, TP4_TEST_POISON, size);
	}
}

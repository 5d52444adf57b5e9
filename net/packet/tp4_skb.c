// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: packets between frames, skbs and other frames
 *
 * What is in frames is as it was, or will be, on the wire: a VLAN tag that the
 * device has stripped is put back, and a checksum that is left to the device is
 * filled in.
 */

#include <linux/etherdevice.h>
#include <linux/export.h>
#include <linux/if_vlan.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/sock.h>

#include "tp4_internal.h"
#include "tp4_skb.h"

#define TP4_TAG_POS	(2 * ETH_ALEN)

static __le32 tp4_crc32c(const struct sk_buff *skb, int start)
{
	__wsum seed = (__force __wsum)~0U;
	__wsum crc = __skb_checksum(skb, start, skb->len - start, seed,
				    crc32c_csum_stub);

	return cpu_to_le32(~(__force u32)crc);
}

/* What the checksum, left to the device, will be. It covers the whole packet,
 * so a filter that cuts the copy short does not matter.
 */
static void tp4_wire_checksum(struct tp4_wire *w)
{
	const struct sk_buff *skb = w->skb;
	int start = skb_checksum_start_offset(skb);
	u32 sum_len = skb_csum_is_sctp((struct sk_buff *)skb) ?
		      sizeof(w->sum.crc) : sizeof(w->sum.csum);
	u32 pos = start + skb->csum_offset;

	if (start < 0 || pos + sum_len > skb->len || !skb_frags_readable(skb))
		return;
	/* Cut off by a filter, or absurd: within the MAC addresses. */
	if (pos >= w->snaplen || pos < TP4_TAG_POS)
		return;

	if (sum_len == sizeof(w->sum.crc))
		w->sum.crc = tp4_crc32c(skb, start);
	else
		w->sum.csum = csum_fold(skb_checksum(skb, start,
						     skb->len - start, 0)) ?:
			      CSUM_MANGLED_0;
	w->sum_len = sum_len;
	w->sum_pos = pos;
	if (w->has_tag && pos >= TP4_TAG_POS)
		w->sum_pos += VLAN_HLEN;
}

/**
 * tp4_wire_init - prepare for copying a packet
 * @w: set up
 * @skb: the packet, data at its link header
 * @snaplen: bytes of @skb to copy
 *
 * @w->len is the number of bytes that will be copied.
 */
void tp4_wire_init(struct tp4_wire *w, const struct sk_buff *skb, u32 snaplen)
{
	w->skb = skb;
	w->snaplen = snaplen;
	w->len = snaplen;
	w->has_tag = false;
	w->sum_len = 0;

	if (skb_vlan_tag_present(skb) && snaplen > TP4_TAG_POS) {
		w->has_tag = true;
		w->tag[0] = skb->vlan_proto;
		w->tag[1] = htons(skb_vlan_tag_get(skb));
		w->len += VLAN_HLEN;
	}
}

/* Copies the part of [@pos, @pos + @len) that lies in [@from, @from + @n). */
static void tp4_overlay(void *to, u32 pos, u32 len, const u8 *bytes, u32 from,
			u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (from + i >= pos && from + i < pos + len)
			((u8 *)to)[from + i - pos] = bytes[i];
}

/* Copies @len bytes from @pos of the packet on the wire. */
static void tp4_wire_copy(const struct tp4_wire *w, void *to, u32 pos, u32 len)
{
	u32 done = 0;

	if (!w->has_tag) {
		skb_copy_bits(w->skb, pos, to, len);
	} else {
		if (pos < TP4_TAG_POS) {
			done = min(len, TP4_TAG_POS - pos);
			skb_copy_bits(w->skb, pos, to, done);
		}
		tp4_overlay(to, pos, len, (const u8 *)w->tag, TP4_TAG_POS,
			    VLAN_HLEN);
		if (pos + len > TP4_TAG_POS + VLAN_HLEN) {
			done = pos < TP4_TAG_POS + VLAN_HLEN ?
			       TP4_TAG_POS + VLAN_HLEN - pos : 0;
			skb_copy_bits(w->skb, pos + done - VLAN_HLEN, to + done,
				      len - done);
		}
	}

	if (w->sum_len)
		tp4_overlay(to, pos, len, w->sum.bytes, w->sum_pos, w->sum_len);
}

/**
 * tp4_wire_to_frames - copy a packet to frames
 * @w: from tp4_wire_init()
 * @p: as many frames as the packet needs, the first one being current
 * @room: bytes of data for each frame, behind the array's headroom
 */
void tp4_wire_to_frames(struct tp4_wire *w, struct tp4_frame_set *p, u32 room)
{
	u32 headroom = p->pkt_arr->headroom;
	u32 pos = 0;

	/* A GSO packet was never on the wire in one piece, and each of its
	 * segments will have a checksum of its own.
	 */
	if (w->skb->ip_summed == CHECKSUM_PARTIAL && !skb_is_gso(w->skb))
		tp4_wire_checksum(w);

	do {
		u32 len = min(w->len - pos, room);

		tp4_wire_copy(w, tp4f_get_frame(p) + headroom, pos, len);
		tp4f_set_frame(p, len, headroom, tp4f_is_last_frame(p));
		pos += len;
	} while (tp4f_next_frame(p));
}

/* Takes @n frames that a packet can be put into. The array may be smaller than
 * the ring: what is in it goes to user space then, to make room.
 */
static bool tp4a_next_frames(struct tp4_packet_array *a, u32 n,
			     struct tp4_frame_set *p, struct tp4_copy_stats *st)
{
	if (unlikely(a->end - a->curr < n)) {
		st->flushed += tp4a_flush(a);
		/* Also what was given since the array was populated: the packet
		 * may have been sent later still.
		 */
		tp4a_populate(a);
		if (a->end - a->curr < n)
			return false;
	}

	p->pkt_arr = a;
	p->start = a->curr;
	p->curr = a->curr;
	p->end = a->curr + n;
	a->curr += n;
	return true;
}

static void tp4a_no_frame(struct tp4_packet_array *a, struct tp4_copy_stats *st)
{
	struct tp4_queue *q = a->queue_opaque;

	tp4_stat_add(&q->stats.no_frame, 1);
	st->no_frame++;
}

/* May a packet's frames change hands? Both sides must have one packet buffer,
 * nobody may want the same frames back, and a program its headroom.
 */
static bool tp4a_may_swap(const struct tp4_packet_array *to,
			  const struct tp4_frame_set *p)
{
	u32 i;

	if (to->frames != p->pkt_arr->frames)
		return false;
	for (i = p->start; i != p->end; i++) {
		const struct tpacket4_desc *d = tp4a_item(p->pkt_arr, i);

		if (d->flags & TP4_PKT_KEEP)
			return false;
		if (rcu_access_pointer(to->xdp_prog) &&
		    d->offset < XDP_PACKET_HEADROOM)
			return false;
	}
	return true;
}

static void tp4_swap_frames(struct tp4_frame_set *to,
			    struct tp4_frame_set *from)
{
	do {
		struct tpacket4_desc *t = tp4f_item(to);
		struct tpacket4_desc *f = tp4f_item(from);

		swap(t->idx, f->idx);
		tp4f_set_frame(to, f->len, f->offset, tp4f_is_last_frame(to));
		tp4f_next_frame(to);
	} while (tp4f_next_frame(from));
}

/* Swaps packets of one frame that need no more than that, as long as there is
 * nothing else. Returns how many.
 */
static u32 tp4a_swap_plain(struct tp4_packet_array *to,
			   struct tp4_packet_array *from, u32 max_len,
			   u32 budget, struct tp4_copy_stats *st)
{
	/* The compiler cannot know that the items are not the arrays themselves. */
	struct tpacket4_desc *from_items = from->items;
	struct tpacket4_desc *to_items = to->items;
	u32 from_mask = from->mask;
	u32 to_mask = to->mask;
	u32 first = from->curr;
	u32 into = to->curr;
	u32 min_offset;
	u64 bytes = 0;
	u32 max, n;

	min_offset = rcu_access_pointer(to->xdp_prog) ? XDP_PACKET_HEADROOM : 0;
	max = min3(budget, from->end - first, to->end - into);
	for (n = 0; n < max; n++) {
		struct tpacket4_desc *f = &from_items[(first + n) & from_mask];
		struct tpacket4_desc *t = &to_items[(into + n) & to_mask];
		union tp4_slot packet = { .desc = *f };

		if (unlikely(packet.len < ETH_HLEN || packet.len > max_len ||
			     packet.desc.offset < min_offset ||
			     packet.len_owner & TP4_SLOT_NOT_PLAIN))
			break;
		bytes += packet.len;
		f->idx = t->idx;
		*t = packet.desc;
	}
	from->curr += n;
	to->curr += n;
	st->packets += n;
	st->swapped += n;
	st->bytes += bytes;
	return n;
}

static void tp4_copy_frames(struct tp4_frame_set *to,
			    struct tp4_frame_set *from, u32 room)
{
	u32 headroom = to->pkt_arr->headroom;
	u32 done = 0;	/* of the frame copied from */
	u32 fill = 0;	/* of the frame copied to */
	u32 n;

	for (;;) {
		n = min(tp4f_get_frame_len(from) - done, room - fill);

		/* User space may have named one frame on both sides. */
		memmove(tp4f_get_frame(to) + headroom + fill,
			tp4f_get_data(from) + done, n);
		done += n;
		fill += n;
		if (done == tp4f_get_frame_len(from)) {
			done = 0;
			if (!tp4f_next_frame(from))
				break;
		}
		if (fill == room) {
			tp4f_set_frame(to, fill, headroom, false);
			tp4f_next_frame(to);
			fill = 0;
		}
	}
	tp4f_set_frame(to, fill, headroom, true);
}

/* Takes the next packet that can be sent; those that cannot are told why. */
static bool tp4a_next_valid(struct tp4_packet_array *a, struct tp4_frame_set *p,
			    u32 max_len, u32 *len, struct tp4_copy_stats *st)
{
	while (tp4a_next_packet(a, p)) {
		*len = tp4f_get_packet_len(p);
		if (likely(*len >= ETH_HLEN && *len <= max_len))
			return true;
		tp4f_set_packet_error(p, *len < ETH_HLEN ? EINVAL : EMSGSIZE);
		st->errors++;
	}
	return false;
}

/**
 * tp4a_copy_packets - from one array to another (paper: Figure 9)
 * @to: array for receiving
 * @from: array for sending
 * @max_len: most bytes of a packet; longer ones get EMSGSIZE
 * @budget: most packets to take
 * @st: counters to be added to
 *
 * If both sides use the same packet buffer, frames are swapped and not copied:
 * @to gets the packet's frame, and @from the empty one in return. A packet that
 * is marked with TP4_PKT_KEEP is copied.
 *
 * A packet for which there are not enough empty frames is dropped, as the sender
 * must not wait for the receiver: it gets ENOBUFS.
 *
 * Context: the caller owns both arrays.
 * Return: number of packets taken.
 */
u32 tp4a_copy_packets(struct tp4_packet_array *to,
		      struct tp4_packet_array *from, u32 max_len, u32 budget,
		      struct tp4_copy_stats *st)
{
	bool same = to->frames == from->frames;
	u32 room = tp4a_max_len(to);
	struct tp4_frame_set t;
	struct tp4_frame_set f;
	u32 taken = 0;
	u32 nr, len;
	bool swap;

	for (;;) {
		if (same)
			taken += tp4a_swap_plain(to, from, max_len,
						 budget - taken, st);
		if (taken == budget ||
		    !tp4a_next_valid(from, &f, max_len, &len, st))
			break;
		taken++;

		swap = tp4a_may_swap(to, &f);
		nr = swap ? tp4f_num_frames(&f) :
			    likely(len <= room) ? 1 : DIV_ROUND_UP(len, room);
		if (unlikely(!tp4a_next_frames(to, nr, &t, st))) {
			tp4f_set_packet_error(&f, ENOBUFS);
			tp4a_no_frame(to, st);
			continue;
		}
		if (swap) {
			tp4_swap_frames(&t, &f);
			st->swapped += nr;
		} else {
			tp4_copy_frames(&t, &f, room);
			st->copied += len;
		}
		st->packets++;
		st->bytes += len;
	}
	return taken;
}
EXPORT_SYMBOL_GPL(tp4a_copy_packets);

/**
 * tp4a_from_skb - put an skb into an array for receiving
 * @a: the array
 * @skb: the packet, data at its link header; still the caller's
 * @st: counters to be added to
 *
 * Context: the caller owns the array.
 * Return: false, and it was counted, if there are not enough empty frames.
 */
bool tp4a_from_skb(struct tp4_packet_array *a, const struct sk_buff *skb,
		   struct tp4_copy_stats *st)
{
	u32 room = tp4a_max_len(a);
	struct tp4_frame_set p;
	struct tp4_wire wire;
	bool simple;
	u32 nr = 1;

	simple = tp4_skb_is_plain(skb) && skb->len <= room;
	wire.len = skb->len;
	if (unlikely(!simple)) {
		tp4_wire_init(&wire, skb, skb->len);
		nr = DIV_ROUND_UP(wire.len, room);
	}
	if (unlikely(!skb_frags_readable(skb) ||
		     !tp4a_next_frames(a, nr, &p, st))) {
		tp4a_no_frame(a, st);
		return false;
	}
	if (likely(simple)) {
		tp4_skb_copy(skb, tp4f_get_frame(&p) + a->headroom, wire.len);
		tp4f_set_frame(&p, wire.len, a->headroom, true);
	} else {
		tp4_wire_to_frames(&wire, &p, room);
	}
	st->packets++;
	st->bytes += wire.len;
	st->copied += wire.len;
	return true;
}
EXPORT_SYMBOL_GPL(tp4a_from_skb);

/**
 * tp4a_deliver_skb - give an skb to user space
 * @a: array for receiving, with nothing in it that was taken and not flushed
 * @skb: the packet, data at its link header; still the caller's
 * @st: counters to be added to
 *
 * What tp4a_populate(), tp4a_from_skb() and tp4a_flush() would do with a single
 * packet that fits in a frame, without the detours.
 *
 * Context: the caller owns the array.
 * Return: false, and nothing was done, if it is not as simple as that, if the
 * array has an XDP program, or if there is no frame.
 */
bool tp4a_deliver_skb(struct tp4_packet_array *a, const struct sk_buff *skb,
		      struct tp4_copy_stats *st)
{
	struct tp4_queue *q = a->queue_opaque;
	struct tpacket4_desc d = {
		.len = skb->len,
		.offset = a->headroom,
	};

	if (unlikely(!tp4_skb_is_plain(skb) || skb->len > tp4a_max_len(a) ||
		     !skb_frags_readable(skb) ||
		     rcu_access_pointer(a->xdp_prog) || a->dma ||
		     a->start != a->curr))
		return false;
	if (a->curr == a->end)
		tp4a_populate(a);
	if (unlikely(a->curr == a->end))
		return false;

	d.idx = tp4a_item(a, a->curr++)->idx;
	a->start = a->curr;
	tp4_skb_copy(skb, tp4a_frame(a, d.idx) + d.offset, d.len);
	tp4q_give(q, q->tail, &d, 0, 0, 1);
	tp4_stat_add(&q->stats.packets, 1);
	tp4_stat_add(&q->stats.bytes, d.len);
	tp4q_advance_tail(q, 1);
	st->packets++;
	st->bytes += d.len;
	st->copied += d.len;
	return true;
}
EXPORT_SYMBOL_GPL(tp4a_deliver_skb);

/**
 * tp4a_to_skb - take the next packet out of an array for sending, as an skb
 * @a: the array
 * @dev: device that the skb is received by
 * @max_len: most bytes of a packet; longer ones get EMSGSIZE
 * @st: counters to be added to
 *
 * The skb is a copy, as eth_type_trans() leaves it, and has XDP_PACKET_HEADROOM.
 * The packet's frames can be flushed.
 *
 * Context: softirq or BH off; the caller owns the array.
 * Return: the skb; NULL if there is no packet left; ERR_PTR(-ENOBUFS) if one was
 * dropped, and its sender told, as there is no memory.
 */
struct sk_buff *tp4a_to_skb(struct tp4_packet_array *a, struct net_device *dev,
			    u32 max_len, struct tp4_copy_stats *st)
{
	struct tp4_frame_set p;
	struct sk_buff *skb;
	u32 len, linear;
	u32 pos = 0;
	int err;

	if (!tp4a_next_valid(a, &p, max_len, &len, st))
		return NULL;

	/* A page for the head; the rest, if any, in pages of its own. */
	linear = min_t(u32, len,
		       SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM -
					 NET_IP_ALIGN));
	skb = alloc_skb_with_frags(XDP_PACKET_HEADROOM + NET_IP_ALIGN + linear,
				   len - linear, 0, &err,
				   GFP_ATOMIC | __GFP_NOWARN);
	if (unlikely(!skb)) {
		tp4f_set_packet_error(&p, ENOBUFS);
		st->errors++;
		return ERR_PTR(-ENOBUFS);
	}
	skb_reserve(skb, XDP_PACKET_HEADROOM + NET_IP_ALIGN);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len = len;
	do {
		skb_store_bits(skb, pos, tp4f_get_data(&p),
			       tp4f_get_frame_len(&p));
		pos += tp4f_get_frame_len(&p);
	} while (tp4f_next_frame(&p));

	skb->protocol = eth_type_trans(skb, dev);
	st->packets++;
	st->bytes += len;
	st->copied += len;
	return skb;
}
EXPORT_SYMBOL_GPL(tp4a_to_skb);

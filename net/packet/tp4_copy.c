// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: copy mode
 *
 * Receiving: the packet goes to the stack as ever, and a copy of it into
 * frames that user space has put on the RX ring. The copy is what was, or will
 * be, on the wire: a VLAN tag that the device has stripped is put back, and a
 * checksum that is left to the device is filled in.
 *
 *	user space -> ring -> tp4a_reserve() -> copy -> tp4a_release() -> ring
 *
 * Sending: send() copies what is on the TX ring into skbs and hands them to
 * the qdisc, or to the device (PACKET_QDISC_BYPASS). A descriptor comes back
 * with the result of that; what a qdisc drops later is not reported.
 *
 *	user space -> ring -> tp4a_populate() -> skb, device -> tp4a_flush() -> ring
 */

#include <linux/export.h>
#include <linux/filter.h>
#include <linux/gfp.h>
#include <linux/if_arp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/netfilter_netdev.h>
#include <linux/skbuff.h>
#include <net/dropreason-core.h>
#include <net/sock.h>
#include <net/xfrm.h>

#include "tp4_internal.h"
#include "tp4_skb.h"

static unsigned int tp4_run_filter(struct sk_buff *skb, const struct sock *sk,
				   unsigned int snaplen)
{
	struct sk_filter *filter;
	unsigned int res = snaplen;

	rcu_read_lock();
	filter = rcu_dereference(sk->sk_filter);
	if (filter)
		res = bpf_prog_run_clear_cb(filter->prog, skb);
	rcu_read_unlock();

	return min(res, snaplen);
}

/* The whole way of a packet that may need several frames, or changes: to be
 * called with rx_lock held, which it gives up.
 */
static bool tp4_rcv_slow(struct sock *sk, struct tp4_sock *tp4,
			 const struct sk_buff *skb, u32 snaplen)
	__releases(&tp4->rx_lock)
{
	struct tp4_ring *ring = tp4->rings.rx;
	struct tp4_packet_array *arr = ring->arr;
	struct tp4_frame_set frames;
	struct tp4_wire wire;
	bool answered, ok;
	u32 room, nr, curr;

	tp4_wire_init(&wire, skb, snaplen);
	room = tp4a_max_len(arr);
	nr = likely(wire.len <= room) ? 1 : DIV_ROUND_UP(wire.len, room);
	curr = arr->curr;

	ok = nr <= tp4q_nr(&ring->q) && tp4a_reserve(arr, nr, &frames);
	if (likely(ok)) {
		tp4->stats.tp_packets++;
	} else {
		if (nr > tp4q_nr(&ring->q))
			tp4->stats.rx_too_big++;
		else
			tp4->stats.rx_no_frame++;
		tp4->stats.tp_drops++;
		atomic_inc(&sk->sk_drops);
	}
	/* With the packet, or with invalid descriptors ahead of it. */
	answered = arr->curr != curr;
	if (answered)
		ring->published = true;
	spin_unlock(&tp4->rx_lock);

	/* Under RCU: tp4_rings_install() waits before it frees the ring. */
	if (likely(ok)) {
		tp4_wire_to_frames(&wire, &frames, room);
		tp4a_release(&frames);
	}
	if (answered)
		sk->sk_data_ready(sk);
	return ok;
}

/* Copies a packet to user space. Returns false, and has counted why, if it is
 * not to be had there.
 */
static bool tp4_rcv_copy(struct sock *sk, const struct sk_buff *skb,
			 u32 snaplen)
{
	struct tp4_sock *tp4 = pkt_sk(sk)->tp4;
	struct tp4_packet_array *arr;
	struct tp4_ring *ring;
	u32 headroom, slot;
	u64 idx;

	spin_lock(&tp4->rx_lock);
	ring = tp4->rings.rx;
	if (unlikely(!ring)) {
		/* TX only: no loss, as nobody waits for it. */
		spin_unlock(&tp4->rx_lock);
		return true;
	}
	/* Most packets are on the wire as they are here, and fit in a frame. */
	arr = ring->arr;
	if (unlikely(!tp4_skb_is_plain(skb) || snaplen > tp4a_max_len(arr) ||
		     !tp4a_reserve_one(arr, &slot, &idx)))
		return tp4_rcv_slow(sk, tp4, skb, snaplen);
	tp4->stats.tp_packets++;
	ring->published = true;
	spin_unlock(&tp4->rx_lock);

	/* Under RCU, as above */
	headroom = arr->headroom;
	tp4_skb_copy(skb, tp4a_frame(arr, idx) + headroom, snaplen);
	tp4a_release_one(arr, slot, &(struct tpacket4_desc) {
		.idx = idx,
		.len = snaplen,
		.offset = headroom,
	});
	sk->sk_data_ready(sk);
	return true;
}

/**
 * tp4_rcv - receive hook of a V4 socket in copy mode
 * @skb: the packet; other sockets and the stack may have it, too
 * @dev: where it came in or goes out
 * @pt: the socket's hook
 * @orig_dev: not used
 *
 * Context: softirq or BH off, RCU read lock held.
 * Return: 0.
 */
int tp4_rcv(struct sk_buff *skb, struct net_device *dev,
	    struct packet_type *pt, struct net_device *orig_dev)
{
	enum skb_drop_reason reason = SKB_CONSUMED;
	struct sock *sk = pt->af_packet_priv;
	u8 *skb_head = skb->data;
	int skb_len = skb->len;
	unsigned int snaplen;

	if (skb->pkt_type == PACKET_LOOPBACK ||
	    !net_eq(dev_net(dev), sock_net(sk)))
		goto out;

	if (dev_has_header(dev))
		skb_push(skb, skb->data - skb_mac_header(skb));

	snaplen = skb_frags_readable(skb) ? skb->len : skb_headlen(skb);
	snaplen = tp4_run_filter(skb, sk, snaplen);
	if (snaplen && !tp4_rcv_copy(sk, skb, snaplen))
		reason = SKB_DROP_REASON_PACKET_SOCK_ERROR;

	if (skb_head != skb->data && skb_shared(skb)) {
		skb->data = skb_head;
		skb->len = skb_len;
	}
out:
	if (likely(reason == SKB_CONSUMED))
		consume_skb(skb);
	else
		sk_skb_reason_drop(sk, skb, reason);
	return 0;
}
EXPORT_SYMBOL_GPL(tp4_rcv);

/**
 * tp4_rx_room - how full is the RX ring? For fanout.
 * @po: a V4 socket
 *
 * A look without a lock: good enough to choose another socket.
 *
 * Context: softirq or BH off, RCU read lock held.
 * Return: ROOM_NONE, ROOM_LOW or ROOM_NORMAL.
 */
int tp4_rx_room(const struct packet_sock *po)
{
	/* Pairs with tp4_rings_install() */
	const struct tp4_ring *ring = smp_load_acquire(&po->tp4->rings.rx);
	u32 curr;

	if (!ring)
		return ROOM_NONE;
	curr = READ_ONCE(ring->arr->curr);
	if (!tp4q_user_owns(&ring->q,
			    curr + (tp4q_nr(&ring->q) >> ROOM_POW_OFF)))
		return ROOM_NORMAL;
	return tp4q_user_owns(&ring->q, curr) ? ROOM_NONE : ROOM_LOW;
}
EXPORT_SYMBOL_GPL(tp4_rx_room);

/**
 * struct tp4_tx - what a call of send() knows
 * @sk: the socket
 * @dev: device, with a reference
 * @sockc: from the socket and control messages
 * @direct: past the qdisc
 * @stream: and to a device that needs no lock
 * @hard_header_len: of @dev, read once
 * @hlen: headroom of an skb, link header included
 * @tlen: tailroom of an skb
 * @simple_max: most bytes of a packet for tp4_tx_build_simple()
 * @room: what may be charged to the send buffer by tp4_tx_build_simple()
 * @charge: what it has to be charged for skbs that were not sent yet
 * @sent: bytes handed over
 * @taken: slots taken from the ring
 */
struct tp4_tx {
	struct sock *sk;
	struct net_device *dev;
	struct sockcm_cookie sockc;
	bool direct;
	bool stream;
	int hard_header_len;
	int hlen;
	int tlen;
	u32 simple_max;
	int room;
	int charge;
	int sent;
	u32 taken;
};

static struct net_device *tp4_dev_get(struct packet_sock *po)
{
	struct net_device *dev;

	rcu_read_lock();
	dev = rcu_dereference(po->cached_dev);
	dev_hold(dev);
	rcu_read_unlock();

	return dev;
}

static struct sk_buff *tp4_tx_alloc(struct tp4_tx *tx, u32 len)
{
	struct sk_buff *skb;
	u32 linear = len;
	int err;

	/* Without a link header all that the stack looks at must be linear. */
	if (tx->hard_header_len && tx->hlen + tx->tlen + len >= PAGE_SIZE)
		linear = min_t(u32, len, tx->hard_header_len);

	skb = sock_alloc_send_pskb(tx->sk, tx->hlen + tx->tlen + linear,
				   len - linear, true, &err,
				   PAGE_ALLOC_COSTLY_ORDER);
	if (!skb)
		return ERR_PTR(err);

	skb_reserve(skb, tx->hlen - tx->hard_header_len);
	skb_put(skb, linear);
	skb->data_len = len - linear;
	skb->len = len;
	return skb;
}

/* Sets the transport header to where skb_probe_transport_header() does, without
 * the long way through the flow dissector. Returns false if it is not that plain.
 */
static bool tp4_tx_set_transport(struct sk_buff *skb, u32 pos)
{
	u32 len = skb_headlen(skb);
	u8 proto;

	if (skb->protocol == htons(ETH_P_IP)) {
		const struct iphdr *ip = (void *)skb->data + pos;

		if (len < pos + sizeof(*ip) || ip->ihl < 5)
			return false;
		pos += ip->ihl * 4;
		proto = ip->protocol;
	} else if (skb->protocol == htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = (void *)skb->data + pos;

		if (len < pos + sizeof(*ip))
			return false;
		pos += sizeof(*ip);
		proto = ip->nexthdr;
	} else {
		return false;
	}
	if ((proto != IPPROTO_UDP && proto != IPPROTO_TCP) || pos > skb->len)
		return false;
	skb_set_transport_header(skb, pos);
	return true;
}

static __always_inline void tp4_tx_headers(struct tp4_tx *tx,
					   struct sk_buff *skb)
{
	int depth;

	skb->dev = tx->dev;
	skb->priority = READ_ONCE(tx->sk->sk_priority);
	skb->mark = tx->sockc.mark;
	if (unlikely(tx->sockc.transmit_time))
		skb_set_delivery_type_by_clockid(skb, tx->sockc.transmit_time,
						 tx->sk->sk_clockid);
	skb_setup_tx_timestamp(skb, tx->sockc.tsflags);

	skb_reset_mac_header(skb);
	skb_set_network_header(skb, tx->hard_header_len);
	skb->protocol = dev_parse_header_protocol(skb);
	if (likely(tp4_tx_set_transport(skb, tx->hard_header_len)))
		return;
	skb_probe_transport_header(skb);
	if (likely(tx->dev->type == ARPHRD_ETHER) &&
	    eth_type_vlan(skb->protocol) &&
	    vlan_get_protocol_and_depth(skb, skb->protocol, &depth))
		skb_set_network_header(skb, depth);
}

/* One packet of @len bytes is larger than the MTU unless it has a VLAN tag. */
static bool tp4_tx_fits(const struct tp4_tx *tx, const struct sk_buff *skb)
{
	u32 max = READ_ONCE(tx->dev->mtu) + tx->hard_header_len;

	return skb->len <= max ||
	       (skb->len <= max + VLAN_HLEN &&
		tx->dev->type == ARPHRD_ETHER &&
		((struct ethhdr *)skb->data)->h_proto == htons(ETH_P_8021Q));
}

/* Longer ones have to be looked at, or are better not linear. */
static u32 tp4_tx_simple_max(const struct tp4_tx *tx)
{
	u32 max = READ_ONCE(tx->dev->mtu) + tx->hard_header_len;
	int linear = (int)PAGE_SIZE - 1 - tx->hlen - tx->tlen;

	return min_t(u32, max, max(linear, 0));
}

/* Makes an skb of a packet. Of the errors, -EMSGSIZE, -EINVAL and -ENOBUFS are
 * the packet's, others the socket's.
 */
static struct sk_buff *tp4_tx_build(struct tp4_tx *tx, struct tp4_frame_set *p)
{
	u32 max = READ_ONCE(tx->dev->mtu) + tx->hard_header_len + VLAN_HLEN;
	int err = -EMSGSIZE;
	struct sk_buff *skb;
	u32 len = 0;
	u32 pos = 0;

	do {
		len += tp4f_get_frame_len(p);
	} while (tp4f_next_frame(p));
	tp4f_first_frame(p);

	if (len > max)
		return ERR_PTR(-EMSGSIZE);

	skb = tp4_tx_alloc(tx, len);
	if (IS_ERR(skb))
		return skb;

	do {
		skb_store_bits(skb, pos, tp4f_get_data(p),
			       tp4f_get_frame_len(p));
		pos += tp4f_get_frame_len(p);
	} while (tp4f_next_frame(p));
	tp4f_first_frame(p);

	if (!dev_validate_header(tx->dev, skb->data, len))
		err = -EINVAL;
	else if (tp4_tx_fits(tx, skb))
		err = 0;
	if (err) {
		kfree_skb(skb);
		return ERR_PTR(err);
	}

	tp4_tx_headers(tx, skb);
	return skb;
}

/* Charges what tp4_tx_build_simple() has built to the send buffer, all at once.
 * Before that, none may be freed.
 */
static void tp4_tx_charge(struct tp4_tx *tx)
{
	if (!tx->charge)
		return;
	refcount_add(tx->charge, &tx->sk->sk_wmem_alloc);
	tx->room -= tx->charge;
	tx->charge = 0;
}

/* Begins to build packets with tp4_tx_build_simple(). */
static void tp4_tx_begin(struct tp4_tx *tx)
{
	const struct sock *sk = tx->sk;

	tx->charge = 0;
	/* tp4_tx_build() knows what to do. */
	if (unlikely(READ_ONCE(sk->sk_err) ||
		     READ_ONCE(sk->sk_shutdown) & SEND_SHUTDOWN))
		tx->room = 0;
	else
		tx->room = READ_ONCE(sk->sk_sndbuf) - sk_wmem_alloc_get(sk);
	local_bh_disable();
}

static void tp4_tx_end(struct tp4_tx *tx)
{
	local_bh_enable();
	tp4_tx_charge(tx);
}

/* Makes an skb of a packet that takes one frame: the skb is out of the cache that
 * NAPI has, its head a piece of a page, which costs less than one from a slab. No
 * other socket has pieces of this page, so that who keeps an skb of his own keeps
 * no memory of others.
 *
 * The send buffer is the same as for tp4_tx_build(), only that it is looked up
 * once for many packets, and so are the socket's errors.
 *
 * Returns NULL if this is not possible: tp4_tx_build() may sleep, and knows why.
 */
static struct sk_buff *tp4_tx_build_simple(struct tp4_tx *tx,
					   struct tp4_ring *ring,
					   const struct tp4_frame_set *p)
{
	u32 len = tp4f_get_frame_len(p);
	struct sk_buff *skb;
	unsigned int size;
	void *head;

	if (unlikely(tp4f_num_frames(p) != 1 || len > tx->simple_max ||
		     tx->charge >= tx->room))
		return NULL;

	size = SKB_HEAD_ALIGN(tx->hlen + tx->tlen + len);
	head = page_frag_alloc(&ring->heads, size, GFP_NOWAIT | __GFP_NOWARN);
	if (unlikely(!head))
		return NULL;
	skb = napi_build_skb(head, size);
	if (unlikely(!skb)) {
		skb_free_frag(head);
		return NULL;
	}
	skb_reserve(skb, tx->hlen - tx->hard_header_len);
	memcpy(__skb_put(skb, len), tp4f_get_data(p), len);
	if (unlikely(!dev_validate_header(tx->dev, skb->data, len))) {
		kfree_skb(skb);
		return ERR_PTR(-EINVAL);
	}

	/* As skb_set_owner_w() */
	skb->sk = tx->sk;
	skb->destructor = sock_wfree;
	skb_set_hash_from_sk(skb, tx->sk);
	tx->charge += skb->truesize;
	tp4_tx_headers(tx, skb);
	return skb;
}

/* Notes what became of a packet of @len bytes; @err as dev_queue_xmit() returns
 * it.
 */
static void tp4_tx_done(struct tp4_tx *tx, struct tp4_frame_set *p, u32 len,
			int err)
{
	if (err > 0)
		err = net_xmit_errno(err);
	if (!err) {
		tx->sent += len;
		return;
	}
	/* What else a device may think of is its refusal, like that of a qdisc. */
	if (err != -ENETDOWN && err != -EMSGSIZE && err != -EINVAL)
		err = -ENOBUFS;
	tp4f_set_packet_error(p, -err);
}

/* Would validate_xmit_skb_list() hand it back as it is? There is nothing to
 * offload, nor to do instead of a device that cannot.
 */
static bool tp4_tx_is_valid(struct sk_buff *skb)
{
	return !skb_is_nonlinear(skb) && !skb_is_gso(skb) &&
	       skb->ip_summed == CHECKSUM_NONE &&
	       !skb_vlan_tag_present(skb) && !xfrm_offload(skb);
}

/* Past the qdisc: all that may be done before the queue is locked. Returns
 * false if the packet was dropped.
 */
static bool tp4_tx_prepare(struct tp4_tx *tx, struct tp4_tx_packet *pkt)
{
	struct sk_buff *skb = pkt->skb;
	bool again = false;
	int rc;

	if (unlikely(nf_hook_egress_active())) {
		rcu_read_lock_bh();
		skb = nf_hook_egress(skb, &rc, tx->dev);
		rcu_read_unlock_bh();
		pkt->skb = skb;
		if (!skb)
			return false;
	}

	/* The queue of this CPU, as for V1 to V3. */
	if (tx->dev->real_num_tx_queues != 1) {
		skb_record_rx_queue(skb, raw_smp_processor_id() %
					 tx->dev->real_num_tx_queues);
		netdev_core_pick_tx(tx->dev, skb, NULL);
	}

	if (likely(tp4_tx_is_valid(skb)))
		return true;
	pkt->skb = validate_xmit_skb_list(skb, tx->dev, &again);
	if (unlikely(pkt->skb != skb)) {
		dev_core_stats_tx_dropped_inc(tx->dev);
		kfree_skb_list(pkt->skb);
		return false;
	}
	return true;
}

/* Hands a packet to the device. With BH off and, unless the device needs none,
 * its queue locked.
 */
static void tp4_tx_one(struct tp4_tx *tx, struct tp4_tx_packet *pkt,
		       struct netdev_queue *txq, bool more)
{
	int rc = NETDEV_TX_BUSY;

	/* Since tp4_tx_prepare() has looked, it may have been closed. With BH
	 * off, ndo_stop() is not called: dev_deactivate() waits before.
	 */
	if (unlikely(!netif_running(tx->dev))) {
		kfree_skb(pkt->skb);
		tp4_tx_done(tx, &pkt->frames, 0, -ENETDOWN);
		return;
	}
	dev_xmit_recursion_inc();
	if (likely(!netif_xmit_frozen_or_drv_stopped(txq)))
		rc = netdev_start_xmit(pkt->skb, tx->dev, txq, more);
	dev_xmit_recursion_dec();
	if (unlikely(!dev_xmit_complete(rc)))
		kfree_skb(pkt->skb);
	tp4_tx_done(tx, &pkt->frames, pkt->len, rc);
}

/* Sends @n packets of one queue with one lock and, if the driver can, one
 * doorbell.
 */
static void tp4_tx_run(struct tp4_tx *tx, struct tp4_tx_packet *pkt, u32 n)
{
	struct net_device *dev = tx->dev;
	struct netdev_queue *txq;
	u32 i;

	txq = skb_get_tx_queue(dev, pkt->skb);

	local_bh_disable();
	HARD_TX_LOCK(dev, txq, smp_processor_id());
	for (i = 0; i < n; i++)
		tp4_tx_one(tx, &pkt[i], txq, i + 1 < n);
	HARD_TX_UNLOCK(dev, txq);
	local_bh_enable();
}

static void tp4_tx_direct(struct tp4_tx *tx, struct tp4_tx_packet *pkt, u32 n)
{
	u32 i, first = 0, ready = 0;

	if (unlikely(!netif_running(tx->dev) || !netif_carrier_ok(tx->dev))) {
		for (i = 0; i < n; i++) {
			dev_core_stats_tx_dropped_inc(tx->dev);
			kfree_skb(pkt[i].skb);
			tp4_tx_done(tx, &pkt[i].frames, 0, -ENOBUFS);
		}
		return;
	}

	/* Close the gaps that dropped packets leave. */
	for (i = 0; i < n; i++) {
		if (unlikely(!tp4_tx_prepare(tx, &pkt[i])))
			tp4_tx_done(tx, &pkt[i].frames, 0, -ENOBUFS);
		else if (likely(ready == i))
			ready++;
		else
			pkt[ready++] = pkt[i];
	}

	for (i = 1; i <= ready; i++) {
		if (i < ready && skb_get_queue_mapping(pkt[i].skb) ==
				 skb_get_queue_mapping(pkt[first].skb))
			continue;
		tp4_tx_run(tx, &pkt[first], i - first);
		first = i;
	}
}

static void tp4_tx_qdisc(struct tp4_tx *tx, struct tp4_tx_packet *pkt, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		tp4_tx_done(tx, &pkt[i].frames, pkt[i].len,
			    dev_queue_xmit(pkt[i].skb));
}

/* The long way of tp4_tx_make(). */
static noinline struct sk_buff *tp4_tx_make_slow(struct tp4_tx *tx,
						 struct tp4_ring *ring,
						 struct tp4_frame_set *p,
						 struct sk_buff *skb)
{
	int err;

	if (!skb) {
		tp4_tx_end(tx);
		skb = tp4_tx_build(tx, p);
		tp4_tx_begin(tx);
		if (!IS_ERR(skb))
			return skb;
	}

	err = PTR_ERR(skb);
	if (err != -EMSGSIZE && err != -EINVAL && err != -ENOBUFS) {
		tp4a_put_back(ring->arr, p);
		return skb;
	}
	tp4_tx_done(tx, p, 0, err);
	return NULL;
}

/* Makes an skb of a packet that was taken out of the array. Returns NULL if that
 * packet has an error, and was told; ERR_PTR if the socket cannot go on, and the
 * packet is in the array again.
 */
static __always_inline struct sk_buff *tp4_tx_make(struct tp4_tx *tx,
						   struct tp4_ring *ring,
						   struct tp4_frame_set *p)
{
	struct sk_buff *skb;

	skb = tp4_tx_build_simple(tx, ring, p);
	if (IS_ERR_OR_NULL(skb))
		return tp4_tx_make_slow(tx, ring, p, skb);
	return skb;
}

/* Past the qdisc, to a device that needs no lock: each packet is sent when the
 * next one is ready, as it takes this one to know whether there are more. Such
 * devices are done with a packet at once, mostly: its memory is used for the one
 * after the next. Returns the number of packets that have been handed over, and
 * sets @err to what tp4_tx_make() says.
 */
static u32 tp4_tx_stream(struct tp4_tx *tx, struct tp4_ring *ring, int *err)
{
	struct tp4_tx_packet *pkt = ring->batch;
	struct tp4_tx_packet *held = NULL;
	struct netdev_queue *txq = NULL;
	struct netdev_queue *next_txq;
	u32 n, sent = 0;

	for (n = 0; n < TP4_TX_BATCH; n++) {
		if (!tp4a_next_packet(ring->arr, &pkt->frames))
			break;
		pkt->skb = tp4_tx_make(tx, ring, &pkt->frames);
		if (IS_ERR(pkt->skb)) {
			*err = PTR_ERR(pkt->skb);
			break;
		}
		if (unlikely(!pkt->skb))
			continue;
		tp4_tx_charge(tx);
		pkt->len = pkt->skb->len;
		if (unlikely(!tp4_tx_prepare(tx, pkt))) {
			tp4_tx_done(tx, &pkt->frames, 0, -ENOBUFS);
			continue;
		}
		next_txq = skb_get_tx_queue(tx->dev, pkt->skb);
		if (held)
			tp4_tx_one(tx, held, txq, next_txq == txq);
		sent++;
		held = pkt;
		txq = next_txq;
		pkt = &ring->batch[sent & 1];
	}
	if (held)
		tp4_tx_one(tx, held, txq, false);
	return sent;
}

/* Takes up to TP4_TX_BATCH packets out of the array, sends and completes them.
 * Returns 0, or a negative errno if the socket cannot go on.
 */
static int tp4_tx_batch(struct tp4_tx *tx, struct tp4_ring *ring)
{
	struct tp4_tx_packet *batch = ring->batch;
	u32 n, ready = 0;
	int err = 0;

	tp4_tx_begin(tx);
	if (tx->stream) {
		ready = tp4_tx_stream(tx, ring, &err);
		tp4_tx_end(tx);
	} else {
		for (n = 0; n < TP4_TX_BATCH; n++) {
			struct tp4_tx_packet *pkt = &batch[ready];

			if (!tp4a_next_packet(ring->arr, &pkt->frames))
				break;
			pkt->skb = tp4_tx_make(tx, ring, &pkt->frames);
			if (IS_ERR(pkt->skb)) {
				err = PTR_ERR(pkt->skb);
				break;
			}
			if (unlikely(!pkt->skb))
				continue;
			pkt->len = pkt->skb->len;
			ready++;
		}
		tp4_tx_end(tx);
		if (tx->direct)
			tp4_tx_direct(tx, batch, ready);
		else
			tp4_tx_qdisc(tx, batch, ready);
	}

	/* There may be room when these have gone: the next call will see. */
	if (err == -EAGAIN && ready)
		err = 0;
	tp4a_flush(ring->arr);
	return err;
}

/* There is no device to take them: completes the packets in the array. */
static void tp4_tx_fail(struct tp4_ring *ring, int err)
{
	struct tp4_frame_set frames;

	while (tp4a_next_packet(ring->arr, &frames))
		tp4f_set_packet_error(&frames, -err);
	tp4a_flush(ring->arr);
}

/* Sends a batch of what is on the ring; each slot once, as who refills the ring
 * at the same time must not keep us here. The lock is held no longer than this.
 *
 * Returns 1 if there may be more, 0 if that was all, -EAGAIN if the send buffer
 * is full, -ESTALE if the socket is in zero copy, or another negative errno.
 */
static int tp4_tx_kick(struct tp4_tx *tx)
{
	struct packet_sock *po = pkt_sk(tx->sk);
	struct tp4_sock *tp4 = po->tp4;
	struct tp4_ring *ring;
	int dev_err = 0;
	u32 head, tail;
	int err = 0;

	mutex_lock(&tp4->lock);
	ring = tp4->rings.tx;
	/* Zero copy may have begun since tp4_sendmsg() has looked. */
	if (!ring || packet_sock_flag(po, PACKET_SOCK_ZEROCOPY)) {
		mutex_unlock(&tp4->lock);
		return ring ? -ESTALE : -EINVAL;
	}

	tx->dev = tp4_dev_get(po);
	if (!tx->dev) {
		dev_err = -ENXIO;
	} else if (!(READ_ONCE(tx->dev->flags) & IFF_UP)) {
		dev_err = -ENETDOWN;
	} else {
		tx->hard_header_len = READ_ONCE(tx->dev->hard_header_len);
		tx->hlen = LL_RESERVED_SPACE_EX(tx->dev, tx->hard_header_len);
		tx->tlen = READ_ONCE(tx->dev->needed_tailroom);
		tx->simple_max = tp4_tx_simple_max(tx);
		tx->direct = packet_sock_flag(po, PACKET_SOCK_QDISC_BYPASS);
		tx->stream = tx->direct && tx->dev->lltx &&
			     netif_running(tx->dev) &&
			     netif_carrier_ok(tx->dev);
	}

	tail = ring->q.tail;
	if (tx->taken < tp4q_nr(&ring->q)) {
		head = ring->q.head;
		tp4a_populate(ring->arr);
		tx->taken += ring->q.head - head;
	}
	if (ring->arr->curr == ring->arr->end)
		err = dev_err;
	else if (dev_err)
		tp4_tx_fail(ring, dev_err);
	else
		err = tp4_tx_batch(tx, ring);
	/* A full ring would not be writable until another send() empties it. */
	WRITE_ONCE(ring->blocked, err == -EAGAIN);

	/* What the skbs' destructors woke came before the slots were free. */
	if (ring->q.tail != tail) {
		tx->sk->sk_write_space(tx->sk);
		err = err ?: 1;
	}
	dev_put(tx->dev);
	mutex_unlock(&tp4->lock);
	return err;
}

/* Waits until there is room in the send buffer, or a signal. Returns what is
 * left of @timeo.
 */
static long tp4_wait_for_wmem(struct sock *sk, long timeo)
{
	DEFINE_WAIT(wait);

	sk_clear_bit(SOCKWQ_ASYNC_NOSPACE, sk);
	while (timeo && !signal_pending(current)) {
		set_bit(SOCK_NOSPACE, &sk->sk_socket->flags);
		prepare_to_wait(sk_sleep(sk), &wait, TASK_INTERRUPTIBLE);
		if (refcount_read(&sk->sk_wmem_alloc) <
		    READ_ONCE(sk->sk_sndbuf) || READ_ONCE(sk->sk_err))
			break;
		timeo = schedule_timeout(timeo);
	}
	finish_wait(sk_sleep(sk), &wait);
	return timeo;
}

/**
 * tp4_sendmsg - send what is on the TX ring of a V4 socket
 * @sock: the socket
 * @msg: flags and control messages; no address and no data
 *
 * Blocks, unless MSG_DONTWAIT is set, while the send buffer is full, up to
 * SO_SNDTIMEO and holding no lock.
 *
 * Context: process; takes the socket's V4 lock.
 * Return: bytes handed over, which may be less than was queued; what was not
 * taken stays the kernel's, for the next call. If nothing was: 0, or EAGAIN if
 * the send buffer is full, EINVAL if there is an address, data or no TX ring,
 * ENETDOWN or ENXIO if there is no device that could send (the descriptors come
 * back with that error, too), EINTR or ERESTARTSYS on a signal.
 */
int tp4_sendmsg(struct socket *sock, struct msghdr *msg)
{
	struct sock *sk = sock->sk;
	struct tp4_tx tx = { .sk = sk };
	long timeo;
	int err;

	if (msg->msg_name || msg_data_left(msg))
		return -EINVAL;
	if (packet_sock_flag(pkt_sk(sk), PACKET_SOCK_ZEROCOPY))
		return tp4_zc_sendmsg(sk, msg);

	sockcm_init(&tx.sockc, sk);
	tx.sockc.mark = READ_ONCE(sk->sk_mark);
	if (msg->msg_controllen) {
		err = sock_cmsg_send(sk, msg, &tx.sockc);
		if (err)
			return err;
	}

	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	do {
		err = tp4_tx_kick(&tx);
		if (err == -EAGAIN && timeo) {
			timeo = tp4_wait_for_wmem(sk, timeo);
			err = signal_pending(current) ?
			      sock_intr_errno(timeo) : 1;
		}
		cond_resched();
		/* The sum of lengths is returned as an int. */
	} while (err > 0 && tx.sent < INT_MAX / 2 &&
		 !fatal_signal_pending(current));

	/* While we waited, perhaps. The driver goes on where we have left off. */
	if (err == -ESTALE && !tx.sent)
		return tp4_zc_sendmsg(sk, msg);
	return tx.sent ?: min(err, 0);
}
EXPORT_SYMBOL_GPL(tp4_sendmsg);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: XDP on packet arrays
 *
 * tp4a_flush() runs a program on each packet that is about to go to user space
 * (paper: "XDP Support"), so a driver with packet arrays has XDP for free.
 *
 *	XDP_PASS		to user space, with the program's idea of where
 *				it begins and ends
 *	XDP_DROP, XDP_ABORTED	the frame is empty again
 *	XDP_TX, XDP_REDIRECT,	so is the frame, and a copy of the packet goes
 *	XDP_PASS_TO_KERNEL	on: through ndo_xdp_xmit() of the same device,
 *				as the program says, or as an skb to the stack
 *
 * It has to be a copy. User space can write to the frame at any time, and an
 * xdp_frame in its headroom, or a header that was checked, would be a pointer
 * or a length for it to choose. What it writes while the program runs can only
 * change what the program sees.
 *
 * A program sees a packet that is in one piece. One of several frames is
 * dropped and counted: nothing gets past a program unseen.
 *
 * All of this is in the context of NAPI, which the caller of tp4a_flush() is.
 */

#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/minmax.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/xdp.h>
#include <trace/events/tpacket4.h>

#include "tp4_internal.h"

/* Packets that ndo_xdp_xmit() gets at a time. */
#define TP4_XDP_TX_BULK		16

/* What drivers have behind their xdp_buff, for metadata helpers: those see
 * zeroes, and must take this for "none".
 */
#define TP4_XDP_DRIVER_SIZE	64

static_assert(XDP_PASS_TO_KERNEL + 1 == TP4_XDP_ACTIONS);

/**
 * struct tp4_xdp - one call of tp4_xdp_run()
 * @a: array
 * @prog: program
 * @rxq: copy of the queue's, with the memory of packets that leave their frame
 * @frame_sz: bytes of a frame, and what programs keep off at its end
 * @xdp: what the program sees
 * @driver: stands for the driver's part behind @xdp
 * @tx: packets for XDP_TX
 * @tx_nr: number of @tx
 * @redirected: packets were redirected
 * @to_kernel: packets for the stack
 * @lost: packets that no one gets
 */
struct tp4_xdp {
	struct tp4_packet_array *a;
	struct bpf_prog *prog;
	struct xdp_rxq_info rxq;
	u32 frame_sz;
	struct {
		struct xdp_buff xdp;
		u8 driver[TP4_XDP_DRIVER_SIZE];
	};
	struct xdp_frame *tx[TP4_XDP_TX_BULK];
	u32 tx_nr;
	bool redirected;
	struct list_head to_kernel;
	u32 lost;
};

static struct tp4_queue_stats *tp4_xdp_stats(const struct tp4_xdp *x)
{
	return &((struct tp4_queue *)x->a->queue_opaque)->stats;
}

static void tp4_xdp_error(struct tp4_xdp *x, u32 act)
{
	trace_xdp_exception(x->rxq.dev, x->prog, act);
	tp4_stat_add(&tp4_xdp_stats(x)->xdp_errors, 1);
	x->lost++;
}

/* Copies the packet to a page of its own. */
static bool tp4_xdp_copy(struct tp4_xdp *x, struct xdp_buff *copy)
{
	u32 meta = x->xdp.data - x->xdp.data_meta;
	u32 len = x->xdp.data_end - x->xdp.data;
	struct page *page;
	void *start;

	if (len > SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM))
		return false;
	page = dev_alloc_page();
	if (!page)
		return false;

	start = page_address(page);
	memcpy(start + XDP_PACKET_HEADROOM - meta, x->xdp.data_meta,
	       meta + len);
	xdp_init_buff(copy, PAGE_SIZE, &x->rxq);
	xdp_prepare_buff(copy, start, XDP_PACKET_HEADROOM, len, true);
	copy->data_meta = copy->data - meta;
	return true;
}

static void tp4_xdp_flush_tx(struct tp4_xdp *x)
{
	struct net_device *dev = x->rxq.dev;
	int sent = -EOPNOTSUPP;
	int err = 0;
	u32 i;

	if (!x->tx_nr)
		return;

	if (dev->netdev_ops->ndo_xdp_xmit)
		sent = dev->netdev_ops->ndo_xdp_xmit(dev, x->tx_nr, x->tx,
						     XDP_XMIT_FLUSH);
	if (sent < 0) {
		err = sent;
		sent = 0;
	}
	for (i = sent; i < x->tx_nr; i++)
		xdp_return_frame_rx_napi(x->tx[i]);
	trace_xdp_bulk_tx(dev, sent, x->tx_nr - sent, err);
	tp4_stat_add(&tp4_xdp_stats(x)->xdp_errors, x->tx_nr - sent);
	x->lost += x->tx_nr - sent;
	x->tx_nr = 0;
}

static bool tp4_xdp_tx(struct tp4_xdp *x)
{
	struct xdp_frame *frame;
	struct xdp_buff copy;

	if (!tp4_xdp_copy(x, &copy))
		return false;
	frame = xdp_convert_buff_to_frame(&copy);
	if (unlikely(!frame)) {
		xdp_return_buff(&copy);
		return false;
	}

	x->tx[x->tx_nr++] = frame;
	if (x->tx_nr == TP4_XDP_TX_BULK)
		tp4_xdp_flush_tx(x);
	return true;
}

static bool tp4_xdp_redirect(struct tp4_xdp *x)
{
	struct xdp_buff copy;

	if (!tp4_xdp_copy(x, &copy))
		return false;
	if (xdp_do_redirect(x->rxq.dev, &copy, x->prog)) {
		xdp_return_buff(&copy);
		return false;
	}
	x->redirected = true;
	return true;
}

static bool tp4_xdp_to_kernel(struct tp4_xdp *x)
{
	u32 meta = x->xdp.data - x->xdp.data_meta;
	u32 len = x->xdp.data_end - x->xdp.data;
	struct sk_buff *skb;

	skb = netdev_alloc_skb_ip_align(x->rxq.dev, meta + len);
	if (!skb)
		return false;

	/* From here on, only the copy is looked at. */
	skb_put_data(skb, x->xdp.data_meta, meta + len);
	__skb_pull(skb, meta);
	if (meta)
		skb_metadata_set(skb, meta);
	skb_record_rx_queue(skb, x->rxq.queue_index);
	skb->protocol = eth_type_trans(skb, x->rxq.dev);
	list_add_tail(&skb->list, &x->to_kernel);
	return true;
}

/* Runs the program on one packet. Returns true if user space gets it. */
static bool tp4_xdp_packet(struct tp4_xdp *x, struct tp4_frame_set *p)
{
	struct tpacket4_desc *d = tp4f_item(p);
	void *frame = tp4f_get_frame(p);
	bool ok;
	u32 act;

	/* Of what was not received well there is nothing to be seen. */
	if (unlikely(d->error))
		return true;
	if (unlikely(d->flags & TP4_PKT_CONT)) {
		tp4_xdp_error(x, XDP_ABORTED);
		return false;
	}

	xdp_init_buff(&x->xdp, x->frame_sz, &x->rxq);
	xdp_prepare_buff(&x->xdp, frame, d->offset, d->len, true);

	act = bpf_prog_run_xdp_raw(x->prog, &x->xdp);
	switch (act) {
	case XDP_PASS:
		d->offset = x->xdp.data - frame;
		d->len = x->xdp.data_end - x->xdp.data;
		tp4_stat_add(&tp4_xdp_stats(x)->xdp[act], 1);
		return true;
	case XDP_TX:
		ok = tp4_xdp_tx(x);
		break;
	case XDP_REDIRECT:
		ok = tp4_xdp_redirect(x);
		break;
	case XDP_PASS_TO_KERNEL:
		ok = tp4_xdp_to_kernel(x);
		break;
	default:
		bpf_warn_invalid_xdp_action(x->rxq.dev, x->prog, act);
		act = XDP_ABORTED;
		fallthrough;
	case XDP_ABORTED:
		trace_xdp_exception(x->rxq.dev, x->prog, act);
		fallthrough;
	case XDP_DROP:
		x->lost++;
		ok = true;
		break;
	}

	tp4_stat_add(&tp4_xdp_stats(x)->xdp[act], 1);
	if (!ok)
		tp4_xdp_error(x, act);
	return false;
}

/**
 * tp4_xdp_run - run an array's program on packets that are to be flushed
 * @a: the array, which has a program
 * @n: number of frames, from the array's start, that make whole packets
 *
 * Context: NAPI; the caller is the array's owner.
 * Return: number of frames that user space gets. They come first, in order;
 * those of the other packets behind them.
 */
u32 tp4_xdp_run(struct tp4_packet_array *a, u32 n)
{
	struct tp4_frame_set p = { .pkt_arr = a };
	struct tp4_xdp x = { .a = a };
	u32 keep = a->start;
	u32 i;

	x.prog = rcu_dereference_check(a->xdp_prog, rcu_read_lock_bh_held());
	if (!x.prog)
		return n;
	/* Pairs with rcu_assign_pointer() in tp4a_set_xdp(): who sees the
	 * program sees the queue.
	 */
	smp_rmb();

	x.rxq = *a->xdp_rxq;
	x.rxq.mem = (struct xdp_mem_info) { .type = MEM_TYPE_PAGE_ORDER0 };
	/* There is no skb_shared_info at a frame's end. */
	x.frame_sz = (1U << a->frame_shift) +
		     SKB_DATA_ALIGN(sizeof(struct skb_shared_info));
	x.frame_sz = min_t(u32, x.frame_sz, PAGE_SIZE);
	INIT_LIST_HEAD(&x.to_kernel);

	for (i = a->start; i != a->start + n; i = p.end) {
		p.start = i;
		p.curr = i;
		p.end = i;
		while (tp4a_item(a, p.end++)->flags & TP4_PKT_CONT)
			;
		if (!tp4_xdp_packet(&x, &p))
			continue;
		for (; i != p.end; i++, keep++)
			if (keep != i)
				swap(*tp4a_item(a, keep), *tp4a_item(a, i));
	}

	tp4_xdp_flush_tx(&x);
	if (x.redirected)
		xdp_do_flush();
	if (!list_empty(&x.to_kernel))
		netif_receive_skb_list(&x.to_kernel);
	if (x.lost)
		trace_tp4_flush_drop(x.rxq.dev, x.rxq.queue_index, x.lost);

	return keep - a->start;
}

/**
 * tp4_xdp_add_stats - PACKET_STATISTICS, as far as XDP has a part in it
 * @st: added to
 * @q: what an RX queue has counted
 */
void tp4_xdp_add_stats(struct tpacket_stats_v4 *st,
		       const struct tp4_queue_stats *q)
{
	st->xdp_aborted += READ_ONCE(q->xdp[XDP_ABORTED]);
	st->xdp_drop += READ_ONCE(q->xdp[XDP_DROP]);
	st->xdp_pass += READ_ONCE(q->xdp[XDP_PASS]);
	st->xdp_tx += READ_ONCE(q->xdp[XDP_TX]);
	st->xdp_redirect += READ_ONCE(q->xdp[XDP_REDIRECT]);
	st->xdp_pass_to_kernel += READ_ONCE(q->xdp[XDP_PASS_TO_KERNEL]);
	st->xdp_errors += READ_ONCE(q->xdp_errors);
}

/**
 * tp4a_set_xdp - set the program that tp4a_flush() runs
 * @a: packet array for receiving
 * @prog: program, or NULL; the caller keeps it until a grace period after the
 *	next call
 * @rxq: the queue, registered while there is a program, or NULL without one
 *
 * The array may be in use.
 *
 * Context: process, RTNL held.
 */
void tp4a_set_xdp(struct tp4_packet_array *a, struct bpf_prog *prog,
		  struct xdp_rxq_info *rxq)
{
	ASSERT_RTNL();

	/* Whoever finds a program finds its queue; the queue stays. */
	if (prog)
		a->xdp_rxq = rxq;
	rcu_assign_pointer(a->xdp_prog, prog);
}
EXPORT_SYMBOL_GPL(tp4a_set_xdp);

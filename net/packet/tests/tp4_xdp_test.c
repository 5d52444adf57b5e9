// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of programs on packet arrays
 *
 * A program that does what the packet tells it to, with the helpers that real
 * programs have. User space, two devices and the stack get what it says and
 * nothing else, and no frame is lost or in two places.
 */

#include <linux/bpf.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/prandom.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <net/xdp.h>

#include "tp4_test.h"

#define TP4_XDP_QUEUE	3
#define TP4_XDP_LIST	64

/* Most frames of a packet. */
#define TP4_XDP_PARTS	4

/* Where a packet goes. The first ones have a list each. */
enum tp4_dest {
	TP4_TO_TX,
	TP4_TO_OTHER,
	TP4_TO_KERNEL,
	TP4_TO_USER,
	TP4_TO_NOBODY,
};

#define TP4_DESTS	TP4_TO_NOBODY

/**
 * struct tp4_cmd - what the program is to do, in the packet behind its header
 * @serial: of the packet
 * @act: verdict
 * @head: for bpf_xdp_adjust_head()
 * @tail: for bpf_xdp_adjust_tail()
 * @meta: bytes of metadata
 */
struct tp4_cmd {
	u32 serial;
	u32 act;
	s16 head;
	s16 tail;
	u16 meta;
} __packed;

#define TP4_CMD_END	(ETH_HLEN + sizeof(struct tp4_cmd))

/**
 * struct tp4_xdp_out - a packet that came out, or must
 * @idx: to user space: frame
 * @len: bytes of data
 * @meta: bytes of metadata
 * @offset: to user space: where it begins
 * @error: to user space: errno
 * @flags: to user space: flags
 * @bytes: metadata, then data
 */
struct tp4_xdp_out {
	u64 idx;
	u32 len;
	u32 meta;
	u16 offset;
	u8 error;
	u8 flags;
	u8 bytes[PAGE_SIZE + 256];
};

/**
 * struct tp4_xdp_list - packets on their way to one destination
 * @nr: number of @out
 * @out: the packets, in order
 */
struct tp4_xdp_list {
	u32 nr;
	struct tp4_xdp_out out[TP4_XDP_LIST];
};

/**
 * struct tp4_xdp_test - a queue with a program
 * @t: ring and array
 * @dev: device of the queue
 * @other: device that the program redirects to
 * @rxq: the queue
 * @prog: the program
 * @aux: likewise
 * @serial: of the next packet
 * @ifindex: that the program redirects to
 * @runs: calls of the program
 * @want_runs: how many there must be
 * @refused: helpers that have failed
 * @wrong: what was not as it must be, where it cannot be told
 * @bulks: calls of ndo_xdp_xmit(), by destination
 * @bulk_max: most packets of these
 * @unflushed: the device waits for the call that says that it is the last one
 * @xmit_limit: packets that ndo_xdp_xmit() takes in each call
 * @xmit_error: what it returns, unless 0
 * @pages: of packets that ndo_xdp_xmit() was given, with a reference
 * @pages_nr: number of @pages
 * @stats: counters as they must be
 * @want: packets that must come
 * @got: packets that came, but for those to user space
 * @user: user space has this frame
 * @filled: there is a packet in this frame
 * @pending: frames that go to user space, or not, with the next flush
 * @pending_nr: number of @pending
 */
struct tp4_xdp_test {
	struct tp4_test *t;
	struct net_device *dev;
	struct net_device *other;
	struct xdp_rxq_info rxq;
	struct bpf_prog *prog;
	struct bpf_prog_aux *aux;
	u32 serial;
	u32 ifindex;
	u32 runs;
	u32 want_runs;
	u32 refused;
	u32 wrong;
	u32 bulks[TP4_DESTS];
	u32 bulk_max;
	bool unflushed[TP4_DESTS];
	u32 xmit_limit;
	int xmit_error;
	struct page *pages[TP4_XDP_LIST];
	u32 pages_nr;
	struct tp4_queue_stats stats;
	struct tp4_xdp_list *want[TP4_DESTS];
	struct tp4_xdp_list *got[TP4_DESTS];
	bool user[TP4_TEST_FRAME_NR];
	bool filled[TP4_TEST_FRAME_NR];
	u64 pending[TP4_XDP_LIST];
	u32 pending_nr;
};

struct tp4_xdp_dev {
	struct tp4_xdp_test *x;
	enum tp4_dest dest;
};

static bool tp4_xdp_in_buffer(const struct tp4_xdp_test *x, const void *p)
{
	const void *start = x->t->umem.addr;

	return p >= start && p < start + (TP4_TEST_FRAME_NR <<
					  TP4_TEST_FRAME_SHIFT);
}

static u64 tp4_xdp_call(struct tp4_xdp_test *x, enum bpf_func_id id, u64 r1,
			u64 r2)
{
	return xdp_verifier_ops.get_func_proto(id, x->prog)->func(r1, r2, 0, 0,
								   0);
}

static void tp4_xdp_adjust(struct tp4_xdp_test *x, enum bpf_func_id id,
			   struct xdp_buff *xdp, int by)
{
	if (by && (int)tp4_xdp_call(x, id, (unsigned long)xdp, by))
		x->refused++;
}

/* What it sees is a frame, and it is to find nothing of the driver's there. */
static void tp4_xdp_check_context(struct tp4_xdp_test *x,
				  const struct xdp_buff *xdp)
{
	u32 size = 1 << x->t->arr->frame_shift;
	const void *frames = x->t->umem.addr;
	const void *end;

	if (!tp4_xdp_in_buffer(x, xdp->data_hard_start) ||
	    !IS_ALIGNED(xdp->data_hard_start - frames, size) ||
	    xdp->data < xdp->data_hard_start ||
	    xdp->data_end > xdp->data_hard_start + size ||
	    xdp->data_meta != xdp->data || xdp->flags || xdp->txq)
		x->wrong++;
	/* It can write up to the end of the frame, or less. */
	end = xdp->data_hard_start + size;
	if (size < PAGE_SIZE ? xdp_data_hard_end(xdp) != end :
			       xdp_data_hard_end(xdp) > end)
		x->wrong++;
	if (xdp->frame_sz > PAGE_SIZE)
		x->wrong++;
	if (xdp->rxq->dev != x->dev ||
	    xdp->rxq->queue_index != TP4_XDP_QUEUE)
		x->wrong++;
	/* Drivers' metadata helpers look there. */
	if (memchr_inv(xdp + 1, 0, 64))
		x->wrong++;
}

static unsigned int tp4_xdp_prog(const void *ctx, const struct bpf_insn *insn)
{
	struct xdp_buff *xdp = (struct xdp_buff *)ctx;
	struct tp4_xdp_dev *priv = netdev_priv(xdp->rxq->dev);
	struct tp4_xdp_test *x = priv->x;
	struct tp4_cmd cmd;
	u8 *meta;
	u32 i;

	x->runs++;
	tp4_xdp_check_context(x, xdp);
	memcpy(&cmd, xdp->data + ETH_HLEN, sizeof(cmd));
	tp4_xdp_adjust(x, BPF_FUNC_xdp_adjust_head, xdp, cmd.head);
	tp4_xdp_adjust(x, BPF_FUNC_xdp_adjust_tail, xdp, cmd.tail);
	tp4_xdp_adjust(x, BPF_FUNC_xdp_adjust_meta, xdp, -cmd.meta);
	for (meta = xdp->data_meta, i = 0; (void *)meta < xdp->data; i++)
		*meta++ = cmd.serial + i;
	if (cmd.act == XDP_REDIRECT)
		return tp4_xdp_call(x, BPF_FUNC_redirect, x->ifindex, 0);
	return cmd.act;
}

static void tp4_xdp_note(struct tp4_xdp_test *x, enum tp4_dest dest,
			 const void *data, u32 len, u32 meta)
{
	struct tp4_xdp_list *l = x->got[dest];
	struct tp4_xdp_out *out;

	if (l->nr == TP4_XDP_LIST || meta + len > sizeof(out->bytes) ||
	    tp4_xdp_in_buffer(x, data)) {
		x->wrong++;
		return;
	}
	out = &l->out[l->nr++];
	out->len = len;
	out->meta = meta;
	memcpy(out->bytes, data - meta, meta + len);
}

static int tp4_xdp_xmit(struct net_device *dev, int n,
			struct xdp_frame **frames, u32 flags)
{
	struct tp4_xdp_dev *priv = netdev_priv(dev);
	struct tp4_xdp_test *x = priv->x;
	struct xdp_frame *frame;
	struct page *page;
	int i;

	x->unflushed[priv->dest] = !(flags & XDP_XMIT_FLUSH);
	x->bulks[priv->dest]++;
	x->bulk_max = max_t(u32, x->bulk_max, n);
	for (i = 0; i < n; i++) {
		page = virt_to_head_page(frames[i]);
		get_page(page);
		if (x->pages_nr < TP4_XDP_LIST)
			x->pages[x->pages_nr++] = page;
		else
			put_page(page);
	}
	if (x->xmit_error)
		return x->xmit_error;
	n = min_t(u32, n, x->xmit_limit);
	for (i = 0; i < n; i++) {
		frame = frames[i];
		if (xdp_frame_has_frags(frame) ||
		    frame->headroom + sizeof(*frame) != XDP_PACKET_HEADROOM)
			x->wrong++;
		tp4_xdp_note(x, priv->dest, frame->data, frame->len,
			     frame->metasize);
		xdp_return_frame_rx_napi(frame);
	}
	return n;
}

/* To the stack, or what would be that. */
static rx_handler_result_t tp4_xdp_receive(struct sk_buff **pskb)
{
	struct sk_buff *skb = *pskb;
	struct tp4_xdp_dev *priv = netdev_priv(skb->dev);

	if (skb_is_nonlinear(skb) || !skb_rx_queue_recorded(skb) ||
	    skb_get_rx_queue(skb) != TP4_XDP_QUEUE ||
	    skb->data - skb_mac_header(skb) != ETH_HLEN ||
	    skb->ip_summed != CHECKSUM_NONE)
		priv->x->wrong++;
	tp4_xdp_note(priv->x, TP4_TO_KERNEL, skb_mac_header(skb),
		     skb->len + ETH_HLEN, skb_metadata_len(skb));
	consume_skb(skb);
	return RX_HANDLER_CONSUMED;
}

static netdev_tx_t tp4_xdp_start_xmit(struct sk_buff *skb,
				      struct net_device *dev)
{
	dev_kfree_skb_any(skb);
	return NETDEV_TX_OK;
}

static const struct net_device_ops tp4_xdp_dev_ops = {
	.ndo_start_xmit = tp4_xdp_start_xmit,
	.ndo_xdp_xmit = tp4_xdp_xmit,
};

static const struct net_device_ops tp4_xdp_no_xmit_ops = {
	.ndo_start_xmit = tp4_xdp_start_xmit,
};

static void tp4_xdp_dev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &tp4_xdp_dev_ops;
	dev->flags = IFF_NOARP;
	dev->priv_flags |= IFF_NO_ADDRCONF | IFF_NO_QUEUE;
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT;
	dev->mtu = 4000;
	eth_hw_addr_random(dev);
}

static void tp4_xdp_dev_free(void *data)
{
	struct net_device *dev = data;

	rtnl_lock();
	netdev_rx_handler_unregister(dev);
	rtnl_unlock();
	unregister_netdev(dev);
	free_netdev(dev);
}

static struct net_device *tp4_xdp_dev_new(struct kunit *test,
					  struct tp4_xdp_test *x,
					  enum tp4_dest dest)
{
	struct tp4_xdp_dev *priv;
	struct net_device *dev;
	int err;

	dev = alloc_netdev_mqs(sizeof(*priv), "tp4test%d", NET_NAME_ENUM,
			       tp4_xdp_dev_setup, 4, 4);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	priv = netdev_priv(dev);
	priv->x = x;
	priv->dest = dest;
	if (register_netdev(dev)) {
		free_netdev(dev);
		KUNIT_FAIL_AND_ABORT(test, "no device");
	}
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_xdp_dev_free,
							   dev));
	rtnl_lock();
	err = dev_open(dev, NULL);
	if (!err)
		err = netdev_rx_handler_register(dev, tp4_xdp_receive, x);
	rtnl_unlock();
	KUNIT_ASSERT_EQ(test, err, 0);
	return dev;
}

static void tp4_xdp_set(struct tp4_xdp_test *x, struct bpf_prog *prog)
{
	rtnl_lock();
	tp4a_set_xdp(x->t->arr, prog, prog ? &x->rxq : NULL);
	rtnl_unlock();
}

KUNIT_DEFINE_ACTION_WRAPPER(tp4_kvfree, kvfree, const void *);

static void *tp4_xdp_alloc(struct kunit *test, size_t size)
{
	void *mem = kvzalloc(size, GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, mem);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tp4_kvfree,
							   mem));
	return mem;
}

static struct tp4_xdp_test *tp4_xdp_new(struct kunit *test, u32 nr, u32 elems,
					u32 first)
{
	struct tp4_xdp_test *x = tp4_xdp_alloc(test, sizeof(*x));
	u32 i;

	for (i = 0; i < TP4_DESTS; i++) {
		x->want[i] = tp4_xdp_alloc(test, sizeof(*x->want[i]));
		x->got[i] = tp4_xdp_alloc(test, sizeof(*x->got[i]));
	}
	x->aux = tp4_xdp_alloc(test, sizeof(*x->aux));
	x->prog = tp4_xdp_alloc(test, sizeof(*x->prog) +
				      sizeof(struct bpf_insn));
	x->prog->aux = x->aux;
	x->prog->len = 1;
	x->prog->type = BPF_PROG_TYPE_XDP;
	x->prog->bpf_func = tp4_xdp_prog;
	x->aux->prog = x->prog;

	x->t = tp4_test_new(test, TP4_TEST_RX, nr, elems, first);
	x->dev = tp4_xdp_dev_new(test, x, TP4_TO_TX);
	x->other = tp4_xdp_dev_new(test, x, TP4_TO_OTHER);
	x->ifindex = x->other->ifindex;
	x->xmit_limit = U32_MAX;
	x->rxq.dev = x->dev;
	x->rxq.queue_index = TP4_XDP_QUEUE;
	memset(x->user, true, sizeof(x->user));
	tp4_xdp_set(x, x->prog);
	return x;
}

/* User space gives up to @n frames. */
static void tp4_xdp_put(struct tp4_xdp_test *x, u32 n)
{
	struct tp4_test *t = x->t;
	u32 idx;

	for (idx = 0; idx < TP4_TEST_FRAME_NR && n; idx++) {
		if (t->prod - t->cons == tp4q_nr(&t->q))
			break;
		if (!x->user[idx])
			continue;
		x->user[idx] = false;
		tp4_put(t, .idx = idx, .len = 1, .offset = 2);
		n--;
	}
	tp4a_populate(t->arr);
}

/* An empty frame of the array, which must be there. */
static void tp4_xdp_take(struct tp4_xdp_test *x, struct tp4_frame_set *p)
{
	struct tpacket4_desc empty = {};
	struct kunit *test = x->t->test;
	u64 idx;

	KUNIT_ASSERT_TRUE(test, tp4a_next_frame(x->t->arr, p));
	idx = tp4f_get_frame_id(p);
	KUNIT_ASSERT_LT(test, idx, TP4_TEST_FRAME_NR);
	KUNIT_ASSERT_FALSE_MSG(test, x->user[idx],
			       "frame %llu is user space's", idx);
	KUNIT_ASSERT_FALSE_MSG(test, x->filled[idx], "frame %llu is in use",
			       idx);
	empty.idx = idx;
	KUNIT_ASSERT_MEMEQ(test, tp4f_item(p), &empty, sizeof(empty));
	KUNIT_ASSERT_LT(test, x->pending_nr, TP4_XDP_LIST);
	x->filled[idx] = true;
	x->pending[x->pending_nr++] = idx;
}

static struct tp4_xdp_out *tp4_xdp_want(struct tp4_xdp_test *x,
					enum tp4_dest dest)
{
	struct tp4_xdp_list *l = x->want[dest];

	KUNIT_ASSERT_LT(x->t->test, l->nr, TP4_XDP_LIST);
	return &l->out[l->nr++];
}

static u8 tp4_xdp_byte(u32 serial, u32 i)
{
	return serial * 41 + i * 7 + i / 256;
}

static const enum tp4_dest tp4_xdp_dests[] = {
	[XDP_ABORTED] = TP4_TO_NOBODY,
	[XDP_DROP] = TP4_TO_NOBODY,
	[XDP_PASS] = TP4_TO_USER,
	[XDP_TX] = TP4_TO_TX,
	[XDP_REDIRECT] = TP4_TO_OTHER,
	[XDP_PASS_TO_KERNEL] = TP4_TO_KERNEL,
};

/* User space must get a frame as it is. */
static void tp4_xdp_want_frame(struct tp4_xdp_test *x,
			       const struct tp4_frame_set *p)
{
	struct tp4_xdp_out *want = tp4_xdp_want(x, TP4_TO_USER);
	const struct tpacket4_desc *d = tp4f_item(p);

	want->idx = d->idx;
	want->len = d->len;
	want->offset = d->offset;
	want->error = d->error;
	want->flags = d->flags;
	want->meta = 0;
	memcpy(want->bytes, tp4f_get_data(p), d->len);
}

/* The device receives a packet, and this must become of it; or, if @fails, it
 * is dropped and counted as an error.
 */
static void tp4_xdp_rx(struct tp4_xdp_test *x, struct tp4_cmd cmd, u32 offset,
		       u32 len, bool fails)
{
	u32 size = 1 << x->t->arr->frame_shift;
	enum tp4_dest dest = TP4_TO_NOBODY;
	u32 start = offset + cmd.head;
	struct tp4_xdp_out *want;
	struct tp4_frame_set p;
	struct ethhdr *eth;
	u8 *frame, *data;
	u32 i;

	tp4_xdp_take(x, &p);
	KUNIT_ASSERT_GE(x->t->test, len, TP4_CMD_END);
	KUNIT_ASSERT_LE(x->t->test, offset + len, size);
	frame = tp4f_get_frame(&p);
	memset(frame, TP4_TEST_POISON, size);
	data = frame + offset;
	for (i = 0; i < len; i++)
		data[i] = tp4_xdp_byte(x->serial, i);
	eth = (struct ethhdr *)data;
	ether_addr_copy(eth->h_dest, x->dev->dev_addr);
	eth->h_proto = htons(0x88b5);
	cmd.serial = x->serial++;
	memcpy(data + ETH_HLEN, &cmd, sizeof(cmd));
	tp4f_set_frame(&p, len, offset, true);

	x->want_runs++;
	if (cmd.act < ARRAY_SIZE(tp4_xdp_dests)) {
		x->stats.xdp[cmd.act]++;
		dest = tp4_xdp_dests[cmd.act];
	} else {
		x->stats.xdp[XDP_ABORTED]++;
	}
	if (fails) {
		x->stats.xdp_errors++;
		return;
	}
	if (dest == TP4_TO_NOBODY)
		return;

	want = tp4_xdp_want(x, dest);
	want->idx = tp4f_get_frame_id(&p);
	want->offset = start;
	want->error = 0;
	want->flags = 0;
	want->len = len + cmd.tail - cmd.head;
	want->meta = dest == TP4_TO_USER ? 0 : cmd.meta;
	for (i = 0; i < want->meta; i++)
		want->bytes[i] = cmd.serial + i;
	for (i = 0; i < want->len; i++)
		want->bytes[want->meta + i] = start + i < offset + len ?
					      frame[start + i] : 0;
}

/* A packet of several frames, or one that was received with an error. No
 * program sees it.
 */
static void tp4_xdp_rx_unseen(struct tp4_xdp_test *x, u32 n, u8 error)
{
	struct tp4_frame_set p;
	u32 i;

	for (i = 0; i < n; i++) {
		tp4_xdp_take(x, &p);
		memset(tp4f_get_frame(&p), TP4_TEST_POISON,
		       1 << x->t->arr->frame_shift);
		tp4f_set_frame(&p, 100 + i, 300, i + 1 == n);
		tp4f_set_error(&p, error);
		if (error)
			tp4_xdp_want_frame(x, &p);
	}
	if (!error)
		x->stats.xdp_errors++;
}

static void tp4_xdp_expect_out(struct tp4_xdp_test *x, enum tp4_dest dest)
{
	struct tp4_xdp_list *want = x->want[dest];
	struct tp4_xdp_list *got = x->got[dest];
	struct kunit *test = x->t->test;
	u32 i;

	KUNIT_ASSERT_EQ_MSG(test, got->nr, want->nr, "destination %u", dest);
	for (i = 0; i < want->nr; i++) {
		KUNIT_ASSERT_EQ_MSG(test, got->out[i].len, want->out[i].len,
				    "destination %u, packet %u", dest, i);
		KUNIT_ASSERT_EQ_MSG(test, got->out[i].meta, want->out[i].meta,
				    "destination %u, packet %u", dest, i);
		KUNIT_ASSERT_MEMEQ_MSG(test, got->out[i].bytes,
				       want->out[i].bytes,
				       want->out[i].meta + want->out[i].len,
				       "destination %u, packet %u", dest, i);
	}
	got->nr = 0;
	want->nr = 0;
}

/* User space looks at all that there is for it. */
static void tp4_xdp_expect_user(struct tp4_xdp_test *x)
{
	struct tp4_xdp_list *want = x->want[TP4_TO_USER];
	struct kunit *test = x->t->test;
	struct tpacket4_desc d, w;
	u32 i, packets = 0;
	u64 bytes = 0;

	for (i = 0; i < want->nr; i++) {
		w = (struct tpacket4_desc) {
			.idx = want->out[i].idx,
			.len = want->out[i].len,
			.offset = want->out[i].offset,
			.error = want->out[i].error,
			.flags = want->out[i].flags,
		};
		KUNIT_ASSERT_TRUE(test, tp4_test_get(x->t, &d));
		KUNIT_ASSERT_MEMEQ(test, &d, &w, sizeof(d));
		KUNIT_ASSERT_FALSE(test, x->user[d.idx]);
		KUNIT_ASSERT_MEMEQ(test, x->t->umem.addr + d.offset +
					 (d.idx << x->t->arr->frame_shift),
				   want->out[i].bytes, d.len);
		x->user[d.idx] = true;
		packets += !(d.flags & TP4_PKT_CONT);
		bytes += d.error ? 0 : d.len;
		if (d.error && !(d.flags & TP4_PKT_CONT))
			x->stats.failed++;
	}
	tp4_expect_idle(x->t);
	x->stats.packets += packets;
	x->stats.bytes += bytes;
	want->nr = 0;
}

/* All that is in the array: what has not been taken, and what was recycled, is
 * empty and there once; as many as the kernel holds.
 */
static void tp4_xdp_expect_array(struct tp4_xdp_test *x)
{
	struct tp4_packet_array *a = x->t->arr;
	bool seen[TP4_TEST_FRAME_NR] = {};
	struct kunit *test = x->t->test;
	struct tpacket4_desc empty;
	u32 i;

	KUNIT_ASSERT_EQ(test, a->gathered, a->end);
	KUNIT_ASSERT_EQ(test, a->end - a->start, x->t->q.head - x->t->q.tail);
	KUNIT_ASSERT_LE(test, a->end - a->start, a->mask + 1);
	for (i = a->start; i != a->end; i++) {
		const struct tpacket4_desc *d = tp4a_item(a, i);

		KUNIT_ASSERT_LT(test, d->idx, TP4_TEST_FRAME_NR);
		KUNIT_ASSERT_FALSE_MSG(test, seen[d->idx],
				       "frame %llu is there twice", d->idx);
		KUNIT_ASSERT_FALSE(test, x->user[d->idx]);
		KUNIT_ASSERT_EQ(test, x->filled[d->idx],
				(s32)(i - a->curr) < 0);
		seen[d->idx] = true;
		if (x->filled[d->idx])
			continue;
		empty = (struct tpacket4_desc) { .idx = d->idx };
		KUNIT_ASSERT_MEMEQ(test, d, &empty, sizeof(empty));
	}
}

static int tp4_xdp_napi(struct tp4_xdp_test *x)
{
	struct bpf_net_context __net_ctx, *net_ctx;
	int n;

	local_bh_disable();
	net_ctx = bpf_net_ctx_set(&__net_ctx);
	n = tp4_flush(x->t->arr);
	bpf_net_ctx_clear(net_ctx);
	local_bh_enable();
	return n;
}

/* Nobody but this test has the pages of packets that were sent, or refused. */
static void tp4_xdp_expect_pages(struct tp4_xdp_test *x)
{
	u32 i;

	for (i = 0; i < x->pages_nr; i++) {
		KUNIT_EXPECT_EQ_MSG(x->t->test, page_count(x->pages[i]), 1,
				    "packet %u", i);
		put_page(x->pages[i]);
	}
	x->pages_nr = 0;
}

/* Everything goes where it must, and all else is as it was. The last
 * @unfinished frames are of a packet that has no end yet.
 */
static void tp4_xdp_flush(struct tp4_xdp_test *x, u32 unfinished)
{
	struct kunit *test = x->t->test;
	u32 i, n;

	n = tp4_xdp_napi(x);
	tp4_xdp_expect_pages(x);
	KUNIT_ASSERT_EQ(test, n, x->want[TP4_TO_USER]->nr);
	for (i = 0; i < TP4_TO_USER; i++) {
		tp4_xdp_expect_out(x, i);
		KUNIT_EXPECT_FALSE(test, x->unflushed[i]);
	}
	tp4_xdp_expect_user(x);

	n = x->pending_nr - unfinished;
	for (i = 0; i < n; i++)
		x->filled[x->pending[i]] = false;
	memmove(x->pending, x->pending + n, unfinished * sizeof(*x->pending));
	x->pending_nr = unfinished;
	tp4_xdp_expect_array(x);

	KUNIT_ASSERT_EQ(test, x->runs, x->want_runs);
	KUNIT_ASSERT_EQ(test, x->wrong, 0);
	for (i = 0; i < TP4_XDP_ACTIONS; i++)
		KUNIT_ASSERT_EQ_MSG(test, x->t->q.stats.xdp[i],
				    x->stats.xdp[i], "action %u", i);
	KUNIT_ASSERT_MEMEQ(test, &x->t->q.stats, &x->stats, sizeof(x->stats));
}

/* What the kernel has comes back when the array goes: nothing is missing. */
static void tp4_xdp_end(struct tp4_xdp_test *x)
{
	struct kunit *test = x->t->test;
	struct tpacket4_desc d;
	u32 i;

	tp4_test_end_array(x->t, tp4a_free);
	while (tp4_test_get(x->t, &d)) {
		KUNIT_ASSERT_LT(test, d.idx, TP4_TEST_FRAME_NR);
		KUNIT_EXPECT_FALSE(test, x->user[d.idx]);
		x->user[d.idx] = true;
	}
	/* There may be some on the ring that nobody has taken. */
	while (tp4q_take(&x->t->q, &d)) {
		KUNIT_EXPECT_FALSE(test, x->user[d.idx]);
		x->user[d.idx] = true;
	}
	for (i = 0; i < TP4_TEST_FRAME_NR; i++)
		KUNIT_EXPECT_TRUE_MSG(test, x->user[i], "frame %u is lost", i);
}

#define tp4_cmd(...)	((struct tp4_cmd) { __VA_ARGS__ })

struct tp4_xdp_case {
	const char *name;
	u32 act;
};

static const struct tp4_xdp_case tp4_xdp_cases[] = {
	{ "XDP_ABORTED", XDP_ABORTED },
	{ "XDP_DROP", XDP_DROP },
	{ "XDP_PASS", XDP_PASS },
	{ "XDP_TX", XDP_TX },
	{ "XDP_REDIRECT", XDP_REDIRECT },
	{ "XDP_PASS_TO_KERNEL", XDP_PASS_TO_KERNEL },
	{ "unknown verdict", XDP_PASS_TO_KERNEL + 1 },
	{ "absurd verdict", U32_MAX },
};

KUNIT_ARRAY_PARAM_DESC(tp4_xdp, tp4_xdp_cases, name);

/* One packet of each length, one after the other, and all at once. */
static void tp4_xdp_verdict(struct kunit *test)
{
	const struct tp4_xdp_case *c = test->param_value;
	struct tp4_xdp_test *x = tp4_xdp_new(test, 32, 32, 5);
	u32 len, n;

	for (len = TP4_CMD_END; len < 300; len++) {
		tp4_xdp_put(x, 4);
		tp4_xdp_rx(x, tp4_cmd(.act = c->act), XDP_PACKET_HEADROOM, len,
			   false);
		tp4_xdp_flush(x, 0);
	}
	for (n = 1; n <= 32; n++) {
		tp4_xdp_put(x, n);
		for (len = 100; len < 100 + n; len++)
			tp4_xdp_rx(x, tp4_cmd(.act = c->act), 400, len, false);
		tp4_xdp_flush(x, 0);
	}
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	tp4_xdp_end(x);
}

/* Packets that are sent go to the device in bulks. */
static void tp4_xdp_bulk(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 64, 64, 5);
	u32 i;

	tp4_xdp_put(x, 64);
	for (i = 0; i < 40; i++)
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX), 300, 60 + i, false);
	tp4_xdp_flush(x, 0);
	KUNIT_EXPECT_EQ(test, x->bulks[TP4_TO_TX], 3);
	KUNIT_EXPECT_EQ(test, x->bulk_max, 16);

	for (i = 0; i < 16; i++)
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX), 300, 60 + i, false);
	tp4_xdp_flush(x, 0);
	KUNIT_EXPECT_EQ(test, x->bulks[TP4_TO_TX], 4);
	tp4_xdp_rx(x, tp4_cmd(.act = XDP_DROP), 300, 60, false);
	tp4_xdp_flush(x, 0);
	KUNIT_EXPECT_EQ(test, x->bulks[TP4_TO_TX], 4);
	tp4_xdp_end(x);
}

struct tp4_mix_case {
	const char *name;
	u32 elems;
	u32 first;
	u32 waiting;
	u32 unfinished;
};

static const struct tp4_mix_case tp4_mix_cases[] = {
	{ "array full", 4, 0, 0, 0 },
	{ "array full, frames waiting", 8, U32_MAX - 1000, 4, 0 },
	{ "array full, packet unfinished", 8, 0, 0, 4 },
	{ "array full, both", 8, U32_MAX - 1000, 2, 2 },
	{ "room in the array", 16, U32_MAX - 1000, 0, 0 },
	{ "room, frames waiting", 16, 0, 3, 0 },
	{ "room, both", 16, 0, 1, 1 },
};

KUNIT_ARRAY_PARAM_DESC(tp4_mix, tp4_mix_cases, name);

/* All sequences of four verdicts, one of several frames and one that was not
 * received well among them. A packet that is unfinished ends the next time, and
 * the program does not see that one either.
 */
static void tp4_xdp_mix(struct kunit *test)
{
	const struct tp4_mix_case *c = test->param_value;
	struct tp4_xdp_test *x = tp4_xdp_new(test, 16, c->elems, c->first);
	struct tp4_packet_array *a = x->t->arr;
	u32 seq, i, choice, act;
	struct tp4_frame_set p;

	for (seq = 0; seq < 7 * 7 * 7 * 7; seq++) {
		tp4_xdp_put(x, 4 + c->waiting + c->unfinished -
			       (a->end - a->start));
		KUNIT_ASSERT_EQ(test, a->end - a->start,
				4 + c->waiting + c->unfinished);

		choice = seq;
		for (i = 0; i < 4; i++) {
			act = choice % 7;
			choice /= 7;
			if (act == 6)
				tp4_xdp_rx_unseen(x, 1, EIO);
			else
				tp4_xdp_rx(x, tp4_cmd(.act = act), 300, 60 + i,
					   false);
		}
		for (i = 0; i < c->unfinished; i++) {
			tp4_xdp_take(x, &p);
			tp4f_set_frame(&p, 60, 300, false);
		}
		tp4_xdp_flush(x, c->unfinished);
		if (!c->unfinished)
			continue;

		/* Into one that was recycled, if none was waiting. */
		if (a->curr == a->end)
			tp4_xdp_put(x, 1);
		tp4_xdp_take(x, &p);
		tp4f_set_frame(&p, 60, 300, true);
		x->stats.xdp_errors++;
		tp4_xdp_flush(x, 0);
	}
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	tp4_xdp_end(x);
}

/* Packets of several frames: none gets past a program, unless it carries an
 * error and is no packet.
 */
static void tp4_xdp_several_frames(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 32, 32, U32_MAX - 100);
	u32 i, n;

	for (i = 0; i < 200; i++) {
		tp4_xdp_put(x, 32);
		for (n = 0; n < 5; n++) {
			tp4_xdp_rx(x, tp4_cmd(.act = (i + n) % 6), 300, 60,
				   false);
			tp4_xdp_rx_unseen(x, 1 + (i + n) % 4,
					  (i + n) % 4 && n != 2 ? 0 : EIO);
		}
		tp4_xdp_flush(x, 0);
	}
	tp4_xdp_end(x);
}

struct tp4_adjust_case {
	s16 head;
	s16 tail;
	u16 meta;
};

/* A frame of 2048 bytes with a packet of 100 bytes at 500. */
static const struct tp4_adjust_case tp4_adjusts[] = {
	{ 1, 0, 0 }, { -1, 0, 0 }, { 0, 1, 0 }, { 0, -1, 0 },
	{ 14, 0, 0 }, { -14, 0, 0 }, { 4, 4, 0 }, { -4, -4, 0 },
	{ 86, 0, 0 }, { 0, -86, 0 }, { 43, -43, 0 }, { -100, 100, 0 },
	{ 0, 1448, 0 }, { 86, 1448, 0 },
	{ -500 + (int)sizeof(struct xdp_frame), 0, 0 },
	{ -500 + (int)sizeof(struct xdp_frame), 1448, 0 },
	{ 0, 0, 4 }, { 0, 0, 32 }, { 0, 0, 200 }, { 20, 0, 4 },
	{ -20, 30, 64 }, { 86, 1448, 200 },
};

/* The program moves the packet's beginning and end, and adds metadata. */
static void tp4_xdp_adjusted(struct kunit *test)
{
	const struct tp4_xdp_case *c = test->param_value;
	struct tp4_xdp_test *x = tp4_xdp_new(test, 32, 32, 5);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(tp4_adjusts); i++) {
		tp4_xdp_put(x, 8);
		tp4_xdp_rx(x, tp4_cmd(.act = c->act,
				      .head = tp4_adjusts[i].head,
				      .tail = tp4_adjusts[i].tail,
				      .meta = tp4_adjusts[i].meta), 500, 100,
			   false);
		tp4_xdp_rx(x, tp4_cmd(.act = c->act), 256, 101, false);
		tp4_xdp_flush(x, 0);
	}
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	tp4_xdp_end(x);
}

/* Not out of the frame, and not into what would be an xdp_frame. */
static void tp4_xdp_adjust_limits(struct kunit *test)
{
	static const struct tp4_adjust_case cases[] = {
		{ -500 + (int)sizeof(struct xdp_frame) - 1, 0, 0 },
		{ -500, 0, 0 }, { -501, 0, 0 }, { -32768, 0, 0 },
		{ 87, 0, 0 }, { 32767, 0, 0 },
		{ 0, 1449, 0 }, { 0, 32767, 0 }, { 0, -87, 0 },
		{ 0, 0, 3 }, { 0, 0, 256 }, { 0, 0, 500 },
	};
	struct tp4_xdp_test *x = tp4_xdp_new(test, 32, 32, 5);
	struct tp4_xdp_out *want;
	struct tp4_cmd cmd;
	u32 i, act, runs = 0;

	for (act = 0; act < TP4_XDP_ACTIONS; act++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			tp4_xdp_put(x, 8);
			cmd = tp4_cmd(.act = act);
			tp4_xdp_rx(x, cmd, 500, 100, false);
			/* What is tried has no effect. */
			cmd.serial = x->serial - 1;
			cmd.head = cases[i].head;
			cmd.tail = cases[i].tail;
			cmd.meta = cases[i].meta;
			memcpy(x->t->umem.addr + 500 + ETH_HLEN +
			       x->pending[0] * TP4_TEST_FRAME_SIZE, &cmd,
			       sizeof(cmd));
			if (tp4_xdp_dests[act] < TP4_DESTS) {
				want = &x->want[tp4_xdp_dests[act]]->out[0];
				memcpy(want->bytes + ETH_HLEN, &cmd,
				       sizeof(cmd));
			}
			tp4_xdp_flush(x, 0);
			KUNIT_EXPECT_EQ_MSG(test, x->refused, ++runs,
					    "case %u", i);
		}
	}
	tp4_xdp_end(x);
}

/* Frames of a page: what fits into a page beside what the kernel needs there,
 * and one byte more. The stack takes more than a page.
 */
static void tp4_xdp_large(struct kunit *test)
{
	u32 max = SKB_WITH_OVERHEAD(PAGE_SIZE - XDP_PACKET_HEADROOM);
	struct tp4_xdp_test *x = tp4_xdp_new(test, 32, 32, 5);
	u32 act, len;

	if (PAGE_SIZE > 4096)
		kunit_skip(test, "packets would not fit into the lists");

	x->t->arr->frame_shift = PAGE_SHIFT;
	x->t->arr->frame_nr >>= PAGE_SHIFT - TP4_TEST_FRAME_SHIFT;
	memset(x->user + x->t->arr->frame_nr, false,
	       TP4_TEST_FRAME_NR - x->t->arr->frame_nr);
	for (act = 0; act < TP4_XDP_ACTIONS; act++) {
		for (len = max - 3; len <= max + 3; len++) {
			tp4_xdp_put(x, 8);
			tp4_xdp_rx(x, tp4_cmd(.act = act), 256, len,
				   len > max && (act == XDP_TX ||
						 act == XDP_REDIRECT));
			tp4_xdp_flush(x, 0);
		}
		tp4_xdp_put(x, 8);
		tp4_xdp_rx(x, tp4_cmd(.act = act), 256, PAGE_SIZE - 256,
			   act == XDP_TX || act == XDP_REDIRECT);
		tp4_xdp_flush(x, 0);
		tp4_xdp_rx(x, tp4_cmd(.act = act), 0, PAGE_SIZE,
			   act == XDP_TX || act == XDP_REDIRECT);
		tp4_xdp_flush(x, 0);
	}
	memset(x->user + x->t->arr->frame_nr, true,
	       TP4_TEST_FRAME_NR - x->t->arr->frame_nr);
	tp4_xdp_end(x);
}

/* The device takes none, or some, or cannot send at all: the rest is lost,
 * counted and freed.
 */
static void tp4_xdp_tx_refused(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 64, 64, 5);
	u32 limit, n, i, k;

	for (limit = 0; limit < 5; limit++) {
		for (n = 1; n <= 40; n++) {
			x->xmit_limit = limit;
			tp4_xdp_put(x, 64);
			for (i = 0; i < n; i++) {
				/* Of each 16, the first ones go. */
				tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX), 300, 60,
					   i % 16 >= limit);
				if (i == 20)
					tp4_xdp_rx(x, tp4_cmd(.act = XDP_PASS),
						   300, 60, false);
			}
			tp4_xdp_flush(x, 0);
		}
	}
	x->xmit_limit = U32_MAX;

	for (k = 0; k < 2; k++) {
		if (k)
			x->dev->netdev_ops = &tp4_xdp_no_xmit_ops;
		else
			x->xmit_error = -ENXIO;
		for (n = 1; n <= 40; n++) {
			tp4_xdp_put(x, 64);
			for (i = 0; i < n; i++)
				tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX), 300, 60,
					   true);
			tp4_xdp_flush(x, 0);
		}
		x->xmit_error = 0;
	}
	x->dev->netdev_ops = &tp4_xdp_dev_ops;
	tp4_xdp_end(x);
}

/* There is no such device, or it cannot send. */
static void tp4_xdp_redirect_refused(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 64, 64, 5);
	u32 i, k;

	for (k = 0; k < 3; k++) {
		switch (k) {
		case 0:
			x->ifindex = INT_MAX;
			break;
		case 1:
			x->ifindex = x->other->ifindex;
			rtnl_lock();
			dev_close(x->other);
			rtnl_unlock();
			break;
		case 2:
			x->ifindex = x->dev->ifindex;
			x->dev->xdp_features = 0;
			break;
		}
		for (i = 0; i < 40; i++) {
			tp4_xdp_put(x, 64);
			tp4_xdp_rx(x, tp4_cmd(.act = XDP_REDIRECT), 300, 60,
				   true);
			tp4_xdp_rx(x, tp4_cmd(.act = XDP_PASS), 300, 60, false);
			tp4_xdp_rx(x, tp4_cmd(.act = XDP_REDIRECT), 300, 61,
				   true);
			tp4_xdp_flush(x, 0);
		}
	}
	tp4_xdp_end(x);
}

/* More metadata than a copy has room for in front of it. */
static void tp4_xdp_meta_refused(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 64, 64, 5);
	u32 most = XDP_PACKET_HEADROOM - sizeof(struct xdp_frame);
	u32 meta;

	for (meta = 4; meta < 256; meta += 4) {
		tp4_xdp_put(x, 64);
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX, .meta = meta), 500, 60,
			   meta > most);
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_REDIRECT, .meta = meta), 500,
			   60, meta > most);
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_PASS_TO_KERNEL, .meta = meta),
			   500, 60, false);
		tp4_xdp_flush(x, 0);
	}
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	tp4_xdp_end(x);
}

struct tp4_freed_case {
	const char *name;
	u32 act;
	u16 meta;
	bool no_device;
};

/* More metadata than a copy has room for, or nowhere to go. */
static const struct tp4_freed_case tp4_freed_cases[] = {
	{ "XDP_TX", XDP_TX, 252 },
	{ "XDP_REDIRECT", XDP_REDIRECT, 252 },
	{ "XDP_REDIRECT, no device", XDP_REDIRECT, 0, true },
};

KUNIT_ARRAY_PARAM_DESC(tp4_freed, tp4_freed_cases, name);

/* Copies that go nowhere are freed: of 32 MiB of them, no more is missing than
 * others may have taken meanwhile.
 */
static void tp4_xdp_freed(struct kunit *test)
{
	const struct tp4_freed_case *c = test->param_value;
	struct tp4_xdp_test *x = tp4_xdp_new(test, 64, 64, 5);
	u32 nr = (32 << 20) >> PAGE_SHIFT;
	unsigned long before;
	u32 i, k;

	if (c->no_device)
		x->ifindex = INT_MAX;
	before = global_zone_page_state(NR_FREE_PAGES);
	for (i = 0; i < nr; i += 32) {
		tp4_xdp_put(x, 64);
		for (k = 0; k < 32; k++)
			tp4_xdp_rx(x, tp4_cmd(.act = c->act, .meta = c->meta),
				   500, 60, true);
		tp4_xdp_flush(x, 0);
	}
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	KUNIT_EXPECT_LT(test, (long)(before -
				     global_zone_page_state(NR_FREE_PAGES)),
			(long)nr / 2);
	tp4_xdp_end(x);
}

/* A program comes, is replaced, and goes, with packets in the array. */
static void tp4_xdp_replace(struct kunit *test)
{
	struct tp4_xdp_test *x = tp4_xdp_new(test, 16, 16, 5);
	struct bpf_prog *second;
	struct tp4_frame_set p;
	u32 round;

	second = tp4_xdp_alloc(test, sizeof(*second) + sizeof(struct bpf_insn));
	*second = *x->prog;
	for (round = 0; round < 30; round++) {
		tp4_xdp_put(x, 16);
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_TX), 300, 60, false);
		tp4_xdp_rx(x, tp4_cmd(.act = XDP_PASS), 300, 60, false);
		tp4_xdp_set(x, round & 1 ? x->prog : second);
		tp4_xdp_flush(x, 0);

		/* Without one, all goes to user space. */
		tp4_xdp_set(x, NULL);
		KUNIT_EXPECT_PTR_EQ(test, x->t->arr->xdp_rxq, &x->rxq);
		tp4_xdp_take(x, &p);
		memset(tp4f_get_frame(&p), TP4_TEST_POISON, 400);
		tp4f_set_frame(&p, 100, 256, true);
		tp4_xdp_want_frame(x, &p);
		tp4_xdp_flush(x, 0);
		tp4_xdp_set(x, x->prog);
	}
	tp4_xdp_end(x);
}

static void tp4_xdp_max_len(struct kunit *test)
{
	struct tp4_test *t = tp4_test_new(test, TP4_TEST_RX, 8, 8, 0);

	KUNIT_EXPECT_EQ(test, tp4a_max_len(t->arr), TP4_TEST_FRAME_SIZE -
						    XDP_PACKET_HEADROOM);
	t->q.headroom = 1000;
	tp4_test_add_array(t, TP4_TEST_RX, 8);
	KUNIT_EXPECT_EQ(test, tp4a_max_len(t->arr), TP4_TEST_FRAME_SIZE - 1000);
}

static struct kunit_case tp4_xdp_test_cases[] = {
	KUNIT_CASE_PARAM(tp4_xdp_verdict, tp4_xdp_gen_params),
	KUNIT_CASE(tp4_xdp_bulk),
	KUNIT_CASE_PARAM(tp4_xdp_mix, tp4_mix_gen_params),
	KUNIT_CASE(tp4_xdp_several_frames),
	KUNIT_CASE_PARAM(tp4_xdp_adjusted, tp4_xdp_gen_params),
	KUNIT_CASE(tp4_xdp_adjust_limits),
	KUNIT_CASE(tp4_xdp_large),
	KUNIT_CASE(tp4_xdp_tx_refused),
	KUNIT_CASE(tp4_xdp_redirect_refused),
	KUNIT_CASE(tp4_xdp_meta_refused),
	KUNIT_CASE_PARAM(tp4_xdp_freed, tp4_freed_gen_params),
	KUNIT_CASE(tp4_xdp_replace),
	KUNIT_CASE(tp4_xdp_max_len),
	{}
};

static struct kunit_suite tp4_xdp_suite = {
	.name = "tp4_xdp",
	.test_cases = tp4_xdp_test_cases,
};

#define TP4_XDP_STEPS	10000

struct tp4_xdp_model_case {
	const char *name;
	u32 nr;
	u32 elems;
	u32 first;
	/* of 100 packets */
	u32 pass;
	u32 several;
	u32 bad;
};

static const struct tp4_xdp_model_case tp4_xdp_model_cases[] = {
	{ "any verdict", 32, 32, 0, 20, 10, 5 },
	{ "any verdict, past 2^32", 64, 64, U32_MAX - 3000, 20, 10, 5 },
	{ "any verdict, small array", 64, 8, 0, 20, 10, 5 },
	{ "any verdict, large array", 8, 64, 3, 20, 10, 5 },
	{ "array of 1", 16, 1, 0, 20, 0, 20 },
	{ "mostly passed", 32, 32, 0, 90, 5, 5 },
	{ "mostly several frames", 32, 32, 0, 20, 80, 5 },
	{ "all dropped", 32, 32, U32_MAX - 3000, 0, 10, 0 },
};

KUNIT_ARRAY_PARAM_DESC(tp4_xdp_model, tp4_xdp_model_cases, name);

static u32 tp4_xdp_random(struct rnd_state *rnd, u32 below)
{
	return prandom_u32_state(rnd) % below;
}

/* A packet of any kind, if there are frames for it. Returns false if not. */
static bool tp4_xdp_model_rx(struct tp4_xdp_test *x,
			     const struct tp4_xdp_model_case *c,
			     struct rnd_state *rnd)
{
	u32 there = x->t->arr->end - x->t->arr->curr;
	struct tp4_cmd cmd = { .act = XDP_PASS };
	u32 offset, len, n;

	if (!there || x->pending_nr + TP4_XDP_PARTS > TP4_XDP_LIST)
		return false;
	if (tp4_xdp_random(rnd, 100) < c->bad) {
		n = 1 + tp4_xdp_random(rnd, min(there, TP4_XDP_PARTS));
		tp4_xdp_rx_unseen(x, n, EIO);
		return true;
	}
	if (there > 1 && tp4_xdp_random(rnd, 100) < c->several) {
		n = 2 + tp4_xdp_random(rnd, min(there, TP4_XDP_PARTS) - 1);
		tp4_xdp_rx_unseen(x, n, 0);
		return true;
	}
	if (tp4_xdp_random(rnd, 100) >= c->pass) {
		cmd.act = tp4_xdp_random(rnd, TP4_XDP_ACTIONS);
		if (!c->pass && cmd.act == XDP_PASS)
			cmd.act = XDP_DROP;
	}
	offset = 256 + tp4_xdp_random(rnd, 300);
	len = 100 + tp4_xdp_random(rnd, 300);
	if (tp4_xdp_random(rnd, 2))
		cmd.head = tp4_xdp_random(rnd, 200) - 150;
	if (tp4_xdp_random(rnd, 2))
		cmd.tail = tp4_xdp_random(rnd, 70) - 30;
	if (tp4_xdp_random(rnd, 4) == 0 && offset + cmd.head > 200)
		cmd.meta = 4 * tp4_xdp_random(rnd, 16);
	tp4_xdp_rx(x, cmd, offset, len, false);
	return true;
}

static void tp4_xdp_model(struct kunit *test)
{
	const struct tp4_xdp_model_case *c = test->param_value;
	struct tp4_xdp_test *x;
	struct rnd_state rnd;
	u32 step, n, i;

	x = tp4_xdp_new(test, c->nr, c->elems, c->first);
	prandom_seed_state(&rnd, c - tp4_xdp_model_cases + 1);
	for (step = 0; step < TP4_XDP_STEPS; step++) {
		n = 1 + tp4_xdp_random(&rnd, 16);
		switch (tp4_xdp_random(&rnd, 3)) {
		case 0:
			tp4_xdp_put(x, n);
			break;
		case 1:
			while (n-- && tp4_xdp_model_rx(x, c, &rnd))
				;
			break;
		case 2:
			tp4_xdp_flush(x, 0);
			break;
		}
	}
	tp4_xdp_flush(x, 0);
	KUNIT_EXPECT_EQ(test, x->refused, 0);
	/* It was not for nothing. */
	for (i = 0; i < TP4_XDP_ACTIONS; i++)
		KUNIT_EXPECT_EQ_MSG(test, x->stats.xdp[i] > 100,
				    c->pass || i != XDP_PASS, "action %u", i);
	KUNIT_EXPECT_EQ(test, x->stats.xdp_errors > 100, c->several > 0);
	KUNIT_EXPECT_EQ(test, x->stats.failed > 100, c->bad > 0);
	tp4_xdp_end(x);
}

static struct kunit_case tp4_xdp_model_test_cases[] = {
	KUNIT_CASE_PARAM(tp4_xdp_model, tp4_xdp_model_gen_params),
	{}
};

static struct kunit_suite tp4_xdp_model_suite = {
	.name = "tp4_xdp_model",
	.test_cases = tp4_xdp_model_test_cases,
};

kunit_test_suites(&tp4_xdp_suite, &tp4_xdp_model_suite);

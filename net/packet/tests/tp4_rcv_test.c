// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of what copy mode receives
 *
 * What user space finds in its frames must be what was, or will be, on the
 * wire. Packets are given to the receive hook of a socket that is no more than
 * what the hook looks at.
 */

#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/skbuff.h>

#include "tp4_test.h"

/* Frames of 64 bytes, so that few bytes of a packet have many boundaries. */
#define TP4_RCV_SHIFT	6
#define TP4_RCV_SIZE	BIT(TP4_RCV_SHIFT)
#define TP4_RCV_NR	256

/**
 * struct tp4_rcv_test - a socket that receives
 * @t: its ring
 * @po: the socket
 * @tp4: the V4 part of it
 * @ring: the RX ring of that
 * @dev: an Ethernet device
 * @pt: receive hook
 * @ready: calls of sk_data_ready()
 * @next: frame that user space gives next
 */
struct tp4_rcv_test {
	struct tp4_test *t;
	struct packet_sock po;
	struct tp4_sock tp4;
	struct tp4_ring ring;
	struct net_device *dev;
	struct packet_type pt;
	u32 ready;
	u32 next;
};

static void tp4_rcv_ready(struct sock *sk)
{
	struct packet_sock *po = pkt_sk(sk);

	container_of(po, struct tp4_rcv_test, po)->ready++;
}

KUNIT_DEFINE_ACTION_WRAPPER(tp4_free_netdev, free_netdev, struct net_device *);

static struct tp4_rcv_test *tp4_rcv_new(struct kunit *test, u32 nr)
{
	struct tp4_rcv_test *r;
	struct tp4_test *t;

	r = kunit_kzalloc(test, sizeof(*r), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, r);
	t = tp4_test_new(test, TP4_TEST_RX_COPY, nr, nr, U32_MAX - 100);
	r->t = t;
	t->arr->frame_shift = TP4_RCV_SHIFT;
	t->arr->frame_nr = 2 * TP4_RCV_NR;
	memset(t->umem.addr, TP4_TEST_POISON,
	       2 * TP4_RCV_NR << TP4_RCV_SHIFT);

	r->ring.arr = t->arr;
	r->ring.q = t->q;
	r->tp4.rings.rx = &r->ring;
	spin_lock_init(&r->tp4.rx_lock);
	r->po.tp4 = &r->tp4;
	r->po.sk.sk_data_ready = tp4_rcv_ready;
	sock_net_set(&r->po.sk, &init_net);
	r->pt.af_packet_priv = &r->po.sk;

	r->dev = alloc_etherdev(0);
	KUNIT_ASSERT_NOT_NULL(test, r->dev);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test,
							   tp4_free_netdev,
							   r->dev));
	return r;
}

/* User space gives @n frames. */
static void tp4_rcv_put(struct tp4_rcv_test *r, u32 n)
{
	while (n--) {
		tp4_put(r->t, .idx = r->next);
		r->next = (r->next + 1) % (2 * TP4_RCV_NR);
	}
}

static void tp4_packet_rcv(struct tp4_rcv_test *r, struct sk_buff *skb)
{
	local_bh_disable();
	rcu_read_lock();
	tp4_rcv(skb, r->dev, &r->pt, r->dev);
	rcu_read_unlock();
	local_bh_enable();
}

/* Receives a packet, and compares it; it must come, too, if the ring has the
 * frames for it.
 */
static void tp4_packet_check(struct tp4_rcv_test *r,
			     const struct tp4_test_packet *p)
{
	u32 room = TP4_RCV_SIZE - r->t->arr->headroom;
	u8 wire[TP4_TEST_WIRE_MAX];

	tp4_rcv_put(r, DIV_ROUND_UP(tp4_test_packet_wire(p, wire), room));
	tp4_packet_rcv(r, tp4_test_packet_skb(r->t->test, p));
	tp4_test_packet_expect(r->t, p);
	tp4_expect_idle(r->t);
}

KUNIT_ARRAY_PARAM_DESC(tp4_wire, tp4_test_wires, name);

/* With frames that have room for 1 to 64 bytes, the tag and the checksum lie at
 * each place of a frame and across each boundary.
 */
static void tp4_rcv_wire(struct kunit *test)
{
	static const u32 lens[] = { 14, 15, 16, 17, 20, 21, 47, 60, 61, 64 };
	static const u16 sums[][2] = {
		{ 0, 0 }, { 0, 11 }, { 11, 0 }, { 12, 0 }, { 14, 0 },
		{ 14, 1 }, { 13, 2 }, { 15, 6 }, { 14, 16 }, { 34, 6 },
	};
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	const struct tp4_test_wire *c = test->param_value;
	struct tp4_test_packet p;
	u32 i, k, room;

	for (room = 1; room <= TP4_RCV_SIZE; room++) {
		r->t->arr->headroom = TP4_RCV_SIZE - room;
		for (i = 0; i < ARRAY_SIZE(lens); i++) {
			tp4_test_packet_as(c, &p, lens[i]);
			for (k = 0; k < ARRAY_SIZE(sums); k++) {
				p.sum_start = sums[k][0];
				p.sum_offset = sums[k][1];
				tp4_packet_check(r, &p);
			}
		}
	}
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets,
			TP4_RCV_SIZE * ARRAY_SIZE(lens) * ARRAY_SIZE(sums));
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_drops, 0);
}

/* The checksum in each place, up to the end of the packet and past it. */
static void tp4_rcv_sum_place(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	const struct tp4_test_wire *c = test->param_value;
	struct tp4_test_packet p;
	u32 start, offset;

	r->t->arr->headroom = TP4_RCV_SIZE - 10;
	tp4_test_packet_as(c, &p, 61);
	for (start = 0; start < 61; start++) {
		for (offset = 0; start + offset < 64; offset++) {
			p.sum_start = start;
			p.sum_offset = offset;
			tp4_packet_check(r, &p);
		}
	}
}

/* Zero would say that there is no checksum. */
static void tp4_rcv_sum_zero(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	struct tp4_test_packet p;
	u8 wire[TP4_TEST_WIRE_MAX];

	tp4_test_packet_init(&p, 60);
	memset(p.bytes + 34, 0, 26);
	p.bytes[40] = 0xff;
	p.bytes[41] = 0xff;
	p.sum = true;
	p.sum_start = 34;
	p.sum_offset = 16;
	tp4_test_packet_wire(&p, wire);
	KUNIT_EXPECT_EQ(test, wire[50], 0xff);
	KUNIT_EXPECT_EQ(test, wire[51], 0xff);
	tp4_packet_check(r, &p);
}

/* Filters that cut packets short, to each length. A tag counts as 4 bytes more;
 * the checksum is that of the whole packet.
 */
static void tp4_rcv_filter(struct kunit *test)
{
	struct sock_filter insn = { .code = BPF_RET | BPF_K };
	struct sock_fprog_kern fprog = { .len = 1, .filter = &insn };
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	const struct tp4_test_wire *c = test->param_value;
	struct sk_filter filter = {};
	struct tp4_test_packet p;
	u32 snaplen;

	tp4_test_packet_as(c, &p, 61);
	p.sum_start = 34;
	p.sum_offset = 6;
	for (snaplen = 0; snaplen <= 65; snaplen++) {
		insn.k = snaplen == 65 ? U32_MAX : snaplen;
		p.snaplen = snaplen;
		KUNIT_ASSERT_EQ(test, bpf_prog_create(&filter.prog, &fprog), 0);
		rcu_assign_pointer(r->po.sk.sk_filter, &filter);
		r->t->arr->headroom = 0;
		tp4_packet_check(r, &p);
		r->t->arr->headroom = TP4_RCV_SIZE - 5;
		tp4_packet_check(r, &p);
		RCU_INIT_POINTER(r->po.sk.sk_filter, NULL);
		bpf_prog_destroy(filter.prog);
	}
	/* What the filter does not let through was never there. */
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 2 * 65);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_drops, 0);
	KUNIT_EXPECT_EQ(test, r->ready, 2 * 65);
}

/* Others have the skb, too: for them nothing has changed. */
static void tp4_rcv_shared(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	const struct tp4_test_wire *c = test->param_value;
	struct tp4_test_packet p;
	struct sk_buff *skb;
	u8 bytes[TP4_TEST_PACKET_MAX];
	u8 *data;
	u32 pos;

	tp4_test_packet_as(c, &p, 100);
	p.sum_start = 34;
	p.sum_offset = 6;
	skb = tp4_test_packet_skb(test, &p);
	pos = c->layout == TP4_TEST_OUTGOING ? 0 : ETH_HLEN;
	data = skb->data;

	tp4_rcv_put(r, 4);
	tp4_packet_rcv(r, skb_get(skb));
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 1);

	KUNIT_EXPECT_EQ(test, refcount_read(&skb->users), 1);
	KUNIT_EXPECT_PTR_EQ(test, skb->data, data);
	KUNIT_EXPECT_EQ(test, skb->len, 100 - pos);
	KUNIT_EXPECT_EQ(test, skb_vlan_tag_present(skb), c->proto != 0);
	KUNIT_EXPECT_EQ(test, (int)skb->ip_summed,
			c->sum ? CHECKSUM_PARTIAL : CHECKSUM_NONE);
	KUNIT_EXPECT_EQ(test, skb_copy_bits(skb, -(int)pos, bytes, 100), 0);
	KUNIT_EXPECT_MEMEQ(test, bytes, p.bytes, 100);
	kfree_skb(skb);
}

static void tp4_rcv_no_link_header(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	struct tp4_test_packet p;

	r->dev->header_ops = NULL;
	tp4_test_packet_init(&p, 60);
	tp4_rcv_put(r, 1);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	tp4_expect_back(r->t, .idx = 0, .len = 60 - ETH_HLEN);
	KUNIT_EXPECT_MEMEQ(test, r->t->umem.addr, p.bytes + ETH_HLEN,
			   60 - ETH_HLEN);
}

/* Not for this socket. */
static void tp4_rcv_not_for_us(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, TP4_RCV_NR);
	struct tp4_test_packet p;
	struct sk_buff *skb;
	struct net *other;

	other = kunit_kzalloc(test, sizeof(*other), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, other);
	tp4_test_packet_init(&p, 60);
	tp4_rcv_put(r, 8);

	skb = tp4_test_packet_skb(test, &p);
	skb->pkt_type = PACKET_LOOPBACK;
	tp4_packet_rcv(r, skb);
	tp4_expect_idle(r->t);

	sock_net_set(&r->po.sk, other);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	tp4_expect_idle(r->t);
	KUNIT_EXPECT_EQ(test, r->ready, 0);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 0);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_drops, 0);

	sock_net_set(&r->po.sk, &init_net);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 1);
}

/* Drops, by cause. They take no frame. */
static void tp4_rcv_drops(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, 4);
	struct tpacket_stats_v4 *st = &r->tp4.stats;
	struct tp4_test_packet p;

	r->t->arr->headroom = TP4_RCV_SIZE - 20;
	tp4_test_packet_init(&p, 60);

	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, st->rx_no_frame, 1);

	/* Two of three. */
	tp4_rcv_put(r, 2);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, st->rx_no_frame, 2);
	KUNIT_EXPECT_EQ(test, st->tp_packets, 0);
	KUNIT_EXPECT_EQ(test, st->tp_drops, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->po.sk.sk_drops), 2);
	KUNIT_EXPECT_EQ(test, r->ready, 0);
	tp4_expect_idle(r->t);

	/* A smaller one gets a frame. */
	p.len = 20;
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, st->tp_packets, 1);
	KUNIT_EXPECT_EQ(test, r->ready, 1);
	tp4_expect_back(r->t, .idx = 0, .len = 20, .offset = 44);

	/* All of the ring, the tag included; and one byte more. */
	tp4_rcv_put(r, 3);
	tp4_test_packet_init(&p, 76);
	p.proto = ETH_P_8021Q;
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, st->tp_packets, 2);
	tp4_expect_back(r->t, .idx = 1, .len = 20, .offset = 44,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(r->t, .idx = 2, .len = 20, .offset = 44,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(r->t, .idx = 3, .len = 20, .offset = 44,
			.flags = TP4_PKT_CONT);
	tp4_expect_back(r->t, .idx = 4, .len = 20, .offset = 44);

	tp4_rcv_put(r, 4);
	tp4_test_packet_init(&p, 77);
	p.proto = ETH_P_8021Q;
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, st->rx_too_big, 1);
	KUNIT_EXPECT_EQ(test, st->rx_no_frame, 2);
	KUNIT_EXPECT_EQ(test, st->tp_drops, 3);
	KUNIT_EXPECT_EQ(test, st->tp_packets, 2);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->po.sk.sk_drops), 3);
	tp4_expect_idle(r->t);

	/* And no hole is left. */
	tp4_test_packet_init(&p, 20);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	tp4_expect_back(r->t, .idx = 5, .len = 20, .offset = 44);
	tp4_expect_idle(r->t);
}

/* A socket that only sends. */
static void tp4_rcv_no_ring(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, 4);
	struct tp4_test_packet p;

	r->tp4.rings.rx = NULL;
	tp4_test_packet_init(&p, 60);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	KUNIT_EXPECT_EQ(test, r->ready, 0);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 0);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_drops, 0);
	KUNIT_EXPECT_EQ(test, atomic_read(&r->po.sk.sk_drops), 0);
	KUNIT_EXPECT_EQ(test, tp4_rx_room(&r->po), ROOM_NONE);
}

/* Bad descriptors are answered when a packet needs a frame, and wake up who
 * waits for them even if the packet is dropped.
 */
static void tp4_rcv_bad_descriptors(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, 4);
	struct tp4_test_packet p;

	tp4_test_packet_init(&p, 20);
	tp4_put(r->t, .idx = 5000);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	tp4_expect_back(r->t, .idx = 5000, .error = EBADF);
	tp4_expect_idle(r->t);
	KUNIT_EXPECT_EQ(test, r->ready, 1);
	KUNIT_EXPECT_TRUE(test, r->ring.published);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.rx_no_frame, 1);

	tp4_put(r->t, .idx = 5001);
	tp4_rcv_put(r, 1);
	tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
	tp4_expect_back(r->t, .idx = 5001, .error = EBADF);
	tp4_expect_back(r->t, .idx = 0, .len = 20);
	tp4_expect_idle(r->t);
	KUNIT_EXPECT_EQ(test, r->ready, 2);
	KUNIT_EXPECT_EQ(test, r->tp4.stats.tp_packets, 1);
	KUNIT_EXPECT_EQ(test, r->t->q.stats.invalid, 2);
}

/* None, less than a quarter of the ring, more. */
static void tp4_rcv_room(struct kunit *test)
{
	struct tp4_rcv_test *r = tp4_rcv_new(test, 16);
	struct tp4_test_packet p;
	u32 n;

	tp4_test_packet_init(&p, 20);
	KUNIT_EXPECT_EQ(test, tp4_rx_room(&r->po), ROOM_NONE);
	for (n = 1; n <= 16; n++) {
		tp4_rcv_put(r, 1);
		KUNIT_EXPECT_EQ_MSG(test, tp4_rx_room(&r->po),
				    n > 4 ? ROOM_NORMAL : ROOM_LOW, "%u", n);
	}
	for (n = 16; n-- > 0; ) {
		tp4_packet_rcv(r, tp4_test_packet_skb(test, &p));
		KUNIT_EXPECT_EQ_MSG(test, tp4_rx_room(&r->po),
				    n > 4 ? ROOM_NORMAL :
				    n ? ROOM_LOW : ROOM_NONE, "%u", n);
	}
}

static struct kunit_case tp4_rcv_cases[] = {
	KUNIT_CASE_PARAM(tp4_rcv_wire, tp4_wire_gen_params),
	KUNIT_CASE_PARAM(tp4_rcv_sum_place, tp4_wire_gen_params),
	KUNIT_CASE(tp4_rcv_sum_zero),
	KUNIT_CASE_PARAM(tp4_rcv_filter, tp4_wire_gen_params),
	KUNIT_CASE_PARAM(tp4_rcv_shared, tp4_wire_gen_params),
	KUNIT_CASE(tp4_rcv_no_link_header),
	KUNIT_CASE(tp4_rcv_not_for_us),
	KUNIT_CASE(tp4_rcv_drops),
	KUNIT_CASE(tp4_rcv_no_ring),
	KUNIT_CASE(tp4_rcv_bad_descriptors),
	KUNIT_CASE(tp4_rcv_room),
	{}
};

static struct kunit_suite tp4_rcv_suite = {
	.name = "tp4_rcv",
	.test_cases = tp4_rcv_cases,
};

kunit_test_suite(tp4_rcv_suite);

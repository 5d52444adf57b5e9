// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of what copy mode sends
 *
 * A device that notes what it is given, and refuses what it is told to. What
 * became of a packet must be in its descriptors, and in what send() returns.
 */

#include <linux/etherdevice.h>
#include <linux/gfp.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/skbuff.h>
#include <net/ip.h>
#include <net/sock.h>

#include "tp4_test.h"

#define TP4_SEND_NR	256
#define TP4_SEND_QUEUES	4
#define TP4_SEND_LOG	256

/**
 * struct tp4_sent - a packet that the device was given
 * @first: its first byte
 * @len: its length
 * @queue: which queue it was given to
 * @more: the device was told that there is more to come
 * @intact: the bytes behind the first one are right
 * @locked: the lock of the queue was held, by this CPU
 * @transport: the transport header is where the flow dissector finds it
 */
struct tp4_sent {
	u8 first;
	u32 len;
	u16 queue;
	bool more;
	bool intact;
	bool locked;
	bool transport;
};

/**
 * struct tp4_send_test - a socket that sends, and its device
 * @t: its ring; the indices are in @ring
 * @tp4: the V4 part of the socket
 * @ring: the TX ring of that
 * @sk: the socket
 * @sock: what system calls know it as
 * @dev: the device
 * @space: calls of sk_write_space()
 * @next: frame that is used next
 * @hold: the device keeps what it is given
 * @held: what it has kept
 * @busy: the packet with this number is refused
 * @stop: with the packet of this number, its queue is stopped
 * @down: with the packet of this number, the device begins to go down
 * @n: number of packets that it was given
 * @log: the packets
 */
struct tp4_send_test {
	struct tp4_test *t;
	struct tp4_sock tp4;
	struct tp4_ring ring;
	struct sock *sk;
	struct socket sock;
	struct net_device *dev;
	u32 space;
	u32 next;
	bool hold;
	struct sk_buff_head held;
	int busy;
	int stop;
	int down;
	int n;
	struct tp4_sent log[TP4_SEND_LOG];
};

/* Byte @i of a packet, which the first one tells apart. It is no VLAN tag. */
static u8 tp4_send_byte(u8 first, u32 i)
{
	return first + 7 * i;
}

/* Is the transport header where V1 to V3 would have it? */
static bool tp4_send_transport_is_right(const struct sk_buff *skb)
{
	struct sk_buff *copy = skb_copy(skb, GFP_ATOMIC);
	bool right;

	if (!copy)
		return false;
	copy->transport_header = (typeof(copy->transport_header))~0U;
	skb_probe_transport_header(copy);
	if (skb_transport_header_was_set(copy))
		right = skb_transport_header_was_set(skb) &&
			skb_transport_offset(copy) == skb_transport_offset(skb);
	else
		right = !skb_transport_header_was_set(skb);
	kfree_skb(copy);
	return right;
}

static netdev_tx_t tp4_dev_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct tp4_send_test *s = *(struct tp4_send_test **)netdev_priv(dev);
	struct netdev_queue *txq = skb_get_tx_queue(dev, skb);
	struct tp4_sent *sent;
	u8 byte = 0;
	u32 i;

	/* The stack may have something to say on its own. */
	if (skb->sk != s->sk || s->n >= TP4_SEND_LOG) {
		dev_consume_skb_any(skb);
		return NETDEV_TX_OK;
	}

	sent = &s->log[s->n];
	skb_copy_bits(skb, 0, &sent->first, 1);
	sent->len = skb->len;
	sent->queue = skb_get_queue_mapping(skb);
	sent->more = netdev_xmit_more();
	sent->locked = READ_ONCE(txq->xmit_lock_owner) == smp_processor_id();
	sent->transport = tp4_send_transport_is_right(skb);
	sent->intact = true;
	for (i = 0; i < skb->len; i++) {
		skb_copy_bits(skb, i, &byte, 1);
		if (byte != tp4_send_byte(sent->first, i) && i != 12 && i != 13)
			sent->intact = false;
	}

	if (s->stop == s->n)
		netif_tx_stop_queue(txq);
	if (s->down == s->n)
		clear_bit(__LINK_STATE_START, &dev->state);
	if (s->busy == s->n++)
		return NETDEV_TX_BUSY;
	if (s->hold)
		skb_queue_tail(&s->held, skb);
	else
		dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

static u16 tp4_dev_select_queue(struct net_device *dev, struct sk_buff *skb,
				struct net_device *sb_dev)
{
	return skb->data[0] / 64;
}

static const struct net_device_ops tp4_dev_ops = {
	.ndo_start_xmit = tp4_dev_xmit,
	.ndo_select_queue = tp4_dev_select_queue,
};

static void tp4_dev_setup(struct net_device *dev)
{
	ether_setup(dev);
	dev->netdev_ops = &tp4_dev_ops;
	dev->flags = IFF_NOARP;
	dev->priv_flags |= IFF_NO_ADDRCONF | IFF_NO_QUEUE;
	eth_hw_addr_random(dev);
}

static struct proto tp4_test_proto = {
	.name = "tp4_test",
	.owner = THIS_MODULE,
	.obj_size = sizeof(struct packet_sock),
};

static void tp4_send_space(struct sock *sk)
{
	struct tp4_send_test *s = sk->sk_user_data;

	s->space++;
}

/* What the device has kept goes before it and the socket do. */
static void tp4_send_free(void *data)
{
	struct tp4_send_test *s = data;

	skb_queue_purge(&s->held);
	page_frag_cache_drain(&s->ring.heads);
	if (s->dev) {
		unregister_netdev(s->dev);
		free_netdev(s->dev);
	}
	if (s->sk)
		sk_free(s->sk);
}

static struct tp4_send_test *tp4_send_new(struct kunit *test, bool direct)
{
	struct tp4_send_test *s;
	struct net_device *dev;
	struct packet_sock *po;

	s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s);
	skb_queue_head_init(&s->held);
	s->busy = -1;
	s->stop = -1;
	s->down = -1;
	s->t = tp4_test_new(test, TP4_TEST_TX, TP4_SEND_NR, TP4_SEND_NR,
			    U32_MAX - 100);
	s->ring.q = s->t->q;
	s->ring.arr = s->t->arr;
	s->ring.arr->queue_opaque = &s->ring.q;
	s->ring.batch = kunit_kcalloc(test, TP4_TX_BATCH,
				      sizeof(*s->ring.batch), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, s->ring.batch);
	s->tp4.rings.tx = &s->ring;
	mutex_init(&s->tp4.lock);
	spin_lock_init(&s->tp4.rx_lock);
	KUNIT_ASSERT_EQ(test, 0, kunit_add_action_or_reset(test, tp4_send_free,
							   s));

	s->sk = sk_alloc(&init_net, PF_PACKET, GFP_KERNEL, &tp4_test_proto, 1);
	KUNIT_ASSERT_NOT_NULL(test, s->sk);
	sock_init_data(NULL, s->sk);
	s->sk->sk_user_data = s;
	s->sk->sk_write_space = tp4_send_space;
	s->sock.sk = s->sk;
	sk_set_socket(s->sk, &s->sock);
	po = pkt_sk(s->sk);
	po->tp4 = &s->tp4;
	packet_sock_flag_set(po, PACKET_SOCK_QDISC_BYPASS, direct);

	dev = alloc_netdev_mqs(sizeof(s), "tp4test%d", NET_NAME_ENUM,
			       tp4_dev_setup, TP4_SEND_QUEUES, 1);
	KUNIT_ASSERT_NOT_NULL(test, dev);
	*(struct tp4_send_test **)netdev_priv(dev) = s;
	if (register_netdev(dev)) {
		free_netdev(dev);
		KUNIT_FAIL_AND_ABORT(test, "no device");
	}
	s->dev = dev;
	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_open(dev, NULL), 0);
	rtnl_unlock();
	rcu_assign_pointer(po->cached_dev, dev);
	return s;
}

/* Puts a packet of @len bytes on the ring, in frames of at most @max. */
static void tp4_send_put(struct tp4_send_test *s, u8 first, u32 len, u32 max)
{
	u32 i, part, pos = 0;
	u8 *data;

	do {
		part = min(len - pos, max);
		data = s->t->umem.addr + s->next * TP4_TEST_FRAME_SIZE;
		for (i = 0; i < part; i++)
			data[TP4_TEST_FRAME_SIZE - part + i] =
				tp4_send_byte(first, pos + i);
		tp4_put(s->t, .idx = s->next, .len = part,
			.offset = TP4_TEST_FRAME_SIZE - part,
			.flags = pos + part < len ? TP4_PKT_CONT : 0);
		s->next = (s->next + 1) % TP4_TEST_FRAME_NR;
		pos += part;
	} while (pos < len);
}

static int tp4_send(struct tp4_send_test *s)
{
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };

	return tp4_sendmsg(&s->sock, &msg);
}

/* @n frames come back, with an error or 0. */
static void tp4_send_back(struct tp4_send_test *s, int line, u32 n, u8 error)
{
	struct tpacket4_desc d;

	while (n--) {
		KUNIT_ASSERT_TRUE_MSG(s->t->test, tp4_test_get(s->t, &d),
				      "line %d: %u more", line, n);
		KUNIT_EXPECT_EQ_MSG(s->t->test, d.error, error,
				    "line %d: %u more", line, n);
	}
}

#define tp4_expect_sent(s, n, error)	tp4_send_back(s, __LINE__, n, error)

/* Through a qdisc, and past it. */
struct tp4_send_case {
	const char *name;
	bool direct;
};

static const struct tp4_send_case tp4_send_ways[] = {
	{ "qdisc", false },
	{ "direct", true },
};

KUNIT_ARRAY_PARAM_DESC(tp4_send_way, tp4_send_ways, name);

static struct tp4_send_test *tp4_send_init(struct kunit *test)
{
	const struct tp4_send_case *c = test->param_value;

	return tp4_send_new(test, c->direct);
}

/* Packets of each length that fits, in frames of each kind of size. */
static void tp4_send_contents(struct kunit *test)
{
	static const u32 lens[] = { 14, 15, 60, 61, 64, 1000, 1513, 1514 };
	static const u32 sizes[] = { 1, 13, 14, 64, 999, 2048 };
	struct tp4_send_test *s = tp4_send_init(test);
	u32 i, j, frames;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		for (j = 0; j < ARRAY_SIZE(sizes); j++) {
			frames = DIV_ROUND_UP(lens[i], sizes[j]);
			if (frames > TP4_TEST_FRAME_NR)
				continue;
			s->n = 0;
			tp4_send_put(s, i, lens[i], sizes[j]);
			KUNIT_EXPECT_EQ(test, tp4_send(s), lens[i]);
			KUNIT_ASSERT_EQ(test, s->n, 1);
			KUNIT_EXPECT_EQ(test, s->log[0].first, i);
			KUNIT_EXPECT_EQ(test, s->log[0].len, lens[i]);
			KUNIT_EXPECT_TRUE_MSG(test, s->log[0].intact,
					      "%u bytes in frames of %u",
					      lens[i], sizes[j]);
			tp4_expect_sent(s, frames, 0);
			tp4_expect_idle(s->t);
		}
	}
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 0);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);
}

/* Jumbo packets are not linear. */
static void tp4_send_jumbo(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);
	u32 len;

	WRITE_ONCE(s->dev->mtu, 60000);
	for (len = 3000; len <= 60014; len += 2593) {
		s->n = 0;
		tp4_send_put(s, len, len, TP4_TEST_FRAME_SIZE);
		KUNIT_EXPECT_EQ(test, tp4_send(s), len);
		KUNIT_ASSERT_EQ(test, s->n, 1);
		KUNIT_EXPECT_EQ(test, s->log[0].len, len);
		KUNIT_EXPECT_TRUE_MSG(test, s->log[0].intact, "%u bytes", len);
		tp4_expect_sent(s, DIV_ROUND_UP(len, TP4_TEST_FRAME_SIZE), 0);
	}
}

/* Too short and too long; the others go out, in order. */
static void tp4_send_bad_length(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);

	tp4_send_put(s, 0, 100, 2048);
	tp4_send_put(s, 1, 13, 2048);
	tp4_send_put(s, 2, 100, 2048);
	tp4_send_put(s, 3, 1515, 2048);
	tp4_send_put(s, 4, 100, 50);
	tp4_send_put(s, 5, 13, 1);
	tp4_send_put(s, 6, 9000, 2000);
	tp4_send_put(s, 7, 100, 2048);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 400);
	KUNIT_ASSERT_EQ(test, s->n, 4);
	KUNIT_EXPECT_EQ(test, s->log[0].first, 0);
	KUNIT_EXPECT_EQ(test, s->log[1].first, 2);
	KUNIT_EXPECT_EQ(test, s->log[2].first, 4);
	KUNIT_EXPECT_EQ(test, s->log[3].first, 7);
	tp4_expect_sent(s, 1, 0);
	tp4_expect_sent(s, 1, EINVAL);
	tp4_expect_sent(s, 1, 0);
	tp4_expect_sent(s, 1, EMSGSIZE);
	tp4_expect_sent(s, 2, 0);
	tp4_expect_sent(s, 13, EINVAL);
	tp4_expect_sent(s, 5, EMSGSIZE);
	tp4_expect_sent(s, 1, 0);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 4);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.invalid, 0);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);
}

/* A VLAN tag may come on top of the MTU. */
static void tp4_send_vlan(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);
	u32 len;
	u8 *data;

	for (len = 1514; len < 1522; len++) {
		data = s->t->umem.addr + s->next * TP4_TEST_FRAME_SIZE;
		data += TP4_TEST_FRAME_SIZE - len;
		s->n = 0;
		tp4_send_put(s, 9, len, 2048);
		data[12] = ETH_P_8021Q >> 8;
		data[13] = ETH_P_8021Q & 0xff;
		KUNIT_EXPECT_EQ_MSG(test, tp4_send(s), len <= 1518 ? len : 0,
				    "%u bytes", len);
		KUNIT_EXPECT_EQ(test, s->n, len <= 1518);
		tp4_expect_sent(s, 1, len <= 1518 ? 0 : EMSGSIZE);
	}
}

/* A packet that waits for its end is not sent, nor does it go back. */
static void tp4_send_unfinished(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);

	tp4_send_put(s, 1, 60, 2048);
	tp4_put(s->t, .idx = 50, .len = 60, .flags = TP4_PKT_CONT);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 60);
	KUNIT_EXPECT_EQ(test, s->n, 1);
	tp4_expect_sent(s, 1, 0);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 0);
	tp4_put(s->t, .idx = 51, .len = 40);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 100);
	KUNIT_EXPECT_EQ(test, s->n, 2);
	KUNIT_EXPECT_EQ(test, s->log[1].len, 100);
	tp4_expect_sent(s, 2, 0);
}

/* No device, or none that is up: the packets come back, and so does the errno;
 * afterwards all is well.
 */
static void tp4_send_no_device(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);
	struct packet_sock *po = pkt_sk(s->sk);

	RCU_INIT_POINTER(po->cached_dev, NULL);
	KUNIT_EXPECT_EQ(test, tp4_send(s), -ENXIO);
	tp4_send_put(s, 1, 60, 20);
	tp4_send_put(s, 2, 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), -ENXIO);
	tp4_expect_sent(s, 4, ENXIO);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 2);

	rcu_assign_pointer(po->cached_dev, s->dev);
	rtnl_lock();
	dev_close(s->dev);
	rtnl_unlock();
	tp4_send_put(s, 3, 60, 20);
	KUNIT_EXPECT_EQ(test, tp4_send(s), -ENETDOWN);
	tp4_expect_sent(s, 3, ENETDOWN);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 3);
	KUNIT_EXPECT_EQ(test, s->n, 0);

	rtnl_lock();
	KUNIT_EXPECT_EQ(test, dev_open(s->dev, NULL), 0);
	rtnl_unlock();
	tp4_send_put(s, 4, 60, 20);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 60);
	tp4_expect_sent(s, 3, 0);
	KUNIT_EXPECT_EQ(test, s->n, 1);
}

static void tp4_send_arguments(struct kunit *test)
{
	struct tp4_send_test *s = tp4_send_init(test);
	struct msghdr msg = { .msg_flags = MSG_DONTWAIT };

	KUNIT_EXPECT_EQ(test, tp4_send(s), 0);
	tp4_send_put(s, 1, 60, 2048);
	msg.msg_name = &msg;
	KUNIT_EXPECT_EQ(test, tp4_sendmsg(&s->sock, &msg), -EINVAL);
	msg.msg_name = NULL;
	s->tp4.rings.tx = NULL;
	KUNIT_EXPECT_EQ(test, tp4_sendmsg(&s->sock, &msg), -EINVAL);
	s->tp4.rings.tx = &s->ring;
	KUNIT_EXPECT_EQ(test, s->n, 0);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, tp4_sendmsg(&s->sock, &msg), 60);
	tp4_expect_sent(s, 1, 0);
}

/* Takes the next digit to this @base out of @n. */
static u32 tp4_digit(u32 *n, u32 base)
{
	u32 digit = *n % base;

	*n /= base;
	return digit;
}

/* Headers of a packet of @len bytes at @data, as far as it has room for them. */
static void tp4_send_headers(u8 *data, u32 len, u32 n)
{
	static const u16 types[] = { ETH_P_IP, ETH_P_IPV6, ETH_P_ARP,
				     ETH_P_8021Q, ETH_P_MPLS_UC };
	static const u8 protos[] = {
		IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP, IPPROTO_ICMPV6,
		IPPROTO_GRE, IPPROTO_IPIP, IPPROTO_IPV6, IPPROTO_AH,
		IPPROTO_FRAGMENT, IPPROTO_HOPOPTS, IPPROTO_RAW, IPPROTO_NONE,
	};
	static const u16 frags[] = { 0, IP_DF, IP_MF, 3 };
	static const u8 ihls[] = { 4, 5, 6, 15 };
	struct iphdr *ip = (void *)(data + ETH_HLEN);
	struct ipv6hdr *ip6 = (void *)ip;
	u16 type = types[tp4_digit(&n, ARRAY_SIZE(types))];
	u8 proto = protos[tp4_digit(&n, ARRAY_SIZE(protos))];

	*(__be16 *)(data + 2 * ETH_ALEN) = htons(type);
	if (type == ETH_P_IP && len >= ETH_HLEN + sizeof(*ip)) {
		ip->version = 4;
		ip->ihl = ihls[tp4_digit(&n, ARRAY_SIZE(ihls))];
		ip->frag_off = htons(frags[tp4_digit(&n, ARRAY_SIZE(frags))]);
		ip->protocol = proto;
	} else if (type == ETH_P_IPV6 && len >= ETH_HLEN + sizeof(*ip6)) {
		ip6->version = 6;
		ip6->nexthdr = proto;
	}
}

/* The transport header is where the flow dissector would find it. */
static void tp4_send_transport(struct kunit *test)
{
	static const u32 lens[] = { 14, 15, 33, 34, 37, 38, 53, 54, 55, 73, 74,
				    90, 110, 200 };
	struct tp4_send_test *s = tp4_send_init(test);
	u32 i, n, len;
	u8 *data;

	for (i = 0; i < 5 * 12 * 4 * 4 * ARRAY_SIZE(lens); i++) {
		n = i;
		len = lens[tp4_digit(&n, ARRAY_SIZE(lens))];
		data = s->t->umem.addr + s->next * TP4_TEST_FRAME_SIZE;
		data += TP4_TEST_FRAME_SIZE - len;
		s->n = 0;
		tp4_send_put(s, 8, len, TP4_TEST_FRAME_SIZE);
		tp4_send_headers(data, len, n);
		KUNIT_EXPECT_EQ(test, tp4_send(s), len);
		KUNIT_ASSERT_EQ(test, s->n, 1);
		KUNIT_EXPECT_TRUE_MSG(test, s->log[0].transport,
				      "%u bytes: %*ph", len,
				      (int)min(len, 64U), data);
		tp4_expect_sent(s, 1, 0);
	}
}

/* The send buffer holds some packets; the rest stays the kernel's until the
 * device is done with one. Returns how many it holds.
 */
static u32 tp4_send_fill_buffer(struct kunit *test, u32 nr_frames)
{
	struct tp4_send_test *s = tp4_send_init(test);
	u32 i, room, sent, total = 30;
	int ret;

	s->hold = true;
	WRITE_ONCE(s->sk->sk_sndbuf, 10000);
	for (i = 0; i < total; i++)
		tp4_send_put(s, i, 100, 100 / nr_frames);
	ret = tp4_send(s);
	room = s->n;
	/* One more begins below the limit, as for any socket. */
	KUNIT_EXPECT_GE(test, sk_wmem_alloc_get(s->sk), 10000);
	KUNIT_EXPECT_LT(test, sk_wmem_alloc_get(s->sk),
			10000 + skb_peek(&s->held)->truesize);
	KUNIT_ASSERT_GT(test, room, 1);
	KUNIT_ASSERT_LT(test, room, total);
	KUNIT_EXPECT_EQ(test, ret, 100 * room);
	tp4_expect_sent(s, nr_frames * room, 0);
	tp4_expect_idle(s->t);

	KUNIT_EXPECT_EQ(test, tp4_send(s), -EAGAIN);
	KUNIT_EXPECT_EQ(test, s->n, room);
	tp4_expect_idle(s->t);

	for (sent = room; sent < total; sent = s->n) {
		kfree_skb(skb_dequeue(&s->held));
		ret = tp4_send(s);
		KUNIT_ASSERT_GT(test, ret, 0);
		KUNIT_EXPECT_EQ(test, ret, 100 * (s->n - sent));
		tp4_expect_sent(s, nr_frames * (s->n - sent), 0);
	}
	KUNIT_EXPECT_EQ(test, s->n, total);
	for (i = 0; i < total; i++)
		KUNIT_EXPECT_EQ(test, s->log[i].first, i);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 0);
	skb_queue_purge(&s->held);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);
	return room;
}

/* It holds no fewer of one frame, whose heads are as large as they have to be, than
 * of two, whose heads come from a slab.
 */
static void tp4_send_buffer_full(struct kunit *test)
{
	KUNIT_EXPECT_GE(test, tp4_send_fill_buffer(test, 1),
			tp4_send_fill_buffer(test, 2));
}

static struct kunit_case tp4_send_cases[] = {
	KUNIT_CASE_PARAM(tp4_send_contents, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_jumbo, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_bad_length, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_vlan, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_transport, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_unfinished, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_no_device, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_arguments, tp4_send_way_gen_params),
	KUNIT_CASE_PARAM(tp4_send_buffer_full, tp4_send_way_gen_params),
	{}
};

static struct kunit_suite tp4_send_suite = {
	.name = "tp4_send",
	.test_cases = tp4_send_cases,
};

/* Past the qdisc: a run of packets of one queue is handed over under one lock,
 * and the device is told that there is more to come with all but the last.
 */
static void tp4_direct_expect_runs(struct tp4_send_test *s, int line,
				   const u32 *runs, u32 nr)
{
	struct kunit *test = s->t->test;
	u32 i, run, n = 0;

	for (run = 0; run < nr; run++) {
		for (i = 0; i < runs[run]; i++, n++) {
			KUNIT_ASSERT_LT(test, n, s->n);
			KUNIT_EXPECT_EQ_MSG(test, s->log[n].more,
					    i + 1 < runs[run],
					    "line %d: packet %u", line, n);
			KUNIT_EXPECT_EQ(test, s->log[n].locked, !s->dev->lltx);
			KUNIT_EXPECT_TRUE(test, s->log[n].intact);
		}
	}
	KUNIT_EXPECT_EQ_MSG(test, n, s->n, "line %d", line);
}

#define tp4_expect_runs(s, ...) do {					\
	const u32 runs[] = { __VA_ARGS__ };				\
									\
	tp4_direct_expect_runs(s, __LINE__, runs, ARRAY_SIZE(runs));	\
} while (0)

/* Devices whose queues have to be locked, and others. */
struct tp4_direct_case {
	const char *name;
	bool lltx;
};

static const struct tp4_direct_case tp4_direct_devs[] = {
	{ "locked", false },
	{ "lltx", true },
};

KUNIT_ARRAY_PARAM_DESC(tp4_direct_dev, tp4_direct_devs, name);

static struct tp4_send_test *tp4_direct_new(struct kunit *test)
{
	const struct tp4_direct_case *c = test->param_value;
	struct tp4_send_test *s = tp4_send_new(test, true);

	s->dev->lltx = c->lltx;
	return s;
}

/* Each number of packets around what makes a batch. */
static void tp4_direct_batch(struct kunit *test)
{
	static const u32 nrs[] = {
		1, 2, TP4_TX_BATCH - 1, TP4_TX_BATCH, TP4_TX_BATCH + 1,
		2 * TP4_TX_BATCH, 3 * TP4_TX_BATCH + 3, TP4_SEND_NR,
	};
	struct tp4_send_test *s = tp4_direct_new(test);
	u32 i, k, n;

	for (k = 0; k < ARRAY_SIZE(nrs); k++) {
		n = nrs[k];
		s->n = 0;
		for (i = 0; i < n; i++)
			tp4_send_put(s, i % 64, 60, 60);
		KUNIT_EXPECT_EQ(test, tp4_send(s), 60 * n);
		KUNIT_ASSERT_EQ(test, s->n, n);
		for (i = 0; i < n; i++) {
			KUNIT_EXPECT_EQ(test, s->log[i].first, i % 64);
			KUNIT_EXPECT_EQ(test, s->log[i].queue, 0);
			KUNIT_EXPECT_EQ_MSG(test, s->log[i].more,
					    i + 1 < n &&
					    (i + 1) % TP4_TX_BATCH,
					    "%u of %u", i, n);
			KUNIT_EXPECT_EQ(test, s->log[i].locked, !s->dev->lltx);
			KUNIT_EXPECT_TRUE(test, s->log[i].intact);
		}
		tp4_expect_sent(s, n, 0);
		tp4_expect_idle(s->t);
	}
}

/* Bytes 0 to 63 begin packets of queue 0, and so on. */
static void tp4_direct_queues(struct kunit *test)
{
	static const u8 firsts[] = { 0, 1, 64, 65, 66, 2, 128, 255, 254, 3, 4 };
	struct tp4_send_test *s = tp4_direct_new(test);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(firsts); i++)
		tp4_send_put(s, firsts[i], 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 60 * ARRAY_SIZE(firsts));
	tp4_expect_runs(s, 2, 3, 1, 1, 2, 2);
	for (i = 0; i < ARRAY_SIZE(firsts); i++) {
		KUNIT_EXPECT_EQ(test, s->log[i].first, firsts[i]);
		KUNIT_EXPECT_EQ(test, s->log[i].queue, firsts[i] / 64);
	}
	tp4_expect_sent(s, ARRAY_SIZE(firsts), 0);
}

/* The device refuses one: that one comes back, the others are sent. */
static void tp4_direct_busy(struct kunit *test)
{
	struct tp4_send_test *s = tp4_direct_new(test);
	u32 i;
	int k;

	for (k = 0; k < 6; k++) {
		s->n = 0;
		s->busy = k;
		for (i = 0; i < 6; i++)
			tp4_send_put(s, i, 60, 30);
		KUNIT_EXPECT_EQ(test, tp4_send(s), 300);
		tp4_expect_runs(s, 6);
		for (i = 0; i < 6; i++)
			tp4_expect_sent(s, 2, i == k ? ENOBUFS : 0);
		tp4_expect_idle(s->t);
		KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, k + 1);
		KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);
	}
}

/* A queue is stopped amid a run: its other packets come back, those of another
 * queue are sent.
 */
static void tp4_direct_stopped(struct kunit *test)
{
	struct tp4_send_test *s = tp4_direct_new(test);
	u32 i;

	s->stop = 2;
	for (i = 0; i < 5; i++)
		tp4_send_put(s, i, 60, 60);
	for (i = 0; i < 3; i++)
		tp4_send_put(s, 64 + i, 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 6 * 60);
	KUNIT_EXPECT_EQ(test, s->n, 6);
	tp4_expect_sent(s, 3, 0);
	tp4_expect_sent(s, 2, ENOBUFS);
	tp4_expect_sent(s, 3, 0);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 2);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);

	netif_tx_wake_queue(netdev_get_tx_queue(s->dev, 0));
	tp4_send_put(s, 9, 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 60);
	tp4_expect_sent(s, 1, 0);
}

/* A packet that is bad does not part a run. */
static void tp4_direct_gap(struct kunit *test)
{
	struct tp4_send_test *s = tp4_direct_new(test);

	tp4_send_put(s, 0, 60, 60);
	tp4_send_put(s, 1, 5, 60);
	tp4_send_put(s, 2, 60, 60);
	tp4_put(s->t, .idx = 1000, .len = 60);
	tp4_send_put(s, 3, 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 180);
	tp4_expect_runs(s, 3);
	tp4_expect_sent(s, 1, EBADF);
	tp4_expect_sent(s, 1, 0);
	tp4_expect_sent(s, 1, EINVAL);
	tp4_expect_sent(s, 2, 0);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 1);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.invalid, 1);
}

/* The device is being closed while a batch is on its way: what has not been
 * handed over must not be any more, as ndo_stop() may have been called.
 */
static void tp4_direct_going_down(struct kunit *test)
{
	struct tp4_send_test *s = tp4_direct_new(test);

	s->down = 1;
	tp4_send_put(s, 0, 60, 60);
	tp4_send_put(s, 1, 60, 60);
	tp4_send_put(s, 64, 60, 60);
	tp4_send_put(s, 65, 60, 30);
	tp4_send_put(s, 2, 60, 60);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 2 * 60);
	KUNIT_EXPECT_EQ(test, s->n, 2);
	tp4_expect_sent(s, 2, 0);
	tp4_expect_sent(s, 4, ENETDOWN);
	tp4_expect_idle(s->t);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 3);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);
	set_bit(__LINK_STATE_START, &s->dev->state);
}

static void tp4_direct_no_carrier(struct kunit *test)
{
	struct tp4_send_test *s = tp4_direct_new(test);

	netif_carrier_off(s->dev);
	tp4_send_put(s, 0, 60, 20);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 0);
	tp4_expect_sent(s, 3, ENOBUFS);
	KUNIT_EXPECT_EQ(test, s->n, 0);
	KUNIT_EXPECT_EQ(test, s->ring.q.stats.failed, 1);
	KUNIT_EXPECT_EQ(test, sk_wmem_alloc_get(s->sk), 0);

	netif_carrier_on(s->dev);
	tp4_send_put(s, 0, 60, 20);
	KUNIT_EXPECT_EQ(test, tp4_send(s), 60);
	tp4_expect_sent(s, 3, 0);
}

static struct kunit_case tp4_direct_cases[] = {
	KUNIT_CASE_PARAM(tp4_direct_batch, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_queues, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_busy, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_stopped, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_gap, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_going_down, tp4_direct_dev_gen_params),
	KUNIT_CASE_PARAM(tp4_direct_no_carrier, tp4_direct_dev_gen_params),
	{}
};

static struct kunit_suite tp4_direct_suite = {
	.name = "tp4_direct",
	.test_cases = tp4_direct_cases,
};

kunit_test_suites(&tp4_send_suite, &tp4_direct_suite);

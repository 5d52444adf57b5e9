// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: packets in zero copy over veth, between two sockets and between
 * a socket and the stack: each one once, in order, whole, and by the way it
 * should take, which the device's counters tell.
 */

#include <fcntl.h>
#include <sched.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define MTU		9000
#define RING		512
#define HEADROOM	256	/* XDP_PACKET_HEADROOM */

/*
 * Not a million packets for each way, which figure2 has, but each length, ring
 * and kind of frame.
 */
FIXTURE(zc_traffic) {
	struct ends e;
};

FIXTURE_VARIANT(zc_traffic) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_traffic, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_traffic, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_VARIANT_ADD(zc_traffic, zc_to_skb) {
	.way = WAY_ZC_TO_SKB,
};

FIXTURE_VARIANT_ADD(zc_traffic, skb_to_zc) {
	.way = WAY_SKB_TO_ZC,
};

FIXTURE_SETUP(zc_traffic)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_traffic)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_traffic, every_length)
{
	__u32 total = tp4_scaled(60000, 4000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, RING, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 128, ETH_HLEN, ETH_FRAME_LEN, 0));
}

TEST_F(zc_traffic, jumbo_over_many_frames)
{
	__u32 total = tp4_scaled(40000, 10000);
	struct ends *e = &self->e;

	/* 9000 + 14 bytes take five frames of 2048, or six behind headroom */
	ASSERT_EQ(0, ends_open(e, RING, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 32, ETH_HLEN, MTU + ETH_HLEN, 0));
}

/* As many as there are frames for, and not as many as an array holds */
TEST_F(zc_traffic, jumbo_in_large_batches)
{
	__u32 total = tp4_scaled(20000, 5000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 1024, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 160, MTU - 500, MTU + ETH_HLEN, 0));
}

TEST_F(zc_traffic, jumbo_over_page_frames)
{
	__u32 total = tp4_scaled(20000, 10000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, RING, TP4_PAGE));
	ASSERT_EQ(0, ends_one_way(e, total, 64, ETH_HLEN, MTU + ETH_HLEN, 0));
}

/* The smallest rings there are */
TEST_F(zc_traffic, rings_of_one)
{
	__u32 total = tp4_scaled(10000, 1000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 1, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 1, ETH_HLEN, ETH_FRAME_LEN, 0));
}

/* Three frames each: they span the ring's end */
TEST_F(zc_traffic, packets_that_span_the_rings_end)
{
	__u32 total = tp4_scaled(20000, 2000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 8, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 2, 4097, 5300, 0));
}

/* A ring that is full, each time, to the last slot */
TEST_F(zc_traffic, full_rings)
{
	__u32 total = tp4_scaled(40000, 4000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	ASSERT_EQ(0, ends_one_way(e, total, 64, ETH_HLEN, 1500, 0));
}

/* More packets in one call than NAPI takes at a time, and than an array holds */
TEST_F(zc_traffic, more_than_a_budget)
{
	__u32 total = tp4_scaled(40000, 20000);
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 2048, 0));
	/* The stack's sender has a ring of 256 behind it */
	ASSERT_EQ(0, ends_one_way(e, total, e->from.zc ? 2048 : 200, ETH_HLEN, 300, 0));
}

/* Data begins behind the headroom that is asked for, or XDP's */
TEST_F(zc_traffic, headroom)
{
	static const unsigned int headrooms[] = { 0, 1, 255, 256, 257, 530 };
	struct ends *e = &self->e;
	struct tp4_cfg cfg = { .rx_nr = 8, .tx_nr = 8 };
	struct tpacket4_desc d;
	unsigned int want;
	size_t i, k, len;
	__u8 *frame;

	if (!e->to.zc) {
		/* Sent from any offset, and nothing but that is sent */
		ASSERT_EQ(0, ends_open(e, 8, 0));
		for (i = 0; i + 100 <= 2048; i += 7) {
			memset(tp4_frame(&e->from.t, 0), 0xee, 2048);
			tp4_pkt_fill(tp4_frame(&e->from.t, 0) + i, 100, i);
			tp4_tx_give(&e->from.t, 0, 100, i, 0);
			ASSERT_EQ(0, tp4_kick_all(&e->from.t, 100));
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			EXPECT_EQ(0, d.error);
			EXPECT_EQ(i, d.offset);
			EXPECT_EQ(0, d.idx);
			ASSERT_EQ(100, end_recv(&e->to, e->pkt));
			EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, i, 100));
		}
		return;
	}
	for (i = 0; i < ARRAY_SIZE(headrooms); i++) {
		cfg.headroom = headrooms[i];
		ASSERT_EQ(0, ends_open_cfg(e, &cfg, &cfg));
		want = headrooms[i] > HEADROOM ? headrooms[i] : HEADROOM;
		for (len = ETH_HLEN; len <= 1518; len += 94) {
			tp4_pkt_fill(e->pkt, len, len);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
			ASSERT_EQ(0, end_kick(&e->from, len));
			ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN,
						   TP4_WAIT_MS));
			ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
			ASSERT_EQ(0, d.error);
			ASSERT_EQ(0, d.flags);
			ASSERT_EQ(len, d.len);
			/* A frame that changed hands is as it was sent */
			ASSERT_EQ(e->shared ? 0 : want, d.offset);
			frame = tp4_frame(&e->to.t, d.idx);
			EXPECT_TRUE(tp4_pkt_ok(frame + d.offset, len, len,
					       len));
			for (k = 0; k < 2048; k++) {
				if (k == d.offset)
					k += d.len;
				ASSERT_EQ(0xa5, frame[k])
					TH_LOG("byte %zu, data at %u to %u", k,
					       d.offset, d.offset + d.len);
			}
			memset(frame, 0xa5, 2048);
			tp4_rx_give(&e->to.t, d.idx);
		}
		EXPECT_TRUE(tp4_guards_ok(&e->to.t));
		ends_close(e);
	}
}

/* The MTU changes while packets flow; what is too long for it is told so */
TEST_F(zc_traffic, mtu_changes)
{
	static const unsigned int mtus[] = { 9000, 68, 1500, 576, 4000, 2048 };
	unsigned int round, rounds = tp4_scaled(60, 12), mtu;
	struct ends *e = &self->e;
	struct counters b;
	unsigned int sent = 0, refused = 0;
	__u64 bytes = 0, frames = 0;
	int delta, ret;
	__u32 seq = 0;
	size_t len;

	ASSERT_EQ(0, ends_open(e, RING, 0));
	b = count("tp4b");
	for (round = 0; round < rounds; round++) {
		mtu = mtus[round % ARRAY_SIZE(mtus)];
		ASSERT_EQ(0, tp4_link_mtu(e->net.b, mtu));
		for (delta = -3; delta <= ETH_HLEN + 4; delta++) {
			len = mtu + delta;
			/* The sending device has an MTU of its own */
			if (!e->from.zc && len > MTU + ETH_HLEN)
				continue;
			tp4_pkt_fill(e->pkt, len, ++seq);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
			ASSERT_EQ(0, end_kick(&e->from, len));
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, seq,
							  len))
				TH_LOG("MTU %u, %zu bytes", mtu, len);
			sent++;
			bytes += len;
			frames += (len + 2047) / 2048;
		}
		if (!e->from.zc)
			continue;
		for (; delta < 100; delta += 13) {
			len = mtu + delta;
			tp4_pkt_fill(e->pkt, len, 1);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
			ASSERT_EQ(0, tp4_kick(&e->from.t, 0));
			ASSERT_EQ(-EMSGSIZE, tp4_complete(&e->from.t))
				TH_LOG("MTU %u, %zu bytes", mtu, len);
			ASSERT_EQ(0, tp4q_num_held(&e->from.t.txq));
			refused++;
		}
	}
	EXPECT_TRUE(end_is_empty(&e->to));
	EXPECT_TRUE(counted("tp4b", &b, (struct counters) {
		.packets = sent,
		.swapped = e->shared ? frames : 0,
		.copied = e->shared ? 0 : bytes,
		.errors = refused,
	}));
}

/* The far end in a network namespace of its own */
TEST_F(zc_traffic, other_namespace)
{
	struct tp4_cfg cfg = { .rx_nr = 64, .tx_nr = 64, .frames = 256 };
	__u32 total = tp4_scaled(20000, 2000);
	struct ends *e = &self->e;
	struct counters before;
	int home, away;
	struct stream s = {
		.from = &e->from, .to = &e->to, .batch = 32,
		.least = ETH_HLEN, .most = 1500,
	};

	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, home);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	away = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, away);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	ASSERT_EQ(0, tp4_link_netns(e->net.b, away));

	ASSERT_EQ(0, setns(away, CLONE_NEWNET));
	ASSERT_EQ(0, tp4_write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6",
				    "1"));
	e->net.b = if_nametoindex("tp4b");
	ASSERT_LT(0, e->net.b);
	e->to.ifindex = e->net.b;
	ASSERT_EQ(0, tp4_link_up(e->net.b));
	ASSERT_EQ(0, end_open(&e->to, &cfg));
	before = count("tp4b");

	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	if (e->shared) {
		cfg.share = &e->to.t;
		cfg.first = 128;
	}
	ASSERT_EQ(0, end_open(&e->from, &cfg));
	while (s.received < total) {
		ASSERT_EQ(0, stream_send(&s, total, e->pkt));
		ASSERT_EQ(0, stream_recv(&s, e->pkt));
	}
	EXPECT_TRUE(end_stats_ok(&e->to, total));
	ASSERT_EQ(0, setns(away, CLONE_NEWNET));
	EXPECT_TRUE(counted_stream("tp4b", &before, &s, e->shared));

	/* Here it is the other one that has the buffer */
	end_close(&e->from);
	end_close(&e->to);
	close(home);
	close(away);
}

/* Two sockets in zero copy */
FIXTURE(zc_pair) {
	struct ends e;
};

FIXTURE_VARIANT(zc_pair) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_pair, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_pair, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_SETUP(zc_pair)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_pair)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_pair, both_ways)
{
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, RING, 0));
	ASSERT_EQ(0, ends_both_ways(e, tp4_scaled(100000, 4000), 200, ETH_HLEN,
				    3000));
}

/* The stacks of both ends send all the while, too */
TEST_F(zc_pair, beside_the_stack)
{
	__u32 total = tp4_scaled(20000, 2000), k;
	struct end stack_a = { .dev = "tp4a" };
	struct ends *e = &self->e;
	unsigned int zc = 0, plain = 0, len;
	int ret;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	stack_a.fd = tp4_plain_open(e->net.a, 0);
	ASSERT_LE(0, stack_a.fd);
	while (zc < total || plain < total) {
		for (k = 0; k < 8; k++) {
			len = length_of(zc + k, ETH_HLEN, 1500);
			tp4_pkt_fill(e->pkt, len, zc + k);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
			len = length_of(plain + k, ETH_HLEN, 1500);
			tp4_pkt_fill(e->pkt, len, 0x80000000 + plain + k);
			ASSERT_EQ(0, end_queue(&stack_a, e->pkt, len, 0));
		}
		ASSERT_LE(0, tp4_kick(&e->from.t, 0));
		ASSERT_EQ(0, tp4_complete(&e->from.t));
		/* Each of the two in order */
		for (k = 0; k < 16; k++) {
			ret = tp4_recv_wait(&e->to.t, e->pkt, ENDS_MAX_PKT);
			ASSERT_LT(0, ret);
			if (tp4_pkt_seq(e->pkt) & 0x80000000) {
				len = length_of(plain, ETH_HLEN, 1500);
				ASSERT_TRUE(tp4_pkt_ok(e->pkt, ret,
						       0x80000000 + plain,
						       len));
				plain++;
			} else {
				len = length_of(zc, ETH_HLEN, 1500);
				ASSERT_TRUE(tp4_pkt_ok(e->pkt, ret, zc, len));
				zc++;
			}
		}
	}
	EXPECT_EQ(zc, plain);
	close(stack_a.fd);
}

/*
 * Received here and sent on there, over two wires, by who never touches a byte
 * (goal 5 of the paper); if all four have one buffer, nobody else does, either.
 */
TEST_F(zc_pair, forward_without_copying)
{
	struct tp4_cfg cfg = {
		.mode = &tp4_zc, .rx_nr = 64, .tx_nr = 64, .frames = 512,
	};
	__u32 i, k, total = tp4_scaled(40000, 2000);
	struct tp4_netcfg netcfg = { .mtu = MTU };
	struct ends *e = &self->e;
	struct tp4 src, in, out, dst;
	unsigned int spare[64], n;
	struct counters b1, b2, by = {};
	struct tpacket4_desc d;
	size_t len;
	int c, f, ret;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	c = if_nametoindex("tp4c");
	f = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(c));
	ASSERT_EQ(0, tp4_link_up(f));
	cfg.ifindex = e->net.b;
	ASSERT_EQ(0, tp4_open(&in, &cfg));
	cfg.share = &in;
	cfg.ifindex = c;
	cfg.first = 128;
	ASSERT_EQ(0, tp4_open(&out, &cfg));
	if (!e->shared)
		cfg.share = NULL;
	cfg.ifindex = e->net.a;
	cfg.first = e->shared ? 256 : 0;
	ASSERT_EQ(0, tp4_open(&src, &cfg));
	cfg.ifindex = f;
	cfg.first = e->shared ? 384 : 0;
	ASSERT_EQ(0, tp4_open(&dst, &cfg));
	b1 = count("tp4b");
	b2 = count("tp4d");

	for (i = 0; i < total; i += 8) {
		for (k = i; k < i + 8; k++) {
			len = length_of(k, ETH_HLEN, 4000);
			tp4_pkt_fill(e->pkt, len, k);
			ASSERT_LT(0, tp4_queue(&src, e->pkt, len, 0));
			if (e->shared)
				by.swapped += (len + 2047) / 2048;
			else
				by.copied += len;
		}
		ASSERT_LE(0, tp4_kick(&src, 0));
		ASSERT_EQ(0, tp4_complete(&src));
		ASSERT_EQ(POLLIN, tp4_poll(in.fd, POLLIN, TP4_WAIT_MS));
		n = 0;
		while (tp4_rx_next(&in, &d)) {
			ASSERT_EQ(0, d.error);
			tp4_tx_give(&out, d.idx, d.len, d.offset,
				    d.flags & TP4_PKT_CONT);
			n++;
		}
		ASSERT_LE(0, tp4_kick(&out, 0));
		while (tp4_tx_next(&out, &d)) {
			ASSERT_EQ(0, d.error);
			spare[--n] = d.idx;
			tp4_rx_give(&in, spare[n]);
		}
		ASSERT_EQ(0, n);
		for (k = i; k < i + 8; k++) {
			ret = tp4_recv_wait(&dst, e->pkt, ENDS_MAX_PKT);
			ASSERT_LT(0, ret);
			ASSERT_TRUE(tp4_pkt_ok(e->pkt, ret, k,
					       length_of(k, ETH_HLEN, 4000)));
		}
	}
	EXPECT_EQ(64, tp4q_num_held(&in.rxq));
	EXPECT_EQ(0, tp4q_num_held(&out.txq));
	by.packets = i;
	EXPECT_TRUE(counted("tp4b", &b1, by));
	EXPECT_TRUE(counted("tp4d", &b2, by));
	tp4_close(&src);
	tp4_close(&out);
	tp4_close(&dst);
	tp4_close(&in);
}

/* Two queues, and a pair of sockets on each, that know nothing of another */
TEST_F(zc_pair, two_queues)
{
	static const struct tp4_mode second = {
		.name = "zc_1", .zerocopy = 1,
	};
	struct tp4_netcfg netcfg = { .queues = 2, .mtu = MTU };
	__u32 total = tp4_scaled(20000, 2000);
	struct ends *e = &self->e;
	struct counters before[2];
	struct stream s[2] = {};
	struct end x[4] = {};
	struct tp4_cfg cfg;
	unsigned int i;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	for (i = 0; i < 4; i++) {
		cfg = (struct tp4_cfg) {
			.rx_nr = 64, .tx_nr = 64, .frames = 256,
			.mode = i % 2 ? &second : &tp4_zc,
		};
		x[i].zc = true;
		x[i].dev = i < 2 ? "tp4c" : "tp4d";
		x[i].ifindex = if_nametoindex(x[i].dev);
		x[i].fd = -1;
		ASSERT_EQ(0, tp4_link_flags(x[i].ifindex, IFF_UP, IFF_UP));
		if (i >= 2 && e->shared) {
			cfg.share = &x[i - 2].t;
			cfg.first = 128;
		}
		if (i == 2) {
			ASSERT_EQ(0, tp4_link_up(x[0].ifindex));
			ASSERT_EQ(0, tp4_link_up(x[2].ifindex));
		}
		ASSERT_EQ(0, end_open(&x[i], &cfg));
	}
	for (i = 0; i < 2; i++) {
		s[i].from = &x[i];
		s[i].to = &x[2 + i];
		s[i].batch = 10 + 20 * i;
		s[i].least = ETH_HLEN + 3 * i;
		s[i].most = 1500 - i;
		before[i] = count_queue("tp4d", i);
	}
	while (s[0].received < total || s[1].received < total) {
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, stream_send(&s[i], total, e->pkt));
		for (i = 0; i < 2; i++)
			ASSERT_EQ(0, stream_recv(&s[i], e->pkt));
	}
	for (i = 0; i < 2; i++) {
		struct counters now = count_queue("tp4d", i);

		EXPECT_EQ(total, now.packets - before[i].packets);
		EXPECT_EQ(e->shared ? total : 0,
			  now.swapped - before[i].swapped);
		EXPECT_EQ(e->shared ? 0 : s[i].bytes,
			  now.copied - before[i].copied);
	}
	/* A dead reader of one queue is no concern of the other */
	cfg.rx_nr = 0;
	for (i = 0; i < 64; i++) {
		tp4_pkt_fill(e->pkt, 100, i);
		ASSERT_EQ(0, end_queue(&x[0], e->pkt, 100, 0));
	}
	ASSERT_EQ(0, end_kick(&x[0], 6400));
	ASSERT_EQ(0, end_queue(&x[0], e->pkt, 100, 0));
	EXPECT_EQ(-ENOBUFS, end_kick(&x[0], 0));
	total += 1000;
	while (s[1].received < total) {
		ASSERT_EQ(0, stream_send(&s[1], total, e->pkt));
		ASSERT_EQ(0, stream_recv(&s[1], e->pkt));
	}
	for (i = 4; i > 0; i--)
		end_close(&x[i - 1]);
}

TEST_HARNESS_MAIN

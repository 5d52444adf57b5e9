// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: every packet arrives, once, in order, whole, and with the
 * bytes it was sent with; and where it cannot, it is counted.
 */

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define LONG_RUN		1000000
#define MAX_PKT			65536
#define BATCH			256

FIXTURE(traffic) {
	struct tp4_net net;
	__u8 *pkt;
};

FIXTURE_VARIANT(traffic) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(traffic, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(traffic, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_SETUP(traffic)
{
	struct tp4_netcfg cfg = { .mtu = 9000 };

	ASSERT_EQ(0, tp4_net_new(&self->net, &cfg));
	self->pkt = malloc(MAX_PKT);
	ASSERT_NE(NULL, self->pkt);
}

FIXTURE_TEARDOWN(traffic)
{
	free(self->pkt);
}

/* Every length between the two comes, in an order that is not monotonic */
static size_t length_of(__u32 seq, size_t least, size_t most)
{
	return least + (seq * 7919ULL) % (most - least + 1);
}

struct stream {
	struct tp4 *from;
	struct tp4 *to;
	__u32 sent;
	__u32 received;
	size_t least;
	size_t most;
	size_t chunk;
};

static int stream_send(struct stream *s, __u32 total, unsigned int batch,
		       __u8 *pkt)
{
	size_t len;
	int ret;

	while (batch-- && s->sent < total) {
		len = length_of(s->sent, s->least, s->most);
		tp4_pkt_fill(pkt, len, s->sent);
		ret = tp4_queue(s->from, pkt, len, s->chunk);
		if (ret == -EAGAIN)
			break;
		if (ret < 0)
			return ret;
		s->sent++;
	}
	ret = tp4_kick(s->from, 0);
	if (ret < 0)
		return ret;
	return tp4_complete(s->from);
}

static int stream_recv(struct stream *s, __u8 *pkt)
{
	int ret;

	while (s->received < s->sent) {
		ret = tp4_recv_wait(s->to, pkt, MAX_PKT);
		if (ret < 0)
			return ret;
		if (!tp4_pkt_ok(pkt, ret, s->received,
				length_of(s->received, s->least, s->most)))
			return -EBADMSG;
		s->received++;
	}
	return 0;
}

/* Both directions at once, by turns: what is sent is received, then more */
static void both_ways(struct __test_metadata *_metadata, struct tp4 *a,
		      struct tp4 *b, __u32 total, unsigned int batch,
		      size_t least, size_t most, size_t chunk, __u8 *pkt)
{
	struct stream there = {
		.from = a, .to = b, .least = least, .most = most,
		.chunk = chunk,
	};
	struct stream back = {
		.from = b, .to = a, .least = least, .most = most,
		.chunk = chunk,
	};
	struct tpacket_stats_v4 st;

	while (there.received < total || back.received < total) {
		ASSERT_EQ(0, stream_send(&there, total, batch, pkt));
		ASSERT_EQ(0, stream_send(&back, total, batch, pkt));
		ASSERT_EQ(0, stream_recv(&there, pkt));
		ASSERT_EQ(0, stream_recv(&back, pkt));
	}
	EXPECT_EQ(total, there.sent);
	EXPECT_EQ(total, back.sent);
	/* Not one more than was sent */
	EXPECT_EQ(0, tp4_recv(a, pkt, MAX_PKT));
	EXPECT_EQ(0, tp4_recv(b, pkt, MAX_PKT));
	ASSERT_EQ(0, tp4_stats(a->fd, &st));
	EXPECT_EQ(total, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);
	EXPECT_EQ(0, st.tx_errors);
	ASSERT_EQ(0, tp4_stats(b->fd, &st));
	EXPECT_EQ(total, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);
	EXPECT_EQ(0, st.tx_errors);
	EXPECT_TRUE(tp4_guards_ok(a));
	EXPECT_TRUE(tp4_guards_ok(b));
}

static void open_pair(struct __test_metadata *_metadata,
		      const struct tp4_net *net, const struct tp4_mode *mode,
		      unsigned int nr, unsigned int frame_size, struct tp4 *a,
		      struct tp4 *b)
{
	struct tp4_cfg cfg = {
		.ifindex = net->a,
		.mode = mode,
		.rx_nr = nr,
		.tx_nr = nr,
		.frame_size = frame_size,
	};

	ASSERT_EQ(0, tp4_open(a, &cfg));
	cfg.ifindex = net->b;
	ASSERT_EQ(0, tp4_open(b, &cfg));
}

TEST_F(traffic, a_million_each_way)
{
	struct tp4 a, b;

	open_pair(_metadata, &self->net, variant->mode, 512, 0, &a, &b);
	/* 14 bytes, no payload at all, to what fits the usual MTU */
	both_ways(_metadata, &a, &b, tp4_scaled(LONG_RUN, 4000), BATCH,
		  ETH_HLEN, ETH_FRAME_LEN, 0, self->pkt);
	tp4_close(&a);
	tp4_close(&b);
}

TEST_F(traffic, jumbo_over_many_frames)
{
	struct tp4 a, b;

	open_pair(_metadata, &self->net, variant->mode, 512, 0, &a, &b);
	/* 9000 + 14 bytes take five frames of 2048; 4096 and 4097 come */
	both_ways(_metadata, &a, &b, tp4_scaled(100000, 10000), 64, ETH_HLEN,
		  9000 + ETH_HLEN, 0, self->pkt);
	tp4_close(&a);
	tp4_close(&b);
}

TEST_F(traffic, jumbo_over_page_frames)
{
	struct tp4 a, b;

	open_pair(_metadata, &self->net, variant->mode, 512, TP4_PAGE, &a,
		  &b);
	both_ways(_metadata, &a, &b, tp4_scaled(50000, 10000), 64, ETH_HLEN,
		  9000 + ETH_HLEN, 0, self->pkt);
	tp4_close(&a);
	tp4_close(&b);
}

/* Sent in shreds: the link header alone spans frames */
TEST_F(traffic, tx_frames_of_any_length)
{
	static const size_t chunks[] = { 1, 7, 13, 14, 15, 64, 1000, 2047 };
	struct tp4 a, b;
	size_t i, most;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		/* Not more frames than tp4_queue() makes, nor than the MTU */
		most = chunks[i] == 1 ? 60 : 14 * chunks[i];
		if (most > 9000 + ETH_HLEN)
			most = 9000 + ETH_HLEN;
		open_pair(_metadata, &self->net, variant->mode, 512, 0, &a,
			  &b);
		both_ways(_metadata, &a, &b, tp4_scaled(2000, 500), 8,
			  ETH_HLEN, most, chunks[i], self->pkt);
		tp4_close(&a);
		tp4_close(&b);
	}
}

/* The smallest rings there are */
TEST_F(traffic, rings_of_one)
{
	struct tp4 a, b;

	open_pair(_metadata, &self->net, variant->mode, 1, 0, &a, &b);
	both_ways(_metadata, &a, &b, tp4_scaled(5000, 500), 1, ETH_HLEN,
		  ETH_FRAME_LEN, 0, self->pkt);
	tp4_close(&a);
	tp4_close(&b);
}

/* A ring that is an odd number of packets long: they span its end */
TEST_F(traffic, packets_that_span_the_rings_end)
{
	struct tp4 a, b;

	open_pair(_metadata, &self->net, variant->mode, 8, 0, &a, &b);
	/* Three frames each */
	both_ways(_metadata, &a, &b, tp4_scaled(10000, 1000), 2, 4097, 6144,
		  0, self->pkt);
	tp4_close(&a);
	tp4_close(&b);
}

/*
 * A received frame goes on to the TX ring as it is, and what TX gives back
 * goes to RX: nobody copies in user space (goal 5 of the paper).
 */
TEST_F(traffic, forward_without_copying)
{
	struct tp4_cfg cfg = {
		.mode = variant->mode, .rx_nr = 64, .tx_nr = 64,
	};
	struct tp4_net second = {};
	__u32 i, k, total = tp4_scaled(40000, 2000);
	struct tp4_netcfg plain = { .mtu = 9000 };
	struct tp4 src, in, out, dst;
	struct tpacket4_desc d;
	size_t len;
	int ret;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &plain));
	second.a = if_nametoindex("tp4c");
	second.b = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(second.a));
	ASSERT_EQ(0, tp4_link_up(second.b));

	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&src, &cfg));
	cfg.ifindex = self->net.b;
	ASSERT_EQ(0, tp4_open(&in, &cfg));
	cfg.ifindex = second.a;
	cfg.share = &in;
	ASSERT_EQ(0, tp4_open(&out, &cfg));
	cfg.share = NULL;
	cfg.ifindex = second.b;
	ASSERT_EQ(0, tp4_open(&dst, &cfg));

	for (i = 0; i < total; i += 8) {
		for (k = i; k < i + 8; k++) {
			len = length_of(k, ETH_HLEN, 4000);
			tp4_pkt_fill(self->pkt, len, k);
			ASSERT_LT(0, tp4_queue(&src, self->pkt, len, 0));
		}
		ASSERT_LT(0, tp4_kick(&src, 0));
		ASSERT_EQ(0, tp4_complete(&src));
		ASSERT_EQ(POLLIN, tp4_poll(in.fd, POLLIN, TP4_WAIT_MS));
		while (tp4_rx_next(&in, &d)) {
			ASSERT_EQ(0, d.error);
			tp4_tx_give(&out, d.idx, d.len, d.offset,
				    d.flags & TP4_PKT_CONT);
		}
		ASSERT_LT(0, tp4_kick(&out, 0));
		while (tp4_tx_next(&out, &d)) {
			ASSERT_EQ(0, d.error);
			tp4_rx_give(&in, d.idx);
		}
		for (k = i; k < i + 8; k++) {
			ret = tp4_recv_wait(&dst, self->pkt, MAX_PKT);
			ASSERT_LT(0, ret);
			ASSERT_TRUE(tp4_pkt_ok(self->pkt, ret, k,
					       length_of(k, ETH_HLEN, 4000)));
		}
	}
	/* Every frame is back where it was */
	EXPECT_EQ(64, tp4q_num_held(&in.rxq));
	EXPECT_EQ(0, tp4q_num_held(&out.txq));
	tp4_close(&src);
	tp4_close(&out);
	tp4_close(&in);
	tp4_close(&dst);
}

/* Nothing but the packet's own bytes is written into a frame */
TEST_F(traffic, bytes_around_a_packet)
{
	static const unsigned int headrooms[] = { 0, 1, 100, 530 };
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = variant->mode, .rx_nr = 8,
		.ignore_outgoing = true,
	};
	struct tpacket4_desc d;
	struct tp4 t;
	size_t i, k, len;
	__u8 *frame;
	int out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	for (i = 0; i < ARRAY_SIZE(headrooms); i++) {
		cfg.headroom = headrooms[i];
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		for (len = ETH_HLEN; len <= 1518 - 4; len += 100) {
			tp4_pkt_fill(self->pkt, len, len);
			ASSERT_EQ(0, tp4_plain_send(out, self->pkt, len));
			ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN,
						   TP4_WAIT_MS));
			ASSERT_TRUE(tp4_rx_next(&t, &d));
			ASSERT_EQ(0, d.error);
			ASSERT_EQ(0, d.flags);
			ASSERT_EQ(len, d.len);
			ASSERT_LE(headrooms[i], d.offset);
			ASSERT_LE(d.offset + d.len, 2048);
			frame = tp4_frame(&t, d.idx);
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
			tp4_rx_give(&t, d.idx);
		}
		EXPECT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
	}
	close(out);
}

/* Sending is not a licence to write */
TEST_F(traffic, tx_leaves_the_buffer_alone)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = variant->mode, .tx_nr = 8,
	};
	struct tp4 t;
	__u8 *before;
	int i;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	before = malloc(t.buf_len);
	ASSERT_NE(NULL, before);
	for (i = 0; i < 8; i++)
		tp4_pkt_fill(tp4_frame(&t, i) + 100, 1400, i);
	memcpy(before, t.buf, t.buf_len);
	for (i = 0; i < 8; i++)
		tp4_tx_give(&t, i, 1400, 100, i % 3 ? 0 : TP4_PKT_CONT);
	ASSERT_LT(0, tp4_kick(&t, 0));
	EXPECT_EQ(0, tp4_complete(&t));
	EXPECT_EQ(0, memcmp(before, t.buf, t.buf_len));
	free(before);
	tp4_close(&t);
}

/* The stack gets every packet all the same */
TEST_F(traffic, the_stack_gets_them_too)
{
	struct tp4 a, b;
	int plain, ret;
	__u32 i;

	open_pair(_metadata, &self->net, variant->mode, 64, 0, &a, &b);
	plain = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, plain);
	for (i = 0; i < 200; i++) {
		tp4_pkt_fill(self->pkt, 60 + i, i);
		ASSERT_EQ(0, tp4_send(&a, self->pkt, 60 + i, 0));
		ret = tp4_recv_wait(&b, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i, 60 + i));
		ret = tp4_plain_recv(plain, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i, 60 + i));
	}
	close(plain);
	tp4_close(&a);
	tp4_close(&b);
}

/* Full and empty rings: who is dropped, and what is said about it */

static void send_plain(struct __test_metadata *_metadata, int from, int seen,
		       __u32 seq, size_t len, __u8 *pkt)
{
	tp4_pkt_fill(pkt, len, seq);
	ASSERT_EQ(0, tp4_plain_send(from, pkt, len));
	/* The stack has it, so V4 has had it */
	ASSERT_EQ(len, tp4_plain_recv(seen, pkt, MAX_PKT));
}

TEST_F(traffic, full_ring_drops_and_counts)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = variant->mode, .rx_nr = 16,
	};
	struct tpacket_stats_v4 st;
	struct tp4 t;
	int out, seen, ret;
	__u32 i, round;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	seen = tp4_plain_open(self->net.a, TP4_ETH_P);
	ASSERT_LE(0, seen);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 40; i++)
			send_plain(_metadata, out, seen, 100 * round + i, 100,
				   self->pkt);
		/* The first 16, and none of the later ones */
		for (i = 0; i < 16; i++) {
			ret = tp4_recv(&t, self->pkt, MAX_PKT);
			ASSERT_EQ(100, ret);
			EXPECT_TRUE(tp4_pkt_ok(self->pkt, ret,
					       100 * round + i, 100));
		}
		EXPECT_EQ(0, tp4_recv(&t, self->pkt, MAX_PKT));
		ASSERT_EQ(0, tp4_stats(t.fd, &st));
		EXPECT_EQ(40, st.tp_packets);
		EXPECT_EQ(24, st.tp_drops);
		/* This one goes on counting */
		EXPECT_EQ(24 * (round + 1), st.rx_no_frame);
		EXPECT_EQ(0, st.rx_too_big);
		EXPECT_EQ(0, st.rx_invalid_desc);
	}
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(0, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);
	tp4_close(&t);
	close(out);
	close(seen);
}

TEST_F(traffic, empty_ring_drops_and_counts)
{
	struct tp4_cfg cfg = { .rx_nr = 8, .mode = variant->mode };
	struct tpacket4_desc d;
	struct tpacket_stats_v4 st;
	struct tp4 t;
	int out, seen, i;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	seen = tp4_plain_open(self->net.a, TP4_ETH_P);
	ASSERT_LE(0, seen);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	/* Made anew: all slots are the user's */
	munmap(t.map, t.map_len);
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	ASSERT_EQ(0, tp4_map(&t));
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));

	for (i = 0; i < 30; i++)
		send_plain(_metadata, out, seen, i, 100, self->pkt);
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(30, st.tp_packets);
	EXPECT_EQ(30, st.tp_drops);
	EXPECT_EQ(30, st.rx_no_frame);
	/* Nothing was written to slots that were not given */
	for (i = 0; i < 8; i++) {
		EXPECT_TRUE(tp4_desc_get(&t.rx[i], &d));
		EXPECT_EQ(0, d.idx);
		EXPECT_EQ(0, d.len);
		EXPECT_EQ(0, d.error);
	}
	/* One frame, one packet */
	tp4_rx_give(&t, 5);
	send_plain(_metadata, out, seen, 50, 100, self->pkt);
	send_plain(_metadata, out, seen, 51, 100, self->pkt);
	ASSERT_TRUE(tp4_rx_next(&t, &d));
	EXPECT_EQ(5, d.idx);
	EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&t, 5) + d.offset, d.len, 50, 100));
	EXPECT_FALSE(tp4_rx_next(&t, &d));
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(2, st.tp_packets);
	EXPECT_EQ(1, st.tp_drops);
	EXPECT_EQ(31, st.rx_no_frame);
	tp4_close(&t);
	close(out);
	close(seen);
}

/* All of a packet or nothing, and no hole where it would have been */
TEST_F(traffic, no_part_of_a_packet)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = variant->mode, .rx_nr = 8,
	};
	struct tpacket_stats_v4 st;
	struct tp4 t;
	int out, seen, ret;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	seen = tp4_plain_open(self->net.a, TP4_ETH_P);
	ASSERT_LE(0, seen);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	/* 5 of 8 frames, then 5 more that do not fit, then 3 that do */
	send_plain(_metadata, out, seen, 0, 9000, self->pkt);
	send_plain(_metadata, out, seen, 1, 9000, self->pkt);
	send_plain(_metadata, out, seen, 2, 5000, self->pkt);
	send_plain(_metadata, out, seen, 3, 14, self->pkt);
	ret = tp4_recv(&t, self->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 0, 9000));
	ret = tp4_recv(&t, self->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 2, 5000));
	EXPECT_EQ(0, tp4_recv(&t, self->pkt, MAX_PKT));
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(4, st.tp_packets);
	EXPECT_EQ(2, st.tp_drops);
	EXPECT_EQ(2, st.rx_no_frame);
	EXPECT_EQ(0, st.rx_too_big);
	tp4_close(&t);
	close(out);
	close(seen);
}

/* No waiting helps where the ring itself is too small */
TEST_F(traffic, larger_than_the_ring)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .mode = variant->mode, .rx_nr = 4,
	};
	struct tpacket_stats_v4 st;
	struct tp4 t;
	int out, seen, ret;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	seen = tp4_plain_open(self->net.a, TP4_ETH_P);
	ASSERT_LE(0, seen);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	send_plain(_metadata, out, seen, 0, 4 * 2048 + 1, self->pkt);
	send_plain(_metadata, out, seen, 1, 9000, self->pkt);
	send_plain(_metadata, out, seen, 2, 4 * 2048, self->pkt);
	ret = tp4_recv(&t, self->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 2, 4 * 2048));
	EXPECT_EQ(0, tp4_recv(&t, self->pkt, MAX_PKT));
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(3, st.tp_packets);
	EXPECT_EQ(2, st.tp_drops);
	EXPECT_EQ(2, st.rx_too_big);
	EXPECT_EQ(0, st.rx_no_frame);
	tp4_close(&t);
	close(out);
	close(seen);
}

/* PACKET_RESERVE is headroom as data_headroom is; the larger one counts */
TEST_F(traffic, headroom)
{
	static const struct {
		unsigned int headroom;
		int reserve;
		unsigned int least;
	} cases[] = {
		{ 0, 0, 0 }, { 64, 0, 64 }, { 0, 64, 64 }, { 64, 128, 128 },
		{ 128, 64, 128 }, { 530, 0, 530 }, { 0, 530, 530 },
		{ 1, 0, 1 }, { 0, 3, 3 },
	};
	struct tpacket4_desc d;
	size_t i, total, len;
	struct tp4 t = {};
	int out, frames;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		memset(&t, 0, sizeof(t));
		t.frame_size = 2048;
		t.frames = 16;
		t.rx_nr = 16;
		t.buf_len = 16 * 2048;
		t.buf = mmap(NULL, t.buf_len, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		ASSERT_NE(MAP_FAILED, t.buf);
		t.fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, t.fd);
		t.mr_fd = t.fd;
		ASSERT_EQ(0, tp4_version(t.fd, TPACKET_V4));
		ASSERT_EQ(0, setsockopt(t.fd, SOL_PACKET, PACKET_RESERVE,
					&cases[i].reserve, sizeof(int)));
		ASSERT_EQ(0, tp4_memreg(t.fd, t.buf, t.buf_len, 2048,
					cases[i].headroom));
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.fd, 16));
		ASSERT_EQ(0, tp4_map(&t));
		for (len = 0; len < 16; len++)
			tp4_rx_give(&t, len);
		ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));

		tp4_pkt_fill(self->pkt, 5000, i);
		ASSERT_EQ(0, tp4_plain_send(out, self->pkt, 5000));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		memset(self->pkt, 0, 5000);
		total = 0;
		frames = 0;
		do {
			ASSERT_TRUE(tp4_rx_next(&t, &d));
			ASSERT_LE(total + d.len, MAX_PKT);
			/* The first frame has the headroom; others may */
			if (!frames)
				EXPECT_LE(cases[i].least, d.offset);
			ASSERT_LE(d.offset + d.len, 2048);
			memcpy(self->pkt + total,
			       tp4_frame(&t, d.idx) + d.offset, d.len);
			total += d.len;
			frames++;
		} while (d.flags & TP4_PKT_CONT);
		EXPECT_TRUE(tp4_pkt_ok(self->pkt, total, i, 5000));
		munmap(t.map, t.map_len);
		close(t.fd);
		munmap(t.buf, t.buf_len);
	}
	close(out);
}

/* lo and dummy are devices like others */
TEST_F(traffic, loopback)
{
	struct tp4_cfg cfg = { .mode = variant->mode, .rx_nr = 64 };
	struct tp4_cfg txcfg = { .mode = variant->mode, .tx_nr = 64 };
	struct tp4 rx, tx;
	__u32 i;
	int ret;

	cfg.ifindex = if_nametoindex("lo");
	ASSERT_LT(0, cfg.ifindex);
	txcfg.ifindex = cfg.ifindex;
	cfg.ignore_outgoing = true;
	ASSERT_EQ(0, tp4_link_up(cfg.ifindex));
	ASSERT_EQ(0, tp4_open(&rx, &cfg));
	ASSERT_EQ(0, tp4_open(&tx, &txcfg));
	for (i = 0; i < 1000; i++) {
		tp4_pkt_fill(self->pkt, 14 + i, i);
		ASSERT_EQ(0, tp4_send(&tx, self->pkt, 14 + i, 0));
		ret = tp4_recv_wait(&rx, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i, 14 + i));
	}
	tp4_close(&rx);
	tp4_close(&tx);
}

TEST_F(traffic, dummy)
{
	struct tp4_cfg cfg = { .mode = variant->mode, .tx_nr = 64 };
	struct tp4 tx;
	__u32 i;

	ASSERT_EQ(0, tp4_link_add("tp4dummy", "dummy"));
	cfg.ifindex = if_nametoindex("tp4dummy");
	ASSERT_LT(0, cfg.ifindex);
	ASSERT_EQ(0, tp4_link_up(cfg.ifindex));
	ASSERT_EQ(0, tp4_open(&tx, &cfg));
	for (i = 0; i < 6400; i += 64) {
		while (tp4_tx_room(&tx)) {
			tp4_pkt_fill(self->pkt, 100, i);
			ASSERT_EQ(1, tp4_queue(&tx, self->pkt, 100, 0));
		}
		ASSERT_EQ(6400, tp4_kick(&tx, 0));
		ASSERT_EQ(0, tp4_complete(&tx));
	}
	EXPECT_EQ(6400, tp4_dev_packets("tp4dummy", false));
	tp4_close(&tx);
}

TEST_HARNESS_MAIN

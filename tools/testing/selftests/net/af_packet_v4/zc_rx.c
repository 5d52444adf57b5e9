// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: who receives in zero copy, from a socket or from the stack, is
 * told of what comes; and what cannot come, for want of frames, is counted,
 * told to its sender, and keeps nobody waiting.
 */

#include <sched.h>
#include <sys/epoll.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define MTU		9000

/* Who receives in zero copy */
FIXTURE(zc_rx) {
	struct ends e;
};

FIXTURE_VARIANT(zc_rx) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_rx, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_rx, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_VARIANT_ADD(zc_rx, skb_to_zc) {
	.way = WAY_SKB_TO_ZC,
};

FIXTURE_SETUP(zc_rx)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_rx)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Sends numbered packets, of which the first @good find frames */
static void send_into(struct __test_metadata *_metadata, struct ends *e,
		      __u32 seq, unsigned int n, unsigned int good, size_t len)
{
	struct tpacket4_desc d;
	unsigned int i;

	for (i = 0; i < n; i++) {
		tp4_pkt_fill(e->pkt, len, seq + i);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
	}
	if (!e->from.zc)
		return;
	ASSERT_EQ(0, tp4_kick_all(&e->from.t, good * len));
	for (i = 0; i < n; i++) {
		do {
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			ASSERT_EQ(i < good ? 0 : ENOBUFS, d.error);
			e->from.t.free[e->from.t.free_nr++] = d.idx;
		} while (d.flags & TP4_PKT_CONT);
	}
	ASSERT_EQ(0, tp4q_num_held(&e->from.t.txq));
}

/* Packets of 100 bytes and one frame that were received, and those that were not */
static struct counters expected(const struct ends *e, long long packets,
				long long drops)
{
	return (struct counters) {
		.packets = packets,
		.swapped = e->shared ? packets : 0,
		.copied = e->shared ? 0 : 100 * packets,
		.no_frame = drops,
	};
}

/*
 * A reader that is slow, or dead, costs the sender what it does not read, and
 * that is counted; it never keeps the sender waiting.
 */
TEST_F(zc_rx, slow_reader)
{
	unsigned int round, rounds = tp4_scaled(100, 10), i;
	struct tpacket_stats_v4 want = {};
	struct ends *e = &self->e;
	struct counters b;
	long long drops = 0;
	int ret;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	b = count("tp4b");
	for (round = 0; round < rounds; round++) {
		/* The first 64 of 100 or so */
		send_into(_metadata, e, 1000 * round, 64, 64, 100);
		ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS));
		send_into(_metadata, e, 1000 * round + 64, round % 50, 0, 100);
		drops += round % 50;
		/* They must not find what is given back now */
		ASSERT_TRUE(counted("tp4b", &b, expected(e, 64 * (round + 1),
							 drops)));
		for (i = 0; i < 64; i++) {
			ret = tp4_recv_wait(&e->to.t, e->pkt, ENDS_MAX_PKT);
			ASSERT_TRUE(ret > 0 &&
				    tp4_pkt_ok(e->pkt, ret, 1000 * round + i,
					       100));
		}
		EXPECT_TRUE(end_is_empty(&e->to));
		want.tp_packets = 64 + round % 50;
		want.tp_drops = round % 50;
		want.rx_no_frame = drops;
		EXPECT_TRUE(stats_are(e->to.t.fd, &want));
	}
	if (e->from.zc) {
		want = (struct tpacket_stats_v4) { .tx_errors = drops };
		EXPECT_TRUE(stats_are(e->from.t.fd, &want));
	}
}

/* Nothing was ever given to receive into */
TEST_F(zc_rx, dead_reader)
{
	struct ends *e = &self->e;
	struct tpacket_stats_v4 want = {
		.tp_packets = 480, .tp_drops = 480, .rx_no_frame = 480,
	};
	struct tpacket4_desc d;
	struct counters b;
	unsigned int i;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, -1));
	for (i = 0; i < 16; i++)
		ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
	ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, 0));
	b = count("tp4b");
	for (i = 0; i < 30; i++)
		send_into(_metadata, e, 0, 16, 0, 100);
	EXPECT_TRUE(end_is_empty(&e->to));
	EXPECT_TRUE(counted("tp4b", &b, expected(e, 0, 480)));
	EXPECT_TRUE(stats_are(e->to.t.fd, &want));

	/* It comes to life */
	tp4_rx_give(&e->to.t, e->to.t.first);
	send_into(_metadata, e, 7, 2, 1, 100);
	ASSERT_EQ(100, end_recv(&e->to, e->pkt));
	EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, 7, 100));
	EXPECT_TRUE(end_is_empty(&e->to));
}

/* Too few frames for a large packet: it is dropped whole, a small one is not */
TEST_F(zc_rx, too_few_frames_for_a_packet)
{
	struct tp4_cfg from = { .rx_nr = 4, .tx_nr = 16 };
	struct tp4_cfg to = { .rx_nr = 4, .tx_nr = 4 };
	struct tpacket_stats_v4 want = {
		.tp_packets = 40, .tp_drops = 20, .rx_no_frame = 20,
	};
	struct ends *e = &self->e;
	int i;

	ASSERT_EQ(0, ends_open_cfg(e, &from, &to));
	for (i = 0; i < 20; i++) {
		send_into(_metadata, e, i, 1, 0, MTU);
		EXPECT_TRUE(end_is_empty(&e->to));
		send_into(_metadata, e, 100 + i, 1, 1, 3 * 1500);
		ASSERT_EQ(4500, end_recv(&e->to, e->pkt));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 4500, 100 + i, 4500));
	}
	EXPECT_TRUE(stats_are(e->to.t.fd, &want));
}

/* Frames that are none: told so, and the next ones are used */
TEST_F(zc_rx, invalid_frames)
{
	static const __u64 bad[] = {
		0, 1, 0x7fffffff, 0xffffffff, 0x100000000, 1ULL << 63,
	};
	struct ends *e = &self->e;
	struct tpacket_stats_v4 want = { .tp_packets = 500 };
	struct tpacket4_desc d;
	unsigned int i, k, found = 0, seen = 0;
	__u64 idx[16], next = 0;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	/* All slots to the user */
	ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, -1));
	for (i = 0; i < 16; i++) {
		ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
		idx[i] = d.idx;
	}
	ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, 0));
	/* One good frame, then one to six bad ones, and so on */
	for (i = 0; i < 500; i++) {
		tp4_rx_give(&e->to.t, idx[0]);
		for (k = 0; k < 1 + i % ARRAY_SIZE(bad); k++) {
			tp4_rx_give(&e->to.t, e->to.t.frames + bad[k]);
			next++;
		}
		send_into(_metadata, e, i, 1, 1, 100);
		ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS));
		while (tp4q_num_held(&e->to.t.rxq)) {
			/* Bad ones may wait for the next look */
			if (!tp4_rx_next(&e->to.t, &d))
				break;
			if (d.error) {
				EXPECT_EQ(EBADF, d.error);
				EXPECT_LE(e->to.t.frames, d.idx);
				found++;
				continue;
			}
			ASSERT_GT(e->to.t.frames, d.idx);
			idx[0] = d.idx;
			EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&e->to.t, d.idx) +
					       d.offset, d.len, i, 100));
			seen++;
		}
	}
	EXPECT_EQ(500, seen);
	EXPECT_EQ(next, found + tp4q_num_held(&e->to.t.rxq));
	want.rx_invalid_desc = found;
	EXPECT_TRUE(stats_are(e->to.t.fd, &want));
	EXPECT_TRUE(tp4_guards_ok(&e->to.t));
}

/*
 * The far end changes between zero copy, the stack and copy mode; whoever is
 * there gets all that is sent to it.
 */
TEST_F(zc_rx, far_end_changes)
{
	struct tp4_cfg cfg = { .rx_nr = 64, .tx_nr = 64, .frames = 256 };
	unsigned int round, rounds = tp4_scaled(200, 40);
	struct end plain = { .ifindex = -1 };
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	struct stream s = {
		.from = &e->from, .batch = 16, .least = ETH_HLEN, .most = 1500,
	};
	__u32 total = 0;
	unsigned int i;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	plain.fd = tp4_plain_open(e->net.b, TP4_ETH_P);
	ASSERT_LE(0, plain.fd);
	for (round = 0; round < rounds; round++) {
		total += 16;
		s.to = &e->to;
		ASSERT_EQ(0, stream_send(&s, total, e->pkt));
		ASSERT_EQ(0, stream_recv(&s, e->pkt));
		EXPECT_TRUE(end_is_empty(&plain));

		if (round % 2) {
			/* Copy mode, beside the stack */
			ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, -1));
			for (i = 0; i < 64; i++) {
				ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
				EXPECT_EQ(ECANCELED, d.error);
				tp4_rx_give(&e->to.t, d.idx);
			}
		} else {
			end_close(&e->to);
		}
		total += 16;
		s.to = &plain;
		ASSERT_EQ(0, stream_send(&s, total, e->pkt));
		ASSERT_EQ(0, stream_recv(&s, e->pkt));
		if (round % 2) {
			s.to = &e->to;
			s.received -= 16;
			ASSERT_EQ(0, stream_recv(&s, e->pkt));
			ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, 0));
		} else {
			cfg.share = e->shared ? &e->from.t : NULL;
			cfg.first = e->shared ? 128 : 0;
			/* Its frames, wherever they have gone */
			ASSERT_EQ(0, end_open(&e->to, &cfg));
			if (e->shared) {
				for (i = 0; i < 64; i++)
					e->from.t.free[i] = 64 + i;
				e->from.t.free_nr = 64;
			}
		}
	}
	close(plain.fd);
}

TEST_F(zc_rx, poll)
{
	struct ends *e = &self->e;
	struct poller p;
	int i, fd;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	fd = e->to.t.fd;
	for (i = 0; i < 40; i++) {
		ASSERT_EQ(0, tp4_poll(fd, POLLIN, 0));
		ASSERT_EQ(0, poller_start(&p, fd, POLLIN));
		send_into(_metadata, e, i, 3, 3, 100);
		EXPECT_EQ(POLLIN, poller_join(&p));
		EXPECT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_EQ(POLLIN, tp4_poll(fd, POLLIN, 0));
		EXPECT_EQ(100, end_recv(&e->to, e->pkt));
	}
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
}

/*
 * Who waits is told of what has come, also while the socket goes over to zero copy.
 * That is where the one who waits gets to look, as this thread goes first.
 */
TEST_F(zc_rx, poll_at_the_change)
{
	const struct sched_param urgent = { .sched_priority = 1 }, other = {};
	unsigned int i, rounds = tp4_scaled(50, 5);
	struct ends *e = &self->e;
	struct tp4_cfg cfg = {
		.rx_nr = 16, .tx_nr = 16, .ifindex = e->to.ifindex,
		.mode = &tp4_copy_qdisc,
	};
	struct tp4 *t = &e->to.t;
	struct poller p;
	int fd;

	fd = tp4_plain_open(e->from.ifindex, 0);
	ASSERT_LE(0, fd);
	tp4_pin_cpu(0);
	for (i = 0; i < rounds; i++) {
		ASSERT_EQ(0, tp4_open(t, &cfg));
		ASSERT_EQ(0, tp4_poll(t->fd, POLLIN, 0));
		ASSERT_EQ(0, poller_start(&p, t->fd, POLLIN));
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_FIFO, &urgent));
		tp4_pkt_fill(e->pkt, 100, i);
		ASSERT_EQ(0, tp4_plain_send(fd, e->pkt, 100));
		ASSERT_EQ(0, tp4_set_queue(t->fd, 0));
		ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &other));
		EXPECT_EQ(POLLIN, poller_join(&p));
		ASSERT_EQ(100, tp4_recv(t, e->pkt, ENDS_MAX_PKT));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, i, 100));
		tp4_close(t);
	}
	close(fd);
}

/* Who keeps the frames says what has been seen */
TEST_F(zc_rx, poll_with_frames_kept)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	int i;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	for (i = 0; i < 10; i++) {
		send_into(_metadata, e, i, 1, 1, 100);
		ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
		EXPECT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN, 0));
		e->to.t.rx[i].flags |= TP4_DESC_SEEN;
		EXPECT_EQ(0, tp4_poll(e->to.t.fd, POLLIN, 0));
	}
}

TEST_F(zc_rx, epoll)
{
	struct epoll_event edge = { .events = EPOLLIN | EPOLLET };
	struct epoll_event level = { .events = EPOLLIN };
	struct ends *e = &self->e;
	struct epoll_event ev;
	int i, et, lt;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	et = epoll_create1(EPOLL_CLOEXEC);
	lt = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, et);
	ASSERT_LE(0, lt);
	ASSERT_EQ(0, epoll_ctl(et, EPOLL_CTL_ADD, e->to.t.fd, &edge));
	ASSERT_EQ(0, epoll_ctl(lt, EPOLL_CTL_ADD, e->to.t.fd, &level));
	for (i = 0; i < 40; i++) {
		EXPECT_EQ(0, epoll_wait(et, &ev, 1, 0));
		EXPECT_EQ(0, epoll_wait(lt, &ev, 1, 0));
		send_into(_metadata, e, i, 1, 1, 100);
		ASSERT_EQ(1, epoll_wait(et, &ev, 1, TP4_WAIT_MS));
		EXPECT_EQ(EPOLLIN, ev.events);
		EXPECT_EQ(0, epoll_wait(et, &ev, 1, 0));
		EXPECT_EQ(1, epoll_wait(lt, &ev, 1, 0));
		EXPECT_EQ(1, epoll_wait(lt, &ev, 1, 0));
		/* More of it is news for the edge */
		send_into(_metadata, e, i, 1, 1, 100);
		ASSERT_EQ(1, epoll_wait(et, &ev, 1, TP4_WAIT_MS));
		EXPECT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_EQ(1, epoll_wait(lt, &ev, 1, 0));
		EXPECT_EQ(100, end_recv(&e->to, e->pkt));
	}
	close(et);
	close(lt);
}

TEST_HARNESS_MAIN

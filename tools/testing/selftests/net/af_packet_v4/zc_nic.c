// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 in zero copy on network cards: two ports with a cable between
 * them, TP4_NIC_A and TP4_NIC_B in the environment. Each packet arrives once, in
 * order and whole; whatever is done to the device meanwhile, no frame is lost,
 * and afterwards packets flow again, or the socket is told.
 *
 * The ports are in the namespace of whoever calls this, and should have no
 * addresses. For what only a model of a card can do, such as faults, TP4_XL710CTL
 * is the program that tells it to.
 */

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <linux/ethtool.h>

#include "../../kselftest_harness.h"
#include "tp4_nic.h"
#include "tp4_xdp.h"

#define RING		512
#define BATCH		128	/* well below what the card has frames for */
#define HEADROOM	256	/* XDP_PACKET_HEADROOM */
#define LEAST		60	/* shorter ones are padded on the wire */
#define JUMBO		8900
#define VLAN		4
#define SOON_MS		200

#define BIT(n)		(1U << (n))

#define PACKETS		10000000
#define PACKETS_LEAST	4000

static int nics_up(struct ends *e, bool zc_from, bool zc_to, unsigned int mtu)
{
	memset(e, 0, sizeof(*e));
	e->from.dev = nic_a();
	e->from.zc = zc_from;
	e->from.fd = -1;
	e->from.t.fd = -1;
	e->from.t.mr_fd = -1;
	e->to = e->from;
	e->to.dev = nic_b();
	e->to.zc = zc_to;
	e->pkt = malloc(ENDS_MAX_PKT);
	if (!e->pkt)
		return -ENOMEM;
	return nic_up(&e->from, mtu) ?: nic_up(&e->to, mtu);
}

static void nics_free(struct ends *e)
{
	if (e->from.ifindex)
		tp4_link_xdp(e->from.ifindex, -1, XDP_FLAGS_DRV_MODE);
	if (e->to.ifindex)
		tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE);
	ends_free(e);
}

/* Whoever comes first, or leaves last, resets a card, and so the link of both */
static int nics_ready(struct ends *e)
{
	return nic_wait_carrier(e->from.dev) ?: nic_wait_carrier(e->to.dev);
}

static int nics_open(struct ends *e, unsigned int nr, unsigned int frame_size)
{
	return ends_open(e, nr, frame_size) ?: nics_ready(e);
}

static int nic_open(struct ends *e, struct end *x, const struct tp4_cfg *cfg)
{
	return end_open(x, cfg) ?: nics_ready(e);
}

/* As ends_one_way(), with what a card counts */
static int one_way(struct ends *e, __u32 total, unsigned int batch,
		   size_t least, size_t most, size_t chunk)
{
	struct stream s = {
		.from = &e->from, .to = &e->to, .batch = batch,
		.least = least, .most = most, .chunk = chunk,
	};
	int ret = nics_ready(e);

	/* The stack sends on the queue of the CPU that it is on, and what is on one
	 * queue may overtake what is on another.
	 */
	if (!e->from.zc)
		tp4_pin_cpu(0);
	while (!ret && s.received < total) {
		ret = stream_send(&s, total, e->pkt);
		if (!ret)
			ret = stream_recv(&s, e->pkt);
	}
	if (ret)
		fprintf(stderr, "# %u packets sent, %u received: %s\n", s.sent,
			s.received, strerror(-ret));
	return ret;
}

static int both_ways(struct ends *e, __u32 total)
{
	struct ends back;
	int ret;

	ret = one_way(e, total, BATCH, LEAST, ETH_FRAME_LEN, 0);
	if (ret)
		return ret;
	back = (struct ends) {
		.from = e->to, .to = e->from, .pkt = e->pkt,
	};
	ret = one_way(&back, total, BATCH, LEAST, ETH_FRAME_LEN, 0);
	e->to = back.from;
	e->from = back.to;
	return ret;
}

/* PACKET_STATISTICS, with nothing dropped for whatever reason */
static int end_clean(struct end *x, __u32 received)
{
	if (end_stats_ok(x, received))
		return 0;
	return -EPROTO;
}

FIXTURE(zc_nic) {
	struct ends e;
};

FIXTURE_VARIANT(zc_nic) {
	bool zc_from;
	bool zc_to;
};

FIXTURE_VARIANT_ADD(zc_nic, zc_to_zc) {
	.zc_from = true,
	.zc_to = true,
};

FIXTURE_VARIANT_ADD(zc_nic, zc_to_stack) {
	.zc_from = true,
};

FIXTURE_VARIANT_ADD(zc_nic, stack_to_zc) {
	.zc_to = true,
};

FIXTURE_SETUP(zc_nic)
{
	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, variant->zc_from, variant->zc_to,
			     ETH_DATA_LEN));
}

FIXTURE_TEARDOWN(zc_nic)
{
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_nic, every_length)
{
	__u32 total = tp4_scaled(PACKETS / 10, PACKETS_LEAST);
	struct ends *e = &self->e;

	ASSERT_EQ(0, nics_open(e, RING, 0));
	ASSERT_EQ(0, one_way(e, total, BATCH, LEAST, ETH_FRAME_LEN, 0));
	EXPECT_EQ(0, end_clean(&e->from, 0));
	EXPECT_EQ(0, end_clean(&e->to, total));
}

TEST_F_TIMEOUT(zc_nic, counted_64, 7200)
{
	__u32 total = tp4_scaled(PACKETS, PACKETS_LEAST);
	struct ends *e = &self->e;

	ASSERT_EQ(0, nics_open(e, RING, 0));
	ASSERT_EQ(0, one_way(e, total, BATCH, 64, 64, 0));
	EXPECT_EQ(0, end_clean(&e->from, 0));
	EXPECT_EQ(0, end_clean(&e->to, total));
}

TEST_F_TIMEOUT(zc_nic, counted_1500, 7200)
{
	__u32 total = tp4_scaled(PACKETS, PACKETS_LEAST);
	struct ends *e = &self->e;

	ASSERT_EQ(0, nics_open(e, RING, 0));
	ASSERT_EQ(0, one_way(e, total, BATCH, 1500, 1500, 0));
	EXPECT_EQ(0, end_clean(&e->from, 0));
	EXPECT_EQ(0, end_clean(&e->to, total));
}

/* The smallest rings there are, and those that the card's are a multiple of */
TEST_F(zc_nic, small_rings)
{
	__u32 total = tp4_scaled(10000, 400);
	struct ends *e = &self->e;
	int prog = tp4_prog_const(XDP_PASS);
	unsigned int nr;

	/* So that only the queue pair is restarted, each time */
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->from.ifindex, prog, XDP_FLAGS_DRV_MODE));
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	close(prog);
	for (nr = 1; nr <= 64; nr *= 4) {
		ASSERT_EQ(0, nics_open(e, nr, 0));
		ASSERT_EQ(0, one_way(e, total, nr, LEAST, ETH_FRAME_LEN, 0));
		ends_close(e);
	}
}

/* Up to five frames to receive, up to eight to send */
TEST_F(zc_nic, jumbo)
{
	static const unsigned int chunks[] = { 0, 1200, 100 };
	__u32 total = tp4_scaled(100000, 2000);
	struct ends *e = &self->e;
	unsigned int most;
	size_t i;

	nics_free(e);
	ASSERT_EQ(0, nics_up(e, variant->zc_from, variant->zc_to, JUMBO));
	ASSERT_EQ(0, nics_open(e, RING, 0));
	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		if (chunks[i] && !e->from.zc)
			break;
		most = JUMBO + ETH_HLEN;
		if (chunks[i] && most > 8 * chunks[i])
			most = 8 * chunks[i];
		ASSERT_EQ(0, one_way(e, total, 16, LEAST, most, chunks[i]));
		EXPECT_EQ(0, end_clean(&e->to, total));
	}
	ends_close(e);

	/* One frame each, but for those that do not fit behind the headroom */
	ASSERT_EQ(0, nics_open(e, RING, TP4_PAGE));
	ASSERT_EQ(0, one_way(e, total, 32, LEAST, JUMBO + ETH_HLEN, 0));
	EXPECT_EQ(0, end_clean(&e->to, total));
}

/* A card knows of headroom in steps only: what it writes stays in its frame */
TEST_F(zc_nic, headroom)
{
	static const unsigned int headrooms[] = { 0, 300, 529 };
	unsigned int i, k, len, want, offset;
	struct ends *e = &self->e;
	struct tp4_cfg cfg = { .rx_nr = 64, .tx_nr = 64 };
	struct tpacket4_desc d;
	__u8 *frame;

	if (!e->to.zc)
		return;
	for (i = 0; i < ARRAY_SIZE(headrooms); i++) {
		cfg.headroom = headrooms[i];
		want = headrooms[i] > HEADROOM ? headrooms[i] : HEADROOM;
		ASSERT_EQ(0, ends_open_cfg(e, &cfg, &cfg));
		ASSERT_EQ(0, nics_ready(e));
		for (len = 1405; len <= ETH_FRAME_LEN; len += 3) {
			tp4_pkt_fill(e->pkt, len, len);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
			ASSERT_EQ(0, end_kick(&e->from, len));
			offset = 0;
			do {
				while (!tp4_rx_next(&e->to.t, &d)) {
					ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd,
								   POLLIN,
								   TP4_WAIT_MS));
				}
				ASSERT_EQ(0, d.error);
				ASSERT_EQ(want, d.offset);
				ASSERT_LE(d.offset + d.len, 2048);
				ASSERT_EQ(0, memcmp(tp4_frame(&e->to.t, d.idx) +
						    d.offset, e->pkt + offset,
						    d.len));
				frame = tp4_frame(&e->to.t, d.idx);
				for (k = 0; k < 2048; k++) {
					if (k == d.offset)
						k += d.len;
					ASSERT_EQ(0xa5, frame[k])
						TH_LOG("byte %u", k);
				}
				memset(tp4_frame(&e->to.t, d.idx), 0xa5, 2048);
				tp4_rx_give(&e->to.t, d.idx);
				offset += d.len;
			} while (d.flags & TP4_PKT_CONT);
			ASSERT_EQ(len, offset);
		}
		EXPECT_TRUE(tp4_guards_ok(&e->to.t));
		ends_close(e);
	}
}

/* Both ports in zero copy */
FIXTURE(zc_nics) {
	struct ends e;
};

FIXTURE_SETUP(zc_nics)
{
	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, true, true, ETH_DATA_LEN));
	ASSERT_EQ(0, nics_open(&self->e, RING, 0));
}

FIXTURE_TEARDOWN(zc_nics)
{
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* There and back again, in the same frame */
static int forward(struct ends *e, __u32 total, size_t len)
{
	struct stream s = {
		.from = &e->from, .to = &e->from, .batch = BATCH,
		.least = len, .most = len,
	};
	struct tp4 *t = &e->to.t;
	struct tpacket4_desc d;
	int ret = 0;

	while (!ret && s.received < total) {
		__u32 k, n;

		ret = stream_send(&s, total, e->pkt);
		if (ret)
			break;
		n = s.sent - s.received;
		for (k = 0; k < n; k++) {
			unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;

			while (!tp4_rx_next(t, &d)) {
				if (tp4_now_ms() > end)
					return -ETIMEDOUT;
				tp4_poll(t->fd, POLLIN, SOON_MS);
			}
			if (d.error || d.flags & TP4_PKT_CONT)
				return -EBADMSG;
			tp4_tx_give(t, d.idx, d.len, d.offset, 0);
		}
		ret = tp4_kick(t, 0);
		if (ret < 0)
			break;
		while (tp4_tx_next(t, &d)) {
			if (d.error)
				return -d.error;
			tp4_rx_give(t, d.idx);
			n--;
		}
		if (n)
			return -EINPROGRESS;
		ret = stream_recv(&s, e->pkt);
	}
	if (ret < 0)
		fprintf(stderr, "# %u packets sent, %u received: %s\n", s.sent,
			s.received, strerror(-ret));
	return ret;
}

TEST_F_TIMEOUT(zc_nics, l2fwd_64, 7200)
{
	ASSERT_EQ(0, forward(&self->e, tp4_scaled(PACKETS, PACKETS_LEAST), 64));
}

TEST_F_TIMEOUT(zc_nics, l2fwd_1500, 7200)
{
	ASSERT_EQ(0, forward(&self->e, tp4_scaled(PACKETS, PACKETS_LEAST),
			     1500));
}

/* With EPOLLET, there is an event only if the socket has woken who waits for it. */
TEST_F(zc_nics, readers_are_woken)
{
	struct epoll_event ev = { .events = EPOLLIN | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct ends *e = &self->e;
	__u32 seq;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, e->to.t.fd, &ev));
	ASSERT_EQ(0, epoll_wait(epoll, &ev, 1, 0));
	for (seq = 0; seq < 10; seq++) {
		tp4_pkt_fill(e->pkt, 100, seq);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, 100, 0));
		ASSERT_EQ(0, end_kick(&e->from, 100));
		ASSERT_EQ(1, epoll_wait(epoll, &ev, 1, TP4_WAIT_MS));
		EXPECT_EQ(EPOLLIN, ev.events);
		ASSERT_EQ(100, tp4_recv_wait(&e->to.t, e->pkt, ENDS_MAX_PKT));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, seq, 100));
	}
	close(epoll);
}

/* Likewise, who waits for room to send */
TEST_F(zc_nics, writers_are_woken)
{
	struct epoll_event ev = { .events = EPOLLOUT | EPOLLET };
	int epoll = epoll_create1(EPOLL_CLOEXEC);
	struct ends *e = &self->e;
	__u32 seq;

	ASSERT_LE(0, epoll);
	ASSERT_EQ(0, epoll_ctl(epoll, EPOLL_CTL_ADD, e->from.t.fd, &ev));
	/* There is room from the beginning */
	ASSERT_EQ(1, epoll_wait(epoll, &ev, 1, 0));
	ASSERT_EQ(0, epoll_wait(epoll, &ev, 1, 0));
	for (seq = 0; seq < 10; seq++) {
		tp4_pkt_fill(e->pkt, 100, seq);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, 100, 0));
		ASSERT_LE(0, tp4_kick(&e->from.t, MSG_DONTWAIT));
		ASSERT_EQ(1, epoll_wait(epoll, &ev, 1, TP4_WAIT_MS));
		EXPECT_EQ(EPOLLOUT, ev.events);
		ASSERT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, seq, 100));
		ASSERT_EQ(0, tp4_complete(&e->from.t));
		EXPECT_EQ(0, tp4q_num_held(&e->from.t.txq));
	}
	close(epoll);
}

/* send() does not wait for a packet whose end is missing: what it has is the card's */
TEST_F(zc_nics, unfinished_packet)
{
	struct ends *e = &self->e;
	unsigned int i;

	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, ends_unfinished(e, i));
}

/* What the card cannot send comes back with the reason; what is around it is sent */
TEST_F(zc_nics, tx_errors)
{
	static const struct {
		unsigned int frames;
		unsigned int len;	/* of each */
		int error;
	} cases[] = {
		{ 1, 16, EINVAL },
		{ 1, 17, 0 },
		{ 1, ETH_FRAME_LEN + VLAN, 0 },
		{ 1, ETH_FRAME_LEN + VLAN + 1, EMSGSIZE },
		{ 8, 20, 0 },
		{ 9, 20, EMSGSIZE },
		{ 2, 8, EINVAL },
		{ 2, 800, EMSGSIZE },
	};
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	unsigned int k, round;
	__u32 seq = 0;
	size_t i;
	int ret;

	for (round = 0; round < 3; round++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			tp4_pkt_fill(e->pkt, 100, ++seq);
			ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 100, 0));
			tp4_pkt_fill(e->pkt, cases[i].frames * cases[i].len,
				     ++seq);
			ASSERT_EQ((int)cases[i].frames,
				  tp4_queue(&e->from.t, e->pkt,
					    cases[i].frames * cases[i].len,
					    cases[i].len));
		}
		tp4_pkt_fill(e->pkt, 100, ++seq);
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 100, 0));
		ASSERT_LE(0, tp4_kick(&e->from.t, 0));
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			EXPECT_EQ(0, d.error);
			e->from.t.free[e->from.t.free_nr++] = d.idx;
			for (k = 0; k < cases[i].frames; k++) {
				ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
				EXPECT_EQ(cases[i].error, d.error)
					TH_LOG("case %zu, frame %u", i, k);
				e->from.t.free[e->from.t.free_nr++] = d.idx;
			}
		}
		ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
		EXPECT_EQ(0, d.error);
		e->from.t.free[e->from.t.free_nr++] = d.idx;
		EXPECT_FALSE(tp4_tx_next(&e->from.t, &d));

		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			ASSERT_EQ(100, end_recv(&e->to, e->pkt));
			if (cases[i].error)
				continue;
			ret = end_recv(&e->to, e->pkt);
			k = cases[i].frames * cases[i].len;
			ASSERT_EQ((int)(k < LEAST ? LEAST : k), ret);
		}
		ASSERT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, seq, 100));
		EXPECT_TRUE(end_is_empty(&e->to));
	}
}

/* On the wire and in the frame it is where the sender has put it */
TEST_F(zc_nics, vlan)
{
	static const __u8 tag[VLAN] = { 0x81, 0x00, 0x60, 0x2a };
	struct ends *e = &self->e;
	__u8 got[ETH_FRAME_LEN + VLAN];
	unsigned int len;

	EXPECT_EQ(0, tp4_ethtool_get(e->to.dev, ETHTOOL_GFLAGS) &
		     ETH_FLAG_RXVLAN);
	for (len = LEAST; len <= ETH_FRAME_LEN + VLAN; len += 7) {
		tp4_pkt_fill(e->pkt, len, len);
		memcpy(e->pkt + 2 * ETH_ALEN, tag, VLAN);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
		ASSERT_EQ(0, end_kick(&e->from, len));
		ASSERT_EQ((int)len, end_recv(&e->to, got));
		ASSERT_EQ(0, memcmp(got, e->pkt, len));
	}
	ends_close(e);
	EXPECT_NE(0, tp4_ethtool_get(e->to.dev, ETHTOOL_GFLAGS) &
		     ETH_FLAG_RXVLAN);
}

/* An MTU with which packets would not fit is refused, whoever comes first */
TEST_F(zc_nics, mtu)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	int prog, fd;

	fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, fd);
	/* Five times 2048 - 256 bytes */
	EXPECT_EQ(-EINVAL, tp4_link_mtu(e->to.ifindex, 5 * 1792 - 17));
	ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, 5 * 1792 - 18));
	ASSERT_EQ(0, both_ways(e, 1000));

	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	EXPECT_EQ(-EINVAL, tp4_link_xdp(e->to.ifindex, prog,
					XDP_FLAGS_DRV_MODE));
	ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, 1792 - 18));
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	EXPECT_EQ(-EINVAL, tp4_link_mtu(e->to.ifindex, 1792 - 17));
	ASSERT_EQ(0, both_ways(e, 1000));
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE));

	end_close(&e->to);
	ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, 9000));
	EXPECT_EQ(-EINVAL, end_open(&e->to, &cfg));
	end_close(&e->to);
	cfg.frame_size = TP4_PAGE;
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, both_ways(e, 1000));
	end_close(&e->to);
	ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, ETH_DATA_LEN));
	close(fd);
}

/*
 * Until a packet gets through. What was under way before it is of no interest.
 * The receiver makes no system call unless it is to poll. When the admin queue is gone,
 * the driver looks for the answer to a command 5000 times, as slow as a look may be.
 */
static int settle(struct end *from, struct end *to, __u8 *pkt, bool poll)
{
	unsigned long long end = tp4_now_ms() + 2 * TP4_WAIT_MS;
	unsigned long long soon;
	static __u32 seq = 1U << 30;
	struct tpacket4_desc d;

	while (tp4_now_ms() < end) {
		tp4_complete(&from->t);
		if (from->t.free_nr) {
			tp4_pkt_fill(pkt, 100, ++seq);
			tp4_queue(&from->t, pkt, 100, 0);
		}
		tp4_kick(&from->t, MSG_DONTWAIT);
		soon = tp4_now_ms() + SOON_MS;
		do {
			while (tp4_rx_next(&to->t, &d)) {
				bool it = !d.error && d.len == 100 &&
					  !(d.flags & TP4_PKT_CONT) &&
					  tp4_pkt_seq(tp4_frame(&to->t, d.idx) +
						      d.offset) == seq;

				tp4_rx_give(&to->t, d.idx);
				if (it)
					goto found;
			}
			if (poll)
				tp4_poll(to->t.fd, POLLIN, 10);
		} while (tp4_now_ms() < soon);
	}
	fprintf(stderr, "# nothing gets through any more: %u slots to send, %u to receive\n",
		tp4q_num_held(&from->t.txq), tp4q_num_held(&to->t.rxq));
	if (have_model())
		run("for i in $TP4_NIC_A $TP4_NIC_B; do $TP4_XL710CTL -i $i queues; done >&2");
	return -ETIMEDOUT;

found:
	end = tp4_now_ms() + TP4_WAIT_MS;
	while (tp4q_num_held(&from->t.txq)) {
		tp4_complete(&from->t);
		if (tp4_now_ms() > end)
			return -EINPROGRESS;
		tp4_poll(from->t.fd, POLLOUT, 10);
	}
	return 0;
}

/* ---- one packet buffer, two ports ---------------------------------------- */

/* How the one who has brought the buffer goes */
enum {
	REGISTRATION_FIRST,
	SOCKET_FIRST,
	BOTH_IN_ONE,
	WAYS_TO_GO
};

/*
 * CVE-2022-49972 (AF_XDP): the other one's mapping for DMA must not go with it, nor
 * the pages. It has frames with the card when it goes, and one of them may be being
 * written. None is afterwards.
 */
TEST_F(zc_nics, buffer_outlives_owner)
{
	__u32 total = tp4_scaled(10000, 500);
	struct ends *e = &self->e;
	struct end *owner, *user;
	unsigned int round, how;
	struct tp4 gone;
	size_t i, own;

	for (round = 0; round < 2 * WAYS_TO_GO; round++) {
		struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };

		ends_close(e);
		how = round / 2;
		owner = round % 2 ? &e->to : &e->from;
		user = round % 2 ? &e->from : &e->to;
		cfg.frames = 4 * RING;
		cfg.same_fd = how == BOTH_IN_ONE;
		ASSERT_EQ(0, end_open(owner, &cfg));
		cfg.share = &owner->t;
		cfg.first = 2 * RING;
		ASSERT_EQ(0, nic_open(e, user, &cfg));
		ASSERT_EQ(0, both_ways(e, total));

		gone = owner->t;
		if (how == REGISTRATION_FIRST) {
			ASSERT_EQ(0, close(gone.mr_fd));
			ASSERT_EQ(0, both_ways(e, total));
		}
		for (i = 0; i < BATCH; i++) {
			tp4_pkt_fill(e->pkt, 1000, i);
			ASSERT_EQ(0, end_queue(user, e->pkt, 1000, 0));
		}
		ASSERT_LE(0, tp4_kick(&user->t, MSG_DONTWAIT));
		ASSERT_EQ(0, munmap(gone.map, gone.map_len));
		ASSERT_EQ(0, close(gone.fd));
		owner->t.fd = -1;
		own = 2 * RING * gone.frame_size;
		memset(gone.buf, 0x5a, own);

		/* To somebody else, with a buffer of his own */
		cfg = (struct tp4_cfg) { .rx_nr = RING, .tx_nr = RING };
		ASSERT_EQ(0, nic_open(e, owner, &cfg));
		ASSERT_EQ(0, settle(user, owner, e->pkt, true));
		ASSERT_EQ(0, both_ways(e, total));
		if (how == SOCKET_FIRST) {
			ASSERT_EQ(0, close(gone.mr_fd));
			ASSERT_EQ(0, both_ways(e, total));
		}
		for (i = 0; i < own; i++) {
			ASSERT_EQ(0x5a, gone.buf[i])
				TH_LOG("byte %zu", i);
		}
		EXPECT_TRUE(tp4_guards_ok(&gone));
		EXPECT_EQ(0, frames_are_back(&user->t));
		ends_close(e);
		munmap(gone.area, gone.area_len);
		free(gone.free);
	}
}

/* ---- running dry --------------------------------------------------------- */

/* All frames are with the program; what is sent meanwhile is lost */
static int run_dry(struct ends *e, struct tpacket4_desc *held)
{
	unsigned int n = 0, k;
	int ret;

	for (k = 0; k < 2 * RING / 64; k++) {
		unsigned int i;

		for (i = 0; i < 64; i++) {
			tp4_pkt_fill(e->pkt, 100, k * 64 + i);
			if (tp4_queue(&e->from.t, e->pkt, 100, 0) != 1)
				return -EAGAIN;
		}
		ret = end_kick(&e->from, 6400);
		if (ret)
			return ret;
	}
	/* It may take the rest when it has them */
	while (n < RING) {
		if (tp4_rx_next(&e->to.t, &held[n]))
			n++;
		else if (!(tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS) & POLLIN))
			return -ETIMEDOUT;
	}
	return 0;
}

FIXTURE(zc_dry) {
	struct ends e;
	struct tpacket4_desc held[RING];
};

/* How the card hears of new frames */
FIXTURE_VARIANT(zc_dry) {
	bool poll;
};

FIXTURE_VARIANT_ADD(zc_dry, poll) {
	.poll = true,
};

FIXTURE_VARIANT_ADD(zc_dry, no_call) {
};

FIXTURE_SETUP(zc_dry)
{
	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, true, true, ETH_DATA_LEN));
	ASSERT_EQ(0, nics_open(&self->e, RING, 0));
}

FIXTURE_TEARDOWN(zc_dry)
{
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_dry, goes_on)
{
	struct tpacket4_status *status;
	struct ends *e = &self->e;
	unsigned long long end;
	unsigned int round, i;

	status = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, e->to.t.fd,
		      TP4_PGOFF_STATUS);
	ASSERT_NE(MAP_FAILED, status);
	for (round = 0; round < 3; round++) {
		/* The wire must not wait until there are frames again */
		ASSERT_EQ(0, model("pause off"));
		ASSERT_EQ(0, run_dry(e, self->held));
		ASSERT_EQ(0, model("pause on"));
		end = tp4_now_ms() + TP4_WAIT_MS;
		/* Not just the last of them that it has asked for */
		while (!(__atomic_load_n(&status->rx_flags, __ATOMIC_RELAXED) &
			 TP4_STATUS_RX_KICK)) {
			ASSERT_GT(end, tp4_now_ms());
		}
		for (i = 0; i < RING; i++)
			tp4_rx_give(&e->to.t, self->held[i].idx);
		ASSERT_EQ(0, settle(&e->from, &e->to, e->pkt, variant->poll));
		ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
	}
	munmap(status, TP4_PAGE);
}

/* ---- what is done to the device meanwhile --------------------------------- */

static int do_ring_sizes(struct ends *e)
{
	return ring_sizes(e->to.dev, 1024, 1024) ?:
	       ring_sizes(e->to.dev, 64, 64) ?:
	       ring_sizes(e->to.dev, 96, 4096) ?:
	       ring_sizes(e->to.dev, 512, 512);
}

static int do_mtu(struct ends *e)
{
	return tp4_link_mtu(e->to.ifindex, 4000) ?:
	       tp4_link_mtu(e->to.ifindex, 1280) ?:
	       tp4_link_mtu(e->to.ifindex, ETH_DATA_LEN);
}

static int do_features(struct ends *e)
{
	return run("ethtool -K %s rxvlan on ntuple off gro off rxhash off >/dev/null",
		   e->to.dev) ?:
	       run("ethtool -K %s ntuple on gro on rxhash on", e->to.dev);
}

/* The first bind() of a program finds the rings there, the last leaves them */
static int do_xdp(struct ends *e)
{
	int prog = tp4_prog_const(XDP_PASS);
	int ret;

	if (prog < 0)
		return prog;
	ret = tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE) ?:
	      tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE);
	close(prog);
	return ret;
}

static int do_pf_reset(struct ends *e)
{
	return nic_pf_reset(e->to.dev);
}

/* Closes the device for some time. What it finds out about the model does not count */
static int do_self_test(struct ends *e)
{
	run("ethtool -t %s offline >/dev/null 2>&1", e->to.dev);
	return nic_wait_carrier(e->to.dev);
}

static int do_link_flap(struct ends *e)
{
	return model("link down") ?: model("link up") ?:
	       nic_wait_carrier(e->to.dev);
}

static int do_core_reset(struct ends *e)
{
	return model("reset core");
}

static int do_mdd(struct ends *e)
{
	return model("mdd rx 0");
}

/* The XDP TX ring of queue pair 0: they come behind those of the stack */
static int xdp_ring(struct ends *e)
{
	return nic_queues(e->to.dev, true);
}

static int do_hang(struct ends *e)
{
	struct tp4 *t = &e->to.t;

	if (model("hang %d", xdp_ring(e)))
		return -EIO;
	tp4_pkt_fill(e->pkt, 100, 0);
	if (tp4_queue(t, e->pkt, 100, 0) != 1)
		return -EAGAIN;
	/* Who waits in send() is not forgotten, nor is what was sent before */
	return end_kick(&e->to, BATCH * 500 + 100);
}

static int do_aq_error(struct ends *e)
{
	return model("fault aq-error 1") ?: tp4_link_mtu(e->to.ifindex, 1400) ?:
	       tp4_link_mtu(e->to.ifindex, ETH_DATA_LEN);
}

FIXTURE(zc_event) {
	struct ends e;
};

FIXTURE_VARIANT(zc_event) {
	int (*event)(struct ends *e);
	bool model;
};

FIXTURE_VARIANT_ADD(zc_event, ring_sizes) {
	.event = do_ring_sizes,
};

FIXTURE_VARIANT_ADD(zc_event, mtu) {
	.event = do_mtu,
};

FIXTURE_VARIANT_ADD(zc_event, features) {
	.event = do_features,
};

FIXTURE_VARIANT_ADD(zc_event, xdp) {
	.event = do_xdp,
};

FIXTURE_VARIANT_ADD(zc_event, pf_reset) {
	.event = do_pf_reset,
};

FIXTURE_VARIANT_ADD(zc_event, self_test) {
	.event = do_self_test,
};

FIXTURE_VARIANT_ADD(zc_event, link_flap) {
	.event = do_link_flap,
	.model = true,
};

FIXTURE_VARIANT_ADD(zc_event, core_reset) {
	.event = do_core_reset,
	.model = true,
};

FIXTURE_VARIANT_ADD(zc_event, mdd) {
	.event = do_mdd,
	.model = true,
};

FIXTURE_VARIANT_ADD(zc_event, tx_hang) {
	.event = do_hang,
	.model = true,
};

FIXTURE_VARIANT_ADD(zc_event, admin_queue_error) {
	.event = do_aq_error,
	.model = true,
};

FIXTURE_SETUP(zc_event)
{
	if (variant->model ? !have_model() : !have_nics())
		SKIP(return, "there are no ports, or no model of them");
	ASSERT_EQ(0, nics_up(&self->e, true, true, ETH_DATA_LEN));
	ASSERT_EQ(0, nics_open(&self->e, RING, 0));
}

FIXTURE_TEARDOWN(zc_event)
{
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_event, survived)
{
	unsigned int round, i;
	struct ends *e = &self->e;

	for (round = 0; round < 2; round++) {
		/* Under way when it happens */
		for (i = 0; i < BATCH; i++) {
			tp4_pkt_fill(e->pkt, 500, i);
			ASSERT_LT(0, tp4_queue(&e->from.t, e->pkt, 500, 0));
			ASSERT_LT(0, tp4_queue(&e->to.t, e->pkt, 500, 0));
		}
		ASSERT_LE(0, tp4_kick(&e->from.t, MSG_DONTWAIT));
		ASSERT_LE(0, tp4_kick(&e->to.t, MSG_DONTWAIT));
		ASSERT_EQ(0, variant->event(e));
		ASSERT_EQ(0, settle(&e->from, &e->to, e->pkt, true));
		ASSERT_EQ(0, settle(&e->to, &e->from, e->pkt, true));
		ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
		EXPECT_EQ(0, tp4_get_queue(e->to.t.fd));
	}
	EXPECT_TRUE(tp4_guards_ok(&e->to.t));
	EXPECT_EQ(0, frames_are_back(&e->to.t));
	EXPECT_EQ(0, frames_are_back(&e->from.t));
}

/* What the card says of packets is not to be believed */
FIXTURE(zc_fault) {
	struct ends e;
};

FIXTURE_VARIANT(zc_fault) {
	const char *fault;
	unsigned int packets;	/* of 16 */
	unsigned int errors;	/* among them */
};

FIXTURE_VARIANT_ADD(zc_fault, rx_bad_length) {
	.fault = "rx-bad-length",
	.packets = 16,
	.errors = 1,
};

FIXTURE_VARIANT_ADD(zc_fault, rx_truncated) {
	/* It goes on with the next one */
	.fault = "rx-truncated",
	.packets = 15,
};

FIXTURE_VARIANT_ADD(zc_fault, rx_error) {
	.fault = "rx-error",
	.packets = 16,
	.errors = 1,
};

FIXTURE_VARIANT_ADD(zc_fault, rx_reorder) {
	.fault = "rx-reorder",
	.packets = 16,
};

FIXTURE_SETUP(zc_fault)
{
	if (!have_model())
		SKIP(return, "there is no model of a card");
	ASSERT_EQ(0, nics_up(&self->e, true, true, ETH_DATA_LEN));
	ASSERT_EQ(0, nics_open(&self->e, RING, 0));
}

FIXTURE_TEARDOWN(zc_fault)
{
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_fault, is_seen)
{
	unsigned int round, i, errors = 0, came = 0;
	struct ends *e = &self->e;
	struct tpacket4_desc d;

	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, model("fault %s 1", variant->fault));
		for (i = 0; i < 16; i++) {
			tp4_pkt_fill(e->pkt, 500, i);
			ASSERT_LT(0, tp4_queue(&e->from.t, e->pkt, 500, 0));
		}
		ASSERT_EQ(0, end_kick(&e->from, 16 * 500));
		for (i = 0; i < variant->packets;) {
			if (!tp4_rx_next(&e->to.t, &d)) {
				if (!(tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS) &
				      POLLIN))
					break;
				continue;
			}
			ASSERT_LE(d.offset + d.len, 2048);
			errors += d.error == EIO;
			EXPECT_TRUE(!d.error || d.error == EIO);
			tp4_rx_give(&e->to.t, d.idx);
			i += !(d.flags & TP4_PKT_CONT);
		}
		came += i;
	}
	EXPECT_EQ(4 * variant->packets, came);
	EXPECT_EQ(4 * variant->errors, errors);
	ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
	EXPECT_TRUE(tp4_guards_ok(&e->to.t));
	EXPECT_EQ(0, frames_are_back(&e->to.t));
}

/* One too many for a packet: it ends there, and what there is of it is bad */
TEST_F(zc_nics, no_end)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	unsigned int i;

	if (!have_model())
		SKIP(return, "there is no model of a card");
	ASSERT_EQ(0, model("fault rx-truncated 5"));
	for (i = 0; i < 6; i++) {
		tp4_pkt_fill(e->pkt, 500, i);
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 500, 0));
	}
	ASSERT_EQ(0, end_kick(&e->from, 6 * 500));
	for (i = 0; i < 6; i++) {
		while (!tp4_rx_next(&e->to.t, &d))
			ASSERT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN,
						   TP4_WAIT_MS));
		EXPECT_EQ(i == 4 ? EIO : 0, d.error)
			TH_LOG("frame %u", i);
		EXPECT_EQ(i < 4 ? TP4_PKT_CONT : 0, d.flags);
		tp4_rx_give(&e->to.t, d.idx);
	}
	ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
	EXPECT_EQ(0, frames_are_back(&e->to.t));
}

/* What there is of a packet when the device is reset does not become part of another */
TEST_F(zc_nics, reset_within_packet)
{
	struct ends *e = &self->e;
	unsigned int round;

	if (!have_model())
		SKIP(return, "there is no model of a card");
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, model("fault rx-truncated 1"));
		tp4_pkt_fill(e->pkt, 500, 0);
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 500, 0));
		ASSERT_EQ(0, end_kick(&e->from, 500));
		ASSERT_EQ(0, model("wait 60 rx-truncated 0 fault"));
		ASSERT_EQ(0, do_pf_reset(e));
		ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
	}
	EXPECT_EQ(0, frames_are_back(&e->to.t));
}

/* Nor does what there is of one for the stack when the queue changes hands */
TEST_F(zc_nics, begun_for_the_stack)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round, i;
	int plain, prog;

	if (!have_model())
		SKIP(return, "there is no model of a card");
	/* So that only the queue pair is restarted */
	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	close(prog);
	for (round = 0; round < 3; round++) {
		end_close(&e->to);
		ASSERT_EQ(0, nics_ready(e));
		plain = tp4_plain_open(e->to.ifindex, TP4_ETH_P);
		ASSERT_LE(0, plain);
		for (i = 0; i < 103; i++) {
			if (i == 100)
				ASSERT_EQ(0, model("fault rx-truncated 3"));
			tp4_pkt_fill(e->pkt, 300, i);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, 300, 0));
			ASSERT_EQ(0, end_kick(&e->from, 300));
			if (i >= 100)
				continue;
			ASSERT_EQ(300, tp4_plain_recv(plain, e->pkt,
						      ENDS_MAX_PKT));
			ASSERT_TRUE(tp4_pkt_ok(e->pkt, 300, i, 300));
		}
		close(plain);
		ASSERT_EQ(0, model("wait 60 rx-truncated 0 fault"));
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, both_ways(e, 500));
	}
}

/* What was refused stays so, although the rings are made anew with a larger MTU */
TEST_F(zc_nics, refused_for_good)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->to.t;
	struct tpacket4_desc d;
	unsigned int round, i;

	if (!have_model())
		SKIP(return, "there is no model of a card");
	ASSERT_EQ(0, tp4_link_mtu(e->from.ifindex, 4000));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, model("hold on"));
		for (i = 0; i < 9; i++) {
			unsigned int len = i == 4 ? 1600 : 500;

			tp4_pkt_fill(e->pkt, len, i);
			ASSERT_EQ(1, tp4_queue(t, e->pkt, len, 0));
		}
		ASSERT_LE(0, tp4_kick(t, MSG_DONTWAIT));
		ASSERT_EQ(0, model("wait 60 waiting 8 batch"));
		ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, 4000));
		ASSERT_EQ(0, model("hold off"));
		ASSERT_LE(0, tp4_kick(t, 0));
		for (i = 0; i < 9; i++) {
			ASSERT_TRUE(tp4_tx_next(t, &d));
			EXPECT_EQ(i == 4 ? EMSGSIZE : 0, d.error)
				TH_LOG("packet %u", i);
			t->free[t->free_nr++] = d.idx;
		}
		for (i = 0; i < 9; i++) {
			if (i == 4)
				continue;
			ASSERT_EQ(500, end_recv(&e->from, e->pkt));
			EXPECT_TRUE(tp4_pkt_ok(e->pkt, 500, i, 500));
		}
		EXPECT_TRUE(end_is_empty(&e->from));
		ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
		ASSERT_EQ(0, tp4_link_mtu(e->to.ifindex, ETH_DATA_LEN));
	}
	ASSERT_EQ(0, tp4_link_mtu(e->from.ifindex, ETH_DATA_LEN));
	EXPECT_EQ(0, frames_are_back(t));
}

/* A descriptor in which the device speaks of something else takes no packet's place */
TEST_F(zc_nics, status_between_packets)
{
	struct ends *e = &self->e;
	unsigned int round, i;

	if (!have_model())
		SKIP(return, "there is no model of a card");
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, model("fault rx-status %u", 1 << round));
		for (i = 0; i < 100; i++) {
			tp4_pkt_fill(e->pkt, 500, i);
			ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 500, 0));
		}
		ASSERT_EQ(0, end_kick(&e->from, 100 * 500));
		for (i = 0; i < 100; i++) {
			ASSERT_EQ(500, end_recv(&e->to, e->pkt));
			ASSERT_TRUE(tp4_pkt_ok(e->pkt, 500, i, 500));
		}
		EXPECT_TRUE(end_is_empty(&e->to));
		ASSERT_EQ(0, model("wait 60 rx-status 0 fault"));
	}
	/* All of the frames are still in use */
	ASSERT_EQ(0, both_ways(e, tp4_scaled(2000, 2000)));
	EXPECT_EQ(0, frames_are_back(&e->to.t));
}

/* ---- the model makes the packets, and checks those that come back ---------- */

/* How they begin, behind the header (lab/xl710/wire.h) */
struct pattern {
	char magic[4];
	__u16 run;
	__u16 len;
	__u64 seq;
};

#define PATTERN_MAGIC	"XL71"
#define PATTERN_RUN	0xff00	/* none of the generator's */

enum role { ROLE_RX, ROLE_TX, ROLE_FWD };

/* What port B's socket does with them */
struct flow {
	struct end *x;
	enum role role;
	unsigned int size;	/* of those to send */
	__u64 to_send;
	__u64 received;		/* whole, and of the generator */
	__u64 lost;		/* between them */
	__u64 next;
	__u64 sent;		/* given to the ring */
	__u64 done;		/* came back without an error */
	__u64 errors;		/* or with one */
	__u64 bad;		/* neither this nor that */
	unsigned int unkicked;
};

/* Byte i of a payload is i + seq, so these are all of them */
static const __u8 *pattern_of(__u64 seq)
{
	static __u8 bytes[256 + ETH_FRAME_LEN];
	unsigned int i;

	if (!bytes[1])
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = i;
	return bytes + (seq & 0xff);
}

static bool pattern_read(const __u8 *pkt, unsigned int len, __u64 *seq)
{
	struct pattern p;

	if (len < ETH_HLEN + sizeof(p) || len > ETH_FRAME_LEN)
		return false;
	memcpy(&p, pkt + ETH_HLEN, sizeof(p));
	*seq = p.seq;
	return !memcmp(p.magic, PATTERN_MAGIC, sizeof(p.magic)) &&
	       p.len == len - ETH_HLEN &&
	       !memcmp(pkt + ETH_HLEN + sizeof(p),
		       pattern_of(p.seq) + sizeof(p), p.len - sizeof(p));
}

static void pattern_write(__u8 *pkt, unsigned int len, __u64 seq)
{
	static const __u8 head[ETH_HLEN] = {
		0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0, 2, 0x88, 0xb5,
	};
	struct pattern p = {
		.magic = PATTERN_MAGIC, .run = PATTERN_RUN,
		.len = len - ETH_HLEN, .seq = seq,
	};

	memcpy(pkt, head, ETH_HLEN);
	memcpy(pkt + ETH_HLEN, &p, sizeof(p));
	memcpy(pkt + ETH_HLEN + sizeof(p), pattern_of(seq) + sizeof(p),
	       p.len - sizeof(p));
}

static void flow_receive(struct flow *f, const struct tpacket4_desc *d)
{
	__u8 *pkt = tp4_frame(&f->x->t, d->idx) + d->offset;
	__u8 mac[ETH_ALEN];
	__u64 seq;

	if (d->error || d->flags & TP4_PKT_CONT ||
	    !pattern_read(pkt, d->len, &seq) || seq < f->next) {
		f->bad++;
		tp4_rx_give(&f->x->t, d->idx);
		return;
	}
	f->received++;
	tp4_count(TP4_TALLY_PACKETS, 1);
	f->lost += seq - f->next;
	f->next = seq + 1;
	if (f->role == ROLE_RX) {
		tp4_rx_give(&f->x->t, d->idx);
		return;
	}
	memcpy(mac, pkt, ETH_ALEN);
	memcpy(pkt, pkt + ETH_ALEN, ETH_ALEN);
	memcpy(pkt + ETH_ALEN, mac, ETH_ALEN);
	tp4_tx_give(&f->x->t, d->idx, d->len, d->offset, 0);
	f->sent++;
	f->unkicked++;
}

/* What can be done without waiting; how much that was */
static unsigned int flow_step(struct flow *f)
{
	struct tp4 *t = &f->x->t;
	struct tpacket4_desc d;
	unsigned int n = 0;

	while (t->tx_nr && tp4_tx_next(t, &d)) {
		if (d.error)
			f->errors++;
		else
			f->done++;
		if (f->role == ROLE_FWD)
			tp4_rx_give(t, d.idx);
		else
			t->free[t->free_nr++] = d.idx;
		n++;
	}
	while (n < RING && f->role != ROLE_TX && tp4_rx_next(t, &d)) {
		flow_receive(f, &d);
		n++;
	}
	while (f->role == ROLE_TX && t->free_nr && f->sent < f->to_send) {
		unsigned int idx = t->free[--t->free_nr];

		pattern_write(tp4_frame(t, idx) + HEADROOM, f->size, f->sent++);
		tp4_tx_give(t, idx, f->size, HEADROOM, 0);
		f->unkicked++;
		n++;
	}
	return n;
}

/* The queue is gone, or the device behind it */
static bool flow_is_down(struct flow *f)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(f->x->t.fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return false;
	return error == ENETDOWN || tp4_get_queue(f->x->t.fd) < 0;
}

/*
 * Until @done packets have gone through it. It is at the end also when the socket
 * has lost its queue, and when nothing happens for @patience_ms.
 */
static int flow_run(struct flow *f, __u64 done, unsigned int patience_ms)
{
	unsigned long long now = tp4_now_ms(), end = now + patience_ms;
	unsigned long long said = now;
	unsigned int idle = 0;
	__u64 *count = f->role == ROLE_RX ? &f->received : &f->done;
	int ret;

	while (*count < done) {
		if (flow_step(f)) {
			idle = 0;
		} else if (++idle < 64) {
			continue;
		} else {
			now = tp4_now_ms();
			if (idle == 64)
				end = now + patience_ms;
			if (now > end)
				return -ETIMEDOUT;
			ret = tp4_poll(f->x->t.fd, f->role == ROLE_TX ?
				       POLLOUT : POLLIN, 10);
			if (ret & POLLERR && flow_is_down(f))
				return -ENETDOWN;
		}
		if (f->unkicked >= BATCH || (f->unkicked && idle)) {
			ret = tp4_kick(&f->x->t, MSG_DONTWAIT);
			if (ret < 0 && ret != -EAGAIN)
				return ret;
			f->unkicked = 0;
		}
		if (idle < 64 && *count & 0xfff)
			continue;
		now = tp4_now_ms();
		if (now < said + 10000)
			continue;
		said = now;
		fprintf(stderr, "# %llu packets\n",
			(unsigned long long)*count);
	}
	return 0;
}

/* After a reset, the driver sets the card's filters in its own time */
static int flow_ready(struct ends *e)
{
	return nics_ready(e) ?: model("wait 60 receives 1 status");
}

FIXTURE(zc_flow) {
	struct ends e;
	struct flow f;
	long long no_descriptor;
};

FIXTURE_VARIANT(zc_flow) {
	enum role role;
	unsigned int size;
	bool drop;		/* the wire does not wait for the card */
};

FIXTURE_VARIANT_ADD(zc_flow, rxdrop_64) {
	.role = ROLE_RX,
	.size = 64,
};

FIXTURE_VARIANT_ADD(zc_flow, rxdrop_1500) {
	.role = ROLE_RX,
	.size = 1500,
};

FIXTURE_VARIANT_ADD(zc_flow, txpush_64) {
	.role = ROLE_TX,
	.size = 64,
};

FIXTURE_VARIANT_ADD(zc_flow, txpush_1500) {
	.role = ROLE_TX,
	.size = 1500,
};

FIXTURE_VARIANT_ADD(zc_flow, l2fwd_64) {
	.role = ROLE_FWD,
	.size = 64,
};

FIXTURE_VARIANT_ADD(zc_flow, l2fwd_1500) {
	.role = ROLE_FWD,
	.size = 1500,
};

FIXTURE_VARIANT_ADD(zc_flow, rxdrop_64_full) {
	.role = ROLE_RX,
	.size = 64,
	.drop = true,
};

FIXTURE_VARIANT_ADD(zc_flow, l2fwd_1500_full) {
	.role = ROLE_FWD,
	.size = 1500,
	.drop = true,
};

/* Port B's socket, with as many frames as its RX ring has slots */
static int flow_open(struct ends *e, struct flow *f, enum role role,
		     unsigned int size)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	int ret;

	if (role == ROLE_RX)
		cfg.tx_nr = 0;
	if (role == ROLE_TX)
		cfg.rx_nr = 0;
	*f = (struct flow) { .x = &e->to, .role = role, .size = size };
	ret = nics_up(e, false, true, ETH_DATA_LEN);
	if (ret)
		return ret;
	ret = nic_open(e, &e->to, &cfg);
	return ret ?: flow_ready(e) ?: model("wire sink") ?: model("sink reset");
}

static void flow_close(struct ends *e)
{
	model("gen stop");
	model("pause on");
	model("wire peer");
	/* It may be another one by now */
	e->to.ifindex = if_nametoindex(e->to.dev);
	nics_free(e);
}

FIXTURE_SETUP(zc_flow)
{
	if (!have_model())
		SKIP(return, "there is no model of a card");
	ASSERT_EQ(0, flow_open(&self->e, &self->f, variant->role,
			       variant->size));
	self->no_descriptor = model_value("stats", "rx_no_descriptor");
	if (variant->drop)
		ASSERT_EQ(0, model("pause off"));
}

FIXTURE_TEARDOWN(zc_flow)
{
	flow_close(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/*
 * The socket has what the model has sent, the model what the socket has sent, and
 * what is missing is what the model had no descriptor for.
 */
TEST_F_TIMEOUT(zc_flow, counted, 7200)
{
	__u64 total = tp4_scaled(PACKETS, PACKETS_LEAST), came = total;
	unsigned long long start = tp4_now_ms();
	struct flow *f = &self->f;
	long long dropped = 0, good;
	int ret;

	if (variant->role == ROLE_TX) {
		f->to_send = total;
		ASSERT_EQ(0, flow_run(f, total, TP4_WAIT_MS));
	} else {
		ASSERT_EQ(0, model("gen %llu proto=raw size=%u %s",
				   (unsigned long long)total, variant->size,
				   variant->drop ? "rate=200000 burst=64" : ""));
		/* Until all frames are full */
		while (variant->drop && !dropped) {
			dropped = model_value("gen", "dropped");
			ASSERT_LE(0, dropped);
		}
		ret = flow_run(f, total, variant->drop ? 1000 : TP4_WAIT_MS);
		if (!variant->drop)
			ASSERT_EQ(0, ret);
		ASSERT_EQ(0, model("wait 60 running 0 gen"));
		dropped = model_value("gen", "dropped");
		came = model_value("gen", "sent");
		ASSERT_EQ(total, came + dropped);
		/* It may have stopped for so long that it seemed to have ended */
		ASSERT_EQ(0, flow_run(f, came, TP4_WAIT_MS));
	}
	fprintf(stderr, "# %llu packets in %llu ms, %lld had no descriptor\n",
		(unsigned long long)total, tp4_now_ms() - start, dropped);
	EXPECT_EQ(dropped, model_value("stats", "rx_no_descriptor") -
			   self->no_descriptor);
	EXPECT_EQ(variant->drop, dropped > 0);
	EXPECT_EQ(0, f->bad);
	EXPECT_EQ(0, f->errors);
	if (variant->role != ROLE_TX) {
		EXPECT_EQ(came, f->received);
		/* Those at the end have none behind them */
		EXPECT_EQ(total - f->next, dropped - f->lost);
		EXPECT_EQ(0, end_clean(&self->e.to, came));
	}
	if (variant->role != ROLE_RX) {
		good = model_value("sink", "good");
		EXPECT_EQ(came, good);
		if (variant->role == ROLE_TX && good > 0)
			tp4_count(TP4_TALLY_PACKETS, good);
		EXPECT_EQ(0, model_value("sink", "bad"));
		EXPECT_EQ(0, model_value("sink", "dup"));
		EXPECT_EQ(0, model_value("sink", "reordered"));
		EXPECT_EQ(0, model_value("sink", "other"));
	}
	EXPECT_TRUE(tp4_guards_ok(&self->e.to.t));
	EXPECT_EQ(0, frames_are_back(&self->e.to.t));
}

/* ---- what happens to port B while packets go through it --------------------- */

/* The interface of a PCI device that has just been bound, under its old name */
static int pci_restore(const char *address, const char *name)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	char path[256], now[IFNAMSIZ] = "";
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/net", address);
	while (!now[0]) {
		if (tp4_now_ms() > end)
			return -ETIMEDOUT;
		dir = opendir(path);
		if (!dir)
			continue;
		while ((entry = readdir(dir)))
			if (entry->d_name[0] != '.')
				snprintf(now, sizeof(now), "%.15s",
					 entry->d_name);
		closedir(dir);
	}
	if (!strcmp(now, name))
		return 0;
	return run("ip link set dev %s name %s", now, name);
}

static int do_down_up(struct ends *e)
{
	return tp4_link_down(e->to.ifindex) ?: nic_up(&e->to, ETH_DATA_LEN);
}

static int do_unbind(struct ends *e)
{
	char address[64];

	return pci_address(e->to.dev, address, sizeof(address)) ?:
	       tp4_write_file("/sys/bus/pci/drivers/i40e/unbind", address) ?:
	       tp4_write_file("/sys/bus/pci/drivers/i40e/bind", address) ?:
	       pci_restore(address, e->to.dev);
}

/* Pulled out, and plugged in again */
static int do_removal(struct ends *e)
{
	char address[64], path[256];

	if (pci_address(e->to.dev, address, sizeof(address)))
		return -ENODEV;
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/remove", address);
	return model("remove") ?: tp4_write_file(path, "1") ?:
	       run("\"$TP4_XL710CTL\" -i \"$TP4_NIC_A\" peer restore") ?:
	       tp4_write_file("/sys/bus/pci/rescan", "1") ?:
	       pci_restore(address, e->to.dev);
}

/* Down to the drivers, and up again at once: nothing has to wake the machine */
static int do_suspend(struct ends *e)
{
	return tp4_write_file("/sys/power/pm_test", "devices") ?:
	       tp4_write_file("/sys/power/state", "freeze");
}

static int do_rx_bad_length(struct ends *e)
{
	return model("fault rx-bad-length 2");
}

static int do_rx_truncated(struct ends *e)
{
	return model("fault rx-truncated 2");
}

static int do_rx_error(struct ends *e)
{
	return model("fault rx-error 2");
}

static int do_rx_reorder(struct ends *e)
{
	return model("fault rx-reorder 2");
}

static int do_tx_bad_head(struct ends *e)
{
	return model("fault tx-bad-head 2");
}

static int do_tx_hang(struct ends *e)
{
	return model("hang %d", xdp_ring(e));
}

static int do_mdd_tx(struct ends *e)
{
	return model("mdd tx %d", xdp_ring(e)) ?: model("wait 60 mdd 0 status");
}

static int do_mdd_rx(struct ends *e)
{
	return model("mdd rx 0") ?: model("wait 60 mdd 0 status");
}

static int do_pf_reset_untold(struct ends *e)
{
	return model("reset pf");
}

static int do_global_reset(struct ends *e)
{
	return model("reset global");
}

static int do_emp_reset(struct ends *e)
{
	return model("reset emp");
}

static int do_aq_timeout(struct ends *e)
{
	return model("fault aq-timeout 1") ?:
	       tp4_link_mtu(e->to.ifindex, 1400) ?:
	       tp4_link_mtu(e->to.ifindex, ETH_DATA_LEN);
}

#define RX	BIT(ROLE_RX)
#define TX	BIT(ROLE_TX)
#define FWD	BIT(ROLE_FWD)
#define ALL	(RX | TX | FWD)

FIXTURE(zc_hit) {
	struct ends e;
	struct flow f;
};

FIXTURE_VARIANT(zc_hit) {
	int (*event)(struct ends *e);
	unsigned int roles;	/* that it means something to */
	unsigned int bad;	/* packets that are seen to be, each time */
	bool ends;		/* the socket loses its queue */
};

FIXTURE_VARIANT_ADD(zc_hit, link_flap) {
	.event = do_link_flap,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, rx_bad_length) {
	.event = do_rx_bad_length,
	.roles = RX | FWD,
	.bad = 2,
};

/* What follows is taken for the rest of it */
FIXTURE_VARIANT_ADD(zc_hit, rx_truncated) {
	.event = do_rx_truncated,
	.roles = RX | FWD,
	.bad = 2,
};

FIXTURE_VARIANT_ADD(zc_hit, rx_error) {
	.event = do_rx_error,
	.roles = RX | FWD,
	.bad = 2,
};

FIXTURE_VARIANT_ADD(zc_hit, rx_reorder) {
	.event = do_rx_reorder,
	.roles = RX | FWD,
};

FIXTURE_VARIANT_ADD(zc_hit, tx_bad_head) {
	.event = do_tx_bad_head,
	.roles = TX | FWD,
};

FIXTURE_VARIANT_ADD(zc_hit, tx_hang) {
	.event = do_tx_hang,
	.roles = TX | FWD,
};

FIXTURE_VARIANT_ADD(zc_hit, mdd_tx) {
	.event = do_mdd_tx,
	.roles = TX | FWD,
};

FIXTURE_VARIANT_ADD(zc_hit, mdd_rx) {
	.event = do_mdd_rx,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, aq_timeout) {
	.event = do_aq_timeout,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, aq_error) {
	.event = do_aq_error,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, pf_reset) {
	.event = do_pf_reset,
	.roles = ALL,
};

/* Nobody ever hears of it, but for those who wait for what they have sent */
FIXTURE_VARIANT_ADD(zc_hit, pf_reset_untold) {
	.event = do_pf_reset_untold,
	.roles = TX,
};

FIXTURE_VARIANT_ADD(zc_hit, core_reset) {
	.event = do_core_reset,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, global_reset) {
	.event = do_global_reset,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, emp_reset) {
	.event = do_emp_reset,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, ring_sizes) {
	.event = do_ring_sizes,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, features) {
	.event = do_features,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, mtu) {
	.event = do_mtu,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, xdp) {
	.event = do_xdp,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, suspend) {
	.event = do_suspend,
	.roles = ALL,
};

FIXTURE_VARIANT_ADD(zc_hit, down_up) {
	.event = do_down_up,
	.roles = ALL,
	.ends = true,
};

FIXTURE_VARIANT_ADD(zc_hit, unbind) {
	.event = do_unbind,
	.roles = ALL,
	.ends = true,
};

FIXTURE_VARIANT_ADD(zc_hit, removal) {
	.event = do_removal,
	.roles = ALL,
	.ends = true,
};

FIXTURE_SETUP(zc_hit)
{
	if (!have_model())
		SKIP(return, "there is no model of a card");
	if (variant->event == do_suspend && access("/sys/power/pm_test", W_OK))
		SKIP(return, "the kernel has no CONFIG_PM_DEBUG");
	self->e.to.fd = -1;
	self->e.to.t.fd = -1;
	self->e.from = self->e.to;
}

FIXTURE_TEARDOWN(zc_hit)
{
	flow_close(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* More than can have come before */
#define SOME		(2 * RING)

/* @n more packets */
static int flow_more(struct flow *f, unsigned int n)
{
	__u64 done = (f->role == ROLE_RX ? f->received : f->done) + n;

	return flow_run(f, done, TP4_WAIT_MS);
}

/* Slowly enough for everybody to have a share of the CPUs that there are */
static int flow_start(struct flow *f)
{
	f->to_send = UINT64_MAX;
	f->next = 0;
	if (f->role == ROLE_TX)
		return 0;
	return model("gen 4000000000 proto=raw size=500 rate=%u burst=32",
		     tp4_scaled(0, 40000));
}

/* The socket is told of it */
static int flow_ended(struct flow *f)
{
	if (!(tp4_poll(f->x->t.fd, POLLIN, TP4_WAIT_MS) & POLLERR))
		return -ETIMEDOUT;
	return tp4_get_queue(f->x->t.fd) == -1 ? 0 : -EBUSY;
}

TEST_F(zc_hit, goes_on_or_ends)
{
	struct ends *e = &self->e;
	struct flow *f = &self->f;
	unsigned int role, round;
	long long good, lost;

	for (role = ROLE_RX; role <= ROLE_FWD; role++) {
		if (!(variant->roles & BIT(role)))
			continue;
		fprintf(stderr, "# role %u\n", role);
		ASSERT_EQ(0, flow_open(e, f, role, 500));
		lost = model_value("stats", "tx_link_down");
		ASSERT_EQ(0, flow_start(f));
		for (round = 0; round < 2; round++) {
			ASSERT_EQ(0, flow_more(f, SOME));
			ASSERT_EQ(0, variant->event(e));
			if (variant->ends)
				break;
			ASSERT_EQ(0, flow_more(f, SOME));
			EXPECT_EQ(0, tp4_get_queue(e->to.t.fd));
		}
		ASSERT_EQ(0, model("gen stop"));
		if (variant->ends) {
			EXPECT_EQ(0, flow_ended(f));
		} else {
			EXPECT_EQ(0, f->errors);
			EXPECT_EQ(2 * variant->bad, f->bad);
		}
		EXPECT_TRUE(tp4_guards_ok(&e->to.t));
		EXPECT_EQ(0, frames_are_back(&e->to.t));
		if (role != ROLE_RX && !variant->ends) {
			/* Twice, maybe, but what is done has been sent */
			EXPECT_EQ(0, model_value("sink", "bad"));
			good = model_value("sink", "good");
			lost = model_value("stats", "tx_link_down") - lost;
			EXPECT_LE((long long)f->done, good + lost);
		}
		flow_close(e);

		/* And the next one finds all well */
		ASSERT_EQ(0, flow_open(e, f, role, 500));
		ASSERT_EQ(0, flow_start(f));
		ASSERT_EQ(0, flow_more(f, SOME));
		EXPECT_EQ(0, f->bad);
		EXPECT_EQ(0, f->errors);
		ASSERT_EQ(0, model("gen stop"));
		flow_close(e);
	}
}

/*
 * After a reset, the firmware refuses one of the commands with which the driver
 * brings the device back. It may do without, or give up; then the socket is told,
 * and has its frames back.
 */
FIXTURE(zc_reset) {
	struct ends e;
	struct flow f;
};

FIXTURE_VARIANT(zc_reset) {
	unsigned int refused;	/* opcode */
};

/*
 * Not "get VSI parameters" (0x0212): the driver then leaves a device behind when
 * it is unbound.
 */
FIXTURE_VARIANT_ADD(zc_reset, get_version) {
	.refused = 0x0001,
};

FIXTURE_VARIANT_ADD(zc_reset, driver_version) {
	.refused = 0x0002,
};

FIXTURE_VARIANT_ADD(zc_reset, list_capabilities) {
	.refused = 0x000a,
};

FIXTURE_VARIANT_ADD(zc_reset, clear_pxe_mode) {
	.refused = 0x0110,
};

FIXTURE_VARIANT_ADD(zc_reset, get_switch_config) {
	.refused = 0x0200,
};

FIXTURE_VARIANT_ADD(zc_reset, set_switch_config) {
	.refused = 0x0205,
};

FIXTURE_VARIANT_ADD(zc_reset, add_vsi) {
	.refused = 0x0210,
};

FIXTURE_VARIANT_ADD(zc_reset, update_vsi) {
	.refused = 0x0211,
};

FIXTURE_VARIANT_ADD(zc_reset, set_promiscuous) {
	.refused = 0x0254,
};

FIXTURE_VARIANT_ADD(zc_reset, get_link) {
	.refused = 0x0607,
};

FIXTURE_VARIANT_ADD(zc_reset, mask_link_events) {
	.refused = 0x0613,
};

FIXTURE_SETUP(zc_reset)
{
	if (!have_model())
		SKIP(return, "there is no model of a card");
	ASSERT_EQ(0, flow_open(&self->e, &self->f, ROLE_FWD, 500));
}

FIXTURE_TEARDOWN(zc_reset)
{
	flow_close(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_reset, fails)
{
	struct ends *e = &self->e;
	struct flow *f = &self->f;
	int ret;

	ASSERT_EQ(0, flow_start(f));
	ASSERT_EQ(0, flow_more(f, SOME));
	ASSERT_EQ(0, model("fault aq-error 1 5 %u", variant->refused));
	ASSERT_EQ(0, do_pf_reset(e));
	ret = flow_more(f, 2 * SOME);
	ASSERT_TRUE(!ret || ret == -ENETDOWN);
	ASSERT_EQ(0, model_value("fault", "aq-error"));
	ASSERT_EQ(0, model("gen stop"));
	if (ret) {
		/* Who wants to wait for what is sent is told, too */
		tp4_queue(&e->to.t, e->pkt, 100, 0);
		ASSERT_NE(0, tp4q_num_held(&e->to.t.txq));
		EXPECT_EQ(-ENETDOWN, tp4_kick(&e->to.t, 0));
	}
	EXPECT_TRUE(tp4_guards_ok(&e->to.t));
	EXPECT_EQ(0, frames_are_back(&e->to.t));
	flow_close(e);

	/* Unplugged and plugged in again, it works */
	if (ret)
		ASSERT_EQ(0, do_unbind(e));
	ASSERT_EQ(0, flow_open(e, f, ROLE_FWD, 500));
	ASSERT_EQ(0, flow_start(f));
	ASSERT_EQ(0, flow_more(f, SOME));
	ASSERT_EQ(0, model("gen stop"));
}

/* ---- coming and going ----------------------------------------------------- */

/* Someone sends all the while */
static pid_t sender_start(struct ends *e)
{
	unsigned int burst = tp4_scaled(0, 3200) / 100;
	pid_t pid = fork();
	__u8 *pkt;
	__u32 seq;
	int fd;

	if (pid)
		return pid;
	fd = tp4_plain_open(e->from.ifindex, 0);
	pkt = malloc(2048);
	if (fd < 0 || !pkt)
		_exit(1);
	for (seq = 0;; seq++) {
		tp4_pkt_fill(pkt, 500, seq);
		/* There may be one CPU only, and resets take long without it */
		if (send(fd, pkt, 500, 0) < 0 || seq % burst == 0)
			usleep(500);
	}
}

static void sender_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

FIXTURE(zc_come_and_go) {
	struct ends e;
	pid_t sender;
};

FIXTURE_SETUP(zc_come_and_go)
{
	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, false, true, ETH_DATA_LEN));
	self->sender = sender_start(&self->e);
	ASSERT_LT(0, self->sender);
}

FIXTURE_TEARDOWN(zc_come_and_go)
{
	if (self->sender > 0)
		sender_stop(self->sender);
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Receives @n packets of the sender, whichever */
static int receive_some(struct end *x, unsigned int n)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	struct tpacket4_desc d;

	while (n) {
		if (tp4_rx_next(&x->t, &d)) {
			if (d.error || d.len != 500)
				return -EBADMSG;
			tp4_rx_give(&x->t, d.idx);
			n--;
			continue;
		}
		if (tp4_now_ms() > end) {
			fprintf(stderr, "# %u packets are missing\n", n);
			return -ETIMEDOUT;
		}
		tp4_poll(x->t.fd, POLLIN, 10);
	}
	return 0;
}

TEST_F(zc_come_and_go, under_traffic)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	unsigned int round, rounds = tp4_scaled(100, 4);
	struct ends *e = &self->e;
	int fd, prog, ret;

	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	for (round = 0; round < rounds; round++) {
		/* With a program, only the queue pair is restarted */
		if (round == rounds / 2)
			ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog,
						  XDP_FLAGS_DRV_MODE));
		cfg.tx_nr = round % 3 ? RING : 0;
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		if (round % 2)
			ASSERT_EQ(0, frames_are_back(&e->to.t));
		end_close(&e->to);

		/* Back to the stack */
		fd = tp4_plain_open(e->to.ifindex, TP4_ETH_P);
		ASSERT_LE(0, fd);
		ret = tp4_plain_recv(fd, e->pkt, ENDS_MAX_PKT);
		EXPECT_EQ(500, ret);
		close(fd);
	}
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE));
}

TEST_F(zc_come_and_go, killed)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round;
	int pipefd[2];
	char c;
	pid_t pid;

	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, pipe(pipefd));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			if (end_open(&e->to, &cfg) ||
			    receive_some(&e->to, RING) ||
			    write(pipefd[1], "x", 1) != 1)
				_exit(1);
			for (;;)
				receive_some(&e->to, RING);
		}
		close(pipefd[1]);
		ASSERT_EQ(1, read(pipefd[0], &c, 1));
		close(pipefd[0]);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		EXPECT_TRUE(tp4_pins_balanced());
	}
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
}

TEST_F(zc_come_and_go, down_and_up)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	struct tp4 *t = &e->to.t;
	struct tpacket4_desc d;
	unsigned int round, n;

	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	for (round = 0; round < 3; round++) {
		ASSERT_EQ(0, receive_some(&e->to, RING));
		ASSERT_EQ(0, tp4_link_down(e->to.ifindex));
		EXPECT_TRUE(tp4_poll(t->fd, POLLIN, TP4_WAIT_MS) & POLLERR);
		EXPECT_EQ(-1, tp4_get_queue(t->fd));
		n = 0;
		while (tp4_rx_next(t, &d)) {
			EXPECT_TRUE(!d.error || d.error == ENETDOWN);
			n++;
		}
		EXPECT_EQ(RING, n);
		EXPECT_EQ(-ENETDOWN, tp4_set_queue(t->fd, 0));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
		ASSERT_EQ(0, tp4_set_queue(t->fd, 0));
		for (n = 0; n < RING; n++)
			tp4_rx_give(t, n);
	}
	ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
}

/* ---- beside AF_XDP -------------------------------------------------------- */

FIXTURE(zc_nic_xsk) {
	struct ends e;
	struct tp4_xsk x;
};

FIXTURE_SETUP(zc_nic_xsk)
{
	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, false, true, ETH_DATA_LEN));
	self->e.from.fd = tp4_plain_open(self->e.from.ifindex, 0);
	ASSERT_LE(0, self->e.from.fd);
	ASSERT_EQ(0, tp4_xsk_open(&self->x));
}

FIXTURE_TEARDOWN(zc_nic_xsk)
{
	tp4_xsk_close(&self->x);
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

static int xsk_stream(struct ends *e, struct tp4_xsk *x, __u32 total)
{
	__u32 seq;
	int map, prog, ret;

	map = tp4_map_create(BPF_MAP_TYPE_XSKMAP, sizeof(__u32), 1);
	if (map < 0)
		return map;
	ret = tp4_map_set_u32(map, 0, x->fd);
	if (ret)
		return ret;
	prog = tp4_prog_redirect_map(map);
	if (prog < 0)
		return prog;
	ret = tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE);
	if (!ret)
		ret = nic_wait_carrier(e->to.dev);
	for (seq = 0; !ret && seq < total; seq++) {
		size_t len = length_of(seq, LEAST, ETH_FRAME_LEN);

		tp4_pkt_fill(e->pkt, len, seq);
		ret = tp4_plain_send(e->from.fd, e->pkt, len);
		if (!ret)
			ret = tp4_xsk_recv_wait(x, e->pkt, ENDS_MAX_PKT);
		if (ret > 0)
			ret = tp4_pkt_ok(e->pkt, ret, seq, len) ? 0 : -EBADMSG;
	}
	close(prog);
	close(map);
	return ret;
}

/* It still works, before and after; and a queue pair has one holder */
TEST_F(zc_nic_xsk, one_holder)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	__u32 total = tp4_scaled(20000, 500);
	struct ends *e = &self->e;
	unsigned int round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, tp4_xsk_bind(&self->x, e->to.ifindex, 0,
					  XDP_ZEROCOPY));
		EXPECT_EQ(-EBUSY, end_open(&e->to, &cfg));
		end_close(&e->to);
		ASSERT_EQ(0, xsk_stream(e, &self->x, total));
		EXPECT_EQ(-EBUSY, end_open(&e->to, &cfg));
		end_close(&e->to);
		tp4_xsk_close(&self->x);
		ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1,
					  XDP_FLAGS_DRV_MODE));
		ASSERT_EQ(0, nic_wait_carrier(e->to.dev));

		/* An AF_XDP socket gives its queue back in its own time */
		unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
		int ret;

		while ((ret = end_open(&e->to, &cfg)) == -EBUSY &&
		       tp4_now_ms() < end)
			end_close(&e->to);
		ASSERT_EQ(0, ret);
		ASSERT_EQ(0, nic_wait_carrier(e->to.dev));
		ASSERT_EQ(0, tp4_xsk_open(&self->x));
		EXPECT_EQ(-EBUSY, tp4_xsk_bind(&self->x, e->to.ifindex, 0,
					       XDP_ZEROCOPY));
		EXPECT_EQ(-EBUSY, tp4_xsk_bind(&self->x, e->to.ifindex, 0,
					       XDP_COPY));
		ASSERT_EQ(0, one_way(e, total, 1, LEAST, ETH_FRAME_LEN, 0));
		end_close(&e->to);
		tp4_xsk_close(&self->x);
		ASSERT_EQ(0, tp4_xsk_open(&self->x));
	}
}

/* ---- XDP ------------------------------------------------------------------ */

FIXTURE(zc_nic_xdp) {
	struct ends e;
	int plain;		/* the stack of B */
};

FIXTURE_VARIANT(zc_nic_xdp) {
	bool tx;		/* B's socket has a TX ring, and so B's XDP TX ring */
};

FIXTURE_VARIANT_ADD(zc_nic_xdp, rx_only) {
};

FIXTURE_VARIANT_ADD(zc_nic_xdp, rx_and_tx) {
	.tx = true,
};

FIXTURE_SETUP(zc_nic_xdp)
{
	struct tp4_cfg from = { .rx_nr = RING, .tx_nr = RING };
	struct tp4_cfg to = { .rx_nr = RING };

	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ASSERT_EQ(0, nics_up(&self->e, true, true, ETH_DATA_LEN));
	if (variant->tx)
		to.tx_nr = RING;
	ASSERT_EQ(0, ends_open_cfg(&self->e, &from, &to));
	ASSERT_EQ(0, nics_ready(&self->e));
	self->plain = tp4_plain_open(self->e.to.ifindex, TP4_ETH_P);
	ASSERT_LE(0, self->plain);
}

FIXTURE_TEARDOWN(zc_nic_xdp)
{
	close(self->plain);
	nics_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Each verdict in turn, by the packet's number */
TEST_F(zc_nic_xdp, verdicts)
{
	static const __u32 verdicts[] = {
		XDP_PASS, XDP_DROP, XDP_TX, XDP_PASS_TO_KERNEL, XDP_ABORTED,
		XDP_TX, XDP_PASS, XDP_PASS_TO_KERNEL,
	};
	__u32 seq, k, total = tp4_scaled(100000, 2000) / 16 * 16;
	struct ends *e = &self->e;
	struct tpacket_stats_v4 st;
	int map, prog, ret;
	size_t len;

	map = tp4_map_create(BPF_MAP_TYPE_ARRAY, sizeof(__u32), TP4_VERDICTS);
	ASSERT_LE(0, map);
	for (k = 0; k < TP4_VERDICTS; k++)
		ASSERT_EQ(0, tp4_map_set_u32(map, k, verdicts[k % 8]));
	prog = tp4_map_create(BPF_MAP_TYPE_DEVMAP, sizeof(__u32), 1);
	ASSERT_LE(0, prog);
	prog = tp4_prog_verdicts(map, prog);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));

	for (seq = 0; seq < total; seq += 16) {
		for (k = seq; k < seq + 16; k++) {
			len = length_of(k, LEAST, ETH_FRAME_LEN);
			tp4_pkt_fill(e->pkt, len, k);
			ASSERT_EQ(0, end_queue(&e->from, e->pkt, len, 0));
		}
		ASSERT_LE(0, tp4_kick(&e->from.t, 0));
		ASSERT_EQ(0, tp4_complete(&e->from.t));
		for (k = seq; k < seq + 16; k++) {
			len = length_of(k, LEAST, ETH_FRAME_LEN);
			switch (verdicts[k % 8]) {
			case XDP_PASS:
				ret = end_recv(&e->to, e->pkt);
				break;
			case XDP_TX:
				ret = end_recv(&e->from, e->pkt);
				break;
			case XDP_PASS_TO_KERNEL:
				ret = tp4_plain_recv(self->plain, e->pkt,
						     ENDS_MAX_PKT);
				break;
			default:
				continue;
			}
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, k, len))
				TH_LOG("packet %u, verdict %u", k,
				       verdicts[k % 8]);
		}
		/* Between those of the program */
		if (!variant->tx)
			continue;
		tp4_pkt_fill(e->pkt, 100, seq);
		ASSERT_EQ(0, end_queue(&e->to, e->pkt, 100, 0));
		ASSERT_EQ(0, end_kick(&e->to, 100));
		ret = end_recv(&e->from, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, seq, 100));
	}
	EXPECT_TRUE(end_is_empty(&e->to));
	EXPECT_TRUE(end_is_empty(&e->from));
	ASSERT_EQ(0, tp4_stats(e->to.t.fd, &st));
	EXPECT_EQ(total / 4, st.xdp_pass);
	EXPECT_EQ(total / 8, st.xdp_drop);
	EXPECT_EQ(total / 4, st.xdp_tx);
	EXPECT_EQ(total / 4, st.xdp_pass_to_kernel);
	EXPECT_EQ(total / 8, st.xdp_aborted);
	EXPECT_EQ(0, st.xdp_errors);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE));
	close(prog);
	close(map);
	ASSERT_EQ(0, one_way(e, 1000, BATCH, LEAST, ETH_FRAME_LEN, 0));
}

/*
 * From a queue that is held to another device, and from there to such a queue's
 * XDP TX ring, which is the socket's own if it has a TX ring.
 */
TEST_F(zc_nic_xdp, redirect)
{
	struct tp4_netcfg cfg = {};
	struct ends *e = &self->e;
	int x, y, pass, prog, plain, ret;
	struct tpacket_stats_v4 st;
	__u32 seq;

	ASSERT_EQ(0, tp4_veth_add("tp4x", "tp4y", &cfg));
	x = if_nametoindex("tp4x");
	y = if_nametoindex("tp4y");
	ASSERT_EQ(0, tp4_link_up(x));
	ASSERT_EQ(0, tp4_link_up(y));
	pass = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, pass);
	ASSERT_EQ(0, tp4_link_xdp(y, pass, XDP_FLAGS_DRV_MODE));
	plain = tp4_plain_open(y, TP4_ETH_P);
	ASSERT_LE(0, plain);

	/* Out of tp4x, so tp4y receives it */
	prog = tp4_prog_redirect(x);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	for (seq = 0; seq < 500; seq++) {
		tp4_pkt_fill(e->pkt, 300, seq);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, 300, 0));
		ASSERT_EQ(0, end_kick(&e->from, 300));
		ret = tp4_plain_recv(plain, e->pkt, ENDS_MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, seq, 300));
	}
	ASSERT_EQ(0, tp4_stats(e->to.t.fd, &st));
	EXPECT_EQ(500, st.xdp_redirect);
	EXPECT_EQ(0, st.xdp_errors);
	close(prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, pass, XDP_FLAGS_DRV_MODE));

	/* What tp4y receives goes out of B, so A receives it */
	prog = tp4_prog_redirect(e->to.ifindex);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(y, prog, XDP_FLAGS_DRV_MODE));
	close(plain);
	plain = tp4_plain_open(x, 0);
	ASSERT_LE(0, plain);
	/* Each CPU has a ring for this, and CPU 0 that of the socket */
	if (variant->tx)
		tp4_pin_cpu(0);
	for (seq = 0; seq < 500; seq++) {
		tp4_pkt_fill(e->pkt, 300, seq);
		ASSERT_EQ(0, tp4_plain_send(plain, e->pkt, 300));
		if (variant->tx)
			continue;
		ret = end_recv(&e->from, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, seq, 300));
	}
	ASSERT_EQ(0, tp4_link_xdp(y, -1, XDP_FLAGS_DRV_MODE));
	if (variant->tx) {
		/* All that does come is what the socket sends */
		tp4_pkt_fill(e->pkt, 300, 1000);
		ASSERT_EQ(0, end_queue(&e->to, e->pkt, 300, 0));
		ASSERT_EQ(0, end_kick(&e->to, 300));
		ret = end_recv(&e->from, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, 1000, 300));
	}
	EXPECT_TRUE(end_is_empty(&e->from));
	close(plain);
	close(prog);
	close(pass);
	ASSERT_EQ(0, tp4_link_del(x));
}

/*
 * From a queue that is held to another port, and there to a ring that is held as
 * well: the one socket's NAPI has no business in the other's.
 */
TEST_F_TIMEOUT(zc_nic_xdp, redirect_to_peer, 300)
{
	unsigned long long deadline = tp4_now_ms() + TP4_WAIT_MS;
	struct tpacket_stats_v4 st = {};
	struct ends *e = &self->e;
	long long others;
	int pass, prog;
	__u32 seq;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	/* Without a program of its own, A takes none of them */
	pass = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, pass);
	ASSERT_EQ(0, tp4_link_xdp(e->from.ifindex, pass, XDP_FLAGS_DRV_MODE));
	prog = tp4_prog_redirect(e->from.ifindex);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	ASSERT_EQ(0, nics_ready(e));
	ASSERT_EQ(0, model("wait 60 receives 1 status"));
	/* Not back to B, which would send it round and round */
	ASSERT_EQ(0, model("peer wire sink"));
	ASSERT_EQ(0, model("peer sink reset"));
	ASSERT_EQ(0, model("gen 500 proto=raw size=300 rate=40000 burst=32"));
	while (st.xdp_redirect < 500 && tp4_now_ms() < deadline)
		ASSERT_EQ(0, tp4_stats(e->to.t.fd, &st));
	EXPECT_EQ(500, st.xdp_redirect);
	EXPECT_EQ(0, st.xdp_errors);

	for (seq = 0; seq < 100; seq++) {
		tp4_pkt_fill(e->pkt, 300, seq);
		ASSERT_EQ(0, end_queue(&e->from, e->pkt, 300, 0));
	}
	ASSERT_EQ(0, end_kick(&e->from, 100 * 300));
	/* Each CPU has a ring for this, and CPU 0 that of the socket */
	others = model_value("peer sink", "packets") - 100;
	EXPECT_LE(0, others);
	EXPECT_GE(tp4_cpus() == 1 ? 0 : 500, others);
	ASSERT_EQ(0, model("peer wire peer"));
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE));
	ASSERT_EQ(0, tp4_link_xdp(e->from.ifindex, -1, XDP_FLAGS_DRV_MODE));
	close(prog);
	close(pass);
	ASSERT_EQ(0, one_way(e, 1000, BATCH, LEAST, ETH_FRAME_LEN, 0));
}

/*
 * The first socket's reset fails before the driver has made any ring of the XDP
 * kind. It tries ten times to learn the version of the firmware, which is the
 * admin queue's command 1.
 */
TEST_F(zc_come_and_go, reset_fails)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, model("fault aq-error 10 5 1"));
		ASSERT_EQ(-EIO, end_open(&e->to, &cfg));
		EXPECT_EQ(-ENETDOWN, tp4_bind(e->to.t.fd, e->to.ifindex,
					      ETH_P_ALL));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, do_pf_reset(e));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		end_close(&e->to);
	}
}

/*
 * A queue does not stop when it is to change hands. The device is reset, and the
 * queue is nobody's. When the reset fails as well, the device is cut off from memory.
 */
TEST_F(zc_come_and_go, queue_does_not_stop)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round;
	int prog;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	for (round = 0; round < 2; round++) {
		/* So that only the queue pair is to be restarted */
		ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog,
					  XDP_FLAGS_DRV_MODE));
		ASSERT_EQ(0, nics_ready(e));
		ASSERT_EQ(0, model("fault rx-stuck 1"));
		ASSERT_EQ(-ETIMEDOUT, end_open(&e->to, &cfg));
		ASSERT_EQ(0, model_value("fault", "rx-stuck"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());

		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		ASSERT_EQ(0, model("fault rx-stuck 1"));
		ASSERT_EQ(0, frames_are_back(&e->to.t));
		ASSERT_EQ(0, model_value("fault", "rx-stuck"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());

		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		end_close(&e->to);

		ASSERT_EQ(0, model("fault rx-stuck 1"));
		ASSERT_EQ(0, model(round ? "fault pf-reset 1" :
					   "fault aq-error 10 5 1"));
		ASSERT_EQ(-ETIMEDOUT, end_open(&e->to, &cfg));
		ASSERT_EQ(0, model_value("fault", round ? "pf-reset" :
							  "aq-error"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, do_unbind(e));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		end_close(&e->to);
	}
	close(prog);
}

/*
 * For a socket with packets to send that have been queued before. Until the reset,
 * the device is not told of them.
 */
static int start_dead_queue(struct ends *e)
{
	struct tp4_cfg cfg = {
		.rx_nr = RING, .tx_nr = RING, .ifindex = e->to.ifindex,
		.mode = &tp4_copy_qdisc,
	};
	unsigned int i;
	int ret;

	ret = tp4_open(&e->to.t, &cfg);
	for (i = 0; !ret && i < BATCH; i++) {
		tp4_pkt_fill(e->pkt, 500, i);
		ret = tp4_queue(&e->to.t, e->pkt, 500, 0) == 1 ? 0 : -EAGAIN;
	}
	return ret ?: tp4_set_queue(e->to.t.fd, 0);
}

/*
 * A queue does not start when it has changed hands. After a reset it does, for the
 * stack as well.
 */
TEST_F(zc_come_and_go, queue_does_not_start)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	long long violations;
	unsigned int round;
	int plain, prog;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	violations = model_value("status", "violations");
	/* So that only the queue pair is to be restarted */
	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, prog, XDP_FLAGS_DRV_MODE));
	close(prog);
	for (round = 0; round < 4; round++) {
		ASSERT_EQ(0, nics_ready(e));
		ASSERT_EQ(0, model("fault rx-dead 1"));
		ASSERT_EQ(-ETIMEDOUT, start_dead_queue(e));
		ASSERT_EQ(0, model_value("fault", "rx-dead"));
		/* The driver had taken frames: they are back, and poll() says so */
		EXPECT_EQ(POLLIN, tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS));
		/* What copy mode has received comes first */
		do {
			ASSERT_TRUE(tp4_rx_next(&e->to.t, &d));
		} while (!d.error);
		EXPECT_EQ(ECANCELED, d.error);
		EXPECT_EQ(violations, model_value("status", "violations"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());

		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		ASSERT_EQ(0, model("fault rx-dead 1"));
		ASSERT_EQ(0, frames_are_back(&e->to.t));
		ASSERT_EQ(0, model_value("fault", "rx-dead"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());

		plain = tp4_plain_open(e->to.ifindex, ETH_P_ALL);
		ASSERT_LE(0, plain);
		EXPECT_LT(0, tp4_plain_recv(plain, e->pkt, ENDS_MAX_PKT));
		close(plain);
	}
}

/* The card resets itself when a socket comes or goes, with and without a program */
TEST_F(zc_come_and_go, reset_meanwhile)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	unsigned int round, rounds = tp4_scaled(40, 8);
	struct ends *e = &self->e;
	int prog, ret;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	prog = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, prog);
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, round & 1 ? prog : -1,
					  XDP_FLAGS_DRV_MODE));
		ASSERT_EQ(0, nics_ready(e));
		if (round & 2) {
			ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
			ASSERT_EQ(0, receive_some(&e->to, RING));
			ASSERT_EQ(0, model("reset core"));
			end_close(&e->to);
		} else {
			ASSERT_EQ(0, model("reset core"));
			ret = end_open(&e->to, &cfg);
			EXPECT_TRUE(!ret || ret == -ENETDOWN)
				TH_LOG("%d", ret);
			end_close(&e->to);
		}
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, nics_ready(e));
		ASSERT_EQ(0, model("wait 60 receives 1 status"));
	}
	ASSERT_EQ(0, tp4_link_xdp(e->to.ifindex, -1, XDP_FLAGS_DRV_MODE));
	close(prog);
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
}

/*
 * The device goes into a reset while its driver is at commands, each of which times
 * out. The driver comes to the reset after that, and who closes the socket waits.
 */
TEST_F_TIMEOUT(zc_come_and_go, reset_within_command, 600)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	unsigned int flags = IFF_PROMISC | IFF_ALLMULTI;
	struct ends *e = &self->e;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
	ASSERT_EQ(0, model("fault aq-timeout 10"));
	ASSERT_EQ(0, tp4_link_flags(e->to.ifindex, IFF_ALLMULTI, flags));
	ASSERT_EQ(0, model("wait 60 aq-timeout 9 fault"));
	ASSERT_EQ(0, model("reset core"));
	end_close(&e->to);
	EXPECT_TRUE(tp4_pins_balanced());
	ASSERT_EQ(0, model("fault aq-timeout 0"));
	ASSERT_EQ(0, tp4_link_flags(e->to.ifindex, 0, flags));
	ASSERT_EQ(0, model("wait 120 receives 1 status"));
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
}

/*
 * The driver opens the device after a reset, gives RTNL back, tells the firmware which
 * driver it is (command 2), and waits for an answer that does not come; only then is
 * the reset over. Who leaves meanwhile must neither wait for rings that nobody stops,
 * nor have the device do no DMA any more.
 */
TEST_F_TIMEOUT(zc_come_and_go, reset_about_to_end, 300)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	unsigned int round, rounds = tp4_scaled(20, 4);
	struct ends *e = &self->e;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, RING));
		ASSERT_EQ(0, model("fault aq-timeout 1 2"));
		ASSERT_EQ(0, model("reset core"));
		ASSERT_EQ(0, model("wait 60 aq-timeout 0 fault"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());
	}
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
}

/*
 * The last socket's reset fails before the driver makes rings for the stack, and so
 * does the next attempt to bring the device up. The socket has gone for all of them.
 * The driver asks what the device is capable of with command 10.
 */
TEST_F(zc_come_and_go, last_reset_fails)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, RING));
		ASSERT_EQ(0, model("fault aq-error 2 5 10"));
		end_close(&e->to);
		ASSERT_EQ(1, model_value("fault", "aq-error"));
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, tp4_link_down(e->to.ifindex));
		/* With another reset */
		EXPECT_NE(0, tp4_link_up(e->to.ifindex));
		ASSERT_EQ(0, model_value("fault", "aq-error"));
		ASSERT_EQ(0, do_unbind(e));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
	}
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
}

/*
 * The device goes down for a moment, and does not come up again: the rings are there,
 * and nobody will free them as a reset does. The socket is told, goes at once, and
 * the administrator's next attempt works.
 */
TEST_F(zc_come_and_go, does_not_come_up)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned long long begin;
	unsigned int round;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, RING));
		ASSERT_EQ(0, model("fault rx-dead 1"));
		run("ethtool -K %s loopback on >/dev/null 2>&1", e->to.dev);
		ASSERT_EQ(0, model_value("fault", "rx-dead"));
		EXPECT_TRUE(tp4_poll(e->to.t.fd, 0, TP4_WAIT_MS) & POLLERR);
		begin = tp4_now_ms();
		end_close(&e->to);
		/* Less than it gives a reset */
		EXPECT_GT(begin + 8000, tp4_now_ms());
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, tp4_link_down(e->to.ifindex));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
	}
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
}

/*
 * Nor does it end, also with a queue that does not stop. The first socket gives up, and
 * does not leave before the device is cut off from its frames.
 */
TEST_F(zc_come_and_go, reset_does_not_end)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, model("fault rx-stuck %u", round));
		ASSERT_EQ(0, model("fault pf-reset 1"));
		ASSERT_EQ(-EIO, end_open(&e->to, &cfg));
		ASSERT_EQ(0, model_value("fault", "rx-stuck"));
		ASSERT_EQ(0, model_value("fault", "pf-reset"));
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, do_unbind(e));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, 2 * RING));
		end_close(&e->to);
	}
}

/* ---- the end -------------------------------------------------------------- */

TEST_F(zc_come_and_go, unbound)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	unsigned int round, n;
	struct tpacket4_desc d;
	char address[64];

	ASSERT_EQ(0, pci_address(e->to.dev, address, sizeof(address)));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
		ASSERT_EQ(0, receive_some(&e->to, RING));
		ASSERT_EQ(0, tp4_write_file("/sys/bus/pci/drivers/i40e/unbind",
					    address));
		EXPECT_TRUE(tp4_poll(e->to.t.fd, POLLIN, TP4_WAIT_MS) &
			    POLLERR);
		EXPECT_EQ(-1, tp4_get_queue(e->to.t.fd));
		for (n = 0; tp4_rx_next(&e->to.t, &d); n++)
			EXPECT_TRUE(!d.error || d.error == ENETDOWN);
		EXPECT_EQ(RING, n);
		end_close(&e->to);
		EXPECT_TRUE(tp4_pins_balanced());
		ASSERT_EQ(0, tp4_write_file("/sys/bus/pci/drivers/i40e/bind",
					    address));
		ASSERT_EQ(0, pci_restore(address, e->to.dev));
		ASSERT_EQ(0, nic_up(&e->to, ETH_DATA_LEN));
		ASSERT_EQ(0, nic_wait_carrier(e->from.dev));
	}
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
}

#define DIVIDE	"tc qdisc add dev %s root mqprio num_tc 2 map 0 1 " \
		"queues 1@0 1@1 hw 1 mode channel"

/*
 * Queues of traffic classes (channels), and those of a macvlan that the card knows, are
 * not the device's: they are not to be had beside zero copy, and a macvlan then does
 * without the card. Nor is there zero copy beside traffic classes.
 */
TEST_F_TIMEOUT(zc_come_and_go, no_channels, 300)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .tx_nr = RING };
	struct ends *e = &self->e;
	char *dev = e->to.dev;

	if (!have_model())
		SKIP(return, "there is no model of the ports");
	if (nic_queues(dev, false) < 2)
		SKIP(return, "a single queue cannot be divided");
	ASSERT_EQ(0, run("ethtool -K %s l2-fwd-offload on", dev));
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	ASSERT_EQ(0, receive_some(&e->to, RING));
	EXPECT_EQ(0, run(DIVIDE " 2>&1 | grep -q 'resource busy'", dev));
	ASSERT_EQ(0, run("ip link add link %s name tp4mv type macvlan", dev));
	ASSERT_EQ(0, run("ip link set tp4mv up"));
	EXPECT_EQ(0, receive_some(&e->to, 2 * RING));
	end_close(&e->to);

	/* The driver keeps queues for macvlans, once it has had one */
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	EXPECT_EQ(0, receive_some(&e->to, RING));
	ASSERT_EQ(0, run("ip link del tp4mv"));
	ASSERT_EQ(0, run("ethtool -K %s l2-fwd-offload off", dev));
	end_close(&e->to);

	ASSERT_EQ(0, run(DIVIDE, dev));
	ASSERT_EQ(0, nics_ready(e));
	EXPECT_EQ(-EOPNOTSUPP, end_open(&e->to, &cfg));
	end_close(&e->to);
	ASSERT_EQ(0, run("tc qdisc del dev %s root", dev));
	ASSERT_EQ(0, nics_ready(e));
	ASSERT_EQ(0, nic_open(e, &e->to, &cfg));
	EXPECT_EQ(0, receive_some(&e->to, RING));
}

TEST_HARNESS_MAIN

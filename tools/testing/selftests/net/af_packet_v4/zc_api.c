// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: PACKET_ZEROCOPY: who may have a queue pair, what is said to
 * those who may not, what cannot change while it is held, and how it is given
 * back. A socket that was refused goes on as it was.
 */

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define RING		16
#define LEN		100
#define MAX_PKT		4096

/* Two ends: zero copy is on tp4a */
struct ends {
	struct tp4_net net;
	int out;		/* plain sockets on tp4b */
	int in;
	int stack;		/* and on tp4a */
	__u32 seq;
	__u8 pkt[MAX_PKT];
};

static int ends_open(struct ends *e)
{
	int ret;

	ret = tp4_net_new(&e->net, NULL);
	if (ret)
		return ret;
	e->out = tp4_plain_open(e->net.b, 0);
	e->in = tp4_plain_open(e->net.b, TP4_ETH_P);
	e->stack = tp4_plain_open(e->net.a, TP4_ETH_P);
	return e->out < 0 || e->in < 0 || e->stack < 0 ? -EIO : 0;
}

static void ends_close(struct ends *e)
{
	close(e->out);
	close(e->in);
	close(e->stack);
}

FIXTURE(zc_api) {
	struct ends e;
};

/* The option is there before the socket is bound, or comes after that */
FIXTURE_VARIANT(zc_api) {
	bool after;
};

FIXTURE_VARIANT_ADD(zc_api, before_bind) {
	.after = false,
};

FIXTURE_VARIANT_ADD(zc_api, after_bind) {
	.after = true,
};

FIXTURE_SETUP(zc_api)
{
	ASSERT_EQ(0, ends_open(&self->e));
}

FIXTURE_TEARDOWN(zc_api)
{
	ends_close(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Where there is one order only */
FIXTURE(zc_once) {
	struct ends e;
};

FIXTURE_SETUP(zc_once)
{
	ASSERT_EQ(0, ends_open(&self->e));
}

FIXTURE_TEARDOWN(zc_once)
{
	ends_close(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* A socket with both rings, not bound */
static void open_socket(struct __test_metadata *_metadata, struct tp4 *t)
{
	struct tp4_cfg cfg = {
		.rx_nr = RING, .tx_nr = RING, .ignore_outgoing = true,
	};

	ASSERT_EQ(0, tp4_open(t, &cfg));
}

/* Asks for a queue pair in the variant's order; 0 or -errno of either call */
static int enter(bool after, const struct tp4 *t, int ifindex, int queue_pair)
{
	int ret;

	ret = after ? tp4_bind(t->fd, ifindex, ETH_P_ALL) :
		      tp4_set_queue(t->fd, queue_pair);
	if (ret)
		return ret;
	return after ? tp4_set_queue(t->fd, queue_pair) :
		       tp4_bind(t->fd, ifindex, ETH_P_ALL);
}

/* Once more, after a refusal */
static int enter_again(bool after, const struct tp4 *t, int ifindex,
		       int queue_pair)
{
	return after ? tp4_set_queue(t->fd, queue_pair) :
		       tp4_bind(t->fd, ifindex, ETH_P_ALL);
}

static int bound_to(const struct tp4 *t)
{
	struct sockaddr_ll ll = {};
	socklen_t len = sizeof(ll);

	if (getsockname(t->fd, (struct sockaddr *)&ll, &len))
		return -errno;
	return ll.sll_ifindex;
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/* Up again; that it was down is no news for the plain sockets */
static int up_again(const struct ends *e, int ifindex)
{
	int ret;

	ret = tp4_link_up(ifindex);
	so_error(e->in);
	so_error(e->stack);
	return ret;
}

/* Packets that went from or to frames, by the device that received them */
static long long zc_packets(const char *dev)
{
	return tp4_ethtool_stat(dev, "rx_queue_0_tp4_packets");
}

/* Are they, or will be soon? They are counted after they were seen. */
static bool zc_packets_are(const char *dev, long long want)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS / 6;
	long long seen;

	do {
		seen = zc_packets(dev);
		if (seen == want)
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);
	fprintf(stderr, "# %s: expected %lld packets in zero copy, seen %lld\n",
		dev, want, seen);
	return false;
}

/*
 * A packet each way between @t on tp4a and the stack on tp4b, and whose way it
 * was: zero copy's, which the device counts, or that of the stack, which sees
 * what copy mode receives
 */
static void exchange(struct __test_metadata *_metadata,
		     struct ends *e, struct tp4 *t, bool zc)
{
	long long a = zc_packets("tp4a"), b = zc_packets("tp4b");
	__u8 *pkt = e->pkt;
	int ret;

	ASSERT_LE(0, a);
	ASSERT_LE(0, b);
	tp4_pkt_fill(pkt, LEN, ++e->seq);
	ASSERT_EQ(0, tp4_plain_send(e->out, pkt, LEN));
	ret = tp4_recv_wait(t, pkt, MAX_PKT);
	ASSERT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, e->seq, LEN));
	if (zc) {
		EXPECT_EQ(0, tp4_poll(e->stack, POLLIN, 0));
	} else {
		ret = tp4_plain_recv(e->stack, pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, e->seq, LEN));
	}

	tp4_pkt_fill(pkt, LEN, ++e->seq);
	ASSERT_EQ(0, tp4_send(t, pkt, LEN, 0));
	ret = tp4_plain_recv(e->in, pkt, MAX_PKT);
	ASSERT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, e->seq, LEN));
	EXPECT_TRUE(zc_packets_are("tp4a", a + zc));
	EXPECT_TRUE(zc_packets_are("tp4b", b + zc));
}

/* The frames given are back: takes them, and gives them anew */
static void refill(struct __test_metadata *_metadata, struct tp4 *t, int error)
{
	unsigned int i, rx = tp4q_num_held(&t->rxq);
	bool seen[RING] = {};
	struct tpacket4_desc d;

	for (i = 0; i < rx; i++) {
		ASSERT_TRUE(tp4_rx_next(t, &d));
		EXPECT_EQ(error, d.error);
		ASSERT_GT(RING, d.idx);
		EXPECT_FALSE(seen[d.idx]);
		seen[d.idx] = true;
	}
	for (i = 0; i < RING; i++)
		tp4_rx_give(t, i);
	/* Nothing was under way: what happens to that is in zc_teardown.c */
	EXPECT_EQ(RING, t->free_nr);
}

/* From zero copy to copy mode */
static void leave(struct __test_metadata *_metadata, struct tp4 *t)
{
	ASSERT_EQ(0, tp4_set_queue(t->fd, -1));
	EXPECT_EQ(-1, tp4_get_queue(t->fd));
	refill(_metadata, t, ECANCELED);
}

/* A refused socket has no queue pair, and is bound as it was */
static void refused(struct __test_metadata *_metadata, bool after,
		    struct tp4 *t, int ifindex, int queue_pair, int want)
{
	EXPECT_EQ(want, enter(after, t, ifindex, queue_pair));
	if (after) {
		EXPECT_EQ(-1, tp4_get_queue(t->fd));
		EXPECT_EQ(ifindex, bound_to(t));
	} else {
		/* What it asks for, it asks for again */
		EXPECT_EQ(queue_pair, tp4_get_queue(t->fd));
		EXPECT_EQ(0, bound_to(t));
		EXPECT_EQ(want, tp4_bind(t->fd, ifindex, ETH_P_ALL));
		EXPECT_EQ(0, bound_to(t));
	}
}

/* ... and works in copy mode */
static void goes_on_copying(struct __test_metadata *_metadata,
			    struct ends *e, bool after,
			    struct tp4 *t)
{
	if (!after)
		ASSERT_EQ(0, tp4_set_queue(t->fd, -1));
	EXPECT_EQ(-1, tp4_get_queue(t->fd));
	if (bound_to(t) != e->net.a)
		ASSERT_EQ(0, tp4_bind(t->fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, t, false);
}

TEST_F(zc_api, enter)
{
	struct ends *e = &self->e;
	struct tp4 t;
	int i;

	open_socket(_metadata, &t);
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	EXPECT_EQ(e->net.a, bound_to(&t));
	for (i = 0; i < 3 * RING; i++)
		exchange(_metadata, e, &t, true);
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
}

TEST_F(zc_api, leave_and_enter_again)
{
	struct ends *e = &self->e;
	struct tp4 t;
	int i, k;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	for (i = 0; i < 40; i++) {
		for (k = 0; k < i % 5; k++)
			exchange(_metadata, e, &t, true);
		leave(_metadata, &t);
		for (k = 0; k < i % 7; k++)
			exchange(_metadata, e, &t, false);
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
		EXPECT_EQ(0, tp4_get_queue(t.fd));
	}
	exchange(_metadata, e, &t, true);
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
}

TEST_F(zc_api, minus_one_at_any_time)
{
	struct ends *e = &self->e;
	int one = 1;
	struct tp4 t;

	open_socket(_metadata, &t);
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	leave(_metadata, &t);
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	/* It is bound as before, and neither ring has lost its place */
	EXPECT_EQ(e->net.a, bound_to(&t));
	exchange(_metadata, e, &t, false);
	EXPECT_EQ(0, setsockopt(t.fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
				sizeof(one)));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

/* Errors of the argument; nothing has changed after them */
TEST_F(zc_api, bad_arguments)
{
	struct ends *e = &self->e;
	__u64 longer = 0;
	int zero = 0, v1;
	struct tp4 t;
	size_t i;
	static const int bad[] = { -2, -3, -1000, INT_MIN };

	v1 = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, v1);
	open_socket(_metadata, &t);
	if (variant->after)
		ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(-EINVAL, tp4_set_queue(t.fd, bad[i]));
	EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, &zero, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, &zero, 3));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, &longer,
				 8));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, NULL,
				 sizeof(int)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	if (!variant->after)
		ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, &t, false);

	/* Not V4 */
	for (i = TPACKET_V1; i < TPACKET_V4; i++) {
		ASSERT_EQ(0, tp4_version(v1, i));
		EXPECT_EQ(-EINVAL, tp4_set_queue(v1, 0));
		EXPECT_EQ(-EINVAL, tp4_set_queue(v1, -1));
		EXPECT_EQ(-1000 - ENOPROTOOPT, tp4_get_queue(v1));
	}
	tp4_close(&t);
	close(v1);
}

/* getsockopt() cuts its answer, as for other options */
TEST_F(zc_api, get)
{
	struct ends *e = &self->e;
	__u32 halves[2];
	socklen_t len;
	struct tp4 t;
	__u64 value;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	value = 0x5555555555555555;
	len = sizeof(value);
	ASSERT_EQ(0, getsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, &value,
				&len));
	EXPECT_EQ(sizeof(int), len);
	memcpy(halves, &value, sizeof(halves));
	EXPECT_EQ(0, halves[0]);
	EXPECT_EQ(0x55555555, halves[1]);
	len = -1;
	EXPECT_EQ(-1, getsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, &value,
				 &len));
	EXPECT_EQ(EINVAL, errno);
	len = sizeof(value);
	EXPECT_EQ(-1, getsockopt(t.fd, SOL_PACKET, PACKET_ZEROCOPY, NULL,
				 &len));
	EXPECT_EQ(EFAULT, errno);
	tp4_close(&t);
}

/* The last word before bind() counts */
TEST_F(zc_once, change_of_mind)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	EXPECT_EQ(0, tp4_set_queue(t.fd, INT_MAX));
	EXPECT_EQ(INT_MAX, tp4_get_queue(t.fd));
	EXPECT_EQ(0, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);

	open_socket(_metadata, &t);
	EXPECT_EQ(0, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

/* What was asked for in V4 does not outlive it */
TEST_F(zc_once, not_remembered_by_other_versions)
{
	struct ends *e = &self->e;
	int fd;

	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_set_queue(fd, 0));
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V2));
	EXPECT_EQ(-1000 - ENOPROTOOPT, tp4_get_queue(fd));
	EXPECT_EQ(0, tp4_bind(fd, e->net.a, ETH_P_ALL));
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(-1, tp4_get_queue(fd));
	close(fd);
}

/* Whom it is refused to */

TEST_F(zc_api, interface_down)
{
	struct ends *e = &self->e;
	struct tp4 t;

	ASSERT_EQ(0, tp4_link_down(e->net.a));
	open_socket(_metadata, &t);
	refused(_metadata, variant->after, &t, e->net.a, 0, -ENETDOWN);
	/* Copy mode can wait for an interface; it says so, as ever */
	if (!variant->after)
		ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
	ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	EXPECT_EQ(ENETDOWN, so_error(t.fd));
	ASSERT_EQ(0, up_again(e, e->net.a));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);

	ASSERT_EQ(0, tp4_link_down(e->net.a));
	open_socket(_metadata, &t);
	refused(_metadata, variant->after, &t, e->net.a, 0, -ENETDOWN);
	ASSERT_EQ(0, up_again(e, e->net.a));
	if (variant->after)
		EXPECT_EQ(ENETDOWN, so_error(t.fd));
	ASSERT_EQ(0, enter_again(variant->after, &t, e->net.a, 0));
	/* bind() has told it, nobody else has to */
	EXPECT_EQ(0, so_error(t.fd));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

/* The peer may be down: packets wait for it */
TEST_F(zc_api, peer_down)
{
	struct ends *e = &self->e;
	struct tp4 t;

	ASSERT_EQ(0, tp4_link_down(e->net.b));
	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	tp4_pkt_fill(e->pkt, LEN, 100);
	ASSERT_EQ(1, tp4_queue(&t, e->pkt, LEN, 0));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&t, 0));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&t, MSG_DONTWAIT));
	EXPECT_EQ(0, tp4_complete(&t));
	EXPECT_EQ(1, tp4q_num_held(&t.txq));

	/* It is not lost */
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	ASSERT_EQ(0, up_again(e, e->net.b));
	EXPECT_EQ(0, tp4_kick_all(&t, LEN));
	EXPECT_EQ(0, tp4_complete(&t));
	EXPECT_EQ(0, tp4q_num_held(&t.txq));
	EXPECT_EQ(LEN, tp4_plain_recv(e->in, e->pkt, MAX_PKT));
	EXPECT_TRUE(tp4_pkt_ok(e->pkt, LEN, 100, LEN));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

TEST_F(zc_api, no_such_queue)
{
	struct ends *e = &self->e;
	static const int bad[] = { 1, 2, 4096, 65536, INT_MAX };
	struct tp4 t;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		open_socket(_metadata, &t);
		refused(_metadata, variant->after, &t, e->net.a, bad[i],
			-EINVAL);
		goes_on_copying(_metadata, e, variant->after, &t);
		EXPECT_EQ(-EINVAL, tp4_set_queue(t.fd, bad[i]));
		EXPECT_EQ(0, tp4_set_queue(t.fd, 0));
		exchange(_metadata, e, &t, true);
		tp4_close(&t);
	}
}

/* A queue pair has both queues here, and one at the far end to send to */
TEST_F(zc_api, too_few_queues)
{
	static const struct {
		unsigned int rx, tx;		/* tp4c */
		unsigned int peer_rx, peer_tx;	/* tp4d */
		int queue_pair;
		int c, d;			/* errno at either end */
	} cases[] = {
		{ 4, 4, 4, 4, 3, 0, 0 },
		{ 4, 4, 4, 4, 4, -EINVAL, -EINVAL },
		/* veth has no fewer RX queues than its peer has TX queues */
		{ 4, 1, 4, 4, 1, -EINVAL, 0 },
		{ 4, 1, 4, 4, 0, 0, 0 },
		{ 4, 4, 4, 2, 2, 0, -EINVAL },
		{ 4, 4, 4, 2, 1, 0, 0 },
		{ 4, 3, 3, 4, 2, 0, 0 },
		{ 4, 3, 3, 4, 3, -EINVAL, -EINVAL },
		{ 4, 2, 2, 2, 2, -EINVAL, -EINVAL },
		{ 4, 2, 2, 2, 1, 0, 0 },
		{ 1, 1, 4, 1, 1, -EINVAL, -EINVAL },
		{ 1, 1, 4, 1, 0, 0, 0 },
	};
	struct tp4_netcfg cfg = { .queues = 4 };
	struct tp4 t;
	int c, d;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
		c = if_nametoindex("tp4c");
		d = if_nametoindex("tp4d");
		ASSERT_EQ(0, tp4_channels("tp4c", 4, cases[i].tx));
		ASSERT_EQ(0, tp4_channels("tp4d", cases[i].peer_rx,
					  cases[i].peer_tx));
		ASSERT_EQ(0, tp4_channels("tp4c", cases[i].rx, cases[i].tx))
			TH_LOG("case %zu", i);
		ASSERT_EQ(0, tp4_link_up(c));
		ASSERT_EQ(0, tp4_link_up(d));
		open_socket(_metadata, &t);
		EXPECT_EQ(cases[i].c, enter(variant->after, &t, c,
					    cases[i].queue_pair))
			TH_LOG("case %zu", i);
		tp4_close(&t);
		open_socket(_metadata, &t);
		EXPECT_EQ(cases[i].d, enter(variant->after, &t, d,
					    cases[i].queue_pair))
			TH_LOG("case %zu", i);
		tp4_close(&t);
		ASSERT_EQ(0, tp4_link_del(c));
	}
}

/* Drivers that cannot do it; never silently copy mode */
TEST_F(zc_api, no_driver_support)
{
	struct ends *e = &self->e;
	static const char * const devs[] = { "lo", "tp4dummy", "tp4vlan" };
	int ifindex;
	struct tp4 t;
	size_t i;

	ASSERT_EQ(0, tp4_link_add("tp4dummy", "dummy"));
	ASSERT_EQ(0, tp4_vlan_add(e->net.a, "tp4vlan", 5));
	for (i = 0; i < ARRAY_SIZE(devs); i++) {
		ifindex = if_nametoindex(devs[i]);
		ASSERT_LT(0, ifindex);
		ASSERT_EQ(0, tp4_link_up(ifindex));
		open_socket(_metadata, &t);
		refused(_metadata, variant->after, &t, ifindex, 0,
			-EOPNOTSUPP);
		goes_on_copying(_metadata, e, variant->after, &t);
		tp4_close(&t);

		/* The other device can */
		open_socket(_metadata, &t);
		refused(_metadata, variant->after, &t, ifindex, 0,
			-EOPNOTSUPP);
		ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
		if (variant->after)
			ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
		exchange(_metadata, e, &t, true);
		tp4_close(&t);
	}
}

TEST_F(zc_api, no_ring)
{
	struct ends *e = &self->e;
	struct tp4 t, plain;

	open_socket(_metadata, &t);
	plain = t;
	plain.fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, plain.fd);
	ASSERT_EQ(0, tp4_version(plain.fd, TPACKET_V4));
	refused(_metadata, variant->after, &plain, e->net.a, 0, -EINVAL);
	ASSERT_EQ(0, tp4_ring(plain.fd, PACKET_RX_RING, t.mr_fd, RING));
	EXPECT_EQ(0, enter_again(variant->after, &plain, e->net.a, 0));
	EXPECT_EQ(0, tp4_get_queue(plain.fd));
	close(plain.fd);
	tp4_close(&t);
}

/* What bind() itself has to say comes as without zero copy */
TEST_F(zc_api, bind_errors)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	if (!variant->after)
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-EINVAL, tp4_bind(t.fd, 0, ETH_P_ALL));
	EXPECT_EQ(-ENODEV, tp4_bind(t.fd, 12345, ETH_P_ALL));
	EXPECT_EQ(-EINVAL, tp4_bind(t.fd, e->net.a, ETH_P_IP));
	EXPECT_EQ(0, bound_to(&t));
	ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	if (variant->after)
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

static int drop_caps(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	return syscall(SYS_capset, &hdr, data);
}

/* Checked with the option and once more with bind() */
TEST_F(zc_api, not_privileged)
{
	struct ends *e = &self->e;
	struct tp4 t, late;

	open_socket(_metadata, &t);
	open_socket(_metadata, &late);
	ASSERT_EQ(0, variant->after ?
		     tp4_bind(late.fd, e->net.a, ETH_P_ALL) :
		     tp4_set_queue(late.fd, 0));
	ASSERT_EQ(0, drop_caps());

	EXPECT_EQ(-EPERM, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EPERM, enter_again(variant->after, &late, e->net.a, 0));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	EXPECT_EQ(variant->after ? -1 : 0, tp4_get_queue(late.fd));
	EXPECT_EQ(variant->after ? e->net.a : 0, bound_to(&late));
	/* To leave, no privilege is needed */
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	EXPECT_EQ(0, tp4_set_queue(late.fd, -1));
	tp4_close(&t);
	goes_on_copying(_metadata, e, true, &late);
	tp4_close(&late);
}

/* Held is held: nobody asks for the capability again */
TEST_F(zc_api, privileged_once)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	ASSERT_EQ(0, drop_caps());
	exchange(_metadata, e, &t, true);
	leave(_metadata, &t);
	exchange(_metadata, e, &t, false);
	EXPECT_EQ(-EPERM, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

/* Root of a user namespace is not root of a network that is not its own */
TEST_F(zc_api, user_namespace)
{
	struct ends *e = &self->e;
	struct tp4 t, late;

	open_socket(_metadata, &t);
	open_socket(_metadata, &late);
	ASSERT_EQ(0, variant->after ?
		     tp4_bind(late.fd, e->net.a, ETH_P_ALL) :
		     tp4_set_queue(late.fd, 0));
	if (unshare(CLONE_NEWUSER))
		SKIP(return, "no user namespaces here");

	EXPECT_EQ(-EPERM, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EPERM, enter_again(variant->after, &late, e->net.a, 0));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	EXPECT_EQ(variant->after ? e->net.a : 0, bound_to(&late));
	EXPECT_EQ(0, tp4_set_queue(late.fd, -1));
	tp4_close(&t);
	goes_on_copying(_metadata, e, true, &late);
	tp4_close(&late);
}

/* ... but of one that is */
TEST_F(zc_api, network_of_a_user_namespace)
{
	struct ends *e = &self->e;
	struct tp4 t;

	ends_close(&self->e);
	ASSERT_EQ(0, setresgid(54322, 54322, 54322));
	ASSERT_EQ(0, setresuid(54322, 54322, 54322));
	if (unshare(CLONE_NEWUSER))
		SKIP(return, "no user namespaces for users here");
	ASSERT_EQ(0, ends_open(&self->e));
	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	exchange(_metadata, e, &t, true);
	leave(_metadata, &t);
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

/* One queue pair, one socket */

TEST_F(zc_api, held_by_another_socket)
{
	struct ends *e = &self->e;
	struct tp4 holder, t, later;

	open_socket(_metadata, &holder);
	ASSERT_EQ(0, enter(variant->after, &holder, e->net.a, 0));
	open_socket(_metadata, &t);
	refused(_metadata, variant->after, &t, e->net.a, 0, -EBUSY);
	open_socket(_metadata, &later);
	refused(_metadata, variant->after, &later, e->net.a, 0, -EBUSY);
	/* The holder has noticed nothing */
	exchange(_metadata, e, &holder, true);

	/* Free at once, in both ways */
	leave(_metadata, &holder);
	ASSERT_EQ(0, enter_again(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EBUSY, tp4_set_queue(holder.fd, 0));
	tp4_close(&holder);
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
	ASSERT_EQ(0, enter_again(variant->after, &later, e->net.a, 0));
	exchange(_metadata, e, &later, true);
	tp4_close(&later);
}

/* A copy mode socket on the device is no obstacle, and gets nothing */
TEST_F(zc_api, copy_mode_beside_it)
{
	struct ends *e = &self->e;
	struct tp4 t, copy;

	open_socket(_metadata, &copy);
	ASSERT_EQ(0, tp4_bind(copy.fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, &copy, false);
	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	exchange(_metadata, e, &t, true);
	exchange(_metadata, e, &t, true);
	EXPECT_EQ(0, tp4_recv(&copy, e->pkt, MAX_PKT));
	/* It can still send: the stack has its own way out */
	tp4_pkt_fill(e->pkt, LEN, 77);
	EXPECT_EQ(0, tp4_send(&copy, e->pkt, LEN, 0));
	ASSERT_EQ(LEN, tp4_plain_recv(e->in, e->pkt, MAX_PKT));
	EXPECT_TRUE(tp4_pkt_ok(e->pkt, LEN, 77, LEN));
	tp4_close(&t);
	exchange(_metadata, e, &copy, false);
	tp4_close(&copy);
}

/* Two queue pairs for two sockets; a socket has one at most */
TEST_F(zc_api, queue_pairs_are_apart)
{
	struct tp4_netcfg cfg = { .queues = 2 };
	struct tp4 t, u, v;
	int c;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	c = if_nametoindex("tp4c");
	ASSERT_EQ(0, tp4_link_up(c));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
	open_socket(_metadata, &t);
	open_socket(_metadata, &u);
	open_socket(_metadata, &v);
	ASSERT_EQ(0, enter(variant->after, &t, c, 1));
	EXPECT_EQ(1, tp4_get_queue(t.fd));
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(1, tp4_get_queue(t.fd));
	ASSERT_EQ(0, enter(variant->after, &u, c, 0));
	refused(_metadata, variant->after, &v, c, 0, -EBUSY);
	EXPECT_EQ(variant->after ? -EBUSY : 0, tp4_set_queue(v.fd, 1));
	tp4_close(&t);
	ASSERT_EQ(0, variant->after ? tp4_set_queue(v.fd, 1) :
				      tp4_bind(v.fd, c, ETH_P_ALL));
	EXPECT_EQ(1, tp4_get_queue(v.fd));
	leave(_metadata, &v);
	ASSERT_EQ(0, tp4_set_queue(v.fd, 1));
	tp4_close(&u);
	leave(_metadata, &v);
	/* Another queue pair is a matter of leaving the first */
	ASSERT_EQ(0, tp4_set_queue(v.fd, 0));
	EXPECT_EQ(0, tp4_get_queue(v.fd));
	tp4_close(&v);
}

/* Held until descriptor and mapping are gone, and no longer */
TEST_F(zc_api, mapping_holds_it)
{
	struct ends *e = &self->e;
	struct tp4 t, u;
	void *status;
	int i;

	for (i = 0; i < 3; i++) {
		open_socket(_metadata, &t);
		ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
		status = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, t.fd,
			      TP4_PGOFF_STATUS);
		ASSERT_NE(MAP_FAILED, status);
		open_socket(_metadata, &u);
		ASSERT_EQ(0, variant->after ?
			     tp4_bind(u.fd, e->net.a, ETH_P_ALL) :
			     tp4_set_queue(u.fd, 0));
		/* Each of the three is the last one once */
		if (i != 0)
			close(t.fd);
		if (i != 1)
			munmap(t.map, t.map_len);
		if (i != 2)
			munmap(status, TP4_PAGE);
		EXPECT_EQ(-EBUSY, enter_again(variant->after, &u, e->net.a,
					      0));
		if (i == 0)
			close(t.fd);
		if (i == 1)
			munmap(t.map, t.map_len);
		if (i == 2)
			munmap(status, TP4_PAGE);
		EXPECT_EQ(0, enter_again(variant->after, &u, e->net.a, 0));
		exchange(_metadata, e, &u, true);
		t.fd = -1;
		t.map = NULL;
		tp4_close(&t);
		tp4_close(&u);
	}
}

/* What is settled as long as the queue pair is held */

TEST_F(zc_api, no_rebinding)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.b, ETH_P_ALL));
	EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.a, 0));
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 1));
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	EXPECT_EQ(e->net.a, bound_to(&t));
	exchange(_metadata, e, &t, true);

	leave(_metadata, &t);
	EXPECT_EQ(0, tp4_bind(t.fd, e->net.b, ETH_P_ALL));
	EXPECT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

TEST_F(zc_api, frozen)
{
	struct ends *e = &self->e;
	static const int refused_opts[] = {
		PACKET_VNET_HDR, PACKET_TX_HAS_OFF, PACKET_COPY_THRESH,
		PACKET_LOSS, PACKET_TIMESTAMP, PACKET_AUXDATA,
	};
	int v, one = 1;
	struct tp4 t;
	size_t i;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	munmap(t.map, t.map_len);
	for (v = 0; v <= 2 * RING; v += RING) {
		EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, v));
		EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, v));
	}
	for (v = TPACKET_V1; v < TPACKET_V4; v++)
		EXPECT_EQ(-EBUSY, tp4_version(t.fd, v));
	EXPECT_EQ(-EBUSY, tp4_memreg(t.fd, t.buf, t.buf_len, 0, 0));
	EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, PACKET_RESERVE, &one,
				 sizeof(one)));
	EXPECT_EQ(EBUSY, errno);
	for (i = 0; i < ARRAY_SIZE(refused_opts); i++) {
		EXPECT_EQ(-1, setsockopt(t.fd, SOL_PACKET, refused_opts[i],
					 &one, sizeof(one)));
		EXPECT_EQ(EINVAL, errno);
	}
	/* Mapping is allowed at any time */
	ASSERT_EQ(0, tp4_map(&t));
	for (i = 0; i < RING; i++)
		t.rxq.num_free--, t.rxq.avail_idx++;
	exchange(_metadata, e, &t, true);

	leave(_metadata, &t);
	munmap(t.map, t.map_len);
	EXPECT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 2 * RING));
	EXPECT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, 0));
	t.map = NULL;
	tp4_close(&t);
}

static int attach_filter(int fd, bool pass)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, pass ? 0xffffffff : 0),
	};
	struct sock_fprog prog = {
		.len = ARRAY_SIZE(code),
		.filter = code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog)) ? -errno : 0;
}

static int set_bool(int fd, int opt, int value)
{
	return setsockopt(fd, SOL_SOCKET, opt, &value, sizeof(value)) ?
	       -errno : 0;
}

/* Nobody would run it */
TEST_F(zc_api, filter)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, attach_filter(t.fd, true));
	refused(_metadata, variant->after, &t, e->net.a, 0, -EINVAL);
	ASSERT_EQ(0, set_bool(t.fd, SO_DETACH_FILTER, 0));
	ASSERT_EQ(0, enter_again(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));
	EXPECT_EQ(-EPERM, attach_filter(t.fd, false));
	EXPECT_EQ(-EPERM, set_bool(t.fd, SO_DETACH_FILTER, 0));
	EXPECT_EQ(-EPERM, set_bool(t.fd, SO_LOCK_FILTER, 0));
	exchange(_metadata, e, &t, true);
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));

	/* As it was before */
	leave(_metadata, &t);
	EXPECT_EQ(0, attach_filter(t.fd, true));
	exchange(_metadata, e, &t, false);
	EXPECT_EQ(-EINVAL, tp4_set_queue(t.fd, 0));
	exchange(_metadata, e, &t, false);
	EXPECT_EQ(0, attach_filter(t.fd, false));
	EXPECT_EQ(0, set_bool(t.fd, SO_DETACH_FILTER, 0));
	EXPECT_EQ(0, tp4_set_queue(t.fd, 0));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

/* Locked by the user, it stays so; not locked by a refusal */
TEST_F(zc_api, filter_lock)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	refused(_metadata, variant->after, &t, e->net.a, 1, -EINVAL);
	EXPECT_EQ(0, attach_filter(t.fd, true));
	EXPECT_EQ(0, set_bool(t.fd, SO_DETACH_FILTER, 0));
	tp4_close(&t);

	open_socket(_metadata, &t);
	ASSERT_EQ(0, set_bool(t.fd, SO_LOCK_FILTER, 1));
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));
	leave(_metadata, &t);
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));
	ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	leave(_metadata, &t);
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));
	tp4_close(&t);
}

static int join_fanout(int fd, unsigned int id)
{
	int arg = id | PACKET_FANOUT_LB << 16;

	return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) ?
	       -errno : 0;
}

TEST_F(zc_api, fanout)
{
	struct ends *e = &self->e;
	struct tp4 t, u;

	open_socket(_metadata, &t);
	if (!variant->after) {
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
		EXPECT_EQ(-EINVAL, join_fanout(t.fd, 1));
		ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	} else {
		ASSERT_EQ(0, enter(true, &t, e->net.a, 0));
	}
	EXPECT_EQ(-EINVAL, join_fanout(t.fd, 1));
	exchange(_metadata, e, &t, true);

	/* A member does not get the queue pair, be it free or not */
	open_socket(_metadata, &u);
	ASSERT_EQ(0, tp4_bind(u.fd, e->net.a, ETH_P_ALL));
	ASSERT_EQ(0, join_fanout(u.fd, 1));
	EXPECT_EQ(-EBUSY, tp4_set_queue(u.fd, 0));
	leave(_metadata, &t);
	EXPECT_EQ(-EBUSY, tp4_set_queue(u.fd, 0));
	EXPECT_EQ(-1, tp4_get_queue(u.fd));
	EXPECT_EQ(0, tp4_set_queue(u.fd, -1));
	exchange(_metadata, e, &u, false);
	/* Which the other copy mode socket has heard as well */
	EXPECT_EQ(LEN, tp4_recv(&t, e->pkt, MAX_PKT));

	/* In copy mode it is a socket like any other */
	EXPECT_EQ(0, join_fanout(t.fd, 1));
	tp4_close(&u);
	exchange(_metadata, e, &t, false);
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 0));
	tp4_close(&t);
}

/* send() and recvmsg() take no packets */
TEST_F(zc_api, send_and_receive)
{
	struct ends *e = &self->e;
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = e->net.a,
		.sll_halen = ETH_ALEN,
	};
	struct msghdr msg = {};
	struct tp4 t;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	EXPECT_EQ(0, tp4_kick(&t, 0));
	EXPECT_EQ(0, tp4_kick(&t, MSG_DONTWAIT));
	tp4_pkt_fill(e->pkt, LEN, 1);
	ASSERT_EQ(1, tp4_queue(&t, e->pkt, LEN, 0));
	EXPECT_EQ(-1, sendto(t.fd, NULL, 0, 0, (struct sockaddr *)&ll,
			     sizeof(ll)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, send(t.fd, e->pkt, LEN, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(1, tp4q_num_held(&t.txq));
	EXPECT_LE(0, sendmsg(t.fd, &msg, 0));
	EXPECT_EQ(LEN, tp4_plain_recv(e->in, e->pkt, MAX_PKT));
	EXPECT_EQ(0, tp4_complete(&t));

	EXPECT_EQ(-1, recv(t.fd, e->pkt, MAX_PKT, MSG_DONTWAIT));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(t.fd, e->pkt, MAX_PKT, MSG_ERRQUEUE));
	EXPECT_EQ(EAGAIN, errno);
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

/* A direction that has no ring stays with the stack */

TEST_F(zc_api, sends_only)
{
	struct ends *e = &self->e;
	struct tp4_cfg cfg = { .tx_nr = RING };
	long long a, b;
	struct tp4 t;
	int i, ret;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	a = zc_packets("tp4a");
	b = zc_packets("tp4b");
	for (i = 0; i < 3 * RING; i++) {
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_send(&t, e->pkt, LEN, 0));
		ret = tp4_plain_recv(e->in, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(e->out, e->pkt, LEN));
		ret = tp4_plain_recv(e->stack, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
	}
	EXPECT_EQ(a, zc_packets("tp4a"));
	EXPECT_TRUE(zc_packets_are("tp4b", b + 3 * RING));
	ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
	tp4_pkt_fill(e->pkt, LEN, i);
	EXPECT_EQ(0, tp4_send(&t, e->pkt, LEN, 0));
	EXPECT_EQ(LEN, tp4_plain_recv(e->in, e->pkt, MAX_PKT));
	tp4_close(&t);
}

/* Nor does one with protocol 0 receive, whatever rings it has */
TEST_F(zc_api, protocol_0_sends_only)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	struct tp4 t = {
		.frame_size = TP4_FRAME_SIZE_DEFAULT,
		.buf_len = 4 * TP4_PAGE,
		.rx_nr = 2,
	};
	int i, ret;

	t.fd = socket(AF_PACKET, SOCK_RAW, 0);
	ASSERT_LE(0, t.fd);
	t.mr_fd = t.fd;
	ASSERT_EQ(0, tp4_version(t.fd, TPACKET_V4));
	t.buf = mmap(NULL, t.buf_len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, t.buf);
	ASSERT_EQ(0, tp4_memreg(t.fd, t.buf, t.buf_len, t.frame_size, 0));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.fd, t.rx_nr));

	/* There is nothing left that it could do */
	ret = variant->after ? tp4_bind(t.fd, e->net.a, 0) :
			       tp4_set_queue(t.fd, 0);
	ASSERT_EQ(0, ret);
	ret = variant->after ? tp4_set_queue(t.fd, 0) :
			       tp4_bind(t.fd, e->net.a, 0);
	EXPECT_EQ(-EINVAL, ret);

	t.tx_nr = 2;
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.fd, t.tx_nr));
	ASSERT_EQ(0, tp4_map(&t));
	tp4_rx_give(&t, 0);
	tp4_rx_give(&t, 1);
	ret = variant->after ? tp4_set_queue(t.fd, 0) :
			       tp4_bind(t.fd, e->net.a, 0);
	ASSERT_EQ(0, ret);
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	for (i = 0; i < 5; i++) {
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(e->out, e->pkt, LEN));
		ret = tp4_plain_recv(e->stack, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
		tp4_pkt_fill(tp4_frame(&t, 2), LEN, i);
		tp4_tx_give(&t, 2, LEN, 0, 0);
		EXPECT_EQ(0, tp4_kick_all(&t, LEN));
		EXPECT_TRUE(tp4_tx_next(&t, &d));
		ret = tp4_plain_recv(e->in, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
	}
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	EXPECT_FALSE(tp4_rx_next(&t, &d));

	/* Its frames come back with the queue pair */
	ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
	for (i = 0; i < 2; i++) {
		ASSERT_TRUE(tp4_rx_next(&t, &d));
		EXPECT_EQ(ECANCELED, d.error);
	}
	munmap(t.buf, t.buf_len);
	tp4_close(&t);
}

TEST_F(zc_api, receives_only)
{
	struct ends *e = &self->e;
	struct tp4_cfg cfg = { .rx_nr = RING };
	long long a, b;
	struct tp4 t;
	int i, ret, out;

	out = tp4_plain_open(e->net.a, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	a = zc_packets("tp4a");
	b = zc_packets("tp4b");
	EXPECT_EQ(-EINVAL, tp4_kick(&t, 0));
	for (i = 0; i < 3 * RING; i++) {
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(e->out, e->pkt, LEN));
		ret = tp4_recv_wait(&t, e->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(out, e->pkt, LEN));
		ret = tp4_plain_recv(e->in, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
	}
	EXPECT_TRUE(zc_packets_are("tp4a", a + 3 * RING));
	EXPECT_EQ(b, zc_packets("tp4b"));
	EXPECT_EQ(0, tp4_poll(e->stack, POLLIN, 0));
	tp4_close(&t);
	close(out);
}

/* ethtool -L: neither end may take a held queue pair away */
TEST_F(zc_api, channels)
{
	struct tp4_netcfg cfg = { .queues = 4 };
	unsigned int round;
	struct tp4 t;
	int c, d;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	c = if_nametoindex("tp4c");
	d = if_nametoindex("tp4d");
	for (round = 0; round < 2; round++) {
		/* Down and up: both ways of changing queues */
		if (round) {
			ASSERT_EQ(0, tp4_link_up(d));
			ASSERT_EQ(0, tp4_link_down(d));
		}
		ASSERT_EQ(0, tp4_link_up(c));
		if (!round)
			ASSERT_EQ(0, tp4_link_up(d));
		open_socket(_metadata, &t);
		ASSERT_EQ(0, enter(variant->after, &t, c, 2));
		EXPECT_EQ(-EINVAL, tp4_channels("tp4c", 4, 2));
		EXPECT_EQ(-EINVAL, tp4_channels("tp4c", 2, 2));
		EXPECT_EQ(-EINVAL, tp4_channels("tp4c", 1, 1));
		EXPECT_EQ(-EINVAL, tp4_channels("tp4d", 2, 4));
		EXPECT_EQ(-EINVAL, tp4_channels("tp4d", 1, 1));
		/* Those above it may come and go */
		EXPECT_EQ(0, tp4_channels("tp4c", 4, 3));
		EXPECT_EQ(0, tp4_channels("tp4d", 3, 3));
		EXPECT_EQ(0, tp4_channels("tp4c", 3, 3));
		EXPECT_EQ(0, tp4_channels("tp4c", 4, 3));
		EXPECT_EQ(0, tp4_channels("tp4d", 4, 4));
		EXPECT_EQ(0, tp4_channels("tp4c", 4, 4));
		EXPECT_EQ(2, tp4_get_queue(t.fd));
		leave(_metadata, &t);
		EXPECT_EQ(0, tp4_channels("tp4c", 4, 1));
		EXPECT_EQ(0, tp4_channels("tp4d", 1, 1));
		EXPECT_EQ(-EINVAL, tp4_set_queue(t.fd, 2));
		EXPECT_EQ(0, tp4_channels("tp4d", 4, 1));
		EXPECT_EQ(0, tp4_channels("tp4c", 4, 4));
		EXPECT_EQ(0, tp4_channels("tp4d", 4, 4));
		EXPECT_EQ(0, tp4_set_queue(t.fd, 2));
		tp4_close(&t);
	}
}

/* Queues that come and go leave the traffic of the others alone */
TEST_F(zc_api, channels_beside_it)
{
	struct ends *e = &self->e;
	struct tp4_netcfg cfg = { .queues = 4 };
	struct tp4 t, u;
	int c, d, i, ret;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	c = if_nametoindex("tp4c");
	d = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(c));
	ASSERT_EQ(0, tp4_link_up(d));
	open_socket(_metadata, &t);
	open_socket(_metadata, &u);
	ASSERT_EQ(0, enter(variant->after, &t, c, 1));
	ASSERT_EQ(0, enter(variant->after, &u, d, 1));
	for (i = 0; i < 30; i++) {
		if (i % 2) {
			ASSERT_EQ(0, tp4_channels("tp4c", 4, 2));
			ASSERT_EQ(0, tp4_channels("tp4d", 2, 2));
			ASSERT_EQ(0, tp4_channels("tp4c", 2, 2));
		} else {
			ASSERT_EQ(0, tp4_channels("tp4c", 4, 2));
			ASSERT_EQ(0, tp4_channels("tp4d", 4, 4));
			ASSERT_EQ(0, tp4_channels("tp4c", 4, 4));
		}
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_send(&t, e->pkt, LEN, 0));
		ret = tp4_recv_wait(&u, e->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
		ASSERT_EQ(0, tp4_send(&u, e->pkt, LEN, 0));
		ret = tp4_recv_wait(&t, e->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
	}
	tp4_close(&t);
	tp4_close(&u);
}

/* The interface goes down: the queue pair is lost, and never turns into copy
 * mode by itself
 */

static void lose(struct __test_metadata *_metadata,
		 struct ends *e, struct tp4 *t)
{
	ASSERT_EQ(0, tp4_link_down(e->net.a));
	EXPECT_EQ(POLLERR, tp4_poll(t->fd, POLLOUT, 0) & POLLERR);
	EXPECT_EQ(POLLERR | POLLIN, tp4_poll(t->fd, POLLIN, 0));
	EXPECT_EQ(-1, tp4_get_queue(t->fd));
	EXPECT_EQ(ENETDOWN, so_error(t->fd));
	EXPECT_EQ(POLLIN, tp4_poll(t->fd, POLLIN, 0));
	EXPECT_EQ(e->net.a, bound_to(t));
}

TEST_F(zc_api, lost_when_going_down)
{
	struct ends *e = &self->e;
	struct tp4 t;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	exchange(_metadata, e, &t, true);
	lose(_metadata, e, &t);
	refill(_metadata, &t, ENETDOWN);
	EXPECT_EQ(-ENETDOWN, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	/* It has a queue pair still to leave, or to get again */
	EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.b, ETH_P_ALL));
	EXPECT_EQ(-EPERM, attach_filter(t.fd, true));
	EXPECT_EQ(-EINVAL, join_fanout(t.fd, 1));

	ASSERT_EQ(0, up_again(e, e->net.a));
	EXPECT_EQ(0, so_error(t.fd));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(0, tp4_get_queue(t.fd));
	exchange(_metadata, e, &t, true);
	leave(_metadata, &t);
	EXPECT_EQ(0, attach_filter(t.fd, true));
	exchange(_metadata, e, &t, false);
	tp4_close(&t);
}

/* Up again: what comes is the stack's, and nobody else's */
TEST_F(zc_api, lost_is_not_copy_mode)
{
	struct ends *e = &self->e;
	struct tp4 t;
	int i, ret;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	lose(_metadata, e, &t);
	refill(_metadata, &t, ENETDOWN);
	ASSERT_EQ(0, up_again(e, e->net.a));
	tp4_pkt_fill(e->pkt, LEN, 1);
	ASSERT_EQ(1, tp4_queue(&t, e->pkt, LEN, 0));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&t, 0));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&t, MSG_DONTWAIT));
	for (i = 0; i < 2 * RING; i++) {
		tp4_pkt_fill(e->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(e->out, e->pkt, LEN));
		ret = tp4_plain_recv(e->stack, e->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, LEN));
	}
	EXPECT_EQ(0, tp4_recv(&t, e->pkt, MAX_PKT));
	EXPECT_EQ(0, tp4_poll(e->in, POLLIN, 0));
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	EXPECT_EQ(0, so_error(t.fd));

	/* What was queued meanwhile goes out with the next queue pair */
	ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(0, tp4_kick_all(&t, LEN));
	EXPECT_EQ(0, tp4_complete(&t));
	ret = tp4_plain_recv(e->in, e->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, 1, LEN));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
}

/* Leaving, while down or up again */
TEST_F(zc_api, lost_and_left)
{
	struct ends *e = &self->e;
	struct tp4 t;
	int i;

	for (i = 0; i < 2; i++) {
		open_socket(_metadata, &t);
		ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
		exchange(_metadata, e, &t, true);
		lose(_metadata, e, &t);
		refill(_metadata, &t, ENETDOWN);
		if (i)
			ASSERT_EQ(0, up_again(e, e->net.a));
		EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
		EXPECT_EQ(-1, tp4_get_queue(t.fd));
		if (!i)
			ASSERT_EQ(0, up_again(e, e->net.a));
		EXPECT_EQ(0, attach_filter(t.fd, true));
		exchange(_metadata, e, &t, false);
		EXPECT_EQ(0, set_bool(t.fd, SO_DETACH_FILTER, 0));
		EXPECT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
		EXPECT_EQ(0, tp4_set_queue(t.fd, 0));
		exchange(_metadata, e, &t, true);
		tp4_close(&t);
	}
}

/* Somebody else may have it by then */
TEST_F(zc_api, lost_to_another_socket)
{
	struct ends *e = &self->e;
	struct tp4 t, u;

	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, e->net.a, 0));
	lose(_metadata, e, &t);
	refill(_metadata, &t, ENETDOWN);
	ASSERT_EQ(0, up_again(e, e->net.a));
	open_socket(_metadata, &u);
	ASSERT_EQ(0, enter(variant->after, &u, e->net.a, 0));
	EXPECT_EQ(-EBUSY, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	exchange(_metadata, e, &u, true);
	/* The one that has lost it takes nothing away when it goes */
	tp4_close(&t);
	exchange(_metadata, e, &u, true);
	tp4_close(&u);
}

/* Lost for good: another device is as good, once the first is left */
TEST_F(zc_api, device_is_gone)
{
	struct ends *e = &self->e;
	struct tp4_netcfg cfg = {};
	struct tp4 t;
	int c, i;

	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
		c = if_nametoindex("tp4c");
		ASSERT_EQ(0, tp4_link_up(c));
		ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
		open_socket(_metadata, &t);
		ASSERT_EQ(0, enter(variant->after, &t, c, 0));
		/* By its own name, and by its peer's */
		ASSERT_EQ(0, tp4_link_del(i % 2 ? c : if_nametoindex("tp4d")));
		EXPECT_EQ(POLLERR, tp4_poll(t.fd, 0, TP4_WAIT_MS));
		EXPECT_EQ(ENETDOWN, so_error(t.fd));
		EXPECT_EQ(-1, tp4_get_queue(t.fd));
		refill(_metadata, &t, ENETDOWN);
		EXPECT_EQ(-ENETDOWN, tp4_set_queue(t.fd, 0));
		EXPECT_EQ(-EBUSY, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
		if (i / 2) {
			EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
			ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
			exchange(_metadata, e, &t, false);
			ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
			exchange(_metadata, e, &t, true);
		}
		tp4_close(&t);
	}
}

/* To another namespace: it goes down on the way */
TEST_F(zc_api, device_moves_away)
{
	struct ends *e = &self->e;
	struct tp4_netcfg cfg = {};
	int c, home, away;
	struct tp4 t;

	home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, home);
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	away = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, away);
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	c = if_nametoindex("tp4c");
	ASSERT_EQ(0, tp4_link_up(c));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
	open_socket(_metadata, &t);
	ASSERT_EQ(0, enter(variant->after, &t, c, 0));
	ASSERT_EQ(0, tp4_link_netns(c, away));
	EXPECT_EQ(POLLERR | POLLIN, tp4_poll(t.fd, POLLIN, 0));
	EXPECT_EQ(ENETDOWN, so_error(t.fd));
	EXPECT_EQ(-1, tp4_get_queue(t.fd));
	refill(_metadata, &t, ENETDOWN);
	EXPECT_EQ(-ENETDOWN, tp4_set_queue(t.fd, 0));
	EXPECT_EQ(0, tp4_set_queue(t.fd, -1));
	ASSERT_EQ(0, tp4_bind(t.fd, e->net.a, ETH_P_ALL));
	ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	exchange(_metadata, e, &t, true);
	tp4_close(&t);
	close(home);
	close(away);
}

/* Threads that want the same queue pair: it is never given twice */
struct racer {
	struct tp4 *t;
	unsigned int *holders;
	unsigned int rounds;
	unsigned int won;
	int ret;
};

static void *race(void *arg)
{
	struct racer *r = arg;
	unsigned int i;
	int ret;

	for (i = 0; i < r->rounds; i++) {
		ret = tp4_set_queue(r->t->fd, 0);
		if (ret == -EBUSY) {
			sched_yield();
			continue;
		}
		if (!ret && __atomic_fetch_add(r->holders, 1,
					       __ATOMIC_ACQ_REL))
			ret = -EEXIST;
		if (ret) {
			r->ret = ret;
			return NULL;
		}
		r->won++;
		sched_yield();
		__atomic_fetch_sub(r->holders, 1, __ATOMIC_ACQ_REL);
		ret = tp4_set_queue(r->t->fd, -1);
		if (ret) {
			r->ret = ret;
			return NULL;
		}
	}
	return NULL;
}

TEST_F(zc_once, race)
{
	struct ends *e = &self->e;
	struct racer racers[3] = {};
	unsigned int holders = 0, won = 0, i;
	pthread_t threads[3];
	struct tp4 t[3];

	for (i = 0; i < 3; i++) {
		open_socket(_metadata, &t[i]);
		ASSERT_EQ(0, tp4_bind(t[i].fd, e->net.a, ETH_P_ALL));
		racers[i].t = &t[i];
		racers[i].holders = &holders;
		racers[i].rounds = tp4_scaled(500, 50);
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race,
					    &racers[i]));
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, racers[i].ret);
		won += racers[i].won;
	}
	EXPECT_LT(0, won);
	for (i = 0; i < 3; i++) {
		EXPECT_TRUE(tp4_guards_ok(&t[i]));
		tp4_close(&t[i]);
	}
}

TEST_HARNESS_MAIN

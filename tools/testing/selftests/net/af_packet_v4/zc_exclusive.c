// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 in zero copy: a queue pair has one holder. An AF_XDP socket, in
 * whatever mode, another socket of ours, and generic XDP on the device are kept
 * away while one has it, and keep it away while they are there; others are not
 * in the way, and who comes after does not have to wait.
 */

#include <fcntl.h>
#include <sched.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"
#include "tp4_xdp.h"

#define RING		64
#define QUEUES		2
#define LEN		300
#define MAX_PKT		2048

FIXTURE(zc_exclusive) {
	struct tp4_net net;
	int out;		/* plain, sends on a */
	struct tp4 t;		/* on b */
	struct tp4_xsk x;
	__u32 seq;
	__u8 pkt[MAX_PKT];
};

/* How a socket asks for its queue pair */
FIXTURE_VARIANT(zc_exclusive) {
	bool before_bind;
};

FIXTURE_VARIANT_ADD(zc_exclusive, before_bind) {
	.before_bind = true,
};

FIXTURE_VARIANT_ADD(zc_exclusive, after_bind) {
	.before_bind = false,
};

FIXTURE_SETUP(zc_exclusive)
{
	struct tp4_netcfg cfg = { .queues = QUEUES };

	memset(&self->t, 0, sizeof(self->t));
	self->t.fd = -1;
	self->t.mr_fd = -1;
	ASSERT_EQ(0, tp4_net_new(&self->net, &cfg));
	/* What a sends is for b's queue 0, whatever its hash is */
	ASSERT_EQ(0, tp4_channels("tp4a", QUEUES, 1));
	self->out = tp4_plain_open(self->net.a, 0);
	ASSERT_LE(0, self->out);
	ASSERT_EQ(0, tp4_xsk_open(&self->x));
}

FIXTURE_TEARDOWN(zc_exclusive)
{
	tp4_xsk_close(&self->x);
	tp4_close(&self->t);
	close(self->out);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* A socket on @ifindex, in copy mode unless before_bind asks for more */
static int prepare(struct tp4 *t, int ifindex)
{
	const struct tp4_cfg cfg = {
		.ifindex = ifindex, .rx_nr = RING, .tx_nr = RING,
		.ignore_outgoing = true,
	};

	return tp4_open(t, &cfg);
}

/*
 * 0: it holds the queue pair. A negative errno: it does not, and was not bound,
 * or is in copy mode, as it was.
 */
static int hold_on(const struct _fixture_variant_zc_exclusive *variant,
		   struct tp4 *t, int ifindex, int queue)
{
	int ret;

	ret = prepare(t, variant->before_bind ? 0 : ifindex);
	if (ret)
		return ret;
	ret = tp4_set_queue(t->fd, queue);
	if (!variant->before_bind || ret)
		return ret;
	return tp4_bind(t->fd, ifindex, ETH_P_ALL);
}

static int hold(const struct _fixture_variant_zc_exclusive *variant,
		struct tp4 *t, int ifindex, int queue)
{
	int ret;

	ret = hold_on(variant, t, ifindex, queue);
	if (ret)
		tp4_close(t);
	return ret;
}

/* What the stack of a sends comes to this socket */
static void expect_traffic(struct __test_metadata *_metadata,
			   struct _test_data_zc_exclusive *self, struct tp4 *t)
{
	int i, ret;

	for (i = 0; i < RING * 2; i++) {
		tp4_pkt_fill(self->pkt, LEN, self->seq);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, LEN));
		ret = tp4_recv_wait(t, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, self->seq,
						  LEN));
		self->seq++;
	}
	EXPECT_EQ(0, tp4_recv(t, self->pkt, MAX_PKT));
}

static void expect_xsk_traffic(struct __test_metadata *_metadata,
			       struct _test_data_zc_exclusive *self)
{
	int map, prog, i, ret;

	map = tp4_map_create(BPF_MAP_TYPE_XSKMAP, sizeof(__u32), 1);
	ASSERT_LE(0, map);
	ASSERT_EQ(0, tp4_map_set_u32(map, 0, self->x.fd));
	prog = tp4_prog_redirect_map(map);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, XDP_FLAGS_DRV_MODE));
	for (i = 0; i < TP4_XSK_FRAMES * 2; i++) {
		tp4_pkt_fill(self->pkt, LEN, self->seq);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, LEN));
		ret = tp4_xsk_recv_wait(&self->x, self->pkt, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, self->seq,
						  LEN));
		self->seq++;
	}
	EXPECT_EQ(0, tp4_xsk_recv(&self->x, self->pkt, MAX_PKT));
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, -1, XDP_FLAGS_DRV_MODE));
	close(prog);
	close(map);
}

/* AF_XDP gives its queue back some time after close(), from a work item */
static int hold_in_time(const struct _fixture_variant_zc_exclusive *variant,
			struct tp4 *t, int ifindex, int queue)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	int ret;

	do {
		ret = hold(variant, t, ifindex, queue);
		if (ret != -EBUSY)
			return ret;
		sched_yield();
	} while (tp4_now_ms() < end);
	return ret;
}

TEST_F(zc_exclusive, af_xdp_comes_second)
{
	static const __u16 modes[] = { 0, XDP_COPY, XDP_ZEROCOPY };
	struct tp4_xsk x;
	unsigned int i;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		ASSERT_EQ(0, tp4_xsk_open(&x));
		EXPECT_EQ(-EBUSY, tp4_xsk_bind(&x, self->net.b, 0, modes[i]))
			TH_LOG("bind flags %#x", modes[i]);
		/* It may have another; once, as that is not free at once */
		if (!i)
			EXPECT_EQ(0, tp4_xsk_bind(&x, self->net.b, 1,
						  XDP_COPY));
		tp4_xsk_close(&x);
	}
	expect_traffic(_metadata, self, &self->t);

	/* At once */
	EXPECT_EQ(-EBUSY, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	expect_xsk_traffic(_metadata, self);
}

TEST_F(zc_exclusive, af_xdp_comes_second_and_we_leave)
{
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	EXPECT_EQ(-EBUSY, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	ASSERT_EQ(0, tp4_set_queue(self->t.fd, -1));
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	/* Copy mode is not in the way, nor can it go back */
	EXPECT_EQ(-EBUSY, tp4_set_queue(self->t.fd, 0));
	EXPECT_EQ(-1, tp4_get_queue(self->t.fd));
	EXPECT_EQ(0, tp4_set_queue(self->t.fd, 1));
	expect_xsk_traffic(_metadata, self);
}

TEST_F(zc_exclusive, af_xdp_comes_first)
{
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	ASSERT_EQ(-EBUSY, hold_on(variant, &self->t, self->net.b, 0));
	if (variant->before_bind) {
		/* Not bound, and a bind() without zero copy is all right */
		EXPECT_EQ(0, tp4_get_queue(self->t.fd));
		EXPECT_EQ(-EBUSY, tp4_bind(self->t.fd, self->net.b, ETH_P_ALL));
		ASSERT_EQ(0, tp4_set_queue(self->t.fd, -1));
		ASSERT_EQ(0, tp4_bind(self->t.fd, self->net.b, ETH_P_ALL));
	}
	EXPECT_EQ(-1, tp4_get_queue(self->t.fd));
	/* Copy mode, with all its frames */
	expect_traffic(_metadata, self, &self->t);
	expect_xsk_traffic(_metadata, self);
	tp4_close(&self->t);

	/* Another queue, or the other end, is another matter */
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 1));
	tp4_close(&self->t);
	ASSERT_EQ(0, hold(variant, &self->t, self->net.a, 0));
	tp4_close(&self->t);

	tp4_xsk_close(&self->x);
	ASSERT_EQ(0, hold_in_time(variant, &self->t, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);
}

/* An AF_XDP socket that has no frames and no queue of its own */
TEST_F(zc_exclusive, af_xdp_shares_its_umem)
{
	int fd;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 1, XDP_COPY));
	EXPECT_EQ(-EBUSY, tp4_xsk_bind_shared(&self->x, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);
	tp4_close(&self->t);
	fd = tp4_xsk_bind_shared(&self->x, self->net.b, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EBUSY, hold(variant, &self->t, self->net.b, 0));
	close(fd);
}

TEST_F(zc_exclusive, next_to_af_xdp)
{
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 1, XDP_COPY));
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);
	tp4_xsk_close(&self->x);
	expect_traffic(_metadata, self, &self->t);
}

TEST_F(zc_exclusive, another_socket)
{
	struct tp4 second;
	int i;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	for (i = 0; i < 3; i++)
		EXPECT_EQ(-EBUSY, hold(variant, &second, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);

	/* Another queue, the same queue of the other end */
	ASSERT_EQ(0, hold(variant, &second, self->net.b, 1));
	expect_traffic(_metadata, self, &self->t);
	EXPECT_EQ(0, tp4_recv(&second, self->pkt, MAX_PKT));
	tp4_close(&second);
	ASSERT_EQ(0, hold(variant, &second, self->net.a, 0));
	tp4_close(&second);

	/* In copy mode there may be any number, though they get nothing */
	ASSERT_EQ(0, prepare(&second, self->net.b));
	expect_traffic(_metadata, self, &self->t);
	EXPECT_EQ(0, tp4_recv(&second, self->pkt, MAX_PKT));
	/* and one of them can have it as soon as it is free */
	EXPECT_EQ(-EBUSY, tp4_set_queue(second.fd, 0));
	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_set_queue(second.fd, 0));
	expect_traffic(_metadata, self, &second);
	tp4_close(&second);
}

/* A queue pair goes from one to the next, with packets coming in all the time */
TEST_F(zc_exclusive, at_once)
{
	unsigned int i, n = tp4_scaled(200, 20);
	struct tp4 t[2];

	ASSERT_EQ(0, hold(variant, &t[0], self->net.b, 0));
	for (i = 0; i < n; i++) {
		struct tp4 *old = &t[i % 2], *new = &t[(i + 1) % 2];

		EXPECT_EQ(-EBUSY, hold(variant, new, self->net.b, 0));
		tp4_pkt_fill(self->pkt, LEN, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, LEN));
		tp4_close(old);
		ASSERT_EQ(0, hold(variant, new, self->net.b, 0));
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, LEN));
		ASSERT_LT(0, tp4_recv_wait(new, self->pkt, MAX_PKT));
	}
	tp4_close(&t[n % 2]);
}

/* It is held as long as somebody could use it: a mapping is enough */
TEST_F(zc_exclusive, by_whatever_is_left)
{
	struct tp4 second;
	int copy;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	copy = dup(self->t.fd);
	ASSERT_LE(0, copy);
	close(self->t.fd);
	self->t.fd = copy;
	EXPECT_EQ(-EBUSY, hold(variant, &second, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);

	close(self->t.fd);
	self->t.fd = -1;
	EXPECT_EQ(-EBUSY, hold(variant, &second, self->net.b, 0));
	EXPECT_EQ(-EBUSY, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	ASSERT_EQ(0, munmap(self->t.map, self->t.map_len));
	self->t.map = NULL;
	ASSERT_EQ(0, hold(variant, &second, self->net.b, 0));
	expect_traffic(_metadata, self, &second);
	tp4_close(&second);
}

/* The status page is a mapping like any other */
TEST_F(zc_exclusive, by_the_status_page)
{
	struct tp4 second;
	void *status;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	status = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, self->t.fd,
		      TP4_PGOFF_STATUS);
	ASSERT_NE(MAP_FAILED, status);
	tp4_close(&self->t);
	EXPECT_EQ(-EBUSY, hold(variant, &second, self->net.b, 0));
	ASSERT_EQ(0, munmap(status, TP4_PAGE));
	ASSERT_EQ(0, hold(variant, &second, self->net.b, 0));
	tp4_close(&second);
}

/* Who has lost it does not have it any more */
TEST_F(zc_exclusive, lost_is_free)
{
	struct tp4 second;

	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	ASSERT_EQ(0, tp4_link_down(self->net.b));
	ASSERT_EQ(0, tp4_link_up(self->net.b));
	ASSERT_EQ(0, hold(variant, &second, self->net.b, 0));
	EXPECT_EQ(-EBUSY, tp4_set_queue(self->t.fd, 0));
	expect_traffic(_metadata, self, &second);
	tp4_close(&second);
	ASSERT_EQ(0, tp4_xsk_bind(&self->x, self->net.b, 0, XDP_COPY));
	EXPECT_EQ(-EBUSY, tp4_set_queue(self->t.fd, 0));
}

/* Generic XDP sees what the stack sees, so not a held queue's packets */
TEST_F(zc_exclusive, generic_xdp_comes_second)
{
	int pass = tp4_prog_const(XDP_PASS);
	int link;

	ASSERT_LE(0, pass);
	/* Whichever queue it is that is held */
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 1));
	EXPECT_EQ(-EBUSY, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(-EBUSY, tp4_xdp_link(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	tp4_close(&self->t);
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	EXPECT_EQ(-EBUSY, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(-EBUSY, tp4_xdp_link(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	expect_traffic(_metadata, self, &self->t);

	/* To take away what is not there is no offence */
	EXPECT_EQ(0, tp4_link_xdp(self->net.b, -1, XDP_FLAGS_SKB_MODE));
	/* The other end, and native XDP */
	EXPECT_EQ(0, tp4_link_xdp(self->net.a, pass, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(0, tp4_link_xdp(self->net.a, -1, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(0, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_DRV_MODE));
	EXPECT_EQ(-EBUSY, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	expect_traffic(_metadata, self, &self->t);
	EXPECT_EQ(0, tp4_link_xdp(self->net.b, -1, XDP_FLAGS_DRV_MODE));
	expect_traffic(_metadata, self, &self->t);

	/* At once */
	ASSERT_EQ(0, tp4_set_queue(self->t.fd, -1));
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(-EBUSY, tp4_set_queue(self->t.fd, 0));
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, -1, XDP_FLAGS_SKB_MODE));
	tp4_close(&self->t);
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	tp4_close(&self->t);
	link = tp4_xdp_link(self->net.b, pass, XDP_FLAGS_SKB_MODE);
	EXPECT_LE(0, link);
	close(link);
	close(pass);
}

TEST_F(zc_exclusive, generic_xdp_comes_first)
{
	int pass = tp4_prog_const(XDP_PASS);
	int link;

	ASSERT_LE(0, pass);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_SKB_MODE));
	EXPECT_EQ(-EBUSY, hold(variant, &self->t, self->net.b, 0));
	EXPECT_EQ(-EBUSY, hold(variant, &self->t, self->net.b, 1));
	ASSERT_EQ(0, hold(variant, &self->t, self->net.a, 0));
	tp4_close(&self->t);
	/* Copy mode does not mind */
	ASSERT_EQ(0, prepare(&self->t, self->net.b));
	expect_traffic(_metadata, self, &self->t);
	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, -1, XDP_FLAGS_SKB_MODE));
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	tp4_close(&self->t);

	link = tp4_xdp_link(self->net.b, pass, XDP_FLAGS_SKB_MODE);
	ASSERT_LE(0, link);
	EXPECT_EQ(-EBUSY, hold(variant, &self->t, self->net.b, 0));
	close(link);
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);
	tp4_close(&self->t);

	/* Native XDP is no matter */
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, pass, XDP_FLAGS_DRV_MODE));
	ASSERT_EQ(0, hold(variant, &self->t, self->net.b, 0));
	expect_traffic(_metadata, self, &self->t);
	close(pass);
}

TEST_HARNESS_MAIN

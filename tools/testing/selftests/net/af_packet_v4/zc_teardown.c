// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: however a queue pair goes, in whatever traffic, it is free at
 * once for the next one; each descriptor comes back if somebody is left to read
 * it; and no page, frame or byte of memory is lost.
 */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define RING		64
#define LEN		300
#define FAR_FRAMES	(2 * RING)	/* the far end's come first */
#define FRAMES		(4 * RING)

FIXTURE(zc_teardown) {
	struct ends e;
};

FIXTURE_VARIANT(zc_teardown) {
	struct way way;
};

/* Who is at the far end: "from" is here, on tp4a, "to" there */
FIXTURE_VARIANT_ADD(zc_teardown, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_teardown, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_VARIANT_ADD(zc_teardown, stack) {
	.way = WAY_ZC_TO_SKB,
};

FIXTURE_SETUP(zc_teardown)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, 1500));
}

FIXTURE_TEARDOWN(zc_teardown)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* The far end: a thread that sends and receives until it is told to stop */
struct far {
	struct end *x;
	pthread_t thread;
	bool stop;
	unsigned long turns;
	int ret;
};

static void far_exchange(struct far *f, __u8 *pkt)
{
	struct tpacket4_desc d;
	struct tp4 *t = &f->x->t;
	int i, ret;

	if (!f->x->zc) {
		/* Devices may be down, or gone */
		for (i = 0; i < 8; i++)
			send(f->x->fd, pkt, LEN, MSG_DONTWAIT);
		while (recv(f->x->fd, pkt, LEN, MSG_DONTWAIT) > 0)
			;
		return;
	}
	while (tp4_queue(t, pkt, LEN, 0) > 0)
		;
	ret = tp4_kick(t, MSG_DONTWAIT);
	if (ret < 0 && ret != -ENETDOWN)
		f->ret = ret;
	tp4_complete(t);
	while (tp4_rx_next(t, &d))
		tp4_rx_give(t, d.idx);
	/* Its own queue pair is lost with its device */
	if (ret == -ENETDOWN)
		tp4_set_queue(t->fd, 0);
}

static void *far_thread(void *arg)
{
	struct far *f = arg;
	__u8 pkt[LEN];

	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	while (!__atomic_load_n(&f->stop, __ATOMIC_RELAXED)) {
		far_exchange(f, pkt);
		__atomic_fetch_add(&f->turns, 1, __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

static int far_open(struct ends *e)
{
	struct tp4_cfg cfg = {
		.rx_nr = RING, .tx_nr = RING, .frames = FRAMES,
	};

	return end_open(&e->to, &cfg);
}

static int far_start(struct far *f, struct ends *e)
{
	int ret;

	memset(f, 0, sizeof(*f));
	f->x = &e->to;
	ret = far_open(e);
	if (ret)
		return ret;
	return -pthread_create(&f->thread, NULL, far_thread, f);
}

/* No longer sends or receives */
static void far_rest(struct far *f)
{
	__atomic_store_n(&f->stop, true, __ATOMIC_RELAXED);
	pthread_join(f->thread, NULL);
}

static int far_close(struct far *f)
{
	end_close(f->x);
	return f->ret;
}

static int far_stop(struct far *f)
{
	far_rest(f);
	return far_close(f);
}

/* The near end; it goes before the far end, whose buffer it may use */
static struct tp4_cfg near_cfg(const struct ends *e)
{
	struct tp4_cfg cfg = {
		.rx_nr = RING, .tx_nr = RING, .ignore_outgoing = true,
	};

	if (e->shared) {
		cfg.share = (struct tp4 *)&e->to.t;
		cfg.first = FAR_FRAMES;
	}
	return cfg;
}

static int near_open(struct ends *e, struct tp4 *t)
{
	struct tp4_cfg cfg = near_cfg(e);

	cfg.ifindex = e->net.a;
	cfg.mode = &tp4_zc;
	return tp4_open(t, &cfg);
}

static int so_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/* Sends and receives this many packets */
static int near_traffic(struct tp4 *t, unsigned int packets)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	unsigned int received = 0;
	struct tpacket4_desc d;
	__u8 pkt[LEN];
	int ret;

	tp4_pkt_fill(pkt, sizeof(pkt), 2);
	while (received < packets) {
		while (tp4_queue(t, pkt, LEN, 0) > 0)
			;
		ret = tp4_kick(t, 0);
		if (ret < 0)
			return ret;
		/* The far end need not keep up */
		ret = tp4_complete(t);
		if (ret && ret != -ENOBUFS)
			return ret;
		if (!(tp4_poll(t->fd, POLLIN, TP4_WAIT_MS) & POLLIN) ||
		    tp4_now_ms() > end)
			return -ETIMEDOUT;
		while (tp4_rx_next(t, &d)) {
			if (d.error)
				return -d.error;
			received++;
			tp4_rx_give(t, d.idx);
		}
	}
	return 0;
}

/*
 * All descriptors have come back: what had come in before, and others with
 * @error. Says how many frames those were, or < 0; all are given once more.
 */
static int near_returned(struct tp4 *t, int error)
{
	unsigned int rx = tp4q_num_held(&t->rxq), i, n = 0;
	unsigned int tx = tp4q_num_held(&t->txq);
	struct tpacket4_desc d;

	for (i = 0; i < rx; i++) {
		if (!tp4_rx_next(t, &d)) {
			fprintf(stderr, "# %u of %u RX descriptors are back\n",
				i, rx);
			return -EIO;
		}
		if ((d.error && d.error != error) || d.idx >= t->frames) {
			fprintf(stderr, "# RX: idx %llu, error %u\n",
				(unsigned long long)d.idx, d.error);
			return -EBADMSG;
		}
		n += !!d.error;
		tp4_rx_give(t, d.idx);
	}
	for (i = 0; i < tx; i++) {
		if (!tp4_tx_next(t, &d)) {
			fprintf(stderr, "# %u of %u TX descriptors are back\n",
				i, tx);
			return -EIO;
		}
		if ((d.error && d.error != error && d.error != ENOBUFS) ||
		    d.idx >= t->frames) {
			fprintf(stderr, "# TX: idx %llu, error %u\n",
				(unsigned long long)d.idx, d.error);
			return -EBADMSG;
		}
		n += d.error == error;
		t->free[t->free_nr++] = d.idx;
	}
	return n;
}

/* A thousand times, in three ways */
TEST_F(zc_teardown, attach_and_detach)
{
	unsigned int round, rounds = tp4_scaled(1000, 60), back = 0;
	struct ends *e = &self->e;
	unsigned long long end;
	struct tp4 same, t;
	struct tp4_cfg cfg;
	struct far far;
	int ret;

	ASSERT_EQ(0, far_start(&far, e));
	cfg = near_cfg(e);
	cfg.ifindex = e->net.a;
	ASSERT_EQ(0, tp4_open(&same, &cfg));
	for (round = 0; round < rounds; round++) {
		switch (round % 3) {
		case 0:
			/* Before bind(), until the end */
			ASSERT_EQ(0, near_open(e, &t))
				TH_LOG("round %u", round);
			ASSERT_EQ(0, near_traffic(&t, round % 5 * 8));
			ASSERT_TRUE(tp4_guards_ok(&t));
			tp4_close(&t);
			break;
		case 1:
			/* After it, and given back */
			cfg.ifindex = e->net.a;
			ASSERT_EQ(0, tp4_open(&t, &cfg));
			ASSERT_EQ(0, tp4_set_queue(t.fd, 0))
				TH_LOG("round %u", round);
			ASSERT_EQ(0, near_traffic(&t, round % 5 * 8));
			ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
			ret = near_returned(&t, ECANCELED);
			ASSERT_LE(0, ret);
			back += ret;
			tp4_close(&t);
			break;
		case 2:
			/* Time and again with one socket */
			ASSERT_EQ(0, tp4_set_queue(same.fd, 0))
				TH_LOG("round %u", round);
			ASSERT_EQ(0, near_traffic(&same, round % 5 * 8));
			ASSERT_EQ(0, tp4_set_queue(same.fd, -1));
			ret = near_returned(&same, ECANCELED);
			ASSERT_LE(0, ret);
			back += ret;
			break;
		}
	}
	/*
	 * Each may have been filled before its end. What is still on its way
	 * when the far end rests is not endless.
	 */
	far_rest(&far);
	end = tp4_now_ms() + TP4_WAIT_MS;
	while (!back) {
		ASSERT_GT(end, tp4_now_ms());
		ASSERT_EQ(0, tp4_set_queue(same.fd, 0));
		ASSERT_EQ(0, tp4_set_queue(same.fd, -1));
		ret = near_returned(&same, ECANCELED);
		ASSERT_LE(0, ret);
		back += ret;
	}
	ASSERT_TRUE(tp4_guards_ok(&same));
	tp4_close(&same);
	EXPECT_EQ(0, far_close(&far));
}

/* While another thread is in send() all the time */
struct sender {
	struct tp4 *t;
	bool stop;
	unsigned long queued, back, sent;
	int ret;
};

static void *sender_thread(void *arg)
{
	struct sender *s = arg;
	struct tpacket4_desc d;
	__u8 pkt[LEN];
	int ret;

	tp4_pkt_fill(pkt, sizeof(pkt), 3);
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		while (tp4_queue(s->t, pkt, LEN, 0) > 0)
			s->queued++;
		ret = tp4_kick(s->t, 0);
		/* In between, and with the peer or oneself down */
		if (ret < 0 && ret != -ENETDOWN && ret != -EINVAL) {
			s->ret = ret;
			return NULL;
		}
		while (tp4_tx_next(s->t, &d)) {
			s->back++;
			if (!d.error)
				__atomic_fetch_add(&s->sent, 1,
						   __ATOMIC_RELEASE);
			s->t->free[s->t->free_nr++] = d.idx;
		}
		if (ret < 0)
			sched_yield();
	}
	return NULL;
}

static void wait_for_more(const unsigned long *counter)
{
	unsigned long before = __atomic_load_n(counter, __ATOMIC_ACQUIRE);

	while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) == before)
		sched_yield();
}

TEST_F(zc_teardown, leave_while_sending)
{
	unsigned int round, rounds = tp4_scaled(200, 20);
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	struct sender s = {};
	pthread_t thread;
	struct far far;
	struct tp4 t;

	ASSERT_EQ(0, far_start(&far, e));
	ASSERT_EQ(0, near_open(e, &t));
	s.t = &t;
	ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
	for (round = 0; round < rounds; round++) {
		wait_for_more(&s.sent);
		ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
		/* Copy mode for a while, or hardly any */
		if (round % 2)
			wait_for_more(&s.sent);
		while (tp4_rx_next(&t, &d)) {
			ASSERT_TRUE(!d.error || d.error == ECANCELED);
			tp4_rx_give(&t, d.idx);
		}
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	}
	wait_for_more(&s.sent);
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, s.ret);
	/* What is left is left to be sent */
	EXPECT_EQ(s.queued, s.back + tp4q_num_held(&t.txq));
	EXPECT_LE(0, tp4_kick(&t, 0));
	while (tp4_tx_next(&t, &d))
		s.back++;
	EXPECT_EQ(s.queued, s.back);
	ASSERT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	EXPECT_EQ(0, far_stop(&far));
}

/* close() under a thread that is in send() */
TEST_F(zc_teardown, close_while_sending)
{
	unsigned int round, rounds = tp4_scaled(60, 20);
	struct ends *e = &self->e;
	struct sender s;
	pthread_t thread;
	struct far far;
	struct tp4 t, u;
	int fd;

	ASSERT_EQ(0, far_start(&far, e));
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, near_open(e, &t));
		s = (struct sender) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
		wait_for_more(&s.sent);
		fd = t.fd;
		close(fd);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-EBADF, s.ret);
		t.fd = -1;
		tp4_close(&t);

		/* The call had the socket, and has left it */
		ASSERT_EQ(0, near_open(e, &u));
		ASSERT_EQ(0, near_traffic(&u, 10));
		tp4_close(&u);
	}
	EXPECT_EQ(0, far_stop(&far));
}

/* fd, buffer's fd, mapping, memory: in each order, with traffic between */
TEST_F(zc_teardown, any_order)
{
	unsigned int perm, i, left, pick, k;
	struct ends *e = &self->e;
	struct tp4_cfg cfg;
	struct far far;
	struct tp4 t, u;
	int order[4];

	ASSERT_EQ(0, far_start(&far, e));
	for (perm = 0; perm < 24; perm++) {
		left = perm;
		for (i = 0; i < 4; i++)
			order[i] = i;
		for (i = 0; i < 4; i++) {
			pick = i + left % (4 - i);
			left /= 4 - i;
			k = order[i];
			order[i] = order[pick];
			order[pick] = k;
		}
		/* Its buffer is its own here, or there is nothing to close */
		cfg = near_cfg(e);
		cfg.share = NULL;
		cfg.first = 0;
		cfg.ifindex = e->net.a;
		cfg.mode = &tp4_zc;
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		cfg.mode = NULL;
		ASSERT_EQ(0, tp4_open(&u, &cfg));
		ASSERT_EQ(0, near_traffic(&t, 20));
		for (i = 0; i < 4; i++) {
			/* Held as long as there are fd or mapping */
			ASSERT_EQ(t.fd < 0 && !t.map ? 0 : -EBUSY,
				  tp4_set_queue(u.fd, 0))
				TH_LOG("order %d %d %d %d, step %u", order[0],
				       order[1], order[2], order[3], i);
			if (t.fd < 0 && !t.map)
				ASSERT_EQ(0, tp4_set_queue(u.fd, -1));
			wait_for_more(&far.turns);
			switch (order[i]) {
			case 0:
				close(t.fd);
				t.fd = -1;
				break;
			case 1:
				close(t.mr_fd);
				t.mr_fd = -1;
				break;
			case 2:
				munmap(t.map, t.map_len);
				t.map = NULL;
				break;
			case 3:
				munmap(t.area, t.area_len);
				t.area = NULL;
				break;
			}
		}
		tp4_close(&t);
		EXPECT_EQ(0, tp4_set_queue(u.fd, 0));
		tp4_close(&u);
	}
	EXPECT_EQ(0, far_stop(&far));
}

/* What goes down gives back all that it had, and comes up again */
TEST_F(zc_teardown, down_and_up)
{
	unsigned int round, rounds = tp4_scaled(80, 15), i;
	struct ends *e = &self->e;
	struct sender s;
	pthread_t thread;
	struct far far;
	struct tp4 t;

	ASSERT_EQ(0, far_start(&far, e));
	ASSERT_EQ(0, near_open(e, &t));
	for (round = 0; round < rounds; round++) {
		s = (struct sender) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
		wait_for_more(&s.sent);
		ASSERT_EQ(0, tp4_link_down(e->net.a));
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, s.ret);
		EXPECT_EQ(POLLERR, tp4_poll(t.fd, 0, 0));
		EXPECT_EQ(ENETDOWN, so_error(t.fd));
		EXPECT_EQ(-1, tp4_get_queue(t.fd));
		/* The sender may have queued more since */
		while (tp4q_num_held(&t.rxq)) {
			struct tpacket4_desc d;

			ASSERT_TRUE(tp4_rx_next(&t, &d));
			ASSERT_TRUE(!d.error || d.error == ENETDOWN);
		}
		for (i = 0; i < RING; i++)
			tp4_rx_give(&t, t.first + i);
		ASSERT_EQ(0, tp4_link_up(e->net.a));
		ASSERT_EQ(0, tp4_set_queue(t.fd, 0))
			TH_LOG("round %u", round);
		ASSERT_LE(0, tp4_kick(&t, 0));
		tp4_complete(&t);
		ASSERT_EQ(0, tp4q_num_held(&t.txq));
		ASSERT_EQ(RING, t.free_nr);
		ASSERT_EQ(0, near_traffic(&t, 10));
	}
	ASSERT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	EXPECT_EQ(0, far_stop(&far));
}

/* The peer does: that is no reason to lose anything here */
TEST_F(zc_teardown, peer_down_and_up)
{
	unsigned int round, rounds = tp4_scaled(80, 15);
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	struct sender s;
	pthread_t thread;
	struct far far;
	struct tp4 t;

	ASSERT_EQ(0, far_start(&far, e));
	ASSERT_EQ(0, near_open(e, &t));
	for (round = 0; round < rounds; round++) {
		s = (struct sender) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
		wait_for_more(&s.sent);
		ASSERT_EQ(0, tp4_link_down(e->net.b));
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, s.ret);
		EXPECT_EQ(0, tp4_get_queue(t.fd));
		EXPECT_EQ(0, tp4_poll(t.fd, 0, 0));
		ASSERT_EQ(0, tp4_link_up(e->net.b));
		/* Sent, if to nobody: the far end may be late */
		ASSERT_LE(0, tp4_kick(&t, 0));
		while (tp4_tx_next(&t, &d)) {
			ASSERT_TRUE(!d.error || d.error == ENOBUFS);
			t.free[t.free_nr++] = d.idx;
		}
		ASSERT_EQ(0, tp4q_num_held(&t.txq));
		ASSERT_EQ(RING, t.free_nr);
		ASSERT_EQ(0, near_traffic(&t, 10));
	}
	ASSERT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	EXPECT_EQ(0, far_stop(&far));
}

/* The pair is deleted, by either end */
TEST_F(zc_teardown, device_deleted)
{
	unsigned int round, rounds = tp4_scaled(60, 8);
	struct ends *e = &self->e;
	struct tp4_net first = e->net;
	struct tp4_netcfg cfg = {};
	struct sender s;
	pthread_t thread;
	struct far far;
	struct tp4 t;

	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
		e->net.a = if_nametoindex("tp4c");
		e->net.b = if_nametoindex("tp4d");
		e->to.ifindex = e->net.b;
		ASSERT_EQ(0, tp4_link_up(e->net.a));
		ASSERT_EQ(0, tp4_link_up(e->net.b));
		ASSERT_EQ(0, far_start(&far, e));
		ASSERT_EQ(0, near_open(e, &t));
		ASSERT_EQ(0, near_traffic(&t, 10));
		s = (struct sender) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
		wait_for_more(&s.sent);
		ASSERT_EQ(0, tp4_link_del(round % 2 ? e->net.a : e->net.b));
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, s.ret);
		EXPECT_EQ(POLLERR, tp4_poll(t.fd, 0, 0));
		EXPECT_EQ(-ENETDOWN, tp4_set_queue(t.fd, 0));
		/* What was queued before that is back, what came after stays */
		EXPECT_EQ(s.queued, s.back + tp4q_num_held(&t.txq));
		while (tp4q_num_held(&t.rxq)) {
			struct tpacket4_desc d;

			ASSERT_TRUE(tp4_rx_next(&t, &d));
			ASSERT_TRUE(!d.error || d.error == ENETDOWN);
		}
		ASSERT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
		far_stop(&far);
	}
	/* The other pair is none the worse for it */
	e->net = first;
	e->to.ifindex = first.b;
	ASSERT_EQ(0, far_start(&far, e));
	ASSERT_EQ(0, near_open(e, &t));
	ASSERT_EQ(0, near_traffic(&t, 100));
	tp4_close(&t);
	EXPECT_EQ(0, far_stop(&far));
}

/* What -1, or going down, gives back, to the last frame */
static void all_back(struct __test_metadata *_metadata, struct ends *e,
		     int error)
{
	struct tpacket4_desc d;
	unsigned int round, i, n, used;
	struct counters before;
	bool seen[FRAMES];
	__u8 pkt[LEN];
	struct tp4 t;
	int ret;

	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (round = 0; round < 60; round++) {
		ASSERT_EQ(0, far_open(e));
		ASSERT_EQ(0, near_open(e, &t));
		before = count("tp4a");
		/* The rings are somewhere in their second turn */
		for (i = 0; i < RING + round; i++) {
			ret = end_queue(&e->to, pkt, LEN, 0);
			ASSERT_EQ(0, ret);
			ASSERT_EQ(0, end_kick(&e->to, LEN));
			ASSERT_EQ(LEN, tp4_recv_wait(&t, pkt, sizeof(pkt)));
			ASSERT_EQ(0, tp4_send(&t, pkt, LEN, 0));
			ASSERT_EQ(LEN, end_recv(&e->to, e->pkt));
		}
		/* Some have come in and were not taken */
		used = round % 20;
		for (i = 0; i < used; i++) {
			ASSERT_EQ(0, end_queue(&e->to, pkt, LEN, 0));
			ASSERT_EQ(0, end_kick(&e->to, LEN));
		}
		/* All of them: the stack's come by and by */
		while (count("tp4a").packets < before.packets + RING + round +
					       used)
			sched_yield();
		/*
		 * Some are queued, the last ones without an end; nobody has
		 * looked at them, or nobody could do anything about them, or
		 * those without an end have been taken.
		 */
		n = round % 3 == 2 ? 0 : round % (RING - 3);
		for (i = 0; i < n; i++)
			ASSERT_EQ(1, tp4_queue(&t, pkt, LEN, 0));
		if (round % 3 == 1) {
			ASSERT_EQ(0, tp4_link_down(e->net.b));
			EXPECT_EQ(n ? -ENETDOWN : 0, tp4_kick(&t, 0));
		}
		tp4_tx_give(&t, t.free[t.free_nr - 1], 100, 0, TP4_PKT_CONT);
		tp4_tx_give(&t, t.free[t.free_nr - 2], 100, 0, TP4_PKT_CONT);
		t.free_nr -= 2;
		if (round % 3 == 2)
			EXPECT_EQ(0, tp4_kick(&t, 0));

		ASSERT_EQ(0, error == ECANCELED ? tp4_set_queue(t.fd, -1) :
						  tp4_link_down(e->net.a));

		memset(seen, 0, sizeof(seen));
		for (i = 0; i < RING; i++) {
			ASSERT_TRUE(tp4_rx_next(&t, &d));
			EXPECT_EQ(i < used ? 0 : error, d.error)
				TH_LOG("RX, %u of %u", i, used);
			ASSERT_GT(t.frames, d.idx);
			EXPECT_FALSE(seen[d.idx]);
			seen[d.idx] = true;
		}
		EXPECT_FALSE(tp4_rx_next(&t, &d));
		for (i = 0; i < n + 2; i++) {
			ASSERT_TRUE(tp4_tx_next(&t, &d));
			EXPECT_EQ(error, d.error);
			EXPECT_EQ(i < n ? LEN : 100, d.len);
			EXPECT_EQ(i < n ? 0 : TP4_PKT_CONT, d.flags);
			ASSERT_GT(t.frames, d.idx);
			EXPECT_FALSE(seen[d.idx]);
			seen[d.idx] = true;
		}
		EXPECT_FALSE(tp4_tx_next(&t, &d));
		/* With those that were not given, all there are */
		for (i = 0; i < t.free_nr; i++) {
			EXPECT_FALSE(seen[t.free[i]]);
			seen[t.free[i]] = true;
		}
		for (i = 0, n = 0; i < t.frames; i++)
			n += seen[i];
		EXPECT_EQ(2 * RING, n);
		ASSERT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
		end_close(&e->to);
		ASSERT_EQ(0, tp4_link_up(e->net.a));
		ASSERT_EQ(0, tp4_link_up(e->net.b));
	}
}

TEST_F(zc_teardown, all_back_when_leaving)
{
	all_back(_metadata, &self->e, ECANCELED);
}

TEST_F(zc_teardown, all_back_when_going_down)
{
	all_back(_metadata, &self->e, ENETDOWN);
}

/* The rest of a packet that was cancelled is cancelled, and then no more */
TEST_F(zc_teardown, packet_without_an_end)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	__u8 pkt[LEN];
	struct tp4 t;
	int i;

	ASSERT_EQ(0, far_open(e));
	ASSERT_EQ(0, near_open(e, &t));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (i = 0; i < 10; i++) {
		tp4_tx_give(&t, t.free[0], 100, 0, TP4_PKT_CONT);
		tp4_tx_give(&t, t.free[1], 100, 0, TP4_PKT_CONT);
		/* Taken by the kernel, or not */
		if (i % 2)
			EXPECT_EQ(0, tp4_kick(&t, 0));
		ASSERT_EQ(0, tp4_set_queue(t.fd, -1));
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(ECANCELED, d.error);
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(ECANCELED, d.error);
		/* In copy mode, or when held anew */
		if (i % 4 > 1)
			ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
		tp4_tx_give(&t, t.free[2], 100, 0, TP4_PKT_CONT);
		tp4_tx_give(&t, t.free[3], 100, 0, 0);
		tp4_tx_give(&t, t.free[4], 100, 0, TP4_PKT_KEEP);
		tp4_pkt_fill(tp4_frame(&t, t.free[4]), 100, i);
		EXPECT_LE(0, tp4_kick(&t, 0));
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(ECANCELED, d.error);
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(ECANCELED, d.error);
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(0, d.error);
		ASSERT_EQ(100, end_recv(&e->to, e->pkt));
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, 100, i, 100));
		while (tp4q_num_held(&t.rxq) && tp4_rx_next(&t, &d))
			;
		if (i % 4 <= 1)
			ASSERT_EQ(0, tp4_set_queue(t.fd, 0));
	}
	EXPECT_TRUE(end_is_empty(&e->to));
	tp4_close(&t);
}

static void open_use_close(struct __test_metadata *_metadata, struct ends *e)
{
	__u8 pkt[LEN];
	struct tp4 t;

	ASSERT_EQ(0, near_open(e, &t));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_send(&t, pkt, LEN, 0));
	ASSERT_EQ(LEN, end_recv(&e->to, e->pkt));
	ASSERT_EQ(0, end_queue(&e->to, pkt, LEN, 0));
	ASSERT_EQ(0, end_kick(&e->to, LEN));
	ASSERT_EQ(LEN, tp4_recv_wait(&t, pkt, sizeof(pkt)));
	tp4_close(&t);
}

TEST_F(zc_teardown, a_thousand_rounds)
{
	unsigned int i, tries = 3, rounds = tp4_scaled(1000, 100);
	long long before, kb, lost, pinned;
	struct ends *e = &self->e;

	ASSERT_EQ(0, far_open(e));
	/* One round's packet buffer, rings and arrays, in kB */
	kb = 2 * RING * (2048 + 16) / 1024 + 2 * 256 * 16 / 1024;
	if (e->shared)
		kb -= 2 * RING * 2;
	/* A leak of a part of each round would be seen, see teardown.c */
	kb = rounds * kb / 4;
	for (i = 0; i < 50; i++)
		open_use_close(_metadata, e);
	pinned = tp4_pinned();
	EXPECT_EQ(e->to.zc ? FRAMES * 2048 / TP4_PAGE : 0, pinned);
	/* Others use memory as well, but a leak is there each time. */
	do {
		before = tp4_mem_available();
		ASSERT_LT(0, before);
		for (i = 0; i < rounds; i++)
			open_use_close(_metadata, e);
		EXPECT_EQ(pinned, tp4_pinned());
		lost = tp4_mem_lost(before, kb);
	} while (lost > kb && --tries);
	EXPECT_GE(kb, lost);
}

/*
 * Processes: each end is a process of its own, with one buffer in memory that
 * both have, or one for each.
 */

FIXTURE(zc_kill) {
	struct ends e;
	__u8 *mem;
	size_t mem_len;
};

FIXTURE_VARIANT(zc_kill) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_kill, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_kill, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_VARIANT_ADD(zc_kill, stack) {
	.way = WAY_ZC_TO_SKB,
};

FIXTURE_SETUP(zc_kill)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, 1500));
	self->mem_len = FRAMES * 2048;
	self->mem = mmap(NULL, self->mem_len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(zc_kill)
{
	munmap(self->mem, self->mem_len);
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* A child process, and a socket to it */
struct child {
	pid_t pid;
	int sock;
};

static bool say(int sock)
{
	return write(sock, "x", 1) == 1;
}

static bool hear(int sock)
{
	char byte;

	return read(sock, &byte, 1) == 1;
}

static int child_kill(struct child *c)
{
	int status;

	if (kill(c->pid, SIGKILL) || waitpid(c->pid, &status, 0) != c->pid)
		return -errno;
	close(c->sock);
	return WIFSIGNALED(status) ? 0 : -EPROTO;
}

/* In the child: the far end, until killed */
static void far_child(struct ends *e, int sock)
{
	struct far f = { .x = &e->to };
	__u8 pkt[LEN];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (far_open(e) || !say(sock))
		_exit(1);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (;;) {
		far_exchange(&f, pkt);
		sched_yield();
	}
}

/* The same with memory that the other end has as well; its socket is sent */
static void far_child_shared(struct ends *e, __u8 *mem, size_t len, int sock)
{
	struct tp4_cfg cfg = {
		.ifindex = e->net.b, .mode = &tp4_zc, .rx_nr = RING,
		.tx_nr = RING,
	};
	struct tp4 buffer = {
		.area = mem, .area_len = len, .buf = mem, .buf_len = len,
		.frame_size = 2048, .frames = len / 2048,
	};
	struct far f = { .x = &e->to };
	__u8 pkt[LEN];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	buffer.mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (buffer.mr_fd < 0 || tp4_memreg(buffer.mr_fd, mem, len, 2048, 0))
		_exit(1);
	cfg.share = &buffer;
	if (tp4_open(&e->to.t, &cfg) || tp4_send_fd(sock, buffer.mr_fd))
		_exit(2);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (;;) {
		far_exchange(&f, pkt);
		sched_yield();
	}
}

/* In the child: the near end; says when it has sent and received */
static void near_child(struct ends *e, const struct tp4_cfg *cfg, int sock)
{
	struct tpacket4_desc d;
	bool said = false;
	__u8 pkt[LEN];
	struct tp4 t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tp4_open(&t, cfg) || near_traffic(&t, 16))
		_exit(1);
	tp4_pkt_fill(pkt, sizeof(pkt), 2);
	for (;;) {
		if (!said && !say(sock))
			_exit(2);
		said = true;
		while (tp4_queue(&t, pkt, LEN, 0) > 0)
			;
		tp4_kick(&t, 0);
		tp4_complete(&t);
		while (tp4_rx_next(&t, &d))
			tp4_rx_give(&t, d.idx);
	}
}

/* No ring is mapped when a child is made */
TEST_F(zc_kill, near_end)
{
	unsigned int round, rounds = tp4_scaled(200, 20);
	struct ends *e = &self->e;
	struct tp4 buffer = {
		.area = self->mem, .area_len = self->mem_len,
		.buf = self->mem, .buf_len = self->mem_len,
		.frame_size = 2048, .frames = FRAMES, .mr_fd = -1,
	};
	struct tp4_cfg cfg = {
		.ifindex = e->net.a, .mode = &tp4_zc, .rx_nr = RING,
		.tx_nr = RING,
	};
	struct child far = { .pid = 0 }, near;
	int pair[2];
	struct tp4 t;

	if (e->shared) {
		cfg.share = &buffer;
		cfg.first = FAR_FRAMES;
	}
	for (round = 0; round < rounds; round++) {
		if (!far.pid) {
			ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
			far.pid = fork();
			ASSERT_LE(0, far.pid);
			if (!far.pid) {
				close(pair[0]);
				if (e->shared)
					far_child_shared(e, self->mem,
							 self->mem_len,
							 pair[1]);
				far_child(e, pair[1]);
			}
			close(pair[1]);
			far.sock = pair[0];
			if (e->shared) {
				buffer.mr_fd = tp4_recv_fd(far.sock);
				ASSERT_LE(0, buffer.mr_fd);
			} else {
				ASSERT_TRUE(hear(far.sock));
			}
		}
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
		near.pid = fork();
		ASSERT_LE(0, near.pid);
		if (!near.pid) {
			close(pair[0]);
			near_child(e, &cfg, pair[1]);
		}
		close(pair[1]);
		near.sock = pair[0];
		ASSERT_TRUE(hear(near.sock))
			TH_LOG("round %u", round);
		ASSERT_EQ(0, child_kill(&near));

		/* Free at once */
		ASSERT_EQ(0, tp4_open(&t, &cfg))
			TH_LOG("round %u", round);
		ASSERT_EQ(0, near_traffic(&t, 5));
		tp4_close(&t);

		/* And sometimes it is the other one */
		if (round % 8 == 7 || round == rounds - 1) {
			ASSERT_EQ(0, child_kill(&far));
			far.pid = 0;
			close(buffer.mr_fd);
			buffer.mr_fd = -1;
		}
	}
}

/* Killed at any time: while it opens, binds, enters, sends */
TEST_F(zc_kill, at_any_time)
{
	unsigned int round, rounds = tp4_scaled(200, 20), i;
	struct ends *e = &self->e;
	struct tp4_cfg cfg = {
		.ifindex = e->net.a, .mode = &tp4_zc, .rx_nr = RING,
		.tx_nr = RING,
	};
	int status, ret;
	struct tp4 t;
	pid_t pid;

	for (round = 0; round < rounds; round++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			for (;;) {
				if (tp4_open(&t, &cfg))
					_exit(1);
				tp4_kick(&t, 0);
				tp4_set_queue(t.fd, -1);
				tp4_set_queue(t.fd, 0);
				tp4_close(&t);
			}
		}
		/* Some while: as long as so many calls take */
		for (i = 0; i < round * 7 % 101; i++)
			sched_yield();
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		ret = tp4_open(&t, &cfg);
		ASSERT_EQ(0, ret)
			TH_LOG("round %u", round);
		tp4_close(&t);
		ASSERT_TRUE(tp4_pins_balanced());
	}
}

/* Another process has the socket, too: it holds the queue pair as well */
TEST_F(zc_kill, last_process_closes)
{
	struct ends *e = &self->e;
	struct tp4_cfg cfg = {
		.ifindex = e->net.a, .mode = &tp4_zc, .rx_nr = RING,
		.tx_nr = RING,
	};
	struct child child;
	struct tp4 t, u;
	int pair[2];
	pid_t pid;

	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	munmap(t.map, t.map_len);
	t.map = NULL;
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(pair[0]);
		_exit(hear(pair[1]));
	}
	close(pair[1]);
	tp4_close(&t);
	cfg.mode = NULL;
	ASSERT_EQ(0, tp4_open(&u, &cfg));
	EXPECT_EQ(-EBUSY, tp4_set_queue(u.fd, 0));
	child = (struct child) { .pid = pid, .sock = pair[0] };
	ASSERT_EQ(0, child_kill(&child));
	EXPECT_EQ(0, tp4_set_queue(u.fd, 0));
	tp4_close(&u);
}

/* The far end's namespace dies, and takes the wire with it */
TEST_F(zc_kill, namespace_dies)
{
	unsigned int round, rounds = tp4_scaled(40, 6);
	struct ends *e = &self->e;
	struct tp4_netcfg netcfg = {};
	struct tp4_cfg cfg = {
		.mode = &tp4_zc, .rx_nr = RING, .tx_nr = RING,
	};
	struct tp4 buffer = {
		.area = self->mem, .area_len = self->mem_len,
		.buf = self->mem, .buf_len = self->mem_len,
		.frame_size = 2048, .frames = FRAMES, .mr_fd = -1,
	};
	struct child far;
	struct sender s;
	pthread_t thread;
	int pair[2], ns;
	char path[64];
	struct tp4 t;

	if (e->shared) {
		cfg.share = &buffer;
		cfg.first = FAR_FRAMES;
	}
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
		cfg.ifindex = if_nametoindex("tp4c");
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
		far.pid = fork();
		ASSERT_LE(0, far.pid);
		if (!far.pid) {
			close(pair[0]);
			if (unshare(CLONE_NEWNET) || !say(pair[1]) ||
			    !hear(pair[1]))
				_exit(1);
			e->net.b = if_nametoindex("tp4d");
			e->to.ifindex = e->net.b;
			if (tp4_link_up(e->net.b))
				_exit(2);
			if (e->shared)
				far_child_shared(e, self->mem, self->mem_len,
						 pair[1]);
			far_child(e, pair[1]);
		}
		close(pair[1]);
		far.sock = pair[0];
		ASSERT_TRUE(hear(far.sock));
		snprintf(path, sizeof(path), "/proc/%d/ns/net", far.pid);
		ns = open(path, O_RDONLY | O_CLOEXEC);
		ASSERT_LE(0, ns);
		ASSERT_EQ(0, tp4_link_netns(if_nametoindex("tp4d"), ns));
		close(ns);
		ASSERT_EQ(0, tp4_link_flags(cfg.ifindex, IFF_UP, IFF_UP));
		ASSERT_TRUE(say(far.sock));
		if (e->shared) {
			buffer.mr_fd = tp4_recv_fd(far.sock);
			ASSERT_LE(0, buffer.mr_fd);
		} else {
			ASSERT_TRUE(hear(far.sock));
		}
		ASSERT_EQ(0, tp4_link_up(cfg.ifindex));
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		ASSERT_EQ(0, near_traffic(&t, 20));
		s = (struct sender) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, sender_thread, &s));
		wait_for_more(&s.sent);
		/* Whose buffer it was does not matter */
		close(buffer.mr_fd);
		buffer.mr_fd = -1;
		ASSERT_EQ(0, child_kill(&far));
		EXPECT_EQ(POLLERR, tp4_poll(t.fd, POLLERR, TP4_WAIT_MS));
		__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(0, s.ret);
		EXPECT_EQ(s.queued, s.back + tp4q_num_held(&t.txq));
		while (tp4q_num_held(&t.rxq)) {
			struct tpacket4_desc d;

			ASSERT_TRUE(tp4_rx_next(&t, &d));
			ASSERT_TRUE(!d.error || d.error == ENETDOWN);
		}
		EXPECT_EQ(-ENETDOWN, tp4_set_queue(t.fd, 0));
		tp4_close(&t);
		/* Its name is free when it is gone altogether */
		while (if_nametoindex("tp4c"))
			sched_yield();
	}
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: who gets the packets of a queue in zero copy going: send(), NAPI
 * that runs already, as the status page says, a thread, or busy polling.
 */

#include <sched.h>
#include <sys/mount.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define MTU		9000

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL	69
#define SO_BUSY_POLL_BUDGET	70
#endif

/* When a kick is needed, and that none is while NAPI runs */
FIXTURE(zc_kick) {
	struct ends e;
	const struct tpacket4_status *status;
};

FIXTURE_VARIANT(zc_kick) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_kick, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_kick, zc_to_skb) {
	.way = WAY_ZC_TO_SKB,
};

FIXTURE_SETUP(zc_kick)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_kick)
{
	if (self->status)
		munmap((void *)self->status, TP4_PAGE);
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

static const struct tpacket4_status *map_status(int fd)
{
	void *map = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, fd,
			 TP4_PGOFF_STATUS);

	return map == MAP_FAILED ? NULL : map;
}

static bool needs_kick(const struct tpacket4_status *status)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&status->tx_flags, __ATOMIC_RELAXED) &
	       TP4_STATUS_TX_KICK;
}

/* NAPI stops when there is nothing to do; that it does is waited for */
static bool comes_to_rest(const struct tpacket4_status *status)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;

	while (!needs_kick(status)) {
		if (tp4_now_ms() > end)
			return false;
		sched_yield();
	}
	return true;
}

TEST_F(zc_kick, needed_when_idle)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct tpacket4_desc d;
	unsigned int i;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	self->status = map_status(t->fd);
	ASSERT_NE(NULL, self->status);
	EXPECT_TRUE(needs_kick(self->status));
	for (i = 0; i < 100; i++) {
		tp4_pkt_fill(e->pkt, 100, i);
		ASSERT_EQ(0, tp4_send(t, e->pkt, 100, 0));
		ASSERT_EQ(100, end_recv(&e->to, e->pkt));
		ASSERT_TRUE(comes_to_rest(self->status));
	}
	/* At rest, nothing goes without a kick */
	ASSERT_EQ(1, tp4_queue(t, e->pkt, 100, 0));
	for (i = 0; i < 100; i++)
		sched_yield();
	EXPECT_EQ(0, tp4_complete(t));
	EXPECT_EQ(1, tp4q_num_held(&t->txq));
	EXPECT_EQ(0, tp4_kick_all(t, 100));

	/* Down, lost, left: the flag says what send() is for */
	ASSERT_EQ(0, tp4_link_down(e->net.b));
	EXPECT_TRUE(needs_kick(self->status));
	ASSERT_EQ(0, tp4_link_up(e->net.b));
	ASSERT_EQ(0, tp4_link_down(e->net.a));
	EXPECT_TRUE(needs_kick(self->status));
	ASSERT_EQ(0, tp4_set_queue(t->fd, -1));
	EXPECT_TRUE(needs_kick(self->status));
	ASSERT_EQ(0, tp4_link_up(e->net.a));
	while (tp4_rx_next(t, &d))
		;
	EXPECT_EQ(0, self->status->rx_flags);
}

/* Writes to a file of a device in sysfs, as this namespace sees it */
static int sysfs_write(const char *dev, const char *file, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/net/%s/%s", dev, file);
	return tp4_write_file(path, text);
}

static int sysfs_mount(void)
{
	if (unshare(CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL))
		return -errno;
	return 0;
}

/*
 * Keeps the ring full, and kicks when that is asked for, and only then: all
 * goes out, and NAPI is seen at work at least once. It has a thread, which this
 * one, being more urgent, interrupts whenever something was completed.
 */
TEST_F(zc_kick, not_needed_while_busy)
{
	unsigned int some = tp4_scaled(300000, 30000), sent = 0, done = 0;
	unsigned int total = some, nr = 512, kicks = 0, saved = 0, received = 0;
	struct sched_param urgent = { .sched_priority = 1 };
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct tpacket_stats_v4 want = {};
	struct tpacket4_desc d;
	bool kicked;
	int ret;

	if (sched_setscheduler(0, SCHED_FIFO, &urgent))
		SKIP(return, "cannot be urgent");
	if (sysfs_mount())
		SKIP(return, "cannot mount sysfs");
	ASSERT_EQ(0, ends_open(e, nr, 0));
	ASSERT_EQ(0, sysfs_write("tp4b", "threaded", "1"));
	self->status = map_status(t->fd);
	ASSERT_NE(NULL, self->status);
	while (done < total) {
		for (; sent < total && tp4_tx_room(t); sent++) {
			tp4_pkt_fill(e->pkt, 60, sent);
			ASSERT_EQ(1, tp4_queue(t, e->pkt, 60, 0));
		}
		kicked = needs_kick(self->status);
		if (kicked) {
			ASSERT_LE(0, tp4_kick(t, MSG_DONTWAIT));
			kicks++;
		} else {
			saved++;
		}
		if (!tp4q_is_ready(&t->txq))
			ASSERT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT,
						    TP4_WAIT_MS))
				TH_LOG("%u sent, %u done, kicked %d", sent,
				       done, kicked);
		while (tp4_tx_next(t, &d)) {
			/* Who does not read in time, drops */
			if (d.error) {
				ASSERT_EQ(ENOBUFS, d.error);
				want.tx_errors++;
			}
			done++;
			t->free[t->free_nr++] = d.idx;
		}
		if (done == total && !saved && total < 200 * some)
			total += some;
		if (e->to.zc) {
			while ((ret = tp4_recv(&e->to.t, e->pkt, ENDS_MAX_PKT)) > 0)
				received++;
			ASSERT_EQ(0, ret);
		}
	}
	TH_LOG("%u packets, %u kicks, %u times none was needed", done, kicks,
	       saved);
	EXPECT_LT(0, kicks);
	EXPECT_LT(0, saved);
	urgent.sched_priority = 0;
	ASSERT_EQ(0, sched_setscheduler(0, SCHED_OTHER, &urgent));
	ASSERT_TRUE(comes_to_rest(self->status));
	if (e->to.zc) {
		while (tp4_recv(&e->to.t, e->pkt, ENDS_MAX_PKT) > 0)
			received++;
		EXPECT_EQ(total, received + want.tx_errors);
		EXPECT_TRUE(stats_are(t->fd, &want));
	}
}

TEST_F(zc_kick, status_page_is_read_only)
{
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, TP4_PAGE, PROT_READ | PROT_WRITE,
				   MAP_SHARED, e->from.t.fd,
				   TP4_PGOFF_STATUS));
	EXPECT_EQ(EACCES, errno);
	self->status = map_status(e->from.t.fd);
	ASSERT_NE(NULL, self->status);
	EXPECT_EQ(-1, mprotect((void *)self->status, TP4_PAGE,
			       PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
}

/* Busy polling */

FIXTURE(zc_busy) {
	struct ends e;
};

FIXTURE_VARIANT(zc_busy) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_busy, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_busy, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_SETUP(zc_busy)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_busy)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

static int set_sock(int fd, int opt, int value)
{
	return setsockopt(fd, SOL_SOCKET, opt, &value, sizeof(value)) ?
	       -errno : 0;
}

static unsigned int napi_id(int fd)
{
	socklen_t len = sizeof(unsigned int);
	unsigned int id = ~0U;

	getsockopt(fd, SOL_SOCKET, SO_INCOMING_NAPI_ID, &id, &len);
	return id;
}

TEST_F(zc_busy, napi_id)
{
	struct ends *e = &self->e;
	unsigned int a, b;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	a = napi_id(e->from.t.fd);
	b = napi_id(e->to.t.fd);
	if (a == ~0U)
		SKIP(return, "no busy polling in this kernel");
	EXPECT_NE(0, a);
	EXPECT_NE(0, b);
	EXPECT_NE(a, b);
	ASSERT_EQ(0, tp4_set_queue(e->from.t.fd, -1));
	EXPECT_EQ(0, napi_id(e->from.t.fd));
	EXPECT_EQ(b, napi_id(e->to.t.fd));
	ASSERT_EQ(0, tp4_link_down(e->net.b));
	EXPECT_EQ(0, napi_id(e->to.t.fd));
}

TEST_F(zc_busy, busy_poll)
{
	struct ends *e = &self->e;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	if (set_sock(e->from.t.fd, SO_BUSY_POLL, 50) == -ENOPROTOOPT)
		SKIP(return, "no busy polling in this kernel");
	ASSERT_EQ(0, set_sock(e->to.t.fd, SO_BUSY_POLL, 50));
	ASSERT_EQ(0, ends_both_ways(e, tp4_scaled(20000, 2000), 50, ETH_HLEN,
				    1500));
}

/*
 * Preferred busy polling keeps NAPI from running by itself for as long as the
 * device is told to wait; packets of who does not poll are late then, not lost.
 */
TEST_F(zc_busy, prefer_busy_poll)
{
	struct ends *e = &self->e;
	int i;

	if (sysfs_mount())
		SKIP(return, "cannot mount sysfs");
	ASSERT_EQ(0, sysfs_write("tp4a", "gro_flush_timeout", "2000000"));
	ASSERT_EQ(0, sysfs_write("tp4b", "gro_flush_timeout", "2000000"));
	ASSERT_EQ(0, sysfs_write("tp4a", "napi_defer_hard_irqs", "2"));
	ASSERT_EQ(0, sysfs_write("tp4b", "napi_defer_hard_irqs", "2"));
	ASSERT_EQ(0, ends_open(e, 64, 0));
	for (i = 0; i < 2; i++) {
		struct tp4 *t = i ? &e->to.t : &e->from.t;

		if (set_sock(t->fd, SO_PREFER_BUSY_POLL, 1) == -ENOPROTOOPT)
			SKIP(return, "no busy polling in this kernel");
		ASSERT_EQ(0, set_sock(t->fd, SO_BUSY_POLL, 50));
		ASSERT_EQ(0, set_sock(t->fd, SO_BUSY_POLL_BUDGET, 16));
	}
	ASSERT_EQ(0, ends_both_ways(e, tp4_scaled(2000, 200), 50, ETH_HLEN,
				    1500));
	/* Leaving in the midst of it waits for nobody */
	for (i = 0; i < 10; i++) {
		tp4_pkt_fill(e->pkt, 100, i);
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 100, 0));
		ASSERT_LE(0, tp4_kick(&e->from.t, MSG_DONTWAIT));
		ASSERT_EQ(0, tp4_set_queue(e->from.t.fd, -1));
		ASSERT_EQ(0, tp4_set_queue(e->from.t.fd, 0));
	}
}

/* NAPI in a thread of its own: send() has to wait, and does */
TEST_F(zc_busy, threaded_napi)
{
	struct ends *e = &self->e;

	if (sysfs_mount())
		SKIP(return, "cannot mount sysfs");
	ASSERT_EQ(0, ends_open(e, 64, 0));
	ASSERT_EQ(0, sysfs_write("tp4a", "threaded", "1"));
	ASSERT_EQ(0, sysfs_write("tp4b", "threaded", "1"));
	ASSERT_EQ(0, ends_both_ways(e, tp4_scaled(20000, 2000), 50, ETH_HLEN,
				    1500));
	ASSERT_EQ(0, sysfs_write("tp4b", "threaded", "0"));
	ASSERT_EQ(0, ends_both_ways(e, tp4_scaled(2000, 200), 50, ETH_HLEN,
				    1500));
}

/* It takes what there is of a packet, and send() does not wait for the rest */
TEST_F(zc_busy, threaded_napi_unfinished_packet)
{
	struct ends *e = &self->e;
	unsigned int i;

	if (sysfs_mount())
		SKIP(return, "cannot mount sysfs");
	ASSERT_EQ(0, ends_open(e, 64, 0));
	ASSERT_EQ(0, sysfs_write("tp4a", "threaded", "1"));
	ASSERT_EQ(0, sysfs_write("tp4b", "threaded", "1"));
	for (i = 0; i < 10; i++)
		ASSERT_EQ(0, ends_unfinished(e, i));
}

TEST_HARNESS_MAIN

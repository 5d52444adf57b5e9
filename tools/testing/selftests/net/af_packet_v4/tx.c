// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: send() that waits, for how long, and what it says; devices
 * that go down, away, and come back.
 */

#include <fcntl.h>
#include <linux/net_tstamp.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <time.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define LEN		1000
#define RING		64
#define NR		40
#define MAX_PKT		2048

/*
 * A full send buffer needs someone who holds packets: a qdisc. So these are
 * about the path through the qdisc only.
 */
FIXTURE(tx_wait) {
	struct tp4_net net;
	struct tp4 t;
	int in;
	__u32 seq;		/* next one expected */
};

FIXTURE_SETUP(tx_wait)
{
	struct tp4_cfg cfg = { .tx_nr = RING };
	int size = 1;

	/* A qdisc may go on elsewhere; then a veth does not keep the order */
	tp4_pin_cpu(0);
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	/* Two packets pass, the others wait, millions of them */
	ASSERT_EQ(0, tp4_plug_add(self->net.a, 2 * LEN, 64 << 20));
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&self->t, &cfg));
	/* The least there is: room for a few packets */
	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)));
}

FIXTURE_TEARDOWN(tx_wait)
{
	tp4_close(&self->t);
	close(self->in);
}

static int queue(struct tp4 *t, __u32 seq, unsigned int nr)
{
	__u8 pkt[LEN];
	int ret;

	while (nr--) {
		tp4_pkt_fill(pkt, LEN, seq++);
		ret = tp4_queue(t, pkt, LEN, 0);
		if (ret != 1)
			return ret < 0 ? ret : -EMSGSIZE;
	}
	return 0;
}

static bool all_came(int fd, __u32 first, unsigned int nr)
{
	__u8 pkt[MAX_PKT];
	unsigned int i;
	int ret;

	for (i = 0; i < nr; i++) {
		ret = tp4_plain_recv(fd, pkt, sizeof(pkt));
		if (ret < 0 || !tp4_pkt_ok(pkt, ret, first + i, LEN))
			return false;
	}
	return recv(fd, pkt, sizeof(pkt), MSG_DONTWAIT) == -1 &&
	       errno == EAGAIN;
}

/* Takes the completions, which must be good ones */
static int take(struct tp4 *t)
{
	struct tpacket4_desc d;
	int n = 0;

	while (tp4_tx_next(t, &d)) {
		if (d.error)
			return -d.error;
		n++;
	}
	return n;
}

TEST_F(tx_wait, dontwait)
{
	struct tp4 *t = &self->t;
	ssize_t ret;
	int n, more;

	ASSERT_EQ(0, queue(t, 0, NR));
	ret = tp4_kick(t, MSG_DONTWAIT);
	ASSERT_LT(2 * LEN, ret);
	ASSERT_GT(NR * LEN, ret);
	EXPECT_EQ(0, ret % LEN);
	/* As many came back as were handed over; the others are queued */
	n = take(t);
	EXPECT_EQ(ret / LEN, n);
	EXPECT_EQ(NR - n, tp4q_num_held(&t->txq));
	EXPECT_EQ(-EAGAIN, tp4_kick(t, MSG_DONTWAIT));
	EXPECT_EQ(0, take(t));

	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	more = 0;
	while (n + more < NR) {
		ret = tp4_kick(t, 0);
		ASSERT_LT(0, ret);
		more += ret / LEN;
	}
	EXPECT_EQ(NR, n + more);
	EXPECT_EQ(more, take(t));
	EXPECT_TRUE(all_came(self->in, 0, NR));
}

struct sender {
	struct tp4 *t;
	pid_t tid;
	ssize_t ret;
	bool done;
};

static void *blocking_send(void *arg)
{
	struct sender *s = arg;

	__atomic_store_n(&s->tid, gettid(), __ATOMIC_RELEASE);
	s->ret = tp4_kick(s->t, 0);
	__atomic_store_n(&s->done, true, __ATOMIC_RELEASE);
	return NULL;
}

/* Starts a thread that sends, and returns when it sleeps */
static int start_sender(struct sender *s, pthread_t *thread)
{
	pid_t tid;

	if (pthread_create(thread, NULL, blocking_send, s))
		return -EAGAIN;
	do {
		tid = __atomic_load_n(&s->tid, __ATOMIC_ACQUIRE);
	} while (!tid);
	return tp4_wait_asleep(tid);
}

TEST_F(tx_wait, blocks_until_all_is_handed_over)
{
	struct sender s = { .t = &self->t };
	struct tpacket_stats_v4 st;
	pthread_t thread;
	int n;

	ASSERT_EQ(0, queue(&self->t, 0, NR));
	ASSERT_EQ(0, start_sender(&s, &thread));
	EXPECT_FALSE(__atomic_load_n(&s.done, __ATOMIC_ACQUIRE));
	n = take(&self->t);
	EXPECT_LT(2, n);
	EXPECT_GT(NR, n);
	/* It holds no lock meanwhile */
	EXPECT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(0, tp4_poll(self->t.fd, POLLIN, 0));
	EXPECT_EQ(-EBUSY, tp4_ring(self->t.fd, PACKET_TX_RING, self->t.mr_fd,
				   8));
	EXPECT_EQ(-EAGAIN, tp4_kick(&self->t, MSG_DONTWAIT));

	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(NR * LEN, s.ret);
	EXPECT_EQ(NR - n, take(&self->t));
	EXPECT_TRUE(all_came(self->in, 0, NR));
}

/* Fills the ring with packets that nothing can be sent of now; the number of those sent
 * before that
 */
static int fill(struct tp4 *t)
{
	unsigned int sent = 0;
	ssize_t ret;

	ret = queue(t, 0, RING);
	while (!ret) {
		ret = tp4_kick(t, MSG_DONTWAIT);
		if (ret == -EAGAIN)
			return sent;
		if (ret <= 0)
			break;
		sent += ret / LEN;
		ret = tp4_complete(t) ?: queue(t, RING + sent - ret / LEN,
					       ret / LEN);
	}
	return ret ?: -EIO;
}

/* A full ring that nothing can be sent from now has room when it can be */
TEST_F(tx_wait, poll_waits_for_the_send_buffer)
{
	struct tp4 *t = &self->t;
	int sent;

	sent = fill(t);
	ASSERT_LT(0, sent);
	EXPECT_EQ(0, tp4q_num_free(&t->txq));
	EXPECT_EQ(0, tp4_poll(t->fd, POLLOUT, 0));

	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, TP4_WAIT_MS));
	EXPECT_EQ(RING * LEN, tp4_kick(t, 0));
	EXPECT_EQ(RING, take(t));
	EXPECT_TRUE(all_came(self->in, 0, RING + sent));
}

/* Zero copy has no send buffer: what waits for it goes out, and nobody needs to ask */
TEST_F(tx_wait, zero_copy_needs_no_send_buffer)
{
	struct tp4 *t = &self->t;
	__u8 pkt[MAX_PKT];
	int sent;

	sent = fill(t);
	ASSERT_LT(0, sent);
	EXPECT_EQ(0, tp4_poll(t->fd, POLLOUT, 0));
	ASSERT_EQ(0, tp4_set_queue(t->fd, 0));
	EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, TP4_WAIT_MS));
	EXPECT_EQ(RING, take(t));
	/* Two have passed the qdisc, which holds the others that were sent before */
	EXPECT_EQ(LEN, tp4_plain_recv(self->in, pkt, sizeof(pkt)));
	EXPECT_EQ(LEN, tp4_plain_recv(self->in, pkt, sizeof(pkt)));
	EXPECT_TRUE(all_came(self->in, sent, RING));
}

TEST_F(tx_wait, zero_copy_begins_meanwhile)
{
	struct sender s = { .t = &self->t };
	struct tp4 *t = &self->t;
	pthread_t thread;
	int sent;

	sent = fill(t);
	ASSERT_LT(0, sent);
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, tp4_set_queue(t->fd, 0));
	/* What wakes it up, frees room in the send buffer */
	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* Sent before it has looked, or after */
	EXPECT_LE(0, s.ret);
	EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, TP4_WAIT_MS));
	EXPECT_EQ(RING, take(t));
}

/* How often this thread has gone to sleep */
static long sleeps(void)
{
	struct rusage ru;

	return getrusage(RUSAGE_THREAD, &ru) ? -1 : ru.ru_nvcsw;
}

/* Not for how long: on several CPUs, one of them may be late with its ticks */
TEST_F(tx_wait, sndtimeo)
{
	struct timeval tv = { .tv_usec = 200000 };
	ssize_t ret;
	long before;
	int n;

	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	ASSERT_EQ(0, queue(&self->t, 0, NR));
	before = sleeps();
	ret = tp4_kick(&self->t, 0);
	EXPECT_LT(before, sleeps());
	ASSERT_LT(2 * LEN, ret);
	ASSERT_GT(NR * LEN, ret);
	n = take(&self->t);
	EXPECT_EQ(ret / LEN, n);

	before = sleeps();
	EXPECT_EQ(-EAGAIN, tp4_kick(&self->t, 0));
	EXPECT_LT(before, sleeps());
	EXPECT_EQ(0, take(&self->t));
	/* MSG_DONTWAIT does not wait for that either */
	tv.tv_sec = 1000;
	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_SNDTIMEO, &tv,
				sizeof(tv)));
	EXPECT_EQ(-EAGAIN, tp4_kick(&self->t, MSG_DONTWAIT));

	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	EXPECT_EQ((NR - n) * LEN, tp4_kick(&self->t, 0));
	EXPECT_TRUE(all_came(self->in, 0, NR));
}

static void nothing(int sig)
{
}

TEST_F(tx_wait, signal_interrupts)
{
	struct sigaction sa = { .sa_handler = nothing };
	struct sender s = { .t = &self->t };
	pthread_t thread;
	int n;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, queue(&self->t, 0, NR));
	/* Something was sent: that is the answer */
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(2 * LEN, s.ret);
	EXPECT_GT(NR * LEN, s.ret);
	n = take(&self->t);
	EXPECT_EQ(s.ret / LEN, n);
	/* Nothing was: EINTR */
	s = (struct sender) { .t = &self->t };
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(-EINTR, s.ret);
	EXPECT_EQ(0, take(&self->t));

	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	EXPECT_EQ((NR - n) * LEN, tp4_kick(&self->t, 0));
	EXPECT_TRUE(all_came(self->in, 0, NR));
}

/* With SA_RESTART a signal is no reason to stop waiting */
TEST_F(tx_wait, signal_restarts)
{
	struct sigaction sa = {
		.sa_handler = nothing, .sa_flags = SA_RESTART,
	};
	struct sender s = { .t = &self->t };
	pthread_t thread;
	ssize_t first;
	int n;

	ASSERT_EQ(0, sigaction(SIGUSR1, &sa, NULL));
	ASSERT_EQ(0, queue(&self->t, 0, NR));
	first = tp4_kick(&self->t, MSG_DONTWAIT);
	ASSERT_LT(0, first);
	n = take(&self->t);
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, pthread_kill(thread, SIGUSR1));
	ASSERT_EQ(0, tp4_wait_asleep(s.tid));
	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(NR * LEN - first, s.ret);
	EXPECT_EQ(NR - n, take(&self->t));
	EXPECT_TRUE(all_came(self->in, 0, NR));
}

TEST_F(tx_wait, device_goes_down_meanwhile)
{
	struct sender s = { .t = &self->t };
	struct tpacket4_desc d;
	pthread_t thread;
	int good = 0, bad = 0;

	ASSERT_EQ(0, queue(&self->t, 0, NR));
	ASSERT_EQ(0, start_sender(&s, &thread));
	/* The qdisc drops what it has, and the sender has no device */
	ASSERT_EQ(0, tp4_link_down(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, s.ret);
	while (tp4_tx_next(&self->t, &d)) {
		if (d.error)
			bad++;
		else
			good++;
		if (d.error)
			EXPECT_EQ(ENETDOWN, d.error);
	}
	EXPECT_EQ(s.ret / LEN, good);
	/* Told at once, or at the next send() */
	if (good + bad < NR) {
		EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, 0));
		while (tp4_tx_next(&self->t, &d)) {
			EXPECT_EQ(ENETDOWN, d.error);
			bad++;
		}
	}
	EXPECT_EQ(NR, good + bad);
}

/* Gone for good while someone waits to send */
TEST_F(tx_wait, device_goes_away_meanwhile)
{
	struct sender s = { .t = &self->t };
	struct tpacket4_desc d;
	pthread_t thread;
	int n = 0;

	ASSERT_EQ(0, queue(&self->t, 0, NR));
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, tp4_link_del(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_LT(0, s.ret);
	tp4_kick(&self->t, MSG_DONTWAIT);
	tp4_kick(&self->t, MSG_DONTWAIT);
	while (tp4_tx_next(&self->t, &d)) {
		EXPECT_TRUE(n < s.ret / LEN ? !d.error :
			    d.error == ENXIO || d.error == ENETDOWN)
			TH_LOG("completion %d, error %u", n, d.error);
		n++;
	}
	EXPECT_EQ(NR, n);
}

TEST_F(tx_wait, ring_goes_away_meanwhile)
{
	struct sender s = { .t = &self->t };
	pthread_t thread;

	ASSERT_EQ(0, queue(&self->t, 0, NR));
	ASSERT_EQ(0, start_sender(&s, &thread));
	ASSERT_EQ(0, munmap(self->t.map, self->t.map_len));
	self->t.map = NULL;
	EXPECT_EQ(0, tp4_ring(self->t.fd, PACKET_TX_RING, self->t.mr_fd, 0));
	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	/* What it had sent before */
	EXPECT_LT(2 * LEN, s.ret);
	EXPECT_GT(NR * LEN, s.ret);
	EXPECT_TRUE(all_came(self->in, 0, s.ret / LEN));
}

/* A qdisc that is full says so at once: an errno for each packet */
TEST_F(tx_wait, qdisc_is_full)
{
	struct tpacket_stats_v4 st;
	struct tpacket4_desc d;
	int size = 1 << 20, i;

	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_SNDBUF, &size,
				sizeof(size)));
	ASSERT_EQ(0, tp4_plug_del(self->net.a));
	ASSERT_EQ(0, tp4_plug_add(self->net.a, 2 * LEN, 3 * LEN + 500));
	ASSERT_EQ(0, queue(&self->t, 0, NR));
	/* Two pass, three wait */
	EXPECT_EQ(5 * LEN, tp4_kick(&self->t, 0));
	for (i = 0; i < NR; i++) {
		ASSERT_TRUE(tp4_tx_next(&self->t, &d));
		EXPECT_EQ(i < 5 ? 0 : ENOBUFS, d.error)
			TH_LOG("packet %d", i);
	}
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(NR - 5, st.tx_errors);
	EXPECT_EQ(0, st.tx_invalid_desc);
	ASSERT_EQ(0, tp4_plug_open(self->net.a));
	EXPECT_TRUE(all_came(self->in, 0, 5));
}

/* Devices that go down, away, and come back */

FIXTURE(tx_dev) {
	struct tp4_net net;
	struct tp4 t;
	int in;
	int out;
	__u8 pkt[MAX_PKT];
};

FIXTURE_VARIANT(tx_dev) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(tx_dev, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(tx_dev, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_SETUP(tx_dev)
{
	struct tp4_cfg cfg = {
		.mode = variant->mode, .rx_nr = RING, .tx_nr = RING,
		.ignore_outgoing = true,
	};

	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&self->t, &cfg));
}

FIXTURE_TEARDOWN(tx_dev)
{
	EXPECT_TRUE(tp4_guards_ok(&self->t));
	tp4_close(&self->t);
	close(self->in);
	close(self->out);
}

static int take_error(int fd)
{
	socklen_t len = sizeof(int);
	int err = -1;

	getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len);
	return err;
}

/* The device that a socket is bound to; -1 when it was and that is gone */
static int bound_to(int fd)
{
	struct sockaddr_ll ll = {};
	socklen_t len = sizeof(ll);

	getsockname(fd, (struct sockaddr *)&ll, &len);
	return ll.sll_ifindex;
}

/* All that is queued comes back with this error */
static bool all_failed(struct tp4 *t, unsigned int nr, int error)
{
	struct tpacket4_desc d;
	unsigned int n = 0;

	while (tp4_tx_next(t, &d)) {
		t->free[t->free_nr++] = d.idx;
		n++;
		if (d.error == error)
			continue;
		fprintf(stderr, "# expected error %d, seen %u\n", error,
			d.error);
		return false;
	}
	if (n != nr)
		fprintf(stderr, "# expected %u completions, seen %u\n", nr, n);
	return n == nr;
}

TEST_F(tx_dev, nothing_queued)
{
	EXPECT_EQ(0, tp4_kick(&self->t, 0));
	EXPECT_EQ(0, tp4_kick(&self->t, MSG_DONTWAIT));
}

TEST_F(tx_dev, whole_ring_in_one_send)
{
	int i;

	for (i = 0; i < 10; i++) {
		ASSERT_EQ(0, queue(&self->t, RING * i, RING));
		EXPECT_EQ(RING * LEN, tp4_kick(&self->t, 0));
		EXPECT_EQ(0, tp4_complete(&self->t));
		EXPECT_TRUE(all_came(self->in, RING * i, RING));
	}
	EXPECT_EQ(10 * RING, tp4_dev_packets("tp4a", false));
}

TEST_F(tx_dev, down_and_up)
{
	struct tpacket_stats_v4 st;
	int ret, round;

	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, tp4_link_down(self->net.a));
		EXPECT_EQ(POLLERR, tp4_poll(self->t.fd, POLLIN, 0));
		EXPECT_EQ(ENETDOWN, take_error(self->t.fd));
		EXPECT_EQ(0, tp4_poll(self->t.fd, POLLIN, 0));

		ASSERT_EQ(0, queue(&self->t, 0, 10));
		EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, 0));
		EXPECT_TRUE(all_failed(&self->t, 10, ENETDOWN));
		ASSERT_EQ(0, queue(&self->t, 0, 10));
		EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, MSG_DONTWAIT));
		EXPECT_TRUE(all_failed(&self->t, 10, ENETDOWN));
		EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, 0));

		ASSERT_EQ(0, tp4_link_up(self->net.a));
		ASSERT_EQ(0, queue(&self->t, 10, 10));
		EXPECT_EQ(10 * LEN, tp4_kick(&self->t, 0));
		EXPECT_EQ(0, tp4_complete(&self->t));
		EXPECT_TRUE(all_came(self->in, 10, 10));
		/* Receiving goes on, too */
		tp4_pkt_fill(self->pkt, 100, 3);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
		ret = tp4_recv_wait(&self->t, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 3, 100));
		/* what the plain socket got of it all */
		take_error(self->in);
		take_error(self->out);
	}
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(5 * 20, st.tx_errors);
	EXPECT_EQ(0, st.tx_invalid_desc);
}

/* What the socket has to say comes first, and costs no packet */
TEST_F(tx_dev, error_of_the_socket)
{
	ASSERT_EQ(0, tp4_link_down(self->net.a));
	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, queue(&self->t, 0, 10));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, 0));
	EXPECT_EQ(10, tp4q_num_held(&self->t.txq));
	EXPECT_EQ(10 * LEN, tp4_kick(&self->t, 0));
	EXPECT_EQ(0, tp4_complete(&self->t));
	EXPECT_TRUE(all_came(self->in, 0, 10));
}

/* send() with a control message of level SOL_SOCKET */
static ssize_t kick_cmsg(struct tp4 *t, int type, const void *data, size_t len)
{
	union {
		char buf[CMSG_SPACE(sizeof(__u64))];
		struct cmsghdr align;
	} control = {};
	struct msghdr msg = {
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(len),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t ret;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = type;
	cmsg->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(cmsg), data, len);
	ret = sendmsg(t->fd, &msg, 0);
	return ret < 0 ? -errno : ret;
}

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* A qdisc that knows of times holds packets until theirs has come */
TEST_F(tx_dev, time_to_send)
{
	struct sock_txtime txtime = { .clockid = CLOCK_MONOTONIC };
	__u64 when = now_ns();

	/* Not asked for before: an error, and nothing is sent */
	ASSERT_EQ(0, queue(&self->t, 0, 3));
	EXPECT_EQ(-EINVAL, kick_cmsg(&self->t, SCM_TXTIME, &when,
				     sizeof(when)));
	EXPECT_EQ(-EINVAL, kick_cmsg(&self->t, -1, &when, sizeof(when)));
	EXPECT_EQ(3, tp4q_num_held(&self->t.txq));

	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_TXTIME, &txtime,
				sizeof(txtime)));
	ASSERT_EQ(0, tp4_qdisc_add(self->net.a, "fq"));
	when = now_ns() + 300000000;
	EXPECT_EQ(3 * LEN, kick_cmsg(&self->t, SCM_TXTIME, &when,
				     sizeof(when)));
	EXPECT_EQ(0, tp4_complete(&self->t));
	EXPECT_TRUE(all_came(self->in, 0, 3));
	if (!variant->mode->qdisc_bypass)
		EXPECT_LE(when, now_ns());
	ASSERT_EQ(0, tp4_plug_del(self->net.a));
}

/* When a packet was sent, is in the error queue, and poll() says so */
TEST_F(tx_dev, time_stamps)
{
	int flags = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
		    SOF_TIMESTAMPING_OPT_TSONLY;
	union {
		char buf[512];
		struct cmsghdr align;
	} control;
	struct msghdr msg = { .msg_control = control.buf };
	bool stamped = false;
	struct cmsghdr *cmsg;
	int round, one = 1;

	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_TIMESTAMPING,
				&flags, sizeof(flags)));
	EXPECT_EQ(0, tp4_poll(self->t.fd, POLLIN | POLLPRI, 0));
	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, queue(&self->t, round, 1));
		EXPECT_EQ(LEN, tp4_kick(&self->t, 0));
		EXPECT_EQ(0, tp4_complete(&self->t));
		EXPECT_EQ(POLLERR | (round ? POLLPRI : 0),
			  tp4_poll(self->t.fd, POLLIN | POLLPRI, TP4_WAIT_MS));
		msg.msg_controllen = sizeof(control);
		ASSERT_EQ(0, recvmsg(self->t.fd, &msg, MSG_ERRQUEUE));
		for (cmsg = CMSG_FIRSTHDR(&msg); cmsg;
		     cmsg = CMSG_NXTHDR(&msg, cmsg))
			stamped |= cmsg->cmsg_level == SOL_SOCKET &&
				   cmsg->cmsg_type == SCM_TIMESTAMPING;
		EXPECT_TRUE(stamped);
		EXPECT_EQ(0, tp4_poll(self->t.fd, POLLIN | POLLPRI, 0));
		ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET,
					SO_SELECT_ERR_QUEUE, &one,
					sizeof(one)));
	}
	EXPECT_TRUE(all_came(self->in, 0, 2));
}

/* A bad descriptor is bad, device or not */
TEST_F(tx_dev, down_and_bad)
{
	struct tpacket4_desc d;

	ASSERT_EQ(0, tp4_link_down(self->net.a));
	EXPECT_EQ(ENETDOWN, take_error(self->t.fd));
	tp4_tx_give(&self->t, 1, 100, 0, 0);
	tp4_tx_give(&self->t, ~0ULL, 100, 0, 0);
	EXPECT_EQ(-ENETDOWN, tp4_kick(&self->t, 0));
	ASSERT_TRUE(tp4_tx_next(&self->t, &d));
	EXPECT_EQ(d.idx == 1 ? ENETDOWN : EBADF, d.error);
	ASSERT_TRUE(tp4_tx_next(&self->t, &d));
	EXPECT_EQ(d.idx == 1 ? ENETDOWN : EBADF, d.error);
	EXPECT_FALSE(tp4_tx_next(&self->t, &d));
}

TEST_F(tx_dev, bound_while_down)
{
	struct tp4_cfg cfg = {
		.mode = variant->mode, .rx_nr = 8, .tx_nr = 8,
		.ignore_outgoing = true,
	};
	struct tp4 t;
	int ret;

	ASSERT_EQ(0, tp4_link_down(self->net.a));
	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	/* bind() on a device that is down says so there, as it always has */
	EXPECT_EQ(ENETDOWN, take_error(t.fd));
	ASSERT_EQ(0, queue(&t, 0, 3));
	EXPECT_EQ(-ENETDOWN, tp4_kick(&t, 0));
	EXPECT_TRUE(all_failed(&t, 3, ENETDOWN));
	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, queue(&t, 1, 3));
	EXPECT_EQ(3 * LEN, tp4_kick(&t, 0));
	EXPECT_TRUE(all_came(self->in, 1, 3));
	tp4_pkt_fill(self->pkt, 100, 3);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	ret = tp4_recv_wait(&t, self->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 3, 100));
	tp4_close(&t);
}

TEST_F(tx_dev, gone)
{
	struct tp4_netcfg plain = {};
	int ret;

	ASSERT_EQ(0, queue(&self->t, 0, 5));
	ASSERT_EQ(0, tp4_link_del(self->net.a));
	EXPECT_EQ(POLLERR, tp4_poll(self->t.fd, POLLIN, 0));
	EXPECT_EQ(ENETDOWN, take_error(self->t.fd));
	EXPECT_EQ(-ENXIO, tp4_kick(&self->t, 0));
	EXPECT_TRUE(all_failed(&self->t, 5, ENXIO));
	EXPECT_EQ(-ENXIO, tp4_kick(&self->t, MSG_DONTWAIT));

	/* The rings are as good as ever for another device */
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &plain));
	self->net.a = if_nametoindex("tp4c");
	self->net.b = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, tp4_link_up(self->net.b));
	close(self->in);
	close(self->out);
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	ASSERT_EQ(0, tp4_bind(self->t.fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, queue(&self->t, 1, 10));
	EXPECT_EQ(10 * LEN, tp4_kick(&self->t, 0));
	EXPECT_EQ(0, tp4_complete(&self->t));
	EXPECT_TRUE(all_came(self->in, 1, 10));
	tp4_pkt_fill(self->pkt, 100, 3);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	ret = tp4_recv_wait(&self->t, self->pkt, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, 3, 100));
}

struct poller {
	int fd;
	pid_t tid;
	int ret;
};

static void *poll_for_error(void *arg)
{
	struct poller *p = arg;

	__atomic_store_n(&p->tid, gettid(), __ATOMIC_RELEASE);
	p->ret = tp4_poll(p->fd, POLLIN, TP4_WAIT_MS);
	return NULL;
}

TEST_F(tx_dev, poll_wakes_when_gone)
{
	struct poller p = { .fd = self->t.fd };
	pthread_t thread;
	pid_t tid;

	ASSERT_EQ(0, pthread_create(&thread, NULL, poll_for_error, &p));
	do {
		tid = __atomic_load_n(&p.tid, __ATOMIC_ACQUIRE);
	} while (!tid);
	ASSERT_EQ(0, tp4_wait_asleep(tid));
	ASSERT_EQ(0, tp4_link_del(self->net.a));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(POLLERR, p.ret);
}

TEST_F(tx_dev, mtu_shrinks)
{
	ASSERT_EQ(0, queue(&self->t, 0, 2));
	EXPECT_EQ(2 * LEN, tp4_kick(&self->t, 0));
	EXPECT_EQ(0, tp4_complete(&self->t));
	EXPECT_TRUE(all_came(self->in, 0, 2));
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, LEN - ETH_HLEN - 1));
	ASSERT_EQ(0, queue(&self->t, 2, 2));
	EXPECT_EQ(0, tp4_kick(&self->t, 0));
	EXPECT_TRUE(all_failed(&self->t, 2, EMSGSIZE));
	ASSERT_EQ(0, tp4_link_mtu(self->net.a, LEN - ETH_HLEN));
	ASSERT_EQ(0, queue(&self->t, 4, 2));
	EXPECT_EQ(2 * LEN, tp4_kick(&self->t, 0));
	EXPECT_EQ(0, tp4_complete(&self->t));
	EXPECT_TRUE(all_came(self->in, 4, 2));
}

/* The other end moves to another namespace, and dies with it */
TEST_F(tx_dev, peer_dies_with_its_namespace)
{
	int ready[2], die[2], status;
	char byte = 0, path[64];
	pid_t pid;
	int ns;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, pipe(die));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(self->in);
		close(self->out);
		close(die[1]);
		if (unshare(CLONE_NEWNET) || write(ready[1], &byte, 1) != 1)
			_exit(1);
		_exit(read(die[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(self->in);
	close(self->out);
	self->in = -1;
	self->out = -1;
	ASSERT_EQ(1, read(ready[0], &byte, 1));
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	ns = open(path, O_RDONLY);
	ASSERT_LE(0, ns);
	ASSERT_EQ(0, tp4_link_netns(self->net.b, ns));
	close(ns);
	ASSERT_EQ(1, write(die[1], &byte, 1));
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	/*
	 * The namespace is cleaned up by and by; a veth goes with its peer. The
	 * socket is told after the device's name is gone.
	 */
	ASSERT_EQ(POLLERR, tp4_poll(self->t.fd, 0, TP4_WAIT_MS));
	while (bound_to(self->t.fd) != -1)
		sched_yield();
	take_error(self->t.fd);
	ASSERT_EQ(0, queue(&self->t, 0, 5));
	EXPECT_EQ(-ENXIO, tp4_kick(&self->t, 0));
	EXPECT_TRUE(all_failed(&self->t, 5, ENXIO));
}

/*
 * Nobody at the other end: the device has no carrier. Past the qdisc this is
 * told; a qdisc may swallow packets without a word, as it may on V1 to V3.
 */
TEST(no_carrier_is_told_past_the_qdisc)
{
	struct tp4_cfg cfg = { .mode = &tp4_copy_direct, .tx_nr = RING };
	struct tp4_net net;
	struct tp4 t;

	ASSERT_EQ(0, tp4_net_new(&net, NULL));
	cfg.ifindex = net.a;
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, tp4_link_down(net.b));
	ASSERT_EQ(0, queue(&t, 0, 5));
	EXPECT_EQ(0, tp4_kick(&t, 0));
	EXPECT_TRUE(all_failed(&t, 5, ENOBUFS));
	tp4_close(&t);
}

TEST_HARNESS_MAIN

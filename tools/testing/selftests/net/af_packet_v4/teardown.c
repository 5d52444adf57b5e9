// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: however a socket ends, in whatever it was doing, nothing of it
 * stays: no pinned page, no memory, no charge; and others do not notice.
 */

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define RING		64
#define LEN		500
#define MAX_PKT		2048

FIXTURE(teardown) {
	struct tp4_net net;
};

FIXTURE_VARIANT(teardown) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(teardown, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(teardown, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_SETUP(teardown)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
}

FIXTURE_TEARDOWN(teardown)
{
	EXPECT_TRUE(tp4_pins_balanced());
}

static struct tp4_cfg config(const struct tp4_mode *mode, int ifindex)
{
	struct tp4_cfg cfg = {
		.ifindex = ifindex, .mode = mode, .rx_nr = RING,
		.tx_nr = RING, .ignore_outgoing = true,
	};

	return cfg;
}

/* Sends from b until it is told to stop */
struct blaster {
	int ifindex;
	bool stop;
	int ret;
};

static void *blast(void *arg)
{
	struct blaster *b = arg;
	__u8 pkt[LEN];
	__u32 seq = 0;
	int fd;

	fd = tp4_plain_open(b->ifindex, 0);
	if (fd < 0) {
		b->ret = fd;
		return NULL;
	}
	while (!__atomic_load_n(&b->stop, __ATOMIC_RELAXED)) {
		tp4_pkt_fill(pkt, sizeof(pkt), seq++);
		/* A device that is down is part of some tests here */
		send(fd, pkt, sizeof(pkt), MSG_DONTWAIT);
		if (!(seq % 16))
			sched_yield();
	}
	close(fd);
	return NULL;
}

static int blaster_start(struct blaster *b, pthread_t *thread, int ifindex)
{
	memset(b, 0, sizeof(*b));
	b->ifindex = ifindex;
	return pthread_create(thread, NULL, blast, b);
}

static int blaster_stop(struct blaster *b, pthread_t thread)
{
	__atomic_store_n(&b->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	return b->ret;
}

/* One packet each way between fresh sockets */
static void works(struct __test_metadata *_metadata,
		  struct _test_data_teardown *self, const struct tp4_mode *mode)
{
	struct tp4_cfg cfg = config(mode, self->net.a);
	__u8 pkt[MAX_PKT];
	struct tp4 a, b;
	int ret;

	ASSERT_EQ(0, tp4_open(&a, &cfg));
	cfg.ifindex = self->net.b;
	ASSERT_EQ(0, tp4_open(&b, &cfg));
	tp4_pkt_fill(pkt, LEN, 1);
	ASSERT_EQ(0, tp4_send(&a, pkt, LEN, 0));
	ret = tp4_recv_wait(&b, pkt, sizeof(pkt));
	ASSERT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, 1, LEN));
	tp4_pkt_fill(pkt, LEN, 2);
	ASSERT_EQ(0, tp4_send(&b, pkt, LEN, 0));
	ret = tp4_recv_wait(&a, pkt, sizeof(pkt));
	ASSERT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, 2, LEN));
	tp4_close(&a);
	tp4_close(&b);
}

TEST_F(teardown, close_while_receiving)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	unsigned int round, rounds = tp4_scaled(60, 20), i;
	struct blaster blaster;
	__u8 pkt[MAX_PKT];
	pthread_t thread;
	struct tp4 t;
	int ret;

	ASSERT_EQ(0, blaster_start(&blaster, &thread, self->net.b));
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		/* Some while the ring goes round, some at once */
		for (i = 0; i < round % 4 * RING; i++) {
			ret = tp4_recv_wait(&t, pkt, sizeof(pkt));
			ASSERT_EQ(LEN, ret);
			ASSERT_TRUE(tp4_pkt_ok(pkt, ret, tp4_pkt_seq(pkt),
					       LEN));
		}
		ASSERT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
	}
	EXPECT_EQ(0, blaster_stop(&blaster, thread));
	works(_metadata, self, variant->mode);
}

/* One thread sends on the socket, another one takes it away */
struct kicker {
	struct tp4 *t;
	unsigned long sent;
	int ret;
};

static void *kick_on(void *arg)
{
	struct kicker *k = arg;
	__u8 pkt[LEN];
	int ret;

	tp4_pkt_fill(pkt, LEN, 1);
	do {
		while (tp4_queue(k->t, pkt, LEN, 0) > 0)
			;
		ret = tp4_kick(k->t, 0);
		tp4_complete(k->t);
		if (ret > 0)
			__atomic_fetch_add(&k->sent, ret, __ATOMIC_RELEASE);
	} while (ret >= 0);
	k->ret = ret;
	return NULL;
}

TEST_F(teardown, close_while_sending)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	unsigned int round, rounds = tp4_scaled(60, 20);
	struct kicker k;
	pthread_t thread;
	struct tp4 t;
	int fd;

	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		k = (struct kicker) { .t = &t };
		ASSERT_EQ(0, pthread_create(&thread, NULL, kick_on, &k));
		while (!__atomic_load_n(&k.sent, __ATOMIC_ACQUIRE))
			sched_yield();
		/* The ring stays mapped until the thread has found out */
		fd = t.fd;
		close(fd);
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(-EBADF, k.ret);
		t.fd = -1;
		ASSERT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
	}
	works(_metadata, self, variant->mode);
}

/* Sends and receives until killed; one byte when both have begun */
static void child_in_traffic(const struct tp4_cfg *cfg, int report)
{
	unsigned int sent = 0, received = 0;
	struct tpacket4_desc d;
	__u8 pkt[LEN];
	struct tp4 t;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (tp4_open(&t, cfg))
		_exit(1);
	tp4_pkt_fill(pkt, LEN, 1);
	for (;;) {
		while (tp4_queue(&t, pkt, LEN, 0) > 0)
			sent++;
		tp4_kick(&t, 0);
		tp4_complete(&t);
		while (tp4_rx_next(&t, &d)) {
			received++;
			tp4_rx_give(&t, d.idx);
		}
		if (sent && received && report >= 0) {
			if (write(report, "x", 1) != 1)
				_exit(2);
			report = -1;
		}
	}
}

TEST_F(teardown, kill_in_traffic)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	unsigned int round, rounds = tp4_scaled(20, 5);
	struct blaster blaster;
	int report[2], status;
	pthread_t thread;
	pid_t pid;
	char byte;

	ASSERT_EQ(0, blaster_start(&blaster, &thread, self->net.b));
	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, pipe(report));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			close(report[0]);
			child_in_traffic(&cfg, report[1]);
		}
		close(report[1]);
		ASSERT_EQ(1, read(report[0], &byte, 1));
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_TRUE(WIFSIGNALED(status));
		EXPECT_EQ(SIGKILL, WTERMSIG(status));
		close(report[0]);
	}
	EXPECT_EQ(0, blaster_stop(&blaster, thread));
	EXPECT_TRUE(tp4_pins_balanced());
	works(_metadata, self, variant->mode);
}

/* exit() with everything open, in the midst of an unfinished packet */
TEST_F(teardown, exit_without_closing)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	int status, i;
	pid_t pid;

	for (i = 0; i < 10; i++) {
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct tp4 t;

			if (tp4_open(&t, &cfg))
				_exit(1);
			tp4_tx_give(&t, 1, 100, 0, TP4_PKT_CONT);
			if (tp4_kick(&t, 0))
				_exit(2);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		EXPECT_EQ(0, status);
	}
	EXPECT_TRUE(tp4_pins_balanced());
	works(_metadata, self, variant->mode);
}

/* A child has the descriptors still, and then no longer */
TEST_F(teardown, last_process_closes)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	int go[2], status;
	struct tp4 t;
	char byte;
	pid_t pid;

	ASSERT_EQ(0, pipe(go));
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		close(go[1]);
		_exit(read(go[0], &byte, 1));
	}
	close(go[0]);
	tp4_close(&t);
	EXPECT_EQ(2 * RING * 2048 / TP4_PAGE, tp4_pinned());
	close(go[1]);
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* fd, buffer's fd, mapping, memory: in each order, with traffic between */
TEST_F(teardown, any_order)
{
	struct tp4_cfg cfg = config(variant->mode, self->net.a);
	unsigned int perm, i, left, pick, k;
	struct blaster blaster;
	pthread_t thread;
	struct tp4 t;
	int order[4];

	ASSERT_EQ(0, blaster_start(&blaster, &thread, self->net.b));
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
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		for (i = 0; i < 4; i++) {
			ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
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
		EXPECT_TRUE(tp4_pins_balanced())
			TH_LOG("order %d %d %d %d", order[0], order[1],
			       order[2], order[3]);
		tp4_close(&t);
	}
	EXPECT_EQ(0, blaster_stop(&blaster, thread));
	works(_metadata, self, variant->mode);
}

static void send_between(struct __test_metadata *_metadata, int tx_fd,
			 int rx_fd)
{
	struct tp4 tx = { .fd = tx_fd, .rx_nr = RING, .tx_nr = RING };
	struct tpacket4_desc d;

	ASSERT_EQ(0, tp4_map(&tx));
	tp4_tx_give(&tx, RING + 1, 100, 0, 0);
	EXPECT_EQ(100, tp4_kick(&tx, 0));
	ASSERT_TRUE(tp4_tx_next(&tx, &d));
	EXPECT_EQ(0, d.error);
	EXPECT_EQ(POLLIN, tp4_poll(rx_fd, POLLIN, TP4_WAIT_MS));
	munmap(tx.map, tx.map_len);
}

/* A namespace that nobody is in any more, but for a socket */
TEST_F(teardown, namespace_dies_with_its_last_socket)
{
	struct tp4_cfg cfg = config(variant->mode, 0);
	int pair[2], status, rx_fd, tx_fd, round;
	pid_t pid;

	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
		pid = fork();
		ASSERT_LE(0, pid);
		if (!pid) {
			struct tp4_net net;
			struct tp4 a, b;

			if (tp4_net_new(&net, NULL))
				_exit(1);
			cfg.ifindex = net.a;
			if (tp4_open(&a, &cfg))
				_exit(2);
			cfg.ifindex = net.b;
			if (tp4_open(&b, &cfg))
				_exit(3);
			if (tp4_send_fd(pair[1], a.fd) ||
			    tp4_send_fd(pair[1], b.fd))
				_exit(4);
			_exit(0);
		}
		ASSERT_EQ(pid, waitpid(pid, &status, 0));
		ASSERT_EQ(0, status);
		rx_fd = tp4_recv_fd(pair[0]);
		ASSERT_LE(0, rx_fd);
		tx_fd = tp4_recv_fd(pair[0]);
		ASSERT_LE(0, tx_fd);
		/* The devices are there as long as the sockets are */
		send_between(_metadata, tx_fd, rx_fd);
		close(rx_fd);
		close(tx_fd);
		close(pair[0]);
		close(pair[1]);
		EXPECT_TRUE(tp4_pins_balanced());
	}
	works(_metadata, self, variant->mode);
}

/* Devices come and go under sockets in use */
TEST_F(teardown, device_deleted_in_traffic)
{
	unsigned int round, rounds = tp4_scaled(20, 5);
	struct tp4_netcfg plain = {};
	struct blaster blaster;
	struct tp4_cfg cfg;
	pthread_t in_thread, out_thread;
	struct kicker k;
	struct tp4 t;
	int a, b;

	for (round = 0; round < rounds; round++) {
		ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &plain));
		a = if_nametoindex("tp4c");
		b = if_nametoindex("tp4d");
		ASSERT_EQ(0, tp4_link_up(a));
		ASSERT_EQ(0, tp4_link_up(b));
		cfg = config(variant->mode, a);
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		k = (struct kicker) { .t = &t };
		ASSERT_EQ(0, blaster_start(&blaster, &in_thread, b));
		ASSERT_EQ(0, pthread_create(&out_thread, NULL, kick_on, &k));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		while (!__atomic_load_n(&k.sent, __ATOMIC_ACQUIRE))
			sched_yield();
		ASSERT_EQ(0, tp4_link_del(a));
		ASSERT_EQ(0, pthread_join(out_thread, NULL));
		EXPECT_TRUE(k.ret == -ENXIO || k.ret == -ENETDOWN)
			TH_LOG("send() ended with %d", k.ret);
		EXPECT_EQ(0, blaster_stop(&blaster, in_thread));
		ASSERT_TRUE(tp4_guards_ok(&t));
		tp4_close(&t);
	}
	works(_metadata, self, variant->mode);
}

static void open_use_close(struct __test_metadata *_metadata,
			   struct _test_data_teardown *self,
			   const struct tp4_mode *mode)
{
	struct tp4_cfg cfg = config(mode, self->net.a);
	__u8 pkt[LEN];
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, LEN, 1);
	ASSERT_EQ(0, tp4_send(&t, pkt, LEN, 0));
	tp4_close(&t);
}

TEST_F(teardown, a_thousand_rounds)
{
	unsigned int i, rounds = tp4_scaled(1000, 100);
	long long before, kb;

	/* One round's packet buffer and rings, in kB */
	kb = 2 * RING * (2048 + 16) / 1024;
	for (i = 0; i < 50; i++)
		open_use_close(_metadata, self, variant->mode);
	EXPECT_TRUE(tp4_pins_balanced());
	before = tp4_mem_available();
	ASSERT_LT(0, before);
	for (i = 0; i < rounds; i++)
		open_use_close(_metadata, self, variant->mode);
	EXPECT_TRUE(tp4_pins_balanced());

	/*
	 * What RCU frees comes back by and by, and others use memory, too. A
	 * leak of a twentieth of each round would be seen.
	 */
	kb = rounds * kb / 20;
	EXPECT_GE(kb, tp4_mem_lost(before, kb));
	EXPECT_EQ(0, tp4_read_counter("/proc/self/status", "VmPin:"));
	EXPECT_EQ(0, tp4_read_counter("/proc/self/status", "VmLck:"));
}

/* Steps that fail leave as little behind as those that do not */
TEST_F(teardown, a_thousand_failures)
{
	unsigned int i, rounds = tp4_scaled(1000, 100);
	size_t len = 64 * TP4_PAGE;
	int fd, mr_fd;
	__u8 *mem;

	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, munmap(mem + 60 * TP4_PAGE, 4 * TP4_PAGE));
	for (i = 0; i < rounds; i++) {
		fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, fd);
		ASSERT_LE(0, mr_fd);
		ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
		/* 60 pages are pinned before the 61st fails */
		ASSERT_EQ(-EFAULT, tp4_memreg(mr_fd, mem, len, 0, 0));
		ASSERT_EQ(-EINVAL, tp4_ring(fd, PACKET_RX_RING, mr_fd, 64));
		ASSERT_EQ(0, tp4_memreg(mr_fd, mem, 32 * TP4_PAGE, 0, 0));
		ASSERT_EQ(-EBUSY, tp4_memreg(mr_fd, mem, 32 * TP4_PAGE, 0,
					     0));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, 64));
		ASSERT_EQ(-EINVAL, tp4_ring(fd, PACKET_TX_RING, fd, 64));
		ASSERT_EQ(-EINVAL, tp4_ring(fd, PACKET_TX_RING, mr_fd, 63));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, 128));
		ASSERT_EQ(-EINVAL, tp4_bind(fd, 0, ETH_P_ALL));
		ASSERT_EQ(-EBUSY, tp4_version(fd, TPACKET_V2));
		close(i & 1 ? fd : mr_fd);
		close(i & 1 ? mr_fd : fd);
	}
	munmap(mem, 60 * TP4_PAGE);
	EXPECT_TRUE(tp4_pins_balanced());
	works(_metadata, self, variant->mode);
}

/* What an ordinary user was charged, that user gets back */
TEST_F(teardown, locked_memory_is_given_back)
{
	struct rlimit rl = {
		.rlim_cur = 64 * TP4_PAGE,
		.rlim_max = 64 * TP4_PAGE,
	};
	int fd[2 * 20], i;
	void *mem;

	mem = mmap(NULL, 64 * TP4_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < 40; i++) {
		fd[i] = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, fd[i]);
	}
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &rl));
	ASSERT_EQ(0, setresuid(54322, 54322, 54322));
	for (i = 0; i < 40; i += 2) {
		ASSERT_EQ(0, tp4_memreg(fd[i], mem, 64 * TP4_PAGE, 0, 0));
		ASSERT_EQ(-ENOMEM, tp4_memreg(fd[i + 1], mem, TP4_PAGE, 0, 0));
		ASSERT_EQ(0, tp4_version(fd[i + 1], TPACKET_V4));
		ASSERT_EQ(0, tp4_ring(fd[i + 1], PACKET_RX_RING, fd[i], 16));
		close(fd[i]);
		close(fd[i + 1]);
	}
}

TEST_HARNESS_MAIN

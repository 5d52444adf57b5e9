// SPDX-License-Identifier: GPL-2.0
/* AF_PACKET V4 sockets in fanout groups */

#include <sched.h>
#include <linux/filter.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define GROUP		4711
#define SOCKS		3
#define RING		64
#define MAX_PKT		2048

FIXTURE(fanout) {
	struct tp4_net net;
	struct tp4 t[SOCKS];	/* on a, not yet in a group */
	int out;
	__u8 pkt[MAX_PKT];
	unsigned int got[SOCKS];
};

FIXTURE_SETUP(fanout)
{
	struct tp4_cfg cfg = { .rx_nr = RING, .ignore_outgoing = true };
	int i;

	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	cfg.ifindex = self->net.a;
	for (i = 0; i < SOCKS; i++)
		ASSERT_EQ(0, tp4_open(&self->t[i], &cfg));
}

FIXTURE_TEARDOWN(fanout)
{
	int i;

	for (i = 0; i < SOCKS; i++) {
		if (self->t[i].fd < 0)
			continue;
		EXPECT_TRUE(tp4_guards_ok(&self->t[i]));
		tp4_close(&self->t[i]);
	}
	close(self->out);
	EXPECT_TRUE(tp4_pins_balanced());
}

static int join(int fd, unsigned int type)
{
	int arg = GROUP | type << 16;

	return setsockopt(fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) ?
	       -errno : 0;
}

static void join_all(struct __test_metadata *_metadata,
		     struct _test_data_fanout *self, unsigned int type)
{
	int i, arg;
	socklen_t len;

	for (i = 0; i < SOCKS; i++) {
		ASSERT_EQ(0, join(self->t[i].fd, type));
		len = sizeof(arg);
		ASSERT_EQ(0, getsockopt(self->t[i].fd, SOL_PACKET,
					PACKET_FANOUT, &arg, &len));
		EXPECT_EQ(GROUP | type << 16, arg);
	}
}

static void send_nr(struct __test_metadata *_metadata,
		    struct _test_data_fanout *self, __u32 first, unsigned int nr)
{
	int seen = tp4_plain_open(self->net.a, TP4_ETH_P);
	__u32 i;

	ASSERT_LE(0, seen);
	for (i = first; i < first + nr; i++) {
		tp4_pkt_fill(self->pkt, 100, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
		ASSERT_EQ(100, tp4_plain_recv(seen, self->pkt, MAX_PKT));
	}
	close(seen);
}

/*
 * Takes all that came: each of the numbers from @first on once, on one of the
 * sockets, there in order; @got says how many on which.
 */
static void take_all(struct __test_metadata *_metadata,
		     struct _test_data_fanout *self, __u32 first, unsigned int nr,
		     unsigned int want)
{
	bool seen[1024] = {};
	unsigned int sum = 0;
	__u32 seq, last;
	int i, ret;

	ASSERT_LE(nr, ARRAY_SIZE(seen));
	for (i = 0; i < SOCKS; i++) {
		self->got[i] = 0;
		last = first;
		if (self->t[i].fd < 0)
			continue;
		while ((ret = tp4_recv(&self->t[i], self->pkt, MAX_PKT))) {
			ASSERT_EQ(100, ret);
			seq = tp4_pkt_seq(self->pkt);
			ASSERT_TRUE(tp4_pkt_ok(self->pkt, ret, seq, 100));
			ASSERT_LE(last, seq);
			ASSERT_LT(seq, first + nr);
			ASSERT_FALSE(seen[seq - first]);
			seen[seq - first] = true;
			last = seq;
			self->got[i]++;
			sum++;
		}
	}
	EXPECT_EQ(want, sum);
}

TEST_F(fanout, lb)
{
	join_all(_metadata, self, PACKET_FANOUT_LB);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 60);
	/* By turns */
	EXPECT_EQ(20, self->got[0]);
	EXPECT_EQ(20, self->got[1]);
	EXPECT_EQ(20, self->got[2]);
}

TEST_F(fanout, cpu)
{
	unsigned int cpu, i;

	join_all(_metadata, self, PACKET_FANOUT_CPU);
	for (cpu = 0; cpu < tp4_cpus() && cpu < 8; cpu++) {
		cpu_set_t all;

		ASSERT_EQ(0, sched_getaffinity(0, sizeof(all), &all));
		tp4_pin_cpu(cpu);
		send_nr(_metadata, self, 100 * cpu, 30);
		i = sched_getcpu() % SOCKS;
		ASSERT_EQ(0, sched_setaffinity(0, sizeof(all), &all));
		take_all(_metadata, self, 100 * cpu, 30, 30);
		EXPECT_EQ(30, self->got[i]);
	}
}

static size_t udp_packet(__u8 *pkt, __u16 port)
{
	const struct tp4_ip4 flow = {
		.saddr = 0xc0000202,
		.daddr = 0xc0000201,
		.sport = port,
		.dport = 9,
		.proto = IPPROTO_UDP,
	};
	const size_t len = TP4_IP4_HLEN + 32;

	tp4_ip4_fill(pkt, len, &flow, 0);
	return len;
}

/* A flow stays where it is */
TEST_F(fanout, hash)
{
	int home[64], i, k, ret, sock, socks_used = 0;
	bool used[SOCKS] = {};
	__u16 port;

	memset(home, -1, sizeof(home));
	join_all(_metadata, self, PACKET_FANOUT_HASH);
	for (k = 0; k < 10; k++) {
		for (i = 0; i < 64; i++) {
			ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt,
						    udp_packet(self->pkt,
							       1000 + i)));
			ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
			for (sock = 0; sock < SOCKS; sock++) {
				ret = tp4_recv(&self->t[sock], self->pkt,
					       MAX_PKT);
				if (ret != 74)
					continue;
				port = self->pkt[34] << 8 | self->pkt[35];
				ASSERT_EQ(1000 + i, port);
				if (home[i] < 0)
					home[i] = sock;
				EXPECT_EQ(home[i], sock);
				break;
			}
			ASSERT_LT(sock, SOCKS);
			/* and the packet of tp4_sync() */
			for (sock = 0; sock < SOCKS; sock++)
				while (tp4_recv(&self->t[sock], self->pkt,
						MAX_PKT) > 0)
					;
		}
	}
	for (i = 0; i < 64; i++)
		used[home[i]] = true;
	for (i = 0; i < SOCKS; i++)
		socks_used += used[i];
	EXPECT_EQ(SOCKS, socks_used);
}

TEST_F(fanout, queue_mapping)
{
	join_all(_metadata, self, PACKET_FANOUT_QM);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 60);
	/* The device has one queue */
	EXPECT_TRUE(self->got[0] == 60 || self->got[1] == 60 ||
		    self->got[2] == 60);
}

TEST_F(fanout, random)
{
	join_all(_metadata, self, PACKET_FANOUT_RND);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 60);
}

TEST_F(fanout, cbpf)
{
	struct sock_filter code[] = {
		/* the last byte of the packet's number */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, SKF_LL_OFF + 11),
		BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, SOCKS),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog prog = {
		.len = ARRAY_SIZE(code),
		.filter = code,
	};
	__u32 seq;
	int i, ret;

	join_all(_metadata, self, PACKET_FANOUT_CBPF);
	ASSERT_EQ(0, setsockopt(self->t[0].fd, SOL_PACKET, PACKET_FANOUT_DATA,
				&prog, sizeof(prog)));
	send_nr(_metadata, self, 0, 90);
	for (i = 0; i < SOCKS; i++) {
		for (seq = i; seq < 90; seq += SOCKS) {
			ret = tp4_recv(&self->t[i], self->pkt, MAX_PKT);
			ASSERT_TRUE(ret > 0 &&
				    tp4_pkt_ok(self->pkt, ret, seq, 100));
		}
		EXPECT_EQ(0, tp4_recv(&self->t[i], self->pkt, MAX_PKT));
	}
}

/* Who has no room passes them on; who has room again gets them again */
TEST_F(fanout, rollover)
{
	struct tpacket_stats_v4 st;
	unsigned int total, i, round;

	join_all(_metadata, self, PACKET_FANOUT_ROLLOVER);
	for (round = 0; round < 3; round++) {
		/* Each keeps a quarter of its ring in reserve */
		total = SOCKS * RING * 3 / 4;
		send_nr(_metadata, self, 1000 * round, total);
		for (i = 0; i < SOCKS; i++)
			EXPECT_EQ(POLLIN, tp4_poll(self->t[i].fd, POLLIN, 0));
		take_all(_metadata, self, 1000 * round, total, total);
		for (i = 0; i < SOCKS; i++) {
			EXPECT_LE(RING / 2, self->got[i])
				TH_LOG("socket %u, round %u", i, round);
			ASSERT_EQ(0, tp4_stats(self->t[i].fd, &st));
			EXPECT_EQ(0, st.tp_drops);
			/* A reader that polls is told to have room */
			EXPECT_EQ(0, tp4_poll(self->t[i].fd, POLLIN, 0));
		}
	}
}

/* The flag: hash, and roll over when that one is full */
TEST_F(fanout, rollover_as_a_flag)
{
	struct tpacket_stats_v4 st;
	unsigned int total = SOCKS * RING * 3 / 4, i;

	/* One flow only, so it is all one socket's until that has no room */
	join_all(_metadata, self, PACKET_FANOUT_HASH |
				  PACKET_FANOUT_FLAG_ROLLOVER);
	send_nr(_metadata, self, 0, total);
	take_all(_metadata, self, 0, total, total);
	for (i = 0; i < SOCKS; i++) {
		EXPECT_LT(0, self->got[i]);
		ASSERT_EQ(0, tp4_stats(self->t[i].fd, &st));
		EXPECT_EQ(0, st.tp_drops);
	}
}

TEST_F(fanout, leave)
{
	join_all(_metadata, self, PACKET_FANOUT_LB);
	tp4_close(&self->t[1]);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 60);
	EXPECT_EQ(30, self->got[0]);
	EXPECT_EQ(30, self->got[2]);
	tp4_close(&self->t[0]);
	send_nr(_metadata, self, 100, 60);
	take_all(_metadata, self, 100, 60, 60);
	EXPECT_EQ(60, self->got[2]);
}

/* Beside a socket of another version */
TEST_F(fanout, mixed_versions)
{
	int plain, i, ret;

	plain = tp4_plain_open(self->net.a, ETH_P_ALL);
	ASSERT_LE(0, plain);
	i = 1;
	ASSERT_EQ(0, setsockopt(plain, SOL_PACKET, PACKET_IGNORE_OUTGOING, &i,
				sizeof(i)));
	ASSERT_EQ(0, join(self->t[0].fd, PACKET_FANOUT_LB));
	ret = join(plain, PACKET_FANOUT_LB);
	ASSERT_EQ(0, ret);
	tp4_close(&self->t[1]);
	tp4_close(&self->t[2]);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 30);
	for (i = 0; i < 30; i++)
		EXPECT_EQ(100, tp4_plain_recv(plain, self->pkt, MAX_PKT));
	EXPECT_EQ(-1, recv(plain, self->pkt, MAX_PKT, MSG_DONTWAIT));
	close(plain);
}

/* What a group relies on does not change under it */
TEST_F(fanout, frozen)
{
	struct tp4_netcfg plain = {};
	int fd;

	join_all(_metadata, self, PACKET_FANOUT_LB);
	fd = self->t[0].fd;
	EXPECT_EQ(-EINVAL, tp4_bind(fd, self->net.b, ETH_P_ALL));
	EXPECT_EQ(-EBUSY, tp4_version(fd, TPACKET_V3));
	EXPECT_EQ(-EALREADY, join(fd, PACKET_FANOUT_LB));
	/* Another device is another group */
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &plain));
	fd = tp4_plain_open(if_nametoindex("tp4c"), ETH_P_ALL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, join(fd, PACKET_FANOUT_LB));
	close(fd);
	send_nr(_metadata, self, 0, 60);
	take_all(_metadata, self, 0, 60, 60);
}

/* Its share of the packets would be lost */
TEST_F(fanout, join_without_a_ring)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(-EINVAL, join(fd, PACKET_FANOUT_LB));
	close(fd);
}

/* A member that is not V4 yet cannot become it, nor be a buffer's socket */
TEST_F(fanout, member_becomes_v4)
{
	void *mem = mmap(NULL, 8 * 2048, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int fd;

	ASSERT_NE(MAP_FAILED, mem);
	fd = tp4_plain_open(self->net.a, ETH_P_ALL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, join(fd, PACKET_FANOUT_LB));
	EXPECT_EQ(-EBUSY, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(-EBUSY, tp4_memreg(fd, mem, 8 * 2048, 0, 0));
	tp4_pkt_fill(self->pkt, 100, 1);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	EXPECT_EQ(100, tp4_plain_recv(fd, self->pkt, MAX_PKT));
	close(fd);
	munmap(mem, 8 * 2048);
}

/* A member's ring may be replaced; without one its packets would be lost */
TEST_F(fanout, ring_is_replaced)
{
	struct tp4 *t = &self->t[1];
	unsigned int i;

	join_all(_metadata, self, PACKET_FANOUT_LB);
	send_nr(_metadata, self, 0, 30);
	take_all(_metadata, self, 0, 30, 30);
	ASSERT_EQ(0, munmap(t->map, t->map_len));
	t->map = NULL;
	EXPECT_EQ(-EBUSY, tp4_ring(t->fd, PACKET_RX_RING, t->mr_fd, 0));
	ASSERT_EQ(0, tp4_ring(t->fd, PACKET_RX_RING, t->mr_fd, RING / 2));
	t->rx_nr = RING / 2;
	ASSERT_EQ(0, tp4_map(t));
	for (i = 0; i < RING / 2; i++)
		tp4_rx_give(t, i);
	send_nr(_metadata, self, 200, 30);
	take_all(_metadata, self, 200, 30, 30);
	EXPECT_EQ(10, self->got[0]);
	EXPECT_EQ(10, self->got[1]);
	EXPECT_EQ(10, self->got[2]);
}

TEST_HARNESS_MAIN

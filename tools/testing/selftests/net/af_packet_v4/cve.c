// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 and the security defects that packet sockets and AF_XDP have
 * had: for each, the case that went wrong there, tried here. The races are run
 * many times over, and until each side has come to something; what they must not
 * do is seen by KASAN, lockdep and the checks at each test's end.
 */

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define FRAMES		256
#define SIZE		2048
#define RING		16
#define MAX_PKT		4096
#define GROUP		815
#define MEMBERS		3
#define VLAN		4
/* What headroom must leave of a frame */
#define LEAST_ROOM	(ETH_FRAME_LEN + VLAN)

FIXTURE(cve) {
	struct tp4_net net;
	int out;
	__u8 *mem;
	size_t len;
	int mr_fd;
	__u8 pkt[MAX_PKT];
};

FIXTURE_SETUP(cve)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	self->len = FRAMES * SIZE;
	self->mem = mmap(NULL, self->len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, self->mr_fd);
	ASSERT_EQ(0, tp4_memreg(self->mr_fd, self->mem, self->len, SIZE, 0));
}

FIXTURE_TEARDOWN(cve)
{
	close(self->mr_fd);
	munmap(self->mem, self->len);
	close(self->out);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* A fresh socket works, whatever was done to others */
static void works(struct __test_metadata *_metadata, struct _test_data_cve *self)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = RING, .tx_nr = RING,
		.ignore_outgoing = true,
	};
	struct tp4 a, b;
	int ret;

	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, tp4_link_up(self->net.b));
	ASSERT_EQ(0, tp4_open(&a, &cfg));
	cfg.ifindex = self->net.b;
	ASSERT_EQ(0, tp4_open(&b, &cfg));
	tp4_pkt_fill(self->pkt, 500, 1);
	ASSERT_EQ(0, tp4_send(&a, self->pkt, 500, 0));
	do {
		ret = tp4_recv_wait(&b, self->pkt, MAX_PKT);
		ASSERT_LT(0, ret);
	} while (tp4_pkt_seq(self->pkt) != 1 || ret != 500);
	EXPECT_TRUE(tp4_pkt_ok(self->pkt, ret, 1, 500));
	tp4_close(&a);
	tp4_close(&b);
}

static int set_int(int fd, int opt, int value)
{
	return setsockopt(fd, SOL_PACKET, opt, &value, sizeof(value)) ?
	       -errno : 0;
}

static int v4_socket(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	if (fd >= 0 && tp4_version(fd, TPACKET_V4)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int old_ring(int fd, int opt, unsigned int blocks)
{
	struct tpacket_req3 req = {
		.tp_block_size = blocks ? TP4_PAGE : 0,
		.tp_block_nr = blocks,
		.tp_frame_size = blocks ? TP4_PAGE : 0,
		.tp_frame_nr = blocks,
	};

	return setsockopt(fd, SOL_PACKET, opt, &req, sizeof(req)) ?
	       -errno : 0;
}

/* Something that runs beside the test until it is told to stop */
struct racer {
	bool (*step)(struct racer *r);	/* has it come to something? */
	int fd;
	int ifindex;
	void *arg;
	unsigned int turn;
	unsigned int hits;		/* steps that have */
	bool stop;
	pthread_t thread;
};

static void *racer_run(void *arg)
{
	struct racer *r = arg;

	tp4_pin_cpu(1);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		if (r->step(r))
			__atomic_store_n(&r->hits, r->hits + 1,
					 __ATOMIC_RELEASE);
		__atomic_store_n(&r->turn, r->turn + 1, __ATOMIC_RELEASE);
		sched_yield();
	}
	return NULL;
}

static int racer_start(struct racer *r)
{
	return pthread_create(&r->thread, NULL, racer_run, r);
}

static unsigned int racer_hits(struct racer *r)
{
	return __atomic_load_n(&r->hits, __ATOMIC_ACQUIRE);
}

/* Waits for @steps that begin after this was called; false: it does not run */
static bool racer_wait(struct racer *r, unsigned int steps)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	unsigned int from, turn;

	from = __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);
	do {
		turn = __atomic_load_n(&r->turn, __ATOMIC_ACQUIRE);
		/* It was in the middle of the first */
		if (turn - from > steps)
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);
	return false;
}

static void racer_stop(struct racer *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(r->thread, NULL);
}

/* How often a race is run */
struct rounds {
	unsigned int least;
	unsigned int done;
	unsigned long long end;
};

/* Is there another one? After the least, only until all was @reached, or in vain */
static bool another(struct rounds *r, bool reached)
{
	if (r->done++ < r->least)
		return true;
	if (reached)
		return false;
	if (!r->end)
		r->end = tp4_now_ms() + TP4_WAIT_MS;
	return tp4_now_ms() < r->end;
}

/* CVE-2016-8655: the version changes while a ring is being set up */

static bool change_version(struct racer *r)
{
	static const int versions[] = {
		TPACKET_V4, TPACKET_V3, TPACKET_V4, TPACKET_V2, TPACKET_V1,
	};

	return !tp4_version(r->fd, versions[r->turn % 5]);
}

TEST_F(cve, cve_2016_8655_version_races_ring)
{
	struct rounds rounds = { .least = tp4_scaled(3000, 300) };
	struct racer r = { .step = change_version };
	unsigned int v4 = 0, old = 0;
	int version, fd;
	socklen_t len;

	fd = v4_socket();
	ASSERT_LE(0, fd);
	r.fd = fd;
	ASSERT_EQ(0, racer_start(&r));
	while (another(&rounds, v4 && old)) {
		int opt = rounds.done & 1 ? PACKET_RX_RING : PACKET_TX_RING;

		if (!tp4_ring(fd, opt, self->mr_fd, RING)) {
			/* It has a ring, so it is V4 and stays it */
			len = sizeof(version);
			ASSERT_EQ(0, getsockopt(fd, SOL_PACKET, PACKET_VERSION,
						&version, &len));
			ASSERT_EQ(TPACKET_V4, version);
			ASSERT_EQ(-EBUSY, tp4_version(fd, TPACKET_V3));
			ASSERT_EQ(0, tp4_ring(fd, opt, -1, 0));
			v4++;
		}
		if (!old_ring(fd, opt, 2)) {
			len = sizeof(version);
			ASSERT_EQ(0, getsockopt(fd, SOL_PACKET, PACKET_VERSION,
						&version, &len));
			ASSERT_NE(TPACKET_V4, version);
			ASSERT_EQ(-EBUSY, tp4_version(fd, TPACKET_V4));
			ASSERT_EQ(0, old_ring(fd, opt, 0));
			old++;
		}
		sched_yield();
	}
	racer_stop(&r);
	EXPECT_LT(0, v4);
	EXPECT_LT(0, old);
	close(fd);
	works(_metadata, self);
}

/* CVE-2017-7308: signs and overflows in sizes */

TEST_F(cve, cve_2017_7308_sizes)
{
	static const __u32 nrs[] = {
		1U << 31, ~0U, ~0U - 1, (1U << 31) + 1, 1U << 28, 1U << 27,
	};
	static const __u64 lens[] = {
		1ULL << 63, 1ULL << 62, -2048ULL, -4096ULL, 1ULL << 44,
		(1ULL << 42) + 2048, 0xffffffff00000000ULL,
	};
	static const __u32 sizes[] = { 1U << 31, ~0U, ~0U - 4095, 1U << 30 };
	int fd = v4_socket();
	size_t i;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(nrs); i++) {
		EXPECT_EQ(-EINVAL, tp4_ring(fd, PACKET_RX_RING, self->mr_fd,
					    nrs[i]));
		EXPECT_EQ(-EINVAL, tp4_ring(fd, PACKET_TX_RING, self->mr_fd,
					    nrs[i]));
	}
	for (i = 0; i < ARRAY_SIZE(lens); i++)
		EXPECT_EQ(-EINVAL, tp4_memreg(fd, self->mem, lens[i], SIZE,
					      0));
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		EXPECT_EQ(-EINVAL, tp4_memreg(fd, self->mem, self->len,
					      sizes[i], 0));
		EXPECT_EQ(-EINVAL, tp4_memreg(fd, self->mem, self->len, SIZE,
					      sizes[i]));
	}
	close(fd);
	works(_metadata, self);
}

/* CVE-2017-1000111: PACKET_RESERVE changes while a ring is being set up */

static bool change_reserve(struct racer *r)
{
	return !set_int(r->fd, PACKET_RESERVE, r->turn % 2 ? 500 : 4);
}

TEST_F(cve, cve_2017_1000111_reserve_races_ring)
{
	struct rounds rounds = { .least = tp4_scaled(2000, 200) };
	struct racer r = { .step = change_reserve };
	unsigned int k, seen[2] = {};
	struct tpacket4_desc d;
	struct tp4 t = {
		.buf = self->mem, .buf_len = self->len, .frame_size = SIZE,
		.frames = FRAMES, .rx_nr = RING,
	};
	int reserve;
	socklen_t len;

	t.fd = v4_socket();
	ASSERT_LE(0, t.fd);
	r.fd = t.fd;
	ASSERT_EQ(0, racer_start(&r));
	while (another(&rounds, seen[0] && seen[1])) {
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, self->mr_fd,
				      RING));
		len = sizeof(reserve);
		ASSERT_EQ(0, getsockopt(t.fd, SOL_PACKET, PACKET_RESERVE,
					&reserve, &len));
		/* 0 is from before the first change */
		if (reserve)
			seen[reserve == 500]++;
		if (rounds.done % 16) {
			ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, -1, 0));
			/* The only time at which it may change */
			sched_yield();
			continue;
		}
		/* What is said is what is done */
		ASSERT_EQ(0, tp4_map(&t));
		for (k = 0; k < RING; k++)
			tp4_rx_give(&t, k);
		ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
		tp4_pkt_fill(self->pkt, 1500, rounds.done);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 1500));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&t, &d));
		EXPECT_EQ(reserve, d.offset);
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&t, d.idx) + d.offset, d.len,
				       rounds.done, 1500));
		munmap(t.map, t.map_len);
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, -1, 0));
	}
	racer_stop(&r);
	EXPECT_LT(0, seen[0]);
	EXPECT_LT(0, seen[1]);
	close(t.fd);
	works(_metadata, self);
}

/* CVE-2017-14497: a header in front of the packet that has no room there */

TEST_F(cve, cve_2017_14497_vnet_header)
{
	int fd = v4_socket();

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR, 1));
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR_SZ, 10));
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR_SZ, 12));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR, 1));
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR, 1));
	EXPECT_EQ(-EINVAL, set_int(fd, PACKET_VNET_HDR_SZ, 12));
	close(fd);

	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, set_int(fd, PACKET_VNET_HDR, 1));
	EXPECT_EQ(-EINVAL, tp4_version(fd, TPACKET_V4));
	close(fd);
	works(_metadata, self);
}

/* CVE-2017-15649: joining a fanout group races bind() */

static int join(int fd, int type)
{
	return set_int(fd, PACKET_FANOUT, GROUP | type << 16);
}

static bool join_fanout(struct racer *r)
{
	return !join(r->fd, PACKET_FANOUT_LB);
}

/* A group ends with its last member: one of another type may have its number */
static void group_is_gone(struct __test_metadata *_metadata,
			  struct _test_data_cve *self)
{
	int fd = v4_socket();

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(0, join(fd, PACKET_FANOUT_HASH));
	close(fd);
}

TEST_F(cve, cve_2017_15649_fanout_races_bind)
{
	struct rounds rounds = { .least = tp4_scaled(500, 50) };
	unsigned int kept = 0, moved = 0;
	int fd, ret;

	while (another(&rounds, kept && moved)) {
		struct racer r = { .step = join_fanout };
		bool wait = rounds.done & 1;

		fd = v4_socket();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
		r.fd = fd;
		ASSERT_EQ(0, racer_start(&r));
		/* Who is not bound cannot join, so this comes first */
		ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
		if (wait)
			ASSERT_TRUE(racer_wait(&r, 1));
		ret = tp4_bind(fd, self->net.b, ETH_P_ALL);
		/* A member stays where it is */
		ASSERT_TRUE(ret == -EINVAL || (!ret && !wait))
			TH_LOG("bind(): %d", ret);
		if (ret)
			kept++;
		else
			moved++;
		tp4_pkt_fill(self->pkt, 100, rounds.done);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd,
				      2 * RING));
		/* Wherever it is, it has joined, once */
		ASSERT_TRUE(racer_wait(&r, 1));
		racer_stop(&r);
		ASSERT_EQ(1, racer_hits(&r));
		close(fd);
	}
	EXPECT_LT(0, kept);
	EXPECT_LT(0, moved);
	group_is_gone(_metadata, self);
	works(_metadata, self);
}

/*
 * CVE-2018-18559: bind() races the device going away and coming back, and so do
 * sockets that join a group, and members that close
 */

static bool device_up_down(struct racer *r)
{
	if (r->turn & 1)
		return !tp4_link_up(r->ifindex);
	return !tp4_link_down(r->ifindex);
}

/* Sockets that are to join; a number may be another file's once it is closed */
struct group {
	pthread_mutex_t lock;
	int fd[MEMBERS];	/* -1: there is none */
	bool joined[MEMBERS];
};

static void group_set(struct group *g, unsigned int i, int fd)
{
	pthread_mutex_lock(&g->lock);
	g->fd[i] = fd;
	g->joined[i] = false;
	pthread_mutex_unlock(&g->lock);
}

static unsigned int group_members(struct group *g)
{
	unsigned int i, n = 0;

	pthread_mutex_lock(&g->lock);
	for (i = 0; i < MEMBERS; i++)
		n += g->joined[i];
	pthread_mutex_unlock(&g->lock);
	return n;
}

static bool group_has(struct group *g, unsigned int i)
{
	bool has;

	pthread_mutex_lock(&g->lock);
	has = g->joined[i];
	pthread_mutex_unlock(&g->lock);
	return has;
}

static bool join_group(struct racer *r)
{
	struct group *g = r->arg;
	bool any = false;
	unsigned int i;

	for (i = 0; i < MEMBERS; i++) {
		pthread_mutex_lock(&g->lock);
		if (g->fd[i] >= 0 && !join(g->fd[i], PACKET_FANOUT_LB)) {
			g->joined[i] = true;
			any = true;
		}
		pthread_mutex_unlock(&g->lock);
	}
	return any;
}

TEST_F(cve, cve_2018_18559_group_races_device)
{
	struct rounds rounds = { .least = tp4_scaled(300, 30) };
	unsigned int kept = 0, moved = 0, together = 0, i, k;
	struct group g = {
		.lock = PTHREAD_MUTEX_INITIALIZER, .fd = { -1, -1, -1 },
	};
	struct racer joiner = { .step = join_group, .arg = &g };
	struct racer link = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	int fd, ret;

	ASSERT_EQ(0, racer_start(&link));
	ASSERT_EQ(0, racer_start(&joiner));
	/* Down and up, at least; two close in one group */
	while (another(&rounds, kept && moved && together &&
		       racer_hits(&link) > 1)) {
		for (i = 0; i < MEMBERS; i++) {
			fd = v4_socket();
			ASSERT_LE(0, fd);
			ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd,
					      RING));
			group_set(&g, i, fd);
			ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
			/* So that some are members then */
			if (rounds.done & 1)
				ASSERT_TRUE(racer_wait(&joiner, 1));
			for (k = 0; k < 2; k++) {
				ret = tp4_bind(fd, k ? self->net.a :
						       self->net.b, ETH_P_ALL);
				moved += !ret;
				if (!ret)
					continue;
				ASSERT_EQ(-EINVAL, ret);
				ASSERT_TRUE(group_has(&g, i));
				kept++;
			}
			send(self->out, self->pkt, 100, MSG_DONTWAIT);
		}
		if (rounds.done & 2)
			ASSERT_TRUE(racer_wait(&joiner, 1));
		together += group_members(&g) > 1;
		for (i = 0; i < MEMBERS; i++) {
			k = (i + rounds.done) % MEMBERS;
			fd = g.fd[k];
			group_set(&g, k, -1);
			send(self->out, self->pkt, 100, MSG_DONTWAIT);
			close(fd);
		}
	}
	racer_stop(&joiner);
	racer_stop(&link);
	EXPECT_LT(1, racer_hits(&link));
	EXPECT_LT(0, racer_hits(&joiner));
	EXPECT_LT(0, kept);
	EXPECT_LT(0, moved);
	EXPECT_LT(0, together);
	group_is_gone(_metadata, self);
	works(_metadata, self);
}

/* CVE-2025-38617: NETDEV_UP hooks a socket whose ring is being replaced */

TEST_F(cve, cve_2025_38617_device_up_races_ring)
{
	struct rounds rounds = { .least = tp4_scaled(300, 30) };
	unsigned int hits, k, rehooked = 0;
	struct tpacket_stats_v4 st;
	struct racer r = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	int fd;

	fd = v4_socket();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, racer_start(&r));
	while (another(&rounds, rehooked)) {
		hits = racer_hits(&r);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd,
				      1 << rounds.done % 8));
		tp4_pkt_fill(self->pkt, 100, rounds.done);
		for (k = 0; k < 4; k++)
			send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_stats(fd, &st));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, -1, 0));
		/* It was bound once, before the device was down and up */
		rehooked += hits > 1 && st.tp_packets;
	}
	racer_stop(&r);
	EXPECT_LT(0, rehooked);
	close(fd);
	works(_metadata, self);
}

/* The same, but the socket's version changes: it must not be hooked again */
TEST_F(cve, cve_2025_38617_device_up_races_version)
{
	struct rounds rounds = { .least = tp4_scaled(300, 30) };
	unsigned int hits, k, hooked = 0, passed_by = 0;
	struct racer r = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	long long before;
	int fd, pending;

	tp4_pkt_fill(self->pkt, 100, 1);
	ASSERT_EQ(0, racer_start(&r));
	while (another(&rounds, hooked && passed_by)) {
		fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
		send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, ioctl(fd, SIOCINQ, &pending));
		hooked += pending > 0;
		ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
		hits = racer_hits(&r);
		before = tp4_dev_packets("tp4a", true);
		if (!(rounds.done % 4))
			ASSERT_TRUE(racer_wait(&r, 2));
		/* Nothing can come: it is not bound any more */
		for (k = 0; k < 4; k++)
			send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_poll(fd, POLLIN, 0) & POLLIN);
		/* The device was down and up since, and has received */
		passed_by += racer_hits(&r) - hits > 1 &&
			     tp4_dev_packets("tp4a", true) > before;
		ASSERT_EQ(0, tp4_version(fd, TPACKET_V1));
		send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_poll(fd, POLLIN, 0) & POLLIN);
		close(fd);
	}
	racer_stop(&r);
	EXPECT_LT(0, hooked);
	EXPECT_LT(0, passed_by);
	works(_metadata, self);
}

/* CVE-2020-14386: the offset of the data is wider than its variable */

TEST_F(cve, cve_2020_14386_offset)
{
	static const int reserves[] = {
		SIZE - 1517, SIZE, 0xffff, 0x10000, 0x10000 - 64, 0x1ffff,
		0x7fffffff, 0x7fffffff - 1518, 0x10000 + 4, 0x40000000,
	};
	struct tp4 t = {
		.buf = self->mem, .buf_len = self->len, .frame_size = SIZE,
		.frames = FRAMES, .rx_nr = RING,
	};
	struct tpacket4_desc d;
	int fd = v4_socket();
	size_t i;

	ASSERT_LE(0, fd);
	for (i = 0; i < ARRAY_SIZE(reserves); i++) {
		if (!set_int(fd, PACKET_RESERVE, reserves[i])) {
			EXPECT_EQ(-EINVAL, tp4_ring(fd, PACKET_RX_RING,
						    self->mr_fd, RING))
				TH_LOG("reserve %#x", reserves[i]);
		}
	}
	EXPECT_NE(0, set_int(fd, PACKET_RESERVE, -1));
	/* The most that is allowed still leaves a whole frame in place */
	ASSERT_EQ(0, set_int(fd, PACKET_RESERVE, SIZE - 1518));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
	t.fd = fd;
	ASSERT_EQ(0, tp4_map(&t));
	tp4_rx_give(&t, FRAMES - 1);
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	tp4_pkt_fill(self->pkt, 1514, 1);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 1514));
	ASSERT_EQ(POLLIN, tp4_poll(fd, POLLIN, TP4_WAIT_MS));
	ASSERT_TRUE(tp4_rx_next(&t, &d));
	EXPECT_EQ(SIZE - 1518, d.offset);
	EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&t, FRAMES - 1) + d.offset, d.len, 1,
			       1514));
	munmap(t.map, t.map_len);
	close(fd);
	works(_metadata, self);
}

/* CVE-2021-22600: what one version left behind, another one frees */

TEST_F(cve, cve_2021_22600_version_after_ring)
{
	int fd = v4_socket(), opt;
	unsigned int i;

	ASSERT_LE(0, fd);
	for (i = 0; i < tp4_scaled(200, 20); i++) {
		for (opt = PACKET_RX_RING; opt <= PACKET_TX_RING;
		     opt += PACKET_TX_RING - PACKET_RX_RING) {
			ASSERT_EQ(0, tp4_version(fd, TPACKET_V3));
			ASSERT_EQ(0, old_ring(fd, opt, 2));
			ASSERT_EQ(0, old_ring(fd, opt, 0));
			ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
			ASSERT_EQ(0, tp4_ring(fd, opt, self->mr_fd, RING));
			/* V3's request, on V4's ring */
			ASSERT_EQ(-EINVAL, old_ring(fd, opt, 0));
			ASSERT_EQ(-EINVAL, old_ring(fd, opt, 2));
			ASSERT_EQ(0, tp4_ring(fd, opt, -1, 0));
			ASSERT_EQ(0, tp4_version(fd, TPACKET_V2));
			ASSERT_EQ(0, old_ring(fd, opt, 2));
			ASSERT_EQ(-EBUSY, tp4_version(fd, TPACKET_V4));
			ASSERT_EQ(0, old_ring(fd, opt, 0));
			ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
			/* V4 with no ring at all to be taken down */
			ASSERT_EQ(0, tp4_ring(fd, opt, -1, 0));
		}
	}
	close(fd);
	works(_metadata, self);
}

/* CVE-2026-31700: a length is read, checked, and read again */

static bool flip_length(struct racer *r)
{
	struct tp4 *t = r->arg;
	unsigned int i;

	/* 60 is right; the others are wrong in several ways */
	static const __u32 lens[] = { 60, ~0U, 60, 0, 60, SIZE + 1, 60, 13 };

	for (i = 0; i < 64; i++) {
		__atomic_store_n(&t->tx[i % RING].len,
				 lens[(r->turn + i) % ARRAY_SIZE(lens)],
				 __ATOMIC_RELAXED);
		__atomic_store_n(&t->tx[i % RING].idx,
				 i % 4 ? i % FRAMES : ~0ULL, __ATOMIC_RELAXED);
	}
	return true;
}

static void read_twice(struct __test_metadata *_metadata,
		       struct _test_data_cve *self, const struct tp4_mode *mode)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .tx_nr = RING, .frames = FRAMES,
		.mode = mode,
	};
	struct rounds rounds = { .least = tp4_scaled(1000, 200) };
	unsigned int k, good = 0, bad = 0, received = 0;
	struct racer r = { .step = flip_length };
	struct tpacket4_desc d;
	struct tp4 t;
	ssize_t len;
	int all;

	all = tp4_plain_open(self->net.b, ETH_P_ALL);
	ASSERT_LE(0, all);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	r.arg = &t;
	ASSERT_EQ(0, racer_start(&r));
	/* All are good when they are given: who made one bad was quick enough */
	while (another(&rounds, good && bad)) {
		for (k = 0; k < RING; k++)
			tp4_tx_give(&t, k, 60, 0, 0);
		/* One CPU alone would go on to send() */
		if (rounds.done & 1)
			sched_yield();
		len = tp4_kick(&t, 0);
		/* Only whole packets of the one right length */
		ASSERT_LE(0, len);
		ASSERT_EQ(0, len % 60);
		for (k = 0; k < RING; k++) {
			ASSERT_TRUE(tp4_tx_next(&t, &d));
			if (!d.error) {
				good++;
				continue;
			}
			bad++;
			ASSERT_TRUE(d.error == EBADF || d.error == EINVAL)
				TH_LOG("error %u", d.error);
		}
		/* As many as were sent: none is lost, none is sent twice */
		for (; received < good; received++)
			ASSERT_EQ(60, tp4_plain_recv(all, self->pkt, MAX_PKT));
		ASSERT_EQ(0, tp4_poll(all, POLLIN, 0));
	}
	racer_stop(&r);
	EXPECT_LT(0, good);
	EXPECT_LT(0, bad);
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	close(all);
	works(_metadata, self);
}

TEST_F(cve, cve_2026_31700_read_twice)
{
	read_twice(_metadata, self, &tp4_copy_qdisc);
}

TEST_F(cve, cve_2026_31700_read_twice_zc)
{
	read_twice(_metadata, self, &tp4_zc);
}

/*
 * CVE-2025-40159 (AF_XDP): address and length of a descriptor overflow. Every
 * combination of the values at which something could turn over, against what
 * must come of it.
 */

static int expected_error(__u64 idx, __u32 len, __u16 offset, __u8 flags)
{
	int error = 0;

	if (idx >= FRAMES || (__u64)offset + len > SIZE)
		error = EBADF;
	else if (len < ETH_HLEN || (flags & ~(TP4_PKT_CONT | TP4_PKT_KEEP)))
		error = EINVAL;
	else if (len > ETH_FRAME_LEN)
		error = EMSGSIZE;
	return error;
}

TEST_F(cve, cve_2025_40159_overflow)
{
	static const __u64 idxs[] = {
		0, 1, FRAMES - 1, FRAMES, FRAMES + 1, 0x7fffffff, 0x80000000,
		0xffffffff, 1ULL << 32, (1ULL << 32) + FRAMES - 1, 1ULL << 52,
		1ULL << 53, (1ULL << 53) - 1, 1ULL << 63, ~0ULL,
	};
	static const __u32 lens[] = {
		0, 1, 13, 14, 1514, 1515, SIZE - 1, SIZE, SIZE + 1, 0xffff,
		0x10000, 0x7fffffff, 0x80000000, 0xfffff800, 0xfffff801,
		0xffff0000, 0xffff0001, ~0U - 1, ~0U,
	};
	static const __u16 offsets[] = {
		0, 1, SIZE - 1514, SIZE - 1513, SIZE - 14, SIZE - 13, SIZE - 1,
		SIZE, SIZE + 1, 0x7fff, 0x8000, 0xf800, 0xfffe, 0xffff,
	};
	static const __u8 flags[] = { 0, TP4_PKT_KEEP, 0x02, 0x08, 0x40, 0x7a };
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .tx_nr = 1024, .frames = FRAMES,
		.frame_size = SIZE,
	};
	__u64 want_sent = 0, sent = 0, combos = 0;
	unsigned int i, l, o, f, want, n = 0;
	struct tpacket4_desc d;
	int errors[256];
	struct tp4 t;
	ssize_t ret;

	/* Nobody to receive them: the device's count will do */
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	for (i = 0; i < FRAMES; i++)
		tp4_pkt_fill(tp4_frame(&t, i), SIZE, i);
	for (i = 0; i < ARRAY_SIZE(idxs); i++) {
		for (l = 0; l < ARRAY_SIZE(lens); l++) {
			for (o = 0; o < ARRAY_SIZE(offsets); o++) {
				n = 0;
				for (f = 0; f < ARRAY_SIZE(flags); f++) {
					tp4_tx_give(&t, idxs[i], lens[l],
						    offsets[o], flags[f]);
					n++;
				}
				ret = tp4_kick(&t, 0);
				ASSERT_LE(0, ret);
				sent += ret;
				memset(errors, 0, sizeof(errors));
				while (n--) {
					ASSERT_TRUE(tp4_tx_next(&t, &d));
					errors[d.error]++;
					combos++;
				}
				for (f = 0; f < ARRAY_SIZE(flags); f++) {
					want = expected_error(idxs[i], lens[l],
							      offsets[o],
							      flags[f]);
					if (!want)
						want_sent += lens[l];
					errors[want]--;
				}
				/* As many of each errno as there should be */
				for (f = 0; f < ARRAY_SIZE(errors); f++)
					ASSERT_EQ(0, errors[f])
						TH_LOG("errno %u: idx %#llx len %#x offset %#x",
						       f, idxs[i], lens[l],
						       offsets[o]);
				ASSERT_EQ(want_sent, sent)
					TH_LOG("idx %#llx len %#x offset %#x",
					       idxs[i], lens[l], offsets[o]);
			}
		}
	}
	EXPECT_EQ(ARRAY_SIZE(idxs) * ARRAY_SIZE(lens) * ARRAY_SIZE(offsets) *
		  ARRAY_SIZE(flags), combos);
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	works(_metadata, self);
}

/*
 * CVE-2026-43093 (AF_XDP): headroom that leaves too little of a frame, when the
 * buffer is registered and, as PACKET_RESERVE, when the ring is set up
 */

TEST_F(cve, cve_2026_43093_headroom_limits)
{
	const __u32 frame_sizes[] = { 0, SIZE, TP4_PAGE };
	int fd, mr_fd, want;
	unsigned int i, k;

	for (i = 0; i < ARRAY_SIZE(frame_sizes); i++) {
		const __u32 size = frame_sizes[i] ?: TP4_FRAME_SIZE_DEFAULT;
		const __u32 most = size - LEAST_ROOM;
		const __u32 headrooms[] = {
			0, 1, 255, 256, 257, most - 1, most, most + 1,
			size - ETH_HLEN, size - 1, size, size + 1, 0xffff,
			0x10000, 0x10000 + most, 0x7fffffff, 0x80000000,
			0x80000000 + most, -size, -LEAST_ROOM, -most, -1,
		};

		for (k = 0; k < ARRAY_SIZE(headrooms); k++) {
			want = headrooms[k] <= most ? 0 : -EINVAL;
			mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
			ASSERT_LE(0, mr_fd);
			EXPECT_EQ(want, tp4_memreg(mr_fd, self->mem, self->len,
						   frame_sizes[i],
						   headrooms[k]))
				TH_LOG("frames of %u, headroom %#x", size,
				       headrooms[k]);
			/* What was refused has left nothing behind */
			if (want)
				ASSERT_EQ(0, tp4_memreg(mr_fd, self->mem,
							self->len,
							frame_sizes[i], most));
			fd = v4_socket();
			ASSERT_LE(0, fd);
			EXPECT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, RING));
			close(fd);

			/* Another headroom for the same buffer, and none below 0 */
			fd = v4_socket();
			ASSERT_LE(0, fd);
			EXPECT_EQ(headrooms[k] > INT_MAX ? -EINVAL : 0,
				  set_int(fd, PACKET_RESERVE, headrooms[k]));
			if (headrooms[k] > INT_MAX)
				want = 0;	/* as it was: none */
			EXPECT_EQ(want, tp4_ring(fd, PACKET_RX_RING, mr_fd,
						 RING))
				TH_LOG("frames of %u, reserve %#x", size,
				       headrooms[k]);
			/* Nothing is received there, as long as there is no RX ring */
			if (want) {
				EXPECT_EQ(0, tp4_ring(fd, PACKET_TX_RING,
						      mr_fd, RING));
				EXPECT_EQ(want, tp4_ring(fd, PACKET_RX_RING,
							 mr_fd, RING));
			}
			close(fd);
			close(mr_fd);
		}
	}
	works(_metadata, self);
}

/* Packets to the last byte of a frame, and no other byte of the buffer changes */
static void most_headroom(struct __test_metadata *_metadata,
			  struct _test_data_cve *self,
			  const struct tp4_cfg *cfg, unsigned int most)
{
	static const unsigned int lens[] = {
		ETH_ZLEN, ETH_FRAME_LEN, LEAST_ROOM,
	};
	static const __u8 tag[VLAN] = { 0x81, 0x00, 0x60, 0x2a };
	unsigned int i, k, len;
	struct tpacket4_desc d;
	struct tp4 t;
	__u8 *data;

	ASSERT_EQ(0, tp4_open(&t, cfg));
	/* Each length in each frame */
	for (i = 0; i < ARRAY_SIZE(lens) * cfg->rx_nr; i++) {
		len = lens[i % ARRAY_SIZE(lens)];
		tp4_pkt_fill(self->pkt, len, i);
		/* None is as long without it */
		if (len > ETH_FRAME_LEN)
			memcpy(self->pkt + 2 * ETH_ALEN, tag, VLAN);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, len));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&t, &d));
		ASSERT_EQ(0, d.error);
		ASSERT_EQ(0, d.flags);
		ASSERT_EQ(i % cfg->rx_nr, d.idx);
		ASSERT_EQ(most, d.offset);
		ASSERT_EQ(len, d.len);
		data = tp4_frame(&t, d.idx) + most;
		EXPECT_EQ(0, memcmp(data, self->pkt, len));
		tp4_count(TP4_TALLY_PACKETS, 1);
		memset(data, 0xa5, len);
		for (k = 0; k < t.buf_len; k++) {
			ASSERT_EQ(0xa5, t.buf[k])
				TH_LOG("byte %u of frame %u, data in frame %llu",
				       k % t.frame_size, k / t.frame_size,
				       d.idx);
		}
		tp4_rx_give(&t, d.idx);
	}
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
}

TEST_F(cve, cve_2026_43093_most_headroom)
{
	const struct tp4_mode *modes[] = { &tp4_copy_qdisc, &tp4_zc };
	const unsigned int frame_sizes[] = { SIZE, TP4_PAGE };
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	unsigned int i, k, most;

	for (i = 0; i < ARRAY_SIZE(modes); i++) {
		for (k = 0; k < ARRAY_SIZE(frame_sizes); k++) {
			most = frame_sizes[k] - LEAST_ROOM;
			cfg.mode = modes[i];
			cfg.frame_size = frame_sizes[k];
			/* The larger one counts */
			cfg.headroom = most;
			cfg.reserve = 0;
			most_headroom(_metadata, self, &cfg, most);
			cfg.reserve = most - 1;
			most_headroom(_metadata, self, &cfg, most);
			cfg.headroom = 1;
			cfg.reserve = most;
			most_headroom(_metadata, self, &cfg, most);
		}
	}
	works(_metadata, self);
}

/* CVE-2023-53240 (AF_XDP): transmission before the device is up */

TEST_F(cve, cve_2023_53240_tx_before_up)
{
	struct tp4_cfg cfg = { .tx_nr = RING };
	struct tp4_netcfg plain = {};
	struct tpacket4_desc d;
	struct tp4 t;
	int bypass;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &plain));
	cfg.ifindex = if_nametoindex("tp4c");
	for (bypass = 0; bypass < 2; bypass++) {
		cfg.mode = bypass ? &tp4_copy_direct : &tp4_copy_qdisc;
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		tp4_tx_give(&t, 1, 100, 0, 0);
		EXPECT_EQ(-ENETDOWN, tp4_kick(&t, 0));
		ASSERT_TRUE(tp4_tx_next(&t, &d));
		EXPECT_EQ(ENETDOWN, d.error);
		tp4_close(&t);
	}
	EXPECT_EQ(0, tp4_dev_packets("tp4c", false));
	works(_metadata, self);
}

/*
 * CVE-2022-49972 (AF_XDP): a shared buffer outlives the socket it came from. That
 * its mapping for DMA does, too, is a test of zc_nic, buffer_outlives_owner.
 */

TEST_F(cve, cve_2022_49972_shared_buffer)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = RING, .tx_nr = RING,
		.frames = 4 * RING, .ignore_outgoing = true,
	};
	struct tp4 owner, user;
	int in, ret, i;

	in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, in);
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, tp4_open(&owner, &cfg));
		cfg.share = &owner;
		cfg.first = 2 * RING;
		ASSERT_EQ(0, tp4_open(&user, &cfg));
		cfg.share = NULL;
		cfg.first = 0;
		/* All of the owner's but the memory itself */
		munmap(owner.map, owner.map_len);
		close(owner.fd);
		close(owner.mr_fd);
		tp4_pkt_fill(self->pkt, 1000, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 1000));
		ret = tp4_recv_wait(&user, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i, 1000));
		tp4_pkt_fill(self->pkt, 900, i);
		EXPECT_EQ(0, tp4_send(&user, self->pkt, 900, 0));
		ret = tp4_plain_recv(in, self->pkt, MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->pkt, ret, i, 900));
		EXPECT_TRUE(tp4_guards_ok(&owner));
		tp4_close(&user);
		munmap(owner.area, owner.area_len);
		free(owner.free);
	}
	close(in);
	works(_metadata, self);
}

/* CVE-2023-53426 (AF_XDP): sock_diag looks at a socket being taken down */

static bool dump_sockets(struct racer *r)
{
	struct {
		struct nlmsghdr nh;
		struct packet_diag_req req;
	} dump = {
		.nh = {
			.nlmsg_len = sizeof(dump),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = {
			.sdiag_family = AF_PACKET,
			.pdiag_show = ~0U,
		},
	};
	struct nlmsghdr *nh;
	char reply[8192];
	bool any = false;
	ssize_t len;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return false;
	if (send(fd, &dump, sizeof(dump), 0) > 0) {
		do {
			len = recv(fd, reply, sizeof(reply), 0);
			nh = (void *)reply;
			any |= len > 0 && nh->nlmsg_type == SOCK_DIAG_BY_FAMILY;
		} while (len > 0 && nh->nlmsg_type != NLMSG_DONE &&
			 nh->nlmsg_type != NLMSG_ERROR);
	}
	close(fd);
	return any;
}

TEST_F(cve, cve_2023_53426_diag_races_teardown)
{
	struct rounds rounds = { .least = tp4_scaled(300, 30) };
	struct racer r = { .step = dump_sockets };
	int fd;

	ASSERT_EQ(0, racer_start(&r));
	while (another(&rounds, racer_hits(&r))) {
		fd = v4_socket();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_TX_RING, self->mr_fd, RING));
		ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, -1, 0));
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, 4));
		close(fd);
	}
	racer_stop(&r);
	EXPECT_LT(0, racer_hits(&r));
	works(_metadata, self);
}

TEST_HARNESS_MAIN

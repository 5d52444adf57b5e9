// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 and the security defects that packet sockets and AF_XDP have
 * had: for each, the case that went wrong there, tried here. The races are run
 * many times over; what they must not do is seen by KASAN, lockdep and the
 * checks at each test's end.
 */

#include <fcntl.h>
#include <sched.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define FRAMES		256
#define SIZE		2048
#define RING		16
#define MAX_PKT		4096

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
	void (*step)(struct racer *r);
	int fd;
	int fd2;
	int ifindex;
	void *arg;
	unsigned int turn;
	bool stop;
	pthread_t thread;
};

static void *racer_run(void *arg)
{
	struct racer *r = arg;

	tp4_pin_cpu(1);
	while (!__atomic_load_n(&r->stop, __ATOMIC_RELAXED)) {
		r->step(r);
		__atomic_store_n(&r->turn, r->turn + 1, __ATOMIC_RELAXED);
		sched_yield();
	}
	return NULL;
}

static int racer_start(struct racer *r)
{
	return pthread_create(&r->thread, NULL, racer_run, r);
}

/* Has it come round once? */
static bool racer_turned(struct racer *r)
{
	return __atomic_load_n(&r->turn, __ATOMIC_RELAXED);
}

static void racer_stop(struct racer *r)
{
	__atomic_store_n(&r->stop, true, __ATOMIC_RELAXED);
	pthread_join(r->thread, NULL);
}

/* CVE-2016-8655: the version changes while a ring is being set up */

static void change_version(struct racer *r)
{
	static const int versions[] = {
		TPACKET_V4, TPACKET_V3, TPACKET_V4, TPACKET_V2, TPACKET_V1,
	};

	tp4_version(r->fd, versions[r->turn % 5]);
}

TEST_F(cve, cve_2016_8655_version_races_ring)
{
	unsigned int i, n = tp4_scaled(3000, 300), v4 = 0, old = 0;
	struct racer r = { .step = change_version };
	int version, fd;
	socklen_t len;

	fd = v4_socket();
	ASSERT_LE(0, fd);
	r.fd = fd;
	ASSERT_EQ(0, racer_start(&r));
	/* Until both sides of the race were reached, however long it takes */
	for (i = 0; i < n || !v4 || !old; i++) {
		int opt = i & 1 ? PACKET_RX_RING : PACKET_TX_RING;

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

static void change_reserve(struct racer *r)
{
	set_int(r->fd, PACKET_RESERVE, r->turn % 2 ? 500 : 4);
}

TEST_F(cve, cve_2017_1000111_reserve_races_ring)
{
	unsigned int i, n = tp4_scaled(2000, 200), k;
	struct racer r = { .step = change_reserve };
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
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, self->mr_fd,
				      RING));
		len = sizeof(reserve);
		ASSERT_EQ(0, getsockopt(t.fd, SOL_PACKET, PACKET_RESERVE,
					&reserve, &len));
		if (i % 16) {
			ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, -1, 0));
			continue;
		}
		/* What is said is what is done */
		ASSERT_EQ(0, tp4_map(&t));
		for (k = 0; k < RING; k++)
			tp4_rx_give(&t, k);
		ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
		tp4_pkt_fill(self->pkt, 1500, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 1500));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&t, &d));
		EXPECT_EQ(reserve, d.offset);
		EXPECT_TRUE(tp4_pkt_ok(tp4_frame(&t, d.idx) + d.offset, d.len,
				       i, 1500));
		munmap(t.map, t.map_len);
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, -1, 0));
	}
	racer_stop(&r);
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

static void join_fanout(struct racer *r)
{
	int arg = 815 | PACKET_FANOUT_LB << 16;

	setsockopt(r->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg));
}

TEST_F(cve, cve_2017_15649_fanout_races_bind)
{
	unsigned int i, n = tp4_scaled(500, 50);

	for (i = 0; i < n; i++) {
		struct racer r = { .step = join_fanout };
		int fd = v4_socket();

		ASSERT_LE(0, fd);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
		r.fd = fd;
		ASSERT_EQ(0, racer_start(&r));
		tp4_bind(fd, self->net.a, ETH_P_ALL);
		tp4_bind(fd, self->net.b, ETH_P_ALL);
		tp4_pkt_fill(self->pkt, 100, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
		tp4_ring(fd, PACKET_RX_RING, self->mr_fd, 2 * RING);
		racer_stop(&r);
		close(fd);
	}
	works(_metadata, self);
}

/* CVE-2018-18559: bind() races the device going away */

static void device_up_down(struct racer *r)
{
	if (r->turn & 1)
		tp4_link_up(r->ifindex);
	else
		tp4_link_down(r->ifindex);
}

TEST_F(cve, cve_2018_18559_bind_races_device)
{
	struct racer r = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	unsigned int i, n = tp4_scaled(300, 30);
	int fd;

	ASSERT_EQ(0, racer_start(&r));
	for (i = 0; i < n; i++) {
		fd = v4_socket();
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd, RING));
		tp4_bind(fd, self->net.a, ETH_P_ALL);
		tp4_bind(fd, self->net.b, ETH_P_ALL);
		tp4_bind(fd, self->net.a, ETH_P_ALL);
		close(fd);
	}
	racer_stop(&r);
	works(_metadata, self);
}

/* CVE-2025-38617: NETDEV_UP hooks a socket whose ring is being replaced */

TEST_F(cve, cve_2025_38617_device_up_races_ring)
{
	struct racer r = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	unsigned int i, k, n = tp4_scaled(300, 30);
	int fd;

	fd = v4_socket();
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, racer_start(&r));
	for (i = 0; i < n; i++) {
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, self->mr_fd,
				      1 << i % 8));
		tp4_pkt_fill(self->pkt, 100, i);
		for (k = 0; k < 4; k++)
			send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, -1, 0));
	}
	racer_stop(&r);
	close(fd);
	works(_metadata, self);
}

/* The same, but the socket's version changes: it must not be hooked again */
TEST_F(cve, cve_2025_38617_device_up_races_version)
{
	struct racer r = {
		.step = device_up_down, .ifindex = self->net.a,
	};
	unsigned int i, n = tp4_scaled(300, 30);
	int fd;

	ASSERT_EQ(0, racer_start(&r));
	for (i = 0; i < n; i++) {
		fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, fd);
		tp4_bind(fd, self->net.a, ETH_P_ALL);
		ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
		/* Nothing can come: it is not bound any more */
		send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_poll(fd, POLLIN, 0) & POLLIN);
		ASSERT_EQ(0, tp4_version(fd, TPACKET_V1));
		send(self->out, self->pkt, 100, MSG_DONTWAIT);
		ASSERT_EQ(0, tp4_poll(fd, POLLIN, 0) & POLLIN);
		close(fd);
	}
	racer_stop(&r);
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

static void flip_length(struct racer *r)
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
}

TEST_F(cve, cve_2026_31700_read_twice)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .tx_nr = RING, .frames = FRAMES,
	};
	struct racer r = { .step = flip_length };
	unsigned int i, k, n = tp4_scaled(1000, 200), good = 0;
	struct tpacket4_desc d;
	struct tp4 t;
	int all;
	ssize_t len;

	all = tp4_plain_open(self->net.b, ETH_P_ALL);
	ASSERT_LE(0, all);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	r.arg = &t;
	ASSERT_EQ(0, racer_start(&r));
	/* Until one was whole, however long it takes */
	for (i = 0; i < n || !good; i++) {
		for (k = 0; k < RING; k++)
			tp4_tx_give(&t, k, 60, 0, 0);
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
			ASSERT_TRUE(d.error == EBADF || d.error == EINVAL)
				TH_LOG("error %u", d.error);
		}
		while ((len = recv(all, self->pkt, MAX_PKT,
				   MSG_DONTWAIT)) >= 0)
			ASSERT_EQ(60, len);
	}
	racer_stop(&r);
	EXPECT_TRUE(tp4_guards_ok(&t));
	tp4_close(&t);
	close(all);
	works(_metadata, self);
}

/*
 * CVE-2025-40159 and CVE-2026-43093 (AF_XDP): address, length and headroom of
 * a descriptor overflow. Every combination of the values at which something
 * could turn over, against what must come of it.
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

TEST_F(cve, cve_2025_40159_2026_43093_overflow)
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

/* CVE-2022-49972 (AF_XDP): a shared buffer outlives the socket it came from */

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

static void dump_sockets(struct racer *r)
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
	ssize_t len;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return;
	if (send(fd, &dump, sizeof(dump), 0) > 0) {
		do {
			len = recv(fd, reply, sizeof(reply), 0);
			nh = (void *)reply;
		} while (len > 0 && nh->nlmsg_type != NLMSG_DONE &&
			 nh->nlmsg_type != NLMSG_ERROR);
	}
	close(fd);
}

TEST_F(cve, cve_2023_53426_diag_races_teardown)
{
	struct racer r = { .step = dump_sockets };
	unsigned int i, n = tp4_scaled(300, 30);
	int fd;

	ASSERT_EQ(0, racer_start(&r));
	for (i = 0; i < n || !racer_turned(&r); i++) {
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
	works(_metadata, self);
}

TEST_HARNESS_MAIN

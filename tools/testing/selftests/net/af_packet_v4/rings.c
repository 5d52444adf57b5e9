// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: the rings as memory (sizes, mapping, who has them), packet
 * buffers and who shares and pays for them, poll and epoll.
 */

#include <fcntl.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define MAX_PKT		2048

FIXTURE(rings) {
	struct tp4_net net;
	int out;		/* sends on b: a receives */
	int in;			/* receives on b what a sends */
};

FIXTURE_SETUP(rings)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	self->in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->in);
}

FIXTURE_TEARDOWN(rings)
{
	close(self->out);
	close(self->in);
}

static int inject(int fd, __u32 seq, size_t len)
{
	__u8 pkt[MAX_PKT];

	tp4_pkt_fill(pkt, len, seq);
	return tp4_plain_send(fd, pkt, len);
}

static bool expect_rx(struct tp4 *t, __u32 seq, size_t len)
{
	__u8 pkt[MAX_PKT];
	int ret = tp4_recv_wait(t, pkt, sizeof(pkt));

	return ret > 0 && tp4_pkt_ok(pkt, ret, seq, len);
}

static bool expect_plain(int fd, __u32 seq, size_t len)
{
	__u8 pkt[MAX_PKT];
	int ret = tp4_plain_recv(fd, pkt, sizeof(pkt));

	return ret > 0 && tp4_pkt_ok(pkt, ret, seq, len);
}

static int send_one(struct tp4 *t, __u32 seq, size_t len)
{
	__u8 pkt[MAX_PKT];

	tp4_pkt_fill(pkt, len, seq);
	return tp4_send(t, pkt, len, 0);
}

/* One packet each way; what most tests here end with */
static void works(struct __test_metadata *_metadata,
		  struct _test_data_rings *self, struct tp4 *t, __u32 seq)
{
	if (t->rx_nr) {
		ASSERT_EQ(0, inject(self->out, seq, 100));
		EXPECT_TRUE(expect_rx(t, seq, 100));
	}
	if (t->tx_nr) {
		EXPECT_EQ(0, send_one(t, seq + 1, 200));
		EXPECT_TRUE(expect_plain(self->in, seq + 1, 200));
	}
}

/* Sizes and places */

TEST_F(rings, sizes_may_differ)
{
	static const struct {
		unsigned int rx, tx;
	} sizes[] = {
		{ 8, 64 }, { 64, 8 }, { 1, 1 }, { 1, 512 }, { 512, 1 },
		{ 8, 0 }, { 0, 8 }, { 1024, 2048 },
	};
	struct tp4_cfg cfg = { .ifindex = self->net.a };
	struct tp4 t;
	size_t i;
	int k;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		cfg.rx_nr = sizes[i].rx;
		cfg.tx_nr = sizes[i].tx;
		ASSERT_EQ(0, tp4_open(&t, &cfg))
			TH_LOG("rx %u tx %u", cfg.rx_nr, cfg.tx_nr);
		/* The TX ring begins right behind the RX ring's bytes */
		if (cfg.rx_nr && cfg.tx_nr)
			EXPECT_EQ(cfg.rx_nr * 16,
				  (char *)t.tx - (char *)t.map);
		for (k = 0; k < 20; k++)
			works(_metadata, self, &t, 2 * k);
		tp4_close(&t);
	}
}

TEST_F(rings, start_zeroed)
{
	struct tp4_cfg cfg = { .rx_nr = 256, .tx_nr = 256 };
	static const __u8 zero[512 * 16];
	struct tp4 t;
	void *map;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	/* A new ring in an old one's place shows nothing of it */
	memset(t.map, 0xff, t.map_len);
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	t.map = NULL;
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 256));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, 256));
	map = mmap(NULL, sizeof(zero), PROT_READ | PROT_WRITE, MAP_SHARED,
		   t.fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(0, memcmp(map, zero, sizeof(zero)));
	munmap(map, sizeof(zero));
	tp4_close(&t);
}

/* mmap() */

TEST_F(rings, mmap_refuses)
{
	struct tp4_cfg cfg = { .rx_nr = 512, .tx_nr = 512 };
	const size_t page = TP4_PAGE;
	size_t len = 1024 * 16;
	struct tp4 t;
	void *map;
	int fd;

	/* No ring: nothing to map */
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0));
	EXPECT_EQ(EINVAL, errno);
	close(fd);

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(len, t.map_len);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, 0));
	EXPECT_EQ(EBUSY, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, PROT_READ, MAP_SHARED, t.fd, 0));
	EXPECT_EQ(EBUSY, errno);
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	t.map = NULL;

	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_PRIVATE, t.fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len + page, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len - page, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, page));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, len, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, 1ULL << 44));
	EXPECT_EQ(EINVAL, errno);

	/* The failures have not used up the one mapping */
	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, 0);
	ASSERT_NE(MAP_FAILED, map);
	munmap(map, len);
	tp4_close(&t);
}

TEST_F(rings, map_again_and_go_on)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	struct tpacket4_queue rxq, txq;
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	works(_metadata, self, &t, 10);
	/* The rings live on without a mapping, the books are the user's */
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	ASSERT_EQ(0, inject(self->out, 20, 300));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	rxq = t.rxq;
	txq = t.txq;
	ASSERT_EQ(0, tp4_map(&t));
	t.rxq = rxq;
	t.rxq.ring = t.rx;
	t.txq = txq;
	t.txq.ring = t.tx;
	EXPECT_TRUE(expect_rx(&t, 20, 300));
	tp4_close(&t);
}

TEST_F(rings, status_page)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	const struct tpacket4_status *status;
	size_t page = TP4_PAGE;
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	EXPECT_EQ(MAP_FAILED, mmap(NULL, page, PROT_READ | PROT_WRITE,
				   MAP_SHARED, t.fd, TP4_PGOFF_STATUS));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(MAP_FAILED, mmap(NULL, 2 * page, PROT_READ, MAP_SHARED,
				   t.fd, TP4_PGOFF_STATUS));
	EXPECT_EQ(EINVAL, errno);
	status = mmap(NULL, page, PROT_READ, MAP_SHARED, t.fd,
		      TP4_PGOFF_STATUS);
	ASSERT_NE(MAP_FAILED, status);
	/* Copy mode is kicked, always */
	EXPECT_EQ(TP4_STATUS_TX_KICK, status->tx_flags);
	EXPECT_EQ(0, status->rx_flags);
	EXPECT_EQ(-1, mprotect((void *)status, page, PROT_READ | PROT_WRITE));
	EXPECT_EQ(EACCES, errno);
	works(_metadata, self, &t, 1);
	EXPECT_EQ(TP4_STATUS_TX_KICK, status->tx_flags);
	tp4_close(&t);
	/* Without the socket it is still memory of ours */
	EXPECT_EQ(TP4_STATUS_TX_KICK, status->tx_flags);
	munmap((void *)status, page);
}

TEST_F(rings, unmap_in_parts)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 512, .tx_nr = 512,
	};
	struct tp4 t;
	size_t page;
	int i;

	page = TP4_PAGE;
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, munmap(t.map + t.map_len - page, page));
	/* Still mapped, if not whole */
	EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	for (i = 0; i < 10; i++)
		works(_metadata, self, &t, 2 * i);
	ASSERT_EQ(0, munmap(t.map, page));
	EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	ASSERT_EQ(0, munmap(t.map + page, t.map_len - 2 * page));
	t.map = NULL;
	EXPECT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	tp4_close(&t);
}

TEST_F(rings, mremap_moves_but_does_not_copy)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 256, .tx_nr = 256,
	};
	struct tp4 t;
	void *place;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	/* Larger than the rings */
	EXPECT_EQ(MAP_FAILED, mremap(t.map, t.map_len, t.map_len + TP4_PAGE,
				     MREMAP_MAYMOVE));
	EXPECT_EQ(EFAULT, errno);
	/* A second mapping by way of "old length 0" */
	EXPECT_EQ(MAP_FAILED, mremap(t.map, 0, t.map_len, MREMAP_MAYMOVE));

	place = mmap(NULL, t.map_len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS,
		     -1, 0);
	ASSERT_NE(MAP_FAILED, place);
	ASSERT_EQ(place, mremap(t.map, t.map_len, t.map_len,
				MREMAP_MAYMOVE | MREMAP_FIXED, place));
	t.map = place;
	t.rx = place;
	t.tx = t.rx + t.rx_nr;
	t.rxq.ring = t.rx;
	t.txq.ring = t.tx;
	EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	works(_metadata, self, &t, 1);
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	t.map = NULL;
	EXPECT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	tp4_close(&t);
}

TEST_F(rings, mprotect_is_the_users_own_business)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, mprotect(t.map, t.map_len, PROT_NONE));
	ASSERT_EQ(0, inject(self->out, 1, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	ASSERT_EQ(0, mprotect(t.map, t.map_len, PROT_READ | PROT_WRITE));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	tp4_close(&t);
}

/* "The descriptor rings can never be shared between processes" */
TEST_F(rings, fork_does_not_inherit_them)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	unsigned char vec[1];
	struct tp4 t;
	int status;
	pid_t pid;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, mincore(t.map, TP4_PAGE, vec));
	/* Nor can it be asked for */
	EXPECT_EQ(-1, madvise(t.map, TP4_PAGE, MADV_DOFORK));
	EXPECT_EQ(EINVAL, errno);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		/* Not there, and not to be had while the parent has it */
		if (!mincore(t.map, TP4_PAGE, vec) || errno != ENOMEM)
			_exit(1);
		if (mmap(NULL, 256, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd,
			 0) != MAP_FAILED || errno != EBUSY)
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	/* The child's exit has not taken the parent's mapping into account */
	EXPECT_EQ(-EBUSY, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	works(_metadata, self, &t, 1);
	tp4_close(&t);
}

/* Handed over whole: close it here, use it there */
TEST_F(rings, another_process_takes_over)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	struct tp4 t;
	int status;
	pid_t pid;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	works(_metadata, self, &t, 1);
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct tpacket4_queue rxq = t.rxq, txq = t.txq;

		if (tp4_map(&t))
			_exit(1);
		t.rxq = rxq;
		t.rxq.ring = t.rx;
		t.txq = txq;
		t.txq.ring = t.tx;
		/* The buffer is private: its pages are the parent's */
		if (inject(self->out, 5, 100) ||
		    !(tp4_poll(t.fd, POLLIN, TP4_WAIT_MS) & POLLIN) ||
		    !tp4q_is_ready(&t.rxq))
			_exit(2);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(0, WEXITSTATUS(status));
	t.map = NULL;
	tp4_close(&t);
}

/* A mapping holds the socket as a file descriptor does */
TEST_F(rings, mapping_outlives_the_descriptor)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	close(t.fd);
	close(t.mr_fd);
	t.fd = -1;
	t.mr_fd = -1;
	ASSERT_EQ(0, inject(self->out, 1, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_TRUE(tp4q_is_ready(&t.rxq));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	t.map = NULL;
	EXPECT_TRUE(tp4_pins_balanced());
	tp4_close(&t);
}

/* A ring may come and go on a bound socket */
TEST_F(rings, replaced_in_traffic)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .frames = 1024,
	};
	unsigned int i, k, nr;
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	for (i = 0; i < 20; i++) {
		works(_metadata, self, &t, i);
		ASSERT_EQ(0, munmap(t.map, t.map_len));
		t.map = NULL;
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 0));
		/* No ring: nobody counts, nobody crashes */
		ASSERT_EQ(0, inject(self->out, 1000, 100));
		ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
		EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
		nr = 1 << (i % 10);
		ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, nr));
		t.rx_nr = nr;
		ASSERT_EQ(0, tp4_map(&t));
		for (k = 0; k < nr; k++)
			tp4_rx_give(&t, k);
	}
	tp4_close(&t);
}

/* Packet buffers */

TEST_F(rings, separate_buffers_for_rx_and_tx)
{
	struct tp4_cfg cfg = { .rx_nr = 8, .frame_size = 2048 };
	struct tp4_cfg txcfg = { .tx_nr = 8, .frame_size = TP4_PAGE };
	struct tp4 t, other;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, tp4_open(&other, &txcfg));
	/* t's TX ring on other's buffer, of another frame size too */
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, other.mr_fd, 8));
	t.tx_nr = 8;
	ASSERT_EQ(0, tp4_map(&t));
	tp4_rx_give(&t, 7);
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));

	tp4_pkt_fill(tp4_frame(&other, 5) + 2048, 700, 9);
	tp4_tx_give(&t, 5, 700, 2048, 0);
	EXPECT_EQ(700, tp4_kick(&t, 0));
	EXPECT_TRUE(expect_plain(self->in, 9, 700));
	ASSERT_EQ(0, inject(self->out, 1, 100));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	EXPECT_TRUE(tp4_guards_ok(&t));
	EXPECT_TRUE(tp4_guards_ok(&other));
	tp4_close(&other);
	tp4_close(&t);
}

TEST_F(rings, one_buffer_for_many_rings)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8, .frames = 256,
		.ignore_outgoing = true,
	};
	struct tp4 t[8];
	size_t i;

	ASSERT_EQ(0, tp4_open(&t[0], &cfg));
	for (i = 1; i < ARRAY_SIZE(t); i++) {
		cfg.share = &t[0];
		cfg.first = 16 * i;
		ASSERT_EQ(0, tp4_open(&t[i], &cfg));
	}
	/* A packet that comes goes to all of them, each into frames of its */
	ASSERT_EQ(0, inject(self->out, 3, 1000));
	for (i = 0; i < ARRAY_SIZE(t); i++)
		EXPECT_TRUE(expect_rx(&t[i], 3, 1000));
	for (i = 0; i < ARRAY_SIZE(t); i++) {
		EXPECT_EQ(0, send_one(&t[i], i, 500));
		EXPECT_TRUE(expect_plain(self->in, i, 500));
	}
	/* The one that made it goes first, its ring stays of use to others */
	close(t[0].mr_fd);
	close(t[0].fd);
	ASSERT_EQ(0, munmap(t[0].map, t[0].map_len));
	EXPECT_EQ(256 * 2048 / TP4_PAGE, tp4_pinned());
	ASSERT_EQ(0, inject(self->out, 4, 600));
	for (i = 1; i < ARRAY_SIZE(t); i++) {
		EXPECT_TRUE(expect_rx(&t[i], 4, 600));
		EXPECT_EQ(0, send_one(&t[i], i, 700));
		EXPECT_TRUE(expect_plain(self->in, i, 700));
	}
	for (i = 1; i < ARRAY_SIZE(t); i++)
		tp4_close(&t[i]);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(rings, buffer_socket_closed_before_traffic)
{
	struct tp4_cfg cfg = { .rx_nr = 8, .tx_nr = 8 };
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	close(t.mr_fd);
	t.mr_fd = -1;
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
	works(_metadata, self, &t, 1);
	tp4_close(&t);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* The kernel has the pages, whatever happens to the addresses */
TEST_F(rings, buffer_unmapped_before_traffic)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	struct tp4 t;
	int i;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, munmap(t.area, t.area_len));
	t.area = NULL;
	for (i = 0; i < 8; i++)
		ASSERT_EQ(0, inject(self->out, i, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
	tp4_tx_give(&t, 8, 100, 0, 0);
	EXPECT_EQ(100, tp4_kick(&t, 0));
	tp4_close(&t);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(rings, buffer_of_another_process)
{
	size_t len = 64 * 2048;
	int pair[2], mem, mr_fd;
	struct tp4 t = {};
	int status, i;
	pid_t pid;

	mem = memfd_create("tp4", 0);
	ASSERT_LE(0, mem);
	ASSERT_EQ(0, ftruncate(mem, len));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM, 0, pair));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		void *addr = mmap(NULL, len, PROT_READ | PROT_WRITE,
				  MAP_SHARED, mem, 0);

		mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		if (addr == MAP_FAILED || mr_fd < 0 ||
		    tp4_memreg(mr_fd, addr, len, 2048, 0) ||
		    tp4_send_fd(pair[1], mr_fd))
			_exit(1);
		_exit(0);
	}
	ASSERT_EQ(pid, waitpid(pid, &status, 0));
	ASSERT_EQ(0, status);
	mr_fd = tp4_recv_fd(pair[0]);
	ASSERT_LE(0, mr_fd);

	/* Who registered it is gone; what it registered is here */
	t.buf = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0);
	ASSERT_NE(MAP_FAILED, t.buf);
	t.buf_len = len;
	t.frame_size = 2048;
	t.frames = 64;
	t.mr_fd = mr_fd;
	t.rx_nr = 8;
	t.tx_nr = 8;
	t.fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, t.fd);
	ASSERT_EQ(0, tp4_version(t.fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, mr_fd, 8));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, mr_fd, 8));
	ASSERT_EQ(0, tp4_map(&t));
	for (i = 0; i < 8; i++)
		tp4_rx_give(&t, 8 * i);
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
	for (i = 0; i < 20; i++) {
		ASSERT_EQ(0, inject(self->out, i, 64 + i));
		EXPECT_TRUE(expect_rx(&t, i, 64 + i));
	}
	tp4_pkt_fill(tp4_frame(&t, 1), 100, 77);
	tp4_tx_give(&t, 1, 100, 0, 0);
	EXPECT_EQ(100, tp4_kick(&t, 0));
	EXPECT_TRUE(expect_plain(self->in, 77, 100));
	tp4_close(&t);
	munmap(t.buf, len);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Huge pages are pages */
TEST_F(rings, huge_pages)
{
	size_t huge = 2 << 20, len = 4 << 20;
	struct tp4 t = {};
	__u8 *area;
	int i;

	area = mmap(NULL, len, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	t.buf = (void *)(((uintptr_t)area + huge - 1) & ~(huge - 1));
	/* Advice: where there are none, small ones do */
	madvise(t.buf, huge, MADV_HUGEPAGE);
	memset(t.buf, 0, huge);
	t.buf_len = huge;
	t.frame_size = TP4_PAGE;
	t.frames = huge / TP4_PAGE;
	t.rx_nr = 8;
	t.tx_nr = 8;
	t.mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, t.mr_fd);
	ASSERT_EQ(0, tp4_memreg(t.mr_fd, t.buf, huge, t.frame_size, 0));
	t.fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, t.fd);
	ASSERT_EQ(0, tp4_version(t.fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_RX_RING, t.mr_fd, 8));
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, 8));
	ASSERT_EQ(0, tp4_map(&t));
	/* Frames from end to end of the buffer */
	for (i = 0; i < 8; i++)
		tp4_rx_give(&t, (t.frames - 1) * i / 7);
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
	for (i = 0; i < 16; i++) {
		ASSERT_EQ(0, inject(self->out, i, 1514));
		EXPECT_TRUE(expect_rx(&t, i, 1514));
	}
	tp4_pkt_fill(tp4_frame(&t, t.frames - 1) + TP4_PAGE - 1514, 1514, 99);
	tp4_tx_give(&t, t.frames - 1, 1514, TP4_PAGE - 1514, 0);
	EXPECT_EQ(1514, tp4_kick(&t, 0));
	EXPECT_TRUE(expect_plain(self->in, 99, 1514));
	tp4_close(&t);
	munmap(area, len);
}

/* Who pays: the user, up to RLIMIT_MEMLOCK, and gets it back */

#define POOR_UID	54321

static int poor_memreg(int fd, void *mem, size_t pages)
{
	return tp4_memreg(fd, mem, pages * TP4_PAGE, 2048, 0);
}

TEST_F(rings, memlock_is_the_limit)
{
	struct rlimit rl = {
		.rlim_cur = 16 * TP4_PAGE,
		.rlim_max = 16 * TP4_PAGE,
	};
	int fd[6], i;
	void *mem;

	for (i = 0; i < 6; i++) {
		fd[i] = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		ASSERT_LE(0, fd[i]);
	}
	mem = mmap(NULL, 32 * TP4_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);

	/* With CAP_IPC_LOCK there is no limit */
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &rl));
	EXPECT_EQ(0, poor_memreg(fd[0], mem, 32));

	ASSERT_EQ(0, setresuid(POOR_UID, POOR_UID, POOR_UID));
	EXPECT_EQ(-ENOMEM, poor_memreg(fd[1], mem, 17));
	EXPECT_EQ(0, poor_memreg(fd[1], mem, 16));
	EXPECT_EQ(-ENOMEM, poor_memreg(fd[2], mem, 1));
	close(fd[1]);
	/* Given back at once; now in two parts */
	EXPECT_EQ(0, poor_memreg(fd[2], mem, 10));
	EXPECT_EQ(-ENOMEM, poor_memreg(fd[3], mem, 7));
	EXPECT_EQ(0, poor_memreg(fd[3], mem, 6));
	EXPECT_EQ(-ENOMEM, poor_memreg(fd[4], mem, 1));
	close(fd[2]);
	EXPECT_EQ(-ENOMEM, poor_memreg(fd[4], mem, 11));
	EXPECT_EQ(0, poor_memreg(fd[4], mem, 10));
	close(fd[3]);
	close(fd[4]);
	/* What fails for another reason costs nothing */
	ASSERT_EQ(0, munmap(mem + 8 * TP4_PAGE, 24 * TP4_PAGE));
	EXPECT_EQ(-EFAULT, poor_memreg(fd[5], mem, 16));
	EXPECT_EQ(-EFAULT, poor_memreg(fd[5], mem, 16));
	EXPECT_EQ(0, poor_memreg(fd[5], mem, 8));
	close(fd[5]);
	close(fd[0]);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* The ring keeps the buffer, so the user goes on paying for it */
TEST_F(rings, memlock_is_paid_while_a_ring_lives)
{
	struct rlimit rl = {
		.rlim_cur = 16 * TP4_PAGE,
		.rlim_max = 16 * TP4_PAGE,
	};
	int mr_fd, fd, more;
	void *mem;

	mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	more = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, mr_fd);
	ASSERT_LE(0, fd);
	ASSERT_LE(0, more);
	mem = mmap(NULL, 32 * TP4_PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(0, setrlimit(RLIMIT_MEMLOCK, &rl));
	ASSERT_EQ(0, setresuid(POOR_UID, POOR_UID, POOR_UID));

	ASSERT_EQ(0, poor_memreg(mr_fd, mem, 16));
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, 8));
	close(mr_fd);
	EXPECT_EQ(-ENOMEM, poor_memreg(more, mem, 1));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, -1, 0));
	EXPECT_EQ(0, poor_memreg(more, mem, 16));
	close(fd);
	close(more);
	EXPECT_TRUE(tp4_pins_balanced());
}

#define CGROUPS	"/sys/fs/cgroup"
#define CGROUP	CGROUPS "/tp4-rings"

/* A cgroup with a memory controller, for this process; false: not to be had */
static bool cgroup_enter(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	return !tp4_write_file(CGROUPS "/cgroup.subtree_control", "+memory") &&
	       (!mkdir(CGROUP, 0755) || errno == EEXIST) &&
	       !tp4_write_file(CGROUP "/cgroup.procs", pid);
}

static void cgroup_leave(void)
{
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", getpid());
	tp4_write_file(CGROUPS "/cgroup.procs", pid);
	rmdir(CGROUP);
}

static long long cgroup_vmalloc(void)
{
	return tp4_read_counter(CGROUP "/memory.stat", "vmalloc");
}

/* Kernel memory has its limit, too: the slots of a ring are paid for */
TEST_F(rings, slots_are_charged)
{
	const unsigned int nr = 1 << 20;
	const long long size = nr * sizeof(struct tpacket4_desc);
	struct tp4_cfg cfg = { .tx_nr = 8 };
	long long before, with;
	struct tp4 t;

	if (!cgroup_enter())
		SKIP(return, "no cgroup with a memory controller");
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, munmap(t.map, t.map_len));
	before = cgroup_vmalloc();
	ASSERT_LE(0, before);
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, nr));
	with = cgroup_vmalloc();
	EXPECT_LE(before + size, with);
	ASSERT_EQ(0, tp4_ring(t.fd, PACKET_TX_RING, t.mr_fd, 8));
	EXPECT_GT(with - size / 2, cgroup_vmalloc());
	t.map = NULL;
	t.map_len = 0;
	tp4_close(&t);
	cgroup_leave();
}

/* poll() and epoll */

TEST_F(rings, poll_in)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	struct tpacket4_desc d;
	struct tp4 t;
	int i;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN | POLLRDNORM, 0));
	ASSERT_EQ(0, inject(self->out, 1, 100));
	EXPECT_EQ(POLLIN | POLLRDNORM,
		  tp4_poll(t.fd, POLLIN | POLLRDNORM, TP4_WAIT_MS));
	/* As long as the last one that came was not given back */
	EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, 0));
	ASSERT_TRUE(tp4_rx_next(&t, &d));
	EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, 0));
	tp4_rx_give(&t, d.idx);
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, inject(self->out, 2 + i, 100));
		ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
		ASSERT_TRUE(tp4_rx_next(&t, &d));
	}
	/* All taken, none given back: the last one is still ours */
	EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, 0));
	for (i = 1; i < 4; i++)
		tp4_rx_give(&t, i);
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	tp4_close(&t);
}

/* Slots that were never filled are the user's too, and no packets */
TEST_F(rings, poll_in_needs_a_packet)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	struct tp4_cfg tx_only = { .ifindex = self->net.a, .tx_nr = 4 };
	int fd, mr_fd;
	struct tp4 t;

	/* Rings as they are made: all zero, nothing given */
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	mr_fd = t.mr_fd;
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	ASSERT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, 4));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	/* A packet for which there is no frame is none */
	ASSERT_EQ(0, inject(self->out, 1, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	close(fd);
	tp4_close(&t);

	ASSERT_EQ(0, tp4_open(&t, &tx_only));
	ASSERT_EQ(0, inject(self->out, 1, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	tp4_close(&t);
}

/* Who keeps frames marks what it has seen, and poll() waits for news */
TEST_F(rings, poll_in_seen)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 16 };
	unsigned int nr, taken = 0;
	struct tpacket4_desc d[16];
	struct tp4 t;
	int i;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	for (i = 0; i < 4; i++) {
		ASSERT_EQ(0, inject(self->out, i, 100));
		ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
		EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, 0));
		/* What tp4_sync() sends comes, too */
		nr = tp4q_dequeue_batch(&t.rxq, d + taken, 16 - taken);
		ASSERT_LT(0, nr);
		taken += nr;
		EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, 0));
		tp4q_mark_seen(&t.rxq);
		EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	}
	/* Nor does it mark a slot that was given again */
	for (nr = 0; nr < taken; nr++)
		d[nr].flags = 0;
	ASSERT_EQ(0, tp4q_enqueue_batch(&t.rxq, d, taken));
	EXPECT_EQ(0, tp4q_num_free(&t.rxq));
	tp4q_mark_seen(&t.rxq);
	for (i = 0; i < 16; i++)
		EXPECT_EQ(TP4_DESC_KERNEL, t.rx[i].flags);
	tp4_close(&t);
}

TEST_F(rings, poll_out)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .tx_nr = 4 };
	struct tp4 t;
	__u8 pkt[100];
	int i, k;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	for (k = 0; k < 3; k++) {
		EXPECT_EQ(POLLOUT, tp4_poll(t.fd, POLLOUT | POLLIN, 0));
		for (i = 0; i < 3; i++) {
			tp4_pkt_fill(pkt, sizeof(pkt), i);
			ASSERT_EQ(1, tp4_queue(&t, pkt, sizeof(pkt), 0));
		}
		EXPECT_EQ(POLLOUT, tp4_poll(t.fd, POLLOUT, 0));
		/* Full to the last slot: no room until send() */
		tp4_pkt_fill(pkt, sizeof(pkt), 3);
		ASSERT_EQ(1, tp4_queue(&t, pkt, sizeof(pkt), 0));
		EXPECT_EQ(0, tp4_poll(t.fd, POLLOUT, 0));
		EXPECT_EQ(400, tp4_kick(&t, 0));
		EXPECT_EQ(POLLOUT, tp4_poll(t.fd, POLLOUT, 0));
		EXPECT_EQ(0, tp4_complete(&t));
	}
	tp4_close(&t);
}

struct waker {
	struct tp4_net net;
	pid_t sleeper;
	int ret;
};

static void *wake_by_packet(void *arg)
{
	struct waker *w = arg;
	int out;

	w->ret = tp4_wait_asleep(w->sleeper);
	if (w->ret)
		return NULL;
	out = tp4_plain_open(w->net.b, 0);
	w->ret = out < 0 ? out : inject(out, 1, 100);
	close(out);
	return NULL;
}

TEST_F(rings, poll_wakes_up)
{
	struct waker w = { .net = self->net, .sleeper = gettid() };
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	pthread_t thread;
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, pthread_create(&thread, NULL, wake_by_packet, &w));
	EXPECT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, w.ret);
	tp4_close(&t);
}

struct out_waker {
	struct tp4 *t;
	pid_t sleeper;
	int ret;
};

static void *wake_by_completion(void *arg)
{
	struct out_waker *w = arg;

	w->ret = tp4_wait_asleep(w->sleeper);
	if (!w->ret)
		w->ret = tp4_kick(w->t, 0);
	return NULL;
}

/* Who waits for room on the TX ring is told when another thread has sent */
TEST_F(rings, poll_out_wakes_up)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .tx_nr = 4 };
	struct out_waker w = { .sleeper = gettid() };
	pthread_t thread;
	__u8 pkt[100];
	struct tp4 t;
	int i, k;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	w.t = &t;
	/* Sent; and with no device that could, which makes no skb at all */
	for (k = 0; k < 2; k++) {
		for (i = 0; i < 4; i++) {
			tp4_pkt_fill(pkt, sizeof(pkt), i);
			ASSERT_EQ(1, tp4_queue(&t, pkt, sizeof(pkt), 0));
		}
		ASSERT_EQ(0, tp4_poll(t.fd, POLLOUT, 0) & POLLOUT);
		ASSERT_EQ(0, pthread_create(&thread, NULL, wake_by_completion,
					    &w));
		EXPECT_EQ(POLLOUT, tp4_poll(t.fd, POLLOUT, TP4_WAIT_MS));
		ASSERT_EQ(0, pthread_join(thread, NULL));
		EXPECT_EQ(k ? -ENETDOWN : 400, w.ret);
		EXPECT_EQ(k ? -ENETDOWN : 0, tp4_complete(&t));
		if (!k) {
			socklen_t len = sizeof(i);

			ASSERT_EQ(0, tp4_link_down(self->net.a));
			ASSERT_EQ(0, getsockopt(t.fd, SOL_SOCKET, SO_ERROR, &i,
						&len));
		}
	}
	tp4_close(&t);
}

static int epoll_on(int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC);

	if (ep < 0 || epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	return ep;
}

static int epoll_events(int ep, int timeout)
{
	struct epoll_event ev = {};
	int ret = epoll_wait(ep, &ev, 1, timeout);

	return ret < 0 ? -errno : ret ? (int)ev.events : 0;
}

TEST_F(rings, epoll_level_triggered)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	struct tp4 t;
	int ep;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ep = epoll_on(t.fd, EPOLLIN);
	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epoll_events(ep, 0));
	ASSERT_EQ(0, inject(self->out, 1, 100));
	EXPECT_EQ(EPOLLIN, epoll_events(ep, TP4_WAIT_MS));
	EXPECT_EQ(EPOLLIN, epoll_events(ep, 0));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	/* Taken and given back */
	EXPECT_EQ(0, epoll_events(ep, 0));
	close(ep);
	tp4_close(&t);
}

TEST_F(rings, epoll_edge_triggered)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	struct tp4 t;
	int ep, i;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ep = epoll_on(t.fd, EPOLLIN | EPOLLET);
	ASSERT_LE(0, ep);
	EXPECT_EQ(0, epoll_events(ep, 0));
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, inject(self->out, i, 100));
		EXPECT_EQ(EPOLLIN, epoll_events(ep, TP4_WAIT_MS));
		/* An edge is told once, also when it was not acted upon */
		EXPECT_EQ(0, epoll_events(ep, 0));
	}
	for (i = 0; i < 3; i++)
		EXPECT_TRUE(expect_rx(&t, i, 100));
	EXPECT_EQ(0, epoll_events(ep, 0));
	close(ep);
	tp4_close(&t);
}

TEST_F(rings, epoll_wakes_up)
{
	struct waker w = { .net = self->net, .sleeper = gettid() };
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 4 };
	pthread_t thread;
	struct tp4 t;
	int ep;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ep = epoll_on(t.fd, EPOLLIN | EPOLLET);
	ASSERT_LE(0, ep);
	ASSERT_EQ(0, pthread_create(&thread, NULL, wake_by_packet, &w));
	EXPECT_EQ(EPOLLIN, epoll_events(ep, TP4_WAIT_MS));
	EXPECT_TRUE(expect_rx(&t, 1, 100));
	ASSERT_EQ(0, pthread_join(thread, NULL));
	EXPECT_EQ(0, w.ret);
	close(ep);
	tp4_close(&t);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* AF_PACKET V4: each option, what it accepts, refuses, and says when asked */

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <sys/syscall.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define FRAMES		16

FIXTURE(api) {
	struct tp4_net net;
	int fd;			/* V4 socket, nothing else set */
	__u8 *mem;		/* room for FRAMES frames of a page */
	size_t mem_len;
};

FIXTURE_SETUP(api)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, tp4_version(self->fd, TPACKET_V4));
	self->mem_len = FRAMES * TP4_PAGE;
	self->mem = mmap(NULL, self->mem_len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
}

FIXTURE_TEARDOWN(api)
{
	close(self->fd);
	munmap(self->mem, self->mem_len);
}

static int packet_socket(int type, int protocol)
{
	return socket(AF_PACKET, type, htons(protocol));
}

static int get_int(int fd, int opt)
{
	socklen_t len = sizeof(int);
	int value = -1000;

	if (getsockopt(fd, SOL_PACKET, opt, &value, &len))
		return -1000 - errno;
	if (len != sizeof(int))
		return -1001;
	return value;
}

static int set_int(int fd, int opt, int value)
{
	return setsockopt(fd, SOL_PACKET, opt, &value, sizeof(value)) ?
	       -errno : 0;
}

/* PACKET_VERSION */

TEST_F(api, version_is_answered)
{
	EXPECT_EQ(TPACKET_V4, get_int(self->fd, PACKET_VERSION));
	EXPECT_EQ(3, TPACKET_V4);
}

TEST_F(api, version_wants_raw_and_all_protocols)
{
	int fd;

	fd = packet_socket(SOCK_DGRAM, ETH_P_ALL);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(TPACKET_V1, get_int(fd, PACKET_VERSION));
	close(fd);

	fd = packet_socket(SOCK_RAW, ETH_P_IP);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(TPACKET_V1, get_int(fd, PACKET_VERSION));
	close(fd);

	fd = packet_socket(SOCK_RAW, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(TPACKET_V4, get_int(fd, PACKET_VERSION));
	close(fd);
}

TEST_F(api, version_unknown)
{
	EXPECT_EQ(-EINVAL, tp4_version(self->fd, TPACKET_V4 + 1));
	EXPECT_EQ(-EINVAL, tp4_version(self->fd, -1));
	EXPECT_EQ(-EINVAL, tp4_version(self->fd, 0x7fffffff));
	EXPECT_EQ(TPACKET_V4, get_int(self->fd, PACKET_VERSION));
}

TEST_F(api, version_wants_an_int)
{
	int v = TPACKET_V4;

	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_VERSION, &v, 2));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_VERSION, NULL,
				 sizeof(v)));
	EXPECT_EQ(EFAULT, errno);
}

TEST_F(api, version_there_and_back)
{
	int v;

	for (v = TPACKET_V1; v <= TPACKET_V4; v++) {
		EXPECT_EQ(0, tp4_version(self->fd, v));
		EXPECT_EQ(v, get_int(self->fd, PACKET_VERSION));
		EXPECT_EQ(0, tp4_version(self->fd, TPACKET_V4));
		EXPECT_EQ(TPACKET_V4, get_int(self->fd, PACKET_VERSION));
	}
}

TEST_F(api, version_is_fixed_with_a_ring)
{
	int v;

	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	for (v = TPACKET_V1; v <= TPACKET_V3; v++)
		EXPECT_EQ(-EBUSY, tp4_version(self->fd, v));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, self->fd, 8));
	for (v = TPACKET_V1; v <= TPACKET_V3; v++)
		EXPECT_EQ(-EBUSY, tp4_version(self->fd, v));
	EXPECT_EQ(TPACKET_V4, get_int(self->fd, PACKET_VERSION));
}

TEST_F(api, version_is_free_again_without_the_ring)
{
	int mr_fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, mr_fd);
	ASSERT_EQ(0, tp4_memreg(mr_fd, self->mem, self->mem_len, 0, 0));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 8));
	EXPECT_EQ(-EBUSY, tp4_version(self->fd, TPACKET_V3));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 0));
	EXPECT_EQ(0, tp4_version(self->fd, TPACKET_V3));
	close(mr_fd);
}

TEST_F(api, version_refused_with_an_old_ring)
{
	struct tpacket_req req = {
		.tp_block_size = TP4_PAGE,
		.tp_block_nr = 1,
		.tp_frame_size = TP4_PAGE,
		.tp_frame_nr = 1,
	};
	int fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V2));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req,
				sizeof(req)));
	EXPECT_EQ(-EBUSY, tp4_version(fd, TPACKET_V4));
	memset(&req, 0, sizeof(req));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req,
				sizeof(req)));
	EXPECT_EQ(0, tp4_version(fd, TPACKET_V4));
	close(fd);
}

/* socket() with a protocol receives from all devices: that must end here */
TEST_F(api, version_unhooks_and_purges)
{
	__u8 pkt[100];
	int fd, out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, fd);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(POLLIN, tp4_poll(fd, POLLIN, TP4_WAIT_MS));

	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));

	/* Neither the old packet nor one that came meanwhile is there */
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V1));
	EXPECT_EQ(-1, recv(fd, pkt, sizeof(pkt), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(-1, recv(fd, pkt, sizeof(pkt), MSG_DONTWAIT));
	EXPECT_EQ(EAGAIN, errno);

	/* Only bind() hooks it again */
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	EXPECT_EQ(100, tp4_plain_recv(fd, pkt, sizeof(pkt)));
	close(fd);
	close(out);
}

/* Options of other versions */

struct other_opt {
	const char *name;
	int opt;
	int value;
};

static const struct other_opt other_opts[] = {
	{ "PACKET_VNET_HDR", PACKET_VNET_HDR, 1 },
	{ "PACKET_VNET_HDR_SZ", PACKET_VNET_HDR_SZ, 12 },
	{ "PACKET_TX_HAS_OFF", PACKET_TX_HAS_OFF, 1 },
	{ "PACKET_COPY_THRESH", PACKET_COPY_THRESH, 1 },
	{ "PACKET_LOSS", PACKET_LOSS, 1 },
	{ "PACKET_AUXDATA", PACKET_AUXDATA, 1 },
	{ "PACKET_ORIGDEV", PACKET_ORIGDEV, 1 },
	{ "PACKET_TIMESTAMP", PACKET_TIMESTAMP, 64 },
};

TEST_F(api, options_that_v4_has_not)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(other_opts); i++) {
		EXPECT_EQ(-EINVAL, set_int(self->fd, other_opts[i].opt,
					   other_opts[i].value))
			TH_LOG("%s", other_opts[i].name);
	}
}

TEST_F(api, version_refused_while_such_an_option_is_set)
{
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(other_opts); i++) {
		fd = packet_socket(SOCK_RAW, ETH_P_ALL);
		ASSERT_LE(0, fd);
		ASSERT_EQ(0, set_int(fd, other_opts[i].opt,
				     other_opts[i].value));
		EXPECT_EQ(-EINVAL, tp4_version(fd, TPACKET_V4))
			TH_LOG("with %s", other_opts[i].name);
		EXPECT_EQ(TPACKET_V1, get_int(fd, PACKET_VERSION));
		ASSERT_EQ(0, set_int(fd, other_opts[i].opt, 0));
		EXPECT_EQ(0, tp4_version(fd, TPACKET_V4));
		close(fd);
	}
}

TEST_F(api, options_that_v4_has)
{
	EXPECT_EQ(0, set_int(self->fd, PACKET_RESERVE, 64));
	EXPECT_EQ(64, get_int(self->fd, PACKET_RESERVE));
	EXPECT_EQ(0, set_int(self->fd, PACKET_QDISC_BYPASS, 1));
	EXPECT_EQ(1, get_int(self->fd, PACKET_QDISC_BYPASS));
	EXPECT_EQ(0, set_int(self->fd, PACKET_IGNORE_OUTGOING, 1));
	EXPECT_EQ(1, get_int(self->fd, PACKET_IGNORE_OUTGOING));
}

/* PACKET_HDRLEN is asked with a version; no header is V4's */
TEST_F(api, hdrlen)
{
	socklen_t len = sizeof(int);
	int value = TPACKET_V4;

	ASSERT_EQ(0, getsockopt(self->fd, SOL_PACKET, PACKET_HDRLEN, &value,
				&len));
	EXPECT_EQ(0, value);
	value = TPACKET_V2;
	ASSERT_EQ(0, getsockopt(self->fd, SOL_PACKET, PACKET_HDRLEN, &value,
				&len));
	EXPECT_EQ(sizeof(struct tpacket2_hdr), value);
	value = TPACKET_V4 + 1;
	EXPECT_EQ(-1, getsockopt(self->fd, SOL_PACKET, PACKET_HDRLEN, &value,
				 &len));
	EXPECT_EQ(EINVAL, errno);
}

/* PACKET_MEMREG */

TEST_F(api, memreg_geometry)
{
	size_t page = TP4_PAGE;
	struct {
		const char *what;
		size_t addr_off;
		__u64 len;
		__u32 frame_size;
		__u32 headroom;
		int ret;
	} cases[] = {
		{ "2048", 0, 8 * 2048, 2048, 0, 0 },
		{ "page", 0, 8 * page, page, 0, 0 },
		{ "default size", 0, 8 * 2048, 0, 0, 0 },
		{ "one frame", 0, 2048, 2048, 0, 0 },
		{ "odd frames", 0, 3 * 2048, 2048, 0, 0 },
		{ "most headroom", 0, 8 * 2048, 2048, 2048 - 1518, 0 },
		{ "most, page", 0, 8 * page, page, page - 1518, 0 },
		{ "address + 1", 1, 8 * 2048, 2048, 0, -EINVAL },
		{ "address + 2048", 2048, 8 * 2048, 2048, 0, -EINVAL },
		{ "length 0", 0, 0, 2048, 0, -EINVAL },
		{ "length - 1", 0, 8 * 2048 - 1, 2048, 0, -EINVAL },
		{ "length + 1", 0, 8 * 2048 + 1, 2048, 0, -EINVAL },
		{ "length 1", 0, 1, 2048, 0, -EINVAL },
		{ "half a page frame", 0, 7 * 2048, page, 0, -EINVAL },
		{ "size 1", 0, 8 * 2048, 1, 0, -EINVAL },
		{ "size 1024", 0, 8 * 2048, 1024, 0, -EINVAL },
		{ "size 2047", 0, 8 * 2047, 2047, 0, -EINVAL },
		{ "size 2049", 0, 8 * 2049, 2049, 0, -EINVAL },
		{ "size 3072", 0, 8 * 3072, 3072, 0, -EINVAL },
		{ "size 2 pages", 0, 8 * page, 2 * page, 0, -EINVAL },
		{ "size 2^31", 0, 1ULL << 31, 1U << 31, 0, -EINVAL },
		{ "size -1", 0, 8 * 2048, ~0U, 0, -EINVAL },
		{ "headroom + 1", 0, 8 * 2048, 2048, 2048 - 1517, -EINVAL },
		{ "headroom = size", 0, 8 * 2048, 2048, 2048, -EINVAL },
		{ "headroom -1", 0, 8 * 2048, 2048, ~0U, -EINVAL },
		{ "headroom 2^31", 0, 8 * 2048, 2048, 1U << 31, -EINVAL },
		{ "length 2^63", 0, 1ULL << 63, 2048, 0, -EINVAL },
		{ "length -2048", 0, -2048ULL, 2048, 0, -EINVAL },
		{ "2^31 + 1 frames", 0, ((1ULL << 31) + 1) << 11, 2048, 0,
		  -EINVAL },
	};
	size_t i;
	int fd;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		fd = packet_socket(SOCK_RAW, ETH_P_ALL);
		ASSERT_LE(0, fd);
		EXPECT_EQ(cases[i].ret,
			  tp4_memreg(fd, self->mem + cases[i].addr_off,
				     cases[i].len, cases[i].frame_size,
				     cases[i].headroom))
			TH_LOG("%s", cases[i].what);
		close(fd);
	}
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(api, memreg_wants_its_struct)
{
	struct tpacket_memreg_req req = {
		.addr = (uintptr_t)self->mem,
		.len = self->mem_len,
	};

	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_MEMREG, &req,
				 sizeof(req) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_MEMREG, &req,
				 sizeof(int)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_MEMREG, NULL,
				 sizeof(req)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(0, setsockopt(self->fd, SOL_PACKET, PACKET_MEMREG, &req,
				sizeof(req)));
}

TEST_F(api, memreg_memory_that_is_not_there)
{
	size_t page = TP4_PAGE;

	ASSERT_EQ(0, munmap(self->mem + 8 * page, 8 * page));
	EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, self->mem + 8 * page, 8 * page,
				      page, 0));
	/* The second half is missing: nothing stays pinned, charged or set */
	EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, self->mem, 16 * page, page,
				      0));
	EXPECT_TRUE(tp4_pins_balanced());
	/* Not an address of a process */
	EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, (void *)(-16 * page),
				      8 * page, page, 0));
	EXPECT_EQ(0, tp4_memreg(self->fd, self->mem, 8 * page, page, 0));
	self->mem_len = 8 * page;
}

/* The kernel pins some pages at a time: whichever is missing, none stays pinned,
 * and all of them are the buffer in the end.
 */
TEST_F(api, memreg_of_many_pages)
{
	static const unsigned int holes[] = {
		1, 511, 512, 513, 1023, 1024, 1025, 1299,
	};
	size_t page = TP4_PAGE, len = 1300 * page, i;
	__u8 *mem;

	mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	for (i = 0; i < ARRAY_SIZE(holes); i++) {
		ASSERT_EQ(0, mprotect(mem + holes[i] * page, page, PROT_NONE));
		EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, mem, len, page, 0));
		EXPECT_EQ(0, tp4_pinned());
		ASSERT_EQ(0, mprotect(mem + holes[i] * page, page,
				      PROT_READ | PROT_WRITE));
	}
	EXPECT_EQ(0, tp4_memreg(self->fd, mem, len, page, 0));
	EXPECT_EQ(1300, tp4_pinned());
	close(self->fd);
	EXPECT_TRUE(tp4_pins_balanced());
	munmap(mem, len);
	self->fd = -1;
}

TEST_F(api, memreg_read_only_memory)
{
	ASSERT_EQ(0, mprotect(self->mem, self->mem_len, PROT_READ));
	EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, self->mem, self->mem_len, 0,
				      0));
	ASSERT_EQ(0, mprotect(self->mem, self->mem_len, PROT_NONE));
	EXPECT_EQ(-EFAULT, tp4_memreg(self->fd, self->mem, self->mem_len, 0,
				      0));
	ASSERT_EQ(0, mprotect(self->mem, self->mem_len,
			      PROT_READ | PROT_WRITE));
	EXPECT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	EXPECT_EQ(-EBUSY, tp4_memreg(self->fd, self->mem, self->mem_len, 0,
				     0));
}

TEST_F(api, memreg_once)
{
	int fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_memreg(fd, self->mem, self->mem_len, 0, 0));
	EXPECT_EQ(-EBUSY, tp4_memreg(fd, self->mem, self->mem_len, 0, 0));
	/* The same memory on another socket is another buffer */
	EXPECT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	close(fd);
}

TEST_F(api, memreg_not_on_a_socket_in_use)
{
	struct tpacket_req req = {
		.tp_block_size = TP4_PAGE,
		.tp_block_nr = 1,
		.tp_frame_size = TP4_PAGE,
		.tp_frame_nr = 1,
	};
	int fd;

	fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_bind(fd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(-EBUSY, tp4_memreg(fd, self->mem, self->mem_len, 0, 0));
	close(fd);

	fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V2));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &req,
				sizeof(req)));
	EXPECT_EQ(-EBUSY, tp4_memreg(fd, self->mem, self->mem_len, 0, 0));
	close(fd);
}

/* The buffer's socket is a holder of memory, not a receiver */
TEST_F(api, memreg_unhooks_and_purges)
{
	__u8 pkt[100];
	int fd, out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, fd);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(POLLIN, tp4_poll(fd, POLLIN, TP4_WAIT_MS));

	ASSERT_EQ(0, tp4_memreg(fd, self->mem, self->mem_len, 0, 0));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_poll(fd, POLLIN, 0));
	close(fd);
	close(out);
}

/* PACKET_RX_RING, PACKET_TX_RING */

TEST_F(api, ring_sizes)
{
	static const struct {
		__u32 nr;
		int ret;
	} cases[] = {
		{ 1, 0 }, { 2, 0 }, { 256, 0 }, { 1U << 20, 0 },
		{ 3, -EINVAL }, { 255, -EINVAL }, { 257, -EINVAL },
		{ 1U << 21, -EINVAL }, { 1U << 30, -EINVAL },
		{ 1U << 31, -EINVAL }, { ~0U, -EINVAL },
		{ (1U << 20) + 1, -EINVAL },
	};
	int opts[] = { PACKET_RX_RING, PACKET_TX_RING };
	size_t i, o;

	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	for (o = 0; o < ARRAY_SIZE(opts); o++) {
		for (i = 0; i < ARRAY_SIZE(cases); i++) {
			EXPECT_EQ(cases[i].ret,
				  tp4_ring(self->fd, opts[o], self->fd,
					   cases[i].nr))
				TH_LOG("option %d, desc_nr %u", opts[o],
				       cases[i].nr);
			EXPECT_EQ(0, tp4_ring(self->fd, opts[o], self->fd, 0));
		}
	}
}

TEST_F(api, ring_wants_a_buffer)
{
	int opts[] = { PACKET_RX_RING, PACKET_TX_RING };
	int pair[2], udp, plain, file;
	size_t o;

	udp = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_LE(0, udp);
	plain = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, plain);
	ASSERT_EQ(0, pipe(pair));
	file = open("/proc/self/status", O_RDONLY);
	ASSERT_LE(0, file);

	for (o = 0; o < ARRAY_SIZE(opts); o++) {
		EXPECT_EQ(-EBADF, tp4_ring(self->fd, opts[o], -1, 8));
		EXPECT_EQ(-EBADF, tp4_ring(self->fd, opts[o], 1000000, 8));
		EXPECT_EQ(-EINVAL, tp4_ring(self->fd, opts[o], udp, 8));
		EXPECT_EQ(-EINVAL, tp4_ring(self->fd, opts[o], pair[0], 8));
		EXPECT_EQ(-EINVAL, tp4_ring(self->fd, opts[o], file, 8));
		EXPECT_EQ(-EINVAL, tp4_ring(self->fd, opts[o], plain, 8));
		EXPECT_EQ(-EINVAL, tp4_ring(self->fd, opts[o], self->fd, 8));
	}
	/* None of them left a ring behind: there is nothing to map */
	EXPECT_EQ(MAP_FAILED, mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED,
				   self->fd, 0));
	EXPECT_EQ(EINVAL, errno);
}

TEST_F(api, ring_wants_its_struct)
{
	struct tpacket_req4 req = {
		.mr_fd = self->fd,
		.desc_nr = 8,
	};
	struct tpacket_req3 req3 = {
		.tp_block_size = TP4_PAGE,
		.tp_block_nr = 1,
		.tp_frame_size = TP4_PAGE,
		.tp_frame_nr = 1,
	};

	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_RX_RING, &req,
				 sizeof(req) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_RX_RING, NULL,
				 sizeof(req)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_RX_RING, &req3,
				 sizeof(req3)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, setsockopt(self->fd, SOL_PACKET, PACKET_RX_RING, &req,
				sizeof(req)));
}

TEST_F(api, ring_while_mapped)
{
	void *map;

	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, self->fd, 8));
	map = mmap(NULL, 8 * 16, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd,
		   0);
	ASSERT_NE(MAP_FAILED, map);
	EXPECT_EQ(-EBUSY, tp4_ring(self->fd, PACKET_RX_RING, self->fd, 8));
	EXPECT_EQ(-EBUSY, tp4_ring(self->fd, PACKET_RX_RING, self->fd, 0));
	EXPECT_EQ(-EBUSY, tp4_ring(self->fd, PACKET_TX_RING, self->fd, 8));
	munmap(map, TP4_PAGE);
	EXPECT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, self->fd, 8));
	EXPECT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, self->fd, 0));
	EXPECT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, self->fd, 0));
}

/* A ring of another version's making is not for MEMREG's owner */
TEST_F(api, ring_of_v4_needs_v4)
{
	struct tpacket_req4 req = {
		.mr_fd = self->fd,
		.desc_nr = 8,
	};
	int fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 0, 0));
	EXPECT_EQ(-1, setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &req,
				 sizeof(req)));
	EXPECT_EQ(EINVAL, errno);
	close(fd);
}

TEST_F(api, reserve_freezes_with_the_ring)
{
	int mr_fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, mr_fd);
	ASSERT_EQ(0, tp4_memreg(mr_fd, self->mem, self->mem_len, 0, 0));
	ASSERT_EQ(0, set_int(self->fd, PACKET_RESERVE, 100));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 8));
	EXPECT_EQ(-EBUSY, set_int(self->fd, PACKET_RESERVE, 200));
	EXPECT_EQ(100, get_int(self->fd, PACKET_RESERVE));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 0));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, mr_fd, 8));
	EXPECT_EQ(-EBUSY, set_int(self->fd, PACKET_RESERVE, 200));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, mr_fd, 0));
	EXPECT_EQ(0, set_int(self->fd, PACKET_RESERVE, 200));
	close(mr_fd);
}

TEST_F(api, reserve_must_leave_room)
{
	int mr_fd = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, mr_fd);
	ASSERT_EQ(0, tp4_memreg(mr_fd, self->mem, self->mem_len, 2048, 0));
	ASSERT_EQ(0, set_int(self->fd, PACKET_RESERVE, 2048 - 1517));
	EXPECT_EQ(-EINVAL, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 8));
	ASSERT_EQ(0, set_int(self->fd, PACKET_RESERVE, 0x7fffffff));
	EXPECT_EQ(-EINVAL, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 8));
	ASSERT_EQ(0, set_int(self->fd, PACKET_RESERVE, 2048 - 1518));
	EXPECT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, mr_fd, 8));
	close(mr_fd);
}

/* bind() */

TEST_F(api, bind_refuses)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = self->net.a,
	};

	EXPECT_EQ(-EINVAL, tp4_bind(self->fd, 0, ETH_P_ALL));
	EXPECT_EQ(-EINVAL, tp4_bind(self->fd, 0, 0));
	EXPECT_EQ(-EINVAL, tp4_bind(self->fd, self->net.a, ETH_P_IP));
	EXPECT_EQ(-EINVAL, tp4_bind(self->fd, self->net.a, TP4_ETH_P));
	EXPECT_EQ(-ENODEV, tp4_bind(self->fd, 1000000, ETH_P_ALL));
	EXPECT_EQ(-1, bind(self->fd, (struct sockaddr *)&ll,
			   sizeof(ll) - 1));
	EXPECT_EQ(EINVAL, errno);
	ll.sll_family = AF_INET;
	EXPECT_EQ(-1, bind(self->fd, (struct sockaddr *)&ll, sizeof(ll)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(0, tp4_bind(self->fd, self->net.a, ETH_P_ALL));
}

/* The old bind() by name of SOCK_PACKET is another socket type */
TEST_F(api, bind_is_reported)
{
	struct sockaddr_ll ll;
	socklen_t len = sizeof(ll);

	ASSERT_EQ(0, tp4_bind(self->fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, getsockname(self->fd, (struct sockaddr *)&ll, &len));
	EXPECT_EQ(AF_PACKET, ll.sll_family);
	EXPECT_EQ(htons(ETH_P_ALL), ll.sll_protocol);
	EXPECT_EQ(self->net.a, ll.sll_ifindex);
}

TEST_F(api, bind_with_protocol_0_keeps_it)
{
	struct tp4_cfg cfg = { .rx_nr = 8 };
	struct tp4 t;
	__u8 pkt[100];
	int out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, 0));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	EXPECT_EQ(100, tp4_recv_wait(&t, pkt, sizeof(pkt)));
	tp4_close(&t);
	close(out);
}

TEST_F(api, no_packet_before_bind)
{
	struct tp4_cfg cfg = { .rx_nr = 8, .tx_nr = 8 };
	struct tpacket_stats_v4 st;
	struct tp4 t;
	__u8 pkt[100], seen[200];
	int out, i;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (i = 0; i < 20; i++)
		ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_FALSE(tp4q_is_ready(&t.rxq));
	EXPECT_EQ(0, tp4_poll(t.fd, POLLIN, 0));
	ASSERT_EQ(0, tp4_stats(t.fd, &st));
	EXPECT_EQ(0, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);

	ASSERT_EQ(0, tp4_bind(t.fd, self->net.a, ETH_P_ALL));
	EXPECT_FALSE(tp4q_is_ready(&t.rxq));
	tp4_pkt_fill(pkt, sizeof(pkt), 2);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(100, tp4_recv_wait(&t, seen, sizeof(seen)));
	EXPECT_TRUE(tp4_pkt_ok(seen, 100, 2, 100));
	tp4_close(&t);
	close(out);
}

TEST_F(api, bind_to_another_device)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	__u8 pkt[100], seen[200];
	int from_a, from_b;
	struct tp4 t;

	from_a = tp4_plain_open(self->net.a, 0);
	ASSERT_LE(0, from_a);
	from_b = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, from_b);
	cfg.ignore_outgoing = true;
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, tp4_bind(t.fd, self->net.b, ETH_P_ALL));
	/* Sent by b, received on a: no longer ours */
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(from_b, pkt, sizeof(pkt)));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_FALSE(tp4q_is_ready(&t.rxq));
	tp4_pkt_fill(pkt, sizeof(pkt), 2);
	ASSERT_EQ(0, tp4_plain_send(from_a, pkt, sizeof(pkt)));
	ASSERT_EQ(100, tp4_recv_wait(&t, seen, sizeof(seen)));
	EXPECT_TRUE(tp4_pkt_ok(seen, 100, 2, 100));
	tp4_close(&t);
	close(from_a);
	close(from_b);
}

/* A failed bind() leaves the socket where it was */
TEST_F(api, failed_bind_keeps_the_old_one)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	__u8 pkt[100], seen[200];
	struct tp4 t;
	int out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	EXPECT_EQ(-EINVAL, tp4_bind(t.fd, 0, ETH_P_ALL));
	EXPECT_EQ(-EINVAL, tp4_bind(t.fd, self->net.b, ETH_P_IP));
	EXPECT_EQ(-ENODEV, tp4_bind(t.fd, 1000000, ETH_P_ALL));
	tp4_pkt_fill(pkt, sizeof(pkt), 2);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(100, tp4_recv_wait(&t, seen, sizeof(seen)));
	EXPECT_TRUE(tp4_pkt_ok(seen, 100, 2, 100));
	tp4_close(&t);
	close(out);
}

/* send(), recvmsg() */

/* The oldest way to bind a packet socket, by name, is as it was */
TEST_F(api, bind_of_sock_packet)
{
	struct sockaddr sa = { .sa_family = AF_PACKET, .sa_data = "tp4a" };
	struct sockaddr from;
	socklen_t len = sizeof(from);
	__u8 pkt[100];
	int fd, out;

	fd = socket(AF_INET, SOCK_PACKET | SOCK_CLOEXEC, htons(TP4_ETH_P));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, bind(fd, &sa, sizeof(sa)));
	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(POLLIN, tp4_poll(fd, POLLIN, TP4_WAIT_MS));
	ASSERT_EQ(100, recvfrom(fd, pkt, sizeof(pkt), 0, &from, &len));
	EXPECT_TRUE(tp4_pkt_ok(pkt, sizeof(pkt), 1, sizeof(pkt)));
	EXPECT_STREQ("tp4a", from.sa_data);
	snprintf(sa.sa_data, sizeof(sa.sa_data), "nowhere");
	EXPECT_EQ(-1, bind(fd, &sa, sizeof(sa)));
	EXPECT_EQ(ENODEV, errno);
	close(fd);
	close(out);
}

TEST_F(api, send_refuses)
{
	struct tp4_cfg rx_only = { .ifindex = self->net.a, .rx_nr = 8 };
	struct tp4_cfg unbound = { .tx_nr = 8 };
	struct tp4_cfg both = { .ifindex = self->net.a, .tx_nr = 8 };
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = self->net.a,
		.sll_halen = ETH_ALEN,
	};
	__u8 pkt[100];
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &rx_only));
	EXPECT_EQ(-EINVAL, tp4_kick(&t, 0));
	EXPECT_EQ(-EINVAL, tp4_kick(&t, MSG_DONTWAIT));
	tp4_close(&t);

	ASSERT_EQ(0, tp4_open(&t, &unbound));
	EXPECT_EQ(-ENXIO, tp4_kick(&t, 0));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(1, tp4_queue(&t, pkt, sizeof(pkt), 0));
	EXPECT_EQ(-ENXIO, tp4_kick(&t, MSG_DONTWAIT));
	tp4_close(&t);

	ASSERT_EQ(0, tp4_open(&t, &both));
	ASSERT_EQ(1, tp4_queue(&t, pkt, sizeof(pkt), 0));
	EXPECT_EQ(-1, sendto(t.fd, NULL, 0, 0, (struct sockaddr *)&ll,
			     sizeof(ll)));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(100, tp4_kick(&t, 0));
	EXPECT_EQ(0, tp4_complete(&t));
	tp4_close(&t);
}

/* What is to be sent is on the ring, and not in the call */
TEST_F(api, send_with_data)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .tx_nr = 8 };
	__u8 pkt[100];
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	EXPECT_EQ(-1, send(t.fd, pkt, sizeof(pkt), 0));
	EXPECT_EQ(EINVAL, errno);
	tp4_close(&t);
}

/* Only bind() hooks a socket again that was V4, but that does */
TEST_F(api, bind_to_all_devices_after_v4)
{
	__u8 pkt[100];
	int out, ret;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_version(self->fd, TPACKET_V1));
	ASSERT_EQ(0, tp4_bind(self->fd, 0, ETH_P_ALL));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ret = tp4_plain_recv(self->fd, pkt, sizeof(pkt));
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(pkt, ret, 1, 100));
	close(out);
}

/* The three system calls are one kick */
TEST_F(api, send_sendto_sendmsg)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .tx_nr = 8 };
	struct msghdr msg = {};
	__u8 pkt[100];
	struct tp4 t;
	int in;

	in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, in);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(1, tp4_queue(&t, pkt, 60, 0));
	EXPECT_EQ(60, send(t.fd, NULL, 0, 0));
	ASSERT_EQ(1, tp4_queue(&t, pkt, 61, 0));
	EXPECT_EQ(61, sendto(t.fd, NULL, 0, 0, NULL, 0));
	ASSERT_EQ(1, tp4_queue(&t, pkt, 62, 0));
	EXPECT_EQ(62, sendmsg(t.fd, &msg, 0));
	EXPECT_EQ(0, tp4_complete(&t));
	EXPECT_EQ(60, tp4_plain_recv(in, pkt, sizeof(pkt)));
	EXPECT_EQ(61, tp4_plain_recv(in, pkt, sizeof(pkt)));
	EXPECT_EQ(62, tp4_plain_recv(in, pkt, sizeof(pkt)));
	tp4_close(&t);
	close(in);
}

TEST_F(api, recvmsg_is_for_errors_only)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	__u8 pkt[100];
	struct tp4 t;
	int out;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(POLLIN, tp4_poll(t.fd, POLLIN, TP4_WAIT_MS));
	EXPECT_EQ(-1, recv(t.fd, pkt, sizeof(pkt), 0));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(t.fd, pkt, sizeof(pkt), MSG_DONTWAIT));
	EXPECT_EQ(EOPNOTSUPP, errno);
	EXPECT_EQ(-1, recv(t.fd, pkt, sizeof(pkt), MSG_ERRQUEUE));
	EXPECT_EQ(EAGAIN, errno);
	EXPECT_EQ(100, tp4_recv(&t, pkt, sizeof(pkt)));
	tp4_close(&t);
	close(out);
}

/* PACKET_ZEROCOPY */

static int drop_caps(void)
{
	struct __user_cap_header_struct hdr = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = {};

	return syscall(SYS_capset, &hdr, data);
}

TEST_F(api, zerocopy_answers)
{
	int v1 = packet_socket(SOCK_RAW, ETH_P_ALL);

	ASSERT_LE(0, v1);
	/* Remembered until bind(); the rest of this is in zc_api.c */
	EXPECT_EQ(-1, get_int(self->fd, PACKET_ZEROCOPY));
	EXPECT_EQ(0, set_int(self->fd, PACKET_ZEROCOPY, 1));
	EXPECT_EQ(1, get_int(self->fd, PACKET_ZEROCOPY));
	EXPECT_EQ(0, set_int(self->fd, PACKET_ZEROCOPY, -1));
	EXPECT_EQ(-1, get_int(self->fd, PACKET_ZEROCOPY));
	EXPECT_EQ(-EINVAL, set_int(self->fd, PACKET_ZEROCOPY, -2));
	EXPECT_EQ(-EINVAL, set_int(self->fd, PACKET_ZEROCOPY, 1U << 31));
	EXPECT_EQ(-EINVAL, set_int(v1, PACKET_ZEROCOPY, 0));
	EXPECT_EQ(-EINVAL, set_int(v1, PACKET_ZEROCOPY, -1));
	EXPECT_EQ(-1, setsockopt(self->fd, SOL_PACKET, PACKET_ZEROCOPY,
				 &v1, 2));
	EXPECT_EQ(EINVAL, errno);
	close(v1);
}

TEST_F(api, zerocopy_needs_net_admin)
{
	ASSERT_EQ(0, drop_caps());
	EXPECT_EQ(-EPERM, set_int(self->fd, PACKET_ZEROCOPY, 0));
}

/* What else is said about a socket */

/* The fields of the line in /proc/net/packet that has this inode */
struct proc_line {
	unsigned int refs, type, proto, running, uid;
	int ifindex;
};

static bool read_proc(ino_t ino, struct proc_line *l)
{
	unsigned long long seen;
	bool found = false;
	unsigned int rmem;
	char line[256];
	FILE *f;

	f = fopen("/proc/self/net/packet", "re");
	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*s %u %u %x %d %u %u %u %llu", &l->refs,
			   &l->type, &l->proto, &l->ifindex, &l->running,
			   &rmem, &l->uid, &seen) == 8)
			found = seen == ino;
	}
	fclose(f);
	return found;
}

TEST_F(api, proc_net_packet)
{
	struct proc_line l = {};
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_TRUE(read_proc(st.st_ino, &l));
	EXPECT_EQ(SOCK_RAW, l.type);
	EXPECT_EQ(ETH_P_ALL, l.proto);
	EXPECT_EQ(0, l.ifindex);
	EXPECT_EQ(0, l.running);

	ASSERT_EQ(0, tp4_bind(self->fd, self->net.a, ETH_P_ALL));
	ASSERT_TRUE(read_proc(st.st_ino, &l));
	EXPECT_EQ(ETH_P_ALL, l.proto);
	EXPECT_EQ(self->net.a, l.ifindex);
	EXPECT_EQ(1, l.running);
	EXPECT_EQ(getuid(), l.uid);
}

struct diag_seen {
	struct packet_diag_info info;
	struct packet_diag_ring rx;
	struct packet_diag_ring tx;
	bool has_info, has_rx, has_tx;
};

static void parse_diag(struct nlmsghdr *nh, struct diag_seen *seen)
{
	struct packet_diag_msg *msg = NLMSG_DATA(nh);
	int len = nh->nlmsg_len - NLMSG_LENGTH(sizeof(*msg));
	struct rtattr *rta = (void *)(msg + 1);

	memset(seen, 0, sizeof(*seen));
	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len)) {
		switch (rta->rta_type) {
		case PACKET_DIAG_INFO:
			seen->has_info = true;
			memcpy(&seen->info, RTA_DATA(rta), sizeof(seen->info));
			break;
		case PACKET_DIAG_RX_RING:
			seen->has_rx = true;
			memcpy(&seen->rx, RTA_DATA(rta), sizeof(seen->rx));
			break;
		case PACKET_DIAG_TX_RING:
			seen->has_tx = true;
			memcpy(&seen->tx, RTA_DATA(rta), sizeof(seen->tx));
			break;
		}
	}
}

static int read_diag(ino_t ino, struct diag_seen *seen)
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
			.pdiag_show = PACKET_SHOW_INFO | PACKET_SHOW_RING_CFG,
		},
	};
	struct packet_diag_msg *msg;
	int ret = -ENOENT, fd;
	struct nlmsghdr *nh;
	char reply[16384];
	ssize_t len;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	if (send(fd, &dump, sizeof(dump), 0) < 0) {
		ret = -errno;
		goto out;
	}
	for (;;) {
		len = recv(fd, reply, sizeof(reply), 0);
		if (len <= 0) {
			ret = len ? -errno : -EPIPE;
			goto out;
		}
		for (nh = (void *)reply; NLMSG_OK(nh, len);
		     nh = NLMSG_NEXT(nh, len)) {
			if (nh->nlmsg_type == NLMSG_DONE)
				goto out;
			if (nh->nlmsg_type == NLMSG_ERROR) {
				ret = ((struct nlmsgerr *)NLMSG_DATA(nh))->error;
				goto out;
			}
			msg = NLMSG_DATA(nh);
			if (msg->pdiag_ino != ino)
				continue;
			parse_diag(nh, seen);
			ret = 0;
		}
	}
out:
	close(fd);
	return ret;
}

TEST_F(api, sock_diag)
{
	struct diag_seen seen;
	struct stat st;

	ASSERT_EQ(0, fstat(self->fd, &st));
	ASSERT_EQ(0, read_diag(st.st_ino, &seen));
	ASSERT_TRUE(seen.has_info);
	EXPECT_EQ(TPACKET_V4, seen.info.pdi_version);
	EXPECT_EQ(0, seen.info.pdi_index);
	EXPECT_EQ(0, seen.info.pdi_flags & PDI_RUNNING);
	EXPECT_FALSE(seen.has_rx);
	EXPECT_FALSE(seen.has_tx);

	ASSERT_EQ(0, set_int(self->fd, PACKET_RESERVE, 96));
	ASSERT_EQ(0, tp4_memreg(self->fd, self->mem, self->mem_len, 2048, 0));
	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_RX_RING, self->fd, 32));
	ASSERT_EQ(0, read_diag(st.st_ino, &seen));
	EXPECT_TRUE(seen.has_rx);
	EXPECT_FALSE(seen.has_tx);

	ASSERT_EQ(0, tp4_ring(self->fd, PACKET_TX_RING, self->fd, 128));
	ASSERT_EQ(0, tp4_bind(self->fd, self->net.a, ETH_P_ALL));
	ASSERT_EQ(0, read_diag(st.st_ino, &seen));
	ASSERT_TRUE(seen.has_info);
	EXPECT_EQ(self->net.a, seen.info.pdi_index);
	EXPECT_EQ(96, seen.info.pdi_reserve);
	EXPECT_EQ(PDI_RUNNING, seen.info.pdi_flags & PDI_RUNNING);
	ASSERT_TRUE(seen.has_rx);
	EXPECT_EQ(32, seen.rx.pdr_frame_nr);
	EXPECT_EQ(2048, seen.rx.pdr_frame_size);
	ASSERT_TRUE(seen.has_tx);
	EXPECT_EQ(128, seen.tx.pdr_frame_nr);
	EXPECT_EQ(2048, seen.tx.pdr_frame_size);
}

TEST_F(api, ignore_outgoing)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8 };
	__u8 pkt[100], seen[200];
	struct tp4 all, incoming;
	int out;

	out = tp4_plain_open(self->net.a, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&all, &cfg));
	cfg.ignore_outgoing = true;
	ASSERT_EQ(0, tp4_open(&incoming, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(100, tp4_recv_wait(&all, seen, sizeof(seen)));
	EXPECT_TRUE(tp4_pkt_ok(seen, 100, 1, 100));
	EXPECT_FALSE(tp4q_is_ready(&incoming.rxq));
	tp4_close(&all);
	tp4_close(&incoming);
	close(out);
}

/* Its own packets are not its to receive, as with all packet sockets */
TEST_F(api, own_packets_are_not_received)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8,
	};
	__u8 pkt[100];
	struct tp4 t;

	ASSERT_EQ(0, tp4_open(&t, &cfg));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_send(&t, pkt, sizeof(pkt), 0));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	/* Only the one of tp4_sync() came */
	ASSERT_EQ(ETH_ZLEN, tp4_recv_wait(&t, pkt, sizeof(pkt)));
	EXPECT_EQ(0, tp4_recv(&t, pkt, sizeof(pkt)));
	tp4_close(&t);
}

TEST_F(api, membership)
{
	struct packet_mreq mreq = {
		.mr_ifindex = self->net.a,
		.mr_type = PACKET_MR_PROMISC,
	};
	int fd;

	ASSERT_EQ(0, setsockopt(self->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
				&mreq, sizeof(mreq)));
	EXPECT_EQ(1, tp4_link_promiscuity(self->net.a));
	EXPECT_EQ(0, setsockopt(self->fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP,
				&mreq, sizeof(mreq)));
	EXPECT_EQ(0, tp4_link_promiscuity(self->net.a));
	/* A socket's membership ends with it */
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_version(fd, TPACKET_V4));
	ASSERT_EQ(0, setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP,
				&mreq, sizeof(mreq)));
	EXPECT_EQ(1, tp4_link_promiscuity(self->net.a));
	close(fd);
	EXPECT_EQ(0, tp4_link_promiscuity(self->net.a));
}

TEST_F(api, statistics_are_as_long_as_asked)
{
	struct tpacket_stats_v4 st;
	struct tpacket_stats old;
	socklen_t len;

	len = sizeof(st);
	ASSERT_EQ(0, getsockopt(self->fd, SOL_PACKET, PACKET_STATISTICS, &st,
				&len));
	EXPECT_EQ(sizeof(st), len);
	EXPECT_EQ(0, st.rx_no_frame);
	EXPECT_EQ(0, st.rx_too_big);
	EXPECT_EQ(0, st.rx_invalid_desc);
	EXPECT_EQ(0, st.tx_invalid_desc);
	EXPECT_EQ(0, st.tx_errors);
	/* A program of before V4 asks for two members */
	len = sizeof(old);
	ASSERT_EQ(0, getsockopt(self->fd, SOL_PACKET, PACKET_STATISTICS, &old,
				&len));
	EXPECT_EQ(sizeof(old), len);
	EXPECT_EQ(0, old.tp_packets);
	EXPECT_EQ(0, old.tp_drops);
}

/* A socket belongs to the namespace that it was made in */
TEST_F(api, namespace_of_the_socket)
{
	struct tp4_cfg cfg = { .rx_nr = 8 };
	int a = self->net.a, out;
	__u8 pkt[100];
	struct tp4 t;

	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	EXPECT_EQ(0, if_nametoindex("tp4a"));
	ASSERT_EQ(0, tp4_bind(t.fd, a, ETH_P_ALL));
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	EXPECT_EQ(100, tp4_recv_wait(&t, pkt, sizeof(pkt)));
	tp4_close(&t);
	close(out);
}

/* Two devices of one number in two namespaces are not mixed up */
TEST_F(api, namespaces_are_apart)
{
	struct tp4_cfg cfg = { .rx_nr = 8 };
	__u8 pkt[100], seen[200];
	struct tp4 here, there;
	struct tp4_net net;
	int out;

	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&here, &cfg));
	ASSERT_EQ(0, tp4_net_new(&net, NULL));
	ASSERT_EQ(self->net.a, net.a);
	cfg.ifindex = net.a;
	ASSERT_EQ(0, tp4_open(&there, &cfg));
	out = tp4_plain_open(net.b, 0);
	ASSERT_LE(0, out);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(100, tp4_recv_wait(&there, seen, sizeof(seen)));
	EXPECT_FALSE(tp4q_is_ready(&here.rxq));
	tp4_close(&here);
	tp4_close(&there);
	close(out);
}

/* An ordinary user needs CAP_NET_RAW for the socket and nothing else */
TEST_F(api, only_the_socket_is_privileged)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = 8, .tx_nr = 8 };
	int fd, mr_fd;

	mr_fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, mr_fd);
	fd = packet_socket(SOCK_RAW, ETH_P_ALL);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, drop_caps());
	EXPECT_EQ(0, tp4_version(fd, TPACKET_V4));
	EXPECT_EQ(0, tp4_memreg(mr_fd, self->mem, 8 * 2048, 2048, 0));
	EXPECT_EQ(0, tp4_ring(fd, PACKET_RX_RING, mr_fd, cfg.rx_nr));
	EXPECT_EQ(0, tp4_ring(fd, PACKET_TX_RING, mr_fd, cfg.tx_nr));
	EXPECT_EQ(0, tp4_bind(fd, cfg.ifindex, ETH_P_ALL));
	EXPECT_EQ(-1, packet_socket(SOCK_RAW, ETH_P_ALL));
	EXPECT_EQ(EPERM, errno);
	close(fd);
	close(mr_fd);
}

TEST_HARNESS_MAIN

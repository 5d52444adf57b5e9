// SPDX-License-Identifier: GPL-2.0
/*
 * The set-up of AF_PACKET V4 in the order in which it was published (figure 2
 * of the paper "AF_PACKET V4 and PACKET_ZEROCOPY"), and the orders that must
 * work as well. Deliberately without the helpers of the other tests: this is
 * what a user types.
 */
#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define DESC_NR		64

FIXTURE(figure2) {
	struct tp4_net net;
	struct sockaddr_ll ll;
	struct tpacket_req4 req;
	void *buffer;
	size_t length;
};

FIXTURE_SETUP(figure2)
{
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
	self->length = 2 * DESC_NR * 2048;
	self->buffer = mmap(NULL, self->length, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->buffer);
}

FIXTURE_TEARDOWN(figure2)
{
	munmap(self->buffer, self->length);
}

/* A packet in and a packet out, written with nothing but the descriptors */
static void use_rings(struct __test_metadata *_metadata,
		      struct _test_data_figure2 *self, int sfd,
		      struct tpacket4_desc *rxring,
		      struct tpacket4_desc *txring)
{
	struct tpacket4_desc d;
	__u8 pkt[256], seen[256];
	int out, in;

	in = tp4_plain_open(self->net.b, TP4_ETH_P);
	ASSERT_LE(0, in);
	out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, out);

	tp4_raw_give(&rxring[0], 3, 0, 0, TP4_DESC_KERNEL);
	tp4_pkt_fill(pkt, sizeof(pkt), 7);
	ASSERT_EQ(0, tp4_plain_send(out, pkt, sizeof(pkt)));
	ASSERT_EQ(POLLIN, tp4_poll(sfd, POLLIN, TP4_WAIT_MS));
	ASSERT_TRUE(tp4_desc_get(&rxring[0], &d));
	EXPECT_EQ(3, d.idx);
	EXPECT_EQ(0, d.error);
	EXPECT_EQ(0, d.flags);
	ASSERT_LE(d.offset + d.len, 2048);
	EXPECT_TRUE(tp4_pkt_ok(self->buffer + 3 * 2048 + d.offset, d.len, 7,
			       sizeof(pkt)));

	tp4_pkt_fill(self->buffer + 5 * 2048 + 64, 200, 8);
	tp4_raw_give(&txring[0], 5, 200, 64, TP4_DESC_KERNEL);
	ASSERT_EQ(200, sendto(sfd, NULL, 0, 0, NULL, 0));
	ASSERT_TRUE(tp4_desc_get(&txring[0], &d));
	EXPECT_EQ(5, d.idx);
	EXPECT_EQ(200, d.len);
	EXPECT_EQ(64, d.offset);
	EXPECT_EQ(0, d.error);
	EXPECT_EQ(0, d.flags);
	ASSERT_EQ(200, tp4_plain_recv(in, seen, sizeof(seen)));
	EXPECT_TRUE(tp4_pkt_ok(seen, 200, 8, 200));
}

TEST_F(figure2, verbatim)
{
	struct tpacket_memreg_req mreq = {};
	struct tpacket4_desc *rxring, *txring;
	struct tpacket_req4 req = {};
	struct sockaddr_ll ll = {};
	int tpver = TPACKET_V4;
	int queue_pair = -1;
	int sfd, fd, ret;

	sfd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, sfd);
	ret = setsockopt(sfd, SOL_PACKET, PACKET_VERSION, &tpver,
			 sizeof(tpver));
	ASSERT_EQ(0, ret);
	fd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	mreq.addr = (uintptr_t)self->buffer;
	mreq.len = self->length;
	mreq.frame_size = 2048;
	ret = setsockopt(fd, SOL_PACKET, PACKET_MEMREG, &mreq, sizeof(mreq));
	ASSERT_EQ(0, ret);

	req.mr_fd = fd;
	req.desc_nr = DESC_NR;
	ret = setsockopt(sfd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
	ASSERT_EQ(0, ret);
	ret = setsockopt(sfd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req));
	ASSERT_EQ(0, ret);

	/* Both flags need RLIMIT_MEMLOCK or CAP_IPC_LOCK, as mlock() does */
	rxring = mmap(0, 2 * req.desc_nr * sizeof(struct tpacket4_desc),
		      PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_LOCKED | MAP_POPULATE, sfd, 0);
	ASSERT_NE(MAP_FAILED, rxring);
	txring = &rxring[req.desc_nr];

	/* "Only for ZC mode": -1 is no queue pair, and nothing to leave */
	ret = setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
			 sizeof(queue_pair));
	ASSERT_EQ(0, ret);

	ll.sll_family = PF_PACKET;
	ll.sll_protocol = htons(ETH_P_ALL);
	ll.sll_ifindex = if_nametoindex("tp4a");
	ret = bind(sfd, (struct sockaddr *)&ll, sizeof(ll));
	ASSERT_EQ(0, ret);

	use_rings(_metadata, self, sfd, rxring, txring);
}

/* "you could of course use the same fd" */
TEST_F(figure2, memreg_on_the_same_socket)
{
	struct tpacket4_desc *rxring;
	int sfd;

	sfd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, sfd);
	ASSERT_EQ(0, tp4_version(sfd, TPACKET_V4));
	ASSERT_EQ(0, tp4_memreg(sfd, self->buffer, self->length, 2048, 0));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_RX_RING, sfd, DESC_NR));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_TX_RING, sfd, DESC_NR));
	rxring = mmap(NULL, 2 * DESC_NR * sizeof(*rxring),
		      PROT_READ | PROT_WRITE, MAP_SHARED, sfd, 0);
	ASSERT_NE(MAP_FAILED, rxring);
	ASSERT_EQ(0, tp4_bind(sfd, self->net.a, ETH_P_ALL));
	use_rings(_metadata, self, sfd, rxring, rxring + DESC_NR);
}

/* TX ring first, bind before mmap, ZEROCOPY last */
TEST_F(figure2, other_order)
{
	struct tpacket4_desc *rxring;
	int queue_pair = -1;
	int sfd, fd;

	fd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_memreg(fd, self->buffer, self->length, 2048, 0));
	sfd = socket(PF_PACKET, SOCK_RAW, 0);
	ASSERT_LE(0, sfd);
	ASSERT_EQ(0, tp4_version(sfd, TPACKET_V4));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_TX_RING, fd, DESC_NR));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_RX_RING, fd, DESC_NR));
	ASSERT_EQ(0, tp4_bind(sfd, self->net.a, ETH_P_ALL));
	rxring = mmap(NULL, 2 * DESC_NR * sizeof(*rxring),
		      PROT_READ | PROT_WRITE, MAP_SHARED, sfd, 0);
	ASSERT_NE(MAP_FAILED, rxring);
	ASSERT_EQ(0, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				sizeof(queue_pair)));
	use_rings(_metadata, self, sfd, rxring, rxring + DESC_NR);
}

/* A driver that cannot do it: bind() says so, and copy mode is another choice */
TEST_F(figure2, zerocopy_is_not_silently_copy)
{
	struct tpacket4_desc *rxring;
	int queue_pair = 0;
	int sfd, dummy;

	ASSERT_EQ(0, tp4_link_add("tp4dummy", "dummy"));
	dummy = if_nametoindex("tp4dummy");
	ASSERT_EQ(0, tp4_link_up(dummy));
	sfd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	ASSERT_LE(0, sfd);
	ASSERT_EQ(0, tp4_version(sfd, TPACKET_V4));
	ASSERT_EQ(0, tp4_memreg(sfd, self->buffer, self->length, 2048, 0));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_RX_RING, sfd, DESC_NR));
	ASSERT_EQ(0, tp4_ring(sfd, PACKET_TX_RING, sfd, DESC_NR));
	rxring = mmap(NULL, 2 * DESC_NR * sizeof(*rxring),
		      PROT_READ | PROT_WRITE, MAP_SHARED, sfd, 0);
	ASSERT_NE(MAP_FAILED, rxring);
	EXPECT_EQ(0, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				sizeof(queue_pair)));
	EXPECT_EQ(-EOPNOTSUPP, tp4_bind(sfd, dummy, ETH_P_ALL));
	queue_pair = -1;
	EXPECT_EQ(0, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				sizeof(queue_pair)));
	ASSERT_EQ(0, tp4_bind(sfd, dummy, ETH_P_ALL));
	queue_pair = 0;
	EXPECT_EQ(-1, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				 sizeof(queue_pair)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	ASSERT_EQ(0, tp4_bind(sfd, self->net.a, ETH_P_ALL));
	use_rings(_metadata, self, sfd, rxring, rxring + DESC_NR);
}

/* The line that figure 2 has "only for ZC mode", before bind() and after it */
FIXTURE(figure2_zc) {
	struct _test_data_figure2 f;
	struct _test_data_figure2 far;	/* the other end's buffer */
};

FIXTURE_VARIANT(figure2_zc) {
	bool after_bind;
	bool one_buffer;	/* that both ends use */
};

FIXTURE_VARIANT_ADD(figure2_zc, before_bind) {
	.after_bind = false,
};

FIXTURE_VARIANT_ADD(figure2_zc, after_bind) {
	.after_bind = true,
};

FIXTURE_VARIANT_ADD(figure2_zc, before_bind_one_buffer) {
	.after_bind = false,
	.one_buffer = true,
};

FIXTURE_VARIANT_ADD(figure2_zc, after_bind_one_buffer) {
	.after_bind = true,
	.one_buffer = true,
};

static void *map_buffer(size_t length)
{
	void *buffer;

	buffer = mmap(NULL, length, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return buffer == MAP_FAILED ? NULL : buffer;
}

FIXTURE_SETUP(figure2_zc)
{
	ASSERT_EQ(0, tp4_net_new(&self->f.net, NULL));
	/* Two sockets' worth: a packet buffer may be larger than the rings */
	self->f.length = 4 * DESC_NR * 2048;
	self->f.buffer = map_buffer(self->f.length);
	ASSERT_NE(NULL, self->f.buffer);
	self->far = self->f;
	if (!variant->one_buffer)
		self->far.buffer = map_buffer(self->far.length);
	ASSERT_NE(NULL, self->far.buffer);
}

FIXTURE_TEARDOWN(figure2_zc)
{
	if (self->far.buffer != self->f.buffer)
		munmap(self->far.buffer, self->far.length);
	munmap(self->f.buffer, self->f.length);
	EXPECT_TRUE(tp4_pins_balanced());
}

static int memreg(const struct _test_data_figure2 *self)
{
	struct tpacket_memreg_req mreq = {
		.addr = (uintptr_t)self->buffer,
		.len = self->length,
		.frame_size = 2048,
	};
	int fd;

	fd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_PACKET, PACKET_MEMREG, &mreq, sizeof(mreq)))
		return -errno;
	return fd;
}

/* Figure 2 from socket() to bind(); a descriptor or -errno */
static int zerocopy_socket(int fd, const char *interface, bool after_bind,
			   struct tpacket4_desc **rxring)
{
	struct tpacket_req4 req = {};
	struct sockaddr_ll ll = {};
	int tpver = TPACKET_V4;
	int queue_pair = 0;
	int sfd, ret;

	sfd = socket(PF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (sfd < 0)
		return -errno;
	ret = setsockopt(sfd, SOL_PACKET, PACKET_VERSION, &tpver,
			 sizeof(tpver));
	if (ret)
		return -errno;
	req.mr_fd = fd;
	req.desc_nr = DESC_NR;
	ret = setsockopt(sfd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req));
	if (ret)
		return -errno;
	ret = setsockopt(sfd, SOL_PACKET, PACKET_TX_RING, &req, sizeof(req));
	if (ret)
		return -errno;
	*rxring = mmap(0, 2 * req.desc_nr * sizeof(struct tpacket4_desc),
		       PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_LOCKED | MAP_POPULATE, sfd, 0);
	if (*rxring == MAP_FAILED)
		return -errno;
	if (!after_bind) {
		ret = setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				 sizeof(queue_pair));
		if (ret)
			return -errno;
	}

	ll.sll_family = PF_PACKET;
	ll.sll_protocol = htons(ETH_P_ALL);
	ll.sll_ifindex = if_nametoindex(interface);
	ret = bind(sfd, (struct sockaddr *)&ll, sizeof(ll));
	if (ret)
		return -errno;
	if (after_bind) {
		ret = setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				 sizeof(queue_pair));
		if (ret)
			return -errno;
	}
	return sfd;
}

/* Packets are counted just after they were seen */
static bool stat_becomes(const char *dev, const char *name, long long want)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS / 6;

	do {
		if (tp4_ethtool_stat(dev, name) == want)
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);
	return false;
}

/* The stack at the other end; that here gets nothing, or it was no zero copy */
TEST_F(figure2_zc, verbatim)
{
	struct tpacket4_desc *rxring;
	int fd, sfd, stack;

	stack = tp4_plain_open(self->f.net.a, TP4_ETH_P);
	ASSERT_LE(0, stack);
	fd = memreg(&self->f);
	ASSERT_LE(0, fd);
	sfd = zerocopy_socket(fd, "tp4a", variant->after_bind, &rxring);
	ASSERT_LE(0, sfd);
	use_rings(_metadata, &self->f, sfd, rxring, rxring + DESC_NR);
	EXPECT_EQ(0, tp4_poll(stack, POLLIN, 0));
	EXPECT_TRUE(stat_becomes("tp4a", "rx_queue_0_tp4_packets", 1));
	EXPECT_TRUE(stat_becomes("tp4b", "rx_queue_0_tp4_packets", 1));
	close(stack);
	munmap(rxring, 2 * DESC_NR * sizeof(*rxring));
	close(sfd);
	close(fd);
}

/* A socket as its program sees it */
struct program {
	int sfd;
	void *buffer;
	struct tpacket4_desc *rxring;
	struct tpacket4_queue rx, tx;
	__u64 frames[DESC_NR];	/* to send with */
	unsigned int spare;
	__u32 sent;
	__u32 received;
};

static void start(struct program *p, int sfd, void *buffer,
		  struct tpacket4_desc *rxring, __u64 first)
{
	__u64 frames[DESC_NR];
	unsigned int i;

	memset(p, 0, sizeof(*p));
	p->sfd = sfd;
	p->buffer = buffer;
	p->rxring = rxring;
	tp4q_init(&p->rx, rxring, DESC_NR);
	tp4q_init(&p->tx, rxring + DESC_NR, DESC_NR);
	for (i = 0; i < DESC_NR; i++) {
		frames[i] = first + i;
		p->frames[p->spare++] = first + DESC_NR + i;
	}
	tp4q_enqueue_frames(&p->rx, frames, DESC_NR);
}

static size_t length_of(__u32 seq)
{
	return ETH_ZLEN + (seq * 7919ULL) % (ETH_FRAME_LEN - ETH_ZLEN + 1);
}

static int send_batch(struct program *p, __u32 total)
{
	struct tpacket4_desc d[DESC_NR] = {};
	unsigned int i, n = 0;
	size_t bytes = 0;

	while (p->spare && p->sent < total) {
		d[n].idx = p->frames[--p->spare];
		d[n].len = length_of(p->sent);
		tp4_pkt_fill(p->buffer + d[n].idx * 2048, d[n].len, p->sent);
		bytes += d[n].len;
		p->sent++;
		n++;
	}
	if (tp4q_enqueue_batch(&p->tx, d, n))
		return -ENOSPC;
	/* Less, if the kernel has sent some of it by itself */
	if ((size_t)sendto(p->sfd, NULL, 0, 0, NULL, 0) > bytes)
		return -EIO;
	if (tp4q_dequeue_batch(&p->tx, d, DESC_NR) != n)
		return -EINPROGRESS;
	for (i = 0; i < n; i++) {
		if (d[i].error)
			return -d[i].error;
		p->frames[p->spare++] = d[i].idx;
	}
	return 0;
}

/* All that the other end has sent: it is on the ring */
static int receive_batch(struct program *p, __u32 sent)
{
	struct tpacket4_desc d[DESC_NR];
	unsigned int i, n;

	while (p->received < sent) {
		n = tp4q_dequeue_batch(&p->rx, d, DESC_NR);
		if (!n)
			return -ENODATA;
		for (i = 0; i < n; i++) {
			if (d[i].error || d[i].flags)
				return -EBADMSG;
			if (!tp4_pkt_ok(p->buffer + d[i].idx * 2048 +
					d[i].offset, d[i].len, p->received,
					length_of(p->received)))
				return -EBADMSG;
			p->received++;
		}
		tp4q_enqueue_batch(&p->rx, d, n);
	}
	return tp4q_is_ready(&p->rx) ? -EEXIST : 0;
}

TEST_F(figure2_zc, a_million_each_way)
{
	__u32 total = tp4_scaled(1000000, 20000);
	struct tpacket4_desc *rxring;
	long long swapped, copied;
	struct program a, b;
	int fd, far_fd, sfd;

	fd = memreg(&self->f);
	ASSERT_LE(0, fd);
	far_fd = variant->one_buffer ? fd : memreg(&self->far);
	ASSERT_LE(0, far_fd);
	sfd = zerocopy_socket(fd, "tp4a", variant->after_bind, &rxring);
	ASSERT_LE(0, sfd);
	start(&a, sfd, self->f.buffer, rxring, 0);
	sfd = zerocopy_socket(far_fd, "tp4b", variant->after_bind, &rxring);
	ASSERT_LE(0, sfd);
	start(&b, sfd, self->far.buffer, rxring, 2 * DESC_NR);

	while (a.received < total || b.received < total) {
		ASSERT_EQ(0, send_batch(&a, total));
		ASSERT_EQ(0, send_batch(&b, total));
		ASSERT_EQ(0, receive_batch(&b, a.sent));
		ASSERT_EQ(0, receive_batch(&a, b.sent));
	}
	EXPECT_EQ(total, a.received);
	EXPECT_EQ(total, b.received);

	/* With one buffer, the kernel has not touched a byte of it */
	EXPECT_TRUE(stat_becomes("tp4a", "rx_queue_0_tp4_packets", total));
	EXPECT_TRUE(stat_becomes("tp4b", "rx_queue_0_tp4_packets", total));
	swapped = tp4_ethtool_stat("tp4a", "rx_queue_0_tp4_swapped") +
		  tp4_ethtool_stat("tp4b", "rx_queue_0_tp4_swapped");
	copied = tp4_ethtool_stat("tp4a", "rx_queue_0_tp4_copied_bytes") +
		 tp4_ethtool_stat("tp4b", "rx_queue_0_tp4_copied_bytes");
	EXPECT_EQ(variant->one_buffer ? 2 * total : 0, swapped);
	EXPECT_EQ(variant->one_buffer, copied == 0);

	munmap(a.rxring, 2 * DESC_NR * sizeof(*rxring));
	munmap(b.rxring, 2 * DESC_NR * sizeof(*rxring));
	close(a.sfd);
	close(b.sfd);
	close(fd);
	if (far_fd != fd)
		close(far_fd);
}

TEST_HARNESS_MAIN

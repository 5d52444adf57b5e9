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

/* No driver can do it yet: said at once, and copy mode goes on */
TEST_F(figure2, zerocopy_is_not_silently_copy)
{
	struct tpacket4_desc *rxring;
	int queue_pair = 0;
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
	EXPECT_EQ(-1, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				 sizeof(queue_pair)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	ASSERT_EQ(0, tp4_bind(sfd, self->net.a, ETH_P_ALL));
	EXPECT_EQ(-1, setsockopt(sfd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
				 sizeof(queue_pair)));
	EXPECT_EQ(EOPNOTSUPP, errno);
	use_rings(_metadata, self, sfd, rxring, rxring + DESC_NR);
}

TEST_HARNESS_MAIN

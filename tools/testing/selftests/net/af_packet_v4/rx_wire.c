// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: what is received is what was on the wire: VLAN tags in their
 * place, checksums finished, packets of any size whole; and filters, which see
 * what filters see on other packet sockets.
 */

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/ip.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define MAX_PKT			70000

FIXTURE(rx_wire) {
	struct tp4_net net;
	struct tp4 t;		/* receives on a */
	int out;		/* sends on b */
	__u8 *pkt;
	__u8 *seen;
};

FIXTURE_SETUP(rx_wire)
{
	struct tp4_netcfg cfg = { .mtu = 9000 };
	struct tp4_cfg tcfg = { .rx_nr = 64, .ignore_outgoing = true };

	ASSERT_EQ(0, tp4_net_new(&self->net, &cfg));
	tcfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&self->t, &tcfg));
	self->out = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->out);
	self->pkt = calloc(2, MAX_PKT);
	ASSERT_NE(NULL, self->pkt);
	self->seen = self->pkt + MAX_PKT;
}

FIXTURE_TEARDOWN(rx_wire)
{
	EXPECT_TRUE(tp4_guards_ok(&self->t));
	tp4_close(&self->t);
	close(self->out);
	free(self->pkt);
}

static bool same_bytes(const __u8 *want, const __u8 *seen, size_t want_len,
		       int seen_len)
{
	size_t i;

	if (seen_len < 0 || want_len != (size_t)seen_len) {
		fprintf(stderr, "# expected %zu bytes, seen %d\n", want_len,
			seen_len);
		return false;
	}
	for (i = 0; i < want_len; i++) {
		if (want[i] != seen[i]) {
			fprintf(stderr,
				"# byte %zu of %zu: expected %#x, seen %#x\n",
				i, want_len, want[i], seen[i]);
			return false;
		}
	}
	return true;
}

/* VLAN */

/* Puts a tag behind the addresses; returns the new length */
static size_t add_tag(__u8 *pkt, size_t len, __u16 tpid, __u16 tci)
{
	__u16 be[2] = { htons(tpid), htons(tci) };

	memmove(pkt + 16, pkt + 12, len - 12);
	memcpy(pkt + 12, be, sizeof(be));
	return len + 4;
}

static const struct {
	__u16 tpid;
	__u16 tci;
} tags[] = {
	{ ETH_P_8021Q, 1 }, { ETH_P_8021Q, 100 }, { ETH_P_8021Q, 0xefff },
	{ ETH_P_8021Q, 0xe000 }, { ETH_P_8021Q, 0 }, { ETH_P_8021AD, 7 },
};

static void send_and_compare(struct __test_metadata *_metadata,
			     struct _test_data_rx_wire *self, size_t len)
{
	int ret;

	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, len));
	ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
	ASSERT_TRUE(same_bytes(self->pkt, self->seen, len, ret))
		TH_LOG("packet of %zu bytes", len);
}

/* The stack takes the tag off before packet sockets see the packet */
TEST_F(rx_wire, vlan_tag_is_put_back)
{
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(tags); i++) {
		/* The stack drops a tagged packet without two bytes of data */
		for (len = ETH_HLEN + 2; len < 1500; len += 61) {
			tp4_pkt_fill(self->pkt, len, len);
			send_and_compare(_metadata, self,
					 add_tag(self->pkt, len, tags[i].tpid,
						 tags[i].tci));
		}
	}
}

TEST_F(rx_wire, vlan_tag_near_the_ends_of_frames)
{
	size_t end, len;

	for (end = 2048; end <= 3 * 2048; end += 2048) {
		for (len = end - 10; len <= end + 10; len++) {
			tp4_pkt_fill(self->pkt, len, len);
			send_and_compare(_metadata, self,
					 add_tag(self->pkt, len, ETH_P_8021Q,
						 5));
		}
	}
}

TEST_F(rx_wire, vlan_tags_stacked)
{
	size_t len;

	for (len = 20; len < 8000; len += 333) {
		size_t tagged = len;

		tp4_pkt_fill(self->pkt, len, len);
		tagged = add_tag(self->pkt, tagged, ETH_P_8021Q, 11);
		tagged = add_tag(self->pkt, tagged, ETH_P_8021Q, 22);
		tagged = add_tag(self->pkt, tagged, ETH_P_8021AD, 33);
		send_and_compare(_metadata, self, tagged);
	}
}

/* By a VLAN device, whose tag never was in the packet's bytes */
TEST_F(rx_wire, vlan_device_sends)
{
	struct tp4_cfg cfg = { .ifindex = self->net.b, .rx_nr = 64 };
	struct tp4 outgoing;
	int vlan, out, ret;
	size_t len, tagged;

	ASSERT_EQ(0, tp4_vlan_add(self->net.b, "tp4v", 123));
	vlan = if_nametoindex("tp4v");
	ASSERT_LT(0, vlan);
	ASSERT_EQ(0, tp4_link_up(vlan));
	out = tp4_plain_open(vlan, 0);
	ASSERT_LE(0, out);
	ASSERT_EQ(0, tp4_open(&outgoing, &cfg));
	for (len = 60; len < 5000; len += 77) {
		tp4_pkt_fill(self->pkt, len, len);
		ASSERT_EQ(0, tp4_plain_send(out, self->pkt, len));
		tagged = add_tag(self->pkt, len, ETH_P_8021Q, 123);
		/* At the receiver, and on its way out */
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, tagged, ret));
		ret = tp4_recv_wait(&outgoing, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, tagged, ret));
	}
	tp4_close(&outgoing);
	close(out);
}

/* A tag that V4 sends is a tag that arrives */
TEST_F(rx_wire, vlan_sent_by_v4)
{
	struct tp4_cfg cfg = { .ifindex = self->net.b, .tx_nr = 8 };
	struct tp4 tx;
	size_t len;
	int ret;

	ASSERT_EQ(0, tp4_open(&tx, &cfg));
	for (len = 60; len < 9000; len += 555) {
		tp4_pkt_fill(self->pkt, len, len);
		add_tag(self->pkt, len, ETH_P_8021Q, 44);
		ASSERT_EQ(0, tp4_send(&tx, self->pkt, len + 4, 0));
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, len + 4, ret));
	}
	tp4_close(&tx);
}

/* Checksums */

static __u32 sum16(const __u8 *p, size_t len, __u32 sum)
{
	size_t i;

	for (i = 0; i + 1 < len; i += 2) {
		sum += p[i] << 8 | p[i + 1];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	if (len & 1)
		sum += p[len - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* IPv4 with TCP or UDP: are both checksums right? */
static bool ip_sums_ok(const __u8 *pkt, size_t len)
{
	const struct iphdr *ip = (const void *)(pkt + ETH_HLEN);
	size_t hlen = ip->ihl * 4, l4;
	__u32 sum;

	if (len < ETH_HLEN + sizeof(*ip) ||
	    len < ETH_HLEN + (size_t)ntohs(ip->tot_len)) {
		fprintf(stderr, "# %zu bytes are no IPv4 packet\n", len);
		return false;
	}
	if (sum16(pkt + ETH_HLEN, hlen, 0) != 0xffff) {
		fprintf(stderr, "# bad IPv4 header checksum\n");
		return false;
	}
	l4 = ntohs(ip->tot_len) - hlen;
	if (ip->protocol == IPPROTO_UDP) {
		const struct udphdr *udp = (const void *)(pkt + ETH_HLEN + hlen);

		if (!udp->check) {
			fprintf(stderr, "# no UDP checksum\n");
			return false;
		}
	}
	sum = sum16((const __u8 *)&ip->saddr, 8, ip->protocol + l4);
	sum = sum16(pkt + ETH_HLEN + hlen, l4, sum);
	if (sum != 0xffff) {
		fprintf(stderr, "# bad checksum, protocol %u, %zu bytes\n",
			ip->protocol, l4);
		return false;
	}
	return true;
}

static int ip_setup(const struct tp4_net *net)
{
	static const __u8 mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0xaa };
	int ret;

	ret = tp4_addr4_add(net->b, "192.0.2.2", 24);
	return ret ? ret : tp4_neigh4_add(net->b, "192.0.2.1", mac);
}

/* The next IPv4 packet of this protocol; the stack may have others */
static int recv_ip(struct tp4 *t, __u8 *pkt, int protocol)
{
	int ret;

	do {
		ret = tp4_recv_wait(t, pkt, MAX_PKT);
		if (ret < 0)
			return ret;
	} while (pkt[12] != 8 || pkt[13] || pkt[ETH_HLEN + 9] != protocol);
	return ret;
}

TEST_F(rx_wire, udp_checksum_is_finished)
{
	struct tp4_cfg cfg = { .ifindex = self->net.b, .rx_nr = 64 };
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
	};
	struct tp4 outgoing;
	size_t len;
	int udp, ret;

	ASSERT_EQ(0, ip_setup(&self->net));
	ASSERT_EQ(0, tp4_open(&outgoing, &cfg));
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_LE(0, udp);
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	/* Odd and even, one frame and five */
	for (len = 0; len <= 8972; len += len < 64 ? 1 : 97) {
		tp4_pkt_fill(self->pkt, len + ETH_HLEN, len);
		ASSERT_EQ(len, sendto(udp, self->pkt + ETH_HLEN, len, 0,
				      (void *)&to, sizeof(to)));
		ret = recv_ip(&self->t, self->seen, IPPROTO_UDP);
		ASSERT_EQ(len + 42, ret);
		ASSERT_TRUE(ip_sums_ok(self->seen, ret));
		ASSERT_EQ(0, memcmp(self->pkt + ETH_HLEN, self->seen + 42,
				    len));
		/* And what is captured on its way out */
		ret = recv_ip(&outgoing, self->seen, IPPROTO_UDP);
		ASSERT_EQ(len + 42, ret);
		ASSERT_TRUE(ip_sums_ok(self->seen, ret));
	}
	close(udp);
	tp4_close(&outgoing);
}

TEST_F(rx_wire, tcp_checksum_is_finished)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
	};
	int tcp, ret;

	ASSERT_EQ(0, ip_setup(&self->net));
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ASSERT_LE(0, tcp);
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	EXPECT_EQ(-1, connect(tcp, (void *)&to, sizeof(to)));
	EXPECT_EQ(EINPROGRESS, errno);
	ret = recv_ip(&self->t, self->seen, IPPROTO_TCP);
	ASSERT_LT(0, ret);
	EXPECT_TRUE(ip_sums_ok(self->seen, ret));
	close(tcp);
}

/* In a VLAN, the checksum lies four bytes further on in the copy */
TEST_F(rx_wire, checksum_and_vlan)
{
	static const __u8 mac[ETH_ALEN] = { 2, 0, 0, 0, 0, 0xaa };
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_port = htons(9),
	};
	size_t len;
	int vlan, udp, ret;

	ASSERT_EQ(0, tp4_vlan_add(self->net.b, "tp4v", 123));
	vlan = if_nametoindex("tp4v");
	ASSERT_LT(0, vlan);
	ASSERT_EQ(0, tp4_link_up(vlan));
	ASSERT_EQ(0, tp4_addr4_add(vlan, "192.0.2.2", 24));
	ASSERT_EQ(0, tp4_neigh4_add(vlan, "192.0.2.1", mac));
	udp = socket(AF_INET, SOCK_DGRAM, 0);
	ASSERT_LE(0, udp);
	inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
	for (len = 1; len < 8900; len += 501) {
		tp4_pkt_fill(self->pkt, len + ETH_HLEN, len);
		ASSERT_EQ(len, sendto(udp, self->pkt + ETH_HLEN, len, 0,
				      (void *)&to, sizeof(to)));
		do {
			ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
			ASSERT_LT(0, ret);
		} while (self->seen[27] != IPPROTO_UDP);
		ASSERT_EQ(len + 46, ret);
		EXPECT_EQ(0x81, self->seen[12]);
		EXPECT_EQ(0x00, self->seen[13]);
		EXPECT_EQ(0, self->seen[14]);
		EXPECT_EQ(123, self->seen[15]);
		memmove(self->seen + 4, self->seen, 12);
		ASSERT_TRUE(ip_sums_ok(self->seen + 4, ret - 4));
		ASSERT_EQ(0, memcmp(self->pkt + ETH_HLEN, self->seen + 46,
				    len));
	}
	close(udp);
}

static int send_vnet(int fd, const struct virtio_net_hdr *vh, const __u8 *pkt,
		     size_t len)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)vh, .iov_len = sizeof(*vh) },
		{ .iov_base = (void *)pkt, .iov_len = len },
	};
	struct msghdr msg = {
		.msg_iov = iov,
		.msg_iovlen = ARRAY_SIZE(iov),
	};
	ssize_t ret = sendmsg(fd, &msg, 0);

	if (ret < 0)
		perror("# sendmsg() with PACKET_VNET_HDR");
	return ret == (ssize_t)(len + sizeof(*vh)) ? 0 : -1;
}

/* Sends with an unfinished checksum; what comes must have it finished */
static void check_partial(struct __test_metadata *_metadata,
			  struct _test_data_rx_wire *self, struct tp4 *t,
			  size_t len, unsigned int start, unsigned int offset)
{
	struct virtio_net_hdr vh = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = start,
		.csum_offset = offset,
	};
	__u32 sum;
	int ret;

	tp4_pkt_fill(self->pkt, len, len + start);
	ASSERT_EQ(0, send_vnet(self->out, &vh, self->pkt, len));
	sum = ~sum16(self->pkt + start, len - start, 0) & 0xffff;
	if (!sum)
		sum = 0xffff;
	self->pkt[start + offset] = sum >> 8;
	self->pkt[start + offset + 1] = sum;
	ret = tp4_recv_wait(t, self->seen, MAX_PKT);
	ASSERT_TRUE(same_bytes(self->pkt, self->seen, len, ret))
		TH_LOG("%zu bytes, checksum from %u at %u", len, start,
		       start + offset);
}

/* The field may lie anywhere, so also half in one frame, half in the next */
TEST_F(rx_wire, checksum_anywhere)
{
	static const unsigned int starts[] = { 20, 21, 34, 101, 1400 };
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 64, .ignore_outgoing = true,
		.headroom = 530,
	};
	unsigned int at, s, least;
	struct tp4 narrow;
	int one = 1;

	ASSERT_EQ(0, setsockopt(self->out, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)));
	for (s = 0; s < ARRAY_SIZE(starts); s++) {
		least = starts[s];
		check_partial(_metadata, self, &self->t, 1514, least, 0);
		check_partial(_metadata, self, &self->t, 1513, least, 1);
		for (at = 2040; at < 2056; at++)
			check_partial(_metadata, self, &self->t, 4000, at - 8,
				      8);
		for (at = 2040; at < 2056; at++)
			check_partial(_metadata, self, &self->t, 4001, least,
				      at - least);
		check_partial(_metadata, self, &self->t, 9001, least, 7);
	}
	check_partial(_metadata, self, &self->t, 9000, 8990, 8);
	check_partial(_metadata, self, &self->t, 9000, 8998, 0);

	/* Where the headroom makes the first frame's part short */
	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_open(&narrow, &cfg));
	for (at = 1510; at < 1526; at++) {
		check_partial(_metadata, self, &narrow, 4000, 1000, at - 1000);
		check_partial(_metadata, self, &narrow, 4001, 1001, at - 1001);
	}
	EXPECT_TRUE(tp4_guards_ok(&narrow));
	self->t = narrow;
}

/* GRO and TSO make packets that no wire carries: they come whole, as is */

static size_t gso_packet(__u8 *pkt, size_t payload, struct virtio_net_hdr *vh)
{
	static const __u8 mac[] = {
		2, 0, 0, 0, 0, 0xee, 2, 0, 0, 0, 0, 0xef, 8, 0,
	};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = IPPROTO_TCP,
		.saddr = htonl(0xc0000202),
		.daddr = htonl(0xc0000201),
	};
	struct tcphdr tcp = {
		.source = htons(1000),
		.dest = htons(2000),
		.doff = 5,
		.ack = 1,
		.window = htons(1000),
	};
	size_t hlen = sizeof(mac) + sizeof(ip) + sizeof(tcp);

	tp4_pkt_fill(pkt + hlen - ETH_HLEN, payload + ETH_HLEN, payload);
	ip.tot_len = htons(sizeof(ip) + sizeof(tcp) + payload);
	ip.check = htons(~sum16((__u8 *)&ip, sizeof(ip), 0));
	memcpy(pkt, mac, sizeof(mac));
	memcpy(pkt + sizeof(mac), &ip, sizeof(ip));
	memcpy(pkt + sizeof(mac) + sizeof(ip), &tcp, sizeof(tcp));
	memset(vh, 0, sizeof(*vh));
	vh->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	vh->gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
	vh->gso_size = 1400;
	vh->hdr_len = hlen;
	vh->csum_start = sizeof(mac) + sizeof(ip);
	vh->csum_offset = offsetof(struct tcphdr, check);
	return hlen + payload;
}

TEST_F(rx_wire, gso_64k)
{
	static const size_t payloads[] = {
		1401, 2800, 9000, 30000, 60000, 65535 - 54,
	};
	struct virtio_net_hdr vh;
	int one = 1, ret;
	size_t i, len;

	ASSERT_EQ(0, setsockopt(self->out, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)));
	for (i = 0; i < ARRAY_SIZE(payloads); i++) {
		len = gso_packet(self->pkt, payloads[i], &vh);
		ASSERT_EQ(0, send_vnet(self->out, &vh, self->pkt, len));
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, len, ret));
	}
}

TEST_F(rx_wire, gso_64k_does_not_fit)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 16, .ignore_outgoing = true,
	};
	const size_t most = 16 * 2048;
	struct tpacket_stats_v4 st;
	struct virtio_net_hdr vh;
	int one = 1, ret, plain;
	size_t len;

	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_open(&self->t, &cfg));
	plain = tp4_plain_open(self->net.a, ETH_P_IP);
	ASSERT_LE(0, plain);
	ASSERT_EQ(0, setsockopt(self->out, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)));
	len = gso_packet(self->pkt, most - 54 + 1, &vh);
	ASSERT_EQ(0, send_vnet(self->out, &vh, self->pkt, len));
	ASSERT_EQ(len, tp4_plain_recv(plain, self->seen, MAX_PKT));
	EXPECT_EQ(0, tp4_recv(&self->t, self->seen, MAX_PKT));
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(1, st.tp_packets);
	EXPECT_EQ(1, st.tp_drops);
	EXPECT_EQ(1, st.rx_too_big);

	len = gso_packet(self->pkt, most - 54, &vh);
	ASSERT_EQ(most, len);
	ASSERT_EQ(0, send_vnet(self->out, &vh, self->pkt, len));
	ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
	EXPECT_TRUE(same_bytes(self->pkt, self->seen, len, ret));
	close(plain);
}

/* Filters */

static int attach(int fd, const struct sock_filter *code, unsigned int len)
{
	struct sock_fprog prog = {
		.len = len,
		.filter = (struct sock_filter *)code,
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog)) ? -errno : 0;
}

static int attach_snaplen(int fd, unsigned int snaplen)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_RET | BPF_K, snaplen),
	};

	return attach(fd, code, ARRAY_SIZE(code));
}

static int detach(int fd)
{
	int dummy = 0;

	return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &dummy,
			  sizeof(dummy)) ? -errno : 0;
}

TEST_F(rx_wire, filter_drops_all_and_none)
{
	struct tpacket_stats_v4 st;
	int ret, i;

	ASSERT_EQ(0, attach_snaplen(self->t.fd, 0));
	tp4_pkt_fill(self->pkt, 100, 1);
	for (i = 0; i < 100; i++)
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_recv(&self->t, self->seen, MAX_PKT));
	/* What a filter refuses is neither a packet nor a drop */
	ASSERT_EQ(0, tp4_stats(self->t.fd, &st));
	EXPECT_EQ(0, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);

	ASSERT_EQ(0, detach(self->t.fd));
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
	EXPECT_TRUE(ret > 0 && tp4_pkt_ok(self->seen, ret, 1, 100));
	EXPECT_EQ(-ENOENT, detach(self->t.fd));
}

TEST_F(rx_wire, filter_before_bind)
{
	struct sock_filter code[] = {
		/* the number's last byte is odd */
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 11),
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct tp4_cfg cfg = { .rx_nr = 64 };
	__u32 i;
	int ret;

	tp4_close(&self->t);
	ASSERT_EQ(0, tp4_open(&self->t, &cfg));
	ASSERT_EQ(0, attach(self->t.fd, code, ARRAY_SIZE(code)));
	ASSERT_EQ(0, tp4_bind(self->t.fd, self->net.a, ETH_P_ALL));
	for (i = 0; i < 100; i++) {
		tp4_pkt_fill(self->pkt, 100, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	}
	for (i = 1; i < 100; i += 2) {
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(self->seen, ret, i, 100));
	}
	EXPECT_EQ(0, tp4_recv(&self->t, self->seen, MAX_PKT));
}

TEST_F(rx_wire, filter_truncates)
{
	static const struct {
		size_t len;
		size_t snaplen;
		size_t want;
	} cases[] = {
		{ 100, 60, 60 }, { 100, 100, 100 }, { 100, 101, 100 },
		{ 100, 14, 14 }, { 100, 1, 1 }, { 100, 0xffffffff, 100 },
		{ 5000, 2047, 2047 }, { 5000, 2048, 2048 },
		{ 5000, 2049, 2049 }, { 5000, 4096, 4096 },
		{ 5000, 4097, 4097 }, { 9000, 8999, 8999 },
	};
	size_t i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, attach_snaplen(self->t.fd, cases[i].snaplen));
		tp4_pkt_fill(self->pkt, cases[i].len, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt,
					    cases[i].len));
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, cases[i].want,
				       ret))
			TH_LOG("snap length %zu", cases[i].snaplen);
	}
}

/* The tag is not among the bytes that the filter counts */
TEST_F(rx_wire, filter_truncates_vlan)
{
	static const struct {
		size_t len;
		size_t snaplen;
	} cases[] = {
		{ 100, 14 }, { 100, 60 }, { 100, 99 }, { 100, 100 },
		{ 100, 1000 }, { 5000, 2043 }, { 5000, 2044 },
		{ 5000, 2045 }, { 5000, 4999 },
	};
	size_t i, want;
	int ret;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		ASSERT_EQ(0, attach_snaplen(self->t.fd, cases[i].snaplen));
		tp4_pkt_fill(self->pkt, cases[i].len, i);
		add_tag(self->pkt, cases[i].len, ETH_P_8021Q, 9);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt,
					    cases[i].len + 4));
		want = cases[i].len;
		if (want > cases[i].snaplen)
			want = cases[i].snaplen;
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_TRUE(same_bytes(self->pkt, self->seen, want + 4, ret))
			TH_LOG("snap length %zu", cases[i].snaplen);
	}
}

/* As on V3: the tag is metadata to the filter, the type the inner one's */
TEST_F(rx_wire, filter_sees_the_stripped_packet)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TP4_ETH_P, 0, 3),
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS,
			 SKF_AD_OFF + SKF_AD_VLAN_TAG),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 77, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0xffff),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	int vid, ret;

	ASSERT_EQ(0, attach(self->t.fd, code, ARRAY_SIZE(code)));
	for (vid = 76; vid < 79; vid++) {
		tp4_pkt_fill(self->pkt, 100, vid);
		add_tag(self->pkt, 100, ETH_P_8021Q, vid);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 104));
	}
	tp4_pkt_fill(self->pkt, 100, 77);
	add_tag(self->pkt, 100, ETH_P_8021Q, 77);
	ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
	EXPECT_TRUE(same_bytes(self->pkt, self->seen, 104, ret));
	ASSERT_EQ(0, tp4_sync(self->net.b, self->net.a));
	EXPECT_EQ(0, tp4_recv(&self->t, self->seen, MAX_PKT));
}

/* A cut packet has no use for its checksum, and must not be written past */
TEST_F(rx_wire, filter_truncates_unfinished_checksum)
{
	struct virtio_net_hdr vh = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.csum_start = 200,
		.csum_offset = 8,
	};
	unsigned int snaplen;
	int one = 1, ret;
	__u32 sum;

	ASSERT_EQ(0, setsockopt(self->out, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)));
	tp4_pkt_fill(self->pkt, 1000, 1);
	sum = ~sum16(self->pkt + 200, 800, 0) & 0xffff;
	for (snaplen = 190; snaplen < 220; snaplen++) {
		ASSERT_EQ(0, attach_snaplen(self->t.fd, snaplen));
		tp4_pkt_fill(self->pkt, 1000, 1);
		ASSERT_EQ(0, send_vnet(self->out, &vh, self->pkt, 1000));
		/* It is that of the whole packet, as far as it is there */
		self->pkt[208] = sum >> 8;
		self->pkt[209] = sum;
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		EXPECT_TRUE(same_bytes(self->pkt, self->seen, snaplen, ret))
			TH_LOG("snap length %u", snaplen);
	}
}

TEST_F(rx_wire, filter_lock)
{
	int one = 1;

	ASSERT_EQ(0, attach_snaplen(self->t.fd, 60));
	ASSERT_EQ(0, setsockopt(self->t.fd, SOL_SOCKET, SO_LOCK_FILTER, &one,
				sizeof(one)));
	EXPECT_EQ(-EPERM, attach_snaplen(self->t.fd, 70));
	EXPECT_EQ(-EPERM, detach(self->t.fd));
	tp4_pkt_fill(self->pkt, 100, 1);
	ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 100));
	EXPECT_EQ(60, tp4_recv_wait(&self->t, self->seen, MAX_PKT));
}

/* A filter belongs to the socket, whatever becomes of the ring */
TEST_F(rx_wire, filter_changes_in_traffic)
{
	__u32 i;
	int ret;

	for (i = 0; i < 500; i++) {
		ASSERT_EQ(0, attach_snaplen(self->t.fd, 14 + i));
		tp4_pkt_fill(self->pkt, 1000, i);
		ASSERT_EQ(0, tp4_plain_send(self->out, self->pkt, 1000));
		ret = tp4_recv_wait(&self->t, self->seen, MAX_PKT);
		ASSERT_EQ(14 + i, ret);
	}
}

TEST_HARNESS_MAIN

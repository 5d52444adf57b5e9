// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: zero copy at one end of a veth pair, and the stack at the other,
 * with what it expects a device to do for it: checksums, segments, VLAN tags.
 * A socket gets packets as they are on the wire.
 */

#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/udp.h>
#include <linux/virtio_net.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <netinet/in.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define RING		512

#ifndef UDP_SEGMENT
#define UDP_SEGMENT	103
#define UDP_GRO		104
#endif

/* One end on the stack */
FIXTURE(zc_stack) {
	struct ends e;		/* to.t is in zero copy, on tp4b */
	int raw;		/* sends on tp4a, with a virtio_net_hdr */
	int udp;
	__u8 mac[ETH_ALEN];	/* of tp4a */
};

#define ADDR_STACK	"192.0.2.1"
#define ADDR_ZC		"192.0.2.2"
#define PORT		4444
#define UDP_HLEN	(ETH_HLEN + 20 + 8)

static const __u8 mac_zc[ETH_ALEN] = { 2, 0, 0, 0, 0, 0xbb };

FIXTURE_SETUP(zc_stack)
{
	static const struct way way = WAY_SKB_TO_ZC;
	struct sockaddr_in sin = { .sin_family = AF_INET };
	struct ifreq ifr = { .ifr_name = "tp4a" };
	struct ends *e = &self->e;
	int one = 1;

	ASSERT_EQ(0, ends_net(e, &way, 1500));
	ASSERT_EQ(0, ends_open(e, RING, 0));
	ASSERT_EQ(0, tp4_addr4_add(e->net.a, ADDR_STACK, 24));
	ASSERT_EQ(0, tp4_neigh4_add(e->net.a, ADDR_ZC, mac_zc));
	self->udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, self->udp);
	sin.sin_port = htons(PORT);
	inet_pton(AF_INET, ADDR_STACK, &sin.sin_addr);
	ASSERT_EQ(0, bind(self->udp, (struct sockaddr *)&sin, sizeof(sin)));
	inet_pton(AF_INET, ADDR_ZC, &sin.sin_addr);
	ASSERT_EQ(0, connect(self->udp, (struct sockaddr *)&sin, sizeof(sin)));
	ASSERT_EQ(0, ioctl(self->udp, SIOCGIFHWADDR, &ifr));
	memcpy(self->mac, ifr.ifr_hwaddr.sa_data, ETH_ALEN);
	self->raw = tp4_plain_open(e->net.a, 0);
	ASSERT_LE(0, self->raw);
	ASSERT_EQ(0, setsockopt(self->raw, SOL_PACKET, PACKET_VNET_HDR, &one,
				sizeof(one)));
}

FIXTURE_TEARDOWN(zc_stack)
{
	close(self->udp);
	close(self->raw);
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* The Internet checksum of a packet's part, not folded */
static __u32 sum_bytes(const __u8 *p, size_t len, __u32 sum)
{
	size_t i;

	for (i = 0; i < len; i++)
		sum += i % 2 ? p[i] : p[i] << 8;
	return sum;
}

static __u16 sum_fold(__u32 sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Sum of the pseudo header of what is at @ip */
static __u32 sum_pseudo(const __u8 *ip, size_t l4_len)
{
	return sum_bytes(ip + 12, 8, ip[9] + l4_len);
}

/* The length of the payload, if IP and UDP or TCP are right; else < 0 */
static int check_l4(const __u8 *pkt, size_t len, int proto, size_t *payload)
{
	const __u8 *ip = pkt + ETH_HLEN, *l4 = ip + 20;
	size_t ip_len, l4_len;

	if (len < UDP_HLEN || pkt[12] != 8 || pkt[13] || ip[0] != 0x45 ||
	    ip[9] != proto) {
		fprintf(stderr, "# not IPv4 with protocol %d\n", proto);
		return -EPROTO;
	}
	ip_len = ip[2] << 8 | ip[3];
	if (ip_len + ETH_HLEN != len) {
		fprintf(stderr, "# IP length %zu in a packet of %zu\n", ip_len,
			len);
		return -EMSGSIZE;
	}
	if (sum_fold(sum_bytes(ip, 20, 0)) != 0xffff) {
		fprintf(stderr, "# wrong IP checksum\n");
		return -EBADMSG;
	}
	l4_len = ip_len - 20;
	if (sum_fold(sum_bytes(l4, l4_len, sum_pseudo(ip, l4_len))) !=
	    0xffff) {
		fprintf(stderr, "# wrong checksum of protocol %d\n", proto);
		return -EBADMSG;
	}
	*payload = UDP_HLEN;
	if (proto == IPPROTO_TCP)
		*payload = ETH_HLEN + 20 + (l4[12] >> 4) * 4;
	else if ((size_t)(l4[4] << 8 | l4[5]) != l4_len)
		return -EMSGSIZE;
	return len - *payload;
}

/* An IPv4 header with its checksum, and what is common to UDP and TCP */
static __u8 *fill_ip(__u8 *pkt, const __u8 *dst, const __u8 *src,
		     const char *daddr, const char *saddr, int proto,
		     size_t l4_len)
{
	__u8 *ip = pkt + ETH_HLEN;
	__u16 sum;

	memcpy(pkt, dst, ETH_ALEN);
	memcpy(pkt + ETH_ALEN, src, ETH_ALEN);
	pkt[12] = 8;
	pkt[13] = 0;
	memset(ip, 0, 40);
	ip[0] = 0x45;
	ip[2] = (l4_len + 20) >> 8;
	ip[3] = l4_len + 20;
	ip[6] = 0x40;
	ip[8] = 64;
	ip[9] = proto;
	inet_pton(AF_INET, saddr, ip + 12);
	inet_pton(AF_INET, daddr, ip + 16);
	sum = ~sum_fold(sum_bytes(ip, 20, 0));
	ip[10] = sum >> 8;
	ip[11] = sum;
	ip[20] = PORT >> 8;
	ip[21] = PORT & 0xff;
	ip[22] = PORT >> 8;
	ip[23] = PORT & 0xff;
	return ip + 20;
}

/* The stack leaves checksums to the device; here is no device to do it */
TEST_F(zc_stack, checksum_offload)
{
	struct ends *e = &self->e;
	__u8 data[1472];
	size_t at, len;
	int ret;

	for (len = ETH_HLEN; len <= sizeof(data); len++) {
		tp4_pkt_fill(data, len, len);
		ASSERT_EQ(len, send(self->udp, data, len, 0));
		ret = end_recv(&e->to, e->pkt);
		ASSERT_LT(0, ret);
		ASSERT_EQ(len, check_l4(e->pkt, ret, IPPROTO_UDP, &at))
			TH_LOG("%zu bytes", len);
		EXPECT_TRUE(tp4_pkt_ok(e->pkt + at, len, len, len));
	}
	EXPECT_TRUE(end_is_empty(&e->to));
}

/* Segments of UDP_SEGMENT come as segments */
TEST_F(zc_stack, udp_gso)
{
	static const int sizes[] = { 1472, 1000, 536, 333 };
	struct ends *e = &self->e;
	size_t at, i, n, left;
	__u8 *data;
	int ret;

	data = malloc(ENDS_MAX_PKT);
	ASSERT_NE(NULL, data);
	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		ret = setsockopt(self->udp, IPPROTO_UDP, UDP_SEGMENT,
				 &sizes[i], sizeof(sizes[i]));
		ASSERT_EQ(0, ret);
		left = 40 * sizes[i] + 100;
		for (n = 0; n < 40; n++)
			tp4_pkt_fill(data + n * sizes[i], sizes[i], n);
		tp4_pkt_fill(data + n * sizes[i], 100, n);
		ASSERT_EQ(left, send(self->udp, data, left, 0));
		for (n = 0; n <= 40; n++) {
			ret = end_recv(&e->to, e->pkt);
			ASSERT_LT(0, ret);
			ASSERT_EQ(n < 40 ? sizes[i] : 100,
				  check_l4(e->pkt, ret, IPPROTO_UDP, &at));
			EXPECT_TRUE(tp4_pkt_ok(e->pkt + at, ret - at, n,
					       n < 40 ? sizes[i] : 100));
		}
		EXPECT_TRUE(end_is_empty(&e->to));
	}
	free(data);
}

/* So does what TCP would leave to TSO */
TEST_F(zc_stack, tso)
{
	enum { MSS = 1448, HLEN = ETH_HLEN + 20 + 32 };
	struct virtio_net_hdr hdr = {
		.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
		.gso_type = VIRTIO_NET_HDR_GSO_TCPV4,
		.hdr_len = HLEN,
		.gso_size = MSS,
		.csum_start = ETH_HLEN + 20,
		.csum_offset = 16,
	};
	__u8 *buf, *pkt, *tcp;
	struct ends *e = &self->e;
	size_t at, len, done, n;
	__u32 seq, round;
	__u16 sum;
	int ret;

	buf = malloc(ENDS_MAX_PKT + sizeof(hdr));
	ASSERT_NE(NULL, buf);
	pkt = buf + sizeof(hdr);
	for (round = 0; round < 20; round++) {
		len = round ? round * 3000 + 17 : MSS;
		memcpy(buf, &hdr, sizeof(hdr));
		tcp = fill_ip(pkt, mac_zc, self->mac, ADDR_ZC, ADDR_STACK,
			      IPPROTO_TCP, len + 32);
		memset(tcp + 4, 0, 28);
		seq = 0x01000000 + round * 100000;
		tcp[4] = seq >> 24;
		tcp[5] = seq >> 16;
		tcp[6] = seq >> 8;
		tcp[7] = seq;
		tcp[12] = 8 << 4;
		tcp[13] = 0x10;		/* ACK */
		tcp[14] = 0xff;
		memset(tcp + 20, 1, 12);	/* options: NOP */
		sum = sum_fold(sum_pseudo(tcp - 20, len + 32));
		tcp[16] = sum >> 8;
		tcp[17] = sum;
		tp4_pkt_fill(tcp + 32, len, round);
		/* One that is no larger than a segment is not one of GSO */
		if (!round) {
			((struct virtio_net_hdr *)buf)->gso_type = 0;
			((struct virtio_net_hdr *)buf)->gso_size = 0;
		}
		ASSERT_EQ(sizeof(hdr) + HLEN + len,
			  send(self->raw, buf, sizeof(hdr) + HLEN + len, 0));
		for (done = 0; done < len; done += n) {
			n = len - done < MSS ? len - done : MSS;
			ret = end_recv(&e->to, e->pkt);
			ASSERT_EQ(HLEN + n, ret);
			ASSERT_EQ(n, check_l4(e->pkt, ret, IPPROTO_TCP, &at));
			ASSERT_EQ(HLEN, at);
			tcp = e->pkt + ETH_HLEN + 20;
			EXPECT_EQ(seq + done, (__u32)tcp[4] << 24 |
				  tcp[5] << 16 | tcp[6] << 8 | tcp[7]);
			EXPECT_EQ(0, memcmp(e->pkt + at,
					    pkt + HLEN + done, n));
		}
		EXPECT_TRUE(end_is_empty(&e->to));
	}
	free(buf);
}

/* No offload may be switched on that a socket could not stand */
TEST_F(zc_stack, no_gso_by_the_peer)
{
	struct ends *e = &self->e;

	EXPECT_EQ(0, tp4_ethtool_get("tp4a", ETHTOOL_GTSO));
	EXPECT_EQ(1, tp4_ethtool_get("tp4b", ETHTOOL_GTSO));
	tp4_ethtool_set("tp4a", ETHTOOL_STSO, 1);
	EXPECT_EQ(0, tp4_ethtool_get("tp4a", ETHTOOL_GTSO));
	/* It is back as soon as the socket has gone */
	ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, -1));
	EXPECT_EQ(1, tp4_ethtool_get("tp4a", ETHTOOL_GTSO));
	EXPECT_EQ(1, tp4_ethtool_get("tp4b", ETHTOOL_GTSO));
	/* Who only sends does not mind */
	end_close(&e->to);
	e->to.t.fd = -1;
	ASSERT_EQ(0, end_open(&e->to, &(struct tp4_cfg) { .tx_nr = 8 }));
	EXPECT_EQ(1, tp4_ethtool_get("tp4a", ETHTOOL_GTSO));
}

/* A tag that the stack leaves to the device is in the packet */
TEST_F(zc_stack, vlan_tag)
{
	struct ends *e = &self->e;
	int ret, vlan, fd;
	size_t len;

	ASSERT_EQ(0, tp4_vlan_add(e->net.a, "tp4v", 0xabc));
	vlan = if_nametoindex("tp4v");
	ASSERT_LT(0, vlan);
	ASSERT_EQ(0, tp4_link_up(vlan));
	fd = tp4_plain_open(vlan, 0);
	ASSERT_LE(0, fd);
	for (len = ETH_HLEN; len <= ETH_FRAME_LEN; len += 50) {
		tp4_pkt_fill(e->pkt, len, len);
		ASSERT_EQ(0, tp4_plain_send(fd, e->pkt, len));
		ret = end_recv(&e->to, e->pkt);
		ASSERT_EQ(len + 4, ret);
		EXPECT_EQ(0x81, e->pkt[12]);
		EXPECT_EQ(0x00, e->pkt[13]);
		EXPECT_EQ(0x0a, e->pkt[14]);
		EXPECT_EQ(0xbc, e->pkt[15]);
		memmove(e->pkt + 12, e->pkt + 16, ret - 16);
		EXPECT_TRUE(tp4_pkt_ok(e->pkt, ret - 4, len, len));
	}
	EXPECT_TRUE(end_is_empty(&e->to));

	/* ... and the other way it is taken out */
	close(fd);
	fd = tp4_plain_open(vlan, TP4_ETH_P);
	ASSERT_LE(0, fd);
	/* The stack wants two bytes behind the tag */
	for (len = ETH_HLEN + 2; len <= ETH_FRAME_LEN; len += 50) {
		tp4_pkt_fill(e->pkt + 4, len, len);
		memmove(e->pkt, e->pkt + 4, 12);
		e->pkt[12] = 0x81;
		e->pkt[13] = 0;
		e->pkt[14] = 0x0a;
		e->pkt[15] = 0xbc;
		ASSERT_EQ(0, tp4_send(&e->to.t, e->pkt, len + 4, 0));
		ret = tp4_plain_recv(fd, e->pkt, ENDS_MAX_PKT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, len, len));
	}
	close(fd);
}

static size_t fill_udp(__u8 *pkt, const __u8 *mac, size_t len, __u32 seq)
{
	__u8 *udp = fill_ip(pkt, mac, mac_zc, ADDR_STACK, ADDR_ZC,
			    IPPROTO_UDP, len + 8);
	__u16 sum;

	udp[4] = (len + 8) >> 8;
	udp[5] = len + 8;
	udp[6] = 0;
	udp[7] = 0;
	tp4_pkt_fill(udp + 8, len, seq);
	sum = ~sum_fold(sum_bytes(udp, len + 8, sum_pseudo(udp - 20,
							   len + 8)));
	if (!sum)
		sum = 0xffff;
	udp[6] = sum >> 8;
	udp[7] = sum;
	return UDP_HLEN + len;
}

/* What goes to the stack is looked at by it: checksums are not taken on trust */
TEST_F(zc_stack, stack_receives)
{
	struct ends *e = &self->e;
	__u8 data[2048];
	size_t len;
	int ret;

	for (len = ETH_HLEN; len <= 1472; len += 3) {
		fill_udp(e->pkt, self->mac, len, 100000 + len);
		/* A wrong bit, and nobody hears of it */
		e->pkt[UDP_HLEN + len / 2] ^= 0x10;
		ASSERT_EQ(0, tp4_send(&e->to.t, e->pkt, UDP_HLEN + len, 0));
		fill_udp(e->pkt, self->mac, len, len);
		ASSERT_EQ(0, tp4_send(&e->to.t, e->pkt, UDP_HLEN + len, 0));
		ASSERT_EQ(POLLIN, tp4_poll(self->udp, POLLIN, TP4_WAIT_MS));
		ret = recv(self->udp, data, sizeof(data), MSG_DONTWAIT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(data, ret, len, len));
	}
	EXPECT_EQ(0, tp4_poll(self->udp, POLLIN, 0));
}

/* What is longer than either device allows comes back, and costs no other */
TEST_F(zc_stack, too_long_for_the_stack)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	unsigned int i;
	__u8 data[2048];
	int ret;

	for (i = 0; i < 6; i++) {
		size_t len = i % 2 ? 1600 : 1000;

		fill_udp(e->pkt, self->mac, len, i);
		ASSERT_EQ(1, tp4_queue(&e->to.t, e->pkt, UDP_HLEN + len, 0));
	}
	ASSERT_LE(0, tp4_kick(&e->to.t, 0));
	for (i = 0; i < 6; i++) {
		ASSERT_TRUE(tp4_tx_next(&e->to.t, &d));
		EXPECT_EQ(i % 2 ? EMSGSIZE : 0, d.error);
		e->to.t.free[e->to.t.free_nr++] = d.idx;
	}
	for (i = 0; i < 6; i += 2) {
		ASSERT_EQ(POLLIN, tp4_poll(self->udp, POLLIN, TP4_WAIT_MS));
		ret = recv(self->udp, data, sizeof(data), MSG_DONTWAIT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(data, ret, i, 1000));
	}
	EXPECT_EQ(0, tp4_poll(self->udp, POLLIN, 0));
}

/* A conversation: the stack's packets are answered, and so on */
TEST_F(zc_stack, ping_pong)
{
	__u32 total = tp4_scaled(20000, 1000), seq;
	struct ends *e = &self->e;
	__u8 data[2048];
	size_t at, len;
	int ret;

	for (seq = 0; seq < total; seq++) {
		len = length_of(seq, ETH_HLEN, 1472);
		tp4_pkt_fill(data, len, seq);
		ASSERT_EQ(len, send(self->udp, data, len, 0));
		ret = end_recv(&e->to, e->pkt);
		ASSERT_LT(0, ret);
		ASSERT_EQ(len, check_l4(e->pkt, ret, IPPROTO_UDP, &at));
		ASSERT_TRUE(tp4_pkt_ok(e->pkt + at, len, seq, len));
		len = fill_udp(e->pkt, self->mac, len, ~seq);
		ASSERT_EQ(0, tp4_send(&e->to.t, e->pkt, len, 0));
		ASSERT_EQ(POLLIN, tp4_poll(self->udp, POLLIN, TP4_WAIT_MS));
		ret = recv(self->udp, data, sizeof(data), MSG_DONTWAIT);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(data, ret, ~seq,
						  len - UDP_HLEN));
	}
}

/* One of several that send numbered packets, a window at a time */
struct sender {
	int fd;
	__u32 first;
	unsigned int total;
	unsigned int received;	/* the reader's */
	int ret;
	pthread_t thread;
};

#define SENDERS		4
#define SENDER_WINDOW	32	/* of all: fewer than the frames, and than veth's ring holds */

static void *sender_run(void *arg)
{
	struct sender *s = arg;
	__u8 pkt[100];
	unsigned int i;

	for (i = 0; i < s->total && !s->ret; i++) {
		while (i - __atomic_load_n(&s->received, __ATOMIC_ACQUIRE) >=
		       SENDER_WINDOW)
			sched_yield();
		tp4_pkt_fill(pkt, sizeof(pkt), s->first + i);
		s->ret = tp4_plain_send(s->fd, pkt, sizeof(pkt));
	}
	return NULL;
}

/*
 * Several threads send by the stack at the same time. Each packet goes into the ring
 * where it is sent, or with NAPI if somebody else is just there: in order either way.
 */
TEST_F(zc_stack, many_threads)
{
	unsigned int total = tp4_scaled(400000, 20000), i;
	struct sender s[SENDERS] = {};
	struct ends *e = &self->e;
	struct sender *from;
	__u32 seq;
	int ret;

	for (i = 0; i < SENDERS; i++) {
		s[i].first = i * total;
		s[i].total = total / SENDERS;
		s[i].fd = tp4_plain_open(e->net.a, 0);
		ASSERT_LE(0, s[i].fd);
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, sender_run,
					    &s[i]));
	}
	for (i = 0; i < total / SENDERS * SENDERS; i++) {
		ret = tp4_recv_wait(&e->to.t, e->pkt, ENDS_MAX_PKT);
		ASSERT_EQ(100, ret);
		seq = tp4_pkt_seq(e->pkt);
		ASSERT_GT(SENDERS, seq / total);
		from = &s[seq / total];
		ASSERT_TRUE(tp4_pkt_ok(e->pkt, ret, from->first + from->received,
				       100));
		__atomic_store_n(&from->received, from->received + 1,
				 __ATOMIC_RELEASE);
	}
	for (i = 0; i < SENDERS; i++) {
		ASSERT_EQ(0, pthread_join(s[i].thread, NULL));
		EXPECT_EQ(0, s[i].ret);
		close(s[i].fd);
	}
	EXPECT_TRUE(end_stats_ok(&e->to, total / SENDERS * SENDERS));
}

/* GRO at the far end puts packets together, and loses nothing of them */
TEST_F(zc_stack, gro)
{
	struct ends *e = &self->e;
	unsigned int i, n, merged = 0, round;
	int one = 1, ret;
	__u8 *data;

	data = malloc(ENDS_MAX_PKT);
	ASSERT_NE(NULL, data);
	ASSERT_EQ(0, tp4_ethtool_set("tp4a", ETHTOOL_SGRO, 1));
	ASSERT_EQ(0, setsockopt(self->udp, IPPROTO_UDP, UDP_GRO, &one,
				sizeof(one)));
	for (round = 0; round < 50; round++) {
		for (i = 0; i < 30; i++) {
			fill_udp(e->pkt, self->mac, 1000, i);
			ASSERT_EQ(1, tp4_queue(&e->to.t, e->pkt,
					       UDP_HLEN + 1000, 0));
		}
		ASSERT_EQ(0, tp4_kick_all(&e->to.t, 30 * (UDP_HLEN + 1000)));
		ASSERT_EQ(0, tp4_complete(&e->to.t));
		for (i = 0; i < 30;) {
			ASSERT_EQ(POLLIN, tp4_poll(self->udp, POLLIN,
						   TP4_WAIT_MS));
			ret = recv(self->udp, data, ENDS_MAX_PKT, MSG_DONTWAIT);
			ASSERT_LT(0, ret);
			ASSERT_EQ(0, ret % 1000);
			if (ret > 1000)
				merged++;
			for (n = 0; n < ret / 1000; n++, i++)
				ASSERT_TRUE(tp4_pkt_ok(data + 1000 * n, 1000,
						       i, 1000));
		}
		ASSERT_EQ(30, i);
	}
	/* Or it was no test of GRO */
	EXPECT_LT(0, merged);
	free(data);
}

/* Two queues, of which one is the stack's: each flow goes where its queue goes */
TEST_F(zc_stack, one_queue_of_two)
{
	struct tp4_netcfg netcfg = { .queues = 2 };
	struct tp4_cfg cfg = { .rx_nr = 64, .tx_nr = 64, .mode = &tp4_zc };
	struct ends *e = &self->e;
	unsigned int flow, i, zc = 0, stack = 0;
	struct tp4 t;
	__u8 *pkt = e->pkt;
	int out, in, ret;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	cfg.ifindex = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4c")));
	ASSERT_EQ(0, tp4_link_up(cfg.ifindex));
	ASSERT_EQ(0, tp4_open(&t, &cfg));
	out = tp4_plain_open(if_nametoindex("tp4c"), 0);
	ASSERT_LE(0, out);
	in = tp4_plain_open(cfg.ifindex, ETH_P_IP);
	ASSERT_LE(0, in);
	for (flow = 0; flow < 64; flow++) {
		unsigned int before_zc = zc;

		for (i = 0; i < 10; i++) {
			size_t len = fill_udp(pkt, self->mac, 100, i);

			/* A flow is its ports */
			pkt[ETH_HLEN + 20] = 10 + flow;
			pkt[ETH_HLEN + 22] = 200 - flow;
			ASSERT_EQ(0, tp4_plain_send(out, pkt, len));
			/* One of the two gets it */
			for (;;) {
				ret = tp4_recv(&t, pkt, ENDS_MAX_PKT);
				ASSERT_LE(0, ret);
				if (ret) {
					zc++;
					break;
				}
				ret = recv(in, pkt, ENDS_MAX_PKT, MSG_DONTWAIT);
				if (ret > 0) {
					stack++;
					break;
				}
				sched_yield();
			}
			ASSERT_EQ(len, ret);
			EXPECT_EQ(10 + flow, pkt[ETH_HLEN + 20]);
			EXPECT_TRUE(tp4_pkt_ok(pkt + UDP_HLEN, 100, i, 100));
		}
		/* The whole flow */
		EXPECT_TRUE(zc == before_zc || zc == before_zc + 10);
	}
	EXPECT_LT(0, zc);
	EXPECT_LT(0, stack);
	EXPECT_EQ(640, zc + stack);
	EXPECT_TRUE(counted("tp4d", &(struct counters) {}, (struct counters) {
		.packets = zc,
		.copied = zc * (UDP_HLEN + 100),
	}));
	EXPECT_EQ(0, count_queue("tp4d", 1).packets);
	tp4_close(&t);
	close(out);
	close(in);
}

/* The stack is told on which queue a packet came in: RPS, fanout and others go by
 * that. The filter lets the queue show in the length of what is received.
 */
TEST_F(zc_stack, queue_of_reception)
{
	struct sock_filter insns[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_QUEUE),
		BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, 100),
		BPF_STMT(BPF_RET | BPF_A, 0),
	};
	struct sock_fprog filter = {
		.len = ARRAY_SIZE(insns), .filter = insns,
	};
	struct tp4_netcfg netcfg = { .queues = 3 };
	struct tp4_mode mode = tp4_zc;
	struct tp4_cfg cfg = { .tx_nr = 8, .mode = &mode };
	struct ends *e = &self->e;
	struct tp4 t;
	int in, queue;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	cfg.ifindex = if_nametoindex("tp4c");
	ASSERT_EQ(0, tp4_link_up(cfg.ifindex));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
	in = tp4_plain_open(if_nametoindex("tp4d"), TP4_ETH_P);
	ASSERT_LE(0, in);
	ASSERT_EQ(0, setsockopt(in, SOL_SOCKET, SO_ATTACH_FILTER, &filter,
				sizeof(filter)));
	for (queue = 0; queue < 3; queue++) {
		mode.zerocopy = queue;
		ASSERT_EQ(0, tp4_open(&t, &cfg));
		tp4_pkt_fill(e->pkt, 1000, queue);
		ASSERT_EQ(0, tp4_send(&t, e->pkt, 1000, 0));
		/* What was recorded is the queue, plus 1 */
		EXPECT_EQ(101 + queue,
			  tp4_plain_recv(in, e->pkt, ENDS_MAX_PKT));
		tp4_close(&t);
	}
	close(in);
}

/* A qdisc that sends in bursts, more than the wire between holds */
TEST_F(zc_stack, qdisc_burst)
{
	struct ends *e = &self->e;
	unsigned int i, round, got;
	int ret, plain, size = 16 << 20;

	plain = tp4_plain_open(e->net.a, 0);
	ASSERT_LE(0, plain);
	ASSERT_EQ(0, setsockopt(plain, SOL_SOCKET, SO_SNDBUFFORCE, &size,
				sizeof(size)));
	for (round = 0; round < 5; round++) {
		ASSERT_EQ(0, tp4_plug_add(e->net.a, 100, 64 << 20));
		for (i = 0; i < 500; i++) {
			tp4_pkt_fill(e->pkt, 90, i);
			ASSERT_EQ(0, tp4_plain_send(plain, e->pkt, 90));
		}
		ASSERT_EQ(0, tp4_plug_open(e->net.a));
		/* All of them: a qdisc holds back what there is no room for */
		for (got = 0; got < 500; got++) {
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, got,
							  90));
		}
		/* That opened the plug */
		ASSERT_EQ(ETH_ZLEN, end_recv(&e->to, e->pkt));
		ASSERT_EQ(0, tp4_plug_del(e->net.a));
	}
	close(plain);
}

TEST_HARNESS_MAIN

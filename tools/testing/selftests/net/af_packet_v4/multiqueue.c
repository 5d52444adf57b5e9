// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: packets from several queues and CPUs into one socket, and
 * several threads that send on one: each packet once, each flow in order.
 *
 * On one CPU the same must hold; then it is the scheduler that interleaves.
 */

#include <sched.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define FLOWS		4
#define WINDOW		64	/* a flow's packets under way; backlog is 1000 */
#define RING		1024
#define RPS_DEFAULT	"/proc/sys/net/core/rps_default_mask"
#define MAX_PKT		4096

FIXTURE(multiqueue) {
	struct tp4_net net;
	__u8 pkt[MAX_PKT];
};

FIXTURE_VARIANT(multiqueue) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(multiqueue, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(multiqueue, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_SETUP(multiqueue)
{
	struct tp4_netcfg cfg = { .queues = FLOWS, .mtu = 3000 };

	ASSERT_EQ(0, tp4_net_new(&self->net, &cfg));
}

FIXTURE_TEARDOWN(multiqueue)
{
	EXPECT_TRUE(tp4_pins_balanced());
}

/* UDP, so that queues and CPUs are chosen by flow; the payload is numbered */
static size_t flow_len(__u32 seq)
{
	return TP4_IP4_HLEN + ETH_HLEN + (seq * 131) % 2800;
}

static void flow_fill(__u8 *pkt, unsigned int flow, __u32 seq)
{
	struct tp4_ip4 ip = {
		.saddr = 0xc0000202, .daddr = 0xc0000201 + flow,
		.sport = 1000 + 77 * flow, .dport = 9, .proto = IPPROTO_UDP,
	};

	tp4_ip4_fill(pkt, flow_len(seq), &ip, seq);
}

/* Which flow the packet is of, -1: of none */
static int flow_of(const __u8 *pkt, int len)
{
	struct tp4_ip4 ip;

	if (len < 0 || !tp4_ip4_read(pkt, len, &ip) || ip.proto != IPPROTO_UDP)
		return -1;
	return ip.daddr - 0xc0000201 < FLOWS ? (int)(ip.daddr - 0xc0000201) : -1;
}

struct flow {
	unsigned int nr;
	int ifindex;
	const struct tp4_mode *mode;
	struct tp4 *socket;	/* shared by all, or NULL: its own */
	pthread_mutex_t *lock;	/* of the shared socket's user side */
	__u32 total;
	__u32 received;		/* told by the receiver */
	int ret;
};

static int flow_send_own(struct flow *f, struct tp4 *t, __u8 *pkt, __u32 from,
			 __u32 to)
{
	int ret;

	for (; from < to; from++) {
		flow_fill(pkt, f->nr, from);
		ret = tp4_queue(t, pkt, flow_len(from), 0);
		if (ret < 0)
			return ret;
	}
	ret = tp4_kick(t, 0);
	if (ret < 0)
		return ret;
	return tp4_complete(t);
}

/*
 * The ring has one user at a time, so the threads take turns at that; send()
 * they call all at once. Whose kick it is that sends a packet does not matter.
 */
static int flow_send_shared(struct flow *f, __u8 *pkt, __u32 from, __u32 to)
{
	int ret, done;

	for (; from < to; from++) {
		flow_fill(pkt, f->nr, from);
		do {
			pthread_mutex_lock(f->lock);
			ret = tp4_queue(f->socket, pkt, flow_len(from), 0);
			done = tp4_complete(f->socket);
			pthread_mutex_unlock(f->lock);
			if (done < 0)
				return done;
			if (ret == -EAGAIN && tp4_kick(f->socket, 0) < 0)
				return -EIO;
		} while (ret == -EAGAIN);
		if (ret < 0)
			return ret;
		if (!(from % 8) || from == to - 1) {
			ret = tp4_kick(f->socket, 0);
			if (ret < 0)
				return ret;
		}
	}
	return 0;
}

static void *flow_send(void *arg)
{
	struct tp4_cfg cfg = { .tx_nr = 256 };
	struct flow *f = arg;
	__u8 pkt[MAX_PKT];
	__u32 sent = 0, to;
	struct tp4 own;

	tp4_pin_cpu(f->nr);
	cfg.ifindex = f->ifindex;
	cfg.mode = f->mode;
	if (!f->socket) {
		f->ret = tp4_open(&own, &cfg);
		if (f->ret)
			return NULL;
	}
	while (sent < f->total) {
		to = __atomic_load_n(&f->received, __ATOMIC_ACQUIRE) + WINDOW;
		if (to > f->total)
			to = f->total;
		if (sent == to) {
			sched_yield();
			continue;
		}
		f->ret = f->socket ?
			 flow_send_shared(f, pkt, sent, to) :
			 flow_send_own(f, &own, pkt, sent, to);
		if (f->ret)
			break;
		sent = to;
	}
	if (!f->socket)
		tp4_close(&own);
	return NULL;
}

/* Runs all flows against @rx; each packet of each must come, in order */
static void run_flows(struct __test_metadata *_metadata,
		      struct _test_data_multiqueue *self,
		      const struct tp4_mode *mode, struct tp4 *rx,
		      struct tp4 *shared, unsigned int per_flow)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	__u64 left = (__u64)per_flow * FLOWS;
	struct flow flows[FLOWS] = {};
	struct tpacket_stats_v4 st;
	pthread_t threads[FLOWS];
	unsigned int i;
	int len, flow;

	for (i = 0; i < FLOWS; i++) {
		flows[i].nr = i;
		flows[i].ifindex = self->net.b;
		flows[i].mode = mode;
		flows[i].socket = shared;
		flows[i].lock = &lock;
		flows[i].total = per_flow;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, flow_send,
					    &flows[i]));
	}
	while (left) {
		len = tp4_recv_wait(rx, self->pkt, MAX_PKT);
		ASSERT_LT(0, len)
			TH_LOG("%llu packets missing; flows at %u %u %u %u",
			       (unsigned long long)left, flows[0].received,
			       flows[1].received, flows[2].received,
			       flows[3].received);
		flow = flow_of(self->pkt, len);
		ASSERT_LE(0, flow);
		ASSERT_TRUE(tp4_ip4_ok(self->pkt, len, flows[flow].received,
				       flow_len(flows[flow].received)))
			TH_LOG("flow %d", flow);
		__atomic_store_n(&flows[flow].received,
				 flows[flow].received + 1, __ATOMIC_RELEASE);
		left--;
	}
	for (i = 0; i < FLOWS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, flows[i].ret);
		EXPECT_EQ(per_flow, flows[i].received);
	}
	EXPECT_EQ(0, tp4_recv(rx, self->pkt, MAX_PKT));
	ASSERT_EQ(0, tp4_stats(rx->fd, &st));
	EXPECT_EQ(per_flow * FLOWS, st.tp_packets);
	EXPECT_EQ(0, st.tp_drops);
	EXPECT_TRUE(tp4_guards_ok(rx));
}

TEST_F(multiqueue, many_queues_into_one_socket)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = RING };
	struct tp4 rx;

	ASSERT_EQ(0, tp4_open(&rx, &cfg));
	run_flows(_metadata, self, variant->mode, &rx, NULL,
		  tp4_scaled(100000, 2000));
	tp4_close(&rx);
}

/* The stack moves flows to other CPUs before they come to the socket */
TEST_F(multiqueue, steered_to_all_cpus)
{
	struct tp4_netcfg netcfg = { .queues = FLOWS, .mtu = 3000 };
	struct tp4_cfg cfg = { .rx_nr = RING };
	struct tp4 rx;
	char mask[16];

	/* The namespace's default, for devices that are made from now on */
	if (access(RPS_DEFAULT, W_OK))
		SKIP(return, "no RPS: this kernel is for one CPU, or without CONFIG_RPS");
	snprintf(mask, sizeof(mask), "%x",
		 (1U << (tp4_cpus() < 8 ? tp4_cpus() : 8)) - 1);
	ASSERT_EQ(0, tp4_write_file(RPS_DEFAULT, mask));
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &netcfg));
	self->net.a = if_nametoindex("tp4c");
	self->net.b = if_nametoindex("tp4d");
	ASSERT_EQ(0, tp4_link_up(self->net.a));
	ASSERT_EQ(0, tp4_link_up(self->net.b));
	cfg.ifindex = self->net.a;
	ASSERT_EQ(0, tp4_open(&rx, &cfg));
	run_flows(_metadata, self, variant->mode, &rx, NULL,
		  tp4_scaled(100000, 2000));
	tp4_close(&rx);
}

/* A ring just large enough, so that it is full and empty all the time */
TEST_F(multiqueue, small_ring)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = 2 * FLOWS * WINDOW,
	};
	struct tp4 rx;

	ASSERT_EQ(0, tp4_open(&rx, &cfg));
	run_flows(_metadata, self, variant->mode, &rx, NULL,
		  tp4_scaled(50000, 2000));
	tp4_close(&rx);
}

TEST_F(multiqueue, many_threads_send_on_one_socket)
{
	struct tp4_cfg cfg = { .ifindex = self->net.a, .rx_nr = RING };
	struct tp4_cfg txcfg = {
		.ifindex = self->net.b, .mode = variant->mode, .tx_nr = 64,
	};
	struct tp4 rx, tx;

	ASSERT_EQ(0, tp4_open(&rx, &cfg));
	ASSERT_EQ(0, tp4_open(&tx, &txcfg));
	run_flows(_metadata, self, variant->mode, &rx, &tx,
		  tp4_scaled(50000, 2000));
	EXPECT_EQ(0, tp4_complete(&tx));
	EXPECT_EQ(0, tp4q_num_held(&tx.txq));
	tp4_close(&tx);
	tp4_close(&rx);
}

/* One buffer, and a socket for each of several receivers and senders */
struct receiver {
	struct tp4 t;
	__u32 received[FLOWS];
	__u32 total;
	int ret;
};

static void *receive_all(void *arg)
{
	struct receiver *r = arg;
	__u64 left = (__u64)r->total * FLOWS;
	__u8 pkt[MAX_PKT];
	int len, flow;

	while (left--) {
		len = tp4_recv_wait(&r->t, pkt, sizeof(pkt));
		flow = len > 0 ? flow_of(pkt, len) : -1;
		if (flow < 0 ||
		    !tp4_ip4_ok(pkt, len, r->received[flow],
				flow_len(r->received[flow]))) {
			r->ret = len < 0 ? len : -EBADMSG;
			return NULL;
		}
		__atomic_store_n(&r->received[flow], r->received[flow] + 1,
				 __ATOMIC_RELEASE);
	}
	return NULL;
}

TEST_F(multiqueue, one_buffer_many_sockets)
{
	struct tp4_cfg cfg = {
		.ifindex = self->net.a, .rx_nr = RING,
		.frames = 3 * RING,
	};
	unsigned int total = tp4_scaled(20000, 1000), i, k;
	struct receiver r[3] = {};
	struct flow flows[FLOWS] = {};
	pthread_t threads[FLOWS], rthreads[3];
	__u32 least, seen;
	bool done;

	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, tp4_open(&r[i].t, &cfg));
		cfg.share = &r[0].t;
		cfg.first += RING;
		r[i].total = total;
		ASSERT_EQ(0, pthread_create(&rthreads[i], NULL, receive_all,
					    &r[i]));
	}
	for (i = 0; i < FLOWS; i++) {
		flows[i].nr = i;
		flows[i].ifindex = self->net.b;
		flows[i].mode = variant->mode;
		flows[i].total = total;
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, flow_send,
					    &flows[i]));
	}
	/* A flow goes on when the slowest receiver has it */
	do {
		done = true;
		for (i = 0; i < FLOWS; i++) {
			least = total;
			for (k = 0; k < 3; k++) {
				seen = __atomic_load_n(&r[k].received[i],
						       __ATOMIC_ACQUIRE);
				if (!__atomic_load_n(&r[k].ret,
						     __ATOMIC_RELAXED) &&
				    seen < least)
					least = seen;
			}
			__atomic_store_n(&flows[i].received, least,
					 __ATOMIC_RELEASE);
			if (least < total)
				done = false;
		}
		sched_yield();
	} while (!done);
	for (i = 0; i < FLOWS; i++) {
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
		EXPECT_EQ(0, flows[i].ret);
	}
	for (i = 0; i < 3; i++) {
		ASSERT_EQ(0, pthread_join(rthreads[i], NULL));
		EXPECT_EQ(0, r[i].ret);
		for (k = 0; k < FLOWS; k++)
			EXPECT_EQ(total, r[i].received[k]);
	}
	EXPECT_TRUE(tp4_guards_ok(&r[0].t));
	for (i = 3; i > 0; i--)
		tp4_close(&r[i - 1].t);
}

TEST_HARNESS_MAIN

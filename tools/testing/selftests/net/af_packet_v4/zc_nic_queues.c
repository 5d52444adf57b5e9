// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 in zero copy on several queue pairs of a network card at once, while
 * the stack keeps the others: each packet arrives once, whole, in the order of its
 * flow, and on the queue that the card was told of, by its hash (ethtool -X) or by a
 * rule (ethtool -N); whatever is done to the device, or to a queue, meanwhile.
 *
 * Which queue that is, the test works out by itself from what ethtool says of the
 * key and the table. What the ports are is in tp4_nic.h.
 */

#include <sched.h>
#include <linux/ethtool.h>

#include "../../kselftest_harness.h"
#include "tp4_nic.h"

#define QUEUES		4
#define FLOWS		24
#define RING		256
#define WINDOW		8	/* a flow's packets under way */
#define LEAST		60	/* shorter ones are padded on the wire */
#define DPORT		5000
#define STALLED_MS	50	/* packets of a flow that do not come are lost */
#define EPOCH_SHIFT	20
#define HELD(q)		(1U << (q))
#define ALL_QUEUES	(HELD(QUEUES) - 1)
#define NOBODY		-1

/* Packets that are told apart by their ports; senders share them out */
struct flow {
	struct tp4_ip4 ip;
	int queue;		/* that they are to come on; NOBODY: there are none */
	__u32 sent;
	__u32 received;		/* told by the receiver */
	__u32 lost;		/* before the last one that came */
};

struct mq;

/* A socket in zero copy on a queue of B, or the stack */
struct receiver {
	struct mq *m;
	bool held;
	unsigned int queue;
	struct tp4 t;
	int plain;
	pthread_t thread;
	__u64 good;
	unsigned int bad;	/* not what was sent, or not in order */
	unsigned int strange;	/* on the wrong queue */
	bool back[QUEUES * 2 * RING];	/* frames that came back, as the queue is gone */
	unsigned int backs;
};

/* A socket in zero copy on a queue of A, or on the stack */
struct sender {
	struct mq *m;
	unsigned int nr;
	struct tp4 t;
	int plain;
	pthread_t thread;
	int ret;
};

struct mq {
	struct end a, b;
	bool zc_from;
	unsigned int held;	/* queues of B, a bit each */
	struct receiver rx[QUEUES + 1];		/* the last one is the stack */
	struct sender tx[QUEUES];
	struct flow flow[FLOWS];
	unsigned int epoch;
	__u32 total;		/* of each flow */
	bool loose;		/* packets may be lost, or come twice */
	bool stop;
	long long counted[QUEUES];
};

/* ---- traffic ---------------------------------------------------------------- */

static size_t flow_len(__u32 seq)
{
	return LEAST + (seq * 131) % (ETH_FRAME_LEN - LEAST + 1);
}

static struct flow *flow_of(struct mq *m, const __u8 *pkt, int len)
{
	struct tp4_ip4 ip;
	unsigned int i;

	if (len < 0 || !tp4_ip4_read(pkt, len, &ip))
		return NULL;
	for (i = 0; i < FLOWS; i++)
		if (!memcmp(&ip, &m->flow[i].ip, sizeof(ip)))
			return &m->flow[i];
	return NULL;
}

static void take(struct receiver *r, const __u8 *pkt, int len)
{
	struct flow *f = flow_of(r->m, pkt, len);
	__u32 seq, nr;

	seq = f ? tp4_ip4_seq(pkt) : 0;
	if (!f || !tp4_ip4_ok(pkt, len, seq, flow_len(seq))) {
		r->bad++;
		return;
	}
	/* From before something happened */
	if (seq >> EPOCH_SHIFT != r->m->epoch)
		return;
	nr = seq & ((1U << EPOCH_SHIFT) - 1);
	if (r->held ? (int)r->queue != f->queue :
	    f->queue == NOBODY || r->m->held & HELD(f->queue))
		r->strange++;
	if (nr < f->received) {
		r->bad += !r->m->loose;
		return;
	}
	r->good++;
	f->lost += nr - f->received;
	__atomic_store_n(&f->received, nr + 1, __ATOMIC_RELEASE);
}

static unsigned int take_held(struct receiver *r)
{
	struct tpacket4_desc d;
	unsigned int n = 0;

	while (tp4_rx_next(&r->t, &d)) {
		n++;
		if (d.error == ENETDOWN) {
			r->bad += !r->m->loose || r->back[d.idx];
			r->back[d.idx] = true;
			r->backs++;
			continue;
		}
		if (!d.error && !(d.flags & TP4_PKT_CONT))
			take(r, tp4_frame(&r->t, d.idx) + d.offset, d.len);
		else if (!r->m->loose)
			r->bad++;
		tp4_rx_give(&r->t, d.idx);
	}
	return n;
}

static unsigned int take_plain(struct receiver *r)
{
	__u8 pkt[2 * ETH_FRAME_LEN];
	unsigned int n = 0;
	ssize_t len;

	while ((len = recv(r->plain, pkt, sizeof(pkt), MSG_DONTWAIT)) > 0) {
		take(r, pkt, len);
		n++;
	}
	return n;
}

static void *receive(void *arg)
{
	struct receiver *r = arg;
	bool stop;

	tp4_pin_cpu(r->queue);
	do {
		stop = __atomic_load_n(&r->m->stop, __ATOMIC_ACQUIRE);
		if (r->held ? take_held(r) : take_plain(r))
			continue;
		tp4_poll(r->held ? r->t.fd : r->plain, POLLIN, 5);
		/* It may be down, and then poll() does not wait */
		sched_yield();
	} while (!stop);
	return NULL;
}

static int give(struct sender *s, const struct flow *f, __u8 *pkt, __u32 seq)
{
	size_t len;
	int ret;

	seq |= s->m->epoch << EPOCH_SHIFT;
	len = flow_len(seq);
	tp4_ip4_fill(pkt, len, &f->ip, seq);
	if (s->m->zc_from) {
		ret = tp4_queue(&s->t, pkt, len, 0);
		return ret < 0 ? ret : 0;
	}
	if (send(s->plain, pkt, len, MSG_DONTWAIT) == (ssize_t)len)
		return 0;
	return s->m->loose || errno == ENOBUFS || errno == EAGAIN ? -EAGAIN :
								     -errno;
}

/* What the window allows of each flow; how many packets that were */
static int give_all(struct sender *s, __u8 *pkt, bool stalled)
{
	struct mq *m = s->m;
	unsigned int i;
	int ret, n = 0;

	for (i = s->nr; i < FLOWS; i += QUEUES) {
		struct flow *f = &m->flow[i];
		__u32 to = __atomic_load_n(&f->received, __ATOMIC_ACQUIRE) +
			   WINDOW;

		if (f->queue == NOBODY)
			continue;
		if (stalled && to <= f->sent)
			to = f->sent + 1;
		while (f->sent < to && f->sent < m->total) {
			ret = give(s, f, pkt, f->sent);
			if (ret == -EAGAIN)
				break;
			if (ret)
				return ret;
			f->sent++;
			n++;
		}
	}
	return n;
}

static void *send_all(void *arg)
{
	unsigned long long last = tp4_now_ms();
	__u8 pkt[2 * ETH_FRAME_LEN];
	struct sender *s = arg;
	struct mq *m = s->m;
	int ret, n;

	tp4_pin_cpu(s->nr);
	while (!__atomic_load_n(&m->stop, __ATOMIC_ACQUIRE)) {
		n = give_all(s, pkt, m->loose &&
			     tp4_now_ms() > last + STALLED_MS);
		if (n > 0)
			last = tp4_now_ms();
		ret = n < 0 ? n : 0;
		if (!ret && m->zc_from) {
			ret = tp4_kick(&s->t, MSG_DONTWAIT);
			ret = ret < 0 && ret != -EAGAIN ? ret : 0;
			ret = tp4_complete(&s->t) ?: ret;
		}
		if (ret && !m->loose) {
			s->ret = ret;
			return NULL;
		}
		if (n <= 0)
			usleep(500);
	}
	return NULL;
}

/*
 * Polls of the driver that had begun have ended: none is interrupted by a thread.
 * What has been seen has been counted then.
 */
static void let_polls_end(void)
{
	unsigned int i;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus))
		return;
	for (i = 0; i < tp4_cpus(); i++)
		tp4_pin_cpu(i);
	sched_setaffinity(0, sizeof(cpus), &cpus);
}

/* What the card has counted on each queue of B */
static void read_counters(struct mq *m, long long *counters)
{
	char name[32];
	unsigned int q;

	for (q = 0; q < QUEUES; q++) {
		snprintf(name, sizeof(name), "rx-%u.packets", q);
		counters[q] = tp4_ethtool_stat(m->b.dev, name);
	}
}

/* So many packets of each flow, from now on */
static int start(struct mq *m, __u32 total, bool loose)
{
	unsigned int i;
	int ret = 0;

	m->epoch++;
	m->total = total;
	m->loose = loose;
	m->stop = false;
	for (i = 0; i < FLOWS; i++) {
		m->flow[i].sent = 0;
		m->flow[i].received = 0;
		m->flow[i].lost = 0;
	}
	for (i = 0; i <= QUEUES; i++) {
		m->rx[i].good = 0;
		m->rx[i].bad = 0;
		m->rx[i].strange = 0;
	}
	let_polls_end();
	read_counters(m, m->counted);
	for (i = 0; !ret && i <= QUEUES; i++)
		if (i == QUEUES || m->rx[i].held)
			ret = pthread_create(&m->rx[i].thread, NULL, receive,
					     &m->rx[i]);
	for (i = 0; !ret && i < QUEUES; i++) {
		m->tx[i].ret = 0;
		ret = pthread_create(&m->tx[i].thread, NULL, send_all,
				     &m->tx[i]);
	}
	return -ret;
}

static void end(struct mq *m)
{
	unsigned int i;

	__atomic_store_n(&m->stop, true, __ATOMIC_RELEASE);
	for (i = 0; i < QUEUES; i++)
		pthread_join(m->tx[i].thread, NULL);
	for (i = 0; i <= QUEUES; i++)
		if (i == QUEUES || m->rx[i].held)
			pthread_join(m->rx[i].thread, NULL);
}

/* Until all have come, or none has for so long */
static bool arrived(struct mq *m, unsigned int patience_ms)
{
	unsigned long long last = tp4_now_ms();
	__u64 sum, was = 0, want = 0;
	unsigned int i;

	for (i = 0; i < FLOWS; i++)
		if (m->flow[i].queue != NOBODY)
			want += m->total;
	for (;;) {
		for (sum = 0, i = 0; i < FLOWS; i++)
			sum += __atomic_load_n(&m->flow[i].received,
					       __ATOMIC_ACQUIRE);
		if (sum == want)
			return true;
		if (sum != was)
			last = tp4_now_ms();
		was = sum;
		if (tp4_now_ms() > last + patience_ms)
			return false;
		usleep(2000);
	}
}

/* Nothing but what was sent has come, and on the right queues */
static int verify(struct mq *m)
{
	unsigned int i, bad = 0;

	for (i = 0; i <= QUEUES; i++) {
		struct receiver *r = &m->rx[i];

		if (!r->bad && !r->strange)
			continue;
		bad++;
		fprintf(stderr, "# %s %u: %llu good, %u bad, %u of other queues\n",
			r->held ? "queue" : "the stack", i,
			(unsigned long long)r->good, r->bad, r->strange);
	}
	for (i = 0; i < QUEUES; i++) {
		if (!m->tx[i].ret)
			continue;
		bad++;
		fprintf(stderr, "# sender %u: %s\n", i, strerror(-m->tx[i].ret));
	}
	return bad ? -EPROTO : 0;
}

/* PACKET_STATISTICS since they were read last */
static bool socket_counts(struct receiver *r, __u64 want)
{
	struct tpacket_stats_v4 st;

	if (tp4_stats(r->t.fd, &st))
		return false;
	if (st.tp_packets == want && !st.tp_drops && r->good == want)
		return true;
	fprintf(stderr, "# queue %u: %llu packets expected, %llu seen, %u counted, %u lost\n",
		r->queue, (unsigned long long)want, (unsigned long long)r->good,
		st.tp_packets, st.tp_drops);
	return false;
}

/* ... each once; the card and the sockets have counted them */
static int verify_counts(struct mq *m)
{
	long long now[QUEUES];
	__u64 due[QUEUES] = {};
	unsigned int i;

	for (i = 0; i < FLOWS; i++) {
		struct flow *f = &m->flow[i];

		if (f->queue == NOBODY)
			continue;
		due[f->queue] += m->total;
		if (f->received == m->total && !f->lost)
			continue;
		fprintf(stderr, "# flow %u, queue %d: %u of %u, %u lost\n", i,
			f->queue, f->received, m->total, f->lost);
		return -EPROTO;
	}
	let_polls_end();
	read_counters(m, now);
	for (i = 0; i < QUEUES; i++) {
		now[i] -= m->counted[i];
		if (now[i] != (long long)due[i]) {
			fprintf(stderr, "# queue %u: %llu packets expected, %lld counted\n",
				i, (unsigned long long)due[i], now[i]);
			return -EPROTO;
		}
		if (m->rx[i].held && !socket_counts(&m->rx[i], due[i]))
			return -EPROTO;
	}
	return 0;
}

static int finish(struct mq *m)
{
	bool all = arrived(m, TP4_WAIT_MS);

	end(m);
	return verify(m) ?: verify_counts(m) ?: all ? 0 : -ETIMEDOUT;
}

static int traffic(struct mq *m, __u32 total)
{
	return start(m, total, false) ?: finish(m);
}

/* What the sockets have counted so far is of no interest */
static void forget(struct mq *m)
{
	struct tpacket_stats_v4 st;
	unsigned int i;

	let_polls_end();
	for (i = 0; i < QUEUES; i++)
		if (m->rx[i].held)
			tp4_stats(m->rx[i].t.fd, &st);
}

/* After a reset, the driver sets the card's filters in its own time */
static int ready(struct mq *m)
{
	int ret = nic_wait_carrier(m->a.dev) ?: nic_wait_carrier(m->b.dev);

	if (!ret && have_model())
		ret = model("wait 60 receives 1 status");
	return ret;
}

/* Until a packet of each flow gets through; what was under way is gone then */
static int settle(struct mq *m)
{
	unsigned long long deadline = tp4_now_ms() + TP4_WAIT_MS;
	int ret = ready(m);
	bool all = false;

	while (!ret && !all && tp4_now_ms() < deadline) {
		ret = start(m, 1, true);
		if (ret)
			break;
		all = arrived(m, 500);
		end(m);
	}
	forget(m);
	if (!ret && !all) {
		fprintf(stderr, "# not all flows get through any more\n");
		ret = -ETIMEDOUT;
	}
	return ret;
}

/* ---- which queue ------------------------------------------------------------ */

/* The hash of Toeplitz: a window of 32 bits that moves over the key */
static __u32 toeplitz(const __u8 *key, const __u8 *data, unsigned int len)
{
	__u32 hash = 0, window;
	unsigned int i;

	memcpy(&window, key, sizeof(window));
	window = ntohl(window);
	for (i = 0; i < 8 * len; i++) {
		if (data[i / 8] & 0x80 >> i % 8)
			hash ^= window;
		window = window << 1 |
			 !!(key[4 + i / 8] & 0x80 >> i % 8);
	}
	return hash;
}

/* By the key and the table that ethtool -x shows */
static int flows_by_hash(struct mq *m, unsigned int from, unsigned int to)
{
	struct ethtool_rxfh head = { .cmd = ETHTOOL_GRSSH };
	struct ethtool_rxfh *h;
	unsigned int i, size;
	__u32 addr[2], hash;
	__u16 port[2];
	__u8 data[12];
	int ret;

	ret = tp4_ethtool(m->b.dev, &head);
	if (ret)
		return ret;
	size = head.indir_size * sizeof(__u32) + head.key_size;
	h = calloc(1, sizeof(*h) + size + sizeof(data));
	if (!h)
		return -ENOMEM;
	h->cmd = ETHTOOL_GRSSH;
	h->indir_size = head.indir_size;
	h->key_size = head.key_size;
	ret = tp4_ethtool(m->b.dev, h);
	for (i = from; !ret && i < to; i++) {
		struct tp4_ip4 *ip = &m->flow[i].ip;

		addr[0] = htonl(ip->saddr);
		addr[1] = htonl(ip->daddr);
		port[0] = htons(ip->sport);
		port[1] = htons(ip->dport);
		memcpy(data, addr, 8);
		memcpy(data + 8, port, 4);
		hash = toeplitz((__u8 *)(h->rss_config + h->indir_size), data,
				ip->proto == IPPROTO_UDP ? 12 : 8);
		m->flow[i].queue = h->rss_config[hash % h->indir_size];
	}
	free(h);
	return ret;
}

/* As ethtool -N does, but at once: to start it takes emulated CPUs seconds */
static int rule(struct mq *m, unsigned int i, __u32 cmd)
{
	struct ethtool_rxnfc nfc = {
		.cmd = cmd,
		.fs = {
			.flow_type = UDP_V4_FLOW,
			.h_u.udp_ip4_spec.pdst = htons(m->flow[i].ip.dport),
			.m_u.udp_ip4_spec.pdst = htons(0xffff),
			.ring_cookie = m->flow[i].queue,
			.location = i + 1,
		},
	};
	int ret = tp4_ethtool(m->b.dev, &nfc);

	if (ret)
		fprintf(stderr, "# steering flow %u (command %#x): %s\n", i, cmd,
			strerror(-ret));
	return ret;
}

/* A rule for each, so that no hash would do the same */
static int flows_by_rule(struct mq *m)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < FLOWS; i++) {
		m->flow[i].queue = (i / QUEUES + i) % QUEUES;
		ret = rule(m, i, ETHTOOL_SRXCLSRLINS);
	}
	return ret;
}

static int delete_rules(struct mq *m)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < FLOWS; i++)
		ret = rule(m, i, ETHTOOL_SRXCLSRLDEL);
	return ret;
}

static void all_flows(struct mq *m)
{
	unsigned int i;

	for (i = 0; i < FLOWS; i++)
		m->flow[i] = (struct flow) {
			.ip = {
				.saddr = 0xc6120001, .daddr = 0xc6120002,
				.sport = 2000 + 7 * i, .dport = DPORT + i,
				.proto = IPPROTO_UDP,
			},
			.queue = NOBODY,
		};
}

/* No test tells anything of a queue that nothing comes on */
static int all_queues_used(const struct mq *m)
{
	unsigned int i, queues = 0;

	for (i = 0; i < FLOWS; i++)
		if (m->flow[i].queue != NOBODY)
			queues |= HELD(m->flow[i].queue);
	if (queues == ALL_QUEUES)
		return 0;
	fprintf(stderr, "# nothing comes on some queue: %#x\n", queues);
	return -ENODATA;
}

/* ---- sockets ---------------------------------------------------------------- */

/* With what is special to its packet buffer */
static int open_receiver_with(struct mq *m, unsigned int queue,
			      struct tp4_cfg cfg)
{
	struct tp4_mode mode = { .zerocopy = queue };
	int ret;

	cfg.ifindex = m->b.ifindex;
	cfg.mode = &mode;
	cfg.rx_nr = RING;
	cfg.tx_nr = RING;
	ret = tp4_open(&m->rx[queue].t, &cfg);
	if (ret)
		return ret;
	memset(m->rx[queue].back, 0, sizeof(m->rx[queue].back));
	m->rx[queue].backs = 0;
	m->rx[queue].held = true;
	m->held |= HELD(queue);
	return 0;
}

static int open_receiver(struct mq *m, unsigned int queue)
{
	return open_receiver_with(m, queue, (struct tp4_cfg) {});
}

static void close_receiver(struct mq *m, unsigned int queue)
{
	if (!m->rx[queue].held)
		return;
	m->rx[queue].held = false;
	m->held &= ~HELD(queue);
	tp4_close(&m->rx[queue].t);
}

static int open_receivers(struct mq *m, unsigned int queues)
{
	unsigned int q;
	int ret = 0;

	for (q = 0; !ret && q < QUEUES; q++)
		if (queues & HELD(q))
			ret = open_receiver(m, q);
	return ret;
}

/* Transmit queues of A, all sent from one packet buffer */
static int open_senders(struct mq *m)
{
	struct tp4_mode mode = {};
	struct tp4_cfg cfg = {
		.ifindex = m->a.ifindex, .mode = &mode, .tx_nr = RING,
		.frames = QUEUES * RING,
	};
	unsigned int i;
	int ret = 0;

	for (i = 0; !ret && i < QUEUES; i++) {
		if (!m->zc_from) {
			m->tx[i].plain = tp4_plain_open(m->a.ifindex, 0);
			ret = m->tx[i].plain < 0 ? m->tx[i].plain : 0;
			continue;
		}
		mode.zerocopy = i;
		ret = tp4_open(&m->tx[i].t, &cfg);
		cfg.share = &m->tx[0].t;
		cfg.first += RING;
	}
	return ret;
}

static int sockets_are_well(struct mq *m)
{
	unsigned int q;

	for (q = 0; q < QUEUES; q++) {
		if (!m->rx[q].held)
			continue;
		if (tp4_get_queue(m->rx[q].t.fd) != (int)q ||
		    !tp4_guards_ok(&m->rx[q].t)) {
			fprintf(stderr, "# queue %u: not as it was\n", q);
			return -EPROTO;
		}
	}
	return 0;
}

/* Every frame that a socket has given comes back */
static int all_frames_back(struct mq *m)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < QUEUES; i++) {
		if (m->rx[i].held && frames_are_back(&m->rx[i].t))
			ret = -EPROTO;
		if (m->zc_from && frames_are_back(&m->tx[i].t))
			ret = -EPROTO;
	}
	return ret;
}

/* As a card is that nobody has told anything */
static int nic_defaults(const char *dev)
{
	int ret = run("ethtool -K %s ntuple off && ethtool -K %s ntuple on",
		      dev, dev);

	if (!ret && nic_queues(dev, false) != QUEUES)
		ret = run("ethtool -L %s combined %u", dev, QUEUES);
	return ret ?: run("ethtool -X %s default", dev);
}

static int mq_setup(struct mq *m, bool zc_from)
{
	unsigned int i;
	int ret;

	memset(m, 0, sizeof(*m));
	m->zc_from = zc_from;
	m->a.dev = nic_a();
	m->b.dev = nic_b();
	for (i = 0; i <= QUEUES; i++) {
		m->rx[i].m = m;
		m->rx[i].queue = i;
		m->rx[i].plain = -1;
		m->rx[i].t.fd = -1;
	}
	for (i = 0; i < QUEUES; i++) {
		m->tx[i].m = m;
		m->tx[i].nr = i;
		m->tx[i].plain = -1;
		m->tx[i].t.fd = -1;
	}
	all_flows(m);
	ret = nic_up(&m->a, ETH_DATA_LEN) ?: nic_up(&m->b, ETH_DATA_LEN) ?:
	      nic_defaults(m->b.dev);
	if (ret)
		return ret;
	m->rx[QUEUES].plain = tp4_plain_open(m->b.ifindex, ETH_P_IP);
	return m->rx[QUEUES].plain < 0 ? m->rx[QUEUES].plain : 0;
}

static void mq_free(struct mq *m)
{
	unsigned int i;

	for (i = 0; i < QUEUES; i++) {
		close_receiver(m, i);
		if (m->tx[QUEUES - 1 - i].t.fd >= 0)
			tp4_close(&m->tx[QUEUES - 1 - i].t);
		if (m->tx[i].plain >= 0)
			close(m->tx[i].plain);
	}
	if (m->rx[QUEUES].plain >= 0)
		close(m->rx[QUEUES].plain);
	if (m->b.ifindex)
		nic_defaults(m->b.dev);
}

/* NULL, or why there is nothing to test */
static const char *missing(void)
{
	if (!have_nics())
		return "TP4_NIC_A and TP4_NIC_B are not set";
	if (nic_queues(nic_a(), false) < QUEUES ||
	    nic_queues(nic_b(), false) < QUEUES)
		return "the ports have too few queues";
	return NULL;
}

/* ---- tests ------------------------------------------------------------------ */

FIXTURE(zc_nic_queues) {
	struct mq m;
};

FIXTURE_VARIANT(zc_nic_queues) {
	bool zc_from;
	bool rules;
	unsigned int held;
};

FIXTURE_VARIANT_ADD(zc_nic_queues, hash) {
	.zc_from = true,
	.held = HELD(1) | HELD(3),
};

FIXTURE_VARIANT_ADD(zc_nic_queues, hash_from_stack) {
	.held = HELD(0) | HELD(2),
};

FIXTURE_VARIANT_ADD(zc_nic_queues, hash_no_stack) {
	.zc_from = true,
	.held = ALL_QUEUES,
};

FIXTURE_VARIANT_ADD(zc_nic_queues, rules) {
	.zc_from = true,
	.rules = true,
	.held = HELD(1) | HELD(3),
};

FIXTURE_VARIANT_ADD(zc_nic_queues, rules_from_stack) {
	.rules = true,
	.held = HELD(0) | HELD(1) | HELD(2),
};

FIXTURE_SETUP(zc_nic_queues)
{
	struct mq *m = &self->m;

	if (missing())
		SKIP(return, "%s", missing());
	ASSERT_EQ(0, mq_setup(m, variant->zc_from));
	ASSERT_EQ(0, variant->rules ? flows_by_rule(m) :
				      flows_by_hash(m, 0, FLOWS));
	ASSERT_EQ(0, all_queues_used(m));
	ASSERT_EQ(0, open_senders(m));
	ASSERT_EQ(0, open_receivers(m, variant->held));
	ASSERT_EQ(0, settle(m));
}

FIXTURE_TEARDOWN(zc_nic_queues)
{
	mq_free(&self->m);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_nic_queues, counted)
{
	struct mq *m = &self->m;

	ASSERT_EQ(0, traffic(m, tp4_scaled(200000, 200)));
	EXPECT_EQ(0, sockets_are_well(m));
	EXPECT_EQ(0, all_frames_back(m));
}

/* Whoever has been told otherwise meanwhile sends to other queues */
TEST_F(zc_nic_queues, steered_anew)
{
	__u32 total = tp4_scaled(50000, 50);
	struct mq *m = &self->m;
	unsigned int n;

	ASSERT_EQ(0, traffic(m, total));
	if (variant->rules) {
		ASSERT_EQ(0, delete_rules(m));
		ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
		ASSERT_EQ(0, settle(m));
		ASSERT_EQ(0, traffic(m, total));
		ASSERT_EQ(0, flows_by_rule(m));
	} else {
		for (n = 1; n <= QUEUES; n++) {
			ASSERT_EQ(0, run("ethtool -X %s equal %u", m->b.dev,
					 n));
			ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
			ASSERT_EQ(0, settle(m));
			ASSERT_EQ(0, traffic(m, total));
		}
		ASSERT_EQ(0, run("ethtool -X %s weight 1 2 3 4", m->b.dev));
		ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
	}
	ASSERT_EQ(0, settle(m));
	ASSERT_EQ(0, traffic(m, total));
	EXPECT_EQ(0, all_frames_back(m));
}

/* Who comes and goes on one queue stops nobody on another one */
TEST_F(zc_nic_queues, neighbours)
{
	unsigned int i, q, round, rounds = tp4_scaled(400, 6);
	struct mq *m = &self->m;

	for (q = 0; variant->held & HELD(q); q++)
		;
	if (q == QUEUES)
		q = 0;
	close_receiver(m, q);
	/* A restart loses what comes on its own queue */
	for (i = 0; i < FLOWS; i++)
		if (m->flow[i].queue == (int)q)
			m->flow[i].queue = NOBODY;
	ASSERT_EQ(0, settle(m));
	ASSERT_EQ(0, start(m, tp4_scaled(400000, 400), false));
	for (round = 0; round < rounds; round++) {
		struct tp4_mode mode = { .zerocopy = q };
		struct tp4_cfg cfg = {
			.ifindex = m->b.ifindex, .mode = &mode, .rx_nr = RING,
			.tx_nr = round % 2 ? RING : 0,
		};
		struct tp4 t;

		EXPECT_EQ(0, tp4_open(&t, &cfg));
		EXPECT_EQ(0, frames_are_back(&t));
		tp4_close(&t);
	}
	ASSERT_EQ(0, finish(m));
	EXPECT_EQ(0, sockets_are_well(m));
	EXPECT_EQ(0, all_frames_back(m));
}

/* ---- one packet buffer, all queue pairs of a port ---------------------------- */

/* How the one who has brought the buffer goes */
enum {
	REGISTRATION_FIRST,
	SOCKET_FIRST,
	BOTH_IN_ONE,
	WAYS_TO_GO
};

FIXTURE(zc_nic_queues_shared) {
	struct mq m;
	struct tp4 gone;
};

FIXTURE_SETUP(zc_nic_queues_shared)
{
	struct mq *m = &self->m;

	if (missing())
		SKIP(return, "%s", missing());
	ASSERT_EQ(0, mq_setup(m, true));
	ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
	ASSERT_EQ(0, all_queues_used(m));
	ASSERT_EQ(0, open_senders(m));
}

FIXTURE_TEARDOWN(zc_nic_queues_shared)
{
	mq_free(&self->m);
	if (self->gone.area)
		munmap(self->gone.area, self->gone.area_len);
	free(self->gone.free);
	EXPECT_TRUE(tp4_pins_balanced());
}

/*
 * All pairs of a device share one mapping for DMA. Who has brought it about goes while
 * the card writes into his frames and those of the others; they stay, and nobody
 * writes into his any more. The last one of all takes the mapping along.
 */
TEST_F(zc_nic_queues_shared, mapping_outlives_owner)
{
	__u32 total = tp4_scaled(20000, 50);
	struct mq *m = &self->m;
	struct tp4 *gone = &self->gone;
	unsigned int how, q;
	size_t i, own;

	for (how = 0; how < WAYS_TO_GO; how++) {
		struct tp4_cfg cfg = {
			.frames = QUEUES * 2 * RING,
			.same_fd = how == BOTH_IN_ONE,
		};

		ASSERT_EQ(0, open_receiver_with(m, 0, cfg));
		cfg.same_fd = false;
		cfg.share = &m->rx[0].t;
		for (q = 1; q < QUEUES; q++) {
			cfg.first = q * 2 * RING;
			ASSERT_EQ(0, open_receiver_with(m, q, cfg));
		}
		ASSERT_EQ(0, settle(m));
		ASSERT_EQ(0, traffic(m, total));

		/* Nobody reads its ring when it goes; the stack is next */
		*gone = m->rx[0].t;
		m->rx[0].t.fd = -1;
		m->rx[0].held = false;
		m->held &= ~HELD(0);
		ASSERT_EQ(0, start(m, UINT32_MAX, true));
		if (how == REGISTRATION_FIRST)
			EXPECT_EQ(0, close(gone->mr_fd));
		EXPECT_TRUE(tp4_poll(gone->fd, POLLIN, TP4_WAIT_MS) & POLLIN);
		EXPECT_EQ(0, munmap(gone->map, gone->map_len));
		EXPECT_EQ(0, close(gone->fd));
		own = 2 * RING * gone->frame_size;
		memset(gone->buf, 0x5a, own);
		end(m);
		for (i = 0; i <= QUEUES; i++)
			EXPECT_EQ(0, m->rx[i].bad);
		ASSERT_EQ(0, settle(m));
		ASSERT_EQ(0, traffic(m, total));

		/* A second one goes; a buffer of another one comes */
		EXPECT_EQ(0, frames_are_back(&m->rx[1].t));
		close_receiver(m, 1);
		ASSERT_EQ(0, open_receiver(m, 0));
		ASSERT_EQ(0, settle(m));
		ASSERT_EQ(0, traffic(m, total));
		if (how == SOCKET_FIRST)
			EXPECT_EQ(0, close(gone->mr_fd));
		ASSERT_EQ(0, traffic(m, total));
		for (i = 0; i < own; i++) {
			ASSERT_EQ(0x5a, gone->buf[i])
				TH_LOG("byte %zu", i);
		}
		EXPECT_TRUE(tp4_guards_ok(gone));
		for (q = 0; q < QUEUES; q++) {
			if (!m->rx[q].held)
				continue;
			EXPECT_EQ(0, frames_are_back(&m->rx[q].t));
			close_receiver(m, q);
		}
		munmap(gone->area, gone->area_len);
		free(gone->free);
		memset(gone, 0, sizeof(*gone));
	}
	EXPECT_EQ(0, all_frames_back(m));
}

/* ---- what is done to the device meanwhile ----------------------------------- */

static int do_ring_sizes(struct mq *m)
{
	return ring_sizes(m->b.dev, 1024, 1024) ?:
	       ring_sizes(m->b.dev, 64, 64) ?: ring_sizes(m->b.dev, 512, 512);
}

static int do_mtu(struct mq *m)
{
	return tp4_link_mtu(m->b.ifindex, 4000) ?:
	       tp4_link_mtu(m->b.ifindex, ETH_DATA_LEN);
}

static int do_pf_reset(struct mq *m)
{
	return nic_pf_reset(m->b.dev);
}

/* Not so few that one is gone that is held; nothing has happened then */
static int do_channels(struct mq *m)
{
	unsigned int n, top = 0;
	int ret = 0;

	while (m->held >> (top + 1))
		top++;
	for (n = 1; n <= top; n++)
		ret = ret ?: run("! ethtool -L %s combined %u 2>/dev/null",
				 m->b.dev, n);
	for (n = top + 1; !ret && n <= QUEUES; n++)
		if (nic_queues(m->b.dev, false) != (int)n)
			ret = run("ethtool -L %s combined %u", m->b.dev, n);
	return ret;
}

/* Rules are gone with the feature */
static int do_ntuple(struct mq *m)
{
	return run("ethtool -K %s ntuple off && ethtool -K %s ntuple on",
		   m->b.dev, m->b.dev);
}

static int do_rules(struct mq *m)
{
	int ret = delete_rules(m);

	return ret ?: flows_by_rule(m);
}

FIXTURE(zc_nic_queues_event) {
	struct mq m;
};

FIXTURE_VARIANT(zc_nic_queues_event) {
	int (*event)(struct mq *m);
	unsigned int held;
	bool hash;		/* nothing else steers */
	bool no_rules;		/* are left */
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, ring_sizes) {
	.event = do_ring_sizes,
	.held = HELD(1) | HELD(3),
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, mtu) {
	.event = do_mtu,
	.held = HELD(0) | HELD(3),
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, channels) {
	.event = do_channels,
	.hash = true,
	.held = HELD(0) | HELD(1),
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, channels_all_held) {
	.event = do_channels,
	.held = ALL_QUEUES,
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, pf_reset) {
	.event = do_pf_reset,
	.held = HELD(1) | HELD(2) | HELD(3),
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, ntuple) {
	.event = do_ntuple,
	.held = HELD(1) | HELD(3),
	.no_rules = true,
};

FIXTURE_VARIANT_ADD(zc_nic_queues_event, rules) {
	.event = do_rules,
	.held = HELD(2) | HELD(3),
};

FIXTURE_SETUP(zc_nic_queues_event)
{
	struct mq *m = &self->m;

	if (missing())
		SKIP(return, "%s", missing());
	ASSERT_EQ(0, mq_setup(m, true));
	ASSERT_EQ(0, variant->hash ? flows_by_hash(m, 0, FLOWS) :
				     flows_by_rule(m));
	ASSERT_EQ(0, open_senders(m));
	ASSERT_EQ(0, open_receivers(m, variant->held));
	ASSERT_EQ(0, settle(m));
}

FIXTURE_TEARDOWN(zc_nic_queues_event)
{
	mq_free(&self->m);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_nic_queues_event, survived)
{
	__u32 total = tp4_scaled(50000, 50);
	struct mq *m = &self->m;
	unsigned int round, i;
	int ret;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, start(m, UINT32_MAX, true));
		usleep(10000);
		ret = variant->event(m);
		end(m);
		ASSERT_EQ(0, ret);
		for (i = 0; i <= QUEUES; i++)
			EXPECT_EQ(0, m->rx[i].bad);
		ASSERT_EQ(0, settle(m));
		/* In the middle of a reset, the card has no table */
		if (variant->hash || variant->no_rules)
			ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
		ASSERT_EQ(0, traffic(m, total));
		EXPECT_EQ(0, sockets_are_well(m));
	}
	EXPECT_EQ(0, all_frames_back(m));
}

/* Each socket is told, has its frames back, and may take its queue again */
TEST_F(zc_nic_queues, down_and_up)
{
	struct mq *m = &self->m;
	unsigned int q, round;

	for (round = 0; round < 2; round++) {
		ASSERT_EQ(0, start(m, UINT32_MAX, true));
		usleep(10000);
		ASSERT_EQ(0, tp4_link_down(m->b.ifindex));
		end(m);
		for (q = 0; q < QUEUES; q++) {
			struct receiver *r = &m->rx[q];

			if (!(variant->held & HELD(q)))
				continue;
			EXPECT_EQ(-1, tp4_get_queue(r->t.fd));
			EXPECT_EQ(-ENETDOWN, tp4_set_queue(r->t.fd, q));
			/* But for those that it was given since */
			EXPECT_EQ(0, r->bad);
			EXPECT_LT(0, r->backs);
			EXPECT_EQ(RING, r->backs + tp4q_num_held(&r->t.rxq));
			close_receiver(m, q);
		}
		ASSERT_EQ(0, nic_up(&m->b, ETH_DATA_LEN));
		ASSERT_EQ(0, open_receivers(m, variant->held));
		ASSERT_EQ(0, settle(m));
		ASSERT_EQ(0, traffic(m, tp4_scaled(50000, 50)));
	}
	EXPECT_EQ(0, all_frames_back(m));
}

/* ---- the commands of the manual --------------------------------------------- */

/*
 * Those of Documentation/networking/packet_v4.rst, "Steering packets of i40e to a
 * queue", in TP4_STEERING. What they say is for queue 3 comes there, and all that
 * does is that.
 */
FIXTURE(zc_nic_manual) {
	struct mq m;
};

FIXTURE_SETUP(zc_nic_manual)
{
	if (missing())
		SKIP(return, "%s", missing());
	if (!getenv("TP4_STEERING"))
		SKIP(return, "TP4_STEERING has no commands");
	ASSERT_EQ(0, mq_setup(&self->m, false));
}

FIXTURE_TEARDOWN(zc_nic_manual)
{
	mq_free(&self->m);
	EXPECT_TRUE(tp4_pins_balanced());
}

TEST_F(zc_nic_manual, steering)
{
	struct mq *m = &self->m;
	unsigned int i;

	/* As there are too few, the first command has something to do */
	ASSERT_EQ(0, run("ethtool -L %s combined 2", m->b.dev));
	ASSERT_EQ(0, run("printf '%%s\\n' \"$TP4_STEERING\" | sed 's/\\beth0\\b/%s/' | sh -e",
			 m->b.dev));
	ASSERT_EQ(0, flows_by_hash(m, 0, FLOWS));
	for (i = 0; i < FLOWS; i++)
		ASSERT_GT(3, m->flow[i].queue);
	/* The tunnel's port, from whomever */
	for (i = 0; i < 6; i++) {
		m->flow[i].ip.dport = 4789;
		m->flow[i].queue = 3;
	}
	/* What has no ports, from one address; its UDP goes by the hash */
	for (i = 6; i < 10; i++) {
		m->flow[i].ip.saddr = 0xc0000201;
		if (i < 8) {
			m->flow[i].ip.proto = 253;
			m->flow[i].ip.daddr += i;
			m->flow[i].ip.sport = 0;
			m->flow[i].ip.dport = 0;
		}
	}
	ASSERT_EQ(0, flows_by_hash(m, 6, 10));
	for (i = 6; i < 8; i++)
		m->flow[i].queue = 3;
	ASSERT_EQ(0, open_senders(m));
	ASSERT_EQ(0, open_receivers(m, HELD(3)));
	ASSERT_EQ(0, settle(m));
	ASSERT_EQ(0, traffic(m, tp4_scaled(50000, 100)));
	/* Rules survive resets */
	ASSERT_EQ(0, nic_pf_reset(m->b.dev));
	ASSERT_EQ(0, settle(m));
	ASSERT_EQ(0, traffic(m, tp4_scaled(50000, 100)));
	EXPECT_EQ(0, all_frames_back(m));
}

TEST_HARNESS_MAIN

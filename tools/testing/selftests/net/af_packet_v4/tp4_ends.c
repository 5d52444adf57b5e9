// SPDX-License-Identifier: GPL-2.0
/* Two ends of a wire for the tests of zero copy, see tp4_ends.h */

#include <sched.h>
#include <sys/syscall.h>

#include "tp4_ends.h"

/* Packets are counted just after they were seen: on another CPU, it may be */
#define SOON_MS			10000

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif

int ends_net(struct ends *e, const struct way *way, unsigned int mtu)
{
	struct tp4_netcfg cfg = { .mtu = mtu };
	int ret;

	e->from.dev = "tp4a";
	e->from.zc = way->zc_from;
	e->from.fd = -1;
	e->from.t.fd = -1;
	e->from.t.mr_fd = -1;
	e->to = e->from;
	e->to.dev = "tp4b";
	e->to.zc = way->zc_to;
	e->shared = way->shared;
	e->pkt = malloc(ENDS_MAX_PKT);
	if (!e->pkt)
		return -ENOMEM;
	ret = tp4_net_new(&e->net, &cfg);
	e->from.ifindex = e->net.a;
	e->to.ifindex = e->net.b;
	return ret;
}

int end_open(struct end *x, const struct tp4_cfg *cfg)
{
	/* send() says so if what was queued is never completed */
	const struct timeval timeo = { .tv_sec = TP4_WAIT_MS / 1000 };
	struct tp4_cfg c = *cfg;
	int ret;

	if (!x->zc) {
		x->fd = tp4_plain_open(x->ifindex, TP4_ETH_P);
		return x->fd < 0 ? x->fd : 0;
	}
	c.ifindex = x->ifindex;
	if (!c.mode)
		c.mode = &tp4_zc;
	ret = tp4_open(&x->t, &c);
	if (!ret && setsockopt(x->t.fd, SOL_SOCKET, SO_SNDTIMEO, &timeo,
			       sizeof(timeo)))
		ret = -errno;
	return ret;
}

void end_close(struct end *x)
{
	if (x->fd >= 0)
		close(x->fd);
	x->fd = -1;
	if (x->t.fd >= 0)
		tp4_close(&x->t);
}

int ends_open_cfg(struct ends *e, const struct tp4_cfg *from,
		  const struct tp4_cfg *to)
{
	unsigned int used = from->rx_nr + from->tx_nr;
	struct tp4_cfg cfg = *from;
	int ret;

	cfg.frames = used;
	if (e->shared)
		cfg.frames += to->rx_nr + to->tx_nr;
	ret = end_open(&e->from, &cfg);
	if (ret)
		return ret;
	cfg = *to;
	if (e->shared) {
		cfg.share = &e->from.t;
		cfg.first = used;
	}
	return end_open(&e->to, &cfg);
}

int ends_open(struct ends *e, unsigned int nr, unsigned int frame_size)
{
	struct tp4_cfg cfg = {
		.rx_nr = nr, .tx_nr = nr, .frame_size = frame_size,
	};

	return ends_open_cfg(e, &cfg, &cfg);
}

void ends_close(struct ends *e)
{
	/* The first one has the buffer */
	end_close(&e->to);
	end_close(&e->from);
}

void ends_free(struct ends *e)
{
	ends_close(e);
	free(e->pkt);
	e->pkt = NULL;
}

int end_queue(struct end *x, const __u8 *pkt, size_t len, size_t chunk)
{
	int ret;

	if (!x->zc)
		return tp4_plain_send(x->fd, pkt, len);
	ret = tp4_queue(&x->t, pkt, len, chunk);
	return ret > 0 ? 0 : ret;
}

int end_kick(struct end *x, ssize_t bytes)
{
	int ret;

	if (!x->zc)
		return 0;
	ret = tp4_kick_all(&x->t, bytes);
	if (ret)
		return ret;
	ret = tp4_complete(&x->t);
	if (!ret && tp4q_num_held(&x->t.txq)) {
		fprintf(stderr, "# send() left %u descriptors behind\n",
			tp4q_num_held(&x->t.txq));
		return -EINPROGRESS;
	}
	return ret;
}

int ends_unfinished(struct ends *e, __u32 seq)
{
	struct tp4 *t = &e->from.t;
	struct tpacket4_desc d;
	unsigned int first, last;
	int ret;

	tp4_pkt_fill(e->pkt, 100, seq);
	first = t->free[--t->free_nr];
	last = t->free[--t->free_nr];
	memcpy(tp4_frame(t, first), e->pkt, 40);
	memcpy(tp4_frame(t, last), e->pkt + 40, 60);
	tp4_tx_give(t, first, 40, 0, TP4_PKT_CONT);
	ret = tp4_kick(t, 0);
	if (ret)
		return ret < 0 ? ret : -EPROTO;
	if (tp4_tx_next(t, &d))
		return -EPROTO;
	tp4_tx_give(t, last, 60, 0, 0);
	ret = end_kick(&e->from, 100);
	if (ret)
		return ret;
	ret = end_recv(&e->to, e->pkt);
	return ret == 100 && tp4_pkt_ok(e->pkt, 100, seq, 100) ? 0 : -EBADMSG;
}

int end_recv(struct end *x, __u8 *pkt)
{
	return x->zc ? tp4_recv_wait(&x->t, pkt, ENDS_MAX_PKT) :
		       tp4_plain_recv(x->fd, pkt, ENDS_MAX_PKT);
}

bool end_is_empty(struct end *x)
{
	if (x->zc)
		return !tp4q_is_ready(&x->t.rxq);
	return !tp4_poll(x->fd, POLLIN, 0);
}

size_t length_of(__u32 seq, size_t least, size_t most)
{
	return least + (seq * 7919ULL) % (most - least + 1);
}

int stream_send(struct stream *s, __u32 total, __u8 *pkt)
{
	size_t len, chunk = s->chunk;
	ssize_t bytes = 0;
	unsigned int n;
	int ret;

	if (s->from->zc && !chunk)
		chunk = s->from->t.frame_size;
	for (n = 0; n < s->batch && s->sent < total; n++) {
		len = length_of(s->sent, s->least, s->most);
		tp4_pkt_fill(pkt, len, s->sent);
		ret = end_queue(s->from, pkt, len, chunk);
		if (ret == -EAGAIN && n)
			break;
		if (ret)
			return ret;
		s->sent++;
		s->frames += chunk ? (len + chunk - 1) / chunk : 1;
		bytes += len;
	}
	s->bytes += bytes;
	return end_kick(s->from, bytes);
}

int stream_recv(struct stream *s, __u8 *pkt)
{
	int ret;

	while (s->received < s->sent) {
		ret = end_recv(s->to, pkt);
		if (ret < 0)
			return ret;
		if (!tp4_pkt_ok(pkt, ret, s->received,
				length_of(s->received, s->least, s->most)))
			return -EBADMSG;
		s->received++;
	}
	return end_is_empty(s->to) ? 0 : -EEXIST;
}

struct counters count_queue(const char *dev, unsigned int queue)
{
	static const char * const names[] = {
		"packets", "swapped", "copied_bytes", "no_frame", "errors",
	};
	struct counters c;
	long long *v = &c.packets;
	char name[64];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		snprintf(name, sizeof(name), "rx_queue_%u_tp4_%s", queue,
			 names[i]);
		v[i] = tp4_ethtool_stat(dev, name);
		if (v[i] < 0)
			fprintf(stderr, "# %s has no counter %s\n", dev, name);
	}
	return c;
}

struct counters count(const char *dev)
{
	return count_queue(dev, 0);
}

bool counted(const char *dev, const struct counters *before,
	     struct counters by)
{
	static const char * const names[] = {
		"packets", "frames swapped", "bytes copied",
		"packets without a frame", "errors",
	};
	unsigned long long end = tp4_now_ms() + SOON_MS;
	const long long *was = &before->packets;
	const long long *want = &by.packets;
	struct counters now;
	const long long *is = &now.packets;
	bool ok;
	size_t i;

	do {
		now = count(dev);
		for (ok = true, i = 0; ok && i < ARRAY_SIZE(names); i++)
			ok = was[i] >= 0 && is[i] == was[i] + want[i];
		if (ok)
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);

	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (was[i] >= 0 && is[i] == was[i] + want[i])
			continue;
		fprintf(stderr, "# %s, %s: expected %lld more than %lld, seen %lld\n",
			dev, names[i], want[i], was[i], is[i]);
	}
	return false;
}

bool counted_stream(const char *dev, const struct counters *before,
		    const struct stream *s, bool swapped)
{
	struct counters by = { .packets = s->sent };

	if (swapped)
		by.swapped = s->frames;
	else
		by.copied = s->bytes;
	return counted(dev, before, by);
}

int ends_one_way(struct ends *e, __u32 total, unsigned int batch, size_t least,
		 size_t most, size_t chunk)
{
	struct stream s = {
		.from = &e->from, .to = &e->to, .batch = batch,
		.least = least, .most = most, .chunk = chunk,
	};
	struct counters b = count(e->to.dev);
	long long rx = tp4_dev_packets(e->to.dev, true);
	long long tx = tp4_dev_packets(e->from.dev, false);
	int ret = 0;

	while (!ret && s.received < total) {
		ret = stream_send(&s, total, e->pkt);
		if (!ret)
			ret = stream_recv(&s, e->pkt);
	}
	if (ret) {
		fprintf(stderr, "# %u packets sent, %u received: %s\n", s.sent,
			s.received, strerror(-ret));
		return ret;
	}
	if (!counted_stream(e->to.dev, &b, &s, e->shared) ||
	    !end_stats_ok(&e->from, 0) || !end_stats_ok(&e->to, total))
		return -EPROTO;
	/* The usual counters of a device know of them as well */
	rx = tp4_dev_packets(e->to.dev, true) - rx;
	tx = tp4_dev_packets(e->from.dev, false) - tx;
	if (rx == total && tx == total)
		return 0;
	fprintf(stderr, "# %u packets; the devices count %lld out, %lld in\n",
		total, tx, rx);
	return -EPROTO;
}

int ends_both_ways(struct ends *e, __u32 total, unsigned int batch,
		   size_t least, size_t most)
{
	struct stream there = {
		.from = &e->from, .to = &e->to, .batch = batch,
		.least = least, .most = most,
	};
	struct stream back = {
		.from = &e->to, .to = &e->from, .batch = batch,
		.least = least, .most = most,
	};
	struct counters a = count("tp4a"), b = count("tp4b");
	int ret = 0;

	while (!ret && (there.received < total || back.received < total)) {
		ret = stream_send(&there, total, e->pkt);
		if (!ret)
			ret = stream_send(&back, total, e->pkt);
		if (!ret)
			ret = stream_recv(&there, e->pkt);
		if (!ret)
			ret = stream_recv(&back, e->pkt);
	}
	if (ret) {
		fprintf(stderr, "# %u and %u packets sent, %u and %u received: %s\n",
			there.sent, back.sent, there.received, back.received,
			strerror(-ret));
		return ret;
	}
	if (!counted_stream("tp4b", &b, &there, e->shared) ||
	    !counted_stream("tp4a", &a, &back, e->shared) ||
	    !end_stats_ok(&e->from, total) || !end_stats_ok(&e->to, total))
		return -EPROTO;
	return 0;
}

bool stats_are(int fd, const struct tpacket_stats_v4 *want)
{
	unsigned long long end = tp4_now_ms() + SOON_MS;
	unsigned int packets = 0, drops = 0;
	struct tpacket_stats_v4 st;
	const __u64 *is = &st.rx_no_frame;
	const __u64 *should = &want->rx_no_frame;
	size_t i;

	do {
		if (tp4_stats(fd, &st))
			return false;
		packets += st.tp_packets;
		drops += st.tp_drops;
		st.tp_packets = packets;
		st.tp_drops = drops;
		if (!memcmp(&st, want, sizeof(st)))
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);

	fprintf(stderr, "# PACKET_STATISTICS: expected %u packets, %u drops, seen %u, %u\n",
		want->tp_packets, want->tp_drops, packets, drops);
	for (i = 0; i < (sizeof(st) - offsetof(struct tpacket_stats_v4,
					       rx_no_frame)) / 8; i++)
		if (is[i] != should[i])
			fprintf(stderr, "# 64-bit counter %zu: expected %llu, seen %llu\n",
				i, (unsigned long long)should[i],
				(unsigned long long)is[i]);
	return false;
}

bool end_stats_ok(struct end *x, __u32 received)
{
	struct tpacket_stats_v4 want = { .tp_packets = received };

	if (!x->zc)
		return true;
	if (!stats_are(x->t.fd, &want))
		return false;
	/* Read, the first two begin anew */
	want.tp_packets = 0;
	return stats_are(x->t.fd, &want) && tp4_guards_ok(&x->t);
}

static void *poll_thread(void *arg)
{
	struct poller *p = arg;

	__atomic_store_n(&p->tid, (pid_t)syscall(SYS_gettid),
			 __ATOMIC_RELEASE);
	p->revents = tp4_poll(p->fd, p->events, TP4_WAIT_MS);
	return NULL;
}

int poller_start(struct poller *p, int fd, short events)
{
	pid_t tid;
	int ret;

	*p = (struct poller) { .fd = fd, .events = events };
	ret = pthread_create(&p->thread, NULL, poll_thread, p);
	if (ret)
		return -ret;
	while (!(tid = __atomic_load_n(&p->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	return tp4_wait_asleep(tid);
}

int poller_join(struct poller *p)
{
	pthread_join(p->thread, NULL);
	return p->revents;
}

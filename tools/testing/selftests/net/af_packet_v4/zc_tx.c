// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: who sends in zero copy is told what became of each descriptor,
 * gets back as many frames as were sent, and waits as long as asked for.
 */

#include <sched.h>
#include <sys/epoll.h>

#include "../../kselftest_harness.h"
#include "tp4_ends.h"

#define MTU		9000
#define RING		512

/* Who sends in zero copy is told what became of each packet */
FIXTURE(zc_tx) {
	struct ends e;
};

FIXTURE_VARIANT(zc_tx) {
	struct way way;
};

FIXTURE_VARIANT_ADD(zc_tx, zc_shared) {
	.way = WAY_ZC_SHARED,
};

FIXTURE_VARIANT_ADD(zc_tx, zc_two_buffers) {
	.way = WAY_ZC_TWO_BUFFERS,
};

FIXTURE_VARIANT_ADD(zc_tx, zc_to_skb) {
	.way = WAY_ZC_TO_SKB,
};

FIXTURE_SETUP(zc_tx)
{
	ASSERT_EQ(0, ends_net(&self->e, &variant->way, MTU));
}

FIXTURE_TEARDOWN(zc_tx)
{
	ends_free(&self->e);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Sent in shreds: the link header alone spans frames */
TEST_F(zc_tx, frames_of_any_length)
{
	static const size_t chunks[] = { 1, 7, 13, 14, 15, 64, 1000, 2047 };
	__u32 total = tp4_scaled(4000, 500);
	struct ends *e = &self->e;
	size_t i, most;

	for (i = 0; i < ARRAY_SIZE(chunks); i++) {
		most = chunks[i] == 1 ? 60 : 14 * chunks[i];
		if (most > MTU + ETH_HLEN)
			most = MTU + ETH_HLEN;
		ASSERT_EQ(0, ends_open(e, RING, 0));
		ASSERT_EQ(0, ends_one_way(e, total, 8, ETH_HLEN, most, chunks[i]));
		ends_close(e);
	}
}

/*
 * More frames than slots, and all of them in use by turns. What comes back is
 * what went away: nobody has a frame that another one has, none is lost.
 */
TEST_F(zc_tx, more_frames_than_slots)
{
	enum { NR = 64, FRAMES = 1000 };
	struct tp4_cfg cfg = { .rx_nr = NR, .tx_nr = NR, .frames = FRAMES };
	unsigned int rounds = tp4_scaled(2000, 200), i, n, len, k, round;
	unsigned int own[FRAMES], first = 0, owned;
	__u8 seen[FRAMES] = {};
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	__u32 seq = 0;
	int ret;

	ASSERT_EQ(0, end_open(&e->from, &cfg));
	if (e->shared) {
		cfg.share = &e->from.t;
		cfg.first = FRAMES - 2 * NR;
	}
	ASSERT_EQ(0, end_open(&e->to, &cfg));
	/* A queue of the frames that are the sender's: first in, first out */
	owned = (e->shared ? FRAMES - 2 * NR : FRAMES) - NR;
	for (i = 0; i < owned; i++)
		own[i] = NR + i;
	for (round = 0; round < rounds; round++) {
		n = 1 + round % NR;
		for (i = 0; i < n; i++) {
			k = own[(first + i) % owned];
			len = length_of(seq + i, ETH_HLEN, 1500);
			tp4_pkt_fill(tp4_frame(&e->from.t, k) + i, len,
				     seq + i);
			tp4_tx_give(&e->from.t, k, len, i, 0);
		}
		ASSERT_LE(0, tp4_kick(&e->from.t, 0));
		for (i = 0; i < n; i++) {
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			ASSERT_EQ(0, d.error);
			ASSERT_EQ(i, d.offset);
			ASSERT_EQ(length_of(seq + i, ETH_HLEN, 1500), d.len);
			ASSERT_GT(FRAMES, d.idx);
			if (!e->shared)
				ASSERT_EQ(own[(first + i) % owned], d.idx);
			own[(first + i) % owned] = d.idx;
		}
		first = (first + n) % owned;
		for (i = 0; i < n; i++, seq++) {
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 &&
				    tp4_pkt_ok(e->pkt, ret, seq,
					       length_of(seq, ETH_HLEN, 1500)));
		}
	}
	/* All ends: each frame is with one of them, once */
	for (i = 0; i < owned; i++)
		seen[own[i]]++;
	ASSERT_EQ(0, tp4_set_queue(e->from.t.fd, -1));
	while (tp4_rx_next(&e->from.t, &d))
		seen[d.idx]++;
	if (e->shared) {
		ASSERT_EQ(0, tp4_set_queue(e->to.t.fd, -1));
		while (tp4_rx_next(&e->to.t, &d))
			seen[d.idx]++;
		/* The TX frames of the far end were never used */
		for (i = FRAMES - NR; i < FRAMES; i++)
			seen[i]++;
	}
	for (i = 0; i < FRAMES; i++)
		EXPECT_EQ(1, seen[i])
			TH_LOG("frame %u", i);
}

/*
 * TP4_PKT_KEEP: this very frame comes back, with what is in it, so that it can
 * be sent again. Between the same buffers this is what costs a copy.
 */
TEST_F(zc_tx, keep)
{
	unsigned int rounds = tp4_scaled(2000, 200), round, i, n, len, frames;
	unsigned int packets = 0;
	struct ends *e = &self->e;
	struct counters by = {};
	struct tpacket4_desc d, want[64];
	struct counters b;
	__u32 seq = 0;
	bool keep;
	int ret;

	ASSERT_EQ(0, ends_open(e, 64, 0));
	b = count("tp4b");
	for (round = 0; round < rounds; round++) {
		for (n = 0; n + 3 <= 64 && n < 1 + round % 40;) {
			keep = (round * 7 + n) % 3;
			frames = 1 + (round + n) % 3;
			len = 50 + (round * 31 + n * 17) % 500;
			tp4_pkt_fill(e->pkt, frames * len, seq);
			for (i = 0; i < frames; i++, n++) {
				d.idx = e->from.t.free[--e->from.t.free_nr];
				d.len = len;
				d.offset = n;
				d.flags = (keep ? TP4_PKT_KEEP : 0) |
					  (i + 1 < frames ? TP4_PKT_CONT : 0);
				d.error = 0;
				memcpy(tp4_frame(&e->from.t, d.idx) + n,
				       e->pkt + i * len, len);
				tp4_tx_give(&e->from.t, d.idx, len, n,
					    d.flags);
				want[n] = d;
			}
			seq++;
			packets++;
			if (e->shared && !keep)
				by.swapped += frames;
			else
				by.copied += frames * len;
		}
		ASSERT_LE(0, tp4_kick(&e->from.t, 0));
		for (i = 0; i < n; i++) {
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			ASSERT_EQ(0, d.error);
			ASSERT_EQ(want[i].len, d.len);
			ASSERT_EQ(want[i].offset, d.offset);
			ASSERT_EQ(want[i].flags, d.flags);
			/* In exchange, or this very one */
			ASSERT_EQ(!e->shared || want[i].flags & TP4_PKT_KEEP,
				  want[i].idx == d.idx);
			e->from.t.free[e->from.t.free_nr++] = d.idx;
		}
		ASSERT_EQ(0, tp4q_num_held(&e->from.t.txq));
		/* What came is right, and so is what was kept */
		seq -= packets;
		packets = 0;
		for (i = 0; i < n; i++) {
			size_t total = want[i].len, at = 0;
			__u8 kept[2048];

			d = want[i];
			while (want[i].flags & TP4_PKT_CONT)
				total += want[++i].len;
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, seq,
							  total));
			if (d.flags & TP4_PKT_KEEP) {
				for (at = i + 1 - total / d.len; at <= i; at++)
					memcpy(kept + (at - i - 1) * d.len +
					       total, tp4_frame(&e->from.t,
					       want[at].idx) + want[at].offset,
					       d.len);
				EXPECT_TRUE(tp4_pkt_ok(kept, total, seq,
						       total));
			}
			seq++;
			by.packets++;
		}
	}
	EXPECT_TRUE(counted("tp4b", &b, by));
}

/* One frame, sent time and again without a byte being written */
TEST_F(zc_tx, retransmit)
{
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	int i, ret;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	tp4_pkt_fill(tp4_frame(&e->from.t, 20) + 64, 1000, 1);
	for (i = 0; i < 200; i++) {
		tp4_tx_give(&e->from.t, 20, 1000, 64, TP4_PKT_KEEP);
		ASSERT_EQ(0, tp4_kick_all(&e->from.t, 1000));
		ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
		ASSERT_EQ(0, d.error);
		ASSERT_EQ(20, d.idx);
		ASSERT_EQ(64, d.offset);
		ret = end_recv(&e->to, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, 1, 1000));
	}
}

/*
 * Descriptors good and bad, in any mixture. A bad one costs its packet, and
 * neither those before nor those behind it.
 */

/* What has to come back, in order: bad ones are answered when they are seen,
 * the others when their packets are through. Neither passes its like.
 */
struct answers {
	struct tpacket4_desc d[1024];
	unsigned int head, tail;
};

static void answer(struct answers *a, const struct tpacket4_desc *d, int error)
{
	struct tpacket4_desc *to = &a->d[a->tail++ % 1024];

	*to = *d;
	to->error = error;
	to->flags &= TP4_PKT_CONT;
}

static bool answered(struct answers *a, const struct tpacket4_desc *d,
		     bool swapped)
{
	const struct tpacket4_desc *w = &a->d[a->head % 1024];

	if (a->head == a->tail || d->error != w->error || d->len != w->len ||
	    d->offset != w->offset ||
	    (d->flags & TP4_PKT_CONT) != w->flags)
		return false;
	if (d->idx != w->idx && (w->error || !swapped))
		return false;
	a->head++;
	return true;
}

struct mixer {
	struct answers now;	/* what populating answers */
	struct answers later;	/* what sending answers */
	unsigned int rand;
	__u32 seq;
	__u32 packets;		/* good ones, numbered from seq */
	size_t len[256];
	__u64 bytes, frames;
	unsigned int invalid;	/* descriptors */
	unsigned int errors;	/* packets refused by the device */
	unsigned int used;
};

static unsigned int pick(struct mixer *m, unsigned int n)
{
	m->rand = m->rand * 1103515245 + 12345;
	return (m->rand >> 8) % n;
}

/* Breaks a descriptor that is good; returns its errno, negative */
static int spoil(struct mixer *m, const struct tp4 *t, struct tpacket4_desc *d)
{
	static const __u64 idx[] = {
		0, 1, 1000, 0x7fffffff, 0xffffffff, 0x100000000, 1ULL << 53,
		~0ULL,
	};
	static const __u8 flags[] = { 0x02, 0x08, 0x10, 0x20, 0x40, 0x7a };

	switch (pick(m, 6)) {
	case 0:
		d->idx = t->frames + idx[pick(m, ARRAY_SIZE(idx))];
		/* The last ones wrap */
		if (d->idx < t->frames)
			d->idx = t->frames;
		return -EBADF;
	case 1:
		d->len = t->frame_size + 1 + pick(m, 100000);
		return -EBADF;
	case 2:
		d->len = ~0U - pick(m, 4000);
		return -EBADF;
	case 3:
		d->offset = t->frame_size - d->len + 1 + pick(m, 60000);
		if (d->offset <= t->frame_size - d->len)
			d->offset = 0xffff;
		return -EBADF;
	case 4:
		d->len = 0;
		return -EINVAL;
	default:
		d->flags |= flags[pick(m, ARRAY_SIZE(flags))];
		return -EINVAL;
	}
}

static void mix_packet(struct mixer *m, struct tp4 *t, __u8 *pkt)
{
	unsigned int kind = pick(m, 12), frames = 1, bad = ~0U, i, k = 0;
	struct tpacket4_desc d[8] = {};
	size_t total = 0;
	int err = 0;

	if (kind < 4)			/* good or bad, of one frame */
		d[0].len = ETH_HLEN + pick(m, 1500);
	else if (kind < 8)		/* of several */
		frames = 2 + pick(m, 3);
	else if (kind == 8)		/* too short */
		d[0].len = 1 + pick(m, ETH_HLEN - 1);
	else if (kind == 9)		/* too long */
		frames = 5;
	else
		d[0].len = ETH_HLEN;
	for (i = 0; i < frames; i++) {
		if (frames == 5)
			d[i].len = 1900;
		else if (frames > 1)
			d[i].len = ETH_HLEN + pick(m, 1500);
		d[i].idx = t->free[--t->free_nr];
		d[i].offset = pick(m, t->frame_size - d[i].len + 1);
		d[i].flags = i + 1 < frames ? TP4_PKT_CONT : 0;
		total += d[i].len;
	}
	if (kind < 8 && kind % 2)
		bad = pick(m, frames);
	if (bad == ~0U && kind != 8 && kind != 9) {
		tp4_pkt_fill(pkt, total, m->seq + m->packets);
		for (i = 0; i < frames; i++) {
			memcpy(tp4_frame(t, d[i].idx) + d[i].offset, pkt + k,
			       d[i].len);
			k += d[i].len;
		}
		m->len[m->packets++] = total;
		m->bytes += total;
		m->frames += frames;
	}
	for (i = 0; i < frames; i++) {
		/* An index that is not one cannot come back for another use */
		__u64 idx = d[i].idx;

		if (i == bad) {
			err = -spoil(m, t, &d[i]);
			answer(&m->now, &d[i], err);
			m->invalid++;
			if (d[i].idx != idx)
				t->free[t->free_nr++] = idx;
		} else if (bad != ~0U) {
			answer(&m->now, &d[i], ECANCELED);
		} else {
			answer(&m->later, &d[i], kind == 8 ? EINVAL :
						 kind == 9 ? EMSGSIZE : 0);
		}
		tp4_tx_give(t, d[i].idx, d[i].len, d[i].offset, d[i].flags);
		m->used++;
	}
	if (kind == 8 || kind == 9)
		m->errors++;
}

TEST_F(zc_tx, good_and_bad_mixed)
{
	unsigned int rounds = tp4_scaled(5000, 300), round, i;
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct tpacket_stats_v4 want = {};
	struct tpacket4_desc d;
	struct counters b;
	struct mixer *m;
	__u64 before;
	int ret;

	m = calloc(1, sizeof(*m));
	ASSERT_NE(NULL, m);
	ASSERT_EQ(0, ends_open(e, RING, 0));
	b = count("tp4b");
	for (round = 0; round < rounds; round++) {
		m->used = 0;
		m->packets = 0;
		before = m->bytes;
		for (i = 0; i < 1 + round % 40; i++)
			mix_packet(m, t, e->pkt);
		ASSERT_EQ(0, tp4_kick_all(t, m->bytes - before));
		for (i = 0; i < m->used; i++) {
			ASSERT_TRUE(tp4_tx_next(t, &d));
			ASSERT_TRUE(answered(d.error ? &m->now : &m->later, &d,
					     e->shared) ||
				    answered(&m->later, &d, e->shared))
				TH_LOG("idx %llu len %u offset %u error %u flags %#x",
				       (unsigned long long)d.idx, d.len,
				       d.offset, d.error, d.flags);
			if (d.idx < t->frames)
				t->free[t->free_nr++] = d.idx;
		}
		ASSERT_EQ(0, tp4q_num_held(&t->txq));
		ASSERT_EQ(m->now.head, m->now.tail);
		ASSERT_EQ(m->later.head, m->later.tail);
		ASSERT_EQ(t->tx_nr, t->free_nr);
		for (i = 0; i < m->packets; i++, m->seq++) {
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, m->seq,
							  m->len[i]));
		}
		ASSERT_TRUE(end_is_empty(&e->to));
	}
	/* Each kind has come */
	EXPECT_LT(rounds, m->invalid);
	EXPECT_LT(rounds, m->errors);
	EXPECT_LT(rounds, m->seq);
	EXPECT_TRUE(counted("tp4b", &b, (struct counters) {
		.packets = m->seq,
		.swapped = e->shared ? m->frames : 0,
		.copied = e->shared ? 0 : m->bytes,
		.errors = m->errors,
	}));
	want.tx_invalid_desc = m->invalid;
	want.tx_errors = m->errors;
	EXPECT_TRUE(stats_are(t->fd, &want));
	EXPECT_TRUE(tp4_guards_ok(t));
	free(m);
}

/* A packet of more frames than an array has costs itself alone */
TEST_F(zc_tx, too_many_frames)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct tpacket_stats_v4 want = {};
	unsigned int i, n;
	struct tpacket4_desc d;
	int ret;

	ASSERT_EQ(0, ends_open(e, RING, 0));
	for (n = 250; n < 262; n++) {
		tp4_pkt_fill(e->pkt, 14 * n, n);
		for (i = 0; i < n; i++) {
			tp4_tx_give(t, t->free[--t->free_nr], 14, 0,
				    i + 1 < n ? TP4_PKT_CONT : 0);
			memcpy(tp4_frame(t, t->free[t->free_nr]),
			       e->pkt + 14 * i, 14);
		}
		/* And a good one behind it */
		tp4_pkt_fill(e->pkt, 60, 1000 + n);
		ASSERT_EQ(1, tp4_queue(t, e->pkt, 60, 0));
		ASSERT_EQ(0, tp4_kick_all(t, 60 + (n <= 256 ? 14 * n : 0)));
		for (i = 0; i < n + 1; i++) {
			ASSERT_TRUE(tp4_tx_next(t, &d));
			ASSERT_EQ(n > 256 && i < n ? EMSGSIZE : 0, d.error)
				TH_LOG("%u of %u", i, n);
			t->free[t->free_nr++] = d.idx;
		}
		if (n <= 256) {
			ret = end_recv(&e->to, e->pkt);
			ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, n,
							  14 * n));
		}
		ret = end_recv(&e->to, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, 1000 + n, 60));
		want.tx_errors += n > 256;
	}
	EXPECT_TRUE(stats_are(t->fd, &want));
}

/* A packet whose end is missing waits, and keeps nobody else waiting */
TEST_F(zc_tx, unfinished_packet)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct tpacket4_desc d;
	unsigned int i;
	int ret;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	for (i = 0; i < 50; i++) {
		tp4_pkt_fill(e->pkt, 100, i);
		memcpy(tp4_frame(t, 16), e->pkt, 40);
		memcpy(tp4_frame(t, 17), e->pkt + 40, 60);
		tp4_tx_give(t, 16, 40, 0, TP4_PKT_CONT | TP4_PKT_KEEP);
		EXPECT_EQ(0, tp4_kick(t, 0));
		EXPECT_EQ(0, tp4_kick(t, MSG_DONTWAIT));
		ASSERT_FALSE(tp4_tx_next(t, &d));
		ASSERT_TRUE(end_is_empty(&e->to));
		tp4_tx_give(t, 17, 60, 0, TP4_PKT_KEEP);
		EXPECT_EQ(0, tp4_kick_all(t, 100));
		ASSERT_TRUE(tp4_tx_next(t, &d));
		EXPECT_EQ(16, d.idx);
		EXPECT_EQ(0, d.error);
		ASSERT_TRUE(tp4_tx_next(t, &d));
		EXPECT_EQ(17, d.idx);
		EXPECT_EQ(0, d.error);
		ret = end_recv(&e->to, e->pkt);
		ASSERT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, 100));
	}
	/* A whole ring of it: send() does not wait for what cannot come */
	for (i = 0; i < 16; i++)
		tp4_tx_give(t, 16 + i, 1, 0, TP4_PKT_CONT);
	EXPECT_EQ(0, tp4_kick(t, 0));
	while (tp4_tx_next(t, &d))
		EXPECT_EQ(EMSGSIZE, d.error);
	EXPECT_EQ(0, tp4_kick(t, 0));
}

/* send() returns when all is done, however much it is */
TEST_F(zc_tx, send_waits_for_all)
{
	unsigned int nr = 4096, i, round;
	struct ends *e = &self->e;
	struct tpacket4_desc d;

	ASSERT_EQ(0, ends_open(e, nr, 0));
	for (round = 0; round < 5; round++) {
		tp4_pkt_fill(e->pkt, 200, 1);
		for (i = 0; i < nr; i++)
			ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 200, 0));
		ASSERT_EQ(0, tp4_kick_all(&e->from.t, 200 * nr));
		for (i = 0; i < nr; i++) {
			ASSERT_TRUE(tp4_tx_next(&e->from.t, &d));
			ASSERT_EQ(0, d.error);
			e->from.t.free[e->from.t.free_nr++] = d.idx;
		}
		if (e->to.zc)
			for (i = 0; i < nr; i++)
				ASSERT_EQ(200, tp4_recv(&e->to.t, e->pkt,
							ENDS_MAX_PKT));
	}
}

/* The bytes of good packets that went out during the call */
TEST_F(zc_tx, send_tells_how_much)
{
	ssize_t ret, sum = 0, total = 0;
	struct ends *e = &self->e;
	size_t len;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	for (len = ETH_HLEN; len < 1500; len++) {
		tp4_pkt_fill(e->pkt, len, len);
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, len, 0));
		/* Too short, and so not one of them */
		if (len % 2)
			ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 13, 0));
		ret = tp4_kick(&e->from.t, 0);
		EXPECT_TRUE(!ret || ret == (ssize_t)len);
		EXPECT_EQ(len % 2 ? -EINVAL : 0, tp4_complete(&e->from.t));
		EXPECT_EQ(0, tp4_kick(&e->from.t, 0));
		EXPECT_EQ(len, end_recv(&e->to, e->pkt));
		sum += ret;
		total += len;
	}
	/* On one CPU it is the call that has them sent */
	EXPECT_LT(0, sum);
	if (tp4_cpus() == 1)
		EXPECT_EQ(total, sum);
}

/* ... or at once, and poll() tells when there is room again */
TEST_F(zc_tx, send_does_not_wait)
{
	unsigned int nr = 4096, i, done;
	struct ends *e = &self->e;
	struct tpacket4_desc d;
	ssize_t ret, sent = 0;

	ASSERT_EQ(0, ends_open(e, nr, 0));
	tp4_pkt_fill(e->pkt, 200, 1);
	for (i = 0; i < nr; i++)
		ASSERT_EQ(1, tp4_queue(&e->from.t, e->pkt, 200, 0));
	EXPECT_EQ(0, tp4_poll(e->from.t.fd, POLLOUT, 0));
	ret = tp4_kick(&e->from.t, MSG_DONTWAIT);
	ASSERT_LE(0, ret);
	sent += ret;
	for (done = 0; done < nr;) {
		ASSERT_EQ(POLLOUT, tp4_poll(e->from.t.fd, POLLOUT,
					    TP4_WAIT_MS));
		ret = tp4_kick(&e->from.t, MSG_DONTWAIT);
		ASSERT_LE(0, ret);
		sent += ret;
		while (tp4_tx_next(&e->from.t, &d)) {
			ASSERT_EQ(0, d.error);
			done++;
		}
	}
	EXPECT_GE(200 * nr, sent);
	EXPECT_EQ(0, tp4_kick(&e->from.t, MSG_DONTWAIT));
}

/* The peer is down: nothing is lost, nothing is done, and nobody waits */
TEST_F(zc_tx, peer_goes_down)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	int fd, i, ret;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	ASSERT_EQ(0, tp4_link_down(e->net.b));
	for (i = 0; i < 16; i++) {
		tp4_pkt_fill(e->pkt, 100, i);
		ASSERT_EQ(1, tp4_queue(t, e->pkt, 100, 0));
	}
	EXPECT_EQ(-ENETDOWN, tp4_kick(t, 0));
	EXPECT_EQ(-ENETDOWN, tp4_kick(t, MSG_DONTWAIT));
	EXPECT_EQ(16, tp4q_num_held(&t->txq));
	EXPECT_EQ(0, tp4_complete(t));
	EXPECT_EQ(16, tp4q_num_held(&t->txq));
	EXPECT_EQ(0, tp4_poll(t->fd, POLLOUT, 0));

	/* Up, without a socket: they go to the stack */
	end_close(&e->to);
	fd = tp4_plain_open(e->net.b, TP4_ETH_P);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, tp4_link_up(e->net.b));
	errno = 0;
	recv(fd, e->pkt, ENDS_MAX_PKT, MSG_DONTWAIT);	/* ENETDOWN, maybe */
	/* Nobody has to ask again */
	EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, TP4_WAIT_MS));
	EXPECT_EQ(0, tp4_complete(t));
	for (i = 0; i < 16; i++) {
		ret = tp4_plain_recv(fd, e->pkt, ENDS_MAX_PKT);
		EXPECT_TRUE(ret > 0 && tp4_pkt_ok(e->pkt, ret, i, 100));
	}
	close(fd);
}

TEST_F(zc_tx, poll)
{
	struct ends *e = &self->e;
	struct tp4 *t = &e->from.t;
	struct epoll_event ev = { .events = EPOLLOUT };
	struct poller p;
	int i, k, ep;

	ASSERT_EQ(0, ends_open(e, 16, 0));
	ep = epoll_create1(EPOLL_CLOEXEC);
	ASSERT_LE(0, ep);
	ASSERT_EQ(0, epoll_ctl(ep, EPOLL_CTL_ADD, t->fd, &ev));
	for (i = 0; i < 30; i++) {
		EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, 0));
		tp4_pkt_fill(e->pkt, 100, i);
		for (k = 0; k < 16; k++) {
			EXPECT_EQ(POLLOUT, tp4_poll(t->fd, POLLOUT, 0));
			ASSERT_EQ(1, tp4_queue(t, e->pkt, 100, 0));
		}
		/* Full */
		EXPECT_EQ(0, tp4_poll(t->fd, POLLOUT, 0));
		EXPECT_EQ(0, epoll_wait(ep, &ev, 1, 0));
		ASSERT_EQ(0, poller_start(&p, t->fd, POLLOUT));
		EXPECT_EQ(0, tp4_kick_all(t, 1600));
		EXPECT_EQ(POLLOUT, poller_join(&p));
		EXPECT_EQ(1, epoll_wait(ep, &ev, 1, 0));
		EXPECT_EQ(0, tp4_complete(t));
		if (e->to.zc)
			for (k = 0; k < 16; k++)
				EXPECT_EQ(100, end_recv(&e->to, e->pkt));
	}
	close(ep);
}

TEST_HARNESS_MAIN

// SPDX-License-Identifier: GPL-2.0
/* The other side of a port, see wire.h. */
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define QUEUE_MAX	256		/* frames that wait for a port */
#define FRAME_MAX	(XL710_MAX_FRAME + 8)
#define POLL_BURST	64		/* frames in one go: others wait */

struct wire *wire_new(struct xl710 *dev)
{
	struct wire *w = calloc(1, sizeof(*w));

	if (!w)
		abort();
	w->dev = dev;
	w->mode = WIRE_SINK;
	w->pause = true;
	w->last = &w->first;
	w->gen.size = 60;
	w->gen.flows = 1;
	dev->wire = w;
	return w;
}

static void drop_queue(struct wire *w)
{
	struct frame *f;

	while ((f = w->first)) {
		w->first = f->next;
		free(f);
	}
	w->last = &w->first;
	w->queued = 0;
}

void wire_free(struct wire *w)
{
	drop_queue(w);
	sink_reset(w);
	if (w->pcap)
		fclose(w->pcap);
	free(w);
}

void wire_connect(struct wire *a, struct wire *b)
{
	a->peer = b;
	b->peer = a;
	a->mode = WIRE_PEER;
	b->mode = WIRE_PEER;
}

/* ---- pcap --------------------------------------------------------------- */

bool wire_pcap(struct wire *w, const char *path)
{
	uint32_t head[6] = { 0xa1b23c4d, 4 << 16 | 2, 0, 0, 65535, 1 };

	if (w->pcap)
		fclose(w->pcap);
	w->pcap = NULL;
	if (!path)
		return true;
	w->pcap = fopen(path, "w");
	if (!w->pcap)
		return false;
	setvbuf(w->pcap, NULL, _IOFBF, 1 << 16);
	return fwrite(head, sizeof(head), 1, w->pcap) == 1 && !fflush(w->pcap);
}

static void capture(struct wire *w, const uint8_t *data, unsigned int len)
{
	uint64_t now = xl710_clock();
	uint32_t head[4] = { now / 1000000000, now % 1000000000, len, len };

	if (!w->pcap)
		return;
	if (fwrite(head, sizeof(head), 1, w->pcap) != 1 ||
	    fwrite(data, len, 1, w->pcap) != 1 || fflush(w->pcap)) {
		xl_log(w->dev, "pcap: cannot write");
		wire_pcap(w, NULL);
	}
}

/* ---- to the port -------------------------------------------------------- */

/* True if the frame is gone, one way or the other. */
static bool deliver(struct wire *w, const uint8_t *data, unsigned int len,
		    bool crc_error)
{
	switch (rx_frame(w->dev, data, len, crc_error)) {
	case RX_NO_DESC:
		if (w->pause) {
			w->paused = true;
			return false;
		}
		rx_count_drop(w->dev, len);
		w->dropped++;
		return true;
	case RX_DROPPED:
		w->dropped++;
		return true;
	case RX_DONE:
		break;
	}
	w->paused = false;
	w->to_port++;
	w->to_port_bytes += len;
	capture(w, data, len);
	return true;
}

static void run_queue(struct wire *w)
{
	unsigned int burst = POLL_BURST;
	struct frame *f;

	while ((f = w->first) && burst--) {
		if (!deliver(w, f->data, f->len, f->crc_error))
			return;
		w->first = f->next;
		if (!w->first)
			w->last = &w->first;
		w->queued--;
		free(f);
	}
}

void wire_inject(struct wire *w, const uint8_t *data, unsigned int len, bool crc_error)
{
	struct frame *f;

	if (!w->first && deliver(w, data, len, crc_error))
		return;
	if (w->queued >= 16 * QUEUE_MAX) {
		rx_count_drop(w->dev, len);
		w->dropped++;
		return;
	}
	f = malloc(sizeof(*f) + len);
	if (!f)
		abort();
	f->next = NULL;
	f->len = len;
	f->crc_error = crc_error;
	memcpy(f->data, data, len);
	*w->last = f;
	w->last = &f->next;
	w->queued++;
}

/* The port has descriptors again: not from here, which may be in the middle of
 * something, but when it is polled next.
 */
void wire_rx_ready(struct xl710 *dev)
{
	if (dev->wire)
		dev->wire->paused = false;
}

void wire_link(struct wire *w, bool up)
{
	struct wire *other = w->mode == WIRE_PEER ? w->peer : NULL;

	w->dev->wire_up = up;
	link_update(w->dev);
	if (!up)
		drop_queue(w);
	if (other) {
		other->dev->wire_up = up;
		link_update(other->dev);
		if (!up)
			drop_queue(other);
	}
}

/* ---- from the port ------------------------------------------------------ */

bool wire_can_tx(struct xl710 *dev)
{
	struct wire *w = dev->wire, *to;

	if (!w || w->mode == WIRE_SINK || !dev->link_up)
		return true;
	to = w->mode == WIRE_LOOP ? w : w->peer;
	return !to->pause || to->queued < QUEUE_MAX;
}

static struct sink_run *find_run(struct sink *s, uint16_t gen)
{
	unsigned int i;

	for (i = 0; i < SINK_RUNS; i++)
		if (s->run[i].seen && s->run[i].gen == gen)
			return &s->run[i];
	for (i = 0; i < SINK_RUNS; i++)
		if (!s->run[i].seen)
			break;
	if (i == SINK_RUNS) {
		/* Long ago. */
		i = gen % SINK_RUNS;
		free(s->run[i].seen);
	}
	memset(&s->run[i], 0, sizeof(s->run[i]));
	s->run[i].gen = gen;
	s->run[i].nr = 4096;
	s->run[i].seen = calloc(s->run[i].nr / 64, 8);
	if (!s->run[i].seen)
		abort();
	return &s->run[i];
}

static void count_seq(struct sink *s, uint16_t gen, uint64_t seq)
{
	struct sink_run *run = find_run(s, gen);

	if (seq >= 1ULL << 32) {
		s->bad++;
		return;
	}
	if (seq >= run->nr) {
		uint64_t nr = run->nr;

		while (nr <= seq)
			nr *= 2;
		run->seen = realloc(run->seen, nr / 8);
		if (!run->seen)
			abort();
		memset(run->seen + run->nr / 64, 0, (nr - run->nr) / 8);
		run->nr = nr;
	}
	if (run->seen[seq / 64] & 1ULL << (seq % 64)) {
		s->dup++;
		return;
	}
	run->seen[seq / 64] |= 1ULL << (seq % 64);
	run->count++;
	if (seq < run->next)
		s->reordered++;
	else
		run->next = seq + 1;
	s->good++;
}

/* The bytes of a payload from its start, in all lengths. */
static const uint8_t *pattern_of(uint64_t seq)
{
	static uint8_t bytes[256 + FRAME_MAX];
	unsigned int i;

	if (!bytes[1])
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = i;
	return bytes + (seq & 0xff);
}

static bool pattern_ok(const uint8_t *p, unsigned int len, uint64_t seq)
{
	const unsigned int off = sizeof(struct pattern);

	return !memcmp(p + off, pattern_of(seq) + off, len - off);
}

static void sink(struct wire *w, const uint8_t *data, unsigned int len)
{
	struct packet p = { .data = data, .len = len };
	struct sink *s = &w->sink;
	struct pattern pat;
	unsigned int off;

	s->packets++;
	s->bytes += len;
	parse_packet(&p);
	if (p.ip_bad || p.l4_bad)
		s->bad_csum++;
	off = p.version ? p.l4 + (p.proto == 6 ? 20 : 8) : p.tagged ? 18 : 14;
	/* An IP packet that is none, as it was cut off? */
	if (!p.version && p.l3 && data[p.l3 - 2] == 0x08 && !data[p.l3 - 1])
		off = p.l3 + 28;
	if (off + sizeof(pat) > len) {
		s->other++;
		return;
	}
	memcpy(&pat, data + off, sizeof(pat));
	if (memcmp(pat.magic, PATTERN_MAGIC, 4)) {
		s->other++;
		return;
	}
	if (pat.len < sizeof(pat) || off + pat.len > len ||
	    (off + pat.len < len && len > 60) ||
	    !pattern_ok(data + off, pat.len, pat.seq)) {
		s->bad++;
		return;
	}
	count_seq(s, pat.gen, pat.seq);
}

void sink_reset(struct wire *w)
{
	unsigned int i;

	for (i = 0; i < SINK_RUNS; i++)
		free(w->sink.run[i].seen);
	memset(&w->sink, 0, sizeof(w->sink));
}

void wire_tx(struct xl710 *dev, const uint8_t *data, unsigned int len)
{
	struct wire *w = dev->wire;

	if (!w)
		return;
	sink(w, data, len);
	capture(w, data, len);
	if (w->mode == WIRE_LOOP)
		wire_inject(w, data, len, false);
	else if (w->mode == WIRE_PEER)
		wire_inject(w->peer, data, len, false);
}

/* ---- the generator ------------------------------------------------------ */

static void put16(uint8_t *p, unsigned int val)
{
	p[0] = val >> 8;
	p[1] = val;
}

static void put32(uint8_t *p, uint32_t val)
{
	put16(p, val >> 16);
	put16(p + 2, val);
}

static unsigned int make_packet(const struct generator *g, uint8_t *f)
{
	uint64_t seq = g->sent + g->dropped;
	unsigned int size = g->size, off = 12, l4, payload;
	uint16_t sport = g->sport + seq % g->flows, sum;
	struct pattern pat = { .gen = g->id, .seq = seq };

	if (g->size_max > g->size)
		size += (seq * 2654435761u >> 8) % (g->size_max - g->size + 1);
	memcpy(f, g->dst, 6);
	memcpy(f + 6, g->src, 6);
	if (g->vlan >= 0) {
		put16(f + off, 0x8100);
		put16(f + off + 2, g->vlan);
		off += 4;
	}
	if (g->raw) {
		put16(f + off, 0x88b5);
		l4 = off + 2;
		payload = l4;
	} else if (g->ipv6) {
		uint8_t *ip = f + off + 2;

		put16(f + off, 0x86dd);
		l4 = off + 2 + 40;
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, size - l4);
		ip[6] = g->tcp ? 6 : 17;
		ip[7] = 64;
		put32(ip + 8, 0xfd000000);
		put32(ip + 20, g->saddr);
		put32(ip + 24, 0xfd000000);
		put32(ip + 36, g->daddr);
		payload = l4 + (g->tcp ? 20 : 8);
	} else {
		uint8_t *ip = f + off + 2;

		put16(f + off, 0x0800);
		l4 = off + 2 + 20;
		memset(ip, 0, 20);
		ip[0] = 0x45;
		put16(ip + 2, size - off - 2);
		put16(ip + 4, seq);
		ip[8] = 64;
		ip[9] = g->tcp ? 6 : 17;
		put32(ip + 12, g->saddr);
		put32(ip + 16, g->daddr);
		sum = ~ip_sum(ip, 20, 0);
		memcpy(ip + 10, &sum, 2);
		payload = l4 + (g->tcp ? 20 : 8);
	}
	if (!g->raw) {
		memset(f + l4, 0, payload - l4);
		put16(f + l4, sport);
		put16(f + l4 + 2, g->dport);
		if (g->tcp)
			f[l4 + 12] = 0x50;
		else
			put16(f + l4 + 4, size - l4);
	}
	memcpy(pat.magic, PATTERN_MAGIC, 4);
	pat.len = size - payload;
	memcpy(f + payload, &pat, sizeof(pat));
	memcpy(f + payload + sizeof(pat), pattern_of(seq) + sizeof(pat),
	       pat.len - sizeof(pat));
	if (!g->raw && (g->tcp || g->ipv6 || g->bad_csum)) {
		unsigned int field = l4 + (g->tcp ? 16 : 6);
		uint8_t tail[4] = { 0, g->tcp ? 6 : 17, (size - l4) >> 8, size - l4 };
		uint32_t start = g->ipv6 ? ip_sum(f + off + 2 + 8, 32, 0) :
			ip_sum(f + off + 2 + 12, 8, 0);

		sum = ~ip_sum(f + l4, size - l4, ip_sum(tail, 4, start));
		if (!sum)
			sum = 0xffff;
		if (g->bad_csum)
			sum ^= 0x1234;
		memcpy(f + field, &sum, 2);
	}
	return size;
}

void gen_start(struct wire *w)
{
	struct generator *g = &w->gen;

	g->sent = 0;
	g->dropped = 0;
	g->id = w->dev->index << 8 | (++w->runs & 0xff);
	g->running = g->nr > 0;
	g->due = 0;
	g->started = xl710_clock();
	g->ended = g->started;
}

uint64_t gen_batch(struct wire *w)
{
	struct generator *g = &w->gen;
	static uint8_t frame[FRAME_MAX];
	unsigned int len;

	gen_start(w);
	g->running = false;
	intr_hold(w->dev, true);
	while (g->sent < g->nr) {
		len = make_packet(g, frame);
		if (rx_frame(w->dev, frame, len, g->crc_error) != RX_DONE)
			break;
		g->sent++;
	}
	intr_hold(w->dev, false);
	return g->sent;
}

static void gen_poll(struct wire *w)
{
	struct generator *g = &w->gen;
	static uint8_t frame[FRAME_MAX];
	uint64_t now = xl710_clock(), dropped;
	unsigned int burst = g->interval ? g->burst : POLL_BURST, len;

	if (!g->running || g->due > now)
		return;
	while (burst-- && g->sent + g->dropped < g->nr) {
		if (w->first)
			return;		/* after what is queued */
		len = make_packet(g, frame);
		dropped = w->dropped;
		if (!deliver(w, frame, len, g->crc_error))
			/* No room. When it has some, the port is polled. */
			return;
		if (w->dropped > dropped)
			g->dropped++;
		else
			g->sent++;
	}
	if (g->sent + g->dropped == g->nr) {
		g->running = false;
		g->ended = xl710_clock();
		return;
	}
	g->due = g->interval ? (g->due ? g->due : now) + g->interval : 0;
}

void wire_poll(struct wire *w)
{
	run_queue(w);
	gen_poll(w);
	/* Whoever sends to this port may go on. */
	if (w->queued < QUEUE_MAX) {
		if (w->mode == WIRE_PEER)
			txq_resume(w->peer->dev);
		else if (w->mode == WIRE_LOOP)
			txq_resume(w->dev);
	}
}

uint64_t wire_next(const struct wire *w)
{
	if (!w->first && !w->gen.running)
		return XL710_NEVER;
	/* When there are descriptors, the port is polled at once. */
	if (w->paused)
		return xl710_clock() + 100000;
	return w->first ? xl710_clock() : w->gen.due;
}

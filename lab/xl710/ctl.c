// SPDX-License-Identifier: GPL-2.0
/*
 * Commands for tests: a line in, lines of "key value" out, or one that says what is
 * wrong and an errno. They come through the mailbox in config space and through a
 * socket. README.md has them all.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define WORDS	24
#define BATCH_SPIN_NS	30000000	/* to be awake when the driver does something */

struct out {
	char *text;
	size_t size, len;
};

__attribute__((format(printf, 2, 3)))
static void say(struct out *o, const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(o->text + o->len, o->size - o->len, fmt, args);
	va_end(args);
	if (n > 0)
		o->len += (size_t)n < o->size - o->len ? (size_t)n : o->size - o->len - 1;
}

__attribute__((format(printf, 3, 4)))
static int fail(struct out *o, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(o->text, o->size, fmt, args);
	va_end(args);
	return err;
}

static bool number(const char *word, uint64_t max, uint64_t *val)
{
	char *end;

	if (!word || *word < '0' || *word > '9')
		return false;
	errno = 0;
	*val = strtoull(word, &end, 0);
	return !errno && !*end && *val <= max;
}

static bool mac(const char *word, uint8_t *addr)
{
	unsigned int i, byte[6];
	char rest;

	if (sscanf(word, "%2x:%2x:%2x:%2x:%2x:%2x%c", &byte[0], &byte[1], &byte[2],
		   &byte[3], &byte[4], &byte[5], &rest) != 6)
		return false;
	for (i = 0; i < 6; i++)
		addr[i] = byte[i];
	return true;
}

static bool ipv4(const char *word, uint32_t *addr)
{
	unsigned int b[4];
	char rest;

	if (sscanf(word, "%3u.%3u.%3u.%3u%c", &b[0], &b[1], &b[2], &b[3], &rest) != 4 ||
	    (b[0] | b[1] | b[2] | b[3]) > 255)
		return false;
	*addr = b[0] << 24 | b[1] << 16 | b[2] << 8 | b[3];
	return true;
}

/* ---- what there is to see ----------------------------------------------- */

/* Would a packet for the port's address come to a queue? The driver sets filters
 * anew some time after a reset, and until then it would not.
 */
static bool receives(struct xl710 *dev)
{
	struct packet p = { .data = dev->mac, .len = sizeof(dev->mac) };
	unsigned int i;
	int q;

	for (i = 0; dev->link_up && !dev->fault.removed && i < VSI_NR; i++) {
		if (!dev->vsi[i].used || !vsi_accepts(&dev->vsi[i], &p))
			continue;
		q = vsi_queue(&dev->vsi[i], 0);
		return q >= 0 && dev->rxq[q].enabled;
	}
	return false;
}

static int ctl_status(struct xl710 *dev, char **word, struct out *o)
{
	(void)word;
	say(o, "port %u\n", dev->index);
	say(o, "mac %02x:%02x:%02x:%02x:%02x:%02x\n", dev->mac[0], dev->mac[1],
	    dev->mac[2], dev->mac[3], dev->mac[4], dev->mac[5]);
	say(o, "link %s\n", dev->link_up ? "up" : "down");
	say(o, "receives %d\n", receives(dev));
	say(o, "violations %" PRIu64 "\nunmodelled %" PRIu64 "\nresets %" PRIu64 "\n",
	    dev->violations, dev->unmodelled, dev->resets);
	say(o, "removed %d\nmdd %d\n", dev->fault.removed,
	    rd(dev, GL_MDET_TX) || rd(dev, GL_MDET_RX) || rd(dev, PF_MDET_TX) ||
	    rd(dev, PF_MDET_RX));
	say(o, "max_frame %u\n", dev->max_frame);
	return 0;
}

static int ctl_stats(struct xl710 *dev, char **word, struct out *o)
{
	const struct port_stats *s = &dev->stats;
	const struct wire *w = dev->wire;

	(void)word;
	say(o, "rx_packets %" PRIu64 "\nrx_bytes %" PRIu64 "\n",
	    s->uprc + s->mprc + s->bprc, s->gorc);
	say(o, "tx_packets %" PRIu64 "\ntx_bytes %" PRIu64 "\n",
	    s->uptc + s->mptc + s->bptc, s->gotc);
	say(o, "rx_no_descriptor %" PRIu64 "\nrx_filtered %" PRIu64 "\n", s->rdpc,
	    dev->filtered);
	say(o, "rx_pruned %" PRIu64 "\nrx_fd_dropped %" PRIu64 "\n", dev->pruned,
	    dev->fd_dropped);
	say(o, "rx_oversize %" PRIu64 "\nrx_crc_errors %" PRIu64 "\n", s->roc,
	    s->crcerrs);
	say(o, "tx_link_down %" PRIu64 "\n", s->tdold);
	say(o, "wire_queued %u\nwire_dropped %" PRIu64 "\n", w->queued, w->dropped);
	say(o, "fd_filters %u\n", dev->fd_count);
	return 0;
}

static int ctl_queues(struct xl710 *dev, char **word, struct out *o)
{
	unsigned int i;

	(void)word;
	for (i = 0; i < XL710_QUEUES; i++) {
		const struct rxq *r = &dev->rxq[i];
		const struct txq *t = &dev->txq[i];

		if (r->enabled || r->packets)
			say(o, "rx%u enabled %d head %u tail %u len %u buffer %u max %u "
			    "packets %" PRIu64 " dropped %" PRIu64 " tails %" PRIu64 "\n",
			    i, r->enabled, r->head, r->tail, r->len, r->dbuff,
			    r->rxmax, r->packets, r->dropped, r->tails);
		if (t->enabled || t->packets)
			say(o, "tx%u enabled %d head %u reported %u tail %u len %u "
			    "packets %" PRIu64 " tails %" PRIu64 "\n",
			    i, t->enabled, t->head, t->reported, t->tail, t->len,
			    t->packets, t->tails);
	}
	return 0;
}

static int ctl_sink(struct xl710 *dev, char **word, struct out *o)
{
	const struct sink *s = &dev->wire->sink;

	if (word[1]) {
		if (strcmp(word[1], "reset"))
			return fail(o, EINVAL, "sink [reset]");
		sink_reset(dev->wire);
		return 0;
	}
	say(o, "packets %" PRIu64 "\nbytes %" PRIu64 "\ngood %" PRIu64 "\n", s->packets,
	    s->bytes, s->good);
	say(o, "bad %" PRIu64 "\ndup %" PRIu64 "\nreordered %" PRIu64 "\n", s->bad,
	    s->dup, s->reordered);
	say(o, "other %" PRIu64 "\nbad_csum %" PRIu64 "\n", s->other, s->bad_csum);
	return 0;
}

/* ---- the wire ----------------------------------------------------------- */

static void gen_defaults(struct xl710 *dev)
{
	struct generator *g = &dev->wire->gen;
	static const uint8_t src[6] = { 0x02, 0x71, 0x01, 0, 0, 1 };

	memset(g, 0, sizeof(*g));
	g->size = 60;
	g->flows = 1;
	g->burst = 32;
	g->vlan = -1;
	memcpy(g->dst, dev->mac, 6);
	memcpy(g->src, src, 6);
	g->saddr = 0xc6120001;		/* 198.18.0.1 */
	g->daddr = 0xc6120002;
	g->sport = 1024;
	g->dport = 9;
}

static int gen_option(struct generator *g, const char *key, const char *val)
{
	uint64_t n = 0;
	bool num = number(val, UINT32_MAX, &n);

	if (!strcmp(key, "size")) {
		const char *dash = strchr(val, '-');
		uint64_t max = 0;

		if (dash) {
			char first[16];

			snprintf(first, sizeof(first), "%.*s", (int)(dash - val), val);
			num = number(first, 9728, &n) && number(dash + 1, 9728, &max);
		}
		if (!num || n > 9728 || (dash && max < n))
			return EINVAL;
		g->size = n;
		g->size_max = max;
	} else if (!strcmp(key, "dst")) {
		return mac(val, g->dst) ? 0 : EINVAL;
	} else if (!strcmp(key, "src")) {
		return mac(val, g->src) ? 0 : EINVAL;
	} else if (!strcmp(key, "saddr")) {
		return ipv4(val, &g->saddr) ? 0 : EINVAL;
	} else if (!strcmp(key, "daddr")) {
		return ipv4(val, &g->daddr) ? 0 : EINVAL;
	} else if (!strcmp(key, "proto")) {
		g->raw = !strcmp(val, "raw");
		g->tcp = !strcmp(val, "tcp") || !strcmp(val, "tcp6");
		g->ipv6 = !strcmp(val, "udp6") || !strcmp(val, "tcp6");
		return g->raw || g->tcp || g->ipv6 || !strcmp(val, "udp") ? 0 : EINVAL;
	} else if (!num) {
		return EINVAL;
	} else if (!strcmp(key, "rate")) {
		g->interval = n ? 1000000000ULL : 0;	/* with the burst, see below */
		g->due = n;
	} else if (!strcmp(key, "burst")) {
		if (!n)
			return EINVAL;
		g->burst = n;
	} else if (!strcmp(key, "flows")) {
		if (!n || n > 32768)
			return EINVAL;
		g->flows = n;
	} else if (!strcmp(key, "sport") && n < 65536) {
		g->sport = n;
	} else if (!strcmp(key, "dport") && n < 65536) {
		g->dport = n;
	} else if (!strcmp(key, "vlan") && n < 65536) {
		g->vlan = n;
	} else if (!strcmp(key, "badcsum")) {
		g->bad_csum = n;
	} else if (!strcmp(key, "crcerror")) {
		g->crc_error = n;
	} else {
		return EINVAL;
	}
	return 0;
}

/* "N [key=value ...]" */
static int gen_setup(struct xl710 *dev, char **word, struct out *o)
{
	struct generator *g = &dev->wire->gen, old = *g;
	unsigned int min, i;
	uint64_t n;

	if (!number(word[1], 1ULL << 32, &n))
		return fail(o, EINVAL, "%s N [key=value ...]", word[0]);
	gen_defaults(dev);
	g->nr = n;
	for (i = 2; word[i]; i++) {
		char *val = strchr(word[i], '=');

		if (val)
			*val++ = 0;
		if (!val || gen_option(g, word[i], val)) {
			*g = old;
			return fail(o, EINVAL, "%s: what is '%s'?", word[0], word[i]);
		}
	}
	min = (g->raw ? 14 : (g->ipv6 ? 54 : 34) + (g->tcp ? 20 : 8)) +
		(g->vlan >= 0 ? 4 : 0) + sizeof(struct pattern);
	if (g->size < min) {
		*g = old;
		return fail(o, EINVAL, "%s: the least size is %u", word[0], min);
	}
	if (g->interval)
		g->interval = g->interval * g->burst / g->due;
	return 0;
}

static int ctl_gen(struct xl710 *dev, char **word, struct out *o)
{
	struct generator *g = &dev->wire->gen;
	int err;

	if (!word[1]) {
		say(o, "running %d\nsent %" PRIu64 "\ndropped %" PRIu64 "\nleft %" PRIu64 "\n",
		    g->running, g->sent, g->dropped, g->nr - g->sent - g->dropped);
		say(o, "ns %" PRIu64 "\n",
		    (g->running ? xl710_clock() : g->ended) - g->started);
		return 0;
	}
	if (!strcmp(word[1], "stop")) {
		g->running = false;
		return 0;
	}
	err = gen_setup(dev, word, o);
	if (!err)
		gen_start(dev->wire);
	return err;
}

/* For measurements: so many packets in the ring, or out of it, then one interrupt,
 * and how long it takes until the driver enables the interrupt again.
 */
static void batch_reset(struct xl710 *dev)
{
	unsigned int i;

	for (i = 1; i < XL710_MSIX_NR; i++) {
		dev->vector[i].raised = 0;
		dev->vector[i].busy = 0;
		dev->vector[i].interrupts = 0;
		dev->vector[i].enabled = 0;
	}
}

static void batch_show(struct xl710 *dev, struct out *o)
{
	uint64_t ns = 0, enabled = 0, tails = 0;
	unsigned int i, interrupts = 0;
	bool done = true;

	for (i = 1; i < XL710_MSIX_NR; i++) {
		const struct vector *v = &dev->vector[i];

		done &= !v->raised;
		ns += v->busy;
		interrupts += v->interrupts;
		if (v->enabled > enabled)
			enabled = v->enabled;
	}
	for (i = 0; i < XL710_QUEUES; i++)
		tails += dev->txq[i].tails;
	say(o, "done %d\npackets %" PRIu64 "\nns %" PRIu64 "\n",
	    done && interrupts, dev->wire->gen.sent, ns);
	say(o, "interrupts %u\nenabled_tsc %" PRIu64 "\n", interrupts, enabled);
	say(o, "waiting %u\ntx_tails %" PRIu64 "\n",
	    dev->tx_hold ? txq_waiting(dev) : 0, tails);
}

static int ctl_batch(struct xl710 *dev, char **word, struct out *o)
{
	uint64_t nr = 0;
	int err;

	dev->spin_until = xl710_clock() + BATCH_SPIN_NS;
	if (!word[1]) {
		batch_show(dev, o);
		return 0;
	}
	if (!strcmp(word[1], "send")) {
		if (!dev->tx_hold)
			return fail(o, EINVAL, "batch send: the port does not hold anything");
		if (!number(word[2], XL710_QUEUES * RING_MAX, &nr))
			return fail(o, EINVAL, "batch send N");
		if (txq_waiting(dev) != nr)
			return fail(o, EAGAIN, "batch send: %u packets wait",
				    txq_waiting(dev));
		batch_reset(dev);
		txq_batch(dev);
		return 0;
	}
	batch_reset(dev);
	if (!strcmp(word[1], "reset"))
		return 0;
	err = gen_setup(dev, word, o);
	if (err)
		return err;
	if (gen_batch(dev->wire) != dev->wire->gen.nr)
		return fail(o, EAGAIN, "batch: %llu packets had room",
			    (unsigned long long)dev->wire->gen.sent);
	return 0;
}

static int ctl_hold(struct xl710 *dev, char **word, struct out *o)
{
	unsigned int i;

	if (!word[1] || (strcmp(word[1], "on") && strcmp(word[1], "off")))
		return fail(o, EINVAL, "hold on | off");
	dev->tx_hold = !strcmp(word[1], "on");
	for (i = 0; i < XL710_QUEUES; i++)
		txq_run(dev, &dev->txq[i]);
	return 0;
}

static int ctl_inject(struct xl710 *dev, char **word, struct out *o)
{
	uint8_t frame[128];
	unsigned int len = 0, byte;
	const char *p = word[1];

	if (!p)
		return fail(o, EINVAL, "inject HEX");
	for (; *p; p += 2) {
		if (len == sizeof(frame) || sscanf(p, "%2x", &byte) != 1 || !p[1])
			return fail(o, EINVAL, "inject: not hexadecimal, or too long");
		frame[len++] = byte;
	}
	wire_inject(dev->wire, frame, len, false);
	return 0;
}

static int ctl_wire(struct xl710 *dev, char **word, struct out *o)
{
	struct wire *w = dev->wire;
	static const char * const mode[] = { "peer", "loop", "sink" };
	unsigned int i;

	if (!word[1]) {
		say(o, "wire %s\npause %d\n", mode[w->mode], w->pause);
		return 0;
	}
	for (i = 0; i < 3; i++)
		if (!strcmp(word[1], mode[i]))
			break;
	if (i == 3)
		return fail(o, EINVAL, "wire [peer | loop | sink]");
	if (i == WIRE_PEER && !w->peer)
		return fail(o, ENODEV, "wire: there is no other port");
	w->mode = i;
	txq_resume(dev);
	return 0;
}

static int ctl_pause(struct xl710 *dev, char **word, struct out *o)
{
	if (!word[1] || (strcmp(word[1], "on") && strcmp(word[1], "off")))
		return fail(o, EINVAL, "pause on | off");
	dev->wire->pause = !strcmp(word[1], "on");
	return 0;
}

static int ctl_pcap(struct xl710 *dev, char **word, struct out *o)
{
	const char *path = word[1];

	if (!path)
		return fail(o, EINVAL, "pcap FILE | off");
	if (!wire_pcap(dev->wire, strcmp(path, "off") ? path : NULL))
		return fail(o, errno, "pcap: %s: %s", path, strerror(errno));
	return 0;
}

static int ctl_replay(struct xl710 *dev, char **word, struct out *o)
{
	uint8_t frame[XL710_MAX_FRAME];
	uint32_t head[6], rec[4];
	unsigned int nr = 0;
	FILE *f;

	if (!word[1])
		return fail(o, EINVAL, "replay FILE");
	f = fopen(word[1], "r");
	if (!f)
		return fail(o, errno, "replay: %s: %s", word[1], strerror(errno));
	if (fread(head, sizeof(head), 1, f) != 1 ||
	    (head[0] != 0xa1b2c3d4 && head[0] != 0xa1b23c4d)) {
		fclose(f);
		return fail(o, EINVAL, "replay: %s is no pcap file", word[1]);
	}
	while (fread(rec, sizeof(rec), 1, f) == 1 && rec[2] <= sizeof(frame) &&
	       fread(frame, rec[2], 1, f) == 1) {
		wire_inject(dev->wire, frame, rec[2], false);
		nr++;
	}
	fclose(f);
	say(o, "replayed %u\n", nr);
	return 0;
}

/* ---- faults ------------------------------------------------------------- */

static int ctl_link(struct xl710 *dev, char **word, struct out *o)
{
	if (!word[1])
		return fail(o, EINVAL, "link up | down | flap");
	if (!strcmp(word[1], "flap")) {
		wire_link(dev->wire, false);
		wire_link(dev->wire, true);
		return 0;
	}
	if (strcmp(word[1], "up") && strcmp(word[1], "down"))
		return fail(o, EINVAL, "link up | down | flap");
	wire_link(dev->wire, !strcmp(word[1], "up"));
	return 0;
}

static int ctl_fault(struct xl710 *dev, char **word, struct out *o)
{
	struct faults *f = &dev->fault;
	const struct {
		const char *name;
		unsigned int *count;
	} faults[] = {
		{ "rx-bad-length", &f->rx_bad_len }, { "rx-truncated", &f->rx_truncate },
		{ "rx-error", &f->rx_error }, { "rx-reorder", &f->rx_reorder },
		{ "rx-status", &f->rx_status }, { "rx-stuck", &f->rx_stuck },
		{ "rx-dead", &f->rx_dead },
		{ "tx-bad-head", &f->tx_bad_head }, { "aq-timeout", &f->aq_timeout },
		{ "aq-error", &f->aq_error }, { "pf-reset", &f->pf_reset },
	};
	unsigned int i;
	uint64_t n = 1, code = 5, opcode = 0;

	if (!word[1]) {
		for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
			say(o, "%s %u\n", faults[i].name, *faults[i].count);
		return 0;
	}
	for (i = 0; i < sizeof(faults) / sizeof(*faults); i++)
		if (!strcmp(word[1], faults[i].name))
			break;
	if (i == sizeof(faults) / sizeof(*faults))
		return fail(o, EINVAL, "fault: there is no '%s'", word[1]);
	if (word[2] && !number(word[2], 1000000, &n))
		return fail(o, EINVAL, "fault NAME [TIMES]");
	if (faults[i].count == &f->aq_error) {
		if ((word[2] && word[3] && !number(word[3], 255, &code)) ||
		    (word[2] && word[3] && word[4] && !number(word[4], 0xffff, &opcode)))
			return fail(o, EINVAL, "fault aq-error [TIMES [CODE [OPCODE]]]");
		f->aq_error_code = code;
		f->aq_error_opcode = opcode;
	}
	if (faults[i].count == &f->aq_timeout) {
		if (word[2] && word[3] && !number(word[3], 0xffff, &opcode))
			return fail(o, EINVAL, "fault aq-timeout [TIMES [OPCODE]]");
		f->aq_timeout_opcode = opcode;
	}
	*faults[i].count = n;
	return 0;
}

static int ctl_hang(struct xl710 *dev, char **word, struct out *o)
{
	uint64_t q;

	if (!number(word[1], XL710_QUEUES - 1, &q))
		return fail(o, EINVAL, "hang QUEUE");
	if (!dev->txq[q].enabled)
		return fail(o, ENOENT, "hang: TX queue %u is disabled", (unsigned int)q);
	dev->txq[q].hung = true;
	return 0;
}

static int ctl_mdd(struct xl710 *dev, char **word, struct out *o)
{
	uint64_t q = 0;

	if (!word[1] || (strcmp(word[1], "tx") && strcmp(word[1], "rx")) ||
	    (word[2] && !number(word[2], XL710_QUEUES - 1, &q)))
		return fail(o, EINVAL, "mdd tx | rx [QUEUE]");
	if (*word[1] == 't') {
		wr(dev, GL_MDET_TX, BIT(31) | 1 << 25 | q);
		wr(dev, PF_MDET_TX, 1);
		dev->txq[q].hung = true;
	} else {
		wr(dev, GL_MDET_RX, BIT(31) | q << 17 | 1 << 8);
		wr(dev, PF_MDET_RX, 1);
	}
	intr_cause0(dev, ICR0_MAL_DETECT);
	return 0;
}

static int ctl_reset(struct xl710 *dev, char **word, struct out *o)
{
	static const char * const type[] = { "pf", "core", "global", "emp" };
	unsigned int i;

	for (i = 0; word[1] && i < 4; i++)
		if (!strcmp(word[1], type[i]))
			break;
	if (!word[1] || i == 4)
		return fail(o, EINVAL, "reset pf | core | global | emp");
	if (!i) {
		/* As if the function had been reset behind the driver's back. */
		dev->fault.reset = true;
		pf_reset(dev);
		return 0;
	}
	/* The driver hears of it, even if it is about to rebuild its interrupts. */
	wr(dev, PFINT_ICR0_ENA, rd(dev, PFINT_ICR0_ENA) | ICR0_GRST);
	core_reset(dev, i);
	return 0;
}

static int ctl_remove(struct xl710 *dev, char **word, struct out *o)
{
	(void)word;
	(void)o;
	dev->fault.removed = true;
	dev->wire_up = false;
	dev->link_up = false;
	return 0;
}

static int ctl_restore(struct xl710 *dev, char **word, struct out *o)
{
	(void)word;
	(void)o;
	dev->fault.removed = false;
	dev->fault.reset = true;
	dev->wire_up = true;
	xl710_reset(dev);
	return 0;
}

static int ctl_log(struct xl710 *dev, char **word, struct out *o)
{
	char line[200];
	struct out text = { .text = line, .size = sizeof(line) };
	unsigned int i;

	(void)o;
	*line = 0;
	for (i = 1; word[i]; i++)
		say(&text, " %s", word[i]);
	xl_log(dev, "test:%s", line);
	return 0;
}

static int ctl_owners(struct xl710 *dev, char **word, struct out *o)
{
	(void)dev;
	if (!word[1] || (strcmp(word[1], "on") && strcmp(word[1], "off")))
		return fail(o, EINVAL, "owners on | off");
	own_check(!strcmp(word[1], "on"));
	return 0;
}

static int ctl_violate(struct xl710 *dev, char **word, struct out *o)
{
	(void)word;
	(void)o;
	xl_violation(dev, "a test asked for it");
	return 0;
}

static int run_words(struct xl710 *dev, char **word, struct out *o);

/* For the port at the other end: one that was removed can no more be asked itself. */
static int ctl_peer(struct xl710 *dev, char **word, struct out *o)
{
	if (!dev->wire->peer)
		return fail(o, ENODEV, "peer: there is no other port");
	if (!word[1] || !strcmp(word[1], "peer"))
		return fail(o, EINVAL, "peer COMMAND");
	return run_words(dev->wire->peer->dev, word + 1, o);
}

static const struct {
	const char *name;
	int (*run)(struct xl710 *dev, char **word, struct out *o);
} commands[] = {
	{ "status", ctl_status }, { "stats", ctl_stats }, { "queues", ctl_queues },
	{ "sink", ctl_sink }, { "gen", ctl_gen }, { "batch", ctl_batch },
	{ "hold", ctl_hold }, { "inject", ctl_inject },
	{ "wire", ctl_wire }, { "pause", ctl_pause }, { "pcap", ctl_pcap },
	{ "replay", ctl_replay }, { "link", ctl_link }, { "fault", ctl_fault },
	{ "hang", ctl_hang }, { "mdd", ctl_mdd }, { "reset", ctl_reset },
	{ "remove", ctl_remove }, { "restore", ctl_restore }, { "log", ctl_log },
	{ "owners", ctl_owners }, { "violate", ctl_violate }, { "peer", ctl_peer },
};

static int run_words(struct xl710 *dev, char **word, struct out *o)
{
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (!strcmp(word[0], commands[i].name))
			return commands[i].run(dev, word, o);
	return fail(o, EINVAL, "there is no command '%s'", word[0]);
}

int ctl_run(struct xl710 *dev, const char *line, char *out, size_t size)
{
	char copy[256], *word[WORDS + 1] = { NULL }, *save = NULL, *w;
	struct out o = { .text = out, .size = size };
	unsigned int nr = 0;

	*out = 0;
	snprintf(copy, sizeof(copy), "%s", line);
	for (w = strtok_r(copy, " \t\n", &save); w && nr < WORDS;
	     w = strtok_r(NULL, " \t\n", &save))
		word[nr++] = w;
	if (!nr)
		return fail(&o, EINVAL, "no command");
	return run_words(dev, word, &o);
}

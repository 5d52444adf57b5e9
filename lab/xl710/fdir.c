// SPDX-License-Identifier: GPL-2.0
/*
 * Flow Director: a packet that the driver sends, after a filter programming
 * descriptor, is the filter. It is seen from the sender's side: what is a source
 * in it is a destination in the packets that the filter is for.
 */
#include <stdlib.h>
#include <string.h>

#include "core.h"

void fdir_reset(struct xl710 *dev)
{
	static const struct {
		uint8_t pctype;
		uint64_t inset;
	} sets[] = {
		{ PCTYPE_IPV4_UDP, INSET_L3_SRC | INSET_L3_DST | INSET_L4_SRC | INSET_L4_DST },
		{ PCTYPE_IPV4_TCP, INSET_L3_SRC | INSET_L3_DST | INSET_L4_SRC | INSET_L4_DST },
		{ PCTYPE_IPV4_SCTP, INSET_L3_SRC | INSET_L3_DST | INSET_L4_SRC |
		  INSET_L4_DST | INSET_VERIFY_TAG },
		{ PCTYPE_IPV4_OTHER, INSET_L3_SRC | INSET_L3_DST },
		{ PCTYPE_IPV4_FRAG, INSET_L3_SRC | INSET_L3_DST },
		{ PCTYPE_IPV6_UDP, INSET_V6_SRC | INSET_V6_DST | INSET_L4_SRC | INSET_L4_DST },
		{ PCTYPE_IPV6_TCP, INSET_V6_SRC | INSET_V6_DST | INSET_L4_SRC | INSET_L4_DST },
		{ PCTYPE_IPV6_SCTP, INSET_V6_SRC | INSET_V6_DST | INSET_L4_SRC |
		  INSET_L4_DST | INSET_VERIFY_TAG },
		{ PCTYPE_IPV6_OTHER, INSET_V6_SRC | INSET_V6_DST },
		{ PCTYPE_IPV6_FRAG, INSET_V6_SRC | INSET_V6_DST },
	};
	unsigned int i;

	for (i = 0; i < sizeof(sets) / sizeof(*sets); i++) {
		wr(dev, PRTQF_FD_INSET(sets[i].pctype, 0), sets[i].inset);
		wr(dev, PRTQF_FD_INSET(sets[i].pctype, 1), sets[i].inset >> 32);
	}
	fdir_flush(dev);
}

void fdir_flush(struct xl710 *dev)
{
	memset(dev->fd, 0, FD_MAX * sizeof(*dev->fd));
	dev->fd_count = 0;
}

static uint64_t inset(const struct xl710 *dev, uint8_t pctype)
{
	return (uint64_t)rd(dev, PRTQF_FD_INSET(pctype, 1)) << 32 |
		rd(dev, PRTQF_FD_INSET(pctype, 0));
}

/* The fields that count, as the receiver sees them. */
static void make_key(const struct packet *p, uint64_t set, bool swap, uint8_t *key)
{
	unsigned int alen = p->version == 4 ? 4 : 16;
	const uint8_t *src = p->data + p->l3 + (p->version == 4 ? 12 : 8);
	const uint8_t *dst = src + alen;
	uint16_t sport = p->sport, dport = p->dport;
	uint64_t want_src = p->version == 4 ? INSET_L3_SRC : INSET_V6_SRC;
	uint64_t want_dst = p->version == 4 ? INSET_L3_DST : INSET_V6_DST;

	if (swap) {
		const uint8_t *t = src;

		src = dst;
		dst = t;
		sport = p->dport;
		dport = p->sport;
	}
	memset(key, 0, 40);
	if ((set & want_src) == want_src)
		memcpy(key, src, alen);
	if ((set & want_dst) == want_dst)
		memcpy(key + 16, dst, alen);
	if (set & INSET_L4_SRC)
		memcpy(key + 32, &sport, 2);
	if (set & INSET_L4_DST)
		memcpy(key + 34, &dport, 2);
	if (set & INSET_VLAN && p->tagged)
		memcpy(key + 36, &p->vlan, 2);
}

static struct fd_filter *find(struct xl710 *dev, uint8_t pctype, const uint8_t *key)
{
	unsigned int i, left = dev->fd_count;

	for (i = 0; i < FD_MAX && left; i++) {
		struct fd_filter *f = &dev->fd[i];

		if (!f->used)
			continue;
		left--;
		if (f->pctype == pctype && !memcmp(f->key, key, sizeof(f->key)))
			return f;
	}
	return NULL;
}

uint64_t fdir_program(struct xl710 *dev, const uint32_t *desc, const uint8_t *data,
		      unsigned int len)
{
	uint64_t qw1 = (uint64_t)desc[3] << 32 | desc[2], set;
	struct packet p = { .data = data, .len = len };
	uint8_t pctype = FLTR_PCTYPE(desc[0]);
	struct fd_filter *f;
	uint8_t key[40];
	unsigned int i;

	parse_packet(&p);
	/* The header lengths of a template may be of no packet. */
	if (!p.version && len >= 54 && data[12] == 0x08 && data[13] == 0x00) {
		p.version = 4;
		p.l3 = 14;
		p.sport = data[34] << 8 | data[35];
		p.dport = data[36] << 8 | data[37];
	} else if (!p.version && p.tagged && data[16] == 0x08 && data[17] == 0x00) {
		p.version = 4;
		p.sport = data[38] << 8 | data[39];
		p.dport = data[40] << 8 | data[41];
	} else if (!p.version || p.version == 6) {
		unsigned int l3 = p.tagged ? 18 : 14;

		p.version = 6;
		p.l3 = l3;
		p.sport = data[l3 + 40] << 8 | data[l3 + 41];
		p.dport = data[l3 + 42] << 8 | data[l3 + 43];
	}
	set = inset(dev, pctype);
	if (set & (INSET_FLEX | INSET_VERIFY_TAG) && pctype != PCTYPE_IPV4_SCTP &&
	    pctype != PCTYPE_IPV6_SCTP)
		xl_unmodelled(dev, "flow director matches %#llx",
			      (unsigned long long)set);
	make_key(&p, set, true, key);
	f = find(dev, pctype, key);
	if (FLTR_PCMD(qw1) == FLTR_PCMD_REMOVE) {
		if (!f)
			return RXD_PROG_FD_NONE;
		f->used = false;
		dev->fd_count--;
		return 0;
	}
	if (FLTR_PCMD(qw1) != FLTR_PCMD_ADD) {
		xl_violation(dev, "flow director: command %llu",
			     (unsigned long long)FLTR_PCMD(qw1));
		return 0;
	}
	for (i = 0; !f && i < FD_MAX; i++) {
		if (!dev->fd[i].used) {
			f = &dev->fd[i];
			dev->fd_count++;
		}
	}
	if (!f)
		return RXD_PROG_FD_FULL;
	f->used = true;
	f->pctype = pctype;
	f->dest = FLTR_DEST(qw1);
	f->queue = FLTR_QINDEX(desc[0]);
	f->vsi = FLTR_VSI(desc[0]);
	f->cnt_ena = FLTR_CNT_ENA(qw1);
	f->cntindex = FLTR_CNTINDEX(qw1);
	f->status = FLTR_STATUS(qw1);
	f->id = desc[3];
	memcpy(f->key, key, sizeof(key));
	return 0;
}

struct fd_filter *fdir_match(struct xl710 *dev, const struct packet *p)
{
	struct fd_filter *f;
	uint8_t key[40];

	if (!dev->fd_count || !p->version ||
	    !(rd(dev, PFQF_CTL_0) & PFQF_CTL_0_FD_ENA))
		return NULL;
	make_key(p, inset(dev, p->pctype), false, key);
	f = find(dev, p->pctype, key);
	if (f && f->cnt_ena)
		dev->pcnt[f->cntindex % GLQF_PCNT_NR]++;
	return f;
}

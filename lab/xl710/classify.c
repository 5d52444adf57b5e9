// SPDX-License-Identifier: GPL-2.0
/* What a packet is, which VSI wants it, and which queue gets it. */
#include <string.h>

#include "core.h"

static uint16_t be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/* ---- checksums ---------------------------------------------------------- */

/* The ones' complement sum of bytes, in the order in which they lie in memory. */
uint16_t ip_sum(const uint8_t *data, unsigned int len, uint32_t start)
{
	uint64_t sum = start;
	uint64_t word;
	uint16_t last = 0;

	for (; len >= 8; len -= 8, data += 8) {
		memcpy(&word, data, 8);
		sum += word;
		sum += sum < word;
	}
	sum = (sum & 0xffffffff) + (sum >> 32);
	for (; len >= 2; len -= 2, data += 2) {
		memcpy(&last, data, 2);
		sum += last;
	}
	if (len)
		sum += *data;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint16_t pseudo_sum(const uint8_t *ip, unsigned int version, uint8_t proto,
			   unsigned int len)
{
	uint8_t tail[4] = { 0, proto, len >> 8, len };
	uint32_t sum = version == 4 ? ip_sum(ip + 12, 8, 0) : ip_sum(ip + 8, 32, 0);

	return ip_sum(tail, 4, sum);
}

/* As the descriptor asks: the L4 checksum field has a sum of the pseudo header. */
void fill_checksums(uint8_t *data, unsigned int len, unsigned int maclen,
		    unsigned int iplen, unsigned int cmd)
{
	unsigned int l4 = maclen + iplen, field = 0;
	uint16_t sum;

	if (TXD_CMD_IIPT(cmd) == TXD_CMD_IIPT_IPV4_CSUM && l4 <= len) {
		memset(data + maclen + 10, 0, 2);
		sum = ~ip_sum(data + maclen, iplen, 0);
		memcpy(data + maclen + 10, &sum, 2);
	}
	if (TXD_CMD_L4T(cmd) == TXD_CMD_L4T_TCP)
		field = 16;
	else if (TXD_CMD_L4T(cmd) == TXD_CMD_L4T_UDP)
		field = 6;
	if (!field || l4 + field + 2 > len)
		return;
	sum = ~ip_sum(data + l4, len - l4, 0);
	if (field == 6 && !sum)
		sum = 0xffff;
	memcpy(data + l4 + field, &sum, 2);
}

/* ---- what it is --------------------------------------------------------- */

static void parse_l4(struct packet *p, unsigned int len)
{
	bool v4 = p->version == 4;
	const uint8_t *h = p->data + p->l4;
	uint16_t sum;

	p->ptype = (v4 ? PTYPE_IPV4 : PTYPE_IPV6) + PTYPE_L3;
	p->pctype = v4 ? PCTYPE_IPV4_OTHER : PCTYPE_IPV6_OTHER;
	if (p->frag) {
		p->ptype = (v4 ? PTYPE_IPV4 : PTYPE_IPV6) + PTYPE_FRAG;
		p->pctype = v4 ? PCTYPE_IPV4_FRAG : PCTYPE_IPV6_FRAG;
		return;
	}
	if (p->proto == 17 && len >= 8) {
		p->ptype += PTYPE_UDP - PTYPE_L3;
		p->pctype = v4 ? PCTYPE_IPV4_UDP : PCTYPE_IPV6_UDP;
		p->l4_checked = be16(h + 6) || !v4;
		if (v4 && !be16(h + 6))
			p->l4_checked = false;
	} else if (p->proto == 6 && len >= 20) {
		p->ptype += PTYPE_TCP - PTYPE_L3;
		p->pctype = v4 ? PCTYPE_IPV4_TCP : PCTYPE_IPV6_TCP;
		p->l4_checked = true;
	} else if (p->proto == 132 && len >= 12) {
		p->ptype += PTYPE_SCTP - PTYPE_L3;
		p->pctype = v4 ? PCTYPE_IPV4_SCTP : PCTYPE_IPV6_SCTP;
	} else {
		if ((v4 && p->proto == 1) || (!v4 && p->proto == 58))
			p->ptype += PTYPE_ICMP - PTYPE_L3;
		return;
	}
	p->sport = be16(h);
	p->dport = be16(h + 2);
	if (p->l4_checked) {
		sum = ip_sum(h, len, pseudo_sum(p->data + p->l3, p->version, p->proto,
						len));
		p->l4_bad = sum != 0xffff;
	}
}

static void parse_ipv4(struct packet *p)
{
	const uint8_t *h = p->data + p->l3;
	unsigned int len = p->len - p->l3, ihl, total;

	if (len < 20)
		return;
	ihl = (h[0] & 15) * 4;
	total = be16(h + 2);
	if (h[0] >> 4 != 4 || ihl < 20 || total < ihl || total > len)
		return;
	p->version = 4;
	p->proto = h[9];
	p->frag = be16(h + 6) & 0x3fff;
	p->ip_bad = ip_sum(h, ihl, 0) != 0xffff;
	p->l4 = p->l3 + ihl;
	parse_l4(p, total - ihl);
}

static void parse_ipv6(struct packet *p)
{
	const uint8_t *h = p->data + p->l3;
	unsigned int len = p->len - p->l3, payload;

	if (len < 40 || h[0] >> 4 != 6)
		return;
	payload = be16(h + 4);
	if (payload > len - 40)
		return;
	p->version = 6;
	p->proto = h[6];
	p->frag = p->proto == 44;
	p->l4 = p->l3 + 40;
	parse_l4(p, payload);
}

void parse_packet(struct packet *p)
{
	unsigned int off = 12;
	uint16_t type;

	p->ptype = PTYPE_L2;
	p->pctype = PCTYPE_L2;
	if (p->len < 14)
		return;
	type = be16(p->data + off);
	if (type == 0x8100 && p->len >= 18) {
		p->tagged = true;
		p->vlan = be16(p->data + 14);
		off += 4;
		type = be16(p->data + off);
	}
	p->l3 = off + 2;
	if (type == 0x0800)
		parse_ipv4(p);
	else if (type == 0x86dd)
		parse_ipv6(p);
}

/* ---- RSS ---------------------------------------------------------------- */

uint32_t toeplitz(const struct xl710 *dev, const uint8_t *data, unsigned int len)
{
	uint32_t hash = 0, window;
	unsigned int i, bit;
	uint8_t key[PFQF_HKEY_NR * 4];

	for (i = 0; i < PFQF_HKEY_NR; i++) {
		uint32_t val = rd(dev, PFQF_HKEY(i));

		memcpy(key + i * 4, &val, 4);
	}
	window = (uint32_t)key[0] << 24 | key[1] << 16 | key[2] << 8 | key[3];
	for (i = 0; i < len; i++) {
		for (bit = 0; bit < 8; bit++) {
			if (data[i] & (0x80 >> bit))
				hash ^= window;
			window = window << 1 | (key[i + 4] >> (7 - bit) & 1);
		}
	}
	return hash;
}

static void rss_hash(const struct xl710 *dev, struct packet *p)
{
	uint64_t hena = (uint64_t)rd(dev, PFQF_HENA(1)) << 32 | rd(dev, PFQF_HENA(0));
	unsigned int alen = p->version == 4 ? 8 : 32, len = alen;
	uint8_t input[36];

	if (!p->version || !(hena & BIT64(p->pctype)))
		return;
	memcpy(input, p->data + p->l3 + (p->version == 4 ? 12 : 8), alen);
	if (p->pctype != PCTYPE_IPV4_OTHER && p->pctype != PCTYPE_IPV4_FRAG &&
	    p->pctype != PCTYPE_IPV6_OTHER && p->pctype != PCTYPE_IPV6_FRAG) {
		memcpy(input + alen, p->data + p->l4, 4);
		len += 4;
	}
	p->rss = toeplitz(dev, input, len);
	p->has_rss = true;
}

static unsigned int lut_entry(const struct xl710 *dev, uint32_t hash)
{
	unsigned int nr = rd(dev, PFQF_CTL_0) & PFQF_CTL_0_LUT_512 ? 512 : 128;
	unsigned int i = hash & (nr - 1);

	return rd(dev, PFQF_HLUT(i / 4)) >> (i % 4 * 8) & 0x3f;
}

/* ---- who wants it ------------------------------------------------------- */

static bool filter_match(const struct vsi *vsi, const struct packet *p)
{
	uint16_t vlan = p->tagged ? p->vlan & 0xfff : 0;
	unsigned int i;

	for (i = 0; i < vsi->filters; i++) {
		const struct macvlan *f = &vsi->filter[i];

		if (!memcmp(f->mac, p->data, 6) &&
		    (f->any_vlan || f->vlan == vlan || vsi->prom_vlan))
			return true;
	}
	return false;
}

bool vsi_accepts(const struct vsi *vsi, const struct packet *p)
{
	static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int vlan = p->tagged ? p->vlan & 0xfff : 0;

	if (vsi->is_default)
		return true;
	if (!memcmp(p->data, broadcast, 6))
		return vsi->prom_bcast || filter_match(vsi, p) ||
			vsi->bcast_vlan[vlan / 8] & 1 << vlan % 8;
	if (p->data[0] & 1)
		return vsi->prom_multi || filter_match(vsi, p);
	return vsi->prom_uni || filter_match(vsi, p);
}

/* The XL710 does not receive what has the address of the VSI itself as its
 * source, unless the driver has allowed it to (source pruning).
 */
static bool is_own(const struct vsi *vsi, const struct packet *p)
{
	unsigned int i;

	if (vsi->props[3] & 0x40)
		return false;
	for (i = 0; i < vsi->filters; i++)
		if (!memcmp(vsi->filter[i].mac, p->data + 6, 6))
			return true;
	return false;
}

int classify(struct xl710 *dev, struct packet *p, struct vsi **vsi,
	     struct fd_filter **fd)
{
	unsigned int i;
	int q;

	*vsi = NULL;
	*fd = NULL;
	parse_packet(p);
	if (p->len < 14)
		return -1;
	for (i = 0; i < VSI_NR && !*vsi; i++)
		if (dev->vsi[i].used && vsi_accepts(&dev->vsi[i], p))
			*vsi = &dev->vsi[i];
	if (!*vsi) {
		dev->filtered++;
		return -1;
	}
	if (is_own(*vsi, p)) {
		dev->pruned++;
		return -1;
	}
	rss_hash(dev, p);
	*fd = fdir_match(dev, p);
	if (*fd && (*fd)->dest == FLTR_DEST_DROP) {
		dev->fd_dropped++;
		return -1;
	}
	if (*fd && (*fd)->dest == FLTR_DEST_QUEUE) {
		struct vsi *to = vsi_by_number(dev, (*fd)->vsi);

		q = to ? vsi_queue(to, (*fd)->queue) : -1;
		if (q >= 0)
			*vsi = to;
		return q;
	}
	if (p->has_rss)
		return vsi_queue(*vsi, lut_entry(dev, p->rss) % vsi_rss_queues(*vsi));
	return vsi_queue(*vsi, 0);
}

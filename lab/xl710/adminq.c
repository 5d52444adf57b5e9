// SPDX-License-Identifier: GPL-2.0
/* The admin queue: commands of the driver, events of the firmware. */
#include <inttypes.h>
#include <string.h>

#include "core.h"

struct aq_desc {
	uint16_t flags, opcode, datalen, retval;
	uint32_t cookie[2];
	uint8_t param[16];
};

#define AQ_DD		0x0001
#define AQ_CMP		0x0002
#define AQ_ERR		0x0004
#define AQ_LB		0x0200
#define AQ_RD		0x0400
#define AQ_BUF		0x1000
#define AQ_BUF_MAX	4096

enum aq_rc {
	RC_OK = 0, RC_ENOENT = 2, RC_ESRCH = 3, RC_EIO = 5, RC_E2BIG = 7, RC_ENOMEM = 9,
	RC_EFAULT = 11, RC_EEXIST = 13, RC_EINVAL = 14, RC_ENOSPC = 16, RC_BAD_ADDR = 20,
};

struct cmd {
	struct xl710 *dev;
	struct aq_desc *desc;
	uint8_t *param;
	uint8_t *buf;		/* NULL: none */
	unsigned int size;
};

static uint16_t get16(const uint8_t *p)
{
	uint16_t val;

	memcpy(&val, p, 2);
	return val;
}

static uint32_t get32(const uint8_t *p)
{
	uint32_t val;

	memcpy(&val, p, 4);
	return val;
}

static void put16(uint8_t *p, uint16_t val)
{
	memcpy(p, &val, 2);
}

static void put32(uint8_t *p, uint32_t val)
{
	memcpy(p, &val, 4);
}

/* ---- commands ----------------------------------------------------------- */

static int cmd_ok(struct cmd *c)
{
	(void)c;
	return RC_OK;
}

static int cmd_version(struct cmd *c)
{
	put32(c->param, 0);
	put32(c->param + 4, 1);
	put16(c->param + 8, 8);		/* firmware 8.50 */
	put16(c->param + 10, 50);
	put16(c->param + 12, 1);	/* API 1.15 */
	put16(c->param + 14, 15);
	return RC_OK;
}

static int cmd_resource(struct cmd *c)
{
	put32(c->param + 4, 3000);
	return RC_OK;
}

static int cmd_capabilities(struct cmd *c)
{
	static const struct {
		uint16_t id;
		uint8_t major;
		uint32_t number, logical, phys;
	} caps[] = {
		{ 0x0001, 1, 0, 0, 0 },			/* switch mode */
		{ 0x0005, 1, 1, 0, 0 },			/* one function */
		{ 0x0017, 1, VSI_NR, 0, 0 },
		{ 0x0040, 1, 512, 6, 0 },		/* RSS: 512 entries of 6 bits */
		{ 0x0041, 1, XL710_QUEUES, 0, 0 },
		{ 0x0042, 1, XL710_QUEUES, 0, 0 },
		{ 0x0043, 1, XL710_MSIX_NR, 0, 0 },
		{ 0x0045, 1, FD_MAX, 0, 0 },		/* flow director */
	};
	unsigned int i, nr = sizeof(caps) / sizeof(*caps);

	if (c->size < nr * 32) {
		c->desc->datalen = nr * 32;
		return RC_ENOMEM;
	}
	memset(c->buf, 0, c->size);
	for (i = 0; i < nr; i++) {
		uint8_t *e = c->buf + i * 32;

		put16(e, caps[i].id);
		e[2] = caps[i].major;
		put32(e + 4, caps[i].number);
		put32(e + 8, caps[i].logical);
		put32(e + 12, caps[i].phys);
	}
	put32(c->param + 4, nr);
	c->desc->datalen = nr * 32;
	return RC_OK;
}

static int cmd_mac_read(struct cmd *c)
{
	if (c->size < 24)
		return RC_EINVAL;
	memset(c->buf, 0, 24);
	memcpy(c->buf, c->dev->mac, 6);
	memcpy(c->buf + 12, c->dev->mac, 6);
	put16(c->param, 0x10 | 0x40);
	return RC_OK;
}

#define VEB_SEID	0x120

static int cmd_switch_config(struct cmd *c)
{
	const struct vsi *vsi;
	unsigned int i, nr = 0;

	if (c->size < 16 + 16 * (VSI_NR + 1))
		return RC_ENOMEM;
	memset(c->buf, 0, 16 + 16 * (VSI_NR + 1));
	for (i = 0; i < VSI_NR; i++) {
		uint8_t *e = c->buf + 16 + 16 * nr;

		vsi = &c->dev->vsi[i];
		if (!vsi->used)
			continue;
		e[0] = 19;			/* a VSI */
		e[1] = 1;
		put16(e + 2, vsi->seid);
		put16(e + 4, vsi->uplink);
		put16(e + 6, 16);		/* the PF */
		e[11] = 1;
		put16(e + 14, vsi->number);
		nr++;
	}
	if (c->dev->veb) {
		uint8_t *e = c->buf + 16 + 16 * nr++;

		e[0] = 17;			/* a VEB */
		e[1] = 1;
		put16(e + 2, VEB_SEID);
		put16(e + 4, PORT_SEID);
		e[11] = 1;
	}
	put16(c->buf, nr);
	put16(c->buf + 2, nr);
	put16(c->param, 0);			/* no more */
	return RC_OK;
}

static int cmd_reg_read(struct cmd *c)
{
	uint32_t addr = get32(c->param + 4);

	if (addr % 4 || addr >= XL710_BAR0_SIZE)
		return RC_EINVAL;
	put32(c->param + 12, reg_read(c->dev, addr));
	put32(c->param + 8, 0);
	return RC_OK;
}

static int cmd_reg_write(struct cmd *c)
{
	uint32_t addr = get32(c->param + 4);

	if (addr % 4 || addr >= XL710_BAR0_SIZE)
		return RC_EINVAL;
	reg_write(c->dev, addr, get32(c->param + 12));
	return RC_OK;
}

static unsigned int vsis_used(const struct xl710 *dev)
{
	unsigned int i, nr = 0;

	for (i = 0; i < VSI_NR; i++)
		nr += dev->vsi[i].used;
	return nr;
}

static int vsi_answer(struct cmd *c, struct vsi *vsi)
{
	put16(c->param, vsi->seid);
	put16(c->param + 2, vsi->number);
	put16(c->param + 4, vsis_used(c->dev));
	put16(c->param + 6, VSI_NR - vsis_used(c->dev));
	memcpy(c->buf, vsi->props, 128);
	return RC_OK;
}

static void vsi_update(struct xl710 *dev, struct vsi *vsi, const uint8_t *props)
{
	static const struct {
		uint16_t flag;
		uint8_t first, last;
	} section[] = {
		{ 0x001, 2, 5 }, { 0x002, 6, 7 }, { 0x004, 8, 15 }, { 0x008, 24, 27 },
		{ 0x010, 16, 19 }, { 0x020, 20, 23 }, { 0x040, 28, 77 }, { 0x080, 78, 81 },
		{ 0x100, 84, 87 }, { 0x200, 82, 83 },
	};
	uint16_t valid = get16(props);
	unsigned int i;

	for (i = 0; i < sizeof(section) / sizeof(*section); i++)
		if (valid & section[i].flag)
			memcpy(vsi->props + section[i].first, props + section[i].first,
			       section[i].last - section[i].first + 1);
	if (vsi->props[12] & 0x04)
		xl_unmodelled(dev, "VSI %u inserts a port VLAN", vsi->number);
	if (vsi->props[82] > 1)
		xl_unmodelled(dev, "VSI %u has traffic classes %#x", vsi->number,
			      vsi->props[82]);
}

static int cmd_vsi_add(struct cmd *c)
{
	unsigned int i, type = get16(c->param + 6) & 3;

	if (c->size < 128)
		return RC_EINVAL;
	/* A channel's (VMDq2) is like a PF's, but for QTX_CTL */
	if (type != 1 && type != 2) {
		xl_unmodelled(c->dev, "VSI of type %u", type);
		return RC_EINVAL;
	}
	for (i = 1; i < VSI_NR; i++) {
		struct vsi *vsi = &c->dev->vsi[i];

		if (vsi->used)
			continue;
		memset(vsi, 0, sizeof(*vsi));
		vsi->used = true;
		vsi->seid = c->dev->vsi[0].seid + i;
		vsi->uplink = get16(c->param);
		vsi->number = i + 1;
		put16(vsi->props + 112, vsi->number);
		vsi_update(c->dev, vsi, c->buf);
		return vsi_answer(c, vsi);
	}
	return RC_ENOSPC;
}

static int cmd_vsi_update(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param));

	if (c->size < 128)
		return RC_EINVAL;
	if (!vsi)
		return RC_ENOENT;
	vsi_update(c->dev, vsi, c->buf);
	return vsi_answer(c, vsi);
}

static int cmd_vsi_get(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param));

	if (c->size < 128)
		return RC_EINVAL;
	return vsi ? vsi_answer(c, vsi) : RC_ENOENT;
}

/* There is room for one VEB, below the port. The driver makes it when it has more than
 * one VSI; for the packets of the port's own VSIs it makes no difference.
 */
static int veb_answer(struct cmd *c)
{
	memset(c->param, 0, 16);
	put16(c->param, VEB_SEID);
	put16(c->param + 8, c->dev->veb);
	put16(c->param + 10, !c->dev->veb);
	return RC_OK;
}

static int cmd_veb_add(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param + 2));

	if (c->dev->veb)
		return RC_ENOSPC;
	if (!vsi || get16(c->param) != vsi->uplink || get16(c->param + 4) & 1) {
		xl_unmodelled(c->dev, "VEB between %#x and %#x, flags %#x",
			      get16(c->param), get16(c->param + 2), get16(c->param + 4));
		return RC_EINVAL;
	}
	c->dev->veb = true;
	vsi->uplink = VEB_SEID;
	memset(c->param, 0, 16);
	put16(c->param + 8, VEB_SEID);
	put16(c->param + 12, 1);
	return RC_OK;
}

static int cmd_veb_get(struct cmd *c)
{
	if (!c->dev->veb || get16(c->param) != VEB_SEID)
		return RC_ENOENT;
	return veb_answer(c);
}

static int cmd_veb_bw(struct cmd *c)
{
	if (!c->dev->veb || get16(c->param) != VEB_SEID)
		return RC_ENOENT;
	if (c->size < 32)
		return RC_EINVAL;
	memset(c->buf, 0, c->size < 64 ? c->size : 64);
	c->buf[0] = 1;				/* traffic class 0 */
	if (c->desc->opcode == 0x041a)
		c->buf[4] = 100;
	return RC_OK;
}

static int cmd_delete(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param));

	if (c->dev->veb && get16(c->param) == VEB_SEID) {
		c->dev->veb = false;
		c->dev->vsi[0].uplink = PORT_SEID;
		return RC_OK;
	}
	if (!vsi)
		return RC_ENOENT;
	if (vsi == &c->dev->vsi[0])
		return RC_EINVAL;
	vsi->used = false;
	return RC_OK;
}

static struct macvlan *filter_find(struct vsi *vsi, const uint8_t *mac, uint16_t vlan,
				   bool any_vlan)
{
	unsigned int i;

	for (i = 0; i < vsi->filters; i++) {
		struct macvlan *f = &vsi->filter[i];

		if (!memcmp(f->mac, mac, 6) && f->any_vlan == any_vlan &&
		    (any_vlan || f->vlan == vlan))
			return f;
	}
	return NULL;
}

static int macvlan_answer(struct cmd *c, const struct vsi *vsi, int rc)
{
	put16(c->param, vsi->filters);
	put16(c->param + 2, VSI_FILTERS - vsi->filters);
	put16(c->param + 4, 0);
	put16(c->param + 6, 0);
	return rc;
}

static int cmd_macvlan_add(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param + 2));
	unsigned int i, nr = get16(c->param);
	int rc = RC_OK;

	if (!vsi)
		return RC_ENOENT;
	if (c->size < nr * 16)
		return RC_EINVAL;
	for (i = 0; i < nr; i++) {
		uint8_t *e = c->buf + i * 16;
		uint16_t flags = get16(e + 8);
		struct macvlan *f;

		if (!(flags & 0x0001) || flags & ~0x0015) {
			xl_unmodelled(c->dev, "MAC filter with flags %#x", flags);
			e[12] = 0xff;
			rc = RC_EINVAL;
			continue;
		}
		f = filter_find(vsi, e, get16(e + 6), flags & 0x4);
		if (!f && vsi->filters == VSI_FILTERS) {
			e[12] = 0xff;
			rc = RC_ENOSPC;
			continue;
		}
		if (!f)
			f = &vsi->filter[vsi->filters++];
		memcpy(f->mac, e, 6);
		f->vlan = get16(e + 6);
		f->any_vlan = flags & 0x4;
		e[12] = 1;			/* a perfect match */
	}
	return macvlan_answer(c, vsi, rc);
}

static int cmd_macvlan_remove(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param + 2));
	unsigned int i, nr = get16(c->param);
	int rc = RC_OK;

	if (!vsi)
		return RC_ENOENT;
	if (c->size < nr * 16)
		return RC_EINVAL;
	for (i = 0; i < nr; i++) {
		uint8_t *e = c->buf + i * 16;
		struct macvlan *f = filter_find(vsi, e, get16(e + 6), e[8] & 0x08);

		e[12] = 0;
		if (f) {
			*f = vsi->filter[--vsi->filters];
		} else {
			e[12] = 1;
			rc = RC_ENOENT;
		}
	}
	return macvlan_answer(c, vsi, rc);
}

static int cmd_promiscuous(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param + 4));
	uint16_t flags = get16(c->param), valid = get16(c->param + 2);

	if (!vsi)
		return RC_ENOENT;
	if (get16(c->param + 6) & 0x8000) {
		unsigned int vlan = get16(c->param + 6) & 0xfff;

		/* One VLAN: the driver asks for broadcasts alone. */
		if (valid != 0x04) {
			xl_unmodelled(c->dev, "promiscuous mode %#x for one VLAN", valid);
			return RC_EINVAL;
		}
		vsi->bcast_vlan[vlan / 8] &= ~(1 << vlan % 8);
		if (flags & 0x04)
			vsi->bcast_vlan[vlan / 8] |= 1 << vlan % 8;
		return RC_OK;
	}
	if (valid & 0x01)
		vsi->prom_uni = flags & 0x01;
	if (valid & 0x02)
		vsi->prom_multi = flags & 0x02;
	if (valid & 0x04)
		vsi->prom_bcast = flags & 0x04;
	if (valid & 0x08)
		vsi->is_default = flags & 0x08;
	if (valid & 0x10)
		vsi->prom_vlan = flags & 0x10;
	return RC_OK;
}

static int cmd_bw(struct cmd *c)
{
	struct vsi *vsi = vsi_by_seid(c->dev, get16(c->param));
	uint16_t opcode = c->desc->opcode;

	if (!vsi)
		return RC_ENOENT;
	if (opcode == 0x0400)
		return RC_OK;
	if (c->size < 32)
		return RC_EINVAL;
	if (opcode != 0x0407)
		memset(c->buf, 0, c->size < 64 ? c->size : 64);
	c->buf[0] = 1;				/* traffic class 0 */
	if (opcode == 0x040a)
		c->buf[4] = 100;
	else
		memcpy(c->buf + 16, vsi->props + 96, 16);
	return RC_OK;
}

static int cmd_phy_abilities(struct cmd *c)
{
	if (c->size < 0x218)
		return RC_EINVAL;
	memset(c->buf, 0, 0x218);
	put32(c->buf, 1U << 0x18);		/* 40GBASE-CR4 */
	c->buf[4] = 0x10;			/* 40 Gb/s */
	c->buf[5] = 0x10 | (c->dev->phy_link ? 0x08 : 0);
	put32(c->buf + 16, 0x00000001);
	return RC_OK;
}

static int cmd_phy_config(struct cmd *c)
{
	c->dev->phy_link = c->param[5] & 0x08;
	link_update(c->dev);
	return RC_OK;
}

static int cmd_mac_config(struct cmd *c)
{
	uint16_t max = get16(c->param);

	if (max > XL710_MAX_FRAME)
		return RC_EINVAL;
	if (max)
		c->dev->max_frame = max;
	return RC_OK;
}

static int cmd_link_restart(struct cmd *c)
{
	c->dev->phy_link = c->param[0] & 0x04;
	link_update(c->dev);
	return RC_OK;
}

static int cmd_link_status(struct cmd *c)
{
	uint16_t flags = get16(c->param);

	if (flags & 0x2)
		c->dev->lse = flags & 0x1;
	link_status(c->dev, c->param);
	return RC_OK;
}

static int cmd_phy_int_mask(struct cmd *c)
{
	c->dev->phy_int_mask = get16(c->param + 8);
	return RC_OK;
}

static int cmd_control_filter(struct cmd *c)
{
	if (!(get16(c->param + 8) & 0x2) || get16(c->param + 6) != 0x8808)
		xl_unmodelled(c->dev, "control packet filter for %#x", get16(c->param + 6));
	memset(c->param, 0, 16);
	return RC_OK;
}

static int cmd_nvm_read(struct cmd *c)
{
	unsigned int len = get16(c->param + 2), off = get32(c->param + 4);

	if (c->param[1] || off + len > 4096 || c->size < len)
		return RC_EINVAL;
	memcpy(c->buf, (uint8_t *)c->dev->nvm + off, len);
	return RC_OK;
}

enum { DIRECT, IN, OUT };

static const struct {
	uint16_t opcode;
	uint8_t buffer;
	int (*run)(struct cmd *c);
} commands[] = {
	{ 0x0001, DIRECT, cmd_version },
	{ 0x0002, IN, cmd_ok },				/* driver version */
	{ 0x0003, DIRECT, cmd_ok },			/* shutdown */
	{ 0x0004, DIRECT, cmd_ok },			/* PF context */
	{ 0x0008, DIRECT, cmd_resource },
	{ 0x0009, DIRECT, cmd_ok },
	{ 0x000a, OUT, cmd_capabilities },
	{ 0x000b, OUT, cmd_capabilities },
	{ 0x0107, OUT, cmd_mac_read },
	{ 0x0108, DIRECT, cmd_ok },			/* not beyond a reset */
	{ 0x0110, DIRECT, cmd_ok },			/* leave PXE mode */
	{ 0x0200, OUT, cmd_switch_config },
	{ 0x0205, DIRECT, cmd_ok },
	{ 0x0206, DIRECT, cmd_reg_read },
	{ 0x0207, DIRECT, cmd_reg_write },
	{ 0x0210, IN, cmd_vsi_add },
	{ 0x0211, IN, cmd_vsi_update },
	{ 0x0212, OUT, cmd_vsi_get },
	{ 0x0230, DIRECT, cmd_veb_add },
	{ 0x0232, DIRECT, cmd_veb_get },
	{ 0x0243, DIRECT, cmd_delete },
	{ 0x0250, IN, cmd_macvlan_add },
	{ 0x0251, IN, cmd_macvlan_remove },
	{ 0x0254, DIRECT, cmd_promiscuous },
	{ 0x025a, DIRECT, cmd_control_filter },
	{ 0x0400, DIRECT, cmd_bw },
	{ 0x0407, IN, cmd_bw },
	{ 0x0408, OUT, cmd_bw },
	{ 0x040a, OUT, cmd_bw },
	{ 0x0418, OUT, cmd_veb_bw },
	{ 0x041a, OUT, cmd_veb_bw },
	{ 0x0600, OUT, cmd_phy_abilities },
	{ 0x0601, DIRECT, cmd_phy_config },
	{ 0x0603, DIRECT, cmd_mac_config },
	{ 0x0605, DIRECT, cmd_link_restart },
	{ 0x0607, DIRECT, cmd_link_status },
	{ 0x0613, DIRECT, cmd_phy_int_mask },
	{ 0x0622, DIRECT, cmd_ok },			/* PHY debug: nothing to do */
	{ 0x0701, OUT, cmd_nvm_read },
	{ 0x0a05, DIRECT, cmd_ok },			/* there is no LLDP agent: stop ... */
	{ 0x0a06, DIRECT, cmd_ok },			/* ... and start */
	{ 0xff03, DIRECT, cmd_reg_read },
	{ 0xff04, DIRECT, cmd_reg_write },
};

static int run(struct xl710 *dev, struct aq_desc *desc)
{
	struct cmd c = { .dev = dev, .desc = desc, .param = desc->param };
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (commands[i].opcode == desc->opcode)
			break;
	if (i == sizeof(commands) / sizeof(*commands)) {
		xl_unmodelled(dev, "admin queue command %#06x", desc->opcode);
		return RC_ESRCH;
	}
	if (desc->flags & AQ_BUF) {
		uint64_t addr = (uint64_t)get32(desc->param + 8) << 32 |
			get32(desc->param + 12);
		bool large = desc->datalen > 512;

		c.size = desc->datalen;
		if (!c.size || c.size > AQ_BUF_MAX ||
		    large != !!(desc->flags & AQ_LB)) {
			xl_violation(dev, "admin queue command %#06x: buffer of %u bytes with flags %#x",
				     desc->opcode, c.size, desc->flags);
			return RC_EINVAL;
		}
		c.buf = dev->ops->dma(dev->ctx, addr, c.size);
		if (!c.buf || own_any(dev, addr, c.size)) {
			xl_violation(dev, "admin queue command %#06x: buffer at %#" PRIx64 " %s",
				     desc->opcode, addr,
				     c.buf ? "is a receive buffer" : "is not memory");
			return RC_BAD_ADDR;
		}
	}
	if (commands[i].buffer != DIRECT &&
	    (!c.buf || (commands[i].buffer == IN && !(desc->flags & AQ_RD)))) {
		xl_violation(dev, "admin queue command %#06x needs a buffer, and has flags %#x",
			     desc->opcode, desc->flags);
		return RC_EINVAL;
	}
	return commands[i].run(&c);
}

static struct aq_desc *ring(struct xl710 *dev, uint32_t low, uint32_t high,
			    unsigned int idx)
{
	uint64_t base = (uint64_t)rd(dev, high) << 32 | rd(dev, low);

	return dev->ops->dma(dev->ctx, base + idx * sizeof(struct aq_desc),
			     sizeof(struct aq_desc));
}

static void run_commands(struct xl710 *dev)
{
	unsigned int len = rd(dev, PF_ATQLEN) & PF_XQLEN_LEN;
	struct faults *fault = &dev->fault;

	while (dev->atq_alive && dev->atq_next != rd(dev, PF_ATQT)) {
		struct aq_desc *desc = ring(dev, PF_ATQBAL, PF_ATQBAH, dev->atq_next);
		int rc;

		if (!desc) {
			xl_violation(dev, "admin queue: descriptor %u is not memory",
				     dev->atq_next);
			dev->reg[PF_ATQLEN / 4] |= PF_XQLEN_CRIT;
			return;
		}
		dev->atq_next = (dev->atq_next + 1) % len;
		dev->last_opcode = desc->opcode;
		if (fault->aq_timeout && (!fault->aq_timeout_opcode ||
					  fault->aq_timeout_opcode == desc->opcode)) {
			fault->aq_timeout--;
			xl_log(dev, "fault: admin queue command %#06x is not answered",
			       desc->opcode);
			continue;
		}
		if (fault->aq_error && (!fault->aq_error_opcode ||
					fault->aq_error_opcode == desc->opcode)) {
			fault->aq_error--;
			rc = fault->aq_error_code;
			xl_log(dev, "fault: admin queue command %#06x fails with %d",
			       desc->opcode, rc);
		} else {
			rc = run(dev, desc);
			if (rc)
				xl_log(dev, "admin queue command %#06x fails with %d",
				       desc->opcode, rc);
		}
		desc->retval = rc;
		desc->flags = (desc->flags & ~(AQ_DD | AQ_CMP | AQ_ERR)) | AQ_DD |
			AQ_CMP | (rc ? AQ_ERR : 0);
		__atomic_thread_fence(__ATOMIC_RELEASE);
		wr(dev, PF_ATQH, dev->atq_next);
	}
}

bool adminq_event(struct xl710 *dev, uint16_t opcode, const void *param)
{
	unsigned int len = rd(dev, PF_ARQLEN) & PF_XQLEN_LEN;
	unsigned int head = rd(dev, PF_ARQH);
	struct aq_desc *desc;

	if (!dev->arq_alive)
		return false;
	if (head == rd(dev, PF_ARQT)) {
		xl_log(dev, "event %#06x is lost: the queue is full", opcode);
		dev->reg[PF_ARQLEN / 4] |= PF_XQLEN_OVFL;
		return false;
	}
	desc = ring(dev, PF_ARQBAL, PF_ARQBAH, head);
	if (!desc) {
		xl_violation(dev, "admin receive queue: descriptor %u is not memory", head);
		return false;
	}
	if (!(desc->flags & AQ_BUF))
		xl_violation(dev, "admin receive queue: descriptor %u has no buffer", head);
	desc->opcode = opcode;
	desc->retval = 0;
	desc->datalen = 0;
	memcpy(desc->param, param, 16);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	desc->flags = AQ_DD | AQ_CMP;
	wr(dev, PF_ARQH, (head + 1) % len);
	intr_cause0(dev, ICR0_ADMINQ);
	return true;
}

void adminq_reset(struct xl710 *dev)
{
	dev->atq_alive = false;
	dev->arq_alive = false;
	dev->atq_next = 0;
	wr(dev, PF_ATQLEN, rd(dev, PF_ATQLEN) & ~PF_XQLEN_ENABLE);
	wr(dev, PF_ARQLEN, rd(dev, PF_ARQLEN) & ~PF_XQLEN_ENABLE);
}

static bool len_ok(struct xl710 *dev, const char *name, uint32_t val)
{
	if ((val & PF_XQLEN_LEN) && (val & PF_XQLEN_LEN) % 32 == 0)
		return true;
	xl_violation(dev, "%s: %u descriptors", name, val & PF_XQLEN_LEN);
	return false;
}

void adminq_write(struct xl710 *dev, uint32_t addr, uint32_t val)
{
	bool tx = (addr & 0x80) == 0;
	bool alive = tx ? dev->atq_alive : dev->arq_alive;
	unsigned int len = rd(dev, tx ? PF_ATQLEN : PF_ARQLEN) & PF_XQLEN_LEN;

	if (addr == PF_ATQLEN || addr == PF_ARQLEN) {
		bool enable = val & PF_XQLEN_ENABLE &&
			len_ok(dev, tx ? "PF_ATQLEN" : "PF_ARQLEN", val);

		wr(dev, addr, val);
		if (tx && enable && !alive)
			dev->atq_next = rd(dev, PF_ATQH);
		if (tx)
			dev->atq_alive = enable;
		else
			dev->arq_alive = enable;
		return;
	}
	if ((addr == PF_ATQT || addr == PF_ARQT) && !alive && dev->fault.reset)
		return;
	if ((addr == PF_ATQT || addr == PF_ARQT) && val &&
	    (!alive || val >= len)) {
		xl_violation(dev, "%s: tail %u of a queue with %u descriptors that is %s",
			     tx ? "PF_ATQT" : "PF_ARQT", val, len, alive ? "on" : "off");
		return;
	}
	wr(dev, addr, val);
	/* The driver clears head and tail before it switches the queue off. */
	if (addr == PF_ATQH)
		dev->atq_next = val;
	if (addr == PF_ATQT)
		run_commands(dev);
}

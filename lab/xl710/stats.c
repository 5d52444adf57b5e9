// SPDX-License-Identifier: GPL-2.0
/* Counters of the port and of the VSIs, as registers and from packets. */
#include <stddef.h>
#include <string.h>

#include "core.h"

void stats_reset(struct xl710 *dev)
{
	memset(&dev->stats, 0, sizeof(dev->stats));
}

#define PRT(off, member) { off, offsetof(struct port_stats, member) }

static const struct {
	uint32_t off, member;
} port_regs[] = {
	PRT(0x000, gorc), PRT(0x020, mlfc), PRT(0x040, mrfc), PRT(0x080, crcerrs),
	PRT(0x0a0, rlec), PRT(0x0e0, illerrc), PRT(0x100, ruc), PRT(0x120, roc),
	PRT(0x160, lxoffrxc), PRT(0x480, prc[0]), PRT(0x4a0, prc[1]),
	PRT(0x4c0, prc[2]), PRT(0x4e0, prc[3]), PRT(0x500, prc[4]), PRT(0x520, prc[5]),
	PRT(0x540, prc[6]), PRT(0x560, rfc), PRT(0x580, rjc), PRT(0x5a0, uprc),
	PRT(0x5c0, mprc), PRT(0x5e0, bprc), PRT(0x600, rdpc), PRT(0x680, gotc),
	PRT(0x6a0, ptc[0]), PRT(0x6c0, ptc[1]), PRT(0x6e0, ptc[2]), PRT(0x700, ptc[3]),
	PRT(0x720, ptc[4]), PRT(0x740, ptc[5]), PRT(0x760, ptc[6]), PRT(0x9a0, lxofftxc),
	PRT(0x9c0, uptc), PRT(0x9e0, mptc), PRT(0xa00, bptc), PRT(0xa20, tdold),
};

#define VSI(first, member) { first, offsetof(struct vsi_stats, member) }

static const struct {
	uint32_t first, member;
} vsi_regs[] = {
	VSI(GLV_RDPC, rdpc), VSI(GLV_GOTC, gotc), VSI(GLV_UPTC, uptc), VSI(GLV_MPTC, mptc),
	VSI(GLV_BPTC, bptc), VSI(GLV_TEPC, tepc), VSI(GLV_GORC, gorc), VSI(GLV_UPRC, uprc),
	VSI(GLV_MPRC, mprc), VSI(GLV_BPRC, bprc), VSI(GLV_RUPP, rupp),
};

static uint32_t half(const void *base, uint32_t member, uint32_t addr)
{
	uint64_t val;

	memcpy(&val, (const uint8_t *)base + member, 8);
	return addr & 4 ? (val >> 32) & 0xffff : val;
}

bool stats_read(struct xl710 *dev, uint32_t addr, uint32_t *val)
{
	unsigned int i;

	*val = 0;
	if (addr <= GLPRT_LAST) {
		for (i = 0; i < sizeof(port_regs) / sizeof(*port_regs); i++) {
			if ((addr & ~4U) == GLPRT_FIRST + port_regs[i].off) {
				*val = half(&dev->stats, port_regs[i].member, addr);
				return true;
			}
		}
		return true;		/* flow control: nothing is counted */
	}
	for (i = 0; i < sizeof(vsi_regs) / sizeof(*vsi_regs); i++) {
		const struct vsi *vsi;

		if (addr < vsi_regs[i].first || addr >= vsi_regs[i].first + 384 * 8)
			continue;
		vsi = vsi_by_number(dev, (addr - vsi_regs[i].first) / 8);
		if (vsi)
			*val = half(&vsi->stats, vsi_regs[i].member, addr);
		return true;
	}
	return addr >= GL_RXERR1 && addr < GL_RXERR1 + 144 * 8;
}

static unsigned int size_class(unsigned int len)
{
	static const unsigned int limit[] = { 64, 127, 255, 511, 1023, 1522 };
	unsigned int i;

	for (i = 0; i < sizeof(limit) / sizeof(*limit); i++)
		if (len + 4 <= limit[i])
			return i;
	return i;
}

/* Bytes count with the CRC. */
void stats_rx(struct xl710 *dev, struct vsi *vsi, const uint8_t *data, unsigned int len)
{
	uint64_t *port = &dev->stats.uprc, *v = &vsi->stats.uprc;

	if (data[0] == 0xff && data[1] == 0xff) {
		port = &dev->stats.bprc;
		v = &vsi->stats.bprc;
	} else if (data[0] & 1) {
		port = &dev->stats.mprc;
		v = &vsi->stats.mprc;
	}
	++*port;
	++*v;
	dev->stats.gorc += len + 4;
	vsi->stats.gorc += len + 4;
	dev->stats.prc[size_class(len)]++;
}

void stats_tx(struct xl710 *dev, struct vsi *vsi, const uint8_t *data, unsigned int len)
{
	uint64_t *port = &dev->stats.uptc, *v = &vsi->stats.uptc;

	if (data[0] == 0xff && data[1] == 0xff) {
		port = &dev->stats.bptc;
		v = &vsi->stats.bptc;
	} else if (data[0] & 1) {
		port = &dev->stats.mptc;
		v = &vsi->stats.mptc;
	}
	++*port;
	++*v;
	dev->stats.gotc += len + 4;
	vsi->stats.gotc += len + 4;
	dev->stats.ptc[size_class(len)]++;
}

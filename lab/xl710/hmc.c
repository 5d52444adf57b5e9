// SPDX-License-Identifier: GPL-2.0
/* Host memory cache: segments that the driver provides, queue contexts in them. */
#include <inttypes.h>
#include <string.h>

#include "core.h"

#define SD_SIZE		(2ULL << 20)
#define SD_NR		512
#define TXQ_SIZE	128
#define RXQ_SIZE	32

void hmc_reset(struct xl710 *dev)
{
	memset(dev->sd_flags, 0, sizeof(dev->sd_flags));
}

void hmc_sdcmd(struct xl710 *dev, uint32_t val)
{
	unsigned int idx = val & 0xfff;
	uint32_t low = rd(dev, PFHMC_SDDATALOW);

	if (idx >= SD_NR) {
		xl_unmodelled(dev, "HMC segment %u", idx);
		return;
	}
	if (!(val & PFHMC_SDCMD_WR)) {
		wr(dev, PFHMC_SDDATALOW, dev->sd_flags[idx] | (uint32_t)dev->sd[idx]);
		wr(dev, PFHMC_SDDATAHIGH, dev->sd[idx] >> 32);
		return;
	}
	dev->sd[idx] = (uint64_t)rd(dev, PFHMC_SDDATAHIGH) << 32 | (low & 0xfffff000);
	dev->sd_flags[idx] = low & 0xfff;
}

static void *object(struct xl710 *dev, uint64_t off, unsigned int size,
		    const char *what, unsigned int nr)
{
	unsigned int idx = off / SD_SIZE;
	uint64_t addr;
	void *p;

	if (idx >= SD_NR || !(dev->sd_flags[idx] & PFHMC_SDDATALOW_VALID)) {
		xl_violation(dev, "%s queue %u is enabled, but HMC segment %u with its context is not valid",
			     what, nr, idx);
		return NULL;
	}
	addr = dev->sd[idx] + off % SD_SIZE;
	if (!(dev->sd_flags[idx] & PFHMC_SDDATALOW_DIRECT)) {
		/* A page of addresses of pages. */
		uint64_t *pd = dev->ops->dma(dev->ctx, dev->sd[idx] +
					     off % SD_SIZE / 4096 * 8, 8);

		if (!pd || !(*pd & 1)) {
			xl_violation(dev, "%s queue %u: HMC page of segment %u is not valid",
				     what, nr, idx);
			return NULL;
		}
		addr = (*pd & ~0xfffULL) + off % 4096;
	}
	p = dev->ops->dma(dev->ctx, addr, size);
	if (!p)
		xl_violation(dev, "%s queue %u: context at %#" PRIx64 " is not memory",
			     what, nr, addr);
	return p;
}

/* A field of a context, up to 57 bits. */
static uint64_t field(const uint8_t *ctx, unsigned int lsb, unsigned int width)
{
	uint64_t val = 0;
	unsigned int i;

	for (i = 0; i < width; i++)
		if (ctx[(lsb + i) / 8] & (1 << (lsb + i) % 8))
			val |= 1ULL << i;
	return val;
}

bool hmc_txq(struct xl710 *dev, struct txq *q)
{
	uint64_t base = (rd(dev, GLHMC_LANTXBASE) & 0xffffff) * 512ULL;
	const uint8_t *c = object(dev, base + q->nr * TXQ_SIZE, TXQ_SIZE, "TX", q->nr);

	if (!c)
		return false;
	q->head = field(c, 0, 13);
	q->base = field(c, 32, 57) * 128;
	q->fd_ena = field(c, 91, 1);
	q->head_wb_ena = field(c, 128 + 32, 1);
	q->len = field(c, 128 + 33, 13);
	memcpy(&q->head_wb, c + 24, 8);
	if (!field(c, 30, 1)) {
		xl_violation(dev, "TX queue %u: its context is not a new one", q->nr);
		return false;
	}
	if (q->len < 8 || q->len > RING_MAX || q->len % 8) {
		xl_violation(dev, "TX queue %u: %u descriptors", q->nr, q->len);
		return false;
	}
	if (!dev->ops->dma(dev->ctx, q->base, q->len * 16) ||
	    (q->head_wb_ena && !dev->ops->dma(dev->ctx, q->head_wb, 4))) {
		xl_violation(dev, "TX queue %u: descriptors at %#" PRIx64 " are not memory",
			     q->nr, q->base);
		return false;
	}
	return true;
}

bool hmc_rxq(struct xl710 *dev, struct rxq *q)
{
	uint64_t base = (rd(dev, GLHMC_LANRXBASE) & 0xffffff) * 512ULL;
	const uint8_t *c = object(dev, base + q->nr * RXQ_SIZE, RXQ_SIZE, "RX", q->nr);

	if (!c)
		return false;
	q->head = field(c, 0, 13);
	q->base = field(c, 32, 57) * 128;
	q->len = field(c, 89, 13);
	q->dbuff = field(c, 102, 7) * 128;
	q->dsize = field(c, 116, 1) ? 32 : 16;
	q->crcstrip = field(c, 117, 1);
	q->l2tsel = field(c, 119, 1);
	q->showiv = field(c, 127, 1);
	q->rxmax = field(c, 174, 14);
	if (field(c, 114, 2) || field(c, 120, 4)) {
		xl_unmodelled(dev, "RX queue %u splits headers", q->nr);
		return false;
	}
	if (q->len < 32 || q->len > RING_MAX || q->len % 32 || q->dbuff < 1024 ||
	    q->rxmax > XL710_MAX_FRAME || q->rxmax > XL710_MAX_RX_BUFS * q->dbuff) {
		xl_violation(dev, "RX queue %u: %u descriptors of %u bytes, packets of up to %u bytes",
			     q->nr, q->len, q->dbuff, q->rxmax);
		return false;
	}
	if (!dev->ops->dma(dev->ctx, q->base, q->len * q->dsize)) {
		xl_violation(dev, "RX queue %u: descriptors at %#" PRIx64 " are not memory",
			     q->nr, q->base);
		return false;
	}
	return true;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * The PCI function: config space, BARs, MSI-X, and a mailbox for tests.
 *
 * The mailbox is a vendor-specific extended capability. It works with any
 * transport, with and without a driver, and after a surprise removal:
 *
 *	0x108	write: run the command line of so many bytes
 *		read: 0, or the errno that it failed with
 *	0x10c	read: how many bytes the answer has
 *	0x110	the command line, then the answer
 */
#include <errno.h>
#include <string.h>

#include "core.h"

#define CAP_PCIE	0xa0
#define CAP_PM		0x40
#define CAP_MSIX	0x70
#define MSIX_TABLE_BAR	3
#define MSIX_PBA	0x1000
#define BOX		0x100
#define BOX_RUN		(BOX + 8)
#define BOX_LEN		(BOX + 12)
#define BOX_TEXT	(BOX + 16)
#define BOX_SIZE	(0x1000 - BOX_TEXT)
#define ALL_ONES(len)	(~0ULL >> (64 - 8 * (len)))

static void put(struct xl710 *dev, unsigned int off, unsigned int len, uint64_t val)
{
	memcpy(dev->config + off, &val, len);
}

static uint32_t get(const struct xl710 *dev, unsigned int off, unsigned int len)
{
	uint32_t val = 0;

	memcpy(&val, dev->config + off, len);
	return val;
}

static void writable(struct xl710 *dev, unsigned int off, unsigned int len,
		     uint32_t mask)
{
	memcpy(dev->config_mask + off, &mask, len);
}

void pci_init(struct xl710 *dev)
{
	put(dev, 0x00, 4, 0x15728086);
	put(dev, 0x06, 2, 0x0010);		/* capabilities */
	put(dev, 0x08, 4, 0x02000001);		/* Ethernet, revision 1 */
	put(dev, 0x0c, 1, 0x10);
	put(dev, 0x10, 4, 0xc);			/* 64 bits, prefetchable */
	put(dev, 0x1c, 4, 0xc);
	put(dev, 0x2c, 4, 0x00008086);
	put(dev, 0x34, 1, CAP_PM);
	put(dev, 0x3d, 1, 1);
	writable(dev, 0x04, 2, 0x0547);
	writable(dev, 0x0c, 1, 0xff);
	writable(dev, 0x10, 4, ~(XL710_BAR0_SIZE - 1));
	writable(dev, 0x14, 4, ~0U);
	writable(dev, 0x1c, 4, ~(XL710_BAR3_SIZE - 1));
	writable(dev, 0x20, 4, ~0U);
	writable(dev, 0x3c, 1, 0xff);

	put(dev, CAP_PM, 4, 0x00030001 | CAP_MSIX << 8);
	put(dev, CAP_PM + 4, 4, 0x8);		/* no soft reset */
	writable(dev, CAP_PM + 4, 4, 0x3);

	put(dev, CAP_MSIX, 4, 0x11 | CAP_PCIE << 8 | (XL710_MSIX_NR - 1) << 16);
	put(dev, CAP_MSIX + 4, 4, MSIX_TABLE_BAR);
	put(dev, CAP_MSIX + 8, 4, MSIX_PBA | MSIX_TABLE_BAR);
	writable(dev, CAP_MSIX + 2, 2, 0xc000);

	put(dev, CAP_PCIE, 4, 0x00020010);	/* an endpoint */
	put(dev, CAP_PCIE + 4, 4, 0x10008002);	/* can be reset (FLR) */
	put(dev, CAP_PCIE + 8, 4, 0x2810);
	put(dev, CAP_PCIE + 0xc, 4, 0x83);	/* 8 GT/s, eight lanes */
	put(dev, CAP_PCIE + 0x12, 2, 0x83);
	put(dev, CAP_PCIE + 0x2c, 4, 0xe);
	writable(dev, CAP_PCIE + 8, 2, 0xffff);
	writable(dev, CAP_PCIE + 0x10, 2, 0x01ff);

	put(dev, BOX, 4, 0x0001000b);
	put(dev, BOX + 4, 4, 0xf0017104);
}

/* What a function level reset leaves of the config space. */
void pci_reset(struct xl710 *dev)
{
	unsigned int i;

	put(dev, 0x04, 2, 0);
	put(dev, CAP_MSIX + 2, 2, XL710_MSIX_NR - 1);
	memset(dev->msix_table, 0, sizeof(dev->msix_table));
	for (i = 0; i < XL710_MSIX_NR; i++)
		dev->msix_table[i * 16 + 12] = 1;
}

/* ---- MSI-X -------------------------------------------------------------- */

static bool masked(const struct xl710 *dev, unsigned int vector)
{
	uint16_t ctrl = get(dev, CAP_MSIX + 2, 2);

	if (dev->ops->masked)
		return dev->ops->masked(dev->ctx, vector);
	return !(ctrl & 0x8000) || (ctrl & 0x4000) ||
		dev->msix_table[vector * 16 + 12] & 1;
}

bool xl710_msix_message(struct xl710 *dev, unsigned int vector, uint64_t *addr,
			uint32_t *data)
{
	if (masked(dev, vector))
		return false;
	memcpy(addr, dev->msix_table + vector * 16, 8);
	memcpy(data, dev->msix_table + vector * 16 + 8, 4);
	return true;
}

void pci_raise(struct xl710 *dev, unsigned int vector)
{
	if (dev->fault.removed)
		return;
	if (!(get(dev, 4, 2) & 4)) {
		xl_log(dev, "interrupt %u is lost: not a bus master", vector);
		return;
	}
	dev->vector[vector].pending = true;
	xl710_irq_resume(dev);
}

void xl710_irq_resume(struct xl710 *dev)
{
	unsigned int i;

	for (i = 0; i < XL710_MSIX_NR; i++) {
		if (!dev->vector[i].pending || masked(dev, i))
			continue;
		if (!dev->ops->raise(dev->ctx, i))
			return;
		dev->vector[i].pending = false;
	}
}

/* ---- config space ------------------------------------------------------- */

bool pci_removed(const struct xl710 *dev)
{
	return dev->fault.removed;
}

static void run_command(struct xl710 *dev, unsigned int len)
{
	char line[256];
	char *out = (char *)dev->config + BOX_TEXT;
	int err = E2BIG;

	if (len < sizeof(line)) {
		memcpy(line, out, len);
		line[len] = 0;
		*out = 0;
		dev->irq_defer = true;
		err = ctl_run(dev, line, out, BOX_SIZE);
	}
	put(dev, BOX_RUN, 4, err);
	put(dev, BOX_LEN, 4, err == E2BIG ? 0 : strlen(out));
}

uint64_t xl710_config_read(struct xl710 *dev, unsigned int off, unsigned int len)
{
	uint64_t val = 0;

	if (off + len > sizeof(dev->config)) {
		xl_unmodelled(dev, "config space at %#x", off);
		return ALL_ONES(len);
	}
	if (dev->fault.removed && off < BOX)
		return ALL_ONES(len);
	if (off == BOX_RUN)
		intr_asked(dev);
	memcpy(&val, dev->config + off, len);
	return val;
}

void xl710_config_write(struct xl710 *dev, unsigned int off, unsigned int len,
			uint64_t val)
{
	unsigned int i;

	if (off + len > sizeof(dev->config)) {
		xl_unmodelled(dev, "config space at %#x", off);
		return;
	}
	if (off >= BOX_TEXT) {
		put(dev, off, len, val);
		return;
	}
	if (off >= BOX) {
		if (off == BOX_RUN && len == 4)
			run_command(dev, val);
		return;
	}
	if (dev->fault.removed)
		return;
	for (i = 0; i < len; i++) {
		uint8_t mask = dev->config_mask[off + i];

		dev->config[off + i] = (dev->config[off + i] & ~mask) |
			((val >> (8 * i)) & mask);
	}
	if (off <= CAP_PCIE + 9 && off + len > CAP_PCIE + 9 &&
	    get(dev, CAP_PCIE + 8, 2) & 0x8000) {
		put(dev, CAP_PCIE + 8, 2, get(dev, CAP_PCIE + 8, 2) & 0x7fff);
		xl_log(dev, "function level reset");
		xl710_reset(dev);
		return;
	}
	xl710_irq_resume(dev);
}

/* ---- regions ------------------------------------------------------------ */

uint64_t xl710_region_read(struct xl710 *dev, unsigned int bar, uint64_t off,
			   unsigned int len)
{
	uint64_t val = 0;
	unsigned int i;

	if (dev->fault.removed)
		return ALL_ONES(len);
	if (bar == 0 && off + len <= XL710_BAR0_SIZE && off % 4 == 0) {
		if (len == 4)
			return reg_read(dev, off);
		if (len == 8) {
			val = reg_read(dev, off);
			return val | (uint64_t)reg_read(dev, off + 4) << 32;
		}
	}
	if (bar == 3 && off + len <= sizeof(dev->msix_table)) {
		memcpy(&val, dev->msix_table + off, len);
		return val;
	}
	if (bar == 3 && off >= MSIX_PBA &&
	    off + len <= MSIX_PBA + XL710_MSIX_NR / 8) {
		for (i = 0; i < len * 8; i++)
			if (dev->vector[(off - MSIX_PBA) * 8 + i].pending)
				val |= 1ULL << i;
		return val;
	}
	xl_unmodelled(dev, "read of %u bytes at %#llx in BAR %u", len,
		      (unsigned long long)off, bar);
	return ALL_ONES(len);
}

void xl710_region_write(struct xl710 *dev, unsigned int bar, uint64_t off,
			unsigned int len, uint64_t val)
{
	if (dev->fault.removed)
		return;
	if (bar == 0 && off + len <= XL710_BAR0_SIZE && off % 4 == 0 && len == 4) {
		reg_write(dev, off, val);
		return;
	}
	if (bar == 3 && off + len <= sizeof(dev->msix_table)) {
		memcpy(dev->msix_table + off, &val, len);
		xl710_irq_resume(dev);
		return;
	}
	xl_unmodelled(dev, "write of %u bytes at %#llx in BAR %u", len,
		      (unsigned long long)off, bar);
}

void xl710_access(struct xl710 *dev, bool write, unsigned int region, uint64_t off,
		  uint8_t *data, uint32_t len)
{
	while (len) {
		unsigned int n = len >= 8 && off % 8 == 0 && !write ? 8 :
			len >= 4 && off % 4 == 0 ? 4 : len >= 2 && off % 2 == 0 ? 2 : 1;
		uint64_t val = 0;

		if (write) {
			memcpy(&val, data, n);
			if (region == XL710_CONFIG)
				xl710_config_write(dev, off, n, val);
			else
				xl710_region_write(dev, region, off, n, val);
		} else {
			val = region == XL710_CONFIG ? xl710_config_read(dev, off, n) :
				xl710_region_read(dev, region, off, n);
			memcpy(data, &val, n);
		}
		data += n;
		off += n;
		len -= n;
	}
}

// SPDX-License-Identifier: GPL-2.0
/* The device as a whole. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "wire.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
	       "the model shares memory with a little-endian guest");

static uint64_t monotonic(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

uint64_t (*xl710_clock)(void) = monotonic;

struct xl710 *xl710_new(unsigned int index, const struct xl710_ops *ops, void *ctx)
{
	struct xl710 *dev = calloc(1, sizeof(*dev));
	unsigned int i;

	if (!dev)
		abort();
	dev->index = index;
	dev->ops = ops;
	dev->ctx = ctx;
	snprintf(dev->name, sizeof(dev->name), "port%u", index);
	dev->reg = calloc(1, XL710_BAR0_SIZE);
	dev->reg_seen = calloc(1, XL710_BAR0_SIZE / 4);
	dev->fd = calloc(FD_MAX, sizeof(*dev->fd));
	if (!dev->reg || !dev->reg_seen || !dev->fd)
		abort();
	dev->mac[0] = 0x02;
	dev->mac[1] = 0x71;
	dev->mac[2] = 0x00;
	dev->mac[5] = index + 1;
	for (i = 0; i < XL710_QUEUES; i++) {
		dev->rxq[i].nr = i;
		dev->txq[i].nr = i;
	}
	dev->wire_up = true;
	nvm_init(dev);
	pci_init(dev);
	xl710_reset(dev);
	dev->resets = 0;
	return dev;
}

void xl710_reset(struct xl710 *dev)
{
	pf_reset(dev);
	reg_reset(dev);
	fdir_reset(dev);
	stats_reset(dev);
	intr_reset(dev);
	pci_reset(dev);
}

void xl710_free(struct xl710 *dev)
{
	unsigned int i;

	for (i = 0; i < XL710_QUEUES; i++) {
		rxq_stop(dev, &dev->rxq[i]);
		free(dev->rxq[i].slot);
	}
	if (dev->wire)
		wire_free(dev->wire);
	free(dev->nvm);
	free(dev->reg);
	free(dev->reg_seen);
	free(dev->fd);
	free(dev);
}

void xl710_poll(struct xl710 *dev)
{
	intr_poll(dev);
	if (dev->wire)
		wire_poll(dev->wire);
	if (dev->spin_until && dev->spin_until <= xl710_clock())
		dev->spin_until = 0;
}

uint64_t xl710_next(struct xl710 *dev)
{
	uint64_t next = intr_next(dev);
	uint64_t wire = dev->wire ? wire_next(dev->wire) : XL710_NEVER;

	if (dev->spin_until)
		return xl710_clock();
	return wire < next ? wire : next;
}

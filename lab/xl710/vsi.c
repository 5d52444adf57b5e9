// SPDX-License-Identifier: GPL-2.0
/* The switch: one VSI that is always there, and those that the driver adds. */
#include <string.h>

#include "core.h"

#define MAIN_SEID	0x186
#define EMOD_NOTHING	0x18

void vsi_reset(struct xl710 *dev)
{
	struct vsi *vsi = &dev->vsi[0];
	struct vsi_stats stats = vsi->stats;
	unsigned int i;
	uint16_t number = 1;

	memset(dev->vsi, 0, sizeof(dev->vsi));
	dev->veb = false;
	vsi->used = true;
	vsi->seid = MAIN_SEID;
	vsi->uplink = PORT_SEID;
	vsi->number = number;
	vsi->stats = stats;
	vsi->props[12] = 0x3 | EMOD_NOTHING;
	for (i = 0; i < 8; i++)
		memset(vsi->props + 96 + 2 * i, i ? 0xff : 0x00, 2);
	memcpy(vsi->props + 112, &number, 2);
	/* The firmware has the port's address in its filter. */
	memcpy(vsi->filter[0].mac, dev->mac, 6);
	vsi->filters = 1;
}

struct vsi *vsi_by_seid(struct xl710 *dev, uint16_t seid)
{
	unsigned int i;

	for (i = 0; i < VSI_NR; i++)
		if (dev->vsi[i].used && dev->vsi[i].seid == (seid & 0x3ff))
			return &dev->vsi[i];
	return NULL;
}

struct vsi *vsi_by_number(struct xl710 *dev, uint16_t number)
{
	unsigned int i;

	for (i = 0; i < VSI_NR; i++)
		if (dev->vsi[i].used && dev->vsi[i].number == number)
			return &dev->vsi[i];
	return NULL;
}

static uint16_t prop(const struct vsi *vsi, unsigned int off)
{
	uint16_t val;

	memcpy(&val, vsi->props + off, 2);
	return val;
}

/* The function's queue behind a queue of the VSI, or -1. */
int vsi_queue(const struct vsi *vsi, unsigned int index)
{
	unsigned int q;

	if (prop(vsi, 28) & 1)		/* each one named */
		q = index < 16 ? prop(vsi, 30 + 2 * index) : ~0U;
	else
		q = prop(vsi, 30) + index;
	return q < XL710_QUEUES ? (int)q : -1;
}

/* Traffic class 0 alone: its queues, a power of two. */
unsigned int vsi_rss_queues(const struct vsi *vsi)
{
	return 1U << ((prop(vsi, 62) >> 9) & 7);
}

bool vsi_strip(const struct vsi *vsi)
{
	return (vsi->props[12] & EMOD_NOTHING) != EMOD_NOTHING;
}

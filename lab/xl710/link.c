// SPDX-License-Identifier: GPL-2.0
/* The link: up when a cable is plugged in and the driver wants it. */
#include <string.h>

#include "core.h"

#define PHY_40G_CR4	0x18
#define SPEED_40G	0x10

void link_reset(struct xl710 *dev)
{
	dev->phy_link = true;
	dev->lse = false;
	dev->phy_int_mask = 0;
	dev->max_frame = XL710_MAX_FRAME;
	dev->link_up = dev->wire_up;
}

/* Answer and event 0x0607 */
void link_status(struct xl710 *dev, uint8_t *param)
{
	uint32_t types = 1U << PHY_40G_CR4;

	memset(param, 0, 16);
	param[0] = dev->lse;
	param[2] = PHY_40G_CR4;
	param[3] = dev->link_up ? SPEED_40G : 0;
	/* up, link and external port, media available, signal */
	param[4] = dev->link_up ? 0x01 | 0x10 | 0x40 | 0x80 : 0x40;
	param[5] = 0x80 | (dev->link_up ? 0x01 : 0);	/* qualified, AN done */
	memcpy(param + 8, &dev->max_frame, 2);
	param[10] = 0x04;				/* CRC enabled */
	memcpy(param + 11, &types, 4);
}

void link_update(struct xl710 *dev)
{
	bool up = dev->wire_up && dev->phy_link;
	uint8_t param[16];

	if (up == dev->link_up)
		return;
	dev->link_up = up;
	xl_log(dev, "link is %s", up ? "up" : "down");
	/* One event, until the driver asks for the status with another. */
	if (dev->lse && !(dev->phy_int_mask & 0x2)) {
		dev->lse = false;
		link_status(dev, param);
		adminq_event(dev, 0x0607, param);
	}
	if (up)
		wire_rx_ready(dev);
	txq_resume(dev);
}

// SPDX-License-Identifier: GPL-2.0
/* The shadow RAM, read word by word. */
#include <stdlib.h>

#include "core.h"

#define NVM_WORDS	2048
#define NVM_CHECKSUM	0x3f

void nvm_init(struct xl710 *dev)
{
	uint16_t sum = 0;
	unsigned int i;

	dev->nvm = calloc(NVM_WORDS, sizeof(*dev->nvm));
	if (!dev->nvm)
		abort();
	dev->nvm[0x00] = 0x40;		/* control word: valid */
	dev->nvm[0x16] = 0xffff;	/* no PBA block */
	dev->nvm[0x17] = 0x400;		/* boot configuration */
	dev->nvm[0x18] = 0x8500;	/* version 8.50 */
	dev->nvm[0x19] = 0xf;		/* no wake on LAN */
	dev->nvm[0x2d] = 0x1234;	/* EETRACK */
	dev->nvm[0x2e] = 0x8000;
	dev->nvm[0x2f] = 0xffff;	/* no VPD */
	dev->nvm[0x3e] = 0xffff;	/* no PCIe ALT */
	for (i = 0; i < NVM_WORDS; i++)
		sum += dev->nvm[i];
	dev->nvm[NVM_CHECKSUM] = 0xbaba - sum;
}

void nvm_srctl(struct xl710 *dev, uint32_t val)
{
	unsigned int word = (val >> 14) & 0x7fff;

	if (!(val & GLNVM_SRCTL_START)) {
		wr(dev, GLNVM_SRCTL, val | GLNVM_SRCTL_DONE);
		return;
	}
	if (val & BIT(29)) {
		xl_unmodelled(dev, "write to the shadow RAM");
		return;
	}
	if (word >= NVM_WORDS)
		xl_unmodelled(dev, "word %#x of the shadow RAM", word);
	wr(dev, GLNVM_SRDATA,
	   word < NVM_WORDS ? (uint32_t)dev->nvm[word] << 16 : 0xffff0000);
	wr(dev, GLNVM_SRCTL, (val & ~GLNVM_SRCTL_START) | GLNVM_SRCTL_DONE);
}

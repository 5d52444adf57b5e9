// SPDX-License-Identifier: GPL-2.0
/* BAR 0: which registers there are, what they do, and resets. */
#include <stdlib.h>
#include <string.h>

#include "core.h"

/* Storage: what is written is read, and nobody else looks at it, or the model
 * looks when it needs to know.
 */
static const struct {
	uint32_t first, last;
} storage[] = {
	{ PF_ATQBAL, PF_ARQT },
	{ PRTDCB_GENC, PRTDCB_GENC }, { PRTDCB_FCCFG, PRTDCB_FCCFG },
	{ PRTDCB_MFLCN, PRTDCB_MFLCN },
	{ PFHMC_SDDATALOW, PFHMC_SDDATALOW }, { PFHMC_SDDATAHIGH, PFHMC_SDDATAHIGH },
	{ PFHMC_PDINV, PFHMC_PDINV },
	{ 0x000c6200, 0x000c69fc },		/* GLHMC_*BASE, GLHMC_*CNT */
	{ PFINT_ITRN(0, 0), PFINT_ITRN(2, 511) },
	{ PFINT_LNKLSTN(0), PFINT_LNKLSTN(511) },
	{ PFINT_RATEN(0), PFINT_RATEN(511) },
	{ PFINT_CEQCTL(0), PFINT_CEQCTL(511) },
	{ PFINT_ITR0(0), PFINT_ITR0(2) },
	{ PFINT_STAT_CTL0, PFINT_STAT_CTL0 },
	{ PFINT_LNKLST0, PFINT_LNKLST0 }, { PFINT_AEQCTL, PFINT_AEQCTL },
	{ GLINT_CTL, GLINT_CTL },
	{ QINT_RQCTL(0), QINT_RQCTL(1535) }, { QINT_TQCTL(0), QINT_TQCTL(1535) },
	{ QTX_CTL(0), QTX_CTL(1535) },
	{ GLLAN_RCTL_0, GLLAN_RCTL_0 }, { GLMSS, GLMSS },
	{ GLLAN_TSOMSK_F, GLLAN_TSOMSK_L },
	{ VSILAN_QTABLE(0, 0), VSILAN_QTABLE(7, 383) },
	{ VSILAN_QBASE(0), VSILAN_QBASE(383) },
	{ PRTMAC_PAUSE_FIRST, PRTMAC_PAUSE_LAST },
	{ PFGEN_PORTMDIO_NUM, PFGEN_PORTMDIO_NUM },
	{ PF_PCI_CIAA, PF_PCI_CIAA },
	{ PFPM_APM, PFPM_APM }, { PFPM_WUFC, PFPM_WUFC },
	{ PRTPM_EEER, PRTPM_EEER },
	{ GLLAN_TXPRE_QDIS(0), GLLAN_TXPRE_QDIS(11) },
	{ GLQF_HKEY(0), GLQF_HKEY(12) },
	{ GLQF_HASH_INSET_FIRST, GLQF_HASH_INSET_LAST },
	{ GLQF_ORT_FIRST, GLQF_ORT_LAST },
	{ PFQF_CTL_0, PFQF_CTL_0 },
	{ PFQF_HENA(0), PFQF_HENA(1) },
	{ PFQF_HKEY(0), PFQF_HKEY(PFQF_HKEY_NR - 1) },
	{ PFQF_HLUT(0), PFQF_HLUT(PFQF_HLUT_NR - 1) },
	{ PRTQF_FD_INSET(0, 0), PRTQF_FD_INSET(63, 1) },
	{ PRTQF_FLX_PIT(0), PRTQF_FLX_PIT(8) },
	{ GLGEN_GPIO_CTL(0), GLGEN_GPIO_CTL(29) },
	/* What the driver clears when it ends, with and without a clock. */
	{ PRTTSYN_CTL0, PRTTSYN_CTL0 }, { PRTTSYN_AUX_0(0), PRTTSYN_AUX_0(1) },
};

/* Read only, or read with the value that a reset has put there. */
static const uint32_t constants[] = {
	GL_FWSTS, GLGEN_RSTAT, GLGEN_RSTCTL, GLGEN_STAT, GLGEN_PCIFCNCNT,
	GLVFGEN_TIMER, PFGEN_PORTNUM, PRTGEN_CNF, PRTGEN_STATUS, PFHMC_ERRORINFO,
	PFHMC_ERRORDATA, GLHMC_LANTXOBJSZ, GLHMC_LANQMAX, GLHMC_LANRXOBJSZ,
	GLHMC_FCOEDDPOBJSZ, GLHMC_FCOEMAX, GLHMC_FCOEFOBJSZ, GLHMC_FCOEFMAX,
	PFLAN_QALLOC, PRTGL_SAL, PRTGL_SAH, PRTPM_EEE_STAT, PRTPM_RLPIC, PRTPM_TLPIC,
	GLNVM_ULD, GLNVM_GENS, GLNVM_FLA, GLNVM_SRDATA, GLPCI_CAPSUP, GLPCI_CNF2,
	GLPCI_LBARCTRL, PF_FUNC_RID, PFPCI_SUBSYSID, PF_VT_PFALLOC, PRTDCB_GENS,
	GLGEN_MDIO_I2C_SEL(0), GLGEN_MDIO_I2C_SEL(1), GLGEN_MDIO_I2C_SEL(2),
	GLGEN_MDIO_I2C_SEL(3), PF_PCI_CIAD,
};

enum { UNKNOWN, STORAGE, CONSTANT };

static uint8_t kind[XL710_BAR0_SIZE / 4];

static void make_kinds(void)
{
	unsigned int i;
	uint32_t addr;

	for (i = 0; i < sizeof(storage) / sizeof(*storage); i++)
		for (addr = storage[i].first; addr <= storage[i].last; addr += 4)
			kind[addr / 4] = STORAGE;
	for (i = 0; i < sizeof(constants) / sizeof(*constants); i++)
		kind[constants[i] / 4] = CONSTANT;
}

static void unknown(struct xl710 *dev, const char *what, uint32_t addr, uint32_t val)
{
	if (dev->reg_seen[addr / 4])
		return;
	dev->reg_seen[addr / 4] = 1;
	xl_unmodelled(dev, "%s register %#08x (%#x)", what, addr, val);
}

/* Power on. */
void reg_reset(struct xl710 *dev)
{
	if (kind[PF_ATQBAL / 4] != STORAGE)
		make_kinds();
	memset(dev->reg, 0, XL710_BAR0_SIZE);
	wr(dev, GLGEN_RSTCTL, 1);
	wr(dev, GLHMC_LANTXOBJSZ, 7);
	wr(dev, GLHMC_LANRXOBJSZ, 5);
	wr(dev, GLHMC_LANQMAX, 1536);
	wr(dev, GLHMC_FCOEDDPOBJSZ, 6);
	wr(dev, GLHMC_FCOEFOBJSZ, 6);
	wr(dev, GLHMC_FCOEMAX, 0x1000);
	wr(dev, GLHMC_FCOEFMAX, 0x4000);
	wr(dev, PFLAN_QALLOC, BIT(31) | (XL710_QUEUES - 1) << 16);
	wr(dev, GLNVM_ULD, GLNVM_ULD_DONE);
	wr(dev, GLNVM_GENS, 2 << 5 | 1);	/* 2048 words */
	wr(dev, GLNVM_FLA, GLNVM_FLA_LOCKED);
	wr(dev, GLNVM_SRCTL, GLNVM_SRCTL_DONE);
	wr(dev, GLPCI_CNF2, XL710_MSIX_NR << 2);
	wr(dev, PRTGL_SAH, XL710_MAX_FRAME << 16 | dev->mac[5] << 8 | dev->mac[4]);
	wr(dev, PRTGL_SAL, (uint32_t)dev->mac[3] << 24 | dev->mac[2] << 16 |
	   dev->mac[1] << 8 | dev->mac[0]);
	wr(dev, GLMSS, 0x40 << 16);
	wr(dev, PRTTSYN_CTL0, 0xf << 8);	/* the clock is another function's */
	wr(dev, GLGEN_PCIFCNCNT, 1);
	wr(dev, PRTGEN_CNF + 4, 1);		/* one port, the others are off */
	wr(dev, PRTGEN_CNF + 8, 1);
	wr(dev, PRTGEN_CNF + 12, 1);
	wr(dev, PFINT_LNKLST0, 0x7ff);
}

/* What a PF reset leaves alone: the admin queue's registers (the driver sets
 * them anew), the port and the fields that its filters match on, statistics.
 */
void pf_reset(struct xl710 *dev)
{
	unsigned int i;

	dev->resets++;
	xl_log(dev, "PF reset");
	for (i = 0; i < XL710_QUEUES; i++) {
		txq_stop(dev, &dev->txq[i]);
		rxq_stop(dev, &dev->rxq[i]);
		wr(dev, QTX_ENA(i), 0);
		wr(dev, QRX_ENA(i), 0);
		wr(dev, QTX_TAIL(i), 0);
		wr(dev, QRX_TAIL(i), 0);
		wr(dev, QINT_TQCTL(i), 0);
		wr(dev, QINT_RQCTL(i), 0);
		dev->txq[i].quiesced = false;
	}
	for (i = 0; i < 12; i++)
		wr(dev, GLLAN_TXPRE_QDIS(i), 0);
	intr_reset(dev);
	hmc_reset(dev);
	vsi_reset(dev);
	fdir_flush(dev);
	adminq_reset(dev);
	link_reset(dev);
	for (i = 0; i < PFQF_HLUT_NR; i++)
		wr(dev, PFQF_HLUT(i), 0);
	wr(dev, PFQF_HENA(0), 0);
	wr(dev, PFQF_HENA(1), 0);
	wr(dev, PF_MDET_TX, 0);
	wr(dev, PF_MDET_RX, 0);
	wr(dev, GL_MDET_TX, 0);
	wr(dev, GL_MDET_RX, 0);
	wr(dev, PFGEN_CTRL, 0);
}

/* Core, global and EMP resets: all that a PF reset does, and more of the admin
 * queue. Hardware announces it with an interrupt and waits for the driver to let
 * go; here the interrupt comes with it, so what the driver still has to say is
 * for nobody.
 */
void core_reset(struct xl710 *dev, unsigned int type)
{
	uint32_t ena = rd(dev, PFINT_ICR0_ENA);

	pf_reset(dev);
	fdir_reset(dev);
	dev->fault.reset = true;
	wr(dev, GLGEN_RSTAT, type << 2);
	wr(dev, PF_ATQLEN, 0);
	wr(dev, PF_ARQLEN, 0);
	if (!(ena & ICR0_GRST))
		return;
	/* An interrupt that was on its way may be gone with all the rest. */
	wr(dev, PFINT_ICR0_ENA, ena);
	wr(dev, PFINT_DYN_CTL0, DYN_CTL_INTENA);
	intr_cause0(dev, ICR0_GRST);
}

uint32_t reg_read(struct xl710 *dev, uint32_t addr)
{
	uint32_t val;

	if (addr == PFINT_ICR0)
		return intr_icr0(dev);
	if (addr >= GLPRT_FIRST && addr < 0x00390010 && stats_read(dev, addr, &val))
		return val;
	if (addr >= GLQF_PCNT(0) && addr < GLQF_PCNT(GLQF_PCNT_NR))
		return dev->pcnt[(addr - GLQF_PCNT(0)) / 4];
	if (addr >= QTX_HEAD(0) && addr < QTX_HEAD(XL710_QUEUES))
		return dev->txq[(addr - QTX_HEAD(0)) / 4].head;
	if (addr == GLQF_FDCNT_0 || addr == PFQF_FDSTAT)
		return dev->fd_count;
	switch (addr) {
	case PFINT_DYN_CTL0:
	case PFINT_ICR0_ENA:
	case PFGEN_CTRL:
	case PFQF_CTL_1:
	case GLNVM_SRCTL:
	case PFHMC_SDCMD:
	case GL_MDET_TX:
	case GL_MDET_RX:
	case PF_MDET_TX:
	case PF_MDET_RX:
	case GLGEN_RTRIG:
	case PRTGEN_CNF + 4:
	case PRTGEN_CNF + 8:
	case PRTGEN_CNF + 12:
		return rd(dev, addr);
	}
	if ((addr >= PFINT_DYN_CTLN(0) && addr <= PFINT_DYN_CTLN(511)) ||
	    (addr >= QTX_ENA(0) && addr <= QTX_ENA(1535)) ||
	    (addr >= QTX_TAIL(0) && addr <= QTX_TAIL(1535)) ||
	    (addr >= QRX_ENA(0) && addr <= QRX_ENA(1535)) ||
	    (addr >= QRX_TAIL(0) && addr <= QRX_TAIL(1535)))
		return rd(dev, addr);
	if (kind[addr / 4] != UNKNOWN)
		return rd(dev, addr);
	unknown(dev, "read of", addr, 0);
	return 0xdeadbeef;
}

/* Registers that come once for each queue. */
static bool queue_write(struct xl710 *dev, uint32_t addr, uint32_t val)
{
	static const struct {
		uint32_t first;
		void (*call)(struct xl710 *dev, unsigned int nr, uint32_t val);
	} block[] = {
		{ QTX_ENA(0), txq_enable }, { QTX_TAIL(0), txq_tail },
		{ QRX_ENA(0), rxq_enable }, { QRX_TAIL(0), rxq_tail },
	};
	unsigned int i, nr;

	for (i = 0; i < sizeof(block) / sizeof(*block); i++) {
		if (addr < block[i].first || addr >= block[i].first + 1536 * 4)
			continue;
		nr = (addr - block[i].first) / 4;
		if (nr >= XL710_QUEUES)
			xl_violation(dev, "write of %#x to queue %u, which the function does not have",
				     val, nr);
		else
			block[i].call(dev, nr, val);
		return true;
	}
	return false;
}

static void txpre_qdis(struct xl710 *dev, unsigned int block, uint32_t val)
{
	unsigned int nr = block * 128 + (val & TXPRE_QDIS_QINDX);

	if (nr >= XL710_QUEUES)
		return;
	if (val & TXPRE_QDIS_SET)
		dev->txq[nr].quiesced = true;
	if (val & TXPRE_QDIS_CLEAR)
		dev->txq[nr].quiesced = false;
	wr(dev, GLLAN_TXPRE_QDIS(block), val & TXPRE_QDIS_QINDX);
}

void reg_write(struct xl710 *dev, uint32_t addr, uint32_t val)
{
	if (queue_write(dev, addr, val))
		return;
	if (addr >= PFINT_DYN_CTLN(0) && addr <= PFINT_DYN_CTLN(511)) {
		intr_dyn_ctl(dev, (addr - PFINT_DYN_CTLN(0)) / 4 + 1, val);
		return;
	}
	if (addr >= PF_ATQBAL && addr <= PF_ARQT) {
		adminq_write(dev, addr, val);
		return;
	}
	if (addr >= GLQF_PCNT(0) && addr < GLQF_PCNT(GLQF_PCNT_NR)) {
		/* what is written is cleared */
		dev->pcnt[(addr - GLQF_PCNT(0)) / 4] &= ~val;
		return;
	}
	if (addr >= GLLAN_TXPRE_QDIS(0) && addr <= GLLAN_TXPRE_QDIS(11)) {
		txpre_qdis(dev, (addr - GLLAN_TXPRE_QDIS(0)) / 4, val);
		return;
	}
	switch (addr) {
	case PFINT_DYN_CTL0:
		intr_dyn_ctl(dev, 0, val);
		return;
	case PFINT_ICR0_ENA:
		intr_icr0_ena(dev, val);
		return;
	case PFINT_ICR0:
		dev->reg[PFINT_ICR0 / 4] |= val;	/* sets causes */
		return;
	case PFGEN_CTRL:
		if (val & PFGEN_CTRL_PFSWR && dev->fault.pf_reset) {
			dev->fault.pf_reset--;
			wr(dev, PFGEN_CTRL, PFGEN_CTRL_PFSWR);
		} else if (val & PFGEN_CTRL_PFSWR) {
			dev->fault.reset = false;
			pf_reset(dev);
		}
		return;
	case GLGEN_RTRIG:
		if (val & 7)
			core_reset(dev, val & 1 ? 1 : val & 2 ? 2 : 3);
		return;
	case GLNVM_SRCTL:
		nvm_srctl(dev, val);
		return;
	case PRTGEN_STATUS:
		/* Read only. The driver writes tails there that are for no queue. */
		return;
	case PFHMC_SDCMD:
		hmc_sdcmd(dev, val);
		return;
	case PFQF_CTL_1:
		if (val & PFQF_CTL_1_CLEARFDTABLE)
			fdir_flush(dev);
		return;
	case GL_MDET_TX:
	case GL_MDET_RX:
	case PF_MDET_TX:
	case PF_MDET_RX:
		wr(dev, addr, 0);	/* cleared by writing ones */
		return;
	}
	if (addr >= QTX_HEAD(0) && addr < QTX_HEAD(XL710_QUEUES)) {
		if (val)
			xl_unmodelled(dev, "QTX_HEAD set to %u", val);
		return;
	}
	if (kind[addr / 4] == STORAGE) {
		wr(dev, addr, val);
		return;
	}
	unknown(dev, "write to", addr, val);
}

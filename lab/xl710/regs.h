/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Registers, descriptors and queue contexts of the XL710, as far as the model
 * knows them. Names are those of the data sheet (332464), without a prefix.
 */
#ifndef XL710_REGS_H
#define XL710_REGS_H

#define BIT(n)			(1U << (n))
#define BIT64(n)		(1ULL << (n))

/* ---- BAR 0 ---- */
#define XL710_BAR0_SIZE		(8U << 20)
#define XL710_BAR3_SIZE		(32U << 10)
#define XL710_MSIX_NR		64
#define XL710_QUEUES		64

#define PF_ATQBAL		0x00080000
#define PF_ARQBAL		0x00080080
#define PF_ATQBAH		0x00080100
#define PF_ARQBAH		0x00080180
#define PF_ATQLEN		0x00080200
#define PF_ARQLEN		0x00080280
#define PF_ATQH			0x00080300
#define PF_ARQH			0x00080380
#define PF_ATQT			0x00080400
#define PF_ARQT			0x00080480
#define PF_XQLEN_LEN		0x3ff
#define PF_XQLEN_OVFL		BIT(29)
#define PF_XQLEN_CRIT		BIT(30)
#define PF_XQLEN_ENABLE		BIT(31)

#define GL_FWSTS		0x00083048
#define PRTDCB_GENC		0x00083000
#define PRTDCB_GENS		0x00083020
#define PRTDCB_FCCFG		0x001e4640
#define PRTDCB_MFLCN		0x001e2400
#define GLGEN_RSTAT		0x000b8188
#define GLGEN_RSTCTL		0x000b8180
#define GLGEN_RTRIG		0x000b8190
#define GLGEN_STAT		0x000b612c
#define GLGEN_PCIFCNCNT		0x001c0ab4
#define GLVFGEN_TIMER		0x000881bc
#define GLGEN_GPIO_CTL(i)	(0x00088100 + (i) * 4)
#define GLGEN_MDIO_I2C_SEL(i)	(0x000881c0 + (i) * 4)
#define PFGEN_CTRL		0x00092400
#define PFGEN_CTRL_PFSWR	BIT(0)
#define PFGEN_PORTNUM		0x001c0480
#define PFGEN_PORTMDIO_NUM	0x0003f100
#define PRTGEN_CNF		0x000b8120
#define PRTGEN_STATUS		0x000b8100

#define PFHMC_SDCMD		0x000c0000
#define PFHMC_SDCMD_WR		BIT(31)
#define PFHMC_SDDATALOW		0x000c0100
#define PFHMC_SDDATALOW_VALID	BIT(0)
#define PFHMC_SDDATALOW_DIRECT	BIT(1)
#define PFHMC_SDDATAHIGH	0x000c0200
#define PFHMC_PDINV		0x000c0300
#define PFHMC_ERRORINFO		0x000c0400
#define PFHMC_ERRORDATA		0x000c0500
#define GLHMC_LANTXOBJSZ	0x000c2004
#define GLHMC_LANQMAX		0x000c2008
#define GLHMC_LANRXOBJSZ	0x000c200c
#define GLHMC_FCOEDDPOBJSZ	0x000c2010
#define GLHMC_FCOEMAX		0x000c2014
#define GLHMC_FCOEFOBJSZ	0x000c2018
#define GLHMC_FCOEFMAX		0x000c20d0
#define GLHMC_LANTXBASE		0x000c6200
#define GLHMC_LANTXCNT		0x000c6300
#define GLHMC_LANRXBASE		0x000c6400
#define GLHMC_LANRXCNT		0x000c6500

#define PFINT_DYN_CTLN(i)	(0x00034800 + (i) * 4)
#define PFINT_LNKLSTN(i)	(0x00035000 + (i) * 4)
#define PFINT_RATEN(i)		(0x00035800 + (i) * 4)
#define PFINT_ITRN(i, n)	(0x00030000 + (i) * 2048 + (n) * 4)
#define PFINT_ITR0(i)		(0x00038000 + (i) * 128)
#define PFINT_STAT_CTL0		0x00038400
#define PFINT_DYN_CTL0		0x00038480
#define PFINT_LNKLST0		0x00038500
#define PFINT_AEQCTL		0x00038700
#define PFINT_ICR0		0x00038780
#define PFINT_ICR0_ENA		0x00038800
#define PFINT_CEQCTL(i)		(0x00036800 + (i) * 4)
#define GLINT_CTL		0x0003f800
#define QINT_RQCTL(q)		(0x0003a000 + (q) * 4)
#define QINT_TQCTL(q)		(0x0003c000 + (q) * 4)
#define DYN_CTL_INTENA		BIT(0)
#define DYN_CTL_CLEARPBA	BIT(1)
#define DYN_CTL_SWINT_TRIG	BIT(2)
#define DYN_CTL_ITR_INDX(v)	(((v) >> 3) & 3)
#define DYN_CTL_INTERVAL(v)	(((v) >> 5) & 0xfff)
#define DYN_CTL_SW_ITR_ENA	BIT(24)
#define DYN_CTL_SW_ITR_INDX(v)	(((v) >> 25) & 3)
#define DYN_CTL_WB_ON_ITR	BIT(30)
#define DYN_CTL_INTENA_MSK	BIT(31)
#define ITR_NONE		3
#define QINT_CTL_MSIX(v)	((v) & 0xff)
#define QINT_CTL_ITR(v)		(((v) >> 11) & 3)
#define QINT_CTL_CAUSE_ENA	BIT(30)
#define QINT_CTL_INTEVENT	BIT(31)
#define ICR0_INTEVENT		BIT(0)
#define ICR0_MAL_DETECT		BIT(19)
#define ICR0_GRST		BIT(20)
#define ICR0_HMC_ERR		BIT(26)
#define ICR0_ADMINQ		BIT(30)
#define ICR0_SWINT		BIT(31)

#define GLLAN_RCTL_0		0x0012a500
#define GLLAN_TSOMSK_F		0x000442d8
#define GLLAN_TSOMSK_M		0x000442dc
#define GLLAN_TSOMSK_L		0x000442e0
#define GLLAN_TXPRE_QDIS(i)	(0x000e6500 + (i) * 4)
#define TXPRE_QDIS_QINDX	0x7ff
#define TXPRE_QDIS_SET		BIT(30)
#define TXPRE_QDIS_CLEAR	BIT(31)
#define PFLAN_QALLOC		0x001c0400
#define QRX_ENA(q)		(0x00120000 + (q) * 4)
#define QRX_TAIL(q)		(0x00128000 + (q) * 4)
#define QTX_CTL(q)		(0x00104000 + (q) * 4)
#define QTX_ENA(q)		(0x00100000 + (q) * 4)
#define QTX_HEAD(q)		(0x000e4000 + (q) * 4)
#define QTX_TAIL(q)		(0x00108000 + (q) * 4)
#define QENA_REQ		BIT(0)
#define QENA_STAT		BIT(2)
#define VSILAN_QBASE(v)		(0x0020c800 + (v) * 4)
#define VSILAN_QTABLE(i, v)	(0x00200000 + (i) * 2048 + (v) * 4)
#define GLMSS			0x000e64dc

#define PRTGL_SAL		0x001e2120
#define PRTGL_SAH		0x001e2140
#define PRTMAC_PAUSE_FIRST	0x001e3000
#define PRTMAC_PAUSE_LAST	0x001e3400
#define PRTTSYN_CTL0		0x001e4200
#define PRTTSYN_AUX_0(i)	(0x001e42a0 + (i) * 32)
#define PRTPM_EEE_STAT		0x001e4320
#define PRTPM_EEER		0x001e4380
#define PRTPM_RLPIC		0x001e43a0
#define PRTPM_TLPIC		0x001e43c0

#define GLNVM_ULD		0x000b6008
#define GLNVM_ULD_DONE		0x000003ff
#define GLNVM_GENS		0x000b6100
#define GLNVM_FLA		0x000b6108
#define GLNVM_FLA_LOCKED	BIT(6)
#define GLNVM_SRCTL		0x000b6110
#define GLNVM_SRDATA		0x000b6114
#define GLNVM_SRCTL_START	BIT(30)
#define GLNVM_SRCTL_DONE	BIT(31)

#define GLPCI_CAPSUP		0x000be4a8
#define GLPCI_CNF2		0x000be494
#define GLPCI_LBARCTRL		0x000be484
#define PF_FUNC_RID		0x0009c000
#define PF_PCI_CIAA		0x0009c080
#define PF_PCI_CIAD		0x0009c100
#define PFPCI_SUBSYSID		0x000be100
#define PF_VT_PFALLOC		0x001c0500
#define PFPM_APM		0x000b8080
#define PFPM_WUFC		0x0006b400

#define GLQF_FDCNT_0		0x00269bac
#define GLQF_HKEY(i)		(0x00270140 + (i) * 4)
#define GLQF_PCNT(i)		(0x00266800 + (i) * 4)
#define GLQF_PCNT_NR		512
#define GLQF_HASH_INSET_FIRST	0x00267600
#define GLQF_HASH_INSET_LAST	0x002677fc
#define GLQF_ORT_FIRST		0x00268900
#define GLQF_ORT_LAST		0x002689fc
#define PFQF_CTL_0		0x001c0ac0
#define PFQF_CTL_0_LUT_512	BIT(16)
#define PFQF_CTL_0_FD_ENA	BIT(17)
#define PFQF_CTL_1		0x00245d80
#define PFQF_CTL_1_CLEARFDTABLE	BIT(0)
#define PFQF_FDSTAT		0x00246380
#define PFQF_HENA(i)		(0x00245900 + (i) * 128)
#define PFQF_HKEY(i)		(0x00244800 + (i) * 128)
#define PFQF_HKEY_NR		13
#define PFQF_HLUT(i)		(0x00240000 + (i) * 128)
#define PFQF_HLUT_NR		128
#define PRTQF_FD_INSET(p, j)	(0x00250000 + (p) * 64 + (j) * 32)
#define PRTQF_FLX_PIT(i)	(0x00255200 + (i) * 32)

#define GL_MDET_TX		0x000e6480
#define GL_MDET_RX		0x0012a510
#define PF_MDET_TX		0x000e6400
#define PF_MDET_RX		0x0012a400

#define GLPRT_FIRST		0x00300000
#define GLPRT_LAST		0x00300fff
#define GLV_RDPC		0x00310000
#define GL_RXERR1		0x00318000
#define GLV_GOTC		0x00328000
#define GLV_UPTC		0x0033c000
#define GLV_MPTC		0x0033cc00
#define GLV_BPTC		0x0033d800
#define GLV_TEPC		0x00344000
#define GLV_GORC		0x00358000
#define GLV_UPRC		0x0036c000
#define GLV_MPRC		0x0036cc00
#define GLV_BPRC		0x0036d800
#define GLV_RUPP		0x0036e400

/* ---- transmit descriptors, second quad word ---- */
#define TXD_DTYPE(v)		((v) & 0xf)
#define TXD_DTYPE_DATA		0x0
#define TXD_DTYPE_CONTEXT	0x1
#define TXD_DTYPE_FILTER_PROG	0x8
#define TXD_DTYPE_DONE		0xf
#define TXD_CMD(v)		(((v) >> 4) & 0xfff)
#define TXD_CMD_EOP		0x001
#define TXD_CMD_RS		0x002
#define TXD_CMD_ICRC		0x004
#define TXD_CMD_IL2TAG1		0x008
#define TXD_CMD_DUMMY		0x010
#define TXD_CMD_IIPT(c)		(((c) >> 5) & 3)
#define TXD_CMD_IIPT_IPV6	1
#define TXD_CMD_IIPT_IPV4	2
#define TXD_CMD_IIPT_IPV4_CSUM	3
#define TXD_CMD_L4T(c)		(((c) >> 8) & 3)
#define TXD_CMD_L4T_TCP		1
#define TXD_CMD_L4T_SCTP	2
#define TXD_CMD_L4T_UDP		3
#define TXD_MACLEN(v)		((((v) >> 16) & 0x7f) * 2)
#define TXD_IPLEN(v)		((((v) >> 23) & 0x7f) * 4)
#define TXD_L4LEN(v)		((((v) >> 30) & 0xf) * 4)
#define TXD_SIZE(v)		(((v) >> 34) & 0x3fff)
#define TXD_L2TAG1(v)		((v) >> 48)
#define TXC_CMD(v)		(((v) >> 4) & 0x7f)
#define TXC_CMD_TSO		0x01
#define TXC_CMD_TSYN		0x02
#define TXC_CMD_IL2TAG2		0x04
#define TXC_TSO_LEN(v)		(((v) >> 30) & 0x3ffff)
#define TXC_MSS(v)		(((v) >> 50) & 0x3fff)

/* filter programming: first and second quad word */
#define FLTR_QINDEX(v)		((v) & 0x7ff)
#define FLTR_PCTYPE(v)		(((v) >> 17) & 0x3f)
#define FLTR_VSI(v)		(((v) >> 23) & 0x1ff)
#define FLTR_PCMD(v)		(((v) >> 4) & 7)
#define FLTR_PCMD_ADD		1
#define FLTR_PCMD_REMOVE	2
#define FLTR_DEST(v)		(((v) >> 7) & 3)
#define FLTR_DEST_DROP		0
#define FLTR_DEST_QUEUE		1
#define FLTR_DEST_OTHER		2
#define FLTR_CNT_ENA(v)		(((v) >> 11) & 1)
#define FLTR_STATUS(v)		(((v) >> 13) & 3)
#define FLTR_CNTINDEX(v)	(((v) >> 20) & 0x1ff)

/* ---- receive descriptors, second quad word of a write-back ---- */
#define RXD_DD			BIT64(0)
#define RXD_EOF			BIT64(1)
#define RXD_L2TAG1P		BIT64(2)
#define RXD_L3L4P		BIT64(3)
#define RXD_CRCP		BIT64(4)
#define RXD_UMBCAST_SHIFT	9
#define RXD_FLM			BIT64(11)
#define RXD_FLTSTAT_SHIFT	12
#define RXD_FLTSTAT_FD		1ULL
#define RXD_FLTSTAT_RSS		3ULL
#define RXD_UDP_0		BIT64(18)
#define RXD_ERR_SHIFT		19
#define RXD_ERR_RXE		BIT64(19)
#define RXD_ERR_IPE		BIT64(22)
#define RXD_ERR_L4E		BIT64(23)
#define RXD_ERR_OVERSIZE	BIT64(25)
#define RXD_PTYPE_SHIFT		30
#define RXD_PKTLEN_SHIFT	38
/* programming status */
#define RXD_PROG_LENGTH		(0x2000000ULL << 38)
#define RXD_PROG_FD		(1ULL << 2)
#define RXD_PROG_FD_FULL	BIT64(19)
#define RXD_PROG_FD_NONE	BIT64(20)

/* packet classifier types */
#define PCTYPE_IPV4_UDP		31
#define PCTYPE_IPV4_TCP		33
#define PCTYPE_IPV4_SCTP	34
#define PCTYPE_IPV4_OTHER	35
#define PCTYPE_IPV4_FRAG	36
#define PCTYPE_IPV6_UDP		41
#define PCTYPE_IPV6_TCP		43
#define PCTYPE_IPV6_SCTP	44
#define PCTYPE_IPV6_OTHER	45
#define PCTYPE_IPV6_FRAG	46
#define PCTYPE_L2		63

/* input sets */
#define INSET_L3_SRC		(0x3ULL << 47)
#define INSET_L3_DST		(0x3ULL << 35)
#define INSET_V6_SRC		(0xffULL << 43)
#define INSET_V6_DST		(0xffULL << 35)
#define INSET_L4_SRC		(1ULL << 34)
#define INSET_L4_DST		(1ULL << 33)
#define INSET_VERIFY_TAG	(3ULL << 31)
#define INSET_VLAN		(1ULL << 55)
#define INSET_FLEX		(0xffULL << 6)

/* packet types in a write-back */
#define PTYPE_L2		1
#define PTYPE_IPV4		22
#define PTYPE_IPV6		88
#define PTYPE_FRAG		0
#define PTYPE_L3		1
#define PTYPE_UDP		2
#define PTYPE_TCP		4
#define PTYPE_SCTP		5
#define PTYPE_ICMP		6

#define XL710_MAX_FRAME		9728
#define XL710_MIN_TX		17
#define XL710_MAX_TX_BUFS	8
#define XL710_MAX_RX_BUFS	5

#endif

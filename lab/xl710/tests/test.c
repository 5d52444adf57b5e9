// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the model without a guest: a few pages of memory, and a driver that is
 * just what each test needs. Prints KTAP.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"
#include "check.h"

/* ---- a guest ------------------------------------------------------------ */

#define MEM_BASE	0x100000ULL
#define MEM_SIZE	(8U << 20)
#define AQ_RING		(MEM_BASE + 0x0000)
#define ARQ_RING	(MEM_BASE + 0x1000)
#define AQ_BUF		(MEM_BASE + 0x2000)
#define ARQ_BUF		(MEM_BASE + 0x4000)
#define HEAD_WB		(MEM_BASE + 0x8000)
#define RX_RING		(MEM_BASE + 0x10000)
#define TX_RING		(MEM_BASE + 0x20000)
#define TX_DATA		(MEM_BASE + 0x40000)
#define HMC		(MEM_BASE + 0x200000)
#define RX_BUFS		(MEM_BASE + 0x400000)
#define RING		64
#define RX_BUF		2048
#define TXQ(q)		(TX_RING + (q) * 0x1000)
#define RXQ(q)		(RX_RING + (q) * 0x1000)

static uint8_t *mem;
static uint64_t clock_ns = 1000000000;
static unsigned int raised[XL710_MSIX_NR];
static bool no_room;

static uint64_t fake_clock(void)
{
	return clock_ns;
}

static void *dma(void *ctx, uint64_t addr, size_t len)
{
	(void)ctx;
	if (addr < MEM_BASE || len > MEM_SIZE || addr - MEM_BASE > MEM_SIZE - len)
		return NULL;
	return mem + (addr - MEM_BASE);
}

static bool raise_irq(void *ctx, unsigned int vector)
{
	(void)ctx;
	if (no_room)
		return false;
	raised[vector]++;
	return true;
}

static const struct xl710_ops ops = { .dma = dma, .raise = raise_irq };

static void w32(struct xl710 *dev, uint32_t addr, uint32_t val)
{
	xl710_region_write(dev, 0, addr, 4, val);
}

static uint32_t r32(struct xl710 *dev, uint32_t addr)
{
	return xl710_region_read(dev, 0, addr, 4);
}

static void *at(uint64_t addr)
{
	return dma(NULL, addr, 1);
}

static struct xl710 *new_dev(unsigned int index)
{
	struct xl710 *dev = xl710_new(index, &ops, NULL);
	unsigned int i;

	wire_new(dev);
	xl710_config_write(dev, 4, 2, 0x406);
	xl710_config_write(dev, 0x72, 2, 0x8000);	/* MSI-X on */
	for (i = 0; i < XL710_MSIX_NR; i++)
		xl710_region_write(dev, 3, i * 16 + 12, 4, 0);
	memset(raised, 0, sizeof(raised));
	return dev;
}

static void aq_on(struct xl710 *dev)
{
	unsigned int i;

	w32(dev, PF_ATQH, 0);
	w32(dev, PF_ATQT, 0);
	w32(dev, PF_ATQLEN, 32 | PF_XQLEN_ENABLE);
	w32(dev, PF_ATQBAL, AQ_RING);
	w32(dev, PF_ATQBAH, 0);
	for (i = 0; i < 32; i++) {
		uint16_t flags = 0x1000;

		memcpy((uint8_t *)at(ARQ_RING) + i * 32, &flags, 2);
	}
	w32(dev, PF_ARQH, 0);
	w32(dev, PF_ARQT, 0);
	w32(dev, PF_ARQLEN, 32 | PF_XQLEN_ENABLE);
	w32(dev, PF_ARQBAL, ARQ_RING);
	w32(dev, PF_ARQBAH, 0);
	w32(dev, PF_ARQT, 31);
}

/* Runs a command whose parameters are in param; the answer is there, too. */
static int aq(struct xl710 *dev, uint16_t opcode, uint8_t *param, unsigned int buf)
{
	unsigned int tail = r32(dev, PF_ATQT);
	uint8_t *d = (uint8_t *)at(AQ_RING) + tail * 32;
	uint16_t flags = buf ? 0x1400 | (buf > 512 ? 0x200 : 0) : 0, ret;
	uint32_t addr = AQ_BUF;

	memset(d, 0, 32);
	memcpy(d, &flags, 2);
	memcpy(d + 2, &opcode, 2);
	memcpy(d + 4, &buf, 2);
	memcpy(d + 16, param, 16);
	if (buf) {
		memset(d + 24, 0, 4);
		memcpy(d + 28, &addr, 4);
	}
	w32(dev, PF_ATQT, (tail + 1) % 32);
	if (r32(dev, PF_ATQH) != (tail + 1) % 32)
		return -1;
	memcpy(&flags, d, 2);
	memcpy(&ret, d + 6, 2);
	CHECK_EQ(flags & 7, ret ? 7 : 3);
	memcpy(param, d + 16, 16);
	return ret;
}

static void bits(uint8_t *ctx, unsigned int lsb, unsigned int width, uint64_t val)
{
	unsigned int i;

	for (i = 0; i < width; i++) {
		ctx[(lsb + i) / 8] &= ~(1 << (lsb + i) % 8);
		ctx[(lsb + i) / 8] |= (val >> i & 1) << (lsb + i) % 8;
	}
}

static void hmc_on(struct xl710 *dev)
{
	w32(dev, PFHMC_SDDATAHIGH, 0);
	w32(dev, PFHMC_SDDATALOW, HMC | 3);
	w32(dev, PFHMC_SDCMD, PFHMC_SDCMD_WR);
	w32(dev, GLHMC_LANTXBASE, 0);
	w32(dev, GLHMC_LANRXBASE, 0x10000 / 512);
}

static void rx_post(struct xl710 *dev, unsigned int q, unsigned int first,
		    unsigned int nr)
{
	unsigned int i;

	for (i = first; i < first + nr; i++) {
		uint64_t *d = (uint64_t *)at(RXQ(q)) + i % RING * 2;

		d[0] = RX_BUFS + (q * RING + i % RING) * RX_BUF;
		d[1] = 0;
	}
	w32(dev, QRX_TAIL(q), (first + nr) % RING);
}

static void rx_context(unsigned int q, unsigned int max)
{
	uint8_t *c = (uint8_t *)at(HMC) + 0x10000 + q * 32;

	memset(c, 0, 32);
	bits(c, 32, 57, RXQ(q) / 128);
	bits(c, 89, 13, RING);
	bits(c, 102, 7, RX_BUF / 128);
	bits(c, 117, 1, 1);
	bits(c, 119, 1, 1);
	bits(c, 174, 14, max);
}

/* A queue with all but one of its descriptors posted. */
static void rx_on(struct xl710 *dev, unsigned int q, unsigned int max)
{
	hmc_on(dev);
	rx_context(q, max);
	w32(dev, QINT_RQCTL(q), QINT_CTL_CAUSE_ENA | 3 << 11 | (q + 1));
	w32(dev, QRX_TAIL(q), 0);
	rx_post(dev, q, 0, RING - 1);
	w32(dev, QRX_ENA(q), QENA_REQ);
	CHECK_EQ(r32(dev, QRX_ENA(q)), QENA_REQ | QENA_STAT);
}

/* @owner: for QTX_CTL */
static void tx_on_as(struct xl710 *dev, unsigned int q, uint32_t owner)
{
	uint8_t *c = (uint8_t *)at(HMC) + q * 128;

	hmc_on(dev);
	memset(c, 0, 128);
	bits(c, 30, 1, 1);
	bits(c, 32, 57, TXQ(q) / 128);
	bits(c, 91, 1, 1);
	bits(c, 128 + 32, 1, 1);
	bits(c, 128 + 33, 13, RING);
	bits(c, 192, 64, HEAD_WB + q * 64);
	w32(dev, QTX_CTL(q), owner);
	w32(dev, QINT_TQCTL(q), QINT_CTL_CAUSE_ENA | 3 << 11 | (q + 1));
	w32(dev, GLLAN_TXPRE_QDIS(0), q | TXPRE_QDIS_CLEAR);
	w32(dev, QTX_ENA(q), QENA_REQ);
	CHECK_EQ(r32(dev, QTX_ENA(q)), QENA_REQ | QENA_STAT);
}

static void tx_on(struct xl710 *dev, unsigned int q)
{
	tx_on_as(dev, q, 2);
}

static void irq_on(struct xl710 *dev, unsigned int vector)
{
	w32(dev, vector ? PFINT_DYN_CTLN(vector - 1) : PFINT_DYN_CTL0,
	    DYN_CTL_INTENA | ITR_NONE << 3);
}

/* One VSI queue map: from queue 0, 2^pow queues. */
static void vsi_queues(struct xl710 *dev, unsigned int pow)
{
	uint8_t param[16] = { 0x86, 0x01 }, *props = at(AQ_BUF);

	memset(props, 0, 128);
	props[0] = 0x40;
	props[63] = pow << 1;
	CHECK_EQ(aq(dev, 0x0211, param, 128), 0);
}

static void tx_desc(unsigned int q, unsigned int idx, uint64_t addr, unsigned int len,
		    unsigned int cmd)
{
	uint64_t *d = (uint64_t *)at(TXQ(q)) + idx % RING * 2;

	d[0] = addr;
	d[1] = (uint64_t)cmd << 4 | (uint64_t)len << 34;
}

static uint32_t head(unsigned int q)
{
	uint32_t val;

	memcpy(&val, at(HEAD_WB + q * 64), 4);
	return val;
}

static uint64_t *rx_desc(unsigned int q, unsigned int idx)
{
	return (uint64_t *)at(RXQ(q)) + idx % RING * 2;
}

/* An Ethernet frame with IPv4 and UDP, correct. */
static unsigned int udp(struct xl710 *dev, uint8_t *f, unsigned int len, uint16_t dport)
{
	uint16_t sum;

	memset(f, 0, len);
	memcpy(f, dev->mac, 6);
	f[6] = 0x02;
	f[11] = 0x99;
	f[12] = 0x08;
	f[14] = 0x45;
	f[16] = (len - 14) >> 8;
	f[17] = len - 14;
	f[22] = 64;
	f[23] = 17;
	f[26] = 198;
	f[27] = 18;
	f[29] = 1;
	f[30] = 198;
	f[31] = 18;
	f[33] = 2;
	sum = ~ip_sum(f + 14, 20, 0);
	memcpy(f + 24, &sum, 2);
	f[34] = 4;
	f[36] = dport >> 8;
	f[37] = dport;
	f[38] = (len - 34) >> 8;
	f[39] = len - 34;
	return len;
}

static void run_ctl(struct xl710 *dev, const char *line)
{
	char out[4096];
	int err = ctl_run(dev, line, out, sizeof(out));

	if (err) {
		printf("# %s: %s (%d)\n", line, out, err);
		failed_checks++;
	}
}

static bool ctl_says(struct xl710 *dev, const char *line, const char *want)
{
	char out[4096], text[4100], look[100];

	if (ctl_run(dev, line, out, sizeof(out)))
		return false;
	snprintf(text, sizeof(text), "\n%s", out);
	snprintf(look, sizeof(look), "\n%s\n", want);
	return strstr(text, look);
}

/* ---- PCI ---------------------------------------------------------------- */

static void test_config(void)
{
	struct xl710 *dev = new_dev(0);
	unsigned int cap, nr = 0;

	CHECK_EQ(xl710_config_read(dev, 0, 4), 0x15728086);
	CHECK_EQ(xl710_config_read(dev, 0x0b, 1), 0x02);
	xl710_config_write(dev, 0x10, 4, ~0U);
	CHECK_EQ(xl710_config_read(dev, 0x10, 4), ~(XL710_BAR0_SIZE - 1) | 0xc);
	xl710_config_write(dev, 0x14, 4, ~0U);
	CHECK_EQ(xl710_config_read(dev, 0x14, 4), ~0U);
	xl710_config_write(dev, 0x18, 4, ~0U);
	CHECK_EQ(xl710_config_read(dev, 0x18, 4), 0);
	for (cap = xl710_config_read(dev, 0x34, 1); cap && nr < 10;
	     cap = xl710_config_read(dev, cap + 1, 1))
		nr++;
	CHECK_EQ(nr, 3);
	xl710_config_write(dev, 0xa8, 2, 0x8000);
	CHECK_EQ(xl710_config_read(dev, 0x04, 2), 0);
	CHECK_EQ(dev->resets, 1);
	CHECK_EQ(dev->unmodelled, 0);
	xl710_free(dev);
}

static void test_msix(void)
{
	struct xl710 *dev = new_dev(0);
	uint64_t addr;
	uint32_t data;

	xl710_region_write(dev, 3, 16, 4, 0xa0000);
	xl710_region_write(dev, 3, 24, 4, 77);
	CHECK(xl710_msix_message(dev, 1, &addr, &data));
	CHECK_EQ(addr, 0xa0000);
	CHECK_EQ(data, 77);
	xl710_region_write(dev, 3, 28, 4, 1);
	CHECK(!xl710_msix_message(dev, 1, &addr, &data));
	pci_raise(dev, 1);
	CHECK_EQ(raised[1], 0);
	CHECK_EQ(xl710_region_read(dev, 3, 0x1000, 8), 2);
	xl710_region_write(dev, 3, 28, 4, 0);
	CHECK_EQ(raised[1], 1);
	CHECK_EQ(xl710_region_read(dev, 3, 0x1000, 8), 0);
	/* No buffer for the message: later. */
	no_room = true;
	pci_raise(dev, 2);
	no_room = false;
	xl710_irq_resume(dev);
	CHECK_EQ(raised[2], 1);
	xl710_free(dev);
}

static void mailbox_write(struct xl710 *dev, const char *line)
{
	char text[64] = "";
	uint32_t word;
	unsigned int i;

	snprintf(text, sizeof(text), "%s", line);
	for (i = 0; i < sizeof(text); i += 4) {
		memcpy(&word, text + i, 4);
		xl710_config_write(dev, 0x110 + i, 4, word);
	}
	xl710_config_write(dev, 0x108, 4, strlen(line));
}

static void test_mailbox(void)
{
	struct xl710 *dev = new_dev(3);
	uint32_t word;
	char text[8] = "";

	mailbox_write(dev, "status");
	CHECK_EQ(xl710_config_read(dev, 0x108, 4), 0);
	CHECK(xl710_config_read(dev, 0x10c, 4) > 7);
	word = xl710_config_read(dev, 0x110, 4);
	memcpy(text, &word, 4);
	word = xl710_config_read(dev, 0x114, 4);
	memcpy(text + 4, &word, 3);
	CHECK(!strcmp(text, "port 3\n"));
	xl710_config_write(dev, 0x110, 4, 0x20787878);
	xl710_config_write(dev, 0x108, 4, 3);
	CHECK_EQ(xl710_config_read(dev, 0x108, 4), EINVAL);
	/* It works without a device, too. */
	run_ctl(dev, "remove");
	CHECK_EQ(xl710_config_read(dev, 0, 4), 0xffffffffU);
	CHECK_EQ(r32(dev, PFLAN_QALLOC), ~0U);
	xl710_config_write(dev, 0x108, 4, 0);
	CHECK_EQ(xl710_config_read(dev, 0x108, 4), EINVAL);
	run_ctl(dev, "restore");
	CHECK_EQ(xl710_config_read(dev, 0, 4), 0x15728086);
	xl710_free(dev);
}

/* ---- registers, NVM, admin queue ---------------------------------------- */

static void test_registers(void)
{
	struct xl710 *dev = new_dev(0);

	w32(dev, PFQF_HENA(0), 0x12345678);
	CHECK_EQ(r32(dev, PFQF_HENA(0)), 0x12345678);
	CHECK_EQ(r32(dev, PFLAN_QALLOC) >> 31, 1);
	CHECK_EQ(dev->unmodelled, 0);
	CHECK_EQ(r32(dev, 0x00001234), 0xdeadbeef);
	CHECK_EQ(dev->unmodelled, 1);
	r32(dev, 0x00001234);
	CHECK_EQ(dev->unmodelled, 1);
	w32(dev, 0x00001238, 1);
	CHECK_EQ(dev->unmodelled, 2);
	CHECK_EQ(xl710_region_read(dev, 1, 0, 4), ~0U);
	CHECK_EQ(dev->unmodelled, 3);
	xl710_free(dev);
}

static void test_nvm(void)
{
	struct xl710 *dev = new_dev(0);
	unsigned int i, words = 512U << (r32(dev, GLNVM_GENS) >> 5 & 7);
	uint16_t sum = 0, word0 = 0;

	for (i = 0; i < words; i++) {
		w32(dev, GLNVM_SRCTL, i << 14 | GLNVM_SRCTL_START);
		CHECK(r32(dev, GLNVM_SRCTL) & GLNVM_SRCTL_DONE);
		if (!i)
			word0 = r32(dev, GLNVM_SRDATA) >> 16;
		sum += r32(dev, GLNVM_SRDATA) >> 16;
	}
	CHECK_EQ(sum, 0xbaba);
	CHECK_EQ(word0 >> 6 & 3, 1);
	xl710_free(dev);
}

static void test_adminq(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t param[16] = { 0 };

	aq_on(dev);
	CHECK_EQ(aq(dev, 0x0001, param, 0), 0);
	CHECK_EQ(param[12], 1);
	CHECK_EQ(aq(dev, 0x000a, param, 4096), 0);
	CHECK_EQ(param[4], 8);
	CHECK_EQ(aq(dev, 0x000a, param, 64), 9);	/* ENOMEM */
	CHECK_EQ(dev->unmodelled, 0);
	CHECK_EQ(aq(dev, 0x7777, param, 0), 3);		/* no such command */
	CHECK_EQ(dev->unmodelled, 1);
	CHECK_EQ(dev->violations, 0);
	run_ctl(dev, "fault aq-error 1 12");
	CHECK_EQ(aq(dev, 0x0001, param, 0), 12);
	CHECK_EQ(aq(dev, 0x0001, param, 0), 0);
	run_ctl(dev, "fault aq-error 1 5 0x0607");
	CHECK_EQ(aq(dev, 0x0001, param, 0), 0);
	CHECK_EQ(aq(dev, 0x0607, param, 0), 5);
	run_ctl(dev, "fault aq-timeout");
	CHECK_EQ(aq(dev, 0x0001, param, 0), (unsigned long long)-1);
	run_ctl(dev, "fault aq-timeout 1 0x000a");
	CHECK_EQ(aq(dev, 0x0001, param, 0), 0);
	CHECK_EQ(aq(dev, 0x000a, param, 4096), (unsigned long long)-1);
	CHECK_EQ(aq(dev, 0x000a, param, 4096), 0);
	/* Any, again */
	run_ctl(dev, "fault aq-timeout");
	CHECK_EQ(aq(dev, 0x0001, param, 0), (unsigned long long)-1);
	/* More than a ring: it wraps. */
	for (unsigned int i = 0; i < 70; i++)
		CHECK_EQ(aq(dev, 0x0001, param, 0), 0);
	/* How the driver switches it off runs nothing of what is in the ring. */
	w32(dev, PF_ATQH, 0);
	w32(dev, PF_ATQT, 0);
	w32(dev, PF_ATQLEN, 0);
	CHECK_EQ(dev->unmodelled, 1);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_adminq_rules(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t param[16] = { 0 };

	w32(dev, PF_ATQT, 3);
	CHECK_EQ(dev->violations, 1);
	aq_on(dev);
	w32(dev, PF_ATQT, 32);
	CHECK_EQ(dev->violations, 2);
	CHECK_EQ(aq(dev, 0x000a, param, 5000), 14);
	CHECK_EQ(dev->violations, 3);
	CHECK_EQ(aq(dev, 0x0211, param, 0), 14);	/* needs a buffer */
	CHECK_EQ(dev->violations, 4);
	xl710_free(dev);
}

static void test_link_event(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t param[16] = { 3 }, *event = at(ARQ_RING);

	aq_on(dev);
	CHECK_EQ(aq(dev, 0x0607, param, 0), 0);
	CHECK(param[4] & 1);
	w32(dev, PFINT_ICR0_ENA, ICR0_ADMINQ);
	irq_on(dev, 0);
	memset(event + 2, 0, 2);
	run_ctl(dev, "link down");
	CHECK_EQ(r32(dev, PF_ARQH), 1);
	CHECK_EQ(event[2] | event[3] << 8, 0x0607);
	CHECK_EQ(event[16 + 4] & 1, 0);
	CHECK_EQ(raised[0], 1);
	CHECK_EQ(r32(dev, PFINT_ICR0), ICR0_ADMINQ | ICR0_INTEVENT);
	CHECK_EQ(r32(dev, PFINT_ICR0), 0);
	/* Nothing more until the driver asks again. */
	run_ctl(dev, "link up");
	CHECK_EQ(r32(dev, PF_ARQH), 1);
	param[0] = 3;
	CHECK_EQ(aq(dev, 0x0607, param, 0), 0);
	CHECK(param[4] & 1);
	xl710_free(dev);
}

static void test_vsi(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t param[16] = { 0 }, *buf = at(AQ_BUF);
	uint16_t seid;

	aq_on(dev);
	CHECK_EQ(aq(dev, 0x0200, param, 512), 0);
	CHECK_EQ(buf[0], 1);
	CHECK_EQ(buf[16], 19);
	memcpy(param, buf + 18, 2);
	CHECK_EQ(aq(dev, 0x0212, param, 128), 0);
	/* another one, and away with it */
	memset(param, 0, sizeof(param));
	param[6] = 2;
	memset(buf, 0, 128);
	buf[0] = 0x40;
	buf[30] = 5;
	CHECK_EQ(aq(dev, 0x0210, param, 128), 0);
	memcpy(&seid, param, 2);
	CHECK_EQ(vsi_queue(vsi_by_seid(dev, seid), 1), 6);
	CHECK_EQ(aq(dev, 0x0243, param, 0), 0);
	memcpy(param, &seid, 2);
	CHECK_EQ(aq(dev, 0x0243, param, 0), 2);		/* no such thing */
	xl710_free(dev);
}

/* A channel's: its queues are those of a VSI that there is */
static void test_vmdq(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t param[16] = { 0 }, *buf = at(AQ_BUF);
	uint16_t number;

	aq_on(dev);
	param[6] = 1;
	memset(buf, 0, 128);
	CHECK_EQ(aq(dev, 0x0210, param, 128), 0);
	memcpy(&number, param + 2, 2);
	tx_on_as(dev, 1, 1 | number << 7);
	CHECK_EQ(dev->violations, 0);
	tx_on_as(dev, 2, 1 | (number + 1) << 7);
	CHECK_EQ(dev->violations, 1);
	/* A virtual function's, which has none */
	tx_on_as(dev, 3, 0);
	CHECK_EQ(dev->violations, 2);
	CHECK_EQ(dev->unmodelled, 0);
	param[6] = 0;
	CHECK_EQ(aq(dev, 0x0210, param, 128), 14);
	CHECK_EQ(dev->unmodelled, 1);
	xl710_free(dev);
}

/* ---- interrupts --------------------------------------------------------- */

static void test_itr(void)
{
	struct xl710 *dev = new_dev(0);
	uint32_t ctl = QINT_CTL_CAUSE_ENA | 0 << 11 | 1;

	w32(dev, PFINT_ITRN(0, 0), 50);			/* 100 us */
	w32(dev, PFINT_DYN_CTLN(0), DYN_CTL_INTENA | ITR_NONE << 3);
	intr_queue(dev, ctl);
	CHECK_EQ(raised[1], 1);
	CHECK_EQ(r32(dev, PFINT_DYN_CTLN(0)) & DYN_CTL_INTENA, 0);
	/* Kept while the vector is off ... */
	intr_queue(dev, ctl);
	clock_ns += 1000;
	CHECK_EQ(raised[1], 1);
	/* ... and for the rest of the interval. */
	irq_on(dev, 1);
	CHECK_EQ(raised[1], 1);
	intr_poll(dev);
	CHECK_EQ(intr_next(dev), clock_ns - 1000 + 100000);
	clock_ns += 98000;
	intr_poll(dev);
	CHECK_EQ(raised[1], 1);
	clock_ns += 1000;
	intr_poll(dev);
	CHECK_EQ(raised[1], 2);
	/* A software interrupt waits for nothing. */
	irq_on(dev, 1);
	w32(dev, PFINT_DYN_CTLN(0), DYN_CTL_INTENA | DYN_CTL_SWINT_TRIG | ITR_NONE << 3);
	CHECK_EQ(raised[1], 3);
	/* A new interval comes with the enable. */
	w32(dev, PFINT_DYN_CTLN(0), DYN_CTL_INTENA | 10 << 5);
	CHECK_EQ(r32(dev, PFINT_ITRN(0, 0)), 10);
	/* A cause that is not enabled is none. */
	intr_queue(dev, 1);
	clock_ns += 1000000;
	intr_poll(dev);
	CHECK_EQ(raised[1], 3);
	xl710_free(dev);
}

/* ---- receive ------------------------------------------------------------ */

static void test_rx(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[2000], other[60];
	unsigned int len = udp(dev, frame, 100, 9);
	uint64_t qw1;

	rx_on(dev, 0, 1522);
	irq_on(dev, 1);
	CHECK_EQ(rx_frame(dev, frame, len, false), RX_DONE);
	qw1 = rx_desc(0, 0)[1];
	CHECK_EQ(qw1 & 0x3, RXD_DD | RXD_EOF);
	CHECK_EQ(qw1 >> RXD_PKTLEN_SHIFT & 0x3fff, len);
	CHECK_EQ(qw1 >> RXD_PTYPE_SHIFT & 0xff, PTYPE_IPV4 + PTYPE_UDP);
	CHECK(qw1 & RXD_L3L4P);
	CHECK_EQ(qw1 & (RXD_ERR_IPE | RXD_ERR_L4E | RXD_ERR_RXE), 0);
	CHECK(!memcmp(at(RX_BUFS), frame, len));
	CHECK_EQ(raised[1], 1);
	/* Not for us; and from us. */
	memcpy(other, frame, 60);
	other[5] ^= 1;
	CHECK_EQ(rx_frame(dev, other, 60, false), RX_DROPPED);
	CHECK_EQ(dev->filtered, 1);
	memcpy(other, frame, 60);
	memcpy(other + 6, dev->mac, 6);
	CHECK_EQ(rx_frame(dev, other, 60, false), RX_DROPPED);
	CHECK_EQ(dev->pruned, 1);
	/* Wrong checksums, a wrong CRC. */
	frame[24] ^= 1;
	rx_frame(dev, frame, len, false);
	CHECK(rx_desc(0, 1)[1] & RXD_ERR_IPE);
	frame[24] ^= 1;
	frame[40] = 0x55;
	rx_frame(dev, frame, len, true);
	CHECK(rx_desc(0, 2)[1] & RXD_ERR_L4E);
	CHECK(rx_desc(0, 2)[1] & RXD_ERR_RXE);
	/* Too long. */
	udp(dev, frame, 1600, 9);
	CHECK_EQ(rx_frame(dev, frame, 1600, false), RX_DROPPED);
	CHECK_EQ(dev->stats.roc, 1);
	CHECK_EQ(dev->violations, 0);
	CHECK_EQ(dev->stats.uprc, 3);
	CHECK_EQ(xl710_region_read(dev, 0, 0x3005a0, 8), 3);
	CHECK_EQ(xl710_region_read(dev, 0, GLV_UPRC + 8, 8), 3);
	xl710_free(dev);
}

static void test_rx_jumbo(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[9000];
	unsigned int i;

	rx_on(dev, 0, 9018);
	udp(dev, frame, 5000, 9);
	for (i = 42; i < 5000; i++)
		frame[i] = i;
	CHECK_EQ(rx_frame(dev, frame, 5000, false), RX_DONE);
	CHECK_EQ(rx_desc(0, 0)[1], RXD_DD | 2048ULL << RXD_PKTLEN_SHIFT);
	CHECK_EQ(rx_desc(0, 1)[1], RXD_DD | 2048ULL << RXD_PKTLEN_SHIFT);
	CHECK_EQ(rx_desc(0, 2)[1] & 3, RXD_DD | RXD_EOF);
	CHECK_EQ(rx_desc(0, 2)[1] >> RXD_PKTLEN_SHIFT & 0x3fff, 5000 - 4096);
	CHECK(!memcmp(at(RX_BUFS + 2 * RX_BUF), frame + 4096, 5000 - 4096));
	/* 60 are left: twenty packets more, then none until there are three. */
	for (i = 0; i < 20; i++)
		CHECK_EQ(rx_frame(dev, frame, 5000, false), RX_DONE);
	CHECK_EQ(rx_frame(dev, frame, 5000, false), RX_NO_DESC);
	rx_post(dev, 0, RING - 1, 2);
	CHECK_EQ(rx_frame(dev, frame, 5000, false), RX_NO_DESC);
	rx_post(dev, 0, RING + 1, 1);
	CHECK_EQ(rx_frame(dev, frame, 5000, false), RX_DONE);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_vlan(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[104], plain[100], param[16] = { 0x86, 0x01 };

	aq_on(dev);
	rx_on(dev, 0, 1522);
	udp(dev, plain, 100, 9);
	memcpy(frame, plain, 12);
	memcpy(frame + 12, "\x81\x00\x20\x05", 4);
	memcpy(frame + 16, plain + 12, 88);
	/* The firmware's filter is for untagged packets alone. */
	CHECK_EQ(rx_frame(dev, frame, 104, false), RX_DROPPED);
	memset(at(AQ_BUF), 0, 16);
	memcpy(at(AQ_BUF), dev->mac, 6);
	((uint8_t *)at(AQ_BUF))[6] = 5;
	((uint8_t *)at(AQ_BUF))[8] = 1;
	memset(param, 0, sizeof(param));
	param[0] = 1;
	param[2] = 0x86;
	param[3] = 0x81;
	CHECK_EQ(aq(dev, 0x0250, param, 16), 0);
	CHECK_EQ(rx_frame(dev, frame, 104, false), RX_DONE);
	CHECK_EQ(rx_desc(0, 0)[1] >> RXD_PKTLEN_SHIFT & 0x3fff, 104);
	CHECK(!(rx_desc(0, 0)[1] & RXD_L2TAG1P));
	/* Strip it. */
	memset(at(AQ_BUF), 0, 128);
	((uint8_t *)at(AQ_BUF))[0] = 0x04;
	((uint8_t *)at(AQ_BUF))[12] = 0x03;
	memset(param, 0, sizeof(param));
	param[0] = 0x86;
	param[1] = 0x01;
	CHECK_EQ(aq(dev, 0x0211, param, 128), 0);
	CHECK_EQ(rx_frame(dev, frame, 104, false), RX_DONE);
	CHECK_EQ(rx_desc(0, 1)[1] >> RXD_PKTLEN_SHIFT & 0x3fff, 100);
	CHECK(rx_desc(0, 1)[1] & RXD_L2TAG1P);
	CHECK_EQ(rx_desc(0, 1)[0] >> 16 & 0xffff, 0x2005);
	CHECK(!memcmp(at(RX_BUFS + RX_BUF), plain, 100));
	/* Away with the filter; it can go once. */
	memset(param, 0, sizeof(param));
	param[0] = 1;
	param[2] = 0x86;
	param[3] = 0x81;
	memset(at(AQ_BUF), 0, 16);
	memcpy(at(AQ_BUF), dev->mac, 6);
	((uint8_t *)at(AQ_BUF))[6] = 5;
	((uint8_t *)at(AQ_BUF))[8] = 1;
	CHECK_EQ(aq(dev, 0x0251, param, 16), 0);
	CHECK_EQ(rx_frame(dev, frame, 104, false), RX_DROPPED);
	memset(param, 0, sizeof(param));
	param[0] = 1;
	param[2] = 0x86;
	param[3] = 0x81;
	CHECK_EQ(aq(dev, 0x0251, param, 16), 2);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_promiscuous(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[60], param[16] = { 0 };

	aq_on(dev);
	rx_on(dev, 0, 1522);
	udp(dev, frame, 60, 9);
	memset(frame, 0xff, 6);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	/* Of one VLAN, which another one is not. */
	param[0] = 4;
	param[2] = 4;
	param[4] = 0x86;
	param[5] = 0x01;
	param[6] = 7;
	param[7] = 0x80;
	CHECK_EQ(aq(dev, 0x0254, param, 0), 0);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	memcpy(frame + 12, "\x81\x00\x00\x07", 4);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	rxq_stop(dev, &dev->rxq[0]);
	rx_on(dev, 0, 1522);
	memset(at(RXQ(0)), 0, 16);
	udp(dev, frame, 60, 9);
	memset(frame, 0xff, 6);
	memset(param, 0, sizeof(param));
	param[0] = 4;			/* broadcast */
	param[2] = 4;
	param[4] = 0x86;
	param[5] = 0x01;
	CHECK_EQ(aq(dev, 0x0254, param, 0), 0);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	CHECK_EQ(rx_desc(0, 0)[1] >> RXD_UMBCAST_SHIFT & 3, 2);
	frame[0] = 0x01;
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	memset(param, 0, sizeof(param));
	param[0] = 3;
	param[2] = 3;
	param[4] = 0x86;
	param[5] = 0x01;
	CHECK_EQ(aq(dev, 0x0254, param, 0), 0);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	frame[0] = 0x02;
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	xl710_free(dev);
}

/* The verification suite of Microsoft's RSS specification. */
static void test_rss(void)
{
	static const uint8_t key[52] = {
		0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67, 0x25, 0x3d,
		0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb, 0xae, 0x7b, 0x30, 0xb4,
		0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30, 0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b,
		0xbe, 0xac, 0x01, 0xfa,
	};
	static const uint8_t input[12] = {
		66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8,
		1766 & 255,
	};
	struct xl710 *dev = new_dev(0);
	uint8_t frame[60];
	unsigned int i;

	aq_on(dev);
	for (i = 0; i < 13; i++) {
		uint32_t val;

		memcpy(&val, key + i * 4, 4);
		w32(dev, PFQF_HKEY(i), val);
	}
	CHECK_EQ(toeplitz(dev, input, 12), 0x51ccc178);
	CHECK_EQ(toeplitz(dev, input, 8), 0x323e8fc2);
	w32(dev, PFQF_HENA(0), BIT(31));	/* IPv4 UDP */
	for (i = 0; i < 128; i++)
		w32(dev, PFQF_HLUT(i), 0x03020100);
	vsi_queues(dev, 2);
	for (i = 0; i < 4; i++)
		rx_on(dev, i, 1522);
	udp(dev, frame, 60, 0);
	memcpy(frame + 26, input, 8);
	memcpy(frame + 34, input + 8, 4);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	CHECK_EQ(dev->rxq[0x51ccc178 & 3].packets, 1);
	CHECK_EQ(rx_desc(0, 0)[0] >> 32, 0x51ccc178);
	CHECK_EQ(rx_desc(0, 0)[1] >> RXD_FLTSTAT_SHIFT & 3, 3);
	/* Another entry of the table. */
	for (i = 0; i < 128; i++)
		w32(dev, PFQF_HLUT(i), 0x02020202);
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(dev->rxq[2].packets, 1);
	/* Not for this kind of packet. */
	w32(dev, PFQF_HENA(0), 0);
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(dev->rxq[0].packets, 2);
	CHECK_EQ(rx_desc(0, 1)[1] >> RXD_FLTSTAT_SHIFT & 3, 0);
	xl710_free(dev);
}

static void test_rx_rules(void)
{
	struct xl710 *dev = new_dev(0);
	uint64_t seen;

	/* The tail of a queue that is off, and was not set up. */
	w32(dev, QRX_TAIL(0), 5);
	CHECK_EQ(dev->violations, 1);
	rx_on(dev, 0, 1522);
	CHECK_EQ(dev->violations, 1);
	/* One more than there is room for; backwards; outside. */
	w32(dev, QRX_TAIL(0), 0);
	CHECK_EQ(dev->violations, 2);
	w32(dev, QRX_TAIL(0), RING - 2);
	CHECK_EQ(dev->violations, 3);
	w32(dev, QRX_TAIL(0), RING);
	CHECK_EQ(dev->violations, 4);
	w32(dev, QRX_ENA(0), 0);
	/* Posted twice, in two queues. */
	rx_on(dev, 1, 1522);
	hmc_on(dev);
	rx_context(2, 1522);
	w32(dev, QRX_TAIL(2), 0);
	rx_post(dev, 2, 0, 3);
	rx_desc(2, 1)[0] = rx_desc(1, 7)[0] + 1024;
	seen = dev->violations;
	w32(dev, QRX_ENA(2), QENA_REQ);
	CHECK_EQ(dev->violations, seen + 1);
	/* DD of the last round; no memory. */
	rx_desc(2, 3)[0] = RX_BUFS + 200 * RX_BUF;
	rx_desc(2, 3)[1] = 1;
	w32(dev, QRX_TAIL(2), 4);
	CHECK_EQ(dev->violations, seen + 2);
	rx_desc(2, 4)[0] = MEM_BASE + MEM_SIZE - 100;
	rx_desc(2, 4)[1] = 0;
	w32(dev, QRX_TAIL(2), 5);
	CHECK_EQ(dev->violations, seen + 3);
	/* A context that is not valid; a queue that is not there. */
	w32(dev, PFHMC_SDDATALOW, 0);
	w32(dev, PFHMC_SDCMD, PFHMC_SDCMD_WR);
	w32(dev, QRX_TAIL(3), 0);
	w32(dev, QRX_ENA(3), QENA_REQ);
	CHECK_EQ(dev->violations, seen + 4);
	CHECK_EQ(r32(dev, QRX_ENA(3)), 0);
	w32(dev, QRX_ENA(500), QENA_REQ);
	CHECK_EQ(dev->violations, seen + 5);
	/* A context that makes no sense. */
	hmc_on(dev);
	rx_context(4, 1522);
	bits((uint8_t *)at(HMC) + 0x10000 + 4 * 32, 89, 13, 40);
	w32(dev, QRX_TAIL(4), 0);
	w32(dev, QRX_ENA(4), QENA_REQ);
	CHECK_EQ(r32(dev, QRX_ENA(4)), 0);
	CHECK_EQ(dev->violations, ++seen + 5);
	/* After the disable, all is the driver's, and can be posted again. */
	w32(dev, QRX_ENA(1), 0);
	w32(dev, QRX_ENA(2), 0);
	rx_on(dev, 1, 1522);
	CHECK_EQ(dev->violations, seen + 5);
	xl710_free(dev);
}

/* ---- transmit ----------------------------------------------------------- */

#define EOP	TXD_CMD_EOP
#define RS	TXD_CMD_RS

static void test_tx(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t *d = at(TX_DATA);

	tx_on(dev, 0);
	irq_on(dev, 1);
	udp(dev, d, 100, 9);
	memset(at(HEAD_WB), 0, 4);
	tx_desc(0, 0, TX_DATA, 100, EOP);
	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(dev->wire->sink.packets, 1);
	/* Without RS nothing is written, nobody is interrupted. */
	CHECK_EQ(head(0), 0);
	CHECK_EQ(raised[1], 0);
	/* In two pieces. */
	tx_desc(0, 1, TX_DATA, 30, 0);
	tx_desc(0, 2, TX_DATA + 30, 70, EOP | RS);
	w32(dev, QTX_TAIL(0), 3);
	CHECK_EQ(dev->wire->sink.bytes, 200);
	CHECK_EQ(head(0), 3);
	CHECK_EQ(raised[1], 1);
	/* An interrupt brings the head along. */
	tx_desc(0, 3, TX_DATA, 100, EOP);
	w32(dev, QTX_TAIL(0), 4);
	CHECK_EQ(head(0), 3);
	w32(dev, PFINT_DYN_CTLN(0), DYN_CTL_INTENA | DYN_CTL_SWINT_TRIG | ITR_NONE << 3);
	CHECK_EQ(head(0), 4);
	CHECK_EQ(raised[1], 2);
	/* What is too short is padded. */
	tx_desc(0, 4, TX_DATA, 40, EOP | RS);
	w32(dev, QTX_TAIL(0), 5);
	CHECK_EQ(dev->wire->sink.bytes, 360);
	CHECK_EQ(xl710_region_read(dev, 0, 0x300680, 8), 360 + 16);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static uint8_t last[XL710_MAX_FRAME];
static unsigned int last_len;

/* What port a sends, in order, as port b got it. */
static void take(struct xl710 *b, unsigned int idx)
{
	last_len = rx_desc(0, idx)[1] >> RXD_PKTLEN_SHIFT & 0x3fff;
	memcpy(last, at(RX_BUFS + idx * RX_BUF), last_len);
	CHECK(rx_desc(0, idx)[1] & RXD_DD);
	(void)b;
}

static void accept_all(struct xl710 *dev)
{
	dev->vsi[0].is_default = true;
}

static void test_tx_offload(void)
{
	struct xl710 *a = new_dev(0), *b = new_dev(1);
	uint8_t *d = at(TX_DATA);
	uint64_t *desc = at(TXQ(0));
	uint16_t sum;
	unsigned int i;

	wire_connect(a->wire, b->wire);
	accept_all(b);
	rx_on(b, 0, 1522);
	tx_on(a, 0);
	/* UDP: the driver puts the sum of the pseudo header there. */
	udp(b, d, 100, 9);
	sum = ip_sum(d + 26, 8, 0);
	{
		uint8_t tail[4] = { 0, 17, 0, 66 };

		sum = ip_sum(tail, 4, sum);
	}
	memcpy(d + 40, &sum, 2);
	memset(d + 24, 0, 2);
	tx_desc(0, 0, TX_DATA, 100, EOP | RS | TXD_CMD_IIPT_IPV4_CSUM << 5 |
		TXD_CMD_L4T_UDP << 8);
	desc[1] |= 7ULL << 16 | 5ULL << 23 | 2ULL << 30;
	w32(a, QTX_TAIL(0), 1);
	CHECK_EQ(a->wire->sink.bad_csum, 0);
	CHECK_EQ(rx_desc(0, 0)[1] & (RXD_ERR_IPE | RXD_ERR_L4E), 0);
	take(b, 0);
	CHECK_EQ(last_len, 100);
	CHECK(last[40] || last[41]);
	udp(b, d, 100, 9);
	/* A tag goes in. */
	tx_desc(0, 1, TX_DATA, 100, EOP | RS | TXD_CMD_IL2TAG1);
	desc[3] |= 0x6123ULL << 48;
	w32(a, QTX_TAIL(0), 2);
	take(b, 1);
	CHECK_EQ(last_len, 104);
	CHECK(!memcmp(last + 12, "\x81\x00\x61\x23\x08\x00", 6));
	/* TSO: 3000 bytes of payload become 3. */
	memset(d + 14, 0, 40);
	d[14] = 0x45;
	d[22] = 64;
	d[23] = 6;
	memcpy(d + 26, "\xc6\x12\x00\x01\xc6\x12\x00\x02", 8);
	d[34 + 12] = 0x50;
	d[34 + 13] = 0x18;		/* ACK, PSH */
	for (i = 54; i < 3054; i++)
		d[i] = i;
	sum = ip_sum(d + 26, 8, 0);
	{
		uint8_t tail[2] = { 0, 6 };

		sum = ip_sum(tail, 2, sum);
	}
	memcpy(d + 50, &sum, 2);
	desc[4] = 0;
	desc[5] = TXD_DTYPE_CONTEXT | TXC_CMD_TSO << 4 | 3000ULL << 30 | 1400ULL << 50;
	tx_desc(0, 3, TX_DATA, 3054, EOP | RS | TXD_CMD_IIPT_IPV4_CSUM << 5 |
		TXD_CMD_L4T_TCP << 8);
	desc[7] |= 7ULL << 16 | 5ULL << 23 | 5ULL << 30;
	w32(a, QTX_TAIL(0), 4);
	CHECK_EQ(a->wire->sink.packets, 5);
	CHECK_EQ(a->wire->sink.bad_csum, 0);
	take(b, 2);
	CHECK_EQ(last_len, 1454);
	CHECK_EQ(last[47] & 0x08, 0);
	take(b, 4);
	CHECK_EQ(last_len, 54 + 200);
	CHECK_EQ(last[47] & 0x08, 0x08);
	CHECK_EQ(last[40] << 8 | last[41], 2800);
	CHECK_EQ(last[19], 2);
	CHECK(!memcmp(last + 54, d + 54 + 2800, 200));
	CHECK_EQ(a->violations + b->violations, 0);
	xl710_free(a);
	xl710_free(b);
}

static void test_tx_rules(void)
{
	struct xl710 *dev = new_dev(0);
	unsigned int i, next;
	uint64_t seen;

	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(dev->violations, 1);
	tx_on(dev, 0);
	tx_on(dev, 1);
	rx_on(dev, 0, 1522);
	seen = dev->violations;
	w32(dev, QTX_TAIL(0), RING);
	CHECK_EQ(dev->violations, ++seen);
	/* More than the driver has been told that it got back. */
	for (i = 0; i < RING - 1; i++)
		tx_desc(0, i, TX_DATA, 60, EOP);
	w32(dev, QTX_TAIL(0), RING - 1);
	CHECK_EQ(dev->violations, seen);
	w32(dev, QTX_TAIL(0), 3);
	CHECK_EQ(dev->violations, ++seen);
	/* Memory of a receive queue; in nine pieces; with RS in the middle. */
	for (i = 0; i < 8; i++)
		tx_desc(1, i, TX_DATA, 10, i == 3 ? RS : 0);
	tx_desc(1, 8, TX_DATA, 10, EOP | RS);
	w32(dev, QTX_TAIL(1), 9);
	seen += 2;
	CHECK_EQ(dev->violations, seen);
	/* Too short, too long. */
	tx_desc(1, 9, TX_DATA, 16, EOP | RS);
	tx_desc(1, 10, TX_DATA, 9729, EOP | RS);
	w32(dev, QTX_TAIL(1), 11);
	seen += 2;
	CHECK_EQ(dev->violations, seen);
	next = 11;
	tx_desc(1, next, RX_BUFS + 512, 60, EOP | RS);
	w32(dev, QTX_TAIL(1), next + 1);
	CHECK_EQ(dev->violations, ++seen);
	/* Gone without an announcement; then properly. */
	w32(dev, QTX_ENA(1), 0);
	CHECK_EQ(dev->violations, ++seen);
	w32(dev, GLLAN_TXPRE_QDIS(0), 0 | TXPRE_QDIS_SET);
	w32(dev, QTX_ENA(0), 0);
	CHECK_EQ(dev->violations, seen);
	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(dev->violations, ++seen);
	/* Half a packet; no packet; no memory; nothing. */
	tx_on(dev, 1);
	tx_desc(1, 0, TX_DATA, 60, 0);
	w32(dev, QTX_TAIL(1), 1);
	CHECK_EQ(dev->violations, ++seen);
	tx_on(dev, 0);
	((uint64_t *)at(TXQ(0)))[1] = 7;
	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(dev->violations, ++seen);
	tx_on(dev, 2);
	tx_desc(2, 0, 0x10, 60, EOP | RS);
	w32(dev, QTX_TAIL(2), 1);
	CHECK_EQ(dev->violations, ++seen);
	tx_on(dev, 3);
	tx_desc(3, 0, TX_DATA, 0, EOP | RS);
	w32(dev, QTX_TAIL(3), 1);
	CHECK_EQ(dev->violations, ++seen);
	xl710_free(dev);
}

/* ---- flow director ------------------------------------------------------ */

static void fd_program(struct xl710 *dev, unsigned int idx, unsigned int cmd,
		       unsigned int dest, unsigned int queue, uint16_t dport)
{
	uint32_t *f = (uint32_t *)at(TXQ(0)) + idx * 4;
	uint8_t *d = at(TX_DATA), t[4];

	/* As the other side would send it. */
	udp(dev, d, 60, dport);
	memcpy(t, d + 26, 4);
	memcpy(d + 26, d + 30, 4);
	memcpy(d + 30, t, 4);
	memcpy(t, d + 34, 2);
	memcpy(d + 34, d + 36, 2);
	memcpy(d + 36, t, 2);
	f[0] = queue | PCTYPE_IPV4_UDP << 17 | dev->vsi[0].number << 23;
	f[1] = 0;
	f[2] = TXD_DTYPE_FILTER_PROG | cmd << 4 | dest << 7 | 1 << 11 | 1 << 13 | 3 << 20;
	f[3] = 42;
	tx_desc(0, idx + 1, TX_DATA, 60, EOP | RS | TXD_CMD_DUMMY);
	w32(dev, QTX_TAIL(0), idx + 2);
}

static void test_fdir(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[60];
	unsigned int i;

	aq_on(dev);
	vsi_queues(dev, 1);
	for (i = 0; i < 4; i++)
		rx_on(dev, i, 1522);
	tx_on(dev, 0);
	w32(dev, PFQF_CTL_0, PFQF_CTL_0_FD_ENA);
	fd_program(dev, 0, FLTR_PCMD_ADD, FLTR_DEST_QUEUE, 3, 777);
	CHECK_EQ(dev->fd_count, 1);
	CHECK_EQ(dev->wire->sink.packets, 0);
	udp(dev, frame, 60, 777);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	CHECK_EQ(dev->rxq[3].packets, 1);
	CHECK(rx_desc(3, 0)[1] & RXD_FLM);
	CHECK_EQ(rx_desc(3, 0)[0] >> 32, 42);
	CHECK_EQ(r32(dev, GLQF_PCNT(3)), 1);
	udp(dev, frame, 60, 778);
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(dev->rxq[3].packets, 1);
	CHECK_EQ(dev->rxq[0].packets, 1);
	/* The same one, but to drop. */
	fd_program(dev, 2, FLTR_PCMD_ADD, FLTR_DEST_DROP, 0, 777);
	CHECK_EQ(dev->fd_count, 1);
	udp(dev, frame, 60, 777);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	CHECK_EQ(dev->fd_dropped, 1);
	fd_program(dev, 4, FLTR_PCMD_REMOVE, FLTR_DEST_DROP, 0, 777);
	CHECK_EQ(dev->fd_count, 0);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	/* It is gone already, and the driver hears so in a receive descriptor. */
	i = dev->rxq[0].head;
	fd_program(dev, 6, FLTR_PCMD_REMOVE, FLTR_DEST_DROP, 0, 777);
	CHECK_EQ(dev->rxq[0].head, i + 1);
	CHECK_EQ(rx_desc(0, i)[1] & RXD_PROG_FD_NONE, RXD_PROG_FD_NONE);
	fd_program(dev, 8, FLTR_PCMD_ADD, FLTR_DEST_QUEUE, 3, 777);
	w32(dev, PFQF_CTL_1, 1);
	CHECK_EQ(dev->fd_count, 0);
	CHECK_EQ(r32(dev, PFQF_CTL_1), 0);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

/* ---- resets and faults -------------------------------------------------- */

static void test_apart(void)
{
	struct xl710 *a = new_dev(0), *b = new_dev(1);

	CHECK(own_take(a, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK(own_any(b, RX_BUFS, RX_BUF));
	CHECK(!own_take(b, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK_EQ(b->violations, 1);
	own_reset();
	own_apart_set(true);
	CHECK(own_take(a, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK(!own_any(b, RX_BUFS, RX_BUF));
	CHECK(own_take(b, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK(!own_take(b, RX_BUFS, RX_BUF, "RX", 0, 1));
	CHECK_EQ(b->violations, 2);
	own_give(a, RX_BUFS, RX_BUF);
	CHECK(!own_any(a, RX_BUFS, RX_BUF));
	CHECK(own_any(b, RX_BUFS, RX_BUF));
	own_apart_set(false);
	xl710_free(a);
	xl710_free(b);
}

static void test_owners(void)
{
	struct xl710 *a = new_dev(0), *b = new_dev(1);

	CHECK(own_take(a, RX_BUFS, RX_BUF, "RX", 0, 0));
	run_ctl(b, "owners off");
	CHECK(!own_any(b, RX_BUFS, RX_BUF));
	CHECK(own_take(a, RX_BUFS, RX_BUF, "RX", 0, 1));
	CHECK(own_take(b, RX_BUFS, RX_BUF, "RX", 0, 0));
	own_give(a, RX_BUFS, RX_BUF);
	run_ctl(b, "owners on");
	CHECK(own_take(a, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK_EQ(b->violations, 0);
	CHECK(!own_take(b, RX_BUFS, RX_BUF, "RX", 0, 0));
	CHECK_EQ(b->violations, 1);
	own_reset();
	xl710_free(a);
	xl710_free(b);
}

static void test_pf_reset(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[60];

	aq_on(dev);
	rx_on(dev, 0, 1522);
	tx_on(dev, 0);
	w32(dev, PRTQF_FD_INSET(PCTYPE_IPV4_UDP, 0), 0x12340000);
	w32(dev, PFGEN_CTRL, PFGEN_CTRL_PFSWR);
	CHECK_EQ(r32(dev, PFGEN_CTRL), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), 0);
	/* The fields of filters are the port's, but only until its reset. */
	CHECK_EQ(r32(dev, PRTQF_FD_INSET(PCTYPE_IPV4_UDP, 0)), 0x12340000);
	CHECK_EQ(r32(dev, QTX_ENA(0)), 0);
	CHECK(!own_any(dev, RX_BUFS, RX_BUF));
	udp(dev, frame, 60, 9);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	CHECK_EQ(dev->resets, 1);
	CHECK_EQ(dev->violations, 0);
	rx_on(dev, 0, 1522);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	CHECK_EQ(dev->violations, 0);
	CHECK(ctl_says(dev, "status", "receives 1"));
	run_ctl(dev, "link down");
	CHECK(ctl_says(dev, "status", "receives 0"));
	run_ctl(dev, "link up");
	/* Its own, before it wants to hear of them. */
	w32(dev, GLGEN_RTRIG, 1);
	CHECK(r32(dev, PRTQF_FD_INSET(PCTYPE_IPV4_UDP, 0)) != 0x12340000);
	CHECK(ctl_says(dev, "status", "receives 0"));
	CHECK_EQ(raised[0], 0);
	/* Those that it is told of. */
	run_ctl(dev, "reset core");
	CHECK_EQ(raised[0], 1);
	CHECK(r32(dev, PFINT_ICR0) & ICR0_GRST);
	CHECK_EQ(r32(dev, GLGEN_RSTAT) >> 2 & 3, 1);
	/* Its own, too; what it still writes is not held against it. */
	w32(dev, GLGEN_RTRIG, 2);
	CHECK_EQ(raised[0], 2);
	CHECK(r32(dev, PFINT_ICR0) & ICR0_GRST);
	CHECK_EQ(r32(dev, GLGEN_RSTAT) >> 2 & 3, 2);
	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_faults(void)
{
	struct xl710 *dev = new_dev(0);
	uint8_t frame[60];

	rx_on(dev, 0, 1522);
	tx_on(dev, 0);
	udp(dev, frame, 60, 9);
	run_ctl(dev, "fault rx-bad-length 1");
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(rx_desc(0, 0)[1] >> RXD_PKTLEN_SHIFT & 0x3fff, 0x3fff);
	run_ctl(dev, "fault rx-truncated");
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(rx_desc(0, 1)[1] & 3, RXD_DD);
	run_ctl(dev, "fault rx-error");
	rx_frame(dev, frame, 60, false);
	CHECK(rx_desc(0, 2)[1] & RXD_ERR_RXE);
	run_ctl(dev, "fault rx-reorder");
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(rx_desc(0, 3)[1], 0);
	rx_frame(dev, frame, 60, false);
	CHECK(rx_desc(0, 3)[1] & RXD_DD);
	CHECK(rx_desc(0, 4)[1] & RXD_DD);
	run_ctl(dev, "fault rx-status");
	rx_frame(dev, frame, 60, false);
	CHECK_EQ(rx_desc(0, 5)[1], RXD_DD | RXD_PROG_FD | RXD_PROG_FD_NONE |
				   RXD_PROG_LENGTH);
	CHECK_EQ(rx_desc(0, 6)[1] >> RXD_PKTLEN_SHIFT & 0x3fff, 60);
	/* It says that it runs until the reset. */
	run_ctl(dev, "fault rx-stuck");
	w32(dev, QRX_ENA(0), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), QENA_REQ | QENA_STAT);
	CHECK(!own_any(dev, RX_BUFS, RING * RX_BUF));
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	run_ctl(dev, "fault tx-bad-head");
	tx_desc(0, 0, TX_DATA, 60, EOP | RS);
	w32(dev, QTX_TAIL(0), 1);
	CHECK_EQ(head(0), RING + 5);
	run_ctl(dev, "hang 0");
	tx_desc(0, 1, TX_DATA, 60, EOP | RS);
	w32(dev, QTX_TAIL(0), 2);
	CHECK_EQ(dev->wire->sink.packets, 1);
	w32(dev, PFINT_ICR0_ENA, ICR0_MAL_DETECT);
	irq_on(dev, 0);
	run_ctl(dev, "mdd tx 0");
	CHECK_EQ(raised[0], 1);
	CHECK_EQ(r32(dev, GL_MDET_TX) >> 31, 1);
	CHECK_EQ(r32(dev, PF_MDET_TX), 1);
	w32(dev, PF_MDET_TX, 0xffff);
	CHECK_EQ(r32(dev, PF_MDET_TX), 0);
	CHECK_EQ(dev->violations, 0);
	CHECK(ctl_says(dev, "status", "mdd 1"));
	w32(dev, GL_MDET_TX, ~0U);
	CHECK(ctl_says(dev, "status", "mdd 0"));
	run_ctl(dev, "fault pf-reset");
	w32(dev, PFGEN_CTRL, PFGEN_CTRL_PFSWR);
	CHECK_EQ(r32(dev, PFGEN_CTRL), PFGEN_CTRL_PFSWR);
	CHECK_EQ(r32(dev, QRX_ENA(0)), QENA_REQ | QENA_STAT);
	w32(dev, PFGEN_CTRL, PFGEN_CTRL_PFSWR);
	CHECK_EQ(r32(dev, PFGEN_CTRL), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), 0);
	CHECK(!own_any(dev, RX_BUFS, RING * RX_BUF));
	rx_on(dev, 0, 1522);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	w32(dev, QRX_ENA(0), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), 0);
	/* It does not start, so nobody tells it of buffers. */
	run_ctl(dev, "fault rx-dead");
	w32(dev, QRX_TAIL(0), 0);
	w32(dev, QRX_TAIL(0), 8);
	w32(dev, QRX_ENA(0), QENA_REQ);
	CHECK_EQ(r32(dev, QRX_ENA(0)), QENA_REQ);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DROPPED);
	CHECK_EQ(dev->violations, 0);
	w32(dev, QRX_TAIL(0), 9);
	CHECK_EQ(dev->violations, 1);
	dev->violations = 0;
	w32(dev, QRX_ENA(0), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), 0);
	rx_on(dev, 0, 1522);
	CHECK_EQ(rx_frame(dev, frame, 60, false), RX_DONE);
	w32(dev, QRX_ENA(0), 0);
	CHECK_EQ(r32(dev, QRX_ENA(0)), 0);
	CHECK_EQ(dev->violations, 0);
	run_ctl(dev, "violate");
	CHECK(ctl_says(dev, "status", "violations 1"));
	xl710_free(dev);
}

/* ---- the wire ----------------------------------------------------------- */

static void poll_all(struct xl710 *a, struct xl710 *b)
{
	unsigned int i;

	for (i = 0; i < 50; i++) {
		xl710_poll(a);
		if (b)
			xl710_poll(b);
		clock_ns += 1000;
	}
}

static void test_generator(void)
{
	struct xl710 *dev = new_dev(0);
	uint64_t qw1;

	rx_on(dev, 0, 9018);
	run_ctl(dev, "gen 100 size=64-1500 flows=7");
	poll_all(dev, NULL);
	/* As many as there are descriptors, and it waits. */
	CHECK(ctl_says(dev, "gen", "sent 63"));
	CHECK(ctl_says(dev, "gen", "running 1"));
	qw1 = rx_desc(0, 0)[1];
	CHECK_EQ(qw1 & (RXD_ERR_IPE | RXD_ERR_L4E), 0);
	rx_post(dev, 0, RING - 1, 40);
	poll_all(dev, NULL);
	CHECK(ctl_says(dev, "gen", "sent 100"));
	CHECK(ctl_says(dev, "gen", "running 0"));
	/* Without that, they are lost, and counted. */
	run_ctl(dev, "pause off");
	run_ctl(dev, "gen 100 size=2000");
	poll_all(dev, NULL);
	CHECK(ctl_says(dev, "gen", "running 0"));
	CHECK(ctl_says(dev, "gen", "sent 3"));
	CHECK(ctl_says(dev, "gen", "dropped 97"));
	CHECK_EQ(dev->stats.rdpc, 97);
	CHECK_EQ(dev->violations, 0);
	/* At a rate: 10 each 10 ms. */
	rx_post(dev, 0, RING + 39, 60);
	run_ctl(dev, "gen 30 rate=1000 burst=10");
	xl710_poll(dev);
	CHECK(ctl_says(dev, "gen", "sent 10"));
	clock_ns += 9000000;
	xl710_poll(dev);
	CHECK(ctl_says(dev, "gen", "sent 10"));
	clock_ns += 1000000;
	xl710_poll(dev);
	CHECK(ctl_says(dev, "gen", "sent 20"));
	xl710_free(dev);
}

/* Polling brings packets, and these an interrupt that is to wait: whoever sleeps until
 * then has to know.
 */
static void test_next(void)
{
	struct xl710 *dev = new_dev(0);

	rx_on(dev, 0, 1522);
	w32(dev, QINT_RQCTL(0), QINT_CTL_CAUSE_ENA | 0 << 11 | 1);
	w32(dev, PFINT_ITRN(0, 0), 50);			/* 100 us */
	irq_on(dev, 1);
	CHECK_EQ(xl710_next(dev), XL710_NEVER);
	run_ctl(dev, "gen 1");
	CHECK(xl710_next(dev) <= clock_ns);
	xl710_poll(dev);
	CHECK_EQ(raised[1], 1);
	CHECK_EQ(xl710_next(dev), XL710_NEVER);
	irq_on(dev, 1);
	run_ctl(dev, "gen 1");
	xl710_poll(dev);
	CHECK_EQ(raised[1], 1);
	CHECK_EQ(xl710_next(dev), clock_ns + 100000);
	clock_ns += 100000;
	xl710_poll(dev);
	CHECK_EQ(raised[1], 2);
	/* At a rate: the second is sent a second after the first. */
	irq_on(dev, 1);
	run_ctl(dev, "gen 2 rate=1 burst=1");
	xl710_poll(dev);
	clock_ns += 500000000;
	xl710_poll(dev);
	CHECK_EQ(xl710_next(dev), clock_ns + 500000000);
	clock_ns += 500000000;
	CHECK_EQ(xl710_next(dev), clock_ns);
	xl710_poll(dev);
	CHECK_EQ(xl710_next(dev), XL710_NEVER);
	xl710_free(dev);
}

static void test_batch(void)
{
	struct xl710 *dev = new_dev(0);

	rx_on(dev, 0, 1522);
	irq_on(dev, 1);
	run_ctl(dev, "batch 40 size=64");
	CHECK_EQ(dev->rxq[0].packets, 40);
	CHECK_EQ(raised[1], 1);
	CHECK(ctl_says(dev, "batch", "done 0"));
	clock_ns += 5000;
	irq_on(dev, 1);
	clock_ns += 5000;
	irq_on(dev, 1);
	CHECK(ctl_says(dev, "batch", "done 1"));
	CHECK(ctl_says(dev, "batch", "ns 5000"));
	CHECK(ctl_says(dev, "batch", "packets 40"));
	CHECK(ctl_says(dev, "batch", "interrupts 1"));
	/* More than there is room for. */
	CHECK(!ctl_says(dev, "batch 40", ""));
	xl710_free(dev);
}

/* What the port holds goes out at once; all interrupts until the driver is done count. */
static void test_batch_tx(void)
{
	struct xl710 *dev = new_dev(0);
	unsigned int i;

	tx_on(dev, 0);
	irq_on(dev, 1);
	udp(dev, at(TX_DATA), 100, 9);
	for (i = 0; i < 8; i++)
		tx_desc(0, i, TX_DATA + 50 * (i % 2), 50, i % 2 ? EOP | RS : 0);
	CHECK(!ctl_says(dev, "batch send 4", ""));
	run_ctl(dev, "hold on");
	w32(dev, QTX_TAIL(0), 2);
	w32(dev, QTX_TAIL(0), 8);
	CHECK_EQ(dev->wire->sink.packets, 0);
	CHECK(ctl_says(dev, "batch", "waiting 4"));
	CHECK(ctl_says(dev, "batch", "tx_tails 2"));
	CHECK(!ctl_says(dev, "batch send 3", ""));
	CHECK_EQ(dev->wire->sink.packets, 0);
	run_ctl(dev, "batch send 4");
	CHECK_EQ(dev->wire->sink.packets, 4);
	CHECK_EQ(head(0), 8);
	CHECK_EQ(raised[1], 1);
	CHECK(ctl_says(dev, "batch", "done 0"));
	clock_ns += 5000;
	irq_on(dev, 1);
	w32(dev, PFINT_DYN_CTLN(0), DYN_CTL_INTENA | DYN_CTL_SWINT_TRIG | ITR_NONE << 3);
	clock_ns += 700;
	irq_on(dev, 1);
	CHECK(ctl_says(dev, "batch", "done 1"));
	CHECK(ctl_says(dev, "batch", "ns 5700"));
	CHECK(ctl_says(dev, "batch", "interrupts 2"));
	run_ctl(dev, "batch reset");
	CHECK(ctl_says(dev, "batch", "done 0"));
	CHECK(ctl_says(dev, "batch", "ns 0"));
	/* It holds again, until it is told not to. */
	tx_desc(0, 8, TX_DATA, 100, EOP | RS);
	w32(dev, QTX_TAIL(0), 9);
	CHECK_EQ(dev->wire->sink.packets, 4);
	run_ctl(dev, "hold off");
	CHECK_EQ(dev->wire->sink.packets, 5);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

/* In a guest, the interrupt comes when the guest asks how its command went. */
static void test_batch_mailbox(void)
{
	struct xl710 *dev = new_dev(0);

	tx_on(dev, 0);
	irq_on(dev, 1);
	udp(dev, at(TX_DATA), 100, 9);
	tx_desc(0, 0, TX_DATA, 100, EOP | RS);
	run_ctl(dev, "hold on");
	w32(dev, QTX_TAIL(0), 1);
	mailbox_write(dev, "batch send 1");
	CHECK_EQ(dev->wire->sink.packets, 1);
	xl710_poll(dev);
	CHECK_EQ(raised[1], 0);
	CHECK_EQ(xl710_config_read(dev, 0x108, 4), 0);
	CHECK_EQ(raised[1], 1);
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_gen_kinds(void)
{
	static const char * const kind[] = {
		"proto=udp", "proto=tcp size=80", "proto=udp6 size=100", "proto=tcp6 size=100",
		"proto=raw", "vlan=5 size=64", "badcsum=1",
	};
	static const unsigned int ptype[] = {
		PTYPE_IPV4 + PTYPE_UDP, PTYPE_IPV4 + PTYPE_TCP, PTYPE_IPV6 + PTYPE_UDP,
		PTYPE_IPV6 + PTYPE_TCP, PTYPE_L2, PTYPE_IPV4 + PTYPE_UDP,
		PTYPE_IPV4 + PTYPE_UDP,
	};
	struct xl710 *dev = new_dev(0);
	char line[100], out[200];
	unsigned int i;

	accept_all(dev);
	rx_on(dev, 0, 1522);
	for (i = 0; i < sizeof(ptype) / sizeof(*ptype); i++) {
		snprintf(line, sizeof(line), "gen 1 %s", kind[i]);
		run_ctl(dev, line);
		poll_all(dev, NULL);
		CHECK_EQ(rx_desc(0, i)[1] >> RXD_PTYPE_SHIFT & 0xff, ptype[i]);
		CHECK_EQ(!!(rx_desc(0, i)[1] & RXD_ERR_L4E), i == 6);
		CHECK_EQ(rx_desc(0, i)[1] & RXD_ERR_IPE, 0);
	}
	CHECK_EQ(ctl_run(dev, "gen 1 size=20", out, sizeof(out)), EINVAL);
	CHECK_EQ(ctl_run(dev, "gen 1 speed=9", out, sizeof(out)), EINVAL);
	CHECK_EQ(ctl_run(dev, "gen 1 size=9-", out, sizeof(out)), EINVAL);
	CHECK_EQ(ctl_run(dev, "gen 1 dst=1:2", out, sizeof(out)), EINVAL);
	xl710_free(dev);
}

/* Sends what was received: descriptor i of the ring. */
static void send_back(struct xl710 *dev, unsigned int rx, unsigned int tx)
{
	uint64_t len = rx_desc(0, rx)[1] >> RXD_PKTLEN_SHIFT & 0x3fff;

	tx_desc(0, tx, RX_BUFS + rx * RX_BUF, len, EOP | RS);
	w32(dev, QTX_TAIL(0), (tx + 1) % RING);
}

static void test_sink(void)
{
	struct xl710 *dev = new_dev(0);
	unsigned int i;

	rx_on(dev, 0, 1522);
	tx_on(dev, 0);
	run_ctl(dev, "gen 20 size=200");
	poll_all(dev, NULL);
	for (i = 0; i < 10; i++)
		send_back(dev, i, i);
	CHECK(ctl_says(dev, "sink", "good 10"));
	CHECK(ctl_says(dev, "sink", "bad 0"));
	send_back(dev, 3, 10);
	CHECK(ctl_says(dev, "sink", "dup 1"));
	send_back(dev, 12, 11);
	send_back(dev, 11, 12);
	CHECK(ctl_says(dev, "sink", "reordered 1"));
	((uint8_t *)at(RX_BUFS + 13 * RX_BUF))[150] ^= 1;
	send_back(dev, 13, 13);
	CHECK(ctl_says(dev, "sink", "bad 1"));
	tx_desc(0, 14, RX_BUFS + 14 * RX_BUF, 150, EOP | RS);
	w32(dev, QTX_TAIL(0), 15);
	CHECK(ctl_says(dev, "sink", "bad 2"));
	udp(dev, at(TX_DATA), 60, 9);
	tx_desc(0, 15, TX_DATA, 60, EOP | RS);
	w32(dev, QTX_TAIL(0), 16);
	CHECK(ctl_says(dev, "sink", "other 1"));
	CHECK(ctl_says(dev, "sink", "good 12"));
	CHECK(ctl_says(dev, "sink", "packets 16"));
	run_ctl(dev, "sink reset");
	CHECK(ctl_says(dev, "sink", "packets 0"));
	CHECK_EQ(dev->violations, 0);
	xl710_free(dev);
}

static void test_peer(void)
{
	struct xl710 *a = new_dev(0), *b = new_dev(1);
	unsigned int i;

	wire_connect(a->wire, b->wire);
	CHECK(ctl_says(a, "peer status", "port 1"));
	rx_on(b, 0, 1522);
	tx_on(a, 0);
	udp(b, at(TX_DATA), 60, 9);
	for (i = 0; i < 100; i++) {
		tx_desc(0, i, TX_DATA, 60, EOP | RS);
		w32(a, QTX_TAIL(0), (i + 1) % RING);
	}
	CHECK_EQ(b->rxq[0].packets, 63);
	CHECK_EQ(b->wire->queued, 37);
	rx_post(b, 0, RING - 1, 50);
	poll_all(a, b);
	CHECK_EQ(b->rxq[0].packets, 100);
	/* The sender is held up when the cable is full, and goes on when it is not. */
	for (; i < 400; i++) {
		tx_desc(0, i, TX_DATA, 60, EOP | RS);
		if (a->txq[0].blocked)
			break;
		w32(a, QTX_TAIL(0), (i + 1) % RING);
	}
	CHECK(a->txq[0].blocked);
	i = a->txq[0].head;
	CHECK(b->wire->queued > 200);
	rx_post(b, 0, RING + 49, 60);
	poll_all(a, b);
	CHECK(a->txq[0].head != i);
	CHECK_EQ(b->wire->dropped, 0);
	run_ctl(b, "pause off");
	poll_all(a, b);
	CHECK(!a->txq[0].blocked);
	CHECK(b->wire->dropped > 100);
	i = a->txq[0].head;
	b->rxq[0].packets = 100;
	/* A cable that is not there. */
	run_ctl(a, "link down");
	CHECK(!b->link_up);
	tx_desc(0, i, TX_DATA, 60, EOP | RS);
	w32(a, QTX_TAIL(0), (i + 1) % RING);
	CHECK_EQ(a->stats.tdold, 1);
	CHECK_EQ(b->rxq[0].packets, 100);
	run_ctl(b, "link up");
	CHECK(a->link_up);
	/* Back to where it came from; the address is another's. */
	run_ctl(a, "wire loop");
	CHECK_EQ(a->filtered, 0);
	i++;
	tx_desc(0, i, TX_DATA, 60, EOP | RS);
	w32(a, QTX_TAIL(0), (i + 1) % RING);
	CHECK_EQ(a->filtered, 1);
	CHECK_EQ(a->violations + b->violations, 0);
	xl710_free(a);
	xl710_free(b);
}

static void test_pcap(void)
{
	struct xl710 *dev = new_dev(0);
	char path[] = "/tmp/xl710-test.XXXXXX", line[100];
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	close(fd);
	accept_all(dev);
	rx_on(dev, 0, 1522);
	tx_on(dev, 0);
	snprintf(line, sizeof(line), "pcap %s", path);
	run_ctl(dev, line);
	udp(dev, at(TX_DATA), 100, 9);
	((uint8_t *)at(TX_DATA))[60] = 0x77;
	tx_desc(0, 0, TX_DATA, 100, EOP | RS);
	w32(dev, QTX_TAIL(0), 1);
	run_ctl(dev, "pcap off");
	snprintf(line, sizeof(line), "replay %s", path);
	CHECK(ctl_says(dev, line, "replayed 1"));
	CHECK_EQ(dev->rxq[0].packets, 1);
	CHECK(!memcmp(at(RX_BUFS), at(TX_DATA), 100));
	unlink(path);
	xl710_free(dev);
}

/* ---- */

static const struct test tests[] = {
	{ "config space", test_config },
	{ "MSI-X: masks, pending bits", test_msix },
	{ "mailbox", test_mailbox },
	{ "registers: known and unknown", test_registers },
	{ "NVM: checksum", test_nvm },
	{ "admin queue: commands, errors, timeouts", test_adminq },
	{ "admin queue: rules", test_adminq_rules },
	{ "link events", test_link_event },
	{ "VSIs", test_vsi },
	{ "VSIs of channels", test_vmdq },
	{ "interrupts: ITR, enable, software interrupt", test_itr },
	{ "receive: write-back, filters, errors, statistics", test_rx },
	{ "receive: jumbo frames", test_rx_jumbo },
	{ "receive: VLAN filter and strip", test_vlan },
	{ "receive: broadcast, promiscuous", test_promiscuous },
	{ "receive: RSS", test_rss },
	{ "receive: rules", test_rx_rules },
	{ "transmit: head write-back, RS, padding", test_tx },
	{ "transmit: checksums, VLAN, TSO", test_tx_offload },
	{ "transmit: rules", test_tx_rules },
	{ "flow director", test_fdir },
	{ "resets", test_pf_reset },
	{ "faults", test_faults },
	{ "generator: counts, pause, rate", test_generator },
	{ "when to poll next", test_next },
	{ "generator: batches with one interrupt", test_batch },
	{ "transmit: batches with one interrupt", test_batch_tx },
	{ "batches by way of the mailbox", test_batch_mailbox },
	{ "generator: kinds of packets", test_gen_kinds },
	{ "sink", test_sink },
	{ "two ports", test_peer },
	{ "two ports with addresses of their own", test_apart },
	{ "who has which memory does not matter", test_owners },
	{ "pcap", test_pcap },
};

static void fresh(void)
{
	memset(mem, 0, MEM_SIZE);
	own_reset();
}

int main(void)
{
	unsigned int failed;

	xl710_clock = fake_clock;
	mem = calloc(1, MEM_SIZE);
	if (!mem)
		return 1;
	failed = run_tests(tests, sizeof(tests) / sizeof(*tests), fresh);
	free(mem);
	return !!failed;
}

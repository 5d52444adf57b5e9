// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupt causes, their enables, and the throttle (ITR). An interrupt clears
 * INTENA; a cause that comes up while INTENA is clear is kept and fires when it
 * is set again. CLEARPBA drops a message that is masked in the MSI-X table, not a
 * cause.
 */
#include <string.h>

#include "core.h"

#define ASKED_NS	20000

void intr_reset(struct xl710 *dev)
{
	unsigned int i;

	memset(dev->vector, 0, sizeof(dev->vector));
	wr(dev, PFINT_DYN_CTL0, 0);
	for (i = 0; i < 512; i++) {
		wr(dev, PFINT_DYN_CTLN(i), 0);
		wr(dev, PFINT_LNKLSTN(i), 0x7ff);
	}
	wr(dev, PFINT_ICR0, 0);
	wr(dev, PFINT_ICR0_ENA, 0);
}

static uint32_t *dyn_ctl(struct xl710 *dev, unsigned int vector)
{
	uint32_t addr = vector ? PFINT_DYN_CTLN(vector - 1) : PFINT_DYN_CTL0;

	return &dev->reg[addr / 4];
}

static uint64_t interval(const struct xl710 *dev, unsigned int vector,
			 unsigned int itr)
{
	if (itr == ITR_NONE)
		return 0;
	return (rd(dev, vector ? PFINT_ITRN(itr, vector - 1) : PFINT_ITR0(itr)) &
		0xfff) * 2000ULL;
}

static bool wanted(const struct xl710 *dev, unsigned int vector)
{
	if (vector)
		return dev->vector[vector].cause;
	return rd(dev, PFINT_ICR0) & rd(dev, PFINT_ICR0_ENA) & ~ICR0_INTEVENT ||
		rd(dev, PFINT_ICR0) & ICR0_SWINT;
}

static void try_fire(struct xl710 *dev, unsigned int vector)
{
	struct vector *v = &dev->vector[vector];
	uint64_t now;

	if (dev->irq_hold || !wanted(dev, vector) || !(*dyn_ctl(dev, vector) & DYN_CTL_INTENA))
		return;
	now = xl710_clock();
	if (vector && v->due > now)
		return;
	*dyn_ctl(dev, vector) &= ~DYN_CTL_INTENA;
	v->cause = false;
	v->last = now;
	v->raised = now;
	v->interrupts++;
	/* An interrupt brings descriptors to memory that did not ask for it. */
	txq_flush_vector(dev, vector);
	pci_raise(dev, vector);
}

static void cause(struct xl710 *dev, unsigned int vector, unsigned int itr)
{
	struct vector *v = &dev->vector[vector];
	uint64_t due = itr == ITR_NONE ? 0 : v->last + interval(dev, vector, itr);

	if (!v->cause || due < v->due)
		v->due = due;
	v->cause = true;
	try_fire(dev, vector);
}

/* Something that is not a queue. */
void intr_cause0(struct xl710 *dev, uint32_t bits)
{
	dev->reg[PFINT_ICR0 / 4] |= bits;
	try_fire(dev, 0);
}

/* A queue with this QINT_xQCTL has something to tell. */
void intr_queue(struct xl710 *dev, uint32_t qint_ctl)
{
	unsigned int vector = QINT_CTL_MSIX(qint_ctl);

	if (!(qint_ctl & QINT_CTL_CAUSE_ENA))
		return;
	if (!vector || vector >= XL710_MSIX_NR) {
		xl_unmodelled(dev, "a queue on interrupt vector %u", vector);
		return;
	}
	cause(dev, vector, QINT_CTL_ITR(qint_ctl));
}

void intr_dyn_ctl(struct xl710 *dev, unsigned int vector, uint32_t val)
{
	unsigned int itr = DYN_CTL_ITR_INDX(val);

	if (vector >= XL710_MSIX_NR)
		return;		/* more registers than vectors */
	if (val & DYN_CTL_WB_ON_ITR)
		xl_unmodelled(dev, "WB_ON_ITR");
	if (itr != ITR_NONE && !(val & DYN_CTL_SWINT_TRIG))
		wr(dev, vector ? PFINT_ITRN(itr, vector - 1) : PFINT_ITR0(itr),
		   DYN_CTL_INTERVAL(val));
	if (val & DYN_CTL_CLEARPBA)
		dev->vector[vector].pending = false;
	if (!(val & DYN_CTL_INTENA_MSK))
		*dyn_ctl(dev, vector) = (val & DYN_CTL_INTENA) | (val & 0x60000018);
	if (val & DYN_CTL_INTENA && dev->vector[vector].raised) {
		dev->vector[vector].busy += xl710_clock() - dev->vector[vector].raised;
		dev->vector[vector].raised = 0;
		dev->vector[vector].enabled = xl710_tsc();
	}
	if (val & DYN_CTL_SWINT_TRIG) {
		if (!vector)
			dev->reg[PFINT_ICR0 / 4] |= ICR0_SWINT;
		else
			cause(dev, vector, val & DYN_CTL_SW_ITR_ENA ?
			      DYN_CTL_SW_ITR_INDX(val) : ITR_NONE);
	}
	try_fire(dev, vector);
}

/* Reading it clears it. */
uint32_t intr_icr0(struct xl710 *dev)
{
	uint32_t val = rd(dev, PFINT_ICR0);

	wr(dev, PFINT_ICR0, 0);
	return val ? val | ICR0_INTEVENT : 0;
}

void intr_icr0_ena(struct xl710 *dev, uint32_t val)
{
	wr(dev, PFINT_ICR0_ENA, val);
	try_fire(dev, 0);
}

/* Interrupts wait until all packets of a batch are there. If a guest has given the
 * command, they also wait until it asks for the outcome: wherever else they find it
 * depends on how long the command has taken.
 */
void intr_hold(struct xl710 *dev, bool hold)
{
	dev->irq_hold = hold || dev->irq_defer;
	if (!dev->irq_hold)
		intr_poll(dev);
}

void intr_asked(struct xl710 *dev)
{
	unsigned int tries = dev->irq_hold ? 100000 : 0;
	uint64_t until = xl710_clock() + ASKED_NS;

	if (!dev->irq_defer)
		return;
	/* It is to wait for the answer by then, and to do nothing else. */
	while (tries-- && xl710_clock() < until)
		;
	dev->irq_defer = false;
	intr_hold(dev, false);
}

void intr_poll(struct xl710 *dev)
{
	unsigned int i;

	for (i = 1; i < XL710_MSIX_NR; i++)
		if (dev->vector[i].cause)
			try_fire(dev, i);
}

uint64_t intr_next(struct xl710 *dev)
{
	uint64_t next = XL710_NEVER;
	unsigned int i;

	for (i = 1; i < XL710_MSIX_NR; i++)
		if (dev->vector[i].cause &&
		    *dyn_ctl(dev, i) & DYN_CTL_INTENA &&
		    dev->vector[i].due < next)
			next = dev->vector[i].due;
	return next;
}

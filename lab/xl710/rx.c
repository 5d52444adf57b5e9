// SPDX-License-Identifier: GPL-2.0
/* Receive queues. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

static uint8_t *desc_at(struct xl710 *dev, const struct rxq *q, unsigned int idx)
{
	return dev->ops->dma(dev->ctx, q->base + (uint64_t)idx * q->dsize, q->dsize);
}

/* Takes over the buffers between what is known and the tail. */
static void fetch(struct xl710 *dev, struct rxq *q)
{
	while (q->fetched != q->tail) {
		unsigned int idx = q->fetched;
		struct rx_slot *slot = &q->slot[idx];
		uint8_t *desc = desc_at(dev, q, idx);
		uint64_t qw[2];

		q->fetched = (idx + 1) % q->len;
		slot->len = 0;
		if (!desc) {
			xl_violation(dev, "RX queue %u: descriptor %u is not memory",
				     q->nr, idx);
			continue;
		}
		memcpy(qw, desc, sizeof(qw));
		if (qw[1])
			xl_violation(dev, "RX queue %u, descriptor %u: second word is %#" PRIx64 " and not zero",
				     q->nr, idx, qw[1]);
		if (!qw[0] || !dev->ops->dma(dev->ctx, qw[0], q->dbuff)) {
			xl_violation(dev, "RX queue %u, descriptor %u: buffer at %#" PRIx64 " is not memory",
				     q->nr, idx, qw[0]);
			continue;
		}
		slot->addr = qw[0];
		if (own_take(dev, qw[0], q->dbuff, "RX", q->nr, idx))
			slot->len = q->dbuff;
	}
}

void rxq_tail(struct xl710 *dev, unsigned int nr, uint32_t val)
{
	struct rxq *q = &dev->rxq[nr];

	if (q->stuck)
		return;
	if (!q->enabled) {
		/* The driver fills the ring before it enables the queue, and clears
		 * the tail before that.
		 */
		if (val && !q->armed && dev->fault.reset)
			return;
		if (val && !q->armed) {
			xl_violation(dev, "RX queue %u: tail %u while it is disabled",
				     nr, val);
			return;
		}
		q->armed = true;
		q->tail = val;
		wr(dev, QRX_TAIL(nr), val);
		return;
	}
	if (val >= q->len ||
	    (q->tail + q->len - q->head) % q->len +
	    (val + q->len - q->tail) % q->len >= q->len) {
		xl_violation(dev, "RX queue %u: tail goes from %u to %u, head is %u, %u descriptors",
			     nr, q->tail, val, q->head, q->len);
		return;
	}
	q->tail = val;
	q->tails++;
	wr(dev, QRX_TAIL(nr), val);
	fetch(dev, q);
	if (q->blocked) {
		q->blocked = false;
		wire_rx_ready(dev);
	}
}

static void release_slots(struct xl710 *dev, struct rxq *q)
{
	unsigned int i;

	for (i = 0; q->slot && i < q->len; i++) {
		if (q->slot[i].len)
			own_give(dev, q->slot[i].addr, q->slot[i].len);
		q->slot[i].len = 0;
	}
}

void rxq_stop(struct xl710 *dev, struct rxq *q)
{
	release_slots(dev, q);
	q->enabled = false;
	q->armed = false;
	q->stuck = false;
	q->held = false;
	if (q->blocked) {
		q->blocked = false;
		wire_rx_ready(dev);
	}
}

void rxq_enable(struct xl710 *dev, unsigned int nr, uint32_t val)
{
	struct rxq *q = &dev->rxq[nr];
	bool on = val & QENA_REQ;

	/* As in txq_enable() */
	if (on && !q->enabled && dev->fault.reset)
		return;
	if (on && !q->enabled) {
		unsigned int tail = q->tail;

		if (dev->fault.rx_dead) {
			dev->fault.rx_dead--;
			q->armed = false;
			wr(dev, QRX_ENA(nr), QENA_REQ);
			return;
		}
		if (!hmc_rxq(dev, q)) {
			intr_cause0(dev, ICR0_HMC_ERR);
			return;
		}
		if (tail >= q->len) {
			xl_violation(dev, "RX queue %u: enabled with tail %u of %u descriptors",
				     nr, tail, q->len);
			return;
		}
		if (!q->slot)
			q->slot = calloc(RING_MAX, sizeof(*q->slot));
		if (!q->slot)
			abort();
		q->enabled = true;
		q->fetched = q->head;
		fetch(dev, q);
		wire_rx_ready(dev);
	} else if (!on && q->enabled) {
		/* It does, but does not say so. The stock driver gives its
		 * buffers to others all the same.
		 */
		if (dev->fault.rx_stuck && !q->stuck) {
			dev->fault.rx_stuck--;
			release_slots(dev, q);
			q->stuck = true;
		}
		if (q->stuck)
			return;
		rxq_stop(dev, q);
	}
	wr(dev, QRX_ENA(nr), on ? QENA_REQ | QENA_STAT : 0);
}

static void write_back(struct xl710 *dev, struct rxq *q, unsigned int idx,
		       uint64_t qw0, uint64_t qw1)
{
	uint64_t *desc = (uint64_t *)desc_at(dev, q, idx);

	if (!desc)
		return;
	desc[0] = qw0;
	__atomic_store_n(&desc[1], qw1, __ATOMIC_RELEASE);
}

static void release_held(struct xl710 *dev, struct rxq *q)
{
	if (!q->held)
		return;
	q->held = false;
	write_back(dev, q, q->held_idx, q->held_qw[0], q->held_qw[1]);
}

static uint64_t status(const struct packet *p, const struct fd_filter *fd,
		       uint64_t *qw0)
{
	uint64_t qw1 = RXD_DD | RXD_EOF | (uint64_t)p->ptype << RXD_PTYPE_SHIFT;
	uint32_t hi = 0;

	if (p->data[0] == 0xff && p->data[1] == 0xff)
		qw1 |= 2ULL << RXD_UMBCAST_SHIFT;
	else if (p->data[0] & 1)
		qw1 |= 1ULL << RXD_UMBCAST_SHIFT;
	if (p->version) {
		qw1 |= RXD_L3L4P;
		if (p->ip_bad)
			qw1 |= RXD_ERR_IPE;
		if (p->l4_bad)
			qw1 |= RXD_ERR_L4E;
	}
	if (p->crc_error)
		qw1 |= RXD_ERR_RXE;
	if (fd) {
		qw1 |= RXD_FLM;
		/* The hash has no room then. */
		if (fd->status == 1) {
			qw1 |= RXD_FLTSTAT_FD << RXD_FLTSTAT_SHIFT;
			hi = fd->id;
		}
	}
	if (p->has_rss && !(fd && fd->status == 1)) {
		qw1 |= RXD_FLTSTAT_RSS << RXD_FLTSTAT_SHIFT;
		hi = p->rss;
	}
	*qw0 |= (uint64_t)hi << 32;
	return qw1;
}

static void program_status(struct xl710 *dev, struct rxq *q, uint32_t id,
			   uint64_t error)
{
	struct rx_slot *slot = &q->slot[q->head];

	own_give(dev, slot->addr, slot->len);
	slot->len = 0;
	write_back(dev, q, q->head, (uint64_t)id << 32,
		   RXD_DD | RXD_PROG_FD | error | RXD_PROG_LENGTH);
	q->head = (q->head + 1) % q->len;
	intr_queue(dev, rd(dev, QINT_RQCTL(q->nr)));
}

void rx_count_drop(struct xl710 *dev, unsigned int len)
{
	(void)len;
	dev->stats.rdpc++;
	dev->vsi[0].stats.rdpc++;
}

enum rx_result rx_frame(struct xl710 *dev, const uint8_t *data, unsigned int len,
			bool crc_error)
{
	struct packet p = { .data = data, .len = len, .crc_error = crc_error };
	uint64_t qw0 = 0, qw1;
	unsigned int nr, i, off = 0, skip = 0, left;
	struct fd_filter *fd;
	struct vsi *vsi;
	struct rxq *q;
	int queue;

	if (dev->fault.removed || !dev->link_up)
		return RX_DROPPED;
	if (crc_error)
		dev->stats.crcerrs++;
	queue = classify(dev, &p, &vsi, &fd);
	if (queue < 0)
		return RX_DROPPED;
	q = &dev->rxq[queue];
	if (!q->enabled || q->stuck) {
		q->dropped++;
		rx_count_drop(dev, len);
		return RX_DROPPED;
	}
	if (p.tagged && vsi_strip(vsi)) {
		skip = 4;
		qw0 |= (uint64_t)p.vlan << 16;
	}
	left = len - skip;
	if (left > q->rxmax) {
		dev->stats.roc++;
		return RX_DROPPED;
	}
	/* As for a filter that was to go and is not there */
	if (dev->fault.rx_status && q->head != q->tail) {
		dev->fault.rx_status--;
		program_status(dev, q, 0, RXD_PROG_FD_NONE);
	}
	nr = (left + q->dbuff - 1) / q->dbuff;
	if ((q->tail + q->len - q->head) % q->len < nr) {
		q->blocked = true;
		return RX_NO_DESC;
	}
	qw1 = status(&p, fd, &qw0);
	if (skip)
		qw1 |= RXD_L2TAG1P;
	stats_rx(dev, vsi, data, len);
	q->packets++;
	q->bytes += len;
	for (i = 0; i < nr; i++) {
		unsigned int idx = q->head, n = left < q->dbuff ? left : q->dbuff;
		struct rx_slot *slot = &q->slot[idx];
		uint64_t wb1 = RXD_DD | (uint64_t)n << RXD_PKTLEN_SHIFT;
		uint8_t *buf = slot->len ? dev->ops->dma(dev->ctx, slot->addr, n) : NULL;

		if (!buf)
			xl_violation(dev, "RX queue %u, descriptor %u: a packet has no buffer",
				     q->nr, idx);
		else if (skip && !off) {
			/* without the tag */
			memcpy(buf, data, 12);
			memcpy(buf + 12, data + 16, n - 12);
			off = n + 4;
		} else {
			memcpy(buf, data + off, n);
			off += n;
		}
		left -= n;
		if (!left) {
			wb1 |= qw1;
			if (dev->fault.rx_truncate) {
				dev->fault.rx_truncate--;
				wb1 &= ~RXD_EOF;
			} else if (dev->fault.rx_bad_len) {
				dev->fault.rx_bad_len--;
				wb1 |= 0x3fffULL << RXD_PKTLEN_SHIFT;
			} else if (dev->fault.rx_error) {
				dev->fault.rx_error--;
				wb1 |= RXD_ERR_RXE;
			}
		}
		own_give(dev, slot->addr, slot->len);
		slot->len = 0;
		q->head = (idx + 1) % q->len;
		if (!left && nr == 1 && dev->fault.rx_reorder && !q->held) {
			dev->fault.rx_reorder--;
			q->held = true;
			q->held_idx = idx;
			q->held_qw[0] = qw0;
			q->held_qw[1] = wb1;
			return RX_DONE;
		}
		write_back(dev, q, idx, left ? 0 : qw0, wb1);
	}
	intr_queue(dev, rd(dev, QINT_RQCTL(q->nr)));
	if (q->held) {
		release_held(dev, q);
		intr_queue(dev, rd(dev, QINT_RQCTL(q->nr)));
	}
	return RX_DONE;
}

void rx_program_status(struct xl710 *dev, unsigned int number, uint32_t id,
		       uint64_t error)
{
	struct vsi *vsi = vsi_by_number(dev, number);
	int queue = vsi ? vsi_queue(vsi, 0) : -1;

	if (queue < 0 || !dev->rxq[queue].enabled ||
	    dev->rxq[queue].head == dev->rxq[queue].tail) {
		xl_log(dev, "programming status %#" PRIx64 " of filter %u has no descriptor",
		       error, id);
		return;
	}
	program_status(dev, &dev->rxq[queue], id, error);
}

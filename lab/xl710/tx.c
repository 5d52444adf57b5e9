// SPDX-License-Identifier: GPL-2.0
/* Transmit queues. */
#include <inttypes.h>
#include <string.h>

#include "core.h"

#define TSO_MAX		(256 << 10)
#define FRAME_ROOM	(XL710_MAX_FRAME + 64)

struct tx_packet {
	unsigned int nr;		/* data descriptors */
	unsigned int end[64];		/* where the data of each ends */
	unsigned int len;
	unsigned int cmd;
	uint64_t first;			/* second word of the first data descriptor */
	bool tso;
	unsigned int mss, tso_len;
	const uint32_t *filter;
	bool tunnel;
};

static uint8_t data[TSO_MAX + 64];

void txq_stop(struct xl710 *dev, struct txq *q)
{
	(void)dev;
	q->enabled = false;
	q->blocked = false;
	q->hung = false;
}

void txq_enable(struct xl710 *dev, unsigned int nr, uint32_t val)
{
	struct txq *q = &dev->txq[nr];
	bool on = val & QENA_REQ;

	/* The driver may not have heard yet that there is nothing to enable. */
	if (on && !q->enabled && dev->fault.reset)
		return;
	if (on && !q->enabled) {
		uint32_t ctl = rd(dev, QTX_CTL(nr));

		if (!hmc_txq(dev, q)) {
			intr_cause0(dev, ICR0_HMC_ERR);
			return;
		}
		if (q->quiesced)
			xl_violation(dev, "TX queue %u: enabled, but GLLAN_TXPRE_QDIS still announces that it goes",
				     nr);
		/* The PF's, or one of a VSI of the PF (VFVM_INDX) */
		if ((ctl & 3) != 2 &&
		    ((ctl & 3) != 1 || !vsi_by_number(dev, ctl >> 7 & 0x1ff)))
			xl_violation(dev, "TX queue %u: enabled with QTX_CTL %#x", nr, ctl);
		q->enabled = true;
		q->reported = q->head;
		q->tail = q->head;
		wr(dev, QTX_TAIL(nr), q->tail);
	} else if (!on && q->enabled) {
		if (!q->quiesced)
			xl_violation(dev, "TX queue %u: disabled without GLLAN_TXPRE_QDIS",
				     nr);
		txq_stop(dev, q);
	}
	wr(dev, QTX_ENA(nr), on ? QENA_REQ | QENA_STAT : 0);
}

void txq_tail(struct xl710 *dev, unsigned int nr, uint32_t val)
{
	struct txq *q = &dev->txq[nr];

	if (!q->enabled && dev->fault.reset)
		return;
	if (!q->enabled) {
		xl_violation(dev, "TX queue %u: tail %u while it is disabled", nr, val);
		return;
	}
	if (val >= q->len ||
	    (q->tail + q->len - q->reported) % q->len +
	    (val + q->len - q->tail) % q->len >= q->len) {
		xl_violation(dev, "TX queue %u: tail goes from %u to %u, reported head is %u, %u descriptors",
			     nr, q->tail, val, q->reported, q->len);
		return;
	}
	q->tail = val;
	q->tails++;
	wr(dev, QTX_TAIL(nr), val);
	txq_run(dev, q);
}

/* ---- completions -------------------------------------------------------- */

static void report(struct xl710 *dev, struct txq *q)
{
	uint32_t *wb;

	q->reported = q->head;
	if (!q->head_wb_ena)
		return;
	wb = dev->ops->dma(dev->ctx, q->head_wb, 4);
	if (!wb)
		return;
	if (dev->fault.tx_bad_head) {
		dev->fault.tx_bad_head--;
		__atomic_store_n(wb, q->len + 5, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(wb, q->head, __ATOMIC_RELEASE);
}

void txq_flush_vector(struct xl710 *dev, unsigned int vector)
{
	unsigned int i;

	if (!vector)
		return;
	for (i = 0; i < XL710_QUEUES; i++) {
		struct txq *q = &dev->txq[i];

		if (q->enabled && q->reported != q->head &&
		    QINT_CTL_MSIX(rd(dev, QINT_TQCTL(i))) == vector)
			report(dev, q);
	}
}

/* ---- packets ------------------------------------------------------------ */

static struct vsi *vsi_of(struct xl710 *dev, const struct txq *q)
{
	/* One that the driver has added for the queue, or the first. */
	unsigned int i;

	for (i = 1; i < VSI_NR; i++)
		if (dev->vsi[i].used && vsi_queue(&dev->vsi[i], 0) == (int)q->nr)
			return &dev->vsi[i];
	return &dev->vsi[0];
}

static void send_frame(struct xl710 *dev, struct txq *q, uint8_t *frame,
		       unsigned int len, const struct tx_packet *p)
{
	uint16_t tag = TXD_L2TAG1(p->first);

	if (p->cmd & TXD_CMD_IL2TAG1) {
		memmove(frame + 16, frame + 12, len - 12);
		frame[12] = 0x81;
		frame[13] = 0x00;
		frame[14] = tag >> 8;
		frame[15] = tag;
		len += 4;
	}
	/* The MAC pads. */
	if (len < 60) {
		memset(frame + len, 0, 60 - len);
		len = 60;
	}
	q->packets++;
	q->bytes += len;
	if (!dev->link_up) {
		dev->stats.tdold++;
		return;
	}
	stats_tx(dev, vsi_of(dev, q), frame, len);
	wire_tx(dev, frame, len);
}

static void add16(uint8_t *p, unsigned int val)
{
	val += p[0] << 8 | p[1];
	p[0] = val >> 8;
	p[1] = val;
}

static void set16(uint8_t *p, unsigned int val)
{
	p[0] = val >> 8;
	p[1] = val;
}

/* One packet that becomes several. */
static void segment(struct xl710 *dev, struct txq *q, const struct tx_packet *p)
{
	unsigned int maclen = TXD_MACLEN(p->first), iplen = TXD_IPLEN(p->first);
	unsigned int l4len = TXD_L4LEN(p->first), hdr = maclen + iplen + l4len;
	unsigned int off, n, i, nr, seq = 0;
	uint8_t frame[FRAME_ROOM];
	bool tcp = TXD_CMD_L4T(p->cmd) == TXD_CMD_L4T_TCP;

	if (!tcp || hdr >= p->len || p->tso_len != p->len - hdr || p->mss < 64 ||
	    hdr + p->mss > XL710_MAX_FRAME ||
	    TXD_CMD_IIPT(p->cmd) == TXD_CMD_IIPT_IPV4) {
		xl_violation(dev, "TX queue %u, descriptor %u: TSO of %u of %u bytes, headers %u, MSS %u, command %#x",
			     q->nr, q->head, p->tso_len, p->len, hdr, p->mss, p->cmd);
		return;
	}
	for (off = hdr; off < p->len; off += n, seq++) {
		uint8_t *ip = frame + maclen, *l4 = ip + iplen;
		unsigned int before = off - hdr;
		uint16_t sum;
		uint32_t tcp_seq;

		n = p->len - off < p->mss ? p->len - off : p->mss;
		/* Descriptors that the segment is read from, and the headers'. */
		for (i = 0, nr = 0; i < p->nr; i++)
			if ((i ? p->end[i - 1] : 0) < off + n && p->end[i] > off)
				nr++;
		for (i = 0; seq && i < p->nr && (i ? p->end[i - 1] : 0) < hdr; i++)
			nr++;
		if (nr > XL710_MAX_TX_BUFS)
			xl_violation(dev, "TX queue %u, descriptor %u: segment %u of a TSO is in %u buffers",
				     q->nr, q->head, seq, nr);
		memcpy(frame, data, hdr);
		memcpy(frame + hdr, data + off, n);
		if (ip[0] >> 4 == 4) {
			set16(ip + 2, iplen + l4len + n);
			add16(ip + 4, seq);
		} else {
			set16(ip + 4, iplen - 40 + l4len + n);
		}
		tcp_seq = (uint32_t)l4[4] << 24 | l4[5] << 16 | l4[6] << 8 | l4[7];
		tcp_seq += before;
		l4[4] = tcp_seq >> 24;
		l4[5] = tcp_seq >> 16;
		l4[6] = tcp_seq >> 8;
		l4[7] = tcp_seq;
		if (off + n < p->len)
			l4[13] &= ~0x09;	/* FIN, PSH: in the last one */
		if (seq)
			l4[13] &= ~0x80;	/* CWR: in the first one */
		/* The driver's sum of the pseudo header is without a length. */
		memcpy(&sum, l4 + 16, 2);
		{
			uint8_t length[2] = { (l4len + n) >> 8, l4len + n };

			sum = ip_sum(length, 2, sum);
		}
		memcpy(l4 + 16, &sum, 2);
		fill_checksums(frame, hdr + n, maclen, iplen, p->cmd);
		send_frame(dev, q, frame, hdr + n, p);
	}
}

static void transmit(struct xl710 *dev, struct txq *q, struct tx_packet *p)
{
	static uint8_t frame[FRAME_ROOM];

	if (p->cmd & TXD_CMD_DUMMY)
		return;
	if (p->tso) {
		segment(dev, q, p);
		return;
	}
	if (p->len < XL710_MIN_TX || p->len > XL710_MAX_FRAME) {
		xl_violation(dev, "TX queue %u, descriptor %u: packet of %u bytes",
			     q->nr, q->head, p->len);
		return;
	}
	if (p->nr > XL710_MAX_TX_BUFS)
		xl_violation(dev, "TX queue %u, descriptor %u: packet in %u buffers",
			     q->nr, q->head, p->nr);
	memcpy(frame, data, p->len);
	if (TXD_CMD_L4T(p->cmd) == TXD_CMD_L4T_SCTP)
		xl_unmodelled(dev, "SCTP checksum of a packet to send");
	fill_checksums(frame, p->len, TXD_MACLEN(p->first), TXD_IPLEN(p->first), p->cmd);
	send_frame(dev, q, frame, p->len, p);
}

/* A data descriptor: checks it and appends what it has. False: this is no more a
 * packet.
 */
static bool add_data(struct xl710 *dev, struct txq *q, struct tx_packet *p,
		     unsigned int idx, uint64_t addr, uint64_t qw1)
{
	unsigned int size = TXD_SIZE(qw1), cmd = TXD_CMD(qw1);
	const void *src = size ? dev->ops->dma(dev->ctx, addr, size) : NULL;

	if (!src || own_any(dev, addr, size)) {
		xl_violation(dev, "TX queue %u, descriptor %u: %u bytes at %#" PRIx64 " %s",
			     q->nr, idx, size, addr,
			     src ? "belong to a receive queue" : "are not memory");
		return false;
	}
	if (cmd & TXD_CMD_RS && !(cmd & TXD_CMD_EOP))
		xl_violation(dev, "TX queue %u, descriptor %u: RS without EOP", q->nr, idx);
	if (p->nr == sizeof(p->end) / sizeof(*p->end) || p->len + size > TSO_MAX) {
		xl_violation(dev, "TX queue %u, descriptor %u: no end of a packet",
			     q->nr, idx);
		return false;
	}
	memcpy(data + p->len, src, size);
	if (!p->nr)
		p->first = qw1;
	p->len += size;
	p->end[p->nr++] = p->len;
	p->cmd = cmd;
	return true;
}

static void add_context(struct xl710 *dev, struct txq *q, struct tx_packet *p,
			unsigned int idx, uint64_t qw0, uint64_t qw1)
{
	unsigned int cmd = TXC_CMD(qw1);

	if (cmd & ~(TXC_CMD_TSO | 0x30U))
		xl_unmodelled(dev, "TX queue %u: context command %#x", q->nr, cmd);
	if (qw0 & 0x3) {
		xl_unmodelled(dev, "TX queue %u: offloads in a tunnel", q->nr);
		p->tunnel = true;
	}
	if (p->nr)
		xl_violation(dev, "TX queue %u, descriptor %u: context in a packet",
			     q->nr, idx);
	p->tso = cmd & TXC_CMD_TSO;
	p->tso_len = TXC_TSO_LEN(qw1);
	p->mss = TXC_MSS(qw1);
}

/* Sends what is between head and tail. */
void txq_run(struct xl710 *dev, struct txq *q)
{
	uint8_t *ring;

	if (!q->enabled || q->hung || dev->tx_hold || dev->fault.removed)
		return;
	ring = dev->ops->dma(dev->ctx, q->base, q->len * 16);
	if (!ring)
		return;
	q->blocked = false;
	while (q->head != q->tail) {
		struct tx_packet p = { 0 };
		unsigned int idx = q->head;
		bool eop = false, good = true;

		if (!wire_can_tx(dev)) {
			q->blocked = true;
			return;
		}
		while (!eop && good) {
			uint64_t qw[2];

			if (idx == q->tail) {
				xl_violation(dev, "TX queue %u: tail %u is in the middle of a packet, which starts at %u",
					     q->nr, q->tail, q->head);
				q->hung = true;
				return;
			}
			memcpy(qw, ring + idx * 16, sizeof(qw));
			switch (TXD_DTYPE(qw[1])) {
			case TXD_DTYPE_DATA:
				good = add_data(dev, q, &p, idx, qw[0], qw[1]);
				eop = TXD_CMD(qw[1]) & TXD_CMD_EOP;
				break;
			case TXD_DTYPE_CONTEXT:
				add_context(dev, q, &p, idx, qw[0], qw[1]);
				break;
			case TXD_DTYPE_FILTER_PROG:
				p.filter = (const uint32_t *)(ring + idx * 16);
				if (!q->fd_ena)
					xl_violation(dev, "TX queue %u, descriptor %u: filter, but the queue may not",
						     q->nr, idx);
				break;
			default:
				xl_violation(dev, "TX queue %u, descriptor %u: %#" PRIx64 " is of no known type",
					     q->nr, idx, qw[1]);
				good = false;
			}
			if (eop && TXD_CMD(qw[1]) & TXD_CMD_RS && !q->head_wb_ena)
				ring[idx * 16 + 8] = TXD_DTYPE_DONE;
			idx = (idx + 1) % q->len;
		}
		if (!good) {
			/* What hardware does then is another matter: the run has failed. */
			q->hung = true;
			return;
		}
		if (p.filter) {
			uint64_t error = fdir_program(dev, p.filter, data, p.len);

			if (error)
				rx_program_status(dev, vsi_of(dev, q)->number,
						  p.filter[3], error);
		}
		transmit(dev, q, &p);
		q->head = idx;
		if (p.cmd & TXD_CMD_RS) {
			report(dev, q);
			intr_queue(dev, rd(dev, QINT_TQCTL(q->nr)));
		}
		if (!q->enabled)
			return;
	}
}

unsigned int txq_waiting(struct xl710 *dev)
{
	unsigned int nr, n = 0;

	for (nr = 0; nr < XL710_QUEUES; nr++) {
		const struct txq *q = &dev->txq[nr];
		unsigned int i;

		for (i = q->head; q->enabled && i != q->tail; i = (i + 1) % q->len) {
			const uint64_t *qw = dev->ops->dma(dev->ctx, q->base + i * 16, 16);

			if (!qw)
				break;
			n += TXD_DTYPE(qw[1]) == TXD_DTYPE_DATA && TXD_CMD(qw[1]) & TXD_CMD_EOP;
		}
	}
	return n;
}

void txq_batch(struct xl710 *dev)
{
	unsigned int nr;

	intr_hold(dev, true);
	dev->tx_hold = false;
	for (nr = 0; nr < XL710_QUEUES; nr++)
		txq_run(dev, &dev->txq[nr]);
	dev->tx_hold = true;
	intr_hold(dev, false);
}

/* The other end has room again. */
void txq_resume(struct xl710 *dev)
{
	unsigned int i;

	for (i = 0; i < XL710_QUEUES; i++)
		if (dev->txq[i].enabled && dev->txq[i].blocked)
			txq_run(dev, &dev->txq[i]);
}

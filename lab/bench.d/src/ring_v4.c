// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V4 by way of tpacket4_user.h, in copy mode and in zero copy */

#include "tpacket4_user.h"

#include "bench.h"

/* As much as zero copy leaves before received data. */
#define TX_OFFSET	256
/* What is longer takes several frames. */
#define IN_FRAME	(FRAME_SIZE - TX_OFFSET)
#define MAX_FRAMES	((MAX_SIZE + IN_FRAME - 1) / IN_FRAME)

struct v4_end {
	struct end end;
	struct tp4_socket sock;
	struct tp4_buffer own;
	struct tp4_buffer *buf;
	/* TX: frames that are ours */
	struct tpacket4_desc *free;
	unsigned int nr_free;
	/* Frames in use are so far apart. */
	unsigned int stride;
	/* RX: a packet of several frames, so far */
	unsigned char *jumbo;
	unsigned int jumbo_len;
};

static struct v4_end *v4(struct end *end)
{
	return (struct v4_end *)end;
}

static void v4_fill(struct v4_end *v4, __u64 first)
{
	struct end *end = &v4->end;
	unsigned int rx = end->roles & ROLE_RX ? end->opt->frames : 0;
	unsigned int tx = end->roles & ROLE_TX ? end->opt->frames : 0;
	__u64 *idx = xcalloc(end->opt->frames, sizeof(*idx));
	unsigned int i;

	/* Where frames are swapped, ours may be sent by the other end. */
	for (i = 0; !end->opt->bare && i < v4->buf->nr_frames; i++) {
		unsigned char *data = tp4_buffer_frame(v4->buf, i);

		if (!v4->jumbo)
			packet_build(end, data + TX_OFFSET);
		else
			memcpy(data + TX_OFFSET, v4->jumbo, IN_FRAME);
	}
	for (i = 0; i < rx; i++)
		idx[i] = (first + i) * v4->stride;
	tp4q_enqueue_frames(&v4->sock.rx, idx, rx);
	free(idx);

	v4->free = xcalloc(end->opt->frames + MAX_BATCH, sizeof(*v4->free));
	for (i = 0; i < tx; i++)
		v4->free[i] = (struct tpacket4_desc) {
			.idx = (first + rx + i) * v4->stride,
		};
	v4->nr_free = tx;
}

static struct end *v4_open(const struct options *opt, const char *interface,
			   unsigned int roles, struct end *peer)
{
	struct v4_end *v4_end = xcalloc(1, sizeof(*v4_end));
	struct end *end = &v4_end->end;
	struct tp4_socket_opts so = {};
	unsigned int frames;

	end_init(end, opt->size > IN_FRAME ? &v4_jumbo_ops : &v4_ops, opt,
		 interface, roles);
	if (end->ops == &v4_jumbo_ops) {
		v4_end->jumbo = xcalloc(MAX_FRAMES, IN_FRAME);
		packet_build(end, v4_end->jumbo);
	}
	frames = opt->frames * (!!(roles & ROLE_RX) + !!(roles & ROLE_TX));
	/* One buffer for both ends: the same number of frames each. */
	if (peer) {
		v4_end->buf = v4(peer)->buf;
	} else {
		unsigned int ends = opt->mode == V4_ZC && opt->far ? 2 : 1;
		unsigned int nr = frames * ends;

		v4_end->buf = &v4_end->own;
		errno = -tp4_buffer_open(v4_end->buf,
					 opt->buffer > nr ? opt->buffer : nr,
					 FRAME_SIZE, 0);
		if (errno)
			end_fail(end, v4_end->buf->failed);
	}

	v4_end->stride = v4_end->buf->nr_frames /
			 (frames * (opt->mode == V4_ZC && opt->far ? 2 : 1));

	so.interface = interface;
	so.rx_buffer = v4_end->buf;
	so.rx_nr = roles & ROLE_RX ? opt->frames : 0;
	so.tx_nr = roles & ROLE_TX ? opt->frames : 0;
	so.flags = TP4_SOCK_NO_BIND;
	if (!opt->qdisc)
		so.flags |= TP4_SOCK_QDISC_BYPASS;
	if (opt->mode == V4_ZC)
		so.flags |= TP4_SOCK_ZEROCOPY;
	errno = -tp4_socket_open(&v4_end->sock, &so);
	if (errno)
		end_fail(end, v4_end->sock.failed);
	v4_fill(v4_end, peer ? frames : 0);
	errno = -tp4_socket_bind(&v4_end->sock, &so);
	if (errno)
		end_fail(end, v4_end->sock.failed);
	end->memory = (size_t)frames * FRAME_SIZE + v4_end->sock.map_len;
	return end;
}

static void v4_close(struct end *end)
{
	tp4_socket_close(&v4(end)->sock);
	if (v4(end)->buf == &v4(end)->own)
		tp4_buffer_close(v4(end)->buf);
	free(v4(end)->free);
	free(v4(end)->jumbo);
	free(end);
}

static unsigned int v4_rx(struct end *end)
{
	struct v4_end *v4_end = v4(end);
	struct tpacket4_queue *q = &v4_end->sock.rx;
	const struct tpacket4_desc *d;
	__u64 bytes = 0;
	unsigned int i, n;

	n = tp4q_peek(q, end->opt->batch);
	for (i = 0; i < n; i++)
		bytes += tp4q_peeked(q, i)->len;
	if (end->check)
		for (i = 0; i < n; i++) {
			d = tp4q_peeked(q, i);
			packet_check(end, tp4_desc_data(v4_end->buf, d),
				     d->len);
		}
	tp4q_recycle(q, n);
	end->rx_packets += n;
	end->rx_bytes += bytes;
	return n;
}

static void v4_reap(struct v4_end *v4_end)
{
	struct tpacket4_desc *d = &v4_end->free[v4_end->nr_free];
	unsigned int i, n;

	n = tp4q_dequeue_batch(&v4_end->sock.tx, d, v4_end->end.opt->batch);
	for (i = 0; i < n; i++)
		if (d[i].error)
			v4_end->end.errors++;
	v4_end->nr_free += n;
}

static unsigned int v4_tx(struct end *end, unsigned int nr)
{
	struct v4_end *v4_end = v4(end);
	struct tpacket4_desc *d;
	unsigned int i;

	v4_reap(v4_end);
	if (nr > v4_end->nr_free)
		nr = v4_end->nr_free;
	v4_end->nr_free -= nr;
	d = &v4_end->free[v4_end->nr_free];
	for (i = 0; i < nr; i++) {
		d[i].len = end->opt->size;
		d[i].offset = TX_OFFSET;
		d[i].flags = 0;
	}
	if (end->check)
		for (i = 0; i < nr; i++) {
			packet_build(end, tp4_desc_data(v4_end->buf, &d[i]));
			packet_number(end, tp4_desc_data(v4_end->buf, &d[i]));
		}
	tp4q_enqueue_batch(&v4_end->sock.tx, d, nr);
	tp4_socket_kick(&v4_end->sock, MSG_DONTWAIT);
	return nr;
}

static void v4_kick(struct end *end)
{
	tp4_socket_kick(&v4(end)->sock, MSG_DONTWAIT);
	v4_reap(v4(end));
}

static unsigned int v4_pending(struct end *end)
{
	return tp4q_num_held(&v4(end)->sock.tx);
}

/* ---- packets of several frames ---- */

static unsigned int v4_jumbo_rx(struct end *end)
{
	struct tpacket4_desc d[MAX_BATCH];
	struct v4_end *v4_end = v4(end);
	unsigned int i, n, packets = 0;

	n = tp4q_dequeue_batch(&v4_end->sock.rx, d, MAX_BATCH);
	for (i = 0; i < n; i++) {
		if (end->check && v4_end->jumbo_len + d[i].len <= MAX_SIZE)
			memcpy(v4_end->jumbo + v4_end->jumbo_len,
			       tp4_desc_data(v4_end->buf, &d[i]), d[i].len);
		v4_end->jumbo_len += d[i].len;
		if (d[i].flags & TP4_PKT_CONT)
			continue;
		if (end->check)
			packet_check(end, v4_end->jumbo, v4_end->jumbo_len);
		end->rx_bytes += v4_end->jumbo_len;
		v4_end->jumbo_len = 0;
		packets++;
	}
	tp4q_enqueue_batch(&v4_end->sock.rx, d, n);
	end->rx_packets += packets;
	return packets;
}

static unsigned int v4_jumbo_tx(struct end *end, unsigned int nr)
{
	const unsigned int frames = (end->opt->size + IN_FRAME - 1) / IN_FRAME;
	struct v4_end *v4_end = v4(end);
	struct tpacket4_desc *d;
	unsigned int i, j, before;

	do {
		before = v4_end->nr_free;
		v4_reap(v4_end);
	} while (v4_end->nr_free != before);
	if (nr > v4_end->nr_free / frames)
		nr = v4_end->nr_free / frames;
	v4_end->nr_free -= nr * frames;
	d = &v4_end->free[v4_end->nr_free];
	for (i = 0; i < nr; i++) {
		unsigned int left = end->opt->size, at = 0;

		if (end->check) {
			packet_build(end, v4_end->jumbo);
			packet_number(end, v4_end->jumbo);
		}
		for (j = 0; j < frames; j++, d++) {
			d->len = left < IN_FRAME ? left : IN_FRAME;
			d->offset = TX_OFFSET;
			left -= d->len;
			d->flags = left ? TP4_PKT_CONT : 0;
			if (end->check)
				memcpy(tp4_desc_data(v4_end->buf, d),
				       v4_end->jumbo + at, d->len);
			at += d->len;
		}
	}
	tp4q_enqueue_batch(&v4_end->sock.tx, d - nr * frames, nr * frames);
	tp4_socket_kick(&v4_end->sock, MSG_DONTWAIT);
	return nr;
}

static unsigned int v4_forward(struct end *end)
{
	struct v4_end *v4_end = v4(end);
	struct tp4_socket *sock = &v4_end->sock;
	const struct tpacket4_desc *d;
	unsigned int i, n, done;
	__u64 bytes = 0;

	n = tp4q_peek(&sock->rx, end->opt->batch);
	if (!n)
		return 0;
	if (end->check)
		for (i = 0; i < n; i++) {
			d = tp4q_peeked(&sock->rx, i);
			packet_check(end, tp4_desc_data(v4_end->buf, d),
				     d->len);
		}
	for (i = 0; i < n; i++) {
		d = tp4q_peeked(&sock->rx, i);
		swap_macs(tp4_desc_data(v4_end->buf, d));
		bytes += d->len;
	}
	if (tp4q_move(&sock->rx, &sock->tx, n))
		errx(1, "%s: TX ring full", end->interface);
	tp4_socket_kick(sock, MSG_DONTWAIT);
	end->rx_packets += n;
	end->rx_bytes += bytes;
	end->tx_packets += n;

	/* The frames that were sent receive the next packets. */
	done = tp4q_peek(&sock->tx, tp4q_num_free(&sock->rx));
	for (i = 0; i < done; i++)
		if (tp4q_peeked(&sock->tx, i)->error)
			end->errors++;
	tp4q_move(&sock->tx, &sock->rx, done);
	return n;
}

static int v4_fd(struct end *end)
{
	return v4(end)->sock.fd;
}

static __u64 v4_drops(struct end *end)
{
	struct tpacket_stats_v4 stats;

	errno = -tp4_socket_stats(&v4(end)->sock, &stats);
	if (errno)
		end_fail(end, "getsockopt(PACKET_STATISTICS)");
	return stats.tp_drops;
}

const struct end_ops v4_ops = {
	.open = v4_open,
	.close = v4_close,
	.rx = v4_rx,
	.tx = v4_tx,
	.forward = v4_forward,
	.kick = v4_kick,
	.pending = v4_pending,
	.fd = v4_fd,
	.drops = v4_drops,
};

const struct end_ops v4_jumbo_ops = {
	.open = v4_open,
	.close = v4_close,
	.rx = v4_jumbo_rx,
	.tx = v4_jumbo_tx,
	.kick = v4_kick,
	.pending = v4_pending,
	.fd = v4_fd,
	.drops = v4_drops,
};

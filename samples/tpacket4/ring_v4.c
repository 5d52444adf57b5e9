// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V4: descriptor rings, and packets in frames of a packet buffer */

#include "common.h"

#define CACHE_LINE	64

/**
 * struct pool - a packet buffer and those of its frames that are in no ring
 * @buf: the buffer
 * @free: a stack, so that the frame used last, still in the cache, goes next
 * @nr_free: its height
 * @refs: number of ports that use it
 * @filled: by frame: it holds a test packet
 */
struct pool {
	struct tp4_buffer buf;
	__u64 *free;
	unsigned int nr_free;
	unsigned int refs;
	bool *filled;
};

struct ring_v4 {
	struct tp4_socket sock;
	struct tp4_socket_opts opts;
	struct pool *pool;
	struct tpacket4_desc *desc;	/* scratch */
	unsigned int nr_desc;
	bool keeps;			/* sent frames come back as they were */
};

static struct pool *pool_new(struct port *port)
{
	struct pool *pool = xcalloc(1, sizeof(*pool));
	unsigned int nr = 0;
	unsigned int i;
	int err;

	/* RX rings stay full while as many frames wait in TX rings. */
	if (port->roles & ROLE_RX)
		nr += port->frames;
	if (port->roles & (ROLE_TX | ROLE_FWD))
		nr += port->frames;
	if (port->opt->out)
		nr *= 2;

	err = tp4_buffer_open(&pool->buf, nr, 0, 0);
	if (err)
		port_fail(port, pool->buf.failed, -err);

	prefault(pool->buf.addr, pool->buf.len);
	pool->free = xcalloc(nr, sizeof(*pool->free));
	pool->filled = xcalloc(nr, sizeof(*pool->filled));
	for (i = 0; i < nr; i++)
		pool->free[i] = nr - 1 - i;
	pool->nr_free = nr;
	return pool;
}

static void pool_put(struct pool *pool)
{
	if (--pool->refs)
		return;

	tp4_buffer_close(&pool->buf);
	free(pool->free);
	free(pool->filled);
	free(pool);
}

static void v4_put(struct pool *pool, __u64 idx)
{
	pool->free[pool->nr_free++] = idx;
}

static void v4_refill(struct ring_v4 *v4)
{
	struct tpacket4_queue *q = &v4->sock.rx;
	struct pool *pool = v4->pool;
	unsigned int nr = tp4q_num_free(q);

	if (nr > pool->nr_free)
		nr = pool->nr_free;
	if (!nr)
		return;

	pool->nr_free -= nr;
	tp4q_enqueue_frames(q, &pool->free[pool->nr_free], nr);
}

static void v4_open(struct port *port, struct port *share)
{
	struct ring_v4 *v4 = xcalloc(1, sizeof(*v4));
	const struct options *opt = port->opt;
	int err;

	port->priv = v4;
	if (share)
		v4->pool = ((struct ring_v4 *)share->priv)->pool;
	else
		v4->pool = pool_new(port);
	v4->pool->refs++;

	v4->opts.interface = port->interface;
	v4->opts.rx_buffer = &v4->pool->buf;
	v4->opts.flags = TP4_SOCK_NO_BIND;
	if (port->roles & ROLE_RX) {
		v4->opts.rx_nr = port->frames;
		v4->opts.flags |= TP4_SOCK_IGNORE_OUTGOING | TP4_SOCK_PROMISC;
	}
	if (port->roles & (ROLE_TX | ROLE_FWD))
		v4->opts.tx_nr = port->frames;
	if (opt->qdisc_bypass)
		v4->opts.flags |= TP4_SOCK_QDISC_BYPASS;
	if (opt->zerocopy >= 0) {
		v4->opts.flags |= TP4_SOCK_ZEROCOPY;
		v4->opts.queue_pair = opt->zerocopy;
	}

	err = tp4_socket_open(&v4->sock, &v4->opts);
	if (err)
		port_fail(port, v4->sock.failed, -err);

	prefault(v4->sock.map, v4->sock.map_len);
	port->fd = v4->sock.fd;
	v4->nr_desc = port->frames;
	v4->desc = xcalloc(v4->nr_desc, sizeof(*v4->desc));
	/*
	 * A frame that RX uses too, or that zero copy may swap for another
	 * one, has to be filled each time.
	 */
	v4->keeps = !(port->roles & ROLE_RX) && opt->zerocopy < 0;
	if (port->roles & ROLE_RX)
		v4_refill(v4);
}

static void v4_close(struct port *port)
{
	struct ring_v4 *v4 = port->priv;

	tp4_socket_close(&v4->sock);
	pool_put(v4->pool);
	free(v4->desc);
	free(v4);
}

static unsigned int v4_rx(struct port *port, struct seg *segs, unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	unsigned int n = 0;
	unsigned int i;

	v4_refill(v4);
	nr = tp4q_dequeue_batch(&v4->sock.rx, v4->desc,
				nr < v4->nr_desc ? nr : v4->nr_desc);
	for (i = 0; i < nr; i++) {
		const struct tpacket4_desc *desc = &v4->desc[i];

		if (desc->error) {
			port_error(port, desc->error, 1);
			if (desc->error != EBADF)
				v4_put(v4->pool, desc->idx);
			continue;
		}
		segs[n].data = tp4_desc_data(&v4->pool->buf, desc);
		segs[n].handle = desc->idx;
		segs[n].len = desc->len;
		segs[n].wire_len = desc->len;
		segs[n].vlan_tpid = 0;
		segs[n].more = desc->flags & TP4_PKT_CONT;
		n++;
	}
	return n;
}

static void v4_rx_release(struct port *port, const struct seg *segs,
			  unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	unsigned int i;

	for (i = 0; i < nr; i++)
		v4_put(v4->pool, segs[i].handle);
}

static void v4_tx_reap(struct port *port)
{
	struct ring_v4 *v4 = port->priv;
	unsigned int nr, i;

	nr = tp4q_dequeue_batch(&v4->sock.tx, v4->desc, v4->nr_desc);
	for (i = 0; i < nr; i++) {
		const struct tpacket4_desc *desc = &v4->desc[i];

		v4_put(v4->pool, desc->idx);
		if (desc->error) {
			port_error(port, desc->error, 1);
			continue;
		}
		port->stats->tx_bytes += desc->len;
		if (!(desc->flags & TP4_PKT_CONT))
			port->stats->tx_packets++;
	}
}

/*
 * Frames start 2048 bytes apart and would share a handful of cache sets, so
 * small packets start at different places in their frames.
 */
static unsigned int v4_colour(const struct pool *pool, __u64 idx,
			      unsigned int size)
{
	unsigned int places;

	if (size >= pool->buf.frame_size)
		return 0;
	places = (pool->buf.frame_size - size) / CACHE_LINE + 1;
	return idx % places * CACHE_LINE;
}

static unsigned int v4_tx_reserve(struct port *port, struct seg *segs,
				  unsigned int nr)
{
	unsigned int size = port->opt->size;
	struct ring_v4 *v4 = port->priv;
	struct pool *pool = v4->pool;
	unsigned int per_packet, room, n = 0;

	per_packet = (size + pool->buf.frame_size - 1) / pool->buf.frame_size;
	if (tp4q_num_free(&v4->sock.tx) < nr * per_packet ||
	    pool->nr_free < nr * per_packet)
		v4_tx_reap(port);

	room = tp4q_num_free(&v4->sock.tx);
	if (room > pool->nr_free)
		room = pool->nr_free;
	if (nr > room / per_packet)
		nr = room / per_packet;

	while (nr--) {
		unsigned int left = size;

		do {
			__u64 idx = pool->free[--pool->nr_free];
			struct seg *seg = &segs[n++];

			seg->handle = idx;
			seg->data = tp4_buffer_frame(&pool->buf, idx);
			seg->data += v4_colour(pool, idx, size);
			seg->len = left < pool->buf.frame_size ?
				   left : pool->buf.frame_size;
			left -= seg->len;
			seg->more = left;
			seg->filled = v4->keeps && per_packet == 1 &&
				      pool->filled[idx];
			pool->filled[idx] = true;
		} while (left);
	}
	return n;
}

static void v4_tx_submit(struct port *port, const struct seg *segs,
			 unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	const struct tp4_buffer *buf = &v4->pool->buf;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct tpacket4_desc *desc = &v4->desc[i];

		desc->idx = segs[i].handle;
		desc->len = segs[i].len;
		desc->offset = segs[i].data -
			       (unsigned char *)tp4_buffer_frame(buf, desc->idx);
		desc->error = 0;
		desc->flags = segs[i].more ? TP4_PKT_CONT : 0;
	}
	tp4q_enqueue_batch(&v4->sock.tx, v4->desc, nr);
}

static void v4_tx_kick(struct port *port)
{
	struct ring_v4 *v4 = port->priv;
	ssize_t ret;

	if (!tp4q_num_held(&v4->sock.tx))
		return;

	/* What became of each packet is in its descriptor. */
	ret = tp4_socket_kick(&v4->sock, MSG_DONTWAIT);
	if (ret < 0 && !tp4q_is_ready(&v4->sock.tx) && ret != -EAGAIN)
		port_error(port, -ret, 1);
	v4_tx_reap(port);
}

static unsigned int v4_tx_pending(struct port *port)
{
	struct ring_v4 *v4 = port->priv;

	return tp4q_num_held(&v4->sock.tx);
}

/* No packet is copied: its frame moves from one ring to the other. */
static unsigned int v4_forward(struct port *from, struct port *to,
			       const struct seg *segs, unsigned int nr)
{
	struct ring_v4 *v4 = to->priv;

	(void)from;
	if (tp4q_num_free(&v4->sock.tx) < nr)
		v4_tx_reap(to);
	if (nr > tp4q_num_free(&v4->sock.tx))
		nr = tp4q_num_free(&v4->sock.tx);
	v4_tx_submit(to, segs, nr);
	return nr;
}

static __u64 v4_drops(struct port *port)
{
	struct ring_v4 *v4 = port->priv;
	struct tpacket_stats_v4 stats;
	int err;

	err = tp4_socket_stats(&v4->sock, &stats);
	if (err)
		port_fail(port, "getsockopt(PACKET_STATISTICS)", -err);
	return stats.tp_drops;
}

const struct port_ops ring_v4_ops = {
	.name		= "v4",
	.open		= v4_open,
	.close		= v4_close,
	.rx		= v4_rx,
	.rx_release	= v4_rx_release,
	.tx_reserve	= v4_tx_reserve,
	.tx_submit	= v4_tx_submit,
	.tx_kick	= v4_tx_kick,
	.tx_pending	= v4_tx_pending,
	.forward	= v4_forward,
	.drops		= v4_drops,
};

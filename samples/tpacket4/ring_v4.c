// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V4: descriptor rings, and packets in frames of a packet buffer */

#include "common.h"

#define CACHE_LINE	64

/**
 * struct packet_buffer - a packet buffer, of one port or of several
 * @buf: the buffer
 * @refs: number of pools that have frames of it
 * @filled: by frame: it holds a test packet
 * @seen: by frame: a port that leaves has it; for all processes
 * @keeps: sent frames come back as they were, and so does what is received
 */
struct packet_buffer {
	struct tp4_buffer buf;
	unsigned int refs;
	bool *filled;
	bool *seen;
	bool keeps;
};

/**
 * struct v4_pool - frames of one owner, those that are in no ring
 * @pb: the packet buffer that they are in
 * @free: a stack, so that the frame used last, still in the cache, goes next
 * @nr_free: its height
 * @nr: number of frames that the owner has, in rings or not. Zero copy may swap
 *	a frame for another one, but always one for one.
 * @refs: number of ports that use it
 */
struct v4_pool {
	struct packet_buffer *pb;
	__u64 *free;
	unsigned int nr_free;
	unsigned int nr;
	unsigned int refs;
};

/* in_place: what is received is given back at once, and was not copied */
struct ring_v4 {
	struct tp4_socket sock;
	struct tp4_socket_opts opts;
	struct v4_pool *pool;
	bool in_place;
	struct tpacket4_desc *desc;	/* scratch */
	unsigned int nr_desc;
};

/* RX rings stay full while as many frames wait in TX rings. */
static unsigned int pool_frames(const struct options *opt, unsigned int roles)
{
	unsigned int nr = 0;

	if (roles & ROLE_RX)
		nr += opt->frames;
	if (roles & (ROLE_TX | ROLE_FWD))
		nr += opt->frames;
	return opt->out ? nr * 2 : nr;
}

/* Who sends what was received writes to it; so do those who share its buffer. */
static bool roles_keep(unsigned int roles)
{
	return !(roles & ROLE_RX) || !(roles & (ROLE_TX | ROLE_FWD));
}

static struct packet_buffer *buffer_new(const struct options *opt,
					unsigned int nr, bool shared)
{
	struct packet_buffer *pb = xcalloc(1, sizeof(*pb));
	int err;

	if (shared)
		err = tp4_buffer_open_shared(&pb->buf, nr, 0, 0);
	else
		err = tp4_buffer_open(&pb->buf, nr, 0, 0);
	if (err)
		interface_fail(opt, opt->interface, pb->buf.failed, -err);

	prefault(pb->buf.addr, pb->buf.len);
	pb->filled = xcalloc(nr, sizeof(*pb->filled));
	pb->seen = mmap(NULL, nr * sizeof(*pb->seen), PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (pb->seen == MAP_FAILED)
		errx(1, "out of memory");
	return pb;
}

static struct v4_pool *pool_new(struct packet_buffer *pb, __u64 first,
				unsigned int nr)
{
	struct v4_pool *pool = xcalloc(1, sizeof(*pool));
	unsigned int i;

	pool->pb = pb;
	pb->refs++;
	pool->nr = nr;
	pool->free = xcalloc(nr, sizeof(*pool->free));
	for (i = 0; i < nr; i++)
		pool->free[i] = first + nr - 1 - i;
	pool->nr_free = nr;
	return pool;
}

static void pool_put(struct v4_pool *pool)
{
	struct packet_buffer *pb = pool->pb;

	if (--pool->refs)
		return;

	free(pool->free);
	free(pool);
	if (--pb->refs)
		return;

	tp4_buffer_close(&pb->buf);
	munmap(pb->seen, pb->buf.nr_frames * sizeof(*pb->seen));
	free(pb->filled);
	free(pb);
}

struct v4_pool *v4_pool_of(const struct port *port)
{
	return ((struct ring_v4 *)port->priv)->pool;
}

/*
 * One packet buffer for two ports, with roles[0] and roles[1]. At first each
 * has a part of the frames; which ones these are changes as zero copy swaps
 * them.
 */
void v4_pools_share(const struct options *opt, const unsigned int roles[2],
		    struct v4_pool *pools[2])
{
	unsigned int nr[2] = {
		pool_frames(opt, roles[0]), pool_frames(opt, roles[1])
	};
	struct packet_buffer *pb = buffer_new(opt, nr[0] + nr[1], true);

	pb->keeps = roles_keep(roles[0]) && roles_keep(roles[1]);
	pools[0] = pool_new(pb, 0, nr[0]);
	pools[1] = pool_new(pb, nr[0], nr[1]);
}

static void v4_put(struct v4_pool *pool, __u64 idx)
{
	if (pool->nr_free == pool->nr)
		errx(1, "the kernel gave back more frames than it got");
	pool->free[pool->nr_free++] = idx;
}

static void v4_refill(struct ring_v4 *v4)
{
	struct tpacket4_queue *q = &v4->sock.rx;
	struct v4_pool *pool = v4->pool;
	unsigned int nr = tp4q_num_free(q);

	if (nr > pool->nr_free)
		nr = pool->nr_free;
	if (!nr)
		return;

	pool->nr_free -= nr;
	tp4q_enqueue_frames(q, &pool->free[pool->nr_free], nr);
}

static void v4_open(struct port *port, struct v4_pool *pool)
{
	struct ring_v4 *v4 = xcalloc(1, sizeof(*v4));
	const struct options *opt = port->opt;
	int err;

	port->priv = v4;
	if (!pool) {
		unsigned int nr = pool_frames(opt, port->roles);

		pool = pool_new(buffer_new(opt, nr, false), 0, nr);
		pool->pb->keeps = roles_keep(port->roles);
	}
	pool->refs++;
	v4->pool = pool;

	v4->opts.interface = port->interface;
	v4->opts.rx_buffer = &pool->pb->buf;
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
	v4->in_place = port->roles == ROLE_RX;
	v4->nr_desc = port->frames;
	v4->desc = xcalloc(v4->nr_desc, sizeof(*v4->desc));
	if (port->roles & ROLE_RX)
		v4_refill(v4);
}

static void v4_take_back(struct ring_v4 *v4, struct tpacket4_queue *q)
{
	unsigned int nr, i;

	if (!q->ring)
		return;
	while ((nr = tp4q_dequeue_batch(q, v4->desc, v4->nr_desc)))
		for (i = 0; i < nr; i++)
			v4_put(v4->pool, v4->desc[i].idx);
}

/*
 * Leaving zero copy brings each frame back, and so shows whether any was lost,
 * or has two owners. When the interface went down, what was given to the ring
 * since then stays on it.
 */
static void v4_audit(struct port *port)
{
	struct ring_v4 *v4 = port->priv;
	struct v4_pool *pool = v4->pool;
	socklen_t len = sizeof(int);
	unsigned int twice = 0;
	int queue, none = -1;
	unsigned int i;

	if (getsockopt(port->fd, SOL_PACKET, PACKET_ZEROCOPY, &queue, &len))
		port_fail(port, "getsockopt(PACKET_ZEROCOPY)", errno);
	if (queue < 0)
		return;
	if (setsockopt(port->fd, SOL_PACKET, PACKET_ZEROCOPY, &none,
		       sizeof(none)))
		port_fail(port, "setsockopt(PACKET_ZEROCOPY, -1)", errno);
	v4_take_back(v4, &v4->sock.rx);
	v4_take_back(v4, &v4->sock.tx);
	if (pool->refs > 1)
		return;

	for (i = 0; i < pool->nr_free; i++)
		if (__atomic_exchange_n(&pool->pb->seen[pool->free[i]], true,
					__ATOMIC_RELAXED))
			twice++;
	port->stats->bad_frames += twice + pool->nr - pool->nr_free;
}

static void v4_close(struct port *port)
{
	struct ring_v4 *v4 = port->priv;

	if (port->opt->zerocopy >= 0 && port->opt->verify)
		v4_audit(port);
	tp4_socket_close(&v4->sock);
	pool_put(v4->pool);
	free(v4->desc);
	free(v4);
}

/*
 * Frames start 2048 bytes apart and would share a handful of cache sets, so
 * small packets start at different places in their frames.
 */
static unsigned int v4_colour(const struct tp4_buffer *buf, __u64 idx,
			      unsigned int size)
{
	unsigned int places;

	if (size >= buf->frame_size)
		return 0;
	places = (buf->frame_size - size) / CACHE_LINE + 1;
	return idx % places * CACHE_LINE;
}

static void v4_seg(const struct ring_v4 *v4, const struct tpacket4_desc *desc,
		   struct seg *seg)
{
	seg->data = tp4_desc_data(&v4->pool->pb->buf, desc);
	seg->handle = desc->idx;
	seg->len = desc->len;
	seg->wire_len = desc->len;
	seg->vlan_tpid = 0;
	seg->more = desc->flags & TP4_PKT_CONT;
}

/* Frames stay in the ring until v4_rx_release(). */
static unsigned int v4_rx_in_place(struct ring_v4 *v4, struct seg *segs,
				   unsigned int nr)
{
	const struct tpacket4_desc *desc;
	unsigned int i;

	nr = tp4q_peek(&v4->sock.rx, nr);
	for (i = 0; i < nr; i++) {
		desc = tp4q_peeked(&v4->sock.rx, i);
		if (desc->error)
			break;
		v4_seg(v4, desc, &segs[i]);
	}
	return i;
}

static unsigned int v4_rx(struct port *port, struct seg *segs, unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	unsigned int n = 0;
	unsigned int i;

	v4_refill(v4);
	if (v4->in_place) {
		n = v4_rx_in_place(v4, segs, nr);
		if (n || !tp4q_is_ready(&v4->sock.rx))
			return n;
		/* One with an error is the first: it leaves the ring. */
		nr = 1;
	}
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
		v4_seg(v4, desc, &segs[n++]);
	}
	return n;
}

/* Is the packet where the generator has put it? */
static bool v4_still_filled(const struct port *port,
			    const struct tp4_buffer *buf, const struct seg *seg)
{
	const unsigned char *frame = tp4_buffer_frame(buf, seg->handle);

	return seg->data == frame + v4_colour(buf, seg->handle,
					      port->opt->size) &&
	       test_is_ours(seg);
}

static void v4_rx_release(struct port *port, const struct seg *segs,
			  unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	struct packet_buffer *pb = v4->pool->pb;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		/* Other packets overwrite what the sender takes for its own. */
		if (pb->keeps && pb->refs > 1 &&
		    !v4_still_filled(port, &pb->buf, &segs[i]))
			pb->filled[segs[i].handle] = false;
		if (!v4->in_place)
			v4_put(v4->pool, segs[i].handle);
	}
	if (v4->in_place)
		tp4q_recycle(&v4->sock.rx, nr);
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

static unsigned int v4_tx_reserve(struct port *port, struct seg *segs,
				  unsigned int nr)
{
	unsigned int size = port->opt->size;
	struct ring_v4 *v4 = port->priv;
	struct v4_pool *pool = v4->pool;
	struct packet_buffer *pb = pool->pb;
	unsigned int frame_size = pb->buf.frame_size;
	unsigned int per_packet, room, n = 0;

	per_packet = (size + frame_size - 1) / frame_size;
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
			seg->data = tp4_buffer_frame(&pb->buf, idx);
			seg->data += v4_colour(&pb->buf, idx, size);
			seg->len = left < frame_size ? left : frame_size;
			left -= seg->len;
			seg->more = left;
			seg->filled = pb->keeps && per_packet == 1 &&
				      pb->filled[idx];
			pb->filled[idx] = true;
		} while (left);
	}
	return n;
}

static void v4_tx_submit(struct port *port, const struct seg *segs,
			 unsigned int nr)
{
	struct ring_v4 *v4 = port->priv;
	const struct tp4_buffer *buf = &v4->pool->pb->buf;
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

	/* No system call when all has been sent, or is going to be. */
	v4_tx_reap(port);
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

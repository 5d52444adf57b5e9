// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V2: rings of frames of one size */

#include "ring_frames.h"

#define V2_BLOCK	(256 * 1024)

struct ring_v2 {
	struct frame_ring tx;
	unsigned char *rx_base;
	unsigned int frame_size;
	unsigned int rx_nr;
	unsigned int rx_head;	/* next frame to take; runs freely */
	unsigned int rx_tail;	/* next frame to give back; runs freely */
	void *map;
	size_t map_len;
};

static void v2_set_ring(struct port *port, int option, const char *call,
			unsigned int frame_size)
{
	struct tpacket_req req = {
		.tp_block_size = frames_block_size(frame_size, V2_BLOCK),
		.tp_frame_size = frame_size,
		.tp_frame_nr = port->frames,
	};
	unsigned int per_block;

	/* A small ring is one block. */
	per_block = req.tp_block_size / frame_size;
	if (per_block > port->frames) {
		req.tp_block_size = frames_block_size(frame_size,
						      port->frames * frame_size);
		per_block = req.tp_block_size / frame_size;
		if (per_block > port->frames)
			errx(1, "--frames %u is too few, use %u or more",
			     port->frames, per_block);
	}
	req.tp_block_nr = port->frames / per_block;
	if (setsockopt(port->fd, SOL_PACKET, option, &req, sizeof(req)))
		port_fail(port, call, errno);
}

static void v2_open(struct port *port, struct v4_pool *pool)
{
	struct ring_v2 *v2 = xcalloc(1, sizeof(*v2));
	size_t ring_len;

	(void)pool;
	port->priv = v2;
	frames_socket(port, TPACKET_V2,
		      "setsockopt(PACKET_VERSION, TPACKET_V2)");

	v2->frame_size = frames_size(port, TPACKET2_HDRLEN);
	ring_len = (size_t)port->frames * v2->frame_size;
	if (port->roles & ROLE_RX) {
		v2_set_ring(port, PACKET_RX_RING, "setsockopt(PACKET_RX_RING)",
			    v2->frame_size);
		v2->rx_nr = port->frames;
		v2->map_len += ring_len;
	}
	if (port->roles & (ROLE_TX | ROLE_FWD)) {
		v2_set_ring(port, PACKET_TX_RING, "setsockopt(PACKET_TX_RING)",
			    v2->frame_size);
		v2->map_len += ring_len;
	}

	v2->map = frames_map(port, v2->map_len);
	v2->rx_base = v2->map;
	v2->tx.off_status = offsetof(struct tpacket2_hdr, tp_status);
	v2->tx.off_len = offsetof(struct tpacket2_hdr, tp_len);
	v2->tx.off_data = TPACKET2_HDRLEN - sizeof(struct sockaddr_ll);
	if (port->roles & (ROLE_TX | ROLE_FWD))
		frames_tx_init(&v2->tx, port,
			       (unsigned char *)v2->map + v2->map_len - ring_len,
			       v2->frame_size);
}

static void v2_close(struct port *port)
{
	struct ring_v2 *v2 = port->priv;

	munmap(v2->map, v2->map_len);
	close(port->fd);
	free(v2->tx.filled);
	free(v2);
}

static struct tpacket2_hdr *v2_frame(const struct ring_v2 *v2, unsigned int i)
{
	return (void *)(v2->rx_base +
			(size_t)(i & (v2->rx_nr - 1)) * v2->frame_size);
}

static unsigned int v2_rx(struct port *port, struct seg *segs, unsigned int nr)
{
	struct ring_v2 *v2 = port->priv;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct tpacket2_hdr *hdr = v2_frame(v2, v2->rx_head);
		__u32 status;

		/* Frames not given back still show that they are ours. */
		if (v2->rx_head - v2->rx_tail == v2->rx_nr)
			break;
		status = __atomic_load_n(&hdr->tp_status, __ATOMIC_ACQUIRE);
		if (!(status & TP_STATUS_USER))
			break;

		segs[i].data = (unsigned char *)hdr + hdr->tp_mac;
		segs[i].len = hdr->tp_snaplen;
		segs[i].wire_len = hdr->tp_len;
		segs[i].more = false;
		segs[i].vlan_tpid = 0;
		if (status & TP_STATUS_VLAN_VALID) {
			segs[i].vlan_tci = hdr->tp_vlan_tci;
			segs[i].vlan_tpid = status & TP_STATUS_VLAN_TPID_VALID ?
					    hdr->tp_vlan_tpid : ETH_P_8021Q;
		}
		v2->rx_head++;
	}
	return i;
}

static void v2_rx_release(struct port *port, const struct seg *segs,
			  unsigned int nr)
{
	struct ring_v2 *v2 = port->priv;
	unsigned int i;

	(void)segs;
	for (i = 0; i < nr; i++)
		__atomic_store_n(&v2_frame(v2, v2->rx_tail++)->tp_status,
				 TP_STATUS_KERNEL, __ATOMIC_RELEASE);
}

static unsigned int v2_tx_reserve(struct port *port, struct seg *segs,
				  unsigned int nr)
{
	struct ring_v2 *v2 = port->priv;

	return frames_tx_reserve(&v2->tx, port, segs, nr);
}

static void v2_tx_submit(struct port *port, const struct seg *segs,
			 unsigned int nr)
{
	struct ring_v2 *v2 = port->priv;

	frames_tx_submit(&v2->tx, segs, nr);
}

static void v2_tx_kick(struct port *port)
{
	struct ring_v2 *v2 = port->priv;

	frames_tx_kick(&v2->tx, port);
}

static unsigned int v2_tx_pending(struct port *port)
{
	struct ring_v2 *v2 = port->priv;

	return frames_tx_pending(&v2->tx);
}

static unsigned int v2_forward(struct port *from, struct port *to,
			       const struct seg *segs, unsigned int nr)
{
	struct ring_v2 *v2 = to->priv;

	nr = frames_tx_copy(&v2->tx, to, segs, nr);
	v2_rx_release(from, segs, nr);
	return nr;
}

static __u64 v2_drops(struct port *port)
{
	struct tpacket_stats stats = {};
	socklen_t len = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		port_fail(port, "getsockopt(PACKET_STATISTICS)", errno);
	return stats.tp_drops;
}

const struct port_ops ring_v2_ops = {
	.name		= "v2",
	.open		= v2_open,
	.close		= v2_close,
	.rx		= v2_rx,
	.rx_release	= v2_rx_release,
	.tx_reserve	= v2_tx_reserve,
	.tx_submit	= v2_tx_submit,
	.tx_kick	= v2_tx_kick,
	.tx_pending	= v2_tx_pending,
	.forward	= v2_forward,
	.drops		= v2_drops,
};

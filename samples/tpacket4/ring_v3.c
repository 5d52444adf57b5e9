// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V3: receive in blocks that are filled with packets of any size */

#include "ring_frames.h"

#define V3_BLOCK	(128 * 1024)
#define V3_OVERHEAD	96	/* about what a packet takes beside its bytes */
#define V3_RETIRE_MS	1	/* the least there is; rounded up to a jiffy */

/**
 * struct ring_v3 - both rings of a TPACKET_V3 socket
 * @tx: V3 transmits from frames, as V2
 * @rx_base: the first block
 * @block_size: bytes a block
 * @nr_blocks: number of blocks
 * @block: the block we read, or are going to read, next
 * @left: packets in it not yet read
 * @held: packets in it not yet given back
 * @next: the next packet in it
 * @map: both rings
 * @map_len: bytes
 */
struct ring_v3 {
	struct frame_ring tx;
	unsigned char *rx_base;
	unsigned int block_size;
	unsigned int nr_blocks;
	unsigned int block;
	unsigned int left;
	unsigned int held;
	struct tpacket3_hdr *next;
	void *map;
	size_t map_len;
};

/* A block is a bet between cost per packet and how long it waits. */
static unsigned int v3_block_size(const struct port *port,
				  unsigned int frame_size)
{
	unsigned int block = V3_BLOCK;

	if (port->opt->block)
		return port->opt->block;

	/*
	 * With few packets going round, a block must fill before all of them
	 * wait in it for the timer.
	 */
	if (port->opt->outstanding) {
		unsigned int quarter = port->opt->outstanding *
				       (port->opt->size + V3_OVERHEAD) / 4;

		while (block > quarter)
			block /= 2;
		return frames_block_size(port->opt->size + 2 * V3_OVERHEAD,
					 block);
	}
	return frames_block_size(frame_size, block);
}

static void v3_open(struct port *port, struct v4_pool *pool)
{
	struct ring_v3 *v3 = xcalloc(1, sizeof(*v3));
	unsigned int frame_size, tx_block;
	struct tpacket_req3 req = {};
	size_t rx_len = 0;
	size_t tx_len = 0;

	(void)pool;
	port->priv = v3;
	frames_socket(port, TPACKET_V3,
		      "setsockopt(PACKET_VERSION, TPACKET_V3)");
	frame_size = frames_size(port, TPACKET3_HDRLEN);

	if (port->roles & ROLE_RX) {
		v3->block_size = v3_block_size(port, frame_size);
		rx_len = (size_t)port->frames * frame_size;
		v3->nr_blocks = rx_len / v3->block_size;
		if (v3->nr_blocks < 4)
			v3->nr_blocks = 4;
		rx_len = (size_t)v3->nr_blocks * v3->block_size;

		req.tp_block_size = v3->block_size;
		req.tp_block_nr = v3->nr_blocks;
		/* Only tells the kernel how many; packets lie as they come. */
		req.tp_frame_size = v3->block_size < frame_size ?
				    v3->block_size : frame_size;
		req.tp_frame_nr = rx_len / req.tp_frame_size;
		req.tp_retire_blk_tov = V3_RETIRE_MS;
		if (setsockopt(port->fd, SOL_PACKET, PACKET_RX_RING, &req,
			       sizeof(req)))
			port_fail(port, "setsockopt(PACKET_RX_RING)", errno);
	}

	if (port->roles & (ROLE_TX | ROLE_FWD)) {
		tx_len = (size_t)port->frames * frame_size;
		tx_block = frames_block_size(frame_size, V3_BLOCK);
		if (tx_block > tx_len)
			tx_block = frames_block_size(frame_size, tx_len);
		if (tx_block > tx_len)
			errx(1, "--frames %u is too few, use %u or more",
			     port->frames, tx_block / frame_size);

		memset(&req, 0, sizeof(req));
		req.tp_block_size = tx_block;
		req.tp_block_nr = tx_len / tx_block;
		req.tp_frame_size = frame_size;
		req.tp_frame_nr = port->frames;
		if (setsockopt(port->fd, SOL_PACKET, PACKET_TX_RING, &req,
			       sizeof(req)))
			port_fail(port, "setsockopt(PACKET_TX_RING)", errno);
	}

	v3->map_len = rx_len + tx_len;
	v3->map = frames_map(port, v3->map_len);
	v3->rx_base = v3->map;
	v3->tx.off_status = offsetof(struct tpacket3_hdr, tp_status);
	v3->tx.off_len = offsetof(struct tpacket3_hdr, tp_len);
	v3->tx.off_data = TPACKET3_HDRLEN - sizeof(struct sockaddr_ll);
	if (tx_len)
		frames_tx_init(&v3->tx, port,
			       (unsigned char *)v3->map + rx_len, frame_size);
}

static void v3_close(struct port *port)
{
	struct ring_v3 *v3 = port->priv;

	munmap(v3->map, v3->map_len);
	close(port->fd);
	free(v3->tx.filled);
	free(v3);
}

static struct tpacket_block_desc *v3_block(const struct ring_v3 *v3)
{
	return (void *)(v3->rx_base + (size_t)v3->block * v3->block_size);
}

/* Gives the current block back, once all of its packets are. */
static void v3_block_done(struct ring_v3 *v3)
{
	if (v3->left || v3->held || !v3->next)
		return;

	__atomic_store_n(&v3_block(v3)->hdr.bh1.block_status,
			 TP_STATUS_KERNEL, __ATOMIC_RELEASE);
	v3->next = NULL;
	if (++v3->block == v3->nr_blocks)
		v3->block = 0;
}

static bool v3_block_start(struct ring_v3 *v3)
{
	struct tpacket_block_desc *block = v3_block(v3);
	__u32 status;

	status = __atomic_load_n(&block->hdr.bh1.block_status,
				 __ATOMIC_ACQUIRE);
	if (!(status & TP_STATUS_USER))
		return false;

	v3->left = block->hdr.bh1.num_pkts;
	v3->next = (void *)((unsigned char *)block +
			    block->hdr.bh1.offset_to_first_pkt);
	return true;
}

static unsigned int v3_rx(struct port *port, struct seg *segs, unsigned int nr)
{
	struct ring_v3 *v3 = port->priv;
	unsigned int i;

	/* A block may come back empty: its timer fired. */
	while (!v3->left) {
		if (v3->held)
			return 0;
		v3_block_done(v3);
		if (!v3_block_start(v3))
			return 0;
	}

	for (i = 0; i < nr && v3->left; i++) {
		struct tpacket3_hdr *hdr = v3->next;

		segs[i].data = (unsigned char *)hdr + hdr->tp_mac;
		segs[i].len = hdr->tp_snaplen;
		segs[i].wire_len = hdr->tp_len;
		segs[i].more = false;
		segs[i].vlan_tpid = 0;
		if (hdr->tp_status & TP_STATUS_VLAN_VALID) {
			segs[i].vlan_tci = hdr->hv1.tp_vlan_tci;
			segs[i].vlan_tpid = ETH_P_8021Q;
			if (hdr->tp_status & TP_STATUS_VLAN_TPID_VALID)
				segs[i].vlan_tpid = hdr->hv1.tp_vlan_tpid;
		}
		v3->next = (void *)((unsigned char *)hdr + hdr->tp_next_offset);
		v3->left--;
		v3->held++;
	}
	return i;
}

static void v3_rx_release(struct port *port, const struct seg *segs,
			  unsigned int nr)
{
	struct ring_v3 *v3 = port->priv;

	(void)segs;
	v3->held -= nr;
	v3_block_done(v3);
}

static unsigned int v3_tx_reserve(struct port *port, struct seg *segs,
				  unsigned int nr)
{
	struct ring_v3 *v3 = port->priv;

	return frames_tx_reserve(&v3->tx, port, segs, nr);
}

static void v3_tx_submit(struct port *port, const struct seg *segs,
			 unsigned int nr)
{
	struct ring_v3 *v3 = port->priv;

	frames_tx_submit(&v3->tx, segs, nr);
}

static void v3_tx_kick(struct port *port)
{
	struct ring_v3 *v3 = port->priv;

	frames_tx_kick(&v3->tx, port);
}

static unsigned int v3_tx_pending(struct port *port)
{
	struct ring_v3 *v3 = port->priv;

	return frames_tx_pending(&v3->tx);
}

static unsigned int v3_forward(struct port *from, struct port *to,
			       const struct seg *segs, unsigned int nr)
{
	struct ring_v3 *v3 = to->priv;

	nr = frames_tx_copy(&v3->tx, to, segs, nr);
	v3_rx_release(from, segs, nr);
	return nr;
}

static __u64 v3_drops(struct port *port)
{
	struct tpacket_stats_v3 stats = {};
	socklen_t len = sizeof(stats);

	if (getsockopt(port->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len))
		port_fail(port, "getsockopt(PACKET_STATISTICS)", errno);
	return stats.tp_drops;
}

const struct port_ops ring_v3_ops = {
	.name		= "v3",
	.open		= v3_open,
	.close		= v3_close,
	.rx		= v3_rx,
	.rx_release	= v3_rx_release,
	.tx_reserve	= v3_tx_reserve,
	.tx_submit	= v3_tx_submit,
	.tx_kick	= v3_tx_kick,
	.tx_pending	= v3_tx_pending,
	.forward	= v3_forward,
	.drops		= v3_drops,
};

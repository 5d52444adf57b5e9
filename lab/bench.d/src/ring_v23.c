// SPDX-License-Identifier: GPL-2.0
/* TPACKET_V2 and TPACKET_V3. They send alike, and receive differently. */

#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/if_packet.h>

#include "bench.h"

#define V2_BLOCK	(256 * 1024)

struct v23_end {
	struct end end;
	int fd;
	unsigned char *map;
	size_t map_len;
	/* V2: the next frame */
	unsigned int rx_head;
	/* V3 */
	unsigned int block;
	unsigned int nr_blocks;
	unsigned int left;		/* packets of this block not yet read */
	struct tpacket3_hdr *next;
	/* TX: free-running */
	unsigned char *tx;
	unsigned int tx_head;
	unsigned int tx_tail;
};

static struct v23_end *v23(struct end *end)
{
	return (struct v23_end *)end;
}

static void set_ring(struct v23_end *v, int option, bool v3_rx)
{
	const struct options *opt = v->end.opt;
	unsigned int len = opt->frames * FRAME_SIZE;
	unsigned int block = v3_rx ? opt->block : V2_BLOCK;
	struct tpacket_req3 req = {
		.tp_frame_size = FRAME_SIZE,
		.tp_frame_nr = opt->frames,
	};
	socklen_t req_len = opt->mode == V3 ? sizeof(struct tpacket_req3) :
					      sizeof(struct tpacket_req);

	if (block > len)
		block = len;
	req.tp_block_size = block;
	req.tp_block_nr = len / block;
	if (v3_rx) {
		req.tp_retire_blk_tov = opt->retire;
		v->nr_blocks = req.tp_block_nr;
	}
	if (setsockopt(v->fd, SOL_PACKET, option, &req, req_len))
		end_fail(&v->end, option == PACKET_RX_RING ?
			 "setsockopt(PACKET_RX_RING)" :
			 "setsockopt(PACKET_TX_RING)");
	v->map_len += len;
}

static struct end *v23_open(const struct end_ops *ops,
			    const struct options *opt, const char *interface,
			    unsigned int roles)
{
	int version = opt->mode == V2 ? TPACKET_V2 : TPACKET_V3;
	size_t data_at = opt->mode == V2 ? TPACKET2_HDRLEN : TPACKET3_HDRLEN;
	struct v23_end *v = xcalloc(1, sizeof(*v));
	unsigned int i;

	end_init(&v->end, ops, opt, interface, roles);
	v->fd = end_socket(&v->end);
	if (setsockopt(v->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		end_fail(&v->end, "setsockopt(PACKET_VERSION)");
	if (roles & ROLE_RX)
		set_ring(v, PACKET_RX_RING, opt->mode == V3);
	if (roles & ROLE_TX)
		set_ring(v, PACKET_TX_RING, false);
	v->map = mmap(NULL, v->map_len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_POPULATE, v->fd, 0);
	if (v->map == MAP_FAILED)
		end_fail(&v->end, "mmap()");
	if (!opt->bare)
		touch(v->map, v->map_len);
	v->end.memory = v->map_len;
	if (roles & ROLE_TX) {
		v->tx = v->map + v->map_len - (size_t)opt->frames * FRAME_SIZE;
		data_at -= sizeof(struct sockaddr_ll);
		for (i = 0; !opt->bare && i < opt->frames; i++)
			packet_build(&v->end,
				     v->tx + i * FRAME_SIZE + data_at);
	}
	end_bind(&v->end, v->fd);
	return &v->end;
}

static struct end *v2_open(const struct options *opt, const char *interface,
			   unsigned int roles, struct end *peer)
{
	(void)peer;
	return v23_open(&v2_ops, opt, interface, roles);
}

static struct end *v3_open(const struct options *opt, const char *interface,
			   unsigned int roles, struct end *peer)
{
	(void)peer;
	return v23_open(&v3_ops, opt, interface, roles);
}

static void v23_close(struct end *end)
{
	munmap(v23(end)->map, v23(end)->map_len);
	close(v23(end)->fd);
	free(end);
}

static void v23_send(struct v23_end *v)
{
	if (send(v->fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != EAGAIN &&
	    errno != ENOBUFS)
		end_fail(&v->end, "send()");
}

/* One frame of the TX ring; @status and @data are in it. */
struct tx_frame {
	__u32 *status;
	__u32 *len;
	unsigned char *data;
};

static inline struct tx_frame v23_tx_frame(const struct v23_end *v, bool v3,
					   unsigned int i)
{
	unsigned char *frame;

	frame = v->tx + (size_t)(i & (v->end.opt->frames - 1)) * FRAME_SIZE;
	if (v3) {
		struct tpacket3_hdr *hdr = (void *)frame;

		return (struct tx_frame) {
			&hdr->tp_status, &hdr->tp_len,
			frame + TPACKET3_HDRLEN - sizeof(struct sockaddr_ll)
		};
	} else {
		struct tpacket2_hdr *hdr = (void *)frame;

		return (struct tx_frame) {
			&hdr->tp_status, &hdr->tp_len,
			frame + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll)
		};
	}
}

/* Is the frame ours? A packet that was refused counts as an error. */
static inline bool v23_tx_ready(struct v23_end *v, struct tx_frame f)
{
	__u32 status = __atomic_load_n(f.status, __ATOMIC_ACQUIRE);

	if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
		return false;
	if (status & TP_STATUS_WRONG_FORMAT)
		v->end.errors++;
	return true;
}

static inline unsigned int v23_tx(struct end *end, unsigned int nr, bool v3)
{
	struct v23_end *v = v23(end);
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct tx_frame f = v23_tx_frame(v, v3, v->tx_head);

		if (!v23_tx_ready(v, f))
			break;
		if (end->check) {
			packet_build(end, f.data);
			packet_number(end, f.data);
		}
		*f.len = end->opt->size;
		__atomic_store_n(f.status, TP_STATUS_SEND_REQUEST,
				 __ATOMIC_RELEASE);
		v->tx_head++;
	}
	v23_send(v);
	return i;
}

static unsigned int v2_tx(struct end *end, unsigned int nr)
{
	return v23_tx(end, nr, false);
}

static unsigned int v3_tx(struct end *end, unsigned int nr)
{
	return v23_tx(end, nr, true);
}

static void v23_kick(struct end *end)
{
	v23_send(v23(end));
}

static inline unsigned int v23_pending(struct end *end, bool v3)
{
	struct v23_end *v = v23(end);
	unsigned int i, n = 0;

	for (i = 0; i < end->opt->frames; i++)
		n += !!(*v23_tx_frame(v, v3, i).status &
			(TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING));
	return n;
}

static unsigned int v2_pending(struct end *end)
{
	return v23_pending(end, false);
}

static unsigned int v3_pending(struct end *end)
{
	return v23_pending(end, true);
}

static inline void v23_forward_one(struct v23_end *v, bool v3,
				   const unsigned char *data, unsigned int len)
{
	struct tx_frame f = v23_tx_frame(v, v3, v->tx_head);

	if (!v23_tx_ready(v, f))
		errx(1, "%s: TX ring full", v->end.interface);
	if (v->end.check)
		packet_check(&v->end, data, len);
	memcpy(f.data, data, len);
	swap_macs(f.data);
	*f.len = len;
	__atomic_store_n(f.status, TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	v->tx_head++;
}

/* V2 */

static inline unsigned int v2_take(struct end *end, bool forward)
{
	struct v23_end *v = v23(end);
	__u64 bytes = 0;
	unsigned int n;

	for (n = 0; n < end->opt->batch; n++) {
		struct tpacket2_hdr *hdr;
		unsigned int slot = v->rx_head & (end->opt->frames - 1);

		hdr = (void *)(v->map + (size_t)slot * FRAME_SIZE);
		if (!(__atomic_load_n(&hdr->tp_status, __ATOMIC_ACQUIRE) &
		      TP_STATUS_USER))
			break;
		bytes += hdr->tp_snaplen;
		if (forward)
			v23_forward_one(v, false,
					(unsigned char *)hdr + hdr->tp_mac,
					hdr->tp_snaplen);
		else if (end->check)
			packet_check(end, (unsigned char *)hdr + hdr->tp_mac,
				     hdr->tp_snaplen);
		__atomic_store_n(&hdr->tp_status, TP_STATUS_KERNEL,
				 __ATOMIC_RELEASE);
		v->rx_head++;
	}
	end->rx_packets += n;
	end->rx_bytes += bytes;
	if (forward && n) {
		end->tx_packets += n;
		v23_send(v);
	}
	return n;
}

static unsigned int v2_rx(struct end *end)
{
	return v2_take(end, false);
}

static unsigned int v2_forward(struct end *end)
{
	return v2_take(end, true);
}

/* V3 */

static struct tpacket_block_desc *v3_block(const struct v23_end *v)
{
	return (void *)(v->map + (size_t)v->block * v->end.opt->block);
}

static inline unsigned int v3_take(struct end *end, bool forward)
{
	struct v23_end *v = v23(end);
	__u64 bytes = 0;
	unsigned int n = 0;

	while (n < end->opt->batch) {
		struct tpacket3_hdr *hdr = v->next;

		if (!v->left) {
			struct tpacket_block_desc *b = v3_block(v);

			if (!(__atomic_load_n(&b->hdr.bh1.block_status,
					      __ATOMIC_ACQUIRE) &
			      TP_STATUS_USER))
				break;
			v->left = b->hdr.bh1.num_pkts;
			hdr = (void *)((unsigned char *)b +
				       b->hdr.bh1.offset_to_first_pkt);
		}
		/* A block may come back empty. */
		if (v->left) {
			bytes += hdr->tp_snaplen;
			if (forward)
				v23_forward_one(v, true, (unsigned char *)hdr +
						hdr->tp_mac, hdr->tp_snaplen);
			else if (end->check)
				packet_check(end, (unsigned char *)hdr +
					     hdr->tp_mac, hdr->tp_snaplen);
			v->next = (void *)((unsigned char *)hdr +
					   hdr->tp_next_offset);
			v->left--;
			n++;
		}
		if (!v->left) {
			__atomic_store_n(&v3_block(v)->hdr.bh1.block_status,
					 TP_STATUS_KERNEL, __ATOMIC_RELEASE);
			if (++v->block == v->nr_blocks)
				v->block = 0;
		}
	}
	end->rx_packets += n;
	end->rx_bytes += bytes;
	if (forward && n) {
		end->tx_packets += n;
		v23_send(v);
	}
	return n;
}

static unsigned int v3_rx(struct end *end)
{
	return v3_take(end, false);
}

static unsigned int v3_forward(struct end *end)
{
	return v3_take(end, true);
}

/* A block is shown when it is full, or when its time is over. */
static unsigned int v3_ready(struct end *end)
{
	struct v23_end *v = v23(end);
	unsigned int i, n = v->left;

	for (i = !!v->left; i < v->nr_blocks; i++) {
		struct tpacket_block_desc *b;

		b = (void *)(v->map + (size_t)((v->block + i) % v->nr_blocks) *
			     end->opt->block);
		if (!(__atomic_load_n(&b->hdr.bh1.block_status,
				      __ATOMIC_ACQUIRE) & TP_STATUS_USER))
			break;
		n += b->hdr.bh1.num_pkts;
	}
	return n;
}

static int v23_fd(struct end *end)
{
	return v23(end)->fd;
}

static __u64 v23_drops(struct end *end)
{
	struct tpacket_stats_v3 stats = {};
	socklen_t len = sizeof(stats);

	if (getsockopt(v23(end)->fd, SOL_PACKET, PACKET_STATISTICS, &stats,
		       &len))
		end_fail(end, "getsockopt(PACKET_STATISTICS)");
	return stats.tp_drops;
}

const struct end_ops v2_ops = {
	.open = v2_open,
	.close = v23_close,
	.rx = v2_rx,
	.tx = v2_tx,
	.forward = v2_forward,
	.kick = v23_kick,
	.pending = v2_pending,
	.fd = v23_fd,
	.drops = v23_drops,
};

const struct end_ops v3_ops = {
	.open = v3_open,
	.close = v23_close,
	.rx = v3_rx,
	.tx = v3_tx,
	.forward = v3_forward,
	.kick = v23_kick,
	.pending = v3_pending,
	.fd = v23_fd,
	.ready = v3_ready,
	.drops = v23_drops,
};

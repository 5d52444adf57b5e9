/* SPDX-License-Identifier: GPL-2.0 */
/* What the TPACKET_V2 and TPACKET_V3 back ends share: set-up, and the TX ring */

#ifndef TPACKET4_SAMPLES_RING_FRAMES_H
#define TPACKET4_SAMPLES_RING_FRAMES_H

#include "common.h"

/**
 * struct frame_ring - a TX ring of frames, each a header and a packet
 * @base: the ring's first frame
 * @filled: by frame: it holds a test packet
 * @frame_size: bytes
 * @nr: number of frames, a power of two
 * @head: next frame to fill; runs freely
 * @tail: oldest frame that is with the kernel; runs freely
 * @off_status: where tp_status is in the header, and so on
 * @off_len: of tp_len
 * @off_data: of the packet
 *
 * V2 and V3 differ in where things are in the header, and in nothing else.
 */
struct frame_ring {
	unsigned char *base;
	bool *filled;
	unsigned int frame_size;
	unsigned int nr;
	unsigned int head;
	unsigned int tail;
	unsigned int off_status;
	unsigned int off_len;
	unsigned int off_data;
};

int frames_socket(struct port *port, int version, const char *call);
unsigned int frames_size(const struct port *port, unsigned int hdrlen);
unsigned int frames_block_size(unsigned int frame_size, unsigned int want);
void *frames_map(struct port *port, size_t len);
void frames_tx_init(struct frame_ring *ring, struct port *port, void *base,
		    unsigned int frame_size);
unsigned int frames_tx_reserve(struct frame_ring *ring, struct port *port,
			       struct seg *segs, unsigned int nr);
void frames_tx_submit(struct frame_ring *ring, const struct seg *segs,
		      unsigned int nr);
void frames_tx_kick(struct frame_ring *ring, struct port *port);
unsigned int frames_tx_copy(struct frame_ring *ring, struct port *port,
			    const struct seg *segs, unsigned int nr);

static inline unsigned int frames_tx_pending(const struct frame_ring *ring)
{
	return ring->head - ring->tail;
}

#endif /* TPACKET4_SAMPLES_RING_FRAMES_H */

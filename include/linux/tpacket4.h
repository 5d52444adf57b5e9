/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_PACKET V4: packet arrays and frame sets
 *
 * A packet array is a batch of frames on their way between a queue of a
 * TPACKET_V4 socket and whoever fills or sends them. It is the only way to
 * touch descriptors and frames: neither drivers nor copy mode see a ring.
 *
 *	     tp4a_populate()	   tp4a_next_packet()	 tp4a_flush()
 *	ring -------------> array ------------------> work -----------> ring
 *
 * An array and everything taken out of it have one owner at a time: no
 * function here takes a lock, and all calls on one array must be serialised by
 * its owner (NAPI, or the socket's TX mutex). Unless said otherwise, functions
 * may be called in any context.
 */

#ifndef _LINUX_TPACKET4_H
#define _LINUX_TPACKET4_H

#include <linux/compiler.h>
#include <linux/dma-direction.h>
#include <linux/if_packet.h>
#include <linux/types.h>

struct device;

/**
 * enum tp4_validation - what tp4a_populate() checks (paper: Figure 8)
 * @TP4_VALIDATION_NONE: nothing; for a source that is trusted
 * @TP4_VALIDATION_IDX: the frame number; for RX, where the kernel writes the
 *	other fields
 * @TP4_VALIDATION_DESC: all fields; for TX
 */
enum tp4_validation {
	TP4_VALIDATION_NONE,
	TP4_VALIDATION_IDX,
	TP4_VALIDATION_DESC,
};

/**
 * struct tp4_packet_array - a batch of frames (paper: Figure 8)
 * @queue_opaque: where frames come from and go to: a queue of a V4 socket
 * @dev: the device that accesses the frames by DMA, or NULL
 * @direction: of that DMA
 * @validation: what is checked of a descriptor that user space wrote
 * @frames: kernel address of frame 0
 * @frame_nr: number of frames in the packet buffer
 * @frame_shift: log2 of a frame's size in bytes
 * @headroom: bytes that received data leaves free at the start of a frame
 * @frames_max: most frames that a packet may have
 * @start: oldest frame not yet given back by tp4a_flush()
 * @curr: next frame that tp4a_next_packet() or tp4a_next_frame() returns
 * @end: first frame that was not populated
 * @gathered: past the last frame of a packet whose end is still missing; these
 *	frames, from @end on, are no part of the array's contents yet
 * @gather_error: errno for the rest of the packet being gathered, or 0
 * @mask: number of entries, a power of two, minus one
 * @items: the frames. The entries are kernel memory: what is validated here
 *	cannot change any more.
 *
 * All but the queue and the geometry is for the functions of this header only.
 * @start <= @curr <= @end <= @gathered are free-running and wrap.
 */
struct tp4_packet_array {
	/* control path: set once */
	void *queue_opaque;
	struct device *dev;
	enum dma_data_direction direction;
	enum tp4_validation validation;
	void *frames;
	u32 frame_nr;
	u32 frame_shift;
	u32 headroom;
	u32 frames_max;

	/* data path */
	u32 start;
	u32 curr;
	u32 end;
	u32 gathered;
	u32 mask;
	u8 gather_error;
	struct tpacket4_desc items[] __aligned(16);
};

/**
 * struct tp4_frame_set - frames that belong together, mostly a packet
 * @pkt_arr: the packet array that the frames are in
 * @start: first frame
 * @curr: the frame that the tp4f functions work on
 * @end: past the last frame
 *
 * Filled in by tp4a_next_packet() and tp4a_next_frame(), and valid until the
 * frames are flushed.
 */
struct tp4_frame_set {
	struct tp4_packet_array *pkt_arr;
	u32 start;
	u32 curr;
	u32 end;
};

struct tp4_packet_array *tp4a_rx_new(void *rx_opaque, size_t elems,
				     struct device *dev);
struct tp4_packet_array *tp4a_tx_new(void *tx_opaque, size_t elems,
				     struct device *dev);
void tp4a_free(struct tp4_packet_array *a);
void tp4a_populate(struct tp4_packet_array *a);
int tp4a_flush(struct tp4_packet_array *a);

static inline struct tpacket4_desc *tp4a_item(struct tp4_packet_array *a, u32 i)
{
	return &a->items[i & a->mask];
}

/**
 * tp4a_next_packet - take the next packet out of an array
 * @a: the array
 * @p: set to the packet's frames, the first one being current
 *
 * Return: false if there is no packet left that was not taken.
 */
static inline bool tp4a_next_packet(struct tp4_packet_array *a,
				    struct tp4_frame_set *p)
{
	u32 i = a->curr;

	if (i == a->end)
		return false;

	p->pkt_arr = a;
	p->start = i;
	p->curr = i;
	/* Ends within the array: tp4a_populate() adds whole packets only. */
	while (tp4a_item(a, i++)->flags & TP4_PKT_CONT)
		;
	p->end = i;
	a->curr = i;
	return true;
}

/**
 * tp4a_next_frame - take the next frame out of an array
 * @a: the array
 * @p: set to this one frame
 *
 * Return: false if there is no frame left that was not taken.
 */
static inline bool tp4a_next_frame(struct tp4_packet_array *a,
				   struct tp4_frame_set *p)
{
	if (a->curr == a->end)
		return false;

	p->pkt_arr = a;
	p->start = a->curr;
	p->curr = a->curr;
	p->end = ++a->curr;
	return true;
}

/**
 * tp4a_put_back - undo the last tp4a_next_packet() or tp4a_next_frame()
 * @a: the array
 * @p: what was taken last; it is taken again by the next call
 */
static inline void tp4a_put_back(struct tp4_packet_array *a,
				 const struct tp4_frame_set *p)
{
	a->curr = p->start;
}

static inline struct tpacket4_desc *tp4f_item(const struct tp4_frame_set *p)
{
	return tp4a_item(p->pkt_arr, p->curr);
}

/**
 * tp4f_next_frame - go to the next frame of a set
 * @p: frame set
 *
 * Return: false, and nothing changes, if the current frame is the last.
 */
static inline bool tp4f_next_frame(struct tp4_frame_set *p)
{
	if (p->curr + 1 == p->end)
		return false;
	p->curr++;
	return true;
}

/**
 * tp4f_prev_frame - go to the previous frame of a set
 * @p: frame set
 *
 * Return: false, and nothing changes, if the current frame is the first.
 */
static inline bool tp4f_prev_frame(struct tp4_frame_set *p)
{
	if (p->curr == p->start)
		return false;
	p->curr--;
	return true;
}

/**
 * tp4f_first_frame - go to the first frame of a set
 * @p: frame set
 */
static inline void tp4f_first_frame(struct tp4_frame_set *p)
{
	p->curr = p->start;
}

/**
 * tp4f_is_last_frame - is the current frame the last of its set?
 * @p: frame set
 *
 * Return: true if it is.
 */
static inline bool tp4f_is_last_frame(const struct tp4_frame_set *p)
{
	return p->curr + 1 == p->end;
}

/**
 * tp4f_num_frames - number of frames in a set
 * @p: frame set
 *
 * Return: the number, at least 1.
 */
static inline u32 tp4f_num_frames(const struct tp4_frame_set *p)
{
	return p->end - p->start;
}

/**
 * tp4f_get_frame_id - number of the current frame in the packet buffer
 * @p: frame set
 *
 * Return: the frame number.
 */
static inline u64 tp4f_get_frame_id(const struct tp4_frame_set *p)
{
	return tp4f_item(p)->idx;
}

/**
 * tp4f_get_frame_len - bytes of data in the current frame
 * @p: frame set
 *
 * Return: length in bytes.
 */
static inline u32 tp4f_get_frame_len(const struct tp4_frame_set *p)
{
	return tp4f_item(p)->len;
}

/**
 * tp4f_get_data_offset - where the data of the current frame begins
 * @p: frame set
 *
 * Return: offset in bytes from the start of the frame.
 */
static inline u32 tp4f_get_data_offset(const struct tp4_frame_set *p)
{
	return tp4f_item(p)->offset;
}

/**
 * tp4f_get_frame - kernel address of the current frame
 * @p: frame set
 *
 * User space can change what is there at any time.
 *
 * Return: the address of the frame's first byte, headroom included.
 */
static inline void *tp4f_get_frame(const struct tp4_frame_set *p)
{
	const struct tp4_packet_array *a = p->pkt_arr;

	return a->frames + ((size_t)tp4f_item(p)->idx << a->frame_shift);
}

/**
 * tp4f_get_data - kernel address of the current frame's data
 * @p: frame set
 *
 * User space can change what is there at any time.
 *
 * Return: the address of the first byte of data.
 */
static inline void *tp4f_get_data(const struct tp4_frame_set *p)
{
	return tp4f_get_frame(p) + tp4f_item(p)->offset;
}

/**
 * tp4f_set_error - report an error for the current frame
 * @p: frame set
 * @errno: positive errno, as user space will find it in the descriptor
 */
static inline void tp4f_set_error(struct tp4_frame_set *p, int errno)
{
	tp4f_item(p)->error = errno;
}

/**
 * tp4f_set_packet_error - report an error for all frames of a set
 * @p: frame set
 * @errno: positive errno
 */
static inline void tp4f_set_packet_error(struct tp4_frame_set *p, int errno)
{
	u32 i;

	for (i = p->start; i != p->end; i++)
		tp4a_item(p->pkt_arr, i)->error = errno;
}

/**
 * tp4f_set_frame - describe the data that was put into the current frame
 * @p: frame set
 * @len: bytes of data
 * @offset: where it begins, in bytes from the start of the frame
 * @is_eop: this is the last frame of its packet
 */
static inline void tp4f_set_frame(struct tp4_frame_set *p, u32 len, u16 offset,
				  bool is_eop)
{
	struct tpacket4_desc *d = tp4f_item(p);

	d->len = len;
	d->offset = offset;
	d->error = 0;
	/* Keep the mark of copy mode receive, see tp4a_reserve(). */
	WRITE_ONCE(d->flags, (d->flags & TP4_DESC_KERNEL) |
			     (is_eop ? 0 : TP4_PKT_CONT));
}

#endif /* _LINUX_TPACKET4_H */

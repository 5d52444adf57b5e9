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
 *
 * This is all that a driver needs to support PACKET_ZEROCOPY: see struct
 * tp4_netdev_parms, and the driver's guide in
 * Documentation/networking/packet_v4.rst.
 */

#ifndef _LINUX_TPACKET4_H
#define _LINUX_TPACKET4_H

#include <linux/compiler.h>
#include <linux/dma-direction.h>
#include <linux/if_packet.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/types.h>

struct bpf_prog;
struct device;
struct net_device;
struct sk_buff;
struct xdp_rxq_info;

/**
 * enum tp4_netdev_command - what ndo_tp4_zerocopy() is to do (paper: Figure 5)
 * @TP4_ENABLE: hand a queue pair over to a socket
 * @TP4_DISABLE: take it back; this cannot fail
 */
enum tp4_netdev_command {
	TP4_ENABLE,
	TP4_DISABLE,
};

/**
 * struct tp4_netdev_parms - argument of ndo_tp4_zerocopy() (paper: Figure 5)
 * @command: what to do
 * @rx_opaque: for tp4a_rx_new(); NULL if the socket has no RX ring, and
 *	receiving on the queue pair stays as it is
 * @tx_opaque: for tp4a_tx_new(); NULL if the socket has no TX ring
 * @data_ready: to be called when tp4a_flush() has given packets to user space,
 *	once per NAPI poll
 * @data_ready_opaque: its argument
 * @write_space: to be called when tp4a_flush() has completed packets of user
 *	space, once per NAPI poll
 * @write_space_opaque: its argument
 * @error_report: to be called, with a positive errno, when the queue pair
 *	does not work any more
 * @error_report_opaque: its first argument
 * @queue_pair: number of the queue pair, below both the number of RX queues and
 *	that of TX queues
 * @napi_id: set by the driver when enabling, if the socket can busy poll
 *
 * For %TP4_DISABLE only @command and @queue_pair are set. The callbacks may be
 * called in any context, with the RCU read lock or BH off.
 *
 * ndo_tp4_zerocopy() is called with RTNL held and while the interface is up: a
 * queue pair is taken back before ndo_stop(). It returns 0 or a negative
 * errno; when it fails, all is as it was. When %TP4_DISABLE returns, nothing
 * refers to the arrays, which the driver has freed with tp4a_free(), and no
 * hardware to the frames that were in them.
 *
 * ndo_tp4_xmit() gets the queue pair's NAPI going, or makes sure that it runs
 * again if it is running: there are packets to send, or empty frames for a device
 * that wants some, see tp4a_rx_idle(). It is called with BH off and the RCU read
 * lock held, never before the queue pair was enabled nor after it was disabled,
 * and by many CPUs at the same time: by send(), by poll(), and when the device's
 * carrier comes back. It returns 0, or %-ENETDOWN if the queue pair cannot send for
 * the time being.
 */
struct tp4_netdev_parms {
	enum tp4_netdev_command command;
	void *rx_opaque;
	void *tx_opaque;
	void (*data_ready)(void *opaque);
	void *data_ready_opaque;
	void (*write_space)(void *opaque);
	void *write_space_opaque;
	void (*error_report)(void *opaque, int error);
	void *error_report_opaque;
	int queue_pair;
	unsigned int napi_id;
};

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
 * @dma: DMA addresses of the packet buffer's pages, or NULL without @dev
 * @frame_nr: number of frames in the packet buffer
 * @frame_shift: log2 of a frame's size in bytes
 * @headroom: bytes that received data leaves free at the start of a frame
 * @frames_max: most frames that a packet may have
 * @xdp_prog: program that tp4a_flush() runs, or NULL
 * @xdp_rxq: the queue, for @xdp_prog
 * @start: oldest frame not yet given back by tp4a_flush()
 * @curr: next frame that tp4a_next_packet() or tp4a_next_frame() returns
 * @end: first frame that was not populated
 * @gathered: past the last frame of a packet whose end is still missing; these
 *	frames, from @end on, are no part of the array's contents yet
 * @answered: what tp4a_populate() has done that user space may be waiting for,
 *	without there being anything for tp4a_flush() to give back
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
	const dma_addr_t *dma;
	u32 frame_nr;
	u32 frame_shift;
	u32 headroom;
	u32 frames_max;
	struct xdp_rxq_info *xdp_rxq;
	struct bpf_prog __rcu *xdp_prog;

	/* data path */
	u32 start;
	u32 curr;
	u32 end;
	u32 gathered;
	u32 answered;
	u32 mask;
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

/* XDP: tp4_xdp.c */
void tp4a_set_xdp(struct tp4_packet_array *a, struct bpf_prog *prog,
		  struct xdp_rxq_info *rxq);

/**
 * tp4a_max_len - most bytes of a packet that takes one frame
 * @a: array for receiving
 *
 * A program sees no longer packets, so a driver refuses an MTU beyond it.
 *
 * Return: length in bytes, link header included.
 */
static inline u32 tp4a_max_len(const struct tp4_packet_array *a)
{
	return (1U << a->frame_shift) - a->headroom;
}

/* Status page */
void tp4a_tx_busy(struct tp4_packet_array *a);
bool tp4a_tx_idle(struct tp4_packet_array *a, u32 posted);
bool tp4a_rx_idle(struct tp4_packet_array *a, bool wants_frames);

/* For devices that have frames for a while */
void tp4a_skip_frame(struct tp4_packet_array *a);
void tp4a_untake(struct tp4_packet_array *a);

/**
 * struct tp4_copy_stats - what became of packets
 * @packets: packets that went over
 * @bytes: bytes of those
 * @swapped: frames that went over without a copy
 * @copied: bytes that the kernel copied
 * @flushed: frames that tp4a_flush() has given to the receiver meanwhile
 * @no_frame: packets dropped as the receiver had given too few frames
 * @errors: packets that could not be sent, for reasons of their own
 *
 * The functions that take one add to it.
 */
struct tp4_copy_stats {
	u64 packets;
	u64 bytes;
	u64 swapped;
	u64 copied;
	u64 flushed;
	u64 no_frame;
	u64 errors;
};

/* For virtual devices: tp4_skb.c */
u32 tp4a_copy_packets(struct tp4_packet_array *to,
		      struct tp4_packet_array *from, u32 max_len, u32 budget,
		      struct tp4_copy_stats *st);
bool tp4a_from_skb(struct tp4_packet_array *a, const struct sk_buff *skb,
		   struct tp4_copy_stats *st);
bool tp4a_deliver_skb(struct tp4_packet_array *a, const struct sk_buff *skb,
		      struct tp4_copy_stats *st);
struct sk_buff *tp4a_to_skb(struct tp4_packet_array *a, struct net_device *dev,
			    u32 max_len, struct tp4_copy_stats *st);

/* For net/: does a socket hold the queue, or any queue of the device? */
#ifdef CONFIG_TPACKET_V4
bool tp4_queue_is_held(const struct net_device *dev, unsigned int queue_pair);
bool tp4_dev_is_held(const struct net_device *dev);
#else
static inline bool tp4_queue_is_held(const struct net_device *dev,
				     unsigned int queue_pair)
{
	return false;
}

static inline bool tp4_dev_is_held(const struct net_device *dev)
{
	return false;
}
#endif

static inline struct tpacket4_desc *tp4a_item(struct tp4_packet_array *a, u32 i)
{
	return &a->items[i & a->mask];
}

/**
 * tp4a_peek_packet - look at a packet without taking it
 * @a: the array
 * @skip: number of frames, from the next one that would be taken, to skip;
 *	these make whole packets
 * @p: set to the packet's frames, the first one being current
 *
 * For devices that have frames for a while: these stay in the array, and are
 * taken when the device is done with them. An empty frame of an array for
 * receiving is a packet of its own.
 *
 * Return: false if there is no such packet.
 */
static inline bool tp4a_peek_packet(struct tp4_packet_array *a, u32 skip,
				    struct tp4_frame_set *p)
{
	u32 i = a->curr + skip;

	if (skip >= a->end - a->curr)
		return false;

	p->pkt_arr = a;
	p->start = i;
	p->curr = i;
	/* Ends within the array: tp4a_populate() adds whole packets only. */
	while (tp4a_item(a, i++)->flags & TP4_PKT_CONT)
		;
	p->end = i;
	return true;
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
	if (!tp4a_peek_packet(a, 0, p))
		return false;
	a->curr = p->end;
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
 * tp4a_take_frames - take frames out of an array, many at once
 * @a: the array
 * @n: how many
 *
 * For a device that is done with so many, and has nothing to say of any.
 *
 * Return: how many there were, up to @n.
 */
static inline u32 tp4a_take_frames(struct tp4_packet_array *a, u32 n)
{
	n = min(n, a->end - a->curr);
	a->curr += n;
	return n;
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

/* Kernel address of a frame, by its number, which was checked. */
static inline void *tp4a_frame(const struct tp4_packet_array *a, u64 idx)
{
	return a->frames + ((size_t)idx << a->frame_shift);
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
	return tp4a_frame(p->pkt_arr, tp4f_item(p)->idx);
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
 * tp4f_get_dma - DMA address of the current frame
 * @p: frame set of an array that has a device
 *
 * A frame never crosses a page.
 *
 * Return: the address of the frame's first byte, headroom included.
 */
static inline dma_addr_t tp4f_get_dma(const struct tp4_frame_set *p)
{
	const struct tp4_packet_array *a = p->pkt_arr;
	size_t pos = (size_t)tp4f_item(p)->idx << a->frame_shift;

	return a->dma[pos >> PAGE_SHIFT] + offset_in_page(pos);
}

/**
 * tp4f_get_packet_len - bytes of data in all frames of a set
 * @p: frame set
 *
 * Return: length in bytes.
 */
static inline u32 tp4f_get_packet_len(const struct tp4_frame_set *p)
{
	u32 len = 0;
	u32 i;

	for (i = p->start; i != p->end; i++)
		len += tp4a_item(p->pkt_arr, i)->len;
	return len;
}

/**
 * tp4f_get_error - error that was set for the current frame
 * @p: frame set
 *
 * Return: positive errno, or 0.
 */
static inline int tp4f_get_error(const struct tp4_frame_set *p)
{
	return tp4f_item(p)->error;
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

/* A descriptor but for idx, with these fields set. tp4f_set_frame() writes it at once,
 * as tp4a_flush() reads it: a CPU does not forward several stores to one load,
 * which would wait for them.
 */
#define TP4_HALF(...)							\
	(((union {							\
		struct {						\
			u32 len;					\
			u16 offset;					\
			u8 error;					\
			u8 flags;					\
		};							\
		u64 all;						\
	}) { { __VA_ARGS__ } }).all)

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
	u64 *half = (void *)tp4f_item(p) + offsetof(struct tpacket4_desc, len);
	/* Keep the mark of copy mode receive, see tp4a_reserve(). */
	u64 all = *half & TP4_HALF(.flags = TP4_DESC_KERNEL);

	all |= TP4_HALF(.len = len) | TP4_HALF(.offset = offset);
	if (!is_eop)
		all |= TP4_HALF(.flags = TP4_PKT_CONT);
	WRITE_ONCE(*half, all);
}

#undef TP4_HALF

#endif /* _LINUX_TPACKET4_H */

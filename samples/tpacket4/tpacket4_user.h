/* SPDX-License-Identifier: GPL-2.0 OR BSD-2-Clause */
/*
 * The user side of AF_PACKET V4 (TPACKET_V4) in one header to copy.
 *
 * It needs libc and the <linux/if_packet.h> of a kernel that has TPACKET_V4,
 * and works in C and in C++. "Figure" means a figure of the paper "AF_PACKET
 * V4 and PACKET_ZEROCOPY"; the API itself is described in
 * Documentation/networking/packet_v4.rst.
 *
 * What is here:
 *
 *   tp4q_*         struct tpacket4_queue, the user's book-keeping of one ring
 *   tp4_buffer_*   a packet buffer: memory, and PACKET_MEMREG on a socket
 *   tp4_socket_*   a socket with its rings, set up in the order of Figure 2
 *   tp4_backoff_*  how to spin without taking the ring's cache lines away
 *
 * A receiver in full::
 *
 *   tp4_buffer_open(&buf, 1024, 0, 0);
 *   opts.interface = "eth0";
 *   opts.rx_buffer = &buf;
 *   opts.rx_nr = 1024;
 *   tp4_socket_open(&sock, &opts);
 *   for (i = 0; i < 1024; i++)
 *           frames[i] = i;
 *   tp4q_enqueue_frames(&sock.rx, frames, 1024);
 *   for (;;) {
 *           n = tp4q_dequeue_batch(&sock.rx, d, 64);
 *           for (i = 0; i < n; i++)
 *                   use(tp4_desc_data(&buf, &d[i]), d[i].len);
 *           tp4q_enqueue_batch(&sock.rx, d, n);
 *   }
 *
 * Or, as the frames go back where they came from, without a copy of each
 * descriptor: tp4q_peek(), tp4q_peeked() and tp4q_recycle(). To another ring it
 * is tp4q_move().
 *
 * Functions that can fail return 0 (or a count) or a negative errno. No
 * function takes a lock: a ring has one user at a time.
 */

#ifndef TPACKET4_USER_H
#define TPACKET4_USER_H

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/if_ether.h>
#include <linux/if_packet.h>

#ifndef PACKET_MEMREG
#error "<linux/if_packet.h> has no TPACKET_V4: use -I with the headers of a kernel that has it"
#endif

#ifndef SOL_PACKET
#define SOL_PACKET	263
#endif

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct tpacket4_queue - the user's view of one descriptor ring (Figure 3)
 * @ring: the descriptors, shared with the kernel
 * @avail_idx: next descriptor to give to the kernel; runs freely
 * @last_used_idx: next descriptor to take from the kernel; runs freely
 * @num_free: descriptors that may be given now
 * @ring_mask: number of descriptors, minus one
 *
 * Descriptors between @last_used_idx and @avail_idx are with the kernel, or
 * have come back and were not taken yet. The kernel hands descriptors back in
 * the order of the ring, so one index a side is enough.
 */
struct tpacket4_queue {
	struct tpacket4_desc *ring;

	unsigned int avail_idx;
	unsigned int last_used_idx;
	unsigned int num_free;
	unsigned int ring_mask;
};

/*
 * The last 32 bits of a descriptor hand it over. They are read and written at
 * once, through this union: shifts would depend on the byte order.
 */
union tp4_desc_word {
	struct {
		__u16 offset;
		__u8 error;
		__u8 flags;
	} f;
	__u32 word;
};

/* The word overlays three members of other types, hence may_alias. */
typedef __u32 __attribute__((__may_alias__)) tp4_aliasing_u32;

static inline tp4_aliasing_u32 *tp4_desc_word_ptr(struct tpacket4_desc *desc)
{
	return (tp4_aliasing_u32 *)(void *)&desc->offset;
}

/* The second half of a descriptor, with the length before the word. */
union tp4_desc_half {
	struct {
		__u32 len;
		__u16 offset;
		__u8 error;
		__u8 flags;
	} f;
	struct {
		__u32 len;
		__u32 word;
	} w;
	__u64 all;
};

typedef __u64 __attribute__((__may_alias__)) tp4_aliasing_u64;

static inline tp4_aliasing_u64 *
tp4_desc_half_ptr(const struct tpacket4_desc *desc)
{
	return (tp4_aliasing_u64 *)((uintptr_t)desc +
				    offsetof(struct tpacket4_desc, len));
}

/* Where it is one access, the length goes with the word. */
#define TP4_ONE_ACCESS	(sizeof(long) == sizeof(__u64))

/**
 * tp4_desc_get() - take one descriptor from the kernel
 * @slot: the descriptor in the ring
 * @desc: where it is copied to
 *
 * Return: false, and nothing copied, when the kernel still owns @slot.
 */
static inline bool tp4_desc_get(struct tpacket4_desc *slot,
				struct tpacket4_desc *desc)
{
	union tp4_desc_half half;

	/* Pairs with the kernel's release: idx and len are final below. */
	if (TP4_ONE_ACCESS)
		half.all = __atomic_load_n(tp4_desc_half_ptr(slot),
					   __ATOMIC_ACQUIRE);
	else
		half.w.word = __atomic_load_n(tp4_desc_word_ptr(slot),
					      __ATOMIC_ACQUIRE);
	if (half.f.flags & TP4_DESC_KERNEL)
		return false;

	desc->idx = slot->idx;
	if (!TP4_ONE_ACCESS)
		half.f.len = slot->len;
	*tp4_desc_half_ptr(desc) = half.all;
	return true;
}

/* Writes whose the slot is, and the length where that goes with it. */
static inline void tp4_desc_store(struct tpacket4_desc *slot,
				  union tp4_desc_half half, int memorder)
{
	if (TP4_ONE_ACCESS && memorder == __ATOMIC_RELAXED)
		__atomic_store_n(tp4_desc_half_ptr(slot), half.all,
				 __ATOMIC_RELAXED);
	else if (TP4_ONE_ACCESS)
		__atomic_store_n(tp4_desc_half_ptr(slot), half.all,
				 __ATOMIC_RELEASE);
	else if (memorder == __ATOMIC_RELAXED)
		__atomic_store_n(tp4_desc_word_ptr(slot), half.w.word,
				 __ATOMIC_RELAXED);
	else
		__atomic_store_n(tp4_desc_word_ptr(slot), half.w.word,
				 __ATOMIC_RELEASE);
}

/**
 * tp4_desc_set() - give one descriptor to the kernel
 * @slot: the descriptor in the ring
 * @desc: what to write; @desc->error is ignored, TP4_DESC_KERNEL implied
 * @memorder: __ATOMIC_RELEASE for the first descriptor of a batch, which must
 *	be written last, __ATOMIC_RELAXED for those behind it
 */
static inline void tp4_desc_set(struct tpacket4_desc *slot,
				const struct tpacket4_desc *desc, int memorder)
{
	union tp4_desc_half half;

	half.all = *tp4_desc_half_ptr(desc);
	half.f.error = 0;
	half.f.flags |= TP4_DESC_KERNEL;

	slot->idx = desc->idx;
	if (!TP4_ONE_ACCESS)
		slot->len = half.w.len;
	tp4_desc_store(slot, half, memorder);
}

/* Gives a descriptor to the kernel that receives: only its idx counts. */
static inline void tp4_desc_set_owner(struct tpacket4_desc *slot, int memorder)
{
	union tp4_desc_half half;

	half.all = 0;
	half.f.flags = TP4_DESC_KERNEL;
	tp4_desc_store(slot, half, memorder);
}

/**
 * tp4q_init() - set up the book-keeping of a fresh ring
 * @q: the queue
 * @ring: its descriptors, as mapped
 * @desc_nr: how many; a power of two
 *
 * Return: 0, or -EINVAL when @desc_nr is not a power of two.
 */
static inline int tp4q_init(struct tpacket4_queue *q,
			    struct tpacket4_desc *ring, unsigned int desc_nr)
{
	if (!desc_nr || (desc_nr & (desc_nr - 1)))
		return -EINVAL;

	q->ring = ring;
	q->avail_idx = 0;
	q->last_used_idx = 0;
	q->num_free = desc_nr;
	q->ring_mask = desc_nr - 1;
	return 0;
}

/* Descriptors that tp4q_enqueue_*() has room for. */
static inline unsigned int tp4q_num_free(const struct tpacket4_queue *q)
{
	return q->num_free;
}

/* Descriptors given to the kernel and not yet taken back. */
static inline unsigned int tp4q_num_held(const struct tpacket4_queue *q)
{
	return q->ring_mask + 1 - q->num_free;
}

/**
 * tp4q_is_ready() - is there anything to dequeue?
 * @q: the queue
 *
 * Reads one descriptor and changes nothing.
 *
 * Return: whether tp4q_dequeue_batch() would return at least one.
 */
static inline bool tp4q_is_ready(const struct tpacket4_queue *q)
{
	struct tpacket4_desc *slot;
	union tp4_desc_word w;

	if (!tp4q_num_held(q))
		return false;

	slot = &q->ring[q->last_used_idx & q->ring_mask];
	w.word = __atomic_load_n(tp4_desc_word_ptr(slot), __ATOMIC_ACQUIRE);
	return !(w.f.flags & TP4_DESC_KERNEL);
}

/**
 * tp4q_enqueue_batch() - give descriptors to the kernel
 * @q: the queue
 * @desc: what to give. TX: @idx, @len, @offset and @flags (TP4_PKT_CONT on
 *	all frames of a packet but the last). RX: @idx, the others are ignored
 * @nr: how many
 *
 * All or nothing. The batch is written from its end, and its first descriptor
 * is released last: the kernel, which looks at descriptors in order, sees
 * either nothing or all of it, and does not fetch a cache line that is still
 * being written.
 *
 * TX: follow with tp4_socket_kick().
 *
 * Return: 0, or -ENOSPC when @nr exceeds tp4q_num_free().
 */
static inline int tp4q_enqueue_batch(struct tpacket4_queue *q,
				     const struct tpacket4_desc *desc,
				     unsigned int nr)
{
	/* The compiler cannot know that the ring is not the queue itself. */
	unsigned int first = q->avail_idx, mask = q->ring_mask;
	struct tpacket4_desc *ring = q->ring;
	unsigned int i;

	if (nr > q->num_free)
		return -ENOSPC;
	if (!nr)
		return 0;

	for (i = nr - 1; i > 0; i--)
		tp4_desc_set(&ring[(first + i) & mask], &desc[i],
			     __ATOMIC_RELAXED);
	tp4_desc_set(&ring[first & mask], desc, __ATOMIC_RELEASE);

	q->avail_idx = first + nr;
	q->num_free -= nr;
	return 0;
}

/**
 * tp4q_enqueue_frames() - give empty frames to an RX ring
 * @q: the queue
 * @idx: frame numbers
 * @nr: how many
 *
 * As tp4q_enqueue_batch(), for the one member that matters on an RX ring.
 *
 * Return: 0, or -ENOSPC when @nr exceeds tp4q_num_free().
 */
static inline int tp4q_enqueue_frames(struct tpacket4_queue *q,
				      const __u64 *idx, unsigned int nr)
{
	unsigned int first = q->avail_idx, mask = q->ring_mask;
	struct tpacket4_desc *ring = q->ring;
	struct tpacket4_desc desc;
	unsigned int i;

	if (nr > q->num_free)
		return -ENOSPC;
	if (!nr)
		return 0;

	memset(&desc, 0, sizeof(desc));
	for (i = nr - 1; i > 0; i--) {
		desc.idx = idx[i];
		tp4_desc_set(&ring[(first + i) & mask], &desc,
			     __ATOMIC_RELAXED);
	}
	desc.idx = idx[0];
	tp4_desc_set(&ring[first & mask], &desc, __ATOMIC_RELEASE);

	q->avail_idx = first + nr;
	q->num_free -= nr;
	return 0;
}

/**
 * tp4q_dequeue_batch() - take descriptors from the kernel
 * @q: the queue
 * @desc: where they are copied to
 * @nr: how many at most
 *
 * RX: received frames, in order; TP4_PKT_CONT in @flags says that the packet
 * goes on in the next descriptor, which may come with the next call. TX:
 * completions. Each names a frame that is the caller's again; do not assume
 * that it was submitted in that very descriptor. @error is an errno, or 0.
 *
 * Return: the number of descriptors taken, 0 when there are none.
 */
static inline unsigned int tp4q_dequeue_batch(struct tpacket4_queue *q,
					      struct tpacket4_desc *desc,
					      unsigned int nr)
{
	unsigned int first = q->last_used_idx, mask = q->ring_mask;
	unsigned int held = tp4q_num_held(q);
	struct tpacket4_desc *ring = q->ring;
	unsigned int i;

	/* A descriptor that was never given looks like one that came back. */
	if (nr > held)
		nr = held;

	for (i = 0; i < nr; i++)
		if (!tp4_desc_get(&ring[(first + i) & mask], &desc[i]))
			break;

	q->last_used_idx = first + i;
	q->num_free += i;
	return i;
}

/**
 * tp4q_peek() - how many descriptors has the kernel given back?
 * @q: the queue
 * @nr: how many are wanted at most
 *
 * As tp4q_dequeue_batch(), but they stay where they are: tp4q_peeked() says
 * where, and tp4q_recycle() gives them to the kernel again. Nothing is copied,
 * so this is what a receiver is best off with that is done with its packets
 * before it looks for the next ones. They can also be dequeued after all.
 *
 * Return: the number of descriptors, 0 when there are none.
 */
static inline unsigned int tp4q_peek(const struct tpacket4_queue *q,
				     unsigned int nr)
{
	unsigned int first = q->last_used_idx, mask = q->ring_mask;
	unsigned int held = tp4q_num_held(q);
	struct tpacket4_desc *ring = q->ring;
	union tp4_desc_word w;
	unsigned int i;

	/* A descriptor that was never given looks like one that came back. */
	if (nr > held)
		nr = held;

	for (i = 0; i < nr; i++) {
		/* Pairs with the kernel's release, as in tp4_desc_get() */
		w.word = __atomic_load_n(tp4_desc_word_ptr(&ring[(first + i) &
								 mask]),
					 __ATOMIC_ACQUIRE);
		if (w.f.flags & TP4_DESC_KERNEL)
			break;
	}
	return i;
}

/**
 * tp4q_peeked() - a descriptor that tp4q_peek() has counted
 * @q: the queue
 * @i: its number, from 0 on
 *
 * Return: the descriptor, in the ring; not to be used after tp4q_recycle().
 */
static inline const struct tpacket4_desc *
tp4q_peeked(const struct tpacket4_queue *q, unsigned int i)
{
	return &q->ring[(q->last_used_idx + i) & q->ring_mask];
}

/**
 * tp4q_recycle() - give frames that tp4q_peek() has shown to an RX ring again
 * @q: the queue
 * @nr: how many; no more than tp4q_peek() has counted
 *
 * As tp4q_dequeue_batch() and tp4q_enqueue_batch() of these descriptors. On a
 * ring that is full of frames, as it should be, all that is written is whose
 * they are. A descriptor with the error EBADF names no frame: do not recycle
 * it.
 */
static inline void tp4q_recycle(struct tpacket4_queue *q, unsigned int nr)
{
	unsigned int from = q->last_used_idx, to = q->avail_idx;
	struct tpacket4_desc *ring = q->ring;
	unsigned int mask = q->ring_mask;
	/* In a full ring they are where they go. */
	bool move = q->num_free;
	unsigned int i;

	if (!nr)
		return;

	/* Some go where others are: then the first ones first. */
	if (move && q->num_free < nr) {
		for (i = 0; i < nr; i++)
			ring[(to + i) & mask].idx = ring[(from + i) & mask].idx;
		move = false;
	}
	for (i = nr - 1; i > 0; i--) {
		if (move)
			ring[(to + i) & mask].idx = ring[(from + i) & mask].idx;
		tp4_desc_set_owner(&ring[(to + i) & mask], __ATOMIC_RELAXED);
	}
	if (move)
		ring[to & mask].idx = ring[from & mask].idx;
	tp4_desc_set_owner(&ring[to & mask], __ATOMIC_RELEASE);

	q->last_used_idx = from + nr;
	q->avail_idx = to + nr;
}

/**
 * tp4q_move() - give descriptors that tp4q_peek() has shown to another ring
 * @from: the queue they are in
 * @to: the queue they go to, of the same packet buffer
 * @nr: how many; no more than tp4q_peek() has counted
 *
 * As tp4q_dequeue_batch() and tp4q_enqueue_batch(), without the copy between
 * them: RX to TX sends what was received, as it is; TX to RX makes empty frames
 * of those that were sent. All or nothing. TX: follow with tp4_socket_kick().
 *
 * Return: 0, or -ENOSPC when @nr exceeds tp4q_num_free() of @to.
 */
static inline int tp4q_move(struct tpacket4_queue *from,
			    struct tpacket4_queue *to, unsigned int nr)
{
	unsigned int first = from->last_used_idx, first_to = to->avail_idx;
	unsigned int mask = from->ring_mask, mask_to = to->ring_mask;
	struct tpacket4_desc *ring = from->ring, *ring_to = to->ring;
	unsigned int i;

	if (nr > to->num_free)
		return -ENOSPC;
	if (!nr)
		return 0;

	for (i = nr - 1; i > 0; i--)
		tp4_desc_set(&ring_to[(first_to + i) & mask_to],
			     &ring[(first + i) & mask], __ATOMIC_RELAXED);
	tp4_desc_set(&ring_to[first_to & mask_to], &ring[first & mask],
		     __ATOMIC_RELEASE);

	from->last_used_idx = first + nr;
	from->num_free += nr;
	to->avail_idx = first_to + nr;
	to->num_free -= nr;
	return 0;
}

/**
 * tp4q_mark_seen() - let poll() tell of newer packets only
 * @q: an RX queue that tp4q_dequeue_batch() has emptied
 *
 * POLLIN says that the descriptor filled last was not given back. Who gives
 * all descriptors back before poll() does not need this; who keeps frames, or
 * has fewer frames than descriptors, does.
 */
static inline void tp4q_mark_seen(struct tpacket4_queue *q)
{
	tp4_aliasing_u32 *ptr;
	union tp4_desc_word w;

	/* The one taken last is ours unless it was given again. */
	if (!q->num_free)
		return;
	ptr = tp4_desc_word_ptr(&q->ring[(q->last_used_idx - 1) &
					 q->ring_mask]);
	w.word = __atomic_load_n(ptr, __ATOMIC_RELAXED);
	w.f.flags |= TP4_DESC_SEEN;
	__atomic_store_n(ptr, w.word, __ATOMIC_RELAXED);
}

/**
 * struct tp4_buffer - a packet buffer
 * @addr: its memory
 * @len: its size in bytes
 * @frame_size: bytes a frame
 * @nr_frames: number of frames; frame numbers run from 0 to @nr_frames - 1
 * @fd: the socket it is registered on; what mr_fd wants
 * @failed: after an error, the call that failed
 */
struct tp4_buffer {
	unsigned char *addr;
	size_t len;
	__u32 frame_size;
	__u32 nr_frames;
	int fd;
	const char *failed;
};

/* The address of frame @idx. */
static inline void *tp4_buffer_frame(const struct tp4_buffer *buf, __u64 idx)
{
	return buf->addr + (size_t)idx * buf->frame_size;
}

/* The address of a descriptor's data. */
static inline void *tp4_desc_data(const struct tp4_buffer *buf,
				  const struct tpacket4_desc *desc)
{
	return (unsigned char *)tp4_buffer_frame(buf, desc->idx) +
	       desc->offset;
}

/* Undoes tp4_buffer_open(); rings that still use the buffer keep it pinned. */
static inline void tp4_buffer_close(struct tp4_buffer *buf)
{
	if (buf->fd >= 0)
		close(buf->fd);
	if (buf->addr)
		munmap(buf->addr, buf->len);
	buf->fd = -1;
	buf->addr = NULL;
}

/* MAP_PRIVATE or MAP_SHARED */
static inline int tp4_buffer_create(struct tp4_buffer *buf,
				    unsigned int nr_frames,
				    unsigned int frame_size,
				    unsigned int data_headroom, int sharing)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct tpacket_memreg_req req;
	void *addr;
	int err;

	memset(buf, 0, sizeof(*buf));
	buf->fd = -1;
	buf->frame_size = frame_size ? frame_size : TP4_FRAME_SIZE_DEFAULT;
	buf->nr_frames = nr_frames;
	buf->len = (size_t)nr_frames * buf->frame_size;
	/* mmap() maps whole pages; the kernel needs only whole frames. */
	buf->len = (buf->len + page - 1) & ~(page - 1);

	buf->failed = "mmap(packet buffer)";
	addr = mmap(NULL, buf->len, PROT_READ | PROT_WRITE,
		    sharing | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (addr == MAP_FAILED)
		return -errno;
	buf->addr = (unsigned char *)addr;

	/* Protocol 0: this socket never receives anything. */
	buf->failed = "socket(PF_PACKET, SOCK_RAW)";
	buf->fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (buf->fd < 0)
		goto err_close;

	memset(&req, 0, sizeof(req));
	req.addr = (__u64)(uintptr_t)buf->addr;
	req.len = (__u64)nr_frames * buf->frame_size;
	req.frame_size = buf->frame_size;
	req.data_headroom = data_headroom;
	buf->failed = "setsockopt(PACKET_MEMREG)";
	if (setsockopt(buf->fd, SOL_PACKET, PACKET_MEMREG, &req, sizeof(req)))
		goto err_close;

	buf->failed = NULL;
	return 0;

err_close:
	err = -errno;
	tp4_buffer_close(buf);
	return err;
}

/**
 * tp4_buffer_open() - allocate and register a packet buffer (Figure 2)
 * @buf: the buffer
 * @nr_frames: number of frames
 * @frame_size: bytes a frame: a power of two from 2048 to the page size, or 0
 *	for TP4_FRAME_SIZE_DEFAULT
 * @data_headroom: bytes to be left free before received data
 *
 * The buffer gets a socket of its own, so that it outlives any one pair of
 * rings. Its memory is this process's: after a fork(), the child has a copy
 * that the kernel does not know of.
 *
 * Return: 0, or a negative errno, and @buf->failed says where: -EPERM without
 * CAP_NET_RAW, -ENOMEM above RLIMIT_MEMLOCK (CAP_IPC_LOCK lifts it), -EINVAL
 * for a bad geometry, -ENOPROTOOPT when the kernel has no TPACKET_V4.
 */
static inline int tp4_buffer_open(struct tp4_buffer *buf,
				  unsigned int nr_frames,
				  unsigned int frame_size,
				  unsigned int data_headroom)
{
	return tp4_buffer_create(buf, nr_frames, frame_size, data_headroom,
				 MAP_PRIVATE);
}

/**
 * tp4_buffer_open_shared() - a packet buffer that a fork() shares
 * @buf: as for tp4_buffer_open()
 * @nr_frames: the same
 * @frame_size: the same
 * @data_headroom: the same
 *
 * Both processes see the same memory and can use @buf->fd for rings of their
 * own. Where both ends of a veth pair do that in zero copy, the kernel swaps
 * frames between them and copies nothing. So a frame has one owner among all
 * rings and processes: begin with frames divided between them, give away only
 * what you own, and take what you own from completions.
 *
 * Return: as tp4_buffer_open().
 */
static inline int tp4_buffer_open_shared(struct tp4_buffer *buf,
					 unsigned int nr_frames,
					 unsigned int frame_size,
					 unsigned int data_headroom)
{
	return tp4_buffer_create(buf, nr_frames, frame_size, data_headroom,
				 MAP_SHARED);
}

/* struct tp4_socket_opts.flags */
#define TP4_SOCK_QDISC_BYPASS		0x01	/* PACKET_QDISC_BYPASS */
#define TP4_SOCK_IGNORE_OUTGOING	0x02	/* PACKET_IGNORE_OUTGOING */
#define TP4_SOCK_PROMISC		0x04	/* PACKET_MR_PROMISC */
#define TP4_SOCK_ZEROCOPY		0x08	/* PACKET_ZEROCOPY */
#define TP4_SOCK_NO_BIND		0x10	/* leave it to the caller */

/**
 * struct tp4_socket_opts - what tp4_socket_open() shall set up
 * @interface: name of the interface to bind to
 * @rx_buffer: packet buffer of the RX ring, may be NULL when @rx_nr is 0
 * @tx_buffer: packet buffer of the TX ring; NULL: @rx_buffer
 * @rx_nr: descriptors of the RX ring, a power of two; 0: transmit only
 * @tx_nr: descriptors of the TX ring, a power of two; 0: receive only
 * @queue_pair: the device's queue pair, with TP4_SOCK_ZEROCOPY
 * @flags: TP4_SOCK_*
 */
struct tp4_socket_opts {
	const char *interface;
	const struct tp4_buffer *rx_buffer;
	const struct tp4_buffer *tx_buffer;
	unsigned int rx_nr;
	unsigned int tx_nr;
	int queue_pair;
	unsigned int flags;
};

/**
 * struct tp4_socket - a TPACKET_V4 socket
 * @fd: the socket
 * @rx: its RX ring; all zero without one
 * @tx: its TX ring; all zero without one
 * @map: the area that both rings are mapped in
 * @map_len: its size in bytes
 * @status: the status page, or NULL: then every transmission needs a kick
 * @failed: after an error, the call that failed
 */
struct tp4_socket {
	int fd;
	struct tpacket4_queue rx;
	struct tpacket4_queue tx;
	void *map;
	size_t map_len;
	const struct tpacket4_status *status;
	const char *failed;
};

/* Undoes tp4_socket_open(). The packet buffers are not touched. */
static inline void tp4_socket_close(struct tp4_socket *sock)
{
	/* A mapping holds the socket as a descriptor does, so all must go. */
	if (sock->status)
		munmap((void *)(uintptr_t)sock->status,
		       (size_t)sysconf(_SC_PAGESIZE));
	if (sock->map)
		munmap(sock->map, sock->map_len);
	if (sock->fd >= 0)
		close(sock->fd);
	sock->status = NULL;
	sock->map = NULL;
	sock->fd = -1;
}

static inline int tp4_socket_set_ring(struct tp4_socket *sock, int option,
				      const struct tp4_buffer *buf,
				      unsigned int desc_nr)
{
	struct tpacket_req4 req;

	if (!desc_nr)
		return 0;
	if (!buf) {
		errno = EINVAL;
		return -1;
	}

	memset(&req, 0, sizeof(req));
	req.mr_fd = buf->fd;
	req.desc_nr = desc_nr;
	return setsockopt(sock->fd, SOL_PACKET, option, &req, sizeof(req));
}

/* Both rings lie in one area, TX right behind RX. */
static inline int tp4_socket_map(struct tp4_socket *sock, unsigned int rx_nr,
				 unsigned int tx_nr)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	struct tpacket4_desc *ring;
	void *map;

	sock->map_len = ((size_t)rx_nr + tx_nr) * sizeof(*ring);
	sock->map_len = (sock->map_len + page - 1) & ~(page - 1);
	if (!sock->map_len)
		return 0;

	/*
	 * Ring pages are the kernel's and never swapped: MAP_LOCKED would only
	 * charge them to RLIMIT_MEMLOCK.
	 */
	map = mmap(NULL, sock->map_len, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, sock->fd, 0);
	if (map == MAP_FAILED)
		return -1;

	sock->map = map;
	ring = (struct tpacket4_desc *)map;
	if (rx_nr)
		tp4q_init(&sock->rx, ring, rx_nr);
	if (tx_nr)
		tp4q_init(&sock->tx, ring + rx_nr, tx_nr);

	/* Without it we kick each time, so a failure is none. */
	if (tx_nr && sizeof(off_t) > 4) {
		map = mmap(NULL, page, PROT_READ, MAP_SHARED, sock->fd,
			   (off_t)TP4_PGOFF_STATUS);
		if (map != MAP_FAILED)
			sock->status = (const struct tpacket4_status *)map;
	}
	return 0;
}

static inline int tp4_socket_set_flags(struct tp4_socket *sock,
				       const struct tp4_socket_opts *opts,
				       unsigned int ifindex)
{
	struct packet_mreq mreq;
	int one = 1;

	sock->failed = "setsockopt(PACKET_QDISC_BYPASS)";
	if ((opts->flags & TP4_SOCK_QDISC_BYPASS) &&
	    setsockopt(sock->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
		       sizeof(one)))
		return -1;

	sock->failed = "setsockopt(PACKET_IGNORE_OUTGOING)";
	if ((opts->flags & TP4_SOCK_IGNORE_OUTGOING) &&
	    setsockopt(sock->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)))
		return -1;

	memset(&mreq, 0, sizeof(mreq));
	mreq.mr_ifindex = (int)ifindex;
	mreq.mr_type = PACKET_MR_PROMISC;
	sock->failed = "setsockopt(PACKET_ADD_MEMBERSHIP, PACKET_MR_PROMISC)";
	if ((opts->flags & TP4_SOCK_PROMISC) &&
	    setsockopt(sock->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq,
		       sizeof(mreq)))
		return -1;

	return 0;
}

/**
 * tp4_socket_bind() - let packets flow
 * @sock: the socket, opened with TP4_SOCK_NO_BIND
 * @opts: the same as for tp4_socket_open()
 *
 * Return: 0, or a negative errno, and @sock->failed says where.
 */
static inline int tp4_socket_bind(struct tp4_socket *sock,
				  const struct tp4_socket_opts *opts)
{
	struct sockaddr_ll ll;

	memset(&ll, 0, sizeof(ll));
	ll.sll_family = PF_PACKET;
	/*
	 * A transmit-only socket keeps protocol 0, so that the kernel does not
	 * offer it each received packet.
	 */
	ll.sll_protocol = opts->rx_nr ? htons(ETH_P_ALL) : 0;
	ll.sll_ifindex = (int)if_nametoindex(opts->interface);
	sock->failed = "if_nametoindex()";
	if (!ll.sll_ifindex)
		return -errno;

	sock->failed = "bind()";
	if (bind(sock->fd, (struct sockaddr *)&ll, sizeof(ll)))
		return -errno;

	sock->failed = NULL;
	return 0;
}

/**
 * tp4_socket_open() - set up a socket in the order of Figure 2
 * @sock: the socket
 * @opts: what to set up; zero it first, so that new members mean "no"
 *
 * Version, rings, one mmap, options, zero copy, bind. Packets flow from bind
 * on, once frames are given with tp4q_enqueue_frames(); to have frames on the
 * ring before the first packet, use TP4_SOCK_NO_BIND and tp4_socket_bind().
 *
 * Return: 0, or a negative errno, and @sock->failed says where. -EINVAL from
 * PACKET_VERSION: the kernel has no TPACKET_V4. -EPERM: CAP_NET_RAW is needed,
 * for PACKET_ZEROCOPY CAP_NET_ADMIN. -EOPNOTSUPP from PACKET_ZEROCOPY: the
 * driver cannot; there is no silent fall-back to copy mode.
 */
static inline int tp4_socket_open(struct tp4_socket *sock,
				  const struct tp4_socket_opts *opts)
{
	int version = TPACKET_V4;
	unsigned int ifindex;
	int err;

	memset(sock, 0, sizeof(*sock));

	/* Protocol 0: bind() hooks the socket on its interface, and only there. */
	sock->failed = "socket(PF_PACKET, SOCK_RAW)";
	sock->fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (sock->fd < 0)
		return -errno;

	sock->failed = "if_nametoindex()";
	ifindex = if_nametoindex(opts->interface);
	if (!ifindex)
		goto err_close;

	sock->failed = "setsockopt(PACKET_VERSION, TPACKET_V4)";
	if (setsockopt(sock->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		goto err_close;

	sock->failed = "setsockopt(PACKET_RX_RING)";
	if (tp4_socket_set_ring(sock, PACKET_RX_RING, opts->rx_buffer,
				opts->rx_nr))
		goto err_close;

	sock->failed = "setsockopt(PACKET_TX_RING)";
	if (tp4_socket_set_ring(sock, PACKET_TX_RING,
				opts->tx_buffer ? opts->tx_buffer :
						  opts->rx_buffer,
				opts->tx_nr))
		goto err_close;

	sock->failed = "mmap(rings)";
	if (tp4_socket_map(sock, opts->rx_nr, opts->tx_nr))
		goto err_close;

	if (tp4_socket_set_flags(sock, opts, ifindex))
		goto err_close;

	sock->failed = "setsockopt(PACKET_ZEROCOPY)";
	if ((opts->flags & TP4_SOCK_ZEROCOPY) &&
	    setsockopt(sock->fd, SOL_PACKET, PACKET_ZEROCOPY,
		       &opts->queue_pair, sizeof(opts->queue_pair)))
		goto err_close;

	sock->failed = NULL;
	if (opts->flags & TP4_SOCK_NO_BIND)
		return 0;

	err = tp4_socket_bind(sock, opts);
	if (err)
		tp4_socket_close(sock);
	return err;

err_close:
	err = -errno;
	tp4_socket_close(sock);
	return err;
}

/**
 * tp4_socket_needs_kick() - does the kernel have to be told of descriptors?
 * @sock: the socket, after tp4q_enqueue_batch() on its TX ring
 *
 * In zero copy, the kernel goes on sending without being told for as long as
 * there is something to send. It says so in the status page.
 *
 * Return: false if all that was enqueued before the call will be sent without
 * a system call; true if not, and always in copy mode.
 */
static inline bool tp4_socket_needs_kick(const struct tp4_socket *sock)
{
	if (!sock->status)
		return true;

	/*
	 * The kernel sets the flag and then looks at the ring once more; we
	 * filled the ring and now look at the flag. With a full barrier on both
	 * sides one of us sees the other.
	 */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return __atomic_load_n(&sock->status->tx_flags, __ATOMIC_RELAXED) &
	       TP4_STATUS_TX_KICK;
}

/**
 * tp4_socket_kick() - get transmission going after tp4q_enqueue_batch()
 * @sock: the socket
 * @flags: MSG_DONTWAIT: do not wait; 0: wait until all is handed over, unless
 *	the kernel needs no kick
 *
 * Return: bytes handed over; 0 also when the kernel needs no kick. A negative
 * errno otherwise. -EAGAIN: the send buffer is full; try again later, or without
 * MSG_DONTWAIT to wait for it. (POLLOUT is for that only when the ring is full:
 * it says that there is room on the ring, too.)
 */
static inline ssize_t tp4_socket_kick(struct tp4_socket *sock, int flags)
{
	ssize_t ret;

	if (!tp4_socket_needs_kick(sock))
		return 0;

	ret = send(sock->fd, NULL, 0, flags);
	return ret < 0 ? -errno : ret;
}

/**
 * tp4_socket_stats() - read PACKET_STATISTICS
 * @sock: the socket
 * @stats: packets and drops since the last call, and totals by cause
 *
 * Return: 0 or a negative errno.
 */
static inline int tp4_socket_stats(struct tp4_socket *sock,
				   struct tpacket_stats_v4 *stats)
{
	socklen_t len = sizeof(*stats);

	memset(stats, 0, sizeof(*stats));
	if (getsockopt(sock->fd, SOL_PACKET, PACKET_STATISTICS, stats, &len))
		return -errno;
	return 0;
}

/**
 * struct tp4_backoff - how to wait for the kernel without poll()
 * @spins: pauses of the next wait; starts at 1, doubles up to @max
 * @max: most pauses of one wait; 0 means TP4_BACKOFF_MAX
 * @yield: give the CPU away when @max is reached: needed where both sides
 *	share a CPU, costs a system call where they do not
 *
 * Both sides of a ring that look at one descriptor all the time take its
 * cache line from one another; the busier side pays. So look seldom.
 */
struct tp4_backoff {
	unsigned int spins;
	unsigned int max;
	bool yield;
};

#define TP4_BACKOFF_MAX	256

static inline void tp4_cpu_relax(void)
{
#if defined(__x86_64__) || defined(__SSE2__)
	__builtin_ia32_pause();
#elif defined(__aarch64__) || defined(__arm__)
	__asm__ __volatile__("yield" ::: "memory");
#else
	__asm__ __volatile__("" ::: "memory");
#endif
}

/* Something came: look again soon. */
static inline void tp4_backoff_reset(struct tp4_backoff *backoff)
{
	backoff->spins = 1;
}

/* Nothing came: wait, twice as long as the last time. */
static inline void tp4_backoff_wait(struct tp4_backoff *backoff)
{
	unsigned int max = backoff->max ? backoff->max : TP4_BACKOFF_MAX;
	unsigned int i;

	if (!backoff->spins)
		backoff->spins = 1;
	for (i = 0; i < backoff->spins; i++)
		tp4_cpu_relax();

	if (backoff->spins < max)
		backoff->spins *= 2;
	else if (backoff->yield)
		sched_yield();
}

#ifdef __cplusplus
}
#endif

#endif /* TPACKET4_USER_H */

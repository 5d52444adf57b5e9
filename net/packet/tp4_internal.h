/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_PACKET V4: private types
 *
 * Who owns a frame
 *
 *	where it is				owner
 *	ring slot without TP4_DESC_KERNEL	user space
 *	ring slot with it, not taken		user space, up to the moment
 *						the kernel takes the slot
 *	packet array, from end to gathered	kernel: packet incomplete
 *	packet array, from curr to end		kernel: waiting
 *	packet array, from start to curr	kernel: being filled or sent
 *	on no ring				user space
 *
 * In copy mode frames are read and written by the kernel while it owns them,
 * through the kernel mapping of the packet buffer, and nothing else refers to
 * them: an skb never does. User space can write to its buffer at any time; what
 * the kernel decides on, it has copied before.
 *
 * Locks, outermost first
 *
 *	rtnl
 *	lock_sock	version, options, ring set-up, MEMREG
 *	tp4_sock.lock	mutex; swapping the rings, and the whole of a batch of
 *			transmission: the TX array has one owner. Never held
 *			while waiting for memory of the socket's send buffer.
 *			Nests in mmap_lock, so no access to user memory here.
 *	po->bind_lock	receive hook
 *	tp4_sock.rx_lock  spinlock, softirq; RX array and its statistics, and
 *			reading the rings for poll(). Rings are swapped with
 *			both this and tp4_sock.lock held, so either one keeps
 *			them where they are; so does RCU, under which receivers
 *			copy to the frames that they have reserved.
 *
 * Context of the functions that af_packet.c calls
 *
 *	tp4_rcv()			softirq or BH off, RCU; takes rx_lock
 *	tp4_sendmsg()			process; takes tp4_sock.lock
 *	tp4_poll(), tp4_rx_room()	any; the former takes rx_lock
 *	tp4_mmap()			process, mmap_lock; takes tp4_sock.lock
 *	tp4_setsockopt()		process, no lock: user memory is pinned
 *					and copied before it takes lock_sock
 *	tp4_set_version()		process, lock_sock
 *	tp4_release()			process, no user left
 *
 * Lifetime
 *
 *	struct tp4_sock is made by the first PACKET_VERSION or PACKET_MEMREG
 *	that needs it and lives until packet_release(). A packet buffer lives as
 *	long as the socket it was registered on or a ring refers to it. The area
 *	that holds the rings is freed when they are replaced, which is refused
 *	while it is mapped; a mapping holds the file, thus the socket.
 */

#ifndef _TP4_INTERNAL_H
#define _TP4_INTERNAL_H

#include <linux/bits.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/tpacket4.h>

#include "internal.h"
#include "tp4_queue.h"

struct page;
struct user_struct;

/* Most slots in a ring: 16 MiB of descriptors. */
#define TP4_DESC_NR_MAX		BIT(20)

/* Packets that are handed to the device between two looks at anything else. */
#define TP4_TX_BATCH		64

/* Most frames of a packet to send. */
#define TP4_TX_FRAMES_MAX	256

/**
 * struct tp4_umem - a packet buffer
 * @addr: kernel address of its first frame
 * @frame_nr: number of frames
 * @frame_shift: log2 of the size of a frame in bytes
 * @data_headroom: bytes that received data leaves free, from PACKET_MEMREG
 * @users: references: the socket it was registered on, and rings
 * @pages: the pinned pages
 * @npages: number of @pages
 * @user: who is charged for them, or NULL
 *
 * Nothing but @users changes between tp4_umem_create() and the last
 * tp4_umem_put().
 */
struct tp4_umem {
	void *addr;
	u32 frame_nr;
	u32 frame_shift;
	u32 data_headroom;
	refcount_t users;
	struct page **pages;
	unsigned long npages;
	struct user_struct *user;
};

/**
 * struct tp4_tx_packet - a packet of the batch in progress
 * @skb: the packet
 * @len: its length in bytes
 * @frames: where it came from
 */
struct tp4_tx_packet {
	struct sk_buff *skb;
	u32 len;
	struct tp4_frame_set frames;
};

/**
 * struct tp4_ring - one of the two rings of a socket
 * @arr: packet array on @q
 * @q: the ring
 * @published: RX only: user space was given something; under rx_lock
 * @blocked: TX only: packets wait for room in the send buffer
 * @batch: TX only: the batch in progress, TP4_TX_BATCH entries
 */
struct tp4_ring {
	struct tp4_packet_array *arr;
	struct tp4_queue q;
	bool published;
	bool blocked;
	struct tp4_tx_packet *batch;
};

/**
 * struct tp4_rings - what PACKET_RX_RING and PACKET_TX_RING set up
 * @area: memory that user space maps: the slots of @rx, then those of @tx
 * @rx: receive ring, or NULL
 * @tx: transmit ring, or NULL
 */
struct tp4_rings {
	void *area;
	struct tp4_ring *rx;
	struct tp4_ring *tx;
};

/**
 * struct tp4_sock - the V4 part of a packet socket
 * @lock: see above
 * @umem: packet buffer registered on this socket, or NULL; set once, with
 *	lock_sock held
 * @plain_rcv: receive hook that the socket had before it became V4
 * @mapped: number of mappings of the rings' area
 * @status: page that user space can map
 * @tx_errors: valid packets that were not sent; under @lock
 * @rx_lock: see above
 * @rings: changed with @lock and @rx_lock held
 * @stats: of receiving; under @rx_lock
 */
struct tp4_sock {
	struct mutex lock;		/* see above */
	struct tp4_umem *umem;
	int (*plain_rcv)(struct sk_buff *skb, struct net_device *dev,
			 struct packet_type *pt, struct net_device *orig_dev);
	atomic_t mapped;
	struct tpacket4_status *status;
	u64 tx_errors;

	/* see above */
	spinlock_t rx_lock ____cacheline_aligned_in_smp;
	struct tp4_rings rings;
	struct tpacket_stats_v4 stats;
};

static inline u32 tp4_umem_frame_size(const struct tp4_umem *umem)
{
	return 1U << umem->frame_shift;
}

static inline struct tp4_umem *tp4_umem_get(struct tp4_umem *umem)
{
	refcount_inc(&umem->users);
	return umem;
}

/* tp4_umem.c */
struct tp4_umem *tp4_umem_create(sockptr_t optval, unsigned int optlen);
void tp4_umem_put(struct tp4_umem *umem);

/* tp4_array.c: arrays that many CPUs receive into */
bool tp4a_reserve(struct tp4_packet_array *a, u32 n, struct tp4_frame_set *p);
void tp4a_release(const struct tp4_frame_set *p);

#endif /* _TP4_INTERNAL_H */

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
 * In zero copy, the packet array and thus its frames are the driver's. A device
 * may access those that it has been given, until tp4a_flush() or TP4_DISABLE.
 * Between two sockets with one packet buffer, a packet changes hands by an
 * exchange of frames: the receiver's empty one for the sender's full one.
 *
 * In copy mode frames are read and written by the kernel while it owns them,
 * through the kernel mapping of the packet buffer. In both modes nothing else
 * refers to them: an skb or an xdp_frame never does. User space can write to its
 * buffer at any time; what the kernel decides on, it has copied before.
 *
 * Locks, outermost first
 *
 *	lock_sock	version, options, bind(), ring set-up, MEMREG. Outside of
 *			rtnl, as a ring of V3 asks the device for its speed.
 *	rtnl		zero copy: who holds a queue pair, and, while it is
 *			being taken back and when it was lost, the rings
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
 *	tp4_umem.dma_lock  mutex; innermost
 *
 * The data path of zero copy has no lock: NAPI is the owner of an array, or who
 * has taken NAPI without having it run. Socket calls look at a ring's indices, but
 * leave the arrays alone.
 *
 * PACKET_SOCK_ZEROCOPY changes under lock_sock and rtnl. While it is set there is no receive
 * hook, and who sends in copy mode looks at it with tp4_sock.lock held, so the two
 * modes never meet on a ring.
 *
 * Context of the functions that af_packet.c calls
 *
 *	tp4_rcv()			softirq or BH off, RCU; takes rx_lock
 *	tp4_sendmsg()			process; takes tp4_sock.lock
 *	tp4_poll(), tp4_rx_room()	any; the former takes rx_lock
 *	tp4_mmap()			process, mmap_lock; takes tp4_sock.lock
 *	tp4_setsockopt()		process, no lock: user memory is pinned
 *					and copied before it takes lock_sock;
 *					PACKET_ZEROCOPY takes rtnl, too
 *	tp4_bind(), tp4_zc_release()	process, no lock; take rtnl in zero copy
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
 *
 *	A queue pair is held from PACKET_ZEROCOPY or bind() until the socket
 *	leaves zero copy, is closed, or the interface goes down; when that call, or
 *	the one that brings the interface down, returns, the driver has forgotten
 *	the socket. See tp4_zc.c.
 */

#ifndef _TP4_INTERNAL_H
#define _TP4_INTERNAL_H

#include <linux/bits.h>
#include <linux/list.h>
#include <linux/mm_types.h>
#include <linux/mutex.h>
#include <linux/netdevice.h>
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
 * struct tp4_umem_dma - a packet buffer as a device sees it
 * @list: in &tp4_umem.dma_maps
 * @dev: the device, with a reference
 * @users: packet arrays that use it
 * @pages: DMA addresses of the buffer's pages
 */
struct tp4_umem_dma {
	struct list_head list;
	struct device *dev;
	unsigned int users;
	dma_addr_t pages[];
};

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
 * @dma_lock: innermost; protects @dma_maps
 * @dma_maps: devices that the buffer is mapped for
 *
 * Nothing but @users and @dma_maps changes between tp4_umem_create() and the last
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
	struct mutex dma_lock;		/* see above */
	struct list_head dma_maps;
};

/**
 * struct tp4_wire - a packet as it is on the wire, piece by piece
 * @skb: the packet, data at its link header
 * @snaplen: bytes to copy, less the tag
 * @len: bytes to copy, the tag included
 * @has_tag: @tag goes behind the MAC addresses
 * @tag: VLAN tag that is not in the skb's data
 * @sum_len: bytes of @sum
 * @sum_pos: where in the packet they go
 * @sum: checksum that is not in the skb's data
 */
struct tp4_wire {
	const struct sk_buff *skb;
	u32 snaplen;
	u32 len;
	bool has_tag;
	__be16 tag[2];
	u32 sum_len;
	u32 sum_pos;
	union {
		__sum16 csum;
		__le32 crc;
		u8 bytes[4];
	} sum;
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
 * @published: RX only: user space was given something; under rx_lock in copy
 *	mode
 * @blocked: TX only: packets wait for room in the send buffer
 * @batch: TX only: the batch in progress, TP4_TX_BATCH entries
 * @heads: TX only: the page that skbs have their heads in
 */
struct tp4_ring {
	struct tp4_packet_array *arr;
	struct tp4_queue q;
	bool published;
	bool blocked;
	struct tp4_tx_packet *batch;
	struct page_frag_cache heads;
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
 * @sk: the socket
 * @zc_queue: queue pair that PACKET_ZEROCOPY asked for, or -1; under lock_sock
 * @zc_dev: device whose queue pair the socket holds, or NULL; changed under RTNL
 * @zc_tracker: of the reference to @zc_dev
 * @zc_filter_locked: SOCK_FILTER_LOCKED as it was before zero copy
 * @zc_packets_read: what PACKET_STATISTICS has told of; under @lock
 * @zc_drops_read: likewise
 * @rings_generation: how often @rings have changed; under @lock
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
	struct sock *sk;
	int zc_queue;
	struct net_device __rcu *zc_dev;
	netdevice_tracker zc_tracker;
	bool zc_filter_locked;
	u64 zc_packets_read;
	u64 zc_drops_read;
	u32 rings_generation;

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

/* tp4_sock.c */
int tp4_unbind(struct sock *sk);

/* tp4_umem.c */
struct tp4_umem *tp4_umem_create(sockptr_t optval, unsigned int optlen);
void tp4_umem_put(struct tp4_umem *umem);
const dma_addr_t *tp4_umem_map(struct tp4_umem *umem, struct device *dev);
void tp4_umem_unmap(struct tp4_umem *umem, struct device *dev);

/* tp4_array.c */
void tp4a_destroy(struct tp4_packet_array *a);
void tp4a_rewind(struct tp4_packet_array *a, bool concurrent);
void tp4a_reset(struct tp4_packet_array *a, bool concurrent);

/* tp4_array.c: arrays that many CPUs receive into */
bool tp4a_reserve(struct tp4_packet_array *a, u32 n, struct tp4_frame_set *p);
void tp4a_release(const struct tp4_frame_set *p);

/**
 * tp4a_reserve_one - get an empty frame, without the detours
 * @a: concurrent array
 * @slot: set to its free-running number in the ring
 * @idx: set to the frame's number
 *
 * tp4a_reserve() for packets of one frame, which are most: the descriptor goes
 * from the ring into registers, and no frame set is made.
 *
 * Context: any; the caller holds the lock of the array.
 * Return: false if it is not as simple as that, or if there is none:
 * tp4a_reserve() will say.
 */
static inline bool tp4a_reserve_one(struct tp4_packet_array *a, u32 *slot,
				    u64 *idx)
{
	struct tpacket4_desc *item = tp4a_item(a, a->curr);
	struct tp4_queue *q = a->queue_opaque;
	u32 curr = a->curr;
	struct tpacket4_desc d;

	/* tp4a_reserve() has left some that did not suffice. */
	if (unlikely(a->end != curr))
		return false;
	/* (F) pairs with (E) in tp4a_release() */
	if (unlikely(smp_load_acquire(&item->flags) & TP4_DESC_KERNEL))
		return false;
	if (unlikely(!tp4q_read(q, curr, &d) ||
		     tp4_check_idx(&d, a->frame_nr)))
		return false;

	WRITE_ONCE(item->flags, TP4_DESC_KERNEL);
	*idx = d.idx;
	*slot = curr++;
	a->start = curr;
	a->end = curr;
	/* tp4_rx_room() looks at it without the lock. */
	WRITE_ONCE(a->curr, curr);
	return true;
}

/**
 * tp4a_release_one - give a packet of one frame to user space
 * @a: concurrent array
 * @slot: from tp4a_reserve_one()
 * @d: what user space finds there
 *
 * Context: any. Needs no lock.
 */
static inline void tp4a_release_one(struct tp4_packet_array *a, u32 slot,
				    const struct tpacket4_desc *d)
{
	tp4q_give(a->queue_opaque, slot, d, 0, 0, 1);
	/* (E) pairs with (F) */
	smp_store_release(&tp4a_item(a, slot)->flags, 0);
}

/* tp4_xdp.c */
u32 tp4_xdp_run(struct tp4_packet_array *a, u32 n);
void tp4_xdp_add_stats(struct tpacket_stats_v4 *st,
		       const struct tp4_queue_stats *q);

/* tp4_skb.c */
void tp4_wire_init(struct tp4_wire *w, const struct sk_buff *skb, u32 snaplen);
void tp4_wire_to_frames(struct tp4_wire *w, struct tp4_frame_set *p, u32 room);

/* tp4_zc.c */
int tp4_set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen);
int tp4_zc_sendmsg(struct sock *sk, struct msghdr *msg);
int tp4_zc_kick(struct tp4_sock *tp4);

#endif /* _TP4_INTERNAL_H */

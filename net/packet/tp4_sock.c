// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: socket options, set-up and teardown of rings, mmap, poll
 */

#include <linux/capability.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/gfp.h>
#include <linux/if_ether.h>
#include <linux/if_vlan.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <net/sock.h>
#include <asm/shmparam.h>

#include "tp4_internal.h"

static struct tp4_sock *tp4_sock_get(struct packet_sock *po)
{
	struct tp4_sock *tp4 = po->tp4;

	if (tp4)
		return tp4;

	tp4 = kzalloc(sizeof(*tp4), GFP_KERNEL_ACCOUNT);
	if (!tp4)
		return NULL;
	tp4->status = (void *)get_zeroed_page(GFP_KERNEL_ACCOUNT);
	if (!tp4->status) {
		kfree(tp4);
		return NULL;
	}
	/* Copy mode sends in send(), never by itself. */
	tp4->status->tx_flags = TP4_STATUS_TX_KICK;
	mutex_init(&tp4->lock);
	spin_lock_init(&tp4->rx_lock);
	tp4->sk = &po->sk;
	tp4->zc_queue = -1;

	/* Pairs with the acquire of those who look without lock_sock. */
	smp_store_release(&po->tp4, tp4);
	return tp4;
}

/* Options that would have no effect on a V4 socket, and so are refused. */
static bool tp4_lacks_option(int optname)
{
	switch (optname) {
	case PACKET_COPY_THRESH:
	case PACKET_LOSS:
	case PACKET_AUXDATA:
	case PACKET_ORIGDEV:
	case PACKET_VNET_HDR:
	case PACKET_VNET_HDR_SZ:
	case PACKET_TIMESTAMP:
	case PACKET_TX_HAS_OFF:
		return true;
	default:
		return false;
	}
}

static bool tp4_lacked_option_set(const struct packet_sock *po)
{
	return po->vnet_hdr_sz || po->copy_thresh || po->tp_tstamp ||
	       packet_sock_flag(po, PACKET_SOCK_TX_HAS_OFF) ||
	       packet_sock_flag(po, PACKET_SOCK_TP_LOSS) ||
	       packet_sock_flag(po, PACKET_SOCK_AUXDATA) ||
	       packet_sock_flag(po, PACKET_SOCK_ORIGDEV);
}

/* Undoes bind() and the hook that socket() sets, waits for receivers and drops
 * what they have queued. Only bind() hooks the socket again: NETDEV_UP does not.
 */
int tp4_unbind(struct sock *sk)
{
	struct packet_sock *po = pkt_sk(sk);
	__be16 num;

	sock_owned_by_me(sk);

	spin_lock(&po->bind_lock);
	if (po->fanout) {
		spin_unlock(&po->bind_lock);
		return -EBUSY;
	}
	/* Keeps out packet_notifier(): who has seen the old ifindex is waited for. */
	num = po->num;
	WRITE_ONCE(po->num, 0);
	WRITE_ONCE(po->ifindex, 0);
	if (packet_sock_flag(po, PACKET_SOCK_RUNNING)) {
		packet_sock_flag_set(po, PACKET_SOCK_RUNNING, false);
		__dev_remove_pack(&po->prot_hook);
		__sock_put(sk);
	}
	RCU_INIT_POINTER(po->cached_dev, NULL);
	netdev_put(po->prot_hook.dev, &po->prot_hook.dev_tracker);
	po->prot_hook.dev = NULL;
	/* bind() compares: nothing is as it was. */
	po->prot_hook.type = 0;
	spin_unlock(&po->bind_lock);

	synchronize_net();

	spin_lock(&po->bind_lock);
	/* One who had may have made it -1, as the device was going. */
	WRITE_ONCE(po->ifindex, 0);
	WRITE_ONCE(po->num, num);
	spin_unlock(&po->bind_lock);

	skb_queue_purge(&sk->sk_receive_queue);
	return 0;
}

/**
 * tp4_set_version - PACKET_VERSION, as far as TPACKET_V4 has a part in it
 * @sk: a packet socket without a ring
 * @version: the version to be
 *
 * Becoming V4, and leaving it, unbinds the socket: no packet comes before
 * bind(). The caller stores the version.
 *
 * Context: process, lock_sock held.
 * Return: 0; EBUSY if the socket has a packet buffer or is in a fanout group;
 * EINVAL if it is not SOCK_RAW, has another protocol than ETH_P_ALL, or an
 * option is set that V4 does not have; ENOMEM.
 */
int tp4_set_version(struct sock *sk, enum tpacket_versions version)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_sock *tp4 = po->tp4;
	int err;

	sock_owned_by_me(sk);

	if (tp4 && tp4->umem)
		return -EBUSY;
	if (version == po->tp_version ||
	    (version != TPACKET_V4 && !packet_is_v4(po)))
		return 0;

	if (version != TPACKET_V4) {
		err = tp4_unbind(sk);
		if (!err) {
			po->prot_hook.func = tp4->plain_rcv;
			/* tp4_get_zerocopy() looks at it without a lock. */
			WRITE_ONCE(tp4->zc_queue, -1);
		}
		return err;
	}

	if (sk->sk_type != SOCK_RAW || tp4_lacked_option_set(po))
		return -EINVAL;
	if (po->num && po->num != htons(ETH_P_ALL))
		return -EINVAL;
	tp4 = tp4_sock_get(po);
	if (!tp4)
		return -ENOMEM;
	err = tp4_unbind(sk);
	if (err)
		return err;
	tp4->plain_rcv = po->prot_hook.func;
	po->prot_hook.func = tp4_rcv;
	/* Lets sock_wfree() do with one atomic operation for each packet. */
	sock_set_flag(sk, SOCK_RCU_FREE);
	return 0;
}
EXPORT_SYMBOL_GPL(tp4_set_version);

/* PACKET_MEMREG (paper: Figure 2), on a packet socket of any version. One that
 * is not V4 only holds the buffer: it gets no packets any more.
 */
static int tp4_set_memreg(struct sock *sk, sockptr_t optval,
			  unsigned int optlen)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_umem *umem;
	struct tp4_sock *tp4;
	int err = -EBUSY;

	umem = tp4_umem_create(optval, optlen);
	if (IS_ERR(umem))
		return PTR_ERR(umem);

	lock_sock(sk);
	if (READ_ONCE(po->ifindex) || po->rx_ring.pg_vec || po->tx_ring.pg_vec)
		goto out;
	tp4 = tp4_sock_get(po);
	if (!tp4) {
		err = -ENOMEM;
		goto out;
	}
	if (tp4->umem)
		goto out;
	err = tp4_unbind(sk);
	if (!err)
		/* Pairs with tp4_umem_of(), on another socket's behalf. */
		smp_store_release(&tp4->umem, umem);
out:
	release_sock(sk);
	if (err)
		tp4_umem_put(umem);
	return err;
}

/* A reference to the packet buffer of the socket that @fd is. */
static struct tp4_umem *tp4_umem_of(int fd)
{
	struct tp4_umem *umem = NULL;
	struct tp4_sock *tp4;
	struct socket *sock;
	int err;

	sock = sockfd_lookup(fd, &err);
	if (!sock)
		return ERR_PTR(err == -ENOTSOCK ? -EINVAL : err);

	if (sock->sk->sk_family == PF_PACKET) {
		/* Pairs with tp4_sock_get(). Once set, this and the buffer stay
		 * until release, and we hold the file.
		 */
		tp4 = smp_load_acquire(&pkt_sk(sock->sk)->tp4);
		/* Pairs with tp4_set_memreg() */
		umem = tp4 ? smp_load_acquire(&tp4->umem) : NULL;
		if (umem)
			tp4_umem_get(umem);
	}
	sockfd_put(sock);
	return umem ?: ERR_PTR(-EINVAL);
}

static void tp4_ring_free(struct tp4_ring *ring)
{
	if (!ring)
		return;
	tp4a_destroy(ring->arr);
	tp4_umem_put(ring->q.umem);
	page_frag_cache_drain(&ring->heads);
	kfree(ring->batch);
	kfree(ring);
}

static struct tp4_ring *tp4_ring_new(struct tp4_sock *tp4,
				     struct tp4_umem *umem, u32 nr, bool tx)
{
	struct tp4_ring *ring;

	ring = kzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);
	if (!ring)
		return NULL;
	ring->q.umem = tp4_umem_get(umem);
	ring->q.mask = nr - 1;
	ring->q.status = tp4->status;

	if (tx) {
		ring->arr = tp4a_tx_new(&ring->q, min(nr, TP4_TX_FRAMES_MAX),
					NULL);
		ring->batch = kcalloc(TP4_TX_BATCH, sizeof(*ring->batch),
				      GFP_KERNEL_ACCOUNT);
	} else {
		ring->arr = tp4a_rx_new(&ring->q, nr, NULL);
	}
	if (!ring->arr || (tx && !ring->batch)) {
		tp4_ring_free(ring);
		return NULL;
	}
	return ring;
}

static size_t tp4_area_size(const struct tp4_rings *rings)
{
	size_t nr = 0;

	if (rings->rx)
		nr += tp4q_nr(&rings->rx->q);
	if (rings->tx)
		nr += tp4q_nr(&rings->tx->q);
	return PAGE_ALIGN(nr * sizeof(struct tpacket4_desc));
}

static void tp4_rings_free(struct tp4_rings *rings)
{
	tp4_ring_free(rings->rx);
	tp4_ring_free(rings->tx);
	vfree(rings->area);
}

/* Zeroed memory that user space can map, charged as all that a ring is made of. */
static void *tp4_area_new(size_t size)
{
	return __vmalloc_node_range(size, SHMLBA, VMALLOC_START, VMALLOC_END,
				    GFP_KERNEL_ACCOUNT | __GFP_ZERO,
				    PAGE_KERNEL, VM_USERMAP, NUMA_NO_NODE,
				    __builtin_return_address(0));
}

/* Makes one of the new rings: as asked for, or like the old one. */
static int tp4_ring_renew(struct tp4_sock *tp4, struct tp4_ring **new,
			  const struct tp4_ring *old,
			  const struct tpacket_req4 *req, bool tx)
{
	struct tp4_umem *umem;
	u32 nr;

	if (req) {
		nr = req->desc_nr;
		if (!nr)
			return 0;
		umem = tp4_umem_of(req->mr_fd);
		if (IS_ERR(umem))
			return PTR_ERR(umem);
	} else {
		if (!old)
			return 0;
		nr = tp4q_nr(&old->q);
		umem = tp4_umem_get(old->q.umem);
	}

	*new = tp4_ring_new(tp4, umem, nr, tx);
	tp4_umem_put(umem);
	return *new ? 0 : -ENOMEM;
}

/* Received data leaves the larger of both headrooms free, and room for a
 * standard Ethernet frame must be left behind it.
 */
static int tp4_ring_set_headroom(struct tp4_ring *ring, u32 reserve)
{
	const struct tp4_umem *umem = ring->q.umem;
	u32 headroom = max(umem->data_headroom, reserve);

	if (headroom > tp4_umem_frame_size(umem) - VLAN_ETH_FRAME_LEN)
		return -EINVAL;
	ring->q.headroom = headroom;
	ring->arr->headroom = headroom;
	return 0;
}

/* Makes @new, the rings as they will be. They share an area, so both are made
 * anew; the one that @req is not for as it was.
 */
static int tp4_rings_new(struct packet_sock *po, struct tp4_rings *new,
			 const struct tpacket_req4 *req, bool tx)
{
	struct tp4_sock *tp4 = po->tp4;
	const struct tp4_rings *old = &tp4->rings;
	union tp4_slot *slot;
	int err;

	err = tp4_ring_renew(tp4, &new->rx, old->rx, tx ? NULL : req, false);
	if (err)
		return err;
	err = tp4_ring_renew(tp4, &new->tx, old->tx, tx ? req : NULL, true);
	if (err)
		goto err_free;
	if (new->rx) {
		err = tp4_ring_set_headroom(new->rx, po->tp_reserve);
		if (err)
			goto err_free;
	}
	if (!new->rx && !new->tx)
		return 0;

	new->area = tp4_area_new(tp4_area_size(new));
	if (!new->area) {
		err = -ENOMEM;
		goto err_free;
	}
	slot = new->area;
	if (new->rx) {
		new->rx->q.ring = slot;
		slot += tp4q_nr(&new->rx->q);
	}
	if (new->tx)
		new->tx->q.ring = slot;
	return 0;

err_free:
	tp4_rings_free(new);
	return err;
}

/* Adds what the queues of @rings have counted: all but the first two members,
 * which start anew when they are read.
 */
static void tp4_add_stats(struct tpacket_stats_v4 *st,
			  const struct tp4_rings *rings)
{
	const struct tp4_queue_stats *q;

	if (rings->rx) {
		q = &rings->rx->q.stats;
		st->rx_invalid_desc += READ_ONCE(q->invalid);
		st->rx_no_frame += READ_ONCE(q->no_frame);
		tp4_xdp_add_stats(st, q);
	}
	if (rings->tx) {
		q = &rings->tx->q.stats;
		st->tx_invalid_desc += READ_ONCE(q->invalid);
		st->tx_errors += READ_ONCE(q->failed) + READ_ONCE(q->too_long);
	}
}

/* Adds to the first two members what zero copy has counted since the last call. */
static void tp4_take_counts(struct tp4_sock *tp4, struct tpacket_stats_v4 *st)
{
	const struct tp4_queue_stats *q;
	u64 packets, drops;

	lockdep_assert_held(&tp4->lock);

	if (!tp4->rings.rx)
		return;
	q = &tp4->rings.rx->q.stats;
	packets = READ_ONCE(q->packets);
	drops = READ_ONCE(q->no_frame);
	st->tp_packets += packets - tp4->zc_packets_read;
	st->tp_drops += drops - tp4->zc_drops_read;
	tp4->zc_packets_read = packets;
	tp4->zc_drops_read = drops;
}

/* Replaces the rings of a socket by @rings, which holds the old ones, unused by
 * anybody, afterwards. Packets may come in meanwhile.
 */
static int tp4_rings_install(struct tp4_sock *tp4, struct tp4_rings *rings)
{
	struct tp4_rings old;

	mutex_lock(&tp4->lock);
	if (atomic_read(&tp4->mapped)) {
		mutex_unlock(&tp4->lock);
		return -EBUSY;
	}
	spin_lock_bh(&tp4->rx_lock);
	old = tp4->rings;
	tp4_take_counts(tp4, &tp4->stats);
	tp4_add_stats(&tp4->stats, &old);
	tp4->zc_packets_read = 0;
	tp4->zc_drops_read = 0;
	tp4->rings_generation++;
	tp4->rings.area = rings->area;
	tp4->rings.tx = rings->tx;
	/* Pairs with tp4_rx_room(), which has no lock. */
	smp_store_release(&tp4->rings.rx, rings->rx);
	spin_unlock_bh(&tp4->rx_lock);
	mutex_unlock(&tp4->lock);

	/* Receivers copy to frames of the old ring without a lock. */
	synchronize_net();
	*rings = old;
	return 0;
}

/* PACKET_RX_RING and PACKET_TX_RING (paper: Figure 2) */
static int tp4_set_ring(struct sock *sk, sockptr_t optval, unsigned int optlen,
			bool tx)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_rings rings = {};
	struct tpacket_req4 req;
	int err;

	if (optlen != sizeof(req))
		return -EINVAL;
	if (copy_from_sockptr(&req, optval, sizeof(req)))
		return -EFAULT;
	if (req.desc_nr && (!is_power_of_2(req.desc_nr) ||
			    req.desc_nr > TP4_DESC_NR_MAX))
		return -EINVAL;

	lock_sock(sk);
	err = -EBUSY;
	/* It may have left V4 while the lock was not held. */
	if (!packet_is_v4(po) || atomic_read(&po->tp4->mapped) ||
	    packet_sock_flag(po, PACKET_SOCK_ZEROCOPY))
		goto out;
	/* Its share of the packets would be lost. */
	if (!tx && !req.desc_nr && READ_ONCE(po->fanout))
		goto out;
	err = tp4_rings_new(po, &rings, &req, tx);
	if (err)
		goto out;
	err = tp4_rings_install(po->tp4, &rings);
	tp4_rings_free(&rings);
out:
	release_sock(sk);
	return err;
}

/**
 * tp4_has_rings - does a socket have a V4 ring?
 * @po: a packet socket, of any version
 *
 * Return: true if it has one.
 */
bool tp4_has_rings(const struct packet_sock *po)
{
	const struct tp4_sock *tp4 = po->tp4;

	return tp4 && tp4->rings.area;
}
EXPORT_SYMBOL_GPL(tp4_has_rings);

/**
 * tp4_setsockopt - options that are V4's, or that V4 does not have
 * @sk: a packet socket, of any version
 * @optname: SOL_PACKET option
 * @optval: its value
 * @optlen: bytes at @optval
 *
 * PACKET_MEMREG: EFAULT if the memory is not there or cannot be written, EINVAL
 * if the geometry is not right, ENOMEM if the user's RLIMIT_MEMLOCK does not
 * suffice or memory is short, EBUSY if the socket has a packet buffer, is bound,
 * in a fanout group, or has a ring of V1 to V3.
 *
 * PACKET_RX_RING, PACKET_TX_RING: EBADF if mr_fd is not a file descriptor,
 * EINVAL if it is no packet socket with a packet buffer, desc_nr is not a power
 * of two or too large, or PACKET_RESERVE leaves too little of a frame, EBUSY if
 * the rings are mapped or a fanout group would lose a receiver, ENOMEM.
 *
 * PACKET_FANOUT: EINVAL without an RX ring or in zero copy, or else as for other
 * versions.
 *
 * PACKET_ZEROCOPY: EINVAL if the socket is not V4, has a filter or no ring, or
 * there is no such queue pair, EPERM without CAP_NET_ADMIN in the network
 * namespace, EOPNOTSUPP if the driver cannot do it, EBUSY if the socket or
 * somebody else holds the queue pair, the socket is in a fanout group, or generic
 * XDP is in use, ENETDOWN if the interface is down, and what the driver says. On
 * a socket that is not bound, most of these come from bind(). 0 for -1, which
 * leaves zero copy.
 *
 * Context: process, may sleep; no lock held.
 * Return: 0 or a negative errno; 1 if the option is none of this.
 */
int tp4_setsockopt(struct sock *sk, int optname, sockptr_t optval,
		   unsigned int optlen)
{
	switch (optname) {
	case PACKET_MEMREG:
		return tp4_set_memreg(sk, optval, optlen);
	case PACKET_ZEROCOPY:
		return tp4_set_zerocopy(sk, optval, optlen);
	}

	if (!packet_is_v4(pkt_sk(sk)))
		return 1;
	if (tp4_lacks_option(optname))
		return -EINVAL;

	switch (optname) {
	case PACKET_FANOUT:
		/* see tp4_set_ring() */
		if (!READ_ONCE(pkt_sk(sk)->tp4->rings.rx) ||
		    tp4_get_zerocopy(pkt_sk(sk)) >= 0 ||
		    packet_sock_flag(pkt_sk(sk), PACKET_SOCK_ZEROCOPY))
			return -EINVAL;
		return 1;
	case PACKET_RX_RING:
		return tp4_set_ring(sk, optval, optlen, false);
	case PACKET_TX_RING:
		return tp4_set_ring(sk, optval, optlen, true);
	default:
		return 1;
	}
}
EXPORT_SYMBOL_GPL(tp4_setsockopt);

/**
 * tp4_get_stats - PACKET_STATISTICS
 * @po: a V4 socket
 * @st: set to the counters; tp_packets and tp_drops start from 0 again
 *
 * Context: process; takes the socket's V4 lock.
 */
void tp4_get_stats(struct packet_sock *po, struct tpacket_stats_v4 *st)
{
	struct tp4_sock *tp4 = po->tp4;

	mutex_lock(&tp4->lock);
	spin_lock_bh(&tp4->rx_lock);
	*st = tp4->stats;
	tp4->stats.tp_packets = 0;
	tp4->stats.tp_drops = 0;
	tp4_take_counts(tp4, st);
	tp4_add_stats(st, &tp4->rings);
	spin_unlock_bh(&tp4->rx_lock);
	mutex_unlock(&tp4->lock);

	/* as for V1 to V3 */
	st->tp_packets += st->tp_drops;
}
EXPORT_SYMBOL_GPL(tp4_get_stats);

/**
 * tp4_ring_info - what sock_diag tells of a ring
 * @po: a V4 socket
 * @tx: the transmit ring
 * @nr: set to the number of descriptors
 * @frame_size: set to the size of a frame in bytes
 *
 * Context: process; takes rx_lock.
 * Return: false if there is no such ring.
 */
bool tp4_ring_info(struct packet_sock *po, bool tx, u32 *nr, u32 *frame_size)
{
	struct tp4_sock *tp4 = po->tp4;
	const struct tp4_ring *ring;

	/* Not the mutex: nobody is to wait for another's transmission. */
	spin_lock_bh(&tp4->rx_lock);
	ring = tx ? tp4->rings.tx : tp4->rings.rx;
	if (ring) {
		*nr = tp4q_nr(&ring->q);
		*frame_size = tp4_umem_frame_size(ring->q.umem);
	}
	spin_unlock_bh(&tp4->rx_lock);
	return ring;
}
EXPORT_SYMBOL_GPL(tp4_ring_info);

/**
 * tp4_poll - poll() on a V4 socket
 * @file: the socket's file
 * @sock: the socket
 * @wait: poll table
 *
 * Readable while the slot published last is user space's and not marked with
 * TP4_DESC_SEEN. The mark is for who does not give all slots back, because it
 * keeps frames or has fewer frames than slots. Writable while the slot
 * completed last (at first the ring's last) is user space's, that is until it
 * has filled the ring, and when what the send buffer had no room for can be
 * sent.
 *
 * In zero copy, a device that has run out of frames hears of new ones here.
 *
 * Context: process; takes rx_lock.
 * Return: poll mask.
 */
__poll_t tp4_poll(struct file *file, struct socket *sock, poll_table *wait)
{
	struct sock *sk = sock->sk;
	struct tp4_sock *tp4 = pkt_sk(sk)->tp4;
	const struct tp4_ring *ring;
	__poll_t mask = 0;
	bool kick = false;
	u32 last;

	sock_poll_wait(file, sock, wait);

	if (READ_ONCE(sk->sk_err))
		mask |= EPOLLERR;
	if (!skb_queue_empty_lockless(&sk->sk_error_queue))
		mask |= EPOLLERR | (sock_flag(sk, SOCK_SELECT_ERR_QUEUE) ?
				    EPOLLPRI : 0);

	spin_lock_bh(&tp4->rx_lock);
	ring = tp4->rings.rx;
	if (ring && READ_ONCE(ring->published)) {
		last = packet_sock_flag(pkt_sk(sk), PACKET_SOCK_ZEROCOPY) ?
		       READ_ONCE(ring->q.tail) : ring->arr->curr;
		if (!tp4q_user_seen(&ring->q, last - 1))
			mask |= EPOLLIN | EPOLLRDNORM;
	}
	if (ring) {
		/* (H) pairs with (G) in tp4a_rx_idle(): user space may have
		 * had none.
		 */
		smp_mb();
		kick = READ_ONCE(ring->q.wants_frames) &&
		       !tp4q_user_owns(&ring->q, READ_ONCE(ring->q.head));
	}
	ring = tp4->rings.tx;
	if (ring && (tp4q_user_owns(&ring->q, READ_ONCE(ring->q.tail) - 1) ||
		     (READ_ONCE(ring->blocked) && sock_writeable(sk))))
		mask |= EPOLLOUT | EPOLLWRNORM;
	spin_unlock_bh(&tp4->rx_lock);

	if (kick)
		tp4_zc_kick(tp4);
	return mask;
}
EXPORT_SYMBOL_GPL(tp4_poll);

static void tp4_vm_open(struct vm_area_struct *vma)
{
	struct socket *sock = vma->vm_file->private_data;

	atomic_inc(&pkt_sk(sock->sk)->tp4->mapped);
}

static void tp4_vm_close(struct vm_area_struct *vma)
{
	struct socket *sock = vma->vm_file->private_data;

	atomic_dec(&pkt_sk(sock->sk)->tp4->mapped);
}

static const struct vm_operations_struct tp4_vm_ops = {
	.open	= tp4_vm_open,
	.close	= tp4_vm_close,
};

static int tp4_mmap_status(struct tp4_sock *tp4, struct vm_area_struct *vma)
{
	if (vma->vm_flags & VM_WRITE)
		return -EACCES;
	if (vma->vm_end - vma->vm_start != PAGE_SIZE)
		return -EINVAL;
	vm_flags_mod(vma, VM_DONTCOPY | VM_DONTEXPAND, VM_MAYWRITE);
	return vm_insert_page(vma, vma->vm_start, virt_to_page(tp4->status));
}

/**
 * tp4_mmap - map the rings, or the status page
 * @file: the socket's file
 * @sock: the socket
 * @vma: where to
 *
 * The rings are for one process: they can be mapped once, and fork() does not
 * copy the mapping.
 *
 * Context: process, mmap_lock held for writing.
 * Return: 0; EINVAL if there is no ring, or size, offset or MAP_SHARED are not
 * right; EBUSY if the rings are mapped; EACCES for writing to the status page.
 */
int tp4_mmap(struct file *file, struct socket *sock, struct vm_area_struct *vma)
{
	struct tp4_sock *tp4 = pkt_sk(sock->sk)->tp4;
	int err = -EINVAL;

	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff == TP4_PGOFF_STATUS >> PAGE_SHIFT)
		return tp4_mmap_status(tp4, vma);
	if (vma->vm_pgoff)
		return -EINVAL;

	mutex_lock(&tp4->lock);
	if (!tp4->rings.area ||
	    vma->vm_end - vma->vm_start != tp4_area_size(&tp4->rings))
		goto out;
	err = -EBUSY;
	if (atomic_read(&tp4->mapped))
		goto out;
	err = remap_vmalloc_range(vma, tp4->rings.area, 0);
	if (err)
		goto out;
	/* VM_IO: so that madvise(MADV_DOFORK) cannot undo it. */
	vm_flags_set(vma, VM_DONTCOPY | VM_IO);
	vma->vm_ops = &tp4_vm_ops;
	atomic_inc(&tp4->mapped);
out:
	mutex_unlock(&tp4->lock);
	return err;
}
EXPORT_SYMBOL_GPL(tp4_mmap);

/**
 * tp4_release - give back everything V4 of a socket that is being closed
 * @sk: a packet socket, of any version
 *
 * Context: process, may sleep; no system call, mapping or receiver is left.
 */
void tp4_release(struct sock *sk)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_sock *tp4 = po->tp4;

	if (!tp4)
		return;

	po->tp4 = NULL;
	tp4_rings_free(&tp4->rings);
	tp4_umem_put(tp4->umem);
	free_page((unsigned long)tp4->status);
	mutex_destroy(&tp4->lock);
	kfree(tp4);
}
EXPORT_SYMBOL_GPL(tp4_release);

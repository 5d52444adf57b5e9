// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: zero copy: a socket holds a queue pair of a device
 *
 * The data path is the driver's, by way of packet arrays; here is who may have
 * a queue pair and how it is given and taken back.
 *
 *	copy mode --- enter ---> held --- disable ---> lost
 *	    ^			  |		        |
 *	    +------ leave --------+---------------------+
 *
 * PACKET_SOCK_ZEROCOPY is set in "held" and in "lost". It keeps the receive hook
 * off, the rings as they are, and copy mode away from them: with zero copy asked
 * for, packets never come the other way. A queue pair is lost when the interface
 * goes down; then all descriptors come back with ENETDOWN, and the socket may
 * ask for a queue pair again, or leave.
 *
 * RTNL is held through every change. The rings belong to the driver while the
 * queue pair is held, and to the holder of RTNL when it is lost.
 */

#include <linux/capability.h>
#include <linux/init.h>
#include <linux/net.h>
#include <linux/netdevice.h>
#include <linux/rtnetlink.h>
#include <linux/wait.h>
#include <net/busy_poll.h>
#include <net/netdev_rx_queue.h>
#include <net/sock.h>
#include <net/xdp_sock_drv.h>

#define CREATE_TRACE_POINTS
#include <trace/events/tpacket4.h>

#include "tp4_internal.h"

static bool tp4_in_zerocopy(const struct packet_sock *po)
{
	return packet_sock_flag(po, PACKET_SOCK_ZEROCOPY);
}

/**
 * tp4_queue_is_held - does a packet socket hold a queue pair?
 * @dev: device
 * @queue_pair: number of the queue pair; there need not be such a queue
 *
 * Context: RTNL held.
 * Return: true if one does.
 */
bool tp4_queue_is_held(const struct net_device *dev, unsigned int queue_pair)
{
	ASSERT_RTNL();

	return queue_pair < dev->num_rx_queues && dev->_rx[queue_pair].tp4;
}

/**
 * tp4_dev_is_held - does a packet socket hold any queue pair of a device?
 * @dev: device
 *
 * Context: RTNL held.
 * Return: true if one does.
 */
bool tp4_dev_is_held(const struct net_device *dev)
{
	unsigned int i;

	for (i = 0; i < dev->num_rx_queues; i++)
		if (tp4_queue_is_held(dev, i))
			return true;
	return false;
}

static void tp4_zc_data_ready(void *opaque)
{
	struct tp4_sock *tp4 = opaque;

	WRITE_ONCE(tp4->rings.rx->published, true);
	tp4->sk->sk_data_ready(tp4->sk);
}

/* Not sk_write_space(), which keeps silent while copy mode's skbs are about. */
static void tp4_zc_write_space(void *opaque)
{
	struct sock *sk = ((struct tp4_sock *)opaque)->sk;
	struct socket_wq *wq;

	rcu_read_lock();
	wq = rcu_dereference(sk->sk_wq);
	if (skwq_has_sleeper(wq))
		wake_up_interruptible_sync_poll(&wq->wait, EPOLLOUT |
						EPOLLWRNORM | EPOLLWRBAND);
	sk_wake_async_rcu(sk, SOCK_WAKE_SPACE, POLL_OUT);
	rcu_read_unlock();
}

static void tp4_zc_error_report(void *opaque, int error)
{
	struct sock *sk = ((struct tp4_sock *)opaque)->sk;

	WRITE_ONCE(sk->sk_err, error);
	sk_error_report(sk);
}

/* The RX ring, unless the socket has protocol 0 and only sends. */
static struct tp4_ring *tp4_zc_rx(const struct packet_sock *po)
{
	return po->num ? po->tp4->rings.rx : NULL;
}

static int tp4_zc_check(struct sock *sk, struct net_device *dev, int queue_pair)
{
	struct packet_sock *po = pkt_sk(sk);

	if (!(dev->flags & IFF_UP))
		return -ENETDOWN;
	if (!ns_capable(dev_net(dev)->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	if (!dev->netdev_ops->ndo_tp4_zerocopy ||
	    !dev->netdev_ops->ndo_tp4_xmit)
		return -EOPNOTSUPP;
	if (queue_pair >= dev->real_num_rx_queues ||
	    queue_pair >= dev->real_num_tx_queues)
		return -EINVAL;
	if (!tp4_zc_rx(po) && !po->tp4->rings.tx)
		return -EINVAL;
	/* Nobody would run it. */
	if (rcu_access_pointer(sk->sk_filter))
		return -EINVAL;
	if (tp4_queue_is_held(dev, queue_pair) ||
	    xsk_get_pool_from_qid(dev, queue_pair) ||
	    dev->_rx[queue_pair].mp_params.mp_priv ||
	    rtnl_dereference(dev->xdp_prog))
		return -EBUSY;
	return 0;
}

/* From now on the receive hook stays off, and copy mode leaves the rings alone.
 * @running is set to whether there was one.
 */
static int tp4_zc_unhook(struct packet_sock *po, bool *running)
{
	spin_lock(&po->bind_lock);
	/* A group's hook is not the socket's; joining one takes the lock, too,
	 * and a hook.
	 */
	if (po->fanout) {
		spin_unlock(&po->bind_lock);
		return -EBUSY;
	}
	packet_sock_flag_set(po, PACKET_SOCK_ZEROCOPY, true);
	*running = packet_sock_flag(po, PACKET_SOCK_RUNNING);
	if (*running) {
		packet_sock_flag_set(po, PACKET_SOCK_RUNNING, false);
		__dev_remove_pack(&po->prot_hook);
		__sock_put(&po->sk);
	}
	spin_unlock(&po->bind_lock);
	synchronize_net();
	return 0;
}

static void tp4_zc_rehook(struct packet_sock *po, bool running)
{
	spin_lock(&po->bind_lock);
	packet_sock_flag_set(po, PACKET_SOCK_ZEROCOPY, false);
	if (running && po->num && po->prot_hook.dev &&
	    (po->prot_hook.dev->flags & IFF_UP) && !po->fanout &&
	    !packet_sock_flag(po, PACKET_SOCK_RUNNING)) {
		dev_add_pack(&po->prot_hook);
		sock_hold(&po->sk);
		packet_sock_flag_set(po, PACKET_SOCK_RUNNING, true);
	}
	spin_unlock(&po->bind_lock);
}

/* What copy mode holds goes back to the ring, where the driver will find it. */
static void tp4_zc_rewind(struct tp4_sock *tp4)
{
	mutex_lock(&tp4->lock);
	spin_lock_bh(&tp4->rx_lock);
	if (tp4->rings.rx)
		tp4a_rewind(tp4->rings.rx->arr, true);
	if (tp4->rings.tx) {
		tp4a_rewind(tp4->rings.tx->arr, false);
		WRITE_ONCE(tp4->rings.tx->blocked, false);
	}
	spin_unlock_bh(&tp4->rx_lock);
	mutex_unlock(&tp4->lock);
}

/* No NAPI looks at the TX ring by itself any more. Who has not seen this has queued
 * what a look at the ring, from here on, finds: (G), see tp4a_tx_idle().
 */
static void tp4_zc_want_kicks(struct tp4_sock *tp4)
{
	WRITE_ONCE(tp4->status->tx_flags, TP4_STATUS_TX_KICK);
	smp_mb();	/* (G) */
}

static void tp4_zc_set_cancel_error(struct tp4_rings *rings, u8 error)
{
	if (rings->rx)
		rings->rx->q.cancel_error = error;
	if (rings->tx)
		rings->tx->q.cancel_error = error;
}

/* Copy mode goes on where the driver has left off. */
static void tp4_zc_reset(struct tp4_sock *tp4)
{
	mutex_lock(&tp4->lock);
	spin_lock_bh(&tp4->rx_lock);
	if (tp4->rings.rx)
		tp4a_reset(tp4->rings.rx->arr, true);
	if (tp4->rings.tx)
		tp4a_reset(tp4->rings.tx->arr, false);
	spin_unlock_bh(&tp4->rx_lock);
	mutex_unlock(&tp4->lock);
}

/**
 * tp4_zc_enter - make a socket hold a queue pair
 * @sk: a V4 socket that does not hold one
 * @dev: the device it is bound to
 * @queue_pair: which one
 *
 * When it fails, the socket is in copy mode, or has lost its queue pair, as
 * before. What the driver has taken until then comes back with ECANCELED.
 *
 * Context: process, RTNL and lock_sock held.
 * Return: 0 or a negative errno, see tp4_setsockopt().
 */
static int tp4_zc_enter(struct sock *sk, struct net_device *dev, int queue_pair)
{
	struct tp4_netdev_parms parms = {
		.command = TP4_ENABLE,
		.data_ready = tp4_zc_data_ready,
		.data_ready_opaque = pkt_sk(sk)->tp4,
		.write_space = tp4_zc_write_space,
		.write_space_opaque = pkt_sk(sk)->tp4,
		.error_report = tp4_zc_error_report,
		.error_report_opaque = pkt_sk(sk)->tp4,
		.queue_pair = queue_pair,
	};
	struct packet_sock *po = pkt_sk(sk);
	bool lost = tp4_in_zerocopy(po);
	struct tp4_sock *tp4 = po->tp4;
	bool running = false;
	u32 rx_tail = 0;
	int err;

	ASSERT_RTNL();
	sock_owned_by_me(sk);

	err = tp4_zc_check(sk, dev, queue_pair);
	if (err)
		return err;

	if (!lost) {
		err = tp4_zc_unhook(po, &running);
		if (err)
			return err;
		tp4_zc_rewind(tp4);
		/* While nobody receives, who would look at other flags. */
		tp4->zc_filter_locked = sock_flag(sk, SOCK_FILTER_LOCKED);
		sock_set_flag(sk, SOCK_FILTER_LOCKED);
		/* tp4_poll() may have looked where the driver will leave off,
		 * but had not begun.
		 */
		sk->sk_data_ready(sk);
		tp4_zc_write_space(tp4);
	}
	if (tp4_zc_rx(po))
		parms.rx_opaque = &tp4->rings.rx->q;
	if (tp4->rings.tx)
		parms.tx_opaque = &tp4->rings.tx->q;

	/* For a driver that fails late; it may be another one's by now. */
	tp4_zc_set_cancel_error(&tp4->rings, ECANCELED);
	if (tp4->rings.rx)
		rx_tail = tp4->rings.rx->q.tail;
	err = dev->netdev_ops->ndo_tp4_zerocopy(dev, &parms);
	trace_tp4_zc_enable(dev, queue_pair, err);
	if (err) {
		tp4_zc_want_kicks(tp4);
		if (!lost) {
			tp4_zc_reset(tp4);
			sock_valbool_flag(sk, SOCK_FILTER_LOCKED,
					  tp4->zc_filter_locked);
			tp4_zc_rehook(po, running);
		}
		/* The driver may have given some back. */
		if (tp4->rings.rx && tp4->rings.rx->q.tail != rx_tail)
			tp4_zc_data_ready(tp4);
		tp4_zc_write_space(tp4);
		return err;
	}

#ifdef CONFIG_NET_RX_BUSY_POLL
	WRITE_ONCE(sk->sk_napi_id, parms.napi_id);
#endif
	WRITE_ONCE(tp4->zc_queue, queue_pair);
	dev->_rx[queue_pair].tp4 = tp4;
	netdev_hold(dev, &tp4->zc_tracker, GFP_KERNEL);
	rcu_assign_pointer(tp4->zc_dev, dev);
	/* Nobody else may do so for what is on the ring already, such as what had no
	 * room in the send buffer.
	 */
	if (tp4->rings.tx && !tp4q_idle(&tp4->rings.tx->q))
		tp4_zc_kick(tp4);
	return 0;
}

/* Gives back what user space has queued and the driver has not taken. Each slot
 * once, as user space may queue more.
 */
static void tp4_zc_drain_ring(struct tp4_ring *ring, u8 error, bool tx)
{
	struct tpacket4_desc d;
	struct tp4_queue *q;
	u32 n;

	if (!ring)
		return;

	q = &ring->q;
	for (n = tp4q_nr(q); n && tp4q_take(q, &d); n--) {
		if (!tx)
			d = (struct tpacket4_desc) { .idx = d.idx };
		d.flags &= TP4_PKT_CONT | TP4_PKT_KEEP;
		tp4q_answer(q, &d, error);
		/* The end of a packet may still come. */
		q->gather_error = d.flags & TP4_PKT_CONT ? error : 0;
	}
}

static void tp4_zc_drain(struct tp4_sock *tp4, u8 error)
{
	tp4_zc_drain_ring(tp4->rings.rx, error, false);
	tp4_zc_drain_ring(tp4->rings.tx, error, true);
	if (tp4->rings.rx)
		tp4_zc_data_ready(tp4);
	tp4_zc_write_space(tp4);
}

/**
 * tp4_zc_disable - take the queue pair back from a socket
 * @tp4: the socket, or one that holds none
 * @error: errno for descriptors that have not been dealt with
 * @drain: somebody is left to read them
 *
 * When this returns, neither the driver nor its device refers to the socket, its
 * rings or its packet buffers, and another socket can have the queue pair.
 *
 * Context: process, RTNL held.
 */
static void tp4_zc_disable(struct tp4_sock *tp4, u8 error, bool drain)
{
	struct net_device *dev = rtnl_dereference(tp4->zc_dev);
	struct tp4_netdev_parms parms = {
		.command = TP4_DISABLE,
		.queue_pair = tp4->zc_queue,
	};

	if (!dev)
		return;

	/* No more kicks. */
	RCU_INIT_POINTER(tp4->zc_dev, NULL);
	synchronize_net();

	tp4_zc_set_cancel_error(&tp4->rings, error);
	WARN_ON_ONCE(dev->netdev_ops->ndo_tp4_zerocopy(dev, &parms));
	trace_tp4_zc_disable(dev, tp4->zc_queue, error);
	dev->_rx[tp4->zc_queue].tp4 = NULL;
	netdev_put(dev, &tp4->zc_tracker);
#ifdef CONFIG_NET_RX_BUSY_POLL
	WRITE_ONCE(tp4->sk->sk_napi_id, 0);
#endif
	if (!drain)
		return;

	tp4_zc_want_kicks(tp4);
	tp4_zc_drain(tp4, error);
	if (error == ENETDOWN)
		tp4_zc_error_report(tp4, error);
}

/* Back to copy mode. What was queued since the queue pair was lost stays. */
static void tp4_zc_leave(struct sock *sk)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_sock *tp4 = po->tp4;

	if (!tp4_in_zerocopy(po))
		return;

	tp4_zc_disable(tp4, ECANCELED, true);
	tp4_zc_reset(tp4);
	sock_valbool_flag(sk, SOCK_FILTER_LOCKED, tp4->zc_filter_locked);
	tp4_zc_rehook(po, true);
}

static int tp4_zc_set_queue(struct sock *sk, int queue_pair)
{
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_sock *tp4 = po->tp4;
	struct net_device *dev;

	/* It may have left V4 while the lock was not held. */
	if (!packet_is_v4(po))
		return -EINVAL;
	if (queue_pair == -1) {
		tp4_zc_leave(sk);
		WRITE_ONCE(tp4->zc_queue, -1);
		return 0;
	}
	if (rtnl_dereference(tp4->zc_dev) || READ_ONCE(po->fanout))
		return -EBUSY;
	if (READ_ONCE(po->ifindex)) {
		/* RTNL keeps it. */
		dev = po->prot_hook.dev;
		return dev ? tp4_zc_enter(sk, dev, queue_pair) : -ENETDOWN;
	}
	/* bind() will ask for it. */
	WRITE_ONCE(tp4->zc_queue, queue_pair);
	return 0;
}

/* PACKET_ZEROCOPY (paper: Figure 2) */
int tp4_set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int queue_pair;
	int err;

	if (optlen != sizeof(queue_pair))
		return -EINVAL;
	if (copy_from_sockptr(&queue_pair, optval, sizeof(queue_pair)))
		return -EFAULT;
	if (!packet_is_v4(pkt_sk(sk)) || queue_pair < -1)
		return -EINVAL;
	if (queue_pair >= 0 &&
	    !ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN))
		return -EPERM;

	lock_sock(sk);
	rtnl_lock();
	err = tp4_zc_set_queue(sk, queue_pair);
	rtnl_unlock();
	release_sock(sk);
	return err;
}

/**
 * tp4_get_zerocopy - getsockopt() of PACKET_ZEROCOPY
 * @po: a V4 socket
 *
 * Return: the queue pair that the socket holds, or will ask for when it is
 * bound; -1 in copy mode, and when the queue pair was lost.
 */
int tp4_get_zerocopy(const struct packet_sock *po)
{
	struct tp4_sock *tp4 = po->tp4;

	if (tp4_in_zerocopy(po) && !rcu_access_pointer(tp4->zc_dev))
		return -1;
	return READ_ONCE(tp4->zc_queue);
}
EXPORT_SYMBOL_GPL(tp4_get_zerocopy);

/**
 * tp4_bind - bind() of a V4 socket
 * @sk: the socket
 * @ifindex: interface
 * @proto: protocol, or 0
 * @do_bind: what binds in copy mode; called with lock_sock held
 *
 * With zero copy asked for, it is all or nothing: a socket that cannot have the
 * queue pair is not bound.
 *
 * Context: process, no lock held; takes lock_sock and RTNL.
 * Return: 0 or a negative errno: that of @do_bind, EBUSY if the socket is in
 * zero copy, or what PACKET_ZEROCOPY answers on a socket that is bound.
 */
int tp4_bind(struct sock *sk, int ifindex, __be16 proto,
	     int (*do_bind)(struct sock *sk, const char *name, int ifindex,
			    __be16 proto))
{
	struct packet_sock *po = pkt_sk(sk);
	int err;

	/* PACKET_ZEROCOPY comes before or after. */
	lock_sock(sk);
	/* It may have left V4 while the lock was not held. */
	if (!packet_is_v4(po) || READ_ONCE(po->tp4->zc_queue) < 0) {
		err = do_bind(sk, NULL, ifindex, proto);
		goto out_release;
	}

	rtnl_lock();
	err = -EBUSY;
	if (tp4_in_zerocopy(po))
		goto out_unlock;

	/* Not a packet in copy mode. */
	packet_sock_flag_set(po, PACKET_SOCK_ZEROCOPY, true);
	err = do_bind(sk, NULL, ifindex, proto);
	packet_sock_flag_set(po, PACKET_SOCK_ZEROCOPY, false);
	if (!err && po->prot_hook.dev) {
		err = tp4_zc_enter(sk, po->prot_hook.dev, po->tp4->zc_queue);
		if (err) {
			tp4_unbind(sk);
			/* What @do_bind says of an interface that is down. */
			sock_error(sk);
		}
	}
out_unlock:
	rtnl_unlock();
out_release:
	release_sock(sk);
	return err;
}
EXPORT_SYMBOL_GPL(tp4_bind);

/* Gets the driver's NAPI going, if the socket holds a queue pair. */
int tp4_zc_kick(struct tp4_sock *tp4)
{
	struct net_device *dev;
	int err = -ENETDOWN;

	/* What the driver raises, runs when BH are on again. */
	local_bh_disable();
	rcu_read_lock();
	dev = rcu_dereference(tp4->zc_dev);
	if (dev) {
		/* The number is no part of the device: pairs with
		 * rcu_assign_pointer() in tp4_zc_enter().
		 */
		smp_rmb();
		err = dev->netdev_ops->ndo_tp4_xmit(dev,
						    READ_ONCE(tp4->zc_queue));
	}
	rcu_read_unlock();
	local_bh_enable();
	return err;
}

/**
 * struct tp4_zc_send - what a call of send() knows
 * @begun: the rest is known
 * @generation: of the rings when it began
 * @tail: of the ring when it began
 * @bytes: what the ring had sent by then
 */
struct tp4_zc_send {
	bool begun;
	u32 generation;
	u32 tail;
	u64 bytes;
};

/* Returns true if there is nothing to wait for; @sent or a negative errno says
 * what send() returns. Each slot is waited for once, as another thread may queue
 * more for ever.
 */
static bool tp4_zc_sent(struct packet_sock *po, struct tp4_zc_send *snd,
			int *sent)
{
	struct tp4_sock *tp4 = po->tp4;
	struct tp4_ring *ring;
	bool done = true;
	u64 bytes;
	u32 tail;

	/* Keeps the ring, not the driver. */
	mutex_lock(&tp4->lock);
	ring = tp4->rings.tx;
	if (!ring) {
		*sent = -EINVAL;
		goto out;
	}
	tail = READ_ONCE(ring->q.tail);
	done = tp4q_idle(&ring->q) || !tp4_in_zerocopy(po);
	/* Pairs with tp4q_advance_tail() */
	smp_rmb();
	bytes = READ_ONCE(ring->q.stats.bytes);
	if (!snd->begun) {
		snd->begun = true;
		snd->generation = tp4->rings_generation;
		snd->tail = tail;
		snd->bytes = bytes;
	} else if (tp4->rings_generation != snd->generation) {
		/* Another thread has left zero copy and made a new one. */
		done = true;
		goto out;
	}
	*sent = min_t(u64, bytes - snd->bytes, INT_MAX);
	done = done || tail - snd->tail > ring->q.mask;
out:
	mutex_unlock(&tp4->lock);
	return done;
}

/**
 * tp4_zc_sendmsg - have the driver send what is on the TX ring
 * @sk: a V4 socket in zero copy
 * @msg: flags
 *
 * Context: process.
 * Return: as tp4_sendmsg() does; ENETDOWN if the queue pair was lost, or cannot
 * send for the time being. EAGAIN if nothing was sent before SO_SNDTIMEO.
 */
int tp4_zc_sendmsg(struct sock *sk, struct msghdr *msg)
{
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	struct packet_sock *po = pkt_sk(sk);
	struct tp4_zc_send snd = {};
	bool wait_for_all;
	long timeo;
	int sent = 0;
	int err = 0;

	timeo = sock_sndtimeo(sk, msg->msg_flags & MSG_DONTWAIT);
	wait_for_all = timeo;
	if (tp4_zc_sent(po, &snd, &sent))
		return sent;

	add_wait_queue(sk_sleep(sk), &wait);
	for (;;) {
		if (sk_can_busy_loop(sk))
			sk_busy_loop(sk, 1);
		if (tp4_zc_sent(po, &snd, &sent))
			break;
		err = tp4_zc_kick(po->tp4);
		if (err || tp4_zc_sent(po, &snd, &sent) || !wait_for_all)
			break;
		if (!timeo) {
			err = -EAGAIN;
			break;
		}
		if (signal_pending(current)) {
			err = sock_intr_errno(timeo);
			break;
		}
		timeo = wait_woken(&wait, TASK_INTERRUPTIBLE, timeo);
	}
	remove_wait_queue(sk_sleep(sk), &wait);

	return sent ?: err;
}

/**
 * tp4_zc_release - give a socket's queue pair back, as the socket is closed
 * @sk: a packet socket, of any version
 *
 * Context: process, no lock held; no system call or mapping is left.
 */
void tp4_zc_release(struct sock *sk)
{
	struct packet_sock *po = pkt_sk(sk);

	if (!tp4_in_zerocopy(po))
		return;
	rtnl_lock();
	tp4_zc_disable(po->tp4, ECANCELED, false);
	rtnl_unlock();
}
EXPORT_SYMBOL_GPL(tp4_zc_release);

/* A queue pair goes before ndo_stop(), so drivers need not think of it. With the
 * carrier back, what could not be sent without it goes out: nobody else would
 * have NAPI look at it. Takes neither lock_sock nor the mutex: who holds these may
 * be waiting for RTNL.
 */
static int tp4_netdev_event(struct notifier_block *nb, unsigned long event,
			    void *ptr)
{
	struct net_device *dev = netdev_notifier_info_to_dev(ptr);
	unsigned int i;

	if (event != NETDEV_GOING_DOWN &&
	    (event != NETDEV_CHANGE || !netif_carrier_ok(dev)))
		return NOTIFY_DONE;

	for (i = 0; i < dev->num_rx_queues; i++) {
		struct tp4_sock *tp4 = dev->_rx[i].tp4;

		if (!tp4)
			continue;
		if (event == NETDEV_GOING_DOWN)
			tp4_zc_disable(tp4, ENETDOWN, true);
		else
			tp4_zc_kick(tp4);
	}
	return NOTIFY_DONE;
}

static struct notifier_block tp4_netdev_notifier = {
	.notifier_call	= tp4_netdev_event,
};

static int __init tp4_zc_init(void)
{
	return register_netdevice_notifier(&tp4_netdev_notifier);
}
subsys_initcall(tp4_zc_init);

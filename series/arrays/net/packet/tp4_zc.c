// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: zero copy: no driver has it, and who asks for it is told so
 */

#include <linux/capability.h>
#include <linux/export.h>
#include <linux/net.h>
#include <net/sock.h>

#define CREATE_TRACE_POINTS
#include <trace/events/tpacket4.h>

#include "tp4_internal.h"

/* PACKET_ZEROCOPY (paper: Figure 2) */
int tp4_set_zerocopy(struct sock *sk, sockptr_t optval, unsigned int optlen)
{
	int queue_pair;

	if (optlen != sizeof(queue_pair))
		return -EINVAL;
	if (copy_from_sockptr(&queue_pair, optval, sizeof(queue_pair)))
		return -EFAULT;
	if (!packet_is_v4(pkt_sk(sk)) || queue_pair < -1)
		return -EINVAL;
	if (queue_pair == -1)
		return 0;
	if (!ns_capable(sock_net(sk)->user_ns, CAP_NET_ADMIN))
		return -EPERM;
	return -EOPNOTSUPP;
}

/**
 * tp4_get_zerocopy - getsockopt() of PACKET_ZEROCOPY
 * @po: a V4 socket
 *
 * Return: -1 for copy mode.
 */
int tp4_get_zerocopy(const struct packet_sock *po)
{
	return -1;
}
EXPORT_SYMBOL_GPL(tp4_get_zerocopy);

/**
 * tp4_bind - bind() of a V4 socket
 * @sk: the socket
 * @ifindex: interface
 * @proto: protocol, or 0
 * @do_bind: what binds in copy mode; called with lock_sock held
 *
 * Context: process, no lock held; takes lock_sock.
 * Return: what @do_bind says.
 */
int tp4_bind(struct sock *sk, int ifindex, __be16 proto,
	     int (*do_bind)(struct sock *sk, const char *name, int ifindex,
			    __be16 proto))
{
	int err;

	lock_sock(sk);
	err = do_bind(sk, NULL, ifindex, proto);
	release_sock(sk);
	return err;
}
EXPORT_SYMBOL_GPL(tp4_bind);

/* Not called, as no socket is in zero copy. */
int tp4_zc_sendmsg(struct sock *sk, struct msghdr *msg)
{
	return -EOPNOTSUPP;
}

/* Not called, either. */
int tp4_zc_kick(struct tp4_sock *tp4)
{
	return -ENETDOWN;
}

/**
 * tp4_zc_release - give a socket's queue pair back, as the socket is closed
 * @sk: a packet socket, of any version
 *
 * Context: process, no lock held.
 */
void tp4_zc_release(struct sock *sk)
{
}
EXPORT_SYMBOL_GPL(tp4_zc_release);

/* Not called, as no array has a program. */
u32 tp4_xdp_run(struct tp4_packet_array *a, u32 n)
{
	return n;
}

/* Nor has any counted anything. */
void tp4_xdp_add_stats(struct tpacket_stats_v4 *st,
		       const struct tp4_queue_stats *q)
{
}

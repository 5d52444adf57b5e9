/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_PACKET V4: packets that need no work to be as they are on the wire
 *
 * Most are like that. See tp4_skb.c for the others.
 */

#ifndef _TP4_SKB_H
#define _TP4_SKB_H

#include <linux/if_vlan.h>
#include <linux/skbuff.h>

/* Is the skb's data what is on the wire? */
static inline bool tp4_skb_is_plain(const struct sk_buff *skb)
{
	return !skb_vlan_tag_present(skb) && skb->ip_summed != CHECKSUM_PARTIAL;
}

/* Copies the first @len bytes. */
static inline void tp4_skb_copy(const struct sk_buff *skb, void *to, u32 len)
{
	if (likely(len <= skb_headlen(skb)))
		memcpy(to, skb->data, len);
	else
		skb_copy_bits(skb, 0, to, len);
}

#endif /* _TP4_SKB_H */

/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM tpacket4

#if !defined(_TRACE_TPACKET4_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_TPACKET4_H

#include <linux/netdevice.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(tp4_zc,

	TP_PROTO(const struct net_device *dev, int queue_pair, int err),

	TP_ARGS(dev, queue_pair, err),

	TP_STRUCT__entry(
		__field(int, ifindex)
		__field(int, queue_pair)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->ifindex = dev->ifindex;
		__entry->queue_pair = queue_pair;
		__entry->err = err;
	),

	TP_printk("ifindex=%d queue_pair=%d err=%d",
		  __entry->ifindex, __entry->queue_pair, __entry->err)
);

/* A socket was given a queue pair, or, with an err, was not. */
DEFINE_EVENT(tp4_zc, tp4_zc_enable,

	TP_PROTO(const struct net_device *dev, int queue_pair, int err),

	TP_ARGS(dev, queue_pair, err)
);

/* A queue pair was taken back; err is what the descriptors came back with. */
DEFINE_EVENT(tp4_zc, tp4_zc_disable,

	TP_PROTO(const struct net_device *dev, int queue_pair, int err),

	TP_ARGS(dev, queue_pair, err)
);

/* Packets that an XDP program has dropped, or could not send on. */
TRACE_EVENT(tp4_flush_drop,

	TP_PROTO(const struct net_device *dev, u32 queue, u32 packets),

	TP_ARGS(dev, queue, packets),

	TP_STRUCT__entry(
		__field(int, ifindex)
		__field(u32, queue)
		__field(u32, packets)
	),

	TP_fast_assign(
		__entry->ifindex = dev->ifindex;
		__entry->queue = queue;
		__entry->packets = packets;
	),

	TP_printk("ifindex=%d queue=%u packets=%u",
		  __entry->ifindex, __entry->queue, __entry->packets)
);

/* A descriptor that user space gets back at once. */
TRACE_EVENT(tp4_invalid_desc,

	TP_PROTO(u64 idx, u32 len, u16 offset, u8 flags, int err),

	TP_ARGS(idx, len, offset, flags, err),

	TP_STRUCT__entry(
		__field(u64, idx)
		__field(u32, len)
		__field(u16, offset)
		__field(u8, flags)
		__field(int, err)
	),

	TP_fast_assign(
		__entry->idx = idx;
		__entry->len = len;
		__entry->offset = offset;
		__entry->flags = flags;
		__entry->err = err;
	),

	TP_printk("idx=%llu len=%u offset=%u flags=%#x err=%d",
		  __entry->idx, __entry->len, __entry->offset,
		  __entry->flags, __entry->err)
);

#endif /* _TRACE_TPACKET4_H */

#include <trace/define_trace.h>

/* SPDX-License-Identifier: GPL-2.0 */
/* What tp4_queue.h and tpacket4.h need of the kernel, for user space. */
#ifndef SHIM_TYPES_H
#define SHIM_TYPES_H
#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include_next <linux/types.h>
#define CONFIG_TPACKET_V4 1
#if __SIZEOF_LONG__ == 8
#define CONFIG_64BIT 1
#endif
typedef __u64 u64;
typedef __u32 u32;
typedef __u16 u16;
typedef __u8 u8;
typedef u64 dma_addr_t;
#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_BARRIER_H
#define SHIM_BARRIER_H
#include "trace.h"
#define smp_load_acquire(p) \
	({ trace_read(p); __atomic_load_n(p, __ATOMIC_ACQUIRE); })
#define smp_store_release(p, v) \
	do { trace_write(p); __atomic_store_n(p, v, __ATOMIC_RELEASE); } while (0)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#endif

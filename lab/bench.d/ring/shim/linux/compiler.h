/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_COMPILER_H
#define SHIM_COMPILER_H
#include "trace.h"
#define __rcu
#define __aligned(x)	__attribute__((__aligned__(x)))
#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define READ_ONCE(x) \
	({ trace_read(&(x)); *(const volatile __typeof__(x) *)&(x); })
#define WRITE_ONCE(x, v) \
	do { trace_write(&(x)); *(volatile __typeof__(x) *)&(x) = (v); } while (0)
#endif

/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_PREFETCH_H
#define SHIM_PREFETCH_H
#include "trace.h"
#ifdef MODEL
#define prefetchw(p)	trace_prefetchw(p)
#elif defined(__x86_64__)
/* As the kernel does; the compiler's own is no more than a prefetch there. */
#define prefetchw(p) \
	__asm__ __volatile__("prefetchw %0" :: "m" (*(const char *)(p)))
#else
#define prefetchw(p)	__builtin_prefetch(p, 1)
#endif
#endif

/* SPDX-License-Identifier: GPL-2.0 */
/*
 * With MODEL, each access to memory that both sides share is told to a model of
 * two caches, instead of being timed.
 */
#ifndef TRACE_H
#define TRACE_H
#ifdef MODEL
void trace_read(const volatile void *p);
void trace_write(const volatile void *p);
void trace_prefetchw(const volatile void *p);
#else
static inline void trace_read(const volatile void *p)
{
	(void)p;
}

static inline void trace_write(const volatile void *p)
{
	(void)p;
}
#endif
#endif

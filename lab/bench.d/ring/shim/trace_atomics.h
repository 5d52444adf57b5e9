/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For the headers of user space that are included behind this one: with MODEL,
 * their atomics are told to the model, too.
 */
#ifndef TRACE_ATOMICS_H
#define TRACE_ATOMICS_H
#ifdef MODEL
#include "trace.h"

#define __atomic_load_n(p, order) \
	({ trace_read(p); __atomic_load_n(p, order); })
#define __atomic_store_n(p, v, order) \
	do { trace_write(p); __atomic_store_n(p, v, order); } while (0)
#endif
#endif

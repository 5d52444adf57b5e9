/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_MM_H
#define SHIM_MM_H
#define PAGE_SHIFT		12
#define offset_in_page(pos)	((unsigned long)(pos) & ((1UL << PAGE_SHIFT) - 1))
#endif

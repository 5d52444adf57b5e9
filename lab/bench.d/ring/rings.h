/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Ways to hand descriptors to and fro. "Kernel" gives packets, "user"
 * takes them and gives the frames back; each is one thread.
 */

#ifndef RINGS_H
#define RINGS_H

#include <stdint.h>

#define RING_NR		512
#define MAX_BATCH	256

/* For a struct, all of which is one side's own: no other's in its cache lines. */
#define SIDE		__attribute__((__aligned__(128)))

struct ring_ops {
	const char *name;
	/* So many frames are the kernel's. */
	void (*init)(unsigned int frames);
	/*
	 * Gives from @min to @max packets, or none if there are not so many
	 * frames yet; their lengths count up from *@next.
	 */
	unsigned int (*kernel)(uint32_t *next, unsigned int min,
			       unsigned int max);
	/* Up to @n packets, whose lengths are written to @len. */
	unsigned int (*user)(uint32_t *len, unsigned int n);
};

extern const struct ring_ops v4_ring;
extern const struct ring_ops v4_copy_ring;
extern const struct ring_ops index_ring;
extern const struct ring_ops bare_ring;
extern const struct ring_ops packed_ring;

void *ring_alloc(unsigned int size);

#endif

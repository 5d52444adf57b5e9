/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * AF_PACKET V4: what the KUnit tests share
 *
 * A ring, the packet array on it, and user space's end of the ring.
 */

#ifndef _TP4_TEST_H
#define _TP4_TEST_H

#include <kunit/test.h>

#include "../tp4_internal.h"

/* The packet buffer of most tests. */
#define TP4_TEST_FRAME_NR	64
#define TP4_TEST_FRAME_SHIFT	11
#define TP4_TEST_FRAME_SIZE	BIT(TP4_TEST_FRAME_SHIFT)

/**
 * struct tp4_test - a ring with both of its ends
 * @test: the test that it is part of
 * @umem: packet buffer, of kernel memory
 * @q: the kernel's end
 * @arr: packet array on @q, or NULL
 * @prod: free-running number of the slot that user space fills next
 * @cons: free-running number of the slot that user space looks at next
 */
struct tp4_test {
	struct kunit *test;
	struct tp4_umem umem;
	struct tp4_queue q;
	struct tp4_packet_array *arr;
	u32 prod;
	u32 cons;
};

/**
 * struct tp4_test_start - where the free-running indices of a test begin
 * @name: for the report
 * @first: the index
 */
struct tp4_test_start {
	const char *name;
	u32 first;
};

#define TP4_TEST_STARTS	5
extern const struct tp4_test_start tp4_test_starts[TP4_TEST_STARTS];

enum tp4_test_kind {
	TP4_TEST_QUEUE,		/* no array */
	TP4_TEST_TX,
	TP4_TEST_RX,		/* ordered, as for a driver */
	TP4_TEST_RX_COPY,	/* concurrent, as in copy mode */
};

struct tp4_test *tp4_test_new(struct kunit *test, enum tp4_test_kind kind,
			      u32 nr, u32 elems, u32 first);
void tp4_test_put_desc(struct tp4_test *t, const struct tpacket4_desc *d);
void tp4_test_put_packet(struct tp4_test *t, u32 idx, u32 n);
bool tp4_test_get(struct tp4_test *t, struct tpacket4_desc *d);
void tp4_test_expect_desc(struct tp4_test *t, int line,
			  const struct tpacket4_desc *want);
void tp4_test_expect_idle(struct tp4_test *t, int line);
void tp4_test_expect_packet(struct tp4_test *t, int line, u32 idx, u32 n);

/* User space fills the next slot, which must be its own. */
#define tp4_put(t, ...) \
	tp4_test_put_desc(t, &(struct tpacket4_desc) { __VA_ARGS__ })

/* This is the next descriptor that user space gets back ... */
#define tp4_expect_back(t, ...) \
	tp4_test_expect_desc(t, __LINE__, \
			     &(struct tpacket4_desc) { __VA_ARGS__ })

/* ... and user space gets nothing (more) back. */
#define tp4_expect_idle(t)	tp4_test_expect_idle(t, __LINE__)

/* The next packet in the array is one of tp4_test_put_packet(). */
#define tp4_expect_packet(t, idx, n) \
	tp4_test_expect_packet(t, __LINE__, idx, n)

/* What tp4_test_put_packet() writes for frame @i of a packet from @idx on. */
static inline struct tpacket4_desc tp4_test_frame(u32 idx, u32 n, u32 i)
{
	return (struct tpacket4_desc) {
		.idx = idx + i,
		.len = 100 + i,
		.offset = 10 * i,
		.flags = i + 1 < n ? TP4_PKT_CONT : 0,
	};
}

#endif /* _TP4_TEST_H */

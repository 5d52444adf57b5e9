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
void tp4_test_add_array(struct tp4_test *t, enum tp4_test_kind kind, u32 elems);
void tp4_test_end_array(struct tp4_test *t,
			void (*end)(struct tp4_packet_array *a));
void tp4_test_put_desc(struct tp4_test *t, const struct tpacket4_desc *d);
void tp4_test_put_packet(struct tp4_test *t, u32 idx, u32 n);
bool tp4_test_get(struct tp4_test *t, struct tpacket4_desc *d);
void tp4_test_expect_desc(struct tp4_test *t, int line,
			  const struct tpacket4_desc *want);
void tp4_test_expect_idle(struct tp4_test *t, int line);
void tp4_test_expect_packet(struct tp4_test *t, int line, u32 idx, u32 n);

/* A byte that nobody has written to a packet buffer. */
#define TP4_TEST_POISON		0xa5

/* Most bytes of a packet in an skb, and of one on the wire. */
#define TP4_TEST_PACKET_MAX	192
#define TP4_TEST_WIRE_MAX	(TP4_TEST_PACKET_MAX + 4)

enum tp4_test_layout {
	TP4_TEST_LINEAR,
	TP4_TEST_PAGES,
	TP4_TEST_LIST,
	TP4_TEST_OUTGOING,
};

/**
 * struct tp4_test_packet - a packet, to be put into an skb
 * @layout: of the skb
 * @len: bytes, without the tag
 * @proto: of the VLAN tag, or 0
 * @tci: of the VLAN tag
 * @sum: leave the checksum to the device
 * @sum_start: where what it covers begins
 * @sum_offset: from there on, where it goes
 * @gso: it is a GSO packet
 * @snaplen: what the filter returns, or -1 if there is no filter
 * @bytes: of the packet
 */
struct tp4_test_packet {
	enum tp4_test_layout layout;
	u32 len;
	u16 proto;
	u16 tci;
	bool sum;
	u16 sum_start;
	u16 sum_offset;
	bool gso;
	int snaplen;
	u8 bytes[TP4_TEST_PACKET_MAX];
};

/**
 * struct tp4_test_wire - a kind of packet, for tests that take all of them
 * @name: for the report
 * @layout: see struct tp4_test_packet
 * @proto: likewise
 * @sum: likewise
 * @gso: likewise
 */
struct tp4_test_wire {
	const char *name;
	enum tp4_test_layout layout;
	u16 proto;
	bool sum;
	bool gso;
};

#define TP4_TEST_WIRES	16
extern const struct tp4_test_wire tp4_test_wires[TP4_TEST_WIRES];

void tp4_test_packet_init(struct tp4_test_packet *p, u32 len);
void tp4_test_packet_as(const struct tp4_test_wire *c,
			struct tp4_test_packet *p, u32 len);
struct sk_buff *tp4_test_packet_skb(struct kunit *test,
				    const struct tp4_test_packet *p);
u32 tp4_test_packet_wire(const struct tp4_test_packet *p, u8 *wire);
void tp4_test_packet_expect(struct tp4_test *t,
			    const struct tp4_test_packet *p);

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

/* What tp4a_flush() gives, without what tp4a_populate() has answered before. */
static inline int tp4_flush(struct tp4_packet_array *a)
{
	u32 answered = a->answered;

	return tp4a_flush(a) - answered;
}

#endif /* _TP4_TEST_H */

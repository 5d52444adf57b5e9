// SPDX-License-Identifier: GPL-2.0
/*
 * Tests tpacket4_user.h without a kernel that has TPACKET_V4: the kernel's side
 * of the ring is played here, in the stress test by a second thread. Prints
 * TAP. Optional argument: descriptors of the stress test (2000000).
 */

#define _GNU_SOURCE

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "tpacket4_user.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define RING_NR		8
#define STRESS_NR	64
#define STRESS_BATCH	24

static int test_nr;
static int failures;

static struct tpacket4_desc ring[STRESS_NR];
static struct tpacket4_queue queue;

static void result(const char *name, bool ok)
{
	printf("%s %d %s\n", ok ? "ok" : "not ok", ++test_nr, name);
	fflush(stdout);
	failures += !ok;
}

static bool same(const char *what, unsigned long long seen,
		 unsigned long long expected)
{
	if (seen == expected)
		return true;
	printf("# %s: expected %llu, seen %llu\n", what, expected, seen);
	return false;
}

static bool same_desc(const struct tpacket4_desc *seen, __u64 idx, __u32 len,
		      __u16 offset, __u8 error, __u8 flags)
{
	bool ok = same("idx", seen->idx, idx);

	ok &= same("len", seen->len, len);
	ok &= same("offset", seen->offset, offset);
	ok &= same("error", seen->error, error);
	ok &= same("flags", seen->flags, flags);
	return ok;
}

static void fresh_ring(unsigned int nr)
{
	memset(ring, 0, sizeof(ring));
	tp4q_init(&queue, ring, nr);
}

/* The kernel's side: answers nr slots from slot first on. */
static void kernel_done(unsigned int first, unsigned int nr, __u8 error)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct tpacket4_desc *slot;

		slot = &ring[(first + i) & queue.ring_mask];
		slot->error = error;
		slot->flags &= ~TP4_DESC_KERNEL;
	}
}

static bool test_init(void)
{
	static const unsigned int bad[] = { 0, 3, 6, 7, 9, 1000, -1U };
	bool ok = true;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		ok &= same("return value",
			   -tp4q_init(&queue, ring, bad[i]), EINVAL);
	for (i = 1; i; i *= 2) {
		ok &= same("return value", tp4q_init(&queue, ring, i), 0);
		ok &= same("num_free", tp4q_num_free(&queue), i);
		ok &= same("num_held", tp4q_num_held(&queue), 0);
		ok &= same("ring_mask", queue.ring_mask, i - 1);
	}
	return ok;
}

/* The word must be where the members are, whatever the byte order. */
static bool test_layout(void)
{
	struct tpacket4_desc in = {
		.idx = 0x1122334455667788ULL,
		.len = 0x99aabbcc,
		.offset = 0xddee,
		.error = 0x77,
		.flags = TP4_PKT_CONT,
	};
	struct tpacket4_desc out;
	bool ok;

	fresh_ring(RING_NR);
	tp4_desc_set(&ring[1], &in, __ATOMIC_RELEASE);
	ok = same_desc(&ring[1], in.idx, in.len, in.offset, 0,
		       TP4_PKT_CONT | TP4_DESC_KERNEL);
	ok &= same_desc(&ring[0], 0, 0, 0, 0, 0);
	ok &= same_desc(&ring[2], 0, 0, 0, 0, 0);

	ok &= same("owner is the kernel", tp4_desc_get(&ring[1], &out), false);
	ring[1].error = ENOBUFS;
	ring[1].flags = TP4_PKT_CONT;
	ok &= same("owner is the user", tp4_desc_get(&ring[1], &out), true);
	ok &= same_desc(&out, in.idx, in.len, in.offset, ENOBUFS,
			TP4_PKT_CONT);
	return ok;
}

static bool test_empty(void)
{
	struct tpacket4_desc out[RING_NR];
	bool ok;

	/* A zeroed ring is the user's, but nothing came back in it. */
	fresh_ring(RING_NR);
	ok = same("is_ready", tp4q_is_ready(&queue), false);
	ok &= same("dequeued", tp4q_dequeue_batch(&queue, out, RING_NR), 0);
	ok &= same("num_free", tp4q_num_free(&queue), RING_NR);
	return ok;
}

static bool test_full(void)
{
	struct tpacket4_desc in[RING_NR + 1] = {};
	struct tpacket4_desc out[RING_NR];
	bool ok;

	fresh_ring(RING_NR);
	ok = same("too many", -tp4q_enqueue_batch(&queue, in, RING_NR + 1),
		  ENOSPC);
	ok &= same("first slot", ring[0].flags, 0);
	ok &= same("all", tp4q_enqueue_batch(&queue, in, RING_NR), 0);
	ok &= same("num_free", tp4q_num_free(&queue), 0);
	ok &= same("one more", -tp4q_enqueue_batch(&queue, in, 1), ENOSPC);
	ok &= same("none", tp4q_enqueue_batch(&queue, in, 0), 0);
	ok &= same("held", tp4q_dequeue_batch(&queue, out, RING_NR), 0);

	kernel_done(0, RING_NR, 0);
	ok &= same("back", tp4q_dequeue_batch(&queue, out, RING_NR), RING_NR);
	ok &= same("and no more", tp4q_dequeue_batch(&queue, out, RING_NR), 0);
	ok &= same("num_free", tp4q_num_free(&queue), RING_NR);
	return ok;
}

/* Only what the kernel answered, and only as far as it did without a gap. */
static bool test_partial(void)
{
	struct tpacket4_desc in[6] = {};
	struct tpacket4_desc out[6];
	unsigned int i;
	bool ok;

	fresh_ring(RING_NR);
	for (i = 0; i < 6; i++)
		in[i].idx = 100 + i;
	ok = same("enqueue", tp4q_enqueue_batch(&queue, in, 6), 0);
	ok &= same("is_ready", tp4q_is_ready(&queue), false);

	kernel_done(0, 2, 0);
	kernel_done(3, 1, EBADF);
	ok &= same("is_ready", tp4q_is_ready(&queue), true);
	ok &= same("dequeued", tp4q_dequeue_batch(&queue, out, 6), 2);
	ok &= same("idx", out[1].idx, 101);
	ok &= same("num_free", tp4q_num_free(&queue), 4);

	kernel_done(2, 1, 0);
	ok &= same("at most", tp4q_dequeue_batch(&queue, out, 1), 1);
	ok &= same("idx", out[0].idx, 102);
	ok &= same("dequeued", tp4q_dequeue_batch(&queue, out, 6), 1);
	ok &= same_desc(&out[0], 103, 0, 0, EBADF, 0);
	ok &= same("num_held", tp4q_num_held(&queue), 2);
	return ok;
}

/* The indices run freely, so they wrap at 2^32 and at the ring's end. */
static bool test_wrap(void)
{
	struct tpacket4_desc in[5] = {};
	struct tpacket4_desc out[5];
	unsigned int round, i;
	bool ok = true;

	fresh_ring(RING_NR);
	queue.avail_idx = -11U;
	queue.last_used_idx = -11U;
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 5; i++)
			in[i].idx = round * 5 + i;
		ok &= same("enqueue", tp4q_enqueue_batch(&queue, in, 5), 0);
		kernel_done(queue.last_used_idx, 5, 0);
		ok &= same("dequeue", tp4q_dequeue_batch(&queue, out, 5), 5);
		for (i = 0; i < 5; i++)
			ok &= same("idx", out[i].idx, round * 5 + i);
	}
	ok &= same("num_free", tp4q_num_free(&queue), RING_NR);
	ok &= same("avail_idx", queue.avail_idx, 14);
	ok &= same("last_used_idx", queue.last_used_idx, 14);
	return ok;
}

static bool test_frames(void)
{
	static const __u64 frames[] = { 7, 0x123456789aULL, 5 };
	unsigned int i;
	bool ok = true;

	fresh_ring(4);
	memset(ring, 0x55, sizeof(ring));
	ok &= same("enqueue", tp4q_enqueue_frames(&queue, frames, 3), 0);
	for (i = 0; i < 3; i++)
		ok &= same_desc(&ring[i], frames[i], 0, 0, 0, TP4_DESC_KERNEL);
	ok &= same("the next slot", ring[3].flags, 0x55);
	ok &= same("too many", -tp4q_enqueue_frames(&queue, frames, 3),
		   ENOSPC);
	ok &= same("num_free", tp4q_num_free(&queue), 1);
	return ok;
}

/* What was peeked at can be dequeued, or recycled: then only the owner changes. */
static bool test_recycle(void)
{
	static const __u64 frames[] = { 7, 0x123456789aULL, 5, 3 };
	struct tpacket4_desc out[4];
	unsigned int i;
	bool ok;

	fresh_ring(4);
	ok = same("peek", tp4q_peek(&queue, 4), 0);
	ok &= same("enqueue", tp4q_enqueue_frames(&queue, frames, 4), 0);
	ok &= same("peek", tp4q_peek(&queue, 4), 0);
	for (i = 0; i < 4; i++) {
		ring[i].len = 60 + i;
		ring[i].offset = 256;
	}
	kernel_done(0, 2, 0);
	kernel_done(3, 1, EBADF);
	ok &= same("up to the first that is missing", tp4q_peek(&queue, 4), 2);
	ok &= same("no more than asked for", tp4q_peek(&queue, 1), 1);
	ok &= same_desc(tp4q_peeked(&queue, 1), frames[1], 61, 256, 0, 0);
	ok &= same("num_held", tp4q_num_held(&queue), 4);

	tp4q_recycle(&queue, 0);
	ok &= same("none", ring[0].flags, 0);
	tp4q_recycle(&queue, 1);
	ok &= same_desc(&ring[0], frames[0], 0, 0, 0, TP4_DESC_KERNEL);
	ok &= same_desc(&ring[1], frames[1], 61, 256, 0, 0);
	ok &= same("num_held", tp4q_num_held(&queue), 4);

	ok &= same("peek", tp4q_peek(&queue, 4), 1);
	ok &= same("dequeue", tp4q_dequeue_batch(&queue, out, 4), 1);
	ok &= same_desc(out, frames[1], 61, 256, 0, 0);
	ok &= same("peek", tp4q_peek(&queue, 4), 0);
	kernel_done(2, 1, 0);
	ok &= same("across the end", tp4q_peek(&queue, 4), 2);
	ok &= same_desc(tp4q_peeked(&queue, 1), frames[3], 63, 256, EBADF, 0);
	kernel_done(0, 1, 0);
	ok &= same("not one that was not given", tp4q_peek(&queue, 4), 3);
	return ok;
}

/* A ring that is not full: the frames go to other slots, which may be their own. */
static bool test_recycle_gap(void)
{
	struct tpacket4_desc out[RING_NR];
	__u64 frames[RING_NR];
	unsigned int gap, i;
	bool ok = true;

	for (gap = 1; gap < RING_NR; gap++) {
		unsigned int nr = RING_NR - gap;

		fresh_ring(RING_NR);
		/* And 2^32 is in the middle of it. */
		queue.avail_idx = -gap - 1;
		queue.last_used_idx = -gap - 1;
		for (i = 0; i < nr; i++)
			frames[i] = 100 * gap + i;
		ok &= same("enqueue", tp4q_enqueue_frames(&queue, frames, nr),
			   0);
		kernel_done(queue.last_used_idx, nr, 0);
		ok &= same("peek", tp4q_peek(&queue, RING_NR), nr);
		tp4q_recycle(&queue, nr);
		ok &= same("num_free", tp4q_num_free(&queue), gap);
		ok &= same("peek", tp4q_peek(&queue, RING_NR), 0);
		kernel_done(queue.last_used_idx, nr, 0);
		ok &= same("dequeue",
			   tp4q_dequeue_batch(&queue, out, RING_NR), nr);
		for (i = 0; i < nr; i++)
			ok &= same("idx", out[i].idx, frames[i]);
	}
	return ok;
}

/* From one ring to a smaller one, each about to begin again; flags stay. */
static bool test_move(void)
{
	struct tpacket4_desc in[5] = {}, other[4] = {};
	struct tpacket4_queue to;
	unsigned int i;
	bool ok;

	fresh_ring(RING_NR);
	queue.avail_idx = -3U;
	queue.last_used_idx = -3U;
	tp4q_init(&to, other, 4);
	to.avail_idx = -2U;
	to.last_used_idx = -2U;
	for (i = 0; i < 5; i++) {
		in[i].idx = 100 + i;
		in[i].len = 60 + i;
		in[i].offset = 256;
		in[i].flags = i == 1 ? TP4_PKT_CONT : 0;
	}
	ok = same("enqueue", tp4q_enqueue_batch(&queue, in, 5), 0);
	kernel_done(queue.last_used_idx, 5, ENOBUFS);
	ok &= same("peek", tp4q_peek(&queue, RING_NR), 5);

	ok &= same("too many", -tp4q_move(&queue, &to, 5), ENOSPC);
	ok &= same("none", tp4q_move(&queue, &to, 0), 0);
	ok &= same("num_held", tp4q_num_held(&queue), 5);
	ok &= same("num_free", tp4q_num_free(&to), 4);
	for (i = 0; i < 4; i++)
		ok &= same("untouched", other[i].flags, 0);

	ok &= same("move", tp4q_move(&queue, &to, 3), 0);
	for (i = 0; i < 3; i++)
		ok &= same_desc(&other[(i - 2U) & 3], 100 + i, 60 + i, 256, 0,
				in[i].flags | TP4_DESC_KERNEL);
	ok &= same("the next slot", other[1].flags, 0);
	ok &= same("num_held", tp4q_num_held(&queue), 2);
	ok &= same("num_free", tp4q_num_free(&to), 1);
	ok &= same("peek", tp4q_peek(&queue, RING_NR), 2);
	ok &= same("the next", tp4q_peeked(&queue, 0)->idx, 103);
	ok &= same("peek", tp4q_peek(&to, 4), 0);
	ok &= same("move", tp4q_move(&queue, &to, 1), 0);
	ok &= same_desc(&other[1], 103, 63, 256, 0, TP4_DESC_KERNEL);
	return ok;
}

/* Marks the descriptor taken last, and none that the kernel owns. */
static bool test_mark_seen(void)
{
	struct tpacket4_desc in[4] = {};
	struct tpacket4_desc out[4];
	bool ok;

	fresh_ring(4);
	ok = same("enqueue", tp4q_enqueue_batch(&queue, in, 4), 0);
	tp4q_mark_seen(&queue);
	ok &= same("the kernel's", ring[3].flags, TP4_DESC_KERNEL);

	kernel_done(0, 2, 0);
	ok &= same("dequeue", tp4q_dequeue_batch(&queue, out, 4), 2);
	tp4q_mark_seen(&queue);
	ok &= same("first", ring[0].flags, 0);
	ok &= same("last taken", ring[1].flags, TP4_DESC_SEEN);
	ok &= same("not taken", ring[2].flags, TP4_DESC_KERNEL);

	ok &= same("enqueue", tp4q_enqueue_batch(&queue, in, 2), 0);
	ok &= same("given again", ring[1].flags, TP4_DESC_KERNEL);
	return ok;
}

static bool test_address(void)
{
	struct tp4_buffer buf = { .frame_size = 4096 };
	struct tpacket4_desc desc = { .idx = 3, .offset = 40 };
	bool ok;

	buf.addr = (unsigned char *)0x10000;
	ok = same("frame", (uintptr_t)tp4_buffer_frame(&buf, 3), 0x13000);
	ok &= same("data", (uintptr_t)tp4_desc_data(&buf, &desc), 0x13028);
	/* Beyond 4 GB, where there is such a thing. */
	if (sizeof(uintptr_t) > 4)
		ok &= same("far frame",
			   (uintptr_t)tp4_buffer_frame(&buf, 1 << 21),
			   0x200010000ULL);
	return ok;
}

static bool test_backoff(void)
{
	struct tp4_backoff backoff = { .max = 8 };
	bool ok;

	tp4_backoff_wait(&backoff);
	ok = same("after one wait", backoff.spins, 2);
	tp4_backoff_wait(&backoff);
	tp4_backoff_wait(&backoff);
	ok &= same("after three", backoff.spins, 8);
	tp4_backoff_wait(&backoff);
	ok &= same("at the most", backoff.spins, 8);
	tp4_backoff_reset(&backoff);
	ok &= same("after a reset", backoff.spins, 1);
	return ok;
}

/* Each kick is an empty datagram here. */
static unsigned int count_kicks(int fd)
{
	unsigned int nr = 0;
	char c;

	while (!recv(fd, &c, 1, MSG_DONTWAIT))
		nr++;
	return nr;
}

static bool test_kick(void)
{
	struct tpacket4_status status = {};
	struct tp4_socket sock = {};
	bool ok;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, fds)) {
		printf("# socketpair(): %s\n", strerror(errno));
		return false;
	}
	sock.fd = fds[0];
	ok = same("no status page", tp4_socket_needs_kick(&sock), true);
	ok &= same("no status page", tp4_socket_kick(&sock, 0), 0);
	ok &= same("kicks", count_kicks(fds[1]), 1);
	sock.status = &status;
	ok &= same("flag not set", tp4_socket_needs_kick(&sock), false);
	ok &= same("flag not set", tp4_socket_kick(&sock, 0), 0);
	ok &= same("kicks", count_kicks(fds[1]), 0);
	status.tx_flags = ~TP4_STATUS_TX_KICK;
	ok &= same("other flags", tp4_socket_needs_kick(&sock), false);
	status.tx_flags = TP4_STATUS_TX_KICK;
	ok &= same("flag set", tp4_socket_needs_kick(&sock), true);
	ok &= same("flag set", tp4_socket_kick(&sock, 0), 0);
	ok &= same("kicks", count_kicks(fds[1]), 1);
	close(fds[1]);
	ok &= same("nobody there", -tp4_socket_kick(&sock, MSG_NOSIGNAL),
		   ECONNREFUSED);
	close(fds[0]);
	return ok;
}

/*
 * What must hold at every moment in the stress test: a descriptor is whole, and
 * when the first descriptor of a batch can be seen, so can the others.
 */
struct stress {
	__u64 total;
	unsigned int frames;
	__u64 kernel_taken;
	__u64 kernel_bad;
	__u64 kernel_part;
	bool stop;
};

/* The number of descriptors that follow in the same batch is in offset. */
static struct tpacket4_desc stress_desc(__u64 n, unsigned int follow)
{
	struct tpacket4_desc desc = {
		.idx = n * 0x9e3779b97f4a7c15ULL,
		.len = n * 2654435761U,
		.offset = follow,
		.flags = n & TP4_PKT_CONT,
	};

	return desc;
}

static __u32 load_word(unsigned int slot)
{
	return __atomic_load_n(tp4_desc_word_ptr(&ring[slot % STRESS_NR]),
			       __ATOMIC_ACQUIRE);
}

static void kernel_look(struct stress *stress, union tp4_desc_word w)
{
	struct tpacket4_desc *slot = &ring[stress->kernel_taken % STRESS_NR];
	struct tpacket4_desc expected;
	union tp4_desc_word other;
	unsigned int i;

	expected = stress_desc(stress->kernel_taken, w.f.offset);
	if (slot->idx != expected.idx || slot->len != expected.len ||
	    w.f.flags != (expected.flags | TP4_DESC_KERNEL))
		stress->kernel_bad++;

	for (i = 1; i <= w.f.offset; i++) {
		other.word = load_word(stress->kernel_taken + i);
		if (!(other.f.flags & TP4_DESC_KERNEL)) {
			stress->kernel_part++;
			break;
		}
	}
}

/* Takes each descriptor, and hands back the complement of its idx. */
static void *kernel_thread(void *arg)
{
	struct tp4_backoff backoff = { .max = 4096, .yield = true };
	struct stress *stress = arg;

	while (stress->kernel_taken < stress->total) {
		unsigned int slot = stress->kernel_taken % STRESS_NR;
		union tp4_desc_word w;

		w.word = load_word(slot);
		if (!(w.f.flags & TP4_DESC_KERNEL)) {
			if (__atomic_load_n(&stress->stop, __ATOMIC_RELAXED))
				break;
			/* Look at the slot closely while it is written. */
			if (backoff.spins < backoff.max)
				backoff.spins++;
			else
				tp4_backoff_wait(&backoff);
			continue;
		}
		tp4_backoff_reset(&backoff);
		kernel_look(stress, w);
		ring[slot].idx = ~ring[slot].idx;
		w.f.error = stress->kernel_taken % 100;
		w.f.flags &= ~TP4_DESC_KERNEL;
		__atomic_store_n(tp4_desc_word_ptr(&ring[slot]), w.word,
				 __ATOMIC_RELEASE);
		stress->kernel_taken++;
	}
	return NULL;
}

/* Looks in vain, one after another, until the other thread is given up */
#define STRESS_PATIENCE	100000000

static void stress_idle(__u64 *idle, unsigned int found)
{
	if (found) {
		*idle = 0;
		return;
	}
	(*idle)++;
	sched_yield();
}

static void stress_end(struct stress *stress, pthread_t thread)
{
	__atomic_store_n(&stress->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
}

static bool test_stress(__u64 total)
{
	struct tpacket4_desc desc[STRESS_BATCH];
	struct stress stress = { .total = total };
	__u64 given = 0, taken = 0, bad = 0, idle = 0;
	unsigned int seed = 1;
	pthread_t thread;
	bool ok;

	fresh_ring(STRESS_NR);
	if (pthread_create(&thread, NULL, kernel_thread, &stress)) {
		puts("# cannot create a thread");
		return false;
	}

	while (taken < total && idle < STRESS_PATIENCE) {
		unsigned int nr = rand_r(&seed) % STRESS_BATCH + 1;
		unsigned int i;

		if (nr > tp4q_num_free(&queue))
			nr = tp4q_num_free(&queue);
		/* Now a full ring, now an empty one that the kernel waits at. */
		if (given & (1 << 16) && tp4q_num_held(&queue))
			nr = 0;
		if (nr > total - given)
			nr = total - given;
		for (i = 0; i < nr; i++)
			desc[i] = stress_desc(given + i, nr - 1 - i);
		tp4q_enqueue_batch(&queue, desc, nr);
		given += nr;

		nr = tp4q_dequeue_batch(&queue, desc, STRESS_BATCH);
		for (i = 0; i < nr; i++, taken++) {
			struct tpacket4_desc expected = stress_desc(taken, 0);

			if (desc[i].idx != ~expected.idx ||
			    desc[i].len != expected.len ||
			    desc[i].error != taken % 100 ||
			    desc[i].flags != expected.flags)
				bad++;
		}
		stress_idle(&idle, nr);
	}
	stress_end(&stress, thread);

	ok = same("given by the user", given, total);
	ok &= same("taken by the kernel", stress.kernel_taken, total);
	ok &= same("not whole, seen by the kernel", stress.kernel_bad, 0);
	ok &= same("batches seen in part", stress.kernel_part, 0);
	ok &= same("taken by the user", taken, total);
	ok &= same("not whole, seen by the user", bad, 0);
	return ok;
}

/* Frames go round, in their order; the kernel says how many have before. */
static void *kernel_recycles(void *arg)
{
	struct tp4_backoff backoff = { .max = 4096, .yield = true };
	struct stress *stress = arg;

	while (stress->kernel_taken < stress->total) {
		struct tpacket4_desc *slot;
		union tp4_desc_word w;

		w.word = load_word(stress->kernel_taken);
		if (!(w.f.flags & TP4_DESC_KERNEL)) {
			if (__atomic_load_n(&stress->stop, __ATOMIC_RELAXED))
				break;
			tp4_backoff_wait(&backoff);
			continue;
		}
		tp4_backoff_reset(&backoff);
		slot = &ring[stress->kernel_taken % STRESS_NR];
		if (slot->idx != stress->kernel_taken % stress->frames)
			stress->kernel_bad++;
		slot->len = stress->kernel_taken++;
		w.f.offset = 256;
		w.f.flags = 0;
		__atomic_store_n(tp4_desc_word_ptr(slot), w.word,
				 __ATOMIC_RELEASE);
	}
	return NULL;
}

static bool test_recycle_stress(__u64 total, unsigned int frames)
{
	struct stress stress = { .total = total, .frames = frames };
	__u64 taken = 0, bad = 0, idle = 0;
	__u64 idx[STRESS_NR];
	unsigned int seed = 1, i;
	pthread_t thread;
	bool ok;

	fresh_ring(STRESS_NR);
	for (i = 0; i < frames; i++)
		idx[i] = i;
	tp4q_enqueue_frames(&queue, idx, frames);
	if (pthread_create(&thread, NULL, kernel_recycles, &stress)) {
		puts("# cannot create a thread");
		return false;
	}

	while (taken < total && idle < STRESS_PATIENCE) {
		unsigned int nr = tp4q_peek(&queue, rand_r(&seed) %
						    STRESS_NR + 1);

		for (i = 0; i < nr; i++) {
			const struct tpacket4_desc *d = tp4q_peeked(&queue, i);

			if (d->idx != taken % frames || d->len != (__u32)taken ||
			    d->offset != 256)
				bad++;
			taken++;
		}
		tp4q_recycle(&queue, nr);
		stress_idle(&idle, nr);
	}
	stress_end(&stress, thread);

	ok = same("taken by the kernel", stress.kernel_taken, total);
	ok &= same("other frames, seen by the kernel", stress.kernel_bad, 0);
	ok &= same("taken by the user", taken, total);
	ok &= same("not whole, seen by the user", bad, 0);
	return ok;
}

int main(int argc, char **argv)
{
	__u64 total = argc > 1 ? strtoull(argv[1], NULL, 0) : 2000000;

	printf("TAP version 13\n1..17\n");
	result("init: powers of two only", test_init());
	result("descriptor layout and ownership", test_layout());
	result("a zeroed ring is empty", test_empty());
	result("a full ring takes no more", test_full());
	result("completions up to the first that is missing", test_partial());
	result("indices wrap", test_wrap());
	result("empty frames for RX", test_frames());
	result("recycled in place", test_recycle());
	result("recycled on a ring that is not full", test_recycle_gap());
	result("moved to another ring", test_move());
	result("mark what poll() need not tell of", test_mark_seen());
	result("frame addresses", test_address());
	result("back-off", test_backoff());
	result("kick only when the status page asks for it", test_kick());
	result("two threads: whole batches, in order", test_stress(total));
	result("two threads: recycled in place",
	       test_recycle_stress(total, STRESS_NR));
	result("two threads: recycled on a ring that is not full",
	       test_recycle_stress(total, STRESS_NR - 10));
	return failures ? 1 : 0;
}

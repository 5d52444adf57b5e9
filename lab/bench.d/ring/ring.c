// SPDX-License-Identifier: GPL-2.0
/*
 * Usage: tp4ring [--rounds N] [--packets N] [--cpus A,B]
 *
 * What it costs to hand a descriptor to another core and to get it back, for
 * the ring of TPACKET_V4, the index rings of AF_XDP, index rings that are nothing
 * but that, and a packed virtqueue. One thread plays the kernel and one the user,
 * each on a core of its own. Prints a line of JSON for each ring, batch, way of
 * waiting and load:
 *
 *	busy	both do nothing but hand over
 *	slow	the kernel works 100 ns on each packet, so the user waits most of
 *		the time; the cost is what this takes from the kernel, beyond
 *		its work
 *	l2fwd	no more packets than a batch go to and fro
 *	alone	one thread does both by turns: instructions, no contention
 *
 * and with it how long, at least and at most, it took a cache line to the other
 * core and back.
 *
 * With MODEL (tp4ring-model): counts how often a cache line changes hands
 * instead, in a model of two caches. Deterministic.
 */

#define _GNU_SOURCE
#include <err.h>
#include <getopt.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rings.h"
#include "tpacket4_user.h"

#define WORK_NS		100
#define MAX_ROUNDS	101

static const struct ring_ops *const rings[] = {
	&v4_ring, &v4_copy_ring, &index_ring, &bare_ring, &packed_ring,
};

#define NR_RINGS	(sizeof(rings) / sizeof(*rings))

static const unsigned int batches[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256 };

#define NR_BATCHES	(sizeof(batches) / sizeof(*batches))

#define ARENA	(64 * 1024)

static unsigned char arena[ARENA] __attribute__((__aligned__(4096)));
static unsigned int arena_used;

void *ring_alloc(unsigned int size)
{
	void *p = arena + arena_used;

	arena_used += (size + 127) & ~127U;
	if (arena_used > ARENA)
		errx(1, "the rings are too large");
	return p;
}

static void ring_start(const struct ring_ops *ops, unsigned int frames)
{
	memset(arena, 0, sizeof(arena));
	arena_used = 0;
	ops->init(frames);
}

/* The lengths count the packets. */
static void check(const uint32_t *len, unsigned int n, uint32_t *next)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		if (len[i] != (*next)++)
			errx(1, "packet %u came as packet %u", *next - 1,
			     len[i]);
}

/* A descriptor has 16 bytes. */
static void print_result(const char *load, bool backoff, unsigned int batch,
			 const char *mode, const char *unit, double cost,
			 double min, double max, const double *hop,
			 unsigned int packets, const char *program)
{
	printf("{\"row\": \"%s, %s, batch %u\", \"size\": 16, \"mode\": \"%s\", ",
	       load, backoff ? "backoff" : "spin", batch, mode);
	printf("\"cost\": %.4f, \"unit\": \"%s\", \"min\": %.4f, \"max\": %.4f, ",
	       cost, unit, min, max);
	if (hop)
		printf("\"hop\": [%.1f, %.1f], ", hop[0], hop[1]);
	printf("\"packets\": %u, \"verified\": %u, \"command\": \"%s\"}\n",
	       packets, packets, program);
	fflush(stdout);
}

#ifdef MODEL

/*
 * Two caches: a line is in neither, in one or in both, and may be written where
 * it is in one alone. What is fetched from the other one is a transfer.
 */
#define LINES	(ARENA / 64)

static unsigned char has[2][LINES];
static unsigned char dirty[LINES];
static int agent;
static unsigned long transfers;

/* The user spins: it looks between any two accesses of the kernel. */
static const struct ring_ops *spinning;
static uint32_t user_next;
static unsigned int user_batch;
static bool nested;

static void look(void)
{
	uint32_t len[MAX_BATCH];
	unsigned int n;

	nested = true;
	agent = 1;
	n = spinning->user(len, user_batch);
	check(len, n, &user_next);
	agent = 0;
	nested = false;
}

static unsigned int line_of(const volatile void *p)
{
	size_t at = (const volatile unsigned char *)p - arena;

	/* What is not shared costs nothing. */
	return at < ARENA ? at / 64 : LINES;
}

void trace_read(const volatile void *p)
{
	unsigned int line = line_of(p);

	if (spinning && !nested && line < LINES)
		look();
	if (line == LINES || has[agent][line])
		return;
	transfers++;
	has[agent][line] = 1;
	dirty[line] = 0;
}

void trace_write(const volatile void *p)
{
	unsigned int line = line_of(p);

	if (spinning && !nested && line < LINES)
		look();
	if (line == LINES)
		return;
	if (!has[agent][line] || has[!agent][line])
		transfers++;
	has[agent][line] = 1;
	has[!agent][line] = 0;
	dirty[line] = 1;
}

/* Nothing is read, so it is not the time for the user to look. */
void trace_prefetchw(const volatile void *p)
{
	unsigned int line = line_of(p);

	if (line == LINES || (has[agent][line] && !has[!agent][line]))
		return;
	transfers++;
	has[agent][line] = 1;
	has[!agent][line] = 0;
}

static double model(const struct ring_ops *ops, unsigned int batch, bool spin)
{
	const unsigned int warm = 4 * RING_NR, total = 64 * RING_NR;
	uint32_t len[MAX_BATCH], next = 0;
	unsigned int done = 0, i;

	spinning = NULL;
	agent = 1;
	user_next = 0;
	user_batch = batch;
	ring_start(ops, RING_NR);
	memset(has, 0, sizeof(has));
	agent = 0;
	while (done < total) {
		if (done == warm)
			transfers = 0;
		spinning = spin ? ops : NULL;
		for (i = 0; !ops->kernel(&next, batch, batch); i++)
			if (i > 10 * RING_NR)
				errx(1, "%s: the kernel got stuck", ops->name);
		spinning = NULL;
		/* Backing off, the user looks once the batch is complete. */
		agent = 1;
		do {
			i = ops->user(len, batch);
			check(len, i, &user_next);
		} while (i);
		agent = 0;
		done += batch;
	}
	if (user_next != next)
		errx(1, "%s: packets got lost", ops->name);
	return (double)transfers / (total - warm);
}

int main(void)
{
	unsigned int r, b, s;
	double n;

	for (s = 0; s < 2; s++)
		for (b = 0; b < NR_BATCHES; b++)
			for (r = 0; r < NR_RINGS; r++) {
				n = model(rings[r], batches[b], s);
				print_result("transfers", !s, batches[b],
					     rings[r]->name,
					     "cache lines/descriptor", n, n, n,
					     NULL, 64 * RING_NR,
					     "tp4ring-model");
			}
	return 0;
}

#else

enum load { BUSY, SLOW, L2FWD, ALONE, NR_LOADS };

static const char *const load_names[] = { "busy", "slow", "l2fwd", "alone" };

struct test {
	const struct ring_ops *ops;
	unsigned int batch;
	unsigned int packets;
	bool backoff;
	enum load load;
	int cpus[2];
	pthread_barrier_t barrier;
	double ns;		/* a packet */
};

static double tick;		/* ns of a time stamp */

static inline uint64_t stamp(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
#endif
}

static void calibrate(void)
{
	struct timespec a, b;
	uint64_t began, ended;

	clock_gettime(CLOCK_MONOTONIC, &a);
	began = stamp();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ended = stamp();
	} while (b.tv_sec - a.tv_sec + (b.tv_nsec - a.tv_nsec) / 1e9 < 0.05);
	tick = ((b.tv_sec - a.tv_sec) * 1e9 + (b.tv_nsec - a.tv_nsec)) /
	       (ended - began);
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	errno = pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
	if (errno)
		err(1, "CPU %d", cpu);
}

static void work(uint64_t stamps)
{
	uint64_t began = stamp();

	while (stamp() - began < stamps)
		;
}

static void *kernel_thread(void *arg)
{
	struct test *t = arg;
	uint64_t per_batch = WORK_NS * t->batch / tick;
	unsigned int min = t->load == L2FWD ? 1 : t->batch;
	uint32_t next = 0;
	uint64_t began;

	pin(t->cpus[0]);
	pthread_barrier_wait(&t->barrier);
	began = stamp();
	while (next < t->packets) {
		if (t->load == SLOW)
			work(per_batch);
		while (!t->ops->kernel(&next, min, t->batch))
			tp4_cpu_relax();
	}
	t->ns = (stamp() - began) * tick / next;
	if (t->load == SLOW)
		t->ns -= WORK_NS;
	return NULL;
}

static void *user_thread(void *arg)
{
	struct tp4_backoff backoff = {};
	struct test *t = arg;
	uint32_t len[MAX_BATCH], next = 0;
	unsigned int n;

	pin(t->cpus[1]);
	pthread_barrier_wait(&t->barrier);
	while (next < t->packets) {
		n = t->ops->user(len, t->batch);
		if (n) {
			check(len, n, &next);
			tp4_backoff_reset(&backoff);
		} else if (t->backoff) {
			tp4_backoff_wait(&backoff);
		}
	}
	return NULL;
}

static void *both_sides(void *arg)
{
	struct test *t = arg;
	uint32_t len[MAX_BATCH], given = 0, next = 0;
	uint64_t began;

	pin(t->cpus[0]);
	began = stamp();
	while (next < t->packets) {
		t->ops->kernel(&given, t->batch, t->batch);
		check(len, t->ops->user(len, t->batch), &next);
	}
	t->ns = (stamp() - began) * tick / next;
	return NULL;
}

/* Runs threads that nobody interrupts. */
static void run_threads(void *(*const sides[])(void *arg), unsigned int nr,
			void *arg)
{
	struct sched_param param = { .sched_priority = 1 };
	pthread_t threads[2];
	pthread_attr_t attr;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		pthread_attr_init(&attr);
		pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
		pthread_attr_setschedpolicy(&attr, SCHED_FIFO);
		pthread_attr_setschedparam(&attr, &param);
		errno = pthread_create(&threads[i], &attr, sides[i], arg);
		/* Without the privilege, others will get in between. */
		if (errno == EPERM)
			errno = pthread_create(&threads[i], NULL, sides[i],
					       arg);
		if (errno)
			err(1, "pthread_create()");
	}
	for (i = 0; i < nr; i++)
		pthread_join(threads[i], NULL);
	/* Others need the cores, too. */
	usleep(2000);
}

static double run(struct test *t)
{
	static void *(*const two[])(void *arg) = { kernel_thread, user_thread };
	static void *(*const one[])(void *arg) = { both_sides };

	ring_start(t->ops, t->load == L2FWD ? t->batch : RING_NR);
	pthread_barrier_init(&t->barrier, NULL, 2);
	if (t->load == ALONE)
		run_threads(one, 1, t);
	else
		run_threads(two, 2, t);
	pthread_barrier_destroy(&t->barrier);
	return t->ns;
}

/*
 * How far apart the cores are: how long it takes a cache line to the other one
 * and back. Those of a virtual machine move.
 */
#define HOPS	2000

static struct {
	uint32_t turn;
} SIDE line;

static void *here_thread(void *arg)
{
	struct test *t = arg;
	uint64_t began;
	uint32_t i;

	pin(t->cpus[0]);
	pthread_barrier_wait(&t->barrier);
	began = stamp();
	for (i = 0; i < 2 * HOPS; i += 2) {
		while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != i)
			;
		__atomic_store_n(&line.turn, i + 1, __ATOMIC_RELEASE);
	}
	t->ns = (stamp() - began) * tick / HOPS;
	return NULL;
}

static void *there_thread(void *arg)
{
	struct test *t = arg;
	uint32_t i;

	pin(t->cpus[1]);
	pthread_barrier_wait(&t->barrier);
	for (i = 1; i < 2 * HOPS; i += 2) {
		while (__atomic_load_n(&line.turn, __ATOMIC_ACQUIRE) != i)
			;
		__atomic_store_n(&line.turn, i + 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

static double hop(struct test *t)
{
	static void *(*const two[])(void *arg) = { here_thread, there_thread };

	line.turn = 0;
	pthread_barrier_init(&t->barrier, NULL, 2);
	run_threads(two, 2, t);
	pthread_barrier_destroy(&t->barrier);
	return t->ns;
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void measure(struct test *t, unsigned int rounds)
{
	static double ns[NR_RINGS][MAX_ROUNDS];
	double hops[2] = { }, n;
	unsigned int i, r;

	/* By turns, as what else runs comes and goes. */
	for (i = 0; i < rounds; i++) {
		n = hop(t);
		if (!i || n < hops[0])
			hops[0] = n;
		if (!i || n > hops[1])
			hops[1] = n;
		for (r = 0; r < NR_RINGS; r++) {
			t->ops = rings[(i + r) % NR_RINGS];
			ns[(i + r) % NR_RINGS][i] = run(t);
		}
	}
	for (r = 0; r < NR_RINGS; r++) {
		qsort(ns[r], rounds, sizeof(**ns), compare);
		print_result(load_names[t->load], t->backoff, t->batch,
			     rings[r]->name, "ns/descriptor",
			     ns[r][rounds / 2], ns[r][0], ns[r][rounds - 1],
			     hops, t->packets * rounds, "tp4ring");
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "packets", required_argument, NULL, 'p' },
		{ "cpus", required_argument, NULL, 'c' },
		{ }
	};
	struct test t = { .packets = 256 * 256, .cpus = { 0, 1 } };
	unsigned int rounds = 15, s, w, b;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 'r':
			rounds = atoi(optarg);
			break;
		case 'p':
			t.packets = atoi(optarg) / MAX_BATCH * MAX_BATCH;
			break;
		case 'c':
			if (sscanf(optarg, "%d,%d", &t.cpus[0],
				   &t.cpus[1]) != 2)
				errx(2, "--cpus A,B");
			break;
		default:
			return 2;
		}
	}
	if (rounds < 1 || rounds > MAX_ROUNDS || !t.packets)
		errx(2, "--rounds: 1 to %u", MAX_ROUNDS);
	calibrate();
	for (s = 0; s < NR_LOADS; s++)
		for (w = 0; w < (s == ALONE ? 1 : 2); w++)
			for (b = 0; b < NR_BATCHES; b++) {
				t.load = s;
				t.backoff = w;
				t.batch = batches[b];
				measure(&t, rounds);
			}
	return 0;
}

#endif

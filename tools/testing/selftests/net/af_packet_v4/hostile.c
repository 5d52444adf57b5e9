// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: rings that are rewritten while the kernel works on them. Threads
 * change frame numbers, lengths, offsets and flags of both rings of both ends,
 * at random, and to and fro between good and bad, while others make the kernel
 * look. Around and between the two packet buffers
 * lie canaries, and the packet buffer of another process, which sends and
 * receives all the while. None of these bytes may change, and none may ever be
 * in a packet: neither on the wire nor in a frame of somebody else. The ends are
 * those of a veth pair, or two network cards, see tp4_nic.h.
 */

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "../../kselftest_harness.h"
#include "tp4_nic.h"

#define RING		16
#define SIZE		2048
#define FRAMES		(4 * RING)
#define BUFFER		(FRAMES * SIZE)
#define LEN		200

/* What bytes are whose. A packet is made of one of them, headers included. */
#define BYTE_NEAR	0xa1	/* the hostile process, tp4a */
#define BYTE_FAR	0xb3	/* ... tp4b */
#define BYTE_STACK	0xd5	/* ... by a plain socket */
#define BYTE_OTHER	0x5f	/* the other process */
#define BYTE_CANARY	0xc7

enum { NEAR, FAR, BUFFERS };

struct area {
	__u8 before[2 * 4096];
	__u8 near[BUFFER];
	__u8 between[2 * 4096];
	__u8 other[BUFFER];
	__u8 amid[2 * 4096];
	__u8 far[BUFFER];
	__u8 behind[2 * 4096];
};

/* What the processes tell one another */
struct shared {
	bool stop;
	unsigned int exchanged;	/* packets of the other process */
	int ret;
};

struct hostile_end {
	int ifindex;
	int mr_fd;
	struct tp4 t;
};

FIXTURE(hostile) {
	struct tp4_net net;
	struct area *area;
	struct shared *shared;
	struct hostile_end ends[BUFFERS];
	int plain;
	int wire;		/* sees what the stack gets on tp4b */
	pid_t other;
	bool stop;
};

FIXTURE_VARIANT(hostile) {
	const struct tp4_mode *mode;
	bool shared;		/* one buffer at both ends */
	bool near_only;		/* the far end is the stack */
};

FIXTURE_VARIANT_ADD(hostile, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(hostile, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_VARIANT_ADD(hostile, zc_two_buffers) {
	.mode = &tp4_zc,
};

FIXTURE_VARIANT_ADD(hostile, zc_shared) {
	.mode = &tp4_zc,
	.shared = true,
};

FIXTURE_VARIANT_ADD(hostile, zc_to_stack) {
	.mode = &tp4_zc,
	.near_only = true,
};

struct rng {
	__u64 state;
};

static __u32 rnd(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL >> 32;
}

/* A socket whose buffer is a part of the area */
static int open_in(struct tp4 *t, int ifindex, const struct tp4_mode *mode,
		   int mr_fd, __u8 *buf, unsigned int first)
{
	struct tp4 buffer = {
		.mr_fd = mr_fd, .area = buf, .area_len = BUFFER, .buf = buf,
		.buf_len = BUFFER, .frame_size = SIZE, .frames = FRAMES,
	};
	struct tp4_cfg cfg = {
		.ifindex = ifindex, .mode = mode, .rx_nr = RING,
		.tx_nr = RING, .share = &buffer, .first = first,
	};

	return tp4_open(t, &cfg);
}

/* Who has nothing to do with all this: two sockets and a wire between them */
static int other_run(struct shared *shared, __u8 *buf)
{
	struct tp4_net net;
	struct tp4 a, b;
	__u8 pkt[SIZE], want[LEN];
	int mr_fd, ret;

	ret = tp4_net_new(&net, NULL);
	if (ret)
		return ret;
	memset(want, BYTE_OTHER, sizeof(want));
	mr_fd = socket(AF_PACKET, SOCK_RAW, 0);
	ret = tp4_memreg(mr_fd, buf, BUFFER, SIZE, 0) ?:
	      open_in(&a, net.a, &tp4_zc, mr_fd, buf, 0) ?:
	      open_in(&b, net.b, &tp4_zc, mr_fd, buf, 2 * RING);
	if (ret)
		return ret;
	while (!__atomic_load_n(&shared->stop, __ATOMIC_ACQUIRE)) {
		ret = tp4_send(&a, want, LEN, 0);
		if (ret)
			return ret;
		ret = tp4_recv_wait(&b, pkt, sizeof(pkt));
		if (ret != LEN || memcmp(pkt, want, LEN))
			return -EBADMSG;
		__atomic_fetch_add(&shared->exchanged, 1, __ATOMIC_RELEASE);
	}
	tp4_close(&a);
	tp4_close(&b);
	return 0;
}

static int hostile_net(struct tp4_net *net)
{
	struct end ends[] = { { .dev = nic_a() }, { .dev = nic_b() } };
	int ret;

	if (!have_nics())
		return tp4_net_new(net, NULL);
	/* To give a frame twice is foolish, but not forbidden */
	ret = have_model() ? model("owners off") : 0;
	if (ret)
		return ret;
	ret = nic_up(&ends[0], 1500) ?: nic_up(&ends[1], 1500);
	net->a = ends[0].ifindex;
	net->b = ends[1].ifindex;
	return ret;
}

FIXTURE_SETUP(hostile)
{
	int one = 1, mr_fd;
	struct area *area;
	unsigned int i;
	__u8 *buf;

	area = mmap(NULL, sizeof(*area), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, area);
	self->area = area;
	memset(area, BYTE_CANARY, sizeof(*area));
	memset(area->near, BYTE_NEAR, BUFFER);
	memset(area->far, BYTE_FAR, BUFFER);
	memset(area->other, BYTE_OTHER, BUFFER);
	self->shared = mmap(NULL, sizeof(*self->shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->shared);
	self->other = fork();
	ASSERT_LE(0, self->other);
	if (!self->other) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		self->shared->ret = other_run(self->shared, area->other);
		_exit(self->shared->ret ? 1 : 0);
	}
	ASSERT_EQ(0, hostile_net(&self->net));
	for (i = 0; i < BUFFERS; i++) {
		struct hostile_end *e = &self->ends[i];

		e->ifindex = i == NEAR ? self->net.a : self->net.b;
		e->mr_fd = -1;
		if (i == FAR && variant->near_only)
			break;
		buf = i == NEAR ? area->near : area->far;
		e->mr_fd = socket(AF_PACKET, SOCK_RAW, 0);
		ASSERT_LE(0, e->mr_fd);
		ASSERT_EQ(0, tp4_memreg(e->mr_fd, buf, BUFFER, SIZE, 0));
		mr_fd = e->mr_fd;
		if (variant->shared) {
			buf = area->near;
			mr_fd = self->ends[NEAR].mr_fd;
		}
		/* Both ends may have the same frames, too: it is their loss */
		ASSERT_EQ(0, open_in(&e->t, e->ifindex, variant->mode, mr_fd,
				     buf, 0));
	}
	/* A card may have been reset */
	if (have_nics()) {
		ASSERT_EQ(0, nic_wait_carrier(nic_a()));
		ASSERT_EQ(0, nic_wait_carrier(nic_b()));
	}
	self->plain = tp4_plain_open(self->net.b, 0);
	ASSERT_LE(0, self->plain);
	self->wire = tp4_plain_open(self->net.b, ETH_P_ALL);
	ASSERT_LE(0, self->wire);
	ASSERT_EQ(0, setsockopt(self->wire, SOL_PACKET, PACKET_IGNORE_OUTGOING,
				&one, sizeof(one)));
}

FIXTURE_TEARDOWN(hostile)
{
	unsigned int i;
	int status;

	for (i = 0; i < BUFFERS; i++) {
		if (self->ends[i].mr_fd < 0)
			continue;
		tp4_close(&self->ends[i].t);
		close(self->ends[i].mr_fd);
	}
	close(self->plain);
	close(self->wire);
	if (have_model())
		EXPECT_EQ(0, model("owners on"));
	__atomic_store_n(&self->shared->stop, true, __ATOMIC_RELEASE);
	EXPECT_EQ(self->other, waitpid(self->other, &status, 0));
	EXPECT_EQ(0, self->shared->ret)
		TH_LOG("the other process: %s", strerror(-self->shared->ret));
	EXPECT_EQ(0, status);
	munmap(self->area, sizeof(*self->area));
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Rewrites both rings of one end */
struct scribbler {
	struct _test_data_hostile *self;
	struct tp4 *t;
	unsigned int cpu;
	struct rng r;
	pthread_t thread;
};

static void scribble(struct tp4 *t, struct rng *r)
{
	static const __u64 idxs[] = {
		FRAMES, FRAMES + 1, -1, 1ULL << 31, 1ULL << 32, 1ULL << 53,
		(1ULL << 32) + 1,
	};
	static const __u32 lens[] = {
		0, 1, 13, 14, 60, LEN, 1514, 1515, SIZE - 1, SIZE, SIZE + 1,
		4096, 1U << 16, 1U << 31, -1, -SIZE,
	};
	struct tpacket4_desc *d = (struct tpacket4_desc *)t->map +
				  rnd(r) % (2 * RING);
	__u64 idx = rnd(r) % FRAMES;

	switch (rnd(r) % 16) {
	case 0:
		__atomic_store_n(&d->idx, idxs[rnd(r) % ARRAY_SIZE(idxs)],
				 __ATOMIC_RELAXED);
		break;
	case 1:
		__atomic_store_n(&d->idx, idx, __ATOMIC_RELAXED);
		break;
	case 2:
		__atomic_store_n(&d->len, lens[rnd(r) % ARRAY_SIZE(lens)],
				 __ATOMIC_RELAXED);
		break;
	case 3:
		__atomic_store_n(&d->offset, rnd(r) % 2 ? rnd(r) : rnd(r) % SIZE,
				 __ATOMIC_RELAXED);
		break;
	case 4:
		__atomic_store_n(&d->flags, rnd(r), __ATOMIC_RELAXED);
		break;
	case 5:
		__atomic_fetch_xor(&d->flags, TP4_DESC_KERNEL,
				   __ATOMIC_RELAXED);
		break;
	default:
		/* A good one, mostly, so that there is something to look at */
		tp4_raw_give(d, idx, LEN, rnd(r) % 1024, TP4_DESC_KERNEL |
			     (rnd(r) % 8 ? 0 : TP4_PKT_CONT));
	}
}

/* Goes to and fro between a good value and a bad one, in all slots of a ring that
 * the kernel may take: one who checks a slot and looks at it again, within a few
 * instructions, finds something else. The frame is the last one, behind which there
 * is nothing that the kernel could read or write without being noticed.
 */
static void waver(struct tp4 *t, struct rng *r)
{
	struct tpacket4_desc *ring = (struct tpacket4_desc *)t->map +
				     rnd(r) % 2 * RING;
	unsigned int turn, i, what = rnd(r) % 3;
	__u16 room = SIZE - LEN;

	for (turn = 0; turn < 64; turn++) {
		/* Those that are not plain take another way. */
		for (i = 0; i < RING; i++)
			tp4_raw_give(&ring[i], FRAMES - 1, LEN, room,
				     TP4_DESC_KERNEL |
				     (turn % 2 ? TP4_PKT_KEEP : 0));
		for (i = 0; i < RING; i++) {
			switch (what) {
			case 0:
				__atomic_store_n(&ring[i].offset, SIZE,
						 __ATOMIC_RELAXED);
				break;
			case 1:
				__atomic_store_n(&ring[i].len, 5 * LEN,
						 __ATOMIC_RELAXED);
				break;
			default:
				__atomic_store_n(&ring[i].idx, FRAMES,
						 __ATOMIC_RELAXED);
			}
		}
	}
}

static void *scribbler_run(void *arg)
{
	struct scribbler *s = arg;
	unsigned int i;

	tp4_pin_cpu(s->cpu);
	while (!__atomic_load_n(&s->self->stop, __ATOMIC_RELAXED)) {
		for (i = 0; i < 256; i++)
			scribble(s->t, &s->r);
		waver(s->t, &s->r);
		sched_yield();
	}
	return NULL;
}

static void count_bytes(const void *data, size_t len, size_t *counts)
{
	const __u8 *p = data;

	while (len--)
		counts[*p++]++;
}

/* Only bytes of who may have sent it, whatever the descriptors said, and what cards pad
 * short packets with
 */
static bool is_ours(const void *data, size_t len, const char *where)
{
	size_t counts[256] = {};
	unsigned int i;

	count_bytes(data, len, counts);
	for (i = 0; i < 256; i++) {
		if (!counts[i] || i == BYTE_NEAR || i == BYTE_FAR ||
		    i == BYTE_STACK || (!i && have_nics()))
			continue;
		fprintf(stderr, "# %zu bytes %#x %s\n", counts[i], i, where);
		return false;
	}
	return true;
}

static bool is_all(const void *data, size_t len, __u8 byte, const char *where)
{
	size_t counts[256] = {};

	count_bytes(data, len, counts);
	if (counts[byte] == len)
		return true;
	fprintf(stderr, "# %zu bytes changed %s\n", len - counts[byte], where);
	return false;
}

/* The least number of descriptors that the kernel has refused from a ring of any end,
 * and the number of all
 */
static __u64 refused(const struct hostile_end *ends, unsigned int n, __u64 *all)
{
	struct tpacket_stats_v4 st;
	__u64 least = ~0ULL;

	*all = 0;
	while (n--) {
		if (tp4_stats(ends[n].t.fd, &st))
			return 0;
		if (st.rx_invalid_desc < least)
			least = st.rx_invalid_desc;
		if (st.tx_invalid_desc < least)
			least = st.tx_invalid_desc;
		*all += st.rx_invalid_desc + st.tx_invalid_desc;
	}
	return least;
}

TEST_F(hostile, rings)
{
	unsigned int round, rounds = tp4_scaled(20000, 400), ends, i, n = 0;
	struct timeval timeo = { .tv_usec = 1000 };
	struct area *area = self->area;
	struct scribbler s[BUFFERS];
	bool to_stack = variant->near_only || variant->mode->zerocopy < 0;
	unsigned int sniffed = 0;
	__u8 pkt[65536];
	ssize_t len;
	__u64 bad;

	ends = variant->near_only ? 1 : 2;
	memset(pkt, BYTE_STACK, sizeof(pkt));
	for (i = 0; i < ends; i++) {
		/* What it waits for may never come */
		setsockopt(self->ends[i].t.fd, SOL_SOCKET, SO_SNDTIMEO, &timeo,
			   sizeof(timeo));
		s[i] = (struct scribbler) {
			.self = self, .t = &self->ends[i].t, .cpu = 1 + i,
			.r.state = 0x7470347a63ULL + i,
		};
		ASSERT_EQ(0, pthread_create(&s[i].thread, NULL, scribbler_run,
					    &s[i]));
	}
	/* Until all have had some, however long it takes */
	for (round = 0; round < rounds || n < 10 ||
	     (!sniffed && to_stack) ||
	     refused(self->ends, ends, &bad) < rounds / 10; round++) {
		for (i = 0; i < ends; i++) {
			send(self->ends[i].t.fd, NULL, 0,
			     round % 64 ? MSG_DONTWAIT : 0);
			tp4_poll(self->ends[i].t.fd, POLLIN | POLLOUT, 0);
		}
		memset(pkt, BYTE_STACK, LEN);
		send(self->plain, pkt, 14 + round % (LEN - 14), MSG_DONTWAIT);
		while ((len = recv(self->wire, pkt, sizeof(pkt),
				   MSG_DONTWAIT)) > 0) {
			ASSERT_TRUE(is_ours(pkt, len, "on the wire"));
			sniffed++;
		}
		sched_yield();
		n = __atomic_load_n(&self->shared->exchanged, __ATOMIC_ACQUIRE);
		ASSERT_EQ(0, __atomic_load_n(&self->shared->ret,
					     __ATOMIC_ACQUIRE));
	}
	__atomic_store_n(&self->stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < ends; i++)
		pthread_join(s[i].thread, NULL);

	EXPECT_TRUE(is_all(area->before, sizeof(area->before), BYTE_CANARY,
			   "before the buffers"));
	EXPECT_TRUE(is_all(area->between, sizeof(area->between), BYTE_CANARY,
			   "between the buffers"));
	EXPECT_TRUE(is_all(area->amid, sizeof(area->amid), BYTE_CANARY,
			   "amid the buffers"));
	EXPECT_TRUE(is_all(area->behind, sizeof(area->behind), BYTE_CANARY,
			   "behind the buffers"));
	EXPECT_TRUE(is_all(area->other, sizeof(area->other), BYTE_OTHER,
			   "in the other process's buffer"));
	EXPECT_TRUE(is_ours(area->near, BUFFER, "in the near buffer"));
	EXPECT_TRUE(is_ours(area->far, BUFFER, "in the far buffer"));
	refused(self->ends, ends, &bad);
	tp4_count(TP4_TALLY_BAD, bad);
	tp4_count(TP4_TALLY_PACKETS, sniffed + n);
	TH_LOG("%u rounds, %llu descriptors refused, %u packets seen, %u of the other",
	       round, (unsigned long long)bad, sniffed, n);
}

TEST_HARNESS_MAIN

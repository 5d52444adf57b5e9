// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4 in zero copy: what one does to its rings and its memory is its own
 * loss. Two users, each root in a namespace of its own and nobody outside of it,
 * have a veth pair each with sockets in zero copy at both ends. One of them does
 * what no program should; the other's packets must all arrive, whole and in
 * order, and the kernel must have nothing to say.
 */

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"

#define RING		64
#define FRAMES		(4 * RING)	/* of two sockets */
#define SIZE		2048
#define MAX_PKT		2048
#define WINDOW		48
#define NOBODY		65534

#define PACKETS		20000		/* of the victim, each way */
#define ROUNDS		60		/* of the attacker */
#define STEPS		200		/* in each of them */

#define SEED		0x7470347a63ULL

/* What the processes tell one another */
struct shared {
	unsigned int rounds;	/* that the attacker has begun */
	unsigned int packets;	/* that the victim has received */
	bool stop;
};

static struct shared *shared;

static bool stopping(void)
{
	return __atomic_load_n(&shared->stop, __ATOMIC_RELAXED);
}

/* xorshift64*: the same numbers in each run */
struct rng {
	__u64 state;
};

static __u64 rnd(struct rng *r)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return r->state * 0x2545f4914f6cdd1dULL;
}

static __u32 below(struct rng *r, __u32 n)
{
	return (rnd(r) >> 32) % n;
}

/* Who the processes are */

static int map_ids(void)
{
	char line[32];
	int ret;

	snprintf(line, sizeof(line), "0 %d 1", NOBODY);
	ret = tp4_write_file("/proc/self/setgroups", "deny");
	if (!ret)
		ret = tp4_write_file("/proc/self/uid_map", line);
	return ret ? ret : tp4_write_file("/proc/self/gid_map", line);
}

/* Root in a user namespace, nobody to all others */
static int become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return -errno;
	/* Its own /proc files would be root's */
	if (prctl(PR_SET_DUMPABLE, 1) || unshare(CLONE_NEWUSER))
		return -errno;
	return map_ids();
}

static bool can_be_nobody(void)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid)
		_exit(become_nobody() ? 1 : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid &&
	       WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Two ends of a veth pair */
struct pair {
	struct tp4_net net;
	struct tp4 a;
	struct tp4 b;
};

static int pair_open(struct pair *p, bool one_buffer)
{
	struct tp4_cfg cfg = {
		.ifindex = p->net.a, .mode = &tp4_zc, .rx_nr = RING,
		.tx_nr = RING, .frames = FRAMES, .frame_size = SIZE,
	};
	int ret;

	ret = tp4_open(&p->a, &cfg);
	if (ret)
		return ret;
	cfg.ifindex = p->net.b;
	if (one_buffer) {
		cfg.share = &p->a;
		cfg.first = 2 * RING;
	}
	return tp4_open(&p->b, &cfg);
}

static void pair_close(struct pair *p)
{
	tp4_close(&p->b);
	tp4_close(&p->a);
}

/* The victim */

static size_t length_of(__u32 seq)
{
	return ETH_HLEN + (seq * 7919ULL) % (ETH_DATA_LEN + 1);
}

static int send_window(struct tp4 *t, __u32 seq)
{
	__u8 pkt[MAX_PKT];
	ssize_t sent;
	__u32 i;
	int ret;

	for (i = seq; i != seq + WINDOW; i++) {
		tp4_pkt_fill(pkt, length_of(i), i);
		ret = tp4_queue(t, pkt, length_of(i), 0);
		if (ret < 0)
			return ret;
	}
	sent = tp4_kick(t, 0);
	if (sent < 0)
		return sent;
	ret = tp4_complete(t);
	if (ret)
		return ret;
	return tp4q_num_held(&t->txq) ? -EINPROGRESS : 0;
}

static int recv_window(struct tp4 *t, __u32 seq)
{
	__u8 pkt[MAX_PKT];
	__u32 i;
	int ret;

	for (i = seq; i != seq + WINDOW; i++) {
		ret = tp4_recv_wait(t, pkt, sizeof(pkt));
		if (ret < 0)
			return ret;
		if (!tp4_pkt_ok(pkt, ret, i, length_of(i)))
			return -EBADMSG;
	}
	ret = tp4_recv(t, pkt, sizeof(pkt));
	return ret ? -EEXIST : 0;
}

static int both_ways(struct pair *p, __u32 seq)
{
	int ret;

	ret = send_window(&p->a, seq);
	if (!ret)
		ret = send_window(&p->b, seq);
	if (!ret)
		ret = recv_window(&p->a, seq);
	return ret ? ret : recv_window(&p->b, seq);
}

static int no_drops(const struct tp4 *t, __u32 received)
{
	struct tpacket_stats_v4 st;

	if (tp4_stats(t->fd, &st))
		return -EIO;
	if (st.tp_packets == received && !st.tp_drops && !st.rx_no_frame &&
	    !st.rx_invalid_desc && !st.tx_invalid_desc && !st.tx_errors)
		return 0;
	fprintf(stderr, "# %u packets, %u drops, expected %u and none\n",
		st.tp_packets, st.tp_drops, received);
	return -EPROTO;
}

/* As many as it takes for the attacker to have had its rounds */
static int victim_run(struct pair *p, bool one_buffer, __u32 packets,
		      unsigned int rounds)
{
	__u32 seq = 0;
	int ret;

	ret = pair_open(p, one_buffer);
	if (ret)
		return ret;
	while (seq < packets ||
	       __atomic_load_n(&shared->rounds, __ATOMIC_RELAXED) < rounds) {
		if (stopping())
			return -ECANCELED;
		ret = both_ways(p, seq);
		if (ret) {
			fprintf(stderr, "# victim: packets from %u on: %s\n",
				seq, strerror(-ret));
			return ret;
		}
		seq += WINDOW;
		__atomic_fetch_add(&shared->packets, 2 * WINDOW,
				   __ATOMIC_RELAXED);
	}
	ret = no_drops(&p->a, seq);
	if (!ret)
		ret = no_drops(&p->b, seq);
	if (!ret && !(tp4_guards_ok(&p->a) && tp4_guards_ok(&p->b)))
		ret = -EFAULT;
	pair_close(p);
	return ret;
}

static int run_victim(void)
{
	unsigned int rounds = tp4_scaled(ROUNDS, 12);
	__u32 packets = tp4_scaled(PACKETS, 1000);
	struct pair p = {};
	int ret;

	ret = tp4_net_new(&p.net, NULL);
	if (!ret)
		ret = victim_run(&p, true, packets, rounds / 2);
	if (!ret)
		ret = victim_run(&p, false, packets, rounds);
	return ret;
}

/* The attacker */

struct attack {
	const char *name;
	int (*run)(struct pair *p, struct rng *r);
	bool loses_buffer;
};

/* How it gets the kernel to look; none of this is expected to work */
static void provoke(struct pair *p, struct rng *r)
{
	struct tp4 *t = rnd(r) % 2 ? &p->a : &p->b;

	switch (below(r, 64)) {
	case 0:
		tp4_kick(t, 0);
		break;
	case 1:
		tp4_poll(t->fd, POLLIN | POLLOUT, 0);
		break;
	case 2:
		tp4_set_queue(t->fd, -1);
		break;
	case 3:
		tp4_set_queue(t->fd, 0);
		break;
	default:
		tp4_kick(t, MSG_DONTWAIT);
	}
}

/* A descriptor with which something could be done, or random bytes altogether */
static struct tpacket4_desc random_desc(struct rng *r)
{
	struct tpacket4_desc d = {
		.idx = rnd(r),
		.len = rnd(r),
		.offset = rnd(r),
		.error = rnd(r),
		.flags = rnd(r),
	};

	if (rnd(r) % 2) {
		d.idx = below(r, FRAMES + 4);
		d.len = below(r, SIZE);
		d.offset = below(r, SIZE - d.len + 4);
		d.flags = rnd(r) % 8 ? TP4_DESC_KERNEL :
				       TP4_DESC_KERNEL | TP4_PKT_CONT;
	}
	return d;
}

static void fill_ring(struct tp4 *t, struct rng *r)
{
	unsigned int i;

	for (i = 0; i < RING; i++) {
		struct tpacket4_desc rx = random_desc(r);
		struct tpacket4_desc tx = random_desc(r);

		t->rx[i] = rx;
		t->tx[i] = tx;
	}
}

static int attack_random_descriptors(struct pair *p, struct rng *r)
{
	unsigned int i;

	for (i = 0; i < STEPS; i++) {
		fill_ring(&p->a, r);
		fill_ring(&p->b, r);
		provoke(p, r);
		provoke(p, r);
	}
	return 0;
}

/* What runs beside the attacker's system calls */
struct scribbler {
	struct pair *p;
	struct rng r;
	bool flags_only;
	bool stop;
	pthread_t thread;
};

static void scribble(struct tp4 *t, struct scribbler *s)
{
	struct tpacket4_desc *d = t->map;
	__u64 *words = t->map;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		if (s->flags_only)
			__atomic_fetch_xor(&d[below(&s->r, 2 * RING)].flags,
					   rnd(&s->r) % 4 ? TP4_DESC_KERNEL :
							    rnd(&s->r),
					   __ATOMIC_RELAXED);
		else
			__atomic_store_n(&words[below(&s->r, t->map_len / 8)],
					 rnd(&s->r), __ATOMIC_RELAXED);
	}
}

static void *scribbler_run(void *arg)
{
	struct scribbler *s = arg;

	tp4_pin_cpu(3);
	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		scribble(&s->p->a, s);
		scribble(&s->p->b, s);
		sched_yield();
	}
	return NULL;
}

static int beside_a_scribbler(struct pair *p, struct rng *r, bool flags_only)
{
	struct scribbler s = {
		.p = p, .r.state = rnd(r) | 1, .flags_only = flags_only,
	};
	unsigned int i;

	fill_ring(&p->a, r);
	fill_ring(&p->b, r);
	if (pthread_create(&s.thread, NULL, scribbler_run, &s))
		return -EAGAIN;
	for (i = 0; i < STEPS; i++) {
		if (rnd(r) % 4 == 0)
			fill_ring(rnd(r) % 2 ? &p->a : &p->b, r);
		provoke(p, r);
		/* Without a second CPU it is the scribbler's turn now */
		sched_yield();
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(s.thread, NULL);
	return 0;
}

static int attack_scribble(struct pair *p, struct rng *r)
{
	return beside_a_scribbler(p, r, false);
}

static int attack_flags(struct pair *p, struct rng *r)
{
	return beside_a_scribbler(p, r, true);
}

/* Well-formed packets both ways, whatever becomes of them */
static void send_both_ways(struct pair *p)
{
	struct tp4 *ends[] = { &p->a, &p->b };
	struct tpacket4_desc d;
	unsigned int i, k;

	for (i = 0; i < 2; i++) {
		for (k = 0; k < 16 && tp4_tx_room(ends[i]); k++)
			tp4_tx_give(ends[i],
				    ends[i]->free[--ends[i]->free_nr], 200, 300,
				    0);
		tp4_kick(ends[i], MSG_DONTWAIT);
		tp4_complete(ends[i]);
	}
	for (i = 0; i < 2; i++)
		while (tp4_rx_next(ends[i], &d))
			tp4_rx_give(ends[i], d.idx);
}

/*
 * The memory goes, the kernel's frames stay: what lies at its address afterwards
 * is nothing that the kernel knows of.
 */
static int attack_munmap_buffer(struct pair *p, struct rng *r)
{
	const __u8 canary = 0x5c;
	size_t i, len = p->a.buf_len;
	__u8 *fresh;

	send_both_ways(p);
	if (munmap(p->a.buf, len))
		return -errno;
	for (i = 0; i < STEPS / 4; i++) {
		send_both_ways(p);
		provoke(p, r);
	}
	fresh = mmap(p->a.buf, len, PROT_READ | PROT_WRITE,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (fresh == MAP_FAILED)
		return -errno;
	memset(fresh, canary, len);
	for (i = 0; i < STEPS / 4; i++) {
		send_both_ways(p);
		provoke(p, r);
	}
	for (i = 0; i < len; i++) {
		if (fresh[i] != canary) {
			fprintf(stderr, "# byte %zu, not of a packet buffer, was written\n",
				i);
			return -EFAULT;
		}
	}
	return 0;
}

/* The rings go on without their owner, and can be had again */
static int attack_munmap_rings(struct pair *p, struct rng *r)
{
	struct tp4 *ends[] = { &p->a, &p->b };
	unsigned int i, k;
	int ret;

	for (i = 0; i < STEPS / 10; i++) {
		fill_ring(&p->a, r);
		fill_ring(&p->b, r);
		for (k = 0; k < 2; k++)
			munmap(ends[k]->map, ends[k]->map_len);
		for (k = 0; k < 10; k++)
			provoke(p, r);
		for (k = 0; k < 2; k++) {
			ret = tp4_map(ends[k]);
			if (ret)
				return ret;
		}
	}
	return 0;
}

/* Children have no rings, but the sockets, and may outlive their parent */
static int attack_fork(struct pair *p, struct rng *r)
{
	pid_t children[4];
	unsigned int i, k;
	int ret = 0;

	for (i = 0; i < ARRAY_SIZE(children); i++) {
		fill_ring(&p->a, r);
		fill_ring(&p->b, r);
		children[i] = fork();
		if (children[i] < 0)
			return -errno;
		if (children[i])
			continue;
		rnd(r);
		memset(p->a.buf, i, p->a.buf_len);
		memset(p->b.buf, i, p->b.buf_len);
		for (k = 0; k < STEPS / 10; k++) {
			r->state += i;
			provoke(p, r);
		}
		_exit(0);
	}
	for (i = 0; i < STEPS / 4; i++) {
		fill_ring(rnd(r) % 2 ? &p->a : &p->b, r);
		provoke(p, r);
	}
	for (i = 0; i < ARRAY_SIZE(children); i++)
		if (waitpid(children[i], NULL, 0) != children[i])
			ret = -ECHILD;
	return ret;
}

/* All of it, with the interface going down and up */
static int attack_down_and_up(struct pair *p, struct rng *r)
{
	struct scribbler s = {
		.p = p, .r.state = rnd(r) | 1,
	};
	unsigned int i;
	int ret = 0;

	if (pthread_create(&s.thread, NULL, scribbler_run, &s))
		return -EAGAIN;
	for (i = 0; i < 4 && !ret; i++) {
		unsigned int k;

		for (k = 0; k < 10; k++) {
			provoke(p, r);
			sched_yield();
		}
		ret = tp4_link_down(i % 2 ? p->net.a : p->net.b);
		for (k = 0; k < 10; k++) {
			provoke(p, r);
			sched_yield();
		}
		if (!ret)
			ret = tp4_link_up(i % 2 ? p->net.a : p->net.b);
		tp4_set_queue(p->a.fd, 0);
		tp4_set_queue(p->b.fd, 0);
	}
	__atomic_store_n(&s.stop, true, __ATOMIC_RELAXED);
	pthread_join(s.thread, NULL);
	return ret;
}

static const struct attack random_descriptors = {
	.name = "random descriptors",
	.run = attack_random_descriptors,
};

static const struct attack scribbling = {
	.name = "scribbling",
	.run = attack_scribble,
};

static const struct attack flags = {
	.name = "flags",
	.run = attack_flags,
};

static const struct attack munmap_buffer = {
	.name = "munmap of the buffer",
	.run = attack_munmap_buffer,
	.loses_buffer = true,
};

static const struct attack munmap_rings = {
	.name = "munmap of the rings",
	.run = attack_munmap_rings,
};

static const struct attack forks = {
	.name = "fork",
	.run = attack_fork,
};

static const struct attack down_and_up = {
	.name = "down and up",
	.run = attack_down_and_up,
};

static int attack_round(struct pair *p, const struct attack *attack,
			unsigned int round)
{
	struct rng r = { .state = SEED + round };
	bool one_buffer = round % 2;
	struct timeval timeo = { .tv_usec = 10000 };
	int ret;

	/* Two sockets that may each have lost the same memory */
	if (attack->loses_buffer)
		one_buffer = true;
	ret = pair_open(p, one_buffer);
	if (ret)
		return ret;
	/* What it waits for may never come */
	setsockopt(p->a.fd, SOL_SOCKET, SO_SNDTIMEO, &timeo, sizeof(timeo));
	setsockopt(p->b.fd, SOL_SOCKET, SO_SNDTIMEO, &timeo, sizeof(timeo));
	ret = attack->run(p, &r);
	if (!ret && !attack->loses_buffer &&
	    !(tp4_guards_ok(&p->a) && tp4_guards_ok(&p->b)))
		ret = -EFAULT;
	pair_close(p);
	return ret;
}

static int run_attacker(const struct attack *attack)
{
	unsigned int round = 0;
	struct pair p = {};
	int ret;

	ret = tp4_net_new(&p.net, NULL);
	if (ret)
		return ret;
	fprintf(stderr, "# %s: seeds from %#llx on\n", attack->name, SEED);
	while (!stopping()) {
		ret = attack_round(&p, attack, round);
		if (ret) {
			fprintf(stderr, "# attacker: round %u: %s\n", round,
				strerror(-ret));
			return ret;
		}
		round = __atomic_add_fetch(&shared->rounds, 1,
					   __ATOMIC_RELAXED);
	}

	/* After all that, the same device and user can do it right */
	ret = pair_open(&p, true);
	if (!ret)
		ret = both_ways(&p, 0);
	if (!ret)
		ret = both_ways(&p, WINDOW);
	pair_close(&p);
	if (ret)
		fprintf(stderr, "# attacker, in earnest: %s\n", strerror(-ret));
	return ret;
}

FIXTURE(zc_isolation) {
	bool nobody;
};

FIXTURE_VARIANT(zc_isolation) {
	const struct attack *attack;
};

FIXTURE_VARIANT_ADD(zc_isolation, random_descriptors) {
	.attack = &random_descriptors,
};

FIXTURE_VARIANT_ADD(zc_isolation, scribbling) {
	.attack = &scribbling,
};

FIXTURE_VARIANT_ADD(zc_isolation, flags) {
	.attack = &flags,
};

FIXTURE_VARIANT_ADD(zc_isolation, munmap_buffer) {
	.attack = &munmap_buffer,
};

FIXTURE_VARIANT_ADD(zc_isolation, munmap_rings) {
	.attack = &munmap_rings,
};

FIXTURE_VARIANT_ADD(zc_isolation, forks) {
	.attack = &forks,
};

FIXTURE_VARIANT_ADD(zc_isolation, down_and_up) {
	.attack = &down_and_up,
};

FIXTURE_SETUP(zc_isolation)
{
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, shared);
	self->nobody = can_be_nobody();
	if (!self->nobody)
		TH_LOG("no user namespaces here: two roots");
}

FIXTURE_TEARDOWN(zc_isolation)
{
	EXPECT_TRUE(tp4_pins_balanced());
	munmap(shared, sizeof(*shared));
}

static pid_t start(const struct _test_data_zc_isolation *self,
		   const struct attack *attack)
{
	pid_t pid = fork();
	int ret = 0;

	if (pid)
		return pid;
	tp4_pin_cpu(attack ? 1 : 0);
	if (self->nobody)
		ret = become_nobody();
	if (!ret)
		ret = attack ? run_attacker(attack) : run_victim();
	/* Whoever is done, or has failed, ends it for both */
	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	_exit(ret ? 1 : 0);
}

static bool has_ended_well(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	       !WEXITSTATUS(status);
}

TEST_F(zc_isolation, others_do_not_notice)
{
	pid_t pids[2];

	pids[0] = start(self, variant->attack);
	ASSERT_LT(0, pids[0]);
	pids[1] = start(self, NULL);
	ASSERT_LT(0, pids[1]);
	EXPECT_TRUE(has_ended_well(pids[1])) TH_LOG("the victim");
	EXPECT_TRUE(has_ended_well(pids[0])) TH_LOG("the attacker");
	EXPECT_LE(tp4_scaled(ROUNDS, 12), shared->rounds);
	EXPECT_LE(4 * tp4_scaled(PACKETS, 1000), shared->packets);
}

TEST_HARNESS_MAIN

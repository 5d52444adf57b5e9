// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: all that changes a socket or its device, each against each other
 * and against traffic. Two threads go through one kind of change each, many times
 * over, while a third one sends and receives. What a call may answer depends on
 * who was first; that it is one of a few errnos does not. Afterwards a fresh
 * socket works, nothing is pinned, and the kernel has had nothing to say.
 */

#include <assert.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>

#include "../../kselftest_harness.h"
#include "tp4_xdp.h"

#define RING		16
#define FRAMES		(8 * RING)
#define SIZE		2048
#define LEN		300
#define GROUP		4711

/* What both sides of a race work on. The socket may be anything at any time. */
struct arena {
	struct tp4_net net;
	int fd;			/* the socket; its number stays */
	int mr_fd;
	int plain;		/* on the stack of the other end */
	int progs[2];
	__u8 *mem;
	size_t len;
	void *map;		/* its rings, mapped now */
	size_t map_len;
	pthread_mutex_t map_lock;
	bool zc;		/* the socket begins in zero copy */
	bool stop;
	unsigned int bad;	/* errno that no call should have answered */
	const char *bad_in;
	unsigned int turns;	/* of the first kind */
	unsigned int done;	/* ... that have changed something */
};

FIXTURE(races) {
	struct arena a;
};

FIXTURE_VARIANT(races) {
	bool zc;
};

FIXTURE_VARIANT_ADD(races, copy_mode) {
	.zc = false,
};

FIXTURE_VARIANT_ADD(races, zc_pair) {
	.zc = true,
};

/* What one may hear when somebody else was there first */
static const int excuses[] = {
	EBUSY, EINVAL, ENETDOWN, ENODEV, ENXIO, EBADF, EAGAIN, EPERM, EALREADY,
	ENOPROTOOPT, EOPNOTSUPP, ENOBUFS, ERANGE, ENOENT, EEXIST, EACCES,
	EINTR, ENOTSOCK, EMSGSIZE, ENOSPC,
};

static void judge(struct arena *a, const char *what, int ret)
{
	size_t i;

	if (ret >= 0)
		return;
	for (i = 0; i < ARRAY_SIZE(excuses); i++)
		if (-ret == excuses[i])
			return;
	__atomic_store_n(&a->bad_in, what, __ATOMIC_RELAXED);
	__atomic_store_n(&a->bad, -ret, __ATOMIC_RELEASE);
}

static int opt(int fd, int name, int value)
{
	return setsockopt(fd, SOL_PACKET, name, &value, sizeof(value)) ?
	       -errno : 0;
}

static int ring(struct arena *a, int name, unsigned int nr)
{
	struct tpacket_req4 req = { .mr_fd = a->mr_fd, .desc_nr = nr };

	return setsockopt(a->fd, SOL_PACKET, name, &req, sizeof(req)) ?
	       -errno : 0;
}

static int bind_to(struct arena *a, int ifindex)
{
	struct sockaddr_ll sll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = ifindex,
	};

	return bind(a->fd, (struct sockaddr *)&sll, sizeof(sll)) ? -errno : 0;
}

/* The mapping is looked at by all, so it goes with a lock of our own */
static int map(struct arena *a)
{
	size_t len = (size_t)sysconf(_SC_PAGESIZE);
	int ret = 0;
	void *p;

	pthread_mutex_lock(&a->map_lock);
	if (!a->map) {
		p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, a->fd,
			 0);
		if (p == MAP_FAILED) {
			ret = -errno;
		} else {
			a->map = p;
			a->map_len = len;
		}
	}
	pthread_mutex_unlock(&a->map_lock);
	return ret;
}

/* Was it mapped? */
static bool unmap(struct arena *a)
{
	bool was;

	pthread_mutex_lock(&a->map_lock);
	was = a->map;
	if (was)
		munmap(a->map, a->map_len);
	a->map = NULL;
	pthread_mutex_unlock(&a->map_lock);
	return was;
}

/* Hands all slots to the kernel, with good frames and some bad ones */
static void give(struct arena *a, unsigned int turn)
{
	struct tpacket4_desc *d;
	unsigned int i;

	pthread_mutex_lock(&a->map_lock);
	for (i = 0, d = a->map; d && i < 2 * RING; i++)
		tp4_raw_give(&d[i], i + (turn + i) % 97 / 96 * FRAMES, LEN, 0,
			     TP4_DESC_KERNEL |
			     ((turn + i) % 7 == 6 ? TP4_PKT_CONT : 0));
	pthread_mutex_unlock(&a->map_lock);
}

/* As it is at first: rings, mapped, bound, in zero copy or not */
static int restore(struct arena *a)
{
	int ret;

	judge(a, "version", tp4_version(a->fd, TPACKET_V4));
	if (!a->map) {
		judge(a, "rx ring", ring(a, PACKET_RX_RING, RING));
		judge(a, "tx ring", ring(a, PACKET_TX_RING, RING));
	}
	judge(a, "mmap", map(a));
	judge(a, "zerocopy", opt(a->fd, PACKET_ZEROCOPY, a->zc ? 0 : -1));
	ret = bind_to(a, a->net.a);
	judge(a, "bind", ret);
	return ret;
}

/* Some turns of what a socket refuses in zero copy begin without, or it would be refused
 * for good where nobody else lets go
 */
static void leave_zerocopy(struct arena *a)
{
	unmap(a);
	opt(a->fd, PACKET_ZEROCOPY, -1);
}

static void free_rings(struct arena *a)
{
	leave_zerocopy(a);
	ring(a, PACKET_RX_RING, 0);
	ring(a, PACKET_TX_RING, 0);
}

/* The changes. Each leaves something for the others to do. */

static int do_bind(struct arena *a, unsigned int turn)
{
	if (turn % 8 == 0)
		leave_zerocopy(a);
	return bind_to(a, turn % 2 ? a->net.a : a->net.b);
}

static int do_version(struct arena *a, unsigned int turn)
{
	static const int versions[] = { TPACKET_V3, TPACKET_V4, TPACKET_V1,
					TPACKET_V4 };
	struct tpacket_req3 req = {
		.tp_block_size = TP4_PAGE, .tp_block_nr = 1,
		.tp_frame_size = TP4_PAGE, .tp_frame_nr = 1,
	};
	int ret;

	if (turn % 8 == 0)
		free_rings(a);
	ret = setsockopt(a->fd, SOL_PACKET, PACKET_VERSION,
			 &versions[turn % 4], sizeof(int)) ? -errno : 0;
	/* V3's ring for a moment, if it is V3 */
	if (turn % 4 == 0 &&
	    !setsockopt(a->fd, SOL_PACKET, PACKET_RX_RING, &req, sizeof(req))) {
		memset(&req, 0, sizeof(req));
		setsockopt(a->fd, SOL_PACKET, PACKET_RX_RING, &req,
			   sizeof(req));
	}
	return ret;
}

static int do_memreg(struct arena *a, unsigned int turn)
{
	struct tpacket_memreg_req req = {
		.addr = (uintptr_t)a->mem, .len = a->len, .frame_size = SIZE,
	};
	int fd, ret = 0;

	if (turn % 4 == 0)
		free_rings(a);
	/* One of its own, which is closed while it is in use */
	fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (fd < 0)
		return -errno;
	if (!setsockopt(fd, SOL_PACKET, PACKET_MEMREG, &req, sizeof(req))) {
		struct tpacket_req4 r4 = { .mr_fd = fd, .desc_nr = RING };

		if (setsockopt(a->fd, SOL_PACKET,
			       turn % 2 ? PACKET_RX_RING : PACKET_TX_RING, &r4,
			       sizeof(r4)))
			ret = -errno;
	} else {
		ret = -errno;
	}
	close(fd);
	/* And on the socket itself, where it stays */
	if (turn % 16 == 15)
		return setsockopt(a->fd, SOL_PACKET, PACKET_MEMREG, &req,
				  sizeof(req)) ? -errno : 0;
	return ret;
}

static int do_rx_ring(struct arena *a, unsigned int turn)
{
	if (turn % 4 == 0)
		leave_zerocopy(a);
	return ring(a, PACKET_RX_RING, turn % 2 ? RING : 0);
}

static int do_tx_ring(struct arena *a, unsigned int turn)
{
	if (turn % 4 == 0)
		leave_zerocopy(a);
	return ring(a, PACKET_TX_RING, turn % 2 ? RING : 0);
}

static int do_reserve(struct arena *a, unsigned int turn)
{
	if (turn % 4 == 0)
		free_rings(a);
	return opt(a->fd, PACKET_RESERVE, turn % 2 ? 500 : 4);
}

static int do_zerocopy(struct arena *a, unsigned int turn)
{
	return opt(a->fd, PACKET_ZEROCOPY, turn % 2 ? -1 : 0);
}

static int do_mmap(struct arena *a, unsigned int turn)
{
	void *status;

	if (turn % 2)
		return unmap(a) ? 0 : -ENOENT;
	status = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, a->fd,
		      TP4_PGOFF_STATUS);
	if (status != MAP_FAILED)
		munmap(status, TP4_PAGE);
	return map(a);
}

static int do_fanout(struct arena *a, unsigned int turn)
{
	int fd, arg = GROUP | PACKET_FANOUT_LB << 16, ret;

	if (turn % 2 == 0)
		leave_zerocopy(a);
	ret = setsockopt(a->fd, SOL_PACKET, PACKET_FANOUT, &arg, sizeof(arg)) ?
	      -errno : 0;
	/* Only those leave a group that are closed */
	if (ret || turn % 4)
		return ret;
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	unmap(a);
	dup3(fd, a->fd, O_CLOEXEC);
	close(fd);
	return 0;
}

static int do_filter(struct arena *a, unsigned int turn)
{
	struct sock_filter insns[] = { BPF_STMT(BPF_RET | BPF_K, 200) };
	struct sock_fprog prog = { .len = 1, .filter = insns };

	if (turn % 8 == 0)
		leave_zerocopy(a);
	if (turn % 2)
		return setsockopt(a->fd, SOL_SOCKET, SO_DETACH_FILTER, &prog,
				  sizeof(int)) ? -errno : 0;
	return setsockopt(a->fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog)) ? -errno : 0;
}

static int do_near_up_down(struct arena *a, unsigned int turn)
{
	return tp4_link_flags(a->net.a, turn % 2 ? IFF_UP : 0, IFF_UP);
}

static int do_far_up_down(struct arena *a, unsigned int turn)
{
	return tp4_link_flags(a->net.b, turn % 2 ? IFF_UP : 0, IFF_UP);
}

static int do_mtu(struct arena *a, unsigned int turn)
{
	static const unsigned int mtus[] = { 68, 1500, 9000, 1400, 60000 };

	return tp4_link_mtu(turn % 2 ? a->net.a : a->net.b, mtus[turn % 5]);
}

static int do_xdp(struct arena *a, unsigned int turn)
{
	return tp4_link_xdp(a->net.a, turn % 3 == 2 ? -1 : a->progs[turn % 3],
			    XDP_FLAGS_DRV_MODE);
}

static int do_xdp_generic(struct arena *a, unsigned int turn)
{
	return tp4_link_xdp(a->net.a, turn % 2 ? -1 : a->progs[0],
			    XDP_FLAGS_SKB_MODE);
}

static int do_af_xdp(struct arena *a, unsigned int turn)
{
	struct tp4_xsk x;
	int ret;

	ret = tp4_xsk_open(&x);
	if (ret)
		return ret;
	ret = tp4_xsk_bind(&x, a->net.a, 0, XDP_COPY);
	tp4_xsk_close(&x);
	return ret;
}

static int do_channels(struct arena *a, unsigned int turn)
{
	return tp4_channels("tp4a", 1 + turn % 2, 1 + turn / 2 % 2);
}

/* Its number gets a socket that has nothing yet */
static int do_close(struct arena *a, unsigned int turn)
{
	int fd;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (fd < 0)
		return -errno;
	if (turn % 2)
		unmap(a);
	/* With the mapping left, it is not the last reference that goes */
	dup3(fd, a->fd, O_CLOEXEC);
	close(fd);
	if (turn % 2 == 0)
		unmap(a);
	return restore(a);
}

/* A child has the file for a while, but not the mapping; half of them are killed */
static int do_fork(struct arena *a, unsigned int turn)
{
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		opt(a->fd, PACKET_ZEROCOPY, turn % 4 < 2 ? 0 : -1);
		send(a->fd, NULL, 0, MSG_DONTWAIT);
		if (turn % 2)
			pause();
		_exit(0);
	}
	if (pid < 0)
		return -errno;
	if (turn % 2) {
		sched_yield();
		kill(pid, SIGKILL);
	}
	return waitpid(pid, &status, 0) == pid ? 0 : -ECHILD;
}

/* A child with a socket of its own on the queue, gone by exec or a kill */
static int do_kill(struct arena *a, unsigned int turn)
{
	struct tp4_cfg cfg = {
		.ifindex = a->net.a, .rx_nr = 4, .tx_nr = 4, .frames = 8,
	};
	int status;
	pid_t pid;

	pid = fork();
	if (!pid) {
		struct tp4 t;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (turn % 4)
			cfg.mode = &tp4_zc;
		tp4_open(&t, &cfg);
		if (turn % 2)
			execl("/bin/true", "true", NULL);
		kill(getpid(), SIGKILL);
	}
	if (pid < 0)
		return -errno;
	return waitpid(pid, &status, 0) == pid ? 0 : -ECHILD;
}

/* Makes the pair if there is none, and finds it */
static int pair(struct arena *a)
{
	struct tp4_netcfg cfg = { .queues = 2 };
	int ret;

	ret = tp4_veth_add("tp4a", "tp4b", &cfg);
	a->net.a = if_nametoindex("tp4a");
	a->net.b = if_nametoindex("tp4b");
	tp4_link_flags(a->net.a, IFF_UP, IFF_UP);
	tp4_link_flags(a->net.b, IFF_UP, IFF_UP);
	return ret;
}

/* The pair goes, and comes back with numbers that are new */
static int do_unregister(struct arena *a, unsigned int turn)
{
	tp4_link_del(turn % 2 ? a->net.a : a->net.b);
	return pair(a);
}

/* One end moves to a namespace that dies with it */
static int do_netns(struct arena *a, unsigned int turn)
{
	int status, ret, fd;
	char path[64];
	int pipes[2];
	pid_t pid;
	char c;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET))
			_exit(1);
		if (write(pipes[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	close(pipes[1]);
	if (pid < 0 || read(pipes[0], &c, 1) != 1) {
		close(pipes[0]);
		return -ECHILD;
	}
	close(pipes[0]);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = tp4_link_netns(turn % 2 ? a->net.a : a->net.b, fd);
	close(fd);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	/* The other end goes too, maybe before that one does */
	return do_unregister(a, turn + 1) ?: ret;
}

static int do_dump(struct arena *a, unsigned int turn)
{
	struct {
		struct nlmsghdr nh;
		struct packet_diag_req req;
	} dump = {
		.nh = {
			.nlmsg_len = sizeof(dump),
			.nlmsg_type = SOCK_DIAG_BY_FAMILY,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		},
		.req = { .sdiag_family = AF_PACKET, .pdiag_show = ~0U },
	};
	struct tpacket_stats_v4 st;
	socklen_t len = sizeof(st);
	char reply[8192];
	int fd, ret = 0;

	if (getsockopt(a->fd, SOL_PACKET, PACKET_STATISTICS, &st, &len))
		ret = -errno;
	fd = open("/proc/net/packet", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && read(fd, reply, sizeof(reply)) > 0)
		;
	close(fd);
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	if (send(fd, &dump, sizeof(dump), 0) < 0 ||
	    recv(fd, reply, sizeof(reply), 0) < 0)
		ret = -EIO;
	close(fd);
	return ret;
}

struct change {
	const char *name;
	int (*step)(struct arena *a, unsigned int turn);
	unsigned int weight;	/* how much longer it takes than others */
};

static const struct change changes[] = {
	{ "bind", do_bind, 1 },
	{ "version", do_version, 1 },
	{ "memreg", do_memreg, 1 },
	{ "rx_ring", do_rx_ring, 1 },
	{ "tx_ring", do_tx_ring, 1 },
	{ "reserve", do_reserve, 1 },
	{ "zerocopy", do_zerocopy, 1 },
	{ "mmap", do_mmap, 1 },
	{ "fanout", do_fanout, 1 },
	{ "filter", do_filter, 1 },
	{ "near_up_down", do_near_up_down, 1 },
	{ "far_up_down", do_far_up_down, 1 },
	{ "mtu", do_mtu, 1 },
	{ "xdp", do_xdp, 1 },
	{ "xdp_generic", do_xdp_generic, 1 },
	{ "af_xdp", do_af_xdp, 1 },
	{ "channels", do_channels, 1 },
	{ "dump", do_dump, 1 },
	{ "close", do_close, 1 },
	{ "fork", do_fork, 2 },
	{ "kill", do_kill, 2 },
	{ "unregister", do_unregister, 4 },
	{ "netns", do_netns, 8 },
};

FIXTURE_SETUP(races)
{
	struct tp4_netcfg cfg = { .queues = 2 };
	struct arena *a = &self->a;

	ASSERT_EQ(0, tp4_net_new(&a->net, &cfg));
	a->zc = variant->zc;
	pthread_mutex_init(&a->map_lock, NULL);
	a->len = FRAMES * SIZE;
	a->mem = mmap(NULL, a->len, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, a->mem);
	a->mr_fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, a->mr_fd);
	ASSERT_EQ(0, tp4_memreg(a->mr_fd, a->mem, a->len, SIZE, 0));
	a->progs[0] = tp4_prog_const(XDP_PASS);
	ASSERT_LE(0, a->progs[0]);
	a->progs[1] = tp4_prog_const(XDP_TX);
	ASSERT_LE(0, a->progs[1]);
	a->plain = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	ASSERT_LE(0, a->plain);
	a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	ASSERT_LE(0, a->fd);
}

FIXTURE_TEARDOWN(races)
{
	struct arena *a = &self->a;

	unmap(a);
	close(a->fd);
	close(a->mr_fd);
	close(a->plain);
	close(a->progs[0]);
	close(a->progs[1]);
	munmap(a->mem, a->len);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* Sends from both ends, and takes what comes */
static void *traffic(void *arg)
{
	struct sockaddr_ll sll = { .sll_family = AF_PACKET, .sll_halen = 6 };
	struct arena *a = arg;
	unsigned int turn, i;
	__u8 pkt[LEN];

	tp4_pin_cpu(2);
	tp4_pkt_fill(pkt, sizeof(pkt), 1);
	for (turn = 0; !__atomic_load_n(&a->stop, __ATOMIC_RELAXED); turn++) {
		give(a, turn);
		send(a->fd, NULL, 0, MSG_DONTWAIT);
		sll.sll_ifindex = a->net.b;
		for (i = 0; i < 8; i++)
			sendto(a->plain, pkt, LEN, MSG_DONTWAIT,
			       (struct sockaddr *)&sll, sizeof(sll));
		tp4_poll(a->fd, POLLIN | POLLOUT, 0);
		sched_yield();
	}
	return NULL;
}

struct side {
	struct arena *a;
	const struct change *c;
	unsigned int cpu;
	unsigned int turns;	/* 0: as long as the other one goes on */
	pthread_t thread;
	bool done;
};

static void *side_run(void *arg)
{
	struct side *s = arg;
	unsigned int turn;
	int ret;

	tp4_pin_cpu(s->cpu);
	for (turn = 0; s->turns ? turn < s->turns :
	     !__atomic_load_n(&s->done, __ATOMIC_RELAXED); turn++) {
		ret = s->c->step(s->a, turn);
		judge(s->a, s->c->name, ret);
		if (s->turns) {
			s->a->turns++;
			s->a->done += ret >= 0;
		}
		sched_yield();
	}
	return NULL;
}

/* Whoever races has both ends, with nothing on them */
static void tidy(struct arena *a)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;

	do {
		/* One end alone belongs to a pair that is on its way out */
		if (!if_nametoindex("tp4a") != !if_nametoindex("tp4b"))
			do_unregister(a, !if_nametoindex("tp4b"));
		else
			pair(a);
	} while (!(a->net.a && a->net.b) && tp4_now_ms() < end);
	tp4_link_xdp(a->net.a, -1, XDP_FLAGS_DRV_MODE);
	tp4_link_xdp(a->net.a, -1, XDP_FLAGS_SKB_MODE);
	tp4_link_mtu(a->net.a, 1500);
	tp4_link_mtu(a->net.b, 1500);
}

/* Of each pair, or TP4_RACES_TURNS; fewer of what takes long, but one at the least */
static unsigned int turns(const struct change *x, const struct change *y)
{
	unsigned int weight = x->weight > y->weight ? x->weight : y->weight;
	const char *most = getenv("TP4_RACES_TURNS");
	unsigned int n;

	n = most ? atoi(most) : tp4_scaled(200, 16);
	return n > weight ? n / weight : 1;
}

static int race(struct arena *a, const struct change *x, const struct change *y)
{
	struct side one = { .a = a, .c = x, .turns = turns(x, y) };
	struct side two = { .a = a, .c = y, .cpu = 1 };
	pthread_t sender;
	int fd;

	/* Each begins with what a user would have */
	unmap(a);
	tidy(a);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (fd < 0)
		return -errno;
	dup3(fd, a->fd, O_CLOEXEC);
	close(fd);
	restore(a);

	a->stop = false;
	if (pthread_create(&sender, NULL, traffic, a) ||
	    pthread_create(&one.thread, NULL, side_run, &one) ||
	    pthread_create(&two.thread, NULL, side_run, &two))
		return -EAGAIN;
	pthread_join(one.thread, NULL);
	__atomic_store_n(&two.done, true, __ATOMIC_RELAXED);
	pthread_join(two.thread, NULL);
	__atomic_store_n(&a->stop, true, __ATOMIC_RELAXED);
	pthread_join(sender, NULL);
	unmap(a);
	dup3(a->plain, a->fd, O_CLOEXEC);
	tidy(a);
	return 0;
}

/* What the library says of calls that fail is of no interest here */
static int race_quietly(struct arena *a, const struct change *x,
			const struct change *y)
{
	int err = dup(2), null = open("/dev/null", O_WRONLY), ret;

	dup2(null, 2);
	ret = race(a, x, y);
	dup2(err, 2);
	close(null);
	close(err);
	return ret;
}

/* Whatever was done, a new socket gets all that it asks for */
static int works(struct arena *a)
{
	struct tp4_cfg cfg = {
		.ifindex = a->net.a, .rx_nr = RING, .tx_nr = RING,
		.ignore_outgoing = true, .mode = a->zc ? &tp4_zc : NULL,
	};
	__u8 pkt[SIZE];
	struct tp4 t, u;
	int ret;

	ret = tp4_link_up(a->net.a) ?: tp4_link_up(a->net.b);
	if (ret)
		return ret;
	ret = tp4_open(&t, &cfg);
	if (ret)
		return ret;
	cfg.ifindex = a->net.b;
	ret = tp4_open(&u, &cfg);
	if (ret)
		return ret;
	tp4_pkt_fill(pkt, 500, 1);
	ret = tp4_send(&t, pkt, 500, 0);
	while (!ret) {
		ret = tp4_recv_wait(&u, pkt, sizeof(pkt));
		if (ret < 0)
			break;
		if (ret == 500 && tp4_pkt_seq(pkt) == 1) {
			ret = tp4_pkt_ok(pkt, ret, 1, 500) ? 0 : -EBADMSG;
			break;
		}
		ret = 0;
	}
	tp4_close(&t);
	tp4_close(&u);
	return ret;
}

/*
 * Where time is short, not all pairs are tried, but every sixth, unless TP4_ALL_PAIRS
 * is set. It begins anywhere, or at TP4_RACES_FROM, so that no pair is left out for ever.
 */
static unsigned int next_pair(void)
{
	return getenv("TP4_ALL_PAIRS") || tp4_scaled(20, 1) > 1 ? 1 : 6;
}

static unsigned int first_pair(void)
{
	const char *from = getenv("TP4_RACES_FROM");
	struct timespec now;

	if (from)
		return atoi(from) % next_pair();
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_nsec / 1000 % next_pair();
}

/*
 * One kind of change against itself and the half of the others that come behind it, the
 * last one being followed by the first: each pair has its turn with one of its kinds.
 */
static void race_all(struct __test_metadata *_metadata, struct arena *a,
		     const char *name)
{
	unsigned int from = first_pair(), distance;
	size_t i, k;

	/* With an even number, the pairs of opposites would come twice. */
	static_assert(ARRAY_SIZE(changes) % 2, "an odd number of changes");
	for (i = 0; i < ARRAY_SIZE(changes); i++)
		if (!strcmp(changes[i].name, name))
			break;
	ASSERT_LT(i, ARRAY_SIZE(changes));
	for (distance = from; distance <= ARRAY_SIZE(changes) / 2;
	     distance += next_pair()) {
		k = (i + distance) % ARRAY_SIZE(changes);
		ASSERT_EQ(0, race_quietly(a, &changes[i], &changes[k]));
		ASSERT_EQ(0, __atomic_load_n(&a->bad, __ATOMIC_ACQUIRE))
			TH_LOG("%s against %s: %s by %s", name,
			       changes[k].name, strerror(a->bad), a->bad_in);
		ASSERT_EQ(0, works(a))
			TH_LOG("after %s against %s", name, changes[k].name);
	}
	/* Not only refused: somebody must have made it possible */
	if (next_pair() == 1)
		EXPECT_LT(0, a->done);
	TH_LOG("partners from %u on, each %u: %u turns of %s, %u of them done",
	       from, next_pair(), a->turns, name, a->done);
}

TEST_F_TIMEOUT(races, bind, 1800)
{
	race_all(_metadata, &self->a, "bind");
}

TEST_F_TIMEOUT(races, version, 1800)
{
	race_all(_metadata, &self->a, "version");
}

TEST_F_TIMEOUT(races, memreg, 1800)
{
	race_all(_metadata, &self->a, "memreg");
}

TEST_F_TIMEOUT(races, rx_ring, 1800)
{
	race_all(_metadata, &self->a, "rx_ring");
}

TEST_F_TIMEOUT(races, tx_ring, 1800)
{
	race_all(_metadata, &self->a, "tx_ring");
}

TEST_F_TIMEOUT(races, reserve, 1800)
{
	race_all(_metadata, &self->a, "reserve");
}

TEST_F_TIMEOUT(races, zerocopy, 1800)
{
	race_all(_metadata, &self->a, "zerocopy");
}

TEST_F_TIMEOUT(races, mmap, 1800)
{
	race_all(_metadata, &self->a, "mmap");
}

TEST_F_TIMEOUT(races, fanout, 1800)
{
	race_all(_metadata, &self->a, "fanout");
}

TEST_F_TIMEOUT(races, filter, 1800)
{
	race_all(_metadata, &self->a, "filter");
}

TEST_F_TIMEOUT(races, near_up_down, 1800)
{
	race_all(_metadata, &self->a, "near_up_down");
}

TEST_F_TIMEOUT(races, far_up_down, 1800)
{
	race_all(_metadata, &self->a, "far_up_down");
}

TEST_F_TIMEOUT(races, mtu, 1800)
{
	race_all(_metadata, &self->a, "mtu");
}

TEST_F_TIMEOUT(races, xdp, 1800)
{
	race_all(_metadata, &self->a, "xdp");
}

TEST_F_TIMEOUT(races, xdp_generic, 1800)
{
	race_all(_metadata, &self->a, "xdp_generic");
}

TEST_F_TIMEOUT(races, af_xdp, 1800)
{
	race_all(_metadata, &self->a, "af_xdp");
}

TEST_F_TIMEOUT(races, channels, 1800)
{
	race_all(_metadata, &self->a, "channels");
}

TEST_F_TIMEOUT(races, dump, 1800)
{
	race_all(_metadata, &self->a, "dump");
}

TEST_F_TIMEOUT(races, close, 1800)
{
	race_all(_metadata, &self->a, "close");
}

TEST_F_TIMEOUT(races, fork, 1800)
{
	race_all(_metadata, &self->a, "fork");
}

TEST_F_TIMEOUT(races, kill, 1800)
{
	race_all(_metadata, &self->a, "kill");
}

TEST_F_TIMEOUT(races, unregister, 1800)
{
	race_all(_metadata, &self->a, "unregister");
}

TEST_F_TIMEOUT(races, netns, 1800)
{
	race_all(_metadata, &self->a, "netns");
}

/* How many packet sockets of this namespace are hooked, as /proc/net/packet says */
static int hooked(unsigned int *nr)
{
	unsigned int running;
	char line[256];
	FILE *f;

	f = fopen("/proc/net/packet", "re");
	if (!f)
		return -errno;
	*nr = 0;
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%*x %*d %*d %*x %*d %u", &running) == 1)
			*nr += running;
	fclose(f);
	return 0;
}

static void *up_and_down(void *arg)
{
	struct arena *a = arg;
	unsigned int turn;

	tp4_pin_cpu(1);
	for (turn = 0; !__atomic_load_n(&a->stop, __ATOMIC_RELAXED); turn++)
		judge(a, "up_down", do_near_up_down(a, turn));
	return NULL;
}

/* What unbinds a socket does so for good: a device that comes up meanwhile does not hook
 * it again
 */
TEST_F_TIMEOUT(races, unbound_stays_so, 1800)
{
	unsigned int turn, nr, end = tp4_scaled(2000, 100);
	struct arena *a = &self->a;
	pthread_t thread;

	tp4_pin_cpu(0);
	close(a->plain);
	a->plain = -1;
	ASSERT_EQ(0, pthread_create(&thread, NULL, up_and_down, a));
	for (turn = 0; turn < end; turn++) {
		close(a->fd);
		a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC,
			       htons(ETH_P_ALL));
		ASSERT_LE(0, a->fd);
		judge(a, "bind", bind_to(a, a->net.a));
		ASSERT_EQ(0, tp4_version(a->fd, TPACKET_V4));
		ASSERT_EQ(0, hooked(&nr));
		ASSERT_EQ(0, nr)
			TH_LOG("turn %u: hooked", turn);
		/* Not the number of a device that has gone, either */
		ASSERT_EQ(0, tp4_memreg(a->fd, a->mem, a->len, SIZE, 0));
	}
	__atomic_store_n(&a->stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	ASSERT_EQ(0, a->bad)
		TH_LOG("%s by %s", strerror(a->bad), a->bad_in);
}

TEST_HARNESS_MAIN

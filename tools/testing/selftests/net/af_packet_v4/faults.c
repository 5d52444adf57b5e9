// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: what happens when memory runs out. Each call that sets something
 * up, changes it or takes it down is made again and again: its first allocation
 * fails, then its second, and so on until none is left that could; so do copies
 * from and to user space. The call either says so with an errno that fits, or
 * does its work all the same. Then the same call works, packets get through, and
 * nothing is left when all is closed. What cannot be refused, such as close(), does
 * its work whatever fails.
 *
 * Three things fail: allocations from a cache, allocations of pages, and copies
 * from and to user space. Some paths must have been refused for each of these, or
 * else nothing would show that it ever failed.
 *
 * The end of a network namespace is not among the paths: a socket keeps its
 * namespace, and a kernel thread ends it, whose allocations cannot be told to fail
 * in turn. Nor is the move of a device to another namespace, of which the kernel
 * warns if it lacks memory half-way.
 *
 * This takes a kernel with CONFIG_FAULT_INJECTION; the tests are skipped where
 * there is none.
 */

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/packet_diag.h>
#include <linux/sock_diag.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "../../kselftest_harness.h"
#include "tp4_nic.h"
#include "tp4_xdp.h"

#define RING		8
#define FRAMES		(2 * RING)
#define LEN		300
#define JUMBO		5000	/* in three frames */
#define RING_SIZE	64	/* of a card, the least */
#define GROUP		4712
#define DEBUGFS		"/sys/kernel/debug/"

/* A call that still fails at that many allocations is one that does not end */
#define MOST_FAULTS	2000

/* What can fail, and what a call has then said */
enum { SLAB, PAGES, COPY, KINDS };
enum { TAKEN, SAID_ENOMEM, SAID_EFAULT, SAID_OTHER, ANSWERS };

#define BIT(n)		(1U << (n))

static const char *const kinds[KINDS] = {
	"failslab", "fail_page_alloc", "fail_usercopy",
};

struct answers {
	unsigned int n[KINDS][ANSWERS];
};

/* Of all tests, each of which is a process of its own */
static struct answers *all_answers;

/* What a path begins with, and what it has made */
struct ground {
	struct tp4_net net;
	struct tp4_cfg cfg;	/* of the socket on tp4a */
	struct tp4_cfg far;	/* ... on tp4b */
	struct tp4 t;
	struct tp4 u;
	struct tp4 mate;	/* beside @t, in a fanout group */
	struct tp4_xsk x;
	int prog;
	int nth_fd;
	__u8 *mem;
	size_t mem_len;
	__u32 seq;
	bool nic;		/* two ports of cards, not a veth pair */
};

/* A call, what leads to it, and what follows; each returns 0 or -errno */
typedef int (*step_fn)(struct ground *g);

struct path {
	step_fn before;		/* without faults */
	step_fn step;		/* with one; again without, if it has failed */
	step_fn after;		/* what must hold when it has been done */
	bool sure;		/* it cannot be refused */
	unsigned int needs;	/* BIT()s of kinds without which it is refused */
};

/* Faults */

/* Of this thread: the next allocation but @nth - 1 fails */
static int faults_arm(struct ground *g, unsigned int nth)
{
	char buf[16];
	int len;

	len = snprintf(buf, sizeof(buf), "%u", nth);
	return pwrite(g->nth_fd, buf, len, 0) == len ? 0 : -errno;
}

/* Has it come to the one that was to fail? These calls count, too. */
static bool faults_disarm(struct ground *g)
{
	bool hit = false;
	char c;

	if (pread(g->nth_fd, &c, 1, 0) == 1)
		hit = c == '0';
	while (faults_arm(g, 0))
		hit = false;
	return hit;
}

/* Each fault takes one of those that are left to its kind */
static int faults_left(unsigned int kind)
{
	char path[64], buf[16] = "";
	int fd, ret = 0;

	snprintf(path, sizeof(path), DEBUGFS "%s/times", kinds[kind]);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, buf, sizeof(buf) - 1) < 0)
		ret = -errno;
	close(fd);
	return ret ?: atoi(buf);
}

static int faults_set_up(struct ground *g)
{
	static const char *const files[] = {
		DEBUGFS "failslab/ignore-gfp-wait",
		DEBUGFS "failslab/verbose",
		DEBUGFS "fail_page_alloc/ignore-gfp-wait",
		DEBUGFS "fail_page_alloc/ignore-gfp-highmem",
		DEBUGFS "fail_page_alloc/min-order",
		DEBUGFS "fail_page_alloc/verbose",
		DEBUGFS "fail_usercopy/verbose",
	};
	char path[64];
	size_t i;
	int ret;

	g->nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (g->nth_fd < 0)
		return -errno;
	for (i = 0; i < ARRAY_SIZE(files); i++) {
		ret = tp4_write_file(files[i], "0");
		if (ret)
			return ret;
	}
	for (i = 0; i < KINDS; i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/times", kinds[i]);
		ret = tp4_write_file(path, "1000000");
		if (ret)
			return ret;
	}
	return 0;
}

/*
 * The library says what has failed, which is of no interest in between. @kind: what
 * it was
 */
static int step_with_fault(struct ground *g, step_fn step, unsigned int nth,
			   bool *hit, unsigned int *kind)
{
	int err = dup(2), null = open("/dev/null", O_WRONLY | O_CLOEXEC), ret;
	int left[KINDS], i;

	if (err < 0 || null < 0)
		return -errno;
	for (i = 0; i < KINDS; i++)
		left[i] = faults_left(i);
	dup2(null, 2);
	close(null);
	ret = faults_arm(g, nth);
	if (!ret)
		ret = step(g);
	*hit = faults_disarm(g);
	dup2(err, 2);
	close(err);
	for (i = 0; i < KINDS && faults_left(i) == left[i]; i++)
		;
	*kind = i;
	return ret;
}

/*
 * What a call may answer when there is no memory, or user space's is not there;
 * socket() says ENFILE
 */
static bool errno_fits(int err)
{
	return err == ENOMEM || err == ENOBUFS || err == EFAULT ||
	       err == ENFILE;
}

/* Sockets that work */

static void sweep(struct ground *g)
{
	tp4_close(&g->t);
	tp4_close(&g->u);
	tp4_close(&g->mate);
	tp4_xsk_close(&g->x);
}

/* Of this socket, all that came before is no longer of interest */
static int exchange(struct ground *g, struct tp4 *from, struct tp4 *to)
{
	__u8 pkt[ETH_FRAME_LEN];
	__u32 seq = ++g->seq;
	int ret;

	tp4_pkt_fill(pkt, LEN, seq);
	ret = tp4_send(from, pkt, LEN, 0);
	while (!ret) {
		ret = tp4_recv_wait(to, pkt, sizeof(pkt));
		if (ret < 0)
			return ret;
		if (ret == LEN && tp4_pkt_seq(pkt) == seq)
			return tp4_pkt_ok(pkt, ret, seq, LEN) ? 0 : -EBADMSG;
		ret = 0;
	}
	return ret;
}

/* Through the socket that was worked on, both ways, or else a new one */
static int works(struct ground *g)
{
	int ret;

	if (!g->t.map || !g->cfg.ifindex) {
		sweep(g);
		ret = tp4_open(&g->t, &(struct tp4_cfg) {
			.ifindex = g->net.a, .rx_nr = RING, .tx_nr = RING,
			.mode = g->cfg.mode, .ignore_outgoing = true,
		});
		if (ret)
			return ret;
	}
	if (!g->u.map) {
		tp4_close(&g->u);
		ret = tp4_open(&g->u, &g->far);
		if (ret)
			return ret;
	}
	/* A card that begins or ends zero copy resets the link of both */
	if (g->nic) {
		ret = tp4_link_up(g->net.a) ?: tp4_link_up(g->net.b);
		if (ret)
			return ret;
	}
	return exchange(g, &g->t, &g->u) ?: exchange(g, &g->u, &g->t);
}

/* Paths: the socket has come so far. */

static int has_socket(struct ground *g)
{
	memset(&g->t, 0, sizeof(g->t));
	g->t.mr_fd = -1;
	g->t.rx_nr = RING;
	g->t.tx_nr = RING;
	g->t.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	return g->t.fd < 0 ? -errno : 0;
}

static int has_version(struct ground *g)
{
	return has_socket(g) ?: tp4_version(g->t.fd, TPACKET_V4);
}

static int has_buffer(struct ground *g)
{
	return has_version(g) ?: tp4_memreg(g->t.fd, g->mem, g->mem_len, 0, 0);
}

static int has_rx_ring(struct ground *g)
{
	return has_buffer(g) ?:
	       tp4_ring(g->t.fd, PACKET_RX_RING, g->t.fd, RING);
}

static int has_rings(struct ground *g)
{
	return has_rx_ring(g) ?:
	       tp4_ring(g->t.fd, PACKET_TX_RING, g->t.fd, RING);
}

static int is_open(struct ground *g)
{
	return tp4_open(&g->t, &g->cfg);
}

static int both_open(struct ground *g)
{
	return tp4_open(&g->u, &g->far) ?: is_open(g);
}

static int is_mapped(struct ground *g)
{
	g->cfg.ifindex = 0;
	return is_open(g);
}

static int is_in_copy_mode(struct ground *g)
{
	const struct tp4_mode *mode = g->cfg.mode;
	int ret;

	g->cfg.mode = NULL;
	ret = is_open(g);
	g->cfg.mode = mode;
	return ret;
}

/* Paths: what is done */

static int do_socket(struct ground *g)
{
	return has_socket(g);
}

static int do_open(struct ground *g)
{
	int ret = is_open(g);

	if (ret)
		tp4_close(&g->t);
	return ret;
}

static int do_version(struct ground *g)
{
	return tp4_version(g->t.fd, TPACKET_V4);
}

static int do_leave_version(struct ground *g)
{
	return tp4_version(g->t.fd, TPACKET_V3);
}

static int do_memreg(struct ground *g)
{
	return tp4_memreg(g->t.fd, g->mem, g->mem_len, 0, 0);
}

static int do_rx_ring(struct ground *g)
{
	return tp4_ring(g->t.fd, PACKET_RX_RING, g->t.fd, RING);
}

static int do_tx_ring(struct ground *g)
{
	return tp4_ring(g->t.fd, PACKET_TX_RING, g->t.fd, RING);
}

static int do_ring_down(struct ground *g)
{
	return tp4_ring(g->t.fd, PACKET_RX_RING, g->t.fd, 0);
}

static int do_mmap(struct ground *g)
{
	return tp4_map(&g->t);
}

static int do_mmap_status(struct ground *g)
{
	void *status = mmap(NULL, TP4_PAGE, PROT_READ, MAP_SHARED, g->t.fd,
			    TP4_PGOFF_STATUS);

	if (status == MAP_FAILED)
		return -errno;
	munmap(status, TP4_PAGE);
	return 0;
}

static int do_bind(struct ground *g)
{
	g->cfg.ifindex = g->net.a;
	return tp4_bind(g->t.fd, g->net.a, ETH_P_ALL);
}

/* Somebody has the queue pair, and to be told so is what it is done for */
static int is_busy(int ret)
{
	if (!ret)
		return -EPROTO;
	return ret == -EBUSY ? 0 : ret;
}

static int is_open_with_xsk(struct ground *g)
{
	return tp4_xsk_open(&g->x) ?: is_open(g);
}

static int do_xsk_bind(struct ground *g)
{
	return is_busy(tp4_xsk_bind(&g->x, g->net.a, 0, XDP_COPY));
}

static int is_mapped_with_xsk_bound(struct ground *g)
{
	return tp4_xsk_open(&g->x) ?:
	       tp4_xsk_bind(&g->x, g->net.a, 0, XDP_COPY) ?: is_mapped(g);
}

static int do_bind_in_vain(struct ground *g)
{
	return is_busy(tp4_bind(g->t.fd, g->net.a, ETH_P_ALL));
}

static int do_zerocopy(struct ground *g)
{
	return tp4_set_queue(g->t.fd, 0);
}

static int do_leave(struct ground *g)
{
	return tp4_set_queue(g->t.fd, -1);
}

static int do_close(struct ground *g)
{
	int ret = 0;

	/* The mapping is not V4's to split or to keep */
	while (munmap(g->t.map, g->t.map_len))
		if (errno != ENOMEM)
			return -errno;
	g->t.map = NULL;
	/* Both are the last reference of something */
	if (g->t.mr_fd != g->t.fd && close(g->t.mr_fd))
		ret = -errno;
	g->t.mr_fd = -1;
	if (close(g->t.fd))
		ret = -errno;
	g->t.fd = -1;
	return ret;
}

/* In parts, as what was queued already need not be queued again */
static int do_send(struct ground *g)
{
	__u8 pkt[LEN];
	ssize_t sent;
	int ret;

	if (!tp4q_num_held(&g->t.txq)) {
		tp4_pkt_fill(pkt, LEN, ++g->seq);
		ret = tp4_queue(&g->t, pkt, LEN, 0);
		if (ret < 0)
			return ret;
	}
	sent = tp4_kick(&g->t, 0);
	ret = tp4_complete(&g->t);
	if (ret)
		return ret;
	return sent < 0 ? sent : 0;
}

/* Packets in pieces, for a device that takes none: they are to be made one piece */
static int both_open_without_sg(struct ground *g)
{
	return tp4_link_mtu(g->net.a, JUMBO) ?: tp4_link_mtu(g->net.b, JUMBO) ?:
	       tp4_ethtool_set("tp4a", ETHTOOL_SSG, 0) ?: both_open(g);
}

static int do_send_two(struct ground *g)
{
	__u8 pkt[JUMBO];
	ssize_t sent;
	int i, ret;

	for (i = 0; i < 2 && tp4_tx_room(&g->t) > JUMBO / 2048; i++) {
		tp4_pkt_fill(pkt, JUMBO, ++g->seq);
		ret = tp4_queue(&g->t, pkt, JUMBO, 0);
		if (ret < 0)
			return ret;
	}
	sent = tp4_kick(&g->t, 0);
	ret = tp4_complete(&g->t);
	if (ret)
		return ret;
	return sent < 0 ? sent : 0;
}

/* What has come is more than one frame each */
static int is_drained(struct ground *g)
{
	struct tpacket4_desc d;
	int ret = tp4_sync(g->net.a, g->net.b);

	while (!ret && tp4_rx_next(&g->u, &d))
		tp4_rx_give(&g->u, d.idx);
	return ret;
}

static int do_recv(struct ground *g)
{
	__u8 pkt[ETH_FRAME_LEN];
	int ret;

	ret = tp4_poll(g->t.fd, POLLIN, 0);
	if (ret < 0)
		return ret;
	ret = tp4_recv(&g->t, pkt, sizeof(pkt));
	return ret < 0 ? ret : 0;
}

static int do_fanout(struct ground *g)
{
	int arg = GROUP | PACKET_FANOUT_HASH << 16;

	return setsockopt(g->t.fd, SOL_PACKET, PACKET_FANOUT, &arg,
			  sizeof(arg)) ? -errno : 0;
}

static int mate_is_in_group(struct ground *g)
{
	struct tp4 alone = g->t;
	int ret;

	ret = tp4_open(&g->t, &g->cfg) ?: do_fanout(g);
	g->mate = g->t;
	g->t = alone;
	return ret ?: is_open(g);
}

static int both_are_in_group(struct ground *g)
{
	return mate_is_in_group(g) ?: do_fanout(g);
}

static int do_filter(struct ground *g)
{
	struct sock_filter insns[] = { BPF_STMT(BPF_RET | BPF_K, 0xffff) };
	struct sock_fprog prog = { .len = 1, .filter = insns };

	return setsockopt(g->t.fd, SOL_SOCKET, SO_ATTACH_FILTER, &prog,
			  sizeof(prog)) ? -errno : 0;
}

static int do_stats(struct ground *g)
{
	struct tpacket_stats_v4 st;

	return tp4_stats(g->t.fd, &st);
}

static int do_dump(struct ground *g)
{
	struct {
		struct nlmsghdr nh;
		struct packet_diag_req req;
	} dump = {
		.nh.nlmsg_len = sizeof(dump),
		.nh.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nh.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
		.req.sdiag_family = AF_PACKET,
		.req.pdiag_show = -1,
	};
	struct nlmsghdr *nh;
	char reply[8192];
	int fd, ret = 0;
	ssize_t len;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return -errno;
	if (send(fd, &dump, sizeof(dump), 0) < 0)
		ret = -errno;
	while (!ret) {
		len = recv(fd, reply, sizeof(reply), 0);
		if (len < 0) {
			ret = -errno;
			break;
		}
		nh = (struct nlmsghdr *)reply;
		if (len && nh->nlmsg_type == NLMSG_DONE)
			break;
		if (len && nh->nlmsg_type == NLMSG_ERROR)
			ret = ((struct nlmsgerr *)NLMSG_DATA(nh))->error;
	}
	close(fd);
	if (ret)
		return ret;

	fd = open("/proc/net/packet", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	do {
		len = read(fd, reply, sizeof(reply));
	} while (len > 0);
	if (len < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static int do_link_down(struct ground *g)
{
	return tp4_link_flags(g->net.a, 0, IFF_UP);
}

static int do_far_link_down(struct ground *g)
{
	return tp4_link_flags(g->net.b, 0, IFF_UP);
}

static int do_link_up(struct ground *g)
{
	return tp4_link_flags(g->net.a, IFF_UP, IFF_UP);
}

static int do_mtu(struct ground *g)
{
	return tp4_link_mtu(g->net.a, 1400);
}

static int do_xdp(struct ground *g)
{
	return tp4_link_xdp(g->net.a, g->prog, XDP_FLAGS_DRV_MODE);
}

static int do_xdp_off(struct ground *g)
{
	return tp4_link_xdp(g->net.a, -1, XDP_FLAGS_DRV_MODE);
}

static int do_channels(struct ground *g)
{
	return tp4_channels("tp4a", 2, 2);
}

/* What was deleted, but not told of, is not there to be deleted again */
static int do_link_del(struct ground *g)
{
	int ret = tp4_link_del(g->net.a);

	return ret == -ENODEV && !if_nametoindex("tp4a") ? 0 : ret;
}

/* What holds afterwards */

static int holds_queue(struct ground *g)
{
	return tp4_get_queue(g->t.fd) == 0 ? 0 : -EBADSLT;
}

static int holds_no_queue(struct ground *g)
{
	return tp4_get_queue(g->t.fd) == -1 ? 0 : -EBADSLT;
}

/* What a socket had is free, at once */
static int is_all_given_back(struct ground *g)
{
	return tp4_pinned() == 0 ? 0 : -EBUSY;
}

static int is_in_group(struct ground *g)
{
	socklen_t len = sizeof(int);
	int arg;

	if (getsockopt(g->t.fd, SOL_PACKET, PACKET_FANOUT, &arg, &len))
		return -errno;
	if (arg != (GROUP | PACKET_FANOUT_HASH << 16))
		return -EBADSLT;
	/* What comes next is for the one that is left */
	tp4_close(&g->mate);
	return 0;
}

/* The group is the other one's, with all packets */
static int mate_is_left(struct ground *g)
{
	int ret;

	ret = tp4_open(&g->u, &g->far) ?: exchange(g, &g->u, &g->mate);
	sweep(g);
	return ret ?: is_all_given_back(g);
}

static int is_closed(struct ground *g)
{
	sweep(g);
	return 0;
}

static int comes_up(struct ground *g)
{
	sweep(g);
	return tp4_link_up(g->net.a) ?: tp4_link_up(g->net.b);
}

static int lost_then_up(struct ground *g)
{
	return holds_no_queue(g) ?: comes_up(g);
}

/* An AF_XDP socket gives back later */
static int xsk_is_gone(struct ground *g)
{
	sweep(g);
	return tp4_pins_balanced() ? 0 : -EBUSY;
}

/* The queue pair is still ours, and of use */
static int xsk_was_kept_out(struct ground *g)
{
	return holds_queue(g) ?: works(g) ?: xsk_is_gone(g);
}

/* It can have the queue pair when that is free */
static int was_kept_out(struct ground *g)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	int ret;

	tp4_xsk_close(&g->x);
	do {
		ret = do_bind(g);
	} while (ret == -EBUSY && tp4_now_ms() < end);
	return ret ?: holds_queue(g);
}

/* Its frames have come back with an errno: too long a story for works() */
static int holds_queue_anew(struct ground *g)
{
	return holds_queue(g) ?: is_closed(g);
}

static int has_left(struct ground *g)
{
	return holds_no_queue(g) ?: is_closed(g);
}

static int has_mtu_back(struct ground *g)
{
	return holds_queue(g) ?: tp4_link_mtu(g->net.a, ETH_DATA_LEN);
}

static int has_channels_back(struct ground *g)
{
	return holds_queue(g) ?: tp4_channels("tp4a", 1, 1);
}

static int has_pair_back(struct ground *g)
{
	struct tp4_netcfg net = { .queues = 2 };
	int ret;

	sweep(g);
	ret = tp4_veth_add("tp4a", "tp4b", &net);
	if (ret)
		return ret;
	g->net.a = if_nametoindex("tp4a");
	g->net.b = if_nametoindex("tp4b");
	g->cfg.ifindex = g->net.a;
	g->far.ifindex = g->net.b;
	return tp4_link_up(g->net.a) ?: tp4_link_up(g->net.b) ?:
	       tp4_channels("tp4a", 1, 1) ?: tp4_channels("tp4b", 1, 1);
}

/*
 * The charge for a packet buffer is exactly what RLIMIT_MEMLOCK allows: what a
 * call that failed has left behind, the next one would lack.
 */
static int charge(bool on)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &head, caps))
		return -errno;
	if (on)
		caps[0].effective &= ~(1U << CAP_IPC_LOCK);
	else
		caps[0].effective |= 1U << CAP_IPC_LOCK;
	return syscall(SYS_capset, &head, caps) ? -errno : 0;
}

static int has_version_and_limit(struct ground *g)
{
	struct rlimit limit = { g->mem_len, g->mem_len };

	if (setrlimit(RLIMIT_MEMLOCK, &limit))
		return -errno;
	return has_version(g) ?: charge(true);
}

/* ... and its pages have not been touched yet */
static int has_limit_and_no_pages(struct ground *g)
{
	if (madvise(g->mem, g->mem_len, MADV_DONTNEED))
		return -errno;
	return has_version_and_limit(g);
}

static int is_charged(struct ground *g)
{
	/* Another buffer would be one too many */
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int ret;

	ret = tp4_memreg(fd, g->mem, g->mem_len, 0, 0);
	close(fd);
	if (ret != -ENOMEM)
		return -EBADSLT;
	return charge(false);
}

static unsigned int answer(int err)
{
	switch (err) {
	case 0:
		return TAKEN;
	case ENOMEM:
		return SAID_ENOMEM;
	case EFAULT:
		return SAID_EFAULT;
	default:
		return SAID_OTHER;
	}
}

static void tell_answers(struct __test_metadata *_metadata,
			 const struct answers *a)
{
	unsigned int i;

	for (i = 0; i < KINDS; i++)
		TH_LOG("%s: %u taken, %u times ENOMEM, %u EFAULT, %u another errno",
		       kinds[i], a->n[i][TAKEN], a->n[i][SAID_ENOMEM],
		       a->n[i][SAID_EFAULT], a->n[i][SAID_OTHER]);
}

/* Has each of these kinds had a call say what it should say then? */
static bool are_refused(const struct answers *a, unsigned int kinds_needed)
{
	unsigned int i, err;

	for (i = 0; i < KINDS; i++) {
		err = i == COPY ? SAID_EFAULT : SAID_ENOMEM;
		if (kinds_needed & BIT(i) && !a->n[i][err])
			return false;
	}
	return true;
}

/* By some path or other of this run */
static void expect_kinds(struct __test_metadata *_metadata,
			 unsigned int kinds_needed)
{
	static const struct answers none;

	if (!memcmp(all_answers, &none, sizeof(none)))
		SKIP(return, "nothing has failed before");
	tell_answers(_metadata, all_answers);
	EXPECT_TRUE(are_refused(all_answers, kinds_needed));
}

/* All there is to a path, with each of its faults in turn */
static void try_path(struct __test_metadata *_metadata, struct ground *g,
		     const struct path *p)
{
	const struct tp4_cfg cfg = g->cfg;
	unsigned int nth, refused = 0, kind = KINDS;
	struct answers answers = {};
	bool hit = true;
	int ret;

	for (nth = 1; hit; nth++) {
		ASSERT_GT(MOST_FAULTS, nth);
		g->cfg = cfg;
		g->cfg.ifindex = g->net.a;
		ASSERT_EQ(0, p->before ? p->before(g) : 0);
		ret = step_with_fault(g, p->step, nth, &hit, &kind);
		if (!hit) {
			ASSERT_EQ(0, ret);
		} else {
			ASSERT_GT(KINDS, kind);
			answers.n[kind][answer(-ret)]++;
			all_answers->n[kind][answer(-ret)]++;
		}
		if (ret) {
			refused++;
			ASSERT_FALSE(p->sure)
				TH_LOG("fault %u: %s", nth, strerror(-ret));
			ASSERT_TRUE(errno_fits(-ret))
				TH_LOG("fault %u: %s", nth, strerror(-ret));
			ASSERT_EQ(0, p->step(g))
				TH_LOG("again, after fault %u", nth);
		}
		ASSERT_EQ(0, p->after ? p->after(g) : 0)
			TH_LOG("after fault %u", nth);
		ASSERT_EQ(0, works(g))
			TH_LOG("after fault %u", nth);
		sweep(g);
		ASSERT_EQ(0, tp4_pinned());
		tp4_count(TP4_TALLY_FAULTS, hit);
	}
	/* The last time there was none */
	ASSERT_LT(2, nth);
	TH_LOG("faults survived: %u, calls that failed: %u", nth - 2, refused);
	ASSERT_TRUE(are_refused(&answers, p->needs))
		tell_answers(_metadata, &answers);
	g->cfg = cfg;
}

static void every_fault(struct __test_metadata *_metadata, struct ground *g,
			step_fn before, step_fn step, step_fn after)
{
	const struct path p = { before, step, after };

	try_path(_metadata, g, &p);
}

/* ... some of which are surely of these kinds, and surely refused */
static void every_fault_of(struct __test_metadata *_metadata, struct ground *g,
			   unsigned int needs, step_fn before, step_fn step,
			   step_fn after)
{
	const struct path p = { before, step, after, .needs = needs };

	try_path(_metadata, g, &p);
}

static void every_fault_taken(struct __test_metadata *_metadata,
			      struct ground *g, step_fn before, step_fn step,
			      step_fn after)
{
	const struct path p = { before, step, after, .sure = true };

	try_path(_metadata, g, &p);
}

static int veth_pair(struct ground *g)
{
	struct tp4_netcfg net = { .queues = 2 };

	return tp4_net_new(&g->net, &net) ?: tp4_channels("tp4a", 1, 1) ?:
	       tp4_channels("tp4b", 1, 1);
}

/* The fewest descriptors there can be: each has a buffer that could be refused */
static int small_rings(const char *dev)
{
	return ring_sizes(dev, RING_SIZE, RING_SIZE);
}

/* Quiet, and with nothing but the tests' packets */
static int nic(const char *dev, int *ifindex)
{
	char path[128];
	int ret;

	*ifindex = if_nametoindex(dev);
	if (!*ifindex)
		return -ENODEV;
	ret = small_rings(dev);
	if (ret)
		return ret;
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6",
		 dev);
	if (!access(path, F_OK))
		ret = tp4_write_file(path, "1");
	return ret ?: tp4_link_flags(*ifindex, IFF_PROMISC, IFF_PROMISC) ?:
	       tp4_link_up(*ifindex);
}

static int nic_pair(struct ground *g)
{
	g->nic = true;
	return nic(nic_a(), &g->net.a) ?: nic(nic_b(), &g->net.b);
}

/*
 * One of them at a time. With both, i40e_set_ringparam() frees the TX rings that are
 * in use when there is no memory for the new RX rings, with V4 or without.
 */
static int do_rx_ring_size(struct ground *g)
{
	return ring_sizes(nic_a(), 2 * RING_SIZE, RING_SIZE);
}

static int do_tx_ring_size(struct ground *g)
{
	return ring_sizes(nic_a(), RING_SIZE, 2 * RING_SIZE);
}

/*
 * The driver takes the port down and up again for this, and tells nobody when it has
 * not come up. The next time that it is taken down and up must do.
 */
static int is_taken_down(struct ground *g)
{
	int ret = holds_queue(g);

	sweep(g);
	return ret ?: tp4_link_down(g->net.a);
}

static int has_mtu_and_comes_up_anew(struct ground *g)
{
	return is_taken_down(g) ?: tp4_link_mtu(g->net.a, ETH_DATA_LEN) ?:
	       comes_up(g);
}

static int has_rings_and_comes_up_anew(struct ground *g)
{
	return is_taken_down(g) ?: small_rings(nic_a()) ?: comes_up(g);
}

static int ground_init(struct ground *g, const struct tp4_mode *mode,
		       step_fn pair)
{
	int ret;

	memset(g, 0, sizeof(*g));
	g->t.fd = -1;
	g->t.mr_fd = -1;
	g->u = g->t;
	g->mate = g->t;
	g->x.fd = -1;
	g->prog = -1;
	g->nth_fd = -1;
	g->mem = MAP_FAILED;
	ret = faults_set_up(g) ?: pair(g);
	if (ret)
		return ret;
	g->cfg = (struct tp4_cfg) {
		.ifindex = g->net.a, .rx_nr = RING, .tx_nr = RING,
		.mode = mode, .ignore_outgoing = true,
	};
	g->far = g->cfg;
	g->far.ifindex = g->net.b;
	g->mem_len = FRAMES * TP4_FRAME_SIZE_DEFAULT;
	g->mem = mmap(NULL, g->mem_len, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (g->mem == MAP_FAILED)
		return -errno;
	g->prog = tp4_prog_const(XDP_PASS);
	return g->prog < 0 ? g->prog : 0;
}

static void ground_exit(struct ground *g)
{
	sweep(g);
	if (g->mem != MAP_FAILED)
		munmap(g->mem, g->mem_len);
	close(g->prog);
	close(g->nth_fd);
}

static __attribute__((constructor)) void all_answers_init(void)
{
	all_answers = mmap(NULL, sizeof(*all_answers), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (all_answers == MAP_FAILED)
		exit(EXIT_FAILURE);
}

#define NO_FAULTS	"no CONFIG_FAULT_INJECTION, or no debugfs"

FIXTURE(faults) {
	struct ground g;
};

FIXTURE_VARIANT(faults) {
	const struct tp4_mode *mode;
};

FIXTURE_VARIANT_ADD(faults, copy_qdisc) {
	.mode = &tp4_copy_qdisc,
};

FIXTURE_VARIANT_ADD(faults, copy_direct) {
	.mode = &tp4_copy_direct,
};

FIXTURE_VARIANT_ADD(faults, zero_copy) {
	.mode = &tp4_zc,
};

FIXTURE_SETUP(faults)
{
	int ret = ground_init(&self->g, variant->mode, veth_pair);

	if (ret == -ENOENT)
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(faults)
{
	ground_exit(&self->g);
}

/* In every mode */
TEST_F(faults, open)
{
	every_fault(_metadata, &self->g, NULL, do_open, NULL);
}

TEST_F(faults, bind)
{
	every_fault(_metadata, &self->g, is_mapped, do_bind, NULL);
}

TEST_F(faults, close)
{
	every_fault_taken(_metadata, &self->g, is_open,
			  do_close, is_all_given_back);
}

TEST_F(faults, send)
{
	every_fault(_metadata, &self->g, both_open, do_send, NULL);
}

TEST_F(faults, recv)
{
	every_fault(_metadata, &self->g, both_open, do_recv, NULL);
}

TEST_F(faults, stats)
{
	every_fault_of(_metadata, &self->g, BIT(COPY), is_open, do_stats, NULL);
}

TEST_F(faults, dump)
{
	every_fault(_metadata, &self->g, is_open, do_dump, NULL);
}

TEST_F(faults, link_down)
{
	every_fault(_metadata, &self->g, is_open, do_link_down, comes_up);
}

TEST_F(faults, link_del)
{
	every_fault(_metadata, &self->g, is_open, do_link_del, has_pair_back);
}

/* In copy mode, or not bound yet */
FIXTURE(faults_copy) {
	struct ground g;
};

FIXTURE_SETUP(faults_copy)
{
	int ret = ground_init(&self->g, NULL, veth_pair);

	if (ret == -ENOENT)
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(faults_copy)
{
	ground_exit(&self->g);
}

TEST_F(faults_copy, socket)
{
	every_fault(_metadata, &self->g, NULL, do_socket, NULL);
}

TEST_F(faults_copy, send_jumbo)
{
	self->g.cfg.mode = &tp4_copy_qdisc;
	every_fault(_metadata, &self->g, both_open_without_sg, do_send_two,
		    is_drained);
	self->g.cfg.mode = &tp4_copy_direct;
	every_fault(_metadata, &self->g, both_open_without_sg, do_send_two,
		    is_drained);
}

TEST_F(faults_copy, version)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(PAGES) | BIT(COPY),
		       has_socket, do_version, NULL);
}

TEST_F(faults_copy, leave_version)
{
	every_fault(_metadata, &self->g, has_version, do_leave_version, NULL);
}

TEST_F(faults_copy, memreg)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY),
		       has_version_and_limit, do_memreg, is_charged);
}

TEST_F(faults_copy, memreg_of_new_pages)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(PAGES) | BIT(COPY),
		       has_limit_and_no_pages, do_memreg, is_charged);
}

TEST_F(faults_copy, rx_ring)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY),
		       has_buffer, do_rx_ring, NULL);
}

TEST_F(faults_copy, tx_ring)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY),
		       has_rx_ring, do_tx_ring, NULL);
}

TEST_F(faults_copy, ring_down)
{
	every_fault(_metadata, &self->g, has_rings, do_ring_down, NULL);
}

TEST_F(faults_copy, mmap)
{
	every_fault(_metadata, &self->g, has_rings, do_mmap, is_closed);
}

TEST_F(faults_copy, mmap_status)
{
	every_fault(_metadata, &self->g, has_rings, do_mmap_status, NULL);
}

TEST_F(faults_copy, fanout)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY), is_open,
		       do_fanout, NULL);
}

TEST_F(faults_copy, fanout_second)
{
	every_fault_of(_metadata, &self->g, BIT(COPY), mate_is_in_group,
		       do_fanout, is_in_group);
}

TEST_F(faults_copy, fanout_close)
{
	every_fault_taken(_metadata, &self->g, both_are_in_group, do_close,
			  mate_is_left);
}

TEST_F(faults_copy, filter)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY), is_open,
		       do_filter, NULL);
}

/* In zero copy */
FIXTURE(faults_zerocopy) {
	struct ground g;
};

FIXTURE_SETUP(faults_zerocopy)
{
	int ret = ground_init(&self->g, &tp4_zc, veth_pair);

	if (ret == -ENOENT)
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, ret);
}

FIXTURE_TEARDOWN(faults_zerocopy)
{
	ground_exit(&self->g);
}

static int is_open_with_xdp(struct ground *g)
{
	return do_xdp(g) ?: is_open(g);
}

static int is_in_copy_mode_with_xdp(struct ground *g)
{
	return do_xdp(g) ?: is_in_copy_mode(g);
}

static int is_open_without_xdp(struct ground *g)
{
	return do_xdp_off(g) ?: is_open(g);
}

static int is_down(struct ground *g)
{
	return is_open(g) ?: tp4_link_down(g->net.a);
}

static int is_lost(struct ground *g)
{
	return is_down(g) ?: tp4_link_up(g->net.a);
}

TEST_F(faults_zerocopy, enter)
{
	every_fault_of(_metadata, &self->g, BIT(SLAB) | BIT(COPY),
		       is_in_copy_mode, do_zerocopy, holds_queue);
}

TEST_F(faults_zerocopy, enter_with_xdp)
{
	every_fault(_metadata, &self->g, is_in_copy_mode_with_xdp,
		    do_zerocopy, holds_queue);
}

TEST_F(faults_zerocopy, leave)
{
	every_fault(_metadata, &self->g, is_open, do_leave, has_left);
}

TEST_F(faults_zerocopy, enter_again)
{
	every_fault(_metadata, &self->g, is_lost,
		    do_zerocopy, holds_queue_anew);
}

TEST_F(faults_zerocopy, af_xdp_comes_second)
{
	every_fault(_metadata, &self->g, is_open_with_xsk, do_xsk_bind,
		    xsk_was_kept_out);
}

TEST_F(faults_zerocopy, af_xdp_comes_first)
{
	every_fault(_metadata, &self->g, is_mapped_with_xsk_bound,
		    do_bind_in_vain, was_kept_out);
}

TEST_F(faults_zerocopy, link_down)
{
	every_fault(_metadata, &self->g, is_open, do_link_down, lost_then_up);
}

TEST_F(faults_zerocopy, link_up)
{
	every_fault(_metadata, &self->g, is_down, do_link_up, comes_up);
}

TEST_F(faults_zerocopy, far_link_down)
{
	every_fault(_metadata, &self->g, is_open, do_far_link_down, comes_up);
}

TEST_F(faults_zerocopy, mtu)
{
	every_fault(_metadata, &self->g, is_open, do_mtu, has_mtu_back);
}

TEST_F(faults_zerocopy, channels)
{
	every_fault(_metadata, &self->g, is_open,
		    do_channels, has_channels_back);
}

TEST_F(faults_zerocopy, xdp)
{
	every_fault(_metadata, &self->g, is_open_without_xdp,
		    do_xdp, holds_queue);
}

TEST_F(faults_zerocopy, xdp_off)
{
	every_fault(_metadata, &self->g, is_open_with_xdp,
		    do_xdp_off, holds_queue);
}

/*
 * What NAPI allocates belongs to no task, and cannot be told to fail in turn. So one
 * allocation in so many fails, whoever makes it, for a number of times; none of those
 * that may wait, or else it would be the tests' own fork() and open(). What is lost
 * then, somebody has counted.
 */
#define AT_RANDOM_TIMES		"100"
#define AT_RANDOM_PACKETS	4000
#define AT_RANDOM_MTU		9000

FIXTURE(faults_at_random) {
	struct ground g;
	int plain;		/* on tp4b */
	unsigned int sent;	/* from tp4a */
	unsigned int told;	/* of these, were not, and their sender knows */
	unsigned int got;	/* by the plain socket */
	unsigned int back;	/* sent by the plain socket */
	unsigned int got_back;
	__u8 pkt[ETH_FRAME_LEN + JUMBO];
};

FIXTURE_VARIANT(faults_at_random) {
	const struct tp4_mode *mode;
	bool far;		/* a socket on tp4b, too */
	bool to_kernel;		/* whose packets a program leaves to the stack */
	size_t most;
};

FIXTURE_VARIANT_ADD(faults_at_random, copy_qdisc) {
	.mode = &tp4_copy_qdisc, .far = true, .most = JUMBO,
};

FIXTURE_VARIANT_ADD(faults_at_random, copy_direct) {
	.mode = &tp4_copy_direct, .far = true, .most = JUMBO,
};

FIXTURE_VARIANT_ADD(faults_at_random, zc_to_stack) {
	.mode = &tp4_zc, .most = JUMBO,
};

/* A program sees packets of one frame only */
FIXTURE_VARIANT_ADD(faults_at_random, zc_pass_to_kernel) {
	.mode = &tp4_zc, .far = true, .to_kernel = true, .most = LEN,
};

static int faults_on(void)
{
	static const char *const settings[][2] = {
		{ "ignore-gfp-wait", "Y" }, { "task-filter", "N" },
		{ "interval", "1" }, { "space", "0" },
		{ "times", AT_RANDOM_TIMES },
	};
	char path[64];
	size_t i, j;
	int ret = 0;

	for (i = SLAB; i <= PAGES; i++) {
		for (j = 0; !ret && j < ARRAY_SIZE(settings); j++) {
			snprintf(path, sizeof(path), DEBUGFS "%s/%s", kinds[i],
				 settings[j][0]);
			ret = tp4_write_file(path, settings[j][1]);
		}
		snprintf(path, sizeof(path), DEBUGFS "%s/probability",
			 kinds[i]);
		ret = ret ?: tp4_write_file(path, "10");
	}
	return ret;
}

/* What turns them off may fail for lack of memory, too */
static int faults_off(void)
{
	char path[64];
	unsigned int tries;
	int ret = 0;
	size_t i;

	for (i = SLAB; !ret && i <= PAGES; i++) {
		snprintf(path, sizeof(path), DEBUGFS "%s/probability",
			 kinds[i]);
		for (tries = 0; tries < 1000; tries++) {
			ret = tp4_write_file(path, "0");
			if (!ret)
				break;
		}
	}
	return ret;
}

FIXTURE_SETUP(faults_at_random)
{
	struct ground *g = &self->g;
	int ret;

	self->plain = -1;
	ret = ground_init(g, variant->mode, veth_pair);
	if (ret == -ENOENT)
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, ret);
	if (variant->to_kernel) {
		close(g->prog);
		g->prog = tp4_prog_const(XDP_PASS_TO_KERNEL);
		ASSERT_LE(0, g->prog);
		ASSERT_EQ(0, tp4_link_xdp(g->net.b, g->prog,
					  XDP_FLAGS_DRV_MODE));
	} else {
		ASSERT_EQ(0, tp4_link_mtu(g->net.a, AT_RANDOM_MTU));
		ASSERT_EQ(0, tp4_link_mtu(g->net.b, AT_RANDOM_MTU));
	}
	ASSERT_EQ(0, is_open(g));
	if (variant->far)
		ASSERT_EQ(0, tp4_open(&g->u, &g->far));
	self->plain = tp4_plain_open(g->net.b, TP4_ETH_P);
	ASSERT_LE(0, self->plain);
}

FIXTURE_TEARDOWN(faults_at_random)
{
	EXPECT_EQ(0, faults_off());
	close(self->plain);
	ground_exit(&self->g);
	EXPECT_TRUE(tp4_pins_balanced());
}

/* A packet each way. It may fail, but then its sender hears of it. */
static int at_random_send(struct _test_data_faults_at_random *self, size_t len)
{
	struct ground *g = &self->g;
	unsigned int tries;
	int ret;

	tp4_pkt_fill(self->pkt, len, self->sent++);
	ret = tp4_queue(&g->t, self->pkt, len, 0);
	if (ret < 0)
		return ret;
	/* Copy mode may say so, and try it again the next time */
	for (tries = 0; tp4q_num_held(&g->t.txq); tries++) {
		if (tries == 1000)
			return -ETIMEDOUT;
		ret = tp4_kick(&g->t, 0);
		if (ret < 0 && !errno_fits(-ret))
			return ret;
		ret = tp4_complete(&g->t);
		if (ret && !errno_fits(-ret))
			return ret;
		self->told += !!ret;
	}

	tp4_pkt_fill(self->pkt, LEN, self->back);
	if (send(self->plain, self->pkt, LEN, 0) == LEN)
		self->back++;
	else if (!errno_fits(errno))
		return -errno;
	return 0;
}

/* What has come, which is whole */
static int at_random_recv(struct _test_data_faults_at_random *self)
{
	struct ground *g = &self->g;
	struct tpacket4_desc d;
	ssize_t len;
	int ret;

	while ((len = recv(self->plain, self->pkt, sizeof(self->pkt),
			   MSG_DONTWAIT)) > 0) {
		if (!tp4_pkt_ok(self->pkt, len, tp4_pkt_seq(self->pkt), len))
			return -EBADMSG;
		self->got++;
	}
	while ((ret = tp4_recv(&g->t, self->pkt, sizeof(self->pkt))) > 0) {
		if (!tp4_pkt_ok(self->pkt, ret, tp4_pkt_seq(self->pkt), LEN))
			return -EBADMSG;
		self->got_back++;
	}
	while (g->u.map && tp4_rx_next(&g->u, &d))
		tp4_rx_give(&g->u, d.idx);
	return ret;
}

/* Each is with the kernel, or free, or comes back when zero copy ends */
static int has_all_frames(struct tp4 *t)
{
	if (tp4_get_queue(t->fd) >= 0)
		return frames_are_back(t);
	return tp4q_num_held(&t->rxq) == t->rx_nr && t->free_nr == t->tx_nr ?
	       0 : -EPROTO;
}

TEST_F(faults_at_random, traffic)
{
	struct tpacket_stats st;
	struct ground *g = &self->g;
	struct tpacket_stats_v4 st4;
	socklen_t len = sizeof(st);
	unsigned int i, slab, pages, lost = 0;

	ASSERT_EQ(0, faults_on());
	for (i = 0; i < AT_RANDOM_PACKETS; i++) {
		/* It takes a while to ask */
		if (!(i % 64) && !faults_left(SLAB) && !faults_left(PAGES))
			break;
		ASSERT_EQ(0, at_random_send(self, i % 2 ? LEN : variant->most));
		ASSERT_EQ(0, at_random_recv(self));
	}
	slab = atoi(AT_RANDOM_TIMES) - faults_left(SLAB);
	pages = atoi(AT_RANDOM_TIMES) - faults_left(PAGES);
	TH_LOG("%s: %u, %s: %u", kinds[SLAB], slab, kinds[PAGES], pages);
	tp4_count(TP4_TALLY_FAULTS, slab + pages);
	ASSERT_LT(0, slab);
	ASSERT_EQ(0, faults_off());
	/* What is still on its way, on another CPU */
	for (i = 0; i < 100; i++) {
		ASSERT_EQ(0, at_random_recv(self));
		usleep(1000);
	}

	/* The way there: the stack's losses, and the program's */
	ASSERT_EQ(0, getsockopt(self->plain, SOL_PACKET, PACKET_STATISTICS,
				&st, &len));
	if (variant->to_kernel) {
		ASSERT_EQ(0, tp4_stats(g->u.fd, &st4));
		lost = st4.xdp_errors;
	}
	TH_LOG("%u sent, %u failed, %u lost on the way, %u by the plain socket",
	       self->sent, self->told, lost, st.tp_drops);
	EXPECT_EQ(self->sent, self->got + self->told + lost + st.tp_drops);
	if (variant->mode->zerocopy >= 0)
		EXPECT_LT(0, self->told + lost);
	/* The way back: what has been sent has come, or was counted */
	ASSERT_EQ(0, tp4_stats(g->t.fd, &st4));
	EXPECT_EQ(self->back, self->got_back + st4.tp_drops);
	EXPECT_EQ(self->told, st4.tx_errors);

	if (variant->to_kernel)
		ASSERT_EQ(0, tp4_link_xdp(g->net.b, -1, XDP_FLAGS_DRV_MODE));
	EXPECT_EQ(0, works(g));
	EXPECT_EQ(0, has_all_frames(&g->t));
	EXPECT_EQ(0, has_all_frames(&g->u));
}

/* Of all paths that came before */
FIXTURE(faults_all) {
};

FIXTURE_SETUP(faults_all)
{
}

FIXTURE_TEARDOWN(faults_all)
{
}

TEST_F(faults_all, kinds)
{
	expect_kinds(_metadata, BIT(KINDS) - 1);
}

/*
 * In zero copy on a network card that has an XDP program. Without one, the first
 * socket has the card reset. What drivers do when a reset finds no memory, they
 * do as well without V4, and it is not always good. So the number of channels is
 * not among the paths, either: i40e resets the card, and does not know whether that
 * went well. (With one CPU there is but one channel.)
 */
FIXTURE(faults_nic) {
	struct ground g;
};

FIXTURE_SETUP(faults_nic)
{
	int ret;

	if (!have_nics())
		SKIP(return, "TP4_NIC_A and TP4_NIC_B are not set");
	ret = ground_init(&self->g, &tp4_zc, nic_pair);
	if (ret == -ENOENT)
		SKIP(return, NO_FAULTS);
	ASSERT_EQ(0, ret);
	ASSERT_EQ(0, do_xdp(&self->g));
	ASSERT_EQ(0, tp4_link_xdp(self->g.net.b, self->g.prog,
				  XDP_FLAGS_DRV_MODE));
}

FIXTURE_TEARDOWN(faults_nic)
{
	sweep(&self->g);
	tp4_link_xdp(self->g.net.a, -1, XDP_FLAGS_DRV_MODE);
	tp4_link_xdp(self->g.net.b, -1, XDP_FLAGS_DRV_MODE);
	ground_exit(&self->g);
}

TEST_F(faults_nic, open)
{
	every_fault(_metadata, &self->g, NULL, do_open, NULL);
}

TEST_F(faults_nic, bind)
{
	every_fault(_metadata, &self->g, is_mapped, do_bind, holds_queue);
}

TEST_F(faults_nic, enter)
{
	every_fault(_metadata, &self->g, is_in_copy_mode, do_zerocopy,
		    holds_queue);
}

TEST_F(faults_nic, leave)
{
	every_fault(_metadata, &self->g, is_open, do_leave, has_left);
}

TEST_F(faults_nic, close)
{
	every_fault_taken(_metadata, &self->g, is_open, do_close,
			  is_all_given_back);
}

TEST_F(faults_nic, link_down)
{
	every_fault(_metadata, &self->g, is_open, do_link_down, lost_then_up);
}

TEST_F(faults_nic, link_up)
{
	every_fault(_metadata, &self->g, is_down, do_link_up, comes_up);
}

TEST_F(faults_nic, mtu)
{
	every_fault(_metadata, &self->g, is_open, do_mtu,
		    has_mtu_and_comes_up_anew);
}

TEST_F(faults_nic, rx_ring_size)
{
	every_fault(_metadata, &self->g, is_open, do_rx_ring_size,
		    has_rings_and_comes_up_anew);
}

TEST_F(faults_nic, tx_ring_size)
{
	every_fault(_metadata, &self->g, is_open, do_tx_ring_size,
		    has_rings_and_comes_up_anew);
}

TEST_F(faults_nic, xdp)
{
	every_fault(_metadata, &self->g, is_open, do_xdp, holds_queue);
}

static int holds_queue_and_xdp(struct ground *g)
{
	return holds_queue(g) ?: do_xdp(g);
}

static int is_open_before_xdp(struct ground *g)
{
	return is_open(g) ?: do_xdp_off(g);
}

TEST_F(faults_nic, xdp_off)
{
	every_fault(_metadata, &self->g, is_open, do_xdp_off,
		    holds_queue_and_xdp);
}

TEST_F(faults_nic, xdp_on)
{
	every_fault(_metadata, &self->g, is_open_before_xdp, do_xdp,
		    holds_queue);
}

TEST_F(faults_nic, kinds)
{
	expect_kinds(_metadata, BIT(SLAB) | BIT(COPY));
}

TEST_HARNESS_MAIN

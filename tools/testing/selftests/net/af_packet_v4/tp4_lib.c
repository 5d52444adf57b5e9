// SPDX-License-Identifier: GPL-2.0
/* What the AF_PACKET V4 tests share, see tp4_lib.h */

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <sys/ioctl.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <linux/udp.h>
#include <linux/veth.h>

#include "tp4_lib.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif

#define TP4_GUARD_BYTE		0xa5

/* <linux/if.h>, which cannot be had together with <net/if.h> */
#define TP4_IFF_LOWER_UP	0x10000

const struct tp4_mode tp4_copy_qdisc = {
	.name = "copy_qdisc",
	.zerocopy = -1,
};

const struct tp4_mode tp4_copy_direct = {
	.name = "copy_direct",
	.qdisc_bypass = true,
	.zerocopy = -1,
};

/* Reports the step that failed; returns -errno */
static int tp4_fail(const char *what)
{
	int err = errno ? errno : EIO;

	fprintf(stderr, "# %s: %s\n", what, strerror(err));
	return -err;
}

/* Tallies */

static unsigned long *tp4_tallies;
static pid_t tp4_main_pid;

void tp4_count(enum tp4_tally what, unsigned long n)
{
	if (tp4_tallies)
		__atomic_fetch_add(&tp4_tallies[what], n, __ATOMIC_RELAXED);
}

static void tp4_tell_tallies(void)
{
	static const char * const names[TP4_TALLIES] = {
		"packets", "lost", "bad", "faults",
	};
	bool any = false;
	unsigned int i;

	if (getpid() != tp4_main_pid)
		return;
	for (i = 0; i < TP4_TALLIES; i++)
		any |= tp4_tallies[i];
	/* Such as when it has only said what tests there are */
	if (!any)
		return;
	printf("# tp4:");
	for (i = 0; i < TP4_TALLIES; i++)
		printf(" %s=%lu", names[i], tp4_tallies[i]);
	printf("\n");
}

/* Before main(), as each test is a process of its own */
static __attribute__((constructor)) void tp4_tallies_init(void)
{
	size_t size = TP4_TALLIES * sizeof(*tp4_tallies);
	const char *path = getenv("TP4_TALLY_FILE");
	void *shared;
	int fd = -1;

	if (path) {
		fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
		if (fd < 0 || ftruncate(fd, size)) {
			perror(path);
			exit(EXIT_FAILURE);
		}
	}
	shared = mmap(NULL, size, PROT_READ | PROT_WRITE,
		      MAP_SHARED | (path ? 0 : MAP_ANONYMOUS), fd, 0);
	if (path)
		close(fd);
	if (shared == MAP_FAILED)
		return;
	tp4_tallies = shared;
	tp4_main_pid = getpid();
	atexit(tp4_tell_tallies);
}

/* rtnetlink */

struct nl_msg {
	struct nlmsghdr nh;
	char body[2048];
};

static void *nl_put(struct nl_msg *m, int type, const void *data, size_t len)
{
	struct rtattr *rta;

	rta = (void *)((char *)m + NLMSG_ALIGN(m->nh.nlmsg_len));
	rta->rta_type = type;
	rta->rta_len = RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(rta), data, len);
	m->nh.nlmsg_len = NLMSG_ALIGN(m->nh.nlmsg_len) + RTA_SPACE(len);
	return rta;
}

static void nl_end(struct nl_msg *m, struct rtattr *nest)
{
	nest->rta_len = (char *)m + m->nh.nlmsg_len - (char *)nest;
}

static void nl_put_u32(struct nl_msg *m, int type, __u32 value)
{
	nl_put(m, type, &value, sizeof(value));
}

static void nl_put_str(struct nl_msg *m, int type, const char *str)
{
	nl_put(m, type, str, strlen(str) + 1);
}

static void *nl_init(struct nl_msg *m, int type, int flags, size_t hdrlen)
{
	memset(m, 0, sizeof(*m));
	m->nh.nlmsg_len = NLMSG_LENGTH(hdrlen);
	m->nh.nlmsg_type = type;
	m->nh.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return NLMSG_DATA(&m->nh);
}

static int nl_talk(struct nl_msg *m, const char *what)
{
	struct nlmsgerr *err;
	char reply[4096];
	ssize_t len;
	int fd;

	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return tp4_fail("socket(NETLINK_ROUTE)");

	if (send(fd, m, m->nh.nlmsg_len, 0) < 0) {
		len = tp4_fail(what);
		close(fd);
		return len;
	}
	len = recv(fd, reply, sizeof(reply), 0);
	if (len < 0) {
		len = tp4_fail(what);
		close(fd);
		return len;
	}
	close(fd);
	if (len < (ssize_t)NLMSG_LENGTH(sizeof(*err))) {
		errno = EPROTO;
		return tp4_fail(what);
	}
	err = NLMSG_DATA((struct nlmsghdr *)reply);
	if (err->error) {
		errno = -err->error;
		return tp4_fail(what);
	}
	return 0;
}

int tp4_veth_add(const char *a, const char *b, const struct tp4_netcfg *cfg)
{
	unsigned int queues = cfg->queues ? cfg->queues : 1;
	struct rtattr *info, *data, *peer;
	struct ifinfomsg ifi = {};
	unsigned int mtu;
	struct nl_msg m;

	mtu = cfg->mtu ? cfg->mtu : ETH_DATA_LEN;
	nl_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof(ifi));
	nl_put_str(&m, IFLA_IFNAME, a);
	nl_put_u32(&m, IFLA_MTU, mtu);
	nl_put_u32(&m, IFLA_NUM_TX_QUEUES, queues);
	nl_put_u32(&m, IFLA_NUM_RX_QUEUES, queues);
	info = nl_put(&m, IFLA_LINKINFO, NULL, 0);
	nl_put_str(&m, IFLA_INFO_KIND, "veth");
	data = nl_put(&m, IFLA_INFO_DATA, NULL, 0);
	peer = nl_put(&m, VETH_INFO_PEER, &ifi, sizeof(ifi));
	nl_put_str(&m, IFLA_IFNAME, b);
	nl_put_u32(&m, IFLA_MTU, mtu);
	nl_put_u32(&m, IFLA_NUM_TX_QUEUES, queues);
	nl_put_u32(&m, IFLA_NUM_RX_QUEUES, queues);
	nl_end(&m, peer);
	nl_end(&m, data);
	nl_end(&m, info);
	return nl_talk(&m, "creating a veth pair");
}

int tp4_link_add(const char *name, const char *kind)
{
	struct rtattr *info;
	struct nl_msg m;

	nl_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
		sizeof(struct ifinfomsg));
	nl_put_str(&m, IFLA_IFNAME, name);
	info = nl_put(&m, IFLA_LINKINFO, NULL, 0);
	nl_put_str(&m, IFLA_INFO_KIND, kind);
	nl_end(&m, info);
	return nl_talk(&m, "creating a device");
}

int tp4_vlan_add(int parent, const char *name, unsigned int id)
{
	struct rtattr *info, *data;
	__u16 vid = id;
	struct nl_msg m;

	nl_init(&m, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
		sizeof(struct ifinfomsg));
	nl_put_str(&m, IFLA_IFNAME, name);
	nl_put_u32(&m, IFLA_LINK, parent);
	info = nl_put(&m, IFLA_LINKINFO, NULL, 0);
	nl_put_str(&m, IFLA_INFO_KIND, "vlan");
	data = nl_put(&m, IFLA_INFO_DATA, NULL, 0);
	nl_put(&m, IFLA_VLAN_ID, &vid, sizeof(vid));
	nl_end(&m, data);
	nl_end(&m, info);
	return nl_talk(&m, "creating a VLAN device");
}

int tp4_link_flags(int ifindex, unsigned int flags, unsigned int mask)
{
	struct ifinfomsg *ifi;
	struct nl_msg m;

	ifi = nl_init(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	ifi->ifi_flags = flags;
	ifi->ifi_change = mask;
	return nl_talk(&m, "setting device flags");
}

/*
 * Flags of a device, its peer's or parent's number (0: none here), and how
 * many want to hear all that it receives
 */
static int tp4_link_get(int ifindex, unsigned int *flags, int *link,
			int *promiscuity)
{
	bool elsewhere = false;
	struct ifinfomsg *ifi;
	struct nlmsghdr *nh;
	struct rtattr *rta;
	char reply[8192];
	struct nl_msg m;
	ssize_t len;
	int fd;

	ifi = nl_init(&m, RTM_GETLINK, 0, sizeof(*ifi));
	m.nh.nlmsg_flags = NLM_F_REQUEST;
	ifi->ifi_index = ifindex;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return tp4_fail("socket(NETLINK_ROUTE)");
	len = send(fd, &m, m.nh.nlmsg_len, 0);
	if (len > 0)
		len = recv(fd, reply, sizeof(reply), 0);
	close(fd);
	nh = (void *)reply;
	if (len < (ssize_t)NLMSG_LENGTH(sizeof(*ifi)) ||
	    nh->nlmsg_type != RTM_NEWLINK) {
		errno = ENODEV;
		return tp4_fail("asking for a device");
	}
	ifi = NLMSG_DATA(nh);
	*flags = ifi->ifi_flags;
	*link = 0;
	*promiscuity = -1;
	len = nh->nlmsg_len - NLMSG_LENGTH(sizeof(*ifi));
	for (rta = (void *)(ifi + 1); RTA_OK(rta, len);
	     rta = RTA_NEXT(rta, len)) {
		if (rta->rta_type == IFLA_LINK)
			memcpy(link, RTA_DATA(rta), sizeof(*link));
		if (rta->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
		if (rta->rta_type == IFLA_PROMISCUITY)
			memcpy(promiscuity, RTA_DATA(rta),
			       sizeof(*promiscuity));
	}
	if (elsewhere)
		*link = 0;
	return 0;
}

/*
 * A device with a carrier transmits only when a worker has been told of it;
 * what is sent before is dropped.
 */
static int tp4_link_settle(int ifindex)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	int link, promiscuity, ret;
	unsigned int flags;

	do {
		ret = tp4_link_get(ifindex, &flags, &link, &promiscuity);
		if (ret || !(flags & IFF_UP) || !(flags & TP4_IFF_LOWER_UP) ||
		    flags & IFF_RUNNING)
			return ret;
		sched_yield();
	} while (tp4_now_ms() < end);
	errno = ETIMEDOUT;
	return tp4_fail("waiting for a device to run");
}

int tp4_link_up(int ifindex)
{
	int link, promiscuity, ret;
	unsigned int flags;

	ret = tp4_link_flags(ifindex, IFF_UP, IFF_UP);
	if (!ret)
		ret = tp4_link_settle(ifindex);
	if (!ret)
		ret = tp4_link_get(ifindex, &flags, &link, &promiscuity);
	if (!ret && link > 0 && link != ifindex)
		ret = tp4_link_settle(link);
	return ret;
}

int tp4_link_promiscuity(int ifindex)
{
	int link, promiscuity, ret;
	unsigned int flags;

	ret = tp4_link_get(ifindex, &flags, &link, &promiscuity);
	return ret ? ret : promiscuity;
}

int tp4_link_down(int ifindex)
{
	return tp4_link_flags(ifindex, 0, IFF_UP);
}

int tp4_link_mtu(int ifindex, unsigned int mtu)
{
	struct ifinfomsg *ifi;
	struct nl_msg m;

	ifi = nl_init(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	nl_put_u32(&m, IFLA_MTU, mtu);
	return nl_talk(&m, "setting the MTU");
}

int tp4_link_del(int ifindex)
{
	struct ifinfomsg *ifi;
	struct nl_msg m;

	ifi = nl_init(&m, RTM_DELLINK, 0, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	return nl_talk(&m, "deleting a device");
}

int tp4_link_netns(int ifindex, int netns_fd)
{
	struct ifinfomsg *ifi;
	struct nl_msg m;

	ifi = nl_init(&m, RTM_NEWLINK, 0, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	nl_put_u32(&m, IFLA_NET_NS_FD, netns_fd);
	return nl_talk(&m, "moving a device to another namespace");
}

int tp4_link_xdp(int ifindex, int prog, __u32 flags)
{
	struct ifinfomsg *ifi;
	struct rtattr *xdp;
	struct nl_msg m;

	ifi = nl_init(&m, RTM_SETLINK, 0, sizeof(*ifi));
	ifi->ifi_index = ifindex;
	xdp = nl_put(&m, IFLA_XDP | NLA_F_NESTED, NULL, 0);
	nl_put_u32(&m, IFLA_XDP_FD, prog);
	nl_put_u32(&m, IFLA_XDP_FLAGS, flags);
	nl_end(&m, xdp);
	return nl_talk(&m, "setting an XDP program");
}

int tp4_addr4_add(int ifindex, const char *addr, unsigned int plen)
{
	struct ifaddrmsg *ifa;
	struct in_addr in;
	struct nl_msg m;

	ifa = nl_init(&m, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL,
		      sizeof(*ifa));
	ifa->ifa_family = AF_INET;
	ifa->ifa_prefixlen = plen;
	ifa->ifa_index = ifindex;
	inet_pton(AF_INET, addr, &in);
	nl_put(&m, IFA_LOCAL, &in, sizeof(in));
	nl_put(&m, IFA_ADDRESS, &in, sizeof(in));
	return nl_talk(&m, "adding an address");
}

int tp4_neigh4_add(int ifindex, const char *addr, const __u8 *mac)
{
	struct in_addr in;
	struct ndmsg *ndm;
	struct nl_msg m;

	ndm = nl_init(&m, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE,
		      sizeof(*ndm));
	ndm->ndm_family = AF_INET;
	ndm->ndm_ifindex = ifindex;
	ndm->ndm_state = NUD_PERMANENT;
	inet_pton(AF_INET, addr, &in);
	nl_put(&m, NDA_DST, &in, sizeof(in));
	nl_put(&m, NDA_LLADDR, mac, ETH_ALEN);
	return nl_talk(&m, "adding a neighbour");
}

static void qdisc_init(struct nl_msg *m, int ifindex, const char *kind)
{
	struct tcmsg *tcm;

	tcm = nl_init(m, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE,
		      sizeof(*tcm));
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_ROOT;
	tcm->tcm_handle = 1 << 16;
	nl_put_str(m, TCA_KIND, kind);
}

static int tp4_tbf(int ifindex, unsigned int rate, unsigned int burst,
		   unsigned int limit)
{
	struct tc_tbf_qopt qopt = {};
	struct rtattr *opts;
	struct nl_msg m;

	qdisc_init(&m, ifindex, "tbf");
	qopt.rate.rate = rate;
	qopt.rate.linklayer = TC_LINKLAYER_ETHERNET;
	qopt.limit = limit;
	opts = nl_put(&m, TCA_OPTIONS, NULL, 0);
	nl_put(&m, TCA_TBF_PARMS, &qopt, sizeof(qopt));
	nl_put_u32(&m, TCA_TBF_BURST, burst);
	nl_end(&m, opts);
	return nl_talk(&m, "setting a tbf qdisc");
}

int tp4_plug_add(int ifindex, unsigned int burst, unsigned int limit)
{
	/* One byte a second: what is beyond the burst waits for a minute */
	return tp4_tbf(ifindex, 1, burst, limit);
}

int tp4_plug_open(int ifindex)
{
	__u8 pkt[ETH_ZLEN] = { 2, 0, 0, 0, 0, 0xee, 2 };
	int fd, ret;

	ret = tp4_tbf(ifindex, 1000000000, 1 << 20, 64 << 20);
	if (ret)
		return ret;
	/* The qdisc looks at its new rate when it is given a packet */
	fd = tp4_plain_open(ifindex, 0);
	if (fd < 0)
		return fd;
	ret = tp4_plain_send(fd, pkt, sizeof(pkt));
	close(fd);
	return ret;
}

int tp4_qdisc_add(int ifindex, const char *kind)
{
	struct nl_msg m;

	qdisc_init(&m, ifindex, kind);
	return nl_talk(&m, "setting a qdisc");
}

int tp4_plug_del(int ifindex)
{
	struct tcmsg *tcm;
	struct nl_msg m;

	tcm = nl_init(&m, RTM_DELQDISC, 0, sizeof(*tcm));
	tcm->tcm_ifindex = ifindex;
	tcm->tcm_parent = TC_H_ROOT;
	return nl_talk(&m, "deleting the qdisc");
}

int tp4_net_new(struct tp4_net *net, const struct tp4_netcfg *cfg)
{
	static const struct tp4_netcfg plain;
	int ret;

	if (unshare(CLONE_NEWNET))
		return tp4_fail("unshare(CLONE_NEWNET)");
	if (!cfg)
		cfg = &plain;
	/* No neighbour discovery amid the packets of the test */
	if (!cfg->ipv6 && !access("/proc/sys/net/ipv6", F_OK)) {
		ret = tp4_write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6",
				     "1");
		if (ret)
			return ret;
		ret = tp4_write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6",
				     "1");
		if (ret)
			return ret;
	}
	ret = tp4_veth_add("tp4a", "tp4b", cfg);
	if (ret)
		return ret;
	net->a = if_nametoindex("tp4a");
	net->b = if_nametoindex("tp4b");
	ret = tp4_link_up(net->a);
	if (ret)
		return ret;
	return tp4_link_up(net->b);
}

int tp4_write_file(const char *path, const char *text)
{
	ssize_t len = strlen(text);
	int fd, ret = 0;

	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return tp4_fail(path);
	if (write(fd, text, len) != len)
		ret = tp4_fail(path);
	close(fd);
	return ret;
}

long long tp4_read_counter(const char *path, const char *name)
{
	size_t len = strlen(name);
	long long value = -1;
	char line[256];
	FILE *f;

	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, name, len) || !strchr(" :\t", line[len]))
			continue;
		value = strtoll(line + len + 1, NULL, 10);
		break;
	}
	fclose(f);
	return value;
}

long long tp4_dev_packets(const char *dev, bool rx)
{
	unsigned long long v[10];
	long long value = -1;
	char line[512], *p;
	FILE *f;

	/* /proc/net is the namespace of the process, not of the thread */
	f = fopen("/proc/thread-self/net/dev", "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		p = line + strspn(line, " ");
		if (strncmp(p, dev, strlen(dev)) || p[strlen(dev)] != ':')
			continue;
		if (sscanf(p + strlen(dev) + 1,
			   "%llu %llu %llu %llu %llu %llu %llu %llu %llu %llu",
			   v, v + 1, v + 2, v + 3, v + 4, v + 5, v + 6, v + 7,
			   v + 8, v + 9) == 10)
			value = rx ? v[1] : v[9];
		break;
	}
	fclose(f);
	return value;
}

/* TP4_SCALE divides the long runs, for emulators */
unsigned int tp4_scaled(unsigned int count, unsigned int least)
{
	const char *env = getenv("TP4_SCALE");
	unsigned int scale = env ? strtoul(env, NULL, 10) : 1;

	if (!scale)
		scale = 1;
	/* On a machine that is so slow, thousands are no least */
	if (scale >= 1000 && least >= 2000)
		least /= 10;
	count /= scale;
	return count > least ? count : least;
}

long long tp4_mem_available(void)
{
	return tp4_read_counter("/proc/meminfo", "MemAvailable:");
}

static bool tp4_has_quarantine(void)
{
	char line[256];
	bool has = false;
	FILE *f;

	f = fopen("/proc/kallsyms", "re");
	if (!f)
		return false;
	while (!has && fgets(line, sizeof(line), f))
		has = strstr(line, " kasan_quarantine_put\n");
	fclose(f);
	return has;
}

long long tp4_mem_lost(long long before, long long kb)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	long long lost;

	if (tp4_has_quarantine())
		return 0;
	do {
		lost = before - tp4_mem_available();
		if (lost <= kb)
			break;
		sched_yield();
	} while (tp4_now_ms() < end);
	return lost;
}

long long tp4_pinned(void)
{
	long long got, put;
	char buf[16];
	int fd;

	/* CPUs count for themselves; root can have them report at once */
	fd = open("/proc/sys/vm/stat_refresh", O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
	}
	put = tp4_read_counter("/proc/vmstat", "nr_foll_pin_released");
	got = tp4_read_counter("/proc/vmstat", "nr_foll_pin_acquired");
	if (got < 0 || put < 0) {
		fprintf(stderr, "# /proc/vmstat does not count pinned pages\n");
		return -1;
	}
	return got - put;
}

bool tp4_pins_balanced(void)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	long long pinned;

	/* The count is the machine's */
	if (getenv("TP4_BESIDE_OTHERS"))
		return true;
	do {
		pinned = tp4_pinned();
		if (!pinned)
			return true;
		sched_yield();
	} while (tp4_now_ms() < end);
	fprintf(stderr, "# pages still pinned: %lld\n", pinned);
	return false;
}

unsigned long long tp4_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

int tp4_wait_asleep(pid_t tid)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	char path[64], line[512], *p;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", tid);
	do {
		f = fopen(path, "re");
		if (!f)
			return tp4_fail(path);
		p = fgets(line, sizeof(line), f);
		fclose(f);
		/* The state is behind the name, which may hold brackets */
		p = p ? strrchr(line, ')') : NULL;
		if (p && p[1] == ' ' && p[2] == 'S')
			return 0;
		sched_yield();
	} while (tp4_now_ms() < end);
	errno = ETIMEDOUT;
	return tp4_fail("waiting for a thread to block");
}

/* V4 sockets */

int tp4_version(int fd, int version)
{
	if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		return -errno;
	return 0;
}

int tp4_memreg(int fd, void *addr, size_t len, unsigned int frame_size,
	       unsigned int headroom)
{
	struct tpacket_memreg_req req = {
		.addr = (uintptr_t)addr,
		.len = len,
		.frame_size = frame_size,
		.data_headroom = headroom,
	};

	if (setsockopt(fd, SOL_PACKET, PACKET_MEMREG, &req, sizeof(req)))
		return -errno;
	return 0;
}

int tp4_ring(int fd, int opt, int mr_fd, unsigned int desc_nr)
{
	struct tpacket_req4 req = {
		.mr_fd = mr_fd,
		.desc_nr = desc_nr,
	};

	if (setsockopt(fd, SOL_PACKET, opt, &req, sizeof(req)))
		return -errno;
	return 0;
}

int tp4_bind(int fd, int ifindex, unsigned int protocol)
{
	struct sockaddr_ll ll = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(protocol),
		.sll_ifindex = ifindex,
	};

	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		return -errno;
	return 0;
}

int tp4_map(struct tp4 *t)
{
	size_t len = (t->rx_nr + t->tx_nr) * sizeof(struct tpacket4_desc);
	void *map;

	map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, t->fd, 0);
	if (map == MAP_FAILED) {
		t->map = NULL;
		return tp4_fail("mmap() of the rings");
	}
	t->map = map;
	t->map_len = (len + TP4_PAGE - 1) & ~(TP4_PAGE - 1);
	t->rx = t->rx_nr ? map : NULL;
	t->tx = t->tx_nr ? (struct tpacket4_desc *)map + t->rx_nr : NULL;
	tp4q_init(&t->rxq, t->rx, t->rx_nr);
	tp4q_init(&t->txq, t->tx, t->tx_nr);
	return 0;
}

static int tp4_open_buffer(struct tp4 *t, const struct tp4_cfg *cfg)
{
	t->frame_size = cfg->frame_size ? cfg->frame_size :
					  TP4_FRAME_SIZE_DEFAULT;
	t->frames = cfg->frames ? cfg->frames : cfg->rx_nr + cfg->tx_nr;
	t->buf_len = (size_t)t->frames * t->frame_size;
	/* The length need not be a multiple of the page size */
	t->area_len = ((t->buf_len + TP4_PAGE - 1) & ~(TP4_PAGE - 1)) +
		      2 * TP4_PAGE;
	t->area = mmap(NULL, t->area_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (t->area == MAP_FAILED) {
		t->area = NULL;
		return tp4_fail("mmap() of the packet buffer");
	}
	t->buf = t->area + TP4_PAGE;
	memset(t->area, TP4_GUARD_BYTE, t->area_len);

	if (cfg->same_fd) {
		t->mr_fd = t->fd;
	} else {
		t->mr_fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
		if (t->mr_fd < 0)
			return tp4_fail("socket() for PACKET_MEMREG");
	}
	errno = -tp4_memreg(t->mr_fd, t->buf, t->buf_len, t->frame_size,
			    cfg->headroom);
	return errno ? tp4_fail("PACKET_MEMREG") : 0;
}

int tp4_open(struct tp4 *t, const struct tp4_cfg *cfg)
{
	const struct tp4_mode *mode = cfg->mode;
	unsigned int i;
	int one = 1;
	int ret;

	memset(t, 0, sizeof(*t));
	t->mr_fd = -1;
	t->rx_nr = cfg->rx_nr;
	t->tx_nr = cfg->tx_nr;
	t->fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	if (t->fd < 0)
		return tp4_fail("socket(AF_PACKET)");
	errno = -tp4_version(t->fd, TPACKET_V4);
	if (errno)
		return tp4_fail("PACKET_VERSION, TPACKET_V4");

	if (cfg->share) {
		t->shared = true;
		t->first = cfg->first;
		t->mr_fd = cfg->share->mr_fd;
		t->area = cfg->share->area;
		t->area_len = cfg->share->area_len;
		t->buf = cfg->share->buf;
		t->buf_len = cfg->share->buf_len;
		t->frame_size = cfg->share->frame_size;
		t->frames = cfg->share->frames;
	} else {
		ret = tp4_open_buffer(t, cfg);
		if (ret)
			return ret;
	}

	if (cfg->reserve &&
	    setsockopt(t->fd, SOL_PACKET, PACKET_RESERVE, &cfg->reserve,
		       sizeof(cfg->reserve)))
		return tp4_fail("PACKET_RESERVE");
	if (cfg->rx_nr) {
		errno = -tp4_ring(t->fd, PACKET_RX_RING, t->mr_fd, cfg->rx_nr);
		if (errno)
			return tp4_fail("PACKET_RX_RING");
	}
	if (cfg->tx_nr) {
		errno = -tp4_ring(t->fd, PACKET_TX_RING, t->mr_fd, cfg->tx_nr);
		if (errno)
			return tp4_fail("PACKET_TX_RING");
	}
	ret = tp4_map(t);
	if (ret)
		return ret;

	if (mode && mode->qdisc_bypass &&
	    setsockopt(t->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one,
		       sizeof(one)))
		return tp4_fail("PACKET_QDISC_BYPASS");
	if (mode && mode->zerocopy >= 0 &&
	    setsockopt(t->fd, SOL_PACKET, PACKET_ZEROCOPY, &mode->zerocopy,
		       sizeof(mode->zerocopy)))
		return tp4_fail("PACKET_ZEROCOPY");
	if (cfg->ignore_outgoing &&
	    setsockopt(t->fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one,
		       sizeof(one)))
		return tp4_fail("PACKET_IGNORE_OUTGOING");

	for (i = 0; i < t->rx_nr; i++)
		tp4_rx_give(t, t->first + i);
	if (t->tx_nr) {
		t->free = calloc(t->tx_nr, sizeof(*t->free));
		if (!t->free)
			return tp4_fail("calloc()");
		/* The first that is taken is the first */
		for (i = t->tx_nr; i > 0; i--)
			t->free[t->free_nr++] = t->first + t->rx_nr + i - 1;
	}

	if (cfg->ifindex) {
		errno = -tp4_bind(t->fd, cfg->ifindex, ETH_P_ALL);
		if (errno)
			return tp4_fail("bind()");
	}
	return 0;
}

void tp4_close(struct tp4 *t)
{
	if (t->map)
		munmap(t->map, t->map_len);
	if (t->mr_fd >= 0 && t->mr_fd != t->fd && !t->shared)
		close(t->mr_fd);
	if (t->fd >= 0)
		close(t->fd);
	if (t->area && !t->shared)
		munmap(t->area, t->area_len);
	free(t->free);
	memset(t, 0, sizeof(*t));
	t->fd = -1;
	t->mr_fd = -1;
}

bool tp4_guards_ok(const struct tp4 *t)
{
	const __u8 *end = t->area + t->area_len;
	const __u8 *p;

	for (p = t->area; p < end; p++) {
		if (p == t->buf)
			p += t->buf_len;
		if (*p != TP4_GUARD_BYTE) {
			fprintf(stderr,
				"# byte %td from the packet buffer's start (length %zu) was written: %#x\n",
				p - t->buf, t->buf_len, *p);
			return false;
		}
	}
	return true;
}

void tp4_raw_give(struct tpacket4_desc *slot, __u64 idx, __u32 len,
		  __u16 offset, __u8 flags)
{
	union tp4_desc_word w = {
		.f = {
			.offset = offset,
			.flags = flags,
		},
	};

	slot->idx = idx;
	slot->len = len;
	__atomic_store_n(tp4_desc_word_ptr(slot), w.word, __ATOMIC_RELEASE);
}

void tp4_rx_give(struct tp4 *t, __u64 idx)
{
	if (tp4q_enqueue_frames(&t->rxq, &idx, 1)) {
		fprintf(stderr, "# RX ring overfilled by the test\n");
		abort();
	}
}

/* The kernel's answer to a descriptor that names no frame, or no packet */
static bool tp4_took(struct tpacket4_queue *q, struct tpacket4_desc *copy)
{
	if (!tp4q_dequeue_batch(q, copy, 1))
		return false;
	if (copy->error == EBADF || copy->error == EINVAL ||
	    copy->error == EMSGSIZE)
		tp4_count(TP4_TALLY_BAD, 1);
	return true;
}

bool tp4_rx_next(struct tp4 *t, struct tpacket4_desc *copy)
{
	return tp4_took(&t->rxq, copy);
}

void tp4_tx_give(struct tp4 *t, __u64 idx, __u32 len, __u16 offset, __u8 flags)
{
	struct tpacket4_desc desc = {
		.idx = idx,
		.len = len,
		.offset = offset,
		.flags = flags,
	};

	if (tp4q_enqueue_batch(&t->txq, &desc, 1)) {
		fprintf(stderr, "# TX ring overfilled by the test\n");
		abort();
	}
}

bool tp4_tx_next(struct tp4 *t, struct tpacket4_desc *copy)
{
	return tp4_took(&t->txq, copy);
}

unsigned int tp4_tx_room(const struct tp4 *t)
{
	unsigned int slots = tp4q_num_free(&t->txq);

	return slots < t->free_nr ? slots : t->free_nr;
}

__u8 *tp4_frame(const struct tp4 *t, __u64 idx)
{
	return t->buf + idx * t->frame_size;
}

int tp4_recv(struct tp4 *t, __u8 *data, size_t size)
{
	struct tpacket4_desc d;
	size_t len = 0;

	do {
		if (!tp4_rx_next(t, &d)) {
			if (!len)
				return 0;
			fprintf(stderr, "# a packet ends after %zu bytes with CONT\n",
				len);
			return -EPIPE;
		}
		if (d.error || d.idx >= t->frames ||
		    (__u64)d.offset + d.len > t->frame_size || !d.len ||
		    len + d.len > size) {
			fprintf(stderr,
				"# RX: idx %llu len %u offset %u error %u flags %#x\n",
				(unsigned long long)d.idx, d.len, d.offset,
				d.error, d.flags);
			return -EBADMSG;
		}
		memcpy(data + len, tp4_frame(t, d.idx) + d.offset, d.len);
		len += d.len;
		tp4_rx_give(t, d.idx);
	} while (d.flags & TP4_PKT_CONT);
	return len;
}

int tp4_recv_wait(struct tp4 *t, __u8 *data, size_t size)
{
	unsigned long long end;
	int ret;

	/* The usual case needs no system call, which may be dear */
	ret = tp4_recv(t, data, size);
	if (ret)
		return ret;
	end = tp4_now_ms() + TP4_WAIT_MS;
	do {
		/* Short: what poll() says is not what is tested here */
		tp4_poll(t->fd, POLLIN, 100);
		ret = tp4_recv(t, data, size);
		if (ret)
			return ret;
	} while (tp4_now_ms() < end);
	fprintf(stderr, "# no packet came\n");
	tp4_count(TP4_TALLY_LOST, 1);
	return -ETIMEDOUT;
}

int tp4_queue(struct tp4 *t, const __u8 *data, size_t len, size_t chunk)
{
	struct tpacket4_desc desc[64];
	unsigned int i, n;
	size_t part;

	if (!chunk || chunk > t->frame_size)
		chunk = t->frame_size;
	n = (len + chunk - 1) / chunk;
	if (n > ARRAY_SIZE(desc))
		return -E2BIG;
	if (n > tp4_tx_room(t))
		return -EAGAIN;
	for (i = 0; i < n; i++) {
		part = len < chunk ? len : chunk;
		desc[i].idx = t->free[--t->free_nr];
		desc[i].len = part;
		desc[i].offset = 0;
		desc[i].flags = i < n - 1 ? TP4_PKT_CONT : 0;
		memcpy(tp4_frame(t, desc[i].idx), data, part);
		data += part;
		len -= part;
	}
	tp4q_enqueue_batch(&t->txq, desc, n);
	return n;
}

ssize_t tp4_kick(const struct tp4 *t, int flags)
{
	ssize_t ret = send(t->fd, NULL, 0, flags);

	return ret < 0 ? -errno : ret;
}

int tp4_complete(struct tp4 *t)
{
	struct tpacket4_desc d;
	int ret = 0;

	while (tp4_tx_next(t, &d)) {
		if (!ret)
			ret = -d.error;
		if (d.idx < t->frames && t->free_nr < t->tx_nr)
			t->free[t->free_nr++] = d.idx;
	}
	return ret;
}

int tp4_send(struct tp4 *t, const __u8 *data, size_t len, size_t chunk)
{
	ssize_t sent;
	int ret;

	ret = tp4_queue(t, data, len, chunk);
	if (ret < 0)
		return ret;
	sent = tp4_kick(t, 0);
	ret = tp4_complete(t);
	if (ret)
		return ret;
	if (sent < 0)
		return sent;
	if (tp4q_num_held(&t->txq))
		return -EINPROGRESS;
	/* In zero copy, NAPI may have sent it before send() was there */
	if (!sent && tp4_get_queue(t->fd) >= 0)
		return 0;
	return sent == (ssize_t)len ? 0 : -EMSGSIZE;
}

int tp4_poll(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = {
		.fd = fd,
		.events = events,
	};
	int ret;

	do {
		ret = poll(&pfd, 1, timeout_ms);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return -errno;
	return pfd.revents;
}

int tp4_stats(int fd, struct tpacket_stats_v4 *st)
{
	socklen_t len = sizeof(*st);

	memset(st, 0xff, sizeof(*st));
	if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, st, &len))
		return tp4_fail("PACKET_STATISTICS");
	if (len != sizeof(*st)) {
		errno = EPROTO;
		return tp4_fail("length of PACKET_STATISTICS");
	}
	return 0;
}

/* Packets */

/* Bytes 8 to 11, in the source address: even the shortest has its number */
#define TP4_SEQ_OFFSET		8
#define TP4_PATTERN		65537

static __u8 tp4_pattern[2 * TP4_PATTERN];

static void tp4_pattern_init(void)
{
	__u32 x = 1;
	size_t i;

	for (i = 0; i < sizeof(tp4_pattern); i++) {
		x = x * 1664525 + 1013904223;
		tp4_pattern[i] = x >> 24;
	}
}

static const __u8 *tp4_body(__u32 seq)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, tp4_pattern_init);
	return tp4_pattern + seq % TP4_PATTERN;
}

static void tp4_pkt_header(__u8 *h, __u32 seq)
{
	static const __u8 addrs[] = { 2, 0, 0, 0, 0, 0xee, 2, 0 };
	__u16 proto = htons(TP4_ETH_P);
	__u32 be = htonl(seq);

	memcpy(h, addrs, sizeof(addrs));
	memcpy(h + TP4_SEQ_OFFSET, &be, sizeof(be));
	memcpy(h + 12, &proto, sizeof(proto));
}

void tp4_pkt_fill(__u8 *data, size_t len, __u32 seq)
{
	tp4_pkt_header(data, seq);
	if (len > ETH_HLEN)
		memcpy(data + ETH_HLEN, tp4_body(seq), len - ETH_HLEN);
}

__u32 tp4_pkt_seq(const __u8 *data)
{
	__u32 be;

	memcpy(&be, data + TP4_SEQ_OFFSET, sizeof(be));
	return ntohl(be);
}

static bool tp4_pkt_same(const __u8 *data, size_t len, __u32 seq, size_t want_len)
{
	__u8 header[ETH_HLEN];
	const __u8 *body;
	size_t i;

	if (len != want_len) {
		fprintf(stderr, "# packet %u: expected %zu bytes, seen %zu\n",
			seq, want_len, len);
		return false;
	}
	tp4_pkt_header(header, seq);
	if (memcmp(data, header, sizeof(header))) {
		fprintf(stderr, "# expected packet %u, seen %u (ethertype %02x%02x)\n",
			seq, tp4_pkt_seq(data), data[12], data[13]);
		return false;
	}
	body = tp4_body(seq);
	if (!memcmp(data + ETH_HLEN, body, len - ETH_HLEN))
		return true;
	for (i = ETH_HLEN; data[i] == body[i - ETH_HLEN]; i++)
		;
	fprintf(stderr, "# packet %u, byte %zu of %zu: expected %#x, seen %#x\n",
		seq, i, len, body[i - ETH_HLEN], data[i]);
	return false;
}

bool tp4_pkt_ok(const __u8 *data, size_t len, __u32 seq, size_t want_len)
{
	bool same = tp4_pkt_same(data, len, seq, want_len);

	tp4_count(same ? TP4_TALLY_PACKETS : TP4_TALLY_LOST, 1);
	return same;
}

/* Plain sockets */

void tp4_ip4_fill(__u8 *pkt, size_t len, const struct tp4_ip4 *flow, __u32 seq)
{
	static const __u8 mac[] = {
		2, 0, 0, 0, 0, 0xee, 2, 0, 0, 0, 0, 0xef, 8, 0,
	};
	struct iphdr ip = {
		.version = 4,
		.ihl = 5,
		.ttl = 64,
		.protocol = flow->proto,
		.tot_len = htons(len - ETH_HLEN),
		.saddr = htonl(flow->saddr),
		.daddr = htonl(flow->daddr),
	};
	struct udphdr udp = {
		.source = htons(flow->sport),
		.dest = htons(flow->dport),
		.len = htons(len - ETH_HLEN - sizeof(ip)),
	};
	__u32 sum = 0;
	__u16 word;
	size_t i;

	if (flow->proto != IPPROTO_UDP)
		memset(&udp, 0, sizeof(udp));
	for (i = 0; i < sizeof(ip); i += sizeof(word)) {
		memcpy(&word, (__u8 *)&ip + i, sizeof(word));
		sum += word;
	}
	sum = (sum & 0xffff) + (sum >> 16);
	ip.check = ~(sum + (sum >> 16));
	memcpy(pkt, mac, sizeof(mac));
	memcpy(pkt + ETH_HLEN, &ip, sizeof(ip));
	memcpy(pkt + ETH_HLEN + sizeof(ip), &udp, sizeof(udp));
	tp4_pkt_fill(pkt + TP4_IP4_HLEN, len - TP4_IP4_HLEN, seq);
}

bool tp4_ip4_read(const __u8 *pkt, size_t len, struct tp4_ip4 *flow)
{
	struct udphdr udp;
	struct iphdr ip;

	if (len < TP4_IP4_HLEN + ETH_HLEN || pkt[12] != 8 || pkt[13])
		return false;
	memcpy(&ip, pkt + ETH_HLEN, sizeof(ip));
	memcpy(&udp, pkt + ETH_HLEN + sizeof(ip), sizeof(udp));
	*flow = (struct tp4_ip4) {
		.saddr = ntohl(ip.saddr), .daddr = ntohl(ip.daddr),
		.sport = ntohs(udp.source), .dport = ntohs(udp.dest),
		.proto = ip.protocol,
	};
	return true;
}

bool tp4_ip4_ok(const __u8 *pkt, size_t len, __u32 seq, size_t want_len)
{
	return tp4_pkt_ok(pkt + TP4_IP4_HLEN, len - TP4_IP4_HLEN, seq,
			  want_len - TP4_IP4_HLEN);
}

__u32 tp4_ip4_seq(const __u8 *pkt)
{
	return tp4_pkt_seq(pkt + TP4_IP4_HLEN);
}

int tp4_plain_open(int ifindex, unsigned int protocol)
{
	int size = 8 << 20;
	int fd, ret;

	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tp4_fail("socket(AF_PACKET)");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	errno = -tp4_bind(fd, ifindex, protocol);
	if (!errno)
		return fd;
	ret = tp4_fail("bind() of a plain socket");
	close(fd);
	return ret;
}

int tp4_plain_send(int fd, const void *data, size_t len)
{
	ssize_t ret = send(fd, data, len, 0);

	if (ret < 0)
		return tp4_fail("send() on a plain socket");
	return ret == (ssize_t)len ? 0 : -EMSGSIZE;
}

int tp4_plain_recv(int fd, void *data, size_t size)
{
	ssize_t ret;

	if (!(tp4_poll(fd, POLLIN, TP4_WAIT_MS) & POLLIN)) {
		fprintf(stderr, "# nothing came on the plain socket\n");
		return -ETIMEDOUT;
	}
	ret = recv(fd, data, size, MSG_DONTWAIT);
	return ret < 0 ? tp4_fail("recv() on a plain socket") : ret;
}

int tp4_sync(int from, int to)
{
	__u8 pkt[ETH_ZLEN] = { 2, 0, 0, 0, 0, 0xee, 2 };
	__u16 proto = htons(TP4_ETH_P_SYNC);
	int in, out, ret;

	in = tp4_plain_open(to, TP4_ETH_P_SYNC);
	if (in < 0)
		return in;
	out = tp4_plain_open(from, 0);
	if (out < 0) {
		close(in);
		return out;
	}
	memcpy(pkt + 12, &proto, sizeof(proto));
	ret = tp4_plain_send(out, pkt, sizeof(pkt));
	if (!ret)
		ret = tp4_plain_recv(in, pkt, sizeof(pkt));
	close(in);
	close(out);
	return ret < 0 ? ret : 0;
}

/* Threads and processes */

int tp4_send_fd(int sock, int fd)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 'F';
	struct iovec iov = {
		.iov_base = &byte,
		.iov_len = 1,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, 0) == 1 ? 0 : tp4_fail("SCM_RIGHTS");
}

int tp4_recv_fd(int sock)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec iov = {
		.iov_base = &byte,
		.iov_len = 1,
	};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(sock, &msg, 0) != 1)
		return tp4_fail("recvmsg() for SCM_RIGHTS");
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS) {
		errno = EPROTO;
		return tp4_fail("SCM_RIGHTS");
	}
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

unsigned int tp4_cpus(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set);
}

void tp4_pin_cpu(unsigned int n)
{
	cpu_set_t set, one;
	unsigned int cpu;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	n %= CPU_COUNT(&set);
	for (cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &set) || n--)
			continue;
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		sched_setaffinity(0, sizeof(one), &one);
		return;
	}
}

/* Zero copy */

const struct tp4_mode tp4_zc = {
	.name = "zc",
	.zerocopy = 0,
};

int tp4_set_queue(int fd, int queue_pair)
{
	if (setsockopt(fd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair,
		       sizeof(queue_pair)))
		return -errno;
	return 0;
}

int tp4_get_queue(int fd)
{
	socklen_t len = sizeof(int);
	int queue_pair = -2000;

	if (getsockopt(fd, SOL_PACKET, PACKET_ZEROCOPY, &queue_pair, &len))
		return -1000 - errno;
	return queue_pair;
}

int tp4_kick_all(const struct tp4 *t, ssize_t bytes)
{
	ssize_t ret;

	ret = tp4_kick(t, 0);
	if (ret <= bytes)
		return ret < 0 ? ret : 0;
	fprintf(stderr, "# send() says %zd bytes, %zd were queued\n", ret,
		bytes);
	return -EOVERFLOW;
}

/* ethtool */

int tp4_ethtool(const char *dev, void *cmd)
{
	struct ifreq ifr = {};
	int fd, ret = 0;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tp4_fail("socket(AF_INET)");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", dev);
	ifr.ifr_data = cmd;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		ret = -errno;
	close(fd);
	return ret;
}

static long long tp4_ethtool_pick(const char *dev, const char *name,
				  unsigned int count)
{
	struct ethtool_gstrings *strings;
	struct ethtool_stats *stats;
	long long value = -1;
	unsigned int i;

	strings = calloc(1, sizeof(*strings) + count * ETH_GSTRING_LEN);
	stats = calloc(1, sizeof(*stats) + count * sizeof(stats->data[0]));
	if (!strings || !stats)
		goto out;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_STATS;
	strings->len = count;
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = count;
	if (tp4_ethtool(dev, strings) || tp4_ethtool(dev, stats))
		goto out;
	for (i = 0; i < count; i++)
		if (!strncmp((char *)strings->data + i * ETH_GSTRING_LEN, name,
			     ETH_GSTRING_LEN))
			value = stats->data[i];
out:
	free(strings);
	free(stats);
	return value;
}

long long tp4_ethtool_stat(const char *dev, const char *name)
{
	struct ethtool_drvinfo info = { .cmd = ETHTOOL_GDRVINFO };

	if (tp4_ethtool(dev, &info))
		return -1;
	return tp4_ethtool_pick(dev, name, info.n_stats);
}

int tp4_channels(const char *dev, unsigned int rx, unsigned int tx)
{
	struct ethtool_channels channels = {
		.cmd = ETHTOOL_SCHANNELS,
		.rx_count = rx,
		.tx_count = tx,
	};

	return tp4_ethtool(dev, &channels);
}

int tp4_ethtool_set(const char *dev, __u32 cmd, __u32 value)
{
	struct ethtool_value v = {
		.cmd = cmd,
		.data = value,
	};

	return tp4_ethtool(dev, &v);
}

int tp4_ethtool_get(const char *dev, __u32 cmd)
{
	struct ethtool_value v = { .cmd = cmd };
	int ret;

	ret = tp4_ethtool(dev, &v);
	return ret ? ret : (int)v.data;
}

// SPDX-License-Identifier: GPL-2.0
/* What all kinds of sockets share: test packets, clocks. */

#include <time.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/bpf.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/sockios.h>
#include <linux/udp.h>

#include "bench.h"

void *xcalloc(size_t nr, size_t size)
{
	void *p = calloc(nr, size);

	if (!p)
		err(1, "calloc");
	return p;
}

void end_fail(const struct end *end, const char *call)
{
	err(1, "%s: %s", end->interface, call);
}

void end_init(struct end *end, const struct end_ops *ops,
	      const struct options *opt, const char *interface,
	      unsigned int roles)
{
	bool far = opt->far && !strncmp(interface, opt->far, strlen(opt->far));

	end->ops = ops;
	end->opt = opt;
	end->interface = interface;
	end->roles = roles;
	end->ifindex = interface_index(interface);
	/* For no host: the stack drops the packets as soon as it sees them. */
	end->mac[0] = 2;
	end->mac[5] = far ? 2 : 1;
	end->peer_mac[0] = 2;
	end->peer_mac[5] = far ? 1 : 2;
}

unsigned int interface_index(const char *name)
{
	unsigned int index = if_nametoindex(name);

	if (!index)
		err(1, "%s", name);
	return index;
}

__u64 interface_packets(const char *name, bool sent)
{
	unsigned long long rx, tx;
	char line[512], *at;
	FILE *f;

	f = fopen("/proc/net/dev", "r");
	if (!f)
		err(1, "/proc/net/dev");
	while (fgets(line, sizeof(line), f)) {
		at = strchr(line, ':');
		if (!at)
			continue;
		*at = 0;
		if (strcmp(line + strspn(line, " "), name))
			continue;
		if (sscanf(at + 1, "%*u %llu %*u %*u %*u %*u %*u %*u %*u %llu",
			   &rx, &tx) == 2) {
			fclose(f);
			return sent ? tx : rx;
		}
	}
	errx(1, "%s is not in /proc/net/dev", name);
}

long long interface_doorbells(const char *name)
{
	struct {
		struct ethtool_sset_info info;
		__u32 nr;
	} sset = { .info = { .cmd = ETHTOOL_GSSET_INFO,
			     .sset_mask = 1ULL << ETH_SS_STATS } };
	struct ethtool_gstrings *strings;
	struct ethtool_stats *stats;
	struct ifreq ifr = {};
	long long sum = -1;
	unsigned int i;
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		err(1, "socket()");
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
	ifr.ifr_data = (void *)&sset;
	if (ioctl(fd, SIOCETHTOOL, &ifr) || !sset.info.sset_mask || !sset.nr) {
		close(fd);
		return -1;
	}
	strings = xcalloc(1, sizeof(*strings) + sset.nr * ETH_GSTRING_LEN);
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_STATS;
	strings->len = sset.nr;
	ifr.ifr_data = (void *)strings;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		err(1, "ETHTOOL_GSTRINGS");
	stats = xcalloc(1, sizeof(*stats) + sset.nr * sizeof(__u64));
	stats->cmd = ETHTOOL_GSTATS;
	stats->n_stats = sset.nr;
	ifr.ifr_data = (void *)stats;
	if (ioctl(fd, SIOCETHTOOL, &ifr))
		err(1, "ETHTOOL_GSTATS");
	close(fd);
	for (i = 0; i < sset.nr; i++) {
		const char *string = (char *)strings->data + i * ETH_GSTRING_LEN;
		unsigned int queue;
		int end = 0;

		if (sscanf(string, "tx%u_kicks%n", &queue, &end) == 1 && end)
			sum = (sum < 0 ? 0 : sum) + stats->data[i];
	}
	free(strings);
	free(stats);
	return sum;
}

/* The first access to a page is slow, in User Mode Linux more than elsewhere. */
void touch(void *area, size_t len)
{
	volatile unsigned char *p = area;
	size_t i;

	for (i = 0; i < len; i += 4096)
		p[i] = p[i];
}

int end_socket(const struct end *end)
{
	int fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	int on = !end->opt->qdisc;

	if (fd < 0)
		end_fail(end, "socket()");
	if ((end->roles & ROLE_TX) &&
	    setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof(on)))
		end_fail(end, "setsockopt(PACKET_QDISC_BYPASS)");
	return fd;
}

void end_bind(const struct end *end, int fd)
{
	struct sockaddr_ll ll = {
		.sll_family = PF_PACKET,
		.sll_protocol = end->roles & ROLE_RX ? htons(ETH_P_ALL) : 0,
		.sll_ifindex = end->ifindex,
	};

	if (bind(fd, (struct sockaddr *)&ll, sizeof(ll)))
		end_fail(end, "bind()");
}

/*
 * A test packet: UDP over IPv4, from and to addresses that are for benchmarks,
 * with a magic number, a sequence number, and bytes that depend on where they
 * are.
 */
#define IP_AT		ETH_HLEN
#define UDP_AT		(IP_AT + sizeof(struct iphdr))
#define MAGIC_AT	(UDP_AT + sizeof(struct udphdr))
#define MAGIC		0x54503462
#define SEQ_AT		(MAGIC_AT + 4)
#define PAYLOAD_AT	(SEQ_AT + 8)
#define PORT_DISCARD	9

static __u16 ip_checksum(const struct iphdr *ip)
{
	const unsigned char *data = (const void *)ip;
	__u32 sum = 0;
	unsigned int i;

	for (i = 0; i < sizeof(*ip); i += 2)
		sum += data[i] << 8 | data[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	return htons(~(sum + (sum >> 16)));
}

void packet_build(struct end *end, unsigned char *data)
{
	const __u16 type = htons(ETH_P_IP);
	const __u32 magic = htonl(MAGIC);
	const unsigned int size = end->opt->size;
	struct iphdr ip = {
		.version = 4,
		.ihl = sizeof(ip) / 4,
		.tot_len = htons(size - IP_AT),
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.saddr = htonl(0xc6120001),	/* 198.18.0.1 */
		.daddr = htonl(0xc6120002),
	};
	const struct udphdr udp = {
		.source = htons(PORT_DISCARD),
		.dest = htons(PORT_DISCARD),
		.len = htons(size - UDP_AT),
	};
	unsigned int i;

	ip.check = ip_checksum(&ip);
	memcpy(data, end->peer_mac, ETH_ALEN);
	memcpy(data + ETH_ALEN, end->mac, ETH_ALEN);
	memcpy(data + 2 * ETH_ALEN, &type, sizeof(type));
	memcpy(data + IP_AT, &ip, sizeof(ip));
	memcpy(data + UDP_AT, &udp, sizeof(udp));
	if (end->opt->nic) {
		nic_build(end, data);
		return;
	}
	memcpy(data + MAGIC_AT, &magic, sizeof(magic));
	memset(data + SEQ_AT, 0, 8);
	for (i = PAYLOAD_AT; i < size; i++)
		data[i] = i * 7 + (i >> 8);
}

/* Writes the next sequence number. */
void packet_number(struct end *end, unsigned char *data)
{
	if (end->opt->nic)
		return;		/* it has got one */
	memcpy(data + SEQ_AT, &end->next_seq, 8);
	end->next_seq++;
}

void packet_check(struct end *end, const unsigned char *data, unsigned int len)
{
	struct check *check = end->check;
	const __u32 magic = htonl(MAGIC);
	__u64 seq;
	bool good;
	unsigned int i;

	if (check->model) {
		nic_check(end, data, len);
		return;
	}
	if (check->pktgen) {
		pktgen_check(end, data, len);
		return;
	}
	memcpy(&seq, data + SEQ_AT, 8);
	good = len == end->opt->size && seq == check->next &&
	       !memcmp(data, end->mac, ETH_ALEN) &&
	       !memcmp(data + ETH_ALEN, end->peer_mac, ETH_ALEN) &&
	       !memcmp(data + MAGIC_AT, &magic, sizeof(magic));
	for (i = PAYLOAD_AT; good && i < len; i++)
		good = data[i] == (unsigned char)(i * 7 + (i >> 8));
	check->next = seq + 1;
	if (check->next == check->modulo)
		check->next = 0;
	if (good)
		check->good++;
	else
		check->bad++;
}

static __u64 clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

__u64 now_ns(const struct options *opt)
{
#ifdef __x86_64__
	if (opt->tsc)
		return __builtin_ia32_rdtsc();
#endif
	return clock_ns(CLOCK_MONOTONIC);
}

__u64 cpu_ns(void)
{
	return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

/* Where a measurement begins, with respect to the tick, is always the same. */
void wait_for_tick(void)
{
	__u64 then = clock_ns(CLOCK_MONOTONIC_COARSE);

	while (clock_ns(CLOCK_MONOTONIC_COARSE) == then)
		;
}

int bpf_call(int cmd, void *attr, unsigned int size)
{
	return syscall(SYS_bpf, cmd, attr, size);
}

int bpf_load(int type, const void *insns, unsigned int nr)
{
	static char log[16384];
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = type;
	attr.insns = (__u64)(uintptr_t)insns;
	attr.insn_cnt = nr;
	attr.license = (__u64)(uintptr_t)"GPL";
	attr.log_buf = (__u64)(uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	fd = bpf_call(BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		err(1, "BPF_PROG_LOAD: %s", log);
	return fd;
}

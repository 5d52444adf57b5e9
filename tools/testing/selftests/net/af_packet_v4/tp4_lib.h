/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the AF_PACKET V4 tests share: a network namespace with a veth pair,
 * V4 sockets, and packets that can be checked.
 *
 * Functions that return int return a negative errno on failure and say on
 * stderr which step it was, so that a test needs only ASSERT_EQ(0, ...).
 */
#ifndef TP4_LIB_H
#define TP4_LIB_H

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/types.h>

/* The ring code that programs copy is what is tested here */
#include "tpacket4_user.h"

/* A reply that must come is waited for this long: slow emulators need it. */
#define TP4_WAIT_MS		60000

/*
 * So is a test: the harness ends one that hangs. A machine that has other things to
 * do, and emulates one that has KCSAN, takes minutes for what is done in one second.
 */
#ifdef TEST_TIMEOUT_DEFAULT
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	900
#endif

#define TP4_PAGE		((size_t)sysconf(_SC_PAGESIZE))

/* Ethertypes of the tests: nothing in the stack handles them */
#define TP4_ETH_P		0x88b5
#define TP4_ETH_P_SYNC		0x88b6

/* How a socket sends and receives: the variants of the fixtures */
struct tp4_mode {
	const char *name;
	bool qdisc_bypass;
	int zerocopy;		/* queue pair, -1: copy mode */
};

extern const struct tp4_mode tp4_copy_qdisc;
extern const struct tp4_mode tp4_copy_direct;

/*
 * What a program and the processes it has forked count together. It tells of it
 * at its end, in a line for who adds up such lines of many programs. With
 * TP4_TALLY_FILE in the environment, the numbers are kept in the file of that name,
 * in this order, and are there if the program is killed as well.
 */
enum tp4_tally {
	TP4_TALLY_PACKETS,	/* looked at, and as they were sent */
	TP4_TALLY_LOST,		/* came not as they were sent, or not at all */
	TP4_TALLY_BAD,		/* descriptors refused, or written at random */
	TP4_TALLY_FAULTS,	/* of memory or of a device, lived through */
	TP4_TALLIES
};

void tp4_count(enum tp4_tally what, unsigned long n);

/* A veth pair in a network namespace of its own */
struct tp4_net {
	int a;			/* ifindex of tp4a */
	int b;			/* ifindex of tp4b */
};

struct tp4_netcfg {
	unsigned int mtu;	/* 0: 1500 */
	unsigned int queues;	/* 0: 1 */
	bool ipv6;
};

int tp4_net_new(struct tp4_net *net, const struct tp4_netcfg *cfg);

/* rtnetlink */
int tp4_veth_add(const char *a, const char *b, const struct tp4_netcfg *cfg);
int tp4_link_add(const char *name, const char *kind);
int tp4_vlan_add(int parent, const char *name, unsigned int id);
int tp4_link_flags(int ifindex, unsigned int flags, unsigned int mask);
int tp4_link_up(int ifindex);
int tp4_link_down(int ifindex);
int tp4_link_mtu(int ifindex, unsigned int mtu);
int tp4_link_promiscuity(int ifindex);
int tp4_link_del(int ifindex);
int tp4_link_netns(int ifindex, int netns_fd);
/* @flags: XDP_FLAGS_*; @prog: its file, -1: none */
int tp4_link_xdp(int ifindex, int prog, __u32 flags);
int tp4_addr4_add(int ifindex, const char *addr, unsigned int plen);
int tp4_neigh4_add(int ifindex, const char *addr, const __u8 *mac);
/* A token bucket that lets one burst pass and then next to nothing */
int tp4_plug_add(int ifindex, unsigned int burst, unsigned int limit);
/* Lets what waits there pass */
int tp4_plug_open(int ifindex);
int tp4_plug_del(int ifindex);
/* Another root qdisc, which tp4_plug_del() deletes, too */
int tp4_qdisc_add(int ifindex, const char *kind);

int tp4_write_file(const char *path, const char *text);
/* The number after "name " in a file such as /proc/vmstat, -1: none */
long long tp4_read_counter(const char *path, const char *name);
/* Packets that the device sent (rx: received), from /proc/net/dev */
long long tp4_dev_packets(const char *dev, bool rx);
unsigned int tp4_scaled(unsigned int count, unsigned int least);
/*
 * Until at most @kb less are available than @before, or long enough; how many
 * are missing. Where KASAN keeps back what is freed, that says nothing: 0.
 */
long long tp4_mem_available(void);
long long tp4_mem_lost(long long before, long long kb);
/* Pages of the whole machine that are pinned now */
long long tp4_pinned(void);
/* None is, or will be soon; not asked for with TP4_BESIDE_OTHERS set */
bool tp4_pins_balanced(void);
unsigned long long tp4_now_ms(void);
/* Until thread @tid of this process (or process @tid) sleeps in the kernel */
int tp4_wait_asleep(pid_t tid);

struct tp4_cfg {
	int ifindex;			/* 0: do not bind */
	const struct tp4_mode *mode;	/* NULL: leave all options alone */
	unsigned int rx_nr;		/* 0: no such ring */
	unsigned int tx_nr;
	unsigned int frames;		/* 0: rx_nr + tx_nr */
	unsigned int frame_size;	/* 0: TP4_FRAME_SIZE_DEFAULT */
	unsigned int headroom;
	unsigned int reserve;		/* PACKET_RESERVE */
	struct tp4 *share;		/* use this socket's packet buffer */
	unsigned int first;		/* its first frame that is ours */
	bool same_fd;			/* MEMREG on the ring socket */
	bool ignore_outgoing;
};

struct tp4 {
	int fd;
	int mr_fd;
	__u8 *area;			/* guard page, buffer, guard page */
	size_t area_len;
	__u8 *buf;
	size_t buf_len;
	unsigned int frame_size;
	unsigned int frames;
	void *map;
	size_t map_len;
	struct tpacket4_desc *rx;
	struct tpacket4_desc *tx;
	struct tpacket4_queue rxq;
	struct tpacket4_queue txq;
	unsigned int rx_nr;
	unsigned int tx_nr;
	unsigned int first;
	/* frames that the sender may fill */
	unsigned int *free;
	unsigned int free_nr;
	bool shared;
};

int tp4_version(int fd, int version);
int tp4_memreg(int fd, void *addr, size_t len, unsigned int frame_size,
	       unsigned int headroom);
int tp4_ring(int fd, int opt, int mr_fd, unsigned int desc_nr);
int tp4_bind(int fd, int ifindex, unsigned int protocol);
int tp4_map(struct tp4 *t);
/* socket() to bind(), with all RX frames given and all TX frames free */
int tp4_open(struct tp4 *t, const struct tp4_cfg *cfg);
void tp4_close(struct tp4 *t);
/* No byte next to the packet buffer has changed */
bool tp4_guards_ok(const struct tp4 *t);

/* One descriptor, with these flags and no others: without TP4_DESC_KERNEL the
 * kernel never looks at it. The tests of bad input write what users should not.
 */
void tp4_raw_give(struct tpacket4_desc *slot, __u64 idx, __u32 len,
		  __u16 offset, __u8 flags);
void tp4_rx_give(struct tp4 *t, __u64 idx);
bool tp4_rx_next(struct tp4 *t, struct tpacket4_desc *copy);
void tp4_tx_give(struct tp4 *t, __u64 idx, __u32 len, __u16 offset,
		 __u8 flags);
bool tp4_tx_next(struct tp4 *t, struct tpacket4_desc *copy);
unsigned int tp4_tx_room(const struct tp4 *t);
__u8 *tp4_frame(const struct tp4 *t, __u64 idx);

/* Whole packets */
/* Length of the next packet, its bytes in @data; 0: none; < 0: broken */
int tp4_recv(struct tp4 *t, __u8 *data, size_t size);
/* As tp4_recv(), but waits */
int tp4_recv_wait(struct tp4 *t, __u8 *data, size_t size);
/* Queues a packet, at most @chunk bytes in a frame (0: all that fits) */
int tp4_queue(struct tp4 *t, const __u8 *data, size_t len, size_t chunk);
ssize_t tp4_kick(const struct tp4 *t, int flags);
/* Takes all completions; < 0: the first errno among them */
int tp4_complete(struct tp4 *t);
/* tp4_queue(), tp4_kick(), tp4_complete(): 0, or what went wrong */
int tp4_send(struct tp4 *t, const __u8 *data, size_t len, size_t chunk);
int tp4_poll(int fd, short events, int timeout_ms);
int tp4_stats(int fd, struct tpacket_stats_v4 *st);

/* Numbered packets of 14 bytes and more; every byte follows from the number */
void tp4_pkt_fill(__u8 *data, size_t len, __u32 seq);
__u32 tp4_pkt_seq(const __u8 *data);
bool tp4_pkt_ok(const __u8 *data, size_t len, __u32 seq, size_t want_len);

/* Packets of IPv4, for what goes by addresses and ports; the rest is numbered */
#define TP4_IP4_HLEN		42	/* Ethernet, IPv4, and UDP or as many zeroes */

struct tp4_ip4 {
	__u32 saddr;
	__u32 daddr;
	__u16 sport;
	__u16 dport;
	__u8 proto;
};

/* @len: at least TP4_IP4_HLEN + ETH_HLEN */
void tp4_ip4_fill(__u8 *pkt, size_t len, const struct tp4_ip4 *ip, __u32 seq);
/* Whose packet it is; false: it is none of these */
bool tp4_ip4_read(const __u8 *pkt, size_t len, struct tp4_ip4 *ip);
/* As tp4_pkt_ok(), of what comes behind the headers */
bool tp4_ip4_ok(const __u8 *pkt, size_t len, __u32 seq, size_t want_len);
__u32 tp4_ip4_seq(const __u8 *pkt);

/* A plain packet socket on one ethertype (0: sends only) */
int tp4_plain_open(int ifindex, unsigned int protocol);
int tp4_plain_send(int fd, const void *data, size_t len);
/* The length of the next packet, waited for */
int tp4_plain_recv(int fd, void *data, size_t size);
/*
 * Returns when all that was sent on device @from before has been through the
 * receive path of device @to. The stack's protocol handlers come behind those
 * for all protocols, so what has reached the plain socket here has reached or
 * passed the V4 sockets.
 */
int tp4_sync(int from, int to);

/* Threads and processes */
int tp4_send_fd(int sock, int fd);
int tp4_recv_fd(int sock);
/* Pins this thread to one of the CPUs that there are */
void tp4_pin_cpu(unsigned int n);
unsigned int tp4_cpus(void);

/* Zero copy, on queue pair 0 */
extern const struct tp4_mode tp4_zc;

/* PACKET_ZEROCOPY: 0 or -errno */
int tp4_set_queue(int fd, int queue_pair);
/* What getsockopt() says of it; -1000 - errno if that fails */
int tp4_get_queue(int fd);
/*
 * Sends what was queued, @bytes of good packets. NAPI may have come before the
 * call, which then has less to tell of.
 */
int tp4_kick_all(const struct tp4 *t, ssize_t bytes);

/* A command of linux/ethtool.h: 0 or -errno */
int tp4_ethtool(const char *dev, void *cmd);
/* A counter of ethtool -S; -1: there is none of this name */
long long tp4_ethtool_stat(const char *dev, const char *name);
/* ethtool -L: 0 or -errno */
int tp4_channels(const char *dev, unsigned int rx, unsigned int tx);
/* The old commands of ethtool -K, such as ETHTOOL_SGRO */
int tp4_ethtool_set(const char *dev, __u32 cmd, __u32 value);
int tp4_ethtool_get(const char *dev, __u32 cmd);

#endif /* TP4_LIB_H */

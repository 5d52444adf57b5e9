/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What rxdrop, txpush and l2fwd have in common: options, ports, test packets,
 * statistics.
 *
 * A port is one packet socket on one interface. The three back ends, ring_v2.c,
 * ring_v3.c and ring_v4.c, implement struct port_ops; the programs see segments
 * of packets and never a ring.
 */

#ifndef TPACKET4_SAMPLES_COMMON_H
#define TPACKET4_SAMPLES_COMMON_H

#include <err.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>

#include "tpacket4_user.h"

#define MAX_ERRNO_SEEN	256

/* What a port is for. FWD: its TX sends what was received, no own packets. */
#define ROLE_RX		0x1
#define ROLE_TX		0x2
#define ROLE_FWD	0x4

struct options {
	const char *program;
	const char *interface;
	const char *out;		/* l2fwd --out */
	const char *veth;		/* l2fwd --veth */
	const char *turns;		/* far end, played by ourselves */
	unsigned int outstanding;	/* l2fwd --outstanding */
	int version;			/* TPACKET_V2, _V3 or _V4 */
	int zerocopy;			/* queue pair, -1: copy mode */
	int far;			/* version at the far end, or one of... */
#define FAR_DEFAULT	-1
#define FAR_SAME	-2		/* in zero copy too */
	bool shared_buffer;		/* of both ends */
	bool two_buffers;		/* one for each end */
	unsigned int batch;		/* packets */
	unsigned int frames;		/* per ring */
	unsigned int size;		/* bytes, without FCS */
	unsigned int block;		/* V3: bytes a block, 0: choose */
	double duration;		/* seconds, 0: until told to stop */
	__u64 packets;		/* 0: no limit */
	bool poll;
	bool verify;
	bool json;
	bool qdisc_bypass;
	int cpu[2];			/* -1: do not pin */
	unsigned char dst[ETH_ALEN];
};

/* One contiguous piece of a packet; V2 and V3 have one a packet. */
struct seg {
	unsigned char *data;
	__u64 handle;	/* the back end's */
	__u32 len;
	__u32 wire_len;	/* RX: longer than len if it was truncated */
	__u16 vlan_tci;	/* RX, V2 and V3: the tag that was taken out */
	__u16 vlan_tpid;	/* 0: none */
	bool more;		/* the packet goes on in the next segment */
	bool filled;		/* TX: still holds the test packet put there */
};

struct stats {
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;	/* completed without an error */
	__u64 tx_bytes;
	__u64 drops;		/* the kernel's count */
	__u64 errors[MAX_ERRNO_SEEN];
	__u64 bad_frames;	/* lost, or with two owners */

	/* of the packets that were looked at */
	__u64 good;
	__u64 lost;
	__u64 reordered;	/* or seen twice */
	__u64 corrupt;
	__u64 bad_length;
	__u64 foreign;	/* not our test packets */
};

/* Checks a stream of test packets: all there, in order, unharmed. */
struct checker {
	struct stats *stats;
	const unsigned char *dst;	/* what they must be; NULL: anything */
	const unsigned char *src;
	__u64 modulo;		/* sequence numbers wrap; 0: never */
	__u64 next_seq;
	__u32 size;			/* 0: any */

	/* of the packet at hand */
	__u64 seq;
	__u32 total;
	__u32 pos;
	bool full;
	bool bad;
	bool is_foreign;
	bool resync;			/* whatever comes next is the first */
};

struct port;
struct v4_pool;

struct port_ops {
	const char *name;
	/*
	 * Sets the rings up, fills them, and stops short of bind(). V4 uses the
	 * frames in pool, or frames of its own.
	 */
	void (*open)(struct port *port, struct v4_pool *pool);
	void (*close)(struct port *port);

	/* Up to nr segments, the caller's until rx_release() or forward(). */
	unsigned int (*rx)(struct port *port, struct seg *segs,
			   unsigned int nr);
	void (*rx_release)(struct port *port, const struct seg *segs,
			   unsigned int nr);

	/* Room for up to nr packets of opt->size; returns segments. */
	unsigned int (*tx_reserve)(struct port *port, struct seg *segs,
				   unsigned int nr);
	/* All that was reserved. */
	void (*tx_submit)(struct port *port, const struct seg *segs,
			  unsigned int nr);
	/* Starts transmission, takes completions. */
	void (*tx_kick)(struct port *port);
	/* What was submitted and has not come back. */
	unsigned int (*tx_pending)(struct port *port);

	/*
	 * Received segments go out of to, in their order, and are released on
	 * from. Returns how many were taken; fewer when TX is full.
	 */
	unsigned int (*forward)(struct port *from, struct port *to,
				const struct seg *segs, unsigned int nr);

	/* Packets that the kernel dropped since the last call. */
	__u64 (*drops)(struct port *port);
};

struct port {
	const struct port_ops *ops;
	const struct options *opt;
	const char *interface;
	struct stats *stats;
	void *priv;		/* the back end's */
	unsigned int roles;
	unsigned int frames;
	unsigned int mtu;
	int fd;
	unsigned char mac[ETH_ALEN];
	struct tp4_backoff backoff;
	struct seg *segs;	/* scratch, for one batch */
	unsigned int nr_segs;
	__u64 next_seq;	/* generator: sequence number, */
	__u64 seq_modulo;	/* which wraps here; 0: never */
};

extern const struct port_ops ring_v2_ops;
extern const struct port_ops ring_v3_ops;
extern const struct port_ops ring_v4_ops;

bool stop_requested(void);
void *xcalloc(size_t nr, size_t size);

void options_parse(struct options *opt, int argc, char **argv);

const struct port_ops *ops_of_version(int version);
void port_open(struct port *port, const struct port_ops *ops,
	       const struct options *opt, const char *interface,
	       unsigned int roles, struct stats *stats, struct v4_pool *pool);
void port_close(struct port *port);
noreturn void interface_fail(const struct options *opt, const char *interface,
			     const char *call, int err);
noreturn void port_fail(const struct port *port, const char *call, int err);
void port_error(struct port *port, int err, __u64 nr);
unsigned int port_rx(struct port *port, unsigned int nr);
void port_forward(struct port *from, struct port *to, const struct seg *segs,
		  unsigned int nr);
void port_generate(struct port *port, unsigned int nr);
bool port_drain_tx(struct port *port);
void ports_wait(struct port **ports, unsigned int nr);
void pin_to_cpu(int cpu);
void prefault(void *map, size_t len);

struct v4_pool *v4_pool_of(const struct port *port);
void v4_pools_share(const struct options *opt, const unsigned int roles[2],
		    struct v4_pool *pools[2]);

void ends_open_buffer(const struct options *opt, unsigned int roles,
		      unsigned int far_roles, struct v4_pool *pools[2]);
void far_open(struct port *far, struct options *far_opt,
	      const struct options *opt, unsigned int roles,
	      struct stats *stats, struct v4_pool *pool);
void far_close(struct port *far, struct stats *stats);
bool far_send(struct port *far);

/**
 * struct patience - how long to wait for what may not come
 * @began: when there was progress, or 0
 * @seen: what has come so far, of whatever is waited for
 */
struct patience {
	double began;
	__u64 seen;
};

bool patience_left(struct patience *patience, __u64 seen);

/*
 * Test packets: Ethernet header, struct test_header, payload. The payload
 * depends on the position only, but its last 8 bytes are the sequence number
 * again: whoever keeps frames filled in advance touches a packet at its two
 * ends and nowhere else. In a "full" packet, for --verify, the payload depends
 * on the sequence number too.
 */
#define TEST_ETHERTYPE		0x88b5	/* IEEE 802: local experiments */
#define TEST_MAGIC		0x54503474
#define TEST_MIN_SIZE		46
#define TEST_MAX_SIZE		65535

struct test_header {
	__u32 magic;
	__u16 full;
	__u16 size;
	__u64 seq;
};

bool test_is_ours(const struct seg *seg);
void test_check(struct checker *checker, const struct seg *segs,
		unsigned int nr);
__u64 test_seen(const struct stats *stats);
bool test_failed(const struct stats *stats);
bool errors_failed(const struct options *opt, const struct stats *stats);

/* A cheap clock for single batches; its unit is found out by struct run. */
__u64 cycles_now(void);

/* One measurement. */
struct run {
	const struct options *opt;
	const struct stats *stats;
	__u64 counted;		/* --turns: cycles spent on what is measured */
	double seconds;		/* how long that took, set by run_end() */

	__u64 part_began;
	__u64 cycles_began;
	__u64 cycles_looked;
	double began;
	double cycles_per_second;

	/* as of the last line of rates */
	double line_time;
	__u64 line_rx;
	__u64 line_tx;
	__u64 line_rx_bytes;
	__u64 line_tx_bytes;
};

/* With --turns, only what lies between these two is measured. */
static inline void run_part_begin(struct run *run)
{
	if (run->opt->turns)
		run->part_began = cycles_now();
}

static inline void run_part_end(struct run *run)
{
	if (run->opt->turns)
		run->counted += cycles_now() - run->part_began;
}

void run_begin(struct run *run, const struct options *opt,
	       const struct stats *stats);
bool run_goes_on(struct run *run, __u64 packets);
void run_end(struct run *run);
int run_report(const struct run *run, __u64 packets, __u64 bytes,
	       bool failed);

#endif /* TPACKET4_SAMPLES_COMMON_H */

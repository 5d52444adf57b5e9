/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tp4bench: what a packet costs, by version of AF_PACKET and for AF_XDP.
 *
 * An end is one socket on one interface. Each kind of socket (ring_*.c) has the
 * loops that its own users would write, and nothing between them and its rings:
 * what is measured is the kernel and the ring.
 */

#ifndef TP4BENCH_H
#define TP4BENCH_H

#include <err.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include <linux/types.h>

#define FRAME_SIZE	2048
#define MAX_BATCH	256
#define MAX_ROUNDS	64
#define MAX_PAIRS	64
#define MAX_SIZE	9014

enum mode {
	NONE, V2, V3, V4, V4_ZC, XDP_GENERIC, XDP_DRIVER,
	XDP_ZC,
	XDP_JUST_DROP,		/* no socket: a program that drops */
};

extern const char *const mode_names[];

struct options {
	const char *row;
	const char *as;		/* what it is called */
	const char *near;	/* what is measured is here */
	const char *far;
	enum mode mode;
	unsigned int size;	/* bytes of a packet, without FCS */
	unsigned int batch;
	unsigned int frames;	/* of each ring */
	unsigned int block;	/* V3: bytes */
	unsigned int retire;	/* V3: ms */
	unsigned int outstanding;
	unsigned int packets;	/* of each round */
	unsigned int rounds;
	unsigned int pairs;	/* tx-rx: of sockets, each with its devices */
	unsigned int buffer;	/* V4: frames of its buffer, if more */
	bool tsc;		/* it counts nanoseconds */
	bool qdisc;		/* do not bypass it */
	bool nic;		/* near is a port of a model */
	bool bare;		/* leave the packet memory as it is */
};

/* What the packets of a stream must look like. */
struct check {
	bool pktgen;
	bool model;
	__u64 next;
	__u64 modulo;		/* 0: sequence numbers do not wrap */
	__u64 good;
	__u64 bad;
};

#define ROLE_RX		1
#define ROLE_TX		2

struct end;

struct end_ops {
	struct end *(*open)(const struct options *opt, const char *interface,
			    unsigned int roles, struct end *peer);
	void (*close)(struct end *end);
	/* Takes a batch and gives it back; returns the number of packets. */
	unsigned int (*rx)(struct end *end);
	/* Queues up to @nr packets and has them sent; returns how many. */
	unsigned int (*tx)(struct end *end, unsigned int nr);
	/* Sends a batch of what came in, MAC addresses swapped. */
	unsigned int (*forward)(struct end *end);
	/* Has what is queued sent, and takes completions. */
	void (*kick)(struct end *end);
	/* What was queued and has not come back. */
	unsigned int (*pending)(struct end *end);
	/* What to poll. */
	int (*fd)(struct end *end);
	/* NULL, or how many packets rx() would find now. */
	unsigned int (*ready)(struct end *end);
	/* Packets that the kernel could not give us. */
	__u64 (*drops)(struct end *end);
};

struct end {
	const struct end_ops *ops;
	const struct options *opt;
	const char *interface;
	unsigned int ifindex;
	unsigned int roles;
	unsigned char mac[6];
	unsigned char peer_mac[6];
	struct check *check;	/* look at each packet, NULL: do not */
	size_t memory;		/* bytes of packet memory and rings */
	__u64 rx_packets;
	__u64 rx_bytes;
	__u64 tx_packets;
	__u64 tx_bytes;
	__u64 errors;
	__u64 next_seq;
};

extern const struct end_ops v2_ops;
extern const struct end_ops v3_ops;
extern const struct end_ops v4_ops;
extern const struct end_ops v4_jumbo_ops;
extern const struct end_ops xdp_ops;

/* bench.c */
extern char bench_command[512];
const struct end_ops *ops_of(enum mode mode);

/* common.c */
void *xcalloc(size_t nr, size_t size);
void end_init(struct end *end, const struct end_ops *ops,
	      const struct options *opt, const char *interface,
	      unsigned int roles);
void touch(void *area, size_t len);
int end_socket(const struct end *end);
void end_bind(const struct end *end, int fd);
_Noreturn void end_fail(const struct end *end, const char *call);
void packet_build(struct end *end, unsigned char *data);
void packet_number(struct end *end, unsigned char *data);
void packet_check(struct end *end, const unsigned char *data, unsigned int len);
unsigned int interface_index(const char *name);
/* Packets that a device has received, or sent */
__u64 interface_packets(const char *name, bool sent);
/* How often it told its device of packets to send, -1 if it does not say. */
long long interface_doorbells(const char *name);
__u64 now_ns(const struct options *opt);
__u64 cpu_ns(void);
void wait_for_tick(void);
int bpf_load(int type, const void *insns, unsigned int nr);
int bpf_call(int cmd, void *attr, unsigned int size);

#define INSN(c, d, s, o, i) \
	{ .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

static inline void swap_macs(unsigned char *data)
{
	__u64 a, b;

	/* 16 bytes are there: 12 of addresses, the type, and more. */
	memcpy(&a, data, 8);
	memcpy(&b, data + 6, 8);
	memcpy(data, &b, 6);
	memcpy(data + 6, &a, 6);
}

/* pktgen.c */
void pktgen_setup(const struct options *opt);
void pktgen_reset(void);
/* Sends @nr packets; returns the nanoseconds that took. */
__u64 pktgen_run(unsigned int nr);
void pktgen_check(struct end *end, const unsigned char *data, unsigned int len);

/* nic.c */
int nic_measure(const struct options *opt);
/* Fills in the payload, with the next sequence number. */
void nic_build(struct end *end, unsigned char *data);
void nic_check(struct end *end, const unsigned char *data, unsigned int len);

/* sockets.c */
int latency_measure(const struct options *opt);
int setup_measure(const struct options *opt);

/* copycost.c: nanoseconds of a memcpy() in the kernel */
double copy_cost(const struct options *opt, unsigned int size);

#endif /* TP4BENCH_H */

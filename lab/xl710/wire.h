/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The other side of a port: a generator, a sink, a loopback, or another port.
 *
 * A packet of the generator is an Ethernet frame with IPv4 and UDP, or with the
 * EtherType 0x88b5 (see make_packet()), whose payload starts with this. What follows is
 * a pattern: byte i of the payload is (seq + i) & 0xff.
 */
#ifndef XL710_WIRE_H
#define XL710_WIRE_H

#include <stdio.h>

#include "core.h"

#define PATTERN_MAGIC	"XL71"

struct pattern {
	char magic[4];
	uint16_t gen;		/* run of the generator: port << 8 | number */
	uint16_t len;		/* bytes of payload */
	uint64_t seq;
} __attribute__((packed));

struct frame {
	struct frame *next;
	unsigned int len;
	bool crc_error;
	uint8_t data[];
};

enum wire_mode { WIRE_PEER, WIRE_LOOP, WIRE_SINK };

struct generator {
	bool running;
	uint64_t nr, sent, dropped;
	unsigned int size, size_max;
	uint64_t interval;		/* ns between bursts, 0: none */
	unsigned int burst;
	uint64_t due;
	unsigned int flows;
	uint8_t dst[6], src[6];
	uint32_t saddr, daddr;
	uint16_t sport, dport;
	int vlan;
	bool raw, ipv6, tcp, bad_csum, crc_error;
	uint16_t id;
	uint64_t started, ended;
};

#define SINK_RUNS	8

struct sink {
	uint64_t packets, bytes;	/* all that the port has sent */
	uint64_t good, bad, dup, other, reordered;
	uint64_t bad_csum;		/* with a wrong checksum, whoever made them */
	struct sink_run {
		uint16_t gen;
		uint64_t *seen, nr, next, count;
	} run[SINK_RUNS];
};

struct wire {
	struct xl710 *dev;
	enum wire_mode mode;
	struct wire *peer;
	bool pause;			/* wait for the receiver, or drop */
	bool paused;			/* the receiver has no descriptors */
	struct frame *first, **last;	/* on their way to the port */
	unsigned int queued;
	uint64_t dropped;
	uint64_t to_port, to_port_bytes;
	struct generator gen;
	unsigned int runs;
	struct sink sink;
	FILE *pcap;
};

struct wire *wire_new(struct xl710 *dev);
void wire_free(struct wire *w);
void wire_connect(struct wire *a, struct wire *b);
/* Generator and what is queued */
void wire_poll(struct wire *w);
uint64_t wire_next(const struct wire *w);
void wire_link(struct wire *w, bool up);
void gen_start(struct wire *w);
/* All at once, with one interrupt; how many there was room for. */
uint64_t gen_batch(struct wire *w);
void sink_reset(struct wire *w);
/* A frame from elsewhere: a pcap file, or a command. */
void wire_inject(struct wire *w, const uint8_t *data, unsigned int len,
		 bool crc_error);
bool wire_pcap(struct wire *w, const char *path);

#endif

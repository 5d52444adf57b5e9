/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two ends of a wire, for the tests of zero copy: each is a socket in zero copy
 * or a plain one on the stack, so that the same traffic can go each way.
 *
 * Functions that return int return a negative errno on failure and say on
 * stderr what it was; so do those that return false.
 */
#ifndef TP4_ENDS_H
#define TP4_ENDS_H

#include "tp4_lib.h"

#define ENDS_MAX_PKT	65536

struct end {
	const char *dev;
	int ifindex;
	bool zc;
	struct tp4 t;		/* in zero copy */
	int fd;			/* on the stack */
};

struct ends {
	struct tp4_net net;
	struct end from;	/* on tp4a */
	struct end to;		/* on tp4b */
	bool shared;		/* one packet buffer */
	__u8 *pkt;		/* room for ENDS_MAX_PKT */
};

/* Which way packets take */
struct way {
	bool zc_from;
	bool zc_to;
	bool shared;
};

#define WAY_ZC_SHARED		{ true, true, true }
#define WAY_ZC_TWO_BUFFERS	{ true, true, false }
#define WAY_ZC_TO_SKB		{ true, false, false }
#define WAY_SKB_TO_ZC		{ false, true, false }

/* The namespace, the devices, and no socket */
int ends_net(struct ends *e, const struct way *way, unsigned int mtu);
/* Both sockets, with rings of @nr; frame_size 0: the default */
int ends_open(struct ends *e, unsigned int nr, unsigned int frame_size);
/* ... with any other rings; the frames of @e->to come behind those of from */
int ends_open_cfg(struct ends *e, const struct tp4_cfg *from,
		  const struct tp4_cfg *to);
void ends_close(struct ends *e);
/* Undoes ends_net(), too */
void ends_free(struct ends *e);

int end_open(struct end *x, const struct tp4_cfg *cfg);
void end_close(struct end *x);
int end_queue(struct end *x, const __u8 *pkt, size_t len, size_t chunk);
/* Sends what was queued, which is @bytes of good packets */
int end_kick(struct end *x, ssize_t bytes);
/* A packet of 100 bytes in two frames: send() does not wait while its end is missing */
int ends_unfinished(struct ends *e, __u32 seq);
/* The length of the next packet, waited for */
int end_recv(struct end *x, __u8 *pkt);
/* Nothing more has come than what was taken */
bool end_is_empty(struct end *x);
/* PACKET_STATISTICS; @want->tp_packets and tp_drops since they were read last */
bool stats_are(int fd, const struct tpacket_stats_v4 *want);
/* ... of a socket that has received so many, and lost none */
bool end_stats_ok(struct end *x, __u32 received);

/* Every length between the two comes, in an order that is not monotonic */
size_t length_of(__u32 seq, size_t least, size_t most);

/* Numbered packets of all lengths from one end to the other */
struct stream {
	struct end *from;
	struct end *to;
	unsigned int batch;
	size_t least;
	size_t most;
	size_t chunk;		/* most bytes in a frame; 0: all that fits */
	__u32 sent;
	__u32 received;
	__u64 bytes;
	__u64 frames;		/* that the sender has used */
};

/* Sends another batch, but not more than @total in all */
int stream_send(struct stream *s, __u32 total, __u8 *pkt);
/* Receives all that was sent: in order, whole, and nothing else */
int stream_recv(struct stream *s, __u8 *pkt);
/* All of a stream, from one end to the other, with all that counts it */
int ends_one_way(struct ends *e, __u32 total, unsigned int batch, size_t least,
		 size_t most, size_t chunk);
/* And streams both ways at once */
int ends_both_ways(struct ends *e, __u32 total, unsigned int batch,
		   size_t least, size_t most);

/* What zero copy counts at a device that receives */
struct counters {
	long long packets;
	long long swapped;	/* frames */
	long long copied;	/* bytes */
	long long no_frame;
	long long errors;
};

/* Queue 0, or any */
struct counters count(const char *dev);
struct counters count_queue(const char *dev, unsigned int queue);
/* Have they grown by this? */
bool counted(const char *dev, const struct counters *before,
	     struct counters by);
/* By packets that got through, some swapped or else copied */
bool counted_stream(const char *dev, const struct counters *before,
		    const struct stream *s, bool swapped);

/* A thread that waits in poll() */
struct poller {
	pthread_t thread;
	int fd;
	short events;
	pid_t tid;
	int revents;
};

/* Returns when it sleeps */
int poller_start(struct poller *p, int fd, short events);
/* What poll() has returned */
int poller_join(struct poller *p);

#endif /* TP4_ENDS_H */

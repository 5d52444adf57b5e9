/* SPDX-License-Identifier: GPL-2.0 */
/*
 * XDP for the AF_PACKET V4 tests: programs put together by hand, and AF_XDP
 * sockets; neither a compiler nor a library is needed for them.
 *
 * What returns a file descriptor or int returns a negative errno on failure, and
 * says on stderr which step it was. How a program gets to a device without a
 * link: tp4_link_xdp() in tp4_lib.h.
 */
#ifndef TP4_XDP_H
#define TP4_XDP_H

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>

#include "tp4_lib.h"

/* An action that there is none of */
#define TP4_XDP_INVALID		(XDP_PASS_TO_KERNEL + 1)

/* Where the number of a test packet has its last byte, see tp4_pkt_fill() */
#define TP4_SEQ_LAST_BYTE	11

/* A table of actions, by the last four bits of a packet's number */
#define TP4_VERDICTS		16

/* What tp4_prog_adjust() calls */
struct tp4_adjust {
	int helper;		/* BPF_FUNC_xdp_adjust_head, _tail, _meta */
	int delta;
	__u32 failed;		/* action if the helper says no */
	__u32 done;		/* if it does not */
	int ifindex;		/* where to, if that is XDP_REDIRECT */
	bool mark;		/* write tp4_mark where the data, or metadata, begins */
};

#define TP4_MARK_LEN		4

extern const __u8 tp4_mark[TP4_MARK_LEN];

int tp4_map_create(int type, unsigned int value_size, unsigned int entries);
int tp4_map_set(int map, __u32 key, const void *value);
int tp4_map_set_u32(int map, __u32 key, __u32 value);

/* @attach_type: 0, BPF_XDP_DEVMAP or BPF_XDP_CPUMAP */
int tp4_prog_load(const struct bpf_insn *insns, unsigned int n,
		  enum bpf_attach_type attach_type);
/* Always returns @action */
int tp4_prog_const(__u32 action);
/* ... that can do with packets in pieces */
int tp4_prog_const_frags(__u32 action);
int tp4_prog_const_for(__u32 action, enum bpf_attach_type attach_type);
/* Always to this device, by bpf_redirect() */
int tp4_prog_redirect(int ifindex);
/* Always to entry 0 of this map, by bpf_redirect_map() */
int tp4_prog_redirect_map(int map);
/*
 * Looks the packet's action up in @verdicts; for XDP_REDIRECT, it is redirected
 * to entry 0 of @redirect. What is not there is aborted.
 */
int tp4_prog_verdicts(int verdicts, int redirect);
int tp4_prog_adjust(const struct tp4_adjust *adjust);
/* Returns the action, or a negative errno */
int tp4_prog_test_run(int prog, const void *data, unsigned int len);
/* Runs it on packets that the device "receives", and does as it says */
int tp4_prog_live_run(int prog, int ifindex, const void *data,
		      unsigned int len, unsigned int repeat);

/* By a link, which lasts as long as its file */
int tp4_xdp_link(int ifindex, int prog, __u32 flags);
int tp4_xdp_link_update(int link, int prog);

/* An AF_XDP socket that receives, in copy mode, and whose frames are all given */
#define TP4_XSK_FRAMES		64
#define TP4_XSK_FRAME_SIZE	2048

struct tp4_xsk_ring {
	void *map;
	size_t map_len;
	__u32 *producer;
	__u32 *consumer;
	void *desc;
};

struct tp4_xsk {
	int fd;
	__u8 *umem;
	struct tp4_xsk_ring fill;
	struct tp4_xsk_ring rx;
};

/* All but bind() */
int tp4_xsk_open(struct tp4_xsk *x);
/* Silent: 0 or -errno; @flags: XDP_COPY ... */
int tp4_xsk_bind(const struct tp4_xsk *x, int ifindex, unsigned int queue,
		 __u16 flags);
/* A second socket on the UMEM of @x, without rings of its own for frames */
int tp4_xsk_bind_shared(const struct tp4_xsk *x, int ifindex,
			unsigned int queue);
/* As tp4_recv() and tp4_recv_wait() */
int tp4_xsk_recv(struct tp4_xsk *x, __u8 *data, size_t size);
int tp4_xsk_recv_wait(struct tp4_xsk *x, __u8 *data, size_t size);
void tp4_xsk_close(struct tp4_xsk *x);

#endif /* TP4_XDP_H */

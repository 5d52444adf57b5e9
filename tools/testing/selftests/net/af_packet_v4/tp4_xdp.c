// SPDX-License-Identifier: GPL-2.0
/* XDP for the AF_PACKET V4 tests, see tp4_xdp.h */

#include <sys/syscall.h>

#include "tp4_xdp.h"

#ifndef ARRAY_SIZE
#define ARRAY_SIZE(a)		(sizeof(a) / sizeof((a)[0]))
#endif

const __u8 tp4_mark[TP4_MARK_LEN] = { 0xa1, 0xb2, 0xc3, 0xd4 };

/* Instructions */

#define INSN(c, d, s, o, i)						\
	((struct bpf_insn){ .code = (c), .dst_reg = (d), .src_reg = (s),	\
			    .off = (o), .imm = (__s32)(i) })

#define R0	BPF_REG_0
#define R1	BPF_REG_1
#define R2	BPF_REG_2
#define R3	BPF_REG_3
#define R6	BPF_REG_6
#define R10	BPF_REG_10

#define MOV(d, s)	INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define MOV_IMM(d, i)	INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define ADD_IMM(d, i)	INSN(BPF_ALU64 | BPF_ADD | BPF_K, d, 0, 0, i)
#define AND_IMM(d, i)	INSN(BPF_ALU64 | BPF_AND | BPF_K, d, 0, 0, i)
#define LOAD_U8(d, s, o)	INSN(BPF_LDX | BPF_MEM | BPF_B, d, s, o, 0)
#define LOAD_U32(d, s, o)	INSN(BPF_LDX | BPF_MEM | BPF_W, d, s, o, 0)
#define STORE_U32(d, o, s)	INSN(BPF_STX | BPF_MEM | BPF_W, d, s, o, 0)
#define STORE_IMM8(d, o, i)	INSN(BPF_ST | BPF_MEM | BPF_B, d, 0, o, i)
#define JEQ_IMM(d, i, o)	INSN(BPF_JMP | BPF_JEQ | BPF_K, d, 0, o, i)
#define JNE_IMM(d, i, o)	INSN(BPF_JMP | BPF_JNE | BPF_K, d, 0, o, i)
#define JGT(d, s, o)		INSN(BPF_JMP | BPF_JGT | BPF_X, d, s, o, 0)
#define CALL(f)			INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define EXIT			INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
/* The number of a map's file, which becomes its address: two instructions */
#define LOAD_MAP(d, fd)		INSN(BPF_LD | BPF_DW | BPF_IMM, d,		\
				     BPF_PSEUDO_MAP_FD, 0, fd)
#define LOAD_MAP_END		INSN(0, 0, 0, 0, 0)

#define CTX(field)	offsetof(struct xdp_md, field)

static int tp4_bpf(int cmd, union bpf_attr *attr)
{
	int ret = syscall(SYS_bpf, cmd, attr, sizeof(*attr));

	return ret < 0 ? -errno : ret;
}

static int tp4_xdp_fail(const char *what, int err)
{
	fprintf(stderr, "# %s: %s\n", what, strerror(-err));
	return err;
}

/* Maps */

int tp4_map_create(int type, unsigned int value_size, unsigned int entries)
{
	union bpf_attr attr = {
		.map_type = type,
		.key_size = sizeof(__u32),
		.value_size = value_size,
		.max_entries = entries,
	};
	int ret = tp4_bpf(BPF_MAP_CREATE, &attr);

	return ret < 0 ? tp4_xdp_fail("BPF_MAP_CREATE", ret) : ret;
}

int tp4_map_set(int map, __u32 key, const void *value)
{
	union bpf_attr attr = {
		.map_fd = map,
		.key = (uintptr_t)&key,
		.value = (uintptr_t)value,
	};
	int ret = tp4_bpf(BPF_MAP_UPDATE_ELEM, &attr);

	return ret < 0 ? tp4_xdp_fail("BPF_MAP_UPDATE_ELEM", ret) : 0;
}

int tp4_map_set_u32(int map, __u32 key, __u32 value)
{
	return tp4_map_set(map, key, &value);
}

/* Programs */

static int prog_load(const struct bpf_insn *insns, unsigned int n,
		     enum bpf_attach_type attach_type, __u32 flags)
{
	static char log[16384];
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_XDP,
		.insns = (uintptr_t)insns,
		.insn_cnt = n,
		.license = (uintptr_t)"GPL",
		.expected_attach_type = attach_type,
		.prog_flags = flags,
	};
	int ret = tp4_bpf(BPF_PROG_LOAD, &attr);

	if (ret >= 0)
		return ret;
	/* Once more, for what the verifier has to say */
	attr.log_buf = (uintptr_t)log;
	attr.log_size = sizeof(log);
	attr.log_level = 1;
	log[0] = '\0';
	tp4_bpf(BPF_PROG_LOAD, &attr);
	if (log[0])
		fprintf(stderr, "%s\n", log);
	return tp4_xdp_fail("BPF_PROG_LOAD", ret);
}

int tp4_prog_load(const struct bpf_insn *insns, unsigned int n,
		  enum bpf_attach_type attach_type)
{
	return prog_load(insns, n, attach_type, 0);
}

int tp4_prog_const_frags(__u32 action)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(R0, action),
		EXIT,
	};

	return prog_load(insns, ARRAY_SIZE(insns), 0, BPF_F_XDP_HAS_FRAGS);
}

int tp4_prog_const_for(__u32 action, enum bpf_attach_type attach_type)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(R0, action),
		EXIT,
	};

	return tp4_prog_load(insns, ARRAY_SIZE(insns), attach_type);
}

int tp4_prog_const(__u32 action)
{
	return tp4_prog_const_for(action, 0);
}

int tp4_prog_redirect(int ifindex)
{
	const struct bpf_insn insns[] = {
		MOV_IMM(R1, ifindex),
		MOV_IMM(R2, 0),
		CALL(BPF_FUNC_redirect),
		EXIT,
	};

	return tp4_prog_load(insns, ARRAY_SIZE(insns), 0);
}

int tp4_prog_redirect_map(int map)
{
	const struct bpf_insn insns[] = {
		LOAD_MAP(R1, map),
		LOAD_MAP_END,
		MOV_IMM(R2, 0),
		MOV_IMM(R3, XDP_ABORTED),
		CALL(BPF_FUNC_redirect_map),
		EXIT,
	};

	return tp4_prog_load(insns, ARRAY_SIZE(insns), 0);
}

int tp4_prog_verdicts(int verdicts, int redirect)
{
	const struct bpf_insn insns[] = {
		/* 0: abort if data + ETH_HLEN > data_end */
		LOAD_U32(R2, R1, CTX(data)),
		LOAD_U32(R3, R1, CTX(data_end)),
		MOV(R0, R2),
		ADD_IMM(R0, ETH_HLEN),
		JGT(R0, R3, 17),
		/* 5: R0 = &verdicts[number % TP4_VERDICTS] */
		LOAD_U8(R0, R2, TP4_SEQ_LAST_BYTE),
		AND_IMM(R0, TP4_VERDICTS - 1),
		STORE_U32(R10, -4, R0),
		MOV(R2, R10),
		ADD_IMM(R2, -4),
		LOAD_MAP(R1, verdicts),
		LOAD_MAP_END,
		CALL(BPF_FUNC_map_lookup_elem),
		JEQ_IMM(R0, 0, 8),
		/* 14: that is it, unless it is XDP_REDIRECT */
		LOAD_U32(R0, R0, 0),
		JNE_IMM(R0, XDP_REDIRECT, 5),
		LOAD_MAP(R1, redirect),
		LOAD_MAP_END,
		MOV_IMM(R2, 0),
		MOV_IMM(R3, XDP_ABORTED),
		CALL(BPF_FUNC_redirect_map),
		/* 21 */
		EXIT,
		/* 22 */
		MOV_IMM(R0, XDP_ABORTED),
		EXIT,
	};

	return tp4_prog_load(insns, ARRAY_SIZE(insns), 0);
}

int tp4_prog_adjust(const struct tp4_adjust *adjust)
{
	bool meta = adjust->helper == BPF_FUNC_xdp_adjust_meta;
	struct bpf_insn insns[32];
	unsigned int failed[2];
	unsigned int i, n = 0, k = 0;

	insns[n++] = MOV(R6, R1);
	insns[n++] = MOV_IMM(R2, adjust->delta);
	insns[n++] = CALL(adjust->helper);
	failed[k++] = n;
	insns[n++] = JNE_IMM(R0, 0, 0);
	if (adjust->mark) {
		insns[n++] = LOAD_U32(R2, R6, meta ? CTX(data_meta) :
						     CTX(data));
		insns[n++] = LOAD_U32(R3, R6, meta ? CTX(data) :
						     CTX(data_end));
		/* The verifier wants to see that there are four bytes */
		insns[n++] = MOV(R1, R2);
		insns[n++] = ADD_IMM(R1, TP4_MARK_LEN);
		failed[k++] = n;
		insns[n++] = JGT(R1, R3, 0);
		/* Not every machine lets it store more at a time */
		for (i = 0; i < TP4_MARK_LEN; i++)
			insns[n++] = STORE_IMM8(R2, i, tp4_mark[i]);
	}
	if (adjust->done == XDP_REDIRECT) {
		insns[n++] = MOV_IMM(R1, adjust->ifindex);
		insns[n++] = MOV_IMM(R2, 0);
		insns[n++] = CALL(BPF_FUNC_redirect);
	} else {
		insns[n++] = MOV_IMM(R0, adjust->done);
	}
	insns[n++] = EXIT;
	for (i = 0; i < k; i++)
		insns[failed[i]].off = n - failed[i] - 1;
	insns[n++] = MOV_IMM(R0, adjust->failed);
	insns[n++] = EXIT;
	return tp4_prog_load(insns, n, 0);
}

int tp4_prog_test_run(int prog, const void *data, unsigned int len)
{
	union bpf_attr attr = {
		.test = {
			.prog_fd = prog,
			.data_in = (uintptr_t)data,
			.data_size_in = len,
			.repeat = 1,
		},
	};
	int ret = tp4_bpf(BPF_PROG_TEST_RUN, &attr);

	if (ret < 0)
		return tp4_xdp_fail("BPF_PROG_TEST_RUN", ret);
	return attr.test.retval;
}

int tp4_prog_live_run(int prog, int ifindex, const void *data,
		      unsigned int len, unsigned int repeat)
{
	struct xdp_md md = {
		.data_end = len,
		.ingress_ifindex = ifindex,
	};
	union bpf_attr attr = {
		.test = {
			.prog_fd = prog,
			.data_in = (uintptr_t)data,
			.data_size_in = len,
			.ctx_in = (uintptr_t)&md,
			.ctx_size_in = sizeof(md),
			.repeat = repeat,
			.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
		},
	};
	int ret = tp4_bpf(BPF_PROG_TEST_RUN, &attr);

	return ret < 0 ? tp4_xdp_fail("BPF_PROG_TEST_RUN, live frames", ret) : 0;
}

/* Links */

int tp4_xdp_link(int ifindex, int prog, __u32 flags)
{
	union bpf_attr attr = {
		.link_create = {
			.prog_fd = prog,
			.target_ifindex = ifindex,
			.attach_type = BPF_XDP,
			.flags = flags,
		},
	};

	return tp4_bpf(BPF_LINK_CREATE, &attr);
}

int tp4_xdp_link_update(int link, int prog)
{
	union bpf_attr attr = {
		.link_update = {
			.link_fd = link,
			.new_prog_fd = prog,
		},
	};

	return tp4_bpf(BPF_LINK_UPDATE, &attr);
}

/* AF_XDP */

static int tp4_xsk_ring_size(int fd, int opt)
{
	int nr = TP4_XSK_FRAMES;

	return setsockopt(fd, SOL_XDP, opt, &nr, sizeof(nr)) ? -errno : 0;
}

static int tp4_xsk_map(int fd, struct tp4_xsk_ring *ring,
		       const struct xdp_ring_offset *off, size_t desc_size,
		       off_t where)
{
	void *map;

	ring->map_len = off->desc + TP4_XSK_FRAMES * desc_size;
	map = mmap(NULL, ring->map_len, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_POPULATE, fd, where);
	if (map == MAP_FAILED)
		return tp4_xdp_fail("mmap() of an AF_XDP ring", -errno);
	ring->map = map;
	ring->producer = map + off->producer;
	ring->consumer = map + off->consumer;
	ring->desc = map + off->desc;
	return 0;
}

static int tp4_xsk_set_up(struct tp4_xsk *x)
{
	size_t len = TP4_XSK_FRAMES * TP4_XSK_FRAME_SIZE;
	struct xdp_umem_reg reg = {
		.len = len,
		.chunk_size = TP4_XSK_FRAME_SIZE,
	};
	struct xdp_mmap_offsets off;
	socklen_t optlen = sizeof(off);
	int ret;

	x->umem = mmap(NULL, len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (x->umem == MAP_FAILED) {
		x->umem = NULL;
		return tp4_xdp_fail("mmap() of a UMEM", -errno);
	}
	x->fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (x->fd < 0)
		return tp4_xdp_fail("socket(AF_XDP)", -errno);
	reg.addr = (uintptr_t)x->umem;
	if (setsockopt(x->fd, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)))
		return tp4_xdp_fail("XDP_UMEM_REG", -errno);
	ret = tp4_xsk_ring_size(x->fd, XDP_UMEM_FILL_RING) ?:
	      tp4_xsk_ring_size(x->fd, XDP_UMEM_COMPLETION_RING) ?:
	      tp4_xsk_ring_size(x->fd, XDP_RX_RING);
	if (ret)
		return tp4_xdp_fail("rings of an AF_XDP socket", ret);
	if (getsockopt(x->fd, SOL_XDP, XDP_MMAP_OFFSETS, &off, &optlen))
		return tp4_xdp_fail("XDP_MMAP_OFFSETS", -errno);
	return tp4_xsk_map(x->fd, &x->fill, &off.fr, sizeof(__u64),
			   XDP_UMEM_PGOFF_FILL_RING) ?:
	       tp4_xsk_map(x->fd, &x->rx, &off.rx, sizeof(struct xdp_desc),
			   XDP_PGOFF_RX_RING);
}

static void tp4_xsk_give(struct tp4_xsk *x, __u64 addr)
{
	__u32 prod = *x->fill.producer;

	((__u64 *)x->fill.desc)[prod % TP4_XSK_FRAMES] = addr;
	__atomic_store_n(x->fill.producer, prod + 1, __ATOMIC_RELEASE);
}

int tp4_xsk_open(struct tp4_xsk *x)
{
	unsigned int i;
	int ret;

	memset(x, 0, sizeof(*x));
	x->fd = -1;
	ret = tp4_xsk_set_up(x);
	if (ret) {
		tp4_xsk_close(x);
		return ret;
	}
	for (i = 0; i < TP4_XSK_FRAMES; i++)
		tp4_xsk_give(x, i * TP4_XSK_FRAME_SIZE);
	return 0;
}

int tp4_xsk_bind(const struct tp4_xsk *x, int ifindex, unsigned int queue,
		 __u16 flags)
{
	struct sockaddr_xdp sxdp = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = flags,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
	};

	return bind(x->fd, (struct sockaddr *)&sxdp, sizeof(sxdp)) ? -errno : 0;
}

int tp4_xsk_bind_shared(const struct tp4_xsk *x, int ifindex,
			unsigned int queue)
{
	struct sockaddr_xdp sxdp = {
		.sxdp_family = AF_XDP,
		.sxdp_flags = XDP_SHARED_UMEM,
		.sxdp_ifindex = ifindex,
		.sxdp_queue_id = queue,
		.sxdp_shared_umem_fd = x->fd,
	};
	int fd, ret;

	fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return tp4_xdp_fail("socket(AF_XDP)", -errno);
	/* Another queue needs rings for frames of its own */
	ret = tp4_xsk_ring_size(fd, XDP_UMEM_FILL_RING) ?:
	      tp4_xsk_ring_size(fd, XDP_UMEM_COMPLETION_RING) ?:
	      tp4_xsk_ring_size(fd, XDP_RX_RING);
	if (!ret && bind(fd, (struct sockaddr *)&sxdp, sizeof(sxdp)))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int tp4_xsk_recv(struct tp4_xsk *x, __u8 *data, size_t size)
{
	__u32 cons = *x->rx.consumer;
	struct xdp_desc desc;

	if (__atomic_load_n(x->rx.producer, __ATOMIC_ACQUIRE) == cons)
		return 0;
	desc = ((struct xdp_desc *)x->rx.desc)[cons % TP4_XSK_FRAMES];
	if (desc.len > size)
		return -EMSGSIZE;
	memcpy(data, x->umem + desc.addr, desc.len);
	__atomic_store_n(x->rx.consumer, cons + 1, __ATOMIC_RELEASE);
	tp4_xsk_give(x, desc.addr & ~(TP4_XSK_FRAME_SIZE - 1ULL));
	return desc.len;
}

int tp4_xsk_recv_wait(struct tp4_xsk *x, __u8 *data, size_t size)
{
	unsigned long long end = tp4_now_ms() + TP4_WAIT_MS;
	int ret;

	do {
		ret = tp4_xsk_recv(x, data, size);
		if (ret)
			return ret;
		tp4_poll(x->fd, POLLIN, 100);
	} while (tp4_now_ms() < end);
	fprintf(stderr, "# no packet came to the AF_XDP socket\n");
	return -ETIMEDOUT;
}

void tp4_xsk_close(struct tp4_xsk *x)
{
	if (x->fill.map)
		munmap(x->fill.map, x->fill.map_len);
	if (x->rx.map)
		munmap(x->rx.map, x->rx.map_len);
	if (x->fd >= 0)
		close(x->fd);
	if (x->umem)
		munmap(x->umem, TP4_XSK_FRAMES * TP4_XSK_FRAME_SIZE);
	memset(x, 0, sizeof(*x));
	x->fd = -1;
}

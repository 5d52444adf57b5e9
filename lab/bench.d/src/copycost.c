// SPDX-License-Identifier: GPL-2.0
/*
 * What a memcpy() in the kernel costs. An update of a BPF array copies the
 * value with it; two arrays that differ in the size of their values give the
 * cost of the difference.
 */

#include <linux/bpf.h>

#include "bench.h"

static int array_new(unsigned int value_size)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = value_size;
	attr.max_entries = 1;
	fd = bpf_call(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		err(1, "BPF_MAP_CREATE");
	return fd;
}

/* Looks up the value in one array, and stores it in another one. */
static int program_new(unsigned int value_size)
{
	const int from = array_new(value_size);
	const int to = array_new(value_size);
	const struct bpf_insn insns[] = {
		/* key 0 at fp[-4] */
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, from),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 7, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0, to),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 4, 0, 0, BPF_ANY),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_update_elem),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, 2),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};

	return bpf_load(BPF_PROG_TYPE_SCHED_CLS, insns,
			sizeof(insns) / sizeof(*insns));
}

static __u64 program_run(const struct options *opt, int fd, unsigned int times)
{
	static unsigned char packet[64];
	union bpf_attr attr;
	__u64 began;

	memset(&attr, 0, sizeof(attr));
	attr.test.prog_fd = fd;
	attr.test.repeat = times;
	attr.test.data_in = (__u64)(uintptr_t)packet;
	attr.test.data_size_in = sizeof(packet);
	wait_for_tick();
	began = now_ns(opt);
	if (bpf_call(BPF_PROG_TEST_RUN, &attr, sizeof(attr)))
		err(1, "BPF_PROG_TEST_RUN");
	return now_ns(opt) - began;
}

double copy_cost(const struct options *opt, unsigned int size)
{
	const unsigned int times = 8 * opt->packets;
	const int small = program_new(8);
	const int large = program_new(size);
	__u64 base, cost;

	program_run(opt, small, times);
	base = program_run(opt, small, times);
	program_run(opt, large, times);
	cost = program_run(opt, large, times);
	return cost > base ? (double)(cost - base) / times : 0;
}

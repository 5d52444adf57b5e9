// SPDX-License-Identifier: GPL-2.0
/*
 * A plugin for QEMU: counts the instructions that a guest executes between two
 * marks, by address. Marks are functions of a program in the guest.
 *
 *	qemu-system-x86_64 -plugin profile.so,begin=ADDRESS,end=ADDRESS,out=FILE
 *
 * FILE gets a line for each block of instructions: its address, the number of
 * its instructions, and how often it was executed.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What of QEMU's plugin interface, version 1, is used. */
typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_info;
typedef void (*trans_cb)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb);
typedef void (*exec_cb)(unsigned int vcpu, void *data);
typedef void (*exit_cb)(qemu_plugin_id_t id, void *data);
#define NO_REGS	0
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id, trans_cb cb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, exec_cb cb,
					  int flags, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id, exit_cb cb,
				    void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *tb);
int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv);

int qemu_plugin_version = 1;

struct block {
	struct block *next;
	uint64_t addr;
	uint64_t insns;
	uint64_t times;
};

static struct block *blocks;
static uint64_t mark_begin;
static uint64_t mark_end;
static const char *out;
static bool on;

static void block_executed(unsigned int vcpu, void *data)
{
	struct block *block = data;

	(void)vcpu;
	if (block->addr == mark_begin)
		on = true;
	else if (block->addr == mark_end)
		on = false;
	else if (on)
		block->times++;
}

static void block_translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	struct block *block = calloc(1, sizeof(*block));

	(void)id;
	if (!block)
		abort();
	block->addr = qemu_plugin_tb_vaddr(tb);
	block->insns = qemu_plugin_tb_n_insns(tb);
	block->next = blocks;
	blocks = block;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, block_executed, NO_REGS,
					     block);
}

static void write_blocks(qemu_plugin_id_t id, void *data)
{
	struct block *block;
	FILE *f;

	(void)id;
	(void)data;
	f = fopen(out, "w");
	if (!f) {
		perror(out);
		return;
	}
	for (block = blocks; block; block = block->next)
		if (block->times)
			fprintf(f, "%" PRIx64 " %" PRIu64 " %" PRIu64 "\n",
				block->addr, block->insns, block->times);
	fclose(f);
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info *info,
			int argc, char **argv)
{
	int i;

	(void)info;
	for (i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "begin=", 6))
			mark_begin = strtoull(argv[i] + 6, NULL, 0);
		else if (!strncmp(argv[i], "end=", 4))
			mark_end = strtoull(argv[i] + 4, NULL, 0);
		else if (!strncmp(argv[i], "out=", 4))
			out = strdup(argv[i] + 4);
	}
	if (!mark_begin || !mark_end || !out) {
		fprintf(stderr, "profile.so: begin, end and out are needed\n");
		return -1;
	}
	qemu_plugin_register_vcpu_tb_trans_cb(id, block_translated);
	qemu_plugin_register_atexit_cb(id, write_blocks, NULL);
	return 0;
}

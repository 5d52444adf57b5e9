// SPDX-License-Identifier: GPL-2.0
/*
 * AF_XDP in zero-copy mode and XDP on an interface, against the model's generator and
 * sink. Uses system calls alone, no library.
 *
 *	xsk drop|rx|tx|fwd INTERFACE PACKETS [SIZE]
 *
 * drop: an XDP program counts and drops; rx: a socket receives and checks each
 * packet; tx: a socket sends packets for the sink; fwd: a socket sends back what it
 * receives. Prints "ready" when packets may come. Exit status 0 when all PACKETS were
 * there and good, 1 when they were not after 30 seconds.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/if_link.h>
#include <linux/if_xdp.h>
#include <net/if.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#define FRAMES		2048
#define FRAME_SIZE	2048
#define RING		1024
#define BATCH		64
#define SECONDS		30

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int bpf(int cmd, union bpf_attr *attr)
{
	return syscall(SYS_bpf, cmd, attr, sizeof(*attr));
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

/* ---- XDP ---------------------------------------------------------------- */

static int new_map(unsigned int type, unsigned int value, unsigned int entries)
{
	union bpf_attr attr = { .map_type = type, .key_size = 4, .value_size = value,
				.max_entries = entries };
	int fd = bpf(BPF_MAP_CREATE, &attr);

	if (fd < 0)
		die("map");
	return fd;
}

#define INSN(c, d, s, o, i) { .code = c, .dst_reg = d, .src_reg = s, .off = o, .imm = i }
#define LD_MAP(d, fd) INSN(BPF_LD | BPF_DW | BPF_IMM, d, BPF_PSEUDO_MAP_FD, 0, fd)
#define LD_MAP_HI INSN(0, 0, 0, 0, 0)	/* comes behind it */

/* Attached for as long as the descriptor is open. */
static int attach(const struct bpf_insn *insns, unsigned int nr, unsigned int ifindex)
{
	static char log[4096];
	union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_XDP, .insn_cnt = nr,
				.insns = (uintptr_t)insns, .license = (uintptr_t)"GPL",
				.log_buf = (uintptr_t)log, .log_size = sizeof(log),
				.log_level = 1 };
	int prog = bpf(BPF_PROG_LOAD, &attr), link;

	if (prog < 0) {
		fputs(log, stderr);
		die("program");
	}
	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = prog;
	attr.link_create.target_ifindex = ifindex;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_DRV_MODE;
	link = bpf(BPF_LINK_CREATE, &attr);
	if (link < 0)
		die("attach");
	return link;
}

static int run_drop(unsigned int ifindex, uint64_t packets)
{
	int map = new_map(BPF_MAP_TYPE_ARRAY, 8, 1);
	struct bpf_insn prog[] = {
		INSN(BPF_ST | BPF_MEM | BPF_W, 10, 0, -4, 0),
		LD_MAP(1, map),
		LD_MAP_HI,
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -4),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_map_lookup_elem),
		INSN(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 2, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 1),
		INSN(BPF_STX | BPF_ATOMIC | BPF_DW, 0, 1, 0, BPF_ADD),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	double end = now() + SECONDS;
	uint64_t count = 0;
	uint32_t key = 0;

	attach(prog, sizeof(prog) / sizeof(*prog), ifindex);
	puts("ready");
	while (count < packets && now() < end) {
		union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&key,
					.value = (uintptr_t)&count };

		if (bpf(BPF_MAP_LOOKUP_ELEM, &attr))
			die("lookup");
		usleep(1000);
	}
	printf("dropped %llu\n", (unsigned long long)count);
	return count != packets;
}

/* ---- AF_XDP ------------------------------------------------------------- */

struct ring {
	uint32_t *producer, *consumer, *flags;
	void *desc;
};

static int sock;
static uint8_t *umem;
static struct ring fill, comp, rx, tx;

static void map_ring(struct ring *r, const struct xdp_ring_offset *off, size_t entry,
		     uint64_t pgoff)
{
	uint8_t *p = mmap(NULL, off->desc + RING * entry, PROT_READ | PROT_WRITE,
			  MAP_SHARED | MAP_POPULATE, sock, pgoff);

	if (p == MAP_FAILED)
		die("mmap");
	r->producer = (uint32_t *)(p + off->producer);
	r->consumer = (uint32_t *)(p + off->consumer);
	r->flags = (uint32_t *)(p + off->flags);
	r->desc = p + off->desc;
}

static void open_socket(unsigned int ifindex)
{
	struct xdp_umem_reg reg = { .len = FRAMES * FRAME_SIZE, .chunk_size = FRAME_SIZE };
	struct sockaddr_xdp addr = { .sxdp_family = AF_XDP, .sxdp_ifindex = ifindex,
				     .sxdp_flags = XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP };
	struct xdp_mmap_offsets off;
	socklen_t len = sizeof(off);
	int n = RING;
	double end = now() + 5;

	umem = mmap(NULL, FRAMES * FRAME_SIZE, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	sock = socket(AF_XDP, SOCK_RAW, 0);
	if (umem == MAP_FAILED || sock < 0)
		die("socket");
	reg.addr = (uintptr_t)umem;
	if (setsockopt(sock, SOL_XDP, XDP_UMEM_REG, &reg, sizeof(reg)) ||
	    setsockopt(sock, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) ||
	    setsockopt(sock, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)) ||
	    setsockopt(sock, SOL_XDP, XDP_RX_RING, &n, sizeof(n)) ||
	    setsockopt(sock, SOL_XDP, XDP_TX_RING, &n, sizeof(n)) ||
	    getsockopt(sock, SOL_XDP, XDP_MMAP_OFFSETS, &off, &len))
		die("setsockopt");
	map_ring(&fill, &off.fr, 8, XDP_UMEM_PGOFF_FILL_RING);
	map_ring(&comp, &off.cr, 8, XDP_UMEM_PGOFF_COMPLETION_RING);
	map_ring(&rx, &off.rx, sizeof(struct xdp_desc), XDP_PGOFF_RX_RING);
	map_ring(&tx, &off.tx, sizeof(struct xdp_desc), XDP_PGOFF_TX_RING);
	/* Frames to receive into are there before the queue is. */
	for (n = 0; n < RING; n++)
		((uint64_t *)fill.desc)[n] = (uint64_t)n * FRAME_SIZE;
	__atomic_store_n(fill.producer, RING, __ATOMIC_RELEASE);
	/* The socket of a run before may still be on its way out. */
	while (bind(sock, (struct sockaddr *)&addr, sizeof(addr))) {
		if (errno != EBUSY || now() > end)
			die("bind");
		usleep(1000);
	}
}

static void attach_socket(unsigned int ifindex)
{
	int map = new_map(BPF_MAP_TYPE_XSKMAP, 4, 4);
	struct bpf_insn prog[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1, 16, 0),	/* rx_queue_index */
		LD_MAP(1, map),
		LD_MAP_HI,
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	uint32_t key = 0;
	union bpf_attr attr = { .map_fd = map, .key = (uintptr_t)&key,
				.value = (uintptr_t)&sock };

	if (bpf(BPF_MAP_UPDATE_ELEM, &attr))
		die("map");
	attach(prog, sizeof(prog) / sizeof(*prog), ifindex);
}

static void give(uint64_t addr)
{
	uint32_t p = *fill.producer;

	((uint64_t *)fill.desc)[p % RING] = addr & ~(FRAME_SIZE - 1ULL);
	__atomic_store_n(fill.producer, p + 1, __ATOMIC_RELEASE);
}

static void send_desc(uint64_t addr, uint32_t len)
{
	uint32_t p = *tx.producer;

	((struct xdp_desc *)tx.desc)[p % RING] = (struct xdp_desc){ .addr = addr,
								   .len = len };
	__atomic_store_n(tx.producer, p + 1, __ATOMIC_RELEASE);
}

static void kick_tx(void)
{
	if (sendto(sock, NULL, 0, MSG_DONTWAIT, NULL, 0) < 0 && errno != EAGAIN &&
	    errno != EBUSY && errno != ENOBUFS && errno != ENETDOWN)
		die("sendto");
}

static unsigned int reap(bool refill)
{
	uint32_t c = *comp.consumer;
	uint32_t n = __atomic_load_n(comp.producer, __ATOMIC_ACQUIRE) - c, i;

	for (i = 0; i < n; i++)
		if (refill)
			give(((uint64_t *)comp.desc)[(c + i) % RING]);
	__atomic_store_n(comp.consumer, c + n, __ATOMIC_RELEASE);
	return n;
}

static bool good(const uint8_t *p, uint32_t len, uint64_t *seq)
{
	const uint8_t *payload = p + 42;
	struct pattern pat;
	unsigned int i;

	if (len < 58)
		return false;
	memcpy(&pat, payload, sizeof(pat));
	if (memcmp(pat.magic, PATTERN_MAGIC, 4) || pat.len != len - 42)
		return false;
	for (i = sizeof(pat); i < pat.len; i++)
		if (payload[i] != (uint8_t)(pat.seq + i))
			return false;
	*seq = pat.seq;
	return true;
}

static int run_rx(uint64_t packets, bool forward)
{
	struct xdp_statistics stats = {};
	socklen_t len = sizeof(stats);
	struct pollfd pfd = { .fd = sock, .events = POLLIN };
	uint64_t count = 0, other = 0, bad = 0, sent = 0, done = 0, seq, next = 0;
	double end = now() + SECONDS;

	while ((count < packets || done < sent) && now() < end) {
		uint32_t c = *rx.consumer;
		uint32_t n = __atomic_load_n(rx.producer, __ATOMIC_ACQUIRE) - c, i;

		if (forward)
			done += reap(true);
		if (!n) {
			if (forward && done < sent)
				kick_tx();
			else
				poll(&pfd, 1, 100);
			continue;
		}
		for (i = 0; i < n; i++) {
			struct xdp_desc d = ((struct xdp_desc *)rx.desc)[(c + i) % RING];
			uint8_t *p = umem + d.addr, mac[6];

			/* First this, then the frame: there are as many frames as
			 * the ring has room for.
			 */
			__atomic_store_n(rx.consumer, c + i + 1, __ATOMIC_RELEASE);
			if (!good(p, d.len, &seq)) {
				/* Somebody else's, not the generator's. */
				give(d.addr);
				other++;
				continue;
			}
			if (seq != next && !bad++)
				printf("%llu comes after %llu packets\n",
				       (unsigned long long)seq,
				       (unsigned long long)count);
			next = seq + 1;
			count++;
			if (!forward) {
				give(d.addr);
				continue;
			}
			memcpy(mac, p, 6);
			memcpy(p, p + 6, 6);
			memcpy(p + 6, mac, 6);
			send_desc(d.addr, d.len);
			sent++;
		}
		if (forward)
			kick_tx();
		else if (*fill.flags & XDP_RING_NEED_WAKEUP)
			poll(&pfd, 1, 0);
	}
	printf("received %llu and %llu of others, %llu out of order, sent %llu, completed %llu\n",
	       (unsigned long long)count, (unsigned long long)other,
	       (unsigned long long)bad, (unsigned long long)sent,
	       (unsigned long long)done);
	if (!getsockopt(sock, SOL_XDP, XDP_STATISTICS, &stats, &len))
		printf("dropped %llu, ring full %llu, no frame %llu\n",
		       stats.rx_dropped, stats.rx_ring_full,
		       stats.rx_fill_ring_empty_descs);
	return count != packets || bad || done != sent;
}

static int run_tx(uint64_t packets, unsigned int size)
{
	uint64_t sent = 0, done = 0;
	double end = now() + SECONDS;
	unsigned int i, n;

	while (done < packets && now() < end) {
		for (n = 0; n < BATCH && sent < packets && sent - done < RING; n++, sent++) {
			uint64_t addr = (RING + sent % RING) * FRAME_SIZE;
			struct pattern pat = { .gen = 0xff01, .len = size - 14,
					       .seq = sent };
			uint8_t *p = umem + addr;

			memset(p, 0xff, 6);
			memset(p + 6, 0x02, 6);
			p[12] = 0x88;
			p[13] = 0xb5;
			memcpy(pat.magic, PATTERN_MAGIC, 4);
			memcpy(p + 14, &pat, sizeof(pat));
			for (i = sizeof(pat); i < pat.len; i++)
				p[14 + i] = sent + i;
			send_desc(addr, size);
		}
		kick_tx();
		done += reap(false);
	}
	printf("sent %llu, completed %llu\n", (unsigned long long)sent,
	       (unsigned long long)done);
	return done != packets;
}

int main(int argc, char **argv)
{
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	unsigned int ifindex;
	uint64_t packets;

	if (argc < 4)
		return 2;
	ifindex = if_nametoindex(argv[2]);
	packets = strtoull(argv[3], NULL, 0);
	if (!ifindex)
		die(argv[2]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_MEMLOCK, &unlimited);
	if (!strcmp(argv[1], "drop"))
		return run_drop(ifindex, packets);
	open_socket(ifindex);
	/* i40e wants a program on the interface for sending, too. */
	attach_socket(ifindex);
	if (!strcmp(argv[1], "tx"))
		return run_tx(packets, argc > 4 ? atoi(argv[4]) : 60);
	puts("ready");
	return run_rx(packets, !strcmp(argv[1], "fwd"));
}

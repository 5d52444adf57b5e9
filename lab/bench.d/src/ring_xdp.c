// SPDX-License-Identifier: GPL-2.0
/*
 * AF_XDP by way of libxdp, in copy mode, where its packets come from generic XDP
 * or from the driver's, or in zero copy. It says when it needs to be woken up.
 */

#include <unistd.h>

#include <sys/mman.h>
#include <sys/socket.h>

#include <linux/bpf.h>
#include <linux/if_link.h>
#include <xdp/xsk.h>

#include "bench.h"

struct xdp_end {
	struct end end;
	struct xsk_umem *umem;
	struct xsk_socket *xsk;
	struct xsk_ring_prod fill;
	struct xsk_ring_cons comp;
	struct xsk_ring_cons rx;
	struct xsk_ring_prod tx;
	unsigned char *area;
	size_t area_len;
	int map;
	int prog;
	int link;
	/* TX: frames that are ours */
	__u64 *free;
	unsigned int nr_free;
	unsigned int held;
};

static struct xdp_end *xdp(struct end *end)
{
	return (struct xdp_end *)end;
}

/* A program that gives each packet to the socket of its queue. */
static void attach(struct xdp_end *x)
{
	union bpf_attr attr;
	__u32 key = 0;
	__u32 value = xsk_socket__fd(x->xsk);

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_XSKMAP;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	x->map = bpf_call(BPF_MAP_CREATE, &attr, sizeof(attr));
	if (x->map < 0)
		end_fail(&x->end, "BPF_MAP_CREATE");

	memset(&attr, 0, sizeof(attr));
	attr.map_fd = x->map;
	attr.key = (__u64)(uintptr_t)&key;
	attr.value = (__u64)(uintptr_t)&value;
	if (bpf_call(BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)))
		end_fail(&x->end, "BPF_MAP_UPDATE_ELEM");

	const struct bpf_insn insns[] = {
		INSN(BPF_LDX | BPF_MEM | BPF_W, 2, 1,
		     offsetof(struct xdp_md, rx_queue_index), 0),
		INSN(BPF_LD | BPF_DW | BPF_IMM, 1, BPF_PSEUDO_MAP_FD, 0,
		     x->map),
		INSN(0, 0, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 3, 0, 0, XDP_PASS),
		INSN(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_redirect_map),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	x->prog = bpf_load(BPF_PROG_TYPE_XDP, insns,
			   sizeof(insns) / sizeof(*insns));

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd = x->prog;
	attr.link_create.target_ifindex = x->end.ifindex;
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = x->end.opt->mode == XDP_GENERIC ?
				 XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	x->link = bpf_call(BPF_LINK_CREATE, &attr, sizeof(attr));
	if (x->link < 0)
		end_fail(&x->end, "BPF_LINK_CREATE");
}

static void fill(struct xdp_end *x)
{
	unsigned int nr = x->end.opt->frames;
	unsigned int rx = x->end.roles & ROLE_RX ? nr : 0;
	unsigned int tx = x->end.roles & ROLE_TX ? nr : 0;
	unsigned int i;
	__u32 at;

	if (rx && xsk_ring_prod__reserve(&x->fill, rx, &at) == rx) {
		for (i = 0; i < rx; i++)
			*xsk_ring_prod__fill_addr(&x->fill, at + i) =
				(__u64)i * FRAME_SIZE;
		xsk_ring_prod__submit(&x->fill, rx);
	}
	x->free = xcalloc(nr + MAX_BATCH, sizeof(*x->free));
	for (i = 0; i < tx; i++) {
		x->free[i] = (__u64)(rx + i) * FRAME_SIZE;
		if (!x->end.opt->bare)
			packet_build(&x->end, x->area + x->free[i]);
	}
	x->nr_free = tx;
}

static struct end *xdp_open(const struct options *opt, const char *interface,
			    unsigned int roles, struct end *peer)
{
	struct xdp_end *x = xcalloc(1, sizeof(*x));
	const struct xsk_umem_config umem_config = {
		.fill_size = opt->frames,
		.comp_size = opt->frames,
		.frame_size = FRAME_SIZE,
	};
	const struct xsk_socket_config config = {
		.rx_size = opt->frames,
		.tx_size = opt->frames,
		.libxdp_flags = XSK_LIBXDP_FLAGS__INHIBIT_PROG_LOAD,
		.bind_flags = XDP_USE_NEED_WAKEUP |
			      (opt->mode == XDP_ZC ? XDP_ZEROCOPY : XDP_COPY),
	};
	unsigned int frames;

	(void)peer;
	/* In zero copy, the device receives into nothing but its frames. */
	if (opt->mode == XDP_ZC)
		roles |= ROLE_RX;
	end_init(&x->end, &xdp_ops, opt, interface, roles);
	frames = opt->frames * (!!(roles & ROLE_RX) + !!(roles & ROLE_TX));
	x->area_len = (size_t)frames * FRAME_SIZE;
	x->area = mmap(NULL, x->area_len, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (x->area == MAP_FAILED)
		end_fail(&x->end, "mmap()");
	if (!opt->bare)
		touch(x->area, x->area_len);
	errno = -xsk_umem__create(&x->umem, x->area, x->area_len, &x->fill,
				  &x->comp, &umem_config);
	if (errno)
		end_fail(&x->end, "xsk_umem__create()");
	errno = -xsk_socket__create(&x->xsk, interface, 0, x->umem,
				    roles & ROLE_RX ? &x->rx : NULL,
				    roles & ROLE_TX ? &x->tx : NULL, &config);
	if (errno)
		end_fail(&x->end, "xsk_socket__create()");
	fill(x);
	x->link = -1;
	if (roles & ROLE_RX)
		attach(x);
	x->end.memory = x->area_len + (size_t)opt->frames *
			(16 + (roles & ROLE_RX ? 16 : 0) +
			 (roles & ROLE_TX ? 16 : 0));
	return &x->end;
}

static void xdp_close(struct end *end)
{
	struct xdp_end *x = xdp(end);

	if (x->link >= 0) {
		close(x->link);
		close(x->prog);
		close(x->map);
	}
	xsk_socket__delete(x->xsk);
	xsk_umem__delete(x->umem);
	munmap(x->area, x->area_len);
	free(x->free);
	free(x);
}

static void wake_rx(struct xdp_end *x)
{
	if (xsk_ring_prod__needs_wakeup(&x->fill))
		recvfrom(xsk_socket__fd(x->xsk), NULL, 0, MSG_DONTWAIT, NULL,
			 NULL);
}

/* A call sends so many packets at most. */
#define PER_CALL	32

static void wake_tx(struct xdp_end *x, unsigned int nr)
{
	unsigned int calls = nr / PER_CALL + 1;

	if (!xsk_ring_prod__needs_wakeup(&x->tx))
		return;
	while (sendto(xsk_socket__fd(x->xsk), NULL, 0, MSG_DONTWAIT, NULL,
		      0) < 0) {
		if (errno != EAGAIN && errno != EBUSY && errno != ENOBUFS)
			end_fail(&x->end, "sendto()");
		if (!--calls)
			break;
	}
}

static unsigned int xdp_rx(struct end *end)
{
	struct xdp_end *x = xdp(end);
	__u64 bytes = 0;
	__u32 at, to;
	unsigned int i, n;

	n = xsk_ring_cons__peek(&x->rx, end->opt->batch, &at);
	if (!n) {
		wake_rx(x);
		return 0;
	}
	if (xsk_ring_prod__reserve(&x->fill, n, &to) != n)
		errx(1, "%s: fill ring full", end->interface);
	for (i = 0; i < n; i++) {
		const struct xdp_desc *d;

		d = xsk_ring_cons__rx_desc(&x->rx, at + i);
		bytes += d->len;
		if (end->check)
			packet_check(end, x->area + d->addr, d->len);
		*xsk_ring_prod__fill_addr(&x->fill, to + i) = d->addr;
	}
	xsk_ring_prod__submit(&x->fill, n);
	xsk_ring_cons__release(&x->rx, n);
	wake_rx(x);
	end->rx_packets += n;
	end->rx_bytes += bytes;
	return n;
}

static void xdp_reap(struct xdp_end *x)
{
	unsigned int i, n;
	__u32 at;

	n = xsk_ring_cons__peek(&x->comp, x->end.opt->batch, &at);
	for (i = 0; i < n; i++)
		x->free[x->nr_free++] =
			*xsk_ring_cons__comp_addr(&x->comp, at + i);
	xsk_ring_cons__release(&x->comp, n);
	x->held -= n;
}

static unsigned int xdp_tx(struct end *end, unsigned int nr)
{
	struct xdp_end *x = xdp(end);
	unsigned int i;
	__u32 at;

	xdp_reap(x);
	if (nr > x->nr_free)
		nr = x->nr_free;
	nr = xsk_ring_prod__reserve(&x->tx, nr, &at);
	x->nr_free -= nr;
	for (i = 0; i < nr; i++) {
		struct xdp_desc *d = xsk_ring_prod__tx_desc(&x->tx, at + i);

		d->addr = x->free[x->nr_free + i];
		d->len = end->opt->size;
		d->options = 0;
		if (end->check) {
			packet_build(end, x->area + d->addr);
			packet_number(end, x->area + d->addr);
		}
	}
	xsk_ring_prod__submit(&x->tx, nr);
	x->held += nr;
	wake_tx(x, nr);
	return nr;
}

static void xdp_kick(struct end *end)
{
	wake_tx(xdp(end), 0);
	xdp_reap(xdp(end));
}

static unsigned int xdp_pending(struct end *end)
{
	return xdp(end)->held;
}

static unsigned int xdp_forward(struct end *end)
{
	struct xdp_end *x = xdp(end);
	unsigned int i, n, done;
	__u64 bytes = 0;
	__u32 at, to;

	n = xsk_ring_cons__peek(&x->rx, end->opt->batch, &at);
	if (!n) {
		wake_rx(x);
		return 0;
	}
	if (xsk_ring_prod__reserve(&x->tx, n, &to) != n)
		errx(1, "%s: TX ring full", end->interface);
	for (i = 0; i < n; i++) {
		const struct xdp_desc *from;
		struct xdp_desc *d;

		from = xsk_ring_cons__rx_desc(&x->rx, at + i);
		if (end->check)
			packet_check(end, x->area + from->addr, from->len);
		swap_macs(x->area + from->addr);
		bytes += from->len;
		d = xsk_ring_prod__tx_desc(&x->tx, to + i);
		d->addr = from->addr;
		d->len = from->len;
		d->options = 0;
	}
	xsk_ring_prod__submit(&x->tx, n);
	xsk_ring_cons__release(&x->rx, n);
	x->held += n;
	wake_tx(x, n);
	end->rx_packets += n;
	end->rx_bytes += bytes;
	end->tx_packets += n;

	/* The frames that were sent receive the next packets. */
	done = xsk_prod_nb_free(&x->fill, end->opt->batch);
	done = xsk_ring_cons__peek(&x->comp, done, &at);
	if (done) {
		if (xsk_ring_prod__reserve(&x->fill, done, &to) != done)
			errx(1, "%s: fill ring full", end->interface);
		for (i = 0; i < done; i++)
			*xsk_ring_prod__fill_addr(&x->fill, to + i) =
				*xsk_ring_cons__comp_addr(&x->comp, at + i);
		xsk_ring_prod__submit(&x->fill, done);
		xsk_ring_cons__release(&x->comp, done);
		x->held -= done;
	}
	wake_rx(x);
	return n;
}

static int xdp_fd(struct end *end)
{
	return xsk_socket__fd(xdp(end)->xsk);
}

static __u64 xdp_drops(struct end *end)
{
	struct xdp_statistics stats = {};
	socklen_t len = sizeof(stats);

	if (getsockopt(xdp_fd(end), SOL_XDP, XDP_STATISTICS, &stats, &len))
		end_fail(end, "getsockopt(XDP_STATISTICS)");
	return stats.rx_dropped + stats.rx_ring_full +
	       stats.rx_invalid_descs + stats.tx_invalid_descs;
}

const struct end_ops xdp_ops = {
	.open = xdp_open,
	.close = xdp_close,
	.rx = xdp_rx,
	.tx = xdp_tx,
	.forward = xdp_forward,
	.kick = xdp_kick,
	.pending = xdp_pending,
	.fd = xdp_fd,
	.drops = xdp_drops,
};

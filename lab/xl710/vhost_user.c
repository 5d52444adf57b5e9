// SPDX-License-Identifier: GPL-2.0
/*
 * PCI over virtio over vhost-user: how User Mode Linux has PCI devices. There are
 * two queues, one with accesses to config space and BARs, one with buffers for
 * interrupt messages. The guest's memory is mapped, DMA is a copy.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_pcidev.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"

#define QUEUES		2
#define CMD		0
#define IRQ		1
#define REGIONS		2
#define SIGNAL_EVERY	64	/* the guest frees completed writes then */

enum {
	GET_FEATURES = 1, SET_FEATURES = 2, SET_OWNER = 3, SET_MEM_TABLE = 5,
	SET_VRING_NUM = 8, SET_VRING_ADDR = 9, SET_VRING_BASE = 10, SET_VRING_KICK = 12,
	SET_VRING_CALL = 13, SET_VRING_ERR = 14, GET_PROTOCOL_FEATURES = 15,
	SET_PROTOCOL_FEATURES = 16, SET_VRING_ENABLE = 18, SET_SLAVE_REQ_FD = 21,
};

#define F_PROTOCOL_FEATURES	(1ULL << 30)
#define F_VERSION_1		(1ULL << 32)
#define PROTOCOL_F_SLAVE_REQ	(1ULL << 5)

struct msg {
	uint32_t request, flags, size;
	union {
		uint64_t u64;
		struct {
			uint32_t index, num;
		} state;
		struct {
			uint32_t index, flags;
			uint64_t desc, used, avail, log;
		} addr;
		struct {
			uint32_t num, padding;
			struct {
				uint64_t guest, size, user, offset;
			} region[8];
		} mem;
	};
} __attribute__((packed));

#define MSG_HEADER	12

struct queue {
	unsigned int num;
	uint16_t last;
	bool enabled;
	int kick, call;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
};

struct vhost {
	struct port port;		/* first */
	int listen, conn, slave;
	struct {
		uint64_t guest, size;
		uint8_t *map;		/* where guest is */
		void *base;
		size_t len;
	} mem[REGIONS];
	unsigned int regions;
	struct queue queue[QUEUES];
	unsigned int posted;		/* writes that the guest has not reaped */
};

/* ---- memory ------------------------------------------------------------- */

static void *translate(void *ctx, uint64_t addr, size_t len)
{
	struct vhost *v = ctx;
	unsigned int i;

	for (i = 0; i < v->regions; i++)
		if (addr >= v->mem[i].guest && len <= v->mem[i].size &&
		    addr - v->mem[i].guest <= v->mem[i].size - len)
			return v->mem[i].map + (addr - v->mem[i].guest);
	return NULL;
}

static void unmap_all(struct vhost *v)
{
	unsigned int i;

	for (i = 0; i < v->regions; i++)
		munmap(v->mem[i].base, v->mem[i].len);
	v->regions = 0;
}

static bool map_all(struct vhost *v, const struct msg *m, const int *fd, unsigned int fds)
{
	unsigned int i;

	unmap_all(v);
	if (m->mem.num > REGIONS || m->mem.num != fds)
		return false;
	for (i = 0; i < m->mem.num; i++) {
		size_t len = m->mem.region[i].offset + m->mem.region[i].size;
		void *base = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd[i], 0);

		if (base == MAP_FAILED) {
			xl_log(v->port.dev, "mmap: %s", strerror(errno));
			return false;
		}
		v->mem[i].base = base;
		v->mem[i].len = len;
		v->mem[i].guest = m->mem.region[i].guest;
		v->mem[i].size = m->mem.region[i].size;
		v->mem[i].map = (uint8_t *)base + m->mem.region[i].offset;
		v->regions++;
	}
	return true;
}

/* ---- rings -------------------------------------------------------------- */

static void signal_guest(struct queue *q)
{
	static const uint64_t one = 1;

	/* A full pipe is as good: the guest has not read it yet. */
	if (q->call >= 0 && write(q->call, &one, sizeof(one)) < 0 && errno != EAGAIN)
		xl_log(NULL, "call: %s", strerror(errno));
}

static bool available(const struct queue *q)
{
	return q->enabled && q->avail &&
		__atomic_load_n(&q->avail->idx, __ATOMIC_ACQUIRE) != q->last;
}

static void complete(struct queue *q, uint16_t head, uint32_t len)
{
	uint16_t idx = q->used->idx;

	q->used->ring[idx % q->num] = (struct vring_used_elem){ .id = head, .len = len };
	__atomic_store_n(&q->used->idx, idx + 1, __ATOMIC_RELEASE);
}

static bool raise_irq(void *ctx, unsigned int vector)
{
	struct vhost *v = ctx;
	struct queue *q = &v->queue[IRQ];
	struct virtio_pcidev_msg *msg;
	struct vring_desc *d;
	uint16_t head;
	uint64_t addr;
	uint32_t data;

	if (!available(q) || !xl710_msix_message(v->port.dev, vector, &addr, &data))
		return false;
	head = q->avail->ring[q->last++ % q->num];
	d = &q->desc[head % q->num];
	msg = translate(v, d->addr, sizeof(*msg) + 4);
	if (!msg || d->len < sizeof(*msg) + 4) {
		xl_log(v->port.dev, "an interrupt message has no room");
		complete(q, head, 0);
		return false;
	}
	memset(msg, 0, sizeof(*msg));
	msg->op = VIRTIO_PCIDEV_OP_MSI;
	msg->size = 4;
	msg->addr = addr;
	memcpy(msg->data, &data, 4);
	complete(q, head, sizeof(*msg) + 4);
	signal_guest(q);
	return true;
}

static const struct xl710_ops ops = {
	.dma = translate,
	.raise = raise_irq,
};

/* Does what a message asks for; how many bytes the answer has. */
static uint32_t run_msg(struct vhost *v, const struct virtio_pcidev_msg *msg,
			uint8_t *data, unsigned int len, uint8_t *in, uint32_t in_len)
{
	uint64_t val = 0;

	switch (msg->op) {
	case VIRTIO_PCIDEV_OP_CFG_READ:
		if (msg->size > 8 || in_len < msg->size)
			break;
		val = xl710_config_read(v->port.dev, msg->addr, msg->size);
		memcpy(in, &val, msg->size);
		return msg->size;
	case VIRTIO_PCIDEV_OP_CFG_WRITE:
		if (msg->size > 8 || len < msg->size)
			break;
		memcpy(&val, data, msg->size);
		xl710_config_write(v->port.dev, msg->addr, msg->size, val);
		return 0;
	case VIRTIO_PCIDEV_OP_MMIO_READ:
		if (in_len < msg->size)
			break;
		xl710_access(v->port.dev, false, msg->bar, msg->addr, in, msg->size);
		return msg->size;
	case VIRTIO_PCIDEV_OP_MMIO_WRITE:
		if (len < msg->size)
			break;
		xl710_access(v->port.dev, true, msg->bar, msg->addr, data, msg->size);
		return 0;
	}
	xl_unmodelled(v->port.dev, "message %u of %u bytes", msg->op, msg->size);
	return 0;
}

static void run_cmd(struct vhost *v, struct queue *q, uint16_t head)
{
	uint8_t out[64], *in = NULL;
	uint32_t in_len = 0, len = 0, written = 0;
	struct virtio_pcidev_msg *msg = (struct virtio_pcidev_msg *)out;
	unsigned int i = head % q->num, hops;

	for (hops = 0; hops < 4; hops++) {
		const struct vring_desc *d = &q->desc[i];
		void *p = translate(v, d->addr, d->len);

		if (!p) {
			xl_log(v->port.dev, "a message at %#llx is not memory",
			       (unsigned long long)d->addr);
			break;
		}
		if (d->flags & VRING_DESC_F_WRITE) {
			in = p;
			in_len = d->len;
		} else if (len + d->len <= sizeof(out)) {
			memcpy(out + len, p, d->len);
			len += d->len;
		} else {
			xl_unmodelled(v->port.dev, "message of more than %zu bytes", sizeof(out));
		}
		if (!(d->flags & VRING_DESC_F_NEXT))
			break;
		i = d->next % q->num;
	}
	if (len >= sizeof(*msg))
		written = run_msg(v, msg, out + sizeof(*msg), len - sizeof(*msg), in,
				  in_len);
	complete(q, head, written);
	/* Whoever reads takes back all that is done. Writes alone do not. */
	v->posted = in ? 0 : v->posted + 1;
	if (v->posted >= SIGNAL_EVERY) {
		v->posted = 0;
		if (!(q->avail->flags & VRING_AVAIL_F_NO_INTERRUPT))
			signal_guest(q);
	}
}

static bool vhost_work(struct port *p)
{
	struct vhost *v = (struct vhost *)p;
	struct queue *q = &v->queue[CMD];
	unsigned int nr = 0;

	while (nr < 256 && available(q)) {
		run_cmd(v, q, q->avail->ring[q->last % q->num]);
		q->last++;
		nr++;
	}
	xl710_irq_resume(v->port.dev);
	return nr;
}

static bool vhost_sleep(struct port *p)
{
	struct vhost *v = (struct vhost *)p;
	unsigned int i, wait = VRING_USED_F_NO_NOTIFY;

	/* Buffers for interrupts are of interest when one waits for them. */
	for (i = 0; i < XL710_MSIX_NR; i++)
		if (v->port.dev->vector[i].pending)
			wait = 0;
	if (v->queue[CMD].used)
		v->queue[CMD].used->flags = 0;
	if (v->queue[IRQ].used)
		v->queue[IRQ].used->flags = wait;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return !available(&v->queue[CMD]) && (wait || !available(&v->queue[IRQ]));
}

static void vhost_awake(struct port *p)
{
	struct vhost *v = (struct vhost *)p;

	if (v->queue[CMD].used)
		v->queue[CMD].used->flags = VRING_USED_F_NO_NOTIFY;
}

/* ---- the connection ----------------------------------------------------- */

static void set_fd(int *fd, int val)
{
	if (*fd >= 0)
		close(*fd);
	*fd = val;
}

static void disconnect(struct vhost *v)
{
	unsigned int i;

	xl_log(v->port.dev, "the guest is gone: violations %llu, not modelled %llu",
	       (unsigned long long)v->port.dev->violations,
	       (unsigned long long)v->port.dev->unmodelled);
	xl710_reset(v->port.dev);
	for (i = 0; i < QUEUES; i++) {
		set_fd(&v->queue[i].kick, -1);
		set_fd(&v->queue[i].call, -1);
		memset(&v->queue[i], 0, sizeof(v->queue[i]));
		v->queue[i].kick = -1;
		v->queue[i].call = -1;
	}
	unmap_all(v);
	set_fd(&v->slave, -1);
	set_fd(&v->conn, -1);
}

static bool receive(struct vhost *v, struct msg *m, int *fd, unsigned int *fds)
{
	union {
		char buf[CMSG_SPACE(8 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = m, .iov_len = MSG_HEADER };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c;
	ssize_t n;

	*fds = 0;
	n = recvmsg(v->conn, &h, MSG_CMSG_CLOEXEC | MSG_WAITALL);
	if (n != MSG_HEADER || m->size > sizeof(*m) - MSG_HEADER)
		return false;
	for (c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		*fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fd, CMSG_DATA(c), *fds * sizeof(int));
	}
	return !m->size ||
		recv(v->conn, (char *)m + MSG_HEADER, m->size, MSG_WAITALL) == m->size;
}

static bool reply(struct vhost *v, struct msg *m, uint64_t val)
{
	m->flags = 1 | 1 << 2;
	m->size = 8;
	m->u64 = val;
	return send(v->conn, m, MSG_HEADER + 8, MSG_NOSIGNAL) == MSG_HEADER + 8;
}

static bool set_addr(struct vhost *v, const struct msg *m)
{
	struct queue *q;

	if (m->addr.index >= QUEUES || !v->queue[m->addr.index].num)
		return false;
	q = &v->queue[m->addr.index];
	q->desc = translate(v, m->addr.desc, q->num * sizeof(*q->desc));
	q->avail = translate(v, m->addr.avail, 6 + q->num * 2);
	q->used = translate(v, m->addr.used, 6 + q->num * sizeof(q->used->ring[0]));
	return q->desc && q->avail && q->used;
}

static bool run_request(struct vhost *v, struct msg *m, int *fd, unsigned int fds)
{
	struct queue *q = NULL;

	switch (m->request) {
	case GET_FEATURES:
		return reply(v, m, F_PROTOCOL_FEATURES | F_VERSION_1);
	case GET_PROTOCOL_FEATURES:
		return reply(v, m, PROTOCOL_F_SLAVE_REQ);
	case SET_FEATURES:
	case SET_PROTOCOL_FEATURES:
	case SET_OWNER:
	case SET_VRING_ERR:
		return true;
	case SET_SLAVE_REQ_FD:
		if (!fds)
			return false;
		set_fd(&v->slave, dup(fd[0]));
		return true;
	case SET_MEM_TABLE:
		return map_all(v, m, fd, fds);
	case SET_VRING_ADDR:
		return set_addr(v, m);
	case SET_VRING_NUM:
	case SET_VRING_BASE:
	case SET_VRING_ENABLE:
		if (m->state.index >= QUEUES)
			return false;
		q = &v->queue[m->state.index];
		break;
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		if ((m->u64 & 0xff) >= QUEUES)
			return false;
		q = &v->queue[m->u64 & 0xff];
		break;
	default:
		xl_unmodelled(v->port.dev, "vhost-user request %u", m->request);
		return false;
	}
	switch (m->request) {
	case SET_VRING_NUM:
		q->num = m->state.num;
		break;
	case SET_VRING_BASE:
		q->last = m->state.num;
		break;
	case SET_VRING_ENABLE:
		q->enabled = m->state.num && q->avail;
		break;
	case SET_VRING_KICK:
		set_fd(&q->kick, fds ? dup(fd[0]) : -1);
		if (q->kick >= 0)
			fcntl(q->kick, F_SETFL, O_NONBLOCK);
		break;
	case SET_VRING_CALL:
		set_fd(&q->call, fds ? dup(fd[0]) : -1);
		if (q->call >= 0)
			fcntl(q->call, F_SETFL, O_NONBLOCK);
		break;
	}
	return true;
}

static void request(struct vhost *v)
{
	struct msg m = { 0 };
	unsigned int fds, i;
	int fd[8];
	bool ok = receive(v, &m, fd, &fds);

	if (ok) {
		ok = run_request(v, &m, fd, fds);
		if (!ok)
			xl_log(v->port.dev, "vhost-user request %u failed", m.request);
	}
	for (i = 0; i < fds; i++)
		close(fd[i]);
	if (!ok)
		disconnect(v);
}

static unsigned int vhost_fds(struct port *p, struct pollfd *fds)
{
	struct vhost *v = (struct vhost *)p;
	unsigned int nr = 0, i;

	fds[nr++] = (struct pollfd){ .fd = v->conn >= 0 ? v->conn : v->listen,
				     .events = POLLIN };
	for (i = 0; i < QUEUES; i++)
		if (v->queue[i].kick >= 0)
			fds[nr++] = (struct pollfd){ .fd = v->queue[i].kick,
						     .events = POLLIN };
	return nr;
}

static void vhost_events(struct port *p, const struct pollfd *fds, unsigned int nr)
{
	struct vhost *v = (struct vhost *)p;
	unsigned int i;
	uint64_t n;

	for (i = 1; i < nr; i++)
		if (fds[i].revents && read(fds[i].fd, &n, sizeof(n)) < 0 &&
		    errno != EAGAIN)
			xl_log(v->port.dev, "kick: %s", strerror(errno));
	if (!fds[0].revents)
		return;
	if (v->conn >= 0) {
		request(v);
		return;
	}
	v->conn = accept4(v->listen, NULL, NULL, SOCK_CLOEXEC);
	if (v->conn >= 0)
		xl_log(v->port.dev, "a guest has connected");
}

static const struct transport transport = {
	.work = vhost_work,
	.sleep = vhost_sleep,
	.awake = vhost_awake,
	.fds = vhost_fds,
	.events = vhost_events,
};

struct port *vhost_new(unsigned int index, const char *path)
{
	struct vhost *v = calloc(1, sizeof(*v));
	unsigned int i;

	if (!v)
		abort();
	v->port.transport = &transport;
	v->conn = -1;
	v->slave = -1;
	for (i = 0; i < QUEUES; i++) {
		v->queue[i].kick = -1;
		v->queue[i].call = -1;
	}
	v->listen = listen_on(path);
	v->port.dev = xl710_new(index, &ops, v);
	return &v->port;
}

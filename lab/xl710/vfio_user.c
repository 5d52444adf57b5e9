// SPDX-License-Identifier: GPL-2.0
/*
 * vfio-user: how QEMU (vfio-user-pci, from 10.1 on) has PCI devices in other
 * processes. Messages on a unix socket, each with a reply, read and write config space
 * and regions, and hand over the guest's memory and eventfds for interrupts. The
 * MSI-X table is QEMU's own: a vector that has an eventfd is one that may be raised.
 *
 * The guest's memory is mapped into a window, each part at the place that its DMA
 * address says. What is one piece for the guest is so here, even if an IOMMU has put
 * it together of many. DMA is then direct.
 *
 * Nothing that a client sends is believed. What is wrong gets an errno, what cannot
 * even be told from the next message ends the connection.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "transport.h"

enum {
	VERSION = 1, DMA_MAP = 2, DMA_UNMAP = 3, GET_INFO = 4, GET_REGION_INFO = 5,
	GET_IRQ_INFO = 7, SET_IRQS = 8, REGION_READ = 9, REGION_WRITE = 10, RESET = 13,
};

#define TYPE_MASK	0xf
#define TYPE_REPLY	0x1
#define NO_REPLY	0x10
#define ERROR		0x20

#define FDS_MAX		8		/* with one message */
#define DATA_MAX	4096		/* of one access: all of config space */
#define ANSWER		"{\"capabilities\":{\"max_msg_fds\":8,\"max_data_xfer_size\":4096}}"

#define WINDOW		(1ULL << 40)
#define PAGE		4096
#define BURST		256		/* messages in one go: others wait */
#define SEND_MS		5000		/* who does not read for so long is gone */

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
} __attribute__((packed));

struct version {
	uint16_t major, minor;
	char text[2048];
} __attribute__((packed));

struct dma_map {
	uint32_t argsz, flags;
	uint64_t offset, addr, size;
} __attribute__((packed));

struct dma_unmap {
	uint32_t argsz, flags;
	uint64_t addr, size;
} __attribute__((packed));

struct info {
	uint32_t argsz, flags, regions, irqs;
} __attribute__((packed));

struct region_info {
	uint32_t argsz, flags, index, cap_offset;
	uint64_t size, offset;
} __attribute__((packed));

struct irq_info {
	uint32_t argsz, flags, index, count;
} __attribute__((packed));

struct set_irqs {
	uint32_t argsz, flags, index, start, count;
} __attribute__((packed));

struct access {
	uint64_t off;
	uint32_t region, count;
	uint8_t data[DATA_MAX];
} __attribute__((packed));

struct msg {
	struct header h;
	union {
		uint8_t body[1];
		struct version version;
		struct dma_map map;
		struct dma_unmap unmap;
		struct info info;
		struct region_info region;
		struct irq_info irq;
		struct set_irqs set;
		struct access access;
	};
} __attribute__((packed));

#define ACCESS_HEAD	(sizeof(struct access) - DATA_MAX)

/* Of the guest's DMA addresses; sorted, none overlaps another one. */
struct part {
	uint64_t addr, size;
	bool memory;		/* what QEMU calls read-only is not */
};

struct vfio {
	struct port port;	/* first */
	int listen, conn;
	bool greeted;
	uint8_t *window;
	struct part *part;
	unsigned int parts, room;
	int event[XL710_MSIX_NR];
	/* the message that is on its way in */
	struct msg msg;
	size_t got;
	int fd[FDS_MAX];
	unsigned int fds;
};

/* ---- memory ------------------------------------------------------------- */

/* The first part that ends behind an address. */
static unsigned int find_part(const struct vfio *v, uint64_t addr)
{
	unsigned int low = 0, high = v->parts;

	while (low < high) {
		unsigned int mid = (low + high) / 2;

		if (v->part[mid].addr + v->part[mid].size > addr)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void *translate(void *ctx, uint64_t addr, size_t len)
{
	struct vfio *v = ctx;
	unsigned int i = find_part(v, addr);
	uint64_t next = addr;

	if (addr >= WINDOW || len > WINDOW - addr)
		return NULL;
	do {
		if (i == v->parts || v->part[i].addr > next || !v->part[i].memory)
			return NULL;
		next = v->part[i].addr + v->part[i].size;
		i++;
	} while (next - addr < len);
	return v->window + addr;
}

/* 0, or an errno */
static int map_memory(struct vfio *v, const struct dma_map *m, int fd)
{
	const uint32_t both = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	bool memory = fd >= 0 && (m->flags & both) == both;
	unsigned int i;
	struct stat st;
	void *p;

	if (!m->size || m->addr + m->size < m->addr || m->flags & ~both)
		return EINVAL;
	i = find_part(v, m->addr);
	if (i < v->parts && v->part[i].addr < m->addr + m->size)
		return EEXIST;
	if (memory) {
		if ((m->addr | m->size | m->offset) % PAGE)
			return EINVAL;
		if (m->addr >= WINDOW || m->size > WINDOW - m->addr)
			return E2BIG;
		/* A page that the file does not have would be our end. */
		if (fstat(fd, &st))
			return errno;
		if (!S_ISREG(st.st_mode) || m->offset > (uint64_t)st.st_size ||
		    m->size > st.st_size - m->offset)
			return EINVAL;
		p = mmap(v->window + m->addr, m->size, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_FIXED, fd, m->offset);
		if (p == MAP_FAILED)
			return errno;
	}
	if (v->parts == v->room) {
		v->room = 2 * v->room + 16;
		v->part = realloc(v->part, v->room * sizeof(*v->part));
		if (!v->part)
			abort();
	}
	memmove(v->part + i + 1, v->part + i, (v->parts - i) * sizeof(*v->part));
	v->part[i] = (struct part) { m->addr, m->size, memory };
	v->parts++;
	return 0;
}

static void forget(struct vfio *v, const struct part *p)
{
	if (p->memory &&
	    mmap(v->window + p->addr, p->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS |
		 MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		abort();
}

static void unmap_all(struct vfio *v)
{
	while (v->parts)
		forget(v, &v->part[--v->parts]);
}

/* All that is in a range, which must not cut a part in two. */
static int unmap_memory(struct vfio *v, const struct dma_unmap *m)
{
	uint64_t end = m->addr + m->size;
	unsigned int first, last;

	if (m->flags == VFIO_DMA_UNMAP_FLAG_ALL && !m->addr && !m->size) {
		unmap_all(v);
		return 0;
	}
	if (m->flags || !m->size || end < m->addr)
		return EINVAL;
	first = find_part(v, m->addr);
	for (last = first; last < v->parts && v->part[last].addr < end; last++)
		if (v->part[last].addr < m->addr ||
		    v->part[last].addr + v->part[last].size > end)
			return EINVAL;
	if (first == last)
		return ENOENT;
	for (unsigned int i = first; i < last; i++)
		forget(v, &v->part[i]);
	memmove(v->part + first, v->part + last, (v->parts - last) * sizeof(*v->part));
	v->parts -= last - first;
	return 0;
}

/* ---- interrupts --------------------------------------------------------- */

static void set_event(struct vfio *v, unsigned int vector, int fd)
{
	if (v->event[vector] >= 0)
		close(v->event[vector]);
	v->event[vector] = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
	/* Whatever else it may be, it does not stop us. */
	if (v->event[vector] >= 0)
		fcntl(v->event[vector], F_SETFL,
		      fcntl(v->event[vector], F_GETFL) | O_NONBLOCK);
}

static bool masked(void *ctx, unsigned int vector)
{
	struct vfio *v = ctx;

	return v->event[vector] < 0;
}

static bool raise_irq(void *ctx, unsigned int vector)
{
	static const uint64_t one = 1;
	struct vfio *v = ctx;

	/* A full counter is as good: nobody has read it yet. */
	if (write(v->event[vector], &one, sizeof(one)) < 0 && errno != EAGAIN)
		xl_log(v->port.dev, "eventfd: %s", strerror(errno));
	return true;
}

static unsigned int irq_count(unsigned int index)
{
	return index == VFIO_PCI_MSIX_IRQ_INDEX ? XL710_MSIX_NR :
		index == VFIO_PCI_INTX_IRQ_INDEX;
}

static int set_irqs(struct vfio *v, const struct set_irqs *s, uint32_t size)
{
	const uint32_t action = s->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	const uint32_t data = s->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	unsigned int i, nr = irq_count(s->index);

	if (s->index >= VFIO_PCI_NUM_IRQS || size != sizeof(*s) ||
	    s->flags & ~(VFIO_IRQ_SET_ACTION_TYPE_MASK | VFIO_IRQ_SET_DATA_TYPE_MASK) ||
	    s->start > nr || s->count > nr - s->start ||
	    (v->fds && (data != VFIO_IRQ_SET_DATA_EVENTFD || v->fds != s->count)))
		return EINVAL;
	/* INTx never comes up. */
	if (s->index == VFIO_PCI_INTX_IRQ_INDEX)
		return 0;
	if (action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return EINVAL;
	if (data == VFIO_IRQ_SET_DATA_NONE) {
		/* Off with all of them. */
		if (s->count || s->start)
			return EINVAL;
		for (i = 0; i < nr; i++)
			set_event(v, i, -1);
		return 0;
	}
	if (data != VFIO_IRQ_SET_DATA_EVENTFD || !s->count)
		return EINVAL;
	for (i = 0; i < s->count; i++)
		set_event(v, s->start + i, v->fds ? v->fd[i] : -1);
	xl710_irq_resume(v->port.dev);
	return 0;
}

static const struct xl710_ops ops = {
	.dma = translate,
	.raise = raise_irq,
	.masked = masked,
};

/* ---- messages ----------------------------------------------------------- */

static void region_info(struct region_info *r)
{
	static const uint64_t size[VFIO_PCI_NUM_REGIONS] = {
		[VFIO_PCI_BAR0_REGION_INDEX] = XL710_BAR0_SIZE,
		[VFIO_PCI_BAR3_REGION_INDEX] = XL710_BAR3_SIZE,
		[VFIO_PCI_CONFIG_REGION_INDEX] = sizeof(((struct xl710 *)0)->config),
	};
	unsigned int index = r->index;

	*r = (struct region_info) { .argsz = sizeof(*r), .index = index };
	if (index >= VFIO_PCI_NUM_REGIONS || !size[index])
		return;
	r->size = size[index];
	r->flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE;
}

static bool access_ok(const struct access *a)
{
	struct region_info r = { .index = a->region };

	region_info(&r);
	return a->count <= DATA_MAX && a->off <= r.size && a->count <= r.size - a->off;
}

/* How many bytes a message has behind its header, at least and at most. */
static const struct {
	uint32_t least, most;
	unsigned int fds;
} form[] = {
	[VERSION] = { 4, sizeof(struct version), 0 },
	[DMA_MAP] = { sizeof(struct dma_map), sizeof(struct dma_map), 1 },
	[DMA_UNMAP] = { sizeof(struct dma_unmap), sizeof(struct dma_unmap), 0 },
	[GET_INFO] = { sizeof(struct info), sizeof(struct info) + 8, 0 },
	[GET_REGION_INFO] = { sizeof(struct region_info), sizeof(struct region_info), 0 },
	[GET_IRQ_INFO] = { sizeof(struct irq_info), sizeof(struct irq_info), 0 },
	[SET_IRQS] = { sizeof(struct set_irqs), sizeof(struct set_irqs), FDS_MAX },
	[REGION_READ] = { ACCESS_HEAD, ACCESS_HEAD, 0 },
	[REGION_WRITE] = { ACCESS_HEAD, sizeof(struct access), 0 },
	[RESET] = { 0, 0, 0 },
};

/* Does what a message asks for: 0, or an errno. @size: of what is behind the header,
 * and of the answer's
 */
static int run(struct vfio *v, struct msg *m, uint32_t *size)
{
	struct xl710 *dev = v->port.dev;
	unsigned int command = m->h.command;

	if (command >= sizeof(form) / sizeof(*form) || !form[command].most) {
		if (command != RESET) {
			xl_unmodelled(dev, "vfio-user command %u", command);
			return ENOTSUP;
		}
	}
	if (*size < form[command].least || *size > form[command].most ||
	    v->fds > form[command].fds)
		return EINVAL;
	if (!v->greeted && command != VERSION)
		return EPROTO;
	switch (command) {
	case VERSION:
		if (m->version.major)
			return ENOTSUP;
		/* QEMU takes no newer one than its own. */
		m->version.minor = 0;
		memcpy(m->version.text, ANSWER, sizeof(ANSWER));
		*size = 4 + sizeof(ANSWER);
		v->greeted = true;
		return 0;
	case DMA_MAP:
		*size = 0;
		return map_memory(v, &m->map, v->fds ? v->fd[0] : -1);
	case DMA_UNMAP:
		return unmap_memory(v, &m->unmap);
	case GET_INFO:
		m->info = (struct info) {
			.argsz = sizeof(m->info),
			.flags = VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET,
			.regions = VFIO_PCI_NUM_REGIONS,
			.irqs = VFIO_PCI_NUM_IRQS,
		};
		*size = sizeof(m->info);
		return 0;
	case GET_REGION_INFO:
		if (m->region.index >= VFIO_PCI_NUM_REGIONS)
			return EINVAL;
		region_info(&m->region);
		return 0;
	case GET_IRQ_INFO:
		if (m->irq.index >= VFIO_PCI_NUM_IRQS)
			return EINVAL;
		m->irq.argsz = sizeof(m->irq);
		m->irq.flags = VFIO_IRQ_INFO_EVENTFD;
		m->irq.count = irq_count(m->irq.index);
		return 0;
	case SET_IRQS: {
		int err = set_irqs(v, &m->set, *size);

		*size = 0;
		return err;
	}
	case REGION_READ:
		if (!access_ok(&m->access))
			return EINVAL;
		xl710_access(dev, false, m->access.region, m->access.off,
			     m->access.data, m->access.count);
		*size += m->access.count;
		return 0;
	case REGION_WRITE:
		if (!access_ok(&m->access) ||
		    m->access.count != *size - ACCESS_HEAD)
			return EINVAL;
		xl710_access(dev, true, m->access.region, m->access.off,
			     m->access.data, m->access.count);
		*size = ACCESS_HEAD;
		return 0;
	case RESET:
		xl_log(dev, "reset by QEMU");
		xl710_reset(dev);
		return 0;
	}
	return ENOTSUP;
}

/* ---- the connection ----------------------------------------------------- */

static void drop_fds(struct vfio *v)
{
	while (v->fds)
		close(v->fd[--v->fds]);
}

static void disconnect(struct vfio *v, const char *why)
{
	unsigned int i;

	xl_log(v->port.dev, "%s: violations %llu, not modelled %llu", why,
	       (unsigned long long)v->port.dev->violations,
	       (unsigned long long)v->port.dev->unmodelled);
	xl710_reset(v->port.dev);
	for (i = 0; i < XL710_MSIX_NR; i++)
		set_event(v, i, -1);
	unmap_all(v);
	drop_fds(v);
	close(v->conn);
	v->conn = -1;
	v->got = 0;
	v->greeted = false;
}

static bool send_all(struct vfio *v, const void *data, size_t len)
{
	struct pollfd pfd = { .fd = v->conn, .events = POLLOUT };
	ssize_t n;

	while (len) {
		n = send(v->conn, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN && poll(&pfd, 1, SEND_MS) == 1)
			continue;
		if (n <= 0)
			return false;
		data = (const char *)data + n;
		len -= n;
	}
	return true;
}

/* More of what is coming in, up to @want bytes of a message. */
static bool receive(struct vfio *v, size_t want, const char **why)
{
	union {
		char buf[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = (char *)&v->msg + v->got,
			     .iov_len = want - v->got };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf,
			    .msg_controllen = sizeof(control.buf) };
	struct cmsghdr *c;
	unsigned int i;
	ssize_t n;
	int fd;

	n = recvmsg(v->conn, &h, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0 && errno == EAGAIN)
		return false;
	*why = n ? NULL : "the guest is gone";
	if (n < 0)
		*why = strerror(errno);
	if (n <= 0)
		return false;
	v->got += n;
	for (c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (v->fds < FDS_MAX)
				v->fd[v->fds++] = fd;
			else
				close(fd);
		}
	}
	if (h.msg_flags & MSG_CTRUNC) {
		*why = "too many descriptors in a message";
		return false;
	}
	return true;
}

/* A whole message, if it is there. False: there is none, or no connection any more. */
static bool one_message(struct vfio *v)
{
	struct header *h = &v->msg.h;
	const char *why = NULL;
	bool more, wants_reply;
	uint32_t size;
	int err;

	do {
		more = receive(v, v->got < sizeof(*h) ? sizeof(*h) : h->size, &why);
		if (more && v->got == sizeof(*h) &&
		    (h->size < sizeof(*h) || h->size > sizeof(v->msg) ||
		     h->flags & TYPE_MASK)) {
			why = "this is no vfio-user";
			more = false;
		}
	} while (more && (v->got < sizeof(*h) || v->got < h->size));
	if (!more) {
		if (why)
			disconnect(v, why);
		return false;
	}
	wants_reply = !(h->flags & NO_REPLY);
	size = h->size - sizeof(*h);
	err = run(v, &v->msg, &size);
	if (err) {
		xl_log(v->port.dev, "vfio-user command %u: %s", h->command, strerror(err));
		size = 0;
	}
	drop_fds(v);
	v->got = 0;
	if (!wants_reply)
		return true;
	h->size = sizeof(*h) + size;
	h->flags = TYPE_REPLY | (err ? ERROR : 0);
	h->error = err;
	if (send_all(v, &v->msg, h->size))
		return true;
	disconnect(v, "the guest does not read");
	return false;
}

static bool vfio_work(struct port *p)
{
	struct vfio *v = (struct vfio *)p;
	unsigned int nr = 0;

	while (nr < BURST && v->conn >= 0 && one_message(v))
		nr++;
	return nr;
}

/* The socket itself tells. */
static bool vfio_sleep(struct port *p)
{
	(void)p;
	return true;
}

static void vfio_awake(struct port *p)
{
	(void)p;
}

static unsigned int vfio_fds(struct port *p, struct pollfd *fds)
{
	struct vfio *v = (struct vfio *)p;

	fds[0] = (struct pollfd) { .fd = v->conn >= 0 ? v->conn : v->listen,
				   .events = POLLIN };
	return 1;
}

static void vfio_events(struct port *p, const struct pollfd *fds, unsigned int nr)
{
	struct vfio *v = (struct vfio *)p;

	(void)nr;
	/* What comes from a guest is work. */
	if (!fds[0].revents || v->conn >= 0)
		return;
	v->conn = accept4(v->listen, NULL, NULL, SOCK_CLOEXEC);
	if (v->conn >= 0)
		xl_log(v->port.dev, "a guest has connected");
}

static const struct transport transport = {
	.work = vfio_work,
	.sleep = vfio_sleep,
	.awake = vfio_awake,
	.fds = vfio_fds,
	.events = vfio_events,
};

struct port *vfio_new(unsigned int index, const char *path)
{
	struct vfio *v = calloc(1, sizeof(*v));
	unsigned int i;

	if (!v)
		abort();
	v->port.transport = &transport;
	v->conn = -1;
	for (i = 0; i < XL710_MSIX_NR; i++)
		v->event[i] = -1;
	v->window = mmap(NULL, WINDOW, PROT_NONE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (v->window == MAP_FAILED)
		abort();
	v->listen = listen_on(path);
	v->port.dev = xl710_new(index, &ops, v);
	return &v->port;
}

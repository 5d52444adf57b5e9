// SPDX-License-Identifier: GPL-2.0
/*
 * Tests of the transport for QEMU: a client that says what QEMU says, and much that it
 * never would. It runs in the server's own thread, so each step is done when the
 * server has nothing more to do. Prints KTAP.
 */
#include <dirent.h>
#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "check.h"
#include "transport.h"

enum {
	VERSION = 1, DMA_MAP = 2, DMA_UNMAP = 3, GET_INFO = 4, GET_REGION_INFO = 5,
	GET_IRQ_INFO = 7, SET_IRQS = 8, REGION_READ = 9, REGION_WRITE = 10, RESET = 13,
};

#define REPLY		1
#define NO_REPLY	0x10
#define ERROR		0x20

#define GONE		(-1)	/* the server has closed the connection */
#define SILENT		(-2)	/* and this is no answer at all */

#define MEM_SIZE	(64U << 10)
#define DMA		0x100000ULL

struct header {
	uint16_t id, command;
	uint32_t size, flags, error;
} __attribute__((packed));

static struct port *port;
static char socket_path[64];
static int conn = -1;
static uint16_t last_id;
static int memfd;
static uint8_t *mem;

/* What an answer has behind its header */
static uint8_t answer[8192];
static uint32_t answer_len;

static void serve(void)
{
	const struct transport *t = port->transport;
	struct pollfd fds[PORT_FDS];
	unsigned int nr;

	/* Twice: first it may be the connection that comes. */
	for (int i = 0; i < 2; i++) {
		nr = t->fds(port, fds);
		if (poll(fds, nr, 0) > 0)
			t->events(port, fds, nr);
		while (t->work(port))
			;
	}
}

static void leave(void)
{
	if (conn >= 0)
		close(conn);
	conn = -1;
	serve();
}

static void enter(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	leave();
	strcpy(addr.sun_path, socket_path);
	conn = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(conn >= 0 && !connect(conn, (struct sockaddr *)&addr, sizeof(addr)));
	serve();
}

static void put(const void *data, size_t len, const int *fd, unsigned int fds)
{
	union {
		char buf[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	if (fds) {
		h.msg_control = control.buf;
		h.msg_controllen = CMSG_SPACE(fds * sizeof(int));
		c = CMSG_FIRSTHDR(&h);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(fds * sizeof(int));
		memcpy(CMSG_DATA(c), fd, fds * sizeof(int));
	}
	CHECK_EQ(sendmsg(conn, &h, MSG_NOSIGNAL), len);
}

/* The next answer's error, GONE or SILENT */
static int get(uint16_t command)
{
	struct header h;
	ssize_t n = recv(conn, &h, sizeof(h), MSG_DONTWAIT);

	answer_len = 0;
	if (n < 0 && errno == EAGAIN)
		return SILENT;
	if (n <= 0)
		return GONE;
	CHECK_EQ(n, sizeof(h));
	CHECK_EQ(h.id, last_id);
	CHECK_EQ(h.command, command);
	CHECK(h.size >= sizeof(h) && h.size <= sizeof(h) + sizeof(answer));
	CHECK_EQ(h.flags, h.error ? REPLY | ERROR : REPLY);
	answer_len = h.size - sizeof(h);
	CHECK(!h.error || !answer_len);
	if (answer_len)
		CHECK_EQ(recv(conn, answer, answer_len, MSG_DONTWAIT), answer_len);
	return h.error;
}

static int call_fds(uint16_t command, const void *body, uint32_t len, uint32_t flags,
		    const int *fd, unsigned int fds)
{
	uint8_t msg[sizeof(struct header) + 8192];
	struct header h = { .id = ++last_id, .command = command,
			    .size = sizeof(h) + len, .flags = flags };

	memcpy(msg, &h, sizeof(h));
	if (len)
		memcpy(msg + sizeof(h), body, len);
	put(msg, sizeof(h) + len, fd, fds);
	serve();
	return get(command);
}

static int call(uint16_t command, const void *body, uint32_t len)
{
	return call_fds(command, body, len, 0, NULL, 0);
}

static int greet(unsigned int major)
{
	char text[64] = { major, 0, 1, 0, '{', '}', 0 };

	return call(VERSION, text, 7);
}

static void begin(void)
{
	enter();
	CHECK_EQ(greet(0), 0);
}

static int map(uint64_t addr, uint64_t size, uint64_t off, uint32_t flags, int fd)
{
	struct {
		uint32_t argsz, flags;
		uint64_t off, addr, size;
	} m = { sizeof(m), flags, off, addr, size };

	return call_fds(DMA_MAP, &m, sizeof(m), 0, &fd, fd >= 0);
}

static int unmap(uint64_t addr, uint64_t size, uint32_t flags)
{
	struct {
		uint32_t argsz, flags;
		uint64_t addr, size;
	} m = { sizeof(m), flags, addr, size };

	return call(DMA_UNMAP, &m, sizeof(m));
}

struct access {
	uint64_t off;
	uint32_t region, count;
	uint8_t data[4104];
} __attribute__((packed));

static int reg(bool write, uint32_t region, uint64_t off, uint32_t count,
	       const void *data, uint32_t flags)
{
	struct access a = { off, region, count, { 0 } };
	unsigned int len = write ? count : 0;

	if (len > sizeof(a.data))
		len = sizeof(a.data);
	if (len)
		memcpy(a.data, data, len);
	return call_fds(write ? REGION_WRITE : REGION_READ, &a, 16 + len, flags, NULL, 0);
}

static uint32_t r32(uint32_t region, uint64_t off)
{
	uint32_t val = 0;

	CHECK_EQ(reg(false, region, off, 4, NULL, 0), 0);
	CHECK_EQ(answer_len, 20);
	memcpy(&val, answer + 16, 4);
	return val;
}

static int irqs(uint32_t flags, uint32_t index, uint32_t start, uint32_t count,
		const int *fd, unsigned int fds)
{
	uint32_t s[5] = { sizeof(s), flags, index, start, count };

	return call_fds(SET_IRQS, s, sizeof(s), 0, fd, fds);
}

#define EVENTS	(VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER)
#define NONE	(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER)

static void *dma(uint64_t addr, size_t len)
{
	return port->dev->ops->dma(port->dev->ctx, addr, len);
}

static unsigned int open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nr = 0;

	while (readdir(dir))
		nr++;
	closedir(dir);
	return nr;
}

/* ---- tests -------------------------------------------------------------- */

static void test_version(void)
{
	uint16_t version[2];

	enter();
	CHECK_EQ(reg(false, 7, 0, 4, NULL, 0), EPROTO);
	CHECK_EQ(greet(1), ENOTSUP);
	CHECK_EQ(reg(false, 7, 0, 4, NULL, 0), EPROTO);
	CHECK_EQ(greet(0), 0);
	memcpy(version, answer, 4);
	CHECK_EQ(version[0], 0);
	CHECK_EQ(version[1], 0);
	CHECK(!answer[answer_len - 1]);
	CHECK(!strncmp((char *)answer + 4, "{\"capabilities\":{", 17));
	CHECK_EQ(reg(false, 7, 0, 4, NULL, 0), 0);
}

static void test_info(void)
{
	static const uint64_t size[9] = { 8 << 20, 0, 0, 32 << 10, 0, 0, 0, 4096, 0 };
	uint32_t info[4] = { 16 }, irq[4] = { 16 };
	struct {
		uint32_t argsz, flags, index, cap;
		uint64_t size, off;
	} region = { sizeof(region), 0, 0, 0, 0, 0 };
	unsigned int i;

	begin();
	CHECK_EQ(call(GET_INFO, info, 16), 0);
	memcpy(info, answer, 16);
	CHECK_EQ(info[1], VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	CHECK_EQ(info[2], 9);
	CHECK_EQ(info[3], 5);
	for (i = 0; i < 9; i++) {
		region.index = i;
		CHECK_EQ(call(GET_REGION_INFO, &region, 32), 0);
		memcpy(&region, answer, 32);
		CHECK_EQ(region.index, i);
		CHECK_EQ(region.size, size[i]);
		CHECK_EQ(region.flags, size[i] ? 3 : 0);
	}
	region.index = 9;
	CHECK_EQ(call(GET_REGION_INFO, &region, 32), EINVAL);
	for (i = 0; i < 5; i++) {
		irq[2] = i;
		CHECK_EQ(call(GET_IRQ_INFO, irq, 16), 0);
		memcpy(irq, answer, 16);
		CHECK_EQ(irq[3], i == 2 ? XL710_MSIX_NR : i == 0);
	}
	irq[2] = 5;
	CHECK_EQ(call(GET_IRQ_INFO, irq, 16), EINVAL);
}

static void test_regions(void)
{
	static const uint8_t data[4104];
	uint32_t val = 0x11223344;
	unsigned int i;

	begin();
	CHECK_EQ(r32(7, 0), 0x15728086);
	CHECK_EQ(reg(false, 7, 0, 4096, NULL, 0), 0);
	CHECK_EQ(answer_len, 16 + 4096);
	CHECK_EQ(answer[16], 0x86);
	/* The mailbox is in there, too. */
	CHECK_EQ(reg(true, 7, 0x110, 6, "status", 0), 0);
	val = 6;
	CHECK_EQ(reg(true, 7, 0x108, 4, &val, 0), 0);
	CHECK_EQ(r32(7, 0x108), 0);
	CHECK(r32(7, 0x10c) > 20);

	val = 0x11223344;
	CHECK_EQ(reg(true, 0, PFQF_HKEY(0), 4, &val, 0), 0);
	CHECK_EQ(answer_len, 16);
	CHECK_EQ(r32(0, PFQF_HKEY(0)), 0x11223344);
	CHECK_EQ(reg(false, 0, PFQF_HKEY(0), 8, NULL, 0), 0);
	CHECK_EQ(answer_len, 24);
	val = 5;
	CHECK_EQ(reg(true, 0, PFQF_HKEY(0), 4, &val, NO_REPLY), SILENT);
	CHECK_EQ(r32(0, PFQF_HKEY(0)), 5);

	/* What is not there, or only in part. */
	for (i = 0; i < 2; i++) {
		CHECK_EQ(reg(i, 0, 8 << 20, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 0, (8 << 20) - 2, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 0, ~0ULL, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 0, ~0ULL - 3, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 7, 4094, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 1, 0, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 9, 0, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, ~0U, 0, 4, data, 0), EINVAL);
		CHECK_EQ(reg(i, 0, 8 << 20, 4, data, NO_REPLY), SILENT);
		/* Across the end of what is writable. */
		CHECK_EQ(reg(i, 7, 0xfe, 4, data, 0), 0);
		CHECK_EQ(reg(i, 7, 0xff, 7, data, 0), 0);
	}
	CHECK_EQ(reg(false, 7, 0, 4097, NULL, 0), EINVAL);
	CHECK_EQ(reg(false, 0, 0, ~0U, NULL, 0), EINVAL);
	CHECK_EQ(reg(true, 0, PFQF_HKEY(1), 0, data, 0), 0);
	/* More than a message may have */
	CHECK_EQ(reg(true, 7, 0, 4097, data, 0), GONE);
}

static void test_reset(void)
{
	uint32_t val = 9;

	begin();
	CHECK_EQ(reg(true, 0, PFQF_HKEY(0), 4, &val, 0), 0);
	CHECK_EQ(r32(0, PFQF_HKEY(0)), 9);
	CHECK_EQ(call(RESET, NULL, 0), 0);
	CHECK_EQ(r32(0, PFQF_HKEY(0)), 0);
}

static void test_dma(void)
{
	begin();
	CHECK(!dma(DMA, 1));
	/* What is one piece to the device is two to the machine. */
	CHECK_EQ(map(DMA, 8192, 4096, 3, memfd), 0);
	CHECK_EQ(map(DMA + 8192, 4096, 0, 3, memfd), 0);
	mem[4096 + 8191] = 0x12;
	mem[0] = 0x34;
	CHECK(dma(DMA, 12288));
	CHECK(!dma(DMA, 12289));
	CHECK(!dma(DMA - 1, 2));
	CHECK(!dma(DMA + 12288, 1));
	CHECK(!dma(~0ULL, 1));
	CHECK(!dma(~0ULL, ~0UL));
	if (dma(DMA, 12288)) {
		CHECK_EQ(((uint8_t *)dma(DMA + 8191, 2))[0], 0x12);
		CHECK_EQ(((uint8_t *)dma(DMA + 8191, 2))[1], 0x34);
		((uint8_t *)dma(DMA, 1))[0] = 0x56;
		CHECK_EQ(mem[4096], 0x56);
	}

	/* Another one in the same place; one that does not fit; none. */
	CHECK_EQ(map(DMA, 4096, 0, 3, memfd), EEXIST);
	CHECK_EQ(map(DMA + 4096, 1 << 20, 0, 3, -1), EEXIST);
	CHECK_EQ(map(DMA - 4096, 8192, 0, 3, memfd), EEXIST);
	CHECK_EQ(map(0, 0, 0, 3, memfd), EINVAL);
	CHECK_EQ(map(~0ULL - 4095, 8192, 0, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, MEM_SIZE + 4096, 0, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, 8192, MEM_SIZE - 4096, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, 4096, ~0ULL - 4095, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200001, 4096, 0, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, 4097, 0, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, 4096, 1, 3, memfd), EINVAL);
	CHECK_EQ(map(0x200000, 4096, 0, 7, memfd), EINVAL);
	CHECK_EQ(map(1ULL << 50, 4096, 0, 3, memfd), E2BIG);
	CHECK_EQ(map(0x200000, 4096, 0, 3, conn), EINVAL);
	CHECK(!dma(0x200000, 1));

	/* What is for reading only, or has no file, is known and of no use. */
	CHECK_EQ(map(0x300000, 4096, 0, 1, memfd), 0);
	CHECK_EQ(map(0x301000, 4096, 0, 1, -1), 0);
	CHECK(!dma(0x300000, 1));
	CHECK(!dma(0x301000, 1));
	CHECK_EQ(map(0x300000, 4096, 0, 3, memfd), EEXIST);

	/* In whole parts only. */
	CHECK_EQ(unmap(DMA, 4096, 0), EINVAL);
	CHECK_EQ(unmap(DMA + 4096, 8192, 0), EINVAL);
	CHECK_EQ(unmap(DMA, 0, 0), EINVAL);
	CHECK_EQ(unmap(DMA, ~0ULL, 0), EINVAL);
	CHECK_EQ(unmap(DMA, 12288, 1), EINVAL);
	CHECK_EQ(unmap(0x400000, 4096, 0), ENOENT);
	CHECK(dma(DMA, 12288));
	CHECK_EQ(unmap(DMA + 8192, 4096, 0), 0);
	CHECK(dma(DMA, 8192));
	CHECK(!dma(DMA, 8193));
	CHECK_EQ(map(DMA + 8192, 4096, 8192, 3, memfd), 0);
	CHECK(dma(DMA, 12288));
	CHECK_EQ(unmap(DMA, 12288, 0), 0);
	CHECK(!dma(DMA, 1));
	CHECK_EQ(unmap(0x300000, 8192, 0), 0);
	CHECK_EQ(map(DMA, 4096, 0, 3, memfd), 0);
	CHECK_EQ(map(DMA + 8192, 4096, 0, 3, memfd), 0);
	CHECK(!dma(DMA, 4097));
	CHECK_EQ(unmap(0, 0, 2), 0);
	CHECK(!dma(DMA, 1));
	CHECK(!dma(DMA + 8192, 1));
}

/* How often it came */
static uint64_t count(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

static void test_interrupts(void)
{
	uint16_t master = 0x0406;
	int fd[4], none[9];
	unsigned int i;

	begin();
	for (i = 0; i < 4; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	CHECK_EQ(reg(true, 7, 4, 2, &master, 0), 0);
	pci_raise(port->dev, 2);
	CHECK(port->dev->vector[2].pending);
	/* One that waits for its file comes with it. */
	CHECK_EQ(irqs(EVENTS, 2, 1, 4, fd, 4), 0);
	CHECK_EQ(count(fd[1]), 1);
	CHECK(!port->dev->vector[2].pending);
	for (i = 1; i <= 4; i++)
		pci_raise(port->dev, i);
	for (i = 0; i < 4; i++)
		CHECK_EQ(count(fd[i]), 1);
	/* A reset forgets what the device knows, and not whose they are. */
	CHECK_EQ(call(RESET, NULL, 0), 0);
	CHECK_EQ(reg(true, 7, 4, 2, &master, 0), 0);
	pci_raise(port->dev, 3);
	CHECK_EQ(count(fd[2]), 1);

	CHECK_EQ(irqs(EVENTS, 2, 2, 2, NULL, 0), 0);
	pci_raise(port->dev, 1);
	pci_raise(port->dev, 2);
	CHECK_EQ(count(fd[0]), 1);
	CHECK_EQ(count(fd[1]), 0);
	CHECK_EQ(irqs(NONE, 2, 0, 0, NULL, 0), 0);
	pci_raise(port->dev, 1);
	CHECK_EQ(count(fd[0]), 0);

	/* The legacy one is there to be taken. */
	CHECK_EQ(irqs(EVENTS, 0, 0, 1, fd, 1), 0);
	CHECK_EQ(irqs(NONE, 0, 0, 0, NULL, 0), 0);

	CHECK_EQ(irqs(EVENTS, 2, XL710_MSIX_NR - 1, 1, fd, 1), 0);
	CHECK_EQ(irqs(EVENTS, 2, XL710_MSIX_NR - 1, 2, fd, 2), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, XL710_MSIX_NR, 1, fd, 1), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, ~0U, 2, fd, 2), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, 0, ~0U, fd, 1), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, 0, 3, fd, 2), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, 0, 1, fd, 2), EINVAL);
	CHECK_EQ(irqs(EVENTS, 1, 0, 1, fd, 1), EINVAL);
	CHECK_EQ(irqs(EVENTS, 3, 0, 1, fd, 1), EINVAL);
	CHECK_EQ(irqs(EVENTS, 5, 0, 1, fd, 1), EINVAL);
	CHECK_EQ(irqs(EVENTS, 2, 0, 0, NULL, 0), EINVAL);
	CHECK_EQ(irqs(NONE, 2, 0, 1, fd, 1), EINVAL);
	CHECK_EQ(irqs(NONE, 2, 0, 1, NULL, 0), EINVAL);
	CHECK_EQ(irqs(VFIO_IRQ_SET_DATA_BOOL | VFIO_IRQ_SET_ACTION_TRIGGER, 2, 0, 1,
		      NULL, 0), EINVAL);
	CHECK_EQ(irqs(VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, 2, 0, 1, NULL,
		      0), EINVAL);
	CHECK_EQ(irqs(EVENTS | 1 << 20, 2, 0, 1, fd, 1), EINVAL);
	/* Not even one that nobody reads stops the model. */
	CHECK_EQ(irqs(EVENTS, 2, 1, 1, &conn, 1), 0);
	for (i = 0; i < 3; i++)
		pci_raise(port->dev, 1);

	/* More than a message may have */
	for (i = 0; i < 9; i++)
		none[i] = fd[0];
	CHECK_EQ(irqs(EVENTS, 2, 0, 9, none, 9), GONE);
	for (i = 0; i < 4; i++)
		close(fd[i]);
}

/* Each command with less and more behind its header than it takes */
static void test_sizes(void)
{
	static const struct {
		uint16_t command;
		uint32_t least, most;
	} form[] = {
		{ VERSION, 4, 2052 }, { DMA_MAP, 32, 32 }, { DMA_UNMAP, 24, 24 },
		{ GET_INFO, 16, 24 }, { GET_REGION_INFO, 32, 32 },
		{ GET_IRQ_INFO, 16, 16 }, { SET_IRQS, 20, 20 }, { REGION_READ, 16, 16 },
		{ REGION_WRITE, 16, 4112 }, { RESET, 0, 0 },
	};
	static const uint8_t body[4112 + 1];
	unsigned int i;
	uint32_t len;

	begin();
	for (i = 0; i < sizeof(form) / sizeof(*form); i++) {
		for (len = 0; len < form[i].least; len++)
			CHECK_EQ(call(form[i].command, body, len), EINVAL);
		/* The longest one of all cannot be longer */
		if (form[i].command != REGION_WRITE)
			CHECK_EQ(call(form[i].command, body, form[i].most + 1), EINVAL);
		if (form[i].command != DMA_MAP && form[i].command != SET_IRQS)
			CHECK_EQ(call_fds(form[i].command, body, form[i].least, 0,
					  &memfd, 1), EINVAL);
	}
	CHECK_EQ(call(0, NULL, 0), ENOTSUP);
	CHECK_EQ(call(6, body, 16), ENOTSUP);
	CHECK_EQ(call(14, body, 16), ENOTSUP);
	CHECK_EQ(call(0xffff, body, 16), ENOTSUP);
	CHECK_EQ(r32(7, 0), 0x15728086);
}

/* What cannot be told from the next message ends the connection. */
static void test_nonsense(void)
{
	struct header h = { .command = RESET };
	static const uint32_t size[] = { 0, 15, 5000, 1U << 31, ~0U };
	unsigned int i;

	for (i = 0; i < sizeof(size) / sizeof(*size); i++) {
		begin();
		h.size = size[i];
		put(&h, sizeof(h), NULL, 0);
		serve();
		CHECK_EQ(get(RESET), GONE);
	}
	begin();
	h.size = sizeof(h);
	h.flags = REPLY;
	put(&h, sizeof(h), NULL, 0);
	serve();
	CHECK_EQ(get(RESET), GONE);
	begin();
	CHECK_EQ(r32(7, 0), 0x15728086);
}

/* Byte for byte, several at once, and half of one */
static void test_stream(void)
{
	struct {
		struct header h;
		uint64_t off;
		uint32_t region, count;
	} __attribute__((packed)) m[3] = { 0 };
	unsigned int i, k;

	begin();
	for (i = 0; i < 3; i++) {
		m[i].h.command = REGION_READ;
		m[i].h.size = sizeof(m[i]);
		m[i].h.id = 100 + i;
		m[i].region = 7;
		m[i].count = 4;
	}
	for (k = 0; k < sizeof(m[0]); k++) {
		put((uint8_t *)m + k, 1, NULL, 0);
		serve();
		last_id = 100;
		CHECK_EQ(get(REGION_READ), k + 1 < sizeof(m[0]) ? SILENT : 0);
	}
	put(m, sizeof(m) - 5, NULL, 0);
	serve();
	for (i = 0; i < 2; i++) {
		last_id = 100 + i;
		CHECK_EQ(get(REGION_READ), 0);
		CHECK_EQ(answer[16], 0x86);
	}
	CHECK_EQ(get(REGION_READ), SILENT);
	leave();
	begin();
	CHECK_EQ(r32(7, 0), 0x15728086);
}

/* Whoever comes next finds nothing of who was there. */
static void test_gone(void)
{
	unsigned int files, i;
	uint32_t val = 9;
	int fd[8];

	enter();
	leave();
	files = open_files();
	for (i = 0; i < 8; i++)
		fd[i] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	begin();
	CHECK_EQ(map(DMA, 4096, 0, 3, memfd), 0);
	CHECK_EQ(irqs(EVENTS, 2, 1, 8, fd, 8), 0);
	CHECK_EQ(irqs(EVENTS, 2, 4, 8, fd, 8), 0);
	CHECK_EQ(call_fds(RESET, NULL, 0, 0, fd, 8), EINVAL);
	CHECK_EQ(reg(true, 0, PFQF_HKEY(0), 4, &val, 0), 0);
	leave();
	for (i = 0; i < 8; i++)
		close(fd[i]);
	CHECK_EQ(open_files(), files);
	CHECK(!dma(DMA, 1));
	begin();
	CHECK_EQ(r32(0, PFQF_HKEY(0)), 0);
	leave();
	CHECK_EQ(open_files(), files);
}

static uint32_t random_state = 1;

static uint32_t rnd(uint32_t below)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 17;
	random_state ^= random_state << 5;
	return random_state % below;
}

/* Messages that are nearly right. The server outlives them, and is as good as new. */
static void test_random(void)
{
	static const uint32_t odd[] = {
		0, 1, 2, 3, 4, 7, 8, 9, 16, 63, 64, 4095, 4096, 4097, 0x100000, 1U << 31,
		~0U - 3, ~0U,
	};
	unsigned int round, i, files, fds, gone = 0, good = 0;
	uint32_t body[64], len;
	int fd[3], ret;

	leave();
	files = open_files();
	begin();
	for (round = 0; round < 50000; round++) {
		for (i = 0; i < 64; i++)
			body[i] = odd[rnd(sizeof(odd) / sizeof(*odd))];
		fds = rnd(4) ? 0 : rnd(4);
		for (i = 0; i < fds; i++)
			fd[i] = rnd(2) ? memfd : STDIN_FILENO;
		len = rnd(2) ? 4 * rnd(12) : rnd(256);
		ret = call_fds(1 + rnd(14), body, len, rnd(16) ? 0 : rnd(64), fd, fds);
		good += !ret;
		if (ret == GONE) {
			gone++;
			begin();
		}
	}
	/* There were some of both. */
	CHECK(gone > 100);
	CHECK(good > 100);
	begin();
	CHECK_EQ(r32(7, 0), 0x15728086);
	leave();
	CHECK_EQ(open_files(), files);
}

static void fresh(void)
{
	leave();
}

static const struct test tests[] = {
	{ "version", test_version },
	{ "what there is", test_info },
	{ "regions: config space, registers, posted writes", test_regions },
	{ "reset", test_reset },
	{ "memory", test_dma },
	{ "interrupts", test_interrupts },
	{ "messages too short and too long", test_sizes },
	{ "nonsense", test_nonsense },
	{ "messages in pieces", test_stream },
	{ "a client that is gone", test_gone },
	{ "messages that are nearly right", test_random },
};

int main(void)
{
	char dir[] = "/tmp/xl710-vfio.XXXXXX";
	unsigned int failed;

	if (!mkdtemp(dir))
		return 1;
	snprintf(socket_path, sizeof(socket_path), "%s/port0", dir);
	memfd = memfd_create("guest", MFD_CLOEXEC);
	if (memfd < 0 || ftruncate(memfd, MEM_SIZE))
		return 1;
	mem = mmap(NULL, MEM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memfd, 0);
	if (mem == MAP_FAILED)
		return 1;
	port = vfio_new(0, socket_path);
	failed = run_tests(tests, sizeof(tests) / sizeof(*tests), fresh);
	leave();
	unlink(socket_path);
	rmdir(dir);
	return !!failed;
}

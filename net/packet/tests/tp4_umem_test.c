// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of packet buffers
 */

#include <linux/if_vlan.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include "tp4_test.h"

#define TP4_UMEM_PAGES	8

/* Frames of @size must leave room for a frame of Ethernet with a tag. */
#define TP4_HEADROOM(size)	((size) - VLAN_ETH_FRAME_LEN)

struct tp4_memreg_case {
	const char *name;
	/* from the start of memory that is there, of TP4_UMEM_PAGES pages */
	u64 addr;
	u64 len;
	u32 frame_size;
	u32 data_headroom;
	int error;
	/* the address itself */
	bool absolute;
};

static const struct tp4_memreg_case tp4_memreg_cases[] = {
	{ "one frame", 0, 2048 },
	{ "one page", 0, PAGE_SIZE },
	{ "a page and a half", 0, PAGE_SIZE + 2048, 2048 },
	{ "all", 0, TP4_UMEM_PAGES * PAGE_SIZE, 2048 },
	{ "all, frames of a page", 0, TP4_UMEM_PAGES * PAGE_SIZE, PAGE_SIZE },
	{ "last page", (TP4_UMEM_PAGES - 1) * PAGE_SIZE, PAGE_SIZE },

	{ "addr off by 1", 1, 2048, .error = EINVAL },
	{ "addr off by half a page", PAGE_SIZE / 2, 2048, .error = EINVAL },
	{ "addr off by a page less 1", PAGE_SIZE - 1, 2048, .error = EINVAL },

	{ "len 0", 0, 0, .error = EINVAL },
	{ "len 1", 0, 1, .error = EINVAL },
	{ "len of a frame less 1", 0, 2047, .error = EINVAL },
	{ "len of a frame and 1", 0, 2049, .error = EINVAL },
	{ "len of half a frame more", 0, PAGE_SIZE + 2048, PAGE_SIZE,
	  .error = EINVAL },
	{ "len too large by a frame", 0, (1ULL << 42) + 2048, .error = EINVAL },
	{ "len 2^63", 0, 1ULL << 63, .error = EINVAL },
	{ "len 2^64 less a page", 0, -(u64)PAGE_SIZE, .error = EINVAL },

	{ "past the end of addresses", -PAGE_SIZE, 2 * PAGE_SIZE,
	  .error = EINVAL, .absolute = true },
	{ "to the end of addresses", -PAGE_SIZE, PAGE_SIZE,
	  .error = EINVAL, .absolute = true },
	{ "a page before the end of addresses", -2 * PAGE_SIZE, PAGE_SIZE,
	  .error = EINVAL, .absolute = true },
	{ "two pages before the end of addresses", -3 * PAGE_SIZE, PAGE_SIZE,
	  .error = EFAULT, .absolute = true },

	{ "not there", TP4_UMEM_PAGES * PAGE_SIZE, PAGE_SIZE,
	  .error = EFAULT },
	{ "the last page not there", 0, (TP4_UMEM_PAGES + 1) * PAGE_SIZE,
	  .error = EFAULT },

	{ "frames of 1", 0, PAGE_SIZE, 1, .error = EINVAL },
	{ "frames of 1024", 0, PAGE_SIZE, 1024, .error = EINVAL },
	{ "frames of 2047", 0, PAGE_SIZE * 2047, 2047, .error = EINVAL },
	{ "frames of 2049", 0, PAGE_SIZE * 2049, 2049, .error = EINVAL },
	{ "frames of 3072", 0, PAGE_SIZE * 3, 3072, .error = EINVAL },
	{ "frames of two pages", 0, PAGE_SIZE * 2, PAGE_SIZE * 2,
	  .error = EINVAL },
	{ "frames of 2^31", 0, 1ULL << 31, 1U << 31, .error = EINVAL },
	{ "frames of 2^32 - 1", 0, U32_MAX, U32_MAX, .error = EINVAL },

	{ "headroom 1", 0, 2048, 2048, 1 },
	{ "most headroom", 0, 2048, 2048, TP4_HEADROOM(2048) },
	{ "most headroom, default size", 0, 2048, 0, TP4_HEADROOM(2048) },
	{ "most headroom, frames of a page", 0, PAGE_SIZE, PAGE_SIZE,
	  TP4_HEADROOM(PAGE_SIZE) },
	{ "too much headroom", 0, 2048, 2048, TP4_HEADROOM(2048) + 1,
	  .error = EINVAL },
	{ "too much headroom, default size", 0, 2048, 0,
	  TP4_HEADROOM(2048) + 1, .error = EINVAL },
	{ "too much headroom, frames of a page", 0, PAGE_SIZE, PAGE_SIZE,
	  TP4_HEADROOM(PAGE_SIZE) + 1, .error = EINVAL },
	{ "headroom of a frame", 0, 2048, 2048, 2048, .error = EINVAL },
	{ "headroom 2^32 - 1", 0, 2048, 2048, U32_MAX, .error = EINVAL },
};

KUNIT_ARRAY_PARAM_DESC(tp4_memreg, tp4_memreg_cases, name);

/* User memory, and a page behind it that is not there. */
static unsigned long tp4_umem_test_map(struct kunit *test, int prot)
{
	size_t size = TP4_UMEM_PAGES * PAGE_SIZE;
	unsigned long addr;

	addr = kunit_vm_mmap(test, NULL, 0, size + PAGE_SIZE, prot,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0);
	KUNIT_ASSERT_LT(test, addr, (unsigned long)TASK_SIZE);
	KUNIT_ASSERT_EQ(test, vm_munmap(addr + size, PAGE_SIZE), 0);
	return addr;
}

static struct tp4_umem *tp4_umem_new(const struct tpacket_memreg_req *req)
{
	struct tpacket_memreg_req copy = *req;

	return tp4_umem_create(KERNEL_SOCKPTR(&copy), sizeof(copy));
}

static void tp4_umem_memreg(struct kunit *test)
{
	const struct tp4_memreg_case *c = test->param_value;
	unsigned long addr = tp4_umem_test_map(test, PROT_READ | PROT_WRITE);
	struct tpacket_memreg_req req = {
		.addr = c->absolute ? c->addr : addr + c->addr,
		.len = c->len,
		.frame_size = c->frame_size,
		.data_headroom = c->data_headroom,
	};
	u32 size = c->frame_size ?: TP4_FRAME_SIZE_DEFAULT;
	struct tp4_umem *umem;

	umem = tp4_umem_new(&req);
	if (c->error) {
		KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(umem), -c->error);
	} else {
		KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(umem), 0);
		KUNIT_EXPECT_EQ(test, tp4_umem_frame_size(umem), size);
		KUNIT_EXPECT_EQ(test, umem->frame_nr, c->len / size);
		KUNIT_EXPECT_EQ(test, umem->data_headroom, c->data_headroom);
		KUNIT_EXPECT_EQ(test, umem->npages,
				DIV_ROUND_UP(c->len, PAGE_SIZE));
		KUNIT_EXPECT_EQ(test, refcount_read(&umem->users), 1);
	}
	if (!IS_ERR(umem))
		tp4_umem_put(umem);
}

static void tp4_umem_argument(struct kunit *test)
{
	unsigned long addr = tp4_umem_test_map(test, PROT_READ | PROT_WRITE);
	struct {
		struct tpacket_memreg_req req;
		u32 more;
	} arg = {
		.req = { .addr = addr, .len = PAGE_SIZE },
	};
	struct tp4_umem *umem;
	u32 len;

	for (len = 0; len <= sizeof(arg); len++) {
		umem = tp4_umem_create(KERNEL_SOCKPTR(&arg), len);
		KUNIT_EXPECT_EQ_MSG(test, PTR_ERR_OR_ZERO(umem),
				    len == sizeof(arg.req) ? 0 : -EINVAL,
				    "%u bytes", len);
		if (!IS_ERR(umem))
			tp4_umem_put(umem);
	}
	umem = tp4_umem_create(USER_SOCKPTR((void __user *)addr +
					    TP4_UMEM_PAGES * PAGE_SIZE),
			       sizeof(arg.req));
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(umem), -EFAULT);
}

/* The kernel and user space see the same memory, in the same order. */
static void tp4_umem_contents(struct kunit *test)
{
	unsigned long addr = tp4_umem_test_map(test, PROT_READ | PROT_WRITE);
	struct tpacket_memreg_req req = {
		.addr = addr,
		.len = TP4_UMEM_PAGES * PAGE_SIZE,
	};
	struct tp4_umem *umem;
	u32 i, frame, seen;

	umem = tp4_umem_new(&req);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(umem), 0);
	for (i = 0; i < umem->frame_nr; i++) {
		frame = 1000 + i;
		KUNIT_EXPECT_EQ(test,
				put_user(frame, (u32 __user *)(addr + i * 2048)),
				0);
		KUNIT_EXPECT_EQ(test, *(u32 *)(umem->addr + i * 2048), frame);
		*(u32 *)(umem->addr + i * 2048 + 2044) = frame + 5000;
		KUNIT_EXPECT_EQ(test,
				get_user(seen, (u32 __user *)(addr + i * 2048 +
							      2044)), 0);
		KUNIT_EXPECT_EQ(test, seen, frame + 5000);
	}
	tp4_umem_put(umem);
}

/* Pages are pinned once for each buffer, until its last user has gone. */
static void tp4_umem_pins(struct kunit *test)
{
	unsigned long addr = tp4_umem_test_map(test, PROT_READ | PROT_WRITE);
	struct tpacket_memreg_req req = {
		.addr = addr,
		.len = TP4_UMEM_PAGES * PAGE_SIZE,
	};
	struct page *pages[TP4_UMEM_PAGES];
	struct tp4_umem *umem, *other;
	u32 i;

	umem = tp4_umem_new(&req);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(umem), 0);
	memcpy(pages, umem->pages, sizeof(pages));
	other = tp4_umem_new(&req);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(other), 0);
	KUNIT_EXPECT_MEMEQ(test, other->pages, pages, sizeof(pages));

	KUNIT_EXPECT_PTR_EQ(test, tp4_umem_get(umem), umem);
	tp4_umem_put(other);
	tp4_umem_put(umem);
	for (i = 0; i < TP4_UMEM_PAGES; i++)
		KUNIT_EXPECT_TRUE_MSG(test,
				      folio_maybe_dma_pinned(page_folio(pages[i])),
				      "page %u", i);
	tp4_umem_put(umem);
	for (i = 0; i < TP4_UMEM_PAGES; i++)
		KUNIT_EXPECT_FALSE_MSG(test,
				       folio_maybe_dma_pinned(page_folio(pages[i])),
				       "page %u", i);
	tp4_umem_put(NULL);
}

/* When a page is missing, those before it are left alone. */
static void tp4_umem_pins_failed(struct kunit *test)
{
	unsigned long addr = tp4_umem_test_map(test, PROT_READ | PROT_WRITE);
	struct tpacket_memreg_req req = { .addr = addr };
	struct page *pages[TP4_UMEM_PAGES];
	struct tp4_umem *umem;
	u32 i;

	req.len = TP4_UMEM_PAGES * PAGE_SIZE;
	umem = tp4_umem_new(&req);
	KUNIT_ASSERT_EQ(test, PTR_ERR_OR_ZERO(umem), 0);
	memcpy(pages, umem->pages, sizeof(pages));
	tp4_umem_put(umem);

	req.len = (TP4_UMEM_PAGES + 1) * PAGE_SIZE;
	umem = tp4_umem_new(&req);
	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(umem), -EFAULT);
	for (i = 0; i < TP4_UMEM_PAGES; i++)
		KUNIT_EXPECT_FALSE_MSG(test,
				       folio_maybe_dma_pinned(page_folio(pages[i])),
				       "page %u", i);
}

static void tp4_umem_read_only(struct kunit *test)
{
	unsigned long addr = tp4_umem_test_map(test, PROT_READ);
	struct tpacket_memreg_req req = { .addr = addr, .len = PAGE_SIZE };

	KUNIT_EXPECT_EQ(test, PTR_ERR_OR_ZERO(tp4_umem_new(&req)), -EFAULT);
}

static struct kunit_case tp4_umem_cases[] = {
	KUNIT_CASE_PARAM(tp4_umem_memreg, tp4_memreg_gen_params),
	KUNIT_CASE(tp4_umem_argument),
	KUNIT_CASE(tp4_umem_contents),
	KUNIT_CASE(tp4_umem_pins),
	KUNIT_CASE(tp4_umem_pins_failed),
	KUNIT_CASE(tp4_umem_read_only),
	{}
};

static struct kunit_suite tp4_umem_suite = {
	.name = "tp4_umem",
	.test_cases = tp4_umem_cases,
};

kunit_test_suite(tp4_umem_suite);

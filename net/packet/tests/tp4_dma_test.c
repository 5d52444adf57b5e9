// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: KUnit tests of packet buffers that devices access
 *
 * A buffer is mapped once for each device, as long as there is an array of that
 * device. The devices are none that could do DMA, so what is tested is the
 * bookkeeping, and with CONFIG_DMA_API_DEBUG the use of the DMA API. Booted with
 * swiotlb=force, devices see copies, and whatever is not synced at the right time
 * is lost.
 */

#include <kunit/device.h>
#include <linux/device.h>
#include <linux/dma-direct.h>
#include <linux/dma-mapping.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/swiotlb.h>

#include "tp4_test.h"

#define TP4_DMA_PAGES	((TP4_TEST_FRAME_NR << TP4_TEST_FRAME_SHIFT) / \
			 PAGE_SIZE)

/* A ring whose packet buffer has pages. */
static struct tp4_test *tp4_dma_new(struct kunit *test,
				    enum tp4_test_kind kind)
{
	struct tp4_test *t = tp4_test_new(test, kind, 16, 16, U32_MAX - 20);
	struct tp4_umem *umem = &t->umem;
	void *addr;
	u32 i;

	umem->npages = TP4_DMA_PAGES;
	umem->pages = kunit_kcalloc(test, umem->npages, sizeof(*umem->pages),
				    GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, umem->pages);
	for (i = 0; i < umem->npages; i++) {
		addr = umem->addr + i * PAGE_SIZE;
		umem->pages[i] = is_vmalloc_addr(addr) ? vmalloc_to_page(addr) :
							 virt_to_page(addr);
	}
	mutex_init(&umem->dma_lock);
	INIT_LIST_HEAD(&umem->dma_maps);
	return t;
}

static struct device *tp4_dma_device(struct kunit *test, const char *name)
{
	struct device *dev = kunit_device_register(test, name);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, dev);
	if (IS_ENABLED(CONFIG_HAS_DMA))
		KUNIT_ASSERT_EQ(test, 0,
				dma_coerce_mask_and_coherent(dev,
							     DMA_BIT_MASK(64)));
	return dev;
}

static u32 tp4_dma_refs(const struct device *dev)
{
	return kref_read(&dev->kobj.kref);
}

/* Arrays that use a buffer for a device; 0 if it is not mapped for it. */
static u32 tp4_dma_users(const struct tp4_umem *umem, const struct device *dev)
{
	const struct tp4_umem_dma *map;

	list_for_each_entry(map, &umem->dma_maps, list)
		if (map->dev == dev)
			return map->users;
	return 0;
}

/* The address of a frame is that of its page, and where in the page it is. */
static void tp4_dma_address(struct kunit *test)
{
	struct tp4_test *t = tp4_dma_new(test, TP4_TEST_TX);
	struct tp4_packet_array *a = t->arr;
	struct tp4_frame_set p;
	u32 i, shift, per_page;
	dma_addr_t *pages;

	pages = kunit_kcalloc(test, TP4_DMA_PAGES, sizeof(*pages), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < TP4_DMA_PAGES; i++)
		pages[i] = (dma_addr_t)(i * 7 % TP4_DMA_PAGES + 3) *
			   3 * PAGE_SIZE;

	for (shift = TP4_TEST_FRAME_SHIFT; shift <= PAGE_SHIFT; shift++) {
		a->frame_shift = shift;
		a->frame_nr = TP4_DMA_PAGES << (PAGE_SHIFT - shift);
		per_page = 1 << (PAGE_SHIFT - shift);
		for (i = 0; i < a->frame_nr; i++) {
			tp4_put(t, .idx = i, .len = 60, .offset = 100);
			tp4a_populate(a);
			KUNIT_ASSERT_TRUE(test, tp4a_next_packet(a, &p));
			a->dma = pages;
			KUNIT_EXPECT_EQ(test, tp4f_get_dma(&p),
					pages[i / per_page] +
					((i % per_page) << shift));
			a->dma = NULL;
			tp4_flush(a);
			t->cons++;
		}
	}
}

/* Where no device can have an address of memory, no device has an array. */
static void tp4_dma_impossible(struct kunit *test)
{
	struct device *dev = tp4_dma_device(test, "dev");
	struct tp4_test *t;
	u32 refs;

	if (IS_ENABLED(CONFIG_HAS_DMA))
		kunit_skip(test, "devices can access memory here");

	t = tp4_dma_new(test, TP4_TEST_QUEUE);
	refs = tp4_dma_refs(dev);
	KUNIT_EXPECT_NULL(test, tp4a_rx_new(&t->q, 16, dev));
	KUNIT_EXPECT_NULL(test, tp4a_tx_new(&t->q, 16, dev));
	KUNIT_EXPECT_NULL(test, tp4_umem_map(&t->umem, dev));
	KUNIT_EXPECT_TRUE(test, list_empty(&t->umem.dma_maps));
	KUNIT_EXPECT_EQ(test, tp4_dma_refs(dev), refs);
	tp4_test_add_array(t, TP4_TEST_TX, 16);
}

static void tp4_dma_needed(struct kunit *test)
{
	if (!IS_ENABLED(CONFIG_HAS_DMA))
		kunit_skip(test, "no device can access memory here");
}

/* One map for each pair of a buffer and a device, whichever array comes and
 * goes first.
 */
static void tp4_dma_counts(struct kunit *test)
{
	struct tp4_test *t = tp4_dma_new(test, TP4_TEST_QUEUE);
	struct tp4_test *other = tp4_dma_new(test, TP4_TEST_QUEUE);
	struct device *dev[2];
	struct tp4_packet_array *a[5];
	u32 refs[2];
	u32 i;

	tp4_dma_needed(test);
	for (i = 0; i < 2; i++) {
		dev[i] = tp4_dma_device(test, i ? "dev1" : "dev0");
		refs[i] = tp4_dma_refs(dev[i]);
	}
	a[0] = tp4a_rx_new(&t->q, 16, dev[0]);
	a[1] = tp4a_tx_new(&t->q, 16, dev[0]);
	a[2] = tp4a_rx_new(&t->q, 16, dev[1]);
	a[3] = tp4a_rx_new(&other->q, 16, dev[0]);
	a[4] = tp4a_tx_new(&t->q, 16, NULL);
	for (i = 0; i < 5; i++)
		KUNIT_ASSERT_NOT_NULL(test, a[i]);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&t->umem, dev[0]), 2);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&t->umem, dev[1]), 1);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&other->umem, dev[0]), 1);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&t->umem.dma_maps), 2);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&other->umem.dma_maps), 1);
	KUNIT_EXPECT_EQ(test, tp4_dma_refs(dev[0]), refs[0] + 2);
	KUNIT_EXPECT_EQ(test, tp4_dma_refs(dev[1]), refs[1] + 1);
	KUNIT_EXPECT_PTR_EQ(test, a[0]->dma, a[1]->dma);
	KUNIT_EXPECT_PTR_NE(test, a[0]->dma, a[2]->dma);
	KUNIT_EXPECT_PTR_NE(test, a[0]->dma, a[3]->dma);
	KUNIT_EXPECT_NULL(test, a[4]->dma);

	tp4a_free(a[4]);
	tp4a_free(a[0]);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&t->umem, dev[0]), 1);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&t->umem.dma_maps), 2);
	tp4a_destroy(a[2]);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&t->umem, dev[1]), 0);
	KUNIT_EXPECT_EQ(test, list_count_nodes(&t->umem.dma_maps), 1);
	KUNIT_EXPECT_EQ(test, tp4_dma_refs(dev[1]), refs[1]);
	a[0] = tp4a_rx_new(&t->q, 16, dev[0]);
	KUNIT_ASSERT_NOT_NULL(test, a[0]);
	KUNIT_EXPECT_PTR_EQ(test, a[0]->dma, a[1]->dma);
	tp4a_destroy(a[1]);
	KUNIT_EXPECT_EQ(test, tp4_dma_users(&t->umem, dev[0]), 1);
	tp4a_free(a[0]);
	KUNIT_EXPECT_TRUE(test, list_empty(&t->umem.dma_maps));
	tp4a_free(a[3]);
	KUNIT_EXPECT_TRUE(test, list_empty(&other->umem.dma_maps));
	KUNIT_EXPECT_EQ(test, tp4_dma_refs(dev[0]), refs[0]);
}

/* Without an IOMMU, the device sees the pages where they are. */
static void tp4_dma_pages(struct kunit *test)
{
	struct tp4_test *t = tp4_dma_new(test, TP4_TEST_QUEUE);
	struct device *dev = tp4_dma_device(test, "dev");
	const dma_addr_t *pages;
	u32 i;

	tp4_dma_needed(test);
	if (device_iommu_mapped(dev) || is_swiotlb_force_bounce(dev))
		kunit_skip(test, "the device sees them elsewhere");

	pages = tp4_umem_map(&t->umem, dev);
	KUNIT_ASSERT_NOT_NULL(test, pages);
	for (i = 0; i < TP4_DMA_PAGES; i++)
		KUNIT_EXPECT_EQ_MSG(test, dma_to_phys(dev, pages[i]),
				    page_to_phys(t->umem.pages[i]), "page %u",
				    i);
	tp4_umem_unmap(&t->umem, dev);
}

/* Packets go through arrays of a device as through others; the DMA API may have
 * something to say about that.
 */
static void tp4_dma_traffic(struct kunit *test)
{
	struct device *dev = tp4_dma_device(test, "dev");
	struct tp4_frame_set p;
	struct tp4_test *rx;
	struct tp4_test *tx;
	u32 i;

	tp4_dma_needed(test);
	rx = tp4_dma_new(test, TP4_TEST_QUEUE);
	rx->arr = tp4a_rx_new(&rx->q, 8, dev);
	KUNIT_ASSERT_NOT_NULL(test, rx->arr);
	tx = tp4_dma_new(test, TP4_TEST_QUEUE);
	tx->arr = tp4a_tx_new(&tx->q, 8, dev);
	KUNIT_EXPECT_NOT_NULL(test, tx->arr);
	for (i = 0; tx->arr && i < 100; i++) {
		tp4_put(rx, .idx = i % TP4_TEST_FRAME_NR);
		tp4a_populate(rx->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_next_frame(rx->arr, &p));
		tp4f_set_frame(&p, 60, 300, true);
		KUNIT_EXPECT_EQ(test, tp4_flush(rx->arr), 1);
		KUNIT_EXPECT_EQ(test, rx->q.tail, rx->prod);
		rx->cons = rx->prod;

		/* The last frame comes later. */
		tp4_put(tx, .idx = i % TP4_TEST_FRAME_NR, .len = 60,
			.offset = i, .flags = TP4_PKT_CONT);
		tp4a_populate(tx->arr);
		tp4_put(tx, .idx = (i + 1) % TP4_TEST_FRAME_NR, .len = 60,
			.flags = i & 1 ? 0 : TP4_PKT_CONT);
		tp4a_populate(tx->arr);
		tp4_put(tx, .idx = (i + 2) % TP4_TEST_FRAME_NR,
			.len = i % 5 ? 60 : 0);
		tp4a_populate(tx->arr);
		while (tp4a_next_packet(tx->arr, &p))
			;
		tp4_flush(tx->arr);
		KUNIT_EXPECT_EQ(test, tx->q.tail, tx->prod);
		tx->cons = tx->prod;
	}
	tp4a_free(rx->arr);
	tp4a_free(tx->arr);
	KUNIT_EXPECT_TRUE(test, list_empty(&rx->umem.dma_maps));
	KUNIT_EXPECT_TRUE(test, list_empty(&tx->umem.dma_maps));
}

/* Where the device sees the current frame */
static u8 *tp4_dma_seen(struct device *dev, const struct tp4_frame_set *p)
{
	return phys_to_virt(dma_to_phys(dev, tp4f_get_dma(p)));
}

/* A device sees what was to be sent, and user space what the device has written. */
static void tp4_dma_data(struct kunit *test)
{
	struct device *dev = tp4_dma_device(test, "dev");
	struct tp4_frame_set p;
	struct tp4_test *rx;
	struct tp4_test *tx;
	u8 *frame;
	u32 i;

	tp4_dma_needed(test);
	if (device_iommu_mapped(dev))
		kunit_skip(test, "addresses are an IOMMU's");
	rx = tp4_dma_new(test, TP4_TEST_QUEUE);
	rx->arr = tp4a_rx_new(&rx->q, 8, dev);
	KUNIT_ASSERT_NOT_NULL(test, rx->arr);
	tx = tp4_dma_new(test, TP4_TEST_QUEUE);
	tx->arr = tp4a_tx_new(&tx->q, 8, dev);
	KUNIT_EXPECT_NOT_NULL(test, tx->arr);
	for (i = 0; tx->arr && i < 2 * TP4_TEST_FRAME_NR; i++) {
		frame = tp4a_frame(tx->arr, i % TP4_TEST_FRAME_NR);
		memset(frame, i, 1 << TP4_TEST_FRAME_SHIFT);
		tp4_put(tx, .idx = i % TP4_TEST_FRAME_NR, .len = 60,
			.offset = 7 * i);
		tp4a_populate(tx->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_next_packet(tx->arr, &p));
		KUNIT_EXPECT_NULL(test,
				  memchr_inv(tp4_dma_seen(dev, &p) + 7 * i, i,
					     60));
		tp4_flush(tx->arr);
		tx->cons = tx->prod;

		frame = tp4a_frame(rx->arr, i % TP4_TEST_FRAME_NR);
		memset(frame, ~i, 1 << TP4_TEST_FRAME_SHIFT);
		tp4_put(rx, .idx = i % TP4_TEST_FRAME_NR);
		tp4a_populate(rx->arr);
		KUNIT_EXPECT_TRUE(test, tp4a_next_frame(rx->arr, &p));
		memset(tp4_dma_seen(dev, &p) + 300, i, 60);
		tp4f_set_frame(&p, 60, 300, true);
		tp4_flush(rx->arr);
		rx->cons = rx->prod;
		KUNIT_EXPECT_NULL(test, memchr_inv(frame + 300, i, 60));
	}
	tp4a_free(rx->arr);
	tp4a_free(tx->arr);
}

/* What user space writes while its buffer is mapped, is there when it is mapped
 * no more: the frames were its own.
 */
static void tp4_dma_unmap_changes_nothing(struct kunit *test)
{
	struct tp4_test *t = tp4_dma_new(test, TP4_TEST_QUEUE);
	struct device *dev = tp4_dma_device(test, "dev");
	size_t size = TP4_DMA_PAGES * PAGE_SIZE;

	tp4_dma_needed(test);
	memset(t->umem.addr, 0x11, size);
	KUNIT_ASSERT_NOT_NULL(test, tp4_umem_map(&t->umem, dev));
	memset(t->umem.addr, 0x22, size);
	tp4_umem_unmap(&t->umem, dev);
	KUNIT_EXPECT_NULL(test, memchr_inv(t->umem.addr, 0x22, size));
}

static struct kunit_case tp4_dma_cases[] = {
	KUNIT_CASE(tp4_dma_address),
	KUNIT_CASE(tp4_dma_impossible),
	KUNIT_CASE(tp4_dma_counts),
	KUNIT_CASE(tp4_dma_pages),
	KUNIT_CASE(tp4_dma_traffic),
	KUNIT_CASE(tp4_dma_data),
	KUNIT_CASE(tp4_dma_unmap_changes_nothing),
	{}
};

static struct kunit_suite tp4_dma_suite = {
	.name = "tp4_dma",
	.test_cases = tp4_dma_cases,
};

kunit_test_suite(tp4_dma_suite);

// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: packet buffers
 *
 * PACKET_MEMREG pins a range of user memory for as long as a socket or a ring
 * uses it, charges it to the user, and maps it into the kernel.
 */

#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/dma-mapping.h>
#include <linux/if_vlan.h>
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "tp4_internal.h"

/* Offsets within a frame are 16 bits in a descriptor. */
#define TP4_FRAME_SIZE_MAX	BIT(16)

/* Pages that are pinned at a time: pin_user_pages_fast() has interrupts off, and
 * a packet buffer may be of many gigabytes.
 */
#define TP4_PIN_BATCH		(PAGE_SIZE / sizeof(struct page *))

/* Frame numbers are 32 bits in the kernel. */
#define TP4_FRAME_NR_MAX	BIT(31)

/* A frame is synced when it changes hands, see tp4a_populate() and tp4a_flush().
 * The others are user space's while the buffer is mapped and unmapped: a copy that
 * the device had of them, or a cache line, is nothing that they may be replaced by.
 */
#define TP4_DMA_ATTRS		DMA_ATTR_SKIP_CPU_SYNC

static int tp4_umem_charge(struct tp4_umem *umem)
{
	unsigned long limit = rlimit(RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	unsigned long old, new;

	if (capable(CAP_IPC_LOCK))
		return 0;

	umem->user = get_uid(current_user());
	old = atomic_long_read(&umem->user->locked_vm);
	do {
		if (check_add_overflow(old, umem->npages, &new) || new > limit) {
			free_uid(umem->user);
			umem->user = NULL;
			return -ENOMEM;
		}
	} while (!atomic_long_try_cmpxchg(&umem->user->locked_vm, &old, new));

	return 0;
}

static void tp4_umem_uncharge(struct tp4_umem *umem)
{
	if (!umem->user)
		return;
	atomic_long_sub(umem->npages, &umem->user->locked_vm);
	free_uid(umem->user);
}

static int tp4_umem_pin(struct tp4_umem *umem, unsigned long addr)
{
	unsigned long done = 0;
	long ret;

	umem->pages = kvcalloc(umem->npages, sizeof(*umem->pages),
			       GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!umem->pages)
		return -ENOMEM;

	while (done < umem->npages) {
		ret = pin_user_pages_fast(addr + (done << PAGE_SHIFT),
					  min(umem->npages - done,
					      TP4_PIN_BATCH),
					  FOLL_WRITE | FOLL_LONGTERM,
					  umem->pages + done);
		if (ret <= 0)
			goto err_unpin;
		done += ret;
		cond_resched();
	}
	return 0;

err_unpin:
	unpin_user_pages(umem->pages, done);
	kvfree(umem->pages);
	return ret ?: -EFAULT;
}

/* Returns the number of frames, or a negative errno. */
static long tp4_umem_check(struct tpacket_memreg_req *req)
{
	u64 frame_nr, end;

	if (!req->frame_size)
		req->frame_size = TP4_FRAME_SIZE_DEFAULT;
	if (req->frame_size < TP4_FRAME_SIZE_DEFAULT ||
	    req->frame_size > min(PAGE_SIZE, TP4_FRAME_SIZE_MAX) ||
	    !is_power_of_2(req->frame_size))
		return -EINVAL;
	if (req->data_headroom > req->frame_size - VLAN_ETH_FRAME_LEN)
		return -EINVAL;
	if (!PAGE_ALIGNED(req->addr) || !req->len ||
	    !IS_ALIGNED(req->len, req->frame_size))
		return -EINVAL;
	if (check_add_overflow(req->addr, req->len, &end) ||
	    end > ULONG_MAX - PAGE_SIZE)
		return -EINVAL;
	frame_nr = req->len >> ilog2(req->frame_size);
	if (frame_nr > TP4_FRAME_NR_MAX)
		return -EINVAL;
	return frame_nr;
}

/**
 * tp4_umem_create - pin, charge and map a packet buffer
 * @optval: struct tpacket_memreg_req
 * @optlen: bytes at @optval
 *
 * Context: process, may sleep. The caller holds no lock: faults on the memory
 * to be pinned can be answered by another thread of the same program.
 * Return: the buffer with one reference, or an ERR_PTR: EFAULT if the memory
 * is not there or cannot be written, EINVAL if the request makes no sense,
 * ENOMEM if the user's RLIMIT_MEMLOCK does not suffice or memory is short.
 */
struct tp4_umem *tp4_umem_create(sockptr_t optval, unsigned int optlen)
{
	struct tpacket_memreg_req req;
	struct tp4_umem *umem;
	long ret;

	if (optlen != sizeof(req))
		return ERR_PTR(-EINVAL);
	if (copy_from_sockptr(&req, optval, sizeof(req)))
		return ERR_PTR(-EFAULT);
	ret = tp4_umem_check(&req);
	if (ret < 0)
		return ERR_PTR(ret);

	umem = kzalloc(sizeof(*umem), GFP_KERNEL_ACCOUNT);
	if (!umem)
		return ERR_PTR(-ENOMEM);
	refcount_set(&umem->users, 1);
	mutex_init(&umem->dma_lock);
	INIT_LIST_HEAD(&umem->dma_maps);
	umem->frame_nr = ret;
	umem->frame_shift = ilog2(req.frame_size);
	umem->data_headroom = req.data_headroom;
	umem->npages = PAGE_ALIGN(req.len) >> PAGE_SHIFT;

	ret = tp4_umem_charge(umem);
	if (ret)
		goto err_free;
	ret = tp4_umem_pin(umem, req.addr);
	if (ret)
		goto err_uncharge;
	umem->addr = vmap(umem->pages, umem->npages, VM_MAP, PAGE_KERNEL);
	if (!umem->addr) {
		ret = -ENOMEM;
		goto err_unpin;
	}
	return umem;

err_unpin:
	unpin_user_pages(umem->pages, umem->npages);
	kvfree(umem->pages);
err_uncharge:
	tp4_umem_uncharge(umem);
err_free:
	kfree(umem);
	return ERR_PTR(ret);
}

/**
 * tp4_umem_put - drop a reference to a packet buffer
 * @umem: the buffer, or NULL
 *
 * With the last reference its pages are unpinned before this returns.
 *
 * Context: process, may sleep.
 */
void tp4_umem_put(struct tp4_umem *umem)
{
	if (!umem || !refcount_dec_and_test(&umem->users))
		return;

	WARN_ON_ONCE(!list_empty(&umem->dma_maps));
	mutex_destroy(&umem->dma_lock);
	vunmap(umem->addr);
	unpin_user_pages_dirty_lock(umem->pages, umem->npages, true);
	kvfree(umem->pages);
	tp4_umem_uncharge(umem);
	kfree(umem);
}

static void tp4_umem_unmap_pages(struct tp4_umem *umem,
				 struct tp4_umem_dma *map, unsigned long n)
{
	while (n--) {
		dma_unmap_page_attrs(map->dev, map->pages[n], PAGE_SIZE,
				     DMA_BIDIRECTIONAL, TP4_DMA_ATTRS);
		cond_resched();
	}
	put_device(map->dev);
	kvfree(map);
}

static struct tp4_umem_dma *tp4_umem_find_map(struct tp4_umem *umem,
					      struct device *dev)
{
	struct tp4_umem_dma *map;

	lockdep_assert_held(&umem->dma_lock);

	list_for_each_entry(map, &umem->dma_maps, list)
		if (map->dev == dev)
			return map;
	return NULL;
}

/**
 * tp4_umem_map - map a packet buffer for DMA
 * @umem: the buffer
 * @dev: device
 *
 * A buffer is mapped once for a device, whatever number of queues use it, and
 * in both directions: one queue may send what another has received.
 *
 * Context: process, may sleep.
 * Return: the DMA addresses of the buffer's pages, until tp4_umem_unmap() was
 * called as often as this; NULL if that is not possible.
 */
const dma_addr_t *tp4_umem_map(struct tp4_umem *umem, struct device *dev)
{
	const dma_addr_t *pages = NULL;
	struct tp4_umem_dma *map;
	unsigned long i;

	mutex_lock(&umem->dma_lock);
	map = tp4_umem_find_map(umem, dev);
	if (map) {
		map->users++;
		goto out;
	}

	map = kvzalloc(struct_size(map, pages, umem->npages),
		       GFP_KERNEL_ACCOUNT);
	if (!map)
		goto out_unlock;
	map->dev = get_device(dev);
	map->users = 1;
	for (i = 0; i < umem->npages; i++) {
		map->pages[i] = dma_map_page_attrs(dev, umem->pages[i], 0,
						   PAGE_SIZE, DMA_BIDIRECTIONAL,
						   TP4_DMA_ATTRS);
		if (dma_mapping_error(dev, map->pages[i])) {
			tp4_umem_unmap_pages(umem, map, i);
			goto out_unlock;
		}
		/* With an IOMMU, a large buffer takes a while. */
		cond_resched();
	}
	list_add(&map->list, &umem->dma_maps);
out:
	pages = map->pages;
out_unlock:
	mutex_unlock(&umem->dma_lock);
	return pages;
}

/**
 * tp4_umem_unmap - undo one tp4_umem_map()
 * @umem: the buffer
 * @dev: device
 *
 * Context: process, may sleep.
 */
void tp4_umem_unmap(struct tp4_umem *umem, struct device *dev)
{
	struct tp4_umem_dma *map;

	mutex_lock(&umem->dma_lock);
	map = tp4_umem_find_map(umem, dev);
	if (!WARN_ON_ONCE(!map) && !--map->users) {
		list_del(&map->list);
		tp4_umem_unmap_pages(umem, map, umem->npages);
	}
	mutex_unlock(&umem->dma_lock);
}

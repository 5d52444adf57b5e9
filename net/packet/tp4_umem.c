// SPDX-License-Identifier: GPL-2.0-only
/*
 * AF_PACKET V4: packet buffers
 *
 * PACKET_MEMREG pins a range of user memory for as long as a socket or a ring
 * uses it, charges it to the user, and maps it into the kernel.
 */

#include <linux/capability.h>
#include <linux/cred.h>
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

/* Frame numbers are 32 bits in the kernel. */
#define TP4_FRAME_NR_MAX	BIT(31)

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
					  min(umem->npages - done, INT_MAX),
					  FOLL_WRITE | FOLL_LONGTERM,
					  umem->pages + done);
		if (ret <= 0)
			goto err_unpin;
		done += ret;
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

	vunmap(umem->addr);
	unpin_user_pages_dirty_lock(umem->pages, umem->npages, true);
	kvfree(umem->pages);
	tp4_umem_uncharge(umem);
	kfree(umem);
}

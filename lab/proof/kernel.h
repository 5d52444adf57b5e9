/* SPDX-License-Identifier: GPL-2.0 */
/*
 * As much of the kernel's headers as net/packet/tp4_*.[ch] and
 * include/linux/tpacket4.h need for CBMC to read them. Each <linux/...> header
 * they include is this file. What is only declared here may return anything.
 *
 * User space is part of the model: all that the kernel reads of a ring is
 * arbitrary at each read, whatever was there before, and proof_wrote() judges
 * all that it writes there.
 */

#ifndef PROOF_KERNEL_H
#define PROOF_KERNEL_H

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef int __s32;
typedef long long __s64;
#define __aligned_u64		__u64 __attribute__((aligned(8)))

typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s32 s32;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u16 __sum16;
typedef __u32 __le32;
typedef __u32 __wsum;
typedef unsigned int gfp_t;
typedef unsigned int __poll_t;
typedef u64 dma_addr_t;
#define bool			_Bool
typedef __SIZE_TYPE__ size_t;
typedef int atomic_t;
typedef int refcount_t;
typedef int spinlock_t;
typedef int netdevice_tracker;
/* Nothing that is proved looks into it. */
struct page_frag_cache {
	void *va;
};

#define __LITTLE_ENDIAN_BITFIELD
#if __SIZEOF_LONG__ == 8
#define CONFIG_64BIT		1
#endif

#define true			1
#define false			0
#define NULL			((void *)0)
#define INT_MAX			((int)(~0U >> 1))
#define ULONG_MAX		(~0UL)

#define EBADF			9
#define ENOMEM			12
#define EFAULT			14
#define EBUSY			16
#define EINVAL			22
#define EMSGSIZE		90
#define ENOBUFS			105
#define ECANCELED		125

/* A hint, which may be of any address */
#define prefetchw(p)		((void)0)
#define __rcu
#define __user
#define __always_inline		inline
#define __aligned(n)		__attribute__((aligned(n)))
#define ____cacheline_aligned_in_smp
#define EXPORT_SYMBOL_GPL(x)	extern int proof_export_##x
#define likely(x)		(x)
#define unlikely(x)		(x)
#define static_assert(x, ...)	_Static_assert(x, #x)
#define offsetof(t, m)		__builtin_offsetof(t, m)

#define BIT(n)			(1UL << (n))
#define ALIGN_MASK(x, m)	(((x) + (m)) & ~(m))
#define ALIGN(x, a)		ALIGN_MASK(x, (typeof(x))(a) - 1)
#define IS_ALIGNED(x, a)	(((x) & ((typeof(x))(a) - 1)) == 0)
#define min(a, b)		((a) < (b) ? (a) : (b))
#define max(a, b)		((a) > (b) ? (a) : (b))
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)		((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define check_add_overflow(a, b, d)	__builtin_add_overflow(a, b, d)
#define struct_size(p, m, n)	(sizeof(*(p)) + (size_t)(n) * sizeof(*(p)->m))

static inline bool is_power_of_2(unsigned long n)
{
	return n != 0 && (n & (n - 1)) == 0;
}

/* of a power of two; written so that the solver need not search */
static inline int ilog2(unsigned long n)
{
	int i, log = 0;

	for (i = 0; i < 32; i++)
		if (n & (1UL << i))
			log = i;
	return log;
}

/*
 * Most slots of a ring and items of an array: the proofs are for all powers of
 * two up to it.
 */
#ifndef PROOF_NR
#define PROOF_NR		4
#endif

/* Pages of any size that Linux has */
extern unsigned int proof_page_shift;
#define PAGE_SHIFT		proof_page_shift
#define PAGE_SIZE		(1UL << PAGE_SHIFT)
#define PAGE_MASK		(~(PAGE_SIZE - 1))
#define PAGE_ALIGN(x)		ALIGN(x, PAGE_SIZE)
#define PAGE_ALIGNED(x)		IS_ALIGNED((unsigned long)(x), PAGE_SIZE)
#define offset_in_page(p)	((unsigned long)(p) & ~PAGE_MASK)

/* ---- memory that user space writes at the same time ---------------------- */

void proof_read(const volatile void *p, size_t size);
void proof_wrote(const volatile void *p, size_t size);

#define READ_ONCE(x)						\
	(*({ proof_read(&(x), sizeof(x)); &(x); }))
#define WRITE_ONCE(x, v)					\
	do {							\
		(x) = (v);					\
		proof_wrote(&(x), sizeof(x));			\
	} while (0)
#define smp_load_acquire(p)		READ_ONCE(*(p))
#define smp_store_release(p, v)		WRITE_ONCE(*(p), v)
#define smp_mb()			do { } while (0)
#define smp_rmb()			do { } while (0)
#define rcu_access_pointer(p)		(p)

/* ---- types ---------------------------------------------------------------- */

enum dma_data_direction {
	DMA_BIDIRECTIONAL,
	DMA_TO_DEVICE,
	DMA_FROM_DEVICE,
};

struct list_head {
	struct list_head *next, *prev;
};

struct mutex {
	int dummy;
};

struct msghdr;
struct net_device;
struct tp4_packet_array;
struct page;
struct packet_type;
struct sk_buff;
struct sock;
struct user_struct;
typedef struct {
	void *user;
} sockptr_t;

#define VLAN_ETH_FRAME_LEN	1518
#define XDP_PACKET_HEADROOM	256
#define GFP_KERNEL_ACCOUNT	0

/* Stands in for tp4a_add_plain() where that is called: ring.c. */
void proof_step_plain(struct tp4_packet_array *a);

/* ---- functions ------------------------------------------------------------ */

/* CBMC's own */
void *malloc(size_t size);
void free(void *p);

static inline void *kvzalloc(size_t size, gfp_t gfp)
{
	return malloc(size);
}

static inline void kvfree(const void *p)
{
}

static inline void refcount_inc(refcount_t *r)
{
}

static inline void trace_tp4_invalid_desc(u64 idx, u32 len, u32 offset,
					  u32 flags, int error)
{
}

static inline bool dma_dev_need_sync(const struct device *dev)
{
	return true;
}

static inline void dma_sync_single_for_device(struct device *dev,
					      dma_addr_t addr, size_t size,
					      enum dma_data_direction dir)
{
}

static inline void dma_sync_single_for_cpu(struct device *dev, dma_addr_t addr,
					   size_t size,
					   enum dma_data_direction dir)
{
}

#endif /* PROOF_KERNEL_H */

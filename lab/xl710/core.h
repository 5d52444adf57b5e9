/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The model of an XL710: one port on one PCI function, whole and without an idea of
 * how the guest reaches it. A transport brings accesses to config space and regions in,
 * translates DMA addresses and carries interrupts out; these four calls are all.
 */
#ifndef XL710_CORE_H
#define XL710_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regs.h"

struct xl710;

#define XL710_PORTS_MAX	8

/**
 * struct xl710_ops - what the core needs of a transport
 * @dma:	where the guest's memory at an address is, or NULL if not all of the
 *		@len bytes are memory
 * @raise:	sends an interrupt. False: not now; the core tries it again when
 *		the transport calls xl710_irq_resume()
 * @masked:	does the guest not want it now? NULL: what the MSI-X table and the
 *		capability of the device say, which some transports keep themselves
 */
struct xl710_ops {
	void *(*dma)(void *ctx, uint64_t addr, size_t len);
	bool (*raise)(void *ctx, unsigned int vector);
	bool (*masked)(void *ctx, unsigned int vector);
};

/* The other two, for the transport to call; len is 1, 2, 4 or 8. */
uint64_t xl710_config_read(struct xl710 *dev, unsigned int off, unsigned int len);
void xl710_config_write(struct xl710 *dev, unsigned int off, unsigned int len,
			uint64_t val);
uint64_t xl710_region_read(struct xl710 *dev, unsigned int bar, uint64_t off,
			   unsigned int len);
void xl710_region_write(struct xl710 *dev, unsigned int bar, uint64_t off,
			unsigned int len, uint64_t val);

/* Any number of bytes, in pieces that the above know. Not beyond the end. */
#define XL710_CONFIG	7
void xl710_access(struct xl710 *dev, bool write, unsigned int region, uint64_t off,
		  uint8_t *data, uint32_t len);

#define XL710_NEVER	UINT64_MAX

struct xl710 *xl710_new(unsigned int index, const struct xl710_ops *ops, void *ctx);
void xl710_free(struct xl710 *dev);
/* Power on, or a function level reset. */
void xl710_reset(struct xl710 *dev);
/* Timers, queued packets */
void xl710_poll(struct xl710 *dev);
/* When to poll next. To be asked when all ports were polled, as one gives work to
 * another.
 */
uint64_t xl710_next(struct xl710 *dev);
void xl710_irq_resume(struct xl710 *dev);
/* The message that MSI-X vector sends; false if it is masked. */
bool xl710_msix_message(struct xl710 *dev, unsigned int vector, uint64_t *addr,
			uint32_t *data);

/* In nanoseconds. A test can have a clock of its own. */
extern uint64_t (*xl710_clock)(void);

/* A clock that programs in a guest on the same machine can read, too. */
static inline uint64_t xl710_tsc(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	return 0;
#endif
}

/* ---- log and verdict (check.c) ---- */
void xl710_log_to(const char *log, const char *report);
void xl_log(const struct xl710 *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What the model does not know: answered with an error, counted, logged once. */
void xl_unmodelled(struct xl710 *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* The driver broke a rule: the run has failed. */
void xl_violation(struct xl710 *dev, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- queues ---- */
#define RING_MAX	8160

struct rx_slot {
	uint64_t addr;
	uint32_t len;		/* 0: not owned by the device */
};

struct rxq {
	unsigned int nr;
	bool enabled;
	bool armed;		/* QRX_TAIL was cleared since the last disable */
	uint64_t base;
	unsigned int len, dbuff, dsize, rxmax;
	bool crcstrip, l2tsel, showiv;
	unsigned int head, tail;
	unsigned int fetched;	/* slots up to here are known */
	struct rx_slot *slot;
	bool blocked;		/* a packet waits for descriptors */
	uint64_t packets, bytes, dropped;
	uint64_t tails;		/* times that the driver wrote it */
	bool stuck;		/* fault: disabled, but does not say so */
	bool held;		/* fault: write-back held for reordering */
	unsigned int held_idx;
	uint64_t held_qw[2];
};

struct txq {
	unsigned int nr;
	bool enabled, quiesced;
	uint64_t base, head_wb;
	unsigned int len;
	bool head_wb_ena, fd_ena;
	unsigned int head;	/* next descriptor to process */
	unsigned int reported;	/* head as the driver has last seen it */
	unsigned int tail;
	bool blocked;		/* the other end of the wire has no room */
	bool hung;		/* fault */
	unsigned int vsi;
	uint64_t packets, bytes;
	uint64_t tails;		/* times that the driver wrote it */
	uint32_t wb_qw_flags;
};

struct vector {
	bool cause;		/* something happened since the last interrupt */
	unsigned int itr;	/* which ITR delays it; ITR_NONE: now */
	uint64_t last, due;
	bool pending;		/* PBA: sent when unmasked, or when there is room */
	uint64_t raised;	/* when, if it was not enabled again since */
	uint64_t busy;		/* ns from there to there, in all interrupts of a batch */
	unsigned int interrupts;
	uint64_t enabled;	/* when that was last, as rdtsc has it */
};

#define VSI_NR		8
#define PORT_SEID	2
#define VSI_FILTERS	256

struct macvlan {
	uint8_t mac[6];
	uint16_t vlan;
	bool any_vlan;
};

struct vsi_stats {
	uint64_t gorc, uprc, mprc, bprc, rdpc, rupp, gotc, uptc, mptc, bptc, tepc;
	uint64_t rxerr1;
};

struct vsi {
	bool used;
	uint16_t seid, number, uplink;
	uint8_t props[128];
	bool prom_uni, prom_multi, prom_bcast, prom_vlan, is_default;
	uint8_t bcast_vlan[4096 / 8];	/* broadcasts of these VLANs */
	struct macvlan filter[VSI_FILTERS];
	unsigned int filters;
	struct vsi_stats stats;
};

struct port_stats {
	uint64_t gorc, uprc, mprc, bprc, rdpc, gotc, uptc, mptc, bptc, tdold;
	uint64_t crcerrs, illerrc, rlec, ruc, rfc, roc, rjc, mlfc, mrfc;
	uint64_t prc[7], ptc[7];
	uint64_t lxofftxc, lxoffrxc;
};

#define FD_MAX	512

struct fd_filter {
	bool used;
	uint8_t pctype;
	uint8_t dest;
	uint16_t queue, vsi;
	uint16_t cntindex;
	bool cnt_ena;
	uint8_t status;
	uint32_t id;
	uint64_t inset;
	uint8_t key[40];
};

struct faults {
	unsigned int rx_bad_len;	/* write-backs with a wrong length */
	unsigned int rx_truncate;	/* write-backs without EOF, then silence */
	unsigned int rx_error;		/* write-backs with RXE */
	unsigned int rx_reorder;	/* pairs of write-backs in the wrong order */
	unsigned int rx_status;		/* programming status before a packet */
	unsigned int rx_stuck;		/* queues that do not say that they have stopped */
	unsigned int rx_dead;		/* queues that do not start */
	unsigned int pf_reset;		/* PF resets that do not end */
	unsigned int tx_bad_head;	/* head write-backs beyond the ring */
	unsigned int aq_timeout;	/* commands that are never answered */
	unsigned int aq_timeout_opcode;	/* 0: any */
	unsigned int aq_error;		/* commands that fail ... */
	unsigned int aq_error_code;	/* ... with this */
	unsigned int aq_error_opcode;	/* 0: any */
	bool removed;
	bool reset;			/* one that the driver may not know of yet */
};

struct xl710 {
	unsigned int index;
	char name[16];
	const struct xl710_ops *ops;
	void *ctx;

	/* pci.c */
	uint8_t config[4096];
	uint8_t config_mask[256];
	uint8_t msix_table[XL710_MSIX_NR * 16];

	/* reg.c */
	uint32_t *reg;
	uint8_t *reg_seen;

	/* nvm.c */
	uint16_t *nvm;

	uint8_t mac[6];

	/* adminq.c */
	unsigned int atq_next;		/* the next command to run */
	bool atq_alive, arq_alive;
	bool lse;			/* link status events wanted */
	uint16_t phy_int_mask;
	uint16_t phy_abilities;
	uint16_t max_frame;
	bool phy_link;			/* the driver wants the link up */
	uint16_t last_opcode;

	/* link.c */
	bool wire_up;			/* a cable is plugged in */
	bool link_up;

	/* hmc.c */
	uint64_t sd[512];
	uint32_t sd_flags[512];

	struct vector vector[XL710_MSIX_NR];
	bool irq_hold;			/* a batch is on its way */
	bool irq_defer;			/* until the guest asks how its command went */
	uint64_t spin_until;		/* measurements: do not sleep */
	bool tx_hold;			/* what is to be sent waits for a batch */
	struct rxq rxq[XL710_QUEUES];
	struct txq txq[XL710_QUEUES];
	struct vsi vsi[VSI_NR];
	bool veb;			/* between the port and the VSIs */
	struct fd_filter *fd;
	unsigned int fd_count;
	uint32_t pcnt[GLQF_PCNT_NR];
	struct port_stats stats;
	uint64_t pruned, filtered, fd_dropped;

	struct faults fault;
	uint64_t violations, unmodelled;
	uint64_t resets;

	struct wire *wire;
};

static inline uint32_t rd(const struct xl710 *dev, uint32_t addr)
{
	return dev->reg[addr / 4];
}

static inline void wr(struct xl710 *dev, uint32_t addr, uint32_t val)
{
	dev->reg[addr / 4] = val;
}

/* ---- pci.c ---- */
void pci_init(struct xl710 *dev);
void pci_reset(struct xl710 *dev);
void pci_raise(struct xl710 *dev, unsigned int vector);
bool pci_removed(const struct xl710 *dev);

/* ---- reg.c ---- */
void reg_reset(struct xl710 *dev);
uint32_t reg_read(struct xl710 *dev, uint32_t addr);
void reg_write(struct xl710 *dev, uint32_t addr, uint32_t val);
void pf_reset(struct xl710 *dev);
void core_reset(struct xl710 *dev, unsigned int type);

/* ---- nvm.c ---- */
void nvm_init(struct xl710 *dev);
void nvm_srctl(struct xl710 *dev, uint32_t val);

/* ---- hmc.c ---- */
void hmc_sdcmd(struct xl710 *dev, uint32_t val);
void hmc_reset(struct xl710 *dev);
bool hmc_txq(struct xl710 *dev, struct txq *q);
bool hmc_rxq(struct xl710 *dev, struct rxq *q);

/* ---- intr.c ---- */
void intr_reset(struct xl710 *dev);
void intr_cause0(struct xl710 *dev, uint32_t bits);
void intr_queue(struct xl710 *dev, uint32_t qint_ctl);
void intr_dyn_ctl(struct xl710 *dev, unsigned int vector, uint32_t val);
uint32_t intr_icr0(struct xl710 *dev);
void intr_icr0_ena(struct xl710 *dev, uint32_t val);
void intr_poll(struct xl710 *dev);
uint64_t intr_next(struct xl710 *dev);
void intr_hold(struct xl710 *dev, bool hold);
void intr_asked(struct xl710 *dev);

/* ---- adminq.c ---- */
void adminq_reset(struct xl710 *dev);
void adminq_write(struct xl710 *dev, uint32_t addr, uint32_t val);
bool adminq_event(struct xl710 *dev, uint16_t opcode, const void *param);

/* ---- link.c ---- */
void link_reset(struct xl710 *dev);
void link_update(struct xl710 *dev);
void link_status(struct xl710 *dev, uint8_t *param);

/* ---- vsi.c ---- */
void vsi_reset(struct xl710 *dev);
struct vsi *vsi_by_seid(struct xl710 *dev, uint16_t seid);
struct vsi *vsi_by_number(struct xl710 *dev, uint16_t number);
int vsi_queue(const struct vsi *vsi, unsigned int index);
unsigned int vsi_rss_queues(const struct vsi *vsi);
/* strip the tag of received packets? */
bool vsi_strip(const struct vsi *vsi);

/* ---- classify.c ---- */
struct packet {
	const uint8_t *data;
	unsigned int len;
	bool crc_error;
	/* from here on: what parse_packet() finds */
	bool tagged;
	uint16_t vlan;
	unsigned int l3, l4;	/* offsets, 0: none */
	unsigned int version;	/* of IP, 0: none */
	uint8_t proto;
	bool frag;
	uint16_t sport, dport;
	uint8_t ptype, pctype;
	bool ip_bad, l4_bad, l4_checked;
	uint32_t rss;
	bool has_rss;
};

void parse_packet(struct packet *p);
void fill_checksums(uint8_t *data, unsigned int len, unsigned int maclen,
		    unsigned int iplen, unsigned int cmd);
uint16_t ip_sum(const uint8_t *data, unsigned int len, uint32_t sum);
uint32_t toeplitz(const struct xl710 *dev, const uint8_t *data, unsigned int len);
bool vsi_accepts(const struct vsi *vsi, const struct packet *p);
/* The queue of a received packet, -1: none, and why was counted. */
int classify(struct xl710 *dev, struct packet *p, struct vsi **vsi,
	     struct fd_filter **fd);

/* ---- fdir.c ---- */
void fdir_reset(struct xl710 *dev);
void fdir_flush(struct xl710 *dev);
/* 0, or the error bits of a programming status */
uint64_t fdir_program(struct xl710 *dev, const uint32_t *desc,
		      const uint8_t *data, unsigned int len);
struct fd_filter *fdir_match(struct xl710 *dev, const struct packet *p);

/* ---- tx.c ---- */
void txq_enable(struct xl710 *dev, unsigned int nr, uint32_t val);
void txq_tail(struct xl710 *dev, unsigned int nr, uint32_t val);
void txq_run(struct xl710 *dev, struct txq *q);
void txq_flush_vector(struct xl710 *dev, unsigned int vector);
void txq_stop(struct xl710 *dev, struct txq *q);
void txq_resume(struct xl710 *dev);
/* Packets that wait while the port holds them back. */
unsigned int txq_waiting(struct xl710 *dev);
/* All of them at once, with one interrupt. */
void txq_batch(struct xl710 *dev);

/* ---- rx.c ---- */
enum rx_result { RX_DONE, RX_DROPPED, RX_NO_DESC };
void rxq_enable(struct xl710 *dev, unsigned int nr, uint32_t val);
void rxq_tail(struct xl710 *dev, unsigned int nr, uint32_t val);
void rxq_stop(struct xl710 *dev, struct rxq *q);
/* A frame from the wire. RX_NO_DESC: nothing happened, call again later. */
enum rx_result rx_frame(struct xl710 *dev, const uint8_t *data, unsigned int len,
			bool crc_error);
void rx_count_drop(struct xl710 *dev, unsigned int len);
void rx_program_status(struct xl710 *dev, unsigned int vsi, uint32_t id,
		       uint64_t error);

/* ---- stats.c ---- */
bool stats_read(struct xl710 *dev, uint32_t addr, uint32_t *val);
void stats_reset(struct xl710 *dev);
void stats_rx(struct xl710 *dev, struct vsi *vsi, const uint8_t *data,
	      unsigned int len);
void stats_tx(struct xl710 *dev, struct vsi *vsi, const uint8_t *data,
	      unsigned int len);

/* ---- check.c: who owns which memory of the guest ---- */
/* False, and a violation, if some of it belongs to a device already. */
bool own_take(struct xl710 *dev, uint64_t addr, uint32_t len, const char *what,
	      unsigned int queue, unsigned int idx);
void own_give(struct xl710 *dev, uint64_t addr, uint32_t len);
bool own_any(struct xl710 *dev, uint64_t addr, uint32_t len);
void own_reset(void);
/* Off: whoever gives a buffer twice, at any port, means it. What is posted is not known
 * when it is on again.
 */
void own_check(bool on);
/* Each port has addresses of its own, so that one may be anything to another. */
void own_apart_set(bool on);

/* ---- wire.c ---- */
/* Is there room at the other end? If not, it calls txq_resume() later. */
bool wire_can_tx(struct xl710 *dev);
/* A frame that the port sends. */
void wire_tx(struct xl710 *dev, const uint8_t *data, unsigned int len);
/* The port may receive again. */
void wire_rx_ready(struct xl710 *dev);

/* ---- ctl.c ---- */
/* Runs a line, writes the answer; 0 or an errno. */
int ctl_run(struct xl710 *dev, const char *line, char *out, size_t size);

#endif

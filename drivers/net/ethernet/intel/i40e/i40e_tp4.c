// SPDX-License-Identifier: GPL-2.0
/* AF_PACKET V4 zero copy: a data path beside that for the stack and the one for
 * AF_XDP
 *
 * A queue pair that a socket holds has a packet array for each direction. The
 * RX array and the RX ring, and the TX array and the XDP TX ring, go in step:
 * what the device has are the frames from the array's next one on, in the order
 * of the descriptors. So there is no state for each buffer but the array's. The
 * stack keeps its own TX ring.
 *
 *	array	start      curr                            end
 *		 | packet   |  frames that the device has   |
 *		 | not yet  |                               |
 *		 | complete |                               |
 *	ring		next_to_clean	      next_to_use
 *
 * All of the data path is in NAPI, so there is no lock. XDP programs run in
 * tp4a_flush(). What they send out again goes into the same XDP TX ring, from the
 * same NAPI, and is told apart by i40e_tx_buffer.xdpf, as AF_XDP does it; nobody
 * else may use that ring.
 *
 * So only NAPI writes the tails of queues that run, and while NAPI is off, who
 * configures the RX ring writes its tail. The device must not be told of frames
 * for a queue that is stopped, so NAPI goes first, whether it is a queue pair that
 * is stopped or all of them, and comes last.
 *
 * XDP TX rings come and go with a reset of the PF, so the first queue pair that
 * is taken resets it, as does the last one that is given back, unless there is
 * an XDP program anyway. Any other restarts only its own queue pair.
 *
 * While the device is reset, closed and opened again, or the rings are made anew,
 * the arrays stay as they are. A ring learns of its array when it is configured,
 * and then the device gets everything anew that it had not finished.
 *
 * The device strips VLAN tags on all queues of a VSI or on none, so this is off
 * while a socket receives, as for "ethtool -K rxvlan off". Otherwise the tag would
 * have to be put back into each packet.
 */

#include <linux/etherdevice.h>
#include <linux/hrtimer.h>
#include <linux/if_vlan.h>
#include <linux/jiffies.h>
#include <linux/log2.h>
#include <linux/pci.h>
#include <linux/rculist.h>
#include <linux/rtnetlink.h>
#include <linux/sizes.h>
#include <linux/tpacket4.h>
#include "i40e_txrx_common.h"
#include "i40e_lan_hmc.h"
#include "i40e_tp4.h"
#include "i40e_xsk.h"

/* Packets until a completion is reported, in a long batch. */
#define I40E_TP4_RS_STRIDE	32

/* How often to look for empty frames: at first, and at last. */
#define I40E_TP4_LOOK_MIN_NS	(50 * NSEC_PER_USEC)
#define I40E_TP4_LOOK_MAX_NS	(10 * NSEC_PER_MSEC)

/* How long to wait for others that configure the device, and for queues. */
#define I40E_TP4_WAIT_MS	10000

/* And for the service task to come to a reset that the device has announced. It may
 * be at commands meanwhile, which a device in reset leaves to time out.
 */
#define I40E_TP4_WAIT_RESET_MS	60000

/* Without progress for so many runs of the service task, a second each, sending
 * hangs. That is netdev's own patience.
 */
#define I40E_TP4_HANG		5

/* Longest RX buffer that the device knows. */
#define I40E_TP4_RX_BUF_MAX	(SZ_16K - BIT(I40E_RXQ_CTX_DBUFF_SHIFT))

/**
 * struct i40e_tp4 - a queue pair that a socket holds
 * @list: in &i40e_vsi.tp4_list; changed under RTNL, freed after a grace period
 * @listed: it is
 * @vsi: VSI of the queue pair
 * @parms: what the socket has asked for
 * @rx: packet array for receiving, or NULL
 * @tx: packet array for sending, or NULL
 * @rx_elems: frames that @rx has room for
 * @tx_elems: likewise
 * @rx_buf_len: bytes that the device may write to a frame
 * @dead: the rings have not started, and NAPI leaves them alone
 * @rxq: what @rx was told of last, for XDP programs
 * @q_vector: of the rings, when they were configured last
 * @rx_frames: frames so far of a packet that is being received
 * @rx_bad: it has an error
 * @tx_posted: frames in @tx that the device has, or that it cannot send
 * @tx_refused: the latter
 * @timer: looks for empty frames
 * @look_ns: when
 * @hang_at: descriptor that the device was at when the service task came last
 * @hang: number of times that it has been the same one
 */
struct i40e_tp4 {
	struct list_head list;
	bool listed;
	struct i40e_vsi *vsi;
	struct tp4_netdev_parms parms;
	struct tp4_packet_array *rx;
	struct tp4_packet_array *tx;
	u32 rx_elems;
	u32 tx_elems;
	u16 rx_buf_len;
	bool dead;
	struct xdp_rxq_info *rxq;
	struct i40e_q_vector *q_vector;
	u8 rx_frames;
	bool rx_bad;
	u32 tx_posted;
	u32 tx_refused;
	struct hrtimer timer;
	u32 look_ns;
	u16 hang_at;
	u8 hang;
};

/* The RX ring, while a program runs on packets of a socket. */
static DEFINE_PER_CPU(struct i40e_ring *, i40e_tp4_xdp_rx);

static struct i40e_tp4 *i40e_tp4_find(struct i40e_vsi *vsi, u16 queue_pair)
{
	struct i40e_tp4 *tp4;

	list_for_each_entry(tp4, &vsi->tp4_list, list)
		if (tp4->parms.queue_pair == queue_pair)
			return tp4;
	return NULL;
}

/* ---- Data path ------------------------------------------------------------- */

static u16 i40e_tp4_inc(const struct i40e_ring *ring, u16 i, u16 n)
{
	i += n;
	return i < ring->count ? i : i - ring->count;
}

static u16 i40e_tp4_used(const struct i40e_ring *ring)
{
	return ring->count - 1 - I40E_DESC_UNUSED(ring);
}

/* Has the device room for so many frames that it is worth telling it? */
static bool i40e_tp4_has_room(const struct i40e_ring *rx_ring)
{
	u16 used = i40e_tp4_used(rx_ring);
	u32 room = min_t(u32, rx_ring->count - 1, rx_ring->tp4->rx_elems);

	return used + I40E_RX_BUFFER_WRITE <= room;
}

/**
 * i40e_tp4_refill - give the device the empty frames that user space has given
 * @rx_ring: RX ring of a socket
 */
void i40e_tp4_refill(struct i40e_ring *rx_ring)
{
	struct i40e_tp4 *tp4 = rx_ring->tp4;
	struct tp4_packet_array *rx = tp4->rx;
	u16 ntu = rx_ring->next_to_use;
	u16 used = i40e_tp4_used(rx_ring);
	union i40e_rx_desc *rx_desc;
	struct tp4_frame_set p;

	if (!i40e_tp4_has_room(rx_ring))
		return;

	tp4a_populate(rx);
	while (used < rx_ring->count - 1 && tp4a_peek_packet(rx, used, &p)) {
		rx_desc = I40E_RX_DESC(rx_ring, ntu);
		rx_desc->read.pkt_addr = cpu_to_le64(tp4f_get_dma(&p) +
						     rx->headroom);
		/* Clears what was written back, too. */
		rx_desc->read.hdr_addr = 0;
		ntu = i40e_tp4_inc(rx_ring, ntu, 1);
		used++;
	}
	if (ntu == rx_ring->next_to_use)
		return;
	tp4->look_ns = I40E_TP4_LOOK_MIN_NS;
	i40e_release_rx_desc(rx_ring, ntu);
}

/* Takes a frame that the device has written to. Returns true if it is the last of
 * its packet.
 */
static bool i40e_tp4_receive(struct i40e_ring *rx_ring, u64 qword,
			     unsigned int *bytes)
{
	struct i40e_tp4 *tp4 = rx_ring->tp4;
	unsigned int size = FIELD_GET(I40E_RXD_QW1_LENGTH_PBUF_MASK, qword);
	bool is_eop = qword & BIT(I40E_RX_DESC_STATUS_EOF_SHIFT);
	struct tp4_frame_set p;

	/* Whatever the device says, it is what user space and programs go by. */
	if (unlikely(!size || size > rx_ring->rx_buf_len)) {
		tp4->rx_bad = true;
		size = 0;
	}
	if (unlikely(qword & BIT(I40E_RXD_QW1_ERROR_SHIFT)))
		tp4->rx_bad = true;
	if (unlikely(!is_eop)) {
		rx_ring->rx_stats.non_eop_descs++;
		if (++tp4->rx_frames == I40E_MAX_CHAINED_RX_BUFFERS) {
			tp4->rx_bad = true;
			is_eop = true;
		}
	}

	tp4a_next_frame(tp4->rx, &p);
	tp4f_set_frame(&p, size, tp4->rx->headroom, is_eop);
	if (unlikely(tp4->rx_bad))
		tp4f_set_error(&p, EIO);
	else
		*bytes += size;
	if (is_eop) {
		tp4->rx_frames = 0;
		tp4->rx_bad = false;
	}
	return is_eop;
}

/**
 * i40e_tp4_clean_rx_irq - receive packets of a socket
 * @rx_ring: its RX ring
 * @budget: NAPI budget
 *
 * Return: the number of packets.
 */
int i40e_tp4_clean_rx_irq(struct i40e_ring *rx_ring, int budget)
{
	struct i40e_tp4 *tp4 = rx_ring->tp4;
	u16 ntc = rx_ring->next_to_clean;
	union i40e_rx_desc *rx_desc;
	unsigned int bytes = 0;
	int packets = 0;
	int given;
	u64 qword;

	if (unlikely(tp4->dead))
		return 0;

	while (packets < budget && ntc != rx_ring->next_to_use) {
		rx_desc = I40E_RX_DESC(rx_ring, ntc);
		qword = le64_to_cpu(READ_ONCE(rx_desc->wb.qword1.status_error_len));
		if (!(qword & BIT(I40E_RX_DESC_STATUS_DD_SHIFT)))
			break;

		/* The rest of the descriptor, and the frame, are as the device
		 * has left them.
		 */
		dma_rmb();

		ntc = i40e_tp4_inc(rx_ring, ntc, 1);
		if (unlikely(i40e_rx_is_programming_status(qword))) {
			i40e_clean_programming_status(rx_ring,
						      rx_desc->raw.qword[0],
						      qword);
			tp4a_skip_frame(tp4->rx);
			continue;
		}
		packets += i40e_tp4_receive(rx_ring, qword, &bytes);
	}
	rx_ring->next_to_clean = ntc;
	rx_ring->next_to_process = ntc;
	i40e_update_rx_stats(rx_ring, bytes, packets);

	__this_cpu_write(i40e_tp4_xdp_rx, rx_ring);
	given = tp4a_flush(tp4->rx);
	__this_cpu_write(i40e_tp4_xdp_rx, NULL);

	i40e_tp4_refill(rx_ring);
	/* Those that were invalid. */
	given += tp4a_flush(tp4->rx);
	if (given)
		tp4->parms.data_ready(tp4->parms.data_ready_opaque);
	return packets;
}

/* Descriptors of what a program sends, 0 if those at @i are the socket's. */
static u32 i40e_tp4_xdp_descs(const struct i40e_ring *xdp_ring, u16 i)
{
	const struct i40e_tx_buffer *tx_bi = &xdp_ring->tx_bi[i];
	u16 last;

	if (likely(!xdp_ring->xdp_tx_active) || !tx_bi->xdpf)
		return 0;
	last = tx_bi->next_to_watch - I40E_TX_DESC(xdp_ring, 0);
	return (last < i ? last + xdp_ring->count : last) - i + 1;
}

static void i40e_tp4_free_xdp_frame(struct i40e_ring *xdp_ring, u16 i, u32 n)
{
	struct i40e_tx_buffer *tx_bi = &xdp_ring->tx_bi[i];

	xdp_return_frame(tx_bi->xdpf);
	tx_bi->xdpf = NULL;
	tx_bi->next_to_watch = NULL;
	xdp_ring->xdp_tx_active--;
	for (; n; n--, i = i40e_tp4_inc(xdp_ring, i, 1)) {
		tx_bi = &xdp_ring->tx_bi[i];
		dma_unmap_single(xdp_ring->dev, dma_unmap_addr(tx_bi, dma),
				 dma_unmap_len(tx_bi, len), DMA_TO_DEVICE);
		dma_unmap_len_set(tx_bi, len, 0);
	}
}

/* Takes the next @done descriptors' packets one by one: some are a program's, or
 * there are packets between them that the device cannot send.
 */
static void i40e_tp4_reap_each(struct i40e_ring *xdp_ring, u32 done)
{
	unsigned int bytes = 0, packets = 0;
	struct i40e_tp4 *tp4 = xdp_ring->tp4;
	u16 ntc = xdp_ring->next_to_clean;
	struct tp4_frame_set p;
	u32 n;

	for (;;) {
		n = done ? i40e_tp4_xdp_descs(xdp_ring, ntc) : 0;
		if (unlikely(n)) {
			if (n > done)
				break;
			bytes += xdp_ring->tx_bi[ntc].bytecount;
			packets++;
			i40e_tp4_free_xdp_frame(xdp_ring, ntc, n);
			ntc = i40e_tp4_inc(xdp_ring, ntc, n);
			done -= n;
			continue;
		}
		if (!tp4->tx_posted || !tp4a_peek_packet(tp4->tx, 0, &p))
			break;
		n = tp4f_num_frames(&p);
		if (unlikely(tp4f_get_error(&p))) {
			tp4->tx_refused -= n;
		} else {
			if (n > done)
				break;
			ntc = i40e_tp4_inc(xdp_ring, ntc, n);
			done -= n;
		}
		tp4a_next_packet(tp4->tx, &p);
		tp4->tx_posted -= n;
	}
	xdp_ring->next_to_clean = ntc;
	i40e_update_tx_stats(xdp_ring, packets, bytes);
}

/* Takes what the device has sent, and what it cannot send. */
static void i40e_tp4_reap(struct i40e_ring *xdp_ring)
{
	struct i40e_tp4 *tp4 = xdp_ring->tp4;
	u16 ntc = xdp_ring->next_to_clean;
	u32 head = i40e_get_head(xdp_ring);
	u32 done = 0;

	/* Where the device cannot be, it is not. */
	if (likely(head < xdp_ring->count))
		done = head < ntc ? head + xdp_ring->count - ntc : head - ntc;
	if (unlikely(done > i40e_tp4_used(xdp_ring)))
		done = 0;

	if (likely(!xdp_ring->xdp_tx_active && !tp4->tx_refused)) {
		tp4->tx_posted -= tp4a_take_frames(tp4->tx, done);
		xdp_ring->next_to_clean = i40e_tp4_inc(xdp_ring, ntc, done);
	} else {
		i40e_tp4_reap_each(xdp_ring, done);
	}
	i40e_arm_wb(xdp_ring, tp4->vsi, done);
}

/* Can the device send the packet? Short ones would be a malicious driver's to it;
 * it pads from there on. When it gets everything anew, what was refused before has
 * its error, and remains refused: i40e_tp4_reap() goes by that.
 */
static int i40e_tp4_check(const struct tp4_frame_set *p, u32 len, u32 max_len)
{
	if (unlikely(tp4f_get_error(p)))
		return -tp4f_get_error(p);
	if (unlikely(len < I40E_MIN_TX_LEN))
		return -EINVAL;
	if (unlikely(len > max_len ||
		     tp4f_num_frames(p) > I40E_MAX_BUFFER_TXD))
		return -EMSGSIZE;
	return 0;
}

/* Writes the descriptors of a packet; returns its last one. */
static struct i40e_tx_desc *i40e_tp4_post(struct i40e_ring *xdp_ring,
					  struct tp4_frame_set *p)
{
	u16 ntu = xdp_ring->next_to_use;
	struct i40e_tx_desc *tx_desc;
	u32 cmd;

	do {
		cmd = I40E_TX_DESC_CMD_ICRC;
		if (tp4f_is_last_frame(p))
			cmd |= I40E_TX_DESC_CMD_EOP;
		tx_desc = I40E_TX_DESC(xdp_ring, ntu);
		tx_desc->buffer_addr = cpu_to_le64(tp4f_get_dma(p) +
						   tp4f_get_data_offset(p));
		tx_desc->cmd_type_offset_bsz =
			build_ctob(cmd, 0, tp4f_get_frame_len(p), 0);
		ntu = i40e_tp4_inc(xdp_ring, ntu, 1);
	} while (tp4f_next_frame(p));
	xdp_ring->next_to_use = ntu;
	return tx_desc;
}

static void i40e_tp4_report_status(struct i40e_tx_desc *tx_desc)
{
	tx_desc->cmd_type_offset_bsz |= cpu_to_le64((u64)I40E_TX_DESC_CMD_RS <<
						    I40E_TXD_QW1_CMD_SHIFT);
}

/* Gives the device what user space wants to be sent. Returns true if there was
 * something that it cannot send.
 */
static bool i40e_tp4_send(struct i40e_ring *xdp_ring)
{
	struct i40e_tp4 *tp4 = xdp_ring->tp4;
	u32 max_len = READ_ONCE(tp4->vsi->netdev->mtu) + ETH_HLEN + VLAN_HLEN;
	unsigned int bytes = 0, packets = 0;
	struct i40e_tx_desc *last = NULL;
	struct tp4_frame_set p;
	bool refused = false;
	u32 len, n;
	int err;

	tp4a_tx_busy(tp4->tx);
	tp4a_populate(tp4->tx);
	while (tp4a_peek_packet(tp4->tx, tp4->tx_posted, &p)) {
		n = tp4f_num_frames(&p);
		len = tp4f_get_packet_len(&p);
		err = i40e_tp4_check(&p, len, max_len);
		if (unlikely(err)) {
			tp4f_set_packet_error(&p, -err);
			tp4->tx_posted += n;
			tp4->tx_refused += n;
			refused = true;
			continue;
		}
		if (n > I40E_DESC_UNUSED(xdp_ring))
			break;
		last = i40e_tp4_post(xdp_ring, &p);
		tp4->tx_posted += n;
		bytes += len;
		if (++packets % I40E_TP4_RS_STRIDE == 0)
			i40e_tp4_report_status(last);
	}
	if (last) {
		if (packets % I40E_TP4_RS_STRIDE)
			i40e_tp4_report_status(last);
		i40e_xdp_ring_update_tail(xdp_ring);
		i40e_update_tx_stats(xdp_ring, packets, bytes);
	}
	return refused;
}

/**
 * i40e_tp4_clean_tx_irq - complete packets of a socket, and send new ones
 * @xdp_ring: its XDP TX ring
 *
 * Return: true, as i40e_tp4_is_idle() knows whether there is more.
 */
bool i40e_tp4_clean_tx_irq(struct i40e_ring *xdp_ring)
{
	struct i40e_tp4 *tp4 = xdp_ring->tp4;
	int completed;

	if (unlikely(tp4->dead))
		return true;

	i40e_tp4_reap(xdp_ring);
	completed = tp4a_flush(tp4->tx);
	if (i40e_tp4_send(xdp_ring))
		i40e_tp4_reap(xdp_ring);
	completed += tp4a_flush(tp4->tx);
	if (completed)
		tp4->parms.write_space(tp4->parms.write_space_opaque);
	return true;
}

static bool i40e_tp4_tx_is_idle(struct i40e_ring *xdp_ring)
{
	struct i40e_tp4 *tp4 = xdp_ring->tp4;
	u32 room = min_t(u32, I40E_DESC_UNUSED(xdp_ring),
			 tp4->tx_elems - tp4->tx_posted);

	/* With next to no room, there is an interrupt to come. */
	return tp4a_tx_idle(tp4->tx, tp4->tx_posted) ||
	       room < I40E_MAX_BUFFER_TXD || tp4->dead;
}

static bool i40e_tp4_rx_is_idle(struct i40e_ring *rx_ring)
{
	struct i40e_tp4 *tp4 = rx_ring->tp4;
	bool wants_frames = i40e_tp4_has_room(rx_ring);

	if (!tp4a_rx_idle(tp4->rx, wants_frames))
		return tp4->dead;
	if (wants_frames && !hrtimer_active(&tp4->timer)) {
		hrtimer_start(&tp4->timer, ns_to_ktime(tp4->look_ns),
			      HRTIMER_MODE_REL_PINNED);
		tp4->look_ns = min_t(u32, 2 * tp4->look_ns,
				     I40E_TP4_LOOK_MAX_NS);
	}
	return true;
}

/**
 * i40e_tp4_is_idle - may NAPI stop?
 * @q_vector: its vector, all rings of which have been looked at
 *
 * Return: false if user space has queued something in the meantime.
 */
bool i40e_tp4_is_idle(struct i40e_q_vector *q_vector)
{
	struct i40e_ring *ring;
	bool idle = true;

	i40e_for_each_ring(ring, q_vector->tx)
		if (ring->tp4 && !i40e_tp4_tx_is_idle(ring))
			idle = false;
	i40e_for_each_ring(ring, q_vector->rx)
		if (ring->tp4 && !i40e_tp4_rx_is_idle(ring))
			idle = false;
	return idle;
}

static enum hrtimer_restart i40e_tp4_look(struct hrtimer *timer)
{
	struct i40e_tp4 *tp4 = container_of(timer, struct i40e_tp4, timer);

	napi_schedule(&tp4->q_vector->napi);
	return HRTIMER_NORESTART;
}

/**
 * i40e_tp4_xdp_queue - which XDP TX ring is ndo_xdp_xmit() to use?
 * @vsi: the VSI
 *
 * What a program sends of a socket's packets goes out by the same queue pair, on
 * whatever CPU.
 *
 * Return: the number of a queue pair.
 */
unsigned int i40e_tp4_xdp_queue(struct i40e_vsi *vsi)
{
	struct i40e_ring *rx_ring = this_cpu_read(i40e_tp4_xdp_rx);

	return rx_ring && rx_ring->vsi == vsi ? rx_ring->queue_index :
						smp_processor_id();
}

/**
 * i40e_tp4_xdp_is_refused - is an XDP TX ring somebody else's?
 * @xdp_ring: the ring for ndo_xdp_xmit(), see i40e_tp4_xdp_queue()
 *
 * Return: true if it belongs to a socket, and its NAPI is not what runs here.
 */
bool i40e_tp4_xdp_is_refused(struct i40e_ring *xdp_ring)
{
	struct i40e_ring *rx_ring = this_cpu_read(i40e_tp4_xdp_rx);

	return READ_ONCE(xdp_ring->tp4) &&
	       !(rx_ring && rx_ring->vsi == xdp_ring->vsi);
}

/**
 * i40e_tp4_xmit - ndo_tp4_xmit(): get NAPI going
 * @netdev: the device
 * @queue_pair: which one
 *
 * Return: 0, also while the device is reset: afterwards NAPI looks at all rings.
 * -ENETDOWN if that has failed.
 */
int i40e_tp4_xmit(struct net_device *netdev, int queue_pair)
{
	struct i40e_netdev_priv *np = netdev_priv(netdev);
	struct i40e_vsi *vsi = np->vsi;
	struct i40e_pf *pf = vsi->back;
	struct i40e_q_vector *q_vector;

	if (test_bit(__I40E_VSI_DOWN, vsi->state))
		return test_bit(__I40E_RESET_RECOVERY_PENDING, pf->state) ||
		       test_bit(__I40E_TESTING, pf->state) ||
		       (test_bit(__I40E_VSI_NEEDS_RESTART, vsi->state) &&
			!READ_ONCE(vsi->tp4_down)) ? 0 : -ENETDOWN;
	if (queue_pair >= vsi->num_queue_pairs)
		return 0;

	/* When the rings are being restarted, NAPI is off, and looks at them
	 * later.
	 */
	q_vector = vsi->rx_rings[queue_pair]->q_vector;
	if (!napi_if_scheduled_mark_missed(&q_vector->napi))
		i40e_force_wb(vsi, q_vector);
	return 0;
}

/* ---- What the rest of the driver calls ------------------------------------- */

/**
 * i40e_tp4_configure_rx - tie an RX ring to a socket, if one holds it
 * @rx_ring: ring that is being configured, and empty
 */
void i40e_tp4_configure_rx(struct i40e_ring *rx_ring)
{
	struct i40e_tp4 *tp4 = i40e_tp4_find(rx_ring->vsi,
					     rx_ring->queue_index);

	if (tp4 && !tp4->rx)
		tp4 = NULL;
	rx_ring->tp4 = tp4;
	if (!tp4)
		return;

	rx_ring->rx_buf_len = tp4->rx_buf_len;
	tp4->dead = false;
	tp4->q_vector = rx_ring->q_vector;
	tp4->look_ns = I40E_TP4_LOOK_MIN_NS;
	if (tp4->rxq == &rx_ring->xdp_rxq)
		return;
	/* Only who holds RTNL makes rings. */
	tp4->rxq = &rx_ring->xdp_rxq;
	tp4a_set_xdp(tp4->rx, rx_ring->vsi->xdp_prog, tp4->rxq);
}

/**
 * i40e_tp4_configure_tx - tie an XDP TX ring to a socket, if one holds it
 * @xdp_ring: ring that is being configured, and empty
 */
void i40e_tp4_configure_tx(struct i40e_ring *xdp_ring)
{
	struct i40e_vsi *vsi = xdp_ring->vsi;
	struct i40e_tp4 *tp4;

	tp4 = i40e_tp4_find(vsi, xdp_ring->queue_index -
				 vsi->alloc_queue_pairs);
	if (tp4 && !tp4->tx)
		tp4 = NULL;
	WRITE_ONCE(xdp_ring->tp4, tp4);
	if (!tp4)
		return;

	tp4->dead = false;
	tp4->q_vector = xdp_ring->q_vector;
	tp4->tx_posted = 0;
	tp4->tx_refused = 0;
	tp4->hang = 0;
	xdp_ring->xdp_tx_active = 0;
}

/**
 * i40e_tp4_started - rings have been started
 * @vsi: their VSI, or one of their VSIs
 *
 * Has NAPI look at what was queued before.
 */
void i40e_tp4_started(struct i40e_vsi *vsi)
{
	struct i40e_tp4 *tp4;

	WRITE_ONCE(vsi->tp4_down, false);
	list_for_each_entry(tp4, &vsi->tp4_list, list)
		if (tp4->parms.queue_pair < vsi->num_queue_pairs)
			i40e_force_wb(vsi, tp4->q_vector);
}

/**
 * i40e_tp4_not_started - a queue pair was to be started, and has not been
 * @vsi: its VSI
 * @queue_pair: the queue pair
 *
 * A reset follows, which needs NAPI to be on, as that is the first that it stops.
 * Until then NAPI is not to tell the device of anything.
 */
void i40e_tp4_not_started(struct i40e_vsi *vsi, int queue_pair)
{
	struct i40e_tp4 *rx = vsi->rx_rings[queue_pair]->tp4;
	struct i40e_tp4 *tx = vsi->xdp_rings[queue_pair]->tp4;

	if (rx)
		rx->dead = true;
	if (tx)
		tx->dead = true;
}

/**
 * i40e_tp4_clean_rx_ring - an RX ring has been stopped
 * @rx_ring: the ring
 *
 * NAPI is off. What is left of a packet is nothing.
 */
void i40e_tp4_clean_rx_ring(struct i40e_ring *rx_ring)
{
	struct i40e_tp4 *tp4 = rx_ring->tp4;

	if (!tp4)
		return;
	hrtimer_cancel(&tp4->timer);
	tp4a_untake(tp4->rx);
	tp4->rx_frames = 0;
	tp4->rx_bad = false;
}

static bool i40e_tp4_fits_one(const struct i40e_tp4 *tp4, unsigned int mtu,
			      bool has_prog)
{
	u32 chain = tp4->vsi->back->hw.func_caps.rx_buf_chain_len;
	u32 frames = has_prog ? 1 : min_t(u32, chain,
					  I40E_MAX_CHAINED_RX_BUFFERS);

	return !tp4->rx ||
	       mtu + ETH_HLEN + VLAN_HLEN <= frames * tp4->rx_buf_len;
}

/**
 * i40e_tp4_fits - can all sockets receive packets of that size?
 * @vsi: the VSI
 * @mtu: MTU
 * @has_prog: there is an XDP program, so each packet has to fit into one frame
 *
 * Return: true if they can.
 */
bool i40e_tp4_fits(struct i40e_vsi *vsi, unsigned int mtu, bool has_prog)
{
	struct i40e_tp4 *tp4;

	list_for_each_entry(tp4, &vsi->tp4_list, list)
		if (!i40e_tp4_fits_one(tp4, mtu, has_prog))
			return false;
	return true;
}

/**
 * i40e_tp4_set_xdp - the XDP program has changed
 * @vsi: its VSI
 *
 * Under RTNL.
 */
void i40e_tp4_set_xdp(struct i40e_vsi *vsi)
{
	struct i40e_tp4 *tp4;

	list_for_each_entry(tp4, &vsi->tp4_list, list)
		if (tp4->rx)
			tp4a_set_xdp(tp4->rx, vsi->xdp_prog, tp4->rxq);
}

/**
 * i40e_tp4_fix_features - ndo_fix_features(): what sockets do not want
 * @netdev: the device
 * @features: what is wanted
 *
 * Return: @features, less those.
 */
netdev_features_t i40e_tp4_fix_features(struct net_device *netdev,
					netdev_features_t features)
{
	struct i40e_netdev_priv *np = netdev_priv(netdev);

	if (np->vsi->tp4_rx_queues)
		features &= ~NETIF_F_HW_VLAN_CTAG_RX;
	return features;
}

static void i40e_tp4_check_hang(struct i40e_tp4 *tp4)
{
	struct i40e_vsi *vsi = tp4->vsi;
	struct i40e_pf *pf = vsi->back;
	struct i40e_ring *xdp_ring;
	u16 ntc;

	if (!tp4->tx || tp4->parms.queue_pair >= vsi->num_queue_pairs)
		return;
	xdp_ring = vsi->xdp_rings[tp4->parms.queue_pair];
	ntc = READ_ONCE(xdp_ring->next_to_clean);
	if (ntc == READ_ONCE(xdp_ring->next_to_use) || ntc != tp4->hang_at ||
	    !netif_carrier_ok(vsi->netdev)) {
		tp4->hang_at = ntc;
		tp4->hang = 0;
		return;
	}
	if (++tp4->hang < I40E_TP4_HANG) {
		/* An interrupt may have been lost. */
		i40e_force_wb(vsi, tp4->q_vector);
		return;
	}
	netdev_info(vsi->netdev, "AF_PACKET V4 queue pair %d hangs, resetting the PF\n",
		    tp4->parms.queue_pair);
	tp4->hang = 0;
	pf->tx_timeout_count++;
	set_bit(__I40E_PF_RESET_REQUESTED, pf->state);
	i40e_service_event_schedule(pf);
}

/* Each socket hears once that the device does not work any more. */
static void i40e_tp4_report_down(struct i40e_vsi *vsi)
{
	struct i40e_tp4 *tp4;

	if (READ_ONCE(vsi->tp4_down))
		return;
	WRITE_ONCE(vsi->tp4_down, true);
	rcu_read_lock();
	list_for_each_entry_rcu(tp4, &vsi->tp4_list, list)
		tp4->parms.error_report(tp4->parms.error_report_opaque,
					ENETDOWN);
	rcu_read_unlock();
}

/**
 * i40e_tp4_watchdog - once a second: does it work?
 * @vsi: the VSI
 *
 * netdev's watchdog looks at the stack's rings only. Called by the service task.
 */
void i40e_tp4_watchdog(struct i40e_vsi *vsi)
{
	struct i40e_tp4 *tp4;
	struct i40e_pf *pf;

	if (!vsi)
		return;
	pf = vsi->back;

	/* Whoever makes rings anew says so, and waits for a grace period before
	 * the old ones go: see i40e_tp4_rebuild() and i40e_down().
	 */
	rcu_read_lock();
	if (test_bit(__I40E_RESET_RECOVERY_PENDING, pf->state) ||
	    test_bit(__I40E_VSI_NEEDS_RESTART, vsi->state) ||
	    test_bit(__I40E_TESTING, pf->state) ||
	    test_bit(__I40E_CONFIG_BUSY, pf->state))
		goto out;
	if (test_bit(__I40E_VSI_DOWN, vsi->state)) {
		i40e_tp4_report_down(vsi);
		goto out;
	}
	list_for_each_entry_rcu(tp4, &vsi->tp4_list, list)
		i40e_tp4_check_hang(tp4);
out:
	rcu_read_unlock();
}

/**
 * i40e_tp4_rebuilt - the driver is through with a reset and what follows it
 * @vsi: the main VSI, or NULL if that is gone
 *
 * When it has given up half-way, the VSI is still to be restarted, and nobody
 * ever will.
 */
void i40e_tp4_rebuilt(struct i40e_vsi *vsi)
{
	if (vsi && test_bit(__I40E_VSI_NEEDS_RESTART, vsi->state))
		i40e_tp4_report_down(vsi);
}

/* ---- Control path: under RTNL ---------------------------------------------- */

static bool i40e_tp4_is_resetting(const struct i40e_pf *pf)
{
	return test_bit(__I40E_RESET_INTR_RECEIVED, pf->state) ||
	       test_bit(__I40E_RESET_RECOVERY_PENDING, pf->state);
}

/* The device is closed, or being closed. A reset of the device, and remove(), do
 * that without RTNL, and to open it again they wait for RTNL. So whoever has it
 * looks before touching a ring, and not only at the beginning: NAPI that is off
 * already, or rings that go, are nothing to wait for.
 */
static bool i40e_tp4_is_closed(const struct i40e_vsi *vsi)
{
	return test_bit(__I40E_VSI_DOWN, vsi->state) ||
	       i40e_tp4_is_resetting(vsi->back);
}

static int i40e_tp4_get_busy(struct i40e_pf *pf)
{
	unsigned long end = jiffies + msecs_to_jiffies(I40E_TP4_WAIT_MS);

	while (test_and_set_bit(__I40E_CONFIG_BUSY, pf->state)) {
		if (time_after(jiffies, end))
			return -EBUSY;
		usleep_range(1000, 2000);
	}
	return 0;
}

/* The device must not write to frames that are given back, come what may. */
static void i40e_tp4_cut_off(struct i40e_vsi *vsi)
{
	netdev_err(vsi->netdev, "a queue does not stop: no DMA any more, reload the driver\n");
	pci_clear_master(vsi->back->pdev);
}

/* A queue did not stop, or did not start. */
static void i40e_tp4_reset(struct i40e_vsi *vsi)
{
	struct i40e_pf *pf = vsi->back;

	i40e_do_reset(pf, I40E_PF_RESET_FLAG, true);
	if (test_bit(__I40E_RESET_FAILED, pf->state))
		i40e_tp4_cut_off(vsi);
}

static bool i40e_tp4_is_stopped(struct i40e_vsi *vsi, u16 queue_pair)
{
	u32 pf_q = vsi->base_queue + queue_pair;
	struct i40e_hw *hw = &vsi->back->hw;
	u32 rx = rd32(hw, I40E_QRX_ENA(pf_q));
	u32 tx = rd32(hw, I40E_QTX_ENA(pf_q + vsi->alloc_queue_pairs));

	/* A device that was pulled out reads as ones. */
	return (rx == U32_MAX && tx == U32_MAX) ||
	       (!(rx & I40E_QRX_ENA_QENA_STAT_MASK) &&
		!(tx & I40E_QTX_ENA_QENA_STAT_MASK));
}

/* The device is closed, or the service task, or remove(), is closing it. To open it
 * again takes RTNL, which this function's caller has. One that is down for another
 * reason, as it could not be started again, keeps its rings, and some may be on.
 *
 * Return: false if the device is open, after all: a reset had opened it before the
 * caller got RTNL, and only now says that it is over. With @stop, it is stopped then.
 */
static bool i40e_tp4_wait_closed(struct i40e_vsi *vsi, u16 queue_pair, bool stop)
{
	bool announced = test_bit(__I40E_RESET_INTR_RECEIVED, vsi->back->state);
	unsigned int wait = announced ? I40E_TP4_WAIT_RESET_MS : I40E_TP4_WAIT_MS;
	unsigned long end = jiffies + msecs_to_jiffies(wait);
	struct i40e_ring *rx_ring;

	/* There are fewer than there were. */
	if (queue_pair >= vsi->alloc_queue_pairs)
		return true;
	rx_ring = vsi->rx_rings[queue_pair];
	if (!i40e_tp4_is_resetting(vsi->back) &&
	    (stop || test_bit(__I40E_VSI_DOWN, vsi->state)) &&
	    !i40e_tp4_is_stopped(vsi, queue_pair))
		i40e_vsi_stop_rings(vsi);
	/* This is the last that is freed. */
	while ((i40e_tp4_is_resetting(vsi->back) && READ_ONCE(rx_ring->desc)) ||
	       !i40e_tp4_is_stopped(vsi, queue_pair)) {
		if (!stop && !i40e_tp4_is_closed(vsi))
			return false;
		if (time_after(jiffies, end)) {
			i40e_tp4_cut_off(vsi);
			break;
		}
		usleep_range(1000, 2000);
	}
	return true;
}

/* From now on, or from the next start of the rings, they are the socket's. */
static void i40e_tp4_add(struct i40e_tp4 *tp4)
{
	list_add_rcu(&tp4->list, &tp4->vsi->tp4_list);
	tp4->vsi->tp4_rings = true;
	tp4->listed = true;
}

/* The rings have been stopped, and will be configured anew. */
static void i40e_tp4_del(struct i40e_tp4 *tp4)
{
	list_del_rcu(&tp4->list);
	tp4->vsi->tp4_rings = !list_empty(&tp4->vsi->tp4_list);
	tp4->listed = false;
}

/* The rings have been stopped, and nobody knows when they will be configured. XDP
 * TX rings only go away with a reset, so they stay, for the next socket.
 */
static void i40e_tp4_del_closed(struct i40e_tp4 *tp4)
{
	u16 queue_pair = tp4->parms.queue_pair;
	struct i40e_vsi *vsi = tp4->vsi;

	list_del_rcu(&tp4->list);
	tp4->listed = false;
	if (queue_pair >= vsi->alloc_queue_pairs)
		return;
	hrtimer_cancel(&tp4->timer);
	/* The reset that was to make them may have failed before that. */
	if (!vsi->xdp_rings)
		vsi->tp4_rings = false;
}

/* Rings that were to be configured without the socket, and have not been as the
 * reset failed before that, still know of it.
 */
static void i40e_tp4_untie(struct i40e_tp4 *tp4)
{
	u16 queue_pair = tp4->parms.queue_pair;
	struct i40e_vsi *vsi = tp4->vsi;
	struct i40e_ring *ring;

	if (queue_pair >= vsi->alloc_queue_pairs)
		return;
	ring = vsi->rx_rings[queue_pair];
	if (ring && ring->tp4 == tp4)
		ring->tp4 = NULL;
	ring = vsi->xdp_rings ? vsi->xdp_rings[queue_pair] : NULL;
	if (ring && ring->tp4 == tp4)
		WRITE_ONCE(ring->tp4, NULL);
}

/* Does a PF reset, in which the XDP TX rings come, or go, with @change. Nothing
 * has changed if the device is closed.
 */
static int i40e_tp4_rebuild(struct i40e_tp4 *tp4,
			    void (*change)(struct i40e_tp4 *tp4))
{
	struct i40e_vsi *vsi = tp4->vsi;
	struct i40e_pf *pf = vsi->back;
	int err;

	err = i40e_tp4_get_busy(pf);
	if (err)
		return err;
	if (i40e_tp4_is_closed(vsi)) {
		clear_bit(__I40E_CONFIG_BUSY, pf->state);
		return -ENETDOWN;
	}
	i40e_prep_for_reset(pf);
	/* i40e_tp4_watchdog() may be at work, and not know of the reset. */
	synchronize_net();
	change(tp4);
	i40e_reset_and_rebuild(pf, true, true);
	clear_bit(__I40E_CONFIG_BUSY, pf->state);
	if (test_bit(__I40E_RESET_FAILED, pf->state))
		i40e_tp4_cut_off(vsi);
	if (test_bit(__I40E_VSI_DOWN, vsi->state))
		return -EIO;
	i40e_tp4_started(vsi);
	return 0;
}

/* Stops the queue pair, and starts it with @change. When it cannot be stopped, or
 * the device is closed, nothing has changed; when it cannot be started, all but a
 * reset is done.
 */
static int i40e_tp4_restart(struct i40e_tp4 *tp4,
			    void (*change)(struct i40e_tp4 *tp4))
{
	int queue_pair = tp4->parms.queue_pair;
	struct i40e_vsi *vsi = tp4->vsi;
	int tries = 100;
	int err;

	do {
		if (i40e_tp4_is_closed(vsi))
			return -ENETDOWN;
		err = i40e_queue_pair_disable(vsi, queue_pair);
	} while (err == -EBUSY && --tries);
	if (err == -EBUSY)
		return err;
	if (err) {
		/* As it was, so that it can be reset. */
		i40e_queue_pair_enable(vsi, queue_pair);
		return err;
	}
	change(tp4);
	return i40e_queue_pair_enable(vsi, queue_pair);
}

/* XDP TX rings double the number of queues, and the driver does not survive being
 * refused them: virtual functions may have them.
 */
static bool i40e_tp4_has_queues(struct i40e_vsi *vsi)
{
	struct i40e_lump_tracking *pile = vsi->back->qp_pile;
	u16 own = vsi->idx | I40E_PILE_VALID_BIT;
	unsigned int i, n = 0;

	for (i = 0; i < pile->num_entries; i++) {
		n = pile->list[i] & I40E_PILE_VALID_BIT &&
		    pile->list[i] != own ? 0 : n + 1;
		if (n == 2 * vsi->alloc_queue_pairs)
			return true;
	}
	return false;
}

static int i40e_tp4_may_enable(struct i40e_vsi *vsi, int queue_pair)
{
	struct i40e_pf *pf = vsi->back;

	/* Queues of channels are not the main VSI's. */
	if (vsi->type != I40E_VSI_MAIN || i40e_is_tc_mqprio_enabled(pf) ||
	    vsi->macvlan_cnt)
		return -EOPNOTSUPP;
	if (queue_pair >= vsi->num_queue_pairs)
		return -EINVAL;
	if (i40e_tp4_is_closed(vsi))
		return -ENETDOWN;
	if (!i40e_enabled_xdp_vsi(vsi) && !i40e_tp4_has_queues(vsi))
		return -EOPNOTSUPP;
	return 0;
}

static void i40e_tp4_free(struct i40e_tp4 *tp4)
{
	tp4a_free(tp4->rx);
	tp4a_free(tp4->tx);
	kfree(tp4);
}

/* Arrays are as large as the rings are now. When "ethtool -G" makes these larger,
 * the device has no more frames than before.
 */
static struct i40e_tp4 *i40e_tp4_new(struct i40e_vsi *vsi,
				     const struct tp4_netdev_parms *parms)
{
	struct device *dev = &vsi->back->pdev->dev;
	struct i40e_tp4 *tp4;

	tp4 = kzalloc(sizeof(*tp4), GFP_KERNEL);
	if (!tp4)
		return NULL;
	tp4->vsi = vsi;
	tp4->parms = *parms;
	/* i40e_tp4_started() comes even if configuring a ring has failed. */
	tp4->q_vector = vsi->rx_rings[parms->queue_pair]->q_vector;
	tp4->rx_elems = roundup_pow_of_two(vsi->rx_rings[0]->count);
	tp4->tx_elems = roundup_pow_of_two(vsi->tx_rings[0]->count);
	hrtimer_init(&tp4->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED);
	tp4->timer.function = i40e_tp4_look;
	if (parms->rx_opaque) {
		tp4->rx = tp4a_rx_new(parms->rx_opaque, tp4->rx_elems, dev);
		if (!tp4->rx)
			goto err_free;
		/* The device knows of multiples only. */
		tp4->rx_buf_len =
			round_down(min_t(u32, tp4a_max_len(tp4->rx),
					 I40E_TP4_RX_BUF_MAX),
				   BIT(I40E_RXQ_CTX_DBUFF_SHIFT));
	}
	if (parms->tx_opaque) {
		tp4->tx = tp4a_tx_new(parms->tx_opaque, tp4->tx_elems, dev);
		if (!tp4->tx)
			goto err_free;
	}
	return tp4;

err_free:
	i40e_tp4_free(tp4);
	return NULL;
}

/* Before a socket begins to receive, and after it has ended. */
static void i40e_tp4_count_rx(struct i40e_tp4 *tp4, int n)
{
	struct i40e_vsi *vsi = tp4->vsi;

	if (!tp4->rx)
		return;
	vsi->tp4_rx_queues += n;
	if (!test_bit(__I40E_IN_REMOVE, vsi->back->state))
		netdev_update_features(vsi->netdev);
}

/* Afterwards neither the device nor the driver knows of the socket. @reset: there
 * is no other way.
 */
static void i40e_tp4_remove(struct i40e_tp4 *tp4, bool reset)
{
	struct i40e_vsi *vsi = tp4->vsi;
	u16 queue_pair = tp4->parms.queue_pair;
	bool busy = false;
	int err = 0;

again:
	if (!i40e_tp4_is_closed(vsi)) {
		if (!reset &&
		    (vsi->xdp_prog || !list_is_singular(&vsi->tp4_list)))
			err = i40e_tp4_restart(tp4, i40e_tp4_del);
		if (tp4->listed)
			busy = i40e_tp4_rebuild(tp4, i40e_tp4_del) == -EBUSY;
		else if (err)
			/* The stack's rings have not started. */
			i40e_tp4_reset(vsi);
	}
	if (tp4->listed) {
		if (!i40e_tp4_wait_closed(vsi, queue_pair, busy))
			goto again;
		i40e_tp4_del_closed(tp4);
	}
	i40e_tp4_untie(tp4);
	synchronize_net();
	i40e_tp4_count_rx(tp4, -1);
	i40e_tp4_free(tp4);
}

static int i40e_tp4_enable(struct i40e_vsi *vsi, struct tp4_netdev_parms *parms)
{
	struct i40e_tp4 *tp4;
	int err;

	err = i40e_tp4_may_enable(vsi, parms->queue_pair);
	if (err)
		return err;
	tp4 = i40e_tp4_new(vsi, parms);
	if (!tp4)
		return -ENOMEM;
	if (!i40e_tp4_fits_one(tp4, vsi->netdev->mtu, vsi->xdp_prog)) {
		i40e_tp4_free(tp4);
		return -EINVAL;
	}

	i40e_tp4_count_rx(tp4, 1);
	if (i40e_enabled_xdp_vsi(vsi))
		err = i40e_tp4_restart(tp4, i40e_tp4_add);
	else
		err = i40e_tp4_rebuild(tp4, i40e_tp4_add);
	if (!err) {
		parms->napi_id = tp4->q_vector->napi.napi_id;
		return 0;
	}

	netdev_err(vsi->netdev, "cannot restart queue pair %d: %d\n",
		   parms->queue_pair, err);
	if (tp4->listed) {
		i40e_tp4_remove(tp4, true);
		return err;
	}
	/* It could not be stopped. */
	if (err != -EBUSY && err != -ENETDOWN)
		i40e_tp4_reset(vsi);
	i40e_tp4_count_rx(tp4, -1);
	i40e_tp4_free(tp4);
	return err;
}

/**
 * i40e_tp4_zerocopy - ndo_tp4_zerocopy(): give a socket a queue pair, or take it
 * @netdev: the device
 * @parms: see there
 *
 * Return: 0, or a negative errno.
 */
int i40e_tp4_zerocopy(struct net_device *netdev, struct tp4_netdev_parms *parms)
{
	struct i40e_netdev_priv *np = netdev_priv(netdev);
	struct i40e_tp4 *tp4;

	ASSERT_RTNL();

	switch (parms->command) {
	case TP4_ENABLE:
		return i40e_tp4_enable(np->vsi, parms);
	case TP4_DISABLE:
		tp4 = i40e_tp4_find(np->vsi, parms->queue_pair);
		if (tp4)
			i40e_tp4_remove(tp4, false);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

// SPDX-License-Identifier: GPL-2.0
/* What the TPACKET_V2 and TPACKET_V3 back ends share: set-up, and the TX ring */

#include "ring_frames.h"

#define VLAN_TAG_LEN	4

static void set_option(struct port *port, int option, const char *call)
{
	int one = 1;

	if (setsockopt(port->fd, SOL_PACKET, option, &one, sizeof(one)))
		port_fail(port, call, errno);
}

/* Protocol 0: nothing is received before bind(), when the ring is ready. */
int frames_socket(struct port *port, int version, const char *call)
{
	struct packet_mreq mreq = {
		.mr_ifindex = if_nametoindex(port->interface),
		.mr_type = PACKET_MR_PROMISC,
	};

	port->fd = socket(PF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	if (port->fd < 0)
		port_fail(port, "socket(PF_PACKET, SOCK_RAW)", errno);
	if (setsockopt(port->fd, SOL_PACKET, PACKET_VERSION, &version,
		       sizeof(version)))
		port_fail(port, call, errno);
	/* A packet that the kernel refuses must not stop the ring. */
	set_option(port, PACKET_LOSS, "setsockopt(PACKET_LOSS)");
	if (port->opt->qdisc_bypass)
		set_option(port, PACKET_QDISC_BYPASS,
			   "setsockopt(PACKET_QDISC_BYPASS)");
	if (!(port->roles & ROLE_RX))
		return port->fd;

	set_option(port, PACKET_IGNORE_OUTGOING,
		   "setsockopt(PACKET_IGNORE_OUTGOING)");
	if (setsockopt(port->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &mreq,
		       sizeof(mreq)))
		port_fail(port, "setsockopt(PACKET_ADD_MEMBERSHIP)", errno);
	return port->fd;
}

/* Bytes of a frame that takes the largest packet the device can have. */
unsigned int frames_size(const struct port *port, unsigned int hdrlen)
{
	unsigned int want = port->mtu + ETH_HLEN + VLAN_TAG_LEN;
	unsigned int size = 2048;

	if (want < port->opt->size)
		want = port->opt->size;
	/* The kernel aligns the network header and may leave a gap for it. */
	want += hdrlen + 2 * TPACKET_ALIGNMENT + ETH_HLEN;
	while (size < want)
		size *= 2;
	return size;
}

unsigned int frames_block_size(unsigned int frame_size, unsigned int want)
{
	unsigned int block = (unsigned int)sysconf(_SC_PAGESIZE);

	while (block < frame_size || block < want)
		block *= 2;
	return block;
}

void *frames_map(struct port *port, size_t len)
{
	void *map;

	map = mmap(NULL, len, PROT_READ | PROT_WRITE,
		   MAP_SHARED | MAP_LOCKED | MAP_POPULATE, port->fd, 0);
	/* RLIMIT_MEMLOCK; the ring is never swapped anyway. */
	if (map == MAP_FAILED && (errno == EAGAIN || errno == EPERM))
		map = mmap(NULL, len, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_POPULATE, port->fd, 0);
	if (map == MAP_FAILED)
		port_fail(port, "mmap(rings)", errno);
	prefault(map, len);
	return map;
}

void frames_tx_init(struct frame_ring *ring, struct port *port, void *base,
		    unsigned int frame_size)
{
	ring->base = base;
	ring->frame_size = frame_size;
	ring->nr = port->frames;
	ring->filled = xcalloc(ring->nr, sizeof(*ring->filled));
}

static unsigned char *frame_at(const struct frame_ring *ring, unsigned int i)
{
	return ring->base + (size_t)(i & (ring->nr - 1)) * ring->frame_size;
}

static __u32 *frame_status(const struct frame_ring *ring, unsigned int i)
{
	return (__u32 *)(frame_at(ring, i) + ring->off_status);
}

static __u32 *frame_len(const struct frame_ring *ring, unsigned int i)
{
	return (__u32 *)(frame_at(ring, i) + ring->off_len);
}

static void frames_tx_reap(struct frame_ring *ring, struct port *port)
{
	while (ring->tail != ring->head) {
		__u32 status = __atomic_load_n(frame_status(ring, ring->tail),
						  __ATOMIC_ACQUIRE);

		if (status & (TP_STATUS_SEND_REQUEST | TP_STATUS_SENDING))
			break;
		if (status & TP_STATUS_WRONG_FORMAT) {
			port_error(port, EMSGSIZE, 1);
		} else {
			port->stats->tx_packets++;
			port->stats->tx_bytes += *frame_len(ring, ring->tail);
		}
		ring->tail++;
	}
}

unsigned int frames_tx_reserve(struct frame_ring *ring, struct port *port,
			       struct seg *segs, unsigned int nr)
{
	unsigned int room = ring->nr - (ring->head - ring->tail);
	unsigned int i;

	/* Looking at completions late finds many on each cache line. */
	if (room < nr) {
		frames_tx_reap(ring, port);
		room = ring->nr - (ring->head - ring->tail);
	}
	if (nr > room)
		nr = room;

	for (i = 0; i < nr; i++) {
		unsigned int at = (ring->head + i) & (ring->nr - 1);

		segs[i].data = frame_at(ring, at) + ring->off_data;
		segs[i].handle = at;
		segs[i].len = port->opt->size;
		segs[i].more = false;
		segs[i].filled = ring->filled[at];
		ring->filled[at] = true;
	}
	return nr;
}

void frames_tx_submit(struct frame_ring *ring, const struct seg *segs,
		      unsigned int nr)
{
	unsigned int i;

	for (i = 0; i < nr; i++) {
		*frame_len(ring, ring->head + i) = segs[i].len;
		__atomic_store_n(frame_status(ring, ring->head + i),
				 TP_STATUS_SEND_REQUEST, __ATOMIC_RELEASE);
	}
	ring->head += nr;
}

void frames_tx_kick(struct frame_ring *ring, struct port *port)
{
	if (!frames_tx_pending(ring))
		return;

	if (send(port->fd, NULL, 0, MSG_DONTWAIT) < 0 && errno != EAGAIN)
		port_error(port, errno, 1);
	frames_tx_reap(ring, port);
}

/* Puts the VLAN tag back that the kernel took out. */
static __u32 copy_packet(unsigned char *to, const struct seg *seg)
{
	const unsigned char *from = seg->data;
	__u16 tag[2];

	if (!seg->vlan_tpid || seg->len < 2 * ETH_ALEN) {
		memcpy(to, from, seg->len);
		return seg->len;
	}

	tag[0] = htons(seg->vlan_tpid);
	tag[1] = htons(seg->vlan_tci);
	memcpy(to, from, 2 * ETH_ALEN);
	memcpy(to + 2 * ETH_ALEN, tag, VLAN_TAG_LEN);
	memcpy(to + 2 * ETH_ALEN + VLAN_TAG_LEN, from + 2 * ETH_ALEN,
	       seg->len - 2 * ETH_ALEN);
	return seg->len + VLAN_TAG_LEN;
}

unsigned int frames_tx_copy(struct frame_ring *ring, struct port *port,
			    const struct seg *segs, unsigned int nr)
{
	unsigned int room = ring->frame_size - ring->off_data;
	unsigned int i;

	for (i = 0; i < nr; i++) {
		struct seg out;

		if (segs[i].wire_len > segs[i].len ||
		    segs[i].len + VLAN_TAG_LEN > room) {
			port_error(port, EMSGSIZE, 1);
			continue;
		}
		if (!frames_tx_reserve(ring, port, &out, 1))
			break;
		ring->filled[out.handle] = false;
		out.len = copy_packet(out.data, &segs[i]);
		frames_tx_submit(ring, &out, 1);
	}
	return i;
}

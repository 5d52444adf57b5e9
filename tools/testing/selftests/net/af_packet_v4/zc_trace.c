// SPDX-License-Identifier: GPL-2.0
/*
 * AF_PACKET V4: the tracepoints of zero copy say what happened, to whom, and why,
 * and say it once.
 */

#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>

#include "../../kselftest_harness.h"
#include "tp4_lib.h"
#include "tp4_xdp.h"

#define TRACING		"/sys/kernel/tracing"
#define INSTANCE	TRACING "/instances/tp4"
#define RING		64
#define FRAMES		(2 * RING)
#define SIZE		2048
#define EVENTS		128
#define EVENT_LEN	128

FIXTURE(zc_trace) {
	struct tp4_net net;
	struct tp4 a;
	struct tp4 b;
	char events[EVENTS][EVENT_LEN];
	unsigned int nr;
	bool has_instance;
};

static int enable_event(const char *event, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), INSTANCE "/events/%s/enable", event);
	return tp4_write_file(path, value);
}

/*
 * An instance of its own: nobody else's events, and nobody else sees ours. What
 * was recorded goes to self->events, and is gone from the trace.
 */
static int read_events(struct _test_data_zc_trace *self)
{
	char line[512], *p;
	FILE *f;

	self->nr = 0;
	f = fopen(INSTANCE "/trace", "re");
	if (!f)
		return -errno;
	while (fgets(line, sizeof(line), f)) {
		/* task-pid [cpu] flags time: event: fields */
		p = strstr(line, ": tp4_");
		if (line[0] == '#' || !p)
			continue;
		if (self->nr == EVENTS) {
			fclose(f);
			return -E2BIG;
		}
		p[strcspn(p, "\n")] = '\0';
		snprintf(self->events[self->nr++], EVENT_LEN, "%s", p + 2);
	}
	fclose(f);
	/* An open for writing that truncates it empties it */
	f = fopen(INSTANCE "/trace", "we");
	if (!f)
		return -errno;
	fclose(f);
	return 0;
}

FIXTURE_SETUP(zc_trace)
{
	memset(&self->a, 0, sizeof(self->a));
	memset(&self->b, 0, sizeof(self->b));
	self->a.fd = -1;
	self->a.mr_fd = -1;
	self->b.fd = -1;
	self->b.mr_fd = -1;
	self->has_instance = false;
	if (access(TRACING "/events", F_OK))
		SKIP(return, "tracefs is not mounted on " TRACING);
	ASSERT_EQ(0, access(TRACING "/events/tpacket4", F_OK));
	/* One may be left from a run that was killed */
	rmdir(INSTANCE);
	if (mkdir(INSTANCE, 0700))
		SKIP(return, "no instances of the trace buffer");
	self->has_instance = true;
	ASSERT_EQ(0, enable_event("tpacket4", "1"));
	ASSERT_EQ(0, tp4_net_new(&self->net, NULL));
}

FIXTURE_TEARDOWN(zc_trace)
{
	tp4_close(&self->a);
	tp4_close(&self->b);
	if (self->has_instance) {
		enable_event("tpacket4", "0");
		EXPECT_EQ(0, rmdir(INSTANCE));
	}
}

/* Exactly these, in this order */
static void expect_events(struct __test_metadata *_metadata,
			  struct _test_data_zc_trace *self,
			  const char *const *want, unsigned int n)
{
	unsigned int i;

	ASSERT_EQ(0, read_events(self));
	EXPECT_EQ(n, self->nr);
	for (i = 0; i < n && i < self->nr; i++)
		EXPECT_STREQ(want[i], self->events[i]);
	for (; i < self->nr; i++)
		TH_LOG("one more: %s", self->events[i]);
}

static void expect_zc(struct __test_metadata *_metadata,
		      struct _test_data_zc_trace *self, const char *event,
		      int ifindex, int queue_pair, int err)
{
	char text[EVENT_LEN];
	const char *want = text;

	snprintf(text, sizeof(text), "%s: ifindex=%d queue_pair=%d err=%d",
		 event, ifindex, queue_pair, err);
	expect_events(_metadata, self, &want, 1);
}

static int open_on(struct tp4 *t, int ifindex, const struct tp4_mode *mode)
{
	const struct tp4_cfg cfg = {
		.ifindex = ifindex, .mode = mode, .rx_nr = RING, .tx_nr = RING,
		.frames = FRAMES, .frame_size = SIZE, .ignore_outgoing = true,
	};

	return tp4_open(t, &cfg);
}

TEST_F(zc_trace, enable_and_disable)
{
	const struct tp4_netcfg cfg = { .queues = 2 };

	/* Copy mode is not its matter, nor is what never gets to the driver */
	ASSERT_EQ(0, open_on(&self->b, self->net.b, NULL));
	EXPECT_EQ(-EINVAL, tp4_set_queue(self->b.fd, 1));
	expect_events(_metadata, self, NULL, 0);

	ASSERT_EQ(0, tp4_set_queue(self->b.fd, 0));
	expect_zc(_metadata, self, "tp4_zc_enable", self->net.b, 0, 0);
	EXPECT_EQ(-EBUSY, tp4_set_queue(self->b.fd, 0));
	expect_events(_metadata, self, NULL, 0);
	ASSERT_EQ(0, tp4_set_queue(self->b.fd, -1));
	expect_zc(_metadata, self, "tp4_zc_disable", self->net.b, 0, ECANCELED);
	ASSERT_EQ(0, tp4_set_queue(self->b.fd, -1));
	expect_events(_metadata, self, NULL, 0);

	/* By bind(), and by close() */
	ASSERT_EQ(0, open_on(&self->a, self->net.a, &tp4_zc));
	expect_zc(_metadata, self, "tp4_zc_enable", self->net.a, 0, 0);
	tp4_close(&self->a);
	expect_zc(_metadata, self, "tp4_zc_disable", self->net.a, 0, ECANCELED);

	/* The interface goes down; closing has nothing to take back then */
	ASSERT_EQ(0, tp4_set_queue(self->b.fd, 0));
	expect_zc(_metadata, self, "tp4_zc_enable", self->net.b, 0, 0);
	ASSERT_EQ(0, tp4_link_down(self->net.b));
	expect_zc(_metadata, self, "tp4_zc_disable", self->net.b, 0, ENETDOWN);
	EXPECT_EQ(-ENETDOWN, tp4_set_queue(self->b.fd, 0));
	tp4_close(&self->b);
	expect_events(_metadata, self, NULL, 0);

	/* The driver says no: the other end has fewer queues */
	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	ASSERT_EQ(0, tp4_channels("tp4d", 1, 2));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4c")));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
	ASSERT_EQ(0, open_on(&self->b, if_nametoindex("tp4c"), NULL));
	EXPECT_EQ(-EINVAL, tp4_set_queue(self->b.fd, 1));
	expect_zc(_metadata, self, "tp4_zc_enable", if_nametoindex("tp4c"), 1,
		  -EINVAL);
}

/* The queue pair has its own number, also when the device goes */
TEST_F(zc_trace, of_a_queue_pair)
{
	const struct tp4_netcfg cfg = { .queues = 4 };
	int c;

	ASSERT_EQ(0, tp4_veth_add("tp4c", "tp4d", &cfg));
	c = if_nametoindex("tp4c");
	ASSERT_EQ(0, tp4_link_up(c));
	ASSERT_EQ(0, tp4_link_up(if_nametoindex("tp4d")));
	ASSERT_EQ(0, open_on(&self->b, c, NULL));
	ASSERT_EQ(0, tp4_set_queue(self->b.fd, 3));
	expect_zc(_metadata, self, "tp4_zc_enable", c, 3, 0);
	ASSERT_EQ(0, tp4_link_del(c));
	expect_zc(_metadata, self, "tp4_zc_disable", c, 3, ENETDOWN);
}

/* Sends packets @first to @last from a in one go */
static int send_batch(struct _test_data_zc_trace *self, __u32 first, __u32 last)
{
	__u8 pkt[SIZE];
	ssize_t ret;

	for (; first <= last; first++) {
		tp4_pkt_fill(pkt, 100, first);
		ret = tp4_queue(&self->a, pkt, 100, 0);
		if (ret < 0)
			return ret;
	}
	ret = tp4_kick(&self->a, 0);
	return ret < 0 ? ret : tp4_complete(&self->a);
}

/* Packets that were dropped, as the events since the last look say */
static unsigned int count_drops(struct __test_metadata *_metadata,
				struct _test_data_zc_trace *self)
{
	unsigned int i, queue, packets, sum = 0;
	int ifindex, n;

	ASSERT_EQ(0, read_events(self));
	for (i = 0; i < self->nr; i++) {
		n = sscanf(self->events[i],
			   "tp4_flush_drop: ifindex=%d queue=%u packets=%u",
			   &ifindex, &queue, &packets);
		EXPECT_EQ(3, n) TH_LOG("%s", self->events[i]);
		EXPECT_EQ(self->net.b, ifindex);
		EXPECT_EQ(0, queue);
		EXPECT_LT(0, packets);
		sum += packets;
	}
	return sum;
}

TEST_F(zc_trace, flush_drop)
{
	static const struct {
		__u32 action;
		bool lost;
	} cases[] = {
		{ XDP_DROP, true },
		{ XDP_ABORTED, true },
		{ TP4_XDP_INVALID, true },
		{ XDP_PASS, false },
		{ XDP_TX, false },
		{ XDP_PASS_TO_KERNEL, false },
	};
	unsigned int i, k, lost, n = 20;
	__u8 pkt[SIZE];
	int prog;

	ASSERT_EQ(0, open_on(&self->a, self->net.a, &tp4_zc));
	ASSERT_EQ(0, open_on(&self->b, self->net.b, &tp4_zc));
	ASSERT_EQ(0, enable_event("tpacket4/tp4_zc_enable", "0"));
	ASSERT_EQ(0, read_events(self));

	/* Nobody has dropped anything */
	ASSERT_EQ(0, send_batch(self, 0, n - 1));
	EXPECT_EQ(0, count_drops(_metadata, self));
	for (k = 0; k < n; k++)
		ASSERT_LT(0, tp4_recv_wait(&self->b, pkt, sizeof(pkt)));

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		prog = tp4_prog_const(cases[i].action);
		ASSERT_LE(0, prog);
		ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, 0));
		close(prog);
		ASSERT_EQ(0, send_batch(self, 0, n - 1));
		lost = count_drops(_metadata, self);
		EXPECT_EQ(cases[i].lost * n, lost)
			TH_LOG("action %u", cases[i].action);
		if (cases[i].action == XDP_PASS)
			for (k = 0; k < n; k++)
				ASSERT_LT(0, tp4_recv_wait(&self->b, pkt,
							   sizeof(pkt)));
	}

	/* To a device that does not exist */
	prog = tp4_prog_redirect(99999);
	ASSERT_LE(0, prog);
	ASSERT_EQ(0, tp4_link_xdp(self->net.b, prog, 0));
	close(prog);
	ASSERT_EQ(0, send_batch(self, 0, n - 1));
	EXPECT_EQ(n, count_drops(_metadata, self));
}

/* What it says of the descriptor is what was in it; the kernel's bit may show */
static void expect_desc(struct __test_metadata *_metadata, const char *event,
			const struct tpacket4_desc *want)
{
	unsigned int len, offset, flags;
	unsigned long long idx;
	int err, n;

	n = sscanf(event,
		   "tp4_invalid_desc: idx=%llu len=%u offset=%u flags=%x err=%d",
		   &idx, &len, &offset, &flags, &err);
	ASSERT_EQ(5, n) TH_LOG("%s", event);
	EXPECT_EQ(want->idx, idx) TH_LOG("%s", event);
	EXPECT_EQ(want->error, err) TH_LOG("%s", event);
	EXPECT_EQ(want->len, len) TH_LOG("%s", event);
	EXPECT_EQ(want->offset, offset) TH_LOG("%s", event);
	EXPECT_EQ(want->flags, flags & ~TP4_DESC_KERNEL) TH_LOG("%s", event);
}

TEST_F(zc_trace, invalid_desc)
{
	static const struct tpacket4_desc tx[] = {
		{ .idx = FRAMES, .len = 100, .error = EBADF },
		{ .idx = ~0ULL, .len = 100, .error = EBADF },
		{ .idx = 1ULL << 32, .len = 0xffffffff, .offset = 0xffff,
		  .error = EBADF },
		{ .idx = 5, .len = SIZE, .offset = 1, .error = EBADF },
		{ .idx = 6, .offset = 77, .error = EINVAL },
		{ .idx = 7, .len = 60, .flags = 0x20, .error = EINVAL },
		{ .idx = 8, .len = 60, .flags = 0x7a, .error = EINVAL },
	};
	static const struct tpacket4_desc rx = {
		.idx = FRAMES + 1, .error = EBADF,
	};
	struct tpacket4_desc d;
	__u8 pkt[SIZE];
	unsigned int i;

	ASSERT_EQ(0, open_on(&self->a, self->net.a, &tp4_zc));
	ASSERT_EQ(0, open_on(&self->b, self->net.b, &tp4_zc));
	ASSERT_EQ(0, enable_event("tpacket4/tp4_zc_enable", "0"));
	ASSERT_EQ(0, read_events(self));

	/* With some that are in order in between */
	for (i = 0; i < ARRAY_SIZE(tx); i++) {
		tp4_tx_give(&self->a, tx[i].idx, tx[i].len, tx[i].offset,
			    tx[i].flags);
		tp4_tx_give(&self->a, 1, 100, 0, 0);
	}
	EXPECT_EQ(100 * ARRAY_SIZE(tx), tp4_kick(&self->a, 0));
	ASSERT_EQ(0, read_events(self));
	ASSERT_EQ(ARRAY_SIZE(tx), self->nr);
	for (i = 0; i < self->nr; i++)
		expect_desc(_metadata, self->events[i], &tx[i]);
	for (i = 0; i < 2 * ARRAY_SIZE(tx); i++)
		EXPECT_TRUE(tp4_tx_next(&self->a, &d));

	/* Not to send, but to receive into */
	ASSERT_TRUE(tp4_rx_next(&self->b, &d));
	tp4_rx_give(&self->b, rx.idx);
	ASSERT_EQ(0, send_batch(self, 0, 0));
	ASSERT_EQ(0, read_events(self));
	ASSERT_EQ(1, self->nr);
	expect_desc(_metadata, self->events[0], &rx);
	ASSERT_LT(0, tp4_recv_wait(&self->b, pkt, sizeof(pkt)));
	ASSERT_EQ(0, read_events(self));
	EXPECT_EQ(0, self->nr);
}

/* The XDP tracepoints know the action by its name */
TEST_F(zc_trace, action_has_a_name)
{
	char line[4096];
	bool found = false;
	FILE *f;

	f = fopen(TRACING "/events/xdp/xdp_exception/format", "re");
	ASSERT_NE(NULL, f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, "\"PASS_TO_KERNEL\""))
			found = true;
	fclose(f);
	EXPECT_TRUE(found);
}

TEST_HARNESS_MAIN

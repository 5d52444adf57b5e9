// SPDX-License-Identifier: GPL-2.0
/*
 * The lane xl710: i40e on the model of its NIC (lab/xl710).
 *
 * How many packets go through in a second would say how two processes of the
 * host share its CPUs. So it is batches that are timed: the model has N packets
 * in the RX ring before it interrupts the driver, or takes N packets out of the
 * TX ring all at once, and says how long the driver took until it had cleaned
 * all of them and enabled the interrupt again. What user space does is timed
 * here. What N packets cost more than fewer is the cost of a packet: system
 * calls and interrupts, which are slow in User Mode Linux, come once a batch
 * and drop out.
 */

#include <fcntl.h>
#include <stdarg.h>
#include <time.h>
#include <unistd.h>

#include <sys/socket.h>

#include <linux/bpf.h>
#include <linux/if_link.h>

#include "../../xl710/mailbox.h"
#include "bench.h"

#define NR_LENGTHS	2	/* of batches */
#define MAX_BATCHES	64	/* of each length */
#define PER_TURN	5	/* of one length, then the other one */
#define PATIENCE_NS	10000000000ULL

/* What a batch took, in ns. */
struct batch {
	double rx;		/* the driver, and what it calls */
	double user;		/* user space, with its system calls */
	double tx;		/* the driver again: completions */
	double doorbells;
};

static int box = -1;
static char answer[MAILBOX_SIZE + 4];	/* the last one */
static double ns_per_tick;

/* Gives the model a command. EAGAIN is for the caller; all else is the end. */
__attribute__((format(printf, 1, 2)))
static int ask(const char *fmt, ...)
{
	char line[256];
	va_list args;
	int status;

	va_start(args, fmt);
	vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	*answer = 0;
	status = mailbox_run(box, line, answer);
	if (status < 0)
		err(1, "the model: %s", line);
	if (status && status != EAGAIN)
		errx(1, "the model: %s: %s", line, answer);
	return status;
}

/* The number behind @key in the last answer */
static __u64 answer_of(const char *key)
{
	size_t len = strlen(key);
	const char *line;

	for (line = answer; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, key, len) && line[len] == ' ')
			return strtoull(line + len, NULL, 10);
	}
	errx(1, "the model says nothing of '%s'", key);
}

static __u64 tick(void)
{
#ifdef __x86_64__
	return __builtin_ia32_rdtsc();
#else
	errx(1, "no clock that the model has as well");
#endif
}

static __u64 monotonic_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* Who sleeps in the middle of a batch finds the caches full of other things. */
static void be_patient(__u64 *since, const char *what)
{
	if (!*since)
		*since = monotonic_ns();
	else if (monotonic_ns() - *since > PATIENCE_NS)
		errx(1, "time is over: %s", what);
}

static void measure_tick(void)
{
	__u64 ns = monotonic_ns(), ticks = tick();

	usleep(50000);
	ns = monotonic_ns() - ns;
	ticks = tick() - ticks;
	ns_per_tick = (double)ns / ticks;
}

/* ---- packets: those of the model, see wire.h there ---- */

#define PAYLOAD_AT	42
#define MAGIC		"XL71"

struct pattern {
	char magic[4];
	__u16 run;
	__u16 len;
	__u64 seq;
} __attribute__((packed));

void nic_build(struct end *end, unsigned char *data)
{
	struct pattern pat = {
		.run = 0xffff,
		.len = end->opt->size - PAYLOAD_AT,
		.seq = end->next_seq++,
	};
	unsigned int i;

	memcpy(pat.magic, MAGIC, sizeof(pat.magic));
	memcpy(data + PAYLOAD_AT, &pat, sizeof(pat));
	for (i = sizeof(pat); i < pat.len; i++)
		data[PAYLOAD_AT + i] = pat.seq + i;
}

void nic_check(struct end *end, const unsigned char *data, unsigned int len)
{
	struct check *check = end->check;
	struct pattern pat;
	unsigned int i;
	bool good;

	memcpy(&pat, data + PAYLOAD_AT, sizeof(pat));
	good = len == end->opt->size && !memcmp(data, end->mac, 6) &&
	       !memcmp(data + 6, end->peer_mac, 6) &&
	       !memcmp(pat.magic, MAGIC, sizeof(pat.magic)) &&
	       pat.len == len - PAYLOAD_AT && pat.seq == check->next;
	for (i = sizeof(pat); good && i < pat.len; i++)
		good = data[PAYLOAD_AT + i] == (unsigned char)(pat.seq + i);
	check->next = pat.seq + 1;
	if (good)
		check->good++;
	else
		check->bad++;
}

/* ---- batches ---- */

static struct end *end;
static struct check check;
static __u64 bad;

static double wait_done(void)
{
	__u64 since = 0;

	for (;;) {
		ask("batch");
		if (answer_of("done"))
			return answer_of("ns");
		be_patient(&since, "the driver does not enable its interrupt");
	}
}

/* @nr packets come in. Returns how long the driver had to do with them. */
static double receive(const struct options *opt, unsigned int nr)
{
	__u64 since = 0;

	/* After a reset, filters come late. */
	while (ask("batch %u size=%u dst=02:00:00:00:00:01 src=02:00:00:00:00:02",
		   nr, opt->size)) {
		if (strcmp(answer, "batch: 0 packets had room"))
			errx(1, "the model: %s", answer);
		be_patient(&since, "the port does not receive");
		usleep(1000);
	}
	return wait_done();
}

/* Until there is so much that the socket shows it. */
static void wait_ready(unsigned int nr)
{
	__u64 since = 0;

	while (end->ops->ready && end->ops->ready(end) < nr)
		be_patient(&since, "packets are not shown");
}

/*
 * What the model holds goes out. Returns how long the driver had to do with
 * completions; each packet is looked at.
 */
static double complete(unsigned int nr)
{
	double ns;

	ask("sink reset");
	if (ask("batch send %u", nr))
		errx(1, "the model: %s", answer);
	ns = wait_done();
	ask("sink");
	if (answer_of("good") != nr || answer_of("packets") != nr) {
		warnx("of %u packets, the model has seen:\n%s", nr, answer);
		bad++;
	}
	return ns;
}

/* Began at @began, ended at @ended, or when the driver had posted all of it. */
static double until_posted(unsigned int nr, __u64 began, __u64 ended)
{
	__u64 since = 0;

	/* AF_XDP has itself interrupted to send. */
	for (;;) {
		ask("batch");
		if (answer_of("waiting") == nr &&
		    (!answer_of("interrupts") || answer_of("done")))
			break;
		be_patient(&since, "not all was posted");
	}
	if (answer_of("enabled_tsc") > ended)
		ended = answer_of("enabled_tsc");
	return (ended - began) * ns_per_tick;
}

static struct batch rxdrop(const struct options *opt, unsigned int nr)
{
	struct batch b = { .rx = receive(opt, nr) };
	unsigned int n, got = 0;
	__u64 began;

	if (!end)
		return b;
	wait_ready(nr);
	began = tick();
	while ((n = end->ops->rx(end)))
		got += n;
	b.user = (tick() - began) * ns_per_tick;
	if (got != nr) {
		warnx("%u of %u packets received", got, nr);
		bad++;
	}
	return b;
}

static struct batch send_out(unsigned int nr,
			     unsigned int (*send)(unsigned int nr))
{
	struct batch b = {};
	__u64 began, ended, tails;
	unsigned int n;

	ask("batch reset");
	ask("batch");
	tails = answer_of("tx_tails");
	began = tick();
	n = send(nr);
	ended = tick();
	if (n != nr)
		errx(1, "%u of %u packets queued", n, nr);
	b.user = until_posted(nr, began, ended);
	b.doorbells = (double)(answer_of("tx_tails") - tails) / nr;
	b.tx = complete(nr);
	return b;
}

static unsigned int send_new(unsigned int nr)
{
	return end->ops->tx(end, nr);
}

static struct batch txpush(const struct options *opt, unsigned int nr)
{
	(void)opt;
	return send_out(nr, send_new);
}

static unsigned int send_back(unsigned int nr)
{
	unsigned int n, sent = 0;

	while (sent < nr && (n = end->ops->forward(end)))
		sent += n;
	return sent;
}

static struct batch l2fwd(const struct options *opt, unsigned int nr)
{
	double rx = receive(opt, nr);
	struct batch b;

	wait_ready(nr);
	b = send_out(nr, send_back);
	b.rx = rx;
	return b;
}

/* ---- XDP_DROP, for comparison ---- */

static int attach_drop(const struct options *opt)
{
	static const struct bpf_insn insns[] = {
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 0, 0, 0, XDP_DROP),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	union bpf_attr attr;
	int link;

	memset(&attr, 0, sizeof(attr));
	attr.link_create.prog_fd =
		bpf_load(BPF_PROG_TYPE_XDP, insns,
			 sizeof(insns) / sizeof(*insns));
	attr.link_create.target_ifindex = interface_index(opt->near);
	attr.link_create.attach_type = BPF_XDP;
	attr.link_create.flags = XDP_FLAGS_DRV_MODE;
	link = bpf_call(BPF_LINK_CREATE, &attr, sizeof(attr));
	if (link < 0)
		err(1, "BPF_LINK_CREATE");
	close(attr.link_create.prog_fd);
	return link;
}

/* ---- */

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/*
 * One in eight took no longer: who else wants the CPUs of the host can only make
 * a batch longer.
 */
static double octile(double *values, unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	return values[nr / 8];
}

/* Of the part that is at @offset */
static double octile_part(const struct batch *b, unsigned int nr, size_t offset)
{
	double v[MAX_BATCHES];
	unsigned int i;

	for (i = 0; i < nr; i++)
		v[i] = *(const double *)((const char *)&b[i] + offset);
	return octile(v, nr);
}

/* Of each part, and of their sum */
static struct batch octile_of(const struct batch *b, unsigned int nr,
			      double *sum)
{
	double v[MAX_BATCHES];
	struct batch m;
	unsigned int i;

	for (i = 0; i < nr; i++)
		v[i] = b[i].rx + b[i].user + b[i].tx;
	*sum = octile(v, nr);
	m.rx = octile_part(b, nr, offsetof(struct batch, rx));
	m.user = octile_part(b, nr, offsetof(struct batch, user));
	m.tx = octile_part(b, nr, offsetof(struct batch, tx));
	m.doorbells = octile_part(b, nr, offsetof(struct batch, doorbells));
	return m;
}

static void open_port(const struct options *opt, unsigned int roles)
{
	const int room = 1 << 24;
	__u64 since = 0;
	char path[128], up;
	int fd;

	snprintf(path, sizeof(path), "/sys/class/net/%s/device/config",
		 opt->near);
	box = open(path, O_RDWR | O_CLOEXEC);
	if (box < 0)
		err(1, "%s", path);
	if (mailbox_get32(box, MAILBOX + 4) != MAILBOX_VSEC)
		errx(1, "%s: there is no model behind it", opt->near);
	ask("wire sink");
	ask("hold off");
	if (opt->mode != NONE && opt->mode != XDP_JUST_DROP) {
		end = ops_of(opt->mode)->open(opt, opt->near, roles, NULL);
		/* All of a batch is in flight at once. */
		if ((roles & ROLE_TX) &&
		    setsockopt(end->ops->fd(end), SOL_SOCKET, SO_SNDBUFFORCE,
			       &room, sizeof(room)))
			end_fail(end, "setsockopt(SO_SNDBUFFORCE)");
	}
	/* That may have reset the device. */
	snprintf(path, sizeof(path), "/sys/class/net/%s/carrier", opt->near);
	for (;;) {
		fd = open(path, O_RDONLY);
		if (fd < 0)
			err(1, "%s", path);
		if (read(fd, &up, 1) == 1 && up == '1')
			break;
		close(fd);
		be_patient(&since, "no link");
		usleep(1000);
	}
	close(fd);
	if (roles & ROLE_TX)
		ask("hold on");
}

typedef struct batch (*run_t)(const struct options *opt, unsigned int nr);

/* A batch whose packets are looked at. */
static unsigned int untimed(run_t run, const struct options *opt,
			    unsigned int nr)
{
	check.next = 0;
	if (end)
		end->check = &check;
	run(opt, nr);
	if (end)
		end->check = NULL;
	return nr;
}

int nic_measure(const struct options *opt)
{
	struct batch b[NR_LENGTHS][MAX_BATCHES], m[NR_LENGTHS];
	__u64 packets = 0, received, drops = 0;
	unsigned int i, j, done, roles, lengths[NR_LENGTHS];
	double sum[NR_LENGTHS], more;
	int link = -1;
	run_t run;

	lengths[0] = opt->batch / 4;
	lengths[1] = opt->batch;
	if (!strcmp(opt->row, "rxdrop")) {
		run = rxdrop;
		roles = ROLE_RX;
	} else if (!strcmp(opt->row, "txpush")) {
		run = txpush;
		roles = ROLE_TX;
	} else if (!strcmp(opt->row, "l2fwd")) {
		run = l2fwd;
		roles = ROLE_RX | ROLE_TX;
	} else {
		errx(2, "no such row: %s", opt->row);
	}
	if (opt->batch < 8 || opt->rounds > MAX_BATCHES)
		errx(2, "see lab/bench --help");
	measure_tick();
	if (opt->mode == XDP_JUST_DROP)
		link = attach_drop(opt);
	open_port(opt, roles);
	received = interface_packets(opt->near, false);

	/*
	 * Before and after what is measured, each packet is looked at; before
	 * it, so many of them that each frame was used.
	 */
	check.model = true;
	for (i = 0; i <= 2 * opt->frames / lengths[1]; i++)
		packets += untimed(run, opt, lengths[1]);
	for (done = 0; done < opt->rounds; done += PER_TURN)
		for (i = 0; i < NR_LENGTHS; i++) {
			/* Completions are those of the batch before. */
			run(opt, lengths[i]);
			packets += lengths[i];
			for (j = done; j < done + PER_TURN &&
			     j < opt->rounds; j++) {
				b[i][j] = run(opt, lengths[i]);
				packets += lengths[i];
			}
		}
	packets += untimed(run, opt, lengths[1]);
	for (i = 0; i < NR_LENGTHS; i++)
		m[i] = octile_of(b[i], opt->rounds, &sum[i]);

	if (end) {
		drops = end->ops->drops(end);
		bad += end->errors;
	} else {
		received = interface_packets(opt->near, false) - received;
		if (received != packets) {
			warnx("%llu packets, but %s has seen %llu",
			      (unsigned long long)packets, opt->near,
			      (unsigned long long)received);
			bad++;
		}
	}
	bad += check.bad;
	more = lengths[1] - lengths[0];
	printf("{\"row\": \"%s\", \"mode\": \"%s\", \"size\": %u, ", opt->row,
	       mode_names[opt->mode], opt->size);
	printf("\"block\": %u, \"frames\": %u, \"batches\": [%u, %u], ",
	       opt->mode == V3 && (roles & ROLE_RX) ? opt->block : 0,
	       opt->frames, lengths[0], lengths[1]);
	printf("\"total\": %.2f, \"rx\": %.2f, \"user\": %.2f, \"tx\": %.2f, ",
	       (sum[1] - sum[0]) / more, (m[1].rx - m[0].rx) / more,
	       (m[1].user - m[0].user) / more, (m[1].tx - m[0].tx) / more);
	printf("\"ns\": [%.0f, %.0f], \"doorbells\": %.4f, ", sum[0], sum[1],
	       m[1].doorbells);
	printf("\"packets\": %llu, \"memory\": %zu, \"verified\": %llu, ",
	       (unsigned long long)packets, end ? end->memory : 0,
	       (unsigned long long)(run == txpush ? packets : check.good));
	printf("\"drops\": %llu, \"bad\": %llu, \"near\": \"%s\", \"command\": \"%s\"}\n",
	       (unsigned long long)drops, (unsigned long long)bad, opt->near,
	       bench_command);
	ask("hold off");
	if (end)
		end->ops->close(end);
	if (link >= 0)
		close(link);
	return drops || bad;
}

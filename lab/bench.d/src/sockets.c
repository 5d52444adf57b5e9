// SPDX-License-Identifier: GPL-2.0
/*
 * Rows that are not about throughput: how long a single packet takes from the
 * wire to the user, and what it takes to set a socket up.
 */

#include <unistd.h>

#include <sys/socket.h>

#include <linux/if_packet.h>

#include "bench.h"

#define MAX_SAMPLES	4096

/* So long may a packet take until it is lost. */
#define PATIENCE_NS	5000000000ULL

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void print_head(const struct options *opt, double *values,
		       unsigned int nr)
{
	qsort(values, nr, sizeof(*values), compare);
	printf("{\"row\": \"%s\", \"mode\": \"%s\", \"size\": %u, ", opt->row,
	       mode_names[opt->mode], opt->size);
	printf("\"block\": %u, \"frames\": %u, ",
	       opt->mode == V3 ? opt->block : 0, opt->frames);
	printf("\"total\": %.1f, \"min\": %.1f, \"max\": %.1f, \"p99\": %.1f, ",
	       values[nr / 2], values[0], values[nr - 1],
	       values[nr - 1 - nr / 100]);
}

static void print_tail(const struct options *opt, __u64 packets, __u64 good,
		       __u64 drops, __u64 bad)
{
	printf("\"packets\": %llu, \"verified\": %llu, \"drops\": %llu, ",
	       (unsigned long long)packets, (unsigned long long)good,
	       (unsigned long long)drops);
	printf("\"bad\": %llu, \"near\": \"%s\", \"command\": \"%s\"}\n",
	       (unsigned long long)bad, opt->near, bench_command);
}

/* A plain socket at the far end, which is the same in all modes */
struct sender {
	struct end end;
	int fd;
	unsigned char packet[MAX_SIZE];
};

static void sender_open(struct sender *s, const struct options *opt)
{
	end_init(&s->end, NULL, opt, opt->far, ROLE_TX);
	s->end.next_seq = 0;
	s->fd = end_socket(&s->end);
	end_bind(&s->end, s->fd);
	packet_build(&s->end, s->packet);
}

/* From before a packet is sent until the user has it. */
static double one_packet(const struct options *opt, struct sender *s,
			 struct end *end)
{
	__u64 began;

	packet_number(&s->end, s->packet);
	began = now_ns(opt);
	if (send(s->fd, s->packet, opt->size, 0) != (ssize_t)opt->size)
		err(1, "%s: send()", opt->far);
	while (!end->ops->rx(end))
		if (now_ns(opt) - began > PATIENCE_NS)
			errx(1, "%s: a packet was lost", opt->near);
	return now_ns(opt) - began;
}

/* Those at both ends of the series are looked at, and not timed. */
#define LOOKED_AT	16

int latency_measure(const struct options *opt)
{
	static double samples[MAX_SAMPLES];
	struct options alone = *opt;
	struct check check = {};
	struct sender sender;
	struct end *end;
	__u64 drops;
	unsigned int i;

	alone.far = NULL;
	end = ops_of(opt->mode)->open(&alone, opt->near, ROLE_RX, NULL);
	sender_open(&sender, opt);
	for (i = 0; i < opt->packets + 2 * LOOKED_AT; i++) {
		bool look = i < LOOKED_AT || i >= opt->packets + LOOKED_AT;
		double took;

		check.next = sender.end.next_seq;
		end->check = look ? &check : NULL;
		took = one_packet(opt, &sender, end);
		if (!look)
			samples[i - LOOKED_AT] = took;
	}
	if (end->rx_packets != i) {
		warnx("%u packets sent, %llu received", i,
		      (unsigned long long)end->rx_packets);
		check.bad++;
	}
	drops = end->ops->drops(end);
	print_head(opt, samples, opt->packets);
	print_tail(opt, i, check.good, drops, check.bad);
	close(sender.fd);
	end->ops->close(end);
	return drops || check.bad;
}

/* A figure of a file in /proc, which has a name and a number in each line */
static __u64 proc_number(const char *path, const char *name)
{
	const size_t len = strlen(name);
	FILE *f = fopen(path, "r");
	char line[256];

	if (!f)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && strchr(": ", line[len])) {
			fclose(f);
			return strtoull(line + len + strspn(line + len, ": "),
					NULL, 10);
		}
	errx(1, "%s has no %s", path, name);
}

struct memory {
	long long pinned;
	long long vmalloc;
};

static struct memory memory_in_use(void)
{
	const char *vmstat = "/proc/vmstat";

	return (struct memory) {
		.pinned = (proc_number(vmstat, "nr_foll_pin_acquired") -
			   proc_number(vmstat, "nr_foll_pin_released")) *
			  sysconf(_SC_PAGESIZE),
		.vmalloc = proc_number("/proc/meminfo", "VmallocUsed") * 1024,
	};
}

/* AF_XDP lets go of its memory and its queue some time after close(). */
static void wait_unpinned(long long pinned)
{
	unsigned int tries = 5000;

	while (memory_in_use().pinned > pinned) {
		if (!tries--)
			errx(1, "memory stays pinned");
		usleep(1000);
	}
}

/*
 * From socket() to bind(): rings for both directions, and the memory for packets,
 * which is not filled. What it takes is that of the first socket.
 */
int setup_measure(const struct options *opt)
{
	struct options alone = *opt;
	double samples[MAX_ROUNDS];
	struct memory before, after = {};
	struct check check = {};
	struct sender sender;
	size_t memory = 0;
	struct end *end;
	__u64 drops;
	unsigned int i;

	alone.far = NULL;
	alone.bare = true;
	before = memory_in_use();
	for (i = 0; i < opt->rounds; i++) {
		__u64 began = now_ns(opt);

		end = ops_of(opt->mode)->open(&alone, opt->near,
					      ROLE_RX | ROLE_TX, NULL);
		samples[i] = now_ns(opt) - began;
		if (!i) {
			after = memory_in_use();
			after.pinned -= before.pinned;
			after.vmalloc -= before.vmalloc;
			memory = end->memory;
		}
		end->ops->close(end);
		wait_unpinned(before.pinned);
	}

	/* Does such a socket work? */
	alone.bare = false;
	end = ops_of(opt->mode)->open(&alone, opt->near, ROLE_RX | ROLE_TX,
				      NULL);
	sender_open(&sender, opt);
	end->check = &check;
	one_packet(opt, &sender, end);
	drops = end->ops->drops(end);
	print_head(opt, samples, opt->rounds);
	printf("\"memory\": %zu, \"pinned\": %lld, \"vmalloc\": %lld, ",
	       memory, after.pinned, after.vmalloc);
	print_tail(opt, 1, check.good, drops, check.bad);
	close(sender.fd);
	end->ops->close(end);
	return drops || check.bad || !check.good;
}

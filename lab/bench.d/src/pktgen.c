// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's packet generator, as it is without options. Its packets are for
 * another host, so that the stack has little to do with them.
 */

#include <fcntl.h>
#include <unistd.h>

#include <arpa/inet.h>

#include <linux/if_ether.h>

#include "bench.h"

#define DIR		"/proc/net/pktgen/"
#define PKTGEN_MAGIC	0xbe9be955
/* behind Ethernet, IP and UDP headers */
#define HEADER_AT	(ETH_HLEN + 20 + 8)

static char device[32];

static void command(const char *file, const char *text)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), DIR "%s", file);
	fd = open(path, O_WRONLY);
	if (fd < 0)
		err(1, "%s", path);
	if (dprintf(fd, "%s\n", text) < 0)
		err(1, "%s: %s", path, text);
	close(fd);
}

void pktgen_setup(const struct options *opt)
{
	char text[64];

	pktgen_reset();
	snprintf(device, sizeof(device), "%s", opt->far);
	snprintf(text, sizeof(text), "add_device %s", device);
	command("kpktgend_0", text);
	snprintf(text, sizeof(text), "pkt_size %u", opt->size);
	command(device, text);
	command(device, "delay 0");
	command(device, "clone_skb 0");
	/* As from hardware, an skb has one owner: XDP copies it otherwise. */
	command(device, "flag !SHARED");
}

void pktgen_reset(void)
{
	command("kpktgend_0", "rem_device_all");
}

__u64 pktgen_run(unsigned int nr)
{
	unsigned long long took, busy, sent;
	char path[128], text[4096];
	const char *result;
	ssize_t len;
	int fd;

	snprintf(text, sizeof(text), "count %u", nr);
	command(device, text);
	command("pgctrl", "start");

	snprintf(path, sizeof(path), DIR "%s", device);
	fd = open(path, O_RDONLY);
	len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (len < 0)
		err(1, "%s", path);
	close(fd);
	text[len] = 0;
	result = strstr(text, "Result: OK: ");
	if (!result ||
	    sscanf(result, "Result: OK: %llu(c%llu+d%*u) usec, %llu", &took,
		   &busy, &sent) != 3 || sent != nr)
		errx(1, "%s: not as expected: %s", path, text);
	return took * 1000;
}

void pktgen_check(struct end *end, const unsigned char *data, unsigned int len)
{
	struct check *check = end->check;
	__u32 magic, seq;

	memcpy(&magic, data + HEADER_AT, 4);
	memcpy(&seq, data + HEADER_AT + 4, 4);
	/* Each run counts from 0, or from 1: the first one tells. */
	if (len == end->opt->size && ntohl(magic) == PKTGEN_MAGIC &&
	    (!check->next || ntohl(seq) == check->next))
		check->good++;
	else
		check->bad++;
	check->next = ntohl(seq) + 1;
}

// SPDX-License-Identifier: GPL-2.0
/*
 * xl710ctl [-i INTERFACE | -d PCI-ADDRESS | -p PORT | -s SOCKET -p PORT] COMMAND ...
 * xl710ctl ... wait SECONDS KEY VALUE COMMAND ...
 *
 * Runs a command of the XL710 model (README.md has them) and prints its answer. In a
 * guest it goes through the mailbox in the device's config space; -p counts the ports
 * in the order of their PCI addresses. On the host it goes through the model's socket.
 *
 * With "wait", the command is run until its answer has the line "KEY VALUE". Exit
 * status: 0, 1 if the command failed or the time is over, 2 for a wrong usage.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "mailbox.h"

#define PCI		"/sys/bus/pci/devices"

static int die(const char *what)
{
	fprintf(stderr, "xl710ctl: %s: %s\n", what, strerror(errno));
	return 1;
}

/* ---- the mailbox -------------------------------------------------------- */

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The config space of the n-th device that has a mailbox. */
static int open_nth(unsigned int n)
{
	struct dirent **list;
	int nr = scandir(PCI, &list, NULL, by_name), i, fd, found = -1;
	char path[300];

	for (i = 0; i < nr; i++) {
		snprintf(path, sizeof(path), PCI "/%s/config", list[i]->d_name);
		free(list[i]);
		fd = found < 0 ? open(path, O_RDWR | O_CLOEXEC) : -1;
		if (fd < 0)
			continue;
		if (mailbox_get32(fd, MAILBOX + 4) == MAILBOX_VSEC && !n--)
			found = fd;
		else
			close(fd);
	}
	if (nr >= 0)
		free(list);
	if (found < 0)
		errno = ENODEV;
	return found;
}

/* ---- the socket --------------------------------------------------------- */

static int connect_to(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&addr, sizeof(addr))) {
		close(fd);
		return -1;
	}
	return fd;
}

static int talk(int fd, unsigned int port, const char *line, char *answer)
{
	char out[600];
	size_t len = 0;
	ssize_t n;
	char *last;

	snprintf(out, sizeof(out), "%u %s\n", port, line);
	if (send(fd, out, strlen(out), MSG_NOSIGNAL) < 0)
		return -1;
	do {
		n = recv(fd, answer + len, MAILBOX_SIZE - 1 - len, 0);
		if (n <= 0) {
			errno = n ? errno : ECONNRESET;
			return -1;
		}
		len += n;
		answer[len] = 0;
		if (answer[len - 1] != '\n')
			continue;
		answer[len - 1] = 0;
		last = strrchr(answer, '\n');
		last = last ? last + 1 : answer;
		if (!strcmp(last, "ok") || !strncmp(last, "error ", 6)) {
			int err = *last == 'o' ? 0 : atoi(last + 6);

			*last = 0;
			return err;
		}
		answer[len - 1] = '\n';
	} while (len < MAILBOX_SIZE - 1);
	errno = EMSGSIZE;
	return -1;
}

/* ---- */

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int has_line(const char *answer, const char *key, const char *val)
{
	char want[200];
	size_t len;
	const char *p = answer;

	snprintf(want, sizeof(want), "%s %s", key, val);
	len = strlen(want);
	for (; p && *p; p = strchr(p, '\n'), p = p ? p + 1 : NULL)
		if (!strncmp(p, want, len) && (p[len] == '\n' || !p[len]))
			return 1;
	return 0;
}

int main(int argc, char **argv)
{
	const char *socket_path = NULL, *key = NULL, *val = NULL;
	char path[400] = "", line[400] = "", answer[MAILBOX_SIZE + 4];
	const struct timespec pause = { .tv_nsec = 2000000 };
	unsigned int port = 0;
	double until = 0;
	int opt, fd, err;

	while ((opt = getopt(argc, argv, "+i:d:p:s:")) != -1) {
		switch (opt) {
		case 'i':
			snprintf(path, sizeof(path), "/sys/class/net/%s/device/config",
				 optarg);
			break;
		case 'd':
			snprintf(path, sizeof(path), PCI "/%s/config", optarg);
			break;
		case 'p':
			port = atoi(optarg);
			break;
		case 's':
			socket_path = optarg;
			break;
		default:
			return 2;
		}
	}
	if (optind < argc && !strcmp(argv[optind], "wait")) {
		if (argc - optind < 5) {
			fprintf(stderr, "xl710ctl: wait SECONDS KEY VALUE COMMAND ...\n");
			return 2;
		}
		until = now() + atof(argv[optind + 1]);
		key = argv[optind + 2];
		val = argv[optind + 3];
		optind += 4;
	}
	if (optind == argc) {
		fprintf(stderr, "xl710ctl: no command\n");
		return 2;
	}
	for (; optind < argc; optind++) {
		if (strlen(line) + strlen(argv[optind]) + 2 > 250) {
			fprintf(stderr, "xl710ctl: too long\n");
			return 2;
		}
		strcat(strcat(line, *line ? " " : ""), argv[optind]);
	}
	if (socket_path)
		fd = connect_to(socket_path);
	else if (*path)
		fd = open(path, O_RDWR | O_CLOEXEC);
	else
		fd = open_nth(port);
	if (fd < 0)
		return die(socket_path ? socket_path : *path ? path : "no such port");
	if (!socket_path && mailbox_get32(fd, MAILBOX + 4) != MAILBOX_VSEC) {
		errno = ENODEV;
		return die("there is no model behind it");
	}
	for (;;) {
		err = socket_path ? talk(fd, port, line, answer) :
			mailbox_run(fd, line, answer);
		if (err || !key || has_line(answer, key, val))
			break;
		if (now() > until) {
			fprintf(stderr, "xl710ctl: %s: no line '%s %s' in:\n%s", line, key,
				val, answer);
			return 1;
		}
		nanosleep(&pause, NULL);
	}
	if (err < 0)
		return die(line);
	if (err) {
		fprintf(stderr, "xl710ctl: %s%s%s\n", answer, *answer ? ": " : "",
			strerror(err));
		return 1;
	}
	fputs(answer, stdout);
	return 0;
}

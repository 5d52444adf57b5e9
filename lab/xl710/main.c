// SPDX-License-Identifier: GPL-2.0
/*
 * xl710 --vhost-user DIR | --vfio-user DIR [--ports N] [--iommu] [--log FILE] [--report FILE]
 *
 * Ports of XL710s for one guest, User Mode Linux or QEMU, on the sockets DIR/port0,
 * DIR/port1 ...; ports 0 and 1, 2 and 3 ... are connected with each other. Commands
 * come in on DIR/control. Ends with SIGTERM.
 */
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "transport.h"
#include "wire.h"

#define SPIN_NS		50000		/* how long to look for work before sleep */
#define PREEMPTED_NS	300000		/* a round that took so long was not ours */
#define NO_SPIN_NS	20000000	/* then others need the CPU, the guest perhaps */
#define FDS_EVERY	256		/* rounds between looks at the sockets */

static volatile sig_atomic_t ended;
static sigset_t sleep_mask;		/* signals come while it waits, and only then */
static struct port *port[XL710_PORTS_MAX];
static unsigned int ports = 1;
static int control = -1, client = -1;
static char line[512];
static unsigned int line_len;

static void end(int sig)
{
	(void)sig;
	ended = 1;
}

/* "PORT COMMAND ..." */
static void run_line(void)
{
	char out[4096], head[64], *rest;
	unsigned long nr = strtoul(line, &rest, 10);
	int err = ENODEV;

	*out = 0;
	if (rest != line && nr < ports)
		err = ctl_run(port[nr]->dev, rest, out, sizeof(out) - 1);
	if (*out && out[strlen(out) - 1] != '\n')
		strcat(out, "\n");
	snprintf(head, sizeof(head), err ? "error %d\n" : "ok\n", err);
	if (send(client, out, strlen(out), MSG_NOSIGNAL) < 0 ||
	    send(client, head, strlen(head), MSG_NOSIGNAL) < 0)
		xl_log(NULL, "control: %s", strerror(errno));
}

static void control_event(void)
{
	ssize_t n = recv(client, line + line_len, sizeof(line) - 1 - line_len, 0);
	char *eol;

	if (n <= 0 || line_len + n == sizeof(line) - 1) {
		close(client);
		client = -1;
		line_len = 0;
		return;
	}
	line_len += n;
	line[line_len] = 0;
	while ((eol = strchr(line, '\n'))) {
		*eol = 0;
		run_line();
		line_len -= eol + 1 - line;
		memmove(line, eol + 1, line_len + 1);
	}
}

/* Waits for something to happen, until a time. */
static void wait_until(uint64_t until)
{
	struct pollfd fds[XL710_PORTS_MAX * PORT_FDS + 1];
	unsigned int first[XL710_PORTS_MAX + 1], nr = 0, i;
	uint64_t now = xl710_clock();
	uint64_t ns = until <= now ? 0 : until - now;
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	for (i = 0; i < ports; i++) {
		first[i] = nr;
		nr += port[i]->transport->fds(port[i], fds + nr);
	}
	first[i] = nr;
	fds[nr++] = (struct pollfd){ .fd = client >= 0 ? client : control,
				     .events = POLLIN };
	if (ppoll(fds, nr, until == XL710_NEVER ? NULL : &ts, &sleep_mask) <= 0)
		return;
	for (i = 0; i < ports; i++)
		port[i]->transport->events(port[i], fds + first[i],
					   first[i + 1] - first[i]);
	if (fds[first[ports]].revents) {
		if (client >= 0)
			control_event();
		else
			client = accept4(control, NULL, NULL, SOCK_CLOEXEC);
	}
}

static void loop(void)
{
	uint64_t busy = 0, next, t, now, before = 0, sleep_until = 0;
	unsigned int i, round = 0;

	while (!ended) {
		bool work = false, idle = true;

		next = XL710_NEVER;
		for (i = 0; i < ports; i++) {
			work |= port[i]->transport->work(port[i]);
			xl710_poll(port[i]->dev);
		}
		for (i = 0; i < ports; i++) {
			t = xl710_next(port[i]->dev);
			if (t < next)
				next = t;
		}
		now = xl710_clock();
		if (work)
			busy = now;
		else if (before && now - before > PREEMPTED_NS)
			sleep_until = now + NO_SPIN_NS;
		before = now;
		if ((now - busy < SPIN_NS && now >= sleep_until) || next <= now) {
			if (++round % FDS_EVERY == 0)
				wait_until(now);
			continue;
		}
		for (i = 0; i < ports; i++)
			idle &= port[i]->transport->sleep(port[i]);
		if (idle)
			wait_until(next);
		before = 0;
		for (i = 0; i < ports && now >= sleep_until; i++)
			port[i]->transport->awake(port[i]);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "vhost-user", required_argument, NULL, 'v' },
		{ "vfio-user", required_argument, NULL, 'q' },
		{ "ports", required_argument, NULL, 'p' },
		{ "iommu", no_argument, NULL, 'i' },
		{ "log", required_argument, NULL, 'l' },
		{ "report", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	struct port *(*new)(unsigned int index, const char *path) = NULL;
	const char *dir = NULL, *log = NULL, *report = NULL;
	struct sigaction sa = { .sa_handler = end };
	sigset_t block;
	char path[256];
	unsigned int i;
	int opt;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (opt) {
		case 'v':
		case 'q':
			new = opt == 'v' ? vhost_new : vfio_new;
			dir = optarg;
			break;
		case 'p':
			ports = atoi(optarg);
			break;
		case 'i':
			own_apart_set(true);
			break;
		case 'l':
			log = optarg;
			break;
		case 'r':
			report = optarg;
			break;
		default:
			return 2;
		}
	}
	if (!dir || optind != argc || !ports || ports > XL710_PORTS_MAX) {
		fprintf(stderr, "usage: xl710 --vhost-user DIR | --vfio-user DIR [--ports 1-%d] [--iommu] [--log FILE] [--report FILE]\n",
			XL710_PORTS_MAX);
		return 2;
	}
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	sigemptyset(&block);
	sigaddset(&block, SIGTERM);
	sigaddset(&block, SIGINT);
	sigprocmask(SIG_BLOCK, &block, &sleep_mask);
	xl710_log_to(log, report);
	for (i = 0; i < ports; i++) {
		snprintf(path, sizeof(path), "%s/port%u", dir, i);
		port[i] = new(i, path);
		wire_new(port[i]->dev);
		if (i % 2)
			wire_connect(port[i - 1]->dev->wire,
				     port[i]->dev->wire);
	}
	/* Last: when it is there, the others are. */
	snprintf(path, sizeof(path), "%s/control", dir);
	control = listen_on(path);
	loop();
	for (i = 0; i < ports; i++)
		xl710_free(port[i]->dev);
	return 0;
}

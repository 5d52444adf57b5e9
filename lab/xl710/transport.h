/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the event loop in main.c sees of a port, whatever the guest is. All of it,
 * the core included, runs in that one thread.
 */
#ifndef XL710_TRANSPORT_H
#define XL710_TRANSPORT_H

#include <poll.h>

#include "core.h"

#define PORT_FDS	4

struct port {
	const struct transport *transport;
	struct xl710 *dev;
};

/**
 * struct transport - how accesses come in and interrupts go out
 * @work:	does what the guest has asked for, without waiting; true if there was
 *		something
 * @sleep:	before sleep: asks for notifications. False: there is something to do
 * @awake:	after sleep
 * @fds:	the descriptors to wait for, at most PORT_FDS; says how many
 * @events:	what became of them
 */
struct transport {
	bool (*work)(struct port *p);
	bool (*sleep)(struct port *p);
	void (*awake)(struct port *p);
	unsigned int (*fds)(struct port *p, struct pollfd *fds);
	void (*events)(struct port *p, const struct pollfd *fds, unsigned int nr);
};

/* ---- vhost_user.c: a PCI device for User Mode Linux ---- */
struct port *vhost_new(unsigned int index, const char *path);

/* ---- vfio_user.c: a PCI device for QEMU ---- */
struct port *vfio_new(unsigned int index, const char *path);

/* ---- sock.c ---- */
/* A socket that others can connect to. Ends the program if it cannot be made. */
int listen_on(const char *path);

#endif

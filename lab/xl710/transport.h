/* SPDX-License-Identifier: GPL-2.0 */
#ifndef XL710_TRANSPORT_H
#define XL710_TRANSPORT_H

#include <poll.h>

#include "core.h"

/* ---- vhost_user.c: a PCI device for User Mode Linux ---- */
struct vhost;

struct vhost *vhost_new(unsigned int index, const char *path);
struct xl710 *vhost_dev(struct vhost *v);
/* Does what is in the rings; true if there was something. */
bool vhost_work(struct vhost *v);
/* Before sleep: asks for notifications. False: there is something to do. */
bool vhost_sleep(struct vhost *v);
void vhost_awake(struct vhost *v);
/* The descriptors to wait for, at most 4, and what became of them. */
unsigned int vhost_fds(struct vhost *v, struct pollfd *fds);
void vhost_events(struct vhost *v, const struct pollfd *fds, unsigned int nr);

#endif

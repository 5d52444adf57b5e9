/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two ports of network cards with a cable between them, for the tests of zero
 * copy: TP4_NIC_A and TP4_NIC_B in the environment. They are in the namespace of
 * whoever calls this, and should have no addresses. For what only a model of a
 * card can do, such as faults, TP4_XL710CTL is the program that tells it to.
 *
 * Functions that return int return a negative errno on failure and say on
 * stderr what it was.
 */
#ifndef TP4_NIC_H
#define TP4_NIC_H

#include "tp4_ends.h"

const char *nic_a(void);
const char *nic_b(void);
bool have_nics(void);
bool have_model(void);

/* A path of the port's in /sys */
int nic_path(char *path, size_t size, const char *dev, const char *file);
/* The number that is in such a file, -1: none */
int nic_read(const char *dev, const char *file);
int nic_wait_carrier(const char *dev);
/* Up, promiscuous, silent, with a carrier; sets @x->ifindex */
int nic_up(struct end *x, unsigned int mtu);
int pci_address(const char *dev, char *address, size_t size);
/* ethtool -G */
int ring_sizes(const char *dev, unsigned int rx, unsigned int tx);
/* ethtool -l: how many queue pairs there are, or can be */
int nic_queues(const char *dev, bool most);
int nic_pf_reset(const char *dev);

/* A command of the shell */
int run(const char *fmt, ...);
/* One for port B, in the model */
int model(const char *fmt, ...);
/* A number in the model's answer to @command of port B; -1: there is none */
long long model_value(const char *command, const char *key);

/* PACKET_ZEROCOPY -1 gives back every frame that was given, and none twice */
int frames_are_back(struct tp4 *t);

#endif /* TP4_NIC_H */

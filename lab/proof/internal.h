/* SPDX-License-Identifier: GPL-2.0 */
/* In place of net/packet/internal.h, for tp4_internal.h */

struct packet_sock {
	struct tp4_sock *tp4;
	unsigned int tp_reserve;
};

/* SPDX-License-Identifier: GPL-2.0 */
/* AF_PACKET V4 zero copy, see i40e_tp4.c */

#ifndef _I40E_TP4_H_
#define _I40E_TP4_H_

#include <linux/netdev_features.h>
#include <linux/smp.h>
#include <linux/types.h>
#include "i40e.h"

struct net_device;
struct tp4_netdev_parms;

#if IS_ENABLED(CONFIG_TPACKET_V4)
int i40e_tp4_zerocopy(struct net_device *netdev,
		      struct tp4_netdev_parms *parms);
int i40e_tp4_xmit(struct net_device *netdev, int queue_pair);
netdev_features_t i40e_tp4_fix_features(struct net_device *netdev,
					netdev_features_t features);
bool i40e_tp4_fits(struct i40e_vsi *vsi, unsigned int mtu, bool has_prog);
void i40e_tp4_set_xdp(struct i40e_vsi *vsi);
void i40e_tp4_configure_rx(struct i40e_ring *rx_ring);
void i40e_tp4_configure_tx(struct i40e_ring *xdp_ring);
void i40e_tp4_refill(struct i40e_ring *rx_ring);
void i40e_tp4_started(struct i40e_vsi *vsi);
void i40e_tp4_not_started(struct i40e_vsi *vsi, int queue_pair);
void i40e_tp4_clean_rx_ring(struct i40e_ring *rx_ring);
int i40e_tp4_clean_rx_irq(struct i40e_ring *rx_ring, int budget);
bool i40e_tp4_clean_tx_irq(struct i40e_ring *xdp_ring);
bool i40e_tp4_is_idle(struct i40e_q_vector *q_vector);
unsigned int i40e_tp4_xdp_queue(struct i40e_vsi *vsi);
bool i40e_tp4_xdp_is_refused(struct i40e_ring *xdp_ring);
void i40e_tp4_watchdog(struct i40e_vsi *vsi);
void i40e_tp4_rebuilt(struct i40e_vsi *vsi);
#else
static inline bool i40e_tp4_fits(struct i40e_vsi *vsi, unsigned int mtu,
				 bool has_prog)
{
	return true;
}

static inline void i40e_tp4_set_xdp(struct i40e_vsi *vsi)
{
}

static inline void i40e_tp4_configure_rx(struct i40e_ring *rx_ring)
{
}

static inline void i40e_tp4_configure_tx(struct i40e_ring *xdp_ring)
{
}

static inline void i40e_tp4_refill(struct i40e_ring *rx_ring)
{
}

static inline void i40e_tp4_started(struct i40e_vsi *vsi)
{
}

static inline void i40e_tp4_not_started(struct i40e_vsi *vsi, int queue_pair)
{
}

static inline void i40e_tp4_clean_rx_ring(struct i40e_ring *rx_ring)
{
}

static inline int i40e_tp4_clean_rx_irq(struct i40e_ring *rx_ring, int budget)
{
	return 0;
}

static inline bool i40e_tp4_clean_tx_irq(struct i40e_ring *xdp_ring)
{
	return true;
}

static inline bool i40e_tp4_is_idle(struct i40e_q_vector *q_vector)
{
	return true;
}

static inline unsigned int i40e_tp4_xdp_queue(struct i40e_vsi *vsi)
{
	return smp_processor_id();
}

static inline bool i40e_tp4_xdp_is_refused(struct i40e_ring *xdp_ring)
{
	return false;
}

static inline void i40e_tp4_watchdog(struct i40e_vsi *vsi)
{
}

static inline void i40e_tp4_rebuilt(struct i40e_vsi *vsi)
{
}
#endif /* CONFIG_TPACKET_V4 */

#endif /* _I40E_TP4_H_ */

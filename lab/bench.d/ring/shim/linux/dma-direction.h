/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SHIM_DMA_DIRECTION_H
#define SHIM_DMA_DIRECTION_H
enum dma_data_direction { DMA_TO_DEVICE, DMA_FROM_DEVICE };
#endif

// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: what the driver must not do, and who owns which memory. A device
 * owns a receive buffer from the write of the tail until the write-back of the
 * descriptor. All ports share the guest's memory, and so the map of it, unless an
 * IOMMU gives each its own addresses.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core.h"

#define OWN_SHIFT	6
#define OWN_CELLS	(1ULL << (36 - OWN_SHIFT))	/* of 64 GB */

static FILE *log_file, *report_file;
static uint64_t *owns[XL710_PORTS_MAX];
static bool own_apart;
static bool own_off;

void xl710_log_to(const char *log, const char *report)
{
	log_file = log ? fopen(log, "a") : stderr;
	report_file = report ? fopen(report, "a") : NULL;
	if (!log_file || (report && !report_file)) {
		perror("xl710: log");
		exit(1);
	}
	setvbuf(log_file, NULL, _IOLBF, 0);
}

__attribute__((format(printf, 3, 0)))
static void say(FILE *to, const struct xl710 *dev, const char *fmt, va_list args)
{
	uint64_t now = xl710_clock();

	fprintf(to, "[%5" PRIu64 ".%06" PRIu64 "] %s: ", now / 1000000000,
		now / 1000 % 1000000, dev ? dev->name : "xl710");
	vfprintf(to, fmt, args);
	fputc('\n', to);
}

void xl_log(const struct xl710 *dev, const char *fmt, ...)
{
	va_list args;

	if (!log_file)
		return;
	va_start(args, fmt);
	say(log_file, dev, fmt, args);
	va_end(args);
}

void xl_unmodelled(struct xl710 *dev, const char *fmt, ...)
{
	va_list args;
	char text[256];

	dev->unmodelled++;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	xl_log(dev, "not modelled: %s", text);
}

void xl_violation(struct xl710 *dev, const char *fmt, ...)
{
	va_list args;
	char text[512];

	dev->violations++;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	xl_log(dev, "violation: %s", text);
	if (report_file && dev->violations <= 100) {
		fprintf(report_file, "%s: %s\n", dev->name, text);
		fflush(report_file);
	}
}

/* Cells that lie in the range as a whole. */
static bool cells(uint64_t addr, uint32_t len, uint64_t *first, uint64_t *last)
{
	*first = (addr + (1 << OWN_SHIFT) - 1) >> OWN_SHIFT;
	*last = (addr + len) >> OWN_SHIFT;
	return *first < *last && *last <= OWN_CELLS;
}

static uint64_t word_mask(uint64_t word, uint64_t first, uint64_t last)
{
	uint64_t mask = ~0ULL;

	if (word == first / 64)
		mask &= ~0ULL << (first % 64);
	if (word == last / 64)
		mask &= ~(~0ULL << (last % 64));
	return mask;
}

static uint64_t **own_of(const struct xl710 *dev)
{
	return &owns[own_apart ? dev->index : 0];
}

void own_apart_set(bool on)
{
	own_apart = on;
}

/* Cells are marked if they lie in a buffer as a whole: whoever touches one, touches
 * the buffer.
 */
bool own_any(struct xl710 *dev, uint64_t addr, uint32_t len)
{
	uint64_t first = addr >> OWN_SHIFT;
	uint64_t last = (addr + len + (1 << OWN_SHIFT) - 1) >> OWN_SHIFT, w;
	const uint64_t *own = *own_of(dev);

	if (own_off || !own || !len || last > OWN_CELLS)
		return false;
	for (w = first / 64; w <= (last - 1) / 64; w++)
		if (own[w] & word_mask(w, first, last))
			return true;
	return false;
}

bool own_take(struct xl710 *dev, uint64_t addr, uint32_t len, const char *what,
	      unsigned int queue, unsigned int idx)
{
	uint64_t first, last, w, *own = *own_of(dev);

	if (own_off)
		return true;
	if (!own)
		own = calloc(OWN_CELLS / 64, sizeof(*own));
	if (!own)
		abort();
	*own_of(dev) = own;
	if (own_any(dev, addr, len)) {
		xl_violation(dev, "%s queue %u, descriptor %u: buffer %#" PRIx64 " of %u bytes is posted twice",
			     what, queue, idx, addr, len);
		return false;
	}
	if (!cells(addr, len, &first, &last))
		return true;
	for (w = first / 64; w <= last / 64 && w < OWN_CELLS / 64; w++)
		own[w] |= word_mask(w, first, last);
	return true;
}

void own_give(struct xl710 *dev, uint64_t addr, uint32_t len)
{
	uint64_t first, last, w, *own = *own_of(dev);

	if (!own || !cells(addr, len, &first, &last))
		return;
	for (w = first / 64; w <= last / 64 && w < OWN_CELLS / 64; w++)
		own[w] &= ~word_mask(w, first, last);
}

void own_check(bool on)
{
	own_reset();
	own_off = !on;
}

void own_reset(void)
{
	unsigned int i;

	own_off = false;
	for (i = 0; i < XL710_PORTS_MAX; i++) {
		free(owns[i]);
		owns[i] = NULL;
	}
}

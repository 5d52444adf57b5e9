/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a program in a guest gives commands to the model: by way of a mailbox in the
 * config space of the device (pci.c), which a file in sysfs shows.
 */
#ifndef XL710_MAILBOX_H
#define XL710_MAILBOX_H

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <sys/file.h>

#define MAILBOX		0x100
#define MAILBOX_VSEC	0xf0017104	/* at MAILBOX + 4 */
#define MAILBOX_RUN	(MAILBOX + 8)
#define MAILBOX_LEN	(MAILBOX + 12)
#define MAILBOX_TEXT	(MAILBOX + 16)
#define MAILBOX_SIZE	(0x1000 - MAILBOX_TEXT)

static inline uint32_t mailbox_get32(int fd, unsigned int off)
{
	uint32_t val = ~0U;

	if (pread(fd, &val, sizeof(val), off) != sizeof(val))
		return ~0U;
	return val;
}

/*
 * Runs a command. The answer, of up to MAILBOX_SIZE + 4 bytes, is what it has to say,
 * or what is wrong. Returns 0, the errno that it failed with, or -1.
 *
 * The kernel makes single accesses of what is aligned, so in order.
 */
static inline int mailbox_run(int fd, const char *line, char *answer)
{
	char text[MAILBOX_SIZE + 4] = "";
	uint32_t len = strlen(line), err;

	memcpy(text, line, len);
	if (flock(fd, LOCK_EX) ||
	    pwrite(fd, text, (len + 3) & ~3U, MAILBOX_TEXT) < (ssize_t)len ||
	    pwrite(fd, &len, sizeof(len), MAILBOX_RUN) != sizeof(len))
		return -1;
	err = mailbox_get32(fd, MAILBOX_RUN);
	len = mailbox_get32(fd, MAILBOX_LEN);
	if (len >= MAILBOX_SIZE) {
		errno = EIO;
		return -1;
	}
	if (len && pread(fd, answer, (len + 3) & ~3U, MAILBOX_TEXT) < (ssize_t)len)
		return -1;
	answer[len] = 0;
	flock(fd, LOCK_UN);
	return err;
}

#endif /* XL710_MAILBOX_H */

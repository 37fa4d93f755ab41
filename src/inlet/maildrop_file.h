/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/maildrop_file - a file that somebody has left in the drop directory,
 * looked at before anything of it is read: whoever may write there may also put
 * links, pipes and half a message there.
 */
#ifndef INLET_MAILDROP_FILE_H
#define INLET_MAILDROP_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum maildrop_look {
	MAILDROP_WHOLE,
	MAILDROP_GONE,
	MAILDROP_PARTIAL,  /* it is being written, or its writer has died */
	MAILDROP_IMPROPER, /* no file that sendmail has written */
};

struct maildrop_file {
	int fd;
	uid_t uid;           /* whose it is: the caller of sendmail */
	uint64_t length, at; /* without the trailer */
	uint32_t crc, wanted_crc;
	int64_t changed_ms; /* wall clock */
};

/* WHOLE: open, with a trailer that fits its length.  Else nothing is open;
 * *why tells, and of what is there uid and changed_ms are known. */
enum maildrop_look maildrop_file_open(struct maildrop_file *f, int directory,
    const char *name, uint64_t size_max, const char **why);
void maildrop_file_close(struct maildrop_file *f);
/* Bytes, 0 at the end; -1: it is not what was written.  The last ones come only
 * where the checksum of all fits. */
ssize_t maildrop_file_read(struct maildrop_file *f, char *p, size_t max);

#endif

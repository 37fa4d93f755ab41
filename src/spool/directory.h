/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/directory - the spool's directory: may it be used, is it ours, is it
 * free?  Writes nothing into one that is neither empty nor a spool.
 */
#ifndef SPOOL_DIRECTORY_H
#define SPOOL_DIRECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

/* Of "offline": a copy that takes the place of data.mdb once it is whole. */
#define DIRECTORY_COPY "data.mdb.copy"

/* 0: *fd holds the lock (close it to let go).  ERR_CONFIG: it cannot be used;
 * ERR_LOCKED: somebody uses it; ERR_STORE: it is something else. */
MUST_CHECK int directory_take(int *fd, const char *path, struct err *err);
/* The same of one that has to be a spool: nothing in it is looked at or made.
 * root may, too. */
MUST_CHECK int directory_lock(int *fd, const char *path, struct err *err);
/* The name of a file system on which a mapped file is not safe, or NULL. */
const char *directory_unsafe_fs(unsigned long magic);
/* Median of 16 flushes of 4 KiB; 0 where the disk is too full to try. */
MUST_CHECK int directory_flush_us(
    const char *path, uint64_t *us, struct err *err);
MUST_CHECK int directory_sync(const char *path, struct err *err);

#endif

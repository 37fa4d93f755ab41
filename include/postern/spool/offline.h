/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/offline - a spool that no daemon uses now, for an operator's tools.
 * Whoever has its lock keeps daemons away, and may look at it or put a smaller
 * copy in its place.
 */
#ifndef SPOOL_OFFLINE_H
#define SPOOL_OFFLINE_H

#include <stdint.h>

#include "postern/base/err.h"

struct spool;

/* 0: *fd holds the lock; close it to let go.  ERR_LOCKED: a daemon runs;
 * ERR_CONFIG: it cannot be used, or is no spool.  Of the caller's own, but root
 * may, too. */
MUST_CHECK int offline_lock(int *fd, const char *directory, struct err *err);
/* Opens it for readers (spool_reader_new(), spool_copy()) under the lock;
 * nothing is written, no thread is started.  spool_close() closes it. */
MUST_CHECK int offline_view(
    struct spool **sp, const char *directory, struct err *err);
/* Under the lock, with no view open: a copy without what is free takes the
 * place of the file.  A crash leaves the one or the other, whole. */
struct offline_sizes {
	uint64_t before, after; /* bytes of the file */
};
MUST_CHECK int offline_compact(
    const char *directory, struct offline_sizes *sizes, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/purge - dead letters are kept for a time and up to a size; the oldest
 * go first, some a tick.
 */
#ifndef SPOOL_PURGE_H
#define SPOOL_PURGE_H

#include <stdbool.h>

#include "postern/base/err.h"

struct batch;

/* In a transaction of its own: 1 something was purged, 0 nothing to do. */
MUST_CHECK int purge_some(struct batch *b);

#endif

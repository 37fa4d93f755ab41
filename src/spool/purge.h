/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/purge - dead letters are kept for a time and up to a size; the oldest
 * go first, a page of them a transaction.
 */
#ifndef SPOOL_PURGE_H
#define SPOOL_PURGE_H

#include <stdbool.h>

#include "postern/base/err.h"

struct batch;

#define PURGE_PAGE 64

/* In a transaction of its own: how many were purged; a whole page: there may
 * be more. */
MUST_CHECK int purge_some(struct batch *b);

#endif

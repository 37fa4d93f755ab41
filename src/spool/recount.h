/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/recount - the counters made again from the keys, where one of them
 * cannot be read.
 */
#ifndef SPOOL_RECOUNT_H
#define SPOOL_RECOUNT_H

#include "postern/base/err.h"

struct batch;

/* Walks all keys: for a start that found a counter unreadable. */
MUST_CHECK int recount(struct batch *b);

#endif

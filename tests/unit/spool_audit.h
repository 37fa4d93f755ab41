/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks every table of a spool: no value longer than a page less 16 bytes,
 * every record can be read, every key has its message and every message its
 * keys, no content without an owner, what is in doubt held as such, counters
 * equal to a recount, CRC-32C.
 */
#ifndef SPOOL_AUDIT_H
#define SPOOL_AUDIT_H

#include <stdint.h>

#include "postern/base/err.h"

struct spool;

struct audit {
	uint64_t messages, queued, held, dead, doubt, doubts, chunks, stages,
	    gc, values;
};
MUST_CHECK int audit_spool(struct spool *sp, struct audit *a, struct err *err);

#endif

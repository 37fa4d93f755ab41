/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/poison - a message that was in flight at three unclean stops in a row
 * may be what ends the process: its deliveries are parked.
 */
#ifndef SPOOL_POISON_H
#define SPOOL_POISON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct batch;

#define POISON_STOPS 3

/* ids: what was in flight at the last stop.  *parked: messages. */
struct poison_check {
	const uint64_t *ids;
	size_t n;
	bool clean; /* the stop was */
	uint64_t parked;
};
MUST_CHECK int poison_check(struct batch *b, struct poison_check *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_id.h"

#include <stdatomic.h>

#include "postern/base/id.h"

static _Atomic uint64_t last;

/* A clock that steps back makes ids grow by one, not repeat. */
uint64_t
session_id_next(int64_t wall_ms)
{
	uint64_t had = atomic_load_explicit(&last, memory_order_relaxed);
	uint64_t want = id_first(wall_ms), next;

	do {
		next = want > had ? want : had + 1;
	} while (!atomic_compare_exchange_weak_explicit(
	    &last, &had, next, memory_order_relaxed, memory_order_relaxed));
	return next;
}

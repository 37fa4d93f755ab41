/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stands in the place of the system's pwrite, writev and fdatasync, and of
 * LMDB's calls that change something: the n-th one on a data.mdb fails.
 */
#ifndef SPOOL_FAULT_H
#define SPOOL_FAULT_H

#include <stdbool.h>

enum fault_call {
	FAULT_DATA,
	FAULT_META,
	FAULT_SYNC,
	FAULT_CHANGE,
	FAULT_CALLS
};

/* After so many calls the next one fails, with for_good also all behind it.
 * error 0: a short write. */
void fault_at(enum fault_call call, long after, int error, bool for_good);
void fault_heal(void);
bool fault_happened(void); /* since the last fault_at() */

#endif

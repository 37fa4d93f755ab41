/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/flight - the ids of the messages that are being handled right now, in
 * a small mapped file that is never synced: what is in it after an unclean
 * stop was in flight then.  It survives the end of the process, not always a
 * power cut.  On a disk too full for it nothing is remembered.  The relay
 * thread's after the open.
 */
#ifndef SPOOL_FLIGHT_H
#define SPOOL_FLIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"

struct flight;

#define FLIGHT_SLOTS 4096 /* more at a time are not remembered */

/* ids: FLIGHT_SLOTS of room; what was in it. */
MUST_CHECK int flight_open(struct flight **f, const char *directory,
    uint64_t *ids, size_t *n, struct err *err);
/* Once what was in it has been written down; before the first is added. */
void flight_forget(struct flight *f);
void flight_close(struct flight **f);
void flight_add(struct flight *f, uint64_t mid); /* may be added again */
void flight_del(struct flight *f, uint64_t mid);

#endif

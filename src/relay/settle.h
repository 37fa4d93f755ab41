/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/settle - writes down what became of a delivery, and waits for the
 * answer; the key stays in hand until then.
 */
#ifndef RELAY_SETTLE_H
#define RELAY_SETTLE_H

#include <stdint.h>

#include "postern/spool/spool.h"

struct delivery;
struct relay;
struct spool_rcpt_reader;

/* What its recipients' states say; nothing may be left to do.  Those for later
 * come back by the schedule.  d is freed when it is committed. */
void settle_final(struct delivery *d);
/* The same, but what is to do or for later is due at due_ms. */
void settle_until(struct delivery *d, int64_t due_ms);
/* Only those delivered; the rest goes on. */
void settle_interim(struct delivery *d);
/* Stays out of the schedule until somebody moves it. */
void settle_park(struct delivery *d, enum spool_hold why);
/* A notice about it leaves (NULL: none); nothing else changes. */
void settle_notice(struct delivery *d, struct envelope *notice);
/* Others take its recipients' places (owned from here on); it begins anew. */
void settle_readers(
    struct delivery *d, struct spool_rcpt_reader *readers, uint32_t n);
/* What could not be written is tried again.  Call once a second. */
void settle_again(struct relay *r);
void settle_drop(struct relay *r); /* at the end: forget what failed */

#endif

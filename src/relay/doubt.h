/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/doubt - where a route holds what may have been delivered (on_doubt =
 * "hold"): that the end of a message leaves is committed to the spool before it
 * does, so that no crash can make it leave twice.
 */
#ifndef RELAY_DOUBT_H
#define RELAY_DOUBT_H

#include <stdbool.h>

struct delivery;
struct outcome;
struct smtp_txn;

/* The end of a transaction waits (smtp_client's hook): it leaves when the
 * spool has it. */
void doubt_begin(void *session, struct smtp_txn *t);
/* Its transaction is over: an answer that is still to come is of no account. */
void doubt_forget(struct delivery *d);
/* Does nobody know whether that delivered it, and is it to be held then? */
bool doubt_is(const struct delivery *d, const struct outcome *o);
/* What became of it is known and nothing is settled: the record goes. */
void doubt_over(struct delivery *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/overdue - messages that must be handed on by a time (DELIVERBY, RFC
 * 2852): mode R fails when that is over, mode N goes on, and the sender is
 * told once.  Looks once a second; works for keys that no provider is asked
 * about (all down, parked) as well.
 */
#ifndef RELAY_OVERDUE_H
#define RELAY_OVERDUE_H

#include <stdbool.h>

struct delivery;
struct overdue;
struct relay;

struct overdue *overdue_new(struct relay *r);
void overdue_free(struct overdue **o);
void overdue_start(struct overdue *o); /* in the relay's thread */
/* Mode R, and there is no whole second left: it must not be handed on. */
bool overdue_is(const struct delivery *d);
/* What is to do of it fails; d is settled. */
void overdue_fail(struct delivery *d);
/* A delivery that was taken for this has been read. */
void overdue_loaded(struct delivery *d);

#endif

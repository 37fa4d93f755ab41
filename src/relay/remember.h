/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/remember - what is known of a provider's health outlives the daemon: a
 * small record in the spool, by the provider's name.  It holds for the account
 * it was learned from: other settings, such as a mended password, begin anew.
 */
#ifndef RELAY_REMEMBER_H
#define RELAY_REMEMBER_H

#include <stdbool.h>

struct provider;

/* Rides with whatever is committed next; now: is committed at once. */
void remember_put(const struct provider *p, bool now);
/* Into a new one, at the daemon's start.  What cannot be understood, or is of
 * another account, is left alone. */
void remember_get(struct provider *p);

#endif

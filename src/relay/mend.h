/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/mend - what a person can most likely do about a provider that could not
 * be used.  Pure; all wisdom about that is in the table of mend.c.
 */
#ifndef RELAY_MEND_H
#define RELAY_MEND_H

#include "relay/verdict.h"

struct outcome;
struct relay_provider;

/* Borrowed, from the outcome's text or for ever. */
const char *mend_of(const struct relay_provider *set, const struct outcome *o,
    enum verdict_class class);

#endif

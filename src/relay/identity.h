/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/identity - remembers for an hour which provider refused which sender,
 * so that it is not asked for each of its messages.  Bounded: the oldest is
 * forgotten first.
 */
#ifndef RELAY_IDENTITY_H
#define RELAY_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

struct identity;

struct identity *identity_new(void);
void identity_free(struct identity **i);
void identity_refused(
    struct identity *i, uint64_t provider, const char *sender, uint64_t now_ms);
bool identity_is_refused(const struct identity *i, uint64_t provider,
    const char *sender, uint64_t now_ms);

#endif

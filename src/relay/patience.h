/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/patience - how long a session waits for what it waits for.
 */
#ifndef RELAY_PATIENCE_H
#define RELAY_PATIENCE_H

#include <stdint.h>

#include "postern/smtp/outcome.h"

struct relay_provider;
struct relay_session;

/* In ms; 0: for ever.  By the settings alone; for what s waits for. */
uint64_t patience_at(
    const struct relay_provider *set, enum outcome_stage stage);
uint64_t patience_for(const struct relay_session *s, enum outcome_stage stage);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/patience - how long a session waits for what it waits for.
 */
#ifndef RELAY_PATIENCE_H
#define RELAY_PATIENCE_H

#include <stdint.h>

#include "postern/smtp/outcome.h"

struct relay_session;

/* In ms; 0: for ever. */
uint64_t patience_for(const struct relay_session *s, enum outcome_stage stage);

#endif

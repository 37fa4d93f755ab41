/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/stray - mail for a user of this host whom nobody reads for: no provider
 * knows that name, so it is kept as a dead letter, and nobody is told but the
 * operator.  Looked at whenever a message is about to leave, so that what is
 * queued is held to the settings of now.
 */
#ifndef RELAY_STRAY_H
#define RELAY_STRAY_H

#include <stdbool.h>

#include "postern/relay/stray_cause.h"

struct delivery;

/* Such recipients become dead letters; true: there are no others left. */
bool stray_keep(struct delivery *d);

#endif

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

/* Where somebody reads for such recipients by now, as may be when they were
 * dead and are sent again, those take their place in the spool, and the
 * delivery begins anew; true: it is settled. */
bool stray_settle(struct delivery *d);
/* The others become dead letters; true: there are no other recipients left. */
bool stray_keep(struct delivery *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_door - the addresses the sink listens on; they are closed and
 * opened again by the plan, so that a client is refused by the kernel.
 */
#ifndef TOOLS_SINK_DOOR_H
#define TOOLS_SINK_DOOR_H

#include "postern/base/err.h"

struct sink;
struct sink_door;

/* Says "listening ADDRESS" for each, then obeys the plan. */
MUST_CHECK int sink_door_new(
    struct sink_door **d, struct sink *s, struct err *err);
void sink_door_free(struct sink_door **d);
/* The plan is another one: open or closed by it from now on. */
void sink_door_obey(struct sink_door *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_bulk - the same act on all that a filter finds ("where"): so
 * many deliveries at a time, so that mail goes on meanwhile.  Without "yes"
 * they are only counted.  Rows: what stays as it was (a hundred at most), and
 * how far it is, the last with "last".
 */
#ifndef ADMIN_CONTROL_BULK_H
#define ADMIN_CONTROL_BULK_H

#include <stddef.h>
#include <stdint.h>

#include "postern/relay/relay_act.h"

struct control_call;

void control_bulk_start(
    struct control_call *call, const struct relay_act *what);
/* These messages get the ways that the rules give now. */
void control_bulk_reroute(
    struct control_call *call, const uint64_t *mids, size_t n);

#endif

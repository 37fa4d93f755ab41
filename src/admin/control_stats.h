/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_stats - "stats": one row, the document of stats.h.
 */
#ifndef ADMIN_CONTROL_STATS_H
#define ADMIN_CONTROL_STATS_H

struct control_call;

void control_stats_run(struct control_call *call);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_log - the requests "log.level", a row {"level":"info"}, and
 * "log.set" with "level": from now on, until a reload or a restart.
 */
#ifndef ADMIN_CONTROL_LOG_H
#define ADMIN_CONTROL_LOG_H

struct control_call;

void control_log_level(struct control_call *call);
void control_log_set(struct control_call *call);

#endif

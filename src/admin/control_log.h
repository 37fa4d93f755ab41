/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_log - the requests "log.level", a row {"level":"info"};
 * "log.set" with "level": from now on, until a reload or a restart;
 * "log.address" with "address": {"address":...} as the log has it.
 */
#ifndef ADMIN_CONTROL_LOG_H
#define ADMIN_CONTROL_LOG_H

struct control_call;

void control_log_address(struct control_call *call);
void control_log_level(struct control_call *call);
void control_log_set(struct control_call *call);

#endif

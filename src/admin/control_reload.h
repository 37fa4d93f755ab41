/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_reload - the request "reload": done once the new configuration
 * is in force; a row {"mistake":"FILE:LINE: ..."} for all that is wrong.  And
 * "check": the same rows, also for what is worth knowing, and no change.
 */
#ifndef ADMIN_CONTROL_RELOAD_H
#define ADMIN_CONTROL_RELOAD_H

struct control_call;

void control_reload_run(struct control_call *call);
void control_reload_check(struct control_call *call);

#endif

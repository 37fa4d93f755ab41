/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_act - the requests that do something with messages: "ids", a
 * list of them, each with all of its deliveries.  A row for each delivery:
 * "result" ("done", "as-is", or why it stays as it is: "text").  To delete more
 * than one message "yes" has to be true.
 */
#ifndef ADMIN_CONTROL_ACT_H
#define ADMIN_CONTROL_ACT_H

struct control_call;

void control_act_hold(struct control_call *call);
void control_act_release(struct control_call *call);
void control_act_retry(struct control_call *call);
void control_act_reroute(struct control_call *call);
void control_act_delete(struct control_call *call);
void control_act_resend(struct control_call *call);  /* of the dead */
void control_act_discard(struct control_call *call); /* of the dead */

#endif

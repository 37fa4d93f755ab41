/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_route - the request "route": which way a message "from" someone
 * "to" an array of recipients would take now; also "user", "listener",
 * "client", "header" (an array), "size" (bytes).  A row a recipient.
 */
#ifndef ADMIN_CONTROL_ROUTE_H
#define ADMIN_CONTROL_ROUTE_H

struct control_call;

void control_route_run(struct control_call *call);

#endif

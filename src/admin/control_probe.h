/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_probe - the request "provider.probe" with "name", perhaps
 * "from" and "to": one row, which says how a session to the provider went.
 */
#ifndef ADMIN_CONTROL_PROBE_H
#define ADMIN_CONTROL_PROBE_H

struct control_call;

void control_probe_run(struct control_call *call);

#endif

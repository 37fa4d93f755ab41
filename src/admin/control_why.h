/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_why - the request "why": what each delivery of the message "id"
 * waits for, a row each: "text" says it, "hint" what an operator may do,
 * "candidates" how the providers of its route are, where it could leave now.
 */
#ifndef ADMIN_CONTROL_WHY_H
#define ADMIN_CONTROL_WHY_H

struct control_call;

void control_why_run(struct control_call *call);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_mailq - the request "mailq": the queue as Postfix's mailq
 * prints it, which programs read; rows {"text":"..."}, to be put out as they
 * are.  Who may not look at the queue sees the mail that it has handed in
 * itself.
 */
#ifndef ADMIN_CONTROL_MAILQ_H
#define ADMIN_CONTROL_MAILQ_H

struct control_call;

void control_mailq_run(struct control_call *call);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_queue - the requests about what is in the queue: "queue.list"
 * with "where" (a filter) and "limit", a row a delivery, oldest first;
 * "queue.count" with "where" and "group_by".  Dead letters are not among it.
 */
#ifndef ADMIN_CONTROL_QUEUE_H
#define ADMIN_CONTROL_QUEUE_H

struct control_call;

void control_queue_list(struct control_call *call);
/* "dead.list", as "queue.list": the dead letters, in the order of dying. */
void control_queue_dead(struct control_call *call);
void control_queue_count(struct control_call *call);

#endif

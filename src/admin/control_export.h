/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_export - requests for whole messages: for each a row
 * {"letter":{...}} (admin/letter_json), rows {"base64":"..."} with its content,
 * and {"end":true}; or {"damaged":"id","text":"why"}.  Each row is a short read
 * of its own, and the next one waits until the caller has read enough.
 */
#ifndef ADMIN_CONTROL_EXPORT_H
#define ADMIN_CONTROL_EXPORT_H

struct control_call;

void control_export_queue(struct control_call *call); /* queue.export */
void control_export_dead(struct control_call *call);  /* dead.export */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_trace - the request "trace": what the journal tells of
 * messages, "what" being an id, an address of sender or recipient, a
 * Message-ID, or the id that a provider gave.  A row an event, by time; then,
 * of each message that is still there, a row a delivery with "event" "now";
 * last {"since_ms":...}, as far as the journal goes back.
 */
#ifndef ADMIN_CONTROL_TRACE_H
#define ADMIN_CONTROL_TRACE_H

struct control_call;

void control_trace_run(struct control_call *call);

#endif

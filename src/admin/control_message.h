/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/control_message - the requests about one message of the spool, "id":
 * "message.show", a row a delivery as in queue.list, dead ones too, with up to
 * 1,000 recipients; "message.headers" and "message.body", rows
 * {"base64":"..."} of octets, as it was accepted.
 */
#ifndef ADMIN_CONTROL_MESSAGE_H
#define ADMIN_CONTROL_MESSAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

struct control_call;

void control_message_show(struct control_call *call);
void control_message_headers(struct control_call *call);
void control_message_body(struct control_call *call);

/* The "id" of a call; false: it has none, the call has failed. */
bool control_message_id(struct control_call *call, uint64_t *mid);

/* A row of octets, at most 64 KiB; none of none. */
void control_message_octets(struct control_call *call, struct str s);

#define CONTROL_MESSAGE_GONE "there is no such message in the spool (any more)"

#endif

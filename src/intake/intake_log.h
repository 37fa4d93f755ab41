/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake_log - what is told of a message on its way in.
 */
#ifndef INTAKE_INTAKE_LOG_H
#define INTAKE_INTAKE_LOG_H

struct intake_message;
struct smtp_reply;

void intake_log_accepted(const struct intake_message *m);
/* to: the recipient, NULL: the whole message. */
void intake_log_refused(
    const struct intake_message *m, const char *to, const struct smtp_reply *r);
void intake_log_slowed(const struct intake_message *m, const char *who);
void intake_log_header_left(
    const struct intake_message *m, const char *name, const char *why);

#endif

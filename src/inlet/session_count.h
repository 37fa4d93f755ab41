/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_count - what a session adds to the counters of its inlet and
 * of its listener.
 */
#ifndef INLET_SESSION_COUNT_H
#define INLET_SESSION_COUNT_H

#include <stddef.h>

struct inlet_session;
struct smtp_reply;

void session_count_open(struct inlet_session *s);
void session_count_turned_away(struct inlet_session *s);
void session_count_admitted(struct inlet_session *s);
void session_count_end(struct inlet_session *s);
/* Its handshake went well; did not. */
void session_count_secured(struct inlet_session *s);
void session_count_unsecured(struct inlet_session *s);
/* So much of a message's content; its message was answered with 250, or is
 * over without. */
void session_count_content(struct inlet_session *s, size_t n);
void session_count_message(struct inlet_session *s);
void session_count_reset(struct inlet_session *s);
void session_count_reply(
    struct inlet_session *s, const char *verb, const struct smtp_reply *reply);

#endif

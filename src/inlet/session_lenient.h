/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_lenient - what of the listener's lenient words counts for a
 * session's client, and how often it made use of them.
 */
#ifndef INLET_SESSION_LENIENT_H
#define INLET_SESSION_LENIENT_H

#include <stdint.h>

#include "postern/inlet/inlet.h"

struct inlet_session;

/* Bits of enum inlet_lenient. */
uint32_t session_lenient_words(const struct inlet_session *s);
void session_lenient_used(struct inlet_session *s, enum inlet_lenient what);
/* Its end: one line, where there was any use. */
void session_lenient_log(const struct inlet_session *s);

#endif

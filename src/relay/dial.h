/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/dial - gets a session a connection: the provider's name becomes
 * addresses, which are tried one after the other, the one that was good last
 * time first.
 */
#ifndef RELAY_DIAL_H
#define RELAY_DIAL_H

#include <stdbool.h>

#include "postern/smtp/outcome.h"

struct relay_session;

void dial_start(struct relay_session *s);
bool dial_has_more(const struct relay_session *s);
void dial_next(struct relay_session *s);
/* This address did not answer: the next, if there is one; else that is the
 * session's end. */
void dial_failed(struct relay_session *s, enum outcome_io io, const char *text);

#endif

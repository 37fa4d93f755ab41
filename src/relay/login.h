/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/login - before a session connects it gets what it will log in with;
 * where that is refused and another token may do, it begins anew.
 */
#ifndef RELAY_LOGIN_H
#define RELAY_LOGIN_H

#include <stdbool.h>

struct outcome;
struct relay_session;

/* Waits for the credential, without a connection; then dials. */
void login_start(struct relay_session *s);
/* true: the session's last words were a token's refusal, and it tries again
 * with another one; or TLS was a wish and failed, and it tries without.
 * Nothing is counted. */
bool login_again(struct relay_session *s, const struct outcome *o);

#endif

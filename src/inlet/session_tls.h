/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_tls - a session's way into TLS: STARTTLS (RFC 3207), or from
 * the first byte on (RFC 8314).
 */
#ifndef INLET_SESSION_TLS_H
#define INLET_SESSION_TLS_H

#include <stdbool.h>

#include "postern/base/str.h"

struct inlet_session;
struct smtp_reply;

/* A row of session_command's table. */
int session_tls_starttls(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply);
/* EHLO's line where the client may say it, or NULL. */
const char *session_tls_offer(const struct inlet_session *s);
/* The listener requires TLS, and it is not there. */
bool session_tls_is_missing(const struct inlet_session *s);
/* 220 was said: the handshake is due. */
bool session_tls_is_due(const struct inlet_session *s);
/* The handshake is done. */
void session_tls_done(struct inlet_session *s);
/* From here on TLS; what came in clear and was not taken is thrown away. */
void session_tls_start(struct inlet_session *s);
/* "TLSv1.3 TLS_AES_256_GCM_SHA384" into out; false: in clear. */
#define SESSION_TLS_TEXT 80
bool session_tls_text(
    const struct inlet_session *s, char out[SESSION_TLS_TEXT]);

#endif

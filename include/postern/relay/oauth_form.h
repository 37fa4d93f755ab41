/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/oauth_form - what is sent to a token endpoint (RFC 6749 4.4.2, 6; RFC
 * 7523 2.1; RFC 8628 3.1, 3.4).  Pure.  The forms hold secrets: the caller
 * wipes them.
 */
#ifndef RELAY_OAUTH_FORM_H
#define RELAY_OAUTH_FORM_H

#include <stdint.h>

#include "postern/base/err.h"

struct buf;
struct oauth_settings;
struct secret;

#define OAUTH_FORM_MAX ((size_t)64 * 1024) /* every octet as %XX */

struct oauth_form_facts {
	const struct secret *refresh; /* of that grant */
	const char *user;             /* of a JWT */
	int64_t now_s;
};

/* For a new access token. */
MUST_CHECK int oauth_form_token(struct buf *out, const struct oauth_settings *s,
    const struct oauth_form_facts *f, struct err *err);
/* A device asks for a code, and then whether its person has said yes. */
MUST_CHECK int oauth_form_device(
    struct buf *out, const struct oauth_settings *s);
MUST_CHECK int oauth_form_poll(
    struct buf *out, const struct oauth_settings *s, const struct secret *code);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/oauth_reply - what a token endpoint answered (RFC 6749 5.1, 5.2, RFC
 * 8628 3.2, 3.5).  Pure.  Whatever is not understood is its trouble of the
 * moment, never the end of a grant.
 */
#ifndef RELAY_OAUTH_REPLY_H
#define RELAY_OAUTH_REPLY_H

#include <stdint.h>

#include "postern/base/secret.h"
#include "postern/base/str.h"

#define OAUTH_REPLY_TOKEN_MAX 4096 /* as AUTH takes it */

enum oauth_reply_kind {
	OAUTH_REPLY_TOKEN,
	OAUTH_REPLY_DENIED,    /* the grant, the client or the request */
	OAUTH_REPLY_LATER,     /* trouble of the endpoint */
	OAUTH_REPLY_PENDING,   /* the person has not said yes yet */
	OAUTH_REPLY_SLOW_DOWN, /* the same, and asked too often */
};

struct oauth_reply {
	enum oauth_reply_kind kind;
	struct secret *access, *refresh; /* owned; refresh may be NULL */
	uint64_t lifetime_ms;
	uint64_t wait_ms; /* 0: none said */
	char why[256];    /* of all but TOKEN; printable */
};

/* retry_after_s: of the header, 0 none. */
void oauth_reply_read(struct oauth_reply *r, long status, struct str body,
    uint64_t retry_after_s);
void oauth_reply_done(struct oauth_reply *r);

/* What a person is to be shown (RFC 8628 3.2). */
struct oauth_device {
	struct secret *code; /* owned */
	char user_code[64], url[256];
	uint64_t interval_ms, lifetime_ms;
};

/* false: it is none; why says what it is. */
bool oauth_reply_device(
    struct oauth_device *d, long status, struct str body, char why[256]);
void oauth_reply_device_done(struct oauth_device *d);

#endif

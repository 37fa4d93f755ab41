/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/header_token - the words of a field with addresses (RFC 5322 3.2):
 * white space and comments between them are passed over.  Pure.
 */
#ifndef MAIL_HEADER_TOKEN_H
#define MAIL_HEADER_TOKEN_H

enum header_token_kind {
	HEADER_TOKEN_END,
	HEADER_TOKEN_ATOM,   /* also with dots inside */
	HEADER_TOKEN_QUOTED, /* "..." */
	HEADER_TOKEN_DOMAIN, /* [...] */
	HEADER_TOKEN_SPECIAL,
	HEADER_TOKEN_BAD,
};

/* The last one read is start .. p; start with p at the value's begin. */
struct header_token {
	const char *p, *end, *start; /* borrowed */
};

enum header_token_kind header_token_next(struct header_token *r);

#endif

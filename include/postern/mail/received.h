/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/received - builds the Received field (RFC 5321 4.4, 6710), folded at 78
 * columns where it can be.  Pure.
 */
#ifndef MAIL_RECEIVED_H
#define MAIL_RECEIVED_H

#include "postern/base/buf.h"

struct received {
	const char *helo;      /* what the client calls itself; NULL: nothing */
	const char *client;    /* "192.0.2.1", "2001:db8::1", "local" */
	const char *hostname;  /* ours */
	const char *protocol;  /* "ESMTP" */
	const char *id;        /* of the queue */
	const char *recipient; /* NULL: none, or several (7.2) */
	const char *date;      /* clock_rfc5322() */
	const char *tls;       /* version and cipher; NULL: in clear */
	int priority;          /* RFC 6710; 0: not told */
};

#define RECEIVED_MAX 2048 /* octets that the longest one stays below */

/* Appends the field with its CRLF; 0, or -1 beyond the buffer's maximum. */
MUST_CHECK int received_build(struct buf *out, const struct received *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/dkim - what a DKIM signature is made over (RFC 6376): the body and the
 * header in their canonical forms, and the field itself.  Pure; whoever has a
 * key hashes and signs.  A line ends at CRLF; a CR or LF alone is an octet as
 * any other.
 */
#ifndef MAIL_DKIM_H
#define MAIL_DKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

#define DKIM_FIELDS_MAX 256 /* that one signature covers */
#define DKIM_LINE 72        /* columns that are aimed at */

enum dkim_canon { DKIM_RELAXED, DKIM_SIMPLE };

/* --- the body, as it passes ------------------------------------------------
 */
struct dkim_body {
	enum dkim_canon canon;
	void (*put)(void *arg, const char *p, size_t n);
	void *arg;
	uint64_t nempty;      /* empty lines that wait for another one */
	bool in_line;         /* the line under way is not empty */
	bool is_blank, is_cr; /* one waits for what follows it */
	bool has_put;
	size_t nout;
	char out[1024];
};

void dkim_body_init(struct dkim_body *b, enum dkim_canon canon,
    void (*put)(void *arg, const char *p, size_t n), void *arg);
void dkim_body_feed(struct dkim_body *b, const char *p, size_t n);
void dkim_body_end(struct dkim_body *b);

/* --- the header ------------------------------------------------------------
 */
/* Names of fields; From belongs to both.  Borrowed. */
struct dkim_fields {
	const char **sign; /* each that is there */
	const char **over; /* and none may be added */
	size_t nsign, nover;
};

/* What is signed of a header section: into names as h= has it, and into out.
 * -1: there are more such fields than DKIM_FIELDS_MAX, or out is full. */
MUST_CHECK int dkim_header(struct str section, enum dkim_canon canon,
    const struct dkim_fields *of, struct buf *names, struct buf *out);

/* --- the signature ---------------------------------------------------------
 */
struct dkim_tags {
	const char *algorithm; /* "rsa-sha256" */
	enum dkim_canon header, body;
	const char *domain, *selector;
	const char *identity;        /* NULL: none, so that it is the domain */
	int64_t now_s, until_s;      /* until_s 0: it does not end */
	struct str names, body_hash; /* base64 */
};

/* The field up to its empty b=, without a line end.  -1: out is full. */
MUST_CHECK int dkim_field(struct buf *out, const struct dkim_tags *t);
/* Such a field as it is signed, behind the header. */
MUST_CHECK int dkim_own(
    struct buf *out, enum dkim_canon canon, struct str field);
/* The value of b= behind it, in base64, and the line end. */
MUST_CHECK int dkim_value(struct buf *out, struct str base64);

#endif

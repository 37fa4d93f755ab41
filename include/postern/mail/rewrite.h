/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/rewrite - the header section as a provider wants it: another address in
 * From, fields taken away and added.  Every other byte stays as it is.  Pure.
 *
 * From keeps the display name and the comments of its (first) mailbox; what
 * stood there becomes Reply-To unless the message has one.  Sender, and any
 * further From, go.  A From that has the address already stays.  A line that is
 * no field ends the header, as the empty line does, which is then put there.
 *
 * Addresses of hosts below a domain become the domain's (masquerade), and
 * others of this host its one address for all (from): in From, Sender, Reply-To
 * and the fields of the same names with Resent-.
 */
#ifndef MAIL_REWRITE_H
#define MAIL_REWRITE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

struct local;

#define REWRITE_HEADER_MAX (64u << 10) /* octets of a header section */
#define REWRITE_LINE_MAX 998           /* without CRLF, RFC 5322 2.1.1 */

/* Borrowed. */
struct rewrite {
	const char *from; /* an address; NULL: From stays */
	const char **remove;
	const char **add; /* "Name: value", behind what there is */
	size_t nremove, nadd;
	const char **masquerade; /* domains; the first one above counts */
	size_t nmasquerade;
	const struct local *host; /* or NULL; with from, where it has one */
};

/* Does it change anything? */
bool rewrite_is_any(const struct rewrite *w);
/* What the header of a message becomes with several of them (of two addresses
 * for From the later one's), into out; *took: the octets of content in whose
 * place that is.  content: the message's begin, is_whole: all of it.  -1: its
 * header section does not end in content, or out would be full. */
MUST_CHECK int rewrite_header(struct str content, bool is_whole,
    const struct rewrite *const *w, size_t n, struct buf *out, size_t *took);
/* What a sender's address at domain becomes with all of them. */
struct rewrite_sender {
	struct str domain;   /* another one; where that stays, itself */
	const char *instead; /* of the whole address; NULL: nothing */
};
struct rewrite_sender rewrite_sender(
    const struct rewrite *const *w, size_t n, struct str domain);
/* Whose it is by the header that content begins with.  true: in *address, which
 * is empty where From has several or is not understood; false: it has none. */
bool rewrite_author(struct str content, struct str *address);
/* Is it "Name: value", printable ASCII in a line?  -1: "what is wrong; what to
 * write". */
MUST_CHECK int rewrite_check_field(struct str text, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/header - looks at the header fields as content passes (RFC 5322 2.2):
 * which are there, how often Received is.  Pure, bounded memory; the result
 * never depends on how the input is cut.
 */
#ifndef MAIL_HEADER_H
#define MAIL_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"
#include "postern/mail/header_name.h"

#define HEADER_ID_MAX 255 /* octets of Message-ID that are remembered */

struct header_scan {
	struct header_name name;
	uint8_t id_len;
	bool in_line; /* of the one under way it is known what it begins with */
	bool is_over; /* the empty line has passed: what follows is body */
	bool in_id;   /* the field under way is the first Message-ID */
	bool id_space; /* white space stands before its next byte */
	bool has_date, has_from, has_message_id;
	uint32_t received; /* fields of that name */
	char id[HEADER_ID_MAX];
};

void header_scan_init(struct header_scan *h);
void header_scan(struct header_scan *h, const char *p, size_t n);
/* The value of the first Message-ID, unfolded, control bytes left out, cut at
 * HEADER_ID_MAX; empty if there is none.  Borrowed from *h. */
struct str header_scan_id(const struct header_scan *h);
/* A field's name as RFC 5322 2.2 has it, up to HEADER_FIELD_MAX. */
bool header_is_name(struct str name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/filter - which deliveries an operator means:
 *
 *	provider=ses and code~4.7 and (age>2h or not rcpt~@example.com)
 *
 * A comparison is FIELD OP VALUE; "not" binds before "and", that before "or".
 * A value is a word, or stands in double quotes, where \ takes the next byte as
 * it is.  filter.c has the fields.  Of recipients and replies one has to fit.
 * Pure.
 */
#ifndef ADMIN_FILTER_H
#define ADMIN_FILTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct filter;
struct holdup_reason;
struct spool_row;

#define FILTER_TEXT_MAX 4096 /* bytes */
#define FILTER_TERMS_MAX 64
#define FILTER_DEPTH_MAX 16 /* "(" and "not" that are open at once */

/* Blanks alone: everything.  -1: err->text is "column N: what is wrong; what to
 * write". */
MUST_CHECK int filter_new(struct filter **f, struct str text, struct err *err);
void filter_free(struct filter **f);

struct filter_subject {
	const struct spool_row *row;
	const char *route; /* its name */
	int64_t now_ms;    /* wall clock */
	/* Why it does not leave now; NULL: it could, is not due, or that was
	 * not asked. */
	const struct holdup_reason *holdup;
};
bool filter_fits(const struct filter *f, const struct filter_subject *s);

/* A field as text, for those who count by it: of several recipients or replies
 * the first there is. */
#define FILTER_SHOWN 256 /* bytes; the rest is cut */
struct filter_field;
const struct filter_field *filter_field(struct str name); /* NULL: none */
const char *filter_field_name(const struct filter_field *f);
const char *filter_field_names(void); /* of all, with blanks between */
struct str filter_show(const struct filter_field *f,
    const struct filter_subject *s, char out[FILTER_SHOWN]);

/* Is it one that has a number of its own (age, size, ...)?  Which; of those
 * alone. */
bool filter_is_number(const struct filter_field *f);
uint64_t filter_number(
    const struct filter_field *f, const struct filter_subject *s);

/* The words that filters and listings use. */
const char *filter_state(const struct spool_row *row); /* "queued" */
const char *filter_cause(const struct spool_row *row); /* held for; or "" */
const char *filter_priority(uint8_t priority);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/address_pattern - which addresses are meant:
 *
 *	ann@example.com		this one; the case of the local part counts
 *	*@example.com		all of the domain
 *	example.com		the same
 *	*@*.example.com		all of the domains below it, not it
 *	*			every address but the null sender
 *	<>			the null sender
 *
 * The case of a domain (ASCII) does not count.  Pure.
 */
#ifndef MAIL_ADDRESS_PATTERN_H
#define MAIL_ADDRESS_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

enum address_pattern_kind {
	ADDRESS_PATTERN_EXACT,
	ADDRESS_PATTERN_DOMAIN,
	ADDRESS_PATTERN_BELOW, /* domains below it */
	ADDRESS_PATTERN_ANY,
	ADDRESS_PATTERN_NULL,
};

struct address_pattern {
	enum address_pattern_kind kind;
	struct str local, domain; /* parts of the text */
};

/* The text is borrowed as long as the pattern is used.  -1: err->text is "what
 * is wrong; what to write". */
MUST_CHECK int address_pattern_parse(
    struct address_pattern *p, struct str text, struct err *err);
/* address: as address_str() has it; empty: the null sender. */
bool address_pattern_has(const struct address_pattern *p, struct str address);

/* Does one of n texts match?  All of them can be parsed: conf has read them. */
bool address_pattern_any(
    const char *const *texts, size_t n, struct str address);

/* A list of them that owns its texts; does one of them match? */
struct address_patterns;
struct address_patterns *address_pattern_list(void);
void address_pattern_list_free(struct address_patterns **l);
MUST_CHECK int address_pattern_list_add(
    struct address_patterns *l, struct str text, struct err *err);
bool address_pattern_list_has(
    const struct address_patterns *l, struct str address);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/aliases - who reads the mail for the names of this host: the file that
 * aliases(5) tells of, with addresses and other names only.  Pure.
 *
 *	# a comment has a line of its own
 *	name: address, name,
 *		address
 *	"a name": address
 *
 * Names are found whatever their case.  What a name becomes is an address in
 * the end: nothing goes round, nothing is a command, a file or a list in
 * another file.
 */
#ifndef MAIL_ALIASES_H
#define MAIL_ALIASES_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct aliases;
struct local;

#define ALIASES_FILE_MAX (1u << 20) /* bytes */
#define ALIASES_NAMES_MAX 10000u
#define ALIASES_MEMBERS_MAX 1000u /* of a name; and addresses in the end */
#define ALIASES_DEPTH_MAX 10u     /* names between a name and an address */

/* "what is wrong; what to write", of line (from 1). */
typedef void aliases_mistake_fn(void *arg, unsigned line, const char *text);
/* An address; the text ends when the aliases do. */
typedef void aliases_to_fn(void *arg, const char *address);

/* host tells which addresses are names again, and who reads the mail for a name
 * that is none of them; it is not kept.  0: *a is the caller's to free.  -1:
 * fn was told of each mistake, *a is as it was. */
MUST_CHECK int aliases_parse(struct aliases **a, struct str text,
    const struct local *host, aliases_mistake_fn *fn, void *arg);
void aliases_free(struct aliases **a); /* leaves *a NULL; twice is fine */
/* fn for each address of name, once, in the order of the file.  false: it is
 * no alias. */
bool aliases_expand(
    const struct aliases *a, struct str name, aliases_to_fn *fn, void *arg);
size_t aliases_count(const struct aliases *a); /* names */

#endif

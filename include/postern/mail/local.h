/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/local - addresses at this host, "root@web1", which no provider knows.
 * Pure.
 */
#ifndef MAIL_LOCAL_H
#define MAIL_LOCAL_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/str.h"
#include "postern/mail/aliases.h"

struct local {                /* borrowed */
	const char *root;     /* where the mail of those without alias goes; or
	                         NULL */
	const char *from;     /* what senders here become; NULL: they stay */
	const char **domains; /* this host's names */
	size_t ndomains;
	const struct aliases *aliases; /* NULL: there are none */
};

/* Is its domain one of them, or has it none (Postmaster)? */
bool local_has(const struct local *l, struct str address);
bool local_has_domain(const struct local *l, struct str domain);
/* The part of an address in front of its domain. */
struct str local_name(struct str address);
/* fn for each address that reads the mail for name, a user of this host, once.
 * false: nobody does. */
bool local_readers(
    const struct local *l, struct str name, aliases_to_fn *fn, void *arg);

#endif

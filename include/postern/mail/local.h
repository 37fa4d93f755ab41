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

struct local {            /* borrowed */
	const char *root; /* where their mail goes; NULL: they are as others */
	const char **domains; /* this host's names */
	size_t ndomains;
};

/* Is its domain one of them? */
bool local_has(const struct local *l, struct str address);

#endif

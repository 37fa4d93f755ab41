/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/readers - whom a recipient's mail goes to: itself, or, for one who is
 * known on this host alone, those who read its mail.
 *
 * All of several readers keep ORCPT, and NOTIFY as envelope_notify_others() has
 * it.  A list is taken whole or not at all, and whole where the message had
 * room for one more recipient when it came.
 */
#ifndef INTAKE_READERS_H
#define INTAKE_READERS_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/str.h"

struct draft;
struct local;
struct smtp_rcpt;

/* Zeroed before the first use; borrows from what readers_find() is given. */
struct readers {
	const struct draft *draft;
	struct str one;    /* where there is no list */
	const char **list; /* owned: addresses; NULL: there is none */
	size_t n, room;    /* that the draft does not have yet */
};

/* One whom nobody reads for stays as it is. */
void readers_find(struct readers *r, const struct local *l,
    const struct draft *d, const struct smtp_rcpt *rcpt);
/* Into the draft.  false: it has no room. */
bool readers_put(
    const struct readers *r, struct draft *d, const struct smtp_rcpt *rcpt);
void readers_done(struct readers *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/holdup - why the mail of a route does not leave now, as it was when the
 * relay was asked: for whoever shows many rows, which cost it no question each.
 * Made once, then any thread may read it.
 */
#ifndef ADMIN_HOLDUP_H
#define ADMIN_HOLDUP_H

#include <stdbool.h>
#include <stdint.h>

struct holdup;
struct relay_view;

/* Of the provider that its mail would be handed first. */
struct holdup_reason {
	const char *provider; /* its name, or "" */
	const char *state;    /* as in a view; "ok": nothing is in the way;
	                         "missing": the route has no provider */
	const char *text;     /* as Postfix says it; with "ok" it is "" */
};

/* with_words: what the provider has said is in the text, too, which may be of
 * other people's mail. */
struct holdup *holdup_new(const struct relay_view *v, bool with_words);
void holdup_free(struct holdup **h);
/* Borrowed; an id that no route has (any more) is the default's. */
const struct holdup_reason *holdup_of(const struct holdup *h, uint32_t route);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/doors - what is counted of each listener, by its name, so that it goes
 * on over a reload.  One thread finds and counts; any thread reads.
 */
#ifndef INLET_DOORS_H
#define INLET_DOORS_H

#include <stdatomic.h>
#include <stddef.h>

#include "postern/base/stat.h"

#define DOORS_MAX 64 /* names since the start; further ones share "other" */
#define DOORS_NAME 64

enum doors_tls { /* of a session, by now */
	DOORS_CLEAR,
	DOORS_STARTTLS,
	DOORS_IMPLICIT,
	DOORS_TLSES
};

struct door {
	char name[DOORS_NAME];
	struct stat_counter sessions;          /* connections */
	struct stat_counter open[DOORS_TLSES]; /* now */
	struct stat_counter ended[DOORS_TLSES];
	struct stat_counter turned_away;          /* without a greeting */
	struct stat_counter messages;             /* answered with 250 */
	struct stat_counter temporary, permanent; /* replies 4xx, 5xx */
};

struct doors {
	_Atomic size_t n;
	struct door of[DOORS_MAX + 1];
};

const char *doors_tls_word(enum doors_tls tls); /* "none", "starttls", ... */
/* There is one from then on.  d's own thread. */
struct door *doors_find(struct doors *d, const char *name);
/* Those before it have their names for good.  Any thread. */
size_t doors_count(const struct doors *d);
/* Adds what from has by now, of the same names; to is the caller's alone. */
void doors_merge(struct doors *to, const struct doors *from);
/* From number max on they become one, "other"; d is the caller's alone. */
void doors_cut(struct doors *d, size_t max);

#endif

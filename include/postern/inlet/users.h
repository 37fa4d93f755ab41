/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/users - the users file: who may log in, and what becomes of his mail.
 *
 *	NAME:SECRET[:KEY=VALUE;KEY=VALUE...]
 *
 * SECRET is a hash of crypt(3) or a SCRAM verifier (smtp/scram).  Keys: senders
 * (address patterns, by commas), priority, lane, route, rate (rates, by
 *commas), quota.  Empty lines and those that begin with '#' are left out.
 *
 * Immutable once read; secrets are wiped with the last reference.
 */
#ifndef INLET_USERS_H
#define INLET_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/intake/policy.h"

struct scram_verifier;
struct users;

#define USERS_NAME_MAX 255          /* octets */
#define USERS_FILE_MAX (256u << 20) /* bytes: a million users and more */

struct user {
	struct str name;
	const char *hash;                   /* of crypt(3); or NULL */
	const struct scram_verifier *scram; /* or NULL */
	struct policy policy;               /* what is his own */
};

/* What is wrong in a line; nothing of a secret is in the text. */
typedef void users_mistake_fn(void *arg, unsigned line, const char *text);

/* Reads the text.  0: a reference in *u; -1: there were mistakes, all told. */
MUST_CHECK int users_parse(
    struct users **u, struct str text, users_mistake_fn *tell, void *arg);
struct users *users_ref(struct users *u); /* any thread */
void users_free(struct users **u);        /* drops a reference */

size_t users_count(const struct users *u);
/* Another number for each users_parse(). */
uint64_t users_serial(const struct users *u);
/* Has each of them a verifier, and is there one? */
bool users_all_scram(const struct users *u);
/* All of them, with the file's lines. */
void users_each(const struct users *u,
    void (*fn)(void *arg, const struct user *user, unsigned line), void *arg);
/* NULL: there is none of that name. */
const struct user *users_find(const struct users *u, struct str name);
/* Has neither got another password since?  A hash made anew counts as one. */
bool users_is_same_secret(const struct user *a, const struct user *b);
/* For a name that is not there: somebody whose secret costs as much to try; for
 * each name always the same.  NULL: there are no users. */
const struct user *users_stand_in(const struct users *u, struct str name);
/* true: *v is the user's verifier.  false: there is none; *v looks like one,
 * and is the same whenever that name is asked for: names cannot be probed. */
bool users_verifier(
    const struct users *u, struct str name, struct scram_verifier *v);
/* A name for the file: UTF-8 without ':', blanks and control characters. */
bool users_is_name(struct str name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/token_store - an account's tokens on the disk: one file of
 * token_directory each.  Written beside, synced, renamed, the directory
 * synced: a crash at any point leaves the old file or the new one, whole.
 * Only the daemon's user may read or change file and directory; anything else
 * is refused.  Blocks for a sync.
 */
#ifndef RELAY_TOKEN_STORE_H
#define RELAY_TOKEN_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

struct oauth_settings;
struct secret;

#define TOKEN_STORE_NAME 128
#define TOKEN_STORE_SEED 65

struct token_record {
	struct secret *access, *refresh; /* owned; NULL: none */
	int64_t got_ms, expires_ms;      /* wall clock */
	char seed[TOKEN_STORE_SEED];     /* digest of the first refresh token,
	                                    where it came from a file */
};

/* The file of an account: its user, made harmless, and a digest of all that
 * makes it another account. */
void token_store_name(char name[TOKEN_STORE_NAME], const char *user,
    const struct oauth_settings *s);
/* The digest for token_record.seed, "" of NULL. */
void token_store_seed(char out[TOKEN_STORE_SEED], const struct secret *seed);
/* Is the directory there and safe?  -1: "what is wrong; what to run". */
MUST_CHECK int token_store_check(const char *directory, struct err *err);
/* 1 read; 0 there is none; -1 it cannot be used.  *t is filled on 1 only. */
MUST_CHECK int token_store_read(struct token_record *t, const char *directory,
    const char *name, struct err *err);
/* Durable on 0.  By root: it becomes the directory's owner's. */
MUST_CHECK int token_store_write(const struct token_record *t,
    const char *directory, const char *name, struct err *err);
MUST_CHECK int token_store_forget(
    const char *directory, const char *name, struct err *err);
void token_store_done(struct token_record *t); /* wipes */

/* For tests: called before each step of a write, which are counted from 0. */
extern void (*token_store_step)(int step);

#endif

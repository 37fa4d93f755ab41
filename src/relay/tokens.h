/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/tokens - the accounts that log in by OAuth2: asks the endpoints, keeps
 * what they give in the store, and hands it to whoever logs in.  An account is
 * its endpoint, client and user: providers that share those share it, and
 * there is never more than one request of it under way.  The relay's thread.
 */
#ifndef RELAY_TOKENS_H
#define RELAY_TOKENS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/relay/oauth.h"

struct loop;
struct relay_generation;
struct relay_provider;
struct secret;
struct token_account;
struct tokens;

/* Before other threads are made. */
MUST_CHECK int tokens_new(struct tokens **t, struct loop *l, struct err *err);
void tokens_free(struct tokens **t); /* no account is left */
/* A provider with oauth joins its account; it begins to ask where there is no
 * token. */
struct token_account *tokens_join(struct tokens *t,
    struct relay_generation *gen, const struct relay_provider *set);
void tokens_leave(struct token_account **a);

struct token_got {
	struct secret *token; /* READY: a reference, the caller's */
	uint64_t serial;      /* which one it was */
	bool is_dead;         /* FAILED, until somebody mends it */
	char why[256];        /* FAILED */
};
/* READY, until tokens_tried(), or FAILED; or WAIT: fn(arg) when it is to be
 * asked again. */
enum oauth_wanted tokens_get(struct token_account *a, struct token_got *got,
    void (*fn)(void *arg), void *arg);
/* The login with a token is over, or came to nothing. */
void tokens_tried(struct token_account *a);
/* Before that nobody gets one; 0: it is to be tried. */
uint64_t tokens_wake_ms(const struct token_account *a);
/* What was in the way may be gone: asks at once. */
void tokens_renew(struct token_account *a);
/* Another one is asked for now, whatever there is. */
void tokens_fetch(struct token_account *a);
/* None comes until somebody mends it. */
bool tokens_is_dead(const struct token_account *a);
void tokens_forget(struct token_account *a, const void *arg);
/* What the provider said of it; refused: true, another one is worth a try. */
bool tokens_refused(struct token_account *a, uint64_t serial);
void tokens_accepted(struct token_account *a, uint64_t serial);

#endif

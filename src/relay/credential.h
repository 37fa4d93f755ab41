/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/credential - what a session logs in with: the password of the
 * configuration, or a token, which may have to be waited for.
 */
#ifndef RELAY_CREDENTIAL_H
#define RELAY_CREDENTIAL_H

#include <stdbool.h>
#include <stdint.h>

struct provider;
struct secret;
struct token_account;

enum credential_state { CREDENTIAL_READY, CREDENTIAL_WAIT, CREDENTIAL_FAILED };

struct credential {
	struct secret *secret; /* a reference; NULL: no login */
	bool is_token;
	uint64_t serial;              /* of a token */
	struct token_account *trying; /* that token's; NULL: not any more */
	bool is_dead;  /* FAILED: and will be until somebody mends it */
	char why[256]; /* FAILED */
};

/* WAIT: fn(arg) later, when it is to be asked again. */
enum credential_state credential_get(
    struct provider *p, struct credential *c, void (*fn)(void *arg), void *arg);
/* Before that there is none; 0: it is to be tried. */
uint64_t credential_wake_ms(const struct provider *p);
/* Whatever was in the way of a token may be gone. */
void credential_renew(struct provider *p);
bool credential_is_dead(const struct provider *p); /* until it is mended */
void credential_forget(struct provider *p, const void *arg);
/* The provider refused it.  true: another one is worth a try. */
bool credential_refused(struct provider *p, const struct credential *c);
void credential_accepted(struct provider *p, const struct credential *c);
/* The login is over, however it went. */
void credential_done(struct credential *c);

#endif

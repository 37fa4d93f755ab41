/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/oauth - when an account needs a new access token, and what becomes of
 * a refused one.  Pure: the clock and the randomness are handed in.
 * RFC 6749; design/relay.md section 4.
 */
#ifndef RELAY_OAUTH_H
#define RELAY_OAUTH_H

#include <stdbool.h>
#include <stdint.h>

struct secret;

enum oauth_grant {  /* the words of the key are in this order */
	OAUTH_AUTO, /* conf makes one of the others of it */
	OAUTH_REFRESH_TOKEN,
	OAUTH_CLIENT_CREDENTIALS,
	OAUTH_JWT_BEARER,
};

/* What the configuration has; lives as long as its generation. */
struct oauth_settings {
	enum oauth_grant grant;
	const char *token_url; /* NULL: there is no oauth */
	const char *device_url;
	const char *scope;
	const char *tenant, *client_id;
	const char *issuer;           /* of a JWT */
	const char *key_id;           /* of its key, or NULL */
	const char *proxy;            /* URL, or NULL */
	const char *ca_file;          /* of the endpoints; NULL: the system's */
	struct secret *client_secret; /* NULL: a public client */
	struct secret *seed;          /* the first refresh token, or NULL */
	struct secret *key;           /* PEM */
};

enum oauth_wanted {
	OAUTH_READY, /* there is a token */
	OAUTH_ASK,   /* ask the endpoint now */
	OAUTH_WAIT,  /* it is being asked */
	OAUTH_FAILED /* not before oauth.next_ms; oauth.why tells the reason */
};

struct oauth {
	bool asking; /* a request is under way: never a second one */
	bool has;    /* a token */
	bool used;   /* it was handed out since it came */
	bool forced; /* it replaces a refused one, and was not accepted yet */
	bool parked; /* the grant is dead: a person has to do something */
	uint64_t serial;              /* of the token */
	uint64_t expires_ms, next_ms; /* not used, not asked before */
	uint64_t refresh_ms;          /* ahead of its end */
	uint64_t got_ms;              /* when it came */
	uint32_t failures, refused;
	char why[256]; /* of the last failure; "" none */
};

/* A token is there (from the store: with its age), and lives so long.
 * rnd: any 64 bits. */
void oauth_got(
    struct oauth *o, uint64_t lifetime_ms, uint64_t now_ms, uint64_t rnd);
/* What was stored: lasts until expires_ms, came age_ms ago. */
void oauth_recall(
    struct oauth *o, uint64_t left_ms, uint64_t age_ms, uint64_t now_ms);
enum oauth_wanted oauth_want(struct oauth *o, uint64_t now_ms);
/* Before that oauth_want() fails; 0: it does not. */
uint64_t oauth_wake_ms(const struct oauth *o, uint64_t now_ms);
/* When to ask although nobody waits; UINT64_MAX: not by itself. */
uint64_t oauth_due_ms(const struct oauth *o, enum oauth_grant grant);
void oauth_asked(struct oauth *o); /* the request leaves */
/* The endpoint cannot say now.  wait_ms: its own word, 0 none. */
void oauth_later(struct oauth *o, const char *why, uint64_t wait_ms,
    uint64_t now_ms, uint64_t rnd);
/* It says that this will never work.  true: that is news. */
bool oauth_denied(struct oauth *o, const char *why, uint64_t now_ms);
/* The provider refused this token.  true: try again, with another one. */
bool oauth_refused(struct oauth *o, uint64_t serial);
void oauth_accepted(struct oauth *o, uint64_t serial);
/* An operator's word: whatever was in the way is forgotten, a new token is
 * asked for. */
void oauth_renew(struct oauth *o);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_provider - the settings of one account at a provider, and what
 * follows from them alone for how it is spoken to.
 */
#ifndef RELAY_RELAY_PROVIDER_H
#define RELAY_RELAY_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/secret_source.h"
#include "postern/io/dns.h"
#include "postern/io/tls.h"
#include "postern/relay/oauth.h"
#include "postern/relay/outfit.h"
#include "postern/smtp/outcome.h"

struct addr;
struct rate;
struct smtp_client_settings;

enum relay_tls {
	RELAY_TLS_OFF,
	RELAY_TLS_OPPORTUNISTIC, /* else in clear */
	RELAY_TLS_REQUIRED,      /* with whoever answers */
	RELAY_TLS_VERIFY
};

struct relay_timeouts { /* ms, relay.md 5.4 */
	uint64_t connect, banner, command, starttls, auth, data, block, dot,
	    quit;
};

/* A pattern of the operator: a reply that matches has that class. */
struct relay_reply {
	uint32_t stages;      /* a bit for each enum outcome_stage */
	uint16_t low, high;   /* codes */
	const char *enhanced; /* a beginning; NULL: any */
	const char *text;     /* found anywhere, case ignored; NULL: any */
	const char *class;    /* "rate", "quota", ... */
	uint64_t wait_ms;     /* 0: as the reply says */
	const char *file;     /* where it stands */
	int line;
};

/* More each day, from a little on: what a new account may send. */
struct relay_ramp {
	int64_t start_ms;         /* wall clock; 0: there is none */
	const struct rate *first; /* the first day's */
	double factor;            /* of each day, to the day before */
	uint32_t days;            /* then there is no bound */
};

enum relay_identity {
	RELAY_IDENTITY_REROUTE, /* another provider, or back to the sender */
	RELAY_IDENTITY_REWRITE, /* it becomes rewrite's */
	RELAY_IDENTITY_REFUSE   /* the same as REROUTE; intake refuses some */
};

#define RELAY_LIMITS_MAX 8 /* that one provider shares */
struct relay_provider {    /* one account */
	const char *name, *host;
	uint16_t port;
	enum relay_tls tls;
	bool implicit_tls;
	const char *tls_name;               /* NULL: host */
	struct tls_client_settings tls_set; /* its verify is not looked at */
	const char *auth;                   /* as sasl_choose() */
	const char *user;                   /* NULL: no AUTH */
	struct secret *password;
	struct secret_source password_source; /* read again when refused */
	struct oauth_settings oauth; /* in its place; token_url NULL: no */
	bool allow_clear_auth, allow_unverified_auth;
	uint32_t max_connections, max_messages_per_connection, max_recipients;
	uint32_t warm;     /* sessions kept ready without mail */
	uint32_t weight;   /* in its groups; at least 1 */
	uint64_t max_size; /* bytes; 0: what it says itself */
	uint64_t idle_timeout_ms, max_age_ms;
	const char *source_address; /* or NULL */
	enum dns_prefer prefer;
	const char *helo; /* NULL: hostname */
	bool null_sender_refused;
	struct relay_rewrite rewrite;
	const struct dkim_rule *dkim;
	size_t ndkim;
	const char **identities; /* address patterns; n 0: it may send as any */
	size_t nidentities;
	enum relay_identity identity_policy; /* what happens to others */
	bool eight_bit_pass;
	uint32_t disable; /* enum smtp_capability */
	struct relay_timeouts timeouts;
	const struct rate *rates; /* all of them hold */
	size_t nrates;
	const char **limits; /* names of those that it shares */
	size_t nlimits;
	const struct rate *soft_rate; /* NULL: none */
	double slow_factor;           /* of the rate, once that was passed */
	struct relay_ramp ramp;
	uint32_t breaker_failures;
	uint64_t breaker_open_ms, breaker_open_max_ms;
	size_t nreplies;
	const struct relay_reply *replies;
};

#define RELAY_PROVIDER_NONCE 33 /* bytes with the NUL */

/* Borrowed from set and nonce, which is filled: never the same twice, and
 * nobody knows it before.  Without helo and password. */
void relay_provider_client(struct smtp_client_settings *s,
    const struct relay_provider *set, char nonce[RELAY_PROVIDER_NONCE]);
/* What secures a connection to it; *t stays NULL with tls = "off". */
MUST_CHECK int relay_provider_tls(
    struct tls_context **t, const struct relay_provider *set, struct err *err);
/* Why no password may be sent; NULL: it may. */
const char *relay_provider_no_login(const struct relay_provider *set);
/* A source address goes with destinations of its family only; false: any. */
bool relay_provider_source(
    const struct relay_provider *set, const struct addr *to, struct addr *from);
/* How long to wait for the reply of a stage. */
uint64_t relay_provider_patience(
    const struct relay_provider *set, enum outcome_stage stage);

#endif

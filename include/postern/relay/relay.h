/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay - gets mail out through the providers: scheduler, pools,
 * sessions, verdicts.  One thread with a loop.
 */
#ifndef RELAY_RELAY_H
#define RELAY_RELAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/mail/local.h"
#include "postern/relay/relay_provider.h"
#include "postern/spool/spool.h"

struct rate;
struct relay;
struct spool;

struct relay_retry {
	size_t nquick;
	uint64_t quick_ms[8];
	uint64_t min_ms, max_ms;
	double factor;
	uint32_t attempts; /* 0: by time alone */
	uint64_t give_up_ms;
	uint64_t warn_after_ms; /* 0: off */
};

/* An allowance that several providers share. */
struct relay_limit {
	const char *name;
	const struct rate *rates;
	size_t nrates;
	uint32_t max_connections; /* 0: no bound */
};

enum relay_balance {
	RELAY_BALANCE_WEIGHTED,
	RELAY_BALANCE_LEAST_BUSY,
	RELAY_BALANCE_P2C_EWMA,
	RELAY_BALANCE_HASH
};

struct relay_group {
	const char *name;
	size_t nmembers;
	const char **members; /* providers */
	enum relay_balance balance;
};

enum relay_on_doubt { RELAY_DOUBT_RETRY, RELAY_DOUBT_HOLD };

enum relay_mode { RELAY_MODE_DELIVER, RELAY_MODE_REDIRECT, RELAY_MODE_CAPTURE };

struct relay_route {
	const char *name;
	uint32_t id; /* the spool's; set before the settings are shared */
	size_t nuse;
	const char **use; /* providers and groups, the most preferred first */
	bool spill;       /* to the next of them when one is at its caps */
	struct relay_retry retry;
	enum relay_on_doubt on_doubt;
	const char *on_dead; /* a route; NULL: kept */
	uint32_t shares[SPOOL_PRIORITIES];
	enum relay_mode mode;
	const char *redirect_to; /* with REDIRECT */
	const char **allow;      /* address patterns that the mode spares */
	size_t nallow;
	struct relay_rewrite rewrite; /* before the provider's */
	const struct dkim_rule *dkim; /* besides the provider's */
	size_t ndkim;
};

enum relay_bounce_to {
	RELAY_BOUNCE_SENDER,
	RELAY_BOUNCE_ADDRESS,
	RELAY_BOUNCE_NONE
};

struct relay_settings {
	const char *hostname;
	const char *token_directory;
	size_t nproviders;
	const struct relay_provider *providers;
	size_t nlimits, ngroups, nroutes;
	const struct relay_limit *limits;
	const struct relay_group *groups;
	/* One of them is "default"; where none is written it uses all
	 * providers in their order. */
	const struct relay_route *routes;
	struct relay_retry retry; /* of routes without their own */
	enum relay_bounce_to bounce_to;
	const char *bounce_address;     /* to = an address */
	const char *bounce_from;        /* for providers that refuse <>; NULL:
	                                   postmaster@hostname */
	const char *bounce_route;       /* NULL: that of the message */
	const struct rate *bounce_rate; /* of all notices; NULL: no bound */
	struct local local;             /* senders here: their root is told */
	uint32_t route;                 /* id of the default route */
};

MUST_CHECK int relay_new(struct relay **r, struct spool *sp,
    const struct relay_settings *s, struct err *err);
void relay_start(struct relay *r);
/* New settings; the old are let go when on_old is called (relay's thread). */
void relay_change(struct relay *r, const struct relay_settings *s,
    void (*on_old)(void *arg), void *arg);
/* Leases no more; sessions past the final dot are waited for up to grace_ms,
 * the others closed; then done(arg) in the relay's thread. */
void relay_drain(
    struct relay *r, uint64_t grace_ms, void (*done)(void *arg), void *arg);
void relay_stop(struct relay *r); /* ends the loop, joins */
void relay_free(struct relay **r);

#endif

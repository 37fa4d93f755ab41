/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/policy - what a door allows and makes of the messages that pass it: a
 * listener's policy, and on top of it that of the user who has logged in.  The
 * parts are borrowed; whoever hands a policy to intake_begin() keeps it until
 * intake_end() or intake_abort().
 */
#ifndef INTAKE_POLICY_H
#define INTAKE_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"
#include "postern/mail/rate.h"

struct address_patterns;
struct rates_answer;

#define POLICY_NO_PRIORITY (-1)
#define POLICY_RATES 8

struct policy {
	/* Who may be written in MAIL and RCPT; NULL: everybody. */
	const struct address_patterns *senders, *recipients;
	int priority;      /* enum spool_priority; or POLICY_NO_PRIORITY */
	const char *lane;  /* postern/intake/lane.h; or NULL */
	const char *route; /* its name: no rule is asked; or NULL */
	bool hold;         /* parked until an operator releases it */
	/* How much may come from one client, and from one user; at most
	 * POLICY_RATES of each. */
	const struct rate *client_rates, *user_rates;
	size_t nclient_rates, nuser_rates;
	const struct rate *quota; /* of a user, for a long time; or NULL */
	bool refuse_over;         /* who is over a rate; else he is slowed */
	/* The header is made whole; Bcc is taken away.  The listener's. */
	bool repair_headers, remove_bcc;
};

/* Allows all, of normal priority; and a user's that changes nothing. */
#define POLICY_OPEN ((struct policy){ .priority = 1 })
#define POLICY_USER ((struct policy){ .priority = POLICY_NO_PRIORITY })

/* *to: the listener's with what the user's sets in its place; either may be
 * NULL. */
void policy_join(struct policy *to, const struct policy *listener,
    const struct policy *user);

struct policy_source {
	const char *listener;
	const char *client; /* whom the rates of clients count; NULL: nobody */
	const char *user;   /* or NULL */
};
/* One more message or recipient; who is too fast (RATES_SLOW, RATES_OVER) is
 * in *who: the client or the user. */
void policy_count(const struct policy *p, const struct policy_source *from,
    enum rate_of of, struct rates_answer *answer, const char **who);

bool policy_allows_sender(const struct policy *p, struct str sender);
/* Postmaster without a domain is always taken (RFC 5321 4.5.1). */
bool policy_allows_recipient(const struct policy *p, struct str recipient);

#endif

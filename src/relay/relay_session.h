/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_session - one connection to a provider: addresses, connection,
 * TLS, login, transactions; how long it waits for what.
 */
#ifndef RELAY_RELAY_SESSION_H
#define RELAY_RELAY_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/list.h"
#include "postern/io/conn.h"
#include "postern/smtp/outcome.h"

#include "relay/credential.h"
#include "relay/delivery.h"
#include "relay/domains.h"
#include "relay/pool.h"
#include "relay/tally_book.h"

struct dns_answer;
struct fetch_job;
struct provider;
struct relay;
struct smtp_client;

#define RELAY_SESSION_MAGIC 0x73657373u
#define RELAY_SESSION_IN_HAND 2 /* one behind its dot, one chained to it */

struct relay_session {
	uint32_t magic;
	struct list node; /* of the pool, or relay.sessions when ended */
	enum pool_phase phase;
	uint64_t id;
	struct relay *relay;
	struct provider *provider;
	struct credential credential; /* until it is logged in */
	bool wants_credential;        /* it is waited for */
	uint64_t lookup;              /* DNS question under way, or 0 */
	struct dns_answer *addrs;     /* while connecting */
	size_t next_addr;
	char addr[64];                /* of the peer, for the log */
	char where[RELAY_WHERE_MAX];  /* the same, host[addr]:port */
	uint64_t opened_us, ready_us; /* ready: it may be used */
	struct conn *conn;
	struct smtp_client *client;
	bool is_probe; /* opened without mail, to tell whether it is back */
	bool asked;    /* the probe: NOOP, after the login */
	uint64_t opened_ms;
	uint64_t idle_ms;    /* since when, where it is */
	uint64_t waits_ms;   /* when anything last came, or left */
	uint64_t slowest_ms; /* reply of the login, or of the transaction */
	size_t unacked;      /* when it was last looked at; SIZE_MAX: never */
	bool is_stalled;     /* left to its timeout */
	const char *why;     /* it ends, where that is our will */
	struct tally_watch watch; /* how long its steps take */
	uint64_t since;           /* of the reply that is awaited */
	uint32_t started, ended;  /* transactions */
	struct delivery *in_hand[RELAY_SESSION_IN_HAND];
	size_t nin_hand;
	struct fetch_job *job; /* content being read by a helper */
	bool wants;            /* content, as soon as the connection has room */
	uint64_t want_offset;
	bool judged; /* its end is accounted for already */
	bool over;   /* EXPIRED: only its connection's end is waited for */
	struct domains domains; /* of its recipients so far */
};

/* Starts to connect; it is in its provider's pool. */
void relay_session_open(struct provider *p, bool is_probe);
void relay_session_send(struct relay_session *s, struct delivery *d);
/* Nothing may be in hand.  why: a word for the log. */
void relay_session_quit(struct relay_session *s, const char *why);
/* Idle for its time: one of those that are to be warm says NOOP instead of
 * QUIT, until it is too old. */
void relay_session_idled(struct relay_session *s);
/* At once; what is in hand comes back as provider trouble, or as unsure. */
void relay_session_abort(struct relay_session *s, const char *why);
/* It could not be opened. */
void relay_session_fail(struct relay_session *s, enum outcome_stage stage,
    enum outcome_io io, const char *text);
void relay_session_heard(struct relay_session *s); /* any sign of life */
/* After anything that may have changed what it waits for. */
void relay_session_after(struct relay_session *s);
void relay_session_on_conn(struct conn *c, enum conn_event ev, void *arg);
/* Is a final dot out and unanswered? */
bool relay_session_after_dot(const struct relay_session *s);
/* Does it wait for the provider? */
bool relay_session_waits(const struct relay_session *s);
/* Its provider is silent: what can still be sent elsewhere is taken back. */
void relay_session_give_up(struct relay_session *s);
void relay_session_free_ended(struct relay *r);
/* Its loop is over: those that wait for the provider to close end now. */
void relay_session_forget(struct provider *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/pool - a provider's sessions: connecting, idle, busy, draining,
 * expired.  One that ends is there until both sides have closed it (or the time
 * for that is over): else a new one would be one too many for the provider.  So
 * are those of a retired provider of the same account.
 */
#ifndef RELAY_POOL_H
#define RELAY_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/list.h"

struct provider;
struct relay_session;
struct timer;

enum pool_phase {
	POOL_CONNECTING, /* up to the login's end */
	POOL_IDLE,
	POOL_BUSY,
	POOL_DRAINING, /* takes no more */
	POOL_EXPIRED,  /* ended; the provider has not closed yet */
	POOL_PHASES
};

struct pool {
	struct list in[POOL_PHASES]; /* IDLE: most recently used first */
	size_t n[POOL_PHASES];
	uint32_t ramp; /* so many may connect at once: grows with success */
	/* After an opening: so many sessions at a time, twice as many after as
	 * many messages that went well.  0: no such bound. */
	uint32_t most, good;
	size_t nstalled;      /* BUSY ones, left to their timeout */
	struct timer *keeper; /* owned; runs where some are to be warm */
};

void pool_init(struct pool *pool, struct provider *p);
void pool_done(struct pool *pool);
/* One has become idle. */
void pool_watch_idle(struct provider *p);
const char *pool_word(enum pool_phase phase);     /* for the log */
void pool_distrust(struct pool *pool);            /* begins anew with one */
void pool_trust(struct pool *pool, uint32_t max); /* a message went well */
/* Draining and expired ones not counted. */
size_t pool_live(const struct pool *pool);
size_t pool_open(const struct pool *pool); /* all of them */
/* Does the provider itself allow one more? */
bool pool_has_room(struct provider *p);
/* Is a session to ask now whether it is back, and does it allow one itself?  A
 * connection that it shares with others may be missing (turns.h). */
bool pool_wants_probe(struct provider *p);
/* Gives what waits at the provider to idle sessions, opens more of them where
 * that is useful: for what waits, as a probe, to have some warm. */
void pool_serve(struct provider *p);
/* An idle session, or NULL; then one is opened where that may be done. */
struct relay_session *pool_lease(struct provider *p);
bool pool_may_take(struct relay_session *s); /* a message, or another one */
/* Why nothing more is sent on it, a word for the log; NULL: it may go on. */
const char *pool_ripe(const struct relay_session *s);
void pool_enter(struct relay_session *s); /* a new one: CONNECTING */
/* Its provider has fallen silent (and it waits on); it has said something. */
void pool_set_stalled(struct relay_session *s, bool is_stalled);
void pool_move(struct relay_session *s, enum pool_phase to);
void pool_leave(struct relay_session *s);        /* it is no more */
size_t pool_logging_in(const struct pool *pool); /* AUTH is unanswered */
/* Ends those that are not in a transaction; the others end after theirs. */
void pool_retire(struct provider *p);
/* Ends those that are in no transaction; the others end after theirs. */
void pool_halt(struct provider *p);
void pool_quit_idle(struct provider *p, const char *why);
/* Ends those that have not logged in yet, but for the probe. */
void pool_abort_connecting(struct provider *p);

#endif

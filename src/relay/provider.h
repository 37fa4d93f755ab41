/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/provider - one account as it is now: may it be used, what can it do,
 * what has it taught us.
 */
#ifndef RELAY_PROVIDER_H
#define RELAY_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/list.h"
#include "postern/relay/relay_view.h"
#include "postern/smtp/smtp_client.h"

#include "relay/breaker.h"
#include "relay/flow.h"
#include "relay/halt.h"
#include "relay/pause.h"
#include "relay/pool.h"
#include "relay/shares.h"
#include "relay/stall.h"
#include "relay/strange.h"
#include "relay/tempo.h"
#include "relay/verdict.h"

struct outcome;
struct relay;
struct relay_generation;
struct secret;
struct relay_provider;
struct tally;
struct tls_context;
struct token_account;

#define PROVIDER_BAD_LOGINS                                                    \
	3 /* in so long; then no more: accounts get locked */
#define PROVIDER_BAD_LOGINS_MS (10 * 60 * 1000)

/* What its host has shown of itself: after a reload it holds for another
 * provider of that host, too. */
struct provider_seen {
	struct relay_view_trouble trouble; /* the last */
	bool is_known;                     /* capabilities below are its own */
	uint32_t caps;                     /* enum smtp_capability */
	uint64_t size_max;                 /* 0: none said */
	/* What it offered until lately: it may come back (another machine
	 * behind the same name answered). */
	uint32_t had_caps;
	uint64_t had_size_max, had_until_ms;
	uint32_t rcpts_max, messages_max;           /* 0: nothing */
	uint64_t rcpts_until_ms, messages_until_ms; /* then forgotten */
	uint64_t txn_us;    /* mean time of a transaction; 0: unknown */
	uint64_t txn_at_ms; /* when that was last learned */
	struct strange strange;
};

struct provider {
	uint64_t id; /* drawn anew with other settings */
	struct relay *relay;
	struct relay_generation *gen;
	const struct relay_provider *set; /* of gen */
	struct tally *tally;              /* of its name */
	bool retired;        /* of an older generation: takes no more */
	struct list node;    /* of relay.retired */
	struct list probers; /* prober.h */
	struct tls_context *tls;
	struct secret *password; /* a reference: the newest that was read */
	uint64_t reread_ms;      /* next look whether it has changed */
	uint64_t clear_until_ms; /* opportunistic, and the handshake failed */
	struct token_account *account; /* NULL: no OAuth2 */
	char tls_error[256];           /* why tls is missing, "" it is not */
	struct breaker health;
	enum verdict_class why; /* of its last opening */
	uint64_t tripped_ms;    /* when that was */
	uint64_t probe_ms;      /* when the last probe began */
	struct pause rate, quota;
	struct halt halt; /* the operator's */
	struct list turn; /* of relay.turns */
	struct pool pool;
	struct stall stall;
	struct flow flow;
	struct tempo tempo;
	struct list waiting[SPOOL_PRIORITIES]; /* deliveries (waiting.h) */
	size_t nwaiting_of[SPOOL_PRIORITIES];
	size_t nloose_of[SPOOL_PRIORITIES]; /* that will come to wait here */
	size_t nwaiting;                    /* of all priorities */
	size_t room_max;                    /* of a priority, by its rates */
	size_t nsending;                    /* deliveries in a transaction */
	struct shares shares;               /* whose turn it is */
	struct provider_seen seen;
	struct smtp_limits said; /* by its last session */
	uint32_t conns_max;      /* learned; 0: nothing */
	uint64_t conns_at_ms;    /* it may grow from here */
	uint32_t recycle_at;     /* messages when it last ended a session */
	uint64_t bad_login_ms[PROVIDER_BAD_LOGINS]; /* 0: none */
	uint64_t login_ms;  /* its last session was ready after so long */
	bool login_is_good; /* it was taken, and not refused since */
	char last_addr[64]; /* that it was last reached at, "" none */
	uint64_t delivered; /* messages and definite answers */
	uint64_t ok_ms;     /* it last took a message; 0: never */
	bool told_down;     /* it was logged that it cannot be used */
	bool was_down;      /* since it last connected */
};

struct provider *provider_new(struct relay *r, struct relay_generation *gen,
    const struct relay_provider *set);
void provider_free(struct provider **p); /* no session, nothing waiting */
/* Are they the same account? */
bool provider_is_same(const struct provider *a, const struct provider *b);
/* New settings, which its sessions cannot tell from those that it has: it goes
 * on with them.  false: they can; nothing is changed. */
bool provider_renew(struct provider *p, struct relay_generation *gen,
    const struct relay_provider *set);
/* What another provider of the same account has learned. */
void provider_inherit(struct provider *p, struct provider *old);
/* At the start: what a run before this one had learned, ... */
struct provider_learned {
	uint32_t conns, rcpts, messages; /* 0: nothing */
};
void provider_recall(struct provider *p, const struct provider_learned *l);
/* ... and that it was not usable, for so long. */
void provider_reopen(struct provider *p, enum verdict_class why,
    uint64_t left_ms, uint64_t length_ms);
bool provider_is_usable(struct provider *p, uint64_t now_ms);
/* Its time out is over: a session without a message is to tell whether it is
 * back. */
bool provider_wants_probe(struct provider *p, uint64_t now_ms);
void provider_probed(struct provider *p); /* it is */
/* When it may be usable again; UINT64_MAX: not by itself. */
uint64_t provider_wake_ms(const struct provider *p, uint64_t now_ms);
/* A verdict's effect on it.  on_session: messages this session had ended. */
void provider_judge(struct provider *p, const struct verdict *v,
    const struct outcome *o, uint32_t on_session);
/* Its trouble, for an operator. */
void provider_note(
    struct provider *p, const struct verdict *v, const struct outcome *o);
/* It has failed, whatever the count says: opens the breaker, where that is not
 * open. */
void provider_give_up(struct provider *p, enum verdict_class why);
/* A session is logged in: what EHLO said.  true: it can do more than was
 * known, or is back. */
bool provider_learn(struct provider *p, uint32_t caps, uint64_t size_max);
/* What it had is forgotten after a while; true: that is now. */
bool provider_forgets(struct provider *p, uint64_t now_ms);
/* A transaction took so long; how long one does, 0: unknown. */
void provider_took(struct provider *p, uint64_t us);
uint64_t provider_txn_us(const struct provider *p);
uint32_t provider_conns(struct provider *p, uint64_t now_ms);
uint32_t provider_logins(const struct provider *p, uint64_t now_ms);
/* A session that is none of the pool's was refused. */
void provider_login_refused(struct provider *p);
/* So many were cut off before they were answered. */
void provider_logins_cut(struct provider *p, size_t n);
/* It takes no more recipients at once than these. */
void provider_learn_rcpts(struct provider *p, uint32_t max);
uint32_t provider_rcpts(struct provider *p); /* 0: no bound */
uint32_t provider_messages(struct provider *p);
/* For an operator: what is first in its way, and how long (0: nothing is;
 * UINT64_MAX: it has no end). */
const char *provider_state(struct provider *p, uint64_t now_ms);
uint64_t provider_wait_ms(struct provider *p, uint64_t now_ms);

#endif

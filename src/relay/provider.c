/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/provider.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/io/tls.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"
#include "postern/smtp/smtp_client.h"

#include "relay/alike.h"
#include "relay/credential.h"
#include "relay/park.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/remember.h"
#include "relay/tally_book.h"
#include "relay/tokens.h"
#include "relay/turns.h"
#include "relay/verdict.h"
#include "relay/waiting.h"

#define TXN_HALF_MS 10000           /* what is known of times gets old */
#define CONNS_GROW_MS 60000         /* a clean minute brings one session back */
#define HAD_MS (10 * 60 * 1000)     /* what it offered may come back */
#define LEARNED_MS (30 * 60 * 1000) /* other bounds may have been a mistake */

static const struct pause_settings rate_pause = {
	.first_ms = 1000, .max_ms = 60 * 1000, .forget_ms = 60 * 1000
};
static const struct pause_settings quota_pause = { .first_ms = 10 * 60 * 1000,
	.max_ms = 6 * 3600 * 1000,
	.forget_ms = 3600 * 1000 };

static void
make_tls(struct provider *p)
{
	struct err err = { 0 };

	if (relay_provider_tls(&p->tls, p->set, &err) < 0)
		snprintf(p->tls_error, sizeof p->tls_error, "%s", err.text);
}

struct provider *
provider_new(struct relay *r, struct relay_generation *gen,
    const struct relay_provider *set)
{
	struct provider *p = mem_new(sizeof *p);

	p->id = ++r->next_id;
	p->relay = r;
	p->gen = relay_generation_ref(gen);
	p->set = set;
	p->password = secret_ref(set->password);
	p->tally = tally_book_of(r->tally, set->name);
	list_init(&p->node);
	list_init(&p->probers);
	turns_join(p);
	waiting_init(p);
	breaker_init(&p->health);
	pool_init(&p->pool, p);
	stall_init(&p->stall, p);
	make_tls(p);
	if (set->oauth.token_url)
		p->account = tokens_join(r->tokens, gen, set);
	flow_init(p);
	tempo_init(p);
	return p;
}

void
provider_free(struct provider **pp)
{
	struct provider *p = *pp;

	if (!p)
		return;
	assert(p->nwaiting == 0 && pool_live(&p->pool) == 0);
	assert(list_empty(&p->probers));
	list_remove(&p->node);
	turns_leave(p);
	pool_done(&p->pool);
	stall_done(&p->stall);
	tls_free(&p->tls);
	secret_free(&p->password);
	tokens_leave(&p->account);
	tempo_done(p);
	relay_generation_free(&p->gen);
	free(p);
	*pp = NULL;
}

bool
provider_is_same(const struct provider *a, const struct provider *b)
{
	return alike_hosts(a->set, b->set) &&
	       alike_texts(a->set->user, b->set->user);
}

static void
bad_login(struct provider *p, uint64_t now_ms)
{
	int oldest = 0;

	for (int i = 1; i < PROVIDER_BAD_LOGINS; i++) {
		if (p->bad_login_ms[i] < p->bad_login_ms[oldest])
			oldest = i;
	}
	p->bad_login_ms[oldest] = now_ms > 0 ? now_ms : 1;
	p->login_is_good = false;
	remember_put(p, true); /* accounts get locked for too many */
}

static void
tell_down(struct provider *p, uint64_t now_ms)
{
	if (p->told_down || p->retired || provider_is_usable(p, now_ms))
		return;
	p->told_down = p->was_down = true;
	relay_log_provider_state(p);
}

void
provider_login_refused(struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	bad_login(p, now_ms);
	tell_down(p, now_ms);
}

/* The sessions that have sent a password and not heard the answer end without
 * it: the provider counts them, so we do, unless that password is known to be
 * right. */
void
provider_logins_cut(struct provider *p, size_t n)
{
	while (!p->login_is_good && n-- > 0)
		bad_login(p, relay_now_ms(p->relay));
}

static void
inherit_logins(struct provider *p, const struct provider *old)
{
	memcpy(p->bad_login_ms, old->bad_login_ms, sizeof p->bad_login_ms);
	p->login_is_good = old->login_is_good;
	provider_logins_cut(p, pool_logging_in(&old->pool));
}

/* A reload is the operator's word that it may be tried again: what was in the
 * way is over, but not forgotten, so that one that is still down is asked less
 * and less.  What protects the account, or mail from being bounced by it,
 * stays. */
static void
hasten(struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	breaker_hasten(&p->health, now_ms);
	pause_cut(&p->rate, now_ms);
	pause_cut(&p->quota, now_ms);
	p->clear_until_ms = 0;
}

static void
inherit_health(struct provider *p, const struct provider *old)
{
	p->health = old->health;
	p->why = old->why;
	p->probe_ms = old->probe_ms;
	p->rate = old->rate;
	p->quota = old->quota;
	p->told_down = old->told_down;
	p->was_down = old->was_down;
	if (p->health.state != BREAKER_CLOSED)
		pool_distrust(&p->pool);
	hasten(p);
}

void
provider_inherit(struct provider *p, struct provider *old)
{
	halt_inherit(p, old);
	if (!alike_hosts(p->set, old->set))
		return;
	p->seen = old->seen;
	memcpy(p->stall.slow_x8, old->stall.slow_x8, sizeof p->stall.slow_x8);
	tempo_inherit(p, old);
	if (alike_texts(p->set->user, old->set->user) &&
	    alike_secrets(p->password, old->password)) {
		inherit_logins(p, old);
		inherit_health(p, old);
	}
	remember_put(p, false);
	tell_down(p, relay_now_ms(p->relay));
}

static bool
serves(const struct provider *p, const struct relay_generation *gen,
    const struct relay_provider *set)
{
	const struct alike now = { .of = p->gen->set, .set = p->set };
	const struct alike next = { .of = gen->set, .set = set };

	return alike_sessions(&now, &next) &&
	       alike_secrets(p->password, set->password);
}

/* What is in a transaction has its own reference to the settings that it began
 * with; connections have theirs to tls. */
static void
renew(struct provider *p, struct relay_generation *gen,
    const struct relay_provider *set)
{
	struct relay_generation *old = p->gen;
	struct token_account *account = p->account;

	p->id = ++p->relay->next_id;
	p->gen = relay_generation_ref(gen);
	p->set = set;
	if (account)
		p->account = tokens_join(p->relay->tokens, gen, set);
	tokens_leave(&account);
	waiting_renew(p);
	flow_renew(p);
	tempo_renew(p);
	hasten(p);
	relay_generation_free(&old);
}

bool
provider_renew(struct provider *p, struct relay_generation *gen,
    const struct relay_provider *set)
{
	struct tls_context *tls = NULL;
	struct err err;

	if (!serves(p, gen, set))
		return false;
	if (relay_provider_tls(&tls, set, &err) < 0)
		return false; /* whoever comes in its place tells */
	if (!tls_has_same_files(p->tls, tls)) {
		tls_free(&tls);
		return false;
	}
	tls_free(&p->tls);
	p->tls = tls;
	renew(p, gen, set);
	return true;
}

uint32_t
provider_logins(const struct provider *p, uint64_t now_ms)
{
	uint32_t left = 0;

	for (int i = 0; i < PROVIDER_BAD_LOGINS; i++) {
		uint64_t at = p->bad_login_ms[i];

		left += at == 0 || now_ms - at >= PROVIDER_BAD_LOGINS_MS;
	}
	return left;
}

static uint64_t
oldest_login(const struct provider *p)
{
	uint64_t at = UINT64_MAX;

	for (int i = 0; i < PROVIDER_BAD_LOGINS; i++) {
		if (p->bad_login_ms[i] < at)
			at = p->bad_login_ms[i];
	}
	return at;
}

static bool
may_be_asked(const struct provider *p, uint64_t now_ms)
{
	return !p->retired && halt_is_over(&p->halt, now_ms) &&
	       credential_wake_ms(p) == 0 && pause_is_over(&p->rate, now_ms) &&
	       pause_is_over(&p->quota, now_ms) &&
	       (!p->set->user || provider_logins(p, now_ms) > 0);
}

bool
provider_wants_probe(struct provider *p, uint64_t now_ms)
{
	return breaker_wants_probe(&p->health, now_ms) &&
	       may_be_asked(p, now_ms);
}

void
provider_probed(struct provider *p)
{
	breaker_probed(&p->health);
	(void)provider_is_usable(p, relay_now_ms(p->relay)); /* says so */
}

bool
provider_is_usable(struct provider *p, uint64_t now_ms)
{
	bool usable = may_be_asked(p, now_ms) && !flow_is_spent(p, now_ms) &&
	              breaker_allows(&p->health);

	if (usable && p->told_down) {
		p->told_down = false;
		relay_log_provider_state(p);
		park_probe(p->relay);
	}
	return usable;
}

uint64_t
provider_wake_ms(const struct provider *p, uint64_t now_ms)
{
	uint64_t at = 0;

	if (p->retired)
		return UINT64_MAX;
	if (p->health.state == BREAKER_OPEN)
		at = p->health.until_ms;
	if (p->halt.until_ms > at)
		at = p->halt.until_ms;
	if (p->rate.until_ms > at)
		at = p->rate.until_ms;
	if (p->quota.until_ms > at)
		at = p->quota.until_ms;
	if (credential_wake_ms(p) > at)
		at = credential_wake_ms(p);
	if (flow_wake_ms(p) > at)
		at = flow_wake_ms(p);
	if (p->set->user && provider_logins(p, now_ms) == 0 &&
	    oldest_login(p) + PROVIDER_BAD_LOGINS_MS > at)
		at = oldest_login(p) + PROVIDER_BAD_LOGINS_MS;
	return at;
}

static void
crowded(struct provider *p, uint64_t now_ms)
{
	size_t live = pool_live(&p->pool);

	p->conns_max = live > 1 ? (uint32_t)live - 1 : 1;
	p->conns_at_ms = now_ms + CONNS_GROW_MS;
	remember_put(p, false);
	if (live <= 1) /* others hold the account's sessions: wait a little */
		pause_begin(&p->rate, &rate_pause, now_ms, 0);
}

/* The session ended after so many messages: twice the same is a rule. */
static void
recycled(struct provider *p, uint32_t messages)
{
	if (messages > 0 && messages == p->recycle_at &&
	    (p->seen.messages_max == 0 || messages < p->seen.messages_max)) {
		p->seen.messages_max = messages;
		p->seen.messages_until_ms = relay_now_ms(p->relay) + LEARNED_MS;
		remember_put(p, false);
	}
	p->recycle_at = messages;
}

static struct breaker_settings
breaker_of(const struct provider *p, enum verdict_class why)
{
	const struct verdict_row *row = verdict_row(why);
	struct breaker_settings s = { .failures = p->set->breaker_failures,
		.open_ms = p->set->breaker_open_ms,
		.open_max_ms = p->set->breaker_open_max_ms };

	if (row->provider == VERDICT_OPENS) {
		s.open_ms = row->open_ms;
		s.open_max_ms = row->open_max_ms;
		s.is_hard = true;
	}
	return s;
}

/* What follows an opening: the next time starts with one session. */
static void
opened(struct provider *p, enum verdict_class why)
{
	p->why = why;
	p->tripped_ms = relay_now_ms(p->relay);
	pool_distrust(&p->pool);
	stat_add(&p->tally->breaker[TALLY_OPEN], 1);
	remember_put(p, false);
}

/* A probe that failed late was no reason to wait longer for the next. */
static uint64_t
attempt_ms(const struct provider *p, uint64_t now_ms)
{
	return p->health.state == BREAKER_HALF_OPEN ? p->probe_ms : now_ms;
}

static void
trip(struct provider *p, enum verdict_class why, uint64_t now_ms)
{
	struct breaker_settings s = breaker_of(p, why);
	uint64_t rest_ms = 0;

	if (p->health.state == BREAKER_OPEN)
		return;
	if (p->health.state == BREAKER_HALF_OPEN)
		rest_ms = turns_rest_ms(p);
	breaker_trip(&p->health, &s, attempt_ms(p, now_ms), rand_u64());
	breaker_defer(&p->health, now_ms + rest_ms);
	opened(p, why);
}

static void
judge_failure(struct provider *p, enum verdict_class why, uint64_t now_ms)
{
	struct breaker_settings s = breaker_of(p, why);

	p->pool.ramp = 1;
	if (s.is_hard || p->health.state == BREAKER_HALF_OPEN)
		trip(p, why, now_ms);
	else if (breaker_fail(&p->health, &s, now_ms, rand_u64()))
		opened(p, why);
}

void
provider_recall(struct provider *p, const struct provider_learned *l)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	p->conns_max = l->conns;
	p->conns_at_ms = now_ms + CONNS_GROW_MS;
	p->seen.rcpts_max = l->rcpts;
	p->seen.messages_max = l->messages;
	p->seen.rcpts_until_ms = p->seen.messages_until_ms =
	    now_ms + LEARNED_MS;
}

void
provider_reopen(struct provider *p, enum verdict_class why, uint64_t left_ms,
    uint64_t length_ms)
{
	struct breaker_settings s = breaker_of(p, why);
	uint64_t now_ms = relay_now_ms(p->relay);

	breaker_restore(&p->health, &s, now_ms, left_ms, length_ms);
	if (why == VERDICT_STRANGE)
		strange_recall(&p->seen.strange);
	p->why = why; /* tripped_ms stays 0: no session is from before it */
	pool_distrust(&p->pool);
	tell_down(p, now_ms);
}

void
provider_note(
    struct provider *p, const struct verdict *v, const struct outcome *o)
{
	struct relay_view_trouble *t = &p->seen.trouble;

	t->at_ms = clock_wall_ms();
	t->stage = outcome_stage_word(o->stage);
	t->class = verdict_row(v->class)->name;
	t->code = o->code;
	(void)snprintf(t->enhanced, sizeof t->enhanced, "%s", o->enhanced);
	(void)snprintf(
	    t->text, sizeof t->text, "%.*s", RELAY_VIEW_TEXT - 1, o->text);
}

void
provider_judge(struct provider *p, const struct verdict *v,
    const struct outcome *o, uint32_t on_session)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	switch (verdict_row(v->class)->provider) {
	case VERDICT_HEALTHY:
		p->delivered++;
		tempo_took(p);
		if (breaker_ok(&p->health, now_ms)) {
			stat_add(&p->tally->breaker[TALLY_CLOSED], 1);
			remember_put(p, false);
		}
		pool_trust(&p->pool, p->set->max_connections);
		if (p->was_down)
			park_look(p->relay);
		p->was_down = false;
		return;
	case VERDICT_NEUTRAL:
		return;
	case VERDICT_FAILS:
	case VERDICT_OPENS:
		if (v->class == VERDICT_AUTH && o->io == OUTCOME_REPLY &&
		    o->stage == OUTCOME_AUTH)
			bad_login(p, now_ms);
		judge_failure(p, v->class, now_ms);
		if (verdict_row(v->class)->is_trouble && v->wait_ms > 0)
			pause_begin(&p->quota, &quota_pause, now_ms,
			    v->wait_ms); /* it says itself how long */
		break;
	case VERDICT_SLOWS:
		if (tempo_refused(p) || v->wait_ms > 0)
			pause_begin(&p->rate, &rate_pause, now_ms,
			    v->wait_ms > 0 ? v->wait_ms : tempo_pause_ms(p));
		break;
	case VERDICT_CLOSES:
		pause_begin(&p->quota, &quota_pause, now_ms, v->wait_ms);
		break;
	case VERDICT_CROWDED:
		crowded(p, now_ms);
		break;
	case VERDICT_SHORTENS:
		recycled(p, on_session);
		return;
	}
	tell_down(p, now_ms);
}

void
provider_give_up(struct provider *p, enum verdict_class why)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	trip(p, why, now_ms);
	tell_down(p, now_ms);
}

static bool
is_larger(uint64_t a, uint64_t b) /* 0: no bound */
{
	return b != 0 && (a == 0 || a > b);
}

static void
remember(struct provider *p)
{
	struct provider_seen *seen = &p->seen;

	seen->had_caps = seen->caps;
	seen->had_size_max = seen->size_max;
	seen->had_until_ms = relay_now_ms(p->relay) + HAD_MS;
}

bool
provider_forgets(struct provider *p, uint64_t now_ms)
{
	if (p->seen.had_until_ms == 0 || now_ms < p->seen.had_until_ms)
		return false;
	p->seen.had_until_ms = 0;
	return true;
}

bool
provider_learn(struct provider *p, uint32_t caps, uint64_t size_max)
{
	struct provider_seen *seen = &p->seen;
	bool more =
	    (caps & ~seen->caps) != 0 || is_larger(size_max, seen->size_max);
	bool less =
	    (seen->caps & ~caps) != 0 || is_larger(seen->size_max, size_max);
	bool news = !seen->is_known || more || p->was_down;

	if (seen->is_known && less)
		remember(p);
	p->was_down = false;
	seen->is_known = true;
	seen->caps = caps;
	seen->size_max = size_max;
	return news;
}

void
provider_took(struct provider *p, uint64_t us)
{
	uint64_t mean = provider_txn_us(p);

	p->seen.txn_us = mean ? (7 * mean + us) / 8 : us;
	if (p->seen.txn_us == 0)
		p->seen.txn_us = 1;
	p->seen.txn_at_ms = relay_now_ms(p->relay);
}

/* A time that was not confirmed for long counts less and less, so that one that
 * was slow is tried again. */
uint64_t
provider_txn_us(const struct provider *p)
{
	const struct provider_seen *seen = &p->seen;
	uint64_t old = (relay_now_ms(p->relay) - seen->txn_at_ms) / TXN_HALF_MS;

	if (seen->txn_us == 0)
		return 0;
	return old < 32 && seen->txn_us >> old > 0 ? seen->txn_us >> old : 1;
}

uint32_t
provider_conns(struct provider *p, uint64_t now_ms)
{
	uint32_t max = p->set->max_connections;

	if (p->conns_max > 0 && now_ms >= p->conns_at_ms) {
		p->conns_max++;
		p->conns_at_ms = now_ms + CONNS_GROW_MS;
		if (p->conns_max >= max)
			p->conns_max = 0;
	}
	return p->conns_max > 0 && p->conns_max < max ? p->conns_max : max;
}

static uint32_t
lower(uint32_t a, uint32_t b) /* 0: no bound */
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

void
provider_learn_rcpts(struct provider *p, uint32_t max)
{
	if (max == 0 || (p->seen.rcpts_max > 0 && max >= p->seen.rcpts_max))
		return;
	p->seen.rcpts_max = max;
	p->seen.rcpts_until_ms = relay_now_ms(p->relay) + LEARNED_MS;
	remember_put(p, false);
}

uint32_t
provider_rcpts(struct provider *p)
{
	if (relay_now_ms(p->relay) >= p->seen.rcpts_until_ms)
		p->seen.rcpts_max = 0;
	return lower(lower(p->set->max_recipients, p->said.rcpts),
	    lower(p->seen.rcpts_max, flow_rcpts(p)));
}

uint32_t
provider_messages(struct provider *p)
{
	if (relay_now_ms(p->relay) >= p->seen.messages_until_ms)
		p->seen.messages_max = 0;
	return lower(
	    lower(p->set->max_messages_per_connection, p->said.messages),
	    p->seen.messages_max);
}

const char *
provider_state(struct provider *p, uint64_t now_ms)
{
	if (!halt_is_over(&p->halt, now_ms))
		return "paused";
	if (!breaker_allows(&p->health))
		return breaker_word(&p->health);
	if (!pause_is_over(&p->quota, now_ms))
		return "quota";
	if (!pause_is_over(&p->rate, now_ms))
		return "throttled";
	if (!provider_is_usable(p, now_ms))
		return "waiting";
	return p->health.state == BREAKER_CLOSED ? "ok"
	                                         : breaker_word(&p->health);
}

uint64_t
provider_wait_ms(struct provider *p, uint64_t now_ms)
{
	uint64_t at_ms = provider_wake_ms(p, now_ms);

	if (provider_is_usable(p, now_ms) || at_ms <= now_ms)
		return 0;
	return at_ms < UINT64_MAX ? at_ms - now_ms : at_ms;
}

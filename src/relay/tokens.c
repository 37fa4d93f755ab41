/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's sync is done here, in the loop: once an hour and account, before
 * the token is used, so that a refresh token that the endpoint has replaced is
 * durable before anything depends on it.
 */
#include "relay/tokens.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/base/secret.h"
#include "postern/io/http_client.h"
#include "postern/io/loop.h"
#include "postern/relay/relay.h"
#include "postern/relay/token_store.h"

#include "relay/events.h"
#include "postern/relay/oauth_form.h"
#include "postern/relay/oauth_reply.h"
#include "relay/relay_core.h"

#define ACCOUNT_MAGIC 0x6f617574u
#define SAVE_AGAIN_MS 60000

struct tokens {
	struct loop *loop;
	struct http_client *http;
	struct list accounts;
};

/* Logins with one token at a time: no more are refused when it is good no more.
 */
#define TRYING_MAX 2

struct waiter {
	struct list node;
	void (*fn)(void *arg);
	void *arg;
};

struct token_account {
	uint32_t magic;
	struct list node;
	struct tokens *tokens;
	uint32_t refs;
	char name[TOKEN_STORE_NAME];
	struct relay_generation *gen;     /* owned; of set */
	const struct relay_provider *set; /* the last that joined */
	struct oauth state;
	struct token_record rec;
	bool loaded;  /* the store was read */
	bool unsaved; /* rec is newer than the store */
	uint64_t save_ms;
	struct timer *timer;
	struct timer *room; /* for those who wait because of ntrying */
	uint32_t ntrying;   /* logins under way */
	struct list waiters;
};

static void ask(struct token_account *a);
static void denied(struct token_account *a, const char *why);

static uint64_t
now_ms(const struct token_account *a)
{
	return loop_now_ms(a->tokens->loop);
}

/* --- log --------------------------------------------------------------------
 */

static void
log_account(struct log_line *l, const struct log_event *ev,
    const struct token_account *a)
{
	log_begin(l, ev, 0, 0);
	log_cstr(l, "provider", a->set->name);
	log_cstr(l, "account", a->name);
}

static void
log_failure(
    const struct log_event *ev, const struct token_account *a, const char *text)
{
	struct log_line l;

	log_account(&l, ev, a);
	log_cstr(&l, "text", text);
	log_end(&l);
}

static void
log_got(const struct token_account *a, uint64_t lifetime_ms, bool rotated)
{
	struct log_line l;

	log_account(&l, &event_token_fetched, a);
	log_num(&l, "lifetime_s", (int64_t)(lifetime_ms / 1000));
	log_cstr(&l, "rotated", rotated ? "yes" : "no");
	log_end(&l);
}

/* --- the store --------------------------------------------------------------
 */

static const char *
directory(const struct token_account *a)
{
	return a->gen->set->token_directory;
}

static void
save(struct token_account *a)
{
	struct err err;
	bool was = a->unsaved;

	a->unsaved =
	    token_store_write(&a->rec, directory(a), a->name, &err) != 0;
	a->save_ms = now_ms(a) + SAVE_AGAIN_MS;
	if (a->unsaved && !was)
		log_failure(&event_token_unsaved, a, err.text);
}

/* A refresh token that the operator wrote anew comes before the stored one. */
static void
take_seed(struct token_account *a)
{
	struct secret *seed = a->set->oauth.seed;
	char sum[TOKEN_STORE_SEED];

	token_store_seed(sum, seed);
	if (!seed || strcmp(sum, a->rec.seed) == 0)
		return;
	token_store_done(&a->rec);
	a->rec.refresh = secret_ref(seed);
	memcpy(a->rec.seed, sum, sizeof sum);
	a->state.has = false;
	a->state.parked = false;
	a->state.next_ms = 0;
}

static void
recall(struct token_account *a)
{
	int64_t wall = clock_wall_ms();
	int64_t left = a->rec.expires_ms - wall;
	int64_t age = wall - a->rec.got_ms;

	if (a->rec.access && left > 0)
		oauth_recall(&a->state, (uint64_t)left,
		    age > 0 ? (uint64_t)age : 0, now_ms(a));
	else if (a->rec.refresh)
		a->state.got_ms = now_ms(a);
}

static int
load(struct token_account *a, struct err *err)
{
	int rc = 0;

	if (a->loaded)
		return 0;
	token_store_done(&a->rec);
	a->rec = (struct token_record){ 0 };
	rc = token_store_read(&a->rec, directory(a), a->name, err);
	if (rc < 0)
		return -1;
	a->loaded = true;
	take_seed(a);
	recall(a);
	return 0;
}

/* --- asking -----------------------------------------------------------------
 */

static void
arm(struct token_account *a)
{
	uint64_t at = oauth_due_ms(&a->state, a->set->oauth.grant);
	uint64_t now = now_ms(a);

	if (a->unsaved && a->save_ms < at)
		at = a->save_ms;
	if (at == UINT64_MAX)
		timer_stop(a->timer);
	else
		timer_set(a->timer, at > now ? at - now : 0);
}

/* At the start a mistake shows before there is mail. */
static void
begin(struct token_account *a)
{
	struct err err;

	if (load(a, &err) != 0)
		denied(a, err.text);
	else if (!a->state.has && !a->state.asking)
		ask(a);
	arm(a);
}

static void
on_timer(void *arg)
{
	struct token_account *a = arg;

	assert(a->magic == ACCOUNT_MAGIC);
	if (!a->loaded && !a->state.parked) {
		begin(a);
		return;
	}
	if (a->unsaved && now_ms(a) >= a->save_ms)
		save(a);
	if (now_ms(a) >= oauth_due_ms(&a->state, a->set->oauth.grant))
		ask(a);
	else
		arm(a);
}

/* They ask again; the account is held meanwhile. */
static void
wake(void *arg)
{
	struct token_account *a = arg;
	struct list woken;
	struct list *n;

	list_init(&woken);
	while ((n = list_pop(&a->waiters)) != NULL)
		list_push(&woken, n);
	a->refs++;
	while ((n = list_pop(&woken)) != NULL) {
		struct waiter *w = LIST_OF(n, struct waiter, node);
		struct waiter one = *w;

		free(w);
		one.fn(one.arg);
	}
	tokens_leave(&(struct token_account *){ a });
}

static void
denied(struct token_account *a, const char *why)
{
	char text[512];
	const char *mend = "look at client_id, client_secret and scope";

	if (a->set->oauth.grant == OAUTH_REFRESH_TOKEN)
		mend = "postern token login";
	else if (a->set->oauth.grant == OAUTH_JWT_BEARER)
		mend = "look at key_file and the delegation of its scope";
	if (!oauth_denied(&a->state, why, now_ms(a)))
		return;
	(void)snprintf(text, sizeof text, "%s; run: %s%s%s", why, mend,
	    a->set->oauth.grant == OAUTH_REFRESH_TOKEN ? " " : "",
	    a->set->oauth.grant == OAUTH_REFRESH_TOKEN ? a->set->name : "");
	log_failure(&event_token_dead, a, text);
}

static void
later(struct token_account *a, const char *why, uint64_t wait_ms)
{
	oauth_later(&a->state, why, wait_ms, now_ms(a), rand_u64());
	log_failure(&event_token_failed, a, why);
}

static void
take(struct token_account *a, struct oauth_reply *r)
{
	bool rotated =
	    r->refresh && a->rec.refresh &&
	    !str_eq(secret_str(r->refresh), secret_str(a->rec.refresh));

	secret_free(&a->rec.access);
	a->rec.access = secret_ref(r->access);
	if (r->refresh) {
		secret_free(&a->rec.refresh);
		a->rec.refresh = secret_ref(r->refresh);
	}
	a->rec.got_ms = clock_wall_ms();
	a->rec.expires_ms = a->rec.got_ms + (int64_t)r->lifetime_ms;
	save(a);
	oauth_got(&a->state, r->lifetime_ms, now_ms(a), rand_u64());
	log_got(a, r->lifetime_ms, rotated);
}

static void
on_reply(void *arg, const struct http_client_reply *h)
{
	struct token_account *a = arg;
	struct oauth_reply r = { 0 };

	assert(a->magic == ACCOUNT_MAGIC);
	if (h->status == 0) {
		later(a, h->error, 0);
	} else {
		oauth_reply_read(&r, h->status, h->body, h->retry_after_s);
		if (r.kind == OAUTH_REPLY_TOKEN)
			take(a, &r);
		else if (r.kind == OAUTH_REPLY_DENIED)
			denied(a, r.why);
		else
			later(a, r.why, r.wait_ms);
		oauth_reply_done(&r);
	}
	arm(a);
	wake(a);
}

static void
post(struct token_account *a, struct str form)
{
	const struct oauth_settings *s = &a->set->oauth;
	struct http_client_request q = { .url = s->token_url,
		.form = form,
		.proxy = s->proxy,
		.ca_file = s->ca_file };

	http_client_post(a->tokens->http, &q, on_reply, a);
}

static void
ask(struct token_account *a)
{
	const struct oauth_settings *s = &a->set->oauth;
	struct oauth_form_facts f = { .user = a->set->user,
		.now_s = clock_wall_ms() / 1000 };
	struct err err = { 0 };
	struct buf form;

	buf_init(&form, OAUTH_FORM_MAX);
	f.refresh = NULL;
	if (load(a, &err) == 0) {
		f.refresh = a->rec.refresh;
		if (oauth_form_token(&form, s, &f, &err) == 0) {
			oauth_asked(&a->state);
			post(a, buf_str(&form));
		}
	}
	buf_wipe(&form);
	if (!a->state.asking)
		denied(a, err.text);
	arm(a);
}

/* --- those who log in -------------------------------------------------------
 */

static void
wait_for(struct token_account *a, void (*fn)(void *arg), void *arg)
{
	struct waiter *w = mem_new(sizeof *w);

	w->fn = fn;
	w->arg = arg;
	list_push(&a->waiters, &w->node);
}

enum oauth_wanted
tokens_get(struct token_account *a, struct token_got *got,
    void (*fn)(void *arg), void *arg)
{
	enum oauth_wanted w = oauth_want(&a->state, now_ms(a));

	*got = (struct token_got){ 0 };
	if (w == OAUTH_ASK) {
		ask(a);
		w = oauth_want(&a->state, now_ms(a));
	}
	if (w == OAUTH_READY && a->ntrying == TRYING_MAX) {
		w = OAUTH_WAIT;
		wait_for(a, fn, arg);
	} else if (w == OAUTH_READY) {
		a->ntrying++;
		got->token = secret_ref(a->rec.access);
		got->serial = a->state.serial;
		arm(a); /* it is in use: it is renewed ahead of its end */
	} else if (w == OAUTH_WAIT) {
		wait_for(a, fn, arg);
	} else {
		w = OAUTH_FAILED;
		got->is_dead = a->state.parked;
		(void)snprintf(got->why, sizeof got->why, "no token: %.240s",
		    a->state.why);
	}
	return w;
}

uint64_t
tokens_wake_ms(const struct token_account *a)
{
	return oauth_wake_ms(&a->state, now_ms(a));
}

void
tokens_tried(struct token_account *a)
{
	assert(a->ntrying > 0);
	a->ntrying--;
	if (!list_empty(&a->waiters))
		timer_set(a->room, 0);
}

void
tokens_forget(struct token_account *a, const void *arg)
{
	struct list *n = a->waiters.next;

	while (n != &a->waiters) {
		struct waiter *w = LIST_OF(n, struct waiter, node);

		n = n->next;
		if (w->arg != arg)
			continue;
		list_remove(&w->node);
		free(w);
	}
}

bool
tokens_refused(struct token_account *a, uint64_t serial)
{
	return oauth_refused(&a->state, serial);
}

void
tokens_accepted(struct token_account *a, uint64_t serial)
{
	oauth_accepted(&a->state, serial);
}

/* --- life -------------------------------------------------------------------
 */

/* Whatever was in the way may be gone, and somebody may have logged in.  What
 * is only here is not read over. */
static void
begin_anew(struct token_account *a)
{
	if (a->state.parked || a->state.failures > 0)
		oauth_renew(&a->state);
	if (!a->unsaved)
		a->loaded = false;
	else
		take_seed(a);
}

bool
tokens_is_dead(const struct token_account *a)
{
	return a->state.parked;
}

void
tokens_renew(struct token_account *a)
{
	if (!a->state.asking)
		begin_anew(a);
	timer_set(a->timer, 0);
}

void
tokens_fetch(struct token_account *a)
{
	if (a->state.asking)
		return;
	begin_anew(a);
	ask(a);
}

static struct token_account *
find(struct tokens *t, const char *name)
{
	for (struct list *n = t->accounts.next; n != &t->accounts;
	     n = n->next) {
		struct token_account *a =
		    LIST_OF(n, struct token_account, node);

		if (strcmp(a->name, name) == 0)
			return a;
	}
	return NULL;
}

static struct token_account *
account_new(struct tokens *t, const char *name)
{
	struct token_account *a = mem_new(sizeof *a);

	a->magic = ACCOUNT_MAGIC;
	a->tokens = t;
	(void)snprintf(a->name, sizeof a->name, "%s", name);
	a->timer = timer_new(t->loop, on_timer, a);
	a->room = timer_new(t->loop, wake, a);
	list_init(&a->waiters);
	list_push(&t->accounts, &a->node);
	return a;
}

struct token_account *
tokens_join(struct tokens *t, struct relay_generation *gen,
    const struct relay_provider *set)
{
	char name[TOKEN_STORE_NAME] = "";
	struct token_account *a;
	struct relay_generation *old;

	token_store_name(name, set->user, &set->oauth);
	a = find(t, name);
	if (!a)
		a = account_new(t, name);
	a->refs++;
	old = a->gen;
	a->gen = relay_generation_ref(gen);
	a->set = set;
	if (old && old != gen && !a->state.asking)
		begin_anew(a);
	relay_generation_free(&old);
	timer_set(a->timer, 0);
	return a;
}

void
tokens_leave(struct token_account **ap)
{
	struct token_account *a = *ap;

	*ap = NULL;
	if (!a || --a->refs > 0)
		return;
	assert(list_empty(&a->waiters));
	http_client_forget(a->tokens->http, a);
	timer_free(&a->timer);
	timer_free(&a->room);
	list_remove(&a->node);
	token_store_done(&a->rec);
	relay_generation_free(&a->gen);
	a->magic = 0;
	free(a);
}

int
tokens_new(struct tokens **tp, struct loop *l, struct err *err)
{
	struct tokens *t = mem_new(sizeof *t);

	t->loop = l;
	list_init(&t->accounts);
	if (http_client_new(&t->http, l, err) != 0) {
		free(t);
		return -1;
	}
	*tp = t;
	return 0;
}

void
tokens_free(struct tokens **tp)
{
	struct tokens *t = *tp;

	*tp = NULL;
	if (!t)
		return;
	assert(list_empty(&t->accounts));
	http_client_free(&t->http);
	free(t);
}

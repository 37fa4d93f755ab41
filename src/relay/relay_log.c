/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/relay_log.h"

#include <stdio.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"
#include "postern/base/log.h"
#include "postern/io/conn.h"
#include "postern/relay/relay.h"
#include "postern/relay/relay_act.h"
#include "postern/smtp/outcome.h"
#include "postern/spool/envelope.h"
#include "postern/spool/spool.h"

#include "relay/delivery.h"
#include "relay/events.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"
#include "relay/tally_book.h"
#include "relay/staging.h"
#include "relay/verdict.h"

static void
put_reply(
    struct log_line *l, uint16_t code, const char *enhanced, const char *text)
{
	if (code)
		log_num(l, "code", code);
	if (enhanced[0] != '\0')
		log_cstr(l, "enhanced", enhanced);
	if (text && text[0] != '\0')
		log_cstr(l, "text", text);
}

/* In all; then its parts: before it was taken from the schedule, waiting, of
 * that while its session was opened, on the session. */
static void
put_delays(struct log_line *l, const struct delivery *d)
{
	int64_t all = clock_wall_ms() - d->env->arrival_ms;
	uint64_t now = clock_mono_us();
	int64_t held = (int64_t)(now - d->taken_us) / 1000;
	int64_t sent = d->leased_us ? (int64_t)(now - d->leased_us) / 1000 : 0;
	int64_t setup = d->leased_us ? (int64_t)d->setup_us / 1000 : 0;
	int64_t waited = held - sent - setup;
	char parts[96];

	snprintf(parts, sizeof parts, "%lld/%lld/%lld/%lld",
	    (long long)(all > held ? all - held : 0),
	    (long long)(waited > 0 ? waited : 0), (long long)setup,
	    (long long)sent);
	log_num(l, "delay_ms", all);
	log_cstr(l, "delays", parts);
}

static const struct log_event *
event_of(const struct delivery *d, const struct delivery_rcpt *rcpt)
{
	if (rcpt->state == DELIVERY_DONE)
		return &event_delivered;
	if (rcpt->state == DELIVERY_DOUBT)
		return &event_doubt;
	if (rcpt->state == DELIVERY_DEAD && rcpt->quiet &&
	    staging_is_captured(d))
		return &event_captured;
	if (rcpt->state == DELIVERY_DEAD)
		return rcpt->quiet ? &event_dead : &event_bounced;
	return &event_deferred;
}

static enum tally_result
result_of(const struct delivery_rcpt *rcpt)
{
	if (rcpt->state == DELIVERY_DONE)
		return TALLY_DELIVERED;
	if (rcpt->state == DELIVERY_DOUBT)
		return TALLY_DOUBT;
	if (rcpt->state == DELIVERY_DEAD)
		return rcpt->quiet ? TALLY_DEAD : TALLY_BOUNCED;
	return TALLY_DEFERRED;
}

/* The line and its count. */
static void
log_rcpt(
    const struct delivery *d, const struct delivery_rcpt *rcpt, int64_t due_ms)
{
	const struct log_event *ev = event_of(d, rcpt);
	struct log_line l;

	stat_add(&d->tally->results[result_of(rcpt)], 1);
	if (rcpt->state == DELIVERY_DONE)
		stat_add(&d->relay->counters.delivered, 1);
	log_begin(&l, ev, d->key.mid, 0);
	if (!l.ev)
		return;
	if (d->via[0] != '\0')
		log_cstr(&l, "provider", d->via);
	if (d->where[0] != '\0')
		log_cstr(&l, "relay", d->where);
	log_cstr(&l, "rcpt", d->env->rcpts[rcpt->index].address);
	log_num(&l, "tries", d->attempts + 1);
	if (rcpt->state == DELIVERY_DONE && d->receipt[0] != '\0')
		log_cstr(&l, "provider_id", d->receipt);
	if (rcpt->state == DELIVERY_DEAD && d->cause)
		log_cstr(&l, "cause", d->cause);
	if (rcpt->state == DELIVERY_LATER)
		log_num(&l, "next_ms", due_ms - clock_wall_ms());
	put_delays(&l, d);
	put_reply(&l, rcpt->reply.code, rcpt->reply.enhanced, rcpt->reply.text);
	log_end(&l);
}

void
relay_log_results(const struct delivery *d, int64_t due_ms)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct delivery_rcpt *rcpt = &d->rcpts[i];

		if (!rcpt->settled && (rcpt->state == DELIVERY_DONE ||
		                          rcpt->state == DELIVERY_DOUBT ||
		                          rcpt->state == DELIVERY_DEAD ||
		                          rcpt->state == DELIVERY_LATER))
			log_rcpt(d, rcpt, due_ms);
	}
}

void
relay_log_delivered_so_far(const struct delivery *d)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		if ((d->rcpts[i].state == DELIVERY_DONE ||
		        d->rcpts[i].state == DELIVERY_DOUBT) &&
		    !d->rcpts[i].settled)
			log_rcpt(d, &d->rcpts[i], 0);
	}
}

void
relay_log_parked(const struct delivery *d, enum spool_hold why)
{
	bool poison = why == SPOOL_HOLD_POISON;
	struct log_line l;

	log_begin(&l, poison ? &event_poison : &event_parked, d->key.mid, 0);
	log_cstr(&l, "reason", spool_hold_word(why));
	if (poison) {
		log_cstr(&l, "provider", d->via);
		put_reply(&l, d->reply.code, d->reply.enhanced, d->reply.text);
	}
	log_end(&l);
}

void
relay_log_handed(const struct delivery *d, const char *route)
{
	for (uint32_t i = 0; i < d->nrcpts; i++) {
		const struct delivery_rcpt *rcpt = &d->rcpts[i];
		struct log_line l;

		if (rcpt->state != DELIVERY_HANDED)
			continue;
		stat_add(&d->tally->results[TALLY_HANDED], 1);
		log_begin(&l, &event_handed, d->key.mid, 0);
		log_cstr(&l, "route", route);
		log_cstr(&l, "rcpt", d->env->rcpts[rcpt->index].address);
		if (d->cause)
			log_cstr(&l, "cause", d->cause);
		put_reply(&l, rcpt->reply.code, rcpt->reply.enhanced,
		    rcpt->reply.text);
		log_end(&l);
	}
}

void
relay_log_unsure(const struct delivery *d, const struct outcome *o)
{
	struct log_line l;

	log_begin(&l, &event_unsure, d->key.mid, 0);
	log_cstr(&l, "provider", d->via);
	log_cstr(&l, "note", "possible duplicate");
	put_reply(&l, o->code, o->enhanced, o->text);
	log_end(&l);
}

void
relay_log_notice(const struct delivery *d, const struct envelope *notice)
{
	struct log_line l;
	char parent[ID_TEXT];

	id_text(d->key.mid, parent);
	log_begin(&l, &event_notice, notice->mid, 0);
	log_cstr(&l, "parent", parent);
	log_cstr(&l, "rcpt", notice->rcpts[0].address);
	log_num(&l, "size", (int64_t)notice->size);
	log_end(&l);
}

void
relay_log_finished(uint64_t mid)
{
	struct log_line l;

	log_begin(&l, &event_finished, mid, 0);
	log_end(&l);
}

static void
say(const struct log_event *ev, const struct delivery *d, const char *text)
{
	struct log_line l;

	log_begin(&l, ev, d->key.mid, 0);
	log_cstr(&l, "text", text);
	log_end(&l);
}

void
relay_log_notice_capped(const struct delivery *d)
{
	say(&event_notice_capped, d, "bounce.rate allows no other one now");
}

void
relay_log_corrupt(const struct delivery *d, const char *why)
{
	say(&event_corrupt, d, why);
}

void
relay_log_unsigned(const struct delivery *d, const char *why)
{
	say(&event_unsigned, d, why);
}

void
relay_log_unreadable(const struct delivery *d, const char *why)
{
	say(&event_unreadable, d, why);
}

static const char *
state_word(const struct relay_acted *acted)
{
	if (acted->state == SPOOL_ROW_DEAD)
		return "dead";
	return acted->state == SPOOL_ROW_HELD ? spool_hold_word(acted->hold)
	                                      : "queued";
}

void
relay_log_act(const struct relay_acted *acted, const struct relay_act *by)
{
	struct log_line l;

	log_begin(&l, &event_act, acted->mid, 0);
	log_cstr(&l, "act", relay_act_word(by->verb));
	log_cstr(&l, "was", state_word(acted));
	if (acted->n > 0)
		log_num(&l, "delivery", acted->n);
	log_num(&l, "uid", by->uid);
	log_end(&l);
}

void
relay_log_setback(uint64_t deliveries)
{
	struct log_line l;

	log_begin(&l, &event_setback, 0, 0);
	log_num(&l, "deliveries", (int64_t)deliveries);
	log_end(&l);
}

void
relay_log_settle_failed(const struct delivery *d, const char *why)
{
	say(&event_settle_failed, d, why);
}

void
relay_log_connected(const struct relay_session *s)
{
	struct log_line l;

	stat_add(&s->provider->tally->opened, 1);
	log_begin(&l, &event_provider_connected, 0, s->id);
	log_cstr(&l, "provider", s->provider->set->name);
	log_cstr(&l, "addr", s->addr);
	if (conn_is_secure(s->conn)) {
		log_cstr(&l, "tls", conn_tls_version(s->conn));
		log_cstr(&l, "cipher", conn_tls_cipher(s->conn));
	}
	log_end(&l);
}

void
relay_log_session_end(
    const struct relay_session *s, const char *why, const char *text)
{
	struct log_line l;

	log_begin(&l, &event_provider_closed, 0, s->id);
	log_cstr(&l, "provider", s->provider->set->name);
	log_num(&l, "messages", s->ended);
	log_cstr(&l, "state", pool_word(s->phase));
	log_cstr(&l, "reason", why);
	if (text[0] != '\0')
		log_cstr(&l, "text", text);
	log_end(&l);
}

void
relay_log_stalled(const struct provider *p)
{
	struct log_line l;

	log_begin(&l, &event_provider_stalled, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_num(&l, "connecting", (int64_t)p->pool.n[POOL_CONNECTING]);
	log_num(&l, "busy", (int64_t)p->pool.n[POOL_BUSY]);
	log_num(&l, "draining", (int64_t)p->pool.n[POOL_DRAINING]);
	log_end(&l);
}

void
relay_log_password(const struct provider *p)
{
	struct log_line l;

	log_begin(&l, &event_provider_password, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_end(&l);
}

void
relay_log_clear(const struct relay_session *s, const struct outcome *o)
{
	struct log_line l;

	log_begin(&l, &event_provider_clear, 0, s->id);
	log_cstr(&l, "provider", s->provider->set->name);
	log_cstr(&l, "addr", s->addr);
	log_cstr(&l, "text", o->text);
	log_end(&l);
}

const char *relay_log_advice(enum verdict_class class)
{
	if (class == VERDICT_AUTH)
		return "check this provider's user and password, mend them in "
		       "the configuration and reload";
	if (class == VERDICT_TLS)
		return "check host, port, tls, tls_name and ca_file of this "
		       "provider, or ask it about its certificate; reload "
		       "when it is mended";
	if (class == VERDICT_SUSPENDED)
		return "ask the provider what it holds against this account; "
		       "reload when it is settled";
	return "ask the provider what it means; an entry in replies can say "
	       "it; reload then";
}

void
relay_log_trouble(const struct relay_session *s, const struct delivery *d,
    const struct verdict *v, const struct outcome *o)
{
	/* Once an opening: others that meet it meanwhile are no news. */
	bool alert = verdict_row(v->class)->is_alert &&
	             s->provider->health.state != BREAKER_OPEN;
	struct log_line l;

	log_begin(&l, alert ? &event_provider_alert : &event_provider_trouble,
	    d ? d->key.mid : 0, s->id);
	log_cstr(&l, "provider", s->provider->set->name);
	if (s->addr[0] != '\0')
		log_cstr(&l, "addr", s->addr);
	log_cstr(&l, "stage", outcome_stage_word(o->stage));
	log_cstr(&l, "class", verdict_row(v->class)->name);
	put_reply(&l, o->code, o->enhanced, o->text);
	if (alert)
		log_cstr(&l, "advice", relay_log_advice(v->class));
	log_end(&l);
}

void
relay_log_provider_state(const struct provider *p)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t at_ms = provider_wake_ms(p, now_ms);
	struct log_line l;

	log_begin(
	    &l, p->told_down ? &event_provider_down : &event_provider_up, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_cstr(&l, "breaker", breaker_word(&p->health));
	if (p->health.state == BREAKER_OPEN)
		log_cstr(&l, "class", verdict_row(p->why)->name);
	if (p->told_down)
		log_num(&l, "for_ms",
		    at_ms > now_ms ? (int64_t)(at_ms - now_ms) : 0);
	log_end(&l);
}

void
relay_log_provider_paused(const struct provider *p)
{
	const struct halt *h = &p->halt;
	struct log_line l;

	log_begin(&l, &event_provider_paused, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_num(&l, "uid", h->uid);
	if (h->until_ms != UINT64_MAX)
		log_num(&l, "for_ms",
		    (int64_t)(h->until_ms - relay_now_ms(p->relay)));
	log_end(&l);
}

void
relay_log_provider_resumed(const struct provider *p, uint32_t uid)
{
	struct log_line l;

	log_begin(&l, &event_provider_resumed, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_num(&l, "uid", uid);
	log_end(&l);
}

void
relay_log_provider_window(const struct provider *p)
{
	const struct guess *g = &p->tempo.adapt.guess;
	struct log_line l;

	log_begin(&l, &event_provider_window, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_num(&l, "messages", g->count);
	log_num(&l, "window_s", g->window_s);
	log_end(&l);
}

void
relay_log_provider_level(const struct provider *p, enum level_state was)
{
	const struct tempo *t = &p->tempo;
	struct log_line l;

	log_begin(&l, &event_provider_level, 0, 0);
	log_cstr(&l, "provider", p->set->name);
	log_cstr(&l, "now", level_word(t->level.state));
	log_cstr(&l, "was", level_word(was));
	if (t->level.why)
		log_cstr(&l, "reason", t->level.why);
	if (t->adapt.is_on)
		log_num(&l, "per_minute", (int64_t)(t->adapt.rate * 60));
	log_end(&l);
}

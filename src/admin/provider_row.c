/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/provider_row.h"

#include "postern/base/clock.h"
#include "postern/relay/relay_view.h"

#include "admin/control_call.h"
#include "admin/filter.h"

/* Not there: no rate is in the way of what waits. */
static json_t *
slot_ms(const struct relay_view_provider *p)
{
	return p->slot_ms > 0 ? json_integer((json_int_t)p->slot_ms) : NULL;
}

static json_t *
sessions(const struct relay_view_provider *p)
{
	json_t *j = json_object();

	for (size_t i = 0; i < RELAY_VIEW_PHASES; i++)
		json_object_set_new(j, relay_view_phase(i),
		    json_integer((json_int_t)p->sessions[i]));
	return j;
}

static json_t *
waiting(const struct relay_view_provider *p)
{
	json_t *j = json_object();

	for (uint8_t i = 0; i < SPOOL_PRIORITIES; i++)
		json_object_set_new(j, filter_priority(i),
		    json_integer((json_int_t)p->waiting[i]));
	return j;
}

static json_t *
learned(const struct relay_view_provider *p)
{
	return json_pack("{sI sI sI}", "connections", (json_int_t)p->conns_max,
	    "recipients", (json_int_t)p->rcpts_max, "messages",
	    (json_int_t)p->messages_max);
}

/* NULL, and so not there: it is not. */
static json_t *
paused(const struct relay_view_provider *p)
{
	return p->paused_since_ms != 0
	           ? json_pack("{sI sI}", "uid", (json_int_t)p->paused_uid,
	                 "since_ms", (json_int_t)p->paused_since_ms)
	           : NULL;
}

/* Not there: nobody knows when it ends. */
static json_t *
for_ms(const struct relay_view_provider *p)
{
	return p->for_ms != UINT64_MAX ? json_integer((json_int_t)p->for_ms)
	                               : NULL;
}

/* Not there: it has had none. */
static json_t *
trouble(const struct relay_view_trouble *t)
{
	if (t->at_ms == 0)
		return NULL;
	return json_pack("{sI sI ss ss si ss so}", "at_ms",
	    (json_int_t)t->at_ms, "age_ms",
	    (json_int_t)(clock_wall_ms() - t->at_ms), "stage", t->stage,
	    "class", t->class, "code", (int)t->code, "enhanced", t->enhanced,
	    "text", control_call_text(t->text));
}

json_t *
provider_row_latency(const struct stat_histogram *h)
{
	return stat_get(&h->count) == 0
	           ? NULL
	           : json_pack("{sI sI sI}", "p50",
	                 (json_int_t)stat_quantile(h, 0.5), "p95",
	                 (json_int_t)stat_quantile(h, 0.95), "p99",
	                 (json_int_t)stat_quantile(h, 0.99));
}

json_t *
provider_row_window(const struct relay_view_window *w)
{
	return json_pack("{ss ss sI sI}", "owner", w->owner, "window",
	    w->window, "used", (json_int_t)w->used, "max", (json_int_t)w->max);
}

json_t *
provider_row(const struct relay_view_provider *p)
{
	return json_pack(
	    "{so so si ss ss* so* so* ss ss* so so sI sI sf so* so so* so* "
	    "ss* so*}",
	    "name", control_call_text(p->name), "host",
	    control_call_text(p->host), "port", (int)p->port, "state", p->state,
	    "why", p->why, "for_ms", for_ms(p), "paused", paused(p), "level",
	    p->level, "level_why", p->level_why, "sessions", sessions(p),
	    "waiting", waiting(p), "sending", (json_int_t)p->sending,
	    "delivered", (json_int_t)p->delivered, "per_minute", p->per_minute,
	    "slot_ms", slot_ms(p), "learned", learned(p), "delivery_ms",
	    provider_row_latency(&p->tally->delivery_ms), "wait_ms",
	    provider_row_latency(&p->tally->wait_ms), "mend", p->mend,
	    "trouble", trouble(&p->trouble));
}

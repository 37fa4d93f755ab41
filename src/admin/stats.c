/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/stats.h"

#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

#include "admin/alerts.h"
#include "admin/control_call.h"
#include "admin/process.h"
#include "admin/provider_row.h"
#include "postern/admin/pulse.h"

/* --- counters ----------------------------------------------------------------
 */

uint64_t
stats_sum(const struct stats_source *s, size_t at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->ninlets; i++) {
		const struct inlet_counters *c = inlet_counters(s->inlets[i]);

		n += stat_get((const void *)((const char *)c + at));
	}
	return n;
}

struct doors *
stats_doors(const struct stats_source *s)
{
	struct doors *sum = mem_new(sizeof *sum);

	for (size_t i = 0; i < s->ninlets; i++)
		doors_merge(sum, inlet_doors(s->inlets[i]));
	return sum;
}

/* Of one of an array of counters. */
#define SUM_OF(s, field, i)                                                    \
	stats_sum(s, offsetof(struct inlet_counters, field) +                  \
	                 (i) * sizeof(struct stat_counter))

uint64_t
stats_logins(const struct stats_source *s, enum meter_login what)
{
	uint64_t n = 0;

	for (size_t i = 0; i < METER_MECHS; i++)
		n += SUM_OF(s, meter.logins, i * METER_LOGINS + what);
	return n;
}

uint64_t
stats_handshakes(const struct stats_source *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < TLS_COUNT_VERSIONS; i++)
		n += SUM_OF(s, meter.tls.whole, i) +
		     SUM_OF(s, meter.tls.resumed, i);
	return n;
}

#define SUM(s, field)                                                          \
	((json_int_t)stats_sum(s, offsetof(struct inlet_counters, field)))

static uint64_t
in_now(const struct stats_source *s)
{
	return stats_sum(s, offsetof(struct inlet_counters, messages));
}

static uint64_t
out_now(const struct stats_source *s)
{
	return stat_get(&relay_view_counters(s->relay)->delivered);
}

uint64_t
stats_in_minute(const struct stats_source *s)
{
	return in_now(s) - stat_get(&s->in_before);
}

uint64_t
stats_out_minute(const struct stats_source *s)
{
	return out_now(s) - stat_get(&s->out_before);
}

/* *second: what it was 60 of them ago. */
static void
pass(uint64_t *second, uint64_t now, struct stat_counter *before)
{
	stat_set(before, *second);
	*second = now;
}

void
stats_tick(struct stats_source *s)
{
	size_t i = s->ticks++ % STATS_MINUTE_S;

	stat_set(&s->beat_ms, clock_mono_ms());
	pass(&s->in[i], in_now(s), &s->in_before);
	pass(&s->out[i], out_now(s), &s->out_before);
}

double
stats_oldest_s(const struct stats_source *s, unsigned priority, uint64_t queued)
{
	int64_t at = (int64_t)stat_get(&s->oldest_ms[priority]),
	        now = clock_wall_ms();

	if (queued == 0)
		return 0;
	if (at == 0)
		return -1;
	return now > at ? (double)(now - at) / 1000 : 0;
}

/* --- the document ------------------------------------------------------------
 */

/* In ms, of a histogram of us. */
static json_t *
times(const struct stat_histogram *us)
{
	return json_pack("{sI sf sf sf}", "count",
	    (json_int_t)stat_get(&us->count), "p50",
	    (double)stat_quantile(us, 0.5) / 1000, "p95",
	    (double)stat_quantile(us, 0.95) / 1000, "p99",
	    (double)stat_quantile(us, 0.99) / 1000);
}

static json_t *
queue(const struct stats_source *s, const struct spool_stats *st)
{
	double oldest = stats_oldest_s(s, SPOOL_PRIORITIES, st->queued);

	return json_pack("{so* sI sI sI sI sI}", "oldest_s",
	    oldest < 0 ? NULL : json_real(oldest), "queued",
	    (json_int_t)st->queued, "held", (json_int_t)st->held, "doubt",
	    (json_int_t)st->doubt, "dead", (json_int_t)st->dead, "bytes",
	    (json_int_t)st->queued_bytes);
}

static json_t *
store(const struct stats_source *s, const struct spool_stats *st)
{
	return json_pack("{sI sI sb sI so}", "bytes", (json_int_t)st->map_used,
	    "disk_free", (json_int_t)st->disk_free, "full", (int)st->full,
	    "memory", (json_int_t)st->memory, "commit_ms",
	    times(spool_commit_us(s->spool)));
}

static json_t *
listeners(const struct stats_source *s)
{
	struct doors *all = stats_doors(s);
	json_t *j = json_array();

	for (size_t i = 0; i < doors_count(all); i++) {
		const struct door *d = &all->of[i];

		json_array_append_new(
		    j, json_pack("{ss sI sI sI sI sI}", "name", d->name,
		           "sessions_total", (json_int_t)stat_get(&d->sessions),
		           "turned_away", (json_int_t)stat_get(&d->turned_away),
		           "messages", (json_int_t)stat_get(&d->messages),
		           "replies_4xx", (json_int_t)stat_get(&d->temporary),
		           "replies_5xx", (json_int_t)stat_get(&d->permanent)));
	}
	free(all);
	return j;
}

static json_t *
inlets(const struct stats_source *s)
{
	return json_pack("{so sI sI sI sI sI sI sI sI sI sI sI sI}",
	    "listeners", listeners(s), "sessions", SUM(s, open),
	    "sessions_total", SUM(s, sessions), "turned_away",
	    SUM(s, turned_away), "messages", SUM(s, messages), "bytes",
	    SUM(s, bytes), "replies_4xx", SUM(s, temporary), "replies_5xx",
	    SUM(s, permanent), "logins",
	    (json_int_t)stats_logins(s, METER_LOGIN_OK), "logins_failed",
	    (json_int_t)stats_logins(s, METER_LOGIN_FAILED), "tls",
	    (json_int_t)stats_handshakes(s), "tls_failed",
	    SUM(s, meter.tls_failed), "last_minute",
	    (json_int_t)stats_in_minute(s));
}

static void
add_results(json_t *to, const struct tally *t)
{
	for (int i = 0; i < TALLY_RESULTS; i++) {
		const char *word = tally_result_word((enum tally_result)i);
		json_int_t n = json_integer_value(json_object_get(to, word));

		n += (json_int_t)stat_get(&t->results[i]);
		json_object_set_new(to, word, json_integer(n));
	}
}

/* Of all providers that there are. */
static json_t *
latency(const struct relay_view *view)
{
	struct stat_histogram *all = mem_new(sizeof *all);
	json_t *j;

	for (size_t i = 0; i < view->n; i++) {
		const struct tally *t = view->providers[i].tally;

		if (t != view->others)
			stat_merge(all, &t->delivery_ms);
	}
	if (view->others != NULL)
		stat_merge(all, &view->others->delivery_ms);
	j = provider_row_latency(all);
	free(all);
	return j;
}

/* Of the providers that there are, and of what none was asked for. */
static json_t *
outlets(const struct stats_source *s, const struct relay_view *view)
{
	json_t *results = json_object();

	add_results(results, view->nobody);
	for (size_t i = 0; i < view->n; i++) {
		if (view->providers[i].tally != view->others)
			add_results(results, view->providers[i].tally);
	}
	if (view->others != NULL)
		add_results(results, view->others);
	return json_pack("{sI so sI so*}", "in_hand", (json_int_t)view->inhand,
	    "results", results, "last_minute", (json_int_t)stats_out_minute(s),
	    "delivery_ms", latency(view));
}

static json_t *
provider(const struct relay_view_provider *p)
{
	json_t *j = provider_row(p), *results = json_object(),
	       *stages = json_object();

	add_results(results, p->tally);
	for (int i = 0; i < TALLY_STAGES; i++) {
		if (stat_get(&p->tally->stage_us[i].count) > 0)
			json_object_set_new(stages,
			    tally_stage_word((enum tally_stage)i),
			    times(&p->tally->stage_us[i]));
	}
	json_object_set_new(j, "usable", json_boolean(p->is_usable));
	json_object_set_new(j, "results", results);
	json_object_set_new(j, "stages_ms", stages);
	return j;
}

static json_t *
providers(const struct relay_view *view)
{
	json_t *all = json_array();

	for (size_t i = 0; i < view->n; i++)
		json_array_append_new(all, provider(&view->providers[i]));
	return all;
}

static json_t *
windows(const struct relay_view *view)
{
	json_t *all = json_array();

	for (size_t i = 0; i < view->nwindows; i++)
		json_array_append_new(
		    all, provider_row_window(&view->windows[i]));
	return all;
}

static json_t *
process(void)
{
	struct process p = process_look();

	return json_pack("{sf sI sI}", "cpu_s", p.cpu_s, "rss",
	    (json_int_t)p.rss, "fds", (json_int_t)p.fds);
}

json_t *
stats_document(const struct stats_source *s, const struct relay_view *view)
{
	struct spool_stats st;
	struct err why = { 0 };
	bool accepts = pulse_ready(s, &why) == 0;

	spool_stats(s->spool, &st);
	return json_pack(
	    "{si ss ss ss* si sI sI sb so* so so so so so so sI so so}", "v",
	    STATS_VERSION, "version", s->version, "modules", s->modules,
	    "config", s->hash, "pid", (int)getpid(), "started_ms",
	    (json_int_t)s->started_ms, "uptime_s",
	    (json_int_t)((clock_wall_ms() - s->started_ms) / 1000), "accepts",
	    (int)accepts, "why", accepts ? NULL : control_call_text(why.text),
	    "queue", queue(s, &st), "spool", store(s, &st), "in", inlets(s),
	    "out", outlets(s, view), "providers", providers(view), "windows",
	    windows(view), "log_dropped", (json_int_t)log_dropped(), "process",
	    process(), "alerts",
	    alerts_of(s, view, &st, accepts ? NULL : why.text));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * As much as there can be: each provider with all that may happen to it, each
 * listener, command, login, priority seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/admin/stats.h"
#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/inlet/doors.h"
#include "postern/inlet/inlet.h"
#include "postern/io/dns.h"
#include "postern/io/helper.h"
#include "postern/io/loop.h"
#include "postern/relay/relay_view.h"

#include "admin/metrics.h"
#include "admin/metrics_out.h"

#include "relay_world.h"

#define INLETS 64 /* so many inlet_threads may be set */
#define LISTENERS (METRICS_LISTENERS + 4)
#define PROVIDERS 80
#define WINDOWS 200
#define RATES_EACH 2 /* of a provider */

static struct world world;
static struct loop *loop;
static struct inlet *inlets[INLETS];
static struct inlet_listener listeners[LISTENERS];
static const struct inlet_settings inlet_settings = {
	.hostname = "r.test", .nlisteners = LISTENERS, .listeners = listeners
};
static char names[PROVIDERS][TALLY_NAME];
static struct tally *tallies, nobody = { .name = "none" };
static const struct tally *by_place[PROVIDERS];
static struct relay_view_provider providers[PROVIDERS];
static struct relay_view_window windows[WINDOWS];
static struct tally_failover failovers[TALLY_REASONS + TALLY_FAILOVERS];
/* Besides the relay's own "read". */
static const char *const pools[] = { "listing", "backup", "sign", "hash",
	"hash-idle" };
#define POOLS (sizeof pools / sizeof pools[0])
static struct helper *helpers[POOLS];
static struct stats_source source;

/* --- everything happens ------------------------------------------------------
 */

static void
fill(struct stat_counter *c, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stat_add(&c[i], 1000003);
}

static void
fill_tally(struct tally *t)
{
	fill(t->results, TALLY_RESULTS);
	fill(t->attempts, TALLY_CLASSES);
	fill(t->failures, TALLY_CLASSES);
	fill(t->breaker, TALLY_BREAKERS);
	fill(t->level, TALLY_LEVELS);
	fill(&t->opened, 1);
	fill(&t->reused, 1);
	fill(&t->unsure, 1);
	for (int i = 0; i < TALLY_STAGES; i++)
		stat_observe(&t->stage_us[i], 1234567);
	stat_observe(&t->delivery_ms, 1234567);
	stat_observe(&t->wait_ms, 1234567);
}

static void
fill_inlet(struct inlet *in)
{
	struct inlet_counters *c =
	    (struct inlet_counters *)(uintptr_t)inlet_counters(in);
	struct meter *m = &c->meter;

	fill(&m->commands[0][0], METER_VERBS * METER_CLASSES);
	fill(&m->logins[0][0], METER_MECHS * METER_LOGINS);
	fill(m->tls.whole, TLS_COUNT_VERSIONS);
	fill(m->tls.resumed, TLS_COUNT_VERSIONS);
	for (int i = 0; i < METER_SOURCES; i++)
		stat_observe(&m->size[i], 12345);
}

static void
fill_relay(void)
{
	struct relay_view_counters *c =
	    (struct relay_view_counters *)(uintptr_t)relay_view_counters(
	        world.relay);

	for (int i = 0; i < SPOOL_PRIORITIES; i++)
		stat_observe(&c->wait_ms[i], 1234567);
	fill(c->tls.whole, TLS_COUNT_VERSIONS);
	fill(c->tls.resumed, TLS_COUNT_VERSIONS);
}

/* As many as have a counter of their own, and further ones for each reason. */
static void
fill_failovers(void)
{
	for (size_t i = 0; i < TALLY_REASONS + TALLY_FAILOVERS; i++) {
		struct tally_failover *f = &failovers[i];

		f->reason = i % TALLY_REASONS;
		fill(&f->n, 1);
		if (i < TALLY_REASONS)
			continue;
		f->from = &tallies[i % PROVIDERS];
		f->to = &tallies[i / TALLY_REASONS];
	}
}

static const char *
long_name(char out[TALLY_NAME], size_t i)
{
	(void)snprintf(out, TALLY_NAME, "%0*zu", TALLY_NAME - 1, i);
	return out;
}

static void
set_up_inlets(void)
{
	static char text[LISTENERS][TALLY_NAME];
	struct err err;

	for (size_t i = 0; i < LISTENERS; i++)
		listeners[i].name = long_name(text[i], i);
	for (size_t i = 0; i < INLETS; i++) {
		assert_int_equal(
		    inlet_new(&inlets[i], world.sp, &inlet_settings, &err), 0);
		fill_inlet(inlets[i]);
	}
}

static int
set_up(void **state)
{
	struct err err;

	(void)state;
	world_init(&world);
	world_start(&world);
	assert_int_equal(loop_new(&loop, &err), 0);
	set_up_inlets();
	fill_relay();
	for (size_t i = 0; i < POOLS; i++)
		helpers[i] = helper_new(pools[i], 1, 1);
	fill_tally(&nobody);
	tallies = mem_array(PROVIDERS, sizeof *tallies);
	for (size_t i = 0; i < PROVIDERS; i++) {
		struct relay_view_provider *p = &providers[i];

		p->name = (char *)(uintptr_t)long_name(names[i], i);
		long_name(tallies[i].name, i);
		p->tally = by_place[i] = &tallies[i];
		tallies[i].place = i;
		p->per_second = 1.0 / 3;
		fill_tally(&tallies[i]);
	}
	fill_failovers();
	for (size_t i = 0; i < WINDOWS; i++) {
		(void)snprintf(windows[i].owner, sizeof windows[i].owner,
		    "provider/%s", names[i / RATES_EACH % PROVIDERS]);
		(void)snprintf(windows[i].window, sizeof windows[i].window,
		    "%zu rcpt/1%s", i, i % RATES_EACH ? "d" : "m");
		windows[i].period_ms = i % RATES_EACH ? 86400000 : 60000;
	}
	source = (struct stats_source){ .version = "9",
		.modules = "some",
		.hash = "0123456789abcdef",
		.turns_us = loop_turns_us(loop),
		.spool = world.sp,
		.relay = world.relay,
		.ninlets = INLETS,
		.inlets = inlets };
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < INLETS; i++)
		inlet_free(&inlets[i]);
	for (size_t i = 0; i < POOLS; i++)
		helper_free(&helpers[i]);
	loop_free(&loop);
	free(tallies);
	world_done(&world);
	return 0;
}

/* --- what a scrape is --------------------------------------------------------
 */

struct scrape {
	struct buf text;
	size_t n;
	char *line[METRICS_SERIES * 2]; /* of series, in order */
};

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct scrape *
scrape(const struct relay_view *view)
{
	struct scrape *s = mem_new(sizeof *s);
	struct err err;
	char *save = NULL;

	buf_init(&s->text, METRICS_BYTES);
	assert_int_equal(metrics_text(&source, view, &s->text, &err), 0);
	assert_int_equal(buf_addf(&s->text, "%c", 0), 0);
	for (char *p =
	         strtok_r((char *)(uintptr_t)buf_str(&s->text).p, "\n", &save);
	     p != NULL; p = strtok_r(NULL, "\n", &save)) {
		if (p[0] != '#' && s->n < METRICS_SERIES * 2)
			s->line[s->n++] = p;
	}
	qsort(s->line, s->n, sizeof s->line[0], compare);
	return s;
}

static void
scrape_free(struct scrape *s)
{
	buf_done(&s->text);
	free(s);
}

/* How many begin so. */
static size_t
count(const struct scrape *s, const char *begins)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strncmp(s->line[i], begins, strlen(begins)) == 0;
	return n;
}

/* All long windows, where there is not room for all. */
static size_t
count_days(const struct scrape *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += strncmp(s->line[i], "postern_quota_used{", 19) == 0 &&
		     strstr(s->line[i], "/1d\"") != NULL;
	return n;
}

static double
value(const struct scrape *s, const char *series)
{
	size_t n = strlen(series);

	for (size_t i = 0; i < s->n; i++) {
		if (strncmp(s->line[i], series, n) == 0 && s->line[i][n] == ' ')
			return strtod(s->line[i] + n, NULL);
	}
	return -1;
}

static void
check_lines_differ(const struct scrape *s)
{
	for (size_t i = 1; i < s->n; i++) {
		size_t n = (size_t)(strrchr(s->line[i], ' ') - s->line[i]) + 1;

		if (strncmp(s->line[i - 1], s->line[i], n) == 0)
			fail_msg("twice: %s", s->line[i]);
	}
}

/* --- tests -------------------------------------------------------------------
 */

static void
sixty_four_providers_with_everything_fit(void **state)
{
	const struct relay_view view = { .n = METRICS_PROVIDERS,
		.providers = providers,
		.ntallies = METRICS_PROVIDERS,
		.tallies = by_place,
		.nwindows = METRICS_PROVIDERS * RATES_EACH,
		.windows = windows,
		.nfailovers = TALLY_REASONS + TALLY_FAILOVERS,
		.failovers = failovers,
		.nobody = &nobody };
	struct scrape *s = scrape(&view);

	(void)state;
	print_message("%zu series, %zu octets\n", s->n, buf_str(&s->text).len);
	assert_in_range(s->n, METRICS_SERIES * 9 / 10, METRICS_SERIES);
	assert_in_range(buf_str(&s->text).len, 1, METRICS_BYTES);
	check_lines_differ(s);
	/* nothing of what there is to see was left out */
	assert_int_equal(
	    count(s, "postern_provider_usable{"), METRICS_PROVIDERS);
	assert_int_equal(count(s, "postern_delivery_attempts_total{"),
	    METRICS_PROVIDERS * TALLY_GROUPS);
	assert_int_equal(count(s, "postern_quota_used{"), view.nwindows);
	assert_int_equal(
	    count(s, "postern_delivery_seconds_count{"), METRICS_PROVIDERS);
	assert_int_equal(count(s, "postern_attempt_stage_seconds_count{"),
	    (METRICS_STAGED + 1) * TALLY_STAGES);
	assert_true(
	    value(s, "postern_attempt_stage_seconds_count{provider=\"other\","
	             "stage=\"tls\"}") == METRICS_PROVIDERS - METRICS_STAGED);
	assert_int_equal(count(s, "postern_messages_received_total{"),
	    METRICS_LISTENERS + 1);
	assert_int_equal(count(s, "postern_failovers_total{"),
	    TALLY_REASONS + TALLY_FAILOVERS);
	assert_int_equal(count(s, "postern_worker_queue{"), POOLS + 1);
	/* but for the listeners, and what has no place among the failovers */
	assert_true(value(s, "postern_metrics_overflow_total") ==
	            LISTENERS - METRICS_LISTENERS + 1);
	scrape_free(s);
	stat_set(&source.overflow, 0);
}

static void
more_providers_are_other_and_are_counted(void **state)
{
	struct tally *others = mem_new(sizeof *others);
	struct relay_view view = { .n = PROVIDERS,
		.providers = providers,
		.ntallies = PROVIDERS,
		.tallies = by_place,
		.nwindows = WINDOWS,
		.windows = windows,
		.nobody = &nobody,
		.others = others };
	double beyond = PROVIDERS - METRICS_PROVIDERS + WINDOWS -
	                METRICS_WINDOWS + LISTENERS - METRICS_LISTENERS;
	struct scrape *s;

	(void)state;
	fill_tally(others);
	others->place = TALLY_MAX;
	providers[1].tally = others; /* too many names since the start */
	s = scrape(&view);
	print_message("%zu series, %zu octets\n", s->n, buf_str(&s->text).len);
	assert_in_range(s->n, 1, METRICS_SERIES);
	check_lines_differ(s);
	assert_int_equal(
	    count(s, "postern_provider_usable{"), METRICS_PROVIDERS);
	assert_int_equal(count(s, "postern_quota_used{"), METRICS_WINDOWS);
	assert_true(value(s, "postern_unsure_total{provider=\"other\"}") ==
	            (PROVIDERS - METRICS_PROVIDERS + 1) * 1000003.0);
	assert_int_equal(count_days(s), WINDOWS / RATES_EACH);
	assert_true(value(s, "postern_metrics_overflow_total") == beyond);
	scrape_free(s);
	s = scrape(&view);
	assert_true(value(s, "postern_metrics_overflow_total") == 2 * beyond);
	scrape_free(s);
	providers[1].tally = &tallies[1];
	free(others);
}

/* The first eight go, and the rest move up. */
static void
no_counter_falls_where_providers_go(void **state)
{
	struct relay_view view = { .n = PROVIDERS,
		.providers = providers,
		.ntallies = PROVIDERS,
		.tallies = by_place,
		.nobody = &nobody };
	const size_t gone = 8;
	struct scrape *before = scrape(&view), *after;
	size_t n = 0;

	(void)state;
	view.providers += gone;
	view.n -= gone;
	after = scrape(&view);
	for (size_t i = 0; i < before->n; i++) {
		char *line = before->line[i], *end = strrchr(line, ' ');
		double was = strtod(end, NULL), is;

		if (strstr(line, "provider=\"other\"") == NULL)
			continue;
		*end = '\0';
		is = value(after, line);
		if (is != was)
			fail_msg("%s: %f was %f", line, is, was);
		n++;
	}
	assert_in_range(n, 20, METRICS_SERIES);
	assert_int_equal(count(after, "postern_unsure_total{"),
	    METRICS_PROVIDERS - gone + 1);
	assert_int_equal(
	    count(after, "postern_provider_usable{"), METRICS_PROVIDERS);
	scrape_free(before);
	scrape_free(after);
	stat_set(&source.overflow, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sixty_four_providers_with_everything_fit),
		cmocka_unit_test(no_counter_falls_where_providers_go),
		cmocka_unit_test(more_providers_are_other_and_are_counted),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/admin/stats.h"
#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/io/loop.h"
#include "postern/relay/relay_view.h"

#include "admin/metrics.h"
#include "postern/admin/pulse.h"

#include "relay_world.h"

static struct world world;
static struct stats_source source;
static struct tally nobody = { .name = "none" }, ses = { .name = "ses" };
static char name[] = "ses";
static struct loop *loop;
static struct relay_view_provider provider = { .name = name,
	.tally = &ses,
	.is_usable = true,
	.paused_since_ms = 1,
	.level_at = 1,
	.breaker = TALLY_HALF_OPEN,
	.sessions = { 1, 2, 3, 4, 5 },
	.waiting = { 7, 8, 9 },
	.sessions_max = 10,
	.per_second = 2.5 };
static struct relay_view_window window = {
	.owner = "limit/tenant", .window = "14 msg/1s", .used = 3, .max = 14
};
static const struct relay_view view = { .n = 1,
	.providers = &provider,
	.nwindows = 1,
	.windows = &window,
	.inhand = 12,
	.nobody = &nobody };

static int
set_up(void **state)
{
	struct err err;

	(void)state;
	world_init(&world);
	world_start(&world);
	assert_int_equal(loop_new(&loop, &err), 0);
	source = (struct stats_source){ .version = "9",
		.modules = "some",
		.hash = "0123456789abcdef",
		.turns_us = loop_turns_us(loop),
		.spool = world.sp,
		.relay = world.relay };
	stat_set(&source.beat_ms, clock_mono_ms());
	return 0;
}

static int
tear_down(void **state)
{
	(void)state;
	loop_free(&loop);
	world_done(&world);
	return 0;
}

static const char *const lines[] = {
	"postern_build_info{version=\"9\",modules=\"some\"} 1",
	"# TYPE postern_messages_received_total counter",
	"postern_config_refused 0",
	"postern_config_info{hash=\"0123456789abcdef\"} 1",
	"postern_queue_messages{state=\"held\",priority=\"low\"} 0",
	"postern_dns_lookups_total{result=\"found\"} 0",
	"postern_relay_deliveries 12",
	"postern_provider_usable{provider=\"ses\"} 1",
	"postern_provider_paused{provider=\"ses\"} 1",
	"postern_provider_level{provider=\"ses\"} 1",
	"postern_breaker_state{provider=\"ses\"} 2",
	"postern_upstream_connections{provider=\"ses\",state=\"idle\"} 2",
	"postern_upstream_connections_limit{provider=\"ses\"} 10",
	"postern_provider_waiting{provider=\"ses\"} 24",
	"postern_rate_limit{provider=\"ses\"} 2.5",
	"postern_quota_used{owner=\"limit/tenant\",window=\"14 msg/1s\"} 3",
	"postern_quota_limit{owner=\"limit/tenant\",window=\"14 msg/1s\"} 14",
	"postern_delivery_results_total{provider=\"ses\",result=\"delivered\"} "
	"2",
	"postern_delivery_results_total{provider=\"none\",result=\"bounced\"} "
	"1",
	"postern_delivery_seconds_bucket{provider=\"ses\",le=\"0.01\"} 1",
	"postern_delivery_seconds_bucket{provider=\"ses\",le=\"1\"} 2",
	"postern_delivery_seconds_bucket{provider=\"ses\",le=\"86400\"} 2",
	"postern_delivery_seconds_bucket{provider=\"ses\",le=\"+Inf\"} 3",
	"postern_delivery_seconds_sum{provider=\"ses\"} 90000.505",
	"postern_delivery_seconds_count{provider=\"ses\"} 3",
};

static bool
has_line(const char *text, const char *line)
{
	size_t n = strlen(line);

	for (const char *p = text; (p = strstr(p, line)) != NULL; p++) {
		if ((p == text || p[-1] == '\n') && p[n] == '\n')
			return true;
	}
	return false;
}

static void
each_figure_is_a_line(void **state)
{
	struct buf b;
	struct err err;

	(void)state;
	stat_add(&ses.results[TALLY_DELIVERED], 2);
	stat_add(&nobody.results[TALLY_BOUNCED], 1);
	stat_observe(&ses.delivery_ms, 5);
	stat_observe(&ses.delivery_ms, 500);
	stat_observe(&ses.delivery_ms, 90000000); /* beyond the last bound */
	buf_init(&b, 1 << 20);
	assert_int_equal(metrics_text(&source, &view, &b, &err), 0);
	assert_int_equal(buf_addf(&b, "%c", 0), 0);
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		if (!has_line(buf_str(&b).p, lines[i]))
			fail_msg("no line %s", lines[i]);
	}
	assert_null(strstr(buf_str(&b).p, "result=\"doubt\""));    /* never */
	assert_null(strstr(buf_str(&b).p, "queue_wait_seconds_")); /* never */
	stat_set(&source.refused_ms, 1);
	buf_done(&b);
	buf_init(&b, 1 << 20);
	assert_int_equal(metrics_text(&source, &view, &b, &err), 0);
	assert_int_equal(buf_addf(&b, "%c", 0), 0);
	assert_true(has_line(buf_str(&b).p, "postern_config_refused 1"));
	stat_set(&source.refused_ms, 0);
	buf_done(&b);
}

static void
what_does_not_fit_is_an_error(void **state)
{
	struct buf b;
	struct err err;

	(void)state;
	buf_init(&b, 2000);
	assert_int_equal(metrics_text(&source, &view, &b, &err), -1);
	assert_string_equal(err.text, "more than 2000 bytes");
	buf_done(&b);
}

static void
a_thread_that_says_nothing_is_named(void **state)
{
	struct err err;
	uint64_t now = clock_mono_ms();

	(void)state;
	assert_int_equal(pulse_alive(&source, &err), 0);
	assert_int_equal(pulse_ready(&source, &err), 0);
	stat_set(&source.beat_ms, now - PULSE_SILENT_MS + 5000);
	assert_int_equal(pulse_alive(&source, &err), 0);
	stat_set(&source.beat_ms, now - PULSE_SILENT_MS - 1000);
	assert_int_equal(pulse_alive(&source, &err), -1);
	assert_string_equal(err.text, "thread main has been silent for 31 s");
	assert_int_equal(pulse_ready(&source, &err), -1);
	stat_set(&source.beat_ms, now);
}

static void
who_stops_is_alive_but_not_ready(void **state)
{
	struct err err;

	(void)state;
	stat_set(&source.is_draining, 1);
	assert_int_equal(pulse_alive(&source, &err), 0);
	assert_int_equal(pulse_ready(&source, &err), -1);
	assert_string_equal(err.text, "it is stopping");
	stat_set(&source.is_draining, 0);
}

static void
a_minute_is_sixty_seconds(void **state)
{
	const struct stat_counter *c =
	    &relay_view_counters(world.relay)->delivered;

	(void)state;
	stats_tick(&source);
	stat_add((struct stat_counter *)(uintptr_t)c, 5);
	assert_int_equal(stats_out_minute(&source), 5); /* at once */
	for (int i = 0; i < STATS_MINUTE_S - 1; i++) {
		stats_tick(&source);
		assert_int_equal(stats_out_minute(&source), 5);
	}
	stats_tick(&source); /* since the first */
	assert_int_equal(stats_out_minute(&source), 5);
	stats_tick(&source);
	assert_int_equal(stats_out_minute(&source), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_figure_is_a_line),
		cmocka_unit_test(what_does_not_fit_is_an_error),
		cmocka_unit_test(a_thread_that_says_nothing_is_named),
		cmocka_unit_test(who_stops_is_alive_but_not_ready),
		cmocka_unit_test(a_minute_is_sixty_seconds),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wall clock that was ahead, and is set back.  The test has the clock: this
 * program's clock_gettime() comes before the one of libc.
 */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/spool/envelope.h"

#include "relay/setback.h"

#include "relay_world.h"

#define HOUR 3600000ll
#define DAY (24 * HOUR)

static _Atomic int64_t ahead_s;

int clock_gettime(clockid_t which, struct timespec *ts);

int
clock_gettime(clockid_t which, struct timespec *ts)
{
	int rc = (int)syscall(SYS_clock_gettime, which, ts);

	if (which == CLOCK_REALTIME)
		ts->tv_sec += atomic_load(&ahead_s);
	return rc;
}

static const struct fake_rule later[] = {
	{ .stage = "RCPT", .reply = "450 4.2.0 not now" }, { .stage = NULL }
};

/* So far from now. */
static int64_t
due_in_ms(struct world *w, uint64_t mid)
{
	struct spool_loaded l = world_load(w, mid);

	envelope_free(&l.env);
	return l.key.due_ms - clock_wall_ms();
}

static void
a_step_back_is_told_from_one_ahead(void **state)
{
	(void)state;
	assert_false(setback_is(5000, 5000));
	assert_false(setback_is(5000, HOUR)); /* set, or the machine slept */
	assert_false(setback_is(5000, -5000));
	assert_true(setback_is(5000, -5001));
	assert_true(setback_is(HOUR, 0));
	assert_true(setback_is(-HOUR, -2 * HOUR));
}

/* As they were left by a run before this one, whose clock was ahead. */
static void
a_start_finds_what_is_due_in_years(void **state)
{
	struct world w;
	uint64_t wish, near;

	(void)state;
	world_init(&w);
	(void)world_provider(&w, NULL);
	world_open(&w);
	for (uint8_t lane = 0; lane < 100; lane++)
		world_send(
		    &w, &(struct world_mail){
		            .age_ms = -(9 + lane) * 365 * DAY, .lane = lane });
	wish = world_send(
	    &w, &(struct world_mail){ .age_ms = 1000, .held_ms = 9 * DAY });
	near = world_send(&w, &(struct world_mail){ .age_ms = -23 * HOUR });
	relay_start(w.relay);
	fake_wait_mails(w.fake[0], 100);
	world_wait(&w, 2, 0, 0);
	world_wait_log(&w, "clock.setback", "deliveries=100");
	assert_true(due_in_ms(&w, wish) > 8 * DAY);
	assert_true(due_in_ms(&w, near) > 22 * HOUR);
	world_done(&w);
}

static void
what_is_put_off_is_due_within_the_longest_wait(void **state)
{
	struct world w;
	uint64_t mid;

	(void)state;
#ifdef TEST_CLOCK
	skip(); /* that one cannot be set */
#endif
	world_init(&w);
	(void)world_provider(&w, later);
	w.settings.retry.min_ms = w.settings.retry.max_ms = HOUR;
	atomic_store(&ahead_s, 6 * HOUR / 1000);
	world_start(&w);
	mid = world_send(&w, &(struct world_mail){ .rcpts = NULL });
	world_wait_log(&w, "deferred", "rcpt@example.net");
	atomic_store(&ahead_s, 0);
	world_wait_log(&w, "clock.setback", "deliveries=1");
	assert_in_range(due_in_ms(&w, mid), 0, HOUR + HOUR / 5);
	world_done(&w);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_step_back_is_told_from_one_ahead),
		cmocka_unit_test(a_start_finds_what_is_due_in_years),
		cmocka_unit_test(
		    what_is_put_off_is_due_within_the_longest_wait),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

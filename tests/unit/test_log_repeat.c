/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log_repeat.h"

static const struct log_event failed = { "login.failed", LOG_LEVEL_INFO,
	.by = "client" };
static const struct log_event strange = { "stranger", LOG_LEVEL_INFO,
	.by = "client" };
static const struct log_event refused = { "refused", LOG_LEVEL_INFO };

static struct str
client(unsigned i)
{
	static char text[32];

	snprintf(text, sizeof text, "192.0.%u.%u", i / 256, i % 256);
	return str_of(text);
}

static unsigned
take(const struct log_event *ev, unsigned i, unsigned times, uint64_t now_ms)
{
	unsigned written = 0;

	while (times-- > 0)
		written += log_repeat_take(ev, client(i), now_ms);
	return written;
}

static void
so_many_a_minute_and_a_count(void **state)
{
	struct log_repeat r;

	(void)state;
	log_repeat_max(3);
	assert_int_equal(take(&failed, 1, 5, 1000), 3);
	assert_int_equal(take(&failed, 2, 2, 1000), 2);  /* another client */
	assert_int_equal(take(&strange, 1, 2, 1000), 2); /* another event */
	assert_true(log_repeat_is_counting());
	assert_int_equal(take(&failed, 1, 2, 1000 + LOG_REPEAT_MS - 1), 0);
	assert_false(log_repeat_next(&r, 1000 + LOG_REPEAT_MS - 1));
	/* nobody has told it yet: it goes on */
	assert_int_equal(take(&failed, 1, 1, 1000 + LOG_REPEAT_MS), 0);
	assert_true(log_repeat_next(&r, 2000 + LOG_REPEAT_MS));
	assert_ptr_equal(r.ev, &failed);
	assert_string_equal(r.key, "192.0.0.1");
	assert_int_equal(r.more, 5);
	assert_int_equal(r.ms, LOG_REPEAT_MS + 1000);
	assert_false(log_repeat_next(&r, UINT64_MAX));
	assert_false(log_repeat_is_counting());
	/* a minute of its own for each */
	assert_int_equal(take(&failed, 1, 4, 3000 + LOG_REPEAT_MS), 3);
	assert_int_equal(take(&failed, 2, 4, 3000 + LOG_REPEAT_MS), 3);
	assert_true(log_repeat_next(&r, UINT64_MAX));
	assert_true(log_repeat_next(&r, UINT64_MAX));
	assert_false(log_repeat_next(&r, UINT64_MAX));
}

static void
none_is_held_back_without_a_bound(void **state)
{
	(void)state;
	log_repeat_max(0);
	assert_int_equal(take(&failed, 9, 1000, 1000), 1000);
	assert_false(log_repeat_is_counting());
}

static void
what_finds_no_room_is_written(void **state)
{
	unsigned written = 0, counted = 0;
	struct log_repeat r;

	(void)state;
	log_repeat_max(1);
	for (unsigned i = 0; i < 4 * LOG_REPEAT_KEYS; i++)
		written += take(&failed, i, 2, 500000);
	while (log_repeat_next(&r, UINT64_MAX))
		counted++;
	assert_true(counted <= LOG_REPEAT_KEYS);
	assert_true(counted > LOG_REPEAT_KEYS / 2);
	assert_int_equal(written + counted, 8 * LOG_REPEAT_KEYS);
	assert_int_equal(take(&failed, 1, 2, 500000), 1); /* there is again */
	while (log_repeat_next(&r, UINT64_MAX))
		;
}

static void
say(const struct log_event *ev, const char *who)
{
	struct log_line l;

	log_begin(&l, ev, 0, 0);
	log_cstr(&l, "client", who);
	log_end(&l);
}

static unsigned
lines_with(const char *path, const char *what)
{
	FILE *f = fopen(path, "r");
	char line[1024];
	unsigned n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, what) != NULL;
	fclose(f);
	return n;
}

static void
the_log_tells_the_count(void **state)
{
	char path[] = "/tmp/postern-log.XXXXXX";
	struct log_settings s = { .to = path,
		.level = LOG_LEVEL_INFO,
		.postfix_tag = "relay",
		.repeats = 10 };
	int fd = mkstemp(path);
	struct err err;

	(void)state;
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(log_start(&s, &err), 0);
	for (int i = 0; i < 25; i++) {
		say(&failed, "192.0.2.1");
		say(&refused, "192.0.2.1");
	}
	log_stop();
	assert_int_equal(lines_with(path, "event=login.failed client="), 10);
	assert_int_equal(lines_with(path, "event=refused client="), 25);
	assert_int_equal(
	    lines_with(path, "WARN  event=log.repeated of=login.failed "
	                     "client=192.0.2.1 count=15 seconds="),
	    1);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(so_many_a_minute_and_a_count),
		cmocka_unit_test(none_is_held_back_without_a_bound),
		cmocka_unit_test(what_finds_no_room_is_written),
		cmocka_unit_test(the_log_tells_the_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "postern/spool/spool.h"

#include "admin/trace_find.h"

#define ME "uid=33"

static struct spool_event
event(uint64_t mid, enum spool_event_kind kind, const char *client)
{
	struct spool_event e = { .mid = mid, .kind = kind, .nrcpts = 1 };

	e.rcpts[0] = spool_fingerprint(str_of("ann@example.com"));
	(void)snprintf(e.client, sizeof e.client, "%s", client);
	return e;
}

static void
find_one(struct trace_find *f, uint64_t mid, const char *client)
{
	struct spool_event came = event(mid, SPOOL_EVENT_ACCEPTED, client),
	                   left = event(mid, SPOOL_EVENT_DELIVERED, "");

	trace_find_event(f, &came);
	trace_find_event(f, &left);
}

static bool
shows(struct trace_find *f, uint64_t mid, const char *client)
{
	struct spool_event came = event(mid, SPOOL_EVENT_ACCEPTED, client),
	                   left = event(mid, SPOOL_EVENT_DELIVERED, "");
	bool is = trace_find_is_shown(f, &came);

	assert_int_equal(trace_find_is_shown(f, &left), is);
	return is;
}

static void
the_mail_of_others_takes_no_room(void **state)
{
	struct trace_find *f = trace_find_new(ME);

	(void)state;
	trace_find_name(f, str_of("ANN@example.com"));
	find_one(f, 1, ME);
	for (uint64_t mid = 2; mid < 3 * TRACE_FIND_MAX; mid++)
		find_one(f, mid, "192.0.2.7");
	assert_int_equal(trace_find_count(f), 1);
	assert_int_equal(trace_find_mid(f, 0), 1);
	assert_true(shows(f, 1, ME));
	assert_false(shows(f, 2, "192.0.2.7"));
	trace_find_free(&f);
	trace_find_free(&f);
}

static void
of_too_many_the_newest_are_found(void **state)
{
	static const char *const owns[] = { "", ME };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct trace_find *f = trace_find_new(owns[i]);

		trace_find_name(f, str_of("ann@example.com"));
		for (uint64_t mid = 1; mid <= TRACE_FIND_MAX + 1; mid++)
			find_one(f, mid, ME);
		assert_int_equal(trace_find_count(f), TRACE_FIND_MAX);
		assert_false(shows(f, 1, ME));
		assert_true(shows(f, 2, ME));
		assert_true(shows(f, TRACE_FIND_MAX + 1, ME));
		trace_find_free(&f);
	}
}

/* A provider's id stands in a later event than who handed it in. */
static void
own_mail_is_found_by_a_later_name(void **state)
{
	struct trace_find *f = trace_find_new(ME);
	struct spool_event e = event(0, SPOOL_EVENT_DELIVERED, "");

	(void)state;
	trace_find_name(f, str_of("4bXyZ"));
	e.provider_id = spool_fingerprint(str_of("4bXyZ"));
	for (uint64_t mid = 0; mid <= TRACE_FIND_OWN; mid++)
		find_one(f, mid, ME);
	find_one(f, TRACE_FIND_OWN + 1, "192.0.2.7");
	for (uint64_t mid = 0; mid <= TRACE_FIND_OWN + 2; mid++) {
		if (mid > 2 && mid < TRACE_FIND_OWN)
			continue;
		e.mid = mid; /* the last one came before the journal begins */
		trace_find_event(f, &e);
	}
	assert_int_equal(trace_find_count(f), 3);
	assert_int_equal(trace_find_mid(f, 0), 1); /* one over the bound */
	assert_int_equal(trace_find_mid(f, 1), 2);
	assert_int_equal(trace_find_mid(f, 2), TRACE_FIND_OWN);
	trace_find_free(&f);
}

static void
an_id_alone_shows_nothing_of_others(void **state)
{
	struct trace_find *f = trace_find_new(ME);

	(void)state;
	trace_find_id(f, 1);
	trace_find_id(f, 2);
	assert_true(shows(f, 1, ME));
	assert_false(shows(f, 2, "192.0.2.7"));
	assert_false(shows(f, 3, ME));
	trace_find_free(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_mail_of_others_takes_no_room),
		cmocka_unit_test(of_too_many_the_newest_are_found),
		cmocka_unit_test(own_mail_is_found_by_a_later_name),
		cmocka_unit_test(an_id_alone_shows_nothing_of_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "relay/tally_book.h"

static void
a_name_has_one_tally_and_many_share_the_last(void **state)
{
	struct tally_book *b = tally_book_new();
	struct tally *first = tally_book_of(b, "ses"), *last = NULL;
	char name[32];

	(void)state;
	assert_ptr_equal(tally_book_of(b, "ses"), first);
	assert_string_equal(first->name, "ses");
	assert_ptr_not_equal(tally_book_of(b, NULL), first);
	assert_string_equal(tally_book_of(b, NULL)->name, "none");
	assert_null(tally_book_others(b));
	for (size_t i = 2; i < TALLY_MAX; i++) { /* none, ses and these */
		(void)snprintf(name, sizeof name, "p%zu", i);
		last = tally_book_of(b, name);
		assert_string_equal(last->name, name);
	}
	assert_null(tally_book_others(b));
	assert_string_equal(tally_book_of(b, "one more")->name, "other");
	assert_ptr_equal(tally_book_of(b, "and another"), tally_book_others(b));
	assert_ptr_equal(tally_book_of(b, name), last);
	tally_book_free(&b);
	tally_book_free(&b);
}

static uint64_t
counted(const struct tally *t, enum tally_stage s)
{
	return stat_get(&t->stage_us[s].count);
}

static void
steps_are_timed_from_one_to_the_next(void **state)
{
	static const enum outcome_stage steps[] = { OUTCOME_DNS,
		OUTCOME_CONNECT, OUTCOME_BANNER, OUTCOME_EHLO, OUTCOME_STARTTLS,
		OUTCOME_TLS, OUTCOME_EHLO, OUTCOME_AUTH, OUTCOME_MAIL,
		OUTCOME_RCPT, OUTCOME_RCPT, OUTCOME_DATA, OUTCOME_DOT,
		OUTCOME_DOT, OUTCOME_IDLE };
	struct tally_book *b = tally_book_new();
	struct tally *t = tally_book_of(b, "ses");
	struct tally_watch w = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
		tally_book_step(t, &w, steps[i]);
	assert_int_equal(counted(t, TALLY_DNS), 1);
	assert_int_equal(counted(t, TALLY_CONNECT), 1);
	assert_int_equal(counted(t, TALLY_TLS), 1);
	assert_int_equal(counted(t, TALLY_LOGIN), 2); /* around TLS */
	assert_int_equal(counted(t, TALLY_ENVELOPE), 1);
	assert_int_equal(counted(t, TALLY_CONTENT), 2); /* pipelined */
	tally_book_step(t, &w, OUTCOME_MAIL); /* the pause counts nowhere */
	assert_int_equal(counted(t, TALLY_CONTENT), 2);
	tally_book_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_tally_and_many_share_the_last),
		cmocka_unit_test(steps_are_timed_from_one_to_the_next),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

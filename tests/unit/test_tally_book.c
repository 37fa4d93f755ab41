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
	size_t n;

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
	assert_ptr_equal(tally_book_all(b, &n)[0], first);
	assert_ptr_equal(tally_book_all(b, &n)[last->place], last);
	assert_int_equal(last->place, n - 1);
	assert_int_equal(first->place, 0);
	assert_int_equal(tally_book_others(b)->place, TALLY_MAX);
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

/* Each class is of one group, in both tables, and no group is without. */
static void
classes_are_put_together_and_none_is_lost(void **state)
{
	struct tally_book *b = tally_book_new();
	struct tally *t = tally_book_of(b, "ses");
	uint64_t attempts = 0, failures = 0, n = 0;

	(void)state;
	for (; tally_class_word(n) != NULL; n++) {
		stat_add(&t->attempts[n], 1);
		stat_add(&t->failures[n], 1);
	}
	for (int i = 0; i < TALLY_GROUPS; i++) {
		enum tally_group g = (enum tally_group)i;

		assert_true(tally_attempts(t, g) > 0);
		attempts += tally_attempts(t, g);
		failures += tally_failures(t, g);
	}
	assert_int_equal(attempts, n);
	assert_int_equal(failures, n);
	assert_int_equal(tally_failures(t, TALLY_GROUP_QUOTA), 0);
	assert_int_equal(tally_failures(t, TALLY_GROUP_BACKOFF), 4);
	assert_int_equal(tally_attempts(t, TALLY_GROUP_AUTH), 2);
	assert_string_equal(tally_group_word(TALLY_GROUP_AUTH), "auth");
	tally_book_free(&b);
}

static void
a_sum_has_what_each_has(void **state)
{
	struct tally_book *b = tally_book_new();
	struct tally *one = tally_book_of(b, "a"), *two = tally_book_of(b, "b"),
	             *sum = tally_book_of(b, "sum");

	(void)state;
	stat_add(&one->results[TALLY_DOUBT], 1);
	stat_add(&two->results[TALLY_DOUBT], 2);
	stat_add(&two->breaker[TALLY_HALF_OPEN], 3);
	stat_add(&two->unsure, 4);
	stat_observe(&one->stage_us[TALLY_TLS], 500);
	stat_observe(&two->stage_us[TALLY_TLS], 700);
	stat_observe(&two->delivery_ms, 30);
	tally_merge(sum, one);
	tally_merge(sum, two);
	assert_int_equal(stat_get(&sum->results[TALLY_DOUBT]), 3);
	assert_int_equal(stat_get(&sum->breaker[TALLY_HALF_OPEN]), 3);
	assert_int_equal(stat_get(&sum->unsure), 4);
	assert_int_equal(stat_get(&sum->stage_us[TALLY_TLS].count), 2);
	assert_int_equal(stat_get(&sum->stage_us[TALLY_TLS].sum), 1200);
	assert_int_equal(stat_get(&sum->delivery_ms.sum), 30);
	tally_book_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_has_one_tally_and_many_share_the_last),
		cmocka_unit_test(steps_are_timed_from_one_to_the_next),
		cmocka_unit_test(classes_are_put_together_and_none_is_lost),
		cmocka_unit_test(a_sum_has_what_each_has),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

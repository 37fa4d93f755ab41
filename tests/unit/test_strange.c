/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "relay/strange.h"

static void
the_tenth_in_a_row_from_three_senders_is(void **state)
{
	struct strange s = { 0 };

	(void)state;
	for (uint32_t i = 1; i < STRANGE_ROW; i++)
		assert_false(strange_note(&s, i % 3));
	assert_int_equal(strange_note(&s, 0), STRANGE_IS);
}

static void
two_senders_may_well_send_what_nobody_takes(void **state)
{
	struct strange s = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 1000; i++)
		assert_false(strange_note(&s, i % 2));
	assert_true(strange_note(&s, 2)); /* a third one, too */
}

static void
a_message_that_is_taken_ends_the_row(void **state)
{
	struct strange s = { 0 };

	(void)state;
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t i = 1; i < STRANGE_ROW; i++)
			assert_false(strange_note(&s, i));
		strange_clear(&s);
	}
}

static void
ten_without_a_recipient_are_the_providers(void **state)
{
	struct strange s = { 0 };

	(void)state;
	for (int i = 1; i < STRANGE_ROW; i++)
		assert_false(strange_note_later(&s));
	assert_true(strange_note_later(&s));
	assert_true(strange_note_later(&s));
	strange_clear(&s);
	assert_false(strange_note_later(&s));
}

/* One bad message alone does not keep a provider away from the others. */
static void
once_suspected_three_are_enough(void **state)
{
	struct strange s = { 0 };

	(void)state;
	strange_recall(&s); /* as after the tenth */
	for (int i = 0; i < 2; i++) {
		assert_int_equal(strange_note(&s, 7), STRANGE_PERHAPS);
		assert_int_equal(strange_note(&s, 7), STRANGE_PERHAPS);
		assert_int_equal(strange_note(&s, 7), STRANGE_IS);
	}
	strange_clear(&s);
	assert_int_equal(strange_note(&s, 7), STRANGE_NOT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_tenth_in_a_row_from_three_senders_is),
		cmocka_unit_test(two_senders_may_well_send_what_nobody_takes),
		cmocka_unit_test(a_message_that_is_taken_ends_the_row),
		cmocka_unit_test(ten_without_a_recipient_are_the_providers),
		cmocka_unit_test(once_suspected_three_are_enough),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

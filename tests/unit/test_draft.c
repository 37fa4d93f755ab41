/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "intake/draft.h"

static const struct {
	const char *why, *first, *second;
	bool is_same;
} pairs[] = {
	{ "letter by letter", "a@example.com", "a@example.com", true },
	{ "a domain has no case", "a@example.com", "a@EXAMPLE.com", true },
	{ "a local part has", "a@example.com", "A@example.com", false },
	{ "but for Postmaster", "postmaster@a.b", "Postmaster@a.b", true },
	{ "with no domain too", "postmaster", "POSTMASTER", true },
	{ "which is another one", "postmaster", "postmaster@a.b", false },
	{ "the last at sign divides", "\"A@b\"@c", "\"a@b\"@c", false },
	{ "a prefix is another one", "a@example.com", "a@example.co", false },
};

static void
the_same_recipient_is_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct draft d;

		draft_init(&d, 4096);
		assert_int_equal(draft_rcpt(&d, str_of(pairs[i].first),
		                     (struct str){ 0 }, 0),
		    0);
		if (draft_has(&d, str_of(pairs[i].second)) != pairs[i].is_same)
			fail_msg("%s", pairs[i].why);
		draft_done(&d);
	}
}

static void
words_and_recipients_become_an_envelope(void **state)
{
	struct envelope base = { .mid = 7, .size = 9, .flags = 3 };
	struct envelope *e;
	struct draft d;
	char name[32];

	(void)state;
	draft_init(&d, 1 << 20);
	assert_int_equal(draft_put(&d, DRAFT_SENDER, STR("")), 0);
	assert_int_equal(draft_put(&d, DRAFT_CLIENT, STR("192.0.2.1")), 0);
	assert_int_equal(draft_put(&d, DRAFT_LISTENER, STR("local")), 0);
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "u%d@example.com", i);
		assert_int_equal(draft_rcpt(&d, str_of(name),
		                     i == 5 ? STR("rfc822;x") : STR(""),
		                     i == 5 ? ENVELOPE_NOTIFY_NEVER : 0),
		    0);
	}
	e = draft_envelope(&d, &base);
	draft_done(&d);
	assert_int_equal(e->mid, 7);
	assert_int_equal(e->size, 9);
	assert_int_equal(e->flags, 3);
	assert_string_equal(e->sender, "");
	assert_string_equal(e->client, "192.0.2.1");
	assert_null(e->helo);
	assert_null(e->envid);
	assert_int_equal(e->nrcpts, 300);
	assert_string_equal(e->rcpts[299].address, "u299@example.com");
	assert_null(e->rcpts[299].orcpt);
	assert_string_equal(e->rcpts[5].orcpt, "rfc822;x");
	assert_int_equal(e->rcpts[5].notify, ENVELOPE_NOTIFY_NEVER);
	assert_int_equal(e->rcpts[5].state, ENVELOPE_QUEUED);
	envelope_free(&e);
}

static void
words_have_a_limit(void **state)
{
	struct draft d;

	(void)state;
	draft_init(&d, 32);
	assert_int_equal(draft_put(&d, DRAFT_SENDER, STR("0123456789")), 0);
	assert_int_equal(
	    draft_rcpt(&d, STR("0123456789"), STR("0123456789"), 0), -1);
	assert_int_equal(d.nrcpts, 0);
	assert_int_equal(
	    draft_put(&d, DRAFT_HELO, STR("01234567890123456789012345678901")),
	    -1);
	assert_null(draft_word(&d, DRAFT_HELO));
	assert_string_equal(draft_word(&d, DRAFT_SENDER), "0123456789");
	draft_done(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_recipient_is_known),
		cmocka_unit_test(words_and_recipients_become_an_envelope),
		cmocka_unit_test(words_have_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

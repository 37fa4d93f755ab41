/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/inlet/meter.h"

static const struct {
	const char *why, *verb;
	uint16_t code;
	const char *enhanced;
	const char *reason; /* NULL: no message is rejected by that */
} rows[] = {
	{ "two recipients too many", "RCPT", 452, "4.5.3", "recipients" },
	{ "a sender who may not", "MAIL", 550, "5.7.1", "policy" },
	{ "too large, said before", "MAIL", 552, "5.3.4", "size" },
	{ "too large, as it was", ".", 552, "5.3.4", "size" },
	{ "in a chunk", "BDAT", 552, "5.3.4", "size" },
	{ "NUL in the content", ".", 550, "5.5.2", "content" },
	{ "the same code, of a command", "MAIL", 500, "5.5.2", "syntax" },
	{ "a loop", ".", 554, "5.4.6", "content" },
	{ "a rate", "RCPT", 450, "4.7.1", "rate" },
	{ "no login", "MAIL", 530, "5.7.0", "login" },
	{ "no room", "DATA", 452, "4.3.1", "full" },
	{ "stopping", "MAIL", 421, "4.3.2", "busy" },
	{ "DATA first", "DATA", 503, "5.5.1", "order" },
	{ "a disk that fails", ".", 451, "4.3.0", "store" },
	{ "whatever comes later", ".", 599, "5.9.9", "other" },
	{ "none is said", ".", 554, "", "other" },
	{ "no mail yet", "EHLO", 501, "5.5.4", NULL },
	{ "a login", "AUTH", 535, "5.7.8", NULL },
	{ "nonsense", "?", 500, "5.5.2", NULL },
};

static void
a_rejection_has_one_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct meter *m = mem_new(sizeof *m);
		uint64_t n = 0;

		meter_rejection(
		    m, rows[i].verb, rows[i].code, rows[i].enhanced);
		for (int r = 0; r < METER_REASONS; r++) {
			if (stat_get(&m->rejected[r]) == 0)
				continue;
			n++;
			if (rows[i].reason == NULL ||
			    strcmp(meter_reason_word((enum meter_reason)r),
			        rows[i].reason) != 0)
				fail_msg("%s: %s", rows[i].why,
				    meter_reason_word((enum meter_reason)r));
		}
		if (n != (rows[i].reason != NULL))
			fail_msg("%s: %d", rows[i].why, (int)n);
		free(m);
	}
}

static void
what_is_in_no_list_is_other(void **state)
{
	struct meter *m = mem_new(sizeof *m);

	(void)state;
	meter_command(m, "NONSENSE", 500);
	meter_command(m, "?", 250);
	meter_command(m, "", 599);
	assert_string_equal(meter_verb_word(METER_VERBS - 1), "other");
	assert_int_equal(stat_get(&m->commands[METER_VERBS - 1][0]), 1);
	assert_int_equal(stat_get(&m->commands[METER_VERBS - 1][3]), 2);
	meter_login(m, "", METER_LOGIN_BROKEN);
	meter_login(m, "CRAM-MD5", METER_LOGIN_BROKEN);
	assert_string_equal(meter_mech_word(METER_MECHS - 1), "other");
	assert_int_equal(
	    stat_get(&m->logins[METER_MECHS - 1][METER_LOGIN_BROKEN]), 2);
	free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rejection_has_one_reason),
		cmocka_unit_test(what_is_in_no_list_is_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

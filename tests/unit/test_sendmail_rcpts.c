/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "tools/sendmail_rcpts.h"

static const struct {
	const char *why, *text, *want; /* separated by spaces */
	size_t nbad;
} rows[] = {
	{ "one", "ann@example.net", "ann@example.net", 0 },
	{ "nobody", "", "", 0 },
	{ "commas and nothing", " , ,, ", "", 0 },
	{ "without a domain", "root, \"a b\"", "root \"a b\"", 0 },
	{ "a name", "Ann Lee <ann@example.net>", "ann@example.net", 0 },
	{ "a quoted name with a comma", "\"Lee, Ann\" <a@b>, c@d", "a@b c@d",
	    0 },
	{ "comments, nested", "(x (y) z) a@b (c@d, e@f)", "a@b", 0 },
	{ "folded", " a@b,\r\n\tc@d\r\n", "a@b c@d", 0 },
	{ "blanks around the parts", "a @ b", "a@b", 0 },
	{ "a group", "team: a@b, C <c@d>; e@f", "a@b c@d e@f", 0 },
	{ "an empty group", "undisclosed-recipients:;", "", 0 },
	{ "a source route", "<@x,@y:a@b>", "a@b", 0 },
	{ "a literal", "a@[192.0.2.1]", "a@[192.0.2.1]", 0 },
	{ "UTF-8", "\xc3\xbc@\xc3\xa4.example", "\xc3\xbc@\xc3\xa4.example",
	    0 },
	{ "an encoded name", "=?UTF-8?B?w7w=?= <a@b>", "a@b", 0 },
	{ "what begins with a dash", "-fx@b", "-fx@b", 0 },
	{ "a path and a command are names like others", "/etc/x, |cat",
	    "/etc/x |cat", 0 },
	{ "words without <>", "Ann Lee, c@d", "c@d", 1 },
	{ "no domain behind the @", "a@, c@d", "c@d", 1 },
	{ "no local part", "@b", "", 1 },
	{ "an empty <>", "<>, Ann <>", "", 2 },
	{ "two addresses in one", "a@b c@d", "", 1 },
	{ "something behind <>", "<a@b> c", "", 1 },
	{ "an open <", "a@b, <c@d", "a@b", 1 },
	{ "an open quote", "\"a@b, c@d", "", 1 },
	{ "an open comment", "a@b, (c@d", "a@b", 1 },
	{ "a control character", "a\x01@b, c@d", "", 1 },
	{ "a line end inside", "\"a\r\nb\"@c", "", 1 },
	{ "bytes that are no UTF-8", "\xff@b", "", 1 },
};

static void
lists_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sendmail_rcpts r = { 0 };
		char got[512] = "";

		assert_true(sendmail_rcpts_add(&r, str_of(rows[i].text)));
		for (size_t k = 0; k < r.n; k++) {
			strcat(got, k > 0 ? " " : "");
			strcat(got, r.v[k]);
		}
		if (strcmp(got, rows[i].want) != 0 || r.nbad != rows[i].nbad)
			fail_msg(
			    "%s: \"%s\", %zu bad", rows[i].why, got, r.nbad);
		sendmail_rcpts_done(&r);
	}
}

static void
utf8_is_noticed(void **state)
{
	struct sendmail_rcpts r = { 0 };

	(void)state;
	assert_true(sendmail_rcpts_add(&r, STR("\xc3\xbc <a@b>")));
	assert_false(r.has_utf8);
	assert_true(sendmail_rcpts_add(&r, STR("\xc3\xbc@b")));
	assert_true(r.has_utf8);
	assert_int_equal(r.n, 2);
	sendmail_rcpts_done(&r);
}

static void
there_is_a_most(void **state)
{
	struct sendmail_rcpts r = { 0 };
	size_t n = SENDMAIL_RCPTS_MAX;
	char *text = mem_new(2 * n + 1);

	(void)state;
	for (size_t i = 0; i < n; i++)
		memcpy(text + 2 * i, "a,", 2);
	assert_true(sendmail_rcpts_add(&r, (struct str){ text, 2 * n }));
	assert_int_equal(r.n, n);
	assert_false(sendmail_rcpts_add(&r, STR("one@b")));
	assert_int_equal(r.n, n);
	sendmail_rcpts_done(&r);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_are_read),
		cmocka_unit_test(utf8_is_noticed),
		cmocka_unit_test(there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/err.h"

static void
an_error_has_a_kind_and_a_sentence(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(err_set(&err, ERR_LIMIT, "%d of %s", 3, "four"), -1);
	assert_int_equal(err.kind, ERR_LIMIT);
	assert_string_equal(err.text, "3 of four");
	assert_int_equal(err_set(NULL, ERR_LIMIT, "nobody asks"), -1);
	assert_int_equal(err_set(&err, ERR_STORE, "so: %s", err.text), -1);
	assert_string_equal(err.text, "so: 3 of four");
}

static void
a_system_error_tells_errno_and_keeps_it(void **state)
{
	struct err err;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_sys(&err, "open %s", "/x"), -1);
	assert_int_equal(err.kind, ERR_SYSTEM);
	assert_string_equal(err.text, "open /x: No such file or directory");
	assert_int_equal(errno, ENOENT);
	assert_int_equal(err_sys(NULL, "x"), -1);
}

static void
wrapping_puts_words_before(void **state)
{
	struct err err;

	(void)state;
	err_set(&err, ERR_TLS, "handshake failed");
	assert_int_equal(err_wrap(&err, "provider %s", "ses"), -1);
	assert_string_equal(err.text, "provider ses: handshake failed");
	assert_int_equal(err.kind, ERR_TLS);
	assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void
long_sentences_are_cut(void **state)
{
	struct err err;
	char lots[1000];

	(void)state;
	memset(lots, 'x', sizeof lots - 1);
	lots[sizeof lots - 1] = '\0';
	err_set(&err, ERR_FORMAT, "%s", lots);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	err_wrap(&err, "%s", lots);
	assert_int_equal(strlen(err.text), sizeof err.text - 1);
	errno = EIO; /* the reason stays even behind a long text */
	err_sys(&err, "%s", lots);
	assert_non_null(strstr(err.text, ": Input/output error"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_error_has_a_kind_and_a_sentence),
		cmocka_unit_test(a_system_error_tells_errno_and_keeps_it),
		cmocka_unit_test(wrapping_puts_words_before),
		cmocka_unit_test(long_sentences_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

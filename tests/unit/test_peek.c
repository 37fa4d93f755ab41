/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "intake/peek.h"

/* What was handed over: "name=value;" each. */
static struct buf seen;
static unsigned nseen;

static bool
wants(void *arg, struct str name)
{
	(void)arg;
	return str_is(name, "X-Campaign") || str_is(name, "Subject");
}

static void
field(void *arg, struct str name, struct str value)
{
	(void)arg;
	nseen++;
	if (buf_add(&seen, name.p, name.len) != 0 ||
	    buf_add(&seen, "=", 1) != 0 ||
	    buf_add(&seen, value.p, value.len) != 0 ||
	    buf_add(&seen, ";", 1) != 0)
		fail();
}

static const struct peek_hooks hooks = { wants, field };

/* step 0: the whole at once. */
static void
run(struct str text, size_t step)
{
	struct peek k;

	buf_clear(&seen);
	nseen = 0;
	peek_init(&k, &hooks, NULL);
	for (size_t at = 0; at < text.len;) {
		size_t n =
		    step == 0 || step > text.len - at ? text.len - at : step;

		peek_feed(&k, text.p + at, n);
		at += n;
	}
	if (!k.is_over)
		peek_end(&k);
	peek_done(&k);
}

static const struct {
	const char *why, *text, *want;
} rows[] = {
	{ "one field among others",
	    "From: a@b.c\r\nX-Campaign: spring\r\nTo: d@e.f\r\n\r\n",
	    "X-Campaign=spring;" },
	{ "the case of a name does not count", "x-CAMPAIGN: a\r\n\r\n",
	    "x-CAMPAIGN=a;" },
	{ "blanks at both ends go", "Subject: \t a b \t \r\n\r\n",
	    "Subject=a b;" },
	{ "a run of blanks is one", "Subject: a \t  b\r\n\r\n",
	    "Subject=a b;" },
	{ "folded lines are one value", "Subject: a\r\n b\r\n\tc\r\n\r\n",
	    "Subject=a b c;" },
	{ "a value may begin on the next line", "Subject:\r\n a\r\n\r\n",
	    "Subject=a;" },
	{ "an empty value is one", "Subject:\r\n\r\n", "Subject=;" },
	{ "each field of a name", "Subject: a\r\nSubject: b\r\n\r\n",
	    "Subject=a;Subject=b;" },
	{ "a colon inside belongs to the value", "Subject: a: b\r\n\r\n",
	    "Subject=a: b;" },
	{ "white space before the colon", "Subject : a\r\n\r\n", "Subject=a;" },
	{ "but not inside a name", "Sub ject: a\r\n\r\n", "" },
	{ "what goes on behind another field is its",
	    "To: a\r\n Subject: b\r\n\r\n", "" },
	{ "a line that only goes on", " Subject: b\r\n\r\n", "" },
	{ "a longer name is another one", "Subject2: a\r\n\r\n", "" },
	{ "a name as long as none may be",
	    "1234567890123456789012345678901234567890123456789012345678901234"
	    "Subject: a\r\n\r\n",
	    "" },
	{ "a line without a colon", "Subject\r\n\r\n", "" },
	{ "a colon in front", ": a\r\nSubject: b\r\n\r\n", "Subject=b;" },
	{ "the body is none of it", "To: a\r\n\r\nSubject: b\r\n", "" },
	{ "nor is it behind an empty first line", "\r\nSubject: b\r\n", "" },
	{ "a header without a body", "Subject: b\r\n", "Subject=b;" },
	{ "and without a line's end", "Subject: b", "Subject=b;" },
	{ "lines may end with LF", "Subject: a\n b\n\nSubject: c\n",
	    "Subject=a b;" },
};

static void
fields_that_are_wanted_are_handed_over(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (size_t step = 0; step < 9; step++) {
			run(str_of(rows[i].text), step);
			if (!str_eq(buf_str(&seen), str_of(rows[i].want)))
				fail_msg("%s (by %zu): %.*s", rows[i].why, step,
				    (int)seen.len, buf_at(&seen));
		}
	}
}

static void
a_value_is_cut_at_its_limit(void **state)
{
	char *text = mem_new(PEEK_VALUE_MAX + 100);

	(void)state;
	strcpy(text, "Subject:");
	memset(text + 8, 'a', PEEK_VALUE_MAX);
	strcpy(text + 8 + PEEK_VALUE_MAX, "\r\n\r\n");
	run(str_of(text), 0);
	assert_int_equal(seen.len, strlen("Subject=;") + PEEK_VALUE_MAX);
	strcpy(text + 8 + PEEK_VALUE_MAX, "b c\r\n d\r\n\r\n");
	run(str_of(text), 1);
	assert_int_equal(seen.len, strlen("Subject=;") + PEEK_VALUE_MAX);
	assert_null(memchr(buf_at(&seen), ' ', seen.len));
	free(text);
}

static void
no_more_fields_than_the_limit_are_looked_at(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 1 << 20);
	for (unsigned i = 0; i < PEEK_FIELDS_MAX + 1; i++)
		assert_int_equal(buf_adds(&text, "Subject: a\r\n"), 0);
	run(buf_str(&text), 0);
	assert_int_equal(nseen, PEEK_FIELDS_MAX);
	buf_done(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_that_are_wanted_are_handed_over),
		cmocka_unit_test(a_value_is_cut_at_its_limit),
		cmocka_unit_test(no_more_fields_than_the_limit_are_looked_at),
	};
	int rc;

	buf_init(&seen, 1 << 20);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	buf_done(&seen);
	return rc;
}

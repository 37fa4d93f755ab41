/* SPDX-License-Identifier: Apache-2.0 */
/* What "postern help" has of the pages: all of it, and nothing of their marks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/str.h"
#include "postern/conf/conf.h"
#include "tools/help_text.h"

#define COLUMNS 80

/* The caller's to free. */
static char *
text_of(const char *page, const char *name, size_t *lines)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	assert_non_null(out);
	*lines = help_text_print(out, page, name);
	assert_int_equal(fclose(out), 0);
	return text;
}

/* A command that is to be typed stays whole. */
static void
check_line(const char *name, struct str line)
{
	char *copy = strndup(line.p, line.len);

	assert_non_null(copy);
	if (line.len > COLUMNS && strstr(copy, "openssl") == NULL)
		fail_msg("%s: is too long: %s", name, copy);
	if (strstr(copy, "\\(") != NULL || strstr(copy, "\\&") != NULL ||
	    strncmp(copy, "  .", 3) == 0)
		fail_msg("%s: has marks: %s", name, copy);
	free(copy);
}

static void
check_entry(const char *page, const char *name)
{
	size_t lines;
	char *text = text_of(page, name, &lines);
	struct str all = str_of(text);

	if (lines == 0)
		fail_msg("%s: has no entry", name);
	while (all.len > 0)
		check_line(name, str_cut(&all, '\n'));
	free(text);
}

static void
each_key_has_its_entry(void **state)
{
	char *keys = NULL, *name;
	size_t len;
	FILE *out = open_memstream(&keys, &len);
	struct str all;

	(void)state;
	assert_non_null(out);
	conf_keys(out);
	assert_int_equal(fclose(out), 0);
	all = str_of(keys);
	while (all.len > 0) {
		struct str line = str_cut(&all, '\n');
		struct str path = str_cut(&line, '\t');

		name = strndup(path.p, path.len);
		assert_non_null(name);
		check_entry(HELP_TEXT_KEYS, name);
		free(name);
	}
	free(keys);
}

static const struct {
	const char *page, *name, *has;
} rows[] = {
	/* the line that the table says, too, is not there twice */
	{ HELP_TEXT_KEYS, "inlet_threads",
	    "  Threads that talk with clients. One is enough for some ten "
	    "thousand messages\n" },
	{ HELP_TEXT_KEYS, "users_file", "see \"The users file\"." },
	{ HELP_TEXT_KEYS, "domain", "'@'" },
	{ HELP_TEXT_KEYS, "control", "Where postern(8) asks the running" },
	{ HELP_TEXT_KEYS, "max_received", "(554\n  5.4.6).\n" },
	{ HELP_TEXT_COMMANDS, "dead",
	    "\n\n  list\n      Some lines each, in the order" },
	{ HELP_TEXT_COMMANDS, "dead",
	    "'expired' or 'attempts'; none where it was refused)" },
	{ HELP_TEXT_COMMANDS, "passwd", "\n\n  --scram\n      Keeps" },
	{ HELP_TEXT_COMMANDS, "dkim", "  dkim genkey\n  Makes a key" },
};

static void
it_reads_as_the_page_does(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t lines;
		char *text = text_of(rows[i].page, rows[i].name, &lines);

		check_entry(rows[i].page, rows[i].name);
		if (strstr(text, rows[i].has) == NULL)
			fail_msg("%s: not in it: %s: %s", rows[i].name,
			    rows[i].has, text);
		free(text);
	}
}

static void
what_is_not_there_is_nothing(void **state)
{
	size_t lines;
	char *text = text_of(HELP_TEXT_KEYS, "passwd", &lines);

	(void)state;
	assert_int_equal(lines, 0);
	assert_string_equal(text, "");
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_key_has_its_entry),
		cmocka_unit_test(it_reads_as_the_page_does),
		cmocka_unit_test(what_is_not_there_is_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/help_key.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "postern/base/mem.h"
#include "postern/base/standard.h"
#include "postern/base/str.h"
#include "postern/conf/conf.h"

#include "tools/help_text.h"

#define COLUMNS 80
#define VALUE_COLUMN 12

/* A word with what divides it from the next one. */
static size_t
next_word(struct str s)
{
	size_t n = 0;

	while (n < s.len && s.p[n] != ' ' && s.p[n] != '|')
		n++;
	return n < s.len ? n + 1 : n;
}

static void
print_part(const char *label, struct str value)
{
	size_t at = VALUE_COLUMN;

	if (str_is(value, "-"))
		return;
	(void)printf("  %-9s ", label);
	while (value.len > 0) {
		size_t n = next_word(value);

		if (at > VALUE_COLUMN && at + n > COLUMNS) {
			(void)printf("\n%*s", VALUE_COLUMN, "");
			at = VALUE_COLUMN;
		}
		(void)printf("%.*s", (int)n, value.p);
		at += n;
		value = (struct str){ value.p + n, value.len - n };
	}
	(void)putchar('\n');
}

/* A line of conf_keys(). */
static void
print_key(struct str line)
{
	struct str path = str_cut(&line, '\t');

	(void)printf("%.*s\n", (int)path.len, path.p);
	print_part("type", str_cut(&line, '\t'));
	print_part("default", str_cut(&line, '\t'));
	print_part("range", str_cut(&line, '\t'));
	print_part("unit", str_cut(&line, '\t'));
	(void)printf("  %-9s by a %.*s\n", "taken up", (int)line.len, line.p);
}

/* With what it is for. */
static void
print_entry(struct str line)
{
	struct str rest = line, path = str_cut(&rest, '\t');
	char *name = mem_strn(path.p, path.len);

	print_key(line);
	(void)putchar('\n');
	(void)help_text_print(stdout, HELP_TEXT_KEYS, name);
	free(name);
}

static bool
fits(struct str line, const char *key, bool exactly)
{
	struct str path = str_cut(&line, '\t');

	return exactly ? str_is(path, key) : str_has_case(path, str_of(key));
}

/* How many there are; fn is called for each. */
static size_t
each(struct str all, const char *key, bool exactly, void (*fn)(struct str line))
{
	size_t n = 0;

	while (all.len > 0) {
		struct str line = str_cut(&all, '\n');

		if (!fits(line, key, exactly))
			continue;
		if (fn != NULL)
			fn(line);
		n++;
	}
	return n;
}

/* The key, the one with such a name, or all that have it in theirs. */
static size_t
print_all(struct str all, const char *key)
{
	size_t n = each(all, key, true, print_entry);

	if (n > 0)
		return n;
	n = each(all, key, false, NULL);
	(void)each(all, key, false, n == 1 ? print_entry : print_key);
	if (n > 1)
		(void)puts("The whole name of one has the help tell what it is "
		           "for.");
	return n;
}

int
help_key_run(const char *key)
{
	char *text = NULL;
	size_t len = 0, n;
	FILE *out = open_memstream(&text, &len);

	assert(out != NULL); /* as out of memory */
	conf_keys(out);
	(void)fclose(out);
	assert(text != NULL);
	n = print_all((struct str){ text, len }, key);
	free(text);
	if (n == 0) {
		(void)fprintf(stderr,
		    "postern: there is neither a command nor a key %s; see "
		    "postern help all, postern.conf(5)\n",
		    key);
		return EX_DATAERR;
	}
	return standard_written() ? 0 : EX_IOERR;
}

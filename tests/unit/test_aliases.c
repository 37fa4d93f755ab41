/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/buf.h"
#include "postern/mail/local.h"

#define TEXT_MAX (4u << 20)

static const char *domains[] = { "web1", "localhost" };

/* --- what names become ------------------------------------------------------
 */

static void
add(void *arg, const char *address)
{
	struct buf *b = arg;

	assert_int_equal(buf_addf(b, "%s ", address), 0);
}

static void
no_mistake(void *arg, unsigned line, const char *text)
{
	(void)arg;
	fail_msg("line %u: %s", line, text);
}

static const struct {
	const char *why, *text, *name, *becomes; /* NULL: it is no alias */
} names[] = {
	{ "one address", "ann: ann@example.com\n", "ann", "ann@example.com " },
	{ "a name has no case", "Ann: ann@example.com\n", "aNN",
	    "ann@example.com " },
	{ "another name", "ann: ann@example.com\n", "an", NULL },
	{ "several", "ops: a@example.com,b@example.com , c@example.com\n",
	    "ops", "a@example.com b@example.com c@example.com " },
	{ "lines that go on", "ops: a@example.com,\n\tb@example.com\n  ,c@d.e",
	    "ops", "a@example.com b@example.com c@d.e " },
	{ "a comment between them", "ops: a@b.c,\n# no\n  # no\n\n d@e.f\n",
	    "ops", "a@b.c d@e.f " },
	{ "nothing in the first line", "ops:\n a@b.c\n", "ops", "a@b.c " },
	{ "commas without an address", "ops: ,a@b.c,,\n", "ops", "a@b.c " },
	{ "blanks around a name", "ops : a@b.c\n", "ops", "a@b.c " },
	{ "a name in quotes", "\"a b\": a@b.c\n", "\"a b\"", "a@b.c " },
	{ "quotes that are not needed", "\"ops\": a@b.c\n", "ops", "a@b.c " },
	{ "a colon in a name", "\"a:b\": a@b.c\n", "\"a:b\"", "a@b.c " },
	{ "an address in quotes", "ops: \"a@b.c\"\n", "ops", "a@b.c " },
	{ "a local part in quotes", "ops: \"a, b\"@b.c, x@y.z\n", "ops",
	    "\"a, b\"@b.c x@y.z " },
	{ "another name", "ops: ann\nANN: a@b.c\n", "ops", "a@b.c " },
	{ "one at a name of this host", "ops: ann@LocalHost\nann: a@b.c\n",
	    "ops", "a@b.c " },
	{ "names in names; who is named twice reads once",
	    "a: b, c\nb: c, x@b.c\nc: y@b.c\n", "a", "y@b.c x@b.c " },
	{ "one that is no alias is root's to read", "a: b, x@b.c\n", "a",
	    "ops@example.com x@b.c " },
	{ "root itself, too", "postmaster: root\n", "postmaster",
	    "ops@example.com " },
	{ "but an alias of that name goes before", "root: r@b.c\nx: root\n",
	    "x", "r@b.c " },
	{ "an empty file", "", "root", NULL },
	{ "comments alone", "# root: a@b.c\n\n", "root", NULL },
};

static void
a_name_becomes_addresses(void **state)
{
	const struct local host = {
		.root = "ops@example.com", .domains = domains, .ndomains = 2
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct aliases *a = NULL;
		struct buf made;
		bool found;

		buf_init(&made, TEXT_MAX);
		assert_int_equal(aliases_parse(&a, str_of(names[i].text), &host,
		                     no_mistake, NULL),
		    0);
		found = aliases_expand(a, str_of(names[i].name), add, &made);
		if (found != (names[i].becomes != NULL) ||
		    (found &&
		        !str_eq(buf_str(&made), str_of(names[i].becomes))))
			fail_msg("%s: %.*s", names[i].why, (int)made.len,
			    buf_str(&made).p);
		buf_done(&made);
		aliases_free(&a);
		aliases_free(&a); /* twice is harmless */
	}
}

/* --- mistakes ---------------------------------------------------------------
 */

struct told {
	struct buf text; /* "LINE:WORDS\n" */
};

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	struct told *t = arg;

	assert_int_equal(buf_addf(&t->text, "%u: %s\n", line, text), 0);
}

static const struct {
	const char *why, *text, *told; /* a part of what is told */
} mistakes[] = {
	{ "a command", "a: x@b.c\nb: |/bin/cat\n",
	    "2: \"|/bin/cat\" is a command" },
	{ "a command in quotes", "b: \"|vacation b, c\"\n",
	    "1: \"|vacation b, c\" is a command" },
	{ "a file", "b: x@b.c,\n /var/mail/b\n",
	    "2: \"/var/mail/b\" is a file" },
	{ "a file in quotes", "b: \"/var/mail/b\"\n", "is a file" },
	{ "a list elsewhere", "b: :include:/etc/list\n",
	    "1: \":include:/etc/list\" is a list in another file" },
	{ "a mailbox here", "ann: \\ann, a@b.c\n",
	    "1: \"\\\\ann\" would stay on this host" },
	{ "a comment behind", "ann: a@b.c # hers\n",
	    "1: \"# hers\" is no address; write a comment on" },
	{ "no comma", "ann: a@b.c d@e.f\n",
	    "1: \"d@e.f\" stands behind an address without a comma" },
	{ "no comma at a line's end", "ann: a@b.c\n d@e.f\n",
	    "2: \"d@e.f\" stands behind" },
	{ "a display name", "ann: Ann <a@b.c>\n",
	    "1: \"<a@b.c>\" is no address; write that alone" },
	{ "brackets", "ann: <a@b.c>\n", "1: \"<a@b.c>\" is no address" },
	{ "quotes without an end", "ann: \"a@b.c\n", "is no address" },
	{ "no ASCII", "ann: \xc3\xa4@b.c\n", "is not ASCII" },
	{ "no colon", "ann a@b.c\n", "1: \"ann a@b.c\" has no \":\"" },
	{ "no name", ": a@b.c\n", "1: \"\" is no name" },
	{ "a domain", "ann@web1: a@b.c\n", "1: \"ann@web1\" has a domain" },
	{ "no address", "ann:\nbob: a@b.c\n", "1: \"ann\" has no address" },
	{ "no address at the end", "bob: a@b.c\nann: ,\n",
	    "2: \"ann\" has no address" },
	{ "a name twice", "ann: a@b.c\n\nAnn: d@e.f\n",
	    "3: \"Ann\" stands in line 1 already" },
	{ "nothing to go on from", "\n ann: a@b.c\n",
	    "2: \"ann: a@b.c\" goes on from no name" },
	{ "a line's end", "ann: a@b.c\r\n", "1: the line ends in CR LF" },
	{ "a control character", "ann: a@b.c\x01\n", "1: has a control" },
	{ "no UTF-8", "\xff: a@b.c\n", "1: is not UTF-8" },
	{ "one that names itself", "ann: ann, a@b.c\n",
	    "1: \"ann\" comes back to itself" },
	{ "a loop", "a: b\nb: c\nc: x@b.c, A@web1\n",
	    "3: \"c\" comes back to itself" },
	{ "one that nobody reads", "ann: bob\n",
	    "1: \"bob\" is of this host and no alias itself" },
	{ "the same at this host", "ann: a@b.c,\n bob@localhost\n",
	    "2: \"bob@localhost\" is of this host" },
};

/* What is told of text where root is not set; *n: how much. */
static char *
told_of(struct str text, size_t *n)
{
	const struct local host = { .domains = domains, .ndomains = 2 };
	struct aliases *a = NULL;
	struct told t;
	char *out;

	buf_init(&t.text, TEXT_MAX);
	if (aliases_parse(&a, text, &host, on_mistake, &t) == 0)
		aliases_free(&a);
	assert_null(a);
	out = calloc(1, t.text.len + 1);
	assert_non_null(out);
	if (t.text.len > 0)
		memcpy(out, buf_str(&t.text).p, t.text.len);
	*n = 0;
	for (const char *p = out; *p != '\0'; p++)
		*n += *p == '\n';
	buf_done(&t.text);
	return out;
}

static void
a_mistake_has_its_line(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
		size_t n;
		char *told = told_of(str_of(mistakes[i].text), &n);

		if (n != 1 || strstr(told, mistakes[i].told) == NULL)
			fail_msg("%s: %s", mistakes[i].why, told);
		free(told);
	}
}

static void
all_mistakes_are_told_at_once(void **state)
{
	size_t n;
	char *told = told_of(
	    STR("a: |x\nb\n  more of b\nc: /x,\n  /y\ne: d,\n  f\n"), &n);

	(void)state;
	assert_int_equal(n, 6);
	assert_non_null(strstr(told, "6: \"d\" is of this host"));
	assert_non_null(strstr(told, "7: \"f\" is of this host"));
	free(told);
}

/* --- bounds -----------------------------------------------------------------
 */

/* "a0: a1" ... up to an address: n names between the first and that. */
static void
put_chain(struct buf *b, unsigned n, bool backwards)
{
	for (unsigned k = 0; k <= n; k++) {
		unsigned i = backwards ? n - k : k;
		int rc = i < n ? buf_addf(b, "a%u: a%u\n", i, i + 1)
		               : buf_addf(b, "a%u: x@b.c\n", i);

		assert_int_equal(rc, 0);
	}
}

/* A list of n addresses. */
static void
put_list(struct buf *b, const char *name, unsigned n)
{
	assert_int_equal(buf_addf(b, "%s:\n", name), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_addf(b, " %s%u@b.c,\n", name, i), 0);
}

static void
put_names(struct buf *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(buf_addf(b, "n%u: x@b.c\n", i), 0);
}

static void
expect(struct buf *b, const char *part)
{
	size_t n;
	char *told = told_of(buf_str(b), &n);

	if (part == NULL ? n != 0 : n != 1 || strstr(told, part) == NULL)
		fail_msg("%s: %.200s", part != NULL ? part : "nothing", told);
	free(told);
	buf_clear(b);
}

static void
names_lists_and_depth_have_bounds(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, TEXT_MAX);
	put_chain(&b, ALIASES_DEPTH_MAX, false);
	expect(&b, NULL);
	put_chain(&b, ALIASES_DEPTH_MAX, true);
	expect(&b, NULL);
	put_chain(&b, ALIASES_DEPTH_MAX + 1, false);
	expect(&b, "12: \"a11\" is at the end of more than 10 names");
	put_chain(&b, ALIASES_DEPTH_MAX + 1, true);
	expect(&b, "12: \"a0\" leads by more than 10 names");
	put_list(&b, "l", ALIASES_MEMBERS_MAX);
	expect(&b, NULL);
	put_list(&b, "l", ALIASES_MEMBERS_MAX + 1);
	expect(&b, "1002: \"l\" has more than 1000 addresses");
	put_list(&b, "l", ALIASES_MEMBERS_MAX / 2);
	put_list(&b, "k", ALIASES_MEMBERS_MAX / 2);
	assert_int_equal(buf_adds(&b, "all: l, k\n"), 0);
	expect(&b, NULL);
	put_list(&b, "l", ALIASES_MEMBERS_MAX / 2);
	put_list(&b, "k", ALIASES_MEMBERS_MAX / 2);
	assert_int_equal(buf_adds(&b, "all: l, k, x@b.c\n"), 0);
	expect(&b, "\"all\" becomes more than 1000 addresses");
	put_names(&b, ALIASES_NAMES_MAX);
	expect(&b, NULL);
	put_names(&b, ALIASES_NAMES_MAX + 1);
	expect(&b, "10001: \"n10000\" is beyond the 10000 names");
	buf_done(&b);
}

/* --- who reads --------------------------------------------------------------
 */

static void
a_name_without_alias_is_roots_to_read(void **state)
{
	struct local host = { .domains = domains, .ndomains = 2 };
	struct aliases *a = NULL;
	struct buf made;

	(void)state;
	buf_init(&made, TEXT_MAX);
	assert_int_equal(
	    aliases_parse(&a, STR("ann: a@b.c\n"), &host, no_mistake, NULL), 0);
	assert_int_equal(aliases_count(a), 1);
	assert_false(local_readers(&host, STR("ann"), add, &made));
	host.aliases = a;
	assert_true(local_readers(&host, STR("ann"), add, &made));
	assert_false(local_readers(&host, STR("bob"), add, &made));
	host.root = "ops@example.com";
	assert_true(local_readers(&host, STR("bob"), add, &made));
	assert_true(str_eq(buf_str(&made), STR("a@b.c ops@example.com ")));
	buf_done(&made);
	aliases_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_becomes_addresses),
		cmocka_unit_test(a_mistake_has_its_line),
		cmocka_unit_test(all_mistakes_are_told_at_once),
		cmocka_unit_test(names_lists_and_depth_have_bounds),
		cmocka_unit_test(a_name_without_alias_is_roots_to_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* providers.dkim and routes.dkim: keys, what follows from them, mistakes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/relay/dkim_key.h"
#include "postern/relay/outfit.h"
#include "postern/relay/relay.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static char dir[] = "/tmp/test_conf_dkim.XXXXXX";

static char *
path_of(const char *name)
{
	return mem_printf("%s/%s", dir, name);
}

static void
put_file(const char *name, const char *p, size_t n)
{
	char *path = path_of(name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, 0640), 0);
	free(path);
}

static void
put_key(const char *name, unsigned bits)
{
	struct buf pem;
	struct err err;

	buf_init(&pem, DKIM_KEY_FILE_MAX);
	assert_int_equal(dkim_key_make(&pem, bits, &err), 0);
	put_file(name, buf_at(&pem), pem.len);
	buf_wipe(&pem);
}

/* "$" stands for the directory, "KEYS" for a complete entry's begin. */
static void
put_conf(const char *text)
{
	static const char begin[] =
	    "domain = \"example.com\"; selector = \"s\";"
	    " key_file = \"$/ed.pem\";";
	char all[2048] = "user = \"root\"; ";
	size_t n = strlen(all);
	char *with = mem_str(text), *at = strstr(with, "KEYS");

	if (at != NULL) {
		char *more = mem_printf(
		    "%.*s%s%s", (int)(at - with), with, begin, at + 4);

		free(with);
		with = more;
	}
	for (const char *p = with; *p != '\0'; p++)
		n += (size_t)snprintf(all + n, sizeof all - n, "%.*s",
		    *p == '$' ? 100 : 1, *p == '$' ? dir : p);
	put_file("main.conf", all, n);
	free(with);
}

static int
load(struct settings **s, struct conf_report *r)
{
	char *path = path_of("main.conf");
	int rc = conf_load(s, path, false, r);

	free(path);
	return rc;
}

static void
what_is_not_written_follows(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;
	const struct dkim_rule *d;

	(void)state;
	put_conf("providers = ( { name = \"a\"; host = \"h\"; dkim = ( "
	         "{ KEYS }, { domain = \"b.example\"; selector = \"x.y\"; "
	         "key_file = \"$/rsa.pem\"; from = [ \"b@b.example\" ]; "
	         "canonicalization = \"simple/relaxed\"; lifetime = \"7d\"; "
	         "sign = [ \"X-A\" ]; oversign = [ ]; } ); },\n"
	         "{ name = \"b\"; like = \"a\"; },\n"
	         "{ name = \"c\"; like = \"a\"; dkim = ( ); } );");
	assert_int_equal(load(&s, &r), 0);
	assert_int_equal(r.nwarnings, 0);
	conf_report_done(&r);
	assert_int_equal(s->relay.providers[0].ndkim, 2);
	assert_int_equal(s->relay.providers[1].ndkim, 2);
	assert_int_equal(s->relay.providers[2].ndkim, 0);
	d = s->relay.providers[1].dkim;
	assert_int_equal(d[0].nfrom, 2);
	assert_string_equal(d[0].from[0], "*@example.com");
	assert_string_equal(d[0].from[1], "*@*.example.com");
	assert_int_equal(d[0].header, DKIM_RELAXED);
	assert_int_equal(d[0].body, DKIM_RELAXED);
	assert_int_equal(d[0].lifetime_ms, 0);
	assert_int_equal(d[0].fields.nover, 4);
	for (size_t i = 0; i < d[0].fields.nsign; i++) {
		assert_string_not_equal(d[0].fields.sign[i], "Date");
		assert_string_not_equal(d[0].fields.sign[i], "Message-ID");
	}
	assert_string_equal(dkim_key_algorithm(d[0].key), "ed25519-sha256");
	assert_int_equal(d[1].nfrom, 1);
	assert_int_equal(d[1].header, DKIM_SIMPLE);
	assert_int_equal(d[1].body, DKIM_RELAXED);
	assert_int_equal(d[1].lifetime_ms, 7 * 86400000);
	assert_int_equal(d[1].fields.nsign, 1);
	assert_int_equal(d[1].fields.nover, 0);
	conf_free(&s);
}

static void
a_route_has_its_own(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;

	(void)state;
	put_conf("providers = ( { name = \"a\"; host = \"h\"; } );\n"
	         "routes = ( { name = \"default\"; dkim = ( { KEYS } ); } );");
	assert_int_equal(load(&s, &r), 0);
	conf_report_done(&r);
	assert_int_equal(s->relay.routes[0].ndkim, 1);
	assert_string_equal(s->relay.routes[0].dkim[0].selector, "s");
	conf_free(&s);
}

static const struct {
	const char *entry, *says; /* of the first mistake */
} mistakes[] = {
	{ "{ selector = \"s\"; key_file = \"$/ed.pem\"; }",
	    "providers.dkim.domain: is missing; write domain = "
	    "\"example.com\";" },
	{ "{ domain = \"a.b\"; key_file = \"$/ed.pem\"; }",
	    "providers.dkim.selector: is missing; write selector" },
	{ "{ domain = \"a.b\"; selector = \"s\"; }",
	    "providers.dkim.key_file: is missing; write key_file" },
	{ "{ domain = \"a b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }",
	    "providers.dkim.domain: " },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/no.pem\"; }",
	    "no.pem cannot be read (No such file or directory)" },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/text.pem\"; }",
	    "text.pem: is no private key in PEM" },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/open.pem\"; }",
	    "others can read or change" },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/small.pem\"; }",
	    "small.pem: has 512 bits, which nobody accepts" },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/large.pem\"; }",
	    "large.pem is larger than 16384 bytes" },
	{ "{ KEYS canonicalization = \"strict\"; }",
	    "providers.dkim.canonicalization: " },
	{ "{ KEYS sign = [ \"a b\" ]; }", "providers.dkim.sign: " },
	{ "{ KEYS from = [ \"a@\" ]; }", "providers.dkim.from: " },
	{ "{ KEYS lifetime = \"1s\"; }", "providers.dkim.lifetime: " },
	{ "{ KEYS x = 1; }", "providers.dkim.x: is no key" },
	{ "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }, "
	  "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }, "
	  "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }, "
	  "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }, "
	  "{ domain = \"a.b\"; selector = \"s\"; key_file = \"$/ed.pem\"; }",
	    "providers.dkim: has 5 keys; write at most 4" },
};

static void
each_mistake_is_told_where_it_stands(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(mistakes); i++) {
		char *text =
		    mem_printf("providers = ( { name = \"a\"; host = \"h\";\n"
		               "dkim = ( %s ); } );",
		        mistakes[i].entry);
		struct settings *s = NULL;
		struct conf_report r;

		put_conf(text);
		if (load(&s, &r) == 0)
			fail_msg("%s: taken", mistakes[i].entry);
		if (r.nmistakes != 1 || !strstr(r.mistakes[0], ".conf:2: ") ||
		    !strstr(r.mistakes[0], mistakes[i].says))
			fail_msg("%s: %s", mistakes[i].entry, r.mistakes[0]);
		conf_report_done(&r);
		free(text);
	}
}

static void
a_weak_key_is_warned_of(void **state)
{
	struct settings *s = NULL;
	struct conf_report r;

	(void)state;
	put_conf("providers = ( { name = \"a\"; host = \"h\"; dkim = ( "
	         "{ domain = \"a.b\"; selector = \"s\"; key_file = "
	         "\"$/weak.pem\"; } ); } );");
	assert_int_equal(load(&s, &r), 0);
	assert_int_equal(r.nwarnings, 1);
	assert_non_null(strstr(r.warnings[0], "weak.pem has 1024 bits"));
	conf_report_done(&r);
	conf_free(&s);
}

static int
set_up(void **state)
{
	static char large[DKIM_KEY_FILE_MAX + 1];
	char *path;

	(void)state;
	assert_non_null(mkdtemp(dir));
	put_key("ed.pem", 0);
	put_key("rsa.pem", 2048);
	put_key("weak.pem", 1024);
	put_key("small.pem", 512);
	put_key("open.pem", 0);
	path = path_of("open.pem");
	assert_int_equal(chmod(path, 0644), 0);
	free(path);
	put_file("text.pem", "hello\n", 6);
	memset(large, 'x', sizeof large);
	put_file("large.pem", large, sizeof large);
	return 0;
}

static int
tear_down(void **state)
{
	char *cmd = mem_printf("rm -rf '%s'", dir);
	int rc = system(cmd);

	(void)state;
	free(cmd);
	return rc;
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_not_written_follows),
		cmocka_unit_test(a_route_has_its_own),
		cmocka_unit_test(each_mistake_is_told_where_it_stands),
		cmocka_unit_test(a_weak_key_is_warned_of),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

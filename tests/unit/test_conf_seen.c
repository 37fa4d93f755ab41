/* SPDX-License-Identifier: Apache-2.0 */
/* Each way in which files of a configuration become others. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/conf/conf_seen.h"

static char dir[] = "/tmp/test_conf_seen.XXXXXX";

static const char *
at(const char *name)
{
	static char path[4][128];
	static unsigned turn;
	char *p = path[turn++ % 4];

	(void)snprintf(p, sizeof path[0], "%s/%s", dir, name);
	return p;
}

static void
put(const char *name, const char *text)
{
	FILE *f = fopen(at(name), "w");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void
link_to(const char *target, const char *name)
{
	assert_int_equal(symlink(target, at(".new")), 0);
	assert_int_equal(rename(at(".new"), at(name)), 0);
}

/* Times of files are those of the last tick. */
static void
wait_for_a_tick(void)
{
	struct timespec then, now;

	assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &then), 0);
	do {
		assert_int_equal(clock_gettime(CLOCK_REALTIME_COARSE, &now), 0);
	} while (now.tv_sec == then.tv_sec && now.tv_nsec == then.tv_nsec);
}

static int
make_all(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(mkdir(at("conf.d"), 0700), 0);
	assert_int_equal(mkdir(at("..1"), 0700), 0);
	assert_int_equal(mkdir(at("..2"), 0700), 0);
	put("..1/secret", "one");
	put("..2/secret", "two");
	link_to("..1", "..data");
	link_to("..data/secret", "secret");
	put("main", "a");
	put("conf.d/1.conf", "b");
	put("other", "c");
	return 0;
}

static int
remove_all(void **state)
{
	char *command = mem_printf("rm -r %s", dir);
	int rc = system(command);

	(void)state;
	free(command);
	return rc;
}

static struct conf_seen *
look(void)
{
	struct conf_seen *s = conf_seen_new();

	conf_seen_file(s, at("main"));
	conf_seen_file(s, at("secret"));
	conf_seen_file(s, at("missing"));
	conf_seen_file(s, at("main"));
	conf_seen_pattern(s, at("conf.d/*.conf"));
	conf_seen_file(s, at("conf.d/1.conf"));
	return s;
}

static void
write_other(void)
{
	put("other", "cc");
	put("conf.d/1.conf~", "b");
}

static void
write_same_size(void)
{
	put("main", "z");
}

static void
write_back_dated(void)
{
	struct timespec old[2] = { { 1, 0 }, { 1, 0 } };

	put("main", "y");
	assert_int_equal(utimensat(AT_FDCWD, at("main"), old, 0), 0);
}

static void
rename_over(void)
{
	put("main.tmp", "y");
	assert_int_equal(rename(at("main.tmp"), at("main")), 0);
}

static void
swap_data(void)
{
	link_to("..2", "..data");
}

static void
change_mode(void)
{
	assert_int_equal(chmod(at("secret"), 0400), 0);
}

static void
remove_file(void)
{
	assert_int_equal(unlink(at("main")), 0);
}

static void
come_to_be(void)
{
	put("missing", "");
}

static void
add_include(void)
{
	put("conf.d/2.conf", "d");
}

static void
remove_include(void)
{
	assert_int_equal(unlink(at("conf.d/2.conf")), 0);
}

static const struct {
	const char *why;
	void (*change)(void);
	const char *changed; /* NULL: nothing */
} rows[] = {
	{ "a file beside it is nothing", write_other, NULL },
	{ "written in place", write_same_size, "main" },
	{ "with a time that was set back", write_back_dated, "main" },
	{ "as editors do it", rename_over, "main" },
	{ "as Kubernetes does it", swap_data, "secret" },
	{ "a mode that was mended", change_mode, "secret" },
	{ "it goes", remove_file, "main" },
	{ "one that was missed", come_to_be, "missing" },
	{ "one more that fits", add_include, "conf.d/*.conf" },
	{ "and one less", remove_include, "conf.d/*.conf" },
};

static void
each_change_is_seen(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf_seen *s = look();
		const char *changed;

		if (conf_seen_changed(s) != NULL ||
		    conf_seen_now(s) != conf_seen_then(s))
			fail_msg("%s: before it", rows[i].why);
		wait_for_a_tick();
		rows[i].change();
		changed = conf_seen_changed(s);
		if ((changed == NULL) != (rows[i].changed == NULL) ||
		    (changed != NULL &&
		        strcmp(changed, at(rows[i].changed)) != 0))
			fail_msg("%s: %s", rows[i].why,
			    changed != NULL ? changed : "nothing");
		if ((changed != NULL) !=
		    (conf_seen_now(s) != conf_seen_then(s)))
			fail_msg("%s: the number", rows[i].why);
		conf_seen_free(&s);
		conf_seen_free(&s);
	}
}

/* Whatever the configuration leads to is among them, also where it fails. */
static void
a_reading_notes_what_it_opens(void **state)
{
	static const char *const names[] = { "read.conf", "more/a.conf",
		"profiles/ses.conf", "users", "pass", "cert", "key" };
	struct settings *set = NULL;
	struct conf_report r;
	char *text = mem_printf(
	    "include = [ \"more/*.conf\" ]; profile_directories = [ "
	    "\"profiles\" ];\n"
	    "users_file = \"%s/users\"; token_directory = \"%s\";\n"
	    "tls = { certificates = ( { certificate = \"%s/cert\"; key = "
	    "\"%s/key\"; } ); };\n"
	    "providers = ( { name = \"a\"; profile = \"ses\"; password_file = "
	    "\"%s/pass\"; } );\n",
	    dir, dir, dir, dir, dir);

	(void)state;
	assert_int_equal(mkdir(at("more"), 0700), 0);
	assert_int_equal(mkdir(at("profiles"), 0700), 0);
	put("read.conf", text);
	put("more/a.conf", "hostname = \"a.example.com\";");
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_int_equal(conf_load(&set, at("read.conf"), false, &r),
		    -1); /* most of them are missing */
		assert_null(conf_seen_changed(r.seen));
		wait_for_a_tick();
		put(names[i], i == 0 ? text : "x");
		assert_non_null(conf_seen_changed(r.seen));
		if (strcmp(conf_seen_changed(r.seen), at(names[i])) != 0)
			fail_msg("%s: %s", names[i], conf_seen_changed(r.seen));
		conf_report_done(&r);
	}
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_change_is_seen),
		cmocka_unit_test(a_reading_notes_what_it_opens),
	};

	return cmocka_run_group_tests(tests, make_all, remove_all);
}

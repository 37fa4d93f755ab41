/* SPDX-License-Identifier: Apache-2.0 */
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

#include "postern/base/secret.h"
#include "postern/base/secret_source.h"

static void
a_secret_is_shared_and_freed_once(void **state)
{
	char mine[] = "hun\0ter2";
	struct secret *s = secret_new(mine, 8), *other = secret_ref(s);

	(void)state;
	memset(mine, 0, sizeof mine); /* it was copied */
	assert_true(str_eq(secret_str(other), STR("hun\0ter2")));
	secret_free(&s);
	assert_null(s);
	assert_int_equal(secret_str(other).len, 8);
	assert_int_equal(secret_str(other).p[8], 0);
	secret_free(&other);
	secret_free(&other);
	assert_null(secret_ref(NULL));
	assert_int_equal(secret_str(NULL).len, 0);
	s = secret_new("", 0);
	assert_int_equal(secret_str(s).len, 0);
	secret_free(&s);
}

static char dir[] = "/tmp/test_secret.XXXXXX";

static void
put(const char *name, const void *p, size_t n, mode_t mode)
{
	char path[64];
	FILE *f;

	(void)snprintf(path, sizeof path, "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

/* expect: the secret; with fault: words of what is wrong. */
static void
reads(enum secret_source_kind kind, const char *at, const char *expect,
    bool fault)
{
	struct secret_source source = { kind, at };
	struct secret *s = NULL;
	struct err err = { 0 };

	if (fault) {
		assert_int_equal(secret_source_read(&s, &source, &err), -1);
		assert_null(s);
		if (strstr(err.text, expect) == NULL)
			fail_msg("%s: %s", at, err.text);
		return;
	}
	if (secret_source_read(&s, &source, &err) != 0)
		fail_msg("%s: %s", at, err.text);
	assert_true(str_eq(secret_str(s), str_of(expect)));
	secret_free(&s);
}

static void
a_file_holds_one_line_that_others_cannot_read(void **state)
{
	static char large[SECRET_SOURCE_MAX + 1];
	static const struct {
		const char *text, *expect;
		mode_t mode;
		bool fault;
	} rows[] = {
		{ "hunter2", "hunter2", 0600, false },
		{ "hunter2\n", "hunter2", 0640, false },
		{ "hunter2\r\n", "hunter2", 0640, false },
		{ " a b \n", " a b ", 0640, false },
		{ "", "is empty; write the password", 0600, true },
		{ "\n", "is empty; write the password", 0600, true },
		{ "a\nb\n", "more than one line", 0600, true },
		{ "hunter2", "run: chmod o-rwx", 0644, true },
	};
	char path[64];

	(void)state;
	(void)snprintf(path, sizeof path, "%s/file", dir);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		put("file", rows[i].text, strlen(rows[i].text), rows[i].mode);
		reads(SECRET_SOURCE_FILE, path, rows[i].expect, rows[i].fault);
	}
	put("file", "a\0b", 3, 0600);
	reads(SECRET_SOURCE_FILE, path, "more than one line", true);
	memset(large, 'x', sizeof large);
	put("file", large, sizeof large, 0600);
	reads(SECRET_SOURCE_FILE, path, "is larger than 4096 bytes", true);
	assert_int_equal(unlink(path), 0);
	reads(SECRET_SOURCE_FILE, path, "cannot be read", true);
	reads(SECRET_SOURCE_FILE, dir, "is no regular file", true);
}

/* As certbot keeps them. */
static void
a_file_in_a_directory_of_root_s_is_told_as_that(void **state)
{
	char shut[64], path[80];
	bool is_root = geteuid() == 0;

	(void)state;
	(void)snprintf(shut, sizeof shut, "%s/live", dir);
	(void)snprintf(path, sizeof path, "%s/key", shut);
	assert_int_equal(chmod(dir, 0755), 0);
	assert_int_equal(mkdir(shut, 0700), 0);
	put("live/key", "x", 1, 0640);
	if (is_root)
		assert_int_equal(seteuid(65534), 0);
	else
		assert_int_equal(chmod(shut, 0), 0);
	reads(SECRET_SOURCE_FILE, path,
	    "we may not look into its directory; copy it to /etc/postern by a "
	    "deploy hook",
	    true);
	if (is_root)
		assert_int_equal(seteuid(0), 0);
	assert_int_equal(chmod(shut, 0700), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(shut), 0);
}

static void
a_credential_is_a_file_of_the_service_manager_s(void **state)
{
	char path[64];

	(void)state;
	put("main", "hunter2\n", 8, 0400);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	reads(SECRET_SOURCE_CREDENTIAL, "main", "LoadCredential=main:", true);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", dir, 1), 0);
	reads(SECRET_SOURCE_CREDENTIAL, "main", "hunter2", false);
	reads(SECRET_SOURCE_CREDENTIAL, "other", "cannot be read", true);
	reads(SECRET_SOURCE_CREDENTIAL, "../x/main", "without \"/\"", true);
	reads(SECRET_SOURCE_CREDENTIAL, "..", "no name of a credential", true);
	(void)snprintf(path, sizeof path, "%s/main", dir);
	assert_int_equal(unlink(path), 0);
}

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_secret_is_shared_and_freed_once),
		cmocka_unit_test(a_file_holds_one_line_that_others_cannot_read),
		cmocka_unit_test(
		    a_file_in_a_directory_of_root_s_is_told_as_that),
		cmocka_unit_test(
		    a_credential_is_a_file_of_the_service_manager_s),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}

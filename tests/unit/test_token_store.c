/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/secret.h"
#include "postern/relay/oauth.h"
#include "postern/relay/token_store.h"

static char dir[64];

static int
make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/token_store.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int
drop_dir(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof command, "rm -rf %s", dir);
	return system(command);
}

static struct token_record
record(const char *access, const char *refresh)
{
	struct token_record t = { .got_ms = 5, .expires_ms = 3600005 };

	t.access = secret_new(access, strlen(access));
	t.refresh = secret_new(refresh, strlen(refresh));
	return t;
}

static void
put(const char *access, const char *refresh)
{
	struct token_record t = record(access, refresh);
	struct err err;

	if (token_store_write(&t, dir, "a", &err) != 0)
		fail_msg("%s", err.text);
	token_store_done(&t);
}

/* The refresh token that is there, "" none. */
static void
get(char out[16])
{
	struct token_record t;
	struct err err = { 0 };
	int rc = token_store_read(&t, dir, "a", &err);

	out[0] = '\0';
	if (rc < 0)
		fail_msg("%s", err.text);
	if (rc == 0)
		return;
	(void)snprintf(out, 16, "%s", secret_str(t.refresh).p);
	assert_int_equal(t.expires_ms, 3600005);
	token_store_done(&t);
}

static void
what_was_written_is_read(void **state)
{
	char path[128], text[16];
	struct stat st;
	struct err err;

	(void)state;
	get(text);
	assert_string_equal(text, "");
	put("a1", "r1");
	get(text);
	assert_string_equal(text, "r1");
	(void)snprintf(path, sizeof path, "%s/a", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(token_store_forget(dir, "a", &err), 0);
	assert_int_equal(token_store_forget(dir, "a", &err), 0);
	get(text);
	assert_string_equal(text, "");
}

static int die_at;

static void
die(int step)
{
	if (step == die_at)
		(void)kill(getpid(), SIGKILL);
}

/* Killed before each step: the old one is there or the new one, never none,
 * and the next write goes through. */
static void
a_kill_at_any_point_loses_no_refresh_token(void **state)
{
	char text[16];
	int seen_old = 0, seen_new = 0;

	(void)state;
	for (die_at = 0; die_at <= 5; die_at++) {
		pid_t child;
		int status;

		put("a1", "old");
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			token_store_step = die;
			put("a2", "new");
			_exit(0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		get(text);
		seen_old += strcmp(text, "old") == 0;
		seen_new += strcmp(text, "new") == 0;
	}
	assert_int_equal(seen_old, 4);
	assert_int_equal(seen_new, 2);
}

static void
what_others_can_touch_is_refused(void **state)
{
	struct token_record t;
	struct err err = { 0 };
	char path[128];

	(void)state;
	put("a1", "r1");
	(void)snprintf(path, sizeof path, "%s/a", dir);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(token_store_read(&t, dir, "a", &err), -1);
	assert_non_null(strstr(err.text, "alone"));
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(chmod(dir, 0750), 0);
	assert_int_equal(token_store_read(&t, dir, "a", &err), -1);
	assert_non_null(strstr(err.text, "chmod 0700"));
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	assert_int_equal(token_store_read(&t, dir, "a", &err), -1);
}

static void
rubbish_is_told_and_not_used(void **state)
{
	static const char *const texts[] = { "", "{", "[]", "{\"v\":2}", "\n" };
	char path[128];

	(void)state;
	put("a1", "r1");
	(void)snprintf(path, sizeof path, "%s/a", dir);
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct token_record t;
		struct err err = { 0 };
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		(void)fputs(texts[i], f);
		(void)fclose(f);
		assert_int_equal(token_store_read(&t, dir, "a", &err), -1);
		assert_non_null(strstr(err.text, "log in again"));
	}
}

static void
a_directory_that_is_missing_says_what_to_run(void **state)
{
	struct err err = { 0 };

	(void)state;
	assert_int_equal(token_store_check("/nonexistent/tokens", &err), -1);
	assert_non_null(strstr(err.text, "install -d -m 0700"));
}

static void
each_account_has_its_own_file(void **state)
{
	struct oauth_settings s = { .grant = OAUTH_REFRESH_TOKEN,
		.token_url = "https://a/t",
		.client_id = "c" };
	char one[TOKEN_STORE_NAME] = "", two[TOKEN_STORE_NAME] = "";

	(void)state;
	token_store_name(one, "../x@b", &s);
	token_store_name(two, "../x@b", &s);
	assert_string_equal(one, two);
	assert_null(strchr(one, '/'));
	assert_true(one[0] != '.');
	s.client_id = "d";
	token_store_name(two, "../x@b", &s);
	assert_string_not_equal(one, two);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_written_is_read, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
		    a_kill_at_any_point_loses_no_refresh_token, make_dir,
		    drop_dir),
		cmocka_unit_test_setup_teardown(
		    what_others_can_touch_is_refused, make_dir, drop_dir),
		cmocka_unit_test_setup_teardown(
		    rubbish_is_told_and_not_used, make_dir, drop_dir),
		cmocka_unit_test(a_directory_that_is_missing_says_what_to_run),
		cmocka_unit_test(each_account_has_its_own_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

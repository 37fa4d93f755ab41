/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/base/confine.h"

#define NOT_HERE 77 /* the kernel has no Landlock */

static char dir[64], in[80], out[80]; /* in and out are below dir */

/* errno of a try, or 0. */
static int
write_to(const char *below, const char *name, int flags)
{
	char path[128];
	int fd;

	(void)snprintf(path, sizeof path, "%s/%s", below, name);
	fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0600);
	if (fd < 0)
		return errno;
	(void)close(fd);
	return 0;
}

static int
remove_in(const char *below, const char *name)
{
	char path[128];

	(void)snprintf(path, sizeof path, "%s/%s", below, name);
	return unlink(path) == 0 ? 0 : errno;
}

static int
move(const char *from, const char *to)
{
	char a[128], b[128];

	(void)snprintf(a, sizeof a, "%s/old", from);
	(void)snprintf(b, sizeof b, "%s/moved", to);
	return rename(a, b) == 0 ? 0 : errno;
}

static int
bind_in(const char *below)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), rc;

	(void)snprintf(a.sun_path, sizeof a.sun_path, "%s/sock", below);
	rc = bind(fd, (struct sockaddr *)&a, sizeof a) == 0 ? 0 : errno;
	(void)close(fd);
	return rc;
}

/* The number of the first thing that is not as it should be, or 0. */
static int
look(void)
{
	char none[] = "/", *argv[] = { none, NULL };
	char link_to[128];

	if (write_to(in, "new", O_CREAT | O_EXCL) != 0 ||
	    write_to(in, "old", O_TRUNC) != 0)
		return 1;
	if (write_to(out, "new", O_CREAT | O_EXCL) != EACCES)
		return 2;
	if (write_to(out, "old", 0) != EACCES)
		return 3;
	if (remove_in(in, "new") != 0 || remove_in(out, "old") != EACCES)
		return 4;
	if (bind_in(in) != 0 || bind_in(out) != EACCES)
		return 5;
	if (move(in, out) == 0 || move(out, in) == 0 || move(in, in) != 0)
		return 6;
	/* a way around by a link; links cannot be made, either */
	if (write_to(in, "way-out/old", 0) != EACCES)
		return 7;
	(void)snprintf(link_to, sizeof link_to, "%s/link", in);
	if (symlink("/", link_to) == 0)
		return 8;
	/* what is not confined: reading, the file that was named */
	if (access(out, R_OK) != 0 || write_to("/dev", "null", 0) != 0)
		return 9;
	(void)execv("/bin/true", argv);
	return errno == EACCES ? 0 : 10;
}

static void
make_places(void)
{
	char way[128];

	(void)snprintf(dir, sizeof dir, "/tmp/postern-confine-XXXXXX");
	assert_non_null(mkdtemp(dir));
	(void)snprintf(in, sizeof in, "%s/in", dir);
	(void)snprintf(out, sizeof out, "%s/out", dir);
	assert_int_equal(mkdir(in, 0700), 0);
	assert_int_equal(mkdir(out, 0700), 0);
	assert_int_equal(write_to(in, "old", O_CREAT), 0);
	assert_int_equal(write_to(out, "old", O_CREAT), 0);
	(void)snprintf(way, sizeof way, "%s/way-out", in);
	assert_int_equal(symlink(out, way), 0);
}

static void
remove_places(void)
{
	static const char *const made[] = { "in/sock", "in/moved", "in/old",
		"in/new", "in/way-out", "in/link", "out/old", "out/moved",
		"out/new", "out/sock" };

	for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
		(void)remove_in(dir, made[i]);
	assert_int_equal(rmdir(in), 0);
	assert_int_equal(rmdir(out), 0);
	assert_int_equal(rmdir(dir), 0);
}

/* In a process of its own: there is no way back. */
static int
confined(void)
{
	const char *roots[] = { in, "/dev/null", "/nonexistent" };
	struct confine c = { .roots = roots, .nroots = 3 };
	struct err err = { 0 };
	int rc;

	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	rc = confine_writes(&c, &err);
	if (rc < 0)
		(void)fprintf(stderr, "%s\n", err.text);
	return rc == 0 ? NOT_HERE : rc < 0 ? 99 : look();
}

static void
writes_go_where_they_may_and_nothing_is_run(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	make_places();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(confined());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	remove_places();
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_HERE)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_go_where_they_may_and_nothing_is_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

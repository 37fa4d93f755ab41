/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/detach.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_CRASHED 70 /* EX_SOFTWARE */

static _Noreturn void
wait_for_child(pid_t child, int ready)
{
	ssize_t n;
	int status;
	char ok;

	do
		n = read(ready, &ok, 1);
	while (n < 0 && errno == EINTR);
	if (n == 1)
		_exit(0);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_CRASHED);
}

int
detach_fork(int *ready, struct err *err)
{
	int ends[2];
	pid_t child;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return err_sys(err, "cannot go into the background");
	child = fork();
	if (child < 0) {
		(void)close(ends[0]);
		(void)close(ends[1]);
		return err_sys(err, "cannot go into the background");
	}
	if (child > 0) {
		(void)close(ends[1]);
		wait_for_child(child, ends[0]);
	}
	(void)close(ends[0]);
	(void)setsid();
	if (chdir("/") != 0) /* else a file system is held for nothing */
		(void)err_sys(err, "cannot change to /");
	*ready = ends[1];
	return 0;
}

void
detach_ready(int ready)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	char ok = 1;

	if (null >= 0) {
		(void)dup2(null, STDIN_FILENO);
		(void)dup2(null, STDOUT_FILENO);
		if (null > STDERR_FILENO)
			(void)close(null);
	}
	/* A parent that was killed does not matter. */
	while (write(ready, &ok, 1) < 0 && errno == EINTR)
		;
	(void)close(ready);
}

void
detach_stderr(const char *path)
{
	int fd = -1;

	if (path[0] == '/') /* no word such as "syslog" */
		fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		(void)close(fd);
}

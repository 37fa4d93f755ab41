/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_target.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/base/log.h"
#include "postern/base/mem.h"

#define PIPE_CHUNK 4096 /* fits where poll(2) says there is room */
#define LOOK_MS 1000
#define SYSLOG_AGAIN_MS 250

static enum log_target_kind
kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return LOG_TARGET_PIPE;
	return S_ISREG(st.st_mode)    ? LOG_TARGET_FILE
	       : S_ISSOCK(st.st_mode) ? LOG_TARGET_SOCKET
	                              : LOG_TARGET_PIPE;
}

static int
open_file(const char *path)
{
	return open(path,
	    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
	    0640);
}

/* The descriptor, or -1 and errno. */
static int
connect_syslog(const char *path)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd, why;

	if (strlen(path) >= sizeof to.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(to.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) == 0)
		return fd;
	why = errno;
	close(fd);
	errno = why;
	return -1;
}

static bool
will_come(int why)
{
	return why == ENOENT || why == ECONNREFUSED;
}

bool
log_target_is_journal(int fd)
{
	const char *told = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	return told && sscanf(told, "%ju:%ju", &dev, &ino) == 2 &&
	       fstat(fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

/* Whoever cannot make the file lacks a directory for it. */
static int
unopened(const char *path, bool is_syslog, struct err *err)
{
	int why = errno;

	(void)err_sys(err, "log: %s", path);
	if (is_syslog || (why != ENOENT && why != EACCES))
		return -1;
	return err_set(err, err->kind,
	    "%s; write a file in a directory of the daemon's user (install -d "
	    "-m 0750 -o USER DIRECTORY)",
	    err->text);
}

int
log_target_open(
    struct log_target *t, const struct log_settings *s, struct err *err)
{
	bool is_syslog = strcmp(s->to, "syslog") == 0;
	const char *path = is_syslog ? s->syslog_socket : s->to;
	int fd = STDERR_FILENO;

	if (is_syslog)
		fd = connect_syslog(path);
	else if (strcmp(path, "stderr") != 0)
		fd = open_file(path);
	if (fd < 0 && !(is_syslog && will_come(errno)))
		return unopened(path, is_syslog, err);
	*t = (struct log_target){ .fd = fd,
		.kind = is_syslog ? LOG_TARGET_SYSLOG : kind_of(fd),
		.is_journal = log_target_is_journal(fd),
		.path = fd == STDERR_FILENO ? NULL : mem_str(path) };
	return 0;
}

void
log_target_close(struct log_target *t)
{
	if (t->fd > STDERR_FILENO)
		close(t->fd);
	free(t->path);
	*t = (struct log_target){ .fd = -1 };
}

/* Does another file have its name, or none for the second time? */
static bool
was_moved(struct log_target *t)
{
	bool was_missing = t->is_missing;
	struct stat here, there;

	t->is_missing = stat(t->path, &there) < 0;
	if (t->is_missing)
		return was_missing;
	return fstat(t->fd, &here) == 0 &&
	       (here.st_dev != there.st_dev || here.st_ino != there.st_ino);
}

bool
log_target_look(struct log_target *t, uint64_t now_ms)
{
	int fd;

	if (t->kind != LOG_TARGET_FILE || !t->path ||
	    now_ms - t->looked_ms < LOOK_MS)
		return false;
	t->looked_ms = now_ms;
	if (!was_moved(t))
		return false;
	fd = open_file(t->path);
	if (fd < 0)
		return false; /* better the old one than none */
	close(t->fd);
	t->fd = fd;
	t->kind = kind_of(fd);
	t->is_missing = false;
	return true;
}

static ssize_t
write_pipe(const struct log_target *t, const char *p, size_t n)
{
	struct pollfd out = { .fd = t->fd, .events = POLLOUT };
	const char *end;

	if (n > PIPE_CHUNK) { /* whole lines: others may write there too */
		end = memrchr(p, '\n', PIPE_CHUNK);
		n = end ? (size_t)(end - p) + 1 : PIPE_CHUNK;
	}
	if (poll(&out, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(t->fd, p, n);
}

/* One line.  What syslog cannot take now it is asked again for. */
static ssize_t
write_syslog(struct log_target *t, const char *p, size_t n)
{
	size_t line = (size_t)((const char *)memchr(p, '\n', n) - p);

	if (t->fd < 0)
		t->fd = connect_syslog(t->path);
	if (t->fd >= 0 &&
	    send(t->fd, p, line, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return (ssize_t)line + 1;
	if (t->fd >= 0 && errno != EAGAIN && errno != EINTR &&
	    errno != EMSGSIZE) {
		close(t->fd);
		t->fd = -1;
		errno = EAGAIN;
	} else if (t->fd < 0) {
		errno = EAGAIN;
	}
	return -1;
}

ssize_t
log_target_write(struct log_target *t, const char *p, size_t n)
{
	if (t->kind == LOG_TARGET_FILE)
		return write(t->fd, p, n);
	if (t->kind == LOG_TARGET_SOCKET)
		return send(t->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (t->kind == LOG_TARGET_SYSLOG)
		return write_syslog(t, p, n);
	return write_pipe(t, p, n);
}

int
log_target_wait_ms(const struct log_target *t)
{
	return t->fd < 0 ? SYSLOG_AGAIN_MS : -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/users_edit.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "postern/inlet/users.h"

#define NEW_MODE 0640   /* of a file that was not there */
#define GROUP "postern" /* and its group, where there is one: the daemon's */

struct edit {
	char *path; /* owned; no link any more */
	int fd;     /* locked; -1: the file is not there yet */
	struct stat st;
	struct buf text; /* what the file is to hold */
};

/* --- the old file
 * ----------------------------------------------------------------
 */

/* Somebody else may have put a new file there while we waited for the lock. */
static bool
is_still_there(const struct edit *e)
{
	struct stat now;

	return stat(e->path, &now) == 0 && now.st_dev == e->st.st_dev &&
	       now.st_ino == e->st.st_ino;
}

static int
open_locked(struct edit *e, struct err *err)
{
	for (;;) {
		e->fd = open(e->path, O_RDONLY | O_CLOEXEC);
		if (e->fd < 0 && errno == ENOENT)
			return 0;
		if (e->fd < 0 || flock(e->fd, LOCK_EX) != 0 ||
		    fstat(e->fd, &e->st) != 0)
			return err_sys(err, "%s cannot be read", e->path);
		if (!S_ISREG(e->st.st_mode))
			return err_set(
			    err, ERR_SYSTEM, "%s is no regular file", e->path);
		if (is_still_there(e))
			return 0;
		(void)close(e->fd);
	}
}

static int
read_old(struct edit *e, struct buf *old, struct err *err)
{
	ssize_t n = 1;

	while (n > 0) {
		char *room = buf_room(old, 1 << 16);

		if (room == NULL)
			return err_set(
			    err, ERR_LIMIT, "%s is too large", e->path);
		n = read(e->fd, room, 1 << 16);
		if (n < 0)
			return err_sys(err, "%s cannot be read", e->path);
		buf_wrote(old, (size_t)n);
	}
	return 0;
}

static int
begin(struct edit *e, const char *path, struct buf *old, struct err *err)
{
	*e = (struct edit){ .fd = -1 };
	e->path = realpath(path, NULL);
	if (e->path == NULL)
		e->path = mem_str(path);
	buf_init(&e->text, USERS_FILE_MAX);
	buf_init(old, USERS_FILE_MAX);
	if (open_locked(e, err) != 0)
		return -1;
	return e->fd >= 0 ? read_old(e, old, err) : 0;
}

static void
done(struct edit *e, struct buf *old)
{
	buf_wipe(&e->text);
	buf_wipe(old);
	free(e->path);
	if (e->fd >= 0)
		(void)close(e->fd);
}

/* --- the new one
 * ------------------------------------------------------------------
 */

static int
give_away(const struct edit *e, int fd)
{
	const struct group *gr;

	if (e->fd >= 0)
		return fchown(fd, e->st.st_uid, e->st.st_gid) != 0 ||
		               fchmod(fd, e->st.st_mode & 07777) != 0
		           ? -1
		           : 0;
	gr = geteuid() == 0 ? getgrnam(GROUP) : NULL;
	if (gr != NULL && fchown(fd, (uid_t)-1, gr->gr_gid) != 0)
		return -1;
	return fchmod(fd, NEW_MODE);
}

static int
write_all(int fd, struct str s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.p, s.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		s.p += n;
		s.len -= (size_t)n;
	}
	return fsync(fd);
}

static int
sync_directory(const char *path)
{
	char *copy = mem_str(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd >= 0 ? fsync(fd) : -1;

	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return rc;
}

static int
put(const struct edit *e, struct err *err)
{
	char *name = mem_printf("%s.XXXXXX", e->path);
	int fd = mkostemp(name, O_CLOEXEC); /* mode 0600 */
	int rc = 0;

	if (fd < 0)
		rc = err_sys(err, "%s cannot be made", name);
	else if (write_all(fd, buf_str(&e->text)) != 0)
		rc = err_sys(err, "%s cannot be written", name);
	else if (give_away(e, fd) != 0)
		rc = err_sys(
		    err, "%s cannot get the old one's owner and mode", name);
	else if (rename(name, e->path) != 0)
		rc = err_sys(err, "%s cannot be replaced", e->path);
	else if (sync_directory(e->path) != 0)
		rc = err_sys(
		    err, "the directory of %s cannot be synced", e->path);
	if (fd >= 0)
		(void)close(fd);
	if (fd >= 0 && rc != 0)
		(void)unlink(name);
	free(name);
	return rc;
}

/* --- one entry
 * --------------------------------------------------------------------
 */

static int
add_line(struct edit *e, struct str line)
{
	if (buf_add(&e->text, line.p, line.len) != 0)
		return -1;
	return buf_add(&e->text, "\n", 1);
}

/* The entry with its options, which are what an old line has behind its second
 * colon. */
static int
add_entry(struct edit *e, const char *name, const char *secret, struct str old)
{
	(void)str_cut(&old, ':');
	(void)str_cut(&old, ':');
	return buf_addf(&e->text, "%s:%s%s%.*s\n", name, secret,
	    old.len > 0 ? ":" : "", (int)old.len, old.p);
}

/* All lines, but for the name's: that one anew, or, without a secret, not.
 * *had: there was one. */
static int
rewrite(struct edit *e, struct str old, const char *name, const char *secret,
    bool *had)
{
	int rc = 0;

	*had = false;
	while (rc == 0 && old.len > 0) {
		struct str line = str_cut(&old, '\n'), rest = line;
		bool is_it = str_eq(str_cut(&rest, ':'), str_of(name));

		if (!is_it)
			rc = add_line(e, line);
		else if (secret != NULL && !*had)
			rc = add_entry(e, name, secret, line);
		*had = *had || is_it;
	}
	if (rc == 0 && secret != NULL && !*had)
		rc = add_entry(e, name, secret, STR(""));
	return rc;
}

static int
change(const char *path, const char *name, const char *secret, struct err *err)
{
	struct edit e;
	struct buf old;
	bool had = false;
	int rc = begin(&e, path, &old, err);

	if (rc == 0 && rewrite(&e, buf_str(&old), name, secret, &had) != 0)
		rc = err_set(err, ERR_LIMIT, "%s gets too large", e.path);
	if (rc == 0 && secret == NULL && !had)
		rc =
		    err_set(err, ERR_FORMAT, "%s has no user %s", e.path, name);
	if (rc == 0)
		rc = put(&e, err);
	done(&e, &old);
	return rc;
}

int
users_edit_set(
    const char *path, const char *name, const char *secret, struct err *err)
{
	return change(path, name, secret, err);
}

int
users_edit_delete(const char *path, const char *name, struct err *err)
{
	return change(path, name, NULL, err);
}

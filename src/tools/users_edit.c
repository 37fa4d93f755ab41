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

/* What becomes of one entry. */
struct change {
	const char *name;
	const char *secret; /* NULL: as it was */
	const char *const *options;
	size_t noptions;
	bool remove;
};

static struct str
key_of(struct str option)
{
	return str_cut(&option, '=');
}

static bool
is_changed(const struct change *c, struct str option)
{
	for (size_t i = 0; i < c->noptions; i++) {
		if (str_eq(key_of(option), key_of(str_of(c->options[i]))))
			return true;
	}
	return false;
}

static int
add_option(struct buf *b, struct str option)
{
	return buf_addf(
	    b, "%s%.*s", b->len > 0 ? ";" : "", (int)option.len, option.p);
}

/* The old ones but for those that are changed, then these; one without a value
 * goes. */
static int
join_options(struct buf *b, const struct change *c, struct str old)
{
	int rc = 0;

	while (rc == 0 && old.len > 0) {
		struct str option = str_cut(&old, ';');

		if (option.len > 0 && !is_changed(c, option))
			rc = add_option(b, option);
	}
	for (size_t i = 0; rc == 0 && i < c->noptions; i++) {
		struct str option = str_of(c->options[i]);

		if (option.len > key_of(option).len + 1)
			rc = add_option(b, option);
	}
	return rc;
}

/* The entry, with what an old line has behind its first and second colon. */
static int
add_entry(struct edit *e, const struct change *c, struct str old)
{
	struct str secret, options;
	struct buf joined;
	int rc;

	(void)str_cut(&old, ':');
	secret = str_cut(&old, ':');
	if (c->secret != NULL)
		secret = str_of(c->secret);
	buf_init(&joined, USERS_FILE_MAX);
	rc = join_options(&joined, c, old);
	options = buf_str(&joined);
	if (rc == 0)
		rc = buf_addf(&e->text, "%s:%.*s%s%.*s\n", c->name,
		    (int)secret.len, secret.p, options.len > 0 ? ":" : "",
		    (int)options.len, options.p);
	buf_done(&joined);
	return rc;
}

/* All lines, but for the name's: that one anew, or not.  *had: there was one.
 */
static int
rewrite(struct edit *e, struct str old, const struct change *c, bool *had)
{
	int rc = 0;

	*had = false;
	while (rc == 0 && old.len > 0) {
		struct str line = str_cut(&old, '\n'), rest = line;
		bool is_it = str_eq(str_cut(&rest, ':'), str_of(c->name));

		if (!is_it)
			rc = add_line(e, line);
		else if (!c->remove && !*had)
			rc = add_entry(e, c, line);
		*had = *had || is_it;
	}
	if (rc == 0 && c->secret != NULL && !*had)
		rc = add_entry(e, c, STR(""));
	return rc;
}

static int
change(const char *path, const struct change *c, struct err *err)
{
	struct edit e;
	struct buf old;
	bool had = false;
	int rc = begin(&e, path, &old, err);

	if (rc == 0 && rewrite(&e, buf_str(&old), c, &had) != 0)
		rc = err_set(err, ERR_LIMIT, "%s gets too large", e.path);
	if (rc == 0 && c->secret == NULL && !had)
		rc = err_set(
		    err, ERR_FORMAT, "%s has no user %s", e.path, c->name);
	if (rc == 0)
		rc = put(&e, err);
	done(&e, &old);
	return rc;
}

int
users_edit_set(
    const char *path, const char *name, const char *secret, struct err *err)
{
	return change(
	    path, &(struct change){ .name = name, .secret = secret }, err);
}

int
users_edit_delete(const char *path, const char *name, struct err *err)
{
	return change(
	    path, &(struct change){ .name = name, .remove = true }, err);
}

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	(void)line;
	(void)err_set(arg, ERR_FORMAT, "%s", text);
}

/* As the daemon would read them, of somebody with some secret. */
static int
check_options(const struct change *c, struct err *err)
{
	/* A hash by its form; no password has it. */
	static const char somebody[] = "x:$2b$04$......................"
	                               "..............................."
	                               ":";
	struct users *u = NULL;
	struct buf b, line;
	int rc;

	for (size_t i = 0; i < c->noptions; i++) {
		if (strchr(c->options[i], '=') == NULL)
			return err_set(err, ERR_FORMAT,
			    "\"%.64s\" has no value; write KEY=VALUE, or KEY= "
			    "to take it away",
			    c->options[i]);
	}
	buf_init(&b, USERS_FILE_MAX);
	buf_init(&line, USERS_FILE_MAX);
	rc = join_options(&b, c, STR(""));
	if (rc == 0)
		rc = buf_addf(
		    &line, "%s%.*s\n", somebody, (int)b.len, buf_str(&b).p);
	if (rc != 0)
		rc = err_set(err, ERR_LIMIT, "the options are too long");
	else
		rc = users_parse(&u, buf_str(&line), on_mistake, err);
	users_free(&u);
	buf_done(&b);
	buf_done(&line);
	return rc;
}

int
users_edit_options(const char *path, const char *name,
    const char *const *options, size_t n, struct err *err)
{
	struct change c = { .name = name, .options = options, .noptions = n };

	if (check_options(&c, err) != 0)
		return -1;
	return change(path, &c, err);
}

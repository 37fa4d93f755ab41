/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/new_directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int
check_empty(const struct new_directory *d, struct err *err)
{
	int fd = dup(d->fd), rc = 0;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;

	if (dir == NULL)
		return err_sys(err, "%s", d->path);
	while (rc == 0 && (e = readdir(dir)) != NULL) {
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			rc = err_set(err, ERR_CONFIG,
			    "%s is not empty (it holds \"%s\"); name a "
			    "directory that is, or one to be made",
			    d->path, e->d_name);
	}
	(void)closedir(dir);
	return rc;
}

static int
open_it(struct new_directory *d, struct err *err)
{
	d->is_made = mkdir(d->path, 0700) == 0;
	if (!d->is_made && errno != EEXIST)
		return err_sys(err, "%s", d->path);
	d->fd = open(d->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return d->fd < 0 ? err_sys(err, "%s", d->path) : 0;
}

static int
give(const struct new_directory *d, int fd, const char *name, struct err *err)
{
	if (d->gives && fchown(fd, d->owner, d->group) != 0)
		return err_sys(err, "%s", name);
	return 0;
}

int
new_directory_make(struct new_directory *d, const char *path, const char *spool,
    struct err *err)
{
	struct stat st;
	int rc;

	*d = (struct new_directory){ .fd = -1, .path = path };
	if (geteuid() == 0 && stat(spool, &st) == 0) {
		d->gives = true;
		d->owner = st.st_uid;
		d->group = st.st_gid;
	}
	rc = open_it(d, err);
	if (rc == 0)
		rc = check_empty(d, err);
	if (rc == 0 && d->is_made)
		rc = give(d, d->fd, path, err);
	if (rc != 0)
		new_directory_drop(d);
	return rc;
}

int
new_directory_open(struct new_directory *d, const char *path, struct err *err)
{
	*d = (struct new_directory){ .fd = -1, .path = path };
	return open_it(d, err);
}

int
new_directory_file(
    struct new_directory *d, const char *name, int *fd, struct err *err)
{
	int is = openat(d->fd, name,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (is < 0)
		return err_sys(err, "%s/%s", d->path, name);
	if (give(d, is, name, err) != 0) {
		(void)close(is);
		return -1;
	}
	*fd = is;
	return 0;
}

int
new_directory_sync(struct new_directory *d, struct err *err)
{
	int up = openat(d->fd, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fsync(d->fd) != 0 || (d->is_made && up >= 0 && fsync(up) != 0))
		rc = err_sys(err, "%s", d->path);
	if (up >= 0)
		(void)close(up);
	return rc;
}

void
new_directory_done(struct new_directory *d)
{
	if (d->fd >= 0)
		(void)close(d->fd);
	d->fd = -1;
}

void
new_directory_drop(struct new_directory *d)
{
	if (d->is_made)
		(void)rmdir(d->path); /* it may hold something by now */
	d->is_made = false;
	new_directory_done(d);
}

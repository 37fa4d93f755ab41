/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/secret_source.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/mem.h"

static int
keep(struct secret **s, const char *p, size_t n, struct err *err)
{
	if (n > 0 && p[n - 1] == '\n')
		n--;
	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return err_set(
		    err, ERR_CONFIG, "is empty; write the password there");
	if (memchr(p, '\0', n) != NULL || memchr(p, '\n', n) != NULL ||
	    memchr(p, '\r', n) != NULL)
		return err_set(err, ERR_CONFIG,
		    "has more than one line; write the password alone there");
	*s = secret_new(p, n);
	return 0;
}

static int
check_mode(int fd, const char *path, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s cannot be looked at", path);
	if (!S_ISREG(st.st_mode))
		return err_set(err, ERR_CONFIG,
		    "%s is no regular file; write the name of one", path);
	if ((st.st_mode & S_IRWXO) != 0)
		return err_set(err, ERR_CONFIG,
		    "others can read or change %s; run: chmod o-rwx %s", path,
		    path);
	return 0;
}

/* It is read with the rights that the daemon will have, by posternd -t, too. */
/* May we look into the directory that it stands in?  Root alone may into
 * certbot's, whatever the file's own mode is. */
static bool
is_shut(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	bool shut;

	if (slash == NULL || slash == path)
		return false;
	directory = mem_strn(path, (size_t)(slash - path));
	shut = faccessat(AT_FDCWD, directory, X_OK, AT_EACCESS) != 0 &&
	       errno == EACCES;
	free(directory);
	return shut;
}

static int
unreadable(const char *path, struct err *err)
{
	int why = errno;
	struct group room, *group = NULL;
	char names[1024]; /* larger groups are called GROUP */

	if (why == EACCES && is_shut(path))
		return err_set(err, ERR_CONFIG,
		    "%s cannot be read: we may not look into its directory; "
		    "copy it to /etc/postern by a deploy hook, see "
		    "\"Certificates of certbot\" in postern-cookbook(7)",
		    path);
	if (why == EACCES) {
		(void)getgrgid_r(getegid(), &room, names, sizeof names, &group);
		return err_set(err, ERR_CONFIG,
		    "%s cannot be read (%s); run: chgrp %s %s; chmod 0640 %s",
		    path, strerror(why),
		    group != NULL ? group->gr_name : "GROUP", path, path);
	}
	return err_set(err, ERR_CONFIG,
	    "%s cannot be read (%s); write the name of a file that only the "
	    "daemon's group can read (chmod 0640)",
	    path, strerror(why));
}

int
secret_source_open(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return unreadable(path, err);
	if (check_mode(fd, path, err) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static int
read_file(struct secret **s, const char *path, struct err *err)
{
	int fd = secret_source_open(path, err);
	char text[SECRET_SOURCE_MAX + 1];
	ssize_t n;
	int rc;

	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof text);
	if (n < 0)
		rc = err_sys(err, "%s cannot be read", path);
	else if ((size_t)n == sizeof text)
		rc = err_set(err, ERR_CONFIG,
		    "%s is larger than %d bytes; write the password alone "
		    "there",
		    path, SECRET_SOURCE_MAX);
	else if ((rc = keep(s, text, (size_t)n, err)) != 0)
		(void)err_wrap(err, "%s", path);
	mem_wipe(text, sizeof text);
	(void)close(fd);
	return rc;
}

int
secret_source_bytes(
    const char *path, char *p, size_t max, const char *what, struct err *err)
{
	int fd = secret_source_open(path, err);
	ssize_t n;
	char more;

	if (fd < 0)
		return -1;
	n = read(fd, p, max);
	if (n < 0)
		n = err_sys(err, "%s cannot be read", path);
	else if ((size_t)n == max && read(fd, &more, 1) != 0)
		n = err_set(err, ERR_CONFIG,
		    "%s is larger than %zu bytes; write the name of %s", path,
		    max, what);
	(void)close(fd);
	return (int)n;
}

int
secret_source_look(const char *path, struct err *err)
{
	int fd = secret_source_open(path, err);

	if (fd < 0)
		return -1;
	(void)close(fd);
	return 0;
}

static int
read_env(struct secret **s, const char *name, struct err *err)
{
	const char *value = getenv(name);

	if (value == NULL)
		return err_set(err, ERR_CONFIG,
		    "the environment has no %s; set it where posternd is "
		    "started",
		    name);
	if (strlen(value) > SECRET_SOURCE_MAX)
		return err_set(err, ERR_CONFIG,
		    "%s is longer than %d bytes; set it to the password alone",
		    name, SECRET_SOURCE_MAX);
	if (keep(s, value, strlen(value), err) != 0)
		return err_wrap(err, "%s", name);
	return 0;
}

/* The service manager has made the file for us alone. */
static int
read_credential(struct secret **s, const char *name, struct err *err)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char path[PATH_MAX];
	int n;

	if (strchr(name, '/') != NULL || name[0] == '.')
		return err_set(err, ERR_CONFIG,
		    "%s is no name of a credential; write the one of "
		    "LoadCredential=, without \"/\"",
		    name);
	if (directory == NULL)
		return err_set(err, ERR_CONFIG,
		    "the service manager hands no credentials over; write "
		    "LoadCredential=%s:/FILE into the unit of posternd",
		    name);
	n = snprintf(path, sizeof path, "%s/%s", directory, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(err, ERR_CONFIG,
		    "the name of the credentials' directory is too long");
	return read_file(s, path, err);
}

int
secret_source_read(
    struct secret **s, const struct secret_source *source, struct err *err)
{
	switch (source->kind) {
	case SECRET_SOURCE_FILE:
		return read_file(s, source->at, err);
	case SECRET_SOURCE_ENV:
		return read_env(s, source->at, err);
	case SECRET_SOURCE_CREDENTIAL:
		return read_credential(s, source->at, err);
	case SECRET_SOURCE_NONE:
		break;
	}
	return err_set(err, ERR_CONFIG, "there is no password");
}

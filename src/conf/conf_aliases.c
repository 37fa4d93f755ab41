/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_aliases.h"

#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/mail/local.h"

#include "conf/conf_lines.h"
#include "conf/conf_read.h"

/* Opens a regular file that only its owner and group write: who writes it reads
 * root's mail. */
static int
open_file(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int rc;

	if (fd < 0)
		return err_set(err, ERR_CONFIG,
		    "%s cannot be read (%s); write the name of a file that the "
		    "daemon can read",
		    path, strerror(errno));
	if (fstat(fd, &st) != 0)
		rc = err_sys(err, "%s cannot be looked at", path);
	else if (!S_ISREG(st.st_mode))
		rc = err_set(err, ERR_CONFIG,
		    "%s is no file; write the name of one", path);
	else if ((st.st_mode & S_IWOTH) != 0)
		rc = err_set(err, ERR_CONFIG,
		    "everybody can write %s; run chmod o-w %s", path, path);
	else
		return fd;
	(void)close(fd);
	return rc;
}

static struct aliases *
parse(struct conf_lines *l, struct str text, const struct local *host)
{
	struct aliases *a = NULL;

	if (aliases_parse(&a, text, host, conf_lines_mistake, l) != 0)
		conf_lines_rest(l);
	free((char *)(uintptr_t)text.p);
	return a;
}

struct aliases *
conf_aliases_load(
    struct conf_read *r, const char *path, const struct local *host)
{
	struct conf_lines l = {
		.read = r, .key = "aliases_file", .path = path, .number = 1
	};
	struct aliases *a = NULL;
	struct str text;
	struct err err;
	int fd = open_file(path, &err);

	if (fd < 0 ||
	    conf_lines_read(&l, fd, ALIASES_FILE_MAX, &text, &err) != 0)
		conf_lines_unread(&l, &err);
	else
		a = parse(&l, text, host);
	if (fd >= 0)
		(void)close(fd);
	return a;
}

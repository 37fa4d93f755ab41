/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_drop.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/crc32c.h"
#include "postern/base/rand.h"
#include "postern/mail/drop.h"

#include "tools/sendmail_submit.h"

#define ENVELOPE_MAX (1u << 20)

struct file {
	int fd;
	uint64_t length;
	uint32_t crc;
	const char *path;
};

static int
put(void *arg, const char *p, size_t n, struct err *err)
{
	struct file *f = arg;

	f->crc = crc32c(f->crc, p, n);
	f->length += n;
	while (n > 0) {
		ssize_t took = write(f->fd, p, n);

		if (took < 0 && errno == EINTR)
			continue;
		if (took < 0)
			return err_sys(err, "%s", f->path);
		p += took;
		n -= (size_t)took;
	}
	return 0;
}

static int
put_all(struct file *f, const struct sendmail_mail *m, size_t first, size_t n,
    struct err *err)
{
	char trailer[DROP_TRAILER + 1];
	struct buf lines;
	struct str s;
	int rc;

	buf_init(&lines, ENVELOPE_MAX);
	sendmail_submit_envelope(m, first, n, &lines);
	s = buf_str(&lines);
	rc = put(f, s.p, s.len, err);
	buf_done(&lines);
	if (rc != 0 || sendmail_submit_content(m, put, f, err) != 0)
		return -1;
	drop_trailer(trailer, f->length, f->crc);
	if (put(f, trailer, DROP_TRAILER, err) != 0)
		return -1;
	/* The directory cannot be synced by who may not read it; the name of a
	 * new file comes to the disk with the file. */
	return fsync(f->fd) == 0 ? 0 : err_sys(err, "%s", f->path);
}

int
sendmail_drop_write(const struct sendmail_mail *m, const char *directory,
    size_t first, size_t n, struct err *err)
{
	char name[DROP_NAME + 1], path[PATH_MAX];
	unsigned char bytes[DROP_NAME / 2];
	struct file f = { .path = path };
	int rc;

	rand_bytes(bytes, sizeof bytes);
	drop_name(name, bytes);
	rc = snprintf(path, sizeof path, "%s/%s", directory, name);
	if (rc < 0 || (size_t)rc >= sizeof path)
		return err_set(err, ERR_CONFIG,
		    "the drop directory's path is "
		    "too long");
	f.fd = open(
	    path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (f.fd < 0)
		return err_sys(err, "%s", directory);
	rc = fchmod(f.fd, 0640); /* whatever the caller's umask */
	rc = rc != 0 ? err_sys(err, "%s", path) : put_all(&f, m, first, n, err);
	if (rc != 0)
		(void)unlink(path);
	(void)close(f.fd);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/maildrop_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/crc32c.h"
#include "postern/mail/drop.h"

static int64_t
changed_ms(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000 +
	       st->st_mtim.tv_nsec / 1000000;
}

/* What cannot be opened: whose is it, and how old? */
static enum maildrop_look
look_at_name(
    struct maildrop_file *f, int directory, const char *name, const char **why)
{
	struct stat st;

	*why = strerror(errno);
	if (errno == ELOOP)
		*why = "a symbolic link";
	if (fstatat(directory, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return MAILDROP_GONE;
	f->uid = st.st_uid;
	f->changed_ms = changed_ms(&st);
	return MAILDROP_IMPROPER;
}

static enum maildrop_look
look_at_kind(struct maildrop_file *f, const struct stat *st, const char **why)
{
	f->uid = st->st_uid;
	f->changed_ms = changed_ms(st);
	if (!S_ISREG(st->st_mode))
		*why = "no regular file";
	else if (st->st_nlink != 1)
		*why = "a file with more names than one";
	else
		return MAILDROP_WHOLE;
	return MAILDROP_IMPROPER;
}

static enum maildrop_look
look_at_trailer(struct maildrop_file *f, uint64_t size, const char **why)
{
	char trailer[DROP_TRAILER];

	*why = "not whole";
	if (size <= DROP_TRAILER)
		return MAILDROP_PARTIAL;
	f->length = size - DROP_TRAILER;
	if (pread(f->fd, trailer, DROP_TRAILER, (off_t)f->length) !=
	        DROP_TRAILER ||
	    !drop_read_trailer(trailer, &size, &f->wanted_crc) ||
	    size != f->length)
		return MAILDROP_PARTIAL;
	return MAILDROP_WHOLE;
}

enum maildrop_look
maildrop_file_open(struct maildrop_file *f, int directory, const char *name,
    uint64_t size_max, const char **why)
{
	enum maildrop_look look;
	struct stat st;

	*f = (struct maildrop_file){ .fd = openat(directory, name,
		                         O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
		                             O_CLOEXEC | O_NOCTTY) };
	if (f->fd < 0)
		return look_at_name(f, directory, name, why);
	if (fstat(f->fd, &st) != 0) {
		*why = strerror(errno);
		look = MAILDROP_IMPROPER;
	} else {
		look = look_at_kind(f, &st, why);
	}
	if (look == MAILDROP_WHOLE && (uint64_t)st.st_size > size_max) {
		*why = "larger than any message may be";
		look = MAILDROP_IMPROPER;
	}
	if (look == MAILDROP_WHOLE)
		look = look_at_trailer(f, (uint64_t)st.st_size, why);
	if (look != MAILDROP_WHOLE)
		maildrop_file_close(f);
	return look;
}

void
maildrop_file_close(struct maildrop_file *f)
{
	if (f->fd >= 0)
		(void)close(f->fd);
	f->fd = -1;
}

ssize_t
maildrop_file_read(struct maildrop_file *f, char *p, size_t max)
{
	uint64_t left = f->length - f->at;
	ssize_t n;

	if (left == 0)
		return 0;
	n = pread(f->fd, p, max < left ? max : (size_t)left, (off_t)f->at);
	if (n <= 0)
		return -1; /* it was cut meanwhile */
	f->at += (uint64_t)n;
	f->crc = crc32c(f->crc, p, (size_t)n);
	return f->at < f->length || f->crc == f->wanted_crc ? n : -1;
}

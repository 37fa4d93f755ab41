/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/letter_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/admin/letter_json.h"
#include "postern/base/buf.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"

#define JSON_MAX (512u << 20) /* bytes; a million recipients */
#define PART (64u << 10)

static void
name_of(char out[LETTER_FILE_NAME], const char *id, const char *end)
{
	(void)snprintf(out, LETTER_FILE_NAME, "%s%s", id, end);
}

/* --- writing -----------------------------------------------------------------
 */

bool
letter_file_is_there(int dir, uint64_t mid)
{
	char id[ID_TEXT], name[LETTER_FILE_NAME];

	id_text(mid, id);
	name_of(name, id, ".json");
	return faccessat(dir, name, F_OK, 0) == 0;
}

static int
make(int dir, const char *name, struct err *err)
{
	int fd = openat(dir, name,
	    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	return fd < 0 ? err_sys(err, "%s", name) : fd;
}

static int
write_all(int fd, const char *p, size_t n, const char *id, struct err *err)
{
	while (n > 0) {
		ssize_t put = write(fd, p, n);

		if (put < 0 && errno != EINTR)
			return err_sys(err, "%s", id);
		if (put > 0) {
			p += put;
			n -= (size_t)put;
		}
	}
	return 0;
}

int
letter_file_begin(struct letter_file *f, int dir, uint64_t mid, struct err *err)
{
	char name[LETTER_FILE_NAME];

	*f = (struct letter_file){ .dir = dir };
	id_text(mid, f->id);
	name_of(name, f->id, ".eml");
	f->fd = make(dir, name, err);
	return f->fd < 0 ? -1 : 0;
}

int
letter_file_add(struct letter_file *f, const void *p, size_t n, struct err *err)
{
	f->crc32c = crc32c(f->crc32c, p, n);
	f->size += n;
	return write_all(f->fd, p, n, f->id, err);
}

static int
put_envelope(struct letter_file *f, const json_t *envelope, struct err *err)
{
	char part[LETTER_FILE_NAME], name[LETTER_FILE_NAME];
	char *text = json_dumps(envelope, JSON_INDENT(1));
	int fd, rc;

	name_of(part, f->id, ".json.part");
	name_of(name, f->id, ".json");
	fd = make(f->dir, part, err);
	rc = fd < 0 ? -1 : write_all(fd, text, strlen(text), f->id, err);
	if (rc == 0)
		rc = write_all(fd, "\n", 1, f->id, err);
	if (fd >= 0 && close(fd) != 0 && rc == 0)
		rc = err_sys(err, "%s", part);
	if (rc == 0 && renameat(f->dir, part, f->dir, name) != 0)
		rc = err_sys(err, "%s", name);
	if (rc != 0)
		(void)unlinkat(f->dir, part, 0);
	free(text);
	return rc;
}

int
letter_file_end(struct letter_file *f, const json_t *envelope, struct err *err)
{
	json_int_t size = json_integer_value(json_object_get(envelope, "size"));
	json_int_t crc =
	    json_integer_value(json_object_get(envelope, "crc32c"));

	if ((uint64_t)size != f->size || (uint64_t)crc != f->crc32c)
		return err_set(err, ERR_STORE,
		    "%s: the content is not what was accepted", f->id);
	if (close(f->fd) != 0) {
		f->fd = -1;
		return err_sys(err, "%s.eml", f->id);
	}
	f->fd = -1;
	return put_envelope(f, envelope, err);
}

void
letter_file_drop(struct letter_file *f)
{
	char name[LETTER_FILE_NAME];

	if (f->fd >= 0)
		(void)close(f->fd);
	name_of(name, f->id, ".eml");
	(void)unlinkat(f->dir, name, 0);
}

int
letter_file_sync(int dir, struct err *err)
{
	return syncfs(dir) != 0 ? err_sys(err, "the directory") : 0;
}

/* --- reading -----------------------------------------------------------------
 */

static bool
is_letter(const char *name, uint64_t *mid)
{
	size_t n = strlen(name);

	return n == ID_TEXT - 1 + strlen(".json") &&
	       strcmp(name + ID_TEXT - 1, ".json") == 0 &&
	       id_parse((struct str){ name, ID_TEXT - 1 }, mid) == 0;
}

static int
by_id(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static uint64_t *
collect(DIR *d, size_t *n)
{
	uint64_t *ids = NULL, mid;
	size_t cap = 0;
	struct dirent *e;

	*n = 0;
	while ((e = readdir(d)) != NULL) {
		if (!is_letter(e->d_name, &mid))
			continue;
		if (*n == cap) {
			cap = cap > 0 ? 2 * cap : 1024;
			ids = mem_resize(ids, cap * sizeof *ids);
		}
		ids[(*n)++] = mid;
	}
	return ids;
}

int
letter_file_ids(int dir, uint64_t **ids, size_t *n, struct err *err)
{
	int fd = dup(dir);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (d == NULL)
		return err_sys(err, "the directory");
	rewinddir(d);
	*ids = collect(d, n);
	if (*n > 0)
		qsort(*ids, *n, sizeof **ids, by_id);
	(void)closedir(d);
	return 0;
}

/* A pipe or a link is none; so nobody waits, and nothing else is read. */
static int
open_plain(int dir, const char *name, struct stat *st, struct err *err)
{
	int fd =
	    openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 || fstat(fd, st) != 0) {
		err_sys(err, "%s", name);
	} else if (!S_ISREG(st->st_mode)) {
		err_set(err, ERR_FORMAT, "%s is no plain file", name);
	} else {
		return fd;
	}
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static json_t *
read_json(int dir, const char *name, struct err *err)
{
	json_error_t why;
	struct stat st;
	json_t *j = NULL;
	int fd = open_plain(dir, name, &st, err);

	if (fd < 0)
		return NULL;
	if (st.st_size > JSON_MAX) {
		err_set(err, ERR_LIMIT, "%s is too large", name);
	} else {
		j = json_loadfd(fd, 0, &why);
		if (j == NULL)
			err_set(err, ERR_FORMAT, "%s, line %d: %s", name,
			    why.line, why.text);
	}
	(void)close(fd);
	return j;
}

/* 0: all of it, and it is right. */
static int
fill_body(int fd, struct body *b, const struct envelope *env)
{
	char *part = mem_new(PART);
	uint32_t crc = 0;
	uint64_t size = 0;
	ssize_t n = 0;

	while (size < env->size && (n = read(fd, part, PART)) > 0) {
		crc = crc32c(crc, part, (size_t)n);
		size += (uint64_t)n;
		if (body_add(b, part, (size_t)n) != 0)
			break;
	}
	free(part);
	return size == env->size && crc == env->crc32c ? 0 : -1;
}

static int
read_body(int dir, const char *id, struct envelope *env, struct err *err)
{
	char name[LETTER_FILE_NAME];
	struct stat st;
	int fd, rc = -1;

	name_of(name, id, ".eml");
	fd = open_plain(dir, name, &st, err);
	if (fd < 0)
		return -1;
	if ((uint64_t)st.st_size != env->size || env->size > LETTER_FILE_MAX) {
		err_set(err, ERR_FORMAT,
		    "%s has %" PRIu64 " bytes; \"size\" is %" PRIu64
		    ", of at most %u",
		    name, (uint64_t)st.st_size, env->size, LETTER_FILE_MAX);
	} else {
		env->body = body_new((size_t)env->size);
		rc = fill_body(fd, env->body, env);
		if (rc != 0)
			err_set(err, ERR_FORMAT,
			    "%s is not the content that \"crc32c\" is of",
			    name);
	}
	(void)close(fd);
	return rc;
}

int
letter_file_read(int dir, uint64_t mid, struct letter_json *l, struct err *err)
{
	char id[ID_TEXT], name[LETTER_FILE_NAME];
	struct err why;
	json_t *j;
	int rc;

	id_text(mid, id);
	name_of(name, id, ".json");
	j = read_json(dir, name, err);
	if (j == NULL)
		return -1;
	rc = letter_json_read(j, l, &why);
	json_decref(j);
	if (rc != 0)
		return err_set(err, why.kind, "%s: %s", name, why.text);
	if (l->whole.env->mid != mid)
		rc = err_set(err, ERR_FORMAT, "%s: \"id\" is of another", name);
	if (rc == 0)
		rc = read_body(dir, id, l->whole.env, err);
	if (rc != 0)
		letter_json_done(l);
	return rc;
}

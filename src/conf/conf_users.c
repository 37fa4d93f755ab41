/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_users.h"

#include <sys/stat.h>
#include <unistd.h>

#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/base/secret_source.h"
#include "postern/inlet/users.h"

#include "conf/conf_read.h"

#define TOLD_MAX 20 /* mistakes; a file of another kind has one a line */

struct told {
	struct conf_read *read;
	const char *path;
	unsigned mistakes;
};

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	struct told *t = arg;
	struct conf_place at = { .file = t->path,
		.number = CONF_READ_FILES_MAX,
		.line = (int)line };

	if (++t->mistakes <= TOLD_MAX)
		conf_note_mistake(
		    &t->read->notes, at, "users_file", "%s", text);
}

static void
tell_rest(const struct told *t)
{
	struct conf_place at = { .file = t->path,
		.number = CONF_READ_FILES_MAX + 1 };

	if (t->mistakes > TOLD_MAX)
		conf_note_mistake(&t->read->notes, at, "users_file",
		    "has %u more mistakes; mend the first ones and look again",
		    t->mistakes - TOLD_MAX);
}

/* The whole text, the caller's to wipe and free. */
static int
read_all(int fd, const char *path, char **text, size_t *len, struct err *err)
{
	struct stat st;
	ssize_t n = 1;
	size_t max;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s cannot be looked at", path);
	if ((uint64_t)st.st_size > USERS_FILE_MAX)
		return err_set(err, ERR_CONFIG,
		    "%s is larger than %u bytes; write a users file there",
		    path, USERS_FILE_MAX);
	max = (size_t)st.st_size;
	*text = mem_new(max);
	for (*len = 0; *len < max && n > 0; *len += (size_t)n) {
		n = read(fd, *text + *len, max - *len);
		if (n < 0)
			break;
	}
	if (n >= 0)
		return 0;
	(void)err_sys(err, "%s cannot be read", path);
	mem_wipe(*text, max);
	free(*text);
	return -1;
}

static struct users *
parse(struct conf_read *r, const char *path, struct str text)
{
	struct told t = { .read = r, .path = path };
	struct users *u = NULL;

	if (users_parse(&u, text, on_mistake, &t) != 0)
		tell_rest(&t);
	return u;
}

struct users *
conf_users_load(struct conf_read *r, const char *path)
{
	struct users *u = NULL;
	struct err err;
	char *text = NULL;
	size_t len = 0;
	int fd = secret_source_open(path, &err);

	if (fd < 0 || read_all(fd, path, &text, &len, &err) != 0) {
		conf_note_mistake(&r->notes,
		    conf_read_place(r->root_entry, "users_file"), "users_file",
		    "%s", err.text);
	} else {
		u = parse(r, path, (struct str){ text, len });
		mem_wipe(text, len);
		free(text);
	}
	if (fd >= 0)
		(void)close(fd);
	return u;
}

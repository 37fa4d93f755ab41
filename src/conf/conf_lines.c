/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_lines.h"

#include <sys/stat.h>
#include <unistd.h>

#include <stdint.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "conf/conf_read.h"

#define TOLD_MAX 20

void
conf_lines_mistake(void *arg, unsigned line, const char *text)
{
	struct conf_lines *l = arg;
	struct conf_place at = { .file = l->path,
		.number = CONF_READ_FILES_MAX + 2 * l->number,
		.line = (int)line };

	if (++l->mistakes <= TOLD_MAX)
		conf_note_mistake(&l->read->notes, at, l->key, "%s", text);
}

void
conf_lines_rest(const struct conf_lines *l)
{
	struct conf_place at = { .file = l->path,
		.number = CONF_READ_FILES_MAX + 2 * l->number + 1 };

	if (l->mistakes > TOLD_MAX)
		conf_note_mistake(&l->read->notes, at, l->key,
		    "has %u more mistakes; mend the first ones and look again",
		    l->mistakes - TOLD_MAX);
}

void
conf_lines_unread(const struct conf_lines *l, const struct err *err)
{
	conf_note_mistake(&l->read->notes,
	    conf_read_place(l->read->root_entry, l->key), l->key, "%s",
	    err->text);
}

int
conf_lines_read(const struct conf_lines *l, int fd, size_t max,
    struct str *text, struct err *err)
{
	size_t len, room;
	struct stat st;
	ssize_t n = 1;
	char *p;

	if (fstat(fd, &st) != 0)
		return err_sys(err, "%s cannot be looked at", l->path);
	if ((uint64_t)st.st_size > max)
		return err_set(err, ERR_CONFIG,
		    "%s is larger than %zu bytes; write the name of another "
		    "file",
		    l->path, max);
	room = (size_t)st.st_size;
	p = mem_new(room);
	for (len = 0; len < room && n > 0; len += (size_t)n) {
		n = read(fd, p + len, room - len);
		if (n < 0)
			break;
	}
	*text = (struct str){ p, len };
	if (n >= 0)
		return 0;
	(void)err_sys(err, "%s cannot be read", l->path);
	mem_wipe(p, room);
	free(p);
	return -1;
}

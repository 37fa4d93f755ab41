/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_users.h"

#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/secret.h"
#include "postern/base/secret_source.h"
#include "postern/inlet/users.h"

#include "conf/conf_lines.h"
#include "conf/conf_read.h"

static struct users *
parse(struct conf_lines *l, struct str text)
{
	struct users *u = NULL;
	char *p = (char *)(uintptr_t)text.p;

	if (users_parse(&u, text, conf_lines_mistake, l) != 0)
		conf_lines_rest(l);
	mem_wipe(p, text.len);
	free(p);
	return u;
}

struct users *
conf_users_load(struct conf_read *r, const char *path)
{
	struct conf_lines l = { .read = r, .key = "users_file", .path = path };
	struct users *u = NULL;
	struct str text;
	struct err err;
	int fd = secret_source_open(path, &err);

	if (fd < 0 || conf_lines_read(&l, fd, USERS_FILE_MAX, &text, &err) != 0)
		conf_lines_unread(&l, &err);
	else
		u = parse(&l, text);
	if (fd >= 0)
		(void)close(fd);
	return u;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/spool_backup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/spool/offline.h"

#include "tools/control_row.h"
#include "tools/new_directory.h"
#include "tools/spool_tool.h"

#define DATA "data.mdb"

struct copying {
	bool is_json, is_whole;
	bool is_shown; /* progress, on a terminal */
};

/* --- by the daemon -----------------------------------------------------------
 */

static void
on_row(void *arg, const json_t *row)
{
	struct copying *c = arg;
	char bytes[CONTROL_ROW_SHORT], of[CONTROL_ROW_SHORT];

	c->is_whole = json_is_true(json_object_get(row, "whole"));
	if (c->is_json && !c->is_whole)
		control_row_print(NULL, row);
	if (c->is_json || !c->is_shown)
		return;
	control_row_size(control_row_number(row, "bytes"), bytes);
	control_row_size(control_row_number(row, "of"), of);
	(void)fprintf(stderr, "\r%s of about %s ", bytes, of);
	if (c->is_whole)
		(void)fputc('\n', stderr);
}

static int
ask_daemon(const struct spool_tool *t, int fd)
{
	struct copying c = { .is_json = t->ask.is_json,
		.is_shown = isatty(STDERR_FILENO) == 1 };
	struct control_ask ask = t->ask;

	ask.has_fd = true;
	ask.fd = fd;
	return control_ask_run(
	    &ask, json_pack("{ss}", "request", "spool.backup"), on_row, &c);
}

/* --- here --------------------------------------------------------------------
 */

static int
copy_here(const struct spool_tool *t, int fd)
{
	struct spool *sp = NULL;
	struct err err;
	int rc = offline_view(&sp, t->set.directory, &err);

	if (rc == 0)
		rc = spool_copy(sp, fd, &err);
	spool_close(&sp);
	return rc == 0 ? 0 : spool_tool_fail(&err);
}

/* --- the command -------------------------------------------------------------
 */

static int
tell(const struct spool_tool *t, int fd)
{
	char size[CONTROL_ROW_SHORT];
	struct stat st;

	if (fstat(fd, &st) != 0)
		return EX_OSERR;
	control_row_size(st.st_size, size);
	if (t->ask.is_json)
		spool_tool_print(json_pack("{ss sI}", "directory", t->word,
		    "bytes", (json_int_t)st.st_size));
	else
		(void)printf("%s holds the spool, %s\n", t->word, size);
	return 0;
}

/* lock < 0: the daemon has it, or it is not for us to take. */
static int
backup(const struct spool_tool *t, int lock)
{
	struct new_directory d;
	struct err err;
	int fd = -1, code;

	if (new_directory_make(&d, t->word, t->set.directory, &err) != 0 ||
	    new_directory_file(&d, DATA, &fd, &err) != 0) {
		(void)spool_tool_fail(&err);
		new_directory_drop(&d);
		return EX_CANTCREAT;
	}
	code = lock >= 0 ? copy_here(t, fd) : ask_daemon(t, fd);
	if (code == 0 && new_directory_sync(&d, &err) != 0)
		code = spool_tool_fail(&err);
	if (code == 0)
		code = tell(t, fd);
	else
		(void)unlinkat(d.fd, DATA, 0);
	(void)close(fd);
	if (code != 0)
		new_directory_drop(&d);
	else
		new_directory_done(&d);
	return code;
}

int
spool_backup_run(const struct spool_tool *t)
{
	struct err err;
	int lock = -1, code;

	/* who may ask the daemon need not be able to look into its spool */
	if (access(t->set.directory, X_OK) == 0 &&
	    offline_lock(&lock, t->set.directory, &err) != 0 &&
	    err.kind != ERR_LOCKED)
		return spool_tool_fail(&err);
	code = backup(t, lock);
	if (lock >= 0)
		(void)close(lock);
	return code;
}

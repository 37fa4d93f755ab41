/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"

#include "tools/sendmail_rcpts.h"
#include "tools/sendmail_submit.h"

#define FILTER_MAX 4096
#define ROUTES_MAX 100 /* recipients that postern route tells of at a time */
#define WORDS_MAX (10 + 2 * ROUTES_MAX)

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

static void
add(struct words *w, const char *word)
{
	w->v[w->n++] = word;
}

static const char *
tool(void)
{
	const char *program = getenv("POSTERN_TOOL");

	return program != NULL && program[0] != '\0' ? program
	                                             : BINDIR "/postern";
}

static int
become(struct words *w)
{
	const char *program = tool();
	const char *control = getenv("POSTERN_CONTROL");

	if (control != NULL && control[0] != '\0') {
		add(w, "-s");
		add(w, control);
	}
	add(w, NULL);
	(void)execv(program, (char *const *)(const void *)w->v);
	(void)fprintf(stderr, "sendmail: ");
	perror(program);
	return EX_UNAVAILABLE;
}

/* Where the daemon's package is not there are no aliases. */
int
sendmail_queue_aliases(void)
{
	struct words w = { .v = { "postern", "reload", "--or-check" }, .n = 3 };

	if (access(tool(), F_OK) != 0)
		return 0;
	return become(&w);
}

int
sendmail_queue_list(void)
{
	struct words w = { .v = { "postern", "queue", "list", "--mailq" },
		.n = 4 };

	return become(&w);
}

/* FIELD~"part"; the caller frees.  NULL: too long. */
static char *
filter_of(const char *field, const char *part)
{
	struct buf b;
	char *text;
	int rc;

	buf_init(&b, FILTER_MAX);
	rc = buf_addf(&b, "%s~\"", field);
	for (const char *p = part; rc == 0 && *p != '\0'; p++) {
		if (*p == '"' || *p == '\\')
			rc = buf_add(&b, "\\", 1);
		if (rc == 0)
			rc = buf_add(&b, p, 1);
	}
	if (rc == 0)
		rc = buf_add(&b, "\"", 1);
	text = rc == 0 ? mem_strn(buf_str(&b).p, buf_str(&b).len) : NULL;
	buf_done(&b);
	return text;
}

int
sendmail_queue_retry(const char *what)
{
	static const struct {
		char letter;
		const char *field;
	} fields[] = { { 'I', "id" }, { 'R', "rcpt" }, { 'S', "sender" } };
	struct words w = {
		.v = { "postern", "queue", "retry", "--yes", "--where" }, .n = 5
	};
	char *where = mem_str("state=queued or state=deferred");
	int code;

	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		if (what[0] != fields[i].letter || what[1] == '\0')
			continue; /* a part of no length is in all */
		free(where);
		where = filter_of(fields[i].field, what + 1);
	}
	if (where == NULL) {
		(void)fputs("sendmail: -q: too long\n", stderr);
		return EX_USAGE;
	}
	add(&w, where);
	code = become(&w);
	free(where);
	return code;
}

/* The exit code of that program, which runs beside this one. */
static int
run(struct words *w)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(become(w));
	while (pid > 0 && waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			pid = -1;
	}
	return pid > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : EX_OSERR;
}

bool
sendmail_queue_route(const struct sendmail_mail *m, const bool *taken)
{
	const char *from = m->sender[0] != '\0' ? m->sender : "<>";
	size_t n = m->rcpts->n, i = 0;
	bool is_known = true;

	if (n > SENDMAIL_SUBMIT_RCPTS)
		n = SENDMAIL_SUBMIT_RCPTS;
	(void)fflush(stdout);
	while (i < n) {
		struct words w = { .v = { "postern", "route", "-b",
			               "--listener", "sendmail", "--from",
			               from },
			.n = 7 };
		size_t none = w.n;

		for (; i < n && w.n < none + 2 * ROUTES_MAX; i++) {
			if (!taken[i])
				continue;
			add(&w, "--to");
			add(&w, m->rcpts->v[i]);
		}
		if (w.n > none && run(&w) == EX_NOUSER)
			is_known = false;
	}
	return is_known;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"

#define FILTER_MAX 4096
#define WORDS_MAX 10

struct words {
	const char *v[WORDS_MAX];
	size_t n;
};

static void
add(struct words *w, const char *word)
{
	w->v[w->n++] = word;
}

static int
become(struct words *w)
{
	const char *program = getenv("POSTERN_TOOL");
	const char *control = getenv("POSTERN_CONTROL");

	if (program == NULL || program[0] == '\0')
		program = BINDIR "/postern";
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
		if (what[0] != fields[i].letter)
			continue;
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

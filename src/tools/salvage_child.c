/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/salvage_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/spool/offline.h"

#include "tools/letter_export.h"

#define SILENCE_MS 60000 /* a message of any size takes less */

/* --- the child ---------------------------------------------------------------
 */

struct child {
	const struct salvage_walk *w;
	struct letter_export x;
	int out;
};

static void
note(const struct child *c, enum salvage_kind kind, uint64_t mid,
    const char *text)
{
	struct salvage_note n;

	memset(&n, 0, sizeof n); /* its gaps, too */
	n.kind = kind;
	n.mid = mid;
	(void)snprintf(n.text, sizeof n.text, "%s", text);
	if (write(c->out, &n, sizeof n) != (ssize_t)sizeof n)
		_exit(1); /* nobody waits for it */
}

/* 1 *mid, 0 there is none, -1. */
static int
next_id(struct child *c, uint64_t from, uint64_t *mid)
{
	struct spool_item item;
	int n;

	if (c->w->back) {
		n = spool_before(c->x.reader, from, mid);
		return n == 1 && *mid >= from ? -1 : n;
	}
	n = spool_list(c->x.reader, from, &item, 1);
	if (n == 1)
		*mid = item.mid;
	return n == 1 && *mid <= from ? -1 : n;
}

static bool
is_beyond(const struct salvage_walk *w, uint64_t mid)
{
	return w->back ? mid <= w->until : mid >= w->until;
}

/* false: nothing can be written. */
static bool
take(struct child *c, uint64_t mid)
{
	static const enum salvage_kind kinds[] = {
		[LETTER_EXPORT_DONE] = SALVAGE_DONE,
		[LETTER_EXPORT_THERE] = SALVAGE_THERE,
		[LETTER_EXPORT_NONE] = SALVAGE_NONE,
		[LETTER_EXPORT_DAMAGED] = SALVAGE_BAD,
		[LETTER_EXPORT_FAILED] = SALVAGE_FAILED,
	};
	struct err err = { .text = "" };
	enum letter_export_result rc;

	note(c, SALVAGE_AT, mid, "");
	rc = letter_export_one(&c->x, mid, &err);
	note(c, kinds[rc], mid, err.text);
	return rc != LETTER_EXPORT_FAILED;
}

static void
walk(struct child *c)
{
	uint64_t at = c->w->from, mid = 0;
	int n;

	while ((n = next_id(c, at, &mid)) == 1 && !is_beyond(c->w, mid)) {
		if (!take(c, mid))
			return;
		at = mid;
	}
	note(c, n < 0 ? SALVAGE_LOST : SALVAGE_END, 0, "");
}

/* LMDB has a word for whoever reads its end; ours come by the pipe. */
static void
be_quiet(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0)
		(void)dup2(fd, STDERR_FILENO);
	(void)setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
}

static void
run(const struct salvage_walk *w, int out)
{
	struct child c = { .w = w, .out = out };
	struct spool *sp = NULL;
	struct err err;

	be_quiet();
	if (offline_view(&sp, w->spool, &err) != 0) {
		note(&c, SALVAGE_FAILED, 0, err.text);
		return;
	}
	letter_export_init(&c.x, sp, w->dir);
	walk(&c);
	letter_export_done(&c.x);
	spool_close(&sp);
}

/* --- who waits for it --------------------------------------------------------
 */

static bool
read_note(int in, struct salvage_note *n)
{
	struct pollfd p = { .fd = in, .events = POLLIN };
	int rc;

	do
		rc = poll(&p, 1, SILENCE_MS);
	while (rc < 0 && errno == EINTR);
	return rc > 0 && read(in, n, sizeof *n) == (ssize_t)sizeof *n;
}

static bool
listen_to(int in, salvage_child_fn *take_note, void *arg)
{
	struct salvage_note n = { .kind = SALVAGE_AT };

	while (n.kind < SALVAGE_LOST && read_note(in, &n))
		take_note(arg, &n);
	return n.kind >= SALVAGE_LOST;
}

bool
salvage_child_run(
    const struct salvage_walk *w, salvage_child_fn *take_note, void *arg)
{
	int fd[2], status;
	bool is_told;
	pid_t pid;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return false;
	pid = fork();
	if (pid == 0) {
		(void)close(fd[0]);
		run(w, fd[1]);
		_exit(0);
	}
	(void)close(fd[1]);
	is_told = pid > 0 && listen_to(fd[0], take_note, arg);
	(void)close(fd[0]);
	if (pid > 0) {
		(void)kill(pid, SIGKILL); /* it has said all, or hangs */
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			continue;
	}
	return is_told;
}

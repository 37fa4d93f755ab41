/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/backup.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/io/helper.h"
#include "postern/io/loop.h"
#include "postern/spool/spool.h"

#include "admin/control_call.h"

#define TICK_MS 1000

struct backup {
	struct spool *sp;
	struct mailbox *back;
	struct helper *helper; /* made for the first one */
	struct timer *timer;
	struct copy *copy; /* under way, or NULL */
};

struct copy {
	struct helper_job job; /* lies first */
	struct backup *backup; /* NULL: it is no more, the daemon ends */
	struct spool *sp;
	struct control_call *call;
	int fd, file;    /* both the file; cut off: the first is a pipe's end */
	bool is_cut_off; /* the thread */
	_Atomic uint64_t of;            /* bytes, about; 0: not yet known */
	_Atomic(const char *) given_up; /* why; NULL: it is not */
	int rc;                         /* 0: the whole is in the file */
	struct err err;
};

static void
copy_free(struct copy *c)
{
	(void)close(c->fd);
	(void)close(c->file);
	free(c);
}

/* --- the thread --------------------------------------------------------------
 */

/* What has been written might be taken for a whole copy by who finds it, and
 * the disk may need the room.  A file system may let us wait for this, and no
 * write comes behind it: so it is done here. */
static void
empty(struct copy *c)
{
	int rc = ftruncate(c->file, 0);

	(void)rc; /* who asked removes the file */
	c->rc = -1;
}

static void
copy_all(struct helper_job *job)
{
	struct copy *c = (struct copy *)job;
	uint64_t of;

	c->rc = spool_copy_bytes(c->sp, &of, &c->err);
	if (c->rc == 0) {
		atomic_store(&c->of, of);
		c->rc = spool_copy(c->sp, c->fd, &c->err);
	}
	if (c->rc != 0 || atomic_load(&c->given_up) != NULL)
		empty(c);
}

/* --- while it goes on --------------------------------------------------------
 */

static void
tell(const struct copy *c, bool is_whole)
{
	struct stat st;
	json_int_t of = (json_int_t)atomic_load(&c->of);

	if (fstat(c->file, &st) != 0)
		st.st_size = 0;
	control_call_row(
	    c->call, json_pack("{sI sI sb}", "bytes", (json_int_t)st.st_size,
	                 "of", of, "whole", (int)is_whole));
}

/* The thread is in a call that copies everything: its next write fails, as on
 * the end of a pipe that is for reading. */
static bool
cut_off(struct copy *c)
{
	int fd[2], rc;

	if (pipe2(fd, O_CLOEXEC) != 0)
		return false; /* the next tick tries again */
	rc = dup3(fd[0], c->fd, O_CLOEXEC);
	(void)close(fd[0]);
	(void)close(fd[1]);
	return rc >= 0;
}

static void
give_up(struct copy *c, const char *why)
{
	if (c->given_up == NULL)
		c->given_up = why; /* before its write fails */
	if (!c->is_cut_off)
		c->is_cut_off = cut_off(c);
}

static void
on_tick(void *arg)
{
	struct backup *b = arg;
	struct spool_stats st;

	spool_stats(b->sp, &st);
	if (control_call_is_gone(b->copy->call))
		give_up(b->copy, "nobody waits for it");
	else if (st.full)
		give_up(b->copy,
		    "the spool's disk gets full, and its file grows while it "
		    "is copied; the copy was given up");
	else if (b->copy->given_up == NULL)
		tell(b->copy, false);
	timer_set(b->timer, TICK_MS);
}

static void
on_copied(struct mailbox_item *item, void *owner)
{
	struct copy *c = (struct copy *)item; /* they lie first */

	(void)owner;
	if (c->backup != NULL) {
		timer_stop(c->backup->timer);
		c->backup->copy = NULL;
	}
	if (c->rc == 0) { /* or it was given up too late */
		tell(c, true);
		control_call_done(c->call);
	} else if (c->given_up != NULL) {
		control_call_fail(c->call, EX_TEMPFAIL, c->given_up);
	} else {
		control_call_fail(c->call,
		    c->err.kind == ERR_FULL ? EX_CANTCREAT : EX_IOERR,
		    c->err.text);
	}
	copy_free(c);
}

/* --- the request -------------------------------------------------------------
 */

/* A pipe or a device might make the copy wait without end. */
static const char *
refusal(int fd)
{
	struct stat st;
	int flags = fd < 0 ? -1 : fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) != 0)
		return "no file came along with the request";
	if (!S_ISREG(st.st_mode) || st.st_size != 0 ||
	    (flags & O_ACCMODE) == O_RDONLY)
		return "the file that came along is no empty one that can be "
		       "written to";
	return NULL;
}

static void
start(struct backup *b, struct control_call *call, int fd)
{
	struct copy *c = mem_new(sizeof *c);

	if (b->helper == NULL)
		b->helper = helper_new("backup", 1, 1);
	c->backup = b;
	c->sp = b->sp;
	c->call = call;
	c->fd = fd;
	c->file = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	c->job.reply_to = b->back;
	c->job.run = copy_all;
	c->job.item.deliver = on_copied;
	if (c->file < 0 || helper_submit(b->helper, &c->job) != 0) {
		control_call_fail(call, EX_TEMPFAIL, "try again");
		copy_free(c);
		return;
	}
	b->copy = c;
	timer_set(b->timer, TICK_MS);
}

void
backup_run(struct control_call *call)
{
	struct backup *b = control_call_backup(call);
	int fd = control_call_fd(call), code = EX_USAGE;
	const char *why = refusal(fd);

	if (why == NULL && (b == NULL || b->copy != NULL)) {
		code = EX_TEMPFAIL;
		why = b == NULL ? "the daemon is being stopped"
		                : "another copy of the spool is being made";
	}
	if (why == NULL) {
		start(b, call, fd);
		return;
	}
	control_call_fail(call, code, why);
	if (fd >= 0)
		(void)close(fd);
}

/* --- life --------------------------------------------------------------------
 */

struct backup *
backup_new(struct spool *sp, struct mailbox *back, struct loop *loop)
{
	struct backup *b = mem_new(sizeof *b);

	b->sp = sp;
	b->back = back;
	b->timer = timer_new(loop, on_tick, b);
	return b;
}

void
backup_free(struct backup **bp)
{
	struct backup *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	if (b->copy != NULL) {
		give_up(b->copy, "the daemon is being stopped");
		b->copy->backup = NULL;
	}
	if (b->helper != NULL)
		helper_free(&b->helper);
	timer_free(&b->timer);
	free(b);
}

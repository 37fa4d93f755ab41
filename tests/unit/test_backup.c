/* SPDX-License-Identifier: Apache-2.0 */
/* A copy for a caller: who asks, and the spool, are the test's. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"
#include "postern/spool/spool.h"

#include "admin/backup.h"
#include "admin/control_call.h"

/* --- the spool ---------------------------------------------------------------
 */

static struct {
	_Atomic bool is_endless; /* the copy */
	_Atomic int write_errno; /* how it ended */
	bool is_full;
	sem_t begun;
} spool;

/* --- the file's disk ---------------------------------------------------------
 */

static struct {
	bool is_broken; /* it empties no file */
	pthread_t main;
	_Atomic bool is_waited_for; /* by the main thread */
	_Atomic bool is_copying;
	_Atomic int emptied, emptied_early; /* in the midst of a copy */
} disk;

int
ftruncate(int fd, off_t length)
{
	if (pthread_equal(pthread_self(), disk.main))
		disk.is_waited_for = true;
	disk.emptied++;
	disk.emptied_early += disk.is_copying;
	if (disk.is_broken) {
		errno = EIO;
		return -1;
	}
	return (int)syscall(SYS_ftruncate, fd, length);
}

int
spool_copy_bytes(struct spool *sp, uint64_t *bytes, struct err *err)
{
	(void)sp;
	(void)err;
	*bytes = 4;
	return 0;
}

int
spool_copy(struct spool *sp, int fd, struct err *err)
{
	(void)sp;
	disk.is_copying = true;
	do {
		if (write(fd, "data", 4) != 4) {
			spool.write_errno = errno;
			disk.is_copying = false;
			return err_set(err, ERR_STORE, "the copy failed");
		}
		if (lseek(fd, 0, SEEK_CUR) == 4)
			sem_post(&spool.begun);
	} while (spool.is_endless);
	disk.is_copying = false;
	return 0;
}

void
spool_stats(struct spool *sp, struct spool_stats *s)
{
	(void)sp;
	*s = (struct spool_stats){ .full = spool.is_full };
}

/* --- the caller --------------------------------------------------------------
 */

struct control_call {
	struct loop *loop;
	struct backup *backup;
	int fd;
	bool is_gone, is_over;
	json_int_t bytes; /* of the last row */
	bool is_whole;
	int code; /* 0: done */
	char why[200];
};

struct backup *
control_call_backup(const struct control_call *call)
{
	return call->backup;
}

int
control_call_fd(struct control_call *call)
{
	return call->fd;
}

bool
control_call_is_gone(const struct control_call *call)
{
	return call->is_gone;
}

void
control_call_row(struct control_call *call, json_t *row)
{
	assert_false(call->is_over);
	call->bytes = json_integer_value(json_object_get(row, "bytes"));
	call->is_whole = json_is_true(json_object_get(row, "whole"));
	json_decref(row);
}

static void
is_over(struct control_call *call)
{
	assert_false(call->is_over);
	call->is_over = true;
	loop_stop(call->loop);
}

void
control_call_done(struct control_call *call)
{
	is_over(call);
}

void
control_call_fail(struct control_call *call, int code, const char *text)
{
	call->code = code;
	(void)snprintf(call->why, sizeof call->why, "%s", text);
	is_over(call);
}

/* --- the world ---------------------------------------------------------------
 */

struct world {
	struct loop *loop;
	struct mailbox *box;
	struct backup *backup;
	char path[40];
	int fd; /* the caller's own */
};

static int
set_up(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct err err;

	spool.is_endless = false;
	spool.write_errno = 0;
	spool.is_full = false;
	disk.is_broken = false;
	disk.main = pthread_self();
	disk.is_waited_for = false;
	disk.emptied = disk.emptied_early = 0;
	assert_int_equal(sem_init(&spool.begun, 0, 0), 0);
	assert_int_equal(loop_new(&w->loop, &err), 0);
	w->box = mailbox_new(w->loop, w);
	w->backup = backup_new(NULL, w->box, w->loop);
	strcpy(w->path, "/tmp/test_backup.XXXXXX");
	w->fd = mkstemp(w->path);
	assert_true(w->fd >= 0);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	backup_free(&w->backup);
	backup_free(&w->backup); /* twice is harmless */
	mailbox_free(&w->box);
	loop_free(&w->loop);
	assert_int_equal(close(w->fd), 0);
	assert_int_equal(unlink(w->path), 0);
	free(w);
	return 0;
}

static struct control_call
call_new(struct world *w)
{
	return (struct control_call){ .loop = w->loop,
		.backup = w->backup,
		.fd = fcntl(w->fd, F_DUPFD_CLOEXEC, 0) };
}

static off_t
size_of(const struct world *w)
{
	struct stat st;

	assert_int_equal(fstat(w->fd, &st), 0);
	return st.st_size;
}

static void
expect_whole(struct world *w)
{
	struct control_call c = call_new(w);

	backup_run(&c);
	loop_run(w->loop);
	assert_true(c.is_over && c.is_whole);
	assert_int_equal(c.code, 0);
	assert_int_equal(c.bytes, 4);
	assert_int_equal(size_of(w), 4);
}

/* Until the copy is in the midst of it. */
static void
begin_endless(struct control_call *c)
{
	spool.is_endless = true;
	backup_run(c);
	sem_wait(&spool.begun);
	assert_false(c->is_over);
}

/* Another one is made as if it had not been. */
static void
expect_given_up(struct world *w, const struct control_call *c, const char *why)
{
	assert_true(c->is_over);
	assert_int_equal(c->code, EX_TEMPFAIL);
	assert_non_null(strstr(c->why, why));
	assert_int_equal(spool.write_errno, EBADF);
	assert_int_equal(fcntl(c->fd, F_GETFD), -1);
	/* when no write can come any more, and nobody else waits for it */
	assert_int_equal(disk.emptied, 1);
	assert_int_equal(disk.emptied_early, 0);
	assert_false(disk.is_waited_for);
	if (disk.is_broken)
		return;
	assert_int_equal(size_of(w), 0);
	assert_int_equal(lseek(w->fd, 0, SEEK_SET), 0);
	spool.is_endless = false;
}

/* --- tests -------------------------------------------------------------------
 */

static void
a_copy_is_made_and_told_of(void **state)
{
	expect_whole(*state);
}

static void
one_at_a_time(void **state)
{
	struct world *w = *state;
	struct control_call one = call_new(w), two = call_new(w);

	(void)close(two.fd);
	two.fd = memfd_create("two", MFD_CLOEXEC);
	begin_endless(&one);
	backup_run(&two);
	assert_true(two.is_over && !one.is_over);
	assert_int_equal(two.code, EX_TEMPFAIL);
	spool.is_endless = false;
	loop_run(w->loop);
	assert_int_equal(one.code, 0);
	assert_true(size_of(w) > 0);
}

static void
nothing_is_copied_for_who_has_left(void **state)
{
	struct world *w = *state;
	struct control_call c = call_new(w);

	begin_endless(&c);
	c.is_gone = true;
	loop_run(w->loop);
	expect_given_up(w, &c, "nobody waits for it");
	expect_whole(w);
}

static void
nor_onto_a_disk_that_gets_full(void **state)
{
	struct world *w = *state;
	struct control_call c = call_new(w);

	begin_endless(&c);
	spool.is_full = true;
	loop_run(w->loop);
	expect_given_up(w, &c, "the spool's disk gets full");
	spool.is_full = false;
	expect_whole(w);
}

static void
one_is_given_up_though_its_file_cannot_be_emptied(void **state)
{
	struct world *w = *state;
	struct control_call c = call_new(w);

	disk.is_broken = true;
	begin_endless(&c);
	c.is_gone = true;
	loop_run(w->loop);
	expect_given_up(w, &c, "nobody waits for it");
}

static void
a_stop_does_not_wait_for_a_copy(void **state)
{
	struct world *w = *state;
	struct control_call c = call_new(w);

	begin_endless(&c);
	backup_free(&w->backup);
	mailbox_free(&w->box); /* the answer is delivered */
	expect_given_up(w, &c, "the daemon is being stopped");
	w->box = mailbox_new(w->loop, w);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_copy_is_made_and_told_of),
		TEST(one_at_a_time),
		TEST(nothing_is_copied_for_who_has_left),
		TEST(nor_onto_a_disk_that_gets_full),
		TEST(one_is_given_up_though_its_file_cannot_be_emptied),
		TEST(a_stop_does_not_wait_for_a_copy),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool that no daemon uses: its lock, a look at it, a smaller file, a copy.
 * Stands in the place of the system's write, fsync and rename: the n-th of them
 * kills the process that calls it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/spool/offline.h"

#include "spool/directory.h"

#include "spool_kit.h"

#define SMALL 300
#define KEPT 5

static _Atomic long calls_left = -1; /* < 0: nobody is killed */
static _Atomic int taken = -1; /* what is written to it is given up: another */

static void
one_call(void)
{
	if (calls_left > 0 && --calls_left == 0)
		(void)raise(SIGKILL);
}

ssize_t
write(int fd, const void *p, size_t n)
{
	ssize_t rc;

	one_call();
	rc = syscall(SYS_write, fd, p, n);
	if (taken >= 0)
		dup2(taken, fd);
	taken = -1;
	return rc;
}

int
fsync(int fd)
{
	one_call();
	return (int)syscall(SYS_fsync, fd);
}

int
rename(const char *from, const char *to)
{
	one_call();
	return (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

struct world {
	struct kit k;
	uint64_t kept[KEPT];
};

/* Most of what came has left: the file has holes. */
static int
setup(void **state)
{
	struct world *w = mem_new(sizeof *w);
	struct kit_message m = { .bytes = 3000, .nrcpts = 1 };
	uint64_t mid[SMALL];

	kit_init(&w->k);
	kit_open(&w->k);
	for (size_t i = 0; i < SMALL; i++)
		mid[i] = kit_send(&w->k, &m);
	kit_wait(&w->k);
	for (size_t i = KEPT; i < SMALL; i++)
		assert_int_equal(kit_deliver(&w->k, mid[i], 0), SPOOL_DONE);
	memcpy(w->kept, mid, sizeof w->kept);
	kit_close(&w->k);
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	kit_done(&w->k);
	free(w);
	return 0;
}

static void
holds_what_was_kept(struct world *w)
{
	struct spool_item items[KEPT + 1];

	kit_open(&w->k);
	kit_audit(&w->k);
	assert_int_equal(spool_list(w->k.r, 0, items, KEPT + 1), KEPT);
	for (size_t i = 0; i < KEPT; i++)
		assert_true(items[i].mid == w->kept[i]);
	kit_close(&w->k);
}

static int
compact(struct world *w, struct offline_sizes *sizes)
{
	struct err err;
	int lock = -1, rc = offline_lock(&lock, w->k.dir, &err);

	if (rc == 0)
		rc = offline_compact(w->k.dir, sizes, &err);
	if (rc != 0)
		print_error("%s\n", err.text);
	if (lock >= 0)
		close(lock);
	return rc;
}

static void
what_is_free_goes(void **state)
{
	struct world *w = *state;
	struct offline_sizes sizes, again;

	assert_int_equal(compact(w, &sizes), 0);
	assert_true(sizes.after < sizes.before / 4);
	assert_int_equal(compact(w, &again), 0);
	assert_true(again.before == sizes.after);
	assert_true(again.after == again.before);
	holds_what_was_kept(w);
}

/* true: it was killed. */
static bool
compact_killed_at(struct world *w, long n)
{
	struct offline_sizes sizes;
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		calls_left = n;
		_exit(compact(w, &sizes) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (WIFSIGNALED(status))
		return true;
	assert_int_equal(WEXITSTATUS(status), 0);
	return false;
}

static void
whoever_is_killed_leaves_the_one_or_the_other(void **state)
{
	struct world *w = *state;
	char *copy = mem_printf("%s/%s", w->k.dir, DIRECTORY_COPY);
	long n = 1;

	while (compact_killed_at(w, n)) {
		holds_what_was_kept(w);
		assert_int_equal(access(copy, F_OK), -1);
		n++;
	}
	assert_true(n > 4); /* a write, a rename between two syncs */
	holds_what_was_kept(w);
	free(copy);
}

static void
who_has_it_keeps_others_away(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	int lock = -1, other = -1;

	assert_int_equal(offline_lock(&lock, w->k.dir, &err), 0);
	assert_int_equal(offline_lock(&other, w->k.dir, &err), -1);
	assert_int_equal(err.kind, ERR_LOCKED);
	assert_int_equal(spool_open(&w->k.sp, &w->k.settings, &err), -1);
	assert_int_equal(err.kind, ERR_LOCKED);
	close(lock);
	kit_open(&w->k);
	assert_int_equal(offline_lock(&other, w->k.dir, &err), -1);
	assert_int_equal(err.kind, ERR_LOCKED);
	assert_int_equal(other, -1);
}

static void
no_spool_is_left_alone(void **state)
{
	struct world *w = *state;
	char *dir = mem_printf("%s/other", w->k.dir);
	struct err err = { 0 };
	int lock = -1;

	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(offline_lock(&lock, dir, &err), -1);
	assert_int_equal(err.kind, ERR_CONFIG);
	assert_non_null(strstr(err.text, "no data.mdb"));
	assert_int_equal(rmdir(dir), 0); /* nothing was made in it */
	free(dir);
}

/* A copy is of one moment, and what comes meanwhile is not in it. */
static void
a_copy_of_a_running_one(void **state)
{
	struct world *w = *state;
	struct kit_message m = { .bytes = 3000, .nrcpts = 1 };
	char *dir = mem_printf("%s.copy", w->k.dir);
	char *path = mem_printf("%s/data.mdb", dir), *was = w->k.dir;
	struct err err = { 0 };
	uint64_t bytes;
	struct stat st;
	int fd;

	assert_int_equal(mkdir(dir, 0700), 0);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	kit_open(&w->k);
	assert_int_equal(spool_copy_bytes(w->k.sp, &bytes, &err), 0);
	assert_int_equal(spool_copy(w->k.sp, fd, &err), 0);
	assert_int_equal(kit_accept(&w->k, &m, NULL), SPOOL_DONE);
	kit_close(&w->k);
	assert_int_equal(fstat(fd, &st), 0);
	assert_in_range((uint64_t)st.st_size, bytes / 2, 2 * bytes);
	close(fd);
	w->k.settings.directory = w->k.dir = dir;
	holds_what_was_kept(w);
	free(path);
	path = mem_printf("rm -rf '%s'", dir);
	assert_int_equal(system(path), 0);
	w->k.settings.directory = w->k.dir = was;
	free(path);
	free(dir);
}

/* As the daemon does that ends: behind the first write. */
static void
a_copy_that_is_given_up_ends(void **state)
{
	struct world *w = *state;
	char *path = mem_printf("%s/given-up", w->k.dir);
	struct kit_message m = { .bytes = 3000, .nrcpts = 1 };
	struct err err = { 0 };
	int end[2], fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);

	kit_open(&w->k);
	assert_int_equal(pipe(end), 0);
	taken = end[0];
	assert_int_equal(spool_copy(w->k.sp, fd, &err), -1);
	assert_int_equal(taken, -1);
	assert_int_equal(err.kind, ERR_STORE);
	assert_non_null(strstr(err.text, "the copy failed"));
	assert_int_equal(kit_accept(&w->k, &m, NULL), SPOOL_DONE);
	kit_audit(&w->k);
	close(end[0]);
	close(end[1]);
	close(fd);
	free(path);
}

static void
a_copy_without_room_is_not_begun(void **state)
{
	struct world *w = *state;
	struct err err = { 0 };
	int fd = open("/proc/self/status", O_RDONLY); /* a disk without room */

	kit_open(&w->k);
	assert_int_equal(spool_copy(w->k.sp, fd, &err), -1);
	assert_int_equal(err.kind, ERR_FULL);
	close(fd);
}

/* --- messages from elsewhere --- */

static int64_t dead_ms;

static struct spool_accept *
from_elsewhere(struct kit *k, uint64_t mid)
{
	struct kit_message m = {
		.mid = mid, .bytes = 3000, .nrcpts = 4, .ndeliveries = 2
	};
	struct spool_accept *a = mem_new(sizeof *a);

	a->env = kit_envelope(k, &m);
	a->ndeliveries = 2;
	a->first = (struct spool_delivery){
		.priority = SPOOL_LOW, .due_ms = 5, .hold = SPOOL_HOLD_POISON
	};
	a->more = mem_new(sizeof *a->more);
	/* dead since then: not for so long that it is purged meanwhile */
	*a->more = (struct spool_delivery){ .priority = SPOOL_NORMAL,
		.due_ms = dead_ms };
	a->past = mem_array(2, sizeof *a->past);
	a->past[0] = (struct spool_past){ .attempts = 3, .provider = "ses" };
	a->past[1] = (struct spool_past){ .is_dead = true,
		.handed = true,
		.code = 550,
		.cause = "expired",
		.enhanced = "5.1.1",
		.text = "no" };
	return a;
}

static void
is_as_it_was(struct kit *k, uint64_t mid)
{
	struct spool_whole w;
	struct err err;

	assert_int_equal(spool_whole(k->r, mid, &w, &err), 0);
	assert_int_equal(w.ndeliveries, 2);
	assert_int_equal(w.env->nrcpts, 4);
	assert_int_equal(w.at[0].hold, SPOOL_HOLD_POISON);
	assert_int_equal(w.at[0].priority, SPOOL_LOW);
	assert_int_equal(w.past[0].attempts, 3);
	assert_string_equal(w.past[0].provider, "ses");
	assert_true(w.past[1].is_dead && w.past[1].handed);
	assert_int_equal(w.at[1].due_ms, dead_ms);
	assert_int_equal(w.past[1].code, 550);
	assert_string_equal(w.past[1].cause, "expired");
	assert_string_equal(w.past[1].enhanced, "5.1.1");
	assert_string_equal(w.past[1].text, "no");
	spool_whole_free(&w);
}

/* The second of them has an id that is in use: none is taken. */
static void
all_of_a_commit_or_none(void **state)
{
	struct world *w = *state;
	struct kit *k = &w->k;
	struct err err = { 0 };
	struct spool_accept *two[2];
	struct spool_stats st;
	uint64_t mid;

	assert_int_equal(spool_open(&k->sp, &k->settings, &err), 0);
	mid = spool_mid(k->sp);
	dead_ms = clock_wall_ms();
	two[0] = from_elsewhere(k, mid);
	two[1] = from_elsewhere(k, w->kept[0]);
	assert_int_equal(spool_accept_now(k->sp, two, 2, &err), -1);
	assert_non_null(strstr(err.text, "id is in use"));
	free(two[0]);
	two[0] = from_elsewhere(k, mid);
	assert_int_equal(spool_accept_now(k->sp, two, 1, &err), 0);
	assert_null(two[0]->env);
	free(two[0]);
	free(two[1]);
	spool_close(&k->sp);
	kit_open(k);
	kit_audit(k);
	is_as_it_was(k, mid);
	spool_stats(k->sp, &st);
	assert_int_equal(st.held, 1);
	assert_int_equal(st.dead, 1);
	assert_int_equal(st.queued, KEPT);
}

int
main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_free_goes),
		TEST(whoever_is_killed_leaves_the_one_or_the_other),
		TEST(who_has_it_keeps_others_away),
		TEST(no_spool_is_left_alone),
		TEST(a_copy_of_a_running_one),
		TEST(a_copy_that_is_given_up_ends),
		TEST(a_copy_without_room_is_not_begun),
		TEST(all_of_a_commit_or_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * powercut - cuts the power at random moments while mail passes, opens what a
 * disk would have left in a fresh process, and compares: every table can be
 * read and agrees with the others (spool_audit.c), every message answered with
 * "done" is there unless its end had been submitted, none whose end was
 * answered has come back, and what was in doubt is held.
 *
 * usage: powercut DIRECTORY CUTS [SEED]
 *        powercut --check DIRECTORY        (what it calls itself)
 *
 * Exit: 0 all cuts were survived, 1 some were not, 2 it could not work.
 * STORE_PLANT=nosync or nometasync in the environment plants a wrong flag in
 * the store, to see whether that would be found.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/io/loop.h"
#include "postern/spool/body.h"
#include "postern/spool/spool.h"

#include "spool_audit.h"

#include "disk.h"

#define IN_FLIGHT 24
#define MESSAGES 200000
#define CALLS_BETWEEN 40 /* writes and flushes between two cuts, on average */

extern char **environ;

enum fate { SENT, SAFE, IN_DOUBT, ENDING, ENDED };

struct message {
	uint64_t mid;
	enum fate fate;
	uint16_t n; /* the delivery it is about */
};

struct world {
	char *dir, *image;
	struct spool *sp;
	struct loop *loop;
	struct mailbox *mb;
	pthread_mutex_t lock; /* messages; the cuts look at them */
	struct message *all;
	size_t n;
	size_t under_way;
	_Atomic long cuts; /* made in the writer's thread */
	long want, next;
	long bad, missing, back, unreadable;
	bool stop;
};

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "powercut: %s: %s\n", what, why);
	exit(2);
}

/* --- the check, in a process of its own --- */

static bool
is_stored(struct spool_reader *r, uint64_t mid, bool *is_doubted)
{
	struct spool_loaded l;
	struct err err;
	bool found = false;

	for (uint16_t n = 0; n < 2; n++) {
		if (spool_load(r, mid, n, &l, &err))
			continue;
		found = true;
		*is_doubted |= l.hold == SPOOL_HOLD_DOUBT;
		envelope_free(&l.env);
	}
	return found;
}

static int
check_one(struct spool_reader *r, char sign, uint64_t mid)
{
	bool is_doubted = false, is_there = is_stored(r, mid, &is_doubted);

	if (sign == '?' && !is_doubted) {
		printf("not in doubt %" PRIx64 "\n", mid);
		return 3;
	}
	if (sign == '+' && !is_there) {
		printf("missing %" PRIx64 "\n", mid);
		return 3;
	}
	if (sign == '-' && is_there) {
		printf("back %" PRIx64 "\n", mid);
		return 4;
	}
	return 0;
}

static int
check_all(struct spool *sp, const char *dir)
{
	struct spool_reader *r = spool_reader_new(sp);
	char *path = mem_printf("%s.expect", dir);
	FILE *f = fopen(path, "r");
	int rc = 0;
	uint64_t mid;
	char sign;

	if (!f)
		die(path, strerror(errno));
	while (fscanf(f, " %c%" SCNx64, &sign, &mid) == 2)
		if (!rc)
			rc = check_one(r, sign, mid);
	fclose(f);
	free(path);
	spool_reader_free(&r);
	return rc;
}

static int
check_image(const char *dir)
{
	struct spool_settings s = { .directory = dir,
		.map_max = UINT64_C(1) << 30,
		.ballast = UINT64_MAX,
		.memory_max = 1 << 20 };
	struct spool *sp = NULL;
	struct audit a;
	struct err err = { 0 };
	int rc;

	if (spool_open(&sp, &s, &err)) {
		printf("%s\n", err.text);
		return 5;
	}
	rc = audit_spool(sp, &a, &err) ? 5 : check_all(sp, dir);
	if (rc == 5)
		printf("%s\n", err.text);
	spool_close(&sp);
	return rc;
}

/* --- a cut --- */

static void
write_expected(struct world *w)
{
	char *path = mem_printf("%s.expect", w->image);
	FILE *f = fopen(path, "w");

	if (!f)
		die(path, strerror(errno));
	for (size_t i = 0; i < w->n; i++) {
		if (w->all[i].fate == SAFE)
			fprintf(f, "+%" PRIx64 "\n", w->all[i].mid);
		if (w->all[i].fate == IN_DOUBT)
			fprintf(f, "?%" PRIx64 "\n", w->all[i].mid);
		if (w->all[i].fate == ENDED)
			fprintf(f, "-%" PRIx64 "\n", w->all[i].mid);
	}
	fclose(f);
	free(path);
}

static int
run_check(struct world *w)
{
	char *argv[] = { (char *)(uintptr_t) "powercut",
		(char *)(uintptr_t) "--check", w->image, NULL };
	int status;
	pid_t pid;

	if (posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ))
		die("posix_spawn", "failed");
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			die("waitpid", strerror(errno));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 6; /* abort() */
}

static void
judge(struct world *w, int rc)
{
	if (rc == 0)
		return;
	if (rc == 2)
		exit(2);
	w->bad++;
	w->missing += rc == 3;
	w->back += rc == 4;
	w->unreadable += rc >= 5;
}

static void
cut(struct world *w)
{
	char *file = mem_printf("%s/data.mdb", w->image);

	if (mkdir(w->image, 0700) && errno != EEXIST)
		die(w->image, strerror(errno));
	disk_image(file, (enum disk_left)rand_below(DISK_LEFTS));
	pthread_mutex_lock(&w->lock);
	write_expected(w);
	pthread_mutex_unlock(&w->lock);
	judge(w, run_check(w));
	free(file);
	file = mem_printf("rm -rf '%s' '%s.expect'", w->image, w->image);
	if (system(file))
		die(w->image, "cannot be removed");
	free(file);
	w->cuts++;
}

static void
on_moment(void *arg)
{
	struct world *w = arg;

	if (w->cuts == w->want || w->next-- > 0)
		return;
	w->next = (long)rand_below(2 * CALLS_BETWEEN);
	cut(w);
}

/* --- the mail --- */

static void go_on(struct world *w);

static struct message *
new_message(struct world *w, uint64_t mid)
{
	struct message *m;

	pthread_mutex_lock(&w->lock);
	m = &w->all[w->n++];
	*m = (struct message){ .mid = mid, .fate = SENT };
	pthread_mutex_unlock(&w->lock);
	return m;
}

static void
set_fate(struct world *w, struct message *m, enum fate fate)
{
	pthread_mutex_lock(&w->lock);
	m->fate = fate;
	pthread_mutex_unlock(&w->lock);
}

static void
submit_op(struct world *w, struct spool_op *op, spool_op_fn *done, void *arg)
{
	op->reply_to = w->mb;
	op->done = done;
	op->arg = arg;
	w->under_way++;
}

static void
over(struct world *w, struct spool_op *op)
{
	if (op->result != SPOOL_DONE && op->result != SPOOL_GONE)
		die("operation", op->err.text);
	free(op);
	w->under_way--;
	go_on(w);
}

/* --- how it ends: delivered, tried again, dead with a bounce, handed over, in
 * doubt before --- */

struct ending {
	struct spool_settle *s;
	struct message *child;
};

static void settle(struct world *w, struct message *m, bool again);

static void
on_ended(struct spool_op *op, void *owner)
{
	struct world *w = owner;

	set_fate(w, op->arg, ENDED);
	over(w, op);
}

static void
on_retried(struct spool_op *op, void *owner)
{
	struct world *w = owner;

	settle(w, op->arg, true);
	over(w, op);
}

static void
on_handed(struct spool_op *op, void *owner)
{
	struct message *m = op->arg;

	m->n = 1;
	settle(owner, m, true);
	over(owner, op);
}

static void
on_doubted(struct spool_op *op, void *owner)
{
	set_fate(owner, op->arg, IN_DOUBT);
	if (rand_below(4))
		settle(owner, op->arg, true);
	over(owner, op);
}

static void
on_bounced(struct spool_op *op, void *owner)
{
	struct world *w = owner;
	struct message **pair = op->arg;

	set_fate(w, pair[0], ENDED);
	set_fate(w, pair[1], SAFE);
	settle(w, pair[1], true);
	free(pair);
	over(w, op);
}

static struct envelope *
make_envelope(uint64_t mid, uint32_t nrcpts, size_t bytes, bool staged)
{
	struct envelope_rcpt rcpts[64] = { { .address = "a@example.net" } };
	struct envelope env = { .mid = mid,
		.arrival_ms = clock_wall_ms(),
		.size = bytes,
		.sender = "b@example.com",
		.listener = "local",
		.nrcpts = nrcpts,
		.rcpts = rcpts };
	char *content = mem_new(bytes);
	struct envelope *e;

	memset(content, (int)('a' + mid % 26), bytes);
	env.crc32c = crc32c(0, content, bytes);
	for (uint32_t i = 0; i < nrcpts; i++)
		rcpts[i].address = "a.rather.long.name@example.net";
	if (!staged) {
		env.body = body_new(bytes);
		if (body_add(env.body, content, bytes))
			die("body", "too long");
	}
	e = envelope_new(&env);
	body_free(&env.body);
	free(content);
	return e;
}

static void
end_with_bounce(struct world *w, struct spool_settle *s, struct message *m)
{
	struct message **pair = mem_array(2, sizeof(struct message *));
	uint64_t mid = spool_mid(w->sp);

	pair[0] = m;
	pair[1] = new_message(w, mid);
	s->child = make_envelope(mid, 1, 900, false);
	s->child_delivery = (struct spool_delivery){ .priority = 1 };
	s->cause = "refused";
	for (uint32_t i = 0; i < s->nresults; i++)
		s->results[i].state = ENVELOPE_DEAD;
	submit_op(w, &s->op, on_bounced, pair);
}

static void
hand_over(struct world *w, struct spool_settle *s, struct message *m)
{
	for (uint32_t i = 0; i < s->nresults; i++)
		s->results[i].state = ENVELOPE_DEAD;
	s->hands_over = true;
	s->over_to.priority = 1;
	submit_op(w, &s->op, on_handed, m);
}

/* Its end leaves once that is answered; then it is settled, or the power is
 * cut before. */
static void
begin_end(struct world *w, struct message *m)
{
	struct spool_doubt *d = mem_new(sizeof *d);

	d->key = (struct spool_key){ .priority = 1, .mid = m->mid };
	d->last = 64;
	submit_op(w, &d->op, on_doubted, m);
	spool_doubt(w->sp, d);
}

static void
settle(struct world *w, struct message *m, bool again)
{
	struct spool_settle *s = mem_new(sizeof *s + 64 * sizeof s->results[0]);
	uint64_t what = rand_below(10);

	s->key = (struct spool_key){ .priority = 1, .mid = m->mid, .n = m->n };
	s->key.due_ms = again ? -1 : 0; /* the store's own place counts */
	s->nresults = 64;
	for (uint32_t i = 0; i < s->nresults; i++) {
		s->results[i].index = i;
		s->results[i].state = ENVELOPE_DELIVERED;
	}
	if (what == 0 && !again) {
		for (uint32_t i = 0; i < s->nresults; i++)
			s->results[i].state = ENVELOPE_QUEUED;
		s->next_due_ms = clock_wall_ms();
		submit_op(w, &s->op, on_retried, m);
	} else if (what == 1 && !again) {
		hand_over(w, s, m);
	} else {
		set_fate(w, m, ENDING);
		if (what < 3 && w->n < MESSAGES)
			end_with_bounce(w, s, m);
		else
			submit_op(w, &s->op, on_ended, m);
	}
	spool_settle(w->sp, s);
}

/* --- how it begins --- */

static void
on_safe(struct spool_op *op, void *owner)
{
	struct world *w = owner;

	set_fate(w, op->arg, SAFE);
	if (rand_below(4) == 0)
		begin_end(w, op->arg);
	else if (rand_below(100) < 97 || w->stop)
		settle(w, op->arg, false);
	over(w, op);
}

static void
accept_one(struct world *w, uint64_t mid, size_t bytes, bool staged)
{
	struct spool_accept *a = mem_new(sizeof *a);
	uint32_t nrcpts = rand_below(8) ? 1 : 64;

	a->env = make_envelope(mid, nrcpts, bytes, staged);
	a->ndeliveries = 1;
	a->first.priority = 1;
	submit_op(w, &a->op, on_safe, new_message(w, mid));
	spool_accept(w->sp, a);
}

static void
on_staged(struct spool_op *op, void *owner)
{
	over(owner, op);
}

static void
stage_one(struct world *w)
{
	uint64_t mid = spool_mid(w->sp);
	size_t slices = 1 + rand_below(4), len = SPOOL_STAGE_MIN + 100;
	struct spool_stage *s;

	for (size_t i = 0; i < slices; i++) {
		s = mem_new(sizeof *s + len);
		s->mid = mid;
		s->len = len;
		memset(s->data, (int)('a' + mid % 26), len);
		submit_op(w, &s->op, on_staged, NULL);
		spool_stage(w->sp, s);
	}
	if (rand_below(3) == 0)
		spool_abort_staged(w->sp, mid);
	else
		accept_one(w, mid, slices * len, true);
}

static size_t
some_size(void)
{
	static const size_t sizes[] = { 300, 1400, 1401, 4080, 9000, 20000 };

	return sizes[rand_below(sizeof sizes / sizeof sizes[0])];
}

static void
go_on(struct world *w)
{
	if (w->cuts == w->want || w->n + IN_FLIGHT > MESSAGES)
		w->stop = true;
	while (!w->stop && w->under_way < IN_FLIGHT) {
		if (rand_below(30) == 0)
			stage_one(w);
		else
			accept_one(w, spool_mid(w->sp), some_size(), false);
	}
	if (w->stop && w->under_way == 0)
		loop_stop(w->loop);
}

static void
live(struct world *w)
{
	struct spool_settings s = { .directory = w->dir,
		.map_max = UINT64_C(1) << 30,
		.min_free = 1,
		.ballast = UINT64_MAX,
		.memory_max = 64 << 20,
		.journal_max = 256 << 10 };
	struct err err = { 0 };

	if (spool_open(&w->sp, &s, &err) || loop_new(&w->loop, &err))
		die("spool_open", err.text);
	w->mb = mailbox_new(w->loop, w);
	disk_watch(on_moment, w);
	spool_start(w->sp);
	go_on(w);
	loop_run(w->loop);
	spool_stop(w->sp);
	disk_watch(NULL, NULL);
	mailbox_free(&w->mb);
	loop_free(&w->loop);
	spool_close(&w->sp);
}

int
main(int argc, char **argv)
{
	struct world w = { .next = CALLS_BETWEEN };

	if (argc == 3 && strcmp(argv[1], "--check") == 0)
		return check_image(argv[2]);
	if (argc < 3)
		die("usage", "powercut DIRECTORY CUTS [SEED]");
	rand_seed(argc > 3 ? strtoull(argv[3], NULL, 10) : clock_mono_us());
	w.dir = mem_printf("%s/live", argv[1]);
	w.image = mem_printf("%s/image", argv[1]);
	w.want = strtol(argv[2], NULL, 10);
	w.all = mem_array(MESSAGES, sizeof *w.all);
	pthread_mutex_init(&w.lock, NULL);
	if (mkdir(w.dir, 0700))
		die(w.dir, strerror(errno));
	live(&w);
	pthread_mutex_destroy(&w.lock);
	free(w.dir);
	free(w.image);
	free(w.all);
	disk_done();
	printf("%ld cuts among %zu messages: %ld bad (%ld unreadable, %ld with "
	       "a message missing, %ld with one come back)\n",
	    (long)w.cuts, w.n, w.bad, w.unreadable, w.missing, w.back);
	return w.bad ? 1 : w.cuts < w.want ? 2 : 0;
}

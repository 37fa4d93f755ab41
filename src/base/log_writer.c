/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_writer.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/thread.h"

#include "base/events.h"
#include "base/log_line.h"
#include "base/log_record.h"
#include "base/log_repeat.h"
#include "base/log_ring.h"
#include "base/log_target.h"

#define BATCH_BYTES ((size_t)256 * 1024)
#define PAUSE_MS 5 /* after a batch: the next one is bigger */
#define OUT_BYTES ((size_t)64 * 1024) /* in one write */
#define STOP_TRIES 10    /* so often a stuck target is waited for */
#define STOP_WAIT_MS 100 /* ... so long, when stopping */
#define STOP_JOIN_S 3    /* then the thread is left alone */
#define COUNT_MS 1000    /* until it looks whether a minute is over */
#define RINGS_MAX 64     /* sources that are merged by time */

struct part {
	const char *p, *end;
};

static struct {
	pthread_t thread;
	int wake; /* eventfd */
	atomic_bool sleeping, stop;
	_Atomic uint64_t lost;

	pthread_mutex_t lock; /* for the four below */
	struct log_ring *rings;
	bool has_next;
	struct log_target next;
	char next_tag[LOG_TAG_MAX + 1];

	/* the thread's own */
	struct log_target target;
	struct log_dress dress;
	uint64_t lost_told;
	bool gave_up; /* on a stuck target, when stopping */
	char *batch, *out;
	size_t nout;
} w = { .wake = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .target = { .fd = -1 } };

static void
ring_bell(void)
{
	uint64_t one = 1;

	if (write(w.wake, &one, sizeof one) < 0)
		return; /* it is set already */
}

void
log_writer_poke(void)
{
	if (atomic_load(&w.sleeping) && atomic_exchange(&w.sleeping, false))
		ring_bell();
}

void
log_writer_hurry(void)
{
	ring_bell();
}

void
log_writer_lost(uint64_t lines)
{
	atomic_fetch_add(&w.lost, lines);
}

uint64_t
log_writer_lost_total(void)
{
	return atomic_load(&w.lost);
}

void
log_writer_add(struct log_ring *r)
{
	pthread_mutex_lock(&w.lock);
	r->next = w.rings;
	w.rings = r;
	pthread_mutex_unlock(&w.lock);
}

static void
put_on(const struct log_target *t, const char *tag)
{
	enum log_head head = t->kind == LOG_TARGET_SYSLOG ? LOG_HEAD_SYSLOG
	                     : t->is_journal              ? LOG_HEAD_JOURNAL
	                                                  : LOG_HEAD_PLAIN;

	w.target = *t;
	log_record_dress(&w.dress, head, tag);
}

void
log_writer_retarget(const struct log_target *t, const char *tag)
{
	pthread_mutex_lock(&w.lock);
	if (w.has_next)
		log_target_close(&w.next);
	w.next = *t;
	w.has_next = true;
	snprintf(w.next_tag, sizeof w.next_tag, "%s", tag);
	pthread_mutex_unlock(&w.lock);
	ring_bell();
}

/* Takes the target that log_writer_retarget() left, if any. */
static void
adopt_target(void)
{
	pthread_mutex_lock(&w.lock);
	if (w.has_next) {
		log_target_close(&w.target);
		put_on(&w.next, w.next_tag);
		w.has_next = false;
	}
	pthread_mutex_unlock(&w.lock);
}

/* Waits for the bell, or for room in the target as well. */
static void
wait_for(bool room, int ms)
{
	struct pollfd p[2] = { { .fd = w.wake, .events = POLLIN },
		{ .fd = w.target.fd, .events = POLLOUT } };
	uint64_t n;

	if (poll(p, room ? 2 : 1, ms) > 0 && p[0].revents &&
	    read(w.wake, &n, sizeof n) < 0)
		return;
}

static uint64_t
count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;

	for (size_t i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

static void
deliver(const char *p, size_t n)
{
	int tries = 0;

	while (n && !w.gave_up) {
		ssize_t put;

		adopt_target();
		put = log_target_write(&w.target, p, n);
		if (put > 0) {
			p += put;
			n -= (size_t)put;
			tries = 0;
		} else if (put < 0 && errno == EINTR) {
			continue;
		} else if (put < 0 && errno != EAGAIN) {
			break;
		} else if (!atomic_load(&w.stop)) {
			wait_for(true, log_target_wait_ms(&w.target));
		} else if (tries++ < STOP_TRIES) {
			wait_for(true, STOP_WAIT_MS);
		} else {
			w.gave_up = true;
		}
	}
	log_writer_lost(count_lines(p, n));
}

static size_t
put_record(const char *record, size_t n)
{
	return log_record_write(w.out + w.nout, record, n, &w.dress);
}

static void
flush(void)
{
	deliver(w.out, w.nout);
	w.nout = 0;
}

/* Of the parts (each in order of time) the one whose next line is first. */
static struct part *
first_of(struct part *part, size_t n)
{
	struct part *first = NULL;

	for (size_t i = 0; i < n; i++) {
		if (part[i].p < part[i].end &&
		    (!first || log_record_compare(part[i].p, first->p) < 0))
			first = &part[i];
	}
	return first;
}

/* Line by line, as it stands in the log. */
static void
write_parts(struct part *part, size_t n)
{
	struct part *first;

	while ((first = first_of(part, n)) != NULL) {
		const char *end = rawmemchr(first->p, '\n');
		size_t line = (size_t)(end - first->p) + 1;

		if (w.nout + line + LOG_RECORD_PREFIX > OUT_BYTES)
			flush();
		w.nout += put_record(first->p, line);
		first->p += line;
	}
	flush();
}

/* What the logger itself has to say; goes straight to the target. */
static void
say(struct log_line *l)
{
	char room[LOG_LINE_ROOM];
	struct str s;

	if (!l->ev)
		return;
	s = log_line_finish(l, room);
	w.nout += put_record(s.p, s.len);
	flush();
}

/* A line about n drops; goes straight to the target. */
static void
tell_drops(const char *thread, uint64_t n)
{
	struct log_line l;

	log_begin(&l, &event_log_dropped, 0, 0);
	log_cstr(&l, "thread", thread);
	log_num(&l, "count", (int64_t)n);
	say(&l);
}

static void
tell_all_drops(void)
{
	struct log_ring *rings;
	uint64_t lost = log_writer_lost_total() - w.lost_told;

	pthread_mutex_lock(&w.lock);
	rings = w.rings;
	pthread_mutex_unlock(&w.lock);
	w.lost_told += lost;
	if (lost)
		tell_drops("logger", lost);
	for (struct log_ring *r = rings; r; r = r->next) {
		uint64_t n = atomic_load(&r->dropped) - r->told;

		r->told += n;
		if (n)
			tell_drops(r->name, n);
	}
}

/* Writes everything that is in the rings, or a batch full of it. */
static bool
write_batch(void)
{
	struct part part[RINGS_MAX];
	struct log_ring *rings;
	size_t n = 0, len = 0;

	pthread_mutex_lock(&w.lock);
	rings = w.rings; /* only grows at the front */
	pthread_mutex_unlock(&w.lock);
	for (struct log_ring *r = rings; r && n < RINGS_MAX; r = r->next) {
		size_t got = log_ring_take(r, w.batch + len, BATCH_BYTES - len);

		if (got == 0)
			continue;
		part[n++] = (struct part){ w.batch + len, w.batch + len + got };
		len += got;
	}
	if (n == 0)
		return false;
	atomic_store(&w.sleeping, false);
	write_parts(part, n);
	return true;
}

/* What has been counted, where its minute is over. */
static void
tell_repeats(uint64_t now_ms)
{
	struct log_repeat r;
	struct log_line l;

	while (log_repeat_next(&r, now_ms)) {
		log_begin(&l, &event_log_repeated, 0, 0);
		log_cstr(&l, "of", r.ev->name);
		log_cstr(&l, r.ev->by, r.key);
		log_num(&l, "count", (int64_t)r.more);
		log_num(&l, "seconds", (int64_t)(r.ms / 1000));
		say(&l);
	}
}

/* A new target, or a file that was moved away. */
static void
look(void)
{
	struct log_line l;

	adopt_target();
	if (!log_target_look(&w.target, clock_mono_ms()))
		return;
	log_begin(&l, &event_log_reopened, 0, 0);
	log_cstr(&l, "text", w.target.path);
	say(&l);
}

static void *
run(void *arg)
{
	(void)arg;
	for (;;) {
		bool stopping = atomic_load(&w.stop);

		look();
		tell_repeats(clock_mono_ms());
		if (write_batch()) {
			tell_all_drops();
			if (!stopping)
				wait_for(false, PAUSE_MS);
		} else if (stopping) {
			tell_repeats(UINT64_MAX);
			tell_all_drops();
			return NULL;
		} else if (!atomic_exchange(&w.sleeping, true)) {
			continue; /* look once more before sleeping */
		} else {
			wait_for(
			    false, log_repeat_is_counting() ? COUNT_MS : -1);
		}
	}
}

int
log_writer_start(const struct log_target *t, const char *tag, struct err *err)
{
	int rc;

	w.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.wake < 0)
		return err_sys(err, "log: eventfd");
	put_on(t, tag);
	w.batch = mem_resize(NULL, BATCH_BYTES);
	w.out = mem_resize(NULL, OUT_BYTES);
	w.nout = 0;
	atomic_store(&w.stop, false);
	atomic_store(&w.sleeping, false);
	w.gave_up = false;
	rc = thread_start(&w.thread, "logger", run, NULL);
	if (rc == 0)
		return 0;
	close(w.wake);
	w.wake = -1;
	free(w.batch);
	free(w.out);
	w.batch = w.out = NULL;
	w.target = (struct log_target){ .fd = -1 };
	errno = rc;
	return err_sys(err, "log: thread");
}

static void
free_all(void)
{
	while (w.rings) {
		struct log_ring *r = w.rings;

		w.rings = r->next;
		free(r);
	}
	free(w.batch);
	free(w.out);
	close(w.wake);
	log_target_close(&w.target);
	if (w.has_next)
		log_target_close(&w.next);
	w.has_next = false;
	w.wake = -1;
	w.batch = w.out = NULL;
}

bool
log_writer_finish(void)
{
	struct timespec until;

	atomic_store(&w.stop, true);
	ring_bell();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += STOP_JOIN_S;
	return pthread_timedjoin_np(w.thread, NULL, &until) == 0;
}

void
log_writer_stop(void)
{
	/* One that hangs in write(2) keeps what it uses: we are ending. */
	if (log_writer_finish())
		free_all();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/thread.h"

#include "base/events.h"
#include "base/log_line.h"
#include "base/log_ring.h"

#define BATCH_BYTES ((size_t)256 * 1024)
#define PAUSE_MS 5       /* after a batch: the next one is bigger */
#define PIPE_CHUNK 4096  /* fits where poll(2) says there is room */
#define STOP_TRIES 10    /* so often a stuck target is waited for */
#define STOP_WAIT_MS 100 /* ... so long, when stopping */
#define STOP_JOIN_S 3    /* then the thread is left alone */
#define RINGS_MAX 64     /* sources that are merged by time */

enum target_kind { TARGET_FILE, TARGET_SOCKET, TARGET_PIPE };

struct part {
	const char *p, *end;
};

static struct {
	pthread_t thread;
	int wake; /* eventfd */
	atomic_bool sleeping, stop;
	_Atomic uint64_t lost;

	pthread_mutex_t lock; /* for the two below */
	struct log_ring *rings;
	int next_fd; /* -1: none */

	/* the thread's own */
	int fd;
	enum target_kind kind;
	uint64_t lost_told;
	bool gave_up; /* on a stuck target, when stopping */
	char *batch, *sorted;
} w = {
	.wake = -1, .lock = PTHREAD_MUTEX_INITIALIZER, .fd = -1, .next_fd = -1
};

int
log_writer_open(const char *to, int *fd, struct err *err)
{
	int got = STDERR_FILENO;

	if (strcmp(to, "stderr") != 0)
		got = open(to,
		    O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK |
		        O_NOCTTY,
		    0640);
	if (got < 0)
		return err_sys(err, "log: %s", to);
	*fd = got;
	return 0;
}

static void
close_target(int fd)
{
	if (fd > STDERR_FILENO)
		close(fd);
}

static enum target_kind
kind_of(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return TARGET_PIPE;
	return S_ISREG(st.st_mode)    ? TARGET_FILE
	       : S_ISSOCK(st.st_mode) ? TARGET_SOCKET
	                              : TARGET_PIPE;
}

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

void
log_writer_retarget(int fd)
{
	int old;

	pthread_mutex_lock(&w.lock);
	old = w.next_fd;
	w.next_fd = fd;
	pthread_mutex_unlock(&w.lock);
	close_target(old);
	ring_bell();
}

/* Takes the target that log_writer_retarget() left, if any. */
static void
adopt_target(void)
{
	int fd;

	pthread_mutex_lock(&w.lock);
	fd = w.next_fd;
	w.next_fd = -1;
	pthread_mutex_unlock(&w.lock);
	if (fd < 0)
		return;
	close_target(w.fd);
	w.fd = fd;
	w.kind = kind_of(fd);
}

/* Waits for the bell, or for room in the target as well. */
static void
wait_for(bool room, int ms)
{
	struct pollfd p[2] = { { .fd = w.wake, .events = POLLIN },
		{ .fd = w.fd, .events = POLLOUT } };
	uint64_t n;

	if (poll(p, room ? 2 : 1, ms) > 0 && p[0].revents &&
	    read(w.wake, &n, sizeof n) < 0)
		return;
}

/* As much as goes without waiting: > 0 written, -1 and errno. */
static ssize_t
write_some(const char *p, size_t n)
{
	struct pollfd out = { .fd = w.fd, .events = POLLOUT };
	const char *end;

	if (w.kind == TARGET_FILE)
		return write(w.fd, p, n);
	if (w.kind == TARGET_SOCKET)
		return send(w.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n > PIPE_CHUNK) { /* whole lines: others may write there too */
		end = memrchr(p, '\n', PIPE_CHUNK);
		n = end ? (size_t)(end - p) + 1 : PIPE_CHUNK;
	}
	if (poll(&out, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(w.fd, p, n);
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
		put = write_some(p, n);
		if (put > 0) {
			p += put;
			n -= (size_t)put;
			tries = 0;
		} else if (put < 0 && errno == EINTR) {
			continue;
		} else if (put < 0 && errno != EAGAIN) {
			break;
		} else if (!atomic_load(&w.stop)) {
			wait_for(true, -1);
		} else if (tries++ < STOP_TRIES) {
			wait_for(true, STOP_WAIT_MS);
		} else {
			w.gave_up = true;
		}
	}
	log_writer_lost(count_lines(p, n));
}

/* "2026-11-24T09:31:12.123456Z" at the same place in each line of a format. */
static bool
is_before(const char *a, const char *b)
{
	a += *a == '{' ? sizeof "{\"ts\":\"" - 1 : 0;
	b += *b == '{' ? sizeof "{\"ts\":\"" - 1 : 0;
	return memcmp(a, b, 27) < 0;
}

/* Merges the parts (each in order of time) line by line. */
static size_t
merge(char *out, struct part *part, size_t n)
{
	size_t len = 0;

	for (;;) {
		struct part *first = NULL;
		size_t line;

		for (size_t i = 0; i < n; i++) {
			if (part[i].p < part[i].end &&
			    (!first || is_before(part[i].p, first->p)))
				first = &part[i];
		}
		if (!first)
			return len;
		line = (size_t)((const char *)rawmemchr(first->p, '\n') -
		                first->p) +
		       1;
		memcpy(out + len, first->p, line);
		len += line;
		first->p += line;
	}
}

/* A line about n drops; goes straight to the target. */
static void
tell_drops(const char *thread, uint64_t n)
{
	struct log_line l;

	log_begin(&l, &event_log_dropped, 0, 0);
	log_cstr(&l, "thread", thread);
	log_num(&l, "count", (int64_t)n);
	if (!l.ev)
		return;
	log_line_finish(&l);
	deliver(l.text, l.len);
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

/* Everything that is in the rings (or a batch full of it) into *out. */
static size_t
collect(const char **out)
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
	*out = n > 1 ? w.sorted : w.batch;
	return n > 1 ? merge(w.sorted, part, n) : len;
}

static void *
run(void *arg)
{
	(void)arg;
	for (;;) {
		bool stopping = atomic_load(&w.stop);
		const char *p;
		size_t n = collect(&p);

		if (n) {
			atomic_store(&w.sleeping, false);
			deliver(p, n);
			tell_all_drops();
			if (!stopping)
				wait_for(false, PAUSE_MS);
		} else if (stopping) {
			tell_all_drops();
			return NULL;
		} else if (!atomic_exchange(&w.sleeping, true)) {
			continue; /* look once more before sleeping */
		} else {
			wait_for(false, -1);
			adopt_target();
		}
	}
}

int
log_writer_start(int fd, struct err *err)
{
	int rc;

	w.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (w.wake < 0)
		return err_sys(err, "log: eventfd");
	w.fd = fd;
	w.kind = kind_of(fd);
	w.batch = mem_resize(NULL, BATCH_BYTES);
	w.sorted = mem_resize(NULL, BATCH_BYTES);
	atomic_store(&w.stop, false);
	atomic_store(&w.sleeping, false);
	w.gave_up = false;
	rc = thread_start(&w.thread, "logger", run, NULL);
	if (rc == 0)
		return 0;
	close(w.wake);
	w.wake = -1;
	free(w.batch);
	free(w.sorted);
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
	free(w.sorted);
	close(w.wake);
	close_target(w.fd);
	close_target(w.next_fd);
	w.wake = w.fd = w.next_fd = -1;
	w.batch = w.sorted = NULL;
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

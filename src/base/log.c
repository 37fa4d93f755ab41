/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/log.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "postern/base/clock.h"

#include "base/events.h"
#include "base/log_address.h"
#include "base/log_line.h"
#include "base/log_record.h"
#include "base/log_repeat.h"
#include "base/log_ring.h"
#include "base/log_target.h"
#include "base/log_writer.h"

#define HURRY_BYTES (LOG_RING_BYTES / 2)

/* Even: not started or stopped; odd: rings made now belong to this start. */
static atomic_uint generation;
static _Atomic uint64_t dropped; /* by full rings, ever */
static atomic_int level_now = LOG_LEVEL_INFO;

static _Thread_local struct log_ring *ring;
static _Thread_local unsigned ring_generation;
static _Thread_local char thread_name[sizeof ring->name] = "thread";

static bool
is_running(unsigned g)
{
	return g % 2 == 1;
}

int
log_start(const struct log_settings *s, struct err *err)
{
	struct log_target t;

	tzset(); /* before anything keeps its file from us */
	if (log_target_open(&t, s, err) < 0)
		return -1;
	if (log_writer_start(&t, s->postfix_tag, err) < 0) {
		log_target_close(&t);
		return -1;
	}
	log_line_format(s->format);
	log_address_mode(s->addresses);
	log_repeat_max(s->repeats);
	atomic_store(&level_now, (int)s->level);
	atomic_fetch_add(&generation, 1);
	return 0;
}

int
log_change(const struct log_settings *s, struct err *err)
{
	struct log_target t;

	if (log_target_open(&t, s, err) < 0)
		return -1;
	log_line_format(s->format);
	log_address_mode(s->addresses);
	log_repeat_max(s->repeats);
	atomic_store(&level_now, (int)s->level);
	log_writer_retarget(&t, s->postfix_tag);
	log_text(&event_log_reopened, "%s", s->to);
	return 0;
}

/* From here on nothing is logged.  false: nothing was before. */
static bool
end_generation(void)
{
	if (!is_running(atomic_load(&generation)))
		return false;
	atomic_fetch_add(&generation, 1);
	return true;
}

void
log_stop(void)
{
	if (end_generation())
		log_writer_stop();
}

void
log_abandon(void)
{
	if (end_generation())
		(void)log_writer_finish();
}

void
log_thread(const char *name)
{
	snprintf(thread_name, sizeof thread_name, "%s", name);
}

bool
log_wants(enum log_level level)
{
	return (int)level <=
	       atomic_load_explicit(&level_now, memory_order_relaxed);
}

void
log_level_set(enum log_level level)
{
	atomic_store(&level_now, (int)level);
}

enum log_level
log_level_now(void)
{
	return (enum log_level)atomic_load(&level_now);
}

uint64_t
log_dropped(void)
{
	return atomic_load(&dropped) + log_writer_lost_total();
}

const char *
log_stderr_lead(enum log_level level)
{
	static const char *const leads[] = { [LOG_LEVEL_ERROR] = "<3>",
		[LOG_LEVEL_WARN] = "<4>",
		[LOG_LEVEL_INFO] = "<6>",
		[LOG_LEVEL_DEBUG] = "<7>" };

	return log_target_is_journal(STDERR_FILENO) ? leads[level & 3] : "";
}

/* This thread's ring of this start of the log. */
static struct log_ring *
my_ring(unsigned g)
{
	if (!ring || ring_generation != g) {
		ring = log_ring_new(thread_name);
		ring_generation = g;
		log_writer_add(ring);
	}
	return ring;
}

/* No logger: one line, here. */
static void
write_now(struct str line)
{
	char out[LOG_LINE_ROOM + LOG_RECORD_PREFIX];
	bool is_journal = log_target_is_journal(STDERR_FILENO);
	struct log_dress d;
	size_t n;

	log_record_dress(
	    &d, is_journal ? LOG_HEAD_JOURNAL : LOG_HEAD_PLAIN, "postern");
	n = log_record_write(out, line.p, line.len, &d);
	if (write(STDERR_FILENO, out, n) < 0)
		log_writer_lost(1);
}

/* It is only counted.  The logger sleeps, for as long as nothing is. */
static bool
is_repeat(const struct log_line *l)
{
	bool wake = !log_repeat_is_counting();

	if (!l->ev->by ||
	    log_repeat_take(l->ev, str_of(l->by), clock_mono_ms()))
		return false;
	if (wake)
		log_writer_poke();
	return true;
}

void
log_end(struct log_line *l)
{
	unsigned g = atomic_load(&generation);
	char room[LOG_LINE_ROOM];
	struct log_ring *r;
	struct str s;
	size_t used;

	if (!l->ev || is_repeat(l))
		return;
	s = log_line_finish(l, room);
	if (!is_running(g)) {
		write_now(s);
		return;
	}
	r = my_ring(g);
	if (!log_ring_put(r, s.p, s.len)) {
		atomic_fetch_add(&dropped, 1);
		return;
	}
	used = log_ring_used(r);
	if (used > HURRY_BYTES && used - s.len <= HURRY_BYTES)
		log_writer_hurry(); /* once: a stuck writer is not belled at */
	else
		log_writer_poke();
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_line.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/conn.h"
#include "postern/io/loop.h"

/* Full at the first; what one turn's input (64 KiB) may still add to it is far
 * less than the second. */
#define FULL ((size_t)1024 * 1024)
#define HELD_MAX ((size_t)64 * 1024 * 1024)

struct sink_piece {
	uint64_t due_us;
	size_t len;
};

static void
set_timer(struct sink_line *l)
{
	uint64_t now = clock_mono_us(), due = l->piece[l->first].due_us;

	timer_set(l->timer, due > now ? (due - now + 999) / 1000 : 0);
}

static void
on_timer(void *arg)
{
	struct sink_line *l = arg;
	uint64_t now = clock_mono_us();

	while (l->n > 0 && l->piece[l->first].due_us <= now) {
		size_t len = l->piece[l->first].len;

		if (len > 0)
			conn_write(l->conn, buf_at(&l->bytes), len);
		buf_drop(&l->bytes, len);
		l->first++;
		l->n--;
	}
	if (l->n > 0) {
		set_timer(l);
		return;
	}
	l->first = 0;
	l->drained(l->arg);
}

void
sink_line_init(struct sink_line *l, struct loop *loop,
    void (*drained)(void *arg), void *arg)
{
	memset(l, 0, sizeof *l);
	buf_init(&l->bytes, HELD_MAX);
	l->timer = timer_new(loop, on_timer, l);
	l->drained = drained;
	l->arg = arg;
}

void
sink_line_done(struct sink_line *l)
{
	timer_free(&l->timer);
	buf_done(&l->bytes);
	free(l->piece);
}

static struct sink_piece *
new_piece(struct sink_line *l)
{
	if (l->first > 0 && l->first + l->n == l->cap) {
		memmove(l->piece, l->piece + l->first, l->n * sizeof *l->piece);
		l->first = 0;
	}
	if (l->n == l->cap) {
		l->cap = l->cap * 2 + 16;
		l->piece = mem_resize(l->piece, l->cap * sizeof *l->piece);
	}
	return &l->piece[l->first + l->n++];
}

void
sink_line_write(struct sink_line *l, const char *p, size_t n, uint64_t due_us)
{
	struct sink_piece *piece;
	int rc;

	if (l->n == 0 && due_us <= clock_mono_us()) {
		if (n > 0)
			conn_write(l->conn, p, n);
		return;
	}
	rc = n > 0 ? buf_add(&l->bytes, p, n) : 0;
	assert(rc == 0);
	if (l->n > 0 && l->piece[l->first + l->n - 1].due_us > due_us)
		due_us = l->piece[l->first + l->n - 1].due_us;
	piece = new_piece(l);
	*piece = (struct sink_piece){ .due_us = due_us, .len = n };
	if (l->n == 1)
		set_timer(l);
}

bool
sink_line_is_empty(const struct sink_line *l)
{
	return l->n == 0;
}

bool
sink_line_is_full(const struct sink_line *l)
{
	return buf_str(&l->bytes).len >= FULL;
}

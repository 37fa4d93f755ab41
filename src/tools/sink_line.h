/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_line - a long line to the client: what is written comes out later,
 * each piece at its own time and never before the one in front of it.
 */
#ifndef TOOLS_SINK_LINE_H
#define TOOLS_SINK_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"

struct conn;
struct loop;
struct sink_piece;
struct timer;

struct sink_line {
	struct conn *conn; /* borrowed */
	struct timer *timer;
	struct buf bytes;
	struct sink_piece *piece; /* a queue; owned */
	size_t first, n, cap;
	void (*drained)(void *arg);
	void *arg;
};

/* drained(arg): all that was held is out. */
void sink_line_init(struct sink_line *l, struct loop *loop,
    void (*drained)(void *arg), void *arg);
void sink_line_done(struct sink_line *l);
/* n 0: nothing comes out, but drained() waits for that time. */
void sink_line_write(
    struct sink_line *l, const char *p, size_t n, uint64_t due_us);
bool sink_line_is_empty(const struct sink_line *l);
/* Enough is held: take no more from the client until it is drained. */
bool sink_line_is_full(const struct sink_line *l);

#endif

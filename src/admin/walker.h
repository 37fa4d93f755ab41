/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/walker - a thread that looks through the spool for operators, a page of
 * one short read transaction at a time.  A page is asked for by the main
 * thread, and the next one when that has done with it: whoever takes what was
 * found slowly makes the walk slow, and nothing gathers.  Walks take turns page
 * by page.
 */
#ifndef ADMIN_WALKER_H
#define ADMIN_WALKER_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/io/helper.h"
#include "postern/spool/spool.h"

struct filter;
struct filter_subject;
struct holdup;
struct walker;

/* A read of any kind.  The caller's; between walker_read() and back() the
 * walker's thread has it. */
struct reading {
	struct helper_job job; /* lies first; private */
	struct walker *walker; /* private */
	unsigned rests;        /* DUTY_RESTS_...; private */
	/* The walker's thread: one short transaction, or a few. */
	void (*look)(struct reading *g, struct spool_reader *r);
	void (*back)(struct reading *g); /* the main thread */
};

/* The caller's, from the first walker_next() until its page() says that it is
 * over; between walker_next() and page() the walker's thread has it. */
struct walk {
	struct reading reading; /* lies first; private */
	struct spool_mark mark;
	enum spool_walk_where where;
	bool without_dead; /* of ALL: what is still to be done something with */
	bool is_told;      /* each row, to one who works on it longer than we */
	uint64_t mid;      /* this message alone; 0: all */
	char own[32];      /* what this client has handed in; "": all */
	const struct filter *filter; /* NULL: everything; borrowed */
	/* For its subjects; NULL: they have none; borrowed */
	const struct holdup *holdup;
	/* The walker's thread, in the transaction, for each that fits: looks,
	 * copies, and returns.  false: the page is full. */
	bool (*take)(struct walk *w, const struct filter_subject *s);
	/* The main thread: a page was looked at.  mark.over: there is no other;
	 * has_failed: the store could not be read. */
	void (*page)(struct walk *w);
	bool has_failed;
};

/* A page holds no more; take() keeps to it. */
#define WALKER_PAGE 256

struct walker *walker_new(struct spool *sp, struct mailbox *back);
/* Waits for the pages under way; their page() comes by the mailbox, as long as
 * that lives. */
void walker_free(struct walker **w);
/* A route's name, or ""; in look() and take(). */
const char *walker_route(const struct walker *w, uint32_t id);
/* 0: back() will come.  -1: it will not, the daemon ends (w: NULL). */
MUST_CHECK int walker_read(struct walker *w, struct reading *g);
/* The same with page(). */
MUST_CHECK int walker_next(struct walker *w, struct walk *walk);

#endif

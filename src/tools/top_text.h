/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_text - lines of a screen, none of which is wider than it: what does
 * not fit is left out.  What a daemon says is escaped, and shows no character
 * that takes other than one column, or that the locale does not have.  Pure,
 * but for the locale (LC_CTYPE), which says how wide a character is.
 */
#ifndef TOOLS_TOP_TEXT_H
#define TOOLS_TOP_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a line looks; what it says does not depend on that. */
enum top_look { TOP_PLAIN, TOP_HEAD, TOP_CHOSEN, TOP_WARN, TOP_BAD };

struct top_lines {
	struct top_line {
		char *text; /* owned */
		enum top_look look;
	} * v; /* owned */
	size_t n, cap;
};
void top_text_done(struct top_lines *l); /* empty, and fit to be used again */

/* A line that is being written. */
struct top_text {
	char *mem; /* owned */
	size_t len, columns, width;
	bool is_utf8;
};
#define TOP_TEXT_WIDTH_MAX 1000
void top_text_begin(struct top_text *t, size_t width, bool is_utf8);
/* It is the last one of l. */
void top_text_end(struct top_text *t, struct top_lines *l, enum top_look look);

void top_text_add(struct top_text *t, const char *s);
void top_text_addf(struct top_text *t, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* "12:31:05Z" */
void top_text_clock(struct top_text *t, int64_t wall_ms);
/* In so many columns: filled up with blanks, or cut with ".." at its end. */
void top_text_cell(
    struct top_text *t, const char *s, size_t columns, bool is_left);
void top_text_to(struct top_text *t, size_t column); /* blanks up to there */
/* The last of v that fit, a column each, as high as their share of the highest;
 * the newest in the last column of the line. */
void top_text_spark(struct top_text *t, const double *v, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/control_row - the rows of an answer, for people.
 */
#ifndef TOOLS_CONTROL_ROW_H
#define TOOLS_CONTROL_ROW_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

const char *control_row_text(const json_t *row, const char *key); /* or "" */
int64_t control_row_number(const json_t *row, const char *key);   /* or 0 */
/* Of all numbers of an object in it. */
int64_t control_row_sum(const json_t *row, const char *key);
/* A control_ask_fn: the row as it is, a line of JSON. */
void control_row_print(void *arg, const json_t *row);

/* "999ms" is "1s"; 90 minutes are "1h".  At most 4 characters up to 999 days.
 */
#define CONTROL_ROW_SHORT 24
void control_row_time(int64_t ms, char out[CONTROL_ROW_SHORT]);
/* "812", "4.1K", "25M": at most 4 characters up to 999 GiB. */
void control_row_size(int64_t bytes, char out[CONTROL_ROW_SHORT]);
/* text on standard output, in so many columns: filled up with blanks, or cut
 * with ".." at the end; what is no printable character is shown as \xHH.  0:
 * all of it, and no more. */
void control_row_column(const char *text, size_t columns);
/* Words in lines of CONTROL_ROW_LEAST columns, each from column on, where the
 * first one is already; a new line at the end. */
void control_row_paragraph(const char *text, size_t column);
/* Columns of the terminal; standard output that is none, or narrow, has 80. */
#define CONTROL_ROW_LEAST 80
size_t control_row_width(void);
/* The first of its recipients in so many columns, how many others, a new line.
 */
void control_row_rcpts(const json_t *row, size_t columns);

#endif

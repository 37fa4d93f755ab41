/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_table - what each tab of "postern top" shows: a line of titles, and
 * a line for each provider, limit, alert or change.  Pure.
 */
#ifndef TOOLS_TOP_TABLE_H
#define TOOLS_TOP_TABLE_H

#include "tools/top_view.h"

struct top_lines;
struct top_model;

#define TOP_TABLE_NONE ((size_t)-1)

const char *top_table_title(enum top_tab tab);
/* Appends to l; the index of the chosen line, or TOP_TABLE_NONE. */
size_t top_table_put(
    struct top_lines *l, const struct top_view *v, const struct top_model *m);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_page - the screen of "postern top", as lines.  Pure.
 */
#ifndef TOOLS_TOP_PAGE_H
#define TOOLS_TOP_PAGE_H

struct top_lines;
struct top_model;
struct top_view;

/* Appends to l no more lines than the view is high.  v->first is led back to
 * where there are lines. */
void top_page_make(
    struct top_lines *l, struct top_view *v, const struct top_model *m);

#endif

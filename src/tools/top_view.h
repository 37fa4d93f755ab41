/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/top_view - which part of what "postern top" knows is shown, how it is
 * sorted, and what the keys do to that.  Pure.
 */
#ifndef TOOLS_TOP_VIEW_H
#define TOOLS_TOP_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct top_model;

enum top_tab {
	TOP_TAB_PROVIDERS,
	TOP_TAB_QUEUE, /* of each provider */
	TOP_TAB_ALERTS,
	TOP_TAB_LIMITS,
	TOP_TABS
};

enum top_sort {
	TOP_SORT_ORDER, /* that of the settings */
	TOP_SORT_NAME,
	TOP_SORT_STATE, /* those in trouble first */
	TOP_SORT_WAITING,
	TOP_SORT_RATE,
	TOP_SORTS
};
const char *top_view_sort_word(enum top_sort s);

enum top_mode { TOP_LOOKING, TOP_FILTERING, TOP_ASKING, TOP_HELPING };

/* What somebody else has to do. */
enum top_wish {
	TOP_NOTHING,
	TOP_LOOK_NOW,
	TOP_PAUSE,
	TOP_RESUME,
	TOP_RETRY,
	TOP_QUIT
};

/* Keys that are no characters. */
enum top_key {
	TOP_KEY_ENTER = '\n',
	TOP_KEY_ESCAPE = 27,
	TOP_KEY_UP = 256,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_BACK
};

#define TOP_VIEW_FILTER 64
#define TOP_VIEW_NAME 256
#define TOP_VIEW_NOTE 768

/* Zeroed, but for the first three, it is that of the beginning. */
struct top_view {
	size_t width, height; /* height 0: all tabs, each as long as it is */
	bool is_utf8;
	enum top_mode mode;
	enum top_tab tab;
	enum top_sort sort;
	enum top_wish wish; /* that is asked about */
	char filter[TOP_VIEW_FILTER];
	char chosen[TOP_VIEW_NAME]; /* provider; "": the first */
	size_t first;               /* line of a tab without a chosen one */
	char note[TOP_VIEW_NOTE];   /* what came of a wish */
};

/* key: a character or enum top_key. */
enum top_wish top_view_key(
    struct top_view *v, const struct top_model *m, int key);
/* Has name what is filtered for? */
bool top_view_fits(const struct top_view *v, const char *name);

/* The providers that are shown, in order. */
struct top_view_list {
	struct top_view_item {
		const json_t *row; /* the model's */
		double key;
		size_t at;
	} * v; /* owned */
	size_t n;
	size_t chosen; /* index; n: nothing is there */
};
void top_view_list(struct top_view_list *l, const struct top_view *v,
    const struct top_model *m);
void top_view_list_done(struct top_view_list *l);

#endif

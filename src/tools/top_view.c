/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "tools/control_row.h"
#include "tools/top_model.h"

#define PAGE 10 /* lines that a page's key goes */

const char *
top_view_sort_word(enum top_sort s)
{
	static const char *const words[TOP_SORTS] = { "order", "name", "state",
		"waiting", "rate" };

	return words[s];
}

/* --- the list ----------------------------------------------------------------
 */

bool
top_view_fits(const struct top_view *v, const char *name)
{
	return str_has_case(str_of(name), str_of(v->filter));
}

/* The higher, the earlier. */
static double
key_of(const struct top_view *v, const struct top_model *m, const json_t *row)
{
	switch (v->sort) {
	case TOP_SORT_STATE:
		return strcmp(control_row_text(row, "state"), "ok") != 0;
	case TOP_SORT_WAITING:
		return (double)control_row_sum(row, "waiting");
	case TOP_SORT_RATE:
		return top_model_rate(m, control_row_text(row, "name"));
	default:
		return 0;
	}
}

static int
by_key(const void *pa, const void *pb)
{
	const struct top_view_item *a = pa, *b = pb;

	if (a->key < b->key || a->key > b->key)
		return a->key < b->key ? 1 : -1;
	return a->at < b->at ? -1 : a->at > b->at;
}

static int
by_name(const void *pa, const void *pb)
{
	const struct top_view_item *a = pa, *b = pb;

	return strcmp(
	    control_row_text(a->row, "name"), control_row_text(b->row, "name"));
}

void
top_view_list(struct top_view_list *l, const struct top_view *v,
    const struct top_model *m)
{
	const json_t *all = json_object_get(m->doc, "providers"), *p;
	size_t i;

	*l = (struct top_view_list){ 0 };
	l->v = mem_array(json_array_size(all) + 1, sizeof *l->v);
	json_array_foreach(all, i, p)
	{
		if (top_view_fits(v, control_row_text(p, "name")))
			l->v[l->n++] = (struct top_view_item){
				.row = p, .key = key_of(v, m, p), .at = i
			};
	}
	qsort(l->v, l->n, sizeof *l->v,
	    v->sort == TOP_SORT_NAME ? by_name : by_key);
	for (i = 0; i < l->n && l->chosen == 0; i++) {
		if (strcmp(control_row_text(l->v[i].row, "name"), v->chosen) ==
		    0)
			l->chosen = i;
	}
}

void
top_view_list_done(struct top_view_list *l)
{
	free(l->v);
	*l = (struct top_view_list){ 0 };
}

/* --- keys --------------------------------------------------------------------
 */

static bool
has_choice(const struct top_view *v)
{
	return v->tab == TOP_TAB_PROVIDERS || v->tab == TOP_TAB_QUEUE;
}

static void
go(struct top_view *v, const struct top_model *m, int lines)
{
	struct top_view_list l;
	size_t most = has_choice(v) ? 0 : TOP_MODEL_CHANGES * 4,
	       *at = &v->first;

	top_view_list(&l, v, m);
	if (has_choice(v)) {
		at = &l.chosen;
		most = l.n > 0 ? l.n - 1 : 0;
	}
	if (lines < 0)
		*at = *at > (size_t)-lines ? *at - (size_t)-lines : 0;
	else
		*at = *at + (size_t)lines < most ? *at + (size_t)lines : most;
	if (has_choice(v) && l.n > 0)
		(void)snprintf(v->chosen, sizeof v->chosen, "%s",
		    control_row_text(l.v[l.chosen].row, "name"));
	top_view_list_done(&l);
}

/* Before something is done it is asked whether it is meant. */
static void
ask(struct top_view *v, const struct top_model *m, bool is_retry)
{
	struct top_view_list l;

	if (!has_choice(v)) {
		(void)snprintf(v->note, sizeof v->note,
		    "choose a provider first, on 1 or 2");
		return;
	}
	top_view_list(&l, v, m);
	if (l.n == 0) {
		(void)snprintf(
		    v->note, sizeof v->note, "there is no provider here");
	} else {
		const json_t *row = l.v[l.chosen].row;
		bool is_paused = json_object_get(row, "paused") != NULL;

		(void)snprintf(v->chosen, sizeof v->chosen, "%s",
		    control_row_text(row, "name"));
		v->wish = is_retry    ? TOP_RETRY
		          : is_paused ? TOP_RESUME
		                      : TOP_PAUSE;
		v->mode = TOP_ASKING;
	}
	top_view_list_done(&l);
}

static void
to_tab(struct top_view *v, enum top_tab tab)
{
	v->tab = tab;
	v->first = 0;
}

/* true: it was one that moves. */
static bool
move(struct top_view *v, const struct top_model *m, int key)
{
	if (key == TOP_KEY_UP || key == 'k')
		go(v, m, -1);
	else if (key == TOP_KEY_DOWN || key == 'j')
		go(v, m, 1);
	else if (key == TOP_KEY_PAGE_UP)
		go(v, m, -PAGE);
	else if (key == TOP_KEY_PAGE_DOWN)
		go(v, m, PAGE);
	else if (key >= '1' && key < '1' + TOP_TABS)
		to_tab(v, (enum top_tab)(key - '1'));
	else if (key == '\t')
		to_tab(v, (enum top_tab)((v->tab + 1) % TOP_TABS));
	else
		return false;
	return true;
}

static enum top_wish
look(struct top_view *v, const struct top_model *m, int key)
{
	v->note[0] = '\0';
	if (move(v, m, key))
		return TOP_NOTHING;
	switch (key) {
	case 'q':
		return TOP_QUIT;
	case ' ':
		return TOP_LOOK_NOW;
	case TOP_KEY_ESCAPE:
		memset(v->filter, 0, sizeof v->filter);
		break;
	case 's':
		v->sort = (enum top_sort)((v->sort + 1) % TOP_SORTS);
		break;
	case '/':
		v->mode = TOP_FILTERING;
		break;
	case '?':
		v->mode = TOP_HELPING;
		break;
	case 'p':
		ask(v, m, false);
		break;
	case 'r':
		ask(v, m, true);
		break;
	default:
		break;
	}
	return TOP_NOTHING;
}

static void
filter(struct top_view *v, int key)
{
	size_t n = strlen(v->filter);

	if (key == TOP_KEY_ESCAPE)
		memset(v->filter, 0, sizeof v->filter);
	if (key == TOP_KEY_ESCAPE || key == TOP_KEY_ENTER)
		v->mode = TOP_LOOKING;
	else if (key == TOP_KEY_BACK && n > 0)
		v->filter[n - 1] = '\0';
	else if (key >= ' ' && key < 0x7f && n + 1 < sizeof v->filter)
		v->filter[n] = (char)key; /* zeros are behind it */
}

static enum top_wish
answer(struct top_view *v, int key)
{
	v->mode = TOP_LOOKING;
	if (key == 'y')
		return v->wish;
	(void)snprintf(v->note, sizeof v->note, "nothing was done");
	return TOP_NOTHING;
}

enum top_wish
top_view_key(struct top_view *v, const struct top_model *m, int key)
{
	switch (v->mode) {
	case TOP_FILTERING:
		filter(v, key);
		return TOP_NOTHING;
	case TOP_ASKING:
		return answer(v, key);
	case TOP_HELPING:
		v->mode = TOP_LOOKING;
		return key == 'q' ? TOP_QUIT : TOP_NOTHING;
	default:
		return look(v, m, key);
	}
}

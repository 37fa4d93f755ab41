/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_page.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tools/control_row.h"
#include "tools/provider_line.h"
#include "tools/top_model.h"
#include "tools/top_table.h"
#include "tools/top_text.h"
#include "tools/top_view.h"

#define LOW 16        /* a screen of fewer lines has none for a last trouble */
#define SPARK_FROM 56 /* column where the past of a rate may begin */

/* --- the head ----------------------------------------------------------------
 */

static void
put_daemon(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	bool accepts = json_is_true(json_object_get(m->doc, "accepts"));
	char up[CONTROL_ROW_SHORT];
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	top_text_clock(&t, m->wall_ms);
	control_row_time(control_row_number(m->doc, "uptime_s") * 1000, up);
	top_text_addf(&t, " postern %s, pid %" PRId64 ", up %s: ",
	    control_row_text(m->doc, "version"),
	    control_row_number(m->doc, "pid"), up);
	if (m->lost_ms != 0) {
		top_text_add(&t, "NO ANSWER since ");
		top_text_clock(&t, m->lost_ms);
	} else if (accepts) {
		top_text_add(&t, "accepts mail");
	} else {
		top_text_add(&t, "REFUSES MAIL: ");
		top_text_add(&t, control_row_text(m->doc, "why"));
	}
	top_text_end(&t, l, accepts && m->lost_ms == 0 ? TOP_HEAD : TOP_BAD);
}

static void
put_queue(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *q = json_object_get(m->doc, "queue");
	const json_t *oldest = json_object_get(q, "oldest_s");
	char age[CONTROL_ROW_SHORT], size[CONTROL_ROW_SHORT];
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	control_row_time((int64_t)(json_number_value(oldest) * 1000), age);
	control_row_size(control_row_number(q, "bytes"), size);
	top_text_addf(&t, "queue   %" PRId64 " queued (%s",
	    control_row_number(q, "queued"), size);
	if (oldest != NULL && control_row_number(q, "queued") > 0)
		top_text_addf(&t, ", oldest %s", age);
	top_text_addf(&t,
	    "), %" PRId64 " held, %" PRId64 " in doubt, %" PRId64 " dead",
	    control_row_number(q, "held"), control_row_number(q, "doubt"),
	    control_row_number(q, "dead"));
	top_text_end(&t, l, TOP_PLAIN);
}

/* A way that mail goes, and how fast. */
struct flow {
	const char *name, *unit;
	double rate;
	int64_t minute, now;
	const double *past;
};

static void
put_flow(struct top_lines *l, const struct top_view *v,
    const struct top_model *m, const struct flow *f)
{
	char rate[32] = "-";
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	if (f->rate >= 0)
		(void)snprintf(rate, sizeof rate, "%.1f", f->rate);
	top_text_addf(&t, "%-7s %7s/s %8" PRId64 " last minute %6" PRId64 " %s",
	    f->name, rate, f->minute, f->now, f->unit);
	if (m->npast > 0)
		top_text_to(&t, SPARK_FROM);
	top_text_spark(&t, f->past, m->npast);
	top_text_end(&t, l, TOP_PLAIN);
}

static void
put_flows(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *in = json_object_get(m->doc, "in");
	const json_t *out = json_object_get(m->doc, "out");

	put_flow(l, v, m,
	    &(struct flow){ .name = "in",
	        .unit = "sessions",
	        .rate = m->in,
	        .minute = control_row_number(in, "last_minute"),
	        .now = control_row_number(in, "sessions"),
	        .past = m->in_past });
	put_flow(l, v, m,
	    &(struct flow){ .name = "out",
	        .unit = "in hand",
	        .rate = m->out,
	        .minute = control_row_number(out, "last_minute"),
	        .now = control_row_number(out, "in_hand"),
	        .past = m->out_past });
}

static void
put_times(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *ms =
	    json_object_get(json_object_get(m->doc, "out"), "delivery_ms");
	const json_t *p = json_object_get(m->doc, "process");
	char rss[CONTROL_ROW_SHORT], cpu[CONTROL_ROW_SHORT] = "-";
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	if (ms != NULL)
		top_text_addf(&t,
		    "times   P50 %" PRId64 " ms, P95 %" PRId64
		    " ms, P99 %" PRId64 " ms; ",
		    control_row_number(ms, "p50"),
		    control_row_number(ms, "p95"),
		    control_row_number(ms, "p99"));
	else
		top_text_add(&t, "times   nothing was delivered yet; ");
	if (m->cpu >= 0)
		(void)snprintf(cpu, sizeof cpu, "%.1f%%", m->cpu);
	control_row_size(control_row_number(p, "rss"), rss);
	top_text_addf(&t, "CPU %s, RSS %s", cpu, rss);
	top_text_end(&t, l, TOP_PLAIN);
}

static void
put_spool(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *s = json_object_get(m->doc, "spool");
	const json_t *commit = json_object_get(s, "commit_ms");
	char used[CONTROL_ROW_SHORT], left[CONTROL_ROW_SHORT];
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	control_row_size(control_row_number(s, "bytes"), used);
	control_row_size(control_row_number(s, "disk_free"), left);
	top_text_addf(&t,
	    "spool   %s used, %s free; commits P50 %.1f ms, P99 %.1f ms", used,
	    left, json_number_value(json_object_get(commit, "p50")),
	    json_number_value(json_object_get(commit, "p99")));
	top_text_end(&t, l, TOP_PLAIN);
}

static void
put_head(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	put_daemon(l, v, m);
	put_queue(l, v, m);
	put_flows(l, v, m);
	put_times(l, v, m);
	put_spool(l, v, m);
}

/* --- around a tab ------------------------------------------------------------
 */

/* "[1 providers] 2 queue  3 alerts (2)  4 limits   by waiting, with ses" */
static void
put_tabs(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	size_t nalerts = json_array_size(json_object_get(m->doc, "alerts"));
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	for (int i = 0; i < TOP_TABS; i++) {
		bool is_it = i == (int)v->tab;

		top_text_addf(&t, "%s%d %s", is_it ? "[" : " ", i + 1,
		    top_table_title((enum top_tab)i));
		if (i == TOP_TAB_ALERTS && nalerts > 0)
			top_text_addf(&t, " (%zu)", nalerts);
		top_text_add(&t, is_it ? "] " : "  ");
	}
	if (v->sort != TOP_SORT_ORDER)
		top_text_addf(&t, " by %s", top_view_sort_word(v->sort));
	if (v->filter[0] != '\0')
		top_text_addf(&t, " with %s", v->filter);
	top_text_end(&t, l, TOP_HEAD);
}

/* Of the chosen one, where its line has no room for that. */
static void
put_trouble(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	struct top_view_list list;
	struct top_text t;
	char *text;

	top_view_list(&list, v, m);
	text = list.n > 0 ? provider_line_trouble_text(list.v[list.chosen].row)
	                  : NULL;
	top_text_begin(&t, v->width, v->is_utf8);
	if (text != NULL) {
		top_text_addf(&t, "%s: trouble ",
		    control_row_text(list.v[list.chosen].row, "name"));
		top_text_add(&t, text);
	}
	top_text_end(&t, l, TOP_PLAIN);
	free(text);
	top_view_list_done(&list);
}

static void
write_question(const struct top_view *v, struct top_text *t)
{
	const char *name = v->chosen;

	if (v->wish == TOP_PAUSE)
		top_text_addf(t, "leave %s alone until it is resumed?", name);
	else if (v->wish == TOP_RESUME)
		top_text_addf(t, "have %s asked again?", name);
	else
		top_text_addf(t, "try all now that waits after %s?", name);
	top_text_add(t, " y: yes, else no");
}

static void
put_foot(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	if (v->mode == TOP_FILTERING)
		top_text_addf(&t, "names with: %s_", v->filter);
	else if (v->mode == TOP_ASKING)
		write_question(v, &t);
	else if (v->note[0] != '\0')
		top_text_add(&t, v->note);
	else if (m->lost_ms != 0)
		top_text_add(&t, m->lost);
	else
		top_text_add(&t, "q quit  ? help  1-4 tabs  s sort  / filter  "
		                 "p pause or resume  r retry");
	top_text_end(&t, l, v->mode == TOP_ASKING ? TOP_WARN : TOP_HEAD);
}

/* --- the screen --------------------------------------------------------------
 */

static const char *const help[] = {
	"1 2 3 4, Tab   which table: providers, their part of the queue, what "
	"is",
	"               to be mended and what changed, the windows of rates",
	"up down, k j   choose a provider, or scroll; Page Up, Page Down",
	"s              sort by name, state, waiting, rate, or as in the "
	"settings",
	"/              names with a text only; Enter keeps it, Escape ends it",
	"p              leave the chosen provider alone, or have it asked "
	"again",
	"r              what waits after an attempt at it is due now",
	"space          look now",
	"?              this; any key leads back",
	"q              quit",
};

static void
put_help(struct top_lines *l, const struct top_view *v)
{
	for (size_t i = 0; i < sizeof help / sizeof help[0]; i++) {
		struct top_text t;

		top_text_begin(&t, v->width, v->is_utf8);
		top_text_add(&t, help[i]);
		top_text_end(&t, l, TOP_PLAIN);
	}
}

/* Moves what is in view from the one list to the other: the titles, and of the
 * lines behind them so many that the chosen one is among them. */
static void
move_lines(struct top_lines *to, struct top_lines *from, struct top_view *v,
    size_t chosen, size_t room)
{
	size_t at = v->first, most = from->n > room ? from->n - room : 0;

	if (at > most)
		at = most;
	v->first = at;
	if (chosen != TOP_TABLE_NONE)
		at = chosen >= room ? chosen - room + 1 : 0;
	for (size_t i = 0; i < room && i + at < from->n; i++) {
		/* the titles stay */
		size_t k = i == 0 && chosen != TOP_TABLE_NONE ? 0 : i + at;
		struct top_text t = { .mem = from->v[k].text };

		top_text_end(&t, to, from->v[k].look);
		from->v[k].text = NULL;
	}
}

static bool
has_trouble(const struct top_view *v)
{
	return v->height >= LOW && v->mode != TOP_HELPING &&
	       (v->tab == TOP_TAB_PROVIDERS || v->tab == TOP_TAB_QUEUE);
}

/* Lines below the table. */
static size_t
nfoot(const struct top_view *v)
{
	return has_trouble(v) ? 2 : 1;
}

static void
put_tab(struct top_lines *l, struct top_view *v, const struct top_model *m)
{
	size_t used = l->n + nfoot(v);
	struct top_lines all = { 0 };
	size_t chosen = TOP_TABLE_NONE;

	if (v->mode == TOP_HELPING)
		put_help(&all, v);
	else
		chosen = top_table_put(&all, v, m);
	if (v->height > used)
		move_lines(l, &all, v, chosen, v->height - used);
	top_text_done(&all);
}

/* For those who read it on paper, or by a program. */
static void
put_all(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	for (int i = 0; i < TOP_TABS; i++) {
		struct top_view one = *v;
		struct top_text t;

		top_text_begin(&t, v->width, v->is_utf8);
		top_text_end(&t, l, TOP_PLAIN);
		one.tab = (enum top_tab)i;
		(void)top_table_put(l, &one, m);
	}
}

/* So many, whatever there is. */
static void
fill(struct top_lines *l, const struct top_view *v, size_t height)
{
	while (l->n > height)
		free(l->v[--l->n].text);
	while (l->n < height) {
		struct top_text t;

		top_text_begin(&t, v->width, v->is_utf8);
		top_text_end(&t, l, TOP_PLAIN);
	}
}

void
top_page_make(
    struct top_lines *l, struct top_view *v, const struct top_model *m)
{
	put_head(l, v, m);
	if (v->height == 0) {
		put_all(l, v, m);
		return;
	}
	put_tabs(l, v, m);
	put_tab(l, v, m);
	fill(l, v, v->height - nfoot(v));
	if (has_trouble(v))
		put_trouble(l, v, m);
	put_foot(l, v, m);
}

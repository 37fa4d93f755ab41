/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/control_row.h"
#include "tools/provider_line.h"
#include "tools/top_model.h"
#include "tools/top_text.h"

#define CELL 256
#define REST 20  /* at least */
#define BAR 14   /* columns of a share */
#define WIDE 120 /* from so many columns on there is room for more */

const char *
top_table_title(enum top_tab tab)
{
	static const char *const titles[TOP_TABS] = { "providers", "queue",
		"alerts", "limits" };

	return titles[tab];
}

/* --- cells -------------------------------------------------------------------
 */

typedef void cell_fn(const struct top_model *m, const json_t *row, char *out);

/* A count is exact up to 99 millions. */
static void
write_count(json_int_t n, char *out)
{
	if (n < 100000000)
		(void)snprintf(out, CELL, "%" JSON_INTEGER_FORMAT, n);
	else
		(void)snprintf(
		    out, CELL, "%" JSON_INTEGER_FORMAT "M", n / 1000000);
}

static void
write_rate(double rate, char *out)
{
	if (rate < 0)
		(void)snprintf(out, CELL, "-");
	else
		(void)snprintf(out, CELL, rate < 1000 ? "%.1f" : "%.0f", rate);
}

/* "-": nothing was measured. */
static void
write_ms(const json_t *of, const char *key, char *out)
{
	int64_t ms = control_row_number(of, key);

	if (of == NULL)
		(void)snprintf(out, CELL, "-");
	else if (ms < 10000)
		(void)snprintf(out, CELL, "%" PRId64 "ms", ms);
	else
		control_row_time(ms, out);
}

static void
cell_name(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%s", control_row_text(row, "name"));
}

static void
cell_state(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%s", control_row_text(row, "state"));
}

static void
cell_level(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%s", control_row_text(row, "level"));
}

/* Until it may be used; "-": that has no end. */
static void
cell_for(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	if (json_object_get(row, "for_ms") == NULL)
		(void)snprintf(out, CELL, "-");
	else
		control_row_time(control_row_number(row, "for_ms"), out);
}

static void
cell_sessions(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_count(control_row_sum(row, "sessions"), out);
}

static void
cell_waiting(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_count(control_row_sum(row, "waiting"), out);
}

static void
cell_rate(const struct top_model *m, const json_t *row, char *out)
{
	write_rate(top_model_rate(m, control_row_text(row, "name")), out);
}

static void
cell_p50(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_ms(json_object_get(row, "delivery_ms"), "p50", out);
}

static void
cell_p95(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_ms(json_object_get(row, "delivery_ms"), "p95", out);
}

static void
cell_p99(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_ms(json_object_get(row, "delivery_ms"), "p99", out);
}

static void
cell_pace(const struct top_model *m, const json_t *row, char *out)
{
	double pace = json_number_value(json_object_get(row, "per_minute"));

	(void)m;
	write_rate(pace > 0 ? pace : -1, out);
}

static void
cell_why(const struct top_model *m, const json_t *row, char *out)
{
	const char *why = control_row_text(row, "why");
	const char *level = control_row_text(row, "level_why");

	(void)m;
	(void)snprintf(out, CELL, "%s%s%s", why,
	    *why != '\0' && *level != '\0' ? ", " : "",
	    strcmp(why, level) != 0 ? level : "");
}

/* As it was the last time. */
static void
cell_trouble(const struct top_model *m, const json_t *row, char *out)
{
	char *text = provider_line_trouble_text(row);

	(void)m;
	(void)snprintf(out, CELL, "%s", text != NULL ? text : "");
	free(text);
}

static void
cell_sending(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_count(control_row_number(row, "sending"), out);
}

/* Of an object of the row. */
static void
write_of(const json_t *row, const char *object, const char *key, char *out)
{
	write_count(control_row_number(json_object_get(row, object), key), out);
}

static void
cell_high(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "waiting", "high", out);
}

static void
cell_normal(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "waiting", "normal", out);
}

static void
cell_low(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "waiting", "low", out);
}

static void
cell_delivered(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "results", "delivered", out);
}

static void
cell_deferred(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "results", "deferred", out);
}

static void
cell_bounced(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "results", "bounced", out);
}

static void
cell_dead(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_of(row, "results", "dead", out);
}

/* --- limits ------------------------------------------------------------------
 */

static void
cell_owner(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%s", control_row_text(row, "owner"));
}

static void
cell_window(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%s", control_row_text(row, "window"));
}

static void
cell_used(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_count(control_row_number(row, "used"), out);
}

static void
cell_max(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	write_count(control_row_number(row, "max"), out);
}

static double
share(const json_t *row)
{
	double most = (double)control_row_number(row, "max");
	double used = (double)control_row_number(row, "used");

	return most > 0 ? (used < most ? used / most : 1) : 0;
}

static void
cell_share(const struct top_model *m, const json_t *row, char *out)
{
	(void)m;
	(void)snprintf(out, CELL, "%.0f%%", share(row) * 100);
}

static void
cell_bar(const struct top_model *m, const json_t *row, char *out)
{
	size_t n = (size_t)(share(row) * BAR);

	(void)m;
	memset(out, '.', BAR);
	memset(out, '#', n);
	out[BAR] = '\0';
}

/* --- tables ------------------------------------------------------------------
 */

struct column {
	const char *title;
	size_t columns; /* REST: what is left of the line */
	bool is_left;
	bool is_wide;   /* there only from WIDE columns on ... */
	bool is_narrow; /* ... and below that */
	cell_fn *write;
};

/* clang-format off */
static const struct column of_providers[] = {
	{ "PROVIDER",  16, true,  false, true,  cell_name },
	{ "PROVIDER",  32, true,  true,  false, cell_name },
	{ "STATE",      9, true,  false, false, cell_state },
	{ "LEVEL",     11, true,  false, false, cell_level },
	{ "FOR",        4, false, false, false, cell_for },
	{ "SESS",       4, false, false, false, cell_sessions },
	{ "WAITING",    7, false, false, false, cell_waiting },
	{ "OUT/S",      6, false, false, false, cell_rate },
	{ "DELIVERED",  9, false, false, false, cell_delivered },
	{ "P50",        6, false, true,  false, cell_p50 },
	{ "P95",        6, false, false, false, cell_p95 },
	{ "P99",        6, false, true,  false, cell_p99 },
	{ "PACE/MIN",   8, false, true,  false, cell_pace },
	{ "WHY",       16, true,  true,  false, cell_why },
	{ "LAST TROUBLE", REST, true, true, false, cell_trouble },
	{ NULL },
};
static const struct column of_queue[] = {
	{ "PROVIDER",  16, true,  false, true,  cell_name },
	{ "PROVIDER",  32, true,  true,  false, cell_name },
	{ "HIGH",       6, false, false, false, cell_high },
	{ "NORMAL",     8, false, false, false, cell_normal },
	{ "LOW",        8, false, false, false, cell_low },
	{ "SENDING",    7, false, false, false, cell_sending },
	{ "DELIVERED",  9, false, false, false, cell_delivered },
	{ "DEFERRED",   8, false, false, false, cell_deferred },
	{ "BOUNCED",    7, false, false, true,  cell_bounced },
	{ "BOUNCED",    8, false, true,  false, cell_bounced },
	{ "DEAD",       8, false, true,  false, cell_dead },
	{ NULL },
};
static const struct column of_limits[] = {
	{ "LIMIT",     24, true,  false, true,  cell_owner },
	{ "LIMIT",     48, true,  true,  false, cell_owner },
	{ "WINDOW",    16, true,  false, true,  cell_window },
	{ "WINDOW",    32, true,  true,  false, cell_window },
	{ "USED",       8, false, false, false, cell_used },
	{ "MAX",        8, false, false, false, cell_max },
	{ "SHARE",      5, false, false, false, cell_share },
	{ "",         BAR, true,  false, false, cell_bar },
	{ NULL },
};
/* clang-format on */

/* row NULL: the titles.  What does not fit wholly is left out. */
static void
put_row(struct top_text *t, const struct column *c, const struct top_model *m,
    const json_t *row)
{
	bool is_wide = t->width >= WIDE;
	char cell[CELL];

	for (; c->title != NULL; c++) {
		if (is_wide ? c->is_narrow : c->is_wide)
			continue;
		if (t->columns + (t->columns > 0) + c->columns > t->width)
			return;
		(void)snprintf(cell, sizeof cell, "%s", c->title);
		if (row != NULL)
			c->write(m, row, cell);
		if (t->columns > 0)
			top_text_add(t, " ");
		top_text_cell(t, cell,
		    c->columns == REST ? t->width - t->columns : c->columns,
		    c->is_left);
	}
}

static void
put_titles(struct top_lines *l, const struct top_view *v,
    const struct column *c, const struct top_model *m)
{
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	put_row(&t, c, m, NULL);
	top_text_end(&t, l, TOP_HEAD);
}

static enum top_look
look_of(const json_t *row)
{
	const char *state = control_row_text(row, "state");

	if (strcmp(state, "open") == 0 || json_object_get(row, "mend") != NULL)
		return TOP_BAD;
	return strcmp(state, "ok") == 0 &&
	               strcmp(control_row_text(row, "level"), "normal") == 0
	           ? TOP_PLAIN
	           : TOP_WARN;
}

static size_t
put_providers(struct top_lines *l, const struct top_view *v,
    const struct column *c, const struct top_model *m)
{
	size_t chosen = TOP_TABLE_NONE;
	struct top_view_list list;

	put_titles(l, v, c, m);
	top_view_list(&list, v, m);
	for (size_t i = 0; i < list.n; i++) {
		bool is_chosen = v->height > 0 && i == list.chosen;
		struct top_text t;

		top_text_begin(&t, v->width, v->is_utf8);
		put_row(&t, c, m, list.v[i].row);
		if (is_chosen) {
			top_text_to(&t, v->width);
			chosen = l->n;
		}
		top_text_end(
		    &t, l, is_chosen ? TOP_CHOSEN : look_of(list.v[i].row));
	}
	top_view_list_done(&list);
	return chosen;
}

static void
put_limits(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *w;
	size_t i;

	put_titles(l, v, of_limits, m);
	json_array_foreach(json_object_get(m->doc, "windows"), i, w)
	{
		struct top_text t;

		if (!top_view_fits(v, control_row_text(w, "owner")))
			continue;
		top_text_begin(&t, v->width, v->is_utf8);
		put_row(&t, of_limits, m, w);
		top_text_end(&t, l, share(w) < 0.9 ? TOP_PLAIN : TOP_WARN);
	}
}

/* --- alerts and changes ------------------------------------------------------
 */

static void
put_line(struct top_lines *l, const struct top_view *v, const char *before,
    const char *text, enum top_look look)
{
	struct top_text t;

	top_text_begin(&t, v->width, v->is_utf8);
	top_text_add(&t, before);
	top_text_add(&t, text);
	top_text_end(&t, l, look);
}

/* In as many lines as it takes, each behind four blanks. */
static void
put_paragraph(struct top_lines *l, const struct top_view *v, const char *text)
{
	struct top_text t = { 0 };
	char word[CELL];

	while (*text != '\0') {
		size_t n = strcspn(text, " ");

		(void)snprintf(word, sizeof word, " %.*s", (int)n, text);
		if (t.mem != NULL && t.columns + strlen(word) > v->width)
			top_text_end(&t, l, TOP_PLAIN);
		if (t.mem == NULL) {
			top_text_begin(&t, v->width, v->is_utf8);
			top_text_add(&t, "   ");
		}
		top_text_add(&t, word);
		text += n + strspn(text + n, " ");
	}
	if (t.mem != NULL)
		top_text_end(&t, l, TOP_PLAIN);
}

static void
put_alerts(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *all = json_object_get(m->doc, "alerts"), *a;
	char before[CELL];
	size_t i;

	put_line(l, v, "TO BE MENDED", "", TOP_HEAD);
	if (json_array_size(all) == 0)
		put_line(l, v, "nothing", "", TOP_PLAIN);
	json_array_foreach(all, i, a)
	{
		(void)snprintf(before, sizeof before,
		    "%s: ", control_row_text(a, "about"));
		put_line(l, v, before, control_row_text(a, "text"), TOP_BAD);
		put_paragraph(l, v, control_row_text(a, "mend"));
	}
}

static void
put_changes(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	const json_t *c;
	size_t i;

	put_line(l, v, "CHANGES since top looks", "", TOP_HEAD);
	if (json_array_size(m->changes) == 0)
		put_line(l, v, "none", "", TOP_PLAIN);
	json_array_foreach(m->changes, i, c)
	{
		struct top_text t;

		top_text_begin(&t, v->width, v->is_utf8);
		top_text_clock(&t, control_row_number(c, "at_ms"));
		top_text_add(&t, " ");
		top_text_add(&t, control_row_text(c, "text"));
		top_text_end(&t, l, TOP_PLAIN);
	}
}

size_t
top_table_put(
    struct top_lines *l, const struct top_view *v, const struct top_model *m)
{
	switch (v->tab) {
	case TOP_TAB_PROVIDERS:
		return put_providers(l, v, of_providers, m);
	case TOP_TAB_QUEUE:
		return put_providers(l, v, of_queue, m);
	case TOP_TAB_LIMITS:
		put_limits(l, v, m);
		break;
	default:
		put_alerts(l, v, m);
		put_changes(l, v, m);
	}
	return TOP_TABLE_NONE;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>
#include <jansson.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "tools/top_model.h"
#include "tools/top_page.h"
#include "tools/top_text.h"
#include "tools/top_view.h"

/* --- documents ---------------------------------------------------------------
 */

static json_t *
provider(const char *name, const char *state, int waiting, int delivered)
{
	return json_pack("{ss ss ss sI ss s{si si} s{si si si} si sf"
	                 " s{si si si si} s{si si si}}",
	    "name", name, "state", state, "why", "net", "for_ms",
	    (json_int_t)4200, "level", "normal", "sessions", "idle", 1, "busy",
	    2, "waiting", "high", 1, "normal", waiting, "low", 0, "sending", 2,
	    "per_minute", 0.0, "results", "delivered", delivered, "deferred", 7,
	    "bounced", 8, "dead", 9, "delivery_ms", "p50", 11, "p95", 95, "p99",
	    12345);
}

static json_t *
trouble(int at_ms, int code, const char *text)
{
	return json_pack("{si si ss ss si ss ss}", "at_ms", at_ms, "age_ms",
	    3000, "stage", "dot", "class", "throttle", "code", code, "enhanced",
	    code > 0 ? "4.7.0" : "", "text", text);
}

static json_t *
document(int received, int delivered)
{
	json_t *j = json_pack(
	    "{ss si sI si sb s{sf si si si si si} s{si si s{sf sf}}"
	    " s{si si si} s{si si s{si} s{si si si}} s[] s[] s[] s{sf si}}",
	    "version", "1.2.3", "pid", 4711, "started_ms", (json_int_t)1000,
	    "uptime_s", 100, "accepts", 1, "queue", "oldest_s", 180.0, "queued",
	    1234, "held", 2, "doubt", 3, "dead", 4, "bytes", 5000, "spool",
	    "bytes", 65536, "disk_free", 1 << 30, "commit_ms", "p50", 1.25,
	    "p99", 9.5, "in", "messages", received, "last_minute", 60,
	    "sessions", 5, "out", "in_hand", 6, "last_minute", 61, "results",
	    "delivered", delivered, "delivery_ms", "p50", 10, "p95", 20, "p99",
	    30, "providers", "windows", "alerts", "process", "cpu_s", 2.0,
	    "rss", 12 << 20);

	assert_non_null(j);
	return j;
}

static void
add(json_t *doc, const char *list, json_t *row)
{
	assert_non_null(row);
	json_array_append_new(json_object_get(doc, list), row);
}

static json_t *
usual(int received, int delivered)
{
	json_t *doc = document(received, delivered);

	add(doc, "providers", provider("ses", "ok", 20, delivered));
	add(doc, "providers", provider("backup", "open", 300, 0));
	add(doc, "providers", provider("alpha", "ok", 1, 0));
	add(doc, "windows",
	    json_pack("{ss ss si si}", "owner", "provider/ses", "window",
	        "1000 rcpt/1d", "used", 950, "max", 1000));
	add(doc, "alerts",
	    json_pack("{ss ss ss}", "about", "provider backup", "text",
	        "not used: auth", "mend",
	        "the provider takes neither user nor password: look whether "
	        "both are those of its console, and mend the file"));
	return doc;
}

/* Takes doc. */
static void
take(struct top_model *m, json_t *doc, uint64_t ms)
{
	struct top_model_time now = { ms, (int64_t)(45065000 + ms) };

	top_model_take(m, doc, &now);
	json_decref(doc);
}

static void
lose(struct top_model *m, uint64_t ms)
{
	struct top_model_time now = { ms, (int64_t)(45065000 + ms) };

	top_model_lose(m, "control.sock: Connection refused", &now);
}

static const char *
change(const struct top_model *m, size_t i)
{
	return json_string_value(
	    json_object_get(json_array_get(m->changes, i), "text"));
}

/* --- lines -------------------------------------------------------------------
 */

/* As a terminal shows it: characters of one column each. */
static size_t
columns_of(const char *s)
{
	wchar_t text[TOP_TEXT_WIDTH_MAX + 1];
	size_t n = mbstowcs(text, s, TOP_TEXT_WIDTH_MAX + 1);
	int columns;

	assert_true(n <= TOP_TEXT_WIDTH_MAX);
	columns = wcswidth(text, n);
	if (columns != (int)n)
		fail_msg("no line of plain characters: %s", s);
	return n;
}

static void
check_lines(const struct top_lines *l, const struct top_view *v)
{
	if (v->height > 0)
		assert_int_equal(l->n, v->height);
	for (size_t i = 0; i < l->n; i++) {
		if (columns_of(l->v[i].text) > v->width)
			fail_msg("wider than %zu: %s", v->width, l->v[i].text);
		if (!v->is_utf8 && !str_is_ascii(str_of(l->v[i].text)))
			fail_msg("not ASCII: %s", l->v[i].text);
	}
}

/* The lines as one text; the caller frees it. */
static char *
page(const struct top_model *m, struct top_view *v)
{
	struct top_lines l = { 0 };
	char *all = mem_str(""), *longer;

	top_page_make(&l, v, m);
	check_lines(&l, v);
	for (size_t i = 0; i < l.n; i++) {
		longer = mem_printf("%s%s\n", all, l.v[i].text);
		free(all);
		all = longer;
	}
	top_text_done(&l);
	return all;
}

static void
expect(const struct top_model *m, struct top_view *v, const char *part)
{
	char *all = page(m, v);

	if (strstr(all, part) == NULL)
		fail_msg("\"%s\" is not in\n%s", part, all);
	free(all);
}

static void
expect_not(const struct top_model *m, struct top_view *v, const char *part)
{
	char *all = page(m, v);

	if (strstr(all, part) != NULL)
		fail_msg("\"%s\" is in\n%s", part, all);
	free(all);
}

static struct top_view
view_of(size_t width, size_t height)
{
	return (struct top_view){
		.width = width, .height = height, .is_utf8 = true
	};
}

/* --- tests -------------------------------------------------------------------
 */

static void
what_the_document_says_is_on_the_screen(void **state)
{
	static const char *const want[] = {
		"12:31:07Z postern 1.2.3, pid 4711, up 1m: accepts mail\n",
		"queue   1234 queued (4.9K, oldest 3m), 2 held, 3 in doubt, "
		"4 dead\n",
		"in          5.0/s       60 last minute      5 sessions ",
		"out         2.5/s       61 last minute      6 in hand ",
		"times   P50 10 ms, P95 20 ms, P99 30 ms; CPU 0.0%, RSS 12M\n",
		"spool   64K used, 1.0G free; commits P50 1.2 ms, P99 9.5 ms\n",
		"[1 providers]  2 queue   3 alerts (1)   4 limits  \n",
		"PROVIDER         STATE     LEVEL        FOR SESS WAITING  "
		"OUT/S DELIVERED    P95\n",
		"ses              ok        normal        5s    3      21    "
		"2.5        15   95ms\n",
		"backup           open      normal        5s    3     301    "
		"0.0         0   95ms\n",
	};
	struct top_model m = { 0 };
	struct top_view v = view_of(80, 24);

	(void)state;
	take(&m, usual(100, 10), 0);
	take(&m, usual(110, 15), 2000);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++)
		expect(&m, &v, want[i]);
	v.tab = TOP_TAB_QUEUE;
	expect(&m, &v,
	    "ses                   1       20        0       2        15       "
	    " "
	    "7       8");
	v.tab = TOP_TAB_ALERTS;
	expect(&m, &v, "provider backup: not used: auth\n    the provider ");
	expect(&m, &v, " console, and mend the file\n");
	v.tab = TOP_TAB_LIMITS;
	expect(&m, &v,
	    "provider/ses             1000 rcpt/1d          950     1000   95% "
	    "#############.");
	top_model_done(&m);
}

static void
every_size_has_whole_lines(void **state)
{
	static const size_t sizes[][2] = { { 80, 24 }, { 200, 50 }, { 120, 30 },
		{ 119, 30 }, { 40, 10 }, { 10, 3 }, { 1, 1 }, { 80, 0 },
		{ 200, 0 }, { 9999, 9 } };
	struct top_model m = { 0 };

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			struct top_view v = view_of(sizes[i][0], sizes[i][1]);

			v.is_utf8 = i % 2 == 0;
			for (int tab = 0; tab < TOP_TABS; tab++) {
				v.tab = (enum top_tab)tab;
				free(page(&m, &v));
			}
			v.mode = TOP_HELPING;
			free(page(&m, &v));
		}
		take(&m, usual(100, 10), 0); /* first there was nothing */
		take(&m, usual(110, 15), 2000);
	}
	top_model_done(&m);
}

static void
what_a_daemon_says_moves_no_cursor(void **state)
{
	struct top_view v = view_of(200, 24), plain = view_of(200, 24);
	struct top_model m = { 0 };
	json_t *doc = document(1, 1);

	(void)state;
	plain.is_utf8 = false;
	/* ESC, a line end, CSI as C1, right-to-left, two columns wide, none */
	add(doc, "providers",
	    provider("\033[2Ja\nb\xc2\x9b"
	             "c\xe2\x80\xae"
	             "d\xe6\xbc\xa2"
	             "e\xcc\x81"
	             "f\xc3\xbc",
	        "ok", 0, 0));
	take(&m, doc, 0);
	expect(&m, &v, "\\x1b[2Ja\\x0ab");
	expect(&m, &v, "d?e?f\xc3\xbc");
	expect(&m, &plain, "d?e?f?");
	top_model_done(&m);
}

static void
rates_are_between_documents(void **state)
{
	struct top_view v = view_of(80, 24);
	struct top_model m = { 0 };
	json_t *doc;

	(void)state;
	take(&m, usual(100, 10), 5000);
	expect(&m, &v, "in            -/s");
	assert_true(top_model_rate(&m, "ses") < 0);
	assert_int_equal((int)m.cpu, 2); /* of all its time */
	take(&m, usual(104, 40), 7000);
	expect(&m, &v, "in          2.0/s");
	assert_int_equal((int)top_model_rate(&m, "ses"), 15);
	doc = usual(0, 0); /* another daemon counts from 0 */
	json_object_set_new(doc, "started_ms", json_integer(2000));
	take(&m, doc, 9000);
	expect(&m, &v, "in            -/s");
	assert_string_equal(change(&m, 0), "the daemon was started anew");
	assert_int_equal(m.npast, 1);
	for (uint64_t i = 0; i < 2 * TOP_MODEL_PAST; i++) {
		doc = usual((int)i, 0);
		json_object_set_new(doc, "started_ms", json_integer(2000));
		take(&m, doc, 10000 + i * 1000);
	}
	assert_int_equal(m.npast, TOP_MODEL_PAST);
	assert_int_equal((int)m.in_past[0], 1);
	top_model_done(&m);
}

static void
a_daemon_goes_away_and_comes_back(void **state)
{
	struct top_view v = view_of(80, 24);
	struct top_model m = { 0 };

	(void)state;
	take(&m, usual(1, 1), 1000);
	lose(&m, 2000);
	lose(&m, 4000);
	expect(&m, &v, "NO ANSWER since 12:31:07Z");
	expect(&m, &v, "control.sock: Connection refused\n");
	expect(&m, &v, "queue   1234 queued"); /* what was known stays */
	assert_string_equal(
	    change(&m, 0), "no answer: control.sock: Connection refused");
	assert_int_equal(json_array_size(m.changes), 1);
	take(&m, usual(2, 1), 6000);
	expect(&m, &v, "accepts mail");
	assert_string_equal(change(&m, 0), "the daemon answers again");
	top_model_done(&m);
}

static void
changes_are_told(void **state)
{
	struct top_view v = view_of(80, 24);
	struct top_model m = { 0 };
	json_t *doc = usual(1, 1), *ses;

	(void)state;
	take(&m, usual(1, 1), 1000);
	v.tab = TOP_TAB_ALERTS;
	expect(&m, &v, "CHANGES since top looks\nnone\n");
	ses = json_array_get(json_object_get(doc, "providers"), 0);
	json_object_set_new(ses, "state", json_string("open"));
	json_object_set_new(ses, "level", json_string("slowed"));
	json_object_set_new(ses, "level_why", json_string("rate"));
	json_array_remove(json_object_get(doc, "providers"), 2);
	add(doc, "providers", provider("new", "ok", 0, 0));
	json_object_set_new(doc, "accepts", json_false());
	json_object_set_new(doc, "why", json_string("the spool is full"));
	take(&m, doc, 2000);
	assert_string_equal(change(&m, 4), "ses: ok -> open (net)");
	assert_string_equal(
	    change(&m, 3), "ses: level normal -> slowed (rate)");
	assert_string_equal(change(&m, 2), "new: is new");
	assert_string_equal(change(&m, 1), "alpha: is gone");
	assert_string_equal(
	    change(&m, 0), "mail is refused: the spool is full");
	expect(&m, &v, "REFUSES MAIL: the spool is full\n");
	expect(&m, &v, "12:31:07Z ses: ok -> open (net)\n");
	for (uint64_t i = 0; i <= TOP_MODEL_CHANGES; i++) {
		doc = document(1, 1);
		json_object_set_new(doc, "started_ms", json_integer((int)i));
		take(&m, doc, 3000 + i);
	}
	assert_int_equal(json_array_size(m.changes), TOP_MODEL_CHANGES);
	top_model_done(&m);
}

static void
trouble_is_told(void **state)
{
	struct top_view v = view_of(80, 24), low = view_of(80, 15),
	                wide = view_of(200, 15);
	struct top_model m = { 0 };
	json_t *doc = usual(1, 1);

	(void)state;
	take(&m, usual(1, 1), 1000);
	json_object_set_new(
	    json_array_get(json_object_get(doc, "providers"), 0), "trouble",
	    trouble(45000000, 421, "slow \033[7m down"));
	json_object_set_new(
	    json_array_get(json_object_get(doc, "providers"), 1), "trouble",
	    trouble(45001000, 0, "connection refused"));
	take(&m, json_incref(doc), 2000);
	take(&m, doc, 3000); /* the same ones */
	assert_int_equal(json_array_size(m.changes), 2);
	expect(&m, &v, "ses: trouble 3s ago at dot: 421 4.7.0 slow \\x1b[7m");
	expect_not(&m, &low, "trouble");
	expect(&m, &wide, " 3s ago at dot: connection refused");
	v.tab = TOP_TAB_ALERTS;
	expect(&m, &v,
	    "12:30:00Z ses: trouble at dot (throttle): 421 slow \\x1b[7m "
	    "down\n");
	expect(&m, &v,
	    "12:30:01Z backup: trouble at dot (throttle): connection "
	    "refused\n");
	top_model_done(&m);
}

static void
press(struct top_view *v, const struct top_model *m, const char *keys)
{
	for (; *keys != '\0'; keys++)
		assert_int_equal(top_view_key(v, m, *keys), TOP_NOTHING);
}

static void
nothing_is_done_that_is_not_meant(void **state)
{
	struct top_view v = view_of(80, 24);
	struct top_model m = { 0 };
	json_t *doc = usual(1, 1);

	(void)state;
	json_object_set_new(
	    json_array_get(json_object_get(doc, "providers"), 1), "paused",
	    json_object());
	take(&m, doc, 1000);
	press(&v, &m, "p");
	expect(&m, &v, "leave ses alone until it is resumed? y: yes, else no");
	press(&v, &m, "n");
	expect(&m, &v, "nothing was done");
	press(&v, &m, "pY"); /* a capital is no yes */
	press(&v, &m, "p");
	assert_int_equal(top_view_key(&v, &m, 'y'), TOP_PAUSE);
	assert_string_equal(v.chosen, "ses");
	press(&v, &m, "jp"); /* the second is paused */
	expect(&m, &v, "have backup asked again?");
	assert_int_equal(top_view_key(&v, &m, 'y'), TOP_RESUME);
	assert_string_equal(v.chosen, "backup");
	press(&v, &m, "r");
	expect(&m, &v, "try all now that waits after backup?");
	assert_int_equal(top_view_key(&v, &m, 'y'), TOP_RETRY);
	press(&v, &m, "y"); /* alone it means nothing */
	press(&v, &m, "4p");
	expect(&m, &v, "choose a provider first");
	press(&v, &m, "1/zzz\np");
	expect(&m, &v, "there is no provider here");
	press(&v, &m, "?");
	expect(&m, &v, "any key leads back");
	press(&v, &m, "x");
	assert_int_equal(top_view_key(&v, &m, ' '), TOP_LOOK_NOW);
	assert_int_equal(top_view_key(&v, &m, 'q'), TOP_QUIT);
	top_model_done(&m);
}

/* The names in the order in which they are shown. */
static void
expect_order(const struct top_model *m, const struct top_view *v,
    const char *want, const char *chosen)
{
	struct top_view_list l;
	char got[64] = "";

	top_view_list(&l, v, m);
	for (size_t i = 0; i < l.n; i++) {
		strcat(got, i > 0 ? " " : "");
		strcat(got,
		    json_string_value(json_object_get(l.v[i].row, "name")));
	}
	assert_string_equal(got, want);
	assert_string_equal(
	    json_string_value(json_object_get(l.v[l.chosen].row, "name")),
	    chosen);
	top_view_list_done(&l);
}

static void
providers_are_sorted_filtered_and_chosen(void **state)
{
	struct top_view v = view_of(80, 24);
	struct top_model m = { 0 };

	(void)state;
	take(&m, usual(1, 1), 1000);
	take(&m, usual(1, 9), 2000);
	expect_order(&m, &v, "ses backup alpha", "ses");
	press(&v, &m, "jj");
	expect_order(&m, &v, "ses backup alpha", "alpha");
	press(&v, &m, "j"); /* the last one */
	press(&v, &m, "s");
	expect_order(&m, &v, "alpha backup ses", "alpha");
	expect(&m, &v, " by name");
	press(&v, &m, "s");
	expect_order(&m, &v, "backup ses alpha", "alpha"); /* by state */
	press(&v, &m, "s");
	expect_order(&m, &v, "backup ses alpha", "alpha"); /* by waiting */
	press(&v, &m, "s");
	expect_order(&m, &v, "ses backup alpha", "alpha"); /* by rate */
	press(&v, &m, "s/A");
	assert_int_equal(top_view_key(&v, &m, TOP_KEY_BACK), TOP_NOTHING);
	press(&v, &m, "Ack");
	expect(&m, &v, "names with: Ack_");
	press(&v, &m, "\n");
	expect_order(&m, &v, "backup", "backup");
	expect_not(&m, &v, "alpha  ");
	press(&v, &m, "\033");
	expect_order(&m, &v, "ses backup alpha", "alpha");
	press(&v, &m, "/");
	for (int i = 0; i < 2 * TOP_VIEW_FILTER; i++)
		press(&v, &m, "x");
	assert_int_equal(strlen(v.filter), TOP_VIEW_FILTER - 1);
	top_model_done(&m);
}

static void
what_is_chosen_is_in_view(void **state)
{
	struct top_view v = view_of(80, 12); /* room for titles and three */
	struct top_model m = { 0 };
	json_t *doc = document(1, 1);
	char name[16];

	(void)state;
	for (int i = 0; i < 20; i++) {
		(void)snprintf(name, sizeof name, "p%02d", i);
		add(doc, "providers", provider(name, "ok", 0, 0));
		add(doc, "windows",
		    json_pack("{ss ss si si}", "owner", name, "window", "w",
		        "used", 0, "max", 1));
	}
	take(&m, doc, 1000);
	expect(&m, &v, "p02 ");
	expect_not(&m, &v, "p03 ");
	for (int i = 0; i < 12; i++)
		press(&v, &m, "j");
	expect(&m, &v, "PROVIDER ");
	expect(&m, &v, "p12 ");
	expect_not(&m, &v, "p13 ");
	/* without a choice one scrolls, no further than there is something */
	press(&v, &m, "4");
	for (int i = 0; i < 100; i++)
		press(&v, &m, "j");
	expect(&m, &v, "p19 ");
	press(&v, &m, "k");
	expect_not(&m, &v, "p19 ");
	top_model_done(&m);
}

static void
a_spark_is_as_high_as_its_share(void **state)
{
	static const double v[] = { 9, 0, 3.5, 7 };
	struct top_lines l = { 0 };
	struct top_text t;

	(void)state;
	top_text_begin(&t, 5, false);
	top_text_add(&t, "a");
	top_text_spark(&t, v + 1, 3);
	top_text_end(&t, &l, TOP_PLAIN);
	top_text_begin(&t, 3, true);
	top_text_spark(&t, v, 4); /* the oldest has no room */
	top_text_end(&t, &l, TOP_PLAIN);
	top_text_begin(&t, 5, true);
	top_text_spark(&t, v, 0);
	top_text_end(&t, &l, TOP_PLAIN);
	assert_string_equal(l.v[0].text, "a _-#");
	assert_string_equal(
	    l.v[1].text, "\xe2\x96\x81\xe2\x96\x84\xe2\x96\x88");
	assert_string_equal(l.v[2].text, "");
	top_text_done(&l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_the_document_says_is_on_the_screen),
		cmocka_unit_test(every_size_has_whole_lines),
		cmocka_unit_test(what_a_daemon_says_moves_no_cursor),
		cmocka_unit_test(rates_are_between_documents),
		cmocka_unit_test(a_daemon_goes_away_and_comes_back),
		cmocka_unit_test(changes_are_told),
		cmocka_unit_test(trouble_is_told),
		cmocka_unit_test(nothing_is_done_that_is_not_meant),
		cmocka_unit_test(providers_are_sorted_filtered_and_chosen),
		cmocka_unit_test(what_is_chosen_is_in_view),
		cmocka_unit_test(a_spark_is_as_high_as_its_share),
	};

	if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
		return 77; /* skipped: it says how wide a character is */
	return cmocka_run_group_tests(tests, NULL, NULL);
}

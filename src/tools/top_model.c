/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/top_model.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "tools/control_row.h"

void
top_model_done(struct top_model *m)
{
	json_decref(m->doc);
	json_decref(m->rates);
	json_decref(m->changes);
	*m = (struct top_model){ 0 };
}

/* --- changes -----------------------------------------------------------------
 */

/* Takes text. */
static void
note(struct top_model *m, int64_t wall_ms, char *text)
{
	if (m->changes == NULL)
		m->changes = json_array();
	json_array_insert_new(m->changes, 0,
	    json_pack("{sI ss}", "at_ms", (json_int_t)wall_ms, "text", text));
	if (json_array_size(m->changes) > TOP_MODEL_CHANGES)
		json_array_remove(m->changes, TOP_MODEL_CHANGES);
	free(text);
}

static const json_t *
provider_of(const json_t *doc, const char *name)
{
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(doc, "providers"), i, p)
	{
		if (strcmp(control_row_text(p, "name"), name) == 0)
			return p;
	}
	return NULL;
}

/* What one of its words was, and is. */
static void
note_word(struct top_model *m, const json_t *was, const json_t *is,
    const char *const keys[3])
{
	const char *from = control_row_text(was, keys[0]);
	const char *to = control_row_text(is, keys[0]);
	const char *why = control_row_text(is, keys[1]);

	if (strcmp(from, to) != 0)
		note(m, m->wall_ms,
		    mem_printf("%s: %s%s -> %s%s%s%s",
		        control_row_text(is, "name"), keys[2], from, to,
		        *why ? " (" : "", why, *why ? ")" : ""));
}

/* The last one that there was. */
static void
note_trouble(struct top_model *m, const json_t *was, const json_t *is)
{
	const json_t *of = json_object_get(is, "trouble");
	int64_t at_ms = control_row_number(of, "at_ms");
	int64_t before_ms =
	    control_row_number(json_object_get(was, "trouble"), "at_ms");
	char code[24] = "";

	if (at_ms == before_ms)
		return;
	if (control_row_number(of, "code") > 0)
		(void)snprintf(code, sizeof code, "%" PRId64 " ",
		    control_row_number(of, "code"));
	note(m, at_ms,
	    mem_printf("%s: trouble at %s (%s): %s%s",
	        control_row_text(is, "name"), control_row_text(of, "stage"),
	        control_row_text(of, "class"), code,
	        control_row_text(of, "text")));
}

static void
note_providers(struct top_model *m, const json_t *old, const json_t *doc)
{
	static const char *const state[] = { "state", "why", "" };
	static const char *const level[] = { "level", "level_why", "level " };
	const json_t *p;
	size_t i;

	json_array_foreach(json_object_get(doc, "providers"), i, p)
	{
		const char *name = control_row_text(p, "name");
		const json_t *was = provider_of(old, name);

		if (was == NULL) {
			note(m, m->wall_ms, mem_printf("%s: is new", name));
			continue;
		}
		note_trouble(m, was, p);
		note_word(m, was, p, state);
		note_word(m, was, p, level);
	}
	json_array_foreach(json_object_get(old, "providers"), i, p)
	{
		const char *name = control_row_text(p, "name");

		if (provider_of(doc, name) == NULL)
			note(m, m->wall_ms, mem_printf("%s: is gone", name));
	}
}

static void
note_door(struct top_model *m, const json_t *old, const json_t *doc)
{
	const char *was = control_row_text(old, "why");
	const char *is = control_row_text(doc, "why");

	if (strcmp(was, is) == 0)
		return;
	note(m, m->wall_ms,
	    *is != '\0' ? mem_printf("mail is refused: %s", is)
	                : mem_str("mail is accepted again"));
}

/* --- figures -----------------------------------------------------------------
 */

static int64_t
received(const json_t *doc)
{
	return control_row_number(json_object_get(doc, "in"), "messages");
}

/* Of a provider, or of all. */
static int64_t
delivered(const json_t *of)
{
	return control_row_number(json_object_get(of, "results"), "delivered");
}

/* Below 0: the daemon does not tell. */
static double
cpu_s(const json_t *doc)
{
	const json_t *s =
	    json_object_get(json_object_get(doc, "process"), "cpu_s");

	return s != NULL ? json_number_value(s) : -1;
}

/* Per cent of a core. */
static double
load(double was_s, double is_s, double seconds)
{
	return is_s >= was_s && was_s >= 0 && seconds > 0
	           ? (is_s - was_s) * 100 / seconds
	           : -1;
}

/* A counter that went back is another daemon's, or another provider's. */
static double
pace(int64_t was, int64_t is, double seconds)
{
	return is > was ? (double)(is - was) / seconds : 0;
}

static void
keep(struct top_model *m)
{
	if (m->npast == TOP_MODEL_PAST) {
		m->npast--;
		memmove(m->in_past, m->in_past + 1,
		    (TOP_MODEL_PAST - 1) * sizeof *m->in_past);
		memmove(m->out_past, m->out_past + 1,
		    (TOP_MODEL_PAST - 1) * sizeof *m->out_past);
	}
	m->in_past[m->npast] = m->in;
	m->out_past[m->npast++] = m->out;
}

static void
compare(struct top_model *m, const json_t *doc, double seconds)
{
	const json_t *p;
	size_t i;

	m->in = pace(received(m->doc), received(doc), seconds);
	m->out = pace(delivered(json_object_get(m->doc, "out")),
	    delivered(json_object_get(doc, "out")), seconds);
	m->cpu = load(cpu_s(m->doc), cpu_s(doc), seconds);
	m->rates = json_object();
	json_array_foreach(json_object_get(doc, "providers"), i, p)
	{
		const char *name = control_row_text(p, "name");
		const json_t *was = provider_of(m->doc, name);

		if (was != NULL)
			json_object_set_new(m->rates, name,
			    json_real(
			        pace(delivered(was), delivered(p), seconds)));
	}
	keep(m);
}

/* Nothing to compare with: what the daemon knows of all its time. */
static void
begin(struct top_model *m, const json_t *doc)
{
	m->in = m->out = -1;
	m->cpu =
	    load(0, cpu_s(doc), (double)control_row_number(doc, "uptime_s"));
}

void
top_model_take(
    struct top_model *m, json_t *doc, const struct top_model_time *now)
{
	bool is_same =
	    m->doc != NULL && control_row_number(m->doc, "started_ms") ==
	                          control_row_number(doc, "started_ms");
	uint64_t past_ms =
	    now->mono_ms > m->at_ms ? now->mono_ms - m->at_ms : 1;

	json_decref(m->rates);
	m->rates = NULL;
	m->wall_ms = now->wall_ms;
	if (m->lost_ms != 0)
		note(m, now->wall_ms, mem_str("the daemon answers again"));
	m->lost_ms = 0;
	if (is_same) {
		compare(m, doc, (double)past_ms / 1000);
		note_providers(m, m->doc, doc);
		note_door(m, m->doc, doc);
	} else {
		if (m->doc != NULL)
			note(m, now->wall_ms,
			    mem_str("the daemon was started anew"));
		begin(m, doc);
	}
	json_decref(m->doc);
	m->doc = json_incref(doc);
	m->at_ms = now->mono_ms;
}

void
top_model_lose(
    struct top_model *m, const char *why, const struct top_model_time *now)
{
	if (m->lost_ms == 0) {
		m->lost_ms = now->wall_ms;
		note(m, now->wall_ms, mem_printf("no answer: %s", why));
	}
	(void)snprintf(m->lost, sizeof m->lost, "%s", why);
}

double
top_model_rate(const struct top_model *m, const char *provider)
{
	const json_t *rate = json_object_get(m->rates, provider);

	return rate != NULL ? json_number_value(rate) : -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/letter_json.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/id.h"
#include "postern/base/mem.h"

#include "admin/filter.h"
#include "admin/letter_words.h"

static json_t *
text_json(const char *text)
{
	json_t *j = json_string(text);
	char *plain, *p;

	if (j != NULL)
		return j;
	plain = mem_str(text);
	for (p = plain; *p != '\0'; p++) {
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	}
	j = json_string(plain);
	free(plain);
	return j;
}

static void
put_text(json_t *j, const char *key, const char *text)
{
	if (text != NULL && *text != '\0')
		json_object_set_new(j, key, text_json(text));
}

static void
put_number(json_t *j, const char *key, int64_t value)
{
	json_object_set_new(j, key, json_integer((json_int_t)value));
}

static void
put_if(json_t *j, const char *key, int64_t value)
{
	if (value != 0)
		put_number(j, key, value);
}

static void
put_id(json_t *j, const char *key, uint64_t mid)
{
	char id[ID_TEXT];

	id_text(mid, id);
	json_object_set_new(j, key, json_string(id));
}

/* Those that are set; the key is left out where none is. */
static void
put_flags(
    json_t *j, const char *key, const struct letter_word *words, unsigned value)
{
	json_t *all;

	if (value == 0)
		return;
	all = json_array();
	for (; words->word != NULL; words++) {
		if (value & words->value)
			json_array_append_new(all, json_string(words->word));
	}
	json_object_set_new(j, key, all);
}

static const char *
word_of(const struct letter_word *words, unsigned value)
{
	while (words->word != NULL && words->value != value)
		words++;
	return words->word;
}

/* --- parts -------------------------------------------------------------------
 */

static json_t *
rcpt_json(const struct envelope_rcpt *r)
{
	json_t *j = json_object();

	json_object_set_new(j, "address", text_json(r->address));
	put_number(j, "delivery", r->delivery);
	put_text(j, "state", word_of(letter_states, r->state));
	put_text(j, "orcpt", r->orcpt);
	put_flags(j, "notify", letter_notify, r->notify);
	put_if(j, "code", r->code);
	put_text(j, "enhanced", r->enhanced);
	put_text(j, "text", r->text);
	return j;
}

static json_t *
delivery_json(const struct spool_delivery *d, const struct spool_past *past,
    const char *route)
{
	struct spool_row row = { .state = past->is_dead ? SPOOL_ROW_DEAD
		                          : d->hold     ? SPOOL_ROW_HELD
		                                        : SPOOL_ROW_QUEUED };
	json_t *j = json_object();

	put_text(j, "state", filter_state(&row));
	if (row.state == SPOOL_ROW_HELD)
		put_text(j, "hold", spool_hold_word(d->hold));
	json_object_set_new(j, "route", text_json(route));
	put_text(j, "priority", filter_priority(d->priority));
	put_if(j, "lane", d->lane);
	put_number(j, past->is_dead ? "dead_ms" : "due_ms", d->due_ms);
	put_if(j, "attempts", past->attempts);
	put_text(j, "provider", past->provider);
	if (past->handed)
		json_object_set_new(j, "handed", json_true());
	put_text(j, "cause", past->cause);
	put_if(j, "code", past->code);
	put_text(j, "enhanced", past->enhanced);
	put_text(j, "text", past->text);
	return j;
}

static void
put_envelope(json_t *j, const struct envelope *e)
{
	put_id(j, "id", e->mid);
	if (e->parent != 0)
		put_id(j, "notice_of", e->parent);
	put_number(j, "arrival_ms", e->arrival_ms);
	put_number(j, "size", (int64_t)e->size);
	put_number(j, "crc32c", e->crc32c);
	put_flags(j, "flags", letter_flags, e->flags);
	put_if(j, "mt_priority", e->mt_priority);
	put_if(j, "release_ms", e->release_ms);
	put_if(j, "by_ms", e->by_ms);
	json_object_set_new(j, "sender", text_json(e->sender));
	put_text(j, "envid", e->envid);
	put_text(j, "client", e->client);
	put_text(j, "helo", e->helo);
	put_text(j, "listener", e->listener);
	put_text(j, "user", e->user);
	put_text(j, "message_id", e->message_id);
}

json_t *
letter_json(const struct spool_whole *w, letter_json_route_fn *route, void *arg)
{
	json_t *j = json_object(), *deliveries = json_array();
	json_t *rcpts = json_array();

	put_number(j, "postern_letter", LETTER_WORDS_VERSION);
	put_envelope(j, w->env);
	for (uint16_t n = 0; n < w->ndeliveries; n++)
		json_array_append_new(
		    deliveries, delivery_json(&w->at[n], &w->past[n],
		                    route(arg, w->at[n].route)));
	for (uint32_t i = 0; i < w->env->nrcpts; i++)
		json_array_append_new(rcpts, rcpt_json(&w->env->rcpts[i]));
	json_object_set_new(j, "deliveries", deliveries);
	json_object_set_new(j, "rcpts", rcpts);
	return j;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/queue_row.h"

#include "postern/base/id.h"
#include "postern/spool/spool.h"

#include "admin/control_call.h"
#include "admin/filter.h"
#include "admin/holdup.h"

static void
put_text(json_t *j, const char *key, struct str text)
{
	if (text.len > 0)
		json_object_set_new(j, key, control_call_str(text));
}

static void
put_number(json_t *j, const char *key, int64_t value)
{
	json_object_set_new(j, key, json_integer((json_int_t)value));
}

static json_t *
rcpt_json(const struct spool_row_rcpt *r)
{
	json_t *j = json_object();

	json_object_set_new(j, "address", control_call_str(r->address));
	if (r->code > 0)
		put_number(j, "code", r->code);
	put_text(j, "enhanced", r->enhanced);
	put_text(j, "text", r->text);
	return j;
}

static json_t *
rcpts_json(const struct spool_row *row, size_t max)
{
	json_t *all = json_array();

	for (size_t i = 0; i < row->nrcpts && i < max; i++)
		json_array_append_new(all, rcpt_json(&row->rcpts[i]));
	return all;
}

static void
put_times(json_t *j, const struct filter_subject *s)
{
	const struct spool_row *row = s->row;

	put_number(j, "arrival_ms", row->arrival_ms);
	put_number(j, "age_ms", s->now_ms - row->arrival_ms);
	if (row->state == SPOOL_ROW_DEAD) {
		put_number(j, "dead_ms", row->key.due_ms);
		put_number(j, "dead_for_ms", s->now_ms - row->key.due_ms);
	} else if (row->state == SPOOL_ROW_QUEUED) {
		put_number(j, "due_ms", row->key.due_ms);
		put_number(j, "due_in_ms", row->key.due_ms - s->now_ms);
	}
}

static void
put_holdup(json_t *j, const struct holdup_reason *r)
{
	if (r == NULL)
		return;
	json_object_set_new(j, "waits",
	    json_pack("{so ss so}", "provider", control_call_text(r->provider),
	        "state", r->state, "text", control_call_text(r->text)));
}

/* A notice tells of another message; what is handed is on another route than it
 * came by. */
static void
put_lineage(json_t *j, const struct spool_row *row)
{
	char id[ID_TEXT];

	if (row->parent != 0) {
		id_text(row->parent, id);
		json_object_set_new(j, "notice_of", json_string(id));
	}
	if (row->handed)
		json_object_set_new(j, "handed", json_true());
}

/* Of one whose record cannot be read nothing else is known. */
static void
put_rest(json_t *j, const struct filter_subject *s, size_t rcpts_max)
{
	const struct spool_row *row = s->row;

	json_object_set_new(j, "route", control_call_text(s->route));
	put_text(j, "provider", row->provider);
	json_object_set_new(
	    j, "priority", json_string(filter_priority(row->key.priority)));
	put_number(j, "lane", row->key.lane);
	put_number(j, "attempts", row->attempts);
	put_number(j, "size", (int64_t)row->size);
	put_times(j, s);
	put_holdup(j, s->holdup);
	json_object_set_new(j, "sender", control_call_str(row->sender));
	put_text(j, "client", row->client);
	put_text(j, "listener", row->listener);
	put_text(j, "user", row->user);
	put_text(j, "message_id", row->message_id);
	put_lineage(j, row);
	put_number(j, "nrcpts", (int64_t)row->nrcpts);
	json_object_set_new(j, "rcpts", rcpts_json(row, rcpts_max));
}

json_t *
queue_row_json(const struct filter_subject *s, size_t rcpts_max)
{
	const struct spool_row *row = s->row;
	struct str cause = row->cause;
	json_t *j = json_object();
	char id[ID_TEXT];

	id_text(row->key.mid, id);
	json_object_set_new(j, "id", json_string(id));
	put_number(j, "n", row->key.n);
	json_object_set_new(j, "state", json_string(filter_state(row)));
	put_text(j, "cause", cause.len > 0 ? cause : str_of(filter_cause(row)));
	if (row->state != SPOOL_ROW_DAMAGED)
		put_rest(j, s, rcpts_max);
	return j;
}

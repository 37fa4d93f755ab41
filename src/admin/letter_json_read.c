/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/letter_json_read - the way back.  The first mistake is kept, and what
 * is read after it does not matter.
 */
#include "postern/admin/letter_json.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/mail/address.h"
#include "postern/mail/xtext.h"

#include "admin/filter.h"
#include "admin/letter_words.h"

#define RCPTS_MAX 1000000u /* more than any listener takes */
#define DELIVERIES_MAX 65535u
#define TEXT_MAX 511u /* of a reply */

struct in {
	struct err *err;
	bool bad;
};

static void
refuse(struct in *in, const char *key, const char *what)
{
	if (!in->bad)
		err_set(in->err, ERR_FORMAT, "\"%s\" %s", key, what);
	in->bad = true;
}

/* --- values ------------------------------------------------------------------
 */

static bool
is_plain(const char *s)
{
	for (; *s != '\0'; s++) {
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return false;
	}
	return true;
}

/* NULL: it is not there. */
static const char *
get_text(struct in *in, const json_t *j, const char *key, size_t max)
{
	const json_t *v = json_object_get(j, key);
	const char *s = json_string_value(v);

	if (v == NULL)
		return NULL;
	if (s == NULL)
		refuse(in, key, "has to be a string");
	else if (strlen(s) > max)
		refuse(in, key, "is too long");
	else if (!is_plain(s))
		refuse(in, key, "holds a control character");
	return in->bad ? NULL : s;
}

static void
copy_text(struct in *in, const json_t *j, const char *key, char *to, size_t max)
{
	const char *s = get_text(in, j, key, max - 1);

	if (s != NULL)
		memcpy(to, s, strlen(s) + 1);
}

/* 0: it is not there. */
static int64_t
get_number(
    struct in *in, const json_t *j, const char *key, int64_t min, int64_t max)
{
	const json_t *v = json_object_get(j, key);
	int64_t n = json_integer_value(v);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || n < min || n > max)
		refuse(in, key, "is no number, or out of range");
	return in->bad ? 0 : n;
}

static uint64_t
get_id(struct in *in, const json_t *j, const char *key)
{
	const char *s = get_text(in, j, key, ID_TEXT);
	uint64_t mid = 0;

	if (s != NULL && id_parse(str_of(s), &mid) != 0)
		refuse(in, key, "is no message's id");
	return mid;
}

static const struct letter_word *
find_word(const struct letter_word *words, const char *s)
{
	for (; s != NULL && words->word != NULL; words++) {
		if (strcmp(words->word, s) == 0)
			return words;
	}
	return NULL;
}

static unsigned
get_flags(struct in *in, const json_t *j, const char *key,
    const struct letter_word *words)
{
	const json_t *all = json_object_get(j, key), *v;
	const struct letter_word *w;
	unsigned value = 0;
	size_t i;

	if (all != NULL && !json_is_array(all))
		refuse(in, key, "has to be an array of words");
	json_array_foreach(all, i, v)
	{
		w = find_word(words, json_string_value(v));
		if (w == NULL)
			refuse(in, key, "has a word that is none of them");
		else
			value |= w->value;
	}
	return value;
}

static void
check_address(struct in *in, const char *key, const char *s)
{
	struct address a;

	if (s == NULL)
		refuse(in, key, "is missing");
	else if (address_mailbox(&a, str_of(s), ADDRESS_UTF8 | ADDRESS_LOCAL) !=
	         ADDRESS_OK)
		refuse(in, key, "is no address");
}

/* --- a recipient -------------------------------------------------------------
 */

static const char *
get_orcpt(struct in *in, const json_t *j)
{
	const char *s = get_text(in, j, "orcpt", 1024);
	const char *semi = s != NULL ? strchr(s, ';') : NULL;

	if (s != NULL && (semi == NULL || strchr(s, ' ') != NULL))
		refuse(in, "orcpt", "is none");
	return s;
}

static void
read_rcpt(struct in *in, const json_t *j, uint16_t ndeliveries,
    struct envelope_rcpt *r)
{
	const char *state = get_text(in, j, "state", 16);
	const struct letter_word *w = find_word(letter_states, state);

	r->address = get_text(in, j, "address", ADDRESS_MAX);
	check_address(in, "address", r->address);
	r->delivery =
	    (uint16_t)get_number(in, j, "delivery", 0, ndeliveries - 1);
	if (w == NULL)
		refuse(in, "state", "of a recipient is none");
	else
		r->state = (enum envelope_rcpt_state)w->value;
	r->orcpt = get_orcpt(in, j);
	r->notify = (uint8_t)get_flags(in, j, "notify", letter_notify);
	r->code = (uint16_t)get_number(in, j, "code", 0, 999);
	r->enhanced = get_text(in, j, "enhanced", 11);
	r->text = get_text(in, j, "text", TEXT_MAX);
}

/* --- a delivery --------------------------------------------------------------
 */

static enum spool_hold
get_hold(struct in *in, const json_t *j)
{
	const char *s = get_text(in, j, "hold", 16);

	for (int i = SPOOL_HOLD_OPERATOR; s != NULL && i <= SPOOL_HOLD_DOUBT;
	     i++) {
		if (strcmp(spool_hold_word((enum spool_hold)i), s) == 0)
			return (enum spool_hold)i;
	}
	refuse(in, "hold", "is no reason to hold mail");
	return SPOOL_HOLD_NONE;
}

static uint8_t
get_priority(struct in *in, const json_t *j)
{
	const char *s = get_text(in, j, "priority", 16);

	for (uint8_t i = 0; s != NULL && i < SPOOL_PRIORITIES; i++) {
		if (strcmp(filter_priority(i), s) == 0)
			return i;
	}
	refuse(
	    in, "priority", "is none; write \"high\", \"normal\" or \"low\"");
	return SPOOL_NORMAL;
}

static void
read_state(struct in *in, const json_t *j, struct spool_delivery *d,
    struct spool_past *past)
{
	const char *s = get_text(in, j, "state", 16);

	past->is_dead = s != NULL && strcmp(s, "dead") == 0;
	if (s == NULL)
		refuse(in, "state", "of a delivery is missing");
	else if (strcmp(s, "held") == 0)
		d->hold = get_hold(in, j);
	else if (!past->is_dead && strcmp(s, "queued") != 0)
		refuse(in, "state", "of a delivery is none");
}

static void
read_delivery(struct in *in, const json_t *j, struct letter_json *l, uint16_t n)
{
	struct spool_delivery *d = &l->whole.at[n];
	struct spool_past *past = &l->whole.past[n];

	read_state(in, j, d, past);
	copy_text(in, j, "route", l->route[n], sizeof l->route[n]);
	if (l->route[n][0] == '\0')
		refuse(in, "route", "of a delivery is missing");
	d->priority = get_priority(in, j);
	d->lane = (uint8_t)get_number(in, j, "lane", 0, UINT8_MAX);
	d->due_ms = get_number(
	    in, j, past->is_dead ? "dead_ms" : "due_ms", 0, INT64_MAX);
	d->why = SPOOL_ROUTE_GIVEN;
	past->attempts = (uint32_t)get_number(in, j, "attempts", 0, UINT32_MAX);
	past->handed = json_is_true(json_object_get(j, "handed"));
	copy_text(in, j, "provider", past->provider, sizeof past->provider);
	copy_text(in, j, "cause", past->cause, sizeof past->cause);
	past->code = (uint16_t)get_number(in, j, "code", 0, 999);
	copy_text(in, j, "enhanced", past->enhanced, sizeof past->enhanced);
	copy_text(in, j, "text", past->text, sizeof past->text);
}

/* --- a message ---------------------------------------------------------------
 */

static void
read_envelope(struct in *in, const json_t *j, struct envelope *e)
{
	*e = (struct envelope){ .mid = get_id(in, j, "id"),
		.parent = get_id(in, j, "notice_of"),
		.arrival_ms = get_number(in, j, "arrival_ms", 1, INT64_MAX),
		.size = (uint64_t)get_number(in, j, "size", 0, INT64_MAX),
		.crc32c = (uint32_t)get_number(in, j, "crc32c", 0, UINT32_MAX),
		.flags = get_flags(in, j, "flags", letter_flags),
		.mt_priority = (int8_t)get_number(in, j, "mt_priority", -9, 9),
		.release_ms = get_number(in, j, "release_ms", 0, INT64_MAX),
		.by_ms = get_number(in, j, "by_ms", 0, INT64_MAX),
		.sender = get_text(in, j, "sender", ADDRESS_MAX),
		.envid = get_text(in, j, "envid", 100),
		.client = get_text(in, j, "client", 255),
		.helo = get_text(in, j, "helo", 255),
		.listener = get_text(in, j, "listener", 255),
		.user = get_text(in, j, "user", 255),
		.message_id = get_text(in, j, "message_id", 255) };
	if (e->sender == NULL || *e->sender != '\0')
		check_address(in, "sender", e->sender);
	if (e->envid != NULL && !xtext_is_printable(str_of(e->envid)))
		refuse(in, "envid", "is none");
	if (e->mid == 0)
		refuse(in, "id", "is missing");
	if (e->arrival_ms == 0)
		refuse(in, "arrival_ms", "is missing");
}

static void
read_parts(struct in *in, const json_t *deliveries, const json_t *rcpts,
    struct letter_json *l, struct envelope_rcpt *to)
{
	const json_t *v;
	size_t i;

	json_array_foreach(deliveries, i, v)
	{
		read_delivery(in, v, l, (uint16_t)i);
	}
	json_array_foreach(rcpts, i, v)
	{
		read_rcpt(in, v, l->whole.ndeliveries, &to[i]);
	}
}

/* One that is for nobody could never be settled. */
static void
check_parts(struct in *in, const struct letter_json *l,
    const struct envelope_rcpt *rcpts, size_t nrcpts)
{
	bool *has = mem_array(l->whole.ndeliveries, sizeof *has);

	for (size_t i = 0; i < nrcpts && !in->bad; i++)
		has[rcpts[i].delivery] |= rcpts[i].state != ENVELOPE_DELIVERED;
	for (uint16_t n = 0; n < l->whole.ndeliveries; n++) {
		if (!has[n])
			refuse(in, "deliveries", "has one without recipients");
	}
	free(has);
}

static bool
is_version(const json_t *j)
{
	return json_integer_value(json_object_get(j, "postern_letter")) ==
	       LETTER_WORDS_VERSION;
}

int
letter_json_read(const json_t *j, struct letter_json *l, struct err *err)
{
	const json_t *deliveries = json_object_get(j, "deliveries");
	const json_t *rcpts = json_object_get(j, "rcpts");
	size_t nd = json_array_size(deliveries), nr = json_array_size(rcpts);
	struct in in = { .err = err };
	struct envelope_rcpt *to;
	struct envelope env;

	*l = (struct letter_json){ .route = NULL };
	if (!is_version(j))
		return err_set(err, ERR_FORMAT,
		    "\"postern_letter\" is not 1: it is no message of a spool, "
		    "or one of a newer version");
	if (nd == 0 || nd > DELIVERIES_MAX || nr == 0 || nr > RCPTS_MAX)
		return err_set(err, ERR_FORMAT,
		    "\"deliveries\" or \"rcpts\" is missing, or too long");
	l->whole.ndeliveries = (uint16_t)nd;
	l->whole.at = mem_array(nd, sizeof *l->whole.at);
	l->whole.past = mem_array(nd, sizeof *l->whole.past);
	l->route = mem_array(nd, sizeof *l->route);
	to = mem_array(nr, sizeof *to);
	read_envelope(&in, j, &env);
	read_parts(&in, deliveries, rcpts, l, to);
	check_parts(&in, l, to, nr);
	env.nrcpts = (uint32_t)nr;
	env.rcpts = to;
	if (!in.bad)
		l->whole.env = envelope_new(&env);
	free(to);
	if (in.bad)
		letter_json_done(l);
	return in.bad ? -1 : 0;
}

void
letter_json_done(struct letter_json *l)
{
	spool_whole_free(&l->whole);
	free(l->route);
	l->route = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/journal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "spool/keys.h"
#include "spool/record.h"
#include "spool/store.h"

enum {
	HAS_SENDER = 1 << 0,
	HAS_MESSAGE_ID = 1 << 1,
	HAS_PROVIDER_ID = 1 << 2,
	HAS_PROVIDER = 1 << 3,
	SAME_PROVIDER = 1 << 4,
	HAS_UID = 1 << 5,
	HAS_MORE = 1 << 6, /* flags of the second kind follow */
	HAS_ALL = (1 << 7) - 1,
};
enum {
	MORE_ROUTE = 1 << 0,
	MORE_CLIENT = 1 << 1,
	SAME_CLIENT = 1 << 2,
	MORE_CAUSE = 1 << 3,
	MORE_ENHANCED = 1 << 4,
	MORE_TEXT = 1 << 5,
	SAME_TEXT = 1 << 6,
	MORE_WIDE = 1 << 7, /* fingerprints have 4 bytes, not 2 */
};
#define WIDE 4
#define SHORT 2
#define EVENT_MAX 1024 /* bytes of a record: all texts, all recipients */
#define DROPS 8        /* values dropped beyond those that come, per commit */

void
journal_init(struct journal *j, size_t value_max)
{
	*j = (struct journal){ .value_max = value_max };
}

void
journal_done(struct journal *j)
{
	free(j->mem);
	free(j->len);
	journal_init(j, 0);
}

int
journal_load(struct journal *j, struct store_txn *x)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, x, STORE_JOURNAL))
		return -1;
	rc = store_last(&c);
	if (rc == 0 && keys_read_mid(c.k, &j->last))
		rc = store_damaged(x);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

/* --- making --- */

/* Which flag tells of a text: none, that it stands here, or that it is the one
 * of the event before. */
static unsigned
text_flag(const char *text, const char *before, unsigned has, unsigned same)
{
	if (text[0] == 0)
		return 0;
	return strcmp(text, before) == 0 ? same : has;
}

static unsigned
more_flags(const struct spool_event *e, const struct spool_event *before)
{
	return MORE_WIDE | (e->route ? MORE_ROUTE : 0u) |
	       (e->cause[0] ? MORE_CAUSE : 0u) |
	       (e->enhanced[0] ? MORE_ENHANCED : 0u) |
	       text_flag(e->client, before->client, MORE_CLIENT, SAME_CLIENT) |
	       text_flag(e->text, before->text, MORE_TEXT, SAME_TEXT);
}

static void
put_more(struct record_out *o, const struct spool_event *e, unsigned more)
{
	if (more & MORE_ROUTE) {
		record_num(o, e->route);
		record_u8(o, (uint8_t)e->why);
	}
	if (more & MORE_CLIENT)
		record_text(o, str_of(e->client));
	if (more & MORE_CAUSE)
		record_text(o, str_of(e->cause));
	if (more & MORE_ENHANCED)
		record_text(o, str_of(e->enhanced));
	if (more & MORE_TEXT)
		record_text(o, str_of(e->text));
}

static void
put_event(struct record_out *o, const struct spool_event *e,
    const struct spool_event *before)
{
	unsigned more = more_flags(e, before);
	unsigned what = (e->sender ? HAS_SENDER : 0u) |
	                (e->message_id ? HAS_MESSAGE_ID : 0u) |
	                (e->provider_id ? HAS_PROVIDER_ID : 0u) |
	                (e->by_operator ? HAS_UID : 0u) | HAS_MORE |
	                text_flag(e->provider, before->provider, HAS_PROVIDER,
	                    SAME_PROVIDER);

	record_u8(o, (uint8_t)e->kind);
	record_u8(o, (uint8_t)what);
	record_u8(o, (uint8_t)more);
	record_fixed(o, e->mid, 8);
	record_num(o, e->n);
	record_num(o, e->code);
	if (what & HAS_SENDER)
		record_fixed(o, e->sender, WIDE);
	if (what & HAS_MESSAGE_ID)
		record_fixed(o, e->message_id, WIDE);
	if (what & HAS_PROVIDER_ID)
		record_fixed(o, e->provider_id, WIDE);
	if (what & HAS_PROVIDER)
		record_text(o, str_of(e->provider));
	if (what & HAS_UID)
		record_num(o, e->uid);
	put_more(o, e, more);
	record_num(o, e->nrcpts);
	for (size_t i = 0; i < e->nrcpts; i++)
		record_fixed(o, e->rcpts[i], WIDE);
}

static void
new_value(struct journal *j, int64_t now_ms)
{
	struct record_out o;

	if (j->n == j->cap) {
		j->cap = j->cap ? 2 * j->cap : 4;
		j->mem = mem_resize(j->mem, j->cap * j->value_max);
		j->len = mem_resize(j->len, j->cap * sizeof *j->len);
	}
	record_begin(&o, j->mem + j->n * j->value_max, j->value_max);
	record_u8(&o, RECORD_VERSION);
	record_signed(&o, now_ms);
	j->len[j->n++] = o.n;
	j->before = (struct spool_event){ .at_ms = now_ms };
}

void
journal_add(struct journal *j, int64_t now_ms, const struct spool_event *e)
{
	unsigned char mem[EVENT_MAX];
	struct record_out o;

	assert(e->nrcpts <= SPOOL_EVENT_RCPTS);
	record_begin(&o, mem, sizeof mem);
	put_event(&o, e, &j->before);
	if (j->n == 0 || o.n > j->value_max - j->len[j->n - 1]) {
		new_value(j, now_ms);
		record_begin(&o, mem, sizeof mem);
		put_event(&o, e, &j->before);
	}
	assert(!o.full);
	memcpy(j->mem + (j->n - 1) * j->value_max + j->len[j->n - 1], mem, o.n);
	j->len[j->n - 1] += o.n;
	j->before = *e;
}

static int
drop_oldest(struct store_txn *x, size_t n, uint64_t max_pages)
{
	struct store_cursor c;
	int rc;

	if (store_cursor(&c, x, STORE_JOURNAL))
		return -1;
	rc = store_seek(&c, STR("\0"));
	while (rc == 0 && n-- && store_pages(x, STORE_JOURNAL) > max_pages)
		rc = store_del_next(&c);
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

int
journal_flush(
    struct journal *j, struct store_txn *x, uint64_t key, uint64_t max_pages)
{
	struct keys k;

	if (key <= j->last)
		key = j->last + 1;
	for (size_t i = 0; i < j->n; i++, key++) {
		j->flushed = key;
		keys_mid(&k, key);
		if (store_put(x, STORE_JOURNAL, keys_str(&k),
		        (struct str){
		            (char *)j->mem + i * j->value_max, j->len[i] }))
			return -1;
	}
	if (j->n && store_pages(x, STORE_JOURNAL) > max_pages)
		return drop_oldest(x, j->n + DROPS, max_pages);
	return 0;
}

void
journal_commit(struct journal *j)
{
	if (j->n)
		j->last = j->flushed;
	j->n = 0;
}

void
journal_abort(struct journal *j)
{
	j->n = 0;
}

/* --- reading --- */

static void
get_rcpts(struct record_in *in, struct spool_event *e, unsigned size)
{
	e->nrcpts = (uint16_t)record_get_num(in, SPOOL_EVENT_RCPTS);
	for (size_t i = 0; i < e->nrcpts; i++)
		e->rcpts[i] = (uint32_t)record_get_fixed(in, size);
}

static void
get_text(struct record_in *in, char *out, size_t size)
{
	struct str s = record_get_text(in);

	if (s.len >= size)
		in->bad = true;
	else if (s.len)
		memcpy(out, s.p, s.len);
}

static void
get_more(struct record_in *in, struct spool_event *e,
    const struct spool_event *before, uint8_t more)
{
	uint8_t why;

	if (more & MORE_ROUTE) {
		e->route = (uint32_t)record_get_num(in, UINT32_MAX);
		why = record_get_u8(in);
		in->bad |= why > SPOOL_ROUTE_DEFAULT;
		e->why = (enum spool_route_why)why;
	}
	if (more & SAME_CLIENT)
		memcpy(e->client, before->client, sizeof e->client);
	if (more & MORE_CLIENT)
		get_text(in, e->client, sizeof e->client);
	if (more & MORE_CAUSE)
		get_text(in, e->cause, sizeof e->cause);
	if (more & MORE_ENHANCED)
		get_text(in, e->enhanced, sizeof e->enhanced);
	if (more & SAME_TEXT)
		memcpy(e->text, before->text, sizeof e->text);
	if (more & MORE_TEXT)
		get_text(in, e->text, sizeof e->text);
}

static void
get_event(struct record_in *in, struct spool_event *e,
    const struct spool_event *before)
{
	uint8_t kind = record_get_u8(in), what = record_get_u8(in);
	uint8_t more = what & HAS_MORE ? record_get_u8(in) : 0;
	unsigned size = more & MORE_WIDE ? WIDE : SHORT;

	if (kind < SPOOL_EVENT_ACCEPTED || kind > SPOOL_EVENT_DOUBT ||
	    (what & ~HAS_ALL))
		in->bad = true;
	e->kind = (enum spool_event_kind)kind;
	e->is_short = size == SHORT;
	e->mid = record_get_fixed(in, 8);
	e->n = (uint16_t)record_get_num(in, UINT16_MAX);
	e->code = (uint16_t)record_get_num(in, UINT16_MAX);
	if (what & HAS_SENDER)
		e->sender = (uint32_t)record_get_fixed(in, size);
	if (what & HAS_MESSAGE_ID)
		e->message_id = (uint32_t)record_get_fixed(in, size);
	if (what & HAS_PROVIDER_ID)
		e->provider_id = (uint32_t)record_get_fixed(in, size);
	if (what & SAME_PROVIDER)
		memcpy(e->provider, before->provider, sizeof e->provider);
	if (what & HAS_PROVIDER)
		get_text(in, e->provider, sizeof e->provider);
	e->by_operator = (what & HAS_UID) != 0;
	if (e->by_operator)
		e->uid = (uint32_t)record_get_num(in, UINT32_MAX);
	get_more(in, e, before, more);
	get_rcpts(in, e, size);
}

int
journal_read(struct str v, struct spool_event *out, size_t max)
{
	static const struct spool_event none;
	struct record_in in = record_of(v);
	int64_t at;
	size_t n;

	if (record_get_u8(&in) != RECORD_VERSION)
		return -1;
	at = record_get_signed(&in);
	for (n = 0; n < max && in.n && !in.bad; n++) {
		out[n] = (struct spool_event){ .at_ms = at };
		get_event(&in, &out[n], n > 0 ? &out[n - 1] : &none);
	}
	return in.bad || in.n ? -1 : (int)n;
}

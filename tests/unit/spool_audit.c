/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_audit.h"

#include <string.h>

#include "postern/base/crc32c.h"
#include "postern/spool/body.h"
#include "postern/spool/spool.h"

#include "spool/counts.h"
#include "spool/journal.h"
#include "spool/keys.h"
#include "spool/letter.h"
#include "spool/reader.h"
#include "spool/record.h"

#define ROWS 256

struct recount {
	struct counts_row row[ROWS];
	size_t n;
};

struct auditor {
	struct spool_reader *r;
	struct audit *a;
	struct err *err;
	struct recount seen;
	struct spool_event events[SPOOL_JOURNAL_MIN];
};

#define BAD(...) err_set(t->err, ERR_STORE, __VA_ARGS__)

static struct counts_row *
row_of(struct auditor *t, uint32_t route, uint8_t priority, uint8_t class)
{
	struct counts_row *r = t->seen.row;

	for (; r < t->seen.row + t->seen.n; r++)
		if (r->route == route && r->priority == priority &&
		    r->class == class)
			return r;
	if (t->seen.n == ROWS)
		return NULL;
	t->seen.n++;
	*r = (struct counts_row){ .route = route,
		.priority = priority,
		.class = class };
	return r;
}

static int
count(
    struct auditor *t, const struct spool_key *k, uint8_t class, uint64_t bytes)
{
	struct counts_row *r = row_of(t, k->route, k->priority, class);

	if (!r)
		return BAD("too many routes for the audit");
	r->n++;
	r->bytes += bytes;
	return 0;
}

/* The delivery that a key speaks of stands in the place the key says. */
static int
check_key(struct auditor *t, const struct spool_key *key,
    enum record_place place, uint8_t class)
{
	struct record_delivery d;
	struct arena a = { NULL };
	struct letter l;
	int rc;

	letter_init(&l, &t->r->x, &a, key->mid);
	rc = letter_open(&l);
	if (rc == 0)
		rc = letter_delivery(&l, key->n, &d);
	if (rc)
		rc = BAD("a key of %llx has no delivery",
		    (unsigned long long)key->mid);
	else if (d.place != place ||
	         (place != RECORD_DEAD &&
	             (d.route != key->route || d.priority != key->priority ||
	                 d.lane != key->lane)) ||
	         d.due_ms != key->due_ms)
		rc = BAD("delivery %u of %llx is not where its key is",
		    (unsigned)key->n, (unsigned long long)key->mid);
	else
		rc = count(t,
		    &(struct spool_key){
		        .route = d.route, .priority = d.priority },
		    class, l.msg.size);
	arena_done(&a);
	return rc;
}

static int
see_sched(struct auditor *t, struct str k, struct str v)
{
	struct spool_key key;

	if (keys_read_sched(k, &key) || v.len)
		return BAD("a key of sched cannot be read");
	t->a->queued++;
	return check_key(t, &key, RECORD_SCHEDULED, COUNTS_QUEUED);
}

static int
see_park(struct auditor *t, struct str k, struct str v)
{
	struct spool_key key;
	uint8_t hold;

	if (keys_read_park(k, &hold, &key) || v.len || hold == 0)
		return BAD("a key of park cannot be read");
	if (hold == SPOOL_HOLD_DOUBT) {
		t->a->doubt++;
		return check_key(t, &key, RECORD_PARKED, COUNTS_DOUBT);
	}
	t->a->held++;
	return check_key(t, &key, RECORD_PARKED, COUNTS_HELD);
}

static int
see_dead(struct auditor *t, struct str k, struct str v)
{
	struct record_dead d;
	struct spool_key key = { .route = 0 };

	if (keys_read_dead(k, &key.due_ms, &key.mid, &key.n) ||
	    record_read_dead(v, &d))
		return BAD("a dead letter cannot be read");
	t->a->dead++;
	return check_key(t, &key, RECORD_DEAD, COUNTS_DEAD);
}

static int
check_content(struct auditor *t, struct letter *l)
{
	uint32_t crc = 0;
	struct keys k;
	struct str v;

	if (l->msg.inlined & RECORD_BODY_INLINE)
		crc = crc32c(0, l->msg.body.p, l->msg.body.len);
	for (uint32_t i = 0; i < letter_chunks(l); i++) {
		keys_body(&k, l->mid, i);
		if (store_get(&t->r->x, STORE_BODY, keys_str(&k), &v))
			return BAD("content of %llx is missing",
			    (unsigned long long)l->mid);
		crc = crc32c(crc, v.p, v.len);
	}
	if (crc != l->msg.crc32c)
		return BAD(
		    "content of %llx is damaged", (unsigned long long)l->mid);
	return 0;
}

/* Held in doubt are those that wait for nothing else. */
static int
check_doubt(struct auditor *t, const struct record_delivery *d,
    const struct letter_rcpts *r)
{
	bool held = d->place == RECORD_PARKED && d->hold == SPOOL_HOLD_DOUBT;
	size_t queued = 0, doubt = 0;

	for (size_t i = 0; i < r->n; i++) {
		queued += r->v[i].state == ENVELOPE_QUEUED;
		doubt += r->v[i].state == ENVELOPE_DOUBT;
	}
	if (d->place != RECORD_GONE &&
	    (held ? doubt == 0 || queued : doubt && !queued))
		return BAD("a delivery in doubt is not where it should be");
	return 0;
}

static int
check_deliveries(struct auditor *t, struct letter *l)
{
	uint32_t queued = 0, dead = 0, rcpts = 0;
	struct letter_rcpts r;
	struct record_delivery d;

	for (uint32_t n = 0; n < l->msg.deliveries; n++) {
		if (letter_delivery(l, (uint16_t)n, &d) ||
		    letter_rcpts(l, (uint16_t)n, &r))
			return BAD("a delivery of %llx cannot be read",
			    (unsigned long long)l->mid);
		queued += d.place <= RECORD_PARKED;
		dead += d.place == RECORD_DEAD;
		rcpts += (uint32_t)r.n;
		if (check_doubt(t, &d, &r))
			return -1;
	}
	if (queued != l->msg.queued || dead != l->msg.dead ||
	    rcpts != l->msg.nrcpts || queued + dead == 0)
		return BAD(
		    "the counts of %llx are wrong", (unsigned long long)l->mid);
	return 0;
}

static int
see_msg(struct auditor *t, struct str k, struct str v)
{
	struct arena a = { NULL };
	struct letter l;
	uint64_t mid;
	int rc;

	(void)v;
	if (keys_read_mid(k, &mid))
		return BAD("a key of msg cannot be read");
	t->a->messages++;
	letter_init(&l, &t->r->x, &a, mid);
	if (letter_open(&l))
		rc =
		    BAD("message %llx cannot be read", (unsigned long long)mid);
	else
		rc = check_deliveries(t, &l) || check_content(t, &l) ? -1 : 0;
	arena_done(&a);
	return rc;
}

/* Content has a message, or is staged, or on its way out. */
static int
see_body(struct auditor *t, struct str k, struct str v)
{
	uint32_t chunk;
	uint64_t mid;
	struct keys key;
	struct str u;

	if (keys_read_body(k, &mid, &chunk) || v.len == 0)
		return BAD("a key of body cannot be read");
	t->a->chunks++;
	keys_mid(&key, mid);
	if (store_get(&t->r->x, STORE_MSG, keys_str(&key), &u) &&
	    store_get(&t->r->x, STORE_STAGE, keys_str(&key), &u) &&
	    store_get(&t->r->x, STORE_GC, keys_str(&key), &u))
		return BAD("content of %llx belongs to nothing",
		    (unsigned long long)mid);
	return 0;
}

static int
see_dlv(struct auditor *t, struct str k, struct str v)
{
	struct record_delivery d;
	uint64_t mid;
	uint16_t n;
	struct keys key;
	struct str u;

	if (keys_read_dlv(k, &mid, &n) || n == 0 || record_read_delivery(v, &d))
		return BAD("a delivery cannot be read");
	keys_mid(&key, mid);
	if (store_get(&t->r->x, STORE_MSG, keys_str(&key), &u))
		return BAD("a delivery without its message");
	return 0;
}

static int
see_rcpt(struct auditor *t, struct str k, struct str v)
{
	uint64_t mid;
	uint32_t chunk;
	uint16_t n;
	struct keys key;
	struct str u;

	(void)v;
	if (keys_read_rcpt(k, &mid, &n, &chunk))
		return BAD("a key of rcpt cannot be read");
	keys_mid(&key, mid);
	if (store_get(&t->r->x, STORE_MSG, keys_str(&key), &u))
		return BAD("recipients without their message");
	return 0;
}

/* Who has none any more, or waits for an operator, has no entry. */
static int
see_timer(struct auditor *t, struct str k, struct str v)
{
	struct record_delivery d;
	struct record_msg m;
	struct keys key;
	int64_t by_ms;
	uint64_t mid;
	struct str u;
	uint16_t n;

	(void)v;
	if (keys_read_timer(k, &by_ms, &mid, &n))
		return BAD("a key of timer cannot be read");
	keys_mid(&key, mid);
	if (store_get(&t->r->x, STORE_MSG, keys_str(&key), &u) ||
	    record_read_msg(u, &m) || m.by_ms != by_ms)
		return BAD("a deadline without its message");
	d = m.first;
	keys_dlv(&key, mid, n);
	if (n > 0 && (store_get(&t->r->x, STORE_DLV, keys_str(&key), &u) ||
	                 record_read_delivery(u, &d)))
		return BAD("a deadline without its delivery");
	if (d.place > RECORD_PARKED ||
	    (d.place == RECORD_PARKED && d.hold == SPOOL_HOLD_OPERATOR))
		return BAD("a deadline of a delivery that has none");
	return 0;
}

static int
see_pair(struct auditor *t, struct str k, struct str v)
{
	uint64_t a, b, mid;

	if (keys_read_mid(k, &mid) || record_read_pair(v, &a, &b))
		return BAD("a record of stage or gc cannot be read");
	return 0;
}

static int
see_doubt(struct auditor *t, struct str k, struct str v)
{
	struct record_doubt d;
	struct keys key;
	uint64_t mid;
	uint16_t n;
	struct str u;

	if (keys_read_dlv(k, &mid, &n) || record_read_doubt(v, &d))
		return BAD("a record of doubt cannot be read");
	t->a->doubts++;
	keys_mid(&key, mid);
	if (store_get(&t->r->x, STORE_MSG, keys_str(&key), &u))
		return BAD("doubt about no message");
	return 0;
}

static int
see_stage(struct auditor *t, struct str k, struct str v)
{
	t->a->stages++;
	return see_pair(t, k, v);
}

static int
see_gc(struct auditor *t, struct str k, struct str v)
{
	t->a->gc++;
	return see_pair(t, k, v);
}

static int
see_journal(struct auditor *t, struct str k, struct str v)
{
	uint64_t key;

	if (keys_read_mid(k, &key) ||
	    journal_read(v, t->events, SPOOL_JOURNAL_MIN) < 0)
		return BAD("a value of the journal cannot be read");
	return 0;
}

static int
see_stat(struct auditor *t, struct str k, struct str v)
{
	uint8_t priority, class;
	struct counts_row *r;
	uint64_t n, bytes;
	uint32_t route;

	if (keys_read_stat(k, &route, &priority, &class) ||
	    record_read_pair(v, &n, &bytes))
		return BAD("a counter cannot be read");
	r = row_of(t, route, priority, class);
	if (!r || r->n != n || r->bytes != bytes)
		return BAD("route %u priority %u class %u: counted %llu/%llu, "
		           "there are %llu/%llu",
		    (unsigned)route, (unsigned)priority, (unsigned)class,
		    (unsigned long long)n, (unsigned long long)bytes,
		    (unsigned long long)(r ? r->n : 0),
		    (unsigned long long)(r ? r->bytes : 0));
	r->n = r->bytes = 0;
	return 0;
}

static int
see_any(struct auditor *t, struct str k, struct str v)
{
	(void)t;
	(void)k;
	(void)v;
	return 0;
}

typedef int see_fn(struct auditor *t, struct str k, struct str v);

static int
walk(struct auditor *t, enum store_table table, see_fn *see)
{
	struct store_cursor c;
	int rc = store_cursor(&c, &t->r->x, table);

	if (rc)
		return BAD("table %d cannot be read", (int)table);
	for (rc = store_seek(&c, STR("\0")); rc == 0; rc = store_next(&c)) {
		t->a->values++;
		if (c.v.len > store_value_max(t->r->x.st))
			rc = BAD("table %d has a value of %zu bytes",
			    (int)table, c.v.len);
		else
			rc = see(t, c.k, c.v);
		if (rc)
			break;
	}
	store_cursor_done(&c);
	return rc < 0 ? -1 : 0;
}

static int
walk_all(struct auditor *t)
{
	static see_fn *const see[STORE_TABLES] = {
		[STORE_MSG] = see_msg,
		[STORE_DLV] = see_dlv,
		[STORE_RCPT] = see_rcpt,
		[STORE_BODY] = see_body,
		[STORE_SCHED] = see_sched,
		[STORE_DEAD] = see_dead,
		[STORE_STAGE] = see_stage,
		[STORE_GC] = see_gc,
		[STORE_JOURNAL] = see_journal,
		[STORE_PARK] = see_park,
		[STORE_TIMER] = see_timer,
		[STORE_DOUBT] = see_doubt,
	};

	for (int i = 0; i < STORE_TABLES; i++)
		if (walk(t, (enum store_table)i, see[i] ? see[i] : see_any))
			return -1;
	if (walk(t, STORE_STAT, see_stat))
		return -1;
	for (size_t i = 0; i < t->seen.n; i++)
		if (t->seen.row[i].n)
			return BAD("deliveries of route %u are not counted",
			    (unsigned)t->seen.row[i].route);
	return 0;
}

int
audit_spool(struct spool *sp, struct audit *a, struct err *err)
{
	struct auditor t = { .r = reader_new(sp), .a = a, .err = err };
	int rc;

	*a = (struct audit){ 0 };
	rc = reader_begin(t.r) ? err_set(err, ERR_STORE, "cannot be read")
	                       : walk_all(&t);
	reader_end(t.r);
	reader_free(&t.r);
	return rc;
}

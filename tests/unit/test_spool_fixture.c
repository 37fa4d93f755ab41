/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A spool as version 1 of the format wrote it, kept in tests/fixtures: this
 * version opens it, reads every message of it and sends it off.
 *
 * SPOOL_FIXTURE_MAKE=DIR makes a new one in DIR/data.mdb instead (then:
 * gzip -9n).  An old one is never made again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "spool_audit.h"
#include "spool_kit.h"

#define FIRST (UINT64_C(1764000000000) << 20)

/* What is in it; the ids are FIRST and on. */
static const struct {
	const char *why;
	size_t bytes;
	uint32_t nrcpts;
	uint16_t ndeliveries;
	enum spool_hold hold;
	bool staged, deferred, dead;
} mails[] = {
	{ .why = "content in msg", .bytes = 900, .nrcpts = 1 },
	{ .why = "content in body", .bytes = 9000, .nrcpts = 3 },
	{ .why = "recipients in rcpt", .bytes = 100, .nrcpts = 200 },
	{ .why = "deliveries in dlv",
	    .bytes = 500,
	    .nrcpts = 9,
	    .ndeliveries = 3 },
	{ .why = "parked", .bytes = 300, .nrcpts = 1, .hold = SPOOL_HOLD_SIZE },
	{ .why = "staged", .bytes = 150000, .nrcpts = 1, .staged = true },
	{ .why = "deferred", .bytes = 700, .nrcpts = 4, .deferred = true },
	{ .why = "a dead letter", .bytes = 800, .nrcpts = 2, .dead = true },
};
#define MAILS (sizeof mails / sizeof mails[0])

static struct kit_message
message(size_t i)
{
	return (struct kit_message){ .mid = FIRST + i,
		.bytes = mails[i].bytes,
		.nrcpts = mails[i].nrcpts,
		.ndeliveries = mails[i].ndeliveries,
		.hold = mails[i].hold,
		.staged = mails[i].staged,
		.route = 2,
		.due_ms = 1764000000000 };
}

/* --- making --- */

static void
settle(struct kit *k, size_t i)
{
	struct spool_key key = kit_key(k, FIRST + i, 0);
	struct spool_settle *s = kit_settle_new(k, &key, mails[i].nrcpts);

	for (uint32_t r = 0; r < mails[i].nrcpts; r++) {
		s->results[r].state =
		    mails[i].dead ? ENVELOPE_DEAD : ENVELOPE_QUEUED;
		s->results[r].code = mails[i].dead ? 550 : 451;
		strcpy(
		    s->results[r].enhanced, mails[i].dead ? "5.1.1" : "4.7.1");
		strcpy(s->results[r].text, "as the provider said it");
	}
	s->next_due_ms = 1764000060000;
	s->keep_dead = true;
	s->cause = "refused";
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
}

static void
make(const char *dir)
{
	struct kit *k = mem_new(sizeof *k);
	struct kit_message m;
	struct spool_reserve *r = mem_new(sizeof *r);
	struct err err;
	uint32_t id;
	char *cmd;

	kit_init(k);
	kit_open(k);
	assert_int_equal(spool_route(k->sp, "default", &id, &err), 0);
	assert_int_equal(spool_route(k->sp, "news", &id, &err), 0);
	spool_health_put(k->sp, "ses", "closed", 6);
	for (size_t i = 0; i < MAILS; i++) {
		m = message(i);
		if (m.staged)
			kit_stage(k, m.mid, m.bytes, SPOOL_STAGE_MIN);
		assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
		if (mails[i].deferred || mails[i].dead)
			settle(k, i);
	}
	kit_op(k, &r->op);
	strcpy(r->owner, "ses");
	r->window_s = 86400;
	r->start_ms = 1764000000000;
	r->reserve = 500;
	r->spent = 120;
	spool_reserve(k->sp, r);
	kit_stage(k, FIRST + MAILS, 100000, SPOOL_STAGE_MIN); /* half */
	kit_wait(k);
	kit_audit(k);
	kit_close(k);
	cmd = mem_printf("cp '%s/data.mdb' '%s/data.mdb'", k->dir, dir);
	assert_int_equal(system(cmd), 0);
	free(cmd);
	kit_done(k);
	free(k);
}

/* --- reading --- */

static void
unpack(struct kit *k)
{
	const char *src = getenv("srcdir");
	char *cmd = mem_printf(
	    "gzip -dc '%s/tests/fixtures/spool-v1/data.mdb.gz' >'%s/data.mdb'",
	    src ? src : ".", k->dir);

	assert_int_equal(system(cmd), 0);
	free(cmd);
}

static void
check_content(struct kit *k, uint64_t mid, size_t bytes)
{
	char got[8192], want[8192];
	struct err err;
	uint64_t at = 0;
	int64_t n;

	while ((n = spool_content(k->r, mid, at, got, sizeof got, &err)) > 0) {
		kit_content(mid, at, want, (size_t)n);
		assert_memory_equal(got, want, (size_t)n);
		at += (uint64_t)n;
	}
	assert_int_equal(at, bytes);
}

static void
check_loaded(size_t i, const struct spool_loaded *l)
{
	const struct envelope *e = l->env;

	assert_int_equal(e->size, mails[i].bytes);
	assert_int_equal(e->nrcpts, mails[i].nrcpts);
	assert_string_equal(e->sender, "sender@example.com");
	assert_string_equal(e->client, "192.0.2.1");
	assert_string_equal(e->listener, "local");
	assert_string_equal(e->message_id, "<1@example.com>");
	assert_null(e->user);
	assert_string_equal(e->rcpts[0].address, "rcpt0@example.net");
	assert_int_equal(l->key.route, 2);
	assert_true(l->key.due_ms ==
	            (mails[i].deferred ? 1764000060000 : 1764000000000));
	if (!mails[i].deferred)
		return;
	assert_int_equal(l->attempts, 1);
	assert_string_equal(l->provider, "ses");
	assert_int_equal(e->rcpts[3].code, 451);
	assert_string_equal(e->rcpts[3].enhanced, "4.7.1");
	assert_string_equal(e->rcpts[3].text, "as the provider said it");
}

static void
check_mail(struct kit *k, size_t i)
{
	uint16_t n = mails[i].ndeliveries ? mails[i].ndeliveries : 1;
	struct spool_loaded l;
	struct err err;

	check_content(k, FIRST + i, mails[i].bytes);
	for (uint16_t d = 0; d < n && !mails[i].dead; d++) {
		if (spool_load(k->r, FIRST + i, d, &l, &err))
			fail_msg("%s: %s", mails[i].why, err.text);
		check_loaded(i, &l);
		envelope_free(&l.env);
	}
}

static void
check_rest(struct kit *k)
{
	struct spool_event ev[SPOOL_JOURNAL_MIN];
	struct spool_dead d[2];
	struct err err;
	uint64_t place = 0;
	uint32_t id = 0;
	char health[16];
	size_t n;

	assert_int_equal(spool_dead_page(k->r, NULL, d, 2), 1);
	assert_int_equal(d[0].code, 550);
	assert_string_equal(d[0].cause, "refused");
	assert_int_equal(spool_route(k->sp, "news", &id, &err), 0);
	assert_int_equal(id, 2);
	assert_int_equal(
	    spool_health_get(k->r, "ses", health, sizeof health, &n), 0);
	assert_int_equal(n, 6);
	assert_true(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN) > 10);
	assert_int_equal(ev[0].mid, FIRST);
	assert_true(ev[0].is_short);
	assert_true(spool_event_names(
	    &ev[0], spool_fingerprint(STR("Sender@example.com"))));
	assert_false(spool_event_names(
	    &ev[0], spool_fingerprint(STR("sender@example.org"))));
	assert_true(spool_mid(k->sp) > FIRST + MAILS);
}

static void
version_1_is_read_and_sent_off(void **state)
{
	struct kit *k = mem_new(sizeof *k);
	struct spool_stats st;
	struct audit a;
	struct err err;

	(void)state;
	kit_init(k);
	unpack(k);
	k->settings.dead_keep_ms = INT64_MAX;
	kit_open(k);
	kit_audit(k);
	for (size_t i = 0; i < MAILS; i++)
		check_mail(k, i);
	check_rest(k);
	for (size_t i = 0; i < MAILS; i++)
		for (uint16_t n = 0; n < 3; n++)
			(void)kit_deliver(k, FIRST + i, n);
	spool_stats(k->sp, &st);
	assert_int_equal(st.queued + st.held, 0);
	assert_int_equal(st.dead, 1);
	do /* what was half received goes by and by */
		assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	while (a.chunks || a.stages);
	kit_done(k);
	free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(version_1_is_read_and_sent_off),
	};

	if (getenv("SPOOL_FIXTURE_MAKE")) {
		make(getenv("SPOOL_FIXTURE_MAKE"));
		return 0;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}

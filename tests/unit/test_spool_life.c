/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of a spool: what may be opened and what not, what outlives a stop,
 * ids, routes, quota, health, journal, purge.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <lmdb.h>
#include <poll.h>
#include <pthread.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"

#include "spool/directory.h"
#include "spool/purge.h"
#include "spool/space.h"

#include "spool_audit.h"
#include "spool_kit.h"

/* --- what may be opened --- */

static void
refused(struct kit *k, enum err_kind kind, const char *word)
{
	struct err err = { 0 };

	assert_null(k->sp);
	assert_int_equal(spool_open(&k->sp, &k->settings, &err), -1);
	assert_null(k->sp);
	if (err.kind != kind || !strstr(err.text, word) ||
	    !strstr(err.text, k->settings.directory) || strchr(err.text, '\n'))
		fail_msg("kind %d, \"%s\" lacks \"%s\"", (int)err.kind,
		    err.text, word);
}

static void
put_file(const char *dir, const char *name, const char *content)
{
	char *path = mem_printf("%s/%s", dir, name);
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(content, f);
	fclose(f);
	free(path);
}

static size_t
count_files(const char *dir)
{
	char *cmd = mem_printf("ls -A '%s' | wc -l", dir);
	FILE *f = popen(cmd, "r");
	unsigned n = 0;

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%u", &n), 1);
	pclose(f);
	free(cmd);
	return n;
}

static void
a_missing_directory_says_how_to_make_it(void **state)
{
	struct kit *k = *state;
	char *path = mem_printf("%s/nowhere", k->dir);

	k->settings.directory = path;
	refused(k, ERR_CONFIG, "install -d -m 0700");
	put_file(k->dir, "file", "");
	free(path);
	path = mem_printf("%s/file", k->dir);
	k->settings.directory = path;
	refused(k, ERR_CONFIG, "Not a directory");
	k->settings.directory = k->dir;
	free(path);
}

static void
a_foreign_directory_is_not_touched(void **state)
{
	struct kit *k = *state;

	put_file(k->dir, "letter.txt", "mine");
	refused(k, ERR_STORE, "letter.txt");
	assert_int_equal(count_files(k->dir), 1);
}

static void
a_foreign_database_is_not_touched(void **state)
{
	struct kit *k = *state;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 4), 0);
	assert_int_equal(mdb_env_open(env, k->dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "theirs", MDB_CREATE, &dbi), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	refused(k, ERR_STORE, "not a spool");
	assert_int_equal(count_files(k->dir), 2);
	put_file(k->dir, "data.mdb", "not even a database");
	refused(k, ERR_STORE, "spool salvage");
}

static void
what_a_first_start_left_half_made_is_made(void **state)
{
	struct kit *k = *state;

	put_file(k->dir, ".lock", "");
	put_file(k->dir, "data.mdb", "");
	kit_open(k);
	kit_audit(k);
}

static void
a_spool_in_use_is_refused(void **state)
{
	struct kit *k = *state;
	struct spool *mine;

	kit_open(k);
	mine = k->sp;
	k->sp = NULL;
	refused(k, ERR_LOCKED, "in use");
	k->sp = mine;
	kit_reopen(k);
}

/* Changes a byte of cfg "spool" as another version would have written it. */
static void
change_cfg(const char *dir, size_t at, unsigned char to)
{
	MDB_val key = { 5, (char *)(uintptr_t) "spool" }, val;
	unsigned char copy[256];
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_maxdbs(env, 32), 0);
	assert_int_equal(mdb_env_open(env, dir, 0, 0600), 0);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, "cfg", 0, &dbi), 0);
	assert_int_equal(mdb_get(txn, dbi, &key, &val), 0);
	memcpy(copy, val.mv_data, val.mv_size);
	copy[at] = to;
	val.mv_data = copy;
	assert_int_equal(mdb_put(txn, dbi, &key, &val, 0), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
}

static uint64_t
last_txn(const char *dir)
{
	MDB_envinfo info;
	MDB_env *env;

	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_open(env, dir, MDB_RDONLY, 0600), 0);
	assert_int_equal(mdb_env_info(env, &info), 0);
	mdb_env_close(env);
	return info.me_last_txnid;
}

static void
another_format_is_refused_and_not_touched(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };
	uint64_t txn;

	kit_open(k);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_close(k);
	change_cfg(k->dir, 4, 2); /* u8 version, u32 format */
	txn = last_txn(k->dir);
	refused(k, ERR_STORE, "spool format 2");
	assert_int_equal(last_txn(k->dir), txn);
	change_cfg(k->dir, 4, 1);
	change_cfg(k->dir, 7, 0x20); /* the page: 4,096 becomes 8,192 */
	refused(k, ERR_STORE, "pages of 8192 bytes");
	change_cfg(k->dir, 0, 9);
	refused(k, ERR_STORE, "description cannot be read");
}

static void
the_drop_file_taken_last_is_known(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 100, .nrcpts = 1 };

	kit_open(k);
	assert_string_equal(spool_last_drop(k->sp), "");
	m.drop = "00112233445566778899aabbccddeeff";
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	m.drop = NULL; /* mail from elsewhere changes nothing */
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_reopen(k);
	assert_string_equal(
	    spool_last_drop(k->sp), "00112233445566778899aabbccddeeff");
	m.drop = "ff";
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_reopen(k);
	assert_string_equal(spool_last_drop(k->sp), "ff");
	kit_audit(k);
}

static void
modes_are_for_the_owner_alone(void **state)
{
	struct kit *k = *state;
	static const char *const files[] = { "data.mdb", "lock.mdb", ".lock",
		"flight", "ballast" };
	struct stat st;

	chmod(k->dir, 0755);
	k->settings.ballast = 4096;
	kit_open(k);
	assert_int_equal(stat(k->dir, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	for (size_t i = 0; i < 5; i++) {
		char *path = mem_printf("%s/%s", k->dir, files[i]);

		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
		free(path);
	}
	assert_int_equal(count_files(k->dir), 5);
	assert_true(spool_flush_us(k->sp) > 0);
}

static void
network_file_systems_have_names(void **state)
{
	(void)state;
	assert_string_equal(directory_unsafe_fs(0x6969), "NFS");
	assert_string_equal(
	    directory_unsafe_fs((unsigned long)(int)0xff534d42), "CIFS");
	assert_string_equal(directory_unsafe_fs(0x65735546), "FUSE");
	assert_null(directory_unsafe_fs(0xef53));     /* ext4 */
	assert_null(directory_unsafe_fs(0x01021994)); /* tmpfs */
}

static void
the_map_shrinks_until_it_fits(void **state)
{
	struct kit *k = *state;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct err err = { 0 };
		struct spool *sp;

		k->settings.map_max = UINT64_C(1) << 52; /* no such space */
		if (spool_open(&sp, &k->settings, &err)) {
			fprintf(stderr, "%s\n", err.text);
			_exit(1);
		}
		spool_close(&sp);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* --- ids --- */

static void *
draw(void *arg)
{
	struct kit *k = arg;
	uint64_t *mids = mem_array(10000, sizeof *mids);

	for (int i = 0; i < 10000; i++)
		mids[i] = spool_mid(k->sp);
	return mids;
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void
ids_are_never_drawn_twice(void **state)
{
	struct kit *k = *state;
	uint64_t *all = mem_array(40000, sizeof *all), highest;
	pthread_t t[4];
	void *mids;

	kit_open(k);
	for (int i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&t[i], NULL, draw, k), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], &mids);
		memcpy(all + 10000 * i, mids, 10000 * sizeof *all);
		for (int j = 1; j < 10000; j++) /* rising in each thread */
			assert_true(
			    all[10000 * i + j] > all[10000 * i + j - 1]);
		free(mids);
	}
	qsort(all, 40000, sizeof *all, by_value);
	for (int i = 1; i < 40000; i++)
		assert_int_not_equal(all[i], all[i - 1]);
	highest = all[39999];
	kit_reopen(k);
	assert_true(spool_mid(k->sp) > highest);
	free(all);
}

static void
an_id_from_the_future_is_not_gone_below(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };

	kit_open(k);
	m.mid = spool_mid(k->sp) + (UINT64_C(3600000) << 20);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	kit_reopen(k);
	assert_int_equal(spool_mid(k->sp), m.mid + 1);
	m.mid += 1000; /* and one that was half received */
	m.staged = true;
	kit_stage(k, m.mid, 70000, 65536);
	kit_wait(k);
	kit_reopen(k);
	assert_true(spool_mid(k->sp) > m.mid);
}

/* --- routes, quota, health --- */

static void
routes_keep_their_ids(void **state)
{
	struct kit *k = *state;
	uint32_t a, b, c;
	struct err err;
	char name[400];

	kit_open(k);
	assert_int_equal(spool_route(k->sp, "default", &a, &err), 0);
	assert_int_equal(spool_route(k->sp, "news", &b, &err), 0);
	assert_int_not_equal(a, b);
	kit_close(k);
	/* before the writer runs, too */
	assert_int_equal(spool_open(&k->sp, &k->settings, &err), 0);
	assert_int_equal(spool_route(k->sp, "news", &c, &err), 0);
	assert_int_equal(c, b);
	assert_int_equal(spool_route(k->sp, "more", &c, &err), 0);
	assert_true(c > b);
	spool_start(k->sp);
	assert_int_equal(spool_route(k->sp, "default", &c, &err), 0);
	assert_int_equal(c, a);
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = 0;
	assert_int_equal(spool_route(k->sp, name, &c, &err), -1);
	assert_non_null(strstr(err.text, "too long"));
	spool_stop(k->sp);
	assert_int_equal(spool_route(k->sp, "default", &c, &err), 0);
	spool_close(&k->sp);
}

static int64_t kept_now;

static void
on_reserved(struct spool_op *op, void *owner)
{
	struct kit *k = owner;

	kept_now = ((struct spool_reserve *)(void *)op)->reserved_now;
	if (--k->waiting == 0)
		loop_stop(k->loop);
	free(op);
}

static void
spend(struct kit *k, int64_t start_ms, int64_t spent)
{
	struct spool_reserve *r = mem_new(sizeof *r);

	kit_op(k, &r->op);
	strcpy(r->owner, "ses");
	r->window_s = 3600;
	r->start_ms = start_ms;
	r->spent = spent;
	spool_reserve(k->sp, r);
	kit_wait(k);
}

static int64_t
reserved_now(struct kit *k, int64_t start_ms, int64_t reserved)
{
	struct spool_reserve *r = mem_new(sizeof *r);

	kit_op(k, &r->op);
	r->op.done = on_reserved;
	strcpy(r->owner, "ses");
	r->window_s = 3600;
	r->start_ms = start_ms;
	r->reserve = reserved;
	spool_reserve(k->sp, r);
	kit_wait(k);
	return kept_now;
}

static void
allowances_add_up_and_old_windows_go(void **state)
{
	struct kit *k = *state;
	struct spool_quota q[8], none = { 0 };
	int64_t hour = 3600000;

	kit_open(k);
	assert_int_equal(reserved_now(k, 0, 5), 5);
	assert_int_equal(reserved_now(k, 0, 10), 15);
	assert_int_equal(reserved_now(k, 0, -4), 11);
	kit_reopen(k);
	assert_int_equal(reserved_now(k, 0, 0), 11);
	for (int64_t i = 1; i < 100; i++)
		spend(k, i * hour, i);
	assert_int_equal(spool_quotas(k->r, "ses", &none, q, 8), 4);
	assert_int_equal(q[0].reserved, 11); /* in use: it stays */
	assert_int_equal(q[1].start_ms, 97 * hour);
	assert_int_equal(q[1].spent, 97);
	assert_int_equal(q[3].spent, 99);
	assert_int_equal(reserved_now(k, 0, -11), 0);
	assert_int_equal(spool_quotas(k->r, "ses", &none, q, 8), 3);
	kit_audit(k);
}

static void
allowances_can_be_read(void **state)
{
	struct kit *k = *state;
	struct spool_quota q[4], none = { 0 };
	int64_t hour = 3600000;

	kit_open(k);
	for (int64_t i = 1; i <= 3; i++)
		assert_int_equal(reserved_now(k, i * hour, i), i);
	kit_reopen(k);
	assert_int_equal(spool_quotas(k->r, "ses", &none, q, 2), 2);
	assert_int_equal(q[0].start_ms, hour);
	assert_int_equal(q[1].reserved, 2);
	assert_int_equal(spool_quotas(k->r, "ses", &q[1], q, 4), 1);
	assert_int_equal(q[0].window_s, 3600);
	assert_int_equal(q[0].reserved, 3);
	assert_int_equal(q[0].spent, 0);
	assert_int_equal(spool_quotas(k->r, "se", &none, q, 4), 0);
	assert_int_equal(spool_quotas(k->r, "sesame", &none, q, 4), 0);
	/* one of nothing is no more */
	assert_int_equal(reserved_now(k, hour, -1), 0);
	assert_int_equal(spool_quotas(k->r, "ses", &none, q, 4), 2);
	kit_audit(k);
}

static void
health_rides_along_and_the_last_one_wins(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	char got[512];
	size_t n = 0;

	kit_open(k);
	spool_health_put(k->sp, "ses", "old", 3);
	spool_health_put(k->sp, "ses", "open 5s", 7);
	spool_health_put(k->sp, "backup", "fine", 4);
	assert_int_equal(kit_accept(k, &m, NULL), SPOOL_DONE);
	assert_int_equal(spool_health_get(k->r, "ses", got, sizeof got, &n), 0);
	assert_int_equal(n, 7);
	assert_memory_equal(got, "open 5s", 7);
	assert_int_equal(spool_health_get(k->r, "backup", got, 2, &n), 0);
	assert_int_equal(n, 2);
	assert_int_equal(
	    spool_health_get(k->r, "none", got, sizeof got, &n), -1);
	spool_health_put(k->sp, "ses", "at the stop", 11);
	kit_reopen(k);
	assert_int_equal(spool_health_get(k->r, "ses", got, sizeof got, &n), 0);
	assert_int_equal(n, 11);
}

static void
health_that_must_be_kept_does_not_wait(void **state)
{
	struct kit *k = *state;
	struct spool_stats st;
	char got[16];
	size_t n = 0;

	kit_open(k);
	spool_health_keep(k->sp, "ses", "bad login", 9);
	for (int t = 0; t < 1000; t++) {
		if (spool_health_get(k->r, "ses", got, sizeof got, &n) == 0)
			break;
		poll(NULL, 0, 10);
	}
	assert_int_equal(n, 9);
	spool_stats(k->sp, &st);
	assert_int_equal(st.operations, 0);
}

/* --- journal --- */

/* What is the same as in the event before stands there once; nothing else may
 * show in what is read. */
static void
events_tell_the_way_and_what_was_answered(void **state)
{
	struct kit *k = *state;
	struct kit_message m = {
		.bytes = 10, .nrcpts = 5, .ndeliveries = 2, .route = 7
	};
	struct spool_event *ev = mem_array(SPOOL_JOURNAL_MIN, sizeof *ev);
	uint64_t place = 0, mid;
	struct spool_settle *s;
	struct spool_key key;

	kit_open(k);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 2);
	for (uint16_t i = 0; i < 2; i++) {
		assert_int_equal(ev[i].n, i);
		assert_int_equal(ev[i].nrcpts, 3 - i);
		assert_int_equal(ev[i].why, SPOOL_ROUTE_GIVEN);
		assert_true(ev[i].client[0] != 0);
	}
	assert_int_equal(ev[0].route, 7);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 3);
	strcpy(s->provider, "ses");
	s->cause = "refused";
	s->keep_dead = true;
	for (uint32_t i = 0; i < 3; i++) {
		struct spool_rcpt_result *r = &s->results[i];

		r->index = 2 * i;
		r->state = i < 2 ? ENVELOPE_DELIVERED : ENVELOPE_DEAD;
		r->code = i < 2 ? 250 : 550;
		strcpy(r->enhanced, i == 0 ? "2.0.0" : i == 1 ? "" : "5.1.1");
		memset(r->text, 'x', sizeof r->text - 1);
	}
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 3);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ev[i].nrcpts, 1);
		assert_string_equal(ev[i].provider, "ses");
		assert_int_equal(strlen(ev[i].text), SPOOL_EVENT_TEXT - 1);
		assert_int_equal(ev[i].route, 0);
	}
	assert_string_equal(ev[0].enhanced, "2.0.0");
	assert_string_equal(ev[1].enhanced, "");
	assert_string_equal(ev[2].enhanced, "5.1.1");
	assert_string_equal(ev[1].cause, "");
	assert_string_equal(ev[2].cause, "refused");
	assert_int_equal(ev[2].kind, SPOOL_EVENT_DEAD);
	free(ev);
}

static void
events_can_be_read_page_by_page(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 100 };
	struct spool_event *ev = mem_array(SPOOL_JOURNAL_MIN, sizeof *ev);
	uint64_t place = 0, mid;
	size_t rcpts = 0;
	int n;

	kit_open(k);
	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	n = spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN);
	assert_int_equal(n, 4); /* 32 recipients each */
	for (int i = 0; i < n; i++) {
		assert_int_equal(ev[i].kind, SPOOL_EVENT_ACCEPTED);
		assert_int_equal(ev[i].mid, mid);
		assert_int_equal(
		    ev[i].sender, spool_fingerprint(STR("SENDER@example.com")));
		rcpts += ev[i].nrcpts;
	}
	assert_int_equal(rcpts, 100);
	assert_int_equal(
	    ev[1].rcpts[0], spool_fingerprint(STR("rcpt32@example.net")));
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 0);
	assert_int_equal(kit_deliver(k, mid, 0), SPOOL_DONE);
	n = spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN);
	assert_int_equal(n, 4);
	assert_int_equal(ev[3].kind, SPOOL_EVENT_DELIVERED);
	assert_string_equal(ev[3].provider, "ses");
	assert_int_equal(ev[3].code, 250);
	assert_in_range(ev[3].at_ms, clock_wall_ms() - 60000, clock_wall_ms());
	assert_int_equal(spool_fingerprint(STR("")), 0);
	place = UINT64_MAX;
	assert_int_equal(
	    spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN), 0);
	free(ev);
}

static void
the_journal_drops_its_oldest(void **state)
{
	struct kit *k = *state;
	struct kit_message m = { .bytes = 10, .nrcpts = 1 };
	struct spool_event *ev = mem_array(SPOOL_JOURNAL_MIN, sizeof *ev);
	uint64_t place, first = 0, last = 0;
	int n, all;

	k->settings.journal_max = 65536;
	kit_open(k);
	m.nrcpts = 300;
	for (int round = 0; round < 40; round++) {
		for (int i = 0; i < 10; i++)
			last = kit_send(k, &m);
		kit_wait(k);
	}
	place = 0;
	all = 0;
	while (
	    (n = spool_journal_page(k->r, &place, ev, SPOOL_JOURNAL_MIN)) > 0) {
		if (!all)
			first = ev[0].mid;
		all += n;
		if (ev[n - 1].mid == last)
			last = 0;
	}
	assert_int_equal(last, 0); /* the newest is there */
	assert_true(first != 0);
	/* 140 bytes an event; a commit of one message leaves most of its page
	 * empty */
	assert_in_range(all * 140, 15000, 65536);
	kit_audit(k);
	free(ev);
}

/* --- dead letters --- */

static uint64_t
die(struct kit *k, size_t bytes)
{
	struct kit_message m = { .bytes = bytes, .nrcpts = 1 };
	struct spool_settle *s;
	struct spool_key key;
	uint64_t mid;

	assert_int_equal(kit_accept(k, &m, &mid), SPOOL_DONE);
	key = kit_key(k, mid, 0);
	s = kit_settle_new(k, &key, 1);
	s->results[0].state = ENVELOPE_DEAD;
	s->keep_dead = true;
	assert_int_equal(kit_settle(k, s), SPOOL_DONE);
	return mid;
}

static void
wait_for_dead(struct kit *k, uint64_t n)
{
	struct spool_stats st;
	struct timespec ms = { 0, 5000000 };

	do {
		nanosleep(&ms, NULL); /* the writer ticks once a second */
		spool_stats(k->sp, &st);
	} while (st.dead != n);
}

static void
old_dead_letters_are_purged(void **state)
{
	struct kit *k = *state;
	struct audit a;
	struct err err;

	k->settings.dead_keep_ms = 1;
	kit_open(k);
	for (int i = 0; i < 100; i++)
		die(k, 2000);
	wait_for_dead(k, 0);
	assert_int_equal(audit_spool(k->sp, &a, &err), 0);
	assert_int_equal(a.messages, 0);
}

static void
the_oldest_dead_letters_go_beyond_the_size(void **state)
{
	struct kit *k = *state;
	struct spool_dead d[10];
	uint64_t mids[10];

	k->settings.dead_size_max = 35000;
	kit_open(k);
	for (int i = 0; i < 10; i++)
		mids[i] = die(k, 10000);
	wait_for_dead(k, 3);
	assert_int_equal(spool_dead_page(k->r, NULL, d, 10), 3);
	for (int i = 0; i < 3; i++)
		assert_int_equal(d[i].mid, mids[7 + i]);
	kit_audit(k);
}

static void
die_together(struct kit *k, size_t n)
{
	struct kit_message m = { .bytes = 50, .nrcpts = 1 };
	uint64_t *mids = mem_array(n, sizeof *mids);
	struct spool_settle *s;

	for (size_t i = 0; i < n; i++)
		mids[i] = kit_send(k, &m);
	kit_wait(k);
	for (size_t i = 0; i < n; i++) {
		s = kit_settle_new(
		    k, &(struct spool_key){ .priority = 1, .mid = mids[i] }, 1);
		s->results[0].state = ENVELOPE_DEAD;
		s->keep_dead = true;
		spool_settle(k->sp, s);
	}
	kit_wait(k);
	free(mids);
}

/* Far more than one page a tick could hold back. */
static void
a_flood_of_dead_letters_is_purged_as_it_comes(void **state)
{
	struct kit *k = *state;
	int64_t began = clock_wall_ms();
	struct spool_stats st;
	struct timespec ms = { 0, 5000000 };

	k->settings.dead_size_max = 50;
	kit_open(k);
	die_together(k, 50 * PURGE_PAGE);
	do {
		nanosleep(&ms, NULL);
		spool_stats(k->sp, &st);
		assert_true(clock_wall_ms() < began + 30000);
	} while (st.dead != 1);
	kit_audit(k);
}

/* --- room --- */

static const struct {
	const char *why;
	uint64_t total, min_free, ballast, want_free, want_ballast;
} disks[] = {
	{ "a big one: 5 %, 64 MiB", UINT64_C(1) << 40, 0, 0,
	    (UINT64_C(1) << 40) / 20, 64 << 20 },
	{ "a middling one: 256 MiB", UINT64_C(2) << 30, 0, 0, 256 << 20,
	    (UINT64_C(2) << 30) / 50 },
	{ "a small one: a quarter, 2 %", 64 << 20, 0, 0, 16 << 20,
	    (64 << 20) / 50 },
	{ "what was set", 1 << 30, 1000, 2000, 1000, 2000 },
	{ "no ballast", 1 << 30, 1000, UINT64_MAX, 1000, 0 },
};

static void
marks_follow_the_disk(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof disks / sizeof disks[0]; i++) {
		struct space_marks m = space_marks(
		    disks[i].total, disks[i].min_free, disks[i].ballast);

		if (m.min_free != disks[i].want_free ||
		    m.ballast != disks[i].want_ballast)
			fail_msg("%s", disks[i].why);
	}
}

static void
below_the_low_water_mark_nothing_is_accepted(void **state)
{
	struct kit *k = *state;
	struct spool_stats st;

	kit_open(k);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_DONE);
	assert_int_equal(spool_room(k->sp, 1 << 20), SPOOL_DONE);
	assert_int_equal(spool_room(k->sp, UINT64_C(1) << 50), SPOOL_FULL);
	spool_stats(k->sp, &st);
	assert_false(st.full);
	assert_true(st.disk_free > 0);
	kit_close(k);
	k->settings.min_free = UINT64_C(1) << 60;
	kit_open(k);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
	spool_stats(k->sp, &st);
	assert_true(st.full);
	kit_close(k);
	k->settings.min_free = 1;
	k->settings.size_max = 4096; /* the empty store is more than that */
	kit_open(k);
	assert_int_equal(spool_room(k->sp, 0), SPOOL_FULL);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, kit_setup_closed, kit_teardown)
	const struct CMUnitTest tests[] = {
		T(a_missing_directory_says_how_to_make_it),
		T(a_foreign_directory_is_not_touched),
		T(a_foreign_database_is_not_touched),
		T(what_a_first_start_left_half_made_is_made),
		T(a_spool_in_use_is_refused),
		T(another_format_is_refused_and_not_touched),
		T(the_drop_file_taken_last_is_known),
		T(modes_are_for_the_owner_alone),
		T(network_file_systems_have_names),
		T(the_map_shrinks_until_it_fits),
		T(ids_are_never_drawn_twice),
		T(an_id_from_the_future_is_not_gone_below),
		T(routes_keep_their_ids),
		T(allowances_add_up_and_old_windows_go),
		T(allowances_can_be_read),
		T(health_rides_along_and_the_last_one_wins),
		T(health_that_must_be_kept_does_not_wait),
		T(events_tell_the_way_and_what_was_answered),
		T(events_can_be_read_page_by_page),
		T(the_journal_drops_its_oldest),
		T(old_dead_letters_are_purged),
		T(the_oldest_dead_letters_go_beyond_the_size),
		T(a_flood_of_dead_letters_is_purged_as_it_comes),
		T(marks_follow_the_disk),
		T(below_the_low_water_mark_nothing_is_accepted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

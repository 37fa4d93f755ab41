/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_spool - the spool's engine alone: so many accepts outstanding, each
 * answered after its commit and replaced by the next, beside a plain LMDB loop
 * of as many puts a commit in the same minute on the same disk.
 *
 * usage: bench_spool [-d DIR] [-s SECONDS] [-r ROUNDS]     the comparison
 *        bench_spool [-d DIR] -m MESSAGES                  a big queue
 */
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"
#include "postern/spool/body.h"
#include "postern/spool/spool.h"

static const char *dir = "/var/tmp";
static uint64_t seconds_us = 2000000;
static int rounds = 5;

static void
die(const char *what, const char *why)
{
	fprintf(stderr, "bench_spool: %s: %s\n", what, why);
	exit(1);
}

/* At the end: freeing big files slows the disk down for whoever is next. */
static char *dirs[1024];
static size_t ndirs;

static void
drop_dirs(void)
{
	char *cmd;

	while (ndirs) {
		cmd = mem_printf("rm -rf '%s'", dirs[--ndirs]);
		if (system(cmd))
			die(dirs[ndirs], "cannot be removed");
		free(cmd);
		free(dirs[ndirs]);
	}
}

static char *
make_dir(void)
{
	char *path = mem_printf("%s/bench-spool-XXXXXX", dir);

	if (!mkdtemp(path))
		die(path, "cannot be made");
	return dirs[ndirs++] = path; /* drop_dirs() frees it */
}

/* --- the plain loop: one integer key, one value, MDB_APPEND, synced --- */

static void
check(int rc)
{
	if (rc)
		die("plain loop", mdb_strerror(rc));
}

static void
plain_commit(MDB_env *env, MDB_dbi dbi, unsigned per, MDB_val val)
{
	static uint64_t id;
	MDB_txn *txn;

	check(mdb_txn_begin(env, NULL, 0, &txn));
	for (unsigned i = 0; i < per; i++, id++) {
		MDB_val key = { sizeof id, &id };

		check(mdb_put(txn, dbi, &key, &val, MDB_APPEND));
	}
	check(mdb_txn_commit(txn));
}

static double
plain(unsigned per, size_t bytes)
{
	MDB_val val = { bytes, mem_new(bytes) };
	char *path = make_dir();
	uint64_t began, n = 0, us;
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;

	check(mdb_env_create(&env));
	check(mdb_env_set_mapsize(env, UINT64_C(64) << 30));
	check(mdb_env_open(env, path, 0, 0600));
	check(mdb_txn_begin(env, NULL, 0, &txn));
	check(mdb_dbi_open(txn, NULL, MDB_INTEGERKEY, &dbi));
	check(mdb_txn_commit(txn));
	began = clock_mono_us();
	do {
		plain_commit(env, dbi, per, val);
		n += per;
		us = clock_mono_us() - began;
	} while (us < seconds_us);
	mdb_env_close(env);
	free(val.mv_data);
	return (double)n * 1e6 / (double)us;
}

/* --- the engine --- */

struct bench {
	struct spool *sp;
	struct loop *loop;
	struct mailbox *mb;
	char *content;
	size_t bytes;
	uint64_t sent, answered, stop_at; /* us; messages when nonzero count */
	uint64_t count;
	uint64_t now_us;
};

static void submit(struct bench *b, struct spool_accept *a);

static bool
goes_on(struct bench *b)
{
	if (b->count)
		return b->sent < b->count;
	return clock_mono_us() < b->stop_at;
}

static void
on_done(struct spool_op *op, void *owner)
{
	struct bench *b = owner;

	if (op->result != SPOOL_DONE)
		die("accept", op->err.text);
	b->answered++;
	if (goes_on(b)) {
		submit(b, (struct spool_accept *)(void *)op);
		return;
	}
	free(op);
	if (b->answered == b->sent)
		loop_stop(b->loop);
}

static void
submit(struct bench *b, struct spool_accept *a)
{
	struct envelope_rcpt rcpt = { .address = "someone@example.net" };
	struct envelope env = { .mid = spool_mid(b->sp),
		.arrival_ms = clock_wall_ms(),
		.size = b->bytes,
		.sender = "noreply@shop.example.com",
		.client = "127.0.0.1",
		.helo = "web1",
		.listener = "local",
		.message_id = "<20261124093112.4711@shop.example.com>",
		.nrcpts = 1,
		.rcpts = &rcpt };

	memset(a, 0, sizeof *a);
	env.body = body_new(b->bytes);
	if (body_add(env.body, b->content, b->bytes))
		die("body", "too long");
	env.crc32c = crc32c(0, b->content, b->bytes);
	a->env = envelope_new(&env);
	body_free(&env.body);
	a->op.reply_to = b->mb;
	a->op.done = on_done;
	a->ndeliveries = 1;
	a->first = (struct spool_delivery){
		.route = 1, .priority = SPOOL_NORMAL, .due_ms = env.arrival_ms
	};
	b->sent++;
	spool_accept(b->sp, a);
}

static void
engine_open(struct bench *b, char *path)
{
	struct spool_settings s = { .directory = path,
		.memory_max = 64 << 20,
		.min_free = 1,
		.ballast = UINT64_MAX };
	struct err err = { 0 };

	if (spool_open(&b->sp, &s, &err) || loop_new(&b->loop, &err))
		die("spool_open", err.text);
	b->mb = mailbox_new(b->loop, b);
	spool_start(b->sp);
}

static void
engine_close(struct bench *b)
{
	spool_stop(b->sp);
	mailbox_free(&b->mb);
	loop_free(&b->loop);
	spool_close(&b->sp);
}

static void
engine_run(struct bench *b, unsigned outstanding)
{
	for (unsigned i = 0; i < outstanding; i++)
		submit(b, mem_new(sizeof(struct spool_accept)));
	loop_run(b->loop);
}

/* *per_commit: messages a commit, as it came out. */
static double
engine(unsigned outstanding, size_t bytes, double *per_commit)
{
	struct bench b = { .content = mem_new(bytes), .bytes = bytes };
	char *path = make_dir();
	struct spool_stats st;
	uint64_t began;
	double rate;

	memset(b.content, 'x', bytes);
	engine_open(&b, path);
	began = clock_mono_us();
	b.stop_at = began + seconds_us;
	engine_run(&b, outstanding);
	rate = (double)b.answered * 1e6 / (double)(clock_mono_us() - began);
	spool_stats(b.sp, &st);
	*per_commit = (double)st.operations / (double)st.commits;
	engine_close(&b);
	free(b.content);
	return rate;
}

/* --- the comparison --- */

static int
by_size(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof *v, by_size);
	return v[n / 2];
}

static void
compare(unsigned per, size_t bytes)
{
	double p[64], e[64], c[64], ratio[64];

	for (int i = 0; i < rounds; i++) {
		e[i] = engine(per, bytes, &c[i]);
		p[i] = plain((unsigned)(c[i] + 0.5), bytes);
		ratio[i] = e[i] / p[i];
	}
	printf("%6zu bytes, %3u outstanding: engine %8.0f/s (%5.1f a commit), "
	       "plain loop of as many puts a commit %8.0f/s, ratio %.2f\n",
	    bytes, per, median(e, rounds), median(c, rounds), median(p, rounds),
	    median(ratio, rounds));
	fflush(stdout);
}

/* --- a big queue --- */

static uint64_t
rss_anon_kib(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	uint64_t kib = 0;

	if (!f)
		die("/proc/self/status", "cannot be read");
	while (fgets(line, sizeof line, f))
		if (strncmp(line, "RssAnon:", 8) == 0)
			kib = strtoull(line + 8, NULL, 10);
	fclose(f);
	return kib;
}

static void
look(struct bench *b, char *path)
{
	uint64_t began = clock_mono_us(), opened, due;
	struct spool_loaded l;
	struct spool_key keys[64];
	struct spool_reader *r;
	struct err err = { 0 };
	int64_t next;
	int n;

	engine_open(b, path);
	opened = clock_mono_us();
	r = spool_reader_new(b->sp);
	n = spool_due(
	    r, 1, SPOOL_NORMAL, 0, NULL, clock_wall_ms(), keys, 64, &next);
	if (n != 64 || spool_load(r, keys[0].mid, 0, &l, &err))
		die("spool_due", err.text);
	due = clock_mono_us();
	envelope_free(&l.env);
	printf("open %.1f ms (16 flushes of the disk among it), first keys and "
	       "message %.1f ms, RssAnon %.1f MiB\n",
	    (double)(opened - began) / 1e3, (double)(due - opened) / 1e3,
	    (double)rss_anon_kib() / 1024);
	spool_reader_free(&r);
}

static void
big_queue(uint64_t messages)
{
	struct bench b = {
		.content = mem_new(1024), .bytes = 1024, .count = messages
	};
	char *path = make_dir();
	uint64_t began = clock_mono_us();

	memset(b.content, 'x', b.bytes);
	engine_open(&b, path);
	engine_run(&b, messages < 1000 ? (unsigned)messages : 1000);
	printf("%llu messages of 1 KiB in %.1f s, RssAnon %.1f MiB\n",
	    (unsigned long long)messages,
	    (double)(clock_mono_us() - began) / 1e6,
	    (double)rss_anon_kib() / 1024);
	engine_close(&b);
	look(&b, path);
	engine_close(&b);
	free(b.content);
}

int
main(int argc, char **argv)
{
	uint64_t messages = 0;
	int c;

	while ((c = getopt(argc, argv, "d:s:r:m:")) != -1) {
		if (c == 'd')
			dir = optarg;
		else if (c == 's')
			seconds_us = strtoull(optarg, NULL, 10) * 1000000;
		else if (c == 'r')
			rounds = atoi(optarg);
		else if (c == 'm')
			messages = strtoull(optarg, NULL, 10);
		else
			return 2;
	}
	if (rounds < 1 || rounds > 64)
		die("-r", "from 1 to 64");
	if (messages) {
		big_queue(messages);
		drop_dirs();
		return 0;
	}
	compare(10, 1024);
	compare(100, 1024);
	compare(10, 4096);
	compare(100, 4096);
	drop_dirs();
	return 0;
}

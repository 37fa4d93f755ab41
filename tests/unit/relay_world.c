/* SPDX-License-Identifier: Apache-2.0 */
#include "relay_world.h"

#include <poll.h>
#include <setjmp.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/id.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/spool/body.h"
#include "postern/spool/envelope.h"

#define WAIT_MS 10000
#define LOOK_MS 5 /* where nobody tells: the store, the log's file */

/* The log of the world begun last, while it has not come to its end. */
static char *unfinished;

/* A test that fails leaves its world behind: its log tells why. */
static void
tell_unfinished(void)
{
	char line[4096];
	FILE *f = unfinished ? fopen(unfinished, "r") : NULL;

	if (!f)
		return;
	fprintf(stderr, "--- the log of a test that failed:\n");
	while (fgets(line, sizeof line, f))
		fputs(line, stderr);
	fclose(f);
}

static void
begin_watch(const char *log)
{
	static bool watched;

	if (!watched)
		atexit(tell_unfinished);
	watched = true;
	tell_unfinished();
	free(unfinished);
	unfinished = mem_str(log);
}

static void
end_watch(void)
{
	free(unfinished);
	unfinished = NULL;
}

void
world_init(struct world *w)
{
	const char *tmp = getenv("TMPDIR");

	memset(w, 0, sizeof *w);
	w->dir = mem_printf("%s/relay-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(w->dir));
	w->log = mem_printf("%s.log", w->dir);
	begin_watch(w->log);
	w->settings = (struct relay_settings){ .hostname = "relay.example.com",
		.providers = w->provider,
		.nroutes = 1,
		.routes = w->route,
		.retry = { .nquick = 3,
		    .quick_ms = { 20, 40, 80 },
		    .min_ms = 100,
		    .max_ms = 400,
		    .factor = 2.0,
		    .give_up_ms = 3600000 } };
	w->route[0] = (struct relay_route){
		.name = "default", .use = w->use, .shares = { 8, 4, 1 }
	};
}

struct relay_provider *
world_provider_with(struct world *w, const struct fake_settings *s)
{
	static const char *const names[] = { "one", "two", "three", "four" };
	size_t i = w->settings.nproviders++;
	struct relay_provider *p = &w->provider[i];

	w->fake[i] = fake_new(s);
	w->use[w->route[0].nuse++] = names[i];
	*p = (struct relay_provider){ .name = names[i],
		.host = "127.0.0.1",
		.port = fake_port(w->fake[i]),
		.tls = RELAY_TLS_OFF,
		.auth = "auto",
		.max_connections = 4,
		.weight = 1,
		.max_messages_per_connection = 100,
		.max_recipients = 50,
		.idle_timeout_ms = 8000,
		.max_age_ms = 300000,
		.timeouts = { 2000, 2000, 2000, 2000, 2000, 2000, 2000, 2000,
		    2000 },
		.breaker_failures = 5,
		.breaker_open_ms = 300,
		.breaker_open_max_ms = 1000 };
	return p;
}

struct relay_route *
world_route(struct world *w, const char *name, size_t nuse, const char **use)
{
	struct relay_route *r = &w->route[w->settings.nroutes++];

	*r = (struct relay_route){
		.name = name, .nuse = nuse, .use = use, .shares = { 8, 4, 1 }
	};
	return r;
}

struct relay_provider *
world_provider(struct world *w, const struct fake_rule *rules)
{
	struct fake_settings s = { .rules = rules };

	return world_provider_with(w, &s);
}

struct relay_provider *
world_provider_login(
    struct world *w, const struct fake_rule *rules, struct secret *password)
{
	static const char *const ehlo[] = { "PIPELINING", "AUTH PLAIN", NULL };
	struct fake_settings s = { .ehlo = ehlo, .rules = rules };
	struct relay_provider *p = world_provider_with(w, &s);

	p->user = "user";
	p->password = password;
	p->allow_clear_auth = true;
	return p;
}

void
world_open(struct world *w)
{
	struct spool_settings s = { .directory = w->dir,
		.map_max = UINT64_C(1) << 30,
		.min_free = 1 << 20,
		.ballast = UINT64_MAX,
		.memory_max = 64 << 20,
		.dead_keep_ms = 3600000 };
	struct log_settings ls = { .to = w->log, .level = LOG_LEVEL_DEBUG };
	struct err err = { 0 };

	log_thread("test");
	assert_int_equal(log_start(&ls, &err), 0);
	if (spool_open(&w->sp, &s, &err) < 0)
		fail_msg("spool_open: %s", err.text);
	for (size_t i = 0; i < w->settings.nroutes; i++) {
		struct relay_route *r = &w->route[i];

		assert_int_equal(spool_route(w->sp, r->name, &r->id, &err), 0);
		if (r->retry.min_ms == 0)
			r->retry = w->settings.retry;
	}
	w->settings.route = w->route[0].id;
	assert_int_equal(relay_new(&w->relay, w->sp, &w->settings, &err), 0);
	spool_start(w->sp);
	w->reader = spool_reader_new(w->sp);
}

void
world_start(struct world *w)
{
	world_open(w);
	relay_start(w->relay);
}

static void
on_old(void *arg)
{
	*(_Atomic bool *)arg = true;
}

void
world_change(
    struct world *w, const struct relay_settings *next, _Atomic bool *gone)
{
	relay_change(w->relay, next, gone ? on_old : NULL, gone);
}

static void
on_drained(void *arg)
{
	sem_post(arg);
}

void
world_stop(struct world *w)
{
	sem_t drained;

	if (!w->relay)
		return;
	sem_init(&drained, 0, 0);
	relay_drain(w->relay, 3000, on_drained, &drained);
	sem_wait(&drained);
	sem_destroy(&drained);
	relay_stop(w->relay);
	spool_stop(w->sp);
	relay_free(&w->relay);
	spool_reader_free(&w->reader);
	spool_close(&w->sp);
	log_stop();
}

void
world_done(struct world *w)
{
	char *cmd = mem_printf("rm -rf '%s' '%s'", w->dir, w->log);

	world_stop(w);
	end_watch();
	for (size_t i = 0; i < w->settings.nproviders; i++)
		fake_free(&w->fake[i]);
	assert_int_equal(system(cmd), 0);
	free(cmd);
	free(w->dir);
	free(w->log);
}

/* --- messages --------------------------------------------------------------
 */

static char *
make_content(const struct world_mail *m, size_t *size)
{
	static const char head[] = "From: <sender@example.com>\r\n"
	                           "Subject: test\r\n\r\n";
	size_t n = sizeof head - 1;
	char *p;

	if (m->content || m->bytes == 0) {
		p = m->content ? mem_str(m->content)
		               : mem_printf("%shello\r\n", head);
		*size = strlen(p);
		return p;
	}
	p = mem_new(m->bytes + 1);
	memcpy(p, head, n);
	for (; n < m->bytes; n++)
		p[n] = (char)('a' + (n / 64 + n) % 26);
	for (n = 100; n + 2 < m->bytes; n += 70)
		memcpy(p + n, "\r\n", 2);
	memcpy(p + m->bytes - 2, "\r\n", 2);
	*size = m->bytes;
	return p;
}

static uint32_t
split(char *words, struct envelope_rcpt *rcpts, uint8_t notify)
{
	uint32_t n = 0;
	char *save = NULL;

	for (char *p = strtok_r(words, " ", &save); p;
	     p = strtok_r(NULL, " ", &save))
		rcpts[n++] =
		    (struct envelope_rcpt){ .address = p, .notify = notify };
	return n;
}

static void
stage(struct world *w, uint64_t mid, const char *p, size_t n)
{
	while (n > 0) {
		size_t part = n < SPOOL_STAGE_MAX ? n : SPOOL_STAGE_MAX;
		struct spool_stage *s = mem_new(sizeof *s + part);

		s->mid = mid;
		s->len = part;
		memcpy(s->data, p, part);
		spool_stage(w->sp, s);
		p += part;
		n -= part;
	}
}

uint64_t
world_send(struct world *w, const struct world_mail *m)
{
	size_t size;
	char *content = make_content(m, &size);
	char *words = mem_str(m->rcpts ? m->rcpts : "rcpt@example.net");
	struct envelope_rcpt rcpts[512];
	struct spool_accept *a = mem_new(sizeof *a);
	int64_t now = clock_wall_ms() - m->age_ms;
	struct envelope e = { .mid =
		                  m->age_ms ? id_first(now) : spool_mid(w->sp),
		.arrival_ms = now,
		.size = size,
		.crc32c = crc32c(0, content, size) + m->wrong_sum,
		.flags = m->flags,
		.release_ms = m->held_ms > 0 ? now + m->held_ms : 0,
		.by_ms = m->by_ms != 0 ? now + m->by_ms : 0,
		.sender = m->sender ? m->sender : "sender@example.com",
		.client = "127.0.0.1",
		.listener = "test",
		.nrcpts = split(words, rcpts, m->notify),
		.rcpts = rcpts };

	if (m->on_disk) {
		stage(w, e.mid, content, size);
	} else {
		e.body = body_new(size);
		assert_int_equal(body_add(e.body, content, size), 0);
	}
	a->env = envelope_new(&e);
	body_free(&e.body);
	a->ndeliveries = 1;
	a->first =
	    (struct spool_delivery){ .route = m->route ? m->route->id
		                                       : w->settings.route,
		    .priority = (uint8_t)m->priority,
		    .lane = m->lane,
		    .due_ms = now + m->held_ms };
	spool_accept(w->sp, a);
	free(words);
	free(content);
	return e.mid;
}

void
world_send_many(struct world *w, size_t n, const struct world_mail *m)
{
	for (size_t i = 0; i < n; i++)
		world_send(w, m);
}

/* --- looking ---------------------------------------------------------------
 */

struct spool_stats
world_stats(struct world *w)
{
	struct spool_stats st;

	spool_stats(w->sp, &st);
	return st;
}

void
world_wait_operations(struct world *w, uint64_t n)
{
	for (int t = 0; t < WAIT_MS; t += LOOK_MS) {
		if (world_stats(w).operations >= n)
			return;
		poll(NULL, 0, LOOK_MS);
	}
	fail_msg("%lu operations", world_stats(w).operations);
}

void
world_wait(struct world *w, uint64_t queued, uint64_t held, uint64_t dead)
{
	struct spool_stats st = world_stats(w);

	for (int t = 0; t < WAIT_MS; t += LOOK_MS) {
		if (st.queued == queued && st.held == held && st.dead == dead)
			return;
		poll(NULL, 0, LOOK_MS);
		st = world_stats(w);
	}
	fail_msg("queued %lu held %lu dead %lu, not %lu %lu %lu", st.queued,
	    st.held, st.dead, queued, held, dead);
}

static size_t
count_log(struct world *w, const char *event, const char *words)
{
	FILE *f = fopen(w->log, "r");
	char *name = mem_printf("event=%s ", event);
	char line[4096];
	size_t n = 0;

	assert_non_null(f);
	while (fgets(line, sizeof line, f))
		n += strstr(line, name) && strstr(line, words);
	fclose(f);
	free(name);
	return n;
}

void
world_wait_logs(struct world *w, const char *event, const char *words, size_t n)
{
	for (int t = 0; t < WAIT_MS; t += LOOK_MS) {
		if (count_log(w, event, words) >= n)
			return;
		poll(NULL, 0, LOOK_MS);
	}
	fail_msg("not %zu %s with %s in the log", n, event, words);
}

void
world_wait_log(struct world *w, const char *event, const char *words)
{
	world_wait_logs(w, event, words, 1);
}

/* What was said before is in the file when a second word of ours is: the
 * logger has gone round all threads between the two. */
static void
settle_log(struct world *w)
{
	static const struct log_event mark = { "mark", LOG_LEVEL_INFO };
	static unsigned n;
	char word[32];

	for (int i = 0; i < 2 && w->relay; i++) {
		snprintf(word, sizeof word, "mark-%u-", ++n);
		log_text(&mark, "%s", word);
		world_wait_log(w, "mark", word);
	}
}

size_t
world_count_log(struct world *w, const char *event, const char *words)
{
	settle_log(w);
	return count_log(w, event, words);
}

struct spool_dead
world_dead(struct world *w)
{
	struct spool_dead dead[16];
	int n = spool_dead_page(w->reader, NULL, dead, 16);

	assert_true(n > 0);
	return dead[n - 1];
}

struct spool_loaded
world_load(struct world *w, uint64_t mid)
{
	struct spool_loaded l = { 0 };
	struct err err = { 0 };

	if (spool_load(w->reader, mid, 0, &l, &err) != 0)
		fail_msg("%s", err.text);
	return l;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_kit.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "postern/base/clock.h"
#include "postern/base/crc32c.h"
#include "postern/base/mem.h"
#include "postern/io/loop.h"

#include "spool_audit.h"

static void
on_ready(void *owner, const struct spool_ready *ready, size_t n)
{
	struct kit *k = owner;

	for (size_t i = 0; i < n; i++) {
		struct spool_ready r = ready[i];

		if (!k->keep_env)
			envelope_free(&r.env);
		if (k->nready < KIT_READY)
			k->ready[k->nready++] = r;
		else
			envelope_free(&r.env);
	}
}

void
kit_init(struct kit *k)
{
	const char *tmp = getenv("TMPDIR");
	struct err err;

	memset(k, 0, sizeof *k);
	k->dir = mem_printf("%s/spool-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(k->dir));
	k->settings = (struct spool_settings){ .directory = k->dir,
		.map_max = UINT64_C(1) << 30,
		.min_free = 1 << 20,
		.ballast = UINT64_MAX,
		.memory_max = 64 << 20,
		.dead_keep_ms = 3600000 };
	assert_int_equal(loop_new(&k->loop, &err), 0);
	k->mb = mailbox_new(k->loop, k);
}

void
kit_done(struct kit *k)
{
	char *cmd = mem_printf("rm -rf '%s'", k->dir);

	kit_close(k);
	mailbox_free(&k->mb);
	loop_free(&k->loop);
	assert_int_equal(system(cmd), 0);
	free(cmd);
	free(k->dir);
}

void
kit_open(struct kit *k)
{
	struct err err = { 0 };

	if (spool_open(&k->sp, &k->settings, &err))
		fail_msg("spool_open: %s", err.text);
	spool_on_ready(k->sp, k->mb, on_ready);
	spool_start(k->sp);
	k->r = spool_reader_new(k->sp);
}

static void
drop_ready(struct kit *k)
{
	while (k->nready)
		envelope_free(&k->ready[--k->nready].env);
}

static void
nothing(void *arg)
{
	loop_stop(((struct kit *)arg)->loop);
}

/* Notices that are under way arrive. */
static void
drain(struct kit *k)
{
	mailbox_call(k->mb, nothing, k, 0);
	loop_run(k->loop);
}

void
kit_close(struct kit *k)
{
	if (!k->sp)
		return;
	spool_stop(k->sp);
	drain(k);
	drop_ready(k);
	spool_reader_free(&k->r);
	spool_close(&k->sp);
}

void
kit_reopen(struct kit *k)
{
	kit_close(k);
	kit_open(k);
}

void
kit_live_and_die(
    struct kit *k, void (*live)(struct kit *k, uint64_t arg), uint64_t arg)
{
	pid_t pid = fork();
	struct kit other;
	int status;

	if (pid == 0) {
		kit_init(&other);
		(void)rmdir(other.dir); /* it lives in the parent's */
		other.settings.directory = k->dir;
		kit_open(&other);
		live(&other, arg);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

void
kit_crash_with(struct kit *k, const uint64_t *mids, size_t n)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct spool *sp;

		if (spool_open(&sp, &k->settings, NULL))
			_exit(1);
		for (size_t i = 0; i < n; i++)
			spool_flight_add(sp, mids[i]);
		spool_flight_add(sp, 12345); /* gone, or never there */
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int
kit_setup_closed(void **state)
{
	struct kit *k = mem_new(sizeof *k);

	kit_init(k);
	*state = k;
	return 0;
}

int
kit_setup(void **state)
{
	(void)kit_setup_closed(state);
	kit_open(*state);
	return 0;
}

int
kit_teardown(void **state)
{
	kit_done(*state);
	free(*state);
	return 0;
}

void
kit_wait(struct kit *k)
{
	while (k->waiting)
		loop_run(k->loop);
	drain(k);
}

void
kit_audit(struct kit *k)
{
	struct audit a;
	struct err err;

	if (audit_spool(k->sp, &a, &err))
		fail_msg("audit: %s", err.text);
}

static void
on_done(struct spool_op *op, void *owner)
{
	struct kit *k = owner;

	k->last = op->result;
	k->err = op->err;
	if (--k->waiting == 0)
		loop_stop(k->loop);
	if (op->arg)
		*(enum spool_result *)op->arg = op->result;
	free(op);
}

struct spool_op *
kit_op(struct kit *k, struct spool_op *op)
{
	op->reply_to = k->mb;
	op->done = on_done;
	k->waiting++;
	return op;
}

/* --- content that can be told from any other --- */

void
kit_content(uint64_t mid, uint64_t offset, char *p, size_t n)
{
	for (size_t i = 0; i < n; i++, offset++)
		p[i] = (char)('a' + (mid + offset + (offset >> 7)) % 26);
}

/* --- messages --- */

struct envelope *
kit_envelope(struct kit *k, const struct kit_message *m)
{
	struct envelope_rcpt *rcpts = mem_array(m->nrcpts, sizeof *rcpts);
	struct envelope env = { .mid = m->mid ? m->mid : spool_mid(k->sp),
		.arrival_ms = clock_wall_ms(),
		.size = m->bytes,
		.release_ms = m->release_ms,
		.by_ms = m->by_ms,
		.flags = m->flags,
		.sender = "sender@example.com",
		.client = "192.0.2.1",
		.listener = "local",
		.message_id = "<1@example.com>",
		.nrcpts = m->nrcpts,
		.rcpts = rcpts };
	uint16_t nd = m->ndeliveries ? m->ndeliveries : 1;
	char *content = mem_new(m->bytes);
	struct envelope *e;

	kit_content(env.mid, 0, content, m->bytes);
	env.crc32c = crc32c(0, content, m->bytes);
	for (uint32_t i = 0; i < m->nrcpts; i++)
		rcpts[i] = (struct envelope_rcpt){ .address = mem_printf(
			                               "rcpt%u@example.net", i),
			.delivery = (uint16_t)(i % nd) };
	if (!m->staged) {
		env.body = body_new(m->bytes);
		assert_int_equal(body_add(env.body, content, m->bytes), 0);
	}
	e = envelope_new(&env);
	body_free(&env.body);
	for (uint32_t i = 0; i < m->nrcpts; i++)
		free((char *)(uintptr_t)rcpts[i].address);
	free(rcpts);
	free(content);
	return e;
}

uint64_t
kit_send(struct kit *k, const struct kit_message *m)
{
	struct spool_accept *a = mem_new(sizeof *a);
	struct spool_delivery d = { .route = m->route,
		.priority = m->low ? SPOOL_LOW : SPOOL_NORMAL,
		.due_ms = m->due_ms,
		.hold = m->hold };
	uint64_t mid;

	kit_op(k, &a->op);
	if (m->drop != NULL)
		(void)snprintf(a->drop, sizeof a->drop, "%s", m->drop);
	a->env = kit_envelope(k, m);
	mid = a->env->mid;
	a->ndeliveries = m->ndeliveries ? m->ndeliveries : 1;
	a->first = d;
	if (a->ndeliveries > 1) {
		a->more = mem_array(a->ndeliveries - 1u, sizeof *a->more);
		for (uint16_t i = 0; i + 1 < a->ndeliveries; i++)
			a->more[i] = d;
	}
	spool_accept(k->sp, a);
	return mid;
}

enum spool_result
kit_accept(struct kit *k, const struct kit_message *m, uint64_t *mid)
{
	uint64_t id = kit_send(k, m);

	if (mid)
		*mid = id;
	kit_wait(k);
	return k->last;
}

void
kit_stage(struct kit *k, uint64_t mid, size_t bytes, size_t slice)
{
	struct spool_stage *s;
	size_t n;

	for (size_t at = 0; at < bytes; at += n) {
		n = bytes - at < slice ? bytes - at : slice;
		s = mem_new(sizeof *s + n);
		kit_op(k, &s->op);
		s->mid = mid;
		s->len = n;
		kit_content(mid, at, s->data, n);
		spool_stage(k->sp, s);
	}
}

/* --- settling --- */

struct spool_settle *
kit_settle_new(struct kit *k, const struct spool_key *key, uint32_t nresults)
{
	struct spool_settle *s =
	    mem_new(sizeof *s + nresults * sizeof s->results[0]);

	kit_op(k, &s->op);
	s->key = *key;
	s->nresults = nresults;
	for (uint32_t i = 0; i < nresults; i++) {
		s->results[i].index = i;
		s->results[i].state = ENVELOPE_DELIVERED;
		s->results[i].code = 250;
	}
	strcpy(s->provider, "ses");
	s->count_attempt = true;
	return s;
}

enum spool_result
kit_settle(struct kit *k, struct spool_settle *s)
{
	spool_settle(k->sp, s);
	kit_wait(k);
	return k->last;
}

struct spool_key
kit_key(struct kit *k, uint64_t mid, uint16_t n)
{
	struct spool_loaded l;
	struct err err;
	struct spool_key key;

	assert_int_equal(spool_load(k->r, mid, n, &l, &err), 0);
	key = l.key;
	envelope_free(&l.env);
	return key;
}

enum spool_result
kit_deliver(struct kit *k, uint64_t mid, uint16_t n)
{
	struct spool_loaded l;
	struct spool_settle *s;
	struct err err;
	uint32_t to = 0;

	if (spool_load(k->r, mid, n, &l, &err))
		return SPOOL_GONE;
	s = kit_settle_new(k, &l.key, l.env->nrcpts);
	for (uint32_t i = 0; i < l.env->nrcpts; i++)
		if (l.env->rcpts[i].delivery == n)
			s->results[to++].index = i;
	s->nresults = to;
	envelope_free(&l.env);
	return kit_settle(k, s);
}

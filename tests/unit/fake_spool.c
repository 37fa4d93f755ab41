/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/spool/body.h"

#include "fake_spool.h"

struct fake_spool fake;
struct fake_from fake_from;

struct queued {
	struct queued *next;
	struct spool_op *op;
	bool is_stage;
};
static struct queued *first, **last = &first;

struct staged {
	struct staged *next;
	uint64_t mid;
	bool is_aborted; /* slices that are still queued come to nothing */
	struct buf content;
};
static struct staged *staged;

const struct intake_settings fake_rules = {
	.hostname = "mx.example.com",
	.domain = "example.com",
	.size_max = 64 << 20,
	.recipients_max = 100,
	.received_max = 100,
	.stage_above = 256 << 10,
};

/* --- the spool --------------------------------------------------------------
 */

uint64_t
spool_mid(struct spool *sp)
{
	static uint64_t mid = UINT64_C(1) << 60;

	(void)sp;
	return ++mid;
}

/* Nobody has a quota here: test_quota has its own. */
struct spool_reader *
spool_reader_new(struct spool *sp)
{
	(void)sp;
	fail();
	return NULL;
}

void
spool_reader_free(struct spool_reader **r)
{
	*r = NULL;
}

int
spool_quotas(struct spool_reader *r, const char *owner,
    const struct spool_quota *after, struct spool_quota *out, size_t max)
{
	(void)r;
	(void)owner;
	(void)after;
	(void)out;
	(void)max;
	return 0;
}

void
spool_reserve(struct spool *sp, struct spool_reserve *r)
{
	(void)sp;
	free(r);
}

enum spool_result
spool_room(struct spool *sp, uint64_t size)
{
	(void)sp;
	(void)size;
	return fake.room;
}

void
spool_stats(struct spool *sp, struct spool_stats *st)
{
	(void)sp;
	*st = fake.stats;
}

bool
spool_memory_take(struct spool *sp, size_t n)
{
	(void)sp;
	assert_true(n > 0);
	if (n > fake.memory_max - fake.memory)
		return false;
	fake.memory += n;
	if (fake.memory > fake.memory_peak)
		fake.memory_peak = fake.memory;
	return true;
}

void
spool_memory_give(struct spool *sp, size_t n)
{
	(void)sp;
	assert_in_range(n, 1, fake.memory);
	fake.memory -= n;
}

static void
give_back(void *arg, size_t n)
{
	spool_memory_give(arg, n);
}

void
spool_memory_own(struct spool *sp, struct body *b, size_t n)
{
	body_charge(b, give_back, sp, n);
}

bool
spool_is_busy(struct spool *sp)
{
	(void)sp;
	return fake.is_busy;
}

static void
push(struct spool_op *op, bool is_stage)
{
	struct queued *q = mem_new(sizeof *q);

	q->op = op;
	q->is_stage = is_stage;
	*last = q;
	last = &q->next;
	fake.queued++;
}

void
spool_accept(struct spool *sp, struct spool_accept *a)
{
	(void)sp;
	assert_int_equal(fake_slices_queued(a->env->mid), 0);
	push(&a->op, false);
}

void
spool_stage(struct spool *sp, struct spool_stage *s)
{
	size_t n;

	(void)sp;
	assert_in_range(s->len, 1, SPOOL_STAGE_MAX);
	push(&s->op, true);
	n = fake_slices_queued(s->mid);
	if (n > fake.stages_queued_peak)
		fake.stages_queued_peak = n;
}

static struct staged *
find_staged(uint64_t mid)
{
	struct staged *s;

	for (s = staged; s != NULL; s = s->next) {
		if (s->mid == mid)
			return s;
	}
	s = mem_new(sizeof *s);
	s->mid = mid;
	buf_init(&s->content, SIZE_MAX / 2);
	s->next = staged;
	staged = s;
	return s;
}

static void
forget_staged(uint64_t mid)
{
	struct staged **at = &staged, *s;

	while ((s = *at) != NULL && s->mid != mid)
		at = &s->next;
	if (s == NULL)
		return;
	*at = s->next;
	buf_done(&s->content);
	free(s);
}

void
spool_abort_staged(struct spool *sp, uint64_t mid)
{
	(void)sp;
	fake.naborted++;
	if (fake_slices_queued(mid) > 0)
		find_staged(mid)->is_aborted = true;
	else
		forget_staged(mid);
}

static void
do_stage(const struct spool_stage *s)
{
	struct staged *to = find_staged(s->mid);

	if (!to->is_aborted)
		assert_int_equal(buf_add(&to->content, s->data, s->len), 0);
	else if (fake_slices_queued(s->mid) == 0)
		forget_staged(s->mid);
}

static void
do_accept(struct spool_accept *a)
{
	struct fake_accepted *to = &fake.accepted[fake.naccepted++];
	struct str bytes;

	assert_in_range(fake.naccepted, 1, FAKE_ACCEPTED_MAX);
	buf_init(&to->content, SIZE_MAX / 2);
	bytes = a->env->body != NULL
	            ? body_str(a->env->body)
	            : buf_str(&find_staged(a->env->mid)->content);
	assert_int_equal(buf_add(&to->content, bytes.p, bytes.len), 0);
	to->env = envelope_new(&(struct envelope){
	    .mid = a->env->mid,
	    .size = a->env->size,
	    .crc32c = a->env->crc32c,
	    .flags = a->env->flags,
	    .mt_priority = a->env->mt_priority,
	    .release_ms = a->env->release_ms,
	    .by_ms = a->env->by_ms,
	    .sender = a->env->sender,
	    .envid = a->env->envid,
	    .client = a->env->client,
	    .helo = a->env->helo,
	    .listener = a->env->listener,
	    .message_id = a->env->message_id,
	    .nrcpts = a->env->nrcpts,
	    .rcpts = a->env->rcpts,
	});
	forget_staged(a->env->mid);
	assert_true(a->ndeliveries > 0 && a->ndeliveries <= FAKE_MORE_MAX + 1);
	to->ndeliveries = a->ndeliveries;
	to->delivery = a->first;
	if (a->more != NULL)
		memcpy(to->more, a->more,
		    (a->ndeliveries - 1u) * sizeof to->more[0]);
	free(a->more);
	a->more = NULL;
}

bool
fake_answer(enum spool_result result)
{
	struct queued *q = first;
	struct spool_op *op;

	if (q == NULL)
		return false;
	op = q->op;
	first = q->next;
	if (first == NULL)
		last = &first;
	fake.queued--;
	op->result = result;
	if (result == SPOOL_DONE && q->is_stage)
		do_stage((struct spool_stage *)(void *)op);
	else if (result == SPOOL_DONE)
		do_accept((struct spool_accept *)(void *)op);
	if (!q->is_stage)
		envelope_free(&((struct spool_accept *)(void *)op)->env);
	free(q);
	op->done(op, NULL);
	return true;
}

void
fake_answer_all(enum spool_result result)
{
	while (fake_answer(result))
		continue;
}

size_t
fake_slices_queued(uint64_t mid)
{
	size_t n = 0;

	for (struct queued *q = first; q != NULL; q = q->next) {
		const struct spool_stage *s = (const void *)q->op;

		n += q->is_stage && s->mid == mid;
	}
	return n;
}

void
fake_reset(void)
{
	assert_null(first);
	assert_null(staged);
	assert_int_equal(fake.memory, 0);
	for (size_t i = 0; i < fake.naccepted; i++) {
		envelope_free(&fake.accepted[i].env);
		buf_done(&fake.accepted[i].content);
	}
	memset(&fake, 0, sizeof fake);
	memset(&fake_from, 0, sizeof fake_from);
	fake.memory_max = SIZE_MAX / 2;
	fake.room = SPOOL_DONE;
}

/* --- clients
 * ------------------------------------------------------------------
 */

static void
on_answer(void *arg, const struct smtp_reply *reply)
{
	struct fake_client *c = arg;

	assert_true(c->is_ended && !c->is_answered);
	c->is_answered = true;
	c->reply = *reply;
	c->m = NULL;
}

static void
on_resume(void *arg)
{
	struct fake_client *c = arg;

	assert_true(c->is_paused && !c->is_ended);
	c->is_paused = false;
	c->resumed++;
}

static const struct intake_hooks hooks = {
	.answer = on_answer,
	.resume = on_resume,
};

struct intake *
fake_intake(const struct intake_settings *s)
{
	struct intake *i;

	fake_reset();
	i = intake_new(NULL, NULL);
	intake_change(i, s, NULL, NULL);
	return i;
}

unsigned
fake_mail(
    struct intake *i, struct fake_client *c, const char *sender, uint64_t size)
{
	const struct intake_from from = {
		.client = "192.0.2.1",
		.address = fake_from.address,
		.helo = "client.example",
		.listener = "local",
		.protocol = "ESMTP",
		.session = 5,
		.user = fake_from.user,
		.rate_client = fake_from.rate_client,
		.policy = fake_from.policy,
		.user_policy = fake_from.user_policy,
	};
	const struct smtp_mail mail = {
		.sender = str_of(sender),
		.size = size,
	};

	memset(c, 0, sizeof *c);
	c->m = intake_begin(i, &from, &mail, &hooks, c, &c->reply);
	assert_int_equal(c->m != NULL, c->reply.code == 250);
	return c->reply.code;
}

unsigned
fake_rcpt(struct fake_client *c, const char *address)
{
	const struct smtp_rcpt r = { .address = str_of(address) };

	intake_rcpt(c->m, &r, &c->reply);
	return c->reply.code;
}

unsigned
fake_data(struct fake_client *c)
{
	intake_data(c->m, &c->reply);
	return c->reply.code;
}

void
fake_body(struct fake_client *c, const char *p, size_t n)
{
	assert_false(c->is_paused);
	c->is_paused = intake_body(c->m, p, n);
}

unsigned
fake_end(struct fake_client *c)
{
	c->is_ended = true;
	if (intake_end(c->m, &c->reply) == SMTP_LATER) {
		assert_false(c->is_answered);
		return 0;
	}
	c->m = NULL;
	return c->reply.code;
}

void
fake_begin(struct intake *i, struct fake_client *c)
{
	assert_int_equal(fake_mail(i, c, "sender@example.com", 0), 250);
	assert_int_equal(fake_rcpt(c, "rcpt@example.org"), 250);
	assert_int_equal(fake_data(c), 354);
}

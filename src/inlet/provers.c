/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/provers.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/inlet/password.h"
#include "postern/inlet/users.h"
#include "postern/io/helper.h"
#include "postern/smtp/scram.h"

#define GIVE_WAY 15 /* nice(2) of a thread that hashes */

struct provers {
	struct mailbox *answers; /* borrowed */
	struct helper *threads;  /* made for the first question */
	struct map *asked;       /* session -> its question, while it waits */
	struct map *clients;     /* client -> questions as a pointer */
	size_t open;             /* not delivered yet */
	_Atomic bool is_ending;
};

struct question {
	struct helper_job job; /* first */
	struct provers *provers;
	uint64_t session, client, serial;
	struct logins_limits limits;
	void (*answer)(void *arg, enum provers_answer a); /* NULL: forgotten */
	void *arg;
	enum provers_answer said;
	bool is_known;
	char *hash; /* owned; NULL: verifier */
	struct scram_verifier verifier;
	size_t nuser, npassword;
	char text[]; /* user, password */
};

/* --- on a thread of its own
 * ----------------------------------------------------
 */

static struct login
login_of(const struct question *q)
{
	return (struct login){
		.client = q->client,
		.serial = q->serial,
		.user = { q->text, q->nuser },
		.password = { q->text + q->nuser, q->npassword },
		.limits = q->limits,
	};
}

/* On Linux it is the thread that is nice, not the process. */
static void
give_way(void)
{
	static _Thread_local bool is_done;

	if (!is_done)
		(void)setpriority(PRIO_PROCESS, 0, GIVE_WAY);
	is_done = true;
}

static bool
fits(const struct question *q, struct str password)
{
	bool same = q->hash != NULL ? password_fits(q->hash, password)
	                            : scram_fits(&q->verifier, password);

	return same && q->is_known;
}

static enum provers_answer
prove(const struct question *q)
{
	struct login l = login_of(q);

	if (atomic_load(&q->provers->is_ending))
		return PROVERS_LIMITED;
	switch (logins_ask(&l, clock_mono_ms())) {
	case LOGINS_PROVEN:
		return PROVERS_RIGHT;
	case LOGINS_LIMITED:
		return PROVERS_LIMITED;
	case LOGINS_TRY:
		break;
	}
	if (fits(q, l.password)) {
		logins_right(&l, clock_mono_ms());
		return PROVERS_RIGHT;
	}
	return logins_wrong(&l, clock_mono_ms()) ? PROVERS_LAST : PROVERS_WRONG;
}

static void
run(struct helper_job *job)
{
	struct question *q = (struct question *)(void *)job;

	give_way();
	q->said = prove(q);
}

/* --- the inlet's thread
 * -------------------------------------------------------
 */

static void
question_free(struct question *q)
{
	mem_wipe(q->text, q->nuser + q->npassword);
	mem_wipe(&q->verifier, sizeof q->verifier);
	if (q->hash != NULL)
		mem_wipe(q->hash, strlen(q->hash));
	free(q->hash);
	free(q);
}

static uint32_t
count_of(const struct provers *p, uint64_t client)
{
	return (uint32_t)(uintptr_t)map_get(p->clients, client);
}

static void
set_count(struct provers *p, uint64_t client, uint32_t n)
{
	if (n == 0)
		(void)map_del(p->clients, client);
	else
		(void)map_put(p->clients, client, (void *)(uintptr_t)n);
}

static void
deliver(struct mailbox_item *item, void *owner)
{
	struct question *q = (struct question *)(void *)item;
	struct provers *p = q->provers;
	void (*answer)(void *arg, enum provers_answer a) = q->answer;
	void *arg = q->arg;
	enum provers_answer said = q->said;

	(void)owner;
	if (answer != NULL)
		(void)map_del(p->asked, q->session);
	set_count(p, q->client, count_of(p, q->client) - 1);
	p->open--;
	question_free(q);
	if (answer != NULL)
		answer(arg, said);
}

/* The other half is for mail, however many guess. */
static unsigned
threads(void)
{
	long n = sysconf(_SC_NPROCESSORS_ONLN) / 2;

	if (n < 1)
		return 1;
	return n < PROVERS_THREADS_MAX ? (unsigned)n : PROVERS_THREADS_MAX;
}

struct provers *
provers_new(struct mailbox *answers)
{
	struct provers *p = mem_new(sizeof *p);

	p->answers = answers;
	p->asked = map_new();
	p->clients = map_new();
	return p;
}

static struct question *
question_new(struct provers *p, const struct provers_question *from)
{
	const struct login *l = &from->login;
	struct question *q = mem_new(sizeof *q + l->user.len + l->password.len);

	q->job.item.deliver = deliver;
	q->job.reply_to = p->answers;
	q->job.run = run;
	q->provers = p;
	q->session = from->session;
	q->client = l->client;
	q->serial = l->serial;
	q->limits = l->limits;
	q->is_known = from->is_known;
	if (from->user->hash != NULL)
		q->hash = mem_str(from->user->hash);
	else
		q->verifier = *from->user->scram;
	q->nuser = l->user.len;
	q->npassword = l->password.len;
	memcpy(q->text, l->user.p, q->nuser);
	memcpy(q->text + q->nuser, l->password.p, q->npassword);
	return q;
}

int
provers_ask(struct provers *p, const struct provers_question *from,
    void (*answer)(void *arg, enum provers_answer a), void *arg)
{
	uint32_t mine = count_of(p, from->login.client);
	struct question *q;

	if (mine >= PROVERS_CLIENT_MAX)
		return -1;
	if (p->threads == NULL)
		p->threads = helper_new("hash", threads(), PROVERS_QUEUE_MAX);
	q = question_new(p, from);
	q->answer = answer;
	q->arg = arg;
	if (helper_submit(p->threads, &q->job) != 0) {
		question_free(q);
		return -1;
	}
	assert(map_get(p->asked, from->session) == NULL);
	(void)map_put(p->asked, from->session, q);
	set_count(p, from->login.client, mine + 1);
	p->open++;
	return 0;
}

void
provers_forget(struct provers *p, uint64_t session)
{
	struct question *q = map_del(p->asked, session);

	if (q != NULL)
		q->answer = NULL;
}

void
provers_stop(struct provers *p)
{
	atomic_store(&p->is_ending, true);
	helper_free(&p->threads);
}

void
provers_free(struct provers **pp)
{
	struct provers *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	assert(p->threads == NULL && p->open == 0);
	map_free(&p->asked);
	map_free(&p->clients);
	free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/provers.h"

#include <assert.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/inlet/password.h"
#include "postern/inlet/users.h"
#include "postern/io/helper.h"
#include "postern/smtp/scram.h"

#define GIVE_WAY 15     /* nice(2) of a thread that hashes soon */
#define GIVE_ALL_WAY 19 /* of the others, where they cannot be idle */

enum which { QUEUE_SOON, QUEUE_IDLE, QUEUES };

struct queue {
	struct list waiting; /* questions */
	size_t nwaiting;
	unsigned running;       /* handed to the threads, not back yet */
	struct helper *threads; /* made for the first question */
};

struct provers {
	struct mailbox *answers; /* borrowed */
	struct queue queue[QUEUES];
	unsigned nthreads;     /* of a queue */
	uint32_t strangers;    /* of late, in QUEUE_SOON */
	uint64_t strangers_ms; /* the count is of then */
	struct map *asked;     /* session -> its question, while it waits */
	struct map *clients;   /* client -> questions as a pointer */
	size_t open;           /* not delivered yet */
	_Atomic bool is_ending;
};

struct question {
	struct helper_job job; /* first */
	struct list node;
	struct provers *provers;
	enum which queue;
	uint64_t session, client, serial;
	struct logins_limits limits;
	void (*answer)(void *arg, enum provers_answer a); /* NULL: forgotten */
	void *arg;
	bool is_known, is_hashed, fits;
	enum provers_answer said; /* without is_hashed */
	char *hash;               /* owned; NULL: verifier */
	struct scram_verifier verifier;
	size_t nuser, npassword;
	char text[]; /* user, password */
};

/* --- on a thread of its own
 * ----------------------------------------------------
 */

/* On Linux it is the thread that is nice, not the process.  A thread that is
 * merely nice runs on for some ms when one that moves mail is woken on its
 * processor; an idle one is off at once. */
static void
give_way(enum which q)
{
	static _Thread_local bool is_done;
	const struct sched_param none = { 0 };

	if (is_done)
		return;
	is_done = true;
	if (q == QUEUE_SOON)
		(void)setpriority(PRIO_PROCESS, 0, GIVE_WAY);
	else if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
		(void)setpriority(PRIO_PROCESS, 0, GIVE_ALL_WAY);
}

static bool
fits(const struct question *q, struct str password)
{
	bool same = q->hash != NULL ? password_fits(q->hash, password)
	                            : scram_fits(&q->verifier, password);

	return same && q->is_known;
}

/* Takes no lock that others wait for: it may be off its processor for long. */
static void
run(struct helper_job *job)
{
	struct question *q = (struct question *)(void *)job;

	give_way(q->queue);
	if (!atomic_load(&q->provers->is_ending))
		q->fits =
		    fits(q, (struct str){ q->text + q->nuser, q->npassword });
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

static enum provers_answer
conclude(const struct question *q)
{
	struct login l = login_of(q);

	if (q->fits) {
		logins_right(&l, clock_mono_ms());
		return PROVERS_RIGHT;
	}
	return logins_wrong(&l, clock_mono_ms()) ? PROVERS_LAST : PROVERS_WRONG;
}

/* Its turn has come. */
static void
start(struct question *q)
{
	struct provers *p = q->provers;
	struct login l = login_of(q);
	enum logins_answer a = logins_ask(&l, clock_mono_ms());

	q->is_hashed = a == LOGINS_TRY;
	if (q->is_hashed) {
		int rc = helper_submit(p->queue[q->queue].threads, &q->job);

		assert(rc == 0); /* no more than there are threads */
		p->queue[q->queue].running++;
		return;
	}
	q->said = a == LOGINS_PROVEN ? PROVERS_RIGHT : PROVERS_LIMITED;
	mailbox_put(p->answers, &q->job.item);
}

/* The other half of the processors is for mail, so those that may wait wait for
 * those of the other queue, too. */
static bool
has_room(const struct provers *p, enum which of)
{
	unsigned running = p->queue[of].running;

	if (of == QUEUE_IDLE)
		running += p->queue[QUEUE_SOON].running;
	return running < p->nthreads && !atomic_load(&p->is_ending);
}

static void
pump_one(struct provers *p, enum which of)
{
	struct queue *from = &p->queue[of];

	while (from->nwaiting > 0 && has_room(p, of)) {
		struct list *node = list_pop(&from->waiting);

		helper_before(from->threads, --from->nwaiting);
		start(LIST_OF(node, struct question, node));
	}
}

static void
pump(struct provers *p)
{
	pump_one(p, QUEUE_SOON);
	pump_one(p, QUEUE_IDLE);
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
	if (q->is_hashed) {
		p->queue[q->queue].running--;
		said =
		    atomic_load(&p->is_ending) ? PROVERS_LIMITED : conclude(q);
		pump(p);
	}
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
	p->nthreads = threads();
	for (int i = 0; i < QUEUES; i++)
		list_init(&p->queue[i].waiting);
	p->strangers_ms = clock_mono_ms();
	p->asked = map_new();
	p->clients = map_new();
	return p;
}

static bool
is_one_of_few(struct provers *p, uint64_t now_ms)
{
	uint64_t gone = (now_ms - p->strangers_ms) / PROVERS_SOON_MS;

	p->strangers -= gone < p->strangers ? (uint32_t)gone : p->strangers;
	p->strangers_ms += gone * PROVERS_SOON_MS;
	if (p->strangers >= PROVERS_SOON_MAX)
		return false;
	p->strangers++;
	return true;
}

static enum which
queue_for(struct provers *p, uint64_t client)
{
	uint64_t now_ms = clock_mono_ms();

	return logins_is_known(client, now_ms) || is_one_of_few(p, now_ms)
	           ? QUEUE_SOON
	           : QUEUE_IDLE;
}

static void
submit(struct provers *p, struct question *q)
{
	static const char *const names[QUEUES] = { "hash", "hash-idle" };
	struct queue *to = &p->queue[q->queue];

	if (to->threads == NULL)
		to->threads =
		    helper_new(names[q->queue], p->nthreads, p->nthreads);
	list_push(&to->waiting, &q->node);
	helper_before(to->threads, ++to->nwaiting);
	pump(p);
}

static struct question *
question_new(struct provers *p, const struct provers_question *from)
{
	const struct login *l = &from->login;
	struct question *q = mem_new(sizeof *q + l->user.len + l->password.len);

	list_init(&q->node);
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
	enum which queue = queue_for(p, from->login.client);
	struct question *q;

	if (mine >= PROVERS_CLIENT_MAX ||
	    p->queue[queue].nwaiting >= PROVERS_QUEUE_MAX)
		return -1;
	q = question_new(p, from);
	q->queue = queue;
	q->answer = answer;
	q->arg = arg;
	assert(map_get(p->asked, from->session) == NULL);
	(void)map_put(p->asked, from->session, q);
	set_count(p, from->login.client, mine + 1);
	p->open++;
	submit(p, q);
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
	for (int i = 0; i < QUEUES; i++)
		helper_free(&p->queue[i].threads);
}

static void
drop_waiting(struct provers *p, struct queue *from)
{
	struct list *node;

	assert(from->threads == NULL);
	while ((node = list_pop(&from->waiting)) != NULL) {
		question_free(LIST_OF(node, struct question, node));
		p->open--;
	}
}

void
provers_free(struct provers **pp)
{
	struct provers *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	for (int i = 0; i < QUEUES; i++)
		drop_waiting(p, &p->queue[i]);
	assert(p->open == 0);
	map_free(&p->asked);
	map_free(&p->clients);
	free(p);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/mailbox.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

#include "postern/base/mem.h"

#include "io/loop_priv.h"

struct mailbox {
	struct loop *loop;
	void *owner;
	ev_async async;
	pthread_mutex_t lock; /* for the list */
	struct mailbox_item *first, *last;
};

/* Takes the whole list; what arrives meanwhile rings again. */
static void
drain(struct mailbox *m)
{
	struct mailbox_item *item;

	pthread_mutex_lock(&m->lock);
	item = m->first;
	m->first = m->last = NULL;
	pthread_mutex_unlock(&m->lock);
	while (item) {
		struct mailbox_item *next = item->next;

		item->next = NULL;
		item->deliver(item, m->owner);
		item = next;
	}
}

static void
on_async(struct ev_loop *ev, ev_async *w, int revents)
{
	(void)ev;
	(void)revents;
	drain(w->data);
}

struct mailbox *
mailbox_new(struct loop *l, void *owner)
{
	struct mailbox *m = mem_new(sizeof *m);

	m->loop = l;
	m->owner = owner;
	pthread_mutex_init(&m->lock, NULL);
	ev_async_init(&m->async, on_async);
	m->async.data = m;
	ev_async_start(loop_ev(l), &m->async);
	return m;
}

void
mailbox_free(struct mailbox **box)
{
	struct mailbox *m = *box;

	if (!m)
		return;
	*box = NULL;
	drain(m);
	ev_async_stop(loop_ev(m->loop), &m->async);
	pthread_mutex_destroy(&m->lock);
	loop_discard(m->loop, m);
}

void
mailbox_put(struct mailbox *m, struct mailbox_item *item)
{
	mailbox_put_chain(m, item, item);
}

/* The bell is rung under the lock: once the item is out of it, the receiver may
 * free the mailbox. */
void
mailbox_put_chain(
    struct mailbox *m, struct mailbox_item *first, struct mailbox_item *last)
{
	last->next = NULL;
	pthread_mutex_lock(&m->lock);
	if (m->first)
		m->last->next = first; /* the bell has been rung */
	else
		m->first = first;
	if (m->first == first)
		ev_async_send(loop_ev(m->loop), &m->async);
	m->last = last;
	pthread_mutex_unlock(&m->lock);
}

struct call {
	struct mailbox_item item;
	loop_fn *fn;
	void *arg;
	sem_t *done; /* NULL: nobody waits, free it */
};

static void
run_call(struct mailbox_item *item, void *owner)
{
	struct call *call = (struct call *)item;
	sem_t *done = call->done;

	(void)owner;
	call->fn(call->arg);
	if (done)
		sem_post(done);
	else
		free(call);
}

static void
call_and_wait(struct mailbox *m, struct call *call)
{
	sem_t done;

	sem_init(&done, 0, 0);
	call->done = &done;
	mailbox_put(m, &call->item);
	while (sem_wait(&done) < 0)
		; /* EINTR */
	sem_destroy(&done);
}

void
mailbox_call(struct mailbox *m, loop_fn *fn, void *arg, int wait)
{
	struct call call = { .item.deliver = run_call, .fn = fn, .arg = arg };

	if (wait)
		call_and_wait(m, &call);
	else
		mailbox_put(m, mem_dup(&call, sizeof call));
}

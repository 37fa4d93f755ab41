/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/helper.h"

#include <assert.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>

#include "postern/base/list.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/stat.h"
#include "postern/base/thread.h"

/* All that there are, for who asks. */
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;
static struct list all = { &all, &all };

struct helper {
	struct list node;            /* of all */
	struct stat_counter backlog; /* = waiting, for any thread */
	struct stat_counter before;  /* in front of it */
	pthread_mutex_t lock;        /* guards what follows */
	pthread_cond_t work;
	struct mailbox_item *first, **last; /* jobs that wait */
	size_t waiting, max;
	bool ending;
	char *name;
	unsigned nthreads;
	pthread_t thread[];
};

static struct helper_job *
take(struct helper *h)
{
	struct mailbox_item *item;

	pthread_mutex_lock(&h->lock);
	while (h->first == NULL && !h->ending)
		pthread_cond_wait(&h->work, &h->lock);
	item = h->first;
	if (item != NULL) {
		h->first = item->next;
		if (h->first == NULL)
			h->last = &h->first;
		stat_set(&h->backlog, --h->waiting);
	}
	pthread_mutex_unlock(&h->lock);
	return (struct helper_job *)item; /* item lies first */
}

static void *
work(void *arg)
{
	struct helper *h = arg;
	struct helper_job *job;

	log_thread(h->name);
	while ((job = take(h)) != NULL) {
		job->run(job);
		mailbox_put(job->reply_to, &job->item);
	}
	return NULL;
}

struct helper *
helper_new(const char *name, unsigned threads, size_t queue_max)
{
	struct helper *h;

	assert(threads > 0 && queue_max > 0);
	h = mem_new(sizeof *h + threads * sizeof h->thread[0]);
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->work, NULL);
	h->last = &h->first;
	h->max = queue_max;
	h->name = mem_str(name);
	h->nthreads = threads;
	for (unsigned i = 0; i < threads; i++) {
		int rc = thread_start(&h->thread[i], h->name, work, h);

		assert(rc == 0); /* at start: as good as out of memory */
	}
	pthread_mutex_lock(&all_lock);
	list_push(&all, &h->node);
	pthread_mutex_unlock(&all_lock);
	return h;
}

void
helper_before(struct helper *h, size_t n)
{
	stat_set(&h->before, n);
}

void
helper_each(helper_each_fn *fn, void *arg)
{
	pthread_mutex_lock(&all_lock);
	for (struct list *n = all.next; n != &all; n = n->next) {
		struct helper *h = LIST_OF(n, struct helper, node);

		fn(arg, h->name, stat_get(&h->backlog) + stat_get(&h->before));
	}
	pthread_mutex_unlock(&all_lock);
}

int
helper_submit(struct helper *h, struct helper_job *job)
{
	int rc = -1;

	job->item.next = NULL;
	pthread_mutex_lock(&h->lock);
	if (h->waiting < h->max && !h->ending) {
		*h->last = &job->item;
		h->last = &job->item.next;
		stat_set(&h->backlog, ++h->waiting);
		rc = 0;
		pthread_cond_signal(&h->work);
	}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
helper_free(struct helper **hp)
{
	struct helper *h = *hp;

	if (h == NULL)
		return;
	*hp = NULL;
	pthread_mutex_lock(&all_lock);
	list_remove(&h->node);
	pthread_mutex_unlock(&all_lock);
	pthread_mutex_lock(&h->lock);
	h->ending = true;
	pthread_cond_broadcast(&h->work);
	pthread_mutex_unlock(&h->lock);
	for (unsigned i = 0; i < h->nthreads; i++)
		pthread_join(h->thread[i], NULL);
	pthread_cond_destroy(&h->work);
	pthread_mutex_destroy(&h->lock);
	free(h->name);
	free(h);
}

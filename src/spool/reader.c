/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/reader.h"

#include <stdlib.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "spool/engine.h"

void
reader_all_init(struct reader_all *all)
{
	pthread_mutex_init(&all->lock, NULL);
	list_init(&all->watches);
}

void
reader_all_done(struct reader_all *all)
{
	pthread_mutex_destroy(&all->lock);
}

void
reader_watch(struct reader_all *all, struct reader_watch *w)
{
	pthread_mutex_lock(&all->lock);
	list_push(&all->watches, &w->node);
	pthread_mutex_unlock(&all->lock);
}

void
reader_unwatch(struct reader_all *all, struct reader_watch *w)
{
	pthread_mutex_lock(&all->lock);
	list_remove(&w->node);
	pthread_mutex_unlock(&all->lock);
}

uint64_t
reader_oldest_ms(struct reader_all *all)
{
	uint64_t now_ms = clock_mono_ms(), longest = 0;

	pthread_mutex_lock(&all->lock);
	for (struct list *n = all->watches.next; n != &all->watches;
	     n = n->next) {
		uint64_t at =
		    stat_get(&LIST_OF(n, struct reader_watch, node)->since_ms);

		if (at > 0 && at < now_ms && now_ms - at > longest)
			longest = now_ms - at;
	}
	pthread_mutex_unlock(&all->lock);
	return longest;
}

struct spool_reader *
reader_new(struct spool *sp)
{
	struct spool_reader *r = mem_new(sizeof *r);

	r->sp = sp;
	r->x.st = sp->store; /* begun by the first look */
	reader_watch(&sp->readers, &r->watch);
	return r;
}

void
reader_free(struct spool_reader **r)
{
	if (!*r)
		return;
	reader_unwatch(&(*r)->sp->readers, &(*r)->watch);
	store_read_end(&(*r)->x);
	arena_done(&(*r)->arena);
	free(*r);
	*r = NULL;
}

int
reader_begin(struct spool_reader *r)
{
	stat_set(&r->watch.since_ms, clock_mono_ms());
	return store_read_renew(&r->x);
}

void
reader_end(struct spool_reader *r)
{
	if (r->x.t)
		store_read_reset(&r->x);
	arena_reset(&r->arena);
	stat_set(&r->watch.since_ms, 0);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A file system that does not answer (NFS, FUSE) holds whoever looks, for as
 * long as it likes.  So a thread of its own looks, once at a time, and nobody
 * waits for it: at the end it is left where it is, and ends by itself.
 */
#include "daemon/watcher.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/base/thread.h"
#include "postern/conf/conf.h"
#include "postern/conf/conf_seen.h"
#include "postern/io/loop.h"
#include "postern/io/mailbox.h"

/* What has not changed from one look to the next is written. */
#define LOOK_MS 250

/* Goes to the thread and comes back. */
struct look {
	struct mailbox_item item;
	struct watcher *watcher; /* main's; NULL: nobody asks any more */
	struct conf_seen *seen;  /* owned */
	uint64_t now;
	char *path; /* owned: one that changed, or NULL */
};

struct eye {
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	struct mailbox *mailbox;
	struct look *look; /* owned: for the thread to take */
	bool is_left;      /* the thread, which frees this */
};

struct watcher {
	struct timer *timer;
	struct mailbox *mailbox;
	struct eye *eye;   /* NULL: no look was needed yet */
	struct look *look; /* under way, with the eye */
	struct conf_seen
	    *seen;     /* owned; NULL: nothing was read, or look has it */
	uint64_t last; /* at the look before */
	watcher_fn *fn;
	void *arg;
};

static void
look_free(struct look **l)
{
	if (*l == NULL)
		return;
	conf_seen_free(&(*l)->seen);
	free((*l)->path);
	free(*l);
	*l = NULL;
}

/* --- the thread --------------------------------------------------------------
 */

/* NULL: it is left. */
static struct look *
take(struct eye *e)
{
	struct look *l;

	while (e->look == NULL && !e->is_left)
		pthread_cond_wait(&e->wake, &e->lock);
	l = e->look;
	e->look = NULL;
	if (e->is_left)
		look_free(&l);
	return l;
}

static void
see(struct look *l)
{
	const char *path;

	l->now = conf_seen_now(l->seen);
	path = l->now != conf_seen_then(l->seen) ? conf_seen_changed(l->seen)
	                                         : NULL;
	if (path != NULL)
		l->path = mem_str(path);
}

static void *
run(void *arg)
{
	struct eye *e = arg;
	struct look *l;

	pthread_mutex_lock(&e->lock);
	while ((l = take(e)) != NULL) {
		pthread_mutex_unlock(&e->lock);
		see(l);
		pthread_mutex_lock(&e->lock);
		if (e->is_left)
			look_free(&l);
		else
			mailbox_put(e->mailbox, &l->item);
	}
	pthread_mutex_unlock(&e->lock);
	pthread_cond_destroy(&e->wake);
	pthread_mutex_destroy(&e->lock);
	free(e);
	return NULL;
}

static struct eye *
eye_new(struct mailbox *m)
{
	struct eye *e = mem_new(sizeof *e);
	pthread_t thread;
	int rc;

	e->mailbox = m;
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->wake, NULL);
	rc = thread_start(&thread, "watch", run, e);
	assert(rc == 0); /* as good as out of memory */
	pthread_detach(thread);
	return e;
}

/* --- looks -------------------------------------------------------------------
 */

static void
on_seen(struct mailbox_item *item, void *owner)
{
	struct look *l = (struct look *)item; /* item lies first */
	struct watcher *w = l->watcher;
	uint64_t last;

	(void)owner;
	if (w != NULL) {
		last = w->last;
		w->last = l->now;
		w->look = NULL;
		w->seen = l->seen;
		l->seen = NULL;
		if (l->path != NULL && l->now == last)
			w->fn(w->arg, l->path);
	}
	look_free(&l);
}

static void
look(void *arg)
{
	struct watcher *w = arg;
	struct look *l, *old;

	timer_set(w->timer, LOOK_MS);
	if (w->look != NULL)
		return;
	if (w->eye == NULL)
		w->eye = eye_new(w->mailbox);
	l = mem_new(sizeof *l);
	l->item.deliver = on_seen;
	l->watcher = w;
	l->seen = w->seen;
	w->seen = NULL;
	w->look = l;
	pthread_mutex_lock(&w->eye->lock);
	old = w->eye->look; /* nobody asks for that any more */
	w->eye->look = l;
	pthread_cond_signal(&w->eye->wake);
	pthread_mutex_unlock(&w->eye->lock);
	look_free(&old);
}

static void
forget(struct watcher *w)
{
	if (w->look != NULL)
		w->look->watcher = NULL;
	w->look = NULL;
	conf_seen_free(&w->seen);
}

/* --- the watcher -------------------------------------------------------------
 */

struct watcher *
watcher_new(struct loop *l, struct mailbox *m, watcher_fn *fn, void *arg)
{
	struct watcher *w = mem_new(sizeof *w);

	w->timer = timer_new(l, look, w);
	w->mailbox = m;
	w->fn = fn;
	w->arg = arg;
	return w;
}

static void
leave(struct eye *e)
{
	pthread_mutex_lock(&e->lock);
	e->is_left = true;
	pthread_cond_signal(&e->wake);
	pthread_mutex_unlock(&e->lock);
}

void
watcher_free(struct watcher **w)
{
	if (*w == NULL)
		return;
	timer_free(&(*w)->timer);
	forget(*w);
	if ((*w)->eye != NULL)
		leave((*w)->eye);
	free(*w);
	*w = NULL;
}

void
watcher_use(struct watcher *w, struct conf_report *r, bool on)
{
	forget(w);
	w->seen = r->seen;
	r->seen = NULL;
	w->last = conf_seen_then(w->seen);
	if (on)
		timer_set(w->timer, LOOK_MS);
	else
		timer_stop(w->timer);
}

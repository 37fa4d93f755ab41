/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/watcher.h"

#include <stdint.h>
#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/conf/conf_seen.h"
#include "postern/io/loop.h"

/* What has not changed from one look to the next is written. */
#define LOOK_MS 250

struct watcher {
	struct timer *timer;
	struct conf_seen *seen; /* owned; NULL: nothing was read yet */
	uint64_t last;          /* at the look before */
	watcher_fn *fn;
	void *arg;
};

static void
look(void *arg)
{
	struct watcher *w = arg;
	uint64_t now = conf_seen_now(w->seen), last = w->last;
	const char *path;

	w->last = now;
	timer_set(w->timer, LOOK_MS);
	if (now == conf_seen_then(w->seen) || now != last)
		return;
	path = conf_seen_changed(w->seen);
	if (path != NULL) /* else it is as it was, by now */
		w->fn(w->arg, path);
}

struct watcher *
watcher_new(struct loop *l, watcher_fn *fn, void *arg)
{
	struct watcher *w = mem_new(sizeof *w);

	w->timer = timer_new(l, look, w);
	w->fn = fn;
	w->arg = arg;
	return w;
}

void
watcher_free(struct watcher **w)
{
	if (*w == NULL)
		return;
	timer_free(&(*w)->timer);
	conf_seen_free(&(*w)->seen);
	free(*w);
	*w = NULL;
}

void
watcher_use(struct watcher *w, struct conf_report *r, bool on)
{
	conf_seen_free(&w->seen);
	w->seen = r->seen;
	r->seen = NULL;
	w->last = conf_seen_then(w->seen);
	if (on)
		timer_set(w->timer, LOOK_MS);
	else
		timer_stop(w->timer);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/health.h"

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "spool/store.h"

struct health_entry {
	struct health_entry *next;
	char *provider;  /* owned */
	bool due, flown; /* to be written; written, not yet committed */
	size_t n;
	char p[HEALTH_MAX];
};

struct health {
	pthread_mutex_t lock;
	struct health_entry *first; /* owned; one a provider */
};

struct health *
health_new(void)
{
	struct health *h = mem_new(sizeof *h);

	pthread_mutex_init(&h->lock, NULL);
	return h;
}

void
health_free(struct health **h)
{
	struct health_entry *e, *next;

	if (!*h)
		return;
	for (e = (*h)->first; e; e = next) {
		next = e->next;
		free(e->provider);
		free(e);
	}
	pthread_mutex_destroy(&(*h)->lock);
	free(*h);
	*h = NULL;
}

void
health_put(struct health *h, const char *provider, const void *p, size_t n)
{
	struct health_entry *e;

	assert(n <= HEALTH_MAX && provider[0] && strlen(provider) < 64);
	pthread_mutex_lock(&h->lock);
	for (e = h->first; e && strcmp(e->provider, provider) != 0;)
		e = e->next;
	if (!e) {
		e = mem_new(sizeof *e);
		e->provider = mem_str(provider);
		e->next = h->first;
		h->first = e;
	}
	memcpy(e->p, p, n);
	e->n = n;
	e->due = true;
	pthread_mutex_unlock(&h->lock);
}

int
health_flush(struct health *h, struct store_txn *x)
{
	int rc = 0;

	pthread_mutex_lock(&h->lock);
	for (struct health_entry *e = h->first; e && rc == 0; e = e->next) {
		if (!e->due)
			continue;
		rc = store_put(x, STORE_PROV, str_of(e->provider),
		    (struct str){ e->p, e->n });
		e->due = false;
		e->flown = true;
	}
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
health_end(struct health *h, int committed)
{
	pthread_mutex_lock(&h->lock);
	for (struct health_entry *e = h->first; e; e = e->next) {
		if (e->flown && !committed)
			e->due = true;
		e->flown = false;
	}
	pthread_mutex_unlock(&h->lock);
}

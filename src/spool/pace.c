/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/pace.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/base/stat.h"

#define SLOT_US UINT64_C(5000000)

/* Two slots, the older one full; time moves them on also where no commit
 * comes. */
struct pace {
	pthread_mutex_t lock;
	uint64_t began_us; /* 0: none is under way */
	uint64_t slot_us;  /* when the newer slot began */
	struct stat_histogram newer, older;
};

struct pace *
pace_new(void)
{
	struct pace *p = mem_new(sizeof *p);

	pthread_mutex_init(&p->lock, NULL);
	return p;
}

void
pace_free(struct pace **p)
{
	if (*p == NULL)
		return;
	pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

static void
move_on(struct pace *p, uint64_t now_us)
{
	if (now_us - p->slot_us < SLOT_US)
		return;
	if (now_us - p->slot_us < 2 * SLOT_US)
		p->older = p->newer;
	else
		memset(&p->older, 0, sizeof p->older);
	memset(&p->newer, 0, sizeof p->newer);
	p->slot_us = now_us - (now_us - p->slot_us) % SLOT_US;
}

void
pace_begin(struct pace *p, uint64_t now_us)
{
	pthread_mutex_lock(&p->lock);
	p->began_us = now_us;
	pthread_mutex_unlock(&p->lock);
}

void
pace_end(struct pace *p, uint64_t now_us)
{
	pthread_mutex_lock(&p->lock);
	move_on(p, now_us);
	stat_observe(&p->newer, now_us - p->began_us);
	p->began_us = 0;
	pthread_mutex_unlock(&p->lock);
}

void
pace_cancel(struct pace *p)
{
	pthread_mutex_lock(&p->lock);
	p->began_us = 0;
	pthread_mutex_unlock(&p->lock);
}

uint64_t
pace_p99(struct pace *p, uint64_t now_us)
{
	struct stat_histogram both;
	uint64_t n;

	pthread_mutex_lock(&p->lock);
	move_on(p, now_us);
	both = p->newer;
	stat_merge(&both, &p->older);
	pthread_mutex_unlock(&p->lock);
	n = stat_get(&both.count);
	if (n < 2)
		return 0;
	return stat_quantile(
	    &both, n < 100 ? (double)(n - 1) / (double)n : 0.99);
}

uint64_t
pace_under_way(struct pace *p, uint64_t now_us)
{
	uint64_t us = 0;

	pthread_mutex_lock(&p->lock);
	if (p->began_us != 0 && now_us > p->began_us)
		us = now_us - p->began_us;
	pthread_mutex_unlock(&p->lock);
	return us;
}

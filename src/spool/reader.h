/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/reader - what a reader of the spool is: begin, look, end.
 */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include <pthread.h>

#include "postern/base/err.h"
#include "postern/base/list.h"
#include "postern/base/stat.h"

#include "spool/arena.h"
#include "spool/store.h"

struct spool;

/* A look that has begun keeps the pages that were in use then from being used
 * again, so that it is told how long one lasts.  The lock is taken where
 * readers come and go, and by who asks. */
struct reader_all {
	pthread_mutex_t lock;
	struct list watches;
};

struct reader_watch {
	struct list node;
	struct stat_counter since_ms; /* monotonic; 0: none is under way */
};

struct spool_reader {
	struct spool *sp;
	struct reader_watch watch;
	struct store_txn x;
	struct arena arena;
};

void reader_all_init(struct reader_all *all);
void reader_all_done(struct reader_all *all);
void reader_watch(struct reader_all *all, struct reader_watch *w);
void reader_unwatch(struct reader_all *all, struct reader_watch *w);
uint64_t reader_oldest_ms(struct reader_all *all); /* it lasts; 0: none does */

struct spool_reader *reader_new(struct spool *sp);
void reader_free(struct spool_reader **r);
MUST_CHECK int reader_begin(struct spool_reader *r);
void reader_end(struct spool_reader *r); /* also after a failed begin */

#endif

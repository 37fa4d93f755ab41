/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/reader - what a reader of the spool is: begin, look, end.
 */
#ifndef SPOOL_READER_H
#define SPOOL_READER_H

#include "postern/base/err.h"

#include "spool/arena.h"
#include "spool/store.h"

struct spool;

struct spool_reader {
	struct spool *sp;
	struct store_txn x;
	struct arena arena;
};

struct spool_reader *reader_new(struct spool *sp);
void reader_free(struct spool_reader **r);
MUST_CHECK int reader_begin(struct spool_reader *r);
void reader_end(struct spool_reader *r); /* also after a failed begin */

#endif

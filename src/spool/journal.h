/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/journal - what happened to messages: the events of a commit, packed
 * into as few values as they fit.  The writer's.
 *
 * A value: u8 1, sig ms, then events: u8 kind, u8 what follows, u8 what else
 * follows, u64 mid, num n, num code, u32 sender, u32 message id, u32 provider
 * id, text provider (or: that of the event before), num uid, num route, u8 why,
 * text client (or: as before), text cause, text enhanced, text reply (or: as
 * before), num count, u32 recipients...  Older ones have no second flags,
 * nothing of what those tell of, and u16 for u32.
 */
#ifndef SPOOL_JOURNAL_H
#define SPOOL_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/spool/spool.h"

struct store_txn;

struct journal {
	size_t value_max;
	uint64_t last;      /* key of the last value committed */
	uint64_t flushed;   /* ... of the last one written */
	unsigned char *mem; /* owned: values of at most value_max each */
	size_t *len;        /* owned: their lengths */
	size_t n, cap;
	struct spool_event before; /* the last one in the last value */
};

void journal_init(struct journal *j, size_t value_max);
void journal_done(struct journal *j);
MUST_CHECK int journal_load(struct journal *j, struct store_txn *x);
void journal_add(
    struct journal *j, int64_t now_ms, const struct spool_event *e);
/* Writes what was added and drops the oldest beyond max_pages.  The keys
 * are not below the one given, nor below those before. */
MUST_CHECK int journal_flush(
    struct journal *j, struct store_txn *x, uint64_t key, uint64_t max_pages);
void journal_commit(struct journal *j);
void journal_abort(struct journal *j);
/* Events of a value: how many (at most max), -1: it cannot be read. */
MUST_CHECK int journal_read(struct str v, struct spool_event *out, size_t max);

#endif

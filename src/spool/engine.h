/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/engine - what a spool is made of.  Private to the layer.
 * Threads: "writer" is the spool's own thread (or, before spool_start(), the
 * one that opens it); everything else says who may touch it.
 */
#ifndef SPOOL_ENGINE_H
#define SPOOL_ENGINE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/stat.h"
#include "postern/spool/spool.h"
#include "postern/spool/spool_ops.h"

#include "spool/counts.h"
#include "spool/journal.h"
#include "spool/reader.h"
#include "spool/space.h"

struct flight;
struct store;
struct writer;

/* Settings that a reload may change; any thread. */
struct engine_limits {
	_Atomic uint64_t memory_max, journal_max, size_max, min_free, ballast,
	    dead_keep_ms, dead_size_max;
};

struct spool {
	char *directory; /* owned */
	int lock_fd;     /* holds the flock */
	struct store *store;
	size_t inline_max; /* content up to this lies in msg */
	struct engine_limits limits;
	struct counts counts;   /* writer */
	struct journal journal; /* writer */
	bool gc_left;           /* writer: content waits for the gc tick */
	struct space space;
	struct reader_all readers;
	struct flight *flight; /* relay thread */
	struct writer *writer;
	struct mailbox *ready_to; /* before spool_start() */
	spool_ready_fn *ready_fn;
	void (*fatal_fn)(void *arg, const struct err *err);
	void *fatal_arg;
	uint64_t flush_us, poisoned, doubted;
	char drop[SPOOL_DROP_MAX]; /* as it was at the start */
	unsigned char secret[SPOOL_SECRET];
	_Atomic uint64_t last_mid;
	_Atomic size_t memory;
	struct stat_counter commits, operations;
	struct stat_histogram commit_us, batch; /* us; operations */
};

static inline uint64_t
engine_limit(const _Atomic uint64_t *v)
{
	return atomic_load_explicit(
	    (_Atomic uint64_t *)(uintptr_t)v, memory_order_relaxed);
}

/* The envelope's content may stay in memory for the relay: it is charged (if
 * it was not yet) and there is room. */
bool engine_memory_keep(struct spool *sp, struct envelope *env);

#endif

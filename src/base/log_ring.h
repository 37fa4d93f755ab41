/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_ring - whole lines from one thread to the logger: one producer, one
 * consumer, no lock, nobody waits.  What does not fit is dropped and counted.
 */
#ifndef BASE_LOG_RING_H
#define BASE_LOG_RING_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOG_RING_BYTES ((size_t)256 * 1024) /* a power of two */

struct log_ring {
	struct log_ring *next; /* the list of all, see log.c */
	char name[16];
	uint64_t told;                 /* drops logged; the logger's own */
	alignas(64) atomic_size_t put; /* bytes put in since the start */
	_Atomic uint64_t dropped;      /* lines */
	alignas(64) atomic_size_t taken;
	char mem[LOG_RING_BYTES];
};

struct log_ring *log_ring_new(const char *name); /* freed with free(3) */
/* Producer.  A line ends with '\n'.  False: dropped. */
bool log_ring_put(struct log_ring *r, const char *line, size_t n);
/* Consumer: as many whole lines as fit; how many bytes. */
size_t log_ring_take(struct log_ring *r, char *out, size_t max);
size_t log_ring_used(const struct log_ring *r);

#endif

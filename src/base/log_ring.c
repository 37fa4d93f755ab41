/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_ring.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

struct log_ring *
log_ring_new(const char *name)
{
	struct log_ring *r = aligned_alloc(64, sizeof *r);

	if (!r)
		return mem_new(SIZE_MAX); /* ends the process */
	memset(r, 0, offsetof(struct log_ring, mem));
	snprintf(r->name, sizeof r->name, "%s", name);
	return r;
}

size_t
log_ring_used(const struct log_ring *r)
{
	size_t put = atomic_load(&((struct log_ring *)(uintptr_t)r)->put);

	return put - atomic_load(&((struct log_ring *)(uintptr_t)r)->taken);
}

bool
log_ring_put(struct log_ring *r, const char *line, size_t n)
{
	size_t put = atomic_load_explicit(&r->put, memory_order_relaxed);
	size_t taken = atomic_load_explicit(&r->taken, memory_order_acquire);
	size_t at = put % LOG_RING_BYTES, first = LOG_RING_BYTES - at;

	if (n > LOG_RING_BYTES - (put - taken)) {
		atomic_fetch_add(&r->dropped, 1);
		return false;
	}
	if (first > n)
		first = n;
	memcpy(r->mem + at, line, first);
	memcpy(r->mem, line + first, n - first);
	atomic_store(&r->put, put + n); /* in order with the writer's sleep */
	return true;
}

static size_t
whole_lines(const char *p, size_t n)
{
	const char *end = n ? memrchr(p, '\n', n) : NULL;

	return end ? (size_t)(end - p) + 1 : 0;
}

size_t
log_ring_take(struct log_ring *r, char *out, size_t max)
{
	size_t taken = atomic_load_explicit(&r->taken, memory_order_relaxed);
	size_t n = log_ring_used(r);
	size_t at = taken % LOG_RING_BYTES, first = LOG_RING_BYTES - at;

	if (n > max)
		n = max;
	if (first > n)
		first = n;
	memcpy(out, r->mem + at, first);
	memcpy(out + first, r->mem, n - first);
	n = whole_lines(out, n);
	atomic_store_explicit(&r->taken, taken + n, memory_order_release);
	return n;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/buf.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define FIRST_CAP 256

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void
buf_done(struct buf *b)
{
	free(b->mem);
	buf_init(b, b->max);
}

char *
buf_at(struct buf *b)
{
	return b->mem != NULL ? b->mem + b->start : NULL;
}

struct str
buf_str(const struct buf *b)
{
	return (struct str){ b->len ? b->mem + b->start : "", b->len };
}

/* Twice as much, but not beyond 1.5 max: with move() below, that is always
 * room enough. */
static void
grow(struct buf *b, size_t need)
{
	size_t most = b->max < SIZE_MAX / 2 ? b->max + b->max / 2 : b->max;
	size_t cap = b->cap ? b->cap * 2 : FIRST_CAP;
	char *mem;

	if (cap > most)
		cap = most;
	if (cap < need)
		cap = need;
	mem = mem_resize(NULL, cap);
	if (b->len)
		memcpy(mem, b->mem + b->start, b->len);
	free(b->mem);
	b->mem = mem;
	b->start = 0;
	b->cap = cap;
}

/* n more bytes of memory.  Bytes are moved to the front only when at least
 * half as many have left: each byte moves at most twice on average. */
static char *
ensure(struct buf *b, size_t n)
{
	if (b->cap - b->start - b->len < n) {
		if (b->cap - b->len >= n && b->start >= b->len / 2) {
			memmove(b->mem, b->mem + b->start, b->len);
			b->start = 0;
		} else {
			grow(b, b->len + n);
		}
	}
	return b->mem + b->start + b->len;
}

char *
buf_room(struct buf *b, size_t n)
{
	if (n > b->max - b->len)
		return NULL;
	return ensure(b, n ? n : 1);
}

void
buf_wrote(struct buf *b, size_t n)
{
	assert(n <= b->cap - b->start - b->len && n <= b->max - b->len);
	b->len += n;
}

int
buf_add(struct buf *b, const void *p, size_t n)
{
	char *at;

	if (n == 0)
		return 0;
	at = buf_room(b, n);
	if (!at)
		return -1;
	memcpy(at, p, n);
	b->len += n;
	return 0;
}

int
buf_adds(struct buf *b, const char *s)
{
	return buf_add(b, s, strlen(s));
}

int
buf_addf(struct buf *b, const char *fmt, ...)
{
	size_t room = b->cap - b->start - b->len;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(room ? b->mem + b->start + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n > b->max - b->len)
		return -1;
	if ((size_t)n >= room) { /* again, with room for the NUL too */
		char *at = ensure(b, (size_t)n + 1);

		va_start(ap, fmt);
		vsnprintf(at, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	b->len += (size_t)n;
	return 0;
}

void
buf_drop(struct buf *b, size_t n)
{
	assert(n <= b->len);
	b->len -= n;
	b->start = b->len ? b->start + n : 0;
}

void
buf_clear(struct buf *b)
{
	b->start = b->len = 0;
}

void
buf_release(struct buf *b)
{
	if (b->len == 0)
		buf_done(b);
}

void
buf_wipe(struct buf *b)
{
	mem_wipe(b->mem, b->cap);
	buf_done(b);
}

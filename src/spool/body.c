/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/spool/body.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#define BODY_FIRST 4096u

struct body {
	_Atomic uint32_t refs;
	char *p; /* owned, cap bytes */
	size_t len, cap, max;
	body_release_fn *release; /* NULL: charged to nobody */
	void *arg;
	size_t charged;
};

struct body *
body_new(size_t max)
{
	struct body *b = mem_new(sizeof *b);

	atomic_init(&b->refs, 1);
	b->max = max;
	return b;
}

struct body *
body_ref(struct body *b)
{
	atomic_fetch_add_explicit(&b->refs, 1, memory_order_relaxed);
	return b;
}

void
body_free(struct body **b)
{
	struct body *x = *b;

	*b = NULL;
	if (!x ||
	    atomic_fetch_sub_explicit(&x->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (x->release)
		x->release(x->arg, x->charged);
	free(x->p);
	free(x);
}

int
body_add(struct body *b, const void *p, size_t n)
{
	size_t cap = b->cap ? b->cap : BODY_FIRST;

	if (n > b->max - b->len)
		return -1;
	if (n == 0)
		return 0;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	if (cap > b->cap) {
		b->p = mem_resize(b->p, cap);
		b->cap = cap;
	}
	memcpy(b->p + b->len, p, n);
	b->len += n;
	return 0;
}

struct str
body_str(const struct body *b)
{
	return (struct str){ b->len ? b->p : "", b->len };
}

void
body_charge(struct body *b, body_release_fn *fn, void *arg, size_t n)
{
	assert(!b->release || (b->release == fn && b->arg == arg));
	b->release = fn;
	b->arg = arg;
	b->charged += n;
}

size_t
body_charged(const struct body *b)
{
	return b->charged;
}

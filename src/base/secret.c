/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/secret.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

struct secret {
	atomic_uint refs;
	size_t len;
	char text[]; /* with a NUL behind */
};

struct secret *
secret_new(const char *p, size_t n)
{
	struct secret *s = mem_new(sizeof *s + n + 1);

	atomic_init(&s->refs, 1);
	s->len = n;
	if (n)
		memcpy(s->text, p, n);
	return s;
}

struct secret *
secret_ref(struct secret *s)
{
	if (s)
		atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	return s;
}

void
secret_free(struct secret **s)
{
	struct secret *gone = *s;

	*s = NULL;
	if (!gone ||
	    atomic_fetch_sub_explicit(&gone->refs, 1, memory_order_acq_rel) > 1)
		return;
	mem_wipe(gone->text, gone->len);
	free(gone);
}

struct str
secret_str(const struct secret *s)
{
	return s ? (struct str){ s->text, s->len } : STR("");
}

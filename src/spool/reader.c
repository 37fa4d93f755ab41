/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/reader.h"

#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "spool/engine.h"

struct spool_reader *
reader_new(struct spool *sp)
{
	struct spool_reader *r = mem_new(sizeof *r);

	r->sp = sp;
	r->x.st = sp->store; /* begun by the first look */
	return r;
}

void
reader_free(struct spool_reader **r)
{
	if (!*r)
		return;
	store_read_end(&(*r)->x);
	arena_done(&(*r)->arena);
	free(*r);
	*r = NULL;
}

int
reader_begin(struct spool_reader *r)
{
	return store_read_renew(&r->x);
}

void
reader_end(struct spool_reader *r)
{
	if (r->x.t)
		store_read_reset(&r->x);
	arena_reset(&r->arena);
}

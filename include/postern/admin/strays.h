/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/strays - how many dead letters are for users of this host whom nobody
 * reads for.  They are counted, SPOOL_WALK_LOOKS or so dead letters in a look,
 * whenever the number of these is another one and no count is under way.  Main
 * thread.
 */
#ifndef ADMIN_STRAYS_H
#define ADMIN_STRAYS_H

#include <stdint.h>

struct spool;
struct spool_stats;
struct strays;

struct strays *strays_new(struct spool *sp);
void strays_free(struct strays **s); /* before the spool; NULL is fine */
/* As of the last time that all were counted. */
uint64_t strays_look(struct strays *s, const struct spool_stats *st);

#endif

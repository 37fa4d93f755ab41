/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/pace - how long commits take lately: within the last five to ten
 * seconds.  The writer tells, any thread asks; times are the writer's clock,
 * us.
 */
#ifndef SPOOL_PACE_H
#define SPOOL_PACE_H

#include <stdint.h>

struct pace;

struct pace *pace_new(void);
void pace_free(struct pace **p);
void pace_begin(struct pace *p, uint64_t now_us); /* a commit is under way */
void pace_end(struct pace *p, uint64_t now_us);   /* it is done */
void pace_cancel(struct pace *p);                 /* it came to nothing */
/* The slowest but one in a hundred, and but one in any case: a single slow
 * commit says nothing about a disk.  0: there were too few. */
uint64_t pace_p99(struct pace *p, uint64_t now_us);
/* For how long the one under way has been; 0: none is. */
uint64_t pace_under_way(struct pace *p, uint64_t now_us);

#endif

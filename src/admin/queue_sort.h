/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/queue_sort - the first rows of a queue of any length by one of their
 * numbers, in the memory of these alone.
 */
#ifndef ADMIN_QUEUE_SORT_H
#define ADMIN_QUEUE_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct filter_subject;
struct queue_sort;

#define QUEUE_SORT_USUAL 100 /* rows, where nobody says how many */
#define QUEUE_SORT_MAX 1000

/* by: a field of filters that is a number, the greatest first; with "-" before
 * it the least.  limit 0: QUEUE_SORT_USUAL.  -1: err->text is what is wrong;
 * what to write. */
MUST_CHECK int queue_sort_new(
    struct queue_sort **q, struct str by, uint64_t limit, struct err *err);
void queue_sort_free(struct queue_sort **q);
void queue_sort_add(struct queue_sort *q, const struct filter_subject *s);
/* Lines as of control_call_line(), in order; rows that are equal as they came.
 */
void queue_sort_each(
    struct queue_sort *q, void (*fn)(void *arg, struct str line), void *arg);

#endif

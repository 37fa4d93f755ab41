/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/body - a message's content in memory, reference-counted: it is written
 * by the one who receives it and immutable once it has been handed to the
 * spool; the relay then delivers from the same bytes.
 */
#ifndef SPOOL_BODY_H
#define SPOOL_BODY_H

#include <stddef.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct body;

struct body *body_new(size_t max);
struct body *body_ref(struct body *b); /* any thread */
void body_free(struct body **b);       /* drops a reference */
/* -1: beyond max.  Only before it is shared. */
MUST_CHECK int body_add(struct body *b, const void *p, size_t n);
struct str body_str(const struct body *b);
/* fn(arg, n) is called when the last reference goes: the n bytes it holds were
 * taken from a budget.  Again with the same fn and arg: n is added.  Only
 * before it is shared, or by the spool. */
typedef void body_release_fn(void *arg, size_t n);
void body_charge(struct body *b, body_release_fn *fn, void *arg, size_t n);
size_t body_charged(const struct body *b);

#endif

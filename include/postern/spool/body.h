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

#endif

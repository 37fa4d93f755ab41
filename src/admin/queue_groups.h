/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/queue_groups - counts deliveries by the values of some fields.  Its
 * memory is bounded: what comes beyond the groups that it keeps is counted
 * together.  One thread at a time.
 */
#ifndef ADMIN_QUEUE_GROUPS_H
#define ADMIN_QUEUE_GROUPS_H

#include <jansson.h>
#include <stddef.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

struct filter_subject;
struct queue_groups;

#define QUEUE_GROUPS_FIELDS 4
#define QUEUE_GROUPS_MAX 4096

/* fields: names with commas between; "": all in one group.  -1: err->text is
 * what is wrong; what to write. */
MUST_CHECK int queue_groups_new(
    struct queue_groups **g, struct str fields, struct err *err);
void queue_groups_free(struct queue_groups **g);
void queue_groups_add(struct queue_groups *g, const struct filter_subject *s);
/* Most first; {"provider":"ses","count":3,"bytes":12000}, the last one perhaps
 * {"others":true,...}.  fn takes the row. */
void queue_groups_each(
    struct queue_groups *g, void (*fn)(void *arg, json_t *row), void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/queue_row - a delivery as an object of JSON, the same wherever an
 * operator is shown one.  Any thread.
 */
#ifndef ADMIN_QUEUE_ROW_H
#define ADMIN_QUEUE_ROW_H

#include <jansson.h>
#include <stddef.h>

struct filter_subject;

/* At most so many recipients; "nrcpts" says how many there are. */
#define QUEUE_ROW_RCPTS 16
json_t *queue_row_json(const struct filter_subject *s, size_t rcpts_max);

#endif

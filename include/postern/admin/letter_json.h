/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/letter_json - a message without its content as a JSON object, and back:
 * envelope, and how each of its deliveries is.  postern(8) has every key.
 */
#ifndef ADMIN_LETTER_JSON_H
#define ADMIN_LETTER_JSON_H

#include <jansson.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

/* A route's name, borrowed; "" where it is not known. */
typedef const char *letter_json_route_fn(void *arg, uint32_t route);

/* What is no UTF-8, in a reply perhaps, is shown as "?". */
json_t *letter_json(
    const struct spool_whole *w, letter_json_route_fn *route, void *arg);

struct letter_json {
	struct spool_whole whole;        /* without content; routes are 0 */
	char (*route)[SPOOL_ROUTE_NAME]; /* the name of each delivery's */
};
/* Believes nothing: what cannot have come from a spool is refused, and *err
 * names the key.  0: *l is the caller's to letter_json_done(). */
MUST_CHECK int letter_json_read(
    const json_t *j, struct letter_json *l, struct err *err);
void letter_json_done(struct letter_json *l);

#endif

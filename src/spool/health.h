/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/health - what is known of the providers, waiting for a commit to ride
 * with: by name, the last one wins.  Any thread puts, the writer flushes.
 */
#ifndef SPOOL_HEALTH_H
#define SPOOL_HEALTH_H

#include <stddef.h>

#include "postern/base/err.h"

struct health;
struct store_txn;

#define HEALTH_MAX 512 /* bytes of one provider */

struct health *health_new(void);
void health_free(struct health **h);
void health_put(
    struct health *h, const char *provider, const void *p, size_t n);
MUST_CHECK int health_flush(struct health *h, struct store_txn *x);
void health_end(struct health *h, int committed); /* of what was flushed */

#endif

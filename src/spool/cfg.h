/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/cfg - the table cfg: what format it is, how the last stop was.
 */
#ifndef SPOOL_CFG_H
#define SPOOL_CFG_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

struct store_txn;

#define CFG_FORMAT 1 /* a spool of this one, and of one less, can be opened */

/* Writes it into a fresh store, or checks it: -1 *err says what is wrong with
 * the spool in directory. */
MUST_CHECK int cfg_make(struct store_txn *x, int64_t now_ms);
MUST_CHECK int cfg_check(
    struct store_txn *x, const char *directory, struct err *err);
MUST_CHECK int cfg_put_stop(struct store_txn *x, bool clean, uint64_t last_mid);
MUST_CHECK int cfg_get_stop(
    struct store_txn *x, bool *clean, uint64_t *last_mid);
/* The drop file that was taken last; SPOOL_DROP_MAX bytes. */
MUST_CHECK int cfg_put_drop(struct store_txn *x, const char *drop);
MUST_CHECK int cfg_get_drop(struct store_txn *x, char *drop);
/* SPOOL_SECRET bytes, drawn when there are none. */
MUST_CHECK int cfg_own_secret(struct store_txn *x, unsigned char *secret);

#endif

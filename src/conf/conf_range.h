/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_range - the table's column "range": "off|1s..1h", "a|b|c".  Pure.
 */
#ifndef CONF_CONF_RANGE_H
#define CONF_CONF_RANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#include "conf/conf_table.h"

/* The place of word among the range's words, -1: it is none of them. */
int conf_range_word(const struct conf_key *k, struct str word);
/* "write "a", "b" or "c"", with a "did you mean" where one is near. */
int conf_range_bad_word(
    const struct conf_key *k, struct str word, struct err *err);
/* Is v (of the key's unit) within the bounds?  -1 *err says which. */
MUST_CHECK int conf_range_check(
    const struct conf_key *k, uint64_t v, struct err *err);
MUST_CHECK int conf_range_check_factor(
    const struct conf_key *k, double v, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/id - message ids.  44 bits of ms since 1970, 20 bits of counter;
 * printed as 13 characters of base32 (digits and lower case letters without
 * i l o u), so that text order is id order.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#define ID_TEXT 14 /* with NUL */

void id_text(uint64_t id, char out[ID_TEXT]);
/* 0, or -1: that is none; neither is 0. */
MUST_CHECK int id_parse(struct str text, uint64_t *id);
static inline int64_t
id_ms(uint64_t id)
{
	return (int64_t)(id >> 20);
}
static inline uint64_t
id_first(int64_t ms) /* the lowest id of that ms */
{
	return (uint64_t)ms << 20;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/member - the text of a member of a JSON object.
 */
#ifndef RELAY_MEMBER_H
#define RELAY_MEMBER_H

#include <jansson.h>

#include "postern/base/str.h"

/* "": it has none of that name, or it is no text. */
struct str member_text(const json_t *o, const char *key);

#endif

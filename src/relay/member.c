/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/member.h"

struct str
member_text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v)
	           ? (struct str){ json_string_value(v), json_string_length(v) }
	           : STR("");
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/id.h"

#include <string.h>

static const char alphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

void
id_text(uint64_t id, char out[ID_TEXT])
{
	for (int i = ID_TEXT - 2; i >= 0; i--) {
		out[i] = alphabet[id & 31];
		id >>= 5;
	}
	out[ID_TEXT - 1] = '\0';
}

int
id_parse(struct str text, uint64_t *id)
{
	uint64_t v = 0;

	if (text.len != ID_TEXT - 1 || text.p[0] > 'f')
		return -1; /* the first one holds 4 bits only */
	for (size_t i = 0; i < text.len; i++) {
		const char *at = memchr(alphabet, text.p[i], 32);

		if (!at)
			return -1;
		v = v << 5 | (uint64_t)(at - alphabet);
	}
	if (v == 0)
		return -1; /* no message's, and "all of them" where they are
		              looked for */
	*id = v;
	return 0;
}

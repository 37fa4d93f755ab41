/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_hash.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/smtp/digest.h"

#include "conf/conf_read.h"

void
conf_hash(const struct conf_read *r, char out[CONF_HASH_TEXT])
{
	unsigned char digest[DIGEST_LEN];
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	assert(f != NULL);
	for (size_t i = 0; i < r->nfiles; i++)
		config_write(&r->file[i]->tree, f);
	(void)fclose(f);
	digest_sha256(digest, (struct str){ text, n });
	for (size_t i = 0; i < (CONF_HASH_TEXT - 1) / 2; i++)
		(void)snprintf(out + 2 * i, 3, "%02x", digest[i]);
	free(text);
}

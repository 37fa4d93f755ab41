/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token endpoint's reply: the first octet chooses status, the rest is the
 * body.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/relay/oauth_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const long statuses[] = { 200, 400, 401, 429, 500 };
	struct oauth_reply r;
	struct oauth_device d;
	struct str body;
	char why[256] = "";
	long status;

	if (size == 0)
		return 0;
	status = statuses[data[0] % (sizeof statuses / sizeof statuses[0])];
	body = (struct str){ (const char *)data + 1, size - 1 };
	oauth_reply_read(&r, status, body, 0);
	assert((r.kind == OAUTH_REPLY_TOKEN) == (r.access != NULL));
	assert(r.kind == OAUTH_REPLY_TOKEN || r.why[0] != '\0');
	assert(strlen(r.why) < sizeof r.why);
	oauth_reply_done(&r);
	if (oauth_reply_device(&d, status, body, why))
		assert(d.user_code[0] != '\0' && d.url[0] != '\0');
	else
		assert(why[0] != '\0');
	oauth_reply_device_done(&d);
	return 0;
}

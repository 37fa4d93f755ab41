/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said of a header does not change when more follows; no more is asked
 * for than the header has; nothing behind it is looked at.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "inlet/proxy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_bounds(enum proxy_status is, const struct proxy_header *h, size_t n)
{
	char text[ADDR_TEXT];

	assert((is == PROXY_BAD) == (h->fault != NULL));
	if (is == PROXY_MORE)
		assert(h->need > 0 && n + h->need <= PROXY_MAX);
	if (is != PROXY_DONE)
		return;
	assert(h->len > 0 && h->len <= n && h->len <= PROXY_MAX);
	if (h->has_client) {
		addr_text(&h->client, text);
		assert(text[0] != '\0');
	}
}

/* As a session does it: only what is asked for is read. */
static void
step_by_step(const char *p, size_t size, enum proxy_status whole,
    const struct proxy_header *want)
{
	enum proxy_status is = PROXY_MORE;
	struct proxy_header h;
	size_t n = 0;

	for (;;) {
		char *shown = mem_dup(p, n); /* of that size, for ASan */

		is = proxy_parse((struct str){ shown, n }, &h);
		check_bounds(is, &h, n);
		free(shown);
		if (is != PROXY_MORE || n == size)
			break;
		n = h.need < size - n ? n + h.need : size;
	}
	if (whole == PROXY_DONE) {
		assert(is == PROXY_DONE && n == want->len);
		assert(h.has_client == want->has_client);
		assert(memcmp(&h.client, &want->client, sizeof h.client) == 0);
	} else {
		assert(is == whole);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct proxy_header h;
	enum proxy_status is;

	if (size == 0)
		return 0;
	is = proxy_parse(in, &h);
	check_bounds(is, &h, size);
	step_by_step(in.p, size, is, &h);
	return 0;
}

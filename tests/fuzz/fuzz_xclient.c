/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is taken of XCLIENT may stand in a line of the log and in a header.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "inlet/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_text(const struct xclient_text *t)
{
	size_t n = strnlen(t->text, sizeof t->text);

	assert(n <= XCLIENT_VALUE_MAX);
	assert((t->given == XCLIENT_KNOWN) == (n > 0));
	for (size_t i = 0; i < n; i++)
		assert(t->text[i] >= ' ' && t->text[i] < 0x7f);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *in = mem_dup(data, size); /* of that size, for ASan */
	const char *fault = "";
	char text[ADDR_TEXT];
	struct xclient x;
	int rc = xclient_parse(&x, (struct str){ in, size }, &fault);

	free(in);
	assert((rc == 0) == (fault == NULL));
	if (rc != 0)
		return 0;
	check_text(&x.name);
	check_text(&x.helo);
	check_text(&x.login);
	check_text(&x.proto);
	if (x.has_addr == XCLIENT_KNOWN) {
		addr_text(&x.addr, text);
		assert(text[0] != '\0' && !addr_is_unix(&x.addr));
	}
	return 0;
}

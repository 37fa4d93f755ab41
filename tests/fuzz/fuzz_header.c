/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says how the rest is cut: cuts change nothing. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/mail/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
scan(struct header_scan *h, const char *p, size_t n, size_t step)
{
	header_scan_init(h);
	for (size_t at = 0; at < n; at += step)
		header_scan(h, p + at, n - at < step ? n - at : step);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct header_scan a, b;
	struct str id;

	if (size == 0)
		return 0;
	scan(&a, p, size - 1, 1 + data[0] % 16);
	scan(&b, p, size - 1, size);
	assert(a.is_over == b.is_over && a.received == b.received);
	assert(a.has_date == b.has_date && a.has_from == b.has_from);
	assert(a.has_message_id == b.has_message_id);
	id = header_scan_id(&a);
	assert(str_eq(id, header_scan_id(&b)) && id.len <= HEADER_ID_MAX);
	for (size_t i = 0; i < id.len; i++)
		assert((unsigned char)id.p[i] >= ' ' && id.p[i] != 0x7f);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first byte says how the rest is cut.  Cuts change nothing; what comes
 * out can be shown; codes are codes and enhanced codes are of their class.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/mem.h"
#include "smtp/capability.h"
#include "smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct reply *r)
{
	struct str text = { r->text, r->text_len };

	assert(r->code >= 100 && r->code <= 599);
	assert(r->text_len < sizeof r->text && r->text[r->text_len] == '\0');
	assert(str_utf8_valid(text));
	for (size_t i = 0; i < text.len; i++)
		assert((unsigned char)text.p[i] >= ' ' && text.p[i] != 0x7f);
	assert(r->enhanced[0] == '\0' || r->enhanced[0] == '0' + r->code / 100);
	assert(strspn(r->enhanced, "0123456789.") == strlen(r->enhanced));
	assert(r->lines <= REPLY_LINES_MAX && r->bytes <= REPLY_BYTES_MAX);
}

static void
on_line(void *arg, unsigned index, struct str text)
{
	struct capability *c = arg;

	capability_line(c, index, text);
	for (size_t i = 0; i < strlen(c->auth); i++)
		assert(c->auth[i] >= ' ' && c->auth[i] < 0x7f);
}

static void
play(const char *p, size_t n, size_t step, struct buf *seen)
{
	struct reply *r = mem_new(sizeof *r);
	struct capability c = { 0 };

	reply_init(r, on_line, &c);
	while (n > 0) {
		size_t part = n < step ? n : step, taken;
		enum reply_result res = reply_feed(r, p, part, &taken);

		if (res == REPLY_BAD) {
			assert(r->fault != NULL);
			assert(buf_adds(seen, r->fault) == 0);
			break;
		}
		assert(taken == part || res == REPLY_WHOLE);
		assert(taken > 0);
		p += taken;
		n -= taken;
		if (res != REPLY_WHOLE)
			continue;
		check(r);
		assert(buf_addf(seen, "%u %s %s\n", r->code, r->enhanced,
		           r->text) == 0);
	}
	assert(buf_addf(seen, "%x %ju %s", c.set, (uintmax_t)c.size_max,
	           c.auth) == 0);
	free(r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	struct buf a, b;

	if (size < 1)
		return 0;
	buf_init(&a, SIZE_MAX / 2);
	buf_init(&b, SIZE_MAX / 2);
	play(p, size - 1, 1 + data[0] % 16, &a);
	play(p, size - 1, size, &b);
	assert(str_eq(buf_str(&a), buf_str(&b)));
	buf_done(&a);
	buf_done(&b);
	return 0;
}

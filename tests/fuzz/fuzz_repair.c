/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what is to be done and how the rest is cut: cuts change
 * nothing; nothing to do changes nothing; what was made whole stays so; the
 * body stays; Bcc is gone. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/intake/repair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* true: a field was left alone. */
static bool
run(struct buf *out, const struct repair_settings *s, struct str in,
    size_t step)
{
	struct repair *r = repair_new(s);
	const char *name;
	bool left;

	buf_init(out, in.len + REPAIR_GROWTH_MAX);
	while (in.len > 0) {
		size_t n = in.len < step ? in.len : step;

		repair_feed(r, in.p, n, out);
		in.p += n;
		in.len -= n;
	}
	repair_end(r, out);
	left = repair_left(r, &name) != NULL;
	repair_free(&r);
	return left;
}

/* What follows the first empty line. */
static struct str
body_of(struct str s)
{
	while (s.len > 0) {
		struct str line = str_cut(&s, '\n');

		if (line.len == 0 || str_eq(line, STR("\r")))
			break;
	}
	return s;
}

static bool
has_bcc(struct str s)
{
	while (s.len > 0) {
		struct str line = str_cut(&s, '\n');

		if (line.len == 0 || str_eq(line, STR("\r")))
			break;
		if (str_starts_case(line, STR("Bcc:")) ||
		    str_starts_case(line, STR("Resent-Bcc:")))
			return true;
	}
	return false;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct repair_settings s = { .hostname = "mx.example.com",
		.domain = "example.com",
		.sender = "env@example.org",
		.mid = 1 };
	struct str in = { (const char *)data + 1, size - 1 }, body;
	struct buf a, b;
	bool left;

	if (size == 0)
		return 0;
	s.complete = data[0] & 1;
	s.remove_bcc = data[0] & 2;
	left = run(&a, &s, in, size);
	assert(run(&b, &s, in, 1 + data[0] / 4u) == left);
	assert(str_eq(buf_str(&a), buf_str(&b)));
	buf_done(&b);
	if (!s.complete && !s.remove_bcc)
		assert(str_eq(buf_str(&a), in));
	body = body_of(in);
	assert(a.len >= body.len);
	assert(memcmp(buf_str(&a).p + a.len - body.len, body.p, body.len) == 0);
	if (s.remove_bcc)
		assert(!has_bcc(buf_str(&a)));
	if (s.complete && !s.remove_bcc && !left) {
		(void)run(&b, &s, buf_str(&a), size);
		assert(str_eq(buf_str(&a), buf_str(&b)));
		buf_done(&b);
	}
	buf_done(&a);
	return 0;
}

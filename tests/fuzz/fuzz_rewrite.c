/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says what is asked for.  The body stays; nothing asked for
 * changes nothing; what was rewritten stays so; no line grows too long. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/mail/local.h"
#include "postern/mail/rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX (1u << 20)

static const char *removed[] = { "X-Internal", "Bcc" };
static const char *added[] = { "X-Sent-By: app" };
static const char *domains[] = { "web1", "localhost" };
static const struct local host = {
	.from = "all@example.net", .domains = domains, .ndomains = 2
};

static bool
run(struct buf *out, const struct rewrite *w, struct str in)
{
	size_t took;

	buf_init(out, MAX);
	if (rewrite_header(in, true, &w, 1, out, &took) != 0) {
		buf_done(out);
		return false;
	}
	assert(took <= in.len);
	assert(buf_add(out, in.p + took, in.len - took) == 0);
	return true;
}

static size_t
longest_line(struct str s)
{
	size_t longest = 0;

	while (s.len > 0) {
		struct str line = str_cut(&s, '\n');

		longest = line.len > longest ? line.len : longest;
	}
	return longest;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rewrite w = { .remove = removed, .add = added };
	struct str in = { (const char *)data + 1, size - 1 };
	struct buf a, b;

	if (size == 0 || size > MAX / 8)
		return 0;
	if (data[0] & 1)
		w.from = "no-reply@example.com";
	if (data[0] & 2)
		w.nremove = 2;
	if (data[0] & 4)
		w.nadd = 1;
	if (data[0] & 8)
		w.host = &host;
	if (!run(&a, &w, in))
		return 0;
	if (longest_line(in) <= 990)
		assert(longest_line(buf_str(&a)) <= 999);
	w.nadd = 0;
	assert(run(&b, &w, buf_str(&a)));
	assert(str_eq(buf_str(&a), buf_str(&b)));
	buf_done(&a);
	buf_done(&b);
	return 0;
}

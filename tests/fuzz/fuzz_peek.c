/* SPDX-License-Identifier: Apache-2.0 */
/* The first byte says how the rest is cut: cuts change nothing.  What is handed
 * over has no blanks at its ends nor two in a row, is no longer than may be,
 * and no more fields than may be are; routes that match by header never fail on
 * it. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/base/buf.h"
#include "postern/intake/policy.h"
#include "postern/intake/routes.h"

#include "intake/peek.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct routes *routes;

struct seen {
	struct buf text;
	unsigned n;
	bool held[2];
};

static bool
wants(void *arg, struct str name)
{
	(void)arg;
	assert(name.len > 0 && name.len <= HEADER_FIELD_MAX);
	return routes_wants(routes, name);
}

static void
field(void *arg, struct str name, struct str value)
{
	struct seen *s = arg;
	int rc;

	assert(value.len <= PEEK_VALUE_MAX);
	assert(str_trim(value).len == value.len);
	for (size_t i = 0; i < value.len; i++) {
		assert(value.p[i] != '\n' && value.p[i] != '\r');
		assert(i == 0 || value.p[i] != ' ' || value.p[i - 1] != ' ');
	}
	routes_see(routes, s->held, name, value);
	s->n++;
	rc = buf_add(&s->text, value.p, value.len);
	assert(rc == 0);
	rc = buf_add(&s->text, "\n", 1);
	assert(rc == 0);
}

static const struct peek_hooks hooks = { wants, field };

static void
run(struct seen *s, struct str in, size_t step)
{
	struct peek k;

	memset(s, 0, sizeof *s);
	buf_init(&s->text, PEEK_FIELDS_MAX * (PEEK_VALUE_MAX + 1));
	peek_init(&k, &hooks, s);
	while (in.len > 0) {
		size_t n = in.len < step ? in.len : step;

		peek_feed(&k, in.p, n);
		in.p += n;
		in.len -= n;
	}
	if (!k.is_over)
		peek_end(&k);
	peek_done(&k);
	assert(s->n <= PEEK_FIELDS_MAX);
}

static void
make_routes(void)
{
	const char *headers[] = { "X: *a*b", "Subject: *" };
	struct routes_match match = { .headers = headers, .nheaders = 2 };
	struct routes_route route = { .name = "news",
		.priority = POLICY_NO_PRIORITY };
	struct err err;
	int rc;

	routes = routes_new();
	rc = routes_add(routes, &route, &match, &err);
	assert(rc == 0);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen a, b;

	if (size == 0)
		return 0;
	if (routes == NULL)
		make_routes();
	run(&a, (struct str){ (const char *)data + 1, size - 1 }, size);
	run(&b, (struct str){ (const char *)data + 1, size - 1 },
	    1 + data[0] / 4u);
	assert(a.n == b.n && a.held[1] == b.held[1]);
	assert(str_eq(buf_str(&a.text), buf_str(&b.text)));
	buf_done(&a.text);
	buf_done(&b.text);
	return 0;
}

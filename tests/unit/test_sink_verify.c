/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/rand.h"
#include "tools/sink_verify.h"

#define TRACE "Received: from a\r\n\tby b; now\r\n"
#define TEXT "Subject: x\r\n\r\nHello.\r\n"

/* %B stands for a right X-Bench line of what follows it, %W for a wrong one. */
static const struct {
	const char *why, *content;
	enum sink_verdict verdict;
	uint64_t trace;
} rows[] = {
	{ "generated mail behind a trace", TRACE "%B" TEXT, SINK_WHOLE, 30 },
	{ "without a trace", "%B" TEXT, SINK_WHOLE, 0 },
	{ "two Received fields", TRACE TRACE "%B" TEXT, SINK_WHOLE, 60 },
	{ "the name in any case", "RECEIVED: x\r\n%B" TEXT, SINK_WHOLE, 13 },
	{ "a wrong checksum", TRACE "%W" TEXT, SINK_DAMAGED, 30 },
	{ "another field before it: not ours", "A: b\r\n%B" TEXT, SINK_FOREIGN,
	    0 },
	{ "a field that only looks folded", " x\r\n%B" TEXT, SINK_FOREIGN, 0 },
	{ "other mail", TRACE TEXT, SINK_FOREIGN, 30 },
	{ "nothing but a trace", TRACE, SINK_FOREIGN, 30 },
	{ "a trace that is cut off", TRACE "Received: fr", SINK_FOREIGN, 30 },
	{ "nothing at all", "", SINK_FOREIGN, 0 },
	{ "the field and nothing behind it", "%B", SINK_WHOLE, 0 },
};

static size_t
expand(const char *content, char *out)
{
	size_t n = 0;

	for (const char *p = content; *p != '\0'; p++) {
		uint32_t crc;

		if (*p != '%') {
			out[n++] = *p;
			continue;
		}
		p++;
		crc = crc32c(0, p + 1, strlen(p + 1)) + (*p == 'W');
		n += (size_t)sprintf(out + n, BENCHMAIL_FORMAT, 0xabcdef01u, 7u,
		    (unsigned)strlen(p + 1), crc);
	}
	return n;
}

static void
check(size_t row, const char *p, size_t n, size_t cut)
{
	struct sink_verify v;
	char whole[SINK_VERIFY_HEX], rest[SINK_VERIFY_HEX];
	enum sink_verdict got;

	sink_verify_init(&v, true);
	for (size_t at = 0; at < n;) {
		size_t k = cut == 0 ? 1 + (size_t)rand_below(9) : cut;

		k = k > n - at ? n - at : k;
		sink_verify_feed(&v, p + at, k);
		at += k;
	}
	got = sink_verify_end(&v, whole, rest);
	if (got != rows[row].verdict || v.trace_bytes != rows[row].trace ||
	    v.size != n)
		fail_msg("%s: verdict %d, trace %llu", rows[row].why, (int)got,
		    (unsigned long long)v.trace_bytes);
	assert_int_equal(strlen(whole), 64);
	assert_int_equal(strlen(rest), 64);
	if (got != SINK_FOREIGN) {
		assert_int_equal(v.said.run, 0xabcdef01u);
		assert_int_equal(v.said.number, 7);
	}
	sink_verify_done(&v);
}

static void
the_verdict_does_not_depend_on_the_cuts(void **state)
{
	char content[1024];

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = expand(rows[i].content, content);

		check(i, content, n, n + 1);
		check(i, content, n, 1);
		check(i, content, n, 0);
	}
}

static void
a_missing_octet_or_a_changed_one_is_damage(void **state)
{
	char content[1024], whole[SINK_VERIFY_HEX], rest[SINK_VERIFY_HEX];
	size_t n = expand("%B" TEXT, content);

	(void)state;
	for (size_t at = BENCHMAIL_LEN; at < n; at++) {
		struct sink_verify v;

		sink_verify_init(&v, false);
		sink_verify_feed(&v, content, at);
		sink_verify_feed(&v, content + at + 1, n - at - 1);
		assert_int_equal(
		    sink_verify_end(&v, whole, rest), SINK_DAMAGED);
		sink_verify_done(&v);
		sink_verify_init(&v, false);
		content[at] = (char)(content[at] ^ 1);
		sink_verify_feed(&v, content, n);
		content[at] = (char)(content[at] ^ 1);
		assert_int_equal(
		    sink_verify_end(&v, whole, rest), SINK_DAMAGED);
		sink_verify_done(&v);
	}
}

static void
digests_are_sha_256_with_and_without_the_trace(void **state)
{
	/* sha256sum of TRACE TEXT, and of TEXT */
	static const char with[] =
	    "88eb155a5bf9eba3fbad5996e87fc57c89f1366f8f112f0bc128f11630e502e8";
	static const char without[] =
	    "33e79148306cbbebe6e8458ba2f71a500d9f33f9c42da67ca66d197f0c945556";
	char whole[SINK_VERIFY_HEX], rest[SINK_VERIFY_HEX];
	struct sink_verify v;

	(void)state;
	sink_verify_init(&v, true);
	sink_verify_feed(&v, TRACE TEXT, sizeof TRACE TEXT - 1);
	sink_verify_end(&v, whole, rest);
	sink_verify_done(&v);
	assert_string_equal(whole, with);
	assert_string_equal(rest, without);
}

static void
an_endless_header_line_is_no_trace(void **state)
{
	static char line[SINK_VERIFY_LINE_MAX + 100];
	char whole[SINK_VERIFY_HEX], rest[SINK_VERIFY_HEX];
	struct sink_verify v;

	(void)state;
	memset(line, 'x', sizeof line);
	memcpy(line, "Received:", 9);
	sink_verify_init(&v, false);
	sink_verify_feed(&v, line, sizeof line);
	sink_verify_feed(&v, "\r\n", 2);
	assert_int_equal(sink_verify_end(&v, whole, rest), SINK_FOREIGN);
	assert_int_equal(v.trace_bytes, 0);
	assert_int_equal(v.size, sizeof line + 2);
	sink_verify_done(&v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_verdict_does_not_depend_on_the_cuts),
		cmocka_unit_test(a_missing_octet_or_a_changed_one_is_damage),
		cmocka_unit_test(
		    digests_are_sha_256_with_and_without_the_trace),
		cmocka_unit_test(an_endless_header_line_is_no_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

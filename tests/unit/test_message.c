/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/mail/message.h"

/* A struct str in a table. */
#define BYTES(lit)                                                             \
	{                                                                      \
		"" lit, sizeof(lit) - 1                                        \
	}

static const struct {
	const char *why;
	struct str in;
	enum message_fault fault;
	const char *flags; /* h b: 8-bit there; i: the body has begun */
	uint32_t longest;
} scans[] = {
	{ "nothing", BYTES(""), MESSAGE_OK, "", 0 },
	{ "a header and a body", BYTES("S: x\r\n\r\nab\r\n"), MESSAGE_OK, "i",
	    6 },
	{ "8-bit in the header", BYTES("S: \xc3\xa9\r\n\r\nab\r\n"), MESSAGE_OK,
	    "hi", 7 },
	{ "8-bit in the body", BYTES("S: x\r\n\r\n\xff\r\n"), MESSAGE_OK, "bi",
	    6 },
	{ "8-bit in both, far apart",
	    BYTES("0123456789abcdef\xff\r\n\r\n0123456789abcdef\xff"),
	    MESSAGE_OK, "hbi", 19 },
	{ "no header", BYTES("\r\nab"), MESSAGE_OK, "i", 2 },
	{ "P1: bare LF", BYTES("a\nb\r\n"), MESSAGE_BARE_LF, "", 5 },
	{ "P1: LF first", BYTES("\n"), MESSAGE_BARE_LF, "", 1 },
	{ "P1: LF CR", BYTES("a\n\r\n"), MESSAGE_BARE_LF, "", 4 },
	{ "P1: bare CR", BYTES("a\rb\r\n"), MESSAGE_BARE_CR, "", 5 },
	{ "P1: CR CR LF", BYTES("a\r\r\n"), MESSAGE_BARE_CR, "", 4 },
	{ "P1: a CR at the end", BYTES("a\r"), MESSAGE_BARE_CR, "", 2 },
	{ "NUL", BYTES("a\0b\r\n"), MESSAGE_NUL, "", 5 },
	{ "NUL behind CR", BYTES("a\r\0\r\n"), MESSAGE_BARE_CR, "", 5 },
	{ "the first fault counts: LF", BYTES("a\n\0\r\r"), MESSAGE_BARE_LF, "",
	    5 },
	{ "the first fault counts: NUL", BYTES("\0\n\r\r"), MESSAGE_NUL, "",
	    4 },
	{ "the first fault counts: CR", BYTES("a\rb\nc\0"), MESSAGE_BARE_CR, "",
	    6 },
	{ "a bare LF begins no body", BYTES("a\r\n\nb\r\n"), MESSAGE_BARE_LF,
	    "", 4 },
};

static const struct {
	const char *why;
	struct str in;
	bool in_header, is_lines;
} parts[] = {
	{ "nothing", BYTES(""), false, true },
	{ "lines", BYTES("A: b\r\n\r\nc\r\n"), false, true },
	{ "the last one not whole", BYTES("A: b\r\n\r\nc"), false, false },
	{ "a bare LF in the header", BYTES("A: b\nC: d\r\n\r\n"), true, false },
	{ "in the body", BYTES("A: b\r\n\r\nc\n"), false, false },
	{ "a NUL in the header", BYTES("A: \0\r\n\r\nc\n"), true, false },
	{ "in the body, too, but later", BYTES("A: \r\n\r\n\0\n"), false,
	    false },
	{ "a CR at the end of a header", BYTES("A: b\r"), true, false },
	{ "of a body", BYTES("\r\nb\r"), false, false },
	{ "a fault is no end of the header", BYTES("A\n\nb\r\n"), true, false },
};

static void
it_is_told_where_the_fault_is(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		for (size_t step = 1; step < 20; step++) {
			struct message_scan s;
			struct str in = parts[i].in;

			message_scan_init(&s);
			while (in.len > 0) {
				size_t n = in.len < step ? in.len : step;

				message_scan(&s, in.p, n);
				in.p += n;
				in.len -= n;
			}
			message_scan_end(&s);
			if (s.in_header != parts[i].in_header ||
			    message_scan_is_lines(&s) != parts[i].is_lines)
				fail_msg("%s (%zu)", parts[i].why, step);
		}
	}
}

static void
scan_cut(size_t row, size_t step)
{
	struct str in = scans[row].in;
	struct message_scan s;
	char flags[4] = "";

	message_scan_init(&s);
	for (size_t at = 0; at < in.len; at += step) {
		size_t n = in.len - at < step ? in.len - at : step;
		char *bytes = mem_dup(in.p + at, n);

		message_scan(&s, bytes, n);
		free(bytes);
	}
	message_scan_end(&s);
	strcat(flags, s.header_8bit ? "h" : "");
	strcat(flags, s.body_8bit ? "b" : "");
	strcat(flags, s.in_body ? "i" : "");
	if (s.fault != scans[row].fault || s.size != in.len ||
	    s.longest != scans[row].longest ||
	    strcmp(flags, scans[row].flags) != 0)
		fail_msg("%s (step %zu): fault %d, %s, longest %u",
		    scans[row].why, step, (int)s.fault, flags, s.longest);
}

static void
content_is_scanned_however_it_arrives(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof scans / sizeof scans[0]; i++) {
		for (size_t step = 1; step < 50; step++)
			scan_cut(i, step);
	}
}

static const struct {
	const char *why;
	struct str in, out;
	size_t left; /* bytes behind the end; SIZE_MAX: no end came */
} unstuffs[] = {
	{ "the end at once", BYTES(".\r\nX"), BYTES(""), 1 },
	{ "a line", BYTES("a\r\n.\r\n"), BYTES("a\r\n"), 0 },
	{ "a stuffed dot", BYTES("..a\r\n.b\r\n.\r\n"), BYTES(".a\r\nb\r\n"),
	    0 },
	{ "a line that is a dot", BYTES("..\r\n.\r\n"), BYTES(".\r\n"), 0 },
	{ "dots inside", BYTES("a.b..\r\n.\r\n"), BYTES("a.b..\r\n"), 0 },
	{ "what follows is not touched", BYTES("a\r\n.\r\nMAIL"),
	    BYTES("a\r\n"), 4 },
	{ "LF.LF is no end", BYTES("a\n.\nb\r\n.\r\n"), BYTES("a\n.\nb\r\n"),
	    0 },
	{ "LF.CRLF neither", BYTES("a\n.\r\nb\r\n.\r\n"),
	    BYTES("a\n.\r\nb\r\n"), 0 },
	{ "CRLF.LF neither", BYTES("a\r\n.\nb\r\n.\r\n"), BYTES("a\r\n\nb\r\n"),
	    0 },
	{ "CRLF.CR neither", BYTES("a\r\n.\rb\r\n.\r\n"), BYTES("a\r\n\rb\r\n"),
	    0 },
	{ "CRLF.CRCRLF neither", BYTES("a\r\n.\r\r\n.\r\n"),
	    BYTES("a\r\n\r\r\n"), 0 },
	{ "CR.CR neither", BYTES("\r.\r\r\n.\r\n"), BYTES("\r.\r\r\n"), 0 },
	{ "CR CRLF.CRLF is one: the content says what is wrong",
	    BYTES("a\r\r\n.\r\n"), BYTES("a\r\r\n"), 0 },
	{ "NUL is a byte", BYTES("\0\r\n.\0\r\n.\r\n"), BYTES("\0\r\n\0\r\n"),
	    0 },
	{ "no end", BYTES("a\r\n."), BYTES("a\r\n"), SIZE_MAX },
	{ "no end but for the LF", BYTES("a\r\n.\r"), BYTES("a\r\n"),
	    SIZE_MAX },
};

static void
unstuff_cut(size_t row, size_t step)
{
	struct str in = unstuffs[row].in;
	struct message_unstuff u;
	bool end = false;
	char seen[100];
	size_t len = 0, at = 0, n;

	message_unstuff_init(&u, false);
	while (at < in.len && !end) {
		size_t part = in.len - at < step ? in.len - at : step;
		char *bytes = mem_dup(in.p + at, part);

		at += message_unstuff(&u, bytes, part, seen + len, &n, &end);
		len += n;
		free(bytes);
	}
	if (!str_eq((struct str){ seen, len }, unstuffs[row].out) ||
	    end != (unstuffs[row].left != SIZE_MAX) ||
	    (end && in.len - at != unstuffs[row].left))
		fail_msg("%s (step %zu)", unstuffs[row].why, step);
}

static void
only_crlf_dot_crlf_ends_content(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof unstuffs / sizeof unstuffs[0]; i++) {
		for (size_t step = 1; step < 30; step++)
			unstuff_cut(i, step);
	}
}

static const struct {
	const char *why;
	struct str in, out;
	enum message_fault fault;
} stuffs[] = {
	{ "nothing", BYTES(""), BYTES(".\r\n"), MESSAGE_OK },
	{ "a line", BYTES("a\r\n"), BYTES("a\r\n.\r\n"), MESSAGE_OK },
	{ "a line without its end gets one", BYTES("a"), BYTES("a\r\n.\r\n"),
	    MESSAGE_OK },
	{ "dots at the start of lines", BYTES(".\r\n..a\r\nb.\r\n.c"),
	    BYTES("..\r\n...a\r\nb.\r\n..c\r\n.\r\n"), MESSAGE_OK },
	{ "P2: nothing behind a bare LF", BYTES("a\r\nb\n.c\r\n"),
	    BYTES("a\r\nb"), MESSAGE_BARE_LF },
	{ "P2: nor a bare CR", BYTES("a\r\nb\rc\r\n"), BYTES("a\r\nb"),
	    MESSAGE_BARE_CR },
	{ "P2: CR CR LF", BYTES("a\r\r\n"), BYTES("a"), MESSAGE_BARE_CR },
	{ "P2: a CR at the end", BYTES("a\r"), BYTES("a"), MESSAGE_BARE_CR },
	{ "P2: NUL", BYTES("ab\0c\r\n"), BYTES("ab"), MESSAGE_NUL },
	{ "P2: NUL behind CR", BYTES("ab\r\0c\r\n"), BYTES("ab"),
	    MESSAGE_BARE_CR },
	{ "P2: a dot and a bare LF", BYTES(".\n"), BYTES(".."),
	    MESSAGE_BARE_LF },
	{ "P2: an LF first", BYTES("\na"), BYTES(""), MESSAGE_BARE_LF },
};

static void
stuff_cut(size_t row, size_t step)
{
	struct str in = stuffs[row].in;
	struct message_stuff s;
	struct buf out;
	int r = 0;

	buf_init(&out, 100);
	message_stuff_init(&s);
	for (size_t at = 0; at < in.len && r == 0; at += step) {
		size_t n = in.len - at < step ? in.len - at : step;
		char *bytes = mem_dup(in.p + at, n);

		r = message_stuff(&s, &out, bytes, n);
		free(bytes);
	}
	if (r == 0)
		r = message_stuff_end(&s, &out);
	if (r != (stuffs[row].fault == MESSAGE_OK ? 0 : -1) ||
	    s.fault != stuffs[row].fault ||
	    !str_eq(buf_str(&out), stuffs[row].out))
		fail_msg("%s (step %zu): fault %d '%.*s'", stuffs[row].why,
		    step, (int)s.fault, (int)out.len, buf_at(&out));
	assert_int_equal(r, r == 0 ? 0 : message_stuff_end(&s, &out));
	assert_int_equal(r, r == 0 ? 0 : message_stuff(&s, &out, "x", 1));
	buf_done(&out);
}

static void
nothing_bare_leaves(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof stuffs / sizeof stuffs[0]; i++) {
		for (size_t step = 1; step < 30; step++)
			stuff_cut(i, step);
	}
}

static void
a_full_buffer_is_no_fault_of_the_content(void **state)
{
	struct message_stuff s;
	struct buf out;

	(void)state;
	for (size_t max = 0; max < 13; max++) {
		buf_init(&out, max);
		message_stuff_init(&s);
		assert_true(message_stuff(&s, &out, "ab\r\n.c\r", 7) != 0 ||
		            message_stuff(&s, &out, "\n", 1) != 0 ||
		            message_stuff_end(&s, &out) != 0 || max == 12);
		assert_int_equal(s.fault, MESSAGE_OK);
		buf_done(&out);
	}
}

/* Random content of the bytes that matter comes back as it was, or is caught
 * by both gates alike. */
static void
random_content_comes_back(void **state)
{
	static const char bytes[] = "\r\n\r\n\r\n..aa\0";
	char in[40], back[200];
	struct message_unstuff u;
	struct message_stuff s;
	struct message_scan scan;
	struct buf out;
	size_t n, len;
	bool end;

	(void)state;
	rand_seed(42);
	for (int round = 0; round < 20000; round++) {
		n = rand_below(sizeof in);
		for (size_t i = 0; i < n; i++)
			in[i] = bytes[rand_below(sizeof bytes - 1)];
		buf_init(&out, 200);
		message_stuff_init(&s);
		message_scan_init(&scan);
		message_scan(&scan, in, n);
		message_scan_end(&scan);
		if (message_stuff(&s, &out, in, n) == 0 &&
		    message_stuff_end(&s, &out) == 0) {
			message_unstuff_init(&u, false);
			assert_int_equal(message_unstuff(&u, buf_at(&out),
			                     out.len, back, &len, &end),
			    out.len);
			assert_true(end && len >= n);
			assert_memory_equal(back, in, n);
		}
		assert_int_equal(s.fault, scan.fault);
		buf_done(&out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_told_where_the_fault_is),
		cmocka_unit_test(content_is_scanned_however_it_arrives),
		cmocka_unit_test(only_crlf_dot_crlf_ends_content),
		cmocka_unit_test(nothing_bare_leaves),
		cmocka_unit_test(a_full_buffer_is_no_fault_of_the_content),
		cmocka_unit_test(random_content_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/mem.h"

#include "inlet/proxy.h"

#define BYTES(lit) lit, sizeof(lit) - 1
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define IP4 "\xc0\0\2\1\xc0\0\2\2\xdc\x04\0\x19" /* 192.0.2.1:56324 */
#define IP6                                                                    \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1"                               \
	"\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\2\xdc\x04\0\x19"
#define X54 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X108 X54 X54

/* client: NULL with PROXY_DONE: none came. */
static const struct {
	const char *why, *input;
	size_t len;
	enum proxy_status is;
	const char *client;
} rows[] = {
	{ "a line", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n"),
	    PROXY_DONE, "192.0.2.1:56324" },
	{ "of IPv6", BYTES("PROXY TCP6 2001:db8::1 2001:db8::2 56324 25\r\n"),
	    PROXY_DONE, "[2001:db8::1]:56324" },
	{ "of nobody", BYTES("PROXY UNKNOWN\r\n"), PROXY_DONE, NULL },
	{ "of nobody, with more",
	    BYTES("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n"), PROXY_DONE,
	    NULL },
	{ "port 0", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 0 65535\r\n"),
	    PROXY_DONE, "192.0.2.1:0" },
	{ "not yet whole", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25"),
	    PROXY_MORE, NULL },
	{ "the CR alone", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r"),
	    PROXY_MORE, NULL },
	{ "nothing yet", BYTES(""), PROXY_MORE, NULL },
	{ "LF alone", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\n"),
	    PROXY_BAD, NULL },
	{ "CR in the line",
	    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2\r56324 25\r\n"), PROXY_BAD,
	    NULL },
	{ "the other family",
	    BYTES("PROXY TCP4 2001:db8::1 2001:db8::2 56324 25\r\n"), PROXY_BAD,
	    NULL },
	{ "the other family",
	    BYTES("PROXY TCP6 192.0.2.1 192.0.2.2 56324 25\r\n"), PROXY_BAD,
	    NULL },
	{ "no such family", BYTES("PROXY UDP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	    PROXY_BAD, NULL },
	{ "lower case", BYTES("PROXY tcp4 192.0.2.1 192.0.2.2 1 2\r\n"),
	    PROXY_BAD, NULL },
	{ "lower case", BYTES("proxy TCP4 192.0.2.1 192.0.2.2 1 2\r\n"),
	    PROXY_BAD, NULL },
	{ "a name", BYTES("PROXY TCP4 localhost 192.0.2.2 1 2\r\n"), PROXY_BAD,
	    NULL },
	{ "an address with NUL",
	    BYTES("PROXY TCP4 192.0.2.1\0 192.0.2.2 1 "
	          "2\r\n"),
	    PROXY_BAD, NULL },
	{ "zeros in front", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n"),
	    PROXY_BAD, NULL },
	{ "a port too large",
	    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 65536 2\r\n"), PROXY_BAD,
	    NULL },
	{ "a port missing", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1\r\n"),
	    PROXY_BAD, NULL },
	{ "a port missing", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 \r\n"),
	    PROXY_BAD, NULL },
	{ "one word more", BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 3\r\n"),
	    PROXY_BAD, NULL },
	{ "a space at the end",
	    BYTES("PROXY TCP4 192.0.2.1 192.0.2.2 1 2 "
	          "\r\n"),
	    PROXY_BAD, NULL },
	{ "two spaces", BYTES("PROXY TCP4  192.0.2.1 192.0.2.2 1 2\r\n"),
	    PROXY_BAD, NULL },
	{ "nothing behind the word", BYTES("PROXY \r\n"), PROXY_BAD, NULL },
	{ "107 octets",
	    BYTES("PROXY UNKNOWN " X54 "xxxxxxxxxxxxxxxxxxxx"
	          "xxxxxxxxxxxxxxxxx\r\n"),
	    PROXY_DONE, NULL },
	{ "108 octets",
	    BYTES("PROXY UNKNOWN " X54 "xxxxxxxxxxxxxxxxxxxx"
	          "xxxxxxxxxxxxxxxxxx\r\n"),
	    PROXY_BAD, NULL },
	{ "SMTP", BYTES("EHLO client.example\r\n"), PROXY_BAD, NULL },
	{ "its first byte is enough", BYTES("E"), PROXY_BAD, NULL },
	{ "a TLS hello", BYTES("\x16\x03\x01"), PROXY_BAD, NULL },

	{ "binary", BYTES(SIGNATURE "\x21\x11\0\x0c" IP4), PROXY_DONE,
	    "192.0.2.1:56324" },
	{ "of IPv6", BYTES(SIGNATURE "\x21\x21\0\x24" IP6), PROXY_DONE,
	    "[2001:db8::1]:56324" },
	{ "of a unix socket", BYTES(SIGNATURE "\x21\x31\0\xd8" X108 X108),
	    PROXY_DONE, "unix:" },
	{ "a check: LOCAL", BYTES(SIGNATURE "\x20\0\0\0"), PROXY_DONE, NULL },
	{ "LOCAL with addresses: skipped",
	    BYTES(SIGNATURE "\x20\x11\0\x0c" IP4), PROXY_DONE, NULL },
	{ "LOCAL of no family that there is",
	    BYTES(SIGNATURE "\x20\xff\0\x04xxxx"), PROXY_DONE, NULL },
	{ "of nobody: UNSPEC", BYTES(SIGNATURE "\x21\0\0\x03xxx"), PROXY_DONE,
	    NULL },
	{ "UDP is nobody's session", BYTES(SIGNATURE "\x21\x12\0\x0c" IP4),
	    PROXY_DONE, NULL },
	{ "with TLVs",
	    BYTES(SIGNATURE "\x21\x11\0\x13" IP4 "\x04\0\0\xe0\0\1x"),
	    PROXY_DONE, "192.0.2.1:56324" },
	{ "a TLV cut off", BYTES(SIGNATURE "\x21\x11\0\x10" IP4 "\x04\0\x02x"),
	    PROXY_BAD, NULL },
	{ "a TLV's head cut off",
	    BYTES(SIGNATURE "\x21\x11\0\x0e" IP4 "\x04\0"), PROXY_BAD, NULL },
	{ "a checksum that is none",
	    BYTES(SIGNATURE "\x21\x11\0\x13" IP4 "\x03\0\x04\1\2\3\4"),
	    PROXY_BAD, NULL },
	{ "a checksum too short",
	    BYTES(SIGNATURE "\x21\x11\0\x11" IP4 "\x03\0\x02\1\2"), PROXY_BAD,
	    NULL },
	{ "a check with a wrong checksum",
	    BYTES(SIGNATURE "\x20\0\0\x07\x03\0\x04\1\2\3\4"), PROXY_BAD,
	    NULL },
	{ "addresses cut off", BYTES(SIGNATURE "\x21\x11\0\x0b" IP4), PROXY_BAD,
	    NULL },
	{ "addresses of the other family",
	    BYTES(SIGNATURE "\x21\x21\0\x0c" IP4), PROXY_BAD, NULL },
	{ "version 1", BYTES(SIGNATURE "\x11\x11\0\x0c" IP4), PROXY_BAD, NULL },
	{ "version 3", BYTES(SIGNATURE "\x31\x11\0\x0c" IP4), PROXY_BAD, NULL },
	{ "no such command", BYTES(SIGNATURE "\x22\x11\0\x0c" IP4), PROXY_BAD,
	    NULL },
	{ "no such family", BYTES(SIGNATURE "\x21\x41\0\x0c" IP4), PROXY_BAD,
	    NULL },
	{ "no such protocol", BYTES(SIGNATURE "\x21\x13\0\x0c" IP4), PROXY_BAD,
	    NULL },
	{ "too long, told by its head alone",
	    BYTES(SIGNATURE "\x21\x11\x0f\xf1"), PROXY_BAD, NULL },
	{ "the longest is waited for", BYTES(SIGNATURE "\x21\x11\x0f\xf0"),
	    PROXY_MORE, NULL },
	{ "a signature with a fault", BYTES("\r\n\r\n\1"), PROXY_BAD, NULL },
	{ "cut off", BYTES(SIGNATURE "\x21\x11\0\x0c\xc0"), PROXY_MORE, NULL },
};

static void
check(size_t i, const struct proxy_header *h, enum proxy_status is)
{
	char text[ADDR_TEXT];

	if (is != rows[i].is)
		fail_msg("%s: %d, %s", rows[i].why, is,
		    h->fault != NULL ? h->fault : "-");
	if (is == PROXY_BAD)
		assert_non_null(h->fault);
	if (is == PROXY_MORE)
		assert_true(h->need > 0);
	if (is != PROXY_DONE)
		return;
	assert_int_equal(h->len, rows[i].len);
	if (h->has_client != (rows[i].client != NULL))
		fail_msg("%s: a client", rows[i].why);
	if (!h->has_client)
		return;
	addr_text(&h->client, text);
	assert_string_equal(text, rows[i].client);
}

static void
headers_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		/* of just that size, for the sanitizer */
		char *in = mem_dup(rows[i].input, rows[i].len);
		struct proxy_header h;
		enum proxy_status is =
		    proxy_parse((struct str){ in, rows[i].len }, &h);

		check(i, &h, is);
		free(in);
	}
}

/* Never more is asked for than there is; what follows is not looked at. */
static void
they_may_come_in_any_pieces(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = 0, steps = 0;
		struct proxy_header h;
		enum proxy_status is;

		if (rows[i].is != PROXY_DONE)
			continue;
		while ((is = proxy_parse((struct str){ rows[i].input, n },
		            &h)) == PROXY_MORE) {
			n += h.need;
			assert_true(n <= rows[i].len);
			steps++;
		}
		check(i, &h, is);
		assert_true(steps <= PROXY_LINE_MAX);
		for (n = 0; n < rows[i].len; n++)
			assert_int_equal(
			    proxy_parse((struct str){ rows[i].input, n }, &h),
			    PROXY_MORE);
	}
}

static void
what_follows_is_the_clients(void **state)
{
	static const char in[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n"
	                         "PROXY TCP4 192.0.2.9 192.0.2.2 1 2\r\n";
	struct proxy_header h;

	(void)state;
	assert_int_equal(
	    proxy_parse((struct str){ in, sizeof in - 1 }, &h), PROXY_DONE);
	assert_int_equal(h.len, (sizeof in - 1) / 2);
}

static void
a_checksum_vouches_for_every_octet(void **state)
{
	char in[] = SIGNATURE "\x21\x11\0\x17" IP4 "\x03\0\x04\0\0\0\0"
	                      "\xe0\0\1x";
	size_t n = sizeof in - 1, at = 16 + 12 + 3;
	uint32_t crc = crc32c(0, in, n);
	struct proxy_header h;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		in[at + i] = (char)(crc >> (24 - 8 * i));
	assert_int_equal(proxy_parse((struct str){ in, n }, &h), PROXY_DONE);
	for (size_t i = 0; i < 8 * n; i++) {
		if (i / 8 == at - 3) /* it would be another TLV */
			continue;
		in[i / 8] = (char)(in[i / 8] ^ 1 << i % 8);
		assert_true(
		    proxy_parse((struct str){ in, n }, &h) != PROXY_DONE ||
		    h.len != n || !h.has_client);
		in[i / 8] = (char)(in[i / 8] ^ 1 << i % 8);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers_are_read),
		cmocka_unit_test(they_may_come_in_any_pieces),
		cmocka_unit_test(what_follows_is_the_clients),
		cmocka_unit_test(a_checksum_vouches_for_every_octet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

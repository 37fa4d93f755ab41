/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "inlet/stranger.h"

#define BYTES(lit) lit, sizeof(lit) - 1

static const struct {
	const char *why, *input;
	size_t len;
	enum stranger is;
} looks[] = {
	{ "nothing yet", BYTES(""), STRANGER_WAIT },
	{ "a TLS hello", BYTES("\x16\x03\x01\x02"), STRANGER_YES },
	{ "its first byte is enough", BYTES("\x16"), STRANGER_YES },
	{ "a web browser", BYTES("GET / HTTP/1.1\r\n"), STRANGER_YES },
	{ "in lower case", BYTES("post / HTTP/1.1\r\n"), STRANGER_YES },
	{ "HTTP 2 without TLS", BYTES("PRI * HTTP/2.0\r\n"), STRANGER_YES },
	{ "a proxy's client", BYTES("CONNECT a:25 HTTP/1.1\r\n"),
	    STRANGER_YES },
	{ "may become GET", BYTES("G"), STRANGER_WAIT },
	{ "may become OPTIONS", BYTES("OPTION"), STRANGER_WAIT },
	{ "may become PUT or POST", BYTES("P"), STRANGER_WAIT },
	{ "a PROXY line", BYTES("PROXY TCP4 192.0.2.1"), STRANGER_YES },
	{ "may become one", BYTES("PROX"), STRANGER_WAIT },
	{ "a binary PROXY header", BYTES("\r\n\r\n\0\r\nQUIT\n\x21"),
	    STRANGER_YES },
	{ "may become one", BYTES("\r\n\r\n\0\r\nQUIT"), STRANGER_WAIT },
	{ "empty lines", BYTES("\r\n\r\n"), STRANGER_NO },
	{ "EHLO", BYTES("EHLO a\r\n"), STRANGER_NO },
	{ "the first letter of EHLO", BYTES("E"), STRANGER_NO },
	{ "HELO shares HE with HEAD", BYTES("HE"), STRANGER_WAIT },
	{ "and then does not", BYTES("HEL"), STRANGER_NO },
	{ "a bad command is SMTP's to answer", BYTES("GETX / x\r\n"),
	    STRANGER_NO },
	{ "so is a short one", BYTES("GET\r\n"), STRANGER_NO },
	{ "eight-bit bytes", BYTES("\xff\xfe\r\n"), STRANGER_NO },
	{ "a NUL", BYTES("\0\0"), STRANGER_NO },
};

static void
first_bytes_tell(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof looks / sizeof looks[0]; i++) {
		struct str input = { looks[i].input, looks[i].len };
		const char *what = NULL;

		if (stranger_look(input, &what) != looks[i].is)
			fail_msg("%s", looks[i].why);
		assert_int_equal(what != NULL, looks[i].is == STRANGER_YES);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(first_bytes_tell),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

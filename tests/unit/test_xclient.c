/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/mem.h"

#include "inlet/xclient.h"

#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

/* out: "addr name helo login", "-" not given, "?" unknown; NULL: refused. */
static const struct {
	const char *why, *in, *out;
} rows[] = {
	{ "an address", "ADDR=192.0.2.1", "192.0.2.1:0 - - -" },
	{ "with a port", "ADDR=192.0.2.1 PORT=50000", "192.0.2.1:50000 - - -" },
	{ "a port before it", "PORT=50000 ADDR=192.0.2.1",
	    "192.0.2.1:50000 - - -" },
	{ "a port alone", "PORT=50000", "- - - -" },
	{ "IPv6", "ADDR=IPV6:2001:db8::1 PORT=1", "[2001:db8::1]:1 - - -" },
	{ "the prefix in lower case", "addr=ipv6:2001:db8::1",
	    "[2001:db8::1]:0 - - -" },
	{ "IPv4 in IPv6 is IPv4", "ADDR=IPV6:::ffff:192.0.2.1",
	    "192.0.2.1:0 - - -" },
	{ "unknown",
	    "ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL] LOGIN=[unavailable]",
	    "? ? - ?" },
	{ "all of them",
	    "NAME=a.example ADDR=192.0.2.1 PORT=1 PROTO=ESMTP HELO=b.example "
	    "LOGIN=ann",
	    "192.0.2.1:1 a.example b.example ann" },
	{ "spaces about them", "  NAME=a   LOGIN=b ", "- a - b" },
	{ "xtext", "LOGIN=ann+40example.com HELO=my+20printer",
	    "- - my printer ann@example.com" },
	{ "255 octets", "NAME=" X64 X64 X64 X64, NULL },
	{ "no attribute", "", NULL },
	{ "only spaces", "   ", NULL },
	{ "twice", "NAME=a NAME=b", NULL },
	{ "not one of ours", "DESTADDR=192.0.2.1", NULL },
	{ "no value", "NAME=", NULL },
	{ "no =", "NAME", NULL },
	{ "a control byte", "LOGIN=a+0Ab", NULL },
	{ "xtext cut off", "LOGIN=a+4", NULL },
	{ "an address without its prefix", "ADDR=2001:db8::1", NULL },
	{ "IPv4 behind the prefix", "ADDR=IPV6:192.0.2.1", NULL },
	{ "a name as address", "ADDR=a.example", NULL },
	{ "a port too large", "ADDR=192.0.2.1 PORT=65536", NULL },
	{ "no number", "PORT=x", NULL },
	{ "no such protocol", "PROTO=HTTP", NULL },
	{ "protocols", "PROTO=SMTP", "- - - -" },
};

static const char *
shown(const struct xclient_text *t)
{
	if (t->given == XCLIENT_KNOWN)
		return t->text;
	return t->given == XCLIENT_UNKNOWN ? "?" : "-";
}

static void
attributes_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		size_t n = strlen(rows[i].in);
		char *in = mem_dup(rows[i].in, n); /* of that size, for ASan */
		char addr[ADDR_TEXT] = "-", got[1024];
		const char *fault = "";
		struct xclient x;
		int rc = xclient_parse(&x, (struct str){ in, n }, &fault);

		free(in);
		if ((rc == 0) != (rows[i].out != NULL))
			fail_msg("%s: %d %s", rows[i].why, rc,
			    fault != NULL ? fault : "-");
		assert_true((rc == 0) == (fault == NULL));
		if (rc != 0)
			continue;
		if (x.has_addr == XCLIENT_KNOWN)
			addr_text(&x.addr, addr);
		if (x.has_addr == XCLIENT_UNKNOWN)
			strcpy(addr, "?");
		snprintf(got, sizeof got, "%s %s %s %s", addr, shown(&x.name),
		    shown(&x.helo), shown(&x.login));
		assert_string_equal(got, rows[i].out);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(attributes_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

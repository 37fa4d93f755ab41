/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/stranger.h"

#include <string.h>

/* The signature of a binary PROXY header, up to where no SMTP client begins
 * like that: with two empty lines and a NUL. */
static const char proxy[] = "\r\n\r\n\0\r\nQUIT\n";
#define PROXY_LEN (sizeof proxy - 1)
#define PROXY_SURE 5u

static const char *const http[] = {
	"GET ",
	"PUT ",
	"POST ",
	"HEAD ",
	"TRACE ",
	"PATCH ",
	"DELETE ",
	"OPTIONS ",
	"CONNECT ",
	"PRI * HTTP",
};

static struct str
first(struct str s, size_t n)
{
	return (struct str){ s.p, s.len < n ? s.len : n };
}

static enum stranger
look_for_proxy(struct str input, const char **what)
{
	static const struct str line = { "PROXY ", 6 };

	if (str_starts_case(input, line) ||
	    str_starts_case(input, (struct str){ proxy, PROXY_LEN })) {
		*what = "You may not send a PROXY header";
		return STRANGER_YES;
	}
	if (input.len >= PROXY_SURE && input.len < PROXY_LEN &&
	    memcmp(input.p, proxy, input.len) == 0)
		return STRANGER_WAIT;
	return input.len < line.len &&
	               str_starts_case(first(line, input.len), input)
	           ? STRANGER_WAIT
	           : STRANGER_NO;
}

enum stranger
stranger_look(struct str input, const char **what)
{
	enum stranger result;

	if (input.len == 0)
		return STRANGER_WAIT;
	if (input.p[0] == 0x16) { /* TLS: a handshake record */
		*what = "TLS is not spoken here from the first byte on";
		return STRANGER_YES;
	}
	result = look_for_proxy(input, what);
	for (size_t i = 0;
	     result != STRANGER_YES && i < sizeof http / sizeof http[0]; i++) {
		struct str verb = str_of(http[i]);

		if (str_starts_case(input, verb)) {
			*what = "This is SMTP, not HTTP";
			return STRANGER_YES;
		}
		if (input.len < verb.len &&
		    str_starts_case(first(verb, input.len), input))
			result = STRANGER_WAIT;
	}
	return result;
}

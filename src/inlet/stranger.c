/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/stranger.h"

#include <string.h>

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

enum stranger
stranger_look(struct str input, const char **what)
{
	enum stranger result = STRANGER_NO;

	if (input.len == 0)
		return STRANGER_WAIT;
	if (input.p[0] == 0x16) { /* TLS: a handshake record */
		*what = "TLS is not spoken here from the first byte on";
		return STRANGER_YES;
	}
	for (size_t i = 0; i < sizeof http / sizeof http[0]; i++) {
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

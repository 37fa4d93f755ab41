/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/xclient - the argument of XCLIENT, by which a filter or proxy in front
 * hands on who its own client is (Postfix, XCLIENT_README): attributes in
 * xtext.  Pure.
 */
#ifndef INLET_XCLIENT_H
#define INLET_XCLIENT_H

#include <stdbool.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/io/addr.h"

#define XCLIENT_VALUE_MAX 255 /* octets of a name, decoded */

enum xclient_given {
	XCLIENT_NOT,     /* the attribute did not come */
	XCLIENT_UNKNOWN, /* [UNAVAILABLE], [TEMPUNAVAIL] */
	XCLIENT_KNOWN,
};

struct xclient_text {
	enum xclient_given given;
	char text[XCLIENT_VALUE_MAX + 1]; /* printable ASCII */
};

struct xclient {
	enum xclient_given has_addr;
	struct addr addr; /* with the port, where one came */
	struct xclient_text name, helo, login, proto;
};

/* -1: *fault says what is wrong. */
MUST_CHECK int xclient_parse(
    struct xclient *x, struct str argument, const char **fault);

#endif

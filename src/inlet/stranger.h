/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/stranger - do a client's first bytes belong to another protocol?  A
 * browser that is made to send SMTP commands inside an HTTP request must not
 * get them executed, and a TLS hello on a plain port wants a clear word.
 */
#ifndef INLET_STRANGER_H
#define INLET_STRANGER_H

#include "postern/base/str.h"

enum stranger {
	STRANGER_NO,
	STRANGER_WAIT, /* too few bytes to tell */
	STRANGER_YES,  /* *what: a sentence for the reply */
};

enum stranger stranger_look(struct str input, const char **what);

#endif

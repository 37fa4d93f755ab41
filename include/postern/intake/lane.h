/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/lane - what takes turns with others in a part of the queue.  A lane is
 * made of
 *
 *	sender		the sender's address
 *	sender-domain	its domain
 *	user		who has logged in
 *	client		where it came from
 *	header:NAME	the first field NAME of the message's header
 *
 * or is any other name, one lane for all.  There are 255, and the lane of all
 * who have none, 0.  Pure.
 */
#ifndef INTAKE_LANE_H
#define INTAKE_LANE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"

#define LANE_NAME_MAX 63 /* octets */

struct lane_who {
	const char *sender, *client;
	const char *user; /* or NULL */
	struct str value; /* of the header's field; empty: it is not there */
};

/* lane NULL: none. */
uint8_t lane_of(const char *lane, const struct lane_who *who);
/* Is it "header:NAME"?  Then *name is the field's. */
bool lane_header(const char *lane, struct str *name);
/* -1: err->text is "what is wrong; what to write". */
MUST_CHECK int lane_check(struct str text, struct err *err);

#endif

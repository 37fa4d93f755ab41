/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_rcpts - lists of addresses as the command line and a header's
 * To, Cc and Bcc have them (RFC 5322 3.4): names, comments, groups, source
 * routes; the address itself in its normal form (mail/address), also one
 * without a domain.
 */
#ifndef TOOLS_SENDMAIL_RCPTS_H
#define TOOLS_SENDMAIL_RCPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "postern/base/str.h"

#define SENDMAIL_RCPTS_MAX 50000u /* of a message */

struct sendmail_rcpts {
	char **v; /* owned, as each of them */
	size_t n, room;
	bool has_utf8;
	size_t nbad; /* addresses that are none */
	FILE *told;  /* where each of those is told; NULL: nowhere */
};

/* All that text holds.  false: more than SENDMAIL_RCPTS_MAX. */
bool sendmail_rcpts_add(struct sendmail_rcpts *r, struct str text);
void sendmail_rcpts_done(struct sendmail_rcpts *r);

#endif

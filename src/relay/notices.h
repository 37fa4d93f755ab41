/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/notices - reports to the sender (RFC 3461, 3464) as messages of their
 * own: failures, success where the next server will not tell, delay.  One
 * report about all recipients that a settling decides; never about a report,
 * never to the null sender.
 */
#ifndef RELAY_NOTICES_H
#define RELAY_NOTICES_H

#include <stdint.h>

struct delivery;
struct envelope;

/* What the recipients' states call for; NULL: nothing. */
struct envelope *notices_make(struct delivery *d);
/* The id of the route that a notice about it leaves by. */
uint32_t notices_route(const struct delivery *d);
/* For those still to do; NULL: nobody wants to know. */
struct envelope *notices_delay(const struct delivery *d);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/benchmail - the one header field by which postern-load and
 * postern-sink understand each other: it is the first field that the
 * generator writes, and says of everything behind it how long it is and what
 * its CRC-32C is.  What a relay puts before it (Received) is its trace.
 *
 *	X-Bench: RUN NUMBER LENGTH CRC CR LF
 *
 * RUN and CRC are 8 hex digits, NUMBER and LENGTH 10 decimal ones: the field
 * has one length, so a message's size does not depend on its number.
 */
#ifndef TOOLS_BENCHMAIL_H
#define TOOLS_BENCHMAIL_H

#include <stdint.h>

#define BENCHMAIL_NAME "X-Bench: "
#define BENCHMAIL_FORMAT "X-Bench: %08x %010u %010u %08x\r\n"
#define BENCHMAIL_LEN 50 /* the whole line with CRLF */

struct benchmail {
	uint32_t run;    /* one run of the generator */
	uint32_t number; /* of the message in it */
	uint32_t length; /* octets behind the field */
	uint32_t crc;    /* CRC-32C of them */
};

#endif

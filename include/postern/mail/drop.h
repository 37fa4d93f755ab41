/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/drop - the form of a file in the drop directory: a MAIL command, RCPT
 * commands, DATA and the content with its final dot, as they would have been
 * said in a session; then a line that tells how long that is and its CRC-32C,
 * without which the file is not whole.  Pure.
 */
#ifndef MAIL_DROP_H
#define MAIL_DROP_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/str.h"

#define DROP_NAME 32    /* hex digits of a file's name */
#define DROP_TRAILER 44 /* bytes of the line at its end */
#define DROP_DIRECTORY "/var/spool/postern-drop"

void drop_name(
    char out[DROP_NAME + 1], const unsigned char bytes[DROP_NAME / 2]);
bool drop_is_name(struct str s);
void drop_trailer(char out[DROP_TRAILER + 1], uint64_t length, uint32_t crc);
/* false: it is none. */
bool drop_read_trailer(
    const char in[DROP_TRAILER], uint64_t *length, uint32_t *crc);

#endif

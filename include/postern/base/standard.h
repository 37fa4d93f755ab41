/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/standard - the three standard descriptors of a program: whoever starts
 * it may have closed them.
 */
#ifndef BASE_STANDARD_H
#define BASE_STANDARD_H

#include <stdbool.h>

/* First of all: what the program opens, be it the spool or a socket, must never
 * become standard output or error, to which it writes.  Of one that is closed
 * nothing can be read, and what is written is gone. */
void standard_fill(void);

/* At the end: is all that was printed on standard output written?  Some of it
 * may have been on its way before. */
bool standard_written(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/siphash - SipHash-2-4 (Aumasson and Bernstein, 2012): 64 bits that tell
 * nothing of the input to who does not have the key.
 */
#ifndef BASE_SIPHASH_H
#define BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

#define SIPHASH_KEY 16

uint64_t siphash_of(
    const unsigned char key[SIPHASH_KEY], const void *p, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/rand - randomness.  rand_bytes() is for secrets (getrandom(2)); the
 * others are fast, per thread, and not for secrets.
 */
#ifndef BASE_RAND_H
#define BASE_RAND_H

#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *p, size_t n); /* ends the process if it cannot */
uint64_t rand_u64(void);
uint64_t rand_below(uint64_t n); /* 0 .. n - 1, unbiased; n 0 gives 0 */
void rand_seed(uint64_t seed);   /* this thread's sequence, for tests */

#endif

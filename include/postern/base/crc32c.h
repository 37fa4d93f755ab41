/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/crc32c - CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor
 * where it can.  Start with 0; the result of one part starts the next.
 */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif

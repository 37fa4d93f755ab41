/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/crc32c_impl - the ways crc32c() chooses from, for the tests.  They take
 * and give the inverted register.
 */
#ifndef BASE_CRC32C_IMPL_H
#define BASE_CRC32C_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

bool crc32c_has_hardware(void);
uint32_t crc32c_hardware(uint32_t reg, const unsigned char *p, size_t n);
uint32_t crc32c_table(uint32_t reg, const unsigned char *p, size_t n);

#endif

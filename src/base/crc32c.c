/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/base/crc32c.h"

#include <pthread.h>
#include <string.h>

#include "base/crc32c_impl.h"

#define POLYNOMIAL 0x82f63b78u /* 0x1edc6f41, bits reversed */

/* table[k][b]: what byte b does to the register k bytes later. */
static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void
fill_table(void)
{
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t r = b;

		for (int bit = 0; bit < 8; bit++)
			r = r & 1 ? r >> 1 ^ POLYNOMIAL : r >> 1;
		table[0][b] = r;
	}
	for (int k = 1; k < 8; k++) {
		for (int b = 0; b < 256; b++) {
			uint32_t r = table[k - 1][b];

			table[k][b] = r >> 8 ^ table[0][r & 255];
		}
	}
}

static uint32_t
eight(uint32_t reg, const unsigned char *p)
{
	uint32_t low = reg ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 |
	                         (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);

	return table[7][low & 255] ^ table[6][low >> 8 & 255] ^
	       table[5][low >> 16 & 255] ^ table[4][low >> 24] ^
	       table[3][p[4]] ^ table[2][p[5]] ^ table[1][p[6]] ^
	       table[0][p[7]];
}

uint32_t
crc32c_table(uint32_t reg, const unsigned char *p, size_t n)
{
	pthread_once(&once, fill_table);
	for (; n >= 8; n -= 8, p += 8)
		reg = eight(reg, p);
	while (n-- > 0)
		reg = reg >> 8 ^ table[0][(reg ^ *p++) & 255];
	return reg;
}

#ifdef __x86_64__
bool
crc32c_has_hardware(void)
{
	return __builtin_cpu_supports("sse4.2");
}

__attribute__((target("sse4.2"))) uint32_t
crc32c_hardware(uint32_t reg, const unsigned char *p, size_t n)
{
	uint64_t wide = reg;

	for (; n >= 8; n -= 8, p += 8) {
		uint64_t word;

		memcpy(&word, p, 8);
		wide = __builtin_ia32_crc32di(wide, word);
	}
	reg = (uint32_t)wide;
	while (n-- > 0)
		reg = __builtin_ia32_crc32qi(reg, *p++);
	return reg;
}
#else
bool
crc32c_has_hardware(void)
{
	return false;
}

uint32_t
crc32c_hardware(uint32_t reg, const unsigned char *p, size_t n)
{
	return crc32c_table(reg, p, n);
}
#endif

uint32_t
crc32c(uint32_t crc, const void *p, size_t n)
{
	return ~(crc32c_has_hardware() ? crc32c_hardware(~crc, p, n)
	                               : crc32c_table(~crc, p, n));
}

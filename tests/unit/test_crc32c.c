/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "postern/base/crc32c.h"
#include "postern/base/rand.h"

#include "base/crc32c_impl.h"

/* RFC 3720 B.4 writes the bytes in the order of the wire: lowest first. */
static unsigned char zeros[32], ones[32], up[32], down[32];
static const unsigned char read10[48] = { 0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0x14, 0, 0, 0, 0x18,
	0x28, 0, 0, 0, 0, 0, 0, 0, 2 };

static const struct {
	const char *why;
	const void *p;
	size_t n;
	uint32_t crc;
} vectors[] = {
	{ "32 bytes of zeroes", zeros, 32, 0x8a9136aa },
	{ "32 bytes of ones", ones, 32, 0x62a8ab43 },
	{ "32 bytes upward", up, 32, 0x46dd794e },
	{ "32 bytes downward", down, 32, 0x113fdb5c },
	{ "an iSCSI read", read10, 48, 0xd9963a56 },
	{ "the check value of the catalogues", "123456789", 9, 0xe3069283 },
	{ "nothing", "", 0, 0 },
};

static void
the_published_vectors_hold(void **state)
{
	(void)state;
	memset(ones, 0xff, 32);
	for (int i = 0; i < 32; i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)(31 - i);
	}
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		const unsigned char *p = vectors[i].p;
		size_t n = vectors[i].n;

		if (crc32c(0, p, n) != vectors[i].crc ||
		    ~crc32c_table(~0u, p, n) != vectors[i].crc)
			fail_msg("%s", vectors[i].why);
		if (crc32c_has_hardware() &&
		    ~crc32c_hardware(~0u, p, n) != vectors[i].crc)
			fail_msg("%s, by the processor", vectors[i].why);
	}
}

static void
parts_and_ways_agree(void **state)
{
	unsigned char data[1000];

	(void)state;
	rand_bytes(data, sizeof data);
	for (int i = 0; i < 1000; i++) {
		size_t from = rand_below(20), n = rand_below(980);
		size_t cut = rand_below(n + 1);
		uint32_t whole = crc32c(0, data + from, n);
		uint32_t first = crc32c(0, data + from, cut);

		assert_int_equal(
		    crc32c(first, data + from + cut, n - cut), whole);
		assert_int_equal(~crc32c_table(~0u, data + from, n), whole);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_published_vectors_hold),
		cmocka_unit_test(parts_and_ways_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What passes is clean, fits, and is its own normal form. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/mail/address.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct address *a, unsigned flags)
{
	struct address again;
	char path[ADDRESS_MAX + 2];
	size_t took;

	assert(a->len <= ADDRESS_MAX && a->local_len <= a->len);
	for (size_t i = 0; i < a->len; i++) {
		unsigned char c = (unsigned char)a->text[i];

		assert(c >= ' ' && c != 0x7f);
		assert(c < 0x80 || (a->utf8 && (flags & ADDRESS_UTF8)));
	}
	path[0] = '<';
	memcpy(path + 1, a->text, a->len);
	path[a->len + 1] = '>';
	assert(address_path(&again, (struct str){ path, a->len + 2u }, flags,
	           &took) == ADDRESS_OK);
	assert(took == a->len + 2u && again.local_len == a->local_len);
	assert(str_eq(address_str(&again), address_str(a)));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = { (const char *)data, size };
	struct address a;
	size_t took;

	for (unsigned flags = 0; flags < 8; flags++) {
		if (address_path(&a, in, flags, &took) == ADDRESS_OK) {
			assert(took <= size && took >= 2);
			check(&a, flags);
		}
		if (address_mailbox(&a, in, flags) == ADDRESS_OK)
			check(&a, flags);
		(void)address_is_domain(in, flags);
	}
	return 0;
}

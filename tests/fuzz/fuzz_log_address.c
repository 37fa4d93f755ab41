/* SPDX-License-Identifier: Apache-2.0 */
/* What is hidden stays hidden: whatever a peer says, no more than there is room
 * for comes out, no '@' comes about, and hashing shows no more than masking. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/log_address.h"

#define TEXT_MAX 4096
#define HIDDEN_MAX (17 * TEXT_MAX)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char once[HIDDEN_MAX], twice[HIDDEN_MAX];

static size_t
ats(struct str s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.len; i++)
		n += s.p[i] == '@';
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char key[LOG_KEY] = { 1 };
	struct str s = { (const char *)data, size };
	size_t n, m;

	if (size == 0 || size > TEXT_MAX)
		return 0;
	log_address_key(key);
	log_address_mode(LOG_ADDRESSES_MASKED);
	n = log_address_hide(once, sizeof once, s);
	assert(n < sizeof once && ats((struct str){ once, n }) <= ats(s));
	assert(log_address_hide(twice, n / 2, s) <= n / 2);
	log_address_mode(LOG_ADDRESSES_HASHED);
	m = log_address_hide(twice, sizeof twice, s);
	assert(ats((struct str){ twice, m }) <= ats((struct str){ once, n }));
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/local.h"

bool
local_has(const struct local *l, struct str address)
{
	size_t at = address.len;
	struct str domain;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	if (at == 0)
		return false;
	domain = (struct str){ address.p + at, address.len - at };
	for (size_t i = 0; i < l->ndomains; i++) {
		if (str_is(domain, l->domains[i]))
			return true;
	}
	return false;
}

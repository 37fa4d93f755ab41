/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/local.h"

/* Of the domain; 0: there is none. */
static size_t
domain_at(struct str address)
{
	size_t at = address.len;

	while (at > 0 && address.p[at - 1] != '@')
		at--;
	return at;
}

bool
local_has(const struct local *l, struct str address)
{
	size_t at = domain_at(address);

	if (at == 0)
		return address.len > 0;
	return local_has_domain(
	    l, (struct str){ address.p + at, address.len - at });
}

bool
local_has_domain(const struct local *l, struct str domain)
{
	for (size_t i = 0; i < l->ndomains; i++) {
		if (str_is(domain, l->domains[i]))
			return true;
	}
	return false;
}

struct str
local_name(struct str address)
{
	size_t at = domain_at(address);

	return (struct str){ address.p, at > 0 ? at - 1 : address.len };
}

bool
local_readers(
    const struct local *l, struct str name, aliases_to_fn *fn, void *arg)
{
	if (l->aliases != NULL && aliases_expand(l->aliases, name, fn, arg))
		return true;
	if (l->root != NULL)
		fn(arg, l->root);
	return l->root != NULL;
}

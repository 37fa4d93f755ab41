/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns of addresses, and rates: what is taken means what it says; what is
 * not has a reason. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/mail/address_pattern.h"
#include "postern/mail/rate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Does it match front and domain? */
static bool
matches(const struct address_pattern *p, const char *front)
{
	char *text =
	    mem_printf("%s%.*s", front, (int)p->domain.len, p->domain.p);
	bool has = address_pattern_has(p, str_of(text));

	free(text);
	return has;
}

static void
check_pattern(const struct address_pattern *p, struct str text)
{
	assert(address_pattern_has(p, STR("")) ==
	       (p->kind == ADDRESS_PATTERN_NULL));
	switch (p->kind) {
	case ADDRESS_PATTERN_EXACT:
		assert(address_pattern_has(p, text));
		break;
	case ADDRESS_PATTERN_DOMAIN:
		assert(matches(p, "ann@"));
		assert(!matches(p, "ann@x.") && !matches(p, "ann@x"));
		break;
	case ADDRESS_PATTERN_BELOW:
		assert(matches(p, "ann@x.") && matches(p, "ann@x.y."));
		assert(!matches(p, "ann@") && !matches(p, "ann@x"));
		break;
	case ADDRESS_PATTERN_ANY:
	case ADDRESS_PATTERN_NULL:
		assert(text.len <= 2);
		break;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct err err = { 0 };
	struct address_pattern p;
	struct rate r;

	if (memchr(data, '\0', size) != NULL)
		return 0; /* no text of a configuration */
	if (address_pattern_parse(&p, text, &err) == 0)
		check_pattern(&p, text);
	else
		assert(err.text[0] != '\0');
	err.text[0] = '\0';
	if (rate_parse(&r, text, &err) == -1) {
		assert(err.text[0] != '\0');
		return 0;
	}
	assert(r.count >= 1 && r.count <= RATE_COUNT_MAX);
	assert(r.period_ms >= 1000 && r.period_ms <= RATE_PERIOD_MAX_MS);
	return 0;
}

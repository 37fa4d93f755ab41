/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is an aliases file.  Mistakes have their line and nothing that a
 * line of the log could not show; a name that is taken becomes addresses, none
 * of them of this host, and not too many.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/mail/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct seen {
	const struct local *host;
	size_t n;
};

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	size_t *mistakes = arg;

	assert(line > 0 && strlen(text) > 0);
	for (const char *p = text; *p != '\0'; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
	++*mistakes;
}

static void
on_address(void *arg, const char *address)
{
	struct seen *s = arg;

	assert(strchr(address, '@') != NULL);
	assert(!local_has(s->host, str_of(address)));
	assert(str_is_ascii(str_of(address)));
	s->n++;
}

/* Whatever stands in front of a ':' in a line. */
static void
look_up(const struct aliases *a, const struct local *host, struct str rest)
{
	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str name = str_trim(str_cut(&line, ':'));
		struct seen s = { .host = host };
		bool found = aliases_expand(a, name, on_address, &s);

		assert(
		    found ? s.n > 0 && s.n <= ALIASES_MEMBERS_MAX : s.n == 0);
	}
}

static void
read_with(const char *root, struct str text)
{
	const char *domains[] = { "web1", "localhost" };
	const struct local host = {
		.root = root, .domains = domains, .ndomains = 2
	};
	struct aliases *a = NULL;
	size_t mistakes = 0;
	int rc = aliases_parse(&a, text, &host, on_mistake, &mistakes);

	assert((rc == 0) == (mistakes == 0) && (rc == 0) == (a != NULL));
	if (rc == 0)
		look_up(a, &host, text);
	aliases_free(&a);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };

	read_with("ops@example.com", text);
	read_with(NULL, text);
	return 0;
}

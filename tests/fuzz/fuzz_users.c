/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is a users file.  Mistakes have their line and nothing that a line
 * of the log could not show; who is read is found, with a secret and, where all
 * have verifiers, with his own.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/inlet/users.h"
#include "postern/smtp/scram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
on_mistake(void *arg, unsigned line, const char *text)
{
	size_t *mistakes = arg;

	assert(line > 0 && strlen(text) > 0);
	for (const char *p = text; *p != '\0'; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
	++*mistakes;
}

/* Whoever stands in front of a ':' in a line. */
static void
look_up(const struct users *u, struct str rest)
{
	struct scram_verifier v;

	while (rest.len > 0) {
		struct str line = str_cut(&rest, '\n');
		struct str name = str_cut(&line, ':');
		const struct user *found = users_find(u, name);

		if (name.len == 0 || name.p[0] == '#')
			continue;
		assert(found != NULL && str_eq(found->name, name));
		assert((found->hash != NULL) != (found->scram != NULL));
		assert(users_is_name(name));
		assert(users_stand_in(u, name) != NULL);
		if (users_all_scram(u))
			assert(users_verifier(u, name, &v) &&
			       v.iterations == found->scram->iterations);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct users *u = NULL;
	size_t mistakes = 0;
	int rc = users_parse(&u, text, on_mistake, &mistakes);

	assert((rc == 0) == (mistakes == 0) && (rc == 0) == (u != NULL));
	if (rc == 0)
		look_up(u, text);
	users_free(&u);
	return 0;
}

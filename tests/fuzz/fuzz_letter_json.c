/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the JSON of an exported message, as import reads it.  What is
 * refused is told in a line; what is taken is written again, and that is taken,
 * too, and says the same.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/admin/letter_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *
any_route(void *arg, uint32_t route)
{
	(void)arg;
	(void)route;
	return "r";
}

static void
is_a_line(const char *text)
{
	assert(strlen(text) > 0);
	for (const char *p = text; *p != '\0'; p++)
		assert((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* The object that stands for it; NULL where it is refused. */
static json_t *
read_and_write(const json_t *j)
{
	struct letter_json l;
	struct err err;
	json_t *again;

	if (letter_json_read(j, &l, &err) != 0) {
		is_a_line(err.text);
		return NULL;
	}
	again = letter_json(&l.whole, any_route, NULL);
	letter_json_done(&l);
	return again;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *j = json_loadb((const char *)data, size, 0, NULL);
	json_t *once = j != NULL ? read_and_write(j) : NULL;

	if (once != NULL) {
		json_t *twice = read_and_write(once);

		assert(twice != NULL && json_equal(once, twice));
		json_decref(twice);
		json_decref(once);
	}
	json_decref(j);
	return 0;
}

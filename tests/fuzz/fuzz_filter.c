/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken means the opposite behind "not", and the same in parentheses;
 * what is refused has a place within the text. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "admin/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct spool_row_rcpt rcpts[] = {
	{ 0, ENVELOPE_QUEUED, 451, { "ann@example.com", 15 }, { "4.7.1", 5 },
	    { "slow down", 9 } },
	{ 1, ENVELOPE_DEAD, 0, { "bob@example.net", 15 }, { NULL, 0 },
	    { NULL, 0 } },
};
static const struct spool_row row = { .state = SPOOL_ROW_QUEUED,
	.key = { .lane = 7, .mid = 99 },
	.size = 1000,
	.provider = { "ses", 3 },
	.sender = { "news@example.org", 16 },
	.nrcpts = 2,
	.rcpts = rcpts };
static const struct filter_subject subject = {
	.row = &row, .route = "default", .now_ms = 100000
};

/* -1: it is not taken within the text around it. */
static int
fits_within(const char *before, struct str text, const char *after)
{
	char *all = mem_printf(
	    "%s%.*s%s", before, (int)text.len, text.len ? text.p : "", after);
	struct filter *f = NULL;
	struct err err;
	int fits = -1;

	if (filter_new(&f, str_of(all), &err) == 0)
		fits = filter_fits(f, &subject);
	filter_free(&f);
	free(all);
	return fits;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = { (const char *)data, size };
	struct filter *f = NULL;
	struct err err = { 0 };
	unsigned long at;
	int fits, in;

	if (filter_new(&f, text, &err) != 0) {
		assert(f == NULL);
		assert(size > FILTER_TEXT_MAX ||
		       (sscanf(err.text, "column %lu: ", &at) == 1 && at > 0 &&
		           at <= size + 1));
		return 0;
	}
	fits = filter_fits(f, &subject);
	filter_free(&f);
	if (str_trim(text).len == 0 || memchr(data, 0, size) != NULL)
		return 0; /* everything; or no C string */
	in = fits_within("(", text, ")");
	assert(in < 0 || in == fits);
	in = fits_within("not (", text, ")");
	assert(in < 0 || in != fits);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/help_text.h"

#include <string.h>

/* An entry: lines of all_lines[]. */
struct help_text {
	const char *page, *name;
	size_t first, n;
};

#include "tools/help_text.inc"

size_t
help_text_print(FILE *out, const char *page, const char *name)
{
	size_t lines = 0;

	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
		const struct help_text *e = &all[i];

		if (strcmp(e->page, page) != 0 || strcmp(e->name, name) != 0)
			continue;
		if (lines > 0)
			(void)fputc('\n', out);
		for (size_t k = 0; k < e->n; k++) {
			const char *line = all_lines[e->first + k];

			(void)fprintf(
			    out, "%s%s\n", line[0] != '\0' ? "  " : "", line);
		}
		lines += e->n;
	}
	return lines;
}

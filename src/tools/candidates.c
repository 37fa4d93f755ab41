/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/candidates.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/control_row.h"

/* "  -> main: ok" */
static void
print_one(const json_t *c)
{
	int64_t wait = control_row_number(c, "for_ms");

	(void)printf("  %s %s: %s",
	    json_is_true(json_object_get(c, "pick")) ? "->" : "  ",
	    control_row_text(c, "name"), control_row_text(c, "state"));
	if (*control_row_text(c, "why") != '\0')
		(void)printf(" (%s)", control_row_text(c, "why"));
	if (wait > 0)
		(void)printf(", for %" PRId64 " s", (wait + 999) / 1000);
	if (*control_row_text(c, "lacks") != '\0')
		(void)printf(", not for this message (%s)",
		    control_row_text(c, "lacks"));
	(void)putchar('\n');
}

bool
candidates_print(const json_t *row)
{
	const json_t *all = json_object_get(row, "candidates"), *c;
	bool has_pick = false;
	size_t i;

	json_array_foreach(all, i, c)
	{
		print_one(c);
		has_pick |= json_is_true(json_object_get(c, "pick"));
	}
	return has_pick;
}

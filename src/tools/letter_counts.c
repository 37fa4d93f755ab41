/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/letter_counts.h"

#include <inttypes.h>
#include <stdio.h>
#include <sysexits.h>

#include "tools/control_row.h"

static void
print_json(const struct letter_counts *c, const char *directory)
{
	json_t *row = json_pack("{ss sI sI sI sb}", "directory", directory,
	    "exported", (json_int_t)c->done, "there", (json_int_t)c->there,
	    "damaged", (json_int_t)c->damaged, "gap", (int)c->has_gap);

	control_row_print(NULL, row);
	json_decref(row);
}

int
letter_counts_tell(
    const struct letter_counts *c, const char *directory, bool is_json)
{
	if (is_json)
		print_json(c, directory);
	else
		(void)printf("%" PRIu64 " messages are in %s; %" PRIu64
		             " were there, %" PRIu64 " cannot be read\n",
		    c->done + c->there, directory, c->there, c->damaged);
	return c->damaged > 0 || c->has_gap ? EX_DATAERR : 0;
}

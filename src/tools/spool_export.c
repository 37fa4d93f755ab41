/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/spool_export.h"

#include <stdio.h>

#include "postern/spool/offline.h"

#include "tools/letter_counts.h"
#include "tools/letter_export.h"
#include "tools/letter_file.h"
#include "tools/spool_tool.h"

/* -1: nothing can be written. */
static int
export_one(struct letter_export *x, uint64_t mid, struct letter_counts *c,
    struct err *err)
{
	switch (letter_export_one(x, mid, err)) {
	case LETTER_EXPORT_DONE:
		c->done++;
		return 0;
	case LETTER_EXPORT_THERE:
		c->there++;
		return 0;
	case LETTER_EXPORT_NONE:
		return 0;
	case LETTER_EXPORT_DAMAGED:
		c->damaged++;
		(void)fprintf(stderr, "postern: %s\n", err->text);
		return 0;
	case LETTER_EXPORT_FAILED:
		break;
	}
	return -1;
}

static int
export_all(struct letter_export *x, struct letter_counts *c, struct err *err)
{
	struct spool_item items[SPOOL_PAGE];
	uint64_t after = 0;
	int n, rc = 0;

	while (rc == 0 &&
	       (n = spool_list(x->reader, after, items, SPOOL_PAGE)) > 0) {
		for (int i = 0; i < n && rc == 0; i++)
			rc = export_one(x, items[i].mid, c, err);
		after = items[n - 1].mid;
	}
	if (rc == 0 && n < 0)
		rc = err_set(err, ERR_STORE,
		    "the spool cannot be read; postern spool salvage copies "
		    "what can");
	return rc;
}

static int
export_to(const struct spool_tool *t, int dir)
{
	struct letter_counts counts = { 0 };
	struct letter_export x;
	struct spool *sp = NULL;
	struct err err;
	int rc = offline_view(&sp, t->set.directory, &err);

	if (rc == 0) {
		letter_export_init(&x, sp, dir);
		rc = export_all(&x, &counts, &err);
		letter_export_done(&x);
	}
	spool_close(&sp);
	if (rc == 0)
		rc = letter_file_sync(dir, &err);
	return rc == 0 ? letter_counts_tell(&counts, t->word, t->ask.is_json)
	               : spool_tool_fail(&err);
}

int
spool_export_run(const struct spool_tool *t)
{
	return spool_tool_into(t, export_to);
}

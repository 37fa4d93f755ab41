/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/letter_export - messages of a spool that is open for reading, as files
 * (tools/letter_file).
 */
#ifndef TOOLS_LETTER_EXPORT_H
#define TOOLS_LETTER_EXPORT_H

#include <stdint.h>

#include "postern/base/err.h"
#include "postern/spool/spool.h"

#include "tools/route_names.h"

struct letter_export {
	struct spool_reader *reader;
	int dir; /* borrowed */
	struct route_names names;
	char *part; /* of content */
};

enum letter_export_result {
	LETTER_EXPORT_DONE,
	LETTER_EXPORT_THERE,   /* it was there before */
	LETTER_EXPORT_NONE,    /* nothing of it is left to be done */
	LETTER_EXPORT_DAMAGED, /* it cannot be read: *err */
	LETTER_EXPORT_FAILED,  /* it cannot be written: *err */
};

void letter_export_init(struct letter_export *x, struct spool *sp, int dir);
void letter_export_done(struct letter_export *x);
enum letter_export_result letter_export_one(
    struct letter_export *x, uint64_t mid, struct err *err);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/letter_counts - what became of messages that were to be files.
 */
#ifndef TOOLS_LETTER_COUNTS_H
#define TOOLS_LETTER_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

struct letter_counts {
	uint64_t done, there, damaged;
	bool has_gap; /* some are not even known */
};

/* Told on standard output; the exit code. */
int letter_counts_tell(
    const struct letter_counts *c, const char *directory, bool is_json);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_note - collects mistakes, warnings and hints, one line each, and
 * puts them in the order of files and lines.
 */
#ifndef CONF_CONF_NOTE_H
#define CONF_CONF_NOTE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"

struct conf_report;

struct conf_place {
	const char *file; /* borrowed for as long as the notes live */
	unsigned number;  /* of the file: 0 is the main one */
	int line;         /* 0: the file as a whole */
};

struct conf_notes {
	size_t n, cap;
	size_t mistakes;
	const char *under; /* this beginning of keys is left out; or NULL */
	struct conf_note *note; /* owned */
};

void conf_note_mistake(struct conf_notes *n, struct conf_place at,
    const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
void conf_note_warning(struct conf_notes *n, struct conf_place at,
    const char *key, const char *fmt, ...) PRINTF_LIKE(4, 5);
/* What is right as it is, but could be better: told by a check only. */
void conf_note_hint(struct conf_notes *n, struct conf_place at, const char *key,
    const char *fmt, ...) PRINTF_LIKE(4, 5);
/* Moves all into *r, ordered; n is empty then. */
void conf_note_report(struct conf_notes *n, struct conf_report *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/letter_file - messages as files: ID.eml is the content as it stands in
 * the spool, ID.json the envelope (admin/letter_json).  That one is made last,
 * in one step: what has it is whole.
 */
#ifndef TOOLS_LETTER_FILE_H
#define TOOLS_LETTER_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "postern/base/err.h"
#include "postern/base/id.h"

struct letter_json;

#define LETTER_FILE_NAME (ID_TEXT + 16)

/* --- writing: begin, add as often as need be, and end or drop */
struct letter_file {
	int dir; /* borrowed */
	int fd;
	char id[ID_TEXT];
	uint32_t crc32c; /* of what was added */
	uint64_t size;
};
bool letter_file_is_there(int dir, uint64_t mid); /* whole */
MUST_CHECK int letter_file_begin(
    struct letter_file *f, int dir, uint64_t mid, struct err *err);
MUST_CHECK int letter_file_add(
    struct letter_file *f, const void *p, size_t n, struct err *err);
/* Checks size and CRC against the envelope's. */
MUST_CHECK int letter_file_end(
    struct letter_file *f, const json_t *envelope, struct err *err);
void letter_file_drop(struct letter_file *f);
/* All of a directory is on the disk. */
MUST_CHECK int letter_file_sync(int dir, struct err *err);

/* --- reading */
/* The ids of the messages in a directory, in order; the caller frees them. */
MUST_CHECK int letter_file_ids(
    int dir, uint64_t **ids, size_t *n, struct err *err);
/* With its content, which is as the envelope says.  0: yours to
 * letter_json_done(). */
#define LETTER_FILE_MAX                                                        \
	(512u << 20) /* bytes of content; one commit takes it                  \
	              */
MUST_CHECK int letter_file_read(
    int dir, uint64_t mid, struct letter_json *l, struct err *err);

#endif

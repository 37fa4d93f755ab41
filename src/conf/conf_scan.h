/* SPDX-License-Identifier: Apache-2.0 */
/*
 * conf/conf_scan - reads a file's text before libconfig does: names what
 * libconfig 1.5 takes wrongly in silence (numbers that wrap, strings that grow
 * together, names that stand twice) or tells unclearly (quotes and brackets
 * left open, values without quotes), and writes a copy in which each of these
 * is mended, so that the rest of the file can be checked too.
 */
#ifndef CONF_CONF_SCAN_H
#define CONF_CONF_SCAN_H

#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/err.h"
#include "postern/base/str.h"

#include "conf/conf_note.h"

#define CONF_SCAN_FILE_MAX (1u << 20)
/* A value that was told already stands as this number in the copy, a name as
 * one that begins with '*'. */
#define CONF_SCAN_TOLD (-INT64_C(9007199254740993))
#define CONF_SCAN_OUT_MAX ((size_t)CONF_SCAN_FILE_MAX * 24)

/* 0: *out (made by the caller with CONF_SCAN_OUT_MAX) holds text for
 * libconfig, NUL ended; mistakes may have been told.  -1: the structure cannot
 * be followed, which was told. */
MUST_CHECK int conf_scan(struct str text, struct conf_place at,
    struct conf_notes *notes, struct buf *out);

#endif

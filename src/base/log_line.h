/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_line - fields to the text of one line, in the format of the day.
 */
#ifndef BASE_LOG_LINE_H
#define BASE_LOG_LINE_H

#include "postern/base/log.h"

#include "base/log_postfix.h"

void log_line_format(enum log_format format); /* of lines begun from now on */
/* The end; what goes into a ring, borrowed from l or room. */
#define LOG_LINE_ROOM (LOG_POSTFIX_LINES * LOG_LINE_MAX)
struct str log_line_finish(struct log_line *l, char room[LOG_LINE_ROOM]);
void log_line_field(
    struct log_line *l, const char *key, struct str value, size_t cut);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/log_postfix - lines in the manner of Postfix, for tools that read its
 * log.  An event's row has a template: lines, each with the part of Postfix
 * that would say it, ": ", and text with
 *
 *	%{key}        the field's value
 *	%{key/s}      milliseconds (or several with '/' between) as seconds
 *	%{key|word}   the value, or the word
 *	%{?key} %{/}  what stands between only if there is such a field,
 *	%{!key} %{/}  or none
 *
 * A line's fields are kept until it ends, key, NUL, u16 length, value, and then
 * make the lines.  Control bytes and what is no UTF-8 become '?'; so do '<' and
 * '>' in a value behind a '<'.
 */
#ifndef BASE_LOG_POSTFIX_H
#define BASE_LOG_POSTFIX_H

#include "postern/base/log.h"

#define LOG_POSTFIX_LINES 3 /* a row has at most */

void log_postfix_keep(struct log_line *l, const char *key, struct str value);
/* Whole records; how many bytes.  max: LOG_POSTFIX_LINES * LOG_LINE_MAX. */
size_t log_postfix_render(const struct log_line *l, char *out);

#endif

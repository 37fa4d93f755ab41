/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/provider_line - a provider in 80 columns; a longer name moves the rest
 * of its line.
 */
#ifndef TOOLS_PROVIDER_LINE_H
#define TOOLS_PROVIDER_LINE_H

#include <jansson.h>
#include <stddef.h>

void provider_line_head(void);
/* Below it, of one that is not ok, its last trouble. */
void provider_line_print(const json_t *row);
/* "12s ago at auth: 535 5.7.8 no such user", the caller's to free; NULL: it had
 * no trouble. */
char *provider_line_trouble_text(const json_t *row);

#endif

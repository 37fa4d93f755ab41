/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/provider_line - a provider in 80 columns; a longer name moves the rest
 * of its line.
 */
#ifndef TOOLS_PROVIDER_LINE_H
#define TOOLS_PROVIDER_LINE_H

#include <jansson.h>

void provider_line_head(void);
void provider_line_print(const json_t *row);

#endif

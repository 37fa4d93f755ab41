/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/help_text - the entries of postern.conf(5) and postern(8), as
 * help_text.awk makes plain text of them when this is built: "postern help"
 * has them also where no manual is installed.
 */
#ifndef TOOLS_HELP_TEXT_H
#define TOOLS_HELP_TEXT_H

#include <stddef.h>
#include <stdio.h>

#define HELP_TEXT_KEYS "postern.conf.5"
#define HELP_TEXT_COMMANDS "postern.8"

/* The entries of that name, each line behind two blanks; how many lines. */
size_t help_text_print(FILE *out, const char *page, const char *name);

#endif

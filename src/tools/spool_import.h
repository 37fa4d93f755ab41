/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/spool_import - messages from files into a spool that no daemon uses.
 */
#ifndef TOOLS_SPOOL_IMPORT_H
#define TOOLS_SPOOL_IMPORT_H

struct spool_tool;

int spool_import_run(const struct spool_tool *t); /* an exit code */

#endif

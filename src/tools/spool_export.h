/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/spool_export - all messages of a spool that no daemon uses, as files.
 */
#ifndef TOOLS_SPOOL_EXPORT_H
#define TOOLS_SPOOL_EXPORT_H

struct spool_tool;

int spool_export_run(const struct spool_tool *t); /* an exit code */

#endif

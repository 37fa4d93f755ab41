/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/spool_backup - a copy of the spool in a directory of its own: of one
 * that no daemon uses made here, else by the daemon, into the file that is
 * opened here.
 */
#ifndef TOOLS_SPOOL_BACKUP_H
#define TOOLS_SPOOL_BACKUP_H

struct spool_tool;

int spool_backup_run(const struct spool_tool *t); /* an exit code */

#endif

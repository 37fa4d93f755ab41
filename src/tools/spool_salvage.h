/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/spool_salvage - what can still be read of a damaged spool, as files.
 * Reading may end the process: a child reads, from the first message on and,
 * where that goes no further, from the last one back.
 */
#ifndef TOOLS_SPOOL_SALVAGE_H
#define TOOLS_SPOOL_SALVAGE_H

struct spool_tool;

int spool_salvage_run(const struct spool_tool *t); /* an exit code */

#endif

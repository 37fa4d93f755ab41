/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/queue_export - messages of the running daemon as files.
 */
#ifndef TOOLS_QUEUE_EXPORT_H
#define TOOLS_QUEUE_EXPORT_H

#include <stdbool.h>

struct control_ask;

struct queue_export {
	const struct control_ask *ask;
	const char *request; /* "queue.export", "dead.export" */
	const char *where;   /* NULL: all */
	const char *directory;
	bool is_json;
};

int queue_export_run(const struct queue_export *x); /* an exit code */

#endif

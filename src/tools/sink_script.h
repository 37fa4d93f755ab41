/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_script - reads the script of postern-sink(1), a libconfig file.
 */
#ifndef TOOLS_SINK_SCRIPT_H
#define TOOLS_SINK_SCRIPT_H

#include "tools/sink_plan.h"

#define SINK_SCRIPT_MAX ((size_t)1024 * 1024)

/* Adds what the file says to *p.  -1: err->text begins with "FILE:LINE: ". */
MUST_CHECK int sink_script_read(
    struct sink_plan *p, const char *path, struct err *err);

#endif

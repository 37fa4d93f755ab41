/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/owner - root makes files of somebody else's directory as that one.
 */
#ifndef TOOLS_OWNER_H
#define TOOLS_OWNER_H

#include "postern/base/err.h"

/* Files are made as the directory's owner from here on, until owner_back().
 * For anybody but root nothing changes. */
MUST_CHECK int owner_become(const char *directory, struct err *err);
void owner_back(void);

#endif

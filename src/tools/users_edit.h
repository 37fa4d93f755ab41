/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/users_edit - changes one entry of a users file (inlet/users): the file
 * is written new beside the old one, synced and renamed, with the old one's
 * mode and owner.  Whoever does so meanwhile waits.
 */
#ifndef TOOLS_USERS_EDIT_H
#define TOOLS_USERS_EDIT_H

#include <stddef.h>

#include "postern/base/err.h"

/* The entry gets that secret, and keeps its options; without one, it is put at
 * the end.  A file that is not there is made. */
MUST_CHECK int users_edit_set(
    const char *path, const char *name, const char *secret, struct err *err);
/* Its options "KEY=VALUE" are put or replaced; "KEY=" goes.  -1, too: there is
 * no such entry, or no such option. */
MUST_CHECK int users_edit_options(const char *path, const char *name,
    const char *const *options, size_t n, struct err *err);
/* -1, too: there is no such entry. */
MUST_CHECK int users_edit_delete(
    const char *path, const char *name, struct err *err);

#endif

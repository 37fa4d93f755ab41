/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_store - a Maildir: the content octet by octet as it came, CRLF
 * and all.  Written while it arrives; in new/ once it is whole.
 */
#ifndef TOOLS_SINK_STORE_H
#define TOOLS_SINK_STORE_H

#include <stddef.h>

#include "postern/base/err.h"

struct sink_store;
struct sink_file;

/* Makes the directory and tmp, new, cur in it where they are missing. */
MUST_CHECK int sink_store_new(
    struct sink_store **s, const char *directory, struct err *err);
void sink_store_free(struct sink_store **s);
MUST_CHECK int sink_store_begin(
    struct sink_store *s, struct sink_file **f, struct err *err);
MUST_CHECK int sink_store_write(
    struct sink_file *f, const char *p, size_t n, struct err *err);
/* It is in new/ now; *name is its name there (the caller frees it). */
MUST_CHECK int sink_store_keep(
    struct sink_file **f, char **name, struct err *err);
void sink_store_drop(struct sink_file **f); /* NULL is fine */

#endif

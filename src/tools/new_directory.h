/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/new_directory - a directory for what a tool writes: made, or there and
 * empty; 0700, and what is in it 0600.  What root makes belongs to whom the
 * spool belongs to.
 */
#ifndef TOOLS_NEW_DIRECTORY_H
#define TOOLS_NEW_DIRECTORY_H

#include <stdbool.h>
#include <sys/types.h>

#include "postern/base/err.h"

struct new_directory {
	int fd;           /* < 0: there is none */
	const char *path; /* borrowed */
	bool is_made;
	bool gives; /* to owner and group */
	uid_t owner;
	gid_t group;
};

/* spool: whose owner gets it.  -1: *err, and it is as before. */
MUST_CHECK int new_directory_make(struct new_directory *d, const char *path,
    const char *spool, struct err *err);
/* The same, but it may hold something, and it is the caller's own. */
MUST_CHECK int new_directory_open(
    struct new_directory *d, const char *path, struct err *err);
/* A file that was not there; *fd is the caller's. */
MUST_CHECK int new_directory_file(
    struct new_directory *d, const char *name, int *fd, struct err *err);
/* What is in it is there after a crash, too; files are synced before. */
MUST_CHECK int new_directory_sync(struct new_directory *d, struct err *err);
void new_directory_done(struct new_directory *d);
/* The same; removed, if it was made here and is empty. */
void new_directory_drop(struct new_directory *d);

#endif

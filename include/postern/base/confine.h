/* SPDX-License-Identifier: Apache-2.0 */
/*
 * base/confine - from now on this thread, and those that it starts, write only
 * below some directories, and run no program (Landlock, where the kernel has
 * it).  There is no way back.  Reading is not confined.
 */
#ifndef BASE_CONFINE_H
#define BASE_CONFINE_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/err.h"

struct confine {
	const char *const *roots; /* directories, or files that are there */
	size_t nroots;
	bool may_run; /* programs */
};

/* Needs no_new_privs.  Roots that are not there are left out.  1: it is so;
 * 0: this kernel does not have it; -1: it refuses, *err. */
MUST_CHECK int confine_writes(const struct confine *c, struct err *err);

#endif

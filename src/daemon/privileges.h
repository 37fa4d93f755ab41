/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/privileges - root's rights are given up for those of a user; what is
 * needed to bind low ports again stays where libcap-ng is built in.  Before
 * any thread exists.
 */
#ifndef DAEMON_PRIVILEGES_H
#define DAEMON_PRIVILEGES_H

#include <stdbool.h>
#include <sys/types.h>

#include "postern/base/err.h"

struct privileges {
	const char *user; /* borrowed */
	uid_t uid;
	gid_t gid;
	bool change; /* started as root, and the user is not root */
};

/* group NULL: the user's own.  Started by an ordinary user there is nothing to
 * change, and the user need not exist. */
MUST_CHECK int privileges_find(
    struct privileges *p, const char *user, const char *group, struct err *err);
/* The user's rights for a while: files are opened with them. */
MUST_CHECK int privileges_assume(const struct privileges *p, struct err *err);
MUST_CHECK int privileges_resume(const struct privileges *p, struct err *err);
/* For good.  Where they allow it, threads may be idle and come back. */
MUST_CHECK int privileges_drop(const struct privileges *p, struct err *err);
/* No set-id program gives rights back, no core holds secrets; as many
 * descriptors as are allowed. */
void privileges_confine(void);

#endif

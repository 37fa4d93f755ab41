/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/callers.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"

#define GROUPS_MAX 1024 /* of a user that are looked at */

static bool
is_unix(int fd)
{
	int domain = AF_UNSPEC;
	socklen_t len = sizeof domain;

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	       domain == AF_UNIX;
}

static bool
has(const uint32_t *ids, size_t n, uint32_t id)
{
	for (size_t i = 0; i < n; i++) {
		if (ids[i] == id)
			return true;
	}
	return false;
}

/* The groups beside its own one; the caller frees. */
static gid_t *
other_groups(int fd, size_t *n)
{
	socklen_t len = 0;
	gid_t *gids;

	*n = 0;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 ||
	    errno != ERANGE)
		return NULL;
	gids = mem_new(len);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, gids, &len) == 0)
		*n = len / sizeof *gids;
	return gids;
}

static bool
is_in_group(const struct inlet_listener *l, int fd, gid_t own)
{
	bool is_in = has(l->groups, l->ngroups, own);
	size_t n = 0;
	gid_t *gids;

	if (is_in || l->ngroups == 0)
		return is_in;
	gids = other_groups(fd, &n);
	for (size_t i = 0; i < n && !is_in; i++)
		is_in = has(l->groups, l->ngroups, gids[i]);
	free(gids);
	return is_in;
}

bool
callers_admit(const struct inlet_listener *l, int fd)
{
	struct ucred who;
	socklen_t len = sizeof who;

	if ((l->users == NULL && l->groups == NULL) || !is_unix(fd))
		return true;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
		return false;
	return has(l->users, l->nusers, who.uid) || is_in_group(l, fd, who.gid);
}

/* Asks the system's tables, which may take its time. */
static bool
is_member(const struct inlet_listener *l, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	int n = GROUPS_MAX;
	gid_t *gids;
	bool is_in = false;

	if (pw == NULL)
		return false;
	gids = mem_array(GROUPS_MAX, sizeof *gids);
	if (getgrouplist(pw->pw_name, pw->pw_gid, gids, &n) < 0)
		n = GROUPS_MAX; /* those that had room */
	for (int i = 0; i < n && !is_in; i++)
		is_in = has(l->groups, l->ngroups, gids[i]);
	free(gids);
	return is_in;
}

bool
callers_admit_user(const struct inlet_listener *l, uid_t uid)
{
	if (l->users == NULL && l->groups == NULL)
		return true;
	return has(l->users, l->nusers, uid) ||
	       (l->ngroups > 0 && is_member(l, uid));
}

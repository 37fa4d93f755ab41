/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/callers.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "postern/base/mem.h"
#include "postern/inlet/inlet.h"

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

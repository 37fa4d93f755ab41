/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/conn_fd - a descriptor that comes with the input of a unix socket
 * (SCM_RIGHTS).  One at a time: of more the kernel keeps the rest, and a newer
 * one takes the place of an older.
 */
#include "io/conn_priv.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void
keep(struct conn *c, int fd)
{
	if (c->passed_fd >= 0)
		(void)close(c->passed_fd);
	c->passed_fd = fd;
}

ssize_t
conn_fd_receive(struct conn *c, char *to, size_t max)
{
	union { /* aligned */
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	struct iovec data = { to, max };
	struct msghdr m = { .msg_iov = &data,
		.msg_iovlen = 1,
		.msg_control = u.room,
		.msg_controllen = sizeof u.room };
	ssize_t n = recvmsg(c->fd, &m, MSG_CMSG_CLOEXEC);
	struct cmsghdr *h = n < 0 ? NULL : CMSG_FIRSTHDR(&m);
	int fd;

	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS &&
	    h->cmsg_len == CMSG_LEN(sizeof fd)) {
		memcpy(&fd, CMSG_DATA(h), sizeof fd);
		keep(c, fd);
	}
	return n;
}

int
conn_take_fd(struct conn *c)
{
	int fd = c->passed_fd;

	c->passed_fd = -1;
	return fd;
}

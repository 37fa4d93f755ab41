/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/io/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/base/mem.h"

#include "io/loop_priv.h"

#define BACKLOG 4096 /* the kernel caps it at somaxconn */
#define TURN_MAX 64  /* connections accepted in one turn */
#define PAUSE_MS 100

struct listen {
	int fd;
	bool is_borrowed; /* closed by somebody else */
	int reserve;      /* given up for a moment when descriptors are out */
	struct addr addr;
	dev_t dev; /* of the unix path we made */
	ino_t ino;
	mode_t mode;
	struct loop *loop; /* NULL: not started */
	bool in_hook;      /* then a close only marks, with fd -1 */
	ev_io io;
	struct timer pause;
	listen_fn *fn;
	void *arg;
};

static const char *
path_of(const struct addr *a)
{
	return ((const struct sockaddr_un *)&a->ss)->sun_path;
}

/* Is there a socket at the path that nobody listens on? */
static bool
is_stale(const struct addr *a)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct stat st;
	bool refused;

	if (fd < 0)
		return false;
	refused = connect(fd, (const struct sockaddr *)&a->ss, a->len) < 0 &&
	          errno == ECONNREFUSED;
	close(fd);
	return refused && lstat(path_of(a), &st) == 0 && S_ISSOCK(st.st_mode);
}

static int
bind_to(int fd, const struct addr *a)
{
	const struct sockaddr *sa = (const struct sockaddr *)&a->ss;

	if (bind(fd, sa, a->len) == 0)
		return 0;
	if (errno != EADDRINUSE || !addr_is_unix(a))
		return -1;
	if (!is_stale(a) || unlink(path_of(a)) < 0) {
		errno = EADDRINUSE;
		return -1;
	}
	return bind(fd, sa, a->len);
}

static void
set_options(int fd, const struct addr *a)
{
	int on = 1;

	if (addr_is_unix(a))
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	/* What is accepted inherits it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	if (a->ss.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
}

/* Anybody may connect, unless listen_mode() says otherwise; who may send is
 * decided later. */
static int
open_unix_path(struct listen *l)
{
	struct stat st;

	if (!addr_is_unix(&l->addr))
		return 0;
	if (chmod(path_of(&l->addr), 0666) < 0 ||
	    lstat(path_of(&l->addr), &st) < 0)
		return -1;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	l->mode = 0666;
	return 0;
}

static bool
is_our_path(const struct listen *l)
{
	struct stat st;

	return addr_is_unix(&l->addr) && l->ino != 0 &&
	       lstat(path_of(&l->addr), &st) == 0 && st.st_dev == l->dev &&
	       st.st_ino == l->ino;
}

int
listen_mode(struct listen *l, mode_t mode, struct err *err)
{
	if (l->mode == mode || !is_our_path(l))
		return 0;
	if (chmod(path_of(&l->addr), mode) < 0)
		return err_sys(
		    err, "%s: mode %04o", path_of(&l->addr), (unsigned)mode);
	l->mode = mode;
	return 0;
}

int
listen_open(struct listen **out, const struct addr *a, struct err *err)
{
	struct listen *l = mem_new(sizeof *l);
	char text[ADDR_TEXT];
	int why;

	addr_text(a, text);
	l->addr = *a;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	l->fd = socket(
	    a->ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || l->reserve < 0)
		goto out;
	set_options(l->fd, a);
	if (bind_to(l->fd, a) < 0 || open_unix_path(l) < 0 ||
	    listen(l->fd, BACKLOG) < 0)
		goto out;
	if (!addr_is_unix(a)) {
		l->addr.len = sizeof l->addr.ss;
		getsockname(
		    l->fd, (struct sockaddr *)&l->addr.ss, &l->addr.len);
	}
	*out = l;
	return 0;
out:
	why = errno;
	err_sys(err, "listen on %s", text);
	listen_close(&l);
	errno = why;
	return -1;
}

int
listen_check(const struct addr *a, struct err *err)
{
	char text[ADDR_TEXT];
	int fd, why, rc = -1;

	if (addr_is_unix(a))
		return 0;
	fd = socket(a->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		set_options(fd, a);
		rc = bind_to(fd, a);
	}
	why = errno;
	if (fd >= 0)
		close(fd);
	if (rc == 0)
		return 0;
	addr_text(a, text);
	errno = why;
	err_sys(err, "listen on %s", text);
	errno = why;
	return -1;
}

/* A unix path is not ours then, nor is its mode. */
int
listen_adopt(struct listen **out, int fd, struct err *err)
{
	struct listen *l = mem_new(sizeof *l);
	int flags = fcntl(fd, F_GETFL);

	l->fd = fd;
	l->is_borrowed = true;
	l->addr.len = sizeof l->addr.ss;
	l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (l->reserve < 0 || flags < 0 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ||
	    getsockname(fd, (struct sockaddr *)&l->addr.ss, &l->addr.len) < 0) {
		err_sys(err, "listen on a socket that was handed over");
		listen_close(&l);
		return -1;
	}
	*out = l;
	return 0;
}

static bool
is_out_of_descriptors(int e)
{
	return e == EMFILE || e == ENFILE || e == ENOBUFS || e == ENOMEM;
}

/* What it bound its own end to is its own word; the kernel's counts. */
static void
find_caller(int fd, struct addr *peer)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	*peer = (struct addr){ .len = sizeof(sa_family_t) };
	peer->ss.ss_family = AF_UNIX;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		addr_of_uid(peer, cred.uid);
}

/* 1 more may wait, 0 no more, -1 errno. */
static int
accept_one(struct listen *l, bool full)
{
	struct addr peer = { .len = sizeof peer.ss };
	int fd = accept4(l->fd, (struct sockaddr *)&peer.ss, &peer.len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		addr_unmap(&peer);
		if (addr_is_unix(&l->addr))
			find_caller(fd, &peer);
		l->in_hook = true;
		l->fn(l->arg, fd, &peer, full);
		l->in_hook = false;
		return 1;
	}
	if (errno == EAGAIN)
		return 0;
	/* Others are the one connection's trouble (accept(2)). */
	return is_out_of_descriptors(errno) ? -1 : 1;
}

/* Tells those who wait that we are full, and rests. */
static void
on_full(struct listen *l)
{
	ev_io_stop(loop_ev(l->loop), &l->io);
	timer_set(&l->pause, PAUSE_MS);
	if (l->reserve < 0)
		return;
	close(l->reserve);
	l->reserve = -1;
	for (int i = 0; i < TURN_MAX && l->fd >= 0; i++) {
		if (accept_one(l, true) != 1)
			break;
	}
	if (l->fd >= 0) /* the hook may have closed us */
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void
accept_some(struct listen *l)
{
	for (int i = 0; i < TURN_MAX && l->loop; i++) {
		int rc = accept_one(l, false);

		if (rc == 0)
			return;
		if (rc < 0) {
			on_full(l);
			return;
		}
	}
}

void
listen_drain(struct listen *l)
{
	for (int i = 0; i < BACKLOG && l->loop != NULL; i++) {
		if (accept_one(l, false) != 1)
			break;
	}
	if (l->fd < 0) /* closed by the hook */
		free(l);
}

static void
on_readable(struct ev_loop *ev, ev_io *w, int revents)
{
	struct listen *l = w->data;

	(void)ev;
	(void)revents;
	accept_some(l);
	if (l->fd < 0) /* closed by the hook */
		free(l);
}

static void
on_pause_over(void *arg)
{
	struct listen *l = arg;

	if (l->reserve < 0)
		l->reserve = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ev_io_start(loop_ev(l->loop), &l->io);
}

void
listen_start(struct listen *l, struct loop *loop, listen_fn *fn, void *arg)
{
	listen_stop(l);
	l->loop = loop;
	l->fn = fn;
	l->arg = arg;
	timer_init(&l->pause, loop, on_pause_over, l);
	ev_io_init(&l->io, on_readable, l->fd, EV_READ);
	l->io.data = l;
	ev_io_start(loop_ev(loop), &l->io);
}

void
listen_stop(struct listen *l)
{
	if (!l->loop)
		return;
	ev_io_stop(loop_ev(l->loop), &l->io);
	timer_done(&l->pause);
	l->loop = NULL;
}

static void
remove_path(struct listen *l)
{
	if (is_our_path(l))
		unlink(path_of(&l->addr));
}

void
listen_close(struct listen **listen)
{
	struct listen *l = *listen;

	if (!l)
		return;
	*listen = NULL;
	listen_stop(l);
	remove_path(l);
	if (l->fd >= 0 && !l->is_borrowed)
		close(l->fd);
	if (l->reserve >= 0)
		close(l->reserve);
	l->fd = l->reserve = -1;
	if (!l->in_hook)
		free(l);
}

int
listen_fd(const struct listen *l)
{
	return l->fd;
}

const struct addr *
listen_addr(const struct listen *l)
{
	return &l->addr;
}

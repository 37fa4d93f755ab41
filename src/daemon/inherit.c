/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/inherit.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/base/str.h"

#include "daemon/events.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define FDS_MAX 1024
#define REFUSED_MAX 4096 /* a full backlog, in one go */
/* Who is refused comes again at once, and would start us anew: systemd closes
 * the door where that is 20 times within 2 s. */
#define QUIET_MS 200
#define REFUSE_MS 2000

struct inherited {
	int fd;
	char *name; /* owned */
	struct addr addr;
	bool is_used;
	const char *fault; /* why it cannot be, or NULL */
};

static bool
number(const char *key, uint64_t *n)
{
	const char *text = getenv(key);

	return text != NULL && str_u64(str_of(text), n);
}

static const char *
fault_of(struct inherited *s)
{
	int type = 0, listens = 0;
	socklen_t len = sizeof type;

	if (getsockopt(s->fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0)
		return "it is no socket";
	len = sizeof listens;
	if (type != SOCK_STREAM ||
	    getsockopt(s->fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0)
		return "it is no stream socket";
	if (!listens)
		return "it does not listen";
	s->addr.len = sizeof s->addr.ss;
	if (getsockname(s->fd, (struct sockaddr *)&s->addr.ss, &s->addr.len) !=
	    0)
		return "it has no address";
	if (s->addr.ss.ss_family == AF_INET ||
	    s->addr.ss.ss_family == AF_INET6 || s->addr.ss.ss_family == AF_UNIX)
		return NULL;
	return "it has an address of another kind";
}

static void
take_one(struct inherited *s, int fd, struct str name)
{
	s->fd = fd;
	s->name = mem_strn(name.p, name.len);
	s->fault = fault_of(s);
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
forget_environment(void)
{
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

void
inherit_take(struct inherit *in)
{
	struct str names = str_of(getenv("LISTEN_FDNAMES"));
	uint64_t pid, n;

	*in = (struct inherit){ 0 };
	if (number("LISTEN_PID", &pid) && pid == (uint64_t)getpid() &&
	    number("LISTEN_FDS", &n) && n > 0 && n <= FDS_MAX) {
		in->n = (size_t)n;
		in->sockets = mem_array(in->n, sizeof *in->sockets);
		for (size_t i = 0; i < in->n; i++)
			take_one(&in->sockets[i], FIRST_FD + (int)i,
			    str_cut(&names, ':'));
	}
	forget_environment();
}

static void
close_one(struct inherited *s)
{
	if (s->fd >= 0)
		(void)close(s->fd);
	s->fd = -1;
	free(s->name);
	s->name = NULL;
}

void
inherit_done(struct inherit *in)
{
	for (size_t i = 0; i < in->n; i++)
		close_one(&in->sockets[i]);
	free(in->sockets);
	*in = (struct inherit){ 0 };
}

static bool
is_at(const struct inherited *s, const struct addr *a)
{
	char mine[ADDR_TEXT], wanted[ADDR_TEXT];

	if (s->fd < 0 || s->fault != NULL)
		return false;
	addr_text(&s->addr, mine);
	addr_text(a, wanted);
	return strcmp(mine, wanted) == 0;
}

int
inherit_find(struct inherit *in, const struct addr *a)
{
	for (size_t i = 0; i < in->n; i++) {
		if (!is_at(&in->sockets[i], a))
			continue;
		in->sockets[i].is_used = true;
		return in->sockets[i].fd;
	}
	return -1;
}

static void
tell_misfit(const struct inherited *s, size_t number, const char *text)
{
	char address[ADDR_TEXT] = "";
	struct log_line l;

	if (s->fault == NULL)
		addr_text(&s->addr, address);
	log_begin(&l, &daemon_events[DAEMON_INHERITED], 0, 0);
	log_num(&l, "fd", FIRST_FD + (int64_t)number);
	log_cstr(&l, "name", s->name);
	log_cstr(&l, "address", address);
	log_cstr(&l, "text", s->fault != NULL ? s->fault : text);
	log_end(&l);
}

void
inherit_tell_left(const struct inherit *in, const struct addr *a)
{
	for (size_t i = 0; in != NULL && i < in->n; i++) {
		if (is_at(&in->sockets[i], a))
			tell_misfit(&in->sockets[i], i,
			    "no listener has this address any more, but the "
			    "service manager listens there: clients wait; "
			    "take it out of the socket unit");
	}
}

void
inherit_close_rest(struct inherit *in)
{
	for (size_t i = 0; i < in->n; i++) {
		struct inherited *s = &in->sockets[i];

		if (s->is_used || s->fd < 0)
			continue;
		tell_misfit(s, i,
		    "no listener has this address; write it into "
		    "listeners.address, or take it out of the socket unit");
		close_one(s);
	}
}

static void
refuse_all(int fd)
{
	static const char reply[] = "421 4.3.5 The mail system is not "
	                            "configured, try again later\r\n";

	for (int i = 0; i < REFUSED_MAX; i++) {
		int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

		if (client < 0)
			return;
		(void)send(client, reply, sizeof reply - 1,
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)close(client);
	}
}

/* -1: not to be asked. */
static int
door_of(const struct inherited *s)
{
	int flags = s->fd >= 0 && s->fault == NULL ? fcntl(s->fd, F_GETFL) : -1;

	if (flags < 0 || fcntl(s->fd, F_SETFL, flags | O_NONBLOCK) != 0)
		return -1;
	return s->fd;
}

void
inherit_refuse(const struct inherit *in)
{
	struct pollfd *doors = mem_array(in->n, sizeof *doors);
	uint64_t begin_ms = clock_mono_ms();
	int wait_ms = 0, n;

	for (size_t i = 0; i < in->n; i++)
		doors[i] = (struct pollfd){ .fd = door_of(&in->sockets[i]),
			.events = POLLIN };
	do {
		n = poll(doors, in->n, wait_ms);
		wait_ms = QUIET_MS;
		for (size_t i = 0; n > 0 && i < in->n; i++) {
			if (doors[i].revents & POLLIN)
				(void)refuse_all(doors[i].fd);
		}
	} while (n > 0 && clock_mono_ms() - begin_ms < REFUSE_MS);
	free(doors);
}

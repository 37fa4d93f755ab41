/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/acceptor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/log.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"
#include "postern/io/listen.h"
#include "postern/io/loop.h"

#include "daemon/events.h"
#include "daemon/inherit.h"

struct acceptor {
	struct acceptor *next;
	struct acceptors *all;
	struct listen *listen; /* owned */
	char *name;            /* owned: the listener's */
	struct addr wanted;    /* as configured: its port may be 0 */
	size_t listener;       /* place in the settings in use */
	size_t coming;         /* place in those that are being opened */
	mode_t mode;           /* of a unix socket, by those */
	bool is_wanted;        /* by those */
	bool is_new;           /* opened for those */
	bool is_started;
	uint64_t told_ms; /* when it was last logged as full; 0: never */
};

static void
tell(const struct acceptor *a, enum daemon_event ev)
{
	char text[ADDR_TEXT];
	struct log_line l;

	addr_text(listen_addr(a->listen), text);
	log_begin(&l, &daemon_events[ev], 0, 0);
	log_cstr(&l, "listener", a->name);
	log_cstr(&l, "address", text);
	log_end(&l);
}

static void
refuse(int fd)
{
	static const char text[] =
	    "421 4.3.2 too many connections, try again later\r\n";
	ssize_t n = write(fd, text, sizeof text - 1);

	(void)n; /* its buffer is empty; and it is only a word */
	(void)close(fd);
}

/* Once a second: they come by the hundred. */
static void
tell_full(struct acceptor *a)
{
	uint64_t now_ms = loop_now_ms(a->all->loop);

	if (a->told_ms != 0 && now_ms - a->told_ms < 1000)
		return;
	a->told_ms = now_ms;
	tell(a, DAEMON_FULL);
}

static void
on_connection(void *arg, int fd, const struct addr *peer, bool full)
{
	struct acceptor *a = arg;

	if (full) {
		refuse(fd);
		tell_full(a);
		return;
	}
	a->all->fn(a->all->arg, a->listener, fd, peer);
}

static void
start(struct acceptor *a)
{
	if (a->is_started || a->all->loop == NULL)
		return;
	a->is_started = true;
	listen_start(a->listen, a->all->loop, on_connection, a);
	tell(a, DAEMON_LISTENING);
}

static void
drop(struct acceptor **at)
{
	struct acceptor *a = *at;

	*at = a->next;
	listen_close(&a->listen);
	free(a->name);
	free(a);
}

static bool
is_same(const struct addr *a, const struct addr *b)
{
	char x[ADDR_TEXT], y[ADDR_TEXT];

	addr_text(a, x);
	addr_text(b, y);
	return strcmp(x, y) == 0;
}

/* One that is open already.  Port 0 stands for another port each time: the
 * name decides then, too. */
static struct acceptor *
find(struct acceptors *all, const char *name, const struct addr *wanted)
{
	struct acceptor *a = all->first;

	for (; a != NULL; a = a->next) {
		if (a->is_wanted)
			continue;
		if (is_same(listen_addr(a->listen), wanted) ||
		    (is_same(&a->wanted, wanted) && strcmp(a->name, name) == 0))
			return a;
	}
	return NULL;
}

static int
advise(int why, const struct addr *wanted, struct err *err)
{
	if (addr_is_unix(wanted))
		return -1;
	if (why == EACCES)
		return err_set(err, err->kind,
		    "%s; ss -ltnp shows who has it; a low port is "
		    "systemd's to open: ListenStream in postern.socket "
		    "(postern-cookbook(7)); or start posternd as root, or "
		    "with CAP_NET_BIND_SERVICE",
		    err->text);
	if (why == EADDRINUSE)
		return err_set(
		    err, err->kind, "%s; ss -ltnp shows who has it", err->text);
	return -1;
}

static int
open_listen(struct acceptors *all, struct listen **l, const struct addr *wanted,
    struct err *err)
{
	int fd = all->inherit != NULL ? inherit_find(all->inherit, wanted) : -1;

	if (fd >= 0)
		return listen_adopt(l, fd, err);
	if (listen_open(l, wanted, err) == 0)
		return 0;
	return advise(errno, wanted, err);
}

static struct acceptor *
add(struct acceptors *all, const struct addr *wanted, struct err *err)
{
	struct acceptor *a, **end = &all->first;
	struct listen *l;

	if (open_listen(all, &l, wanted, err) != 0)
		return NULL;
	a = mem_new(sizeof *a);
	a->all = all;
	a->listen = l;
	a->wanted = *wanted;
	a->is_new = true;
	while (*end != NULL)
		end = &(*end)->next;
	return *end = a;
}

/* Nobody asked for it by name, and the host may lack it: IPv6, /run/postern. */
static bool
may_lack(const struct settings *s, size_t listener, const struct addr *wanted)
{
	if (listener + 1 == s->inlet.nlisteners)
		return s->submission_by_default;
	return s->listeners_by_default && wanted->ss.ss_family == AF_INET6;
}

static int
want(struct acceptors *all, const struct settings *s, size_t listener,
    const struct addr *wanted, struct err *err)
{
	const char *name = s->inlet.listeners[listener].name;
	struct acceptor *a = find(all, name, wanted);

	if (a == NULL)
		a = add(all, wanted, err);
	if (a == NULL && may_lack(s, listener, wanted)) {
		log_text(&daemon_events[DAEMON_SKIPPED], "%s", err->text);
		return 0;
	}
	if (a == NULL)
		return err_wrap(err, "listener \"%s\"", name);
	free(a->name);
	a->name = mem_str(name);
	a->coming = listener;
	a->mode = (mode_t)s->inlet.listeners[listener].socket_mode;
	a->is_wanted = true;
	return a->is_new ? listen_mode(a->listen, a->mode, err) : 0;
}

void
acceptor_forget(struct acceptors *all)
{
	struct acceptor **at = &all->first;

	while (*at != NULL) {
		(*at)->is_wanted = false;
		if ((*at)->is_new)
			drop(at);
		else
			at = &(*at)->next;
	}
}

int
acceptor_open(struct acceptors *all, const struct settings *s, struct err *err)
{
	for (size_t i = 0; i < s->inlet.nlisteners; i++) {
		const struct inlet_listener *l = &s->inlet.listeners[i];

		for (size_t k = 0; k < l->naddresses; k++) {
			if (want(all, s, i, &l->addresses[k], err) != 0) {
				acceptor_forget(all);
				return -1;
			}
		}
	}
	return 0;
}

/* Is it there, or could be? */
static int
check(struct acceptors *all, const struct settings *s, size_t listener,
    const struct addr *wanted, struct err *err)
{
	const char *name = s->inlet.listeners[listener].name;

	if (find(all, name, wanted) != NULL || may_lack(s, listener, wanted))
		return 0;
	if (all->inherit != NULL && inherit_find(all->inherit, wanted) >= 0)
		return 0;
	if (listen_check(wanted, err) == 0)
		return 0;
	(void)advise(errno, wanted, err);
	return err_wrap(err, "listener \"%s\"", name);
}

int
acceptor_check(struct acceptors *all, const struct settings *s, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; i < s->inlet.nlisteners; i++) {
		const struct inlet_listener *l = &s->inlet.listeners[i];

		for (size_t k = 0; k < l->naddresses && rc == 0; k++)
			rc = check(all, s, i, &l->addresses[k], err);
	}
	return rc;
}

void
acceptor_retire(struct acceptors *all)
{
	struct acceptor **at = &all->first;

	while (*at != NULL) {
		struct acceptor *a = *at;

		if (a->is_wanted) {
			at = &a->next;
			continue;
		}
		listen_drain(a->listen);
		tell(a, DAEMON_UNLISTENED);
		inherit_tell_left(all->inherit, listen_addr(a->listen));
		drop(at);
	}
}

void
acceptor_use(struct acceptors *all)
{
	struct err err;

	for (struct acceptor *a = all->first; a != NULL; a = a->next) {
		a->listener = a->coming;
		a->is_wanted = a->is_new = false;
		if (listen_mode(a->listen, a->mode, &err) != 0)
			log_text(&daemon_events[DAEMON_MODE],
			    "%s; it stays as it was until the next start",
			    err.text);
		start(a);
	}
}

void
acceptor_start(
    struct acceptors *all, struct loop *loop, acceptor_fn *fn, void *arg)
{
	all->loop = loop;
	all->fn = fn;
	all->arg = arg;
	acceptor_use(all);
}

void
acceptor_close(struct acceptors *all)
{
	while (all->first != NULL)
		drop(&all->first);
}

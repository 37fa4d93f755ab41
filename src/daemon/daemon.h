/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/daemon - wires the layers: main's loop, its signals, the start and the
 * stop.  Main thread only, but for the hooks that the other threads call, which
 * go through the mailbox.
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/admin/stats.h"
#include "postern/base/err.h"
#include "postern/base/log.h"

#include "daemon/acceptor.h"
#include "daemon/events.h"
#include "daemon/walls.h"

struct control;
struct http;
struct inlet;
struct lookout;
struct loop;
struct loop_signal;
struct mailbox;
struct maildrop;
struct maildrop_settings;
struct relay;
struct settings;
struct spool;
struct timer;
struct watcher;

enum daemon_phase {
	DAEMON_PHASE_STARTING,
	DAEMON_PHASE_RUNNING,
	DAEMON_PHASE_DRAINING, /* SIGTERM came: sessions may end in order */
	DAEMON_PHASE_ENDING    /* the threads are being joined */
};

#define DAEMON_SIGNALS 4

struct daemon {
	enum daemon_phase phase;
	/* A reference for the daemon, one for each inlet and the relay. */
	struct settings *settings;
	bool is_detached;
	struct loop *loop;
	struct mailbox *mailbox;
	struct loop_signal *signal[DAEMON_SIGNALS];
	struct timer *overdue;
	struct acceptors acceptors;
	struct walls walls;
	struct spool *spool;
	struct lookout *lookout;
	struct watcher *watcher;
	struct control *control;
	struct maildrop *maildrop;
	struct relay *relay;
	size_t ninlets;
	struct inlet **inlet; /* owned array */
	struct stats_source figures;
	struct http *http; /* NULL: off */
	size_t undrained;  /* inlets and relay that have not answered */
	uint64_t began_ms, stopping_ms;
};

/* Takes the settings' reference.  Listeners were opened into acceptors.  -1:
 * *err, and everything is let go. */
MUST_CHECK int daemon_open(
    struct daemon *d, struct settings *s, struct err *err);
/* Starts the threads, runs until SIGTERM has been obeyed, lets all go. */
void daemon_run(struct daemon *d, void (*ready)(void *arg), void *arg);

/* Each route gets its durable id. */
MUST_CHECK int daemon_name_routes(
    const struct daemon *d, struct settings *s, struct err *err);
/* Borrowed from s. */
struct maildrop_settings daemon_maildrop(const struct settings *s);
/* The lines about providers, for the start and a reload. */
void daemon_tell_providers(const struct settings *s);

#endif

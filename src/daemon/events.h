/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/events - what the daemon logs; postern-log(7) documents each row.
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

#include "postern/base/log.h"

enum daemon_event {
	DAEMON_STARTING,
	DAEMON_CONFIG,
	DAEMON_SPOOL,
	DAEMON_POISON,
	DAEMON_DOUBT,
	DAEMON_SPOOL_FULL,
	DAEMON_SPOOL_ROOM,
	DAEMON_LISTENING,
	DAEMON_SKIPPED,
	DAEMON_UNLISTENED,
	DAEMON_INHERITED,
	DAEMON_MODE,
	DAEMON_HTTP,
	DAEMON_PROVIDER,
	DAEMON_SANDBOX,
	DAEMON_STARTED,
	DAEMON_FULL,
	DAEMON_CHANGED,
	DAEMON_RELOADED,
	DAEMON_RELOAD_FAILED,
	DAEMON_RESTART_NEEDED,
	DAEMON_STOPPING,
	DAEMON_OVERDUE,
	DAEMON_STOPPED,
	DAEMON_FATAL,
};

static const struct log_event daemon_events[] = {
	/* the first line: version, modules, build, file, pid, user,
	 * hostname */
	[DAEMON_STARTING] = { "starting", LOG_LEVEL_INFO },
	/* the configuration can be used, but look: text */
	[DAEMON_CONFIG] = { "config.warning", LOG_LEVEL_WARN },
	/* directory, flush_us, queued, held, doubt, dead */
	[DAEMON_SPOOL] = { "spool.opened", LOG_LEVEL_INFO },
	/* messages in flight at three unclean stops are held now: messages */
	[DAEMON_POISON] = { "spool.poison", LOG_LEVEL_ERROR },
	/* whose end had left at the last stop, held now: messages */
	[DAEMON_DOUBT] = { "spool.doubt", LOG_LEVEL_WARN },
	/* nothing is accepted: queued, queued_bytes, disk_free */
	[DAEMON_SPOOL_FULL] = { "spool.full", LOG_LEVEL_ERROR },
	/* mail is accepted again: the same */
	[DAEMON_SPOOL_ROOM] = { "spool.room", LOG_LEVEL_INFO },
	/* a listener's address takes connections: listener, address */
	[DAEMON_LISTENING] = { "listening", LOG_LEVEL_INFO },
	/* an address of the default listener that this host lacks: text */
	[DAEMON_SKIPPED] = { "listener.skipped", LOG_LEVEL_WARN },
	/* a reload has taken an address away: listener, address */
	[DAEMON_UNLISTENED] = { "listener.closed", LOG_LEVEL_INFO },
	/* a socket of the service manager that cannot be used, or that no
	 * listener has any more: fd, name, address, text */
	[DAEMON_INHERITED] = { "listener.misfit", LOG_LEVEL_ERROR },
	/* the new mode of a unix socket cannot be set: text */
	[DAEMON_MODE] = { "listener.mode", LOG_LEVEL_ERROR },
	/* no metrics and health by HTTP: text */
	[DAEMON_HTTP] = { "http.failed", LOG_LEVEL_ERROR },
	/* an account that is used: provider, host, port, tls */
	[DAEMON_PROVIDER] = { "provider.configured", LOG_LEVEL_INFO },
	/* a protection that this system does not give: text */
	[DAEMON_SANDBOX] = { "sandbox.missing", LOG_LEVEL_WARN },
	/* ready: ms since the program began */
	[DAEMON_STARTED] = { "started", LOG_LEVEL_INFO },
	/* a connection was turned away, descriptors are out: listener */
	[DAEMON_FULL] = { "listener.full", LOG_LEVEL_WARN },
	/* watch: a file of the configuration is another, it is read again:
	 * file */
	[DAEMON_CHANGED] = { "config.changed", LOG_LEVEL_INFO },
	/* new settings are in use: listeners, providers */
	[DAEMON_RELOADED] = { "reloaded", LOG_LEVEL_INFO },
	/* a mistake; the settings stay as they are: text */
	[DAEMON_RELOAD_FAILED] = { "reload.failed", LOG_LEVEL_ERROR },
	/* a key has changed that only a restart takes up: key */
	[DAEMON_RESTART_NEEDED] = { "reload.restart", LOG_LEVEL_WARN },
	/* SIGTERM: grace_ms */
	[DAEMON_STOPPING] = { "stopping", LOG_LEVEL_INFO },
	/* the grace is over, the rest is cut: text */
	[DAEMON_OVERDUE] = { "stop.overdue", LOG_LEVEL_WARN },
	/* everything is committed: ms since SIGTERM */
	[DAEMON_STOPPED] = { "stopped", LOG_LEVEL_INFO },
	/* the spool cannot be used any more, the daemon ends: text */
	[DAEMON_FATAL] = { "spool.fatal", LOG_LEVEL_ERROR },
};

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/reload - SIGHUP: reads the configuration whole; a mistake, or an
 * address that cannot be had, leaves everything as it was.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

struct daemon;
struct settings;

void reload_all(struct daemon *d);
/* The log's file is opened again (rotation). */
void reload_log(const struct daemon *d, const struct settings *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/reload - SIGHUP or postern reload: reads the configuration whole; a
 * mistake, or an address that cannot be had, leaves everything as it was.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "postern/admin/control.h"

struct daemon;
struct settings;

/* 0: the new settings are handed down.  -1: the old stay; each reason is
 * logged, and told where tell is not NULL. */
int reload_all(struct daemon *d, control_tell_fn *tell, void *arg);
/* Would it?  -1: no, each mistake is told; 0: what is worth knowing is. */
int reload_check(struct daemon *d, control_tell_fn *tell, void *arg);
/* The log's file is opened again (rotation); its level stays. */
void reload_log(const struct daemon *d, const struct settings *s);

#endif

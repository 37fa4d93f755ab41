/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/places - what a daemon that is started as root makes where it is
 * missing: the directory of the submission socket, since /run is empty after
 * each boot, and the drop directory.  Before privileges are dropped.
 */
#ifndef DAEMON_PLACES_H
#define DAEMON_PLACES_H

struct privileges;
struct settings;

/* What cannot be made is told by who needs it. */
void places_make(const struct settings *s, const struct privileges *p);

#endif

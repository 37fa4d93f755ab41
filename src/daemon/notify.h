/* SPDX-License-Identifier: Apache-2.0 */
/*
 * daemon/notify - tells the service manager (the protocol of sd_notify(3)).
 * Nothing happens without NOTIFY_SOCKET.
 */
#ifndef DAEMON_NOTIFY_H
#define DAEMON_NOTIFY_H

void notify_ready(void);
void notify_reloading(void);
void notify_stopping(void);
/* A sign of life, if the manager wants such of this process
 * (sd_watchdog_enabled(3)). */
void notify_alive(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/str.h"

/* Who listens may be gone: that is not our trouble. */
static void
tell(const char *text)
{
	const char *path = getenv("NOTIFY_SOCKET");
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	size_t n = path != NULL ? strlen(path) : 0;
	ssize_t sent;
	int fd;

	if (n == 0 || n >= sizeof to.sun_path)
		return;
	memcpy(to.sun_path, path, n);
	if (to.sun_path[0] == '@')
		to.sun_path[0] = '\0'; /* an abstract address */
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return;
	sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
	    (const struct sockaddr *)&to,
	    (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
	(void)sent;
	(void)close(fd);
}

void
notify_ready(void)
{
	char text[64];

	(void)snprintf(
	    text, sizeof text, "READY=1\nMAINPID=%ld", (long)getpid());
	tell(text);
}

void
notify_reloading(void)
{
	char text[64];

	(void)snprintf(text, sizeof text,
	    "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_mono_us());
	tell(text);
}

void
notify_alive(void)
{
	const char *pid = getenv("WATCHDOG_PID");
	uint64_t v;

	if (getenv("WATCHDOG_USEC") == NULL)
		return;
	if (pid == NULL ||
	    (str_u64(str_of(pid), &v) && v == (uint64_t)getpid()))
		tell("WATCHDOG=1");
}

void
notify_stopping(void)
{
	tell("STOPPING=1");
}

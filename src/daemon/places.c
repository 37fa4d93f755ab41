/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/places.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/conf/conf.h"

#include "daemon/privileges.h"

/* The user's, who removes sockets at the end; whatever our umask. */
static void
make(const char *path, mode_t mode, const struct privileges *p)
{
	if (mkdir(path, 0700) != 0)
		return;
	if ((p->change && chown(path, p->uid, p->gid) != 0) ||
	    chmod(path, mode) != 0)
		(void)rmdir(path);
}

static void
make_parent(const struct addr *a, const struct privileges *p)
{
	static const char prefix[] = "unix:";
	char text[ADDR_TEXT], *slash;

	addr_text(a, text);
	slash = strrchr(text, '/');
	if (slash == NULL || slash == text + sizeof prefix - 1)
		return;
	*slash = '\0';
	make(text + sizeof prefix - 1, 0755, p);
}

void
places_make(const struct settings *s, const struct privileges *p)
{
	const struct inlet_listener *door =
	    &s->inlet.listeners[s->inlet.nlisteners - 1];

	if (getuid() != 0)
		return;
	if (door->naddresses > 0)
		make_parent(&door->addresses[0], p);
	/* Everybody may leave a file, nobody look for another's; files get the
	 * group. */
	make(s->drop_directory, 03733, p);
}

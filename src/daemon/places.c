/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/places.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/conf/conf.h"

#include "daemon/privileges.h"

/* It is the user's, who removes the socket at the end. */
static void
make(const char *path, mode_t mode, const struct privileges *p)
{
	if (mkdir(path, mode) != 0 || !p->change)
		return;
	if (chown(path, p->uid, p->gid) != 0)
		(void)rmdir(path);
}

/* Everybody may leave a file, nobody look for another's; files get the group.
 */
static void
make_drop(const char *path, const struct privileges *p)
{
	if (mkdir(path, 0700) != 0)
		return;
	if ((p->change && chown(path, p->uid, p->gid) != 0) ||
	    chmod(path, 03733) != 0)
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
	make_drop(s->drop_directory, p);
}

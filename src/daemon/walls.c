/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/walls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "postern/base/confine.h"
#include "postern/base/mem.h"
#include "postern/conf/conf.h"

#include "daemon/sandbox.h"

/* What takes the place of standard error; where the packages have logs and
 * sockets, so that a reload can begin with them. */
static const char *const usual[] = { "/dev/null", "/var/log/postern",
	"/run/postern" };

struct place {
	const char *key, *path;
	bool is_file;   /* made in its directory; else a directory itself */
	bool by_reload; /* a reload takes another one up */
};

/* fn's first answer but 0, or 0. */
typedef int place_fn(void *arg, const struct place *p);

static int
each_address(const struct settings *s, place_fn *fn, void *arg)
{
	static const char prefix[] = "unix:";
	int rc = 0;

	for (size_t i = 0; i < s->inlet.nlisteners; i++) {
		const struct inlet_listener *l = &s->inlet.listeners[i];
		struct place p = { "listeners.address", NULL, true, true };

		if (i + 1 == s->inlet.nlisteners)
			p.key = "submission.socket";
		for (size_t k = 0; k < l->naddresses && rc == 0; k++) {
			char text[ADDR_TEXT];

			if (!addr_is_unix(&l->addresses[k]))
				continue;
			addr_text(&l->addresses[k], text);
			p.path = text + sizeof prefix - 1;
			rc = fn(arg, &p);
		}
	}
	return rc;
}

static int
each_place(const struct settings *s, place_fn *fn, void *arg)
{
	static const char prefix[] = "unix:";
	char http[ADDR_TEXT] = "";
	const struct place places[] = {
		{ "spool.directory", s->spool.directory, false, false },
		{ "submission.drop_directory", s->drop_directory, false,
		    false },
		{ "token_directory", s->relay.token_directory, false, true },
		{ "control.socket", s->control.socket, true, false },
		{ "http.address", http + sizeof prefix - 1, true, false },
		{ "log.to", s->log.to, true, true },
	};
	int rc = each_address(s, fn, arg);

	if (s->http.address.len > 0 && addr_is_unix(&s->http.address))
		addr_text(&s->http.address, http);
	for (size_t i = 0; i < sizeof places / sizeof places[0] && rc == 0; i++)
		if (places[i].path != NULL && places[i].path[0] == '/')
			rc = fn(arg, &places[i]);
	return rc;
}

/* --- real paths
 * ---------------------------------------------------------------
 */

static void
cut_last(char *path)
{
	char *slash = strrchr(path, '/');

	if (slash == path)
		slash++;
	*slash = '\0';
}

/* Of what is not there yet, the directory above that is.  The caller's. */
static char *
real_directory(const char *path, bool is_file)
{
	char *at = mem_str(path), *real = NULL;

	if (is_file)
		cut_last(at);
	while ((real = realpath(at, NULL)) == NULL && at[1] != '\0')
		cut_last(at);
	free(at);
	return real != NULL ? real : mem_str("/");
}

/* A file that is there: where a link leads to, or what is no file in a
 * directory of its own, as a terminal.  NULL: it is made where it is named. */
static char *
real_target(const char *path)
{
	char *real = realpath(path, NULL);
	struct stat st;

	if (real == NULL || stat(real, &st) != 0 || S_ISSOCK(st.st_mode)) {
		free(real);
		return NULL;
	}
	if (S_ISREG(st.st_mode))
		cut_last(real);
	return real;
}

static void
add(struct walls *w, char *root)
{
	if (root == NULL)
		return;
	w->roots = mem_resize(w->roots, (w->nroots + 1) * sizeof *w->roots);
	w->roots[w->nroots++] = root;
}

static int
add_place(void *arg, const struct place *p)
{
	char *target = p->is_file ? real_target(p->path) : NULL;
	struct stat st;

	add(arg, target);
	if (target == NULL || (stat(target, &st) == 0 && S_ISDIR(st.st_mode)))
		add(arg, real_directory(p->path, p->is_file));
	return 0;
}

void
walls_raise(struct walls *w, const struct settings *s)
{
	struct confine c = { .may_run = SANDBOX_SANITIZED };
	int rc;

	(void)each_place(s, add_place, w);
	for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
		add(w, realpath(usual[i], NULL));
	c.roots = (const char *const *)w->roots;
	c.nroots = w->nroots;
	rc = confine_writes(&c, &w->refused);
	w->stand = rc > 0;
	if (rc < 0)
		(void)err_wrap(&w->refused, "writes are not confined");
}

/* --- what a reload wants
 * ------------------------------------------------------
 */

static bool
is_inside(const struct walls *w, const char *path)
{
	for (size_t i = 0; i < w->nroots; i++) {
		size_t n = strlen(w->roots[i]);

		if (strncmp(path, w->roots[i], n) == 0 &&
		    (path[n] == '\0' || path[n] == '/' || n == 1))
			return true;
	}
	return false;
}

struct question {
	const struct walls *walls;
	struct err *err;
};

static int
check_place(void *arg, const struct place *p)
{
	struct question *q = arg;
	char *real = p->is_file ? real_target(p->path) : NULL;
	bool inside;

	if (!p->by_reload)
		return 0;
	if (real == NULL)
		real = real_directory(p->path, p->is_file);
	inside = is_inside(q->walls, real);
	free(real);
	if (inside)
		return 0;
	return err_set(q->err, ERR_CONFIG,
	    "%s: \"%s\" is outside of the directories that the daemon may "
	    "write to since its start; a restart takes it up",
	    p->key, p->path);
}

int
walls_check(const struct walls *w, const struct settings *s, struct err *err)
{
	struct question q = { .walls = w, .err = err };

	return w->stand ? each_place(s, check_place, &q) : 0;
}

void
walls_done(struct walls *w)
{
	for (size_t i = 0; i < w->nroots; i++)
		free(w->roots[i]);
	free(w->roots);
	*w = (struct walls){ 0 };
}

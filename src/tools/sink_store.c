/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

struct sink_store {
	int dir;         /* open on the directory */
	uint64_t number; /* of the next file */
};

struct sink_file {
	const struct sink_store *store;
	char *name; /* in tmp and in new */
	FILE *out;
};

static int
make_dir(int at, const char *name, struct err *err)
{
	if (mkdirat(at, name, 0700) == -1 && errno != EEXIST)
		return err_sys(err, "cannot make %s", name);
	return 0;
}

int
sink_store_new(struct sink_store **s, const char *directory, struct err *err)
{
	static const char *const part[] = { "tmp", "new", "cur" };
	int dir;

	if (make_dir(AT_FDCWD, directory, err) == -1)
		return -1;
	dir = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir == -1)
		return err_sys(err, "cannot open %s", directory);
	for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
		if (make_dir(dir, part[i], err) == -1) {
			close(dir);
			return err_wrap(err, "%s", directory);
		}
	}
	*s = mem_new(sizeof **s);
	(*s)->dir = dir;
	return 0;
}

void
sink_store_free(struct sink_store **s)
{
	if (*s == NULL)
		return;
	close((*s)->dir);
	free(*s);
	*s = NULL;
}

int
sink_store_begin(struct sink_store *s, struct sink_file **f, struct err *err)
{
	char *name =
	    mem_printf("tmp/%lld.%ld_%llu.sink", (long long)clock_wall_us(),
	        (long)getpid(), (unsigned long long)++s->number);
	int fd =
	    openat(s->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *out = fd == -1 ? NULL : fdopen(fd, "w");

	if (out == NULL) {
		err_sys(err, "cannot write %s", name);
		if (fd != -1)
			close(fd);
		free(name);
		return -1;
	}
	*f = mem_new(sizeof **f);
	**f = (struct sink_file){ .store = s, .name = name, .out = out };
	return 0;
}

int
sink_store_write(struct sink_file *f, const char *p, size_t n, struct err *err)
{
	if (fwrite(p, 1, n, f->out) != n)
		return err_sys(err, "cannot write %s", f->name);
	return 0;
}

static void
file_free(struct sink_file **f)
{
	free((*f)->name);
	free(*f);
	*f = NULL;
}

int
sink_store_keep(struct sink_file **f, char **name, struct err *err)
{
	int dir = (*f)->store->dir, rc = 0;
	char *to = mem_printf("new/%s", (*f)->name + sizeof "tmp/" - 1);

	if (fclose((*f)->out) != 0 ||
	    renameat(dir, (*f)->name, dir, to) == -1) {
		rc = err_sys(err, "cannot keep %s", (*f)->name);
		unlinkat(dir, (*f)->name, 0);
		free(to);
	} else {
		*name = to;
	}
	file_free(f);
	return rc;
}

void
sink_store_drop(struct sink_file **f)
{
	if (*f == NULL)
		return;
	fclose((*f)->out);
	unlinkat((*f)->store->dir, (*f)->name, 0);
	file_free(f);
}

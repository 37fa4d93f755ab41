/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/flight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "postern/base/map.h"
#include "postern/base/mem.h"

#define FULL (-1)

static const char magic[8] = { 'P', 'o', 's', 't', 'F', 'l', 't', '1' };

struct flight_file {
	char magic[8];
	uint64_t slot[FLIGHT_SLOTS]; /* 0: free; host byte order */
};

struct flight_entry {
	uint32_t count; /* deliveries of the message in flight */
};

struct flight {
	struct flight_file *file; /* mapped */
	struct map *by_mid;       /* to the entries */
	struct flight_entry entry[FLIGHT_SLOTS];
	uint16_t free[FLIGHT_SLOTS]; /* a stack of free slots */
	size_t nfree;
};

/* Its blocks are reserved: a write to a mapped hole of a full disk would end
 * the process. */
static int
reserve(int fd)
{
	int rc =
	    fd < 0 ? errno : posix_fallocate(fd, 0, sizeof(struct flight_file));

	return rc == ENOSPC || rc == EDQUOT ? FULL : rc;
}

static int
file_open(struct flight *f, const char *directory, struct err *err)
{
	char *path = mem_printf("%s/flight", directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	int full = reserve(fd);
	void *p = MAP_FAILED;

	if (full == 0)
		p = mmap(NULL, sizeof *f->file, PROT_READ | PROT_WRITE,
		    MAP_SHARED, fd, 0);
	else if (full == FULL)
		p = mmap(NULL, sizeof *f->file, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	else
		errno = full;
	if (p == MAP_FAILED)
		err_sys(err, "%s cannot be opened", path);
	else
		f->file = p;
	if (fd >= 0)
		close(fd);
	free(path);
	return p == MAP_FAILED ? -1 : 0;
}

static size_t
read_ids(const struct flight *f, uint64_t *ids)
{
	size_t n = 0;

	if (memcmp(f->file->magic, magic, sizeof magic) == 0)
		for (size_t i = 0; i < FLIGHT_SLOTS; i++)
			if (f->file->slot[i])
				ids[n++] = f->file->slot[i];
	return n;
}

void
flight_forget(struct flight *f)
{
	memset(f->file, 0, sizeof *f->file);
	memcpy(f->file->magic, magic, sizeof magic);
}

int
flight_open(struct flight **f, const char *directory, uint64_t *ids, size_t *n,
    struct err *err)
{
	struct flight *x = mem_new(sizeof *x);

	if (file_open(x, directory, err)) {
		free(x);
		return -1;
	}
	*n = read_ids(x, ids);
	x->by_mid = map_new();
	for (size_t i = FLIGHT_SLOTS; i-- > 0;)
		x->free[x->nfree++] = (uint16_t)i;
	*f = x;
	return 0;
}

void
flight_close(struct flight **f)
{
	if (!*f)
		return;
	munmap((*f)->file, sizeof *(*f)->file);
	map_free(&(*f)->by_mid);
	free(*f);
	*f = NULL;
}

void
flight_add(struct flight *f, uint64_t mid)
{
	struct flight_entry *e = map_get(f->by_mid, mid);
	uint16_t slot;

	if (!e && f->nfree == 0)
		return;
	if (!e) {
		slot = f->free[--f->nfree];
		e = &f->entry[slot];
		map_put(f->by_mid, mid, e);
		f->file->slot[slot] = mid;
	}
	e->count++;
}

void
flight_del(struct flight *f, uint64_t mid)
{
	struct flight_entry *e = map_get(f->by_mid, mid);
	size_t slot;

	if (!e || --e->count)
		return;
	slot = (size_t)(e - f->entry);
	f->file->slot[slot] = 0;
	f->free[f->nfree++] = (uint16_t)slot;
	map_del(f->by_mid, mid);
}

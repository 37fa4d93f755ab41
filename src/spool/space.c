/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/space.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "postern/base/mem.h"

#include "spool/engine.h"
#include "spool/store.h"

#define MIB (UINT64_C(1) << 20)
#define FREE_RECORDS 2000 /* of the list of free pages that are looked at */
#define MAP_LOW 20        /* the map is full with a 20th of it left */

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t
most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct space_marks
space_marks(uint64_t disk_total, uint64_t min_free, uint64_t ballast)
{
	struct space_marks m = { min_free, ballast };

	if (min_free == 0)
		m.min_free =
		    least(most(disk_total / 20, 256 * MIB), disk_total / 4);
	if (ballast == 0)
		m.ballast = least(64 * MIB, disk_total / 50);
	if (ballast == SPACE_NO_BALLAST)
		m.ballast = 0;
	return m;
}

static struct space_disk
disk(struct spool *sp)
{
	struct statvfs s;

	if (statvfs(sp->directory, &s)) /* then a write will tell */
		return (struct space_disk){ UINT64_MAX / 2, UINT64_MAX / 2 };
	return (struct space_disk){ (uint64_t)s.f_blocks * s.f_frsize,
		(uint64_t)s.f_bavail * s.f_frsize };
}

static struct space_marks
marks(struct spool *sp, const struct space_disk *d)
{
	return space_marks(d->total, engine_limit(&sp->limits.min_free),
	    engine_limit(&sp->limits.ballast));
}

/* --- ballast --- */

static void
ballast_drop(struct spool *sp)
{
	char *path = mem_printf("%s/ballast", sp->directory);

	(void)unlink(path);
	free(path);
	sp->space.ballast = false;
}

static void
ballast_make(struct spool *sp, uint64_t bytes)
{
	char *path = mem_printf("%s/ballast", sp->directory);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	free(path);
	if (fd < 0)
		return;
	sp->space.ballast = posix_fallocate(fd, 0, (off_t)bytes) == 0 &&
	                    ftruncate(fd, (off_t)bytes) == 0;
	close(fd);
	if (!sp->space.ballast)
		ballast_drop(sp);
}

/* Made where it leaves the low-water mark twice over. */
static void
ballast_keep(
    struct spool *sp, const struct space_disk *d, const struct space_marks *m)
{
	if (sp->space.ballast && m->ballast == 0)
		ballast_drop(sp);
	else if (!sp->space.ballast && m->ballast &&
	         d->free > m->ballast + least(2 * m->min_free, d->total / 2))
		ballast_make(sp, m->ballast);
}

/* --- looking --- */

static void
look_free_pages(struct spool *sp)
{
	uint64_t commits = stat_get(&sp->commits);
	struct store_txn x;

	if (commits == sp->space.seen_commits && commits)
		return;
	sp->space.seen_commits = commits;
	if (store_read_begin(sp->store, &x))
		return;
	if (store_read_renew(&x) == 0)
		sp->space.free_pages = store_free_pages(&x, FREE_RECORDS);
	store_read_end(&x);
}

static bool
low(const struct space *s, uint64_t on_disk, const struct space_marks *m)
{
	return s->hit ? on_disk <= 2 * m->min_free : on_disk < m->min_free;
}

void
space_tick(struct spool *sp)
{
	struct space *s = &sp->space;
	struct space_disk d = disk(sp);
	struct space_marks m = marks(sp, &d);
	uint64_t size_max = engine_limit(&sp->limits.size_max);
	uint64_t free_bytes, in_map, used, allowed;
	struct store_use use;

	look_free_pages(sp);
	store_use(sp->store, &use);
	free_bytes = s->free_pages * store_page_size(sp->store);
	in_map =
	    use.map_bytes - least(use.file_bytes, use.map_bytes) + free_bytes;
	used = use.file_bytes - least(free_bytes, use.file_bytes);
	allowed = size_max ? size_max - least(used, size_max) : UINT64_MAX;
	atomic_store(&s->disk_free, d.free);
	atomic_store(&s->map_used, used);
	atomic_store(
	    &s->usable, least(least(d.free + free_bytes, in_map), allowed));
	if (low(s, d.free + free_bytes, &m)) {
		atomic_store(&s->full, true);
		return;
	}
	s->hit = false;
	ballast_keep(sp, &d, &m);
	atomic_store(
	    &s->full, in_map < use.map_bytes / MAP_LOW || allowed == 0);
}

void
space_find(struct spool *sp)
{
	struct stat st;
	char *path = mem_printf("%s/ballast", sp->directory);
	struct space_disk d = disk(sp);
	struct space_marks m = marks(sp, &d);

	if (stat(path, &st) == 0) {
		sp->space.ballast = true;
		if ((uint64_t)st.st_size != m.ballast)
			ballast_drop(sp);
	}
	free(path);
}

bool
space_is_full(struct spool *sp, bool certain)
{
	struct space_disk d = disk(sp);
	struct space_marks m = marks(sp, &d);

	if (!certain && d.free >= m.min_free)
		return false;
	if (sp->space.ballast)
		ballast_drop(sp);
	sp->space.hit = true;
	atomic_store(&sp->space.full, true);
	return true;
}

void
space_map_full(struct spool *sp)
{
	atomic_store(&sp->space.full, true);
}

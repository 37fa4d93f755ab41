/* SPDX-License-Identifier: Apache-2.0 */
#include "disk.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/base/rand.h"

#define SECTOR 4096u
#define WATCHED "/data.mdb"

struct pending {
	size_t sector;
	unsigned char data[SECTOR];
};

static struct {
	unsigned char *flushed; /* what is surely there */
	size_t sectors;
	unsigned char *written; /* what a reader sees: the page cache */
	struct pending *pending;
	size_t n, cap;
	disk_moment_fn *fn;
	void *arg;
} disk;

void
disk_watch(disk_moment_fn *fn, void *arg)
{
	disk.fn = fn;
	disk.arg = arg;
}

void
disk_done(void)
{
	free(disk.flushed);
	free(disk.written);
	free(disk.pending);
	memset(&disk, 0, sizeof disk);
}

static void
moment(void)
{
	if (disk.fn)
		disk.fn(disk.arg);
}

static void
grow(size_t sectors)
{
	size_t had = disk.sectors * SECTOR, now = sectors * SECTOR;

	if (sectors <= disk.sectors)
		return;
	disk.flushed = mem_resize(disk.flushed, now);
	disk.written = mem_resize(disk.written, now);
	memset(disk.flushed + had, 0, now - had);
	memset(disk.written + had, 0, now - had);
	disk.sectors = sectors;
}

static void
note(size_t sector)
{
	if (disk.n == disk.cap) {
		disk.cap = disk.cap ? 2 * disk.cap : 64;
		disk.pending =
		    mem_resize(disk.pending, disk.cap * sizeof *disk.pending);
	}
	disk.pending[disk.n].sector = sector;
	memcpy(disk.pending[disk.n++].data, disk.written + sector * SECTOR,
	    SECTOR);
}

static void
wrote(const void *p, size_t n, size_t offset)
{
	size_t first = offset / SECTOR,
	       end = (offset + n + SECTOR - 1) / SECTOR;

	if (n == 0)
		return;
	grow(end);
	memcpy(disk.written + offset, p, n);
	for (size_t s = first; s < end; s++)
		note(s);
}

static void
flush(void)
{
	for (size_t i = 0; i < disk.n; i++)
		memcpy(disk.flushed + disk.pending[i].sector * SECTOR,
		    disk.pending[i].data, SECTOR);
	disk.n = 0;
}

/* A synchronous write brings only itself. */
static void
flush_from(size_t from)
{
	for (size_t i = from; i < disk.n; i++)
		memcpy(disk.flushed + disk.pending[i].sector * SECTOR,
		    disk.pending[i].data, SECTOR);
	disk.n = from;
}

static bool
is_kept(enum disk_left left, size_t i)
{
	switch (left) {
	case DISK_ALL:
		return true;
	case DISK_HALF:
		return rand_u64() & 1;
	case DISK_LAST:
		return i + 1 == disk.n;
	default:
		return false;
	}
}

void
disk_image(const char *path, enum disk_left left)
{
	unsigned char *image = mem_dup(disk.flushed, disk.sectors * SECTOR);
	FILE *f = fopen(path, "w");

	for (size_t i = 0; i < disk.n; i++)
		if (is_kept(left, i))
			memcpy(image + disk.pending[i].sector * SECTOR,
			    disk.pending[i].data, SECTOR);
	if (!f || fwrite(image, SECTOR, disk.sectors, f) != disk.sectors ||
	    fclose(f)) {
		perror(path);
		exit(2);
	}
	free(image);
}

/* --- in the place of the system's calls --- */

static bool
is_watched(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path);
	return n > (ssize_t)strlen(WATCHED) &&
	       memcmp(path + n - strlen(WATCHED), WATCHED, strlen(WATCHED)) ==
	           0;
}

static void
saw(int fd, const void *p, size_t n, size_t offset)
{
	bool synchronous = (fcntl(fd, F_GETFL) & O_DSYNC) != 0;
	size_t before = disk.n;

	wrote(p, n, offset);
	moment();
	if (synchronous) {
		flush_from(before);
		moment();
	}
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t offset)
{
	ssize_t rc = syscall(SYS_pwrite64, fd, p, n, offset);

	if (rc > 0 && is_watched(fd))
		saw(fd, p, (size_t)rc, (size_t)offset);
	return rc;
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t rc = syscall(SYS_writev, fd, v, count), left = rc;

	for (int i = 0; at >= 0 && is_watched(fd) && left > 0; i++) {
		size_t n =
		    v[i].iov_len < (size_t)left ? v[i].iov_len : (size_t)left;

		saw(fd, v[i].iov_base, n, (size_t)at);
		at += (off_t)n;
		left -= (ssize_t)n;
	}
	return rc;
}

ssize_t
write(int fd, const void *p, size_t n)
{
	off_t at = lseek(fd, 0, SEEK_CUR);
	ssize_t rc = syscall(SYS_write, fd, p, n);

	if (rc > 0 && at >= 0 && is_watched(fd))
		saw(fd, p, (size_t)rc, (size_t)at);
	return rc;
}

static int
sync_with(long call, int fd)
{
	bool watched = is_watched(fd);
	int rc;

	if (watched)
		moment();
	rc = (int)syscall(call, fd);
	if (rc == 0 && watched) {
		flush();
		moment();
	}
	return rc;
}

int
fdatasync(int fd)
{
	return sync_with(SYS_fdatasync, fd);
}

int
fsync(int fd)
{
	return sync_with(SYS_fsync, fd);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"

#include "spool/store.h"

#define FLUSHES 16

/* linux/magic.h lacks most of them. */
static const struct {
	unsigned long magic;
	const char *name;
} unsafe[] = {
	{ 0x6969, "NFS" },
	{ 0x517b, "SMB" },
	{ 0xff534d42, "CIFS" },
	{ 0xfe534d42, "SMB" },
	{ 0x65735546, "FUSE" },
	{ 0x73757245, "Coda" },
	{ 0x5346414f, "AFS" },
	{ 0x6b414653, "AFS" },
	{ 0x564c, "NCP" },
	{ 0x01021997, "9p" },
	{ 0x00c36400, "Ceph" },
	{ 0x0bd00bd0, "Lustre" },
};

/* What a spool's directory may hold; a first start that was cut short leaves
 * some of it without data. */
static const char *const ours[] = { ".", "..", "data.mdb", "lock.mdb", ".lock",
	"ballast", "flight", ".flush", "lost+found", DIRECTORY_COPY };

const char *
directory_unsafe_fs(unsigned long magic)
{
	for (size_t i = 0; i < sizeof unsafe / sizeof unsafe[0]; i++)
		if (unsafe[i].magic == (magic & 0xffffffff))
			return unsafe[i].name;
	return NULL;
}

static int
check_place(int fd, bool root_may, const char *path, struct err *err)
{
	const char *fs;
	struct statfs sfs;
	struct stat st;

	if (fstatfs(fd, &sfs) || fstat(fd, &st))
		return err_sys(err, "%s", path);
	fs = directory_unsafe_fs((unsigned long)sfs.f_type);
	if (fs)
		return err_set(err, ERR_CONFIG,
		    "%s lies on %s, where a mapped file is not safe; put the "
		    "spool on a local disk",
		    path, fs);
	if (st.st_uid != geteuid() && !(root_may && geteuid() == 0))
		return err_set(err, ERR_CONFIG,
		    "%s does not belong to the user that posternd runs as "
		    "(uid %u); chown it",
		    path, (unsigned)geteuid());
	return 0;
}

static int
open_dir(int *fd, bool root_may, const char *path, struct err *err)
{
	*fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (*fd >= 0)
		return check_place(*fd, root_may, path, err);
	if (errno == ENOENT)
		return err_set(err, ERR_CONFIG,
		    "%s does not exist; make it, owned by the daemon's user: "
		    "install -d -m 0700 -o USER %s",
		    path, path);
	err_sys(err, "%s", path);
	if (err)
		err->kind = ERR_CONFIG;
	return -1;
}

static bool
is_ours(const char *name)
{
	for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
		if (strcmp(ours[i], name) == 0)
			return true;
	return false;
}

static int
check_names(const char *path, struct err *err)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int rc = 0;

	if (!d)
		return err_sys(err, "%s", path);
	while (rc == 0 && (e = readdir(d)))
		if (!is_ours(e->d_name))
			rc = err_set(err, ERR_STORE,
			    "%s holds \"%s\" and no spool; give an empty "
			    "directory",
			    path, e->d_name);
	closedir(d);
	return rc;
}

static int
lock(int *fd, int dir, const char *path, struct err *err)
{
	*fd = openat(dir, ".lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (*fd < 0)
		return err_sys(err, "%s/.lock", path);
	if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	if (errno == EWOULDBLOCK)
		err_set(
		    err, ERR_LOCKED, "%s is in use by another process", path);
	else
		err_sys(err, "%s/.lock", path);
	close(*fd);
	*fd = -1;
	return -1;
}

/* With data: is it a spool?  Without: is there nothing else? */
static int
check_content(int dir, const char *path, struct err *err)
{
	struct stat st;
	int rc;

	if (fstatat(dir, "data.mdb", &st, 0) == 0 && st.st_size > 0) {
		rc = store_probe(path, err);
		if (rc <= 0)
			return rc;
	}
	return check_names(path, err);
}

static int
take(int *fd, int dir, const char *path, struct err *err)
{
	bool locked = faccessat(dir, ".lock", F_OK, 0) == 0;

	*fd = -1;
	if (locked && lock(fd, dir, path, err))
		return -1;
	if (check_content(dir, path, err))
		return -1;
	if (!locked && lock(fd, dir, path, err))
		return -1;
	if (fchmod(dir, 0700))
		return err_sys(err, "%s", path);
	(void)unlinkat(dir, DIRECTORY_COPY, 0); /* somebody was cut short */
	return 0;
}

/* The lock of a copy that no daemon has used may be made here. */
static int
lock_of(int *fd, int dir, const char *path, struct err *err)
{
	struct stat st;

	if (fstatat(dir, "data.mdb", &st, 0) != 0)
		return err_set(err, ERR_CONFIG,
		    "%s is no spool: it holds no data.mdb", path);
	if (lock(fd, dir, path, err) != 0)
		return -1;
	if (geteuid() == 0 && fchown(*fd, st.st_uid, st.st_gid) != 0)
		return err_sys(err, "%s/.lock", path);
	return 0;
}

/* In the directory, by one of the two above. */
static int
locked_by(int (*how)(int *fd, int dir, const char *path, struct err *err),
    bool root_may, int *fd, const char *path, struct err *err)
{
	int dir = -1, lock_fd = -1, rc = open_dir(&dir, root_may, path, err);

	if (rc == 0)
		rc = how(&lock_fd, dir, path, err);
	if (dir >= 0)
		close(dir);
	if (rc == 0)
		*fd = lock_fd;
	else if (lock_fd >= 0)
		close(lock_fd);
	return rc;
}

int
directory_take(int *fd, const char *path, struct err *err)
{
	return locked_by(take, false, fd, path, err);
}

int
directory_lock(int *fd, const char *path, struct err *err)
{
	return locked_by(lock_of, true, fd, path, err);
}

/* --- flushing --- */

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int
flushes(int fd, uint64_t us[FLUSHES])
{
	static const char page[4096];
	uint64_t t;

	for (int i = 0; i < FLUSHES; i++) {
		t = clock_mono_us();
		if (pwrite(fd, page, sizeof page, (off_t)i * 4096) !=
		        (ssize_t)sizeof page ||
		    fdatasync(fd))
			return -1;
		us[i] = clock_mono_us() - t;
	}
	qsort(us, FLUSHES, sizeof us[0], by_size);
	return 0;
}

int
directory_flush_us(const char *path, uint64_t *us, struct err *err)
{
	char *file = mem_printf("%s/.flush", path);
	uint64_t all[FLUSHES];
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -1 : flushes(fd, all);

	if (rc == 0)
		*us = all[FLUSHES / 2];
	else if (errno == ENOSPC || errno == EDQUOT)
		rc = 0;
	else
		err_sys(err, "%s", file);
	if (fd >= 0) {
		close(fd);
		unlink(file);
	}
	free(file);
	return rc;
}

int
directory_sync(const char *path, struct err *err)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 || fsync(fd) ? err_sys(err, "%s", path) : 0;

	if (fd >= 0)
		close(fd);
	return rc;
}

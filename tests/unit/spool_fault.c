/* SPDX-License-Identifier: Apache-2.0 */
#include "spool_fault.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <lmdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	_Atomic long after[FAULT_CALLS]; /* calls until it fails; < 0: never */
	_Atomic bool for_good;           /* and every one behind it */
	_Atomic int error;               /* 0: a short write */
	_Atomic long failed;
} fault;

void
fault_at(enum fault_call call, long after, int error, bool for_good)
{
	fault.error = error;
	fault.for_good = for_good;
	fault.failed = 0;
	fault.after[call] = after;
}

void
fault_heal(void)
{
	for (int i = 0; i < FAULT_CALLS; i++)
		fault.after[i] = -1;
}

static bool
is_data(int fd)
{
	char link[64], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path);
	return n > 9 && memcmp(path + n - 9, "/data.mdb", 9) == 0;
}

static bool
fails(int fd, enum fault_call call)
{
	if (fault.after[call] < 0 || !is_data(fd))
		return false;
	if (call == FAULT_DATA && (fcntl(fd, F_GETFL) & O_DSYNC))
		return false;
	if (fault.after[call] > 0) {
		fault.after[call]--;
		return false;
	}
	if (!fault.for_good)
		fault.after[call] = -1;
	fault.failed++;
	errno = fault.error;
	return true;
}

ssize_t
pwrite(int fd, const void *p, size_t n, off_t offset)
{
	bool meta =
	    fault.after[FAULT_META] >= 0 && (fcntl(fd, F_GETFL) & O_DSYNC);

	if (fails(fd, meta ? FAULT_META : FAULT_DATA)) {
		if (fault.error)
			return -1;
		return syscall(SYS_pwrite64, fd, p, n / 2, offset);
	}
	return syscall(SYS_pwrite64, fd, p, n, offset);
}

ssize_t
writev(int fd, const struct iovec *v, int count)
{
	if (fails(fd, FAULT_DATA)) {
		if (fault.error)
			return -1;
		return syscall(SYS_writev, fd, v, 1);
	}
	return syscall(SYS_writev, fd, v, count);
}

int
fdatasync(int fd)
{
	return fails(fd, FAULT_SYNC) ? -1 : (int)syscall(SYS_fdatasync, fd);
}

/* In the place of LMDB's calls that change something: the n-th one in the
 * writer's thread finds the map full. */
static bool
change_fails(void)
{
	if (fault.after[FAULT_CHANGE] < 0)
		return false;
	if (fault.after[FAULT_CHANGE]-- > 0)
		return false;
	fault.failed++;
	return true;
}

static void *
real(const char *name)
{
	void *p = dlsym(RTLD_NEXT, name);

	if (!p)
		abort();
	return p;
}

int
mdb_put(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, MDB_val *v, unsigned flags)
{
	int (*fn)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *, unsigned);

	*(void **)&fn = real("mdb_put");
	return change_fails() ? MDB_MAP_FULL : fn(txn, dbi, k, v, flags);
}

int
mdb_del(MDB_txn *txn, MDB_dbi dbi, MDB_val *k, MDB_val *v)
{
	int (*fn)(MDB_txn *, MDB_dbi, MDB_val *, MDB_val *);

	*(void **)&fn = real("mdb_del");
	return change_fails() ? MDB_MAP_FULL : fn(txn, dbi, k, v);
}

int
mdb_cursor_del(MDB_cursor *c, unsigned flags)
{
	int (*fn)(MDB_cursor *, unsigned);

	*(void **)&fn = real("mdb_cursor_del");
	return change_fails() ? MDB_MAP_FULL : fn(c, flags);
}

bool
fault_happened(void)
{
	return fault.failed > 0;
}

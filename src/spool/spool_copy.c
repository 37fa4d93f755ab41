/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/spool_copy - a copy of the whole spool, running or not.
 */
#include <inttypes.h>
#include <sys/statvfs.h>

#include "postern/base/clock.h"
#include "postern/spool/spool.h"

#include "spool/engine.h"
#include "spool/store.h"

#define MARGIN (UINT64_C(4) << 20) /* it goes on while the copy begins */

static int
check_room(struct spool *sp, int fd, struct err *err)
{
	struct statvfs s;
	uint64_t needs, has;

	if (spool_copy_bytes(sp, &needs, err))
		return -1;
	if (fstatvfs(fd, &s))
		return err_sys(err, "the copy's disk");
	has = (uint64_t)s.f_bavail * s.f_frsize;
	if (has < MARGIN || has - MARGIN < needs)
		return err_set(err, ERR_FULL,
		    "the copy has about %" PRIu64 " bytes, and its disk has "
		    "room for %" PRIu64,
		    needs, has);
	return 0;
}

int
spool_copy(struct spool *sp, int fd, struct err *err)
{
	struct reader_watch watch = { 0 };
	int rc;

	if (check_room(sp, fd, err))
		return -1;
	stat_set(&watch.since_ms, clock_mono_ms());
	reader_watch(&sp->readers, &watch);
	rc = store_copy(sp->store, fd, err);
	reader_unwatch(&sp->readers, &watch);
	return rc;
}

int
spool_copy_bytes(struct spool *sp, uint64_t *bytes, struct err *err)
{
	return store_copy_bytes(sp->store, bytes, err);
}

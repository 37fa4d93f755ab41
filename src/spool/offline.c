/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/spool/offline.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#include "spool/cfg.h"
#include "spool/directory.h"
#include "spool/engine.h"
#include "spool/store.h"

int
offline_lock(int *fd, const char *directory, struct err *err)
{
	return directory_lock(fd, directory, err);
}

static int
check(struct spool *sp, struct err *err)
{
	struct store_txn x;
	int rc;

	if (store_read_begin(sp->store, &x) || store_read_renew(&x))
		rc = err_set(err, ERR_STORE, "%s: %s", sp->directory,
		    store_fault_text(&x));
	else
		rc = cfg_check(&x, sp->directory, err);
	store_read_end(&x);
	return rc;
}

int
offline_view(struct spool **sp, const char *directory, struct err *err)
{
	struct spool *x = mem_new(sizeof *x);

	x->lock_fd = -1; /* the caller's */
	reader_all_init(&x->readers);
	x->directory = mem_str(directory);
	if (store_view(&x->store, directory, err) || check(x, err)) {
		spool_close(&x);
		return -1;
	}
	*sp = x;
	return 0;
}

/* --- a smaller file ---------------------------------------------------------
 */

struct paths {
	char *data, *copy;
};

static int
size_of(const char *path, uint64_t *bytes, struct err *err)
{
	struct stat st;

	if (stat(path, &st))
		return err_sys(err, "%s", path);
	*bytes = (uint64_t)st.st_size;
	return 0;
}

/* Whoever asks for it, it belongs to whom the file has belonged to. */
static int
make_like(int *fd, const struct paths *p, struct err *err)
{
	struct stat st;

	(void)unlink(p->copy); /* of one who was cut short */
	*fd = open(p->copy, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (*fd < 0 || stat(p->data, &st))
		return err_sys(err, "%s", p->copy);
	if (geteuid() == 0 && fchown(*fd, st.st_uid, st.st_gid))
		return err_sys(err, "%s", p->copy);
	return 0;
}

static int
copy_to(const char *directory, const struct paths *p, struct err *err)
{
	struct spool *sp = NULL;
	int fd = -1, rc = offline_view(&sp, directory, err);

	if (rc == 0)
		rc = make_like(&fd, p, err);
	if (rc == 0)
		rc = spool_copy(sp, fd, err);
	spool_close(&sp);
	if (fd >= 0)
		close(fd);
	return rc;
}

int
offline_compact(
    const char *directory, struct offline_sizes *sizes, struct err *err)
{
	struct paths p = { mem_printf("%s/data.mdb", directory),
		mem_printf("%s/%s", directory, DIRECTORY_COPY) };
	int rc = size_of(p.data, &sizes->before, err);

	if (rc == 0)
		rc = copy_to(directory, &p, err);
	if (rc == 0 && rename(p.copy, p.data))
		rc = err_sys(err, "%s", p.data);
	if (rc == 0)
		rc = directory_sync(directory, err);
	if (rc == 0)
		rc = size_of(p.data, &sizes->after, err);
	if (rc != 0)
		(void)unlink(p.copy);
	free(p.data);
	free(p.copy);
	return rc;
}

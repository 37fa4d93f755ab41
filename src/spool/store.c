/* SPDX-License-Identifier: Apache-2.0 */
/*
 * spool/store - the only user of LMDB.  No relaxation flag is ever used: a
 * commit syncs the data and then writes the meta page synchronously.
 *
 * Format 1.  Keys are big-endian numbers in a row (keys.c); a value begins
 * with u8 1 (record.c); num is a LEB128 varint, sig a zigzag one, text is
 * num(length + 1) and the bytes (0: none).  No value is longer than the page
 * less 16 bytes.  mid: 44 bits of ms since 1970, 20 bits of counter.
 *
 * cfg      "spool"          u32 format, u32 page, u32 chunk, 16 bytes uuid,
 *                           sig created ms
 *          "stop"           u8 clean, u64 last mid drawn
 *          "drop"           the file of the drop directory taken last
 *          "secret"         16 random bytes
 *          "flight" u64 mid num unclean stops in a row in flight, num 0
 * msg      u64 mid          u8 inlined, num queued, num dead, num deliveries,
 *                           num recipients, num flags, num size, u32 crc32c,
 *                           num parent, sig arrival ms, text sender, envid,
 *                           client, helo, listener, user, message id;
 *                           delivery 0 (as in dlv, without version);
 *                           inlined & 4: sig mt priority, sig release ms;
 *                           inlined & 8: sig by ms;
 *                           inlined & 2: text recipients of delivery 0;
 *                           inlined & 1: text content (at most 1,400 bytes)
 * body     u64 mid,         page - 16 bytes of content, the last one shorter
 *          u32 chunk
 * dlv      u64 mid, u16 n   u8 place (scheduled, parked, dead, gone), with 128:
 *          (n from 1)       handed over by another route; u8 hold, u8 priority,
 *                           u8 lane, num route, sig due ms (dead, in doubt:
 *                           since), num attempts, text provider
 * rcpt     u64 mid, u16 n,  recipients of delivery n, in order of index: num
 *          u32 chunk        index, u8 state | notify << 2 | reply << 6 |
 *                           same << 7, text address, text orcpt; with reply:
 *                           num code, text enhanced, text text; same: the reply
 *                           of the record before
 * sched    u32 route,       empty: a delivery that is due at a time
 *          u8 priority,
 *          u8 lane,
 *          u64 due ms,
 *          u64 mid, u16 n
 * park     u8 hold, then    empty: a delivery that waits for a reason to end
 *          as in sched
 * timer    u64 when ms,     empty: by when a delivery must be handed on
 *          u8 kind (1),     (DELIVERBY); goes when that is dealt with
 *          u64 mid, u16 n
 * dead     u64 since ms,    num code, text cause, provider, enhanced, text: a
 *          u64 mid, u16 n   dead letter; its msg and content are kept
 * stat     u32 route,       num count, num bytes of the deliveries
 *          u8 priority,
 *          u8 class         (0 queued, 1 held, 2 dead, 3 doubt)
 * stage    u64 mid          num bytes, num begun ms: a message half received
 * gc       u64 mid          num next chunk, num chunks: content being deleted
 * route    u32 id           text name; ids are never used again
 * prov     name             the health of a provider, as the relay wrote it
 * quota    owner, NUL,      sig reserved, sig spent
 *          u32 window s,
 *          u64 start ms
 * journal  u64 ms << 20     events of a commit (journal.c); not below any mid
 *          | counter        drawn before
 * doubt    u64 mid, u16 n   text provider, sig ms, num first, num last: those
 *                           recipients may have been delivered; goes with the
 *                           next settling
 */
#include "spool/store.h"

#include <assert.h>
#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/mem.h"

#define MAP_DEFAULT (sizeof(size_t) > 4 ? UINT64_C(1) << 40 : UINT64_C(1) << 30)
#define MAP_LEAST (UINT64_C(1) << 20)
#define MAX_TABLES 32
#define MAX_READERS 256
#define PAGE_HEADER 16
#define RC_DAMAGED (-1) /* LMDB's own are below -30,000 or an errno */

struct store {
	MDB_env *env;
	MDB_dbi dbi[STORE_TABLES];
	size_t page;
};

static const char *const names[STORE_TABLES] = {
	[STORE_CFG] = "cfg",
	[STORE_MSG] = "msg",
	[STORE_DLV] = "dlv",
	[STORE_RCPT] = "rcpt",
	[STORE_BODY] = "body",
	[STORE_SCHED] = "sched",
	[STORE_TIMER] = "timer",
	[STORE_DEAD] = "dead",
	[STORE_STAT] = "stat",
	[STORE_STAGE] = "stage",
	[STORE_GC] = "gc",
	[STORE_ROUTE] = "route",
	[STORE_PROV] = "prov",
	[STORE_QUOTA] = "quota",
	[STORE_JOURNAL] = "journal",
	[STORE_PARK] = "park",
	[STORE_DOUBT] = "doubt",
};

/* --- opening --- */

/* The power-cut simulator links its own build of this file, in which it can
 * plant a wrong flag to see whether it would be found. */
static unsigned
flags_of(void)
{
	unsigned flags = MDB_NOTLS;
#ifdef STORE_PLANT
	const char *plant = getenv("STORE_PLANT");

	if (plant && strcmp(plant, "nosync") == 0)
		flags |= MDB_NOSYNC;
	if (plant && strcmp(plant, "nometasync") == 0)
		flags |= MDB_NOMETASYNC;
#endif
	return flags;
}

static int
env_new(MDB_env **env, uint64_t map)
{
	int rc = mdb_env_create(env);

	if (rc)
		return rc;
	rc = mdb_env_set_maxdbs(*env, MAX_TABLES);
	if (!rc)
		rc = mdb_env_set_maxreaders(*env, MAX_READERS);
	if (!rc && map)
		rc = mdb_env_set_mapsize(*env, (size_t)map);
	return rc;
}

/* Address space may be limited (ulimit -v, valgrind): half of it, until it
 * works. */
static int
env_open(MDB_env **env, const char *directory, uint64_t map)
{
	int rc;

	do {
		rc = env_new(env, map);
		if (!rc)
			rc = mdb_env_open(*env, directory, flags_of(), 0600);
		if (!rc)
			return 0;
		mdb_env_close(*env);
		*env = NULL;
		map /= 2;
	} while ((rc == ENOMEM || rc == EINVAL) && map >= MAP_LEAST);
	return rc;
}

/* What mends it, as the end of a sentence. */
static const char *
mend_of(int rc)
{
	switch (rc) {
	case EACCES:
	case EPERM:
		return "; the daemon's user has to own it (chown)";
	case MDB_INVALID:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
		return "; put a backup in its place, or save what can be read "
		       "by postern spool salvage";
	default:
		return "";
	}
}

static int
env_fail(struct err *err, const char *directory, int rc)
{
	return err_set(err, rc == ENOMEM ? ERR_SYSTEM : ERR_STORE,
	    "%s/data.mdb cannot be opened: %s%s", directory, mdb_strerror(rc),
	    mend_of(rc));
}

/* All tables are made in one transaction; without a description in cfg the
 * first start was cut short. */
static int
open_tables(struct store *st, bool *fresh)
{
	MDB_stat stat;
	MDB_txn *txn;
	unsigned flags;
	int rc = mdb_txn_begin(st->env, NULL, 0, &txn);

	if (rc)
		return rc;
	rc = mdb_stat(txn, 1, &stat); /* 1: the tree of the tables' names */
	flags = !rc && stat.ms_entries == 0 ? MDB_CREATE : 0;
	for (size_t i = 0; !rc && i < STORE_TABLES; i++)
		rc = mdb_dbi_open(txn, names[i], flags, &st->dbi[i]);
	if (!rc)
		rc = mdb_stat(txn, st->dbi[STORE_CFG], &stat);
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	*fresh = stat.ms_entries == 0;
	st->page = stat.ms_psize;
	return mdb_txn_commit(txn);
}

int
store_open(struct store **st, const char *directory, uint64_t map, bool *fresh,
    struct err *err)
{
	struct store *s = mem_new(sizeof *s);
	int rc = env_open(&s->env, directory, map ? map : MAP_DEFAULT);

	if (!rc)
		rc = open_tables(s, fresh);
	if (rc) {
		store_close(&s);
		return env_fail(err, directory, rc);
	}
	store_reader_check(s);
	*st = s;
	return 0;
}

static int
view_tables(struct store *st)
{
	MDB_stat stat;
	MDB_txn *txn;
	int rc = mdb_txn_begin(st->env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	for (size_t i = 0; !rc && i < STORE_TABLES; i++)
		rc = mdb_dbi_open(txn, names[i], 0, &st->dbi[i]);
	if (!rc)
		rc = mdb_stat(txn, st->dbi[STORE_CFG], &stat);
	if (rc) {
		mdb_txn_abort(txn);
		return rc;
	}
	st->page = stat.ms_psize;
	return mdb_txn_commit(txn); /* or the tables would be closed again */
}

int
store_view(struct store **st, const char *directory, struct err *err)
{
	struct store *s = mem_new(sizeof *s);
	int rc = env_new(&s->env, MAP_LEAST); /* it takes what the data needs */

	if (!rc)
		rc = mdb_env_open(s->env, directory,
		    MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600);
	if (!rc)
		rc = view_tables(s);
	if (rc) {
		store_close(&s);
		return env_fail(err, directory, rc);
	}
	*st = s;
	return 0;
}

void
store_close(struct store **st)
{
	if (!*st)
		return;
	if ((*st)->env)
		mdb_env_close((*st)->env);
	free(*st);
	*st = NULL;
}

static int
probe_tables(MDB_env *env)
{
	MDB_txn *txn;
	MDB_stat stat;
	MDB_dbi dbi;
	int rc = mdb_txn_begin(env, NULL, MDB_RDONLY, &txn);

	if (rc)
		return rc;
	rc = mdb_stat(txn, 1, &stat);
	if (!rc && stat.ms_entries)
		rc = mdb_dbi_open(txn, names[STORE_CFG], 0, &dbi);
	mdb_txn_abort(txn);
	return rc ? rc : stat.ms_entries ? 0 : -1;
}

int
store_probe(const char *directory, struct err *err)
{
	MDB_env *env = NULL;
	int rc = env_new(&env, MAP_LEAST); /* it takes what the data needs */

	if (!rc)
		rc = mdb_env_open(
		    env, directory, MDB_RDONLY | MDB_NOLOCK | MDB_NOTLS, 0600);
	if (!rc)
		rc = probe_tables(env);
	mdb_env_close(env);
	if (rc == -1)
		return 1;
	if (rc == MDB_NOTFOUND)
		return err_set(err, ERR_STORE,
		    "%s/data.mdb is a database, but not a spool", directory);
	return rc ? env_fail(err, directory, rc) : 0;
}

size_t
store_page_size(const struct store *st)
{
	return st->page;
}

size_t
store_value_max(const struct store *st)
{
	return st->page - PAGE_HEADER;
}

/* --- transactions --- */

static int
done(struct store_txn *x, int rc)
{
	if (rc == 0)
		return 0;
	if (x->rc == 0)
		x->rc = rc;
	return -1;
}

int
store_begin(struct store *st, struct store_txn *x)
{
	*x = (struct store_txn){ .st = st };
	return done(x, mdb_txn_begin(st->env, NULL, 0, &x->t));
}

int
store_commit(struct store_txn *x)
{
	MDB_txn *t = x->t;

	if (x->rc) {
		store_abort(x);
		return -1;
	}
	x->t = NULL; /* gone, whatever comes out */
	return done(x, mdb_txn_commit(t));
}

void
store_abort(struct store_txn *x)
{
	if (x->t)
		mdb_txn_abort(x->t);
	x->t = NULL;
}

int
store_read_begin(struct store *st, struct store_txn *x)
{
	*x = (struct store_txn){ .st = st };
	if (done(x, mdb_txn_begin(st->env, NULL, MDB_RDONLY, &x->t)))
		return -1;
	mdb_txn_reset(x->t);
	return 0;
}

int
store_read_renew(struct store_txn *x)
{
	x->rc = 0;
	if (!x->t) {
		if (store_read_begin(x->st, x))
			return -1;
	}
	return done(x, mdb_txn_renew(x->t));
}

void
store_read_reset(struct store_txn *x)
{
	mdb_txn_reset(x->t);
}

void
store_read_end(struct store_txn *x)
{
	store_abort(x);
}

enum store_fault
store_fault(const struct store_txn *x)
{
	switch (x->rc) {
	case 0:
		return STORE_FINE;
	case RC_DAMAGED:
		return STORE_DAMAGED;
	case MDB_MAP_FULL:
		return STORE_MAP_FULL;
	case ENOSPC:
	case EDQUOT:
		return STORE_NO_SPACE;
	case EIO:
		return STORE_IO;
	case MDB_PANIC:
	case MDB_CORRUPTED:
	case MDB_PAGE_NOTFOUND:
		return STORE_PANIC;
	default:
		return STORE_OTHER;
	}
}

const char *
store_fault_text(const struct store_txn *x)
{
	return x->rc == RC_DAMAGED ? "a record cannot be read"
	                           : mdb_strerror(x->rc);
}

int
store_damaged(struct store_txn *x)
{
	return done(x, RC_DAMAGED);
}

void
store_forgive(struct store_txn *x)
{
	if (x->rc == RC_DAMAGED)
		x->rc = 0;
}

/* --- values --- */

static MDB_val
val_of(struct str s)
{
	return (MDB_val){ s.len, (void *)(uintptr_t)s.p };
}

static struct str
str_of_val(const MDB_val *v)
{
	return (struct str){ v->mv_data, v->mv_size };
}

int
store_get(struct store_txn *x, enum store_table t, struct str k, struct str *v)
{
	MDB_val key = val_of(k), val;
	int rc = mdb_get(x->t, x->st->dbi[t], &key, &val);

	if (rc == MDB_NOTFOUND)
		return 1;
	if (rc == 0)
		*v = str_of_val(&val);
	return done(x, rc);
}

static int
put(struct store_txn *x, enum store_table t, struct str k, struct str v,
    unsigned flags)
{
	MDB_val key = val_of(k), val = val_of(v);

	assert(v.len <= store_value_max(x->st));
	return mdb_put(x->t, x->st->dbi[t], &key, &val, flags);
}

int
store_put(struct store_txn *x, enum store_table t, struct str k, struct str v)
{
	return done(x, put(x, t, k, v, 0));
}

int
store_put_new(
    struct store_txn *x, enum store_table t, struct str k, struct str v)
{
	int rc = put(x, t, k, v, MDB_NOOVERWRITE);

	return rc == MDB_KEYEXIST ? 1 : done(x, rc);
}

int
store_del(struct store_txn *x, enum store_table t, struct str k)
{
	MDB_val key = val_of(k);
	int rc = mdb_del(x->t, x->st->dbi[t], &key, NULL);

	return rc == MDB_NOTFOUND ? 1 : done(x, rc);
}

/* --- cursors --- */

int
store_cursor(struct store_cursor *c, struct store_txn *x, enum store_table t)
{
	*c = (struct store_cursor){ .x = x };
	return done(x, mdb_cursor_open(x->t, x->st->dbi[t], &c->c));
}

void
store_cursor_done(struct store_cursor *c)
{
	if (c->c)
		mdb_cursor_close(c->c);
	c->c = NULL;
}

static int
move(struct store_cursor *c, MDB_cursor_op op)
{
	MDB_val key = val_of(c->k), val;
	int rc = mdb_cursor_get(c->c, &key, &val, op);

	if (rc == MDB_NOTFOUND)
		return 1;
	if (rc)
		return done(c->x, rc);
	c->k = str_of_val(&key);
	c->v = str_of_val(&val);
	return 0;
}

int
store_seek(struct store_cursor *c, struct str k)
{
	c->k = k;
	return move(c, MDB_SET_RANGE);
}

int
store_next(struct store_cursor *c)
{
	return move(c, MDB_NEXT);
}

int
store_prev(struct store_cursor *c)
{
	return move(c, MDB_PREV);
}

int
store_last(struct store_cursor *c)
{
	return move(c, MDB_LAST);
}

int
store_del_next(struct store_cursor *c)
{
	int rc = done(c->x, mdb_cursor_del(c->c, 0));

	return rc ? rc : store_next(c);
}

/* --- figures --- */

uint64_t
store_pages(struct store_txn *x, enum store_table t)
{
	MDB_stat s;

	if (mdb_stat(x->t, x->st->dbi[t], &s))
		return 0;
	return s.ms_branch_pages + s.ms_leaf_pages + s.ms_overflow_pages;
}

uint64_t
store_free_pages(struct store_txn *x, size_t max)
{
	MDB_cursor *c;
	MDB_val k, v;
	uint64_t n = 0;

	if (mdb_cursor_open(x->t, 0, &c)) /* 0: the list of free pages */
		return 0;
	for (size_t i = 0; i < max && mdb_cursor_get(c, &k, &v, MDB_NEXT) == 0;
	     i++) {
		size_t count; /* stands first in the record */

		memcpy(&count, v.mv_data, sizeof count);
		n += count;
	}
	mdb_cursor_close(c);
	return n;
}

void
store_use(struct store *st, struct store_use *u)
{
	MDB_envinfo info;

	*u = (struct store_use){ 0 };
	if (mdb_env_info(st->env, &info))
		return;
	u->file_bytes = ((uint64_t)info.me_last_pgno + 1) * st->page;
	u->map_bytes = info.me_mapsize;
	u->readers = info.me_numreaders;
}

void
store_reader_check(struct store *st)
{
	int dead;

	(void)mdb_reader_check(
	    st->env, &dead); /* the next minute tries again */
}

/* --- a copy --- */

static int
copy_fail(struct err *err, int rc)
{
	if (rc == ENOSPC || rc == EDQUOT)
		return err_set(
		    err, ERR_FULL, "the copy's disk has no room left");
	return err_set(err, ERR_STORE, "the copy failed: %s", mdb_strerror(rc));
}

int
store_copy(struct store *st, int fd, struct err *err)
{
	int rc = mdb_env_copyfd2(st->env, fd, MDB_CP_COMPACT);

	if (!rc && fsync(fd))
		rc = errno;
	return rc ? copy_fail(err, rc) : 0;
}

int
store_copy_bytes(struct store *st, uint64_t *bytes, struct err *err)
{
	struct store_txn x;
	struct store_use u;
	uint64_t unused;

	if (store_read_begin(st, &x) || store_read_renew(&x)) {
		copy_fail(err, x.rc);
		store_abort(&x);
		return -1;
	}
	store_use(st, &u);
	unused = store_free_pages(&x, SIZE_MAX) * st->page;
	store_abort(&x);
	*bytes = u.file_bytes > unused ? u.file_bytes - unused : 0;
	return 0;
}

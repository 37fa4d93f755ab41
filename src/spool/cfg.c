/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/cfg.h"

#include <string.h>

#include "postern/base/rand.h"
#include "postern/spool/spool_ops.h"

#include "spool/record.h"
#include "spool/store.h"

struct cfg {
	uint32_t format, page, chunk;
};

int
cfg_make(struct store_txn *x, int64_t now_ms)
{
	unsigned char mem[64], uuid[16];
	struct record_out o;

	rand_bytes(uuid, sizeof uuid);
	record_begin(&o, mem, sizeof mem);
	record_u8(&o, RECORD_VERSION);
	record_fixed(&o, CFG_FORMAT, 4);
	record_fixed(&o, store_page_size(x->st), 4);
	record_fixed(&o, store_value_max(x->st), 4);
	record_raw(&o, (struct str){ (char *)uuid, sizeof uuid });
	record_signed(&o, now_ms);
	return store_put(
	    x, STORE_CFG, STR("spool"), (struct str){ (char *)mem, o.n });
}

static int
cfg_read(struct store_txn *x, struct cfg *c)
{
	struct record_in in;
	struct str v;
	int rc = store_get(x, STORE_CFG, STR("spool"), &v);

	if (rc)
		return rc;
	in = record_of(v);
	if (record_get_u8(&in) != RECORD_VERSION)
		return store_damaged(x);
	c->format = (uint32_t)record_get_fixed(&in, 4);
	c->page = (uint32_t)record_get_fixed(&in, 4);
	c->chunk = (uint32_t)record_get_fixed(&in, 4);
	return in.bad ? store_damaged(x) : 0;
}

int
cfg_check(struct store_txn *x, const char *directory, struct err *err)
{
	struct cfg c = { 0 };

	if (cfg_read(x, &c))
		return err_set(err, ERR_STORE,
		    "%s: the spool's own description cannot be read: %s",
		    directory, x->rc ? store_fault_text(x) : "it is missing");
	if (c.format != CFG_FORMAT)
		return err_set(err, ERR_STORE,
		    "%s has spool format %u; this posternd reads %u; use the "
		    "version that wrote it",
		    directory, (unsigned)c.format, (unsigned)CFG_FORMAT);
	if (c.page != store_page_size(x->st) ||
	    c.chunk != store_value_max(x->st))
		return err_set(err, ERR_STORE,
		    "%s was made with pages of %u bytes, the file has %zu",
		    directory, (unsigned)c.page, store_page_size(x->st));
	return 0;
}

int
cfg_put_stop(struct store_txn *x, bool clean, uint64_t last_mid)
{
	unsigned char mem[32];
	struct record_out o;

	record_begin(&o, mem, sizeof mem);
	record_u8(&o, RECORD_VERSION);
	record_u8(&o, clean);
	record_fixed(&o, last_mid, 8);
	return store_put(
	    x, STORE_CFG, STR("stop"), (struct str){ (char *)mem, o.n });
}

int
cfg_get_stop(struct store_txn *x, bool *clean, uint64_t *last_mid)
{
	struct record_in in;
	struct str v;
	int rc = store_get(x, STORE_CFG, STR("stop"), &v);

	*clean = rc > 0; /* a fresh one */
	*last_mid = 0;
	if (rc)
		return rc < 0 ? -1 : 0;
	in = record_of(v);
	if (record_get_u8(&in) != RECORD_VERSION)
		return 0; /* nothing is known of it: it was not clean */
	*clean = record_get_u8(&in) != 0;
	*last_mid = record_get_fixed(&in, 8);
	if (record_end(&in))
		*clean = false, *last_mid = 0;
	return 0;
}

int
cfg_put_drop(struct store_txn *x, const char *drop)
{
	unsigned char mem[2 * SPOOL_DROP_MAX];
	struct record_out o;

	record_begin(&o, mem, sizeof mem);
	record_u8(&o, RECORD_VERSION);
	record_raw(&o, str_of(drop));
	return store_put(
	    x, STORE_CFG, STR("drop"), (struct str){ (char *)mem, o.n });
}

int
cfg_get_drop(struct store_txn *x, char *drop)
{
	struct str v;
	int rc = store_get(x, STORE_CFG, STR("drop"), &v);

	drop[0] = '\0';
	if (rc)
		return rc < 0 ? -1 : 0;
	if (v.len < 1 || v.len > SPOOL_DROP_MAX || v.p[0] != RECORD_VERSION)
		return 0; /* nothing is known of it */
	memcpy(drop, v.p + 1, v.len - 1);
	drop[v.len - 1] = '\0';
	return 0;
}

int
cfg_own_secret(struct store_txn *x, unsigned char *secret)
{
	unsigned char mem[1 + SPOOL_SECRET];
	struct str v;
	int rc = store_get(x, STORE_CFG, STR("secret"), &v);

	if (rc < 0)
		return -1;
	if (rc == 0 && v.len == sizeof mem && v.p[0] == RECORD_VERSION) {
		memcpy(secret, v.p + 1, SPOOL_SECRET);
		return 0;
	}
	rand_bytes(secret, SPOOL_SECRET);
	mem[0] = RECORD_VERSION;
	memcpy(mem + 1, secret, SPOOL_SECRET);
	return store_put(x, STORE_CFG, STR("secret"),
	    (struct str){ (char *)mem, sizeof mem });
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/keys.h"

#include <assert.h>
#include <string.h>

#define SCHED_LEN 24u /* route 4, priority 1, lane 1, due 8, mid 8, n 2 */

static void
add(struct keys *k, uint64_t v, unsigned bytes)
{
	assert(k->n + bytes <= KEYS_MAX);
	for (unsigned i = 0; i < bytes; i++)
		k->b[k->n++] =
		    (unsigned char)(v >> (8 * (bytes - 1 - i)) & 0xff);
}

/* Times before 1970 do not occur; they sort as 1970. */
static uint64_t
time_of(int64_t ms)
{
	return ms > 0 ? (uint64_t)ms : 0;
}

static uint64_t
get(struct str *k, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes; i++)
		v = v << 8 | (unsigned char)k->p[i];
	k->p += bytes;
	k->len -= bytes;
	return v;
}

struct str
keys_str(const struct keys *k)
{
	return (struct str){ (const char *)k->b, k->n };
}

void
keys_mid(struct keys *k, uint64_t mid)
{
	k->n = 0;
	add(k, mid, 8);
}

void
keys_u32(struct keys *k, uint32_t v)
{
	k->n = 0;
	add(k, v, 4);
}

void
keys_body(struct keys *k, uint64_t mid, uint32_t chunk)
{
	keys_mid(k, mid);
	add(k, chunk, 4);
}

void
keys_dlv(struct keys *k, uint64_t mid, uint16_t n)
{
	keys_mid(k, mid);
	add(k, n, 2);
}

void
keys_rcpt(struct keys *k, uint64_t mid, uint16_t n, uint32_t chunk)
{
	keys_dlv(k, mid, n);
	add(k, chunk, 4);
}

static void
add_sched(struct keys *k, const struct spool_key *key)
{
	add(k, key->route, 4);
	add(k, key->priority, 1);
	add(k, key->lane, 1);
	add(k, time_of(key->due_ms), 8);
	add(k, key->mid, 8);
	add(k, key->n, 2);
}

void
keys_sched(struct keys *k, const struct spool_key *key)
{
	k->n = 0;
	add_sched(k, key);
}

void
keys_park(struct keys *k, uint8_t hold, const struct spool_key *key)
{
	k->n = 0;
	add(k, hold, 1);
	add_sched(k, key);
}

void
keys_dead(struct keys *k, int64_t at_ms, uint64_t mid, uint16_t n)
{
	k->n = 0;
	add(k, time_of(at_ms), 8);
	add(k, mid, 8);
	add(k, n, 2);
}

/* The only kind there is: a DELIVERBY deadline. */
#define TIMER_BY 1

void
keys_timer(struct keys *k, int64_t at_ms, uint64_t mid, uint16_t n)
{
	k->n = 0;
	add(k, time_of(at_ms), 8);
	add(k, TIMER_BY, 1);
	add(k, mid, 8);
	add(k, n, 2);
}

void
keys_stat(struct keys *k, uint32_t route, uint8_t priority, uint8_t class)
{
	k->n = 0;
	add(k, route, 4);
	add(k, priority, 1);
	add(k, class, 1);
}

void
keys_quota(
    struct keys *k, struct str owner, uint32_t window_s, int64_t start_ms)
{
	assert(owner.len < SPOOL_OWNER_MAX);
	memcpy(k->b, owner.p, owner.len);
	k->n = owner.len;
	add(k, 0, 1);
	add(k, window_s, 4);
	add(k, time_of(start_ms), 8);
}

int
keys_read_mid(struct str k, uint64_t *mid)
{
	if (k.len != 8)
		return -1;
	*mid = get(&k, 8);
	return 0;
}

int
keys_read_u32(struct str k, uint32_t *v)
{
	if (k.len != 4)
		return -1;
	*v = (uint32_t)get(&k, 4);
	return 0;
}

int
keys_read_sched(struct str k, struct spool_key *key)
{
	if (k.len != SCHED_LEN)
		return -1;
	key->route = (uint32_t)get(&k, 4);
	key->priority = (uint8_t)get(&k, 1);
	key->lane = (uint8_t)get(&k, 1);
	key->due_ms = (int64_t)get(&k, 8);
	key->mid = get(&k, 8);
	key->n = (uint16_t)get(&k, 2);
	return 0;
}

int
keys_read_park(struct str k, uint8_t *hold, struct spool_key *key)
{
	uint8_t h;

	if (k.len != SCHED_LEN + 1)
		return -1;
	h = (uint8_t)get(&k, 1);
	*hold = h;
	return keys_read_sched(k, key);
}

int
keys_read_dead(struct str k, int64_t *at_ms, uint64_t *mid, uint16_t *n)
{
	if (k.len != 18)
		return -1;
	*at_ms = (int64_t)get(&k, 8);
	*mid = get(&k, 8);
	*n = (uint16_t)get(&k, 2);
	return 0;
}

int
keys_read_quota(
    struct str k, size_t owner, uint32_t *window_s, int64_t *start_ms)
{
	if (k.len != owner + 13)
		return -1;
	k.p += owner + 1;
	k.len = 12;
	*window_s = (uint32_t)get(&k, 4);
	*start_ms = (int64_t)get(&k, 8);
	return 0;
}

int
keys_read_timer(struct str k, int64_t *at_ms, uint64_t *mid, uint16_t *n)
{
	if (k.len != 19 || k.p[8] != TIMER_BY)
		return -1;
	*at_ms = (int64_t)get(&k, 8);
	(void)get(&k, 1);
	*mid = get(&k, 8);
	*n = (uint16_t)get(&k, 2);
	return 0;
}

int
keys_read_dlv(struct str k, uint64_t *mid, uint16_t *n)
{
	if (k.len != 10)
		return -1;
	*mid = get(&k, 8);
	*n = (uint16_t)get(&k, 2);
	return 0;
}

int
keys_read_rcpt(struct str k, uint64_t *mid, uint16_t *n, uint32_t *chunk)
{
	if (k.len != 14)
		return -1;
	*mid = get(&k, 8);
	*n = (uint16_t)get(&k, 2);
	*chunk = (uint32_t)get(&k, 4);
	return 0;
}

int
keys_read_body(struct str k, uint64_t *mid, uint32_t *chunk)
{
	if (k.len != 12)
		return -1;
	*mid = get(&k, 8);
	*chunk = (uint32_t)get(&k, 4);
	return 0;
}

int
keys_read_stat(struct str k, uint32_t *route, uint8_t *priority, uint8_t *class)
{
	if (k.len != 6)
		return -1;
	*route = (uint32_t)get(&k, 4);
	*priority = (uint8_t)get(&k, 1);
	*class = (uint8_t)get(&k, 1);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/logins.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/list.h"
#include "postern/base/map.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/smtp/digest.h"

/* One for a client, one for each of its names. */
struct failures {
	struct list in_table; /* the one that failed last is the last */
	uint64_t key;
	uint64_t since_ms; /* the count is of then */
	uint32_t count;
};

struct proof {
	struct list in_table; /* the oldest is the first */
	uint64_t until_ms;
	unsigned char mac[DIGEST_LEN];
};

struct known {
	struct list in_table; /* the oldest is the first */
	uint64_t client, until_ms;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list failures = { &failures, &failures };
static struct list proofs = { &proofs, &proofs };
static struct list known = { &known, &known };
/* NULL: nothing yet */
static struct map *failures_by_key, *proofs_by_key, *known_by_client;
static unsigned char secret[DIGEST_LEN];

static void
open_table(void)
{
	if (failures_by_key != NULL)
		return;
	failures_by_key = map_new();
	proofs_by_key = map_new();
	known_by_client = map_new();
	rand_bytes(secret, sizeof secret);
}

/* --- keys --------------------------------------------------------------------
 */

/* HMAC over number, user, NUL, password: a user has no NUL. */
static void
mac_of(unsigned char mac[DIGEST_LEN], uint64_t number, struct str user,
    struct str password)
{
	struct str key = { (const char *)secret, sizeof secret };
	size_t n = sizeof number + user.len + 1 + password.len, at = 0;
	char *text = mem_new(n);

	memcpy(text, &number, sizeof number);
	at += sizeof number;
	if (user.len > 0)
		memcpy(text + at, user.p, user.len);
	at += user.len + 1;
	if (password.len > 0)
		memcpy(text + at, password.p, password.len);
	digest_hmac(mac, key, (struct str){ text, n });
	mem_wipe(text, n);
	free(text);
}

static uint64_t
front_of(const unsigned char mac[DIGEST_LEN])
{
	uint64_t key;

	memcpy(&key, mac, sizeof key);
	return key;
}

/* Of the client with that name; the client's own has no name. */
static uint64_t
failures_key(uint64_t client, struct str user)
{
	unsigned char mac[DIGEST_LEN];

	mac_of(mac, client, user, STR(""));
	return front_of(mac);
}

/* --- failures ----------------------------------------------------------------
 */

static void
drop_failures(struct failures *f)
{
	list_remove(&f->in_table);
	(void)map_del(failures_by_key, f->key);
	free(f);
}

/* How many of them are forgotten by now: all after the rate's time. */
static uint32_t
forgotten(const struct failures *f, const struct rate *l, uint64_t now_ms)
{
	uint64_t gone = now_ms > f->since_ms ? now_ms - f->since_ms : 0;
	uint64_t back =
	    gone < l->period_ms ? gone * l->count / l->period_ms : f->count;

	return back < f->count ? (uint32_t)back : f->count;
}

static bool
is_over(uint64_t key, const struct rate *l, uint64_t now_ms)
{
	const struct failures *f = map_get(failures_by_key, key);

	return f != NULL && f->count - forgotten(f, l, now_ms) >= l->count;
}

static struct failures *
new_failures(uint64_t key)
{
	struct failures *f = mem_new(sizeof *f);

	if (map_count(failures_by_key) >= LOGINS_FAILURES_MAX)
		drop_failures(
		    LIST_OF(failures.next, struct failures, in_table));
	f->key = key;
	list_init(&f->in_table);
	(void)map_put(failures_by_key, key, f);
	return f;
}

/* true: the limit is reached now. */
static bool
count(uint64_t key, const struct rate *l, uint64_t now_ms)
{
	struct failures *f = map_get(failures_by_key, key);
	uint32_t back, had;

	if (f == NULL)
		f = new_failures(key);
	back = forgotten(f, l, now_ms);
	had = f->count - back;
	if (had == 0)
		f->since_ms = now_ms;
	else /* what has passed of the next one's time is kept */
		f->since_ms += (back * l->period_ms + l->count - 1) / l->count;
	f->count = had < l->count ? had + 1 : had;
	list_remove(&f->in_table);
	list_push(&failures, &f->in_table);
	return had + 1 == l->count;
}

/* --- proofs ------------------------------------------------------------------
 */

static void
drop_proof(struct proof *p)
{
	list_remove(&p->in_table);
	(void)map_del(proofs_by_key, front_of(p->mac));
	mem_wipe(p, sizeof *p);
	free(p);
}

static void
drop_old_proofs(uint64_t now_ms)
{
	while (!list_empty(&proofs)) {
		struct proof *p = LIST_OF(proofs.next, struct proof, in_table);

		if (p->until_ms > now_ms &&
		    map_count(proofs_by_key) < LOGINS_PROOFS_MAX)
			break;
		drop_proof(p);
	}
}

static bool
is_proven(const struct login *l, uint64_t now_ms)
{
	unsigned char mac[DIGEST_LEN];
	const struct proof *p;

	if (l->password.len == 0)
		return false;
	mac_of(mac, l->serial, l->user, l->password);
	p = map_get(proofs_by_key, front_of(mac));
	return p != NULL && p->until_ms > now_ms &&
	       digest_equal(p->mac, mac, sizeof mac);
}

static void
keep_proof(const struct login *l, uint64_t now_ms)
{
	struct proof *p = mem_new(sizeof *p), *had;

	drop_old_proofs(now_ms);
	mac_of(p->mac, l->serial, l->user, l->password);
	p->until_ms = now_ms + LOGINS_PROOF_MS;
	had = map_get(proofs_by_key, front_of(p->mac));
	if (had != NULL)
		drop_proof(had);
	list_init(&p->in_table);
	list_push(&proofs, &p->in_table);
	(void)map_put(proofs_by_key, front_of(p->mac), p);
}

/* --- clients that are known --------------------------------------------------
 */

static void
drop_known(struct known *k)
{
	list_remove(&k->in_table);
	(void)map_del(known_by_client, k->client);
	free(k);
}

static void
keep_known(uint64_t client, uint64_t now_ms)
{
	struct known *k = map_get(known_by_client, client);

	if (k == NULL) {
		if (map_count(known_by_client) >= LOGINS_KNOWN_MAX)
			drop_known(LIST_OF(known.next, struct known, in_table));
		k = mem_new(sizeof *k);
		k->client = client;
		list_init(&k->in_table);
		(void)map_put(known_by_client, client, k);
	}
	k->until_ms = now_ms + LOGINS_KNOWN_MS;
	list_remove(&k->in_table);
	list_push(&known, &k->in_table);
}

bool
logins_is_known(uint64_t client, uint64_t now_ms)
{
	const struct known *k;
	bool is_known;

	pthread_mutex_lock(&lock);
	open_table();
	k = map_get(known_by_client, client);
	is_known = k != NULL && k->until_ms > now_ms;
	pthread_mutex_unlock(&lock);
	return is_known;
}

/* --- the door ----------------------------------------------------------------
 */

static enum logins_answer
ask(const struct login *l, uint64_t now_ms)
{
	uint64_t name = failures_key(l->client, l->user);

	if (is_over(name, &l->limits.name, now_ms))
		return LOGINS_LIMITED;
	if (is_proven(l, now_ms))
		return LOGINS_PROVEN;
	if (!is_over(
	        failures_key(l->client, STR("")), &l->limits.client, now_ms))
		return LOGINS_TRY;
	(void)count(name, &l->limits.name, now_ms);
	return LOGINS_LIMITED;
}

enum logins_answer
logins_ask(const struct login *l, uint64_t now_ms)
{
	enum logins_answer answer;

	pthread_mutex_lock(&lock);
	open_table();
	answer = ask(l, now_ms);
	pthread_mutex_unlock(&lock);
	return answer;
}

void
logins_right(const struct login *l, uint64_t now_ms)
{
	struct failures *f;

	pthread_mutex_lock(&lock);
	open_table();
	f = map_get(failures_by_key, failures_key(l->client, l->user));
	if (f != NULL)
		drop_failures(f);
	keep_known(l->client, now_ms);
	if (l->password.len > 0)
		keep_proof(l, now_ms);
	pthread_mutex_unlock(&lock);
}

bool
logins_wrong(const struct login *l, uint64_t now_ms)
{
	bool name, client;

	pthread_mutex_lock(&lock);
	open_table();
	name = count(failures_key(l->client, l->user), &l->limits.name, now_ms);
	client =
	    count(failures_key(l->client, STR("")), &l->limits.client, now_ms);
	pthread_mutex_unlock(&lock);
	return name || client;
}

void
logins_forget(void)
{
	pthread_mutex_lock(&lock);
	while (!list_empty(&failures))
		drop_failures(
		    LIST_OF(failures.next, struct failures, in_table));
	while (!list_empty(&proofs))
		drop_proof(LIST_OF(proofs.next, struct proof, in_table));
	while (!list_empty(&known))
		drop_known(LIST_OF(known.next, struct known, in_table));
	map_free(&failures_by_key);
	map_free(&proofs_by_key);
	map_free(&known_by_client);
	mem_wipe(secret, sizeof secret);
	pthread_mutex_unlock(&lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balancers.h"

#include <assert.h>
#include <string.h>

#define UNKNOWN_US 1000 /* when nobody's time is known */

/* --- weighted: smooth weighted round robin ---------------------------------
 * Each turn all that may get their weight as credit; who has most pays for all.
 */

static size_t
weighted_pick(
    const struct balancers_member *m, size_t n, const struct balancers_ask *ask)
{
	size_t best = n;

	(void)ask;
	for (size_t i = 0; i < n; i++) {
		if (!m[i].may)
			continue;
		if (best == n ||
		    m[i].credit + m[i].weight > m[best].credit + m[best].weight)
			best = i;
	}
	return best;
}

static void
weighted_note(struct balancers_member *m, size_t n, size_t picked)
{
	for (size_t i = 0; i < n; i++) {
		if (!m[i].may)
			continue;
		m[i].credit += m[i].weight;
		m[picked].credit -= m[i].weight;
	}
}

/* --- least-busy ------------------------------------------------------------
 */

/* Is a's load, per weight, lower? */
static bool
is_less_busy(const struct balancers_member *a, const struct balancers_member *b)
{
	return (a->in_flight + 1) * b->weight < (b->in_flight + 1) * a->weight;
}

/* From anywhere on, so that equals share. */
static size_t
least_busy_pick(
    const struct balancers_member *m, size_t n, const struct balancers_ask *ask)
{
	size_t best = n;

	for (size_t k = 0; k < n; k++) {
		size_t i = (k + ask->rnd % n) % n;

		if (m[i].may && (best == n || is_less_busy(&m[i], &m[best])))
			best = i;
	}
	return best;
}

/* --- p2c-ewma: the better of two -------------------------------------------
 */

static size_t
count(const struct balancers_member *m, size_t n)
{
	size_t may = 0;

	for (size_t i = 0; i < n; i++)
		may += m[i].may;
	return may;
}

static size_t
nth(const struct balancers_member *m, size_t n, size_t k)
{
	for (size_t i = 0; i < n; i++) {
		if (m[i].may && k-- == 0)
			return i;
	}
	return n;
}

/* Who was not measured yet is as fast as the other. */
static double
cost(const struct balancers_member *m, const struct balancers_member *other)
{
	uint64_t us = m->txn_us ? m->txn_us : other->txn_us;

	if (us == 0)
		us = UNKNOWN_US;
	return (double)(m->in_flight + 1) * (double)us / m->weight;
}

static size_t
p2c_ewma_pick(
    const struct balancers_member *m, size_t n, const struct balancers_ask *ask)
{
	size_t may = count(m, n);
	size_t a, b;

	if (may < 2)
		return nth(m, n, 0);
	a = (uint32_t)ask->rnd % may;
	b = (a + 1 + (ask->rnd >> 32) % (may - 1)) % may;
	a = nth(m, n, a);
	b = nth(m, n, b);
	return cost(&m[b], &m[a]) < cost(&m[a], &m[b]) ? b : a;
}

/* --- hash: weighted rendezvous of the sender's domain ----------------------
 * Each member throws one die for each unit of its weight; the highest wins.
 * Who comes or goes moves only what is, or was, its own.
 */

static uint64_t
mix(uint64_t h)
{
	h ^= h >> 33;
	h *= UINT64_C(0xff51afd7ed558ccd);
	h ^= h >> 33;
	h *= UINT64_C(0xc4ceb9fe1a85ec53);
	return h ^ h >> 33;
}

static uint64_t
hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c >= 'A' && c <= 'Z')
			c = (unsigned char)(c - 'A' + 'a');
		h = (h ^ c) * UINT64_C(0x100000001b3);
	}
	return h;
}

static uint64_t
highest(const struct balancers_member *m, uint64_t key)
{
	uint64_t own = mix(hash(m->name)) ^ key;
	uint64_t best = 0;

	for (uint32_t i = 0; i < m->weight; i++) {
		uint64_t die = mix(own + i * UINT64_C(0x9e3779b97f4a7c15));

		if (die > best)
			best = die;
	}
	return best;
}

static size_t
hash_pick(
    const struct balancers_member *m, size_t n, const struct balancers_ask *ask)
{
	const char *at = ask->sender ? strrchr(ask->sender, '@') : NULL;
	uint64_t most = 0;
	size_t best = n;
	uint64_t key;

	if (!ask->sender)
		return n;
	key = hash(at ? at + 1 : ask->sender);
	for (size_t i = 0; i < n; i++) {
		uint64_t die = m[i].may ? highest(&m[i], key) : 0;

		if (m[i].may && (best == n || die > most)) {
			best = i;
			most = die;
		}
	}
	return best;
}

/* --- the table -------------------------------------------------------------
 */

static const struct balancer balancers[] = {
	[RELAY_BALANCE_P2C_EWMA] = { false, p2c_ewma_pick, NULL },
	[RELAY_BALANCE_LEAST_BUSY] = { false, least_busy_pick, NULL },
	[RELAY_BALANCE_WEIGHTED] = { true, weighted_pick, weighted_note },
	[RELAY_BALANCE_HASH] = { true, hash_pick, NULL },
};

const struct balancer *
balancers_of(enum relay_balance balance)
{
	assert(balance < sizeof balancers / sizeof balancers[0]);
	return &balancers[balance];
}

const char *
balancers_word(const struct balancer *b)
{
	static const char *const words[] = {
		[RELAY_BALANCE_P2C_EWMA] = "p2c-ewma",
		[RELAY_BALANCE_LEAST_BUSY] = "least-busy",
		[RELAY_BALANCE_WEIGHTED] = "weighted",
		[RELAY_BALANCE_HASH] = "hash",
	};

	return words[b - balancers];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/tally.h"

#include "relay/level.h"
#include "relay/verdict.h"

_Static_assert(VERDICT_CLASSES <= TALLY_CLASSES, "a counter a class");
_Static_assert((int)LEVEL_STATES == TALLY_LEVELS, "a counter a level");

const char *
tally_result_word(enum tally_result r)
{
	static const char *const words[TALLY_RESULTS] = { "delivered",
		"deferred", "bounced", "dead", "doubt", "handed" };

	return words[r];
}

const char *
tally_stage_word(enum tally_stage s)
{
	static const char *const words[TALLY_STAGES] = { "dns", "connect",
		"tls", "login", "envelope", "content" };

	return words[s];
}

const char *
tally_breaker_word(enum tally_breaker b)
{
	static const char *const words[TALLY_BREAKERS] = { "closed", "open",
		"half-open" };

	return words[b];
}

const char *
tally_class_word(size_t class)
{
	if (class >= VERDICT_CLASSES)
		return NULL;
	return verdict_row((enum verdict_class) class)->name;
}

const char *
tally_level_word(size_t level)
{
	return level_word((enum level_state)level);
}

/* --- groups ----------------------------------------------------------------
 */

static const enum tally_group groups[VERDICT_CLASSES] = {
	[VERDICT_OK] = TALLY_GROUP_OK,
	[VERDICT_STALE] = TALLY_GROUP_OTHER,
	[VERDICT_RECYCLE] = TALLY_GROUP_OTHER,
	[VERDICT_CONNS] = TALLY_GROUP_CONNS,
	[VERDICT_RATE] = TALLY_GROUP_RATE,
	[VERDICT_QUOTA] = TALLY_GROUP_QUOTA,
	[VERDICT_BACKOFF] = TALLY_GROUP_BACKOFF,
	[VERDICT_AUTH_TEMP] = TALLY_GROUP_AUTH,
	[VERDICT_AUTH] = TALLY_GROUP_AUTH,
	[VERDICT_SUSPENDED] = TALLY_GROUP_SUSPENDED,
	[VERDICT_TLS] = TALLY_GROUP_TLS,
	[VERDICT_NET] = TALLY_GROUP_NET,
	[VERDICT_IDENTITY] = TALLY_GROUP_MESSAGE,
	[VERDICT_SPLIT] = TALLY_GROUP_OTHER,
	[VERDICT_UNFIT] = TALLY_GROUP_MESSAGE,
	[VERDICT_RCPT] = TALLY_GROUP_RCPT,
	[VERDICT_RCPT_TEMP] = TALLY_GROUP_RCPT,
	[VERDICT_MESSAGE] = TALLY_GROUP_MESSAGE,
	[VERDICT_MESSAGE_TEMP] = TALLY_GROUP_MESSAGE,
	[VERDICT_DEFERRED] = TALLY_GROUP_MESSAGE,
	[VERDICT_UNSURE] = TALLY_GROUP_NET,
	[VERDICT_POISON] = TALLY_GROUP_MESSAGE,
	[VERDICT_STRANGE] = TALLY_GROUP_SUSPENDED,
	[VERDICT_CORRUPT] = TALLY_GROUP_OTHER,
};

static const enum tally_group of_failures[TALLY_GROUPS] = {
	[TALLY_GROUP_OK] = TALLY_GROUP_OTHER,
	[TALLY_GROUP_CONNS] = TALLY_GROUP_BACKOFF,
	[TALLY_GROUP_RATE] = TALLY_GROUP_BACKOFF,
	[TALLY_GROUP_QUOTA] = TALLY_GROUP_BACKOFF,
	[TALLY_GROUP_BACKOFF] = TALLY_GROUP_BACKOFF,
	[TALLY_GROUP_AUTH] = TALLY_GROUP_AUTH,
	[TALLY_GROUP_SUSPENDED] = TALLY_GROUP_SUSPENDED,
	[TALLY_GROUP_TLS] = TALLY_GROUP_TLS,
	[TALLY_GROUP_NET] = TALLY_GROUP_NET,
	[TALLY_GROUP_RCPT] = TALLY_GROUP_OTHER,
	[TALLY_GROUP_MESSAGE] = TALLY_GROUP_OTHER,
	[TALLY_GROUP_OTHER] = TALLY_GROUP_OTHER,
};

const char *
tally_group_word(enum tally_group g)
{
	static const char *const words[TALLY_GROUPS] = { "ok", "conns", "rate",
		"quota", "backoff", "auth", "suspended", "tls", "net", "rcpt",
		"message", "other" };

	return words[g];
}

enum tally_group
tally_group_of(size_t class)
{
	return groups[class];
}

const char *
tally_reason_word(size_t reason)
{
	if (reason == TALLY_REASON_PAUSED)
		return "paused";
	if (reason == TALLY_REASON_FULL)
		return "full";
	return tally_group_word((enum tally_group)reason);
}

uint64_t
tally_attempts(const struct tally *t, enum tally_group g)
{
	uint64_t n = 0;

	for (size_t i = 0; i < VERDICT_CLASSES; i++)
		n += groups[i] == g ? stat_get(&t->attempts[i]) : 0;
	return n;
}

uint64_t
tally_failures(const struct tally *t, enum tally_group g)
{
	uint64_t n = 0;

	for (size_t i = 0; i < VERDICT_CLASSES; i++)
		n +=
		    of_failures[groups[i]] == g ? stat_get(&t->failures[i]) : 0;
	return n;
}

/* --- sums ------------------------------------------------------------------
 */

static void
add(struct stat_counter *to, const struct stat_counter *from, size_t n)
{
	for (size_t i = 0; i < n; i++)
		stat_add(&to[i], stat_get(&from[i]));
}

static void
merge(struct stat_histogram *to, const struct stat_histogram *from, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (stat_get(&from[i].count) > 0)
			stat_merge(&to[i], &from[i]);
	}
}

void
tally_merge(struct tally *to, const struct tally *from)
{
	add(to->results, from->results, TALLY_RESULTS);
	add(to->attempts, from->attempts, TALLY_CLASSES);
	add(to->failures, from->failures, TALLY_CLASSES);
	add(&to->opened, &from->opened, 1);
	add(&to->reused, &from->reused, 1);
	add(to->breaker, from->breaker, TALLY_BREAKERS);
	add(to->level, from->level, TALLY_LEVELS);
	add(&to->unsure, &from->unsure, 1);
	merge(to->stage_us, from->stage_us, TALLY_STAGES);
	merge(&to->delivery_ms, &from->delivery_ms, 1);
	merge(&to->wait_ms, &from->wait_ms, 1);
}

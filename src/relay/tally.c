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
tally_tls_word(enum tally_tls v)
{
	static const char *const words[TALLY_TLSES] = { "1.3", "1.2", "old" };

	return words[v];
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

/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/act_words.h"

#include <stddef.h>

static const char *
unfit_text(enum relay_act_verb verb, const struct relay_acted *a)
{
	bool is_dead = a->state == SPOOL_ROW_DEAD;

	if (verb == RELAY_ACT_RESEND || verb == RELAY_ACT_DISCARD)
		return "it is not dead";
	if (verb == RELAY_ACT_DELETE)
		return "it is dead; write postern dead delete";
	if (is_dead)
		return "it is dead; postern dead resend brings it back";
	return verb == RELAY_ACT_RETRY
	           ? "it is held; write postern queue release"
	           : "it is not held";
}

static const char *
as_is_text(enum relay_act_verb verb)
{
	return verb == RELAY_ACT_RETRY ? "it is due already: it waits for a "
	                                 "provider"
	                               : "it is held already";
}

bool
act_words_is_doubtful(enum relay_act_verb verb, const struct relay_acted *a)
{
	return a->result == RELAY_ACT_DONE && verb == RELAY_ACT_RELEASE &&
	       a->hold == SPOOL_HOLD_DOUBT;
}

const char *
act_words_text(enum relay_act_verb verb, const struct relay_acted *a)
{
	switch (a->result) {
	case RELAY_ACT_DONE:
		return a->hold == SPOOL_HOLD_DOUBT && verb == RELAY_ACT_RELEASE
		           ? "it may have been delivered before, and then "
		             "arrives twice"
		           : NULL;
	case RELAY_ACT_BUSY:
		return "it is being sent just now; try again";
	case RELAY_ACT_AS_IS:
		return as_is_text(verb);
	case RELAY_ACT_UNFIT:
		return unfit_text(verb, a);
	case RELAY_ACT_EARLY:
		return "its sender wants it sent later";
	case RELAY_ACT_DAMAGED:
		return "its record cannot be read";
	case RELAY_ACT_GONE:
		return "meanwhile it was delivered, or given up";
	case RELAY_ACT_FAILED:
		return "the spool could not write it";
	}
	return NULL;
}

const char *
act_words_result(enum relay_act_result result)
{
	static const char *const words[] = {
		[RELAY_ACT_DONE] = "done",
		[RELAY_ACT_BUSY] = "busy",
		[RELAY_ACT_AS_IS] = "as-is",
		[RELAY_ACT_UNFIT] = "unfit",
		[RELAY_ACT_EARLY] = "early",
		[RELAY_ACT_DAMAGED] = "damaged",
		[RELAY_ACT_GONE] = "gone",
		[RELAY_ACT_FAILED] = "failed",
	};

	return words[result];
}

const char *
act_words_past(enum relay_act_verb verb)
{
	static const char *const words[] = {
		[RELAY_ACT_HOLD] = "held",
		[RELAY_ACT_RELEASE] = "released",
		[RELAY_ACT_RETRY] = "due now",
		[RELAY_ACT_DELETE] = "deleted",
		[RELAY_ACT_RESEND] = "queued again",
		[RELAY_ACT_DISCARD] = "deleted",
		[RELAY_ACT_REROUTE] = "sent other ways",
	};

	return words[verb];
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/patience.h"

#include "postern/relay/relay.h"

#include "relay/provider.h"
#include "relay/relay_session.h"

/* After a connection's timeout nothing is read from it any more: where some are
 * kept warm it is the pool that looks for the time (relay_session_idled()). */
static uint64_t
when_idle(const struct relay_provider *set)
{
	return set->warm > 0 ? 0 : set->idle_timeout_ms;
}

uint64_t
patience_at(const struct relay_provider *set, enum outcome_stage stage)
{
	const struct relay_timeouts *t = &set->timeouts;

	switch (stage) {
	case OUTCOME_CONNECT:
		return t->connect;
	case OUTCOME_BANNER:
		return t->banner;
	case OUTCOME_STARTTLS:
	case OUTCOME_TLS:
		return t->starttls;
	case OUTCOME_AUTH:
		return t->auth;
	case OUTCOME_DATA:
		return t->data;
	case OUTCOME_BODY:
		return t->block;
	case OUTCOME_DOT:
		return t->dot;
	case OUTCOME_QUIT:
		return t->quit;
	case OUTCOME_IDLE:
		return when_idle(set);
	default:
		return t->command;
	}
}

/* Once all of a message has left, who gives up may send it twice: each reply
 * has as long as the last one (with CHUNKING all leaves at once). */
uint64_t
patience_for(const struct relay_session *s, enum outcome_stage stage)
{
	const struct relay_provider *set = s->provider->set;
	uint64_t at = patience_at(set, stage);

	return relay_session_after_dot(s) && at < set->timeouts.dot
	           ? set->timeouts.dot
	           : at;
}

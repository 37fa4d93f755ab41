/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/patience.h"

#include "postern/relay/relay.h"

#include "relay/provider.h"
#include "relay/relay_session.h"

/* Once all of a message has left, who gives up may send it twice: each reply
 * has as long as the last one (with CHUNKING all leaves at once). */
uint64_t
patience_for(const struct relay_session *s, enum outcome_stage stage)
{
	const struct relay_provider *set = s->provider->set;
	uint64_t at = relay_provider_patience(set, stage);

	return relay_session_after_dot(s) && at < set->timeouts.dot
	           ? set->timeouts.dot
	           : at;
}

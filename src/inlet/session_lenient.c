/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_lenient.h"

#include "postern/base/mem.h"

#include "inlet/generation.h"
#include "inlet/inlet_core.h"
#include "inlet/session_state.h"

uint32_t
session_lenient_words(const struct inlet_session *s)
{
	const struct inlet_listener *l = s->listener;

	if (l->lenient_networks == NULL ||
	    generation_has(
	        s->generation, s->door, GENERATION_LENIENT, &s->peer))
		return l->lenient;
	return 0;
}

static unsigned
place_of(enum inlet_lenient what)
{
	unsigned i = 0;

	while (1u << i != (unsigned)what)
		i++;
	return i;
}

void
session_lenient_used(struct inlet_session *s, enum inlet_lenient what)
{
	if (s->lenient_uses == NULL)
		s->lenient_uses =
		    mem_array(INLET_LENIENTS, sizeof *s->lenient_uses);
	s->lenient_uses[place_of(what)]++;
	stat_add(&s->in->counters.lenient, 1);
}

void
session_lenient_log(const struct inlet_session *s)
{
	static const char *const words[INLET_LENIENTS] = { "bare_newline",
		"space_after_colon", "no_brackets", "helo_syntax", "old_tls",
		"clear_auth", "any_auth" };
	struct log_line l;

	if (s->lenient_uses == NULL)
		return;
	log_begin(&l, &inlet_events[INLET_LENIENT_USED], 0, s->id);
	log_cstr(&l, "listener", s->listener->name);
	log_cstr(&l, "client", s->client);
	if (s->helo != NULL)
		log_cstr(&l, "helo", s->helo);
	for (size_t i = 0; i < INLET_LENIENTS; i++) {
		if (s->lenient_uses[i] > 0)
			log_num(&l, words[i], s->lenient_uses[i]);
	}
	log_end(&l);
}

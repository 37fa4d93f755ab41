/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/choice_row.h"

#include "postern/relay/relay_choice.h"

#include "admin/control_call.h"

static json_t *
candidate(const struct relay_choice_candidate *c)
{
	json_t *j = json_pack("{so ss ss* ss* sb}", "name",
	    control_call_text(c->name), "state", c->state, "why", c->why,
	    "lacks", c->lacks, "pick", c->is_pick);

	if (c->for_ms != UINT64_MAX)
		json_object_set_new(
		    j, "for_ms", json_integer((json_int_t)c->for_ms));
	return j;
}

void
choice_row_add(json_t *row, const struct relay_choice *c)
{
	json_t *all = json_array();

	for (size_t i = 0; i < c->n; i++)
		json_array_append_new(all, candidate(&c->candidates[i]));
	json_object_set_new(row, "candidates", all);
	if (c->balance != NULL)
		json_object_set_new(row, "balance", json_string(c->balance));
}

void
choice_row_add_pick(json_t *row, const struct relay_choice *c)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->candidates[i].is_pick)
			json_object_set_new(row, "provider",
			    control_call_text(c->candidates[i].name));
	}
}

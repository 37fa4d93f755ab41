/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/duty.h"

/* After a long time without a look nobody knows when it was that mail moved;
 * the next look tells whether it still does. */
void
duty_took(struct duty *d, const struct duty_look *l)
{
	uint64_t took = l->end_us - l->begin_us, rest = took * l->rests;

	if (d->seen_us != 0 && l->begin_us - d->seen_us < DUTY_QUIET_US &&
	    l->commits != d->commits)
		d->moved_us = l->end_us;
	d->commits = l->commits;
	d->seen_us = l->end_us;
	if (took > l->worked_us + DUTY_STARVED_US)
		d->starved_us = l->end_us;
	d->rest_us = rest < DUTY_REST_MAX_US ? rest : DUTY_REST_MAX_US;
}

uint64_t
duty_next_us(const struct duty *d)
{
	bool moves =
	    d->moved_us != 0 && d->seen_us - d->moved_us < DUTY_QUIET_US;

	return d->seen_us + (moves ? d->rest_us : 0);
}

bool
duty_may_idle(const struct duty *d, uint64_t now_us)
{
	bool is_fed =
	    d->starved_us == 0 || now_us - d->starved_us >= DUTY_FED_US;

	return d->seen_us != 0 && is_fed;
}

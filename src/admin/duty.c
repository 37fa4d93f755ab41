/* SPDX-License-Identifier: Apache-2.0 */
#include "admin/duty.h"

/* After a long time without a look nobody knows when it was that mail moved;
 * the next look tells whether it still does. */
void
duty_took(struct duty *d, uint64_t begin_us, uint64_t end_us, uint64_t commits)
{
	uint64_t since = begin_us - d->seen_us;

	if (d->seen_us != 0 && since < DUTY_QUIET_US && commits != d->commits)
		d->moved_us = end_us;
	d->commits = commits;
	d->seen_us = end_us;
	d->took_us = end_us - begin_us;
}

uint64_t
duty_next_us(const struct duty *d)
{
	uint64_t rest = d->took_us * DUTY_RESTS;

	if (d->moved_us == 0 || d->seen_us - d->moved_us >= DUTY_QUIET_US)
		return d->seen_us;
	return d->seen_us + (rest < DUTY_REST_MAX_US ? rest : DUTY_REST_MAX_US);
}

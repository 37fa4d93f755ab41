/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/admin/stats.h"

#include "postern/inlet/inlet.h"

uint64_t
stats_sum(const struct stats_source *s, size_t at)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->ninlets; i++) {
		const struct inlet_counters *c = inlet_counters(s->inlets[i]);

		n += stat_get((const void *)((const char *)c + at));
	}
	return n;
}

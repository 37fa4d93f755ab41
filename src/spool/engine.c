/* SPDX-License-Identifier: Apache-2.0 */
#include "spool/engine.h"

#include "postern/spool/body.h"

/* Reception keeps a quarter of the memory for itself. */
bool
engine_memory_keep(struct spool *sp, struct envelope *env)
{
	size_t len = body_str(env->body).len;
	uint64_t max = engine_limit(&sp->limits.memory_max);
	uint64_t used = atomic_load_explicit(&sp->memory, memory_order_relaxed);

	if (used > max / 4 * 3)
		return false;
	if (body_charged(env->body))
		return true;
	if (!spool_memory_take(sp, len))
		return false;
	spool_memory_own(sp, env->body, len);
	return true;
}

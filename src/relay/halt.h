/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/halt - an operator has paused a provider: nothing is asked of it until
 * a time, or until the operator resumes it, whatever restarts and reloads are
 * between.
 */
#ifndef RELAY_HALT_H
#define RELAY_HALT_H

#include <stdbool.h>
#include <stdint.h>

struct provider;

struct halt {
	uint64_t until_ms; /* 0: it is not paused; UINT64_MAX: no end */
	uint32_t uid;      /* whose will it is */
	int64_t since_ms;  /* wall clock */
};

bool halt_is_over(const struct halt *h, uint64_t now_ms);
/* for_ms 0: without an end.  What is in a transaction comes to its end; what
 * waits goes another way. */
void halt_begin(struct provider *p, uint64_t for_ms, uint32_t uid);
/* It may be asked at once: the pause goes, and so does what the provider itself
 * has put in the way, but for what its rates allow.  Whether it refuses
 * everybody is still known: else it would bounce mail anew. */
void halt_end(struct provider *p, uint32_t uid);
/* The provider's next generation; a provider after a restart. */
void halt_inherit(struct provider *p, const struct provider *old);
void halt_recall(struct provider *p, const struct halt *h);

#endif

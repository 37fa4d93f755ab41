/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/tempo - how fast a provider is used within its windows: slower while it
 * says so, or while more was sent than soft_rate; and its level (level.h).
 */
#ifndef RELAY_TEMPO_H
#define RELAY_TEMPO_H

#include <stdbool.h>
#include <stdint.h>

#include "relay/adapt.h"
#include "relay/level.h"

struct provider;
struct throttle;

struct tempo {
	struct adapt adapt;
	struct throttle *soft;  /* owned: the log of soft_rate, or NULL */
	uint64_t soft_until_ms; /* more was sent than that */
	uint64_t said_until_ms; /* it said "slower" */
	double next_ms;         /* the pace of a soft rate that was passed */
	struct level level;
};

void tempo_init(struct provider *p);  /* by its settings */
void tempo_renew(struct provider *p); /* by other ones: it goes on */
void tempo_done(struct provider *p);
/* What was learned about the same account. */
void tempo_inherit(struct provider *p, struct provider *old);
/* 0: a message may start; else when to ask again. */
uint64_t tempo_when(struct provider *p);
/* A window that was found out is full until then; 0: none is. */
uint64_t tempo_full_until(struct provider *p);
void tempo_sent(struct provider *p, uint32_t nrcpts);
void tempo_took(struct provider *p);
/* It said "slower"; true: only time helps. */
bool tempo_refused(struct provider *p);
/* So much of it, where it has done so for long; else 0. */
uint64_t tempo_pause_ms(const struct provider *p);
void tempo_look(struct provider *p); /* what is its level now? */

#endif

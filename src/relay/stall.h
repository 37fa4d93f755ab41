/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/stall - a provider that says nothing any more: sessions wait for it,
 * and nothing at all has come for max(5 s, eight times what its slowest reply
 * usually takes).  Then mail goes another way, long before the timeouts of SMTP
 * are over, and an empty session tells when it is back.  relay.md 5.4.
 */
#ifndef RELAY_STALL_H
#define RELAY_STALL_H

#include <stdint.h>

struct provider;
struct timer;

enum stall_kind { STALL_LOGIN, STALL_MESSAGE, STALL_KINDS };

struct stall {
	uint64_t heard_ms; /* when anything last came */
	uint64_t
	    slow_x8[STALL_KINDS]; /* mean of the slowest replies; 0: none */
	uint64_t look_ms;         /* when the timer is to run */
	struct timer *timer;      /* owned */
};

void stall_init(struct stall *t, struct provider *p);
void stall_done(struct stall *t);
void stall_heard(struct stall *t, uint64_t now_ms);
/* The slowest reply of a login, or of a transaction, took so long. */
void stall_learn(struct stall *t, enum stall_kind kind, uint64_t ms);
uint64_t stall_limit_ms(const struct stall *t, enum stall_kind kind);
/* A session of p waits for something. */
void stall_watch(struct provider *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/turns - providers that share a limit take turns: who was served least
 * recently is first, be it for a slot of a rate or for a connection.
 */
#ifndef RELAY_TURNS_H
#define RELAY_TURNS_H

#include <stdbool.h>
#include <stdint.h>

struct provider;
struct relay_session;

void turns_join(struct provider *p); /* the last, until it leaves */
void turns_leave(struct provider *p);
void turns_served(struct provider *p); /* a transaction, or a session, starts */
/* Has the session been its provider's for long enough, while another one has
 * mail, or is to be probed, but has no session, because of a limit that both
 * share? */
bool turns_is_over(const struct relay_session *s);
/* Such a one has another's session go that does nothing, or a probe that takes
 * too long. */
void turns_ask(struct provider *p);
/* When to ask whether p's probe, or its session that was not used yet, is there
 * for too long; 0: there is none. */
uint64_t turns_wake_ms(const struct provider *p);
/* A probe has failed: how long the connection that it took is others'; 0: they
 * did not want it. */
uint64_t turns_rest_ms(struct provider *p);
struct turns_rest {
	uint64_t took_ms; /* the probe */
	uint64_t ndown;   /* providers that share the connections */
	uint64_t nconns;  /* at least 1 */
};
/* All that are down take a tenth of the connections' time together; up to a
 * half, where one would rest for more than an hour else.  Pure. */
uint64_t turns_rest_for_ms(const struct turns_rest *t);
/* Where connections are shared: would a session have something to do? */
bool turns_may_open(struct provider *p);

#endif

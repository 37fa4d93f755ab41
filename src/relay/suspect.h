/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/suspect - remembers which messages have cost sessions: whether that was
 * the message's fault or the provider's nobody can tell at once.  Where other
 * mail gets through meanwhile, it is the message's; where nothing does, one
 * that does it again and again must at least not be the only one that is tried.
 * Bounded: the oldest is forgotten first.  Pure.
 */
#ifndef RELAY_SUSPECT_H
#define RELAY_SUSPECT_H

#include <stdbool.h>
#include <stdint.h>

#define SUSPECT_LOSSES 3 /* sessions, and it counts as an attempt */
#define SUSPECT_ROUNDS 3 /* so many, then it waits, or is held */

struct suspect;

struct suspect *suspect_new(void);
void suspect_free(struct suspect **s);
/* A session was lost with it in hand; other mail was last taken there at ok_ms
 * (0: never).  true: it is the message. */
bool suspect_lost(struct suspect *s, uint64_t mid, uint16_t n, uint64_t now_ms,
    uint64_t ok_ms);
/* One more round was the message's doing; so many there have been. */
uint32_t suspect_blame(struct suspect *s, uint64_t mid, uint16_t n);
/* One more round in which nobody can tell; so many there have been. */
uint32_t suspect_note(struct suspect *s, uint64_t mid, uint16_t n);
/* Somebody lets it try again: it has done nothing yet. */
void suspect_forget(struct suspect *s, uint64_t mid, uint16_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/suspect - remembers which messages have cost a session, and in how many
 * rounds: whether that was the message's fault or the provider's nobody can
 * tell at once, but one that does it again and again must not be the only one
 * that is tried.  Bounded: the oldest is forgotten first.
 */
#ifndef RELAY_SUSPECT_H
#define RELAY_SUSPECT_H

#include <stdint.h>

#define SUSPECT_ROUNDS 3 /* so many, then it waits by the schedule */

struct suspect;

struct suspect *suspect_new(void);
void suspect_free(struct suspect **s);
/* One more round; so many there have been. */
uint32_t suspect_note(struct suspect *s, uint64_t mid, uint16_t n);

#endif

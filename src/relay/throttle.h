/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/throttle - may one more transaction start now?  Several windows at
 * once, each of so many messages or recipients in a time: a log of what was
 * started, kept as long as it counts.  In no stretch of a window's length does
 * the provider count more than the window allows.  Pure: the time is handed in
 * (any clock of ms that never steps back; more than a window's length above 0
 * from the start).  relay.md 5.1.
 *
 * Never more than n in W, why: a slot is taken at s, the provider counts it at
 * c and answers at r; what lies between s and c varies no more than what lies
 * between s and r does.  Let m be the least of r - s, and g (the guard) how
 * much the others are above it, so that r <= s + m + g: one that is answered
 * later is logged as if it had started at r - m - g, and one that has not been
 * answered by s + m + g counts as started now, until it is.  (Where m + g gets
 * less, the greatest holds until what was measured by it has left the window.)
 * A slot is given
 * at s' only if the n-th before it, logged at s, has s + W + g <= s'.  So the
 * new one is counted at c' >= s' + (m - k), and the old one was at
 * c <= s + m + g - k, where k is the part of the way that comes after
 * counting: c' - c >= s' - s - g >= W.  A provider may become faster than it
 * was when m was measured: the guard is longer by m, or W / 200 where
 * that is less.  So where m is no more than that (each window of 40 s or more,
 * with replies after 200 ms) nothing is presumed but r >= c >= s; in a shorter
 * one that a provider does not become faster by more from one message to the
 * next: what is sent until the first reply has told of it, a quarter of the
 * window's at most, may then be over.
 */
#ifndef RELAY_THROTTLE_H
#define RELAY_THROTTLE_H

#include <stddef.h>
#include <stdint.h>

struct rate;
struct throttle;
struct throttle_slot; /* one transaction, from MAIL to its reply */

struct throttle *throttle_new(
    const struct rate *rates, size_t n, uint64_t now_ms);
void throttle_free(struct throttle **t); /* and the slots not yet answered */
/* Other windows; what was logged is carried over. */
void throttle_change(
    struct throttle *t, const struct rate *rates, size_t n, uint64_t now_ms);
/* Wall clock = the time handed in + so much: for fixed resets. */
void throttle_set_wall(struct throttle *t, int64_t ahead_ms);

/* 0: a transaction of so many recipients may start; else when to ask again,
 * if no reply comes before. */
uint64_t throttle_when(struct throttle *t, uint64_t now_ms, uint32_t nrcpts);
/* The same by the windows alone: not because a full one is not fired at once.
 */
uint64_t throttle_full_until(
    struct throttle *t, uint64_t now_ms, uint32_t nrcpts);
/* It starts, whatever throttle_when() says. */
struct throttle_slot *throttle_take(
    struct throttle *t, uint64_t now_ms, uint32_t nrcpts);
/* The provider has answered it where it counts; the slot is gone. */
void throttle_replied(struct throttle_slot **slot, uint64_t now_ms);
/* It ended otherwise, and may have been counted; the slot is gone. */
void throttle_ended(struct throttle_slot **slot, uint64_t now_ms);
/* The provider cannot have counted it; the slot is gone. */
void throttle_give_back(struct throttle_slot **slot);

/* Known from before: so many of the i-th window's unit, at that time. */
void throttle_add(struct throttle *t, size_t i, uint64_t at_ms, uint64_t count);
/* What counts in the i-th window now, in its unit. */
uint64_t throttle_used(struct throttle *t, size_t i, uint64_t now_ms);
/* The most recipients that a transaction can have; 0: no bound. */
uint32_t throttle_rcpts(const struct throttle *t);
uint64_t throttle_guard_ms(const struct throttle *t); /* of a long window */
/* So long after its start a transaction is counted at the latest, mostly. */
uint64_t throttle_due_ms(const struct throttle *t);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/review - what a verdict becomes in the light of other messages: POISON
 * and STRANGE (relay.md section 3).
 */
#ifndef RELAY_REVIEW_H
#define RELAY_REVIEW_H

#include <stdbool.h>

struct delivery;
struct outcome;
struct relay_session;
struct verdict;

/* Did the delivery cost a session, in its own transaction? */
bool review_is_loss(const struct verdict *v, const struct outcome *o);
/* Nobody was accepted, and each recipient has a verdict of its own: other than
 * a session that was lost while they were asked. */
bool review_is_of_recipients(const struct outcome *o);
/* At the end of a transaction of d on s. */
void review_verdict(struct verdict *v, const struct delivery *d,
    const struct relay_session *s, const struct outcome *o);

#endif

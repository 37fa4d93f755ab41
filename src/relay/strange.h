/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/strange - does a provider refuse everybody?  A suspension in words that
 * no rule knows looks like many bad messages, one after the other; ten in a
 * row, from several senders, are not the messages' doing.  Nor are ten in a row
 * all of whose recipients are to come later the recipients'.  Pure.
 */
#ifndef RELAY_STRANGE_H
#define RELAY_STRANGE_H

#include <stdbool.h>
#include <stdint.h>

#define STRANGE_ROW 10    /* refusals in a row, in unknown words */
#define STRANGE_SENDERS 3 /* from so many: not one sender's content */

struct strange {
	uint32_t row;
	uint32_t nsenders;
	uint32_t sender[STRANGE_SENDERS]; /* hashes */
	uint32_t later;                   /* messages without a recipient */
};

/* A message was taken: it does not. */
void strange_clear(struct strange *s);
/* One more was refused in unknown words.  true: this is no message's fault. */
bool strange_note(struct strange *s, uint32_t sender);
/* One more had all its recipients refused for now.  true: likewise. */
bool strange_note_later(struct strange *s);
/* It was known to refuse everybody: one more is enough. */
void strange_recall(struct strange *s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/strange - does a provider refuse everybody?  A suspension in words that
 * no rule knows looks like many bad messages, one after the other; ten in a
 * row, from several senders, are not the messages' doing.  Nor are ten in a row
 * all of whose recipients are to come later the recipients'.  Once that is
 * suspected nothing of the kind is believed until a message is taken, and three
 * are enough to have the provider rest again: not one, which may be a bad
 * message, and would be what each rest ends with.  Pure.
 */
#ifndef RELAY_STRANGE_H
#define RELAY_STRANGE_H

#include <stdbool.h>
#include <stdint.h>

#define STRANGE_ROW 10    /* refusals in a row, in unknown words */
#define STRANGE_SENDERS 3 /* from so many: not one sender's content */
#define STRANGE_AGAIN 3   /* the row of one that is suspected */

enum strange_result {
	STRANGE_NOT,
	STRANGE_PERHAPS, /* not to be believed */
	STRANGE_IS       /* this is no message's fault */
};

struct strange {
	uint32_t row;
	uint32_t nsenders;
	uint32_t sender[STRANGE_SENDERS]; /* hashes */
	uint32_t later;                   /* messages without a recipient */
	bool is_suspected;
	uint32_t again; /* refusals in a row since it last rested */
};

/* A message was taken: it does not. */
void strange_clear(struct strange *s);
/* One more was refused in unknown words. */
enum strange_result strange_note(struct strange *s, uint32_t sender);
/* One more had all its recipients refused for now.  true: this is no
 * recipient's fault. */
bool strange_note_later(struct strange *s);
/* It was suspected before a restart. */
void strange_recall(struct strange *s);

#endif

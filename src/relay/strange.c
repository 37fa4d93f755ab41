/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/strange.h"

void
strange_clear(struct strange *s)
{
	*s = (struct strange){ 0 };
}

static void
add_sender(struct strange *s, uint32_t sender)
{
	for (uint32_t i = 0; i < s->nsenders; i++) {
		if (s->sender[i] == sender)
			return;
	}
	if (s->nsenders < STRANGE_SENDERS)
		s->sender[s->nsenders++] = sender;
}

enum strange_result
strange_note(struct strange *s, uint32_t sender)
{
	if (s->is_suspected) {
		if (++s->again < STRANGE_AGAIN)
			return STRANGE_PERHAPS;
		s->again = 0;
		return STRANGE_IS;
	}
	if (s->row < STRANGE_ROW)
		s->row++;
	add_sender(s, sender);
	s->is_suspected =
	    s->row == STRANGE_ROW && s->nsenders == STRANGE_SENDERS;
	return s->is_suspected ? STRANGE_IS : STRANGE_NOT;
}

bool
strange_note_later(struct strange *s)
{
	if (s->later < STRANGE_ROW)
		s->later++;
	return s->later == STRANGE_ROW;
}

void
strange_recall(struct strange *s)
{
	s->is_suspected = true;
}

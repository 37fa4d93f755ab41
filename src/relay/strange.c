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

bool
strange_note(struct strange *s, uint32_t sender)
{
	if (s->row < STRANGE_ROW)
		s->row++;
	add_sender(s, sender);
	return s->row == STRANGE_ROW && s->nsenders == STRANGE_SENDERS;
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
	s->row = STRANGE_ROW;
	s->nsenders = STRANGE_SENDERS;
}

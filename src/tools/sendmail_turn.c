/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sendmail_turn.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define CHUNK_MAX (UINT64_C(1) << 40) /* more digits are no size */

void
sendmail_turn_init(struct sendmail_turn *t)
{
	*t = (struct sendmail_turn){ .owed = 1 };
}

/* Octets that follow a line without a reply of their own. */
static uint64_t
chunk_of(const char *line)
{
	uint64_t n = 0;

	if (strncasecmp(line, "BDAT ", 5) != 0)
		return 0;
	for (const char *p = line + 5; isdigit((unsigned char)*p); p++) {
		n = n * 10 + (uint64_t)(*p - '0');
		if (n > CHUNK_MAX)
			return 0;
	}
	return n;
}

static bool
is_data(const char *line)
{
	return strncasecmp(line, "DATA", 4) == 0 &&
	       (line[4] == '\0' || isspace((unsigned char)line[4]));
}

static void
command_ends(struct sendmail_turn *t, bool is_dot)
{
	t->owed++;
	if (t->until_data == 0) {
		t->octets = chunk_of(t->line);
		t->until_data = is_data(t->line) ? t->owed : 0;
		t->is_behind = t->is_dot_behind = false;
		t->after_dot = 0;
		return;
	}
	t->is_behind = true;
	t->after_dot += t->is_dot_behind;
	t->is_unsure |= t->is_dot_behind && is_data(t->line);
	t->is_dot_behind |= is_dot;
}

static void
line_ends(struct sendmail_turn *t)
{
	bool is_dot = strcmp(t->line, ".\r") == 0 || strcmp(t->line, ".") == 0;

	if (!t->is_content) {
		command_ends(t, is_dot);
	} else if (is_dot) {
		t->owed++;
		t->is_content = false;
	}
}

void
sendmail_turn_said(struct sendmail_turn *t, const char *p, size_t n)
{
	for (const char *end = p + n; p < end; p++) {
		if (t->octets > 0) {
			t->octets--;
		} else if (*p == '\n') {
			line_ends(t);
			memset(t->line, 0, sizeof t->line);
			t->n = 0;
		} else if (t->n < sizeof t->line - 1) {
			t->line[t->n++] = *p;
		}
	}
}

/* The last line of a reply has no dash behind its code. */
static void
reply_ends(struct sendmail_turn *t)
{
	if (t->nreply < 3 || (t->nreply > 3 && t->reply[3] == '-'))
		return;
	t->code = 0;
	for (size_t i = 0; i < 3; i++)
		t->code = t->code * 10 + (unsigned)(t->reply[i] - '0') % 10;
	t->is_content = t->code == 354;
	if (t->owed > 0)
		t->owed--;
	if (t->until_data == 0 || --t->until_data > 0 || !t->is_content ||
	    !t->is_behind)
		return;
	t->is_content = !t->is_dot_behind;
	t->owed = t->is_dot_behind ? 1 + t->after_dot : 0;
}

void
sendmail_turn_heard(struct sendmail_turn *t, const char *p, size_t n)
{
	for (const char *end = p + n; p < end; p++) {
		if (*p == '\n') {
			reply_ends(t);
			t->nreply = 0;
		} else if (t->nreply < sizeof t->reply) {
			t->reply[t->nreply++] = *p;
		}
	}
}

bool
sendmail_turn_is_over(const struct sendmail_turn *t)
{
	return t->code == 221 || t->code == 421;
}

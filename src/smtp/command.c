/* SPDX-License-Identifier: Apache-2.0 */
#include "smtp/command.h"

#include <assert.h>
#include <string.h>

void
command_lines_init(struct command_lines *l, size_t line_max)
{
	*l = (struct command_lines){ .line_max = line_max };
	l->auth_max = line_max > COMMAND_AUTH_MAX ? line_max : COMMAND_AUTH_MAX;
	buf_init(&l->held, line_max);
}

void
command_lines_done(struct command_lines *l)
{
	buf_wipe(&l->held);
}

void
command_lines_release(struct command_lines *l)
{
	if (l->handed_out)
		buf_wipe(&l->held);
	l->handed_out = false;
}

/*
 * How many bytes up to and with the first line end, 0: there is none.
 * after_cr: the byte before p was a CR.
 */
static size_t
line_end(struct command_lines *l, bool after_cr, const char *p, size_t n)
{
	const char *from = p, *end = p + n, *lf;

	while (from < end) {
		lf = memchr(from, '\n', (size_t)(end - from));
		if (lf == NULL)
			return 0;
		l->had_bare = lf > p ? lf[-1] != '\r' : !after_cr;
		if (!l->had_bare || l->bare_lf)
			return (size_t)(lf - p) + 1;
		from = lf + 1;
	}
	return 0;
}

static bool
held_after_cr(struct command_lines *l)
{
	return l->held.len > 0 && buf_at(&l->held)[l->held.len - 1] == '\r';
}

/* What the line begins with decides how long it may be. */
static void
set_limit(struct command_lines *l, const char *p, size_t n)
{
	struct str verb = STR("AUTH ");
	char begin[5];
	size_t held = l->held.len < verb.len ? l->held.len : verb.len;
	size_t more = n < verb.len - held ? n : verb.len - held;

	if (held > 0)
		memcpy(begin, buf_at(&l->held), held);
	memcpy(begin + held, p, more);
	l->is_auth = l->answering ||
	             str_starts_case((struct str){ begin, held + more }, verb);
	l->held.max = l->is_auth ? l->auth_max : l->line_max;
}

/* Throws away up to the line's end. */
static enum command_status
skip(struct command_lines *l, const char *p, size_t n, size_t *took)
{
	size_t end = line_end(l, l->after_cr, p, n);

	if (end == 0) {
		if (n > 0)
			l->after_cr = p[n - 1] == '\r';
		*took = n;
		return COMMAND_MORE;
	}
	l->skipping = false;
	*took = end;
	return COMMAND_TOO_LONG;
}

/* The line goes on in the held bytes. */
static enum command_status
hold(struct command_lines *l, const char *p, size_t n, size_t end, size_t *took)
{
	size_t part = end > 0 ? end : n;

	*took = part;
	if (l->is_auth) /* it does not move, and leaves no copy behind */
		(void)buf_room(&l->held, l->held.max - l->held.len);
	if (buf_add(&l->held, p, part) == 0)
		return end > 0 ? COMMAND_LINE : COMMAND_MORE;
	l->after_cr = held_after_cr(l);
	l->skipping = true;
	buf_wipe(&l->held);
	return skip(l, p, n, took);
}

enum command_status
command_lines_next(struct command_lines *l, const char *p, size_t n,
    size_t *took, struct str *line)
{
	enum command_status status;
	size_t end;

	command_lines_release(l);
	*took = 0;
	if (n == 0)
		return COMMAND_MORE;
	if (l->skipping)
		return skip(l, p, n, took);
	set_limit(l, p, n);
	end = line_end(l, held_after_cr(l), p, n);
	if (l->held.len == 0 && end > 0 && end <= l->held.max) {
		*took = end;
		*line = (struct str){ p, end - (l->had_bare ? 1 : 2) };
		return COMMAND_LINE;
	}
	status = hold(l, p, n, end, took);
	if (status != COMMAND_LINE)
		return status;
	*line = (struct str){ buf_at(&l->held),
		l->held.len - (l->had_bare ? 1 : 2) };
	l->handed_out = true;
	return COMMAND_LINE;
}

bool
command_is_dirty(struct str line)
{
	return line.len > 0 && (memchr(line.p, '\r', line.len) != NULL ||
	                           memchr(line.p, '\n', line.len) != NULL ||
	                           memchr(line.p, 0, line.len) != NULL);
}

void
command_split(struct str line, struct str *verb, struct str *argument)
{
	const char *sp;

	while (line.len > 0 &&
	       (line.p[line.len - 1] == ' ' || line.p[line.len - 1] == '\t'))
		line.len--;
	sp = line.len > 0 ? memchr(line.p, ' ', line.len) : NULL;
	*verb = line;
	*argument = (struct str){ line.p + line.len, 0 };
	if (sp == NULL)
		return;
	verb->len = (size_t)(sp - line.p);
	*argument = str_trim((struct str){ sp, line.len - verb->len });
}

static bool
is_key_char(char c, bool first)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c >= '0' && c <= '9') || (c == '-' && !first);
}

static bool
is_value_char(unsigned char c, bool utf8)
{
	if (c >= 0x80)
		return utf8;
	return c > ' ' && c != '=' && c != 0x7f;
}

int
command_param(struct str *rest, bool utf8, struct command_param *p)
{
	struct str word;
	size_t i = 0;

	while (rest->len > 0 && *rest->p == ' ') {
		rest->p++;
		rest->len--;
	}
	if (rest->len == 0)
		return 0;
	word = str_cut(rest, ' ');
	while (i < word.len && is_key_char(word.p[i], i == 0))
		i++;
	p->key = (struct str){ word.p, i };
	p->has_value = i < word.len && word.p[i] == '=';
	if (i == 0 || (i < word.len && !p->has_value))
		return -1;
	i += p->has_value;
	p->value = (struct str){ word.p + i, word.len - i };
	if (p->has_value && p->value.len == 0)
		return -1;
	for (; i < word.len; i++) {
		if (!is_value_char((unsigned char)word.p[i], utf8))
			return -1;
	}
	return utf8 && !str_utf8_valid(p->value) ? -1 : 1;
}

bool
command_size(struct str s, uint64_t *v)
{
	uint64_t sum = 0;

	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(s.p[i] - '0');

		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
		if (sum > (UINT64_MAX - digit) / 10)
			sum = UINT64_MAX;
		else
			sum = sum * 10 + digit;
	}
	*v = sum;
	return true;
}

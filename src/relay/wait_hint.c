/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Try again in 92 seconds", "after 5 minutes", "wait 1 hour", "after Tue, 24
 * Nov 2026 09:31:12 GMT" (RFC 1123), and what operators of some services tell
 * elsewhere.
 */
#include "config.h"
#include "relay/wait_hint.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "postern/base/str.h"

#define SECOND 1000ull
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const char *const before[] = { "in ", "after ", "for ", "wait ",
	"until " };
#define BEFORE (sizeof before / sizeof before[0])

/* Words that stand for a time. */
static const struct {
	const char *text;
	uint64_t ms;
} known[] = {
	{ "[TSS04]", 2 * HOUR }, /* Yahoo: complaints, or too much at once */
};

static struct str
behind(struct str s, size_t n)
{
	return (struct str){ s.p + n, s.len - n };
}

/* Digits, or "a" and "an". */
static bool
take_number(struct str *s, uint64_t *v)
{
	size_t i = 0;

	if (str_starts_case(*s, STR("a ")) || str_starts_case(*s, STR("an "))) {
		*s = behind(*s, s->p[1] == ' ' ? 1 : 2);
		*v = 1;
		return true;
	}
	*v = 0;
	while (i < s->len && s->p[i] >= '0' && s->p[i] <= '9' && *v < 100000000)
		*v = *v * 10 + (uint64_t)(s->p[i++] - '0');
	*s = behind(*s, i);
	return i > 0;
}

/* What the next word is worth, 0: it is no unit of time. */
static uint64_t
unit(struct str s)
{
	static const struct {
		const char *word;
		uint64_t ms;
	} units[] = { { "s", SECOND }, { "sec", SECOND }, { "second", SECOND },
		{ "m", MINUTE }, { "min", MINUTE }, { "minute", MINUTE },
		{ "h", HOUR }, { "hr", HOUR }, { "hour", HOUR },
		{ "day", 24 * HOUR } };
	size_t n = 0;

	while (n < s.len && ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z'))
		n++;
	s.len = n;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		size_t len = strlen(units[i].word);

		if (str_is(s, units[i].word) ||
		    (n == len + 1 && (s.p[len] | 0x20) == 's' &&
		        str_starts_case(s, str_of(units[i].word))))
			return units[i].ms;
	}
	return 0;
}

static uint64_t
of_amount(struct str s)
{
	uint64_t v;

	if (!take_number(&s, &v))
		return 0;
	return v * unit(str_trim(s));
}

/* "+0200" behind the time: seconds to take off; GMT and nothing: 0. */
static int64_t
zone(const char *s)
{
	int64_t v = 0;
	int n = 1;

	while (*s == ' ')
		s++;
	if (*s != '+' && *s != '-')
		return 0;
	for (; n <= 4 && s[n] >= '0' && s[n] <= '9'; n++)
		v = v * 10 + (s[n] - '0');
	if (n != 5)
		return 0;
	v = (v / 100) * 3600 + (v % 100) * 60;
	return *s == '-' ? -v : v;
}

static uint64_t
of_date(const char *s, int64_t now_ms)
{
	static const char *const form[] = { "%a, %d %b %Y %H:%M:%S",
		"%d %b %Y %H:%M:%S" };

	for (size_t i = 0; i < sizeof form / sizeof form[0]; i++) {
		struct tm tm = { 0 };
		const char *end = strptime(s, form[i], &tm);
		int64_t then;

		if (!end)
			continue;
		then = ((int64_t)timegm(&tm) - zone(end)) * 1000;
		return then > now_ms ? (uint64_t)(then - now_ms) : 0;
	}
	return 0;
}

/* "500 messages in 24 hours", "idle for 300 seconds": how long something was,
 * or is allowed, not how long to wait. */
static bool
is_span(const char *text, size_t at)
{
	static const char *const words[] = { "message", "messages", "mail",
		"mails", "email", "emails", "recipient", "recipients",
		"connection", "connections", "request", "requests", "attempt",
		"attempts", "sent", "idle", "inactive", "inactivity",
		"activity", "timeout", "out", "data", "input", "command",
		"commands", "limit" };
	struct str s = str_trim((struct str){ text, at });
	size_t n = 0;

	while (n < s.len && ((s.p[s.len - n - 1] | 0x20) >= 'a' &&
	                        (s.p[s.len - n - 1] | 0x20) <= 'z'))
		n++;
	if (n == 0)
		return s.len > 0 &&
		       (s.p[s.len - 1] == ')' ||
		           (s.p[s.len - 1] >= '0' && s.p[s.len - 1] <= '9'));
	s = behind(s, s.len - n);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (str_is(s, words[i]))
			return true;
	}
	return false;
}

/* A word that leads to a time begins there. */
static bool
begins(const char *text, size_t at)
{
	return at == 0 || text[at - 1] == ' ' || text[at - 1] == '(' ||
	       text[at - 1] == ',' || text[at - 1] == '.';
}

static uint64_t
at_word(const char *text, size_t at, int64_t now_ms)
{
	struct str s = behind(str_of(text), at);

	for (size_t i = 0; i < BEFORE; i++) {
		size_t n = strlen(before[i]);
		uint64_t ms;

		if (!str_starts_case(s, str_of(before[i])))
			continue;
		ms = of_amount(behind(s, n));
		return ms > 0 ? ms : of_date(s.p + n, now_ms);
	}
	return 0;
}

uint64_t
wait_hint_ms(const char *text, int64_t now_ms)
{
	uint64_t ms = 0;

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (str_has_case(str_of(text), str_of(known[i].text)))
			ms = known[i].ms;
	}
	for (size_t at = 0; text[at] != '\0' && ms == 0; at++) {
		if (begins(text, at) && !is_span(text, at))
			ms = at_word(text, at, now_ms);
	}
	return ms < WAIT_HINT_MAX_MS ? ms : WAIT_HINT_MAX_MS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/mail/rate.h"

#include <string.h>

#define DIGITS_MAX 18 /* so that no number wraps */

static const struct {
	const char *name;
	uint64_t ms;
} periods[] = {
	{ "s", 1000 },
	{ "min", 60 * 1000 },
	{ "m", 60 * 1000 },
	{ "hour", 3600 * 1000 },
	{ "h", 3600 * 1000 },
	{ "day", 86400 * 1000 },
	{ "d", 86400 * 1000 },
};

/* Takes the digits at the front; false: there are none, or far too many. */
static bool
take_number(struct str *s, uint64_t *v)
{
	struct str digits = { s->p, 0 };

	while (digits.len < s->len && s->p[digits.len] >= '0' &&
	       s->p[digits.len] <= '9')
		digits.len++;
	s->p += digits.len;
	s->len -= digits.len;
	return digits.len <= DIGITS_MAX && str_u64(digits, v);
}

static bool
find_period(struct str name, uint64_t *ms)
{
	for (size_t i = 0; i < sizeof periods / sizeof periods[0]; i++) {
		if (!str_is(name, periods[i].name))
			continue;
		*ms = periods[i].ms;
		return true;
	}
	return false;
}

/* "s", "min", "8s"; false: it is none.  A time that is too long is 0. */
static bool
parse_period(struct str s, uint64_t *ms)
{
	uint64_t n = 1, unit;

	if (s.len > 0 && s.p[0] >= '0' && s.p[0] <= '9' && !take_number(&s, &n))
		return false;
	if (!find_period(s, &unit))
		return false;
	*ms = n <= RATE_PERIOD_MAX_MS / unit ? n * unit : 0;
	return true;
}

static bool
parse_of(struct str s, enum rate_of *of)
{
	static const char *const words[] = { [RATE_MESSAGES] = "msg",
		[RATE_RECIPIENTS] = "rcpt",
		[RATE_LOGINS] = "login" };

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		if (!str_is(s, words[i]))
			continue;
		*of = (enum rate_of)i;
		return true;
	}
	return false;
}

/* "00:00Z", of a day. */
static bool
parse_reset(struct str s, struct rate *r)
{
	uint64_t hour, minute;
	struct str rest = s, h = str_cut(&rest, ':');

	if (h.len != 2 || rest.len != 3 || rest.p[2] != 'Z' ||
	    !str_u64(h, &hour) ||
	    !str_u64((struct str){ rest.p, 2 }, &minute) || hour > 23 ||
	    minute > 59)
		return false;
	r->is_fixed = true;
	r->reset_ms = (uint32_t)(hour * 60 + minute) * 60 * 1000;
	return true;
}

/* What is asked for: logins, or messages and recipients. */
static int
no_rate(const char *shown, bool logins, struct err *err)
{
	if (logins)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no rate of logins; write one such as "
		    "\"10 login/10min\" or \"1000 login/hour\" (s, min, hour, "
		    "day)",
		    shown);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no rate; write one such as \"14 msg/s\", "
	    "\"500 rcpt/min\" or \"40 msg/8s\" (s, min, hour, day)",
	    shown);
}

/* In front of the @. */
static int
parse_plain(struct rate *r, struct str text, const char *shown, bool logins,
    struct err *err)
{
	struct rate got = { 0 };
	uint64_t count;

	if (!take_number(&text, &count) ||
	    !parse_of(str_trim(str_cut(&text, '/')), &got.of) ||
	    (got.of == RATE_LOGINS) != logins ||
	    !parse_period(str_trim(text), &got.period_ms))
		return no_rate(shown, logins, err);
	if (count == 0 || count > RATE_COUNT_MAX)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is out of range; write 1 to %u in front", shown,
		    RATE_COUNT_MAX);
	if (got.period_ms == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is out of range; write a time of 1s to 30day "
		    "behind "
		    "the slash",
		    shown);
	got.count = (uint32_t)count;
	*r = got;
	return 0;
}

int
rate_parse_logins(struct rate *r, struct str text, struct err *err)
{
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	return parse_plain(r, text, shown, true, err);
}

int
rate_parse(struct rate *r, struct str text, struct err *err)
{
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	if (memchr(text.p, '@', text.len) != NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has a fixed reset, which is not possible here; "
		    "write it without what follows the @",
		    shown);
	return parse_plain(r, text, shown, false, err);
}

int
rate_parse_quota(struct rate *r, struct str text, struct err *err)
{
	struct str rest = text, front = str_cut(&rest, '@');
	struct rate got;
	char shown[64];

	(void)str_escape(shown, sizeof shown, text);
	if (parse_plain(&got, front, shown, false, err) < 0)
		return -1;
	if (front.len < text.len && got.period_ms != RATE_DAY_MS)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" starts anew at a time of the day, so it is of a "
		    "day; write one such as \"50000 rcpt/day@00:00Z\"",
		    shown);
	if (front.len < text.len && !parse_reset(rest, &got))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has no time of the day; write it in UTC, such as "
		    "\"50000 rcpt/day@00:00Z\"",
		    shown);
	*r = got;
	return 0;
}

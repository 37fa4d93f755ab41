/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_value.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "postern/base/clock.h"

#include "conf/conf_arena.h"

#define HOSTNAME_MAX 254
#define DURATION_MAX (UINT64_C(3650) * 86400 * 1000)

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest first: the order in which they are tried for showing. */
static const struct unit durations[] = { { "d", 86400000 }, { "h", 3600000 },
	{ "m", 60000 }, { "s", 1000 }, { "ms", 1 } };
static const struct unit sizes[] = { { "T", UINT64_C(1) << 40 },
	{ "G", UINT64_C(1) << 30 }, { "M", UINT64_C(1) << 20 },
	{ "K", UINT64_C(1) << 10 }, { "", 1 } };

/* What was written, for a message: escaped, and cut where it is long. */
#define SHOWN(s) shown((s), (char[64]){ 0 })
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *
shown(struct str s, char out[64])
{
	(void)str_escape(out, 64, s);
	return out;
}

/* Takes the digits at the front: how many, 0 when there are none; *v is
 * UINT64_MAX when they do not fit. */
static size_t
take_digits(struct str *s, uint64_t *v)
{
	size_t n = 0;

	*v = 0;
	while (n < s->len && s->p[n] >= '0' && s->p[n] <= '9') {
		uint64_t d = (uint64_t)(s->p[n] - '0');

		*v = *v > (UINT64_MAX - d) / 10 ? UINT64_MAX : *v * 10 + d;
		n++;
	}
	s->p += n;
	s->len -= n;
	return n;
}

static const struct unit *
find_unit(const struct unit *units, size_t n, struct str name)
{
	for (size_t i = 0; i < n; i++) {
		if (str_eq_case(name, str_of(units[i].name)))
			return &units[i];
	}
	return NULL;
}

int
conf_value_duration(struct str s, uint64_t *ms, struct err *err)
{
	struct str rest = s;
	const struct unit *u;
	uint64_t v;

	if (take_digits(&rest, &v) == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no duration; write a number with its unit, "
		    "such as \"30s\" (ms, s, m, h, d)",
		    SHOWN(s));
	if (rest.len == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" has no unit; write it with one, such as "
		    "\"%ss\" (ms, s, m, h, d)",
		    SHOWN(s), SHOWN(s));
	u = find_unit(durations, COUNT(durations), rest);
	if (u == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no unit of time; write ms, s, m, h or d behind "
		    "a whole number",
		    SHOWN(rest));
	if (v > DURATION_MAX / u->factor)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is too long; write at most \"3650d\"", SHOWN(s));
	*ms = v * u->factor;
	return 0;
}

int
conf_value_size(struct str s, uint64_t *bytes, struct err *err)
{
	struct str rest = s;
	const struct unit *u;
	uint64_t v;

	if (take_digits(&rest, &v) == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no size; write a number with its unit, such "
		    "as \"25M\" (K, M, G, T)",
		    SHOWN(s));
	if (rest.len == 3 &&
	    str_eq_case((struct str){ rest.p + 1, 2 }, STR("iB")))
		rest.len = 1;
	u = find_unit(sizes, COUNT(sizes), rest);
	if (u == NULL)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no unit of size; write K, M, G or T (powers of "
		    "1024) behind a whole number",
		    SHOWN(rest));
	if (v > (uint64_t)INT64_MAX / u->factor)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is too large; write less than \"8388608T\"",
		    SHOWN(s));
	*bytes = v * u->factor;
	return 0;
}

static void
show(const struct unit *units, size_t n, uint64_t v, char *out)
{
	size_t i = 0;

	while (i + 1 < n && (v == 0 || v % units[i].factor != 0))
		i++;
	(void)snprintf(out, CONF_VALUE_SHOWN, "%" PRIu64 "%s",
	    v / units[i].factor, units[i].name);
}

void
conf_value_show_duration(uint64_t ms, char out[CONF_VALUE_SHOWN])
{
	if (ms == 0)
		(void)snprintf(out, CONF_VALUE_SHOWN, "0s");
	else
		show(durations, COUNT(durations), ms, out);
}

void
conf_value_show_size(uint64_t bytes, char out[CONF_VALUE_SHOWN])
{
	show(sizes, COUNT(sizes), bytes, out);
}

/* A numeric address: its family and bytes; 0 when it is none. */
static int
take_ip(struct str s, unsigned char raw[16])
{
	char text[INET6_ADDRSTRLEN + 1];

	if (s.len == 0 || s.len >= sizeof text ||
	    memchr(s.p, '\0', s.len) != NULL)
		return 0;
	memcpy(text, s.p, s.len);
	text[s.len] = '\0';
	if (inet_pton(AF_INET, text, raw) == 1)
		return AF_INET;
	return inet_pton(AF_INET6, text, raw) == 1 ? AF_INET6 : 0;
}

/* Clears the bits below the mask; were there any? */
static bool
clear_below(unsigned char *raw, unsigned bytes, unsigned bits)
{
	bool any = false;

	for (unsigned i = 0; i < bytes; i++) {
		unsigned keep = bits > i * 8 ? bits - i * 8 : 0;
		unsigned mask = keep >= 8 ? 0xff : 0xff & ~(0xffu >> keep);

		any = any || (raw[i] & ~mask & 0xff) != 0;
		raw[i] = (unsigned char)(raw[i] & mask);
	}
	return any;
}

int
conf_value_network(struct str s, struct err *err)
{
	unsigned char raw[16];
	struct str rest = s, host = str_cut(&rest, '/');
	char text[INET6_ADDRSTRLEN];
	bool slash = host.len < s.len;
	int family = take_ip(host, raw);
	unsigned bytes = family == AF_INET ? 4 : 16;
	uint64_t bits = bytes * 8;

	if (family == 0)
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no network; write one such as \"10.0.0.0/8\" "
		    "or \"2001:db8::/32\"",
		    SHOWN(s));
	if (slash && (!str_u64(rest, &bits) || bits > bytes * 8))
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is no length of a prefix; write 0 to %u behind "
		    "the slash",
		    SHOWN(rest), bytes * 8);
	if (!clear_below(raw, bytes, (unsigned)bits))
		return 0;
	(void)inet_ntop(family, raw, text, sizeof text);
	return err_set(err, ERR_CONFIG,
	    "\"%s\" has bits below its mask; write \"%s/%u\"", SHOWN(s), text,
	    (unsigned)bits);
}

int
conf_value_ip(struct str s, struct err *err)
{
	unsigned char raw[16];

	if (take_ip(s, raw) != 0)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no numeric address; write one such as \"192.0.2.1\" "
	    "or \"2001:db8::1\", without a port",
	    SHOWN(s));
}

static bool
is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9');
}

/* Labels of letters, digits, '-' and '_', 1 to 63 each, 253 in all. */
static bool
is_domain(struct str s)
{
	if (s.len == 0 || s.len > 253)
		return false;
	for (size_t i = 0, label = 0; i <= s.len; i++) {
		if (i < s.len && s.p[i] != '.') {
			if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
				return false;
			label++;
			continue;
		}
		if (label == 0 || label > 63)
			return false;
		label = 0;
	}
	return s.p[0] != '-';
}

int
conf_value_host(struct str s, struct err *err)
{
	unsigned char raw[16];

	if (take_ip(s, raw) != 0 || is_domain(s))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no host; write a name such as \"smtp.example.com\" or "
	    "a numeric address, without a port",
	    SHOWN(s));
}

const char *
conf_value_own_host(struct conf_arena *a)
{
	char name[HOSTNAME_MAX + 1] = "";
	struct err err;

	if (gethostname(name, HOSTNAME_MAX) != 0 ||
	    conf_value_host(str_of(name), &err) != 0)
		return "localhost";
	return conf_arena_str(a, name);
}

int
conf_value_name(struct str s, struct err *err)
{
	bool good = s.len > 0 && s.len <= 63 && is_alnum(s.p[0]);

	for (size_t i = 0; good && i < s.len; i++)
		good = is_alnum(s.p[i]) || strchr("-_.", s.p[i]) != NULL;
	if (good)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no name; write 1 to 63 letters, digits, '-', '_', '.'",
	    SHOWN(s));
}

int
conf_value_mail(struct str s, struct err *err)
{
	struct str domain = s, local = str_cut(&domain, '@');
	bool good = local.len > 0 && local.len <= 64 && is_domain(domain);

	for (size_t i = 0; good && i < local.len; i++)
		good = local.p[i] > ' ' && local.p[i] < 0x7f &&
		       strchr("\"\\<>()[],;:@", local.p[i]) == NULL;
	if (good)
		return 0;
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no address; write one such as \"ops@example.com\"",
	    SHOWN(s));
}

int
conf_value_date(struct str s, int64_t *wall_ms, struct err *err)
{
	char full[32] = "";

	if (s.len == strlen("2026-12-01"))
		(void)snprintf(
		    full, sizeof full, "%.*sT00:00:00Z", (int)s.len, s.p);
	if (clock_parse_rfc3339(str_of(full), wall_ms))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "\"%s\" is no date; write one such as \"2026-12-01\"", SHOWN(s));
}

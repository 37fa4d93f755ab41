/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_postfix.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log_record.h"

struct page {
	const struct log_line *l;
	char *out;
	size_t len, end; /* of the record that is being written */
	bool skip;       /* between %{?key} and %{/} */
};

void
log_postfix_keep(struct log_line *l, const char *key, struct str value)
{
	size_t n = strlen(key) + 1;
	uint16_t len = (uint16_t)value.len;

	if (l->len + n + sizeof len + value.len > LOG_LINE_MAX)
		return;
	memcpy(l->text + l->len, key, n);
	memcpy(l->text + l->len + n, &len, sizeof len);
	memcpy(l->text + l->len + n + sizeof len, value.p, value.len);
	l->len += n + sizeof len + value.len;
}

static bool
find(const struct log_line *l, struct str key, struct str *value)
{
	const char *p = l->text + LOG_RECORD_HEAD, *end = l->text + l->len;

	while (p < end) {
		size_t n = strlen(p);
		uint16_t len;

		memcpy(&len, p + n + 1, sizeof len);
		*value = (struct str){ p + n + 1 + sizeof len, len };
		if (n == key.len && memcmp(p, key.p, n) == 0)
			return true;
		p = value->p + len;
	}
	return false;
}

static void
put(struct page *g, const char *p, size_t n)
{
	if (g->skip)
		return;
	if (n > g->end - g->len)
		n = g->end - g->len;
	memcpy(g->out + g->len, p, n);
	g->len += n;
}

/* Of s, what may stand there as it is; at least one octet of ASCII. */
static size_t
plain_of(struct str s, bool in_angles)
{
	size_t n = 0;

	while (n < s.len && s.p[n] >= ' ' && s.p[n] < 0x7f &&
	       !(in_angles && (s.p[n] == '<' || s.p[n] == '>')))
		n++;
	return n;
}

static void
put_value(struct page *g, struct str s)
{
	bool in_angles = g->len > 0 && g->out[g->len - 1] == '<';

	while (s.len > 0) {
		size_t n = plain_of(s, in_angles);

		if (n == 0 && (unsigned char)s.p[0] >= 0x80)
			n = str_utf8_char(s);
		if (n == 2 && (unsigned char)s.p[0] == 0xc2 &&
		    (unsigned char)s.p[1] < 0xa0)
			put(g, "?", 1); /* control characters, too */
		else if (n > 0)
			put(g, s.p, n);
		else
			put(g, "?", 1);
		n = n ? n : 1;
		s.p += n;
		s.len -= n;
	}
}

/* Two digits that count, as Postfix has it: 0.04, 0.9, 1.2, 39. */
static void
put_time(struct page *g, uint64_t ms)
{
	uint64_t n = ms < 995 ? (ms + 5) / 10 : (ms + 50) / 100;
	char text[32];

	if (ms >= 9950)
		snprintf(text, sizeof text, "%llu",
		    (unsigned long long)(ms + 500) / 1000);
	else if (ms >= 995)
		snprintf(text, sizeof text, n % 10 ? "%u.%u" : "%u",
		    (unsigned)n / 10, (unsigned)n % 10);
	else if (n % 10)
		snprintf(text, sizeof text, "0.%02u", (unsigned)n);
	else
		snprintf(text, sizeof text, n ? "0.%u" : "0", (unsigned)n / 10);
	put(g, text, strlen(text));
}

/* "2/0/39" ms: "0/0/0.04". */
static void
put_seconds(struct page *g, struct str s)
{
	while (s.len > 0) {
		uint64_t ms = 0;

		for (; s.len > 0 && *s.p >= '0' && *s.p <= '9'; s.p++, s.len--)
			ms = ms * 10 + (uint64_t)(*s.p - '0');
		put_time(g, ms);
		if (s.len > 0) {
			put(g, "/", 1);
			s.p++;
			s.len--;
		}
	}
}

/* What stands in the braces. */
static void
put_field(struct page *g, struct str name)
{
	size_t n = 0;
	struct str value;

	if (name.p[0] == '/') {
		g->skip = false;
	} else if (name.p[0] == '?' || name.p[0] == '!') {
		bool is_there = find(
		    g->l, (struct str){ name.p + 1, name.len - 1 }, &value);

		g->skip = is_there == (name.p[0] == '!');
	} else {
		while (n < name.len && name.p[n] != '|' && name.p[n] != '/')
			n++;
		if (!find(g->l, (struct str){ name.p, n }, &value))
			value = n < name.len && name.p[n] == '|'
			            ? (struct str){ name.p + n + 1,
				              name.len - n - 1 }
			            : (struct str){ "", 0 };
		if (n < name.len && name.p[n] == '/')
			put_seconds(g, value);
		else
			put_value(g, value);
	}
}

static void
put_line(struct page *g, struct str row)
{
	const char *colon = memchr(row.p, ':', row.len), *at;
	size_t daemon = (size_t)(colon - row.p);
	char head[64];

	memcpy(g->out + g->len, g->l->text, LOG_RECORD_HEAD);
	g->len += LOG_RECORD_HEAD;
	g->skip = false;
	snprintf(
	    head, sizeof head, "/%.*s[%d]", (int)daemon, row.p, (int)getpid());
	put(g, head, strlen(head));
	row.p += daemon;
	row.len -= daemon;
	while ((at = memmem(row.p, row.len, "%{", 2)) != NULL) {
		const char *end = strchr(at, '}');

		put(g, row.p, (size_t)(at - row.p));
		put_field(g, (struct str){ at + 2, (size_t)(end - at) - 2 });
		row.len -= (size_t)(end + 1 - row.p);
		row.p = end + 1;
	}
	put(g, row.p, row.len);
}

size_t
log_postfix_render(const struct log_line *l, char *out)
{
	struct page g = { .l = l, .out = out };

	for (const char *row = l->ev->postfix; row;) {
		const char *end = strchr(row, '\n');

		g.end = g.len + LOG_LINE_MAX - 1;
		put_line(&g, (struct str){ row,
		                 end ? (size_t)(end - row) : strlen(row) });
		g.out[g.len++] = '\n';
		row = end ? end + 1 : NULL;
	}
	return g.len;
}

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

static void
put_value(struct page *g, struct str s)
{
	bool in_angles = g->len > 0 && g->out[g->len - 1] == '<';

	while (s.len > 0) {
		size_t n = str_utf8_char(s);
		unsigned char c = (unsigned char)s.p[0];

		if (n == 0 || c < ' ' || c == 0x7f ||
		    (in_angles && (c == '<' || c == '>')))
			put(g, "?", 1);
		else
			put(g, s.p, n);
		n = n ? n : 1;
		s.p += n;
		s.len -= n;
	}
}

/* "2/0/39" ms: "0/0/0.04", two digits that count, as Postfix has it. */
static void
put_seconds(struct page *g, struct str s)
{
	char text[32];

	while (s.len > 0) {
		double sec = 0;

		for (; s.len > 0 && *s.p >= '0' && *s.p <= '9'; s.p++, s.len--)
			sec = sec * 10 + (*s.p - '0') / 1000.0;
		snprintf(text, sizeof text, sec < 9.95 ? "%.2g" : "%.0f",
		    sec < 1 ? (int)(sec * 100 + 0.5) / 100.0 : sec);
		put(g, text, strlen(text));
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

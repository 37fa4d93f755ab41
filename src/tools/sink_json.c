/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/sink_json.h"

#include <assert.h>

void
sink_json_init(struct sink_json *j)
{
	buf_init(&j->text, SINK_JSON_MAX);
}

void
sink_json_done(struct sink_json *j)
{
	buf_done(&j->text);
}

/* 16 MiB hold the most recipients that a session may name: a line that does
 * not fit is our bug. */
static void
put(struct sink_json *j, const void *p, size_t n)
{
	int rc = buf_add(&j->text, p, n);

	assert(rc == 0);
}

static void
words(struct sink_json *j, const char *s)
{
	struct str t = str_of(s);

	put(j, t.p, t.len);
}

static void
quoted(struct sink_json *j, struct str s)
{
	bool utf8 = str_utf8_valid(s);

	put(j, "\"", 1);
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char esc[8];

		if (c == '"' || c == '\\') {
			char two[2] = { '\\', (char)c };

			put(j, two, 2);
		} else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) {
			snprintf(esc, sizeof esc, "\\u%04x", c);
			words(j, esc);
		} else {
			put(j, &s.p[i], 1);
		}
	}
	put(j, "\"", 1);
}

/* The comma that is due, and the key. */
static void
begin(struct sink_json *j, const char *key)
{
	struct str t = buf_str(&j->text);

	if (t.p[t.len - 1] != '{' && t.p[t.len - 1] != '[')
		put(j, ",", 1);
	if (key == NULL)
		return;
	quoted(j, str_of(key));
	put(j, ":", 1);
}

void
sink_json_open(struct sink_json *j, const char *event)
{
	buf_clear(&j->text);
	put(j, "{", 1);
	sink_json_str(j, "event", str_of(event));
}

void
sink_json_str(struct sink_json *j, const char *key, struct str value)
{
	begin(j, key);
	quoted(j, value);
}

void
sink_json_num(struct sink_json *j, const char *key, uint64_t value)
{
	char text[24];

	begin(j, key);
	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	words(j, text);
}

void
sink_json_bool(struct sink_json *j, const char *key, int value)
{
	begin(j, key);
	words(j, value ? "true" : "false");
}

void
sink_json_array(struct sink_json *j, const char *key)
{
	begin(j, key);
	put(j, "[", 1);
}

void
sink_json_item(struct sink_json *j, struct str value)
{
	begin(j, NULL);
	quoted(j, value);
}

void
sink_json_array_end(struct sink_json *j)
{
	put(j, "]", 1);
}

void
sink_json_write(struct sink_json *j, FILE *f)
{
	struct str t;

	put(j, "}\n", 2);
	t = buf_str(&j->text);
	fwrite(t.p, 1, t.len, f);
	fflush(f);
}

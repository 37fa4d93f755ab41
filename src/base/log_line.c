/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/id.h"

#include "base/log_address.h"
#include "base/log_record.h"

#define VALUE_CUT 200              /* bytes of a value, before escaping */
#define TEXT_CUT 256               /* of a sentence of ours */
#define LOOKED_AT (TEXT_CUT + 384) /* an address at the cut is whole there */
#define ESCAPED_MAX (6 * TEXT_CUT + 1)
#define END_ROOM 2 /* "}\n" */

static atomic_int format_now = LOG_FORMAT_TEXT;

static const struct {
	const char *text, *json;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "ERROR", "error" },
	[LOG_LEVEL_WARN] = { "WARN ", "warn" },
	[LOG_LEVEL_INFO] = { "INFO ", "info" },
	[LOG_LEVEL_DEBUG] = { "DEBUG", "debug" },
};

void
log_line_format(enum log_format format)
{
	atomic_store(&format_now, (int)format);
}

static bool
is_json(const struct log_line *l)
{
	return log_record_format(l->text) == LOG_FORMAT_JSON;
}

/* One character or byte for the inside of a JSON string; *used: bytes of s.  A
 * byte that is no UTF-8 becomes \xHH in the value: JSON can hold no such byte.
 */
static size_t
json_one(char at[8], struct str s, size_t *used)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = str_utf8_char(s);

	*used = n ? n : 1;
	if (n == 0)
		return (size_t)snprintf(at, 8, "\\\\x%02x", c);
	if (c < 0x20 || c == 0x7f)
		return (size_t)snprintf(at, 8, "\\u%04x", c);
	if (c == '"' || c == '\\')
		return (size_t)snprintf(at, 8, "\\%c", c);
	memcpy(at, s.p, n);
	return n;
}

static size_t
json_escape(char *out, size_t max, struct str s)
{
	size_t len = 0, used;

	while (s.len) {
		char one[8];
		size_t n = json_one(one, s, &used);

		if (len + n >= max)
			break;
		memcpy(out + len, one, n);
		len += n;
		s.p += used;
		s.len -= used;
	}
	out[len] = '\0';
	return len;
}

static void
add(struct log_line *l, const char *p, size_t n)
{
	memcpy(l->text + l->len, p, n);
	l->len += n;
}

/* One field whose value needs no escape any more; left out whole when there is
 * no room for it. */
static void
add_field(struct log_line *l, const char *key, struct str value, bool quoted)
{
	size_t key_len = strlen(key);

	if (l->len + key_len + value.len + 6 + END_ROOM > LOG_LINE_MAX)
		return;
	if (is_json(l)) {
		add(l, ",\"", 2);
		add(l, key, key_len);
		add(l, "\":", 2);
	} else {
		add(l, " ", 1);
		add(l, key, key_len);
		add(l, "=", 1);
	}
	if (quoted)
		add(l, "\"", 1);
	add(l, value.p, value.len);
	if (quoted)
		add(l, "\"", 1);
}

/* Not in the middle of a UTF-8 character. */
static struct str
cut_at(struct str s, size_t max)
{
	size_t n = max;

	if (s.len <= max)
		return s;
	while (n > max - 3 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return (struct str){ s.p, n };
}

static bool
is_plain(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == ' ' || s.p[i] == '=')
			return false;
	}
	return s.len > 0;
}

void
log_line_field(
    struct log_line *l, const char *key, struct str value, size_t cut)
{
	char escaped[ESCAPED_MAX], hidden[LOOKED_AT];
	struct str s = { escaped, 0 };
	bool quoted = true;

	if (!l->ev)
		return;
	if (log_address_is_in(key, value)) {
		if (value.len > LOOKED_AT)
			value.len = LOOKED_AT;
		value.len = log_address_hide(hidden, sizeof hidden, value);
		value.p = hidden;
	}
	value = cut_at(value, cut);
	if (is_json(l)) {
		s.len = json_escape(escaped, sizeof escaped, value);
	} else {
		s.len = str_escape(escaped, sizeof escaped, value);
		quoted = s.len != value.len || !is_plain(s);
	}
	add_field(l, key, s, quoted);
}

void
log_begin(
    struct log_line *l, const struct log_event *ev, uint64_t msg, uint64_t sess)
{
	enum log_format format = (enum log_format)atomic_load(&format_now);
	char id[ID_TEXT];
	bool json = format == LOG_FORMAT_JSON;

	l->ev = log_wants(ev->level) ? ev : NULL;
	if (!l->ev)
		return;
	log_record_begin(l->text, (uint64_t)clock_wall_us(), format, ev->level);
	l->len = LOG_RECORD_HEAD;
	l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len,
	    json ? "\"level\":\"%s\"" : "%s",
	    json ? levels[ev->level].json : levels[ev->level].text);
	add_field(l, "event", str_of(ev->name), json);
	if (msg) {
		id_text(msg, id);
		add_field(l, "msg", str_of(id), json);
	}
	if (sess) {
		id_text(sess, id);
		add_field(l, "sess", str_of(id), json);
	}
}

void
log_str(struct log_line *l, const char *key, struct str value)
{
	log_line_field(l, key, value, VALUE_CUT);
}

void
log_cstr(struct log_line *l, const char *key, const char *value)
{
	log_line_field(l, key, str_of(value), VALUE_CUT);
}

void
log_num(struct log_line *l, const char *key, int64_t value)
{
	char text[24];

	if (!l->ev)
		return;
	snprintf(text, sizeof text, "%lld", (long long)value);
	add_field(l, key, str_of(text), false);
}

void
log_text(const struct log_event *ev, const char *fmt, ...)
{
	char text[TEXT_CUT + 8];
	struct log_line l;
	va_list ap;

	log_begin(&l, ev, 0, 0);
	if (!l.ev)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	log_line_field(&l, "text", str_of(text), TEXT_CUT);
	log_end(&l);
}

struct str
log_line_finish(struct log_line *l)
{
	if (is_json(l))
		add(l, "}", 1);
	add(l, "\n", 1);
	return (struct str){ l->text, l->len };
}

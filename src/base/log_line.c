/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log_line.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
	const char *text, *json, *postfix;
} levels[] = {
	[LOG_LEVEL_ERROR] = { "ERROR", "error", " error:" },
	[LOG_LEVEL_WARN] = { "WARN ", "warn", " warning:" },
	[LOG_LEVEL_INFO] = { "INFO ", "info", "" },
	[LOG_LEVEL_DEBUG] = { "DEBUG", "debug", "" },
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

/* Among lines of Postfix's manner nothing else may look like one of them: those
 * who read them look for "to=<". */
static void
no_angles(const struct log_line *l, char *p, size_t n)
{
	if (log_record_format(l->text) != LOG_FORMAT_POSTFIX)
		return;
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '<' || p[i] == '>')
			p[i] = p[i] == '<' ? '[' : ']';
	}
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
	if (l->ev->by && strcmp(key, l->ev->by) == 0)
		snprintf(l->by, sizeof l->by, "%.*s",
		    (int)cut_at(value, sizeof l->by - 1).len, value.p);
	if (l->is_kept) {
		log_postfix_keep(l, key, value);
		return;
	}
	if (is_json(l)) {
		s.len = json_escape(escaped, sizeof escaped, value);
	} else {
		s.len = str_escape(escaped, sizeof escaped, value);
		no_angles(l, escaped, s.len);
		quoted = s.len != value.len || !is_plain(s);
	}
	add_field(l, key, s, quoted);
}

static enum log_format
format_of_now(void)
{
	return (enum log_format)atomic_load_explicit(
	    &format_now, memory_order_relaxed);
}

bool
log_wants_event(const struct log_event *ev)
{
	enum log_level level = ev->level;

	if (level > LOG_LEVEL_INFO && ev->postfix &&
	    format_of_now() == LOG_FORMAT_POSTFIX)
		level = LOG_LEVEL_INFO;
	return log_wants(level);
}

static void
put_head(struct log_line *l, const struct log_event *ev)
{
	enum log_format format = format_of_now();
	enum log_level level = ev->level;
	char *at = l->text + LOG_RECORD_HEAD;
	int n = 0;

	l->is_kept = format == LOG_FORMAT_POSTFIX && ev->postfix;
	if (l->is_kept && level > LOG_LEVEL_INFO)
		level = LOG_LEVEL_INFO;
	log_record_begin(l->text, (uint64_t)clock_wall_us(), format, level);
	if (format == LOG_FORMAT_TEXT)
		n = sprintf(at, "%s", levels[level].text);
	else if (format == LOG_FORMAT_JSON)
		n = sprintf(at, "\"level\":\"%s\"", levels[level].json);
	else if (!l->is_kept)
		n = sprintf(at, "/posternd[%d]:%s", (int)getpid(),
		    levels[level].postfix);
	l->len = LOG_RECORD_HEAD + (size_t)n;
}

static void
put_id(struct log_line *l, const char *key, uint64_t id)
{
	char text[ID_TEXT];

	if (id == 0)
		return;
	id_text(id, text);
	if (l->is_kept)
		log_postfix_keep(l, key, str_of(text));
	else
		add_field(l, key, str_of(text), is_json(l));
}

void
log_begin(
    struct log_line *l, const struct log_event *ev, uint64_t msg, uint64_t sess)
{
	l->ev = log_wants_event(ev) ? ev : NULL;
	if (!l->ev)
		return;
	l->by[0] = '\0';
	put_head(l, ev);
	if (!l->is_kept)
		add_field(l, "event", str_of(ev->name), is_json(l));
	put_id(l, "msg", msg);
	put_id(l, "sess", sess);
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
	if (l->is_kept)
		log_postfix_keep(l, key, str_of(text));
	else
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
log_line_finish(struct log_line *l, char room[LOG_LINE_ROOM])
{
	if (l->is_kept)
		return (struct str){ room, log_postfix_render(l, room) };
	if (is_json(l))
		add(l, "}", 1);
	add(l, "\n", 1);
	return (struct str){ l->text, l->len };
}

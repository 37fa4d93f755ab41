/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"

#include "conf/conf_table.h"

#define DEPTH_MAX 12
#define SHOWN_MAX 64
#define PATH_MAX_SHOWN 128

enum want { WANT_NAME, WANT_EQUALS, WANT_VALUE, WANT_END };

/* An open bracket; the file itself is a group that opens nowhere. */
struct frame {
	char kind;   /* { ( [, as the copy has it */
	char closes; /* what has to close it in the file */
	int line;
	size_t out_at; /* of the bracket, in the copy */
	enum want want;
	struct str name;   /* the key being read (groups) */
	bool after_string; /* the value before was a string */
	size_t comma_at;   /* of the last comma, in the copy; 0: none */
	struct str *names; /* owned: the keys so far (groups) */
	size_t nnames;
};

struct scan {
	struct str in;
	size_t at;
	int line;
	struct buf *out;
	struct conf_notes *notes;
	struct conf_place place;
	struct frame frame[DEPTH_MAX];
	size_t depth;  /* frames in use, at least 1 */
	unsigned told; /* names replaced */
	bool failed;
};

static struct frame *
top(struct scan *s)
{
	return &s->frame[s->depth - 1];
}

static const char *
shown(struct str s, char out[SHOWN_MAX])
{
	(void)str_escape(out, SHOWN_MAX, s);
	return out;
}
#define SHOWN(s) shown((s), (char[SHOWN_MAX]){ 0 })

/* "providers.port", or "syntax" outside of any key. */
static const char *
path_of(const struct scan *s, char out[PATH_MAX_SHOWN])
{
	size_t n = 0;

	for (size_t i = 0; i < s->depth; i++) {
		const struct frame *f = &s->frame[i];
		int k;

		if (f->kind != '{' || f->name.len == 0 ||
		    n >= PATH_MAX_SHOWN - 1)
			continue;
		k = snprintf(out + n, PATH_MAX_SHOWN - n, "%s%s",
		    n > 0 ? "." : "", SHOWN(f->name));
		n += k > 0 ? (size_t)k : 0;
	}
	if (n == 0)
		(void)snprintf(out, PATH_MAX_SHOWN, "syntax");
	return out;
}
#define PATH(s) path_of((s), (char[PATH_MAX_SHOWN]){ 0 })

static struct conf_place
here(const struct scan *s, int line)
{
	struct conf_place at = s->place;

	at.line = line;
	return at;
}

static void
put(struct scan *s, const void *p, size_t n)
{
	if (buf_add(s->out, p, n) == 0)
		return;
	if (!s->failed)
		conf_note_mistake(s->notes, here(s, s->line), "syntax",
		    "the file is too large; split it with include");
	s->failed = true;
}

static void
put_text(struct scan *s, const char *text)
{
	put(s, text, strlen(text));
}

static void
put_told(struct scan *s)
{
	char text[32];

	(void)snprintf(text, sizeof text, "%" PRId64 "L", CONF_SCAN_TOLD);
	put_text(s, text);
}

static char
peek(const struct scan *s, size_t ahead)
{
	return s->at + ahead < s->in.len ? s->in.p[s->at + ahead] : '\0';
}

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_hex(char c)
{
	return is_digit(c) || is_one_of(c, "abcdefABCDEF");
}

static bool
is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* --- what stands between the tokens ----------------------------------------
 */

static void
skip_line(struct scan *s)
{
	while (s->at < s->in.len && s->in.p[s->at] != '\n')
		s->at++;
}

static void
skip_comment(struct scan *s)
{
	int opened = s->line;

	for (s->at += 2; s->at < s->in.len; s->at++) {
		if (peek(s, 0) == '*' && peek(s, 1) == '/') {
			s->at += 2;
			put(s, " ", 1);
			return;
		}
		if (peek(s, 0) == '\n') {
			s->line++;
			put(s, "\n", 1);
		}
	}
	conf_note_mistake(s->notes, here(s, opened), "syntax",
	    "the comment opened here is never closed; write */ at its end");
	s->failed = true;
}

/* --- the state of a value's place ------------------------------------------
 */

/* A value begins.  False: there is no place for one. */
static bool
begin_value(struct scan *s, bool string)
{
	struct frame *f = top(s);

	if (f->want == WANT_VALUE)
		return true;
	if (f->kind == '{') {
		if (f->want == WANT_END && string && f->after_string)
			return true; /* libconfig joins them: long texts */
		if (f->want == WANT_EQUALS)
			conf_note_mistake(s->notes, here(s, s->line), PATH(s),
			    "a = is missing; write %s = value;",
			    SHOWN(f->name));
		else
			conf_note_mistake(s->notes, here(s, s->line), "syntax",
			    "a value without a key; write key = value;");
		s->failed = true;
		return false;
	}
	conf_note_mistake(s->notes, here(s, s->line), PATH(s),
	    "a comma is missing; write one between the values");
	put(s, ",", 1);
	return true;
}

static void
end_value(struct scan *s, bool string)
{
	top(s)->want = WANT_END;
	top(s)->after_string = string;
}

/* --- strings ----------------------------------------------------------------
 */

static void
take_string(struct scan *s)
{
	size_t start = s->at++;

	if (!begin_value(s, true))
		return;
	while (s->at < s->in.len && peek(s, 0) != '"' && peek(s, 0) != '\n')
		s->at += peek(s, 0) == '\\' && peek(s, 1) != '\n' &&
		                 s->at + 1 < s->in.len
		             ? 2
		             : 1;
	if (peek(s, 0) == '"') {
		s->at++;
		put(s, s->in.p + start, s->at - start);
		end_value(s, true);
		return;
	}
	while (s->at > start + 1 &&
	       memchr(s->in.p + start, ';', s->at - start) != NULL)
		s->at--; /* most likely meant to end before its first ; */
	conf_note_mistake(s->notes, here(s, s->line), PATH(s),
	    "the quote opened here is not closed on its line; write \" at the "
	    "end of the text");
	if (top(s)->kind == '{')
		put_told(s);
	else
		put_text(s, "\"\"");
	end_value(s, false);
}

/* --- words: names, numbers, true, false, and what lacks its quotes ----------
 */

static void
put_quoted(struct scan *s, struct str word)
{
	put(s, "\"", 1);
	for (size_t i = 0; i < word.len; i++) {
		if (word.p[i] == '\\')
			put(s, "\\", 1);
		put(s, word.p + i, 1);
	}
	put(s, "\"", 1);
}

enum literal { LITERAL_NONE, LITERAL_INTEGER, LITERAL_FLOAT };

static enum literal
literal_of(struct str w)
{
	size_t i = w.len > 0 && (w.p[0] == '-' || w.p[0] == '+'), digits = 0;

	if (w.len > 2 && w.p[0] == '0' && (w.p[1] | 0x20) == 'x') {
		for (i = 2; i < w.len && is_hex(w.p[i]); i++)
			digits++;
	} else {
		for (; i < w.len && is_digit(w.p[i]); i++)
			digits++;
	}
	if (digits > 0 && i < w.len && w.p[i] == 'L')
		return w.len - i <= 2 && w.p[w.len - 1] == 'L' ? LITERAL_INTEGER
		                                               : LITERAL_NONE;
	if (digits > 0 && i == w.len)
		return LITERAL_INTEGER;
	if (i >= w.len || w.p[i] != '.')
		return LITERAL_NONE;
	for (i++; i < w.len && is_digit(w.p[i]); i++)
		digits++;
	return digits > 0 && i == w.len ? LITERAL_FLOAT : LITERAL_NONE;
}

/* The digits' value, or UINT64_MAX when it passes that. */
static uint64_t
magnitude(struct str w, unsigned base)
{
	uint64_t v = 0;

	for (size_t i = 0; i < w.len; i++) {
		char c = w.p[i];
		unsigned d = is_digit(c) ? (unsigned)(c - '0')
		                         : (unsigned)((c | 0x20) - 'a' + 10);

		if (v > (UINT64_MAX - d) / base)
			return UINT64_MAX;
		v = v * base + d;
	}
	return v;
}

/* Does libconfig 1.5 read it as it is written?  Else the mistake is told. */
static bool
check_integer(struct scan *s, struct str word)
{
	struct str w = word;
	bool hex = w.len > 2 && (w.p[1] | 0x20) == 'x';
	uint64_t max = INT32_MAX;

	for (; w.len > 0 && w.p[w.len - 1] == 'L'; w.len--)
		max = INT64_MAX;
	if (hex || w.p[0] == '-' || w.p[0] == '+') {
		w.p += hex ? 2 : 1;
		w.len -= hex ? 2 : 1;
	}
	if (!hex && w.len > 1 && w.p[0] == '0') {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "%s begins with a zero; write it without", SHOWN(word));
		return false;
	}
	if (magnitude(w, hex ? 16 : 10) <= max)
		return true;
	conf_note_mistake(s->notes, here(s, s->line), PATH(s),
	    "%s is too large a number; write at most %" PRIu64 "%s",
	    SHOWN(word), max, max > INT32_MAX ? "L" : "");
	return false;
}

/* Quotes would not make it right. */
static bool
wants_flag(const struct scan *s)
{
	const struct conf_key *k = conf_table_find(PATH(s));

	return k != NULL && k->type == CONF_FLAG;
}

static void
take_bare(struct scan *s, struct str word)
{
	enum literal kind = literal_of(word);

	if (!begin_value(s, false))
		return;
	if (str_is(word, "true") || str_is(word, "false") ||
	    kind == LITERAL_FLOAT ||
	    (kind == LITERAL_INTEGER && check_integer(s, word))) {
		put(s, word.p, word.len);
	} else if (kind == LITERAL_INTEGER && top(s)->kind == '{') {
		put_told(s);
	} else if (kind == LITERAL_INTEGER) {
		put_quoted(s, word);
	} else if (wants_flag(s)) {
		put_quoted(s, word); /* it is told that it has to be another */
	} else {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "%s has no quotes; write \"%s\"", SHOWN(word), SHOWN(word));
		put_quoted(s, word);
	}
	end_value(s, false);
}

static bool
is_name(struct str w)
{
	for (size_t i = 0; i < w.len; i++) {
		if (!is_letter(w.p[i]) && !is_digit(w.p[i]) &&
		    !is_one_of(w.p[i], "_-"))
			return false;
	}
	return w.len > 0 && is_letter(w.p[0]);
}

static bool
stands_already(const struct frame *f, struct str name)
{
	for (size_t i = 0; i < f->nnames; i++) {
		if (str_eq(f->names[i], name))
			return true;
	}
	return false;
}

static void
remember(struct frame *f, struct str name)
{
	if ((f->nnames & (f->nnames + 1)) == 0) /* full at 0, 1, 3, 7, ... */
		f->names = mem_resize(
		    f->names, (f->nnames + 1) * 2 * sizeof f->names[0]);
	f->names[f->nnames++] = name;
}

static void
take_name(struct scan *s, struct str word)
{
	struct frame *f = top(s);
	char text[32];

	f->name = word;
	f->want = WANT_EQUALS;
	if (is_name(word) && !stands_already(f, word)) {
		remember(f, word);
		put(s, word.p, word.len);
		return;
	}
	if (is_name(word))
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "stands here twice; keep one of them");
	else
		conf_note_mistake(s->notes, here(s, s->line), "syntax",
		    "\"%s\" is no key; write key = value;", SHOWN(word));
	(void)snprintf(text, sizeof text, "*%u", ++s->told);
	put_text(s, text);
}

static void
take_word(struct scan *s)
{
	struct frame *f = top(s);
	bool value = f->kind != '{' || f->want == WANT_VALUE;
	const char *ends =
	    value ? " \t\r\n\f\v,;=\"#(){}[]" : " \t\r\n\f\v,;=:\"#(){}[]@";
	struct str word = { s->in.p + s->at, 0 };

	while (s->at < s->in.len && !is_one_of(peek(s, 0), ends) &&
	       !(peek(s, 0) == '/' && is_one_of(peek(s, 1), "/*")))
		s->at++;
	word.len = (size_t)(s->in.p + s->at - word.p);
	if (word.len == 0) { /* nothing that begins a word: one byte of it */
		word.len = 1;
		s->at++;
	}
	if (value) {
		take_bare(s, word);
	} else if (f->want == WANT_EQUALS) {
		(void)begin_value(s, false);
	} else {
		if (f->want == WANT_END)
			put(s, ";", 1);
		take_name(s, word);
	}
}

/* --- brackets and separators ------------------------------------------------
 */

static char
closing(char c)
{
	return c == '{' ? '}' : c == '(' ? ')' : ']';
}

static void
open_bracket(struct scan *s, char c)
{
	struct frame *f = top(s);

	s->at++;
	if (!begin_value(s, false))
		return;
	if (f->kind == '[' && c == '{' && f->want == WANT_VALUE) {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "groups stand in a list; write ( { ... } )");
		f->kind = '(';
		buf_at(s->out)[f->out_at] = '(';
	}
	end_value(s, false);
	if (s->depth == DEPTH_MAX) {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "is nested too deep; close a bracket");
		s->failed = true;
		return;
	}
	s->frame[s->depth++] = (struct frame){ .kind = c,
		.closes = closing(c),
		.line = s->line,
		.out_at = buf_str(s->out).len,
		.want = c == '{' ? WANT_NAME : WANT_VALUE };
	put(s, &c, 1);
}

/* A group ends, or a setting in it: is something left unsaid? */
static void
end_setting(struct scan *s)
{
	struct frame *f = top(s);

	if (f->want == WANT_EQUALS) {
		(void)begin_value(s, false);
		return;
	}
	if (f->want == WANT_VALUE) {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "has no value; write one behind the =");
		put_told(s);
	}
	f->want = WANT_NAME;
	f->name.len = 0;
}

static void
close_bracket(struct scan *s, char c)
{
	struct frame *f = top(s);

	s->at++;
	if (s->depth == 1) {
		conf_note_mistake(s->notes, here(s, s->line), "syntax",
		    "this %c closes nothing; take it away", c);
		s->failed = true;
		return;
	}
	if (f->closes != c) {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "this %c stands where the bracket of line %d ends; write "
		    "%c before it",
		    c, f->line, f->closes);
		s->failed = true;
		return;
	}
	if (f->kind == '{') {
		end_setting(s);
	} else if (f->want == WANT_VALUE && f->comma_at > 0) {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    "a comma stands before the closing %c; take it away", c);
		buf_at(s->out)[f->comma_at] = ' ';
	}
	c = closing(f->kind);
	free(f->names);
	s->depth--;
	put(s, &c, 1);
}

static void
separator(struct scan *s, char c)
{
	struct frame *f = top(s);

	s->at++;
	if (f->kind == '{') {
		bool stray = f->want == WANT_NAME;

		end_setting(s);
		if (!stray)
			put(s, ";", 1);
		return;
	}
	if (f->want == WANT_VALUE || c == ';') {
		conf_note_mistake(s->notes, here(s, s->line), PATH(s),
		    f->want == WANT_VALUE
		        ? "a comma with nothing before it; take it away"
		        : "a ; stands between the values; write a comma");
	}
	if (f->want == WANT_VALUE)
		return;
	f->comma_at = buf_str(s->out).len;
	f->want = WANT_VALUE;
	put(s, ",", 1);
}

static void
assign(struct scan *s)
{
	struct frame *f = top(s);

	s->at++;
	if (f->kind == '{' && f->want == WANT_EQUALS) {
		f->want = WANT_VALUE;
		put(s, "=", 1);
		return;
	}
	conf_note_mistake(s->notes, here(s, s->line), PATH(s),
	    f->kind == '{' ? "an = with no key before it; write key = value;"
	                   : "keys stand in groups; write { key = value; }");
	s->failed = true;
}

/* --- the whole --------------------------------------------------------------
 */

static void
include_directive(struct scan *s)
{
	conf_note_mistake(s->notes, here(s, s->line), "include",
	    "@include is not used here; write include = [ \"FILE\" ]; in the "
	    "main file");
	skip_line(s);
}

static void
step(struct scan *s)
{
	char c = peek(s, 0);

	if (c == '\n')
		s->line++;
	if (is_one_of(c, " \t\r\n\f\v")) {
		put(s, &c, 1);
		s->at++;
	} else if (c == '#' || (c == '/' && peek(s, 1) == '/')) {
		skip_line(s);
	} else if (c == '/' && peek(s, 1) == '*') {
		skip_comment(s);
	} else if (c == '@' && top(s)->want != WANT_VALUE) {
		include_directive(s);
	} else if (c == '"') {
		take_string(s);
	} else if (is_one_of(c, "{([")) {
		open_bracket(s, c);
	} else if (is_one_of(c, "})]")) {
		close_bracket(s, c);
	} else if (c == ';' || c == ',') {
		separator(s, c);
	} else if (c == '=' || (c == ':' && top(s)->want == WANT_EQUALS)) {
		assign(s);
	} else {
		take_word(s);
	}
}

static void
finish(struct scan *s)
{
	if (s->failed)
		return;
	if (s->depth == 1) {
		end_setting(s);
	} else {
		conf_note_mistake(s->notes, here(s, top(s)->line), PATH(s),
		    "the bracket opened here is never closed; write %c at its "
		    "end",
		    top(s)->closes);
		s->failed = true;
	}
	put(s, "", 1);
}

/* NUL ends what libconfig reads; a mark of byte order it does not know. */
static int
check_bytes(struct scan *s)
{
	const char *nul = memchr(s->in.p, '\0', s->in.len);

	if (s->in.len >= 3 && memcmp(s->in.p, "\xef\xbb\xbf", 3) == 0)
		s->at = 3;
	if (nul == NULL)
		return 0;
	for (const char *p = s->in.p; p < nul; p++)
		s->line += *p == '\n';
	conf_note_mistake(s->notes, here(s, s->line), "syntax",
	    "a NUL byte stands here; write the file as UTF-8 text");
	return -1;
}

int
conf_scan(struct str text, struct conf_place at, struct conf_notes *notes,
    struct buf *out)
{
	struct scan s = { .in = text,
		.line = 1,
		.out = out,
		.notes = notes,
		.place = at,
		.depth = 1 };

	s.frame[0] = (struct frame){ .kind = '{', .line = 1 };
	if (check_bytes(&s) != 0)
		return -1;
	while (s.at < s.in.len && !s.failed)
		step(&s);
	finish(&s);
	for (size_t i = 0; i < s.depth; i++)
		free(s.frame[i].names);
	return s.failed ? -1 : 0;
}

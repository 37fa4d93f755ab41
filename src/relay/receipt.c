/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/receipt.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "postern/base/str.h"

#define SHORTEST 4

/* Where the id stands: right behind a mark, or right in front of it.  The
 * first mark that is there decides. */
static const struct form {
	const char *mark;
	bool in_front;
} forms[] = {
	{ "InternalId=", false },              /* Exchange, Microsoft 365 */
	{ "envid=", false },                   /* Aliyun */
	{ "queued as ", false },               /* Postfix and many others */
	{ "queued with id ", false },          /* Stalwart */
	{ "queued (", false },                 /* Haraka */
	{ " - gsmtp", true },                  /* Gmail */
	{ " Queued mail for delivery", true }, /* Exchange, older */
	{ " Message accepted for delivery", true }, /* sendmail, OpenSMTPD */
	{ " ID=", false },                          /* Mailgun, Exim */
	{ " as ", false },                          /* Yandex: queued on X as */
};
#define FORMS (sizeof forms / sizeof forms[0])

static const char around[] = "<>[](),;.\"'";

static bool
is_wrapping(char c)
{
	return strchr(around, c) != NULL && c != '\0';
}

/* A word without what surrounds it. */
static struct str
bare(struct str s)
{
	while (s.len > 0 && is_wrapping(s.p[0]))
		s = (struct str){ s.p + 1, s.len - 1 };
	while (s.len > 0 && is_wrapping(s.p[s.len - 1]))
		s.len--;
	return s;
}

/* No id that anybody gives lacks a digit; a word of the language does. */
static bool
is_id(struct str s)
{
	bool digit = false;

	if (s.len < SHORTEST || s.len >= RECEIPT_MAX)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] <= ' ' || s.p[i] == 0x7f)
			return false;
		digit |= s.p[i] >= '0' && s.p[i] <= '9';
	}
	return digit;
}

static struct str
first_word(struct str s)
{
	s = str_trim(s);
	return str_cut(&s, ' ');
}

static struct str
last_word(struct str s)
{
	size_t at;

	s = str_trim(s);
	at = s.len;
	while (at > 0 && s.p[at - 1] != ' ')
		at--;
	return (struct str){ s.p + at, s.len - at };
}

/* For each message that is delivered: most octets are not where it begins. */
static bool
find(struct str hay, const char *mark, size_t *at)
{
	struct str word = str_of(mark);
	char first = (char)(mark[0] | 0x20);

	for (*at = 0; *at + word.len <= hay.len; ++*at) {
		struct str rest = { hay.p + *at, hay.len - *at };

		if ((rest.p[0] | 0x20) == first && str_starts_case(rest, word))
			return true;
	}
	return false;
}

/* "Ok 0102018b9c8d7e6f-...-000000" (SES), "OK 51/6C-12345-ABCDEF56"
 * (SparkPost): one word with hyphens, and nothing else. */
static struct str
behind_ok(struct str s)
{
	struct str none = { "", 0 }, word;

	if (!str_starts_case(s, STR("ok ")))
		return none;
	word = str_trim((struct str){ s.p + 3, s.len - 3 });
	if (word.len < 12 || memchr(word.p, ' ', word.len) ||
	    !memchr(word.p, '-', word.len))
		return none;
	return word;
}

static struct str
look(struct str text)
{
	for (size_t i = 0; i < FORMS; i++) {
		size_t at, end;

		if (!find(text, forms[i].mark, &at))
			continue;
		if (forms[i].in_front)
			return last_word((struct str){ text.p, at });
		end = at + strlen(forms[i].mark);
		return first_word((struct str){ text.p + end, text.len - end });
	}
	return behind_ok(text);
}

void
receipt_read(char out[RECEIPT_MAX], const char *text)
{
	struct str id = bare(look(str_of(text)));

	out[0] = '\0';
	if (!is_id(id))
		return;
	memcpy(out, id.p, id.len);
	out[id.len] = '\0';
}

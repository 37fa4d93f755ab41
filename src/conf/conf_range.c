/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_range.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "conf/conf_hint.h"
#include "conf/conf_value.h"

#define WORD_MAX 32
#define WORDS_MAX 160

/* The next part of a range, NUL ended; false at its end. */
static bool
next_part(struct str *rest, char out[WORD_MAX])
{
	struct str part;

	if (rest->len == 0)
		return false;
	part = str_cut(rest, '|');
	(void)snprintf(out, WORD_MAX, "%.*s", (int)part.len, part.p);
	return true;
}

int
conf_range_word(const struct conf_key *k, struct str word)
{
	struct str rest = str_of(k->range);
	char part[WORD_MAX];

	for (int i = 0; next_part(&rest, part); i++) {
		if (strstr(part, "..") == NULL && str_eq(str_of(part), word))
			return i;
	}
	return -1;
}

/* "a", "b" or "c" */
static void
list_words(const struct conf_key *k, char out[WORDS_MAX])
{
	struct str rest = str_of(k->range);
	char part[WORD_MAX];
	size_t n = 0;

	out[0] = '\0';
	while (n < WORDS_MAX && next_part(&rest, part)) {
		const char *sep = n == 0 ? "" : rest.len > 0 ? ", " : " or ";
		int more =
		    snprintf(out + n, WORDS_MAX - n, "%s\"%s\"", sep, part);

		n += more > 0 ? (size_t)more : 0;
	}
}

int
conf_range_bad_word(const struct conf_key *k, struct str word, struct err *err)
{
	struct str rest = str_of(k->range);
	struct conf_hint h = { 0 };
	char part[WORD_MAX], near[WORD_MAX] = "", text[64], words[WORDS_MAX];

	(void)str_escape(text, sizeof text, word);
	while (next_part(&rest, part)) {
		conf_hint_offer(&h, text, part);
		if (h.best ==
		    part) /* the part is overwritten in the next turn */
			h.best = strcpy(near, part);
	}
	if (near[0] != '\0')
		return err_set(err, ERR_CONFIG,
		    "\"%s\" is not possible; did you mean \"%s\"?", text, near);
	list_words(k, words);
	return err_set(
	    err, ERR_CONFIG, "\"%s\" is not possible; write %s", text, words);
}

static uint64_t
bound(const struct conf_key *k, struct str text)
{
	struct err err;
	uint64_t v = 0;

	/* The bounds are ours; a test reads each of them. */
	switch (k->type) {
	case CONF_DURATION:
	case CONF_DURATIONS:
		return conf_value_duration(text, &v, &err) == 0 ? v : 0;
	case CONF_SIZE:
		return conf_value_size(text, &v, &err) == 0 ? v : 0;
	default:
		return str_u64(text, &v) ? v : 0;
	}
}

/* Splits the part with ".."; false: there are no bounds. */
static bool
bounds(const struct conf_key *k, struct str *low, struct str *high)
{
	struct str rest = str_of(k->range);

	while (rest.len > 0) {
		struct str part = str_cut(&rest, '|');

		for (size_t i = 0; i + 1 < part.len; i++) {
			if (part.p[i] != '.' || part.p[i + 1] != '.')
				continue;
			*low = (struct str){ part.p, i };
			*high =
			    (struct str){ part.p + i + 2, part.len - i - 2 };
			return true;
		}
	}
	return false;
}

static int
outside(const struct conf_key *k, uint64_t v, struct str low, struct str high,
    struct err *err)
{
	bool quoted = true;
	char text[CONF_VALUE_SHOWN];
	const char *q;

	if (k->type == CONF_DURATION || k->type == CONF_DURATIONS) {
		conf_value_show_duration(v, text);
	} else if (k->type == CONF_SIZE) {
		conf_value_show_size(v, text);
	} else {
		quoted = false;
		(void)snprintf(text, sizeof text, "%" PRIu64, v);
	}
	q = quoted ? "\"" : "";
	return err_set(err, ERR_CONFIG,
	    "%s%s%s is out of range; write %s%.*s%s to %s%.*s%s", q, text, q, q,
	    (int)low.len, low.p, q, q, (int)high.len, high.p, q);
}

int
conf_range_check(const struct conf_key *k, uint64_t v, struct err *err)
{
	struct str low, high;

	if (!bounds(k, &low, &high) ||
	    (v >= bound(k, low) && v <= bound(k, high)))
		return 0;
	return outside(k, v, low, high, err);
}

int
conf_range_check_factor(const struct conf_key *k, double v, struct err *err)
{
	struct str low, high;

	if (!bounds(k, &low, &high) ||
	    (v >= (double)bound(k, low) && v <= (double)bound(k, high)))
		return 0;
	return err_set(err, ERR_CONFIG,
	    "%g is out of range; write %.*s to %.*s", v, (int)low.len, low.p,
	    (int)high.len, high.p);
}

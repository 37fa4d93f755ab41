/* SPDX-License-Identifier: Apache-2.0 */
#include "conf/conf_replies.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/str.h"
#include "postern/smtp/outcome.h"

#include "conf/conf_origin.h"
#include "conf/conf_read.h"

#define LIST "providers.replies"
#define CODE "providers.replies.code"
#define ENHANCED "providers.replies.enhanced"
#define TEXT "providers.replies.text"
#define CLASS "providers.replies.class"

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "4", "45", "454": the codes that begin so. */
static bool
parse_code(const char *s, uint16_t *low, uint16_t *high)
{
	size_t n = strlen(s);
	unsigned v = 0, span = 1;

	if (n < 1 || n > 3 || (s[0] != '4' && s[0] != '5'))
		return false;
	for (size_t i = 0; i < 3; i++) {
		if (i < n && !is_digit(s[i]))
			return false;
		v = v * 10 + (i < n ? (unsigned)(s[i] - '0') : 0);
		span *= i < n ? 1 : 10;
	}
	*low = (uint16_t)v;
	*high = (uint16_t)(v + span - 1);
	return true;
}

static bool
skip_number(const char **s)
{
	size_t n = 0;

	while (n < 4 && is_digit((*s)[n]))
		n++;
	*s += n;
	return n >= 1 && n <= 3;
}

/* "5.7" or "5.7.1" */
static bool
is_enhanced(const char *s)
{
	if ((s[0] != '4' && s[0] != '5') || s[1] != '.')
		return false;
	s += 2;
	if (!skip_number(&s))
		return false;
	if (*s == '.') {
		s++;
		return skip_number(&s) && *s == '\0';
	}
	return *s == '\0';
}

/* The word of the configuration says "dot" for all that ends with it: with
 * CHUNKING a reply to an earlier piece of the content may come in its place. */
static uint32_t
stages_of(const char *word)
{
	enum outcome_stage stage;
	uint32_t bits = ~0u;

	if (outcome_stage_of(str_of(word), &stage))
		bits = 1u << stage;
	if (bits == 1u << OUTCOME_DOT)
		bits |= 1u << OUTCOME_BODY;
	return bits;
}

static void
check_code(
    struct conf_read *r, const struct conf_entry *e, const struct conf_reply *c)
{
	struct conf_place at = conf_read_place(e, CODE);
	uint16_t low, high;

	if (c->code != NULL && !parse_code(c->code, &low, &high))
		conf_note_mistake(&r->notes, at, CODE,
		    "\"%.16s\" is not the beginning of a refusal's code; write "
		    "\"4\", \"45\" or \"454\", or one with 5",
		    c->code);
	else if (c->code != NULL && c->r.enhanced != NULL &&
	         c->code[0] != c->r.enhanced[0])
		conf_note_mistake(&r->notes, at, CODE,
		    "does not begin as the enhanced code does, so nothing "
		    "would match; write the same digit in both");
}

static void
check(
    struct conf_read *r, const struct conf_entry *e, const struct conf_reply *c)
{
	struct conf_place at = conf_read_place(e, ENHANCED);

	if (c->r.enhanced != NULL && !is_enhanced(c->r.enhanced))
		conf_note_mistake(&r->notes, at, ENHANCED,
		    "\"%.16s\" is not the beginning of a refusal's enhanced "
		    "code; write one such as \"5.7\" or \"4.7.1\"",
		    c->r.enhanced);
	check_code(r, e, c);
	if (c->r.class == NULL && !conf_read_is_set(e, CLASS))
		conf_note_mistake(&r->notes, e->at, CLASS,
		    "is missing; write class = \"rate\"; or another");
	if (!conf_read_is_set(e, CODE) && !conf_read_is_set(e, ENHANCED) &&
	    !conf_read_is_set(e, TEXT))
		conf_note_mistake(&r->notes, e->at, LIST,
		    "matches every refusal; write code, enhanced or text");
}

static struct conf_entry *
first_with(const struct conf_stack *s)
{
	if (conf_read_list(s->own, LIST) != NULL)
		return s->own;
	for (size_t i = 0; i < s->nlike; i++) {
		if (conf_read_list(s->like[i], LIST) != NULL)
			return s->like[i];
	}
	return NULL;
}

static void
read_one(struct conf_read *r, struct conf_entry *e, bool quiet,
    struct relay_reply *out)
{
	struct conf_reply c = { .r = { .low = 400, .high = 599 } };

	conf_read_defaults(r, CONF_BASE_REPLY, &c);
	conf_read_entry(r, e, LIST, &c, quiet);
	if (!quiet)
		check(r, e, &c);
	if (c.code != NULL)
		(void)parse_code(c.code, &c.r.low, &c.r.high);
	c.r.stages = stages_of(c.stage);
	c.r.file = e->at.file;
	c.r.line = e->at.line;
	*out = c.r;
}

static size_t
count(const struct conf_entry *e)
{
	return e != NULL && conf_read_list(e, LIST) != NULL
	           ? conf_read_list(e, LIST)->n
	           : 0;
}

/* One row for both: "2 patterns, then 9 of the profile". */
static void
keep_origin(struct conf_read *r, const struct conf_stack *s,
    const struct conf_entry *owner, struct conf_origins *o)
{
	size_t own = count(owner), others = count(s->profile);
	struct conf_origin row = { .key = conf_table_find(LIST) };
	char text[80];

	if (own > 0 && others > 0)
		(void)snprintf(text, sizeof text,
		    "%zu patterns, then %zu of the profile", own, others);
	else
		(void)snprintf(text, sizeof text, "%zu patterns", own + others);
	row.value = conf_arena_str(r->arena, text);
	if (own == 0)
		row.from = "profile";
	else if (owner != s->own)
		row.from = "like";
	row.at = conf_read_place(own > 0 ? owner : s->profile, LIST);
	conf_origin_put(o, r->arena, &row);
}

void
conf_replies_read(struct conf_read *r, const struct conf_stack *s,
    struct conf_provider *c, struct conf_origins *o)
{
	struct conf_entry *owner = first_with(s);
	size_t own = count(owner), n = own + count(s->profile);
	struct relay_reply *reply = conf_arena_new(r->arena, n, sizeof *reply);

	for (size_t i = 0; i < own; i++)
		read_one(r, conf_read_list(owner, LIST)->entry[i],
		    owner != s->own, &reply[i]);
	for (size_t i = own; i < n; i++)
		read_one(r, conf_read_list(s->profile, LIST)->entry[i - own],
		    s->profile_told, &reply[i]);
	c->p.replies = reply;
	c->p.nreplies = n;
	if (n > 0)
		keep_origin(r, s, owner, o);
}

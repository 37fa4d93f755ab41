/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Read by operator precedence into steps for a machine with a stack of truths,
 * so that nothing recurses over what somebody wrote.
 */
#include "admin/filter.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/id.h"
#include "postern/base/mem.h"
#include "postern/spool/spool.h"

#define MINUTE_MS (UINT64_C(60) * 1000)
#define DAY_MS (24 * 60 * MINUTE_MS)

enum op { OP_IS, OP_IS_NOT, OP_HAS, OP_HAS_NOT, OP_BELOW, OP_ABOVE };
enum kind {
	KIND_TEXT,
	KIND_STATE,
	KIND_PRIORITY,
	KIND_NUMBER,
	KIND_SIZE,
	KIND_TIME,
	KIND_RCPT,
	KIND_DOMAIN,
	KIND_REPLY,
	KIND_CODE
};

struct term {
	const struct filter_field *field;
	enum op op;
	struct str text;
	uint64_t number;
};

enum step_kind { STEP_TERM, STEP_NOT, STEP_AND, STEP_OR, STEP_OPEN };
struct step {
	enum step_kind kind;
	struct term term;
};

struct filter {
	char *text; /* owned: the terms borrow from it */
	size_t n;
	struct step step[3 * FILTER_TERMS_MAX];
};

typedef struct str text_fn(const struct filter_subject *s, char tmp[ID_TEXT]);
typedef uint64_t number_fn(const struct filter_subject *s);
struct filter_field {
	const char *name;
	enum kind kind;
	text_fn *text;
	number_fn *number;
};

/* --- words -----------------------------------------------------------------
 */

static const char *const states[] = { "queued", "deferred", "held", "doubt",
	"dead", "damaged" };
static const char *const priorities[] = { "high", "normal", "low" };
#define COUNT(a) (sizeof(a) / sizeof(a)[0])

const char *
filter_state(const struct spool_row *row)
{
	if (row->state == SPOOL_ROW_DAMAGED)
		return "damaged";
	if (row->state == SPOOL_ROW_DEAD)
		return "dead";
	if (row->state == SPOOL_ROW_HELD)
		return row->hold == SPOOL_HOLD_DOUBT ? "doubt" : "held";
	return row->attempts > 0 ? "deferred" : "queued";
}

const char *
filter_cause(const struct spool_row *row)
{
	return row->hold == SPOOL_HOLD_NONE ? "" : spool_hold_word(row->hold);
}

const char *
filter_priority(uint8_t priority)
{
	return priority < COUNT(priorities) ? priorities[priority] : "unknown";
}

/* --- fields ----------------------------------------------------------------
 */

static struct str
of_id(const struct filter_subject *s, char tmp[ID_TEXT])
{
	id_text(s->row->key.mid, tmp);
	return str_of(tmp);
}

#define TEXT(name, what)                                                       \
	static struct str name(                                                \
	    const struct filter_subject *s, char tmp[ID_TEXT])                 \
	{                                                                      \
		(void)tmp;                                                     \
		return what;                                                   \
	}
#define NUMBER(name, what)                                                     \
	static uint64_t name(const struct filter_subject *s)                   \
	{                                                                      \
		return what;                                                   \
	}

static uint64_t
since(int64_t then, int64_t now)
{
	return now > then ? (uint64_t)(now - then) : 0;
}

TEXT(of_route, str_of(s->route))
TEXT(of_provider, s->row->provider)
TEXT(of_sender, s->row->sender)
TEXT(of_client, s->row->client)
TEXT(of_listener, s->row->listener)
TEXT(of_user, s->row->user)
TEXT(of_message_id, s->row->message_id)
TEXT(of_state, str_of(filter_state(s->row)))
TEXT(of_priority, str_of(filter_priority(s->row->key.priority)))
TEXT(of_cause,
    s->row->cause.len > 0 ? s->row->cause : str_of(filter_cause(s->row)))
NUMBER(of_lane, s->row->key.lane)
NUMBER(of_attempts, s->row->attempts)
NUMBER(of_size, s->row->size)
NUMBER(of_age, since(s->row->arrival_ms, s->now_ms))
NUMBER(of_due, since(s->now_ms, s->row->key.due_ms))

static const struct filter_field fields[] = {
	{ "age", KIND_TIME, NULL, of_age },
	{ "attempts", KIND_NUMBER, NULL, of_attempts },
	{ "cause", KIND_TEXT, of_cause, NULL },
	{ "client", KIND_TEXT, of_client, NULL },
	{ "code", KIND_CODE, NULL, NULL },
	{ "domain", KIND_DOMAIN, NULL, NULL },
	{ "due", KIND_TIME, NULL, of_due },
	{ "id", KIND_TEXT, of_id, NULL },
	{ "lane", KIND_NUMBER, NULL, of_lane },
	{ "listener", KIND_TEXT, of_listener, NULL },
	{ "message_id", KIND_TEXT, of_message_id, NULL },
	{ "priority", KIND_PRIORITY, of_priority, NULL },
	{ "provider", KIND_TEXT, of_provider, NULL },
	{ "rcpt", KIND_RCPT, NULL, NULL },
	{ "reply", KIND_REPLY, NULL, NULL },
	{ "route", KIND_TEXT, of_route, NULL },
	{ "sender", KIND_TEXT, of_sender, NULL },
	{ "size", KIND_SIZE, NULL, of_size },
	{ "state", KIND_STATE, of_state, NULL },
	{ "user", KIND_TEXT, of_user, NULL },
};
#define FIELD_NAMES                                                            \
	"age attempts cause client code domain due id lane listener "          \
	"message_id priority provider rcpt reply route sender size state "     \
	"user"

/* --- looking ---------------------------------------------------------------
 */

static bool
compare_number(enum op op, uint64_t is, uint64_t want)
{
	switch (op) {
	case OP_IS:
		return is == want;
	case OP_IS_NOT:
		return is != want;
	case OP_BELOW:
		return is < want;
	default:
		return is > want;
	}
}

static bool
text_fits(const struct term *t, struct str is)
{
	if (t->op == OP_HAS || t->op == OP_HAS_NOT)
		return str_has_case(is, t->text);
	return str_eq_case(is, t->text);
}

/* "454", "4.7.0", or with ~ how one of them begins. */
static bool
code_fits(const struct term *t, const struct spool_row_rcpt *r)
{
	char code[8];

	if (t->op == OP_BELOW || t->op == OP_ABOVE)
		return r->code > 0 && compare_number(t->op, r->code, t->number);
	(void)snprintf(code, sizeof code, "%u", r->code);
	if (t->op == OP_IS || t->op == OP_IS_NOT)
		return str_eq(str_of(code), t->text) ||
		       str_eq(r->enhanced, t->text);
	return (r->code > 0 && str_starts_case(str_of(code), t->text)) ||
	       str_starts_case(r->enhanced, t->text);
}

static struct str
domain_of(struct str address)
{
	struct str d = { address.p + address.len, 0 };

	while (d.len < address.len && d.p[-1] != '@') {
		d.p--;
		d.len++;
	}
	return d.len < address.len ? d : STR("");
}

/* Of a recipient, but for its code. */
static struct str
rcpt_text(const struct filter_field *f, const struct spool_row_rcpt *r)
{
	if (f->kind == KIND_REPLY)
		return r->text;
	return f->kind == KIND_RCPT ? r->address : domain_of(r->address);
}

static bool
rcpt_fits(const struct term *t, const struct spool_row_rcpt *r)
{
	if (t->field->kind == KIND_CODE)
		return code_fits(t, r);
	return text_fits(t, rcpt_text(t->field, r));
}

static bool
any_rcpt_fits(const struct term *t, const struct spool_row *row)
{
	for (size_t i = 0; i < row->nrcpts; i++) {
		if (rcpt_fits(t, &row->rcpts[i]))
			return true;
	}
	return false;
}

static bool
term_fits(const struct term *t, const struct filter_subject *s)
{
	bool no = t->op == OP_IS_NOT || t->op == OP_HAS_NOT;
	char tmp[ID_TEXT];

	if (t->field->number != NULL)
		return compare_number(t->op, t->field->number(s), t->number);
	if (t->field->text != NULL)
		return text_fits(t, t->field->text(s, tmp)) != no;
	return any_rcpt_fits(t, s->row) != no;
}

bool
filter_fits(const struct filter *f, const struct filter_subject *s)
{
	bool stack[FILTER_TERMS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < f->n; i++) {
		const struct step *step = &f->step[i];

		if (step->kind == STEP_TERM) {
			assert(n < FILTER_TERMS_MAX);
			stack[n++] = term_fits(&step->term, s);
		} else if (step->kind == STEP_NOT) {
			stack[n - 1] = !stack[n - 1];
		} else if (step->kind == STEP_AND) {
			n--;
			stack[n - 1] = stack[n - 1] && stack[n];
		} else {
			n--;
			stack[n - 1] = stack[n - 1] || stack[n];
		}
	}
	return n == 0 || stack[0];
}

/* --- showing ---------------------------------------------------------------
 */

const struct filter_field *
filter_field(struct str name)
{
	for (size_t i = 0; i < COUNT(fields); i++) {
		if (str_is(name, fields[i].name))
			return &fields[i];
	}
	return NULL;
}

const char *
filter_field_names(void)
{
	return FIELD_NAMES;
}

const char *
filter_field_name(const struct filter_field *f)
{
	return f->name;
}

bool
filter_is_number(const struct filter_field *f)
{
	return f->number != NULL;
}

uint64_t
filter_number(const struct filter_field *f, const struct filter_subject *s)
{
	return f->number(s);
}

/* The last reply of the first recipient that has one. */
static size_t
show_code(const struct spool_row *row, char out[FILTER_SHOWN])
{
	size_t n;

	for (size_t i = 0; i < row->nrcpts; i++) {
		const struct spool_row_rcpt *r = &row->rcpts[i];

		if (r->code == 0)
			continue;
		n = (size_t)snprintf(out, FILTER_SHOWN, "%u%s%.*s", r->code,
		    r->enhanced.len > 0 ? " " : "", (int)r->enhanced.len,
		    r->enhanced.p);
		return n < FILTER_SHOWN ? n : FILTER_SHOWN - 1;
	}
	return 0;
}

static struct str
first_text(const struct filter_field *f, const struct filter_subject *s,
    char tmp[ID_TEXT])
{
	struct str text = STR("");

	if (f->text != NULL)
		return f->text(s, tmp);
	for (size_t i = 0; i < s->row->nrcpts && text.len == 0; i++)
		text = rcpt_text(f, &s->row->rcpts[i]);
	return text;
}

struct str
filter_show(const struct filter_field *f, const struct filter_subject *s,
    char out[FILTER_SHOWN])
{
	struct str is = { out, 0 };
	char tmp[ID_TEXT];

	if (f->number != NULL) {
		is.len = (size_t)snprintf(
		    out, FILTER_SHOWN, "%" PRIu64, f->number(s));
	} else if (f->kind == KIND_CODE) {
		is.len = show_code(s->row, out);
	} else {
		struct str text = first_text(f, s, tmp);

		is.len = text.len < FILTER_SHOWN ? text.len : FILTER_SHOWN;
		if (is.len > 0)
			memcpy(out, text.p, is.len);
	}
	return is;
}

/* --- reading ---------------------------------------------------------------
 */

struct reading {
	struct filter *f;
	char *p, *end;
	size_t nterms, nnots, nopen;
	enum step_kind open[FILTER_DEPTH_MAX + 2 * FILTER_TERMS_MAX];
	size_t depth; /* "(" and "not" of open */
	struct err *err;
};

static size_t
column(const struct reading *g, const char *at)
{
	return (size_t)(at - g->f->text) + 1;
}

static int
wrong(struct reading *g, const char *at, const char *what)
{
	return err_set(
	    g->err, ERR_FORMAT, "column %zu: %s", column(g, at), what);
}

static bool
is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static void
skip_blanks(struct reading *g)
{
	while (g->p < g->end && (*g->p == ' ' || *g->p == '\t'))
		g->p++;
}

static struct str
read_word(struct reading *g)
{
	struct str w = { g->p, 0 };

	while (g->p < g->end && is_word(*g->p))
		g->p++;
	w.len = (size_t)(g->p - w.p);
	return w;
}

static int
read_op(struct reading *g, enum op *op)
{
	static const struct {
		const char *text;
		enum op op;
	} ops[] = { { "!=", OP_IS_NOT }, { "!~", OP_HAS_NOT }, { "=", OP_IS },
		{ "~", OP_HAS }, { "<", OP_BELOW }, { ">", OP_ABOVE } };

	skip_blanks(g);
	for (size_t i = 0; i < COUNT(ops); i++) {
		size_t n = strlen(ops[i].text);

		if ((size_t)(g->end - g->p) < n ||
		    memcmp(g->p, ops[i].text, n) != 0)
			continue;
		g->p += n;
		*op = ops[i].op;
		return 0;
	}
	return wrong(g, g->p,
	    "a comparison is missing; write = != ~ !~ < or > behind the field");
}

/* In place: what it takes away makes it shorter. */
static int
read_quoted(struct reading *g, struct str *v)
{
	char *from = g->p++, *to = g->p;

	v->p = to;
	while (g->p < g->end && *g->p != '"') {
		if (*g->p == '\\' && g->p + 1 < g->end)
			g->p++;
		*to++ = *g->p++;
	}
	if (g->p == g->end)
		return wrong(
		    g, from, "the quote is not closed; write another \"");
	g->p++;
	v->len = (size_t)(to - v->p);
	return 0;
}

/* "==", "=~", 'x': slips of who knows another language.  Taken as a part of the
 * value they would find nothing, and with != everything. */
static bool
is_slip(char c)
{
	return c == '=' || c == '~' || c == '>' || c == '!' || c == '\'';
}

static int
read_value(struct reading *g, struct str *v)
{
	skip_blanks(g);
	if (g->p < g->end && *g->p == '"')
		return read_quoted(g, v);
	if (g->p < g->end && is_slip(*g->p))
		return wrong(g, g->p,
		    "a value that begins so stands in \"\"; before it write "
		    "one of = != ~ !~ < >");
	*v = (struct str){ g->p, 0 };
	while (g->p < g->end && *g->p != ' ' && *g->p != '\t' && *g->p != ')' &&
	       *g->p != '(' && *g->p != '"')
		g->p++;
	v->len = (size_t)(g->p - v->p);
	if (v->len == 0)
		return wrong(
		    g, g->p, "a value is missing; \"\" is the empty one");
	if (str_eq(*v, STR("<>")))
		v->len = 0; /* the null sender */
	return 0;
}

static bool
is_one_of(struct str s, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (str_is(s, words[i]))
			return true;
	}
	return false;
}

struct unit {
	const char *name;
	uint64_t times;
};
static const struct unit times[] = { { "ms", 1 }, { "s", 1000 },
	{ "m", MINUTE_MS }, { "h", 60 * MINUTE_MS }, { "d", DAY_MS } };
static const struct unit sizes[] = { { "", 1 }, { "K", 1 << 10 },
	{ "M", 1 << 20 }, { "G", 1 << 30 } };
static const struct unit none[] = { { "", 1 } };

static bool
read_number(struct str s, const struct unit *u, size_t n, uint64_t *v)
{
	struct str digits = { s.p, 0 };
	struct str unit;

	while (digits.len < s.len && s.p[digits.len] >= '0' &&
	       s.p[digits.len] <= '9')
		digits.len++;
	unit = (struct str){ s.p + digits.len, s.len - digits.len };
	for (size_t i = 0; i < n; i++) {
		if (!str_is(unit, u[i].name))
			continue;
		return str_u64(digits, v) && *v <= UINT64_MAX / u[i].times &&
		       ((*v *= u[i].times), true);
	}
	return false;
}

static int
check_value(struct reading *g, struct term *t, const char *at)
{
	bool is_order = t->op == OP_BELOW || t->op == OP_ABOVE;
	bool is_text = t->op == OP_HAS || t->op == OP_HAS_NOT;

	/* such as a variable that is not set, in quotes */
	if (is_text && t->text.len == 0)
		return wrong(g, at,
		    "every text has the empty one in it; write a part, or = "
		    "or != for a field that is empty");
	switch (t->field->kind) {
	case KIND_STATE:
		return is_one_of(t->text, states, COUNT(states))
		           ? 0
		           : wrong(g, at,
		                 "there is no such state; write queued, "
		                 "deferred, held, doubt, dead or damaged");
	case KIND_PRIORITY:
		return is_one_of(t->text, priorities, COUNT(priorities))
		           ? 0
		           : wrong(g, at,
		                 "there is no such priority; write high, "
		                 "normal "
		                 "or low");
	case KIND_NUMBER:
		return read_number(t->text, none, COUNT(none), &t->number)
		           ? 0
		           : wrong(g, at, "that is no number; write digits");
	case KIND_SIZE:
		return read_number(t->text, sizes, COUNT(sizes), &t->number)
		           ? 0
		           : wrong(g, at,
		                 "that is no size; write one such as 64K or "
		                 "25M");
	case KIND_TIME:
		return read_number(t->text, times, COUNT(times), &t->number)
		           ? 0
		           : wrong(g, at,
		                 "that is no time; write one such as 90s, 2h "
		                 "or "
		                 "5d");
	case KIND_CODE:
		return !is_order || str_u64(t->text, &t->number)
		           ? 0
		           : wrong(g, at,
		                 "that is no code; write one such as 450");
	default:
		return 0;
	}
}

static int
check_op(struct reading *g, const struct term *t, const char *at)
{
	bool is_order = t->op == OP_BELOW || t->op == OP_ABOVE;
	bool is_text = t->op == OP_HAS || t->op == OP_HAS_NOT;

	if (t->field->number != NULL && is_text)
		return wrong(g, at, "it is a number; write = != < or >");
	if (t->field->number == NULL && t->field->kind != KIND_CODE && is_order)
		return wrong(g, at, "it is a text; write = != ~ or !~");
	if ((t->field->kind == KIND_STATE || t->field->kind == KIND_PRIORITY) &&
	    is_text)
		return wrong(g, at, "it is one of a few words; write = or !=");
	return 0;
}

static int
read_term(struct reading *g, struct str name)
{
	struct step *step = &g->f->step[g->f->n];
	struct term *t = &step->term;
	const char *at;

	*step = (struct step){ .kind = STEP_TERM };
	t->field = filter_field(name);
	if (t->field == NULL)
		return wrong(g, name.p,
		    "there is no such field; write one of " FIELD_NAMES);
	if (g->nterms++ == FILTER_TERMS_MAX)
		return wrong(g, name.p, "there are more than 64 comparisons");
	at = g->p;
	if (read_op(g, &t->op) != 0 || check_op(g, t, at) != 0)
		return -1;
	skip_blanks(g);
	at = g->p;
	if (read_value(g, &t->text) != 0 || check_value(g, t, at) != 0)
		return -1;
	g->f->n++;
	return 0;
}

static void
close_one(struct reading *g)
{
	enum step_kind kind = g->open[--g->nopen];

	g->depth -= kind == STEP_OPEN || kind == STEP_NOT;
	if (kind != STEP_OPEN)
		g->f->step[g->f->n++] = (struct step){ .kind = kind };
}

/* What binds at least as strongly is complete.  The kinds are in that order. */
static void
close_before(struct reading *g, enum step_kind kind)
{
	while (g->nopen > 0 && g->open[g->nopen - 1] <= kind)
		close_one(g);
}

static int
open_one(struct reading *g, enum step_kind kind, const char *at)
{
	if (kind == STEP_OPEN || kind == STEP_NOT) {
		if (g->depth++ == FILTER_DEPTH_MAX)
			return wrong(g, at, "more than 16 ( and not are open");
	}
	if (kind == STEP_NOT && g->nnots++ == FILTER_TERMS_MAX)
		return wrong(g, at, "not stands there more than 64 times");
	g->open[g->nopen++] = kind;
	return 0;
}

/* Of "not", "(" and a comparison: 1 that was one, 0 more of it follows. */
static int
read_operand(struct reading *g)
{
	const char *at = g->p;
	struct str w;

	if (g->p < g->end && *g->p == '(') {
		g->p++;
		return open_one(g, STEP_OPEN, at);
	}
	w = read_word(g);
	if (str_is(w, "not"))
		return open_one(g, STEP_NOT, at);
	if (w.len == 0)
		return wrong(
		    g, at, "a comparison is missing; write FIELD=VALUE");
	return read_term(g, w) != 0 ? -1 : 1;
}

/* Behind an operand.  1 it was ")", 0 another operand follows. */
static int
read_join(struct reading *g)
{
	const char *at = g->p;
	struct str w;

	if (*g->p == ')') {
		g->p++;
		close_before(g, STEP_OR);
		if (g->nopen == 0)
			return wrong(g, at, "no ( stands before this )");
		close_one(g);
		return 1;
	}
	w = read_word(g);
	if (!str_is(w, "and") && !str_is(w, "or"))
		return wrong(g, at,
		    "write \"and\" or \"or\" between two comparisons, and \"\" "
		    "around a value with blanks");
	close_before(g, str_is(w, "and") ? STEP_AND : STEP_OR);
	return open_one(g, str_is(w, "and") ? STEP_AND : STEP_OR, at);
}

static int
read_all(struct reading *g)
{
	int is = 0;

	skip_blanks(g);
	if (g->p == g->end)
		return 0;
	while (is == 0 || g->p < g->end) {
		is = is ? read_join(g) : read_operand(g);
		if (is < 0)
			return -1;
		skip_blanks(g);
	}
	close_before(g, STEP_OR);
	return g->nopen > 0 ? wrong(g, g->p, "a ( is not closed; write )") : 0;
}

int
filter_new(struct filter **fp, struct str text, struct err *err)
{
	struct reading g = { .err = err };

	if (text.len > FILTER_TEXT_MAX)
		return err_set(err, ERR_LIMIT,
		    "longer than %d bytes; write a shorter one",
		    FILTER_TEXT_MAX);
	g.f = mem_new(sizeof *g.f);
	g.f->text = mem_strn(text.len ? text.p : "", text.len);
	g.p = g.f->text;
	g.end = g.p + text.len;
	if (read_all(&g) != 0) {
		filter_free(&g.f);
		return -1;
	}
	*fp = g.f;
	return 0;
}

void
filter_free(struct filter **f)
{
	if (*f == NULL)
		return;
	free((*f)->text);
	free(*f);
	*f = NULL;
}

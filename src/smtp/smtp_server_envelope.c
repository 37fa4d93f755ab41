/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_server_envelope - MAIL and RCPT with their parameters (RFC 5321
 * 4.1.1.2 and 4.1.1.3, RFC 1870, 2852, 3030, 3461, 4865, 4954 5, 6152, 6531,
 * 6710, 8689).
 */
#include "smtp/smtp_server_state.h"

#include <string.h>

#include "postern/base/buf.h"
#include "postern/base/clock.h"
#include "postern/mail/address.h"
#include "postern/mail/xtext.h"

/* Refused recipients of a transaction: as many as a listener may be told to
 * take.  A client may ask for far too many, and learn it one by one. */
#define REFUSED_MAX 50000u
#define ENVID_MAX 100 /* RFC 3461 4.4 */
#define ORCPT_MAX 500 /* RFC 3461 4.2 */
#define AUTH_MAX 500  /* RFC 4954 5 */
#define HOLD_DIGITS 9 /* RFC 4865: future-release-integer */
#define BY_DIGITS 9   /* RFC 2852: by-time */

/* What a wrong argument gets. */
struct wrong {
	uint16_t code;
	const char *enhanced, *text;
};

/* A command under way: of m and r only the one that it fills is set. */
struct parse {
	struct smtp_server *server;
	struct smtp_mail *m;
	struct smtp_rcpt *r;
	unsigned seen; /* parameters, by their row */
	bool is_bare;  /* the path has no domain of its own */
};

struct param_row {
	const char *key;
	bool (*is_offered)(const struct smtp_server *s);
	/* NULL: taken. */
	const struct wrong *(*take)(
	    struct parse *p, const struct command_param *param);
};

/* A path and the parameters behind it. */
struct path_command {
	struct str keyword; /* "FROM:" */
	const struct param_row *params;
	size_t nparams;
	unsigned flags; /* of address_path() */
	struct wrong syntax, space, bad_path;
};

static const struct wrong not_offered = { 555, "5.5.4",
	"Parameter not recognized or not offered" };
static const struct wrong bad_params = { 501, "5.5.4",
	"Syntax error in parameters" };
static const struct wrong twice = { 501, "5.5.4",
	"The same parameter is given twice" };
static const struct wrong too_big = { 552, "5.3.4",
	"Message size exceeds the limit" };
static const struct wrong needs_utf8 = { 553, "5.6.7",
	"Non-ASCII address without SMTPUTF8" };
static const struct wrong bad_value = { 501, "5.5.4",
	"Bad value of a parameter" };
static const struct wrong held_twice = { 501, "5.5.4",
	"HOLDFOR and HOLDUNTIL are given together" };
static const struct wrong held_too_long = { 501, "5.5.4",
	"Messages are not held for so long, see EHLO" };
static const struct wrong held_beyond = { 501, "5.5.4",
	"BY is not later than the release" };

static bool
offers_size(const struct smtp_server *s)
{
	return s->esmtp && !s->settings.no_size;
}

static bool
offers_body(const struct smtp_server *s)
{
	return s->esmtp && s->settings.eight_bit;
}

static bool
offers_utf8(const struct smtp_server *s)
{
	return s->esmtp && s->settings.smtputf8 && s->settings.eight_bit;
}

static bool
offers_dsn(const struct smtp_server *s)
{
	return s->esmtp && s->settings.dsn;
}

static bool
offers_priority(const struct smtp_server *s)
{
	return s->esmtp && s->settings.mt_priority;
}

static bool
offers_require_tls(const struct smtp_server *s)
{
	return s->esmtp && s->settings.require_tls;
}

static bool
offers_hold(const struct smtp_server *s)
{
	return s->esmtp && s->settings.hold_max_s > 0 &&
	       s->hooks->now_ms != NULL;
}

static bool
offers_by(const struct smtp_server *s)
{
	return s->esmtp && s->settings.deliver_by;
}

static bool
offers_auth(const struct smtp_server *s)
{
	return s->esmtp && s->settings.auth;
}

static const struct wrong *
take_size(struct parse *p, const struct command_param *param)
{
	uint64_t max = p->server->settings.size_max;

	if (!command_size(param->value, &p->m->size))
		return &bad_value;
	return max != 0 && p->m->size > max ? &too_big : NULL;
}

static bool
offers_binary(const struct smtp_server *s)
{
	return s->settings.binary && s->settings.chunking;
}

static const struct wrong *
take_body(struct parse *p, const struct command_param *param)
{
	p->m->eight_bit = str_is(param->value, "8BITMIME");
	p->m->binary =
	    offers_binary(p->server) && str_is(param->value, "BINARYMIME");
	return p->m->eight_bit || p->m->binary || str_is(param->value, "7BIT")
	           ? NULL
	           : &bad_value;
}

static const struct wrong *
take_smtputf8(struct parse *p, const struct command_param *param)
{
	p->m->smtputf8 = true;
	return param->has_value ? &bad_value : NULL;
}

static const struct wrong *
take_ret(struct parse *p, const struct command_param *param)
{
	p->m->ret_full = str_is(param->value, "FULL");
	p->m->ret_hdrs = str_is(param->value, "HDRS");
	return p->m->ret_full || p->m->ret_hdrs ? NULL : &bad_value;
}

static const struct wrong *
take_envid(struct parse *p, const struct command_param *param)
{
	p->m->envid = param->value;
	if (param->value.len == 0 || param->value.len > ENVID_MAX)
		return &bad_value;
	return xtext_is_printable(param->value) ? NULL : &bad_value;
}

/* "-9" to "9"; "-0", "+1" and "01" are none (RFC 6710 3). */
static const struct wrong *
take_priority(struct parse *p, const struct command_param *param)
{
	struct str v = param->value;
	bool is_below = v.len == 2 && v.p[0] == '-';
	char digit = v.len > 0 ? v.p[v.len - 1] : 0;

	if ((v.len != 1 && !is_below) || digit < (is_below ? '1' : '0') ||
	    digit > '9')
		return &bad_value;
	p->m->priority = (int8_t)(is_below ? '0' - digit : digit - '0');
	return NULL;
}

static const struct wrong *
take_require_tls(struct parse *p, const struct command_param *param)
{
	p->m->require_tls = true;
	return param->has_value ? &bad_value : NULL;
}

static int64_t
hold_max_ms(const struct smtp_server *s)
{
	return s->hooks->now_ms(s->arg) +
	       (int64_t)s->settings.hold_max_s * 1000;
}

static const struct wrong *
take_hold(struct parse *p, int64_t release_ms)
{
	if (p->m->release_ms != 0)
		return &held_twice;
	p->m->release_ms = release_ms;
	return release_ms > hold_max_ms(p->server) ? &held_too_long : NULL;
}

static const struct wrong *
take_hold_for(struct parse *p, const struct command_param *param)
{
	uint64_t seconds;

	if (param->value.len == 0 || param->value.len > HOLD_DIGITS ||
	    param->value.p[0] == '0' || !command_size(param->value, &seconds))
		return &bad_value;
	return take_hold(p,
	    p->server->hooks->now_ms(p->server->arg) + (int64_t)seconds * 1000);
}

static const struct wrong *
take_hold_until(struct parse *p, const struct command_param *param)
{
	int64_t release_ms;

	if (!clock_parse_rfc3339(param->value, &release_ms))
		return &bad_value;
	return take_hold(p, release_ms > 0 ? release_ms : 1);
}

/* "120;R", "-5;NT": by-time, by-mode, by-trace (RFC 2852 4). */
static const struct wrong *
take_by(struct parse *p, const struct command_param *param)
{
	struct str mode = param->value;
	struct str digits = str_cut(&mode, ';');
	char sign = digits.len > 0 ? *digits.p : 0;
	uint64_t seconds;

	if (sign == '-' || sign == '+')
		(void)str_cut(&digits, sign);
	if (digits.len > BY_DIGITS || !command_size(digits, &seconds))
		return &bad_value;
	p->m->by_s = sign == '-' ? -(int32_t)seconds : (int32_t)seconds;
	p->m->by_trace = str_is(mode, "RT") || str_is(mode, "NT");
	if (str_is(mode, "N") || str_is(mode, "NT"))
		p->m->by_mode = 'N';
	else if ((str_is(mode, "R") || str_is(mode, "RT")) && p->m->by_s > 0)
		p->m->by_mode = 'R';
	return p->m->by_mode ? NULL : &bad_value;
}

/* The two may come in any order.  To be handed on before it is released it
 * cannot be. */
static const struct wrong *
hold_fault(const struct smtp_server *s, const struct smtp_mail *m)
{
	if (m->by_mode == 0 || m->release_ms == 0)
		return NULL;
	return m->release_ms >=
	               s->hooks->now_ms(s->arg) + (int64_t)m->by_s * 1000
	           ? &held_beyond
	           : NULL;
}

/* A mailbox in xtext, or "<>": nobody knows who. */
static const struct wrong *
take_auth(struct parse *p, const struct command_param *param)
{
	unsigned flags = offers_utf8(p->server) ? ADDRESS_UTF8 : 0;
	const struct wrong *w = NULL;
	struct address a;
	struct buf b;

	p->m->auth = param->value;
	if (str_is(param->value, "<>"))
		return NULL;
	if (param->value.len == 0 || param->value.len > AUTH_MAX)
		return &bad_value;
	buf_init(&b, AUTH_MAX);
	if (xtext_decode(&b, param->value) != 0 ||
	    address_mailbox(&a, buf_str(&b), flags) != ADDRESS_OK)
		w = &bad_value;
	buf_done(&b);
	return w;
}

static uint8_t
notify_bit(struct str word)
{
	if (str_is(word, "SUCCESS"))
		return SMTP_SUCCESS;
	if (str_is(word, "FAILURE"))
		return SMTP_FAILURE;
	return str_is(word, "DELAY") ? SMTP_DELAY : 0;
}

/* NEVER, or a list of the others (RFC 3461 4.1). */
static const struct wrong *
take_notify(struct parse *p, const struct command_param *param)
{
	struct str rest = param->value;
	unsigned bits = 0;

	if (str_is(rest, "NEVER")) {
		p->r->notify = SMTP_NEVER;
		return NULL;
	}
	if (rest.len == 0 || rest.p[rest.len - 1] == ',')
		return &bad_value;
	while (rest.len > 0) {
		unsigned bit = notify_bit(str_cut(&rest, ','));

		if (bit == 0)
			return &bad_value;
		bits |= bit;
	}
	p->r->notify = (uint8_t)bits;
	return NULL;
}

static bool
is_atom(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.p[i];

		if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
		        (c >= 'a' && c <= 'z') || c == '-' || c == '_' ||
		        c == '.'))
			return false;
	}
	return s.len > 0;
}

/* type ";" xtext; with SMTPUTF8 the type utf-8 may hold bytes above 0x7f (RFC
 * 6533 3). */
static const struct wrong *
take_orcpt(struct parse *p, const struct command_param *param)
{
	struct str rest = param->value;
	struct str type = str_cut(&rest, ';');

	p->r->orcpt = param->value;
	if (param->value.len > ORCPT_MAX || rest.len == 0 || !is_atom(type))
		return &bad_value;
	if (xtext_is_printable(rest))
		return NULL;
	return p->server->smtputf8 && str_is(type, "utf-8") &&
	               !str_is_ascii(rest)
	           ? NULL
	           : &bad_value;
}

static const struct param_row mail_params[] = {
	{ "SIZE", offers_size, take_size },
	{ "BODY", offers_body, take_body },
	{ "SMTPUTF8", offers_utf8, take_smtputf8 },
	{ "RET", offers_dsn, take_ret },
	{ "ENVID", offers_dsn, take_envid },
	{ "MT-PRIORITY", offers_priority, take_priority },
	{ "REQUIRETLS", offers_require_tls, take_require_tls },
	{ "HOLDFOR", offers_hold, take_hold_for },
	{ "HOLDUNTIL", offers_hold, take_hold_until },
	{ "BY", offers_by, take_by },
	{ "AUTH", offers_auth, take_auth },
};

static const struct param_row rcpt_params[] = {
	{ "NOTIFY", offers_dsn, take_notify },
	{ "ORCPT", offers_dsn, take_orcpt },
};

static const struct path_command mail_command = {
	.keyword = { "FROM:", 5 },
	.params = mail_params,
	.nparams = sizeof mail_params / sizeof mail_params[0],
	.flags = ADDRESS_NULL,
	.syntax = { 501, "5.5.4", "Syntax: MAIL FROM:<address>" },
	.space = { 501, "5.5.4",
	    "Syntax: MAIL FROM:<address>, no space behind the colon" },
	.bad_path = { 501, "5.1.7", "Bad sender address, write <name@domain>" },
};

static const struct path_command rcpt_command = {
	.keyword = { "TO:", 3 },
	.params = rcpt_params,
	.nparams = sizeof rcpt_params / sizeof rcpt_params[0],
	.flags = ADDRESS_POSTMASTER,
	.syntax = { 501, "5.5.4", "Syntax: RCPT TO:<address>" },
	.space = { 501, "5.5.4",
	    "Syntax: RCPT TO:<address>, no space behind the colon" },
	.bad_path = { 501, "5.1.3",
	    "Bad recipient address, write <name@domain>" },
};

static const struct wrong *
parse_param(struct parse *p, const struct path_command *c,
    const struct command_param *param)
{
	for (size_t i = 0; i < c->nparams; i++) {
		const struct param_row *row = &c->params[i];

		if (!str_is(param->key, row->key))
			continue;
		if (!row->is_offered(p->server))
			return &not_offered;
		if (p->seen & 1u << i)
			return &twice;
		p->seen |= 1u << i;
		return row->take(p, param);
	}
	return &not_offered;
}

static const struct wrong *
parse_params(struct parse *p, const struct path_command *c, struct str rest)
{
	const struct wrong *w;
	struct command_param param;
	int r;

	while ((r = command_param(&rest, p->server->smtputf8, &param)) > 0) {
		w = parse_param(p, c, &param);
		if (w != NULL)
			return w;
	}
	return r < 0 ? &bad_params : NULL;
}

/* The path behind the colon; a space before it is not the RFC's way (3.3), but
 * many a script's. */
static bool
find_path(struct smtp_server *s, struct str *path)
{
	struct str found = str_trim(*path);

	if (found.p != path->p && !smtp_server_lets(s, SMTP_SPACE_AFTER_COLON))
		return false;
	*path = found;
	return true;
}

/* "a@b" without <>, up to a space. */
static enum address_fault
bare_path(struct address *a, struct str path, unsigned flags, size_t *took)
{
	struct str word = str_cut(&path, ' ');

	*took = word.len;
	return address_mailbox(a, word, flags & ~(unsigned)ADDRESS_NULL);
}

static bool
is_bare(const struct address *a)
{
	return a->len > 0 && a->len == a->local_len;
}

/* false: it would be too long. */
static bool
qualify(struct address *a, const char *domain)
{
	struct str d = str_of(domain);

	if (domain == NULL || !is_bare(a))
		return true;
	if (a->len + 1 + d.len > ADDRESS_MAX)
		return false;
	a->text[a->len] = '@';
	memcpy(a->text + a->len + 1, d.p, d.len);
	a->len = (uint16_t)(a->len + 1 + d.len);
	return true;
}

/* "FROM:<path>" of the argument; *rest: what follows. */
static const struct wrong *
parse_path(struct parse *p, const struct path_command *c, struct str arg,
    struct address *a, struct str *rest)
{
	unsigned flags = c->flags | (offers_utf8(p->server) ? ADDRESS_UTF8 : 0);
	const char *domain = p->server->settings.domain;
	enum address_fault fault;
	struct str path = arg;
	size_t took = 0;

	if (domain != NULL)
		flags |= ADDRESS_LOCAL;
	if (!str_starts_case(arg, c->keyword))
		return &c->syntax;
	path.p += c->keyword.len;
	path.len -= c->keyword.len;
	if (!find_path(p->server, &path))
		return &c->space;
	if (path.len > 0 && *path.p != '<' &&
	    smtp_server_lets(p->server, SMTP_NO_BRACKETS))
		fault = bare_path(a, path, flags, &took);
	else
		fault = address_path(a, path, flags, &took);
	p->is_bare = fault == ADDRESS_OK && is_bare(a);
	if (fault == ADDRESS_OK && !qualify(a, domain))
		fault = ADDRESS_TOO_LONG;
	switch (fault) {
	case ADDRESS_OK:
		break;
	case ADDRESS_NEEDS_UTF8:
		return &needs_utf8;
	case ADDRESS_SYNTAX:
	case ADDRESS_TOO_LONG:
		return &c->bad_path;
	}
	*rest = (struct str){ path.p + took, path.len - took };
	return rest->len > 0 && *rest->p != ' ' ? &c->bad_path : NULL;
}

static void
say_wrong(struct smtp_server *s, const struct wrong *w)
{
	bool is_syntax = w->code == 501 || w->code == 555;

	if (is_syntax)
		smtp_server_bad(s, w->code, w->enhanced, w->text);
	else
		smtp_server_say(s, w->code, w->enhanced, w->text);
}

void
smtp_server_envelope_mail(struct smtp_server *s, struct str argument)
{
	struct smtp_mail m = { .size = 0 };
	struct parse p = { .server = s, .m = &m };
	struct smtp_reply r = { .code = 0 };
	const struct wrong *w;
	struct address a;
	struct str rest;

	s->smtputf8 = false;
	if (s->settings.messages_max != 0 &&
	    s->messages >= s->settings.messages_max) {
		smtp_server_say(s, 421, "4.7.0",
		    "Too many messages in one session, closing");
		return;
	}
	w = parse_path(&p, &mail_command, argument, &a, &rest);
	if (w == NULL)
		w = parse_params(&p, &mail_command, rest);
	if (w == NULL)
		w = hold_fault(s, &m);
	if (w == NULL && a.utf8 && !m.smtputf8)
		w = &needs_utf8;
	if (w != NULL) {
		say_wrong(s, w);
		return;
	}
	m.sender = address_str(&a);
	s->smtputf8 = m.smtputf8;
	s->binary = m.binary;
	s->pending = PENDING_MAIL;
	if (s->hooks->mail(s->arg, &m, &r) == SMTP_NOW)
		smtp_server_answer(s, &r);
}

void
smtp_server_envelope_mailed(struct smtp_server *s, const struct smtp_reply *r)
{
	s->open = r->code / 100 == 2;
	if (s->open) {
		s->rcpts = s->rcpts_refused = 0;
		smtp_server_set_phase(s, PHASE_MAIL);
	}
	smtp_server_reply(s, r);
	if (!s->open)
		s->smtputf8 = false;
}

void
smtp_server_envelope_rcpt(struct smtp_server *s, struct str argument)
{
	struct smtp_rcpt rcpt = { .notify = 0 };
	struct parse p = { .server = s, .r = &rcpt };
	struct smtp_reply r = { .code = 0 };
	const struct wrong *w;
	struct address a;
	struct str rest;

	if (s->rcpts_refused >= REFUSED_MAX) {
		smtp_server_say(
		    s, 421, "4.7.0", "Too many refused recipients, closing");
		return;
	}
	w = parse_path(&p, &rcpt_command, argument, &a, &rest);
	if (w == NULL)
		w = parse_params(&p, &rcpt_command, rest);
	if (w == NULL && a.utf8 && !s->smtputf8)
		w = &needs_utf8;
	if (w != NULL) {
		s->rcpts_refused++;
		say_wrong(s, w);
		return;
	}
	if (s->rcpts >= s->settings.recipients_max) {
		s->rcpts_refused++;
		smtp_server_say(s, 452, "4.5.3", "Too many recipients");
		return;
	}
	rcpt.address = address_str(&a);
	rcpt.is_bare = p.is_bare;
	s->pending = PENDING_RCPT;
	if (s->hooks->rcpt(s->arg, &rcpt, &r) == SMTP_NOW)
		smtp_server_answer(s, &r);
}

void
smtp_server_envelope_rcpted(struct smtp_server *s, const struct smtp_reply *r)
{
	if (r->code / 100 == 2) {
		s->rcpts++;
		smtp_server_set_phase(s, PHASE_RCPT);
	} else {
		s->rcpts_refused++;
	}
	smtp_server_reply(s, r);
}

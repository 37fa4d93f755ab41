/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/smtp_server.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/mail/address.h"

#include "smtp/smtp_reply.h"
#include "smtp/smtp_server_state.h"

#define NAME_MAX_OCTETS 255 /* of HELO, RFC 5321 4.5.3.1.2 */
/* What extensions add to the 512 octets of 4.5.3.1.4: SIZE, BODY and SMTPUTF8
 * (RFC 1870, 6152, 6531); ORCPT and NOTIFY (RFC 3461 5). */
#define LINE_FLOOR (512 + 26 + 17 + 10)
#define LINE_FLOOR_DSN (500 + 36)
#define LINE_FLOOR_MORE (15 + 11 + 34) /* RFC 6710, 8689, 4865 */
#define LINE_FLOOR_AUTH 500            /* RFC 4954 3 */

#define EHLO_LINES_MAX 24
#define EHLO_TEXT_MAX (262 + EHLO_LINES_MAX * 106 + 1)

enum {
	IN_START = 1 << PHASE_START,
	IN_READY = 1 << PHASE_READY,
	IN_MAIL = 1 << PHASE_MAIL,
	IN_RCPT = 1 << PHASE_RCPT,
	IN_CHUNKS = 1 << PHASE_CHUNKS,
	IN_ALL = IN_START | IN_READY | IN_MAIL | IN_RCPT | IN_CHUNKS,
};

enum {
	IDLES = 1 << 0,   /* only so many without a message */
	ALONE = 1 << 1,   /* takes no argument */
	MISSING = 1 << 2, /* a known command that is not built */
	FOREIGN = 1 << 3, /* of another protocol: the session ends */
};

static void cmd_ehlo(struct smtp_server *s, struct str argument);
static void cmd_helo(struct smtp_server *s, struct str argument);
static void cmd_help(struct smtp_server *s, struct str argument);
static void cmd_noop(struct smtp_server *s, struct str argument);
static void cmd_quit(struct smtp_server *s, struct str argument);
static void cmd_rset(struct smtp_server *s, struct str argument);
static void cmd_vrfy(struct smtp_server *s, struct str argument);

static const struct command_row {
	const char *verb;
	void (*handler)(struct smtp_server *s, struct str argument);
	unsigned phases; /* elsewhere 503 */
	unsigned flags;
} rows[] = {
	/* clang-format off */
	{ "MAIL", smtp_server_envelope_mail, IN_READY, IDLES },
	{ "RCPT", smtp_server_envelope_rcpt, IN_MAIL | IN_RCPT, 0 },
	{ "DATA", smtp_server_content_data, IN_MAIL | IN_RCPT, ALONE },
	{ "BDAT", smtp_server_content_bdat, IN_ALL, 0 }, /* eats its octets */
	{ "EHLO", cmd_ehlo, IN_ALL, IDLES },
	{ "HELO", cmd_helo, IN_ALL, IDLES },
	{ "RSET", cmd_rset, IN_ALL, IDLES | ALONE },
	{ "NOOP", cmd_noop, IN_ALL, IDLES },
	{ "QUIT", cmd_quit, IN_ALL, ALONE },
	{ "VRFY", cmd_vrfy, IN_ALL, IDLES },
	{ "HELP", cmd_help, IN_ALL, IDLES },
	{ "STARTTLS", NULL, IN_ALL, MISSING },
	{ "AUTH", NULL, IN_ALL, MISSING },
	{ "ETRN", NULL, IN_ALL, MISSING },
	{ "ATRN", NULL, IN_ALL, MISSING },
	{ "EXPN", NULL, IN_ALL, MISSING },
	{ "TURN", NULL, IN_ALL, MISSING },
	{ "SEND", NULL, IN_ALL, MISSING },
	{ "SOML", NULL, IN_ALL, MISSING },
	{ "SAML", NULL, IN_ALL, MISSING },
	{ "BURL", NULL, IN_ALL, MISSING },
	{ "XCLIENT", NULL, IN_ALL, MISSING },
	{ "XFORWARD", NULL, IN_ALL, MISSING },
	{ "GET", NULL, IN_ALL, FOREIGN },
	{ "POST", NULL, IN_ALL, FOREIGN },
	{ "PUT", NULL, IN_ALL, FOREIGN },
	{ "CONNECT", NULL, IN_ALL, FOREIGN },
	/* clang-format on */
};

static bool
is_legal(enum smtp_server_phase from, enum smtp_server_phase to)
{
	static const unsigned next[] = {
		[PHASE_NEW] = IN_START,
		[PHASE_START] = IN_READY | 1 << PHASE_CHUNK,
		[PHASE_READY] = IN_READY | IN_MAIL | 1 << PHASE_CHUNK,
		[PHASE_MAIL] = IN_READY | IN_RCPT | 1 << PHASE_CHUNK,
		[PHASE_RCPT] =
		    IN_READY | IN_RCPT | 1 << PHASE_DATA | 1 << PHASE_CHUNK,
		[PHASE_DATA] = IN_READY,
		[PHASE_CHUNK] =
		    IN_START | IN_READY | IN_MAIL | IN_RCPT | IN_CHUNKS,
		[PHASE_CHUNKS] = IN_READY | 1 << PHASE_CHUNK,
		[PHASE_DONE] = 0,
	};

	return to == PHASE_DONE || (next[from] & 1u << to) != 0;
}

void
smtp_server_set_phase(struct smtp_server *s, enum smtp_server_phase phase)
{
	assert(is_legal(s->phase, phase));
	s->phase = phase;
}

/* The octets that a command line may have, whatever line_max says. */
static size_t
line_floor(const struct smtp_server_settings *o)
{
	size_t floor = LINE_FLOOR + LINE_FLOOR_MORE;

	if (o->dsn)
		floor += LINE_FLOOR_DSN;
	if (o->auth)
		floor += LINE_FLOOR_AUTH;
	return floor;
}

struct smtp_server *
smtp_server_new(const struct smtp_server_settings *settings,
    const struct smtp_server_hooks *hooks, void *arg)
{
	size_t name = strlen(settings->hostname) + 1;
	size_t floor = line_floor(settings);
	struct smtp_server *s = mem_new(sizeof *s + name);

	s->settings = *settings;
	memcpy(s->hostname, settings->hostname, name);
	s->settings.hostname = s->hostname;
	s->hooks = hooks;
	s->arg = arg;
	s->phase = PHASE_NEW;
	command_lines_init(
	    &s->lines, settings->line_max > floor ? settings->line_max : floor);
	s->lines.bare_lf = settings->lenient & SMTP_BARE_NEWLINE;
	return s;
}

/* It may be AUTH's. */
static void
forget_held(struct smtp_server *s)
{
	if (s->held != NULL)
		mem_wipe(s->held, s->held_len);
	free(s->held);
	s->held = NULL;
}

void
smtp_server_free(struct smtp_server **s)
{
	if (*s == NULL)
		return;
	command_lines_done(&(*s)->lines);
	forget_held(*s);
	free((*s)->refusal);
	free((*s)->ending);
	free(*s);
	*s = NULL;
}

void
smtp_server_drop(struct smtp_server *s)
{
	bool was_open = s->open;

	s->open = false;
	s->paused = false;
	s->rcpts = s->rcpts_refused = 0;
	if (was_open)
		s->hooks->reset(s->arg);
}

static void
finish(struct smtp_server *s)
{
	smtp_server_drop(s);
	s->pending = PENDING_NONE;
	smtp_server_set_phase(s, PHASE_DONE);
}

/* Writes the line; the session's end, if it asks for one. */
static void
write_reply(struct smtp_server *s, const struct smtp_reply *r)
{
	struct smtp_reply_style style = { .enhanced = !s->settings.no_enhanced,
		.utf8 = s->smtputf8 };
	char line[512];

	assert(r->code >= 200 && r->code <= 599); /* a hook forgot to fill it */
	s->hooks->write(s->arg, line, smtp_reply_line(r, &style, line));
	if (r->close || r->code == 421)
		finish(s);
}

void
smtp_server_reply(struct smtp_server *s, const struct smtp_reply *r)
{
	static const char *const general[] = {
		[2] = "2.0.0", [4] = "4.0.0", [5] = "5.0.0"
	};
	unsigned class = r->code / 100u;

	if (s->hooks->replied != NULL)
		s->hooks->replied(s->arg, s->verb, r);
	if (r->enhanced[0] == '\0' && class < 6 && general[class] != NULL) {
		struct smtp_reply full = *r;

		memcpy(full.enhanced, general[class], sizeof "2.0.0");
		write_reply(s, &full);
		return;
	}
	write_reply(s, r);
}

void
smtp_server_say(struct smtp_server *s, uint16_t code, const char *enhanced,
    const char *text)
{
	struct smtp_reply r;

	smtp_reply_set(&r, code, enhanced, "%s", text);
	smtp_server_reply(s, &r);
}

void
smtp_server_bad(struct smtp_server *s, uint16_t code, const char *enhanced,
    const char *text)
{
	if (s->errors++ < s->settings.errors_max)
		smtp_server_say(s, code, enhanced, text);
	else
		smtp_server_say(s, 421, "4.7.0", "Too many errors, closing");
}

/* An answer to HELO or EHLO: no enhanced code (RFC 2034 4). */
static void
say_plain(struct smtp_server *s, uint16_t code, const char *text)
{
	struct smtp_reply r;

	smtp_reply_set(&r, code, "", "%s", text);
	if (s->hooks->replied != NULL)
		s->hooks->replied(s->arg, s->verb, &r);
	write_reply(s, &r);
}

bool
smtp_server_lets(struct smtp_server *s, enum smtp_lenient what)
{
	if (!(s->settings.lenient & what))
		return false;
	if (s->hooks->lenient != NULL)
		s->hooks->lenient(s->arg, what);
	return true;
}

static bool
is_printable(struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] < ' ' || s.p[i] >= 0x7f)
			return false;
	}
	return true;
}

/* A domain or an address literal (4.1.1.1). */
static bool
is_name(struct smtp_server *s, struct str name)
{
	if (name.len > NAME_MAX_OCTETS)
		return false;
	if (name.len > 0 && address_is_domain(name, 0))
		return true;
	return is_printable(name) && smtp_server_lets(s, SMTP_HELO_SYNTAX);
}

/* What HELO and EHLO share; false: refused. */
static bool
hello(struct smtp_server *s, struct str name, bool esmtp)
{
	if (!is_name(s, name)) {
		if (s->errors++ < s->settings.errors_max)
			say_plain(s, 501,
			    "Syntax: EHLO hostname (a domain, or an address "
			    "in [])");
		else
			say_plain(s, 421, "Too many errors, closing");
		return false;
	}
	smtp_server_drop(s);
	s->smtputf8 = false;
	s->esmtp = esmtp;
	smtp_server_set_phase(s, PHASE_READY);
	if (s->hooks->helo != NULL)
		s->hooks->helo(s->arg, name, esmtp);
	return true;
}

static void
cmd_helo(struct smtp_server *s, struct str argument)
{
	if (hello(s, argument, false))
		say_plain(s, 250, s->settings.hostname);
}

/* What an EHLO says behind its first line. */
struct ehlo {
	const char *line[EHLO_LINES_MAX + 1]; /* NULL at the end */
	size_t n;
	char size[32], hold[80], limits[64];
};

static void
offer(struct ehlo *e, bool is_offered, const char *line)
{
	if (is_offered && e->n < EHLO_LINES_MAX)
		e->line[e->n++] = line;
}

/* How long, and until when at most (RFC 4865 4). */
static bool
offers_hold(const struct smtp_server *s, char line[80])
{
	const struct smtp_server_settings *o = &s->settings;
	char until[40];

	if (o->hold_max_s == 0 || s->hooks->now_ms == NULL)
		return false;
	clock_rfc3339_s(
	    s->hooks->now_ms(s->arg) + (int64_t)o->hold_max_s * 1000, until);
	snprintf(
	    line, 80, "FUTURERELEASE %" PRIu32 " %s", o->hold_max_s, until);
	return true;
}

/* RFC 9422; how many domains the recipients have is no matter. */
static bool
offers_limits(const struct smtp_server_settings *o, char line[64])
{
	int n =
	    snprintf(line, 64, "LIMITS RCPTMAX=%" PRIu32, o->recipients_max);

	if (o->messages_max > 0)
		snprintf(line + n, 64 - (size_t)n, " MAILMAX=%" PRIu32,
		    o->messages_max);
	return o->limits;
}

static void
list_extensions(const struct smtp_server *s, struct ehlo *e)
{
	const struct smtp_server_settings *o = &s->settings;
	const char *const *more = o->extensions;

	snprintf(e->size, sizeof e->size, "SIZE %" PRIu64, o->size_max);
	e->n = 0;
	offer(e, !o->no_pipelining, "PIPELINING");
	offer(e, !o->no_size, e->size);
	offer(e, o->eight_bit, "8BITMIME");
	offer(e, o->smtputf8 && o->eight_bit, "SMTPUTF8");
	offer(e, o->chunking, "CHUNKING");
	offer(e, o->chunking && o->binary, "BINARYMIME");
	offer(e, o->dsn, "DSN");
	offer(e, o->mt_priority, "MT-PRIORITY");
	offer(e, offers_hold(s, e->hold), e->hold);
	offer(e, o->deliver_by, "DELIVERBY");
	offer(e, o->require_tls, "REQUIRETLS");
	offer(e, offers_limits(o, e->limits), e->limits);
	while (more != NULL && *more != NULL && e->n < EHLO_LINES_MAX - 1)
		offer(e, true, *more++);
	offer(e, !o->no_enhanced, "ENHANCEDSTATUSCODES");
	e->line[e->n] = NULL;
}

static void
cmd_ehlo(struct smtp_server *s, struct str argument)
{
	char text[EHLO_TEXT_MAX];
	struct ehlo e;
	size_t len;

	if (!hello(s, argument, true))
		return;
	list_extensions(s, &e);
	len = (size_t)snprintf(text, sizeof text, "250%c%.255s\r\n",
	    e.n == 0 ? ' ' : '-', s->settings.hostname);
	for (size_t i = 0; i < e.n; i++) {
		len += (size_t)snprintf(text + len, sizeof text - len,
		    "250%c%.100s\r\n", i + 1 == e.n ? ' ' : '-', e.line[i]);
	}
	assert(len < sizeof text);
	if (s->hooks->replied != NULL)
		s->hooks->replied(
		    s->arg, s->verb, &(struct smtp_reply){ .code = 250 });
	s->hooks->write(s->arg, text, len);
}

static void
cmd_rset(struct smtp_server *s, struct str argument)
{
	(void)argument;
	smtp_server_drop(s);
	if (s->phase != PHASE_START)
		smtp_server_set_phase(s, PHASE_READY);
	smtp_server_say(s, 250, "2.0.0", "Ok");
}

static void
cmd_noop(struct smtp_server *s, struct str argument)
{
	(void)argument;
	smtp_server_say(s, 250, "2.0.0", "Ok");
}

static void
cmd_vrfy(struct smtp_server *s, struct str argument)
{
	if (argument.len == 0)
		smtp_server_bad(s, 501, "5.5.4", "Syntax: VRFY address");
	else
		smtp_server_say(s, 252, "2.1.5",
		    "Cannot verify; send a message and it will be tried");
}

static void
cmd_help(struct smtp_server *s, struct str argument)
{
	(void)argument;
	smtp_server_say(s, 214, "2.0.0",
	    s->settings.chunking
	        ? "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"
	        : "EHLO HELO MAIL RCPT DATA RSET NOOP VRFY HELP QUIT");
}

static void
cmd_quit(struct smtp_server *s, struct str argument)
{
	struct smtp_reply r;

	(void)argument;
	smtp_reply_set(&r, 221, "2.0.0", "%.255s closing", s->hostname);
	r.close = true;
	smtp_server_reply(s, &r);
}

static const struct command_row *
find_row(struct str verb)
{
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (str_is(verb, rows[i].verb))
			return &rows[i];
	}
	return NULL;
}

bool
smtp_server_is_idling(struct smtp_server *s)
{
	if (s->idle_commands++ < s->settings.idle_commands_max)
		return false;
	smtp_server_say(
	    s, 421, "4.7.0", "Too many commands without a message, closing");
	return true;
}

static void
run_row(struct smtp_server *s, const struct command_row *row, struct str arg)
{
	s->verb = row->verb;
	if (row->flags & MISSING)
		smtp_server_bad(s, 502, "5.5.1", "Command not implemented");
	else if (row->flags & FOREIGN)
		smtp_server_say(s, 421, "4.7.0", "This is an SMTP server");
	else if (!(row->phases & 1u << s->phase))
		smtp_server_bad(s, 503, "5.5.1",
		    s->phase == PHASE_START ? "Say EHLO first"
		                            : "Bad sequence of commands");
	else if ((row->flags & ALONE) && arg.len > 0)
		smtp_server_bad(s, 501, "5.5.4", "No argument is allowed");
	else if (!(row->flags & IDLES) || !smtp_server_is_idling(s))
		row->handler(s, arg);
}

static void
run_command(struct smtp_server *s, struct str verb, struct str argument)
{
	const struct command_row *row = find_row(verb);

	if (row != NULL)
		run_row(s, row, argument);
	else
		smtp_server_bad(s, 500, "5.5.1", "Command not recognized");
}

/* What the owner says to a command is all it gets; a bad one counts. */
static void
say_owners(struct smtp_server *s, const struct smtp_reply *r)
{
	s->wants_line = s->lines.answering = r->code == 334;
	if (r->code < 500 || r->close || s->errors++ < s->settings.errors_max)
		smtp_server_reply(s, r);
	else
		smtp_server_say(s, 421, "4.7.0", "Too many errors, closing");
}

/* Does the owner take this command, or line of a dialogue, for his own? */
static bool
is_owners(struct smtp_server *s, struct str line, struct str verb,
    struct str argument)
{
	const struct command_row *row = find_row(verb);
	struct smtp_reply r = { .code = 0 };

	if (s->hooks->command == NULL || str_is(verb, "BDAT"))
		return false;
	if (row != NULL)
		s->verb = row->verb;
	switch (s->hooks->command(s->arg, verb, argument, &r)) {
	case SMTP_PASS:
		return false;
	case SMTP_LATER:
		s->pending = PENDING_COMMAND;
		s->held = mem_strn(line.p, line.len);
		s->held_len = line.len;
		return true;
	default:
		say_owners(s, &r);
		return true;
	}
}

static void
answered_command(struct smtp_server *s, const struct smtp_reply *r)
{
	struct str verb, argument;

	command_split((struct str){ s->held, s->held_len }, &verb, &argument);
	if (r->code != 0)
		say_owners(s, r);
	else
		run_command(s, verb, argument);
	forget_held(s);
}

static void
run_line(struct smtp_server *s, struct str line)
{
	struct str verb, argument;

	s->verb = "?";
	if (s->wants_line) {
		s->wants_line = s->lines.answering = false;
		s->verb = "AUTH";
		if (is_owners(s, line, STR(""), line))
			return;
	}
	if (command_is_dirty(line)) {
		smtp_server_bad(
		    s, 500, "5.5.2", "Bare CR, bare LF or NUL in a command");
		return;
	}
	command_split(line, &verb, &argument);
	if (verb.len == 0 || !is_owners(s, line, verb, argument))
		run_command(s, verb, argument);
}

static void
too_long(struct smtp_server *s)
{
	s->verb = s->lines.is_auth ? "AUTH" : "?";
	s->wants_line = s->lines.answering = false;
	if (s->lines.is_auth) /* RFC 4954 section 4 */
		smtp_server_bad(
		    s, 500, "5.5.6", "Authentication exchange line too long");
	else
		smtp_server_bad(s, 500, "5.5.2", "Line too long");
}

static size_t
take_command(struct smtp_server *s, const char *p, size_t n)
{
	struct str line;
	size_t took;
	enum command_status status =
	    command_lines_next(&s->lines, p, n, &took, &line);

	s->had_secret = s->had_secret || s->lines.is_auth;
	switch (status) {
	case COMMAND_LINE:
		if (s->lines.had_bare)
			(void)smtp_server_lets(s, SMTP_BARE_NEWLINE);
		run_line(s, line);
		command_lines_release(&s->lines);
		break;
	case COMMAND_TOO_LONG:
		too_long(s);
		break;
	case COMMAND_MORE:
		break;
	}
	return took;
}

size_t
smtp_server_feed(struct smtp_server *s, const char *p, size_t n)
{
	size_t took = 0;

	s->had_secret = false;
	while (took < n && s->phase != PHASE_NEW && s->phase != PHASE_DONE &&
	       s->pending == PENDING_NONE && !s->paused) {
		if (smtp_server_in_body(s))
			took += smtp_server_content_take(s, p + took, n - took);
		else
			took += take_command(s, p + took, n - took);
	}
	return took;
}

bool
smtp_server_had_secret(const struct smtp_server *s)
{
	return s->had_secret;
}

void
smtp_server_answer(struct smtp_server *s, const struct smtp_reply *r)
{
	enum smtp_server_pending pending = s->pending;

	if (s->phase == PHASE_DONE) /* it was ended meanwhile */
		return;
	assert(pending != PENDING_NONE);
	s->pending = PENDING_NONE;
	if (pending == PENDING_COMMAND)
		answered_command(s, r);
	else if (pending == PENDING_MAIL)
		smtp_server_envelope_mailed(s, r);
	else if (pending == PENDING_RCPT)
		smtp_server_envelope_rcpted(s, r);
	else
		smtp_server_content_answer(s, pending, r);
	if (s->ending != NULL && s->phase != PHASE_DONE)
		write_reply(s, s->ending);
}

void
smtp_server_resume(struct smtp_server *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	smtp_server_content_resume(s);
}

void
smtp_server_greet(struct smtp_server *s)
{
	struct smtp_reply r;

	smtp_reply_set(&r, 220, "", "%.255s ESMTP Postern", s->hostname);
	smtp_server_set_phase(s, PHASE_START);
	write_reply(s, &r);
}

void
smtp_server_begin(struct smtp_server *s, uint32_t messages)
{
	s->messages = messages;
	smtp_server_set_phase(s, PHASE_START);
}

void
smtp_server_refuse(struct smtp_server *s, const struct smtp_reply *r)
{
	struct smtp_reply last = *r;

	last.close = true;
	write_reply(s, &last);
}

void
smtp_server_end(struct smtp_server *s, const char *enhanced, const char *text)
{
	struct smtp_reply r;

	if (s->phase == PHASE_DONE || s->ending != NULL)
		return;
	smtp_reply_set(&r, 421, enhanced, "%s", text);
	if (s->pending != PENDING_END)
		write_reply(s, &r);
	else /* the message's fate is told first */
		s->ending = mem_dup(&r, sizeof r);
}

bool
smtp_server_is_done(const struct smtp_server *s)
{
	return s->phase == PHASE_DONE;
}

bool
smtp_server_is_waiting(const struct smtp_server *s)
{
	return s->pending != PENDING_NONE;
}

bool
smtp_server_in_body(const struct smtp_server *s)
{
	return (s->phase == PHASE_DATA || s->phase == PHASE_CHUNK) &&
	       s->pending == PENDING_NONE;
}

const char *
smtp_server_protocol(const struct smtp_server *s)
{
	if (!s->esmtp)
		return "SMTP";
	return s->smtputf8 ? "UTF8SMTP" : "ESMTP";
}

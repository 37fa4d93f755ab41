/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/client_hello - from the banner to a session that is ready: EHLO (or
 * HELO), STARTTLS, AUTH.  A refusal here is the session's end; where the server
 * still listens it gets a QUIT.
 */
#include <stdio.h>
#include <string.h>

#include "smtp/smtp_client_state.h"

/* Octets of a secret in a reply that make it one: fewer come by chance; and how
 * many are looked for, since a reply may be cut. */
enum { SHOWN_MIN = 4, SHOWN_MAX = 32 };

/* The server has said no: good bye, and the owner learns why. */
static void
refused(struct smtp_client *c, enum outcome_stage stage, const struct reply *r)
{
	struct outcome o;

	smtp_client_outcome(c, &o, stage, r);
	smtp_client_put(c, STR("QUIT\r\n"));
	smtp_client_flush(c);
	smtp_client_lose(c, &o);
}

/* We cannot, or must not, go on. */
static void
unable(struct smtp_client *c, enum outcome_stage stage, const char *text)
{
	smtp_client_put(c, STR("QUIT\r\n"));
	smtp_client_flush(c);
	smtp_client_lose_text(c, stage, OUTCOME_LOCAL, text);
}

static void
on_ehlo_line(void *arg, unsigned index, struct str text)
{
	capability_line(arg, index, text);
}

static void
greet(struct smtp_client *c, struct str verb, enum client_step s)
{
	smtp_client_put(c, verb);
	smtp_client_put(c, str_of(c->helo));
	smtp_client_put(c, STR("\r\n"));
	smtp_client_await(c, s);
}

void
client_hello_ehlo(struct smtp_client *c)
{
	c->caps = (struct capability){ 0 };
	reply_init(&c->reply, on_ehlo_line, &c->caps);
	greet(c, STR("EHLO "), STEP_EHLO);
}

void
client_hello_on_banner(struct smtp_client *c, const struct reply *r)
{
	if (r->code >= 400) {
		refused(c, OUTCOME_BANNER, r);
	} else if (r->code != 220) {
		smtp_client_nonsense(c, STEP_BANNER, r);
	} else {
		client_hello_ehlo(c);
		smtp_client_flush(c);
	}
}

static void
become_ready(struct smtp_client *c)
{
	c->password = (struct str){ 0 };
	buf_wipe(&c->said);
	c->sasl = (struct sasl){ 0 };
	smtp_client_set_phase(c, CLIENT_READY);
	c->hooks.ready(c->arg);
}

/* One line of the exchange.  The buffer is made large enough at once, so that
 * no copy of the secret is left behind by growing. */
static void
say_auth(struct smtp_client *c, struct str challenge)
{
	struct str line;

	buf_wipe(&c->said);
	if (buf_room(&c->said, SASL_LINE_MAX) == NULL ||
	    sasl_next(&c->sasl, challenge, &c->said) != 0) {
		buf_wipe(&c->said);
		smtp_client_lose_text(
		    c, OUTCOME_AUTH, OUTCOME_NONSENSE, c->sasl.fault);
		return;
	}
	line = buf_str(&c->said);
	smtp_client_await(c, STEP_AUTH);
	c->hooks.write(c->arg, line.p, line.len);
}

/* Of a line of the login: its response, as far as a reply would show it. */
static struct str
response_in(struct str line)
{
	struct str word = line;

	while (line.len > 0)
		word = str_cut(&line, ' ');
	word = str_cut(&word, '\r');
	if (word.len > SHOWN_MAX)
		word.len = SHOWN_MAX;
	return word;
}

void
client_hello_hide(const struct smtp_client *c, struct reply *r)
{
	static const char hidden[] =
	    "(the reply repeats what was sent to log in; it is not shown)";
	struct str text = { r->text, r->text_len };
	struct str said = response_in(buf_str(&c->said));
	struct str password = c->password;

	if (r->code == 334)
		return;
	if ((said.len < SHOWN_MIN || !str_has_case(text, said)) &&
	    (password.len < SHOWN_MIN || !str_has_case(text, password)))
		return;
	memcpy(r->text, hidden, sizeof hidden);
	r->text_len = sizeof hidden - 1;
}

static void
begin_auth(struct smtp_client *c)
{
	struct str user = str_of(c->user);
	const char *fault = sasl_fault(user, c->password);
	enum sasl_mechanism m = sasl_choose(c->auth, c->caps.set);
	char text[160];

	if (!c->secure && !c->auth_clear) {
		unable(c, OUTCOME_AUTH, "no password is sent without TLS");
	} else if (fault != NULL) {
		unable(c, OUTCOME_AUTH, fault);
	} else if (m == SASL_NONE) {
		snprintf(text, sizeof text,
		    "the server offers no AUTH that we may use (%s)",
		    c->caps.auth[0] != '\0' ? c->caps.auth : "none at all");
		unable(c, OUTCOME_AUTH, text);
	} else {
		sasl_init(&c->sasl, &(struct sasl_settings){ .mechanism = m,
		                        .user = user,
		                        .password = c->password,
		                        .nonce = c->nonce });
		say_auth(c, STR(""));
	}
}

static bool
wants_starttls(const struct smtp_client *c)
{
	bool has = (c->caps.set & SMTP_CAP_STARTTLS) != 0;

	return !c->secure && (c->tls == SMTP_TLS_STARTTLS ||
	                         (c->tls == SMTP_TLS_OPPORTUNISTIC && has));
}

/* The greeting is done: what comes next, in order. */
static void
go_on(struct smtp_client *c)
{
	reply_init(&c->reply, NULL, NULL);
	c->caps.set &= ~c->disable;
	if (!c->secure)
		c->caps.set &= ~(uint32_t)SMTP_CAP_REQUIRETLS;
	if (wants_starttls(c)) {
		if (!(c->caps.set & SMTP_CAP_STARTTLS)) {
			unable(c, OUTCOME_STARTTLS,
			    "the server does not offer STARTTLS; nothing is "
			    "sent in clear: something between may hide it, "
			    "compare port and tls_mode");
			return;
		}
		smtp_client_put(c, STR("STARTTLS\r\n"));
		smtp_client_await(c, STEP_STARTTLS);
		smtp_client_flush(c);
	} else if (c->user != NULL) {
		begin_auth(c);
	} else {
		become_ready(c);
	}
}

void
client_hello_on_ehlo(struct smtp_client *c, const struct reply *r)
{
	if (r->code >= 500) {
		c->caps = (struct capability){ 0 };
		reply_init(&c->reply, NULL, NULL);
		greet(c, STR("HELO "), STEP_HELO);
		smtp_client_flush(c);
	} else if (r->code >= 400) {
		refused(c, OUTCOME_EHLO, r);
	} else if (r->code != 250) {
		smtp_client_nonsense(c, STEP_EHLO, r);
	} else {
		go_on(c);
	}
}

void
client_hello_on_helo(struct smtp_client *c, const struct reply *r)
{
	if (r->code >= 400)
		refused(c, OUTCOME_EHLO, r);
	else if (r->code != 250)
		smtp_client_nonsense(c, STEP_HELO, r);
	else
		go_on(c);
}

void
client_hello_on_starttls(struct smtp_client *c, const struct reply *r)
{
	if (r->code >= 400 && c->tls == SMTP_TLS_OPPORTUNISTIC) {
		c->tls = SMTP_TLS_OFF;
		go_on(c);
	} else if (r->code >= 400) {
		refused(c, OUTCOME_STARTTLS, r);
	} else if (r->code != 220) {
		smtp_client_nonsense(c, STEP_STARTTLS, r);
	} else {
		smtp_client_set_phase(c, CLIENT_TLS);
	}
}

/* What a person has to know besides the server's words: what it told of a token
 * before its refusal, or that it may be the mechanism's fault. */
static void
refused_login(struct smtp_client *c, const struct reply *r)
{
	struct reply told = *r;
	size_t n = told.text_len, room = sizeof told.text - n;
	const char *word = sasl_plainer(&c->sasl, c->caps.set);

	if (c->sasl.status[0] != '\0')
		(void)snprintf(told.text + n, room,
		    " (status %s for the token)", c->sasl.status);
	else if (r->code == 535 && word != NULL &&
	         str_is(str_of(c->auth), "auto"))
		(void)snprintf(told.text + n, room,
		    " (by %s; if the password is right, write auth = \"%s\";)",
		    sasl_name(&c->sasl), word);
	told.text_len = (uint16_t)strlen(told.text);
	refused(c, OUTCOME_AUTH, &told);
}

void
client_hello_on_auth(struct smtp_client *c, const struct reply *r)
{
	if ((r->code == 500 || r->code == 501) && sasl_shorten(&c->sasl))
		say_auth(c, STR(""));
	else if (r->code >= 400)
		refused_login(c, r);
	else if (r->code == 334)
		say_auth(c, str_of(r->text));
	else if (r->code != 235)
		smtp_client_nonsense(c, STEP_AUTH, r);
	else if (!sasl_is_done(&c->sasl))
		smtp_client_lose_text(c, OUTCOME_AUTH, OUTCOME_NONSENSE,
		    "the server let us in without proving that it knows the "
		    "password: somebody else may have answered");
	else
		become_ready(c);
}

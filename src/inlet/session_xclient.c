/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_xclient.h"

#include <stdlib.h>

#include "postern/base/mem.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/session_admit.h"
#include "inlet/session_auth.h"
#include "inlet/session_state.h"
#include "inlet/xclient.h"

const char *
session_xclient_offer(const struct inlet_session *s)
{
	return s->may_xclient ? "XCLIENT NAME ADDR PORT PROTO HELO LOGIN"
	                      : NULL;
}

static void
add(struct log_line *l, const char *key, const struct xclient_text *t)
{
	if (t->given == XCLIENT_KNOWN)
		log_cstr(l, key, t->text);
}

/* Name, port and protocol have no effect but this line. */
static void
log_claim(const struct inlet_session *s, const struct xclient *x)
{
	char address[ADDR_TEXT];
	struct log_line l;

	if (!log_wants(LOG_LEVEL_DEBUG))
		return;
	log_begin(&l, &inlet_events[INLET_XCLIENT], 0, s->id);
	log_cstr(&l, "client", s->client);
	if (x->has_addr == XCLIENT_KNOWN) {
		addr_text(&x->addr, address);
		log_cstr(&l, "address", address);
	}
	add(&l, "name", &x->name);
	add(&l, "helo", &x->helo);
	add(&l, "proto", &x->proto);
	add(&l, "user", &x->login);
	log_end(&l);
}

static void
take_addr(struct inlet_session *s, const struct xclient *x)
{
	if (x->has_addr == XCLIENT_NOT)
		return;
	if (s->via == NULL)
		s->via = mem_str(s->client);
	/* Nobody's address is in no network. */
	s->is_check = x->has_addr == XCLIENT_UNKNOWN;
	if (x->has_addr == XCLIENT_KNOWN)
		inlet_session_peer(s, &x->addr);
}

static void
take_names(struct inlet_session *s, const struct xclient *x)
{
	if (x->helo.given != XCLIENT_NOT) {
		free(s->claimed_helo);
		s->claimed_helo = x->helo.given == XCLIENT_KNOWN
		                      ? mem_str(x->helo.text)
		                      : NULL;
	}
	if (x->login.given == XCLIENT_KNOWN)
		session_auth_be(s, str_of(x->login.text));
	else if (x->login.given == XCLIENT_UNKNOWN)
		session_auth_reset(s);
}

/* The greeting that is its answer comes from a new machine: this one takes
 * nothing more, and is not answered. */
int
session_xclient_run(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply)
{
	const char *fault;
	struct xclient x;

	if (!s->may_xclient)
		return SMTP_PASS; /* a command that is not there */
	if (s->msg != NULL)
		return smtp_reply_set(
		    reply, 503, "5.5.1", "Not in a transaction");
	if (xclient_parse(&x, argument, &fault) != 0)
		return smtp_reply_set(reply, 501, "5.5.4", "%s", fault);
	log_claim(s, &x);
	take_addr(s, &x);
	take_names(s, &x);
	s->is_reborn = true;
	return SMTP_LATER;
}

bool
session_xclient_restart(struct inlet_session *s)
{
	struct smtp_reply reply = { 0 };

	s->is_reborn = false;
	free(s->helo);
	s->helo = NULL;
	smtp_server_free(&s->smtp);
	s->smtp = inlet_session_machine(s);
	/* One that has been counted already keeps its place. */
	if (s->is_counted || session_admit(s, &reply)) {
		smtp_server_greet(s->smtp);
		return true;
	}
	smtp_server_refuse(s->smtp, &reply);
	inlet_session_finish(s, reply.text);
	return false;
}

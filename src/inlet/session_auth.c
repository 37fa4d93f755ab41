/* SPDX-License-Identifier: Apache-2.0 */
#include "inlet/session_auth.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/base/rand.h"
#include "postern/inlet/inlet.h"
#include "postern/inlet/users.h"
#include "postern/io/conn.h"
#include "postern/smtp/sasl_server.h"
#include "postern/smtp/scram.h"
#include "postern/smtp/smtp_server.h"

#include "inlet/clients.h"
#include "inlet/generation.h"
#include "inlet/inlet_core.h"
#include "inlet/provers.h"
#include "inlet/session_delay.h"
#include "inlet/session_lenient.h"
#include "inlet/session_state.h"

#define NONCE_OCTETS 16

struct session_auth {
	struct sasl_server *sasl;
	struct users *users; /* a reference: those of the newest settings */
	bool is_limited;     /* SCRAM: that name is not looked at */
	char external[USERS_NAME_MAX + 1]; /* whom the certificate names */
	char nonce[2 * NONCE_OCTETS + 1];
};

/* --- what is offered
 * ----------------------------------------------------------
 */

/* Whoever logs in after a reload does so by the newest file. */
static struct users *
newest_users(const struct inlet_session *s)
{
	return generation_settings(s->in->generation)->users;
}

/* A balancer's client may be anywhere. */
static bool
is_local(const struct inlet_session *s)
{
	return inlet_is_local(s->listener) && addr_is_loopback(&s->peer);
}

/* By its own strength, or because all may. */
static bool
is_safe(const struct inlet_session *s)
{
	return conn_is_secure(s->conn) || s->listener->allow_clear_auth ||
	       is_local(s);
}

static bool
may_be_clear(const struct inlet_session *s)
{
	return (session_lenient_words(s) & INLET_CLEAR_AUTH) != 0;
}

/* Any name and password; it makes nobody a user. */
static bool
takes_any(const struct inlet_session *s)
{
	return (session_lenient_words(s) & INLET_ANY_AUTH) != 0;
}

/* A certificate that the listener's client_ca vouches for, of a user. */
static bool
names_user(const struct inlet_session *s, char out[USERS_NAME_MAX + 1])
{
	return conn_tls_client(s->conn, out, USERS_NAME_MAX + 1) &&
	       users_find(newest_users(s), str_of(out)) != NULL;
}

static unsigned
offered(const struct inlet_session *s)
{
	const struct users *u = newest_users(s);
	char name[USERS_NAME_MAX + 1];
	unsigned bits = SASL_SERVER_PLAIN | SASL_SERVER_LOGIN;

	if (!is_safe(s) && !may_be_clear(s))
		return 0;
	if (takes_any(s))
		return bits;
	if (s->listener->auth == INLET_AUTH_OFF || u == NULL)
		return 0;
	/* Clients prefer it, and a hash of crypt(3) cannot serve it. */
	if (users_all_scram(u))
		bits |= SASL_SERVER_SCRAM;
	return names_user(s, name) ? bits | SASL_SERVER_EXTERNAL : bits;
}

const char *
session_auth_offer(const struct inlet_session *s)
{
	unsigned bits = offered(s);

	if (bits == 0)
		return NULL;
	if (bits & SASL_SERVER_EXTERNAL)
		return bits & SASL_SERVER_SCRAM
		           ? "AUTH PLAIN LOGIN SCRAM-SHA-256 EXTERNAL"
		           : "AUTH PLAIN LOGIN EXTERNAL";
	return bits & SASL_SERVER_SCRAM ? "AUTH PLAIN LOGIN SCRAM-SHA-256"
	                                : "AUTH PLAIN LOGIN";
}

bool
session_auth_is_missing(const struct inlet_session *s)
{
	return s->listener->auth == INLET_AUTH_REQUIRED && s->user == NULL;
}

/* A certificate is no secret of the file's. */
static bool
is_still(const struct inlet_session *s)
{
	const struct users *newest = newest_users(s);
	struct str name = str_of(s->user);
	const struct user *u = newest != NULL ? users_find(newest, name) : NULL;

	if (u == NULL || strcmp(s->mech, "EXTERNAL") == 0)
		return u != NULL;
	return users_is_same_secret(u, users_find(s->users, name));
}

bool
session_auth_is_over(const struct inlet_session *s)
{
	struct log_line l;

	if (s->mech == NULL || is_still(s)) /* NULL: XCLIENT's, or nobody */
		return false;
	log_begin(&l, &inlet_events[INLET_LOGIN_OVER], 0, s->id);
	log_cstr(&l, "listener", s->listener->name);
	log_cstr(&l, "client", s->client);
	log_cstr(&l, "user", s->user);
	log_cstr(&l, "mech", s->mech);
	log_end(&l);
	return true;
}

/* --- the end of an exchange
 * ---------------------------------------------------
 */

static void
log_login(const struct inlet_session *s, enum inlet_event ev, const char *text)
{
	const struct sasl_server *sasl = s->auth->sasl;
	struct log_line l;

	log_begin(&l, &inlet_events[ev], 0, s->id);
	log_cstr(&l, "listener", s->listener->name);
	log_cstr(&l, "client", s->client);
	log_str(&l, "user", sasl_server_user(sasl));
	log_cstr(&l, "mech", sasl_server_mechanism(sasl));
	if (text != NULL)
		log_cstr(&l, "text", text);
	log_end(&l);
}

/* Wipes what was said. */
static void
auth_end(struct inlet_session *s)
{
	struct session_auth *a = s->auth;

	s->auth = NULL;
	if (a == NULL)
		return;
	provers_forget(s->in->provers, s->id);
	sasl_server_free(&a->sasl);
	users_free(&a->users);
	mem_wipe(a, sizeof *a);
	free(a);
}

void
session_auth_reset(struct inlet_session *s)
{
	auth_end(s);
	s->user_policy = NULL;
	users_free(&s->users);
	free(s->user);
	s->user = NULL;
	s->mech = NULL;
	s->is_anybody = false;
}

void
session_auth_be(struct inlet_session *s, struct str user)
{
	struct users *users = newest_users(s);
	const struct user *u = users != NULL ? users_find(users, user) : NULL;

	session_auth_reset(s);
	s->user = mem_strn(user.p, user.len);
	if (u == NULL)
		return;
	s->users = users_ref(users);
	s->user_policy = &u->policy;
}

static void
count(struct inlet_session *s, enum meter_login what)
{
	meter_login(
	    &s->in->counters.meter, sasl_server_mechanism(s->auth->sasl), what);
}

/* The user may have gone from the file while his password was hashed by an
 * older one's: he is in that one. */
static int
let_in(struct inlet_session *s, struct smtp_reply *reply)
{
	struct session_auth *a = s->auth;
	struct str name = sasl_server_user(a->sasl);
	const struct user *u = users_find(a->users, name);

	assert(u != NULL && s->user == NULL);
	count(s, METER_LOGIN_OK);
	if (log_wants(LOG_LEVEL_DEBUG))
		log_login(s, INLET_LOGIN, NULL);
	s->user = mem_strn(name.p, name.len);
	s->mech = sasl_server_mechanism(a->sasl); /* a word of the program's */
	s->users = users_ref(a->users);
	s->user_policy = &u->policy;
	auth_end(s);
	return smtp_reply_set(reply, 235, "2.7.0", "Authenticated");
}

static int
refuse(struct inlet_session *s, struct smtp_reply *reply, uint16_t code,
    const char *enhanced, const char *text)
{
	s->auth_failures++;
	auth_end(s);
	return smtp_reply_set(reply, code, enhanced, "%s", text);
}

/* A slip of the protocol: it counts in this session only. */
static int
give_up(struct inlet_session *s, struct smtp_reply *reply, uint16_t code,
    const char *enhanced, const char *text)
{
	count(s, METER_LOGIN_BROKEN);
	return refuse(s, reply, code, enhanced, text);
}

static int
let_anybody_in(struct inlet_session *s, struct smtp_reply *reply)
{
	session_lenient_used(s, INLET_ANY_AUTH);
	count(s, METER_LOGIN_ANY);
	log_login(s, INLET_LOGIN_ANY, NULL);
	s->is_anybody = true;
	auth_end(s);
	return smtp_reply_set(reply, 235, "2.7.0", "Accepted");
}

/* 535 after a while. */
static int
fail(struct inlet_session *s, struct smtp_reply *reply, bool is_last)
{
	static const char text[] = "Wrong user or password";

	if (takes_any(s))
		return let_anybody_in(s, reply);
	count(s, METER_LOGIN_FAILED);
	log_login(s, INLET_LOGIN_FAILED, text);
	if (is_last)
		log_login(s, INLET_LOGIN_LIMIT,
		    "too many logins have failed, the next are refused "
		    "for a while");
	(void)refuse(s, reply, 535, "5.7.8", text);
	return session_delay(s, SESSION_AUTH_DELAY_MS, reply);
}

static int
limit(struct inlet_session *s, struct smtp_reply *reply)
{
	if (takes_any(s))
		return let_anybody_in(s, reply);
	count(s, METER_LOGIN_LIMITED);
	(void)refuse(
	    s, reply, 454, "4.7.0", "Too many failed logins, try again later");
	return session_delay(s, SESSION_AUTH_DELAY_MS, reply);
}

/* --- proofs
 * --------------------------------------------------------------------
 */

static struct login
login_of(const struct inlet_session *s)
{
	const struct session_auth *a = s->auth;

	return (struct login){
		.client = clients_key(&s->peer),
		.serial = users_serial(a->users),
		.user = sasl_server_user(a->sasl),
		.password = sasl_server_password(a->sasl),
		.limits = { s->listener->auth_failures_name,
		    s->listener->auth_failures_client },
	};
}

/* Nobody was asked: SCRAM's proof was wrong, or somebody else was named. */
static int
wrong(struct inlet_session *s, struct smtp_reply *reply)
{
	struct login l;

	if (s->auth->users == NULL)
		return let_anybody_in(s, reply);
	l = login_of(s);
	return fail(s, reply, logins_wrong(&l, clock_mono_ms()));
}

static int
conclude(
    struct inlet_session *s, enum provers_answer a, struct smtp_reply *reply)
{
	switch (a) {
	case PROVERS_RIGHT:
		return let_in(s, reply);
	case PROVERS_LIMITED:
		return limit(s, reply);
	case PROVERS_WRONG:
	case PROVERS_LAST:
		break;
	}
	return fail(s, reply, a == PROVERS_LAST);
}

static void
on_proof(void *arg, enum provers_answer a)
{
	struct inlet_session *s = arg;
	struct smtp_reply reply = { 0 };

	assert(s->magic == SESSION_MAGIC && s->auth != NULL);
	if (conclude(s, a, &reply) == SMTP_LATER)
		return;
	smtp_server_answer(s->smtp, &reply);
	inlet_session_go_on(s);
}

static int
hash(struct inlet_session *s, const struct login *l, struct smtp_reply *reply)
{
	const struct users *users = s->auth->users;
	const struct user *u = users_find(users, l->user);
	struct provers_question q = { .session = s->id,
		.login = *l,
		.user = u != NULL ? u : users_stand_in(users, l->user),
		.is_known = u != NULL };

	if (q.user == NULL) /* there are no users */
		return wrong(s, reply);
	if (provers_ask(s->in->provers, &q, on_proof, s) == 0)
		return SMTP_LATER;
	count(s, METER_LOGIN_LIMITED);
	auth_end(s);
	return smtp_reply_set(
	    reply, 454, "4.7.0", "Too many logins at once, try again later");
}

static int
prove(struct inlet_session *s, struct smtp_reply *reply)
{
	struct login l;

	if (s->auth->users == NULL) /* there for any-auth alone */
		return let_anybody_in(s, reply);
	l = login_of(s);
	switch (logins_ask(&l, clock_mono_ms())) {
	case LOGINS_PROVEN:
		return let_in(s, reply);
	case LOGINS_LIMITED:
		return limit(s, reply);
	case LOGINS_TRY:
		break;
	}
	return hash(s, &l, reply);
}

/* SCRAM, or EXTERNAL: it was proven without us. */
static int
proven(struct inlet_session *s, struct smtp_reply *reply)
{
	struct login l = login_of(s);

	logins_right(&l, clock_mono_ms());
	return let_in(s, reply);
}

/* --- the exchange
 * --------------------------------------------------------------
 */

static int
ask(struct inlet_session *s, struct smtp_reply *reply)
{
	struct str text = sasl_server_challenge(s->auth->sasl);

	if (s->auth->is_limited)
		return limit(s, reply);
	return smtp_reply_set(reply, 334, "", "%.*s", (int)text.len, text.p);
}

static int
take(struct inlet_session *s, enum sasl_server_state state,
    struct smtp_reply *reply)
{
	switch (state) {
	case SASL_SERVER_MORE:
		return ask(s, reply);
	case SASL_SERVER_PROVE:
		return prove(s, reply);
	case SASL_SERVER_PROVEN:
		return proven(s, reply);
	case SASL_SERVER_WRONG:
		return wrong(s, reply);
	case SASL_SERVER_CANCELLED:
		return give_up(s, reply, 501, "5.7.0", "Cancelled");
	case SASL_SERVER_UNKNOWN:
		return give_up(
		    s, reply, 504, "5.5.4", "Mechanism is not offered");
	case SASL_SERVER_SYNTAX:
		break;
	}
	return give_up(s, reply, 501, "5.5.2",
	    "Not base64, or not what the mechanism says");
}

static bool
on_verifier(void *arg, struct str user, struct scram_verifier *v)
{
	struct inlet_session *s = arg;
	struct login l = login_of(s);

	(void)user; /* it is the login's */
	s->auth->is_limited = logins_ask(&l, clock_mono_ms()) == LOGINS_LIMITED;
	return users_verifier(s->auth->users, l.user, v);
}

static void
auth_new(struct inlet_session *s)
{
	struct session_auth *a = mem_new(sizeof *a);
	struct sasl_server_settings set = { .offered = offered(s),
		.nonce = a->nonce,
		.verifier = on_verifier,
		.arg = s };
	unsigned char random[NONCE_OCTETS];

	rand_bytes(random, sizeof random);
	for (size_t i = 0; i < sizeof random; i++)
		(void)snprintf(a->nonce + 2 * i, 3, "%02x", random[i]);
	if ((set.offered & SASL_SERVER_EXTERNAL) && names_user(s, a->external))
		set.external = a->external;
	a->users = users_ref(newest_users(s));
	a->sasl = sasl_server_new(&set);
	s->auth = a;
}

/* Why AUTH is not possible now; 0: it is. */
static uint16_t
obstacle(struct inlet_session *s, struct str argument, struct smtp_reply *r)
{
	r->code = 0;
	if (s->auth_failures >= s->listener->auth_failures_max)
		(void)smtp_reply_set(r, 421, "4.7.0",
		    "Too many failed logins in one session, closing");
	else if (s->user != NULL || s->is_anybody)
		(void)smtp_reply_set(r, 503, "5.5.1", "Already logged in");
	else if (s->msg != NULL)
		(void)smtp_reply_set(r, 503, "5.5.1", "Not in a transaction");
	else if (strcmp(smtp_server_protocol(s->smtp), "SMTP") == 0)
		(void)smtp_reply_set(r, 503, "5.5.1", "Say EHLO first");
	else if (!is_safe(s) && !may_be_clear(s))
		(void)smtp_reply_set(
		    r, 538, "5.7.11", "Encryption required to log in");
	else if (newest_users(s) == NULL && !takes_any(s))
		(void)smtp_reply_set(r, 454, "4.7.0", "Nobody can log in now");
	else if (argument.len == 0)
		(void)smtp_reply_set(r, 501, "5.5.4", "Syntax: AUTH mechanism");
	return r->code;
}

int
session_auth_begin(
    struct inlet_session *s, struct str argument, struct smtp_reply *reply)
{
	if (s->listener->auth == INLET_AUTH_OFF && !takes_any(s))
		return SMTP_PASS; /* a command that is not there */
	auth_end(s);              /* one that ended in a line too long */
	if (obstacle(s, argument, reply) != 0)
		return SMTP_NOW;
	if (!is_safe(s))
		session_lenient_used(s, INLET_CLEAR_AUTH);
	auth_new(s);
	return take(s, sasl_server_begin(s->auth->sasl, argument), reply);
}

int
session_auth_line(
    struct inlet_session *s, struct str line, struct smtp_reply *reply)
{
	assert(s->auth != NULL);
	return take(s, sasl_server_line(s->auth->sasl, line), reply);
}

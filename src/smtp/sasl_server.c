/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/smtp/sasl_server.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "postern/base/mem.h"
#include "postern/smtp/base64.h"

#include "smtp/sasl_server_state.h"

/* --- PLAIN: [authzid] NUL authcid NUL password ------------------------------
 */

static bool
set_password(struct sasl_server *s, struct str password)
{
	if (password.len > sizeof s->password || !str_utf8_valid(password))
		return false;
	if (password.len > 0)
		memcpy(s->password, password.p, password.len);
	s->npassword = password.len;
	return true;
}

bool
sasl_server_set_user(struct sasl_server *s, struct str user)
{
	if (user.len == 0 || user.len > sizeof s->user || !str_utf8_valid(user))
		return false;
	memcpy(s->user, user.p, user.len);
	s->nuser = user.len;
	return true;
}

/* Exactly two NULs: what stands behind a third would be a password to one
 * parser and none to another. */
static size_t
count_nuls(struct str text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++)
		n += text.p[i] == '\0';
	return n;
}

static enum sasl_server_state
take_plain(struct sasl_server *s, struct str message)
{
	struct str authzid, user;

	if (count_nuls(message) != 2)
		return SASL_SERVER_SYNTAX;
	authzid = str_cut(&message, '\0');
	user = str_cut(&message, '\0');
	if (message.len == 0 || !str_utf8_valid(authzid) ||
	    !sasl_server_set_user(s, user) || !set_password(s, message))
		return SASL_SERVER_SYNTAX;
	/* Nobody acts for somebody else. */
	if (authzid.len > 0 && !str_eq(authzid, user))
		return SASL_SERVER_WRONG;
	return SASL_SERVER_PROVE;
}

/* --- LOGIN: two questions (draft-murchison-sasl-login) -----------------------
 */

static enum sasl_server_state
take_login(struct sasl_server *s, struct str message)
{
	if (count_nuls(message) != 0)
		return SASL_SERVER_SYNTAX;
	if (s->step == 0) {
		if (!sasl_server_set_user(s, message))
			return SASL_SERVER_SYNTAX;
		sasl_server_ask(s, STR("Password:"));
		return SASL_SERVER_MORE;
	}
	if (message.len == 0 || !set_password(s, message))
		return SASL_SERVER_SYNTAX;
	return SASL_SERVER_PROVE;
}

/* --- EXTERNAL: the name, or nothing: whom the connection has proven ---------
 */

static enum sasl_server_state
take_external(struct sasl_server *s, struct str message)
{
	struct str proven = str_of(s->settings.external);

	if (count_nuls(message) != 0 || !str_utf8_valid(message))
		return SASL_SERVER_SYNTAX;
	if (!sasl_server_set_user(s, proven))
		return SASL_SERVER_WRONG;
	return message.len == 0 || str_eq(message, proven) ? SASL_SERVER_PROVEN
	                                                   : SASL_SERVER_WRONG;
}

/* --- the exchange ----------------------------------------------------------
 */

static const struct sasl_server_mechanism mechanisms[] = {
	{ "PLAIN", SASL_SERVER_PLAIN, take_plain, "" },
	{ "LOGIN", SASL_SERVER_LOGIN, take_login, "VXNlcm5hbWU6" },
	{ "SCRAM-SHA-256", SASL_SERVER_SCRAM, sasl_server_scram_take, "" },
	{ "EXTERNAL", SASL_SERVER_EXTERNAL, take_external, "" },
};

struct sasl_server *
sasl_server_new(const struct sasl_server_settings *settings)
{
	struct sasl_server *s = mem_new(sizeof *s);

	s->settings = *settings;
	buf_init(&s->message, SASL_SERVER_LINE_MAX * 2);
	return s;
}

void
sasl_server_free(struct sasl_server **sp)
{
	struct sasl_server *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	buf_wipe(&s->message);
	mem_wipe(s, sizeof *s);
	free(s);
}

void
sasl_server_ask(struct sasl_server *s, struct str octets)
{
	struct buf b;
	int rc;

	buf_init(&b, SASL_SERVER_CHALLENGE_MAX);
	rc = base64_add(&b, octets);
	assert(rc == 0);
	s->nchallenge = b.len;
	if (b.len > 0)
		memcpy(s->challenge, buf_at(&b), b.len);
	buf_done(&b);
}

/* A response in base64; is the exchange to go on, the next one is a line. */
static enum sasl_server_state
take(struct sasl_server *s, struct str text)
{
	enum sasl_server_state state = SASL_SERVER_SYNTAX;
	struct buf octets;

	buf_init(&octets, SASL_SERVER_LINE_MAX);
	if (base64_take(&octets, text) == 0)
		state = s->mechanism->take(s, buf_str(&octets));
	buf_wipe(&octets);
	s->step++;
	return state;
}

static const struct sasl_server_mechanism *
find(unsigned offered, struct str name)
{
	for (size_t i = 0; i < sizeof mechanisms / sizeof mechanisms[0]; i++) {
		if ((offered & mechanisms[i].bit) != 0 &&
		    str_is(name, mechanisms[i].name))
			return &mechanisms[i];
	}
	return NULL;
}

enum sasl_server_state
sasl_server_begin(struct sasl_server *s, struct str argument)
{
	struct str rest = argument, name = str_cut(&rest, ' ');
	const char *prompt;

	assert(s->mechanism == NULL);
	s->mechanism = find(s->settings.offered, name);
	if (s->mechanism == NULL)
		return SASL_SERVER_UNKNOWN;
	if (rest.len > 0) /* "=" is an empty one */
		return take(s, str_is(rest, "=") ? STR("") : rest);
	prompt = s->mechanism->prompt;
	s->nchallenge = strlen(prompt);
	memcpy(s->challenge, prompt, s->nchallenge);
	return SASL_SERVER_MORE;
}

enum sasl_server_state
sasl_server_line(struct sasl_server *s, struct str line)
{
	assert(s->mechanism != NULL);
	s->nchallenge = 0;
	if (str_is(line, "*"))
		return SASL_SERVER_CANCELLED;
	return take(s, line);
}

struct str
sasl_server_challenge(const struct sasl_server *s)
{
	return (struct str){ s->challenge, s->nchallenge };
}

struct str
sasl_server_user(const struct sasl_server *s)
{
	return (struct str){ s->user, s->nuser };
}

struct str
sasl_server_password(const struct sasl_server *s)
{
	return (struct str){ s->password, s->npassword };
}

const char *
sasl_server_mechanism(const struct sasl_server *s)
{
	return s->mechanism != NULL ? s->mechanism->name : "";
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/inlet/meter.h"

#include <assert.h>
#include <string.h>

/* What comes often stands first. */
static const char *const verbs[METER_VERBS] = { "MAIL", "RCPT", "DATA", ".",
	"BDAT", "EHLO", "QUIT", "RSET", "STARTTLS", "AUTH", "HELO", "NOOP",
	"VRFY", "HELP", "XCLIENT", "other" };
static const char *const mechs[METER_MECHS] = { "PLAIN", "LOGIN",
	"SCRAM-SHA-256", "EXTERNAL", "other" };

/* The last one's number where it is none of them. */
static size_t
number_of(const char *const *words, size_t n, const char *word)
{
	size_t i = 0;

	while (i < n - 1 && strcmp(words[i], word) != 0)
		i++;
	return i;
}

void
meter_command(struct meter *m, const char *verb, uint16_t code)
{
	assert(code >= 200 && code < 600);
	stat_add(
	    &m->commands[number_of(verbs, METER_VERBS, verb)][code / 100 - 2],
	    1);
}

void
meter_login(struct meter *m, const char *mech, enum meter_login what)
{
	stat_add(&m->logins[number_of(mechs, METER_MECHS, mech)][what], 1);
}

const char *
meter_verb_word(size_t verb)
{
	return verbs[verb];
}

const char *
meter_class_word(size_t class)
{
	static const char *const words[METER_CLASSES] = { "2xx", "3xx", "4xx",
		"5xx" };

	return words[class];
}

const char *
meter_mech_word(size_t mech)
{
	return mechs[mech];
}

const char *
meter_login_word(enum meter_login what)
{
	static const char *const words[METER_LOGINS] = { "ok", "failed",
		"limited", "broken", "any" };

	return words[what];
}

const char *
meter_source_word(enum meter_source s)
{
	return s == METER_SMTP ? "smtp" : "sendmail";
}

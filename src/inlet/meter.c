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

/* By the enhanced code, which says more than the code (RFC 3463). */
static const struct {
	uint16_t code; /* 0: any */
	const char *enhanced;
	enum meter_reason reason;
} reasons[] = {
	{ 550, "5.5.2", METER_CONTENT },
	{ 0, "5.4.6", METER_CONTENT },
	{ 0, "5.5.1", METER_ORDER },
	{ 0, "5.5.2", METER_SYNTAX },
	{ 0, "5.5.4", METER_SYNTAX },
	{ 0, "5.5.6", METER_SYNTAX },
	{ 0, "5.1.3", METER_ADDRESS },
	{ 0, "5.1.7", METER_ADDRESS },
	{ 0, "5.6.7", METER_ADDRESS },
	{ 0, "5.7.1", METER_POLICY },
	{ 0, "5.7.0", METER_LOGIN },
	{ 0, "4.7.1", METER_RATE },
	{ 0, "5.3.4", METER_SIZE },
	{ 0, "4.5.3", METER_RECIPIENTS },
	{ 0, "4.3.1", METER_FULL },
	{ 0, "4.3.2", METER_BUSY },
	{ 0, "4.3.0", METER_STORE },
};

/* The verbs of a message stand first. */
#define VERBS_OF_MAIL 5

void
meter_rejection(
    struct meter *m, const char *verb, uint16_t code, const char *enhanced)
{
	enum meter_reason r = METER_ERROR_OTHER;

	if (number_of(verbs, METER_VERBS, verb) >= VERBS_OF_MAIL)
		return;
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
		if ((reasons[i].code == 0 || reasons[i].code == code) &&
		    strcmp(reasons[i].enhanced, enhanced) == 0) {
			r = reasons[i].reason;
			break;
		}
	}
	stat_add(&m->rejected[r], 1);
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
meter_reason_word(enum meter_reason r)
{
	static const char *const words[METER_REASONS] = { "syntax", "order",
		"address", "policy", "login", "rate", "size", "recipients",
		"content", "full", "busy", "store", "other" };

	return words[r];
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A list of rules is looked through in order; the first that matches says the
 * class.  The operator's patterns for the provider go before the generic list
 * below, which holds for every provider: wording first (because quota, rate
 * and identity come with any first digit), then enhanced code, code.  Lists of
 * their own have words that leave open who is meant, those about a recipient,
 * and what is left, by stage and digit.  What a class does is one row of
 * another table.
 */
#include "relay/verdict.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "postern/base/str.h"
#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#include "relay/wait_hint.h"

#define MIN_MS (60 * 1000ull)

/* clang-format off */
static const struct verdict_row rows[VERDICT_CLASSES] = {
[VERDICT_OK] =           { "ok",           VERDICT_TO_DONE,  VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_STALE] =        { "stale",        VERDICT_TO_SAME,  VERDICT_NEUTRAL,  true,  false, 0, 0 },
[VERDICT_RECYCLE] =      { "recycle",      VERDICT_TO_SAME,  VERDICT_SHORTENS, true,  false, 0, 0 },
[VERDICT_CONNS] =        { "conns",        VERDICT_TO_NEXT,  VERDICT_CROWDED,  true,  false, 0, 0 },
[VERDICT_RATE] =         { "rate",         VERDICT_TO_NEXT,  VERDICT_SLOWS,    true,  false, 0, 0 },
[VERDICT_QUOTA] =        { "quota",        VERDICT_TO_NEXT,  VERDICT_CLOSES,   true,  false, 0, 0 },
[VERDICT_BACKOFF] =      { "backoff",      VERDICT_TO_NEXT,  VERDICT_FAILS,    true,  false, 0, 0 },
[VERDICT_AUTH_TEMP] =    { "auth-temp",    VERDICT_TO_NEXT,  VERDICT_FAILS,    true,  false, 0, 0 },
[VERDICT_AUTH] =         { "auth",         VERDICT_TO_NEXT,  VERDICT_OPENS,    true,  true,  5 * MIN_MS, 60 * MIN_MS },
[VERDICT_SUSPENDED] =    { "suspended",    VERDICT_TO_NEXT,  VERDICT_OPENS,    true,  true,  15 * MIN_MS, 360 * MIN_MS },
[VERDICT_TLS] =          { "tls",          VERDICT_TO_NEXT,  VERDICT_OPENS,    true,  true,  MIN_MS, 60 * MIN_MS },
[VERDICT_NET] =          { "net",          VERDICT_TO_NEXT,  VERDICT_FAILS,    true,  false, 0, 0 },
[VERDICT_IDENTITY] =     { "identity",     VERDICT_TO_OTHER, VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_SPLIT] =        { "split",        VERDICT_TO_REST,  VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_UNFIT] =        { "unfit",        VERDICT_TO_OTHER, VERDICT_NEUTRAL,  false, false, 0, 0 },
[VERDICT_RCPT] =         { "rcpt",         VERDICT_TO_FAIL,  VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_RCPT_TEMP] =    { "rcpt-temp",    VERDICT_TO_WAIT,  VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_MESSAGE] =      { "message",      VERDICT_TO_FAIL,  VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_MESSAGE_TEMP] = { "message-temp", VERDICT_TO_LATER, VERDICT_FAILS,    false, false, 0, 0 },
[VERDICT_DEFERRED] =     { "deferred",     VERDICT_TO_LATER, VERDICT_HEALTHY,  false, false, 0, 0 },
[VERDICT_UNSURE] =       { "unsure",       VERDICT_TO_SAME,  VERDICT_FAILS,    true,  false, 0, 0 },
[VERDICT_POISON] =       { "poison",       VERDICT_TO_SUSPECT, VERDICT_NEUTRAL, false, false, 0, 0 },
[VERDICT_STRANGE] =      { "strange",      VERDICT_TO_NEXT,  VERDICT_OPENS,    true,  true,  15 * MIN_MS, 360 * MIN_MS },
[VERDICT_CORRUPT] =      { "corrupt",      VERDICT_TO_DEAD,  VERDICT_NEUTRAL,  false, true,  0, 0 },
};
/* clang-format on */

/* One rule.  Text and also are found anywhere, letter case ignored; enhanced
 * is a beginning, "" stands for none given.  NULL: whatever. */
struct verdict_rule {
	uint32_t stages;
	uint16_t low, high; /* codes */
	const char *enhanced, *text, *also;
	enum verdict_class class;
};

#define AT(stage) (1u << OUTCOME_##stage)
#define ANY (~0u)
#define NOT_RCPT (~AT(RCPT))
#define CONTENT (AT(DATA) | AT(BODY) | AT(DOT))
#define SENT (AT(MAIL) | AT(RCPT) | CONTENT)
#define NOT_RCPT_SENT (AT(MAIL) | CONTENT)
#define GREETING (AT(CONNECT) | AT(BANNER) | AT(EHLO))
#define ALL 400, 599
#define TEMP 400, 499
#define PERM 500, 599

/* clang-format off */
static const struct verdict_rule generic[] = {
/* the recipient's own affairs, whose words sound like ours */
{ AT(RCPT), TEMP, NULL,     "receiving mail at a rate", NULL, VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, NULL,     "greylist", NULL,             VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, NULL,     "graylist", NULL,             VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, NULL,     "recipient address rejected", NULL, VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, "4.2.2",  NULL, NULL,                   VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, "4.1.1",  NULL, NULL,                   VERDICT_RCPT_TEMP },
{ AT(RCPT), PERM, NULL,     "recipient address rejected", NULL, VERDICT_RCPT },
{ AT(RCPT), PERM, "5.2.1",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.2.2",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.1.1",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.1.2",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.1.3",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.1.6",  NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), 552, 552, NULL, "mailbox", NULL,              VERDICT_RCPT },
{ SENT, TEMP, NULL,         "receive limit", NULL,        VERDICT_RCPT_TEMP },
{ SENT, TEMP, "4.2.121",    NULL, NULL,                   VERDICT_RCPT_TEMP },
{ SENT, TEMP, "4.2.122",    NULL, NULL,                   VERDICT_RCPT_TEMP },
{ SENT, PERM, NULL,         "receive limit", NULL,        VERDICT_RCPT },
{ SENT, PERM, "5.2.121",    NULL, NULL,                   VERDICT_RCPT },
{ SENT, PERM, "5.2.122",    NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), TEMP, "4.2",    "per hour", "exceed",         VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, "4.2",    "per day", "exceed",          VERDICT_RCPT_TEMP },
{ AT(RCPT), TEMP, "4.2",    "receiv", "limit",            VERDICT_RCPT_TEMP },
{ AT(RCPT), PERM, "5.2",    "per hour", "exceed",         VERDICT_RCPT },
{ AT(RCPT), PERM, "5.2",    "per day", "exceed",          VERDICT_RCPT },
{ AT(RCPT), PERM, "5.2",    "receiv", "limit",            VERDICT_RCPT },
{ CONTENT, TEMP, NULL,      "greylist", NULL,             VERDICT_DEFERRED },
{ CONTENT, TEMP, NULL,      "graylist", NULL,             VERDICT_DEFERRED },
/* the session was idle for too long */
{ ANY, TEMP, NULL,          "timeout waiting for", NULL,  VERDICT_STALE },
{ ANY, TEMP, "4.4.2",       NULL, NULL,                   VERDICT_STALE },
/* sessions: how many, and how much on one */
{ ANY, ALL, NULL,           "too many messages", "session", VERDICT_RECYCLE },
{ ANY, ALL, NULL,           "too many messages", "connection", VERDICT_RECYCLE },
{ ANY, ALL, NULL,           "messages per connection", NULL, VERDICT_RECYCLE },
{ ANY, ALL, NULL,           "messages per session", NULL, VERDICT_RECYCLE },
{ ANY, TEMP, NULL,          "MI:DMC", NULL,               VERDICT_RECYCLE },
{ ANY, TEMP, NULL,          "RP:DRC", NULL,               VERDICT_RECYCLE },
{ ANY, 432, 432, NULL,      NULL, NULL,                   VERDICT_CONNS },
{ ANY, ALL, NULL,           "too many connections", NULL, VERDICT_CONNS },
{ ANY, ALL, NULL,           "too many concurrent", NULL,  VERDICT_CONNS },
{ ANY, ALL, NULL,           "too many sessions", NULL,    VERDICT_CONNS },
{ ANY, ALL, NULL,           "concurrent connection", NULL, VERDICT_CONNS },
{ ANY, ALL, NULL,           "concurrent session", NULL,   VERDICT_CONNS },
{ ANY, ALL, NULL,           "simultaneous connection", NULL, VERDICT_CONNS },
{ ANY, ALL, NULL,           "number of connections", "exceed", VERDICT_CONNS },
{ ANY, ALL, NULL,           "thread limit exceeded", NULL, VERDICT_CONNS },
{ ANY, TEMP, NULL,          "HL:ICC", NULL,               VERDICT_CONNS },
/* the account's allowance */
{ ANY, 452, 452, "4.5.3",   "message limit exceeded", NULL, VERDICT_RATE },
{ NOT_RCPT, ALL, "5.2.2",   "storedrv", NULL,             VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "submissionquotaexceeded", NULL, VERDICT_QUOTA },
{ ANY, ALL, NULL,           "daily", "limit",             VERDICT_QUOTA },
{ ANY, ALL, NULL,           "daily", "quota",             VERDICT_QUOTA },
{ ANY, ALL, NULL,           "monthly", "limit",           VERDICT_QUOTA },
{ ANY, ALL, NULL,           "monthly", "quota",           VERDICT_QUOTA },
{ ANY, ALL, NULL,           "hourly", "limit",            VERDICT_QUOTA },
{ ANY, ALL, NULL,           "hourly", "quota",            VERDICT_QUOTA },
{ ANY, ALL, NULL,           "per hour", "exceed",         VERDICT_QUOTA },
{ ANY, ALL, NULL,           "per day", "exceed",          VERDICT_QUOTA },
{ ANY, ALL, NULL,           "sending quota", NULL,        VERDICT_QUOTA },
{ ANY, ALL, NULL,           "sending limit", NULL,        VERDICT_QUOTA },
{ ANY, ALL, NULL,           "message quota", NULL,        VERDICT_QUOTA },
{ ANY, ALL, NULL,           "messaging limit", NULL,      VERDICT_QUOTA },
{ ANY, ALL, NULL,           "credits", "exceed",          VERDICT_QUOTA },
{ ANY, ALL, NULL,           "credit", "insufficient",     VERDICT_QUOTA },
{ ANY, ALL, NULL,           "out of credit", NULL,        VERDICT_QUOTA },
{ ANY, ALL, NULL,           "recipient limit exceeded", NULL, VERDICT_QUOTA },
{ ANY, ALL, NULL,           "recipient rate limit", NULL, VERDICT_QUOTA },
{ ANY, PERM, "5.7.233",     NULL, NULL,                   VERDICT_QUOTA },
{ ANY, PERM, "5.4.5",       NULL, NULL,                   VERDICT_QUOTA },
{ ANY, ALL, NULL,           "on probation", NULL,         VERDICT_QUOTA },
{ NOT_RCPT, ALL, NULL,      "quota exceeded", "account",  VERDICT_QUOTA },
{ NOT_RCPT, ALL, NULL,      "quota exceeded", "your",     VERDICT_QUOTA },
/* one sender, who sends too fast: the others go on, and it comes when the reply
 * says.  In other words it may be said of all (a server's own trouble) */
{ SENT, 450, 459, NULL,     "sender address rejected", "rate", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "limit", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "too many", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "too much", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "frequent", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "throttl", VERDICT_RCPT_TEMP },
{ SENT, 450, 459, NULL,     "sender address rejected", "slow down", VERDICT_RCPT_TEMP },
/* slower */
{ AT(AUTH), ALL, NULL,      "login attempts", NULL,       VERDICT_AUTH_TEMP },
{ ANY, ALL, NULL,           "throttl", NULL,              VERDICT_RATE },
{ ANY, ALL, NULL,           "rate limit", NULL,           VERDICT_RATE },
{ ANY, ALL, NULL,           "ratelimit", NULL,            VERDICT_RATE },
{ ANY, ALL, NULL,           "rate exceeded", NULL,        VERDICT_RATE },
{ ANY, ALL, NULL,           "sending rate", NULL,         VERDICT_RATE },
{ ANY, ALL, NULL,           "too frequently", NULL,       VERDICT_RATE },
{ ANY, ALL, NULL,           "frequency limit", NULL,      VERDICT_RATE },
{ ANY, ALL, NULL,           "relay limit exceeded", NULL, VERDICT_RATE },
{ ANY, ALL, NULL,           "per second limit", NULL,     VERDICT_RATE },
{ ANY, ALL, NULL,           "per minute limit", NULL,     VERDICT_RATE },
{ ANY, ALL, NULL,           "too many messages", NULL,    VERDICT_RATE },
{ ANY, ALL, NULL,           "too many emails", NULL,      VERDICT_RATE },
{ ANY, ALL, NULL,           "slow down", NULL,            VERDICT_RATE },
{ ANY, TEMP, NULL,          "MI:SFQ", NULL,               VERDICT_RATE },
{ ANY, TEMP, NULL,          "HL:IFC", NULL,               VERDICT_RATE },
{ NOT_RCPT, TEMP, "4.7",    "rate", NULL,                 VERDICT_RATE },
/* the account is blocked; at RCPT such words speak of the recipient, unless
 * they say "your account" */
{ AT(RCPT), ALL, NULL,      "your account", "suspend",    VERDICT_SUSPENDED },
{ AT(RCPT), ALL, NULL,      "your account", "disabled",   VERDICT_SUSPENDED },
{ AT(RCPT), ALL, NULL,      "your account", "block",      VERDICT_SUSPENDED },
{ AT(RCPT), ALL, NULL,      "your account", "locked",     VERDICT_SUSPENDED },
{ SENT, ALL, NULL,          "sending from", "disabled",   VERDICT_SUSPENDED },
{ NOT_RCPT, ALL, NULL,      "account", "suspend",         VERDICT_SUSPENDED },
{ NOT_RCPT, ALL, NULL,      "sending", "suspend",         VERDICT_SUSPENDED },
{ AT(MAIL), ALL, NULL,      "suspended", NULL,            VERDICT_SUSPENDED },
{ NOT_RCPT_SENT, ALL, NULL, "account", "disabled",        VERDICT_SUSPENDED },
{ NOT_RCPT, ALL, NULL,      "account", "blocked",         VERDICT_SUSPENDED },
{ NOT_RCPT, ALL, NULL,      "account", "locked",          VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "account unavailable", NULL,  VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "activate your", NULL,        VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "sending paused", NULL,       VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "sending is paused", NULL,    VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "bad outbound sender", NULL,  VERDICT_SUSPENDED },
{ ANY, ALL, NULL,           "sender address blocked", NULL, VERDICT_SUSPENDED },
{ SENT, ALL, NULL,          "is not allowed to send:", NULL, VERDICT_SUSPENDED },
/* this sender, here */
{ SENT, PERM, NULL,         "is not verified", NULL,      VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "verified sender", NULL,      VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "sender identity", NULL,      VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "unverified", "sender",       VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "sending domain", NULL,       VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "sendasdenied", NULL,         VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "send as", NULL,              VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "authorized to send", NULL,   VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "allowed to send", NULL,      VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "not owned by", NULL,         VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "sender address rejected", NULL, VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "relaying disallowed", NULL,  VERDICT_IDENTITY },
{ SENT, ALL, NULL,          "conform with authentication", NULL, VERDICT_IDENTITY },
/* TLS and login */
{ AT(STARTTLS) | AT(TLS), 421, 421, NULL, NULL, NULL,     VERDICT_BACKOFF },
{ AT(STARTTLS) | AT(TLS), ALL, NULL, NULL, NULL,          VERDICT_TLS },
{ ANY, 530, 530, NULL,      "starttls", NULL,             VERDICT_TLS },
{ AT(AUTH), 421, 421, NULL, NULL, NULL,                   VERDICT_BACKOFF },
{ AT(AUTH), TEMP, NULL,     NULL, NULL,                   VERDICT_AUTH_TEMP },
{ AT(AUTH), 550, 550, NULL, "try again in", NULL,         VERDICT_RATE },
{ AT(AUTH), PERM, NULL,     NULL, NULL,                   VERDICT_AUTH },
{ ANY, 530, 530, NULL,      NULL, NULL,                   VERDICT_AUTH },
{ ANY, 534, 535, NULL,      NULL, NULL,                   VERDICT_AUTH },
{ ANY, 538, 538, NULL,      NULL, NULL,                   VERDICT_AUTH },
{ SENT, PERM, "5.7.30",     "requiretls", NULL,           VERDICT_UNFIT },
{ ANY, PERM, "5.7.30",      NULL, NULL,                   VERDICT_AUTH },
{ SENT, PERM, NULL,         "authentication", "required", VERDICT_AUTH },
{ SENT, PERM, NULL,         "not authenticated", NULL,    VERDICT_AUTH },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "without authentication", NULL, VERDICT_AUTH },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "smtp authentication", NULL, VERDICT_AUTH },
{ SENT, 503, 503, NULL,     "auth", NULL,                 VERDICT_AUTH },
/* busy, or out of step with us */
{ ANY, 421, 421, NULL,      NULL, NULL,                   VERDICT_BACKOFF },
{ ANY, TEMP, NULL,          "server busy", NULL,          VERDICT_BACKOFF },
{ ANY, TEMP, NULL,          "DT:SPM", NULL,               VERDICT_BACKOFF },
{ GREETING, ALL, NULL,      NULL, NULL,                   VERDICT_BACKOFF },
{ AT(IDLE) | AT(RSET) | AT(NOOP) | AT(QUIT), ALL, NULL, NULL, NULL,  VERDICT_BACKOFF },
{ SENT, 500, 500, NULL,     NULL, NULL,                   VERDICT_BACKOFF },
{ SENT, 502, 504, NULL,     NULL, NULL,                   VERDICT_BACKOFF },
/* too many recipients at once */
{ SENT, ALL, NULL,          "too many recipients", NULL,  VERDICT_SPLIT },
{ SENT, ALL, NULL,          "separate transaction", NULL, VERDICT_SPLIT },
{ SENT, ALL, NULL,          "number of rcpts", NULL,      VERDICT_SPLIT },
{ SENT, 452, 452, "4.5.3",  NULL, NULL,                   VERDICT_SPLIT },
{ AT(RCPT), 552, 552, "5.5.3", NULL, NULL,                VERDICT_SPLIT },
{ AT(RCPT), 452, 452, "",   NULL, NULL,                   VERDICT_SPLIT },
{ AT(RCPT), 552, 552, "",   NULL, NULL,                   VERDICT_SPLIT },
/* the message's own size and form */
{ AT(MAIL), PERM, "5.3.4",  NULL, NULL,                   VERDICT_MESSAGE },
{ AT(MAIL), PERM, "5.6",    NULL, NULL,                   VERDICT_MESSAGE },
{ CONTENT, PERM, "5.3.4",   NULL, NULL,                   VERDICT_MESSAGE },
{ CONTENT, PERM, "5.6",     NULL, NULL,                   VERDICT_MESSAGE },
{ NOT_RCPT_SENT, 552, 552, NULL, "size", NULL,            VERDICT_MESSAGE },
{ NOT_RCPT_SENT, 552, 552, NULL, "too big", NULL,         VERDICT_MESSAGE },
{ NOT_RCPT_SENT, 552, 552, NULL, "too large", NULL,       VERDICT_MESSAGE },
{ AT(MAIL), TEMP, "4.1",    NULL, NULL,                   VERDICT_DEFERRED },
};

/* Words that leave open who is meant, and that go before those about a
 * recipient: guesses.  Who may not relay may be this sender, or all that come
 * from here. */
static const struct verdict_rule doubtful[] = {
{ SENT, PERM, NULL,         "unable to relay", NULL,      VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "relay access denied", NULL,  VERDICT_IDENTITY },
{ SENT, PERM, NULL,         "relaying denied", NULL,      VERDICT_IDENTITY },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "relaying", NULL,      VERDICT_IDENTITY },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "to relay", NULL,      VERDICT_IDENTITY },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "relay not", NULL,     VERDICT_IDENTITY },
{ AT(MAIL) | AT(RCPT), PERM, NULL, "relay denied", NULL,  VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "rcpthosts", NULL,            VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "client host rejected", NULL, VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "helo command rejected", NULL, VERDICT_IDENTITY },
{ SENT, PERM, "5.1.7",      NULL, NULL,                   VERDICT_IDENTITY },
{ SENT, PERM, "5.1.8",      NULL, NULL,                   VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "sender ", NULL,              VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "unknown sender", NULL,       VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "invalid sender", NULL,       VERDICT_IDENTITY },
{ AT(RCPT), PERM, NULL,     "account", "suspend",         VERDICT_RCPT },
{ AT(RCPT), PERM, NULL,     "account", "disabled",        VERDICT_RCPT },
{ AT(RCPT), PERM, NULL,     "account", "blocked",         VERDICT_RCPT },
{ AT(RCPT), PERM, NULL,     "account", "locked",          VERDICT_RCPT },
};

/* The recipient, in the words of most servers: where no enhanced code says
 * that it is about something else. */
static const struct verdict_rule recipients[] = {
{ AT(RCPT), PERM, "5.1",    NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.2",    NULL, NULL,                   VERDICT_RCPT },
{ AT(RCPT), PERM, "5.0",    "no such", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "5.0",    "unknown", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "5.3",    "no such", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "5.3",    "unknown", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "mailbox", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "recipient rejected", NULL,   VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "no such", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "unknown", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "invalid", NULL,              VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "not exist", NULL,            VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "n't exist", NULL,            VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "not found", NULL,            VERDICT_RCPT },
{ AT(RCPT), PERM, "",       "unrouteable", NULL,          VERDICT_RCPT },
};

/* What is left is a guess: the digit says who is meant.  At MAIL a server knows
 * no more than sender and size. */
static const struct verdict_rule digits[] = {
{ AT(MAIL) | AT(RCPT), PERM, NULL, "relay", NULL,         VERDICT_IDENTITY },
{ AT(MAIL), 552, 552, NULL, NULL, NULL,                   VERDICT_MESSAGE },
{ AT(MAIL), PERM, NULL,     NULL, NULL,                   VERDICT_IDENTITY },
{ AT(MAIL), TEMP, NULL,     NULL, NULL,                   VERDICT_MESSAGE_TEMP },
{ AT(RCPT), TEMP, NULL,     NULL, NULL,                   VERDICT_RCPT_TEMP },
{ AT(RCPT), PERM, NULL,     NULL, NULL,                   VERDICT_RCPT },
{ ANY, TEMP, NULL,          NULL, NULL,                   VERDICT_MESSAGE_TEMP },
{ CONTENT, PERM, NULL,      NULL, NULL,                   VERDICT_MESSAGE },
{ ANY, 0, 999, NULL,        NULL, NULL,                   VERDICT_BACKOFF },
};
/* clang-format on */

static bool
has(const struct outcome *o, const char *text)
{
	return !text || str_has_case(str_of(o->text), str_of(text));
}

/* "5.7.1" begins with "5.7" and with "5.7.1", but "5.7.10" not with the
 * latter. */
static bool
is_enhanced(const struct outcome *o, const char *want)
{
	size_t n;

	if (!want)
		return true;
	n = strlen(want);
	if (n == 0)
		return o->enhanced[0] == '\0';
	return strncmp(o->enhanced, want, n) == 0 &&
	       (o->enhanced[n] == '\0' || o->enhanced[n] == '.');
}

static bool
matches(const struct verdict_rule *r, const struct outcome *o)
{
	return (r->stages & (1u << o->stage)) && o->code >= r->low &&
	       o->code <= r->high && is_enhanced(o, r->enhanced) &&
	       has(o, r->text) && has(o, r->also);
}

static const struct verdict_list {
	const struct verdict_rule *rules;
	size_t n;
	bool are_guesses;
} lists[] = {
	{ generic, sizeof generic / sizeof *generic, false },
	{ doubtful, sizeof doubtful / sizeof *doubtful, true },
	{ recipients, sizeof recipients / sizeof *recipients, false },
	{ digits, sizeof digits / sizeof *digits, true },
};

static const struct verdict_rule *
find(const struct verdict_list *list, const struct outcome *o)
{
	for (size_t i = 0; i < list->n; i++) {
		if (matches(&list->rules[i], o))
			return &list->rules[i];
	}
	return NULL;
}

/* Lost, overdue, rubbish, or something that we could not do. */
static enum verdict_class
class_of_silence(const struct outcome *o, const struct verdict_context *ctx)
{
	/* With CHUNKING all of it leaves at once; where not even MAIL was
	 * answered, the session had been closed before. */
	if (o->dot_sent && !(o->first_since_idle && o->io == OUTCOME_LOST &&
	                       o->stage == OUTCOME_MAIL))
		return VERDICT_UNSURE;
	if (o->first_since_idle && o->io != OUTCOME_LOCAL)
		return VERDICT_STALE;
	if (o->io == OUTCOME_LOCAL) {
		if (o->stage == OUTCOME_AUTH)
			return VERDICT_AUTH;
		if (o->stage == OUTCOME_STARTTLS || o->stage == OUTCOME_TLS)
			return VERDICT_TLS;
		if (o->stage == OUTCOME_MAIL || o->stage == OUTCOME_RCPT)
			return VERDICT_UNFIT;
		if (o->stage >= OUTCOME_DATA && o->stage <= OUTCOME_DOT)
			return VERDICT_MESSAGE;
		return VERDICT_NET;
	}
	if (o->io == OUTCOME_LOST && o->stage == OUTCOME_MAIL &&
	    ctx->messages > 0)
		return VERDICT_RECYCLE; /* closed between two messages */
	return VERDICT_NET;
}

/* What makes no sense where it was said becomes the next best thing. */
static enum verdict_class
fit_context(enum verdict_class c, const struct outcome *o,
    const struct verdict_context *ctx)
{
	bool used = ctx->messages > 0 || o->first_since_idle;

	if ((o->stage <= OUTCOME_AUTH || o->stage == OUTCOME_NOOP) &&
	    !rows[c].is_trouble)
		return VERDICT_BACKOFF; /* nothing there is a message's */
	if (c == VERDICT_STALE && !used && o->stage != OUTCOME_IDLE)
		return VERDICT_BACKOFF;
	if (c == VERDICT_BACKOFF && o->code == 421 && o->first_since_idle &&
	    ctx->messages > 0)
		return VERDICT_STALE; /* said while nobody listened */
	if (c == VERDICT_RECYCLE && !used)
		return o->code ? VERDICT_RATE : VERDICT_NET;
	if (c == VERDICT_RCPT && o->stage != OUTCOME_RCPT)
		return VERDICT_MESSAGE;
	if (c == VERDICT_RCPT_TEMP && o->stage != OUTCOME_RCPT)
		return VERDICT_DEFERRED;
	if (c != VERDICT_SPLIT)
		return c;
	if (o->stage == OUTCOME_RCPT)
		return ctx->accepted > 0 ? c : VERDICT_RCPT_TEMP;
	if (ctx->nrcpts > 1)
		return c;
	return o->code < 500 ? VERDICT_MESSAGE_TEMP : VERDICT_MESSAGE;
}

/* --- the operator's patterns -----------------------------------------------
 */

static enum verdict_class
class_of_word(const char *word)
{
	int i = 0;

	while (i < VERDICT_CLASSES && strcmp(rows[i].name, word) != 0)
		i++;
	assert(i < VERDICT_CLASSES); /* conf knows the same words */
	return (enum verdict_class)i;
}

static const struct relay_reply *
find_pattern(const struct verdict_context *ctx, const struct outcome *o)
{
	for (size_t i = 0; i < ctx->nreplies; i++) {
		const struct relay_reply *r = &ctx->replies[i];

		if ((r->stages & (1u << o->stage)) && o->code >= r->low &&
		    o->code <= r->high && is_enhanced(o, r->enhanced) &&
		    has(o, r->text))
			return r;
	}
	return NULL;
}

static void
judge_reply(struct verdict *v, const struct outcome *o,
    const struct verdict_context *ctx)
{
	v->wait_ms = wait_hint_ms(o->text, ctx->now_ms);
	v->pattern = find_pattern(ctx, o);
	if (v->pattern) {
		v->class = class_of_word(v->pattern->class);
		if (v->pattern->wait_ms > 0)
			v->wait_ms = v->pattern->wait_ms;
		return;
	}
	for (const struct verdict_list *list = lists; !v->rule; list++) {
		v->rule = find(list, o); /* the last one has a rule for all */
		v->is_guess = list->are_guesses;
	}
	v->class = v->rule->class;
}

/* --- the door --------------------------------------------------------------
 */

struct verdict
verdict_of(const struct outcome *o, const struct verdict_context *ctx)
{
	struct verdict v = { .class = VERDICT_OK };

	if (o->io == OUTCOME_REPLY && o->code >= 200 && o->code < 400)
		return v;
	if (o->io == OUTCOME_REPLY)
		judge_reply(&v, o, ctx);
	else
		v.class = class_of_silence(o, ctx);
	v.class = fit_context(v.class, o, ctx);
	if (v.class == VERDICT_STALE && ctx->was_stale)
		v.class = o->code ? VERDICT_BACKOFF : VERDICT_NET;
	if (v.class == VERDICT_RCPT_TEMP && v.rule &&
	    v.rule->class == VERDICT_SPLIT)
		v.is_guess = true; /* too many, and there are none yet */
	return v;
}

static void
put_stages(FILE *out, uint32_t stages)
{
	const char *sep = "stage ";

	if (stages == ANY) {
		(void)fprintf(out, "any stage");
		return;
	}
	if (stages == NOT_RCPT) {
		(void)fprintf(out, "any stage but rcpt");
		return;
	}
	for (int i = 0; i < OUTCOME_STAGES; i++) {
		if (!(stages & (1u << i)))
			continue;
		(void)fprintf(out, "%s%s", sep,
		    outcome_stage_word((enum outcome_stage)i));
		sep = "|";
	}
}

void
verdict_rule_text(const struct verdict_rule *r, FILE *out)
{
	put_stages(out, r->stages);
	if (r->low == r->high)
		(void)fprintf(out, ", code %u", r->low);
	else if (r->low > 0)
		(void)fprintf(out, ", code %u to %u", r->low, r->high);
	if (r->enhanced && r->enhanced[0] == '\0')
		(void)fprintf(out, ", no enhanced code");
	else if (r->enhanced)
		(void)fprintf(out, ", enhanced code %s", r->enhanced);
	if (r->text)
		(void)fprintf(out, ", \"%s\"", r->text);
	if (r->also)
		(void)fprintf(out, " and \"%s\"", r->also);
}

const struct verdict_row *
verdict_row(enum verdict_class c)
{
	return &rows[c];
}

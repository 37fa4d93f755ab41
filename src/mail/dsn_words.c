/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/dsn_words.h"

#include <stdio.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/mail/dsn.h"
#include "mail/dsn_out.h"

/* In the order in which they are told. */
static const struct {
	const char *subject, *one, *many;
} words[] = {
	[DSN_FAILED] = { "Undelivered mail: it could not be delivered",
	    "Your message could not be delivered to this recipient, and it "
	    "will not be tried again:",
	    "Your message could not be delivered to these recipients, and it "
	    "will not be tried again:" },
	[DSN_DELAYED] = { "Delayed mail: it is still being tried",
	    "Your message has not reached this recipient yet.  It is not lost "
	    "and will be tried again; there is no need to send it once more:",
	    "Your message has not reached these recipients yet.  It is not "
	    "lost and will be tried again; there is no need to send it once "
	    "more:" },
	[DSN_DELIVERED] = { "Delivered mail: as you asked to be told",
	    "Your message was delivered to this recipient:",
	    "Your message was delivered to these recipients:" },
	[DSN_RELAYED] = { "Relayed mail: it was handed on",
	    "Your message was handed on for this recipient, to a server that "
	    "may not tell you more:",
	    "Your message was handed on for these recipients, to servers that "
	    "may not tell you more:" },
};

/* What the sender can do; the first prefix that fits. */
static const struct {
	const char *status, *advice;
} advices[] = {
	{ "5.1.8", "Your own address was refused: ask whoever runs your "
	           "mail." },
	{ "5.1.7", "Your own address was refused: ask whoever runs your "
	           "mail." },
	{ "5.1.", "Check the address for mistakes." },
	{ "5.2.2", "The mailbox is full: try another way, or later." },
	{ "5.2.3", "The message is too big for them: make it smaller." },
	{ "5.2.", "The mailbox takes no mail: try another way." },
	{ "5.3.4", "The message is too big: make it smaller." },
	{ "5.4.7", "It was tried for as long as is allowed: send it again "
	           "later." },
	{ "4.", "It was tried for as long as is allowed: send it again "
	        "later." },
	{ "5.6.7", "A server on the way takes no such address: use one of "
	           "plain letters." },
	{ "5.7.", "Their server refuses this message: ask them, or whoever "
	          "runs your mail, with the lines above." },
};

static const char *
advice(const struct dsn_rcpt *rcpt)
{
	const char *status = dsn_words_status(rcpt);

	for (size_t i = 0; i < sizeof advices / sizeof advices[0]; i++) {
		size_t n = strlen(advices[i].status);

		if (strncmp(status, advices[i].status, n) == 0)
			return advices[i].advice;
	}
	return "Ask whoever runs your mail, with the lines above.";
}

const char *
dsn_words_subject(const struct dsn_report *r)
{
	enum dsn_action first = r->rcpts[0].action;

	for (size_t i = 1; i < r->nrcpts; i++) {
		if (r->rcpts[i].action < first)
			first = r->rcpts[i].action;
	}
	return words[first].subject;
}

static bool
is_number(const char **p)
{
	size_t n = strspn(*p, "0123456789");

	if (n == 0 || n > 3)
		return false;
	*p += n;
	return true;
}

const char *
dsn_words_status(const struct dsn_rcpt *rcpt)
{
	static const char *const plain[] = { "5.0.0", "4.0.0", "2.0.0",
		"2.0.0" };
	const char *s = rcpt->status, *p;

	if (s == NULL || s[0] == '\0' || s[1] != '.')
		return plain[rcpt->action];
	/* What failed for good may have failed by time, with a 4. */
	if (s[0] != plain[rcpt->action][0] &&
	    (rcpt->action != DSN_FAILED || s[0] != '4'))
		return plain[rcpt->action];
	p = s + 2;
	if (!is_number(&p) || *p++ != '.' || !is_number(&p) || *p != '\0')
		return plain[rcpt->action];
	return s;
}

const char *
dsn_words_enhanced(const struct dsn_rcpt *rcpt)
{
	const char *s = rcpt->status;

	if (s == NULL || strlen(s) > 11 || s[strspn(s, "0123456789.")] != '\0')
		return "";
	return s;
}

/* The reply, or what happened where there was none. */
static void
put_reason(struct dsn_out *o, const struct dsn_rcpt *rcpt)
{
	char line[1200];
	int cut = rcpt->text.len < 700 ? (int)rcpt->text.len : 700;
	int host = rcpt->remote_mta.len < 255 ? (int)rcpt->remote_mta.len : 255;

	if (rcpt->code == 0 && cut == 0)
		return;
	line[0] = '\0';
	if (rcpt->code != 0)
		snprintf(line, sizeof line, "%.*s said: %u %s %.*s",
		    host > 0 ? host : 10,
		    host > 0 ? rcpt->remote_mta.p : "the server", rcpt->code,
		    dsn_words_enhanced(rcpt), cut, cut > 0 ? rcpt->text.p : "");
	else
		snprintf(line, sizeof line, "%.*s", cut, rcpt->text.p);
	dsn_out_wrapped(o, str_of(line), "    ");
}

static void
put_rcpt(struct dsn_out *o, const struct dsn_rcpt *rcpt)
{
	char date[40];

	dsn_out_text(o, "\r\n  <");
	dsn_out_clean(o, rcpt->address, 320, true);
	dsn_out_text(o, ">\r\n");
	put_reason(o, rcpt);
	if (rcpt->action == DSN_FAILED)
		dsn_out_wrapped(o, str_of(advice(rcpt)), "    ");
	if (rcpt->action == DSN_DELAYED && rcpt->retry_until_ms > 0) {
		clock_rfc5322(rcpt->retry_until_ms, date);
		dsn_out_textf(o, "    It is tried until %s.\r\n", date);
	}
}

static void
put_action(
    struct dsn_out *o, const struct dsn_report *r, enum dsn_action action)
{
	size_t n = 0;

	for (size_t i = 0; i < r->nrcpts; i++)
		n += r->rcpts[i].action == action;
	if (n == 0)
		return;
	dsn_out_text(o, "\r\n");
	dsn_out_wrapped(
	    o, str_of(n == 1 ? words[action].one : words[action].many), "");
	for (size_t i = 0; i < r->nrcpts; i++) {
		if (r->rcpts[i].action == action)
			put_rcpt(o, &r->rcpts[i]);
	}
}

void
dsn_words(struct dsn_out *o, const struct dsn_report *r)
{
	char date[40];

	dsn_out_textf(o, "This is the mail relay at %.255s.\r\n", r->hostname);
	for (int a = DSN_FAILED; a <= DSN_RELAYED; a++)
		put_action(o, r, (enum dsn_action)a);
	clock_rfc5322(r->arrival_ms, date);
	dsn_out_textf(o, "\r\nYour message came in on %s", date);
	if (r->id.len > 0) {
		dsn_out_text(o, "\r\nand is known here as ");
		dsn_out_clean(o, r->id, 100, false);
	}
	dsn_out_text(o, ".\r\n");
	if (r->returned.len > 0)
		dsn_out_text(o, r->full ? "It follows below.\r\n"
		                        : "Its header follows below.\r\n");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each reply that a provider is known to give, and each way to lose a session,
 * with the class it must get.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "postern/relay/relay.h"
#include "postern/smtp/outcome.h"

#include "relay/verdict.h"

#define DNS OUTCOME_DNS
#define CONNECT OUTCOME_CONNECT
#define BANNER OUTCOME_BANNER
#define EHLO OUTCOME_EHLO
#define STARTTLS OUTCOME_STARTTLS
#define TLS OUTCOME_TLS
#define AUTH OUTCOME_AUTH
#define MAIL OUTCOME_MAIL
#define RCPT OUTCOME_RCPT
#define DATA OUTCOME_DATA
#define BODY OUTCOME_BODY
#define DOT OUTCOME_DOT
#define IDLE OUTCOME_IDLE

/* A session in use: it has carried messages, the transaction has two
 * recipients of which one was accepted. */
static const struct verdict_context used = {
	.messages = 3,
	.accepted = 1,
	.nrcpts = 2,
	.now_ms = 1795512672000, /* Tue, 24 Nov 2026 09:31:12 UTC */
};

static const struct {
	const char *why;
	enum outcome_stage stage;
	uint16_t code;
	const char *enhanced, *text;
	enum verdict_class class;
} replies[] = {
	/* clang-format off */
{ "accepted", DOT, 250, "2.0.0", "Ok: queued", VERDICT_OK },
/* Amazon SES */
{ "ses: rate", DOT, 454, "", "Throttling failure: Maximum sending rate exceeded.", VERDICT_RATE },
{ "ses: day", DOT, 454, "", "Throttling failure: Daily message quota exceeded.", VERDICT_QUOTA },
{ "ses: sender", DOT, 554, "", "Message rejected: Email address is not verified. The following identities failed the check in region US-EAST-1: a@b", VERDICT_IDENTITY },
{ "ses: idle", MAIL, 451, "4.4.2", "Timeout waiting for data from client.", VERDICT_STALE },
{ "ses: idle, older words", MAIL, 421, "", "Timeout waiting for data from client.", VERDICT_STALE },
{ "ses: session", MAIL, 421, "4.7.0", "too many messages in one session", VERDICT_RECYCLE },
{ "ses: login", AUTH, 535, "", "Authentication Credentials Invalid", VERDICT_AUTH },
/* SendGrid */
{ "sendgrid: credits at AUTH", AUTH, 451, "", "Authentication failed: Maximum credits exceeded", VERDICT_QUOTA },
{ "sendgrid: limits", DOT, 451, "", "You've exceeded your messaging limits", VERDICT_QUOTA },
{ "sendgrid: sender", DOT, 550, "", "The from address does not match a verified Sender Identity. Mail cannot be sent until this error is resolved.", VERDICT_IDENTITY },
/* Mailgun */
{ "mailgun: quota in place of 354", DATA, 421, "", "Domain example.com is not allowed to send: recipient limit exceeded, try again after Tue, 24 Nov 2026 10:31:12 UTC", VERDICT_QUOTA },
{ "mailgun: probation at the dot", DOT, 554, "", "Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 2081 seconds", VERDICT_QUOTA },
{ "mailgun: probation at AUTH", AUTH, 535, "5.7.0", "Your account is on probation and domains are limited to 100 messages / hour. Account will be enabled in 2081 seconds", VERDICT_QUOTA },
{ "mailgun: not activated", MAIL, 421, "", "Domain example.com is not allowed to send: Please activate your Mailgun account", VERDICT_SUSPENDED },
/* Gmail, Google Workspace */
{ "gmail: later", MAIL, 421, "4.7.0", "Try again later, closing connection.", VERDICT_BACKOFF },
{ "gmail: busy", BANNER, 421, "4.4.5", "Server busy, try again later.", VERDICT_BACKOFF },
{ "gmail: trouble", RCPT, 421, "4.3.0", "Temporary System Problem. Try again later", VERDICT_BACKOFF },
{ "gmail relay: peak", RCPT, 450, "4.2.1", "Peak SMTP relay limit exceeded for customer.", VERDICT_RATE },
{ "gmail relay: peak at the dot", DOT, 450, "4.2.1", "Peak SMTP relay limit exceeded for customer.", VERDICT_RATE },
{ "gmail: day", DOT, 550, "5.4.5", "Daily user sending limit exceeded.", VERDICT_QUOTA },
{ "gmail relay: day", DOT, 550, "5.7.1", "Daily SMTP relay limit exceeded for customer.", VERDICT_QUOTA },
{ "gmail: recipients", RCPT, 452, "4.5.3", "Your message has too many recipients.", VERDICT_SPLIT },
{ "gmail: one more transaction", RCPT, 452, "4.5.3", "Domain policy size per transaction exceeded, please try this recipient in a separate transaction.", VERDICT_SPLIT },
{ "gmail: our own bug", STARTTLS, 454, "4.5.0", "SMTP protocol violation, no commands allowed to pipeline after STARTTLS", VERDICT_TLS },
{ "gmail: login not now", AUTH, 454, "4.7.0", "Cannot authenticate due to temporary system problem.", VERDICT_AUTH_TEMP },
{ "gmail: logins", AUTH, 454, "4.7.0", "Too many login attempts, please try again later.", VERDICT_AUTH_TEMP },
{ "gmail: login", AUTH, 535, "5.7.8", "Username and Password not accepted.", VERDICT_AUTH },
{ "gmail: application password", AUTH, 534, "5.7.9", "Application-specific password required.", VERDICT_AUTH },
{ "gmail: this recipient gets too much", RCPT, 450, "4.2.1", "The user you are trying to contact is receiving mail at a rate that prevents additional messages", VERDICT_RCPT_TEMP },
{ "gmail: this recipient's account is disabled", RCPT, 550, "5.2.1", "The email account that you tried to reach is disabled.", VERDICT_RCPT },
/* Microsoft 365 */
{ "office365: sessions", MAIL, 432, "4.3.2", "Concurrent connections limit exceeded.", VERDICT_CONNS },
{ "office365: threads", DOT, 432, "4.3.2", "STOREDRV.ClientSubmit; sender thread limit exceeded", VERDICT_CONNS },
{ "office365: submission quota", DOT, 554, "5.2.0", "STOREDRV.Submission.Exception:SubmissionQuotaExceededException", VERDICT_QUOTA },
{ "office365: tenant's day", DOT, 550, "5.7.233", "Your message can't be sent because your tenant exceeded its tenant external recipient rate limit", VERDICT_QUOTA },
{ "office365: blocked", DOT, 550, "5.1.8", "Access denied, bad outbound sender", VERDICT_SUSPENDED },
{ "office365: Sent Items are full", DOT, 554, "5.2.2", "mailbox full; STOREDRV.Submission; QuotaExceeded", VERDICT_SUSPENDED },
{ "office365: busy", MAIL, 451, "4.7.500", "Server busy. Please try again later", VERDICT_BACKOFF },
{ "office365: login", AUTH, 535, "5.7.3", "Authentication unsuccessful", VERDICT_AUTH },
{ "office365: no passwords any more", AUTH, 550, "5.7.30", "Basic authentication is not supported for Client Submission.", VERDICT_AUTH },
{ "office365: the same at MAIL", MAIL, 550, "5.7.30", "Basic authentication is not supported for Client Submission.", VERDICT_AUTH },
{ "office365: switched off", AUTH, 535, "5.7.139", "Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant.", VERDICT_AUTH },
{ "office365: not as this one", DOT, 554, "5.2.252", "SendAsDenied; user@example.com not allowed to send as other@example.com", VERDICT_IDENTITY },
/* SparkPost, Zoho */
{ "sparkpost: login", AUTH, 535, "5.7.8", "Sorry. *** No authentication type succeeded", VERDICT_AUTH },
{ "sparkpost: domain", DOT, 550, "5.7.1", "Unconfigured Sending Domain <example.com>", VERDICT_IDENTITY },
{ "zoho: login", AUTH, 535, "", "Authentication Failed", VERDICT_AUTH },
{ "zoho: sender", MAIL, 553, "", "Relaying disallowed as a@example.com", VERDICT_IDENTITY },
{ "zoho: blocked", MAIL, 554, "5.1.8", "Sender Address Blocked", VERDICT_SUSPENDED },
/* Aliyun, Tencent, NetEase */
{ "aliyun: day", DOT, 552, "", "Daily sending quota exceeded", VERDICT_QUOTA },
{ "aliyun: month", DOT, 552, "", "Monthly sending quota exceeded", VERDICT_QUOTA },
{ "aliyun: quota", DOT, 552, "", "Not enough sending quota", VERDICT_QUOTA },
{ "aliyun: quota already at RCPT", RCPT, 552, "", "Daily sending quota exceeded", VERDICT_QUOTA },
{ "aliyun: too often", RCPT, 454, "", "Transient reject by behaviour spam at Rcpt State(Connection IP address: 192.0.2.1): too frequently sending", VERDICT_RATE },
{ "aliyun: too often, with a 5", DOT, 554, "", "Reject by behaviour spam at Rcpt State: too frequently sending", VERDICT_RATE },
{ "aliyun: a 4xx that never heals", MAIL, 436, "", "\"MAIL FROM\" doesn't conform with authentication", VERDICT_IDENTITY },
{ "aliyun: recipient", RCPT, 559, "", "Invalid rcptto", VERDICT_RCPT },
{ "aliyun: recipients", RCPT, 556, "", "The number of RCPTs is over size", VERDICT_SPLIT },
{ "aliyun: size", DOT, 557, "", "The length of DATA is over size", VERDICT_MESSAGE },
{ "aliyun: account", MAIL, 551, "", "Main account unavailable", VERDICT_SUSPENDED },
{ "aliyun: login", AUTH, 535, "", "Authentication failure.", VERDICT_AUTH },
{ "qq: domain", DOT, 550, "", "Domain frequency limited", VERDICT_RATE },
{ "qq: sender", MAIL, 550, "", "Sender frequency limited", VERDICT_RATE },
{ "qq: connection", BANNER, 550, "", "Connection frequency limited", VERDICT_RATE },
{ "qq: mailbox", RCPT, 550, "", "Mailbox frequency limited", VERDICT_RATE },
{ "163: sessions", BANNER, 421, "", "HL:ICC 163 smtp1", VERDICT_CONNS },
{ "163: mails", BANNER, 421, "", "HL:IFC 163 smtp1", VERDICT_RATE },
{ "163: reputation", BANNER, 421, "", "HL:REP 163 smtp1", VERDICT_BACKOFF },
{ "163: banned", BANNER, 421, "", "HL:MEP 163 smtp1", VERDICT_BACKOFF },
{ "163: messages a session", MAIL, 451, "", "MI:DMC 163 smtp1", VERDICT_RECYCLE },
{ "163: recipients a session", RCPT, 450, "", "RP:DRC 163 smtp1", VERDICT_RECYCLE },
{ "163: 15 minutes", MAIL, 451, "", "MI:SFQ 163 smtp1", VERDICT_RATE },
{ "163: spam, perhaps", DOT, 451, "", "DT:SPM, please try again", VERDICT_BACKOFF },
{ "163: spam", DOT, 554, "", "DT:SPM 163 smtp1", VERDICT_MESSAGE },
/* Yahoo, NotiSend, Emailit */
{ "yahoo: deferred", BANNER, 421, "4.7.0", "[TSS04] Messages from 192.0.2.1 temporarily deferred", VERDICT_BACKOFF },
{ "yahoo: deferred, older", BANNER, 421, "4.7.0", "[TS02] Messages from 192.0.2.1 temporarily deferred due to user complaints", VERDICT_BACKOFF },
{ "notisend: rate at AUTH", AUTH, 550, "", "Too many messages. Try again in 92 seconds.", VERDICT_RATE },
{ "emailit: rate", AUTH, 452, "4.4.5", "Messages per second limit exceeded", VERDICT_RATE },
{ "emailit: day", AUTH, 452, "4.5.3", "Daily message limit exceeded", VERDICT_RATE },
/* no one's in particular */
{ "suspended at MAIL", MAIL, 550, "5.7.1", "This account has been suspended", VERDICT_SUSPENDED },
{ "suspended at the dot", DOT, 554, "5.7.1", "Account suspended. Contact support.", VERDICT_SUSPENDED },
{ "suspended at RCPT, ours", RCPT, 550, "5.7.1", "Your account has been suspended", VERDICT_SUSPENDED },
{ "suspended at RCPT, theirs", RCPT, 550, "", "Mailbox suspended", VERDICT_RCPT },
{ "a link to a suspended site is the message's", DOT, 554, "5.7.1", "URL of a suspended site", VERDICT_MESSAGE },
{ "too many sessions", BANNER, 421, "4.7.0", "Too many connections from your address", VERDICT_CONNS },
{ "rate by its enhanced code", DOT, 451, "4.7.1", "Message rate is too high", VERDICT_RATE },
{ "rate at MAIL with a 5", MAIL, 550, "5.7.1", "Rate limit exceeded", VERDICT_RATE },
{ "slow down", DOT, 451, "", "Please slow down", VERDICT_RATE },
{ "login wanted at MAIL", MAIL, 530, "5.7.0", "Authentication required", VERDICT_AUTH },
{ "login wanted at RCPT", RCPT, 550, "5.7.1", "Authentication is required for relay", VERDICT_AUTH },
{ "login wanted, 503", MAIL, 503, "5.5.1", "AUTH first", VERDICT_AUTH },
{ "TLS wanted", MAIL, 530, "5.7.0", "Must issue a STARTTLS command first", VERDICT_TLS },
{ "login: not now", AUTH, 454, "4.7.0", "Temporary authentication failure", VERDICT_AUTH_TEMP },
{ "login: closing", AUTH, 421, "4.7.0", "Shutting down", VERDICT_BACKOFF },
{ "no TLS now", STARTTLS, 454, "4.7.0", "TLS not available", VERDICT_TLS },
{ "TLS unknown", STARTTLS, 502, "5.5.1", "Unrecognised", VERDICT_TLS },
{ "no service", BANNER, 554, "5.3.2", "No SMTP service here", VERDICT_BACKOFF },
{ "EHLO refused", EHLO, 550, "", "Go away", VERDICT_BACKOFF },
{ "shutting down in place of anything", RCPT, 421, "4.3.2", "Service shutting down", VERDICT_BACKOFF },
{ "shutting down in place of the last reply", DOT, 421, "4.3.2", "Service shutting down", VERDICT_BACKOFF },
{ "unasked", IDLE, 421, "4.4.2", "Idle too long", VERDICT_STALE },
{ "out of step", RCPT, 503, "5.5.1", "Bad sequence of commands", VERDICT_BACKOFF },
{ "MAIL unknown", MAIL, 500, "5.5.1", "What?", VERDICT_BACKOFF },
{ "sender login mismatch, at RCPT", RCPT, 553, "5.7.1", "<a@b>: Sender address rejected: not owned by user c", VERDICT_IDENTITY },
{ "sender refused in unknown words", MAIL, 550, "5.7.1", "We do not like you", VERDICT_IDENTITY },
{ "the null sender refused", MAIL, 501, "", "Invalid MAIL FROM address provided", VERDICT_IDENTITY },
{ "no relaying", RCPT, 554, "5.7.1", "<a@b>: Relay access denied", VERDICT_IDENTITY },
{ "no relaying, Exim", RCPT, 550, "", "relay not permitted", VERDICT_IDENTITY },
{ "no relaying, qmail", RCPT, 553, "", "sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", VERDICT_IDENTITY },
{ "no relaying, Exchange", RCPT, 550, "5.7.54", "SMTP; Unable to relay recipient in non-accepted domain", VERDICT_IDENTITY },
{ "no relaying without a login, cPanel", RCPT, 550, "", "Please turn on SMTP Authentication in your mail client. relay.test [192.0.2.1] is not permitted to relay through this server without authentication.", VERDICT_AUTH },
{ "no relaying without a login, Sendmail", RCPT, 550, "5.7.1", "<a@b>... Relaying denied. Proper authentication required.", VERDICT_AUTH },
{ "no relaying, with a recipient's code", RCPT, 550, "5.1.0", "Relaying denied", VERDICT_IDENTITY },
{ "no relaying, for a domain", RCPT, 551, "5.7.1", "Unable to relay: invalid domain", VERDICT_IDENTITY },
{ "no relaying, or a wrong user", RCPT, 550, "5.7.1", "Unknown user or invalid credentials, relaying denied", VERDICT_IDENTITY },
{ "our address, Postfix", RCPT, 554, "5.7.1", "<unknown[10.0.0.5]>: Client host rejected: Access denied", VERDICT_IDENTITY },
{ "our name, Postfix", RCPT, 450, "4.7.1", "<x>: Helo command rejected: Host not found", VERDICT_RCPT_TEMP },
{ "our name for good, Postfix", RCPT, 550, "", "<x>: Helo command rejected: Host not found", VERDICT_IDENTITY },
{ "sender's code at RCPT", RCPT, 550, "5.1.8", "Access denied, invalid account", VERDICT_IDENTITY },
{ "sender's code at RCPT, its address", RCPT, 553, "5.1.7", "Bad address syntax", VERDICT_IDENTITY },
{ "sender not found", RCPT, 550, "5.7.0", "Sender not found in our directory", VERDICT_IDENTITY },
{ "sender blocked", RCPT, 550, "5.2.0", "sender blocked", VERDICT_IDENTITY },
{ "unknown sender", RCPT, 550, "", "Unknown sender", VERDICT_IDENTITY },
{ "suspended at RCPT, no sending", RCPT, 554, "5.7.1", "Sending from this mailbox has been disabled", VERDICT_SUSPENDED },
{ "suspended at RCPT, locked", RCPT, 550, "5.7.1", "Your account has been locked; mailbox unavailable", VERDICT_SUSPENDED },
{ "over an hour's allowance, cPanel", RCPT, 550, "", "Domain example.com has exceeded the max emails per hour (100/100 (100%)) allowed.  Message discarded.", VERDICT_QUOTA },
{ "too many sessions, Exchange", MAIL, 421, "4.3.2", "You have exceeded the maximum number of connections", VERDICT_CONNS },
{ "too large at MAIL", MAIL, 552, "5.3.4", "Message size exceeds fixed limit", VERDICT_MESSAGE },
{ "too large at the dot", DOT, 552, "5.3.4", "Message too big", VERDICT_MESSAGE },
{ "sender: too fast", MAIL, 450, "4.7.1", "<a@b>: Sender address rejected: rate limit exceeded, try again in 1 hour", VERDICT_DEFERRED },
{ "sender: too fast, said at RCPT", RCPT, 450, "4.7.1", "<a@b>: Sender address rejected: rate limit exceeded", VERDICT_RCPT_TEMP },
{ "sender: its day is over, and so is the account's", MAIL, 450, "4.7.1", "<a@b>: Sender address rejected: daily limit reached", VERDICT_QUOTA },
{ "sender: too fast, and the session ends", MAIL, 421, "4.7.1", "<a@b>: Sender address rejected: rate limit exceeded", VERDICT_RATE },
{ "sender: the server is broken", MAIL, 451, "4.3.5", "<a@b>: Sender address rejected: Server configuration problem", VERDICT_MESSAGE_TEMP },
{ "sender: not now", MAIL, 450, "4.1.8", "Sender address rejected: Domain not found", VERDICT_DEFERRED },
{ "no room", MAIL, 452, "4.3.1", "Insufficient system storage", VERDICT_MESSAGE_TEMP },
{ "no such user", RCPT, 550, "5.1.1", "No such user here", VERDICT_RCPT },
{ "no such user, no enhanced code", RCPT, 550, "", "No such user here", VERDICT_RCPT },
{ "recipient unverified, not the sender", RCPT, 550, "5.1.1", "<a@b>: Recipient address rejected: unverified address", VERDICT_RCPT },
{ "recipient's mailbox is full", RCPT, 552, "5.2.2", "Mailbox full", VERDICT_RCPT },
{ "recipient's mailbox is full, without a code", RCPT, 552, "", "Requested action aborted: exceeded storage of the mailbox", VERDICT_RCPT },
{ "recipient's mailbox is full now", RCPT, 452, "4.2.2", "The recipient's inbox is over quota", VERDICT_RCPT_TEMP },
{ "recipient's own hour, Exchange", RCPT, 550, "5.2.122", "Recipient's per hour message receive limit exceeded", VERDICT_RCPT },
{ "recipient's own hour, at the dot", DOT, 550, "5.2.122", "The recipient has exceeded their limit per hour", VERDICT_MESSAGE },
{ "recipient's own day, at the dot", DOT, 550, "5.2.121", "Recipient's per day message receive limit exceeded", VERDICT_MESSAGE },
{ "recipient's own day, for now", RCPT, 452, "4.2.1", "The user has exceeded the number of messages per day", VERDICT_RCPT_TEMP },
{ "recipient's own limit, for now", RCPT, 450, "4.2.1", "This user receives more than the limit allows", VERDICT_RCPT_TEMP },
{ "recipient's own limit, no enhanced code", RCPT, 450, "", "Message receive limit exceeded", VERDICT_RCPT_TEMP },
{ "our hour, at RCPT", RCPT, 452, "4.7.1", "You have exceeded the messages per hour", VERDICT_QUOTA },
{ "our day, at the dot", DOT, 550, "", "You have exceeded 500 messages per day", VERDICT_QUOTA },
{ "greylisted", RCPT, 450, "4.7.1", "Greylisted, try again in 300 seconds", VERDICT_RCPT_TEMP },
{ "recipient: later", RCPT, 451, "4.3.0", "Temporary lookup failure", VERDICT_RCPT_TEMP },
{ "too many recipients", RCPT, 452, "", "Too many recipients", VERDICT_SPLIT },
{ "too many recipients, RFC 5321 4.5.3.1.10", RCPT, 552, "5.5.3", "Too many recipients", VERDICT_SPLIT },
{ "too many recipients at the dot", DOT, 550, "5.5.3", "Too many recipients", VERDICT_SPLIT },
{ "the message bears no SPF or DKIM, which is no login", DOT, 550, "5.7.1", "Message rejected: sent without authentication (SPF or DKIM)", VERDICT_MESSAGE },
{ "a link in the message, of how to use SMTP authentication", DOT, 554, "5.7.1", "Spam: smtp authentication kit", VERDICT_MESSAGE },
{ "content refused", DOT, 554, "5.7.1", "Message content rejected as spam", VERDICT_MESSAGE },
{ "content refused, no enhanced code", DOT, 550, "", "Message rejected", VERDICT_MESSAGE },
{ "policy in place of 354", DATA, 554, "5.7.1", "Rejected", VERDICT_MESSAGE },
{ "a mailbox behind the provider is full", DOT, 552, "5.2.2", "Over quota", VERDICT_MESSAGE },
{ "size, without an enhanced code", DOT, 552, "", "Message size exceeds the limit", VERDICT_MESSAGE },
{ "over something at MAIL, in unknown words", MAIL, 552, "", "Exceeded storage allocation", VERDICT_MESSAGE },
{ "content: later", DOT, 451, "4.3.0", "Error: queue file write error", VERDICT_MESSAGE_TEMP },
{ "greylisted at the dot", DOT, 451, "4.7.1", "Greylisted", VERDICT_DEFERRED },
	/* clang-format on */
};

static struct outcome
reply(enum outcome_stage stage, uint16_t code, const char *enhanced,
    const char *text)
{
	struct outcome o = {
		.stage = stage, .io = OUTCOME_REPLY, .code = code
	};

	snprintf(o.enhanced, sizeof o.enhanced, "%s", enhanced);
	snprintf(o.text, sizeof o.text, "%s", text);
	return o;
}

static void
expect(const char *why, const struct outcome *o,
    const struct verdict_context *ctx, enum verdict_class class)
{
	struct verdict v = verdict_of(o, ctx);

	if (v.class != class)
		fail_msg("%s: %s, not %s", why, verdict_row(v.class)->name,
		    verdict_row(class)->name);
}

static void
each_known_reply_has_its_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		struct outcome o = reply(replies[i].stage, replies[i].code,
		    replies[i].enhanced, replies[i].text);

		expect(replies[i].why, &o, &used, replies[i].class);
	}
}

/* What bounces, or counts as the message's own, is in no way a provider's. */
static void
no_reply_about_the_account_bounces(void **state)
{
	static const char *const words[] = { "quota", "rate ", "credit",
		"login", "uthenticat", "suspended", "frequency", "hrottl",
		"connections", "probation" };

	(void)state;
	for (size_t i = 0; i < sizeof replies / sizeof replies[0]; i++) {
		const struct verdict_row *row = verdict_row(replies[i].class);

		if (row->message != VERDICT_TO_FAIL ||
		    strstr(replies[i].why, "mailbox") ||
		    strstr(replies[i].why, "theirs") ||
		    strstr(replies[i].why, "link") ||
		    strstr(replies[i].why, "SPF"))
			continue;
		for (size_t k = 0; k < sizeof words / sizeof words[0]; k++) {
			if (strstr(replies[i].text, words[k]))
				fail_msg("bounces: %s", replies[i].why);
		}
	}
}

static const struct {
	const char *why;
	enum outcome_stage stage;
	enum outcome_io io;
	bool idle, dot;
	uint32_t messages;
	enum verdict_class class;
} silences[] = {
	/* clang-format off */
{ "no address", DNS, OUTCOME_LOST, false, false, 0, VERDICT_NET },
{ "refused", CONNECT, OUTCOME_LOST, false, false, 0, VERDICT_NET },
{ "connecting took too long", CONNECT, OUTCOME_TIMED_OUT, false, false, 0, VERDICT_NET },
{ "no banner", BANNER, OUTCOME_TIMED_OUT, false, false, 0, VERDICT_NET },
{ "rubbish for a banner", BANNER, OUTCOME_NONSENSE, false, false, 0, VERDICT_NET },
{ "STARTTLS is not offered", STARTTLS, OUTCOME_LOCAL, false, false, 0, VERDICT_TLS },
{ "the certificate is another's", TLS, OUTCOME_LOCAL, false, false, 0, VERDICT_TLS },
{ "lost in the handshake", TLS, OUTCOME_LOST, false, false, 0, VERDICT_NET },
{ "no mechanism we may use", AUTH, OUTCOME_LOCAL, false, false, 0, VERDICT_AUTH },
{ "lost at AUTH", AUTH, OUTCOME_LOST, false, false, 0, VERDICT_NET },
{ "a re-used session had died", MAIL, OUTCOME_LOST, true, false, 2, VERDICT_STALE },
{ "a re-used session does not answer", MAIL, OUTCOME_TIMED_OUT, true, false, 2, VERDICT_STALE },
{ "it had died, and all of the message had left", MAIL, OUTCOME_LOST, true, true, 2, VERDICT_STALE },
{ "no answer to anything of what had left", MAIL, OUTCOME_TIMED_OUT, true, true, 2, VERDICT_UNSURE },
{ "lost without an answer, not since idle", MAIL, OUTCOME_LOST, false, true, 2, VERDICT_UNSURE },
{ "closed right between two messages", MAIL, OUTCOME_LOST, false, false, 2, VERDICT_RECYCLE },
{ "lost at the first MAIL", MAIL, OUTCOME_LOST, false, false, 0, VERDICT_NET },
{ "lost at RCPT", RCPT, OUTCOME_LOST, false, false, 2, VERDICT_NET },
{ "overdue at DATA", DATA, OUTCOME_TIMED_OUT, false, false, 2, VERDICT_NET },
{ "lost in the content", BODY, OUTCOME_LOST, false, false, 2, VERDICT_NET },
{ "lost after the dot", DOT, OUTCOME_LOST, false, true, 2, VERDICT_UNSURE },
{ "overdue after the dot", DOT, OUTCOME_TIMED_OUT, false, true, 2, VERDICT_UNSURE },
{ "rubbish after the dot", DOT, OUTCOME_NONSENSE, false, true, 2, VERDICT_UNSURE },
{ "lost after the dot of the first since idle", DOT, OUTCOME_LOST, true, true, 2, VERDICT_UNSURE },
{ "the gate refuses the content", BODY, OUTCOME_LOCAL, false, false, 2, VERDICT_MESSAGE },
{ "the peer lacks what the message needs", MAIL, OUTCOME_LOCAL, false, false, 2, VERDICT_UNFIT },
	/* clang-format on */
};

static void
each_loss_has_its_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof silences / sizeof silences[0]; i++) {
		struct outcome o = { .stage = silences[i].stage,
			.io = silences[i].io,
			.first_since_idle = silences[i].idle,
			.dot_sent = silences[i].dot };
		struct verdict_context ctx = { .messages =
			                           silences[i].messages };

		expect(silences[i].why, &o, &ctx, silences[i].class);
	}
}

static void
what_makes_no_sense_there_is_something_else(void **state)
{
	struct verdict_context fresh = { .nrcpts = 2 };
	struct verdict_context one = { .nrcpts = 1, .messages = 1 };
	struct verdict_context again = {
		.nrcpts = 1, .messages = 1, .was_stale = true
	};
	struct outcome o;

	(void)state;
	o = reply(MAIL, 421, "4.4.2", "Timeout waiting for data from client.");
	expect("stale on a new session", &o, &fresh, VERDICT_BACKOFF);
	o = reply(MAIL, 421, "", "too many messages in one session");
	expect("recycled on a new session", &o, &fresh, VERDICT_RATE);
	o = reply(MAIL, 421, "", "SMTP command timeout - closing connection");
	expect("closing, on a session in use", &o, &used, VERDICT_BACKOFF);
	o.first_since_idle = true;
	expect("closing, said to an idle session", &o, &used, VERDICT_STALE);
	expect("closing, said to one that waited for its first message", &o,
	    &fresh, VERDICT_BACKOFF);
	expect("stale twice, in words", &o, &again, VERDICT_BACKOFF);
	o = (struct outcome){
		.stage = MAIL, .io = OUTCOME_LOST, .first_since_idle = true
	};
	expect("stale twice, without a word", &o, &again, VERDICT_NET);
	o = reply(RCPT, 452, "4.5.3", "Too many recipients");
	expect("nobody accepted yet", &o, &fresh, VERDICT_RCPT_TEMP);
	o = reply(RCPT, 552, "5.5.3", "Too many recipients");
	expect("nobody accepted yet, 552", &o, &fresh, VERDICT_RCPT_TEMP);
	o = reply(DOT, 550, "5.5.3", "Too many recipients");
	expect("one recipient cannot be split", &o, &one, VERDICT_MESSAGE);
	o = reply(DOT, 452, "4.5.3", "Too many recipients");
	expect("one recipient, later", &o, &one, VERDICT_MESSAGE_TEMP);
}

/* What only the digit tells is not believed of many in a row. */
static void
of_a_recipient_most_words_are_known(void **state)
{
	static const struct {
		const char *enhanced, *text;
		bool is_guess;
	} said[] = {
		{ "", "No such user here", false },
		{ "", "User unknown", false },
		{ "", "Mailbox unavailable", false },
		{ "", "Invalid recipient", false },
		{ "", "sorry, that address does not exist", false },
		{ "", "Unrouteable address", false },
		{ "5.1.10", "RESOLVER.ADR.RecipientNotFound", false },
		{ "5.2.1", "Disabled", false },
		{ "5.1.1", "user unknown", false },
		{ "5.1.1", "no such user at relay.example", false },
		{ "", "no such user at mx-relay.example", false },
		{ "5.0.0", "user unknown", false },
		{ "5.3.0", "<a@b>... No such user here", false },
		{ "5.3.0", "Mailbox of yours is disabled", true },
		{ "", "Mailbox suspended", false },
		{ "", "account disabled: invalid payment", true },
		{ "5.1.0", "Relaying denied", true },
		{ "5.1.8", "Access denied, invalid account", true },
		{ "5.2.0", "sender blocked", true },
		{ "5.7.0", "Sender not found", true },
		{ "5.7.1", "<unknown[10.0.0.5]>: Client host rejected", true },
		{ "5.7.1", "invalid credentials", true },
		{ "", "Administrative prohibition", true },
		{ "5.7.1", "Access denied", true },
		{ "5.7.1", "Relay access denied", true },
		{ "", "relay not permitted", true },
		{ "", "", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof said / sizeof said[0]; i++) {
		struct outcome o =
		    reply(RCPT, 550, said[i].enhanced, said[i].text);
		struct verdict v = verdict_of(&o, &used);

		if (v.is_guess != said[i].is_guess)
			fail_msg("%s", said[i].text);
	}
}

static const struct {
	const char *text;
	uint64_t wait_ms;
} waits[] = {
	{ "Account will be enabled in 2081 seconds", 2081000 },
	{ "Too many messages. Try again in 92 seconds.", 92000 },
	{ "Try again in 5 minutes", 300000 },
	{ "try again in 1 hour", 3600000 },
	{ "come back in 99 hours", 24 * 3600000 },
	{ "please retry after 5 minutes.", 300000 },
	{ "Wait 90 secs, then go on", 90000 },
	{ "blocked for an hour", 3600000 },
	{ "Retry in 30s", 30000 },
	{ "try again in a minute", 60000 },
	{ "suspended for 2 days", 24 * 3600000 },
	{ "500 messages in 24 hours; try again in 10 minutes", 600000 },
	{ "You have exceeded your limit of 500 messages in 24 hours", 0 },
	{ "limit: 500 in 24 hours", 0 },
	{ "too many (512) in 1 hour", 0 },
	{ "Idle for 300 seconds, closing connection", 0 },
	{ "Timeout after 300 seconds", 0 },
	{ "timed out after 300 seconds", 0 },
	{ "in a session", 0 },
	{ "for a minor fault", 0 },
	{ "within 5 minutes", 0 },
	{ "until Tue, 24 Nov 2026 09:41:12 +0000", 600000 },
	{ "try again after Tue, 24 Nov 2026 11:41:12 +0200", 600000 },
	{ "try again after Tue, 24 Nov 2026 05:01:12 -0430", 0 },
	{ "try again after 24 Nov 2026 09:32:12", 60000 },
	{ "4.7.0 [TSS04] Messages temporarily deferred", 2 * 3600000 },
	{ "in time", 0 },
	{ "in 12 parts", 0 },
	{ "Rate limit exceeded", 0 },
	{ "try again after Tue, 24 Nov 2026 10:31:12 GMT", 3600000 },
	{ "try again after Tue, 24 Nov 2026 08:31:12 GMT", 0 },
	{ "try again after Wed, 25 Nov 2026 23:31:12 GMT", 24 * 3600000 },
	{ "try again after lunch", 0 },
	{ "in 99999999999999999999 seconds", 0 },
	{ "", 0 },
};

static void
the_wait_is_read_from_the_words(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof waits / sizeof waits[0]; i++) {
		struct outcome o = reply(DOT, 450, "", waits[i].text);
		struct verdict v = verdict_of(&o, &used);

		if (v.wait_ms != waits[i].wait_ms)
			fail_msg("%s: %llu ms", waits[i].text,
			    (unsigned long long)v.wait_ms);
	}
}

/* --- what follows ----------------------------------------------------------
 */

#define MINUTES(n) ((n)*60000ull)

static const struct {
	enum verdict_class class;
	const char *name;
	enum verdict_message message;
	enum verdict_provider provider;
	bool trouble, alert;
	uint64_t open_ms, open_max_ms;
} consequences[] = {
	/* clang-format off */
{ VERDICT_OK, "ok", VERDICT_TO_DONE, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_STALE, "stale", VERDICT_TO_SAME, VERDICT_NEUTRAL, true, false, 0, 0 },
{ VERDICT_RECYCLE, "recycle", VERDICT_TO_SAME, VERDICT_SHORTENS, true, false, 0, 0 },
{ VERDICT_CONNS, "conns", VERDICT_TO_NEXT, VERDICT_CROWDED, true, false, 0, 0 },
{ VERDICT_RATE, "rate", VERDICT_TO_NEXT, VERDICT_SLOWS, true, false, 0, 0 },
{ VERDICT_QUOTA, "quota", VERDICT_TO_NEXT, VERDICT_CLOSES, true, false, 0, 0 },
{ VERDICT_BACKOFF, "backoff", VERDICT_TO_NEXT, VERDICT_FAILS, true, false, 0, 0 },
{ VERDICT_AUTH_TEMP, "auth-temp", VERDICT_TO_NEXT, VERDICT_FAILS, true, false, 0, 0 },
{ VERDICT_AUTH, "auth", VERDICT_TO_NEXT, VERDICT_OPENS, true, true, MINUTES(5), MINUTES(60) },
{ VERDICT_SUSPENDED, "suspended", VERDICT_TO_NEXT, VERDICT_OPENS, true, true, MINUTES(15), MINUTES(360) },
{ VERDICT_TLS, "tls", VERDICT_TO_NEXT, VERDICT_OPENS, true, true, MINUTES(1), MINUTES(60) },
{ VERDICT_NET, "net", VERDICT_TO_NEXT, VERDICT_FAILS, true, false, 0, 0 },
{ VERDICT_IDENTITY, "identity", VERDICT_TO_OTHER, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_SPLIT, "split", VERDICT_TO_REST, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_UNFIT, "unfit", VERDICT_TO_OTHER, VERDICT_NEUTRAL, false, false, 0, 0 },
{ VERDICT_RCPT, "rcpt", VERDICT_TO_FAIL, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_RCPT_TEMP, "rcpt-temp", VERDICT_TO_WAIT, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_MESSAGE, "message", VERDICT_TO_FAIL, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_MESSAGE_TEMP, "message-temp", VERDICT_TO_LATER, VERDICT_FAILS, false, false, 0, 0 },
{ VERDICT_DEFERRED, "deferred", VERDICT_TO_LATER, VERDICT_HEALTHY, false, false, 0, 0 },
{ VERDICT_POISON, "poison", VERDICT_TO_SUSPECT, VERDICT_NEUTRAL, false, false, 0, 0 },
{ VERDICT_STRANGE, "strange", VERDICT_TO_NEXT, VERDICT_OPENS, true, true, MINUTES(15), MINUTES(360) },
{ VERDICT_UNSURE, "unsure", VERDICT_TO_SAME, VERDICT_FAILS, true, false, 0, 0 },
{ VERDICT_CORRUPT, "corrupt", VERDICT_TO_DEAD, VERDICT_NEUTRAL, false, true, 0, 0 },
	/* clang-format on */
};

static void
each_class_has_its_consequence(void **state)
{
	(void)state;
	assert_int_equal(
	    sizeof consequences / sizeof consequences[0], VERDICT_CLASSES);
	for (size_t i = 0; i < VERDICT_CLASSES; i++) {
		const struct verdict_row *row =
		    verdict_row(consequences[i].class);

		assert_string_equal(row->name, consequences[i].name);
		if (row->message != consequences[i].message ||
		    row->provider != consequences[i].provider ||
		    row->is_trouble != consequences[i].trouble ||
		    row->is_alert != consequences[i].alert ||
		    row->open_ms != consequences[i].open_ms ||
		    row->open_max_ms != consequences[i].open_max_ms)
			fail_msg("%s does something else", row->name);
	}
}

/* Trouble of a provider kills nothing, whatever class it is. */
static void
no_trouble_of_a_provider_kills(void **state)
{
	(void)state;
	for (int i = 0; i < VERDICT_CLASSES; i++) {
		const struct verdict_row *row =
		    verdict_row((enum verdict_class)i);

		if (row->is_trouble)
			assert_true(row->message == VERDICT_TO_SAME ||
			            row->message == VERDICT_TO_NEXT);
	}
}

/* --- the operator's patterns ---------------------------------------------- */

#define ALL_STAGES ~0u

static const struct relay_reply patterns[] = {
	{ .stages = 1u << DOT | 1u << BODY,
	    .low = 554,
	    .high = 554,
	    .text = "Over Your PLAN",
	    .class = "quota",
	    .wait_ms = 7000 },
	{ .stages = ALL_STAGES,
	    .low = 540,
	    .high = 549,
	    .enhanced = "5.7",
	    .class = "suspended" },
	{ .stages = ALL_STAGES,
	    .low = 400,
	    .high = 499,
	    .text = "throttling",
	    .class = "backoff" },
	{ .stages = ALL_STAGES,
	    .low = 400,
	    .high = 599,
	    .text = "nobody knows",
	    .class = "rcpt-temp" },
	{ .stages = ALL_STAGES,
	    .low = 500,
	    .high = 599,
	    .text = "no soul",
	    .class = "rcpt" },
};

static const struct {
	const char *why;
	enum outcome_stage stage;
	uint16_t code;
	const char *enhanced, *text;
	int pattern; /* -1: none of them */
	enum verdict_class class;
	uint64_t wait_ms;
} own[] = {
	/* clang-format off */
{ "words in any case, and its wait", DOT, 554, "", "you are over your plan", 0, VERDICT_QUOTA, 7000 },
{ "its wait before the reply's", DOT, 554, "", "over your plan, in 9 seconds", 0, VERDICT_QUOTA, 7000 },
{ "at another stage it is not meant", MAIL, 554, "", "over your plan", -1, VERDICT_IDENTITY, 0 },
{ "nor with another code", DOT, 550, "", "over your plan", -1, VERDICT_MESSAGE, 0 },
{ "the beginning of a code", MAIL, 545, "5.7.1", "No", 1, VERDICT_SUSPENDED, 0 },
{ "enhanced codes by their parts", MAIL, 545, "5.70.1", "No", -1, VERDICT_IDENTITY, 0 },
{ "before what is known of all", DOT, 454, "", "Throttling failure: Daily message quota exceeded.", 2, VERDICT_BACKOFF, 0 },
{ "the reply's own wait, if it has none", DOT, 454, "", "Throttling, in 9 seconds", 2, VERDICT_BACKOFF, 9000 },
{ "a recipient's class where there is none", DOT, 451, "", "Nobody knows", 3, VERDICT_DEFERRED, 0 },
{ "and for good", DOT, 551, "", "No soul", 4, VERDICT_MESSAGE, 0 },
{ "and where there is one", RCPT, 451, "", "Nobody knows", 3, VERDICT_RCPT_TEMP, 0 },
{ "what is good stays good", DOT, 250, "", "over your plan", -1, VERDICT_OK, 0 },
	/* clang-format on */
};

static void
the_operators_patterns_go_first(void **state)
{
	struct verdict_context ctx = used;

	(void)state;
	ctx.replies = patterns;
	ctx.nreplies = sizeof patterns / sizeof patterns[0];
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
		struct outcome o = reply(
		    own[i].stage, own[i].code, own[i].enhanced, own[i].text);
		struct verdict v = verdict_of(&o, &ctx);
		const struct relay_reply *want =
		    own[i].pattern < 0 ? NULL : &patterns[own[i].pattern];

		expect(own[i].why, &o, &ctx, own[i].class);
		if (v.pattern != want || v.wait_ms != own[i].wait_ms)
			fail_msg("%s: another pattern or wait", own[i].why);
	}
}

static const struct {
	enum outcome_stage stage;
	uint16_t code;
	const char *enhanced, *text;
	bool guess;
} guesses[] = {
	{ DOT, 550, "5.7.1", "We do not like you", true },
	{ RCPT, 451, "4.3.5",
	    "<a@b>: Sender address rejected: Server "
	    "configuration problem",
	    true },
	{ RCPT, 450, "4.7.1", "<a@b>: Sender address rejected: too many mails",
	    false },
	{ MAIL, 550, "", "Go away", true },
	{ DATA, 554, "", "No", true },
	{ DOT, 552, "", "You have used it up", true },
	{ DOT, 552, "5.3.4", "Too big", false },
	{ MAIL, 552, "", "Message size exceeds the limit", false },
	{ DOT, 550, "5.6.1", "No such encoding", false },
	{ DOT, 554, "", "Account suspended", false },
	{ DOT, 554, "", "is not verified", false },
	{ DOT, 250, "", "Ok", false },
};

static void
unknown_words_are_known_as_such(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof guesses / sizeof guesses[0]; i++) {
		struct outcome o = reply(guesses[i].stage, guesses[i].code,
		    guesses[i].enhanced, guesses[i].text);

		if (verdict_of(&o, &used).is_guess != guesses[i].guess)
			fail_msg("%s", guesses[i].text);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_known_reply_has_its_class),
		cmocka_unit_test(no_reply_about_the_account_bounces),
		cmocka_unit_test(each_loss_has_its_class),
		cmocka_unit_test(what_makes_no_sense_there_is_something_else),
		cmocka_unit_test(of_a_recipient_most_words_are_known),
		cmocka_unit_test(the_wait_is_read_from_the_words),
		cmocka_unit_test(each_class_has_its_consequence),
		cmocka_unit_test(no_trouble_of_a_provider_kills),
		cmocka_unit_test(the_operators_patterns_go_first),
		cmocka_unit_test(unknown_words_are_known_as_such),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

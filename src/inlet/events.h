/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/events - what the inlet logs; postern-log(7) documents each row.
 */
#ifndef INLET_EVENTS_H
#define INLET_EVENTS_H

#include "postern/base/log.h"

enum inlet_event {
	INLET_CONNECT,
	INLET_DISCONNECT,
	INLET_LIMIT,
	INLET_NETWORK,
	INLET_CALLER,
	INLET_PROXY,
	INLET_XCLIENT,
	INLET_STRANGER,
	INLET_LENIENT_USED,
	INLET_TIMEOUT,
	INLET_HANDSHAKE,
	INLET_COMMAND,
	INLET_REFUSED,
	INLET_LOGIN,
	INLET_LOGIN_ANY,
	INLET_LOGIN_FAILED,
	INLET_LOGIN_LIMIT,
	INLET_LOGIN_OVER,
	INLET_CHANGE,
	INLET_DRAIN,
	INLET_DROP_TAKEN,
	INLET_DROP_REFUSED,
	INLET_DROP_LATER,
	INLET_DROP_REMOVED,
	INLET_DROP_TROUBLE,
};

#define POSTFIX_LOGIN_FAILED                                                   \
	"smtpd: warning: unknown[%{client}]: SASL %{mech} authentication "     \
	"failed: %{text}, sasl_username=%{user}"

static const struct log_event inlet_events[] = {
	/* a client has connected: listener, client, via */
	[INLET_CONNECT] = { "connect", LOG_LEVEL_DEBUG,
	    "smtpd: connect from unknown[%{client}]" },
	/* a session is over: client, messages, ms, why */
	[INLET_DISCONNECT] = { "disconnect", LOG_LEVEL_DEBUG,
	    "smtpd: disconnect from unknown[%{client}]" },
	/* turned away with 421, a limit is reached: listener, client, text */
	[INLET_LIMIT] = { "session.limit", LOG_LEVEL_WARN,
	    "smtpd: warning: unknown[%{client}]: %{text}", .by = "client" },
	/* turned away with 554, not of its networks: listener, client */
	[INLET_NETWORK] = { "session.network", LOG_LEVEL_WARN,
	    "smtpd: NOQUEUE: reject: CONNECT from unknown[%{client}]: "
	    "554 5.7.1 Client host rejected: Access denied; proto=SMTP",
	    .by = "client" },
	/* turned away with 554, a user of this host who is not one of its
	 * users or groups: listener, client */
	[INLET_CALLER] = { "session.user", LOG_LEVEL_WARN, .by = "client" },
	/* cut off, what a balancer sent is no PROXY header: listener, client,
	 * text */
	[INLET_PROXY] = { "session.proxy", LOG_LEVEL_WARN, .by = "client" },
	/* who a filter says its client is: client (the filter's), address,
	 * name, helo, proto, user */
	[INLET_XCLIENT] = { "session.xclient", LOG_LEVEL_DEBUG },
	/* a session is over that made use of lenient, how often: listener,
	 * client, helo, bare_newline, space_after_colon, no_brackets,
	 * helo_syntax, old_tls, clear_auth, any_auth */
	[INLET_LENIENT_USED] = { "lenient", LOG_LEVEL_INFO, .by = "client" },
	/* it spoke TLS or HTTP where SMTP is spoken: listener, client,
	 * text */
	[INLET_STRANGER] = { "session.stranger", LOG_LEVEL_INFO,
	    .by = "client" },
	/* ended with 421, the client was silent for too long: listener,
	 * client, text */
	[INLET_TIMEOUT] = { "session.timeout", LOG_LEVEL_INFO, .by = "client" },
	/* the TLS handshake failed or took too long, the session ended:
	 * listener, client, text */
	[INLET_HANDSHAKE] = { "session.handshake", LOG_LEVEL_INFO,
	    .by = "client" },
	/* a command got a 4xx or 5xx reply: client, verb, code, enhanced,
	 * text */
	[INLET_COMMAND] = { "command.refused", LOG_LEVEL_DEBUG },
	/* the same where the mail itself was not taken, by a rule of the
	 * protocol: too big, too many recipients, a bare CR or LF */
	[INLET_REFUSED] = { "session.refused", LOG_LEVEL_INFO,
	    "smtpd: NOQUEUE: reject: %{verb} from unknown[%{client}]: "
	    "%{code} %{enhanced} %{text}; proto=ESMTP" },
	/* somebody has logged in: listener, client, user, mech */
	[INLET_LOGIN] = { "login", LOG_LEVEL_DEBUG },
	/* any-auth has taken what a device gave, it is nobody: the same */
	[INLET_LOGIN_ANY] = { "login.any", LOG_LEVEL_INFO, .by = "client" },
	/* ... or was refused: listener, client, user, mech, text */
	[INLET_LOGIN_FAILED] = { "login.failed", LOG_LEVEL_INFO,
	    POSTFIX_LOGIN_FAILED, .by = "client" },
	/* too many have failed: the client's next ones are refused without
	 * being looked at; the same fields */
	[INLET_LOGIN_LIMIT] = { "login.limit", LOG_LEVEL_WARN,
	    POSTFIX_LOGIN_FAILED, .by = "client" },
	/* ended with 421 at its next message: a reload has taken its user away,
	 * or given him another secret: listener, client, user, mech */
	[INLET_LOGIN_OVER] = { "login.over", LOG_LEVEL_INFO },
	/* new settings that cannot be used in part: text */
	[INLET_CHANGE] = { "inlet.change", LOG_LEVEL_ERROR },
	/* no new transactions: sessions, grace_ms */
	[INLET_DRAIN] = { "inlet.drain", LOG_LEVEL_DEBUG },
	/* mail that sendmail had left in the drop directory is in the spool:
	 * file, uid, age_ms */
	[INLET_DROP_TAKEN] = { "drop.taken", LOG_LEVEL_INFO },
	/* it, or some of its recipients, are refused; the file stays there as
	 * bad.FILE: file, uid, text */
	[INLET_DROP_REFUSED] = { "drop.refused", LOG_LEVEL_ERROR },
	/* it is not taken now and stays: file, uid, text */
	[INLET_DROP_LATER] = { "drop.later", LOG_LEVEL_WARN },
	/* what nobody can use is gone: file, uid, text */
	[INLET_DROP_REMOVED] = { "drop.removed", LOG_LEVEL_WARN },
	/* the drop directory cannot be used: text */
	[INLET_DROP_TROUBLE] = { "drop.trouble", LOG_LEVEL_WARN },
};

#endif

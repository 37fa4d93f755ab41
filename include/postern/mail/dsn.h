/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/dsn - the text of a report about a message's delivery: multipart/report
 * (RFC 6522) with a part for people, message/delivery-status (RFC 3464) and the
 * message that it is about, or its header; with addresses beyond ASCII the
 * forms of RFC 6533.  Auto-Submitted as RFC 3834 wants it.  Pure: the time is
 * in the struct.
 *
 * Nothing of what the struct holds can break out of its place: control bytes
 * become "?", lines are cut at 998 octets, every line ends in CRLF, and the
 * boundary does not occur in what is returned.
 */
#ifndef MAIL_DSN_H
#define MAIL_DSN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

enum dsn_action { /* RFC 3464 2.3.3 */
	DSN_FAILED,
	DSN_DELAYED,
	DSN_DELIVERED,
	DSN_RELAYED, /* to a server that will not report further */
};

struct dsn_rcpt {
	enum dsn_action action;
	struct str address;
	struct str orcpt;      /* "type;xtext" of RCPT; empty: none */
	const char *status;    /* "5.1.1"; NULL or "": by code and action */
	struct str remote_mta; /* a host's name; empty: none */
	uint16_t code;         /* of its reply; 0: it gave none */
	struct str text;       /* the reply's words; with code 0: what happened
	                          ("the connection was lost") */
	int64_t last_attempt_ms; /* 0: there was none */
	int64_t retry_until_ms;  /* delayed: 0 not said */
};

struct dsn_report {
	const char *hostname;  /* of the one that reports */
	struct str from;       /* "MAILER-DAEMON@relay.example.com" */
	struct str to;         /* the message's sender */
	struct str id;         /* ours for the message; empty: not said */
	struct str message_id; /* of the report, without <> */
	int64_t now_ms, arrival_ms;
	struct str envid; /* xtext of MAIL; empty: none */
	int64_t
	    release_ms; /* it was held until then (RFC 4865); 0: it was not */
	int64_t by_ms; /* its sender wanted it on its way by then (RFC 2852); 0:
	                  any time */
	size_t nrcpts; /* at least 1 */
	const struct dsn_rcpt *rcpts;
	/* The message, or as much of it as the caller has; what follows its
	 * header is left out unless full. */
	struct str returned;
	bool full; /* RET=FULL, and returned is the whole message */
};

struct dsn_needs {      /* of the report's way back */
	bool eight_bit; /* there are bytes above 0x7f */
	bool smtputf8;  /* some stand in its own header */
};

/* Appends the report, header and all.  -1: out cannot hold it, and is as it
 * was. */
MUST_CHECK int dsn_build(
    struct buf *out, const struct dsn_report *r, struct dsn_needs *needs);

#endif

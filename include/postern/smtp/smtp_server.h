/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_server - the server's side of a session (RFC 5321): bytes in,
 * replies and events out.  No socket, no clock, no log.  One session object a
 * connection; a new one after STARTTLS.
 *
 * A hook answers at once (SMTP_NOW, *reply filled) or says SMTP_LATER; then
 * nothing more is taken from the input until smtp_server_answer().  What a hook
 * is shown is gone when it returns: it copies what it needs.  Inside a hook no
 * function of this file may be called but the smtp_server_is_... ones and
 * smtp_server_protocol().
 */
#ifndef SMTP_SMTP_SERVER_H
#define SMTP_SMTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"

struct smtp_server;

struct smtp_reply {
	uint16_t code;
	char enhanced[12]; /* "2.1.0"; "" none */
	char text[400];    /* one line */
	bool close;        /* end the session after it (421, 521) */
};
/* Fills *r; returns SMTP_NOW. */
int smtp_reply_set(struct smtp_reply *r, uint16_t code, const char *enhanced,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

enum { SMTP_NOW, SMTP_LATER, SMTP_PASS /* of command() only */ };

struct smtp_mail {
	struct str sender; /* without <>; empty: null sender; route dropped */
	uint64_t size;     /* SIZE=, 0: not given */
	bool eight_bit, smtputf8, ret_full, ret_hdrs;
	bool binary;        /* BODY=BINARYMIME: the body is any bytes */
	struct str envid;   /* xtext as given, checked; empty: none */
	int8_t priority;    /* MT-PRIORITY, -9 to 9; 0 where none is said */
	bool require_tls;   /* REQUIRETLS */
	int64_t release_ms; /* HOLDFOR, HOLDUNTIL: not before; 0: none said */
	char by_mode;       /* BY=: 'R' or 'N' (RFC 2852); 0: none said */
	bool by_trace;      /* ... and T */
	int32_t by_s;       /* ... in so many seconds; R: above 0 */
	struct str auth;    /* AUTH=: xtext as given, or "<>"; empty: none */
};

struct smtp_rcpt {
	struct str address; /* "Postmaster" may come without a domain */
	bool is_bare;       /* it came without one */
	uint8_t notify;     /* bits of enum smtp_notify; 0: not given */
	struct str orcpt;   /* "type;xtext", checked; empty: none */
};
enum smtp_notify {
	SMTP_NEVER = 1,
	SMTP_SUCCESS = 2,
	SMTP_FAILURE = 4,
	SMTP_DELAY = 8
};

/* What old clients do against the rules, where the settings let them. */
enum smtp_lenient {
	/* LF alone ends a line.  Content is as its DATA was: only where that
	 * ended with LF alone does a dot between two LF end it; what comes out
	 * has CRLF in any case. */
	SMTP_BARE_NEWLINE = 1 << 0,
	SMTP_SPACE_AFTER_COLON = 1 << 1, /* MAIL FROM: <a> */
	SMTP_NO_BRACKETS = 1 << 2,       /* MAIL FROM:a@b */
	SMTP_HELO_SYNTAX = 1 << 3,       /* any printable name, or none */
};

struct smtp_server_hooks {
	void (*write)(void *arg, const char *p, size_t n);
	/* Each command but BDAT (whose octets must be taken) before it is
	 * handled; may be NULL.  SMTP_PASS: handled as usual.  SMTP_NOW:
	 * *reply is all it gets; so AUTH and STARTTLS are added.  SMTP_LATER:
	 * as always, and an answer with code 0 passes.  After a 334 the next
	 * line comes here whole as the argument, the verb empty: no SMTP_PASS
	 * then. */
	int (*command)(void *arg, struct str verb, struct str argument,
	    struct smtp_reply *reply);
	void (*helo)(void *arg, struct str name, bool esmtp);
	int (*mail)(
	    void *arg, const struct smtp_mail *m, struct smtp_reply *reply);
	int (*rcpt)(
	    void *arg, const struct smtp_rcpt *r, struct smtp_reply *reply);
	/* Content is about to come (DATA, or the first BDAT); a 3xx code in
	 * *reply lets it come. */
	int (*data)(void *arg, struct smtp_reply *reply);
	/* Content, dots removed.  true: enough for now, feed no more until
	 * smtp_server_resume(). */
	bool (*body)(void *arg, const char *p, size_t n);
	/* The content is whole and clean.  Mostly SMTP_LATER. */
	int (*end)(void *arg, struct smtp_reply *reply);
	/* The transaction is over without success: RSET, EHLO, QUIT, refused
	 * content, too big.  Not called after end(). */
	void (*reset)(void *arg);
	/* Each reply that answers a command, for counting; may be NULL. */
	void (*replied)(
	    void *arg, const char *verb, const struct smtp_reply *reply);
	/* The wall clock; NULL: FUTURERELEASE is not offered. */
	int64_t (*now_ms)(void *arg);
	/* The client has made use of it: a line, a command, a content; may be
	 * NULL. */
	void (*lenient)(void *arg, enum smtp_lenient what);
};

struct smtp_server_settings {
	const char *hostname; /* greeting and EHLO */
	uint64_t size_max;    /* bytes, also advertised */
	uint32_t
	    recipients_max;  /* at least 100 unless the operator wants less */
	uint32_t errors_max; /* bad commands, then 421 */
	uint32_t idle_commands_max; /* NOOP, RSET, MAIL, EHLO ... without a
	                               message, then 421 */
	uint32_t messages_max;      /* a session, then 421; 0: no bound */
	uint32_t line_max;          /* command line octets, at least 512 */
	bool smtputf8;              /* with eight_bit only (RFC 6531 3.1) */
	bool chunking, dsn, eight_bit;
	bool no_pipelining, no_size, no_enhanced; /* not offered */
	bool binary; /* BINARYMIME, with chunking only */
	bool mt_priority;
	bool deliver_by;     /* DELIVERBY */
	bool limits;         /* LIMITS: recipients_max, messages_max */
	bool require_tls;    /* REQUIRETLS: only where the session is TLS */
	bool auth;           /* AUTH is offered: MAIL may have AUTH= */
	uint32_t hold_max_s; /* FUTURERELEASE; 0: not offered */
	uint32_t lenient;    /* enum smtp_lenient */
	/* Of addresses that have none (RFC 6409 8); NULL: they are refused. */
	const char *domain;
	/* More EHLO lines, NULL at the end; NULL: none.  Borrowed. */
	const char *const *extensions;
};

struct smtp_server *smtp_server_new(const struct smtp_server_settings *s,
    const struct smtp_server_hooks *h, void *arg);
void smtp_server_free(struct smtp_server **s); /* no hook is called */
/* 220, or another reply (421 ...) after which the session is done. */
void smtp_server_greet(struct smtp_server *s);
/* After STARTTLS: no greeting; so many messages were sent before it. */
void smtp_server_begin(struct smtp_server *s, uint32_t messages);
void smtp_server_refuse(struct smtp_server *s, const struct smtp_reply *reply);
/* Takes bytes; returns how many.  Fewer than n: waiting for an answer, paused,
 * or done.  Call again with the rest after the answer. */
size_t smtp_server_feed(struct smtp_server *s, const char *p, size_t n);
/* Were there AUTH's lines, or a part of one, in what the last feed took? */
bool smtp_server_had_secret(const struct smtp_server *s);
/* The answer to a hook that said SMTP_LATER. */
void smtp_server_answer(struct smtp_server *s, const struct smtp_reply *reply);
void smtp_server_resume(struct smtp_server *s); /* after body() said true */
bool smtp_server_is_done(
    const struct smtp_server *s); /* close after flushing */
bool smtp_server_is_waiting(const struct smtp_server *s); /* for an answer */
bool smtp_server_in_body(const struct smtp_server *s);
/* Time's up or shutting down: a 421 with its reason, then done. */
void smtp_server_end(
    struct smtp_server *s, const char *enhanced, const char *text);
/* "ESMTP" or "SMTP", "UTF8SMTP" (RFC 3848, 6531) for Received. */
const char *smtp_server_protocol(const struct smtp_server *s);

#endif

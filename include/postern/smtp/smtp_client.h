/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_client - the client's side (RFC 5321, 2852, 2920, 3030, 3461, 4954
 * 5, 6710, 8689, 9422): commands out, replies in.  No socket, no clock, no log.
 * The object lives as long as its connection and carries one transaction after
 * the other.
 *
 * One network round trip a message on a session in use: with PIPELINING the
 * next transaction's MAIL, RCPT and DATA leave in the same write as the content
 * and dot before them (hook next() is asked at that moment); with CHUNKING too,
 * MAIL, RCPT, BDAT LAST and the content leave in one flight, the next flight
 * when the last one's verdict is in (next() is asked right after done()).  So
 * never more than one message a session is behind its end and unanswered.
 *
 * Every hook may call smtp_client_free(); done() and ready() may call
 * smtp_client_send() (where smtp_client_is_ready()) and smtp_client_quit().
 */
#ifndef SMTP_SMTP_CLIENT_H
#define SMTP_SMTP_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"
#include "postern/smtp/outcome.h"

struct smtp_client;

enum smtp_capability {
	SMTP_CAP_PIPELINING = 1 << 0,
	SMTP_CAP_CHUNKING = 1 << 1,
	SMTP_CAP_SIZE = 1 << 2,
	SMTP_CAP_8BITMIME = 1 << 3,
	SMTP_CAP_SMTPUTF8 = 1 << 4,
	SMTP_CAP_DSN = 1 << 5,
	SMTP_CAP_MT_PRIORITY = 1 << 6,
	SMTP_CAP_REQUIRETLS = 1 << 7, /* as said under TLS */
	SMTP_CAP_LIMITS = 1 << 8,
	SMTP_CAP_BINARYMIME = 1 << 9,
	SMTP_CAP_DELIVERBY = 1 << 10,
	SMTP_CAP_STARTTLS = 1 << 11,
	SMTP_CAP_ENHANCED = 1 << 12,
	SMTP_CAP_AUTH_PLAIN = 1 << 13,
	SMTP_CAP_AUTH_LOGIN = 1 << 14,
	SMTP_CAP_AUTH_XOAUTH2 = 1 << 15,
	SMTP_CAP_AUTH_OAUTHBEARER = 1 << 16,
	SMTP_CAP_AUTH_SCRAM_SHA_256 = 1 << 17,
	SMTP_CAP_AUTH_SCRAM_SHA_1 = 1 << 18,
	SMTP_CAP_AUTH_CRAM_MD5 = 1 << 19,
	SMTP_CAP_AUTH_EXTERNAL = 1 << 20,
};

struct smtp_limits {       /* RFC 9422, 2852; 0: none said */
	uint32_t rcpts;    /* recipients of a transaction */
	uint32_t messages; /* transactions of a session */
	uint32_t domains;  /* of all recipients of a session */
	uint32_t by_s;     /* BY=...;R: seconds, at least */
};

struct smtp_txn_rcpt {
	struct str address;
	uint8_t notify; /* enum smtp_notify of smtp_server.h */
	struct str orcpt;
};

/* Together, what binary content needs: envelope and chunks in one flight. */
#define SMTP_CAPS_BINARY                                                       \
	(SMTP_CAP_BINARYMIME | SMTP_CAP_CHUNKING | SMTP_CAP_PIPELINING)

/* One transaction.  Everything borrowed until done(). */
struct smtp_txn {
	void *arg; /* the owner's */
	struct str sender, envid;
	bool eight_bit; /* say BODY=8BITMIME where it is offered */
	bool binary;    /* say BODY=BINARYMIME: the body is any bytes */
	bool smtputf8;  /* say SMTPUTF8 */
	bool ret_full, ret_hdrs;
	bool require_tls;   /* say REQUIRETLS */
	bool auth_unknown;  /* say AUTH=<> where we logged in */
	int8_t mt_priority; /* said where it is offered, unless 0 */
	char by_mode;       /* 'R': BY= must be said; 'N': where it is
	                       offered; 0: not */
	bool by_trace;
	int32_t by_s; /* seconds that are left; R: above 0 */
	uint64_t size;
	uint32_t nrcpts;
	const struct smtp_txn_rcpt *rcpts;
	struct str content; /* whole, or p NULL: hook content() is asked */
	bool hold_end;      /* the end waits for smtp_client_release() */
	bool no_content;    /* ends with the last recipient's reply */
};

struct smtp_client_hooks {
	void (*write)(void *arg, const char *p, size_t n);
	void (*secure)(
	    void *arg); /* do the handshake, then smtp_client_secured() */
	void (*ready)(void *arg); /* logged in, or NOOP or RSET was answered:
	                           * smtp_client_send() may be called */
	/* The recipient's reply; indexes rise. */
	void (*rcpt)(void *arg, struct smtp_txn *t, uint32_t index,
	    const struct outcome *o);
	/* The transaction's end, once, after all its rcpt() calls.  The outcome
	 * of MAIL, of DATA, of the final dot (for the recipients that were
	 * accepted), or of the loss of the session (for those without a reply
	 * too; a 421 to RCPT is one, and no rcpt() is called for it); stage
	 * RCPT with any other reply: none was accepted (or no_content: that was
	 * all).  The session goes on
	 * unless lost() follows.  It goes on too after OUTCOME_LOCAL at stage
	 * MAIL: nothing was sent (the peer lacks SMTPUTF8 or 8BITMIME, takes
	 * no message of that size, or an address must not be sent).  Never
	 * called while content() is unanswered, but for a loss. */
	void (*done)(void *arg, struct smtp_txn *t, const struct outcome *o);
	/* May another transaction follow?  Asked when it could leave now: with
	 * the final dot before it, or after done() with nothing in hand.  NULL:
	 * no; the hook itself may be NULL. */
	struct smtp_txn *(*next)(void *arg);
	/* Wants content from offset; answer with smtp_client_content() or
	 * smtp_client_content_failed(), now or later. */
	void (*content)(void *arg, struct smtp_txn *t, uint64_t offset);
	/* The session cannot be used any more (refused, rubbish, 421): close.
	 * The transactions in hand got their done() before. */
	void (*lost)(void *arg, const struct outcome *o);
	/* The content of one with hold_end is about to leave; its final dot
	 * (with CHUNKING: any of it) waits for smtp_client_release(), now or
	 * later.  Once a transaction; done() may come before. */
	void (*hold)(void *arg, struct smtp_txn *t);
};

enum smtp_client_tls {
	SMTP_TLS_OFF,
	SMTP_TLS_OPPORTUNISTIC, /* STARTTLS, where it can be had */
	SMTP_TLS_STARTTLS,
	SMTP_TLS_IMPLICIT
};

struct smtp_client_settings {
	const char *helo; /* strings are copied */
	/* IMPLICIT: the owner does the handshake at once, without secure(),
	 * and says smtp_client_secured() before it feeds anything. */
	enum smtp_client_tls tls;
	const char *user;    /* NULL: no AUTH; "" with EXTERNAL */
	struct str password; /* borrowed until ready() or lost() */
	/* Printable, without a comma, never used before: for SCRAM. */
	const char *nonce;
	bool auth_clear;     /* AUTH also without TLS */
	const char *auth;    /* NULL: "auto"; the others: sasl_choose() */
	uint32_t disable;    /* capabilities not to be used */
	bool eight_bit_pass; /* send 8-bit content to a peer without 8BITMIME */
};

struct smtp_client *smtp_client_new(const struct smtp_client_settings *s,
    const struct smtp_client_hooks *h, void *arg);
void smtp_client_free(struct smtp_client **c); /* no hook is called */
void smtp_client_secured(struct smtp_client *c);
void smtp_client_feed(
    struct smtp_client *c, const char *p, size_t n); /* takes all */
/* The connection failed or closed, or a reply is overdue. */
void smtp_client_fail(
    struct smtp_client *c, enum outcome_io io, const char *text);
/* When smtp_client_is_ready(). */
void smtp_client_send(struct smtp_client *c, struct smtp_txn *t);
/* The same; ready() or lost() follows. */
void smtp_client_noop(struct smtp_client *c);
void smtp_client_rset(struct smtp_client *c);
/* The same: the session was idle long enough for the peer to have forgotten it,
 * so its loss at the next command is that of a re-used session. */
void smtp_client_rested(struct smtp_client *c);
/* Where the final dot of one is out and unanswered: the one behind it gets its
 * done() now, as lost at MAIL (none of its content has left), and the session
 * ends with the first one's. */
void smtp_client_take_back(struct smtp_client *c);
/* A part of the content asked for (64 to 256 KiB is good); n 0 only with last:
 * its end.  failed: it cannot be read: the session is given up before the final
 * dot. */
void smtp_client_content(
    struct smtp_client *c, const char *p, size_t n, bool last);
void smtp_client_content_failed(struct smtp_client *c, const char *text);
/* The end that hold() was about may leave: while it is the first in hand. */
void smtp_client_release(struct smtp_client *c);
/* With nothing in hand.  lost() follows with the reply to QUIT; or at once, if
 * it was not ready yet. */
void smtp_client_quit(struct smtp_client *c);
uint32_t smtp_client_capabilities(const struct smtp_client *c);
uint64_t smtp_client_size_max(const struct smtp_client *c); /* 0: none said */
struct smtp_limits smtp_client_limits(const struct smtp_client *c);
bool smtp_client_is_ready(const struct smtp_client *c); /* nothing in hand */
/* Which reply is awaited: its stage decides how long to wait; *since counts up
 * with each reply (so that the owner sees a new one is awaited). */
enum outcome_stage smtp_client_awaits(
    const struct smtp_client *c, uint64_t *since);
/* Is the final dot (or BDAT LAST) of a transaction out and unanswered? */
bool smtp_client_after_dot(const struct smtp_client *c);

#endif

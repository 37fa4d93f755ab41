/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_client_state - the inside of smtp_client, shared by its files:
 * smtp_client.c (the object, replies to steps, loss), client_hello.c (banner to
 * ready) and client_txn.c (transactions).
 *
 * What is sent and what is awaited: each command sent adds an awaited reply;
 * replies are matched in order.  A transaction in hand knows what it sends
 * next; client_txn_pump() sends as far as is allowed.  At most two are in hand:
 * one behind its final dot, and the next one whose MAIL, RCPT and DATA left
 * with that dot.  So the awaited reply always belongs to the first one.
 *
 * With CHUNKING the next flight waits for the reply to BDAT LAST: it costs the
 * same one round trip a message, and (1) at most one message a session is in
 * doubt when the session is lost, (2) a server that refused the recipients of
 * one flight cannot take the next one's for the same transaction.
 *
 * Hooks may free the client: the memory lives until the outermost call into it
 * has returned (busy, dead).
 */
#ifndef SMTP_CLIENT_STATE_H
#define SMTP_CLIENT_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/mail/message.h"
#include "postern/smtp/smtp_client.h"
#include "smtp/capability.h"
#include "smtp/reply.h"
#include "smtp/sasl.h"

enum client_phase {
	CLIENT_HELLO, /* banner to AUTH */
	CLIENT_TLS,   /* handshake under way, by the owner */
	CLIENT_READY, /* idle, or with transactions in hand */
	CLIENT_QUITTING,
	CLIENT_LOST, /* lost() was or is being called; nothing more is sent */
};

/* In wire order. */
enum client_step {
	STEP_BANNER,
	STEP_EHLO,
	STEP_HELO,
	STEP_STARTTLS,
	STEP_AUTH,
	STEP_RSET,
	STEP_MAIL,
	STEP_RCPT,
	STEP_DATA,
	STEP_CONTENT, /* no reply of its own */
	STEP_DOT,
	STEP_BDAT,
	STEP_BDAT_LAST,
	STEP_NOOP,
	STEP_RESET, /* RSET by itself */
	STEP_QUIT,
	STEP_NONE, /* nothing more to send */
};

enum {
	CLIENT_IN_HAND_MAX = 2,
	CLIENT_AWAITED_MAX = 24, /* groups of replies, see client_await() */
	CLIENT_PIECES_MAX = 4,   /* BDAT unanswered */
	CLIENT_PIECE = 256 << 10,
	CLIENT_SLICE = 64 << 10,      /* of content at a time, into out */
	CLIENT_OUT_MAX = 256 << 10,   /* out never holds more */
	CLIENT_OUT_FLUSH = 64 << 10,  /* and is written from here on */
	CLIENT_APPEND_MAX = 16 << 10, /* content copied behind its BDAT */
	CLIENT_ADDRESS_MAX = 1024,
};

struct client_txn {
	struct smtp_txn *txn; /* borrowed until done() */
	enum client_step at;  /* what is sent next */
	uint32_t unanswered;  /* replies to come */
	uint32_t pieces;      /* of them, to BDAT */
	uint32_t rcpts_sent, rcpts_answered, rcpts_accepted;
	uint64_t offset;        /* content handed on so far */
	bool from_idle;         /* begun on a session that had gone idle */
	bool mail_answered;     /* with any code */
	bool mail_refused;      /* then what follows means nothing */
	bool out_of_step;       /* RCPT taken without MAIL */
	bool content_begun;     /* the first piece has been looked at */
	bool held;              /* its end waits for the owner */
	bool lone_dot;          /* 354 though nobody is to get it */
	bool dot_sent, decided; /* decided: verdict says why it ends */
	struct outcome verdict;
	struct message_stuff stuff;
	struct message_scan scan;
};

/* So many replies in a row to one kind of command. */
struct client_awaited {
	uint8_t step;
	uint32_t count;
};

struct smtp_client {
	struct smtp_client_hooks hooks;
	void *arg;
	enum smtp_client_tls tls;
	char *helo, *user, *auth, *nonce; /* owned; user NULL: no AUTH */
	struct str password;              /* borrowed until ready */
	bool auth_clear, eight_bit_pass;
	uint32_t disable;
	enum client_phase phase;
	bool secure, need_rset, idle, asked; /* asked: content() unanswered */
	bool pumping, dead;
	bool closing; /* ends as soon as the one in hand is answered */
	unsigned busy;
	uint64_t carried, since;
	size_t left; /* bytes that came behind the reply at hand */
	struct capability caps;
	struct sasl sasl;
	struct buf said; /* the last line of the login; wiped */
	size_t nawaited, nin_hand;
	struct client_awaited awaited[CLIENT_AWAITED_MAX];
	struct client_txn in_hand[CLIENT_IN_HAND_MAX];
	struct buf out;
	struct reply reply;
};

struct client_step_row {
	const char *phrase; /* for texts; stage decides how long to wait */
	enum outcome_stage stage;
	void (*send)(struct smtp_client *c, struct client_txn *t);
	void (*on_reply)(struct smtp_client *c, const struct reply *r);
};

/* smtp_client.c */
const struct client_step_row *smtp_client_step(enum client_step s);
void smtp_client_set_phase(struct smtp_client *c, enum client_phase p);
/* Appends a part of a command (at most CLIENT_OUT_FLUSH) to what leaves with
 * the next smtp_client_flush(). */
void smtp_client_put(struct smtp_client *c, struct str s);
void smtp_client_flush(struct smtp_client *c);
void smtp_client_await(struct smtp_client *c, enum client_step s);
/* An outcome of the step at hand: the reply's words, or another's. */
void smtp_client_outcome(const struct smtp_client *c, struct outcome *o,
    enum outcome_stage stage, const struct reply *r);
/* The session is over: done() for all in hand, then lost(). */
void smtp_client_lose(struct smtp_client *c, const struct outcome *o);
void smtp_client_lose_text(struct smtp_client *c, enum outcome_stage stage,
    enum outcome_io io, const char *text);
/* A reply of a class that cannot be. */
void smtp_client_nonsense(
    struct smtp_client *c, enum client_step s, const struct reply *r);
bool smtp_client_is_over(const struct smtp_client *c); /* lost or freed */

/* client_hello.c */
void client_hello_ehlo(struct smtp_client *c);
void client_hello_on_banner(struct smtp_client *c, const struct reply *r);
void client_hello_on_ehlo(struct smtp_client *c, const struct reply *r);
void client_hello_on_helo(struct smtp_client *c, const struct reply *r);
void client_hello_on_starttls(struct smtp_client *c, const struct reply *r);
/* A refusal that repeats what was sent to log in is not shown. */
void client_hello_hide(const struct smtp_client *c, struct reply *r);
void client_hello_on_auth(struct smtp_client *c, const struct reply *r);

/* client_txn.c */
void client_txn_begin(struct smtp_client *c, struct smtp_txn *txn);
void client_txn_pump(struct smtp_client *c); /* send what may be sent */
/* Finishes the first one in hand when all its replies are in. */
void client_txn_settle(struct smtp_client *c);
/* The reply came where none was awaited, while content was on its way. */
void client_txn_interrupted(struct smtp_client *c, const struct reply *r);
void client_txn_content(
    struct smtp_client *c, const char *p, size_t n, bool last);
void client_txn_send_rset(struct smtp_client *c, struct client_txn *t);
void client_txn_send_mail(struct smtp_client *c, struct client_txn *t);
void client_txn_send_rcpt(struct smtp_client *c, struct client_txn *t);
void client_txn_send_data(struct smtp_client *c, struct client_txn *t);
void client_txn_send_content(struct smtp_client *c, struct client_txn *t);
void client_txn_send_dot(struct smtp_client *c, struct client_txn *t);
void client_txn_send_bdat(struct smtp_client *c, struct client_txn *t);
void client_txn_on_rset(struct smtp_client *c, const struct reply *r);
void client_txn_on_mail(struct smtp_client *c, const struct reply *r);
void client_txn_on_rcpt(struct smtp_client *c, const struct reply *r);
void client_txn_on_data(struct smtp_client *c, const struct reply *r);
void client_txn_on_dot(struct smtp_client *c, const struct reply *r);
void client_txn_on_bdat(struct smtp_client *c, const struct reply *r);
void client_txn_on_bdat_last(struct smtp_client *c, const struct reply *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake - the door that every message passes, whoever brings it:
 * limits, room, Received, the way into the spool.  One struct intake a thread
 * that brings messages; its answers come through that thread's mailbox.
 */
#ifndef INTAKE_INTAKE_H
#define INTAKE_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/mail/local.h"
#include "postern/smtp/smtp_server.h"
#include "postern/spool/envelope.h"

struct intake;
struct intake_message;
struct mailbox;
struct addr;
struct policy;
struct routes;
struct spool;

struct intake_settings {
	const char *hostname;
	const char *domain; /* of addresses without one */
	struct local local; /* recipients at this host go to its root */
	uint64_t size_max;
	uint32_t recipients_max;
	uint32_t received_max; /* more Received fields are a loop */
	size_t stage_above;    /* bytes kept in memory; beyond is staged */
	/* Address patterns: no provider may send as another; n 0: some may. */
	const char **identities;
	size_t nidentities;
	struct routes *routes; /* a reference is taken; NULL: the default one */
	/* Slower commits (p99) or more queued: no new messages; 0: no bound. */
	uint64_t overload_commit_ms;
	uint32_t overload_queued;
};

/* Who brings it; strings are copied. */
struct intake_from {
	const char *client;         /* "192.0.2.1", "local" */
	const struct addr *address; /* the same; or NULL */
	const char *helo;           /* or NULL */
	const char *listener;
	const char *user;     /* or NULL */
	const char *mech;     /* how he has logged in; NULL: not here */
	const char *protocol; /* "ESMTP", ... for Received */
	const char *tls;  /* "TLSv1.3 TLS_AES_256_GCM_SHA384"; NULL: in clear */
	bool may_raise;   /* ask for more than the usual priority */
	uint64_t session; /* for the log */
	const char *drop; /* the drop file that it comes from; or NULL */
	const char *rate_client; /* whom rates count: an address, a /64 ...;
	                            NULL: nobody */
	/* The listener's, and what the user's puts in its place; NULL: none.
	 * Borrowed until intake_end() or intake_abort(). */
	const struct policy *policy, *user_policy;
};

struct intake_hooks {
	/* After intake_end(): the message is durable (reply 250) or not. */
	void (*answer)(void *arg, const struct smtp_reply *reply);
	/* After intake_body() said true: bytes are welcome again. */
	void (*resume)(void *arg);
};

/* The spool answers through mb. */
struct intake *intake_new(struct spool *sp, struct mailbox *mb);
void intake_free(struct intake **i); /* when nothing is pending */
/* A new generation; messages under way keep what they began with.  Once before
 * the first message.  What *s points to is borrowed until let_go(arg), which is
 * called once: when the next has come and the last of its messages has gone. */
void intake_change(struct intake *i, const struct intake_settings *s,
    void (*let_go)(void *arg), void *arg);

/* One message: begin (MAIL), rcpt..., data, body..., end.  begin, rcpt and data
 * fill the reply; a 4xx or 5xx means not taken. */
struct intake_message *intake_begin(struct intake *i,
    const struct intake_from *from, const struct smtp_mail *m,
    const struct intake_hooks *h, void *arg,
    struct smtp_reply *reply); /* NULL: refused */
void intake_rcpt(struct intake_message *m, const struct smtp_rcpt *r,
    struct smtp_reply *reply);
/* ms that the reply of intake_begin() and intake_rcpt() is to be held back:
 * whoever brings it comes too fast. */
uint64_t intake_wait_ms(const struct intake_message *m);
void intake_data(struct intake_message *m, struct smtp_reply *reply); /* 354 */
/* Takes all n bytes (some 64 KiB at most); true: enough, resume() follows. */
bool intake_body(struct intake_message *m, const char *p, size_t n);
/* The content is whole; m is not the caller's any more.  SMTP_NOW: refused,
 * *reply filled, m is gone.  SMTP_LATER: answer() follows, never from inside
 * this call; intake_forget() drops the hooks before (the client is gone; the
 * message is ours all the same). */
MUST_CHECK int intake_end(struct intake_message *m, struct smtp_reply *reply);
void intake_forget(struct intake_message *m);
void intake_abort(struct intake_message **m); /* before intake_end() */
/* Operations of messages, ended or given up, that the spool has not answered
 * yet. */
size_t intake_pending(const struct intake *i);
/* fn(arg) whenever intake_pending() has become 0. */
void intake_on_idle(struct intake *i, void (*fn)(void *arg), void *arg);

#endif

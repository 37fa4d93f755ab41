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

#include "postern/base/str.h"
#include "postern/smtp/smtp_server.h"
#include "postern/spool/envelope.h"

struct intake;
struct intake_message;
struct mailbox;
struct spool;

struct intake_settings {
	const char *hostname;
	uint64_t size_max;
	uint32_t recipients_max;
	uint32_t received_max; /* that many Received fields are a loop */
	size_t stage_above;    /* bytes kept in memory; beyond is staged */
	uint32_t route;        /* id of the default route */
	uint8_t priority;
};

/* Who brings it; strings are copied. */
struct intake_from {
	const char *client; /* "192.0.2.1", "local" */
	const char *helo;   /* or NULL */
	const char *listener;
	const char *user;     /* or NULL */
	const char *protocol; /* "ESMTP", ... for Received */
	uint64_t session;     /* for the log */
};

struct intake_hooks {
	/* The end of intake_end(): the message is durable (reply 250) or not.
	 */
	void (*answer)(void *arg, const struct smtp_reply *reply);
	/* After intake_body() said true: bytes are welcome again. */
	void (*resume)(void *arg);
};

struct intake *intake_new(struct spool *sp, struct mailbox *mb);
void intake_free(struct intake **i);
/* A new generation; messages under way keep what they began with. */
void intake_change(struct intake *i, const struct intake_settings *s);

/* One message: begin (MAIL), rcpt..., data, body..., end.  begin, rcpt and data
 * fill the reply; a 4xx or 5xx means not taken. */
struct intake_message *intake_begin(struct intake *i,
    const struct intake_from *from, const struct smtp_mail *m,
    const struct intake_hooks *h, void *arg,
    struct smtp_reply *reply); /* NULL: refused */
void intake_rcpt(struct intake_message *m, const struct smtp_rcpt *r,
    struct smtp_reply *reply);
void intake_data(struct intake_message *m, struct smtp_reply *reply); /* 354 */
bool intake_body(struct intake_message *m, const char *p, size_t n);
/* answer() follows, also after the client is gone; m is not the caller's any
 * more.  intake_forget() then drops the hooks (the client is gone). */
void intake_end(struct intake_message *m);
void intake_forget(struct intake_message *m);
void intake_abort(struct intake_message **m); /* before intake_end() */
/* Messages that were handed to the spool and not answered yet. */
size_t intake_pending(const struct intake *i);

#endif

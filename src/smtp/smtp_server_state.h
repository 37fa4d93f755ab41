/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/smtp_server_state - what the files of the server share: smtp_server.c
 * (session, commands, replies), smtp_server_envelope.c (MAIL and RCPT),
 * smtp_server_content.c (DATA and BDAT).
 */
#ifndef SMTP_SMTP_SERVER_STATE_H
#define SMTP_SMTP_SERVER_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/mail/message.h"
#include "postern/smtp/smtp_server.h"

#include "smtp/command.h"

enum smtp_server_phase {
	PHASE_NEW,    /* not greeted: takes nothing */
	PHASE_START,  /* no HELO or EHLO yet */
	PHASE_READY,  /* no transaction */
	PHASE_MAIL,   /* a sender, no recipient */
	PHASE_RCPT,   /* at least one recipient */
	PHASE_DATA,   /* content up to the dot, or its answer is awaited */
	PHASE_CHUNK,  /* octets of a BDAT, or its answer is awaited */
	PHASE_CHUNKS, /* between two BDAT */
	PHASE_DONE,
};

/* Which hook owes an answer. */
enum smtp_server_pending {
	PENDING_NONE,
	PENDING_COMMAND, /* command() */
	PENDING_MAIL,
	PENDING_RCPT,
	PENDING_DATA, /* may content come?  of DATA */
	PENDING_BDAT, /* ... of the first BDAT */
	PENDING_END,
};

struct smtp_server {
	struct smtp_server_settings settings;
	const struct smtp_server_hooks *hooks;
	void *arg;
	struct command_lines lines;
	const char *verb; /* of the command in hand, for replied() */
	enum smtp_server_phase phase;
	enum smtp_server_pending pending;
	uint32_t errors, idle_commands, messages;
	bool esmtp;
	bool paused;     /* body() has had enough */
	bool had_secret; /* in what the last feed took */
	bool wants_line; /* 334 was said: the next line is command()'s */
	char *held;      /* owned; the line that command() thinks about */
	size_t held_len;

	/* The transaction. */
	bool open; /* mail() said yes, and neither end() nor reset() was */
	bool smtputf8;
	bool binary; /* its content is not looked at but for the header */
	uint32_t rcpts, rcpts_refused;

	/* Its content. */
	struct message_unstuff unstuff;
	struct message_newline newline; /* where LF alone is let in */
	bool bare_content;              /* and it has come */
	struct message_scan scan;
	uint64_t chunk_left;
	bool chunk_last;
	enum smtp_server_phase chunk_back; /* phase after a refused BDAT */
	struct smtp_reply *refusal; /* owned; what the content will get */
	struct smtp_reply *ending;  /* owned; 421 after end()'s answer */

	char hostname[]; /* what settings.hostname points to */
};

/* smtp_server.c */
void smtp_server_set_phase(struct smtp_server *s, enum smtp_server_phase phase);
void smtp_server_reply(struct smtp_server *s, const struct smtp_reply *r);
void smtp_server_say(struct smtp_server *s, uint16_t code, const char *enhanced,
    const char *text);
/* The same for a bad command: counted, and 421 where there were too many. */
void smtp_server_bad(struct smtp_server *s, uint16_t code, const char *enhanced,
    const char *text);
/* Is the client let do so here?  Then the owner hears that it does. */
bool smtp_server_lets(struct smtp_server *s, enum smtp_lenient what);
/* One more command that moved no mail; true: too many, 421 was said. */
bool smtp_server_is_idling(struct smtp_server *s);
/* Ends the transaction, if there is one, and tells the owner. */
void smtp_server_drop(struct smtp_server *s);

/* smtp_server_envelope.c */
void smtp_server_envelope_mail(struct smtp_server *s, struct str argument);
void smtp_server_envelope_rcpt(struct smtp_server *s, struct str argument);
void smtp_server_envelope_mailed(
    struct smtp_server *s, const struct smtp_reply *r);
void smtp_server_envelope_rcpted(
    struct smtp_server *s, const struct smtp_reply *r);

/* smtp_server_content.c; take: how many bytes were used */
void smtp_server_content_data(struct smtp_server *s, struct str argument);
void smtp_server_content_bdat(struct smtp_server *s, struct str argument);
size_t smtp_server_content_take(struct smtp_server *s, const char *p, size_t n);
void smtp_server_content_resume(struct smtp_server *s);
/* The answers to data() and end(). */
void smtp_server_content_answer(struct smtp_server *s,
    enum smtp_server_pending pending, const struct smtp_reply *r);

#endif

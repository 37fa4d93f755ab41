/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sink_mail - the mail in hand of a session: envelope, content, and its
 * line in the log.
 */
#ifndef TOOLS_SINK_MAIL_H
#define TOOLS_SINK_MAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/str.h"
#include "postern/mail/header.h"
#include "tools/sink_limits.h"
#include "tools/sink_verify.h"

struct sink;
struct sink_file;
struct smtp_mail;
struct smtp_rcpt;
struct smtp_reply;

struct sink_mail {
	uint64_t connection; /* number of the session */
	uint32_t nth;        /* messages kept from it */
	uint32_t begun;      /* MAILs it has sent */
	uint64_t message;    /* MAILs that the sink has got, this one too */
	uint64_t mail_us;    /* when it came (monotonic) */
	uint64_t end_us;     /* when the limits looked at it last */
	char *helo, *tls;    /* owned; NULL: not said, in clear */
	char *sender, *parameters;
	char **rcpt; /* owned: address, and its parameters behind a space */
	struct str *address; /* of each of them */
	uint32_t nrcpts, rcpts_cap;
	bool in_content;
	struct sink_verify verify;
	struct header_scan header;
	struct sink_file *file;
	char *name;  /* of the file once it is kept; owned */
	bool broken; /* the content could not be written */
};

void sink_mail_init(struct sink_mail *m, struct sink *s);
void sink_mail_done(struct sink_mail *m, struct sink *s);
void sink_mail_helo(struct sink_mail *m, struct str name);
void sink_mail_secured(struct sink_mail *m, const char *version);
void sink_mail_begin(
    struct sink_mail *m, struct sink *s, const struct smtp_mail *mail);
void sink_mail_rcpt(struct sink_mail *m, const struct smtp_rcpt *r);
/* *reply is changed if the content cannot be kept. */
void sink_mail_data(
    struct sink_mail *m, struct sink *s, struct smtp_reply *reply);
void sink_mail_body(struct sink_mail *m, const char *p, size_t n);
/* true: it is kept, and *reply filled unless it has a code; false: *reply says
 * why not. */
bool sink_mail_keep(struct sink_mail *m, struct smtp_reply *reply);
/* Counts and logs what was kept: its reply, or what became of the session
 * instead.  The transaction is over. */
void sink_mail_tell(
    struct sink_mail *m, struct sink *s, uint16_t code, const char *fate);
/* The log has: a limit counted at a stage before the dot; a reply said no. */
void sink_mail_counted(struct sink_mail *m, struct sink *s,
    const struct sink_load *load, uint64_t now_us);
void sink_mail_refused(struct sink_mail *m, struct sink *s, const char *verb,
    const struct smtp_reply *reply);
void sink_mail_reset(struct sink_mail *m);

#endif

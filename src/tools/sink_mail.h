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
#include "tools/sink_verify.h"

struct sink;
struct sink_file;
struct smtp_mail;
struct smtp_rcpt;
struct smtp_reply;

struct sink_mail {
	uint64_t connection; /* number of the session */
	uint32_t nth;        /* messages kept from it */
	char *helo, *tls;    /* owned; NULL: not said, in clear */
	char *sender, *parameters;
	char **rcpt; /* owned: address, and its parameters behind a space */
	uint32_t nrcpts, rcpts_cap;
	bool in_content;
	struct sink_verify verify;
	struct sink_file *file;
	bool broken; /* the content could not be written */
};

void sink_mail_init(struct sink_mail *m, struct sink *s);
void sink_mail_done(struct sink_mail *m, struct sink *s);
void sink_mail_helo(struct sink_mail *m, struct str name);
void sink_mail_secured(struct sink_mail *m, const char *version);
void sink_mail_begin(struct sink_mail *m, const struct smtp_mail *mail);
void sink_mail_rcpt(struct sink_mail *m, const struct smtp_rcpt *r);
/* *reply is changed if the content cannot be kept. */
void sink_mail_data(
    struct sink_mail *m, struct sink *s, struct smtp_reply *reply);
void sink_mail_body(struct sink_mail *m, const char *p, size_t n);
/* Keeps, counts, logs; fills *reply unless it has a code. */
void sink_mail_end(
    struct sink_mail *m, struct sink *s, struct smtp_reply *reply);
void sink_mail_reset(struct sink_mail *m);

#endif

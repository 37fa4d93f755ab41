/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/submit_letter - a letter as a relay elsewhere takes it: what the daemon
 * would do is done here.  Addresses get a domain, the header is completed, and
 * Bcc goes.
 */
#ifndef TOOLS_SUBMIT_LETTER_H
#define TOOLS_SUBMIT_LETTER_H

#include "postern/base/buf.h"
#include "postern/smtp/smtp_client.h"

struct conf_relay_file;
struct sendmail_mail;

struct submit_letter {
	struct smtp_txn txn; /* to all recipients; points at what follows */
	char *sender;
	char **addresses;
	struct smtp_txn_rcpt *rcpts;
	struct buf envid, content;
};

/* m is borrowed for as long. */
void submit_letter_make(struct submit_letter *l,
    const struct conf_relay_file *f, const struct sendmail_mail *m);
void submit_letter_done(struct submit_letter *l);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_submit - a letter and whom it is for, as the daemon is told:
 * in a conversation, or in a file for when it is back (tools/sendmail_drop).
 */
#ifndef TOOLS_SENDMAIL_SUBMIT_H
#define TOOLS_SENDMAIL_SUBMIT_H

#include <stdbool.h>
#include <stddef.h>

#include "postern/base/buf.h"
#include "postern/base/err.h"

struct sendmail_letter;
struct sendmail_options;
struct sendmail_rcpts;

/* Recipients of one transaction: what the daemon's door takes. */
#define SENDMAIL_SUBMIT_RCPTS 1000u

struct sendmail_mail {
	const struct sendmail_options *o;
	const struct sendmail_letter *letter;
	const struct sendmail_rcpts *rcpts;
	const char *socket; /* the daemon's */
	const char *sender; /* "" the null sender */
	const char *first;  /* fields to stand before the header, or "" */
};

/* MAIL, RCPT for n recipients from the first on, DATA: lines to be sent. */
void sendmail_submit_envelope(
    const struct sendmail_mail *m, size_t first, size_t n, struct buf *out);
/* Hands the content over, dots stuffed, with its end. */
typedef int sendmail_put_fn(
    void *arg, const char *p, size_t n, struct err *err);
MUST_CHECK int sendmail_submit_content(const struct sendmail_mail *m,
    sendmail_put_fn *put, void *arg, struct err *err);
/* Sends to n recipients from the first on.  0: the daemon has answered for all
 * of them; *code is the exit code, 0 or what is wrong with some, each told. -1:
 * nobody is there to answer. */
MUST_CHECK int sendmail_submit(const struct sendmail_mail *m, size_t first,
    size_t n, int *code, struct err *err);
/* The same to the first ones, without content: each recipient's answer is
 * printed, and taken[] says whose was yes. */
MUST_CHECK int sendmail_submit_verify(const struct sendmail_mail *m,
    bool taken[SENDMAIL_SUBMIT_RCPTS], int *code, struct err *err);

#endif

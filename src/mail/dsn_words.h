/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mail/dsn_words - the part of a report that people read: what happened to
 * whom, and what to do.
 */
#ifndef MAIL_DSN_WORDS_H
#define MAIL_DSN_WORDS_H

struct dsn_out;
struct dsn_rcpt;
struct dsn_report;

const char *dsn_words_subject(const struct dsn_report *r);
void dsn_words(struct dsn_out *o, const struct dsn_report *r);
/* "5.1.1": what was given if it is a status of that action, else "5.0.0" and
 * the like. */
const char *dsn_words_status(const struct dsn_rcpt *rcpt);
/* The status as it stood in the reply, "" if there was none. */
const char *dsn_words_enhanced(const struct dsn_rcpt *rcpt);

#endif

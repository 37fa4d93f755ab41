/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_call - a call that brings a message, or asks about recipients:
 * who sends and to whom is found out and the message read, whole; then somebody
 * takes it.
 */
#ifndef TOOLS_SENDMAIL_CALL_H
#define TOOLS_SENDMAIL_CALL_H

struct sendmail_mail;
struct sendmail_options;

/* With SENDMAIL_VERIFY nothing is to be sent, and there is no message.  The
 * exit code; what is wrong was told. */
typedef int sendmail_call_fn(void *arg, struct sendmail_mail *m);

/* The exit code. */
int sendmail_call_run(
    const struct sendmail_options *o, sendmail_call_fn *take, void *arg);

#endif

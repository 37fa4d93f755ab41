/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_sender - who sends: the envelope's sender, and the From field
 * for a header that has none.
 */
#ifndef TOOLS_SENDMAIL_SENDER_H
#define TOOLS_SENDMAIL_SENDER_H

struct sendmail_options;

/* The envelope's: what -f says, else who calls; "" the null sender.  The
 * caller's to free.  NULL: it is no address; that was told. */
char *sendmail_sender_address(const struct sendmail_options *o);
/* "From: \"Ann Lee\" <ann>\r\n", or "" where no name is known: then the daemon
 * adds the field.  The caller's to free. */
char *sendmail_sender_from(
    const struct sendmail_options *o, const char *address);

#endif

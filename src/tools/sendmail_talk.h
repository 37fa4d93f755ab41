/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tools/sendmail_talk - a conversation with the daemon at its submission
 * socket.  Whoever calls sendmail must never hang: every wait has an end.
 */
#ifndef TOOLS_SENDMAIL_TALK_H
#define TOOLS_SENDMAIL_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/err.h"

#define SENDMAIL_TALK_CONNECT_MS 10000 /* its queue of callers is full */
#define SENDMAIL_TALK_REPLY_MS 60000
#define SENDMAIL_TALK_DOT_MS 300000 /* it writes the message to the disk */
#define SENDMAIL_TALK_TEXT 512

struct sendmail_talk {
	int fd;
	struct buf in;
};

struct sendmail_reply {
	unsigned code;
	char enhanced[12];             /* "5.7.1"; "" none */
	char text[SENDMAIL_TALK_TEXT]; /* of its last line, with the code */
};

/* -1: nobody is there. */
MUST_CHECK int sendmail_talk_open(
    struct sendmail_talk *t, const char *path, struct err *err);
void sendmail_talk_close(struct sendmail_talk *t);
/* -1: the connection is lost, or takes no more for SENDMAIL_TALK_REPLY_MS. */
MUST_CHECK int sendmail_talk_send(
    struct sendmail_talk *t, const char *p, size_t n, struct err *err);
MUST_CHECK int sendmail_talk_reply(struct sendmail_talk *t, uint64_t wait_ms,
    struct sendmail_reply *r, struct err *err);

#endif

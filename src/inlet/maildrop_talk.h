/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/maildrop_talk - a drop file said to an inlet's session, line by line:
 * so it passes everything that mail passes which comes by the submission
 * socket.
 */
#ifndef INLET_MAILDROP_TALK_H
#define INLET_MAILDROP_TALK_H

#include <stddef.h>
#include <stdint.h>

#include "inlet/maildrop_file.h"

struct loop;
struct maildrop_talk;

enum maildrop_end {
	MAILDROP_TAKEN,   /* by the spool; text: who was refused, or "" */
	MAILDROP_LATER,   /* not now */
	MAILDROP_REFUSED, /* for good */
};
/* text: why, borrowed.  The talk is gone. */
typedef void maildrop_end_fn(
    void *arg, enum maildrop_end end, const char *text);

/* fd: to the session, taken; *file is taken over. */
struct maildrop_talk *maildrop_talk_new(struct loop *loop, int fd,
    const struct maildrop_file *file, maildrop_end_fn *fn, void *arg);
void maildrop_talk_free(struct maildrop_talk **t); /* fn is not called */

#endif

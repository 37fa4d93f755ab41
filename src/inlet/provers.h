/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/provers - the threads of one inlet that hash passwords: tens of
 * milliseconds each, which would hold up a loop.  They give way to the threads
 * that move mail.  A queue is bounded, and a client's share of it.
 *
 * There are two queues with threads of their own.  A client whose login was
 * right before, and a few of those that nobody knows, are looked at soon; while
 * more of the others come than that, they wait for each other, for processors
 * that nothing else wants.  So whoever guesses from however many addresses
 * holds up neither mail nor those that are known.
 *
 * A password that waited is judged by logins again when its turn comes: what
 * was proven or stopped meanwhile costs no hash.  A thread only hashes: what it
 * has found is written down by the inlet's thread, which must not wait for a
 * lock of one that is off its processor.
 */
#ifndef INLET_PROVERS_H
#define INLET_PROVERS_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"

#include "inlet/logins.h"

struct mailbox;
struct provers;
struct user;

enum {
	PROVERS_THREADS_MAX = 4,  /* half of the processors, at least one */
	PROVERS_QUEUE_MAX = 1024, /* each; some 1.5 KiB a question */
	PROVERS_CLIENT_MAX = 512,
	/* Of clients that nobody knows: so many soon, and then one in so long,
	 * less than 1 % of a processor: a login gets through where the
	 * processors are never idle, and the p99 of mail does not show it. */
	PROVERS_SOON_MAX = 4,
	PROVERS_SOON_MS = 5000,
};

enum provers_answer {
	PROVERS_RIGHT,
	PROVERS_WRONG,
	PROVERS_LAST,    /* wrong, and with it a limit is reached */
	PROVERS_LIMITED, /* not looked at */
};

struct provers_question {
	uint64_t session;   /* the question's id */
	struct login login; /* copied */
	/* Whose secret is tried; copied.  !is_known: a stand-in for somebody
	 * who is not there, which costs the same and never fits. */
	const struct user *user;
	bool is_known;
};

struct provers *provers_new(struct mailbox *answers);
/* 0: answer(arg, ...) follows in the mailbox's thread, unless it is forgotten.
 * -1: there are too many. */
MUST_CHECK int provers_ask(struct provers *p, const struct provers_question *q,
    void (*answer)(void *arg, enum provers_answer a), void *arg);
void provers_forget(struct provers *p, uint64_t session);
/* Hashes nothing more, waits for the threads; the mailbox may still hold
 * answers: it is drained before provers_free(). */
void provers_stop(struct provers *p);
void provers_free(struct provers **p);

#endif

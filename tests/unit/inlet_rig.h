/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An inlet on a real spool in a directory of its own, and clients that talk to
 * it over loopback: for the tests of inlet.  A client that gets no word for
 * ten seconds fails the test.
 */
#ifndef TESTS_INLET_RIG_H
#define TESTS_INLET_RIG_H

#include <semaphore.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/inlet/inlet.h"
#include "postern/spool/spool.h"

struct rig {
	struct spool *spool;
	struct inlet *inlet[2];
	size_t ninlets;
	struct inlet_listener listener;
	struct inlet_settings settings;
	struct spool_settings store;
	int listen_fd;
	char directory[64];
	sem_t posted; /* by rig_post() */
};

/* Fills the settings; change them before rig_start(). */
void rig_init(struct rig *r);
void rig_start(struct rig *r, size_t ninlets);
void rig_end(struct rig *r); /* stops all, removes the directory */
void rig_post(void *rig);    /* a hook: sem_post */
void rig_wait(struct rig *r);

int rig_connect(struct rig *r, size_t inlet); /* not greeted yet */
int rig_hello(struct rig *r, size_t inlet);   /* after EHLO */

/* The envelope of a message to one. */
#define RIG_ENVELOPE "MAIL FROM:<a@example.com>\r\nRCPT TO:<b@example.org>\r\n"
void rig_begin(int fd); /* as far as 354 */
void rig_say(int fd, const char *text);
void rig_send(int fd, const char *p, size_t n);
/* The next reply's last line begins so; its text, until the next call. */
const char *rig_hear(int fd, const char *begin);
void rig_hear_end(int fd); /* the server closes, without another word */
void rig_bye(int fd);      /* QUIT and close */

/* How many messages are stored; after rig_stop(). */
void rig_stop(struct rig *r);
size_t rig_stored(struct rig *r);
/* The content of the nth stored message, the caller's to free. */
char *rig_content(struct rig *r, size_t nth, size_t *len);

#endif

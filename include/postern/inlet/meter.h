/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/meter - what is counted of the talk with applications, over all
 * listeners: commands, logins, handshakes, messages.  All words are of fixed
 * lists.  One thread counts, any thread reads.
 */
#ifndef INLET_METER_H
#define INLET_METER_H

#include <stddef.h>
#include <stdint.h>

#include "postern/base/stat.h"
#include "postern/io/tls_count.h"

#define METER_VERBS 16
#define METER_CLASSES 4 /* of replies, 2xx to 5xx */
#define METER_MECHS 5

enum meter_login {
	METER_LOGIN_OK,
	METER_LOGIN_FAILED,  /* wrong user or password */
	METER_LOGIN_LIMITED, /* too many have failed, or come at once */
	METER_LOGIN_BROKEN,  /* cancelled, no base64, not offered */
	METER_LOGIN_ANY,     /* taken from anybody (lenient) */
	METER_LOGINS
};

enum meter_reason { /* why a message was not taken, or not for somebody */
	METER_SYNTAX,
	METER_ORDER,   /* commands that are not their turn */
	METER_ADDRESS, /* is none, or cannot be here */
	METER_POLICY,  /* this client, user, sender or recipient may not */
	METER_LOGIN,   /* or TLS, is needed first */
	METER_RATE,
	METER_SIZE,
	METER_RECIPIENTS, /* too many */
	METER_CONTENT,    /* NUL, bare CR or LF, a loop */
	METER_FULL,       /* no room, no memory */
	METER_BUSY,
	METER_STORE, /* the spool cannot take it */
	METER_ERROR_OTHER,
	METER_REASONS
};

enum meter_source {
	METER_SMTP,
	METER_SENDMAIL, /* its socket, and the drop directory */
	METER_SOURCES
};

struct meter {
	struct stat_counter commands[METER_VERBS][METER_CLASSES];
	struct stat_counter rejected[METER_REASONS];
	struct stat_counter logins[METER_MECHS][METER_LOGINS];
	struct tls_count tls;
	struct stat_counter tls_failed;
	struct stat_histogram size[METER_SOURCES]; /* octets, of what got 250 */
};

/* Counts a reply: verb is as smtp_server has it ("." the end of content), code
 * from 200 to 599. */
void meter_command(struct meter *m, const char *verb, uint16_t code);
/* The same reply once more, where it is 4xx or 5xx: does it reject mail? */
void meter_rejection(
    struct meter *m, const char *verb, uint16_t code, const char *enhanced);
/* mech: "" where none was understood. */
void meter_login(struct meter *m, const char *mech, enum meter_login what);

/* "MAIL", ...; the last is "other". */
const char *meter_verb_word(size_t verb);
const char *meter_class_word(size_t class); /* "2xx", ... */
const char *meter_mech_word(size_t mech);   /* likewise */
const char *meter_reason_word(enum meter_reason r);
const char *meter_login_word(enum meter_login what);
const char *meter_source_word(enum meter_source s);

#endif

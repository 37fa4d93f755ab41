/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/session_state - what the files of a client's session share:
 * inlet_session.c (connection, time, bytes, the transaction) and the parts of
 * a session that have a file of their own.  A part is given the session, looks
 * only at what is its own in it, and ends a session only through the functions
 * below; after them the session is gone.
 */
#ifndef INLET_SESSION_STATE_H
#define INLET_SESSION_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/list.h"
#include "postern/io/addr.h"

#include "inlet/events.h"

#define SESSION_MAGIC 0x5e5510a1u
#define SESSION_EXTENSIONS_MAX 4 /* EHLO lines besides the machine's own */

struct conn;
struct generation;
struct inlet;
struct inlet_listener;
struct intake_message;
struct policy;
struct session_auth;
struct session_delay;
struct smtp_server;
struct smtp_server_settings;
struct users;

/* inlet/session_tls */
enum session_tls {
	SESSION_TLS_NONE,
	SESSION_TLS_ASKED,     /* STARTTLS got its 220 */
	SESSION_TLS_HANDSHAKE, /* no byte is shown to smtp */
	SESSION_TLS_SECURE,
};

struct inlet_session {
	uint32_t magic;
	struct list in_sessions;
	struct inlet *in;
	struct generation *generation; /* a reference */
	const struct inlet_listener *listener;
	struct door *counts;         /* the listener's, of the inlet */
	const struct policy *policy; /* the listener's, of the generation */
	/* Of the user who has logged in; or NULL.  Stays until the session's
	 * message is let go. */
	const struct policy *user_policy;
	size_t door; /* the listener's number in the generation */
	struct conn *conn;
	const struct smtp_server_settings *server; /* the generation's */
	struct smtp_server *smtp;
	struct intake_message *msg;  /* owned until intake_end() */
	struct session_delay *delay; /* owned; a reply is held back */
	char *helo;                  /* owned, or NULL */
	char *user;                  /* owned; NULL: not logged in */
	struct users *users;         /* a reference, for user_policy */
	struct session_auth *auth;   /* owned; AUTH is under way */
	uint32_t auth_failures;
	const char *extensions[SESSION_EXTENSIONS_MAX + 1];
	enum session_tls tls;
	char *client; /* owned: "192.0.2.1", "uid=33" */
	char
	    *claimed_helo; /* owned: XCLIENT's, counts before EHLO's; or NULL */
	const char *mech;  /* how user has logged in; NULL: not here */
	char *drop;        /* owned: the drop file that is handed on; or NULL */
	char *via;         /* owned: the balancer's address, or NULL */
	struct addr peer;  /* the client, as PROXY or XCLIENT tell */
	uint32_t *lenient_uses; /* owned: INLET_LENIENTS; NULL: none */
	uint64_t id;
	uint64_t opened_ms;
	uint32_t messages; /* answered with 250 */
	uint64_t octets;   /* of the content that comes */
	bool is_anybody;   /* any-auth has taken its login: nobody's rights */
	bool is_counted;   /* in the table of clients */
	bool awaits_proxy; /* its PROXY header: not greeted yet */
	bool may_xclient;  /* its connection comes from xclient_from */
	bool is_reborn;    /* XCLIENT was said: it begins anew */
	bool is_check;     /* the balancer's own connection: may send nothing */
	bool is_ended;     /* msg is with intake, the answer will come */
	bool is_paused;    /* intake wants no bytes */
	bool is_choked;    /* the client does not take our replies */
	bool is_half;      /* the client will send no more, but may read */
	bool is_known;     /* its first bytes are not TLS or HTTP */
	bool has_content;  /* 354 was said */
	bool is_told;      /* intake has logged why the next reply refuses */
	bool has_replied;  /* since the clock was set */
	bool has_spoken;   /* in this round */
};

/* inlet_session.c */
/* A row of inlet/events.h with listener and client; text may be NULL. */
void inlet_session_log(
    const struct inlet_session *s, enum inlet_event ev, const char *text);
/* Ends it once what was written is sent. */
void inlet_session_finish(struct inlet_session *s, const char *why);
/* Ends it at once, without a word. */
void inlet_session_cut(struct inlet_session *s, const char *why);
/* 421 with these words, then the end. */
void inlet_session_goodbye(
    struct inlet_session *s, const char *enhanced, const char *text);
/* The client is another one from here on: counts, log and rights. */
void inlet_session_peer(struct inlet_session *s, const struct addr *peer);
/* A protocol machine by the listener's settings, for this client. */
struct smtp_server *inlet_session_machine(struct inlet_session *s);
/* Greets the client, or turns it away: then the session is gone, and false. */
bool inlet_session_admit(struct inlet_session *s);
/* Takes what input there is, then ends or waits for more: after an answer that
 * was waited for (smtp_server_answer()). */
void inlet_session_go_on(struct inlet_session *s);

#endif

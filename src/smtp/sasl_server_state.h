/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smtp/sasl_server_state - the inside of sasl_server: sasl_server.c (base64,
 * PLAIN, LOGIN, EXTERNAL) and sasl_server_scram.c.
 */
#ifndef SMTP_SASL_SERVER_STATE_H
#define SMTP_SASL_SERVER_STATE_H

#include "postern/base/buf.h"
#include "postern/smtp/sasl_server.h"
#include "postern/smtp/scram.h"

struct sasl_server_mechanism {
	const char *name;
	unsigned bit;
	/* step counts from 0: the initial response.  message is decoded. */
	enum sasl_server_state (*take)(
	    struct sasl_server *s, struct str message);
	const char *prompt; /* what asks for the initial response, in base64 */
};

struct sasl_server {
	struct sasl_server_settings settings;
	const struct sasl_server_mechanism *mechanism; /* NULL before begin */
	unsigned step;
	size_t nchallenge, nuser, npassword;
	char challenge[SASL_SERVER_CHALLENGE_MAX + 1];
	char user[SASL_SERVER_USER_MAX];
	char password[SASL_SERVER_PASSWORD_MAX];
	/* SCRAM */
	bool is_known; /* there is such a user */
	struct scram_verifier verifier;
	size_t ngs2;        /* the header is the front of message */
	size_t nnonce;      /* of both sides */
	struct buf message; /* gs2-header AuthMessage */
	char nonce[SASL_SERVER_NONCE_MAX + 32];
};

/* The name, if it fits and is UTF-8. */
bool sasl_server_set_user(struct sasl_server *s, struct str user);
/* The next challenge, from its octets. */
void sasl_server_ask(struct sasl_server *s, struct str octets);
/* sasl_server_scram.c */
enum sasl_server_state sasl_server_scram_take(
    struct sasl_server *s, struct str message);

#endif

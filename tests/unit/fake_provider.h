/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A provider for the relay's tests: SMTP on loopback, a thread a connection,
 * blocking.  Rules say what it answers instead of what it would.
 */
#ifndef FAKE_PROVIDER_H
#define FAKE_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct fake;

/* The first rule that fits a command is used.  Stages: BANNER EHLO AUTH MAIL
 * RCPT DATA DOT (after the content) END (after the reply to the dot). */
struct fake_rule {
	const char *stage;
	const char *has;   /* in the command line; NULL: whatever */
	unsigned conn;     /* only on the n-th connection; 0: any */
	unsigned message;  /* only the n-th MAIL of its connection; 0: any */
	unsigned times;    /* then not any more; 0: ever */
	const char *reply; /* "451 4.3.0 later"; "close", "hang" */
};

struct fake_mail {     /* accepted ones only */
	char *sender;  /* parameters of MAIL behind it */
	char *rcpts;   /* "a@b c@d" */
	char *content; /* dots removed */
	size_t size;
	unsigned conn;
};

/* ehlo: lines without 250, such as "PIPELINING"; rules end with stage NULL. */
struct fake_settings {
	const char *const *ehlo; /* NULL at the end; NULL: PIPELINING */
	const struct fake_rule *rules;
};

struct fake *fake_new(const struct fake_settings *s);
void fake_free(struct fake **f);
uint16_t fake_port(const struct fake *f);
void fake_rules(struct fake *f, const struct fake_rule *rules);
/* Fails the test after 10 s. */
void fake_wait_mails(struct fake *f, size_t n);
void fake_wait_conns(struct fake *f, size_t n);
/* So many commands of a stage have come. */
void fake_wait(struct fake *f, const char *stage, size_t n);
size_t fake_count(struct fake *f, const char *stage);
size_t fake_mails(struct fake *f);
size_t fake_conns(struct fake *f);
const struct fake_mail *fake_mail(struct fake *f, size_t i);
void fake_drop(struct fake *f);                /* closes all connections */
void fake_refuse(struct fake *f, bool refuse); /* accepts no connection */

#endif

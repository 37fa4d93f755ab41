/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io/tls_tickets - the keys of session tickets (RFC 5077, RFC 8446 4.6.1).  One
 * ring for the whole process, so that a ticket holds in each thread and after a
 * reload; never written anywhere, so that none holds after a restart.  Any
 * thread.
 *
 * A key seals tickets for TLS_TICKETS_MS and opens them for as long again: each
 * ticket lives its whole time, and what is known two spans later opens none.
 */
#ifndef IO_TLS_TICKETS_H
#define IO_TLS_TICKETS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ssl_ctx_st;

/* An hour: applications that send often resume, and a key that is stolen opens
 * no more than two hours of sessions (those without forward secrecy of their
 * own: TLS 1.2's; RFC 9325 asks for less than a week). */
#define TLS_TICKETS_MS 3600000u

struct tls_tickets_key {
	unsigned char name[16];
	unsigned char cipher[32], mac[32];
	uint64_t born_ms;
	bool is_made;
};

struct tls_tickets {
	pthread_mutex_t lock;
	struct tls_tickets_key newest, former;
};

enum tls_tickets_found {
	TLS_TICKETS_NONE, /* unknown, or too old */
	TLS_TICKETS_NEWEST,
	TLS_TICKETS_FORMER, /* still good; a new ticket should be given */
};

/* The key to seal with; the caller wipes its copy. */
void tls_tickets_seal(
    struct tls_tickets *t, uint64_t now_ms, struct tls_tickets_key *key);
/* The key of that name. */
enum tls_tickets_found tls_tickets_open(struct tls_tickets *t, uint64_t now_ms,
    const unsigned char name[16], struct tls_tickets_key *key);
/* Tickets of this context are sealed with the process's keys. */
void tls_tickets_use(struct ssl_ctx_st *ctx);

#endif

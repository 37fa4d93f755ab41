/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench/load - the parts of postern-load: mail that says what it holds
 * (tools/benchmail.h), sessions that check every reply, and what came of it.
 * A tool that measures: epoll by hand, no layer of Postern's above io/addr.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/io/addr.h"

struct load_settings {
	struct addr target;
	uint32_t number, first; /* messages first .. first + number - 1 */
	uint32_t run;
	uint32_t connections, per_connection; /* 0: no bound */
	uint32_t recipients;
	size_t size; /* octets of a message, dots not counted twice */
	double rate; /* messages a second (open loop); 0: closed loop */
	bool pipelining;
	uint64_t give_up_ms; /* without any progress */
	const char *sender, *domain, *helo;
	const char *login;  /* initial response of AUTH PLAIN; NULL: none */
	const char *states; /* a file: one line a message */
};

/* --- mail ----------------------------------------------------------------- */
struct load_mail;

struct load_mail *load_mail_new(const struct load_settings *s);
void load_mail_free(struct load_mail **m);
size_t load_mail_wire_size(const struct load_mail *m); /* with the final dot */
/* Message `number` as it travels, into out (load_mail_wire_size() octets). */
void load_mail_write(struct load_mail *m, uint32_t number, char *out);

/* --- the run -------------------------------------------------------------- */
enum load_state {
	LOAD_UNTRIED,
	LOAD_ACKED,
	LOAD_UNKNOWN, /* content sent, session lost before the reply */
	LOAD_REFUSED, /* 5xx */
};

struct load_run {
	const struct load_settings *set;
	struct load_mail *mail;
	int epoll;
	uint8_t *state;       /* enum load_state by number - first */
	uint64_t *settled_us; /* when it became that; 0: not yet */
	uint32_t *again;      /* numbers to be tried again */
	uint32_t nagain, next, settled;
	uint32_t acked, unknown, refused;
	uint64_t start_us, end_us, progress_us;
	uint64_t connects, connect_failed, lost, nonsense;
	uint64_t replies[600];       /* by code, other than the expected ones */
	uint32_t *ack_us, *whole_us; /* acked of them each */
};

uint64_t load_now_us(void);
/* A message that is due now: true and *number, *due_us. */
bool load_take(struct load_run *r, uint32_t *number, uint64_t *due_us);
/* Could load_take() still say true, now or later? */
bool load_is_over(const struct load_run *r);
void load_again(struct load_run *r, uint32_t number);
void load_settle(struct load_run *r, uint32_t number, enum load_state st);
void load_ack(
    struct load_run *r, uint32_t number, uint64_t ack_us, uint64_t whole_us);

/* --- a session ------------------------------------------------------------ */
struct load_session;

struct load_session *load_session_new(struct load_run *r);
void load_session_free(struct load_session **s);
/* Opens it, or starts the next message, when it is time. */
void load_session_kick(struct load_session *s, uint64_t now_us);
void load_session_event(struct load_session *s, uint32_t events);
bool load_session_is_closed(const struct load_session *s);

/* --- the end -------------------------------------------------------------- */
void load_report(struct load_run *r);      /* JSON on stdout */
int load_write_states(struct load_run *r); /* 0, or -1 with errno */

#endif

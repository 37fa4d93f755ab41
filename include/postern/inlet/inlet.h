/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inlet/inlet - applications hand mail in by SMTP.  An inlet is a thread with a
 * loop and its sessions; main accepts and hands the descriptors over.
 */
#ifndef INLET_INLET_H
#define INLET_INLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/stat.h"
#include "postern/inlet/meter.h"
#include "postern/intake/intake.h"
#include "postern/io/addr.h"
#include "postern/mail/rate.h"

struct inlet;
struct spool;
struct tls_context;
struct users;

struct inlet_timeouts {     /* ms */
	uint64_t command;   /* waiting for a command; RFC 5321: 5 minutes */
	uint64_t data;      /* between two reads of content */
	uint64_t session;   /* in all; 0: no bound */
	uint64_t linger;    /* to take the last reply */
	uint64_t handshake; /* of TLS, whole */
	uint64_t proxy;     /* waiting for a PROXY header */
};

enum inlet_auth { INLET_AUTH_OFF, INLET_AUTH_OPTIONAL, INLET_AUTH_REQUIRED };
enum inlet_tls { INLET_TLS_OFF, INLET_TLS_OPTIONAL, INLET_TLS_REQUIRED };
/* What a listener lets old clients do; the order of the words in the table of
 * keys, the first ones as in enum smtp_lenient. */
enum inlet_lenient {
	INLET_BARE_NEWLINE = 1 << 0,
	INLET_SPACE_AFTER_COLON = 1 << 1,
	INLET_NO_BRACKETS = 1 << 2,
	INLET_HELO_SYNTAX = 1 << 3,
	INLET_OLD_TLS = 1 << 4,
	INLET_CLEAR_AUTH = 1 << 5,
	INLET_ANY_AUTH = 1 << 6,
};
#define INLET_LENIENTS 7

struct inlet_listener {
	const char *name;
	bool is_sendmail; /* postern-sendmail's own */
	size_t naddresses;
	const struct addr *addresses;
	const char **networks; /* CIDR; NULL: everyone who can connect */
	size_t nnetworks;
	/* Its policy (postern/intake/policy.h); address patterns, NULL: all. */
	const char **senders, **recipients;
	size_t nsenders, nrecipients;
	int priority;      /* enum spool_priority */
	const char *lane;  /* or NULL */
	const char *route; /* or NULL: as the rules say */
	bool hold;
	const struct rate *client_rates, *user_rates;
	size_t nclient_rates, nuser_rates;
	bool refuse_over; /* a rate; else slowed */
	bool repair_headers, remove_bcc;
	const char *domain;      /* of addresses without one; NULL: refused */
	const char **proxy_from; /* CIDR: who sends a PROXY header, always */
	size_t nproxy_from;
	const char **xclient_from; /* CIDR: who may use XCLIENT */
	size_t nxclient_from;
	uint32_t lenient;              /* enum inlet_lenient */
	const char **lenient_networks; /* NULL: for all of its clients */
	size_t nlenient_networks;
	uint32_t socket_mode;   /* of a unix socket's path */
	const uint32_t *users;  /* of unix sockets: uids, NULL: all */
	const uint32_t *groups; /* gids; who is in either may come */
	size_t nusers, ngroups;
	uint64_t size_max;
	uint32_t recipients_max, messages_max, connections_max, per_client_max;
	uint32_t errors_max, idle_commands_max, line_max;
	/* disable = [...] */
	bool smtputf8, chunking, dsn, eight_bit, mt_priority, limits;
	bool deliver_by;
	bool binary;          /* BINARYMIME */
	bool require_tls;     /* offered where the session is TLS */
	uint64_t hold_max_ms; /* FUTURERELEASE; 0: not offered */
	struct inlet_timeouts timeouts;
	enum inlet_tls tls_use;
	enum inlet_auth auth;
	/* Passwords in clear, from other hosts.  On a listener of loopback and
	 * unix addresses they are always taken. */
	bool allow_clear_auth;
	uint32_t auth_failures_max; /* a session, then 421 */
	/* Then 454: with one name, with all; of a client, over sessions. */
	struct rate auth_failures_name, auth_failures_client;
	bool implicit_tls;           /* from the first byte on; else STARTTLS */
	struct tls_context *tls;     /* borrowed like all of this; NULL: none */
	struct tls_context *tls_old; /* for lenient old-tls; NULL: none */
};

/* Loopback and unix addresses only? */
bool inlet_is_local(const struct inlet_listener *l);

struct inlet_settings {
	const char *hostname;
	size_t nlisteners;
	const struct inlet_listener *listeners;
	struct intake_settings intake;
	struct users *users; /* who may log in; NULL: nobody */
};

struct inlet_counters {               /* any thread reads */
	struct stat_counter sessions; /* connections since the start */
	struct stat_counter open;     /* now */
	struct stat_counter accepted; /* connections that were greeted */
	struct stat_counter refused;  /* connections and commands: 4xx, 5xx */
	struct stat_counter messages; /* answered with 250 */
	struct stat_counter lenient;  /* uses of what lenient lets */
	struct stat_counter bytes;    /* of content that came in */
	struct stat_counter temporary, permanent; /* replies 4xx, 5xx */
	struct stat_counter turned_away; /* connections without a greeting */
	struct stat_counter beat_ms;     /* monotonic: its loop turned then */
	struct meter meter;
	const struct stat_histogram *turns_us; /* loop_turns_us() */
};

/* settings are immutable and borrowed until the next inlet_change() has been
 * taken up and the last session that began with them is over: then the on_old
 * given with that change is called, in the inlet's thread.  -1: a network or an
 * address pattern that cannot be read (network_parse() and
 * address_pattern_parse() tell before; at a change such a listener admits
 * nobody). */
MUST_CHECK int inlet_new(struct inlet **in, struct spool *sp,
    const struct inlet_settings *s, struct err *err);
void inlet_start(struct inlet *in, const char *thread_name);
/* A connection that main accepted on listener number index.  Any thread. */
void inlet_accept(
    struct inlet *in, size_t listener, int fd, const struct addr *peer);
/* The same for who hands on a drop file: peer is the file's owner, who may (by
 * its reader); the file is the one of name. */
void inlet_accept_drop(struct inlet *in, size_t listener, int fd,
    const struct addr *peer, const char *name);
void inlet_change(struct inlet *in, const struct inlet_settings *s,
    void (*on_old)(void *arg), void *arg);
/* Open sessions, and connections on their way to it.  Any thread. */
size_t inlet_load(const struct inlet *in);
/* No new transactions; sessions in DATA may finish within grace_ms, the others
 * get 421; then done(arg) in the inlet's thread. */
void inlet_drain(
    struct inlet *in, uint64_t grace_ms, void (*done)(void *arg), void *arg);
/* Cuts what is left, ends the loop, joins. */
void inlet_stop(struct inlet *in);
/* After inlet_stop(); and after spool_stop(), unless it was drained: the
 * spool's last answers are taken here. */
void inlet_free(struct inlet **in);
const struct inlet_counters *inlet_counters(const struct inlet *in);
const struct doors *inlet_doors(const struct inlet *in); /* the same */

#endif

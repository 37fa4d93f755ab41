/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_view - the providers as they are now, for other threads: a copy,
 * made in the relay's thread and handed over by mailbox.
 */
#ifndef RELAY_RELAY_VIEW_H
#define RELAY_RELAY_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/stat.h"
#include "postern/io/tls_count.h"
#include "postern/relay/tally.h"
#include "postern/spool/spool.h"

struct dns_count;
struct mailbox;
struct relay;

#define RELAY_VIEW_PHASES 5             /* of sessions */
const char *relay_view_phase(size_t i); /* "connecting", ... */

/* What it did last that was no good, since the start. */
#define RELAY_VIEW_TEXT 201
struct relay_view_trouble {
	int64_t at_ms;              /* wall clock; 0: nothing */
	const char *stage, *class;  /* words */
	uint16_t code;              /* 0: it said nothing */
	char enhanced[12];          /* or "" */
	char text[RELAY_VIEW_TEXT]; /* a reply's, or what happened; cut */
};

struct relay_view_provider {
	char *name, *host; /* owned by the view */
	uint16_t port;
	/* Words.  state: ok, paused (by an operator), throttled (it asked for
	 * less), quota, waiting (a window is full, a login was refused), open,
	 * half-open. */
	const char *state, *level;
	const char *why, *level_why; /* NULL: nothing to say */
	const char *mend; /* what a person has to do; NULL: nothing */
	struct relay_view_trouble trouble;
	uint64_t for_ms; /* until it may be used; 0: now; UINT64_MAX: no end */
	uint32_t paused_uid;     /* whose pause it is */
	int64_t paused_since_ms; /* wall clock; 0: there is none */
	size_t sessions[RELAY_VIEW_PHASES];
	size_t waiting[SPOOL_PRIORITIES];
	size_t sending;
	uint64_t delivered;
	double per_minute; /* the pace that it is held to; 0: by settings */
	uint32_t conns_max, rcpts_max, messages_max; /* learned; 0: nothing */
	bool is_usable;
	size_t level_at; /* as tally_level_word() */
	enum tally_breaker breaker;
	uint32_t sessions_max; /* so many may be open now */
	double per_second;     /* messages; by settings or pace; 0: no bound */
	uint64_t slot_ms;      /* until a rate lets what waits go; 0: none is in
	                        * its way */
	size_t nowners;
	char **owners; /* of the windows that it has to keep; the view's */
	const struct tally *tally; /* ends with the view */
};

/* Of a rate, of a provider or a limit that several share. */
struct relay_view_window {
	char owner[TALLY_NAME + 16]; /* "provider/ses", "limit/tenant" */
	char window[48];             /* "14 msg/1s", "9 rcpt/1d@00:00Z" */
	uint64_t period_ms, used, max;
};

struct relay_view_route {
	uint32_t id;
	size_t at; /* the first of its providers that may be used, or else the
	              first; the view's n: it has none */
};

struct relay_view {
	size_t n;
	struct relay_view_provider *providers; /* in the settings' order */
	size_t nroutes;
	struct relay_view_route *routes;
	uint32_t route; /* which mail goes whose own is there no more */
	size_t nwindows;
	struct relay_view_window *windows;
	uint64_t inhand;            /* deliveries in memory */
	const struct tally *nobody; /* of what no provider was asked for */
	const struct tally *others; /* beyond TALLY_MAX; NULL: none */
	size_t ntallies;            /* of names since the start, also of ones */
	const struct tally *const *tallies; /* that are gone; by place */
	size_t nfailovers;
	const struct tally_failover *failovers;
};

typedef void relay_view_fn(void *arg, const struct relay_view *view);

/* fn(arg, view) in the thread of back; the view ends with the call.  It comes
 * whatever happens: where the relay ends before, when that is freed. */
void relay_view_ask(
    struct relay *r, struct mailbox *back, relay_view_fn *fn, void *arg);
/* Why sessions ended, as the log has it: a word of "idle", "age", ...,
 * "failed" for what happened to them, "other". */
#define RELAY_VIEW_ENDS 13
const char *relay_view_end_word(size_t i);
/* Any thread, as long as the relay is. */
struct relay_view_counters {
	struct stat_counter beat_ms;   /* monotonic: its loop turned then */
	struct stat_counter delivered; /* recipients, by all providers */
	struct tls_count tls;          /* with providers */
	struct stat_counter ended[RELAY_VIEW_ENDS];      /* sessions */
	struct stat_histogram wait_ms[SPOOL_PRIORITIES]; /* from 250 to MAIL */
	const struct dns_count *dns;
	const struct stat_histogram *turns_us; /* loop_turns_us() */
};
const struct relay_view_counters *relay_view_counters(const struct relay *r);
/* The relay's own: a session ended for that reason. */
void relay_view_count_end(struct relay_view_counters *c, const char *why);

#endif

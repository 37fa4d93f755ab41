/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/allowance - what a provider, or several that share a limit, may send:
 * a throttle, and of it what has to survive a restart.
 *
 * A window of more than a minute is used in blocks.  A block is written down
 * as reserved before the first of it is used; the next one is asked for while
 * a quarter is left.  When it is used up it is written down as spent, at the
 * time of its last use.  Of a window up to a minute the whole is reserved at
 * its first use.  A clean stop writes what was spent and gives the rest back;
 * what is found reserved at a start counts as spent at that moment.
 *
 * Times are the relay's; in the store they are of the wall clock, and one that
 * is in the future counts as now.  Windows may change with the settings; the
 * allowance of a name is there as long as the relay is.
 */
#ifndef RELAY_ALLOWANCE_H
#define RELAY_ALLOWANCE_H

#include <stddef.h>
#include <stdint.h>

struct allowance;
struct allowance_book; /* all of a relay */
struct rate;
struct relay;
struct throttle_slot;

struct allowance_settings {
	const char *kind, *name; /* "provider", "limit" */
	const struct rate *rates;
	size_t nrates;
	uint32_t conns_max; /* 0: no bound */
};

struct allowance_book *allowance_book_new(struct relay *r);
void allowance_book_free(struct allowance_book **b);
/* A clean stop: the spool still takes operations. */
void allowance_book_close(struct allowance_book *b);

/* The one of that name, with these windows from now on; it is the book's. */
struct allowance *allowance_of(
    struct allowance_book *b, const struct allowance_settings *s);
/* 0: a transaction of so many recipients may start; else when to ask again. */
uint64_t allowance_when(struct allowance *a, uint32_t nrcpts);
/* The same by its windows alone, as throttle_full_until(). */
uint64_t allowance_full_until(struct allowance *a, uint32_t nrcpts);
/* How each window that bounds anything stands. */
struct allowance_window {
	const char *owner; /* "provider/ses" */
	const struct rate *rate;
	uint64_t used; /* in its unit */
};
void allowance_each(struct allowance_book *b,
    void (*fn)(void *arg, const struct allowance_window *w), void *arg);
const char *allowance_owner(const struct allowance *a); /* as there */
struct throttle_slot *allowance_take(struct allowance *a, uint32_t nrcpts);
uint32_t allowance_rcpts(const struct allowance *a); /* 0: no bound */
uint32_t allowance_conns(const struct allowance *a); /* 0: no bound */
/* Connections that are open, of all who share it: some more, some less. */
void allowance_opened(struct allowance *a, size_t n);
void allowance_closed(struct allowance *a, size_t n);
/* How many more may be; SIZE_MAX: no bound. */
size_t allowance_conns_left(const struct allowance *a);
/* The clock that its slots are answered by. */
uint64_t allowance_clock_ms(const struct allowance *a);

#endif

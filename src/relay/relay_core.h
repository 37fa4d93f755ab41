/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/relay_core - what the parts of the relay share.  Everything belongs to
 * the relay's thread.
 */
#ifndef RELAY_RELAY_CORE_H
#define RELAY_RELAY_CORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/heap.h"
#include "postern/base/list.h"
#include "postern/relay/relay.h"
#include "postern/relay/relay_view.h"
#include "postern/spool/spool.h"

#include "relay/ration.h"

#define RELAY_MAGIC 0x7265616cu

struct agenda;
struct allowance_book;
struct cache;
struct fetch;
struct keyset;
struct identity;
struct loop;
struct mailbox;
struct overdue;
struct park;
struct provider;
struct setback;
struct signer;
struct suspect;
struct tally_book;
struct sweep;
struct tokens;
struct timer;
struct ways;

/* Settings as they were handed down; let go with the last that uses them. */
struct relay_generation {
	const struct relay_settings *set;
	char *bounce_from; /* owned: sender where the null sender is refused */
	uint32_t refs;
	void (*on_old)(void *arg);
	void *arg;
};

struct relay {
	uint32_t magic;
	struct spool *spool;
	struct spool_reader *reader;
	struct loop *loop;
	struct mailbox *box;
	struct dns *dns;
	struct fetch *fetch;
	struct signer *signer; /* NULL: nothing was signed yet */
	struct agenda *agenda;
	struct keyset *inhand;
	struct cache *cache;
	struct identity *identity;
	struct suspect *suspect;
	struct tally_book *tally;
	struct relay_view_counters counters;
	struct park *park;
	struct tokens *tokens;
	struct allowance_book *book;
	struct sweep *sweep;
	struct overdue *overdue;
	struct setback *setback;
	struct relay_generation *gen;
	const struct relay_settings *set; /* of gen */
	struct provider **providers;      /* of the settings, in their order */
	size_t nproviders;
	struct list turns;     /* providers, least recently served first */
	struct ways *ways;     /* the routes */
	struct list retired;   /* providers of older generations */
	struct list sessions;  /* ended, to be freed after this turn */
	struct heap quick;     /* deliveries that wait in memory */
	struct list unsettled; /* deliveries whose settling must be repeated */
	size_t nheld; /* keys in hand before they are sent or settled */
	size_t nheld_of[SPOOL_PRIORITIES];
	size_t nsending;       /* deliveries in a transaction */
	size_t nsettling;      /* settlings not yet answered */
	size_t nswept;         /* deliveries that the sweeper took */
	size_t nsessions;      /* of all providers */
	uint64_t next_id;      /* of providers, sessions */
	struct ration notices; /* made lately */
	struct timer *wake;
	struct timer *tick; /* once a second while there is something to do */
	bool pump_due;
	bool draining;
	bool ended; /* the thread is no more: nothing is submitted */
	void (*drained)(void *arg);
	void *drained_arg;
	struct timer *grace;
};

uint64_t relay_now_ms(struct relay *r); /* monotonic, of this turn */
/* Looks for work after this turn's callbacks. */
void relay_kick(struct relay *r);
struct relay_generation *relay_generation_ref(struct relay_generation *g);
void relay_generation_free(struct relay_generation **g); /* drops one */

#endif

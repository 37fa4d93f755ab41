/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A relay over a real spool, with providers of the test's making: everything
 * starts, messages go in, and what is left at the end is looked at.
 */
#ifndef RELAY_WORLD_H
#define RELAY_WORLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/relay/relay.h"
#include "postern/spool/spool.h"

#include "fake_provider.h"

struct secret;

#define WORLD_PROVIDERS 4
#define WORLD_ROUTES 4

struct world {
	char *dir, *log;
	struct spool *sp;
	struct spool_reader *reader;
	struct relay *relay;
	struct relay_settings settings; /* may be changed before world_start */
	struct relay_provider provider[WORLD_PROVIDERS];
	const char *use[WORLD_PROVIDERS];       /* all, in their order */
	struct relay_route route[WORLD_ROUTES]; /* the first is the default */
	struct fake *fake[WORLD_PROVIDERS];
};

void world_init(struct world *w); /* no provider yet */
/* The next provider: a fake with these rules; its settings may be changed. */
struct relay_provider *world_provider(
    struct world *w, const struct fake_rule *rules);
struct relay_provider *world_provider_with(
    struct world *w, const struct fake_settings *s);
/* One that takes a login, and is given this password in clear. */
struct relay_provider *world_provider_login(
    struct world *w, const struct fake_rule *rules, struct secret *password);
/* Another route, which uses so many of these. */
struct relay_route *world_route(
    struct world *w, const char *name, size_t nuse, const char **use);
void world_start(struct world *w);
void world_open(struct world *w); /* as that, but the relay is not started */
/* A reload.  next must stay; *gone, where it is not NULL, becomes true when
 * what was before is let go. */
void world_change(
    struct world *w, const struct relay_settings *next, _Atomic bool *gone);
void world_stop(struct world *w); /* the relay and the spool; files stay */
void world_done(struct world *w);

struct world_mail {
	const char *sender;  /* NULL: sender@example.com */
	const char *rcpts;   /* "a@b c@d"; NULL: rcpt@example.net */
	const char *content; /* NULL: a short one */
	size_t bytes;        /* without content: so large */
	uint8_t notify;
	uint32_t flags;
	int64_t age_ms;  /* it came so long ago */
	int64_t held_ms; /* and was released so much later; 0: at once */
	int64_t by_ms;   /* its deadline is so long after it came; 0: none */
	bool on_disk;    /* not handed over in memory */
	bool wrong_sum;
	enum spool_priority priority;
	uint8_t lane;
	const struct relay_route *route; /* NULL: the default */
};
uint64_t world_send(struct world *w, const struct world_mail *m);
void world_send_many(struct world *w, size_t n, const struct world_mail *m);
/* Waits (10 s) until the spool has done so many operations. */
void world_wait_operations(struct world *w, uint64_t n);
/* Waits (10 s) until so many deliveries are queued, held, dead. */
void world_wait(struct world *w, uint64_t queued, uint64_t held, uint64_t dead);
struct spool_stats world_stats(struct world *w);
/* Waits (10 s) until the log has a line with both. */
void world_wait_log(struct world *w, const char *event, const char *words);
void world_wait_logs(/* n of them */
    struct world *w, const char *event, const char *words, size_t n);
size_t world_count_log(struct world *w, const char *event, const char *words);
/* The last dead letter. */
struct spool_dead world_dead(struct world *w);
/* Its attempts so far and its key; fails where it is gone. */
struct spool_loaded world_load(struct world *w, uint64_t mid);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a spool should hold, as plain structs: a second, naive opinion that is
 * compared with the real one.
 */
#ifndef SPOOL_MODEL_H
#define SPOOL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/spool/spool.h"

struct kit;

#define MODEL_MESSAGES 96
#define MODEL_DELIVERIES 3 /* that come in; some are handed over later */
#define MODEL_DELIVERIES_MAX 12
#define MODEL_RCPTS 24

enum model_place { MODEL_SCHEDULED, MODEL_PARKED, MODEL_DEAD, MODEL_GONE };

struct model_delivery {
	enum model_place place;
	struct spool_delivery at;
	uint32_t attempts;
	bool doubted; /* its end may have left */
	uint32_t first, last;
};

struct model_rcpt {
	enum envelope_rcpt_state state;
	uint16_t delivery, code;
	uint32_t text; /* what model_text() made of it; 0: none */
};

struct model_message {
	uint64_t mid; /* 0: this place is free */
	size_t bytes;
	bool staged;
	bool bad; /* its size is not what was staged */
	uint32_t nrcpts;
	uint16_t ndeliveries;
	struct model_delivery d[MODEL_DELIVERIES_MAX];
	struct model_rcpt r[MODEL_RCPTS];
};

struct model {
	struct model_message m[MODEL_MESSAGES];
};

/* A text of any length up to max, the same for the same number. */
void model_text(uint32_t number, char *to, size_t max);
/* The envelope as it is handed in. */
struct envelope *model_envelope(const struct model_message *m);

/* The operations, each with what it must answer. */
enum spool_result model_accept(struct model *w, const struct model_message *m);
enum spool_result model_settle(struct model *w, const struct spool_settle *s,
    const uint32_t *texts, const struct model_message *child);
enum spool_result model_move(struct model *w, const struct spool_move *m);
enum spool_result model_doubt(struct model *w, const struct spool_doubt *o);
void model_start(struct model *w); /* what was in doubt then is held */

struct model_message *model_find(struct model *w, uint64_t mid);
size_t model_size(const struct model *w);
/* Fails the test where the spool is not the same. */
void model_compare(const struct model *w, struct kit *k);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/draft - an envelope in the making: words are gathered as the commands
 * bring them and become a struct envelope at the end.  One piece of memory for
 * all words.
 */
#ifndef INTAKE_DRAFT_H
#define INTAKE_DRAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"
#include "postern/spool/envelope.h"

enum draft_word {
	DRAFT_SENDER,
	DRAFT_ENVID,
	DRAFT_CLIENT,
	DRAFT_HELO,
	DRAFT_LISTENER,
	DRAFT_USER,
	DRAFT_MECH,
	DRAFT_RATE_CLIENT,
	DRAFT_PROTOCOL,
	DRAFT_TLS,
	DRAFT_MESSAGE_ID,
	DRAFT_WORDS
};

struct draft {
	struct buf text;            /* words, each with a NUL */
	uint32_t word[DRAFT_WORDS]; /* where in text; 0: none */
	struct draft_rcpt *rcpts;   /* owned */
	uint32_t nrcpts, rcpts_room;
};

struct draft_rcpt {
	uint32_t hash;           /* of the address, its domain in lower case */
	uint32_t address, orcpt; /* where in text; orcpt 0: none */
	uint8_t notify;
	uint16_t delivery; /* n of the one it belongs to */
};

/* text_max: bytes that all words may take. */
void draft_init(struct draft *d, size_t text_max);
void draft_done(struct draft *d);
/* -1: text_max would be passed; nothing changed. */
MUST_CHECK int draft_put(struct draft *d, enum draft_word w, struct str s);
/* NULL where none was put; until the next change. */
const char *draft_word(const struct draft *d, enum draft_word w);
/* The domain's case does not count, the local part's does (but for
 * Postmaster, RFC 5321 4.5.1). */
bool draft_has(const struct draft *d, struct str address);
MUST_CHECK int draft_rcpt(
    struct draft *d, struct str address, struct str orcpt, uint8_t notify);
const char *draft_rcpt_at(const struct draft *d, uint32_t i);
void draft_rcpt_deliver(struct draft *d, uint32_t i, uint16_t delivery);
/* A new envelope of the words and recipients; the rest is as in base. */
struct envelope *draft_envelope(
    const struct draft *d, const struct envelope *base);

#endif

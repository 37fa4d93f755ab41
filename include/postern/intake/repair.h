/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/repair - the header of a submitted message made whole (RFC 6409 8):
 * Date, Message-ID and From added behind what there is where they are missing,
 * addresses without a domain in From, Sender, To and Cc completed; or Bcc and
 * Resent-Bcc taken away.  All other bytes pass as they are; the result never
 * depends on how the input is cut.  Pure.
 *
 * At most REPAIR_FIELD_MAX bytes are held, and domains add no more than that to
 * a message: an address field beyond either passes as it is, and repair_left()
 * tells.
 */
#ifndef INTAKE_REPAIR_H
#define INTAKE_REPAIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"

#define REPAIR_FIELD_MAX (16u << 10)
/* More bytes than came in that one call may add. */
#define REPAIR_GROWTH_MAX (2 * REPAIR_FIELD_MAX + 4096)

struct repair_settings {
	bool complete;        /* what is missing is added */
	bool remove_bcc;      /* Bcc and Resent-Bcc go */
	const char *hostname; /* in Message-ID */
	const char *domain;   /* of addresses without one */
	const char *sender;   /* of the envelope; "": no From is made of it */
	uint64_t mid;
	int64_t now_ms; /* wall clock */
};

struct repair;
/* The settings' texts are borrowed. */
struct repair *repair_new(const struct repair_settings *s);
void repair_free(struct repair **r);
/* Adds to out what n bytes become; out has room for n and
 * REPAIR_GROWTH_MAX. */
void repair_feed(struct repair *r, const char *p, size_t n, struct buf *out);
void repair_end(struct repair *r, struct buf *out);
/* The header has passed: what follows is the body, and as it should be. */
bool repair_is_over(const struct repair *r);
/* Why a field was left alone, NULL: none was; *name: its name. */
const char *repair_left(const struct repair *r, const char **name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/wishes - what a sender asks for besides delivery, and what of it is
 * granted: a priority (RFC 6710), a time of release (RFC 4865), a deadline (RFC
 * 2852).  Pure.
 */
#ifndef INTAKE_WISHES_H
#define INTAKE_WISHES_H

#include <stdbool.h>
#include <stdint.h>

struct intake_from;
struct smtp_mail;
struct smtp_reply;

struct wishes {
	int8_t priority;    /* -9 to 9, granted */
	bool is_lowered;    /* more was asked for */
	int64_t release_ms; /* 0: at once */
	int64_t by_ms;      /* BY=; 0: none */
	uint32_t by_flags;  /* of enum envelope_flag */
};

void wishes_take(struct wishes *w, const struct smtp_mail *m,
    const struct intake_from *from, int64_t now_ms);
/* "2026-11-24T00:10:01Z;RT"; with by_ms only. */
void wishes_by_text(const struct wishes *w, char out[48]);
/* The queue's priority (enum spool_priority); usual: without a wish. */
uint8_t wishes_priority(const struct wishes *w, uint8_t usual);
/* The 250 of a message that is durable. */
void wishes_reply(
    const struct wishes *w, const char *id, struct smtp_reply *reply);

#endif

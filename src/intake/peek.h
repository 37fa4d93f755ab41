/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/peek - hands over the header fields that somebody wants to see, while
 * content passes (RFC 5322 2.2): their values unfolded, each run of white space
 * one space, none at the ends, cut at PEEK_VALUE_MAX.  Of a message's fields no
 * more than PEEK_FIELDS_MAX are handed over, so that nobody makes us look at a
 * header of megabytes.  Pure; the result never depends on how the input is
 * cut.
 */
#ifndef INTAKE_PEEK_H
#define INTAKE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/base/str.h"
#include "postern/mail/header_name.h"

#define PEEK_VALUE_MAX 2048u
#define PEEK_FIELDS_MAX 100u

struct peek_hooks {
	bool (*wants)(void *arg, struct str name);
	void (*field)(void *arg, struct str name, struct str value);
};

struct peek {
	const struct peek_hooks *hooks;
	void *arg;
	struct header_name line;
	uint8_t name_len;
	bool in_line;  /* of that it is known what it begins with */
	bool is_open;  /* a field that is wanted has begun */
	bool is_space; /* white space stands before its next byte */
	bool is_full;  /* the rest of its value is left out */
	bool is_over;  /* what follows is the body */
	uint32_t nfields;
	char name[HEADER_FIELD_MAX]; /* of the field that is open */
	struct buf value;
};

void peek_init(struct peek *k, const struct peek_hooks *hooks, void *arg);
void peek_feed(struct peek *k, const char *p, size_t n);
void peek_end(struct peek *k); /* no more content comes */
void peek_done(struct peek *k);

#endif

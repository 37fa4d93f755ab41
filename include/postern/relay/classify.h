/* SPDX-License-Identifier: Apache-2.0 */
/*
 * relay/classify - what a reply of a provider would do, told in words: for the
 * operator who reads one in the log, or writes a pattern for it.
 */
#ifndef RELAY_CLASSIFY_H
#define RELAY_CLASSIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/base/err.h"
#include "postern/base/str.h"
#include "postern/smtp/outcome.h"

struct relay_provider;
struct relay_reply;

struct classify_question {
	const struct relay_provider *provider;
	enum outcome_stage stage;
	struct str reply; /* whole, codes included */
	bool used;        /* on a session that has carried messages before */
	int64_t now_ms;   /* wall clock */
};

struct classify {
	const char *class;
	const struct relay_reply *pattern; /* the provider's, or NULL */
	char *rule; /* owned: the built-in rule in words, or NULL */
	const char *recipient, *message, *session; /* what happens to each */
	char provider[160];
	uint64_t wait_ms; /* 0: none is asked for */
	bool is_alert;    /* a person has to look */
};

/* The transaction is taken to have two recipients, one of them accepted. */
MUST_CHECK int classify_reply(
    struct classify *c, const struct classify_question *q, struct err *err);
void classify_done(struct classify *c);

#endif

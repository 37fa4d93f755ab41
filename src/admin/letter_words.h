/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admin/letter_words - the words of a message's JSON, both ways.
 */
#ifndef ADMIN_LETTER_WORDS_H
#define ADMIN_LETTER_WORDS_H

#include <stddef.h>

#include "postern/base/str.h"
#include "postern/spool/envelope.h"

#define LETTER_WORDS_VERSION 1

struct letter_word {
	const char *word;
	unsigned value;
};

static const struct letter_word letter_flags[] = {
	{ "8bitmime", ENVELOPE_8BITMIME },
	{ "smtputf8", ENVELOPE_SMTPUTF8 },
	{ "body-8bit", ENVELOPE_BODY_8BIT },
	{ "header-8bit", ENVELOPE_HEADER_8BIT },
	{ "ret-full", ENVELOPE_RET_FULL },
	{ "ret-hdrs", ENVELOPE_RET_HDRS },
	{ "notice", ENVELOPE_NOTICE },
	{ "requiretls", ENVELOPE_REQUIRETLS },
	{ "auth", ENVELOPE_AUTH },
	{ "binary", ENVELOPE_BINARY },
	{ "by-return", ENVELOPE_BY_RETURN },
	{ "by-trace", ENVELOPE_BY_TRACE },
	{ "revived", ENVELOPE_REVIVED },
	{ NULL, 0 },
};

static const struct letter_word letter_notify[] = {
	{ "never", ENVELOPE_NOTIFY_NEVER },
	{ "success", ENVELOPE_NOTIFY_SUCCESS },
	{ "failure", ENVELOPE_NOTIFY_FAILURE },
	{ "delay", ENVELOPE_NOTIFY_DELAY },
	{ NULL, 0 },
};

static const struct letter_word letter_states[] = {
	/* of a recipient */
	{ "queued", ENVELOPE_QUEUED },
	{ "delivered", ENVELOPE_DELIVERED },
	{ "dead", ENVELOPE_DEAD },
	{ "doubt", ENVELOPE_DOUBT },
	{ NULL, 0 },
};

#endif

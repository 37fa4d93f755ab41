/* SPDX-License-Identifier: Apache-2.0 */
/*
 * intake/intake_state - what the files of intake share: intake.c (a message's
 * way) and intake_log.c.
 */
#ifndef INTAKE_INTAKE_STATE_H
#define INTAKE_INTAKE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/base/buf.h"
#include "postern/intake/policy.h"
#include "postern/mail/header.h"
#include "postern/mail/message.h"
#include "postern/spool/spool_ops.h"

#include "intake/content.h"
#include "intake/draft.h"
#include "intake/quota.h"
#include "intake/routing.h"
#include "intake/wishes.h"

struct intake_hooks;
struct repair;
struct rules;

struct intake {
	struct content_pool pool;
	struct rules *rules; /* the newest generation */
	struct buf field;    /* Received in the making */
	struct quota_book quotas;
	struct buf repaired; /* what a repair has made of the last bytes */
};

enum message_phase {
	MESSAGE_ENVELOPE,   /* between MAIL and the content */
	MESSAGE_CONTENT,    /* bytes come in */
	MESSAGE_STAGING,    /* whole; slices are not answered yet */
	MESSAGE_COMMITTING, /* the accept operation is under way */
	MESSAGE_GONE,       /* given up, but slices are not answered yet */
};

struct intake_message {
	uint32_t magic;
	enum message_phase phase;
	struct intake *in;
	struct rules *rules;
	const struct intake_hooks *hooks; /* NULL: forgotten */
	void *arg;
	uint64_t session;
	char drop[SPOOL_DROP_MAX]; /* or "" */
	struct policy policy;      /* its parts are borrowed until the end */
	const struct policy *user_policy; /* or NULL; the same */
	uint64_t wait_ms;                 /* before the last reply is given */
	struct draft draft;
	size_t words_taken; /* bytes of the budget */
	uint32_t flags;     /* enum envelope_flag */
	bool is_binary;     /* may be, the client says */
	struct wishes wishes;
	struct routing routing;
	struct quota quota;
	/* from the content on */
	uint64_t mid;
	uint64_t size; /* as the client sent it, without our Received */
	uint64_t total;
	uint32_t crc;
	bool is_too_big;
	struct repair *repair; /* owned; while the header passes, or NULL */
	struct message_scan scan;
	struct header_scan header;
	struct spool_delivery *deliveries; /* owned; from the end on */
	struct content content;
};

#endif

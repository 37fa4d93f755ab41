/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The first octet is the stage, the second what the session has seen, the rest
 * a reply.  Whatever it says: no refusal for now fails a message or recipient,
 * nothing before MAIL is a message's, a wait is a day at most, and the
 * provider's id is a word of the reply.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "postern/smtp/outcome.h"
#include "relay/receipt.h"
#include "relay/verdict.h"
#include "relay/wait_hint.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_verdict(const struct outcome *o, const struct verdict_context *ctx)
{
	struct verdict v = verdict_of(o, ctx);
	const struct verdict_row *row = verdict_row(v.class);
	bool fails = row->message == VERDICT_TO_FAIL;

	assert(v.class < VERDICT_CLASSES && row->name);
	assert(v.wait_ms <= WAIT_HINT_MAX_MS);
	assert((v.class == VERDICT_OK) == (o->code >= 200 && o->code < 400));
	assert(!fails || o->code >= 500);
	assert(row->message != VERDICT_TO_DEAD && v.class != VERDICT_UNSURE);
	if (v.class != VERDICT_OK && o->stage <= OUTCOME_AUTH)
		assert(row->is_trouble);
	if (v.class == VERDICT_RCPT || v.class == VERDICT_RCPT_TEMP)
		assert(o->stage == OUTCOME_RCPT);
	if (v.class == VERDICT_SPLIT)
		assert(ctx->nrcpts > 1);
	if (v.class == VERDICT_STALE || v.class == VERDICT_RECYCLE)
		assert(ctx->messages > 0 || o->stage == OUTCOME_IDLE);
}

static void
check_receipt(const char *text)
{
	char id[RECEIPT_MAX];

	receipt_read(id, text);
	assert(strlen(id) < RECEIPT_MAX && strstr(text, id));
	assert(!strpbrk(id, " \t\r\n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct verdict_context ctx = { .now_ms = 1795512672000 };
	struct outcome o;
	struct err err;

	if (size < 2)
		return 0;
	ctx.messages = data[1] & 3;
	ctx.accepted = (data[1] >> 2) & 1;
	ctx.nrcpts = ctx.accepted + 1;
	if (outcome_parse(&o, (enum outcome_stage)(data[0] % OUTCOME_STAGES),
	        (struct str){ (const char *)data + 2, size - 2 }, &err) != 0)
		return 0;
	check_verdict(&o, &ctx);
	check_receipt(o.text);
	return 0;
}

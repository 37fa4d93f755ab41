/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/classify.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "postern/relay/relay.h"

#include "relay/verdict.h"

static const char *const to_message[] = {
	[VERDICT_TO_DONE] = "goes on",
	[VERDICT_TO_SAME] = "goes out again at once, at this provider; no "
	                    "attempt is counted",
	[VERDICT_TO_NEXT] = "goes to the next provider at once, or waits for "
	                    "this one; no attempt is counted, none bounces",
	[VERDICT_TO_REST] = "goes out to the recipients that are left in the "
	                    "next transaction",
	[VERDICT_TO_OTHER] = "goes to the next provider; dead, with a bounce, "
	                     "only where all refuse it",
	[VERDICT_TO_LATER] = "goes to the next provider; where none is left "
	                     "it waits by retry, and an attempt is counted",
	[VERDICT_TO_SUSPECT] = "waits by retry; the third time it is held",
	[VERDICT_TO_WAIT] = "waits by retry, and nobody else is asked",
	[VERDICT_TO_FAIL] = "is dead, with a bounce; nobody else is asked",
	[VERDICT_TO_DEAD] = "is dead, without a bounce",
};

static const char *
of_recipient(const struct verdict_row *row, enum outcome_stage stage)
{
	if (stage < OUTCOME_MAIL || stage > OUTCOME_DOT)
		return "none is concerned";
	if (stage != OUTCOME_RCPT)
		return "shares the message's fate, if it was accepted";
	switch (row->message) {
	case VERDICT_TO_DONE:
		return "is accepted; the final dot decides";
	case VERDICT_TO_WAIT:
		return "waits by retry, and nobody else is asked";
	case VERDICT_TO_FAIL:
		return "is dead, with a bounce";
	default:
		return "goes where the message goes";
	}
}

static const char *
of_message(const struct verdict_row *row, enum outcome_stage stage)
{
	if (stage == OUTCOME_RCPT && (row->message == VERDICT_TO_WAIT ||
	                                 row->message == VERDICT_TO_FAIL))
		return "goes on with its other recipients";
	return to_message[row->message];
}

static const char *
of_session(enum verdict_class c, const struct outcome *o)
{
	if (o->code == 421 || c == VERDICT_STALE || c == VERDICT_RECYCLE)
		return "ends";
	if (o->stage < OUTCOME_MAIL && c != VERDICT_OK)
		return "is given up";
	return "stays";
}

static void
of_provider(struct classify *c, const struct verdict_row *row)
{
	static const char *const words[] = {
		[VERDICT_HEALTHY] = "is well",
		[VERDICT_NEUTRAL] = "is judged neither way",
		[VERDICT_FAILS] = "has failed once; its breaker counts",
		[VERDICT_SLOWS] = "sends more slowly",
		[VERDICT_CLOSES] = "is closed until it allows more",
		[VERDICT_CROWDED] = "gets fewer sessions",
		[VERDICT_SHORTENS] = "gets fewer messages a session",
	};

	if (row->provider != VERDICT_OPENS)
		snprintf(c->provider, sizeof c->provider, "%s",
		    words[row->provider]);
	else
		snprintf(c->provider, sizeof c->provider,
		    "rests for %" PRIu64 " minutes, again and again up to "
		    "%" PRIu64 "; an alert is logged",
		    row->open_ms / 60000, row->open_max_ms / 60000);
}

static char *
rule_of(const struct verdict *v)
{
	char *text = NULL;
	size_t n;
	FILE *f;

	if (!v->rule)
		return NULL;
	f = open_memstream(&text, &n);
	if (!f)
		return NULL;
	verdict_rule_text(v->rule, f);
	(void)fclose(f);
	return text;
}

int
classify_reply(
    struct classify *c, const struct classify_question *q, struct err *err)
{
	struct verdict_context ctx = { .messages = q->used ? 1 : 0,
		.accepted = 1,
		.nrcpts = 2,
		.now_ms = q->now_ms,
		.nreplies = q->provider->nreplies,
		.replies = q->provider->replies };
	const struct verdict_row *row;
	struct outcome o;
	struct verdict v;

	if (outcome_parse(&o, q->stage, q->reply, err) != 0)
		return -1;
	v = verdict_of(&o, &ctx);
	row = verdict_row(v.class);
	*c = (struct classify){ .class = row->name,
		.pattern = v.pattern,
		.rule = rule_of(&v),
		.recipient = of_recipient(row, q->stage),
		.message = of_message(row, q->stage),
		.session = of_session(v.class, &o),
		.wait_ms = v.wait_ms,
		.is_alert = row->is_alert };
	of_provider(c, row);
	return 0;
}

void
classify_done(struct classify *c)
{
	free(c->rule);
	c->rule = NULL;
}

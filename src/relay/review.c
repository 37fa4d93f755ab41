/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/review.h"

#include "postern/base/crc32c.h"
#include "postern/base/str.h"
#include "postern/smtp/outcome.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/doubt.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_session.h"
#include "relay/suspect.h"
#include "relay/verdict.h"

bool
review_is_loss(const struct verdict *v, const struct outcome *o)
{
	return o->stage >= OUTCOME_MAIL && o->stage <= OUTCOME_DOT &&
	       (v->class == VERDICT_NET || v->class == VERDICT_BACKOFF ||
	           v->class == VERDICT_UNSURE);
}

/* A message was refused for good, by stage and digit alone. */
static bool
is_unknown_refusal(const struct verdict *v, const struct outcome *o)
{
	return v->is_guess && o->code >= 500 && o->stage >= OUTCOME_MAIL &&
	       o->stage <= OUTCOME_DOT && o->stage != OUTCOME_RCPT;
}

bool
review_is_of_recipients(const struct outcome *o)
{
	return o->stage == OUTCOME_RCPT && o->io == OUTCOME_REPLY &&
	       o->code != 421;
}

/* Nobody at all, for good, and in no words about recipients. */
static bool
is_unknown_rejection(const struct delivery *d, const struct outcome *o)
{
	return review_is_of_recipients(o) && d->nguessed == d->txn.nrcpts;
}

/* Nobody at all, for now, and in no words about recipients. */
static bool
is_unknown_delay(
    const struct verdict *v, const struct delivery *d, const struct outcome *o)
{
	return review_is_of_recipients(o) && v->class == VERDICT_RCPT_TEMP &&
	       v->is_guess && delivery_count(d, DELIVERY_LATER) == d->nrcpts;
}

static enum verdict_class
class_of_refusal(struct strange *s, enum verdict_class said, struct str sender)
{
	switch (strange_note(s, crc32c(0, sender.p, sender.len))) {
	case STRANGE_NOT:
		break;
	case STRANGE_PERHAPS:
		return VERDICT_DEFERRED;
	case STRANGE_IS:
		return VERDICT_STRANGE;
	}
	return said;
}

void
review_verdict(struct verdict *v, const struct delivery *d,
    const struct relay_session *s, const struct outcome *o)
{
	struct relay *r = d->relay;
	struct provider *p = s->provider;
	struct str sender = str_of(d->env->sender);

	if (v->class == VERDICT_OK) {
		strange_clear(&p->seen.strange);
		p->ok_ms = relay_now_ms(r);
	} else if (review_is_loss(v, o)) {
		/* Judged already: it was lost under the message before. */
		if (!s->judged && !doubt_is(d, o) &&
		    suspect_lost(r->suspect, d->key.mid, d->key.n,
		        relay_now_ms(r), p->ok_ms))
			v->class = VERDICT_POISON;
	} else if (is_unknown_refusal(v, o) || is_unknown_rejection(d, o)) {
		v->class = class_of_refusal(&p->seen.strange, v->class, sender);
	} else if (is_unknown_delay(v, d, o)) {
		if (strange_note_later(&p->seen.strange))
			v->class = VERDICT_BACKOFF;
	}
}

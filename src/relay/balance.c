/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/balance.h"

#include "postern/relay/relay.h"
#include "postern/smtp/smtp_client.h"
#include "postern/spool/envelope.h"

#include "relay/delivery.h"
#include "relay/identity.h"
#include "relay/provider.h"
#include "relay/relay_core.h"

/* A deadline: does it know of such, and is that soon enough for it? */
static bool
meets(const struct delivery *d, const struct provider *p, uint32_t caps)
{
	return (caps & SMTP_CAP_DELIVERBY) != 0 &&
	       delivery_by_s(d) >= (int64_t)p->said.by_s;
}

static enum spool_hold
lacks(const struct delivery *d, const struct provider *p, uint32_t caps,
    uint64_t size_max)
{
	uint64_t size = d->env->size;

	caps &= ~p->set->disable;
	if (p->set->max_size > 0 && size > p->set->max_size)
		return SPOOL_HOLD_SIZE;
	if ((d->needs & DELIVERY_NEEDS_TLS) && p->set->tls != RELAY_TLS_VERIFY)
		return SPOOL_HOLD_REQUIRETLS;
	if (!p->is_known)
		return SPOOL_HOLD_NONE;
	if ((d->needs & DELIVERY_NEEDS_TLS) && !(caps & SMTP_CAP_REQUIRETLS))
		return SPOOL_HOLD_REQUIRETLS;
	if ((d->needs & DELIVERY_NEEDS_BY) && !meets(d, p, caps))
		return SPOOL_HOLD_DELIVERBY;
	if (size_max > 0 && size > size_max)
		return SPOOL_HOLD_SIZE;
	if ((d->needs & DELIVERY_NEEDS_UTF8) && !(caps & SMTP_CAP_SMTPUTF8))
		return SPOOL_HOLD_SMTPUTF8;
	if ((d->needs & DELIVERY_NEEDS_BINARY) &&
	    (caps & SMTP_CAPS_BINARY) != SMTP_CAPS_BINARY)
		return SPOOL_HOLD_BINARY;
	if ((d->needs & DELIVERY_NEEDS_8BIT) && !(caps & SMTP_CAP_8BITMIME) &&
	    !p->set->eight_bit_pass)
		return SPOOL_HOLD_8BIT;
	return SPOOL_HOLD_NONE;
}

enum spool_hold
balance_lacks(const struct delivery *d, const struct provider *p)
{
	return lacks(d, p, p->caps, p->size_max);
}

/* Its last session could not, but one shortly before could. */
static bool
was_able(const struct delivery *d, const struct provider *p)
{
	return p->had_until_ms > 0 && !delivery_was_refused(d, p) &&
	       lacks(d, p, p->had_caps, p->had_size_max) == SPOOL_HOLD_NONE;
}

static bool
is_able(const struct delivery *d, const struct provider *p)
{
	return balance_lacks(d, p) == SPOOL_HOLD_NONE &&
	       !delivery_was_refused(d, p);
}

static bool
is_candidate(struct relay *r, const struct delivery *d, struct provider *p)
{
	return provider_is_usable(p, relay_now_ms(r)) &&
	       !delivery_has_tried(d, p) && is_able(d, p);
}

static struct provider *
preferred(struct relay *r, const struct delivery *d)
{
	for (size_t i = 0; d->prefer && i < r->nproviders; i++) {
		struct provider *p = r->providers[i];

		if (p->id == d->prefer && is_candidate(r, d, p))
			return p;
	}
	return NULL;
}

/* One that refused this sender lately is asked when nobody else is left. */
struct provider *
balance_pick(struct relay *r, const struct delivery *d)
{
	struct provider *last = NULL;
	struct provider *p = preferred(r, d);

	if (p || d->nround >= DELIVERY_ROUND)
		return p;
	for (size_t i = 0; i < r->nproviders; i++) {
		p = r->providers[i];
		if (!is_candidate(r, d, p))
			continue;
		if (!identity_is_refused(
		        r->identity, p->id, d->env->sender, relay_now_ms(r)))
			return p;
		if (!last)
			last = p;
	}
	return last;
}

struct provider *
balance_first(struct relay *r)
{
	for (size_t i = 0; i < r->nproviders; i++) {
		if (provider_is_usable(r->providers[i], relay_now_ms(r)))
			return r->providers[i];
	}
	return NULL;
}

struct balance_view
balance_look(struct relay *r, const struct delivery *d)
{
	struct balance_view v = { 0 };

	for (size_t i = 0; i < r->nproviders; i++) {
		struct provider *p = r->providers[i];
		bool usable = provider_is_usable(p, relay_now_ms(r));
		enum spool_hold hold = balance_lacks(d, p);

		v.usable += usable;
		if (hold != SPOOL_HOLD_NONE) {
			v.lacks = hold;
			v.able += was_able(d, p);
		} else if (!delivery_was_refused(d, p)) {
			v.able++;
			v.able_usable += usable;
		}
	}
	return v;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/halt.h"

#include <string.h>

#include "postern/base/clock.h"

#include "relay/credential.h"
#include "relay/dispatch.h"
#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/relay_log.h"
#include "relay/remember.h"

bool
halt_is_over(const struct halt *h, uint64_t now_ms)
{
	return now_ms >= h->until_ms;
}

static void
begin(struct provider *p, const struct halt *h)
{
	p->halt = *h;
	p->told_down = p->was_down = true;
	relay_log_provider_paused(p);
}

void
halt_begin(struct provider *p, uint64_t for_ms, uint32_t uid)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	struct halt h = { .uid = uid, .since_ms = clock_wall_ms() };

	h.until_ms = for_ms > 0 ? now_ms + for_ms : UINT64_MAX;
	begin(p, &h);
	provider_logins_cut(p, pool_logging_in(&p->pool));
	pool_halt(p);
	remember_put(p, true);
	dispatch_evict(p);
	relay_kick(p->relay);
}

void
halt_end(struct provider *p, uint32_t uid)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	relay_log_provider_resumed(p, uid);
	p->halt = (struct halt){ 0 };
	breaker_init(&p->health);
	p->rate = p->quota = (struct pause){ 0 };
	memset(p->bad_login_ms, 0, sizeof p->bad_login_ms);
	credential_renew(p);
	remember_put(p, true);
	(void)provider_is_usable(p, now_ms); /* says so */
	relay_kick(p->relay);
}

void
halt_inherit(struct provider *p, const struct provider *old)
{
	if (halt_is_over(&old->halt, relay_now_ms(p->relay)))
		return;
	p->halt = old->halt;
	p->told_down = p->was_down = true;
	remember_put(p, false);
}

void
halt_recall(struct provider *p, const struct halt *h)
{
	if (!halt_is_over(h, relay_now_ms(p->relay)))
		begin(p, h);
}

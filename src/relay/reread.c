/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file is small and read in the relay's thread, with the rights that a
 * reload has; one that cannot be read changes nothing.
 */
#include "relay/reread.h"

#include <string.h>

#include "postern/base/secret.h"
#include "postern/relay/relay.h"

#include "relay/provider.h"
#include "relay/relay_log.h"

#define LOOK_MS 10000

static bool
can_change(const struct provider *p)
{
	enum secret_source_kind kind = p->set->password_source.kind;

	return kind == SECRET_SOURCE_FILE || kind == SECRET_SOURCE_CREDENTIAL;
}

static bool
same(const struct secret *a, const struct secret *b)
{
	return str_eq(secret_str(a), secret_str(b));
}

static bool
has_changed(struct provider *p)
{
	struct secret *now = NULL;
	struct err err;

	if (secret_source_read(&now, &p->set->password_source, &err) != 0)
		return false;
	if (same(now, p->password)) {
		secret_free(&now);
		return false;
	}
	secret_free(&p->password);
	p->password = now;
	relay_log_password(p);
	return true;
}

bool
reread_refused(struct provider *p, const struct secret *refused)
{
	if (!can_change(p))
		return false;
	return !same(p->password, refused) || has_changed(p);
}

static bool
is_left_for_it(const struct provider *p, uint64_t now_ms)
{
	return !p->retired && p->why == VERDICT_AUTH && can_change(p) &&
	       (p->health.state != BREAKER_CLOSED ||
	           provider_logins(p, now_ms) == 0);
}

void
reread_look(struct provider *p, uint64_t now_ms)
{
	if (now_ms < p->reread_ms || !is_left_for_it(p, now_ms))
		return;
	p->reread_ms = now_ms + LOOK_MS;
	if (!has_changed(p))
		return;
	memset(p->bad_login_ms, 0, sizeof p->bad_login_ms);
	breaker_hasten(&p->health, now_ms);
}

uint64_t
reread_wake_ms(const struct provider *p, uint64_t now_ms)
{
	if (!is_left_for_it(p, now_ms))
		return 0;
	return p->reread_ms > now_ms ? p->reread_ms : now_ms + LOOK_MS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "relay/credential.h"

#include <stdio.h>

#include "postern/base/secret.h"
#include "postern/relay/relay.h"

#include "relay/provider.h"
#include "relay/reread.h"
#include "relay/tokens.h"

enum credential_state
credential_get(
    struct provider *p, struct credential *c, void (*fn)(void *arg), void *arg)
{
	struct token_got got;
	enum oauth_wanted w;

	*c = (struct credential){ .is_token = p->account != NULL };
	if (!p->account) {
		c->secret = secret_ref(p->password);
		return CREDENTIAL_READY;
	}
	w = tokens_get(p->account, &got, fn, arg);
	if (w == OAUTH_WAIT)
		return CREDENTIAL_WAIT;
	c->secret = got.token;
	c->trying = w == OAUTH_READY ? p->account : NULL;
	c->serial = got.serial;
	c->is_dead = got.is_dead;
	(void)snprintf(c->why, sizeof c->why, "%s", got.why);
	return w == OAUTH_READY ? CREDENTIAL_READY : CREDENTIAL_FAILED;
}

uint64_t
credential_wake_ms(const struct provider *p)
{
	return p->account ? tokens_wake_ms(p->account) : 0;
}

bool
credential_is_dead(const struct provider *p)
{
	return p->account && tokens_is_dead(p->account);
}

void
credential_renew(struct provider *p)
{
	if (p->account)
		tokens_renew(p->account);
}

void
credential_forget(struct provider *p, const void *arg)
{
	if (p->account)
		tokens_forget(p->account, arg);
}

bool
credential_refused(struct provider *p, const struct credential *c)
{
	return c->is_token ? tokens_refused(p->account, c->serial)
	                   : reread_refused(p, c->secret);
}

void
credential_accepted(struct provider *p, const struct credential *c)
{
	if (c->is_token)
		tokens_accepted(p->account, c->serial);
}

void
credential_done(struct credential *c)
{
	secret_free(&c->secret);
	if (c->trying)
		tokens_tried(c->trying);
	c->trying = NULL;
}

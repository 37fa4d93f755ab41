/* SPDX-License-Identifier: Apache-2.0 */
#include "postern/relay/oauth.h"

#include <stdio.h>

#define AHEAD_MS 60000                     /* at least so long before it ends */
#define SHORT_MS 120000                    /* of such a life: at half of it */
#define LIFE_MIN_MS 1000                   /* else every login would ask */
#define LIFE_MAX_MS (30ull * 86400 * 1000) /* nobody means more */
#define IDLE_MS                                                                \
	(7ull * 86400 * 1000) /* Google forgets grants that were               \
	                         not used for six months, Microsoft            \
	                         after 90 days */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS (5 * 60 * 1000)
#define RETRY_AFTER_MAX_MS (3600 * 1000)
#define PARKED_MS (5 * 60 * 1000)
#define PARKED_MAX_MS (3600 * 1000)
#define TRIES 2 /* of a token that is refused */

/* A little earlier each time, so that accounts do not ask all at once. */
static uint64_t
ahead_ms(uint64_t life_ms, uint64_t rnd)
{
	uint64_t ahead = life_ms / 10 > AHEAD_MS ? life_ms / 10 : AHEAD_MS;

	if (life_ms < SHORT_MS || ahead > life_ms / 2)
		ahead = life_ms / 2;
	return ahead + rnd % (life_ms / 20 + 1);
}

static void
hold(struct oauth *o, uint64_t expires_ms, uint64_t got_ms)
{
	o->has = true;
	o->used = false;
	o->serial++;
	o->refused = 0;
	o->expires_ms = expires_ms;
	o->got_ms = got_ms;
}

void
oauth_got(struct oauth *o, uint64_t lifetime_ms, uint64_t now_ms, uint64_t rnd)
{
	uint64_t life = lifetime_ms;

	if (life < LIFE_MIN_MS)
		life = LIFE_MIN_MS;
	if (life > LIFE_MAX_MS)
		life = LIFE_MAX_MS;
	hold(o, now_ms + life, now_ms);
	o->refresh_ms = o->expires_ms - ahead_ms(life, rnd);
	o->asking = o->parked = false;
	o->failures = 0;
	o->next_ms = 0;
	o->why[0] = '\0';
}

void
oauth_recall(
    struct oauth *o, uint64_t left_ms, uint64_t age_ms, uint64_t now_ms)
{
	hold(o, now_ms + (left_ms > LIFE_MAX_MS ? LIFE_MAX_MS : left_ms),
	    now_ms > age_ms ? now_ms - age_ms : 0);
	o->refresh_ms = o->expires_ms > now_ms + AHEAD_MS
	                    ? o->expires_ms - AHEAD_MS
	                    : now_ms;
}

enum oauth_wanted
oauth_want(struct oauth *o, uint64_t now_ms)
{
	if (o->has && now_ms < o->expires_ms) {
		o->used = true;
		return OAUTH_READY;
	}
	if (o->asking)
		return OAUTH_WAIT;
	return now_ms >= o->next_ms ? OAUTH_ASK : OAUTH_FAILED;
}

uint64_t
oauth_wake_ms(const struct oauth *o, uint64_t now_ms)
{
	bool good = o->asking || (o->has && now_ms < o->expires_ms);

	return good || now_ms >= o->next_ms ? 0 : o->next_ms;
}

uint64_t
oauth_due_ms(const struct oauth *o, enum oauth_grant grant)
{
	uint64_t at = UINT64_MAX;

	if (o->asking || o->parked)
		return UINT64_MAX;
	if (o->has && o->used)
		at = o->refresh_ms;
	else if (grant == OAUTH_REFRESH_TOKEN)
		at = o->got_ms + IDLE_MS;
	return at > o->next_ms ? at : o->next_ms;
}

void
oauth_asked(struct oauth *o)
{
	o->asking = true;
}

static void
tell(struct oauth *o, const char *why)
{
	(void)snprintf(o->why, sizeof o->why, "%s", why);
}

void
oauth_later(struct oauth *o, const char *why, uint64_t wait_ms, uint64_t now_ms,
    uint64_t rnd)
{
	uint64_t most = BACKOFF_MAX_MS;

	o->asking = false;
	if (o->failures < 8)
		most = (uint64_t)BACKOFF_MS << o->failures;
	if (most > BACKOFF_MAX_MS)
		most = BACKOFF_MAX_MS;
	if (wait_ms > RETRY_AFTER_MAX_MS)
		wait_ms = RETRY_AFTER_MAX_MS;
	o->failures++;
	o->next_ms = now_ms + BACKOFF_MS / 2 + (wait_ms ? wait_ms : rnd % most);
	tell(o, why);
}

bool
oauth_denied(struct oauth *o, const char *why, uint64_t now_ms)
{
	bool news = !o->parked;
	uint64_t wait = PARKED_MAX_MS;

	if (news)
		o->failures = 0;
	if (o->failures < 4)
		wait = (uint64_t)PARKED_MS << o->failures;
	o->failures++;
	o->asking = false;
	o->parked = true;
	o->next_ms = now_ms + (wait > PARKED_MAX_MS ? PARKED_MAX_MS : wait);
	tell(o, why);
	return news;
}

/* One that another session had: there is a newer one, or will be. */
bool
oauth_refused(struct oauth *o, uint64_t serial)
{
	bool again = !o->forced;

	if (serial != o->serial)
		return true;
	if (!o->has)
		return o->asking;
	o->refused++;
	if (again || o->refused >= TRIES)
		o->has = false;
	o->forced = true;
	if (again)
		o->next_ms = 0;
	return again;
}

void
oauth_accepted(struct oauth *o, uint64_t serial)
{
	if (serial != o->serial)
		return;
	o->refused = 0;
	o->forced = false;
}

void
oauth_renew(struct oauth *o)
{
	o->has = o->parked = o->forced = false;
	o->failures = 0;
	o->next_ms = 0;
	o->why[0] = '\0';
}

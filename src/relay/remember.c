/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The record: version, state of the breaker, two bytes of a digest of the
 * account's settings (too little to tell a password by), the class of the last
 * opening, then numbers of 8 bytes, the highest byte first.  Times are the wall
 * clock's there and the monotonic clock's in struct provider; a wall clock that
 * was set makes no opening longer than it was to be.  An operator's pause,
 * unlike the rest, holds for any account.
 */
#include "relay/remember.h"

#include <stdlib.h>
#include <string.h>

#include "postern/base/clock.h"
#include "postern/base/mem.h"
#include "postern/relay/relay.h"
#include "postern/smtp/digest.h"
#include "postern/spool/spool.h"

#include "relay/provider.h"
#include "relay/relay_core.h"
#include "relay/verdict.h"

#define VERSION 2
#define CLASS_MAX 16

enum number {
	UNTIL,
	LENGTH,
	CONNS,
	RCPTS,
	MESSAGES,
	LOGIN,
	LOGIN_LAST = LOGIN + PROVIDER_BAD_LOGINS - 1,
	SLOW,
	SLOW_LAST = SLOW + STALL_KINDS - 1,
	HALT_UNTIL, /* as in struct halt */
	HALT_SINCE,
	HALT_UID,
	NUMBERS
};

struct record {
	uint8_t version, is_open, account[2];
	char class[CLASS_MAX];
	uint8_t number[NUMBERS][8];
};

static const char *
or_none(const char *text)
{
	return text ? text : "";
}

/* Of TLS, with a pin or two. */
static char *
tls_text(const struct tls_client_settings *t)
{
	unsigned char pins[DIGEST_LEN] = { 0 };

	if (t->npins > 0)
		digest_sha256(pins, (struct str){ (const char *)t->pins,
		                        t->npins * TLS_PIN_LEN });
	return mem_printf("%s\n%s\n%s\n%s\n%s\n%02x%02x%02x",
	    or_none(t->ca_file), or_none(t->min_version), or_none(t->ciphers),
	    or_none(t->ciphersuites), or_none(t->own.certificate), pins[0],
	    pins[1], pins[2]);
}

/* What a person may have mended. */
static void
account(const struct provider *p, uint8_t out[2])
{
	const struct relay_provider *set = p->set;
	char *tls = tls_text(&set->tls_set);
	char *text = mem_printf("%u %d %d\n%s\n%s\n%s\n%s\n%s", set->port,
	    set->tls, set->implicit_tls, set->host, or_none(set->tls_name), tls,
	    or_none(set->auth), or_none(set->user));
	unsigned char digest[DIGEST_LEN];

	digest_sha256(digest, str_of(text));
	if (p->password)
		digest_hmac(digest, (struct str){ (char *)digest, DIGEST_LEN },
		    secret_str(p->password));
	memcpy(out, digest, 2);
	free(tls);
	free(text);
}

static void
put_number(struct record *r, int i, uint64_t v)
{
	for (int k = 8; k-- > 0; v >>= 8)
		r->number[i][k] = (uint8_t)v;
}

static uint64_t
get_number(const struct record *r, int i)
{
	uint64_t v = 0;

	for (int k = 0; k < 8; k++)
		v = v << 8 | r->number[i][k];
	return v;
}

/* 0 is never in both. */
static uint64_t
to_wall(const struct provider *p, uint64_t ms)
{
	uint64_t now_ms = relay_now_ms(p->relay);

	return ms ? (uint64_t)clock_wall_ms() + ms - now_ms : 0;
}

void
remember_put(const struct provider *p, bool now)
{
	struct record r = { .version = VERSION };

	if (p->retired)
		return; /* what is known is its successor's */
	r.is_open = p->health.state != BREAKER_CLOSED;
	account(p, r.account);
	strncpy(r.class, verdict_row(p->why)->name, CLASS_MAX - 1);
	put_number(&r, UNTIL, to_wall(p, p->health.until_ms));
	put_number(&r, LENGTH, p->health.length_ms);
	put_number(&r, CONNS, p->conns_max);
	put_number(&r, RCPTS, p->seen.rcpts_max);
	put_number(&r, MESSAGES, p->seen.messages_max);
	for (int i = 0; i < PROVIDER_BAD_LOGINS; i++)
		put_number(&r, LOGIN + i, to_wall(p, p->bad_login_ms[i]));
	for (int i = 0; i < STALL_KINDS; i++)
		put_number(&r, SLOW + i, p->stall.slow_x8[i]);
	put_number(&r, HALT_UNTIL,
	    p->halt.until_ms != UINT64_MAX ? to_wall(p, p->halt.until_ms)
	                                   : UINT64_MAX);
	put_number(&r, HALT_SINCE, (uint64_t)p->halt.since_ms);
	put_number(&r, HALT_UID, p->halt.uid);
	(now ? spool_health_keep : spool_health_put)(
	    p->relay->spool, p->set->name, &r, sizeof r);
}

/* Of a time that is over; 0: so long ago that it does not matter. */
static uint64_t
past_ms(const struct provider *p, uint64_t wall_ms)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t wall_now = (uint64_t)clock_wall_ms();
	uint64_t ago = wall_now > wall_ms ? wall_now - wall_ms : 0;

	if (wall_ms == 0 || ago >= PROVIDER_BAD_LOGINS_MS)
		return 0;
	return now_ms > ago ? now_ms - ago : 1;
}

static uint32_t
bound(uint64_t v)
{
	return v <= UINT32_MAX ? (uint32_t)v : 0;
}

static enum verdict_class
class_of(const char *name)
{
	for (int i = 0; i < VERDICT_CLASSES; i++) {
		const char *known = verdict_row((enum verdict_class)i)->name;

		if (strncmp(known, name, CLASS_MAX - 1) == 0)
			return (enum verdict_class)i;
	}
	return VERDICT_NET;
}

static void
learn(struct provider *p, const struct record *r)
{
	struct provider_learned had = {
		.conns = bound(get_number(r, CONNS)),
		.rcpts = bound(get_number(r, RCPTS)),
		.messages = bound(get_number(r, MESSAGES)),
	};
	uint64_t slow;

	provider_recall(p, &had);
	for (int i = 0; i < PROVIDER_BAD_LOGINS; i++)
		p->bad_login_ms[i] = past_ms(p, get_number(r, LOGIN + i));
	for (int i = 0; i < STALL_KINDS; i++) {
		slow = get_number(r, SLOW + i);
		p->stall.slow_x8[i] = slow <= UINT32_MAX ? slow : 0;
	}
}

/* A start is somebody's wish that it be tried, and an empty session does no
 * harm where the network was in the way; what protects the account waits. */
static uint64_t
left_ms(const struct record *r, enum verdict_class why)
{
	uint64_t wall_now = (uint64_t)clock_wall_ms();
	uint64_t until = get_number(r, UNTIL);

	if (verdict_row(why)->provider != VERDICT_OPENS)
		return 0;
	return until > wall_now ? until - wall_now : 0;
}

static void
recall_halt(struct provider *p, const struct record *r)
{
	uint64_t now_ms = relay_now_ms(p->relay);
	uint64_t wall_now = (uint64_t)clock_wall_ms();
	uint64_t until = get_number(r, HALT_UNTIL);
	uint64_t since = get_number(r, HALT_SINCE);
	struct halt h = { .uid = (uint32_t)get_number(r, HALT_UID),
		.since_ms = (int64_t)since };

	if (until == UINT64_MAX)
		h.until_ms = until;
	else if (until > wall_now && until > since)
		h.until_ms =
		    now_ms + until - (wall_now > since ? wall_now : since);
	halt_recall(p, &h);
}

void
remember_get(struct provider *p)
{
	enum verdict_class why;
	struct record r;
	uint8_t mine[2];
	size_t n = 0;

	if (spool_health_get(p->relay->reader, p->set->name, &r, sizeof r, &n) <
	        0 ||
	    n != sizeof r || r.version != VERSION)
		return;
	recall_halt(p, &r);
	account(p, mine);
	if (memcmp(mine, r.account, sizeof mine) != 0)
		return;
	learn(p, &r);
	if (!r.is_open)
		return;
	why = class_of(r.class);
	provider_reopen(p, why, left_ms(&r, why), get_number(&r, LENGTH));
}
